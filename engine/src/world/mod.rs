//! The world: control planes, the console and the clock, as one plain-data state machine beside a node.
//!
//! Input in, requests and wake-ups out. It routes, it does not decide: what Docker does is in [`crate::docker`], what a
//! kernel does in the [`Node`]. [`Machine`] is the same loop for a simulated, a real and a recorded node.

mod ledger;
mod run;

pub use ledger::Log;
pub use run::{run, step};

use crate::call::{Ret, Signal, Tid};
use crate::command::docker::CLIENT_OF_TODAY;
use crate::docker::{Daemon, DaemonOutput};
use crate::fact::Facts;
use crate::node::{
    Fault, JobId, Node, NodeEvent, NodeOutput, NodeRequest, Pause, Place, ProcessSpec, Said, Stdin, Stream, TOOLBOX,
    Watch,
};
use crate::scenario::{Era, Input, Scenario};
use crate::sim::Map;
use crate::sim::{CALLS_AFTER_INTERRUPT, CALLS_PER_COMMAND, LINE_BYTES, Nanos, OUTPUT_BYTES, TIME_PER_COMMAND};
use crate::trace::{EventId, What};
use ledger::Ledger;
use std::collections::VecDeque;
use std::sync::Arc;

/// The learner's home on the node.
pub const HOME: &str = "/home/learner";

/// Jobs that the world itself starts (editor saves, shells after the first) are numbered from here; the daemon's from 1.
const WORLD_JOBS: u32 = 1 << 24;

/// Everything but the nodes.
#[derive(Clone, Debug)]
pub struct World {
    daemon: Daemon,
    ledger: Ledger,
    watch: Watch,
    era: Era,
    now: Nanos,
    /// What the scenario's registry can give.
    registry: Arc<[String]>,
    /// The session's shell.
    shell: JobId,
    next_job: u32,
    /// What each shell that waits for a line shows, and its `$?`.
    prompts: Map<JobId, (String, i32)>,
    /// The save that is being carried out.
    saving: Option<JobId>,
    /// Since the last input: calls granted, bytes shown, time passed.
    granted: u64,
    shown: usize,
    started_at: Nanos,
    /// `Advance` lets time pass up to here.
    advance_to: Option<Nanos>,
    limited: bool,
    /// The session's shell has ended since, by itself, with this status.
    left: Option<i32>,
}

/// A world and its node. Cloning one is a snapshot.
#[derive(Clone, Debug)]
pub struct Machine<N> {
    pub world: World,
    pub node: N,
}

/// Why a machine came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The session's shell waits for a line.
    Prompt,
    /// A program has the console and reads from it.
    Reading,
    /// A program has the console and waits for something that will not happen by itself: Ctrl-C, or another input.
    Waiting,
    /// As many events happened as were asked for.
    Stopped,
    /// As many calls were granted as were asked for.
    Budget,
}

/// How far to go at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// Stop at the first call boundary with at least this many events in all.
    pub events: Option<u32>,
    /// Stop after this many more calls.
    pub calls: Option<u64>,
}

impl World {
    pub fn new(scenario: &Scenario) -> World {
        World {
            daemon: Daemon::new(scenario),
            ledger: Ledger::default(),
            watch: scenario.watch.clone(),
            era: scenario.era,
            now: 0,
            registry: scenario.images.iter().map(|image| image.reference.clone()).collect(),
            shell: JobId(0),
            next_job: WORLD_JOBS,
            prompts: Map::new(),
            saving: None,
            granted: 0,
            shown: 0,
            started_at: 0,
            advance_to: None,
            limited: false,
            left: None,
        }
    }

    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn events(&self) -> u32 {
        self.ledger.events()
    }

    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The job a typed line goes to.
    pub fn console(&self) -> JobId {
        self.daemon.console().unwrap_or(self.shell)
    }

    /// The container whose process has the console, by name.
    pub fn console_container(&self) -> Option<String> {
        let job = self.daemon.console()?;
        self.ledger.container_of(job)
    }

    /// References of the images that the registry of the scenario can give.
    pub fn registry(&self) -> &[String] {
        &self.registry
    }

    pub fn at_prompt(&self) -> bool {
        self.console() == self.shell && self.prompts.contains_key(&self.shell)
    }

