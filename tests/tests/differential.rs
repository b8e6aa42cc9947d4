//! The two kernels: every call and fact of every lesson, on the model and on Linux; and the model with one error at a
//! time, which has to be noticed.

use drydock_tests::erring::{Erring, Error};
use drydock_tests::skipped;
use engine::compare::{Comparison, compare};
use engine::node::Node;
use engine::sched::Scheduled;
use engine::trace::Trace;
use lessons::Lesson;
use node_runtime::{doctor, runs};

/// Witnessed facts that a lesson has at the least.
const WITNESSED: u64 = 25;
/// Runs of every lesson in a row; `DRYDOCK_RUNS` sets another number.
const RUNS: u32 = 3;

/// Why this machine cannot run the real side, if it cannot.
fn obstacle() -> Option<String> {
    let findings = doctor::examine();
    doctor::obstacles(&findings).first().map(|finding| format!("{}: {}", finding.what, finding.found))
}

/// Lessons that this kernel can run, with a model of it.
fn lessons() -> Vec<Lesson> {
    let (unfit, mut lessons): (Vec<Lesson>, Vec<Lesson>) =
        drydock_tests::lessons().into_iter().partition(|lesson| runs::unfit(&lesson.scenario).is_some());
    for lesson in unfit {
        println!("{}: not here: {}", lesson.id, runs::unfit(&lesson.scenario).unwrap_or_default());
    }
    lessons.iter_mut().for_each(|lesson| lesson.scenario = runs::here(&lesson.scenario));
    lessons
}

fn trace<N: Node>(lesson: &Lesson, node: N) -> Trace {
    runs::run(&lesson.scenario, node, &runs::solution(lesson)).unwrap_or_else(|error| panic!("{}: {error}", lesson.id))
}

fn on_linux(lesson: &Lesson) -> Trace {
    trace(lesson, runs::linux(&lesson.scenario).unwrap_or_else(|fault| panic!("{}: {fault}", lesson.id)))
}

fn modelled(lesson: &Lesson) -> Trace {
    trace(lesson, runs::simulated(&lesson.scenario).unwrap_or_else(|fault| panic!("{}: {fault}", lesson.id)))
}

fn told(lesson: &Lesson, comparison: &Comparison) -> String {
    format!("{}: {:?}\n{:#?}", lesson.id, comparison.totals(), comparison.divergence)
}

#[test]
fn every_call_and_fact_of_every_lesson_agrees_run_after_run() {
    if let Some(reason) = obstacle() {
        skipped!("{reason}");
    }
    let runs = std::env::var("DRYDOCK_RUNS").ok().and_then(|number| number.parse().ok()).unwrap_or(RUNS);
    for lesson in lessons() {
        let model = modelled(&lesson);
        for run in 1..=runs {
            let comparison = compare(&model, &on_linux(&lesson));
            assert!(comparison.agrees(), "run {run}: {}", told(&lesson, &comparison));
            assert!(comparison.totals().agree >= WITNESSED, "{}", told(&lesson, &comparison));
        }
    }
}

#[test]
fn ten_and_more_errors_of_the_model_are_each_noticed_by_some_lesson() {
    if let Some(reason) = obstacle() {
        skipped!("{reason}");
    }
    let lessons = lessons();
    let real: Vec<Trace> = lessons.iter().map(on_linux).collect();
    let noticed = |error: Error| {
        lessons.iter().zip(&real).any(|(lesson, real)| {
            let right = runs::simulated(&lesson.scenario).expect("the model starts").kernel().clone();
            let wrong = Scheduled::new(Erring::new(right, error), lesson.scenario.seed);
            // An error may also stop the run: then it has been noticed.
            runs::run(&lesson.scenario, wrong, &runs::solution(lesson))
                .is_ok_and(|model| compare(&model, real).agrees())
                .then_some(())
                .is_none()
        })
    };
    let missed: Vec<&Error> = Error::ALL.iter().filter(|error| !noticed(**error)).collect();
    assert!(Error::ALL.len() - missed.len() >= 10, "not noticed: {missed:?}");
}
