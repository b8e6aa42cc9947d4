//! Control groups on this machine, as far as both ends of a node need them: names, and taking a tree of groups down.

use crate::os::{self, Result};
use engine::kernel::cgroup::Controller;
use engine::kernel::cgroup::files::{UNIFIED, V1_CONTROLLERS};
use serde::{Deserialize, Serialize};
use std::fs;

/// The node's own group in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGroup {
    /// Where it is seen on the machine.
    pub path: String,
    /// Where below /sys/fs/cgroup a node has it; empty for that itself.
    pub dir: String,
    /// The hierarchy's controllers, as mount(2) is told them; empty for version 2.
    pub controllers: String,
}

impl NodeGroup {
    pub fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }

    pub fn fstype(&self) -> &'static str {
        if self.is_v2() { "cgroup2" } else { "cgroup" }
    }
}

/// A line of /proc/PID/cgroup (cgroups(7)): the controllers of the hierarchy, none for version 2, and the path.
pub fn line(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once(':')?;
    rest.split_once(':')
}

/// /proc/PID/cgroup with the hierarchies that are modelled, numbered as the model numbers them.
pub fn normal_lines(text: &str) -> String {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(line).collect();
    let has = |names: &str, controller: Controller| names.split(',').any(|name| name == controller.name());
    let mut out = String::new();
    for (n, controller) in V1_CONTROLLERS.into_iter().enumerate().rev() {
        if let Some((_, path)) = lines.iter().find(|(names, _)| has(names, controller)) {
            out += &format!("{}:{}:{path}\n", n + 1, controller.name());
        }
    }
    if let Some((_, path)) = lines.iter().find(|(names, _)| names.is_empty()) {
        out += &format!("0::{path}\n");
    }
    out
}

/// Is this one of the controllers that nodes have?
pub fn is_known(name: &str) -> bool {
    V1_CONTROLLERS.into_iter().any(|controller| controller.name() == name)
}

/// Where a node has version 2, if it has version 1 too.
pub fn unified() -> String {
    UNIFIED.to_owned()
}

/// Removes a group and all below it. EBUSY while a process is in one of them.
pub fn remove_tree(path: &str) -> Result<()> {
    let entries = fs::read_dir(path).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_tree(&entry.path().to_string_lossy())?;
    }
    os::rmdir(path)
}

/// Lets all below a group run again: SIGKILL does not reach who is frozen by version 1.
pub fn thaw_tree(path: &str) {
    let _ = fs::write(format!("{path}/freezer.state"), "THAWED");
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            thaw_tree(&entry.path().to_string_lossy());
        }
    }
}

/// The magic numbers of both kinds of cgroupfs (linux/magic.h).
pub const CGROUP_MAGIC: i64 = 0x27_e0eb;
pub const CGROUP2_MAGIC: i64 = 0x6367_7270;
