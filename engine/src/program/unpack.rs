//! `unpack [--chown UID:GID] [--chmod MODE] DEST`: a tar from standard input into DEST. How COPY, ADD and WORKDIR change
//! a file system: in a build container, through a kernel, so that the layer is that kernel's own.
//!
//! The calls and their order depend on the archive alone. As Docker's Untar, a file replaces what is there and a
//! directory that is there stays; times of directories are set last, as filling them would change them.

use super::machine::{Cx, Machine, STDIN, Steps, answer, join};
use super::slurp::{Slurp, Slurping};
use super::{Program, plain};
use crate::call::{Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::image::tar::{Entry, Kind, read};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpack {
    dest: String,
    chown: Option<(u32, u32)>,
    chmod: Option<u32>,
    /// tar -v: each name as it is made.
    verbose: bool,
    /// tar: only these and what is below them; empty is all.
    only: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Archive(Slurp),
    /// A missing parent of DEST, or DEST.
    Parent(String),
    ParentMade(String),
    Entry(Arc<Entry>),
    Made(Arc<Entry>),
    /// It was in the way and is gone.
    Again(Arc<Entry>),
    Opened(Arc<Entry>),
    Write {
        fd: Fd,
        entry: Arc<Entry>,
        at: usize,
    },
    Wrote {
        fd: Fd,
        entry: Arc<Entry>,
        at: usize,
    },
    Own(Arc<Entry>),
    Mode(Arc<Entry>),
    Time(Arc<Entry>),
    /// The call that must succeed, for this path.
    Must(String),
}

pub fn start(args: &[String]) -> Program {
    let mut tool = Unpack { dest: String::new(), chown: None, chmod: None, verbose: false, only: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let good = match arg.as_str() {
            "--chown" => {
                let ids = args.next().and_then(|ids| ids.split_once(':'));
                tool.chown = ids.and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
                tool.chown.is_some()
            }
            "--chmod" => {
                tool.chmod = args.next().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                tool.chmod.is_some()
            }
            dest => {
                tool.dest = dest.to_owned();
                true
            }
        };
        if !good {
            return plain::said("unpack", "", &format!("unpack: bad {arg}\n"), 2);
        }
    }
    if tool.dest.is_empty() {
        return plain::said("unpack", "", "usage: unpack [--chown UID:GID] [--chmod MODE] DEST\n", 2);
    }
    let mut parents = Vec::new();
    let mut path = String::new();
    for name in tool.dest.split('/').filter(|name| !name.is_empty()) {
        path = if path.is_empty() && !tool.dest.starts_with('/') { name.to_owned() } else { format!("{path}/{name}") };
        parents.push(Task::Parent(path.clone()));
    }
    let tasks = parents.into_iter().chain([Task::Archive(Slurp::descriptor(STDIN))]);
    Program::Unpack(Box::new(Machine::new("unpack", tool, tasks)))
}

/// `tar -x`: the same, from a file or standard input into a directory that is there.
pub fn extract(says: &str, archive: Slurp, dest: &str, verbose: bool, only: Vec<String>) -> Program {
    let tool = Unpack { dest: dest.to_owned(), chown: None, chmod: None, verbose, only };
    Program::Unpack(Box::new(Machine::new(says, tool, [Task::Archive(archive)])))
}

impl Steps<Task> for Unpack {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Archive(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Archive(slurp)),
                Slurping::Done(data) => {
                    self.entries(data, cx);
                    None
                }
            },
            Task::Parent(path) => cx.call(Sys::Mkdir { path: path.clone(), mode: 0o755 }, Task::ParentMade(path)),
            Task::ParentMade(path) => match answer::done(ret) {
                Ok(()) if self.chown.is_some() && path == self.dest.trim_end_matches('/') => {
                    let (uid, gid) = self.chown.unwrap_or_default();
                    let own = Sys::Chown { path: path.clone(), uid: Some(uid), gid: Some(gid), follow: false };
                    cx.call(own, Task::Must(path))
                }
                Ok(()) | Err(Errno::EEXIST) => None,
                Err(errno) => self.failed(&path, errno, cx),
            },
            Task::Entry(entry) => {
                if self.verbose {
                    let slash = if entry.kind == Kind::Dir { "/" } else { "" };
                    cx.line(&format!("{}{slash}", entry.path));
                }
                self.make(entry, cx)
            }
            Task::Made(entry) => match answer::done(ret) {
                Ok(()) => self.dress(entry, cx),
                Err(Errno::EEXIST) if entry.kind == Kind::Dir => self.dress(entry, cx),
                Err(Errno::EEXIST) => {
                    let path = self.path(&entry);
                    cx.call(Sys::Unlink { path }, Task::Again(entry))
                }
                Err(errno) => self.failed(&self.path(&entry), errno, cx),
            },
            Task::Again(entry) => match answer::done(ret) {
                Ok(()) => self.make(entry, cx),
                Err(errno) => self.failed(&self.path(&entry), errno, cx),
            },
            Task::Opened(entry) => match answer::fd(ret) {
                Ok(fd) => {
                    cx.push(Task::Write { fd, entry, at: 0 });
                    None
                }
                Err(Errno::EEXIST) => {
                    let path = self.path(&entry);
                    cx.call(Sys::Unlink { path }, Task::Again(entry))
                }
                Err(errno) => self.failed(&self.path(&entry), errno, cx),
            },
            Task::Write { fd, entry, at } => {
                if at >= entry.data.len() {
                    cx.push(Task::Own(entry));
                    return cx.call(Sys::Close { fd }, Task::Must(String::new()));
                }
                let data = entry.data[at..].iter().take(IO_LIMIT_BYTES).copied().collect();
                cx.call(Sys::Write { fd, data }, Task::Wrote { fd, entry, at })
            }
            Task::Wrote { fd, entry, at } => match answer::int(ret) {
                Ok(n) if n > 0 => {
                    cx.push(Task::Write { fd, entry, at: at + usize::try_from(n).unwrap_or(0) });
                    None
                }
                Ok(_) => self.failed(&self.path(&entry), Errno::EIO, cx),
                Err(errno) => self.failed(&self.path(&entry), errno, cx),
            },
            Task::Own(entry) => self.dress(entry, cx),
            Task::Mode(entry) => {
                let path = self.path(&entry);
                let mode = self.chmod.unwrap_or(entry.mode);
                cx.call(Sys::Chmod { path: path.clone(), mode }, Task::Must(path))
            }
            Task::Time(entry) => {
                let path = self.path(&entry);
                let time = Sys::Utimens { path: path.clone(), mtime_s: Some(entry.mtime_s), follow: false };
                cx.call(time, Task::Must(path))
            }
            Task::Must(path) => match answer::done(ret) {
                Ok(()) => None,
                Err(errno) => self.failed(&path, errno, cx),
            },
        }
    }
}

