//! Tools that do one small thing to each operand: `mkdir`, `rmdir`, `touch`, `ln`, `readlink`, `stat`, `truncate`.

use super::Program;
use super::calendar::Date;
use super::file::{ModeChange, Names, kind_text, mode_text, quoted};
use super::machine::{Cx, Machine, Steps, answer, base, join};
use super::options::{Misuse, Options, Parsed};
use super::plain::dirname;
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, FileKind, OpenFlags, Ret, Stat, Sys};
use serde::{Deserialize, Serialize};

/// Links one `readlink -f` follows, as path_resolution(7) has it.
const LINKS: u32 = 40;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct One {
    flags: String,
    mode: Option<ModeChange>,
    /// touch -d, truncate -s.
    number: Option<i64>,
    /// stat -c.
    format: Option<String>,
    names: Names,
    operands: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Mkdir { path: String, parent: bool },
    MkdirDone { path: String, parent: bool },
    Mode { path: String },
    Must { what: String },
    Rmdir { path: String },
    RmdirDone { path: String },
    Touch { path: String },
    TouchOpened { path: String },
    TouchDone { path: String, opened: Errno },
    LinkTarget,
    LinkTargetKnown,
    Link { target: String, path: String },
    LinkSeen { target: String, path: String },
    LinkForced { target: String, path: String },
    LinkDone { target: String, path: String },
    Readlink { path: String },
    ReadlinkDone,
    Resolve { path: String, done: String, rest: Vec<String>, links: u32 },
    ResolveCwd { path: String, links: u32 },
    ResolveLink { path: String, done: String, name: String, rest: Vec<String>, links: u32 },
    Passwd(Slurp),
    Group(Slurp),
    Stat { path: String },
    StatDone { path: String },
    StatLink { path: String, stat: Stat },
    Truncate { path: String },
    TruncateOpened { path: String },
    Size { path: String, len: u64, what: String },
    Call(Sys),
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let options = match name {
        "mkdir" => Options {
            flags: "pv",
            values: "m",
            long: &[("parents", 'p'), ("mode", 'm'), ("verbose", 'v')],
            ..Options::default()
        },
        "rmdir" => Options { flags: "pv", long: &[("parents", 'p'), ("verbose", 'v')], ..Options::default() },
        "touch" => {
            Options { flags: "acmh", values: "drt", long: &[("date", 'd'), ("no-create", 'c')], ..Options::default() }
        }
        "ln" => Options {
            flags: "sfnvrT",
            long: &[("symbolic", 's'), ("force", 'f'), ("verbose", 'v')],
            ..Options::default()
        },
        "readlink" | "realpath" => Options { flags: "femnqsz", long: &[("canonicalize", 'f')], ..Options::default() },
        "stat" => Options {
            flags: "Lft",
            values: "c",
            long: &[("format", 'c'), ("printf", 'c'), ("dereference", 'L')],
            ..Options::default()
        },
        _ => Options { flags: "c", values: "sr", long: &[("size", 's'), ("no-create", 'c')], ..Options::default() },
    };
    build(name, says, args, &options).unwrap_or_else(|misuse| misuse.with_status(1))
}

