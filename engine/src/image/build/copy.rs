//! COPY and ADD: which files, under which names, and what they are identified by (moby `dockerfile/copy.go`).
//!
//! The result is an archive and the directory it goes to; a kernel unpacks it. Owners are root's unless `--chown`, never
//! the source's; an archive that ADD unpacks keeps its own.

use super::{BuildError, sum};
use crate::image::dockerfile::Transfer;
use crate::image::glob::Glob;
use crate::image::tar::{self, Entry, canonical_order};
use crate::image::tree::Tree;
use crate::sim::{sort, sort_by};
use std::sync::Arc;

/// What a COPY or ADD does to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// `file:…`, `dir:…` or `multi:…`
    pub sum: String,
    /// The directory that the archive is unpacked into; it and its parents are made if need be.
    pub directory: String,
    pub tar: Arc<[u8]>,
    /// `--chown`, resolved: for directories that have to be made.
    pub owner: Option<(u32, u32)>,
}

/// A random number where it is real.
const MOUNT: u32 = 2_847_031_295;

/// Where sources are looked for.
pub(super) struct Source<'a> {
    pub tree: &'a Tree,
    /// An earlier stage or another image, rather than the context.
    pub in_image: bool,
    /// Whether it is BuildKit that looks: with its own words, and no path leads out of the context.
    pub buildkit: bool,
}

pub(super) struct Destination<'a> {
    /// What the image so far shows.
    pub tree: &'a Tree,
    pub working_dir: &'a str,
}

/// One source as it was found.
struct Found {
    /// As named or matched: its last name is what a file is called in a directory.
    path: String,
    /// Links followed.
    real: String,
    sum: String,
}

/// `transfer` is expanded.
pub(super) fn copy(
    name: &str,
    transfer: &Transfer,
    source: &Source<'_>,
    destination: &Destination<'_>,
) -> Result<Copied, BuildError> {
    let failed = |why: String| BuildError::Refused(if source.buildkit { why } else { format!("{name} failed: {why}") });
    let mut found = Vec::new();
    for path in &transfer.sources {
        if let Some(url) = path.strip_prefix("http://").or_else(|| path.strip_prefix("https://")) {
            return Err(no_network(name, path, url));
        }
        let matching = source.find(path);
        if source.buildkit && matching.as_ref().is_ok_and(Vec::is_empty) | matching.is_err() {
            return Err(source.missing(path));
        }
        found.extend(matching.map_err(failed)?);
    }
    if found.is_empty() {
        return Err(failed("no source files were specified".to_owned()));
    }
    let mut given = transfer.destination.clone();
    if source.buildkit && found.len() > 1 && !given.ends_with('/') {
        given.push('/');
    }
    if found.len() > 1 && !given.ends_with('/') {
        return Err(BuildError::Refused(format!(
            "When using {name} with more than one source file, the destination must be a directory and end with a /"
        )));
    }
    let owner = transfer.chown.as_deref().map(|chown| destination.owner(chown)).transpose()?;
    let sums: Vec<String> = found.iter().map(|found| found.sum.clone()).collect();
    let sum = if sums.len() == 1 { sums[0].clone() } else { sum::joined("multi", &sums) };
    let target = destination.absolute(&given);
    let unpacks = name == "ADD";
    let placed = place(&found, source, destination, &target, unpacks).map_err(failed)?;
    let mut entries = placed.entries;
    if !placed.keeps_owners {
        let (uid, gid) = owner.unwrap_or((0, 0));
        entries.iter_mut().for_each(|entry| (entry.uid, entry.gid) = (uid, gid));
    }
    if let Some(text) = &transfer.chmod {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
            let rule = "it should be octal string and between 0 and 07777";
            BuildError::Refused(format!("invalid chmod parameter: '{text}'. {rule}"))
        })?;
        entries.iter_mut().for_each(|entry| entry.mode = mode);
    }
    Ok(Copied { sum, directory: placed.directory, tar: tar::write(&entries).into(), owner })
}

fn no_network(name: &str, whole: &str, url: &str) -> BuildError {
    if name == "COPY" {
        return BuildError::Refused("source can't be a URL for COPY".to_owned());
    }
    let host = url.split(['/', ':']).next().unwrap_or(url);
    BuildError::Refused(format!("ADD failed: Get \"{whole}\": dial tcp: lookup {host}: no such host"))
}

impl Source<'_> {
    /// BuildKit's words for what is not there; in a stage's files it looks with a call of its own.
    fn missing(&self, path: &str) -> BuildError {
        let path = super::step::clean(path);
        match self.in_image {
            true => BuildError::Refused(format!(
                "lstat /var/lib/docker/tmp/buildkit-mount{MOUNT}/{path}: no such file or directory"
            )),
            false => BuildError::NotFound(path),
        }
    }

    fn find(&self, given: &str) -> Result<Vec<Found>, String> {
        let path = given.trim_start_matches('/');
        let path = path.strip_prefix("./").unwrap_or(path);
        if !Glob::has_wildcards(path) {
            return self.one(path).map(|found| vec![found]);
        }
        // A bad pattern matches nothing, as in Docker.
        let Ok(glob) = Glob::path(&super::step::clean(path)) else { return Ok(Vec::new()) };
        let mut matching: Vec<&str> =
            self.tree.below("").map(|entry| entry.path.as_str()).filter(|path| glob.matches(path)).collect();
        sort_by(&mut matching, |a, b| canonical_order(a, b));
        matching.into_iter().map(|path| self.one(path)).collect()
    }

    fn one(&self, path: &str) -> Result<Found, String> {
        if !self.in_image && !self.buildkit && climbs(path) {
            return Err(format!("forbidden path outside the build context: {path} ()"));
        }
        let missing = || match self.in_image {
            true => format!("stat {path}: file does not exist"),
            false => format!(
                "file not found in build context or excluded by .dockerignore: stat {path}: file does not exist"
            ),
        };
        let real = self.tree.resolve(path).filter(|real| self.tree.exists(real)).ok_or_else(missing)?;
        let sum = match self.tree.file(&real) {
            Some(file) => format!("file:{}", sum::file(&file, self.in_image)),
            None => self.directory_sum(&real),
        };
        Ok(Found { path: super::step::clean(path), real, sum })
    }

    /// Of the directory itself and everything below; of a link, what it leads to.
    fn directory_sum(&self, dir: &str) -> String {
        let own = self.tree.get(dir);
        let mut sums: Vec<String> = own
            .into_iter()
            .chain(self.tree.below(dir))
            .map(|entry| {
                let real = self.tree.resolve(&entry.path).and_then(|real| self.tree.get(&real));
                match real {
                    Some(real) => sum::file(&self.tree.unlinked(real), self.in_image),
                    // Where a link leads nowhere its own name stands for it.
                    None => entry.path.clone(),
                }
            })
            .collect();
        sort(&mut sums);
        sum::joined("dir", &sums)
    }
}

