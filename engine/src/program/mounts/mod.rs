//! Tools about mounts, with the words of util-linux 2.38: `mount`, `umount`, `findmnt`, `mountpoint`, `pivot_root`.

mod findmnt;
mod order;
mod table;

use super::Program;
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, FileKind, Ret, Sys};
use findmnt::{Query, of_type};
use order::Order;
use serde::{Deserialize, Serialize};
use table::{Entry, absolute};

/// mount(8), "EXIT STATUS": incorrect invocation, mount failure.
const MISUSE: i32 = 1;
const FAILURE: i32 = 32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounts {
    what: What,
    uid: u32,
    cwd: String,
    table: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    List { types: Option<String> },
    Mount(Order),
    Umount { targets: Vec<String>, lazy: bool, recursive: bool, quiet: bool, verbose: bool },
    Findmnt(Query),
    Mountpoint { path: String, quiet: bool },
    Pivot { new_root: String, put_old: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Uid,
    Cwd,
    Table(Slurp),
    Work,
    /// The calls of one mount(8), those that are left last.
    Mount(Vec<Sys>),
    Mounted(Vec<Sys>),
    /// After a failure: what is there tells why.
    Target(Errno),
    Umount(String),
    Umounted {
        typed: String,
        path: String,
    },
    Pivoted,
    Seen(String),
    /// findmnt: is what is asked for there? And then what is printed.
    Beneath,
    Found,
    /// umount -R of what is no mount point.
    NotFound(String),
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    built(name, says, args).unwrap_or_else(|misuse| misuse.with_status(MISUSE))
}

fn built(name: &str, says: &str, args: &[String]) -> Result<Program, Misuse> {
    let what = match name {
        "mount" => mount(says, args)?,
        "umount" => umount(says, args)?,
        "findmnt" => What::Findmnt(Query::of(says, args)?),
        "mountpoint" => {
            let long = &[("quiet", 'q'), ("nofollow", 'n'), ("fs-devno", 'd'), ("devno", 'x')];
            let parsed = Parsed::of(says, args, &Options { flags: "q", long, ..Options::default() })?;
            let [path] = &parsed.operands[..] else { return Err(bad_usage(says)) };
            What::Mountpoint { path: path.clone(), quiet: parsed.has('q') }
        }
        _ => {
            let parsed = Parsed::of(says, args, &Options::default())?;
            let [new_root, put_old] = &parsed.operands[..] else { return Err(bad_usage(says)) };
            What::Pivot { new_root: new_root.clone(), put_old: put_old.clone() }
        }
    };
    let table = match &what {
        What::Findmnt(query) => {
            query.task.as_ref().map_or("/proc/self/mountinfo".to_owned(), |pid| format!("/proc/{pid}/mountinfo"))
        }
        _ => "/proc/self/mountinfo".to_owned(),
    };
    let table = Task::Table(Slurp::file(&table));
    let tasks = match &what {
        What::List { .. } => vec![table, Task::Work],
        What::Mount(order) if order.merges() => vec![Task::Uid, Task::Cwd, table, Task::Work],
        What::Mount(_) => vec![Task::Uid, Task::Cwd, Task::Work],
        What::Findmnt(_) | What::Mountpoint { .. } | What::Umount { .. } => vec![Task::Cwd, table, Task::Work],
        What::Pivot { .. } => vec![Task::Work],
    };
    let tool = Mounts { what, uid: 0, cwd: String::new(), table: Vec::new() };
    Ok(Program::Mounts(Box::new(Machine::new(says, tool, tasks))))
}

fn bad_usage(says: &str) -> Misuse {
    Misuse::new(says, "bad usage".to_owned())
}

fn mount(says: &str, args: &[String]) -> Result<What, Misuse> {
    let parsed = Parsed::of(says, args, &order::OPTIONS)?;
    match Order::of(says, &parsed)? {
        Some(order) => Ok(What::Mount(order)),
        None => Ok(What::List { types: parsed.value('t').map(str::to_owned) }),
    }
}

fn umount(says: &str, args: &[String]) -> Result<What, Misuse> {
    let long = &[("lazy", 'l'), ("force", 'f'), ("recursive", 'R'), ("quiet", 'q'), ("verbose", 'v'), ("types", 't')];
    let options = Options { flags: "lfRqvndc", values: "tO", long, ..Options::default() };
    let parsed = Parsed::of(says, args, &options)?;
    if parsed.operands.is_empty() {
        return Err(bad_usage(says));
    }
    Ok(What::Umount {
        lazy: parsed.has('l'),
        recursive: parsed.has('R'),
        quiet: parsed.has('q'),
        verbose: parsed.has('v'),
        targets: parsed.operands,
    })
}

impl Steps<Task> for Mounts {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Uid => match ret {
                Ret::Start => return cx.call(Sys::Getuid, Task::Uid),
                ret => self.uid = answer::int(ret).map_or(0, |uid| uid as u32),
            },
            Task::Cwd => match ret {
                Ret::Start => return cx.call(Sys::Getcwd, Task::Cwd),
                ret => self.cwd = answer::text(ret).unwrap_or_default(),
            },
            Task::Table(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Table(slurp)),
                Slurping::Done(data) => self.table = table::parse(&String::from_utf8_lossy(&data.unwrap_or_default())),
            },
            Task::Work => return self.work(cx),
            Task::Mount(mut calls) => {
                if let Some(sys) = calls.pop() {
                    return cx.call(sys, Task::Mounted(calls));
                }
                if let What::Mount(Order { verbose: true, source, target, .. }) = &self.what {
                    let target = absolute(&self.cwd, target);
                    cx.line(&format!("mount: {source} mounted on {target}."));
                }
            }
            Task::Mounted(calls) => match answer::done(ret) {
                Ok(()) => cx.push(Task::Mount(calls)),
                Err(errno) => {
                    let What::Mount(order) = &self.what else { return None };
                    let path = order.target.clone();
                    return cx.call(Sys::Stat { path, follow: true }, Task::Target(errno));
                }
            },
            Task::Target(errno) => {
                if let What::Mount(order) = &self.what {
                    let there = answer::stat(ret).ok().map(|stat| stat.kind == FileKind::Dir);
                    let target = match there {
                        Some(_) => absolute(&self.cwd, &order.target),
                        None => order.target.clone(),
                    };
                    let why = order.why(errno, there, &self.cwd, self.uid);
                    cx.fail(FAILURE, &format!("{target}: {why}"));
                    cx.err("       dmesg(1) may have more information after failed mount system call.\n");
                }
            }
            Task::Umount(typed) => return self.umount(typed, cx),
            Task::Umounted { typed, path } => match answer::done(ret) {
                Ok(()) => self.unmounted(&path, cx),
                Err(errno) => self.not_unmounted(errno, &typed, &path, cx),
            },
            Task::Pivoted => {
                if let (Err(errno), What::Pivot { new_root, put_old }) = (answer::done(ret), &self.what) {
                    cx.fail(1, &format!("failed to change root from `{new_root}' to `{put_old}': {}", errno.text()));
                }
            }
            Task::Seen(path) => self.seen(&path, ret, cx),
            Task::Beneath => match answer::stat(ret) {
                Ok(_) => cx.push(Task::Found),
                Err(_) => cx.status = 1,
            },
            Task::Found => {
                let What::Findmnt(query) = &self.what else { return None };
                match query.text(&self.table, &self.cwd) {
                    Some(text) => cx.out(&text),
                    None => cx.status = 1,
                }
            }
            Task::NotFound(typed) => {
                let why = if answer::stat(ret).is_ok() { "not mounted" } else { "not found" };
                cx.fail(MISUSE, &format!("{typed}: {why}"));
            }
        }
        None
    }
}

