//! All file systems of the node. An overlay's directories are in others of them, so what is asked of one may be answered
//! by another: it is asked here, by number.

use super::overlay::Place;
use super::tree::{Ino, Inode, Limits, Tree};
use super::{Change, Fs, FsId, Notes, Overlay, Superblock};
use crate::call::{Dent, Errno, FileKind};
use crate::kernel::namespace::NsId;
use crate::sim::{Map, Set};
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Filesystems {
    table: Map<FsId, Superblock>,
    next: u32,
}

/// What a directory of one layer has under a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub ino: Ino,
    pub whiteout: bool,
    pub is_dir: bool,
    /// No layer below is merged with it.
    pub ends: bool,
}

/// One file system, about to be changed. A procfs and the nsfs hold nothing that could be,
/// and a cgroupfs is kept elsewhere: the kernel answers before
/// it comes here, and those arms only keep the matches complete.
pub(in crate::kernel) struct FsMut<'a> {
    all: &'a mut Filesystems,
    fs: FsId,
}

impl Filesystems {
    pub(in crate::kernel) fn add(&mut self, fs: Fs, user: NsId) -> FsId {
        let id = FsId(self.next);
        self.next += 1;
        self.table.insert(id, Superblock { fs, read_only: false, user, options: Arc::from("") });
        id
    }

    pub(in crate::kernel) fn get(&self, fs: FsId) -> Option<&Superblock> {
        self.table.get(&fs)
    }

    pub(in crate::kernel) fn get_mut(&mut self, fs: FsId) -> Option<&mut Superblock> {
        self.table.get_mut(&fs)
    }

    pub(in crate::kernel) fn values(&self) -> impl Iterator<Item = &Superblock> {
        self.table.values()
    }

    pub(in crate::kernel) fn len(&self) -> usize {
        self.table.len()
    }

    pub(in crate::kernel) fn find(&self, is: impl Fn(&Fs) -> bool) -> Option<FsId> {
        self.table.iter().find(|(_, superblock)| is(&superblock.fs)).map(|(fs, _)| *fs)
    }

    pub(in crate::kernel) fn remove(&mut self, fs: FsId) {
        self.table.remove(&fs);
    }

