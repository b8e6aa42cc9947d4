//! `cargo xtask bench`: what was promised, measured on this machine in one run, each beside its limit.

use crate::build::{self, Profile};
use crate::{serve, tools, tree};
use anyhow::{Context, ensure};
use std::process::{Command, ExitCode};
use std::time::Instant;

const VERIFY_LIMIT_MS: f64 = 10_000.0;
const VERIFY_RUNS: usize = 5;
/// `verify`: all agree, something differs; both are a measurement.
const MEASURED: [Option<i32>; 2] = [Some(0), Some(1)];

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    limit: f64,
    unit: String,
}

pub fn bench() -> anyhow::Result<ExitCode> {
    build::build(Profile::Web)?;
    let node_runtime = serve::node_runtime()?;
    let mut rows = Vec::new();
    println!("\nin the engine …");
    rows.extend(measured(tools::cargo().args([
        "test",
        "--release",
        "--package",
        "drydock-tests",
        "--test",
        "replay",
    ]))?);
    println!("in Chromium …");
    let mut browser = tools::cargo();
    browser.args(["test", "--package", "drydock-tests", "--test", "browser"]);
    browser.env("DRYDOCK_DIST", tree::dist()).env("DRYDOCK_NODE_RUNTIME", &node_runtime);
    rows.extend(measured(&mut browser)?);
    println!("on this machine's kernel …");
    let mut times = Vec::new();
    for _ in 0..VERIFY_RUNS {
        let begun = Instant::now();
        let output =
            Command::new(&node_runtime).current_dir(tree::root()).args(["verify", "--all", "--json"]).output()?;
        if !MEASURED.contains(&output.status.code()) {
            println!("verify: skipped(this machine cannot: {})", String::from_utf8_lossy(&output.stderr).trim());
            times.clear();
            break;
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    if let Some(&value) = times.get(times.len() / 2) {
        rows.push(Row { name: "verify_all".into(), value, limit: VERIFY_LIMIT_MS, unit: "ms".into() });
    }
    Ok(print(&rows))
}

/// Runs the ignored tests of a target, which print `BENCH name value limit unit`.
fn measured(cargo: &mut Command) -> anyhow::Result<Vec<Row>> {
    cargo.args(["--", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = tools::output(cargo)?;
    let rows: Vec<Row> = output.lines().filter_map(row).collect();
    ensure!(!rows.is_empty(), "nothing was measured:\n{output}");
    Ok(rows)
}

fn row(line: &str) -> Option<Row> {
    // libtest prints the name of the test on the line before the first of ours.
    let (_, line) = line.split_once("BENCH ")?;
    let words: Vec<&str> = line.split(' ').collect();
    let [name, value, limit, unit] = words.as_slice() else { return None };
    Some(Row { name: (*name).into(), value: value.parse().ok()?, limit: limit.parse().ok()?, unit: (*unit).into() })
}

fn print(rows: &[Row]) -> ExitCode {
    println!("\n{:<26}{:>10}{:>10}  {:<8}{:>7}", "", "measured", "limit", "", "ratio");
    for row in rows {
        let ratio = row.value / row.limit;
        let mark = if ratio > 1.0 { "  OVER" } else { "" };
        println!("{:<26}{:>10.1}{:>10.1}  {:<8}{ratio:>7.2}{mark}", row.name, row.value, row.limit, row.unit);
    }
    match rows.iter().all(|row| row.value <= row.limit) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// `cargo xtask record`: what a real kernel shows, and with `--screens` how the pages look.
pub fn record(screens: bool) -> anyhow::Result<()> {
    let node_runtime = serve::node_runtime()?;
    if screens {
        build::build(Profile::Web)?;
        let mut cargo = tools::cargo();
        cargo.args(["test", "--package", "drydock-tests", "--test", "browser", "pages_look_as_they_were_recorded"]);
        cargo.env("DRYDOCK_DIST", tree::dist()).env("DRYDOCK_NODE_RUNTIME", node_runtime);
        return tools::run(cargo.env("DRYDOCK_RECORD_SCREENS", "1"));
    }
    let recordings = build::recordings();
    let mut record = Command::new(node_runtime);
    record.current_dir(tree::root()).args(["record", "--all", "--out"]).arg(&recordings);
    tools::run(&mut record).context("no recording was changed")
}
