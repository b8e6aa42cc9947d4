//! Commands of the shell itself (POSIX.1-2017, 2.14 Special Built-In Utilities; the rest as dash has them).
//!
//! What also exists as a tool (`echo`, `test`, `kill`, …) runs that tool's machine inside the shell.

use super::surroundings;
use super::syntax::is_name;
use super::vars::Var;
use super::{How, IO_LIMIT_BYTES, Shell, SourceKind, Task as ShTask};
use crate::call::{Disposition, Ret, Signal, Sys};
use crate::program::machine::{Cx, answer};
use crate::program::{Program, kill};
use serde::{Deserialize, Serialize};

const SPECIAL: [&str; 15] = [
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset",
];
const REGULAR: [&str; 21] = [
    "[", "bg", "cd", "command", "echo", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd",
    "read", "test", "true", "type", "umask", "unalias", "wait",
];

pub fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

pub fn is(name: &str) -> bool {
    is_special(name) || REGULAR.contains(&name)
}

/// Why a command is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    Run,
    Exec,
    /// `type`, `command -V` (verbose), `command -v`.
    Describe {
        verbose: bool,
        command: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Status(i32),
    Cd { to: String, print: bool },
    Pwd,
    Umask { show: Option<bool> },
    Read { raw: bool, names: Vec<String>, text: Vec<(u8, bool)>, escaped: bool },
    Dot { name: String, candidates: Vec<String> },
    DotOpened { name: String, candidates: Vec<String> },
    TypeNext { names: Vec<String>, purpose: Purpose, status: i32 },
    Waited { pid: u32 },
}

impl Shell {
    /// Runs a builtin; what it leaves to do lies on the stack.
    pub(super) fn builtin(&mut self, argv: Vec<String>, how: How, cx: &mut Cx<ShTask>) -> Option<Sys> {
        let name = argv[0].clone();
        let args = &argv[1..];
        let before = self.status;
        self.status = 0;
        match name.as_str() {
            ":" | "true" | "times" | "bg" | "unalias" => {}
            "false" => self.status = 1,
            "." => return self.dot(args, cx),
            "break" | "continue" => self.leave_loop(&name, args, cx),
            "eval" => {
                let text = args.join(" ");
                if !text.trim().is_empty() {
                    self.read_from(SourceKind::Eval, text, cx);
                }
            }
            "exec" => {
                if !args.is_empty() {
                    return self.find(args.to_vec(), Vec::new(), How { tail: true, ..how }, Purpose::Exec, cx);
                }
            }
            "exit" => self.exit(args, before, cx),
            "return" => self.return_(args, before, cx),
            "export" | "readonly" => self.export(&name, args, cx),
            "unset" => self.unset_names(args, cx),
            "set" => self.set_options(args, cx),
            "shift" => self.shift(args, cx),
            "trap" => return self.trap(args, cx),
            "local" => self.local(args, cx),
            "cd" => return self.cd(args, cx),
            "pwd" => match args.first().map(String::as_str) {
                Some("-P") => return cx.call(Sys::Getcwd, ShTask::Builtin(Task::Pwd)),
                _ => {
                    let pwd = self.var("PWD").unwrap_or("/").to_owned();
                    cx.line(&pwd);
                    cx.flush();
                }
            },
            "read" => return self.read(args, cx),
            "hash" => self.found.clear(),
            "umask" => return self.umask(args, cx),
            "jobs" => self.list_jobs(cx),
            "fg" => self.foreground(args, cx),
            "wait" => self.wait(args, cx),
            "type" => {
                let purpose = Purpose::Describe { verbose: true, command: false };
                cx.push(ShTask::Builtin(Task::TypeNext { names: args.to_vec(), purpose, status: 0 }));
            }
            "command" => return self.command(args, how, cx),
            "getopts" => self.error(cx, "getopts: not simulated"),
            "kill" => match self.with_pids(args) {
                Ok(args) => self.inline(&name, &args, cx),
                Err(job) => self.error(cx, &format!("kill: No such job: {job}")),
            },
            _ => self.inline(&name, args, cx),
        }
        None
    }