    /// What the console shows before the next line; empty while a program that is not a shell has it.
    pub fn prompt(&self) -> &str {
        self.prompts.get(&self.console()).map_or("", |(text, _)| text)
    }

    /// `$?` of the session's shell, when it waits for a line.
    pub fn status(&self) -> Option<i32> {
        self.prompts.get(&self.shell).map(|(_, status)| *status).filter(|_| self.at_prompt())
    }

    /// The status with which the last input has ended the session's shell (`exit`); another one is there already.
    pub fn left(&self) -> Option<i32> {
        self.left
    }

    /// A program of the session's own. Which docker client is installed is the era's.
    fn node_process(&self, argv: &[&str], stdin: Stdin) -> ProcessSpec {
        let today = (self.era == Era::Today).then_some(CLIENT_OF_TODAY);
        let env = ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/home/learner", "USER=learner", "PS1=$ "];
        ProcessSpec {
            argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
            env: env.into_iter().chain(today).map(str::to_owned).collect(),
            cwd: HOME.to_owned(),
            uid: 0,
            gid: 0,
            stdin,
        }
    }

    fn new_job(&mut self) -> JobId {
        self.next_job += 1;
        JobId(self.next_job)
    }
}

impl<N: Node> Machine<N> {
    /// A machine whose session shell waits for its first line.
    pub fn boot(scenario: &Scenario, node: N, log: &mut Log) -> Result<Machine<N>, Fault> {
        let mut machine = Machine { world: World::new(scenario), node };
        machine.start_shell(log)?;
        machine.run(Until::default(), log)?;
        Ok(machine)
    }

    /// Takes an input in. What follows from it happens in [`Machine::run`].
    pub fn input(&mut self, input: &Input, log: &mut Log) -> Result<(), Fault> {
        let world = &mut self.world;
        world.granted = 0;
        world.shown = 0;
        world.limited = false;
        world.left = None;
        world.started_at = world.now;
        world.advance_to = None;
        world.ledger.input(world.now, input_text(input), log);
        let console = world.console();
        let request = match input {
            Input::Line(line) => {
                world.prompts.remove(&console);
                let mut data = line.as_bytes().to_vec();
                data.truncate(LINE_BYTES);
                data.push(b'\n');
                NodeRequest::Feed { job: console, data: Some(data) }
            }
            // Ctrl-D at the session's own prompt would end the session: the shell says so instead.
            Input::Eof if console == world.shell && world.prompts.contains_key(&console) => return Ok(()),
            Input::Eof => {
                world.prompts.remove(&console);
                NodeRequest::Feed { job: console, data: None }
            }
            Input::Interrupt => NodeRequest::Interrupt { job: console },
            Input::Save { path, content } => return self.save(path, content, log),
            Input::Advance { ns } => {
                world.advance_to = Some(world.now.saturating_add(*ns));
                return Ok(());
            }
        };
        self.request(request, log)
    }

    /// Goes on until everything rests, or as far as `until` says.
    pub fn run(&mut self, until: Until, log: &mut Log) -> Result<Rest, Fault> {
        let mut calls_left = until.calls.unwrap_or(u64::MAX);
        loop {
            if until.events.is_some_and(|events| self.world.events() >= events) {
                return Ok(Rest::Stopped);
            }
            if calls_left == 0 {
                return Ok(Rest::Budget);
            }
            let mut out = NodeOutput::default();
            let budget = calls_left.min(CALLS_PER_COMMAND.saturating_sub(self.world.granted).max(1));
            let pause = self.node.run(self.world.now, budget, &mut out)?;
            let granted = out.calls.len() as u64;
            self.world.granted += granted;
            calls_left = calls_left.saturating_sub(granted);
            self.route(out, log)?;
            // What talks at every call never uses up a budget in one go.
            let too_much = self.world.shown >= OUTPUT_BYTES && !self.world.limited;
            if too_much || self.world.granted >= CALLS_PER_COMMAND {
                self.stop_runaway(log)?;
                continue;
            }
            match pause {
                Pause::Said | Pause::Budget => {}
                Pause::Idle { next, reading } => {
                    if let Some(rest) = self.idle(next, &reading, log)? {
                        return Ok(rest);
                    }
                }
            }
        }
    }

