//! On which processors a process may run (sched_setaffinity(2); kernel/sched/syscalls.c, __sched_setaffinity): what it asked
//! for, within what its cpuset has.

use super::SimKernel;
use super::cgroup::cpuset::Mask;
use super::cgroup::{Controller, GroupId};
use crate::call::{Capability, Errno, Tid};
use crate::scenario::Linux;

/// Since then what a process asked for is remembered, and holds again where its cpuset lets it; before, its cpuset's
/// processors were given to it with each change (user_cpus_ptr). In version 2 a change of group that changes no
/// processors is none since then.
const REMEMBERS: Linux = Linux(6, 2);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Affinity {
    /// Where it may run.
    pub cpus: Mask,
    /// What its cpuset has.
    allowed: Mask,
    asked: Option<Mask>,
}

impl SimKernel {
    pub(super) fn affinity(&self, tid: Tid, pid: i32) -> Result<Vec<u32>, Errno> {
        let target = self.affine(tid, pid)?;
        Ok(self.process(target).ok_or(Errno::ESRCH)?.affinity.cpus.numbers())
    }

    pub(super) fn set_affinity(&mut self, tid: Tid, pid: i32, cpus: &[u32]) -> Result<(), Errno> {
        let target = self.affine(tid, pid)?;
        let (caller, process) = (self.process(tid).ok_or(Errno::ESRCH)?, self.process(target).ok_or(Errno::ESRCH)?);
        let (own, of) = (caller.cred.uid.effective, process.cred.uid);
        if own != of.effective && own != of.real && !self.is_capable(tid, process.ns.user, Capability::CAP_SYS_NICE) {
            return Err(Errno::EPERM);
        }
        let asked = Mask::of(cpus);
        let remembers = self.profile.linux >= REMEMBERS;
        let affinity = &mut self.process_mut(target).ok_or(Errno::ESRCH)?.affinity;
        let cpus = asked.and(affinity.allowed);
        if cpus.is_empty() {
            return Err(Errno::EINVAL);
        }
        (affinity.cpus, affinity.asked) = (cpus, Some(asked).filter(|_| remembers));
        Ok(())
    }

    /// Whom such a call is about: 0 is the caller.
    fn affine(&self, tid: Tid, pid: i32) -> Result<Tid, Errno> {
        match pid {
            0 => Ok(tid),
            pid if pid < 0 => Err(Errno::ESRCH),
            pid => self.seen_as(tid, pid).ok_or(Errno::ESRCH),
        }
    }

    /// It is in other groups than before.
    pub(super) fn follow_cpuset(&mut self, tid: Tid, moved: bool) {
        let Some(allowed) = self.process(tid).and_then(|process| self.cpuset_of(&process.cgroups)) else { return };
        let anew = moved && self.profile.linux < REMEMBERS;
        let Some(process) = self.process(tid).filter(|process| anew || process.affinity.allowed != allowed) else {
            return;
        };
        let asked = process.affinity.asked;
        let cpus = asked.map(|asked| asked.and(allowed)).filter(|cpus| !cpus.is_empty()).unwrap_or(allowed);
        if let Some(process) = self.process_mut(tid) {
            process.affinity = Affinity { cpus, allowed, asked };
        }
    }

    /// Some cpuset has changed.
    pub(super) fn follow_cpusets(&mut self) {
        let all: Vec<Tid> = self.processes.keys().copied().collect();
        all.into_iter().for_each(|tid| self.follow_cpuset(tid, false));
    }

    fn cpuset_of(&self, at: &[GroupId]) -> Option<Mask> {
        let (id, _) = self.cgroups.hierarchies().find(|(_, hierarchy)| hierarchy.has(Controller::Cpuset))?;
        Some(self.cgroups.processors_of(at[id]))
    }
}
