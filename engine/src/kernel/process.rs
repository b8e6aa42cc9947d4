//! A process: what fork(2) copies and execve(2) keeps.

use super::affinity::Affinity;
use super::cgroup::Membership;
use super::cred::Cred;
use super::files::{Ofd, OfdId};
use super::group::Pid;
use super::memory::{Overhead, Part, Space};
use super::namespace::{Namespaces, NsId};
use super::signal::SigSet;
use super::vfs::Loc;
use super::wait::Wanted;
use crate::call::{Fd, Ret, Signal, Sys, Tid, WaitStatus};
use crate::node::{Cid, JobId};
use crate::program::Program;
use crate::sim::Map;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub pids: Pid,
    /// `None` for the node's init.
    pub parent: Option<Tid>,
    pub job: Option<JobId>,
    pub container: Option<Cid>,
    /// Its process group and its session, by the pids of who led them first.
    pub group: Pid,
    pub session: Pid,
    /// When it became its parent's child: which is the older of two.
    pub since: u64,
    /// Orphans among its descendants become its children (PR_SET_CHILD_SUBREAPER).
    pub subreaper: bool,
    /// The signal that it gets when its parent ends (PR_SET_PDEATHSIG).
    pub death_signal: Option<Signal>,
    /// It has called execve(2) since its birth.
    pub has_executed: bool,
    pub state: State,
    pub stopped: bool,
    /// What its parent has not been told yet: that it was stopped, and by what; that it was continued.
    pub stop_to_tell: Option<Signal>,
    pub continued_to_tell: bool,
    /// `None` for the node's init.
    pub program: Option<Program>,
    /// At most 15 bytes (TASK_COMM_LEN).
    pub comm: String,
    pub argv: Vec<String>,
    pub env: Vec<String>,
    /// Path of the binary that execve(2) ended at.
    pub exe: String,
    /// Where that is: who runs a binary uses its mount.
    pub exe_at: Option<Loc>,
    pub cred: Arc<Cred>,
    /// Others of the same user may look into it (prctl(2), PR_SET_DUMPABLE), and the user namespace in which it executed
    /// its program.
    pub dumpable: bool,
    pub executed_in: NsId,
    pub root: Loc,
    pub cwd: Loc,
    pub umask: u32,
    pub fds: Map<Fd, Handle>,
    pub space: Space,
    /// What it takes itself, and who pays for that.
    pub overhead: Option<Overhead>,
    pub oom_score_adj: i32,
    pub ns: Namespaces,
    /// Its control group in each hierarchy.
    pub cgroups: Membership,
    pub affinity: Affinity,
    /// Where its children get their pids.
    pub pid_for_children: NsId,
    /// The time namespace it is in, and that of its children and of what it executes.
    pub time_ns: NsId,
    pub time_for_children: NsId,
    pub ignored: SigSet,
    pub caught: SigSet,
    pub blocked: SigSet,
    pub pending: SigSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    pub ofd: OfdId,
    pub cloexec: bool,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    /// It has this answer and announces its next call.
    Ready(Ret),
    /// It has announced a call.
    AtGate,
    Blocked(Waiting),
    /// The init of a pid namespace that has ended waits until all its members are reaped (pid_namespaces(7)).
    Exiting(WaitStatus),
    Zombie(WaitStatus),
}

/// What a blocked call waits for.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    Read {
        ofd: OfdId,
        len: usize,
    },
    Write {
        ofd: OfdId,
        data: Vec<u8>,
        done: usize,
    },
    Child(Wanted),
    Signal(SigSet),
    /// It touched memory that its group may not have: it goes on from there when it may.
    Memory(Part),
    /// The process is stopped; it makes this call when it is continued.
    ToMake(Box<Sys>),
    /// The process is stopped; it gets this answer when it is continued.
    ToGet(Ret),
    /// The node's init: for ever.
    Nothing,
}

impl Process {
    pub(super) fn tid(&self) -> Tid {
        self.pids.tid()
    }

    pub(super) fn pid_in(&self, ns: NsId) -> Option<u32> {
        self.pids.iter().find(|(id, _)| *id == ns).map(|(_, pid)| *pid)
    }

    /// The namespace it is a member of, which unshare(2) does not change.
    pub(super) fn pid_ns(&self) -> NsId {
        self.ns.pid
    }

    pub(super) fn is_ns_init(&self) -> bool {
        matches!(self.pids.last(), Some((_, 1)))
    }

    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, State::Zombie(_))
    }

    pub(super) fn waits_for_memory(&self) -> bool {
        matches!(self.state, State::Blocked(Waiting::Memory(_)))
    }

    /// Still runs programs: neither ended nor ending.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, State::Zombie(_) | State::Exiting(_))
    }

    pub(super) fn lowest_free_fd(&self, min: Fd) -> Fd {
        let mut fd = min;
        for used in self.fds.range_from(&min).map(|(used, _)| *used) {
            if used != fd {
                break;
            }
            fd += 1;
        }
        fd
    }
}

/// The name that execve(2) gives: the last component of the path, cut to 15 bytes.
pub(super) fn comm_of(path: &str) -> String {
    cut_comm(path.rsplit('/').next().unwrap_or(path))
}

/// What fits into a process's name (TASK_COMM_LEN).
pub(super) fn cut_comm(name: &str) -> String {
    let mut end = name.len().min(15);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

impl Ofd {
    pub(super) fn loc(&self) -> Option<Loc> {
        match self.what {
            super::files::Opened::File(loc) | super::files::Opened::Dir(loc) => Some(loc),
            _ => None,
        }
    }
}
