//! The build context: what `docker build` reads before it asks the daemon for anything.
//!
//! The context is walked in sorted order and packed as one uncompressed archive, owned by root, `.dockerignore` applied.
//! The messages for what is missing are the real client's. The Dockerfile is sent as a text of its own.

use super::{Client, Task, go_text};
use crate::call::{Dent, Errno, FileKind, OpenFlags, Ret, Stat, Sys};
use crate::command::docker::{BuildOrder, Source};
use crate::docker::{Problem, Request};
use crate::image::dockerfile::Ignore;
use crate::image::tar::{self, Entry};
use crate::program::machine::{Cx, STDIN, answer, join};
use crate::sim::DOCKERFILE_BYTES;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes of a build context.
const CONTEXT_BYTES: u64 = 16 << 20;
/// Files and directories of a build context.
const CONTEXT_ENTRIES: usize = 10_000;

const IGNORE_FILE: &str = ".dockerignore";
const TAR_BLOCK: u64 = 512;

/// What has been read so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    order: BuildOrder,
    cwd: String,
    /// The directory, absolute.
    root: String,
    /// The Dockerfile, absolute; empty if it comes by standard input.
    dockerfile_path: String,
    dockerfile: String,
    ignore: Ignore,
    entries: Vec<Entry>,
    bytes: u64,
    /// What the real client sends as well, for the daemon to drop: the Dockerfile and `.dockerignore`, if ignored.
    dropped_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextTask {
    Begin,
    /// Standard input is read: a Dockerfile, or an archive.
    StdinRead,
    Cwd,
    RootIs,
    /// `reported` is the path that the message names if none is there.
    DockerfileIs {
        path: String,
        reported: String,
    },
    /// Which component of a path that is not there is the first that is not there.
    Missing {
        path: String,
        parents: Vec<String>,
    },
    DockerfileOpened,
    DockerfileRead,
    IgnoreOpened,
    IgnoreRead,
    DirOpened {
        path: String,
    },
    Dents {
        path: String,
        fd: i32,
    },
    Node(String, FileKind),
    NodeIs(String),
    Link(String, Stat),
    FileOpened(String, Stat),
    FileRead(String, Stat),
    Send,
    /// There is nothing to send but why.
    Fail(Problem),
}

impl Context {
    pub fn new(order: BuildOrder) -> Context {
        Context {
            order,
            cwd: String::new(),
            root: String::new(),
            dockerfile_path: String::new(),
            dockerfile: String::new(),
            ignore: Ignore::default(),
            entries: Vec::new(),
            bytes: 0,
            dropped_bytes: 0,
        }
    }

    fn absolute(&self, path: &str) -> String {
        join(&self.root, path)
    }
}

impl Client {
    pub(super) fn context_step(&mut self, task: ContextTask, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let mut context = self.context.take()?;
        let sys = self.context_task(&mut context, task, ret, cx);
        self.context = Some(context);
        sys
    }

