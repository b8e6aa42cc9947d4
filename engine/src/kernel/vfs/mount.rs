//! Mounts: which file system is seen where, for each mount namespace (mount_namespaces(7)). All of them are private:
//! nothing propagates.

use super::super::namespace::NsId;
use super::tree::Ino;
use super::{FsId, Loc};
use crate::sim::Map;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) struct MountId(pub u32);

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Mount {
    pub ns: NsId,
    pub fs: FsId,
    pub root: Ino,
    /// `None` for the root of its namespace, and for what was detached.
    pub on: Option<Mountpoint>,
    pub read_only: bool,
    pub fstype: String,
    pub source: String,
    children: Vec<(Ino, String, MountId)>,
}

/// A dentry that a mount covers: a name in a directory, or (empty name) the root of the mount below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Mountpoint {
    pub mount: MountId,
    pub dir: Ino,
    pub name: String,
}

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Mounts {
    table: Map<MountId, Arc<Mount>>,
    next: u32,
}

impl Mount {
    pub(in crate::kernel) fn new(ns: NsId, fs: FsId, root: Ino, fstype: &str, source: &str) -> Mount {
        let (fstype, source) = (fstype.to_owned(), source.to_owned());
        Mount { ns, fs, root, on: None, read_only: false, fstype, source, children: Vec::new() }
    }
}

impl Mounts {
    pub(in crate::kernel) fn get(&self, id: MountId) -> Option<&Mount> {
        self.table.get(&id).map(|mount| &**mount)
    }

    pub(in crate::kernel) fn of(&self, ns: NsId) -> impl Iterator<Item = (MountId, &Mount)> {
        self.table.iter().filter(move |(_, mount)| mount.ns == ns).map(|(id, mount)| (*id, &**mount))
    }

    pub(in crate::kernel) fn attach(&mut self, mount: Mount) -> MountId {
        let id = MountId(self.next);
        self.next += 1;
        if let Some(on) = &mount.on
            && let Some(below) = self.get_mut(on.mount)
        {
            below.children.push((on.dir, on.name.clone(), id));
        }
        self.table.insert(id, Arc::new(mount));
        id
    }

    /// Takes a mount, and what is mounted below it, out of the table.
    pub(in crate::kernel) fn detach(&mut self, id: MountId) {
        let Some(mount) = self.table.remove(&id) else { return };
        if let Some(below) = mount.on.as_ref().and_then(|on| self.get_mut(on.mount)) {
            below.children.retain(|(_, _, child)| *child != id);
        }
        for (_, _, child) in &mount.children {
            self.detach(*child);
        }
    }

    pub(in crate::kernel) fn get_mut(&mut self, id: MountId) -> Option<&mut Mount> {
        self.table.get_mut(&id).map(Arc::make_mut)
    }

    /// The topmost mount on a name of a directory.
    pub(in crate::kernel) fn covering(&self, mount: MountId, dir: Ino, name: &str) -> Option<MountId> {
        let mut top = self.child(mount, dir, name)?;
        while let Some(above) = self.get(top).and_then(|covered| self.child(top, covered.root, "")) {
            top = above;
        }
        Some(top)
    }

    /// Whether any mount of namespace `ns` covers this name, through whichever mount of the file system.
    pub(in crate::kernel) fn is_mountpoint(&self, ns: NsId, fs: FsId, dir: Ino, name: &str) -> bool {
        self.of(ns).any(|(_, mount)| {
            let covers = |on: &Mountpoint| on.dir == dir && on.name == name;
            mount.on.as_ref().is_some_and(|on| covers(on) && self.get(on.mount).is_some_and(|below| below.fs == fs))
        })
    }

    /// A name is gone: what other namespaces had mounted on it is detached (mount_namespaces(7), since Linux 3.18).
    pub(in crate::kernel) fn name_removed(&mut self, fs: FsId, dir: Ino, name: &str) {
        let covered: Vec<MountId> =
            self.table.iter().filter(|(_, mount)| self.lies_on(mount, fs, dir, name)).map(|(id, _)| *id).collect();
        covered.into_iter().for_each(|id| self.detach(id));
    }

