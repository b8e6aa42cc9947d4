//! The files of the memory controller (cgroup-v2.rst, "Memory Interface Files"; cgroup-v1/memory.rst). What is counted is
//! kept in `kernel::memory`, where it is also decided who is killed.

use super::{ControlGroups, GroupId, Membership, number};
use crate::call::{Errno, Tid};
use crate::kernel::SimKernel;
use crate::kernel::memory::PAGE_BYTES;
use crate::kernel::memory::account::{Account, AccountId, Class, EVENTS, Event, UNLIMITED};
use crate::node::Effects;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    Usage,
    Peak,
    Limit(Limit),
    Events {
        local: bool,
    },
    Stat,
    OomGroup,
    Reclaim,
    /// Of version 1 only, as those below.
    Failcnt,
    OomControl,
    ForceEmpty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Limit {
    Max,
    High,
    Low,
    Min,
    Soft,
}

const MIB: u64 = 1 << 20;
/// What both kernels tell of `memory.stat`; the rest is counted by no model.
const STAT: [&str; 8] = ["anon", "cache", "file", "rss", "shmem", "total_cache", "total_rss", "total_shmem"];

/// What is told of such a file's content, on either kernel. Linux charges in batches for each processor and counts its own
/// tables and stacks, so sizes are told in whole MiB; and how often a limit was met depends on how reclaim went, so of that
/// only whether it was.
pub fn shown(name: &str, text: &str) -> String {
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let rounded = |bytes: u64| bytes / MIB * MIB;
    let lines = |tell: &dyn Fn(&str, u64) -> Option<u64>| -> String {
        let fields = text.lines().filter_map(|line| line.split_once(' '));
        fields.filter_map(|(name, value)| Some(format!("{name} {}\n", tell(name, number(value))?))).collect()
    };
    match name {
        "memory.current" | "memory.peak" | "memory.usage_in_bytes" | "memory.max_usage_in_bytes" => {
            format!("{}\n", rounded(number(text)))
        }
        "memory.failcnt" => format!("{}\n", number(text).min(1)),
        "memory.stat" => lines(&|name, bytes| STAT.contains(&name).then(|| rounded(bytes))),
        "memory.events" | "memory.events.local" => lines(&|name, count| match name {
            "oom_kill" | "oom_group_kill" => Some(count),
            known if EVENTS.iter().any(|(event, _)| *event == known) => Some(count.min(1)),
            _ => None,
        }),
        _ => text.to_owned(),
    }
}

impl ControlGroups {
    /// The account of the group that a process is in, or of the nearest above with the memory controller.
    pub(in crate::kernel) fn account_of(&self, at: &Membership) -> Option<AccountId> {
        let (id, _) = self.hierarchies().find(|(_, hierarchy)| hierarchy.controllers.has(super::Controller::Memory))?;
        Some(at[id]).filter(|group| group.0 != 0).and_then(|group| self.nearest_account(group))
    }

    /// Every account with the path of its group from the node's root, but the root's.
    pub(in crate::kernel) fn accounts_by_path(&self) -> Vec<(String, AccountId)> {
        let counts = self.hierarchies().find(|(_, hierarchy)| hierarchy.controllers.has(super::Controller::Memory));
        let Some((_, hierarchy)) = counts else { return Vec::new() };
        let told = |group: GroupId| {
            let path = self.path(hierarchy.root, group).trim_start_matches('/').to_owned();
            Some((path, self.group(group).memory?))
        };
        self.below(hierarchy.root).into_iter().skip(1).filter_map(told).collect()
    }

    fn nearest_account(&self, group: GroupId) -> Option<AccountId> {
        self.upward(group).find_map(|group| self.group(group).memory)
    }

    /// Opens or closes a group's account, as the controller was given to it or taken.
    pub(super) fn keep_account(&mut self, id: GroupId, wanted: bool) {
        match (self.group(id).memory, wanted) {
            (None, true) => {
                let above = self.group(id).parent.and_then(|parent| self.nearest_account(parent));
                self.accounts.v2 = self.is_v2(id);
                let account = self.accounts.open(above);
                self.group_mut(id).memory = Some(account);
            }
            (Some(account), false) => {
                self.group_mut(id).memory = None;
                self.accounts.close(account);
            }
            _ => {}
        }
    }
}

impl SimKernel {
    pub(super) fn read_memory(&self, group: GroupId, name: &str, what: What) -> Result<String, Errno> {
        let all = &self.cgroups;
        let id = all.group(group).memory.ok_or(Errno::ENODEV)?;
        let (account, v2) = (all.accounts.get(id), all.is_v2(group));
        let text = match what {
            What::Usage => format!("{}\n", account.usage() * PAGE_BYTES),
            What::Peak => format!("{}\n", account.peak * PAGE_BYTES),
            What::Limit(limit) => told(*of(account, limit), v2),
            What::Events { local } => {
                EVENTS.iter().map(|(name, event)| format!("{name} {}\n", account.events(*event, local))).collect()
            }
            What::Stat => self.memory_stat(id, v2),
            What::OomGroup => format!("{}\n", u8::from(account.oom_group)),
            What::Failcnt => format!("{}\n", account.events(Event::Max, true)),
            What::OomControl => format!(
                "oom_kill_disable {}\nunder_oom {}\noom_kill {}\n",
                u8::from(account.oom_kill_disable),
                u8::from(self.waits_for_memory(id)),
                account.events(Event::OomKill, true)
            ),
            What::Reclaim | What::ForceEmpty => return Err(Errno::EINVAL),
        };
        Ok(shown(name, &text))
    }

