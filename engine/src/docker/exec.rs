//! `docker exec`: another process in a running container.

use super::client::Op;
use super::request::{ClientStdin, Exec};
use super::{Daemon, JobRole, Turn, start, user};
use crate::call::{Tid, WaitStatus};
use crate::image::Digest;
use crate::node::{Cid, JobId, NodeRequest, Place, ProcessSpec, StartError, Stream};

#[derive(Clone, Debug)]
pub(super) struct ExecJob {
    pub container: Cid,
    client: Tid,
    argv: Vec<String>,
    cwd: String,
    detached: bool,
}

/// What the client exits with when the runtime could not start the process.
const NOT_STARTED: i32 = 126;

impl Daemon {
    pub(super) fn exec(&mut self, tid: Tid, exec: Exec, turn: &mut Turn<'_>) {
        let container = match self.find(&exec.container) {
            Ok(cid) => self.containers.get(&cid).cloned(),
            Err(text) => return self.refuse(tid, &format!("Error: {text}"), 1),
        };
        let Some(container) = container else { return };
        if !container.is_running() {
            let text = format!("Error response from daemon: Container {} is not running", container.id);
            return self.refuse(tid, &text, 1);
        }
        let name = exec.user.as_deref().unwrap_or(&container.user);
        let user = match user::find(name, |path| self.layered_file(&container.layers, path)) {
            Ok(user) => user,
            Err(text) => {
                self.say(tid, Stream::Stdout, &format!("{text}\n"));
                return self.finish(tid, NOT_STARTED);
            }
        };
        let mut env = vec![start::DEFAULT_PATH.to_owned(), format!("HOSTNAME={}", container.hostname)];
        if exec.tty {
            env.push("TERM=xterm".to_owned());
        }
        start::override_env(&mut env, &container.env);
        start::override_env(&mut env, &exec.env);
        start::add_home(&mut env, &user.home);
        let cwd = exec.workdir.clone().unwrap_or_else(|| container.workdir.clone());
        let cwd = if cwd.is_empty() { "/".to_owned() } else { cwd };
        let process = ProcessSpec {
            argv: exec.argv.clone(),
            env,
            cwd: cwd.clone(),
            uid: user.uid,
            gid: user.gid,
            stdin: start::stdin_of(&exec.stdin, false, exec.tty),
        };
        let at = Place::Join(container.cid);
        let role = ExecJob { container: container.cid, client: tid, argv: exec.argv, cwd, detached: exec.detach };
        let job = self.new_job(JobRole::Exec(role));
        let console = !exec.detach && exec.stdin == ClientStdin::Console;
        self.await_op(tid, Op::Exec { job, attached: !exec.detach, console });
        turn.out.requests.push(NodeRequest::Start { job, at, process });
    }

    pub(super) fn exec_started(&mut self, job: JobId, exec: &ExecJob) {
        if exec.detached && self.waits_for(exec.client, job) {
            self.finish(exec.client, 0);
        }
    }

    pub(super) fn exec_failed(&mut self, job: JobId, exec: &ExecJob, why: &StartError) {
        if !self.waits_for(exec.client, job) {
            return;
        }
        let reason = start::start_error(&exec.argv, &exec.cwd, why);
        let text = format!("OCI runtime exec failed: exec failed: {reason}");
        if exec.detached {
            self.refuse(exec.client, &format!("Error response from daemon: {text}"), 1);
        } else {
            // The daemon writes it into the stream that the client is attached to.
            self.say(exec.client, Stream::Stdout, &format!("{text}\n"));
            self.finish(exec.client, NOT_STARTED);
        }
    }

    pub(super) fn exec_output(&mut self, job: JobId, stream: Stream, data: &[u8]) {
        for client in self.clients.values_mut() {
            if matches!(client.op, Op::Exec { job: its, attached: true, .. } if its == job) {
                client.say(stream, data);
            }
        }
    }

    pub(super) fn exec_ended(&mut self, job: JobId, status: WaitStatus) {
        for client in self.clients.values_mut() {
            if matches!(client.op, Op::Exec { job: its, .. } if its == job) {
                client.finish(status.shell_code());
            }
        }
    }

    /// ExecIDs: of what runs now, as hashes of their jobs.
    pub(super) fn exec_ids(&self, container: Cid) -> serde_json::Value {
        let mine = self.jobs.iter().filter(|(_, role)| matches!(role, JobRole::Exec(e) if e.container == container));
        let ids: Vec<String> = mine.map(|(job, _)| Digest::of(&job.0.to_le_bytes()).hex()).collect();
        if ids.is_empty() { serde_json::Value::Null } else { ids.into() }
    }

    fn waits_for(&self, tid: Tid, job: JobId) -> bool {
        self.clients.get(&tid).is_some_and(|c| matches!(c.op, Op::Exec { job: its, .. } if its == job))
    }
}
