//! The reader: ustar, old tar, GNU long names, PAX records; strict and bounded, for input that may be hostile.
//!
//! It refuses sparse files, multi-volume archives and paths that climb out (`..`). It trusts no length.

use super::{BLOCK, Data, ENTRIES, EXTENDED_BYTES, Entry, Kind, OPAQUE, PATH_BYTES, WHITEOUT};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// As Go's archive/tar and GNU tar say it of a stream that stops early.
    #[error("unexpected EOF")]
    Truncated,
    /// As Go's archive/tar says it of what is not a header.
    #[error("archive/tar: invalid tar header")]
    Header,
    #[error("archive/tar: type `{0}` is not supported")]
    Type(char),
    #[error("`{0}` leads outside of the archive's root")]
    Escapes(String),
    #[error("a name in the archive is not UTF-8")]
    NotUtf8,
    #[error("a name in the archive is longer than {PATH_BYTES} bytes")]
    LongName,
    #[error("the archive has more than {ENTRIES} entries")]
    Entries,
    #[error("`{0}` is not a whiteout of a layer")]
    Whiteout(String),
}

/// All entries of an archive, in its order. An entry for the root itself is left out. Contents share `archive`.
pub fn read(archive: &Arc<[u8]>) -> Result<Vec<Entry>, TarError> {
    let mut reader = Reader { archive, at: 0 };
    let mut entries = Vec::new();
    let mut pending = Extended::default();
    while let Some(header) = reader.header()? {
        if header.is_extension() {
            let content = reader.content(header.number(124, 12)?)?;
            if content.len() > EXTENDED_BYTES {
                return Err(TarError::LongName);
            }
            pending.take_in(header.type_flag(), &content)?;
            continue;
        }
        if entries.len() == ENTRIES {
            return Err(TarError::Entries);
        }
        entries.extend(entry(&mut reader, &header, std::mem::take(&mut pending))?);
    }
    Ok(entries)
}

/// The entries of a layer: `.wh.` files become [`Kind::Whiteout`] and [`Kind::Opaque`] (OCI image-spec, layer.md).
pub fn read_layer(archive: &Arc<[u8]>) -> Result<Vec<Entry>, TarError> {
    read(archive)?.into_iter().map(as_layer).collect()
}

fn as_layer(mut entry: Entry) -> Result<Entry, TarError> {
    let (dir, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
    let Some(hidden) = name.strip_prefix(WHITEOUT) else {
        return Ok(entry);
    };
    if entry.kind != Kind::File || hidden.is_empty() || hidden == "." || hidden == ".." {
        return Err(TarError::Whiteout(entry.path));
    }
    if name == OPAQUE {
        entry.path = dir.to_owned();
        entry.kind = Kind::Opaque;
    } else if hidden.starts_with(WHITEOUT) {
        return Err(TarError::Whiteout(entry.path));
    } else {
        entry.path = if dir.is_empty() { hidden.to_owned() } else { format!("{dir}/{hidden}") };
        entry.kind = Kind::Whiteout;
    }
    entry.data = Data::default();
    Ok(entry)
}

fn entry(reader: &mut Reader<'_>, header: &Header<'_>, extended: Extended) -> Result<Option<Entry>, TarError> {
    let stored = match extended.path {
        Some(path) => path,
        None => header.path()?,
    };
    let link = || match &extended.link {
        Some(link) => Ok(link.clone()),
        None => text(header.field(157, 100)),
    };
    let flag = header.type_flag();
    let kind = match flag {
        // Before POSIX a directory was a file whose name ends in a slash.
        b'\0' if stored.ends_with('/') => Kind::Dir,
        b'0' | b'\0' | b'7' => Kind::File,
        b'1' => Kind::Hardlink { target: clean(&link()?)? },
        b'2' => Kind::Symlink { target: link()? },
        b'3' => Kind::CharDevice { major: header.id(329)?, minor: header.id(337)? },
        b'4' => Kind::BlockDevice { major: header.id(329)?, minor: header.id(337)? },
        b'5' => Kind::Dir,
        b'6' => Kind::Fifo,
        other => return Err(TarError::Type(char::from(other))),
    };
    // Types without content keep whatever size their header states without any block following (pax(1), "size").
    let size = match (&kind, extended.size) {
        (Kind::File, Some(size)) => size,
        (Kind::File, None) => header.number(124, 12)?,
        _ => 0,
    };
    let data = reader.content(size)?;
    let path = clean(&stored)?;
    if path.is_empty() {
        return Ok(None);
    }
    if matches!(&kind, Kind::Symlink { target } | Kind::Hardlink { target } if target.is_empty()) {
        return Err(TarError::Header);
    }
    Ok(Some(Entry {
        path,
        kind,
        mode: (header.number(100, 8)? & 0o7777) as u32,
        uid: extended.uid.map_or_else(|| header.id(108), Ok)?,
        gid: extended.gid.map_or_else(|| header.id(116), Ok)?,
        mtime_s: match extended.mtime_s {
            Some(mtime_s) => mtime_s,
            None => i64::try_from(header.number(136, 12)?).map_err(|_| TarError::Header)?,
        },
        data,
    }))
}

/// A stored path without leading slashes, `.` and doubled or trailing slashes. A `..` is refused: no honest archive needs
/// one, and Docker refuses those that lead out ("breakout").
fn clean(stored: &str) -> Result<String, TarError> {
    if stored.len() > PATH_BYTES {
        return Err(TarError::LongName);
    }
    let mut names = Vec::new();
    for name in stored.split('/') {
        match name {
            "" | "." => {}
            ".." => return Err(TarError::Escapes(stored.to_owned())),
            name if name.len() > 255 || name.contains('\0') => return Err(TarError::LongName),
            name => names.push(name),
        }
    }
    Ok(names.join("/"))
}

fn text(bytes: &[u8]) -> Result<String, TarError> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| TarError::NotUtf8)?;
    Ok(text.to_owned())
}

