//! Children: pipelines, waiting, background jobs, and what is said when a signal killed one.

use super::builtin;
use super::syntax::Node;
use super::{How, Shell, Task};
use crate::call::{Errno, Fd, Ret, Signal, Sys, WaitStatus};
use crate::program::machine::{Cx, answer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A command that was started with `&`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub number: u32,
    pub pid: u32,
    pub text: String,
    pub ended: Option<WaitStatus>,
}

impl Shell {
    pub(super) fn step_jobs(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Pipeline { node, how, at, previous, pids } => self.pipe_element(node, how, at, previous, pids, cx),
            Task::Piped { node, how, at, previous, pids } => match answer::pipe(ret) {
                Ok(pipe) => self.pipe_fork(node, how, at, previous, Some(pipe), pids, cx),
                Err(_) => self.give_up("Pipe call failed", cx),
            },
            Task::PipeForked { node, how, at, previous, next, mut pids } => {
                let Ok(pid) = answer::int(ret).map(|pid| u32::try_from(pid).unwrap_or(0)) else {
                    return self.give_up("Cannot fork", cx);
                };
                pids.push(pid);
                cx.push(Task::Pipeline { node, how, at: at + 1, previous: next.map(|(read, _)| read), pids });
                let close = [previous, next.map(|(_, write)| write)];
                cx.push_all(close.into_iter().flatten().map(|fd| Task::Call(Sys::Close { fd })));
                None
            }
            Task::Forked => match answer::int(ret).map(|pid| u32::try_from(pid).unwrap_or(0)) {
                Ok(pid) => {
                    cx.push(Task::WaitFor { left: vec![pid], last: pid, quiet: false });
                    None
                }
                Err(_) => self.give_up("Cannot fork", cx),
            },
            Task::ForkedBackground(text) => match answer::int(ret).map(|pid| u32::try_from(pid).unwrap_or(0)) {
                Ok(pid) => {
                    let number = (1..).find(|n| self.jobs.iter().all(|job| job.number != *n)).unwrap_or(1);
                    self.jobs.push(Job { number, pid, text, ended: None });
                    self.last_background = Some(pid);
                    self.status = 0;
                    None
                }
                Err(_) => self.give_up("Cannot fork", cx),
            },
            Task::WaitFor { left, last, quiet } => self.wait_for(left, last, quiet, ret, cx),
            Task::ReapBackground => self.reap(ret, cx),
            Task::CheckExit(how) => {
                if self.options.errexit && self.status != 0 && !how.tested {
                    cx.todo().clear();
                    cx.push(Task::Leave);
                }
                None
            }
            task => self.step_redirect(task, ret, cx),
        }
    }

    fn give_up(&mut self, message: &str, cx: &mut Cx<Task>) -> Option<Sys> {
        self.say(cx, message);
        self.abort(2, cx);
        None
    }

    fn pipe_element(
        &mut self,
        node: Arc<Node>,
        how: How,
        at: usize,
        previous: Option<Fd>,
        pids: Vec<u32>,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let Node::Pipe(parts) = &*node else { return None };
        if at >= parts.len() {
            let last = pids.last().copied().unwrap_or(0);
            cx.push_all([Task::WaitFor { left: pids, last, quiet: false }, Task::CheckExit(how)]);
            return None;
        }
        if at + 1 < parts.len() {
            return cx.call(Sys::Pipe, Task::Piped { node, how, at, previous, pids });
        }
        self.pipe_fork(node, how, at, previous, None, pids, cx)
    }

    #[allow(clippy::too_many_arguments)]
    fn pipe_fork(
        &mut self,
        node: Arc<Node>,
        how: How,
        at: usize,
        previous: Option<Fd>,
        next: Option<(Fd, Fd)>,
        pids: Vec<u32>,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let Node::Pipe(parts) = &*node else { return None };
        let part = parts.get(at)?.clone();
        let mut tasks = Vec::new();
        if let Some((read, _)) = next {
            tasks.push(Sys::Close { fd: read });
        }
        if let Some(read) = previous.filter(|&fd| fd != 0) {
            tasks.extend([Sys::Dup2 { from: read, to: 0 }, Sys::Close { fd: read }]);
        }
        if let Some((_, write)) = next.filter(|&(_, fd)| fd != 1) {
            tasks.extend([Sys::Dup2 { from: write, to: 1 }, Sys::Close { fd: write }]);
        }
        let mut tasks: Vec<Task> = tasks.into_iter().map(Task::Call).collect();
        tasks.push(Task::Eval(part, How { tail: true, tested: how.tested }));
        let child = self.child(tasks);
        cx.call(Sys::Fork { child, until_exec: false }, Task::PipeForked { node, how, at, previous, next, pids })
    }

    /// Waits until none of `left` is; the status of `last` is `$?`. Other children that end meanwhile are noted.
    fn wait_for(&mut self, mut left: Vec<u32>, last: u32, quiet: bool, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        // The shell itself does not see Ctrl-C; that a child died of it ends the whole line, loops included (dash's
        // `waitforjob`).
        let interrupted = matches!(ret, Ret::Waited { status: WaitStatus::Signaled(Signal::SIGINT), .. });
        match ret {
            Ret::Start => {}
            Ret::Waited { pid, status } => {
                if left.contains(&pid) {
                    left.retain(|p| *p != pid);
                    if pid == last {
                        self.status = status.shell_code();
                        if let WaitStatus::Signaled(signal) = status {
                            self.tell_death(signal, quiet, cx);
                        }
                    }
                } else {
                    self.note_end(pid, status);
                }
            }
            // A signal came to the shell itself, not from the console: it waits on.
            Ret::Err(Errno::EINTR) => {}
            // There is no such child: nothing to wait for.
            _ => left.clear(),
        }
        if left.is_empty() {
            if interrupted && self.interactive {
                self.abort(WaitStatus::Signaled(Signal::SIGINT).shell_code(), cx);
            }
            return None;
        }
        cx.call(Sys::Wait { pid: -1, nohang: false }, Task::WaitFor { left, last, quiet })
    }

    /// dash says how the last of a job died, but for SIGINT and SIGPIPE.
    fn tell_death(&mut self, signal: Signal, quiet: bool, cx: &mut Cx<Task>) {
        match signal {
            Signal::SIGINT if self.interactive => cx.err("\n"),
            Signal::SIGINT | Signal::SIGPIPE => {}
            _ if quiet => {}
            signal => cx.err(&format!("{}\n", signal.text())),
        }
    }

    pub(super) fn note_end(&mut self, pid: u32, status: WaitStatus) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.pid == pid) {
            job.ended = Some(status);
        }
    }

    /// Before a prompt: children that have ended are reaped, so that none stays a zombie while a person reads.
    fn reap(&mut self, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match ret {
            Ret::Start => {}
            Ret::Waited { pid, status } => self.note_end(pid, status),
            _ => return None,
        }
        if self.jobs.iter().all(|job| job.ended.is_some()) {
            return None;
        }
        cx.call(Sys::Wait { pid: -1, nohang: true }, Task::ReapBackground)
    }

    pub(super) fn list_jobs(&mut self, cx: &mut Cx<Task>) {
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

    pub(super) fn foreground(&mut self, args: &[String], cx: &mut Cx<Task>) {
        match self.job(args.first().map(String::as_str)) {
            Some(job) => {
                cx.line(&job.text);
                cx.flush();
                self.wait_one(job.pid, cx);
            }
            None => self.error(cx, "fg: No current job"),
        }
    }

    /// `%1` as the pid it stands for; the error is the one that stands for none.
    pub(super) fn with_pids(&self, args: &[String]) -> Result<Vec<String>, String> {
        let pid = |arg: &String| match arg.starts_with('%') {
            true => self.job(Some(arg)).map(|job| job.pid.to_string()).ok_or_else(|| arg.clone()),
            false => Ok(arg.clone()),
        };
        args.iter().map(pid).collect()
    }

    pub(super) fn job(&self, spec: Option<&str>) -> Option<Job> {
        match spec.map(|s| s.trim_start_matches('%')) {
            None | Some("" | "%" | "+") => self.jobs.last().cloned(),
            Some(text) => {
                let n = text.parse::<u32>().ok()?;
                self.jobs.iter().find(|job| job.number == n).cloned()
            }
        }
    }

    pub(super) fn wait(&mut self, args: &[String], cx: &mut Cx<Task>) {
        if args.is_empty() {
            let left: Vec<u32> = self.jobs.iter().filter(|job| job.ended.is_none()).map(|job| job.pid).collect();
            self.jobs.clear();
            cx.push_all([Task::WaitFor { left, last: 0, quiet: true }, Task::Builtin(builtin::Task::Status(0))]);
            return;
        }
        for arg in args.iter().rev() {
            let pid = match arg.strip_prefix('%') {
                Some(_) => self.job(Some(arg)).map(|job| job.pid),
                None => arg.parse().ok().filter(|pid| self.jobs.iter().any(|job| job.pid == *pid)),
            };
            match pid {
                Some(pid) => self.wait_one(pid, cx),
                None => cx.push(Task::Builtin(builtin::Task::Status(127))),
            }
        }
    }

    fn wait_one(&mut self, pid: u32, cx: &mut Cx<Task>) {
        cx.push(Task::Builtin(builtin::Task::Waited { pid }));
        match self.jobs.iter().find(|job| job.pid == pid).and_then(|job| job.ended) {
            Some(status) => cx.push(Task::Builtin(builtin::Task::Status(status.shell_code()))),
            None => cx.push(Task::WaitFor { left: vec![pid], last: pid, quiet: true }),
        }
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
