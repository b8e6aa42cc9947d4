//! The shell, modelled on dash: Debian's `/bin/sh`, its messages word for word.
//!
//! [`parse`] turns text into commands one complete command at a time; this machine carries them out. It holds no Rust
//! stack: what is left to do (the rest of a list, the next turn of a loop, the descriptor to restore) lies on the task
//! stack of [`super::machine`], so a shell can be copied in mid-command, which is also how it forks.
//!
//! Refused: job control, aliases, `trap` with a command for a signal, `ulimit`, line editing.

mod arith;
mod builtin;
mod command;
mod describe;
mod expand;
mod jobs;
mod launch;
mod parse;
mod redirect;
mod surroundings;
mod syntax;
mod task;
mod vars;
mod word;

pub use launch::{Launch, Launching};
pub use vars::DEFAULT_PATH;

use super::Program;
use super::machine::{Cx, Machine, Steps, answer};
use crate::call::{Disposition, Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Signal, Sys, WaitStatus};
use crate::sim::LINE_BYTES;
use crate::sim::Map;
use expand::Partial;
use jobs::Job;
use parse::Stop;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use syntax::Node;
pub use task::Task;
use vars::{Scope, Var};

/// Bytes of a script, and of what a command substitution or `read` may collect.
const TEXT_BYTES: usize = 4 << 20;
/// Functions, `eval`s and `.`s inside one another.
const CALL_DEPTH: usize = 500;

pub type Sh = Machine<Shell, Task>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    arg0: String,
    interactive: bool,
    options: Options,
    vars: Map<String, Var>,
    functions: Map<String, Arc<Node>>,
    params: Vec<String>,
    scopes: Vec<Scope>,
    sources: Vec<Source>,
    line: u32,
    status: i32,
    /// Status of the last command substitution of the command being expanded.
    subst_status: Option<i32>,
    /// Words being expanded, the innermost last; fields and values that are ready.
    words: Vec<Partial>,
    fields: Vec<Vec<String>>,
    values: Vec<String>,
    /// What redirections replaced, the innermost last: descriptor and where it was saved (`None`: it was closed).
    undo: Vec<Vec<(Fd, Option<Fd>)>>,
    pid: i64,
    last_background: Option<u32>,
    jobs: Vec<Job>,
    /// Where commands were found, as dash's hash table.
    found: Map<String, String>,
    traps: Map<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Options {
    errexit: bool,
    nounset: bool,
    xtrace: bool,
    noglob: bool,
    verbose: bool,
}

/// Text that commands are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    kind: SourceKind,
    /// The file of a `.`, which dash puts before its messages.
    name: Option<String>,
    text: String,
    at: usize,
    line: u32,
    /// No more text will come.
    ends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceKind {
    Stdin,
    /// `-c`: its last command replaces the shell.
    Argument,
    Script,
    Eval,
    Dot,
}

/// How a command is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct How {
    /// Nothing follows it in this process: exec without a fork (dash's EV_EXIT).
    tail: bool,
    /// Its status is looked at, so `set -e` does not apply (EV_TESTED).
    tested: bool,
}

/// The shell that `argv` (after the two words of the `#!` line) and `env` start.
pub fn start(path: &str, args: &[String], env: &[String]) -> Sh {
    Machine::new(path, Shell::new(path, env), [Task::Start(args.to_vec())])
}

/// Whether all of `text` can be read as commands.
#[cfg(test)]
pub fn parses(text: &str) -> bool {
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        match parse::next_command(text, at, line, true) {
            Ok(parsed) if parsed.next > at => (at, line) = (parsed.next, parsed.line),
            _ => return false,
        }
    }
    true
}

