//! `nproc` of GNU coreutils 9.1: how many processors the process may run on.

use super::Program;
use super::machine::{Cx, Machine, Steps};
use super::options::{Misuse, Options, Parsed};
use crate::call::{Ret, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nproc {
    ignore: u64,
    /// OMP_NUM_THREADS, which stands for the number of processors, and OMP_THREAD_LIMIT (gnulib, nproc).
    threads: Option<u64>,
    limit: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Ask,
    Told,
}

/// A node has no /sys/devices to count in: then the library counts for `--all` as it does without.
const OPTIONS: Options =
    Options { flags: "a", values: "i", long: &[("all", 'a'), ("ignore", 'i')], optional: "", posix: false };

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    match parse(says, args, env) {
        Ok(nproc) => Program::Nproc(Box::new(Machine::new(says, nproc, [Task::Ask]))),
        Err(misuse) => misuse.with_status(1),
    }
}

fn parse(says: &str, args: &[String], env: &[String]) -> Result<Nproc, Misuse> {
    // Both are long names alone.
    let short = args.iter().take_while(|arg| *arg != "--").find_map(|arg| arg.strip_prefix('-'));
    if let Some(letter) = short.and_then(|short| short.chars().next()).filter(|letter| *letter != '-') {
        return Err(Misuse::new(says, format!("invalid option -- '{letter}'")));
    }
    let parsed = Parsed::of(says, args, &OPTIONS)?;
    if let Some(extra) = parsed.operands.first() {
        return Err(Misuse::new(says, format!("extra operand '{extra}'")));
    }
    let ignore = match parsed.value('i').map(|text| (text, text.trim_start().parse::<u64>())) {
        None => 0,
        Some((_, Ok(number))) => number,
        Some((text, Err(_))) => return Err(Misuse::plain(says, &format!("invalid number: '{text}'"))),
    };
    let all = parsed.has('a');
    let threads = |name: &str| {
        let set = env.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        set.and_then(threads).filter(|_| !all)
    };
    Ok(Nproc { ignore, threads: threads("OMP_NUM_THREADS"), limit: threads("OMP_THREAD_LIMIT") })
}

/// A number, perhaps the first of a list; 0 is as good as none.
fn threads(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let rest = text[digits..].trim_start();
    text[..digits].parse().ok().filter(|number| *number > 0 && (rest.is_empty() || rest.starts_with(',')))
}

impl Steps<Task> for Nproc {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        let own = match (task, ret) {
            (Task::Ask, _) if self.threads.is_none() => return cx.call(Sys::GetAffinity { pid: 0 }, Task::Told),
            (Task::Told, Ret::Cpus(cpus)) => cpus.len() as u64,
            _ => 1,
        };
        let count = self.threads.unwrap_or(own).min(self.limit.unwrap_or(u64::MAX));
        cx.line(&count.saturating_sub(self.ignore).max(1).to_string());
        None
    }
}
