//! The command line: `node-runtime COMMAND …`.
//!
//! Human output by default, `--json` for one object a line. Exit codes: 0 agrees, 1 differs, 2 wrong use, 3 this
//! machine cannot; those of a shell and of a container (`run`) are their own.

mod bare;
mod bench;
mod fuzz;
mod lessons;
mod measure;
mod options;
mod shell;
mod usage;

use crate::course::Course;
use crate::doctor;
use crate::runs::OnThisKernel;
use options::Options;
use std::process::ExitCode;
use std::sync::Arc;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Agrees,
    Differs,
    WrongUse,
    Cannot,
    /// As the shell that was typed at.
    Shell(i32),
}

/// Marks an error that the words on the command line are to blame for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("wrong use")]
struct WrongUse;

impl From<End> for ExitCode {
    fn from(end: End) -> ExitCode {
        ExitCode::from(match end {
            End::Agrees => 0,
            End::Differs => 1,
            End::WrongUse => 2,
            End::Cannot => 3,
            // wait(2) keeps the low byte.
            End::Shell(status) => status as u8,
        })
    }
}

pub fn main(words: &[String]) -> ExitCode {
    let Some((command, rest)) = words.split_first() else {
        eprint!("{}", usage::all());
        return End::WrongUse.into();
    };
    // A container's own words may be `--help`.
    if command == "run" && !rest.first().is_some_and(|word| usage::is_help(word)) {
        return ExitCode::from(toolbox::run::main(rest) as u8);
    }
    if let Some(text) = usage::asked_for(command, rest) {
        print!("{text}");
        return ExitCode::SUCCESS;
    }
    if command == "boot" {
        return crate::boot::boot(rest);
    }
    if command == "serve" {
        return crate::serve::command(rest, live());
    }
    let options = match Options::parse(command, rest) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{}\nnode-runtime: {message}", usage::line(command));
            return End::WrongUse.into();
        }
    };
    let done = match command.as_str() {
        "simulate" => lessons::simulate(&options),
        "verify" => lessons::verify(&options),
        "fuzz" => fuzz::fuzz(&options),
        "record" => lessons::record(&options),
        "measure" => measure::measure(&options),
        "replay" => lessons::replay(&options),
        "shell" => shell::shell(&options),
        "facts" => Ok(facts(&options)),
        "doctor" => Ok(report(&options)),
        _ => bench::bench(&options),
    };
    match done {
        Ok(end) => end.into(),
        Err(error) if error.is::<WrongUse>() => {
            let reasons: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            eprintln!("node-runtime: {}", reasons.join(": "));
            End::WrongUse.into()
        }
        Err(error) => {
            eprintln!("node-runtime: {error:#}");
            End::Cannot.into()
        }
    }
}

/// The kernel beside the page, if there can be one.
fn live() -> Option<Arc<dyn crate::serve::Live>> {
    if !doctor::obstacles(&doctor::examine_needed()).is_empty() {
        return None;
    }
    let live = Course::find(None).and_then(|course| OnThisKernel::new(&course));
    live.map(|live| Arc::new(live) as _).inspect_err(|error| eprintln!("node-runtime: {error:#}")).ok()
}

/// Says why this machine cannot run nodes, if it cannot.
fn obstacles() -> Option<End> {
    let findings = doctor::examine_needed();
    let obstacles = doctor::obstacles(&findings);
    for finding in &obstacles {
        eprintln!("node-runtime: this machine cannot: {}: {} ({})", finding.what, finding.found, finding.remedy);
    }
    (!obstacles.is_empty()).then_some(End::Cannot)
}

fn report(options: &Options) -> End {
    let findings = doctor::examine();
    for finding in &findings {
        if options.json {
            println!("{}", serde_json::to_string(finding).unwrap_or_default());
            continue;
        }
        let mark = match (finding.ok, finding.needed) {
            (true, _) => "ok",
            (false, true) => "MISSING",
            (false, false) => "absent",
        };
        println!("{mark:8} {:30} {}", finding.what, finding.found);
        if !finding.ok {
            println!("{:8} {:30} costs: {}", "", "", finding.cost);
            println!("{:8} {:30} → {}", "", "", finding.remedy);
        }
    }
    if doctor::obstacles(&findings).is_empty() { End::Agrees } else { End::Cannot }
}

fn facts(options: &Options) -> End {
    for kind in engine::fact::catalogue::KINDS {
        let witness = if kind.witness.is_empty() { "shared" } else { kind.witness };
        let evidence = format!("{:?}", kind.evidence).to_lowercase();
        let agreement = format!("{:?}", kind.agreement);
        if options.json {
            let object = serde_json::json!({
                "fact": kind.pattern, "unit": kind.unit, "meaning": kind.meaning, "source": kind.source,
                "evidence": evidence, "witness": kind.witness, "compared": agreement,
            });
            println!("{object}");
        } else {
            let unit = if kind.unit.is_empty() { String::new() } else { format!(" [{}]", kind.unit) };
            println!(
                "{}{unit}\n    {}\n    {}; {evidence}; {witness}; {agreement}",
                kind.pattern, kind.meaning, kind.source
            );
        }
    }
    End::Agrees
}