    fn lies_on(&self, mount: &Mount, fs: FsId, dir: Ino, name: &str) -> bool {
        let on = mount.on.as_ref().filter(|on| on.dir == dir && on.name == name);
        on.and_then(|on| self.get(on.mount)).is_some_and(|below| below.fs == fs)
    }

    pub(in crate::kernel) fn root_of(&self, id: MountId) -> Option<Loc> {
        self.get(id).map(|mount| Loc { mount: id, fs: mount.fs, ino: mount.root })
    }

    pub(in crate::kernel) fn has_children(&self, id: MountId) -> bool {
        self.get(id).is_some_and(|mount| !mount.children.is_empty())
    }

    /// A copy of a namespace's mounts for a new one; answers which became which.
    pub(in crate::kernel) fn copy_namespace(&mut self, from: NsId, to: NsId) -> Map<MountId, MountId> {
        let old: Vec<MountId> = self.of(from).map(|(id, _)| id).collect();
        let renamed: Map<MountId, MountId> = old.iter().zip(self.next..).map(|(id, new)| (*id, MountId(new))).collect();
        for (id, new) in &renamed {
            let mut mount = Mount::clone(&self.table[id]);
            mount.ns = to;
            mount.on.iter_mut().for_each(|on| on.mount = renamed.get(&on.mount).copied().unwrap_or(on.mount));
            mount.children.iter_mut().for_each(|(_, _, child)| *child = renamed.get(child).copied().unwrap_or(*child));
            self.table.insert(*new, Arc::new(mount));
        }
        self.next += renamed.len() as u32;
        renamed
    }

    /// Copies what is mounted below `from` (at or under its root) onto the new mount `to` of the same file system.
    pub(in crate::kernel) fn copy_children(&mut self, from: MountId, to: MountId, within: &dyn Fn(Ino) -> bool) {
        let Some((ns, children)) = self.get(to).map(|mount| mount.ns).zip(self.get(from).map(|m| m.children.clone()))
        else {
            return;
        };
        for (dir, name, child) in children.into_iter().filter(|(dir, _, _)| within(*dir)) {
            let Some(mut copy) = self.get(child).cloned() else { continue };
            copy.ns = ns;
            copy.children.clear();
            copy.on = Some(Mountpoint { mount: to, dir, name });
            let copied = self.attach(copy);
            self.copy_children(child, copied, &|_| true);
        }
    }

    /// Forgets the mounts of namespaces that nobody is in.
    pub(in crate::kernel) fn retain(&mut self, keep: impl Fn(NsId) -> bool) {
        if !self.table.values().all(|mount| keep(mount.ns)) {
            self.table.retain(|_, mount| keep(mount.ns));
        }
    }

    pub(in crate::kernel) fn shows(&self, fs: FsId) -> bool {
        self.showing(fs).next().is_some()
    }

    /// The mounts of a file system, in whichever namespace.
    pub(in crate::kernel) fn showing(&self, fs: FsId) -> impl Iterator<Item = &Mount> {
        self.table.values().map(|mount| &**mount).filter(move |mount| mount.fs == fs)
    }

    /// The root of a mount namespace: its first mount, and what lies on that.
    pub(in crate::kernel) fn root_of_namespace(&self, ns: NsId) -> Option<Loc> {
        let (mut top, _) = self.of(ns).find(|(_, mount)| mount.on.is_none())?;
        while let Some(above) = self.get(top).and_then(|covered| self.child(top, covered.root, "")) {
            top = above;
        }
        self.root_of(top)
    }

    pub(in crate::kernel) fn set_superblock_read_only(&mut self, fs: FsId, read_only: bool) {
        for mount in self.table.values_mut().filter(|mount| mount.fs == fs) {
            Arc::make_mut(mount).read_only = read_only;
        }
    }

    fn child(&self, mount: MountId, dir: Ino, name: &str) -> Option<MountId> {
        // The latest mount on a name is the one on top.
        let children = &self.get(mount)?.children;
        children.iter().rev().find(|(d, n, _)| *d == dir && n == name).map(|(_, _, id)| *id)
    }
}
