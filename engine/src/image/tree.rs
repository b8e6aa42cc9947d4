//! What a stack of layers shows, or a build context holds: one merged tree of entries, looked into without a kernel.
//!
//! The builder asks it where a source is and whether a destination is a directory; what really happens to files is a
//! kernel's business ([`crate::kernel`]).

use super::store::Layer;
use super::tar::{Entry, Kind};
use crate::sim::Map;
use std::sync::Arc;

/// Symbolic links in one path, as MAXSYMLINKS (path_resolution(7)).
const LINKS: u32 = 40;

#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// By path; the root is `""` and not in it.
    entries: Map<String, Entry>,
}

impl Tree {
    pub fn of_layers(layers: &[Arc<Layer>]) -> Tree {
        let mut tree = Tree::default();
        for layer in layers {
            // What a layer hides is hidden in the layers below it alone (OCI image-spec, layer.md, "Whiteouts").
            let (hiding, showing): (Vec<&Entry>, Vec<&Entry>) =
                layer.entries.iter().partition(|entry| matches!(entry.kind, Kind::Whiteout | Kind::Opaque));
            for entry in hiding {
                tree.hide(entry);
            }
            for entry in showing {
                tree.put(entry.clone());
            }
        }
        tree
    }

    /// An archive. Directories that it only implies, as where `.dockerignore` leaves one out and takes a file in it back,
    /// are made, as when it is unpacked.
    pub fn of_entries(entries: Vec<Entry>) -> Tree {
        let mut tree = Tree::default();
        for entry in entries {
            for (end, _) in entry.path.match_indices('/') {
                if !tree.entries.contains_key(&entry.path[..end]) {
                    tree.put(Entry::dir(&entry.path[..end], 0o755));
                }
            }
            tree.put(entry);
        }
        tree
    }

    fn hide(&mut self, entry: &Entry) {
        if entry.kind == Kind::Whiteout {
            self.entries.remove(&entry.path);
        }
        self.remove_below(&entry.path);
    }

    fn put(&mut self, entry: Entry) {
        if entry.kind != Kind::Dir {
            self.remove_below(&entry.path);
        }
        self.entries.insert(entry.path.clone(), entry);
    }

    fn remove_below(&mut self, dir: &str) {
        let below: Vec<String> = self.below(dir).map(|entry| entry.path.clone()).collect();
        for path in below {
            self.entries.remove(&path);
        }
    }

    /// The entry at exactly this path, links not followed.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Everything in a directory, at any depth.
    pub fn below(&self, dir: &str) -> impl Iterator<Item = &Entry> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        self.entries.range_from(&prefix).take_while(move |(path, _)| path.starts_with(&prefix)).map(|(_, entry)| entry)
    }

    pub fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.get(path).is_some_and(|entry| entry.kind == Kind::Dir) || {
            // An archive may leave out the directories of what it holds.
            self.get(path).is_none() && self.below(path).next().is_some()
        }
    }

    pub fn exists(&self, path: &str) -> bool {
        self.is_dir(path) || self.get(path).is_some()
    }

    /// The path with every link followed, inside this root; names that do not exist are kept. `None` after too many
    /// links.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut done: Vec<String> = Vec::new();
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(name) = left.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(name),
            }
            let Some(Kind::Symlink { target }) = self.get(&done.join("/")).map(|entry| &entry.kind) else { continue };
            links += 1;
            if links > LINKS {
                return None;
            }
            done.pop();
            if target.starts_with('/') {
                done.clear();
            }
            left.extend(target.split('/').rev().map(str::to_owned));
        }
        Some(done.join("/"))
    }

    /// The file at a path, links followed, with the content of a hard link's first name.
    pub fn file(&self, path: &str) -> Option<Entry> {
        let entry = self.get(&self.resolve(path)?)?;
        match &entry.kind {
            Kind::File => Some(entry.clone()),
            Kind::Hardlink { .. } => Some(self.unlinked(entry)),
            _ => None,
        }
    }

    /// A hard link as a file of its own; anything else as it is.
    pub fn unlinked(&self, entry: &Entry) -> Entry {
        let Kind::Hardlink { target } = &entry.kind else { return entry.clone() };
        let data = self.get(target).map(|first| first.data.clone()).unwrap_or_default();
        Entry { kind: Kind::File, data, ..entry.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar;

    fn layer(entries: &[Entry]) -> Arc<Layer> {
        Arc::new(Layer::new(tar::write(entries).into()).unwrap())
    }

    #[test]
    fn an_upper_layer_hides_and_shows() {
        let lower = [Entry::dir("d", 0o755), Entry::file("d/a", 0o644, "1"), Entry::file("x", 0o644, "1")];
        let upper = [Entry::whiteout("x"), Entry::opaque("d"), Entry::file("d/b", 0o644, "2"), Entry::dir("d", 0o700)];
        let tree = Tree::of_layers(&[layer(&lower), layer(&upper)]);
        assert!(!tree.exists("x") && !tree.exists("d/a") && tree.exists("d/b"));
        assert_eq!(tree.get("d").unwrap().mode, 0o700);
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let tree = Tree::of_entries(vec![
            Entry::symlink("bin", "usr/bin"),
            Entry::file("usr/bin/sh", 0o755, "x"),
            Entry::symlink("out", "../../usr"),
            Entry::symlink("abs", "/bin/sh"),
            Entry::symlink("loop", "loop"),
        ]);
        assert_eq!(tree.resolve("/bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(tree.resolve("out/bin/new").unwrap(), "usr/bin/new");
        assert_eq!(&*tree.file("abs").unwrap().data, b"x");
        assert_eq!(tree.resolve("loop"), None);
        assert!(tree.is_dir("usr"), "though the archive has no entry for it");
    }
}
