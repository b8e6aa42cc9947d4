//! User namespaces (user_namespaces(7)): a tree, each with its owner and its maps of ids, and the question whether a
//! process has a capability in one of them.

use super::SimKernel;
use super::cred::Cred;
use super::namespace::NsId;
use crate::call::{Capability, Errno, Tid};
use crate::sim::Map;
use std::sync::Arc;

/// What an id without a mapping is shown as (/proc/sys/kernel/overflowuid).
pub(super) const OVERFLOW_ID: u32 = 65_534;
/// A user namespace of a higher level makes no other (kernel/user_namespace.c, create_user_ns).
const LEVELS: u32 = 32;
/// Lines of a map (UID_GID_MAP_MAX_EXTENTS); all of them together are shorter than a page.
const EXTENTS: usize = 340;
const PAGE_BYTES: usize = 4096;
/// An id that is none.
const NO_ID: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
pub(super) struct UserSpaces {
    table: Map<NsId, Arc<UserSpace>>,
}

#[derive(Clone, Debug)]
pub(super) struct UserSpace {
    pub parent: Option<NsId>,
    pub level: u32,
    /// Who made it, as the node numbers them.
    pub owner: u32,
    pub uids: IdMap,
    pub gids: IdMap,
    pub allows_setgroups: bool,
    /// Its maker could have given files capabilities: it may map user 0 of the parent.
    root_mappable: bool,
}

/// A map of ids; empty until it is written, once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IdMap {
    extents: Vec<Extent>,
}

/// `count` ids from `inner` on are `outer` and on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    inner: u32,
    outer: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    User,
    Group,
}

/// A file of `/proc/PID` that sets ids of a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdFile {
    Map(IdKind),
    Setgroups,
}

/// On whose behalf such a file was opened, in which user namespace, and of which it is.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    pub cred: Arc<Cred>,
    pub user: NsId,
    pub of: NsId,
}

impl IdMap {
    /// Every id is itself.
    fn identity() -> IdMap {
        IdMap { extents: vec![Extent { inner: 0, outer: 0, count: NO_ID }] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.extents.is_empty()
    }

    /// From an id as this namespace says it to the node's; all of `count` ids in one extent.
    fn down(&self, id: u32, count: u32) -> Option<u32> {
        let within = |extent: &&Extent| {
            id >= extent.inner && u64::from(id) + u64::from(count) <= u64::from(extent.inner) + u64::from(extent.count)
        };
        self.extents.iter().find(within).map(|extent| extent.outer + (id - extent.inner))
    }

    /// From the node's id to that of this namespace.
    pub(super) fn up(&self, id: u32) -> Option<u32> {
        let within = |extent: &&Extent| id >= extent.outer && id - extent.outer < extent.count;
        self.extents.iter().find(within).map(|extent| extent.inner + (id - extent.outer))
    }

    /// What was written, in ids of the parent; EINVAL for anything but 1 to 340 lines of three numbers that do not
    /// overlap.
    fn parse(text: &str) -> Result<IdMap, Errno> {
        let mut map = IdMap::default();
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            // A line end at the end begins no other line.
            if line.is_empty() && lines.peek().is_none() && !map.is_empty() {
                break;
            }
            if map.extents.len() == EXTENTS {
                return Err(Errno::EINVAL);
            }
            let extent = Extent::parse(line).ok_or(Errno::EINVAL)?;
            if map.extents.iter().any(|other| other.overlaps(&extent)) {
                return Err(Errno::EINVAL);
            }
            map.extents.push(extent);
        }
        if map.is_empty() { Err(Errno::EINVAL) } else { Ok(map) }
    }
}

impl Extent {
    fn parse(line: &str) -> Option<Extent> {
        let numbers: Vec<u32> = line.split_ascii_whitespace().map(parse_id).collect::<Option<_>>()?;
        let [inner, outer, count] = numbers[..] else { return None };
        let wraps = |first: u32| first.checked_add(count).is_none_or(|end| end <= first);
        let valid = inner != NO_ID && outer != NO_ID && !wraps(inner) && !wraps(outer);
        valid.then_some(Extent { inner, outer, count })
    }

    fn overlaps(&self, other: &Extent) -> bool {
        let meet = |a: u32, b: u32| a < b + other.count && b < a + self.count;
        meet(self.inner, other.inner) || meet(self.outer, other.outer)
    }
}

