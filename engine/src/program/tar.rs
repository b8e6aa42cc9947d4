//! tar(1): `-c`, `-t` and `-x` of uncompressed archives. What it writes has the form layers have ([`crate::image::tar`]).

use super::Program;
use super::calendar::Date;
use super::file::mode_text;
use super::machine::{Cx, Machine, STDIN, Steps, answer, join};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use super::unpack;
use crate::call::{Errno, Fd, FileKind, OpenFlags, Ret, Stat, Sys};
use crate::image::tar::{self, Entry, Kind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes of files one archive may hold.
const ARCHIVE_BYTES: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tar {
    verbose: bool,
    archive: Option<String>,
    dir: Option<String>,
    entries: Vec<Entry>,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Chdir(String),
    ChdirDone(String),
    List(Slurp),
    Visit(String),
    Seen(String),
    Content { path: String, stat: Stat, slurp: Slurp },
    Link { path: String, stat: Stat },
    Opened(String),
    Listed(String, Fd),
    Write,
    Created,
    Trouble,
    Ignore,
}

pub fn start(says: &str, args: &[String]) -> Program {
    // `tar cf x.tar y`: the first word may lack its dash.
    let mut args = args.to_vec();
    if let Some(first) = args.first_mut().filter(|a| !a.starts_with('-') && a.contains(['c', 't', 'x'])) {
        first.insert(0, '-');
    }
    // The letter that takes the archive may stand anywhere in the first word: -cfv is rare, -cvf is not.
    let options = Options {
        flags: "ctxvzpjJ",
        values: "fC",
        long: &[
            ("create", 'c'),
            ("list", 't'),
            ("extract", 'x'),
            ("verbose", 'v'),
            ("file", 'f'),
            ("directory", 'C'),
            ("gzip", 'z'),
        ],
        ..Options::default()
    };
    match build(says, &args, &options) {
        Ok(program) => program,
        Err(misuse) => misuse.with_status(2),
    }
}

fn build(says: &str, args: &[String], options: &Options) -> Result<Program, Misuse> {
    let hint = "Try 'tar --help' or 'tar --usage' for more information.";
    let parsed = Parsed::of(says, args, options)?;
    if ['z', 'j', 'J'].iter().any(|c| parsed.has(*c)) {
        let text = "tar (child): gzip: Cannot exec: No such file or directory\ntar (child): Error is not recoverable: \
                    exiting now\ntar: Child returned status 2\ntar: Error is not recoverable: exiting now\n";
        return Err(Misuse::whole(text.to_owned()));
    }
    let archive = parsed.value('f').filter(|f| *f != "-").map(str::to_owned);
    let slurp = || archive.as_deref().map_or(Slurp::descriptor(STDIN), Slurp::file);
    let tool = Tar {
        verbose: parsed.has('v'),
        archive: archive.clone(),
        dir: parsed.value('C').map(str::to_owned),
        entries: Vec::new(),
        bytes: 0,
    };
    let machine = |tool: Tar, tasks: Vec<Task>| Ok(Program::Tar(Box::new(Machine::new(says, tool, tasks))));
    match (parsed.has('c'), parsed.has('t'), parsed.has('x')) {
        (true, false, false) if parsed.operands.is_empty() => {
            Err(Misuse::whole(format!("{says}: Cowardly refusing to create an empty archive\n{hint}\n")))
        }
        (true, false, false) => {
            let mut tasks: Vec<Task> = tool.dir.iter().cloned().map(Task::Chdir).collect();
            tasks.extend(parsed.operands.into_iter().map(Task::Visit));
            tasks.extend([Task::Write, Task::Trouble]);
            machine(tool, tasks)
        }
        (false, true, false) => machine(tool, vec![Task::List(slurp())]),
        (false, false, true) => {
            let dest = tool.dir.clone().unwrap_or_else(|| ".".to_owned());
            Ok(unpack::extract(says, slurp(), &dest, tool.verbose, parsed.operands))
        }
        _ => Err(Misuse::whole(format!(
            "{says}: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\n{hint}\n"
        ))),
    }
}

impl Steps<Task> for Tar {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Chdir(path) => cx.call(Sys::Chdir { path: path.clone() }, Task::ChdirDone(path)),
            Task::ChdirDone(path) => {
                if let Err(errno) = answer::done(ret) {
                    cx.exit(2);
                    cx.complain(&format!("{path}: Cannot open: {}", errno.text()));
                    cx.complain("Error is not recoverable: exiting now");
                }
                None
            }
            Task::List(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::List(slurp)),
                Slurping::Done(data) => {
                    self.list(data, cx);
                    None
                }
            },
            Task::Visit(path) => cx.call(Sys::Stat { path: path.clone(), follow: false }, Task::Seen(path)),
            Task::Seen(path) => match answer::stat(ret) {
                Ok(stat) => self.seen(path, stat, cx),
                Err(errno) => {
                    cx.fail(2, &format!("{path}: Cannot stat: {}", errno.text()));
                    None
                }
            },
            Task::Content { path, stat, mut slurp } => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Content { path, stat, slurp }),
                Slurping::Done(Ok(data)) => {
                    self.bytes += data.len();
                    if self.bytes > ARCHIVE_BYTES {
                        cx.fail(2, &format!("{path}: File too large"));
                    } else {
                        self.add(&path, &stat, Kind::File, data);
                    }
                    None
                }
                Slurping::Done(Err(errno)) => {
                    cx.fail(2, &format!("{path}: Cannot open: {}", errno.text()));
                    None
                }
            },
            Task::Link { path, stat } => {
                if let Ok(target) = answer::text(ret) {
                    self.add(&path, &stat, Kind::Symlink { target }, Vec::new());
                }
                None
            }
            Task::Opened(path) => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Getdents { fd }, Task::Listed(path, fd)),
                Err(errno) => {
                    cx.fail(2, &format!("{path}: Cannot open: {}", errno.text()));
                    None
                }
            },
            Task::Listed(path, fd) => {
                let inner = answer::dents(ret).unwrap_or_default();
                cx.push_all(inner.into_iter().map(|dent| Task::Visit(join(&path, &dent.name))).collect::<Vec<_>>());
                cx.call(Sys::Close { fd }, Task::Ignore)
            }
            Task::Write => match &self.archive {
                Some(path) => {
                    let open = Sys::Open { path: path.clone(), flags: OpenFlags::CREATE, mode: 0o666 };
                    cx.call(open, Task::Created)
                }
                None => {
                    let bytes = tar::write(&self.entries);
                    cx.out_bytes(&bytes);
                    None
                }
            },
            Task::Created => match answer::fd(ret) {
                Ok(fd) => {
                    cx.write(fd, &tar::write(&self.entries));
                    cx.flush();
                    cx.call(Sys::Close { fd }, Task::Ignore)
                }
                Err(errno) => {
                    let path = self.archive.clone().unwrap_or_default();
                    cx.fail(2, &format!("{path}: Cannot open: {}", errno.text()));
                    None
                }
            },
            Task::Trouble => {
                if cx.status != 0 {
                    cx.complain("Exiting with failure status due to previous errors");
                }
                None
            }
            Task::Ignore => None,
        }
    }
}

