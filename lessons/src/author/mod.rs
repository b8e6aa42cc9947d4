//! For authors: `lesson.md` → [`Lesson`], and the proof that a lesson keeps its promises.
//!
//! Only xtask, node-runtime and the tests use it (feature `author`); the page never parses a lesson.

pub mod check;
pub mod course;
mod fences;
pub mod files;
pub mod images;
mod markdown;
mod parse;
mod watch;

pub use parse::{LessonError, Source, parse};
