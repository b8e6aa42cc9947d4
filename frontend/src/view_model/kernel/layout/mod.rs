//! Gives the kernel its places: decks at the left, the bars of the other namespaces below them on the same columns,
//! control groups at the right, or below where there is no room beside.

mod bars;
mod columns;
mod decks;
mod tanks;

use super::model::{KernelModel, Row};
use super::style::Style;
use super::words;
use crate::view_model::measure::{Font, Measure};
use crate::view_model::scene;
use crate::view_model::scene::shape::{Anchor, Drawing, Run};
use columns::Columns;
use decks::Decks;

type Canvas<'a> = scene::Canvas<'a, Style>;

impl Canvas<'_> {
    fn sans(&self) -> Font {
        Font::sans(self.style.font)
    }
}

/// A part of the canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// The kernel, drawn for this much room. It may come out taller: then its place scrolls.
pub fn lay_out(model: &KernelModel, style: Style, width: f64, height: f64, measure: &dyn Measure) -> Drawing {
    let mut canvas = Canvas::new(style, width, height, measure);
    // A cut edge needs half its own thickness.
    let edge = canvas.style.margin.max(2.0);
    let whole = Area { left: edge, top: 2.0, width: width - 2.0 * edge, height: height - 5.0 };
    let spars = model.decks_wanted || !model.rows.is_empty();
    let (left, right) = split(&canvas, model, whole, spars);
    let mut bottom = 0.0f64;
    if let Some(area) = left {
        bottom = draw_spars(&mut canvas, model, area);
    }
    if let Some(mut area) = right {
        if left.is_some() && area.left <= whole.left {
            // Below: what there is room for, or as much as a tank needs.
            area.top = bottom + style.gap * 3.0;
            area.height = (whole.bottom() - area.top).max(style.font * 15.0);
        } else if left.is_some() {
            let x = area.left - style.gap * 2.0;
            canvas.line("rule", "divide", x, whole.top, x, whole.bottom());
        }
        bottom = bottom.max(tanks::draw(&mut canvas, model, area));
    }
    let height = height.max(bottom + 3.0);
    canvas.drawing(height)
}

/// Where the processes are drawn, and where the control groups.
fn split(canvas: &Canvas, model: &KernelModel, whole: Area, spars: bool) -> (Option<Area>, Option<Area>) {
    let style = canvas.style;
    // Places of groups that are not there leave the processes all the room.
    let there = model.tanks.iter().any(|tank| tank.absent.is_none());
    let tanks = model.tanks_wanted && (there || !spars);
    match (spars, tanks) {
        (_, false) => (Some(whole), None),
        // What was typed stands in the empty corner.
        (false, true) => {
            let corner = style.keystrokes.min(whole.width / 2.0);
            (None, Some(Area { left: whole.left + corner, width: whole.width - corner, ..whole }))
        }
        (true, true) => {
            let Some(share) = style.beside else { return (Some(whole), Some(whole)) };
            let wanted = model.tanks.len() as f64 * (style.tank_pitch_max + style.gap * 2.0);
            let width = wanted.min(whole.width * share).max(style.tank_pitch_min);
            let gap = style.gap * 4.0;
            let left = Area { width: whole.width - width - gap, ..whole };
            (Some(left), Some(Area { left: left.right() + gap, width, ..whole }))
        }
    }
}

/// Decks and bars; gives the lower edge.
fn draw_spars(canvas: &mut Canvas, model: &KernelModel, area: Area) -> f64 {
    let columns = Columns::place(canvas, model, area);
    if !model.decks_wanted {
        let top = columns.draw_heads(canvas, area);
        return bars::draw(canvas, &model.rows, &columns, top);
    }
    let (rows, decks) = stacked(canvas, model, &columns, area);
    decks.draw(canvas, model, &columns);
    let floor = area.bottom() - bars::height(canvas, rows.len());
    let title = corner(canvas, model, &columns, &decks, floor);
    let bottom = decks.bottom().max(title);
    if rows.is_empty() { bottom } else { bars::draw(canvas, &rows, &columns, bottom) }
}

