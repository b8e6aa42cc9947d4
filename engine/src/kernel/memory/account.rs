//! Accounts: what each group with the memory controller has used, and may use (mm/memcontrol.c, mm/page_counter.c).
//!
//! An account outlives its group while there is something on it: pages stay with who paid for them, and the groups above
//! still count them.

use super::PAGE_BYTES;
use crate::sim::Map;
use std::sync::Arc;

/// From 1; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) struct AccountId(pub u32);

/// No limit (PAGE_COUNTER_MAX).
pub(in crate::kernel) const UNLIMITED: u64 = i64::MAX as u64 / PAGE_BYTES;

/// What a page is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Class {
    Anon,
    /// Pages of files on a disk, which the kernel can take back.
    File,
    /// Pages of a tmpfs and of shared memory, which it cannot without swap.
    Shmem,
    /// The kernel's own, for a process.
    Kernel,
}

/// What `memory.events` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Event {
    Low,
    High,
    Max,
    Oom,
    OomKill,
    OomGroupKill,
}

/// In the order of `memory.events`.
pub(in crate::kernel) const EVENTS: [(&str, Event); 6] = [
    ("low", Event::Low),
    ("high", Event::High),
    ("max", Event::Max),
    ("oom", Event::Oom),
    ("oom_kill", Event::OomKill),
    ("oom_group_kill", Event::OomGroupKill),
];

/// Limits, in pages.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Limits {
    pub max: u64,
    pub high: u64,
    pub low: u64,
    pub min: u64,
    /// `memory.soft_limit_in_bytes` of version 1, which reclaim heeds only when the machine is short.
    pub soft: u64,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Account {
    parent: Option<AccountId>,
    /// Its group is there.
    online: bool,
    pub limits: Limits,
    /// `memory.oom.group`.
    pub oom_group: bool,
    /// `memory.oom_control` of version 1.
    pub oom_kill_disable: bool,
    /// Pages of this group alone, by class.
    own: [u64; 4],
    /// Pages of the group and all below.
    usage: u64,
    pub peak: u64,
    /// What happened in this group alone, and in it or below.
    local: [u64; 6],
    total: [u64; 6],
}

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Accounts {
    all: Map<AccountId, Arc<Account>>,
    next: u32,
    /// Version 2: events count in the groups above too.
    pub v2: bool,
}

impl Accounts {
    pub fn open(&mut self, parent: Option<AccountId>) -> AccountId {
        self.next += 1;
        let id = AccountId(self.next);
        let oom_kill_disable = parent.is_some_and(|parent| !self.v2 && self.get(parent).oom_kill_disable);
        let limits = Limits { max: UNLIMITED, high: UNLIMITED, low: 0, min: 0, soft: UNLIMITED };
        let account = Account {
            parent,
            online: true,
            limits,
            oom_group: false,
            oom_kill_disable,
            own: [0; 4],
            usage: 0,
            peak: 0,
            local: [0; 6],
            total: [0; 6],
        };
        self.all.insert(id, Arc::new(account));
        id
    }

    /// Its group is gone, or has no memory controller any more.
    pub fn close(&mut self, id: AccountId) {
        self.get_mut(id).online = false;
        self.forget(id);
    }

    /// INVARIANT(account-lives): an account is dropped when its group is gone and nothing is on it or below.
    fn forget(&mut self, id: AccountId) {
        let mut next = Some(id);
        while let Some(id) = next {
            let account = self.get(id);
            let used = account.online || account.usage > 0 || self.all.values().any(|other| other.parent == Some(id));
            next = account.parent.filter(|_| !used);
            if !used {
                self.all.remove(&id);
            }
        }
    }

    pub fn get(&self, id: AccountId) -> &Account {
        &self.all[&id]
    }

    pub fn get_mut(&mut self, id: AccountId) -> &mut Account {
        Arc::make_mut(self.all.get_mut(&id).expect("INVARIANT(account-lives)"))
    }

