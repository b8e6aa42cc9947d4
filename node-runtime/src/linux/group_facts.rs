//! Control groups as facts, read from their files on this machine; see [`engine::kernel::cgroup::told`].

use super::facts::Seen;
use super::{LinuxKernel, OrFault};
use engine::call::Tid;
use engine::fact::{Facts, path};
use engine::kernel::cgroup::told::{TOLD, is_by_hand, is_told, shown_path, tells_paths, told};
use engine::node::Fault;
use std::collections::BTreeMap;
use std::fs;
use toolbox::groups::{NodeGroup, is_known, line};

pub fn observe(kernel: &LinuxKernel, seen: &BTreeMap<Tid, Seen>, out: &mut Facts) -> Result<(), Fault> {
    for group in kernel.machine.groups() {
        let mut paths = Vec::new();
        below(&group.path, "", &mut paths);
        for at in paths {
            if is_by_hand(&at) {
                tell(group, &at, &["cgroup", &at], out);
            }
            let running = |c: &&super::Container| c.first.is_some_and(|first| kernel.tasks.live.contains_key(&first));
            if let Some(c) = kernel.containers.values().filter(running).find(|c| c.spec.cgroup.path == at) {
                tell(group, &at, &["container", &c.spec.name, "cgroup"], out);
            }
        }
    }
    let Some(group) = kernel.machine.groups().iter().find(|group| tells_paths(&group.dir)) else { return Ok(()) };
    for (tid, process) in seen.iter().skip(1).filter(|(_, process)| process.runs()) {
        let what = || format!("/proc/{}/cgroup", process.pid);
        let text = fs::read_to_string(what()).or_fault(what)?;
        if let Some(at) = place(group, &text) {
            let containers = kernel.containers.values().map(|c| (c.spec.cgroup.path.as_str(), c.spec.name.as_str()));
            out.insert(path(["process", &tid.0.to_string(), "cgroup"]), shown_path(&at, containers).into());
        }
    }
    Ok(())
}

/// Paths below the node's root, each after the one that it lies in.
fn below(root: &str, at: &str, paths: &mut Vec<String>) {
    let entries = fs::read_dir(format!("{root}/{at}")).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if at.is_empty() { name } else { format!("{at}/{name}") };
        paths.push(path.clone());
        below(root, &path, paths);
    }
}

fn tell(group: &NodeGroup, at: &str, prefix: &[&str], out: &mut Facts) {
    for file in TOLD.iter().filter(|file| is_told(&group.dir, file)) {
        let Ok(text) = fs::read_to_string(format!("{}/{at}/{file}", group.path)) else { continue };
        for (name, value) in told(file, &text) {
            out.insert(path(prefix.iter().copied().chain(name.split('/'))), value);
        }
    }
}

/// Where in this hierarchy a process is, below the node's root.
fn place(group: &NodeGroup, groups: &str) -> Option<String> {
    let same = |names: &str| match group.is_v2() {
        true => names.is_empty(),
        false => names.split(',').any(|name| is_known(name) && name == group.dir),
    };
    let (_, path) = groups.lines().filter_map(line).find(|(names, _)| same(names))?;
    let node = group.path.rsplit('/').next()?;
    path.split_once(&format!("/{node}")).map(|(_, inside)| inside.to_owned())
}
