//! `unshare` of util-linux 2.38: runs a program with some namespaces of its own.

use super::Program;
use super::execvp::{self, Execvp};
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use crate::call::{CloneFlags, Disposition, Errno, MountFlags, Ret, Signal, Sys, WaitStatus};
use serde::{Deserialize, Serialize};

/// Signals that the parent of a forked program leaves to it.
const LEFT_TO_CHILD: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unshare {
    flags: CloneFlags,
    forks: bool,
    /// Where a procfs is mounted.
    proc: Option<String>,
    exec: Execvp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Unshare,
    Unshared,
    Mask(Signal, bool),
    Fork,
    Forked,
    Waited,
    /// Ends as its child ended.
    EndBy(Signal),
    Mount,
    Mounted,
    Exec,
    Ignore,
}

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    build(says, args, env).unwrap_or_else(|misuse| misuse.with_status(1))
}

fn build(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "mupinUCfr",
        optional: "P",
        long: &[
            ("mount", 'm'),
            ("uts", 'u'),
            ("pid", 'p'),
            ("ipc", 'i'),
            ("net", 'n'),
            ("user", 'U'),
            ("cgroup", 'C'),
            ("fork", 'f'),
            ("map-root-user", 'r'),
            ("mount-proc", 'P'),
        ],
        posix: true,
        ..Options::default()
    };
    let parsed = Parsed::of(says, args, &options)?;
    let proc = parsed.value('P').map(str::to_owned).or(parsed.has('P').then(|| "/proc".to_owned()));
    let tool = Unshare {
        flags: CloneFlags {
            pid: parsed.has('p'),
            mnt: parsed.has('m') || proc.is_some(),
            uts: parsed.has('u'),
            ipc: parsed.has('i'),
            net: parsed.has('n'),
            user: parsed.has('U') || parsed.has('r'),
            cgroup: parsed.has('C'),
        },
        forks: parsed.has('f'),
        proc,
        exec: Execvp::new(&execvp::program_or_shell(&parsed.operands, env), env),
    };
    Ok(Program::Unshare(Box::new(Machine::new(says, tool, [Task::Unshare]))))
}

impl Steps<Task> for Unshare {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Unshare => return cx.call(Sys::Unshare { flags: self.flags }, Task::Unshared),
            Task::Unshared => match answer::done(ret) {
                Ok(()) if self.forks => {
                    cx.push_all(LEFT_TO_CHILD.map(|signal| Task::Mask(signal, true)).into_iter().chain([Task::Fork]));
                }
                Ok(()) => cx.push_all(self.arrange()),
                Err(errno) => failed("unshare", errno, cx),
            },
            Task::Mask(signal, block) => return cx.call(Sys::SigMask { signal, block }, Task::Ignore),
            Task::Fork => {
                let unmask = LEFT_TO_CHILD.map(|signal| Task::Mask(signal, false));
                let tasks = unmask.into_iter().chain(self.arrange());
                let child = Box::new(Program::Unshare(Box::new(Machine::new(&cx.name, self.clone(), tasks))));
                return cx.call(Sys::Fork { child, until_exec: false }, Task::Forked);
            }
            Task::Forked => match answer::fd(ret) {
                Ok(pid) => return cx.call(Sys::Wait { pid, nohang: false }, Task::Waited),
                Err(errno) => failed("fork", errno, cx),
            },
            Task::Waited => match ret {
                Ret::Waited { status: WaitStatus::Exited(code), .. } => cx.status = code,
                Ret::Waited { status: WaitStatus::Signaled(signal), .. } => {
                    cx.push_all([Task::Mask(signal, false), Task::EndBy(signal)]);
                    let default = Sys::SigAction { signal, to: Disposition::Default };
                    return cx.call(default, Task::Ignore);
                }
                other => failed("waitpid", answer::done(other).err().unwrap_or(Errno::EIO), cx),
            },
            Task::EndBy(signal) => match ret {
                Ret::Start => return cx.call(Sys::Getpid, Task::EndBy(signal)),
                ret => {
                    // Where that does not end it: the first process of a pid namespace.
                    cx.exit(1);
                    return Some(Sys::Kill { pid: answer::fd(ret).unwrap_or(0), signal });
                }
            },
            Task::Mount => {
                let proc = Sys::Mount {
                    source: "proc".to_owned(),
                    target: self.proc.clone().unwrap_or_default(),
                    fstype: "proc".to_owned(),
                    flags: MountFlags::default(),
                    data: String::new(),
                };
                return cx.call(proc, Task::Mounted);
            }
            Task::Mounted => {
                if let Err(errno) = answer::done(ret) {
                    failed(&format!("mount {}", self.proc.as_deref().unwrap_or_default()), errno, cx);
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
    /// What whoever becomes the program does before.
    fn arrange(&self) -> Vec<Task> {
        self.proc.iter().map(|_| Task::Mount).chain([Task::Exec]).collect()
    }
}

fn failed(what: &str, errno: Errno, cx: &mut Cx<Task>) {
    cx.exit(1);
    cx.complain(&format!("{what} failed: {}", errno.text()));
}
