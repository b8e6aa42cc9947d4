//! test(1) and `[`, with dash's messages.

use super::machine::{Cx, Machine, Steps, answer};
use super::{Program, plain};
use crate::call::{FileKind, Ret, Stat, Sys};
use serde::{Deserialize, Serialize};

/// What is left of an expression, in reverse Polish order: operands push a truth, operators combine them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    stack: Vec<bool>,
    first: Option<Stat>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Push(bool),
    File {
        op: char,
        path: String,
    },
    FileSeen(char),
    Access {
        mode: u32,
        path: String,
    },
    Accessed,
    Tty(i32),
    TtyKnown,
    /// `-nt` and `-ot`.
    Times {
        newer: bool,
        left: String,
        right: String,
    },
    TimesLeft {
        newer: bool,
        right: String,
    },
    TimesRight {
        newer: bool,
    },
    Not,
    And,
    Or,
    Verdict,
}

/// Parentheses inside one another.
const DEPTH: u32 = 40;

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let mut args = args;
    if name == "[" {
        match args.split_last() {
            Some((last, rest)) if last == "]" => args = rest,
            _ => return plain::said(says, "", &format!("{says}: missing ]\n"), 2),
        }
    }
    let mut parser = Parser { args, at: 0, out: Vec::new(), depth: 0 };
    match parser.whole() {
        Ok(()) => {
            parser.out.push(Task::Verdict);
            let tool = Test { stack: Vec::new(), first: None };
            Program::Test(Box::new(Machine::new(says, tool, parser.out)))
        }
        Err(message) => plain::said(says, "", &format!("{says}: {message}\n"), 2),
    }
}

struct Parser<'a> {
    args: &'a [String],
    at: usize,
    out: Vec<Task>,
    depth: u32,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<(), String> {
        if self.args.is_empty() {
            self.out.push(Task::Push(false));
            return Ok(());
        }
        self.or()?;
        match self.args.get(self.at) {
            None => Ok(()),
            // dash names the operand before what it did not expect.
            Some(_) => Err(format!("{}: unexpected operator", self.args[self.at.saturating_sub(1)])),
        }
    }

    fn word(&self, offset: usize) -> Option<&str> {
        self.args.get(self.at + offset).map(String::as_str)
    }

    fn or(&mut self) -> Result<(), String> {
        self.and()?;
        while self.word(0) == Some("-o") {
            self.at += 1;
            self.and()?;
            self.out.push(Task::Or);
        }
        Ok(())
    }

    fn and(&mut self) -> Result<(), String> {
        self.not()?;
        while self.word(0) == Some("-a") {
            self.at += 1;
            self.not()?;
            self.out.push(Task::And);
        }
        Ok(())
    }

    fn not(&mut self) -> Result<(), String> {
        if self.word(0) == Some("!") && self.args.len() > self.at + 1 && !self.binary_next() {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err("too many arguments".to_owned());
            }
            self.at += 1;
            self.not()?;
            self.depth -= 1;
            self.out.push(Task::Not);
            return Ok(());
        }
        self.primary()
    }

    fn binary_next(&self) -> bool {
        self.word(1).is_some_and(is_binary) && self.word(2).is_some()
    }

    fn primary(&mut self) -> Result<(), String> {
        let Some(word) = self.word(0).map(str::to_owned) else { return Err("argument expected".to_owned()) };
        if self.binary_next() {
            let (op, right) = (self.args[self.at + 1].clone(), self.args[self.at + 2].clone());
            self.at += 3;
            let task = binary(&word, &op, &right)?;
            self.out.push(task);
            return Ok(());
        }
        if let Some(op) = self.word(1).filter(|op| is_binary(op)) {
            return Err(format!("{op}: argument expected"));
        }
        if word == "(" && self.args.len() > self.at + 1 {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err("too many arguments".to_owned());
            }
            self.at += 1;
            self.or()?;
            self.depth -= 1;
            if self.word(0) != Some(")") {
                return Err("closing paren expected".to_owned());
            }
            self.at += 1;
            return Ok(());
        }
        let unary = word.len() == 2 && word.starts_with('-') && "nzbcdefghkLprsStuwxO".contains(&word[1..]);
        if unary && let Some(operand) = self.word(1).map(str::to_owned) {
            self.at += 2;
            let task = match word.as_bytes()[1] {
                b'n' => Task::Push(!operand.is_empty()),
                b'z' => Task::Push(operand.is_empty()),
                b't' => Task::Tty(number(&operand)?.try_into().unwrap_or(-1)),
                b'r' => Task::Access { mode: 4, path: operand },
                b'w' => Task::Access { mode: 2, path: operand },
                b'x' => Task::Access { mode: 1, path: operand },
                op => Task::File { op: char::from(op), path: operand },
            };
            self.out.push(task);
            return Ok(());
        }
        self.at += 1;
        self.out.push(Task::Push(!word.is_empty()));
        Ok(())
    }
}

