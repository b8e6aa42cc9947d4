//! `docker run` and `docker create`: find or pull the image, make the container, start it, and stay attached.

use super::batch::News;
use super::client::Op;
use super::create::check_settings;
use super::request::{ClientStdin, ContainerConfig, Run};
use super::{Daemon, Refusal, Turn, start};
use crate::call::{Errno, Tid, WaitStatus};
use crate::image::Digest;
use crate::image::reference::Reference;
use crate::node::{Cid, StartError, Stdin, Stream};

impl Daemon {
    pub(super) fn run(&mut self, tid: Tid, run: Run, turn: &mut Turn<'_>) {
        let attached = !run.detach;
        let console = attached && run.stdin == ClientStdin::Console;
        let stdin = start::stdin_of(&run.stdin, run.config.open_stdin, run.config.tty);
        match self.create_or_pull(tid, run.config, stdin, turn) {
            Ok(cid) => {
                self.change(cid, |c| {
                    c.auto_remove = run.remove;
                    c.attached = attached;
                });
                self.await_op(tid, Op::Run { container: cid, attached, console });
                if let Some(id) = self.containers.get(&cid).map(|c| c.id.clone()).filter(|_| !attached) {
                    self.say(tid, Stream::Stdout, &format!("{id}\n"));
                }
                self.start(cid, turn);
            }
            Err(refusal) => self.refuse_run(tid, "run", &refusal),
        }
    }

    pub(super) fn create_only(&mut self, tid: Tid, config: ContainerConfig, turn: &mut Turn<'_>) {
        let stdin = start::stdin_of(&ClientStdin::None, config.open_stdin, config.tty);
        match self.create_or_pull(tid, config, stdin, turn) {
            Ok(cid) => {
                let id = self.containers.get(&cid).map(|c| c.id.clone()).unwrap_or_default();
                self.tell_line(tid, &id);
            }
            Err(refusal) if refusal.by_daemon => self.refuse(tid, &refusal.shown(), 1),
            Err(refusal) => self.refuse_run(tid, "create", &refusal),
        }
    }

    fn refuse_run(&mut self, tid: Tid, verb: &str, refusal: &Refusal) {
        let text = refusal.shown();
        let text = text.strip_suffix('.').unwrap_or(&text);
        let text = format!("docker: {text}.\nSee 'docker {verb} --help'.");
        self.refuse(tid, &text, 125);
    }

    fn create_or_pull(
        &mut self,
        tid: Tid,
        config: ContainerConfig,
        stdin: Stdin,
        turn: &mut Turn<'_>,
    ) -> Result<Cid, Refusal> {
        check_settings(&config)?;
        let image = match self.images.resolve(&config.image) {
            Some(image) => image,
            None => self.pull_for_run(tid, &config.image, turn)?,
        };
        self.create(config, image, stdin, turn)
    }

    /// The client pulls what the daemon does not have, and says so on standard error.
    fn pull_for_run(&mut self, tid: Tid, name: &str, turn: &mut Turn<'_>) -> Result<Digest, Refusal> {
        let shown = Reference::parse(name).map(|reference| reference.to_string()).unwrap_or_else(|_| name.to_owned());
        self.say(tid, Stream::Stderr, &format!("Unable to find image '{shown}' locally\n"));
        match self.images.pull(name) {
            Ok(pulled) => {
                self.say(tid, Stream::Stderr, &format!("{}\n", pulled.lines.join("\n")));
                self.note_pulled(&pulled, turn);
                Ok(pulled.image.id)
            }
            Err(text) => Err(Refusal::daemon(text)),
        }
    }

    pub(super) fn run_news(&mut self, tid: Tid, news: &News) {
        let Some(Op::Run { attached, .. }) = self.clients.get(&tid).map(|client| client.op.clone()) else { return };
        match news {
            News::Started if !attached => self.finish(tid, 0),
            News::Started => {}
            News::Failed { code, text } => {
                self.say(tid, Stream::Stderr, &format!("docker: Error response from daemon: {text}.\n"));
                self.finish(tid, *code);
            }
            News::Exited { code } => self.finish(tid, *code),
            News::Removed => {}
        }
    }

    /// The node could not start a container's first process.
    pub(super) fn init_failed(&mut self, cid: Cid, why: &StartError, turn: &mut Turn<'_>) {
        let Some(container) = self.containers.get(&cid).cloned() else { return };
        if let (StartError::Exec(Errno::ENOEXEC), Some(job)) = (why, container.job()) {
            // runc only finds out once the container has started: its init complains and exits.
            let program = container.argv.first().map_or("", String::as_str);
            self.started(cid, job, 0, turn);
            let complaint = format!("exec {program}: exec format error\n");
            self.container_output(cid, Stream::Stderr, complaint.as_bytes(), turn);
            return self.ended(cid, WaitStatus::Exited(1), turn);
        }
        let reason = start::start_error(&container.argv, &container.workdir, why);
        let text = format!("failed to create shim task: OCI runtime create failed: runc create failed: {reason}");
        self.start_failed(cid, start::exit_code_of(&text), text, turn);
    }
}
