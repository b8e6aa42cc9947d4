//! `shell`: a session at the command line, on the model or on this kernel.

use super::options::Options;
use super::{End, obstacles};
use crate::runs;
use anyhow::Result;
use engine::fact::Facts;
use engine::node::Node;
use engine::scenario::{Input, Scenario};
use engine::world::{Log, Machine, Until, step};
use std::io::{Error, ErrorKind, IsTerminal, Write, stdin, stdout};

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
    let mut lines = Lines::default();
    let typed = stdin().is_terminal() && !json;
    if typed {
        greet(on);
        catch_interrupts()?;
    }
    loop {
        if typed {
            print!("{}", machine.world.prompt());
            stdout().flush()?;
        }
        let input = match lines.next()? {
            // At the prompt the input is over; a program that reads gets its end of file.
            Typed::End if machine.world.at_prompt() || !typed => return Ok(End::Agrees),
            Typed::End => Input::Eof,
            // The terminal has dropped what was typed.
            Typed::Interrupt if machine.world.at_prompt() => continue,
            Typed::Interrupt => Input::Interrupt,
            Typed::Line(line) => Input::Line(line),
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

/// What came from standard input.
enum Typed {
    Line(String),
    End,
    /// Ctrl-C.
    Interrupt,
}

/// Standard input, line by line. `std`'s own reader goes on after a signal; here Ctrl-C ends the read.
#[derive(Default)]
struct Lines {
    read: Vec<u8>,
}

impl Lines {
    fn next(&mut self) -> Result<Typed> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                return Ok(Typed::Line(String::from_utf8_lossy(&line).into_owned()));
            }
            let mut bytes = [0_u8; 4096];
            // SAFETY: at most as many bytes are written as the buffer has.
            let n = unsafe { libc::read(libc::STDIN_FILENO, bytes.as_mut_ptr().cast(), bytes.len()) };
            match usize::try_from(n) {
                Ok(0) if self.read.is_empty() => return Ok(Typed::End),
                // The last line has no end.
                Ok(0) => self.read.push(b'\n'),
                Ok(n) => self.read.extend_from_slice(&bytes[..n]),
                Err(_) => {
                    let error = Error::last_os_error();
                    if error.kind() != ErrorKind::Interrupted {
                        return Err(error.into());
                    }
                    self.read.clear();
                    return Ok(Typed::Interrupt);
                }
            }
        }
    }
}

/// Ctrl-C ends a read of standard input instead of this program: no SA_RESTART (signal(7)).
fn catch_interrupts() -> Result<()> {
    // SAFETY: the handler only calls write(2), which is async-signal-safe (signal-safety(7)).
    let code = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = new_line as extern "C" fn(i32) as libc::sighandler_t;
        libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut())
    };
    if code == 0 { Ok(()) } else { Err(Error::last_os_error().into()) }
}

/// What is typed next begins a line, as in a shell.
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
