//! Tools that make no call but to write: `echo`, `printf`, `seq`, `expr`, `basename`, `dirname`, `env`.

use super::Program;
use super::machine::{Cx, Machine, Steps, base};
use crate::call::{Ret, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain;

/// The task that a plain tool never has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nothing {}

impl Steps<Nothing> for Plain {
    fn step(&mut self, task: Nothing, _: Ret, _: &mut Cx<Nothing>) -> Option<Sys> {
        match task {}
    }
}

/// Writes this and exits.
pub fn said(name: &str, out: &str, err: &str, status: i32) -> Program {
    let mut machine = Machine::new(name, Plain, []);
    machine.cx().out(out);
    machine.cx().err(err);
    machine.cx().exit(status);
    Program::Plain(Box::new(machine))
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    match name {
        "echo" => said(says, &echo(args), "", 0),
        "basename" => match args {
            [] => missing(says),
            [path, rest @ ..] => {
                let name = base(path);
                let suffix = rest.first().map_or("", String::as_str);
                let name = name.strip_suffix(suffix).filter(|n| !n.is_empty()).unwrap_or(name);
                said(says, &format!("{name}\n"), "", 0)
            }
        },
        "dirname" if args.is_empty() => missing(says),
        "dirname" => said(says, &args.iter().map(|path| format!("{}\n", dirname(path))).collect::<String>(), "", 0),
        _ => said(says, "", "", 127),
    }
}

fn missing(name: &str) -> Program {
    said(name, "", &format!("{name}: missing operand\nTry '{name} --help' for more information.\n"), 1)
}

/// dash's echo: `-n`, and escapes always.
fn echo(args: &[String]) -> String {
    let (newline, args) = match args.first().map(String::as_str) {
        Some("-n") => ("", &args[1..]),
        _ => ("\n", args),
    };
    let text = args.join(" ");
    let mut out = String::with_capacity(text.len() + 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('c') => return out,
            Some(&e) if simple_escape(e).is_some() => {
                out.extend(simple_escape(e));
                chars.next();
            }
            Some('0') => {
                chars.next();
                let mut n = 0;
                for _ in 0..3 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    n = n * 8 + digit;
                    chars.next();
                }
                out.push(char::from(u8::try_from(n & 0xff).unwrap_or(0)));
            }
            _ => out.push('\\'),
        }
    }
    out + newline
}

pub fn simple_escape(c: char) -> Option<char> {
    Some(match c {
        '\\' => '\\',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        _ => return None,
    })
}

pub fn dirname(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return if path.is_empty() { "." } else { "/" };
    }
    match trimmed.rfind('/') {
        None => ".",
        Some(at) => match trimmed[..at].trim_end_matches('/') {
            "" => "/",
            dir => dir,
        },
    }
}
