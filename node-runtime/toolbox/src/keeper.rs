//! The one process of a node that outlives its runner, for a moment: it waits until the runner is gone, for whatever
//! reason, and takes the node's control groups away. All else of a node ends with its namespaces; a group has none.

use crate::groups::remove_tree;
use crate::wire::SOCKET_FD;
use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::time::{Duration, Instant};

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
    let deadline = Instant::now() + PATIENCE;
    let mut left: Vec<&String> = paths.iter().collect();
    while !left.is_empty() && Instant::now() < deadline {
        left.retain(|path| matches!(remove_tree(path), Err(libc::EBUSY)));
        if !left.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    i32::from(!left.is_empty())
}
