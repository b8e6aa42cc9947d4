//! The present: the world as the session last told it, and the event under the handle.

use engine::fact::Facts;
use engine::node::{Happening, TOOLBOX};
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

    /// The line that was begun goes on: an open quote, a pipe, a backslash (POSIX, 2.5.3: PS2).
    pub fn continues(&self) -> bool {
        self.prompt.starts_with('>')
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
        _ => described(event),
    }
}

/// The same with a person's input named as theirs; a program by what was typed, not by what its `#!` line runs.
pub fn described(event: &Event) -> String {
    let mut shown = event.clone();
    if let What::Kernel { event, .. } = &mut shown.what
        && let Happening::Executed { argv, .. } = &mut event.what
    {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        if let [program, rest @ ..] = as_ps_shows(&words) {
            let typed = std::iter::once(base_name(program)).chain(rest.iter().copied());
            *argv = typed.map(str::to_owned).collect();
        }
    }
    engine::trace::describe(&shown)
}

/// A command line without the interpreter and its argument that execve(2) puts before a `#!` file, as `ps` has it.
pub fn as_ps_shows<'a, 'b>(argv: &'a [&'b str]) -> &'a [&'b str] {
    match argv {
        [interpreter, _, rest @ ..] if *interpreter == TOOLBOX && !rest.is_empty() => rest,
        all => all,
    }
}

/// The end of a path: what a label has room for.
pub fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::call::Tid;
    use engine::node::KernelEvent;
    use engine::trace::EventId;

    fn became(argv: &[&str]) -> String {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let what = Happening::Executed { path: String::new(), argv };
        let event = KernelEvent { tid: Tid(7), container: None, what };
        let what = What::Kernel { event, times: 1 };
        described(&Event { id: EventId(0), at: 0, causes: vec![], about: String::new(), what })
    }

    #[test]
    fn a_program_is_named_as_it_was_typed() {
        assert_eq!(became(&[TOOLBOX, "ls", "/bin/ls", "-l", "/etc"]), "pid 7 became `ls -l /etc`");
        assert_eq!(became(&[TOOLBOX, "sh", "/bin/sh", "/run-httpd.sh"]), "pid 7 became `sh /run-httpd.sh`");
        assert_eq!(became(&["/usr/sbin/httpd"]), "pid 7 became `httpd`");
        assert_eq!(became(&[TOOLBOX, "ps"]), format!("pid 7 became `{} ps`", base_name(TOOLBOX)));
    }
}