impl Mounts {
    fn work(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        match &self.what {
            What::List { types } => {
                let fits = |entry: &&Entry| types.as_ref().is_none_or(|types| of_type(types, &entry.fstype));
                for entry in self.table.iter().filter(fits) {
                    let (source, target, fstype) = (&entry.source, &entry.target, &entry.fstype);
                    cx.line(&format!("{source} on {target} type {fstype} ({})", entry.options()));
                }
                None
            }
            What::Mount(order) => {
                let mut calls = order.calls(&self.cwd, &self.table);
                calls.reverse();
                cx.push(Task::Mount(calls));
                None
            }
            What::Umount { targets, .. } => {
                cx.push_all(targets.iter().cloned().map(Task::Umount));
                None
            }
            What::Findmnt(query) => match query.beneath.clone() {
                Some(path) => cx.call(Sys::Stat { path, follow: true }, Task::Beneath),
                None => {
                    cx.push(Task::Found);
                    None
                }
            },
            What::Mountpoint { path, .. } => {
                let path = path.clone();
                cx.call(Sys::Stat { path: path.clone(), follow: true }, Task::Seen(path))
            }
            What::Pivot { new_root, put_old } => {
                cx.call(Sys::PivotRoot { new_root: new_root.clone(), put_old: put_old.clone() }, Task::Pivoted)
            }
        }
    }

