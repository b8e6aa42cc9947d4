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
    load(Some(&root().join("tests/cases"))).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn every_case_agrees_with_this_kernel() {
    let findings = doctor::examine();
    if let Some(finding) = doctor::obstacles(&findings).first() {
        skipped!("{}: {}", finding.what, finding.found);
    }
    let (profile, mut differing) = (Profile::here(), Vec::new());
    let course = Course::find(Some(&root().join("lessons"))).expect("the course");
    let scenario = runs::here(&runs::free_scenario(&course, 1, Era::default(), None).expect("a scenario"));
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

/// Rows without a case yet. It only ever goes down.
const OPEN: usize = 7;
/// Rows that no case can prove.
const EXCEPTIONS: usize = 5;

/// The rows of a table: what stands between tabs.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("tests").join(name)).expect(name);
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn every_row_of_the_table_of_facts_has_its_case() {
    let (facts, exceptions) = (table("facts.tsv"), table("exceptions.tsv"));
    for row in &facts {
        assert!(row.len() == 4 && ["E", "T"].contains(&row[1].as_str()), "{row:?}");
    }
    let ids: Vec<&String> = facts.iter().map(|row| &row[0]).collect();
    let proved: Vec<String> = cases().into_iter().flat_map(|case| case.rows).collect();
    for id in &proved {
        assert!(ids.contains(&id), "a case names {id}, which is not in the table");
    }
    assert!(exceptions.len() <= EXCEPTIONS);
    for row in &exceptions {
        assert!(row.len() == 3 && ids.contains(&&row[0]), "{row:?}");
        assert!(!proved.contains(&row[0]), "{} has a case: it is no exception", row[0]);
    }
    let excepted = |id: &String| exceptions.iter().any(|row| row[0] == *id);
    let open: Vec<&&String> = ids.iter().filter(|id| !proved.contains(id) && !excepted(id)).collect();
    println!("{} rows, {} proved, {} exceptions; open: {open:?}", ids.len(), ids.len() - open.len(), exceptions.len());
    assert!(open.len() <= OPEN, "{} rows have no case: {open:?}", open.len());
}