    /// Every fact there is now.
    pub fn facts(&mut self) -> Result<Facts, Fault> {
        let mut facts = Facts::new();
        self.node.facts(&self.world.watch, &mut facts)?;
        self.world.daemon.facts(&self.world.watch, &mut facts);
        Ok(facts)
    }

    /// Nothing can go on at this moment: rest, or let time jump to what is next.
    fn idle(&mut self, next: Option<Nanos>, reading: &[JobId], log: &mut Log) -> Result<Option<Rest>, Fault> {
        let world = &mut self.world;
        let console = world.console();
        let at_rest = if world.saving.is_some() {
            None
        } else if world.at_prompt() {
            Some(Rest::Prompt)
        } else if reading.contains(&console) {
            Some(Rest::Reading)
        } else {
            None
        };
        let wakes = [next, world.daemon.next_wake()].into_iter().flatten().min();
        if let Some(target) = world.advance_to {
            let at = wakes.unwrap_or(target).min(target).max(world.now);
            if wakes.is_none_or(|wake| wake > target) {
                world.now = target;
                world.advance_to = None;
                return Ok(Some(at_rest.unwrap_or(Rest::Waiting)));
            }
            self.wake_at(at, log)?;
            return Ok(None);
        }
        match (at_rest, wakes) {
            (Some(rest), _) => Ok(Some(rest)),
            (None, None) => Ok(Some(Rest::Waiting)),
            (None, Some(at)) if at.saturating_sub(world.started_at) > TIME_PER_COMMAND => {
                if world.limited {
                    return Ok(Some(Rest::Waiting));
                }
                self.stop_runaway(log)?;
                Ok(None)
            }
            (None, Some(at)) => {
                self.wake_at(at, log)?;
                Ok(None)
            }
        }
    }

    fn wake_at(&mut self, at: Nanos, log: &mut Log) -> Result<(), Fault> {
        let world = &mut self.world;
        world.now = world.now.max(at);
        if world.daemon.next_wake().is_some_and(|wake| wake <= world.now) {
            let mut done = DaemonOutput::default();
            world.daemon.wake(world.now, &mut done);
            self.carry_on(done, None, log)?;
        }
        Ok(())
    }

    /// A command that has used up its calls or its hour is interrupted, as a person would, and told who did it and why.
    fn stop_runaway(&mut self, log: &mut Log) -> Result<(), Fault> {
        let text = if self.world.limited {
            let heir = if self.world.console() == self.world.shell { " A new shell takes its place." } else { "" };
            format!("It went on after that SIGINT, so Drydock ended it with SIGKILL.{heir}")
        } else {
            let limit = if self.world.shown >= OUTPUT_BYTES {
                format!("{} KiB of output", OUTPUT_BYTES >> 10)
            } else if self.world.granted >= CALLS_PER_COMMAND {
                format!("{CALLS_PER_COMMAND} system calls")
            } else {
                "an hour of the simulation's time".to_owned()
            };
            format!("Drydock sent this command SIGINT after {limit}, the most that one command may use.")
        };
        self.world.ledger.event(self.world.now, Vec::new(), String::new(), What::Limit { text: text.clone() }, log);
        // Told even where there is no room for more output.
        let newline = if log.output.last().is_none_or(|chunk| chunk.text.ends_with('\n')) { "" } else { "\n" };
        log.show(self.world.ledger.events(), Stream::Stderr, format!("{newline}drydock: {text}\n").as_bytes());
        self.world.granted = CALLS_PER_COMMAND - CALLS_AFTER_INTERRUPT;
        let job = self.world.console();
        let ignored_it = std::mem::replace(&mut self.world.limited, true);
        // A shell that loops by itself does not die of SIGINT; it is ended, and the session gets a new one.
        let request = if ignored_it {
            NodeRequest::Signal { job, signal: Signal::SIGKILL }
        } else {
            NodeRequest::Interrupt { job }
        };
        self.request(request, log)
    }

    fn save(&mut self, path: &str, content: &str, log: &mut Log) -> Result<(), Fault> {
        let job = self.world.new_job();
        self.world.saving = Some(job);
        let argv = [TOOLBOX, "save", TOOLBOX, path];
        let process = self.world.node_process(&argv, Stdin::Bytes(content.as_bytes().into()));
        self.request(NodeRequest::Start { job, at: Place::Node, process }, log)
    }

