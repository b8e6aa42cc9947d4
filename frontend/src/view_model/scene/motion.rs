//! What moves between two drawings of a scene: what an event brings comes when time goes on, and goes on the same path
//! when it goes back. Nothing moves when only the room for it has changed, or another line of time is shown.

use super::shape::{Drawing, Shape, Way};
use engine::session::BranchId;
use std::rc::Rc;

/// A moment of the world: a branch, and how many of its events have happened.
pub type At = Option<(BranchId, u32)>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    at: At,
    drawing: Rc<Drawing>,
    /// What has a way comes along it.
    pub comes: bool,
    /// What the event that was taken back had brought, on its way back.
    pub going: Vec<Shape>,
}

impl Motion {
    /// What moves in the drawing that comes after this one.
    pub fn then(&self, at: At, drawing: &Rc<Drawing>) -> Motion {
        let next = Motion { at, drawing: drawing.clone(), comes: false, going: Vec::new() };
        let resized = (self.drawing.width, self.drawing.room) != (drawing.width, drawing.room);
        match (self.at, at) {
            (Some((before, _)), Some((now, _))) if resized || before != now => next,
            (Some((_, before)), Some((_, now))) if before < now => Motion { comes: true, ..next },
            (Some((_, before)), Some((_, now))) if before > now => Motion { going: self.taken_back(drawing), ..next },
            (Some(_), Some(_)) => Motion { comes: self.comes, going: self.going.clone(), ..next },
            _ => next,
        }
    }

    /// What came along a way and is no longer there, with what stood beside that way.
    fn taken_back(&self, now: &Drawing) -> Vec<Shape> {
        let there = |key: &str| now.shapes.iter().any(|shape| shape.key == key);
        let gone = |shape: &&Shape| shape.way.is_some() && !there(&shape.key);
        let moved = self.drawing.shapes.iter().filter(gone).any(|shape| shape.way != Some(Way::Beside));
        self.drawing.shapes.iter().filter(gone).filter(|_| moved).cloned().collect()
    }
}
