//! The strata: heights by bytes on one scale; what is too thin for it is enlarged above a zigzag, and said to be.

use super::Canvas;
use crate::view_model::measure::{Font, fit, fit_words};
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Target};
use crate::view_model::section::model::{Layer, SectionModel, Stratum};
use crate::view_model::section::style::Style;
use crate::view_model::size::{Px, decimal, in_unit, size_words, unit_of};
use std::fmt::Write as _;

/// Draft marks on the scale, at most.
const MARKS: f64 = 6.0;
/// Thin layers of similar size keep their proportions; beyond this they can not, and the scene says so.
const PROPORTIONS: f64 = 2.5;

#[derive(Debug)]
pub struct Ground {
    pub left: f64,
    pub right: f64,
    /// Top to bottom, newest first.
    pub rows: Vec<Row>,
    pub top: f64,
    /// Pixels a byte on the common scale.
    pixels_per_byte: f64,
    under_rooms: bool,
    fits: bool,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub y: f64,
    pub height: f64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Layer {
        number: u32,
        enlarged: bool,
    },
    Meta {
        words: String,
    },
    /// Where the scale breaks; the words say by how much, or that there is none.
    Break {
        words: String,
    },
}

impl Ground {
    pub fn place(canvas: &Canvas, model: &SectionModel, top: f64, under_rooms: bool) -> Ground {
        let attempts =
            [(canvas.style.row_height, false), (canvas.style.row_height, true), (canvas.style.row_min, true)];
        let mut placed = None;
        for (row_height, merged) in attempts {
            let ground = attempt(canvas, model, top, under_rooms, row_height, merged);
            let fits = ground.fits;
            placed = Some(ground);
            if fits {
                break;
            }
        }
        placed.expect("there is at least one attempt")
    }

    /// How far to the right a layer's words may reach.
    pub fn words_end(&self, canvas: &Canvas) -> f64 {
        canvas.rooms_left().max(self.left + (self.right - self.left) * 0.27)
    }

    pub fn bottom(&self) -> f64 {
        self.rows.last().map_or(self.top, |row| row.y + row.height)
    }

    pub fn row_of(&self, number: u32) -> Option<&Row> {
        self.rows.iter().find(|row| matches!(row.what, What::Layer { number: n, .. } if n == number))
    }

    /// The line where the scale breaks between a place and the layer below it.
    pub fn first_break(&self, above: f64) -> Option<f64> {
        let row = self.rows.iter().find(|row| matches!(row.what, What::Break { .. }) && row.y < above)?;
        Some(row.y + row.height / 2.0)
    }

    pub fn draw(&self, canvas: &mut Canvas, model: &SectionModel) {
        if !model.exists() {
            return self.draw_absent(canvas, model);
        }
        for row in &self.rows {
            match &row.what {
                What::Layer { number, .. } => {
                    if let Some(layer) = model.layer(*number) {
                        self.draw_body(canvas, row, layer, model.layers);
                    }
                }
                What::Break { .. } => self.draw_zigzag(canvas, row),
                What::Meta { .. } => {}
            }
        }
        self.draw_edges(canvas);
        for row in &self.rows {
            match &row.what {
                What::Layer { number, .. } => {
                    if let Some(layer) = model.layer(*number) {
                        self.draw_label(canvas, row, layer, model);
                    }
                }
                What::Meta { words } => self.draw_meta(canvas, row, words),
                What::Break { words } => self.draw_break_words(canvas, row, words),
            }
        }
        if canvas.style.scale {
            self.draw_scale(canvas, model);
        }
    }

    /// The image is wanted but not there: its place, dashed.
    fn draw_absent(&self, canvas: &mut Canvas, model: &SectionModel) {
        let (y, height) = (self.top + 12.0, (canvas.height - self.top - 16.0).max(40.0));
        canvas.rect("absent", "absent", self.left, y, self.right - self.left, height);
        if canvas.style.title.is_none() {
            // No title says it.
            let font = canvas.style.font;
            let words = fit(
                canvas.measure,
                &format!("{}: not here yet", model.image),
                canvas.sans(),
                self.right - self.left - 24.0,
            );
            let (x, y) = (self.left + 12.0, y + height / 2.0 + font * 0.36);
            canvas.text("absent words", "i3", x, y, font, Anchor::Start, vec![Run::new(words, "")]);
        }
    }

