//! Whole pages: a lesson, the same on a projector, its speaker’s notes, the map of the course.

pub mod lesson;
pub mod map;
pub mod notes;
pub mod projector;
