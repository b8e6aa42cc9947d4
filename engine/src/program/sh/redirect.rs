//! Redirections: what a descriptor was is saved at 10 or above, as dash does, and comes back after the command
//! (POSIX.1-2017, 2.7 Redirection).

use super::builtin;
use super::syntax::{Redir, RedirKind};
use super::{Shell, Task};
use crate::call::{Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::program::machine::{Cx, answer};
use serde::{Deserialize, Serialize};

/// Where the shell keeps descriptors that are in the way.
const SAVED_FROM: Fd = 10;

/// What dash writes into a here-document's pipe itself (PIPE_BUF); a longer one gets a child that does.
const HERE_BYTES: usize = 4096;

/// How far one redirection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Begin,
    Opened,
    /// The pipe of a here-document.
    Piped,
    /// `fd` is to become what `source` is (`None`: closed).
    Place {
        source: Option<Fd>,
        close_source: bool,
    },
    Saved {
        source: Option<Fd>,
        close_source: bool,
    },
    Duplicated,
}

enum Progress {
    Call(Sys, Stage),
    /// Make these calls, whatever they answer, and go on.
    After(Vec<Sys>, Stage),
    Done(Vec<Sys>),
    Failed(String),
}

/// dash's words for errno after open(2) for reading.
pub fn open_error(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => "No such file",
        other => other.text(),
    }
}

fn create_error(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => "Directory nonexistent",
        other => other.text(),
    }
}

