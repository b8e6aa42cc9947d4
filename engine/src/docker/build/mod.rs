//! `docker build`: each step that changes files is a container on the node.
//!
//! What a step needs and what image it leads to is [`crate::image::build`]'s to say; this drives it: prints, pulls, runs
//! containers, has their upper layers read, and names the result. A RUN is a container with the step's process as its
//! init; COPY, ADD and WORKDIR run the guest program `unpack`. How it is told is its teller's to say: [`classic`] for the
//! classic builder, [`plain`] for BuildKit.

mod classic;
mod plain;
mod transfer;

use super::batch::News;
use super::client::Op;
use super::container::{self, Container, Log, State};
use super::request::{Build, ContainerConfig, Problem};
use super::{Daemon, Turn, names};
use crate::call::{Signal, Tid};
use crate::image::Digest;
use crate::image::build::{BuildError, Builder, Options, Outcome, Process, Work};
use crate::image::dockerfile::{self, Dockerfile, Instruction, Span};
use crate::image::reference::Reference;
use crate::node::{Cid, NodeRequest, Stdin, Stream};
use crate::scenario::Era;
use crate::trace::Category;
use plain::Plain;
use std::sync::Arc;
pub(super) use transfer::{Received, Synced};

/// Bytes of output that a quiet build keeps, to be shown if it fails.
const QUIET_BYTES: usize = 256 * 1024;

/// Steps that may be taken in one build: every instruction twice, for pulls.
const WORKS: u32 = 4096;

/// A build in progress, by its client.
#[derive(Clone, Debug)]
pub(super) struct BuildJob {
    builder: Builder,
    tags: Vec<Reference>,
    quiet: bool,
    remove: bool,
    /// What a quiet build would have printed.
    unsaid: Vec<u8>,
    /// The image of the stage so far.
    image: Option<Digest>,
    /// Stages begun, and how many there will be.
    stage: usize,
    stages: usize,
    /// `RUN …` of the current step.
    instruction: String,
    step: Option<Step>,
    /// How BuildKit tells it; the classic builder keeps nothing.
    plain: Option<Plain>,
}

/// The container of the current step.
#[derive(Clone, Debug)]
struct Step {
    container: Cid,
    process: Option<Process>,
    /// Its id was printed.
    told: bool,
    /// What `unpack` complained about.
    complaint: Vec<u8>,
}

/// What the driver does next.
enum Next {
    GoOn,
    /// The node is at work.
    Wait,
}

impl Daemon {
    pub(super) fn build(&mut self, tid: Tid, build: Build, turn: &mut Turn<'_>) {
        self.await_op(tid, Op::Build);
        let begun = match self.era == Era::Today && !build.classic {
            true => self.begin_plain(tid, &build, turn),
            false => self.begin_classic(tid, &build),
        };
        if begun {
            self.build_on(tid, turn);
        }
    }

    /// Takes steps until one waits for the node, or all are done.
    fn build_on(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        for _ in 0..WORKS {
            let Some(job) = self.builds.get_mut(&tid) else { return };
            let next = match job.builder.begin() {
                Ok(None) => return self.build_done(tid, turn),
                Ok(Some(statement)) => {
                    job.instruction = statement.original.clone();
                    self.tell_step(tid, turn);
                    self.build_step(tid, turn)
                }
                Err(error) => Err(error),
            };
            match next {
                Ok(Next::GoOn) => {}
                Ok(Next::Wait) => return,
                Err(error) => return self.build_failed(tid, &error, 1),
            }
        }
        let why = format!("a build takes at most {WORKS} steps");
        self.build_failed(tid, &BuildError::Refused(why), 1);
    }

    fn tell_step(&mut self, tid: Tid, turn: &Turn<'_>) {
        let Some(job) = self.builds.get_mut(&tid) else { return };
        let text = match &mut job.plain {
            None => format!("Step {} : {}\n", job.builder.place(), job.instruction),
            Some(plain) => job.builder.vertex().map(|name| plain.open(&name, turn.now)).unwrap_or_default(),
        };
        self.build_say(tid, text.as_bytes());
    }

