//! An inode table: a tmpfs, an upperdir or a read-only layer.
//!
//! Inodes and contents are shared (`Arc`) between clones of a kernel and copied when first changed. Permissions, mounts
//! and the rules of rename(2) are not decided here.

use crate::call::{Dent, Errno, SCENARIO_EPOCH_S};
use crate::sim::FILE_BYTES;
use crate::sim::Map;
use std::sync::Arc;

pub(in crate::kernel) type Ino = u64;

/// The root of every file system.
pub(in crate::kernel) const ROOT: Ino = 1;
/// Bytes of all files in one file system that guests write to: ENOSPC beyond.
const FS_BYTES: u64 = 512 << 20;
/// Inodes in one file system: ENOSPC beyond.
const FS_INODES: usize = 200_000;
/// What the size of a tmpfs is counted in.
const PAGE: u64 = 4096;

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Tree {
    inodes: Map<Ino, Arc<Inode>>,
    next: Ino,
    bytes: u64,
    /// Pages of all files, where they are limited.
    pages: u64,
    limits: Limits,
}

/// What a tmpfs may hold at most (tmpfs(5), size=, nr_inodes=).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Limits {
    pub pages: Option<u64>,
    pub inodes: Option<u64>,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Inode {
    pub node: Node,
    /// 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime_s: i64,
    pub nlink: u32,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) enum Node {
    File(Arc<Vec<u8>>),
    Dir(Dir),
    Symlink(String),
    Char(u32, u32),
    Block(u32, u32),
    Fifo,
    /// The binary that carries out programs; execve(2) of it starts a program.
    Native,
    /// In a layer or an upperdir: hides the name below (overlayfs.rst, "whiteouts and opaque directories").
    Whiteout,
}

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Dir {
    pub entries: Map<String, Ino>,
    /// Where `..` leads; the root's is itself.
    pub parent: Ino,
    /// In a layer or an upperdir: hides everything below it.
    pub opaque: bool,
    /// The name that it had.
    pub removed: Option<Arc<str>>,
}

impl Inode {
    pub(in crate::kernel) fn new(node: Node, mode: u32) -> Inode {
        Inode { node, mode, uid: 0, gid: 0, mtime_s: SCENARIO_EPOCH_S, nlink: 1 }
    }

    pub(in crate::kernel) fn dir(mode: u32) -> Inode {
        Inode::new(Node::Dir(Dir::default()), mode)
    }

    pub(in crate::kernel) fn file(data: Vec<u8>, mode: u32) -> Inode {
        Inode::new(Node::File(Arc::new(data)), mode)
    }

    pub(in crate::kernel) fn is_dir(&self) -> bool {
        matches!(self.node, Node::Dir(_))
    }

    pub(in crate::kernel) fn is_whiteout(&self) -> bool {
        matches!(self.node, Node::Whiteout)
    }

    pub(in crate::kernel) fn is_opaque(&self) -> bool {
        matches!(&self.node, Node::Dir(dir) if dir.opaque)
    }
}

impl Tree {
    pub(in crate::kernel) fn new(mode: u32) -> Tree {
        let mut root = Inode::dir(mode);
        if let Node::Dir(dir) = &mut root.node {
            dir.parent = ROOT;
        }
        Tree {
            inodes: Map::from([(ROOT, Arc::new(root))]),
            next: ROOT + 1,
            bytes: 0,
            pages: 0,
            limits: Limits::default(),
        }
    }

    pub(in crate::kernel) fn get(&self, ino: Ino) -> Option<&Inode> {
        self.inodes.get(&ino).map(|inode| &**inode)
    }

    pub(in crate::kernel) fn inode_mut(&mut self, ino: Ino) -> &mut Inode {
        // INVARIANT(ino-lives): an inode number is dropped from the table only by `forget`, when no name and no open
        // file refers to it; whoever holds a number may look it up.
        Arc::make_mut(self.inodes.get_mut(&ino).expect("an inode number that is held is in the table"))
    }

