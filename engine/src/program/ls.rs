//! ls(1), one name a line: standard output is never a terminal to it.

use super::Program;
use super::calendar::Date;
use super::file::{Names, human, mode_text, quoted};
use super::machine::{Cx, Machine, Steps, answer, join};
use super::options::{Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Dent, Fd, FileKind, OpenFlags, Ret, Stat, Sys};
use crate::sim::{sort, sort_by};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ls {
    flags: String,
    names: Names,
    now_s: i64,
    files: Vec<Item>,
    dirs: Vec<String>,
    headers: bool,
    /// Something was printed: a blank line goes before the next directory.
    printed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    name: String,
    path: String,
    stat: Option<Stat>,
    kind: FileKind,
    target: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Clock,
    Clocked,
    Passwd(Slurp),
    Group(Slurp),
    Operand(String),
    Known(String),
    /// It could not be followed: perhaps a dangling link.
    KnownLink(String),
    Link(Item),
    Operands,
    Dir {
        path: String,
        operand: bool,
    },
    Opened {
        path: String,
        operand: bool,
    },
    Listed {
        path: String,
        fd: Fd,
    },
    Items {
        path: String,
        todo: Vec<Dent>,
        done: Vec<Item>,
    },
    ItemKnown {
        path: String,
        todo: Vec<Dent>,
        done: Vec<Item>,
        item: Item,
    },
    ItemLink {
        path: String,
        todo: Vec<Dent>,
        done: Vec<Item>,
        item: Item,
    },
    Ignore,
}

pub fn start(says: &str, args: &[String]) -> Program {
    let parsed = Parsed::of(says, args, &Options { flags: "aAlRd1hFrtSnpigocCUm", long: LONG, ..Options::default() });
    let mut parsed = match parsed {
        Ok(parsed) => parsed,
        Err(program) => return program.with_status(2),
    };
    if parsed.operands.is_empty() {
        parsed.operands.push(".".to_owned());
    }
    let tool = Ls {
        flags: parsed.flags,
        names: Names::default(),
        now_s: 0,
        files: Vec::new(),
        dirs: Vec::new(),
        headers: parsed.operands.len() > 1,
        printed: false,
    };
    let mut tasks = Vec::new();
    if tool.long() {
        tasks.extend([Task::Clock, Task::Passwd(Slurp::file("/etc/passwd")), Task::Group(Slurp::file("/etc/group"))]);
    }
    tasks.extend(parsed.operands.into_iter().map(Task::Operand));
    tasks.push(Task::Operands);
    Program::Ls(Box::new(Machine::new(says, tool, tasks)))
}

const LONG: &[(&str, char)] = &[
    ("all", 'a'),
    ("almost-all", 'A'),
    ("recursive", 'R'),
    ("directory", 'd'),
    ("human-readable", 'h'),
    ("classify", 'F'),
    ("reverse", 'r'),
    ("numeric-uid-gid", 'n'),
    ("size", 's'),
];
/// GNU ls shows the hour of what is at most this old: half a Gregorian year.
const RECENT_S: i64 = 31_556_952 / 2;

