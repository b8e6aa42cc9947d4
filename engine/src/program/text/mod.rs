//! Tools that read their operands, or standard input, from beginning to end and write what they make of it.
//!
//! One driver opens, reads and closes; what a tool does with the bytes is a pure function. `cat`, `head`, `tail -f` and
//! `tee` pass data on as it comes; the others read everything first, so their output appears when their input ends.

mod grep;
mod regex;
mod sed;
mod sort;
mod whole;

use super::Program;
use super::file::quoted;
use super::machine::{Cx, Machine, STDIN, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::slurp::SLURP_BYTES;
use crate::call::{Errno, Fd, FileKind, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::sim::SECOND;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    name: String,
    work: Work,
    /// How many operands there are.
    operands: usize,
    shown: usize,
    inputs: Vec<Input>,
    failed: bool,
}

/// What is done with the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Work {
    Cat {
        number: bool,
        squeeze: bool,
        line: u64,
        line_begins: bool,
    },
    Head {
        lines: bool,
        count: u64,
        left: u64,
        quiet: Option<bool>,
    },
    Tee {
        outputs: Vec<(String, Fd)>,
    },
    /// `tail -f`: the last lines once the end is reached, then what comes.
    Follow {
        count: u64,
        held: Vec<u8>,
        reached: bool,
    },
    Whole(whole::Whole),
}

/// One operand, read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub name: String,
    pub data: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Operand(String),
    Opened(String),
    Known(String, Fd),
    Read(String, Fd),
    Got(String, Fd),
    TeeOpen {
        path: String,
        append: bool,
    },
    TeeOpened(String),
    /// -r: a directory's names.
    Tree(String),
    TreeOpened(String),
    TreeListed(String, Fd),
    Finish,
    /// sed -i: a file's new content.
    Replace {
        path: String,
        data: Vec<u8>,
    },
    Replacing {
        path: String,
        data: Vec<u8>,
    },
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    match parse(name, says, args) {
        Ok((work, mut operands)) => {
            let mut tasks = Vec::new();
            if let Work::Tee { .. } = work {
                let append = args.iter().any(|a| a == "-a" || a == "--append");
                tasks.extend(operands.drain(..).map(|path| Task::TeeOpen { path, append }));
            }
            let recursive = matches!(&work, Work::Whole(whole::Whole::Grep(grep)) if grep.recursive);
            if operands.is_empty() {
                // Without an operand, -r searches the working directory and names what is in it plainly.
                operands.push(if recursive { "" } else { "-" }.to_owned());
            }
            let count = if recursive { 2 } else { operands.len() };
            tasks.extend(operands.into_iter().map(if recursive { Task::Tree } else { Task::Operand }));
            tasks.push(Task::Finish);
            let tool =
                Text { name: name.to_owned(), work, operands: count, shown: 0, inputs: Vec::new(), failed: false };
            Program::Text(Box::new(Machine::new(says, tool, tasks)))
        }
        Err(misuse) => misuse.with_status(if matches!(name, "grep" | "egrep" | "fgrep" | "sort") { 2 } else { 1 }),
    }
}

fn parse(name: &str, says: &str, args: &[String]) -> Result<(Work, Vec<String>), Misuse> {
    match name {
        "cat" | "more" | "less" => {
            let options = Options { flags: "nsuevtAbET", long: &[("number", 'n')], ..Options::default() };
            let parsed = Parsed::of(says, args, &options)?;
            let (number, squeeze) = (parsed.has('n'), parsed.has('s'));
            Ok((Work::Cat { number, squeeze, line: 1, line_begins: true }, parsed.operands))
        }
        "head" | "tail" => {
            let args = old_count(args);
            let options = Options {
                flags: "qvfF",
                values: "nc",
                long: &[("lines", 'n'), ("bytes", 'c'), ("follow", 'f')],
                ..Options::default()
            };
            let parsed = Parsed::of(says, &args, &options)?;
            let bytes = parsed.value('c');
            let text = bytes.or_else(|| parsed.value('n')).unwrap_or("10");
            let what = if bytes.is_some() { "bytes" } else { "lines" };
            let from_start = name == "tail" && text.starts_with('+');
            let digits = text.trim_start_matches(['+', '-']);
            let count: u64 =
                digits.parse().map_err(|_| Misuse::plain(says, &format!("invalid number of {what}: '{text}'")))?;
            let quiet = if parsed.has('q') { Some(true) } else { parsed.has('v').then_some(false) };
            let work = match name {
                "head" if !text.starts_with('-') => Work::Head { lines: bytes.is_none(), count, left: count, quiet },
                "tail" if parsed.has('f') || parsed.has('F') => {
                    Work::Follow { count, held: Vec::new(), reached: false }
                }
                _ => Work::Whole(whole::Whole::Part {
                    head: name == "head",
                    lines: bytes.is_none(),
                    count,
                    from_start,
                    quiet,
                }),
            };
            Ok((work, parsed.operands))
        }
        "tee" => {
            let options = Options { flags: "ai", long: &[("append", 'a')], ..Options::default() };
            Ok((Work::Tee { outputs: Vec::new() }, Parsed::of(says, args, &options)?.operands))
        }
        _ => whole::parse(name, says, args).map(|(whole, operands)| (Work::Whole(whole), operands)),
    }
}

