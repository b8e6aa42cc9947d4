//! Archives: the one canonical form in which layers and build contexts are written, and a strict reader for any tar.
//!
//! **The canonical form.** Two writers must give the same bytes: [`write`] here, for what the simulated kernel commits,
//! and the `tar` crate in `node-runtime`, for what it reads from a real upperdir. So each byte is fixed:
//!
//! - Entries are in depth-first order, siblings in byte order of the *stored* name (`.wh.x` sorts at `.`, not at `x`),
//!   a directory before what is in it, `.wh..wh..opq` before all siblings. No entry for the root.
//! - A header is POSIX ustar: `Header::new_ustar()` (magic `ustar\0`, version `00`), then `set_path`, `set_mode`,
//!   `set_uid`, `set_gid`, `set_size`, `set_mtime`, `set_entry_type`, `set_device_major(0)`, `set_device_minor(0)`, for
//!   links `set_link_name_literal`, and `set_cksum` last. Numbers are octal digits padded with zeros to the field's width
//!   less one, then NUL (the checksum too: seven digits and NUL); uids and gids from 2 097 152 on are base-256 as
//!   `set_uid` writes them. `uname`, `gname` are empty.
//! - `path` has no leading `/` or `./`; a directory's ends in `/`. Over 100 bytes it is split at the last `/` that leaves
//!   a prefix of at most 155 bytes, as `set_path` does.
//! - `mode` is the permission bits alone (`& 0o7777`), 0o777 for a symbolic link. `mtime` before 1970 is 0.
//! - Type flags: `0` file, `5` directory, `2` symbolic link, `1` the second and later names of one inode *in this
//!   archive* (link name = the first name in archive order, size 0), `3` `4` `6` devices (with their numbers) and fifos.
//!   Sockets are left out. No old-style `\0`.
//! - A whiteout is an empty file `.wh.NAME`, an opaque directory has an empty file `.wh..wh..opq` (OCI image-spec,
//!   layer.md, "Whiteouts"): mode 0, uid and gid 0, mtime [`SCENARIO_EPOCH_S`].
//! - What does not fit (a path that cannot be split, a link name over 100 bytes, a size over 8 GiB - 1) is preceded by
//!   one PAX header as `Builder::append_pax_extensions` writes it (records in the order path, linkpath, size; its own
//!   name empty); the main header then holds the first 100 bytes of the name, and 0 for the size.
//! - Content is padded with NULs to 512 bytes. Two zero blocks end the archive; nothing follows. An empty layer is 1024
//!   zero bytes.
//!
//! Compression is refused: a layer is the uncompressed archive, so that its digest is its diff_id.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{TarError, read, read_layer};
pub use write::write;

use crate::call::{FileKind, SCENARIO_EPOCH_S};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Entries in one archive.
pub const ENTRIES: usize = 100_000;
/// Bytes of one path, as PATH_MAX.
pub const PATH_BYTES: usize = 4096;
/// Bytes of one extended header.
pub const EXTENDED_BYTES: usize = 64 * 1024;

const BLOCK: usize = 512;
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// One file, directory, link or whiteout in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `usr/bin/env`: no leading or trailing slash, no `.` or `..`. For [`Kind::Whiteout`] what is hidden, for
    /// [`Kind::Opaque`] the directory.
    pub path: String,
    pub kind: Kind,
    /// Permission bits, 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime_s: i64,
    /// Content of a [`Kind::File`], else empty.
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    File,
    Dir,
    Symlink {
        target: String,
    },
    /// Another name of the file at `target`, a path like [`Entry::path`] that stands earlier in the archive.
    Hardlink {
        target: String,
    },
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
    /// The layer hides this path of the layers below. Only in layers.
    Whiteout,
    /// The layer hides all that layers below have in this directory. Only in layers.
    Opaque,
}

impl Entry {
    pub fn file(path: impl Into<String>, mode: u32, data: impl Into<Data>) -> Entry {
        Entry { data: data.into(), ..Entry::of(path, Kind::File, mode) }
    }

