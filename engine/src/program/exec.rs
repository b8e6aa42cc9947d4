//! Tools that become or start another program: `env`, `unshare`, `xargs`, `nohup`.

use super::Program;
use super::machine::{Cx, Machine, STDIN, Steps, answer, join};
use super::options::{Misuse, Options, Parsed};
use super::plain::said;
use super::sh::DEFAULT_PATH;
use super::slurp::{Slurp, Slurping};
use crate::call::{CloneFlags, Errno, MountFlags, Ret, Sys};
use serde::{Deserialize, Serialize};

/// Words xargs takes from its input, and words of one command (ARG_MAX stands for far more).
const WORDS: usize = 50_000;
const WORDS_PER_COMMAND: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    name: String,
    argv: Vec<String>,
    env: Vec<String>,
    unshare: CloneFlags,
    mount_proc: bool,
    forks: bool,
    /// xargs: words a command, the word to replace, skip an empty input, say what is run.
    batch: usize,
    replace: Option<String>,
    no_empty: bool,
    trace: bool,
    null: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Unshare,
    Unshared,
    /// In a child: /proc of the new pid namespace.
    MountProc,
    ProcMounted,
    Exec,
    Try {
        at: usize,
        seen: Option<Errno>,
    },
    Tried {
        at: usize,
        seen: Option<Errno>,
    },
    Fork(Vec<String>),
    Forked,
    Waited,
    Input(Slurp),
}

pub fn start(name: &str, says: &str, args: &[String], env: &[String]) -> Program {
    let built = match name {
        "env" => with_env(says, args, env),
        "unshare" => unshare(says, args, env),
        "xargs" => xargs(says, args, env),
        _ => {
            let tool = Exec::new(name, args.to_vec(), env);
            match args.is_empty() {
                true => Err(Misuse::new(says, "missing operand".to_owned())),
                false => Ok(tool.machine(says, vec![Task::Exec])),
            }
        }
    };
    built.unwrap_or_else(|misuse| misuse.with_status(if name == "env" { 125 } else { 1 }))
}

fn with_env(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options =
        Options { flags: "i0", values: "u", long: &[("ignore-environment", 'i'), ("unset", 'u')], posix: true };
    let parsed = Parsed::of(says, args, &options)?;
    let mut env = if parsed.has('i') { Vec::new() } else { env.to_vec() };
    for (_, name) in &parsed.values {
        env.retain(|pair| pair.split('=').next() != Some(name.as_str()));
    }
    let mut words = parsed.operands.into_iter().peekable();
    while let Some(pair) = words.next_if(|word| word.contains('=')) {
        let name = pair.split('=').next().unwrap_or("").to_owned();
        env.retain(|old| old.split('=').next() != Some(name.as_str()));
        env.push(pair);
    }
    let argv: Vec<String> = words.collect();
    if argv.is_empty() {
        let text: String = env.iter().map(|pair| format!("{pair}\n")).collect();
        return Ok(said(says, &text, "", 0));
    }
    Ok(Exec::new("env", argv, &env).machine(says, vec![Task::Exec]))
}

fn unshare(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "mupinUCfrP",
        values: "",
        long: &[
            ("mount", 'm'),
            ("uts", 'u'),
            ("pid", 'p'),
            ("ipc", 'i'),
            ("net", 'n'),
            ("user", 'U'),
            ("cgroup", 'C'),
            ("fork", 'f'),
            ("map-root-user", 'r'),
            ("mount-proc", 'P'),
        ],
        posix: true,
    };
    let parsed = Parsed::of(says, args, &options)?;
    let argv = if parsed.operands.is_empty() {
        let shell = env.iter().find_map(|pair| pair.strip_prefix("SHELL=")).unwrap_or("/bin/sh");
        vec![shell.to_owned()]
    } else {
        parsed.operands.clone()
    };
    let mut tool = Exec::new("unshare", argv, env);
    tool.unshare = CloneFlags {
        pid: parsed.has('p'),
        mnt: parsed.has('m') || parsed.has('P'),
        uts: parsed.has('u'),
        ipc: parsed.has('i'),
        net: parsed.has('n'),
        user: parsed.has('U') || parsed.has('r'),
        cgroup: parsed.has('C'),
    };
    tool.mount_proc = parsed.has('P');
    tool.forks = parsed.has('f');
    Ok(tool.machine(says, vec![Task::Unshare]))
}

