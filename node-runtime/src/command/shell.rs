//! `shell`: a session at the command line, on the model or on this kernel.

use super::options::Options;
use super::{End, obstacles};
use crate::runs;
use anyhow::Result;
use engine::fact::Facts;
use engine::node::Node;
use engine::scenario::{Input, Scenario};
use engine::world::{Log, Machine, step};
use std::io::{IsTerminal, Write, stdin, stdout};

pub fn shell(options: &Options) -> Result<End> {
    if options.linux
        && let Some(end) = obstacles()
    {
        return Ok(end);
    }
    let scenario = runs::free_scenario(&options.course()?, options.seed, options.era, options.files.as_deref())?;
    if options.linux {
        session(&scenario, runs::linux(&scenario)?, options.json)
    } else {
        session(&scenario, runs::simulated(&scenario)?, options.json)
    }
}

/// Lines until the end of input. `exit` ends the session's shell, and with it the session.
fn session<N: Node>(scenario: &Scenario, node: N, json: bool) -> Result<End> {
    let mut machine = Machine::boot(scenario, node, &mut Log::default())?;
    let mut before = Facts::new();
    let mut line = String::new();
    let typed = stdin().is_terminal() && !json;
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
        let step = step(&mut machine, &input)?;
        if json {
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
        } else {
            stdout().write_all(&step.stdout)?;
            std::io::stderr().write_all(&step.stderr)?;
        }
        stdout().flush()?;
    }
}
