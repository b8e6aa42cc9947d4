//! What a session knows that helps with typing: completion, advice after a failure, diagnostics of a file.
//!
//! It only joins: the grammars are in [`crate::command`] and [`crate::image`], the names come from the machine.

use super::{Completions, Diagnostic, Replayable};
use crate::scenario::Input;
use crate::trace::Step;
use crate::world::Machine;

pub(super) fn complete<N: Replayable>(_line: &str, cursor: u32, _machine: &Machine<N>) -> Completions {
    Completions { start: cursor, end: cursor, candidates: Vec::new(), expected: String::new() }
}

pub(super) fn advise<N: Replayable>(_input: &Input, _step: &Step, _machine: &Machine<N>) -> Option<String> {
    None
}

/// Diagnoses a text as the program that reads it would.
pub(super) fn lint(_path: &str, _text: &str) -> Vec<Diagnostic> {
    Vec::new()
}
