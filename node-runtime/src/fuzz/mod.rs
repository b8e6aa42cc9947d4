//! Random lock-step testing: scenarios that nobody wrote, on both kernels.
//!
//! [`grammar`] makes a scenario of a seed; both kernels run it; where they part, [`shrink`] looks for the shortest scenario
//! that still does, and that becomes a case. Nothing here decides what is right: the kernel is.

mod grammar;
mod shrink;

use crate::profile::Profile;
use crate::report::Report;
use crate::runs;
use anyhow::Result;
use engine::compare::{Comparison, Totals, compare};
use engine::scenario::{Input, Scenario};
use grammar::Line;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A scenario on which the two kernels part.
#[derive(Debug)]
pub struct Finding {
    /// The seed that led to it.
    pub seed: u64,
    pub lines: Vec<String>,
    /// What differs, for people.
    pub told: String,
}

/// What was done in the time.
#[derive(Debug, Default)]
pub struct Done {
    pub scenarios: u64,
    pub totals: Totals,
    pub findings: Vec<Finding>,
    /// Scenarios that parted as one found before did.
    pub again: u64,
}

impl Finding {
    /// As a case's file.
    pub fn case(&self) -> String {
        let mut text = format!("# Found at random, seed {}, and shrunk.\n", self.seed);
        self.lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
        text
    }
}

/// Runs scenarios of seeds from `seed` on until the time is over, at least one. `tell` hears of progress now and then.
pub fn fuzz(free: &Scenario, seed: u64, time: Duration, tell: &mut dyn FnMut(&Done)) -> Done {
    const PROGRESS: Duration = Duration::from_secs(10);
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut done = Done::default();
    let mut seen = BTreeSet::new();
    for seed in seed.. {
        let lines = grammar::scenario(seed);
        let ran = run(free, &lines);
        done.scenarios += 1;
        match signature(&ran) {
            None => ran.into_iter().for_each(|comparison| done.totals.add(comparison.totals())),
            Some(signature) if !seen.insert(signature.clone()) => done.again += 1,
            Some(signature) => {
                let same = |lines: &[Line]| self::signature(&run(free, lines)).as_ref() == Some(&signature);
                let lines = shrink::shrink(lines, same);
                let told = told_of(&run(free, &lines));
                done.findings.push(Finding { seed, lines: lines.iter().map(Line::text).collect(), told });
                tell(&done);
            }
        }
        if begun.elapsed() >= time {
            break;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            tell(&done);
        }
    }
    done
}

/// A scenario on both kernels; an error is a side that could not go on.
fn run(free: &Scenario, lines: &[Line]) -> Result<Comparison> {
    let inputs: Vec<Input> = lines.iter().map(|line| Input::Line(line.text())).collect();
    let model = || runs::run(free, runs::simulated(free)?, &inputs);
    let predicted = catch_unwind(AssertUnwindSafe(model)).unwrap_or_else(|_| anyhow::bail!("the model panicked"));
    let predicted = predicted.map_err(|error| error.context("the model"))?;
    let happened = runs::run(free, runs::linux(free)?, &inputs).map_err(|error| error.context("the kernel"))?;
    Ok(compare(&predicted, &happened))
}

/// What is the same about two scenarios that part in the same way: the call and both answers, without numbers and names.
fn signature(ran: &Result<Comparison>) -> Option<String> {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| !c.is_ascii_digit()).take(SIGNATURE);
        kept.collect()
    };
    let comparison = match ran {
        Err(error) => return Some(plain(&format!("{error:#}"))),
        Ok(comparison) if comparison.agrees() => return None,
        Ok(comparison) => comparison,
    };
    if let Some(divergence) = &comparison.divergence {
        let call = |text: &str| {
            let name = text.split(['{', '(']).next().unwrap_or_default().trim().to_owned();
            name + text.rsplit("→").next().unwrap_or_default()
        };
        return Some(plain(&format!("{} | {}", call(&divergence.left), call(&divergence.right))));
    }
    let facts = comparison.steps.iter().flat_map(|step| &step.facts);
    let differing = facts.filter(|fact| fact.verdict == engine::compare::Verdict::Differ);
    let paths: BTreeSet<String> = differing.map(|fact| plain(&fact.path)).collect();
    let first = paths.into_iter().next();
    Some(first.unwrap_or_else(|| "console".to_owned()))
}

/// Characters of a signature.
const SIGNATURE: usize = 160;

fn told_of(ran: &Result<Comparison>) -> String {
    match ran {
        Err(error) => format!("{error:#}\n"),
        Ok(comparison) => {
            let (lesson, title) = ("found".to_owned(), String::new());
            Report { lesson, title, profile: Profile::here(), comparison: comparison.clone() }.text()
        }
    }
}
