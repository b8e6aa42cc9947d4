//! The Docker daemon as a control plane: images, containers and builds as plain data, sans I/O.
//!
//! A guest's `docker` program parses its arguments ([`crate::command`]), reads what the client reads (the build
//! context, its stdin) with ordinary system calls, and sends a [`Request`]. The daemon answers with [`Answer`]s: text to
//! print now, and whether to ask again. For node work it emits [`NodeRequest`]s and goes on when the [`NodeEvent`]
//! arrives. It makes no call of its own and knows neither kernel.

mod batch;
mod build;
mod capabilities;
mod changes;
mod client;
mod commit;
mod container;
mod create;
mod exec;
mod format;
mod images;
mod inspect;
mod listing;
mod logs;
mod names;
mod namespaces;
mod naming;
mod ps;
mod reading;
mod request;
mod resources;
mod run;
mod start;
mod system;
mod table;
mod template;
mod tmpfs;
mod top;
mod units;
mod user;

pub use request::*;

use crate::call::{Signal, Tid};
use crate::fact::{self, Facts};
use crate::image::Digest;
use crate::node::{Cid, JobId, NodeEvent, NodeRequest, Stream, Watch};
use crate::scenario::{Era, Scenario};
use crate::sim::{self, Nanos, Rng};
use crate::sim::{Map, Set};
use crate::trace::Category;
use batch::{News, Verb};
use build::BuildJob;
use client::{Client, Op};
use commit::Commit;
use container::Container;
use images::Images;
use inspect::Inspect;
use listing::{HistoryAsked, ImagesAsked};
use ps::Ps;
use std::sync::Arc;

/// Containers, images and builds in progress.
#[derive(Clone, Debug)]
pub struct Daemon {
    images: Images,
    containers: Map<Cid, Arc<Container>>,
    /// Processes the node runs for the daemon. Job 0 is the session's shell and not the daemon's.
    jobs: Map<JobId, JobRole>,
    /// Guests that wait for an answer.
    clients: Map<Tid, Client>,
    /// By their clients.
    builds: Map<Tid, BuildJob>,
    /// What BuildKit has of the last context.
    synced: build::Synced,
    received: build::Received,
    /// Layers the node has been given.
    node_layers: Set<Digest>,
    era: Era,
    ids: Rng,
    names: Rng,
    next_cid: u32,
    next_job: u32,
}

/// What a job of the node is for.
#[derive(Clone, Debug)]
enum JobRole {
    /// The first process of a container.
    Init(Cid),
    Exec(exec::ExecJob),
    Top(top::TopJob),
}

/// What the daemon wants done and told, in order.
#[derive(Clone, Debug, Default)]
pub struct DaemonOutput {
    pub requests: Vec<NodeRequest>,
    /// Each becomes [`NodeRequest::Answer`].
    pub answers: Vec<(Tid, Answer)>,
    pub decisions: Vec<Decision>,
}

/// Something the daemon decided, for the trace and for "why?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub category: Category,
    /// The fact path it is about, or the beginning of one (`image/web:1/layer/2`).
    pub about: String,
    /// The layer that came to be, when it is about one: what later finds a file there names this event as its cause.
    pub layer: Option<Digest>,
    /// One line in Docker's own words: `layer 3: ADD run-httpd.sh`, `cache hit: RUN yum …`.
    pub text: String,
}

/// One input to the daemon: its time, and where what follows from it goes.
struct Turn<'a> {
    now: Nanos,
    out: &'a mut DaemonOutput,
}

impl Turn<'_> {
    fn decide(&mut self, category: Category, about: &[&str], text: String) {
        let about = fact::path(about.iter().copied());
        self.out.decisions.push(Decision { category, about, layer: None, text });
    }

    /// A layer came to be.
    fn decide_layer(&mut self, about: &[&str], layer: Digest, text: String) {
        let about = fact::path(about.iter().copied());
        self.out.decisions.push(Decision { category: Category::Layer, about, layer: Some(layer), text });
    }
}

