//! The proof that a lesson keeps its promises, by doing it in the engine.
//!
//! For each step: an empty attempt fails each goal; the reference solution and every alternative pass; the solution
//! with one input dropped fails; each wrong attempt fails, is recognised and raises its hint; harmless extras never
//! block; a prediction has exactly one right choice and a reply to each wrong one; prose keeps to its measure.

use crate::{Block, Lesson, Span, Step};
use engine::scenario::{Claim, Era, Evidence, Input};
use engine::session::{Replayable, Session};

/// Words between two actions, at the most.
const WORDS_PER_STEP: usize = 80;
/// Lines that must never get in a learner's way.
const HARMLESS: &[&str] = &["ls", "docker ps -a", "docker images", "echo hello"];

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub lesson: String,
    pub step: String,
    pub message: String,
}

/// What was tried, for the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// Solutions with one input dropped, and how many of them failed as they must.
    pub dropped: u32,
    pub dropped_failed: u32,
    pub attempts: u32,
}

pub fn check<N: Replayable>(lesson: &Lesson) -> Report {
    let mut report = Report::default();
    let mut before: Vec<Input> = Vec::new();
    for step in &lesson.steps {
        let mut trial = Trial { lesson, step, before: &before, report: &mut report };
        trial.prose();
        trial.solution::<N>();
        before.extend(step.run.iter().cloned());
    }
    report
}

/// The lesson's solutions alone, in another era: what Docker prints and keeps is different there, what is to be reached is
/// not.
pub fn solvable<N: Replayable>(lesson: &Lesson, era: Era) -> Report {
    let mut lesson = lesson.clone();
    lesson.scenario.era = era;
    let mut report = Report::default();
    let mut before: Vec<Input> = Vec::new();
    for step in &lesson.steps {
        let goals: Vec<&Claim> = step.goals.iter().map(|goal| &goal.claim).collect();
        let mut trial = Trial { lesson: &lesson, step, before: &before, report: &mut report };
        for run in std::iter::once(&step.run).chain(&step.also) {
            trial.must_pass::<N>(run, &goals, "a solution");
        }
        trial.predict::<N>();
        before.extend(step.run.iter().cloned());
    }
    report
}

struct Trial<'a> {
    lesson: &'a Lesson,
    step: &'a Step,
    /// The reference solutions of the steps before.
    before: &'a [Input],
    report: &'a mut Report,
}

