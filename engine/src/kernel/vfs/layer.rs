//! Between trees and OCI layers (image-spec, layer.md): a layer's tar becomes a read-only tree, an upperdir becomes a tar.

use super::tree::{Ino, Inode, Node, ROOT, Tree};
use crate::image::tar::{self, Entry, Kind};
use crate::node::Fault;
use crate::sim::Map;
use std::sync::Arc;

/// Unpacks a layer. Directories that lead to an entry and have none of their own are made, as every unpacker does.
pub(in crate::kernel) fn unpack(archive: &Arc<[u8]>) -> Result<Tree, Fault> {
    let mut tree = Tree::new(0o755);
    // The time of a directory is what its entry says, whatever is put into it afterwards.
    let mut dir_times = Vec::new();
    let entries = tar::read_layer(archive).map_err(|error| Fault::new(format!("a layer: {error}")))?;
    for entry in entries {
        if let Some(dir) = unpack_entry(&mut tree, &entry)? {
            dir_times.push((dir, entry.mtime_s));
        }
    }
    for (dir, mtime_s) in dir_times {
        tree.inode_mut(dir).mtime_s = mtime_s;
    }
    Ok(tree)
}

/// An upperdir as a layer.
pub(in crate::kernel) fn pack(upper: &Tree) -> Vec<u8> {
    let mut entries = Vec::new();
    pack_dir(upper, ROOT, "", &mut Map::new(), &mut entries);
    tar::write(&entries)
}

/// Adds one entry; if it is a directory, says which.
fn unpack_entry(tree: &mut Tree, entry: &Entry) -> Result<Option<Ino>, Fault> {
    let (parent, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
    if entry.kind == Kind::Opaque {
        let dir = dirs(tree, &entry.path)?;
        tree.set_opaque(dir);
        return Ok(None);
    }
    let parent = dirs(tree, parent)?;
    let old = tree.child(parent, name);
    let node = match &entry.kind {
        Kind::Dir => {
            let dir = dirs(tree, &entry.path)?;
            let inode = tree.inode_mut(dir);
            (inode.mode, inode.uid, inode.gid) = (entry.mode, entry.uid, entry.gid);
            return Ok(Some(dir));
        }
        Kind::Hardlink { target } => {
            let ino = find(tree, target).ok_or_else(|| Fault::new(format!("a layer: no `{target}` to link to")))?;
            remove(tree, parent, name, old);
            tree.link(parent, name, ino);
            return Ok(None);
        }
        Kind::File => Node::File(Arc::new(entry.data.to_vec())),
        Kind::Symlink { target } => Node::Symlink(target.clone()),
        Kind::CharDevice { major, minor } => Node::Char(*major, *minor),
        Kind::BlockDevice { major, minor } => Node::Block(*major, *minor),
        Kind::Fifo => Node::Fifo,
        Kind::Whiteout | Kind::Opaque => Node::Whiteout,
    };
    remove(tree, parent, name, old);
    let (uid, gid, mtime_s) = (entry.uid, entry.gid, entry.mtime_s);
    tree.create(parent, name, Inode { uid, gid, mtime_s, ..Inode::new(node, entry.mode) });
    Ok(None)
}

/// An entry replaces what an earlier one of the same path made.
fn remove(tree: &mut Tree, parent: Ino, name: &str, old: Option<Ino>) {
    if let Some(old) = old {
        tree.detach(parent, name);
        if tree.is_orphan(old) {
            tree.forget(old);
        }
    }
}

/// The directory at a path, made with mode 0755 where it is missing.
pub(in crate::kernel) fn dirs(tree: &mut Tree, path: &str) -> Result<Ino, Fault> {
    let mut dir = ROOT;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        dir = match tree.child(dir, name) {
            Some(child) if tree.dir(child).is_some() => child,
            Some(_) => return Err(Fault::new(format!("a layer: `{path}` leads through what is not a directory"))),
            None => tree.create(dir, name, Inode::dir(0o755)),
        };
    }
    Ok(dir)
}

fn find(tree: &Tree, path: &str) -> Option<Ino> {
    path.split('/').filter(|name| !name.is_empty()).try_fold(ROOT, |dir, name| tree.child(dir, name))
}

fn pack_dir(tree: &Tree, dir: Ino, path: &str, first_names: &mut Map<Ino, String>, entries: &mut Vec<Entry>) {
    let Some(names) = tree.dir(dir) else { return };
    if names.opaque {
        entries.push(Entry::opaque(path));
    }
    for (name, ino) in &names.entries {
        let Some(inode) = tree.get(*ino) else { continue };
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        entries.push(pack_inode(&path, *ino, inode, first_names));
        pack_dir(tree, *ino, &path, first_names, entries);
    }
}

fn pack_inode(path: &str, ino: Ino, inode: &Inode, first_names: &mut Map<Ino, String>) -> Entry {
    let mut data = Default::default();
    let kind = match &inode.node {
        Node::Whiteout => return Entry::whiteout(path),
        Node::Dir(_) => Kind::Dir,
        _ if first_names.contains_key(&ino) => Kind::Hardlink { target: first_names[&ino].clone() },
        Node::File(bytes) => {
            data = bytes.as_slice().into();
            Kind::File
        }
        Node::Symlink(target) => Kind::Symlink { target: target.clone() },
        Node::Char(major, minor) => Kind::CharDevice { major: *major, minor: *minor },
        Node::Block(major, minor) => Kind::BlockDevice { major: *major, minor: *minor },
        Node::Fifo => Kind::Fifo,
        // Only the /dev of a node or container has it, never an upperdir.
        Node::Native => Kind::File,
    };
    if inode.nlink > 1 && !inode.is_dir() {
        first_names.get_or_insert_with(ino, || path.to_owned());
    }
    let mode = if matches!(kind, Kind::Symlink { .. }) { 0o777 } else { inode.mode };
    Entry { path: path.to_owned(), kind, mode, uid: inode.uid, gid: inode.gid, mtime_s: inode.mtime_s, data }
}
