//! Mappings of memory, called by numbers, and touching them. No huge pages: a page that is touched costs a page.

use super::calls::{Answer, fail, ok, own};
use super::normal;
use crate::os::errno;
use engine::call::{Fd, Ret, Sys};
use engine::sim::{MAPPING_BYTES, MAPPINGS};
use std::sync::Mutex;

const PAGE_BYTES: usize = 4096;

struct Mapping {
    at: *mut u8,
    len: usize,
    of_file: bool,
}

// SAFETY: an address, used by the one thread that this process has.
unsafe impl Send for Mapping {}

/// By number. A fork's child has its own copy, as it has of the mappings; execve(2) ends both.
static MAPPED: Mutex<Vec<Option<Mapping>>> = Mutex::new(Vec::new());

/// `Err` gives back a call that is not one of these.
pub(super) fn call(sys: Sys) -> Result<Answer, Sys> {
    Ok(match sys {
        Sys::Mmap { len, shared, fd } => mmap(len, shared, fd),
        Sys::Munmap { map } => munmap(map),
        Sys::Touch { map, offset, len } => touch(map, offset, len),
        other => return Err(other),
    })
}

fn mmap(len: u64, shared: bool, fd: Option<Fd>) -> Answer {
    let file = fd.map(own).transpose()?;
    let Ok(mut mapped) = MAPPED.lock() else { return fail(libc::EIO) };
    let number = mapped.iter().position(Option::is_none).unwrap_or(mapped.len());
    if let Some(fd) = file {
        normal::fstat(fd, 0)?;
    }
    if len > MAPPING_BYTES || (len > 0 && number >= MAPPINGS as usize) {
        return fail(libc::ENOMEM);
    }
    if let Some(fd) = file.filter(|_| len > 0) {
        normal::may_map(fd)?;
    }
    let protection = if file.is_some() { libc::PROT_READ } else { libc::PROT_READ | libc::PROT_WRITE };
    let sharing = if shared || file.is_some() { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
    let flags = sharing | libc::MAP_NORESERVE | if file.is_some() { 0 } else { libc::MAP_ANONYMOUS };
    let len = len as usize;
    // SAFETY: a new mapping; nothing is replaced.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, file.unwrap_or(-1), 0) };
    if at == libc::MAP_FAILED {
        return fail(errno());
    }
    // SAFETY: the mapping of a line above. A kernel without huge pages refuses, and needs none of this.
    unsafe { libc::madvise(at, len, libc::MADV_NOHUGEPAGE) };
    let mapping = Mapping { at: at.cast(), len: len.next_multiple_of(PAGE_BYTES), of_file: file.is_some() };
    match mapped.get_mut(number) {
        Some(free) => *free = Some(mapping),
        None => mapped.push(Some(mapping)),
    }
    Ok(Ret::Int(number as i64))
}

fn munmap(map: u32) -> Answer {
    let Ok(mut mapped) = MAPPED.lock() else { return fail(libc::EIO) };
    let Some(mapping) = mapped.get_mut(map as usize).and_then(Option::take) else { return fail(libc::EINVAL) };
    // SAFETY: ours, and nothing refers to what is in it.
    ok(unsafe { libc::munmap(mapping.at.cast(), mapping.len) })
}

/// A byte is written to each page. The pages of a file are read in by the kernel, which says where the file ends instead
/// of sending SIGBUS.
fn touch(map: u32, offset: u64, len: u64) -> Answer {
    let Ok(mapped) = MAPPED.lock() else { return fail(libc::EIO) };
    let Some(mapping) = mapped.get(map as usize).and_then(Option::as_ref) else { return fail(libc::EFAULT) };
    let (Ok(offset), Ok(len)) = (usize::try_from(offset), usize::try_from(len)) else { return fail(libc::EFAULT) };
    let Some(end) = offset.checked_add(len).filter(|end| len > 0 && *end <= mapping.len) else {
        return fail(libc::EFAULT);
    };
    let first = offset / PAGE_BYTES * PAGE_BYTES;
    if mapping.of_file {
        let (at, len) = (mapping.at.wrapping_add(first), (end - first).next_multiple_of(PAGE_BYTES));
        // SAFETY: inside the mapping, by the lines above; what it holds is not looked at.
        return ok(unsafe { libc::madvise(at.cast(), len, libc::MADV_POPULATE_READ) });
    }
    for page in (first..end).step_by(PAGE_BYTES) {
        // SAFETY: inside the mapping, by the lines above; nobody else looks at it.
        unsafe { mapping.at.add(page).write_volatile(1) };
    }
    Ok(Ret::Ok)
}
