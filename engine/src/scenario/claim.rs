//! Claims: what a lesson wants to be true of the facts, as one line of text parsed once into a type.
//!
//! ```text
//! container/web/state = running
//! image/web:1/layers >= 4
//! container/web/upper/[/etc/hosts] = whiteout        ([NAME] escapes a name with slashes)
//! container/web/upper/[/etc/hosts] absent            (no such fact)
//! count image/web:1/layer/*/file/[/run.sh] = 1       (how many facts match)
//! some process/*/comm = sleep and process/*/state = T   (of one thing all of it is true: `*` is the same name)
//! image/a/id = @image/b/id                           (the value of another fact)
//! ran docker history                                 (a line beginning with these words was typed and exited 0)
//! ran nsenter … ls                                   (… is any words between)
//! ```

use crate::fact::{Facts, Value, escape, unescape};
use crate::session::ClaimState;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    Compare {
        fact: String,
        op: Op,
        wanted: Operand,
    },
    Exists {
        fact: String,
    },
    Absent {
        fact: String,
    },
    Count {
        pattern: String,
        op: Op,
        wanted: i64,
    },
    /// For one name in the place of the first `*`, all of these hold; none of them is a count or a line.
    Some {
        claims: Vec<Claim>,
    },
    /// The words of a line that was typed and ended with exit code 0.
    Ran {
        words: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    Value(String),
    Fact(String),
}

/// What a claim is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    pub facts: &'a Facts,
    /// The lines typed so far, with their exit codes.
    pub typed: &'a [(String, Option<i32>)],
}

/// A claim that cannot be read, with the column (from 1) of what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct ClaimError {
    pub column: usize,
    pub reason: String,
}

impl Claim {
    pub fn parse(text: &str) -> Result<Claim, ClaimError> {
        let words: Vec<(usize, &str)> = words(text);
        let error = |index: usize, reason: &str| {
            let column = words.get(index).map_or(text.chars().count(), |(at, _)| *at) + 1;
            ClaimError { column, reason: reason.to_owned() }
        };
        let word = |index: usize| words.get(index).map(|(_, word)| *word);
        match word(0) {
            None => Err(error(0, "a claim is missing")),
            Some("ran") if words.len() > 1 => {
                let words = words[1..].iter().map(|(_, word)| (*word).to_owned()).collect();
                Ok(Claim::Ran { words })
            }
            Some("ran") => Err(error(0, "`ran` wants the words of a command")),
            Some("some") => some(text, words.get(1).map_or(text.chars().count(), |(at, _)| *at)),
            Some("count") => {
                let pattern = word(1).ok_or_else(|| error(1, "`count` wants a fact pattern"))?;
                let op = Op::parse(word(2)).ok_or_else(|| error(2, "expected = != < <= > or >="))?;
                let wanted = word(3).and_then(|n| n.parse().ok()).ok_or_else(|| error(3, "expected a number"))?;
                Ok(Claim::Count { pattern: bracketed(pattern), op, wanted })
            }
            Some(fact) => match word(1) {
                Some("exists") => Ok(Claim::Exists { fact: bracketed(fact) }),
                Some("absent") => Ok(Claim::Absent { fact: bracketed(fact) }),
                op => {
                    let op = Op::parse(op).ok_or_else(|| error(1, "expected = != < <= > >=, exists or absent"))?;
                    let start = words.get(2).ok_or_else(|| error(2, "a value is missing"))?.0;
                    let value: String = text.chars().skip(start).collect();
                    let value = value.trim_end();
                    let wanted = match value.strip_prefix('@') {
                        Some(other) => Operand::Fact(bracketed(other)),
                        None => Operand::Value(value.to_owned()),
                    };
                    Ok(Claim::Compare { fact: bracketed(fact), op, wanted })
                }
            },
        }
    }

