//! A container's life on the node: start, end, stop, kill, removal; and what they mean to those who wait.

use super::batch::News;
use super::client::Op;
use super::container::{Container, State, Stop};
use super::{ClientStdin, Daemon, JobRole, Turn, user};
use crate::call::{Signal, WaitStatus};
use crate::node::{Cid, JobId, NodeRequest, Place, ProcessSpec, StartError, Stdin, Stream};
use crate::sim::SECOND;
use crate::trace::Category;
use std::sync::Arc;

/// system.DefaultPathEnv.
pub(super) const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Daemon {
    /// Asks the node to start a container. The answer comes later, as [`News`]; what the daemon itself refuses (an
    /// unknown user) is told as a failed start.
    pub(super) fn start(&mut self, cid: Cid, turn: &mut Turn<'_>) {
        let Some(container) = self.containers.get(&cid).cloned() else { return };
        let process = match self.can_join(&container).and_then(|()| self.process_of(&container)) {
            Ok(process) => process,
            Err(text) => return self.start_failed(cid, 125, text, turn),
        };
        let job = self.new_job(JobRole::Init(cid));
        self.change(cid, |c| c.state = State::Starting { job });
        turn.out.requests.push(NodeRequest::Start { job, at: Place::Init(cid), process });
    }

    fn process_of(&self, container: &Container) -> Result<ProcessSpec, String> {
        let user = user::find(&container.user, |path| self.layered_file(&container.layers, path))?;
        let mut env = vec![DEFAULT_PATH.to_owned(), format!("HOSTNAME={}", container.hostname)];
        if container.config.tty {
            env.push("TERM=xterm".to_owned());
        }
        override_env(&mut env, &container.env);
        add_home(&mut env, &user.home);
        let cwd = if container.workdir.is_empty() { "/".to_owned() } else { container.workdir.clone() };
        let stdin = container.stdin.clone();
        Ok(ProcessSpec { argv: container.argv.clone(), env, cwd, uid: user.uid, gid: user.gid, stdin })
    }

    pub(super) fn new_job(&mut self, role: JobRole) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        self.jobs.insert(job, role);
        job
    }

    pub(super) fn started(&mut self, cid: Cid, job: JobId, pid: u32, turn: &mut Turn<'_>) {
        let (now, era) = (turn.now, self.era);
        self.change(cid, |c| {
            c.state = State::Running { job, pid, since: now, stop: None };
            c.oom.begin(era);
        });
        if let Some(container) = self.containers.get(&cid).filter(|c| !c.of_build) {
            let text = format!("container started: {}", container.argv.join(" "));
            turn.decide(Category::Container, &["container", &container.name], text);
        }
        self.tell(cid, &News::Started, turn);
    }

    /// The runtime could not start it: the container stays as created, with the error.
    pub(super) fn start_failed(&mut self, cid: Cid, code: i32, text: String, turn: &mut Turn<'_>) {
        if let Some(job) = self.containers.get(&cid).and_then(|c| c.job()) {
            self.jobs.remove(&job);
        }
        self.change(cid, |c| c.state = State::Created { failed: Some((code, text.clone())) });
        self.tell(cid, &News::Failed { code, text }, turn);
        self.remove_if_auto(cid, turn);
    }

    pub(super) fn ended(&mut self, cid: Cid, status: WaitStatus, turn: &mut Turn<'_>) {
        let code = status.shell_code();
        let (at, era) = (turn.now, self.era);
        self.change(cid, |c| {
            c.oom.end(era);
            let started_at = match c.state {
                State::Running { since, .. } => since,
                _ => at,
            };
            c.state = State::Exited { code, started_at, at };
        });
        if let Some(container) = self.containers.get(&cid).filter(|c| !c.of_build) {
            let text = format!("container exited ({code})");
            turn.decide(Category::Container, &["container", &container.name], text);
        }
        self.tell(cid, &News::Exited { code }, turn);
        self.remove_if_auto(cid, turn);
    }

    /// A process of it was killed for its memory; it may well go on.
    pub(super) fn out_of_memory(&mut self, cid: Cid, turn: &mut Turn<'_>) {
        let era = self.era;
        self.change(cid, |c| c.oom.happen(era));
        if let Some(container) = self.containers.get(&cid) {
            let text = "container out of memory: a process of it was killed".to_owned();
            turn.decide(Category::Container, &["container", &container.name], text);
        }
    }

    fn remove_if_auto(&mut self, cid: Cid, turn: &mut Turn<'_>) {
        if self.containers.get(&cid).is_some_and(|c| c.auto_remove) {
            self.remove(cid, turn);
        }
    }

    /// Forgets a container that does not run, and its upper layer.
    pub(super) fn remove(&mut self, cid: Cid, turn: &mut Turn<'_>) {
        let Some(container) = self.containers.remove(&cid) else { return };
        turn.out.requests.push(NodeRequest::Remove { container: cid });
        if !container.of_build {
            turn.decide(Category::Container, &["container", &container.name], "container removed".to_owned());
        }
        self.tell(cid, &News::Removed, turn);
    }

    pub(super) fn signal(&mut self, cid: Cid, signal: Signal, turn: &mut Turn<'_>) {
        if let Some(job) = self.containers.get(&cid).and_then(|c| c.job()) {
            turn.out.requests.push(NodeRequest::Signal { job, signal });
        }
    }

    /// `docker stop`: the stop signal now, SIGKILL when patience ends. A negative timeout never ends.
    pub(super) fn stop(&mut self, cid: Cid, timeout_s: Option<i64>, turn: &mut Turn<'_>) {
        let Some(container) = self.containers.get(&cid).cloned() else { return };
        let timeout_s = timeout_s.unwrap_or_else(|| container.stop_timeout_s());
        self.signal(cid, container.stop_signal, turn);
        if timeout_s == 0 {
            return self.signal(cid, Signal::SIGKILL, turn);
        }
        let patience = u64::try_from(timeout_s).ok().map(|s| s.saturating_mul(SECOND));
        let kill_at = patience.map(|ns| turn.now.saturating_add(ns));
        self.change(cid, |c| {
            if let State::Running { stop, .. } = &mut c.state {
                *stop = Some(Stop { kill_at });
            }
        });
    }

    /// Kills every container whose grace period is over.
    pub(super) fn end_patience(&mut self, turn: &mut Turn<'_>) {
        let due: Vec<Cid> =
            self.containers.values().filter(|c| kill_at(c).is_some_and(|at| at <= turn.now)).map(|c| c.cid).collect();
        for cid in due {
            self.signal(cid, Signal::SIGKILL, turn);
            self.change(cid, |c| {
                if let State::Running { stop, .. } = &mut c.state {
                    *stop = None;
                }
            });
        }
    }

    pub(super) fn change(&mut self, cid: Cid, change: impl FnOnce(&mut Container)) {
        if let Some(container) = self.containers.get_mut(&cid) {
            change(Arc::make_mut(container));
        }
    }

    /// Output of a container's first process: kept for `docker logs`, and passed on to whoever is attached.
    pub(super) fn container_output(&mut self, cid: Cid, stream: Stream, data: &[u8], turn: &Turn<'_>) {
        let now = turn.now;
        self.change(cid, |c| {
            c.log.push(now, stream, data);
        });
        self.build_output(cid, data, turn);
        for client in self.clients.values_mut() {
            let attached = match &client.op {
                Op::Run { container, attached, .. } => *attached && *container == cid,
                Op::Follow { container } => *container == cid,
                Op::Batch(batch) => batch.attached_to(cid),
                _ => false,
            };
            if attached {
                client.say(stream, data);
            }
        }
    }
}

