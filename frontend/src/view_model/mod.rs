//! What is shown, as plain data: functions of the session's state and the lesson, with no browser in them.
//!
//! Facts come from the engine; nothing here makes one (I8). It chooses, words and lays out, and is tested natively.

pub mod branches;
pub mod course_map;
pub mod facts;
pub mod inspector;
pub mod kernel;
pub mod measure;
pub mod moment;
pub mod paper;
pub mod prose;
pub mod scene;
pub mod section;
pub mod size;
pub mod terminal;
pub mod timeline;
