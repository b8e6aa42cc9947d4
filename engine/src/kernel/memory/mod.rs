//! Memory: which pages there are, who uses them and who pays for them.
//!
//! A page of 4 KiB comes to be when it is touched first, and is charged to the control group of who touched it
//! (cgroup-v2.rst, "Memory Ownership"). Private anonymous pages are *frames*: a fork shares them until one of the two writes.
//! Pages of a file and of shared anonymous memory belong to an *object*, whoever has it mapped.
//!
//! Rooms: [`ranges`] (tables in which neighbours are mostly alike), [`space`] (what a process has mapped), [`fault`] (what
//! happens when it is touched), [`cache`] (pages of files), [`account`] (what each group has used), [`oom`] (what happens
//! when it may not have more), [`facts`]. The calls are in `calls::memory`, the files of groups in `cgroup::memory`. What it does not
//! model: addresses, huge pages, swap, what a page holds, how long reclaim takes.

pub(super) mod account;
mod cache;
mod facts;
mod fault;
mod oom;
pub(super) mod ranges;
pub(super) mod space;

use super::SimKernel;
use super::vfs::{FsId, Ino};
use crate::call::Tid;
use crate::sim::{Map, sort_by_key};
use account::{AccountId, Class};
pub(super) use facts::MemoryAtEnd;
pub(super) use fault::Part;
pub(super) use oom::{OOM_SCORE_ADJ_MIN, Overhead};
use ranges::{Piece, Ranges};
pub(super) use space::{Mapping, Space};
use std::sync::Arc;

/// Bytes of a page on x86-64.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Private anonymous pages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    /// `None` where no group counts memory.
    payer: Option<AccountId>,
    /// Address spaces that show it.
    shares: u32,
}

/// Whose pages an object's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ObjectId {
    File(FsId, Ino),
    /// Shared anonymous memory: an unnamed file of a tmpfs (mm/shmem.c, shmem_zero_setup).
    Shared(u32),
}

#[derive(Clone, Debug, Default)]
struct Object {
    pages: Ranges<Page>,
    /// Mappings that show it.
    mapped: u32,
    /// Its pages are on a disk too: they can be taken back.
    on_disk: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    payer: Option<AccountId>,
    /// When it was read or written first: the oldest are taken back first.
    age: u64,
}

/// Pages that are free again, by who paid for them.
type Freed = Vec<(AccountId, u64)>;

/// All pages of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    frames: Arc<Ranges<Frame>>,
    next_frame: u64,
    objects: Map<ObjectId, Arc<Object>>,
    next_object: u32,
    /// Counts what was read from a disk or written to it.
    clock: u64,
}

