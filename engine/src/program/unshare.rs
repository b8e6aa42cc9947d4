//! `unshare` of util-linux 2.38: runs a program with some namespaces of its own.

use super::Program;
use super::execvp::{self, Execvp};
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use crate::call::{
    CloneFlags, Credentials, Disposition, Errno, Fd, MountFlags, OpenFlags, Prctl, Ret, Signal, Sys, WaitStatus,
};
use serde::{Deserialize, Serialize};

/// Signals that the parent of a forked program leaves to it.
const LEFT_TO_CHILD: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unshare {
    flags: CloneFlags,
    forks: bool,
    /// What is arranged before the program is executed, by whoever becomes it.
    plan: Plan,
    /// The caller's effective ids before, from which maps lead.
    uid: i64,
    gid: i64,
    exec: Execvp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    kill_child: Option<Signal>,
    map_user: Option<Mapped>,
    map_group: Option<Mapped>,
    setgroups: Option<String>,
    propagation: Option<MountFlags>,
    root: Option<String>,
    cwd: Option<String>,
    /// Where a procfs is mounted.
    proc: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
}

/// What the caller's own id becomes in a new user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Mapped {
    To(u32),
    /// `--map-current-user`.
    Itself,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Uid,
    Gid,
    GidKnown,
    Unshare,
    Unshared,
    Mask(Signal, bool),
    Fork,
    Forked,
    Waited,
    /// Ends as its child ended.
    EndBy(Signal),
    /// Opens a file, writes to it and closes it.
    Write {
        path: String,
        text: String,
    },
    Opened {
        path: String,
        text: String,
    },
    Wrote {
        path: String,
        fd: Fd,
    },
    /// A call, and what is said to have failed if it fails.
    Do(Sys, String),
    Done(String),
    Exec,
    Ignore,
}

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    build(says, args, env).unwrap_or_else(|misuse| misuse.with_status(1))
}

fn build(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "mupinUCTfrc",
        values: "RwSGgabd",
        optional: "PK",
        long: &[
            ("mount", 'm'),
            ("uts", 'u'),
            ("pid", 'p'),
            ("ipc", 'i'),
            ("net", 'n'),
            ("user", 'U'),
            ("cgroup", 'C'),
            ("time", 'T'),
            ("fork", 'f'),
            ("map-root-user", 'r'),
            ("map-current-user", 'c'),
            ("map-user", 'a'),
            ("map-group", 'b'),
            ("mount-proc", 'P'),
            ("kill-child", 'K'),
            ("propagation", 'd'),
            ("setgroups", 'g'),
            ("root", 'R'),
            ("wd", 'w'),
            ("setuid", 'S'),
            ("setgid", 'G'),
        ],
        posix: true,
    };
    let parsed = Parsed::of(says, args, &options)?;
    let plan = plan(says, &parsed)?;
    let tool = Unshare {
        flags: CloneFlags {
            pid: parsed.has('p'),
            mnt: parsed.has('m') || plan.proc.is_some(),
            uts: parsed.has('u'),
            ipc: parsed.has('i'),
            net: parsed.has('n'),
            user: parsed.has('U') || plan.map_user.is_some() || plan.map_group.is_some(),
            cgroup: parsed.has('C'),
            time: parsed.has('T'),
        },
        forks: parsed.has('f') || plan.kill_child.is_some(),
        plan,
        uid: 0,
        gid: 0,
        exec: Execvp::new(&execvp::program_or_shell(&parsed.operands, env), env),
    };
    Ok(Program::Unshare(Box::new(Machine::new(says, tool, [Task::Uid]))))
}

