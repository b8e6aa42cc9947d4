//! Birth and death: fork(2), exit(2), zombies, orphans, wait4(2), and the end of a pid namespace with its init.

use super::SimKernel;
use super::namespace::NsId;
use super::process::{Process, State, Waiting};
use crate::call::{Errno, Ret, Signal, Tid, WaitStatus};
use crate::node::{Effects, Happening};
use crate::program::Program;
use crate::sim::PROCESSES;
use crate::sim::Set;

/// The node's init. It reaps what is handed to it at once.
pub(super) const INIT: Tid = Tid(1);

impl SimKernel {
    pub(super) fn fork(&mut self, tid: Tid, program: &Program, fx: &mut Effects) -> Result<Ret, Errno> {
        let parent = self.process(tid).ok_or(Errno::ESRCH)?;
        let (mut child, into) = (parent.clone(), parent.pid_for_children);
        let pids = self.pid_spaces.allocate(into)?;
        if self.processes.len() >= PROCESSES {
            // The pids cgroup says so after the numbers were taken: they are used up (kernel/fork.c, copy_process).
            return Err(Errno::EAGAIN);
        }
        child.pids = pids;
        child.parent = Some(tid);
        child.ns.pid = into;
        child.pid_for_children = into;
        child.program = Some(program.clone());
        child.state = State::Ready(Ret::Start);
        child.pending = Default::default();
        child.caught = Default::default();
        let handles: Vec<_> = child.fds.values().map(|handle| handle.ofd).collect();
        handles.into_iter().for_each(|ofd| self.files.refer(ofd));
        let child_tid = self.add_process(child);
        fx.born.push(child_tid);
        self.tell(tid, Happening::Forked { child: child_tid }, fx);
        let seen_by_parent = self.pid_as_seen_by(tid, child_tid).unwrap_or(0);
        Ok(Ret::Int(i64::from(seen_by_parent)))
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
        let inits = process.is_ns_init().then(|| process.pid_ns());
        if let State::Blocked(Waiting::Read { ofd, .. } | Waiting::Write { ofd, .. }) = blocked {
            self.drop_ofd(ofd);
        }
        self.unsettled = true;
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
        let Some(process) = self.process_mut(tid) else { return };
        process.state = State::Zombie(status);
        process.program = None;
        let parent = process.parent;
        if self.current == Some(tid) {
            self.current_end = Some(status);
        } else {
            fx.died.push((tid, status));
        }
        self.unsettled = true;
        self.hand_over_children(tid, fx);
        let Some(parent) = parent else { return };
        let unwanted = self.process(parent).is_none_or(|process| process.ignored.has(Signal::SIGCHLD));
        if parent == INIT || unwanted {
            self.release(tid, fx);
        } else {
            self.post(tid, parent, Signal::SIGCHLD);
        }
    }

    /// Orphans go to the init of the pid namespace that their dead parent was in.
    fn hand_over_children(&mut self, dead: Tid, fx: &mut Effects) {
        let Some(process) = self.process(dead) else { return };
        let init = self.pid_spaces.get(process.pid_ns()).and_then(|space| space.init).filter(|init| *init != dead);
        let heir = init.unwrap_or(INIT);
        for child in self.children(dead) {
            if let Some(orphan) = self.process_mut(child) {
                orphan.parent = Some(heir);
                if heir == INIT && orphan.is_zombie() {
                    self.release(child, fx);
                }
            }
        }
    }

    /// A zombie is reaped: its numbers are free again.
    fn release(&mut self, tid: Tid, fx: &mut Effects) {
        let Some(process) = self.processes.remove(&tid) else { return };
        self.pid_spaces.leave(&process.pids);
        self.unsettled = true;
        if let (State::Zombie(status), Some(job)) = (&process.state, process.job)
            && self.jobs.get(&job).is_some_and(|job| job.first == tid)
        {
            self.jobs.remove(&job);
            fx.jobs_ended.push((job, *status));
            self.container_ended(tid, *status);
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

    pub(super) fn wait(&mut self, tid: Tid, pid: i32, nohang: bool, fx: &mut Effects) -> Option<Result<Ret, Errno>> {
        let children: Vec<Tid> =
            self.children(tid).into_iter().filter(|child| pid == -1 || self.is_seen_as(tid, *child, pid)).collect();
        if children.is_empty() {
            return Some(Err(Errno::ECHILD));
        }
        let ended = children.into_iter().find_map(|child| match self.process(child)?.state {
            State::Zombie(status) => Some((child, status)),
            _ => None,
        });
        match ended {
            Some((child, status)) => {
                let pid = self.pid_as_seen_by(tid, child).unwrap_or(0);
                self.release(child, fx);
                Some(Ok(Ret::Waited { pid, status }))
            }
            None if nohang => Some(Ok(Ret::Int(0))),
            None => None,
        }
    }

    pub(super) fn children(&self, parent: Tid) -> Vec<Tid> {
        let children = self.processes.iter().filter(|(_, process)| process.parent == Some(parent));
        children.map(|(tid, _)| *tid).collect()
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

    /// The first process of the job it belongs to, which leads its process group.
    pub(super) fn process_group(&self, tid: Tid) -> Option<Tid> {
        self.process(tid)?.group
    }

    pub(super) fn pid_as_seen_by(&self, viewer: Tid, target: Tid) -> Option<u32> {
        self.process(target)?.pid_in(self.process(viewer)?.pid_ns())
    }

    fn is_seen_as(&self, viewer: Tid, target: Tid, pid: i32) -> bool {
        self.pid_as_seen_by(viewer, target).and_then(|seen| i32::try_from(seen).ok()) == Some(pid)
    }

    /// Namespaces that no process is in, their mounts, and file systems that nothing shows any more.
    pub(super) fn sweep_namespaces(&mut self) {
        let used: Set<NsId> = self.processes.values().flat_map(|process| process.ns.each().map(|(_, ns)| ns)).collect();
        let used_later: Set<NsId> = self.processes.values().map(|process| process.pid_for_children).collect();
        self.pid_spaces.retain(|ns| used.contains(&ns) || used_later.contains(&ns));
        self.uts.retain(|ns, _| used.contains(ns));
        self.mounts.retain(|ns| used.contains(&ns));
        self.mnt_owners.retain(|ns, _| used.contains(ns));
        let kept: Set<_> = self.containers.values().map(|container| container.fs).collect();
        let opened = self.files.opened().filter_map(|ofd| ofd.loc());
        let stood_in = self.processes.values().flat_map(|process| [process.root, process.cwd]);
        let used: Set<_> = opened.chain(stood_in).map(|loc| loc.fs).collect();
        let mounts = &self.mounts;
        self.filesystems.retain(|fs, _| kept.contains(fs) || used.contains(fs) || mounts.shows(*fs));
    }
}
