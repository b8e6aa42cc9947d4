//! Pieces of pages. Each is a function of the context and its own small state.

pub mod context;
pub mod editor;
pub mod header;
pub mod inspector;
pub mod plate;
pub mod prose;
pub mod room;
pub mod sheets;
pub mod spans;
pub mod terminal;
pub mod timeline;
