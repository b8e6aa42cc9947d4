//! The control groups of a node: what a distribution's init and a runtime do with them.
//!
//! The machine gives the node one group in each hierarchy; the init enters it before it makes its cgroup namespace, so
//! that is the root of everything here. What is open afterwards was opened through mounts of that namespace: from it
//! nobody comes to the machine's groups.

use super::{During, Step};
use crate::gate::{GATE_FD, Gate};
use crate::groups::{NodeGroup, remove_tree};
use crate::guest::groups::{INITS, guard};
use crate::os::{self, Result};
use engine::kernel::cgroup::Controller;
use engine::kernel::cgroup::files::{CONTAINERS, INIT_SCOPE, MOUNTED_AT, SESSION};
use engine::node::GroupSpec;
use std::fs::{self, File};
use std::io::Write;

/// Where the store's mount namespace has the hierarchies.
const STORE: &str = "/cgroup";
/// The file system that the hierarchies' directories are in.
const DIRECTORIES: &str = "mode=0755,size=64k";
/// What a group of version 1 must be told before a process can enter it (cpusets(7)).
const CPUSET_FILES: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

#[derive(Debug, Default)]
pub(super) struct Groups {
    all: Vec<NodeGroup>,
}

/// Files that a process enters its groups by: `0`, written to each, is the writer.
#[derive(Debug, Default)]
pub(super) struct Doors(Vec<File>);

impl Doors {
    pub(super) fn enter(&self) -> Result<()> {
        self.0.iter().try_for_each(|mut door| door.write_all(b"0").map_err(|error| code(&error)))
    }
}

impl Groups {
    /// Enters the node's groups and makes them the root of a namespace. The machine's mounts are still there.
    pub(super) fn enter(all: Vec<NodeGroup>) -> Step<Groups> {
        for group in &all {
            write(&format!("{}/{}", group.path, door_name(group)), "0").during(&group.path)?;
        }
        os::unshare(libc::CLONE_NEWCGROUP).during("unshare(CLONE_NEWCGROUP)")?;
        Ok(Groups { all })
    }

    /// Mounts them in the store, and makes those that a node has from the start.
    pub(super) fn set_up(&self) -> Step<()> {
        let gate = Gate::map(GATE_FD).during("mmap of the gate")?;
        for (n, group) in self.all.iter().enumerate() {
            let root = place(STORE, &group.dir);
            os::mkdir_all(&root).during(&root)?;
            mount(group, &root).during("mount a hierarchy in the store")?;
            guard(&gate, n, &root);
            if group.is_v2() {
                enter(&format!("{root}/{INIT_SCOPE}")).during(INIT_SCOPE)?;
                guard(&gate, INITS + n, &format!("{root}/{INIT_SCOPE}"));
                make_below(group, &root, SESSION).during(SESSION)?;
            }
            let containers = make_below(group, &root, CONTAINERS).during(CONTAINERS)?;
            share_out(group, &root);
            share_out(group, &containers);
        }
        Ok(())
    }

