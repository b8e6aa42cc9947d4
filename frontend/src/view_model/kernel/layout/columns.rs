//! A column for each process, in the order of the decks; what is alike is folded, and what still has no room is counted.

use super::{Area, Canvas};
use crate::view_model::kernel::model::{KernelModel, Spar, Standing};
use crate::view_model::kernel::words;
use crate::view_model::measure::fit;
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Target};

#[derive(Debug)]
pub struct Columns {
    pub all: Vec<Column>,
    pub absent: Vec<Absent>,
    /// Processes there was no room for.
    pub left_out: usize,
    /// Where the node's own columns begin and end.
    own: (f64, f64),
}

#[derive(Debug)]
pub struct Column {
    pub spar: Spar,
    /// Its middle, and the edges of what stands on it alone.
    pub x: f64,
    pub left: f64,
    pub right: f64,
}

/// The place of a container that has no process.
#[derive(Debug)]
pub struct Absent {
    pub name: String,
    pub words: String,
    pub left: f64,
    pub right: f64,
}

impl Columns {
    pub fn place(canvas: &Canvas, model: &KernelModel, area: Area) -> Columns {
        let style = canvas.style;
        let cells_width = area.width + style.gap;
        let absent = model.absent.len();
        let inner = model.decks.iter().filter(|deck| deck.depth > 1).count() as f64;
        let most = ((cells_width - inner * 2.0 * style.gap) / style.pitch_min) as usize;
        // A place that is wanted is as wide as two processes.
        let (spars, left_out) = folded(&model.spars, most.saturating_sub(absent * 2).max(3));
        let cells = spars.len() + absent * 2;
        // Between the edges of a deck and of the one it lies in.
        let nested = |i: usize| (nesting(model, &spars, i, false), nesting(model, &spars, i, true));
        let nested: Vec<(f64, f64)> =
            (0..spars.len()).map(nested).map(|(a, b)| (a as f64 * style.gap, b as f64 * style.gap)).collect();
        let edges: f64 = nested.iter().map(|(a, b)| a + b).sum();
        let pitch = ((cells_width - edges) / cells.max(1) as f64).clamp(style.pitch_min, style.pitch_max);
        let own = spars.iter().filter(|spar| spar.deck == 0).count();
        // The node's own columns make room for the title below them, if the others can spare it.
        let others = (cells - own) as f64;
        let corner = style.corner + style.gap;
        let spare = cells_width - others * pitch.min(style.pitch_max * 0.57) - edges;
        let (own_pitch, pitch) = match style.title {
            Some(_) if others > 0.0 && own as f64 * pitch < corner && spare >= corner => {
                (corner / own as f64, pitch.min((cells_width - corner - edges) / others))
            }
            _ => (pitch, pitch),
        };
        let start = area.left - style.gap / 2.0;
        let mut at = start;
        let mut cell = |pitch: f64| {
            at += pitch;
            (at - pitch + style.gap / 2.0, at - style.gap / 2.0)
        };
        let mut all: Vec<Column> = Vec::new();
        for (spar, (before, after)) in spars.into_iter().zip(nested) {
            let (left, right) = cell(if spar.deck == 0 { own_pitch } else { pitch + before + after });
            let x = match spar.deck {
                // A wide column keeps its disc where a narrow one has it.
                0 => left - style.gap / 2.0 + own_pitch.min(style.pitch_max) / 2.0,
                _ => (left + before + right - after) / 2.0,
            };
            all.push(Column { spar, x, left, right });
        }
        let own_end =
            all.iter().filter(|column| column.spar.deck == 0).map(|column| column.right).fold(start, f64::max);
        let place = |(name, words): &(String, String)| {
            let (left, _) = cell(pitch);
            let (_, right) = cell(pitch);
            Absent { name: name.clone(), words: words.clone(), left, right }
        };
        let absent = model.absent.iter().map(place).collect();
        let own_end = if cells == own { area.right() } else { own_end };
        Columns { all, absent, left_out, own: (area.left, own_end) }
    }

    pub fn of(&self, pid: u32) -> Option<&Column> {
        self.all.iter().find(|column| column.spar.pid == pid)
    }

    /// The columns in a deck or in one that lies in it.
    pub fn in_deck<'a>(&'a self, model: &'a KernelModel, deck: usize) -> impl Iterator<Item = &'a Column> {
        self.all.iter().filter(move |column| model.line_of(column.spar.deck).contains(&deck))
    }

