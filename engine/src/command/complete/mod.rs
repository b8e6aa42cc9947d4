//! Completion of a console line, from the same grammars that parse it and from what the machine has right now.
//!
//! The session implements [`Context`]; this module asks it for names and never guesses. What Docker has and this world
//! has not is not offered.

mod candidates;
mod docker;

#[cfg(test)]
mod tests;

use super::tools;
use super::words::{self, Typed};
use crate::session::{Candidate, Completions};
use candidates::Candidates;

/// Candidates told at once; more would not be read.
const CANDIDATES: usize = 200;

/// Commands that run the command behind them.
const PREFIXES: &[&str] = &["command", "env", "exec", "nohup", "sudo", "time", "xargs"];

/// Words of the shell that start a command of their own.
const KEYWORDS: &[&str] = &["!", "do", "elif", "else", "if", "then", "until", "while", "{"];

/// What the machine has.
pub trait Context {
    /// Image references, on the node and in the registry.
    fn images(&self) -> Vec<ImageName>;
    fn containers(&self) -> Vec<ContainerName>;
    /// The files of a directory; `path` may be relative to where the console's shell is, or, in a container that it is
    /// not in, to the root. Empty if there is no such directory.
    fn list_dir(&self, place: &Place, path: &str) -> Vec<FileName>;
    /// The commands on the `PATH` of that place, by name.
    fn executables(&self, place: &Place) -> Vec<String>;
    /// Where the console's shell runs.
    fn console(&self) -> Place;
}

/// Whose files and commands are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Node,
    /// A container, by name or id.
    Container(String),
    /// A container that is yet to be made of this image.
    Image(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// `centos:7`.
    pub reference: String,
    /// It is on the node; otherwise the registry has it.
    pub local: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerName {
    pub name: String,
    pub id: String,
    /// `running`, `exited`, as `docker inspect` has it.
    pub state: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    pub name: String,
    pub directory: bool,
    pub executable: bool,
}

/// What may stand at the cursor, a byte offset into the line.
pub fn complete(line: &str, cursor: usize, context: &dyn Context) -> Completions {
    let typed = words::at_cursor(line, cursor);
    let mut found = Candidates::default();
    at(&typed, context, &mut found);
    let quote = line[typed.start..].chars().next().filter(|c| matches!(c, '\'' | '"'));
    let candidates: Vec<Candidate> = found.finish(quote);
    let expected = if candidates.is_empty() { found.expected } else { String::new() };
    Completions { start: typed.start as u32, end: typed.end as u32, candidates, expected }
}

fn at(typed: &Typed, context: &dyn Context, found: &mut Candidates) {
    let place = context.console();
    if typed.redirected {
        found.expected = "FILE".to_string();
        return candidates::paths(&typed.word, &place, false, context, found);
    }
    let skipped = typed.before.iter().take_while(|word| is_prefix(word)).count();
    command_line(&typed.before[skipped..], &typed.word, &place, context, found);
}

fn is_prefix(word: &str) -> bool {
    PREFIXES.contains(&word) || KEYWORDS.contains(&word)
}

/// A command and its arguments at `place`: `before` is complete, `word` is being typed.
fn command_line(before: &[String], word: &str, place: &Place, context: &dyn Context, found: &mut Candidates) {
    let Some(command) = before.first() else {
        found.expected = "COMMAND".to_string();
        return candidates::commands(word, place, context, found);
    };
    match command.as_str() {
        "docker" if *place == Place::Node => docker::arguments(&before[1..], word, context, found),
        "cd" => {
            found.expected = "[DIRECTORY]".to_string();
            candidates::paths(word, place, true, context, found);
        }
        name => {
            let tool = tools::tool(name.rsplit('/').next().unwrap_or(name));
            found.expected = tool.map_or("[ARG...]", |tool| tool.synopsis).to_string();
            let options = tool.filter(|_| word.starts_with('-')).map_or(&[][..], |tool| tool.options);
            for option in options {
                option.words().for_each(|text| found.offer(word, text, option.help));
            }
            candidates::paths(word, place, false, context, found);
        }
    }
}
