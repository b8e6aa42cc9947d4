//! What the tools that handle files share: how a mode is shown and a name quoted.

use crate::call::{FileKind, Stat};
use serde::{Deserialize, Serialize};

/// `drwxr-xr-x`
pub fn mode_text(stat: &Stat) -> String {
    let mut out = String::with_capacity(10);
    out.push(match stat.kind {
        FileKind::File => '-',
        FileKind::Dir => 'd',
        FileKind::Symlink => 'l',
        FileKind::CharDevice => 'c',
        FileKind::BlockDevice => 'b',
        FileKind::Fifo => 'p',
        FileKind::Socket => 's',
    });
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = stat.mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (stat.mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    out
}

/// A name in a message, as GNU quotes it: always in quotes, the shell's where it must.
pub fn quoted(name: &str) -> String {
    if name.contains('\'') && !name.contains(['"', '$', '`', '\\']) {
        return format!("\"{name}\"");
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// Names of users and groups, from /etc/passwd and /etc/group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    users: Vec<(u32, String)>,
    groups: Vec<(u32, String)>,
}

impl Names {
    pub fn add_passwd(&mut self, data: &[u8]) {
        self.users = entries(data);
    }

    pub fn add_group(&mut self, data: &[u8]) {
        self.groups = entries(data);
    }

    /// The name, or the number if it has none.
    pub fn user(&self, uid: u32) -> String {
        named(&self.users, uid).unwrap_or_else(|| uid.to_string())
    }

    pub fn group(&self, gid: u32) -> String {
        named(&self.groups, gid).unwrap_or_else(|| gid.to_string())
    }

    pub fn user_name(&self, uid: u32) -> Option<String> {
        named(&self.users, uid)
    }

    pub fn group_name(&self, gid: u32) -> Option<String> {
        named(&self.groups, gid)
    }

    /// A name or a number, as a number.
    pub fn uid(&self, text: &str) -> Option<u32> {
        numbered(&self.users, text)
    }

    pub fn gid(&self, text: &str) -> Option<u32> {
        numbered(&self.groups, text)
    }
}

/// `name:password:id:…` (passwd(5), group(5)).
fn entries(data: &[u8]) -> Vec<(u32, String)> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some((id, name))
    };
    String::from_utf8_lossy(data).lines().filter_map(entry).collect()
}

fn named(list: &[(u32, String)], id: u32) -> Option<String> {
    list.iter().find(|(n, _)| *n == id).map(|(_, name)| name.clone())
}

fn numbered(list: &[(u32, String)], text: &str) -> Option<u32> {
    list.iter().find(|(_, name)| name == text).map(|(id, _)| *id).or_else(|| text.parse().ok())
}

/// `4.0K`, as GNU's tools say it: powers of 1024, rounded up, one decimal below ten.
pub fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut unit = 1024u128;
    let mut suffixes = "KMGTPE".chars();
    let mut suffix = suffixes.next().unwrap_or('K');
    let bytes = u128::from(bytes);
    loop {
        let tenths = (bytes * 10).div_ceil(unit);
        if tenths < 100 {
            return format!("{}.{}{suffix}", tenths / 10, tenths % 10);
        }
        let whole = bytes.div_ceil(unit);
        if whole < 1024 {
            return format!("{whole}{suffix}");
        }
        match suffixes.next() {
            Some(next) => suffix = next,
            None => return format!("{whole}{suffix}"),
        }
        unit *= 1024;
    }
}

/// A mode as chmod(1) and mkdir(1) take it: octal, or clauses like `u+x,go=r`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeChange {
    octal: Option<u32>,
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Clause {
    /// Bits of the classes named; `None` without any: all, less what the umask holds back.
    who: Option<u32>,
    op: char,
    what: String,
}

impl ModeChange {
    pub fn parse(text: &str) -> Option<ModeChange> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let octal = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)?;
            return Some(ModeChange { octal: Some(octal), clauses: Vec::new() });
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let at = part.find(['+', '-', '='])?;
            let mut who = 0;
            for c in part[..at].chars() {
                who |= match c {
                    'u' => 0o4700,
                    'g' => 0o2070,
                    'o' => 0o1007,
                    'a' => 0o7777,
                    _ => return None,
                };
            }
            let mut rest = &part[at..];
            while let Some(op) = rest.chars().next() {
                let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |n| n + 1);
                let what = &rest[1..end];
                if !what.chars().all(|c| "rwxXstugo".contains(c)) {
                    return None;
                }
                clauses.push(Clause { who: (who != 0).then_some(who), op, what: what.to_owned() });
                rest = &rest[end..];
            }
        }
        Some(ModeChange { octal: None, clauses })
    }

    pub fn apply(&self, mode: u32, dir: bool, umask: u32) -> u32 {
        if let Some(octal) = self.octal {
            // A directory's set-ID bits survive an octal mode of fewer than five digits (GNU).
            return if dir { octal | mode & 0o6000 } else { octal };
        }
        let mut mode = mode;
        for clause in &self.clauses {
            let who = clause.who.unwrap_or(0o7777 & !umask);
            let mut bits = 0;
            for c in clause.what.chars() {
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if dir || mode & 0o111 != 0 => 0o111,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => spread(mode >> 6),
                    'g' => spread(mode >> 3),
                    'o' => spread(mode),
                    _ => 0,
                };
            }
            let bits = bits & who;
            mode = match clause.op {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => mode & !(clause.who.unwrap_or(0o7777) & 0o777) | bits,
            };
        }
        mode & 0o7777
    }

    /// Whether the umask matters to it.
    pub fn needs_umask(&self) -> bool {
        self.clauses.iter().any(|clause| clause.who.is_none())
    }
}

fn spread(class: u32) -> u32 {
    (class & 7) * 0o111
}

/// `rw-r--r--`
pub fn permissions(mode: u32) -> String {
    mode_text(&Stat { kind: FileKind::File, mode, uid: 0, gid: 0, size_bytes: 0, nlink: 1, mtime_s: 0, rdev: (0, 0) })
        [1..]
        .to_owned()
}

/// `regular file`, as stat(1) says it.
pub fn kind_text(stat: &Stat) -> &'static str {
    match stat.kind {
        FileKind::File if stat.size_bytes == 0 => "regular empty file",
        FileKind::File => "regular file",
        FileKind::Dir => "directory",
        FileKind::Symlink => "symbolic link",
        FileKind::CharDevice => "character special file",
        FileKind::BlockDevice => "block special file",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
    }
}
