//! `alloc`: takes memory, a MiB at a time, and says how much it has. Not a tool of any distribution.

use super::machine::{Cx, Machine, Steps, answer};
use super::one::size;
use super::options::{Misuse, Options, Parsed};
use super::{Program, sleep};
use crate::call::{Errno, Fd, OpenFlags, Ret, Sys};
use crate::sim::{MAPPING_BYTES, Nanos};
use serde::{Deserialize, Serialize};

const STEP_BYTES: u64 = 1 << 20;
/// How often it says how much it has.
const SAID_EVERY_BYTES: u64 = 10 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alloc {
    bytes: u64,
    shared: bool,
    /// The pages of a file instead of new ones. One that is not there, or too short, is made as long, with nothing in it.
    file: Option<String>,
    hold_ns: Nanos,
    map: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Begin,
    Opened,
    /// How long the file at this descriptor is.
    Measured(Fd),
    Lengthened(Fd),
    Mapped,
    /// From this byte on.
    Touch(u64),
    /// So many are there.
    Touched(u64),
    Hold,
    Done,
}

const OPTIONS: Options = Options {
    flags: "s",
    values: "hf",
    long: &[("shared", 's'), ("hold", 'h'), ("file", 'f')],
    optional: "",
    posix: false,
};

pub fn start(says: &str, args: &[String]) -> Program {
    match parse(says, args) {
        Ok(alloc) => Program::Alloc(Box::new(Machine::new(says, alloc, [Task::Begin]))),
        Err(misuse) => misuse.with_status(1),
    }
}

fn parse(says: &str, args: &[String]) -> Result<Alloc, Misuse> {
    let parsed = Parsed::of(says, args, &OPTIONS)?;
    let [bytes] = &parsed.operands[..] else {
        return Err(Misuse::new(says, "one SIZE is wanted".to_owned()));
    };
    let known = size(bytes).filter(|bytes| (1..=MAPPING_BYTES).contains(bytes));
    let bytes = known.ok_or_else(|| Misuse::new(says, format!("invalid size '{bytes}'")))?;
    let hold_ns = match parsed.value('h') {
        None => 0,
        Some(text) => {
            sleep::interval(text).ok_or_else(|| Misuse::new(says, format!("invalid time interval '{text}'")))?
        }
    };
    Ok(Alloc { bytes, shared: parsed.has('s'), file: parsed.value('f').map(str::to_owned), hold_ns, map: 0 })
}

impl Steps<Task> for Alloc {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Begin => match &self.file {
                Some(path) => {
                    let flags = OpenFlags { write: true, create: true, ..OpenFlags::READ };
                    cx.call(Sys::Open { path: path.clone(), flags, mode: 0o666 }, Task::Opened)
                }
                None => self.mmap(None, cx),
            },
            Task::Opened => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Fstat { fd }, Task::Measured(fd)),
                Err(errno) => self.fail("cannot open", errno, cx),
            },
            Task::Measured(fd) => match answer::stat(ret) {
                Ok(stat) if stat.size_bytes < self.bytes => {
                    let path = self.file.clone().unwrap_or_default();
                    cx.call(Sys::Truncate { path, len: self.bytes }, Task::Lengthened(fd))
                }
                Ok(_) => self.mmap(Some(fd), cx),
                Err(errno) => self.fail("cannot read the size of", errno, cx),
            },
            Task::Lengthened(fd) => match answer::done(ret) {
                Ok(()) => self.mmap(Some(fd), cx),
                Err(errno) => self.fail("cannot lengthen", errno, cx),
            },
            Task::Mapped => match answer::int(ret) {
                Ok(map) => {
                    self.map = u32::try_from(map).unwrap_or_default();
                    cx.push(Task::Touch(0));
                    None
                }
                Err(errno) => self.fail("cannot map", errno, cx),
            },
            Task::Touch(offset) if offset >= self.bytes => {
                cx.push(Task::Hold);
                None
            }
            Task::Touch(offset) => {
                let len = STEP_BYTES.min(self.bytes - offset);
                cx.call(Sys::Touch { map: self.map, offset, len }, Task::Touched(offset + len))
            }
            Task::Touched(there) => match answer::done(ret) {
                Ok(()) => {
                    if there == self.bytes || there.is_multiple_of(SAID_EVERY_BYTES) {
                        cx.line(&format!("{} MiB", there / STEP_BYTES));
                        cx.flush();
                    }
                    cx.push(Task::Touch(there));
                    None
                }
                Err(errno) => self.fail("cannot touch", errno, cx),
            },
            Task::Hold if self.hold_ns > 0 => cx.call(Sys::Sleep { ns: self.hold_ns }, Task::Done),
            Task::Hold | Task::Done => None,
        }
    }
}

impl Alloc {
    fn mmap(&self, fd: Option<Fd>, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.call(Sys::Mmap { len: self.bytes, shared: self.shared, fd }, Task::Mapped)
    }

    fn fail(&self, what: &str, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
        let of = self.file.as_deref().unwrap_or("memory");
        cx.exit(1);
        cx.complain(&format!("{what} {of}: {}", errno.text()));
        None
    }
}
