//! What can be observed of the store.

use super::{Image, Layer, Store, chain_ids};
use crate::fact::{self, Facts, Value};
use crate::image::Digest;
use crate::image::config;
use crate::image::tar::{Entry, Kind};
use crate::sim::Set;
use std::sync::Arc;

impl Store {
    /// `image/…` for each name, and `store/…`. File facts only for `files`, absolute paths. A name with the tag `latest` is
    /// told without it too: `image/ubuntu/…` is `image/ubuntu:latest/…`.
    pub fn facts(&self, files: &[String], out: &mut Facts) {
        let layers = &self.inner.layers;
        let bytes: u64 = layers.values().map(|layer| layer.size_bytes).sum();
        let named: Set<&Digest> = self.inner.tags.values().collect();
        out.insert("store/images".to_owned(), count(named.len()));
        out.insert("store/layers".to_owned(), count(layers.len()));
        out.insert("store/bytes".to_owned(), Value::Int(bytes as i64));
        for (reference, id) in &self.inner.tags {
            let Some(image) = self.image(id) else { continue };
            self.image_facts(&reference.to_string(), image, files, out);
            if reference.tag.as_deref() == Some("latest") {
                self.image_facts(&reference.repository(), image, files, out);
            }
        }
    }

    fn image_facts(&self, name: &str, image: &Image, files: &[String], out: &mut Facts) {
        let mut put = |rest: &[&str], value: Value| {
            let path = fact::path(["image", name].into_iter().chain(rest.iter().copied()));
            out.insert(path, value);
        };
        put(&["id"], image.id.to_string().into());
        put(&["layers"], count(image.layers().len()));
        put(&["size"], Value::Int(self.size_bytes(image) as i64));
        put(&["history"], count(image.config.history.len()));
        if let Some(cmd) = &image.config.config.cmd {
            put(&["cmd"], config::list(cmd).into());
        }
        for (i, (history, layer)) in image.history_layers().enumerate() {
            let number = (i + 1).to_string();
            put(&["history", &number, "created_by"], history.created_by.as_str().into());
            put(&["history", &number, "layer"], layer.map_or(Value::from("none"), count));
        }
        let layers = self.layers_of(image);
        for (i, (layer, chain_id)) in layers.iter().zip(chain_ids(image.layers())).enumerate() {
            let number = (i + 1).to_string();
            put(&["layer", &number, "diff_id"], layer.diff_id.to_string().into());
            put(&["layer", &number, "chain_id"], chain_id.to_string().into());
            put(&["layer", &number, "size"], Value::Int(layer.size_bytes as i64));
            for file in files {
                if let Some(entry) = layer.entry(file.trim_start_matches('/')) {
                    put(&["layer", &number, "file", file], entry_text(entry).into());
                }
            }
        }
        for file in files {
            let path = file.trim_start_matches('/');
            let holds = |layer: &&Arc<Layer>| layer.entry(path).is_some_and(|entry| entry.kind != Kind::Whiteout);
            put(&["file", file, "copies"], count(layers.iter().filter(holds).count()));
        }
    }
}

fn count(n: usize) -> Value {
    Value::Int(n as i64)
}

/// `file 0755 1234`, `dir 0755`, `symlink /bin/busybox`, `whiteout`.
fn entry_text(entry: &Entry) -> String {
    match &entry.kind {
        Kind::File => format!("file {:04o} {}", entry.mode, entry.size_bytes()),
        Kind::Dir => format!("dir {:04o}", entry.mode),
        Kind::Symlink { target } => format!("symlink {target}"),
        Kind::Hardlink { target } => format!("link /{target}"),
        Kind::CharDevice { major, minor } => format!("char {major}:{minor}"),
        Kind::BlockDevice { major, minor } => format!("block {major}:{minor}"),
        Kind::Fifo => "fifo".to_owned(),
        Kind::Whiteout | Kind::Opaque => "whiteout".to_owned(),
    }
}
