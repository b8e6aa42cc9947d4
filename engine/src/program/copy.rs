//! cp(1) and mv(1).

use super::Program;
use super::file::quoted;
use super::machine::{Cx, Machine, Steps, answer, base, join};
use super::options::{Misuse, Options, Parsed};
use crate::call::{Errno, Fd, FileKind, IO_LIMIT_BYTES, OpenFlags, Ret, Stat, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    mv: bool,
    flags: String,
    sources: Vec<String>,
    target: String,
    target_is_dir: bool,
}

/// One thing from here to there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    from: String,
    to: String,
    depth: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Target,
    TargetKnown,
    Move(Pair),
    MoveSeen(Pair),
    MoveTarget(Pair, Stat),
    Moved(Pair, Stat),
    Copy(Pair),
    Seen(Pair),
    ToSeen(Pair, Stat),
    LinkRead(Pair, Stat),
    Linked(Pair, Stat),
    DirMade(Pair, Stat),
    DirOpened(Pair, Stat),
    DirListed(Pair, Stat, Fd),
    Opened(Pair, Stat),
    Unlinked(Pair, Stat, Fd),
    Created(Pair, Stat, Fd),
    Read(Pair, Stat, Fd, Fd),
    Got(Pair, Stat, Fd, Fd),
    Finish(Pair, Stat),
    /// Remove what was moved to another file system, once its copy is there.
    Unlink(Pair, Stat),
    Call(Sys),
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let long = &[
        ("recursive", 'r'),
        ("archive", 'a'),
        ("verbose", 'v'),
        ("force", 'f'),
        ("no-clobber", 'n'),
        ("preserve", 'p'),
        ("target-directory", 't'),
        ("no-target-directory", 'T'),
    ];
    let options = Options { flags: "rRapvfniduTPL", values: "t", long, ..Options::default() };
    let parsed = match Parsed::of(says, args, &options) {
        Ok(parsed) => parsed,
        Err(misuse) => return misuse.with_status(1),
    };
    let mut sources = parsed.operands.clone();
    let target = parsed.value('t').map(str::to_owned).or_else(|| if sources.len() > 1 { sources.pop() } else { None });
    let wrong = |text: String| Misuse::new(says, text).with_status(1);
    let Some(target) = target else {
        return match sources.first() {
            None => wrong("missing file operand".to_owned()),
            Some(source) => wrong(format!("missing destination file operand after '{source}'")),
        };
    };
    let flags = parsed.flags.replace('R', "r").replace('a', "rp");
    let tool = Copy { mv: name == "mv", flags, sources, target, target_is_dir: false };
    Program::Copy(Box::new(Machine::new(says, tool, [Task::Target])))
}