/// simple_strtoul(3) of the kernel in base 10, whose result is cut to 32 bits.
fn parse_id(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.bytes().fold(0_u64, |n, byte| n.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'))) as u32)
}

impl UserSpace {
    /// The node's own: every id is itself.
    fn first() -> UserSpace {
        let (uids, gids) = (IdMap::identity(), IdMap::identity());
        UserSpace { parent: None, level: 0, owner: 0, uids, gids, allows_setgroups: true, root_mappable: true }
    }

    pub(super) fn map(&self, kind: IdKind) -> &IdMap {
        match kind {
            IdKind::User => &self.uids,
            IdKind::Group => &self.gids,
        }
    }

    /// The node's number of an id that is said here.
    pub(super) fn id(&self, kind: IdKind, said: u32) -> Option<u32> {
        if said == NO_ID { None } else { self.map(kind).down(said, 1) }
    }

    /// How an id is shown here.
    pub(super) fn shown(&self, kind: IdKind, id: u32) -> u32 {
        self.map(kind).up(id).unwrap_or(OVERFLOW_ID)
    }
}

impl UserSpaces {
    pub(super) fn of_node(node: NsId) -> UserSpaces {
        UserSpaces { table: Map::from([(node, Arc::new(UserSpace::first()))]) }
    }

    pub(super) fn get(&self, ns: NsId) -> Option<&UserSpace> {
        self.table.get(&ns).map(|space| &**space)
    }

    pub(super) fn shared(&self, ns: NsId) -> Arc<UserSpace> {
        self.table.get(&ns).cloned().expect("INVARIANT(ns-lives)")
    }

    fn get_mut(&mut self, ns: NsId) -> Option<&mut UserSpace> {
        self.table.get_mut(&ns).map(Arc::make_mut)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(NsId) -> bool) {
        if !self.table.keys().all(|ns| keep(*ns)) {
            self.table.retain(|ns, _| keep(*ns));
        }
    }
}

impl SimKernel {
    pub(super) fn user_space(&self, ns: NsId) -> &UserSpace {
        // INVARIANT(ns-lives): whoever is in a namespace, owns one or has one open keeps it (nsfs.rs).
        self.user_spaces.get(ns).expect("INVARIANT(ns-lives)")
    }

    /// The user namespace of a process.
    pub(super) fn user_space_of(&self, tid: Tid) -> Result<&UserSpace, Errno> {
        Ok(self.user_space(self.process(tid).ok_or(Errno::ESRCH)?.ns.user))
    }

    /// Whether who has these credentials has a capability in a user namespace (security/commoncap.c, cap_capable): its
    /// own in its own, all in one that it made in its own, and in what is below that.
    pub(super) fn has_capability(&self, cred: &Cred, user: NsId, mut ns: NsId, cap: Capability) -> bool {
        let own_level = self.user_space(user).level;
        loop {
            if ns == user {
                return cred.effective.has(cap);
            }
            let space = self.user_space(ns);
            let Some(parent) = space.parent.filter(|_| space.level > own_level) else { return false };
            if parent == user && space.owner == cred.uid.effective {
                return true;
            }
            ns = parent;
        }
    }

    /// A process takes on new credentials (kernel/cred.c, commit_creds): whose effective ids change, or who gains
    /// capabilities, is no longer to be looked into, and its parent's death means nothing to it.
    pub(super) fn commit_cred(&mut self, tid: Tid, cred: Arc<Cred>, user: NsId) {
        let Some(process) = self.process(tid) else { return };
        let old = &process.cred;
        let gains = !self.is_below(user, &cred, process.ns.user, old);
        let changes = old.uid.effective != cred.uid.effective || old.gid.effective != cred.gid.effective || gains;
        let Some(process) = self.process_mut(tid) else { return };
        if changes {
            (process.dumpable, process.death_signal) = (false, None);
        }
        (process.cred, process.ns.user) = (cred, user);
    }

    /// cred_cap_issubset: who has the old credentials has all that the new ones give.
    fn is_below(&self, user: NsId, cred: &Cred, old_user: NsId, old: &Cred) -> bool {
        if user == old_user && cred.permitted.is_within(old.permitted) {
            return true;
        }
        let mut at = user;
        while let Some(parent) = self.user_space(at).parent {
            if parent == old_user && self.user_space(at).owner == old.uid.effective {
                return true;
            }
            at = parent;
        }
        false
    }

    /// The credentials of a process that executes a program.
    pub(super) fn execute_as(&mut self, tid: Tid) -> Result<(), Errno> {
        let process = self.process(tid).ok_or(Errno::ESRCH)?;
        let (user, mut cred) = (process.ns.user, Cred::clone(&process.cred));
        cred.execute(self.user_space(user).id(IdKind::User, 0));
        let plain = cred.uid.effective == cred.uid.real && cred.gid.effective == cred.gid.real;
        let Some(process) = self.process_mut(tid) else { return Err(Errno::ESRCH) };
        (process.dumpable, process.executed_in) = (plain, user);
        self.commit_cred(tid, Arc::new(cred), user);
        Ok(())
    }

    /// Whether one process may look into another: its descriptors, its namespaces, where it stands (kernel/ptrace.c,
    /// __ptrace_may_access with PTRACE_MODE_READ_FSCREDS).
    pub(super) fn may_look_into(&self, tid: Tid, target: Tid) -> bool {
        let (Some(looker), Some(process)) = (self.process(tid), self.process(target)) else { return false };
        if tid == target {
            return true;
        }
        let may_trace = |ns| self.is_capable(tid, ns, Capability::CAP_SYS_PTRACE);
        let (cred, theirs) = (&looker.cred, &process.cred);
        let same = |own: u32, theirs: [u32; 3]| theirs == [own; 3];
        let is_same = same(cred.uid.effective, theirs.uid.each()) && same(cred.gid.effective, theirs.gid.each());
        if !is_same && !may_trace(process.ns.user) {
            return false;
        }
        if !process.is_zombie() && !process.dumpable && !may_trace(process.executed_in) {
            return false;
        }
        let as_capable = looker.ns.user == process.ns.user && theirs.permitted.is_within(cred.effective);
        as_capable || may_trace(process.ns.user)
    }

    /// ns_capable() of a process.
    pub(super) fn is_capable(&self, tid: Tid, ns: NsId, cap: Capability) -> bool {
        self.process(tid).is_some_and(|process| self.has_capability(&process.cred, process.ns.user, ns, cap))
    }

    /// Makes a user namespace below that of a process.
    pub(super) fn new_user_space(&mut self, tid: Tid) -> Result<NsId, Errno> {
        let process = self.process(tid).ok_or(Errno::ESRCH)?;
        let (parent, cred) = (process.ns.user, process.cred.clone());
        let above = self.user_space(parent);
        if above.level > LEVELS {
            return Err(Errno::ENOSPC);
        }
        // Not in a chroot, which would be left by it; and who made it must have a name above.
        let (owner, group) = (cred.uid.effective, cred.gid.effective);
        let chrooted = self.mounts.root_of_namespace(process.ns.mnt) != Some(process.root);
        if chrooted || above.uids.up(owner).is_none() || above.gids.up(group).is_none() {
            return Err(Errno::EPERM);
        }
        let space = UserSpace {
            parent: Some(parent),
            level: above.level + 1,
            owner,
            uids: IdMap::default(),
            gids: IdMap::default(),
            allows_setgroups: above.allows_setgroups,
            root_mappable: cred.effective.has(Capability::CAP_SETFCAP),
        };
        let ns = self.new_ns(super::namespace::NsKind::User, parent);
        self.user_spaces.table.insert(ns, Arc::new(space));
        Ok(ns)
    }

    /// A write to `/proc/PID/uid_map` or `gid_map` (kernel/user_namespace.c, map_write). `offset` is the file's.
    fn write_map(&mut self, tid: Tid, kind: IdKind, opener: &Opener, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let ns = opener.of;
        let space = self.user_space(ns);
        let Some(parent) = space.parent else { return Err(Errno::EPERM) };
        if opener.user != ns && opener.user != parent {
            return Err(Errno::EPERM);
        }
        if offset != 0 || data.len() >= PAGE_BYTES {
            return Err(Errno::EINVAL);
        }
        let by_opener = |ns, cap| self.has_capability(&opener.cred, opener.user, ns, cap);
        if !space.map(kind).is_empty() || !by_opener(ns, Capability::CAP_SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        // The kernel reads up to a NUL.
        let text = data.split(|byte| *byte == 0).next().and_then(|text| std::str::from_utf8(text).ok());
        let mut map = IdMap::parse(text.ok_or(Errno::EINVAL)?)?;
        if !self.may_map(tid, (parent, kind), opener, &map) {
            return Err(Errno::EPERM);
        }
        for extent in &mut map.extents {
            let above = self.user_space(parent).map(kind);
            extent.outer = above.down(extent.outer, extent.count).ok_or(Errno::EPERM)?;
        }
        let space = self.user_spaces.get_mut(ns).ok_or(Errno::ESRCH)?;
        match kind {
            IdKind::User => space.uids = map,
            IdKind::Group => space.gids = map,
        }
        Ok(())
    }

    /// new_idmap_permitted: one's own id without privilege, others with CAP_SETUID or CAP_SETGID above.
    fn may_map(&self, tid: Tid, (parent, kind): (NsId, IdKind), opener: &Opener, map: &IdMap) -> bool {
        let (ns, space) = (opener.of, self.user_space(opener.of));
        let by_opener = |cap| self.has_capability(&opener.cred, opener.user, parent, cap);
        let maps_root = map.extents.iter().any(|extent| extent.outer == 0);
        if kind == IdKind::User && maps_root {
            let trusted = if opener.user == ns { space.root_mappable } else { by_opener(Capability::CAP_SETFCAP) };
            if !trusted {
                return false;
            }
        }
        if let [Extent { outer, count: 1, .. }] = map.extents[..]
            && space.owner == opener.cred.uid.effective
        {
            let id = self.user_space(parent).id(kind, outer);
            let own = match kind {
                IdKind::User => id == Some(opener.cred.uid.effective),
                IdKind::Group => !space.allows_setgroups && id == Some(opener.cred.gid.effective),
            };
            if own {
                return true;
            }
        }
        let cap = match kind {
            IdKind::User => Capability::CAP_SETUID,
            IdKind::Group => Capability::CAP_SETGID,
        };
        self.is_capable(tid, parent, cap) && by_opener(cap)
    }

    /// A write to `/proc/PID/setgroups` (proc_setgroups_write).
    fn write_setgroups(&mut self, ns: NsId, offset: u64, data: &[u8]) -> Result<(), Errno> {
        /// A buffer with room for a word and its end.
        const BYTES: usize = 8;
        if offset != 0 || data.len() >= BYTES {
            return Err(Errno::EINVAL);
        }
        let text = data.split(|byte| *byte == 0).next().unwrap_or_default();
        let allow = match (text.strip_prefix(b"allow"), text.strip_prefix(b"deny")) {
            (Some(rest), _) if rest.trim_ascii_start().is_empty() => true,
            (_, Some(rest)) if rest.trim_ascii_start().is_empty() => false,
            _ => return Err(Errno::EINVAL),
        };
        let space = self.user_spaces.get_mut(ns).ok_or(Errno::ESRCH)?;
        match allow {
            true if !space.allows_setgroups => Err(Errno::EPERM),
            true => Ok(()),
            false if !space.gids.is_empty() => Err(Errno::EPERM),
            false => {
                space.allows_setgroups = false;
                Ok(())
            }
        }
    }

    pub(super) fn write_id_file(
        &mut self,
        tid: Tid,
        file: IdFile,
        opener: &Opener,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Errno> {
        match file {
            IdFile::Map(kind) => self.write_map(tid, kind, opener, offset, data),
            IdFile::Setgroups => self.write_setgroups(opener.of, offset, data),
        }
    }

    pub(super) fn id_file_text(&self, file: IdFile, opener: &Opener) -> String {
        match file {
            IdFile::Map(kind) => self.map_text(opener.of, kind, opener.user),
            IdFile::Setgroups if self.user_space(opener.of).allows_setgroups => "allow\n".to_owned(),
            IdFile::Setgroups => "deny\n".to_owned(),
        }
    }

    /// What `/proc/PID/uid_map` and `gid_map` show to a reader in user namespace `reader`: ids of its own, or, to who is
    /// inside, of the parent.
    pub(super) fn map_text(&self, ns: NsId, kind: IdKind, reader: NsId) -> String {
        let space = self.user_space(ns);
        let above = if reader == ns { space.parent.unwrap_or(ns) } else { reader };
        let outside = self.user_space(above).map(kind);
        let line = |extent: &Extent| {
            let outer = outside.up(extent.outer).unwrap_or(NO_ID);
            format!("{:>10} {outer:>10} {:>10}\n", extent.inner, extent.count)
        };
        space.map(kind).extents.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_lines_of_three_numbers_that_do_not_overlap() {
        let fits = |text: &str| IdMap::parse(text).is_ok();
        for text in ["0 1000 1", "0 1000 1\n", "0 0 1\n1 100000 65535\n", " 0\t1 2  ", "4294967294 0 1"] {
            assert!(fits(text), "{text:?}");
        }
        for text in
            ["", "\n", "0 1000", "0 1000 0", "0 1000 1 1", "a 0 1", "0 0 2\n1 5 1", "0 0 2\n5 1 1", "4294967295 0 1"]
        {
            assert!(!fits(text), "{text:?}");
        }
        let lines = |n: u32| (0..n).map(|i| format!("{i} {i} 1\n")).collect::<String>();
        assert!(fits(&lines(340)) && !fits(&lines(341)));
    }
}
