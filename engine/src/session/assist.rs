//! What a session knows that helps with typing: completion, advice after a failure, diagnostics of a file.
//!
//! It only joins: the grammars are in [`crate::command`] and [`crate::image`], the names come from the machine.

use super::{Completions, Diagnostic, Look};
use crate::command::advice;
use crate::command::complete::{self, ContainerName, Context, FileName, ImageName, Place};
use crate::fact::{Facts, unescape};
use crate::image::dockerfile;
use crate::scenario::Input;
use crate::sim::sort;
use crate::trace::Step;
use crate::world::Machine;

/// A machine as completion and advice see it.
struct Known<'a, N> {
    machine: &'a Machine<N>,
    facts: &'a Facts,
}

pub(super) fn complete<N: Look>(line: &str, cursor: u32, machine: &Machine<N>, facts: &Facts) -> Completions {
    let cursor = (cursor as usize).min(line.len());
    complete::complete(line, cursor, &Known { machine, facts })
}

pub(super) fn advise<N: Look>(input: &Input, step: &Step, machine: &Machine<N>) -> Option<String> {
    let Input::Line(line) = input else { return None };
    advice(line, step.exit_code?, machine, &step.facts)
}

/// What may be said after `line` ended with `exit_code`: the world's own word, apart from what the tools said.
pub fn advice<N: Look>(line: &str, exit_code: i32, machine: &Machine<N>, facts: &Facts) -> Option<String> {
    advice::advise(line, exit_code, &Known { machine, facts })
}

/// Diagnoses a text as the program that reads it would.
pub(super) fn lint(path: &str, text: &str) -> Vec<Diagnostic> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_dockerfile = name == "dockerfile" || name.starts_with("dockerfile.") || name.ends_with(".dockerfile");
    if is_dockerfile { dockerfile::diagnose(text) } else { Vec::new() }
}

impl<N: Look> Known<'_, N> {
    /// The names that stand at `*` in facts `head/*/tail`.
    fn names(&self, head: &str, tail: &str) -> Vec<String> {
        let name = |path: &String| {
            let mut parts = path.split('/');
            let fits = parts.next() == Some(head);
            let name = parts.next()?;
            (fits && parts.next() == Some(tail) && parts.next().is_none()).then(|| unescape(name))
        };
        self.facts.keys().filter_map(name).collect()
    }

    fn files(&self, container: Option<&str>, dir: &str) -> Vec<FileName> {
        let directory = |name: &String| name.ends_with('/');
        let file = |name: String| FileName {
            directory: directory(&name),
            // Which of them may be executed matters only on the PATH, where all of them may.
            executable: true,
            name: name.trim_end_matches('/').to_owned(),
        };
        self.machine.node.list_dir(container, dir).into_iter().map(file).collect()
    }
}

impl<N: Look> Context for Known<'_, N> {
    fn images(&self) -> Vec<ImageName> {
        let local = self.names("image", "id");
        let registry = self.machine.world.registry().iter().filter(|reference| !local.contains(reference)).cloned();
        let remote: Vec<String> = registry.collect();
        let named = |local| move |reference| ImageName { reference, local };
        local.clone().into_iter().map(named(true)).chain(remote.into_iter().map(named(false))).collect()
    }

    fn containers(&self) -> Vec<ContainerName> {
        let named = |name: String| {
            let state = self.facts.get(&crate::fact::path(["container", &name, "state"]));
            ContainerName { state: state.map(ToString::to_string).unwrap_or_default(), id: String::new(), name }
        };
        self.names("container", "state").into_iter().map(named).collect()
    }

    fn list_dir(&self, place: &Place, path: &str) -> Vec<FileName> {
        match place {
            Place::Node if path.starts_with('/') => self.files(None, path),
            Place::Node => {
                let cwd = self.machine.node.cwd(self.machine.world.console());
                self.files(None, &format!("{cwd}/{path}"))
            }
            Place::Container(name) => self.files(Some(name), path),
            Place::Image(_) => Vec::new(),
        }
    }

    fn executables(&self, place: &Place) -> Vec<String> {
        let dirs = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        let mut names: Vec<String> =
            dirs.iter().flat_map(|dir| self.list_dir(place, dir)).map(|file| file.name).collect();
        sort(&mut names);
        names.dedup();
        names
    }

    fn console(&self) -> Place {
        let world = &self.machine.world;
        world.console_container().map_or(Place::Node, Place::Container)
    }
}
