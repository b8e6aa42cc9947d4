//! What the runner asks of a node's init, and how it answers: one postcard message a packet, descriptors beside it.

use crate::groups::NodeGroup;
use engine::node::{Cid, ContainerSpec, Place, ProcessSpec, StartError};
use serde::{Deserialize, Serialize};

/// The init's end of the socket to the runner.
pub const SOCKET_FD: i32 = 3;
/// The toolbox's own executable, for the init to copy into the node.
pub const TOOLBOX_FD: i32 = 4;
/// Longest packet: argv and env of one process.
pub const PACKET_BYTES: usize = 192 * 1024;
/// The name of the lowerdir of a container without layers: overlayfs needs one.
pub const EMPTY_LAYER: &str = "empty";

#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// The first: enter these control groups, then mount the store. `disk` is a directory on the machine's disk.
    Begin { groups: Vec<NodeGroup>, disk: Option<String> },
    /// The node's root is filled: mount the rest and move in.
    Boot,
    /// Mount a container's overlay; `lowers` are directories of the store, top first.
    Create { container: Cid, lowers: Vec<String> },
    /// Start a process; its stdin, stdout and stderr come along. `process.stdin` is not looked at.
    Spawn { slot: u32, at: Place, container: Option<Box<ContainerSpec>>, process: Box<ProcessSpec> },
    /// wait4(2) for a child that has ended.
    Reap { pid: u32 },
    /// Unmount a container's overlay.
    Remove { container: Cid },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The store is mounted; with it come the store's directory and the node's root.
    Ready,
    Done,
    /// With a pidfd if it was started.
    Spawned(Result<u32, StartError>),
    /// The raw status.
    Reaped(Option<i32>),
    /// An order could not be carried out: the node is of no use any more.
    Failed(String),
}
