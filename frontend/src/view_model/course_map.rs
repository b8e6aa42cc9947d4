//! The course map: a ship in its dock, a hold for each track, lessons hanging from the deck by their minutes.

use super::measure::{Font, Measure};
use engine::sim::Map;
use lessons::{Course, LessonCard};
use std::fmt::Write as _;

/// What was done, by lesson: kept in the browser, exported as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub lessons: Map<String, LessonProgress>,
    /// The lesson that was open last.
    pub last: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonProgress {
    /// A bit for each step whose goals were reached.
    pub done: u64,
    pub step: u32,
    pub steps: u32,
    /// The fragment that restores the session.
    pub link: String,
}

impl LessonProgress {
    pub fn is_done(&self) -> bool {
        self.steps > 0 && self.done.count_ones() >= self.steps
    }
}

const FORMAT: &str = "drydock progress 1";

impl Progress {
    /// One line a lesson, readable by people: `images/layers done=7 step=3 steps=5 s=…`.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FORMAT}\n");
        for (id, of) in &self.lessons {
            let last = if self.last.as_ref() == Some(id) { " last" } else { "" };
            let _ = writeln!(text, "{id} done={} step={} steps={}{last} {}", of.done, of.step, of.steps, of.link);
        }
        text
    }

    pub fn from_text(text: &str) -> Option<Progress> {
        let mut lines = text.lines();
        if lines.next()?.trim() != FORMAT {
            return None;
        }
        let mut progress = Progress::default();
        for line in lines {
            let mut words = line.split_whitespace();
            let Some(id) = words.next() else { continue };
            let mut of = LessonProgress::default();
            for word in words {
                match word.split_once('=') {
                    Some(("done", bits)) => of.done = bits.parse().ok()?,
                    Some(("step", step)) => of.step = step.parse().ok()?,
                    Some(("steps", steps)) => of.steps = steps.parse().ok()?,
                    Some(("s", _)) => of.link = word.to_owned(),
                    None if word == "last" => progress.last = Some(id.to_owned()),
                    _ => {}
                }
            }
            progress.lessons.insert(id.to_owned(), of);
        }
        Some(progress)
    }

    /// Both: what was done in either is done.
    pub fn merged(&self, other: &Progress) -> Progress {
        let mut both = self.clone();
        for (id, theirs) in &other.lessons {
            match both.lessons.get_mut(id) {
                Some(ours) => {
                    ours.done |= theirs.done;
                    ours.steps = ours.steps.max(theirs.steps);
                }
                None => {
                    both.lessons.insert(id.clone(), theirs.clone());
                }
            }
        }
        both.last = both.last.or_else(|| other.last.clone());
        both
    }
}

pub const MINUTE: f64 = 2.46;
const DECK: f64 = 73.0;
const GAP: f64 = 3.0;
const HOLD: f64 = 176.0;
const FIRST: f64 = 119.0;
/// What a berth leaves for words.
const ROOM: f64 = 149.0;
const TWO_LINES: f64 = 30.0;

#[derive(Clone, Debug, PartialEq)]
pub struct CourseMap {
    pub holds: Vec<Hold>,
    /// `3 of 4 lessons, 34 minutes of 1 h 02; 39 more are planned`.
    pub summary: String,
    pub go: Option<Go>,
}

/// The one button: where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Go {
    pub words: String,
    pub lesson: String,
    pub fragment: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub title: String,
    pub line: String,
    pub minutes: u32,
    pub x: f64,
    pub berths: Vec<Berth>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Berth {
    pub id: String,
    pub title: String,
    pub label: Label,
    pub minutes: u32,
    pub y: f64,
    pub height: f64,
    pub state: BerthState,
    pub fragment: String,
}

/// A title in its berth: whole, on one line or two.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub lines: Vec<String>,
    /// Whether the minutes have room beside it; the height says them too.
    pub minutes: bool,
    /// What it is squeezed into where even that is too wide.
    pub squeezed: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BerthState {
    Done,
    /// Begun: which steps are reached.
    Current(Vec<bool>),
    Ready,
    Planned,
}