fn build(name: &str, says: &str, args: &[String], options: &Options) -> Result<Program, Misuse> {
    let parsed = Parsed::of(says, args, options)?;
    let mut tool = One {
        flags: parsed.flags.clone(),
        mode: None,
        number: None,
        format: None,
        names: Names::default(),
        operands: parsed.operands.clone(),
    };
    if name == "truncate" && parsed.value('s').is_none() {
        return Err(Misuse::new(says, "you must specify either '--size' or '--reference'".to_owned()));
    }
    if parsed.operands.is_empty() {
        let what = if name == "touch" || name == "ln" || name == "truncate" { "file operand" } else { "operand" };
        return Err(Misuse::new(says, format!("missing {what}")));
    }
    if let Some(text) = parsed.value('m') {
        tool.mode =
            Some(ModeChange::parse(text).ok_or_else(|| Misuse::plain(says, &format!("invalid mode '{text}'")))?);
    }
    if let Some(text) = parsed.value('d') {
        let seconds = text.strip_prefix('@').and_then(|n| n.parse().ok());
        tool.number = Some(seconds.ok_or_else(|| Misuse::plain(says, &format!("invalid date format '{text}'")))?);
    }
    if let Some(text) = parsed.value('s') {
        let size = size(text).and_then(|n| i64::try_from(n).ok());
        tool.number = Some(size.ok_or_else(|| Misuse::plain(says, &format!("Invalid number: '{text}'")))?);
    }
    tool.format = parsed.value('c').map(str::to_owned);
    let operands = parsed.operands.into_iter();
    let mut tasks: Vec<Task> = match name {
        "mkdir" if tool.flags.contains('p') => operands.flat_map(|path| parents(&path)).collect(),
        "mkdir" => operands.map(|path| Task::Mkdir { path, parent: false }).collect(),
        "rmdir" => operands.map(|path| Task::Rmdir { path }).collect(),
        "touch" => operands.map(|path| Task::Touch { path }).collect(),
        "ln" => vec![Task::LinkTarget],
        "realpath" => operands.map(|path| Task::ResolveCwd { path, links: 0 }).collect(),
        "readlink" if ['f', 'e', 'm'].iter().any(|f| tool.flags.contains(*f)) => {
            operands.map(|path| Task::ResolveCwd { path, links: 0 }).collect()
        }
        "readlink" => operands.map(|path| Task::Readlink { path }).collect(),
        "stat" => operands.map(|path| Task::Stat { path }).collect(),
        _ => operands.map(|path| Task::Truncate { path }).collect(),
    };
    if name == "stat" {
        tasks.splice(0..0, [Task::Passwd(Slurp::file("/etc/passwd")), Task::Group(Slurp::file("/etc/group"))]);
    }
    Ok(Program::One(Box::new(Machine::new(says, tool, tasks))))
}

