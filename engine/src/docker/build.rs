//! `docker build`, as the classic builder shows it: each step that changes files is a container on the node.
//!
//! What a step needs and what image it leads to is [`crate::image::build`]'s to say; this drives it: prints, pulls, runs
//! containers, has their upper layers read, and names the result. A RUN is a container with the step's process as its
//! init; COPY, ADD and WORKDIR run the guest program `unpack`. Both streams of a step go to the client's standard output.
//! Both eras are shown in this form.

use super::batch::News;
use super::client::Op;
use super::container::{self, Container, Log, State};
use super::request::{Build, ContainerConfig};
use super::{Daemon, Turn, names};
use crate::call::{Signal, Tid};
use crate::image::Digest;
use crate::image::build::{BuildError, Builder, Options, Outcome, Process, Work};
use crate::image::dockerfile::{self, Dockerfile, Instruction};
use crate::image::reference::Reference;
use crate::node::{Cid, NodeRequest, Stdin, Stream};
use crate::scenario::Era;
use crate::trace::Category;
use std::sync::Arc;

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
        match build_job(&build, self.era) {
            Ok(job) => {
                self.await_op(tid, Op::Build);
                let warnings: String = job.builder.warnings().iter().map(|line| format!("{line}\n")).collect();
                self.say(tid, Stream::Stderr, &warnings);
                self.builds.insert(tid, job);
                self.build_on(tid, turn);
            }
            Err(text) => self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        }
    }

    /// Takes steps until one waits for the node, or all are done.
    fn build_on(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        for _ in 0..WORKS {
            let Some(job) = self.builds.get_mut(&tid) else { return };
            let next = match job.builder.begin() {
                Ok(None) => return self.build_done(tid, turn),
                Ok(Some(text)) => {
                    job.instruction = text.split_once(" : ").map_or(text.clone(), |(_, text)| text.to_owned());
                    self.build_say(tid, format!("{text}\n").as_bytes());
                    self.build_step(tid, turn)
                }
                Err(error) => Err(error),
            };
            match next {
                Ok(Next::GoOn) => {}
                Ok(Next::Wait) => return,
                Err(error) => return self.build_failed(tid, &error.to_string(), 1),
            }
        }
        self.build_failed(tid, &format!("a build takes at most {WORKS} steps"), 1);
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
                    self.build_arrow(tid, image);
                    return Ok(Next::GoOn);
                }
                Work::Cached(image) => {
                    self.build_say(tid, b" ---> Using cache\n");
                    self.note_cache_hit(tid, &image, turn);
                    let image = self.build_finish(tid, Outcome::default(), None, turn)?;
                    self.build_arrow(tid, image);
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

    fn build_pull(&mut self, tid: Tid, reference: &Reference, turn: &mut Turn<'_>) -> Result<(), BuildError> {
        match self.images.pull(&reference.to_string()) {
            Ok(pulled) => {
                self.build_say(tid, format!("{}\n", pulled.lines.join("\n")).as_bytes());
                self.note_pulled(&pulled, turn);
                Ok(())
            }
            Err(why) => match self.builds.get(&tid) {
                Some(job) => Err(job.builder.pull_failed(&why)),
                None => Err(BuildError::Refused(why)),
            },
        }
    }

    /// The classic builder makes a container even for what changes no file; nothing of it reaches the node.
    fn build_configure(&mut self, tid: Tid, turn: &mut Turn<'_>) -> Result<(), BuildError> {
        let id = names::id(&mut self.ids);
        self.build_say(tid, format!(" ---> Running in {}\n", &id[..12]).as_bytes());
        let outcome = Outcome { container: Some(id.clone()), ..Outcome::default() };
        let image = self.build_finish(tid, outcome, None, turn)?;
        if self.builds.get(&tid).is_some_and(|job| job.remove) {
            self.build_say(tid, format!("Removing intermediate container {}\n", &id[..12]).as_bytes());
        }
        self.build_arrow(tid, image);
        Ok(())
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
        let (image, instruction, name) = (job.image, job.instruction.clone(), self.build_name(job));
        turn.decide(Category::Decision, &["image", &name], format!("build step: {instruction}"));
        let container = self.step_container(image, argv, stdin, process.as_ref(), turn);
        let (cid, id) = (container.cid, container.id.clone());
        self.add_to_node(&container, Vec::new(), turn);
        self.containers.insert(cid, Arc::new(container));
        if let Some(job) = self.builds.get_mut(&tid) {
            job.step = Some(Step { container: cid, process, told, complaint: Vec::new() });
        }
        if told {
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
            layers: self.image_layers(&image),
            stdin,
            auto_remove: false,
            attached: true,
            of_build: true,
            created_at: turn.now,
            state: State::Created { failed: None },
            log: Log::default(),
            config: ContainerConfig { image: image.short(), ..ContainerConfig::default() },
        }
    }

    /// What a step's container writes: shown as it comes, whichever the stream; of `unpack` only kept.
    pub(super) fn build_output(&mut self, cid: Cid, data: &[u8]) {
        let Some(tid) = self.builder_of(cid) else { return };
        let Some(step) = self.builds.get_mut(&tid).and_then(|job| job.step.as_mut()) else { return };
        if step.process.is_some() {
            self.build_say(tid, data);
        } else if step.complaint.len() + data.len() <= QUIET_BYTES {
            step.complaint.extend_from_slice(data);
        }
    }

    /// What became of a step's container.
    pub(super) fn build_news(&mut self, cid: Cid, news: &News, turn: &mut Turn<'_>) {
        let Some(tid) = self.builder_of(cid) else { return };
        match news {
            News::Exited { code: 0 } => turn.out.requests.push(NodeRequest::Commit { container: cid }),
            News::Exited { code } => {
                let step = self.builds.get_mut(&tid).and_then(|job| job.step.take());
                match step.as_ref().and_then(|step| step.process.as_ref()) {
                    Some(process) => self.build_failed(tid, &process.failure(*code), *code),
                    None => {
                        let complaint = step.map(|step| step.complaint).unwrap_or_default();
                        self.remove(cid, turn);
                        self.build_failed(tid, String::from_utf8_lossy(&complaint).trim_end(), 1);
                    }
                }
            }
            News::Failed { text, .. } => {
                if let Some(job) = self.builds.get_mut(&tid) {
                    job.step = None;
                }
                self.build_failed(tid, text, 1);
            }
            News::Started | News::Removed => {}
        }
    }

    /// The upper layer of a step's container has been read.
    pub(super) fn build_committed(&mut self, cid: Cid, layer: &Arc<[u8]>, turn: &mut Turn<'_>) {
        let Some(tid) = self.builder_of(cid) else { return };
        let Some(job) = self.builds.get_mut(&tid) else { return };
        let Some(step) = job.step.take() else { return };
        let remove = job.remove || !step.told;
        let id = self.containers.get(&cid).map(|c| c.id.clone()).unwrap_or_default();
        let container = step.told.then(|| id.clone());
        let outcome = Outcome { container, layer: Some(layer.clone()), ..Outcome::default() };
        let finished = self.build_finish(tid, outcome, Some(layer), turn);
        if remove {
            self.remove(cid, turn);
            if step.told {
                self.build_say(tid, format!("Removing intermediate container {}\n", &id[..12]).as_bytes());
            }
        }
        match finished {
            Ok(image) => {
                self.build_arrow(tid, image);
                self.build_on(tid, turn);
            }
            Err(error) => self.build_failed(tid, &error.to_string(), 1),
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
        let before = job.image;
        let image = job.builder.finish(outcome, &mut self.images.store)?;
        job.image = image;
        if layer.is_some() {
            self.note_layer(tid, before, image, turn);
        }
        Ok(image)
    }

    fn build_arrow(&mut self, tid: Tid, image: Option<Digest>) {
        let id = image.map(|image| image.short()).unwrap_or_default();
        self.build_say(tid, format!(" ---> {id}\n").as_bytes());
    }

    fn build_done(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let Some(job) = self.builds.get(&tid).cloned() else { return };
        let image = match job.builder.image() {
            Ok(image) => image,
            Err(error) => return self.build_failed(tid, &error.to_string(), 1),
        };
        self.builds.remove(&tid);
        for tag in &job.tags {
            self.name_image(image, tag.clone(), turn);
        }
        if job.quiet {
            return self.tell_line(tid, &image.to_string());
        }
        let warning = job.builder.unused_arguments().map(|text| format!("{text}\n")).unwrap_or_default();
        let tagged: String = job.tags.iter().map(|tag| format!("Successfully tagged {tag}\n")).collect();
        self.say(tid, Stream::Stdout, &format!("{warning}Successfully built {}\n{tagged}", image.short()));
        self.finish(tid, 0);
    }

    fn build_failed(&mut self, tid: Tid, text: &str, code: i32) {
        let unsaid = self.builds.remove(&tid).map(|job| job.unsaid).unwrap_or_default();
        if let Some(client) = self.clients.get_mut(&tid) {
            client.say(Stream::Stderr, &unsaid);
        }
        self.refuse(tid, text, code);
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
        if job.quiet {
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

    fn note_layer(&mut self, tid: Tid, before: Option<Digest>, image: Option<Digest>, turn: &mut Turn<'_>) {
        let Some(job) = self.builds.get(&tid) else { return };
        let layers = image.map(|image| self.image_layers(&image)).unwrap_or_default();
        let (name, instruction) = (self.build_name(job), job.instruction.clone());
        let had = before.map(|image| self.image_layers(&image).len()).unwrap_or_default();
        match layers.last().filter(|_| layers.len() > had) {
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

fn build_job(build: &Build, era: Era) -> Result<BuildJob, String> {
    if build.dockerfile.is_empty() {
        return Err("the Dockerfile (Dockerfile) cannot be empty".to_owned());
    }
    let tags: Result<Vec<Reference>, _> = build.tags.iter().map(|tag| Reference::parse_new(tag)).collect();
    let tags = tags.map_err(|error| format!("Error parsing reference: {error}"))?;
    let dockerfile = dockerfile::parse(&build.dockerfile).map_err(|error| error.to_string())?;
    let stages = stages(&dockerfile, build.target.as_deref());
    let options = Options {
        build_args: build.build_args.clone(),
        labels: build.labels.clone(),
        target: build.target.clone(),
        no_cache: build.no_cache,
        era,
    };
    let builder = Builder::new(dockerfile, &build.context, options).map_err(|error| error.to_string())?;
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
