//! What mount(8) was told to do, as calls of mount(2); and why it could not.

use super::super::options::{Misuse, Options, Parsed};
use super::table::{Entry, absolute};
use crate::call::{Errno, MountFlags, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub source: String,
    pub target: String,
    fstype: String,
    /// Those of `-o`, in order.
    options: Vec<String>,
    flags: MountFlags,
    /// `--make-…`: done to what is mounted then.
    propagation: Vec<MountFlags>,
    /// Only the mount point was named.
    alone: bool,
    pub verbose: bool,
}

/// Letters that stand for long options without one.
pub const OPTIONS: Options = Options {
    flags: "BRMrwvlnaifs0123456789",
    values: "toLU",
    long: &[
        ("bind", 'B'),
        ("rbind", 'R'),
        ("move", 'M'),
        ("types", 't'),
        ("options", 'o'),
        ("read-only", 'r'),
        ("rw", 'w'),
        ("read-write", 'w'),
        ("verbose", 'v'),
        ("no-mtab", 'n'),
        ("all", 'a'),
        ("make-shared", '0'),
        ("make-slave", '1'),
        ("make-private", '2'),
        ("make-unbindable", '3'),
        ("make-rshared", '4'),
        ("make-rslave", '5'),
        ("make-rprivate", '6'),
        ("make-runbindable", '7'),
    ],
    optional: "",
    posix: false,
};

const KINDS: [MountFlags; 4] = [
    MountFlags { shared: true, ..MountFlags::NONE },
    MountFlags { slave: true, ..MountFlags::NONE },
    MountFlags { private: true, ..MountFlags::NONE },
    MountFlags { unbindable: true, ..MountFlags::NONE },
];

impl Order {
    /// `None`: nothing is to be mounted, so what is mounted is listed.
    pub fn of(says: &str, parsed: &Parsed) -> Result<Option<Order>, Misuse> {
        let mut options: Vec<String> = parsed
            .values
            .iter()
            .filter(|(c, _)| *c == 'o')
            .flat_map(|(_, list)| list.split(',').map(str::to_owned))
            .collect();
        if parsed.has('r') {
            options.push("ro".to_owned());
        }
        let words = |text: &str| options.iter().any(|option| option == text);
        let flags = MountFlags {
            bind: parsed.has('B') || parsed.has('R') || words("bind") || words("rbind"),
            recursive: parsed.has('R') || words("rbind"),
            moved: parsed.has('M') || words("move"),
            remount: words("remount"),
            ..MountFlags::NONE
        };
        let mut propagation: Vec<MountFlags> = parsed.flags.chars().filter_map(kind).collect();
        propagation.extend(options.iter().filter_map(|word| named_kind(word)));
        let rearranged = flags.bind || flags.moved || flags.remount || !propagation.is_empty();
        let (source, target, alone) = match &parsed.operands[..] {
            [] if !rearranged && options.is_empty() => return Ok(None),
            [source, target] => (source.clone(), target.clone(), false),
            [target] if flags.remount || (!propagation.is_empty() && !flags.bind && !flags.moved) => {
                ("none".to_owned(), target.clone(), true)
            }
            [target] => return Err(Misuse::plain(says, &format!("{target}: can't find in /etc/fstab."))),
            _ => return Err(super::bad_usage(says)),
        };
        let fstype = parsed.value('t').unwrap_or("").to_owned();
        let verbose = parsed.has('v');
        Ok(Some(Order { source, target, fstype, options, flags, propagation, alone, verbose }))
    }

    /// What is mounted there already says the options that are not said (mount(8), "remount").
    pub fn merges(&self) -> bool {
        self.flags.remount && self.alone
    }

    pub fn calls(&self, cwd: &str, table: &[Entry]) -> Vec<Sys> {
        let target = absolute(cwd, &self.target);
        let mut words: Vec<String> = Vec::new();
        if self.merges()
            && let Some(entry) = table.iter().rev().find(|entry| entry.target == target)
        {
            words.extend(entry.options().split(',').map(str::to_owned));
        }
        words.extend(self.options.iter().cloned());
        let (said, data) = (said(&words), data(&words));
        let source =
            if self.flags.bind || self.flags.moved { absolute(cwd, &self.source) } else { self.source.clone() };
        let call = |source: &str, fstype: &str, flags, data: &str| Sys::Mount {
            source: source.to_owned(),
            target: self.target.clone(),
            fstype: fstype.to_owned(),
            flags,
            data: data.to_owned(),
        };
        let only = |flags: MountFlags| MountFlags { bind: self.flags.bind, remount: self.flags.remount, ..flags };
        let mut calls = Vec::new();
        if self.flags.remount {
            calls.push(call(&source, &self.fstype, only(said), &data));
        } else if self.flags.bind {
            calls.push(call(&source, "", MountFlags { recursive: self.flags.recursive, ..only(MountFlags::NONE) }, ""));
            // mount(2) takes nothing else with MS_BIND: a second call sets the flags.
            if said != MountFlags::NONE {
                calls.push(call("none", "", MountFlags { remount: true, bind: true, ..said }, ""));
            }
        } else if self.flags.moved {
            calls.push(call(&source, "", MountFlags { moved: true, ..MountFlags::NONE }, ""));
        } else if !self.alone {
            calls.push(call(&source, &self.fstype, said, &data));
        }
        calls.extend(self.propagation.iter().map(|kind| call("none", "", *kind, "")));
        calls
    }

