//! Pages of files: whoever writes or reads one first pays for it, and it stays when that one has gone.

use super::account::Class;
use super::oom::Payment;
use super::{Freed, ObjectId, PAGE_BYTES, Page};
use crate::call::{Errno, Tid};
use crate::kernel::SimKernel;
use crate::kernel::vfs::{FsId, Loc, Notes};
use crate::node::{Effects, Happening};

impl SimKernel {
    /// Bytes of a file are about to be written: gives for how many of them there are pages.
    pub(in crate::kernel) fn pay_for_write(
        &mut self,
        tid: Tid,
        loc: Loc,
        offset: u64,
        len: u64,
        fx: &mut Effects,
    ) -> Result<u64, Errno> {
        let (first, end) = (offset / PAGE_BYTES, (offset + len).div_ceil(PAGE_BYTES));
        let (id, mut at) = (self.object_of(loc), first);
        while at < end {
            match self.cached(tid, id, at, end - at, false, fx) {
                (pages, None) => at += pages,
                (_, Some(Payment::Killed)) => return Err(Errno::EINTR),
                (_, Some(Payment::Refused(error))) if at == first => return Err(error),
                // What there are pages for is written.
                _ => break,
            }
        }
        Ok((at * PAGE_BYTES).saturating_sub(offset).min(len))
    }

    /// Bytes of a file are about to be read. A tmpfs has all that it has in memory; what is on a disk is read into it.
    pub(in crate::kernel) fn pay_for_read(
        &mut self,
        tid: Tid,
        loc: Loc,
        offset: u64,
        len: u64,
        fx: &mut Effects,
    ) -> Result<(), Errno> {
        let size = self.filesystems.inode(loc.fs, loc.ino).map_or(0, |inode| inode.stat().size_bytes);
        let len = len.min(size.saturating_sub(offset));
        if !self.is_disk(loc.fs) || len == 0 {
            return Ok(());
        }
        self.pay_for_write(tid, loc, offset, len, fx).map(drop)
    }

    /// If a file was copied up, its pages in the upperdir are new.
    pub(in crate::kernel) fn pay_for_copies(
        &mut self,
        tid: Tid,
        loc: Loc,
        notes: &Notes,
        fx: &mut Effects,
    ) -> Result<(), Errno> {
        if !notes.iter().any(|note| matches!(note, Happening::CopiedUp { .. })) {
            return Ok(());
        }
        let size = self.filesystems.inode(loc.fs, loc.ino).map_or(0, |inode| inode.stat().size_bytes);
        self.memory.object_mut(ObjectId::File(loc.fs, loc.ino));
        self.pay_for_write(tid, loc, 0, size, fx).map(drop)
    }

    /// Some pages of an object from this one on: how many are there, or what became of who asked for them.
    pub(super) fn cached(
        &mut self,
        tid: Tid,
        id: ObjectId,
        at: u64,
        pages: u64,
        faults: bool,
        fx: &mut Effects,
    ) -> (u64, Option<Payment>) {
        let piece = self.memory.object_mut(id).pages.within(at, pages)[0];
        if piece.value.is_some() {
            return (piece.len, None);
        }
        let class = self.class_of(id);
        match self.pay(tid, class, piece.len, faults, fx) {
            (payer, Payment::Paid(paid)) => {
                self.memory.add_pages(id, at, paid, payer, class == Class::File);
                (paid, None)
            }
            (_, other) => (0, Some(other)),
        }
    }

    /// The object of a file. What was in it before the node began, nobody here has paid for.
    pub(in crate::kernel) fn object_of(&mut self, loc: Loc) -> ObjectId {
        let id = ObjectId::File(loc.fs, loc.ino);
        if !self.memory.knows(id) {
            let size = self.filesystems.inode(loc.fs, loc.ino).map_or(0, |inode| inode.stat().size_bytes);
            let there = if self.is_disk(loc.fs) { 0 } else { size.div_ceil(PAGE_BYTES) };
            self.memory.object_mut(id).pages.set(0, there, Some(Page { payer: None, age: 0 }));
        }
        id
    }

    pub(super) fn class_of(&self, id: ObjectId) -> Class {
        match id {
            ObjectId::File(fs, _) if self.is_disk(fs) => Class::File,
            _ => Class::Shmem,
        }
    }

    /// Is it the file system on a disk? Its superblock is the machine's.
    pub(in crate::kernel) fn is_disk(&self, fs: FsId) -> bool {
        self.disk == Some(fs)
    }

    /// A file was made shorter: its pages beyond this length are gone.
    pub(in crate::kernel) fn cut_pages(&mut self, loc: Loc, len: u64) {
        let id = ObjectId::File(loc.fs, loc.ino);
        if !self.memory.knows(id) {
            return;
        }
        let (first, class) = (len.div_ceil(PAGE_BYTES), self.class_of(id));
        let freed = self.memory.cut(id, first);
        self.give_back(class, freed);
    }

    /// These files are gone.
    pub(in crate::kernel) fn drop_pages(&mut self, gone: Vec<ObjectId>) {
        for id in gone.into_iter().filter(|id| self.memory.knows(*id)).collect::<Vec<_>>() {
            let (class, freed) = (self.class_of(id), self.memory.cut(id, 0));
            self.memory.forget(id);
            self.give_back(class, freed);
        }
    }

    /// Pages are free again.
    pub(super) fn give_back(&mut self, class: Class, freed: Freed) {
        for (payer, pages) in freed {
            self.cgroups.accounts.uncharge(payer, class, pages);
            self.unsettled = true;
        }
    }
}
