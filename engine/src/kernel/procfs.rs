//! procfs: the processes of one pid namespace as files (proc(5)). Made up on each look from the process table.
//!
//! Of the real one it has what programs here read: a directory for each process with `cmdline`, `comm`, `cwd`, `environ`,
//! `exe`, `fd`, `mountinfo`, `mounts`, `ns`, `root`, `status`; and `mounts`, `self`, `version`. Nothing else is shown or found.

use super::SimKernel;
use super::files::Opened;
use super::mountinfo;
use super::namespace::NsId;
use super::nsfs::{self, NSFS};
use super::process::{Process, State};
use super::vfs::{Ino, Loc, ROOT, View};
use crate::call::{Dent, FileKind, SCENARIO_EPOCH_S, Stat, Tid};
use crate::scenario::Linux;
use crate::sim::sort;

/// Names in /proc besides processes.
pub const ROOT_NAMES: [&str; 3] = ["mounts", "self", "version"];
/// Names in /proc/PID.
pub const PID_NAMES: [&str; 11] =
    ["cmdline", "comm", "cwd", "environ", "exe", "fd", "mountinfo", "mounts", "ns", "root", "status"];
/// Names in /proc/PID/ns.
pub const NS_NAMES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"];

/// An inode number is the process (on the node) in the high half, then the entry and its index.
const ENTRY: u32 = 16;
const PROCESS: u32 = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    /// An entry of ROOT_NAMES.
    Top(usize),
    Pid(Tid),
    /// An entry of PID_NAMES.
    Of(Tid, usize),
    Fd(Tid, i32),
    Ns(Tid, usize),
}

impl Place {
    fn ino(self) -> Ino {
        let entry = |entry: usize| (entry as u64 + 1) << ENTRY;
        let of = |tid: Tid| u64::from(tid.0) << PROCESS;
        match self {
            Place::Root => ROOT,
            Place::Top(name) => entry(name),
            Place::Pid(tid) => of(tid),
            Place::Of(tid, name) => of(tid) | entry(name),
            Place::Fd(tid, fd) => of(tid) | entry(FD) | (fd as u64 + 1),
            Place::Ns(tid, kind) => of(tid) | entry(NS) | (kind as u64 + 1),
        }
    }

    fn at(ino: Ino) -> Place {
        let tid = Tid((ino >> PROCESS) as u32);
        let entry = ((ino >> ENTRY) & 0xffff) as usize;
        let index = (ino & 0xffff) as usize;
        match (tid.0, entry, index) {
            (0, 0, _) => Place::Root,
            (0, entry, _) => Place::Top(entry - 1),
            (_, 0, _) => Place::Pid(tid),
            (_, entry, index) if entry == FD + 1 && index > 0 => Place::Fd(tid, index as i32 - 1),
            (_, entry, index) if entry == NS + 1 && index > 0 => Place::Ns(tid, index - 1),
            (_, entry, _) => Place::Of(tid, entry - 1),
        }
    }
}

/// Positions in PID_NAMES.
const FD: usize = 5;
const NS: usize = 8;

pub(super) fn parent(ino: Ino) -> Ino {
    match Place::at(ino) {
        Place::Root | Place::Top(_) | Place::Pid(_) => ROOT,
        Place::Of(tid, _) => Place::Pid(tid).ino(),
        Place::Fd(tid, _) => Place::Of(tid, FD).ino(),
        Place::Ns(tid, _) => Place::Of(tid, NS).ino(),
    }
}

pub(super) fn name(kernel: &SimKernel, ns: NsId, ino: Ino) -> String {
    match Place::at(ino) {
        Place::Root => String::new(),
        Place::Top(name) => ROOT_NAMES.get(name).map_or("", |name| name).to_owned(),
        Place::Pid(tid) => kernel.process(tid).map_or(0, |process| process.pids.shown_in(ns)).to_string(),
        Place::Of(_, name) => PID_NAMES.get(name).map_or("", |name| name).to_owned(),
        Place::Fd(_, fd) => fd.to_string(),
        Place::Ns(_, kind) => NS_NAMES.get(kind).map_or("", |name| name).to_owned(),
    }
}

pub(super) fn lookup(kernel: &SimKernel, ns: NsId, dir: Ino, name: &str) -> Option<Ino> {
    let position = |names: &[&str]| names.iter().position(|known| *known == name);
    match Place::at(dir) {
        Place::Root => match position(&ROOT_NAMES) {
            Some(top) => Some(Place::Top(top).ino()),
            None => Some(Place::Pid(number(name).and_then(|pid| member(kernel, ns, pid))?).ino()),
        },
        Place::Pid(tid) => Some(Place::Of(tid, position(&PID_NAMES)?).ino()),
        Place::Of(tid, FD) => {
            let fd = i32::try_from(number(name)?).ok()?;
            kernel.process(tid)?.fds.contains_key(&fd).then(|| Place::Fd(tid, fd).ino())
        }
        Place::Of(tid, NS) => Some(Place::Ns(tid, position(&NS_NAMES)?).ino()),
        _ => None,
    }
}

