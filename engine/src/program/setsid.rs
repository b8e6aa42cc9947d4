//! `setsid` of util-linux 2.38: runs a program in a session of its own.

use super::Program;
use super::execvp::Execvp;
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use crate::call::{Ret, Sys, WaitStatus};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setsid {
    forks: bool,
    waits: bool,
    pid: i64,
    exec: Execvp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Begin,
    Pid,
    Group,
    Fork,
    Forked,
    Waited,
    Setsid,
    Own,
    Exec,
}

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    let options = Options {
        flags: "cfw",
        long: &[("ctty", 'c'), ("fork", 'f'), ("wait", 'w')],
        posix: true,
        ..Options::default()
    };
    let built = Parsed::of(says, args, &options).and_then(|parsed| match parsed.operands.is_empty() {
        true => Err(Misuse::new(says, "no command specified".to_owned())),
        false => {
            let exec = Execvp::new(&parsed.operands, env);
            let tool = Setsid { forks: parsed.has('f'), waits: parsed.has('w'), pid: 0, exec };
            Ok(Program::Setsid(Box::new(Machine::new(says, tool, [Task::Begin]))))
        }
    });
    built.unwrap_or_else(|misuse| misuse.with_status(1))
}

impl Steps<Task> for Setsid {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Begin if self.forks => cx.push(Task::Fork),
            Task::Begin => return cx.call(Sys::Getpid, Task::Pid),
            Task::Pid => {
                self.pid = answer::int(ret).unwrap_or(0);
                return cx.call(Sys::Getpgid { pid: 0 }, Task::Group);
            }
            // Whoever leads a group cannot leave it for a session: a child can.
            Task::Group => cx.push(if answer::int(ret) == Ok(self.pid) { Task::Fork } else { Task::Setsid }),
            Task::Fork => {
                let tasks = [Task::Setsid];
                let child = Box::new(Program::Setsid(Box::new(Machine::new(&cx.name, self.clone(), tasks))));
                return cx.call(Sys::Fork { child, until_exec: false }, Task::Forked);
            }
            Task::Forked => match answer::fd(ret) {
                Ok(pid) if self.waits => return cx.call(Sys::Wait { pid, nohang: false }, Task::Waited),
                Ok(_) => {}
                Err(errno) => {
                    cx.exit(1);
                    cx.complain(&format!("fork: {}", errno.text()));
                }
            },
            Task::Waited => {
                cx.status = match ret {
                    Ret::Waited { status: WaitStatus::Exited(code), .. } => code,
                    Ret::Waited { status, .. } => status.shell_code(),
                    _ => 1,
                };
            }
            Task::Setsid => return cx.call(Sys::Setsid, Task::Own),
            Task::Own => match answer::done(ret) {
                Ok(()) => cx.push(Task::Exec),
                Err(errno) => {
                    cx.exit(1);
                    cx.complain(&format!("setsid failed: {}", errno.text()));
                }
            },
            Task::Exec => match self.exec.next(ret) {
                Ok(sys) => return cx.call(sys, Task::Exec),
                Err(errno) => self.exec.fail(errno, cx),
            },
        }
        None
    }
}