impl Memory {
    fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        Arc::make_mut(self.objects.get_or_insert_with(id, Arc::default))
    }

    fn knows(&self, id: ObjectId) -> bool {
        self.objects.contains_key(&id)
    }

    fn forget(&mut self, id: ObjectId) {
        self.objects.remove(&id);
    }

    pub(super) fn new_shared(&mut self) -> ObjectId {
        self.next_object += 1;
        ObjectId::Shared(self.next_object)
    }

    pub(super) fn map(&mut self, id: ObjectId) {
        self.object_mut(id).mapped += 1;
    }

    /// One mapping less. Shared anonymous memory goes with the last; a file's pages stay in the cache.
    fn unmap(&mut self, id: ObjectId) -> Freed {
        let object = self.object_mut(id);
        object.mapped -= 1;
        if object.mapped > 0 || matches!(id, ObjectId::File(..)) {
            return Freed::new();
        }
        let freed = self.cut(id, 0);
        self.forget(id);
        freed
    }

    /// New pages of an object.
    fn add_pages(&mut self, id: ObjectId, first: u64, pages: u64, payer: Option<AccountId>, on_disk: bool) {
        self.clock += u64::from(on_disk);
        let age = if on_disk { self.clock } else { 0 };
        let object = self.object_mut(id);
        object.on_disk = on_disk;
        object.pages.set(first, pages, Some(Page { payer, age }));
    }

    /// An object has no page any more from this one on.
    fn cut(&mut self, id: ObjectId, first: u64) -> Freed {
        let pages = &mut self.object_mut(id).pages;
        let end = pages.pieces().last().map_or(first, |last| (last.from + last.len).max(first));
        let gone = pages.within(first, end - first);
        pages.set(first, end - first, None);
        gone.into_iter().filter_map(|piece| Some((piece.value?.payer?, piece.len))).collect()
    }

    fn evict(&mut self, id: ObjectId, first: u64, pages: u64) {
        self.object_mut(id).pages.set(first, pages, None);
    }

    /// What can be taken back, the oldest first.
    fn oldest(&self) -> Vec<(ObjectId, Piece<Page>)> {
        let objects = self.objects.iter().filter(|(_, object)| object.on_disk);
        let mut all: Vec<_> =
            objects.flat_map(|(id, object)| object.pages.pieces().map(|piece| (*id, piece))).collect();
        sort_by_key(&mut all, |(_, piece)| piece.value.age);
        all
    }

    /// The objects of these files.
    pub(super) fn files(&self, wanted: impl Fn(FsId, Ino) -> bool) -> Vec<ObjectId> {
        let is_wanted = |id: &ObjectId| matches!(id, ObjectId::File(fs, ino) if wanted(*fs, *ino));
        self.objects.keys().copied().filter(is_wanted).collect()
    }

    /// One more address space shows these frames.
    fn share(&mut self, first: u64, pages: u64) {
        self.set_shares(first, pages, |shares| shares + 1);
    }

    /// One less: those that none shows are free.
    fn unshare(&mut self, first: u64, pages: u64) -> Freed {
        self.set_shares(first, pages, |shares| shares - 1)
    }

    fn set_shares(&mut self, first: u64, pages: u64, shares: impl Fn(u32) -> u32) -> Freed {
        let (frames, mut freed) = (Arc::make_mut(&mut self.frames), Freed::new());
        for piece in frames.within(first, pages) {
            let Some(frame) = piece.value else { continue };
            let frame = Frame { shares: shares(frame.shares), ..frame };
            frames.set(piece.from, piece.len, (frame.shares > 0).then_some(frame));
            freed.extend(frame.payer.filter(|_| frame.shares == 0).map(|payer| (payer, piece.len)));
        }
        freed
    }

    fn new_frames(&mut self, pages: u64, payer: Option<AccountId>) -> u64 {
        let first = self.next_frame;
        self.next_frame += pages;
        Arc::make_mut(&mut self.frames).set(first, pages, Some(Frame { payer, shares: 1 }));
        first
    }
}

impl SimKernel {
    /// A fork's child has the mappings of its parent.
    pub(super) fn share_space(&mut self, space: &Space) {
        for mapping in space.maps.values() {
            match &mapping.of {
                space::Of::Private(pages) => {
                    pages.pieces().for_each(|piece| {
                        self.memory.share(space::frame(piece.from, piece.value), piece.len);
                    });
                }
                space::Of::Object(id, _) => self.memory.map(*id),
            }
            if let Some(file) = mapping.file {
                self.files.refer(file);
            }
        }
    }

    /// The process has another program now, or none.
    pub(super) fn drop_space(&mut self, tid: Tid) {
        let Some(process) = self.process_mut(tid) else { return };
        let space = std::mem::take(&mut process.space);
        space.maps.into_values().for_each(|mapping| self.drop_mapping(mapping));
    }

    pub(super) fn drop_mapping(&mut self, mapping: Mapping) {
        match mapping.of {
            space::Of::Private(pages) => {
                for piece in pages.pieces() {
                    let freed = self.memory.unshare(space::frame(piece.from, piece.value), piece.len);
                    self.give_back(Class::Anon, freed);
                }
            }
            space::Of::Object(id, _) => {
                let (class, freed) = (self.class_of(id), self.memory.unmap(id));
                self.give_back(class, freed);
            }
        }
        if let Some(file) = mapping.file {
            self.drop_ofd(file);
        }
    }
}