impl Shell {
    pub(super) fn step_redirect(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::TakeRedirects { redirs, save } => {
                let from = self.values.len().saturating_sub(redirs.len());
                let targets = self.values.split_off(from);
                if save {
                    self.undo.push(Vec::new());
                }
                cx.push(Task::Redirect { redirs, at: 0, targets, save, stage: Stage::Begin });
                None
            }
            Task::Redirect { redirs, at, targets, save, stage } => {
                let (Some(redir), Some(target)) = (redirs.get(at).cloned(), targets.get(at).cloned()) else {
                    return None;
                };
                let on =
                    |at, stage| Task::Redirect { redirs: redirs.clone(), at, targets: targets.clone(), save, stage };
                match self.redirect(&redir, &target, save, stage, ret) {
                    Progress::Call(sys, stage) => return cx.call(sys, on(at, stage)),
                    Progress::After(calls, stage) => {
                        cx.push(on(at, stage));
                        cx.push_all(calls.into_iter().map(Task::Call));
                    }
                    Progress::Done(calls) => {
                        cx.push(on(at + 1, Stage::Begin));
                        cx.push_all(calls.into_iter().map(Task::Call));
                    }
                    Progress::Failed(message) => {
                        self.say(cx, &message);
                        self.status = 2;
                        self.redirect_failed(cx);
                    }
                }
                None
            }
            Task::Undo => {
                let saved = self.undo.pop().unwrap_or_default();
                for (fd, was) in saved {
                    // Pushed in order, done in reverse: the last saved comes back first.
                    match was {
                        Some(was) => cx.push_all([
                            Task::Call(Sys::Dup2 { from: was, to: fd }),
                            Task::Call(Sys::Close { fd: was }),
                        ]),
                        None => cx.push(Task::Call(Sys::Close { fd })),
                    }
                }
                None
            }
            task => self.step_expand(task, ret, cx),
        }
    }

    fn redirect(&mut self, redir: &Redir, target: &str, save: bool, stage: Stage, ret: Ret) -> Progress {
        match stage {
            Stage::Begin => begin(redir, target),
            Stage::Opened => match answer::fd(ret) {
                Ok(fd) => Progress::After(Vec::new(), Stage::Place { source: Some(fd), close_source: true }),
                Err(errno) if redir.kind == RedirKind::Read => {
                    Progress::Failed(format!("cannot open {target}: {}", open_error(errno)))
                }
                Err(errno) => Progress::Failed(format!("cannot create {target}: {}", create_error(errno))),
            },
            Stage::Piped => match answer::pipe(ret) {
                Ok((read, write)) => {
                    let place = Stage::Place { source: Some(read), close_source: true };
                    Progress::After(self.here(target, read, write), place)
                }
                Err(_) => Progress::Failed("Pipe call failed".to_owned()),
            },
            Stage::Place { source, close_source } => self.place(redir.fd, source, close_source, save),
            Stage::Saved { source, close_source } => {
                if let Some(level) = self.undo.last_mut().filter(|_| save) {
                    level.push((redir.fd, answer::fd(ret).ok()));
                }
                duplicate(redir.fd, source, close_source)
            }
            Stage::Duplicated => match answer::done(ret) {
                Ok(()) => Progress::Done(Vec::new()),
                Err(errno) => Progress::Failed(format!("{target}: {}", errno.text())),
            },
        }
    }

    /// The calls that put a here-document into its pipe.
    fn here(&self, text: &str, read: Fd, write: Fd) -> Vec<Sys> {
        let piece = |data: &[u8]| Sys::Write { fd: write, data: data.to_vec() };
        let first = if text.len() <= HERE_BYTES {
            piece(text.as_bytes())
        } else {
            let mut tasks = vec![Task::Call(Sys::Close { fd: read })];
            tasks.extend(text.as_bytes().chunks(IO_LIMIT_BYTES).map(|data| Task::Call(piece(data))));
            Sys::Fork { child: self.child(tasks), until_exec: false }
        };
        vec![first, Sys::Close { fd: write }]
    }

    /// Make `fd` what `source` is, saving what it was the first time it is replaced.
    fn place(&mut self, fd: Fd, source: Option<Fd>, close_source: bool, save: bool) -> Progress {
        let saved_before = self.undo.last().is_some_and(|level| level.iter().any(|(saved, _)| *saved == fd));
        let save = save && !saved_before;
        if source == Some(fd) && close_source {
            // It was closed, and open(2) took its number.
            if let Some(level) = self.undo.last_mut().filter(|_| save) {
                level.push((fd, None));
            }
            return Progress::Done(Vec::new());
        }
        if save {
            return Progress::Call(Sys::DupFrom { fd, min: SAVED_FROM }, Stage::Saved { source, close_source });
        }
        duplicate(fd, source, close_source)
    }

    /// The command does not run; after a special builtin the shell gives up (2.8.1).
    fn redirect_failed(&mut self, cx: &mut Cx<Task>) {
        while let Some(task) = cx.todo().pop() {
            match task {
                Task::Run { argv, .. } if argv.first().is_some_and(|name| builtin::is_special(name)) => {
                    return self.abort(2, cx);
                }
                Task::Run { .. } | Task::Guard => return,
                _ => {}
            }
        }
    }
}

fn begin(redir: &Redir, target: &str) -> Progress {
    let open = |flags| Progress::Call(Sys::Open { path: target.to_owned(), flags, mode: 0o666 }, Stage::Opened);
    let place = |source| Progress::After(Vec::new(), Stage::Place { source, close_source: false });
    match redir.kind {
        RedirKind::Read => open(OpenFlags::READ),
        RedirKind::Write => open(OpenFlags::CREATE),
        RedirKind::Append => open(OpenFlags::APPEND),
        RedirKind::ReadWrite => open(OpenFlags { read: true, write: true, create: true, ..OpenFlags::READ }),
        RedirKind::Here => Progress::Call(Sys::Pipe, Stage::Piped),
        RedirKind::Dup if target == "-" => place(None),
        RedirKind::Dup => match target.parse::<u8>() {
            Ok(n) if n < 10 => place(Some(Fd::from(n))),
            _ => Progress::Failed("Syntax error: Bad fd number".to_owned()),
        },
    }
}

fn duplicate(fd: Fd, source: Option<Fd>, close_source: bool) -> Progress {
    match source {
        None => Progress::Done(vec![Sys::Close { fd }]),
        Some(from) if close_source => Progress::Done(vec![Sys::Dup2 { from, to: fd }, Sys::Close { fd: from }]),
        Some(from) => Progress::Call(Sys::Dup2 { from, to: fd }, Stage::Duplicated),
    }
}
