//! Namespaces: identities of all eight kinds and who owns them, pid numbering (pid_namespaces(7)) and host names
//! (uts_namespaces(7)).
//!
//! [`super::ipc`] and [`super::time`] hold what those kinds do. Network and cgroup namespaces are identities only: what they would hold is not modelled here.

use crate::call::{CloneFlags, Errno, Tid, namespace_number};
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NsKind {
    Pid,
    Mnt,
    Uts,
    Ipc,
    Net,
    User,
    Cgroup,
    Time,
}

impl NsKind {
    /// As `/proc/PID/ns` names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            NsKind::Pid => "pid",
            NsKind::Mnt => "mnt",
            NsKind::Uts => "uts",
            NsKind::Ipc => "ipc",
            NsKind::Net => "net",
            NsKind::User => "user",
            NsKind::Cgroup => "cgroup",
            NsKind::Time => "time",
        }
    }

    /// The flag of clone(2) and setns(2) that stands for this kind.
    pub(super) fn flag(self) -> CloneFlags {
        let mut flags = CloneFlags::default();
        *match self {
            NsKind::Pid => &mut flags.pid,
            NsKind::Mnt => &mut flags.mnt,
            NsKind::Uts => &mut flags.uts,
            NsKind::Ipc => &mut flags.ipc,
            NsKind::Net => &mut flags.net,
            NsKind::User => &mut flags.user,
            NsKind::Cgroup => &mut flags.cgroup,
            NsKind::Time => &mut flags.time,
        } = true;
        flags
    }
}

/// What the kernel knows of a namespace of any kind (include/linux/ns_common.h).
#[derive(Clone, Copy, Debug)]
pub(super) struct NsObject {
    pub kind: NsKind,
    /// The user namespace that owns it: capabilities there are asked for. Of a user namespace, its parent.
    pub owner: Option<NsId>,
    /// The number its link shows, from when a guest first saw it.
    pub number: Option<u32>,
}

/// Every namespace there is.
#[derive(Clone, Debug, Default)]
pub(super) struct NsTable {
    table: Map<NsId, NsObject>,
    last: u32,
    numbered: u32,
}

impl NsTable {
    pub(super) fn add(&mut self, kind: NsKind, owner: Option<NsId>) -> NsId {
        self.last += 1;
        let id = NsId(self.last);
        self.table.insert(id, NsObject { kind, owner, number: None });
        id
    }

    pub(super) fn get(&self, ns: NsId) -> Option<&NsObject> {
        self.table.get(&ns)
    }

    pub(super) fn owner(&self, ns: NsId) -> Option<NsId> {
        self.get(ns)?.owner
    }

    /// A guest sees which namespace this is: from now on it has a number, in the order of being seen.
    pub(super) fn see(&mut self, ns: NsId) {
        if let Some(object) = self.table.get_mut(&ns)
            && object.number.is_none()
        {
            object.number = Some(namespace_number(self.numbered));
            self.numbered += 1;
        }
    }

    /// `uts:[4026532000]`.
    pub(super) fn text(&self, ns: NsId) -> Option<String> {
        let object = self.get(ns)?;
        Some(format!("{}:[{}]", object.kind.name(), object.number.unwrap_or(0)))
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NsId) -> bool) {
        self.table.retain(|ns, _| keep(*ns));
    }
}

impl Namespaces {
    /// A time namespace is not one of these.
    pub(super) fn of_kind(&self, kind: NsKind) -> Option<NsId> {
        self.each().into_iter().find(|(name, _)| *name == kind.name()).map(|(_, ns)| ns)
    }

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
}

/// Highest pid of a new pid namespace, plus one (since Linux 6.14 `pid_max` belongs to the namespace).
pub(super) const PID_MAX: u32 = 4_194_304;
/// Where numbers start again after PID_MAX (RESERVED_PIDS).
const PID_RESERVED: u32 = 300;
/// A node is one below its machine.
const NODE_LEVEL: usize = 1;
/// How deep pid namespaces nest below the machine's (MAX_PID_NS_LEVEL).
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
        let level = parent.and_then(|parent| self.get(parent)).map_or(NODE_LEVEL, |parent| parent.level + 1);
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

    /// Is this namespace `outer`, or one below it?
    pub(super) fn is_within(&self, ns: NsId, outer: NsId) -> bool {
        let mut at = Some(ns);
        while let Some(id) = at.filter(|id| *id != outer) {
            at = self.get(id).and_then(|space| space.parent);
        }
        at.is_some()
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
        self.table.retain(|ns, _| keep(*ns));
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
