//! How mount events spread: peer groups, masters and slaves (mount_namespaces(7), "Shared subtrees";
//! Documentation/filesystems/sharedsubtree.rst). The rules are those of fs/pnode.c and fs/namespace.c.

use super::super::namespace::NsId;
use super::mount::{Attrs, Dentry, GroupId, Mount, MountId, Mountpoint, Mounts};
use crate::call::Errno;
use crate::sim::{Map, Set};
use std::sync::Arc;

/// mount(2), "Changing the propagation type".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Propagation {
    Shared,
    Private,
    Slave,
    Unbindable,
}

/// Who is in which group, in the order in which the kernel goes through them.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    peers: Map<GroupId, Vec<MountId>>,
    slaves: Map<GroupId, Vec<MountId>>,
    next: u32,
}

/// What becomes of a copied mount's propagation (fs/pnode.h, `CL_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// A peer of what is shared, a slave of the same master.
    Alike,
    /// For a mount namespace of another user namespace: what is shared becomes a slave.
    Weaker,
    /// A slave of the original; shared as well if it goes where things are shared.
    Slave { shared: bool },
}

/// What propagation has to know of the rest of the kernel.
pub(in crate::kernel) struct Ground<'a> {
    /// Whether this name is at or below the root of that mount, in one file system.
    pub reaches: &'a dyn Fn(&Mount, &Dentry) -> bool,
    /// The user namespace that owns a mount namespace.
    pub owner: &'a dyn Fn(NsId) -> NsId,
}

impl Mounts {
    /// MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE (fs/pnode.c, change_mnt_propagation).
    pub(in crate::kernel) fn change_propagation(&mut self, id: MountId, to: Propagation) {
        if to == Propagation::Shared {
            return self.share(id);
        }
        self.make_slave(id);
        if to == Propagation::Slave {
            return;
        }
        self.leave_master(id);
        if let Some(mount) = self.get_mut(id) {
            mount.unbindable = to == Propagation::Unbindable;
        }
    }

    fn share(&mut self, id: MountId) {
        let next = GroupId(self.groups.next);
        let Some(mount) = self.get_mut(id) else { return };
        mount.unbindable = false;
        if mount.group.is_none() {
            mount.group = Some(next);
            self.groups.next += 1;
            self.groups.peers.insert(next, vec![id]);
        }
    }

    /// Out of its peer group, which becomes its master. The last one of a group hands its slaves to its own master.
    fn make_slave(&mut self, id: MountId) {
        let Some((group, master)) = self.get(id).and_then(|mount| Some((mount.group?, mount.master))) else { return };
        let peers = self.groups.peers.get_or_insert_with(group, Vec::new);
        peers.retain(|peer| *peer != id);
        let left = !peers.is_empty();
        if let Some(mount) = self.get_mut(id) {
            mount.group = None;
        }
        if left {
            self.leave_master(id);
            self.follow(id, Some(group), None);
            return;
        }
        self.groups.peers.remove(&group);
        for slave in self.groups.slaves.remove(&group).unwrap_or_default() {
            self.follow(slave, master, Some(id));
        }
    }

    /// Makes a mount, which has no master, a slave of `master`: first among its slaves, or after another.
    fn follow(&mut self, id: MountId, master: Option<GroupId>, after: Option<MountId>) {
        if let Some(mount) = self.get_mut(id) {
            mount.master = master;
        }
        let Some(master) = master else { return };
        let slaves = self.groups.slaves.get_or_insert_with(master, Vec::new);
        let at = after.and_then(|after| slaves.iter().position(|slave| *slave == after)).map_or(0, |at| at + 1);
        slaves.insert(at, id);
    }

    fn leave_master(&mut self, id: MountId) {
        let Some(master) = self.get_mut(id).and_then(|mount| mount.master.take()) else { return };
        if let Some(slaves) = self.groups.slaves.get_mut(&master) {
            slaves.retain(|slave| *slave != id);
            if slaves.is_empty() {
                self.groups.slaves.remove(&master);
            }
        }
    }

    pub(super) fn leave_groups(&mut self, id: MountId) {
        self.make_slave(id);
        self.leave_master(id);
    }

    /// A copy of one mount, attached nowhere.
    fn copy_one(&mut self, old: MountId, root: Option<(super::Ino, Dentry)>, how: Copy) -> Option<MountId> {
        let mut mount = self.get(old)?.clone();
        let (group, master) = (mount.group.take(), mount.master.take());
        (mount.ns, mount.on) = (None, None);
        mount.children.clear();
        if let Some((root, dentry)) = root {
            (mount.root, mount.dentry) = (root, dentry);
        }
        let new = self.attach(mount);
        match how {
            Copy::Slave { .. } => self.follow(new, group, None),
            Copy::Weaker if group.is_some() => self.follow(new, group, None),
            Copy::Alike | Copy::Weaker => {
                if let Some(group) = group {
                    self.join(new, group, old);
                }
                self.follow(new, master, Some(old));
            }
        }
        if how == (Copy::Slave { shared: true }) {
            self.share(new);
        }
        Some(new)
    }