/// What the daemon, or its client before it asks, refuses; without the words that say who refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    text: String,
    by_daemon: bool,
}

impl Refusal {
    fn daemon(text: impl Into<String>) -> Refusal {
        Refusal { text: text.into(), by_daemon: true }
    }

    fn shown(&self) -> String {
        let prefix = if self.by_daemon { "Error response from daemon: " } else { "" };
        format!("{prefix}{}", self.text)
    }
}

impl Daemon {
    pub fn new(scenario: &Scenario) -> Daemon {
        Daemon {
            images: Images::new(scenario),
            containers: Map::new(),
            jobs: Map::new(),
            clients: Map::new(),
            builds: Map::new(),
            synced: build::Synced::new(),
            received: build::Received::default(),
            node_layers: Set::new(),
            era: scenario.era,
            ids: Rng::new(scenario.seed, sim::Stream::DockerIds),
            names: Rng::new(scenario.seed, sim::Stream::DockerNames),
            next_cid: 1,
            next_job: 1,
        }
    }

    /// A client (the guest process `client`) sent a request. It is answered now or later, by `answers`.
    pub fn request(&mut self, client: Tid, request: Request, now: Nanos, out: &mut DaemonOutput) {
        let turn = &mut Turn { now, out };
        match request {
            Request::Continue => self.ask_again(client),
            request => {
                self.clients.insert(client, Client::new(Op::Told));
                self.begin_request(client, request, turn);
            }
        }
        self.answer_all(turn);
    }

    fn ask_again(&mut self, client: Tid) {
        match self.clients.get_mut(&client) {
            Some(client) => client.ask(),
            None => self.refuse(client, "Error response from daemon: there is no answer to go on with", 1),
        }
    }

    fn begin_request(&mut self, client: Tid, request: Request, turn: &mut Turn<'_>) {
        match request {
            Request::Continue => {}
            Request::Run(run) => self.run(client, *run, turn),
            Request::Create { config } => self.create_only(client, *config, turn),
            Request::Start { containers, attach, interactive, stdin } => {
                let attach = attach || interactive;
                self.batch(client, Verb::Start { attach, stdin }, containers, turn);
            }
            Request::Restart { containers, timeout_s } => {
                self.batch(client, Verb::Restart { timeout_s }, containers, turn);
            }
            Request::Stop { containers, timeout_s } => self.batch(client, Verb::Stop { timeout_s }, containers, turn),
            Request::Kill { containers, signal } => match batch::kill_verb(&signal) {
                Ok(verb) => self.batch(client, verb, containers, turn),
                Err(text) => self.refuse(client, &text, 1),
            },
            Request::Wait { containers } => self.batch(client, Verb::Wait, containers, turn),
            Request::Rm { containers, force, .. } => self.batch(client, Verb::Rm { force }, containers, turn),
            Request::Exec(exec) => self.exec(client, *exec, turn),
            Request::Logs { container, follow, timestamps, tail } => {
                self.logs(client, &container, follow, timestamps, tail.as_deref());
            }
            Request::Ps { all, quiet, no_trunc, size, latest, last, filters, format } => {
                let last = if latest { Some(1) } else { last.filter(|n| *n > 0) };
                self.ps(client, Ps { all, quiet, no_trunc, size, last, filters, format }, turn);
            }
            Request::Images { all, quiet, no_trunc, digests, repository, filters, format } => {
                let asked = ImagesAsked { all, quiet, no_trunc, digests, repository, filters, format };
                self.list_images(client, &asked, turn);
            }
            Request::History { image, quiet, no_trunc, human, format } => {
                self.history(client, &HistoryAsked { image, quiet, no_trunc, human, format }, turn);
            }
            Request::Tag { source, target } => self.tag(client, &source, &target, turn),
            Request::Rmi { images, force, no_prune } => self.rmi(client, &images, force, !no_prune, turn),
            Request::Pull { reference, quiet, .. } => self.pull(client, &reference, quiet, turn),
            Request::Prune { what, all } => self.prune(client, what, all, turn),
            Request::Diff { container } => self.diff(client, &container, turn),
            Request::Inspect { names, kind, size, format } => {
                self.inspect(client, Inspect { names, kind, size, format }, turn);
            }
            Request::Top { container } => self.top(client, &container, turn),
            Request::Commit { container, reference, author, message, changes } => {
                self.commit(client, Commit { container, reference, author, message, changes }, turn);
            }
            Request::Version { format } => self.version(client, format.as_deref()),
            Request::Info { format } => self.info(client, format.as_deref()),
            Request::DiskUsage => self.ask_disk_usage(client, turn),
            Request::Build(build) => self.build(client, *build, turn),
        }
    }

