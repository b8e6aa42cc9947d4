//! `call`: makes single system calls and prints each with its answer, as strace(1) does. Not a tool of any distribution:
//! what the tools of one do not reach, a flag that none sets, an errno that none prints, is asked with it.
//!
//! ```text
//! call 'unshare(CLONE_NEWPID); child = fork { getpid(); exit(3) }; wait(child)'
//! ```
//!
//! A script is statements, separated by `;` or line ends: a call, `fork { … }` or `vfork { … }`, each perhaps kept in a
//! variable. `clone(FLAGS) { … }` is a fork with the flags of clone(2). A child prints indented by its depth, and ends where its block does. [`syntax`] reads, [`build`] has the
//! calls; this module runs them.

mod build;
mod syntax;

use super::machine::{Cx, Machine, Steps};
use super::{Program, plain};
use crate::call::{CapSets, ChildState, Ret, Stat, Sys, WaitStatus};
use serde::{Deserialize, Serialize};
use syntax::{Kind, Statement};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    depth: u32,
    variables: Vec<(String, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Do(Statement),
    /// The statement's text, and the variable that keeps the answer.
    Did(String, Option<String>),
}

pub fn start(says: &str, args: &[String]) -> Program {
    let script = args.join("; ");
    match syntax::parse(&script).and_then(|script| build::check(&script).map(|()| script)) {
        Ok(script) if script.is_empty() => plain::said(says, "", &format!("{says}: {USAGE}\n"), 2),
        Ok(script) => block(says, script, Call { depth: 0, variables: Vec::new() }),
        Err(why) => plain::said(says, "", &format!("{says}: {why}\n"), 2),
    }
}

const USAGE: &str = "usage: call 'NAME(ARGUMENT, …); fork { … }; …'";

fn block(says: &str, script: Vec<Statement>, call: Call) -> Program {
    Program::Call(Box::new(Machine::new(says, call, script.into_iter().map(Task::Do))))
}

impl Steps<Task> for Call {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Do(Statement { text, into, kind }) => {
                let sys = match kind {
                    Kind::Call { name, args } => build::sys(&name, &args, &|name| self.variable(name)),
                    Kind::Fork { until_exec, body } => {
                        let child = Call { depth: self.depth + 1, variables: self.variables.clone() };
                        Ok(Sys::Fork { child: Box::new(block(&cx.name, body, child)), until_exec })
                    }
                    Kind::Clone { flags, body } => build::clone_flags_with(&flags).map(|(new, with)| {
                        let child = Call { depth: self.depth + 1, variables: self.variables.clone() };
                        Sys::Clone { child: Box::new(block(&cx.name, body, child)), new, with }
                    }),
                };
                match sys {
                    Ok(sys) => cx.call(sys, Task::Did(text, into)),
                    Err(why) => {
                        cx.fail(2, &why);
                        None
                    }
                }
            }
            Task::Did(text, into) => {
                if let (Some(name), Ret::Int(value)) = (into, &ret) {
                    self.variables.push((name, *value));
                }
                let indent = "  ".repeat(self.depth as usize);
                cx.line(&format!("{indent}{text} = {}", answer(&ret)));
                cx.flush();
                None
            }
        }
    }
}

