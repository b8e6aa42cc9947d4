//! Tools that make no call but to write: `echo`, `printf`, `seq`, `expr`, `basename`, `dirname`, `printenv`.

use super::Program;
use super::machine::{Cx, Machine, Steps, base};
use crate::call::{Ret, Sys};
use crate::sim::OUTPUT_BYTES;
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

pub fn start(name: &str, says: &str, args: &[String], env: &[String]) -> Program {
    match name {
        "printf" => printf(says, args),
        "seq" => seq(says, args),
        "expr" => expr(says, args),
        "printenv" => printenv(says, args, env),
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

/// printf(1), as dash has it: the format again while there are arguments.
fn printf(says: &str, args: &[String]) -> Program {
    let Some((format, args)) = args.split_first() else {
        return said(says, "", &format!("{says}: usage: printf format [arg ...]\n"), 2);
    };
    let mut printer = Printer { says, out: String::new(), err: String::new(), status: 0, args, used: 0, stop: false };
    loop {
        let before = printer.used;
        printer.round(format);
        if printer.stop || printer.used >= args.len() || printer.used == before || printer.out.len() > OUTPUT_BYTES {
            break;
        }
    }
    // What it complains of is said at once, what it prints when it is done.
    let mut machine = Machine::new(says, Plain, []);
    machine.cx().err(&printer.err);
    machine.cx().out(&printer.out);
    machine.cx().exit(printer.status);
    Program::Plain(Box::new(machine))
}

struct Printer<'a> {
    says: &'a str,
    out: String,
    err: String,
    status: i32,
    args: &'a [String],
    used: usize,
    stop: bool,
}

impl Printer<'_> {
    fn round(&mut self, format: &str) {
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => self.escape(&mut chars, false),
                '%' if chars.peek() == Some(&'%') => {
                    chars.next();
                    self.out.push('%');
                }
                '%' => {
                    let mut spec = String::new();
                    while let Some(&c) = chars.peek() {
                        chars.next();
                        spec.push(c);
                        if c.is_ascii_alphabetic() || !"-+ #0123456789.*".contains(c) {
                            break;
                        }
                    }
                    self.convert(&spec);
                }
                c => self.out.push(c),
            }
            if self.stop {
                return;
            }
        }
    }

    fn escape(&mut self, chars: &mut std::iter::Peekable<std::str::Chars>, in_b: bool) {
        match chars.peek().copied() {
            Some(c) if simple_escape(c).is_some() => {
                chars.next();
                self.out.extend(simple_escape(c));
            }
            Some('"') => {
                chars.next();
                self.out.push('"');
            }
            Some('c') if in_b => self.stop = true,
            Some(c) if c.is_digit(8) => {
                let mut n = 0;
                let digits = if in_b && c == '0' { 4 } else { 3 };
                for _ in 0..digits {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    n = n * 8 + digit;
                    chars.next();
                }
                self.out.push(char::from(u8::try_from(n & 0xff).unwrap_or(0)));
            }
            _ => self.out.push('\\'),
        }
    }

    fn next_arg(&mut self) -> &str {
        let arg = self.args.get(self.used).map_or("", String::as_str);
        self.used += 1;
        arg
    }

    fn number(&mut self) -> i64 {
        let text = self.next_arg().to_owned();
        let value = match text.strip_prefix(['\'', '"']) {
            Some(rest) => rest.chars().next().map(|c| i64::from(u32::from(c))),
            None if text.is_empty() => Some(0),
            None => match text.strip_prefix("0x") {
                Some(hex) => i64::from_str_radix(hex, 16).ok(),
                None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(&text, 8).ok(),
                None => text.parse().ok(),
            },
        };
        value.unwrap_or_else(|| {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            let what = if digits.is_empty() { "expected numeric value" } else { "not completely converted" };
            self.err += &format!("{}: {text}: {what}\n", self.says);
            self.status = 1;
            digits.parse().unwrap_or(0)
        })
    }

    fn convert(&mut self, spec: &str) {
        let letter = spec.chars().next_back().unwrap_or('%');
        let flags: String = spec.chars().take_while(|c| "-+ #0".contains(*c)).collect();
        let rest: String = spec[flags.len()..].trim_end_matches(letter).to_owned();
        let (width, precision) = match rest.split_once('.') {
            Some((width, precision)) => (width.to_owned(), Some(precision.to_owned())),
            None => (rest, None),
        };
        let mut field = |text: &str| if text == "*" { self.number() } else { text.parse().unwrap_or(0) };
        let width = field(&width);
        let precision = precision.map(|p| usize::try_from(field(&p)).unwrap_or(0).min(OUTPUT_BYTES));
        let left = flags.contains('-') || width < 0;
        let width = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(OUTPUT_BYTES);
        let text = match letter {
            's' => {
                let arg = self.next_arg();
                precision.map_or(arg.to_owned(), |p| arg.chars().take(p).collect())
            }
            'b' => {
                let arg = self.next_arg().to_owned();
                let before = std::mem::take(&mut self.out);
                let mut chars = arg.chars().peekable();
                while let Some(c) = chars.next() {
                    if c == '\\' {
                        self.escape(&mut chars, true)
                    } else {
                        self.out.push(c)
                    }
                    if self.stop {
                        break;
                    }
                }
                std::mem::replace(&mut self.out, before)
            }
            'c' => self.next_arg().chars().take(1).collect(),
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
                let n = self.number();
                let digits = match letter {
                    'o' => format!("{n:o}"),
                    'x' => format!("{n:x}"),
                    'X' => format!("{n:X}"),
                    'u' => (n as u64).to_string(),
                    _ => n.unsigned_abs().to_string(),
                };
                let digits = precision.map_or(digits.clone(), |p| format!("{digits:0>p$}"));
                let sign = match letter {
                    'd' | 'i' if n < 0 => "-",
                    'd' | 'i' if flags.contains('+') => "+",
                    'x' if flags.contains('#') => "0x",
                    _ => "",
                };
                let zeros = width.saturating_sub(sign.len());
                match flags.contains('0') && !left && precision.is_none() {
                    true => format!("{sign}{digits:0>zeros$}"),
                    false => format!("{sign}{digits}"),
                }
            }
            _ => {
                self.err += &format!("{}: %{spec}: invalid directive\n", self.says);
                self.status = 1;
                self.stop = true;
                return;
            }
        };
        self.out += &if left { format!("{text:<width$}") } else { format!("{text:>width$}") };
    }
}

