//! kill(1): that of procps, and dash's builtin, which is another program with other messages.

use super::machine::{Cx, Machine, Steps, answer};
use super::{Program, plain};
use crate::call::{Errno, Ret, Signal, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    chosen: Chosen,
    builtin: bool,
}

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Chosen {
    Signal(Signal),
    /// 0: only ask.
    Nothing,
    /// No signal has this name.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Send(String),
    Sent(i32),
}

/// Numbers that dash has no name for, or only one of its own: real-time signals, which no guest here is sent.
const DASH_SIGNALS: i32 = 65;
const REALTIME_FIRST: i32 = 34;
const REALTIME_LAST: i32 = 64;
/// How wide procps writes a list.
const LIST_WIDTH: usize = 80;
const TABLE_COLUMNS: i32 = 7;

/// `9`, `KILL`, `SIGKILL` or `term`.
pub fn signal(text: &str) -> Option<Signal> {
    match text.parse::<i32>() {
        Ok(n) => Signal::from_number(n),
        Err(_) => {
            let upper = text.to_ascii_uppercase();
            let name = upper.strip_prefix("SIG").unwrap_or(&upper);
            Signal::ALL.iter().find(|s| name_of(**s) == name).copied()
        }
    }
}

fn name_of(signal: Signal) -> &'static str {
    signal.name().trim_start_matches("SIG")
}

fn chosen(text: &str) -> Chosen {
    match (text, signal(text)) {
        ("0", _) => Chosen::Nothing,
        (_, Some(signal)) => Chosen::Signal(signal),
        _ => Chosen::Unknown,
    }
}

fn program(says: &str, chosen: Chosen, builtin: bool, pids: &[String]) -> Program {
    let tasks: Vec<Task> = pids.iter().map(|pid| Task::Send(pid.clone())).collect();
    Program::Kill(Box::new(Machine::new(says, Kill { chosen, builtin }, tasks)))
}

/// dash's `killcmd` (src/jobs.c).
pub fn builtin(says: &str, args: &[String]) -> Program {
    let wrong = |text: &str| plain::said(says, "", &format!("{says}: {text}\n"), 2);
    // Names without SIG, as dash has them.
    let decoded = |text: &str| match chosen(text) {
        Chosen::Signal(_) if text.to_ascii_uppercase().starts_with("SIG") => None,
        Chosen::Unknown => None,
        known => Some(known),
    };
    let (mut sent, mut list, mut rest) = (None, false, args);
    match args.first().map(String::as_str) {
        Some("--") => rest = &args[1..],
        Some(option) if option.starts_with('-') && decoded(&option[1..]).is_some() => {
            (sent, rest) = (decoded(&option[1..]), &args[1..]);
        }
        Some("-l") => (list, rest) = (true, &args[1..]),
        Some("-s") => {
            let Some(name) = args.get(1) else { return wrong("No arg for -s option") };
            let Some(known) = decoded(name) else { return wrong(&format!("invalid signal number or name: {name}")) };
            (sent, rest) = (Some(known), &args[2..]);
        }
        Some(option) if option.starts_with('-') && option.len() > 1 => {
            return wrong(&format!("Illegal option {}", option.chars().take(2).collect::<String>()));
        }
        _ => {}
    }
    match (list, rest.first()) {
        (true, None) => plain::said(says, &dash_list(), "", 0),
        (true, Some(text)) => match text.parse::<i32>() {
            Err(_) => wrong(&format!("Illegal number: {text}")),
            Ok(number) => match dash_name(if number > 128 { number - 128 } else { number }) {
                Some(name) if number != 0 => plain::said(says, &format!("{name}\n"), "", 0),
                _ => wrong(&format!("invalid signal number or exit status: {text}")),
            },
        },
        (false, None) => wrong("Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]"),
        (false, Some(_)) => program(says, sent.unwrap_or(Chosen::Signal(Signal::SIGTERM)), true, rest),
    }
}

fn dash_list() -> String {
    (0..DASH_SIGNALS).map(|number| dash_name(number).unwrap_or_default() + "\n").collect()
}

fn dash_name(number: i32) -> Option<String> {
    const MIDDLE: i32 = 49;
    Some(match number {
        REALTIME_FIRST => "RTMIN".to_owned(),
        REALTIME_LAST => "RTMAX".to_owned(),
        n if n > REALTIME_FIRST && n <= MIDDLE => format!("RTMIN+{}", n - REALTIME_FIRST),
        n if n > MIDDLE && n < REALTIME_LAST => format!("RTMAX-{}", REALTIME_LAST - n),
        n if !(0..DASH_SIGNALS).contains(&n) => return None,
        n => match Signal::from_number(n) {
            // dash's table, made from the C library's headers, has no word for it.
            None | Some(Signal::SIGSTKFLT) => n.to_string(),
            Some(signal) => name_of(signal).to_owned(),
        },
    })
}

