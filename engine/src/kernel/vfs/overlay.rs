//! Overlayfs: read-only layers under an upperdir, as one tree (Documentation/filesystems/overlayfs.rst), with
//! `redirect_dir`, `index`, `metacopy` and `xino` off.
//!
//! Each name that was looked up has a node (the kernel's dentry): where it is in the upperdir and in which layers. What a
//! directory shows is merged from those; nothing of the layers is copied before it is changed. The dentry cache is all
//! that a lookup changes: two kernels whose caches differ answer alike.

use super::Notes;
use super::tree::{Dir, Ino, Inode, Node, ROOT, Tree};
use crate::call::{Dent, Errno, FileKind};
use crate::node::Happening;
use crate::sim::Map;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Overlay {
    /// Oldest first. Without any there is an empty one: overlayfs wants a lowerdir.
    layers: Arc<[Arc<Tree>]>,
    upper: Arc<Tree>,
    nodes: Map<Ino, Arc<Dentry>>,
    next: Ino,
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
    pub(in crate::kernel) fn new(layers: Vec<Arc<Tree>>) -> Overlay {
        let layers = if layers.is_empty() { vec![Arc::new(Tree::new(0o755))] } else { layers };
        let mut overlay =
            Overlay { layers: layers.into(), upper: Arc::new(Tree::new(0o755)), nodes: Map::new(), next: ROOT };
        overlay.remount();
        overlay
    }

    /// Forgets the dentry cache, as a new mount of the same directories begins.
    pub(in crate::kernel) fn remount(&mut self) {
        let lowers = (0..self.layers.len()).rev().map(|layer| (layer, ROOT)).collect();
        let root = Dentry {
            parent: ROOT,
            name: String::new(),
            upper: Some(ROOT),
            lowers,
            children: Map::new(),
            removed: false,
        };
        self.nodes = Map::from([(ROOT, Arc::new(root))]);
        self.next = ROOT + 1;
    }

    pub(in crate::kernel) fn upper(&self) -> &Tree {
        &self.upper
    }

    pub(in crate::kernel) fn known(&self, dir: Ino, name: &str) -> Option<Ino> {
        self.nodes.get(&dir)?.children.get(name).copied()
    }

    pub(in crate::kernel) fn lookup(&mut self, dir: Ino, name: &str) -> Option<Ino> {
        if let Some(ino) = self.known(dir, name) {
            return Some(ino);
        }
        let (upper, lowers, _) = self.peek(dir, name);
        if upper.is_none() && lowers.is_empty() {
            return None;
        }
        Some(self.remember(dir, name, upper, lowers))
    }

    pub(in crate::kernel) fn inode(&self, ino: Ino) -> Option<&Inode> {
        let node = self.nodes.get(&ino)?;
        match (node.upper, node.lowers.first()) {
            (Some(upper), _) => self.upper.get(upper),
            (None, Some(&(layer, lower))) => self.layers[layer].get(lower),
            (None, None) => None,
        }
    }

    pub(in crate::kernel) fn names(&self, dir: Ino) -> Vec<Dent> {
        let Some(node) = self.nodes.get(&dir) else { return Vec::new() };
        // The topmost says what a name is; `None` is a whiteout.
        let mut merged: Map<&str, Option<FileKind>> = Map::new();
        let lowers = node.lowers.iter().map(|&(layer, ino)| (&*self.layers[layer], ino));
        for (tree, ino) in node.upper.map(|ino| (&*self.upper, ino)).into_iter().chain(lowers) {
            for (name, child) in tree.dir(ino).into_iter().flat_map(|dir| &dir.entries) {
                let kind = tree.get(*child).filter(|inode| !inode.is_whiteout()).map(Inode::kind);
                merged.get_or_insert_with(name, || kind);
            }
        }
        let shown = merged.into_iter().filter_map(|(name, kind)| Some((name, kind?)));
        shown.map(|(name, kind)| Dent { name: name.to_owned(), kind }).collect()
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

    pub(in crate::kernel) fn upper_mut(&mut self, ino: Ino) -> Option<(&mut Tree, Ino)> {
        let upper = self.nodes.get(&ino)?.upper?;
        Some((Arc::make_mut(&mut self.upper), upper))
    }

    /// Copies an object up, and before it the directories that lead to it: with its mode, owner and time of
    /// modification; a directory without its names. The directory it is copied into keeps its time.
    pub(in crate::kernel) fn copy_up(&mut self, ino: Ino, without_data: bool, notes: &mut Notes) -> Ino {
        let node = &self.nodes[&ino];
        if let Some(upper) = node.upper {
            return upper;
        }
        let (parent, name, (layer, lower)) = (node.parent, node.name.clone(), node.lowers[0]);
        let into = self.copy_up(parent, false, notes);
        let source = &self.layers[layer];
        let mut copy = source.get(lower).cloned().unwrap_or_else(|| Inode::file(Vec::new(), 0));
        match &mut copy.node {
            Node::Dir(dir) => *dir = Dir::default(),
            Node::File(data) if without_data => *data = Arc::default(),
            _ => {}
        }
        if !copy.is_dir() {
            let size_bytes = copy.stat().size_bytes;
            notes.push(Happening::CopiedUp { path: self.path(ino), layer: number(layer), size_bytes });
        }
        let upper = Arc::make_mut(&mut self.upper);
        let kept_s = upper.get(into).map(|inode| inode.mtime_s);
        let copied = upper.create(into, &name, copy);
        if let Some(mtime_s) = kept_s {
            upper.inode_mut(into).mtime_s = mtime_s;
        }
        self.node_mut(ino).upper = Some(copied);
        copied
    }

    pub(in crate::kernel) fn create(&mut self, dir: Ino, name: &str, inode: Inode, notes: &mut Notes) -> Ino {
        let into = self.copy_up(dir, false, notes);
        let upper = Arc::make_mut(&mut self.upper);
        let over_whiteout = uncover(upper, into, name);
        let is_dir = inode.is_dir();
        let created = upper.create(into, name, inode);
        let ino = self.remember(dir, name, Some(created), Vec::new());
        if is_dir && over_whiteout {
            self.make_opaque(ino, created, notes);
        }
        ino
    }

    pub(in crate::kernel) fn link(&mut self, ino: Ino, dir: Ino, name: &str, notes: &mut Notes) {
        let linked = self.copy_up(ino, false, notes);
        let into = self.copy_up(dir, false, notes);
        let upper = Arc::make_mut(&mut self.upper);
        uncover(upper, into, name);
        upper.link(into, name, linked);
        self.remember(dir, name, Some(linked), Vec::new());
    }

    /// Removes a name; if a layer below has it, a whiteout takes its place.
    pub(in crate::kernel) fn remove(&mut self, dir: Ino, name: &str, notes: &mut Notes) {
        let Some(ino) = self.lookup(dir, name) else { return };
        let below = self.below(dir, name);
        let into = self.copy_up(dir, false, notes);
        self.drop_name(dir, into, ino, name);
        if let Some(layer) = below {
            self.white_out(dir, into, name, layer, notes);
        }
    }

    /// A directory that is not wholly in the upperdir cannot move (overlayfs.rst, "renaming directories").
    pub(in crate::kernel) fn may_move(&self, ino: Ino) -> bool {
        let is_dir = self.inode(ino).is_some_and(Inode::is_dir);
        !is_dir || self.nodes.get(&ino).is_none_or(|node| node.lowers.is_empty())
    }

    /// rename(2); its rules were checked before.
    pub(in crate::kernel) fn rename(
        &mut self,
        (from_dir, from): (Ino, &str),
        (to_dir, to): (Ino, &str),
        notes: &mut Notes,
    ) -> Result<(), Errno> {
        let ino = self.lookup(from_dir, from).ok_or(Errno::ENOENT)?;
        let is_dir = self.inode(ino).is_some_and(Inode::is_dir);
        if !self.may_move(ino) {
            return Err(Errno::EXDEV);
        }
        let replaced = self.lookup(to_dir, to);
        let below = self.below(from_dir, from);
        let moved = self.copy_up(ino, false, notes);
        let (out_of, into) = (self.copy_up(from_dir, false, notes), self.copy_up(to_dir, false, notes));
        if let Some(old) = replaced {
            self.drop_name(to_dir, into, old, to);
        }
        let upper = Arc::make_mut(&mut self.upper);
        uncover(upper, into, to);
        upper.rename((out_of, from), (into, to));
        self.node_mut(from_dir).children.remove(from);
        self.node_mut(to_dir).children.insert(to.to_owned(), ino);
        let node = self.node_mut(ino);
        (node.parent, node.name) = (to_dir, to.to_owned());
        node.lowers.clear();
        if let Some(layer) = below {
            self.white_out(from_dir, out_of, from, layer, notes);
        }
        // fs/overlayfs/dir.c, ovl_rename: a directory that moves into a merged one is made opaque, whether or not a
        // layer below has that name.
        let merged = !self.nodes[&to_dir].lowers.is_empty();
        if is_dir && merged && !self.upper.get(moved).is_some_and(Inode::is_opaque) {
            self.make_opaque(ino, moved, notes);
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

    pub(in crate::kernel) fn forget(&mut self, ino: Ino) {
        if self.inode(ino).is_some_and(Inode::is_dir) {
            return;
        }
        if let Some(upper) = self.nodes.remove(&ino).and_then(|node| node.upper)
            && self.upper.is_orphan(upper)
        {
            Arc::make_mut(&mut self.upper).forget(upper);
        }
    }

    /// Where a lookup of this path ends, following no links.
    pub(in crate::kernel) fn origin(&mut self, path: &str) -> Origin {
        let mut dir = ROOT;
        let mut end = Origin::Upper;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let (upper, lowers, whiteout) = self.peek(dir, name);
            end = match (upper, lowers.first()) {
                (Some(_), _) => Origin::Upper,
                (None, Some(&(layer, _))) => Origin::Layer(number(layer)),
                (None, None) if whiteout => return Origin::Whiteout,
                (None, None) => return Origin::Nothing,
            };
            match self.lookup(dir, name) {
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

    /// What upperdir and layers have under this name, and whether a whiteout ended the search.
    fn peek(&self, dir: Ino, name: &str) -> (Option<Ino>, Vec<(usize, Ino)>, bool) {
        let Some(node) = self.nodes.get(&dir) else { return (None, Vec::new(), false) };
        let mut upper = None;
        if let Some(ino) = node.upper.and_then(|up| self.upper.child(up, name)) {
            let Some(inode) = self.upper.get(ino) else { return (None, Vec::new(), false) };
            if inode.is_whiteout() {
                return (None, Vec::new(), true);
            }
            upper = Some(ino);
            if !inode.is_dir() || inode.is_opaque() {
                return (upper, Vec::new(), false);
            }
        }
        let mut lowers = Vec::new();
        for &(layer, parent) in &node.lowers {
            let tree = &self.layers[layer];
            let Some((ino, inode)) = tree.child(parent, name).and_then(|ino| Some((ino, tree.get(ino)?))) else {
                continue;
            };
            if inode.is_whiteout() {
                return (upper, lowers, true);
            }
            let first = upper.is_none() && lowers.is_empty();
            if first || inode.is_dir() {
                lowers.push((layer, ino));
            }
            if !inode.is_dir() || inode.is_opaque() {
                break;
            }
        }
        (upper, lowers, false)
    }

    /// The topmost layer in which this name exists, unless a layer above it hides it (ovl_lower_positive).
    fn below(&self, dir: Ino, name: &str) -> Option<usize> {
        for &(layer, parent) in &self.nodes[&dir].lowers {
            let tree = &self.layers[layer];
            if let Some(inode) = tree.child(parent, name).and_then(|ino| tree.get(ino)) {
                return (!inode.is_whiteout()).then_some(layer);
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
    fn drop_name(&mut self, dir: Ino, into: Ino, ino: Ino, name: &str) {
        if self.nodes[&ino].upper.is_some() {
            let upper = Arc::make_mut(&mut self.upper);
            if let Some(gone) = upper.detach(into, name) {
                // A directory that shows nothing may hold whiteouts; they go with it.
                let names: Vec<String> =
                    upper.dir(gone).map_or(Vec::new(), |dir| dir.entries.keys().cloned().collect());
                for whiteout in names {
                    if let Some(ino) = upper.detach(gone, &whiteout) {
                        upper.forget(ino);
                    }
                }
            }
        }
        self.node_mut(dir).children.remove(name);
        self.node_mut(ino).removed = true;
    }

    fn white_out(&mut self, dir: Ino, into: Ino, name: &str, layer: usize, notes: &mut Notes) {
        Arc::make_mut(&mut self.upper).create(into, name, Inode::new(Node::Whiteout, 0));
        notes.push(Happening::WhitedOut { path: format!("{}/{name}", self.path(dir)), layer: number(layer) });
    }

    fn make_opaque(&mut self, ino: Ino, upper: Ino, notes: &mut Notes) {
        Arc::make_mut(&mut self.upper).set_opaque(upper);
        notes.push(Happening::MadeOpaque { path: self.path(ino) });
    }

    fn node_mut(&mut self, ino: Ino) -> &mut Dentry {
        // INVARIANT(ino-lives), as in `Tree::inode_mut`.
        Arc::make_mut(self.nodes.get_mut(&ino).expect("a node number that is held is in the table"))
    }
}

/// Layers are counted from 1 outside.
fn number(layer: usize) -> u32 {
    u32::try_from(layer + 1).unwrap_or(u32::MAX)
}

/// Removes a whiteout that covers this name in the upperdir; whether there was one.
fn uncover(upper: &mut Tree, dir: Ino, name: &str) -> bool {
    let covered = upper.child(dir, name).filter(|ino| upper.get(*ino).is_some_and(Inode::is_whiteout));
    if let Some(ino) = covered {
        upper.detach(dir, name);
        upper.forget(ino);
    }
    covered.is_some()
}
