//! Gives the section its places. Three parts, top to bottom: the rooms, the strata, and what runs between them.

mod ground;
mod lines;
mod rooms;

use super::model::SectionModel;
use super::style::Style;
use super::words;
use crate::view_model::measure::{Font, Measure, fit};
use crate::view_model::scene;
use crate::view_model::scene::shape::{Anchor, Drawing, Run};
use ground::Ground;
use rooms::Rooms;

type Canvas<'a> = scene::Canvas<'a, Style>;

/// The section, drawn for this much room. It may come out taller: then its place scrolls.
pub fn lay_out(model: &SectionModel, style: Style, width: f64, height: f64, measure: &dyn Measure) -> Drawing {
    let mut canvas = Canvas::new(style, width, height, measure);
    let rooms = Rooms::place(&canvas, model);
    let title_bottom = canvas.title(model, rooms.left_out);
    // A room full of people is shown what was typed where the rooms will be.
    let top = if rooms.is_empty() && !style.found_in_bar { title_bottom } else { rooms.bottom() };
    let ground = Ground::place(&canvas, model, top, !rooms.is_empty());
    ground.draw(&mut canvas, model);
    rooms.draw(&mut canvas);
    lines::draw(&mut canvas, model, &rooms, &ground);
    let height = height.max(ground.bottom() + 3.0);
    canvas.drawing(height)
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
}