impl Steps<Task> for Shell {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Start(args) => cx.call(Sys::Getpid, Task::GotPid(args)),
            Task::GotPid(args) => {
                self.pid = answer::int(ret).unwrap_or(1);
                if self.vars.contains_key("PWD") {
                    return self.options(args, cx);
                }
                cx.call(Sys::Getcwd, Task::GotCwd(args))
            }
            Task::GotCwd(args) => {
                if let Ok(cwd) = answer::text(ret) {
                    self.set("PWD", &cwd);
                }
                self.options(args, cx)
            }
            Task::GotTty => {
                self.interactive |= answer::yes(ret);
                cx.push(Task::Commands);
                if !self.interactive {
                    return None;
                }
                self.arg0 = super::machine::base(&self.arg0).to_owned();
                cx.push(Task::Call(Sys::SigAction { signal: Signal::SIGINT, to: Disposition::Catch }));
                if self.vars.contains_key("PS1") { None } else { cx.call(Sys::Getuid, Task::GotUid) }
            }
            Task::GotUid => {
                let root = answer::int(ret) == Ok(0);
                self.set("PS1", if root { "# " } else { "$ " });
                None
            }
            Task::ScriptOpened(path) => match answer::fd(ret) {
                Ok(fd) => {
                    let read = Sys::Read { fd, len: IO_LIMIT_BYTES as u32 };
                    cx.call(read, Task::ScriptRead { fd, text: Vec::new(), name: None })
                }
                Err(errno) => {
                    cx.err(&format!("sh: 0: cannot open {path}: {}\n", redirect::open_error(errno)));
                    cx.exit(2);
                    None
                }
            },
            Task::ScriptRead { fd, text, name } => self.script_read(fd, text, name, ret, cx),
            Task::Commands => self.commands(cx),
            Task::Prompted => cx.call(Sys::Read { fd: 0, len: 8192 }, Task::GotInput),
            Task::GotInput => self.got_input(ret, cx),
            Task::Leave => self.leave(cx),
            Task::Exit => {
                cx.exit(self.status);
                None
            }
            Task::Call(sys) => cx.call(sys, Task::Ignore),
            Task::Ignore => None,
            Task::Inline(mut program) => match program.resume(ret) {
                Sys::Exit { code } => {
                    self.status = code;
                    None
                }
                sys => cx.call(sys, Task::Inline(program)),
            },
            Task::Builtin(task) => self.builtin_step(task, ret, cx),
            task => self.step_command(task, ret, cx),
        }
    }
}

impl Shell {
    fn new(path: &str, env: &[String]) -> Shell {
        Shell {
            arg0: path.to_owned(),
            interactive: false,
            options: Options::default(),
            vars: vars::from_env(env),
            functions: Map::new(),
            params: Vec::new(),
            scopes: Vec::new(),
            sources: Vec::new(),
            line: 1,
            status: 0,
            subst_status: None,
            words: Vec::new(),
            fields: Vec::new(),
            values: Vec::new(),
            undo: Vec::new(),
            pid: 1,
            last_background: None,
            jobs: Vec::new(),
            found: Map::new(),
            traps: Map::new(),
        }
    }