/// The decks, with as many rows of bars as leave them room: one for each kind, one for those that divide alike, none.
fn stacked(canvas: &Canvas, model: &KernelModel, columns: &Columns, area: Area) -> (Vec<Row>, Decks) {
    let place = |rows: &[Row]| {
        let height = area.height - bars::height(canvas, rows.len());
        Decks::place(canvas, model, columns, Area { height, ..area })
    };
    // A wall shows one idea, and does not scroll.
    if !canvas.style.scrolls {
        return (Vec::new(), place(&[]));
    }
    let merged = model.merged_rows();
    let separate = &model.rows;
    if bars::height(canvas, separate.len()) <= area.height * 0.36 {
        let decks = place(separate);
        if decks.fits {
            return (separate.clone(), decks);
        }
    }
    // Then what divides nobody is left out.
    let dividing: Vec<Row> = merged.iter().filter(|row| row.runs.len() > 1).cloned().collect();
    for rows in [&merged, &dividing] {
        let decks = place(rows);
        if decks.fits {
            return (rows.clone(), decks);
        }
    }
    let decks = place(&merged);
    (merged, decks)
}

/// The title and what it means, in the empty corner below the node's own columns.
fn corner(canvas: &mut Canvas, model: &KernelModel, columns: &Columns, decks: &Decks, floor: f64) -> f64 {
    let style = canvas.style;
    let Some(size) = style.title else { return 0.0 };
    let (left, top) = (decks.left(), decks.root_bottom() + style.gap);
    let width = columns.corner() - style.gap * 2.0;
    if width < style.corner - style.gap * 2.0 || model.spars.is_empty() {
        return 0.0;
    }
    let (title, sentence) = words::title(model);
    // Large if all of it fits so; then smaller; then without the sentence.
    let attempts = [(size, true), (style.font * 1.2, true), (size, false), (style.font * 1.2, false)];
    let whole = attempts.into_iter().find_map(|(size, all)| {
        let mut y = top + size * 0.3;
        let mut lines = Vec::new();
        for line in wrapped(canvas, &title, Font::serif(size), width) {
            y += size * 1.15;
            lines.push((line, "ser", size, y));
        }
        y += style.font * 0.25;
        for line in wrapped(canvas, if all { &sentence } else { "" }, Font::sans(style.font), width) {
            y += style.font * 1.35;
            lines.push((line, "i2", style.font, y));
        }
        lines.last().is_some_and(|(_, _, _, y)| *y < floor - style.font * 0.5).then_some(lines)
    });
    let Some(lines) = whole else { return 0.0 };
    let mut y = lines.last().map_or(top, |(_, _, _, y)| *y);
    let mut bottom = y + style.font * 0.4;
    for (i, (line, class, size, y)) in lines.into_iter().enumerate() {
        canvas.text(format!("title{i}"), class, left, y, size, Anchor::Start, vec![Run::new(line, "")]);
    }
    // The two kinds of disc are named once, if there are both.
    let both = model.spars.iter().any(|spar| spar.numbers.len() > 1);
    let step = style.font * 1.7;
    if both && y + style.font * 0.8 + 2.0 * step < floor {
        y += style.font * 1.9;
        for (class, words) in [("disc known", "known to itself"), ("disc seen", "seen from outside")] {
            let radius = style.font * 0.55;
            canvas.disc(format!("key {words}"), class, left + radius + 1.0, y - radius * 0.6, radius);
            canvas.text(
                format!("key {words} words"),
                "i2",
                left + radius * 3.2,
                y,
                style.font,
                Anchor::Start,
                vec![Run::new(words, "")],
            );
            bottom = y + style.font * 0.4;
            y += step;
        }
    }
    bottom
}

/// Lines that are at most so wide, broken between words.
fn wrapped(canvas: &Canvas, text: &str, font: Font, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if canvas.text_width(&format!("{line} {word}"), font) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
