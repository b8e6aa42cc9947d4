//! Carries out what the page wants done: asks the engine in order, seeks no faster than it answers, replays a session
//! from a link or after a trap.

use crate::host::{EngineHost, address};
use crate::link::{self, Link};
use crate::state::{Action, App, Notice, Sheet, Store};
use engine::scenario::{Era, Input};
use engine::session::{Ask, BranchId, Completions, Diagnostic, Reply};
use gloo::timers::callback::Timeout;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use yew::{Callback, UseReducerDispatcher};

/// An answer that takes longer than this is announced.
const PATIENCE_MS: u32 = 250;
/// Traps in a row after which the page gives up replaying.
const TRAPS: u32 = 3;

pub struct Driver {
    host: Box<dyn EngineHost>,
    dispatch: UseReducerDispatcher<Store>,
    /// The state of the last rendering.
    seen: RefCell<Rc<App>>,
    /// What the engine opens. Until it is here, lines wait and nothing is asked.
    opening: RefCell<Option<Rc<[u8]>>>,
    seeking: Cell<bool>,
    wanted: Cell<Option<(BranchId, u32)>>,
    /// Lines that wait for the one before them.
    queue: RefCell<VecDeque<Input>>,
    running: Cell<bool>,
    patience: RefCell<Option<Timeout>>,
    traps: Cell<u32>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("seeking", &self.seeking).finish_non_exhaustive()
    }
}

impl Driver {
    pub fn new(host: Box<dyn EngineHost>, dispatch: UseReducerDispatcher<Store>) -> Rc<Driver> {
        Rc::new(Driver {
            host,
            dispatch,
            seen: RefCell::default(),
            opening: RefCell::default(),
            seeking: Cell::new(false),
            wanted: Cell::new(None),
            queue: RefCell::default(),
            running: Cell::new(false),
            patience: RefCell::default(),
            traps: Cell::new(0),
        })
    }

    pub fn seen(&self, app: Rc<App>) {
        self.seen.replace(app);
    }

    pub fn app(&self) -> Rc<App> {
        self.seen.borrow().clone()
    }

    pub fn act(&self, action: Action) {
        self.dispatch.dispatch(action);
    }

    /// Has the engine fetched.
    pub fn start(&self) {
        self.host.start();
    }

    /// Begins a lesson, at the place a link names.
    pub fn open(self: &Rc<Self>, opening: Vec<u8>, link: Option<&Link>) {
        self.opening.replace(Some(opening.into()));
        let Some(lesson) = self.app().lesson.clone() else { return };
        if let Some(link) = link {
            if !lesson.hash.starts_with(&link.hash) {
                let text = "This link was made with another version of the lesson. Its commands were run again on this \
                            one; what they lead to may differ.";
                self.act(Action::Notice(Some(Notice::new(text))));
            }
            self.act(Action::Restore(Box::new(link.clone())));
        }
        match link {
            Some(link) if lesson.hash.starts_with(&link.hash) => self.replay(link),
            // How many events lie before a branch is that version's.
            Some(link) => self.replay(&link.alone()),
            None => self.ask_to_open(lesson.scenario),
        }
        self.list_files();
        self.next_input();
    }

    fn ask_to_open(self: &Rc<Self>, era: Era) {
        let Some(opening) = self.opening.borrow().clone() else { return };
        self.act(Action::Era(era));
        self.ask(Ask::Open { opening: opening.to_vec(), era: Some(era) });
    }

    fn replay(self: &Rc<Self>, link: &Link) {
        self.ask_to_open(link.era);
        for way in &link.ways {
            if let Some(leaves) = way.leaves {
                self.ask(Ask::Seek { branch: BranchId(leaves.way), events: leaves.events });
            }
            way.script.iter().for_each(|input| self.ask(Ask::Input(input.clone())));
        }
        if link.ways.len() > 1 || link.position.is_some() {
            self.ask(Ask::Seek { branch: BranchId(link.way), events: link.position.unwrap_or(u32::MAX) });
        }
    }

    /// The other era is another world: the same commands are run again in it.
    pub fn era(self: &Rc<Self>, era: Era) {
        let app = self.app();
        let Some(link) = app.link() else { return };
        self.replay(&Link { era, position: None, ..link.alone() });
        self.list_files();
    }