/// Does a path lead above where it starts?
fn climbs(path: &str) -> bool {
    let mut depth = 0_i32;
    path.split('/').any(|name| {
        depth += match name {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        depth < 0
    })
}

impl Destination<'_> {
    /// Absolute, its trailing slash kept; one that a relative `.` stands for is not made up.
    fn absolute(&self, given: &str) -> String {
        let joined = if given.starts_with('/') { given.to_owned() } else { format!("{}/{given}", self.working_dir) };
        let clean = super::step::clean(&joined);
        if given.ends_with('/') && !clean.is_empty() { format!("/{clean}/") } else { format!("/{clean}") }
    }

    /// `USER[:GROUP]`, names looked up in the image (moby `parseChownFlag`).
    pub fn owner(&self, chown: &str) -> Result<(u32, u32), BuildError> {
        let (user, group) = chown.split_once(':').unwrap_or((chown, chown));
        let refused =
            |why: String| BuildError::Refused(format!("unable to convert uid/gid chown string to host mapping: {why}"));
        let uid = self.id("etc/passwd", user);
        let uid = uid.ok_or_else(|| refused(format!("can't find uid for user {user}: no such user: {user}")))?;
        let gid = self.id("etc/group", group);
        let gid = gid.ok_or_else(|| refused(format!("can't find gid for group {group}: no such group: {group}")))?;
        Ok((uid, gid))
    }

    /// The third field of the line that begins with this name; a number is itself.
    fn id(&self, path: &str, name: &str) -> Option<u32> {
        if let Ok(id) = name.parse() {
            return Some(id);
        }
        let file = self.tree.file(path)?;
        let text = String::from_utf8_lossy(&file.data);
        let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        lines.find(|fields| fields[0] == name)?.get(2)?.parse().ok()
    }
}

struct Placed {
    directory: String,
    entries: Vec<Entry>,
    keeps_owners: bool,
}

fn place(
    found: &[Found],
    source: &Source<'_>,
    destination: &Destination<'_>,
    target: &str,
    unpacks: bool,
) -> Result<Placed, String> {
    let real = destination.tree.resolve(target).ok_or("too many links")?;
    let target_dir = format!("/{real}");
    let mut placed = Placed { directory: target_dir.clone(), entries: Vec::new(), keeps_owners: false };
    for found in found {
        let Some(file) = source.tree.file(&found.real) else {
            if destination.tree.exists(&real) && !destination.tree.is_dir(&real) {
                return Err(format!("failed to copy directory: mkdir {target_dir}: not a directory"));
            }
            placed.entries.extend(contents(source, &found.real));
            continue;
        };
        if unpacks && let Some(entries) = archive(&file)? {
            placed.entries.extend(entries);
            placed.keeps_owners = true;
            continue;
        }
        let into = target.ends_with('/') || destination.tree.is_dir(&real);
        let name = if into { last(&found.path) } else { last(&real) };
        if !into {
            placed.directory = format!("/{}", real.rsplit_once('/').map_or("", |(dir, _)| dir));
        }
        placed.entries.push(Entry { path: name.to_owned(), ..file });
    }
    // The last of several files with one name wins, as when they are copied one after another.
    let mut seen = crate::sim::Set::new();
    placed.entries.reverse();
    placed.entries.retain(|entry| seen.insert(entry.path.clone()));
    Ok(placed)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Everything below a directory, by its path from there.
fn contents<'a>(source: &'a Source<'_>, dir: &'a str) -> impl Iterator<Item = Entry> + 'a {
    let skip = if dir.is_empty() { 0 } else { dir.len() + 1 };
    source.tree.below(dir).map(move |entry| {
        let path = entry.path[skip..].to_owned();
        Entry { path, ..source.tree.unlinked(entry) }
    })
}

/// The entries of a file that is an archive; ADD unpacks those.
fn archive(file: &Entry) -> Result<Option<Vec<Entry>>, String> {
    const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
    if COMPRESSED.iter().any(|magic| file.data.starts_with(magic)) {
        return Err(format!("`{}` is compressed; here only uncompressed archives are unpacked", file.path));
    }
    let bytes: Arc<[u8]> = Arc::from(&*file.data);
    match tar::read(&bytes) {
        Ok(entries) if !entries.is_empty() => Ok(Some(entries)),
        // One whole header makes it an archive for Docker, and what follows must be one.
        Err(why) if file.data.get(257..262) == Some(b"ustar") => {
            Err(format!("Error processing tar file(exit status 1): {why}"))
        }
        _ => Ok(None),
    }
}
