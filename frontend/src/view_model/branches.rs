//! Branches: where each parts from the line that is shown, a lane for each below it, and the same in words.
//!
//! A branch repeats the events before the place where it left its parent. Seen from the current branch, which is the
//! line itself, every other one has a part of its own that leaves the line or another branch's lane.

use super::measure::{Font, Measure, fit};
use super::moment::World;
use super::timeline::{Style, colour, input_words, tick};
use engine::session::{Branch, BranchId};
use engine::sim::sort_by_key;

/// Lanes drawn; the list in words has all.
pub const LANES: usize = 3;
/// From one lane to the next.
pub const LANE_HEIGHT: f64 = 20.0;
const FIRST_LANE: f64 = 41.0;
/// From where a lane leaves to its first tick, and from its last to its end.
const LEAD: f64 = 26.0;
const TAIL: f64 = 12.0;
const PITCH: f64 = 16.0;
const PITCH_MIN: f64 = 4.0;
const WORDS: f64 = 300.0;

/// A branch as it parts from the current one. The current one parts from nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Parting {
    pub branch: BranchId,
    /// Whose lane it leaves; nothing is the line itself.
    pub from: Option<BranchId>,
    /// After how many events.
    pub at: u32,
    /// Its last position.
    pub end: u32,
}

/// One drawn below the line.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub branch: BranchId,
    pub leaves: f64,
    /// The height of the line it leaves.
    pub from_y: f64,
    pub y: f64,
    pub end: f64,
    pub ticks: Vec<(&'static str, String)>,
    pub words: String,
    pub words_x: f64,
    /// What can be pressed: the lane and its words.
    pub left: f64,
    pub width: f64,
    pub label: String,
    pub events: u32,
    /// Its first own event, and the room for each.
    first: u32,
    pitch: f64,
}

/// One entry of the list in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub branch: BranchId,
    pub current: bool,
    pub title: String,
    pub inputs: Vec<String>,
    pub parts: String,
    pub end: u32,
}

/// People count from 1.
pub fn number(branch: BranchId) -> u32 {
    u32::from(branch.0) + 1
}

struct Tree<'a> {
    all: &'a [Branch],
    /// The current branch and those it comes from, each with how many of its events the current one repeats.
    line: Vec<(BranchId, u32)>,
}