pub(super) fn names(kernel: &SimKernel, ns: NsId, dir: Ino) -> Vec<Dent> {
    let mut names: Vec<(String, Ino)> = match Place::at(dir) {
        Place::Root => {
            let members = kernel.pid_spaces.get(ns).into_iter().flat_map(|space| &space.members);
            let pids = members.map(|(pid, tid)| (pid.to_string(), Place::Pid(*tid).ino()));
            pids.chain(ROOT_NAMES.iter().enumerate().map(|(top, name)| ((*name).to_owned(), Place::Top(top).ino())))
                .collect()
        }
        Place::Pid(tid) => {
            PID_NAMES.iter().enumerate().map(|(of, name)| ((*name).to_owned(), Place::Of(tid, of).ino())).collect()
        }
        Place::Of(tid, FD) => {
            let fds = kernel.process(tid).into_iter().flat_map(|process| process.fds.keys());
            fds.map(|fd| (fd.to_string(), Place::Fd(tid, *fd).ino())).collect()
        }
        Place::Of(tid, NS) => {
            NS_NAMES.iter().enumerate().map(|(kind, name)| ((*name).to_owned(), Place::Ns(tid, kind).ino())).collect()
        }
        _ => Vec::new(),
    };
    sort(&mut names);
    names.into_iter().map(|(name, ino)| Dent { name, kind: kind(ino).0 }).collect()
}

pub(super) fn stat(kernel: &SimKernel, ino: Ino) -> Stat {
    let (kind, mode) = kind(ino);
    let owner = match Place::at(ino) {
        Place::Pid(tid) | Place::Of(tid, _) | Place::Fd(tid, _) | Place::Ns(tid, _) => kernel.process(tid),
        _ => None,
    };
    Stat {
        kind,
        mode,
        uid: owner.map_or(0, |process| process.uid),
        gid: owner.map_or(0, |process| process.gid),
        size_bytes: if kind == FileKind::Dir { 4096 } else { 0 },
        nlink: 1,
        mtime_s: SCENARIO_EPOCH_S,
        rdev: (0, 0),
    }
}

/// The text of a link.
pub(super) fn link(kernel: &SimKernel, view: &View, ns: NsId, ino: Ino) -> Option<String> {
    match Place::at(ino) {
        Place::Top(top) => match ROOT_NAMES[top] {
            "mounts" => Some("self/mounts".to_owned()),
            // In the namespace of the mount, whoever looks.
            "self" => kernel.process(view.tid)?.pid_in(ns).map(|pid| pid.to_string()),
            _ => None,
        },
        Place::Of(tid, of) => {
            let process = kernel.process(tid)?;
            let shown = |loc: Loc| kernel.path_told(view, loc).unwrap_or_else(|| "/".to_owned());
            match PID_NAMES[of] {
                "cwd" => Some(shown(process.cwd)),
                "root" => Some(shown(process.root)),
                "exe" if !process.exe.is_empty() && !process.is_zombie() => Some(process.exe.clone()),
                _ => None,
            }
        }
        Place::Fd(tid, fd) => {
            let ofd = kernel.process(tid)?.fds.get(&fd)?.ofd;
            let opened = kernel.files.get(ofd)?;
            Some(match opened.what {
                Opened::File(loc) if loc.fs == NSFS => kernel.ns_text(loc)?,
                Opened::File(loc) if kernel.fs(loc.fs).inode(loc.ino).is_some_and(|inode| inode.nlink == 0) => {
                    format!("{} (deleted)", opened.path)
                }
                Opened::PipeRead(pipe) | Opened::PipeWrite(pipe) => format!("pipe:[{}]", pipe.0),
                Opened::Stdin(job) => format!("pipe:[{}]", job.0),
                Opened::Output(job, _) => format!("pipe:[{}]", job.0),
                _ => opened.path.to_string(),
            })
        }
        Place::Ns(tid, kind) => kernel.ns_text(nsfs::file_of(namespace(kernel, tid, kind)?)),
        _ => None,
    }
}

