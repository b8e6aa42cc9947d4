//! `$((…))`: signed 64-bit integers, as dash's arith_yacc.c: wrapping, C's operators and precedence, assignments.

use super::syntax::is_name;
use super::vars::Var;
use crate::sim::Map;

/// Operators inside one another.
const DEPTH: u32 = 64;

type Result<T> = std::result::Result<T, String>;

/// The value of `text`; the error is dash's message.
pub fn evaluate(text: &str, vars: &mut Map<String, Var>, nounset: bool) -> Result<i64> {
    let mut arith = Arith { text, rest: text, vars, nounset, depth: 0, dry: 0 };
    arith.skip();
    if arith.rest.is_empty() {
        return Ok(0);
    }
    let value = arith.assignment()?;
    arith.skip();
    if arith.rest.is_empty() { Ok(value) } else { Err(arith.error("expecting EOF")) }
}

struct Arith<'a> {
    text: &'a str,
    rest: &'a str,
    vars: &'a mut Map<String, Var>,
    nounset: bool,
    depth: u32,
    /// Inside a branch that is not taken: nothing is assigned, nothing divided.
    dry: u32,
}

/// Binary operators from the loosest to the tightest; longer ones first in a row.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
const ASSIGNMENTS: [&str; 11] = ["<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "="];

impl Arith<'_> {
    fn assignment(&mut self) -> Result<i64> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("too deeply nested"));
        }
        let before = self.rest;
        let value = match self.name() {
            Some(name) => match self.assign_op() {
                Some(op) => {
                    let right = self.assignment()?;
                    let value = match op.strip_suffix('=').unwrap_or("") {
                        "" => right,
                        op => {
                            let left = self.variable(&name)?;
                            self.apply(op, left, right)?
                        }
                    };
                    self.store(&name, value)?;
                    Ok(value)
                }
                None => {
                    self.rest = before;
                    self.conditional()
                }
            },
            None => self.conditional(),
        };
        self.depth -= 1;
        value
    }

    fn conditional(&mut self) -> Result<i64> {
        let test = self.binary(0)?;
        if !self.eat("?") {
            return Ok(test);
        }
        self.dry += u32::from(test == 0);
        let yes = self.assignment();
        self.dry -= u32::from(test == 0);
        let yes = yes?;
        if !self.eat(":") {
            return Err(self.error("expecting ':'"));
        }
        self.dry += u32::from(test != 0);
        let no = self.assignment();
        self.dry -= u32::from(test != 0);
        let no = no?;
        Ok(if test != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize) -> Result<i64> {
        let Some(ops) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = self.operator(ops) {
            let decided = (op == "||" && left != 0) || (op == "&&" && left == 0);
            self.dry += u32::from(decided);
            let right = self.binary(level + 1);
            self.dry -= u32::from(decided);
            left = self.apply(op, left, right?)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i64> {
        self.skip();
        let mut signs = Vec::new();
        while let Some(c) = self.rest.chars().next().filter(|c| matches!(c, '-' | '+' | '!' | '~')) {
            signs.push(c);
            self.rest = &self.rest[1..];
            self.skip();
        }
        let mut value = self.primary()?;
        for sign in signs.into_iter().rev() {
            value = match sign {
                '-' => value.wrapping_neg(),
                '!' => i64::from(value == 0),
                '~' => !value,
                _ => value,
            };
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<i64> {
        self.skip();
        if self.eat("(") {
            let value = self.assignment()?;
            return if self.eat(")") { Ok(value) } else { Err(self.error("expecting ')'")) };
        }
        if let Some(name) = self.name() {
            return self.variable(&name);
        }
        let hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        let octal = self.rest.starts_with('0') && !hex;
        // As strtoimax(3): the digits end where their base ends.
        let ends = |c: char| {
            if octal {
                !c.is_digit(8)
            } else {
                !c.is_ascii_hexdigit() && c != 'x' && c != 'X' || !hex && !c.is_ascii_digit()
            }
        };
        let len = self.rest.find(ends).unwrap_or(self.rest.len());
        match number(&self.rest[..len]) {
            Some(n) => {
                self.rest = &self.rest[len..];
                Ok(n)
            }
            None => Err(self.error("expecting primary")),
        }
    }

    fn variable(&mut self, name: &str) -> Result<i64> {
        match self.vars.get(name).and_then(|var| var.value.as_deref()) {
            Some(text) if text.trim().is_empty() => Ok(0),
            Some(text) => {
                let (negative, digits) = match text.trim().strip_prefix('-') {
                    Some(digits) => (true, digits),
                    None => (false, text.trim()),
                };
                let value = number(digits).ok_or_else(|| format!("Illegal number: {text}"))?;
                Ok(if negative { value.wrapping_neg() } else { value })
            }
            None if self.nounset => Err(format!("{name}: parameter not set")),
            None => Ok(0),
        }
    }

    fn store(&mut self, name: &str, value: i64) -> Result<()> {
        if self.dry > 0 {
            return Ok(());
        }
        let var = self.vars.get_or_insert_with(name.to_owned(), Default::default);
        if var.readonly {
            return Err(format!("{name}: is read only"));
        }
        var.value = Some(value.to_string());
        Ok(())
    }

    fn apply(&self, op: &str, left: i64, right: i64) -> Result<i64> {
        let shift = (right & 63) as u32;
        Ok(match op {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<<" => left.wrapping_shl(shift),
            ">>" => left.wrapping_shr(shift),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            _ if right == 0 && self.dry > 0 => 0,
            _ if right == 0 => return Err(self.error("division by zero")),
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn operator(&mut self, ops: &[&'static str]) -> Option<&'static str> {
        self.skip();
        let op = ops.iter().find(|op| self.rest.starts_with(**op))?;
        // `&` is not the beginning of `&&`, nor `<` that of `<<` or `+` that of `+=`.
        let after = &self.rest[op.len()..];
        let longer = match *op {
            "|" => after.starts_with(['|', '=']),
            "&" => after.starts_with(['&', '=']),
            "<" => after.starts_with('<'),
            ">" => after.starts_with('>'),
            "==" | "!=" | "<=" | ">=" | "||" | "&&" => false,
            _ => after.starts_with('='),
        };
        if longer {
            return None;
        }
        self.rest = after;
        Some(op)
    }

    fn assign_op(&mut self) -> Option<&'static str> {
        self.skip();
        let op = ASSIGNMENTS.iter().find(|op| self.rest.starts_with(**op))?;
        if *op == "=" && self.rest.starts_with("==") {
            return None;
        }
        self.rest = &self.rest[op.len()..];
        Some(op)
    }

    fn name(&mut self) -> Option<String> {
        self.skip();
        let len = self.rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let name = &self.rest[..len];
        if !is_name(name) {
            return None;
        }
        self.rest = &self.rest[len..];
        Some(name.to_owned())
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn error(&self, what: &str) -> String {
        format!("arithmetic expression: {what}: \"{}\"", self.text)
    }
}

/// Decimal, `0x` or `0` octal.
fn number(text: &str) -> Option<i64> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(&text[1..], 8),
        None => text.parse(),
    };
    match parsed {
        Ok(n) => Some(n),
        Err(error) if matches!(error.kind(), std::num::IntErrorKind::PosOverflow) => Some(i64::MAX),
        Err(_) => None,
    }
}
