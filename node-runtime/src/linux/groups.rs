//! The control groups of a node on this machine: one group in each hierarchy that is there, made for the node and
//! removed with it.
//!
//! In version 1 it lies below the group that the runner is in, in version 2 below the root of the hierarchy, for the
//! runner's own holds processes (cgroup-v2.rst, "No Internal Process Constraint"). It is taken away by a process of its
//! own ([`toolbox::keeper`]); where that was killed as well, by the next start.

use super::OrFault;
use crate::profile::{Cgroups, Profile};
use engine::kernel::cgroup::Controller;
use engine::kernel::cgroup::files::V1_CONTROLLERS;
use engine::node::Fault;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use toolbox::groups::{NodeGroup, line, remove_tree, unified};

const PREFIX: &str = "drydock.";
const CPUSET_FILES: [(&str, &str); 2] =
    [("cpuset.cpus", "cpuset.effective_cpus"), ("cpuset.mems", "cpuset.effective_mems")];

/// Makes the node's group in each hierarchy of this machine that nodes have.
pub fn make() -> Result<Vec<NodeGroup>, Fault> {
    static NODES: AtomicU32 = AtomicU32::new(0);
    let own = fs::read_to_string("/proc/self/cgroup").or_fault(|| "/proc/self/cgroup".into())?;
    let mounts = fs::read_to_string("/proc/self/mounts").or_fault(|| "/proc/self/mounts".into())?;
    let name = format!("{PREFIX}{}.{}", identity("self"), NODES.fetch_add(1, Ordering::Relaxed));
    let mut groups = Vec::new();
    for (parent, dir, controllers) in parents(&own, &mounts) {
        sweep(&parent);
        let path = format!("{parent}/{name}");
        if let Err(error) = fs::create_dir(&path) {
            groups.iter().for_each(|group: &NodeGroup| {
                let _ = remove_tree(&group.path);
            });
            return Err(Fault::new(format!("a control group for the node, {path}: {error}")));
        }
        if controllers.split(',').any(|name| name == Controller::Cpuset.name()) {
            inherit_cpuset(&parent, &path)?;
        }
        groups.push(NodeGroup { path, dir, controllers });
    }
    Ok(groups)
}

/// Where a node's group is made, where the node will have it, and with which controllers its hierarchy is mounted.
fn parents(own: &str, mounts: &str) -> Vec<(String, String, String)> {
    let own: Vec<(&str, &str)> = own.lines().filter_map(line).collect();
    let below = |mounted: String, path: &str| {
        let inner = format!("{mounted}{}", path.trim_end_matches('/'));
        if Path::new(&inner).is_dir() { inner } else { mounted }
    };
    let mut parents = Vec::new();
    let kind = Profile::here().cgroups;
    if kind.is_v1() {
        for controller in V1_CONTROLLERS {
            let has = |names: &str| names.split(',').any(|name| name == controller.name());
            let Some((names, path)) = own.iter().find(|(names, _)| has(names)) else { continue };
            let mounted = mounts.lines().find_map(|mount| {
                let mut fields = mount.split(' ').skip(1);
                let (target, fstype, options) = (fields.next()?, fields.next()?, fields.next()?);
                let fits = fstype == "cgroup" && options.split(',').any(|option| option == controller.name());
                fits.then(|| target.to_owned())
            });
            let Some(mounted) = mounted else { continue };
            parents.push((below(mounted, path), controller.name().to_owned(), (*names).to_owned()));
        }
    }
    let v2 = mounts.lines().find(|mount| mount.split(' ').nth(2) == Some("cgroup2")).and_then(|m| m.split(' ').nth(1));
    match (kind, v2) {
        (Cgroups::V2, Some(mounted)) => {
            for controller in V1_CONTROLLERS {
                // One that the machine has not is not there for the node either.
                let _ = fs::write(format!("{mounted}/cgroup.subtree_control"), format!("+{}", controller.name()));
            }
            parents.push((mounted.to_owned(), String::new(), String::new()));
        }
        (Cgroups::Hybrid, Some(mounted)) => {
            let path = own.iter().find(|(names, _)| names.is_empty()).map_or("/", |(_, path)| path);
            parents.push((below(mounted.to_owned(), path), unified(), String::new()));
        }
        _ => {}
    }
    parents
}

/// A group of version 1 takes no process before it has processors and memory (cpusets(7)).
fn inherit_cpuset(parent: &str, path: &str) -> Result<(), Fault> {
    for (file, effective) in CPUSET_FILES {
        let read = |name: &str| fs::read_to_string(format!("{parent}/{name}")).map(|text| text.trim().to_owned());
        let value = read(file).ok().filter(|value| !value.is_empty()).or_else(|| read(effective).ok());
        let target = format!("{path}/{file}");
        fs::write(&target, value.unwrap_or_default()).or_fault(|| target)?;
    }
    Ok(())
}

/// Removes what a runner has left behind that was killed together with its keeper.
fn sweep(parent: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('.')).map(|(owner, _)| owner)
        else {
            continue;
        };
        let pid = owner.split('-').next().unwrap_or_default();
        if identity(pid) != owner {
            let _ = remove_tree(&entry.path().to_string_lossy());
        }
    }
}

/// A process and when it began: its pid may be another's later.
pub(super) fn identity(pid: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let number = stat.split(' ').next().unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    // Field 22; the state is field 3 (proc_pid_stat(5)).
    format!("{number}-{}", after_name.split(' ').nth(19).unwrap_or_default())
}
