//! The command line: `node-runtime COMMAND …`.
//!
//! Human output by default, `--json` for one object a line. Exit codes: 0 agrees, 1 differs, 2 wrong use, 3 this
//! machine cannot; a shell's is its own.

mod bare;
mod bench;
mod lessons;
mod measure;
mod options;
mod shell;

use crate::course::Course;
use crate::doctor;
use crate::runs::OnThisKernel;
use options::Options;
use std::process::ExitCode;
use std::sync::Arc;

const USAGE: &str = "\
usage: node-runtime COMMAND

  simulate LESSON       run a lesson's solution on the model and show the console
      [--json]
  verify LESSON…|--all  run it on this machine's kernel as well, and compare call by call, fact by fact
      [--json] [--html FILE] [--explain FACT]
  record LESSON…|--all [--out FOLDER]
                        keep what this machine's kernel shows, for pages without one
  measure [--out FOLDER]
                        the figures of the course's plots, in a control group of its own
  replay FILE           show what was recorded
  shell [--node simulated|linux] [--files DIRECTORY] [--seed N] [--era course|today] [--json]
                        type commands yourself
      (those above: [--lessons FOLDER] in place of ./lessons or, without a tree, the course in this program)
  facts                 the catalogue of facts: meaning, source, evidence, witness
  doctor [--json]       what this machine can do, and what to do about the rest
  bench                 how long a call, a process, a container and a node take here
  serve [--help]        the page over HTTP, with this machine's kernel beside it

exit codes: 0 agrees, 1 differs, 2 wrong use, 3 this machine cannot; shell: as the shell's own
";

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
        print!("{USAGE}");
        return ExitCode::from(End::WrongUse);
    };
    match command.as_str() {
        "serve" => {
            return crate::serve::command(rest, live());
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let options = match Options::parse(command, rest) {
        Ok(options) => options,
        Err(message) => {
            eprint!("node-runtime: {message}\n\n{USAGE}");
            return End::WrongUse.into();
        }
    };
    let done = match command.as_str() {
        "simulate" => lessons::simulate(&options),
        "verify" => lessons::verify(&options),
        "record" => lessons::record(&options),
        "measure" => measure::measure(&options),
        "replay" => lessons::replay(&options),
        "shell" => shell::shell(&options),
        "facts" => Ok(facts(&options)),
        "doctor" => Ok(report(&options)),
        _ => bench::bench(),
    };
    match done {
        Ok(end) => end.into(),
        Err(error) => {
            eprintln!("node-runtime: {error:#}");
            if error.is::<WrongUse>() { End::WrongUse.into() } else { End::Cannot.into() }
        }
    }
}

/// The kernel beside the page, if there can be one.
fn live() -> Option<Arc<dyn crate::serve::Live>> {
    if !doctor::obstacles(&doctor::examine()).is_empty() {
        return None;
    }
    let live = Course::find(None).and_then(|course| OnThisKernel::new(&course));
    live.map(|live| Arc::new(live) as _).inspect_err(|error| eprintln!("node-runtime: {error:#}")).ok()
}

/// Says why this machine cannot run nodes, if it cannot.
fn obstacles() -> Option<End> {
    let findings = doctor::examine();
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
