//! Whole pages: a lesson, the same on a projector, the map of the course.

pub mod lesson;
pub mod map;
pub mod projector;