pub fn course_map(course: &Course, progress: &Progress, measure: &dyn Measure) -> CourseMap {
    let mut holds = Vec::new();
    for (i, track) in course.tracks.iter().enumerate() {
        let mut y = DECK;
        let mut berths = Vec::new();
        for card in &track.lessons {
            let berth = berth(card, progress, y, measure);
            y += f64::from(card.minutes) * MINUTE;
            berths.push(berth);
        }
        let minutes = track.lessons.iter().map(|card| card.minutes).sum();
        let x = FIRST + HOLD * i as f64;
        holds.push(Hold { title: track.title.clone(), line: track.line.clone(), minutes, x, berths });
    }
    CourseMap { holds, summary: summary(course, progress), go: go(course, progress) }
}

fn berth(card: &LessonCard, progress: &Progress, y: f64, measure: &dyn Measure) -> Berth {
    let of = progress.lessons.get(&card.id);
    let state = match of {
        _ if !card.ready => BerthState::Planned,
        Some(of) if of.is_done() => BerthState::Done,
        Some(of) if of.done != 0 || of.step > 0 || progress.last.as_ref() == Some(&card.id) => {
            BerthState::Current((0..card.steps).map(|step| of.done >> step.min(63) & 1 == 1).collect())
        }
        _ => BerthState::Ready,
    };
    let height = f64::from(card.minutes) * MINUTE - GAP;
    Berth {
        id: card.id.clone(),
        title: card.title.clone(),
        label: label(card, &state, height, measure),
        minutes: card.minutes,
        y,
        height,
        fragment: of.map(|of| of.link.clone()).unwrap_or_default(),
        state,
    }
}

fn label(card: &LessonCard, state: &BerthState, height: f64, measure: &dyn Measure) -> Label {
    let font = Font::sans(14.0);
    let current = matches!(state, BerthState::Current(_));
    let width = |text: &str| measure.width(text, if current { font.bold() } else { font });
    // What stands at the right: nothing, a check, or the minutes.
    let (beside, least) = match state {
        BerthState::Current(_) => (0.0, 0.0),
        BerthState::Done => (14.0, 14.0),
        _ => (measure.width(&card.minutes.to_string(), font) + 6.0, 0.0),
    };
    let title = &card.title;
    let one = |minutes, squeezed| Label { lines: vec![title.clone()], minutes, squeezed };
    if width(title) <= ROOM - beside {
        return one(true, None);
    }
    let halves = title.match_indices(' ').map(|(at, _)| (&title[..at], &title[at + 1..]));
    let widest = |(a, b): &(&str, &str)| width(a).max(width(b));
    match halves.min_by(|a, b| widest(a).total_cmp(&widest(b))) {
        Some((a, b)) if height >= TWO_LINES && widest(&(a, b)) <= ROOM - beside => {
            Label { lines: vec![a.to_owned(), b.to_owned()], minutes: true, squeezed: None }
        }
        _ => one(false, Some(ROOM - least).filter(|room| width(title) > *room)),
    }
}

fn summary(course: &Course, progress: &Progress) -> String {
    let cards = course.tracks.iter().flat_map(|track| &track.lessons);
    let (cards, planned): (Vec<&LessonCard>, Vec<&LessonCard>) = cards.partition(|card| card.ready);
    let done = |card: &&&LessonCard| progress.lessons.get(&card.id).is_some_and(LessonProgress::is_done);
    let count = cards.iter().filter(done).count();
    let spent: u32 = cards.iter().filter(done).map(|card| card.minutes).sum();
    let all: u32 = cards.iter().map(|card| card.minutes).sum();
    let planned = match planned.len() {
        0 => String::new(),
        more => format!("; {more} more are planned"),
    };
    format!("{count} of {} lessons, {spent} minutes of {}{planned}", cards.len(), hours(all))
}