    fn join(&mut self, id: MountId, group: GroupId, after: MountId) {
        let peers = self.groups.peers.get_or_insert_with(group, Vec::new);
        let at = peers.iter().position(|peer| *peer == after).map_or(peers.len(), |at| at + 1);
        peers.insert(at, id);
        if let Some(mount) = self.get_mut(id) {
            mount.group = Some(group);
        }
    }

    /// A mount with what is below it, attached nowhere (fs/namespace.c, copy_tree). What is unbindable stays out unless a
    /// whole namespace is copied; `wanted` says which children of `top` come along. Answers what became which.
    fn copy_tree(
        &mut self,
        top: MountId,
        root: Option<(super::Ino, Dentry)>,
        how: Copy,
        with_unbindable: bool,
        wanted: &dyn Fn(&Mount) -> bool,
    ) -> Result<Map<MountId, MountId>, Errno> {
        let mut copies = Map::new();
        let children = self.get(top).map_or(Vec::new(), |mount| mount.children.clone());
        let wanted: Set<MountId> = children.into_iter().filter(|id| self.get(*id).is_some_and(wanted)).collect();
        for id in self.tree(top) {
            let Some(old) = self.get(id) else { continue };
            if id == top {
                copies.insert(id, self.copy_one(id, root.clone(), how).ok_or(Errno::EINVAL)?);
                continue;
            }
            let Some(on) = old.on.clone() else { continue };
            let Some(below) = copies.get(&on.mount).copied() else { continue };
            if on.mount == top && !wanted.contains(&id) {
                continue;
            }
            if old.unbindable && !with_unbindable {
                if old.locked {
                    return Err(Errno::EPERM);
                }
                continue;
            }
            let Some(copy) = self.copy_one(id, None, how) else { continue };
            self.rehang(copy, Some(Mountpoint { mount: below, dentry: on.dentry }));
            copies.insert(id, copy);
        }
        Ok(copies)
    }

    /// A bind mount of `root` in `old`, attached nowhere; with `recursive`, of what is below it too.
    pub(in crate::kernel) fn copy_bind(
        &mut self,
        old: MountId,
        root: (super::Ino, Dentry),
        recursive: bool,
        ground: &Ground<'_>,
    ) -> Result<MountId, Errno> {
        let mut from = self.get(old).ok_or(Errno::EINVAL)?.clone();
        (from.root, from.dentry) = root.clone();
        let below_root = |child: &Mount| child.on.as_ref().is_some_and(|on| (ground.reaches)(&from, &on.dentry));
        if !recursive && from.children.iter().any(|id| self.get(*id).is_some_and(|m| m.locked && below_root(m))) {
            return Err(Errno::EINVAL);
        }
        let keep = |child: &Mount| recursive && below_root(child);
        let copies = self.copy_tree(old, Some(root), Copy::Alike, false, &keep);
        let new = copies?.get(&old).copied().ok_or(Errno::EINVAL)?;
        if let Some(mount) = self.get_mut(new) {
            mount.locked = false;
        }
        Ok(new)
    }

    /// A copy of a namespace's mounts for a new one; answers which became which.
    pub(in crate::kernel) fn copy_namespace(&mut self, from: NsId, to: NsId, weaker: bool) -> Map<MountId, MountId> {
        let root = self.of(from).find(|(_, mount)| mount.on.is_none()).map(|(id, _)| id);
        let Some(root) = root else { return Map::new() };
        let how = if weaker { Copy::Weaker } else { Copy::Alike };
        let copies = self.copy_tree(root, None, how, true, &|_| true).unwrap_or_default();
        if let Some(top) = copies.get(&root).copied() {
            self.commit(top, to);
            if weaker {
                self.lock(top);
            }
        }
        copies
    }

    fn commit(&mut self, top: MountId, ns: NsId) {
        for id in self.tree(top) {
            if let Some(mount) = self.get_mut(id) {
                mount.ns = Some(ns);
            }
        }
    }

    /// fs/namespace.c, lock_mnt_tree.
    fn lock(&mut self, top: MountId) {
        for id in self.tree(top) {
            let Some(mount) = self.get_mut(id) else { continue };
            mount.locked_attrs.get_or_insert(mount.attrs);
            mount.locked |= id != top;
        }
    }