    fn build_step(&mut self, tid: Tid, turn: &mut Turn<'_>) -> Result<Next, BuildError> {
        for _ in 0..WORKS {
            let Some(job) = self.builds.get_mut(&tid) else { return Ok(Next::Wait) };
            let work = job.builder.work(&self.images.store)?;
            match work {
                Work::Pull(reference) => self.build_pull(tid, &reference, turn)?,
                Work::Declare => {
                    self.build_finish(tid, Outcome::default(), None, turn)?;
                    return Ok(Next::GoOn);
                }
                Work::Base(_) => {
                    job.stage += 1;
                    let image = self.build_finish(tid, Outcome::default(), None, turn)?;
                    self.tell_image(tid, image);
                    return Ok(Next::GoOn);
                }
                Work::Cached(image) => {
                    match &mut job.plain {
                        None => self.build_say(tid, b" ---> Using cache\n"),
                        Some(plain) => {
                            let text = plain.close("CACHED");
                            self.build_say(tid, text.as_bytes());
                        }
                    }
                    self.note_cache_hit(tid, &image, turn);
                    let image = self.build_finish(tid, Outcome::default(), None, turn)?;
                    self.tell_image(tid, image);
                    return Ok(Next::GoOn);
                }
                Work::Configure if job.plain.is_some() => {
                    self.build_finish(tid, Outcome::default(), None, turn)?;
                    return Ok(Next::GoOn);
                }
                Work::Configure => {
                    self.build_configure(tid, turn)?;
                    return Ok(Next::GoOn);
                }
                Work::Run(process) => {
                    let argv = process.argv.clone();
                    self.build_container(tid, argv, Stdin::Null, Some(process), true, turn);
                    return Ok(Next::Wait);
                }
                Work::Unpack { argv, stdin, told } => {
                    self.build_container(tid, argv, Stdin::Bytes(stdin), None, told, turn);
                    return Ok(Next::Wait);
                }
            }
        }
        Err(BuildError::Refused(format!("a step asks for at most {WORKS} images")))
    }

    /// A container on the node for a step.
    fn build_container(
        &mut self,
        tid: Tid,
        argv: Vec<String>,
        stdin: Stdin,
        process: Option<Process>,
        told: bool,
        turn: &mut Turn<'_>,
    ) {
        let Some(job) = self.builds.get(&tid) else { return };
        let (instruction, name) = (job.instruction.clone(), self.build_name(job));
        let (image, layers) = (job.image, job.builder.layers().to_vec());
        turn.decide(Category::Decision, &["image", &name], format!("build step: {instruction}"));
        let mut container = self.step_container(image, argv, stdin, process.as_ref(), turn);
        container.layers = layers;
        let (cid, id) = (container.cid, container.id.clone());
        self.add_to_node(&container, Vec::new(), Vec::new(), turn);
        self.containers.insert(cid, Arc::new(container));
        if let Some(job) = self.builds.get_mut(&tid) {
            job.step = Some(Step { container: cid, process, told, complaint: Vec::new() });
        }
        if told && self.builds.get(&tid).is_some_and(|job| job.plain.is_none()) {
            self.build_say(tid, format!(" ---> Running in {}\n", &id[..12]).as_bytes());
        }
        self.start(cid, turn);
    }

    fn step_container(
        &mut self,
        image: Option<Digest>,
        argv: Vec<String>,
        stdin: Stdin,
        process: Option<&Process>,
        turn: &Turn<'_>,
    ) -> Container {
        let id = names::id(&mut self.ids);
        let containers = &self.containers;
        let name = names::name(&mut self.names, |name| containers.values().any(|c| c.name == name));
        let cid = Cid(self.next_cid);
        self.next_cid += 1;
        let image = image.unwrap_or(Digest([0; 32]));
        Container {
            cid,
            hostname: id[..12].to_owned(),
            id,
            name,
            image,
            cmd: argv.clone(),
            argv,
            entrypoint: None,
            env: process.map(|p| p.env.clone()).unwrap_or_default(),
            workdir: process.map(|p| p.working_dir.clone()).unwrap_or_default(),
            user: process.map(|p| p.user.clone()).unwrap_or_default(),
            stop_signal: Signal::SIGTERM,
            labels: Vec::new(),
            exposed_ports: Vec::new(),
            layers: Vec::new(),
            stdin,
            auto_remove: false,
            attached: true,
            of_build: true,
            created_at: turn.now,
            state: State::Created { failed: None },
            oom: Default::default(),
            log: Log::default(),
            config: ContainerConfig { image: image.short(), ..ContainerConfig::default() },
        }
    }

