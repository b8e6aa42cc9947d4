//! How many bytes BuildKit's client sends: `transferring context: 51B`. It tells of every file (fsutil's `Packet` and
//! `Stat`, as protocol buffers), and sends those the daemon has not got since the last time.

use crate::image::build::Builder;
use crate::image::glob::Glob;
use crate::image::tar::{Entry, Kind};

/// The files of the last context.
pub(in crate::docker) type Synced = Vec<Entry>;

/// What BuildKit keeps of what the client sent: the Dockerfile, `.dockerignore` and the context, in bytes. Each is a
/// record of its cache.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::docker) struct Received {
    now: [Option<u64>; 3],
    /// As it was when it was first asked about: that is not asked again (recorded: `goldens/docker/df.golden`).
    measured: [Option<u64>; 3],
}

impl Received {
    pub(super) fn dockerfile(&mut self, text: &str) {
        self.now[0] = Some(text.len() as u64);
    }

    pub(super) fn ignore(&mut self, file: Option<&Entry>) {
        self.now[1] = Some(file.map_or(0, |file| file.data.len() as u64));
    }

    pub(super) fn context(&mut self, files: &Synced) {
        self.now[2] = Some(files.iter().map(|file| file.data.len() as u64).sum());
    }

    /// How many there are, and their bytes.
    pub(in crate::docker) fn measure(&mut self) -> (usize, u64) {
        for (measured, now) in self.measured.iter_mut().zip(self.now) {
            *measured = measured.or(now);
        }
        (self.now.iter().flatten().count(), self.measured.iter().flatten().sum())
    }
}

/// A file by itself.
pub(super) fn one(name: &str, content: &[u8]) -> usize {
    bytes(&[Entry::file(name, 0o644, content)], &[])
}

/// The files that COPY and ADD name, with the directories they are in.
pub(super) fn context(builder: &Builder, sources: &[String], synced: &mut Synced) -> usize {
    let globs: Vec<Option<Glob>> = sources.iter().map(|source| Glob::path(source).ok()).collect();
    let named = |path: &str| {
        let above = |path: &str, source: &str| {
            source.is_empty() || path.strip_prefix(source).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        sources.iter().zip(&globs).any(|(source, glob)| {
            above(path, source)
                || source.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
                || glob.as_ref().is_some_and(|glob| Glob::has_wildcards(source) && glob.matches(path))
        })
    };
    let entries: Synced = builder.context().below("").filter(|entry| named(&entry.path)).cloned().collect();
    let bytes = bytes(&entries, synced);
    *synced = entries;
    bytes
}

fn bytes(entries: &[Entry], synced: &[Entry]) -> usize {
    /// The packet that ends it.
    const FIN: usize = 2;
    const MODIFIED: usize = 10;
    let field = |length: usize| 1 + varint(length) + length;
    let of = |(id, entry): (usize, &Entry)| {
        let size = entry.data.len();
        let (mode, link) = match &entry.kind {
            Kind::Dir => (5, 0),
            Kind::Symlink { target } => (5, field(target.len())),
            _ => (varint(entry.mode as usize), 0),
        };
        let length = if size == 0 { 0 } else { 1 + varint(size) };
        let stat = field(field(entry.path.len()) + 1 + mode + length + link + MODIFIED);
        if entry.kind != Kind::File || synced.contains(entry) {
            return stat;
        }
        let head = 2 + if id == 0 { 0 } else { 1 + varint(id) };
        let pieces: usize = entry.data.chunks(32 << 10).map(|piece| head + field(piece.len())).sum();
        stat + pieces + head
    };
    entries.iter().enumerate().map(of).sum::<usize>() + FIN
}

fn varint(number: usize) -> usize {
    number.max(1).ilog2() as usize / 7 + 1
}
