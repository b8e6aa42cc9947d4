//! Of a procfs, wherever it is mounted: what is there for guests, what they may write, and its texts without what belongs
//! to the machine below (`engine::kernel::procfs` lists what is told).

use super::normal::{is_procfs, is_veiled, shown_state};
use crate::os::{self, Result, check};
use engine::call::{Fd, IO_LIMIT_BYTES, SCENARIO_EPOCH_S};
use engine::kernel::procfs::{STAT_FIELDS, STATUS_LINES, is_settable, sys};
use engine::scenario::Linux;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

/// The inode number of every procfs's root (PROC_ROOT_INO of include/linux/proc_ns.h).
const ROOT_INO: u64 = 1;
/// How deep a procfs is looked into.
const DEPTH: usize = 16;
/// Where in a line of `/proc/sysvipc` dates can be, and what they are greater than.
const DATES_FROM: usize = 50;
const LEAST_DATE: &str = "1500000000";
/// Of a process: the offsets of its children's clocks (time_namespaces(7)).
const TIMENS: &str = "timens_offsets";
/// Bytes of a text that is told in part: `status` has some 1,500.
const TEXT_BYTES: usize = 16 * 1024;

/// Is this path, or where it leads, hidden from guests?
pub(super) fn is_hidden(path: &str, follow: bool) -> bool {
    let last = if follow { 0 } else { libc::O_NOFOLLOW };
    is_veiled(path) || os::open(path, libc::O_PATH | last, 0).is_ok_and(|place| is_hidden_at(place.as_raw_fd()))
}

/// The same of an open file.
pub(super) fn is_hidden_at(fd: Fd) -> bool {
    place(fd).is_some_and(|names| is_veiled(&format!("/proc/{names}")))
}

/// May guests write to this open file of a procfs? Anything else there is the real machine's.
pub(super) fn is_writable(fd: Fd) -> bool {
    place(fd).is_some_and(|names| match names.split_once('/') {
        Some((process, file)) if process.parse::<u32>().is_ok() => is_settable(file),
        _ => sys::is_writable(&names),
    })
}

/// Does a guest's clock go back by this? How far it could depends on how long the real machine has been up: nowhere.
pub(super) fn turns_back(fd: Fd, data: &[u8]) -> bool {
    let is_timens = |names: String| names.split_once('/').is_some_and(|(_, name)| name == TIMENS);
    data.contains(&b'-') && place(fd).is_some_and(is_timens)
}

/// Where in a procfs this is, from its root; `None` elsewhere.
pub(super) fn place(fd: Fd) -> Option<String> {
    if !is_procfs(fd) {
        return None;
    }
    let path = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?.to_string_lossy().into_owned();
    let mut depth = 0;
    let mut dir = match inode(fd).ok()? {
        (ROOT_INO, _) => return Some(String::new()),
        (_, true) => open_at(fd, c".").ok()?,
        (_, false) => {
            depth += 1;
            os::open(path.rsplit_once('/')?.0, libc::O_PATH, 0).ok()?
        }
    };
    while is_procfs(dir.as_raw_fd()) && inode(dir.as_raw_fd()).ok()?.0 != ROOT_INO {
        depth += 1;
        dir = open_at(dir.as_raw_fd(), c"..").ok()?;
        if depth > DEPTH {
            return None;
        }
    }
    let mut names: Vec<&str> = path.rsplit('/').take(depth).collect();
    names.reverse();
    Some(names.join("/"))
}

/// A piece of a text that is told in part, or `None` if this is none. Offsets are those of what is told.
pub(super) fn read(fd: Fd, len: usize) -> Option<Result<Vec<u8>>> {
    let names = place(fd)?;
    let owner = names.split('/').next()?;
    if owner == "sysvipc" && names != owner {
        return Some(piece(fd, len, &sysvipc));
    }
    owner.parse::<u32>().ok()?;
    let itself = || fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == owner);
    let told: &dyn Fn(&str) -> String = match names.rsplit('/').next()? {
        "status" => &|text| status(text, itself()),
        "stat" => &|text| stat(text, itself()),
        _ => return None,
    };
    Some(piece(fd, len, told))
}

