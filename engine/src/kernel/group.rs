//! Pids as objects, process groups and sessions (credentials(7)): setsid(2), setpgid(2), and groups that lose their last
//! link to the rest of their session.

use super::SimKernel;
use super::namespace::NsId;
use crate::call::{Errno, Ret, Signal, Tid};
use crate::node::Effects;
use std::ops::Deref;
use std::sync::Arc;

/// What the kernel calls a `struct pid`: a number in each pid namespace, from the node's inward. It names a process, and
/// the group and the session that the process leads; those keep it in use when the process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pid(Arc<[(NsId, u32)]>);

impl Pid {
    pub(super) fn tid(&self) -> Tid {
        Tid(self.first().map_or(0, |(_, pid)| *pid))
    }

    /// 0 where it cannot be seen, as pid_nr_ns() has it.
    pub(super) fn shown_in(&self, ns: NsId) -> u32 {
        self.iter().find(|(id, _)| *id == ns).map_or(0, |(_, pid)| *pid)
    }
}

impl From<Vec<(NsId, u32)>> for Pid {
    fn from(numbers: Vec<(NsId, u32)>) -> Pid {
        Pid(numbers.into())
    }
}

impl Deref for Pid {
    type Target = [(NsId, u32)];

    fn deref(&self) -> &[(NsId, u32)] {
        &self.0
    }
}

impl SimKernel {
    /// Numbers for a new process. What a group or a session is called is in use, even if its leader is gone.
    pub(super) fn allocate_pids(&mut self, ns: NsId) -> Result<Pid, Errno> {
        let processes = &self.processes;
        let named = |ns, pid| processes.values().any(|p| p.group.shown_in(ns) == pid || p.session.shown_in(ns) == pid);
        self.pid_spaces.allocate(ns, named).map(Pid::from)
    }

    pub(super) fn members_of_group(&self, group: &Pid) -> Vec<Tid> {
        self.processes.iter().filter(|(_, process)| process.group == *group).map(|(tid, _)| *tid).collect()
    }

    /// The group that this number names where the caller is.
    pub(super) fn group_called(&self, viewer: Tid, number: u32) -> Option<Pid> {
        let ns = self.process(viewer)?.pid_ns();
        let named = |group: &Pid| group.shown_in(ns) == number;
        self.processes.values().map(|process| &process.group).find(|group| named(group)).cloned()
    }

    /// setsid(2): refused to whoever leads a group already.
    pub(super) fn setsid(&mut self, tid: Tid) -> Result<Ret, Errno> {
        let pid = self.process(tid).ok_or(Errno::ESRCH)?.pids.clone();
        if self.processes.values().any(|process| process.group == pid) {
            return Err(Errno::EPERM);
        }
        let process = self.process_mut(tid).ok_or(Errno::ESRCH)?;
        (process.group, process.session) = (pid.clone(), pid.clone());
        Ok(number(pid.shown_in(process.pid_ns())))
    }

    /// setpgid(2), in the order in which kernel/sys.c refuses.
    pub(super) fn setpgid(&mut self, tid: Tid, pid: i32, pgid: i32) -> Result<Ret, Errno> {
        let caller = self.process(tid).ok_or(Errno::ESRCH)?;
        let (ns, session) = (caller.pid_ns(), caller.session.clone());
        let own = i32::try_from(caller.pids.shown_in(ns)).unwrap_or(0);
        let pid = if pid == 0 { own } else { pid };
        let pgid = if pgid == 0 { pid } else { pgid };
        if pgid < 0 {
            return Err(Errno::EINVAL);
        }
        let target = self.seen_as(tid, pid).ok_or(Errno::ESRCH)?;
        let process = self.process(target).ok_or(Errno::ESRCH)?;
        if process.parent == Some(tid) {
            if process.session != session {
                return Err(Errno::EPERM);
            }
            if process.has_executed {
                return Err(Errno::EACCES);
            }
        } else if target != tid {
            return Err(Errno::ESRCH);
        }
        if process.session == process.pids {
            return Err(Errno::EPERM);
        }
        let group = if pgid == pid {
            process.pids.clone()
        } else {
            let group = self.group_called(tid, pgid.unsigned_abs()).ok_or(Errno::EPERM)?;
            let in_session = |member: &Tid| self.process(*member).is_some_and(|m| m.session == session);
            // The kernel asks one member; all are of one session.
            if !self.members_of_group(&group).first().is_some_and(in_session) {
                return Err(Errno::EPERM);
            }
            group
        };
        self.process_mut(target).ok_or(Errno::ESRCH)?.group = group;
        Ok(Ret::Ok)
    }

    /// getpgid(2) and getsid(2).
    pub(super) fn group_number(&self, tid: Tid, pid: i32, session: bool) -> Result<Ret, Errno> {
        let target = if pid == 0 { Some(tid) } else { self.seen_as(tid, pid) };
        let process = target.and_then(|target| self.process(target)).ok_or(Errno::ESRCH)?;
        let named = if session { &process.session } else { &process.group };
        Ok(number(named.shown_in(self.process(tid).ok_or(Errno::ESRCH)?.pid_ns())))
    }

    pub(super) fn seen_as(&self, viewer: Tid, pid: i32) -> Option<Tid> {
        let space = self.pid_spaces.get(self.process(viewer)?.pid_ns())?;
        space.members.get(&u32::try_from(pid).ok()?).copied()
    }

    /// A group is orphaned when no member has a parent in another group of the same session (kernel/exit.c,
    /// will_become_orphaned_pgrp). `leaving` counts as gone already.
    pub(super) fn is_orphaned(&self, group: &Pid, leaving: Option<Tid>) -> bool {
        let held = |process: &super::process::Process| {
            let parent = process.parent.and_then(|parent| self.process(parent));
            parent.is_some_and(|parent| parent.group != *group && parent.session == process.session)
        };
        let members = self.processes.iter().filter(|(_, process)| process.group == *group);
        !members.filter(|(tid, process)| Some(**tid) != leaving && !process.is_zombie()).any(|(_, p)| held(p))
    }

    /// When a group is orphaned as `tid` ends, or as it loses `lost`, its parent: if some of it is stopped, nobody would
    /// ever continue it, so it gets SIGHUP and SIGCONT (POSIX, _exit; kernel/exit.c, kill_orphaned_pgrp).
    pub(super) fn release_orphaned_group(&mut self, tid: Tid, lost: Option<Tid>, fx: &mut Effects) {
        let Some(process) = self.process(tid) else { return };
        let (group, session) = (process.group.clone(), process.session.clone());
        let Some(parent) = lost.or(process.parent).and_then(|parent| self.process(parent)) else { return };
        if parent.group == group || parent.session != session {
            return;
        }
        let leaving = lost.is_none().then_some(tid);
        let members = self.members_of_group(&group);
        let stopped = members.iter().any(|member| self.process(*member).is_some_and(|member| member.stopped));
        if !stopped || !self.is_orphaned(&group, leaving) {
            return;
        }
        for signal in [Signal::SIGHUP, Signal::SIGCONT] {
            for member in &members {
                self.send(super::lifecycle::INIT, *member, signal, fx);
            }
        }
    }
}

fn number(pid: u32) -> Ret {
    Ret::Int(i64::from(pid))
}
