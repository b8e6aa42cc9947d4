//! cgroupfs as nodes show it: files that are modelled and no others, and what chance orders put in order. See
//! `engine::kernel::cgroup::files`.

use crate::gate::Gate;
use crate::groups::{CGROUP_MAGIC, CGROUP2_MAGIC, is_known, line, normal_lines};
use crate::os::{self, Result, check};
use engine::call::{Dent, Fd, FileKind};
use engine::kernel::cgroup::files::{is_open_to_guests, is_shown};
use engine::kernel::cgroup::memory;
use std::fs;
use std::os::fd::AsRawFd;

/// A group's directory: its version, and whether it is one that the node depends on.
struct Dir {
    v2: bool,
    at_root: bool,
    /// It holds the node's init, or is its root.
    guarded: bool,
}

/// Where [`Gate::guard`] has the groups of inits: behind the roots.
pub(crate) const INITS: usize = 8;

fn version(fd: Fd) -> Option<bool> {
    // SAFETY: `raw` is plain data that the call fills.
    let kind = unsafe {
        let mut raw: libc::statfs = std::mem::zeroed();
        check(libc::fstatfs(fd, &mut raw)).ok()?;
        raw.f_type as i64
    };
    match kind {
        CGROUP_MAGIC => Some(false),
        CGROUP2_MAGIC => Some(true),
        _ => None,
    }
}

fn look_at(dir: Fd, v2: bool, gate: Option<&Gate>) -> Dir {
    // SAFETY: `raw` is plain data that the call fills.
    let identity = unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        let _ = check(libc::fstat(dir, &mut raw));
        (raw.st_dev, raw.st_ino)
    };
    let place = gate.and_then(|gate| gate.guarded(identity));
    Dir { v2, at_root: place.is_some_and(|place| place < INITS), guarded: place.is_some() }
}

/// The directory and name of a file of cgroupfs.
fn file_at(path: &str, follow: bool, gate: Option<&Gate>) -> Option<(Dir, String)> {
    // Every other name has no dot in it.
    let name = path.rsplit('/').next().unwrap_or_default();
    if !name.contains('.') && !["tasks", "notify_on_release", "release_agent"].contains(&name) {
        return None;
    }
    let flags = libc::O_PATH | if follow { 0 } else { libc::O_NOFOLLOW };
    let file = os::open(path, flags, 0).ok()?;
    let v2 = version(file.as_raw_fd())?;
    let place = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    let name = place.file_name()?.to_string_lossy().into_owned();
    // SAFETY: `raw` is plain data that the call fills.
    let is_dir = unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        check(libc::fstat(file.as_raw_fd(), &mut raw)).is_ok() && raw.st_mode & libc::S_IFMT == libc::S_IFDIR
    };
    if is_dir {
        return None;
    }
    let parent = path.rsplit_once('/').map_or(".", |(parent, _)| if parent.is_empty() { "/" } else { parent });
    let dir = os::open(parent, libc::O_PATH | libc::O_DIRECTORY, 0).ok()?;
    Some((look_at(dir.as_raw_fd(), v2, gate), name))
}

/// Does this path lead to a file that nodes do not show?
pub(super) fn is_veiled(path: &str, follow: bool, gate: Option<&Gate>) -> bool {
    file_at(path, follow, gate).is_some_and(|(dir, name)| !is_shown(&name, dir.v2, dir.at_root))
}

/// Does it lead to one that would stop the node if it were written to?
pub(super) fn is_guarded(path: &str, gate: Option<&Gate>) -> bool {
    file_at(path, true, gate).is_some_and(|(dir, name)| dir.guarded && !is_open_to_guests(&name, dir.at_root))
}

pub(super) fn retain_shown(fd: Fd, dents: &mut Vec<Dent>, gate: Option<&Gate>) {
    if let Some(v2) = version(fd) {
        let dir = look_at(fd, v2, gate);
        dents.retain(|dent| dent.kind == FileKind::Dir || is_shown(&dent.name, dir.v2, dir.at_root));
    }
}