impl Steps<Task> for Copy {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Target => cx.call(Sys::Stat { path: self.target.clone(), follow: true }, Task::TargetKnown),
            Task::TargetKnown => {
                self.begin(answer::stat(ret), cx);
                None
            }
            Task::Move(pair) => cx.call(Sys::Stat { path: pair.from.clone(), follow: false }, Task::MoveSeen(pair)),
            Task::MoveSeen(pair) => match answer::stat(ret) {
                Ok(stat) => cx.call(Sys::Stat { path: pair.to.clone(), follow: false }, Task::MoveTarget(pair, stat)),
                Err(errno) => self.failed(&format!("cannot stat {}", quoted(&pair.from)), errno, cx),
            },
            Task::MoveTarget(pair, stat) => self.move_onto(pair, stat, answer::stat(ret).ok(), cx),
            Task::Moved(pair, stat) => self.moved(pair, stat, ret, cx),
            Task::Copy(pair) => {
                let follow = !self.flags.contains('r') && !self.mv;
                cx.call(Sys::Stat { path: pair.from.clone(), follow }, Task::Seen(pair))
            }
            Task::Seen(pair) => match answer::stat(ret) {
                Ok(stat) if stat.kind == FileKind::Dir && !self.flags.contains('r') && !self.mv => {
                    cx.fail(1, &format!("-r not specified; omitting directory {}", quoted(&pair.from)));
                    None
                }
                Ok(stat) => cx.call(Sys::Stat { path: pair.to.clone(), follow: true }, Task::ToSeen(pair, stat)),
                Err(errno) => self.failed(&format!("cannot stat {}", quoted(&pair.from)), errno, cx),
            },
            Task::ToSeen(pair, stat) => self.copy(pair, stat, answer::stat(ret).ok(), cx),
            Task::LinkRead(pair, stat) => match answer::text(ret) {
                Ok(target) => cx.call(Sys::Symlink { target, path: pair.to.clone() }, Task::Linked(pair, stat)),
                Err(errno) => self.failed(&format!("cannot read symbolic link {}", quoted(&pair.from)), errno, cx),
            },
            Task::Linked(pair, stat) => match answer::done(ret) {
                Ok(()) => {
                    cx.push(Task::Finish(pair, stat));
                    None
                }
                Err(errno) => self.failed(&format!("cannot create symbolic link {}", quoted(&pair.to)), errno, cx),
            },
            Task::DirMade(pair, stat) => match answer::done(ret) {
                Ok(()) | Err(Errno::EEXIST) => {
                    let flags = OpenFlags::DIRECTORY;
                    cx.call(Sys::Open { path: pair.from.clone(), flags, mode: 0 }, Task::DirOpened(pair, stat))
                }
                Err(errno) => self.failed(&format!("cannot create directory {}", quoted(&pair.to)), errno, cx),
            },
            Task::DirOpened(pair, stat) => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Getdents { fd }, Task::DirListed(pair, stat, fd)),
                Err(errno) => self.failed(&format!("cannot access {}", quoted(&pair.from)), errno, cx),
            },
            Task::DirListed(pair, stat, fd) => {
                let inner: Vec<Task> = answer::dents(ret)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|dent| {
                        let (from, to) = (join(&pair.from, &dent.name), join(&pair.to, &dent.name));
                        Task::Copy(Pair { from, to, depth: pair.depth + 1 })
                    })
                    .collect();
                cx.push(Task::Finish(pair, stat));
                cx.push_all(inner);
                cx.call(Sys::Close { fd }, Task::Ignore)
            }
            Task::Opened(pair, stat) => match answer::fd(ret) {
                Ok(fd) => {
                    let create = self.create(&pair, &stat);
                    cx.call(create, Task::Created(pair, stat, fd))
                }
                Err(errno) => self.failed(&format!("cannot open {} for reading", quoted(&pair.from)), errno, cx),
            },
            Task::Unlinked(pair, stat, fd) => {
                let create = self.create(&pair, &stat);
                self.flags.retain(|c| c != 'f');
                cx.call(create, Task::Created(pair, stat, fd))
            }
            Task::Created(pair, stat, from) => match answer::fd(ret) {
                Ok(to) => {
                    cx.push(Task::Read(pair, stat, from, to));
                    None
                }
                Err(_) if self.flags.contains('f') => {
                    cx.call(Sys::Unlink { path: pair.to.clone() }, Task::Unlinked(pair, stat, from))
                }
                Err(errno) => {
                    self.failed(&format!("cannot create regular file {}", quoted(&pair.to)), errno, cx);
                    cx.call(Sys::Close { fd: from }, Task::Ignore)
                }
            },
            Task::Read(pair, stat, from, to) => {
                let read = Sys::Read { fd: from, len: IO_LIMIT_BYTES as u32 };
                cx.call(read, Task::Got(pair, stat, from, to))
            }
            Task::Got(pair, stat, from, to) => {
                let data = match answer::data(ret) {
                    Ok(data) => data,
                    Err(errno) => {
                        self.failed(&format!("error reading {}", quoted(&pair.from)), errno, cx);
                        Vec::new()
                    }
                };
                if data.is_empty() {
                    cx.push(Task::Finish(pair, stat));
                    cx.push_all([Task::Call(Sys::Close { fd: to }), Task::Call(Sys::Close { fd: from })]);
                } else {
                    cx.write(to, &data);
                    cx.flush();
                    cx.push(Task::Read(pair, stat, from, to));
                }
                None
            }
            Task::Finish(pair, stat) => {
                self.finish(&pair, &stat, cx);
                None
            }
            Task::Unlink(pair, stat) => {
                let path = pair.from;
                let sys = if stat.kind == FileKind::Dir { Sys::Rmdir { path } } else { Sys::Unlink { path } };
                cx.call(sys, Task::Ignore)
            }
            Task::Call(sys) => cx.call(sys, Task::Ignore),
            Task::Ignore => None,
        }
    }
}

impl Copy {
    fn begin(&mut self, target: Result<Stat, Errno>, cx: &mut Cx<Task>) {
        self.target_is_dir = target.is_ok_and(|stat| stat.kind == FileKind::Dir) && !self.flags.contains('T');
        if self.sources.len() > 1 && !self.target_is_dir {
            let text = match target {
                Ok(_) => "Not a directory",
                Err(errno) => errno.text(),
            };
            return cx.fail(1, &format!("target {}: {text}", quoted(&self.target)));
        }
        let sources = std::mem::take(&mut self.sources);
        let tasks = sources.into_iter().map(|from| {
            let to = if self.target_is_dir { join(&self.target, base(&from)) } else { self.target.clone() };
            let pair = Pair { from, to, depth: 0 };
            if self.mv { Task::Move(pair) } else { Task::Copy(pair) }
        });
        cx.push_all(tasks.collect::<Vec<_>>());
    }

    fn failed(&self, what: &str, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.fail(1, &format!("{what}: {}", errno.text()));
        None
    }

