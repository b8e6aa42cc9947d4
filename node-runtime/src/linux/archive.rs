//! An upperdir as an OCI layer: read back from disk and written by the `tar` crate, in the canonical form that
//! `engine::image::tar` fixes. The two writers share no code, so equal bytes say something.

use super::OrFault;
use super::unpack::{OPAQUE, OPAQUE_XATTR, WHITEOUT};
use engine::call::SCENARIO_EPOCH_S;
use engine::node::Fault;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use tar::{Builder, EntryType, Header};
use toolbox::guest::normal;
use toolbox::os;

/// Longest name and link name of a ustar header, and the largest size: what is over goes into a PAX header.
const NAME_BYTES: usize = 100;
const SIZE_LIMIT: u64 = (1 << 33) - 1;

struct Layer {
    out: Builder<Vec<u8>>,
    run_start_s: i64,
    /// The first name of each inode that has several.
    first_names: BTreeMap<u64, String>,
}

/// The layer that an upperdir holds.
pub fn upperdir(upper: &Path, run_start_s: i64) -> Result<Vec<u8>, Fault> {
    let mut layer = Layer { out: Builder::new(Vec::new()), run_start_s, first_names: BTreeMap::new() };
    layer.directory(upper, "").and_then(|()| layer.out.into_inner()).or_fault(|| "archive an upperdir".into())
}

/// A file in an upperdir that stands for the absence of one (overlayfs.rst, "whiteouts and opaque directories").
pub fn is_whiteout(metadata: &fs::Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

pub fn is_opaque(dir: &Path) -> bool {
    let Ok(path) = os::c(dir.as_os_str().as_bytes()) else { return false };
    let mut value = [0_u8; 1];
    // SAFETY: NUL-terminated strings, and a buffer with its size.
    let length =
        unsafe { libc::lgetxattr(path.as_ptr(), OPAQUE_XATTR.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    length == 1 && value == *b"y"
}

impl Layer {
    fn directory(&mut self, dir: &Path, path: &str) -> io::Result<()> {
        if is_opaque(dir) {
            self.mark(&format!("{path}{OPAQUE}"))?;
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata()?;
            let gone = is_whiteout(&metadata);
            names.push((if gone { format!("{WHITEOUT}{name}") } else { name }, entry.path(), metadata));
        }
        names.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        for (name, file, metadata) in names {
            let path = format!("{path}{name}");
            if is_whiteout(&metadata) {
                self.mark(&path)?;
            } else if metadata.is_dir() {
                let path = format!("{path}/");
                self.entry(&path, &metadata, EntryType::Directory, "", &[])?;
                self.directory(&file, &path)?;
            } else {
                self.file(&path, &file, &metadata)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, file: &Path, metadata: &fs::Metadata) -> io::Result<()> {
        if metadata.nlink() > 1 {
            if let Some(first) = self.first_names.get(&metadata.ino()).cloned() {
                return self.entry(path, metadata, EntryType::Link, &first, &[]);
            }
            self.first_names.insert(metadata.ino(), path.to_owned());
        }
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(file)?.to_string_lossy().into_owned();
            self.entry(path, metadata, EntryType::Symlink, &target, &[])
        } else if kind.is_fifo() {
            self.entry(path, metadata, EntryType::Fifo, "", &[])
        } else if kind.is_char_device() {
            self.entry(path, metadata, EntryType::Char, "", &[])
        } else if kind.is_block_device() {
            self.entry(path, metadata, EntryType::Block, "", &[])
        } else if kind.is_socket() {
            Ok(())
        } else {
            self.entry(path, metadata, EntryType::Regular, "", &fs::read(file)?)
        }
    }

    /// A whiteout or an opaque mark: an empty file without permissions (OCI image-spec, layer.md).
    fn mark(&mut self, path: &str) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(SCENARIO_EPOCH_S as u64);
        header.set_entry_type(EntryType::Regular);
        header.set_device_major(0)?;
        header.set_device_minor(0)?;
        self.append(header, path, "", &[])
    }

    fn entry(
        &mut self,
        path: &str,
        metadata: &fs::Metadata,
        kind: EntryType,
        link: &str,
        data: &[u8],
    ) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(metadata.uid().into());
        header.set_gid(metadata.gid().into());
        header.set_mtime(u64::try_from(normal::mtime(metadata.mtime(), self.run_start_s)).unwrap_or(0));
        header.set_entry_type(kind);
        let device = matches!(kind, EntryType::Char | EntryType::Block);
        let (major, minor) = if device { (libc::major(metadata.rdev()), libc::minor(metadata.rdev())) } else { (0, 0) };
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
        self.append(header, path, link, data)
    }

    fn append(&mut self, mut header: Header, path: &str, link: &str, data: &[u8]) -> io::Result<()> {
        let size = (data.len() as u64).to_string();
        let mut records: Vec<(&str, &[u8])> = Vec::new();
        if header.set_path(path).is_err() {
            let name = &path.as_bytes()[..NAME_BYTES.min(path.len())];
            if let Some(ustar) = header.as_ustar_mut() {
                ustar.name[..name.len()].copy_from_slice(name);
            }
            records.push(("path", path.as_bytes()));
        }
        if link.len() > NAME_BYTES {
            records.push(("linkpath", link.as_bytes()));
        }
        header.set_link_name_literal(&link.as_bytes()[..NAME_BYTES.min(link.len())])?;
        header.set_size(data.len() as u64);
        if data.len() as u64 > SIZE_LIMIT {
            records.push(("size", size.as_bytes()));
            header.set_size(0);
        }
        if !records.is_empty() {
            self.out.append_pax_extensions(records)?;
        }
        header.set_cksum();
        self.out.append(&header, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::image::tar::{Entry, write};
    use std::os::unix::fs::PermissionsExt;

    /// A directory of this test's own, gone at its end.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let dir = std::env::temp_dir().join(format!("drydock-{name}-{}", std::process::id()));
            fs::create_dir(&dir).expect("a scratch directory");
            Scratch(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn both_writers_give_the_same_bytes() {
        if std::fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(1) != 0 {
            println!("SKIPPED: making whiteouts needs root");
            return;
        }
        let scratch = Scratch::new("archive");
        let long = format!("{}/{}", "d".repeat(160), "f".repeat(120));
        let entries = [
            Entry::dir("etc", 0o755),
            Entry::file("etc/hosts", 0o644, b"127.0.0.1 localhost\n".to_vec()),
            Entry::whiteout("etc/passwd"),
            Entry::symlink("etc/localtime", "/usr/share/zoneinfo/UTC"),
            Entry::dir("opt", 0o700),
            Entry::opaque("opt"),
            Entry::file("opt/a", 0o4755, vec![7; 1000]),
            Entry::hardlink("opt/b", "opt/a", 0o4755),
            Entry::dir(&long[..160], 0o755),
            Entry::file(long.clone(), 0o600, Vec::new()),
        ];
        let canonical = write(&entries);
        super::super::unpack::layer(&canonical, &scratch.0).expect("unpacked");
        let mode = fs::metadata(scratch.0.join("opt/b")).expect("the link").permissions().mode();
        assert_eq!(mode & 0o7777, 0o4755);
        let archived = upperdir(&scratch.0, i64::MAX).expect("archived");
        assert!(archived == canonical, "{} and {} bytes", archived.len(), canonical.len());
    }
}
