//! Where a layout puts its shapes, with the measures it is made for.

use super::shape::{Anchor, Drawing, Form, Run, Shape};
use crate::view_model::measure::{Font, Measure};
use engine::sim::{Map, sort_by};

/// `S` holds the measures of one kind of scene at one size.
pub struct Canvas<'a, S> {
    pub style: S,
    pub width: f64,
    pub height: f64,
    pub measure: &'a dyn Measure,
    pub shapes: Vec<Shape>,
}

impl<'a, S> Canvas<'a, S> {
    pub fn new(style: S, width: f64, height: f64, measure: &'a dyn Measure) -> Canvas<'a, S> {
        Canvas { style, width, height, measure, shapes: Vec::new() }
    }

    /// Done, at this height.
    pub fn drawing(self, height: f64) -> Drawing {
        let mut shapes = self.shapes;
        number_repeated(&mut shapes);
        Drawing { width: self.width, height, room: self.height, shapes }
    }

    pub fn text_width(&self, text: &str, font: Font) -> f64 {
        self.measure.width(text, font)
    }

    pub fn push(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }

    #[allow(clippy::too_many_arguments)] // a text is its place, its style and its words
    pub fn text(
        &mut self,
        key: impl Into<String>,
        class: &'static str,
        x: f64,
        y: f64,
        size: f64,
        anchor: Anchor,
        runs: Vec<Run>,
    ) {
        self.push(Shape::new(key, class, Form::Text { x, y, size, anchor, runs }));
    }

    pub fn rect(&mut self, key: impl Into<String>, class: &'static str, x: f64, y: f64, width: f64, height: f64) {
        self.push(Shape::new(key, class, Form::Rect { x, y, width, height }));
    }

    pub fn disc(&mut self, key: impl Into<String>, class: &'static str, x: f64, y: f64, radius: f64) {
        self.push(Shape::new(key, class, Form::Disc { x, y, radius }));
    }

    pub fn line(&mut self, key: impl Into<String>, class: &'static str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.push(Shape::new(key, class, Form::Line { x1, y1, x2, y2 }));
    }
}

/// Things may have the same name, such as an instruction in the base and in the image; a key that is there twice would
/// stop the page.
fn number_repeated(shapes: &mut [Shape]) {
    let mut seen: Map<String, u32> = Map::new();
    for shape in shapes {
        let times = seen.get_or_insert_with(shape.key.clone(), Default::default);
        *times += 1;
        if *times > 1 {
            shape.key = format!("{} ({times})", shape.key);
        }
    }
}

/// The widest part of `from..to` that keeps `margin` from every obstacle.
pub fn widest_gap(from: f64, to: f64, obstacles: &[f64], margin: f64) -> (f64, f64) {
    let mut stops: Vec<f64> = obstacles.iter().copied().filter(|x| *x > from - margin && *x < to + margin).collect();
    sort_by(&mut stops, f64::total_cmp);
    let mut gaps = Vec::new();
    let mut left = from;
    for stop in stops {
        gaps.push((left, stop - margin));
        left = stop + margin;
    }
    gaps.push((left, to));
    gaps.into_iter().max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))).unwrap_or((from, to))
}
