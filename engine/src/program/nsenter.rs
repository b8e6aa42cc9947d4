//! `nsenter` of util-linux 2.38: runs a program in namespaces of another process.

use super::Program;
use super::execvp::{self, Execvp};
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use crate::call::{CloneFlags, Credentials, Errno, Fd, OpenFlags, Ret, Signal, Sys, WaitStatus};
use serde::{Deserialize, Serialize};

/// Option, name in `/proc/PID/ns` and kind, in the order of entering. The user namespace comes first for who gains by it,
/// and last, in a second pass, for who would lose what the others ask for.
const KINDS: [(char, &str); 7] =
    [('U', "user"), ('C', "cgroup"), ('i', "ipc"), ('u', "uts"), ('n', "net"), ('p', "pid"), ('m', "mnt")];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nsenter {
    target: Option<u32>,
    /// What is to be entered, with the file each is opened as.
    wanted: Vec<Wanted>,
    forks: bool,
    /// Whom it becomes there.
    uid: Option<u32>,
    gid: Option<u32>,
    /// setgroups(2) is tried on both sides of the entrance; one of them may refuse.
    groups_refused: u32,
    exec: Execvp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wanted {
    name: String,
    path: String,
    fd: Option<Fd>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Of `--all`: not the user namespace that it is in already.
    Compare {
        own: Option<String>,
    },
    Open(usize),
    Opened(usize),
    Enter {
        at: usize,
        last: bool,
    },
    Entered {
        at: usize,
        last: bool,
    },
    Fork,
    Forked,
    Waited,
    EndBy(Signal),
    DropGroups,
    GroupsDropped,
    /// A call that must succeed, and what is said if it does not.
    Must(Sys, String),
    MustDone(String),
    Exec,
    Ignore,
}

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    build(says, args, env).unwrap_or_else(|misuse| misuse.with_status(1))
}

fn build(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "aFP",
        values: "tSG",
        optional: "muinpCU",
        long: &[
            ("all", 'a'),
            ("target", 't'),
            ("mount", 'm'),
            ("uts", 'u'),
            ("ipc", 'i'),
            ("net", 'n'),
            ("pid", 'p'),
            ("cgroup", 'C'),
            ("user", 'U'),
            ("setuid", 'S'),
            ("setgid", 'G'),
            ("preserve-credentials", 'P'),
            ("no-fork", 'F'),
        ],
        posix: true,
    };
    let parsed = Parsed::of(says, args, &options)?;
    let target = match parsed.value('t') {
        Some(text) => {
            let bad = || Misuse::plain(says, &format!("failed to parse pid: '{text}'"));
            Some(text.parse::<u32>().map_err(|_| bad())?)
        }
        None => None,
    };
    if parsed.has('a') && target.is_none() {
        return Err(Misuse::plain(says, "no target PID specified for --all"));
    }
    let mut wanted = Vec::new();
    for (letter, name) in KINDS {
        let path = match (parsed.value(letter), target) {
            (Some(path), _) => path.to_owned(),
            (None, Some(pid)) if parsed.has(letter) || parsed.has('a') => format!("/proc/{pid}/ns/{name}"),
            (None, None) if parsed.has(letter) => {
                let text = format!("neither filename nor target pid supplied for ns/{name}");
                return Err(Misuse::plain(says, &text));
            }
            _ => continue,
        };
        wanted.push(Wanted { name: name.to_owned(), path, fd: None });
    }
    let id = |letter: char, what: &str| match parsed.value(letter) {
        Some(text) => {
            text.parse::<u32>().map(Some).map_err(|_| Misuse::plain(says, &format!("failed to parse {what}: '{text}'")))
        }
        None => Ok(None),
    };
    let (uid, gid) = (id('S', "uid")?, id('G', "gid")?);
    // In another user namespace it is root there, unless it is to be somebody else.
    let root = (wanted.first().is_some_and(|wanted| wanted.name == "user") && !parsed.has('P')).then_some(0);
    let compares = parsed.has('a') && !parsed.has('U') && parsed.value('U').is_none();
    let first = if compares { Task::Compare { own: None } } else { Task::Open(0) };
    let tool = Nsenter {
        target,
        forks: !parsed.has('F') && wanted.iter().any(|wanted| wanted.name == "pid"),
        wanted,
        uid: uid.or(root),
        gid: gid.or(root),
        groups_refused: 0,
        exec: Execvp::new(&execvp::program_or_shell(&parsed.operands, env), env),
    };
    Ok(Program::Nsenter(Box::new(Machine::new(says, tool, [first]))))
}