impl Call {
    /// The latest of this name.
    fn variable(&self, name: &str) -> Option<i64> {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

/// What strace(1) would print behind the `=`; of what it prints as structures, what the vocabulary keeps.
fn answer(ret: &Ret) -> String {
    match ret {
        Ret::Start | Ret::Ok => "0".to_owned(),
        Ret::Int(n) => n.to_string(),
        Ret::Err(errno) => format!("-1 {} ({})", errno.name(), errno.text()),
        Ret::Data(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Ret::Text(text) => format!("\"{}\"", text.escape_default()),
        Ret::Stat(stat) => stat_text(stat),
        Ret::Dents(dents) => dents.iter().map(|dent| dent.name.as_str()).collect::<Vec<_>>().join(" "),
        Ret::Pipe { read, write } => format!("[{read}, {write}]"),
        Ret::Waited { pid, status } => format!("{pid} {}", ended(*status)),
        Ret::Child { pid, state: ChildState::Ended(status) } => format!("{pid} {}", ended(*status)),
        Ret::Child { pid, state: ChildState::Stopped(signal) } => format!("{pid} stopped by {}", signal.name()),
        Ret::Child { pid, state: ChildState::Continued } => format!("{pid} continued"),
        Ret::Uname { hostname } => hostname.clone(),
        Ret::Proc(stat) => format!("{} {} {} {:?}", stat.pid, stat.comm, stat.state, stat.nspid),
        Ret::Ids(ids) | Ret::Cpus(ids) => format!("{ids:?}"),
        Ret::Caps(CapSets { effective, permitted, inheritable }) => {
            format!("effective {effective:#x}, permitted {permitted:#x}, inheritable {inheritable:#x}")
        }
        Ret::Control(_) => "0".to_owned(),
    }
}

fn ended(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(code) => format!("exited {code}"),
        WaitStatus::Signaled(signal) => format!("killed by {}", signal.name()),
    }
}

fn stat_text(stat: &Stat) -> String {
    let Stat { kind, mode, uid, gid, size_bytes, nlink, .. } = stat;
    format!("{kind:?} {mode:04o} {uid}:{gid} {size_bytes} bytes, {nlink} links")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Errno;

    /// Runs a program alone, answering each call as told; gives what it wrote and its exit status.
    fn run(script: &str, mut kernel: impl FnMut(&Sys) -> Ret) -> (String, i32) {
        let mut program = start("call", &[script.to_owned()]);
        let (mut out, mut last) = (String::new(), Ret::Start);
        loop {
            match program.resume(last) {
                Sys::Exit { code } => return (out, code),
                Sys::Write { data, .. } => {
                    out += &String::from_utf8(data.clone()).unwrap();
                    last = Ret::Int(data.len() as i64);
                }
                sys => last = kernel(&sys),
            }
        }
    }

    #[test]
    fn each_call_is_printed_with_its_answer() {
        let (out, status) = run("getpid(); open(\"/x y\", O_RDONLY|O_DIRECTORY); unlink(\"a\")", |sys| match sys {
            Sys::Getpid => Ret::Int(7),
            Sys::Open { path, flags, .. } if path == "/x y" && flags.read && flags.directory => Ret::Err(Errno::ENOENT),
            _ => Ret::Ok,
        });
        let expected = "getpid() = 7\nopen(\"/x y\", O_RDONLY|O_DIRECTORY) = -1 ENOENT (No such file or directory)\nunlink(\"a\") = 0\n";
        assert_eq!((out.as_str(), status), (expected, 0));
    }

    #[test]
    fn an_answer_is_kept_and_a_child_is_a_block() {
        let mut child = None;
        let (out, _) = run("p = fork { getppid(); exit(3) }; kill(p, SIGKILL)", |sys| match sys {
            Sys::Fork { child: program, .. } => {
                child = Some(program.clone());
                Ret::Int(12)
            }
            Sys::Kill { pid: 12, .. } => Ret::Ok,
            other => panic!("{other:?}"),
        });
        assert_eq!(out, "fork { … } = 12\nkill(p, SIGKILL) = 0\n");
        let mut child = child.unwrap();
        assert_eq!(child.resume(Ret::Start), Sys::Getppid);
        assert_eq!(child.resume(Ret::Int(0)), Sys::Write { fd: 1, data: b"  getppid() = 0\n".to_vec() });
        assert_eq!(child.resume(Ret::Int(16)), Sys::Exit { code: 3 });
    }

    #[test]
    fn what_cannot_be_asked_is_told_before_anything_is_done() {
        for (script, why) in [
            ("getpid(", "`getpid(` is not closed"),
            ("fork { getpid()", "`{` is not closed"),
            ("nothing()", "no call `nothing`"),
            ("unshare(CLONE_SPOON)", "no flag `CLONE_SPOON`"),
            ("kill(1)", "kill takes 2 arguments"),
            ("close(x)", "nothing was kept in `x`"),
            ("", "usage:"),
        ] {
            let (out, status) = run(script, |sys| panic!("{script}: {sys:?}"));
            assert!(out.contains(why) && status == 2, "{script}: {out}");
        }
    }
}
