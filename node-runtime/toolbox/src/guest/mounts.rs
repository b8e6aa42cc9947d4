//! mount(2) and umount2(2) as guests may make them, and the lists of mounts as both kernels give them.
//!
//! A guest mounts what is its node's alone. What would show or reach the real machine is not there for it: file systems
//! of the hardware (sysfs, devtmpfs, …) and block devices answer as types that this kernel does not have.

use super::normal::is_on_disk;
use crate::os::{self, Result, check};
use engine::call::{Fd, IO_LIMIT_BYTES, MountFlags};
use engine::kernel::mountinfo;
use std::os::fd::AsRawFd;

/// File system types of which a guest may make a new one.
const TYPES: [&str; 4] = ["mqueue", "overlay", "proc", "tmpfs"];
/// What makes mount(2) do something else than mount a file system.
const OTHER_THAN_NEW: libc::c_ulong = libc::MS_REMOUNT
    | libc::MS_BIND
    | libc::MS_MOVE
    | libc::MS_SHARED
    | libc::MS_PRIVATE
    | libc::MS_SLAVE
    | libc::MS_UNBINDABLE;
/// No kernel has it: the checks that come before the type's are the kernel's own.
const NO_TYPE: &str = "drydock-no-such-type";

pub(super) fn mount(source: &str, target: &str, fstype: &str, flags: MountFlags, data: &str) -> Result<()> {
    let bits = [
        (flags.bind, libc::MS_BIND),
        (flags.recursive, libc::MS_REC),
        (flags.read_only, libc::MS_RDONLY),
        (flags.remount, libc::MS_REMOUNT),
        (flags.shared, libc::MS_SHARED),
        (flags.private, libc::MS_PRIVATE),
        (flags.slave, libc::MS_SLAVE),
        (flags.unbindable, libc::MS_UNBINDABLE),
        (flags.moved, libc::MS_MOVE),
        (flags.nosuid, libc::MS_NOSUID),
        (flags.nodev, libc::MS_NODEV),
        (flags.noexec, libc::MS_NOEXEC),
        (flags.noatime, libc::MS_NOATIME),
        (flags.nodiratime, libc::MS_NODIRATIME),
        (flags.relatime, libc::MS_RELATIME),
        (flags.strictatime, libc::MS_STRICTATIME),
    ];
    let bits = bits.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, bit)| all | bit);
    if bits & libc::MS_REMOUNT != 0 && bits & libc::MS_BIND == 0 && reaches_machine(target) {
        return Err(libc::EPERM);
    }
    if ["cgroup", "cgroup2"].contains(&fstype) && bits & OTHER_THAN_NEW == 0 {
        drop(os::open(target, libc::O_PATH, 0)?);
        return os::mount(source, target, fstype, bits, &super::groups::mount_options(fstype, data)?);
    }
    let fstype = if TYPES.contains(&fstype) { fstype } else { NO_TYPE };
    os::mount(source, target, fstype, bits, data)
}

/// A guest that took away the root of its node would leave nothing to look at: EINVAL, as the model says too.
pub(super) fn umount(target: &str, detach: bool) -> Result<()> {
    let flags = if detach { libc::MNT_DETACH } else { 0 };
    // The kernel itself says so of MNT_EXPIRE together with MNT_DETACH, to who may unmount at all (umount2(2)).
    let refused = if detach && is_root_mount(target) { libc::MNT_EXPIRE } else { 0 };
    os::umount(target, flags | refused)
}

/// Would a remount of this reach a superblock that is the machine's?
fn reaches_machine(target: &str) -> bool {
    let on_disk = || os::open(target, libc::O_PATH, 0).is_ok_and(|file| is_on_disk(file.as_raw_fd()));
    super::groups::is_mounted_at(target) || on_disk()
}

/// Whether this is the root of the mount that the process's root is in.
fn is_root_mount(target: &str) -> bool {
    let mount = |path: &str| -> Result<(u64, bool)> {
        let path = os::c(path)?;
        // SAFETY: the path is NUL-terminated, and statx is plain data that the call fills.
        unsafe {
            let mut told: libc::statx = std::mem::zeroed();
            check(libc::statx(libc::AT_FDCWD, path.as_ptr(), 0, libc::STATX_MNT_ID, &mut told))?;
            Ok((told.stx_mnt_id, told.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0))
        }
    };
    matches!((mount(target), mount("/")), (Ok((there, true)), Ok((root, _))) if there == root)
}

/// The whole of `/proc/PID/mountinfo` or `/proc/PID/mounts`, if that is what a descriptor is open on, as both kernels tell
/// it. The descriptor's offset stays.
pub(super) fn listed(fd: Fd) -> Option<Result<String>> {
    if !super::normal::is_procfs(fd) {
        return None;
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let name = path.file_name()?.to_str()?;
    if !["mountinfo", "mounts"].contains(&name) {
        return None;
    }
    // Nor is what covers the paths of procfs that are not there for guests.
    let target =
        |line: &&str| line.split(' ').nth(if name == "mounts" { 1 } else { 4 }).is_some_and(super::normal::is_veiled);
    let told =
        |text: String| text.lines().filter(|line| !target(line)).map(|line| format!("{line}\n")).collect::<String>();
    Some(whole(fd).map(|text| mountinfo::normalised(&told(text))))
}

fn whole(fd: Fd) -> Result<String> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = vec![0; IO_LIMIT_BYTES];
        // SAFETY: the buffer outlives the call and its length is passed.
        let got = unsafe { libc::pread(fd, piece.as_mut_ptr().cast(), piece.len(), bytes.len() as libc::off_t) };
        match check(got as i64)? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            got => bytes.extend_from_slice(&piece[..got as usize]),
        }
    }
}

/// What a read of `len` bytes gives where the told text is another than the kernel's; `got` bytes of that were read.
pub(super) fn read(fd: Fd, text: &str, got: usize, len: usize) -> Result<Vec<u8>> {
    // SAFETY: no memory is passed.
    let end = check(unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } as i64)? as usize;
    let start = (end - got.min(end)).min(text.len());
    let piece = &text.as_bytes()[start..text.len().min(start + len.min(IO_LIMIT_BYTES))];
    // SAFETY: no memory is passed.
    check(unsafe { libc::lseek(fd, (start + piece.len()) as libc::off_t, libc::SEEK_SET) } as i64)?;
    Ok(piece.to_vec())
}
