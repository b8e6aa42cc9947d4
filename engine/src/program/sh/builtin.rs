//! Commands of the shell itself (POSIX.1-2017, 2.14 Special Built-In Utilities; the rest as dash has them).
//!
//! What also exists as a tool (`echo`, `test`, `kill`, …) runs that tool's machine inside the shell.

use super::jobs::Job;
use super::syntax::is_name;
use super::vars::Var;
use super::{How, IO_LIMIT_BYTES, Shell, SourceKind, Task as ShTask};
use crate::call::{OpenFlags, Ret, Sys, WaitStatus};
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
const KEYWORDS: [&str; 16] =
    ["!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while"];
/// Bytes of a line that `read` takes.
const READ_BYTES: usize = 64 * 1024;

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
                    cx.line(&if symbolic { symbolic_umask(mask) } else { format!("{mask:04o}") });
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
            let entry = self.vars.entry(var.to_owned()).or_default();
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
                    calls.push(Sys::SigAction { signal, ignore: false });
                }
                "" => {
                    self.traps.insert(key, String::new());
                    calls.push(Sys::SigAction { signal, ignore: true });
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

    fn cd(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let target = args.iter().find(|a| !matches!(a.as_str(), "-L" | "-P" | "--"));
        let dest = match target.map(String::as_str) {
            None => self.var("HOME").unwrap_or("").to_owned(),
            Some("-") => self.var("OLDPWD").unwrap_or("").to_owned(),
            Some(dir) => dir.to_owned(),
        };
        if dest.is_empty() {
            return None;
        }
        let to = logical(self.var("PWD").unwrap_or("/"), &dest);
        let print = target.is_some_and(|t| t == "-");
        let chdir = Sys::Chdir { path: to.clone() };
        // What could not be reached is named as it was typed.
        self.values.push(dest);
        cx.call(chdir, ShTask::Builtin(Task::Cd { to, print }))
    }

    fn moved(&mut self, to: String, print: bool, ret: Ret, cx: &mut Cx<ShTask>) {
        let typed = self.values.pop().unwrap_or_default();
        if answer::done(ret).is_err() {
            return self.error(cx, &format!("cd: can't cd to {typed}"));
        }
        let old = self.var("PWD").unwrap_or("").to_owned();
        for (name, value) in [("OLDPWD", &old), ("PWD", &to)] {
            self.set(name, value);
            if let Some(var) = self.vars.get_mut(name) {
                var.exported = true;
            }
        }
        if print {
            cx.line(&to);
            cx.flush();
        }
    }

    fn read(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let (mut raw, mut names, mut args) = (false, Vec::new(), args.iter());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-r" => raw = true,
                "-p" => {
                    let prompt = args.next().cloned().unwrap_or_default();
                    cx.err(&prompt);
                }
                "--" => {}
                name => names.push(name.to_owned()),
            }
        }
        if names.is_empty() {
            self.error(cx, "read: arg count");
            return None;
        }
        let next = Task::Read { raw, names, text: Vec::new(), escaped: false };
        cx.call(Sys::Read { fd: 0, len: 1 }, ShTask::Builtin(next))
    }

    /// One byte at a time, so that what follows the line stays for others.
    fn read_byte(
        &mut self,
        raw: bool,
        names: Vec<String>,
        mut text: Vec<(u8, bool)>,
        escaped: bool,
        ret: Ret,
        cx: &mut Cx<ShTask>,
    ) -> Option<Sys> {
        let byte = answer::data(ret).ok().and_then(|data| data.first().copied());
        let mut backslash = false;
        match byte {
            Some(b'\n') if escaped => {}
            Some(b'\n') => return self.read_line(names, &text, cx),
            Some(b'\\') if !raw && !escaped => backslash = true,
            Some(byte) => text.push((byte, escaped)),
            None => {
                self.status = 1;
                return self.read_line(names, &text, cx);
            }
        }
        if text.len() > READ_BYTES {
            return self.read_line(names, &text, cx);
        }
        let next = Task::Read { raw, names, text, escaped: backslash };
        cx.call(Sys::Read { fd: 0, len: 1 }, ShTask::Builtin(next))
    }

    fn read_line(&mut self, names: Vec<String>, text: &[(u8, bool)], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let ifs = self.var("IFS").unwrap_or(" \t\n").to_owned();
        let is_ifs = |&(b, escaped): &(u8, bool)| !escaped && ifs.as_bytes().contains(&b);
        let is_space = |c: &(u8, bool)| is_ifs(c) && matches!(c.0, b' ' | b'\t' | b'\n');
        let status = self.status;
        let mut rest = text;
        for (i, name) in names.iter().enumerate() {
            while rest.first().is_some_and(is_space) {
                rest = &rest[1..];
            }
            let mut len = rest.iter().position(is_ifs).unwrap_or(rest.len());
            if i + 1 == names.len() {
                len = rest.len();
                while len > 0 && is_space(&rest[len - 1]) {
                    len -= 1;
                }
            }
            let value: Vec<u8> = rest[..len].iter().map(|(b, _)| *b).collect();
            rest = &rest[len..];
            while rest.first().is_some_and(is_space) {
                rest = &rest[1..];
            }
            if rest.first().is_some_and(is_ifs) {
                rest = &rest[1..];
            }
            if !self.assign(name, &String::from_utf8_lossy(&value), cx) {
                return None;
            }
        }
        self.status = status;
        None
    }

    fn umask(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        match args.first().map(String::as_str) {
            None => cx.call(Sys::Umask { mask: 0 }, ShTask::Builtin(Task::Umask { show: Some(false) })),
            Some("-S") => cx.call(Sys::Umask { mask: 0 }, ShTask::Builtin(Task::Umask { show: Some(true) })),
            Some(text) => match u32::from_str_radix(text, 8) {
                Ok(mask) if mask <= 0o777 => cx.call(Sys::Umask { mask }, ShTask::Ignore),
                _ => {
                    self.error(cx, &format!("umask: Illegal number: {text}"));
                    None
                }
            },
        }
    }

    fn list_jobs(&mut self, cx: &mut Cx<ShTask>) {
        let marks = self.jobs.len();
        for (i, job) in self.jobs.iter().enumerate().rev() {
            let mark = match marks - i {
                1 => '+',
                2 => '-',
                _ => ' ',
            };
            cx.line(&format!("[{}] {mark} {:<27}{}", job.number, state_text(job), job.text));
        }
        cx.flush();
        self.jobs.retain(|job| job.ended.is_none());
    }

    fn foreground(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        match self.job(args.first().map(String::as_str)) {
            Some(job) => {
                cx.line(&job.text);
                cx.flush();
                self.wait_one(job.pid, cx);
            }
            None => self.error(cx, "fg: No current job"),
        }
    }

    fn job(&self, spec: Option<&str>) -> Option<Job> {
        match spec.map(|s| s.trim_start_matches('%')) {
            None | Some("" | "%" | "+") => self.jobs.last().cloned(),
            Some(text) => {
                let n = text.parse::<u32>().ok()?;
                self.jobs.iter().find(|job| job.number == n).cloned()
            }
        }
    }

    fn wait(&mut self, args: &[String], cx: &mut Cx<ShTask>) {
        if args.is_empty() {
            let left: Vec<u32> = self.jobs.iter().filter(|job| job.ended.is_none()).map(|job| job.pid).collect();
            self.jobs.clear();
            cx.push_all([ShTask::WaitFor { left, last: 0, quiet: true }, ShTask::Builtin(Task::Status(0))]);
            return;
        }
        for arg in args.iter().rev() {
            let pid = match arg.strip_prefix('%') {
                Some(_) => self.job(Some(arg)).map(|job| job.pid),
                None => arg.parse().ok().filter(|pid| self.jobs.iter().any(|job| job.pid == *pid)),
            };
            match pid {
                Some(pid) => self.wait_one(pid, cx),
                None => cx.push(ShTask::Builtin(Task::Status(127))),
            }
        }
    }

    fn wait_one(&mut self, pid: u32, cx: &mut Cx<ShTask>) {
        cx.push(ShTask::Builtin(Task::Waited { pid }));
        match self.jobs.iter().find(|job| job.pid == pid).and_then(|job| job.ended) {
            Some(status) => cx.push(ShTask::Builtin(Task::Status(status.shell_code()))),
            None => cx.push(ShTask::WaitFor { left: vec![pid], last: pid, quiet: true }),
        }
    }

    fn command(&mut self, args: &[String], how: How, cx: &mut Cx<ShTask>) -> Option<Sys> {
        let (option, rest) = match args.first().map(String::as_str) {
            Some(o @ ("-v" | "-V")) => (o, &args[1..]),
            Some("-p" | "--") => ("", &args[1..]),
            _ => ("", args),
        };
        if option.is_empty() {
            return match rest.first() {
                None => None,
                Some(name) if is(name) => self.builtin(rest.to_vec(), how, cx),
                Some(_) => self.find(rest.to_vec(), Vec::new(), how, Purpose::Run, cx),
            };
        }
        let purpose = Purpose::Describe { verbose: option == "-V", command: true };
        let names = rest.iter().take(1).cloned().collect();
        cx.push(ShTask::Builtin(Task::TypeNext { names, purpose, status: 0 }));
        None
    }

    fn type_next(&mut self, mut names: Vec<String>, purpose: Purpose, status: i32, cx: &mut Cx<ShTask>) -> Option<Sys> {
        let status = if self.status == 0 { status } else { self.status };
        if names.is_empty() {
            self.status = status;
            cx.flush();
            return None;
        }
        let name = names.remove(0);
        self.status = 0;
        cx.push(ShTask::Builtin(Task::TypeNext { names, purpose, status }));
        let what = match name.as_str() {
            n if KEYWORDS.contains(&n) => "a shell keyword",
            n if self.functions.contains_key(n) => "a shell function",
            n if is_special(n) => "a special shell builtin",
            n if is(n) => "a shell builtin",
            _ => return self.find(vec![name], Vec::new(), How::default(), purpose, cx),
        };
        match purpose {
            Purpose::Describe { verbose: true, .. } => cx.line(&format!("{name} is {what}")),
            _ => cx.line(&name),
        }
        None
    }

    /// Where `type` and `command -v` found a command.
    pub(super) fn described(
        &mut self,
        name: &str,
        path: Option<String>,
        purpose: Purpose,
        cx: &mut Cx<ShTask>,
    ) -> Option<Sys> {
        let Purpose::Describe { verbose, .. } = purpose else { return None };
        match path {
            Some(path) if verbose => cx.line(&format!("{name} is {path}")),
            Some(path) => cx.line(&path),
            None => {
                if verbose {
                    cx.line(&format!("{name}: not found"));
                }
                self.status = 127;
            }
        }
        None
    }

    fn dot(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let name = args.first()?.clone();
        let candidates = if name.contains('/') {
            vec![name.clone()]
        } else {
            let path = self.var("PATH").unwrap_or("");
            path.split(':').map(|dir| crate::program::machine::join(dir, &name)).collect()
        };
        self.dot_next(name, candidates, cx)
    }

    fn dot_next(&mut self, name: String, mut candidates: Vec<String>, cx: &mut Cx<ShTask>) -> Option<Sys> {
        if candidates.is_empty() {
            self.say(cx, &format!(".: {name}: not found"));
            self.abort(127, cx);
            return None;
        }
        let path = candidates.remove(0);
        let open = Sys::Open { path, flags: OpenFlags::READ, mode: 0 };
        cx.call(open, ShTask::Builtin(Task::DotOpened { name, candidates }))
    }
}

fn state_text(job: &Job) -> String {
    match job.ended {
        None => "Running".to_owned(),
        Some(WaitStatus::Exited(0)) => "Done".to_owned(),
        Some(WaitStatus::Exited(code)) => format!("Done({code})"),
        Some(WaitStatus::Signaled(signal)) => signal.text().to_owned(),
    }
}

/// In single quotes, as `set` and `export -p` show values.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn symbolic_umask(mask: u32) -> String {
    let class = |shift: u32| {
        let allowed = !(mask >> shift) & 7;
        [(4, 'r'), (2, 'w'), (1, 'x')].iter().filter(|(bit, _)| allowed & bit != 0).map(|(_, c)| *c).collect::<String>()
    };
    format!("u={},g={},o={}", class(6), class(3), class(0))
}

/// `dir` seen from `pwd`, with `.` and `..` taken away: how a shell keeps `$PWD` (cd, step 8).
fn logical(pwd: &str, dir: &str) -> String {
    let full = if dir.starts_with('/') { dir.to_owned() } else { format!("{pwd}/{dir}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
