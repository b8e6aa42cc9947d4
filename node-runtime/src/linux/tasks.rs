//! The guests: who sits at which slot of the gate, and what each waits for.

use super::OrFault;
use super::proc::{self, Look, Outside};
use engine::call::{Ret, Signal, Sys, Tid, WaitStatus};
use engine::node::{Cid, Fault, JobId};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use toolbox::gate::{Gate, SLOTS};
use toolbox::guest::calls::wait_status;

#[derive(Debug)]
pub struct Tasks {
    /// The node's init, in this machine's numbering.
    pub init: i32,
    /// How many numbers of `NSpid:` stand before the node's.
    depth: usize,
    pub live: BTreeMap<Tid, Task>,
    /// Ended, and not seen reaped yet.
    pub zombies: BTreeMap<Tid, Task>,
    free: Vec<u32>,
    fresh: u32,
}

#[derive(Debug)]
pub struct Task {
    pub outside: Outside,
    pub slot: u32,
    pub job: JobId,
    pub container: Option<Cid>,
    /// Pids from the node's namespace inward.
    pub nspid: Vec<u32>,
    pub at: At,
    /// It waits to read what is fed to this job.
    pub reads: Option<JobId>,
    /// An answer that it takes when it is continued.
    pub held: Option<Ret>,
    /// It was granted a fork while it was stopped: the child's slot, and whether the child will be its sibling.
    pub forks: Option<(u32, bool)>,
}

/// Where a guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// At the gate, with this call announced.
    Gate(Sys),
    /// In the kernel with this call, which was granted.
    Kernel(Sys),
    /// Announced, and told to the scheduler.
    Asked,
}

impl Tasks {
    pub fn new(init: i32) -> Tasks {
        let depth = proc::status_numbers(init, "NSpid:").len().saturating_sub(1);
        Tasks { init, depth, live: BTreeMap::new(), zombies: BTreeMap::new(), free: Vec::new(), fresh: 0 }
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn take_slot(&mut self, gate: &Gate) -> Result<u32, Fault> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.fresh < SLOTS => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return Err(Fault::new(format!("more than {SLOTS} processes on one node"))),
        };
        gate.reset(slot);
        Ok(slot)
    }

    pub fn free_slot(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// A process that the init has started.
    pub fn add_first(
        &mut self,
        pid: u32,
        pidfd: OwnedFd,
        slot: u32,
        job: JobId,
        container: Option<Cid>,
    ) -> Result<(), Fault> {
        let outside = Outside::of_pidfd(pidfd)?;
        let nspid = proc::nspid(outside.pid, self.depth);
        let task = Task {
            outside,
            slot,
            job,
            container,
            nspid,
            at: At::Kernel(Sys::Getpid),
            reads: None,
            held: None,
            forks: None,
        };
        self.live.insert(Tid(pid), task);
        Ok(())
    }

    /// The child that a fork has just made: the only child of its parent that is not known. A `sibling` has the forking
    /// process's own parent (CLONE_PARENT).
    pub fn add_child(&mut self, parent: Tid, slot: u32, sibling: bool) -> Result<Tid, Fault> {
        let (job, container, pid) = {
            let parent = self.get(parent)?;
            let pid = if sibling { parent.outside.parent()? } else { parent.outside.pid };
            (parent.job, parent.container, pid)
        };
        self.zombies.retain(|_, task| task.outside.look() != Look::Gone);
        let children = proc::children(pid).or_fault(|| format!("children of process {}", parent.0))?;
        let known = |pid: &i32| self.live.values().chain(self.zombies.values()).any(|t| t.outside.pid == *pid);
        let child = children.into_iter().rev().find(|pid| !known(pid));
        let child = child.ok_or_else(|| Fault::new(format!("process {} forked, but has no new child", parent.0)))?;
        let nspid = proc::nspid(child, self.depth);
        let tid = Tid(*nspid.first().ok_or_else(|| Fault::new(format!("process {child} has no pid on the node")))?);
        let outside = Outside::of_pid(child)?;
        self.live.insert(
            tid,
            Task {
                outside,
                slot,
                job,
                container,
                nspid,
                at: At::Kernel(Sys::Getpid),
                reads: None,
                held: None,
                forks: None,
            },
        );
        Ok(tid)
    }

    pub fn get(&self, tid: Tid) -> Result<&Task, Fault> {
        self.live.get(&tid).ok_or_else(|| Fault::new(format!("process {} is not there", tid.0)))
    }

    pub fn get_mut(&mut self, tid: Tid) -> Result<&mut Task, Fault> {
        self.live.get_mut(&tid).ok_or_else(|| Fault::new(format!("process {} is not there", tid.0)))
    }

    pub fn asked(&mut self, tid: Tid) -> Result<Sys, Fault> {
        let task = self.get_mut(tid)?;
        match std::mem::replace(&mut task.at, At::Asked) {
            At::Gate(sys) => Ok(sys),
            other => Err(Fault::new(format!("process {} was asked for its call while {other:?}", tid.0))),
        }
    }

    pub fn send(&self, tid: Tid, signal: Signal) -> Result<(), Fault> {
        match self.live.get(&tid).map(|task| task.outside.send(signal.number())) {
            None | Some(Ok(()) | Err(libc::ESRCH)) => Ok(()),
            Some(Err(errno)) => Err(errno).or_fault(|| format!("{} to process {}", signal.name(), tid.0)),
        }
    }

    /// Live processes that descend from this one, in pid order.
    pub fn descendants(&self, of: Tid) -> Result<Vec<Tid>, Fault> {
        let pids = proc::tree(self.get(of)?.outside.pid);
        let below = self.live.iter().filter(|(tid, task)| **tid != of && pids.contains(&task.outside.pid));
        Ok(below.map(|(tid, _)| *tid).collect())
    }

    /// Does a zombie that is not ours to reap keep this process, the init of a pid namespace, from ending? Whoever is its
    /// parent outside has to wait for it first (pid_namespaces(7)).
    pub fn is_held(&self, init: Tid) -> bool {
        let Some(init) = self.live.get(&init).filter(|task| task.nspid.len() > 1 && task.nspid.last() == Some(&1))
        else {
            return false;
        };
        let is_there = |task: &Task| matches!(task.outside.look(), Look::Zombie { .. });
        let holds = |task: &Task| task.nspid.len() >= init.nspid.len() && is_there(task);
        init.outside.look() == Look::Exiting && self.zombies.values().any(holds)
    }

    /// A process that ends leaves the gate; it stays known until it is reaped.
    pub fn bury(&mut self, tid: Tid) {
        if let Some(task) = self.live.remove(&tid) {
            self.free.push(task.slot);
            self.free.extend(task.forks.map(|(slot, _)| slot));
            self.zombies.insert(tid, task);
        }
    }
}

/// A raw status that the vocabulary has a word for.
pub fn status_of(raw: i32) -> Result<WaitStatus, Fault> {
    wait_status(raw).map_err(Fault::new)
}