impl<'a> Tree<'a> {
    fn of(world: &'a World) -> Tree<'a> {
        let all = &world.history.branches;
        let mut line = vec![(world.branch, u32::MAX)];
        let mut upto = u32::MAX;
        let mut parent = world.line().and_then(|branch| branch.parent);
        while let Some((id, events)) = parent {
            upto = upto.min(events);
            line.push((id, upto));
            parent = find(all, id).and_then(|branch| branch.parent);
        }
        Tree { all, line }
    }

    fn repeated(&self, branch: BranchId) -> Option<u32> {
        self.line.iter().find(|(id, _)| *id == branch).map(|(_, upto)| *upto)
    }

    /// Whose own part the moment after `events` events of a branch lies in.
    fn owner(&self, branch: BranchId, events: u32) -> Option<BranchId> {
        if self.repeated(branch).is_some_and(|upto| events <= upto) {
            return None;
        }
        match find(self.all, branch).and_then(|branch| branch.parent) {
            Some((parent, fork)) if events <= fork => self.owner(parent, events),
            _ => Some(branch),
        }
    }

    fn parting(&self, branch: &Branch) -> Parting {
        let (parent, fork) = branch.parent.unwrap_or((branch.id, 0));
        let repeated = self.repeated(branch.id).unwrap_or(0);
        let (from, at) = if repeated >= fork { (None, repeated) } else { (self.owner(parent, fork), fork) };
        Parting { branch: branch.id, from, at, end: branch.events.len() as u32 }
    }
}

fn find(all: &[Branch], id: BranchId) -> Option<&Branch> {
    all.iter().find(|branch| branch.id == id)
}

/// The other branches that have something of their own, oldest first.
pub fn partings(world: &World) -> Vec<Parting> {
    let tree = Tree::of(world);
    let others = tree.all.iter().filter(|branch| branch.id != world.branch);
    let all: Vec<Parting> = others.map(|branch| tree.parting(branch)).collect();
    among(&all, &|parting| parting.at < parting.end)
}

/// Those that are kept; what left one that is not leaves where that one left.
fn among(all: &[Parting], kept: &dyn Fn(&Parting) -> bool) -> Vec<Parting> {
    let settle = |parting: &Parting| {
        let mut parting = parting.clone();
        while let Some(from) = all.iter().find(|other| Some(other.branch) == parting.from && !kept(other)) {
            (parting.from, parting.at) = (from.from, from.at);
        }
        parting
    };
    all.iter().filter(|parting| kept(parting)).map(settle).collect()
}

/// Every branch in words, in the order they were begun.
pub fn entries(world: &World) -> Vec<Entry> {
    let all = partings(world);
    let entry = |branch: &Branch| {
        let current = branch.id == world.branch;
        let parting = all.iter().find(|parting| parting.branch == branch.id);
        if !current && parting.is_none() {
            return None;
        }
        Some(Entry {
            branch: branch.id,
            current,
            title: format!("Branch {}", number(branch.id)),
            inputs: typed(branch, parting.map_or(0, |parting| parting.at)),
            parts: parting.map_or_else(|| "on the line now".to_owned(), |parting| parts(world, parting)),
            end: branch.events.len() as u32,
        })
    };
    world.history.branches.iter().filter_map(entry).collect()
}

/// What was typed on a branch after so many events.
fn typed(branch: &Branch, at: u32) -> Vec<String> {
    let own = branch.inputs.iter().filter(|input| input.first_event + input.events > at);
    own.map(|input| input_words(&input.input)).collect()
}

/// `parts from this branch after event 12, docker build -t web:1 web`.
fn parts(world: &World, parting: &Parting) -> String {
    let from = parting.from.map_or_else(|| "this branch".to_owned(), |id| format!("branch {}", number(id)));
    let branch = find(&world.history.branches, parting.branch);
    let before = branch.and_then(|branch| branch.inputs.iter().rfind(|input| input.first_event < parting.at));
    match before {
        Some(input) => format!("parts from {from} after event {}, {}", parting.at, input_words(&input.input)),
        None => format!("parts from {from} at the beginning"),
    }
}

/// The lanes that are drawn, from the top, and how many are not.
pub fn lanes(world: &World, place_of: &dyn Fn(u32) -> f64, style: Style, measure: &dyn Measure) -> (Vec<Lane>, usize) {
    let all = partings(world);
    let left_out = all.len().saturating_sub(LANES);
    // The newest are the ones that are being compared.
    let newest: Vec<BranchId> = all.iter().skip(left_out).map(|parting| parting.branch).collect();
    let rows = rows(&among(&all, &|parting| newest.contains(&parting.branch)));
    let mut lanes: Vec<Lane> = Vec::new();
    for (row, parting) in rows.iter().enumerate() {
        let leaves = |parting: &Parting| match parting.from {
            None => Some(place_of(parting.at)),
            Some(from) => lanes.iter().find(|lane| lane.branch == from).map(|lane| lane.place(parting.at)),
        };
        let x = leaves(parting).unwrap_or(style.left);
        // What goes further down passes this row: its words end there.
        let passing = rows[row + 1..].iter().filter_map(leaves).filter(|passing| *passing < x);
        let free = passing.fold(style.left, f64::max);
        let from_y = lanes.iter().find(|lane| Some(lane.branch) == parting.from).map_or(style.y, |lane| lane.y);
        let y = style.y + FIRST_LANE + LANE_HEIGHT * row as f64;
        let row = Row { leaves: x, from_y, y, free };
        lanes.push(lane(world, parting, row, style, measure));
    }
    (lanes, left_out)
}

/// From the top: what leaves last first, so that no line on its way down crosses a lane.
fn rows(partings: &[Parting]) -> Vec<Parting> {
    fn below(from: Option<BranchId>, partings: &[Parting], rows: &mut Vec<Parting>) {
        let mut leaving: Vec<&Parting> = partings.iter().filter(|parting| parting.from == from).collect();
        sort_by_key(&mut leaving, |parting| std::cmp::Reverse(parting.at));
        for parting in leaving {
            rows.push(parting.clone());
            below(Some(parting.branch), partings, rows);
        }
    }
    let mut rows = Vec::new();
    below(None, partings, &mut rows);
    rows
}

impl Lane {
    /// Where the event before a position stands.
    fn place(&self, position: u32) -> f64 {
        self.leaves + LEAD + self.pitch * f64::from(position.saturating_sub(self.first + 1))
    }
}

struct Row {
    leaves: f64,
    from_y: f64,
    y: f64,
    /// To the left nothing is drawn from here on.
    free: f64,
}

fn lane(world: &World, parting: &Parting, row: Row, style: Style, measure: &dyn Measure) -> Lane {
    let Row { leaves, from_y, y, free } = row;
    let branch = find(&world.history.branches, parting.branch);
    let own = branch.and_then(|branch| branch.events.get(parting.at as usize..)).unwrap_or_default();
    let font = Font::sans(style.font);
    let inputs = branch.map(|branch| typed(branch, parting.at)).unwrap_or_default();
    let full = format!("branch {}: {}", number(parting.branch), inputs.join(" · "));
    let wide = measure.width(&full, font).min(WORDS);
    let least = LEAD + PITCH_MIN * own.len() as f64 + TAIL;
    let (right, left) = (style.right - leaves, leaves - free - 18.0);
    // Words stand behind the lane; before it when it leaves too late for that.
    let behind = right >= least + wide + 10.0 || right - least > left;
    let room = right - LEAD - TAIL - if behind { wide.min(right / 2.0) + 10.0 } else { 0.0 };
    let pitch = (room / own.len().max(1) as f64).clamp(1.5, PITCH);
    let end = leaves + LEAD + pitch * own.len().saturating_sub(1) as f64 + TAIL;
    let mut ticks = Vec::new();
    let thin = style.tick.min(pitch * 0.7);
    for (i, event) in own.iter().enumerate() {
        let x = leaves + LEAD + pitch * i as f64 - thin / 2.0;
        tick(&mut ticks, branch.map_or("", |branch| colour(&branch.events, event)), [x, y - 9.0, thin, 9.0]);
    }
    let words = fit(measure, &full, font, if behind { style.right - end - 10.0 } else { left });
    let wide = measure.width(&words, font);
    let words_x = if behind { end + 10.0 } else { leaves - 10.0 - wide };
    let button = words_x.min(leaves + 4.0);
    Lane {
        branch: parting.branch,
        leaves,
        from_y,
        y,
        end,
        ticks,
        words,
        words_x,
        left: button,
        width: end.max(words_x + wide) - button,
        label: format!("Go to {}; {} events; {}", full.replace(" · ", ", then "), own.len(), parts(world, parting)),
        events: parting.end,
        first: parting.at,
        pitch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view_model::measure::Estimate;
    use engine::session::History;
    use std::rc::Rc;

    /// Branches of one session: each with its parent, after how many events it left, and how many it has.
    fn session(current: u16, branches: &[(u16, u32, u32)]) -> World {
        let made = fixture::world();
        let (events, input) = (made.events().to_vec(), made.inputs()[0].clone());
        let branch = |(i, (parent, fork, len)): (usize, &(u16, u32, u32))| {
            let typed = |first: u32, end: u32| engine::session::InputRecord {
                input: engine::scenario::Input::Line(format!("line {i} {first}")),
                first_event: first,
                events: end - first,
                ..input.clone()
            };
            let mut inputs: Vec<_> = (0..*fork).step_by(2).map(|first| typed(first, first + 2)).collect();
            inputs.push(typed(*fork, *len));
            Branch {
                id: BranchId(i as u16),
                parent: (i > 0).then_some((BranchId(*parent), *fork)),
                inputs,
                events: events[..*len as usize].to_vec(),
            }
        };
        let branches = branches.iter().enumerate().map(branch).collect();
        World { branch: BranchId(current), history: Rc::new(History { branches }), ..made }
    }

    fn left(world: &World) -> Vec<(u16, Option<u16>, u32)> {
        let all = partings(world);
        all.iter().map(|parting| (parting.branch.0, parting.from.map(|id| id.0), parting.at)).collect()
    }

    #[test]
    fn a_branch_leaves_its_parent_where_it_left_it() {
        let branches = [(0, 0, 12), (0, 4, 10), (1, 8, 14)];
        assert_eq!(left(&session(0, &branches)), [(1, None, 4), (2, Some(1), 8)]);
        // From the youngest, what its parents did afterwards leaves the line.
        assert_eq!(left(&session(2, &branches)), [(0, None, 4), (1, None, 8)]);
        assert_eq!(left(&session(1, &branches)), [(0, None, 4), (2, None, 8)]);
        // What was begun in the part that a branch repeats left its parent.
        let early = [(0, 0, 12), (0, 6, 10), (1, 2, 8)];
        assert_eq!(left(&session(0, &early)), [(1, None, 6), (2, None, 2)]);
        assert_eq!(left(&session(2, &early)), [(0, None, 2), (1, Some(0), 6)]);
    }

    #[test]
    fn a_branch_that_was_undone_is_no_lane_and_its_children_stay() {
        let undone = [(0, 0, 12), (0, 4, 4), (1, 4, 10)];
        assert_eq!(left(&session(0, &undone)), [(2, None, 4)]);
        assert_eq!(entries(&session(0, &undone)).len(), 2);
    }

    #[test]
    fn every_session_is_drawn_without_a_lane_over_another() {
        let all = [(0, 0, 14), (0, 4, 12), (0, 10, 14), (1, 8, 14), (0, 2, 6), (3, 10, 14)];
        for current in 0..6 {
            for shown in 2..=6 {
                let world = session(current.min(shown as u16 - 1), &all[..shown]);
                let style = Style::for_width(1084.0);
                let (lanes, left_out) = lanes(&world, &|position| 20.0 + 60.0 * f64::from(position), style, &Estimate);
                assert_eq!(lanes.len() + left_out, shown - 1);
                assert_eq!(lanes.len(), (shown - 1).min(LANES));
                for (i, lane) in lanes.iter().enumerate() {
                    assert!(lane.width > 40.0 && lane.left >= 0.0 && lane.end <= style.right + 1.0, "{lane:?}");
                    assert!(!lane.words.is_empty() && lane.from_y < lane.y, "{lane:?}");
                    // A line on its way down passes no lane and no words.
                    for above in lanes[..i].iter().filter(|above| above.y > lane.from_y) {
                        let over = above.left < lane.leaves && lane.leaves < above.left + above.width;
                        assert!(!over, "{lane:?} crosses {above:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_list_has_every_branch_and_marks_the_current_one() {
        let world = session(1, &[(0, 0, 14), (0, 4, 12), (0, 10, 14), (1, 8, 14), (0, 2, 6)]);
        let list = entries(&world);
        assert_eq!(list.iter().map(|entry| entry.current).collect::<Vec<_>>(), [false, true, false, false, false]);
        assert_eq!(list[3].parts, "parts from this branch after event 8, line 3 6");
        assert_eq!(list[3].inputs, ["line 3 8"]);
        assert_eq!(list[2].parts, "parts from branch 1 after event 10, line 2 8");
    }
}