/// What extension headers said about the next entry.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime_s: Option<i64>,
}

impl Extended {
    fn take_in(&mut self, flag: u8, content: &[u8]) -> Result<(), TarError> {
        match flag {
            b'L' => self.path = Some(text(content)?),
            b'K' => self.link = Some(text(content)?),
            b'x' => self.records(content)?,
            // A global header only sets defaults; Docker passes over it as well.
            _ => {}
        }
        Ok(())
    }

    /// `LENGTH KEY=VALUE\n` until the content is used up.
    fn records(&mut self, mut content: &[u8]) -> Result<(), TarError> {
        while !content.is_empty() {
            let space = content.iter().take(20).position(|&byte| byte == b' ').ok_or(TarError::Header)?;
            let length: usize = parse(&content[..space])?;
            if length <= space + 1 || length > content.len() || content[length - 1] != b'\n' {
                return Err(TarError::Header);
            }
            let record = std::str::from_utf8(&content[space + 1..length - 1]).map_err(|_| TarError::NotUtf8)?;
            let (key, value) = record.split_once('=').ok_or(TarError::Header)?;
            self.record(key, value)?;
            content = &content[length..];
        }
        Ok(())
    }

    fn record(&mut self, key: &str, value: &str) -> Result<(), TarError> {
        match key {
            "path" | "linkpath" if value.contains('\0') => return Err(TarError::Header),
            "path" => self.path = Some(value.to_owned()),
            "linkpath" => self.link = Some(value.to_owned()),
            "size" => self.size = Some(parse(value.as_bytes())?),
            "uid" => self.uid = Some(parse(value.as_bytes())?),
            "gid" => self.gid = Some(parse(value.as_bytes())?),
            "mtime" => self.mtime_s = Some(whole_seconds(value)?),
            sparse if sparse.starts_with("GNU.sparse.") => return Err(TarError::Type('S')),
            _ => {}
        }
        Ok(())
    }
}

fn parse<T: std::str::FromStr>(digits: &[u8]) -> Result<T, TarError> {
    let digits = std::str::from_utf8(digits).map_err(|_| TarError::Header)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TarError::Header);
    }
    digits.parse().map_err(|_| TarError::Header)
}