    /// What a step's container writes: shown as it comes, whichever the stream; of `unpack` only kept.
    pub(super) fn build_output(&mut self, cid: Cid, data: &[u8], turn: &Turn<'_>) {
        let Some(tid) = self.builder_of(cid) else { return };
        let Some(job) = self.builds.get_mut(&tid) else { return };
        let Some(step) = &mut job.step else { return };
        if step.process.is_none() {
            let room = QUIET_BYTES.saturating_sub(step.complaint.len()).min(data.len());
            return step.complaint.extend_from_slice(&data[..room]);
        }
        match &mut job.plain {
            None => self.build_say(tid, data),
            Some(plain) => {
                let text = plain.log(data, turn.now);
                self.build_say(tid, &text);
            }
        }
    }

    /// What became of a step's container.
    pub(super) fn build_news(&mut self, cid: Cid, news: &News, turn: &mut Turn<'_>) {
        let Some(tid) = self.builder_of(cid) else { return };
        let (text, code) = match news {
            News::Exited { code: 0 } => return turn.out.requests.push(NodeRequest::Commit { container: cid }),
            News::Exited { code } => (None, *code),
            News::Failed { text, .. } => (Some(text.as_str()), 1),
            News::Started | News::Removed => return,
        };
        let Some(job) = self.builds.get_mut(&tid) else { return };
        let Some(step) = job.step.take() else { return };
        // The classic builder leaves the container of a RUN behind.
        let stays = job.plain.is_none() && (step.process.is_some() || text.is_some());
        if let (Some(plain), Some(process)) = (&mut job.plain, &step.process) {
            let (said, why) = plain.end(process, text, code, turn.now);
            self.build_say(tid, &said);
            self.change(cid, |c| c.auto_remove = true);
            return self.build_failed(tid, &BuildError::Refused(why), 1);
        }
        if !stays {
            self.remove(cid, turn);
        }
        let (why, code) = match (&step.process, text) {
            (_, Some(text)) => (text.to_owned(), 1),
            (Some(process), None) => (process.failure(code), code),
            (None, None) => (String::from_utf8_lossy(&step.complaint).trim_end().to_owned(), 1),
        };
        self.build_failed(tid, &BuildError::Refused(why), code);
    }

    /// The upper layer of a step's container has been read.
    pub(super) fn build_committed(&mut self, cid: Cid, layer: &Arc<[u8]>, turn: &mut Turn<'_>) {
        let Some(tid) = self.builder_of(cid) else { return };
        let Some(job) = self.builds.get_mut(&tid) else { return };
        let Some(step) = job.step.take() else { return };
        let classic = job.plain.is_none();
        let remove = job.remove || !step.told || !classic;
        let id = self.containers.get(&cid).map(|c| c.id.clone()).unwrap_or_default();
        let container = (step.told && classic).then(|| id.clone());
        let outcome = Outcome { container, layer: Some(layer.clone()), ..Outcome::default() };
        let finished = self.build_finish(tid, outcome, Some(layer), turn);
        if remove {
            self.remove(cid, turn);
            if step.told && classic {
                self.tell_removed(tid, &id);
            }
        }
        match finished {
            Ok(image) => {
                if let Some(plain) = self.builds.get_mut(&tid).and_then(|job| job.plain.as_mut()) {
                    let text = plain.done(turn.now);
                    self.build_say(tid, text.as_bytes());
                }
                self.tell_image(tid, image);
                self.build_on(tid, turn);
            }
            Err(error) => self.build_failed(tid, &error, 1),
        }
    }