fn plan(says: &str, parsed: &Parsed) -> Result<Plan, Misuse> {
    let number = |letter: char, what: &str| {
        let bad = |text: &str| Misuse::plain(says, &format!("failed to parse {what}: '{text}'"));
        parsed.value(letter).map(|text| text.parse::<u32>().map_err(|_| bad(text))).transpose()
    };
    let whole = match (parsed.has('r'), parsed.has('c')) {
        (true, _) => Some(Mapped::To(0)),
        (_, true) => Some(Mapped::Itself),
        _ => None,
    };
    let map_group = number('b', "gid")?.map(Mapped::To).or(whole);
    let setgroups = match parsed.value('g') {
        Some("allow") if map_group.is_some() => {
            return Err(Misuse::plain(says, "options --setgroups=allow and --map-group are mutually exclusive"));
        }
        Some(word @ ("allow" | "deny")) => Some(word.to_owned()),
        Some(other) => return Err(Misuse::plain(says, &format!("unsupported --setgroups argument '{other}'"))),
        None => map_group.map(|_| "deny".to_owned()),
    };
    let recursive = MountFlags { recursive: true, ..MountFlags::default() };
    let propagation = match parsed.value('d') {
        None | Some("private") => Some(MountFlags { private: true, ..recursive }),
        Some("slave") => Some(MountFlags { slave: true, ..recursive }),
        Some("shared") => Some(MountFlags { shared: true, ..recursive }),
        Some("unchanged") => None,
        Some(other) => return Err(Misuse::plain(says, &format!("unsupported propagation mode: {other}"))),
    };
    let kill_child = match (parsed.has('K'), parsed.value('K')) {
        (_, Some(name)) => {
            let known = |signal: &&Signal| signal.name().trim_start_matches("SIG") == name.trim_start_matches("SIG");
            let by_number = name.parse().ok().and_then(Signal::from_number);
            let signal = by_number.or(Signal::ALL.iter().find(known).copied());
            Some(signal.ok_or_else(|| Misuse::plain(says, &format!("unknown signal: {name}")))?)
        }
        (true, None) => Some(Signal::SIGKILL),
        _ => None,
    };
    Ok(Plan {
        kill_child,
        map_user: number('a', "uid")?.map(Mapped::To).or(whole),
        map_group,
        setgroups,
        propagation: propagation.filter(|_| parsed.has('m') || parsed.has('P') || parsed.value('P').is_some()),
        root: parsed.value('R').map(str::to_owned),
        cwd: parsed.value('w').map(str::to_owned),
        proc: parsed.value('P').map(str::to_owned).or(parsed.has('P').then(|| "/proc".to_owned())),
        uid: number('S', "uid")?,
        gid: number('G', "gid")?,
    })
}

impl Steps<Task> for Unshare {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Uid => return cx.call(Sys::Credentials(Credentials::Geteuid), Task::Gid),
            Task::Gid => {
                self.uid = answer::int(ret).unwrap_or(0);
                return cx.call(Sys::Credentials(Credentials::Getegid), Task::GidKnown);
            }
            Task::GidKnown => {
                self.gid = answer::int(ret).unwrap_or(0);
                cx.push(Task::Unshare);
            }
            Task::Unshare => return cx.call(Sys::Unshare { flags: self.flags }, Task::Unshared),
            Task::Unshared => match answer::done(ret) {
                Ok(()) if self.forks => {
                    cx.push_all(LEFT_TO_CHILD.map(|signal| Task::Mask(signal, true)).into_iter().chain([Task::Fork]));
                }
                Ok(()) => cx.push_all(self.arrange()),
                Err(errno) => failed("unshare failed", errno, cx),
            },
            Task::Mask(signal, block) => return cx.call(Sys::SigMask { signal, block }, Task::Ignore),
            Task::Fork => return self.fork(cx),
            Task::Forked => match answer::fd(ret) {
                Ok(pid) => return cx.call(Sys::Wait { pid, nohang: false }, Task::Waited),
                Err(errno) => failed("fork failed", errno, cx),
            },
            Task::Waited => return waited(ret, cx),
            Task::EndBy(signal) => match ret {
                Ret::Start => return cx.call(Sys::Getpid, Task::EndBy(signal)),
                ret => {
                    // Where that does not end it: the first process of a pid namespace.
                    cx.exit(1);
                    return Some(Sys::Kill { pid: answer::fd(ret).unwrap_or(0), signal });
                }
            },
            Task::Write { path, text } => {
                let flags = OpenFlags { read: false, write: true, ..OpenFlags::READ };
                return cx.call(Sys::Open { path: path.clone(), flags, mode: 0 }, Task::Opened { path, text });
            }
            Task::Opened { path, text } => match answer::fd(ret) {
                Ok(fd) => return cx.call(Sys::Write { fd, data: text.into_bytes() }, Task::Wrote { path, fd }),
                Err(errno) => failed(&format!("cannot open {path}"), errno, cx),
            },
            Task::Wrote { path, fd } => match answer::int(ret) {
                Ok(_) => return cx.call(Sys::Close { fd }, Task::Ignore),
                Err(errno) => failed(&format!("write failed {path}"), errno, cx),
            },
            Task::Do(sys, what) => return cx.call(sys, Task::Done(what)),
            Task::Done(what) => {
                if let Err(errno) = answer::done(ret) {
                    failed(&what, errno, cx);
                }
            }
            Task::Exec => match self.exec.next(ret) {
                Ok(sys) => return cx.call(sys, Task::Exec),
                Err(errno) => self.exec.fail(errno, cx),
            },
            Task::Ignore => {}
        }
        None
    }
}