    /// Its names are those of the version: `rss` of the one is `anon` of the other, and so are `cache` and `file`.
    fn memory_stat(&self, id: AccountId, v2: bool) -> String {
        let accounts = &self.cgroups.accounts;
        let below = |class| accounts.pages(id, class) * PAGE_BYTES;
        let own = |class| accounts.get(id).own(class) * PAGE_BYTES;
        let line = |name: &str, bytes: u64| format!("{name} {bytes}\n");
        let files = |count: &dyn Fn(Class) -> u64| count(Class::File) + count(Class::Shmem);
        if v2 {
            let [anon, shmem] = [Class::Anon, Class::Shmem].map(below);
            return line("anon", anon) + &line("file", files(&below)) + &line("shmem", shmem);
        }
        let told = |prefix: &str, count: &dyn Fn(Class) -> u64| {
            line(&format!("{prefix}cache"), files(count))
                + &line(&format!("{prefix}rss"), count(Class::Anon))
                + &line(&format!("{prefix}shmem"), count(Class::Shmem))
        };
        told("", &own) + &told("total_", &below)
    }

    pub(super) fn write_memory(
        &mut self,
        group: GroupId,
        what: What,
        text: &str,
        fx: &mut Effects,
    ) -> Result<(), Errno> {
        let id = self.cgroups.group(group).memory.ok_or(Errno::ENODEV)?;
        let (text, v2) = (text.trim(), self.cgroups.is_v2(group));
        // Who waits for memory may have it now.
        self.unsettled = true;
        match what {
            What::Limit(Limit::Max) if v2 => self.set_max(id, parsed(text, "max")?, fx),
            What::Limit(Limit::Max) => return self.lower_limit(id, parsed(text, "-1")?),
            What::Limit(Limit::High) => {
                let high = parsed(text, "max")?;
                self.cgroups.accounts.get_mut(id).limits.high = high;
                let over = self.cgroups.accounts.get_mut(id).usage().saturating_sub(high);
                self.reclaim(id, over);
            }
            What::Limit(limit) => {
                let pages = parsed(text, if v2 { "max" } else { "-1" })?;
                *of_mut(self.cgroups.accounts.get_mut(id), limit) = pages;
            }
            What::OomGroup => self.cgroups.accounts.get_mut(id).oom_group = flag(number::signed(text)?)?,
            What::OomControl => self.cgroups.accounts.get_mut(id).oom_kill_disable = flag(number::signed(text)?)?,
            What::Reclaim => {
                let wanted = parsed(text, "max")?;
                if self.reclaim(id, wanted) < wanted {
                    return Err(Errno::EAGAIN);
                }
            }
            What::ForceEmpty => drop(self.reclaim(id, u64::MAX)),
            What::Peak if !v2 => self.cgroups.accounts.get_mut(id).forget_peak(),
            What::Failcnt => self.cgroups.accounts.get_mut(id).forget_failures(),
            What::Usage | What::Peak | What::Events { .. } | What::Stat => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// memory_max_write: the limit stands at once; pages are taken back, and then processes killed, until it holds.
    fn set_max(&mut self, id: AccountId, max: u64, fx: &mut Effects) {
        self.cgroups.accounts.get_mut(id).limits.max = max;
        loop {
            let over = self.cgroups.accounts.get(id).usage().saturating_sub(max);
            if over == 0 || (self.reclaim(id, over) == 0 && self.kill_for(id, fx).is_none()) {
                return;
            }
        }
    }

    /// mem_cgroup_resize_max: a limit that cannot be kept is refused.
    fn lower_limit(&mut self, id: AccountId, max: u64) -> Result<(), Errno> {
        let over = self.cgroups.accounts.get(id).usage().saturating_sub(max);
        if over > 0 && self.reclaim(id, over) < over {
            return Err(Errno::EBUSY);
        }
        self.cgroups.accounts.get_mut(id).limits.max = max;
        Ok(())
    }

    /// Does a process below wait because of this group's limit?
    fn waits_for_memory(&self, id: AccountId) -> bool {
        let accounts = &self.cgroups.accounts;
        let waits = |tid: &Tid| self.process(*tid).is_some_and(|process| process.waits_for_memory());
        self.processes.keys().filter(|tid| waits(tid)).any(|tid| {
            let payer = self.process(*tid).and_then(|process| self.cgroups.account_of(&process.cgroups));
            payer.is_some_and(|payer| accounts.is_below(payer, id) && accounts.full(payer) == Some(id))
        })
    }
}

fn of(account: &Account, limit: Limit) -> &u64 {
    match limit {
        Limit::Max => &account.limits.max,
        Limit::High => &account.limits.high,
        Limit::Low => &account.limits.low,
        Limit::Min => &account.limits.min,
        Limit::Soft => &account.limits.soft,
    }
}

fn of_mut(account: &mut Account, limit: Limit) -> &mut u64 {
    match limit {
        Limit::Max => &mut account.limits.max,
        Limit::High => &mut account.limits.high,
        Limit::Low => &mut account.limits.low,
        Limit::Min => &mut account.limits.min,
        Limit::Soft => &mut account.limits.soft,
    }
}

fn told(pages: u64, v2: bool) -> String {
    if v2 && pages == UNLIMITED { "max\n".to_owned() } else { format!("{}\n", pages * PAGE_BYTES) }
}

fn flag(number: i64) -> Result<bool, Errno> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}

/// page_counter_memparse: bytes, with a suffix, as whole pages.
fn parsed(text: &str, unlimited: &str) -> Result<u64, Errno> {
    if text == unlimited {
        return Ok(UNLIMITED);
    }
    let bytes = number::with_suffix(text).ok_or(Errno::EINVAL)?;
    Ok((bytes / PAGE_BYTES).min(UNLIMITED))
}
