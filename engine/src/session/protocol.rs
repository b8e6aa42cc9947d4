//! What a page (or any host) asks of a session, and what it is told. Plain data; crosses the wasm edge as postcard.

use crate::fact::Facts;
use crate::scenario::{Claim, Era, Input, Scenario};
use crate::sim::Nanos;
use crate::trace::{Event, EventId};
use serde::{Deserialize, Serialize};

/// A line of time: 0 is the first; others leave it (or one another) at an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BranchId(pub u16);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Start over with this scenario, in `era` if it is not to be the scenario's own.
    Open {
        /// A postcard [`Opening`]. The asker can pass it on unread: it is most of a lesson.
        #[serde(with = "whole")]
        opening: Vec<u8>,
        era: Option<Era>,
    },
    /// Something a person does *at the current position*. In the past, with a different future behind it, this starts a
    /// branch.
    Input(Input),
    /// Move to the position after `events` events of this branch (0 is the beginning). Past the end is the end.
    Seek {
        branch: BranchId,
        events: u32,
    },
    /// Forget the inputs after the one that the position is in: undo.
    Undo,
    Complete {
        line: String,
        cursor: u32,
    },
    /// Why does this fact have its value now?
    Why {
        fact: String,
    },
    /// A file of the learner's, as it is at the current position.
    ReadFile {
        path: String,
    },
    /// The files in the learner's home at the current position.
    ListFiles,
    /// Diagnose a text as the program that reads it would (`Dockerfile` by name).
    Lint {
        path: String,
        text: String,
    },
    /// The inputs of the current branch up to the position: what a link carries.
    Script,
}

/// What a session opens with. `claims` are evaluated after everything that follows: the goals of each step of a lesson,
/// its hints' conditions, in an order that the asker keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub scenario: Scenario,
    pub claims: Vec<Claim>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    State(Box<State>),
    Completions(Completions),
    Why(Vec<WhyStep>),
    /// `None`: there is no such file.
    File(Option<String>),
    Files(Vec<FileEntry>),
    Diagnostics(Vec<Diagnostic>),
    Script(Vec<Input>),
    /// Nothing was done; the message says why and what to do.
    Refused(String),
}

/// The world at the current position, and what the timeline looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub branch: BranchId,
    /// Events of this branch that have happened at this position.
    pub position: u32,
    pub now: Nanos,
    pub facts: Facts,
    /// One for each claim of `Open`, in its order.
    pub claims: Vec<ClaimState>,
    /// SHA-256 of the trace of this branch up to the last whole input before the position, 64 digits.
    pub digest: String,
    /// What the console shows before the next line.
    pub prompt: String,
    /// Set while a program has the console: its command line. A line then goes to its standard input.
    pub running: Option<String>,
    /// Only when it differs from what was last told.
    pub history: Option<History>,
}

/// Everything that has a place on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub branches: Vec<Branch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    pub id: BranchId,
    /// The branch it left, and after how many of that branch's events. A branch repeats the events before that.
    pub parent: Option<(BranchId, u32)>,
    pub inputs: Vec<InputRecord>,
    /// All events, from the beginning of the scenario.
    pub events: Vec<Event>,
}

/// One input, with what the console showed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    pub input: Input,
    /// The prompt it was typed at.
    pub prompt: String,
    /// Its events are `first_event .. first_event + events`; the first is the input itself.
    pub first_event: u32,
    pub events: u32,
    pub output: Vec<Chunk>,
    /// `None` while a program still has the console.
    pub exit_code: Option<i32>,
    /// What to try instead, when it failed in a way that we know; shown apart from what the tools printed.
    pub advice: Option<String>,
}

/// A piece of output, shown once the position is at or past `event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub event: u32,
    pub stderr: bool,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimState {
    pub holds: bool,
    /// What is missing, in words, when it does not hold: `1 wanted, 2 found: layers 3 and 4`.
    pub difference: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completions {
    /// The part of the line that a candidate replaces, as byte offsets.
    pub start: u32,
    pub end: u32,
    pub candidates: Vec<Candidate>,
    /// What may stand here, from the grammar, when there is nothing to choose from: `IMAGE`, `COMMAND [ARG...]`.
    pub expected: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub text: String,
    /// One line from the grammar or the world: `List containers`, `container, running`.
    pub help: String,
}

/// One step of an explanation, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyStep {
    pub event: EventId,
    pub at: Nanos,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the learner's home.
    pub path: String,
    pub size_bytes: u64,
    pub mode: u32,
}

/// A message about a text, with its place. Lines and columns count from 1; columns are characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub line: u32,
    pub column: u32,
    pub length: u32,
    pub severity: Severity,
    pub message: String,
    /// What to do next.
    pub help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// Bytes in one piece, not one by one: half a million of them are copied before a lesson's first answer.
mod whole {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
    }
}