    fn build_finish(
        &mut self,
        tid: Tid,
        outcome: Outcome,
        layer: Option<&Arc<[u8]>>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Digest>, BuildError> {
        let Some(job) = self.builds.get_mut(&tid) else { return Ok(None) };
        let outcome = Outcome { created: container::timestamp(turn.now), ..outcome };
        let before = job.builder.layers().len();
        let image = job.builder.finish(outcome, &mut self.images.store)?;
        job.image = image;
        if layer.is_some() {
            self.note_layer(tid, before, turn);
        }
        Ok(image)
    }

    fn build_done(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let Some(job) = self.builds.get(&tid).cloned() else { return };
        let image = match job.builder.image(&mut self.images.store) {
            Ok(image) => image,
            Err(error) => return self.build_failed(tid, &error, 1),
        };
        for tag in &job.tags {
            self.name_image(image, tag.clone(), turn);
        }
        if job.quiet {
            self.builds.remove(&tid);
            return self.tell_line(tid, &image.to_string());
        }
        match job.plain {
            None => self.tell_built(tid, &job, &image),
            Some(mut plain) => {
                let text = plain.exported(&image, job.builder.layers().is_empty(), turn.now);
                self.build_say(tid, text.as_bytes());
            }
        }
        self.builds.remove(&tid);
        self.finish(tid, 0);
    }

    fn build_failed(&mut self, tid: Tid, error: &BuildError, code: i32) {
        let Some(mut job) = self.builds.remove(&tid) else { return };
        let span = job.builder.span();
        match &mut job.plain {
            Some(plain) => {
                let (progress, why) = plain.failed(error, span, &mut self.ids);
                let text = if job.quiet { why } else { progress + &why };
                self.refuse(tid, text.trim_end_matches('\n'), 1);
            }
            None => {
                if let Some(client) = self.clients.get_mut(&tid) {
                    client.say(Stream::Stderr, &job.unsaid);
                }
                self.refuse(tid, &error.to_string(), code);
            }
        }
    }

    /// The client is gone: so is the build, and the container of its step.
    pub(super) fn build_gone(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let step = self.builds.remove(&tid).and_then(|job| job.step);
        if let Some(step) = step {
            self.change(step.container, |c| c.auto_remove = true);
            self.signal(step.container, Signal::SIGKILL, turn);
        }
    }

    fn build_say(&mut self, tid: Tid, data: &[u8]) {
        let Some(job) = self.builds.get_mut(&tid) else { return };
        if job.plain.is_some() {
            if let Some(client) = self.clients.get_mut(&tid).filter(|_| !job.quiet) {
                client.say(Stream::Stderr, data);
            }
        } else if job.quiet {
            let room = QUIET_BYTES.saturating_sub(job.unsaid.len()).min(data.len());
            job.unsaid.extend_from_slice(&data[..room]);
        } else if let Some(client) = self.clients.get_mut(&tid) {
            client.say(Stream::Stdout, data);
        }
    }

    fn builder_of(&self, cid: Cid) -> Option<Tid> {
        let its = |job: &BuildJob| job.step.as_ref().is_some_and(|step| step.container == cid);
        self.builds.iter().find(|(_, job)| its(job)).map(|(tid, _)| *tid)
    }

    /// What facts will call the image of the last stage; earlier stages are known by their ids.
    fn build_name(&self, job: &BuildJob) -> String {
        match job.tags.first() {
            Some(tag) if job.stage == job.stages => tag.to_string(),
            _ => job.image.map(|image| image.short()).unwrap_or_else(|| "scratch".to_owned()),
        }
    }

    fn note_layer(&mut self, tid: Tid, before: usize, turn: &mut Turn<'_>) {
        let Some(job) = self.builds.get(&tid) else { return };
        let (name, instruction, layers) = (self.build_name(job), &job.instruction, job.builder.layers());
        match layers.last().filter(|_| layers.len() > before) {
            Some(diff_id) => {
                let number = layers.len().to_string();
                let text = format!("layer {number}: {instruction}");
                turn.decide_layer(&["image", &name, "layer", &number], *diff_id, text);
            }
            None => turn.decide(Category::Layer, &["image", &name], format!("no change, no layer: {instruction}")),
        }
    }

    fn note_cache_hit(&mut self, tid: Tid, image: &Digest, turn: &mut Turn<'_>) {
        let Some(job) = self.builds.get(&tid) else { return };
        let (name, text) = (self.build_name(job), format!("cache hit: {} ({})", job.instruction, image.short()));
        turn.decide(Category::Decision, &["image", &name], text);
    }
}

fn build_job(build: &Build, dockerfile: Dockerfile, era: Era) -> Result<BuildJob, BuildError> {
    let parse = |tag: &String| Reference::parse_new(tag);
    let tags: Result<Vec<Reference>, _> = build.tags.iter().map(parse).collect();
    let tags = tags.map_err(|error| BuildError::Refused(format!("Error parsing reference: {error}")))?;
    let stages = stages(&dockerfile, build.target.as_deref());
    let options = Options {
        build_args: build.build_args.clone(),
        labels: build.labels.clone(),
        target: build.target.clone(),
        no_cache: build.no_cache,
        era,
    };
    let builder = Builder::new(dockerfile, &build.context, options)?;
    Ok(BuildJob {
        builder,
        tags,
        quiet: build.quiet,
        remove: build.remove,
        unsaid: Vec::new(),
        image: None,
        stage: 0,
        stages,
        instruction: String::new(),
        step: None,
        plain: None,
    })
}

/// How many stages are built.
fn stages(dockerfile: &Dockerfile, target: Option<&str>) -> usize {
    let mut count = 0;
    for statement in &dockerfile.statements {
        if let Instruction::From { name, .. } = &statement.instruction {
            count += 1;
            if target.is_some_and(|target| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(target))) {
                break;
            }
        }
    }
    count
}
