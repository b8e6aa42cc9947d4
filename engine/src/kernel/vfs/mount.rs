//! Mounts: which file system is seen where, for each mount namespace (mount_namespaces(7)). Here is the table; how events
//! spread from mount to mount is [`super::propagate`].

use super::super::namespace::NsId;
use super::propagate::Groups;
use super::tree::Ino;
use super::{FsId, Loc};
use crate::sim::Map;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) struct MountId(pub u32);

/// Mounts whose events spread to one another (mount_namespaces(7), "peer groups").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) struct GroupId(pub u32);

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Mount {
    /// `None` for what is not attached, or not any more: it lasts while somebody stands in it.
    pub ns: Option<NsId>,
    pub fs: FsId,
    pub root: Ino,
    pub dentry: Dentry,
    /// `None` for the root of its namespace, and for what was detached.
    pub on: Option<Mountpoint>,
    pub attrs: Attrs,
    /// It may not be taken away by itself: it came with a less privileged namespace (MNT_LOCKED).
    pub locked: bool,
    /// Nor may these attributes be cleared (MNT_LOCK_READONLY and its kin).
    pub locked_attrs: Option<Attrs>,
    /// It is shared: one of this peer group.
    pub group: Option<GroupId>,
    /// It is a slave of this one.
    pub master: Option<GroupId>,
    pub unbindable: bool,
    pub fstype: Arc<str>,
    pub source: Arc<str>,
    pub children: Vec<MountId>,
}

/// The name that a mount covers, or that its root is. Directories have one name each; files may have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Dentry {
    Dir(Ino),
    Name(Ino, Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Mountpoint {
    pub mount: MountId,
    pub dentry: Dentry,
}

/// What mount(2) calls per-mount-point flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Attrs {
    pub read_only: bool,
    pub nosuid: bool,
    pub nodev: bool,
    pub noexec: bool,
    pub nodiratime: bool,
    pub atime: Atime,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) enum Atime {
    #[default]
    Relative,
    Strict,
    Never,
}

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Mounts {
    pub(super) table: Map<MountId, Arc<Mount>>,
    pub(super) groups: Groups,
    next: u32,
}

impl Mount {
    pub(in crate::kernel) fn new(ns: NsId, fs: FsId, root: Ino, fstype: &str, source: &str) -> Mount {
        Mount {
            ns: Some(ns),
            fs,
            root,
            dentry: Dentry::Dir(root),
            on: None,
            attrs: Attrs::default(),
            locked: false,
            locked_attrs: None,
            group: None,
            master: None,
            unbindable: false,
            fstype: fstype.into(),
            source: source.into(),
            children: Vec::new(),
        }
    }

    pub(in crate::kernel) fn with(self, attrs: Attrs) -> Mount {
        Mount { attrs, ..self }
    }
}

impl Dentry {
    /// Whether `name` of directory `dir`, which is inode `ino`, is this.
    fn is(&self, dir: Ino, name: &str, ino: Ino) -> bool {
        match self {
            Dentry::Dir(own) => *own == ino,
            Dentry::Name(own, text) => *own == dir && **text == *name,
        }
    }
}

impl Attrs {
    /// As mountinfo lists them (proc_pid_mountinfo(5), "mount options").
    pub(in crate::kernel) fn text(self) -> String {
        let mut text = if self.read_only { "ro" } else { "rw" }.to_owned();
        text += self.flags_text().as_str();
        text
    }

    /// Without the first word; /proc/PID/mounts has the superblock's options between (fs/proc_namespace.c).
    pub(in crate::kernel) fn flags_text(self) -> String {
        let all = [
            (self.nosuid, ",nosuid"),
            (self.nodev, ",nodev"),
            (self.noexec, ",noexec"),
            (self.atime == Atime::Never, ",noatime"),
            (self.nodiratime, ",nodiratime"),
            (self.atime == Atime::Relative, ",relatime"),
        ];
        all.iter().filter(|(set, _)| *set).map(|(_, text)| *text).collect()
    }
}

impl Mounts {
    pub(in crate::kernel) fn get(&self, id: MountId) -> Option<&Mount> {
        self.table.get(&id).map(|mount| &**mount)
    }

    pub(in crate::kernel) fn get_mut(&mut self, id: MountId) -> Option<&mut Mount> {
        self.table.get_mut(&id).map(Arc::make_mut)
    }

    /// In the order in which they were made, as mountinfo lists them.
    pub(in crate::kernel) fn of(&self, ns: NsId) -> impl Iterator<Item = (MountId, &Mount)> {
        self.table.iter().filter(move |(_, mount)| mount.ns == Some(ns)).map(|(id, mount)| (*id, &**mount))
    }

    /// Adds a mount where it says, and nowhere else.
    pub(in crate::kernel) fn attach(&mut self, mount: Mount) -> MountId {
        let id = MountId(self.next);
        self.next += 1;
        if let Some(below) = mount.on.as_ref().map(|on| on.mount).and_then(|below| self.get_mut(below)) {
            below.children.push(id);
        }
        self.table.insert(id, Arc::new(mount));
        id
    }

    /// Hangs a mount elsewhere, or nowhere.
    pub(in crate::kernel) fn rehang(&mut self, id: MountId, on: Option<Mountpoint>) {
        let old = self.get_mut(id).and_then(|mount| std::mem::replace(&mut mount.on, on.clone()));
        if let Some(below) = old.and_then(|old| self.get_mut(old.mount)) {
            below.children.retain(|child| *child != id);
        }
        if let Some(below) = on.and_then(|on| self.get_mut(on.mount)) {
            below.children.push(id);
        }
    }

