//! What is told of the memory of groups: of those of containers, and of those that were made by hand.

use super::PAGE_BYTES;
use super::account::{AccountId, Class, Event, UNLIMITED};
use crate::fact::{Facts, Value, path};
use crate::kernel::SimKernel;
use crate::kernel::cgroup::files::is_of_node;

impl SimKernel {
    pub(in crate::kernel) fn memory_facts(&self, out: &mut Facts) {
        for (group, account) in self.cgroups.accounts_by_path() {
            let container = self.containers.values().find(|container| container.spec.cgroup.path == group);
            match container {
                Some(container) => self.account_facts(&["container", &container.spec.name, "cgroup"], account, out),
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