    fn draw_body(&self, canvas: &mut Canvas, row: &Row, layer: &Layer, layers: usize) {
        let (width, key) = (self.right - self.left, layer.number);
        canvas.rect(format!("body{key}"), tint(layer.number, layers), self.left, row.y, width, row.height);
        let hatch = match layer.verb.as_str() {
            "FROM" => "hatch-from",
            "ADD" | "COPY" => "hatch-copy",
            _ => "hatch-run",
        };
        canvas.rect(format!("hatch{key}"), hatch, self.left, row.y, width, row.height);
    }

    /// The cut edge: heavy, closed around what is contiguous.
    fn draw_edges(&self, canvas: &mut Canvas) {
        let (left, width) = (self.left, self.right - self.left);
        for (number, block) in self.blocks().iter().enumerate() {
            let (Some(first), Some(last)) = (block.first(), block.last()) else { continue };
            canvas.rect(format!("cut{number}"), "cut", left, first.y, width, last.y + last.height - first.y);
            for row in &block[1..] {
                let What::Layer { number, .. } = row.what else { continue };
                canvas.line(format!("seam{number}"), "cut", left, row.y, self.right, row.y);
            }
        }
    }

    /// Layers that touch.
    fn blocks(&self) -> Vec<&[Row]> {
        let is_layer = |row: &Row| matches!(row.what, What::Layer { .. });
        self.rows.split(|row| !is_layer(row)).filter(|block| !block.is_empty()).collect()
    }

    fn draw_zigzag(&self, canvas: &mut Canvas, row: &Row) {
        let (width, y) = (self.right - self.left, row.y + row.height / 2.0);
        let amplitude = canvas.style.font * 0.23;
        let steps = (width / (canvas.style.font * 1.5)).round().max(4.0);
        let mut data = String::new();
        for i in 0..=steps as u32 {
            let x = self.left + width * f64::from(i) / steps;
            let dy = if i == 0 {
                0.0
            } else if i % 2 == 1 {
                -amplitude
            } else {
                amplitude
            };
            let _ = write!(data, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Px(x), Px(y + dy));
        }
        canvas.push(Shape::new(format!("zig{}", Px(row.y)), "zigzag", Form::Path { data }));
    }

    fn draw_break_words(&self, canvas: &mut Canvas, row: &Row, words: &str) {
        if words.is_empty() || !canvas.style.scale {
            return;
        }
        let (x, font) = (self.left + canvas.style.words_dx, canvas.style.font);
        let width = canvas.text_width(words, canvas.sans());
        let y = row.y + row.height / 2.0 + font * 0.3;
        canvas.rect(
            format!("breakground{words}"),
            "ground",
            self.left - 2.0,
            row.y,
            x - self.left + width + 6.0,
            row.height - 1.0,
        );
        canvas.text(format!("break{words}"), "i3", x, y, font, Anchor::Start, vec![Run::new(words, "")]);
    }

    fn draw_meta(&self, canvas: &mut Canvas, row: &Row, words: &str) {
        let (font, x) = (canvas.style.font, self.left + canvas.style.words_dx);
        let y = row.y + row.height / 2.0;
        let tail = if canvas.style.numbers { " no layer" } else { "" };
        let tail_width = canvas.text_width(tail, canvas.sans());
        let most = (self.right - self.left) * 0.6 - tail_width;
        let shown = fit_words(canvas.measure, words, Font::mono(font), most);
        let width = canvas.text_width(&shown, Font::mono(font)) + tail_width;
        let aligned = canvas.style.numbers && self.under_rooms;
        let from = (x + width + 8.0).max(if aligned { canvas.rooms_left() + 16.0 } else { 0.0 });
        canvas.line(format!("meta{words}"), "meta", from.min(self.right - 20.0), y, self.right, y);
        let runs = vec![Run::new(shown, "mono"), Run::new(tail, "i3")];
        canvas.text(format!("metawords{words}"), "i2", x, y + font * 0.34, font, Anchor::Start, runs);
    }