    /// Whether it holds, and if not, what is missing, in words.
    pub fn judge(&self, evidence: Evidence<'_>) -> ClaimState {
        let facts = evidence.facts;
        let verdict = match self {
            Claim::Exists { fact } if facts.contains_key(fact) => Ok(()),
            Claim::Exists { .. } => Err("not there yet".to_owned()),
            Claim::Absent { fact } => facts.get(fact).map_or(Ok(()), |found| Err(format!("still there: {found}"))),
            Claim::Compare { fact, op, wanted } => compare(facts, fact, *op, wanted),
            Claim::Count { pattern, op, wanted } => count(facts, pattern, *op, *wanted),
            Claim::Some { claims } => one_thing(evidence, claims),
            Claim::Ran { words } => ran(evidence.typed, words),
        };
        ClaimState { holds: verdict.is_ok(), difference: verdict.err().unwrap_or_default() }
    }

    /// The facts it looks at, for marking them in the inspector; `*` stands for any name.
    pub fn about(&self) -> Option<&str> {
        match self {
            Claim::Compare { fact, .. } | Claim::Exists { fact } | Claim::Absent { fact } => Some(fact),
            Claim::Count { pattern, .. } => Some(pattern),
            Claim::Some { claims } => claims.first().and_then(Claim::about),
            Claim::Ran { .. } => None,
        }
    }
}

/// `some CLAIM and CLAIM …`; the first begins behind `from` characters.
fn some(text: &str, from: usize) -> Result<Claim, ClaimError> {
    const AND: &str = " and ";
    let error = |column: usize, reason: &str| ClaimError { column, reason: reason.to_owned() };
    let rest: String = text.chars().skip(from).collect();
    let (mut claims, mut at) = (Vec::new(), from);
    for piece in rest.split(AND) {
        let claim = Claim::parse(piece).map_err(|e| error(at + e.column, &e.reason))?;
        match &claim {
            Claim::Compare { fact, .. } | Claim::Exists { fact } | Claim::Absent { fact } if fact.contains('*') => {}
            _ => return Err(error(at + 1, "`some` wants facts with a `*`: some process/*/comm = sleep")),
        }
        claims.push(claim);
        at += piece.chars().count() + AND.len();
    }
    if matches!(claims.first(), Some(Claim::Absent { .. })) {
        return Err(error(from + 1, "what there is none of cannot be some: begin with what is there"));
    }
    Ok(Claim::Some { claims })
}

/// Tries every name that the first claim's fact has in the place of its first `*`; the nearest miss is told.
fn one_thing(evidence: Evidence<'_>, claims: &[Claim]) -> Result<(), String> {
    let Some(pattern) = claims.first().and_then(Claim::about) else { return Ok(()) };
    let star = pattern.split('/').position(|name| name == "*").unwrap_or(0);
    let mut nearest: Option<(usize, String)> = None;
    for path in evidence.facts.keys().filter(|path| fits(pattern, path)) {
        let name = path.split('/').nth(star).unwrap_or_default();
        let states = claims.iter().map(|claim| claim.of(name).judge(evidence));
        let missing: Vec<String> = states.filter(|state| !state.holds).map(|state| state.difference).collect();
        match missing.first() {
            None => return Ok(()),
            Some(first) if nearest.as_ref().is_none_or(|(least, _)| missing.len() < *least) => {
                nearest = Some((missing.len(), format!("{first} ({})", varying_part(pattern, path))));
            }
            Some(_) => {}
        }
    }
    Err(nearest.map_or_else(|| "nothing of this kind yet".to_owned(), |(_, told)| told))
}

impl Claim {
    /// The claim about this name: it stands for the first `*`.
    fn of(&self, name: &str) -> Claim {
        let named = |fact: &String| fact.replacen('*', name, 1);
        match self {
            Claim::Compare { fact, op, wanted } => {
                Claim::Compare { fact: named(fact), op: *op, wanted: wanted.clone() }
            }
            Claim::Exists { fact } => Claim::Exists { fact: named(fact) },
            Claim::Absent { fact } => Claim::Absent { fact: named(fact) },
            other => other.clone(),
        }
    }
}

