//! kill(1), as /bin/kill of procps and as the shell's builtin.

use super::machine::{Cx, Machine, Steps, answer};
use super::{Program, plain};
use crate::call::{Ret, Signal, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    signal: Option<Signal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Send(String),
    Sent(String),
}

/// `9`, `KILL`, `SIGKILL` or `term`.
pub fn signal(text: &str) -> Option<Signal> {
    match text.parse::<i32>() {
        Ok(n) => Signal::from_number(n),
        Err(_) => {
            let upper = text.to_ascii_uppercase();
            let name = upper.strip_prefix("SIG").unwrap_or(&upper);
            Signal::ALL.iter().find(|s| s.name().trim_start_matches("SIG") == name).copied()
        }
    }
}

pub fn start(says: &str, args: &[String]) -> Program {
    let mut chosen = Some(Signal::SIGTERM);
    let mut rest = args;
    match args.first().map(String::as_str) {
        None => return plain::said(says, "", &format!("{says}: {USAGE}\n"), 2),
        Some("-l" | "-L") => {
            let list: String = Signal::ALL
                .iter()
                .map(|s| format!("{:2} {}\n", s.number(), s.name().trim_start_matches("SIG")))
                .collect();
            return plain::said(says, &list, "", 0);
        }
        Some("-s") => {
            chosen = args.get(1).and_then(|name| signal(name));
            rest = args.get(2..).unwrap_or(&[]);
            if chosen.is_none() {
                let name = args.get(1).map_or("", String::as_str);
                return plain::said(says, "", &format!("{says}: invalid signal number or name: {name}\n"), 2);
            }
        }
        Some("--") => rest = &args[1..],
        Some("-0") => {
            chosen = None;
            rest = &args[1..];
        }
        Some(option) if option.starts_with('-') && option.len() > 1 => {
            rest = &args[1..];
            chosen = signal(&option[1..]);
            if chosen.is_none() {
                let letter = option.chars().nth(1).unwrap_or('-');
                return plain::said(says, "", &format!("{says}: Illegal option -{letter}\n"), 2);
            }
        }
        Some(_) => {}
    }
    let tasks: Vec<Task> = rest.iter().map(|pid| Task::Send(pid.clone())).collect();
    Program::Kill(Box::new(Machine::new(says, Kill { signal: chosen }, tasks)))
}

const USAGE: &str = "Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]";

impl Steps<Task> for Kill {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Send(text) => match text.parse::<i32>() {
                Ok(pid) => match self.signal {
                    Some(signal) => cx.call(Sys::Kill { pid, signal }, Task::Sent(text)),
                    // kill -0 only asks whether it is there; procfs knows.
                    None => cx.call(Sys::ProcStat { pid: pid.unsigned_abs() }, Task::Sent(text)),
                },
                Err(_) => {
                    cx.fail(2, &format!("Illegal number: {text}"));
                    None
                }
            },
            Task::Sent(_) => {
                if let Err(errno) = answer::done(ret) {
                    // dash prints an empty line after it.
                    cx.fail(1, &format!("{}\n", errno.text()));
                }
                None
            }
        }
    }
}
