//! The mounts that a process sees, read from mountinfo as libmount does.

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    pub id: u32,
    pub parent: u32,
    pub device: String,
    pub root: String,
    pub target: String,
    /// The mount's own options, and the file system's.
    pub vfs: String,
    pub fs: String,
    pub tags: Vec<String>,
    pub fstype: String,
    pub source: String,
}

pub fn parse(text: &str) -> Vec<Entry> {
    text.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let mut next = || before.next().map(str::to_owned);
    let (id, parent, device) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?);
    let (root, target, vfs) = (plain(&next()?), plain(&next()?), next()?);
    let tags = before.map(str::to_owned).collect();
    let mut after = after.split(' ').map(str::to_owned);
    let (fstype, source, fs) = (after.next()?, plain(&after.next()?), after.next().unwrap_or_default());
    Some(Entry { id, parent, device, root, target, vfs, fs, tags, fstype, source })
}

/// Octal escapes of blanks, taken back.
fn plain(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c))
}

impl Entry {
    /// As mount(8) lists them: read-only if either says so, the mount's own, then the file system's.
    pub fn options(&self) -> String {
        let words = |text: &'static str, of: &str| of.split(',').any(|word| word == text);
        let first = if words("ro", &self.vfs) || words("ro", &self.fs) { "ro" } else { "rw" };
        let rest = self.vfs.split(',').chain(self.fs.split(',')).filter(|word| !["", "ro", "rw"].contains(word));
        std::iter::once(first).chain(rest).collect::<Vec<_>>().join(",")
    }

    /// With the directory that a bind shows, in brackets.
    pub fn source_and_root(&self) -> String {
        if self.root == "/" { self.source.clone() } else { format!("{}[{}]", self.source, self.root) }
    }

    pub fn propagation(&self) -> String {
        let tagged = |tag: &str| self.tags.iter().any(|own| own.split(':').next() == Some(tag));
        let mut text = if tagged("shared") { "shared" } else { "private" }.to_owned();
        for (tag, word) in [("master", ",slave"), ("unbindable", ",unbindable")] {
            if tagged(tag) {
                text += word;
            }
        }
        text
    }
}

/// An absolute path without `.`, `..` and doubled slashes, as realpath(3) gives it where no link is on the way.
pub fn absolute(cwd: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
    let mut names: Vec<&str> = Vec::new();
    for name in whole.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}