/// `5`, `4K`, `1M`, `1G`.
pub fn size(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let unit = match unit {
        "" | "c" => 1,
        "b" => 512,
        "k" | "K" | "KiB" => 1 << 10,
        "kB" | "KB" => 1000,
        "M" | "MiB" => 1 << 20,
        "MB" => 1_000_000,
        "G" | "GiB" => 1 << 30,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Each directory of a path that may be missing, outermost first.
fn parents(path: &str) -> Vec<Task> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(slash) = path[at..].find('/') {
        let end = at + slash;
        if end > 0 && !path[..end].ends_with('/') {
            out.push(Task::Mkdir { path: path[..end].to_owned(), parent: true });
        }
        at = end + 1;
    }
    if at < path.len() {
        out.push(Task::Mkdir { path: path.to_owned(), parent: true });
    }
    out
}

impl Steps<Task> for One {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Mkdir { path, parent } => {
                cx.call(Sys::Mkdir { path: path.clone(), mode: 0o777 }, Task::MkdirDone { path, parent })
            }
            Task::MkdirDone { path, parent } => self.made(path, parent, ret, cx),
            Task::Mode { path } => {
                let mode = self.mode.as_ref().map_or(0o777, |mode| mode.apply(0o777, true, 0));
                let what = format!("cannot set permissions of {}", quoted(&path));
                cx.call(Sys::Chmod { path, mode }, Task::Must { what })
            }
            Task::Must { what } => {
                if let Err(errno) = answer::done(ret) {
                    cx.fail(1, &format!("{what}: {}", errno.text()));
                }
                None
            }
            Task::Rmdir { path } => cx.call(Sys::Rmdir { path: path.clone() }, Task::RmdirDone { path }),
            Task::RmdirDone { path } => {
                match answer::done(ret) {
                    Ok(()) => {
                        let up = dirname(&path).to_owned();
                        if self.has('p') && up != "." && up != "/" {
                            cx.push(Task::Rmdir { path: up });
                        }
                    }
                    Err(errno) => cx.fail(1, &format!("failed to remove {}: {}", quoted(&path), errno.text())),
                }
                None
            }
            Task::Touch { path } => {
                let flags = OpenFlags { write: true, create: !self.has('c'), ..OpenFlags::default() };
                cx.call(Sys::Open { path: path.clone(), flags, mode: 0o666 }, Task::TouchOpened { path })
            }
            Task::TouchOpened { path } => {
                let time = Sys::Utimens { path: path.clone(), mtime_s: self.number, follow: true };
                match answer::fd(ret) {
                    Ok(fd) => {
                        cx.push_all([Task::Call(Sys::Close { fd }), Task::Call(time)]);
                        None
                    }
                    Err(Errno::ENOENT) if self.has('c') => None,
                    // What cannot be opened (a directory) may still be touched.
                    Err(opened) => cx.call(time, Task::TouchDone { path, opened }),
                }
            }
            Task::TouchDone { path, opened } => {
                if answer::done(ret).is_err() {
                    cx.fail(1, &format!("cannot touch {}: {}", quoted(&path), opened.text()));
                }
                None
            }
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => {
                    self.names.add_passwd(&data.unwrap_or_default());
                    None
                }
            },
            Task::Group(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Group(slurp)),
                Slurping::Done(data) => {
                    self.names.add_group(&data.unwrap_or_default());
                    None
                }
            },
            Task::Stat { path } => {
                cx.call(Sys::Stat { path: path.clone(), follow: self.has('L') }, Task::StatDone { path })
            }
            Task::StatDone { path } => match answer::stat(ret) {
                Ok(stat) if stat.kind == FileKind::Symlink => {
                    cx.call(Sys::Readlink { path: path.clone() }, Task::StatLink { path, stat })
                }
                Ok(stat) => {
                    cx.out(&self.describe(&path, &stat, None));
                    None
                }
                Err(errno) => {
                    cx.fail(1, &format!("cannot statx {}: {}", quoted(&path), errno.text()));
                    None
                }
            },
            Task::StatLink { path, stat } => {
                cx.out(&self.describe(&path, &stat, answer::text(ret).ok().as_deref()));
                None
            }
            Task::Truncate { path } => {
                let flags = OpenFlags { write: true, create: !self.has('c'), ..OpenFlags::default() };
                cx.call(Sys::Open { path: path.clone(), flags, mode: 0o666 }, Task::TruncateOpened { path })
            }
            Task::TruncateOpened { path } => match answer::fd(ret) {
                Ok(fd) => {
                    let len = u64::try_from(self.number.unwrap_or(0)).unwrap_or(0);
                    let what = format!("failed to truncate {} at {len} bytes", quoted(&path));
                    cx.push(Task::Size { path, len, what });
                    cx.call(Sys::Close { fd }, Task::Ignore)
                }
                Err(errno) => {
                    cx.fail(1, &format!("cannot open {} for writing: {}", quoted(&path), errno.text()));
                    None
                }
            },
            Task::Size { path, len, what } => cx.call(Sys::Truncate { path, len }, Task::Must { what }),
            Task::Call(sys) => cx.call(sys, Task::Ignore),
            Task::Ignore => None,
            task => self.step_links(task, ret, cx),
        }
    }
}

impl One {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn made(&mut self, path: String, parent: bool, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::done(ret) {
            Ok(()) => {
                if self.has('v') {
                    cx.line(&format!("{}: created directory {}", cx.name.clone(), quoted(&path)));
                }
                if self.mode.is_some() && self.operands.contains(&path) {
                    cx.push(Task::Mode { path });
                }
            }
            Err(Errno::EEXIST) if parent => {}
            Err(errno) => {
                // What is in the way is the parent that is no directory.
                let at_fault = if parent && errno == Errno::ENOTDIR { dirname(&path) } else { &path };
                cx.fail(1, &format!("cannot create directory {}: {}", quoted(at_fault), errno.text()));
                if parent {
                    // What is below it cannot be made either; the next operand can.
                    let below = format!("{path}/");
                    cx.todo().retain(|t| !matches!(t, Task::Mkdir { path, .. } if path.starts_with(&below)));
                }
            }
        }
        None
    }