impl Steps<Task> for Ls {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Clock => return cx.call(Sys::Clock, Task::Clocked),
            Task::Clocked => self.now_s = answer::int(ret).unwrap_or(0) / 1_000_000_000,
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => self.names.add_passwd(&data.unwrap_or_default()),
            },
            Task::Group(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Group(slurp)),
                Slurping::Done(data) => self.names.add_group(&data.unwrap_or_default()),
            },
            Task::Operand(path) => {
                // Without -l, -d or -F a link named on the command line is followed.
                let follow = !(self.long() || self.has('d') || self.has('F'));
                return cx.call(Sys::Stat { path: path.clone(), follow }, Task::Known(path));
            }
            Task::Known(path) => match answer::stat(ret) {
                Ok(stat) => return self.operand(path, stat, cx),
                Err(_) => return cx.call(Sys::Stat { path: path.clone(), follow: false }, Task::KnownLink(path)),
            },
            Task::KnownLink(path) => match answer::stat(ret) {
                Ok(stat) => return self.operand(path, stat, cx),
                Err(errno) => cx.fail(2, &format!("cannot access {}: {}", quoted(&path), errno.text())),
            },
            Task::Link(mut item) => {
                item.target = answer::text(ret).ok();
                self.files.push(item);
            }
            Task::Operands => self.operands(cx),
            Task::Dir { path, operand } => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::DIRECTORY, mode: 0 };
                return cx.call(open, Task::Opened { path, operand });
            }
            Task::Opened { path, operand } => match answer::fd(ret) {
                Ok(fd) => return cx.call(Sys::Getdents { fd }, Task::Listed { path, fd }),
                Err(errno) => {
                    let status = if operand { 2 } else { cx.status.max(1) };
                    cx.fail(status, &format!("cannot open directory {}: {}", quoted(&path), errno.text()));
                }
            },
            Task::Listed { path, fd } => {
                let dents = answer::dents(ret);
                match dents {
                    Ok(dents) => {
                        let todo = self.visible(dents);
                        cx.push(Task::Items { path, todo, done: Vec::new() });
                    }
                    Err(errno) => {
                        cx.fail(1, &format!("reading directory {}: {}", quoted(&path), errno.text()));
                    }
                }
                return cx.call(Sys::Close { fd }, Task::Ignore);
            }
            Task::Items { path, todo, done } => return self.items(path, todo, done, cx),
            Task::ItemKnown { path, todo, mut done, mut item } => match answer::stat(ret) {
                Ok(stat) => {
                    item.stat = Some(stat);
                    item.kind = stat.kind;
                    if stat.kind == FileKind::Symlink && self.long() {
                        let link = Sys::Readlink { path: item.path.clone() };
                        return cx.call(link, Task::ItemLink { path, todo, done, item });
                    }
                    done.push(item);
                    cx.push(Task::Items { path, todo, done });
                }
                Err(errno) => {
                    cx.fail(1, &format!("cannot access {}: {}", quoted(&item.path), errno.text()));
                    cx.push(Task::Items { path, todo, done });
                }
            },
            Task::ItemLink { path, todo, mut done, mut item } => {
                item.target = answer::text(ret).ok();
                done.push(item);
                cx.push(Task::Items { path, todo, done });
            }
            Task::Ignore => {}
        }
        None
    }
}

impl Ls {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn long(&self) -> bool {
        self.has('l') || self.has('n') || self.has('g') || self.has('o')
    }

    fn needs_stat(&self) -> bool {
        self.long() || ['F', 't', 'S', 'p', 's'].iter().any(|f| self.has(*f))
    }

    fn operand(&mut self, path: String, stat: Stat, cx: &mut Cx<Task>) -> Option<Sys> {
        if stat.kind == FileKind::Dir && !self.has('d') {
            self.dirs.push(path);
            return None;
        }
        let item = Item { name: path.clone(), path: path.clone(), stat: Some(stat), kind: stat.kind, target: None };
        if stat.kind == FileKind::Symlink && self.long() {
            return cx.call(Sys::Readlink { path }, Task::Link(item));
        }
        self.files.push(item);
        None
    }

    /// Files first, then the directories, each under its name if there is more than one thing to show.
    fn operands(&mut self, cx: &mut Cx<Task>) {
        let mut files = std::mem::take(&mut self.files);
        self.sort(&mut files);
        self.headers |= self.has('R');
        if !files.is_empty() {
            self.show(&files, cx);
            self.printed = true;
        }
        let mut dirs = std::mem::take(&mut self.dirs);
        sort(&mut dirs);
        if self.has('r') {
            dirs.reverse();
        }
        cx.push_all(dirs.into_iter().map(|path| Task::Dir { path, operand: true }));
    }

    fn visible(&self, dents: Vec<Dent>) -> Vec<Dent> {
        let dot = |name: &str| Dent { name: name.to_owned(), kind: FileKind::Dir };
        let mut out = if self.has('a') { vec![dot("."), dot("..")] } else { Vec::new() };
        let hidden = self.has('a') || self.has('A');
        out.extend(dents.into_iter().filter(|dent| hidden || !dent.name.starts_with('.')));
        out
    }

