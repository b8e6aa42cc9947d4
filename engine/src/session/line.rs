//! One line of time: its inputs, its events, and the snapshots from which any moment of it can be had again.

use super::{Branch, BranchId, FileEntry, InputRecord, assist};
use crate::fact::Facts;
use crate::image::Digest;
use crate::node::{Fault, JobId, Kernel, Node};
use crate::scenario::{Input, Scenario};
use crate::sched::Scheduled;
use crate::trace::{self, Event, Step};
use crate::world::{Log, Machine, Rest, Until, input_text};

/// A snapshot is taken at least this often, so stepping back never replays more.
pub const CALLS_BETWEEN_MARKS: u64 = 1_000;

/// A node, or its kernel, that can be looked into for names: all that advice and completion need.
pub trait Look {
    /// Where the first process of a job is.
    fn cwd(&self, job: JobId) -> String;
    /// The names in a directory of the node, or of a container; directories end in `/`.
    fn list_dir(&self, container: Option<&str>, dir: &str) -> Vec<String>;
}

impl<K: Kernel + Look> Look for Scheduled<K> {
    fn cwd(&self, job: JobId) -> String {
        self.kernel().cwd(job)
    }

    fn list_dir(&self, container: Option<&str>, dir: &str) -> Vec<String> {
        self.kernel().list_dir(container, dir)
    }
}

/// A node that a session can rewind and look into.
pub trait Replayable: Node + Look + Clone {
    fn boot(scenario: &Scenario) -> Result<Self, Fault>;
    /// A regular file of the node, followed through links; `None` if there is none.
    fn read_file(&self, path: &str) -> Option<Vec<u8>>;
    /// Every regular file below `dir` on the node, by path relative to it, sorted.
    fn list_files(&self, dir: &str) -> Vec<FileEntry>;
}

/// A machine at a position.
#[derive(Clone, Debug)]
pub(super) struct Moment<N> {
    pub position: u32,
    pub machine: Machine<N>,
}

#[derive(Clone, Debug)]
struct Mark<N> {
    events: u32,
    /// The input that is under way here, or about to be given.
    input: usize,
    under_way: bool,
    machine: Machine<N>,
}

#[derive(Clone, Debug)]
pub(super) struct Line<N> {
    id: BranchId,
    parent: Option<(BranchId, u32)>,
    pub inputs: Vec<InputRecord>,
    pub events: Vec<Event>,
    /// In order; one before each input, one after the last, more within long ones.
    marks: Vec<Mark<N>>,
    /// Of the trace before each input, and after the last.
    digests: Vec<Digest>,
}

impl<N: Replayable> Line<N> {
    pub fn begin(scenario: &Scenario) -> Result<Line<N>, Fault> {
        let mut log = Log::default();
        let machine = Machine::boot(scenario, N::boot(scenario)?, &mut log)?;
        let mark = Mark { events: machine.world.events(), input: 0, under_way: false, machine };
        Ok(Line {
            id: BranchId(0),
            parent: None,
            inputs: Vec::new(),
            events: log.events,
            marks: vec![mark],
            digests: vec![Digest::of(b"")],
        })
    }

    /// The same past, up to before the input `keep`, as a line of its own.
    pub fn fork(&self, id: BranchId, keep: usize) -> Line<N> {
        let mut fork = self.clone();
        fork.truncate(keep);
        fork.id = id;
        fork.parent = Some((self.id, u32::try_from(fork.events.len()).unwrap_or(u32::MAX)));
        fork
    }

    pub fn truncate(&mut self, keep: usize) {
        self.inputs.truncate(keep);
        self.digests.truncate(keep + 1);
        self.marks.retain(|mark| mark.input < keep || (mark.input == keep && !mark.under_way));
        let events = self.marks.last().map_or(0, |mark| mark.events);
        self.events.truncate(events as usize);
    }

    pub fn end(&self) -> Moment<N> {
        let last = self.marks.last().expect("a line has a mark from its beginning on");
        Moment { position: last.events, machine: last.machine.clone() }
    }

