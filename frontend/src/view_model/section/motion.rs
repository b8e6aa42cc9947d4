//! What moves between two drawings of the section: a copy rises when time goes on, and sinks on the same path when it
//! goes back. Nothing moves when only the room for it has changed, or another line of time is shown.

use super::shape::{Drawing, Form, Shape};
use engine::session::BranchId;
use std::rc::Rc;

/// A moment of the world: a branch, and how many of its events have happened.
pub type At = Option<(BranchId, u32)>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    at: At,
    drawing: Rc<Drawing>,
    /// What was copied up at this event comes from below.
    pub rises: bool,
    /// What the event that was taken back had brought, on its way down again.
    pub sinking: Vec<Shape>,
}

impl Motion {
    /// What moves in the drawing that comes after this one.
    pub fn then(&self, at: At, drawing: &Rc<Drawing>) -> Motion {
        let next = Motion { at, drawing: drawing.clone(), rises: false, sinking: Vec::new() };
        let resized = (self.drawing.width, self.drawing.height) != (drawing.width, drawing.height);
        match (self.at, at) {
            (Some((before, _)), Some((now, _))) if resized || before != now => next,
            (Some((_, before)), Some((_, now))) if before < now => Motion { rises: true, ..next },
            (Some((_, before)), Some((_, now))) if before > now => Motion { sinking: self.taken_back(drawing), ..next },
            (Some(_), Some(_)) => Motion { rises: self.rises, sinking: self.sinking.clone(), ..next },
            _ => next,
        }
    }

    /// The copies that are no longer there, with the arrows that led to them.
    fn taken_back(&self, now: &Drawing) -> Vec<Shape> {
        let there = |key: &str| now.shapes.iter().any(|shape| shape.key == key);
        let came = |shape: &&Shape| {
            let moved = matches!(shape.form, Form::Risen { .. }) || shape.key.starts_with("rise ");
            (moved || shape.key.starts_with("head ")) && !there(&shape.key)
        };
        let copies = self.drawing.shapes.iter().any(|shape| matches!(shape.form, Form::Risen { .. }) && came(&shape));
        self.drawing.shapes.iter().filter(|shape| copies && came(shape)).cloned().collect()
    }
}
