//! Birth and death: fork(2), clone(2), exit(2), zombies, orphans, and the end of a pid namespace with its init.

use super::SimKernel;
use super::namespace::NsId;
use super::process::{Process, State, Waiting};
use crate::call::{CloneFlags, CloneWith, Errno, Ret, Signal, Tid, WaitStatus};
use crate::node::{Effects, Happening};
use crate::program::Program;
use crate::sim::PROCESSES;
use crate::sim::Set;

/// The node's init. It reaps what is handed to it at once.
pub(super) const INIT: Tid = Tid(1);

impl SimKernel {
    pub(super) fn fork(&mut self, tid: Tid, program: &Program, fx: &mut Effects) -> Result<Ret, Errno> {
        let into = self.process(tid).ok_or(Errno::ESRCH)?.pid_for_children;
        let pids = self.allocate_pids(into)?;
        let mut child = self.process(tid).ok_or(Errno::ESRCH)?.clone();
        // The pids controller says so after the numbers were taken: they are used up (kernel/fork.c, copy_process).
        self.cgroups.may_fork(&child.cgroups)?;
        if self.processes.len() >= PROCESSES {
            return Err(Errno::EAGAIN);
        }
        self.cgroups.enter(&child.cgroups);
        child.pids = pids;
        child.parent = Some(tid);
        child.since = self.next_child();
        child.ns.pid = into;
        child.pid_for_children = into;
        child.program = Some(program.clone());
        child.state = State::Ready(Ret::Start);
        child.pending = Default::default();
        child.caught = Default::default();
        (child.subreaper, child.death_signal, child.has_executed) = (false, None, false);
        let handles: Vec<_> = child.fds.values().map(|handle| handle.ofd).collect();
        handles.into_iter().for_each(|ofd| self.files.refer(ofd));
        self.share_space(&child.space);
        child.overhead = None;
        let child_tid = self.add_process(child);
        self.enter_time_ns(child_tid);
        self.charge_overhead(child_tid);
        fx.born.push(child_tid);
        self.tell(tid, Happening::Forked { child: child_tid }, fx);
        let seen_by_parent = self.pid_as_seen_by(tid, child_tid).unwrap_or(0);
        Ok(Ret::Int(i64::from(seen_by_parent)))
    }

    /// clone(2), in the order in which kernel/fork.c refuses. New namespaces are made for the child by the rules of
    /// unshare(2); a failed one has used up no number unless the fork itself fails.
    pub(super) fn clone(
        &mut self,
        tid: Tid,
        program: &Program,
        new: CloneFlags,
        with: CloneWith,
        fx: &mut Effects,
    ) -> Result<Ret, Errno> {
        let caller = self.process(tid).ok_or(Errno::ESRCH)?;
        if with.conflicts(new) || (with.parent && caller.is_ns_init()) {
            return Err(Errno::EINVAL);
        }
        if with.thread && caller.pid_for_children != caller.ns.pid {
            return Err(Errno::EINVAL);
        }
        let (parent, before) = (caller.parent, caller.clone());
        super::calls::may_unshare(self, tid, new)?;
        if new.ipc && with.sysvsem {
            return Err(Errno::EINVAL);
        }
        if with.shares() {
            return Err(Errno::ENOSYS);
        }
        super::calls::unshare(self, tid, new)?;
        let forked = self.fork(tid, program, fx);
        // The namespaces are the child's: the caller stays where it was.
        if let Some(caller) = self.process_mut(tid) {
            (caller.ns, caller.pid_for_children) = (before.ns, before.pid_for_children);
            (caller.root, caller.cwd, caller.cred) = (before.root, before.cwd, before.cred);
        }
        if let (Ok(_), true, Some(child)) = (&forked, with.parent, fx.born.last().copied())
            && let Some(child) = self.process_mut(child)
        {
            child.parent = parent;
        }
        self.sweep_namespaces();
        forked
    }

    pub(super) fn add_process(&mut self, process: Process) -> Tid {
        let tid = process.tid();
        self.pid_spaces.enter(tid, &process.pids);
        self.processes.insert(tid, process.into());
        tid
    }

    /// The process ends. It leaves a zombie for its parent, unless that is the node's init or ignores SIGCHLD.
    pub(super) fn end(&mut self, tid: Tid, status: WaitStatus, fx: &mut Effects) {
        let Some(process) = self.process_mut(tid).filter(|process| process.is_alive()) else { return };
        let blocked = std::mem::replace(&mut process.state, State::Exiting(status));
        process.stopped = false;
        let cgroups = process.cgroups;
        let inits = process.is_ns_init().then(|| process.pid_ns());
        if let State::Blocked(Waiting::Read { ofd, .. } | Waiting::Write { ofd, .. }) = blocked {
            self.drop_ofd(ofd);
        }
        self.unsettled = true;
        self.drop_space(tid);
        self.drop_overhead(tid);
        self.cgroups.stop(&cgroups);
        self.close_all(tid);
        self.tell(tid, Happening::Exited { status }, fx);
        if let Some(ns) = inits {
            self.end_namespace(tid, ns, fx);
            // Reaping the last member has finished it already, or it waits for others.
            let waits = self.process(tid).is_some_and(|process| matches!(process.state, State::Exiting(_)));
            if !waits || !self.is_last_member(ns, tid) {
                return;
            }
        }
        self.finish(tid, status, fx);
    }

