//! How a program is written: a stack of things to do.
//!
//! A tool is two plain types: its state, and the *tasks* it can have before it. [`Steps::step`] takes the task on top
//! and, if that task was waiting for a call, the call's answer; it pushes what follows and perhaps asks for one call.
//! Output is collected and written in pieces of [`IO_LIMIT_BYTES`], short writes included, before the next call that
//! could be observed; a program that has nothing left to do writes what it still holds and exits. Walking a tree,
//! copying a file, running a shell's `while` are all this one shape.
//!
//! This module knows no tool.

use crate::call::{Dent, Errno, Fd, IO_LIMIT_BYTES, Ret, Stat, Sys};
use serde::{Deserialize, Serialize};

pub const STDIN: Fd = 0;
pub const STDOUT: Fd = 1;
pub const STDERR: Fd = 2;

/// Output held back before it is written, in bytes.
const HELD_BYTES: usize = 32 * 1024;
/// Tasks that may pass without a call. A loop that asks for nothing (`while :; do :; done`) asks for its pid now and
/// then, so that the scheduler's budget ends it (I6).
const TASKS_PER_CALL: u32 = 20;

/// A tool's behaviour over its tasks `K`.
pub trait Steps<K> {
    /// Do `task`. `ret` answers the call that the previous step asked for, or is [`Ret::Start`] if it asked for none.
    fn step(&mut self, task: K, ret: Ret, cx: &mut Cx<K>) -> Option<Sys>;
}

/// A tool at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine<T, K> {
    tool: T,
    cx: Cx<K>,
}

/// What every tool has: its name, its exit status, what it has yet to do and to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cx<K> {
    /// What its messages begin with.
    pub name: String,
    pub status: i32,
    todo: Vec<K>,
    output: Vec<(Fd, Vec<u8>)>,
    flush: bool,
    /// A call that waits until the output before it is written.
    deferred: Option<Sys>,
    awaited: Awaited,
}

/// What the next answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Awaited {
    Task,
    Write,
    /// A call that was made only to have made one.
    Breath,
}

impl<T: Steps<K>, K> Machine<T, K> {
    /// `tasks` in the order in which they are to be done.
    pub fn new(name: &str, tool: T, tasks: impl IntoIterator<Item = K>) -> Machine<T, K> {
        Machine { tool, cx: Cx::new(name, tasks) }
    }

    pub fn resume(&mut self, last: Ret) -> Sys {
        let mut last = match std::mem::replace(&mut self.cx.awaited, Awaited::Task) {
            Awaited::Task => last,
            Awaited::Write => self.cx.wrote(last),
            Awaited::Breath => Ret::Start,
        };
        let mut tasks = 0;
        loop {
            if let Some(write) = self.cx.next_write() {
                return write;
            }
            if let Some(sys) = self.cx.deferred.take() {
                return sys;
            }
            let Some(task) = self.cx.todo.pop() else {
                return Sys::Exit { code: self.cx.status };
            };
            let ret = std::mem::replace(&mut last, Ret::Start);
            self.cx.deferred = self.tool.step(task, ret, &mut self.cx);
            tasks += 1;
            if tasks >= TASKS_PER_CALL && self.cx.deferred.is_none() {
                self.cx.awaited = Awaited::Breath;
                return Sys::Getpid;
            }
        }
    }

    /// What it is to say before it begins.
    pub fn cx(&mut self) -> &mut Cx<K> {
        &mut self.cx
    }
}

impl<K> Cx<K> {
    fn new(name: &str, tasks: impl IntoIterator<Item = K>) -> Cx<K> {
        let mut todo: Vec<K> = tasks.into_iter().collect();
        todo.reverse();
        Cx {
            name: name.to_owned(),
            status: 0,
            todo,
            output: Vec::new(),
            flush: false,
            deferred: None,
            awaited: Awaited::Task,
        }
    }

    /// Ask for `sys`; its answer goes to `then`.
    #[must_use]
    pub fn call(&mut self, sys: Sys, then: K) -> Option<Sys> {
        self.todo.push(then);
        Some(sys)
    }

    /// Do this next, before what was already to be done.
    pub fn push(&mut self, task: K) {
        self.todo.push(task);
    }

    /// Do these next, in this order.
    pub fn push_all(&mut self, tasks: impl IntoIterator<Item = K>) {
        let at = self.todo.len();
        self.todo.extend(tasks);
        self.todo[at..].reverse();
    }

    /// What is still to be done, the next last.
    pub fn todo(&mut self) -> &mut Vec<K> {
        &mut self.todo
    }

    /// Drop everything that was to be done: the program writes what it holds and exits with `status`.
    pub fn exit(&mut self, status: i32) {
        self.todo.clear();
        self.status = status;
    }

    pub fn out(&mut self, text: &str) {
        self.write(STDOUT, text.as_bytes());
    }

    pub fn out_bytes(&mut self, bytes: &[u8]) {
        self.write(STDOUT, bytes);
    }

    pub fn line(&mut self, text: &str) {
        self.write(STDOUT, text.as_bytes());
        self.write(STDOUT, b"\n");
    }