/// Numbers one `seq` says.
const SEQ_NUMBERS: usize = 100_000;

/// seq(1), whole numbers.
fn seq(says: &str, args: &[String]) -> Program {
    let hint = format!("Try '{says} --help' for more information.\n");
    let (mut separator, mut wide, mut rest) = ("\n".to_owned(), false, args);
    loop {
        match rest {
            [option, tail @ ..] if option.starts_with("-s") && option.len() > 2 => {
                separator = option[2..].to_owned();
                rest = tail;
            }
            [option, text, tail @ ..] if option == "-s" => {
                separator = text.clone();
                rest = tail;
            }
            [option, tail @ ..] if option == "-w" => {
                wide = true;
                rest = tail;
            }
            _ => break,
        }
    }
    let mut numbers: Vec<i64> = Vec::new();
    for arg in rest {
        match arg.parse() {
            Ok(n) => numbers.push(n),
            Err(_) => return said(says, "", &format!("{says}: invalid floating point argument: '{arg}'\n{hint}"), 1),
        }
    }
    let (first, step, last) = match numbers[..] {
        [] => return said(says, "", &format!("{says}: missing operand\n{hint}"), 1),
        [last] => (1, 1, last),
        [first, last] => (first, 1, last),
        [first, step, last] => (first, step, last),
        _ => return said(says, "", &format!("{says}: extra operand '{}'\n{hint}", rest[3]), 1),
    };
    if step == 0 {
        return said(says, "", &format!("{says}: invalid Zero increment value: '0'\n{hint}"), 1);
    }
    let within = |n: &i64| if step > 0 { *n <= last } else { *n >= last };
    let list = std::iter::successors(Some(first), |n| n.checked_add(step)).take_while(within).take(SEQ_NUMBERS);
    let width = if wide { first.to_string().len().max(last.to_string().len()) } else { 0 };
    let words: Vec<String> = list.map(|n| format!("{n:0width$}")).collect();
    let end = if words.is_empty() { "" } else { "\n" };
    said(says, &format!("{}{end}", words.join(&separator)), "", 0)
}

