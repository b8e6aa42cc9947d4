//! Gives the section its places. Three parts, top to bottom: the rooms, the strata, and what runs between them.

mod ground;
mod lines;
mod rooms;

use super::model::SectionModel;
use super::shape::{Anchor, Drawing, Form, Run, Shape};
use super::style::Style;
use super::words;
use crate::view_model::measure::{Font, Measure, fit};
use engine::sim::{Map, sort_by};
use ground::Ground;
use rooms::Rooms;

pub(super) struct Canvas<'a> {
    pub style: Style,
    pub width: f64,
    pub height: f64,
    pub measure: &'a dyn Measure,
    pub shapes: Vec<Shape>,
}

/// The section, drawn for this much room. It may come out taller: then its place scrolls.
pub fn lay_out(model: &SectionModel, style: Style, width: f64, height: f64, measure: &dyn Measure) -> Drawing {
    let mut canvas = Canvas { style, width, height, measure, shapes: Vec::new() };
    let rooms = Rooms::place(&canvas, model);
    let title_bottom = canvas.title(model, rooms.left_out);
    // A room full of people is shown what was typed where the rooms will be.
    let top = if rooms.is_empty() && !style.found_in_bar { title_bottom } else { rooms.bottom() };
    let ground = Ground::place(&canvas, model, top, !rooms.is_empty());
    ground.draw(&mut canvas, model);
    rooms.draw(&mut canvas);
    lines::draw(&mut canvas, model, &rooms, &ground);
    let height = height.max(ground.bottom() + 3.0);
    let mut shapes = canvas.shapes;
    number_repeated(&mut shapes);
    Drawing { width, height, shapes }
}

/// An instruction may be there twice, in the base and in the image; a key that is there twice would stop the page.
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

impl Canvas<'_> {
    /// The title and what there is, in the empty corner; gives the lower edge.
    fn title(&mut self, model: &SectionModel, left_out: usize) -> f64 {
        let Some(size) = self.style.title else { return 2.0 };
        let font = self.style.font;
        let mut y = size * 0.98;
        // Beside the rooms, a long name gives way.
        let room = if model.rooms.is_empty() { self.width } else { self.rooms_left() - 8.0 };
        let whole = format!("{}, in section", model.image);
        let words = match self.text_width(&whole, Font::serif(size)) <= room {
            true => whole,
            false => fit(self.measure, &model.image, Font::serif(size), room),
        };
        self.text("title", "ser", 0.0, y, size, Anchor::Start, vec![Run::new(words, "")]);
        let (what, how) = words::subtitle(model, left_out);
        y += 0.1 * font;
        for (i, line) in what.iter().enumerate() {
            y += font * 1.3;
            self.text(format!("what{i}"), "i2", 0.0, y, font, Anchor::Start, vec![Run::new(line.clone(), "")]);
        }
        y += 0.3 * font;
        for (i, line) in how.iter().enumerate() {
            y += font * 1.3;
            self.text(format!("how{i}"), "i3", 0.0, y, font, Anchor::Start, vec![Run::new(line.clone(), "")]);
        }
        y + font * 0.8
    }

    pub fn rooms_left(&self) -> f64 {
        self.style.rooms_left.max(self.width * self.style.rooms_share)
    }

    pub fn right(&self) -> f64 {
        self.width - if self.style.names_beside && self.style.font > 20.0 { 56.0 } else { 2.0 }
    }

    pub fn sans(&self) -> Font {
        Font::sans(self.style.font)
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

    pub fn line(&mut self, key: impl Into<String>, class: &'static str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.push(Shape::new(key, class, Form::Line { x1, y1, x2, y2 }));
    }
}

/// The widest part of `from..to` that keeps `margin` from every obstacle.
pub(super) fn widest_gap(from: f64, to: f64, obstacles: &[f64], margin: f64) -> (f64, f64) {
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
