//! What the kernel tells of the memory of the node's groups, by the names of version 2 whatever the version.

use super::LinuxKernel;
use engine::call::Tid;
use engine::fact::{Facts, Value, path};
use engine::kernel::cgroup::Controller;
use engine::kernel::cgroup::files::is_of_node;
use engine::node::{ContainerSpec, Effects};
use std::fs;
use std::path::Path;
use toolbox::groups::NodeGroup;

/// A limit from here on is none: version 1 tells the largest number of whole pages for it.
const UNLIMITED: u64 = i64::MAX as u64 / 4096 * 4096;

/// A group's directory, and the names of its files by version.
struct Group<'a> {
    dir: &'a Path,
    v2: bool,
}

/// What outlives a container's group; none of what this kernel has no file for.
#[derive(Clone, Copy, Debug)]
pub struct AtEnd {
    oom_kill: Option<u64>,
    peak_bytes: Option<u64>,
}

impl LinuxKernel {
    /// The hierarchies that count memory: that of version 2 where it is the only one.
    fn counts(&self) -> impl Iterator<Item = &NodeGroup> {
        let name = Controller::Memory.name();
        let has = move |controllers: &str| {
            controllers.is_empty() || controllers.split(',').any(|controller| controller == name)
        };
        let all = self.machine.groups().iter();
        all.filter(move |group| has(&group.controllers) && (!group.is_v2() || group.dir.is_empty()))
    }

    fn memory_of(&self, spec: &ContainerSpec) -> Option<AtEnd> {
        let node = self.counts().next()?;
        let dir = Path::new(&node.path).join(&spec.cgroup.path);
        let group = Group { dir: &dir, v2: node.is_v2() };
        dir.is_dir().then(|| AtEnd { oom_kill: group.oom_kill(), peak_bytes: group.peak() })
    }

    /// A process was killed: was it for the memory of a container that runs?
    pub(super) fn look_for_oom_kills(&mut self, fx: &mut Effects) {
        for cid in self.containers.keys().copied().collect::<Vec<_>>() {
            let now = self.memory_of(&self.containers[&cid].spec).and_then(|memory| memory.oom_kill);
            let Some(container) = self.containers.get_mut(&cid) else { continue };
            if now.is_some_and(|now| now > container.oom_kills) {
                container.oom_kills = now.unwrap_or(0);
                fx.out_of_memory.extend((!fx.out_of_memory.contains(&cid)).then_some(cid));
            }
        }
    }

    /// A container's first process is about to be reaped, and its group removed.
    pub(super) fn keep_memory_of(&mut self, first: Tid) {
        let ending = self.containers.iter().find(|(_, container)| container.first == Some(first));
        let Some((cid, memory)) = ending.map(|(cid, container)| (*cid, self.memory_of(&container.spec))) else {
            return;
        };
        if let Some(container) = self.containers.get_mut(&cid) {
            container.memory_at_end = memory;
        }
    }
}

pub fn facts(kernel: &LinuxKernel, out: &mut Facts) {
    for container in kernel.containers.values() {
        if let Some(AtEnd { oom_kill, peak_bytes }) = container.memory_at_end {
            oom_killed(&container.spec.name, oom_kill, out);
            for (name, value) in [("oom_kill", oom_kill), ("peak", peak_bytes)] {
                let value = value.and_then(|value| i64::try_from(value).ok());
                let at = path(["container", &container.spec.name, "cgroup", "memory", name]);
                out.extend(value.map(|value| (at, Value::Int(value))));
            }
        }
    }
    for node in kernel.counts() {
        walk(kernel, Path::new(&node.path), "", node.is_v2(), out);
    }
}

/// The groups below one, each by its path from the node's root.
fn walk(kernel: &LinuxKernel, dir: &Path, at: &str, v2: bool, out: &mut Facts) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let group = if at.is_empty() { name } else { format!("{at}/{name}") };
        let container = kernel.containers.values().find(|container| container.spec.cgroup.path == group);
        let told = Group { dir: &entry.path(), v2 };
        match container {
            Some(container) => {
                oom_killed(&container.spec.name, told.oom_kill(), out);
                told.facts(&["container", &container.spec.name, "cgroup"], out);
            }
            None if is_of_node(&group) => {}
            None => told.facts(&["cgroup", &group], out),
        }
        walk(kernel, &entry.path(), &group, v2, out);
    }
}

fn oom_killed(container: &str, oom_kill: Option<u64>, out: &mut Facts) {
    out.extend(oom_kill.map(|count| (path(["container", container, "oom_killed"]), Value::Bool(count > 0))));
}

impl Group<'_> {
    fn oom_kill(&self) -> Option<u64> {
        field(self.read(if self.v2 { "memory.events" } else { "memory.oom_control" }).as_deref(), "oom_kill")
    }

    fn peak(&self) -> Option<u64> {
        self.read(if self.v2 { "memory.peak" } else { "memory.max_usage_in_bytes" })?.trim().parse().ok()
    }

    /// A file that this kernel has not is no fact.
    fn facts(&self, of: &[&str], out: &mut Facts) {
        let mut fact = |name: &str, value: Option<u64>| {
            if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
                out.insert(path(of.iter().copied().chain(["memory", name])), Value::Int(value));
            }
        };
        let either = |v2: &str, v1: &str| self.read(if self.v2 { v2 } else { v1 });
        let number = |text: Option<String>| text?.trim().parse::<u64>().ok();
        let limit = |text: Option<String>| number(text).filter(|bytes| *bytes < UNLIMITED);
        fact("current", number(either("memory.current", "memory.usage_in_bytes")));
        fact("peak", self.peak());
        fact("max", limit(either("memory.max", "memory.limit_in_bytes")));
        fact("high", limit(self.read("memory.high")));
        let stat = self.read("memory.stat");
        let [anon, files, shmem] = match self.v2 {
            true => ["anon", "file", "shmem"],
            false => ["total_rss", "total_cache", "total_shmem"],
        }
        .map(|name| field(stat.as_deref(), name));
        fact("anon", anon);
        fact("file", files.zip(shmem).map(|(files, shmem)| files.saturating_sub(shmem)));
        fact("shmem", shmem);
        fact("oom_kill", self.oom_kill());
        fact(
            "max_events",
            match self.v2 {
                true => field(self.read("memory.events").as_deref(), "max"),
                false => number(self.read("memory.failcnt")),
            },
        );
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(file)).ok()
    }
}

fn field(text: Option<&str>, name: &str) -> Option<u64> {
    text?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
