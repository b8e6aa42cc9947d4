//! Tools that make or carry bytes: `dd`, `fill`, `save`, `yes`.

use super::Program;
use super::machine::{Cx, Machine, STDIN, STDOUT, Steps, answer};
use super::one::size;
use super::plain::{dirname, said};
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::sim::{FILE_BYTES, Rng, Stream};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    work: Work,
    input: Fd,
    output: Fd,
    done: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Work {
    /// Blocks read, whole and partial.
    Dd {
        from: Option<String>,
        to: Option<String>,
        block: u64,
        count: Option<u64>,
        whole: u64,
        partial: u64,
        quiet: bool,
    },
    Fill {
        bytes: u64,
        seed: u64,
        to: Option<String>,
    },
    Save {
        path: String,
    },
    Yes {
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Begin,
    InputOpened,
    Output,
    OutputOpened,
    Next,
    Got,
    Mkdir(String),
    Slurp(Slurp),
    Create(Vec<u8>),
    Created(Vec<u8>),
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let work = match name {
        "dd" => dd(args).map_err(|message| said(says, "", &format!("{says}: {message}\n"), 1)),
        "fill" => match args {
            [bytes, seed, rest @ ..] => match (size(bytes).filter(|n| *n <= FILE_BYTES), seed.parse()) {
                (Some(bytes), Ok(seed)) => Ok(Work::Fill { bytes, seed, to: rest.first().cloned() }),
                _ => Err(said(says, "", "fill: BYTES and SEED are numbers\n", 2)),
            },
            _ => Err(said(says, "", "usage: fill BYTES SEED [PATH]\n", 2)),
        },
        "yes" => Ok(Work::Yes { text: if args.is_empty() { "y".to_owned() } else { args.join(" ") } }),
        _ => match args {
            [path] => Ok(Work::Save { path: path.clone() }),
            _ => Err(said(says, "", "usage: save PATH\n", 2)),
        },
    };
    match work {
        Ok(work) => {
            let tool = Data { work, input: STDIN, output: STDOUT, done: 0 };
            Program::Data(Box::new(Machine::new(says, tool, [Task::Begin])))
        }
        Err(program) => program,
    }
}

fn dd(args: &[String]) -> Result<Work, String> {
    let (mut from, mut to, mut block, mut count, mut quiet) = (None, None, 512, None, false);
    for arg in args {
        let Some((key, value)) = arg.split_once('=') else {
            return Err(format!("unrecognized operand '{arg}'\nTry 'dd --help' for more information."));
        };
        let number = || size(value).ok_or_else(|| format!("invalid number: '{value}'"));
        match key {
            "if" => from = Some(value.to_owned()),
            "of" => to = Some(value.to_owned()),
            "bs" => block = number()?.max(1),
            "count" => count = Some(number()?),
            "status" => quiet = value == "none",
            "conv" | "oflag" | "iflag" | "ibs" | "obs" => {}
            _ => return Err(format!("unrecognized operand '{arg}'\nTry 'dd --help' for more information.")),
        }
    }
    Ok(Work::Dd { from, to, block: block.min(FILE_BYTES), count, whole: 0, partial: 0, quiet })
}

impl Steps<Task> for Data {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Begin => self.begin(cx),
            Task::InputOpened => match answer::fd(ret) {
                Ok(fd) => {
                    self.input = fd;
                    cx.push(Task::Output);
                    None
                }
                Err(errno) => self.cannot_open(true, errno, cx),
            },
            Task::Output => match self.target() {
                Some(path) => {
                    let open = Sys::Open { path, flags: OpenFlags::CREATE, mode: 0o666 };
                    cx.call(open, Task::OutputOpened)
                }
                None => {
                    cx.push(Task::Next);
                    None
                }
            },
            Task::OutputOpened => match answer::fd(ret) {
                Ok(fd) => {
                    self.output = fd;
                    cx.push(Task::Next);
                    None
                }
                Err(errno) => self.cannot_open(false, errno, cx),
            },
            Task::Next => self.next(cx),
            Task::Got => self.got(ret, cx),
            Task::Mkdir(path) => cx.call(Sys::Mkdir { path, mode: 0o755 }, Task::Ignore),
            Task::Slurp(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Slurp(slurp)),
                Slurping::Done(data) => {
                    cx.push(Task::Create(data.unwrap_or_default()));
                    None
                }
            },
            Task::Create(data) => {
                let path = self.target().unwrap_or_default();
                cx.call(Sys::Open { path, flags: OpenFlags::CREATE, mode: 0o666 }, Task::Created(data))
            }
            Task::Created(data) => match answer::fd(ret) {
                Ok(fd) => {
                    cx.write(fd, &data);
                    cx.flush();
                    cx.call(Sys::Close { fd }, Task::Ignore)
                }
                Err(errno) => self.cannot_open(false, errno, cx),
            },
            Task::Ignore => None,
        }
    }
}