    /// What a person does at the console; the next waits until this one is done.
    pub fn input(self: &Rc<Self>, input: Input) {
        self.queue.borrow_mut().push_back(input);
        self.next_input();
    }

    fn next_input(self: &Rc<Self>) {
        if self.running.get() || self.queue.borrow().is_empty() {
            return;
        }
        if self.opening.borrow().is_none() {
            let text = "The engine is on its way: this runs as soon as it is here.";
            return self.act(Action::Wait(Some(text.into())));
        }
        let Some(input) = self.queue.borrow_mut().pop_front() else { return };
        self.running.set(true);
        self.announce(&input);
        let driver = self.clone();
        let failing = input.clone();
        self.host.ask(
            &Ask::Input(input),
            Callback::from(move |answer: Result<Reply, String>| {
                driver.running.set(false);
                if answer.is_ok() {
                    driver.traps.set(0);
                }
                driver.answered(answer, Some(&failing));
                driver.list_files();
                driver.next_input();
            }),
        );
    }

    fn announce(self: &Rc<Self>, input: &Input) {
        let words = format!("`{}` is running …", crate::view_model::timeline::input_words(input));
        let dispatch = self.dispatch.clone();
        let timeout = Timeout::new(PATIENCE_MS, move || dispatch.dispatch(Action::Wait(Some(words))));
        self.patience.replace(Some(timeout));
    }

    /// Moves the handle. While an answer is outstanding only the last wish counts.
    pub fn seek(self: &Rc<Self>, branch: BranchId, position: u32) {
        if self.opening.borrow().is_none() {
            return;
        }
        if self.seeking.get() {
            return self.wanted.set(Some((branch, position)));
        }
        self.seeking.set(true);
        let driver = self.clone();
        self.host.ask(
            &Ask::Seek { branch, events: position },
            Callback::from(move |answer| {
                driver.seeking.set(false);
                driver.answered(answer, None);
                if let Some((branch, position)) = driver.wanted.take() {
                    driver.seek(branch, position);
                }
            }),
        );
    }

    /// To a position of the current branch.
    pub fn go(self: &Rc<Self>, position: u32) {
        if let Some(world) = &self.app().world {
            self.seek(world.branch, position.min(world.events().len() as u32));
        }
    }

    pub fn step_by(self: &Rc<Self>, events: i64) {
        if let Some(world) = &self.app().world {
            self.go((i64::from(world.position) + events).clamp(0, i64::from(u32::MAX)) as u32);
        }
    }

    /// To the beginning of the input the handle is in; from there to that of the one before.
    pub fn back_to_input(self: &Rc<Self>) {
        let app = self.app();
        let Some(world) = &app.world else { return };
        let before = world.inputs().iter().rev().map(|input| input.first_event).find(|first| *first < world.position);
        self.go(before.unwrap_or(0));
    }

    pub fn forward_to_input(self: &Rc<Self>) {
        let app = self.app();
        let Some(world) = &app.world else { return };
        let ends = world.inputs().iter().map(|input| input.first_event + input.events.max(1));
        let next = ends.into_iter().find(|end| *end > world.position);
        self.go(next.unwrap_or(u32::MAX));
    }

    /// Takes back the input the handle is in, or the one before it.
    pub fn undo(self: &Rc<Self>) {
        self.ask(Ask::Undo);
        self.list_files();
    }

    /// Back to where this step was begun. What was done since stays as a branch.
    pub fn reset_step(self: &Rc<Self>) {
        let app = self.app();
        let (branch, position) = app.begun.get(&app.step).copied().unwrap_or((BranchId(0), 0));
        self.seek(branch, position);
    }

    pub fn complete(self: &Rc<Self>, line: String, cursor: u32, then: Callback<Completions>) {
        self.question(&Ask::Complete { line, cursor }, move |reply| {
            if let Reply::Completions(completions) = reply {
                then.emit(completions);
            }
        });
    }

    pub fn why(self: &Rc<Self>, fact: String) {
        let dispatch = self.dispatch.clone();
        let asked = fact.clone();
        self.question(&Ask::Why { fact }, move |reply| {
            if let Reply::Why(steps) = reply {
                dispatch.dispatch(Action::Why(asked.clone(), steps.into()));
            }
        });
    }