    fn draw_label(&self, canvas: &mut Canvas, row: &Row, layer: &Layer, model: &SectionModel) {
        let style = canvas.style;
        let (font, x) = (style.font, self.left + style.words_dx);
        let halo = halo(layer.number, model.layers);
        let mono = Font::mono(font).bold();
        let room = self.words_end(canvas) - x + 4.0;
        let size = size_words(layer.size_bytes);
        let tall = row.height >= font * 2.6;
        let size_width = canvas.text_width(&size, Font::sans(font)) + font * 0.6;
        let words = format!("{} {}", layer.verb, layer.rest);
        let verb = match (style.numbers, tall) {
            (true, true) => fit_words(canvas.measure, words.trim(), mono, room),
            (true, false) => fit_words(canvas.measure, &short(layer), mono, room - size_width),
            (false, _) => {
                let shorter = [short(layer), layer.verb.clone()];
                let fits = shorter.into_iter().find(|words| canvas.text_width(words, mono) <= room);
                fits.unwrap_or_else(|| layer.verb.clone())
            }
        };
        let base = match tall {
            true => row.y + row.height / 2.0 - font * 0.3,
            false => row.y + row.height / 2.0 + font * 0.34,
        };
        let mut runs = vec![Run::new(verb, if layer.fresh { "mono b nt" } else { "mono b" })];
        if !tall && style.numbers {
            runs.push(Run::new(format!(" {size}"), "i2"));
        }
        let target = Target::Layer { image: model.image.clone(), number: layer.number };
        let shown: String = runs.iter().map(|run| run.text.as_str()).collect();
        let name = format!("{shown}: layer {}, {}, {size}", layer.number, words.trim());
        if style.numbers {
            let number = vec![Run::new(layer.number.to_string(), "lt b")];
            canvas.text(
                format!("no{}", layer.number),
                halo,
                self.left + style.number_dx,
                base,
                font,
                Anchor::Start,
                number,
            );
        }
        let text = Form::Text { x, y: base, size: font, anchor: Anchor::Start, runs };
        canvas.push(Shape::new(format!("name{}", layer.number), halo, text).asked(target, name));
        if tall {
            let runs = vec![Run::new(size, "i2")];
            canvas.text(format!("size{}", layer.number), halo, x, base + font * 1.33, font, Anchor::Start, runs);
        }
    }

    fn draw_scale(&self, canvas: &mut Canvas, model: &SectionModel) {
        let x = self.left - 6.0;
        let mut below = 0.0;
        for block in self.blocks().iter().rev() {
            let bottom = block.last().map_or(0.0, |row| row.y + row.height);
            let top = block.first().map_or(0.0, |row| row.y);
            if block.iter().any(|row| matches!(row.what, What::Layer { enlarged: true, .. })) {
                let data = format!("M{} {}h-4v{}h4", Px(x), Px(top), Px(bottom - top));
                canvas.push(Shape::new(format!("bracket{}", Px(top)), "bracket", Form::Path { data }));
                continue;
            }
            let bytes: u64 = block.iter().filter_map(|row| layer_of(model, row)).map(|layer| layer.size_bytes).sum();
            self.draw_marks(canvas, below, bytes as f64, top, bottom, model);
            below += bytes as f64;
            canvas.line(format!("scale{}", Px(top)), "scale", x, top, x, bottom);
        }
    }

