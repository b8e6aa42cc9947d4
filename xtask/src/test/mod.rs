//! `cargo xtask test`: gets what is missing, runs every test there is, and ends with one line of totals.
//!
//! A test that cannot run says why (`SKIPPED(reason): name` on its standard output). In CI (`CI=true`) every test that
//! `tests/floor.txt` names must have run and passed, so nothing drops out unnoticed.

mod browser;
mod tally;

use crate::build::{self, Profile};
use crate::progress::seconds;
use crate::{lint, serve, tools, tree, vm};
use anyhow::Context;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
pub use tally::Tally;

/// A run that prints nothing for this long hangs.
const SILENCE: Duration = Duration::from_secs(15 * 60);

pub fn test(filter: &[&str]) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut tally = Tally::default();
    for note in browser::provide() {
        println!("{note}");
    }
    build::build(Profile::Web).context("the site was not built, and the tests in a browser need it")?;
    let node_runtime = match cfg!(target_os = "linux") {
        true => Some(serve::node_runtime(Profile::Dev)?),
        false => None,
    };
    if in_ci && filter.is_empty() {
        match lint::lint() {
            Ok(()) => tally.passed.push("xtask lint".into()),
            Err(error) => {
                println!("error: {error:#}");
                tally.failed.push("xtask lint".into());
            }
        }
    }
    let mut cargo = tools::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]).args(filter.first().map(|_| "--")).args(filter);
    if filter.is_empty() {
        cargo.arg("--");
    }
    cargo.arg("--show-output").env("DRYDOCK_DIST", tree::dist());
    if let Some(binary) = node_runtime {
        cargo.env("DRYDOCK_NODE_RUNTIME", binary);
    }
    let log = tree::scratch().join("test.log");
    let failed_before = tally.failed.len();
    let finished = follow(&mut cargo, &log, &mut tally)?;
    if !finished && tally.failed.len() == failed_before {
        tally.failed.push(format!("cargo test, before it ran every test: see {}", log.display()));
    } else if in_ci && filter.is_empty() {
        let floor = fs::read_to_string(tree::root().join("tests/floor.txt")).context("cannot read tests/floor.txt")?;
        tally.hold_against(&floor);
    }
    if filter.is_empty()
        && let Err(error) = vm::run(&mut tally)
    {
        println!("error: {error:#}");
        tally.failed.push("xtask vm-test".into());
    }
    println!("\nall output: {}, {}", log.display(), seconds(begun.elapsed()));
    print!("{tally}");
    Ok(if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs `cargo test`, keeps all it prints in `log`, shows what a person wants to see, and counts. Gives whether it ended
/// well.
fn follow(cargo: &mut Command, log: &std::path::Path, tally: &mut Tally) -> anyhow::Result<bool> {
    fs::create_dir_all(log.parent().context("a log has a directory")?)?;
    let mut log = File::create(log)?;
    let mut child = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot start cargo")?;
    let (sender, lines) = channel();
    let (out, err) = (child.stdout.take().context("piped")?, child.stderr.take().context("piped")?);
    let of_err = sender.clone();
    let readers = [
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(sender.send((true, line))))
        }),
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).for_each(|line| drop(of_err.send((false, line))))
        }),
    ];
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok((from_stdout, line)) => {
                writeln!(log, "{line}")?;
                let shown = match from_stdout {
                    true => tally.line(&line),
                    // Which binary runs, and what does not compile.
                    false => true,
                };
                if shown {
                    println!("{line}");
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                tally.failed.push(format!("no output for {} s: ended", SILENCE.as_secs()));
                return Ok(false);
            }
        }
    }
    readers.into_iter().for_each(|reader| drop(reader.join()));
    Ok(child.wait()?.success())
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
