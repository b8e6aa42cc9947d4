//! What holds of every drawing.

use super::shape::{Anchor, Drawing, Form};
use crate::view_model::measure::{Estimate, Font, Measure};
use std::collections::BTreeSet;

pub fn labels_apart(name: &str, drawing: &Drawing) {
    let texts: Vec<_> = drawing.shapes.iter().filter_map(|shape| Some((&shape.key, extent(&shape.form)?))).collect();
    for (i, (a_key, a)) in texts.iter().enumerate() {
        for (b_key, b) in &texts[i + 1..] {
            let apart = a.2 <= b.0 + 1.0 || b.2 <= a.0 + 1.0 || a.3 <= b.1 + 0.5 || b.3 <= a.1 + 0.5;
            assert!(apart, "{name}: `{a_key}` {a:?} lies over `{b_key}` {b:?}");
        }
    }
}

/// And each key is there once.
pub fn inside(name: &str, drawing: &Drawing) {
    let mut keys = BTreeSet::new();
    for shape in &drawing.shapes {
        assert!(keys.insert(&shape.key), "{name}: `{}` twice", shape.key);
        let (x, y) = match shape.form {
            Form::Rect { x, y, width, height } => {
                assert!(width >= 0.0 && height >= 0.0, "{name}: {shape:?}");
                (x + width, y + height)
            }
            Form::Line { x1, y1, x2, y2 } => (x1.max(x2), y1.max(y2)),
            _ => continue,
        };
        assert!(x <= drawing.width + 0.5 && y <= drawing.height + 0.5, "{name}: {shape:?}");
    }
}

/// Left, top, right and bottom of a text.
fn extent(form: &Form) -> Option<(f64, f64, f64, f64)> {
    let Form::Text { x, y, size, anchor, runs } = form else { return None };
    let width: f64 = runs.iter().map(|run| Estimate.width(&run.text, Font::sans(size * run.scale))).sum();
    let left = match anchor {
        Anchor::Start => *x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    (width > 0.0).then_some((left, y - size * 0.7, left + width, y + size * 0.15))
}
