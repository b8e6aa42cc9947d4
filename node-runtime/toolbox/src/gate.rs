//! The gate: shared memory in which each guest process announces its next call and waits until it is granted.
//!
//! A memfd of a header and [`SLOTS`] slots, open in every guest at [`GATE_FD`]. A slot belongs to one process; its
//! futex word says whose turn it is. The guest writes the last answer and the next call ([`Message`]) and waits for
//! [`Word::Go`] (make the call yourself) or [`Word::Answer`] (here is the answer; sleep, clock, prompt). A message longer
//! than a slot goes in pieces. Shared futexes work across pid and user namespaces.
//!
//! The runner trusts nothing it reads here: lengths are bounded, and bytes are parsed.

use crate::os;
use engine::call::{IO_LIMIT_BYTES, Ret, Sys};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The descriptor at which every guest has the gate. High, so that no program meets it by chance.
pub const GATE_FD: RawFd = 1000;
/// The variable that tells a freshly executed guest its slot; taken out before the program sees its environment.
pub const SLOT_VARIABLE: &str = "DRYDOCK_SLOT=";
/// Processes that may be at the gate at once.
pub const SLOTS: u32 = 1024;
/// Namespaces whose numbers a run's guests may come to see: what they see of others is the number after the last.
pub const NAMESPACES_SEEN: usize = 448;

const HEADER_BYTES: usize = 4096;
/// Two groups for each hierarchy.
const GUARDED: usize = 16;
const SLOT_BYTES: usize = IO_LIMIT_BYTES + 16 * 1024;
const PIECE_BYTES: usize = SLOT_BYTES - 16;
pub const GATE_BYTES: usize = HEADER_BYTES + SLOT_BYTES * SLOTS as usize;
/// Longest message: a build context travels as one call.
const MESSAGE_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// What a guest says when it comes to the gate.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message<'a> {
    /// `last` is the answer to the call that was granted before; `None` when a program starts. A fork's child is left
    /// out of `next` (it stays in the guest, which will be it).
    Call { last: Option<Ret>, next: Cow<'a, Sys> },
    /// The guest cannot go on: a call gave what the vocabulary has no word for.
    Broken(String),
}

/// The futex word of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Word {
    /// Not in use, or its process has not come to the gate yet.
    Idle = 0,
    /// The guest has written a message, or a piece of one.
    Said = 1,
    /// The runner has read a piece: write the next.
    MorePlease = 2,
    /// The guest shall make its call.
    Go = 3,
    /// The guest is making its call.
    Running = 4,
    /// The runner has written the answer, or a piece of it.
    Answer = 5,
    /// The guest has read a piece of the answer.
    AnswerTaken = 6,
}

#[repr(C)]
#[derive(Debug)]
struct Header {
    /// Files changed since this time (seconds, wall clock) were written during the run.
    run_start_s: AtomicI64,
    /// How far CLOCK_MONOTONIC and CLOCK_BOOTTIME were behind the wall's clock when the gate was made.
    behind_wall_ns: [AtomicI64; 2],
    /// The inode numbers of the namespaces that guests have seen, in that order; 0 ends the list.
    namespaces: [AtomicU64; NAMESPACES_SEEN],
    /// Directories of cgroupfs by device and inode: the root of the node in each hierarchy, then where its init is.
    guarded: [[AtomicU64; 2]; GUARDED],
}

#[repr(C)]
#[derive(Debug)]
struct Slot {
    word: AtomicU32,
    /// With `Go` for a fork: the child's slot.
    child: AtomicU32,
    length: AtomicU32,
    more: AtomicU32,
    data: [u8; PIECE_BYTES],
}

/// The mapped gate.
#[derive(Debug)]
pub struct Gate {
    base: *mut u8,
}

// SAFETY: the mapping is shared memory reached only through atomics and, for a slot's data, by whoever the word says.
unsafe impl Send for Gate {}

/// What the runner decided.
#[derive(Debug)]
pub enum Verdict {
    Go { child_slot: u32 },
    Answered(Ret),
}