    fn start_shell(&mut self, log: &mut Log) -> Result<(), Fault> {
        let process = self.world.node_process(&["/bin/sh"], Stdin::Console);
        self.request(NodeRequest::Start { job: self.world.shell, at: Place::Node, process }, log)
    }

    fn request(&mut self, request: NodeRequest, log: &mut Log) -> Result<(), Fault> {
        self.world.ledger.requested(&request);
        let mut out = NodeOutput::default();
        self.node.request(request, &mut out)?;
        self.route(out, log)
    }

    /// Takes each word of the node where it belongs, and what follows from it, until nothing is left.
    fn route(&mut self, out: NodeOutput, log: &mut Log) -> Result<(), Fault> {
        log.calls.extend(out.calls);
        for said in out.said {
            match said {
                Said::Kernel(event) => self.world.ledger.kernel(self.world.now, event, log),
                Said::Event(event) => self.hear(event, log)?,
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: NodeEvent, log: &mut Log) -> Result<(), Fault> {
        self.world.ledger.heard(&event);
        let world = &mut self.world;
        match event {
            NodeEvent::Prompt { job, text, status } => {
                world.prompts.insert(job, (text, status));
                Ok(())
            }
            NodeEvent::Output { job, stream, data } if job == world.shell || job.0 >= WORLD_JOBS => {
                self.show(stream, &data, log);
                Ok(())
            }
            NodeEvent::Exited { job, .. } if world.saving == Some(job) => {
                world.saving = None;
                Ok(())
            }
            // `exit` at the session's prompt: a person would log in again.
            NodeEvent::Exited { job, status } if job == world.shell => {
                world.left = Some(status.shell_code()).filter(|_| !world.limited);
                world.prompts.remove(&job);
                world.shell = world.new_job();
                self.start_shell(log)
            }
            NodeEvent::StartFailed { job, why } if job == world.shell || job.0 >= WORLD_JOBS => {
                Err(Fault::new(format!("the node cannot start the session's programs: {why:?}")))
            }
            NodeEvent::Started { job, .. } if job == world.shell || job.0 >= WORLD_JOBS => Ok(()),
            NodeEvent::Control { tid, request } => {
                let mut done = DaemonOutput::default();
                world.daemon.request(tid, *request, world.now, &mut done);
                let cause = world.ledger.origin(tid);
                self.carry_on(done, cause, log)
            }
            event => {
                let mut done = DaemonOutput::default();
                let cause = world.ledger.cause_of(&event);
                world.daemon.on(&event, world.now, &mut done);
                self.carry_on(done, cause, log)
            }
        }
    }

    /// Does what the daemon wants done, in order: decisions first, for they are the cause of what is requested.
    fn carry_on(&mut self, done: DaemonOutput, cause: Option<EventId>, log: &mut Log) -> Result<(), Fault> {
        for decision in done.decisions {
            self.world.ledger.decision(self.world.now, decision, cause, log);
        }
        let mut requests: VecDeque<NodeRequest> = done.requests.into();
        let answers = done.answers.into_iter();
        requests.extend(answers.map(|(tid, answer): (Tid, _)| {
            let ret = Box::new(Ret::Control(Box::new(answer)));
            NodeRequest::Answer { tid, ret }
        }));
        for request in requests {
            self.request(request, log)?;
        }
        Ok(())
    }

    fn show(&mut self, stream: Stream, data: &[u8], log: &mut Log) {
        let room = OUTPUT_BYTES.saturating_sub(self.world.shown);
        if room == 0 {
            return;
        }
        self.world.shown += data.len();
        let event = self.world.ledger.events();
        log.show(event, stream, &data[..data.len().min(room)]);
    }
}

/// An input as the timeline names it.
pub fn input_text(input: &Input) -> String {
    match input {
        Input::Line(line) => line.clone(),
        Input::Eof => "Ctrl-D".to_owned(),
        Input::Interrupt => "Ctrl-C".to_owned(),
        Input::Save { path, .. } => format!("save {path}"),
        Input::Advance { ns } => format!("wait {} s", ns / crate::sim::SECOND),
    }
}
