//! sleep(1): the scheduler answers it in virtual time.

use super::machine::{Cx, Machine, Steps};
use super::{Program, plain};
use crate::call::{Ret, Sys};
use crate::sim::{Nanos, SECOND};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Sleep { ns: Nanos },
    Slept,
}

impl Steps<Task> for Sleep {
    fn step(&mut self, task: Task, _: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Sleep { ns } => cx.call(Sys::Sleep { ns }, Task::Slept),
            Task::Slept => None,
        }
    }
}

pub fn start(name: &str, args: &[String]) -> Program {
    let again = format!("Try '{name} --help' for more information.\n");
    if args.is_empty() {
        return plain::said(name, "", &format!("{name}: missing operand\n{again}"), 1);
    }
    let mut ns: Nanos = 0;
    for arg in args {
        match interval(arg) {
            Some(n) => ns = ns.saturating_add(n),
            None => return plain::said(name, "", &format!("{name}: invalid time interval '{arg}'\n{again}"), 1),
        }
    }
    Program::Sleep(Box::new(Machine::new(name, Sleep, [Task::Sleep { ns }])))
}

/// `1`, `0.5`, `2m`, `infinity`.
pub(super) fn interval(text: &str) -> Option<Nanos> {
    if matches!(text, "inf" | "infinity") {
        return Some(Nanos::MAX / 4);
    }
    let (number, unit) = match text.char_indices().next_back()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        (at, 'd') => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: u64 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let nanos: u64 = format!("{fraction:0<9}")[..9].parse().ok()?;
    Some(seconds.saturating_mul(SECOND).saturating_add(nanos).saturating_mul(unit).min(Nanos::MAX / 4))
}
