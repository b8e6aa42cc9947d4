//! Namespaces as files (nsfs): what the links of `/proc/PID/ns` lead to. An open one, or one that is mounted somewhere,
//! keeps its namespace; so does each process in it, and each namespace below it.

use super::SimKernel;
use super::files::Opened;
use super::namespace::{NsId, NsKind};
use super::procfs;
use super::vfs::{Fs, FsId, Ino, Loc, MountId};
use crate::call::{Errno, FileKind, SCENARIO_EPOCH_S, Stat};
use crate::sim::Set;

/// The file system of them all, and the mount inside the kernel through which they are reached: no path leads there.
pub(super) const NSFS: FsId = FsId(0);
const NSFS_MOUNT: MountId = MountId(u32::MAX - 1);

pub(super) fn file_of(ns: NsId) -> Loc {
    Loc { mount: NSFS_MOUNT, fs: NSFS, ino: Ino::from(ns.0) }
}

pub(super) fn ns_at(ino: Ino) -> NsId {
    NsId(ino as u32)
}

pub(super) fn stat() -> Stat {
    Stat {
        kind: FileKind::File,
        mode: 0o444,
        uid: 0,
        gid: 0,
        size_bytes: 0,
        nlink: 1,
        mtime_s: SCENARIO_EPOCH_S,
        rdev: (0, 0),
    }
}

impl SimKernel {
    pub(super) fn new_ns(&mut self, kind: NsKind, owner: NsId) -> NsId {
        self.namespaces.add(kind, Some(owner))
    }

    /// The namespace that an open file is.
    pub(super) fn ns_of(&self, opened: Opened) -> Option<NsId> {
        match opened {
            Opened::File(loc) if loc.fs == NSFS => Some(ns_at(loc.ino)),
            _ => None,
        }
    }

    /// Namespaces that nothing keeps, their mounts, and file systems that nothing shows any more.
    pub(super) fn sweep_namespaces(&mut self) {
        let kept = self.kept_namespaces();
        self.namespaces.retain(|ns| kept.contains(&ns));
        self.pid_spaces.retain(|ns| kept.contains(&ns));
        self.user_spaces.retain(|ns| kept.contains(&ns));
        self.uts.retain(|ns, _| kept.contains(ns));
        self.cgroups.retain_namespaces(|ns| kept.contains(&ns));
        self.ipc.retain(|ns, _| kept.contains(ns));
        self.time_spaces.retain(|ns, _| kept.contains(ns));
        let opened = self.files.opened().filter_map(|ofd| ofd.loc());
        let living = self.processes.values().filter(|process| !process.is_zombie());
        let stood_in = living.flat_map(|process| [Some(process.root), Some(process.cwd), process.exe_at]).flatten();
        let places: Vec<_> = opened.chain(stood_in).collect();
        self.mounts.retain(|ns| kept.contains(&ns), |mount| places.iter().any(|loc| loc.mount == mount));
        let own = [NSFS, self.toolbox, self.rootfs];
        let kept = self.containers.values().map(|container| container.fs).chain(own);
        let kept: Set<_> = kept.chain(self.ipc.values().filter_map(|space| space.queues)).collect();
        let used: Set<_> = places.iter().map(|loc| loc.fs).collect();
        let mounts = &self.mounts;
        let before = self.filesystems.len();
        let layers: Set<_> = self.layers.values().copied().collect();
        self.filesystems.retain(|id, superblock| {
            let own = matches!(superblock.fs, Fs::Cgroup(_)) || kept.contains(&id) || layers.contains(&id);
            own || used.contains(&id) || mounts.shows(id)
        });
        if self.filesystems.len() < before {
            let filesystems = &self.filesystems;
            let gone = self.memory.files(|fs, _| filesystems.get(fs).is_none());
            self.drop_pages(gone);
        }
    }

    fn kept_namespaces(&self) -> Set<NsId> {
        let lived_in = self.processes.values().flat_map(|process| {
            let more = [process.pid_for_children, process.time_ns, process.time_for_children];
            process.ns.each().into_iter().map(|(_, ns)| ns).chain(more)
        });
        let opened = self.files.opened().filter_map(|ofd| self.ns_of(ofd.what));
        let mapped = self.files.opened().filter_map(|ofd| ofd.opener.as_ref()).flat_map(|by| [by.user, by.of]);
        let mounters = self.filesystems.values().map(|superblock| superblock.user);
        let mounted: Vec<(NsId, NsId)> =
            self.mounts.showing(NSFS).filter_map(|mount| Some((mount.ns?, ns_at(mount.root)))).collect();
        let mut todo: Vec<NsId> = lived_in.chain(opened).chain(mapped).chain(mounters).collect();
        let mut kept = Set::new();
        while let Some(ns) = todo.pop() {
            if kept.insert(ns) {
                // With it who owns it, what it is in, and, of a mount namespace, what is mounted there.
                todo.extend(self.namespaces.owner(ns));
                todo.extend(self.pid_spaces.get(ns).and_then(|space| space.parent));
                todo.extend(mounted.iter().filter(|(at, _)| *at == ns).map(|(_, shown)| *shown));
            }
        }
        kept
    }

    /// A mount namespace may be mounted only in one that is older: none may keep itself (fs/namespace.c, mnt_ns_loop).
    pub(super) fn may_mount_namespace(&self, at: NsId, file: Loc) -> Result<(), Errno> {
        let shown = ns_at(file.ino);
        let is_mnt = self.namespaces.get(shown).is_some_and(|object| object.kind == NsKind::Mnt);
        if is_mnt && shown <= at { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// The namespace that a link of procfs leads to.
    pub(super) fn ns_link(&self, link: Loc) -> Option<NsId> {
        let target = matches!(self.fs(link.fs), Fs::Proc(_)).then(|| procfs::jump(self, link.ino)).flatten()?;
        (target.fs == NSFS).then(|| ns_at(target.ino))
    }

    /// What a link to this file shows.
    pub(super) fn ns_text(&self, loc: Loc) -> Option<String> {
        matches!(self.fs(loc.fs), Fs::Ns).then(|| self.namespaces.text(ns_at(loc.ino))).flatten()
    }
}