fn xargs(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "0rt",
        values: "nIL",
        long: &[("null", '0'), ("no-run-if-empty", 'r'), ("max-args", 'n'), ("verbose", 't')],
        posix: true,
    };
    let parsed = Parsed::of(says, args, &options)?;
    let argv = if parsed.operands.is_empty() { vec!["echo".to_owned()] } else { parsed.operands.clone() };
    let mut tool = Exec::new("xargs", argv, env);
    if let Some((letter, text)) = parsed.values.iter().find(|(c, _)| *c != 'I') {
        let bad = || Misuse::new(says, format!("invalid number \"{text}\" for -{letter} option"));
        tool.batch = text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(bad)?.min(WORDS_PER_COMMAND);
    }
    tool.replace = parsed.value('I').map(str::to_owned);
    tool.no_empty = parsed.has('r');
    tool.trace = parsed.has('t');
    tool.null = parsed.has('0');
    Ok(tool.machine(says, vec![Task::Input(Slurp::descriptor(STDIN))]))
}

impl Exec {
    fn new(name: &str, argv: Vec<String>, env: &[String]) -> Exec {
        Exec {
            name: name.to_owned(),
            argv,
            env: env.to_vec(),
            unshare: CloneFlags::default(),
            mount_proc: false,
            forks: false,
            batch: WORDS_PER_COMMAND,
            replace: None,
            no_empty: false,
            trace: false,
            null: false,
        }
    }

    fn machine(self, says: &str, tasks: Vec<Task>) -> Program {
        Program::Exec(Box::new(Machine::new(says, self, tasks)))
    }

    /// The paths execvp(3) would try.
    fn candidates(&self) -> Vec<String> {
        let name = self.argv.first().map_or("", String::as_str);
        if name.contains('/') {
            return vec![name.to_owned()];
        }
        let path = self.env.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
        path.split(':').map(|dir| join(if dir.is_empty() { "." } else { dir }, name)).collect()
    }

    fn child(&self, argv: Vec<String>, says: &str) -> Box<Program> {
        let tasks = if self.mount_proc { vec![Task::MountProc, Task::Exec] } else { vec![Task::Exec] };
        Box::new(Exec { argv, ..self.clone() }.machine(says, tasks))
    }

    fn not_executed(&self, errno: Errno, cx: &mut Cx<Task>) {
        let name = self.argv.first().cloned().unwrap_or_default();
        let status = if errno == Errno::ENOENT { 127 } else { 126 };
        let message = match self.name.as_str() {
            "unshare" => format!("failed to execute {name}: {}", errno.text()),
            "xargs" => format!("{name}: {}", errno.text()),
            "nohup" => format!("failed to run command '{name}': {}", errno.text()),
            _ => format!("'{name}': {}", errno.text()),
        };
        cx.exit(status);
        cx.complain(&message);
    }

    /// xargs: its input as commands.
    fn commands(&self, text: &str) -> Result<Vec<Vec<String>>, String> {
        let words: Vec<String> = match (&self.replace, self.null) {
            (_, true) => text.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            (Some(_), _) => text.lines().map(|line| line.trim_start().to_owned()).filter(|l| !l.is_empty()).collect(),
            (None, false) => split(text)?,
        };
        if let Some(marker) = &self.replace {
            let command = |word: &String| self.argv.iter().map(|arg| arg.replace(marker.as_str(), word)).collect();
            return Ok(words.iter().map(command).collect());
        }
        if words.is_empty() {
            return Ok(if self.no_empty { Vec::new() } else { vec![self.argv.clone()] });
        }
        Ok(words.chunks(self.batch).map(|chunk| [&self.argv[..], chunk].concat()).collect())
    }
}