/// procps 4.0.2.
pub fn start(says: &str, args: &[String]) -> Program {
    let (mut sent, mut rest) = (Chosen::Signal(Signal::SIGTERM), args.to_vec());
    // A signal as an option may stand anywhere (skill_sig_option).
    if let Some(at) = rest.iter().position(|arg| is_signal_option(arg)) {
        sent = chosen(&rest.remove(at)[1..]);
    }
    match rest.first().map(String::as_str) {
        None => return plain::said(says, "", USAGE, 1),
        Some("-l" | "--list") => return convert(says, rest.get(1)),
        Some("-L" | "--table") => return plain::said(says, &table(), "", 0),
        Some("-h" | "--help") => return plain::said(says, USAGE, "", 0),
        Some("-s" | "--signal") if rest.len() > 1 => {
            sent = chosen(&rest[1]);
            rest.drain(..2);
        }
        Some("--") => drop(rest.remove(0)),
        Some(option) if option.starts_with('-') && option.len() > 1 => {
            let letter = option.chars().nth(1).unwrap_or('-');
            return plain::said(says, "", &format!("{says}: invalid argument {letter}\n{USAGE}"), 1);
        }
        Some(_) => {}
    }
    if rest.first().is_some_and(|arg| arg == "--") {
        rest.remove(0);
    }
    match rest.is_empty() {
        true => plain::said(says, "", USAGE, 1),
        false => program(says, sent, false, &rest),
    }
}

fn is_signal_option(arg: &str) -> bool {
    let known = |text: &str| !matches!(chosen(text), Chosen::Unknown);
    arg.strip_prefix('-').is_some_and(|text| known(text) && !["s", "l"].contains(&text))
}

fn convert(says: &str, what: Option<&String>) -> Program {
    let Some(what) = what else { return plain::said(says, &listed(), "", 0) };
    match (what.parse::<i32>(), signal(what)) {
        (Ok(_), Some(signal)) => plain::said(says, &format!("{}\n", procps_name(signal)), "", 0),
        (Err(_), Some(signal)) => plain::said(says, &format!("{}\n", signal.number()), "", 0),
        _ => plain::said(says, "", &format!("{says}: unknown signal name {what}\n"), 0),
    }
}

fn procps_name(signal: Signal) -> &'static str {
    if signal == Signal::SIGIO { "POLL" } else { name_of(signal) }
}

fn listed() -> String {
    let (mut text, mut column) = (String::new(), 0);
    for name in Signal::ALL.iter().map(|signal| procps_name(*signal)) {
        if column > 0 && column + 1 + name.len() > LIST_WIDTH {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += name;
        column += name.len();
    }
    text + "\n"
}

fn table() -> String {
    let cell = |signal: &Signal| {
        let end = if signal.number() % TABLE_COLUMNS == 0 { "\n" } else { "" };
        format!("{:2} {:<8}{end}", signal.number(), procps_name(*signal))
    };
    let text: String = Signal::ALL.iter().map(cell).collect();
    text.replace(" \n", "\n") + "\n"
}

const USAGE: &str = "
Usage:
 kill [options] <pid> [...]

Options:
 <pid> [...]            send signal to every <pid> listed
 -<signal>, -s, --signal <signal>
                        specify the <signal> to be sent
 -q, --queue <value>    integer value to be sent with the signal
 -l, --list=[<signal>]  list all signal names, or convert one to a name
 -L, --table            list all signal names in a nice table

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see kill(1).
";

impl Steps<Task> for Kill {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Send(text) => match (text.parse::<i32>(), self.chosen) {
                (Err(_), _) if self.builtin => {
                    cx.exit(2);
                    cx.complain(&format!("Illegal number: {text}"));
                    None
                }
                (Err(_), _) => {
                    cx.exit(1);
                    cx.complain(&format!("failed to parse argument: '{text}'"));
                    None
                }
                (Ok(pid), Chosen::Signal(signal)) => cx.call(Sys::Kill { pid, signal }, Task::Sent(pid)),
                (Ok(pid), Chosen::Nothing) => cx.call(Sys::Probe { pid }, Task::Sent(pid)),
                (Ok(pid), Chosen::Unknown) => {
                    self.failed(pid, Errno::EINVAL, cx);
                    None
                }
            },
            Task::Sent(pid) => {
                if let Err(errno) = answer::done(ret) {
                    self.failed(pid, errno, cx);
                }
                None
            }
        }
    }
}

impl Kill {
    fn failed(&self, pid: i32, errno: Errno, cx: &mut Cx<Task>) {
        match self.builtin {
            // dash prints an empty line after it.
            true => cx.fail(1, &format!("{}\n", errno.text())),
            false => cx.fail(1, &format!("({pid}): {}", errno.text())),
        }
    }
}
