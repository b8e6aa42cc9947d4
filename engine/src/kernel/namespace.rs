//! Namespaces: identities of all seven kinds, pid numbering (pid_namespaces(7)) and host names (uts_namespaces(7)).
//!
//! Network, ipc, user and cgroup namespaces are identities only: what they would hold is not modelled here.

use crate::call::{Errno, Tid};
use crate::sim::Map;
use std::sync::Arc;

/// A namespace of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NsId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Namespaces {
    pub pid: NsId,
    pub mnt: NsId,
    pub uts: NsId,
    pub ipc: NsId,
    pub net: NsId,
    pub user: NsId,
    pub cgroup: NsId,
}

impl Namespaces {
    /// In the order of the inspector.
    pub(super) fn each(&self) -> [(&'static str, NsId); 7] {
        [
            ("pid", self.pid),
            ("mnt", self.mnt),
            ("uts", self.uts),
            ("ipc", self.ipc),
            ("net", self.net),
            ("user", self.user),
            ("cgroup", self.cgroup),
        ]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Uts {
    pub hostname: String,
    /// The user namespace whose privileged processes may change it.
    pub owner: NsId,
}

/// Highest pid of a new pid namespace, plus one (since Linux 6.14 `pid_max` belongs to the namespace).
const PID_MAX: u32 = 4_194_304;
/// Where numbers start again after PID_MAX (RESERVED_PIDS).
const PID_RESERVED: u32 = 300;
/// How deep pid namespaces nest below the node's (MAX_PID_NS_LEVEL).
const PID_LEVELS: usize = 32;

#[derive(Clone, Debug, Default)]
pub(super) struct PidSpaces {
    table: Map<NsId, Arc<PidSpace>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct PidSpace {
    pub parent: Option<NsId>,
    pub level: usize,
    pub members: Map<u32, Tid>,
    pub init: Option<Tid>,
    /// Its init has died: no process can be added (ENOMEM).
    pub closed: bool,
    /// `kernel.pid_max`: all numbers are below it.
    pub max: u32,
    /// The number given last.
    pub last: u32,
    /// Numbers may be given a second time.
    pub again: bool,
}

impl PidSpaces {
    pub(super) fn add(&mut self, ns: NsId, parent: Option<NsId>) -> Result<(), Errno> {
        let level = parent.and_then(|parent| self.get(parent)).map_or(0, |parent| parent.level + 1);
        if level > PID_LEVELS {
            return Err(Errno::ENOSPC);
        }
        self.table.insert(ns, Arc::new(PidSpace { parent, level, max: PID_MAX, ..PidSpace::default() }));
        Ok(())
    }

    pub(super) fn get(&self, ns: NsId) -> Option<&PidSpace> {
        self.table.get(&ns).map(|space| &**space)
    }

    pub(super) fn get_mut(&mut self, ns: NsId) -> Option<&mut PidSpace> {
        self.table.get_mut(&ns).map(Arc::make_mut)
    }

    /// A number at each level from the node's namespace to `ns`, outermost first. The numbers are used up whatever
    /// becomes of them: allocation is cyclic. `named` knows numbers that are in use though no process has them.
    pub(super) fn allocate(&mut self, ns: NsId, named: impl Fn(NsId, u32) -> bool) -> Result<Vec<(NsId, u32)>, Errno> {
        let mut pids = Vec::new();
        let mut at = Some(ns);
        while let Some((id, space)) = at.and_then(|id| Some((id, self.get_mut(id)?))) {
            pids.push((id, space.allocate(|pid| named(id, pid)).ok_or(Errno::EAGAIN)?));
            at = space.parent;
        }
        pids.reverse();
        if self.get(ns).is_none_or(|space| space.closed) {
            return Err(Errno::ENOMEM);
        }
        Ok(pids)
    }

    pub(super) fn enter(&mut self, tid: Tid, pids: &[(NsId, u32)]) {
        for (ns, pid) in pids {
            if let Some(space) = self.get_mut(*ns) {
                space.members.insert(*pid, tid);
            }
        }
        if let Some((ns, 1)) = pids.last()
            && let Some(space) = self.get_mut(*ns)
        {
            space.init = Some(tid);
        }
    }

    pub(super) fn leave(&mut self, pids: &[(NsId, u32)]) {
        for (ns, pid) in pids {
            if let Some(space) = self.get_mut(*ns) {
                space.members.remove(pid);
            }
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NsId) -> bool) {
        self.table.retain(|ns, space| keep(*ns) || !space.members.is_empty());
    }
}

impl PidSpace {
    /// The next free number, starting again at PID_RESERVED behind the last (idr_alloc_cyclic). `None` if all are used.
    fn allocate(&mut self, named: impl Fn(u32) -> bool) -> Option<u32> {
        let least = if self.last >= PID_RESERVED { PID_RESERVED } else { 1 };
        let start = (self.last + 1).max(least);
        let is_free = |pid: &u32| !self.members.contains_key(pid);
        let fresh = (start..self.max).find(|pid| is_free(pid) && !(self.again && named(*pid)));
        let pid = fresh.or_else(|| (least..start.min(self.max)).find(|pid| is_free(pid) && !named(*pid)))?;
        self.again |= pid < start;
        self.last = pid;
        Some(pid)
    }
}