    pub fn dir(path: impl Into<String>, mode: u32) -> Entry {
        Entry::of(path, Kind::Dir, mode)
    }

    pub fn symlink(path: impl Into<String>, target: impl Into<String>) -> Entry {
        Entry::of(path, Kind::Symlink { target: target.into() }, 0o777)
    }

    pub fn hardlink(path: impl Into<String>, target: impl Into<String>, mode: u32) -> Entry {
        Entry::of(path, Kind::Hardlink { target: target.into() }, mode)
    }

    pub fn whiteout(path: impl Into<String>) -> Entry {
        Entry::of(path, Kind::Whiteout, 0)
    }

    pub fn opaque(dir: impl Into<String>) -> Entry {
        Entry::of(dir, Kind::Opaque, 0)
    }

    /// Owned by root, written at [`SCENARIO_EPOCH_S`].
    fn of(path: impl Into<String>, kind: Kind, mode: u32) -> Entry {
        Entry { path: path.into(), kind, mode, uid: 0, gid: 0, mtime_s: SCENARIO_EPOCH_S, data: Data::default() }
    }

    pub fn size_bytes(&self) -> u64 {
        self.data.len() as u64
    }

    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// What `lstat(2)` would call it once it is unpacked; `None` for a whiteout or an opaque mark.
    pub fn file_kind(&self) -> Option<FileKind> {
        match self.kind {
            Kind::File | Kind::Hardlink { .. } => Some(FileKind::File),
            Kind::Dir => Some(FileKind::Dir),
            Kind::Symlink { .. } => Some(FileKind::Symlink),
            Kind::CharDevice { .. } => Some(FileKind::CharDevice),
            Kind::BlockDevice { .. } => Some(FileKind::BlockDevice),
            Kind::Fifo => Some(FileKind::Fifo),
            Kind::Whiteout | Kind::Opaque => None,
        }
    }

    /// The name as the archive stores it, without a directory's trailing slash.
    pub fn stored_path(&self) -> String {
        match self.kind {
            Kind::Whiteout => match self.path.rsplit_once('/') {
                Some((dir, name)) => format!("{dir}/{WHITEOUT}{name}"),
                None => format!("{WHITEOUT}{}", self.path),
            },
            Kind::Opaque if self.path.is_empty() => OPAQUE.to_owned(),
            Kind::Opaque => format!("{}/{OPAQUE}", self.path),
            _ => self.path.clone(),
        }
    }
}

/// The order of stored paths in a canonical archive: depth first, siblings in byte order, the opaque mark first.
pub fn canonical_order(a: &str, b: &str) -> Ordering {
    let rank = |path: &str| path.split('/').map(|name| (name != OPAQUE, name.to_owned())).collect::<Vec<_>>();
    rank(a).cmp(&rank(b))
}

/// Bytes that share their archive's allocation: a range of an `Arc<[u8]>`.
#[derive(Clone)]
pub struct Data {
    bytes: Arc<[u8]>,
    start: usize,
    len: usize,
}

impl Data {
    /// `len` bytes of `bytes` from `start`; as many as there are.
    pub fn slice(bytes: &Arc<[u8]>, start: usize, len: usize) -> Data {
        let start = start.min(bytes.len());
        Data { bytes: bytes.clone(), start, len: len.min(bytes.len() - start) }
    }
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

impl Default for Data {
    fn default() -> Data {
        Data { bytes: Arc::new([]), start: 0, len: 0 }
    }
}

impl From<Arc<[u8]>> for Data {
    fn from(bytes: Arc<[u8]>) -> Data {
        Data { start: 0, len: bytes.len(), bytes }
    }
}
impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Data {
        Data::from(Arc::<[u8]>::from(bytes))
    }
}
impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Data {
        Data::from(bytes.to_vec())
    }
}
impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::from(text.as_bytes())
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        **self == **other
    }
}
impl Eq for Data {}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl Serialize for Data {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(Data::from)
    }
}