pub(super) fn kill_at(container: &Container) -> Option<u64> {
    match container.state {
        State::Running { stop: Some(Stop { kill_at }), .. } => kill_at,
        _ => None,
    }
}

/// opts.ReplaceOrAppendEnvValues: a name without `=` takes the variable away.
pub(super) fn override_env(env: &mut Vec<String>, overrides: &[String]) {
    for variable in overrides {
        let name = variable.split('=').next().unwrap_or_default();
        let same = |other: &String| other.split('=').next() == Some(name);
        match (variable.contains('='), env.iter().position(same)) {
            (true, Some(i)) => env[i].clone_from(variable),
            (true, None) => env.push(variable.clone()),
            (false, Some(i)) => {
                env.remove(i);
            }
            (false, None) => {}
        }
    }
}

/// runc sets HOME from the passwd file unless something else did.
pub(super) fn add_home(env: &mut Vec<String>, home: &str) {
    if !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={home}"));
    }
}

/// What runc 1.1 says of a process it cannot start, without the caller's prefix.
pub(super) fn start_error(argv: &[String], cwd: &str, why: &StartError) -> String {
    use crate::call::Errno;
    let program = argv.first().map_or("", String::as_str);
    let go = |errno: &Errno| lower_first(errno.text());
    let reason = match why {
        StartError::Exec(Errno::ENOENT) if !program.contains('/') => {
            format!("exec: \"{program}\": executable file not found in $PATH")
        }
        StartError::Exec(Errno::ENOENT) => format!("exec: \"{program}\": stat {program}: no such file or directory"),
        StartError::Exec(Errno::EACCES) => format!("exec: \"{program}\": permission denied"),
        StartError::Exec(errno) => format!("exec: \"{program}\": {}", go(errno)),
        StartError::Cwd(errno) => format!("chdir to cwd (\"{cwd}\") set in config.json failed: {}", go(errno)),
        StartError::Mount(path, errno) => {
            format!("error mounting \"{path}\" to rootfs: mount {path}: {}", go(errno))
        }
    };
    format!("unable to start container process: {reason}: unknown")
}

/// Go spells errors as strerror does, but in lower case.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The client's exit code for a failed start: cli/command/container/run.go, runStartContainerErr.
pub(super) fn exit_code_of(text: &str) -> i32 {
    let has = |part: &str| text.contains(part);
    match () {
        _ if has("executable file not found") || has("no such file or directory") => 127,
        _ if has("permission denied") => 126,
        _ => 125,
    }
}

/// What a process reads, from what its client brings. `open`: nobody is attached to its standard input, yet it has no
/// end.
pub(super) fn stdin_of(stdin: &ClientStdin, open: bool, tty: bool) -> Stdin {
    match stdin {
        ClientStdin::Bytes(bytes) => Stdin::Bytes(bytes.clone()),
        _ if tty => Stdin::Console,
        ClientStdin::Console => Stdin::Pipe,
        ClientStdin::None if open => Stdin::Pipe,
        ClientStdin::None => Stdin::Null,
    }
}
