//! Overlayfs: read-only layers under an upperdir, as one tree (Documentation/filesystems/overlayfs.rst), with
//! `redirect_dir`, `index`, `metacopy` and `xino` off.
//!
//! Each name that was looked up has a node (the kernel's dentry): where it is in the upperdir and in which layers. What a
//! directory shows is merged from those; nothing of the layers is copied before it is changed. The dentry cache is all
//! that a lookup changes: two kernels whose caches differ answer alike.
//!
//! Layers and upperdir are directories of other file systems, which have names of their own: what an overlay changes is
//! seen there too.

use super::filesystems::Filesystems;
use super::tree::{Dir, Ino, Inode, Node, ROOT, Tree};
use super::{FsId, Notes};
use crate::call::{Dent, Errno, FileKind};
use crate::node::Happening;
use crate::sim::Map;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Overlay {
    /// Oldest first.
    layers: Arc<[Place]>,
    /// Without one it is read-only.
    upper: Option<Place>,
    /// The directory `work` in its workdir, and the whiteout that is kept there: all others are links to it
    /// (fs/overlayfs/dir.c, ovl_whiteout). Without one, each is a file of its own.
    work: Option<Ino>,
    whiteout: Option<Ino>,
    /// How many overlays lie on one another here: 1, or more if a layer is on one.
    pub depth: u32,
    nodes: Map<Ino, Arc<Dentry>>,
    next: Ino,
}

/// A directory of another file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Place {
    pub fs: FsId,
    pub ino: Ino,
}

#[derive(Clone, Debug)]
struct Dentry {
    parent: Ino,
    name: String,
    /// Its inode in the upperdir.
    upper: Option<Ino>,
    /// Its inodes in the layers (by index), the topmost first; at most one unless it is a directory.
    lowers: Vec<(usize, Ino)>,
    /// Names in it that have a node.
    children: Map<String, Ino>,
    removed: bool,
}

/// What a lookup in the upperdir and the layers ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Origin {
    Upper,
    Whiteout,
    /// Counted from 1, the oldest.
    Layer(u32),
    Nothing,
}

impl Overlay {
    pub(in crate::kernel) fn new(layers: Vec<Place>, upper: Option<Place>, work: Option<Ino>, depth: u32) -> Overlay {
        let layers = layers.into();
        let mut overlay = Overlay { layers, upper, work, whiteout: None, depth, nodes: Map::new(), next: ROOT };
        overlay.remount();
        overlay
    }

    /// Forgets the dentry cache, as a new mount of the same directories begins.
    pub(in crate::kernel) fn remount(&mut self) {
        let lowers = self.layers.iter().enumerate().rev().map(|(layer, place)| (layer, place.ino)).collect();
        let root = Dentry {
            parent: ROOT,
            name: String::new(),
            upper: self.upper.map(|place| place.ino),
            lowers,
            children: Map::new(),
            removed: false,
        };
        self.nodes = Map::from([(ROOT, Arc::new(root))]);
        self.next = ROOT + 1;
    }

    pub(in crate::kernel) fn upper(&self) -> Option<Place> {
        self.upper
    }

    /// The file systems that its directories are in.
    pub(in crate::kernel) fn sources(&self) -> impl Iterator<Item = FsId> {
        self.layers.iter().chain(&self.upper).map(|place| place.fs)
    }

    /// Whether a node of it stands for this inode of its upperdir.
    pub(in crate::kernel) fn holds(&self, fs: FsId, ino: Ino) -> bool {
        self.upper.is_some_and(|upper| upper.fs == fs) && self.nodes.values().any(|node| node.upper == Some(ino))
    }

    /// Where a node's inode is.
    pub(in crate::kernel) fn real(&self, ino: Ino) -> Option<Place> {
        let node = self.nodes.get(&ino)?;
        match (node.upper, node.lowers.first()) {
            (Some(upper), _) => Some(Place { ino: upper, ..self.upper? }),
            (None, Some(&(layer, lower))) => Some(Place { ino: lower, ..self.layers[layer] }),
            (None, None) => None,
        }
    }