    /// Attaches a tree, or moves it, and copies it to where `on` is seen too (fs/namespace.c, attach_recursive_mnt).
    pub(in crate::kernel) fn graft(&mut self, top: MountId, on: Mountpoint, ground: &Ground<'_>) -> Result<(), Errno> {
        let below = self.get(on.mount).ok_or(Errno::EINVAL)?;
        let (Some(ns), shared) = (below.ns, below.group.is_some()) else { return Err(Errno::EINVAL) };
        let mut copies = Vec::new();
        if shared {
            for id in self.tree(top) {
                self.share(id);
            }
            copies = self.propagate(top, &on, ground)?;
        }
        self.rehang(top, Some(on.clone()));
        self.commit(top, ns);
        for (copy, place) in copies {
            let Some(place_ns) = self.get(place.mount).and_then(|mount| mount.ns) else { continue };
            if (ground.owner)(place_ns) != (ground.owner)(ns) {
                self.lock(copy);
            }
            let root = self.get(copy).map(|mount| mount.dentry.clone());
            // What is there already comes to lie on the copy.
            if let (Some(covered), Some(dentry)) = (self.on_dentry(place.mount, &place.dentry), root) {
                self.rehang(covered, Some(Mountpoint { mount: copy, dentry }));
            }
            if let Some(mount) = self.get_mut(copy) {
                mount.locked = false;
            }
            self.rehang(copy, Some(place));
            self.commit(copy, place_ns);
        }
        Ok(())
    }

    /// Copies of a tree for everywhere else that sees `on`, and where each goes (fs/pnode.c, propagate_mnt).
    fn propagate(
        &mut self,
        top: MountId,
        on: &Mountpoint,
        ground: &Ground<'_>,
    ) -> Result<Vec<(MountId, Mountpoint)>, Errno> {
        let mut made = Vec::new();
        // The copy that others of the same group, and slaves of it, are copied from.
        let mut sources: Map<GroupId, MountId> = Map::new();
        let first = self.get(on.mount).and_then(|mount| mount.group).ok_or(Errno::EINVAL)?;
        sources.insert(first, top);
        for (id, master) in self.receivers(on.mount) {
            let Some(mount) = self.get(id) else { continue };
            if mount.ns.is_none() || !(ground.reaches)(mount, &on.dentry) {
                continue;
            }
            let group = mount.group;
            let known = group.and_then(|group| sources.get(&group).copied());
            let (from, how) = match (known, master) {
                (Some(peer), _) => (peer, Copy::Alike),
                (None, Some(master)) => {
                    let from = self.nearest(master, &sources).unwrap_or(top);
                    (from, Copy::Slave { shared: group.is_some() })
                }
                (None, None) => continue,
            };
            let copies = self.copy_tree(from, None, how, false, &|_| true)?;
            let Some(copy) = copies.get(&from).copied() else { continue };
            if let Some(group) = group {
                sources.get_or_insert_with(group, || copy);
            }
            made.push((copy, Mountpoint { mount: id, dentry: on.dentry.clone() }));
        }
        Ok(made)
    }

    /// The copy of the nearest master that got one.
    fn nearest(&self, mut master: GroupId, sources: &Map<GroupId, MountId>) -> Option<MountId> {
        loop {
            if let Some(source) = sources.get(&master) {
                return Some(*source);
            }
            let peer = self.groups.peers.get(&master)?.first()?;
            master = self.get(*peer)?.master?;
        }
    }

    /// Who gets the events of a mount: its peers, then their slaves, group by group (fs/pnode.c, next_group); each with
    /// the master over which the event comes.
    fn receivers(&self, of: MountId) -> Vec<(MountId, Option<GroupId>)> {
        let Some(group) = self.get(of).and_then(|mount| mount.group) else { return Vec::new() };
        let peers = self.ring(group, of);
        let mut all: Vec<_> = peers.into_iter().filter(|id| *id != of).map(|id| (id, None)).collect();
        self.slaves_of(group, &mut all);
        all
    }

    fn slaves_of(&self, group: GroupId, all: &mut Vec<(MountId, Option<GroupId>)>) {
        let mut seen: Set<GroupId> = Set::new();
        for slave in self.groups.slaves.get(&group).into_iter().flatten() {
            match self.get(*slave).and_then(|mount| mount.group) {
                None => all.push((*slave, Some(group))),
                Some(own) if seen.insert(own) => {
                    all.extend(self.ring(own, *slave).into_iter().map(|id| (id, Some(group))));
                    self.slaves_of(own, all);
                }
                Some(_) => {}
            }
        }
    }

    pub(in crate::kernel) fn peers(&self, group: GroupId) -> &[MountId] {
        self.groups.peers.get(&group).map_or(&[], Vec::as_slice)
    }

