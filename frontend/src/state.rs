//! The state of the page, and its one reducer. Nothing in here asks the engine or the browser: see [`crate::drive`].

use crate::link::{self, Link};
use crate::view_model::course_map::Progress;
use crate::view_model::moment::World;
use crate::view_model::paper::Paper;
use crate::view_model::prose;
use crate::view_model::scene::Target;
use engine::scenario::Era;
use engine::session::{BranchId, FileEntry, State, WhyStep};
use engine::sim::Map;
use lessons::{Course, Plot, Recording};
use std::rc::Rc;
use yew::Reducible;

/// A lesson as the page reads it.
pub type Lesson = lessons::Lesson<Era>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    pub course: Option<Rc<Course>>,
    pub lesson: Option<Rc<Lesson>>,
    pub recordings: Rc<Vec<Recording>>,
    /// Values from a kernel that runs beside this session, newer than any recording.
    pub live: Option<Rc<Recording>>,
    pub plots: Rc<Map<String, Rc<Plot>>>,
    pub world: Option<Rc<World>>,
    /// What is waited for, in words.
    pub waiting: Option<String>,
    pub notice: Option<Notice>,
    pub step: usize,
    pub era: Era,
    pub projector: bool,
    pub theme: Option<Theme>,
    /// Choices at predictions, by step.
    pub chosen: Map<usize, usize>,
    /// Rungs of the ladder opened, by step.
    pub rungs: Map<usize, u32>,
    /// Where each step was begun: where it starts again.
    pub begun: Map<usize, (BranchId, u32)>,
    pub selection: Option<Target>,
    pub why: Option<(String, Rc<[WhyStep]>)>,
    pub sheet: Option<Sheet>,
    pub play: Option<Direction>,
    pub files: Rc<[FileEntry]>,
    /// The file in the editor.
    pub editing: Option<String>,
    /// Files that were in the editor, with their drafts, by path.
    pub papers: Map<String, Paper>,
    /// What was typed before this many events is off the screen.
    pub cleared: u32,
    pub progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Back,
    Forward,
}

/// Something that lies over the page until it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sheet {
    Help,
    Share {
        link: String,
        copied: bool,
    },
    Notes,
    /// On a narrow page: what the bar has no room for.
    Menu,
    /// Every branch, in words.
    Branches,
    /// On a narrow page: all of the terminal.
    Terminal,
}

/// Something that went wrong, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// A link that makes it happen again.
    pub link: Option<String>,
}

impl Notice {
    pub fn new(text: impl Into<String>) -> Notice {
        Notice { text: text.into(), link: None }
    }
}

#[derive(Clone, Debug)]
pub enum Action {
    Course(Rc<Course>),
    Lesson(Rc<Lesson>),
    Recordings(Rc<Vec<Recording>>),
    Live(Rc<Recording>),
    Plot(Rc<Plot>),
    Told(Box<State>),
    Why(String, Rc<[WhyStep]>),
    Files(Rc<[FileEntry]>),
    Wait(Option<String>),
    Notice(Option<Notice>),
    Restore(Box<Link>),
    Step(usize),
    Choose(usize),
    NextRung,
    Select(Option<Target>),
    Sheet(Option<Sheet>),
    Edit(Option<String>),
    /// A file as the world has it.
    Read(String, Option<String>),
    /// What stands in the editor now.
    Typed(String, String),
    /// The draft of a file is on its way to the world.
    Saving(String),
    Discard(String),
    Play(Option<Direction>),
    Projector(bool),
    Theme(Theme),
    Era(Era),
    Clear,
    Progress(Progress),
}

/// The state as all who show it share it: a next one is another.
#[derive(Debug, Default)]
pub struct Store(pub Rc<App>);

impl Reducible for Store {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self.0).clone();
        next.apply(action);
        Rc::new(Store(Rc::new(next)))
    }
}