/// The whole seconds of `-1.25`, rounded down.
fn whole_seconds(value: &str) -> Result<i64, TarError> {
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() > 18 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TarError::Header);
    }
    let whole: i64 = parse(whole.as_bytes())?;
    let part = i64::from(fraction.bytes().any(|byte| byte != b'0'));
    Ok(if negative { -whole - part } else { whole })
}

struct Reader<'a> {
    archive: &'a Arc<[u8]>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next header, or `None` at the end of the archive. A zero block ends it, as for GNU tar.
    fn header(&mut self) -> Result<Option<Header<'a>>, TarError> {
        let block = self.archive.get(self.at..self.at + BLOCK).ok_or(TarError::Truncated)?;
        self.at += BLOCK;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let header = Header(block);
        header.verify()?;
        Ok(Some(header))
    }

    fn content(&mut self, size: u64) -> Result<Data, TarError> {
        let size = usize::try_from(size).map_err(|_| TarError::Truncated)?;
        let left = self.archive.len() - self.at;
        if size > left {
            return Err(TarError::Truncated);
        }
        let data = if size == 0 { Data::default() } else { Data::slice(self.archive, self.at, size) };
        // INVARIANT(within-archive): `at` never passes the end, even if the last padding is missing.
        self.at += size.next_multiple_of(BLOCK).min(left);
        Ok(data)
    }
}

struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    fn field(&self, at: usize, width: usize) -> &'a [u8] {
        &self.0[at..at + width]
    }

    fn type_flag(&self) -> u8 {
        self.0[156]
    }

    fn is_extension(&self) -> bool {
        matches!(self.type_flag(), b'x' | b'g' | b'L' | b'K')
    }

    fn path(&self) -> Result<String, TarError> {
        let name = text(self.field(0, 100))?;
        // Only POSIX ustar has a prefix; GNU's magic is `ustar  ` and uses these bytes otherwise.
        if self.field(257, 6) != b"ustar\0" {
            return Ok(name);
        }
        let prefix = text(self.field(345, 155))?;
        Ok(if prefix.is_empty() { name } else { format!("{prefix}/{name}") })
    }

    /// The sum of all bytes with the checksum field as spaces; some old tars summed them as signed.
    fn verify(&self) -> Result<(), TarError> {
        let stated = i64::try_from(self.number(148, 8)?).map_err(|_| TarError::Header)?;
        let byte = |(i, &byte): (usize, &u8)| if (148..156).contains(&i) { b' ' } else { byte };
        let unsigned: i64 = self.0.iter().enumerate().map(|b| i64::from(byte(b))).sum();
        let signed: i64 = self.0.iter().enumerate().map(|b| i64::from(byte(b) as i8)).sum();
        if stated == unsigned || stated == signed { Ok(()) } else { Err(TarError::Header) }
    }

    fn id(&self, at: usize) -> Result<u32, TarError> {
        u32::try_from(self.number(at, 8)?).map_err(|_| TarError::Header)
    }

    /// Octal digits between spaces and NULs, or base-256 when the first bit is set. Empty is 0.
    fn number(&self, at: usize, width: usize) -> Result<u64, TarError> {
        let field = self.field(at, width);
        if field[0] & 0x80 != 0 {
            return base_256(field);
        }
        let digits = field.trim_ascii_start();
        let end = digits.iter().position(|&b| b == 0 || b == b' ').unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        if !rest.iter().all(|&b| b == 0 || b == b' ') {
            return Err(TarError::Header);
        }
        digits.iter().try_fold(0, |value: u64, &digit| match digit {
            b'0'..=b'7' => value.checked_mul(8).map(|v| v + u64::from(digit - b'0')).ok_or(TarError::Header),
            _ => Err(TarError::Header),
        })
    }
}

/// GNU's big-endian number; negative ones (first byte 0xff) are refused.
fn base_256(field: &[u8]) -> Result<u64, TarError> {
    if field[0] != 0x80 {
        return Err(TarError::Header);
    }
    let (high, low) = field[1..].split_at(field.len() - 1 - 8.min(field.len() - 1));
    if high.iter().any(|&byte| byte != 0) {
        return Err(TarError::Header);
    }
    Ok(low.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}