    fn context_task(&mut self, context: &mut Context, task: ContextTask, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            ContextTask::Begin => self.begin_context(context, cx),
            ContextTask::StdinRead => self.stdin_context(context, cx),
            ContextTask::Cwd => context.located(ret, cx),
            ContextTask::RootIs => self.root_is(context, ret, cx),
            ContextTask::DockerfileIs { path, reported } => context.dockerfile_is(path, reported, ret, cx),
            ContextTask::Missing { path, parents } => missing(path, parents, ret, cx),
            ContextTask::DockerfileOpened => self.opened(context, ret, ContextTask::DockerfileRead, cx),
            ContextTask::DockerfileRead => self.dockerfile_read(context, cx),
            ContextTask::IgnoreOpened => self.opened(context, ret, ContextTask::IgnoreRead, cx),
            ContextTask::IgnoreRead => self.ignore_read(context, cx),
            ContextTask::DirOpened { path } => context.dir_opened(path, ret, cx),
            ContextTask::Dents { path, fd } => context.dents(&path, fd, ret, cx),
            ContextTask::Node(path, kind) => context.node(path, kind, cx),
            ContextTask::NodeIs(path) => context.node_is(path, ret, cx),
            ContextTask::Link(path, stat) => context.link(path, stat, ret, cx),
            ContextTask::FileOpened(path, stat) => self.file_opened(context, path, stat, ret, cx),
            ContextTask::FileRead(path, stat) => {
                let data = std::mem::take(&mut self.input);
                context.add(Entry { data: data.into(), ..entry(path, tar::Kind::File, stat) }, cx)
            }
            ContextTask::Send => context.send(None, cx),
            ContextTask::Fail(problem) => context.send(Some(problem), cx),
        }
    }

    fn begin_context(&mut self, context: &Context, cx: &mut Cx<Task>) -> Option<Sys> {
        match context.order.source {
            Source::Directory(_) => call(Sys::Getcwd, ContextTask::Cwd, cx),
            Source::Stdin => {
                self.input.clear();
                cx.push_all([Task::Slurp { fd: STDIN }, Task::Context(ContextTask::StdinRead)]);
                None
            }
        }
    }

    fn stdin_context(&mut self, context: &mut Context, cx: &mut Cx<Task>) -> Option<Sys> {
        let input = std::mem::take(&mut self.input);
        if input.starts_with(&[0x1f, 0x8b]) {
            return fail("docker: a compressed context is not simulated here: give an uncompressed tar", cx);
        }
        if input.get(257..262) != Some(b"ustar") {
            context.dropped_bytes = file_bytes(input.len() as u64);
            self.input = input;
            cx.push(Task::Context(ContextTask::Send));
            return context.set_dockerfile(&std::mem::take(&mut self.input), cx);
        }
        let entries = match tar::read(&Arc::from(input)) {
            Ok(entries) => entries,
            Err(error) => return fail(&format!("docker: the archive on standard input is broken: {error}"), cx),
        };
        let name = clean(context.order.dockerfile.as_deref().unwrap_or("Dockerfile"));
        let Some(dockerfile) = entries.iter().find(|entry| entry.path == name) else {
            let message = format!("Error response from daemon: Cannot locate specified Dockerfile: {name}");
            return fail(&message, cx);
        };
        cx.push(Task::Context(ContextTask::Send));
        let text = dockerfile.data.to_vec();
        context.entries = entries;
        context.set_dockerfile(&text, cx)
    }

    fn root_is(&mut self, context: &mut Context, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let Source::Directory(given) = &context.order.source else {
            return None;
        };
        match answer::stat(ret) {
            Ok(stat) if stat.kind == FileKind::Dir && !given.is_empty() => {}
            Ok(_) if !given.is_empty() => {
                let message = format!("unable to prepare context: context must be a directory: {}", context.root);
                return fail(&message, cx);
            }
            _ => return fail(&format!("unable to prepare context: path \"{given}\" not found"), cx),
        }
        let path = match context.order.dockerfile.as_deref() {
            Some("-") => {
                self.input.clear();
                cx.push_all([Task::Slurp { fd: STDIN }, Task::Context(ContextTask::DockerfileRead)]);
                return None;
            }
            Some(given) => clean(&absolute(&context.cwd, given)),
            None => context.absolute("Dockerfile"),
        };
        let reported = path.clone();
        call(Sys::Stat { path: path.clone(), follow: true }, ContextTask::DockerfileIs { path, reported }, cx)
    }

    /// A file of the client's own reading is open: it is read, then `then` takes it.
    fn opened(&mut self, context: &Context, ret: Ret, then: ContextTask, cx: &mut Cx<Task>) -> Option<Sys> {
        match (answer::fd(ret), &then) {
            (Ok(fd), _) => {
                self.input.clear();
                cx.push_all([Task::Slurp { fd }, Task::Context(then)]);
                None
            }
            (Err(Errno::ENOENT), ContextTask::IgnoreRead) => context.walk(cx),
            (Err(errno), ContextTask::IgnoreRead) => {
                fail(&format!("open {}: {}", context.absolute(IGNORE_FILE), go_text(errno)), cx)
            }
            (Err(errno), _) => {
                let path = &context.dockerfile_path;
                fail(&format!("unable to prepare context: open {path}: {}", go_text(errno)), cx)
            }
        }
    }

    fn dockerfile_read(&mut self, context: &mut Context, cx: &mut Cx<Task>) -> Option<Sys> {
        let path = context.absolute(IGNORE_FILE);
        cx.push(Task::Context(ContextTask::Send));
        let open = Sys::Open { path, flags: OpenFlags::READ, mode: 0 };
        let text = std::mem::take(&mut self.input);
        if context.order.dockerfile.as_deref() == Some("-") {
            // The client adds it to the context under a random name, with a `.dockerignore` that names it.
            context.dropped_bytes = file_bytes(text.len() as u64) + file_bytes(1);
        }
        context.set_dockerfile(&text, cx);
        if failed(cx) {
            return None;
        }
        call(open, ContextTask::IgnoreOpened, cx)
    }

    fn ignore_read(&mut self, context: &mut Context, cx: &mut Cx<Task>) -> Option<Sys> {
        let bytes = std::mem::take(&mut self.input);
        match Ignore::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(ignore) => context.ignore = ignore,
            Err(message) => return fail(&format!("error checking context: {message}"), cx),
        }
        if context.ignore.excludes(IGNORE_FILE) {
            context.dropped_bytes += file_bytes(bytes.len() as u64);
        }
        let relative = context.dockerfile_path.strip_prefix(&format!("{}/", context.root));
        if relative.is_some_and(|path| context.ignore.excludes(path)) {
            context.dropped_bytes += file_bytes(context.dockerfile.len() as u64);
        }
        context.walk(cx)
    }

    fn file_opened(&mut self, context: &Context, path: String, stat: Stat, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::fd(ret) {
            Ok(fd) => {
                self.input.clear();
                cx.push_all([Task::Slurp { fd }, Task::Context(ContextTask::FileRead(path, stat))]);
                None
            }
            Err(errno) => unreadable(&context.absolute(&path), errno, cx),
        }
    }
}

