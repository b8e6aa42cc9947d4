//! Mounts and those who stand on them: what a path names as a mount point, who uses a mount, and roots that change.

use super::mount::{Dentry, Mount, Mountpoint};
use super::propagate::Ground;
use super::{Fs, Ino, Last, Loc, MountId, View};
use crate::call::{Errno, FileKind, Tid};
use crate::kernel::SimKernel;
use crate::kernel::namespace::NsId;
use crate::kernel::procfs;

impl SimKernel {
    /// What a path that led to `at` names.
    pub(in crate::kernel) fn dentry(&mut self, view: &View, path: &str, at: Loc) -> Dentry {
        if self.stat(at).kind == FileKind::Dir {
            return Dentry::Dir(at.ino);
        }
        match self.mounts.get(at.mount).filter(|mount| mount.root == at.ino) {
            Some(mount) => mount.dentry.clone(),
            None => match self.find_or_name(view, path, true).map(|walked| (walked.dir.ino, walked.last)) {
                Ok((dir, Last::Name(name))) => Dentry::Name(dir, name.into()),
                _ => Dentry::Dir(at.ino),
            },
        }
    }

    pub(in crate::kernel) fn dentry_of_dir(&self, at: Loc) -> Dentry {
        Dentry::Dir(at.ino)
    }

    /// Puts a mount, which is attached nowhere or moves, on what a path led to (fs/namespace.c, lock_mount and graft_tree).
    pub(in crate::kernel) fn graft(
        &mut self,
        view: &View,
        mount: MountId,
        path: &str,
        target: Loc,
    ) -> Result<(), Errno> {
        let dentry = self.dentry(view, path, target);
        let (target, dentry) = match self.mounts.on_dentry(target.mount, &dentry).map(|above| self.mounts.top(above)) {
            Some(top) => {
                let root = self.mounts.root_of(top).ok_or(Errno::EINVAL)?;
                (root, self.mounts.get(top).ok_or(Errno::EINVAL)?.dentry.clone())
            }
            None => (target, dentry),
        };
        if self.stat(target).kind == FileKind::Dir && self.fs(target.fs).is_dead(target.ino) {
            return Err(Errno::ENOENT);
        }
        let root = self.mounts.root_of(mount).ok_or(Errno::EINVAL)?;
        if (self.stat(target).kind == FileKind::Dir) != (self.stat(root).kind == FileKind::Dir) {
            return Err(Errno::ENOTDIR);
        }
        let on = Mountpoint { mount: target.mount, dentry };
        let SimKernel { mounts, filesystems, namespaces, node_ns, .. } = self;
        let reaches = |mount: &Mount, dentry: &Dentry| {
            filesystems.get(mount.fs).is_some_and(|superblock| reaches(&superblock.fs, mount, dentry))
        };
        let owner = |ns: NsId| namespaces.owner(ns).unwrap_or(node_ns.user);
        mounts.graft(mount, on, &Ground { reaches: &reaches, owner: &owner })
    }

    /// A bind mount that is attached nowhere.
    pub(in crate::kernel) fn copy_bind(
        &mut self,
        source: Loc,
        dentry: Dentry,
        recursive: bool,
    ) -> Result<MountId, Errno> {
        let SimKernel { mounts, filesystems, .. } = self;
        let reaches = |mount: &Mount, dentry: &Dentry| {
            filesystems.get(mount.fs).is_some_and(|superblock| reaches(&superblock.fs, mount, dentry))
        };
        let ground = Ground { reaches: &reaches, owner: &|ns| ns };
        mounts.copy_bind(source.mount, (source.ino, dentry), recursive, &ground)
    }

    /// What is mounted on a directory, or the directory itself.
    pub(in crate::kernel) fn topmost(&self, at: Loc) -> Loc {
        self.mounts.on_dir(at).and_then(|top| self.mounts.root_of(top)).unwrap_or(at)
    }

    /// Whether one goes up from `from` to `to` (fs/namespace.c, is_path_reachable).
    pub(in crate::kernel) fn is_reachable(&self, from: Loc, to: Loc) -> bool {
        let mut at = from;
        while at.mount != to.mount {
            let Some(on) = self.mounts.get(at.mount).and_then(|mount| mount.on.clone()) else { return false };
            let Some(below) = self.mounts.get(on.mount) else { return false };
            let (Dentry::Dir(ino) | Dentry::Name(ino, _)) = on.dentry;
            at = Loc { mount: on.mount, fs: below.fs, ino };
        }
        is_under(self.fs(at.fs), at.ino, to.ino)
    }

    /// Who stood on the old root stands on the new one (fs/fs_struct.c, chroot_fs_refs).
    pub(in crate::kernel) fn change_roots(&mut self, old: Loc, new: Loc) {
        let there = |loc: Loc| loc.mount == old.mount && loc.ino == old.ino;
        let tids: Vec<Tid> = self.processes.keys().copied().collect();
        for tid in tids {
            let Some(process) = self.process(tid).filter(|process| there(process.root) || there(process.cwd)) else {
                continue;
            };
            let (root, cwd) = (process.root, process.cwd);
            if let Some(process) = self.process_mut(tid) {
                process.root = if there(root) { new } else { root };
                process.cwd = if there(cwd) { new } else { cwd };
            }
        }
    }

    /// Somebody stands in this mount, runs a binary of it or has something of it open.
    pub(in crate::kernel) fn is_used(&self, mount: MountId) -> bool {
        let used = |at: Loc| at.mount == mount;
        self.processes
            .values()
            .filter(|process| !process.is_zombie())
            .any(|process| used(process.cwd) || used(process.root) || process.exe_at.is_some_and(used))
            || self.files.opened().any(|ofd| ofd.loc().is_some_and(used))
    }
}

/// Whether a name is at or below a mount's root.
fn reaches(fs: &Fs, mount: &Mount, dentry: &Dentry) -> bool {
    match dentry {
        _ if *dentry == mount.dentry => true,
        Dentry::Dir(ino) | Dentry::Name(ino, _) => is_under(fs, *ino, mount.root),
    }
}

/// Whether a directory is another or below it, in one file system.
fn is_under(fs: &Fs, mut dir: Ino, top: Ino) -> bool {
    while dir != top {
        if let Fs::Proc(_) = fs {
            match procfs::parent(dir) {
                parent if parent == dir => return false,
                parent => dir = parent,
            }
            continue;
        }
        match fs.parent(dir) {
            Some((parent, _)) => dir = parent,
            None => return false,
        }
    }
    true
}