fn is_binary(op: &str) -> bool {
    matches!(op, "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef")
}

fn binary(left: &str, op: &str, right: &str) -> Result<Task, String> {
    let truth = match op {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-nt" | "-ot" => {
            return Ok(Task::Times { newer: op == "-nt", left: left.to_owned(), right: right.to_owned() });
        }
        "-ef" => left == right,
        op => {
            let (a, b) = (number(left)?, number(right)?);
            match op {
                "-eq" => a == b,
                "-ne" => a != b,
                "-lt" => a < b,
                "-le" => a <= b,
                "-gt" => a > b,
                _ => a >= b,
            }
        }
    };
    Ok(Task::Push(truth))
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("Illegal number: {text}"))
}

impl Steps<Task> for Test {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Push(truth) => self.stack.push(truth),
            Task::File { op, path } => {
                let follow = !matches!(op, 'h' | 'L');
                return cx.call(Sys::Stat { path, follow }, Task::FileSeen(op));
            }
            Task::FileSeen(op) => {
                let truth = answer::stat(ret).is_ok_and(|stat| holds(op, &stat));
                self.stack.push(truth);
            }
            Task::Access { mode, path } => return cx.call(Sys::Access { path, mode }, Task::Accessed),
            Task::Accessed => self.stack.push(answer::done(ret).is_ok()),
            Task::Tty(fd) => return cx.call(Sys::Isatty { fd }, Task::TtyKnown),
            Task::TtyKnown => self.stack.push(answer::yes(ret)),
            Task::Times { newer, left, right } => {
                return cx.call(Sys::Stat { path: left, follow: true }, Task::TimesLeft { newer, right });
            }
            Task::TimesLeft { newer, right } => {
                self.first = answer::stat(ret).ok();
                return cx.call(Sys::Stat { path: right, follow: true }, Task::TimesRight { newer });
            }
            Task::TimesRight { newer } => {
                let truth = match (self.first, answer::stat(ret)) {
                    (Some(left), Ok(right)) if newer => left.mtime_s > right.mtime_s,
                    (Some(left), Ok(right)) => left.mtime_s < right.mtime_s,
                    _ => false,
                };
                self.stack.push(truth);
            }
            Task::Not => {
                let truth = self.stack.pop().unwrap_or(false);
                self.stack.push(!truth);
            }
            Task::And | Task::Or => {
                let (right, left) = (self.stack.pop().unwrap_or(false), self.stack.pop().unwrap_or(false));
                self.stack.push(if task == Task::And { left && right } else { left || right });
            }
            Task::Verdict => cx.status = i32::from(!self.stack.pop().unwrap_or(false)),
        }
        None
    }
}

fn holds(op: char, stat: &Stat) -> bool {
    match op {
        'b' => stat.kind == FileKind::BlockDevice,
        'c' => stat.kind == FileKind::CharDevice,
        'd' => stat.kind == FileKind::Dir,
        'f' => stat.kind == FileKind::File,
        'h' | 'L' => stat.kind == FileKind::Symlink,
        'p' => stat.kind == FileKind::Fifo,
        'S' => stat.kind == FileKind::Socket,
        's' => stat.size_bytes > 0,
        'u' => stat.mode & 0o4000 != 0,
        'g' => stat.mode & 0o2000 != 0,
        'k' => stat.mode & 0o1000 != 0,
        _ => true,
    }
}
