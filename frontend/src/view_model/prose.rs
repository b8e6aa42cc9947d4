//! The reading column: goals and how they differ, what a prediction came to, the ladder of hints, marks in a margin.

use super::moment::World;
use super::section::model::{SectionModel, Stratum};
use crate::state::Lesson;
use engine::session::ClaimState;
use lessons::{Predict, Span, Step};

/// Where a step's claims begin in `Lesson::claims`: its goals, then its wrong attempts.
pub fn first_claim(lesson: &Lesson, step: usize) -> usize {
    lesson.steps.iter().take(step).map(|step| step.goals.len() + step.wrongs.len()).sum()
}

#[derive(Clone, Debug, PartialEq)]
pub struct GoalState<'a> {
    pub text: &'a [Span],
    pub holds: bool,
    /// `1 wanted, 2 found: in layers 3 and 4`; empty while nothing is known.
    pub difference: Vec<Part>,
}

/// A difference with its figures apart, which are set in bold, and what stands between backticks as code.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Figure(String),
    Code(String),
    Words(String),
}

/// While the step's prediction is open, a goal only says that it does not hold: its difference could tell the answer.
pub fn goals<'a>(lesson: &'a Lesson, step: usize, world: Option<&World>, chosen: Option<usize>) -> Vec<GoalState<'a>> {
    let first = first_claim(lesson, step);
    let state = |i: usize| world.and_then(|world| world.claims.get(first + i));
    let Some(of_step) = lesson.steps.get(step) else { return Vec::new() };
    let open = of_step.predict.is_some() && chosen.is_none();
    let told = |claim: &ClaimState| match open && !claim.holds {
        true => vec![Part::Words("not yet".to_owned())],
        false => difference(claim),
    };
    let goal = |(i, goal): (usize, &'a lessons::Goal)| GoalState {
        text: &goal.text,
        holds: state(i).is_some_and(|claim| claim.holds),
        difference: state(i).map(told).unwrap_or_default(),
    };
    of_step.goals.iter().enumerate().map(goal).collect()
}

pub fn all_hold(lesson: &Lesson, step: usize, world: Option<&World>) -> bool {
    goals(lesson, step, world, None).iter().all(|goal| goal.holds)
}

fn difference(claim: &ClaimState) -> Vec<Part> {
    if claim.holds {
        return Vec::new();
    }
    let mut parts: Vec<Part> = Vec::new();
    for (i, piece) in claim.difference.split('`').enumerate() {
        match i % 2 {
            0 => figures(piece, &mut parts),
            _ => parts.push(Part::Code(piece.to_owned())),
        }
    }
    parts
}

fn figures(text: &str, parts: &mut Vec<Part>) {
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end_matches([' ', ',', ':', '.']);
        let is_figure = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
        // Only the figures that are compared: those before the colon.
        let before_colon = !parts.iter().any(|part| matches!(part, Part::Words(words) if words.contains(':')));
        if is_figure && before_colon {
            parts.push(Part::Figure(bare.to_owned()));
            parts.push(Part::Words(word[bare.len()..].to_owned()));
        } else if let Some(Part::Words(words)) = parts.last_mut() {
            words.push_str(word);
        } else {
            parts.push(Part::Words(word.to_owned()));
        }
    }
}

/// The reply to the last wrong attempt that shows in the world, and the rung it raises. Nothing is an attempt before
/// something was done in this step, which was `begun` at this position.
pub fn wrong<'a>(lesson: &'a Lesson, step: usize, world: &World, begun: u32) -> Option<(&'a [Span], u32)> {
    let of_step = lesson.steps.get(step)?;
    let inputs = world.inputs().iter().map(|input| input.first_event);
    if !inputs.into_iter().any(|first| (begun..world.position).contains(&first)) {
        return None;
    }
    let first = first_claim(lesson, step) + of_step.goals.len();
    let holds = |i: &usize| world.claims.get(first + i).is_some_and(|claim| claim.holds);
    let last = (0..of_step.wrongs.len()).rfind(holds)?;
    Some((&of_step.wrongs[last].reply, of_step.wrongs[last].hint))
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict<'a> {
    /// Nothing was chosen yet.
    Open,
    /// It is to be found out.
    Waiting,
    Right {
        reply: &'a [Span],
    },
    Wrong {
        value: String,
        reply: &'a [Span],
    },
}

