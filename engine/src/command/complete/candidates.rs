//! Gathering what may stand somewhere: files, commands, images, containers; and quoting what is chosen.

use super::{CANDIDATES, Context, Place};
use crate::command::shell::BUILTINS;
use crate::session::Candidate;
use crate::sim::sort_by;

/// Characters that a shell would take for its own.
const SPECIAL: &str = " \t'\"\\$`|&;<>()*?[]#~!{}";

#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// With its rank: the lowest first, equal ones by name.
    found: Vec<(usize, Candidate)>,
    /// What is said when there is nothing to choose.
    pub expected: String,
}

impl Candidates {
    /// Takes `text` if it goes on from what was typed.
    pub fn offer(&mut self, typed: &str, text: &str, help: &str) {
        self.offer_at(0, typed, text, help);
    }

    /// [`Candidates::offer`] in an order that is not the alphabet's.
    pub fn offer_at(&mut self, rank: usize, typed: &str, text: &str, help: &str) {
        if text.starts_with(typed) {
            self.found.push((rank, Candidate { text: text.to_string(), help: help.to_string() }));
        }
    }

    pub fn take(&mut self) -> Vec<Candidate> {
        let mut found = std::mem::take(&mut self.found);
        sort_by(&mut found, |(a, x), (b, y)| a.cmp(b).then_with(|| x.text.cmp(&y.text)));
        found.into_iter().map(|(_, candidate)| candidate).collect()
    }

    pub fn finish(&mut self, quote: Option<char>) -> Vec<Candidate> {
        let mut found = self.take();
        found.dedup_by(|a, b| a.text == b.text);
        found.truncate(CANDIDATES);
        for candidate in &mut found {
            candidate.text = quoted(&candidate.text, quote);
        }
        found
    }
}

/// The text as it has to be typed. A directory's quote stays open: more follows.
fn quoted(text: &str, quote: Option<char>) -> String {
    let Some(quote) = quote else {
        let escape = |c: char| if SPECIAL.contains(c) { vec!['\\', c] } else { vec![c] };
        return text.chars().flat_map(escape).collect();
    };
    let close = if text.ends_with('/') { String::new() } else { quote.to_string() };
    let inner = match quote {
        '\'' => text.replace('\'', "'\\''"),
        _ => text.chars().flat_map(|c| if "\"\\$`".contains(c) { vec!['\\', c] } else { vec![c] }).collect(),
    };
    format!("{quote}{inner}{close}")
}

/// Files that go on from `word`. `.`files only if asked for.
pub(super) fn paths(word: &str, place: &Place, only_dirs: bool, context: &dyn Context, found: &mut Candidates) {
    files(word, place, context, found, |directory, _| directory || !only_dirs);
}

fn files(
    word: &str,
    place: &Place,
    context: &dyn Context,
    found: &mut Candidates,
    wanted: impl Fn(bool, bool) -> bool,
) {
    let (dir, name) = match word.rfind('/') {
        Some(slash) => word.split_at(slash + 1),
        None => ("", word),
    };
    let listed = if dir.is_empty() { "." } else { dir };
    for file in context.list_dir(place, listed) {
        let hidden = file.name.starts_with('.') && !name.starts_with('.');
        if hidden || !wanted(file.directory, file.executable) {
            continue;
        }
        match file.directory {
            true => found.offer(word, &format!("{dir}{}/", file.name), "directory"),
            false => found.offer(word, &format!("{dir}{}", file.name), "file"),
        }
    }
}

/// Commands by name, or by path once there is a slash.
pub(super) fn commands(word: &str, place: &Place, context: &dyn Context, found: &mut Candidates) {
    if word.contains('/') {
        return files(word, place, context, found, |directory, executable| directory || executable);
    }
    for (name, help) in BUILTINS {
        found.offer(word, name, help);
    }
    programs(word, place, context, found);
}

/// Commands of a place without a shell.
pub(super) fn programs(word: &str, place: &Place, context: &dyn Context, found: &mut Candidates) {
    if word.contains('/') {
        return files(word, place, context, found, |directory, executable| directory || executable);
    }
    for name in context.executables(place) {
        let help = match name.as_str() {
            "docker" => "A self-sufficient runtime for containers",
            _ => "command",
        };
        found.offer(word, &name, help);
    }
}

/// Image references. `latest` is left out until a tag is begun, as people do.
pub(super) fn images(word: &str, registry: bool, context: &dyn Context, found: &mut Candidates) {
    for image in context.images().into_iter().filter(|image| image.local || registry) {
        let help = if image.local { "image" } else { "image, in the registry" };
        match image.reference.strip_suffix(":latest") {
            Some(repository) if !word.starts_with(&format!("{repository}:")) => found.offer(word, repository, help),
            _ => found.offer(word, &image.reference, help),
        }
    }
}

/// Containers by name; by id only once an id is begun.
pub(super) fn containers(word: &str, running: Option<bool>, context: &dyn Context, found: &mut Candidates) {
    for container in context.containers() {
        if running.is_some_and(|wanted| wanted != (container.state == "running")) {
            continue;
        }
        let help = format!("container, {}", container.state);
        found.offer(word, &container.name, &help);
        if !word.is_empty() && !container.name.starts_with(word) {
            found.offer(word, &container.id, &help);
        }
    }
}