    /// `NAME: MESSAGE` on standard error, at once.
    pub fn complain(&mut self, message: &str) {
        let text = format!("{}: {message}\n", self.name);
        self.err(&text);
    }

    /// [`Cx::complain`], and the exit status becomes `status`.
    pub fn fail(&mut self, status: i32, message: &str) {
        self.complain(message);
        self.status = status;
    }

    pub fn err(&mut self, text: &str) {
        self.write(STDERR, text.as_bytes());
        self.flush = true;
    }

    pub fn write(&mut self, fd: Fd, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.output.last_mut() {
            Some((last, held)) if *last == fd => held.extend_from_slice(bytes),
            _ => self.output.push((fd, bytes.to_vec())),
        }
    }

    /// Write what is held before the next call.
    pub fn flush(&mut self) {
        self.flush = true;
    }

    fn next_write(&mut self) -> Option<Sys> {
        let held: usize = self.output.iter().map(|(_, bytes)| bytes.len()).sum();
        if held == 0 {
            self.flush = false;
            return None;
        }
        let ends = self.todo.is_empty() && self.deferred.is_none();
        let leaves =
            matches!(self.deferred, Some(Sys::Exit { .. } | Sys::Exec { .. } | Sys::Fork { .. } | Sys::Clone { .. }));
        if !(self.flush || ends || leaves || held >= HELD_BYTES) {
            return None;
        }
        self.awaited = Awaited::Write;
        let (fd, bytes) = &self.output[0];
        let len = bytes.len().min(IO_LIMIT_BYTES);
        Some(Sys::Write { fd: *fd, data: bytes[..len].to_vec() })
    }

    /// Takes the answer to a write; gives back what the next task is to see.
    fn wrote(&mut self, ret: Ret) -> Ret {
        let Some((fd, bytes)) = self.output.first_mut() else { return Ret::Start };
        match answer::int(ret) {
            Ok(n) if n > 0 => {
                let n = usize::try_from(n).unwrap_or(0).min(bytes.len());
                bytes.drain(..n);
                if bytes.is_empty() {
                    self.output.remove(0);
                }
            }
            Ok(_) => self.write_failed(Errno::EIO),
            Err(errno) if *fd == STDERR => {
                let _ = errno;
                self.output.remove(0);
            }
            Err(errno) => self.write_failed(errno),
        }
        Ret::Start
    }

    /// GNU's close_stdout(): `cat: write error: No space left on device`, status 1.
    fn write_failed(&mut self, errno: Errno) {
        self.output.clear();
        self.deferred = None;
        self.exit(1);
        self.complain(&format!("write error: {}", errno.text()));
    }
}

/// An answer as what the caller expects; anything else is an error, so no answer can make a program panic.
pub mod answer {
    use super::*;

    pub fn done(ret: Ret) -> Result<(), Errno> {
        match ret {
            Ret::Err(errno) => Err(errno),
            _ => Ok(()),
        }
    }

    pub fn int(ret: Ret) -> Result<i64, Errno> {
        match ret {
            Ret::Int(n) => Ok(n),
            other => unexpected(other),
        }
    }

    /// A number that must fit a descriptor or a pid.
    pub fn fd(ret: Ret) -> Result<Fd, Errno> {
        Fd::try_from(int(ret)?).map_err(|_| Errno::EIO)
    }

    pub fn stat(ret: Ret) -> Result<Stat, Errno> {
        match ret {
            Ret::Stat(stat) => Ok(stat),
            other => unexpected(other),
        }
    }

    pub fn data(ret: Ret) -> Result<Vec<u8>, Errno> {
        match ret {
            Ret::Data(data) => Ok(data),
            other => unexpected(other),
        }
    }

    pub fn text(ret: Ret) -> Result<String, Errno> {
        match ret {
            Ret::Text(text) => Ok(text),
            other => unexpected(other),
        }
    }

    pub fn dents(ret: Ret) -> Result<Vec<Dent>, Errno> {
        match ret {
            Ret::Dents(dents) => Ok(dents),
            other => unexpected(other),
        }
    }

    pub fn pipe(ret: Ret) -> Result<(Fd, Fd), Errno> {
        match ret {
            Ret::Pipe { read, write } => Ok((read, write)),
            other => unexpected(other),
        }
    }

    /// isatty(3) has no errors worth telling apart.
    pub fn yes(ret: Ret) -> bool {
        matches!(ret, Ret::Int(n) if n != 0)
    }

    fn unexpected<T>(ret: Ret) -> Result<T, Errno> {
        match ret {
            Ret::Err(errno) => Err(errno),
            _ => Err(Errno::EIO),
        }
    }
}

/// `dir/name`, as GNU's tools join what they walk.
pub fn join(dir: &str, name: &str) -> String {
    match dir {
        "" => name.to_owned(),
        dir if dir.ends_with('/') => format!("{dir}{name}"),
        dir => format!("{dir}/{name}"),
    }
}

/// The last component, as basename(1) has it.
pub fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed {
        "" if path.is_empty() => "",
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}
