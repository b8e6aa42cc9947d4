//! A session: one scenario, what was typed, and time that runs both ways over it.
//!
//! A session owns a machine, its snapshots and its branches. It is driven by [`Ask`] and tells [`Reply`]: the protocol
//! that `engine.wasm` speaks (postcard) with the page, and that `node-runtime` and the lesson checker use natively.
//!
//! Rewinding is snapshots and replay: a clone of the machine before each input and every [`CALLS_BETWEEN_MARKS`] calls,
//! and the same inputs again from there. Nothing is ever undone.

mod assist;
mod line;
mod protocol;
mod why;

pub use assist::advice;
pub use line::{CALLS_BETWEEN_MARKS, Look, Replayable};
pub use protocol::*;

use crate::fact::Facts;
use crate::node::Fault;
use crate::scenario::{Claim, Era, Evidence, Input, Scenario};
use crate::sim::{FILE_BYTES, INPUTS};
use crate::world::HOME;
use line::{Line, Moment};

/// Branches one session keeps.
const BRANCHES: usize = 32;

/// One scenario and every line of time that was tried in it.
#[derive(Debug)]
pub struct Session<N> {
    claims: Vec<Claim>,
    lines: Vec<Line<N>>,
    branch: BranchId,
    /// The machine at the current position, with the facts of that moment.
    here: Moment<N>,
    facts: Facts,
    /// Whether the history has changed since it was last told.
    news: bool,
    /// Calls that the last move had to grant again.
    replayed: u64,
}

impl<N: Replayable> Session<N> {
    pub fn open(scenario: &Scenario, claims: Vec<Claim>) -> Result<Session<N>, Fault> {
        let line = Line::begin(scenario)?;
        let mut here = line.end();
        let facts = here.machine.facts()?;
        Ok(Session { claims, lines: vec![line], branch: BranchId(0), here, facts, news: true, replayed: 0 })
    }

    /// Opens from the bytes of an [`Ask::Open`].
    pub fn opened(opening: &[u8], era: Option<Era>) -> Result<Session<N>, Fault> {
        let opening: Opening = postcard::from_bytes(opening)
            .map_err(|error| Fault::new(format!("the scenario cannot be read: {error}")))?;
        let Opening { mut scenario, claims } = opening;
        scenario.era = era.unwrap_or(scenario.era);
        Session::open(&scenario, claims)
    }

    /// Never fails: what cannot be done is [`Reply::Refused`], and leaves everything as it was.
    pub fn ask(&mut self, ask: Ask) -> Reply {
        let done = match ask {
            Ask::Open { opening, era } => Session::opened(&opening, era).map(|session| *self = session),
            Ask::Input(input) => match self.refusal(&input) {
                Some(reason) => return Reply::Refused(reason),
                None => self.input(input),
            },
            Ask::Seek { branch, events } => {
                if usize::from(branch.0) >= self.lines.len() {
                    return Reply::Refused(format!("there is no branch {}", branch.0));
                }
                self.seek(branch, events)
            }
            Ask::Undo => self.undo(),
            Ask::Complete { line, cursor } => return Reply::Completions(self.complete(&line, cursor)),
            Ask::Why { fact } => return Reply::Why(why::why(&self.line().events, self.here.position, &fact)),
            Ask::ReadFile { path } => return Reply::File(self.read_file(&path)),
            Ask::ListFiles => return Reply::Files(self.here.machine.node.list_files(HOME)),
            Ask::Lint { path, text } => return Reply::Diagnostics(assist::lint(&path, &text)),
            Ask::Script => return Reply::Script(self.script()),
        };
        match done {
            Ok(()) => Reply::State(Box::new(self.state())),
            Err(fault) => Reply::Refused(fault.to_string()),
        }
    }