    /// The account and those above it.
    pub fn upward(&self, id: AccountId) -> impl Iterator<Item = AccountId> + '_ {
        std::iter::successors(Some(id), |id| self.get(*id).parent)
    }

    pub fn is_below(&self, id: AccountId, above: AccountId) -> bool {
        self.all.contains_key(&id) && self.upward(id).any(|id| id == above)
    }

    /// Pages that may still be charged before some limit is reached.
    pub fn room(&self, id: AccountId) -> u64 {
        self.upward(id).map(|id| self.get(id)).map(|a| a.limits.max.saturating_sub(a.usage)).min().unwrap_or(UNLIMITED)
    }

    /// The nearest that has reached its limit: page_counter_try_charge goes from the bottom up.
    pub fn full(&self, id: AccountId) -> Option<AccountId> {
        self.upward(id).find(|id| self.get(*id).usage >= self.get(*id).limits.max)
    }

    /// Those with more than `memory.high`, from the bottom up.
    pub fn over_high(&self, id: AccountId) -> Vec<AccountId> {
        self.upward(id).filter(|id| self.get(*id).usage > self.get(*id).limits.high).collect()
    }

    /// Puts pages on an account, whatever its limit.
    pub fn charge(&mut self, id: AccountId, class: Class, pages: u64) {
        self.get_mut(id).own[class as usize] += pages;
        let chain: Vec<AccountId> = self.upward(id).collect();
        for id in chain {
            let account = self.get_mut(id);
            account.usage += pages;
            account.peak = account.peak.max(account.usage);
        }
    }

    pub fn uncharge(&mut self, id: AccountId, class: Class, pages: u64) {
        self.get_mut(id).own[class as usize] -= pages;
        let chain: Vec<AccountId> = self.upward(id).collect();
        chain.into_iter().for_each(|id| self.get_mut(id).usage -= pages);
        self.forget(id);
    }

    pub fn note(&mut self, id: AccountId, event: Event) {
        self.get_mut(id).local[event as usize] += 1;
        let reach = if self.v2 { usize::MAX } else { 1 };
        let chain: Vec<AccountId> = self.upward(id).take(reach).collect();
        chain.into_iter().for_each(|id| self.get_mut(id).total[event as usize] += 1);
    }

    /// Pages of this class in the group and all below.
    pub fn pages(&self, id: AccountId, class: Class) -> u64 {
        let below = self.all.iter().filter(|(other, _)| self.is_below(**other, id));
        below.map(|(_, account)| account.own[class as usize]).sum()
    }

    /// How much of it reclaim has to leave it, seen from a group above that is short: memory.min, or that and memory.low
    /// (mm/page_counter.c, effective_protection). A group has no more than those above it, up to the one that is short.
    pub fn protected(&self, id: AccountId, from: AccountId, low_too: bool) -> u64 {
        let own =
            |account: &Account| if low_too { account.limits.min.max(account.limits.low) } else { account.limits.min };
        let until = self.upward(id).take_while(|id| *id != from);
        until.map(|id| own(self.get(id))).min().unwrap_or(0)
    }
}

impl Account {
    pub fn usage(&self) -> u64 {
        self.usage
    }

    pub fn own(&self, class: Class) -> u64 {
        self.own[class as usize]
    }

    /// `memory.max_usage_in_bytes` was written to.
    pub fn forget_peak(&mut self) {
        self.peak = self.usage;
    }

    /// `memory.failcnt` was written to.
    pub fn forget_failures(&mut self) {
        self.local[Event::Max as usize] = 0;
    }

    pub fn events(&self, event: Event, local: bool) -> u64 {
        if local { self.local[event as usize] } else { self.total[event as usize] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> (Accounts, AccountId, AccountId) {
        let mut accounts = Accounts { v2: true, ..Accounts::default() };
        let above = accounts.open(None);
        let below = accounts.open(Some(above));
        (accounts, above, below)
    }

    #[test]
    fn pages_count_in_every_group_above_and_the_smallest_limit_decides() {
        let (mut accounts, above, below) = accounts();
        accounts.get_mut(above).limits.max = 10;
        accounts.get_mut(below).limits.max = 20;
        accounts.charge(below, Class::Anon, 7);
        accounts.charge(above, Class::Shmem, 1);
        assert_eq!((accounts.room(below), accounts.full(below)), (2, None));
        accounts.charge(below, Class::File, 2);
        assert_eq!((accounts.room(below), accounts.full(below)), (0, Some(above)));
        assert_eq!((accounts.pages(above, Class::Anon), accounts.get(above).own(Class::Anon)), (7, 0));
        accounts.uncharge(below, Class::Anon, 7);
        assert_eq!((accounts.get(above).usage(), accounts.get(above).peak), (3, 10));
    }

    #[test]
    fn what_is_on_the_account_of_a_group_that_is_gone_counts_above() {
        let (mut accounts, above, below) = accounts();
        accounts.charge(below, Class::File, 3);
        accounts.close(below);
        assert_eq!(accounts.pages(above, Class::File), 3);
        accounts.uncharge(below, Class::File, 3);
        assert_eq!((accounts.get(above).usage(), accounts.all.len()), (0, 1));
    }

    #[test]
    fn events_go_up_in_version_2_alone() {
        let (mut accounts, above, below) = accounts();
        accounts.note(below, Event::OomKill);
        accounts.v2 = false;
        accounts.note(below, Event::OomKill);
        let told = |id, local| accounts.get(id).events(Event::OomKill, local);
        assert_eq!([told(above, false), told(above, true), told(below, false), told(below, true)], [1, 0, 2, 2]);
    }
}
