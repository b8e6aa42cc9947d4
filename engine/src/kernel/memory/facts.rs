//! What is told of the memory of groups: of those of containers, and of those that were made by hand.

use super::PAGE_BYTES;
use super::account::{AccountId, Class, Event, UNLIMITED};
use crate::fact::{Facts, Value, path};
use crate::kernel::SimKernel;
use crate::kernel::cgroup::files::is_of_node;

/// What outlives a container's group: how many were killed for its memory, and the most that it had.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct MemoryAtEnd {
    oom_kill: u64,
    peak_bytes: u64,
}

impl MemoryAtEnd {
    fn facts(self, name: &str, out: &mut Facts) {
        let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        out.insert(path(["container", name, "oom_killed"]), Value::Bool(self.oom_kill > 0));
        out.insert(path(["container", name, "cgroup", "memory", "oom_kill"]), number(self.oom_kill));
        out.insert(path(["container", name, "cgroup", "memory", "peak"]), number(self.peak_bytes));
    }
}

impl SimKernel {
    pub(in crate::kernel) fn memory_of_group(&self, path: &str) -> Option<MemoryAtEnd> {
        let (_, account) = self.cgroups.accounts_by_path().into_iter().find(|(group, _)| group == path)?;
        let account = self.cgroups.accounts.get(account);
        let oom_kill = account.events(Event::OomKill, false);
        Some(MemoryAtEnd { oom_kill, peak_bytes: account.peak * PAGE_BYTES })
    }

    pub(in crate::kernel) fn memory_facts(&self, out: &mut Facts) {
        for container in self.containers.values() {
            if let Some(memory) = container.memory_at_end {
                memory.facts(&container.spec.name, out);
            }
        }
        for (group, account) in self.cgroups.accounts_by_path() {
            let container = self.containers.values().find(|container| container.spec.cgroup.path == group);
            match container {
                Some(container) => {
                    let name = &container.spec.name;
                    let killed = self.cgroups.accounts.get(account).events(Event::OomKill, false) > 0;
                    out.insert(path(["container", name, "oom_killed"]), Value::Bool(killed));
                    self.account_facts(&["container", name, "cgroup"], account, out);
                }
                None if is_of_node(&group) => {}
                None => self.account_facts(&["cgroup", &group], account, out),
            }
        }
    }

    fn account_facts(&self, of: &[&str], id: AccountId, out: &mut Facts) {
        let accounts = &self.cgroups.accounts;
        let account = accounts.get(id);
        let mut fact = |name: &str, value: u64| {
            let names = of.iter().copied().chain(["memory", name]);
            out.insert(path(names), Value::Int(i64::try_from(value).unwrap_or(i64::MAX)));
        };
        fact("current", account.usage() * PAGE_BYTES);
        fact("peak", account.peak * PAGE_BYTES);
        for (name, limit) in [("max", account.limits.max), ("high", account.limits.high)] {
            if limit < UNLIMITED {
                fact(name, limit * PAGE_BYTES);
            }
        }
        for (name, class) in [("anon", Class::Anon), ("file", Class::File), ("shmem", Class::Shmem)] {
            fact(name, accounts.pages(id, class) * PAGE_BYTES);
        }
        fact("oom_kill", account.events(Event::OomKill, false));
        fact("max_events", account.events(Event::Max, false));
    }
}