impl Context {
    fn located(&mut self, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let Source::Directory(given) = &self.order.source else {
            return None;
        };
        self.cwd = answer::text(ret).unwrap_or_else(|_| "/".to_string());
        self.root = clean(&absolute(&self.cwd, given));
        call(Sys::Stat { path: self.root.clone(), follow: true }, ContextTask::RootIs, cx)
    }

    /// Without `-f`, `dockerfile` will do when there is no `Dockerfile`.
    fn dockerfile_is(&mut self, path: String, reported: String, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::stat(ret) {
            Ok(stat) if stat.kind == FileKind::Dir => {
                fail(&format!("unable to prepare context: read {path}: is a directory"), cx)
            }
            Ok(_) => {
                self.dockerfile_path = path.clone();
                call(Sys::Open { path, flags: OpenFlags::READ, mode: 0 }, ContextTask::DockerfileOpened, cx)
            }
            Err(Errno::ENOENT) if self.order.dockerfile.is_none() && path == reported => {
                let path = self.absolute("dockerfile");
                call(Sys::Stat { path: path.clone(), follow: true }, ContextTask::DockerfileIs { path, reported }, cx)
            }
            Err(_) => {
                let parents = parents(&reported);
                cx.push(Task::Context(ContextTask::Missing { path: reported, parents }));
                None
            }
        }
    }

    fn set_dockerfile(&mut self, bytes: &[u8], cx: &mut Cx<Task>) -> Option<Sys> {
        if bytes.len() > DOCKERFILE_BYTES {
            let limit = DOCKERFILE_BYTES >> 10;
            return fail(&format!("docker: the Dockerfile is larger than {limit} KiB, the limit here"), cx);
        }
        self.dockerfile = String::from_utf8_lossy(bytes).into_owned();
        None
    }

    fn walk(&self, cx: &mut Cx<Task>) -> Option<Sys> {
        let open = Sys::Open { path: self.root.clone(), flags: OpenFlags::DIRECTORY, mode: 0 };
        call(open, ContextTask::DirOpened { path: String::new() }, cx)
    }

    fn dir_opened(&self, path: String, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::fd(ret) {
            Ok(fd) => call(Sys::Getdents { fd }, ContextTask::Dents { path, fd }, cx),
            Err(_) => fail(&format!("error checking context: can't stat '{}'", self.absolute(&path)), cx),
        }
    }

    fn dents(&self, path: &str, fd: i32, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let dents: Vec<Dent> = answer::dents(ret).unwrap_or_default();
        let inner = |name: &str| if path.is_empty() { name.to_string() } else { join(path, name) };
        cx.push_all(dents.iter().map(|dent| Task::Context(ContextTask::Node(inner(&dent.name), dent.kind))));
        Some(Sys::Close { fd })
    }

    fn node(&self, path: String, kind: FileKind, cx: &mut Cx<Task>) -> Option<Sys> {
        let excluded = self.ignore.excludes(&path);
        if excluded && (kind != FileKind::Dir || self.ignore.skips(&path)) {
            return None;
        }
        if excluded {
            let open = Sys::Open { path: self.absolute(&path), flags: OpenFlags::DIRECTORY, mode: 0 };
            return call(open, ContextTask::DirOpened { path }, cx);
        }
        call(Sys::Stat { path: self.absolute(&path), follow: false }, ContextTask::NodeIs(path), cx)
    }

    fn node_is(&mut self, path: String, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let stat = match answer::stat(ret) {
            Ok(stat) => stat,
            Err(errno) => return unreadable(&self.absolute(&path), errno, cx),
        };
        let absolute = self.absolute(&path);
        match stat.kind {
            FileKind::Dir => {
                if self.add(entry(path.clone(), tar::Kind::Dir, stat), cx).is_some() || failed(cx) {
                    return None;
                }
                let open = Sys::Open { path: absolute, flags: OpenFlags::DIRECTORY, mode: 0 };
                call(open, ContextTask::DirOpened { path }, cx)
            }
            FileKind::File if self.bytes + stat.size_bytes > CONTEXT_BYTES => too_large(cx),
            FileKind::File => {
                let open = Sys::Open { path: absolute, flags: OpenFlags::READ, mode: 0 };
                call(open, ContextTask::FileOpened(path, stat), cx)
            }
            FileKind::Symlink => call(Sys::Readlink { path: absolute }, ContextTask::Link(path, stat), cx),
            FileKind::Fifo => self.add(entry(path, tar::Kind::Fifo, stat), cx),
            FileKind::Socket | FileKind::CharDevice | FileKind::BlockDevice => None,
        }
    }