    pub(in crate::kernel) fn known(&self, dir: Ino, name: &str) -> Option<Ino> {
        self.nodes.get(&dir)?.children.get(name).copied()
    }

    pub(in crate::kernel) fn lookup(&mut self, all: &mut Filesystems, dir: Ino, name: &str) -> Option<Ino> {
        if let Some(ino) = self.known(dir, name) {
            return Some(ino);
        }
        let (upper, lowers, _) = self.peek(all, dir, name);
        if upper.is_none() && lowers.is_empty() {
            return None;
        }
        Some(self.remember(dir, name, upper, lowers))
    }

    pub(in crate::kernel) fn names(&self, all: &Filesystems, dir: Ino) -> Vec<Dent> {
        let Some(node) = self.nodes.get(&dir) else { return Vec::new() };
        // The topmost says what a name is; `None` is a whiteout.
        let mut merged: Map<String, Option<FileKind>> = Map::new();
        let lowers = node.lowers.iter().map(|&(layer, ino)| Place { ino, ..self.layers[layer] });
        let upper = node.upper.zip(self.upper).map(|(ino, place)| Place { ino, ..place });
        for place in upper.into_iter().chain(lowers) {
            all.each_name(place, &mut |name, kind| {
                if !merged.contains_key(name) {
                    merged.insert(name.to_owned(), kind);
                }
            });
        }
        merged.into_iter().filter_map(|(name, kind)| Some(Dent { name, kind: kind? })).collect()
    }

    pub(in crate::kernel) fn parent(&self, ino: Ino) -> Option<(Ino, String)> {
        let node = self.nodes.get(&ino).filter(|node| !node.removed && ino != ROOT)?;
        Some((node.parent, node.name.clone()))
    }

    pub(in crate::kernel) fn removed(&self, ino: Ino) -> Option<(Ino, String)> {
        let node = self.nodes.get(&ino).filter(|node| node.removed)?;
        Some((node.parent, node.name.clone()))
    }

    pub(in crate::kernel) fn dotdot(&self, ino: Ino) -> Ino {
        self.nodes.get(&ino).map_or(ROOT, |node| node.parent)
    }

    pub(in crate::kernel) fn is_upper(&self, ino: Ino) -> bool {
        self.nodes.get(&ino).is_some_and(|node| node.upper.is_some())
    }

    /// Copies an object up, and before it the directories that lead to it: with its mode, owner and time of
    /// modification; a directory without its names. The directory it is copied into keeps its time.
    pub(in crate::kernel) fn copy_up(
        &mut self,
        all: &mut Filesystems,
        ino: Ino,
        without_data: bool,
        notes: &mut Notes,
    ) -> Ino {
        let node = &self.nodes[&ino];
        if let Some(upper) = node.upper {
            return upper;
        }
        let (parent, name, (layer, lower)) = (node.parent, node.name.clone(), node.lowers[0]);
        let into = self.copy_up(all, parent, false, notes);
        let mut copy = all.inode(self.layers[layer].fs, lower).cloned().unwrap_or_else(|| Inode::file(Vec::new(), 0));
        match &mut copy.node {
            Node::Dir(dir) => *dir = Dir::default(),
            Node::File(data) if without_data => *data = Arc::default(),
            _ => {}
        }
        if !copy.is_dir() {
            let size_bytes = copy.stat().size_bytes;
            notes.push(Happening::CopiedUp { path: self.path(ino), layer: number(layer), size_bytes });
        }
        let upper = self.upper_tree(all);
        let kept_s = upper.get(into).map(|inode| inode.mtime_s);
        let copied = upper.create(into, &name, copy);
        if let Some(mtime_s) = kept_s {
            upper.inode_mut(into).mtime_s = mtime_s;
        }
        self.node_mut(ino).upper = Some(copied);
        copied
    }