    /// Something a person does at the current position.
    pub fn input(&mut self, input: Input) -> Result<(), Fault> {
        let next = self.line().input_after(self.here.position);
        if let Some(record) = self.line().inputs.get(next) {
            if record.input == input {
                let end = record.first_event + record.events;
                return self.seek(self.branch, end);
            }
            let id = BranchId(u16::try_from(self.lines.len()).unwrap_or(u16::MAX));
            let fork = self.line().fork(id, next);
            self.lines.push(fork);
            self.branch = id;
        }
        let branch = usize::from(self.branch.0);
        match self.lines[branch].extend(input) {
            Ok(facts) => {
                self.here = self.lines[branch].end();
                self.facts = facts;
                self.news = true;
                Ok(())
            }
            Err(fault) => {
                // The line is as it was before; so must the position be.
                self.seek(self.branch, u32::MAX)?;
                Err(fault)
            }
        }
    }

    pub fn seek(&mut self, branch: BranchId, events: u32) -> Result<(), Fault> {
        let (here, replayed) = self.lines[usize::from(branch.0)].moment(events)?;
        self.here = here;
        self.facts = self.here.machine.facts()?;
        self.branch = branch;
        self.replayed = replayed;
        Ok(())
    }

    /// The digest of the trace up to the last whole input before the position.
    pub fn digest(&self) -> String {
        self.line().digest_at(self.here.position).hex()
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Calls that the last [`Session::seek`] had to grant again.
    pub fn replayed(&self) -> u64 {
        self.replayed
    }

    pub fn state(&mut self) -> State {
        let line = &self.lines[usize::from(self.branch.0)];
        let world = &self.here.machine.world;
        let typed = line.typed_before(self.here.position);
        let evidence = Evidence { facts: &self.facts, typed: &typed };
        let history = std::mem::take(&mut self.news).then(|| self.history());
        State {
            branch: self.branch,
            position: self.here.position,
            now: world.now(),
            claims: self.claims.iter().map(|claim| claim.judge(evidence)).collect(),
            digest: line.digest_at(self.here.position).hex(),
            prompt: world.prompt().to_owned(),
            running: (!world.at_prompt()).then(|| line.running_at(self.here.position)),
            facts: self.facts.clone(),
            history,
        }
    }

    fn history(&self) -> History {
        History { branches: self.lines.iter().map(Line::told).collect() }
    }

    fn line(&self) -> &Line<N> {
        &self.lines[usize::from(self.branch.0)]
    }

    /// Why this input cannot be taken, if it cannot.
    fn refusal(&self, input: &Input) -> Option<String> {
        let line = self.line();
        if line.inputs.len() >= INPUTS {
            return Some(format!("a session holds {INPUTS} inputs; this one is full. Undo some, or start again."));
        }
        let forks = line.input_after(self.here.position) < line.inputs.len();
        if forks && self.lines.len() >= BRANCHES {
            return Some(format!("a session holds {BRANCHES} branches; undo in one of them instead."));
        }
        match input {
            Input::Save { content, .. } if content.len() as u64 > FILE_BYTES => {
                Some(format!("a file holds {FILE_BYTES} bytes at the most"))
            }
            Input::Save { .. } if !self.here.machine.world.at_prompt() => {
                Some("a program has the console; end it (Ctrl-C) before you save".to_owned())
            }
            _ => None,
        }
    }

    /// Forgets the input that the position is in, or else the one before it, and what came after.
    fn undo(&mut self) -> Result<(), Fault> {
        let branch = usize::from(self.branch.0);
        let keep = self.lines[branch].input_after(self.here.position).saturating_sub(1);
        self.lines[branch].truncate(keep);
        self.news = true;
        self.seek(self.branch, u32::MAX)
    }

    fn script(&self) -> Vec<Input> {
        let line = self.line();
        let upto = line.input_after(self.here.position);
        line.inputs[..upto].iter().map(|record| record.input.clone()).collect()
    }

    fn complete(&self, line: &str, cursor: u32) -> Completions {
        assist::complete(line, cursor, &self.here.machine, &self.facts)
    }

    fn read_file(&self, path: &str) -> Option<String> {
        let absolute = if path.starts_with('/') { path.to_owned() } else { format!("{HOME}/{path}") };
        let bytes = self.here.machine.node.read_file(&absolute)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}