impl Unshare {
    fn fork(&self, cx: &mut Cx<Task>) -> Option<Sys> {
        let unmask = LEFT_TO_CHILD.map(|signal| Task::Mask(signal, false));
        let tasks = unmask.into_iter().chain(self.arrange());
        let child = Box::new(Program::Unshare(Box::new(Machine::new(&cx.name, self.clone(), tasks))));
        cx.call(Sys::Fork { child, until_exec: false }, Task::Forked)
    }

    /// What whoever becomes the program does before, in the order of sys-utils/unshare.c.
    fn arrange(&self) -> Vec<Task> {
        let plan = &self.plan;
        let mut tasks = Vec::new();
        let mut make = |sys: Sys, what: &str| tasks.push(Task::Do(sys, what.to_owned()));
        if let Some(signal) = plan.kill_child {
            make(Sys::Prctl(Prctl::SetPdeathsig(Some(signal))), "prctl failed");
        }
        tasks.extend(self.maps());
        let mut make = |sys: Sys, what: &str| tasks.push(Task::Do(sys, what.to_owned()));
        if let Some(flags) = plan.propagation {
            make(mount("none", "/", "", flags), "cannot change root filesystem propagation");
        }
        if let Some(root) = &plan.root {
            make(Sys::Chroot { path: root.clone() }, &format!("cannot change root directory to '{root}'"));
        }
        if let Some(cwd) = plan.cwd.clone().or(plan.root.as_ref().map(|_| "/".to_owned())) {
            make(Sys::Chdir { path: cwd.clone() }, &format!("cannot chdir to '{cwd}'"));
        }
        if let Some(proc) = &plan.proc {
            let flags = MountFlags { nosuid: true, nodev: true, noexec: true, ..MountFlags::default() };
            make(mount("proc", proc, "proc", flags), &format!("mount {proc} failed"));
        }
        if let Some(gid) = plan.gid {
            make(Sys::Credentials(Credentials::Setgroups(Vec::new())), "setgroups failed");
            make(Sys::Setgid { gid }, "setgid failed");
        }
        if let Some(uid) = plan.uid {
            make(Sys::Setuid { uid }, "setuid failed");
        }
        tasks.push(Task::Exec);
        tasks
    }

    /// Since Linux 3.19 a group map is written without privilege only where setgroups(2) is denied for ever.
    fn maps(&self) -> Vec<Task> {
        let write = |name: &str, text: String| Task::Write { path: format!("/proc/self/{name}"), text };
        let map = |name: &str, own: i64, to: Mapped| match to {
            Mapped::To(id) => write(name, format!("{id} {own} 1")),
            Mapped::Itself => write(name, format!("{own} {own} 1")),
        };
        let user = self.plan.map_user.map(|to| map("uid_map", self.uid, to));
        let setgroups = self.plan.setgroups.clone().map(|word| write("setgroups", word));
        let group = self.plan.map_group.map(|to| map("gid_map", self.gid, to));
        user.into_iter().chain(setgroups).chain(group).collect()
    }
}

fn waited(ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
    match ret {
        Ret::Waited { status: WaitStatus::Exited(code), .. } => cx.status = code,
        Ret::Waited { status: WaitStatus::Signaled(signal), .. } => {
            cx.push_all([Task::Mask(signal, false), Task::EndBy(signal)]);
            return cx.call(Sys::SigAction { signal, to: Disposition::Default }, Task::Ignore);
        }
        other => failed("waitpid failed", answer::done(other).err().unwrap_or(Errno::EIO), cx),
    }
    None
}

fn mount(source: &str, target: &str, fstype: &str, flags: MountFlags) -> Sys {
    let (source, target, fstype) = (source.to_owned(), target.to_owned(), fstype.to_owned());
    Sys::Mount { source, target, fstype, flags, data: String::new() }
}

fn failed(what: &str, errno: Errno, cx: &mut Cx<Task>) {
    cx.exit(1);
    cx.complain(&format!("{what}: {}", errno.text()));
}