    fn step_links(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::LinkTarget => {
                let path = if self.operands.len() > 1 {
                    self.operands[self.operands.len() - 1].clone()
                } else {
                    ".".to_owned()
                };
                cx.call(Sys::Stat { path, follow: !self.has('n') }, Task::LinkTargetKnown)
            }
            Task::LinkTargetKnown => {
                let into = answer::stat(ret).is_ok_and(|stat| stat.kind == FileKind::Dir) && !self.has('T');
                let mut targets = self.operands.clone();
                let last = if targets.len() > 1 { targets.pop().unwrap_or_default() } else { ".".to_owned() };
                if targets.len() > 1 && !into {
                    cx.fail(1, &format!("target {}: Not a directory", quoted(&last)));
                    return None;
                }
                let tasks = targets.into_iter().map(|target| {
                    let path = if into { join(&last, base(&target)) } else { last.clone() };
                    Task::Link { target, path }
                });
                cx.push_all(tasks.collect::<Vec<_>>());
                None
            }
            Task::Link { target, path } if self.has('s') => self.forced(target, path, cx),
            Task::Link { target, path } => {
                cx.call(Sys::Stat { path: target.clone(), follow: false }, Task::LinkSeen { target, path })
            }
            Task::LinkSeen { target, path } => match answer::stat(ret) {
                Ok(stat) if stat.kind == FileKind::Dir => {
                    cx.fail(1, &format!("{target}: hard link not allowed for directory"));
                    None
                }
                Ok(_) => self.forced(target, path, cx),
                Err(errno) => {
                    cx.fail(1, &format!("failed to access {}: {}", quoted(&target), errno.text()));
                    None
                }
            },
            Task::LinkForced { target, path } => self.link(target, path, cx),
            Task::LinkDone { target, path } => {
                let symbolic = self.has('s');
                let arrow = if symbolic { "->" } else { "=>" };
                match answer::done(ret) {
                    Ok(()) if self.has('v') => cx.line(&format!("{} {arrow} {}", quoted(&path), quoted(&target))),
                    Ok(()) => {}
                    Err(errno) => {
                        let kind = if symbolic { "symbolic" } else { "hard" };
                        let source = match (symbolic, errno) {
                            (false, Errno::EEXIST) | (true, _) => String::new(),
                            _ => format!(" => {}", quoted(&target)),
                        };
                        let text = errno.text();
                        cx.fail(1, &format!("failed to create {kind} link {}{source}: {text}", quoted(&path)));
                    }
                }
                None
            }
            Task::Readlink { path } => cx.call(Sys::Readlink { path }, Task::ReadlinkDone),
            Task::ReadlinkDone => {
                match answer::text(ret) {
                    Ok(text) => cx.line(&text),
                    Err(_) => cx.status = 1,
                }
                None
            }
            Task::ResolveCwd { path, links } => match ret {
                Ret::Start if !path.starts_with('/') => cx.call(Sys::Getcwd, Task::ResolveCwd { path, links }),
                ret => {
                    let cwd = answer::text(ret).unwrap_or_default();
                    let done = if path.starts_with('/') { String::new() } else { cwd };
                    let rest = components(&path);
                    cx.push(Task::Resolve { path, done: done.trim_end_matches('/').to_owned(), rest, links });
                    None
                }
            },
            Task::Resolve { path, done, mut rest, links } => {
                if rest.is_empty() {
                    cx.line(if done.is_empty() { "/" } else { &done });
                    return None;
                }
                match rest.remove(0).as_str() {
                    ".." => {
                        let up = done.rfind('/').map_or(String::new(), |at| done[..at].to_owned());
                        cx.push(Task::Resolve { path, done: up, rest, links });
                        None
                    }
                    name => {
                        let name = name.to_owned();
                        let link = Sys::Readlink { path: format!("{done}/{name}") };
                        cx.call(link, Task::ResolveLink { path, done, name, rest, links })
                    }
                }
            }
            Task::ResolveLink { path, done, name, rest, links } => {
                match answer::text(ret) {
                    Ok(_) if links >= LINKS => cx.status = 1,
                    Ok(target) => {
                        let done = if target.starts_with('/') { String::new() } else { done };
                        let rest = [components(&target), rest].concat();
                        cx.push(Task::Resolve { path, done, rest, links: links + 1 });
                    }
                    // Only the last component may be missing.
                    Err(errno)
                        if errno == Errno::EINVAL || errno == Errno::ENOENT && (rest.is_empty() || self.has('m')) =>
                    {
                        cx.push(Task::Resolve { path, done: format!("{done}/{name}"), rest, links });
                    }
                    Err(_) => cx.status = 1,
                }
                None
            }
            _ => None,
        }
    }

    fn forced(&self, target: String, path: String, cx: &mut Cx<Task>) -> Option<Sys> {
        if self.has('f') {
            return cx.call(Sys::Unlink { path: path.clone() }, Task::LinkForced { target, path });
        }
        self.link(target, path, cx)
    }

    fn link(&self, target: String, path: String, cx: &mut Cx<Task>) -> Option<Sys> {
        let sys = if self.has('s') {
            Sys::Symlink { target: target.clone(), path: path.clone() }
        } else {
            Sys::Link { from: target.clone(), to: path.clone() }
        };
        cx.call(sys, Task::LinkDone { target, path })
    }

    /// stat -c, or what we know of the default form: no device, inode, access or change time.
    fn describe(&self, path: &str, stat: &Stat, target: Option<&str>) -> String {
        let shown = match target {
            Some(target) => format!("{path} -> {target}"),
            None => path.to_owned(),
        };
        let Some(format) = &self.format else {
            let date = Date::of(stat.mtime_s);
            return format!(
                "  File: {shown}\n  Size: {:<10}\tBlocks: {:<10} IO Block: 4096   {}\nLinks: {}\nAccess: ({:04o}/{})  Uid: \
                 ({:>5}/{:>8})   Gid: ({:>5}/{:>8})\nModify: {:04}-{:02}-{:02} {:02}:{:02}:{:02}.000000000 +0000\n",
                stat.size_bytes,
                super::ls::blocks_kib(stat) * 2,
                kind_text(stat),
                stat.nlink,
                stat.mode,
                mode_text(stat),
                stat.uid,
                self.names.user_name(stat.uid).unwrap_or_else(|| "UNKNOWN".to_owned()),
                stat.gid,
                self.names.group_name(stat.gid).unwrap_or_else(|| "UNKNOWN".to_owned()),
                date.year,
                date.month,
                date.day,
                date.hour,
                date.minute,
                date.second,
            );
        };
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => match chars.next() {
                    Some('a') => out += &format!("{:o}", stat.mode),
                    Some('A') => out += &mode_text(stat),
                    Some('s') => out += &stat.size_bytes.to_string(),
                    Some('n') => out += path,
                    Some('N') => match target {
                        Some(target) => out += &format!("{} -> {}", quoted(path), quoted(target)),
                        None => out += &quoted(path),
                    },
                    Some('u') => out += &stat.uid.to_string(),
                    Some('g') => out += &stat.gid.to_string(),
                    Some('U') => out += &self.names.user_name(stat.uid).unwrap_or_else(|| "UNKNOWN".to_owned()),
                    Some('G') => out += &self.names.group_name(stat.gid).unwrap_or_else(|| "UNKNOWN".to_owned()),
                    Some('F') => out += kind_text(stat),
                    Some('h') => out += &stat.nlink.to_string(),
                    Some('Y') => out += &stat.mtime_s.to_string(),
                    Some('y') => {
                        let d = Date::of(stat.mtime_s);
                        out += &format!("{:04}-{:02}-{:02} ", d.year, d.month, d.day);
                        out += &format!("{:02}:{:02}:{:02}.000000000 +0000", d.hour, d.minute, d.second);
                    }
                    Some('%') => out.push('%'),
                    Some(_) => out.push('?'),
                    None => out.push('%'),
                },
                c => out.push(c),
            }
        }
        out + "\n"
    }
}

fn components(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}