/// `head -5` as `head -n 5`.
fn old_count(args: &[String]) -> Vec<String> {
    let old = |arg: &String| arg.len() > 1 && arg.starts_with('-') && arg[1..].bytes().all(|b| b.is_ascii_digit());
    let mut value = false;
    let one = |arg: &String| {
        // `-n -1` has a value of its own.
        let was_value = std::mem::replace(&mut value, matches!(arg.as_str(), "-n" | "-c"));
        if old(arg) && !was_value { format!("-n{}", &arg[1..]) } else { arg.clone() }
    };
    args.iter().map(one).collect()
}

impl Steps<Task> for Text {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Operand(path) if path == "-" => {
                self.begin("standard input", cx);
                cx.push(Task::Read(path, STDIN));
                None
            }
            Task::Operand(path) => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::READ, mode: 0 };
                cx.call(open, Task::Opened(path))
            }
            Task::Opened(path) => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Fstat { fd }, Task::Known(path, fd)),
                Err(errno) => self.cannot(&path, errno, true, cx),
            },
            Task::Known(path, fd) => {
                if answer::stat(ret).is_ok_and(|stat| stat.kind == FileKind::Dir) {
                    if matches!(self.name.as_str(), "head" | "tail" | "wc") {
                        self.begin(&path, cx);
                    }
                    self.cannot(&path, Errno::EISDIR, false, cx);
                    return cx.call(Sys::Close { fd }, Task::Ignore);
                }
                self.begin(&path, cx);
                cx.push(Task::Read(path, fd));
                None
            }
            Task::Read(path, fd) => cx.call(Sys::Read { fd, len: IO_LIMIT_BYTES as u32 }, Task::Got(path, fd)),
            Task::Got(path, fd) => match answer::data(ret) {
                Ok(data) if data.is_empty() => self.end(path, fd, cx),
                Ok(data) => {
                    if self.take(&data, cx) {
                        cx.push(Task::Read(path, fd));
                        return None;
                    }
                    self.close(fd, cx)
                }
                Err(errno) => {
                    self.cannot(&path, errno, false, cx);
                    self.close(fd, cx)
                }
            },
            Task::TeeOpen { path, append } => {
                let flags = if append { OpenFlags::APPEND } else { OpenFlags::CREATE };
                cx.call(Sys::Open { path: path.clone(), flags, mode: 0o666 }, Task::TeeOpened(path))
            }
            Task::TeeOpened(path) => {
                match (answer::fd(ret), &mut self.work) {
                    (Ok(fd), Work::Tee { outputs }) => outputs.push((path, fd)),
                    (Err(errno), _) => cx.fail(1, &format!("{path}: {}", errno.text())),
                    _ => {}
                }
                None
            }
            Task::Tree(path) => {
                let dir = if path.is_empty() { ".".to_owned() } else { path.clone() };
                let open = Sys::Open { path: dir, flags: OpenFlags::DIRECTORY, mode: 0 };
                cx.call(open, Task::TreeOpened(path))
            }
            Task::TreeOpened(path) => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Getdents { fd }, Task::TreeListed(path, fd)),
                Err(Errno::ENOTDIR) => {
                    cx.push(Task::Operand(path));
                    None
                }
                Err(errno) => self.cannot(&path, errno, true, cx),
            },
            Task::TreeListed(path, fd) => {
                let inner = answer::dents(ret).unwrap_or_default().into_iter().filter_map(|dent| {
                    let path = super::machine::join(&path, &dent.name);
                    match dent.kind {
                        FileKind::Dir => Some(Task::Tree(path)),
                        FileKind::File => Some(Task::Operand(path)),
                        _ => None,
                    }
                });
                cx.push_all(inner.collect::<Vec<_>>());
                cx.call(Sys::Close { fd }, Task::Ignore)
            }
            Task::Finish => {
                if let Work::Whole(whole) = &self.work {
                    let inputs = std::mem::take(&mut self.inputs);
                    whole.finish(&inputs, self.operands, self.failed, cx);
                }
                None
            }
            Task::Replace { path, data } => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::CREATE, mode: 0o666 };
                cx.call(open, Task::Replacing { path, data })
            }
            Task::Replacing { path, data } => match answer::fd(ret) {
                Ok(fd) => {
                    cx.write(fd, &data);
                    cx.flush();
                    cx.call(Sys::Close { fd }, Task::Ignore)
                }
                Err(errno) => {
                    cx.fail(4, &format!("couldn't open file {path}: {}", errno.text()));
                    None
                }
            },
            Task::Ignore => None,
        }
    }
}