    fn items(&mut self, path: String, mut todo: Vec<Dent>, mut done: Vec<Item>, cx: &mut Cx<Task>) -> Option<Sys> {
        if self.needs_stat() && !todo.is_empty() {
            let dent = todo.remove(0);
            let full = join(&path, &dent.name);
            let item = Item { name: dent.name, path: full.clone(), stat: None, kind: dent.kind, target: None };
            return cx.call(Sys::Stat { path: full, follow: false }, Task::ItemKnown { path, todo, done, item });
        }
        done.extend(todo.into_iter().map(|dent| Item {
            path: join(&path, &dent.name),
            name: dent.name,
            stat: None,
            kind: dent.kind,
            target: None,
        }));
        self.sort(&mut done);
        if self.headers {
            let blank = if self.printed { "\n" } else { "" };
            cx.out(&format!("{blank}{path}:\n"));
        }
        self.printed = true;
        if self.long() || self.has('s') {
            let blocks: u64 = done.iter().filter_map(|item| item.stat).map(|stat| blocks_kib(&stat)).sum();
            let total = if self.has('h') { human(blocks * 1024) } else { blocks.to_string() };
            cx.line(&format!("total {total}"));
        }
        self.show(&done, cx);
        if self.has('R') {
            let inner = done.into_iter().filter(|i| i.kind == FileKind::Dir && i.name != "." && i.name != "..");
            cx.push_all(inner.map(|item| Task::Dir { path: item.path, operand: false }));
        }
        None
    }

    fn sort(&self, items: &mut Vec<Item>) {
        let stat = |item: &Item, of: fn(&Stat) -> i64| item.stat.as_ref().map_or(0, of);
        sort_by(items, |a, b| {
            let first = if self.has('S') {
                stat(b, |s| s.size_bytes as i64).cmp(&stat(a, |s| s.size_bytes as i64))
            } else if self.has('t') {
                stat(b, |s| s.mtime_s).cmp(&stat(a, |s| s.mtime_s))
            } else {
                Ordering::Equal
            };
            first.then_with(|| a.name.cmp(&b.name))
        });
        if self.has('r') {
            items.reverse();
        }
    }

    fn show(&self, items: &[Item], cx: &mut Cx<Task>) {
        if !self.long() {
            for item in items {
                cx.line(&format!("{}{}", item.name, self.mark(item)));
            }
            return;
        }
        let rows: Vec<[String; 5]> = items.iter().map(|item| self.columns(item)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        for (item, row) in items.iter().zip(&rows) {
            let mode = item.stat.map_or("??????????".to_owned(), |stat| mode_text(&stat));
            let mut line = format!("{mode} {:>w$}", row[0], w = widths[0]);
            if !self.has('g') {
                line += &format!(" {:<w$}", row[1], w = widths[1]);
            }
            if !self.has('o') {
                line += &format!(" {:<w$}", row[2], w = widths[2]);
            }
            line += &format!(" {:>w$} {} {}{}", row[3], row[4], item.name, self.mark(item), w = widths[3]);
            if let Some(target) = &item.target {
                line += &format!(" -> {target}");
            }
            cx.line(&line);
        }
    }

    /// Links, owner, group, size, time.
    fn columns(&self, item: &Item) -> [String; 5] {
        let Some(stat) = item.stat else { return ["?", "?", "?", "?", "?"].map(str::to_owned) };
        let numeric = self.has('n');
        let size = match stat.kind {
            FileKind::CharDevice | FileKind::BlockDevice => format!("{}, {}", stat.rdev.0, stat.rdev.1),
            _ if self.has('h') => human(stat.size_bytes),
            _ => stat.size_bytes.to_string(),
        };
        let owner = if numeric { stat.uid.to_string() } else { self.names.user(stat.uid) };
        let group = if numeric { stat.gid.to_string() } else { self.names.group(stat.gid) };
        [stat.nlink.to_string(), owner, group, size, self.time(stat.mtime_s)]
    }

    fn time(&self, mtime_s: i64) -> String {
        let date = Date::of(mtime_s);
        let month = &date.month_name()[..3];
        let age = self.now_s - mtime_s;
        if (0..RECENT_S).contains(&age) {
            format!("{month} {:>2} {:02}:{:02}", date.day, date.hour, date.minute)
        } else {
            format!("{month} {:>2}  {}", date.day, date.year)
        }
    }

    /// `-F`
    fn mark(&self, item: &Item) -> &'static str {
        let executable = item.stat.is_some_and(|stat| stat.mode & 0o111 != 0);
        match item.kind {
            FileKind::Dir if self.has('F') || self.has('p') => "/",
            _ if !self.has('F') => "",
            FileKind::Symlink if self.long() => "",
            FileKind::Symlink => "@",
            FileKind::Fifo => "|",
            FileKind::Socket => "=",
            FileKind::File if executable => "*",
            _ => "",
        }
    }
}

/// What a file would occupy with blocks of 4 KiB; how many a file system really gives it is its own affair.
pub fn blocks_kib(stat: &Stat) -> u64 {
    match stat.kind {
        FileKind::File => stat.size_bytes.div_ceil(4096) * 4,
        FileKind::Dir => 4,
        _ => 0,
    }
}
