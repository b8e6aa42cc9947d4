//! The texts of flag values, checked as the client's Go packages check them; their messages, verbatim.
//!
//! Only what a flag's type says by itself is checked here; what depends on other flags is `order`'s.

use super::grammar::Kind;
use super::reference;
use crate::scenario::Era;

/// Checks the text of a value. The error is the part after `flag: `.
pub fn check(kind: Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Bool => parse_bool(text).map(drop).ok_or_else(|| syntax("ParseBool", text)),
        Kind::Int => int(text).map(drop),
        Kind::Uint16 => uint16(text),
        Kind::Bytes => bytes(text),
        Kind::BytesOrUnlimited if text == "-1" => Ok(()),
        Kind::BytesOrUnlimited => bytes(text),
        Kind::Decimal => decimal(text),
        Kind::Duration => duration(text),
        Kind::Env => match text.starts_with('=') || text.is_empty() {
            true => Err(format!("invalid environment variable: {text}")),
            false => Ok(()),
        },
        Kind::Label => label(text),
        Kind::Tag => reference::check(text).map_err(|problem| problem.text(Era::Course)),
        Kind::Filter => match text.is_empty() || text.contains('=') {
            true => Ok(()),
            false => Err("bad format of filter (expected name=value)".to_string()),
        },
        Kind::Str | Kind::List | Kind::Strings | Kind::Mount | Kind::Network | Kind::Map => Ok(()),
        Kind::Ulimit | Kind::Gpus => Ok(()),
    }
}

/// Go's `%q`.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub fn is_true(text: &str) -> bool {
    parse_bool(text) == Some(true)
}

/// strconv.ParseBool.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// strconv.ParseInt with base 0.
pub fn int(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = unsigned(digits).ok_or_else(|| syntax("ParseInt", text))?;
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map_err(|_| range("ParseInt", text))
}

fn uint16(text: &str) -> Result<(), String> {
    let value = unsigned(text).ok_or_else(|| syntax("ParseUint", text))?;
    u16::try_from(value).map(drop).map_err(|_| range("ParseUint", text))
}

/// Digits with an optional base prefix; saturates far above every integer type in use.
fn unsigned(digits: &str) -> Option<i128> {
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for c in digits.chars() {
        value = (value * radix + i128::from(c.to_digit(radix as u32)?)).min(i128::from(u64::MAX) + 1);
    }
    Some(value)
}

fn syntax(function: &str, text: &str) -> String {
    format!("strconv.{function}: parsing {}: invalid syntax", quoted(text))
}

fn range(function: &str, text: &str) -> String {
    format!("strconv.{function}: parsing {}: value out of range", quoted(text))
}

/// units.RAMInBytes: `64m`, `1.5 GiB`.
fn bytes(text: &str) -> Result<(), String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = unit.strip_prefix(['k', 'm', 'g', 't', 'p']).unwrap_or(&unit);
    let unit = unit.strip_prefix('i').unwrap_or(unit);
    if number.split('.').any(str::is_empty) || !matches!(unit, "" | "b") {
        return Err(format!("invalid size: '{text}'"));
    }
    match number.split('.').count() {
        1 | 2 => Ok(()),
        _ => Err(syntax("ParseFloat", number)),
    }
}

/// units.RAMInBytes of a text that [`check`] has passed.
pub fn ram_bytes(text: &str) -> i64 {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let power = match unit.trim_start().to_ascii_lowercase().chars().next() {
        Some('k') => 10,
        Some('m') => 20,
        Some('g') => 30,
        Some('t') => 40,
        Some('p') => 50,
        _ => 0,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_i128.pow(fraction.len().min(18) as u32);
    let digits = |text: &str| text.get(..text.len().min(18)).and_then(|text| text.parse::<i128>().ok()).unwrap_or(0);
    let value = ((digits(whole) * scale + digits(fraction)) << power) / scale;
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Digits behind the point of a number of processors.
const NANO_DIGITS: usize = 9;

/// opts.ParseCPUs of a text that [`check`] has passed.
pub fn nano_cpus(text: &str) -> i64 {
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |number| (true, number));
    let number = number.trim_start_matches('+');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    let nano = format!("{whole}{fraction:0<NANO_DIGITS$}").parse::<i64>().unwrap_or(i64::MAX);
    if negative { -nano } else { nano }
}

fn decimal(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let parts: Vec<&str> = digits.split('.').collect();
    let numeric = parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()));
    if !numeric || parts.len() > 2 || parts.iter().all(|part| part.is_empty()) {
        return Err(format!("failed to parse {text} as a rational number"));
    }
    match parts.get(1).is_some_and(|fraction| fraction.trim_end_matches('0').len() > NANO_DIGITS) {
        true => Err("value is too precise".to_string()),
        false => Ok(()),
    }
}

/// time.ParseDuration: `1m30s`, `500ms`, `0`.
fn duration(text: &str) -> Result<(), String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(());
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if after.len() == rest.len() {
            return Err(invalid());
        }
        let next = after.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        match &after[..after.len() - next.len()] {
            "ns" | "us" | "µs" | "ms" | "s" | "m" | "h" => rest = next,
            "" => return Err(format!("time: missing unit in duration {}", quoted(text))),
            unit => return Err(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text))),
        }
    }
    Ok(())
}

/// opts.ValidateLabel.
fn label(text: &str) -> Result<(), String> {
    let key = text.split_once('=').map_or(text, |(key, _)| key);
    let key = key.trim_start();
    if key.is_empty() {
        return Err(format!("invalid label '{text}': empty name"));
    }
    match key.contains(char::is_whitespace) {
        true => Err(format!("label '{key}' contains whitespaces")),
        false => Ok(()),
    }
}
