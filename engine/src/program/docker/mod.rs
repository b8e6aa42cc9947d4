//! `docker`: the client, as a guest. It reads what the real client reads (its files, its standard input) with ordinary
//! calls, sends a [`Request`] as [`Sys::Control`], and prints what comes back until it is told to exit.
//!
//! The command line is taken apart in [`crate::command::docker`]; what a request means is the daemon's. Nothing of
//! either is here. What it prints does not depend on whether a terminal reads it.

mod context;

#[cfg(test)]
mod tests;

use crate::call::{Errno, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::command::docker::{self, Attach, Invocation, Order};
use crate::docker::{Answer, ClientStdin, Request, Then};
use crate::program::machine::{Cx, Machine, STDERR, STDIN, STDOUT, Steps, answer};
use context::{Context, ContextTask};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes of a client's standard input, and of a file of `--env-file`.
const INPUT_BYTES: usize = 16 << 20;
/// Bytes of the answer to a question.
const ANSWER_BYTES: usize = 4096;

pub type Docker = Machine<Client, Task>;

/// The client's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    words: Vec<String>,
    env: Vec<String>,
    order: Option<Order>,
    /// What has been read of the descriptor at hand.
    input: Vec<u8>,
    /// Lines of the `--env-file`s read so far.
    file_env: Vec<String>,
    context: Option<Context>,
}

/// What the client has before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Begin,
    /// The question is out: a line is read, and decides.
    Answered,
    EnvFileOpened {
        path: String,
    },
    EnvFileRead,
    StdinIs {
        tty: bool,
    },
    StdinRead,
    Send,
    Replied,
    /// Reads the descriptor to its end into `input`.
    Slurp {
        fd: i32,
    },
    Slurped {
        fd: i32,
    },
    Context(ContextTask),
}

/// `words` are those after `docker`, `env` the client's own environment.
pub fn start(words: &[String], env: &[String]) -> Docker {
    let client = Client { words: words.to_vec(), env: env.to_vec(), ..Client::default() };
    Machine::new("docker", client, [Task::Begin])
}

impl Steps<Task> for Client {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Begin => self.begin(cx),
            Task::Answered => self.answered(ret, cx),
            Task::EnvFileOpened { path } => self.env_file_opened(path, ret, cx),
            Task::EnvFileRead => self.env_file_read(cx),
            Task::StdinIs { tty } => self.stdin_is(tty, ret, cx),
            Task::StdinRead => {
                let bytes: Arc<[u8]> = std::mem::take(&mut self.input).into();
                self.attach(ClientStdin::Bytes(bytes));
                None
            }
            Task::Send => self.send(cx),
            Task::Replied => replied(ret, cx),
            Task::Slurp { fd } => cx.call(Sys::Read { fd, len: IO_LIMIT_BYTES as u32 }, Task::Slurped { fd }),
            Task::Slurped { fd } => self.slurped(fd, ret, cx),
            Task::Context(task) => self.context_step(task, ret, cx),
        }
    }
}

impl Client {
    fn begin(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        match docker::parse(&self.words, &self.env) {
            Invocation::Print(printed) => {
                cx.write(STDERR, printed.stderr.as_bytes());
                cx.out(&printed.stdout);
                cx.exit(printed.exit_code);
                None
            }
            Invocation::Build(order) => {
                self.context = Some(Context::new(*order));
                cx.push(Task::Context(ContextTask::Begin));
                None
            }
            Invocation::Ask(order) => self.prepare(*order, cx),
        }
    }

    /// What comes before the request is sent: a question, files, standard input; in that order.
    fn prepare(&mut self, order: Order, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.push(Task::Send);
        let question = order.question.clone();
        let stdin = order.stdin;
        let files = order.env_files.clone();
        self.order = Some(order);
        if let Some(question) = question {
            cx.out(&question);
            cx.flush();
            return cx.call(Sys::Read { fd: STDIN, len: ANSWER_BYTES as u32 }, Task::Answered);
        }
        if let Some(Attach { tty }) = stdin {
            cx.push(Task::StdinIs { tty });
        }
        for path in files.into_iter().rev() {
            cx.push(Task::EnvFileOpened { path });
        }
        None
    }

    /// `docker image prune` without a `y` removes nothing, and says so as if it had tried.
    fn answered(&mut self, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let line = answer::data(ret).unwrap_or_default();
        if !matches!(line.trim_ascii(), b"y" | b"Y") {
            cx.out("Total reclaimed space: 0B\n");
            cx.exit(0);
        }
        None
    }

