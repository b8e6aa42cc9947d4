//! What a person types at the console, parsed, completed and commented: docker, and the tools of an image.
//!
//! [`docker`] holds the grammar of the docker client; [`complete`] and [`advice`] read the same grammars. Nothing here
//! runs anything: programs are [`crate::program`]'s, meaning is the daemon's.

pub mod advice;
pub mod complete;
pub mod docker;
pub mod shell;
pub mod tools;
mod words;