/// A prediction is judged by the engine's fact, once the step's goals hold.
pub fn verdict<'a>(predict: &'a Predict, chosen: Option<usize>, world: Option<&World>, done: bool) -> Verdict<'a> {
    let Some(choice) = chosen.and_then(|i| predict.choices.get(i)) else { return Verdict::Open };
    let value = world.and_then(|world| world.facts.get(&predict.fact)).filter(|_| done);
    match value.map(ToString::to_string) {
        None => Verdict::Waiting,
        Some(value) if value == choice.value => Verdict::Right { reply: &choice.reply },
        Some(value) => Verdict::Wrong { value, reply: &choice.reply },
    }
}

pub const RUNGS: u32 = 4;

/// What the next rung offers, before it is opened.
pub fn rung_name(rung: u32) -> &'static str {
    ["the idea", "where to look", "the command’s shape", "the solution"].get(rung as usize).copied().unwrap_or_default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The image's history says that this instruction made a layer.
    Layer,
    NoLayer,
    /// Nothing is known: the image is not built, or is another one.
    Unknown,
    /// The rest of an instruction, or a comment.
    Rest,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DockerfileLine {
    pub mark: Mark,
    pub verb: String,
    pub rest: String,
}

/// A Dockerfile with what each line became, as far as the section's image was built from it.
pub fn dockerfile(text: &str, section: Option<&SectionModel>) -> Vec<DockerfileLine> {
    let verbs = || text.lines().scan(false, |open, line| Some(split(line, open)));
    let made: Vec<(String, bool)> = section.map(own_strata).unwrap_or_default();
    let ours: Vec<String> =
        verbs().filter(|(verb, _)| !verb.is_empty()).map(|(verb, _)| verb.to_ascii_uppercase()).collect();
    let same = !made.is_empty() && ours.iter().eq(made.iter().map(|(verb, _)| verb));
    let mut next = 0;
    let line = |(verb, rest): (String, String)| {
        let mark = match (verb.is_empty(), same) {
            (true, _) => Mark::Rest,
            (false, false) => Mark::Unknown,
            (false, true) => {
                next += 1;
                if made[next - 1].1 { Mark::Layer } else { Mark::NoLayer }
            }
        };
        DockerfileLine { mark, verb, rest }
    };
    verbs().map(line).collect()
}

fn split(line: &str, continued: &mut bool) -> (String, String) {
    let rest_only = *continued || line.trim_start().starts_with('#') || line.trim().is_empty();
    *continued = line.trim_end().ends_with('\\');
    if rest_only {
        return (String::new(), line.to_owned());
    }
    let (verb, rest) = line.trim_start().split_once(char::is_whitespace).unwrap_or((line.trim_start(), ""));
    (verb.to_owned(), rest.to_owned())
}

/// The verbs of the image's own Dockerfile in order, and whether each made a layer; several base layers are one FROM.
fn own_strata(section: &SectionModel) -> Vec<(String, bool)> {
    let mut strata: Vec<(String, bool)> = Vec::new();
    for stratum in &section.strata {
        let (verb, layer) = match stratum {
            Stratum::Layer(layer) => (layer.verb.clone(), true),
            Stratum::NoLayer { words } => (words.split(' ').next().unwrap_or_default().to_owned(), false),
        };
        if verb != "FROM" || strata.is_empty() {
            strata.push((verb, layer));
        }
    }
    strata
}

/// Words a listener hears for a step's text.
pub fn plain(spans: &[Span]) -> String {
    let words = |span: &Span| match span {
        Span::Text(text) | Span::Code(text) | Span::Emphasis(text) | Span::Strong(text) => text.clone(),
        Span::Fact { otherwise, .. } => otherwise.clone(),
        Span::Link { text, .. } => text.clone(),
    };
    spans.iter().map(words).collect()
}