    /// Something happened on the node.
    pub fn on(&mut self, event: &NodeEvent, now: Nanos, out: &mut DaemonOutput) {
        let turn = &mut Turn { now, out };
        match event {
            NodeEvent::Started { job, pid } => match self.jobs.get(job).cloned() {
                Some(JobRole::Init(cid)) => self.started(cid, *job, pid.0, turn),
                Some(JobRole::Exec(exec)) => self.exec_started(*job, &exec),
                Some(JobRole::Top(_)) | None => {}
            },
            NodeEvent::StartFailed { job, why } => match self.jobs.remove(job) {
                Some(JobRole::Init(cid)) => self.init_failed(cid, why, turn),
                Some(JobRole::Exec(exec)) => self.exec_failed(*job, &exec, why),
                Some(JobRole::Top(top)) => self.top_ended(*job, &top),
                None => {}
            },
            NodeEvent::Output { job, stream, data } => match self.jobs.get(job) {
                Some(JobRole::Init(cid)) => self.container_output(*cid, *stream, data, turn),
                Some(JobRole::Exec(_)) => self.exec_output(*job, *stream, data),
                Some(JobRole::Top(_)) => self.top_output(*job, *stream, data),
                None => {}
            },
            NodeEvent::Exited { job, status } => match self.jobs.remove(job) {
                Some(JobRole::Init(cid)) => self.ended(cid, *status, turn),
                Some(JobRole::Exec(_)) => self.exec_ended(*job, *status),
                Some(JobRole::Top(top)) => self.top_ended(*job, &top),
                None => {}
            },
            NodeEvent::Committed { container, tar } => {
                self.build_committed(*container, tar, turn);
                self.committed(*container, tar, turn);
            }
            NodeEvent::ClientGone { tid } => self.client_gone(*tid, turn),
            NodeEvent::OutOfMemory { container } => self.out_of_memory(*container, turn),
            NodeEvent::LayerAdded { .. }
            | NodeEvent::Created { .. }
            | NodeEvent::Control { .. }
            | NodeEvent::Prompt { .. } => {}
        }
        self.answer_all(turn);
    }

    /// The time that [`Daemon::next_wake`] named has come (the grace period of `docker stop`).
    pub fn wake(&mut self, now: Nanos, out: &mut DaemonOutput) {
        let turn = &mut Turn { now, out };
        self.end_patience(turn);
        self.answer_all(turn);
    }

    pub fn next_wake(&self) -> Option<Nanos> {
        self.containers.values().filter_map(|container| start::kill_at(container)).min()
    }

    /// The job that has the console because a client with `-i` is attached to it, if any.
    pub fn console(&self) -> Option<JobId> {
        self.clients.values().rev().find_map(|client| match &client.op {
            Op::Run { container, console: true, .. } => self.containers.get(container)?.job(),
            Op::Exec { job, console: true, .. } => Some(*job),
            Op::Batch(batch) => self.containers.get(&batch.console_of()?)?.job(),
            _ => None,
        })
    }

