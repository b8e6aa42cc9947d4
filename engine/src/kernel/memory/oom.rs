//! Out of memory: who pays for a page, what is taken back for it, and who is killed when nothing can be
//! (mm/memcontrol.c, try_charge_memcg; mm/oom_kill.c).

use super::account::{AccountId, Class, Event};
use super::space::Of;
use super::{ObjectId, Space};
use crate::call::{Errno, Signal, Tid, WaitStatus};
use crate::kernel::SimKernel;
use crate::kernel::lifecycle::INIT;
use crate::kernel::process::Process;
use crate::node::{Effects, Happening};

/// What a process itself takes, in pages: its program's data, heap and stack, and what the kernel keeps of it (tables,
/// stack, task). As seen on 6.18; it differs by kernel and a little by program, and facts that count it compare within a
/// tolerance.
const PROCESS_ANON: u64 = 8;
const PROCESS_KERNEL: u64 = 60;
/// oom_score_adj that is never killed.
pub(in crate::kernel) const OOM_SCORE_ADJ_MIN: i32 = -1000;

/// How an attempt to get pages ended.
pub(in crate::kernel) enum Payment {
    /// So many of them, at least one.
    Paid(u64),
    /// The one who asked was killed.
    Killed,
    /// It has to wait until there is room: oom_kill_disable of version 1.
    Waits,
    Refused(Errno),
}

/// A process's own pages, and who pays for them.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Overhead(AccountId);

impl SimKernel {
    /// Who pays for what this process touches now.
    fn payer(&self, tid: Tid) -> Option<AccountId> {
        self.cgroups.account_of(&self.process(tid)?.cgroups)
    }

    /// Charges some of these pages, as many as there is room for. `faults` is whether the program itself touched them: a
    /// fault can wait, a call cannot.
    pub(in crate::kernel) fn pay(
        &mut self,
        tid: Tid,
        class: Class,
        pages: u64,
        faults: bool,
        fx: &mut Effects,
    ) -> (Option<AccountId>, Payment) {
        let Some(payer) = self.payer(tid) else { return (None, Payment::Paid(pages)) };
        loop {
            let paid = self.cgroups.accounts.room(payer).min(pages);
            if paid > 0 {
                self.cgroups.accounts.charge(payer, class, paid);
                self.heed_high(payer);
                return (Some(payer), Payment::Paid(paid));
            }
            let Some(full) = self.cgroups.accounts.full(payer) else { return (None, Payment::Refused(Errno::ENOMEM)) };
            self.cgroups.accounts.note(full, Event::Max);
            if self.reclaim(full, pages) > 0 {
                continue;
            }
            if self.cgroups.accounts.get(full).oom_kill_disable {
                let short = if faults { Payment::Waits } else { Payment::Refused(Errno::ENOMEM) };
                return (None, short);
            }
            match self.kill_for(full, fx) {
                Some(victims) if victims.contains(&tid) => return (None, Payment::Killed),
                Some(_) => {}
                None => return (None, Payment::Refused(Errno::ENOMEM)),
            }
        }
    }

    /// Over memory.high pages are taken back and who allocates is slowed down, but nobody is killed. How long it takes is
    /// not modelled.
    fn heed_high(&mut self, payer: AccountId) {
        for account in self.cgroups.accounts.over_high(payer) {
            self.cgroups.accounts.note(account, Event::High);
            let over = self.cgroups.accounts.get(account);
            let over = over.usage().saturating_sub(over.limits.high);
            self.reclaim(account, over);
        }
    }

    /// Takes pages of files on a disk from a group and those below, the oldest first, but not what is protected. Gives
    /// how many.
    pub(in crate::kernel) fn reclaim(&mut self, short: AccountId, wanted: u64) -> u64 {
        let freed = self.reclaim_pass(short, wanted, true);
        if freed > 0 {
            return freed;
        }
        self.reclaim_pass(short, wanted, false)
    }

    fn reclaim_pass(&mut self, short: AccountId, wanted: u64, heed_low: bool) -> u64 {
        let mut freed = 0;
        for (id, piece) in self.memory.oldest() {
            let Some(payer) = piece.value.payer.filter(|payer| self.cgroups.accounts.is_below(*payer, short)) else {
                continue;
            };
            let accounts = &self.cgroups.accounts;
            let kept = accounts.protected(payer, short, heed_low);
            let taken = piece.len.min(wanted - freed).min(accounts.get(payer).usage().saturating_sub(kept));
            if taken == 0 {
                continue;
            }
            if !heed_low && accounts.protected(payer, short, true) > kept {
                self.cgroups.accounts.note(payer, Event::Low);
            }
            self.memory.evict(id, piece.from, taken);
            self.cgroups.accounts.uncharge(payer, Class::File, taken);
            freed += taken;
            if freed == wanted {
                break;
            }
        }
        freed
    }

