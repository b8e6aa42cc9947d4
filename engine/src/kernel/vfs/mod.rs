//! File systems of the simulated node, and one face over them.
//!
//! A [`Tree`] is an inode table: a tmpfs, a read-only layer, an upperdir. An [`Overlay`] shows layers under an upperdir.
//! A procfs has nothing of its own: [`super::procfs`] makes it up from the processes. Here is what all of them can be
//! asked; permissions, mounts and paths are decided above ([`resolve`], [`mount`], `calls`).

pub(super) mod layer;
pub(super) mod mount;
pub(super) mod overlay;
pub(super) mod propagate;
pub(super) mod resolve;
mod standing;
pub(super) mod tree;

use super::cgroup::HierarchyId;
use super::namespace::NsId;
use crate::call::{Dent, Errno, FileKind, Stat};
use crate::node::Happening;
pub(super) use mount::{MountId, Mounts};
pub(super) use overlay::Overlay;
pub(super) use resolve::{Last, View};
use std::sync::Arc;
pub(super) use tree::{Ino, Inode, Node, ROOT, Tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FsId(pub u32);

/// An inode as reached through a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loc {
    pub mount: MountId,
    pub fs: FsId,
    pub ino: Ino,
}

/// A file system with what mount(2) says of the whole of it.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub fs: Fs,
    pub read_only: bool,
    /// The user namespace of who mounted it: whoever makes a file in it must have a name there (s_user_ns).
    pub user: NsId,
    /// What mountinfo shows after `rw` or `ro`, each with a comma before it.
    pub options: String,
}

#[derive(Clone, Debug)]
pub(super) enum Fs {
    Tree(Arc<Tree>),
    Overlay(Arc<Overlay>),
    /// The processes of this pid namespace.
    Proc(NsId),
    /// All namespaces, as files.
    Ns,
    /// The groups of this hierarchy: [`super::cgroup`] holds them.
    Cgroup(HierarchyId),
}

/// What chmod, chown and utimens change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mtime_s: Option<i64>,
}

impl Change {
    pub(super) fn apply(self, inode: &mut Inode) {
        inode.mode = self.mode.unwrap_or(inode.mode);
        inode.uid = self.uid.unwrap_or(inode.uid);
        inode.gid = self.gid.unwrap_or(inode.gid);
        inode.mtime_s = self.mtime_s.unwrap_or(inode.mtime_s);
    }
}

/// What overlayfs did below a call, in order.
pub(super) type Notes = Vec<Happening>;

