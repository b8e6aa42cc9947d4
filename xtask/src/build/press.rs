//! Writes the site: each file and, where it helps, its brotli and gzip siblings. Prints what a browser fetches.

use super::{Profile, Site};
use crate::tree;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below this a sibling saves less than the headers cost.
const WORTH_PRESSING_BYTES: usize = 256;
const BROTLI_WINDOW: u32 = 22;

/// The sizes of one file in bytes.
#[derive(Clone, Debug)]
struct Sizes {
    name: String,
    raw: usize,
    brotli: usize,
}

#[derive(Debug)]
pub struct Pressed {
    files: Vec<Sizes>,
}

impl Pressed {
    pub fn print(&self) {
        println!("{:>10} {:>10}  file", "bytes", "brotli");
        for file in &self.files {
            println!("{:>10} {:>10}  {}", file.raw, file.brotli, file.name);
        }
        let total = |size: fn(&Sizes) -> usize| self.files.iter().map(size).sum::<usize>();
        println!("{:>10} {:>10}  in all", total(|file| file.raw), total(|file| file.brotli));
    }
}

/// Makes `dist` hold exactly this site.
pub fn write(site: &Site, dist: &Path, profile: Profile) -> anyhow::Result<Pressed> {
    let names: Vec<&String> = site.files().keys().collect();
    let next = AtomicUsize::new(0);
    let sizes = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let work = || -> anyhow::Result<()> {
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let pressed = write_one(dist, name, &site.files()[*name], profile)?;
                sizes.lock().expect("no thread panics with it").push(pressed);
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("pressing does not panic"))
    })?;
    remove_others(dist, site)?;
    let mut files = sizes.into_inner().expect("no thread panics with it");
    files.sort_by_key(|file| std::cmp::Reverse(file.brotli));
    Ok(Pressed { files })
}

/// Writes a file, with its directory, unless it already holds these bytes.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let directory = path.parent().context("a file has a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn write_one(dist: &Path, name: &str, bytes: &[u8], profile: Profile) -> anyhow::Result<Sizes> {
    let path = dist.join(name);
    write_file(&path, bytes)?;
    let mut brotli = bytes.len();
    for (extension, press) in [("br", brotli_11 as fn(&[u8]) -> Vec<u8>), ("gz", gzip_9)] {
        let sibling = dist.join(format!("{name}.{extension}"));
        let pressed = match profile {
            Profile::Web if bytes.len() >= WORTH_PRESSING_BYTES && !name.ends_with(".png") => {
                remembered(bytes, extension, press)?
            }
            _ => Vec::new(),
        };
        if pressed.is_empty() || pressed.len() >= bytes.len() {
            let _ = fs::remove_file(&sibling);
            continue;
        }
        write_file(&sibling, &pressed)?;
        if extension == "br" {
            brotli = pressed.len();
        }
    }
    Ok(Sizes { name: name.to_string(), raw: bytes.len(), brotli })
}

/// Brotli at its best takes a second a megabyte or more: results are kept by content.
fn remembered(bytes: &[u8], extension: &str, press: fn(&[u8]) -> Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let hash: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let kept = tree::scratch().join("pressed").join(format!("{hash}.{extension}"));
    if let Ok(pressed) = fs::read(&kept) {
        return Ok(pressed);
    }
    let pressed = press(bytes);
    write_file(&kept, &pressed)?;
    Ok(pressed)
}

fn brotli_11(bytes: &[u8]) -> Vec<u8> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, BROTLI_WINDOW);
    writer.write_all(bytes).expect("a Vec takes everything");
    writer.into_inner()
}

fn gzip_9(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("a Vec takes everything")
}

/// Files of an earlier build would be served, but are no part of this one.
fn remove_others(dist: &Path, site: &Site) -> anyhow::Result<()> {
    let mut keep = BTreeSet::new();
    for name in site.files().keys() {
        keep.extend(["", ".br", ".gz"].map(|end| dist.join(format!("{name}{end}"))));
    }
    let mut directories = vec![dist.to_path_buf()];
    let mut seen: Vec<PathBuf> = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
                seen.push(entry.path());
            } else if !keep.contains(&entry.path()) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    // Deepest last in `seen`; a directory that still holds something stays.
    seen.iter().rev().for_each(|directory| drop(fs::remove_dir(directory)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dist_holds_exactly_the_site() {
        let dist = tree::scratch().join(format!("test-dist-{}", std::process::id()));
        let mut site = Site::default();
        site.stable("a/old.txt", vec![b'x'; 1000]);
        write(&site, &dist, Profile::Web).unwrap();
        assert!(dist.join("a/old.txt.br").exists() && dist.join("a/old.txt.gz").exists());
        let mut site = Site::default();
        site.stable("new.txt", b"short".to_vec());
        write(&site, &dist, Profile::Web).unwrap();
        assert!(!dist.join("a").exists() && !dist.join("new.txt.br").exists());
        assert_eq!(fs::read(dist.join("new.txt")).unwrap(), b"short");
        fs::remove_dir_all(&dist).unwrap();
    }
}