    /// Carries out one more input and tells the facts after it. On a fault the line stays as it was.
    pub fn extend(&mut self, input: Input) -> Result<Facts, Fault> {
        let index = self.inputs.len();
        let Moment { position: first_event, mut machine } = self.end();
        let prompt = machine.world.prompt().to_owned();
        let mut log = Log::default();
        let mut marks = Vec::new();
        machine.input(&input, &mut log)?;
        let until = Until { events: None, calls: Some(CALLS_BETWEEN_MARKS) };
        while machine.run(until, &mut log)? == Rest::Budget {
            let machine = machine.clone();
            marks.push(Mark { events: machine.world.events(), input: index, under_way: true, machine });
        }
        let facts = machine.facts()?;
        let Log { events, calls, output, stdout, stderr } = log;
        let exit_code = machine.world.status();
        let ended_at = machine.world.now();
        let text = input_text(&input);
        let step = Step { input: text, events, calls, stdout, stderr, exit_code, facts, ended_at };
        self.digests.push(trace::extend(self.digests[index], &step));
        let events = u32::try_from(step.events.len()).unwrap_or(u32::MAX);
        let advice = assist::advise(&input, &step, &machine);
        self.inputs.push(InputRecord { input, prompt, first_event, events, output, exit_code, advice });
        self.events.extend(step.events);
        marks.push(Mark { events: machine.world.events(), input: index + 1, under_way: false, machine });
        self.marks.append(&mut marks);
        Ok(step.facts)
    }

    /// The world after this many events, and how many calls had to be granted again to get there.
    pub fn moment(&self, events: u32) -> Result<(Moment<N>, u64), Fault> {
        let end = self.marks.last().map_or(0, |mark| mark.events);
        let position = events.min(end);
        let nearest = self.marks.iter().rev().find(|mark| mark.events <= position);
        let Some(mark) = nearest.or(self.marks.first()) else { return Ok((self.end(), 0)) };
        let mut machine = mark.machine.clone();
        if mark.events >= position {
            return Ok((Moment { position: mark.events, machine }, 0));
        }
        let mut log = Log::default();
        if !mark.under_way {
            machine.input(&self.inputs[mark.input].input, &mut log)?;
        }
        machine.run(Until { events: Some(position), calls: None }, &mut log)?;
        Ok((Moment { position, machine }, log.calls.len() as u64))
    }

    /// Index of the first input that has not begun at this position.
    pub fn input_after(&self, position: u32) -> usize {
        self.inputs.iter().position(|record| record.first_event >= position).unwrap_or(self.inputs.len())
    }

    pub fn digest_at(&self, position: u32) -> Digest {
        let whole = self.inputs.iter().take_while(|record| record.first_event + record.events <= position).count();
        self.digests[whole]
    }

    /// Lines whose inputs have ended at this position, with their exit codes.
    pub fn typed_before(&self, position: u32) -> Vec<(String, Option<i32>)> {
        let ended = self.inputs.iter().take_while(|record| record.first_event + record.events <= position);
        let line = |record: &InputRecord| match &record.input {
            Input::Line(line) => Some((line.clone(), record.exit_code)),
            _ => None,
        };
        ended.filter_map(line).collect()
    }

    /// The command line that has the console at this position.
    pub fn running_at(&self, position: u32) -> String {
        let begun = &self.inputs[..self.input_after(position)];
        let started = begun.iter().enumerate().rev().find(|(index, record)| {
            let before = index.checked_sub(1).and_then(|before| begun.get(before));
            matches!(record.input, Input::Line(_)) && before.is_none_or(|before| before.exit_code.is_some())
        });
        started.map(|(_, record)| input_text(&record.input)).unwrap_or_default()
    }

    pub fn told(&self) -> Branch {
        Branch { id: self.id, parent: self.parent, inputs: self.inputs.clone(), events: self.events.clone() }
    }
}
