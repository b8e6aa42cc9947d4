//! Every case of `cases/` on both kernels: call by call, fact by fact.

use drydock_tests::{root, skipped};
use engine::compare::compare;
use engine::scenario::Era;
use node_runtime::cases::{Case, load};
use node_runtime::course::Course;
use node_runtime::profile::Profile;
use node_runtime::report::Report;
use node_runtime::{doctor, runs};

fn cases() -> Vec<Case> {
    load(&root().join("tests/cases")).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn every_case_agrees_with_this_kernel() {
    let findings = doctor::examine();
    if let Some(finding) = doctor::obstacles(&findings).first() {
        skipped!("{}: {}", finding.what, finding.found);
    }
    let (profile, mut differing) = (Profile::here(), Vec::new());
    let course = Course::find(Some(&root().join("lessons"))).expect("the course");
    let scenario = runs::free_scenario(&course, 1, Era::default(), None).expect("a scenario");
    let only = std::env::var("DRYDOCK_CASE").ok();
    for case in cases().into_iter().filter(|case| only.as_ref().is_none_or(|name| case.id.contains(name))) {
        if let Some(why) = case.obstacle(&profile) {
            println!("{}: not here: {why}", case.id);
            continue;
        }
        let predicted = runs::run(&scenario, runs::simulated(&scenario).expect("a model"), &case.inputs);
        let happened = runs::run(&scenario, runs::linux(&scenario).expect("a node"), &case.inputs);
        let (predicted, happened) = match (predicted, happened) {
            (Ok(predicted), Ok(happened)) => (predicted, happened),
            (Err(error), _) => panic!("{}: the model: {error:#}", case.id),
            (_, Err(error)) => panic!("{}: the kernel: {error:#}", case.id),
        };
        let report = Report {
            lesson: case.id,
            title: case.title,
            profile: profile.clone(),
            comparison: compare(&predicted, &happened),
        };
        let totals = report.comparison.totals();
        assert!(totals.calls > 0 && totals.agree > 0, "{}: nothing was compared: {totals:?}", report.lesson);
        if only.is_some() {
            for step in &happened.steps {
                println!("$ {}\n{}", step.input, String::from_utf8_lossy(&[&step.stdout[..], &step.stderr].concat()));
            }
        }
        if !report.comparison.agrees() {
            differing.push(report.text());
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
