//! `shell`: a session at the command line, on the model or on this kernel.

use super::options::Options;
use super::{End, obstacles};
use crate::profile::kernel_name;
use crate::runs;
use anyhow::Result;
use engine::fact::Facts;
use engine::node::Node;
use engine::scenario::{Input, Scenario};
use engine::session::Look;
use engine::world::{Log, Machine, Until, step};
use std::io::{Error, ErrorKind, IsTerminal, PipeReader, Read, Write, stdin, stdout};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

pub fn shell(options: &Options) -> Result<End> {
    if options.linux
        && let Some(end) = obstacles()
    {
        return Ok(end);
    }
    let scenario = runs::free_scenario(&options.course()?, options.seed, options.era, options.files.as_deref())?;
    if options.linux {
        let on = format!("A node on {}", kernel_name());
        let scenario = runs::here(&scenario);
        session(&scenario, runs::linux(&scenario)?, options.json, &on)
    } else {
        session(&scenario, runs::simulated(&scenario)?, options.json, "A simulated node")
    }
}

/// What to do instead of a line that failed. Who is not at a terminal is told what the tools say, and nothing else.
fn advice<N: Node + Look>(line: &str, machine: &mut Machine<N>) -> Result<Option<String>> {
    let Some(status) = machine.world.status() else { return Ok(None) };
    let facts = machine.facts()?;
    Ok(engine::session::advice(line, status, machine, &facts))
}

/// Lines until the end of input. `exit` ends the session's shell, and with it the session; the status is that shell's.
fn session<N: Node + Look>(scenario: &Scenario, node: N, json: bool, on: &str) -> Result<End> {
    let mut machine = Machine::boot(scenario, node, &mut Log::default())?;
    let mut before = Facts::new();
    let mut lines = Lines::default();
    let mut over = false;
    let typed = stdin().is_terminal() && !json;
    if typed {
        greet(on);
        lines.interrupts = Some(catch_interrupts()?);
    }
    loop {
        if typed {
            print!("{}", machine.world.prompt());
            stdout().flush()?;
        }
        let input = match lines.next()? {
            // At the prompt the input is over; a program that reads gets its end of file.
            Typed::End if machine.world.at_prompt() || over => {
                return Ok(End::Shell(machine.world.status().unwrap_or_default()));
            }
            Typed::End => {
                over = !typed;
                Input::Eof
            }
            Typed::Interrupt => Input::Interrupt,
            Typed::Line(line) => Input::Line(line),
        };
        if !json {
            let mut log = Log::default();
            machine.input(&input, &mut log)?;
            machine.run(Until::default(), &mut log)?;
            show(&log)?;
            if let Input::Line(line) = &input
                && typed
                && let Some(advice) = advice(line, &mut machine)?
            {
                eprintln!("drydock: {advice}");
            }
            if let Some(status) = machine.world.left() {
                return Ok(End::Shell(status));
            }
            continue;
        }
        let step = step(&mut machine, &input)?;
        let left = machine.world.left();
        let changed = runs::changed(&before, &step.facts);
        let object = serde_json::json!({
            "command": step.input,
            "exit_code": left.or(step.exit_code),
            "stdout": String::from_utf8_lossy(&step.stdout),
            "stderr": String::from_utf8_lossy(&step.stderr),
            "calls": step.calls.len(),
            "facts": changed,
        });
        println!("{object}");
        before = step.facts;
        stdout().flush()?;
        if let Some(status) = left {
            return Ok(End::Shell(status));
        }
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

/// Standard input, line by line, and Ctrl-C.
#[derive(Default)]
struct Lines {
    read: Vec<u8>,
    interrupts: Option<PipeReader>,
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
            if self.interrupted()? {
                self.read.clear();
                return Ok(Typed::Interrupt);
            }
            let mut bytes = [0; 4096];
            match stdin().read(&mut bytes) {
                Ok(0) if self.read.is_empty() => return Ok(Typed::End),
                // The last line has no end.
                Ok(0) => self.read.push(b'\n'),
                Ok(n) => self.read.extend_from_slice(&bytes[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for something to be typed, or for Ctrl-C.
    fn interrupted(&mut self) -> Result<bool> {
        let Some(interrupts) = &mut self.interrupts else { return Ok(false) };
        let waits = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut both = [waits(interrupts.as_raw_fd()), waits(libc::STDIN_FILENO)];
        // SAFETY: the array has as many entries as is said.
        while unsafe { libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, -1) } < 0 {
            let error = Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                return Err(error.into());
            }
        }
        let interrupted = both[0].revents != 0;
        if interrupted {
            interrupts.read_exact(&mut [0])?;
        }
        Ok(interrupted)
    }
}

/// Where the handler of SIGINT writes.
static INTERRUPTS: AtomicI32 = AtomicI32::new(-1);

/// From now on Ctrl-C is a byte in a pipe: whenever it comes, the next read of a line learns of it.
fn catch_interrupts() -> Result<PipeReader> {
    let (reader, writer) = std::io::pipe()?;
    INTERRUPTS.store(writer.into_raw_fd(), Ordering::Relaxed);
    // SAFETY: the handler only calls write(2), which is async-signal-safe (signal-safety(7)).
    unsafe { libc::signal(libc::SIGINT, interrupt as extern "C" fn(i32) as libc::sighandler_t) };
    Ok(reader)
}

/// What is typed next begins a line, as in a shell.
extern "C" fn interrupt(_: i32) {
    let newline = c"\n".as_ptr().cast();
    // SAFETY: one byte of a string that lives as long as the program.
    unsafe {
        libc::write(libc::STDERR_FILENO, newline, 1);
        libc::write(INTERRUPTS.load(Ordering::Relaxed), newline, 1);
    }
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
