//! The script of `call` as a tree.

use serde::{Deserialize, Serialize};

/// How deep blocks may lie in one another.
const DEPTH: usize = 40;

/// One statement, with the text that it is shown by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub text: String,
    /// The variable that keeps the answer.
    pub into: Option<String>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Call {
        name: String,
        args: Vec<Arg>,
    },
    Fork {
        until_exec: bool,
        body: Vec<Statement>,
    },
    /// `clone(FLAGS) { … }`.
    Clone {
        flags: Vec<String>,
        body: Vec<Statement>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg {
    Int(i64),
    Text(String),
    /// `O_RDWR|O_CREAT`, or one name in capitals.
    Flags(Vec<String>),
    Variable(String),
}

pub fn parse(script: &str) -> Result<Vec<Statement>, String> {
    statements(script, 0)
}

fn statements(script: &str, depth: usize) -> Result<Vec<Statement>, String> {
    if depth > DEPTH {
        return Err(format!("blocks deeper than {DEPTH}"));
    }
    let pieces = split(script, &[';', '\n'])?;
    pieces.into_iter().filter(|piece| !piece.is_empty()).map(|piece| statement(piece, depth)).collect()
}

fn statement(text: &str, depth: usize) -> Result<Statement, String> {
    let (into, call) = match text.split_once('=') {
        Some((name, call)) if is_name(name.trim()) => (Some(name.trim().to_owned()), call.trim()),
        _ => (None, text),
    };
    for (word, until_exec) in [("vfork", true), ("fork", false)] {
        if let Some(block) = call.strip_prefix(word).map(str::trim)
            && let Some(body) = block.strip_prefix('{')
        {
            let body = body.strip_suffix('}').ok_or_else(|| format!("`{word}`: the block's end is missing"))?;
            let kind = Kind::Fork { until_exec, body: statements(body, depth + 1)? };
            return Ok(Statement { text: format!("{word} {{ … }}"), into, kind });
        }
    }
    if let Some(clone) = call.strip_prefix("clone(")
        && let Some((flags, block)) = clone.split_once(')')
        && let Some(body) = block.trim().strip_prefix('{')
    {
        let body = body.strip_suffix('}').ok_or("`clone`: the block's end is missing")?;
        let body = statements(body, depth + 1)?;
        let flags = match arg(flags)? {
            Arg::Flags(flags) => flags,
            _ => return Err(format!("`{flags}`: flags are wanted")),
        };
        let text = format!("clone({}) {{ … }}", flags.join("|"));
        return Ok(Statement { text, into, kind: Kind::Clone { flags, body } });
    }
    let (name, rest) = call.split_once('(').ok_or_else(|| format!("`{call}` is not NAME(ARGUMENTS)"))?;
    let args = rest.strip_suffix(')').ok_or_else(|| format!("`{call}`: something follows the call"))?;
    let args = split(args, &[','])?;
    let args = if args == [""] { Vec::new() } else { args };
    let args = args.into_iter().map(arg).collect::<Result<_, _>>()?;
    Ok(Statement { text: call.to_owned(), into, kind: Kind::Call { name: name.trim().to_owned(), args } })
}

fn arg(text: &str) -> Result<Arg, String> {
    if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return Ok(Arg::Text(text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")));
    }
    if let Some(number) = number(text) {
        return Ok(Arg::Int(number));
    }
    if is_name(text) {
        return Ok(Arg::Variable(text.to_owned()));
    }
    let names: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
    let is_flag = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if names.iter().all(is_flag) { Ok(Arg::Flags(names)) } else { Err(format!("`{text}` is no argument")) }
}

/// As C has them: `0x10`, `0755`, `-1`.
fn number(text: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The trimmed pieces between separators that stand outside brackets and strings.
fn split<'a>(text: &'a str, separators: &[char]) -> Result<Vec<&'a str>, String> {
    let (mut pieces, mut start, mut open, mut quoted, mut escaped) = (Vec::new(), 0, Vec::new(), false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' => open.push((at, c)),
            ')' | '}' => match (open.pop(), c) {
                (Some((_, '(')), ')') | (Some((_, '{')), '}') => {}
                _ => return Err(format!("`{c}` without its beginning")),
            },
            _ if open.is_empty() && separators.contains(&c) => {
                pieces.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if let Some((at, c)) = open.pop() {
        let from = text[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        let shown = if c == '{' { "{" } else { &text[from..=at] };
        return Err(format!("`{shown}` is not closed"));
    }
    if quoted {
        return Err("a string is not closed".to_owned());
    }
    pieces.push(text[start..].trim());
    Ok(pieces)
}
