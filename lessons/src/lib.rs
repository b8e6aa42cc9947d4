//! The course as data.
//!
//! A lesson is written as `content/<track>/<nn-slug>/lesson.md`, parsed and checked by the `author` feature, compiled
//! to these types and sent to the page as postcard. The types hold no HTML and no coordinates: prose is a list of
//! [`Block`]s of [`Span`]s.

#[cfg(feature = "author")]
pub mod author;

use engine::scenario::{Claim, Era, Input, Scenario};
use engine::session::{Opening, State};
use serde::{Deserialize, Serialize};

/// The course map: what the first page needs, without any lesson's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub tracks: Vec<Track>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub id: String,
    pub title: String,
    /// `Build one, take it apart`.
    pub line: String,
    pub lessons: Vec<LessonCard>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonCard {
    /// `images/layers`: track and slug; the page is at `lessons/images/layers/`.
    pub id: String,
    pub title: String,
    pub minutes: u32,
    pub steps: u32,
    /// Planned lessons are on the map, but cannot be opened yet.
    pub ready: bool,
}

/// One lesson, compiled. `S` is its scenario; in what the page reads it is the scenario's era alone, and the rest is an
/// [`Opening`] that only the engine reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson<S = Scenario> {
    pub id: String,
    pub track: String,
    pub title: String,
    pub minutes: u32,
    pub needs: Vec<String>,
    pub objectives: Vec<String>,
    /// Compiled with files, images, node root and watch filled in.
    pub scenario: S,
    pub steps: Vec<Step>,
    /// SHA-256 of the lesson's source and its scenario, 64 digits: a link carries its first 8.
    pub hash: String,
}

/// A lesson as the page reads it, with the state of the world before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    pub lesson: Lesson<Era>,
    pub state: State,
}

impl Lesson {
    /// The lesson without its scenario, and the scenario with the lesson's claims.
    pub fn split(&self) -> (Lesson<Era>, Opening) {
        let Lesson { id, track, title, minutes, needs, objectives, scenario, steps, hash } = self.clone();
        let opening = Opening { claims: self.claims(), scenario };
        let era = opening.scenario.era;
        (Lesson { id, track, title, minutes, needs, objectives, scenario: era, steps, hash }, opening)
    }

    /// Every claim of the lesson in the order in which a session is asked to evaluate them: for each step its goals,
    /// then the conditions of its `wrong` attempts.
    pub fn claims(&self) -> Vec<Claim> {
        let of_step = |step: &Step| {
            let goals = step.goals.iter().map(|goal| goal.claim.clone());
            let wrongs = step.wrongs.iter().map(|wrong| wrong.when.clone());
            goals.chain(wrongs).collect::<Vec<_>>()
        };
        self.steps.iter().flat_map(of_step).collect()
    }
}

/// predict → act → see one thing change → explain → break it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Slug of the title, unique in the lesson: part of a link.
    pub id: String,
    pub title: String,
    pub prose: Vec<Block>,
    pub predict: Option<Predict>,
    pub goals: Vec<Goal>,
    /// The reference solution, as inputs.
    pub run: Vec<Input>,
    /// Other ways that must pass as well.
    pub also: Vec<Vec<Input>>,
    /// The ladder of four, from vague to exact.
    pub hints: Vec<Vec<Span>>,
    pub wrongs: Vec<Wrong>,
    pub misconception: Option<Misconception>,
    /// For the speaker only.
    pub notes: Vec<Block>,
    /// The caption on the projector.
    pub beat: Vec<Span>,
    pub scene: Scene,
    /// A step without hints, on a fixture of its own, that asks for the same idea again.
    pub transfer: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    pub text: Vec<Span>,
    pub claim: Claim,
}

/// An attempt that must fail, and the rung of the ladder (0–3) it raises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    pub run: Vec<Input>,
    /// How the session knows it.
    pub when: Claim,
    pub hint: u32,
    /// What is said to whoever did this.
    pub reply: Vec<Span>,
}

/// A question whose answer the engine computes: the value of `fact` after the reference solution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predict {
    pub question: Vec<Span>,
    /// As offered, in order.
    pub choices: Vec<Choice>,
    pub fact: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub text: Vec<Span>,
    /// The value of the fact this choice stands for.
    pub value: String,
    /// What is said to whoever chose it; empty for the right one if there is nothing to add.
    pub reply: Vec<Span>,
}

/// A belief that is common and wrong, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misconception {
    pub belief: Vec<Span>,
    pub truth: Vec<Span>,
}

/// What the page draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scene {
    /// Nothing but the terminal.
    None,
    /// The layer section. `image` and `containers` may name what does not exist yet.
    Layers { image: String, containers: Vec<String>, files: Vec<String> },
    /// A recorded measurement as a plot.
    Plot { data: String },
    /// The kernel, opened: what is wanted of it. `containers` and `cgroups` may name what does not exist yet.
    Kernel(KernelScene),
}

/// The parts of a kernel that a step shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelScene {
    /// Processes in their pid namespaces.
    pub decks: bool,
    /// Kinds of the other namespaces, as `/proc/PID/ns` names them.
    pub namespaces: Vec<String>,
    /// Memory and CPU of control groups.
    pub tanks: bool,
    /// These stand first, and have a place before they exist.
    pub containers: Vec<String>,
    /// Control groups made by hand, by path, with the same right.
    pub cgroups: Vec<String>,
}

impl KernelScene {
    /// Every kind of namespace but `pid`, in the order in which they are shown.
    pub const NAMESPACES: [&str; 7] = ["mnt", "uts", "net", "ipc", "user", "cgroup", "time"];
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    Paragraph(Vec<Span>),
    List(Vec<Vec<Span>>),
    /// A Dockerfile, shown with a square or a dash for each instruction.
    Dockerfile(String),
    Code(String),
    /// A line of the course notes.
    Quote(Vec<Span>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    Text(String),
    Code(String),
    Emphasis(String),
    Strong(String),
    /// The current value of a fact, with the text to show before it has one.
    Fact {
        path: String,
        otherwise: String,
    },
    Link {
        text: String,
        href: String,
    },
}

/// A measurement as the page shows it: its figures as a table, and the same drawn for two rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plot {
    pub id: String,
    pub title: String,
    pub recorded_on: String,
    pub rows: Vec<PlotRow>,
    /// SVG in the colour of the text around it.
    pub wide: String,
    pub narrow: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlotRow {
    pub label: String,
    /// With its unit.
    pub median: String,
    /// How often it was measured; nothing if it was not.
    pub runs: String,
    pub source: String,
}

/// A measurement recorded on a real machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    pub id: String,
    pub title: String,
    pub unit: String,
    /// `Linux 6.18, 2 CPUs, recorded 22 November 2026`.
    pub recorded_on: String,
    pub series: Vec<Series>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub label: String,
    /// Measured here, or cited from the named source.
    pub source: String,
    /// In thousandths of `unit`.
    pub samples_milli: Vec<u64>,
}

/// The facts a real kernel showed after each input of a lesson's reference solution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    pub lesson: String,
    /// The lesson's `hash` when it was recorded.
    pub hash: String,
    /// `Linux 6.18.44`.
    pub kernel: String,
    pub cgroups: engine::scenario::Cgroups,
    /// `2026-11-22`.
    pub date: String,
    pub architecture: String,
    /// Each with the inputs so far, all steps in a row.
    pub points: Vec<RecordedPoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPoint {
    pub input: Input,
    /// Facts that differ from the point before; `None` is a fact that has gone.
    pub changed: Vec<(String, Option<engine::fact::Value>)>,
}
