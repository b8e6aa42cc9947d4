//! The present: the world as the session last told it, and the event under the handle.

use engine::fact::Facts;
use engine::session::{Branch, BranchId, ClaimState, History, InputRecord, State};
use engine::trace::{Category, Event, What};
use std::rc::Rc;

/// The last [`State`], with the history it may have left out.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub branch: BranchId,
    pub position: u32,
    pub now: u64,
    pub facts: Rc<Facts>,
    pub claims: Rc<[ClaimState]>,
    pub digest: Rc<str>,
    pub prompt: String,
    pub running: Option<String>,
    pub history: Rc<History>,
}

impl World {
    pub fn told(state: State, before: Option<&World>) -> World {
        let history = match (state.history, before) {
            (Some(history), _) => Rc::new(history),
            (None, Some(before)) => before.history.clone(),
            (None, None) => Rc::new(History { branches: Vec::new() }),
        };
        World {
            branch: state.branch,
            position: state.position,
            now: state.now,
            facts: Rc::new(state.facts),
            claims: state.claims.into(),
            digest: state.digest.into(),
            prompt: state.prompt,
            running: state.running,
            history,
        }
    }

    pub fn line(&self) -> Option<&Branch> {
        self.history.branches.iter().find(|branch| branch.id == self.branch)
    }

    pub fn events(&self) -> &[Event] {
        self.line().map_or(&[], |branch| &branch.events)
    }

    pub fn inputs(&self) -> &[InputRecord] {
        self.line().map_or(&[], |branch| &branch.inputs)
    }

    /// The event under the handle: the last that has happened.
    pub fn event(&self) -> Option<&Event> {
        self.events().get(self.position.checked_sub(1)? as usize)
    }

    /// Index of the input that the position is in.
    pub fn input_at(&self, position: u32) -> Option<usize> {
        self.inputs().iter().rposition(|input| input.first_event < position)
    }

    pub fn ahead(&self) -> u32 {
        (self.events().len() as u32).saturating_sub(self.position)
    }

    pub fn at_end(&self) -> bool {
        self.ahead() == 0
    }
}

/// What colours an event.
pub fn category(event: &Event) -> Category {
    use engine::node::Happening::*;
    match &event.what {
        What::Input { .. } => Category::Typed,
        What::Control { category, .. } => *category,
        What::Limit { .. } => Category::Decision,
        What::Kernel { event, .. } => match event.what {
            Executed { .. } | Forked { .. } | Exited { .. } | Signaled { .. } => Category::Process,
            _ if event.container.is_some() => Category::Container,
            _ => Category::Process,
        },
    }
}

/// The class that gives an event or a thing its colour.
pub fn category_class(category: Category) -> &'static str {
    match category {
        Category::Typed => "typed",
        Category::Layer => "layer",
        Category::Container | Category::Process => "cont",
        Category::Cgroup => "cg",
        Category::Network => "net",
        Category::Decision => "dec",
    }
}

/// An event in words: the engine's own.
pub fn event_words(event: &Event) -> String {
    match &event.what {
        What::Input { text } => text.clone(),
        _ => engine::trace::describe(event),
    }
}

/// The end of a path: what a label has room for.
pub fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}