    fn move_onto(&mut self, pair: Pair, stat: Stat, there: Option<Stat>, cx: &mut Cx<Task>) -> Option<Sys> {
        let complaint = match there {
            _ if clean(&pair.from) == clean(&pair.to) => {
                Some(format!("{} and {} are the same file", quoted(&pair.from), quoted(&pair.to)))
            }
            Some(there) if stat.kind == FileKind::Dir && there.kind != FileKind::Dir => Some(format!(
                "cannot overwrite non-directory {} with directory {}",
                quoted(&pair.to),
                quoted(&pair.from)
            )),
            Some(there) if stat.kind != FileKind::Dir && there.kind == FileKind::Dir => {
                Some(format!("cannot overwrite directory {} with non-directory", quoted(&pair.to)))
            }
            _ if inside(&pair) => {
                Some(format!("cannot move {} to a subdirectory of itself, {}", quoted(&pair.from), quoted(&pair.to)))
            }
            Some(_) if self.flags.contains('n') => return None,
            _ => None,
        };
        if let Some(complaint) = complaint {
            cx.fail(1, &complaint);
            return None;
        }
        cx.call(Sys::Rename { from: pair.from.clone(), to: pair.to.clone() }, Task::Moved(pair, stat))
    }

    /// A rename that would leave the file system, or an overlay's lower directory, is a copy and a removal.
    fn moved(&mut self, pair: Pair, stat: Stat, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::done(ret) {
            Ok(()) => {
                if self.flags.contains('v') {
                    cx.line(&format!("renamed {} -> {}", quoted(&pair.from), quoted(&pair.to)));
                }
                None
            }
            Err(Errno::EXDEV) => {
                self.flags.push_str("rp");
                cx.push(Task::Copy(pair));
                let _ = stat;
                None
            }
            Err(errno) => {
                let what = format!("cannot move {} to {}", quoted(&pair.from), quoted(&pair.to));
                self.failed(&what, errno, cx)
            }
        }
    }

    fn copy(&mut self, pair: Pair, stat: Stat, there: Option<Stat>, cx: &mut Cx<Task>) -> Option<Sys> {
        let over_dir = there.is_some_and(|there| there.kind == FileKind::Dir);
        let complaint = match stat.kind {
            _ if there.is_some() && clean(&pair.from) == clean(&pair.to) => {
                Some(format!("{} and {} are the same file", quoted(&pair.from), quoted(&pair.to)))
            }
            FileKind::Dir if there.is_some() && !over_dir => Some(format!(
                "cannot overwrite non-directory {} with directory {}",
                quoted(&pair.to),
                quoted(&pair.from)
            )),
            FileKind::Dir if pair.depth == 0 && inside(&pair) => {
                Some(format!("cannot copy a directory, {}, into itself, {}", quoted(&pair.from), quoted(&pair.to)))
            }
            FileKind::Dir => None,
            _ if over_dir => Some(format!("cannot overwrite directory {} with non-directory", quoted(&pair.to))),
            _ => None,
        };
        if let Some(complaint) = complaint {
            cx.fail(1, &complaint);
            return None;
        }
        if there.is_some() && stat.kind != FileKind::Dir && self.flags.contains('n') {
            return None;
        }
        if self.flags.contains('v') && !(stat.kind == FileKind::Dir && over_dir) {
            cx.line(&format!("{} -> {}", quoted(&pair.from), quoted(&pair.to)));
        }
        match stat.kind {
            FileKind::Dir => {
                let mode = stat.mode & 0o777;
                cx.call(Sys::Mkdir { path: pair.to.clone(), mode: mode | 0o700 }, Task::DirMade(pair, stat))
            }
            FileKind::Symlink => cx.call(Sys::Readlink { path: pair.from.clone() }, Task::LinkRead(pair, stat)),
            FileKind::File | FileKind::CharDevice => {
                let open = Sys::Open { path: pair.from.clone(), flags: OpenFlags::READ, mode: 0 };
                cx.call(open, Task::Opened(pair, stat))
            }
            _ => None,
        }
    }

    fn create(&self, pair: &Pair, stat: &Stat) -> Sys {
        let mode = if self.flags.contains('p') { stat.mode & 0o700 } else { stat.mode & 0o777 };
        Sys::Open { path: pair.to.clone(), flags: OpenFlags::CREATE, mode }
    }

    /// -p: owner, mode, time; then a move's source goes.
    fn finish(&mut self, pair: &Pair, stat: &Stat, cx: &mut Cx<Task>) {
        if self.mv {
            cx.push(Task::Unlink(pair.clone(), *stat));
        }
        if !self.flags.contains('p') {
            return;
        }
        let path = || pair.to.clone();
        let mut calls = vec![Sys::Chown { path: path(), uid: Some(stat.uid), gid: Some(stat.gid), follow: false }];
        if stat.kind != FileKind::Symlink {
            calls.push(Sys::Chmod { path: path(), mode: stat.mode });
        }
        calls.push(Sys::Utimens { path: path(), mtime_s: Some(stat.mtime_s), follow: false });
        cx.push_all(calls.into_iter().map(Task::Call));
    }
}

fn clean(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn inside(pair: &Pair) -> bool {
    format!("{}/", clean(&pair.to)).starts_with(&format!("{}/", clean(&pair.from)))
}