    /// libmount, mnt_context_get_mount_excode. `there`: the mount point exists, and whether it is a directory.
    pub fn why(&self, errno: Errno, there: Option<bool>, cwd: &str, uid: u32) -> String {
        let source =
            if self.flags.bind || self.flags.moved { absolute(cwd, &self.source) } else { self.source.clone() };
        let changes = self.alone && !self.flags.remount;
        match errno {
            Errno::EPERM if uid != 0 => "must be superuser to use mount.".to_owned(),
            Errno::EPERM => "permission denied.".to_owned(),
            Errno::EBUSY if self.flags.remount => "mount point is busy.".to_owned(),
            Errno::EBUSY => format!("{source} already mounted or mount point busy."),
            Errno::ENOENT if there.is_none() => "mount point does not exist.".to_owned(),
            Errno::ENOENT => format!("special device {} does not exist.", self.source),
            Errno::ENOTDIR if there == Some(false) => "mount point is not a directory.".to_owned(),
            Errno::EINVAL if self.flags.remount => "mount point not mounted or bad option.".to_owned(),
            Errno::EINVAL if changes => "not mount point or bad option.".to_owned(),
            Errno::EINVAL => format!(
                "wrong fs type, bad option, bad superblock on {source}, missing codepage or helper program, or other \
                 error."
            ),
            Errno::ENODEV => format!("unknown filesystem type '{}'.", self.fstype),
            other => format!("mount(2) system call failed: {}.", other.text()),
        }
    }
}

fn kind(letter: char) -> Option<MountFlags> {
    let number = letter.to_digit(10)? as usize;
    Some(MountFlags { recursive: number >= KINDS.len(), ..KINDS[number % KINDS.len()] })
}

fn named_kind(word: &str) -> Option<MountFlags> {
    let names = ["shared", "slave", "private", "unbindable"];
    let found = |word: &str| names.iter().position(|name| *name == word).map(|at| KINDS[at]);
    found(word).or_else(|| Some(MountFlags { recursive: true, ..found(word.strip_prefix('r')?)? }))
}

/// The flags of mount(2) that a list of options sets; the last word on each counts.
fn said(words: &[String]) -> MountFlags {
    let mut flags = MountFlags::default();
    for word in words {
        match word.as_str() {
            "ro" => flags.read_only = true,
            "rw" => flags.read_only = false,
            "nosuid" => flags.nosuid = true,
            "suid" => flags.nosuid = false,
            "nodev" => flags.nodev = true,
            "dev" => flags.nodev = false,
            "noexec" => flags.noexec = true,
            "exec" => flags.noexec = false,
            "noatime" => flags.noatime = true,
            "atime" => flags.noatime = false,
            "nodiratime" => flags.nodiratime = true,
            "diratime" => flags.nodiratime = false,
            "relatime" => flags.relatime = true,
            "norelatime" => flags.relatime = false,
            "strictatime" => flags.strictatime = true,
            "nostrictatime" => flags.strictatime = false,
            "defaults" => flags = MountFlags::default(),
            _ => {}
        }
    }
    flags
}

/// What the file system is told: all that mount(8) does not keep for itself.
fn data(words: &[String]) -> String {
    const OWN: [&str; 36] = [
        "ro",
        "rw",
        "nosuid",
        "suid",
        "nodev",
        "dev",
        "noexec",
        "exec",
        "noatime",
        "atime",
        "nodiratime",
        "diratime",
        "relatime",
        "norelatime",
        "strictatime",
        "nostrictatime",
        "defaults",
        "bind",
        "rbind",
        "remount",
        "move",
        "auto",
        "noauto",
        "user",
        "nouser",
        "users",
        "nofail",
        "_netdev",
        "loop",
        "owner",
        "group",
        "async",
        "sync",
        "silent",
        "dirsync",
        "",
    ];
    let foreign = |word: &&String| {
        !OWN.contains(&word.as_str())
            && named_kind(word).is_none()
            && !word.starts_with("x-")
            && !word.starts_with("X-")
    };
    let mut kept: Vec<&String> = Vec::new();
    for word in words.iter().filter(foreign) {
        // A later value takes the place of an earlier one.
        let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
        kept.retain(|old| name(old) != name(word) || !word.contains('='));
        kept.push(word);
    }
    kept.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(",")
}
