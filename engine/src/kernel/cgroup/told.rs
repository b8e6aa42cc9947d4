//! What groups are told by as facts: the same files on both kernels, by one set of names for both versions.
//!
//! `container/NAME/cgroup/…` is the group of a container that runs, `cgroup/PATH/…` one that somebody made by hand. A file
//! that a kernel has not makes no fact: unavailable is not 0.

use super::files::{CONTAINERS, INIT_SCOPE, UNIFIED};
use super::{GroupId, Hierarchy, fs};
use crate::fact::{Facts, Value, path};
use crate::kernel::SimKernel;
use crate::kernel::lifecycle::INIT;

/// Files that are told.
pub const TOLD: [&str; 13] = [
    "cgroup.procs",
    "cgroup.events",
    "freezer.state",
    "pids.current",
    "pids.max",
    "pids.events",
    "cpu.max",
    "cpu.weight",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.shares",
    "cpuset.cpus.effective",
    "cpuset.effective_cpus",
];

/// The facts of one file, by its name and what a read of it gave.
pub fn told(file: &str, text: &str) -> Vec<(&'static str, Value)> {
    let text = text.trim();
    let number = |text: &str| text.parse().map_or_else(|_| Value::from(text.to_owned()), Value::Int);
    let unlimited = |text: &str| if text == "-1" { Value::from("max") } else { number(text) };
    let line = |name: &str| {
        let of = |line: &str| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).map(number);
        text.lines().find_map(of).unwrap_or(Value::Int(0))
    };
    match file {
        "cgroup.procs" => vec![("procs", Value::Int(text.lines().count() as i64))],
        "cgroup.events" => vec![("populated", line("populated")), ("frozen", line("frozen"))],
        "freezer.state" => vec![("frozen", Value::Int(i64::from(text != "THAWED")))],
        "pids.current" => vec![("pids/current", number(text))],
        "pids.max" => vec![("pids/max", number(text))],
        "pids.events" => vec![("pids/max_events", line("max"))],
        "cpu.max" => {
            let (quota, period) = text.split_once(' ').unwrap_or((text, ""));
            vec![("cpu/quota_us", number(quota)), ("cpu/period_us", number(period))]
        }
        "cpu.weight" => vec![("cpu/weight", number(text))],
        "cpu.cfs_quota_us" => vec![("cpu/quota_us", unlimited(text))],
        "cpu.cfs_period_us" => vec![("cpu/period_us", number(text))],
        "cpu.shares" => vec![("cpu/shares", number(text))],
        "cpuset.cpus.effective" | "cpuset.effective_cpus" => vec![("cpu/cpus", text.to_owned().into())],
        _ => Vec::new(),
    }
}

/// Is this file of a hierarchy told? Which processes a group has is told once, by the hierarchy with the pids controller;
/// the one of version 2 beside version 1 tells nothing.
pub fn is_told(dir: &str, file: &str) -> bool {
    dir != UNIFIED && TOLD.contains(&file) && (file != "cgroup.procs" || matches!(dir, "" | "pids"))
}

/// Is the group at this path below the root one that somebody made by hand?
pub fn is_by_hand(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    !first.is_empty() && ![INIT_SCOPE, CONTAINERS, "user.slice"].contains(&first)
}

/// The hierarchy whose paths are the processes'.
pub fn tells_paths(dir: &str) -> bool {
    matches!(dir, "" | "pids")
}

/// The path of a group without its first slash; a container's group is called by the container, not by its id.
pub fn shown_path<'a>(path: &str, mut containers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let path = path.trim_start_matches('/');
    let below = |group: &str| path.strip_prefix(group).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = containers.find_map(|(group, name)| Some((below(group)?, name)));
    match found {
        Some((rest, name)) => format!("{CONTAINERS}/{name}{rest}"),
        None => path.to_owned(),
    }
}

impl SimKernel {
    pub(in crate::kernel) fn group_facts(&self, out: &mut Facts) {
        for (_, hierarchy) in self.cgroups.hierarchies() {
            for group in self.cgroups.below(hierarchy.root) {
                let at = self.cgroups.path(hierarchy.root, group);
                let at = at.trim_start_matches('/');
                if is_by_hand(at) {
                    self.tell_group(hierarchy, group, &["cgroup", at], out);
                }
                let of = self.containers.values().find(|c| c.init.is_some() && c.spec.cgroup.path == at);
                if let Some(container) = of {
                    self.tell_group(hierarchy, group, &["container", &container.spec.name, "cgroup"], out);
                }
            }
        }
        self.process_group_facts(out);
    }

    fn tell_group(&self, hierarchy: &Hierarchy, group: GroupId, prefix: &[&str], out: &mut Facts) {
        for file in TOLD.iter().filter(|file| is_told(hierarchy.dir, file)) {
            let ino = self.cgroups.lookup(fs::dir_ino(group), file);
            let Some(text) = ino.and_then(|ino| self.read_cgroup(INIT, ino).ok()) else { continue };
            for (name, value) in told(file, &String::from_utf8_lossy(&text)) {
                out.insert(path(prefix.iter().copied().chain(name.split('/'))), value);
            }
        }
    }

    fn process_group_facts(&self, out: &mut Facts) {
        let Some((id, hierarchy)) = self.cgroups.hierarchies().find(|(_, hierarchy)| tells_paths(hierarchy.dir)) else {
            return;
        };
        let living = self.processes.iter().filter(|(tid, process)| **tid != INIT && process.is_alive());
        for (tid, process) in living {
            let at = self.cgroups.path(hierarchy.root, process.cgroups[id]);
            let containers = self.containers.values().map(|c| (c.spec.cgroup.path.as_str(), c.spec.name.as_str()));
            out.insert(path(["process", &tid.0.to_string(), "cgroup"]), shown_path(&at, containers).into());
        }
    }
}