impl Text {
    fn begin(&mut self, name: &str, cx: &mut Cx<Task>) {
        if let Work::Head { count, left, quiet, .. } = &mut self.work {
            *left = *count;
            if !quiet.unwrap_or(self.operands < 2) {
                let blank = if self.shown > 0 { "\n" } else { "" };
                cx.out(&format!("{blank}==> {name} <==\n"));
            }
        }
        self.shown += 1;
        if let Work::Whole(_) = self.work {
            self.inputs.push(Input { name: name.to_owned(), data: Vec::new() });
        }
    }

    /// Takes a piece; `false` when no more of this operand is wanted.
    fn take(&mut self, data: &[u8], cx: &mut Cx<Task>) -> bool {
        match &mut self.work {
            Work::Cat { number, squeeze, line, line_begins } => {
                if *number || *squeeze {
                    for piece in data.split_inclusive(|&b| b == b'\n') {
                        if *number && *line_begins {
                            cx.out(&format!("{:6}\t", *line));
                            *line += 1;
                        }
                        cx.out_bytes(piece);
                        *line_begins = piece.ends_with(b"\n");
                    }
                } else {
                    cx.out_bytes(data);
                }
                cx.flush();
            }
            Work::Head { lines, left, .. } => {
                let len = if *lines {
                    let ends = data.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
                    let ends: Vec<usize> = ends.take(usize::try_from(*left).unwrap_or(usize::MAX)).collect();
                    *left -= ends.len() as u64;
                    if *left == 0 { ends.last().copied().unwrap_or(0) } else { data.len() }
                } else {
                    let len = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= len as u64;
                    len
                };
                cx.out_bytes(&data[..len]);
                cx.flush();
                return *left > 0;
            }
            Work::Tee { outputs } => {
                cx.out_bytes(data);
                for (_, fd) in outputs.iter() {
                    cx.write(*fd, data);
                }
                cx.flush();
            }
            Work::Follow { held, reached, .. } => {
                if *reached {
                    cx.out_bytes(data);
                    cx.flush();
                } else {
                    held.extend_from_slice(data);
                }
            }
            Work::Whole(_) => {
                if let Some(input) = self.inputs.last_mut() {
                    input.data.extend_from_slice(data);
                    return input.data.len() < SLURP_BYTES;
                }
            }
        }
        true
    }

    fn end(&mut self, path: String, fd: Fd, cx: &mut Cx<Task>) -> Option<Sys> {
        if let Work::Follow { count, held, reached } = &mut self.work {
            if !*reached {
                *reached = true;
                let shown = whole::last_lines(held, *count);
                cx.out_bytes(shown);
                held.clear();
                cx.flush();
            }
            if fd == STDIN {
                return None;
            }
            // tail looks again every second.
            return cx.call(Sys::Sleep { ns: SECOND }, Task::Read(path, fd));
        }
        self.close(fd, cx)
    }

    fn close(&self, fd: Fd, cx: &mut Cx<Task>) -> Option<Sys> {
        if fd == STDIN { None } else { cx.call(Sys::Close { fd }, Task::Ignore) }
    }

    /// Each tool says it in its own words.
    fn cannot(&mut self, path: &str, errno: Errno, opening: bool, cx: &mut Cx<Task>) -> Option<Sys> {
        self.failed = true;
        let text = errno.text();
        let (status, message) = match (self.name.as_str(), opening) {
            ("head" | "tail", true) => (1, format!("cannot open {} for reading: {text}", quoted(path))),
            ("head" | "tail", false) => (1, format!("error reading {}: {text}", quoted(path))),
            ("sed", true) => (2, format!("can't read {path}: {text}")),
            ("sed", false) => (2, format!("couldn't read {path}: {text}")),
            ("sort", true) => (2, format!("cannot read: {path}: {text}")),
            ("sort", false) => (2, format!("read failed: {path}: {text}")),
            ("grep" | "egrep" | "fgrep", _) => (2, format!("{path}: {text}")),
            ("more", true) => (1, format!("cannot open {path}: {text}")),
            _ => (1, format!("{path}: {text}")),
        };
        let silent = matches!(&self.work, Work::Whole(whole::Whole::Grep(grep)) if grep.no_messages);
        if silent {
            cx.status = status;
        } else {
            cx.fail(status, &message);
        }
        None
    }
}
