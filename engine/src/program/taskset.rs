//! `taskset` of util-linux 2.38: on which processors a process may run.

use super::execvp::Execvp;
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::{Program, plain};
use crate::call::{Errno, Ret, Sys};
use serde::{Deserialize, Serialize};

/// Numbers that a set of the library has bits for.
const MOST: u32 = 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taskset {
    /// Whom it is about; 0 is what it runs.
    pid: i32,
    as_list: bool,
    cpus: Option<Vec<u32>>,
    exec: Execvp,
    errno: Errno,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Get,
    Got { new: bool },
    Set,
    Was,
    Failed { get: bool },
    Exec,
}

const OPTIONS: Options = Options {
    flags: "apc",
    values: "",
    long: &[("all-tasks", 'a'), ("pid", 'p'), ("cpu-list", 'c')],
    optional: "",
    posix: true,
};

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    if args.first().is_some_and(|arg| arg == "-V" || arg == "--version") {
        return plain::said(says, &format!("{says} from util-linux 2.38.1\n"), "", 0);
    }
    match parse(says, args, env) {
        Ok((taskset, first)) => Program::Taskset(Box::new(Machine::new(says, taskset, [first]))),
        Err(misuse) => misuse.with_status(1),
    }
}

fn parse(says: &str, args: &[String], env: &[String]) -> Result<(Taskset, Task), Misuse> {
    let parsed = Parsed::of(says, args, &OPTIONS)?;
    let pid = match args.last().filter(|_| parsed.has('p')) {
        None => 0,
        Some(text) => pid(text).map_err(|why| Misuse::plain(says, &format!("invalid PID argument: '{text}'{why}")))?,
    };
    let of_pid = pid != 0;
    let operands = &parsed.operands;
    if if of_pid { !(1..=2).contains(&operands.len()) } else { operands.len() < 2 } {
        return Err(Misuse::new(says, "bad usage".to_owned()));
    }
    let as_list = parsed.has('c');
    let cpus = match &operands[..] {
        [_] => None,
        [cpus, ..] if as_list => {
            Some(list(cpus).ok_or_else(|| Misuse::plain(says, &format!("failed to parse CPU list: {cpus}")))?)
        }
        [cpus, ..] => {
            Some(mask(cpus).ok_or_else(|| Misuse::plain(says, &format!("failed to parse CPU mask: {cpus}")))?)
        }
        [] => None,
    };
    let exec = Execvp::new(operands.get(1..).filter(|_| !of_pid).unwrap_or_default(), env);
    let first = if of_pid { Task::Get } else { Task::Set };
    Ok((Taskset { pid, as_list, cpus, exec, errno: Errno::EIO }, first))
}

/// Why it is none stands behind the message.
fn pid(text: &str) -> Result<i32, String> {
    match text.trim_start().parse::<i64>() {
        Ok(number) => match i32::try_from(number).ok().filter(|pid| *pid >= 0) {
            Some(pid) => Ok(pid),
            None => Err(format!(": {}", Errno::ERANGE.text())),
        },
        Err(_) => Err(String::new()),
    }
}

/// Digits of base 16, perhaps behind `0x`, perhaps with commas (util-linux, lib/cpuset.c, cpumask_parse).
fn mask(text: &str) -> Option<Vec<u32>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut cpus = Vec::new();
    for (at, digit) in digits.chars().rev().filter(|digit| *digit != ',').enumerate() {
        let digit = digit.to_digit(16)?;
        let numbers = (0..4).filter(|bit| digit & (1 << bit) != 0).map(|bit| at as u32 * 4 + bit);
        cpus.extend(numbers.filter(|number| *number < MOST));
    }
    Some(cpus)
}

/// `0,2-3`, or `0-6:2` for each second (cpulist_parse).
fn list(text: &str) -> Option<Vec<u32>> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    let mut cpus = Vec::new();
    for range in text.split(',') {
        let (range, step) = match range.split_once(':') {
            Some((range, step)) => (range, number(step).filter(|step| *step > 0)?),
            None => (range, 1),
        };
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to) = (number(from)?, number(to)?);
        if from > to {
            return None;
        }
        cpus.extend((from..=to.min(MOST - 1)).step_by(step as usize));
    }
    Some(cpus)
}

/// A range of two is written as two numbers (cpulist_create).
fn as_list(cpus: &[u32]) -> String {
    let (mut words, mut rest) = (Vec::new(), cpus);
    while let Some((first, _)) = rest.split_first() {
        let run = rest.iter().zip(*first..).take_while(|(cpu, expected)| *cpu == expected).count();
        words.push(match run {
            1 => first.to_string(),
            2 => format!("{first},{}", first + 1),
            run => format!("{first}-{}", *first as usize + run - 1),
        });
        rest = &rest[run..];
    }
    words.join(",")
}

fn as_mask(cpus: &[u32]) -> String {
    let digits = cpus.last().map_or(1, |last| last / 4 + 1);
    let bit = |at: u32, bit: u32| u32::from(cpus.contains(&(at * 4 + bit))) << bit;
    let digit = |at| (0..4).map(|n| bit(at, n)).sum::<u32>();
    (0..digits).rev().filter_map(|at| char::from_digit(digit(at), 16)).collect()
}

impl Steps<Task> for Taskset {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Get => return cx.call(Sys::GetAffinity { pid: self.pid }, Task::Got { new: false }),
            Task::Got { new } => match ret {
                Ret::Cpus(cpus) => {
                    self.tell(&cpus, new, cx);
                    if !new && self.cpus.is_some() {
                        cx.push(Task::Set);
                    }
                }
                ret => self.fail(true, ret, cx),
            },
            Task::Set => {
                let cpus = self.cpus.clone().unwrap_or_default();
                return cx.call(Sys::SetAffinity { pid: self.pid, cpus }, Task::Was);
            }
            Task::Was => match answer::done(ret.clone()) {
                Err(_) if self.pid == 0 => {
                    self.errno = answer::done(ret).err().unwrap_or(Errno::EIO);
                    return cx.call(Sys::Getpid, Task::Failed { get: false });
                }
                Err(_) => self.fail(false, ret, cx),
                Ok(()) if self.pid == 0 => cx.push(Task::Exec),
                Ok(()) => return cx.call(Sys::GetAffinity { pid: self.pid }, Task::Got { new: true }),
            },
            Task::Failed { get } => {
                self.pid = answer::fd(ret).unwrap_or(0);
                self.fail(get, Ret::Err(self.errno), cx);
            }
            Task::Exec => match self.exec.next(ret) {
                Ok(sys) => return cx.call(sys, Task::Exec),
                Err(errno) => self.exec.fail(errno, cx),
            },
        }
        None
    }
}

impl Taskset {
    fn tell(&self, cpus: &[u32], new: bool, cx: &mut Cx<Task>) {
        let which = if new { "new" } else { "current" };
        let (kind, text) = if self.as_list { ("list", as_list(cpus)) } else { ("mask", as_mask(cpus)) };
        cx.line(&format!("pid {}'s {which} affinity {kind}: {text}", self.pid));
    }

    fn fail(&self, get: bool, ret: Ret, cx: &mut Cx<Task>) {
        let errno = answer::done(ret).err().unwrap_or(Errno::EIO);
        cx.exit(1);
        cx.complain(&format!(
            "failed to {} pid {}'s affinity: {}",
            if get { "get" } else { "set" },
            self.pid,
            errno.text()
        ));
    }
}