fn hours(minutes: u32) -> String {
    match minutes {
        0..60 => format!("{minutes} min"),
        _ => format!("{} h {:02}", minutes / 60, minutes % 60),
    }
}

fn go(course: &Course, progress: &Progress) -> Option<Go> {
    let ready: Vec<&LessonCard> =
        course.tracks.iter().flat_map(|track| &track.lessons).filter(|card| card.ready).collect();
    let of = |card: &LessonCard| progress.lessons.get(&card.id);
    let unfinished = |card: &&&LessonCard| !of(card).is_some_and(LessonProgress::is_done);
    let last = ready.iter().find(|card| progress.last.as_ref() == Some(&card.id)).filter(unfinished);
    let card = last.or_else(|| ready.iter().find(unfinished)).or(ready.first())?;
    let (words, fragment) = match of(card) {
        Some(of) if !of.is_done() => (format!("Continue: {}, step {}", card.title, of.step + 1), of.link.clone()),
        _ => (format!("Start: {}", card.title), String::new()),
    };
    Some(Go { words, lesson: card.id.clone(), fragment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view_model::measure::Estimate;

    #[test]
    fn lessons_hang_in_order_without_touching() {
        let map = course_map(&fixture::course(), &Progress::default(), &Estimate);
        for hold in &map.holds {
            for pair in hold.berths.windows(2) {
                assert!((pair[1].y - pair[0].y - pair[0].height - GAP).abs() < 0.01);
            }
        }
        assert!(map.go.unwrap().words.starts_with("Start: "));
    }

    #[test]
    fn every_title_of_the_course_is_whole_in_its_berth() {
        let text = include_str!("../../../lessons/content/course.toml");
        let value = |line: &str, key: &str| {
            let rest = line.split_once(&format!(" {key} = "))?.1;
            Some(rest.split([',', '}']).next()?.trim().to_owned())
        };
        let mut cards = 0;
        for line in text.lines() {
            let Some(title) = line.split_once("title = \"").and_then(|(_, rest)| rest.split('"').next()) else {
                continue;
            };
            let Some(minutes) = value(line, "minutes").and_then(|n| n.parse().ok()) else { continue };
            let card =
                LessonCard { title: title.to_owned(), minutes, ..fixture::course().tracks[0].lessons[0].clone() };
            for state in [BerthState::Done, BerthState::Ready, BerthState::Current(vec![true, false])] {
                let label = label(&card, &state, f64::from(minutes) * MINUTE - GAP, &Estimate);
                assert_eq!(label.lines.join(" "), title);
                // Bold is estimated too wide.
                let bold = matches!(state, BerthState::Current(_));
                assert!(bold || label.squeezed.is_none_or(|room| room > 130.0), "{title}, {state:?}: {label:?}");
            }
            cards += 1;
        }
        assert!(cards > 40, "{cards}");
    }

    #[test]
    fn progress_comes_back_from_its_text() {
        let mut progress = Progress { last: Some("images/layers".into()), ..Progress::default() };
        let of = LessonProgress { done: 5, step: 2, steps: 5, link: "s=abc".into() };
        progress.lessons.insert("images/layers".into(), of);
        assert_eq!(Progress::from_text(&progress.to_text()), Some(progress.clone()));
        assert_eq!(Progress::from_text("something else"), None);
        assert_eq!(progress.merged(&Progress::default()), progress);
    }

    #[test]
    fn what_was_begun_is_continued() {
        let mut progress = Progress { last: Some("images/layers".into()), ..Progress::default() };
        let of = LessonProgress { done: 0b11, step: 2, steps: 5, link: "s=x".into() };
        progress.lessons.insert("images/layers".into(), of);
        let map = course_map(&fixture::course(), &progress, &Estimate);
        assert_eq!(map.go.unwrap().words, "Continue: A layer never changes, step 3");
        let states: Vec<&BerthState> = map.holds[0].berths.iter().map(|berth| &berth.state).collect();
        assert!(states.contains(&&BerthState::Current(vec![true, true, false, false, false])), "{states:?}");
    }
}
