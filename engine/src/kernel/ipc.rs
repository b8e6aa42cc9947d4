//! IPC namespaces (ipc_namespaces(7)): System V shared memory, message queues and semaphores by id and key. What is in
//! them (bytes, messages, values) is not modelled. POSIX queues are files of a file system of the namespace's own.

use super::SimKernel;
use super::group::Pid;
use super::namespace::NsId;
use super::vfs::{FsId, Loc, ROOT};
use crate::call::{Capability, Errno, IpcFlags, IpcKind, SCENARIO_EPOCH_S, Tid};
use crate::sim::Map;
use std::sync::Arc;

/// Limits of a new namespace: `kernel.shmmni`, `msgmni`, the fourth and the second of `sem`.
const SHM_OBJECTS: usize = 4_096;
const OBJECTS: usize = 32_000;
const SEMAPHORES: u64 = 1_024_000_000;
/// `kernel.shmmax`.
const SHM_BYTES: u64 = u64::MAX - (1 << 24);
/// Semaphores of one set, the first of `sem`.
const SET: i32 = 32_000;
/// An id is its place and, above these bits, how often places have been given anew (ipc/util.h).
const PLACE_BITS: u32 = 15;
const ROUNDS: i32 = 1 << 16;
/// Places are given in turn, at least so many of them (ipc/util.c, ipc_min_cycle).
const LEAST_CYCLE: usize = 64;
/// What stat(2) says of every queue (ipc/mqueue.c, FILENT_SIZE).
pub(super) const QUEUE_BYTES: u64 = 80;

#[derive(Clone, Debug, Default)]
pub(super) struct IpcSpace {
    shm: Table,
    msg: Table,
    sem: Table,
    /// The file system of its POSIX queues, once there was use for it.
    pub queues: Option<FsId>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    objects: Map<i32, Arc<Object>>,
    /// Where the search for a free place begins.
    next: i32,
    /// The place given last, plus one.
    last: i32,
    round: i32,
}

#[derive(Clone, Debug)]
struct Object {
    id: i32,
    key: i32,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Bytes of a segment, semaphores of a set.
    size: u64,
    creator: Pid,
}

impl Table {
    fn by_key(&self, key: i32) -> Option<&Object> {
        self.objects.values().map(|object| &**object).find(|object| key != 0 && object.key == key)
    }

    fn by_id(&self, id: i32) -> Option<&Object> {
        let place = id & ((1 << PLACE_BITS) - 1);
        self.objects.get(&place).map(|object| &**object).filter(|object| object.id == id)
    }

    /// A free place and the id that goes with it (ipc/util.c, ipc_idr_alloc).
    fn allocate(&mut self, limit: usize) -> Result<(i32, i32), Errno> {
        if self.objects.len() >= limit {
            return Err(Errno::ENOSPC);
        }
        let cycle = (self.objects.len() * 3 / 2).clamp(LEAST_CYCLE, 1 << PLACE_BITS) as i32;
        let is_free = |place: &i32| !self.objects.contains_key(place);
        let found = (self.next..cycle).find(is_free).or_else(|| (0..self.next.min(cycle)).find(is_free));
        let place = found.ok_or(Errno::ENOSPC)?;
        if place < self.last {
            self.round = (self.round + 1) % ROUNDS;
        }
        (self.next, self.last) = (place + 1, place + 1);
        Ok((place, (self.round << PLACE_BITS) + place))
    }
}

impl IpcSpace {
    fn table(&self, kind: IpcKind) -> &Table {
        match kind {
            IpcKind::Shm => &self.shm,
            IpcKind::Msg => &self.msg,
            IpcKind::Sem => &self.sem,
        }
    }

    fn table_mut(&mut self, kind: IpcKind) -> &mut Table {
        match kind {
            IpcKind::Shm => &mut self.shm,
            IpcKind::Msg => &mut self.msg,
            IpcKind::Sem => &mut self.sem,
        }
    }
}