    pub fn read_file(self: &Rc<Self>, path: String, then: Callback<Option<String>>) {
        self.question(&Ask::ReadFile { path }, move |reply| {
            if let Reply::File(content) = reply {
                then.emit(content);
            }
        });
    }

    pub fn list_files(self: &Rc<Self>) {
        let dispatch = self.dispatch.clone();
        self.question(&Ask::ListFiles, move |reply| {
            if let Reply::Files(files) = reply {
                dispatch.dispatch(Action::Files(files.into()));
            }
        });
    }

    pub fn lint(self: &Rc<Self>, path: String, text: String, then: Callback<Vec<Diagnostic>>) {
        self.question(&Ask::Lint { path, text }, move |reply| {
            if let Reply::Diagnostics(diagnostics) = reply {
                then.emit(diagnostics);
            }
        });
    }

    /// What has no answer before there is a world to ask about. An engine that stops at a question has stopped.
    fn question(self: &Rc<Self>, ask: &Ask, then: impl Fn(Reply) + 'static) {
        if self.opening.borrow().is_none() {
            return;
        }
        let driver = self.clone();
        let told = move |answer: Result<Reply, String>| match answer {
            Ok(reply) => then(reply),
            Err(trap) => driver.trapped(&trap, None),
        };
        self.host.ask(ask, Callback::from(told));
    }

    fn ask(self: &Rc<Self>, ask: Ask) {
        let driver = self.clone();
        let failing = match &ask {
            Ask::Input(input) => Some(input.clone()),
            _ => None,
        };
        self.host.ask(&ask, Callback::from(move |answer| driver.answered(answer, failing.as_ref())));
    }

    fn answered(self: &Rc<Self>, answer: Result<Reply, String>, failing: Option<&Input>) {
        self.patience.take();
        self.act(Action::Wait(None));
        match answer {
            Ok(Reply::State(state)) => self.act(Action::Told(state)),
            Ok(Reply::Refused(text)) => self.act(Action::Notice(Some(Notice::new(text)))),
            Ok(_) => {}
            Err(trap) => self.trapped(&trap, failing),
        }
    }

    /// A trap costs a replay of what was done before it, and leaves the link that makes it happen again.
    fn trapped(self: &Rc<Self>, trap: &str, failing: Option<&Input>) {
        let app = self.app();
        let Some((link, world)) = app.link().zip(app.world.as_deref()) else {
            return self.act(Action::Notice(Some(Notice::new(format!("The engine stopped: {trap}")))));
        };
        self.queue.borrow_mut().clear();
        self.running.set(false);
        self.seeking.set(false);
        self.wanted.set(None);
        self.traps.set(self.traps.get() + 1);
        self.host.restart();
        let again = failing.map_or_else(|| link.clone(), |input| link.then(world, input.clone()));
        let at = failing
            .map_or_else(String::new, |input| format!(" at `{}`", crate::view_model::timeline::input_words(input)));
        let text = format!("The engine stopped{at}: {trap}. Everything before it was run again and is as it was.");
        let notice = Notice { text, link: Some(address::with_fragment(&link::encode(&again))) };
        self.act(Action::Notice(Some(notice)));
        if self.traps.get() <= TRAPS {
            self.replay(&link);
            self.list_files();
        }
    }

    pub fn share(&self) {
        let Some(link) = self.app().link() else { return };
        let link = address::with_fragment(&link::encode(&link));
        self.act(Action::Sheet(Some(Sheet::Share { link, copied: false })));
    }
}

impl Driver {
    /// On the projector one key goes on: through the time that lies ahead, then to the next step.
    pub fn forward_to_input_or_step(self: &Rc<Self>) {
        let app = self.app();
        match &app.world {
            Some(world) if !world.at_end() => self.step_by(1),
            _ => self.act(Action::Step(app.step + 1)),
        }
    }

    pub fn back_to_input_or_step(self: &Rc<Self>) {
        let app = self.app();
        let begun = app.begun.get(&app.step).map_or(0, |(_, position)| *position);
        match &app.world {
            Some(world) if world.position > begun => self.step_by(-1),
            _ => self.act(Action::Step(app.step.saturating_sub(1))),
        }
    }
}