/// What a read gives of a file whose text is not told as it stands; `None` of all others.
pub(super) fn read(fd: Fd, length: usize) -> Option<Result<Vec<u8>>> {
    let normal = normal_form(fd)?;
    let read = || {
        // SAFETY: no memory is passed.
        let offset = check(unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } as i64)? as usize;
        let whole = whole(fd)?;
        let text = normal(&String::from_utf8_lossy(&whole)).into_bytes();
        let start = offset.min(text.len());
        let piece = text[start..text.len().min(start + length)].to_vec();
        // SAFETY: as above.
        check(unsafe { libc::lseek(fd, (start + piece.len()) as libc::off_t, libc::SEEK_SET) } as i64)?;
        Ok(piece)
    };
    Some(read())
}

/// How a text is told.
type Telling = Box<dyn Fn(&str) -> String>;

fn normal_form(fd: Fd) -> Option<Telling> {
    let link = || fs::read_link(format!("/proc/self/fd/{fd}")).ok();
    if version(fd).is_some() {
        return match link()?.file_name()?.to_str()? {
            "cgroup.procs" | "cgroup.threads" | "tasks" => Some(Box::new(sorted_numbers)),
            "cgroup.controllers" | "cgroup.subtree_control" => Some(Box::new(known_names)),
            "cgroup.stat" => Some(Box::new(descendants)),
            name if name.starts_with("memory.") => {
                let name = name.to_owned();
                Some(Box::new(move |text| memory::shown(&name, text)))
            }
            _ => None,
        };
    }
    let is_groups = |path: std::path::PathBuf| path.file_name().is_some_and(|name| name == "cgroup");
    (super::normal::is_procfs(fd) && is_groups(link()?)).then(|| Box::new(normal_lines) as Telling)
}

/// The text of an open file from its beginning.
fn whole(fd: Fd) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut piece = [0_u8; 16 * 1024];
    loop {
        // SAFETY: the buffer outlives the call and its length is passed.
        let got = check(
            unsafe { libc::pread(fd, piece.as_mut_ptr().cast(), piece.len(), text.len() as libc::off_t) } as i64
        )?;
        if got == 0 {
            return Ok(text);
        }
        text.extend_from_slice(&piece[..got as usize]);
    }
}

fn sorted_numbers(text: &str) -> String {
    let mut numbers: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| format!("{number}\n")).collect()
}

fn known_names(text: &str) -> String {
    let names: Vec<&str> = text.split_whitespace().filter(|name| is_known(name)).collect();
    if names.is_empty() { String::new() } else { names.join(" ") + "\n" }
}

/// Groups that are dying go when the kernel gets to it, and the rest counts what nodes do not show.
fn descendants(text: &str) -> String {
    let living = text.lines().find(|line| line.starts_with("nr_descendants "));
    format!("{}\nnr_dying_descendants 0\n", living.unwrap_or("nr_descendants 0"))
}

/// mount(2) of control groups: those of the node and no others of the machine. Gives the options that the machine has
/// this hierarchy mounted with.
pub(super) fn mount_options(fstype: &str, data: &str) -> Result<String> {
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|_| libc::EPERM)?;
    let mut hierarchies = own.lines().filter_map(line).map(|(names, _)| names);
    let found = match fstype {
        "cgroup2" => hierarchies.find(|names| names.is_empty()),
        _ => hierarchies.find(|names| is_known(data) && names.split(',').any(|name| name == data)),
    };
    found.map(str::to_owned).ok_or(libc::EPERM)
}

/// Is a hierarchy mounted just here? A remount would reach the superblock, which is the machine's.
pub(super) fn is_mounted_at(path: &str) -> bool {
    let Ok(file) = os::open(path, libc::O_PATH, 0) else { return false };
    // SAFETY: statx is plain data that the call fills; the path is empty and NUL-terminated.
    let is_root = unsafe {
        let mut told: libc::statx = std::mem::zeroed();
        let asked = libc::statx(file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, libc::STATX_MNT_ID, &mut told);
        check(asked).is_ok() && told.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0
    };
    is_root && version(file.as_raw_fd()).is_some()
}

/// Notes for every guest what it may not stop the node by. `place` is below [`INITS`] for a root.
pub(crate) fn guard(gate: &Gate, place: usize, path: &str) {
    if let Ok(dir) = os::open(path, libc::O_PATH | libc::O_DIRECTORY, 0) {
        // SAFETY: `raw` is plain data that the call fills.
        unsafe {
            let mut raw: libc::stat = std::mem::zeroed();
            if check(libc::fstat(dir.as_raw_fd(), &mut raw)).is_ok() {
                gate.guard(place, (raw.st_dev, raw.st_ino));
            }
        }
    }
}
