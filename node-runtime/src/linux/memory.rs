//! What the kernel tells of the memory of the node's groups, by the names of version 2 whatever the version.

use super::LinuxKernel;
use engine::fact::{Facts, Value, path};
use engine::kernel::cgroup::Controller;
use engine::kernel::cgroup::files::is_of_node;
use std::fs;
use std::path::Path;

/// A limit from here on is none: version 1 tells the largest number of whole pages for it.
const UNLIMITED: u64 = i64::MAX as u64 / 4096 * 4096;

/// A group's directory, and the names of its files by version.
struct Group<'a> {
    dir: &'a Path,
    v2: bool,
}

pub fn facts(kernel: &LinuxKernel, out: &mut Facts) {
    let name = Controller::Memory.name();
    let has = |controllers: &str| controllers.is_empty() || controllers.split(',').any(|controller| controller == name);
    let hierarchies = kernel.machine.groups().iter();
    // That of version 2 has it where it is the only one.
    let counts = hierarchies.filter(|group| has(&group.controllers) && (!group.is_v2() || group.dir.is_empty()));
    for node in counts {
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
            Some(container) => told.facts(&["container", &container.spec.name, "cgroup"], out),
            None if is_of_node(&group) => {}
            None => told.facts(&["cgroup", &group], out),
        }
        walk(kernel, &entry.path(), &group, v2, out);
    }
}

impl Group<'_> {
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
        fact("peak", number(either("memory.peak", "memory.max_usage_in_bytes")));
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
        fact("oom_kill", field(either("memory.events", "memory.oom_control").as_deref(), "oom_kill"));
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
