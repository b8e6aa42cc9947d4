//! `cargo xtask bench`: what was promised, measured on this machine in one run, each beside its limit. With `--cold` also
//! what a fresh clone costs, which takes half an hour.

use crate::build::{self, Profile};
use crate::{serve, tools, tree, vm};
use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const VERIFY_LIMIT_MS: f64 = 10_000.0;
const VERIFY_RUNS: usize = 5;
/// Facts of a lesson that something other than our code produced on the real side.
const WITNESSED_LEAST: f64 = 25.0;
const COLD_SERVE_LIMIT_S: f64 = 360.0;
const COLD_TEST_LIMIT_S: f64 = 2_400.0;
/// `verify`: all agree, something differs; both are a measurement.
const MEASURED: [Option<i32>; 2] = [Some(0), Some(1)];

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    limit: f64,
    unit: String,
    /// The limit is the least that will do, not the most.
    at_least: bool,
}

impl Row {
    fn at_most(name: &str, value: f64, limit: f64, unit: &str) -> Row {
        Row { name: name.into(), value, limit, unit: unit.into(), at_least: false }
    }

    /// At or below 1 is kept.
    fn ratio(&self) -> f64 {
        if self.at_least { self.limit / self.value } else { self.value / self.limit }
    }
}

pub fn bench(cold: bool) -> anyhow::Result<ExitCode> {
    let cold = if cold { cold_rows()? } else { Vec::new() };
    build::build(Profile::Web)?;
    let node_runtime = serve::node_runtime(Profile::Web)?;
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
    let (mut times, mut witnessed) = (Vec::new(), f64::INFINITY);
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
        let least = least_witnessed(&String::from_utf8_lossy(&output.stdout));
        witnessed = least.context("`verify --json` tells of no lesson")?.min(witnessed);
    }
    times.sort_by(f64::total_cmp);
    if let Some(&value) = times.get(times.len() / 2) {
        rows.push(Row::at_most("verify_all", value, VERIFY_LIMIT_MS, "ms"));
        let name = "witnessed_facts_a_lesson".into();
        rows.push(Row { name, value: witnessed, limit: WITNESSED_LEAST, unit: "least".into(), at_least: true });
    }
    rows.extend(containers(&node_runtime)?);
    rows.extend(cold);
    Ok(print(&rows))
}

/// What `node-runtime bench` has a limit for: containers beside other runtimes, those that are installed.
fn containers(node_runtime: &Path) -> anyhow::Result<Vec<Row>> {
    let output = Command::new(node_runtime).current_dir(tree::root()).args(["bench", "--json"]).output()?;
    print!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        println!("containers: skipped(this machine cannot)");
        return Ok(Vec::new());
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let objects = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let row = |object: serde_json::Value| {
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        let (value, limit) = (object["value"].as_f64()?, object["limit"].as_f64()?);
        Some(Row { name: text("name")?, value, limit, unit: text("unit")?, at_least: false })
    };
    Ok(objects.filter_map(row).collect())
}

/// The fewest agreeing facts of any lesson in a report of `verify --json`, whose last object is their sum.
fn least_witnessed(report: &str) -> Option<f64> {
    let objects = report.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_lessons = objects.filter(|object| object.get("scenarios").is_none());
    of_lessons.filter_map(|object| object["agree"].as_f64()).min_by(f64::total_cmp)
}

/// A clone in an empty folder, with only the toolchain and the crates that cargo has fetched before: the time until the
/// course is served, and, in another, until every test has run.
fn cold_rows() -> anyhow::Result<Vec<Row>> {
    let place = std::env::temp_dir().join(format!("drydock-cold-{}", std::process::id()));
    let fresh = |name: &str| -> anyhow::Result<Command> {
        let tree = place.join(name);
        tools::run(Command::new("git").args(["clone", "--quiet"]).arg(tree::root()).arg(&tree))?;
        let mut cargo = tools::cargo();
        cargo.current_dir(&tree).env("CARGO_TARGET_DIR", tree.join("target")).env("DRYDOCK_CACHE", tree.join("cache"));
        Ok(cargo)
    };
    println!("a cold `cargo xtask serve` …");
    let begun = Instant::now();
    let mut serve = fresh("serve")?;
    serve.args(["xtask", "serve", "--port", "0"]).stdout(Stdio::piped()).process_group(0);
    let mut serve = serve.spawn()?;
    let lines = BufReader::new(serve.stdout.take().context("piped")?).lines().map_while(Result::ok);
    let serves = lines.inspect(|line| println!("  {line}")).any(|line| line.starts_with("Drydock: http://"));
    let served = begun.elapsed().as_secs_f64();
    // The server ends with the terminal it was started from; here that is a signal to its group.
    let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", serve.id())]).status();
    let _ = serve.wait();
    ensure!(serves, "a cold `cargo xtask serve` did not come to serve");
    println!("a cold `cargo xtask test` …");
    let begun = Instant::now();
    let passed = fresh("test")?.args(["xtask", "test"]).status()?.success();
    let tested = begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&place)?;
    ensure!(passed, "the cold `cargo xtask test` failed");
    Ok(vec![
        Row::at_most("cold_serve", served, COLD_SERVE_LIMIT_S, "s"),
        Row::at_most("cold_test", tested, COLD_TEST_LIMIT_S, "s"),
    ])
}

/// Runs the ignored tests of a target, which print `BENCH name value limit unit`; `inf` where nothing was promised.
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
    Some(Row::at_most(name, value.parse().ok()?, limit.parse().ok()?, unit))
}

fn print(rows: &[Row]) -> ExitCode {
    println!("\n{:<30}{:>10}{:>10}  {:<8}{:>7}", "", "measured", "limit", "", "ratio");
    for row in rows {
        let ratio = row.ratio();
        if row.limit.is_infinite() {
            println!("{:<30}{:>10.1}{:>10}  {}", row.name, row.value, "", row.unit);
            continue;
        }
        let mark = if ratio > 1.0 { "  OVER" } else { "" };
        println!("{:<30}{:>10.2}{:>10.1}  {:<8}{ratio:>7.2}{mark}", row.name, row.value, row.limit, row.unit);
    }
    match rows.iter().all(|row| row.ratio() <= 1.0) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// `cargo xtask record`: what a real kernel shows, and with `--screens` how the pages look.
pub fn record(screens: bool) -> anyhow::Result<()> {
    let node_runtime = serve::node_runtime(Profile::Web)?;
    if screens {
        build::build(Profile::Web)?;
        let mut cargo = tools::cargo();
        cargo.args(["test", "--package", "drydock-tests", "--test", "browser", "pages_look_as_they_were_recorded"]);
        cargo.env("DRYDOCK_DIST", tree::dist()).env("DRYDOCK_NODE_RUNTIME", node_runtime);
        return tools::run(cargo.env("DRYDOCK_RECORD_SCREENS", "1"));
    }
    let recordings = build::recordings();
    // On a machine of the other kind: QEMU, where it can be had.
    vm::record(&recordings)?;
    let mut record = Command::new(node_runtime);
    record.current_dir(tree::root()).args(["record", "--all"]);
    tools::run(&mut record).context("no recording was changed")
}
