//! The disk of a node: a directory of its own on this machine's disk, so that there are files whose pages the kernel can
//! take back. It is taken away with the node's control groups ([`toolbox::keeper`]); where nobody could, by the next start.

use super::groups::identity;
use engine::kernel::mountinfo::DISK_DIRECTORY;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use toolbox::guest::normal::is_on_disk;

/// Kept over a restart, so not in memory (hier(7)).
const SCRATCH: &str = "/var/tmp";

/// Has this machine a disk that a node can have a directory on?
pub fn is_there() -> bool {
    File::open(SCRATCH).is_ok_and(|dir| is_on_disk(dir.as_raw_fd()))
}

/// Makes the directory. `None` where it cannot be had.
pub fn make() -> Option<String> {
    static NODES: AtomicU32 = AtomicU32::new(0);
    if !is_there() {
        return None;
    }
    sweep();
    let node = NODES.fetch_add(1, Ordering::Relaxed);
    let path = format!("{SCRATCH}/{DISK_DIRECTORY}.{}.{node}", identity("self"));
    fs::create_dir(&path).ok().map(|()| path)
}

/// Removes what a runner has left behind that was killed together with its keeper.
fn sweep() {
    for entry in fs::read_dir(SCRATCH).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(DISK_DIRECTORY).and_then(|rest| rest.strip_prefix('.'));
        let Some(owner) = rest.and_then(|rest| rest.rsplit_once('.')).map(|(owner, _)| owner) else { continue };
        if identity(owner.split('-').next().unwrap_or_default()) != owner {
            let _ = fs::remove_dir_all(Path::new(SCRATCH).join(name));
        }
    }
}