impl SimKernel {
    /// shmget(2), msgget(2), semget(2) as ipc/util.c has them in common: `size` is 0 for a message queue.
    pub(super) fn ipc_get(
        &mut self,
        tid: Tid,
        kind: IpcKind,
        key: i32,
        size: u64,
        flags: IpcFlags,
    ) -> Result<i32, Errno> {
        let process = self.process(tid).ok_or(Errno::ESRCH)?;
        let (ns, creator, uid, gid) =
            (process.ns.ipc, process.pids.clone(), process.cred.uid.effective, process.cred.gid.effective);
        if kind == IpcKind::Sem && size > SET as u64 {
            return Err(Errno::EINVAL);
        }
        let table = self.ipc.get(&ns).map(|space| space.table(kind));
        if let Some(object) = table.and_then(|table| table.by_key(key)) {
            if flags.create && flags.excl {
                return Err(Errno::EEXIST);
            }
            if object.size < size {
                return Err(Errno::EINVAL);
            }
            return match self.may_use(tid, ns, object, flags.mode) {
                true => Ok(object.id),
                false => Err(Errno::EACCES),
            };
        }
        if key != 0 && !flags.create {
            return Err(Errno::ENOENT);
        }
        let semaphores: u64 = table.map_or(0, |table| table.objects.values().map(|object| object.size).sum());
        match kind {
            IpcKind::Shm if size == 0 || size > SHM_BYTES => return Err(Errno::EINVAL),
            IpcKind::Sem if size == 0 => return Err(Errno::EINVAL),
            IpcKind::Sem if semaphores + size > SEMAPHORES => return Err(Errno::ENOSPC),
            _ => {}
        }
        let space = Arc::make_mut(self.ipc.get_or_insert_with(ns, Default::default));
        let table = space.table_mut(kind);
        let (place, id) = table.allocate(if kind == IpcKind::Shm { SHM_OBJECTS } else { OBJECTS })?;
        let object = Object { id, key, mode: flags.mode & 0o777, uid, gid, size, creator };
        table.objects.insert(place, object.into());
        Ok(id)
    }

    /// IPC_RMID: of its owner, or of whoever may do so with everything in the namespace.
    pub(super) fn ipc_remove(&mut self, tid: Tid, kind: IpcKind, id: i32) -> Result<(), Errno> {
        let process = self.process(tid).ok_or(Errno::ESRCH)?;
        let (ns, uid) = (process.ns.ipc, process.cred.uid.effective);
        let object = self.ipc.get(&ns).and_then(|space| space.table(kind).by_id(id)).ok_or(Errno::EINVAL)?;
        if object.uid != uid && !self.is_admin_of(tid, ns) {
            return Err(Errno::EPERM);
        }
        if let Some(space) = self.ipc.get_mut(&ns) {
            Arc::make_mut(space).table_mut(kind).objects.remove(&(id & ((1 << PLACE_BITS) - 1)));
        }
        Ok(())
    }

    /// A POSIX queue: its file tells how full it is and takes no write.
    pub(super) fn is_queue(&self, loc: Loc) -> bool {
        loc.ino != ROOT && self.ipc.values().any(|space| space.queues == Some(loc.fs))
    }

    /// ipcperms() of ipc/util.c.
    fn may_use(&self, tid: Tid, ns: NsId, object: &Object, mode: u32) -> bool {
        let Some(process) = self.process(tid) else { return false };
        let wanted = (mode >> 6) | (mode >> 3) | mode;
        let granted = match () {
            () if process.cred.uid.effective == object.uid => object.mode >> 6,
            () if process.cred.is_in_group(object.gid) => object.mode >> 3,
            () => object.mode,
        };
        let owner = self.namespaces.owner(ns);
        wanted & !granted & 0o7 == 0
            || owner.is_some_and(|owner| self.is_capable(tid, owner, Capability::CAP_IPC_OWNER))
    }

    /// `/proc/sysvipc/…`, of the namespace of whoever reads.
    pub(super) fn ipc_text(&self, viewer: Tid, kind: IpcKind) -> Option<String> {
        let process = self.process(viewer)?;
        let space = self.ipc.get(&process.ns.ipc);
        let rows = space.into_iter().flat_map(|space| space.table(kind).objects.values());
        let row = |object: &Arc<Object>| {
            let Object { id, key, mode, uid, gid, size, creator } = &**object;
            let owners = format!("{uid:>5} {gid:>5} {uid:>5} {gid:>5}");
            let made = SCENARIO_EPOCH_S;
            let pid = creator.shown_in(process.pid_ns());
            match kind {
                IpcKind::Shm => format!(
                    "{key:>10} {id:>10}  {mode:>4o} {size:>21} {pid:>5} {:>5}  {:>5} {owners} {:>10} {:>10} {made:>10} {:>21} {:>21}\n",
                    0, 0, 0, 0, 0, 0
                ),
                IpcKind::Msg => format!(
                    "{key:>10} {id:>10}  {mode:>4o}  {:>10} {:>10} {:>5} {:>5} {owners} {:>10} {:>10} {made:>10}\n",
                    0, 0, 0, 0, 0, 0
                ),
                IpcKind::Sem => {
                    format!("{key:>10} {id:>10}  {mode:>4o} {size:>10} {owners} {:>10} {made:>10}\n", 0)
                }
            }
        };
        Some(header(kind).to_owned() + &rows.map(row).collect::<String>())
    }
}

fn header(kind: IpcKind) -> &'static str {
    match kind {
        IpcKind::Shm => {
            "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n"
        }
        IpcKind::Msg => {
            "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"
        }
        IpcKind::Sem => "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
    }
}