impl Unpack {
    fn entries(&mut self, data: Result<Vec<u8>, Errno>, cx: &mut Cx<Task>) {
        let archive: Arc<[u8]> = match data {
            Ok(data) if data.is_empty() => return,
            Ok(data) => data.into(),
            Err(errno) => return cx.fail(1, errno.text()),
        };
        match read(&archive) {
            Ok(entries) => {
                let wanted = |entry: &Entry| {
                    let below = |name: &String| entry.path.starts_with(&format!("{}/", name.trim_end_matches('/')));
                    let named = |name: &String| entry.path == name.trim_end_matches('/') || below(name);
                    self.only.is_empty() || self.only.iter().any(named)
                };
                let entries: Vec<Arc<Entry>> = entries.into_iter().filter(wanted).map(Arc::new).collect();
                let dirs: Vec<Arc<Entry>> = entries.iter().filter(|e| e.kind == Kind::Dir).rev().cloned().collect();
                cx.push_all(entries.into_iter().map(Task::Entry).chain(dirs.into_iter().map(Task::Time)));
            }
            Err(error) => cx.fail(1, &error.to_string()),
        }
    }

    fn make(&self, entry: Arc<Entry>, cx: &mut Cx<Task>) -> Option<Sys> {
        let path = self.path(&entry);
        match &entry.kind {
            Kind::Dir => cx.call(Sys::Mkdir { path, mode: 0o755 }, Task::Made(entry)),
            Kind::Symlink { target } => {
                let target = target.clone();
                cx.call(Sys::Symlink { target, path }, Task::Made(entry))
            }
            Kind::Hardlink { target } => {
                let from = join(&self.dest, target);
                cx.call(Sys::Link { from, to: path }, Task::Made(entry))
            }
            Kind::File => {
                let flags = OpenFlags { write: true, create: true, excl: true, ..OpenFlags::default() };
                cx.call(Sys::Open { path, flags, mode: 0o600 }, Task::Opened(entry))
            }
            // An unprivileged build makes no device nodes; Docker's contexts hold none.
            _ => None,
        }
    }

    /// Owner, then mode (chown(2) clears set-user-ID), then time.
    fn dress(&self, entry: Arc<Entry>, cx: &mut Cx<Task>) -> Option<Sys> {
        let path = self.path(&entry);
        if matches!(entry.kind, Kind::Hardlink { .. }) {
            return None;
        }
        if entry.kind != Kind::Dir {
            cx.push(Task::Time(entry.clone()));
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            cx.push(Task::Mode(entry.clone()));
        }
        let (uid, gid) = self.chown.unwrap_or((entry.uid, entry.gid));
        cx.call(Sys::Chown { path: path.clone(), uid: Some(uid), gid: Some(gid), follow: false }, Task::Must(path))
    }

    fn path(&self, entry: &Entry) -> String {
        join(&self.dest, &entry.path)
    }

    /// A build step that could not be carried out as a whole has failed.
    fn failed(&self, path: &str, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.exit(1);
        cx.complain(&format!("{path}: {}", errno.text()));
        None
    }
}