    /// The init of a pid namespace has ended: SIGKILL for all its members (pid_namespaces(7)).
    fn end_namespace(&mut self, init: Tid, ns: NsId, fx: &mut Effects) {
        let Some(space) = self.pid_spaces.get_mut(ns) else { return };
        space.closed = true;
        let members: Vec<Tid> = space.members.values().copied().filter(|member| *member != init).collect();
        for member in &members {
            self.end(*member, WaitStatus::Signaled(Signal::SIGKILL), fx);
        }
        // zap_pid_ns_processes: the init waits for those that are its children now.
        for member in members {
            if self.process(member).is_some_and(|process| process.is_zombie() && process.parent == Some(init)) {
                self.release(member, fx);
            }
        }
    }

    /// Everything is given back; what remains is the status.
    fn finish(&mut self, tid: Tid, status: WaitStatus, fx: &mut Effects) {
        self.hand_over_children(tid, fx);
        self.release_orphaned_group(tid, None, fx);
        let Some(process) = self.process_mut(tid) else { return };
        process.state = State::Zombie(status);
        process.program = None;
        (process.stop_to_tell, process.continued_to_tell) = (None, false);
        if self.current == Some(tid) {
            self.current_end = Some(status);
        } else {
            fx.died.push((tid, status));
        }
        self.unsettled = true;
        self.tell_of_death(tid, fx);
    }

    /// A zombie's parent hears SIGCHLD. If it ignores that signal, or is the node's init, the zombie is gone at once
    /// (wait(2), "Linux notes").
    fn tell_of_death(&mut self, zombie: Tid, fx: &mut Effects) {
        let Some(parent) = self.process(zombie).and_then(|process| process.parent) else { return };
        // The init of a pid namespace that ends ignores it (kernel/pid_namespace.c, zap_pid_ns_processes).
        let unwanted =
            self.process(parent).is_none_or(|process| process.ignored.has(Signal::SIGCHLD) || !process.is_alive());
        if parent == INIT || unwanted {
            self.release(zombie, fx);
        } else {
            self.post(zombie, parent, Signal::SIGCHLD);
            self.deliver(parent, fx);
        }
    }

    /// Orphans go to the next subreaper above their dead parent in its pid namespace, else to the init of that
    /// (kernel/exit.c, find_new_reaper).
    fn hand_over_children(&mut self, dead: Tid, fx: &mut Effects) {
        let children = self.children(dead);
        let Some(heir) = self.process(dead).filter(|_| !children.is_empty()).map(|process| self.heir(dead, process))
        else {
            return;
        };
        for child in children {
            let since = self.next_child();
            let Some(orphan) = self.process_mut(child) else { continue };
            (orphan.parent, orphan.since) = (Some(heir), since);
            let (is_zombie, death_signal) = (orphan.is_zombie(), orphan.death_signal);
            if let Some(signal) = death_signal {
                self.send(dead, child, signal, fx);
            }
            if is_zombie {
                self.tell_of_death(child, fx);
            } else {
                self.release_orphaned_group(child, Some(dead), fx);
            }
        }
    }

    fn heir(&self, dead: Tid, process: &Process) -> Tid {
        let depth = process.pids.len();
        let mut above = process.parent;
        while let Some((tid, ancestor)) = above.and_then(|tid| Some((tid, self.process(tid)?))) {
            if ancestor.pids.len() != depth || tid == INIT {
                break;
            }
            if ancestor.subreaper && ancestor.is_alive() {
                return tid;
            }
            above = ancestor.parent;
        }
        let init = self.pid_spaces.get(process.pid_ns()).and_then(|space| space.init);
        init.filter(|init| *init != dead).unwrap_or(INIT)
    }

    fn next_child(&mut self) -> u64 {
        self.births += 1;
        self.births
    }

    /// A zombie is reaped: its numbers are free again.
    pub(super) fn release(&mut self, tid: Tid, fx: &mut Effects) {
        let Some(process) = self.processes.remove(&tid) else { return };
        self.pid_spaces.leave(&process.pids);
        self.cgroups.leave(&process.cgroups);
        self.unsettled = true;
        if let (State::Zombie(status), Some(job)) = (&process.state, process.job)
            && self.jobs.get(&job).is_some_and(|job| job.first == tid)
        {
            self.jobs.remove(&job);
            fx.jobs_ended.push((job, *status));
            let status = *status;
            self.container_ended(tid, status, fx);
        }
        let nested: Vec<NsId> = process.pids.iter().map(|(ns, _)| *ns).collect();
        for ns in nested {
            let init = self.pid_spaces.get(ns).and_then(|space| space.init);
            if let Some((init, State::Exiting(status))) =
                init.and_then(|init| Some((init, self.process(init)?.state.clone())))
                && self.is_last_member(ns, init)
            {
                self.finish(init, status, fx);
            }
        }
        self.sweep_namespaces();
    }

    fn is_last_member(&self, ns: NsId, init: Tid) -> bool {
        self.pid_spaces.get(ns).is_none_or(|space| space.members.values().all(|member| *member == init))
    }

    /// All that descend from this process now, in pid order.
    pub(super) fn descendants(&self, of: Tid) -> Set<Tid> {
        let mut found = Set::new();
        let mut todo = vec![of];
        while let Some(parent) = todo.pop() {
            for child in self.children(parent) {
                found.insert(child);
                todo.push(child);
            }
        }
        found
    }

    pub(super) fn pid_as_seen_by(&self, viewer: Tid, target: Tid) -> Option<u32> {
        self.process(target)?.pid_in(self.process(viewer)?.pid_ns())
    }
}