impl Steps<Task> for Nsenter {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Compare { own } => return self.compare(own, ret, cx),
            Task::Open(at) => match self.wanted.get(at) {
                Some(Wanted { path, .. }) => {
                    let flags = OpenFlags { cloexec: true, ..OpenFlags::READ };
                    return cx.call(Sys::Open { path: path.clone(), flags, mode: 0 }, Task::Opened(at));
                }
                None => {
                    let user = self.wanted.first().is_some_and(|wanted| wanted.name == "user");
                    cx.push(Task::Enter { at: usize::from(user), last: false });
                    if user && self.gid.is_some() {
                        cx.push(Task::DropGroups);
                    }
                }
            },
            Task::Opened(at) => match answer::fd(ret) {
                Ok(fd) => {
                    self.wanted[at].fd = Some(fd);
                    cx.push(Task::Open(at + 1));
                }
                Err(errno) => {
                    cx.exit(1);
                    cx.complain(&format!("cannot open {}: {}", self.wanted[at].path, errno.text()));
                }
            },
            Task::Enter { at, last } => return self.enter(at, last, cx),
            Task::Entered { at, last } => match answer::done(ret) {
                Ok(()) => {
                    cx.push(Task::Enter { at: at + 1, last });
                    return self.wanted[at].fd.take().and_then(|fd| cx.call(Sys::Close { fd }, Task::Ignore));
                }
                Err(_) if !last => cx.push(Task::Enter { at: at + 1, last }),
                Err(errno) => {
                    let name = &self.wanted[at].name;
                    failed(&format!("reassociate to namespace 'ns/{name}'"), errno, cx);
                }
            },
            Task::Fork => {
                let child = Machine::new(&cx.name, self.clone(), self.at_last());
                let child = Box::new(Program::Nsenter(Box::new(child)));
                return cx.call(Sys::Fork { child, until_exec: false }, Task::Forked);
            }
            Task::Forked => match answer::fd(ret) {
                Ok(pid) => return cx.call(Sys::Wait { pid, nohang: false }, Task::Waited),
                Err(errno) => failed("fork", errno, cx),
            },
            Task::Waited => match ret {
                Ret::Waited { status: WaitStatus::Exited(code), .. } => cx.status = code,
                Ret::Waited { status: WaitStatus::Signaled(signal), .. } => cx.push(Task::EndBy(signal)),
                _ => cx.status = 1,
            },
            Task::EndBy(signal) => match ret {
                Ret::Start => return cx.call(Sys::Getpid, Task::EndBy(signal)),
                ret => {
                    cx.exit(1);
                    return Some(Sys::Kill { pid: answer::fd(ret).unwrap_or(0), signal });
                }
            },
            Task::DropGroups => {
                return cx.call(Sys::Credentials(Credentials::Setgroups(Vec::new())), Task::GroupsDropped);
            }
            Task::GroupsDropped => {
                if let Err(errno) = answer::done(ret) {
                    self.groups_refused += 1;
                    if self.groups_refused > 1 {
                        failed("setgroups", errno, cx);
                    }
                }
            }
            Task::Must(sys, what) => return cx.call(sys, Task::MustDone(what)),
            Task::MustDone(what) => {
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

impl Nsenter {
    /// What it does where it wanted to be.
    fn at_last(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        if let Some(gid) = self.gid {
            tasks.push(Task::DropGroups);
            tasks.push(Task::Must(Sys::Setgid { gid }, "setgid".to_owned()));
        }
        tasks.extend(self.uid.map(|uid| Task::Must(Sys::Setuid { uid }, "setuid".to_owned())));
        tasks.push(Task::Exec);
        tasks
    }

    /// Nobody enters the user namespace that it is in (setns(2)).
    fn compare(&mut self, own: Option<String>, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let link = |pid: &str| Sys::Readlink { path: format!("/proc/{pid}/ns/user") };
        match (ret, own) {
            (Ret::Start, _) => return cx.call(link("self"), Task::Compare { own: None }),
            (Ret::Text(text), None) => {
                let target = self.target.unwrap_or(0).to_string();
                return cx.call(link(&target), Task::Compare { own: Some(text) });
            }
            (Ret::Text(target), Some(own)) if target != own => {}
            (_, Some(_)) => self.wanted.retain(|wanted| wanted.name != "user"),
            (_, None) => {}
        }
        cx.push(Task::Open(0));
        None
    }

    fn enter(&self, at: usize, last: bool, cx: &mut Cx<Task>) -> Option<Sys> {
        let Some(wanted) = self.wanted.get(at) else {
            match (last, self.forks) {
                (false, _) => cx.push(Task::Enter { at: 0, last: true }),
                (true, true) => cx.push(Task::Fork),
                (true, false) => cx.push_all(self.at_last()),
            }
            return None;
        };
        match wanted.fd {
            Some(fd) => cx.call(Sys::Setns { fd, kind: kind_of(&wanted.name) }, Task::Entered { at, last }),
            None => {
                cx.push(Task::Enter { at: at + 1, last });
                None
            }
        }
    }
}

fn kind_of(name: &str) -> CloneFlags {
    let mut flags = CloneFlags::default();
    *match name {
        "user" => &mut flags.user,
        "cgroup" => &mut flags.cgroup,
        "ipc" => &mut flags.ipc,
        "uts" => &mut flags.uts,
        "net" => &mut flags.net,
        "pid" => &mut flags.pid,
        _ => &mut flags.mnt,
    } = true;
    flags
}

fn failed(what: &str, errno: Errno, cx: &mut Cx<Task>) {
    cx.exit(1);
    cx.complain(&format!("{what} failed: {}", errno.text()));
}