    pub(in crate::kernel) fn create(
        &mut self,
        all: &mut Filesystems,
        dir: Ino,
        name: &str,
        inode: Inode,
        notes: &mut Notes,
    ) -> Ino {
        let into = self.copy_up(all, dir, false, notes);
        let upper = self.upper_tree(all);
        let over_whiteout = uncover(upper, into, name);
        let is_dir = inode.is_dir();
        let created = upper.create(into, name, inode);
        let ino = self.remember(dir, name, Some(created), Vec::new());
        if is_dir && over_whiteout {
            self.make_opaque(all, ino, created, notes);
        }
        ino
    }

    pub(in crate::kernel) fn link(
        &mut self,
        all: &mut Filesystems,
        ino: Ino,
        (dir, name): (Ino, &str),
        notes: &mut Notes,
    ) {
        let linked = self.copy_up(all, ino, false, notes);
        let into = self.copy_up(all, dir, false, notes);
        let upper = self.upper_tree(all);
        uncover(upper, into, name);
        upper.link(into, name, linked);
        self.remember(dir, name, Some(linked), Vec::new());
    }

    /// Removes a name; if a layer below has it, a whiteout takes its place.
    pub(in crate::kernel) fn remove(&mut self, all: &mut Filesystems, dir: Ino, name: &str, notes: &mut Notes) {
        let Some(ino) = self.lookup(all, dir, name) else { return };
        let below = self.below(all, dir, name);
        let into = self.copy_up(all, dir, false, notes);
        self.drop_name(all, dir, into, ino, name);
        if let Some(layer) = below {
            self.white_out(all, (dir, into), name, layer, notes);
        }
    }

    /// A directory that is not wholly in the upperdir cannot move (overlayfs.rst, "renaming directories").
    pub(in crate::kernel) fn may_move(&self, all: &Filesystems, ino: Ino) -> bool {
        let is_dir = self.inode(all, ino).is_some_and(Inode::is_dir);
        !is_dir || self.nodes.get(&ino).is_none_or(|node| node.lowers.is_empty())
    }

    /// rename(2); its rules were checked before.
    pub(in crate::kernel) fn rename(
        &mut self,
        all: &mut Filesystems,
        (from_dir, from): (Ino, &str),
        (to_dir, to): (Ino, &str),
        notes: &mut Notes,
    ) -> Result<(), Errno> {
        let ino = self.lookup(all, from_dir, from).ok_or(Errno::ENOENT)?;
        let is_dir = self.inode(all, ino).is_some_and(Inode::is_dir);
        if !self.may_move(all, ino) {
            return Err(Errno::EXDEV);
        }
        let replaced = self.lookup(all, to_dir, to);
        let below = self.below(all, from_dir, from);
        let moved = self.copy_up(all, ino, false, notes);
        let (out_of, into) = (self.copy_up(all, from_dir, false, notes), self.copy_up(all, to_dir, false, notes));
        if let Some(old) = replaced {
            self.drop_name(all, to_dir, into, old, to);
        }
        let upper = self.upper_tree(all);
        uncover(upper, into, to);
        upper.rename((out_of, from), (into, to));
        self.node_mut(from_dir).children.remove(from);
        self.node_mut(to_dir).children.insert(to.to_owned(), ino);
        let node = self.node_mut(ino);
        (node.parent, node.name) = (to_dir, to.to_owned());
        node.lowers.clear();
        if let Some(layer) = below {
            // RENAME_WHITEOUT makes one of its own (rename(2)).
            self.upper_tree(all).create(out_of, from, Inode::new(Node::Whiteout, 0));
            notes.push(Happening::WhitedOut { path: format!("{}/{from}", self.path(from_dir)), layer: number(layer) });
        }
        // fs/overlayfs/dir.c, ovl_rename: a directory that moves into a merged one is made opaque, whether or not a
        // layer below has that name.
        let merged = !self.nodes[&to_dir].lowers.is_empty();
        if is_dir && merged && !self.upper_tree(all).get(moved).is_some_and(Inode::is_opaque) {
            self.make_opaque(all, ino, moved, notes);
        }
        Ok(())
    }