/// Words between blanks, with quotes and backslashes.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut out, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => out.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(q) if q == c => break,
                        Some('\n') | None => {
                            let kind = if c == '"' { "double" } else { "single" };
                            return Err(format!(
                                "unmatched {kind} quote; by default quotes are special to xargs unless you use the -0 option"
                            ));
                        }
                        Some(other) => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
        if out.len() >= WORDS {
            return Err("argument list too long".to_owned());
        }
    }
    out.extend(word);
    Ok(out)
}

impl Steps<Task> for Exec {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Unshare => cx.call(Sys::Unshare { flags: self.unshare }, Task::Unshared),
            Task::Unshared => match answer::done(ret) {
                Ok(()) if self.forks => {
                    cx.push(Task::Fork(self.argv.clone()));
                    None
                }
                Ok(()) => {
                    cx.push_all(if self.mount_proc { vec![Task::MountProc, Task::Exec] } else { vec![Task::Exec] });
                    None
                }
                Err(errno) => {
                    cx.exit(1);
                    cx.complain(&format!("unshare failed: {}", errno.text()));
                    None
                }
            },
            Task::MountProc => {
                let proc = Sys::Mount {
                    source: "proc".to_owned(),
                    target: "/proc".to_owned(),
                    fstype: "proc".to_owned(),
                    flags: MountFlags::default(),
                    data: String::new(),
                };
                cx.call(proc, Task::ProcMounted)
            }
            Task::ProcMounted => {
                if let Err(errno) = answer::done(ret) {
                    cx.exit(1);
                    cx.complain(&format!("mount /proc failed: {}", errno.text()));
                }
                None
            }
            Task::Exec => {
                cx.push(Task::Try { at: 0, seen: None });
                None
            }
            Task::Try { at, seen } => match self.candidates().get(at) {
                Some(path) => {
                    let exec = Sys::Exec { path: path.clone(), argv: self.argv.clone(), env: self.env.clone() };
                    cx.call(exec, Task::Tried { at, seen })
                }
                None => {
                    self.not_executed(seen.unwrap_or(Errno::ENOENT), cx);
                    None
                }
            },
            Task::Tried { at, seen } => {
                // As execvp(3): a directory without it is passed over, a file that may not be run is remembered.
                match ret {
                    Ret::Err(Errno::ENOENT | Errno::ENOTDIR) => cx.push(Task::Try { at: at + 1, seen }),
                    Ret::Err(Errno::EACCES) => cx.push(Task::Try { at: at + 1, seen: Some(Errno::EACCES) }),
                    Ret::Err(errno) => self.not_executed(errno, cx),
                    _ => self.not_executed(Errno::EIO, cx),
                }
                None
            }
            Task::Fork(argv) => {
                if self.trace {
                    cx.err(&format!("{}\n", argv.join(" ")));
                }
                let child = self.child(argv, &cx.name);
                cx.call(Sys::Fork { child, until_exec: false }, Task::Forked)
            }
            Task::Forked => match answer::int(ret) {
                Ok(pid) => {
                    let pid = i32::try_from(pid).unwrap_or(-1);
                    cx.call(Sys::Wait { pid, nohang: false }, Task::Waited)
                }
                Err(errno) => {
                    cx.exit(1);
                    cx.complain(&format!("fork failed: {}", errno.text()));
                    None
                }
            },
            Task::Waited => {
                let code = match ret {
                    Ret::Waited { status, .. } => status.shell_code(),
                    _ => 1,
                };
                match self.name.as_str() {
                    // xargs(1), EXIT STATUS.
                    "xargs" => match code {
                        0 => {}
                        126 | 127 => cx.exit(code),
                        255 => cx.exit(124),
                        code if code > 128 => cx.exit(125),
                        _ => cx.status = 123,
                    },
                    _ => cx.status = code,
                }
                None
            }
            Task::Input(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Input(slurp)),
                Slurping::Done(data) => {
                    match self.commands(&String::from_utf8_lossy(&data.unwrap_or_default())) {
                        Ok(commands) => cx.push_all(commands.into_iter().map(Task::Fork)),
                        Err(message) => cx.fail(1, &message),
                    }
                    None
                }
            },
        }
    }
}