    pub(super) fn builtin_step(&mut self, task: Task, ret: Ret, cx: &mut Cx<ShTask>) -> Option<Sys> {
        match task {
            Task::Status(status) => self.status = status,
            Task::Cd { to, print } => self.moved(to, print, ret, cx),
            Task::Pwd => match answer::text(ret) {
                Ok(cwd) => {
                    cx.line(&cwd);
                    cx.flush();
                }
                Err(errno) => self.error(cx, &format!("pwd: {}", errno.text())),
            },
            Task::Umask { show } => {
                let mask = u32::try_from(answer::int(ret).unwrap_or(0)).unwrap_or(0) & 0o777;
                if let Some(symbolic) = show {
                    cx.line(&if symbolic { surroundings::symbolic_umask(mask) } else { format!("{mask:04o}") });
                    cx.flush();
                    return cx.call(Sys::Umask { mask }, ShTask::Ignore);
                }
            }
            Task::Read { raw, names, text, escaped } => return self.read_byte(raw, names, text, escaped, ret, cx),
            Task::Dot { name, candidates } => return self.dot_next(name, candidates, cx),
            Task::DotOpened { name, candidates } => match answer::fd(ret) {
                Ok(fd) => {
                    let read = Sys::Read { fd, len: IO_LIMIT_BYTES as u32 };
                    return cx.call(read, ShTask::ScriptRead { fd, text: Vec::new(), name: Some(name) });
                }
                Err(errno) if candidates.is_empty() && name.contains('/') => {
                    self.say(cx, &format!(".: cannot open {name}: {}", super::redirect::open_error(errno)));
                    self.abort(2, cx);
                }
                Err(_) => return self.dot_next(name, candidates, cx),
            },
            Task::TypeNext { names, purpose, status } => return self.type_next(names, purpose, status, cx),
            Task::Waited { pid } => self.jobs.retain(|job| job.pid != pid),
        }
        None
    }

    /// A tool as a builtin: its messages begin as the shell's do.
    fn inline(&mut self, name: &str, args: &[String], cx: &mut Cx<ShTask>) {
        let says = format!("{}: {}: {name}", self.arg0, self.line);
        match Program::builtin(name, &says, args) {
            Some(program) => cx.push(ShTask::Inline(Box::new(program))),
            None => {
                self.say(cx, &format!("{name}: not found"));
                self.status = 127;
            }
        }
    }

    /// A number, or dash's `Illegal number`.
    fn number(&mut self, name: &str, text: &str, cx: &mut Cx<ShTask>) -> Option<i32> {
        match text.parse::<u32>().ok().and_then(|n| i32::try_from(n).ok()) {
            Some(n) => Some(n),
            None => {
                self.say(cx, &format!("{name}: Illegal number: {text}"));
                self.abort(2, cx);
                None
            }
        }
    }

    fn exit(&mut self, args: &[String], before: i32, cx: &mut Cx<ShTask>) {
        self.status = match args.first() {
            Some(text) => match self.number("exit", text, cx) {
                Some(n) => n & 0xff,
                None => return,
            },
            None => before,
        };
        cx.todo().clear();
        cx.push(ShTask::Leave);
    }

    fn return_(&mut self, args: &[String], before: i32, cx: &mut Cx<ShTask>) {
        self.status = match args.first() {
            Some(text) => match self.number("return", text, cx) {
                Some(n) => n,
                None => return,
            },
            None => before,
        };
        let mut kept = Vec::new();
        while let Some(task) = cx.todo().pop() {
            match task {
                ShTask::FunctionEnd => {
                    kept.push(task);
                    break;
                }
                ShTask::Commands => {
                    if self.sources.last().is_some_and(|s| s.kind == SourceKind::Stdin) {
                        cx.push(ShTask::Commands);
                        break;
                    }
                    let kind = self.sources.pop().map(|s| s.kind);
                    if kind != Some(SourceKind::Eval) {
                        break;
                    }
                }
                ShTask::Undo | ShTask::RestoreVars(_) => kept.push(task),
                ShTask::Leave | ShTask::Exit => {
                    kept.push(task);
                    break;
                }
                _ => {}
            }
        }
        cx.push_all(kept);
    }

    /// Unwinds to the `n`th loop around; without one, does nothing.
    fn leave_loop(&mut self, name: &str, args: &[String], cx: &mut Cx<ShTask>) {
        let mut left = match args.first() {
            Some(text) => match self.number(name, text, cx) {
                Some(n) => n.max(1),
                None => return,
            },
            None => 1,
        };
        let is_loop =
            |t: &ShTask| matches!(t, ShTask::LoopTest { .. } | ShTask::LoopAgain { .. } | ShTask::ForNext { .. });
        let reach =
            cx.todo().iter().rev().take_while(|t| !matches!(t, ShTask::FunctionEnd)).filter(|t| is_loop(t)).count();
        left = left.min(i32::try_from(reach).unwrap_or(i32::MAX));
        let mut kept = Vec::new();
        while left > 0 {
            let Some(task) = cx.todo().pop() else { break };
            if is_loop(&task) {
                left -= 1;
                if left == 0 && name == "continue" {
                    kept.push(match task {
                        ShTask::LoopTest { node, how, .. } => ShTask::LoopAgain { node, how },
                        task => task,
                    });
                }
            } else if matches!(task, ShTask::Undo | ShTask::RestoreVars(_)) {
                kept.push(task);
            } else if matches!(task, ShTask::Commands) {
                self.sources.pop();
            }
        }
        cx.push_all(kept);
    }

