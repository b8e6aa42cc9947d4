//! Memory: which pages there are, who uses them and who pays for them.
//!
//! A page of 4 KiB comes to be when it is touched first, and is charged to the control group of who touched it
//! (cgroup-v2.rst, "Memory Ownership"). Private anonymous pages are *frames*: a fork shares them until one of the two writes.
//! Pages of a file and of shared anonymous memory belong to an *object*, whoever has it mapped.
//!
//! Rooms: [`ranges`] (tables in which neighbours are mostly alike), [`space`] (what a process has mapped), [`fault`] (what
//! happens when it is touched). The calls are in `calls::memory`. What it does not model: addresses, huge pages, swap, what a page holds.

mod fault;
pub(super) mod ranges;
pub(super) mod space;

use super::SimKernel;
use super::vfs::{FsId, Ino};
use crate::call::Tid;
use crate::sim::Map;
use ranges::Ranges;
pub(super) use space::{Mapping, Space};
use std::sync::Arc;

/// Bytes of a page on x86-64.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Private anonymous pages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {}

/// All pages of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    frames: Arc<Ranges<Frame>>,
    next_frame: u64,
    objects: Map<ObjectId, Arc<Object>>,
    next_object: u32,
}

impl Memory {
    fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        Arc::make_mut(self.objects.get_or_insert_with(id, Arc::default))
    }

    pub(super) fn new_shared(&mut self) -> ObjectId {
        self.next_object += 1;
        ObjectId::Shared(self.next_object)
    }

    pub(super) fn map(&mut self, id: ObjectId) {
        self.object_mut(id).mapped += 1;
    }

    /// One mapping less. Shared anonymous memory goes with the last; a file's pages stay in the cache.
    fn unmap(&mut self, id: ObjectId) {
        let object = self.object_mut(id);
        object.mapped -= 1;
        if object.mapped == 0 && matches!(id, ObjectId::Shared(_)) {
            self.objects.remove(&id);
        }
    }

    /// More address spaces show these frames, or one less: those that none shows are free.
    fn share(&mut self, first: u64, pages: u64, more: bool) {
        let frames = Arc::make_mut(&mut self.frames);
        for piece in frames.within(first, pages) {
            let Some(frame) = piece.value else { continue };
            let shares = if more { frame.shares + 1 } else { frame.shares - 1 };
            frames.set(piece.from, piece.len, (shares > 0).then_some(Frame { shares }));
        }
    }

    fn new_frames(&mut self, pages: u64) -> u64 {
        let first = self.next_frame;
        self.next_frame += pages;
        Arc::make_mut(&mut self.frames).set(first, pages, Some(Frame { shares: 1 }));
        first
    }
}

impl SimKernel {
    /// A fork's child has the mappings of its parent.
    pub(super) fn share_space(&mut self, space: &Space) {
        for mapping in space.maps.values() {
            match &mapping.of {
                space::Of::Private(pages) => {
                    pages
                        .pieces()
                        .for_each(|piece| self.memory.share(space::frame(piece.from, piece.value), piece.len, true));
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
                pages
                    .pieces()
                    .for_each(|piece| self.memory.share(space::frame(piece.from, piece.value), piece.len, false));
            }
            space::Of::Object(id, _) => self.memory.unmap(id),
        }
        if let Some(file) = mapping.file {
            self.drop_ofd(file);
        }
    }
}
