//! procfs: the processes of one pid namespace as files (proc(5)). Made up on each look from the process table.
//!
//! Of the real one it has what programs here read: a directory for each process with `cgroup`, `cmdline`, `comm`, `cwd`,
//! `environ`, `exe`, `fd`, `gid_map`, `mountinfo`, `mounts`, `ns`, `oom_score`, `oom_score_adj`, `root`, `setgroups`,
//! `stat`, `status`, `task`, `uid_map`; and `mounts`, `self`, [`sys`], `version`. Nothing else is shown or found.

mod oom;
mod status;
pub mod sys;

use super::SimKernel;
use super::files::Opened;
use super::group::Pid;
use super::mountinfo;
use super::namespace::NsId;
use super::nsfs::{self, NSFS};
use super::process::{Process, State};
use super::userns::{IdFile, IdKind};
use super::vfs::{Ino, Loc, ROOT, View};
use crate::call::{Dent, Errno, FileKind, SCENARIO_EPOCH_S, Stat, Tid};
use crate::scenario::Linux;
use crate::sim::sort;
pub use status::{STAT_FIELDS, STAT_WIDTH, STATUS_LINES};

/// Names in /proc besides processes.
pub const ROOT_NAMES: [&str; 5] = ["mounts", "self", "sys", "sysvipc", "version"];
/// Names in /proc/PID.
pub const PID_NAMES: [&str; 20] = [
    "cgroup",
    "cmdline",
    "comm",
    "cwd",
    "environ",
    "exe",
    "fd",
    "gid_map",
    "mountinfo",
    "mounts",
    "ns",
    "oom_score",
    "oom_score_adj",
    "root",
    "setgroups",
    "stat",
    "status",
    "task",
    "uid_map",
    "timens_offsets",
];
/// Those that a guest may write: they set ids of a user namespace.
pub const ID_FILES: [&str; 3] = ["gid_map", "setgroups", "uid_map"];
/// Names in /proc/PID/task/PID.
pub const TASK_NAMES: [&str; 5] = ["children", "cmdline", "comm", "stat", "status"];
/// Names in /proc/PID/ns.
pub const NS_NAMES: [&str; 10] =
    ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];

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
    /// The only thread.
    Task(Tid),
    /// An entry of TASK_NAMES.
    OfTask(Tid, usize),
    /// An entry of sys::ENTRIES.
    Sys(usize),
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
            Place::Task(tid) => of(tid) | entry(TASK) | 1,
            Place::OfTask(tid, name) => of(tid) | entry(TASK) | (name as u64 + 2),
            Place::Sys(at) => entry(SYS) | at as u64,
        }
    }

    fn at(ino: Ino) -> Place {
        let tid = Tid((ino >> PROCESS) as u32);
        let entry = ((ino >> ENTRY) & 0xffff) as usize;
        let index = (ino & 0xffff) as usize;
        match (tid.0, entry, index) {
            (0, 0, _) => Place::Root,
            (0, entry, at) if entry == SYS + 1 => Place::Sys(at),
            (0, entry, _) => Place::Top(entry - 1),
            (_, 0, _) => Place::Pid(tid),
            (_, entry, index) if entry == FD + 1 && index > 0 => Place::Fd(tid, index as i32 - 1),
            (_, entry, index) if entry == NS + 1 && index > 0 => Place::Ns(tid, index - 1),
            (_, entry, 1) if entry == TASK + 1 => Place::Task(tid),
            (_, entry, index) if entry == TASK + 1 && index > 1 => Place::OfTask(tid, index - 2),
            (_, entry, _) => Place::Of(tid, entry - 1),
        }
    }
}

/// Positions in PID_NAMES and ROOT_NAMES.
const FD: usize = position(&PID_NAMES, "fd");
const NS: usize = position(&PID_NAMES, "ns");
const TASK: usize = position(&PID_NAMES, "task");
const TIMENS: usize = position(&PID_NAMES, "timens_offsets");
const SYS: usize = position(&ROOT_NAMES, "sys");

