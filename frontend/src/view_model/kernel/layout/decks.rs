//! Decks and spars: the node's deck on top, those of its namespaces below it, and in each the ones made from it.
//! A process is a disc in every deck it belongs to, on a line that falls to the one it knows itself by; the tree in a
//! deck is stairs.

use super::columns::{Column, Columns};
use super::{Area, Canvas};
use crate::view_model::kernel::model::{KernelModel, Owner, Standing};
use crate::view_model::kernel::words;
use crate::view_model::measure::{Font, fit};
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Target, Way};
use crate::view_model::size::Px;
use engine::sim::Map;

#[derive(Debug)]
pub struct Decks {
    places: Vec<Place>,
    /// (deck, pid) → how far down the stairs.
    levels: Map<(usize, u32), usize>,
    step: f64,
    pad: f64,
    radius: f64,
    /// Into the room there was.
    pub fits: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Decks {
    /// As tall as the room allows, between the least and the greatest step of the stairs.
    pub fn place(canvas: &Canvas, model: &KernelModel, columns: &Columns, area: Area) -> Decks {
        let style = canvas.style;
        let mut decks = Decks {
            places: vec![Place::default(); model.decks.len()],
            levels: levels(model, columns),
            step: style.step_max,
            pad: style.pad,
            radius: style.radius,
            fits: true,
        };
        if model.decks.is_empty() {
            decks.places = vec![Place { left: area.left, right: area.right(), top: area.top, bottom: area.top + 80.0 }];
            return decks;
        }
        loop {
            decks.stack(canvas, model, columns, area);
            decks.fits = decks.bottom() <= area.bottom();
            if decks.fits || decks.step <= style.step_min {
                return decks;
            }
            decks.step = (decks.step - 1.0).max(style.step_min);
        }
    }

    pub fn bottom(&self) -> f64 {
        self.places.iter().map(|place| place.bottom).fold(0.0, f64::max)
    }

    pub fn left(&self) -> f64 {
        self.places[0].left
    }

    pub fn root_bottom(&self) -> f64 {
        self.places[0].bottom
    }

    fn stack(&mut self, canvas: &Canvas, model: &KernelModel, columns: &Columns, area: Area) {
        let style = canvas.style;
        self.places[0] = Place { left: area.left, right: area.right(), top: area.top, bottom: area.top };
        self.places[0].bottom = self.body_bottom(canvas, model, columns, 0) + style.pad * 0.6;
        let outer: Vec<usize> = (1..model.decks.len()).filter(|i| model.decks[*i].parent == Some(0)).collect();
        for deck in outer {
            let top = self.places[0].bottom + style.gap * 1.4;
            self.stack_inner(canvas, model, columns, deck, top);
        }
    }

    fn stack_inner(&mut self, canvas: &Canvas, model: &KernelModel, columns: &Columns, deck: usize, top: f64) {
        let style = canvas.style;
        let (left, right) = columns.edges(model, deck, style.gap);
        self.places[deck] = Place { left, right, top, bottom: top };
        let mut bottom = self.body_bottom(canvas, model, columns, deck) + style.pad * 0.6;
        let inner: Vec<usize> = (1..model.decks.len()).filter(|i| model.decks[*i].parent == Some(deck)).collect();
        for inner in inner {
            // Below the discs that its own processes have here.
            let discs = columns.in_deck(model, inner).map(|column| self.disc_y(deck, column) + style.radius);
            let top = discs.fold(top, f64::max) + style.gap * 1.4;
            self.stack_inner(canvas, model, columns, inner, top);
            bottom = bottom.max(self.places[inner].bottom + style.gap);
        }
        self.places[deck].bottom = bottom;
        if let Some((words, size)) = self.label(canvas, model, columns, deck) {
            // It stands in the lower left corner, below what hangs there.
            let end = self.places[deck].left + style.gap + canvas.text_width(&words, Font::sans(size).bold());
            let below = columns
                .in_deck(model, deck)
                .filter(|column| column.left < end + 4.0)
                .map(|column| self.foot(canvas, deck, column));
            let label = below.fold(top, f64::max) + size * 1.45;
            self.places[deck].bottom = bottom.max(label);
        }
    }

    /// The lower edge of what hangs in a deck.
    fn body_bottom(&self, canvas: &Canvas, model: &KernelModel, columns: &Columns, deck: usize) -> f64 {
        let feet = columns.in_deck(model, deck).map(|column| self.foot(canvas, deck, column));
        feet.fold(self.places[deck].top + 2.0 * (self.pad + self.radius), f64::max)
    }

    /// Where a column's disc in a deck ends, with its name if it has it there.
    fn foot(&self, canvas: &Canvas, deck: usize, column: &Column) -> f64 {
        let name = if column.spar.deck == deck { canvas.style.font * 1.25 } else { 2.0 };
        self.disc_y(deck, column) + self.radius + name
    }

    /// Where its uppermost discs begin: the node's has its name above them.
    fn top_pad(&self, deck: usize) -> f64 {
        self.places[deck].top + if deck == 0 { self.pad.max(self.radius * 0.86) } else { self.pad }
    }

    fn disc_y(&self, deck: usize, column: &Column) -> f64 {
        let level = self.levels.get(&(deck, column.spar.pid)).copied().unwrap_or(0);
        self.top_pad(deck) + self.radius + level as f64 * self.step
    }

    pub fn draw(&self, canvas: &mut Canvas, model: &KernelModel, columns: &Columns) {
        let style = canvas.style;
        if model.decks.is_empty() {
            let place = self.places[0];
            canvas.rect("absent", "absent", place.left, place.top, place.right - place.left, place.bottom - place.top);
            let y = (place.top + place.bottom) / 2.0 + style.font * 0.36;
            let words = vec![Run::new("Nothing runs here yet.", "")];
            return canvas.text("absent words", "i3", place.left + 12.0, y, style.font, Anchor::Start, words);
        }
        for (i, deck) in model.decks.iter().enumerate() {
            self.draw_deck(canvas, i, deck.depth, &deck.owner, &deck.class);
        }
        for absent in &columns.absent {
            let (top, height) =
                (self.root_bottom() + style.gap * 1.4, style.pad + style.radius * 2.0 + style.font * 2.0);
            let (name, width) = (&absent.name, absent.right - absent.left);
            canvas.rect(format!("deck {name}"), "absent", absent.left, top, width, height);
            let x = absent.left + style.gap;
            let shown = fit(canvas.measure, name, canvas.sans().bold(), width - style.gap * 2.0);
            canvas.text(
                format!("deck name {name}"),
                "b i3",
                x,
                top + style.font * 1.5,
                style.font,
                Anchor::Start,
                vec![Run::new(shown, "b")],
            );
            let shown = fit(canvas.measure, &absent.words, canvas.sans(), width - style.gap * 2.0);
            canvas.text(
                format!("deck words {name}"),
                "i3",
                x,
                top + style.font * 2.8,
                style.font,
                Anchor::Start,
                vec![Run::new(shown, "")],
            );
        }
        self.draw_stairs(canvas, model, columns);
        for column in &columns.all {
            self.draw_spar(canvas, model, columns, column);
        }
        for deck in 0..model.decks.len() {
            self.draw_label(canvas, model, columns, deck);
        }
    }

    fn draw_deck(&self, canvas: &mut Canvas, i: usize, depth: usize, owner: &Owner, class: &str) {
        let Place { left, right, top, bottom } = self.places[i];
        let (fill, cut) = match owner {
            Owner::Node => ("air", "cut"),
            Owner::Container(_) => ("hold", "cut container"),
            // Neighbours in depth are told apart.
            Owner::Nobody if depth.is_multiple_of(2) => ("air", "cut container"),
            Owner::Nobody => ("hold-by-hand", "cut container"),
        };
        canvas.rect(format!("air {class}"), fill, left, top, right - left, bottom - top);
        canvas.rect(format!("deck {class}"), cut, left, top, right - left, bottom - top);
    }

    fn draw_stairs(&self, canvas: &mut Canvas, model: &KernelModel, columns: &Columns) {
        for column in &columns.all {
            let spar = &column.spar;
            let Some(parent) = spar.parent.and_then(|pid| columns.of(pid)) else { continue };
            // One that came from outside has no stair in the decks that its parent is not in.
            for deck in model.line_of(spar.deck) {
                if !model.line_of(parent.spar.deck).contains(&deck) {
                    continue;
                }
                let (from, to) = (self.disc_y(deck, parent), self.disc_y(deck, column) - self.radius);
                let data = format!("M{} {}H{}V{}", Px(parent.x + self.radius), Px(from), Px(column.x), Px(to));
                let stair = Shape::new(format!("stair{} {deck}", spar.pid), "stair", Form::Path { data });
                canvas.push(match spar.fresh {
                    true => Shape { class: "stair caused", ..stair }.by(Way::Beside),
                    false => stair,
                });
            }
        }
    }

    fn draw_spar(&self, canvas: &mut Canvas, model: &KernelModel, columns: &Columns, column: &Column) {
        let (spar, x, radius) = (&column.spar, column.x, self.radius);
        let pid = spar.pid;
        let line = model.line_of(spar.deck);
        let top = self.disc_y(0, column);
        let falls = |shape: Shape, y: f64| match spar.fresh && y > top {
            true => shape.by(Way::Up(top - y)),
            false => shape,
        };
        let lowest = self.disc_y(spar.deck, column);
        if line.len() > 1 {
            let width = if spar.fresh { canvas.style.radius * 0.21 } else { canvas.style.radius * 0.14 };
            let form = Form::Rect { x: x - width / 2.0, y: top, width, height: lowest - top };
            let shape = Shape::new(format!("spar{pid}"), if spar.fresh { "spar fresh" } else { "spar" }, form);
            canvas.push(if spar.fresh { shape.by(Way::Down) } else { shape });
        }
        let target = Target::Process { pid };
        let words = words::process(model, spar);
        // The innermost first: it is the one that a key finds and a balloon stands at.
        for (deck, number) in line.iter().zip(&spar.numbers).rev() {
            let (y, known) = (self.disc_y(*deck, column), *deck == spar.deck);
            let class = disc_class(spar.standing, known, spar.fresh, *deck == 0 && known);
            let form = Form::Disc { x, y, radius };
            let disc = Shape::new(format!("disc{pid} {deck}"), class, form);
            // The machine itself has no facts.
            let disc = match spar.standing {
                Standing::Machine => disc,
                _ => disc.asked(target.clone(), words.clone()),
            };
            canvas.push(falls(disc, y));
            let number = number.to_string();
            let font = canvas.sans().bold();
            let size = canvas.style.font * ((radius * 1.75) / canvas.text_width(&number, font)).min(1.0);
            let class = match (known && spar.standing != Standing::Zombie, spar.fresh) {
                (true, _) => "disc-no on",
                (false, true) => "disc-no nt",
                (false, false) if line.len() > 1 => "disc-no ct",
                (false, false) => "disc-no i2",
            };
            let form = Form::Text {
                x,
                y: y + size * 0.36,
                size,
                anchor: Anchor::Middle,
                runs: vec![Run::new(number, if known { "b" } else { "" })],
            };
            canvas.push(falls(Shape::new(format!("no{pid} {deck}"), class, form), y));
        }
        self.draw_name(canvas, model, columns, (column, lowest), spar.fresh && lowest > top);
    }

    fn draw_name(
        &self,
        canvas: &mut Canvas,
        model: &KernelModel,
        columns: &Columns,
        (column, lowest): (&Column, f64),
        falls: bool,
    ) {
        let (spar, size) = (&column.spar, canvas.style.font);
        let y = lowest + self.radius + size * 1.02;
        let room = 2.0 * self.name_room(canvas, model, columns, column, y - size * 0.4);
        let (name, standing) = (words::name(spar), words::standing(spar));
        let fits = |words: &str| canvas.text_width(words, canvas.sans()) <= room;
        let folded = (spar.folded > 0).then(|| format!("×{}", spar.folded + 1));
        let runs = match folded.filter(|_| !fits(&name)) {
            Some(times) => vec![Run::new(times, "")],
            None if !standing.is_empty() && fits(&format!("{name} {standing}")) => {
                vec![Run::new(name, ""), Run::new(format!(" {standing}"), "i3")]
            }
            // A name that says nothing when it is cut.
            None if spar.standing == Standing::Machine && !fits(&name) => return,
            None => vec![Run::new(fit(canvas.measure, &name, canvas.sans(), room), "")],
        };
        let class = match (spar.fresh, spar.numbers.len()) {
            (true, _) => "nt",
            (false, _) if spar.standing == Standing::Machine => "i3",
            (false, _) => "",
        };
        let form = Form::Text { x: column.x, y, size, anchor: Anchor::Middle, runs };
        let shape = Shape::new(format!("name{}", spar.pid), class, form);
        canvas.push(if falls { shape.by(Way::Up(self.disc_y(0, column) - lowest)) } else { shape });
    }

    /// How far a name at this height may reach to each side: to the edge of its deck, to its neighbours' discs and lines,
    /// and half way to their names.
    fn name_room(&self, canvas: &Canvas, model: &KernelModel, columns: &Columns, column: &Column, y: f64) -> f64 {
        let (font, x, place) = (canvas.style.font, column.x, self.places[column.spar.deck]);
        let near = |a: f64, reach: f64| (a - y).abs() < reach + font * 0.5;
        let room = columns.all.iter().filter(|other| other.spar.pid != column.spar.pid).map(|other| {
            let away = (other.x - x).abs();
            let line = model.line_of(other.spar.deck);
            let lowest = self.disc_y(other.spar.deck, other);
            if near(lowest + self.radius + font * 0.62, font * 0.5) {
                // A short name leaves more than half the way.
                let its = canvas.text_width(&words::name(&other.spar), canvas.sans()) / 2.0;
                if its <= away / 2.0 - 2.0 { away - its - 4.0 } else { away / 2.0 - 2.0 }
            } else if line.iter().any(|deck| near(self.disc_y(*deck, other), self.radius)) {
                away - self.radius - 3.0
            } else if y < lowest && y > self.disc_y(0, other) {
                away - 4.0
            } else {
                f64::MAX
            }
        });
        room.fold((x - place.left).min(place.right - x) - 2.0, f64::min).max(0.0)
    }

    /// Whose deck it is, as far as it fits over its own columns.
    fn label(&self, canvas: &Canvas, model: &KernelModel, columns: &Columns, deck: usize) -> Option<(String, f64)> {
        let style = canvas.style;
        let own = columns.all.iter().filter(|column| column.spar.deck == deck);
        let right = own.map(|column| column.right).fold(0.0, f64::max);
        let room = right - self.places[deck].left - style.gap * 2.0;
        let size = style.font * 1.2;
        let words = match &model.decks[deck].owner {
            Owner::Node => return None,
            Owner::Container(name) => fit(canvas.measure, name, Font::sans(size).bold(), room),
            // Its first process names it.
            Owner::Nobody => return None,
        };
        (!words.is_empty()).then_some((words, size))
    }

    fn draw_label(&self, canvas: &mut Canvas, model: &KernelModel, columns: &Columns, deck: usize) {
        let (style, place, class) = (canvas.style, self.places[deck], &model.decks[deck].class);
        let target = || Target::Namespaces { classes: vec![class.clone()] };
        if deck == 0 {
            let left_out = match columns.left_out {
                0 => String::new(),
                n => format!("; {n} not drawn"),
            };
            let first = columns.all.first().map_or(place.left, |column| column.x + self.radius);
            let room = place.right - first - style.gap * 3.0;
            let words = ["pid namespace of the node", "the node", ""].map(|words| format!("{words}{left_out}"));
            let fits = words.into_iter().find(|words| canvas.text_width(words, canvas.sans()) <= room);
            let Some(words) =
                fits.map(|words| words.trim_start_matches("; ").to_owned()).filter(|words| !words.is_empty())
            else {
                return;
            };
            let (x, y) = (place.right - style.gap, place.top + style.font * 1.12);
            let form =
                Form::Text { x, y, size: style.font, anchor: Anchor::End, runs: vec![Run::new(words.clone(), "")] };
            canvas.push(Shape::new("deck name", "i2", form).asked(target(), words));
            return;
        }
        let Some((words, size)) = self.label(canvas, model, columns, deck) else { return };
        let (x, y) = (place.left + style.gap, place.bottom - size * 0.45);
        let form = Form::Text { x, y, size, anchor: Anchor::Start, runs: vec![Run::new(words.clone(), "b ct")] };
        let shape = Shape::new(format!("deck name {class}"), "", form);
        canvas.push(match &model.decks[deck].owner {
            Owner::Container(name) => {
                shape.asked(Target::Container { name: name.clone() }, format!("Container {name}"))
            }
            _ => shape.asked(target(), words),
        });
    }
}

fn disc_class(standing: Standing, known: bool, fresh: bool, on_node: bool) -> &'static str {
    match (standing, known, fresh) {
        (Standing::Zombie, ..) => "disc zombie",
        (_, true, true) => "disc known fresh",
        (_, false, true) => "disc seen fresh",
        (_, true, false) if on_node => "disc known",
        (_, true, false) => "disc known inside",
        (_, false, false) => "disc seen inside",
    }
}

/// How far down the stairs each process is, in each deck it belongs to.
fn levels(model: &KernelModel, columns: &Columns) -> Map<(usize, u32), usize> {
    let mut levels: Map<(usize, u32), usize> = Map::new();
    // Parents come before their children in the node's tree, but not always in the order of columns.
    let mut rest: Vec<&Column> = columns.all.iter().collect();
    while !rest.is_empty() {
        let before = rest.len();
        rest.retain(|column| {
            let parent = column.spar.parent.filter(|pid| columns.of(*pid).is_some());
            let known = parent.is_none_or(|pid| levels.contains_key(&(0, pid)));
            if known {
                for deck in model.line_of(column.spar.deck) {
                    let above = parent.and_then(|pid| levels.get(&(deck, pid)));
                    let level = above.map_or(0, |level| level + 1);
                    levels.insert((deck, column.spar.pid), level);
                }
            }
            !known
        });
        if rest.len() == before {
            break;
        }
    }
    levels
}
