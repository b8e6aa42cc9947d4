//! Paths of procfs and sysfs that are not a container's: masked or read-only, as Docker has them (moby,
//! oci/defaults.go; OCI runtime-spec, `maskedPaths` and `readonlyPaths`). Which of them there are depends on the kernel.

use crate::os::{self, Result};
use std::os::fd::AsRawFd;

pub const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
pub const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Puts nothing over what is masked, an empty directory or `/dev/null`, and the rest over itself, read-only.
pub fn cover() -> Result<()> {
    for path in MASKED {
        match os::open(path, libc::O_PATH, 0).and_then(|file| os::is_dir(file.as_raw_fd())) {
            Err(libc::ENOENT) => {}
            Err(errno) => return Err(errno),
            Ok(true) => os::mount("tmpfs", path, "tmpfs", libc::MS_RDONLY, "size=0k,nr_inodes=2")?,
            Ok(false) => os::mount("/dev/null", path, "", libc::MS_BIND, "")?,
        }
    }
    let once = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    for path in READ_ONLY {
        match os::mount(path, path, "", libc::MS_BIND | libc::MS_REC, "") {
            Err(libc::ENOENT) => {}
            Err(errno) => return Err(errno),
            Ok(()) => os::mount("", path, "", libc::MS_BIND | libc::MS_REMOUNT | once, "")?,
        }
    }
    Ok(())
}
