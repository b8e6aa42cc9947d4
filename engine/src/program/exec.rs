//! Tools that become or start another program: `env`, `xargs`, `nohup`.

use super::Program;
use super::execvp::{self, Execvp};
use super::machine::{Cx, Machine, STDIN, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::plain::said;
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, Ret, Sys};
use serde::{Deserialize, Serialize};

/// Words xargs takes from its input, and words of one command (ARG_MAX stands for far more).
const WORDS: usize = 50_000;
const WORDS_PER_COMMAND: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    name: String,
    argv: Vec<String>,
    env: Vec<String>,
    /// xargs: words a command, the word to replace, skip an empty input, say what is run.
    batch: usize,
    replace: Option<String>,
    no_empty: bool,
    trace: bool,
    null: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Exec(Execvp),
    Fork(Vec<String>),
    Forked,
    Waited,
    Input(Slurp),
}

pub fn start(name: &str, says: &str, args: &[String], env: &[String]) -> Program {
    let built = match name {
        "env" => with_env(says, args, env),
        "xargs" => xargs(says, args, env),
        _ => {
            let tool = Exec::new(name, args.to_vec(), env);
            match args.is_empty() {
                true => Err(Misuse::new(says, "missing operand".to_owned())),
                false => Ok(tool.becomes(says)),
            }
        }
    };
    built.unwrap_or_else(|misuse| misuse.with_status(if name == "env" { 125 } else { 1 }))
}

fn with_env(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "i0",
        values: "u",
        long: &[("ignore-environment", 'i'), ("unset", 'u')],
        posix: true,
        ..Options::default()
    };
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
    Ok(Exec::new("env", argv, &env).becomes(says))
}

fn xargs(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "0rt",
        values: "nIL",
        long: &[("null", '0'), ("no-run-if-empty", 'r'), ("max-args", 'n'), ("verbose", 't')],
        posix: true,
        ..Options::default()
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

    fn becomes(self, says: &str) -> Program {
        let exec = Task::Exec(Execvp::new(&self.argv, &self.env));
        self.machine(says, vec![exec])
    }

    fn child(&self, argv: Vec<String>, says: &str) -> Box<Program> {
        Box::new(Exec { argv, ..self.clone() }.becomes(says))
    }

    fn not_executed(&self, errno: Errno, cx: &mut Cx<Task>) {
        let name = self.argv.first().cloned().unwrap_or_default();
        let status = execvp::status_of(errno);
        let message = match self.name.as_str() {
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
            Task::Exec(mut exec) => match exec.next(ret) {
                Ok(sys) => cx.call(sys, Task::Exec(exec)),
                Err(errno) => {
                    self.not_executed(errno, cx);
                    None
                }
            },
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
