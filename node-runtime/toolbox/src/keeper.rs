//! The one process of a node that outlives its runner, for a moment: it waits until the runner is gone, for whatever
//! reason, and takes away what the node has on the machine: its control groups, and its directory on a disk. All else of
//! a node ends with its namespaces.

use crate::groups::{remove_tree, thaw_tree};
use crate::wire::SOCKET_FD;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::FromRawFd;
use std::time::{Duration, Instant};

/// What the path of a directory on a disk has before it; all others are control groups.
pub const DISK_PREFIX: &str = "disk:";
/// How long the processes of a killed node may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn main(paths: &[String]) -> i32 {
    // Ctrl-C at the runner's terminal is not for it.
    // SAFETY: no memory is passed.
    unsafe { libc::setsid() };
    // SAFETY: the runner passed this end of a pipe for this purpose; nobody else uses it.
    let mut runner = unsafe { File::from_raw_fd(SOCKET_FD) };
    // The runner writes nothing: a read ends when it does.
    let _ = runner.read(&mut [0]);
    paths.iter().for_each(|path| thaw_tree(path));
    let deadline = Instant::now() + PATIENCE;
    let mut left: Vec<&String> = paths.iter().collect();
    while !left.is_empty() && Instant::now() < deadline {
        left.retain(|path| match path.strip_prefix(DISK_PREFIX) {
            Some(dir) => fs::remove_dir_all(dir).is_err_and(|error| error.kind() != ErrorKind::NotFound),
            None => matches!(remove_tree(path), Err(libc::EBUSY)),
        });
        if !left.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    i32::from(!left.is_empty())
}
