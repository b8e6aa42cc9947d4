//! Control groups as facts have them: what memory holds beside its limits, and what of its quota a group has used.

use crate::view_model::facts::{int, under};
use crate::view_model::scene::shape::Group;
use engine::fact::{self, Facts};
use engine::sim::Set;

/// Version 1 says that there is no limit with a number of pages that no machine has.
const UNLIMITED: u64 = 1 << 60;

#[derive(Clone, Debug, PartialEq)]
pub struct Tank {
    pub group: Group,
    pub memory: Option<Memory>,
    pub cpu: Option<Cpu>,
    pub pids: Option<Pids>,
    pub frozen: bool,
    /// Wanted, but there are no facts about it: what is known of its container.
    pub absent: Option<String>,
}

/// Bytes; a limit that is not set is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub current: u64,
    pub max: Option<u64>,
    pub high: Option<u64>,
    pub anon: u64,
    /// The page cache without `shmem`, which the kernel counts among it.
    pub cache: u64,
    /// tmpfs, and memory that is shared: it can not be dropped as page cache can.
    pub shmem: u64,
    pub oom_kill: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    pub quota_us: Option<u64>,
    pub period_us: u64,
    pub weight: Option<u64>,
    pub usage_us: u64,
    pub nr_periods: u64,
    pub nr_throttled: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pids {
    pub current: u64,
    pub max: Option<u64>,
}

impl Cpu {
    /// What it used of a period, on average over the periods in which it ran.
    pub fn used_us(&self) -> u64 {
        self.usage_us.checked_div(self.nr_periods).unwrap_or(0)
    }
}

impl Tank {
    fn read(group: Group, facts: &Facts) -> Tank {
        let prefix = group.facts();
        let of = |rest: &str| {
            let bytes = int(facts, &format!("{prefix}/{rest}")).and_then(|n| u64::try_from(n).ok());
            bytes.filter(|bytes| *bytes < UNLIMITED)
        };
        let memory = of("memory/current").map(|current| {
            let (file, shmem) = (of("memory/file").unwrap_or(0), of("memory/shmem").unwrap_or(0));
            Memory {
                current,
                max: of("memory/max"),
                high: of("memory/high"),
                anon: of("memory/anon").unwrap_or(0),
                cache: file.saturating_sub(shmem),
                shmem,
                oom_kill: int(facts, &format!("{prefix}/memory/oom_kill")),
            }
        });
        let cpu = of("cpu/usage_us").or_else(|| of("cpu/weight")).or_else(|| of("cpu/period_us")).map(|_| Cpu {
            quota_us: of("cpu/quota_us"),
            period_us: of("cpu/period_us").filter(|us| *us > 0).unwrap_or(100_000),
            weight: of("cpu/weight"),
            usage_us: of("cpu/usage_us").unwrap_or(0),
            nr_periods: of("cpu/nr_periods").unwrap_or(0),
            nr_throttled: of("cpu/nr_throttled").unwrap_or(0),
        });
        let pids = of("pids/current").map(|current| Pids { current, max: of("pids/max") });
        let frozen = facts
            .get(&format!("{prefix}/frozen"))
            .is_some_and(|value| matches!(value.to_string().as_str(), "1" | "true"));
        let absent = (memory.is_none() && cpu.is_none() && pids.is_none()).then(String::new);
        Tank { group, memory, cpu, pids, frozen, absent }
    }
}

/// The wanted ones first, in their order; then every other that there are facts about.
pub fn tanks(facts: &Facts, containers: &[String], cgroups: &[String]) -> Vec<Tank> {
    let wanted = containers.iter().cloned().map(Group::Container).chain(cgroups.iter().cloned().map(Group::Path));
    let wanted: Vec<Group> = wanted.collect();
    let of_container = under(facts, "container/").filter_map(|(rest, _)| {
        let (name, rest) = rest.split_once('/')?;
        rest.starts_with("cgroup/").then(|| Group::Container(fact::unescape(name)))
    });
    let by_hand =
        under(facts, "cgroup/").filter_map(|(rest, _)| Some(Group::Path(fact::unescape(rest.split_once('/')?.0))));
    let others: Set<Group> = of_container.chain(by_hand).filter(|group| !wanted.contains(group)).collect();
    let read = |group: Group| {
        let mut tank = Tank::read(group, facts);
        if let (Some(words), Group::Container(name)) = (&mut tank.absent, &tank.group) {
            *words = super::model::absence(facts, name);
            if words == "running" {
                // It has one, of which this kernel's facts say nothing.
                words.clear();
            }
        } else if let Some(words) = &mut tank.absent {
            "not there yet".clone_into(words);
        }
        tank
    };
    wanted.into_iter().chain(others).map(read).collect()
}