    /// Mounts them where programs look for them; where those are directories, nothing else is to be made beside them, as on
    /// a machine that systemd has started. The caller is in the node's mount namespace.
    pub(super) fn mount_in_node(&self) -> Step<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        os::mkdir_all(MOUNTED_AT).during(MOUNTED_AT)?;
        let has_directories = self.all.iter().any(|group| !group.dir.is_empty());
        if has_directories {
            os::mount("tmpfs", MOUNTED_AT, "tmpfs", 0, DIRECTORIES).during(MOUNTED_AT)?;
        }
        for group in &self.all {
            let target = place(MOUNTED_AT, &group.dir);
            os::mkdir_all(&target).during(&target)?;
            mount(group, &target).during(&target)?;
        }
        if has_directories {
            let fixed = libc::MS_REMOUNT | libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
            os::mount("tmpfs", MOUNTED_AT, "tmpfs", fixed, DIRECTORIES).during(MOUNTED_AT)?;
        }
        Ok(())
    }

    /// Does a container have a cgroup namespace of its own? Docker's default: with version 2 it has.
    pub(super) fn are_private(&self) -> bool {
        self.all.iter().any(|group| group.dir.is_empty())
    }

    /// Makes a container's groups and writes its limits, as its runtime does: one that the kernel refuses does not hold, and
    /// one whose file is not there has no controller here. In the store's mount namespace.
    pub(super) fn make_container(&self, spec: &GroupSpec) {
        for group in &self.all {
            let Ok(dir) = make_container(group, &place(STORE, &group.dir), &spec.path) else { continue };
            for (file, text) in spec.files(group.is_v2()) {
                let _ = write(&format!("{dir}/{file}"), &text);
            }
        }
    }

    /// The way into the groups that a process is to start in; `container` is a container's path. In the store's mount
    /// namespace. Where a group cannot be had, the process stays where the init is.
    pub(super) fn doors(&self, container: Option<&str>) -> Doors {
        let door = |group: &NodeGroup| {
            let root = place(STORE, &group.dir);
            let dir = match container {
                Some(path) => make_below(group, &root, path),
                None if group.is_v2() => make_below(group, &root, SESSION),
                // The init is in the root itself, and what it starts with it.
                None => return None,
            };
            File::options().write(true).open(format!("{}/{}", dir.ok()?, door_name(group))).ok()
        };
        Doors(self.all.iter().filter_map(door).collect())
    }

    /// Removes a container's groups with what was made in them, but for those that somebody is in.
    pub(super) fn remove(&self, path: &str) {
        for group in &self.all {
            let _ = remove_tree(&format!("{}/{path}", place(STORE, &group.dir)));
        }
    }
}

/// `tasks` moves the calling thread without the lock that all forks of the machine have to wait for
/// (kernel/cgroup/cgroup.c, cgroup_procs_write_start); version 2 has no such file for a domain.
fn door_name(group: &NodeGroup) -> &'static str {
    if group.is_v2() { "cgroup.procs" } else { "tasks" }
}

fn place(at: &str, dir: &str) -> String {
    if dir.is_empty() { at.to_owned() } else { format!("{at}/{dir}") }
}

fn mount(group: &NodeGroup, target: &str) -> Result<()> {
    os::mount(group.fstype(), target, group.fstype(), 0, &group.controllers)
}

fn enter(path: &str) -> Result<()> {
    os::mkdir_if_missing(path, 0o755)?;
    write(&format!("{path}/cgroup.procs"), "0")
}

/// `mkdir -p` below the node's root; gives the path.
fn make_below(group: &NodeGroup, root: &str, path: &str) -> Result<String> {
    let mut at = root.to_owned();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        at = make(group, &at, name)?;
    }
    Ok(at)
}

/// A runtime shares the controllers out on the way; where it may not, the container starts without them.
fn make_container(group: &NodeGroup, root: &str, path: &str) -> Result<String> {
    let mut at = root.to_owned();
    for name in path.split('/') {
        share_out(group, &at);
        at = make(group, &at, name)?;
    }
    Ok(at)
}

fn make(group: &NodeGroup, parent: &str, name: &str) -> Result<String> {
    let path = format!("{parent}/{name}");
    match os::mkdir(&path, 0o755) {
        Err(libc::EEXIST) => return Ok(path),
        other => other?,
    }
    if group.controllers.split(',').any(|name| name == Controller::Cpuset.name()) {
        for file in CPUSET_FILES {
            let inherited = fs::read_to_string(format!("{parent}/{file}")).map_err(|error| code(&error))?;
            write(&format!("{path}/{file}"), inherited.trim())?;
        }
    }
    Ok(path)
}

fn share_out(group: &NodeGroup, path: &str) {
    if group.is_v2() {
        let available = fs::read_to_string(format!("{path}/cgroup.controllers")).unwrap_or_default();
        for name in available.split_whitespace().filter(|name| crate::groups::is_known(name)) {
            let _ = write(&format!("{path}/cgroup.subtree_control"), &format!("+{name}"));
        }
    }
}

fn write(path: &str, text: &str) -> Result<()> {
    let written = File::options().write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| code(&error))
}

fn code(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