    pub(in crate::kernel) fn dir(&self, ino: Ino) -> Option<&Dir> {
        match &self.get(ino)?.node {
            Node::Dir(dir) => Some(dir),
            _ => None,
        }
    }

    pub(in crate::kernel) fn child(&self, dir: Ino, name: &str) -> Option<Ino> {
        self.dir(dir)?.entries.get(name).copied()
    }

    pub(in crate::kernel) fn names(&self, dir: Ino) -> Vec<Dent> {
        let entries = self.dir(dir).map(|dir| &dir.entries);
        let known = entries.into_iter().flatten().filter_map(|(name, ino)| Some((name, self.get(*ino)?)));
        known.map(|(name, inode)| Dent { name: name.clone(), kind: inode.kind() }).collect()
    }

    pub(in crate::kernel) fn removed(&self, ino: Ino) -> Option<(Ino, String)> {
        let dir = self.dir(ino)?;
        Some((dir.parent, dir.removed.as_deref()?.to_owned()))
    }

    pub(in crate::kernel) fn dotdot(&self, dir: Ino) -> Ino {
        self.dir(dir).map_or(ROOT, |dir| dir.parent)
    }

    pub(in crate::kernel) fn parent(&self, dir: Ino) -> Option<(Ino, String)> {
        let parent = self.dotdot(dir);
        let mut entries = self.dir(parent)?.entries.iter();
        entries.find(|(_, ino)| **ino == dir).map(|(name, _)| (parent, name.clone()))
    }

    pub(in crate::kernel) fn is_full(&self) -> bool {
        self.inodes.len() >= FS_INODES || self.limits.inodes.is_some_and(|limit| self.inodes.len() as u64 >= limit)
    }

    pub(in crate::kernel) fn limits(&self) -> Limits {
        self.limits
    }

    pub(in crate::kernel) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(in crate::kernel) fn fits(&self, limits: Limits) -> bool {
        limits.pages.is_none_or(|limit| self.pages <= limit)
            && limits.inodes.is_none_or(|limit| self.inodes.len() as u64 <= limit)
    }

    pub(in crate::kernel) fn own_root(&mut self, uid: u32, gid: u32) {
        let root = self.inode_mut(ROOT);
        (root.uid, root.gid) = (uid, gid);
    }

    pub(in crate::kernel) fn create(&mut self, dir: Ino, name: &str, mut inode: Inode) -> Ino {
        let ino = self.next;
        self.next += 1;
        inode.nlink = 1;
        match &mut inode.node {
            Node::Dir(new) => new.parent = dir,
            Node::File(data) => {
                self.bytes += data.len() as u64;
                self.pages += (data.len() as u64).div_ceil(PAGE);
            }
            _ => {}
        }
        self.inodes.insert(ino, Arc::new(inode));
        self.attach(dir, name, ino);
        ino
    }

    pub(in crate::kernel) fn link(&mut self, dir: Ino, name: &str, ino: Ino) {
        self.inode_mut(ino).nlink += 1;
        self.attach(dir, name, ino);
    }

    /// Takes a name away and with it one link. The inode stays for those who have it open, until [`Tree::forget`].
    pub(in crate::kernel) fn detach(&mut self, dir: Ino, name: &str) -> Option<Ino> {
        let ino = self.entries_mut(dir).remove(name)?;
        let inode = self.inode_mut(ino);
        inode.nlink = inode.nlink.saturating_sub(1);
        if let Node::Dir(dir) = &mut inode.node {
            dir.removed = Some(name.into());
        }
        Some(ino)
    }

    /// Moves a name; what had the new name loses it.
    pub(in crate::kernel) fn rename(&mut self, (from_dir, from): (Ino, &str), (to_dir, to): (Ino, &str)) {
        let Some(ino) = self.entries_mut(from_dir).remove(from) else { return };
        self.detach(to_dir, to);
        self.attach(to_dir, to, ino);
        if let Node::Dir(dir) = &mut self.inode_mut(ino).node {
            dir.parent = to_dir;
        }
    }