    fn draw_marks(&self, canvas: &mut Canvas, from: f64, bytes: f64, top: f64, bottom: f64, model: &SectionModel) {
        let (font, x) = (canvas.style.font, self.left - 6.0);
        if self.pixels_per_byte <= 0.0 || bytes <= 0.0 {
            return;
        }
        let total: u64 = model.strata.iter().filter_map(as_layer).map(|layer| layer.size_bytes).sum();
        let unit = unit_of(total);
        let step = mark_step((font * 1.5 / self.pixels_per_byte).max(total as f64 / MARKS));
        let mut mark = (from / step).ceil() * step;
        while mark <= from + bytes {
            let y = bottom - (mark - from) * self.pixels_per_byte;
            canvas.line(format!("mark{}", Px(mark)), "scale", x - 5.0, y, x, y);
            let (value, _) = in_unit(mark, unit);
            let digits = decimal(value, 1);
            let low = (y + font * 0.36).min(bottom);
            canvas.text(
                format!("figure{}", Px(mark)),
                "i2",
                x - 8.0,
                low,
                font,
                Anchor::End,
                vec![Run::new(digits, "")],
            );
            mark += step;
        }
        let (_, name) = in_unit(0.0, unit);
        if from == 0.0 {
            let y = (top - 3.0).max(font);
            canvas.text("unit", "i3", x - 8.0, y, font, Anchor::End, vec![Run::new(name, "")]);
        }
    }
}

fn attempt(canvas: &Canvas, model: &SectionModel, top: f64, under_rooms: bool, thin: f64, merged: bool) -> Ground {
    let style = canvas.style;
    let (left, right) = (style.left, canvas.right());
    let items = items(model, &style, merged);
    let gap = if under_rooms { style.lead } else { 4.0 };
    // A line without thickness needs no gap of its own above it.
    let lead = if matches!(items.first(), Some(Item::Meta(_))) { 0.0 } else { gap };
    let room = canvas.height - top - lead - 3.0;
    let scaled = Scaled::choose(&items, room, thin, &style);
    let mut rows = Vec::new();
    let mut y = top + lead;
    let mut before: Option<bool> = None;
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Meta(words) => {
                rows.push(Row { y, height: style.meta_height, what: What::Meta { words: words.clone() } });
                y += style.meta_height;
            }
            Item::Layer(layer) => {
                let enlarged = scaled.enlarged[i];
                if before.is_some_and(|before| before != enlarged) {
                    let words = scaled.break_words();
                    rows.push(Row { y, height: style.break_height, what: What::Break { words } });
                    y += style.break_height;
                }
                before = Some(enlarged);
                let height = scaled.heights[i];
                rows.push(Row { y, height, what: What::Layer { number: layer.number, enlarged } });
                y += height;
            }
        }
    }
    Ground { left, right, rows, top, pixels_per_byte: scaled.pixels_per_byte, under_rooms, fits: scaled.fits }
}

enum Item<'a> {
    Meta(String),
    Layer(&'a Layer),
}

/// Newest first; neighbouring instructions without a layer on one line, if there is no room for each.
fn items<'a>(model: &'a SectionModel, style: &Style, merged: bool) -> Vec<Item<'a>> {
    let mut items: Vec<Item> = Vec::new();
    for stratum in model.strata.iter().rev() {
        match stratum {
            Stratum::Layer(layer) => items.push(Item::Layer(layer)),
            Stratum::NoLayer { .. } if !style.metas => {}
            Stratum::NoLayer { words } => {
                let shown = meta_words(words);
                match items.last_mut() {
                    Some(Item::Meta(last)) if merged => *last = format!("{last}, {shown}"),
                    _ => items.push(Item::Meta(shown)),
                }
            }
        }
    }
    items
}

/// `CMD ["/run-httpd.sh"]` needs its verb only; `EXPOSE 80` is short enough to stay.
fn meta_words(words: &str) -> String {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    match verb {
        "CMD" | "ENTRYPOINT" | "LABEL" | "MAINTAINER" | "HEALTHCHECK" => verb.to_owned(),
        _ => format!("{verb} {rest}").trim().to_owned(),
    }
}

struct Scaled {
    heights: Vec<f64>,
    enlarged: Vec<bool>,
    pixels_per_byte: f64,
    /// Pixels a byte of the enlarged, or nothing if those have no common scale.
    enlarged_per_byte: Option<f64>,
    fits: bool,
}

