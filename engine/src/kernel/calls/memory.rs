//! mmap(2), munmap(2), and the page faults of a program that uses its memory.

use super::{Done, Made};
use crate::call::{Errno, Fd, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::files::{OfdId, Opened};
use crate::kernel::memory::ranges::Ranges;
use crate::kernel::memory::space::Of;
use crate::kernel::memory::{Mapping, PAGE_BYTES, Part};
use crate::kernel::vfs::{Fs, Loc};
use crate::node::Effects;
use crate::sim::MAPPING_BYTES;

pub(super) fn mmap(kernel: &mut SimKernel, tid: Tid, len: u64, shared: bool, fd: Option<Fd>) -> Done {
    let file = fd.map(|fd| kernel.ofd_of(tid, fd)).transpose()?;
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    let number = kernel.process(tid).and_then(|process| process.space.lowest_free());
    let number = number.filter(|_| len <= MAPPING_BYTES).ok_or(Errno::ENOMEM)?;
    let object = file.map(|file| mappable(kernel, file)).transpose()?;
    let of = match object {
        Some(loc) => Of::Object(kernel.object_of(loc), Ranges::default()),
        None if shared => Of::Object(kernel.memory.new_shared(), Ranges::default()),
        None => Of::Private(Ranges::default()),
    };
    if let Of::Object(id, _) = &of {
        kernel.memory.map(*id);
    }
    if let Some(file) = file {
        kernel.files.refer(file);
    }
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    process.space.maps.insert(number, Mapping { pages: len.div_ceil(PAGE_BYTES), of, file });
    Ok(Ret::Int(number.into()))
}

/// A regular file that is open for reading; those that a kernel makes up have no pages.
fn mappable(kernel: &SimKernel, file: OfdId) -> Result<Loc, Errno> {
    let ofd = kernel.files.get(file).ok_or(Errno::EBADF)?;
    match ofd.what {
        _ if !ofd.read => Err(Errno::EACCES),
        Opened::File(loc) => match kernel.fs(loc.fs) {
            Fs::Tree(_) | Fs::Overlay(_) => Ok(loc),
            _ => Err(Errno::ENODEV),
        },
        _ => Err(Errno::ENODEV),
    }
}

pub(super) fn munmap(kernel: &mut SimKernel, tid: Tid, map: u32) -> Done {
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    let mapping = process.space.maps.remove(&map).ok_or(Errno::EINVAL)?;
    kernel.drop_mapping(mapping);
    Ok(Ret::Ok)
}

pub(super) fn touch(kernel: &mut SimKernel, tid: Tid, map: u32, offset: u64, len: u64, fx: &mut Effects) -> Made {
    match part(kernel, tid, map, offset, len) {
        Ok(part) => kernel.fault_in(tid, part, fx),
        Err(error) => Made::Ret(Ret::Err(error)),
    }
}

/// The pages that are touched.
fn part(kernel: &SimKernel, tid: Tid, map: u32, offset: u64, len: u64) -> Result<Part, Errno> {
    let mapping = kernel.process(tid).and_then(|process| process.space.maps.get(&map)).ok_or(Errno::EFAULT)?;
    let end = offset.checked_add(len).ok_or(Errno::EFAULT)?;
    let (at, end) = (offset / PAGE_BYTES, end.div_ceil(PAGE_BYTES));
    if len == 0 || end > mapping.pages { Err(Errno::EFAULT) } else { Ok(Part { map, at, end }) }
}