/// `Next: the cache` names where it leads: the next step, or the next lesson.
pub fn next_title(lesson: &Lesson, step: usize) -> Option<&str> {
    lesson.steps.get(step + 1).map(|step: &Step| step.title.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view_model::section::Wanted;

    #[test]
    fn the_figures_of_a_difference_stand_out() {
        let claim = ClaimState { holds: false, difference: "1 wanted, 2 found: in layers 3 and 4".into() };
        let parts = difference(&claim);
        let figures: Vec<&Part> = parts.iter().filter(|part| matches!(part, Part::Figure(_))).collect();
        assert_eq!(figures, [&Part::Figure("1".into()), &Part::Figure("2".into())]);
        let claim = ClaimState { holds: false, difference: "`ls 2` has not been run yet".into() };
        assert_eq!(difference(&claim), [Part::Code("ls 2".into()), Part::Words(" has not been run yet".into())]);
    }

    #[test]
    fn a_goal_does_not_answer_an_open_prediction() {
        let mut world = fixture::world();
        let lesson = fixture::lesson();
        let step = lesson.steps.iter().position(|step| step.predict.is_some() && !step.goals.is_empty()).unwrap();
        let first = first_claim(&lesson, step);
        let claim = ClaimState { holds: false, difference: "4 wanted, nothing found yet".into() };
        world.claims =
            world.claims.iter().enumerate().map(|(i, old)| if i == first { &claim } else { old }).cloned().collect();
        let shown = |chosen| goals(&lesson, step, Some(&world), chosen)[0].difference.clone();
        assert_eq!(shown(None), [Part::Words("not yet".into())]);
        assert!(shown(Some(1)).contains(&Part::Figure("4".into())));
    }

    #[test]
    fn nothing_is_a_wrong_attempt_before_something_was_done_in_the_step() {
        let mut world = fixture::world();
        let mut lesson = fixture::lesson();
        let reply = vec![Span::Text("Not so.".into())];
        let when = lesson.steps.iter().find_map(|step| step.goals.first()).unwrap().claim.clone();
        lesson.steps[0].wrongs = vec![lessons::Wrong { run: vec![], when, hint: 0, reply }];
        let holds = ClaimState { holds: true, difference: String::new() };
        world.claims = std::iter::repeat_n(holds, 9).collect();
        let last = world.inputs().last().unwrap().first_event;
        assert!(wrong(&lesson, 0, &world, last).is_some());
        assert!(wrong(&lesson, 0, &world, world.position).is_none(), "all of it was done in the step before");
        world.position = 0;
        assert!(wrong(&lesson, 0, &world, 0).is_none());
    }

    #[test]
    fn margin_marks_follow_the_history_and_not_the_text() {
        let world = fixture::world();
        let containers = ["web".to_owned()];
        let wanted = Wanted { image: "web:1", containers: &containers, files: &[] };
        let section = SectionModel::new(wanted, &world);
        let marks: Vec<Mark> =
            dockerfile(fixture::DOCKERFILE, Some(&section)).into_iter().map(|line| line.mark).collect();
        use Mark::*;
        assert_eq!(marks, [Layer, Layer, NoLayer, Layer, Layer, NoLayer]);
        let unbuilt = dockerfile(fixture::DOCKERFILE, None);
        assert!(unbuilt.iter().all(|line| line.mark == Unknown));
        let other = dockerfile("FROM centos:7\nRUN a \\\n  && b\n", Some(&section));
        assert_eq!(other.iter().map(|line| line.mark).collect::<Vec<_>>(), [Unknown, Unknown, Rest]);
    }

    #[test]
    fn a_prediction_waits_for_the_goals() {
        let world = fixture::world();
        let lesson = fixture::lesson();
        let predict = lesson.steps[0].predict.as_ref().unwrap();
        assert_eq!(verdict(predict, None, Some(&world), true), Verdict::Open);
        assert_eq!(verdict(predict, Some(0), Some(&world), false), Verdict::Waiting);
        assert!(matches!(verdict(predict, Some(0), Some(&world), true), Verdict::Wrong { .. }));
        assert!(matches!(verdict(predict, Some(1), Some(&world), true), Verdict::Right { .. }));
    }
}