    fn link(&mut self, path: String, stat: Stat, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match answer::text(ret) {
            Ok(target) => self.add(entry(path, tar::Kind::Symlink { target }, stat), cx),
            Err(errno) => unreadable(&self.absolute(&path), errno, cx),
        }
    }

    fn add(&mut self, entry: Entry, cx: &mut Cx<Task>) -> Option<Sys> {
        self.bytes += entry.size_bytes();
        if self.entries.len() == CONTEXT_ENTRIES {
            let message = format!(
                "docker: the build context has more than {CONTEXT_ENTRIES} files, the limit here: name what is not \
                 needed in {IGNORE_FILE}"
            );
            return fail(&message, cx);
        }
        if self.bytes > CONTEXT_BYTES {
            return too_large(cx);
        }
        self.entries.push(entry);
        None
    }

    fn send(&mut self, problem: Option<Problem>, cx: &mut Cx<Task>) -> Option<Sys> {
        let mut build = self.order.build.clone();
        build.problem = problem;
        build.context = tar::write(&std::mem::take(&mut self.entries)).into();
        build.sent_bytes = build.context.len() as u64 + self.dropped_bytes;
        build.dockerfile = std::mem::take(&mut self.dockerfile);
        cx.flush();
        cx.call(Sys::Control(Box::new(Request::Build(Box::new(build)))), Task::Replied)
    }
}

fn call(sys: Sys, then: ContextTask, cx: &mut Cx<Task>) -> Option<Sys> {
    cx.call(sys, Task::Context(then))
}

/// How a client says it depends on who builds, and that the daemon knows.
fn fail(message: &str, cx: &mut Cx<Task>) -> Option<Sys> {
    fail_with(Problem::Context(message.to_owned()), cx)
}

fn fail_with(problem: Problem, cx: &mut Cx<Task>) -> Option<Sys> {
    cx.todo().clear();
    cx.push(Task::Context(ContextTask::Fail(problem)));
    None
}

fn failed(cx: &mut Cx<Task>) -> bool {
    matches!(cx.todo().last(), Some(Task::Context(ContextTask::Fail(_))))
}

fn too_large(cx: &mut Cx<Task>) -> Option<Sys> {
    let limit = CONTEXT_BYTES >> 20;
    let message = format!(
        "docker: the build context is larger than {limit} MiB, the limit here: name what is not needed in {IGNORE_FILE}"
    );
    fail(&message, cx)
}

fn unreadable(path: &str, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
    match errno {
        Errno::EACCES => fail(&format!("error checking context: no permission to read from '{path}'"), cx),
        _ => fail(&format!("error checking context: file {path}: {}", go_text(errno)), cx),
    }
}

/// Asks for the parents of `path`, outermost first, until one is not there: that is the one Go's EvalSymlinks names.
fn missing(path: String, mut parents: Vec<String>, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
    let errno = match ret {
        Ret::Err(errno) => Some(errno),
        _ => None,
    };
    if errno.is_none() && !parents.is_empty() {
        let next = parents.remove(0);
        return call(Sys::Stat { path: next.clone(), follow: true }, ContextTask::Missing { path: next, parents }, cx);
    }
    let text = go_text(errno.unwrap_or(Errno::ENOENT));
    let message =
        format!("unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat {path}: {text}");
    fail_with(Problem::NoDockerfile(message), cx)
}

/// `/a/b/c` → `/a`, `/a/b`, `/a/b/c`.
fn parents(path: &str) -> Vec<String> {
    let ends = path.char_indices().filter(|(at, c)| *c == '/' && *at > 0).map(|(at, _)| at);
    ends.chain([path.len()]).map(|end| path[..end].to_string()).collect()
}

fn entry(path: String, kind: tar::Kind, stat: Stat) -> Entry {
    Entry { path, kind, mode: stat.mode, uid: 0, gid: 0, mtime_s: stat.mtime_s, data: tar::Data::default() }
}

/// What a file of this size adds to the archive that the client sends.
fn file_bytes(size: u64) -> u64 {
    TAR_BLOCK + size.next_multiple_of(TAR_BLOCK)
}

/// Go's filepath.Clean.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_string(),
        (false, false) => parts.join("/"),
    }
}

/// Go's filepath.Abs, before it is cleaned.
fn absolute(cwd: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_string() } else { join(cwd, path) }
}
