//! The service worker: written last, with the exact list of files and a version that is a hash of them all.

use super::site::{Site, short_hash};
use crate::tree;
use anyhow::ensure;

pub fn write(site: &mut Site) -> anyhow::Result<()> {
    let template = std::fs::read_to_string(tree::fixed().join("sw.js"))?;
    let script = script(site, &template)?;
    site.stable("sw.js", script.into_bytes());
    Ok(())
}

fn script(site: &Site, template: &str) -> anyhow::Result<String> {
    let parts = site.files().iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]);
    let version = short_hash(parts.chain([template.as_bytes()]));
    let urls: Vec<String> = site.files().keys().map(|name| url(name)).collect();
    let list = serde_json::to_string_pretty(&urls)?;
    let script = template.replace("@VERSION@", &version).replace("\"@FILES@\"", &list);
    ensure!(!script.contains('@'), "static/sw.js: a placeholder was not filled in");
    Ok(script)
}

/// A directory's document is cached under the address it is visited by.
fn url(name: &str) -> String {
    match name.strip_suffix("index.html") {
        Some("") => "./".to_string(),
        Some(directory) => directory.to_string(),
        None => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "const VERSION = \"@VERSION@\"; const FILES = \"@FILES@\";";

    #[test]
    fn the_service_worker_lists_every_file_and_changes_with_any() {
        let with = |lesson: &str| {
            let mut site = Site::default();
            site.stable("index.html", b"map".to_vec());
            site.stable("lessons/images/layers/index.html", lesson.as_bytes().to_vec());
            site.hashed("engine.wasm", b"engine".to_vec());
            script(&site, TEMPLATE).unwrap()
        };
        let one = with("one");
        assert!(
            one.contains("\"./\"") && one.contains("\"lessons/images/layers/\"") && one.contains("\"engine-"),
            "{one}"
        );
        assert_eq!(one, with("one"));
        assert_ne!(one, with("two"));
    }
}