    fn export(&mut self, name: &str, args: &[String], cx: &mut Cx<ShTask>) {
        let export = name == "export";
        let names: Vec<&String> = args.iter().filter(|arg| *arg != "-p").collect();
        if names.is_empty() {
            for (var, value) in self.vars.iter().filter(|(_, v)| if export { v.exported } else { v.readonly }) {
                let value = value.value.as_ref().map(|v| format!("={}", quote(v))).unwrap_or_default();
                cx.line(&format!("{name} {var}{value}"));
            }
            cx.flush();
            return;
        }
        for arg in names {
            let (var, value) = match arg.split_once('=') {
                Some((var, value)) => (var, Some(value)),
                None => (arg.as_str(), None),
            };
            if !is_name(var) {
                self.say(cx, &format!("{name}: {var}: bad variable name"));
                return self.abort(2, cx);
            }
            if let Some(value) = value
                && !self.assign(var, value, cx)
            {
                return;
            }
            let entry = self.vars.get_or_insert_with(var.to_owned(), Default::default);
            entry.exported |= export;
            entry.readonly |= !export;
        }
    }

    fn unset_names(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        let functions = args.first().is_some_and(|a| a == "-f");
        for name in args.iter().filter(|a| !a.starts_with('-')) {
            if functions {
                self.functions.remove(name);
            } else if !is_name(name) {
                self.say(cx, &format!("unset: {name}: bad variable name"));
                return self.abort(2, cx);
            } else if self.vars.get(name).is_some_and(|v| v.readonly) {
                self.say(cx, &format!("unset: {name}: is read only"));
                return self.abort(2, cx);
            } else {
                self.vars.remove(name);
            }
        }
    }

    fn set_options(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        if args.is_empty() {
            for (name, var) in &self.vars {
                if let Some(value) = &var.value {
                    cx.line(&format!("{name}={}", quote(value)));
                }
            }
            cx.flush();
            return;
        }
        let mut rest = args;
        while let Some(arg) = rest.first().filter(|a| a.starts_with(['-', '+'])) {
            rest = &rest[1..];
            if arg == "--" || arg == "-" {
                self.params = rest.to_vec();
                return;
            }
            if matches!(arg.as_str(), "-o" | "+o") {
                rest = rest.get(1..).unwrap_or(&[]);
                continue;
            }
            for c in arg[1..].chars() {
                if !self.options.set(c, arg.starts_with('-')) {
                    self.say(cx, &format!("set: Illegal option -{c}"));
                    return self.abort(2, cx);
                }
            }
        }
        if !rest.is_empty() {
            self.params = rest.to_vec();
        }
    }

    fn shift(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        let n = match args.first() {
            Some(text) => match self.number("shift", text, cx) {
                Some(n) => usize::try_from(n).unwrap_or(0),
                None => return,
            },
            None => 1,
        };
        if n > self.params.len() {
            self.say(cx, "shift: can't shift that many");
            return self.abort(2, cx);
        }
        self.params.drain(..n);
    }

    fn trap(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let args: Vec<&String> = args.iter().filter(|a| *a != "--").collect();
        if args.is_empty() {
            for (name, command) in &self.traps {
                cx.line(&format!("trap -- {} {name}", quote(command)));
            }
            cx.flush();
            return None;
        }
        let only_names = args.len() == 1;
        let (action, names) = if only_names { ("-", &args[..]) } else { (args[0].as_str(), &args[1..]) };
        let mut calls = Vec::new();
        for name in names {
            if matches!(name.as_str(), "EXIT" | "0") {
                match action {
                    "-" => self.traps.remove("EXIT"),
                    command => self.traps.insert("EXIT".to_owned(), command.to_owned()),
                };
                continue;
            }
            let Some(signal) = kill::signal(name) else {
                cx.err(&format!("trap: {name}: bad trap\n"));
                self.status = 1;
                continue;
            };
            let key = signal.name().trim_start_matches("SIG").to_owned();
            match action {
                "-" => {
                    self.traps.remove(&key);
                    let caught = self.interactive && signal == Signal::SIGINT;
                    let to = if caught { Disposition::Catch } else { Disposition::Default };
                    calls.push(Sys::SigAction { signal, to });
                }
                "" => {
                    self.traps.insert(key, String::new());
                    calls.push(Sys::SigAction { signal, to: Disposition::Ignore });
                }
                // A handler would need a signal delivered into a program: see `Sys::SigAction`.
                _ => {
                    self.say(cx, &format!("trap: {name}: only '' and - are simulated for signals"));
                    self.status = 1;
                }
            }
        }
        cx.push_all(calls.into_iter().map(ShTask::Call));
        None
    }

    fn local(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        if self.scopes.is_empty() {
            self.say(cx, "local: not in a function");
            return self.abort(2, cx);
        }
        for arg in args.iter().filter(|a| *a != "-") {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            let old: Option<Var> = self.vars.get(name).cloned();
            if let Some(scope) = self.scopes.last_mut() {
                scope.locals.push((name.to_owned(), old));
            }
            if let Some(value) = value {
                self.set(name, value);
            }
        }
    }
}

/// In single quotes, as `set` and `export -p` show values.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}