    /// sh [-eux] [-c string [name [arg…]] | file [arg…] | -s [arg…]]
    fn options(&mut self, args: Vec<String>, cx: &mut Cx<Task>) -> Option<Sys> {
        let mut args = args.into_iter().peekable();
        let mut command = false;
        while let Some(arg) = args.peek().filter(|a| a.len() > 1 && a.starts_with(['-', '+'])).cloned() {
            args.next();
            if arg == "--" {
                break;
            }
            for c in arg[1..].chars() {
                match c {
                    'c' => command = true,
                    'i' => self.interactive = true,
                    's' | 'l' => {}
                    c if self.options.set(c, arg.starts_with('-')) => {}
                    c => {
                        cx.err(&format!("{}: 0: Illegal option -{c}\n", self.arg0));
                        cx.exit(2);
                        return None;
                    }
                }
            }
        }
        cx.push(Task::Leave);
        if command {
            let Some(text) = args.next() else {
                cx.err(&format!("{}: 0: -c requires an argument\n", self.arg0));
                cx.exit(2);
                return None;
            };
            if let Some(name) = args.next() {
                self.arg0 = name;
            }
            self.params = args.collect();
            self.read_from(SourceKind::Argument, text, cx);
            return None;
        }
        match args.next() {
            Some(path) => {
                self.params = args.collect();
                self.arg0 = path.clone();
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::READ, mode: 0 };
                cx.call(open, Task::ScriptOpened(path))
            }
            None => {
                self.sources.push(Source {
                    kind: SourceKind::Stdin,
                    name: None,
                    text: String::new(),
                    at: 0,
                    line: 1,
                    ends: false,
                });
                cx.call(Sys::Isatty { fd: 0 }, Task::GotTty)
            }
        }
    }

    /// Carry out the commands of `text` next.
    fn read_from(&mut self, kind: SourceKind, text: String, cx: &mut Cx<Task>) {
        if self.sources.len() + self.scopes.len() >= CALL_DEPTH {
            self.error(cx, "maximum recursion depth exceeded");
            return;
        }
        let line = if kind == SourceKind::Eval { self.line } else { 1 };
        self.sources.push(Source { kind, name: None, text, at: 0, line, ends: true });
        cx.push(Task::Commands);
    }

    fn script_read(
        &mut self,
        fd: Fd,
        mut text: Vec<u8>,
        name: Option<String>,
        ret: Ret,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let data = answer::data(ret).unwrap_or_default();
        text.extend_from_slice(&data);
        if !data.is_empty() && text.len() < TEXT_BYTES {
            return cx.call(Sys::Read { fd, len: IO_LIMIT_BYTES as u32 }, Task::ScriptRead { fd, text, name });
        }
        let kind = if name.is_some() { SourceKind::Dot } else { SourceKind::Script };
        self.read_from(kind, String::from_utf8_lossy(&text).into_owned(), cx);
        if let Some(source) = self.sources.last_mut() {
            source.name = name;
        }
        cx.call(Sys::Close { fd }, Task::Ignore)
    }

    fn commands(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        let source = self.sources.last_mut()?;
        let parsed = parse::next_command(&source.text, source.at, source.line, source.ends);
        match parsed {
            Ok(parsed) => {
                source.at = parsed.next;
                source.line = parsed.line;
                let at_end = source.at >= source.text.len();
                match parsed.node {
                    Some(node) => {
                        let tail = at_end && source.kind == SourceKind::Argument && self.traps.is_empty();
                        cx.push_all([Task::Eval(node, How { tail, tested: false }), Task::Commands]);
                        None
                    }
                    None if !at_end => {
                        cx.push(Task::Commands);
                        None
                    }
                    None if source.ends => {
                        self.sources.pop();
                        None
                    }
                    None => self.ask("PS1", cx),
                }
            }
            Err(Stop::More) if source.text.len() - source.at.min(source.text.len()) > LINE_BYTES => {
                source.at = source.text.len();
                let line = source.line;
                self.syntax_error(line, "line too long", cx)
            }
            Err(Stop::More) => self.ask("PS2", cx),
            Err(Stop::Syntax { line, message }) => {
                source.at = source.text.len();
                source.line = line + 1;
                self.syntax_error(line, &message, cx)
            }
        }
    }

    /// More text from standard input, with a prompt if a person is there.
    fn ask(&mut self, prompt: &str, cx: &mut Cx<Task>) -> Option<Sys> {
        if let Some(source) = self.sources.last_mut() {
            source.text.drain(..source.at.min(source.text.len()));
            source.at = 0;
        }
        cx.push(Task::Commands);
        if !self.interactive {
            return cx.call(Sys::Read { fd: 0, len: 8192 }, Task::GotInput);
        }
        cx.flush();
        let text = self.prompt(prompt);
        if prompt == "PS1" && !self.jobs.is_empty() {
            cx.push_all([Task::ReapBackground, Task::Call(Sys::Prompt { text, status: self.status }), Task::Prompted]);
            return None;
        }
        cx.call(Sys::Prompt { text, status: self.status }, Task::Prompted)
    }

    fn got_input(&mut self, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        if ret == Ret::Err(Errno::EINTR) {
            return self.interrupted(cx);
        }
        let data = answer::data(ret).unwrap_or_default();
        if let Some(source) = self.sources.last_mut() {
            source.ends = data.is_empty();
            source.text.push_str(&String::from_utf8_lossy(&data));
        }
        None
    }

    fn syntax_error(&mut self, line: u32, message: &str, cx: &mut Cx<Task>) -> Option<Sys> {
        let eval = match self.sources.last().map(|s| s.kind) {
            Some(SourceKind::Eval) => "eval: ",
            _ => "",
        };
        cx.err(&format!("{}: {line}: {eval}Syntax error: {message}\n", self.arg0));
        self.abort(2, cx);
        None
    }

    /// `sh: 1: MESSAGE`, and status 2.
    fn error(&mut self, cx: &mut Cx<Task>, message: &str) {
        self.say(cx, message);
        self.status = 2;
    }

    fn say(&mut self, cx: &mut Cx<Task>, message: &str) {
        let dot = self.sources.last().and_then(|source| source.name.as_ref());
        let dot = dot.map(|name| format!("{name}: ")).unwrap_or_default();
        cx.err(&format!("{}: {}: {dot}{message}\n", self.arg0, self.line));
    }

    /// An error that ends a shell, or only the line if a person typed it (2.8.1 Consequences of Shell Errors).
    fn abort(&mut self, status: i32, cx: &mut Cx<Task>) {
        self.status = status;
        self.words.clear();
        self.fields.clear();
        self.values.clear();
        let todo = std::mem::take(cx.todo());
        if !self.interactive {
            cx.push(Task::Leave);
            return;
        }
        self.sources.truncate(1);
        if let Some(source) = self.sources.last_mut() {
            source.at = source.text.len();
        }
        cx.push_all([Task::Commands, Task::Leave]);
        // What was redirected is restored, what a function hid comes back; the innermost first.
        let cleanup = todo.into_iter().filter(|t| matches!(t, Task::Undo | Task::RestoreVars(_) | Task::FunctionEnd));
        cx.todo().extend(cleanup);
    }

    fn leave(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.todo().clear();
        cx.push(Task::Exit);
        if let Some(command) = self.traps.remove("EXIT").filter(|c| !c.is_empty()) {
            let status = self.status;
            cx.push(Task::Builtin(builtin::Task::Status(status)));
            self.sources.clear();
            self.read_from(SourceKind::Eval, command, cx);
        }
        None
    }

    /// Ctrl-C at a line, or at a builtin that reads one: what was typed is dropped, unfinished commands too, and it
    /// counts as that many lines (dash's `onint`). The newline that dash writes is the console's: it edits lines itself.
    fn interrupted(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        if let Some(source) = self.sources.first_mut() {
            source.line += source.text[source.at.min(source.text.len())..].matches('\n').count() as u32;
        }
        self.abort(WaitStatus::Signaled(Signal::SIGINT).shell_code(), cx);
        None
    }

    fn prompt(&self, name: &str) -> String {
        let text = self.var(name).unwrap_or(if name == "PS1" { "$ " } else { "> " }).to_owned();
        if !text.contains('\\') {
            return text;
        }
        let cwd = self.var("PWD").unwrap_or("/");
        let home = self.var("HOME").filter(|h| h.len() > 1).and_then(|h| cwd.strip_prefix(h));
        let shown = match home {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
            _ => cwd.to_owned(),
        };
        text.replace("\\w", &shown)
            .replace("\\u", self.var("USER").unwrap_or("root"))
            .replace("\\h", self.var("HOSTNAME").unwrap_or("localhost"))
            .replace("\\$", "$")
    }

    /// A copy of this shell that does `tasks` and exits: what fork(2) makes.
    fn child(&self, tasks: Vec<Task>) -> Box<Program> {
        let mut shell = self.clone();
        shell.interactive = false;
        shell.sources.clear();
        shell.jobs.clear();
        shell.words.clear();
        shell.fields.clear();
        shell.values.clear();
        shell.traps.retain(|_, command| command.is_empty());
        Box::new(Program::Sh(Box::new(Machine::new(&self.arg0, shell, tasks.into_iter().chain([Task::Leave])))))
    }
}

impl Options {
    fn set(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'e' => self.errexit = on,
            'u' => self.nounset = on,
            'x' => self.xtrace = on,
            'f' => self.noglob = on,
            'v' => self.verbose = on,
            _ => return false,
        }
        true
    }

    /// `$-`
    fn letters(&self, interactive: bool) -> String {
        let all = [
            (self.errexit, 'e'),
            (self.noglob, 'f'),
            (interactive, 'i'),
            (self.nounset, 'u'),
            (self.verbose, 'v'),
            (self.xtrace, 'x'),
        ];
        all.into_iter().filter(|(on, _)| *on).map(|(_, c)| c).collect()
    }
}