    /// mem_cgroup_out_of_memory: kills who has the most, and with memory.oom.group all of its group. `None` if there is
    /// nobody to kill.
    pub(in crate::kernel) fn kill_for(&mut self, short: AccountId, fx: &mut Effects) -> Option<Vec<Tid>> {
        self.cgroups.accounts.note(short, Event::Oom);
        let members: Vec<Tid> =
            self.processes.keys().copied().filter(|tid| *tid != INIT && self.is_member(*tid, short)).collect();
        let limit = self.cgroups.accounts.get(short).limits.max;
        let scored = members.iter().filter_map(|tid| Some((self.badness(*tid, limit)?, *tid)));
        let (_, victim) = scored.max()?;
        let group = self.payer(victim).and_then(|account| self.killed_together(account, short));
        let mut victims = vec![victim];
        if let Some(group) = group {
            let spared = |tid: &Tid| self.process(*tid).is_none_or(|p| p.oom_score_adj == OOM_SCORE_ADJ_MIN);
            victims = members.into_iter().filter(|tid| self.is_member(*tid, group) && !spared(tid)).collect();
            self.cgroups.accounts.note(group, Event::OomGroupKill);
        }
        for victim in &victims {
            if let Some(account) = self.payer(*victim) {
                self.cgroups.accounts.note(account, Event::OomKill);
                self.tell_containers(account, fx);
            }
            let signal = Signal::SIGKILL;
            self.tell(INIT, Happening::Signaled { target: *victim, signal, delivered: true }, fx);
            self.end(*victim, WaitStatus::Signaled(signal), fx);
        }
        Some(victims)
    }

    /// Who runs a container watches its group for this.
    fn tell_containers(&self, account: AccountId, fx: &mut Effects) {
        let groups = self.cgroups.accounts_by_path();
        for (cid, container) in self.containers.iter().filter(|(_, container)| container.init.is_some()) {
            let own = groups.iter().find(|(path, _)| *path == container.spec.cgroup.path);
            let accounts = &self.cgroups.accounts;
            // What a group of version 1 counts is its own alone.
            let counts = |own: AccountId| own == account || (accounts.v2 && accounts.is_below(account, own));
            let concerns = own.is_some_and(|(_, own)| counts(*own));
            if concerns && !fx.out_of_memory.contains(cid) {
                fx.out_of_memory.push(*cid);
            }
        }
    }

    fn is_member(&self, tid: Tid, account: AccountId) -> bool {
        let alive = self.process(tid).is_some_and(Process::is_alive);
        alive && self.payer(tid).is_some_and(|payer| self.cgroups.accounts.is_below(payer, account))
    }

    /// The highest group with memory.oom.group from the victim's up to the one that is short (mem_cgroup_get_oom_group).
    fn killed_together(&self, of: AccountId, short: AccountId) -> Option<AccountId> {
        let accounts = &self.cgroups.accounts;
        let mut above: Vec<AccountId> = accounts.upward(of).take_while(|account| *account != short).collect();
        above.push(short);
        above.into_iter().rfind(|account| accounts.get(*account).oom_group)
    }

    /// oom_badness: pages, and oom_score_adj in thousandths of the limit. `None` for who is never killed.
    fn badness(&self, tid: Tid, limit: u64) -> Option<i64> {
        let process = self.process(tid).filter(|process| process.oom_score_adj != OOM_SCORE_ADJ_MIN)?;
        let share = i64::try_from(limit / 1000).unwrap_or(i64::MAX / 1000);
        Some(resident(&process.space) as i64 + i64::from(process.oom_score_adj).saturating_mul(share))
    }

    /// A process begins, or executes another program: what it takes itself is on the account of its group. That is never
    /// refused here; a kernel would kill somebody for it.
    pub(in crate::kernel) fn charge_overhead(&mut self, tid: Tid) {
        self.drop_overhead(tid);
        let Some(payer) = self.payer(tid) else { return };
        self.cgroups.accounts.charge(payer, Class::Anon, PROCESS_ANON);
        self.cgroups.accounts.charge(payer, Class::Kernel, PROCESS_KERNEL);
        if let Some(process) = self.process_mut(tid) {
            process.overhead = Some(Overhead(payer));
        }
    }

    pub(in crate::kernel) fn drop_overhead(&mut self, tid: Tid) {
        let Some(Overhead(payer)) = self.process_mut(tid).and_then(|process| process.overhead.take()) else { return };
        self.cgroups.accounts.uncharge(payer, Class::Anon, PROCESS_ANON);
        self.cgroups.accounts.uncharge(payer, Class::Kernel, PROCESS_KERNEL);
    }
}

/// Pages that a process has touched and that are there (get_mm_rss), less what all processes have.
fn resident(space: &Space) -> u64 {
    let count = |of: &Of| -> u64 {
        match of {
            Of::Private(pages) => pages.pieces().map(|piece| piece.len).sum(),
            Of::Object(ObjectId::Shared(_), pages) | Of::Object(ObjectId::File(..), pages) => {
                pages.pieces().map(|piece| piece.len).sum()
            }
        }
    };
    space.maps.values().map(|mapping| count(&mapping.of)).sum()
}