fn piece(fd: Fd, len: usize, told: &dyn Fn(&str) -> String) -> Result<Vec<u8>> {
    let mut bytes = vec![0_u8; TEXT_BYTES];
    // SAFETY: the buffer is passed with its length; seeking passes no memory.
    let offset = unsafe {
        let got = check(libc::pread(fd, bytes.as_mut_ptr().cast(), bytes.len(), 0) as i64)?;
        bytes.truncate(got as usize);
        check(libc::lseek(fd, 0, libc::SEEK_CUR) as i64)? as usize
    };
    let text = told(&String::from_utf8_lossy(&bytes)).into_bytes();
    let start = offset.min(text.len());
    let end = text.len().min(start + len.min(IO_LIMIT_BYTES));
    // SAFETY: no memory is passed.
    check(unsafe { libc::lseek(fd, end as libc::off_t, libc::SEEK_SET) } as i64)?;
    Ok(text[start..end].to_vec())
}

fn status(text: &str, itself: bool) -> String {
    let told = |line: &&str| line.split(':').next().is_some_and(|name| STATUS_LINES.contains(&name));
    let mask = |line: &str| {
        line.strip_prefix("Cpus_allowed:\t").and_then(|bits| u64::from_str_radix(&bits.replace(',', ""), 16).ok())
    };
    let shown = |line: &str| match line.strip_prefix("State:\t").and_then(|state| state.chars().next()) {
        // Of so many digits as the machine could have processors.
        None if mask(line).is_some() => format!("Cpus_allowed:\t{:x}\n", mask(line).unwrap_or(0)),
        None => format!("{line}\n"),
        Some(state) => {
            let word = match shown_state(state, itself) {
                'R' => "R (running)",
                'T' => "T (stopped)",
                'Z' => "Z (zombie)",
                _ => "S (sleeping)",
            };
            format!("State:\t{word}\n")
        }
    };
    text.lines().filter(told).map(shown).collect()
}

fn stat(text: &str, itself: bool) -> String {
    let Some((name, rest)) = text.trim_end().rsplit_once(") ") else { return text.to_owned() };
    let field = |(at, word): (usize, &str)| match at + 3 {
        3 => shown_state(word.chars().next().unwrap_or('S'), itself).to_string(),
        at if STAT_FIELDS.contains(&at) => word.to_owned(),
        _ => "0".to_owned(),
    };
    let fields: Vec<String> = rest.split(' ').enumerate().map(field).collect();
    format!("{name}) {}\n", fields.join(" "))
}

/// Whatever was made or changed during the run has the scenario's date, which has as many digits.
fn sysvipc(text: &str) -> String {
    let dated =
        |word: &str| word.len() == SCENARIO_EPOCH_S.to_string().len() && word > LEAST_DATE && !word.contains('-');
    let mut told = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        // The key and the id come first, and may be as long.
        let dates = DATES_FROM.min(line.len());
        told += &line[..dates];
        for word in line[dates..].split_inclusive([' ', '\n']) {
            let bare = word.trim_end();
            told += &if dated(bare) { word.replace(bare, &SCENARIO_EPOCH_S.to_string()) } else { word.to_owned() };
        }
    }
    told
}

/// The inode number, and whether it is a directory.
fn inode(fd: Fd) -> Result<(u64, bool)> {
    // SAFETY: `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd, &mut raw))?;
        Ok((raw.st_ino, raw.st_mode & libc::S_IFMT == libc::S_IFDIR))
    }
}

fn open_at(dir: Fd, name: &std::ffi::CStr) -> Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the name is NUL-terminated; the descriptor is new.
    unsafe { check(libc::openat(dir, name.as_ptr(), flags)).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// Is it among what `/proc/sys` shows, or above that? A path with `..` is told by where it leads.
pub(super) fn is_sys(names: &[&str]) -> bool {
    names.contains(&"..") || sys::is_there(&names.join("/"), release())
}

/// The version of this kernel.
fn release() -> Linux {
    static RELEASE: OnceLock<Linux> = OnceLock::new();
    *RELEASE.get_or_init(|| {
        let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut numbers = text.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
        Linux(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    })
}