    /// Two names of one inode of the upperdir.
    pub(in crate::kernel) fn same_inode(&self, a: Ino, b: Ino) -> bool {
        let upper = |ino| self.nodes.get(&ino).and_then(|node| node.upper);
        upper(a).is_some() && upper(a) == upper(b)
    }

    pub(in crate::kernel) fn is_orphan(&self, ino: Ino) -> bool {
        self.nodes.get(&ino).is_some_and(|node| node.removed)
    }

    /// Drops the node of what has no name; answers where its inode was, for whoever looks after that.
    pub(in crate::kernel) fn forget(&mut self, all: &Filesystems, ino: Ino) -> Option<Place> {
        if self.inode(all, ino).is_some_and(Inode::is_dir) {
            return None;
        }
        let upper = self.nodes.remove(&ino)?.upper?;
        Some(Place { ino: upper, ..self.upper? })
    }

    /// Where a lookup of this path ends, following no links.
    pub(in crate::kernel) fn origin(&mut self, all: &mut Filesystems, path: &str) -> Origin {
        let mut dir = ROOT;
        let mut end = Origin::Upper;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let (upper, lowers, whiteout) = self.peek(all, dir, name);
            end = match (upper, lowers.first()) {
                (Some(_), _) => Origin::Upper,
                (None, Some(&(layer, _))) => Origin::Layer(number(layer)),
                (None, None) if whiteout => return Origin::Whiteout,
                (None, None) => return Origin::Nothing,
            };
            match self.lookup(all, dir, name) {
                Some(next) => dir = next,
                None => return Origin::Nothing,
            }
        }
        end
    }

    /// The object's path from the root of this file system.
    pub(in crate::kernel) fn path(&self, mut ino: Ino) -> String {
        let mut names = Vec::new();
        while let Some(node) = self.nodes.get(&ino).filter(|_| ino != ROOT) {
            names.push(node.name.as_str());
            ino = node.parent;
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }

    fn inode<'a>(&self, all: &'a Filesystems, ino: Ino) -> Option<&'a Inode> {
        self.real(ino).and_then(|place| all.inode(place.fs, place.ino))
    }

    /// What upperdir and layers have under this name, and whether a whiteout ended the search.
    fn peek(&self, all: &mut Filesystems, dir: Ino, name: &str) -> (Option<Ino>, Vec<(usize, Ino)>, bool) {
        let Some(node) = self.nodes.get(&dir) else { return (None, Vec::new(), false) };
        let mut upper = None;
        if let Some((in_upper, place)) = node.upper.zip(self.upper)
            && let Some(found) = all.look(Place { ino: in_upper, ..place }, name)
        {
            if found.whiteout {
                return (None, Vec::new(), true);
            }
            upper = Some(found.ino);
            if found.ends {
                return (upper, Vec::new(), false);
            }
        }
        let mut lowers = Vec::new();
        for &(layer, parent) in &node.lowers {
            let Some(found) = all.look(Place { ino: parent, ..self.layers[layer] }, name) else { continue };
            if found.whiteout {
                return (upper, lowers, true);
            }
            let first = upper.is_none() && lowers.is_empty();
            if first || found.is_dir {
                lowers.push((layer, found.ino));
            }
            if found.ends {
                break;
            }
        }
        (upper, lowers, false)
    }

    /// The topmost layer in which this name exists, unless a layer above it hides it (ovl_lower_positive).
    fn below(&self, all: &mut Filesystems, dir: Ino, name: &str) -> Option<usize> {
        for &(layer, parent) in &self.nodes[&dir].lowers {
            if let Some(found) = all.look(Place { ino: parent, ..self.layers[layer] }, name) {
                return (!found.whiteout).then_some(layer);
            }
        }
        None
    }

    fn remember(&mut self, dir: Ino, name: &str, upper: Option<Ino>, lowers: Vec<(usize, Ino)>) -> Ino {
        let ino = self.next;
        self.next += 1;
        let (name, children) = (name.to_owned(), Map::new());
        self.node_mut(dir).children.insert(name.clone(), ino);
        self.nodes.insert(ino, Arc::new(Dentry { parent: dir, name, upper, lowers, children, removed: false }));
        ino
    }

    /// Takes the name of `ino` out of the upperdir (whose directory is `into`) and out of the dentry cache.
    fn drop_name(&mut self, all: &mut Filesystems, dir: Ino, into: Ino, ino: Ino, name: &str) {
        if self.nodes[&ino].upper.is_some() {
            let upper = self.upper_tree(all);
            if let Some(gone) = upper.detach(into, name) {
                // A directory that shows nothing may hold whiteouts; they go with it.
                let names: Vec<String> =
                    upper.dir(gone).map_or(Vec::new(), |dir| dir.entries.keys().cloned().collect());
                for whiteout in names {
                    if let Some(ino) = upper.detach(gone, &whiteout) {
                        forget(upper, ino);
                    }
                }
            }
        }
        self.node_mut(dir).children.remove(name);
        self.node_mut(ino).removed = true;
    }

    fn white_out(
        &mut self,
        all: &mut Filesystems,
        (dir, into): (Ino, Ino),
        name: &str,
        layer: usize,
        notes: &mut Notes,
    ) {
        let (work, kept) = (self.work, self.whiteout);
        let upper = self.upper_tree(all);
        let new = || Inode::new(Node::Whiteout, 0);
        match work {
            None => drop(upper.create(into, name, new())),
            Some(work) => {
                let kept = kept.unwrap_or_else(|| upper.create(work, KEPT, new()));
                upper.link(into, name, kept);
                self.whiteout = Some(kept);
            }
        }
        notes.push(Happening::WhitedOut { path: format!("{}/{name}", self.path(dir)), layer: number(layer) });
    }

    fn make_opaque(&mut self, all: &mut Filesystems, ino: Ino, upper: Ino, notes: &mut Notes) {
        self.upper_tree(all).set_opaque(upper);
        notes.push(Happening::MadeOpaque { path: self.path(ino) });
    }

    fn upper_tree<'a>(&self, all: &'a mut Filesystems) -> &'a mut Tree {
        // INVARIANT(upper-is-a-tree): an overlay that may be written to has an upperdir, on a file system with inodes of
        // its own (mount(2) sees to both).
        self.upper.and_then(|place| all.tree_mut(place.fs)).expect("INVARIANT(upper-is-a-tree)")
    }

    fn node_mut(&mut self, ino: Ino) -> &mut Dentry {
        // INVARIANT(ino-lives), as in `Tree::inode_mut`.
        Arc::make_mut(self.nodes.get_mut(&ino).expect("a node number that is held is in the table"))
    }
}

/// The kernel names it by a counter of the whole machine.
const KEPT: &str = "#1";

/// Layers are counted from 1 outside.
fn number(layer: usize) -> u32 {
    u32::try_from(layer + 1).unwrap_or(u32::MAX)
}

fn forget(upper: &mut Tree, whiteout: Ino) {
    if upper.is_orphan(whiteout) {
        upper.forget(whiteout);
    }
}

/// Removes a whiteout that covers this name in the upperdir; whether there was one.
fn uncover(upper: &mut Tree, dir: Ino, name: &str) -> bool {
    let covered = upper.child(dir, name).filter(|ino| upper.get(*ino).is_some_and(Inode::is_whiteout));
    if let Some(ino) = covered {
        upper.detach(dir, name);
        forget(upper, ino);
    }
    covered.is_some()
}
