//! What every scene is made of, whatever it shows: shapes, the canvas they are laid out on, and what moves between two
//! drawings.
//!
//! A scene is a model read from the facts, the same in words, and a layout that gives everything a place for the room
//! there is. What comes out is a list of [`Shape`]s, which the page draws.

pub mod canvas;
pub mod model;
pub mod motion;
pub mod shape;

#[cfg(test)]
pub mod checks;

pub use canvas::Canvas;
pub use model::SceneModel;
pub use shape::{Drawing, Target};
