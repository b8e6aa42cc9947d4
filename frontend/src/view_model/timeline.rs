//! The timeline: a tick for each event, a bracket for each input, arcs for causes, other branches below.

use super::branches::{self, LANE_HEIGHT, Lane};
use super::measure::{Font, Measure, fit};
use super::moment::{World, base_name, category, category_class, event_words};
use super::size::{Px, clock};
use engine::scenario::Input;
use engine::trace::{Category, Event};
use std::fmt::Write as _;

/// Room for the name of the command that the handle is in, where there is none.
const NOW_WIDTH: f64 = 260.0;

/// The measures of the line at each size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub left: f64,
    pub right: f64,
    pub y: f64,
    pub tall: f64,
    pub short: f64,
    pub tick: f64,
    /// Room between neighbours when there is room.
    pub pitch: f64,
    pub gap: f64,
    pub labels: bool,
    pub font: f64,
    /// With one lane or none.
    pub height: f64,
}

impl Style {
    pub fn for_width(width: f64) -> Style {
        if width < 600.0 {
            let (left, right) = (6.0, width - 12.0);
            Style {
                left,
                right,
                y: 25.0,
                tall: 16.0,
                short: 10.0,
                tick: 4.0,
                pitch: 11.4,
                gap: 10.0,
                labels: false,
                font: 14.0,
                height: 44.0,
            }
        } else {
            let font = if width >= 1600.0 { 15.0 } else { 14.0 };
            let pitch = if width >= 1600.0 { 43.0 } else { 27.4 };
            Style {
                left: 6.0,
                right: width - 24.0,
                y: 48.0,
                tall: 15.0,
                short: 9.0,
                tick: 5.0,
                pitch,
                gap: 31.6,
                labels: true,
                font,
                height: 103.0,
            }
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Where each event stands.
    pub places: Vec<f64>,
    pub start: f64,
    pub end: f64,
    pub handle: f64,
    /// Ticks of one colour as one path.
    pub ticks: Vec<(&'static str, String)>,
    pub hollow: String,
    pub brackets: Vec<Bracket>,
    pub arcs: Vec<Arc>,
    pub lanes: Vec<Lane>,
    /// Other branches that are not drawn.
    pub lanes_left_out: usize,
    pub height: f64,
    pub ahead: u32,
    pub clock: String,
    pub event_words: String,
    pub now_class: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    pub from: f64,
    pub to: f64,
    pub label: String,
    pub label_x: f64,
    pub full: String,
    pub current: bool,
    /// The position after its last event.
    pub end_position: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Arc {
    pub path: String,
    pub x: f64,
    pub event: u32,
    pub words: String,
}

pub fn timeline(world: &World, style: Style, measure: &dyn Measure) -> Timeline {
    let events = world.events();
    let places = places(world, style);
    let start = style.left;
    let place_of = |position: u32| match position.checked_sub(1) {
        None => start,
        Some(last) => places.get(last as usize).copied().unwrap_or(start),
    };
    let handle = place_of(world.position);
    let (ticks, hollow) = ticks(events, &places, world.position, style);
    let (lanes, lanes_left_out) =
        if style.labels { branches::lanes(world, &place_of, style, measure) } else { (Vec::new(), 0) };
    let forks: Vec<f64> = lanes.iter().filter(|lane| lane.from_y == style.y).map(|lane| lane.leaves).collect();
    let brackets = if style.labels { brackets(world, &places, &forks, style, measure) } else { Vec::new() };
    Timeline {
        start,
        end: style.right,
        handle,
        ticks,
        hollow,
        brackets,
        arcs: arcs(world, &places, style),
        height: style.height + LANE_HEIGHT * lanes.len().saturating_sub(1) as f64,
        lanes,
        lanes_left_out,
        ahead: world.ahead(),
        clock: clock(world.now),
        event_words: world.event().map_or_else(|| "the beginning".to_owned(), event_words),
        now_class: world.event().map_or("", |event| category_class(category(event))),
        places,
    }
}

impl Timeline {
    /// The position whose place is nearest to `x`.
    pub fn position_at(&self, x: f64) -> u32 {
        let after = self.places.partition_point(|place| *place < x);
        let left = after.checked_sub(1).map_or(self.start, |i| self.places[i]);
        match self.places.get(after) {
            Some(right) if right - x < x - left => after as u32 + 1,
            _ => after as u32,
        }
    }

    /// What a screen reader says of the handle.
    pub fn value_text(&self, position: u32) -> String {
        format!("{}, event {position} of {}: {}", self.clock, self.places.len(), self.event_words)
    }
}

/// Each input gets a stretch; with room for all, events are evenly spaced, else a long input's are closer together.
fn places(world: &World, style: Style) -> Vec<f64> {
    let groups: Vec<usize> = world.inputs().iter().map(|input| input.events.max(1) as usize).collect();
    let total = world.events().len();
    // Events before the first input, if the scenario has any, make a stretch of their own.
    let before = world.inputs().first().map_or(total, |input| input.first_event as usize);
    let groups: Vec<usize> = std::iter::once(before).filter(|n| *n > 0).chain(groups).collect();
    let room = style.right - style.left - style.pitch;
    let ideal: f64 = groups.iter().map(|n| (*n - 1) as f64 * style.pitch).sum::<f64>()
        + groups.len().saturating_sub(1) as f64 * (style.pitch + style.gap);
    let widths: Vec<f64> = if ideal <= room {
        groups.iter().map(|n| (*n - 1) as f64 * style.pitch).collect()
    } else {
        let gaps = groups.len().saturating_sub(1) as f64 * style.gap.min(room * 0.3 / groups.len() as f64);
        let weights: Vec<f64> = groups.iter().map(|n| (*n as f64).sqrt() + 1.0).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| (room - gaps) * weight / sum).collect()
    };
    let between = if ideal <= room { style.pitch + style.gap } else { style.gap.min(room * 0.3 / groups.len() as f64) };
    let mut places = Vec::with_capacity(total);
    let mut x = style.left + 10.0;
    for (n, width) in groups.iter().zip(widths) {
        let step = if *n > 1 { width / (*n - 1) as f64 } else { 0.0 };
        places.extend((0..*n).map(|i| x + step * i as f64));
        x += width + between;
    }
    places.truncate(total);
    places
}

fn ticks(events: &[Event], places: &[f64], position: u32, style: Style) -> (Vec<(&'static str, String)>, String) {
    let mut paths = Vec::new();
    let spacing = places.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let width = style.tick.min((spacing * 0.7).max(1.0));
    for (event, x) in events.iter().zip(places) {
        let (class, height) = match category(event) {
            _ if event.id.0 >= position => ("hollow", style.short),
            Category::Typed => (colour(events, event), style.tall),
            _ => (colour(events, event), style.short),
        };
        tick(&mut paths, class, [x - width / 2.0, style.y - height, width, height]);
    }
    let hollow = paths.iter().position(|(class, _)| *class == "hollow").map(|at| paths.swap_remove(at).1);
    (paths, hollow.unwrap_or_default())
}

/// Adds a tick to the path of its colour.
pub(super) fn tick(paths: &mut Vec<(&'static str, String)>, class: &'static str, [x, y, width, height]: [f64; 4]) {
    let at = paths.iter().position(|(other, _)| *other == class).unwrap_or_else(|| {
        paths.push((class, String::new()));
        paths.len() - 1
    });
    let (x, y, width, height) = (Px(x), Px(y), Px(width), Px(height));
    let _ = write!(paths[at].1, "M{x} {y}h{width}v{height}h-{width}z");
}

/// What a tick is coloured by: a typed one takes the colour of what it led to most, as the drawing has it.
pub(super) fn colour(events: &[Event], event: &Event) -> &'static str {
    if category(event) != Category::Typed {
        return category_class(category(event));
    }
    let led_to = || {
        let next = events.iter().skip(event.id.0 as usize + 1).map(category);
        next.take_while(|category| *category != Category::Typed).filter(|category| *category != Category::Process)
    };
    let count = |class: &&'static str| led_to().filter(|category| category_class(*category) == *class).count();
    led_to().map(category_class).max_by_key(count).unwrap_or("typed")
}

fn brackets(world: &World, places: &[f64], forks: &[f64], style: Style, measure: &dyn Measure) -> Vec<Bracket> {
    let inputs = world.inputs();
    let current = world.input_at(world.position);
    let ends = |i: usize| inputs.get(i).map(|input| (input.first_event, input.first_event + input.events.max(1)));
    let mut brackets = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let Some((first, after)) = ends(i) else { continue };
        let (Some(from), Some(to)) = (places.get(first as usize), places.get(after as usize - 1)) else { continue };
        let next = ends(i + 1).and_then(|(first, _)| places.get(first as usize)).map_or(style.right, |x| x - 14.0);
        let full = input_words(&input.input);
        let font = Font::sans(style.font);
        let font = if current == Some(i) { font.bold() } else { font };
        // A branch that leaves here goes down through the names.
        let (label_x, to_x) = widest(from - 4.0, next, forks);
        let room = (to_x - label_x).max(0.0);
        let shorter = [full.clone(), gist(&full), core(&full)];
        let fits = shorter.iter().find(|words| measure.width(words, font) <= room);
        let label = fits.cloned().unwrap_or_else(|| fit(measure, &shorter[2], font, room));
        // An ellipsis and a letter say nothing.
        let label = if label.chars().count() < 4 && label != full { String::new() } else { label };
        brackets.push(Bracket {
            from: from - 4.0,
            to: to + 4.0,
            label,
            label_x,
            full,
            current: current == Some(i),
            end_position: after,
        });
    }
    make_room(&mut brackets, forks, style, measure);
    brackets
}

/// However crowded it is, the command that the handle is in can be read: neighbours give way to it.
fn make_room(brackets: &mut [Bracket], forks: &[f64], style: Style, measure: &dyn Measure) {
    let font = Font::sans(style.font);
    let Some(now) = brackets.iter_mut().find(|bracket| bracket.current) else { return };
    let words = fit(measure, &core(&now.full), font.bold(), NOW_WIDTH);
    let width = measure.width(&words, font.bold());
    let from = now.label_x.min(style.right - width).max(style.left);
    let to = from + width + 10.0;
    let passed = forks.iter().any(|fork| from < *fork && *fork < to);
    if passed || now.label.chars().count() >= words.chars().count() {
        return;
    }
    (now.label, now.label_x) = (words, from);
    for other in brackets.iter_mut().filter(|bracket| !bracket.current) {
        if other.label_x < to && from < other.label_x + measure.width(&other.label, font) + 10.0 {
            other.label.clear();
        }
    }
}

/// A command without its options: what is left says what it was about.
fn gist(line: &str) -> String {
    line.split(' ').filter(|word| !word.starts_with('-')).collect::<Vec<_>>().join(" ")
}

/// Only what was done and to what: `docker exec web rm /etc/yum.conf` is `rm yum.conf`.
fn core(line: &str) -> String {
    let without = gist(line);
    let mut words: Vec<&str> = without.split(' ').collect();
    if words.len() > 3 && words[0] == "docker" && words[1] == "exec" {
        words.drain(..3);
    } else if words.len() > 1 && words[0] == "docker" {
        words.remove(0);
    }
    words.iter().map(|word| if word.starts_with('/') { base_name(word) } else { word }).collect::<Vec<_>>().join(" ")
}

fn widest(from: f64, to: f64, forks: &[f64]) -> (f64, f64) {
    match forks.iter().find(|fork| from < **fork && **fork < to) {
        Some(fork) if fork - from > to - fork => (from, fork - 8.0),
        Some(fork) => (fork + 8.0, to),
        None => (from, to),
    }
}

pub fn input_words(input: &Input) -> String {
    match input {
        Input::Line(line) => line.clone(),
        Input::Eof => "Ctrl-D".to_owned(),
        Input::Interrupt => "Ctrl-C".to_owned(),
        Input::Save { path, .. } => format!("save {path}"),
        Input::Advance { ns } => format!("wait {}", clock(*ns)),
    }
}

/// From the direct causes of the event under the handle.
fn arcs(world: &World, places: &[f64], style: Style) -> Vec<Arc> {
    let Some(event) = world.event() else { return Vec::new() };
    let Some(to) = places.get(event.id.0 as usize) else { return Vec::new() };
    let arc = |(i, cause): (usize, &engine::trace::EventId)| {
        let from = *places.get(cause.0 as usize)?;
        let (foot, end) = (style.y - style.tall - 2.0, to - 1.0 - i as f64);
        let rise = ((to - from) * 0.05 + 18.0).min(style.y - 11.0);
        let (start, foot, top, end) = (Px(from), Px(foot), Px(foot - rise), Px(end));
        let path = format!("M{start} {foot}C{start} {top} {end} {top} {end} {foot}");
        let words = world.events().get(cause.0 as usize).map(event_words).unwrap_or_default();
        Some(Arc { path, x: from, event: cause.0, words })
    };
    event.causes.iter().filter(|cause| cause.0 < event.id.0).take(3).enumerate().filter_map(arc).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view_model::measure::Estimate;

    #[test]
    fn every_position_can_be_reached_with_the_pointer() {
        let world = fixture::world();
        for width in [358.0, 1084.0, 1680.0] {
            let line = timeline(&world, Style::for_width(width), &Estimate);
            assert!(line.places.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", line.places);
            assert!(line.places.iter().all(|x| *x <= width));
            for position in 1..=line.places.len() as u32 {
                assert_eq!(line.position_at(line.places[position as usize - 1]), position);
            }
            assert_eq!(line.position_at(-5.0), 0);
        }
    }

    #[test]
    fn labels_end_before_the_next_bracket() {
        let line = timeline(&fixture::world(), Style::for_width(1084.0), &Estimate);
        for pair in line.brackets.windows(2) {
            let end = pair[0].label_x + Estimate.width(&pair[0].label, Font::sans(14.0));
            assert!(end <= pair[1].from, "{:?}", pair[0]);
        }
    }

    #[test]
    fn however_crowded_the_command_under_the_handle_is_named_and_no_name_lies_on_another() {
        let mut world = fixture::world();
        let mut named = 0;
        for position in 1..=world.events().len() as u32 {
            world.position = position;
            let line = timeline(&world, Style::for_width(640.0), &Estimate);
            let font = |bracket: &Bracket| {
                if bracket.current { Font::sans(14.0).bold() } else { Font::sans(14.0) }
            };
            let mut shown: Vec<(f64, f64)> = line
                .brackets
                .iter()
                .filter(|bracket| !bracket.label.is_empty())
                .map(|bracket| (bracket.label_x, bracket.label_x + Estimate.width(&bracket.label, font(bracket))))
                .collect();
            shown.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(shown.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{position}: {:?}", line.brackets);
            let now = line.brackets.iter().find(|bracket| bracket.current).unwrap();
            let least = fit(&Estimate, &core(&now.full), font(now), NOW_WIDTH);
            assert!(now.label.chars().count() >= least.chars().count(), "{position}: {now:?}");
            named += usize::from(now.to - now.from < Estimate.width(&now.label, font(now)));
        }
        assert!(named > 0, "somewhere a name needed more than its own room");
    }

    #[test]
    fn arcs_come_from_direct_causes_only() {
        let world = fixture::world();
        let line = timeline(&world, Style::for_width(1084.0), &Estimate);
        let causes: Vec<u32> = world.event().unwrap().causes.iter().map(|cause| cause.0).collect();
        assert_eq!(line.arcs.iter().map(|arc| arc.event).collect::<Vec<_>>(), causes);
    }
}