    pub(in crate::kernel) fn of(&mut self, fs: FsId) -> FsMut<'_> {
        FsMut { all: self, fs }
    }

    /// Drops all that are not kept, nor are a directory of an overlay that is.
    pub(in crate::kernel) fn retain(&mut self, keep: impl Fn(FsId, &Superblock) -> bool) {
        let wanted = self.table.iter().filter(|(fs, superblock)| keep(**fs, superblock));
        let mut kept: Set<FsId> = wanted.map(|(fs, _)| *fs).collect();
        let mut todo: Vec<FsId> = kept.iter().copied().collect();
        while let Some(fs) = todo.pop() {
            if let Some(Superblock { fs: Fs::Overlay(overlay), .. }) = self.table.get(&fs) {
                todo.extend(overlay.sources().filter(|source| kept.insert(*source)));
            }
        }
        if kept.len() < self.table.len() {
            self.table.retain(|fs, _| kept.contains(fs));
        }
    }

    pub(in crate::kernel) fn inode(&self, fs: FsId, ino: Ino) -> Option<&Inode> {
        match &self.table.get(&fs)?.fs {
            Fs::Tree(tree) => tree.get(ino),
            Fs::Overlay(overlay) => overlay.real(ino).and_then(|place| self.inode(place.fs, place.ino)),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    pub(in crate::kernel) fn names(&self, fs: FsId, dir: Ino) -> Vec<Dent> {
        match self.table.get(&fs).map(|superblock| &superblock.fs) {
            Some(Fs::Tree(tree)) => tree.names(dir),
            Some(Fs::Overlay(overlay)) => overlay.names(self, dir),
            Some(Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_)) | None => Vec::new(),
        }
    }

    pub(in crate::kernel) fn tree(&self, fs: FsId) -> Option<&Tree> {
        match &self.table.get(&fs)?.fs {
            Fs::Tree(tree) => Some(tree),
            _ => None,
        }
    }

    /// New limits for a tmpfs, and how they are told; EINVAL if it holds more already (mm/shmem.c, shmem_reconfigure).
    pub(in crate::kernel) fn limit(
        &mut self,
        fs: FsId,
        new: Limits,
    ) -> Result<Option<Vec<(&'static str, String)>>, Errno> {
        let Some(tree) = self.tree_mut(fs) else { return Ok(None) };
        let old = tree.limits();
        let limits = Limits { pages: new.pages.or(old.pages), inodes: new.inodes.or(old.inodes) };
        if !tree.fits(limits) {
            return Err(Errno::EINVAL);
        }
        tree.limit(limits);
        let mut text = Vec::new();
        text.extend(limits.pages.map(|pages| ("size=", format!("{}k", pages * 4))));
        text.extend(limits.inodes.map(|inodes| ("nr_inodes=", inodes.to_string())));
        Ok(Some(text))
    }

    pub(super) fn tree_mut(&mut self, fs: FsId) -> Option<&mut Tree> {
        match &mut self.table.get_mut(&fs)?.fs {
            Fs::Tree(tree) => Some(Arc::make_mut(tree)),
            _ => None,
        }
    }

    /// An overlay asks this of one of its directories. What an overlay below hides is not there for the one above.
    pub(super) fn look(&mut self, at: Place, name: &str) -> Option<Found> {
        let ino = self.of(at.fs).lookup(at.ino, name)?;
        let plain = self.tree(at.fs).is_some();
        let inode = self.inode(at.fs, ino)?;
        let is_dir = inode.is_dir();
        let ends = !is_dir || (plain && inode.is_opaque());
        Some(Found { ino, whiteout: plain && inode.is_whiteout(), is_dir, ends })
    }

    /// The names in a directory of a layer; of a whiteout, no kind.
    pub(super) fn each_name(&self, at: Place, tell: &mut dyn FnMut(&str, Option<FileKind>)) {
        let Some(tree) = self.tree(at.fs) else {
            return self.names(at.fs, at.ino).into_iter().for_each(|dent| tell(&dent.name, Some(dent.kind)));
        };
        for (name, ino) in tree.dir(at.ino).into_iter().flat_map(|dir| &dir.entries) {
            tell(name, tree.get(*ino).filter(|inode| !inode.is_whiteout()).map(Inode::kind));
        }
    }

    /// Nobody has this inode open any more: if it has no name either, it is gone. Answers what in another file system
    /// was only held for it.
    pub(in crate::kernel) fn forget(&mut self, fs: FsId, ino: Ino) -> Option<Place> {
        match &self.table.get(&fs)?.fs {
            Fs::Tree(tree) if tree.is_orphan(ino) && !self.is_held(fs, ino) => {
                self.tree_mut(fs)?.forget(ino);
                None
            }
            Fs::Overlay(overlay) if overlay.is_orphan(ino) => {
                self.overlay(fs, |overlay, all| overlay.forget(all, ino)).flatten()
            }
            _ => None,
        }
    }

    fn is_held(&self, fs: FsId, ino: Ino) -> bool {
        self.table.values().any(|superblock| matches!(&superblock.fs, Fs::Overlay(overlay) if overlay.holds(fs, ino)))
    }

    /// Does something with an overlay and the others. It is out of the table meanwhile: none of its directories is on
    /// itself, so nobody looks for it.
    pub(in crate::kernel) fn overlay<R>(
        &mut self,
        fs: FsId,
        what: impl FnOnce(&mut Overlay, &mut Filesystems) -> R,
    ) -> Option<R> {
        let place = &mut self.table.get_mut(&fs)?.fs;
        let Fs::Overlay(overlay) = place else { return None };
        let mut overlay = overlay.clone();
        *place = Fs::Proc(NsId(0));
        let done = what(Arc::make_mut(&mut overlay), self);
        self.table.get_mut(&fs)?.fs = Fs::Overlay(overlay);
        Some(done)
    }
}