    /// Answers how much was written: the rest found no room.
    pub(in crate::kernel) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= FILE_BYTES).ok_or(Errno::EFBIG)?;
        let end = end.min(self.room(ino));
        let start = offset as usize;
        let taken =
            (end as usize).checked_sub(start).filter(|taken| *taken > 0 || data.is_empty()).ok_or(Errno::ENOSPC)?;
        let bytes = self.grow(ino, end)?;
        bytes[start..start + taken].copy_from_slice(&data[..taken]);
        Ok(taken)
    }

    /// How long a file may become.
    fn room(&self, ino: Ino) -> u64 {
        let Some(limit) = self.limits.pages else { return FILE_BYTES };
        let own = match self.get(ino).map(|inode| &inode.node) {
            Some(Node::File(data)) => (data.len() as u64).div_ceil(PAGE),
            _ => 0,
        };
        (own + limit.saturating_sub(self.pages)) * PAGE
    }

    pub(in crate::kernel) fn truncate(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        if len > FILE_BYTES {
            return Err(Errno::EFBIG);
        }
        let old = self.grow(ino, len)?.len() as u64;
        self.bytes = self.bytes.saturating_sub(old - len);
        self.pages = self.pages.saturating_sub(old.div_ceil(PAGE) - len.div_ceil(PAGE));
        if let Node::File(bytes) = &mut self.inode_mut(ino).node {
            Arc::make_mut(bytes).truncate(len as usize);
        }
        Ok(())
    }

    pub(in crate::kernel) fn is_orphan(&self, ino: Ino) -> bool {
        self.get(ino).is_some_and(|inode| inode.nlink == 0 && !inode.is_dir())
    }

    pub(in crate::kernel) fn forget(&mut self, ino: Ino) {
        if let Some(inode) = self.inodes.remove(&ino)
            && let Node::File(data) = &inode.node
        {
            self.bytes = self.bytes.saturating_sub(data.len() as u64);
            self.pages = self.pages.saturating_sub((data.len() as u64).div_ceil(PAGE));
        }
    }

    /// Adds a name without counting a link.
    pub(in crate::kernel) fn attach(&mut self, dir: Ino, name: &str, ino: Ino) {
        self.entries_mut(dir).insert(name.to_owned(), ino);
    }

    pub(in crate::kernel) fn set_opaque(&mut self, ino: Ino) {
        if let Node::Dir(dir) = &mut self.inode_mut(ino).node {
            dir.opaque = true;
        }
    }

    /// The names of a directory, about to be changed: that is a modification of it.
    fn entries_mut(&mut self, dir: Ino) -> &mut Map<String, Ino> {
        let inode = self.inode_mut(dir);
        inode.mtime_s = SCENARIO_EPOCH_S;
        match &mut inode.node {
            Node::Dir(dir) => &mut dir.entries,
            _ => unreachable!("only directories have names"),
        }
    }

    /// A file's content, made at least `len` bytes long; that is a modification of it.
    fn grow(&mut self, ino: Ino, len: u64) -> Result<&mut Vec<u8>, Errno> {
        let old = match &self.get(ino).ok_or(Errno::EIO)?.node {
            Node::File(bytes) => bytes.len() as u64,
            _ => return Err(Errno::EINVAL),
        };
        let more = len.saturating_sub(old);
        if self.bytes + more > FS_BYTES {
            return Err(Errno::ENOSPC);
        }
        self.bytes += more;
        self.pages += len.max(old).div_ceil(PAGE) - old.div_ceil(PAGE);
        let inode = self.inode_mut(ino);
        inode.mtime_s = SCENARIO_EPOCH_S;
        match &mut inode.node {
            Node::File(bytes) => {
                let bytes = Arc::make_mut(bytes);
                if more > 0 {
                    bytes.resize(len as usize, 0);
                }
                Ok(bytes)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}