impl Tar {
    fn seen(&mut self, path: String, stat: Stat, cx: &mut Cx<Task>) -> Option<Sys> {
        if self.verbose {
            let slash = if stat.kind == FileKind::Dir { "/" } else { "" };
            cx.line(&format!("{}{slash}", path.trim_end_matches('/')));
        }
        match stat.kind {
            FileKind::Dir => {
                self.add(&path, &stat, Kind::Dir, Vec::new());
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::DIRECTORY, mode: 0 };
                cx.call(open, Task::Opened(path))
            }
            FileKind::File => {
                let slurp = Slurp::file(&path);
                cx.push(Task::Content { path, stat, slurp });
                None
            }
            FileKind::Symlink => cx.call(Sys::Readlink { path: path.clone() }, Task::Link { path, stat }),
            _ => None,
        }
    }

    fn add(&mut self, path: &str, stat: &Stat, kind: Kind, data: Vec<u8>) {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
        let path = parts.collect::<Vec<_>>().join("/");
        if path.is_empty() {
            return;
        }
        let entry =
            Entry { kind, uid: stat.uid, gid: stat.gid, mtime_s: stat.mtime_s, ..Entry::file(path, stat.mode, data) };
        self.entries.push(entry);
    }

    fn list(&self, data: Result<Vec<u8>, Errno>, cx: &mut Cx<Task>) {
        let read = match data {
            Ok(data) => tar::read(&Arc::from(data)).map_err(|error| error.to_string()),
            Err(errno) => {
                let path = self.archive.clone().unwrap_or_default();
                Err(format!("{path}: Cannot open: {}", errno.text()))
            }
        };
        match read {
            Ok(entries) => entries.iter().for_each(|entry| cx.line(&self.listed(entry))),
            Err(message) => {
                cx.fail(2, &message);
                cx.complain("Error is not recoverable: exiting now");
            }
        }
    }

    fn listed(&self, entry: &Entry) -> String {
        let slash = if entry.kind == Kind::Dir { "/" } else { "" };
        if !self.verbose {
            return format!("{}{slash}", entry.path);
        }
        let kind = entry.file_kind().unwrap_or(FileKind::File);
        let (size_bytes, mtime_s) = (entry.size_bytes(), entry.mtime_s);
        let stat = Stat { kind, mode: entry.mode, uid: 0, gid: 0, size_bytes, nlink: 1, mtime_s, rdev: (0, 0) };
        let date = Date::of(mtime_s);
        let link = match &entry.kind {
            Kind::Symlink { target } => format!(" -> {target}"),
            Kind::Hardlink { target } => format!(" link to {target}"),
            _ => String::new(),
        };
        format!(
            "{} {}/{} {:>w$} {:04}-{:02}-{:02} {:02}:{:02} {}{slash}{link}",
            mode_text(&stat),
            entry.uid,
            entry.gid,
            size_bytes,
            date.year,
            date.month,
            date.day,
            date.hour,
            date.minute,
            entry.path,
            w = 19usize.saturating_sub(2 + entry.uid.to_string().len() + entry.gid.to_string().len()).max(1),
        )
    }
}
