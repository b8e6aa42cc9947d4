//! Tools that read their operands, or standard input, from beginning to end and write what they make of it.
//!
//! One driver opens, reads and closes; a [`Kind`] sees only bytes.

use super::Program;
use super::machine::{Cx, Machine, STDIN, Steps, answer};
use crate::call::{Fd, FileKind, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Cat,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Operand(String),
    Opened(String),
    Known(String, Fd),
    Read(String, Fd),
    Got(String, Fd),
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let _ = name;
    let mut operands: Vec<String> = args.iter().filter(|a| *a == "-" || !a.starts_with('-')).cloned().collect();
    if operands.is_empty() {
        operands.push("-".to_owned());
    }
    let tasks = operands.into_iter().map(Task::Operand);
    Program::Filter(Box::new(Machine::new(says, Filter { kind: Kind::Cat }, tasks)))
}

impl Steps<Task> for Filter {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Operand(path) if path == "-" => {
                cx.push(Task::Read(path, STDIN));
                None
            }
            Task::Operand(path) => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::READ, mode: 0 };
                cx.call(open, Task::Opened(path))
            }
            Task::Opened(path) => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Fstat { fd }, Task::Known(path, fd)),
                Err(errno) => {
                    cx.fail(1, &format!("{path}: {}", errno.text()));
                    None
                }
            },
            Task::Known(path, fd) => {
                if answer::stat(ret).is_ok_and(|stat| stat.kind == FileKind::Dir) {
                    cx.fail(1, &format!("{path}: Is a directory"));
                    return cx.call(Sys::Close { fd }, Task::Ignore);
                }
                cx.push(Task::Read(path, fd));
                None
            }
            Task::Read(path, fd) => cx.call(Sys::Read { fd, len: IO_LIMIT_BYTES as u32 }, Task::Got(path, fd)),
            Task::Got(path, fd) => match answer::data(ret) {
                Ok(data) if data.is_empty() => match fd {
                    STDIN => None,
                    fd => cx.call(Sys::Close { fd }, Task::Ignore),
                },
                Ok(data) => {
                    cx.out_bytes(&data);
                    cx.flush();
                    cx.push(Task::Read(path, fd));
                    None
                }
                Err(errno) => {
                    cx.fail(1, &format!("{path}: {}", errno.text()));
                    None
                }
            },
            Task::Ignore => None,
        }
    }
}