/// expr(1): arithmetic, comparison, `|`, `&`, `length`.
fn expr(says: &str, args: &[String]) -> Program {
    if args.is_empty() {
        let hint = format!("Try '{says} --help' for more information.\n");
        return said(says, "", &format!("{says}: missing operand\n{hint}"), 2);
    }
    let mut parser = Expr { args, at: 0, depth: 0 };
    match parser.level(0).and_then(|value| parser.end().map(|()| value)) {
        Ok(value) => said(says, &format!("{value}\n"), "", i32::from(value.is_empty() || value == "0")),
        Err(message) => said(says, "", &format!("{says}: {message}\n"), 2),
    }
}

struct Expr<'a> {
    args: &'a [String],
    at: usize,
    depth: u32,
}

const EXPR_LEVELS: [&[&str]; 5] =
    [&["|"], &["&"], &["<", "<=", "=", "==", "!=", ">=", ">"], &["+", "-"], &["*", "/", "%"]];

impl Expr<'_> {
    fn end(&self) -> Result<(), String> {
        match self.args.get(self.at) {
            None => Ok(()),
            Some(word) => Err(format!("syntax error: unexpected argument '{word}'")),
        }
    }

    fn level(&mut self, level: usize) -> Result<String, String> {
        let Some(ops) = EXPR_LEVELS.get(level) else { return self.primary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = self.args.get(self.at).filter(|word| ops.contains(&word.as_str())).cloned() {
            self.at += 1;
            let right = self.level(level + 1)?;
            left = apply(&op, &left, &right)?;
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<String, String> {
        let Some(word) = self.args.get(self.at).cloned() else {
            let last = self.args.last().map_or("", String::as_str);
            return Err(format!("syntax error: missing argument after '{last}'"));
        };
        self.at += 1;
        match word.as_str() {
            "(" => {
                self.depth += 1;
                if self.depth > 40 {
                    return Err("syntax error: too deeply nested".to_owned());
                }
                let value = self.level(0)?;
                self.depth -= 1;
                match self.args.get(self.at).map(String::as_str) {
                    Some(")") => {
                        self.at += 1;
                        Ok(value)
                    }
                    _ => Err(format!("syntax error: expecting ')' after '{}'", self.args[self.at - 1])),
                }
            }
            "length" => Ok(self.primary()?.chars().count().to_string()),
            _ => Ok(word),
        }
    }
}

fn apply(op: &str, left: &str, right: &str) -> Result<String, String> {
    let null = |text: &str| text.is_empty() || text == "0";
    let (a, b) = (left.parse::<i64>(), right.parse::<i64>());
    let order = match (&a, &b) {
        (Ok(a), Ok(b)) => a.cmp(b),
        _ => left.cmp(right),
    };
    let truth = match op {
        "|" => return Ok(if null(left) { right } else { left }.to_owned()),
        "&" => return Ok(if null(left) || null(right) { "0" } else { left }.to_owned()),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        "=" | "==" => order.is_eq(),
        "!=" => order.is_ne(),
        ">=" => order.is_ge(),
        ">" => order.is_gt(),
        op => {
            let (Ok(a), Ok(b)) = (a, b) else { return Err("non-integer argument".to_owned()) };
            return match op {
                "+" => Ok(a.wrapping_add(b).to_string()),
                "-" => Ok(a.wrapping_sub(b).to_string()),
                "*" => Ok(a.wrapping_mul(b).to_string()),
                _ if b == 0 => Err("division by zero".to_owned()),
                "/" => Ok(a.wrapping_div(b).to_string()),
                _ => Ok(a.wrapping_rem(b).to_string()),
            };
        }
    };
    Ok(i32::from(truth).to_string())
}

fn printenv(says: &str, args: &[String], env: &[String]) -> Program {
    let value = |name: &String| env.iter().find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    if args.is_empty() {
        return said(says, &env.iter().map(|pair| format!("{pair}\n")).collect::<String>(), "", 0);
    }
    let found: Vec<&str> = args.iter().filter_map(value).collect();
    let text: String = found.iter().map(|value| format!("{value}\n")).collect();
    said(says, &text, "", i32::from(found.len() < args.len()))
}
