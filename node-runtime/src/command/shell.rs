//! `shell`: a session at the command line, on the model or on this kernel.

use super::options::Options;
use super::{End, obstacles};
use crate::runs;
use anyhow::Result;
use engine::fact::Facts;
use engine::node::Node;
use engine::scenario::{Input, Scenario};
use engine::world::{Log, Machine, Until, step};
use std::io::{IsTerminal, Write, stdin, stdout};

pub fn shell(options: &Options) -> Result<End> {
    if options.linux
        && let Some(end) = obstacles()
    {
        return Ok(end);
    }
    let scenario = runs::free_scenario(&options.course()?, options.seed, options.era, options.files.as_deref())?;
    if options.linux {
        let on = format!("A node on {}", runs::kernel_name());
        session(&scenario, runs::linux(&scenario)?, options.json, &on)
    } else {
        session(&scenario, runs::simulated(&scenario)?, options.json, "A simulated node")
    }
}

/// Lines until the end of input. `exit` ends the session's shell, and with it the session.
fn session<N: Node>(scenario: &Scenario, node: N, json: bool, on: &str) -> Result<End> {
    let mut machine = Machine::boot(scenario, node, &mut Log::default())?;
    let mut before = Facts::new();
    let mut line = String::new();
    let typed = stdin().is_terminal() && !json;
    if typed {
        greet(on);
        // SAFETY: the handler only calls write(2), which is async-signal-safe (signal-safety(7)).
        unsafe { libc::signal(libc::SIGINT, new_line as extern "C" fn(i32) as libc::sighandler_t) };
    }
    loop {
        if typed {
            print!("{}", machine.world.prompt());
            stdout().flush()?;
        }
        line.clear();
        let input = match stdin().read_line(&mut line)? {
            // At the prompt the input is over; a program that reads gets its end of file.
            0 if machine.world.at_prompt() || !typed => return Ok(End::Agrees),
            0 => Input::Eof,
            _ => Input::Line(line.trim_end_matches('\n').to_owned()),
        };
        if !json {
            let mut log = Log::default();
            machine.input(&input, &mut log)?;
            machine.run(Until::default(), &mut log)?;
            show(&log)?;
            continue;
        }
        let step = step(&mut machine, &input)?;
        let changed = runs::changed(&before, &step.facts);
        let object = serde_json::json!({
            "command": step.input,
            "exit_code": step.exit_code,
            "stdout": String::from_utf8_lossy(&step.stdout),
            "stderr": String::from_utf8_lossy(&step.stderr),
            "calls": step.calls.len(),
            "facts": changed,
        });
        println!("{object}");
        before = step.facts;
        stdout().flush()?;
    }
}

fn greet(on: &str) {
    eprintln!("{on}. Ctrl-D leaves; nothing stays behind.");
    eprintln!("Time, chance and the kernel's name are the scenario's own, the same on every machine.");
}

/// Ctrl-C takes back what is typed, as in a shell.
extern "C" fn new_line(_: i32) {
    // SAFETY: one byte of a string that lives as long as the program.
    unsafe { libc::write(libc::STDERR_FILENO, c"\n".as_ptr().cast(), 1) };
}

/// Both streams in the order in which they were written, where that is text; else byte for byte.
fn show(log: &Log) -> Result<()> {
    let (mut out, mut err) = (stdout(), std::io::stderr());
    if std::str::from_utf8(&log.stdout).is_err() || std::str::from_utf8(&log.stderr).is_err() {
        out.write_all(&log.stdout)?;
        err.write_all(&log.stderr)?;
    } else {
        for chunk in &log.output {
            if chunk.stderr {
                err.write_all(chunk.text.as_bytes())?;
            } else {
                out.write_all(chunk.text.as_bytes())?;
                out.flush()?;
            }
        }
    }
    Ok(out.flush()?)
}
