//! The arguments of one line: flags, quoted words, JSON arrays (buildkit `parser/line_parsers.go`, `split_command.go`).

use super::lines::is_blank;
use super::{Problem, quoted};

/// The keyword and what follows it.
pub(super) fn keyword(line: &str) -> (&str, &str) {
    match line.find(is_blank) {
        Some(end) => (&line[..end], line[end..].trim_matches(is_blank)),
        None => (line, ""),
    }
}

pub(super) fn words(rest: &str) -> Vec<String> {
    rest.split(is_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The leading `--name=value` words, unquoted, and what follows them.
pub(super) fn flags(line: &str) -> (Vec<String>, &str) {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("--") {
            return (found, rest);
        }
        let (word, after) = flag(rest);
        if word == "--" {
            return (found, after);
        }
        found.push(word);
        rest = after;
    }
}

/// One word; quotes are taken off, a backslash keeps the next character as it is.
fn flag(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return (word, &text[at..]),
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == '\\' => word.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => word.push(c),
        }
    }
    (word, "")
}

/// Words that may hold quoted blanks; quotes and escapes stay in the word (buildkit `parseWords`).
pub(super) fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
            }
            continue;
        }
        if c == escape && quote != Some('\'') {
            // An escape at the end of the line is dropped.
            if let Some(escaped) = chars.next() {
                word.extend([c, escaped]);
            }
            continue;
        }
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// `NAME=VALUE …`, or the old form `NAME the rest of the line`.
pub(super) fn name_values(
    rest: &str,
    instruction: &'static str,
    escape: char,
) -> Result<Vec<(String, String)>, Problem> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else {
        return Ok(Vec::new());
    };
    if !first.contains('=') {
        let (name, value) = rest.split_once(is_blank).ok_or(Problem::TwoArguments(instruction))?;
        return Ok(vec![(name.to_owned(), value.trim_start_matches(is_blank).to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Problem::NoEquals(quoted(word))),
    };
    words.iter().map(pair).collect()
}

/// A JSON array of strings, if the text begins with one. What follows the array is not looked at: Docker decodes the
/// first value of the stream and is content.
pub(super) fn json_array(rest: &str) -> Result<Option<Vec<String>>, Problem> {
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Vec<serde_json::Value>>();
    let Some(Ok(values)) = stream.next() else {
        return Ok(None);
    };
    let text = |value| match value {
        serde_json::Value::String(text) => Ok(text),
        _ => Err(Problem::NotStrings),
    };
    values.into_iter().map(text).collect::<Result<_, _>>().map(Some)
}