    fn env_file_opened(&mut self, path: String, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let fd = match ret {
            Ret::Start => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::READ, mode: 0 };
                return cx.call(open, Task::EnvFileOpened { path });
            }
            ret => match answer::fd(ret) {
                Ok(fd) => fd,
                Err(errno) => return self.run_error(&format!("open {path}: {}", go_text(errno)), cx),
            },
        };
        self.input.clear();
        cx.push_all([Task::Slurp { fd }, Task::EnvFileRead]);
        None
    }

    /// A line is `NAME=value`, or `NAME` for the client's own variable; `#` begins a comment (opts.ParseEnvFile).
    fn env_file_read(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        let bytes = std::mem::take(&mut self.input);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for line in lines.into_iter().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
            if name.is_empty() {
                let message = format!("poorly formatted environment: no variable name on line '{line}'");
                return self.run_error(&message, cx);
            }
            if name.contains([' ', '\t']) {
                let message = format!("poorly formatted environment: variable '{name}' contains whitespaces");
                return self.run_error(&message, cx);
            }
            let own = || self.env.iter().find(|own| own.split_once('=').is_some_and(|(own, _)| own == name));
            let line = value.map(|_| line.to_string()).or_else(|| own().cloned());
            self.file_env.extend(line);
        }
        None
    }

    /// An error that `run` and `create` report under their own name, and `exec` as it stands.
    fn run_error(&mut self, message: &str, cx: &mut Cx<Task>) -> Option<Sys> {
        let command = match self.order.as_ref().map(|order| &order.request) {
            Some(Request::Create { .. }) => "create",
            Some(Request::Exec(_)) => {
                cx.err(&format!("{message}\n"));
                cx.exit(1);
                return None;
            }
            _ => "run",
        };
        cx.err(&docker::run_error(command, message).stderr);
        cx.exit(125);
        None
    }

    fn stdin_is(&mut self, tty: bool, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        if ret == Ret::Start {
            return cx.call(Sys::Isatty { fd: STDIN }, Task::StdinIs { tty });
        }
        if answer::yes(ret) {
            self.attach(ClientStdin::Console);
        } else if tty {
            cx.err("the input device is not a TTY\n");
            cx.exit(1);
        } else {
            self.input.clear();
            cx.push_all([Task::Slurp { fd: STDIN }, Task::StdinRead]);
        }
        None
    }

    fn attach(&mut self, input: ClientStdin) {
        match self.order.as_mut().map(|order| &mut order.request) {
            Some(Request::Run(run)) => run.stdin = input,
            Some(Request::Exec(exec)) => exec.stdin = input,
            Some(Request::Start { stdin, .. }) => *stdin = input,
            _ => {}
        }
    }

    fn send(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        let mut order = self.order.take()?;
        let files = std::mem::take(&mut self.file_env);
        match &mut order.request {
            Request::Run(run) => put_before(&mut run.config.env, files),
            Request::Create { config } => put_before(&mut config.env, files),
            Request::Exec(exec) => put_before(&mut exec.env, files),
            _ => {}
        }
        cx.flush();
        cx.call(Sys::Control(Box::new(order.request)), Task::Replied)
    }

    fn slurped(&mut self, fd: i32, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::data(ret) {
            Ok(data) if data.is_empty() => close(fd),
            Ok(data) if self.input.len() + data.len() > INPUT_BYTES => {
                cx.err(&format!("docker: the input is larger than {} MiB, the limit here\n", INPUT_BYTES >> 20));
                cx.exit(1);
                None
            }
            Ok(data) => {
                self.input.extend_from_slice(&data);
                cx.push(Task::Slurp { fd });
                None
            }
            Err(errno) => {
                cx.err(&format!("read: {}\n", go_text(errno)));
                cx.exit(1);
                None
            }
        }
    }
}

/// Prints a piece of the answer; the next piece is asked for, or this was the last.
fn replied(ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
    let answer = match ret {
        Ret::Control(answer) => *answer,
        // Nobody answers: what the real client says of a socket without a daemon.
        _ => Answer {
            stdout: Vec::new(),
            stderr:
                b"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
                    .to_vec(),
            then: Then::Exit(1),
        },
    };
    cx.write(STDOUT, &answer.stdout);
    cx.write(STDERR, &answer.stderr);
    cx.flush();
    match answer.then {
        Then::Again => cx.call(Sys::Control(Box::new(Request::Continue)), Task::Replied),
        Then::Exit(code) => {
            cx.exit(code);
            None
        }
    }
}

/// The client's own standard input is left open.
fn close(fd: i32) -> Option<Sys> {
    (fd != STDIN).then_some(Sys::Close { fd })
}

fn put_before(env: &mut Vec<String>, mut first: Vec<String>) {
    first.append(env);
    *env = first;
}

/// Go's text of an error: strerror's, uncapitalised.
fn go_text(errno: Errno) -> String {
    let text = errno.text();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if errno != Errno::EIO => first.to_lowercase().chain(chars).collect(),
        _ => text.to_string(),
    }
}