impl Scaled {
    /// Moves the thinnest out of the common scale until what is left on it can be seen.
    fn choose(items: &[Item], room: f64, thin: f64, style: &Style) -> Scaled {
        let size = |i: usize| match &items[i] {
            Item::Layer(layer) => Some(layer.size_bytes as f64),
            Item::Meta(_) => None,
        };
        let layers: Vec<usize> = (0..items.len()).filter(|i| size(*i).is_some()).collect();
        let metas = (items.len() - layers.len()) as f64 * style.meta_height;
        let mut enlarged = vec![false; items.len()];
        loop {
            let (on, off): (Vec<usize>, Vec<usize>) = layers.iter().copied().partition(|i| !enlarged[*i]);
            let sizes: Vec<f64> = off.iter().filter_map(|i| size(*i)).collect();
            let least = sizes.iter().copied().fold(f64::INFINITY, f64::min);
            let most = sizes.iter().copied().fold(0.0, f64::max);
            let proportional = least > 0.0 && most / least <= PROPORTIONS;
            let height = |i: usize| if proportional { thin * size(i).unwrap_or(0.0) / least } else { thin };
            let breaks = layers.windows(2).filter(|pair| enlarged[pair[0]] != enlarged[pair[1]]).count() as f64;
            let rest = room - metas - breaks * style.break_height - off.iter().map(|i| height(*i)).sum::<f64>();
            let total: f64 = on.iter().filter_map(|i| size(*i)).sum();
            let per_byte = if total > 0.0 { (rest / total).max(0.0) } else { 0.0 };
            let thinnest =
                on.iter().copied().min_by(|a, b| f64::total_cmp(&size(*a).unwrap_or(0.0), &size(*b).unwrap_or(0.0)));
            match thinnest {
                Some(i) if size(i).unwrap_or(0.0) * per_byte < thin.min(style.font * 1.5) => enlarged[i] = true,
                _ => {
                    let heights = (0..items.len())
                        .map(|i| if enlarged[i] { height(i) } else { size(i).unwrap_or(0.0) * per_byte })
                        .collect();
                    let enlarged_per_byte = proportional.then(|| thin / least);
                    let fits = rest >= 0.0 && (!on.is_empty() || layers.is_empty() || rest >= -0.5);
                    return Scaled { heights, enlarged, pixels_per_byte: per_byte, enlarged_per_byte, fits };
                }
            }
        }
    }

    /// `enlarged 500 000×`: one digit is as much as an eye can tell.
    fn break_words(&self) -> String {
        match self.enlarged_per_byte {
            Some(per_byte) if self.pixels_per_byte > 0.0 => {
                let factor = per_byte / self.pixels_per_byte;
                let digit = 10f64.powf(factor.log10().floor());
                let rounded = (factor / digit).round() * digit;
                format!("enlarged {}×", spaced(rounded as u64))
            }
            _ => "above: not to scale".to_owned(),
        }
    }
}

fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    if digits.len() <= 4 { digits } else { groups.join("\u{202f}") }
}

/// The next of 1, 2, 5 × 10ⁿ.
fn mark_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= least).unwrap_or(power * 10.0)
}

fn as_layer(stratum: &Stratum) -> Option<&Layer> {
    match stratum {
        Stratum::Layer(layer) => Some(layer),
        Stratum::NoLayer { .. } => None,
    }
}

fn layer_of<'a>(model: &'a SectionModel, row: &Row) -> Option<&'a Layer> {
    match row.what {
        What::Layer { number, .. } => model.layer(number),
        _ => None,
    }
}

/// A thin stratum has room for the verb and the program: `RUN chmod`, `ADD`.
fn short(layer: &Layer) -> String {
    match layer.verb.as_str() {
        "RUN" => format!("RUN {}", layer.rest.split_whitespace().next().unwrap_or_default()),
        "FROM" => format!("FROM {}", layer.rest),
        other => other.to_owned(),
    }
}

/// Deepest is oldest.
fn tint(number: u32, layers: usize) -> &'static str {
    ["tint1", "tint2", "tint3", "tint4"][tint_index(number, layers)]
}

fn halo(number: u32, layers: usize) -> &'static str {
    ["halo1", "halo2", "halo3", "halo4"][tint_index(number, layers)]
}

fn tint_index(number: u32, layers: usize) -> usize {
    match layers {
        0..=4 => (number.saturating_sub(1) as usize).min(3),
        // Four tints for more layers: in even parts.
        _ => ((number.saturating_sub(1) as usize) * 4 / layers).min(3),
    }
}