/// A procfs and the nsfs hold nothing that could be changed, and a cgroupfs is kept elsewhere: the kernel answers before it
/// comes here, and these arms only keep the match complete.
impl Fs {
    pub(super) fn lookup(&mut self, dir: Ino, name: &str) -> Option<Ino> {
        match self {
            Fs::Tree(tree) => tree.child(dir, name),
            Fs::Overlay(overlay) => overlay.known(dir, name).or_else(|| Arc::make_mut(overlay).lookup(dir, name)),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    pub(super) fn inode(&self, ino: Ino) -> Option<&Inode> {
        match self {
            Fs::Tree(tree) => tree.get(ino),
            Fs::Overlay(overlay) => overlay.inode(ino),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    pub(super) fn names(&self, dir: Ino) -> Vec<Dent> {
        match self {
            Fs::Tree(tree) => tree.names(dir),
            Fs::Overlay(overlay) => overlay.names(dir),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => Vec::new(),
        }
    }

    /// The directory that holds this directory, and its name there. `None` for a root and for what was removed.
    pub(super) fn parent(&self, dir: Ino) -> Option<(Ino, String)> {
        match self {
            Fs::Tree(tree) => tree.parent(dir),
            Fs::Overlay(overlay) => overlay.parent(dir),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    /// Where a directory that was removed was, and its name there.
    pub(super) fn removed(&self, dir: Ino) -> Option<(Ino, String)> {
        match self {
            Fs::Tree(tree) => tree.removed(dir),
            Fs::Overlay(overlay) => overlay.removed(dir),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }

    /// Where `..` leads, also from a directory that was removed.
    pub(super) fn dotdot(&self, dir: Ino) -> Ino {
        match self {
            Fs::Tree(tree) => tree.dotdot(dir),
            Fs::Overlay(overlay) => overlay.dotdot(dir),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => ROOT,
        }
    }

    /// A directory that was removed while somebody still used it.
    pub(super) fn is_dead(&self, dir: Ino) -> bool {
        dir != ROOT && !matches!(self, Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_)) && self.parent(dir).is_none()
    }

    /// Makes sure that this inode may be changed in place (overlayfs: copy-up). With `truncate` its data is not wanted.
    pub(super) fn prepare_write(&mut self, ino: Ino, truncate: bool, notes: &mut Notes) {
        if let Fs::Overlay(overlay) = self
            && !overlay.is_upper(ino)
        {
            Arc::make_mut(overlay).copy_up(ino, truncate, notes);
        }
    }

    pub(super) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let (tree, ino) = self.writable(ino).ok_or(Errno::EIO)?;
        tree.write(ino, offset, data)
    }

    pub(super) fn truncate(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        let (tree, ino) = self.writable(ino).ok_or(Errno::EIO)?;
        tree.truncate(ino, len)
    }

    pub(super) fn change(&mut self, ino: Ino, change: Change, notes: &mut Notes) {
        self.prepare_write(ino, false, notes);
        if let Some((tree, ino)) = self.writable(ino) {
            change.apply(tree.inode_mut(ino));
        }
    }

    pub(super) fn create(&mut self, dir: Ino, name: &str, inode: Inode, notes: &mut Notes) -> Result<Ino, Errno> {
        match self {
            Fs::Tree(tree) if tree.is_full() => Err(Errno::ENOSPC),
            Fs::Overlay(overlay) if overlay.upper().is_full() => Err(Errno::ENOSPC),
            Fs::Tree(tree) => Ok(Arc::make_mut(tree).create(dir, name, inode)),
            Fs::Overlay(overlay) => Ok(Arc::make_mut(overlay).create(dir, name, inode, notes)),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => Err(Errno::ENOENT),
        }
    }

    pub(super) fn link(&mut self, ino: Ino, dir: Ino, name: &str, notes: &mut Notes) {
        match self {
            Fs::Tree(tree) => Arc::make_mut(tree).link(dir, name, ino),
            Fs::Overlay(overlay) => Arc::make_mut(overlay).link(ino, dir, name, notes),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => {}
        }
    }

    /// Removes a name; of a directory, one that shows nothing.
    pub(super) fn remove(&mut self, dir: Ino, name: &str, notes: &mut Notes) {
        match self {
            Fs::Tree(tree) => {
                Arc::make_mut(tree).detach(dir, name);
            }
            Fs::Overlay(overlay) => Arc::make_mut(overlay).remove(dir, name, notes),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => {}
        }
    }

    pub(super) fn rename(&mut self, from: (Ino, &str), to: (Ino, &str), notes: &mut Notes) -> Result<(), Errno> {
        match self {
            Fs::Tree(tree) => {
                Arc::make_mut(tree).rename(from, to);
                Ok(())
            }
            Fs::Overlay(overlay) => Arc::make_mut(overlay).rename(from, to, notes),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => Err(Errno::EPERM),
        }
    }

    /// Nobody has this inode open any more: if it has no name either, it is gone.
    pub(super) fn forget(&mut self, ino: Ino) {
        match self {
            Fs::Tree(tree) if tree.is_orphan(ino) => Arc::make_mut(tree).forget(ino),
            Fs::Overlay(overlay) if overlay.is_orphan(ino) => Arc::make_mut(overlay).forget(ino),
            _ => {}
        }
    }

    fn writable(&mut self, ino: Ino) -> Option<(&mut Tree, Ino)> {
        match self {
            Fs::Tree(tree) => Some((Arc::make_mut(tree), ino)),
            Fs::Overlay(overlay) => Arc::make_mut(overlay).upper_mut(ino),
            Fs::Proc(_) | Fs::Ns | Fs::Cgroup(_) => None,
        }
    }
}

impl Inode {
    /// As `stat(2)` tells it, normalised as [`Stat`] says.
    pub(super) fn stat(&self) -> Stat {
        let kind = self.kind();
        Stat {
            kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            size_bytes: match &self.node {
                Node::File(data) => data.len() as u64,
                Node::Symlink(target) => target.len() as u64,
                Node::Dir(_) => 4096,
                _ => 0,
            },
            nlink: if kind == FileKind::Dir { 1 } else { self.nlink },
            mtime_s: self.mtime_s,
            rdev: match self.node {
                Node::Char(major, minor) | Node::Block(major, minor) => (major, minor),
                _ => (0, 0),
            },
        }
    }

    pub(super) fn kind(&self) -> FileKind {
        match self.node {
            Node::File(_) | Node::Native => FileKind::File,
            Node::Dir(_) => FileKind::Dir,
            Node::Symlink(_) => FileKind::Symlink,
            Node::Char(..) | Node::Whiteout => FileKind::CharDevice,
            Node::Block(..) => FileKind::BlockDevice,
            Node::Fifo => FileKind::Fifo,
        }
    }
}