    /// Facts the daemon knows: `image/…`, `store/…`, `container/*/state` and `image`. How a container ended is its node's to tell.
    pub fn facts(&self, watch: &Watch, out: &mut Facts) {
        self.images.store.facts(&watch.container_files, out);
        for container in self.containers.values() {
            let of = |what| fact::path(["container", &container.name, what]);
            out.insert(of("state"), container.status().into());
            out.insert(of("image"), container.image.to_string().into());
        }
    }

    /// A killed client forwards its signal (`--sig-proxy`, the default) and is answered no more.
    fn client_gone(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let Some(client) = self.clients.remove(&tid) else { return };
        let attached = match client.op {
            Op::Run { container, attached: true, .. } => vec![container],
            Op::Batch(batch) => batch.attached(),
            Op::Build => {
                self.build_gone(tid, turn);
                Vec::new()
            }
            _ => Vec::new(),
        };
        for container in attached {
            self.signal(container, Signal::SIGINT, turn);
        }
    }

    /// Tells everyone who waits for a container what became of it, in order of pid.
    fn tell(&mut self, cid: Cid, news: &News, turn: &mut Turn<'_>) {
        self.build_news(cid, news, turn);
        let waiting: Vec<Tid> = self.clients.keys().copied().collect();
        for tid in waiting {
            match self.clients.get(&tid).map(|client| &client.op) {
                Some(Op::Run { container, .. }) if *container == cid => self.run_news(tid, news),
                Some(Op::Follow { container }) if *container == cid && !matches!(news, News::Started) => {
                    self.finish(tid, 0);
                }
                Some(Op::Batch(_)) => self.batch_news(tid, cid, news, turn),
                _ => {}
            }
        }
    }

    fn answer_all(&mut self, turn: &mut Turn<'_>) {
        self.clients.retain(|tid, client| {
            let Some(answer) = client.answer() else { return true };
            let over = matches!(answer.then, Then::Exit(_));
            turn.out.answers.push((*tid, answer));
            !over
        });
    }

    fn await_op(&mut self, tid: Tid, op: Op) {
        if let Some(client) = self.clients.get_mut(&tid) {
            client.op = op;
        }
    }

    fn say(&mut self, tid: Tid, stream: Stream, text: &str) {
        if let Some(client) = self.clients.get_mut(&tid) {
            client.say(stream, text.as_bytes());
        }
    }

    fn finish(&mut self, tid: Tid, code: i32) {
        if let Some(client) = self.clients.get_mut(&tid) {
            client.finish(code);
        }
    }

    /// One line on standard output, and done.
    fn tell_line(&mut self, tid: Tid, text: &str) {
        self.say(tid, Stream::Stdout, &format!("{text}\n"));
        self.finish(tid, 0);
    }

    /// One message on standard error, and done.
    fn refuse(&mut self, tid: Tid, text: &str, code: i32) {
        self.clients.get_or_insert_with(tid, || Client::new(Op::Told));
        self.say(tid, Stream::Stderr, &format!("{text}\n"));
        self.finish(tid, code);
    }

    /// A container by its name, its id or the beginning of its id.
    fn find(&self, name: &str) -> Result<Cid, String> {
        let bare = name.strip_prefix('/').unwrap_or(name);
        let mut all = self.containers.values();
        if let Some(container) = all.find(|c| c.id == bare || c.name == bare) {
            return Ok(container.cid);
        }
        let mut with_prefix = self.containers.values().filter(|c| !bare.is_empty() && c.id.starts_with(bare));
        match (with_prefix.next(), with_prefix.next()) {
            (Some(container), None) => Ok(container.cid),
            (Some(_), Some(_)) => Err(format!("Multiple IDs found with provided prefix: {name}")),
            (None, _) => Err(format!("No such container: {name}")),
        }
    }
}

#[cfg(test)]
mod tests;
