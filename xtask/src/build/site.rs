//! The files of the site, by name. A name carries a hash of the content, unless something outside looks for it.

use super::wasm::collect;
use crate::tree;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Site {
    files: BTreeMap<String, Vec<u8>>,
    /// The name in the sources, and the name that is served.
    names: BTreeMap<String, String>,
}

impl Site {
    /// Adds a file under a name that carries its hash, and gives that name.
    pub fn hashed(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let hash = short_hash([bytes.as_slice()]);
        let served = match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}-{hash}.{extension}"),
            None => format!("{name}-{hash}"),
        };
        self.files.insert(served.clone(), bytes);
        self.names.insert(name.to_string(), served.clone());
        served
    }

    /// Adds files that refer to one another by name: the hash of them all is in the directory's name, which is given.
    pub fn hashed_directory(&mut self, name: &str, files: Vec<(String, Vec<u8>)>) -> String {
        let hash = short_hash(files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]));
        let served = format!("{name}-{hash}");
        for (file, bytes) in files {
            self.files.insert(format!("{served}/{file}"), bytes);
        }
        served
    }

    pub fn stable(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_string(), bytes);
    }

    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The served name of a file of the sources.
    pub fn name(&self, source: &str) -> Option<&str> {
        self.names.get(source).map(String::as_str)
    }

    /// What the page looks up: names of data and of the worker, without what documents link by themselves.
    pub fn table(&self) -> BTreeMap<&str, &str> {
        let linked = |name: &str| name.ends_with(".css") || name == "boot.js";
        self.names.iter().filter(|(name, _)| !linked(name)).map(|(name, served)| (&**name, &**served)).collect()
    }
}

/// The files of `static/`.
pub fn fixed_files() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    collect(&tree::fixed(), "", &mut files)?;
    Ok(files)
}

/// 64 bits of SHA-256: enough to tell versions of a file apart.
pub fn short_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_gets_another_name() {
        let mut site = Site::default();
        let first = site.hashed("lessons/images/layers.bin", b"one".to_vec());
        let second = site.hashed("lessons/images/layers.bin", b"two".to_vec());
        assert_ne!(first, second);
        assert!(first.starts_with("lessons/images/layers-") && first.ends_with(".bin"), "{first}");
        assert_eq!(site.name("lessons/images/layers.bin"), Some(second.as_str()));
    }

    #[test]
    fn a_directory_is_renamed_when_any_of_its_files_changes() {
        let name = |content: &[u8]| {
            let files = vec![("a.js".to_string(), b"same".to_vec()), ("b.wasm".to_string(), content.to_vec())];
            Site::default().hashed_directory("app", files)
        };
        assert_eq!(name(b"x"), name(b"x"));
        assert_ne!(name(b"x"), name(b"y"));
    }
}