impl Op {
    fn parse(word: Option<&str>) -> Option<Op> {
        Some(match word? {
            "=" => Op::Eq,
            "!=" => Op::Ne,
            "<" => Op::Lt,
            "<=" => Op::Le,
            ">" => Op::Gt,
            ">=" => Op::Ge,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Op::Eq => order.is_eq(),
            Op::Ne => order.is_ne(),
            Op::Lt => order.is_lt(),
            Op::Le => order.is_le(),
            Op::Gt => order.is_gt(),
            Op::Ge => order.is_ge(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Op::Eq => "",
            Op::Ne => "other than ",
            Op::Lt => "less than ",
            Op::Le => "at most ",
            Op::Gt => "more than ",
            Op::Ge => "at least ",
        }
    }
}

/// Whether `path` fits `pattern`, in which a segment `*` stands for any name.
pub fn fits(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    pattern.split('/').all(|want| names.next().is_some_and(|name| want == "*" || want == name))
        && names.next().is_none()
}

fn compare(facts: &Facts, fact: &str, op: Op, wanted: &Operand) -> Result<(), String> {
    let wanted = match wanted {
        Operand::Value(value) => value.clone(),
        Operand::Fact(other) => facts.get(other).map(Value::to_string).ok_or("not there yet")?,
    };
    let Some(found) = facts.get(fact) else {
        return Err(format!("{}{wanted} wanted, nothing found yet", op.words()));
    };
    let found_text = found.to_string();
    let order = match (found, wanted.parse::<i64>()) {
        (Value::Int(found), Ok(wanted)) => found.cmp(&wanted),
        _ => found_text.as_str().cmp(wanted.as_str()),
    };
    if op.holds(order) { Ok(()) } else { Err(format!("{}{wanted} wanted, {found_text} found", op.words())) }
}

fn count(facts: &Facts, pattern: &str, op: Op, wanted: i64) -> Result<(), String> {
    let found: Vec<&String> = facts.keys().filter(|path| fits(pattern, path)).collect();
    let number = i64::try_from(found.len()).unwrap_or(i64::MAX);
    if op.holds(number.cmp(&wanted)) {
        return Ok(());
    }
    let varying: Vec<String> = found.iter().take(6).map(|path| varying_part(pattern, path)).collect();
    let places = if varying.is_empty() { String::new() } else { format!(": {}", varying.join(", ")) };
    Err(format!("{}{wanted} wanted, {number} found{places}", op.words()))
}

/// What stands where the pattern has its first `*`, with the word before it: `layer 3`.
fn varying_part(pattern: &str, path: &str) -> String {
    let pairs: Vec<(&str, &str)> = pattern.split('/').zip(path.split('/')).collect();
    let star = pairs.iter().position(|(want, _)| *want == "*").unwrap_or(0);
    let name = unescape(pairs[star].1);
    match star.checked_sub(1).map(|before| pairs[before].1) {
        Some(word @ ("layer" | "container" | "image" | "history")) => format!("{word} {name}"),
        _ => name,
    }
}

fn ran(typed: &[(String, Option<i32>)], words: &[String]) -> Result<(), String> {
    let wanted = words.join(" ");
    let begins = |line: &str| {
        let (mut typed, mut skips) = (line.split_whitespace(), false);
        words.iter().all(|word| match std::mem::replace(&mut skips, word == "…") {
            _ if skips => true,
            true => typed.any(|other| other == word),
            false => typed.next() == Some(word),
        })
    };
    let tries: Vec<&(String, Option<i32>)> = typed.iter().filter(|(line, _)| begins(line)).collect();
    match tries.last() {
        _ if tries.iter().any(|(_, code)| *code == Some(0)) => Ok(()),
        Some((_, Some(code))) => Err(format!("`{wanted}` ended with exit code {code}")),
        Some((_, None)) => Err(format!("`{wanted}` has not ended yet")),
        None => Err(format!("`{wanted}` has not been run yet")),
    }
}

/// Words with the character at which each starts.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    let mut depth = 0_u32;
    for (column, (at, c)) in text.char_indices().enumerate() {
        depth = match c {
            '[' => depth + 1,
            ']' => depth.saturating_sub(1),
            _ => depth,
        };
        if c.is_whitespace() && depth == 0 {
            if let Some((from, first)) = start.take() {
                words.push((first, &text[from..at]));
            }
        } else if start.is_none() {
            start = Some((at, column));
        }
    }
    if let Some((from, first)) = start {
        words.push((first, &text[from..]));
    }
    words
}

/// `[NAME]` as one escaped segment.
fn bracketed(fact: &str) -> String {
    let mut out = String::new();
    let mut rest = fact;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((name, tail)) = after.split_once(']') else { break };
        out.push_str(before);
        out.push_str(&escape(name));
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(claim: &str, facts: &[(&str, Value)], typed: &[(&str, i32)]) -> ClaimState {
        let facts: Facts = facts.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        let typed: Vec<_> = typed.iter().map(|(line, code)| ((*line).to_owned(), Some(*code))).collect();
        Claim::parse(claim).expect(claim).judge(Evidence { facts: &facts, typed: &typed })
    }

    #[test]
    fn each_form_holds_or_says_what_is_missing() {
        let facts = [
            ("image/web:1/layers", Value::Int(4)),
            ("image/web:1/layer/3/file/%2Frun.sh", "0644".into()),
            ("image/web:1/layer/4/file/%2Frun.sh", "0755".into()),
            ("container/web/state", "running".into()),
        ];
        let typed = [("docker history web:1", 0), ("docker diff web", 1)];
        for (claim, missing) in [
            ("container/web/state = running", ""),
            ("container/web/state = exited", "exited wanted, running found"),
            ("image/web:1/layers >= 4", ""),
            ("image/web:1/layers > 10", "more than 10 wanted, 4 found"),
            ("image/x/layers = 1", "1 wanted, nothing found yet"),
            ("count image/web:1/layer/*/file/[/run.sh] = 1", "1 wanted, 2 found: layer 3, layer 4"),
            ("count image/web:1/layer/*/file/[/run.sh] = 2", ""),
            ("container/web/state exists", ""),
            ("container/web/state absent", "still there: running"),
            ("image/web:1/layers = @image/web:1/layers", ""),
            ("some image/web:1/layer/*/file/[/run.sh] = 0755", ""),
            ("some image/web:1/layer/*/file/[/run.sh] = 0700", "0700 wanted, 0644 found (layer 3)"),
            ("some container/*/state = running and container/*/pid exists", "not there yet (container web)"),
            ("some container/*/state = running and container/*/pid absent", ""),
            ("some process/*/comm = sleep", "nothing of this kind yet"),
            ("ran docker history", ""),
            ("ran docker … web:1", ""),
            ("ran docker … ps", "`docker … ps` has not been run yet"),
            ("ran docker diff", "`docker diff` ended with exit code 1"),
            ("ran docker ps", "`docker ps` has not been run yet"),
        ] {
            assert_eq!(state(claim, &facts, &typed).difference, missing, "{claim}");
        }
    }

    #[test]
    fn a_broken_claim_names_its_column() {
        for (claim, column) in [
            ("", 1),
            ("a/b", 4),
            ("a/b is c", 5),
            ("count a/*", 10),
            ("count a/* = x", 13),
            ("ran", 1),
            ("some a/b = c", 6),
            ("some a/* = c and a/* is", 22),
            ("some a/* absent", 6),
        ] {
            assert_eq!(Claim::parse(claim).expect_err(claim).column, column, "{claim:?}");
        }
    }
}
