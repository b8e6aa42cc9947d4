//! `fuzz`: random scenarios for some minutes.

use super::options::Options;
use super::{End, obstacles};
use crate::cases::ENDING;
use crate::fuzz::{self, Done};
use crate::report::totals_text;
use crate::runs;
use anyhow::{Context, Result};
use engine::scenario::Era;
use std::fs;
use std::time::Duration;

pub fn fuzz(options: &Options) -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let free = runs::free_scenario(&options.course()?, 1, Era::default(), None)?;
    let time = Duration::from_secs(options.minutes * 60);
    // A panic of the model is a finding, told with its scenario.
    std::panic::set_hook(Box::new(|_| {}));
    let mut told = 0;
    let mut tell = |done: &Done| {
        for finding in &done.findings[told..] {
            println!("seed {}:\n{}", finding.seed, finding.told);
            finding.lines.iter().for_each(|line| println!("    {line}"));
        }
        told = done.findings.len();
        eprintln!("{} scenarios, {} findings", done.scenarios, told);
    };
    let done = fuzz::fuzz(&free, options.seed, time, &mut tell);
    drop(std::panic::take_hook());
    if let Some(folder) = &options.out {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for finding in &done.findings {
            let file = folder.join(format!("seed-{}.{ENDING}", finding.seed));
            fs::write(&file, finding.case()).with_context(|| file.display().to_string())?;
        }
    }
    println!(
        "{} scenarios from seed {}: {}; {} findings, met {} times more",
        done.scenarios,
        options.seed,
        totals_text(done.totals),
        done.findings.len(),
        done.again
    );
    Ok(if done.findings.is_empty() { End::Agrees } else { End::Differs })
}