const fn position(names: &[&str], wanted: &str) -> usize {
    let mut at = 0;
    while !same(names[at].as_bytes(), wanted.as_bytes()) {
        at += 1;
    }
    at
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The directory of a process, and of a thread (fs/proc/base.c, S_IMMUTABLE).
pub(super) fn is_immutable(ino: Ino) -> bool {
    matches!(Place::at(ino), Place::Pid(_) | Place::Task(_))
}

/// What is at this position of ROOT_NAMES.
fn top(at: usize) -> Place {
    sys::root(ROOT_NAMES[at]).map_or(Place::Top(at), Place::Sys)
}

pub(super) fn parent(ino: Ino) -> Ino {
    match Place::at(ino) {
        Place::Root | Place::Top(_) | Place::Pid(_) => ROOT,
        Place::Of(tid, _) => Place::Pid(tid).ino(),
        Place::Fd(tid, _) => Place::Of(tid, FD).ino(),
        Place::Ns(tid, _) => Place::Of(tid, NS).ino(),
        Place::Task(tid) => Place::Of(tid, TASK).ino(),
        Place::OfTask(tid, _) => Place::Task(tid).ino(),
        Place::Sys(at) => sys::parent(at).map_or(ROOT, |at| Place::Sys(at).ino()),
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
        Place::Task(tid) => kernel.process(tid).map_or(0, |process| process.pids.shown_in(ns)).to_string(),
        Place::OfTask(_, name) => TASK_NAMES.get(name).map_or("", |name| name).to_owned(),
        Place::Sys(at) => sys::ENTRIES[at].0.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

pub(super) fn lookup(kernel: &SimKernel, ns: NsId, dir: Ino, name: &str) -> Option<Ino> {
    let position = |names: &[&str]| names.iter().position(|known| *known == name);
    match Place::at(dir) {
        Place::Root => match position(&ROOT_NAMES) {
            Some(at) => Some(top(at).ino()),
            None => Some(Place::Pid(number(name).and_then(|pid| member(kernel, ns, pid))?).ino()),
        },
        Place::Pid(tid) => Some(Place::Of(tid, position(&PID_NAMES)?).ino()),
        Place::Of(tid, FD) => {
            let fd = i32::try_from(number(name)?).ok()?;
            kernel.process(tid)?.fds.contains_key(&fd).then(|| Place::Fd(tid, fd).ino())
        }
        Place::Of(tid, NS) => Some(Place::Ns(tid, position(&NS_NAMES)?).ino()),
        Place::Of(tid, TASK) => (member(kernel, ns, number(name)?)? == tid).then(|| Place::Task(tid).ino()),
        Place::Task(tid) => Some(Place::OfTask(tid, position(&TASK_NAMES)?).ino()),
        Place::Sys(dir) => Some(Place::Sys(sys::lookup(kernel.profile, dir, name)?).ino()),
        _ => None,
    }
}

pub(super) fn names(kernel: &SimKernel, ns: NsId, dir: Ino) -> Vec<Dent> {
    let mut names: Vec<(String, Ino)> = match Place::at(dir) {
        Place::Root => {
            let members = kernel.pid_spaces.get(ns).into_iter().flat_map(|space| &space.members);
            let pids = members.map(|(pid, tid)| (pid.to_string(), Place::Pid(*tid).ino()));
            pids.chain(ROOT_NAMES.iter().enumerate().map(|(at, name)| ((*name).to_owned(), top(at).ino()))).collect()
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
        Place::Of(tid, TASK) => vec![(name(kernel, ns, Place::Task(tid).ino()), Place::Task(tid).ino())],
        Place::Task(tid) => {
            TASK_NAMES.iter().enumerate().map(|(of, name)| ((*name).to_owned(), Place::OfTask(tid, of).ino())).collect()
        }
        Place::Sys(dir) => {
            let inos = sys::below(kernel.profile, dir).map(|at| Place::Sys(at).ino());
            inos.map(|ino| (name(kernel, ns, ino), ino)).collect()
        }
        _ => Vec::new(),
    };
    sort(&mut names);
    names.into_iter().map(|(name, ino)| Dent { name, kind: kind(ino).0 }).collect()
}

pub(super) fn stat(kernel: &SimKernel, ino: Ino) -> Stat {
    let (kind, mode) = kind(ino);
    let (uid, gid) = match Place::at(ino) {
        Place::Pid(tid) | Place::Of(tid, _) | Place::Fd(tid, _) | Place::Ns(tid, _) => owner(kernel, tid, mode),
        Place::Task(tid) | Place::OfTask(tid, _) => owner(kernel, tid, mode),
        _ => (0, 0),
    };
    Stat {
        kind,
        mode,
        uid,
        gid,
        size_bytes: if kind == FileKind::Dir { 4096 } else { 0 },
        nlink: 1,
        mtime_s: SCENARIO_EPOCH_S,
        rdev: (0, 0),
    }
}

/// Whose a file of a process is: its effective user's; root's, where it is not to be looked into or has ended
/// (fs/proc/base.c, task_dump_owner).
fn owner(kernel: &SimKernel, tid: Tid, mode: u32) -> (u32, u32) {
    const OPEN_TO_ALL: u32 = 0o555;
    let Some(process) = kernel.process(tid) else { return (0, 0) };
    let cred = &process.cred;
    if mode == OPEN_TO_ALL || (process.dumpable && !process.is_zombie()) {
        return (cred.uid.effective, cred.gid.effective);
    }
    let root = kernel.user_space(if process.is_zombie() { kernel.node_ns.user } else { process.executed_in });
    (root.id(IdKind::User, 0).unwrap_or(0), root.id(IdKind::Group, 0).unwrap_or(0))
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
                // A zombie has given them back.
                _ if process.is_zombie() => None,
                "cwd" => Some(shown(process.cwd)),
                "root" => Some(shown(process.root)),
                "exe" if !process.exe.is_empty() => Some(process.exe.clone()),
                _ => None,
            }
        }
        Place::Fd(tid, fd) => {
            let ofd = kernel.process(tid)?.fds.get(&fd)?.ofd;
            let opened = kernel.files.get(ofd)?;
            Some(match opened.what {
                Opened::File(loc) if loc.fs == NSFS => kernel.ns_text(loc)?,
                Opened::File(loc)
                    if kernel.filesystems.inode(loc.fs, loc.ino).is_some_and(|inode| inode.nlink == 0) =>
                {
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

/// The process that only who may look into it can follow this link of, or read this file of.
pub(super) fn guarded(ino: Ino) -> Option<Tid> {
    match Place::at(ino) {
        Place::Of(tid, of) => ["cwd", "environ", "exe", "root"].contains(&PID_NAMES[of]).then_some(tid),
        Place::Fd(tid, _) | Place::Ns(tid, _) => Some(tid),
        _ => None,
    }
}

/// A file that sets ids, and the user namespace of which.
pub(super) fn id_file(kernel: &SimKernel, ino: Ino) -> Option<(IdFile, NsId)> {
    let Place::Of(tid, of) = Place::at(ino) else { return None };
    let file = match PID_NAMES[of] {
        "uid_map" => IdFile::Map(IdKind::User),
        "gid_map" => IdFile::Map(IdKind::Group),
        "setgroups" => IdFile::Setgroups,
        _ => return None,
    };
    Some((file, kernel.process(tid)?.ns.user))
}

fn namespace(kernel: &SimKernel, tid: Tid, kind: usize) -> Option<NsId> {
    let process = kernel.process(tid)?;
    match NS_NAMES[kind] {
        // Nothing before its first process was there (kernel/pid_namespace.c, pidns_for_children_get).
        "pid_for_children" => {
            let ns = process.pid_for_children;
            kernel.pid_spaces.get(ns)?.init.map(|_| ns)
        }
        "time" => Some(process.time_ns),
        "time_for_children" => Some(process.time_for_children),
        name => process.ns.each().into_iter().find(|(kind, _)| *kind == name).map(|(_, ns)| ns),
    }
}

/// What a read of the file gives; ESRCH if its process is gone.
pub(super) fn content(kernel: &SimKernel, view: &View, ns: NsId, ino: Ino) -> Result<Vec<u8>, Errno> {
    let strings = |strings: &[String]| strings.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
    let (tid, name) = match Place::at(ino) {
        Place::Top(top) if ROOT_NAMES[top] == "version" => return Ok(version(kernel).into_bytes()),
        Place::Sys(at) => return Ok(sys::read(kernel, view.tid, at).unwrap_or_default().into_bytes()),
        Place::Of(tid, of) => (tid, PID_NAMES[of]),
        Place::OfTask(tid, of) => (tid, TASK_NAMES[of]),
        _ => return Ok(Vec::new()),
    };
    let Some(process) = kernel.process(tid) else {
        // These hold what they show from when they were opened.
        return if ["environ", "mountinfo", "mounts"].contains(&name) { Ok(Vec::new()) } else { Err(Errno::ESRCH) };
    };
    Ok(match name {
        "cmdline" if !process.is_zombie() => strings(&process.argv),
        "environ" if !process.is_zombie() => strings(&process.env),
        "comm" => format!("{}\n", process.comm).into_bytes(),
        "stat" => status::stat(kernel, process, view.tid, ns).into_bytes(),
        "status" => status::status(kernel, process, view, ns).into_bytes(),
        "mounts" => mountinfo::mounts(kernel, process).into_bytes(),
        "mountinfo" => mountinfo::mountinfo(kernel, process).into_bytes(),
        "oom_score" => format!("{}\n", oom::score(process)).into_bytes(),
        "oom_score_adj" => format!("{}\n", process.oom_score_adj).into_bytes(),
        "children" => children(kernel, tid, ns).into_bytes(),
        "cgroup" => {
            let viewer = kernel.process(view.tid).map_or(kernel.node_ns.cgroup, |viewer| viewer.ns.cgroup);
            kernel.cgroup_lines(process, viewer).into_bytes()
        }
        "timens_offsets" => kernel.timens_offsets(tid).unwrap_or_default().into_bytes(),
        _ => Vec::new(),
    })
}

/// Sets what a file stands for, where guests may. Answers the bytes that were taken, and by how many the descriptor moved.
pub(super) fn set(
    kernel: &mut SimKernel,
    writer: Tid,
    ino: Ino,
    offset: u64,
    data: &[u8],
) -> Result<(usize, u64), Errno> {
    match Place::at(ino) {
        Place::Sys(at) => sys::write(kernel, writer, at, offset, data).map(|()| (data.len(), data.len() as u64)),
        Place::Of(tid, TIMENS) => kernel.set_timens_offsets(writer, tid, offset, data).map(|taken| (taken, 0)),
        Place::Of(tid, of) if PID_NAMES[of] == "oom_score_adj" => {
            oom::set_adj(kernel, tid, data).map(|()| (data.len(), data.len() as u64))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Does a guest set something with this file of a process?
pub fn is_settable(name: &str) -> bool {
    ["oom_score_adj", PID_NAMES[TIMENS]].contains(&name) || ID_FILES.contains(&name)
}

pub(super) fn is_writable(ino: Ino) -> bool {
    match Place::at(ino) {
        Place::Sys(at) => sys::is_writable(sys::ENTRIES[at].0),
        Place::Of(_, of) => is_settable(PID_NAMES[of]),
        _ => false,
    }
}

fn children(kernel: &SimKernel, tid: Tid, ns: NsId) -> String {
    let children = kernel.children(tid).into_iter().filter_map(|child| kernel.process(child));
    children.map(|child| format!("{} ", child.pids.shown_in(ns))).collect()
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
pub(super) fn pids_from(pid: &Pid, ns: NsId) -> Vec<u32> {
    pid.iter().skip_while(|(id, _)| *id != ns).map(|(_, pid)| *pid).collect()
}

pub(super) fn ppid_in(kernel: &SimKernel, process: &Process, ns: NsId) -> u32 {
    process.parent.and_then(|parent| kernel.process(parent)?.pid_in(ns)).unwrap_or(0)
}

fn kind(ino: Ino) -> (FileKind, u32) {
    match Place::at(ino) {
        Place::Root | Place::Pid(_) | Place::Task(_) => (FileKind::Dir, 0o555),
        Place::Sys(at) => sys::ENTRIES[at].1.map_or((FileKind::Dir, 0o555), |mode| (FileKind::File, mode)),
        Place::OfTask(_, of) => (FileKind::File, if TASK_NAMES[of] == "comm" { 0o644 } else { 0o444 }),
        Place::Top(top) if ROOT_NAMES[top] == "version" => (FileKind::File, 0o444),
        Place::Top(_) | Place::Ns(..) => (FileKind::Symlink, 0o777),
        Place::Fd(..) => (FileKind::Symlink, 0o700),
        Place::Of(_, of) => match PID_NAMES[of] {
            "cwd" | "exe" | "root" => (FileKind::Symlink, 0o777),
            "fd" => (FileKind::Dir, 0o500),
            "ns" => (FileKind::Dir, 0o511),
            "task" => (FileKind::Dir, 0o555),
            "comm" | "gid_map" | "oom_score_adj" | "setgroups" | "timens_offsets" | "uid_map" => {
                (FileKind::File, 0o644)
            }
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