impl Data {
    fn target(&self) -> Option<String> {
        match &self.work {
            Work::Dd { to, .. } | Work::Fill { to, .. } => to.clone(),
            Work::Save { path } => Some(path.clone()),
            Work::Yes { .. } => None,
        }
    }

    fn begin(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        match &self.work {
            Work::Dd { from: Some(path), .. } => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::READ, mode: 0 };
                cx.call(open, Task::InputOpened)
            }
            Work::Save { path } => {
                // Missing parents; the content; then the file, so that it is whole or as it was.
                let mut dirs = Vec::new();
                let mut dir = dirname(path);
                while dir != "/" && dir != "." {
                    dirs.push(Task::Mkdir(dir.to_owned()));
                    dir = dirname(dir);
                }
                dirs.reverse();
                dirs.push(Task::Slurp(Slurp::descriptor(STDIN)));
                cx.push_all(dirs);
                None
            }
            _ => {
                cx.push(Task::Output);
                None
            }
        }
    }

    fn next(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        let at = self.done;
        match &mut self.work {
            Work::Dd { block, count, whole, partial, .. } => {
                if count.is_some_and(|count| *whole + *partial >= count) {
                    self.report(cx);
                    return None;
                }
                let len = u32::try_from((*block).min(IO_LIMIT_BYTES as u64)).unwrap_or(512);
                // A block longer than one call can carry is read in pieces.
                let within = at % *block;
                let left = u32::try_from(*block - within).unwrap_or(len).min(len);
                cx.call(Sys::Read { fd: self.input, len: left }, Task::Got)
            }
            Work::Fill { bytes, seed, .. } => {
                let len = usize::try_from(*bytes - at).unwrap_or(0).min(IO_LIMIT_BYTES);
                if len == 0 {
                    return None;
                }
                // Each piece has its own stream, so that no generator has to be kept.
                let mut data = vec![0; len];
                let piece = at / IO_LIMIT_BYTES as u64;
                Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(piece), Stream::Fill).fill(&mut data);
                self.done += len as u64;
                cx.write(self.output, &data);
                cx.flush();
                cx.push(Task::Next);
                None
            }
            Work::Yes { text } => {
                let line = format!("{text}\n");
                let block = line.repeat((8192 / line.len()).max(1));
                cx.out(&block);
                cx.flush();
                cx.push(Task::Next);
                None
            }
            Work::Save { .. } => None,
        }
    }

    fn got(&mut self, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let data = match answer::data(ret) {
            Ok(data) => data,
            Err(errno) => {
                cx.fail(1, &format!("error reading 'standard input': {}", errno.text()));
                Vec::new()
            }
        };
        let Work::Dd { block, whole, partial, .. } = &mut self.work else { return None };
        if data.is_empty() {
            if !self.done.is_multiple_of(*block) && *block > IO_LIMIT_BYTES as u64 {
                *partial += 1;
            }
            self.report(cx);
            return None;
        }
        let len = data.len() as u64;
        self.done += len;
        if *block > IO_LIMIT_BYTES as u64 {
            *whole += u64::from(self.done.is_multiple_of(*block));
        } else if len == *block {
            *whole += 1;
        } else {
            *partial += 1;
        }
        cx.write(self.output, &data);
        cx.flush();
        cx.push(Task::Next);
        None
    }

    /// Time in the world is virtual and a copy takes none, so no rate is told.
    fn report(&self, cx: &mut Cx<Task>) {
        let Work::Dd { whole, partial, quiet, .. } = &self.work else { return };
        if !quiet {
            let bytes = self.done;
            let plural = if bytes == 1 { "byte" } else { "bytes" };
            cx.err(&format!("{whole}+{partial} records in\n{whole}+{partial} records out\n{bytes} {plural} copied\n"));
        }
    }

    fn cannot_open(&self, input: bool, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
        let path = match (&self.work, input) {
            (Work::Dd { from, .. }, true) => from.clone().unwrap_or_default(),
            _ => self.target().unwrap_or_default(),
        };
        cx.exit(1);
        match self.work {
            Work::Dd { .. } => cx.complain(&format!("failed to open '{path}': {}", errno.text())),
            _ => cx.complain(&format!("{path}: {}", errno.text())),
        }
        None
    }
}