    /// The topmost mount on a name of a directory.
    pub(in crate::kernel) fn covering(&self, mount: MountId, dir: Ino, name: &str, ino: Ino) -> Option<MountId> {
        let children = &self.get(mount)?.children;
        if children.is_empty() {
            return None;
        }
        let covers = |id: &&MountId| self.dentry_below(**id).is_some_and(|dentry| dentry.is(dir, name, ino));
        children.iter().rev().find(covers).map(|child| self.top(*child))
    }

    /// What lies on a directory of a mount, if anything does.
    pub(in crate::kernel) fn on_dir(&self, at: Loc) -> Option<MountId> {
        self.on_dentry(at.mount, &Dentry::Dir(at.ino)).map(|child| self.top(child))
    }

    pub(super) fn on_dentry(&self, mount: MountId, dentry: &Dentry) -> Option<MountId> {
        let covers = |id: &&MountId| self.dentry_below(**id) == Some(dentry);
        self.get(mount)?.children.iter().rev().find(covers).copied()
    }

    fn dentry_below(&self, id: MountId) -> Option<&Dentry> {
        self.get(id)?.on.as_ref().map(|on| &on.dentry)
    }

    /// What is mounted on the root of what is mounted on the root …
    pub(in crate::kernel) fn top(&self, mut mount: MountId) -> MountId {
        while let Some(above) = self.get(mount).and_then(|covered| self.on_dentry(mount, &covered.dentry)) {
            mount = above;
        }
        mount
    }

    /// Whether any mount of namespace `ns` covers this name, through whichever mount of the file system.
    pub(in crate::kernel) fn is_mountpoint(&self, ns: NsId, fs: FsId, dir: Ino, name: &str, ino: Ino) -> bool {
        self.of(ns).any(|(_, mount)| self.lies_on(mount, fs, dir, name, ino))
    }

    pub(super) fn lies_on(&self, mount: &Mount, fs: FsId, dir: Ino, name: &str, ino: Ino) -> bool {
        let on = mount.on.as_ref().filter(|on| on.dentry.is(dir, name, ino));
        on.and_then(|on| self.get(on.mount)).is_some_and(|below| below.fs == fs)
    }

    /// A file has another name: what is mounted on it goes with it.
    pub(in crate::kernel) fn name_moved(&mut self, fs: FsId, from: (Ino, &str), to: (Ino, &str)) {
        let old = Dentry::Name(from.0, from.1.into());
        let moved = |mount: &Mount| mount.dentry == old || mount.on.as_ref().is_some_and(|on| on.dentry == old);
        let ids: Vec<MountId> = self.table.iter().filter(|(_, mount)| moved(mount)).map(|(id, _)| *id).collect();
        for id in ids {
            let on_it = self.get(id).is_some_and(|mount| self.lies_on(mount, fs, from.0, from.1, 0));
            let new = Dentry::Name(to.0, to.1.into());
            let Some(mount) = self.get_mut(id) else { continue };
            if mount.fs == fs && mount.dentry == old {
                mount.dentry = new.clone();
            }
            if let Some(on) = mount.on.as_mut().filter(|_| on_it) {
                on.dentry = new;
            }
        }
    }

    pub(in crate::kernel) fn root_of(&self, id: MountId) -> Option<Loc> {
        self.get(id).map(|mount| Loc { mount: id, fs: mount.fs, ino: mount.root })
    }

    pub(in crate::kernel) fn has_children(&self, id: MountId) -> bool {
        self.get(id).is_some_and(|mount| !mount.children.is_empty())
    }

    /// A mount and all below it, each before those on it (fs/namespace.c, next_mnt).
    pub(in crate::kernel) fn tree(&self, top: MountId) -> Vec<MountId> {
        let mut all = vec![top];
        let mut todo: Vec<MountId> =
            self.get(top).map_or(Vec::new(), |mount| mount.children.iter().rev().copied().collect());
        while let Some(id) = todo.pop() {
            all.push(id);
            todo.extend(self.get(id).into_iter().flat_map(|mount| mount.children.iter().rev()));
        }
        all
    }

    /// Whether `below` is `mount` or hangs, over however many others, on it.
    pub(in crate::kernel) fn is_below(&self, below: MountId, mount: MountId) -> bool {
        let mut at = Some(below);
        while let Some(id) = at {
            if id == mount {
                return true;
            }
            at = self.get(id).and_then(|mount| mount.on.as_ref()).map(|on| on.mount);
        }
        false
    }

    /// Forgets the mounts of namespaces that nobody is in, and those of no namespace that nobody uses.
    pub(in crate::kernel) fn retain(&mut self, keep: impl Fn(NsId) -> bool, used: impl Fn(MountId) -> bool) {
        let gone: Vec<MountId> = self
            .table
            .iter()
            .filter(|(id, mount)| match mount.ns {
                Some(ns) => !keep(ns),
                None => !used(**id) && mount.children.is_empty(),
            })
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.leave_groups(id);
            self.rehang(id, None);
            self.table.remove(&id);
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
        let (first, _) = self.of(ns).find(|(_, mount)| mount.on.is_none())?;
        self.root_of(self.top(first))
    }
}