    /// Unmounts what is named: a mount point, or the source of one; with -R also what lies below, the deepest first.
    fn umount(&mut self, typed: String, cx: &mut Cx<Task>) -> Option<Sys> {
        let What::Umount { lazy, recursive, .. } = self.what else { return None };
        let path = absolute(&self.cwd, &typed);
        let by_path = self.table.iter().rev().find(|entry| entry.target == path);
        let found = by_path.or_else(|| self.table.iter().rev().find(|entry| entry.source == typed && typed != "none"));
        if !recursive {
            let path = found.map_or_else(|| typed.clone(), |entry| entry.target.clone());
            let umount = Sys::Umount { target: path.clone(), detach: lazy };
            return cx.call(umount, Task::Umounted { typed, path });
        }
        let Some(top) = found else {
            let seen = Sys::Stat { path: typed.clone(), follow: true };
            return cx.call(seen, Task::NotFound(typed));
        };
        let mut all = vec![top.id];
        let mut at = 0;
        while let Some(id) = all.get(at).copied() {
            all.extend(self.table.iter().filter(|entry| entry.parent == id && entry.id != id).map(|entry| entry.id));
            at += 1;
        }
        let target = |id: &u32| self.table.iter().find(|entry| entry.id == *id).map(|entry| entry.target.clone());
        let targets: Vec<String> = all.iter().rev().filter_map(target).collect();
        if let What::Umount { recursive, .. } = &mut self.what {
            *recursive = false;
        }
        cx.push_all(targets.into_iter().map(Task::Umount));
        None
    }

    fn exists_in_table(&self, path: &str) -> bool {
        self.table.iter().any(|entry| entry.target == path)
    }

    fn unmounted(&mut self, path: &str, cx: &mut Cx<Task>) {
        let at = self.table.iter().rposition(|entry| entry.target == path);
        let entry = at.map(|at| self.table.remove(at));
        if let (What::Umount { verbose: true, .. }, Some(entry)) = (&self.what, entry) {
            cx.line(&format!("umount: {path} ({}) unmounted", entry.source));
        }
    }

    fn not_unmounted(&mut self, errno: Errno, typed: &str, path: &str, cx: &mut Cx<Task>) {
        let why = match errno {
            Errno::ENOENT => "no mount point specified.".to_owned(),
            Errno::EINVAL => "not mounted.".to_owned(),
            Errno::EBUSY => "target is busy.".to_owned(),
            Errno::EPERM => "must be superuser to unmount.".to_owned(),
            other => format!("umount failed: {}.", other.text()),
        };
        let known = self.exists_in_table(path);
        let quiet = matches!(self.what, What::Umount { quiet: true, .. }) && errno == Errno::EINVAL;
        cx.status = FAILURE;
        if !quiet {
            cx.fail(FAILURE, &format!("{}: {why}", if known { path } else { typed }));
        }
    }

    fn seen(&mut self, path: &str, ret: Ret, cx: &mut Cx<Task>) {
        let What::Mountpoint { quiet, .. } = self.what else { return };
        let there = match answer::stat(ret) {
            Ok(_) => self.exists_in_table(&absolute(&self.cwd, path)),
            Err(_) if quiet => return cx.status = 1,
            Err(errno) => return cx.fail(1, &format!("{path}: {}", errno.text())),
        };
        if !there {
            cx.status = FAILURE;
        }
        match (quiet, there) {
            (true, _) => {}
            (false, true) => cx.line(&format!("{path} is a mountpoint")),
            (false, false) => cx.line(&format!("{path} is not a mountpoint")),
        }
    }
}
