//! File systems of the simulated node, and one face over them.
//!
//! A [`Tree`] is an inode table: a tmpfs, a read-only layer, an upperdir. An [`Overlay`] shows layers under an upperdir.
//! A procfs has nothing of its own: [`super::procfs`] makes it up from the processes. Here is what all of them can be
//! asked; permissions, mounts and paths are decided above ([`resolve`], [`mount`], `calls`).

pub(super) mod filesystems;
pub(super) mod layer;
pub(super) mod mount;
pub(super) mod overlay;
pub(super) mod propagate;
pub(super) mod resolve;
mod standing;
pub(super) mod tree;

use super::cgroup::HierarchyId;
use super::namespace::NsId;
use crate::call::{FileKind, Stat};
use crate::node::Happening;
pub(super) use filesystems::Filesystems;
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
    pub options: Arc<str>,
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

impl Fs {
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