impl App {
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Course(course) => self.course = Some(course),
            Action::Lesson(lesson) => self.lesson = Some(lesson),
            Action::Recordings(recordings) => self.recordings = recordings,
            Action::Live(live) => self.live = Some(live),
            Action::Plot(plot) => {
                let mut all = (*self.plots).clone();
                all.insert(plot.id.clone(), plot);
                self.plots = Rc::new(all);
            }
            Action::Told(state) => self.told(*state),
            Action::Why(fact, steps) => self.why = Some((fact, steps)),
            Action::Files(files) => self.files = files,
            Action::Wait(what) => self.waiting = what,
            Action::Notice(notice) => self.notice = notice,
            Action::Restore(link) => self.restore(&link),
            Action::Step(step) => self.go_to(step),
            Action::Choose(choice) => {
                self.chosen.insert(self.step, choice);
            }
            Action::NextRung => {
                let rung = self.rungs.get_or_insert_with(self.step, Default::default);
                *rung = (*rung + 1).min(prose::RUNGS);
            }
            Action::Select(target) => {
                self.why = None;
                self.selection = target;
            }
            Action::Sheet(sheet) => self.sheet = sheet,
            Action::Edit(path) => self.editing = path,
            Action::Read(path, file) => self.paper(path).read(file),
            Action::Typed(path, text) => self.paper(path).typed(text),
            Action::Saving(path) => self.paper(path).sent(),
            Action::Discard(path) => self.paper(path).discard(),
            Action::Play(direction) => self.play = direction,
            Action::Projector(on) => self.projector = on,
            Action::Theme(theme) => self.theme = Some(theme),
            Action::Era(era) => self.era = era,
            Action::Clear => self.cleared = self.world.as_deref().map_or(0, |world| world.position),
            Action::Progress(progress) => self.progress = progress,
        }
    }

    fn paper(&mut self, path: String) -> &mut Paper {
        self.papers.get_or_insert_with(path, Default::default)
    }

    fn told(&mut self, state: State) {
        let world = World::told(state, self.world.as_deref());
        self.begun.get_or_insert_with(self.step, || (world.branch, world.position));
        // What was cleared comes back when time goes back before it.
        self.cleared = self.cleared.min(world.position);
        let stopped = match self.play {
            Some(Direction::Forward) => world.at_end(),
            Some(Direction::Back) => world.position == 0,
            None => false,
        };
        if stopped {
            self.play = None;
        }
        self.world = Some(Rc::new(world));
        self.why = None;
        self.note_progress();
    }

    fn restore(&mut self, link: &Link) {
        let last = self.lesson.as_ref().map_or(0, |lesson| lesson.steps.len().saturating_sub(1));
        self.step = (link.step as usize).min(last);
        self.era = link.era;
        self.projector = link.projector;
        self.chosen = link.chosen.iter().map(|(step, choice)| (*step as usize, *choice as usize)).collect();
        // The beginning of the session is the one moment that every step can start from.
        self.begun = Map::from([(self.step, (BranchId(0), 0))]);
    }

    fn go_to(&mut self, step: usize) {
        let Some(lesson) = &self.lesson else { return };
        self.step = step.min(lesson.steps.len().saturating_sub(1));
        self.selection = None;
        self.why = None;
        if let Some(world) = &self.world {
            self.begun.get_or_insert_with(self.step, || (world.branch, world.position));
        }
        self.note_progress();
    }

    /// A step is done once all its goals have held together, wherever the handle goes later.
    fn note_progress(&mut self) {
        let Some(lesson) = self.lesson.clone() else { return };
        let steps = lesson.steps.len();
        let of = self.progress.lessons.get_or_insert_with(lesson.id.clone(), Default::default);
        of.steps = steps as u32;
        of.step = self.step as u32;
        if self.world.is_some() && prose::all_hold(&lesson, self.step, self.world.as_deref()) {
            of.done |= 1 << self.step.min(63);
        }
        self.progress.last = Some(lesson.id.clone());
    }

    pub fn step_done(&self, step: usize) -> bool {
        let of = self.lesson.as_ref().and_then(|lesson| self.progress.lessons.get(&lesson.id));
        of.is_some_and(|of| of.done >> step.min(63) & 1 == 1)
    }

    /// The position at which this step was begun.
    pub fn begun_at(&self) -> u32 {
        self.begun.get(&self.step).map_or(0, |(_, position)| *position)
    }

    pub fn rung(&self) -> u32 {
        self.rungs.get(&self.step).copied().unwrap_or(0)
    }

    /// The whole session as a link.
    pub fn link(&self) -> Option<Link> {
        let (lesson, world) = (self.lesson.as_ref()?, self.world.as_deref()?);
        let (ways, way, events) = link::ways(&world.history.branches, world.branch);
        Some(Link {
            hash: lesson.hash.chars().take(8).collect(),
            era: self.era,
            step: self.step as u32,
            position: (world.position < events).then_some(world.position),
            projector: self.projector,
            chosen: self.chosen.iter().map(|(step, choice)| (*step as u32, *choice as u32)).collect(),
            ways,
            way,
        })
    }

    /// What a real kernel showed: live before recorded.
    pub fn real(&self) -> Option<&Recording> {
        self.live.as_deref().or(self.recordings.first())
    }

    /// Recordings of kernels of another kind.
    pub fn others(&self) -> &[Recording] {
        let shown = usize::from(self.live.is_none()).min(self.recordings.len());
        &self.recordings[shown..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn app(position: u32) -> App {
        let mut app = App::default();
        app.apply(Action::Lesson(Rc::new(fixture::lesson())));
        app.apply(Action::Told(Box::new(fixture::Fixture::new().state(position))));
        app
    }

    #[test]
    fn a_history_left_out_is_kept() {
        let mut app = app(5);
        let mut state = fixture::Fixture::new().state(7);
        state.history = None;
        app.apply(Action::Told(Box::new(state)));
        assert_eq!(app.world.as_deref().unwrap().events().len(), fixture::Fixture::new().len() as usize);
    }

    #[test]
    fn a_step_done_stays_done_when_time_goes_back() {
        let mut app = app(fixture::Fixture::new().len());
        assert!(app.step_done(0));
        app.apply(Action::Told(Box::new(fixture::Fixture::new().state(1))));
        assert!(app.step_done(0));
        app.apply(Action::Step(2));
        assert!(!app.step_done(2));
    }

    #[test]
    fn a_draft_outlives_what_happens_in_the_world() {
        let mut app = app(5);
        let path = || "Dockerfile".to_owned();
        app.apply(Action::Edit(Some(path())));
        app.apply(Action::Read(path(), Some("FROM a".into())));
        app.apply(Action::Typed(path(), "FROM b".into()));
        for action in [
            Action::Told(Box::new(fixture::Fixture::new().state(9))),
            Action::Read(path(), Some("FROM a".into())),
            Action::Files(Rc::from([])),
            Action::Step(1),
            Action::Told(Box::new(fixture::Fixture::new().state(2))),
            Action::Edit(None),
            Action::Edit(Some(path())),
        ] {
            app.apply(action.clone());
            assert_eq!(app.papers.get("Dockerfile").and_then(|paper| paper.text()), Some("FROM b"), "{action:?}");
        }
    }

    #[test]
    fn a_link_carries_the_place_in_time() {
        let mut now = app(9);
        now.apply(Action::Step(2));
        now.apply(Action::Choose(1));
        let link = now.link().unwrap();
        assert_eq!((link.position, link.step, link.chosen.clone()), (Some(9), 2, vec![(2, 1)]));
        let mut other = app(0);
        other.apply(Action::Restore(Box::new(link)));
        assert_eq!((other.step, other.chosen.get(&2)), (2, Some(&1)));
        assert_eq!(app(fixture::Fixture::new().len()).link().unwrap().position, None);
    }

    #[test]
    fn playing_stops_at_the_ends() {
        let mut app = app(3);
        app.apply(Action::Play(Some(Direction::Back)));
        app.apply(Action::Told(Box::new(fixture::Fixture::new().state(0))));
        assert_eq!(app.play, None);
    }
}