impl Trial<'_> {
    fn find(&mut self, message: String) {
        let (lesson, step) = (self.lesson.id.clone(), self.step.id.clone());
        self.report.findings.push(Finding { lesson, step, message });
    }

    fn solution<N: Replayable>(&mut self) {
        let step = self.step;
        let goals: Vec<&Claim> = step.goals.iter().map(|goal| &goal.claim).collect();
        let Some(empty) = self.attempt::<N>(&[], &goals) else { return };
        for (goal, verdict) in step.goals.iter().zip(&empty) {
            if verdict.is_empty() {
                self.find(format!("an empty attempt already reaches the goal `{}`", plain(&goal.text)));
            }
        }
        for run in std::iter::once(&step.run).chain(&step.also) {
            self.must_pass::<N>(run, &goals, "a solution");
            self.extras::<N>(run, &goals);
        }
        self.dropped::<N>(&goals);
        self.wrongs::<N>(&goals);
        self.predict::<N>();
    }

    fn must_pass<N: Replayable>(&mut self, run: &[Input], goals: &[&Claim], what: &str) {
        let Some(verdicts) = self.attempt::<N>(run, goals) else { return };
        for (goal, verdict) in self.step.goals.iter().zip(verdicts) {
            if !verdict.is_empty() {
                self.find(format!("{what} misses the goal `{}`: {verdict}\n  {run:?}", plain(&goal.text)));
            }
        }
    }

    fn extras<N: Replayable>(&mut self, run: &[Input], goals: &[&Claim]) {
        let extra = HARMLESS.iter().map(|line| Input::Line((*line).to_owned()));
        let padded: Vec<Input> = extra.clone().chain(run.iter().cloned()).chain(extra).collect();
        self.must_pass::<N>(&padded, goals, "a solution with harmless extras");
    }

    fn dropped<N: Replayable>(&mut self, goals: &[&Claim]) {
        for leave_out in 0..self.step.run.len() {
            let mut run = self.step.run.clone();
            run.remove(leave_out);
            let Some(verdicts) = self.attempt::<N>(&run, goals) else { return };
            self.report.dropped += 1;
            self.report.dropped_failed += u32::from(verdicts.iter().any(|verdict| !verdict.is_empty()));
        }
    }

    fn wrongs<N: Replayable>(&mut self, goals: &[&Claim]) {
        for wrong in &self.step.wrongs {
            let mut claims = goals.to_vec();
            claims.push(&wrong.when);
            let Some(verdicts) = self.attempt::<N>(&wrong.run, &claims) else { return };
            let (recognised, goals) =
                verdicts.split_last().map_or((false, &[][..]), |(last, rest)| (last.is_empty(), rest));
            if goals.iter().all(String::is_empty) {
                self.find(format!("a wrong attempt passes: {:?}", wrong.run));
            }
            if !recognised {
                self.find(format!("a wrong attempt is not recognised by `when`: {:?}", wrong.run));
            }
            if wrong.hint as usize >= self.step.hints.len() {
                self.find(format!("a wrong attempt raises rung {}, which the ladder does not have", wrong.hint + 1));
            }
        }
    }

    fn predict<N: Replayable>(&mut self) {
        let Some(predict) = &self.step.predict else { return };
        let Some(session) = self.play::<N>(&self.step.run) else { return };
        let Some(answer) = session.facts().get(&predict.fact).map(ToString::to_string) else {
            return self.find(format!("the prediction's fact `{}` does not exist after the solution", predict.fact));
        };
        let right = predict.choices.iter().filter(|choice| choice.value == answer).count();
        if right != 1 {
            self.find(format!("the prediction's answer is `{answer}`; {right} choices say so, one must"));
        }
        for choice in predict.choices.iter().filter(|choice| choice.value != answer && choice.reply.is_empty()) {
            self.find(format!("the wrong choice `{}` has no reply", choice.value));
        }
    }

    fn prose(&mut self) {
        let words: usize = self.step.prose.iter().map(words_of).sum();
        if words > WORDS_PER_STEP {
            self.find(format!("{words} words before the learner may act; {WORDS_PER_STEP} at the most"));
        }
        if self.step.goals.is_empty() {
            self.find("a step has at least one goal".to_owned());
        }
        if self.step.transfer && !self.step.hints.is_empty() {
            self.find("a transfer has no hints".to_owned());
        }
        if !self.step.transfer && self.step.hints.len() != 4 {
            self.find(format!(
                "the ladder has {} rungs; 4 are wanted: write two, two are generated",
                self.step.hints.len()
            ));
        }
        if self.step.beat.is_empty() {
            self.find("the projector has no caption: a `beat` block is missing".to_owned());
        }
    }

    /// What each claim still lacks after the steps before and `run`; empty where it holds.
    fn attempt<N: Replayable>(&mut self, run: &[Input], claims: &[&Claim]) -> Option<Vec<String>> {
        let mut session = self.play::<N>(run)?;
        self.report.attempts += 1;
        let history = session.state();
        let inputs = history.history.map(|history| history.branches[0].inputs.clone()).unwrap_or_default();
        let typed: Vec<(String, Option<i32>)> = inputs
            .iter()
            .filter_map(|record| match &record.input {
                Input::Line(line) => Some((line.clone(), record.exit_code)),
                _ => None,
            })
            .collect();
        let evidence = Evidence { facts: session.facts(), typed: &typed };
        Some(
            claims
                .iter()
                .map(|claim| {
                    let state = claim.judge(evidence);
                    if state.holds { String::new() } else { state.difference }
                })
                .collect(),
        )
    }

    fn play<N: Replayable>(&mut self, run: &[Input]) -> Option<Session<N>> {
        let mut session = match Session::open(&self.lesson.scenario, Vec::new()) {
            Ok(session) => session,
            Err(fault) => {
                self.find(format!("the scenario does not start: {fault}"));
                return None;
            }
        };
        for input in self.before.iter().chain(run) {
            if let Err(fault) = session.input(input.clone()) {
                self.find(format!("{input:?}: {fault}"));
                return None;
            }
        }
        Some(session)
    }
}

fn words_of(block: &Block) -> usize {
    match block {
        Block::Paragraph(spans) | Block::Quote(spans) => plain(spans).split_whitespace().count(),
        Block::List(items) => items.iter().map(|spans| plain(spans).split_whitespace().count()).sum(),
        Block::Dockerfile(_) | Block::Code(_) => 0,
    }
}

/// Spans without their marks.
pub fn plain(spans: &[Span]) -> String {
    let text = |span: &Span| match span {
        Span::Text(text) | Span::Code(text) | Span::Emphasis(text) | Span::Strong(text) => text.clone(),
        Span::Fact { otherwise, .. } => otherwise.clone(),
        Span::Link { text, .. } => text.clone(),
    };
    spans.iter().map(text).collect()
}
