//! Who is in which group: being born and ending there, and being moved (kernel/cgroup/cgroup.c, __cgroup_procs_write).

use super::{ControlGroups, GroupId, Membership, number};
use crate::call::{Errno, Tid};
use crate::kernel::SimKernel;
use crate::kernel::process::Process;
use crate::kernel::vfs::View;
use crate::kernel::vfs::resolve::WRITE;

impl ControlGroups {
    /// A process begins in its groups.
    pub(in crate::kernel) fn enter(&mut self, at: &Membership) {
        for group in members(at) {
            let group = self.group_mut(group);
            group.running += 1;
            group.charged += 1;
        }
    }

    /// A process has ended: it runs nowhere any more, and is charged until it is reaped.
    pub(in crate::kernel) fn stop(&mut self, at: &Membership) {
        members(at).for_each(|group| self.group_mut(group).running -= 1);
    }

    /// A zombie was reaped.
    pub(in crate::kernel) fn leave(&mut self, at: &Membership) {
        members(at).for_each(|group| self.group_mut(group).charged -= 1);
    }

    /// A process that runs goes from one group to another of the hierarchy.
    fn transfer(&mut self, from: GroupId, to: GroupId) {
        for (group, more) in [(from, false), (to, true)] {
            let group = self.group_mut(group);
            let by = |count: &mut u32| *count = if more { *count + 1 } else { *count - 1 };
            by(&mut group.running);
            by(&mut group.charged);
        }
    }
}

fn members(at: &Membership) -> impl Iterator<Item = GroupId> + '_ {
    at.iter().copied().filter(|group| group.0 != 0)
}

impl SimKernel {
    /// Puts a process into a group, whoever may.
    pub(in crate::kernel) fn move_process(&mut self, tid: Tid, to: GroupId) {
        let hierarchy = self.cgroups.group(to).hierarchy;
        let Some(process) = self.process_mut(tid).filter(|process| process.is_alive()) else { return };
        let from = std::mem::replace(&mut process.cgroups[hierarchy], to);
        if from != to {
            self.cgroups.transfer(from, to);
            self.follow_cpuset(tid, true);
            self.unsettled = true;
        }
    }

    /// Processes of a group, as the pid namespace of `reader` numbers them. Version 2 shows 0 for one that has no number
    /// there, version 1 leaves it out; neither shows a zombie. Their order is put away (`engine::call`).
    pub(super) fn list_members(&self, reader: Tid, group: GroupId, threads: bool) -> Result<String, Errno> {
        let hierarchy = self.cgroups.group(group).hierarchy;
        if !threads && self.cgroups.group(group).core.threaded {
            return Err(Errno::ENOTSUP);
        }
        let ns = self.process(reader).ok_or(Errno::ESRCH)?.pid_ns();
        // The processes of a domain are also those whose threads are in groups of threads below.
        let belongs = |at: GroupId| at == group || (!threads && self.cgroups.domain(at) == group);
        let is_member = |process: &&Process| process.is_alive() && belongs(process.cgroups[hierarchy]);
        let members = self.processes.values().map(|process| &**process).filter(is_member);
        let numbers = members.map(|process| process.pid_in(ns).unwrap_or(0));
        let mut numbers: Vec<u32> = numbers.filter(|pid| *pid > 0 || self.cgroups.is_v2(group)).collect();
        crate::sim::sort(&mut numbers);
        Ok(numbers.into_iter().map(|pid| format!("{pid}\n")).collect())
    }

    /// A pid written to `cgroup.procs`, `cgroup.threads` or `tasks`; 0 is the writer.
    pub(super) fn attach(&mut self, view: &View, group: GroupId, threads: bool, text: &str) -> Result<(), Errno> {
        let pid = number::int(text.trim()).ok().and_then(|pid| u32::try_from(pid).ok()).ok_or(Errno::EINVAL)?;
        let writer = self.process(view.tid).ok_or(Errno::ESRCH)?;
        let target = match pid {
            0 => Some(view.tid),
            pid => self.pid_spaces.get(writer.pid_ns()).and_then(|space| space.members.get(&pid).copied()),
        };
        let target = target.ok_or(Errno::ESRCH)?;
        let from = self.process(target).ok_or(Errno::ESRCH)?.cgroups[self.cgroups.group(group).hierarchy];
        if self.cgroups.is_v2(group) {
            self.may_attach(view, from, group)?;
            self.cgroups.may_host(group)?;
            // A thread stays in its process's domain; each process here is one thread.
            if threads && self.cgroups.domain(from) != self.cgroups.domain(group) {
                return Err(Errno::ENOTSUP);
            }
        } else {
            // kernel/cgroup/cgroup-v1.c, __cgroup1_procs_write: the node's root, or whose process it is.
            let (writer, target) = (view.cred.uid.effective, self.process(target).map(|process| process.cred.uid));
            if writer != 0 && target.is_some_and(|ids| ids.real != writer && ids.saved != writer) {
                return Err(Errno::EACCES);
            }
        }
        self.cgroups.may_run_in(group)?;
        self.move_process(target, group);
        Ok(())
    }

    /// cgroup_procs_write_permission: the group above both must be the writer's too, and both below the root of its
    /// namespace.
    fn may_attach(&self, view: &View, from: GroupId, to: GroupId) -> Result<(), Errno> {
        let common = self.cgroups.common(from, to);
        if !view.may(&self.cgroups.procs_stat(common), WRITE) {
            return Err(Errno::EACCES);
        }
        let ns = self.process(view.tid).ok_or(Errno::ESRCH)?.ns.cgroup;
        let inside = |group| self.cgroups.is_below_root_of(ns, group);
        if self.cgroups.delegates() && !(inside(from) && inside(to)) { Err(Errno::ENOENT) } else { Ok(()) }
    }
}