/// Where a link leads whatever its text says.
pub(super) fn jump(kernel: &SimKernel, ino: Ino) -> Option<Loc> {
    match Place::at(ino) {
        Place::Of(tid, of) => match PID_NAMES[of] {
            "cwd" => Some(kernel.process(tid)?.cwd),
            "root" => Some(kernel.process(tid)?.root),
            _ => None,
        },
        Place::Fd(tid, fd) => kernel.files.get(kernel.process(tid)?.fds.get(&fd)?.ofd)?.loc(),
        Place::Ns(tid, kind) => Some(nsfs::file_of(namespace(kernel, tid, kind)?)),
        _ => None,
    }
}

fn namespace(kernel: &SimKernel, tid: Tid, kind: usize) -> Option<NsId> {
    let process = kernel.process(tid)?;
    match NS_NAMES[kind] {
        // Nothing before its first process was there (kernel/pid_namespace.c, pidns_for_children_get).
        "pid_for_children" => {
            let ns = process.pid_for_children;
            kernel.pid_spaces.get(ns)?.init.map(|_| ns)
        }
        name => process.ns.each().into_iter().find(|(kind, _)| *kind == name).map(|(_, ns)| ns),
    }
}

/// What a read of the file gives.
pub(super) fn content(kernel: &SimKernel, view: &View, ns: NsId, ino: Ino) -> Vec<u8> {
    let strings = |strings: &[String]| strings.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
    match Place::at(ino) {
        Place::Top(top) if ROOT_NAMES[top] == "version" => version(kernel).into(),
        Place::Of(tid, of) => {
            let Some(process) = kernel.process(tid) else { return Vec::new() };
            match PID_NAMES[of] {
                "cmdline" if !process.is_zombie() => strings(&process.argv),
                "environ" if !process.is_zombie() => strings(&process.env),
                "comm" => format!("{}\n", process.comm).into_bytes(),
                "status" => status(kernel, process, view, ns).into_bytes(),
                "mounts" => mountinfo::mounts(kernel, process).into_bytes(),
                "mountinfo" => mountinfo::mountinfo(kernel, process).into_bytes(),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// The kernel whose behaviour is modelled.
fn version(kernel: &SimKernel) -> String {
    let Linux(major, minor) = kernel.profile.linux;
    format!("Linux version {major}.{minor}.0\n")
}

/// The process that a pid names in a namespace.
pub(super) fn member(kernel: &SimKernel, ns: NsId, pid: u32) -> Option<Tid> {
    kernel.pid_spaces.get(ns)?.members.get(&pid).copied()
}

pub(super) fn state_letter(process: &Process, viewer: Tid) -> char {
    match process.state {
        State::Zombie(_) => 'Z',
        _ if process.tid() == viewer => 'R',
        _ if process.stopped => 'T',
        _ => 'S',
    }
}

/// The pids from that of namespace `ns` inward.
pub(super) fn pids_from(process: &Process, ns: NsId) -> Vec<u32> {
    process.pids.iter().skip_while(|(id, _)| *id != ns).map(|(_, pid)| *pid).collect()
}

pub(super) fn ppid_in(kernel: &SimKernel, process: &Process, ns: NsId) -> u32 {
    process.parent.and_then(|parent| kernel.process(parent)?.pid_in(ns)).unwrap_or(0)
}

fn status(kernel: &SimKernel, process: &Process, view: &View, ns: NsId) -> String {
    let pids = pids_from(process, ns);
    let nspid: Vec<String> = pids.iter().map(u32::to_string).collect();
    let word = match state_letter(process, view.tid) {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let (uid, gid) = (process.uid, process.gid);
    format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\t{word}\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n\
         Gid:\t{gid}\t{gid}\t{gid}\t{gid}\nNSpid:\t{}\n",
        process.comm,
        process.umask,
        ppid_in(kernel, process, ns),
        nspid.join("\t"),
        pid = pids.first().copied().unwrap_or(0),
    )
}

fn kind(ino: Ino) -> (FileKind, u32) {
    match Place::at(ino) {
        Place::Root | Place::Pid(_) => (FileKind::Dir, 0o555),
        Place::Top(top) if ROOT_NAMES[top] == "version" => (FileKind::File, 0o444),
        Place::Top(_) | Place::Ns(..) => (FileKind::Symlink, 0o777),
        Place::Fd(..) => (FileKind::Symlink, 0o700),
        Place::Of(_, of) => match PID_NAMES[of] {
            "cwd" | "exe" | "root" => (FileKind::Symlink, 0o777),
            "fd" => (FileKind::Dir, 0o500),
            "ns" => (FileKind::Dir, 0o511),
            "comm" => (FileKind::File, 0o644),
            "environ" => (FileKind::File, 0o400),
            _ => (FileKind::File, 0o444),
        },
    }
}

fn number(name: &str) -> Option<u32> {
    let canonical = !name.is_empty() && !name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit());
    let zero = name == "0";
    (canonical || zero).then(|| name.parse().ok()).flatten()
}