    /// A group, beginning with this member.
    fn ring(&self, group: GroupId, first: MountId) -> Vec<MountId> {
        let mut peers = self.groups.peers.get(&group).cloned().unwrap_or_default();
        let at = peers.iter().position(|id| *id == first).unwrap_or(0);
        peers.rotate_left(at);
        peers
    }

    /// The mounts that go with an unmount of `id` elsewhere; those that carry others stay (fs/pnode.c,
    /// propagate_umount).
    fn unmounted_elsewhere(&self, going: &Set<MountId>) -> Set<MountId> {
        let mut candidates: Set<MountId> = Set::new();
        for id in going.iter() {
            let Some(on) = self.get(*id).and_then(|mount| mount.on.as_ref()) else { continue };
            for (place, _) in self.receivers(on.mount) {
                candidates.extend(self.on_dentry(place, &on.dentry).filter(|id| !going.contains(id)));
            }
        }
        // What is locked, and what carries something that stays, stays.
        loop {
            let stays = |id: &MountId| {
                self.get(*id).is_none_or(|mount| {
                    let topper = self.on_dentry(*id, &mount.dentry);
                    let carries = |child: &MountId| {
                        Some(*child) != topper && !candidates.contains(child) && !going.contains(child)
                    };
                    mount.locked && !self.parent_goes(mount, &candidates) || mount.children.iter().any(carries)
                })
            };
            let staying: Vec<MountId> = candidates.iter().copied().filter(stays).collect();
            if staying.is_empty() {
                return candidates;
            }
            candidates.retain(|id| !staying.contains(id));
        }
    }

    fn parent_goes(&self, mount: &Mount, going: &Set<MountId>) -> bool {
        mount.on.as_ref().is_some_and(|on| going.contains(&on.mount))
    }

    /// What would be unmounted with `id` in other places, for whoever asks whether it is busy there.
    pub(in crate::kernel) fn elsewhere(&self, id: MountId) -> Vec<MountId> {
        let Some(on) = self.get(id).and_then(|mount| mount.on.as_ref()) else { return Vec::new() };
        let places = self.receivers(on.mount).into_iter();
        let there = places.filter_map(|(place, _)| self.on_dentry(place, &on.dentry));
        let bare = |child: &MountId| {
            self.get(*child)
                .is_some_and(|mount| self.on_dentry(*child, &mount.dentry).is_some() || mount.children.is_empty())
        };
        there.filter(bare).collect()
    }

    /// Takes a mount and what is below it out of its namespace, and their like elsewhere. Each lasts, alone, while
    /// somebody uses it.
    pub(in crate::kernel) fn unmount(&mut self, top: MountId, propagate: bool) {
        let mut going: Set<MountId> = self.tree(top).into_iter().collect();
        if propagate {
            let elsewhere = self.unmounted_elsewhere(&going);
            for id in elsewhere.iter() {
                // What covers one that goes takes its place.
                let place = self.get(*id).and_then(|mount| mount.on.clone());
                let topper = self.get(*id).and_then(|mount| self.on_dentry(*id, &mount.dentry));
                if let Some(topper) = topper.filter(|topper| !going.contains(topper) && !elsewhere.contains(topper)) {
                    self.rehang(topper, place);
                }
            }
            going.extend(elsewhere.iter().copied());
        }
        for id in going.iter() {
            self.change_propagation(*id, Propagation::Private);
            let Some(mount) = self.get_mut(*id) else { continue };
            mount.ns = None;
            let connected = mount.locked && mount.on.as_ref().is_some_and(|on| going.contains(&on.mount));
            if !connected {
                self.rehang(*id, None);
            }
        }
    }

    /// A name is gone: what other namespaces had mounted on it is detached (mount_namespaces(7), since Linux 3.18).
    pub(in crate::kernel) fn name_removed(&mut self, fs: super::FsId, dir: super::Ino, name: &str, ino: super::Ino) {
        let covered = |mount: &Arc<Mount>| mount.ns.is_some() && self.lies_on(mount, fs, dir, name, ino);
        let ids: Vec<MountId> = self.table.iter().filter(|(_, mount)| covered(mount)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.unmount(id, false));
    }
}

impl Mount {
    /// Whether a less privileged namespace may set these attributes (fs/namespace.c, can_change_locked_flags).
    pub(in crate::kernel) fn may_become(&self, new: Attrs) -> bool {
        self.locked_attrs.is_none_or(|old| {
            let kept = |old: bool, new: bool| !old || new;
            kept(old.read_only, new.read_only)
                && kept(old.nosuid, new.nosuid)
                && kept(old.nodev, new.nodev)
                && kept(old.noexec, new.noexec)
                && (old.atime, old.nodiratime) == (new.atime, new.nodiratime)
        })
    }
}
