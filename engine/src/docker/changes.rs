//! What a container changed: its upper layer against the layers of its image, as `docker diff` lists it.
//!
//! A path is A (added), C (changed) or D (deleted); directories on the way to a change are C (pkg/archive/changes.go,
//! addChanges). Sorted by path.

use crate::image::tar::{self, Entry, Kind};
use crate::sim::Map;
use std::sync::Arc;

/// All that layers show together, the oldest first: each path with its entry.
pub(super) fn merged<'a>(layers: impl IntoIterator<Item = &'a [Entry]>) -> Map<String, Entry> {
    let mut tree = Map::new();
    for entries in layers {
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Opaque) {
            remove_below(&mut tree, &entry.path);
        }
        for entry in entries {
            match entry.kind {
                Kind::Opaque => {}
                Kind::Whiteout => {
                    remove_below(&mut tree, &entry.path);
                    tree.remove(&entry.path);
                }
                Kind::Dir => {
                    tree.insert(entry.path.clone(), entry.clone());
                }
                _ => {
                    remove_below(&mut tree, &entry.path);
                    tree.insert(entry.path.clone(), entry.clone());
                }
            }
        }
    }
    tree
}

/// Bytes of the files of a layer.
pub(super) fn size_bytes(layer: &Arc<[u8]>) -> u64 {
    tar::read_layer(layer).unwrap_or_default().iter().map(Entry::size_bytes).sum()
}

/// `A /path` lines, sorted by path.
pub(super) fn changes(lower: &Map<String, Entry>, upper: &Arc<[u8]>) -> Vec<String> {
    let entries = tar::read_layer(upper).unwrap_or_default();
    let mut changes: Map<String, char> = Map::new();
    for entry in &entries {
        let old = lower.get(&entry.path);
        match (&entry.kind, old) {
            (Kind::Whiteout, _) => {
                changes.insert(entry.path.clone(), 'D');
            }
            (Kind::Opaque, _) => {
                let kept = |path: &str| entries.iter().any(|e| e.path == path && e.kind != Kind::Opaque);
                for child in children(lower, &entry.path).filter(|child| !kept(child)) {
                    changes.insert(child.to_owned(), 'D');
                }
            }
            (Kind::Dir, Some(old)) if old.kind == Kind::Dir && same(entry, old) => {}
            (_, Some(_)) => {
                changes.insert(entry.path.clone(), 'C');
            }
            (_, None) => {
                changes.insert(entry.path.clone(), 'A');
            }
        }
    }
    let parents: Vec<String> = changes.keys().flat_map(|path| parents(path)).collect();
    for parent in parents {
        changes.get_or_insert_with(parent, || 'C');
    }
    changes.iter().map(|(path, kind)| format!("{kind} /{path}")).collect()
}

fn same(new: &Entry, old: &Entry) -> bool {
    (new.mode, new.uid, new.gid) == (old.mode, old.uid, old.gid)
}

fn children<'a>(tree: &'a Map<String, Entry>, dir: &str) -> impl Iterator<Item = &'a str> {
    let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let below = tree.range_from(&prefix).map(|(path, _)| path.as_str());
    let all = below.take_while({
        let prefix = prefix.clone();
        move |path| path.starts_with(&prefix)
    });
    all.filter(move |path| !path[prefix.len()..].contains('/'))
}

fn remove_below(tree: &mut Map<String, Entry>, dir: &str) {
    let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let doomed: Vec<String> =
        tree.range_from(&prefix).map(|(path, _)| path).take_while(|p| p.starts_with(&prefix)).cloned().collect();
    for path in doomed {
        tree.remove(&path);
    }
}

fn parents(path: &str) -> Vec<String> {
    path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| path[..i].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[Entry]) -> Arc<[u8]> {
        tar::write(entries).into()
    }

    #[test]
    fn each_change_is_listed_once_with_the_directories_on_its_way() {
        let base = layer(&[
            Entry::dir("bin", 0o755),
            Entry::file("bin/cat", 0o755, "cat"),
            Entry::file("bin/ls", 0o755, "ls"),
            Entry::dir("etc", 0o755),
            Entry::dir("opt", 0o755),
            Entry::file("opt/a", 0o644, "a"),
            Entry::file("opt/b", 0o644, "b"),
            Entry::dir("srv", 0o755),
        ]);
        let upper = layer(&[
            Entry::dir("a", 0o755),
            Entry::file("a/x", 0o644, "x"),
            Entry::dir("bin", 0o755),
            Entry::file("bin/cat", 0o755, "cat and more"),
            Entry::whiteout("bin/ls"),
            Entry::dir("etc", 0o755),
            Entry::dir("etc/foo", 0o755),
            Entry::dir("opt", 0o755),
            Entry::opaque("opt"),
            Entry::file("opt/b", 0o644, "new"),
            Entry::dir("srv", 0o700),
        ]);
        let listed = changes(&merged([&tar::read_layer(&base).unwrap()[..]]), &upper);
        let wanted = [
            "A /a",
            "A /a/x",
            "C /bin",
            "C /bin/cat",
            "D /bin/ls",
            "C /etc",
            "A /etc/foo",
            "C /opt",
            "D /opt/a",
            "C /opt/b",
            "C /srv",
        ];
        assert_eq!(listed, wanted);
        assert_eq!(size_bytes(&upper), 1 + 12 + 3);
    }

    #[test]
    fn what_is_not_an_archive_changes_nothing() {
        let junk: Arc<[u8]> = Arc::from(b"junk".to_vec());
        assert!(changes(&Map::new(), &junk).is_empty());
    }
}
