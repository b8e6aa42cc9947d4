//! `/proc` and `/dev` of a root: the calling process has just moved there.

use super::{During, Step};
use crate::os::{self, Result};
use std::os::fd::OwnedFd;

/// The default devices (OCI runtime-spec, config-linux.md) by their numbers in Documentation/admin-guide/devices.txt;
/// `ptmx` and `console` come with a devpts.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
/// Where programs look for what they were started with.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

pub fn mount_proc(target: &str) -> Result<()> {
    os::mount("proc", target, "proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, "")
}

/// A procfs of the caller's pid namespace, and a tmpfs with the six devices.
pub fn mount_proc_and_dev() -> Step<()> {
    os::mkdir_if_missing("/proc", 0o755).during("/proc")?;
    mount_proc("/proc").during("mount /proc")?;
    mount_dev(None)
}

/// The message queues of the caller's ipc namespace (mq_overview(7)).
pub fn mount_queues() -> Step<()> {
    os::mkdir("/dev/mqueue", 0o755).during("/dev/mqueue")?;
    let inert = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    os::mount("mqueue", "/dev/mqueue", "mqueue", inert, "").during("mount /dev/mqueue")
}

/// A device of the machine as a mount that can be attached anywhere.
pub type Borrowed = (&'static str, OwnedFd);

/// The machine's own devices, for who may make none: the machine's root is still there.
pub fn borrow() -> Step<Vec<Borrowed>> {
    let borrow = |(name, _, _): &(&'static str, u32, u32)| {
        let path = format!("/dev/{name}");
        let device = os::open(&path, libc::O_PATH, 0).and_then(|file| os::clone_mount(&file));
        device.map(|device| (*name, device)).during(&path)
    };
    DEVICES.iter().map(borrow).collect()
}

/// `/dev` with devices that are made, or borrowed.
pub fn mount_dev(borrowed: Option<Vec<Borrowed>>) -> Step<()> {
    os::mkdir_if_missing("/dev", 0o755).during("/dev")?;
    os::mount("tmpfs", "/dev", "tmpfs", libc::MS_NOSUID, "mode=0755,size=64k").during("mount /dev")?;
    match borrowed {
        None => DEVICES.iter().try_for_each(|(name, major, minor)| {
            let path = format!("/dev/{name}");
            os::mknod_char(&path, 0o666, *major, *minor).during(&path)?;
            // mknod(2) applies the umask.
            os::chmod(&path, 0o666).during(&path)
        }),
        Some(borrowed) => borrowed.iter().try_for_each(|(name, device)| {
            let path = format!("/dev/{name}");
            drop(os::open(&path, libc::O_CREAT | libc::O_WRONLY, 0o666).during(&path)?);
            os::attach_mount(device, &path).during(&path)
        }),
    }
}

/// What programs of real images expect besides: terminals, shared memory, links to their own descriptors.
pub fn mount_pts_and_shm() -> Step<()> {
    let quiet = libc::MS_NOSUID | libc::MS_NOEXEC;
    os::mkdir("/dev/pts", 0o755).during("/dev/pts")?;
    os::mount("devpts", "/dev/pts", "devpts", quiet, "newinstance,ptmxmode=0666,mode=0620").during("mount /dev/pts")?;
    os::mkdir("/dev/shm", 0o755).during("/dev/shm")?;
    os::mount("shm", "/dev/shm", "tmpfs", quiet | libc::MS_NODEV, "mode=1777,size=64m").during("mount /dev/shm")?;
    LINKS.iter().try_for_each(|(target, path)| os::symlink(target, path).during(path))
}
