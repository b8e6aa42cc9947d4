//! The canonical writer. The form is fixed, field by field, in [`super`].

use super::{BLOCK, Entry, Kind, canonical_order};
use crate::sim::sort_by;

/// Longest value an octal field of twelve bytes holds (eleven digits).
const OCTAL_12: u64 = (1 << 33) - 1;
/// Longest value an octal field of eight bytes holds (seven digits).
const OCTAL_8: u64 = (1 << 21) - 1;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// The canonical archive of `entries`, whatever their order.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut sorted: Vec<(String, &Entry)> = entries.iter().map(|entry| (entry.stored_path(), entry)).collect();
    sort_by(&mut sorted, |(a, _), (b, _)| canonical_order(a, b));
    let content: usize = entries.iter().map(|entry| BLOCK + entry.data.len().next_multiple_of(BLOCK)).sum();
    let mut out = Vec::with_capacity(content + 2 * BLOCK);
    for (path, entry) in sorted {
        write_entry(&mut out, path, entry);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

fn write_entry(out: &mut Vec<u8>, mut path: String, entry: &Entry) {
    if entry.kind == Kind::Dir {
        path.push('/');
    }
    let link = match &entry.kind {
        Kind::Symlink { target } | Kind::Hardlink { target } => target.as_str(),
        _ => "",
    };
    let size = entry.size_bytes();
    let split = split(path.as_bytes());

    let mut records = Vec::new();
    if split.is_none() {
        push_record(&mut records, "path", &path);
    }
    if link.len() > NAME {
        push_record(&mut records, "linkpath", link);
    }
    if size > OCTAL_12 {
        push_record(&mut records, "size", &size.to_string());
    }
    if !records.is_empty() {
        write_extension(out, &records);
    }

    let (prefix, name) = split.unwrap_or((b"", &path.as_bytes()[..NAME.min(path.len())]));
    let mut header = Header::new();
    header.bytes(0, name);
    header.number(100, 8, u64::from(entry.mode & 0o7777));
    header.number(108, 8, u64::from(entry.uid));
    header.number(116, 8, u64::from(entry.gid));
    header.number(124, 12, if size > OCTAL_12 { 0 } else { size });
    header.number(136, 12, u64::try_from(entry.mtime_s).unwrap_or(0));
    header.bytes(156, &[type_flag(&entry.kind)]);
    header.bytes(157, &link.as_bytes()[..NAME.min(link.len())]);
    let (major, minor) = match entry.kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => (major, minor),
        _ => (0, 0),
    };
    header.number(329, 8, u64::from(major));
    header.number(337, 8, u64::from(minor));
    header.bytes(345, prefix);
    out.extend_from_slice(&header.sealed());
    write_content(out, &entry.data);
}

fn type_flag(kind: &Kind) -> u8 {
    match kind {
        Kind::File | Kind::Whiteout | Kind::Opaque => b'0',
        Kind::Hardlink { .. } => b'1',
        Kind::Symlink { .. } => b'2',
        Kind::CharDevice { .. } => b'3',
        Kind::BlockDevice { .. } => b'4',
        Kind::Dir => b'5',
        Kind::Fifo => b'6',
    }
}

/// The prefix and name fields of a path, or `None` if ustar cannot hold it.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME {
        return Some((b"", path));
    }
    // A directory's own trailing slash does not separate anything.
    let searched = &path[..path.len() - 1];
    let at = searched.iter().take(PREFIX + 1).rposition(|&byte| byte == b'/')?;
    let name = &path[at + 1..];
    (at > 0 && name.len() <= NAME).then_some((&path[..at], name))
}

/// One record of a PAX header: `LENGTH KEY=VALUE\n`, where the length counts itself (pax(1), "pax Header File Format").
fn push_record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// What `Builder::append_pax_extensions` writes: a header with nothing set but size, type, time and checksum.
fn write_extension(out: &mut Vec<u8>, records: &[u8]) {
    let mut header = Header::new();
    header.number(124, 12, records.len() as u64);
    header.number(136, 12, 0);
    header.bytes(156, b"x");
    out.extend_from_slice(&header.sealed());
    write_content(out, records);
}

fn write_content(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

struct Header([u8; BLOCK]);

impl Header {
    fn new() -> Header {
        let mut header = Header([0; BLOCK]);
        header.bytes(257, b"ustar\x0000");
        header
    }

    fn bytes(&mut self, at: usize, value: &[u8]) {
        self.0[at..at + value.len()].copy_from_slice(value);
    }

    /// Octal, zero padded, NUL terminated; base-256 when the digits do not suffice.
    fn number(&mut self, at: usize, width: usize, value: u64) {
        let limit = if width == 8 { OCTAL_8 } else { OCTAL_12 };
        if value <= limit {
            let digits = format!("{value:0digits$o}", digits = width - 1);
            self.bytes(at, digits.as_bytes());
        } else {
            self.bytes(at + width - 8, &value.to_be_bytes());
            self.0[at] |= 0x80;
        }
    }

    fn sealed(mut self) -> [u8; BLOCK] {
        self.bytes(148, b"        ");
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        self.bytes(148, format!("{sum:07o}\0").as_bytes());
        self.0
    }
}
