//! Page faults: a page that is touched comes to be, or is copied, and somebody pays for it.

use super::space::{self, Of};
use super::{ObjectId, PAGE_BYTES, Page};
use crate::call::{Errno, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::calls::Made;
use crate::kernel::vfs::Node;
use crate::node::Effects;

/// How an attempt to get pages ended.
enum Payment {
    /// So many of them, at least one.
    Paid(u64),
}

impl SimKernel {
    /// A program writes to these pages of a mapping, or reads them if they are a file's.
    pub(in crate::kernel) fn fault_in(&mut self, tid: Tid, map: u32, first: u64, pages: u64, fx: &mut Effects) -> Made {
        let mapping = self.process(tid).and_then(|process| process.space.maps.get(&map));
        match mapping.map(|mapping| &mapping.of) {
            Some(Of::Private(_)) => self.write_private(tid, map, first, pages, fx),
            Some(Of::Object(id, _)) => self.touch_object(tid, map, *id, first, pages, fx),
            None => Made::Ret(Ret::Err(Errno::EFAULT)),
        }
    }

    /// do_anonymous_page and do_wp_page (mm/memory.c): what nobody else shows is written to in place.
    fn write_private(&mut self, tid: Tid, map: u32, first: u64, pages: u64, fx: &mut Effects) -> Made {
        let (mut at, end) = (first, first + pages);
        while at < end {
            let Some(Of::Private(touched)) = self.mapping(tid, map) else { return Made::Ret(Ret::Err(Errno::EFAULT)) };
            let piece = touched.within(at, end - at)[0];
            let Some(distance) = piece.value else {
                let Payment::Paid(paid) = self.pay(tid, piece.len, fx);
                self.own_frames(tid, map, at, paid);
                at += paid;
                continue;
            };
            let frame = space::frame(at, distance);
            let alike = self.memory.frames.within(frame, piece.len)[0];
            if alike.value.is_none_or(|frame| frame.shares == 1) {
                at += alike.len;
                continue;
            }
            let Payment::Paid(paid) = self.pay(tid, alike.len, fx);
            self.memory.share(frame, paid, false);
            self.own_frames(tid, map, at, paid);
            at += paid;
        }
        Made::Ret(Ret::Ok)
    }

    /// New frames for these pages, which have been paid for.
    fn own_frames(&mut self, tid: Tid, map: u32, first: u64, pages: u64) {
        let frame = self.memory.new_frames(pages);
        if let Some(Of::Private(touched)) = self.mapping_mut(tid, map) {
            touched.set(first, pages, Some(frame.wrapping_sub(first)));
        }
    }

    fn touch_object(&mut self, tid: Tid, map: u32, id: ObjectId, first: u64, pages: u64, fx: &mut Effects) -> Made {
        let there = match id {
            ObjectId::File(fs, ino) => match self.fs(fs).inode(ino).map(|inode| &inode.node) {
                Some(Node::File(data)) => (data.len() as u64).div_ceil(PAGE_BYTES).saturating_sub(first).min(pages),
                _ => 0,
            },
            ObjectId::Shared(_) => pages,
        };
        let (mut at, end) = (first, first + there);
        while at < end {
            let piece = self.memory.object_mut(id).pages.within(at, end - at)[0];
            let known = match piece.value {
                Some(Page {}) => piece.len,
                None => {
                    let Payment::Paid(paid) = self.pay(tid, piece.len, fx);
                    self.memory.object_mut(id).pages.set(at, paid, Some(Page {}));
                    paid
                }
            };
            if let Some(Of::Object(_, touched)) = self.mapping_mut(tid, map) {
                touched.set(at, known, Some(()));
            }
            at += known;
        }
        // Beyond the end of a file there is nothing to be read.
        Made::Ret(if there < pages { Ret::Err(Errno::EFAULT) } else { Ret::Ok })
    }

    fn mapping(&self, tid: Tid, map: u32) -> Option<&Of> {
        self.process(tid)?.space.maps.get(&map).map(|mapping| &mapping.of)
    }

    fn mapping_mut(&mut self, tid: Tid, map: u32) -> Option<&mut Of> {
        self.process_mut(tid)?.space.maps.get_mut(&map).map(|mapping| &mut mapping.of)
    }

    fn pay(&mut self, _tid: Tid, pages: u64, _fx: &mut Effects) -> Payment {
        Payment::Paid(pages)
    }
}