impl Gate {
    /// Maps the gate; `EBADF` or `ENODEV` if there is none at this descriptor.
    pub fn map(fd: RawFd) -> os::Result<Gate> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of a file; nothing is replaced.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), GATE_BYTES, protection, libc::MAP_SHARED, fd, 0) };
        if base == libc::MAP_FAILED { Err(os::errno()) } else { Ok(Gate { base: base.cast() }) }
    }

    fn header(&self) -> &Header {
        // SAFETY: the mapping is GATE_BYTES long, page-aligned, never unmapped, and a Header is all atomics.
        unsafe { &*self.base.cast() }
    }

    fn slot(&self, index: u32) -> *mut Slot {
        assert!(index < SLOTS, "slot {index}");
        // SAFETY: within the mapping, by the assertion.
        unsafe { self.base.add(HEADER_BYTES + SLOT_BYTES * index as usize).cast() }
    }

    fn word_of(&self, index: u32) -> &AtomicU32 {
        // SAFETY: the slot is within the mapping, which is never unmapped.
        unsafe { &(*self.slot(index)).word }
    }

    pub fn run_start_s(&self) -> i64 {
        self.header().run_start_s.load(Ordering::Relaxed)
    }

    pub fn behind_wall_ns(&self, boottime: bool) -> i64 {
        self.header().behind_wall_ns[usize::from(boottime)].load(Ordering::Relaxed)
    }

    /// Notes how the clocks of this process stand to each other.
    pub fn set_clocks(&self) -> os::Result<()> {
        for (at, clock) in [libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME].into_iter().enumerate() {
            let behind = os::clock_ns(libc::CLOCK_REALTIME)? - os::clock_ns(clock)?;
            self.header().behind_wall_ns[at].store(behind, Ordering::Relaxed);
        }
        Ok(())
    }

    pub fn set_run_start_s(&self, seconds: i64) {
        self.header().run_start_s.store(seconds, Ordering::Relaxed);
    }

    /// The namespaces that guests have seen, by inode number.
    pub fn namespaces_seen(&self) -> impl Iterator<Item = u64> {
        self.header().namespaces.iter().map(|seen| seen.load(Ordering::Relaxed)).take_while(|ino| *ino != 0)
    }

    /// Notes a directory that guests may not stop the node by; told by the node's init.
    pub fn guard(&self, place: usize, (device, inode): (u64, u64)) {
        if let Some([first, second]) = self.header().guarded.get(place) {
            first.store(device, Ordering::Relaxed);
            second.store(inode, Ordering::Relaxed);
        }
    }

    /// The place at which this directory was noted.
    pub fn guarded(&self, (device, inode): (u64, u64)) -> Option<usize> {
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        self.header().guarded.iter().position(|[d, i]| load(i) != 0 && (load(d), load(i)) == (device, inode))
    }

    // ── the guest's side

    /// A guest sees this namespace: how many others it or any other guest saw before. Only the guest whose turn it is
    /// runs, so nobody else writes here.
    pub fn see_namespace(&self, ino: u64) -> u32 {
        let known = &self.header().namespaces;
        for (at, seen) in known.iter().enumerate() {
            match seen.load(Ordering::Relaxed) {
                0 => seen.store(ino, Ordering::Relaxed),
                other if other != ino => continue,
                _ => {}
            }
            return at as u32;
        }
        NAMESPACES_SEEN as u32
    }

    /// Says a message and waits for the verdict.
    pub fn announce(&self, index: u32, message: &Message<'_>) -> Verdict {
        let bytes = postcard::to_allocvec(message).unwrap_or_default();
        self.write(index, &bytes, Word::Said, Word::MorePlease, None);
        let slot = self.slot(index);
        loop {
            match self.word(index) {
                Word::Go => {
                    // SAFETY: the slot is within the mapping.
                    let child_slot = unsafe { (*slot).child.load(Ordering::Relaxed) };
                    self.word_of(index).store(Word::Running as u32, Ordering::Release);
                    return Verdict::Go { child_slot };
                }
                Word::Answer => {
                    let bytes = self.read(index, Word::Answer, Word::AnswerTaken, None).unwrap_or_default();
                    self.word_of(index).store(Word::Running as u32, Ordering::Release);
                    let ret = postcard::from_bytes(&bytes).unwrap_or(Ret::Err(engine::call::Errno::EIO));
                    return Verdict::Answered(ret);
                }
                other => os::futex_wait(self.word_of(index), other as u32, None),
            }
        }
    }

    // ── the runner's side

    pub fn word(&self, index: u32) -> Word {
        match self.word_of(index).load(Ordering::Acquire) {
            1 => Word::Said,
            2 => Word::MorePlease,
            3 => Word::Go,
            4 => Word::Running,
            5 => Word::Answer,
            6 => Word::AnswerTaken,
            _ => Word::Idle,
        }
    }

    /// Waits while the word stays as it is, at most this long.
    pub fn wait(&self, index: u32, word: Word, timeout_ns: u64) {
        os::futex_wait(self.word_of(index), word as u32, Some(timeout_ns));
    }

    pub fn reset(&self, index: u32) {
        self.word_of(index).store(Word::Idle as u32, Ordering::Release);
    }

    pub fn go(&self, index: u32, child_slot: u32) {
        // SAFETY: the slot is within the mapping.
        unsafe { (*self.slot(index)).child.store(child_slot, Ordering::Relaxed) };
        self.set(index, Word::Go);
    }

    /// Gives an answer in place of the kernel. False if the guest did not take it in time.
    pub fn answer(&self, index: u32, ret: &Ret, timeout_ns: u64) -> bool {
        let bytes = postcard::to_allocvec(ret).unwrap_or_default();
        self.write(index, &bytes, Word::Answer, Word::AnswerTaken, Some(timeout_ns))
    }

    /// The message of a guest that has [`Word::Said`] one.
    pub fn message(&self, index: u32, timeout_ns: u64) -> Option<Message<'static>> {
        let bytes = self.read(index, Word::Said, Word::MorePlease, Some(timeout_ns))?;
        postcard::from_bytes(&bytes).ok()
    }

    // ── both

    fn set(&self, index: u32, word: Word) {
        self.word_of(index).store(word as u32, Ordering::Release);
        os::futex_wake(self.word_of(index));
    }

    /// Writes bytes, in pieces if need be: each is announced by `said`, and the other side asks for the next with `next`.
    fn write(&self, index: u32, bytes: &[u8], said: Word, next: Word, timeout_ns: Option<u64>) -> bool {
        let slot = self.slot(index);
        let mut pieces = bytes.chunks(PIECE_BYTES).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let more = pieces.peek().is_some();
            // SAFETY: the word says that it is this side's turn to write, and a piece fits the data.
            unsafe {
                (*slot).length.store(piece.len() as u32, Ordering::Relaxed);
                (*slot).more.store(more.into(), Ordering::Relaxed);
                let data = (&raw mut (*slot).data).cast::<u8>();
                std::ptr::copy_nonoverlapping(piece.as_ptr(), data, piece.len());
            }
            self.set(index, said);
            if !more {
                return true;
            }
            if !self.await_change(index, said, timeout_ns) {
                return false;
            }
            if self.word(index) != next {
                return false;
            }
        }
    }

    /// Waits until the word is another; false if it stays for so long. A wake-up alone says nothing: it may come late from
    /// the word before.
    fn await_change(&self, index: u32, word: Word, timeout_ns: Option<u64>) -> bool {
        let deadline = timeout_ns.map(|ns| Instant::now() + Duration::from_nanos(ns));
        while self.word(index) == word {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return false;
            }
            os::futex_wait(self.word_of(index), word as u32, left.map(|left| left.as_nanos() as u64));
        }
        true
    }

    /// Reads what [`Gate::write`] writes. `None` if the other side stops in the middle or goes on for ever.
    fn read(&self, index: u32, said: Word, next: Word, timeout_ns: Option<u64>) -> Option<Vec<u8>> {
        let slot = self.slot(index);
        let mut bytes = Vec::new();
        loop {
            // SAFETY: the word says that it is this side's turn to read; the length is bounded by the data.
            let more = unsafe {
                let length = ((*slot).length.load(Ordering::Relaxed) as usize).min(PIECE_BYTES);
                let data = (&raw const (*slot).data).cast::<u8>();
                bytes.extend_from_slice(std::slice::from_raw_parts(data, length));
                (*slot).more.load(Ordering::Relaxed) != 0
            };
            if !more || bytes.len() > MESSAGE_LIMIT_BYTES {
                return (!more).then_some(bytes);
            }
            self.set(index, next);
            if !self.await_change(index, next, timeout_ns) || self.word(index) != said {
                return None;
            }
        }
    }
}