impl FsMut<'_> {
    pub(in crate::kernel) fn lookup(&mut self, dir: Ino, name: &str) -> Option<Ino> {
        match &self.all.table.get(&self.fs)?.fs {
            Fs::Tree(tree) => tree.child(dir, name),
            Fs::Overlay(overlay) => match overlay.known(dir, name) {
                Some(ino) => Some(ino),
                None => self.all.overlay(self.fs, |overlay, all| overlay.lookup(all, dir, name)).flatten(),
            },
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    /// Makes sure that this inode may be changed in place (overlayfs: copy-up). With `truncate` its data is not wanted.
    pub(in crate::kernel) fn prepare_write(&mut self, ino: Ino, truncate: bool, notes: &mut Notes) {
        self.all.overlay(self.fs, |overlay, all| {
            if !overlay.is_upper(ino) {
                overlay.copy_up(all, ino, truncate, notes);
            }
        });
    }

    pub(in crate::kernel) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let (tree, ino) = self.writable(ino).ok_or(Errno::EIO)?;
        tree.write(ino, offset, data)
    }

    pub(in crate::kernel) fn truncate(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        let (tree, ino) = self.writable(ino).ok_or(Errno::EIO)?;
        tree.truncate(ino, len)
    }

    pub(in crate::kernel) fn change(&mut self, ino: Ino, change: Change, notes: &mut Notes) {
        self.prepare_write(ino, false, notes);
        if let Some((tree, ino)) = self.writable(ino) {
            change.apply(tree.inode_mut(ino));
        }
    }

    pub(in crate::kernel) fn create(
        &mut self,
        dir: Ino,
        name: &str,
        inode: Inode,
        notes: &mut Notes,
    ) -> Result<Ino, Errno> {
        match &self.all.get(self.fs).ok_or(Errno::EIO)?.fs {
            Fs::Tree(tree) if tree.is_full() => Err(Errno::ENOSPC),
            Fs::Tree(_) => self.all.tree_mut(self.fs).map(|tree| tree.create(dir, name, inode)).ok_or(Errno::EIO),
            Fs::Overlay(overlay) => {
                let upper = overlay.upper().and_then(|upper| self.all.tree(upper.fs));
                if upper.is_some_and(Tree::is_full) {
                    return Err(Errno::ENOSPC);
                }
                let made = self.all.overlay(self.fs, |overlay, all| overlay.create(all, dir, name, inode, notes));
                made.ok_or(Errno::EIO)
            }
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => Err(Errno::ENOENT),
        }
    }

    pub(in crate::kernel) fn link(&mut self, ino: Ino, dir: Ino, name: &str, notes: &mut Notes) {
        match self.all.tree_mut(self.fs) {
            Some(tree) => tree.link(dir, name, ino),
            None => drop(self.all.overlay(self.fs, |overlay, all| overlay.link(all, ino, (dir, name), notes))),
        }
    }

    /// Removes a name; of a directory, one that shows nothing.
    pub(in crate::kernel) fn remove(&mut self, dir: Ino, name: &str, notes: &mut Notes) {
        match self.all.tree_mut(self.fs) {
            Some(tree) => drop(tree.detach(dir, name)),
            None => drop(self.all.overlay(self.fs, |overlay, all| overlay.remove(all, dir, name, notes))),
        }
    }

    pub(in crate::kernel) fn rename(
        &mut self,
        from: (Ino, &str),
        to: (Ino, &str),
        notes: &mut Notes,
    ) -> Result<(), Errno> {
        if let Some(tree) = self.all.tree_mut(self.fs) {
            tree.rename(from, to);
            return Ok(());
        }
        self.all.overlay(self.fs, |overlay, all| overlay.rename(all, from, to, notes)).unwrap_or(Err(Errno::EPERM))
    }

    fn writable(&mut self, ino: Ino) -> Option<(&mut Tree, Ino)> {
        match &self.all.table.get(&self.fs)?.fs {
            Fs::Tree(_) => Some((self.all.tree_mut(self.fs)?, ino)),
            Fs::Overlay(overlay) => {
                let place = overlay.real(ino).filter(|_| overlay.is_upper(ino))?;
                Some((self.all.tree_mut(place.fs)?, place.ino))
            }
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }
}
