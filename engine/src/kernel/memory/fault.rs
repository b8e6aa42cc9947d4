//! Page faults: a page that is touched comes to be, or is copied, and somebody pays for it.

use super::account::{AccountId, Class};
use super::oom::Payment;
use super::space::{self, Of};
use super::{ObjectId, PAGE_BYTES};
use crate::call::{Errno, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::calls::Made;
use crate::kernel::process::Waiting;
use crate::node::Effects;

/// Pages of a mapping: its number, the first page, and the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Part {
    pub map: u32,
    pub at: u64,
    pub end: u64,
}

impl SimKernel {
    /// A program writes to these pages, or reads them if they are a file's.
    pub(in crate::kernel) fn fault_in(&mut self, tid: Tid, part: Part, fx: &mut Effects) -> Made {
        match self.mapping(tid, part.map) {
            Some(Of::Private(_)) => self.write_private(tid, part, fx),
            Some(Of::Object(id, _)) => self.touch_object(tid, part, *id, fx),
            None => Made::Ret(Ret::Err(Errno::EFAULT)),
        }
    }

    /// do_anonymous_page and do_wp_page (mm/memory.c): what nobody else shows is written to in place.
    fn write_private(&mut self, tid: Tid, Part { map, mut at, end }: Part, fx: &mut Effects) -> Made {
        while at < end {
            let Some(Of::Private(touched)) = self.mapping(tid, map) else { return Made::Ret(Ret::Err(Errno::EFAULT)) };
            let piece = touched.within(at, end - at)[0];
            let (mut wanted, mut copied) = (piece.len, None);
            if let Some(distance) = piece.value {
                let frame = space::frame(at, distance);
                let alike = self.memory.frames.within(frame, piece.len)[0];
                if alike.value.is_none_or(|frame| frame.shares == 1) {
                    at += alike.len;
                    continue;
                }
                (wanted, copied) = (alike.len, Some(frame));
            }
            let (payer, paid) = match self.pay(tid, Class::Anon, wanted, true, fx) {
                (payer, Payment::Paid(paid)) => (payer, paid),
                (_, short) => return stopped(short, Part { map, at, end }),
            };
            if let Some(frame) = copied {
                self.memory.unshare(frame, paid);
            }
            self.own_frames(tid, map, at, paid, payer);
            at += paid;
        }
        Made::Ret(Ret::Ok)
    }

    /// New frames for these pages, which have been paid for.
    fn own_frames(&mut self, tid: Tid, map: u32, first: u64, pages: u64, payer: Option<AccountId>) {
        let frame = self.memory.new_frames(pages, payer);
        if let Some(Of::Private(touched)) = self.mapping_mut(tid, map) {
            touched.set(first, pages, Some(frame.wrapping_sub(first)));
        }
    }

    fn touch_object(&mut self, tid: Tid, Part { map, mut at, end }: Part, id: ObjectId, fx: &mut Effects) -> Made {
        // Beyond the end of a file there is nothing to be read.
        let there = match id {
            ObjectId::File(fs, ino) => {
                let size = self.filesystems.inode(fs, ino).map_or(0, |inode| inode.stat().size_bytes);
                size.div_ceil(PAGE_BYTES).min(end)
            }
            ObjectId::Shared(_) => end,
        };
        while at < there {
            let pages = match self.cached(tid, id, at, there - at, true, fx) {
                (pages, None) => pages,
                (_, Some(short)) => return stopped(short, Part { map, at, end }),
            };
            if let Some(Of::Object(_, touched)) = self.mapping_mut(tid, map) {
                touched.set(at, pages, Some(()));
            }
            at += pages;
        }
        Made::Ret(if there < end { Ret::Err(Errno::EFAULT) } else { Ret::Ok })
    }

    fn mapping(&self, tid: Tid, map: u32) -> Option<&Of> {
        self.process(tid)?.space.maps.get(&map).map(|mapping| &mapping.of)
    }

    fn mapping_mut(&mut self, tid: Tid, map: u32) -> Option<&mut Of> {
        self.process_mut(tid)?.space.maps.get_mut(&map).map(|mapping| &mut mapping.of)
    }
}

/// Nobody paid for the rest.
fn stopped(short: Payment, left: Part) -> Made {
    match short {
        Payment::Killed => Made::Ended,
        Payment::Waits => Made::Wait(Waiting::Memory(left)),
        Payment::Paid(_) => Made::Ret(Ret::Ok),
        Payment::Refused(error) => Made::Ret(Ret::Err(error)),
    }
}