    /// The left and the right edge of a deck that lies in the node's: apart from those of the decks it lies in.
    pub fn edges(&self, model: &KernelModel, deck: usize, gap: f64) -> (f64, f64) {
        let mut columns = self.in_deck(model, deck);
        let Some(first) = columns.next() else { return (0.0, 0.0) };
        let last = columns.last().unwrap_or(first);
        let outer = model.line_of(deck).into_iter().filter(|outer| *outer != 0 && *outer != deck);
        let (mut left, mut right) = (first.left, last.right);
        for outer in outer {
            let inside = || self.in_deck(model, outer);
            left += if inside().next().is_some_and(|column| column.spar.pid == first.spar.pid) { gap } else { 0.0 };
            right -= if inside().last().is_some_and(|column| column.spar.pid == last.spar.pid) { gap } else { 0.0 };
        }
        (left, right)
    }

    /// How wide the place below the node's own columns is.
    pub fn corner(&self) -> f64 {
        self.own.1 - self.own.0
    }

    /// Without decks, the processes stand in a row over the bars.
    pub fn draw_heads(&self, canvas: &mut Canvas, area: Area) -> f64 {
        let style = canvas.style;
        let y = area.top + style.pad + style.radius;
        for column in &self.all {
            let (spar, size) = (&column.spar, style.font);
            let pid = spar.pid;
            let class = if spar.fresh { "disc known fresh" } else { "disc known" };
            let form = Form::Disc { x: column.x, y, radius: style.radius };
            let words = format!("{}, {pid} on the node", words::name(spar));
            let disc = Shape::new(format!("disc{pid}"), class, form);
            canvas.push(match spar.standing {
                Standing::Machine => disc,
                _ => disc.asked(Target::Process { pid }, words),
            });
            let number = vec![Run::new(pid.to_string(), "b")];
            canvas.text(format!("no{pid}"), "disc-no on", column.x, y + size * 0.36, size, Anchor::Middle, number);
            let shown = fit(canvas.measure, &words::name(spar), canvas.sans(), column.right - column.left);
            canvas.text(
                format!("name{pid}"),
                "",
                column.x,
                y + style.radius + size,
                size,
                Anchor::Middle,
                vec![Run::new(shown, "")],
            );
        }
        y + style.radius + style.font * 1.6
    }
}

/// How many decks begin at a column, or end there, besides the outermost that does.
fn nesting(model: &KernelModel, spars: &[Spar], i: usize, ends: bool) -> usize {
    let neighbour = if ends { spars.get(i + 1) } else { i.checked_sub(1).and_then(|before| spars.get(before)) };
    let other = neighbour.map(|spar| model.line_of(spar.deck)).unwrap_or_default();
    let line = model.line_of(spars[i].deck);
    line.iter().filter(|deck| **deck != 0 && !other.contains(deck)).count().saturating_sub(1)
}

/// Brothers without children that are the same in all but their numbers share a column, if there are too many columns;
/// then the last that have no children go. Gives how many are not drawn.
fn folded(spars: &[Spar], most: usize) -> (Vec<Spar>, usize) {
    let mut kept: Vec<Spar> = Vec::new();
    if spars.len() <= most {
        return (spars.to_vec(), 0);
    }
    let has_child = |pid: u32| spars.iter().any(|spar| spar.parent == Some(pid));
    for spar in spars {
        let alike = |other: &&mut Spar| {
            let same = (other.parent, other.deck, &other.name, other.standing);
            same == (spar.parent, spar.deck, &spar.name, spar.standing)
                && other.namespaces == spar.namespaces
                && !other.fresh
                && !has_child(other.pid)
        };
        match kept.iter_mut().rev().find(alike).filter(|_| !spar.fresh && !has_child(spar.pid)) {
            Some(other) => other.folded += 1,
            None => kept.push(spar.clone()),
        }
    }
    let mut left_out = 0;
    while kept.len() > most {
        let leaf = |spar: &Spar| {
            !spar.fresh
                && spar.standing != Standing::Machine
                && !kept.iter().any(|other| other.parent == Some(spar.pid))
        };
        // The first of a namespace says whose it is.
        let first = |spar: &Spar| spar.numbers.last() == Some(&1);
        let last = |test: &dyn Fn(&Spar) -> bool| kept.iter().rposition(test);
        let Some(at) = last(&|spar| leaf(spar) && !first(spar)).or_else(|| last(&leaf)) else { break };
        left_out += kept.remove(at).folded + 1;
    }
    (kept, left_out)
}
