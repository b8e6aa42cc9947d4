//! `$NAME`, `${NAME:-word}`, quotes and escapes in arguments (buildkit `shell/lex.go` as of Docker 20.10).

use super::quoted;
use std::iter::Peekable;
use std::str::Chars;

/// Deepest `${a:-${b:-…}}`.
const NESTING: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {why}", quoted(.word))]
pub struct ExpandError {
    pub word: String,
    pub why: String,
}

/// What is set, first match first: `NAME=VALUE` each, as a container's environment.
pub type Variables<'a> = &'a [String];

/// One word, its quotes taken off.
pub fn expand_word(word: &str, variables: Variables<'_>, escape: char) -> Result<String, ExpandError> {
    run(word, variables, escape).map(|(text, _)| text)
}

/// As [`expand_word`], split at blanks that came from an unquoted variable or stood there unquoted.
pub fn expand_words(word: &str, variables: Variables<'_>, escape: char) -> Result<Vec<String>, ExpandError> {
    run(word, variables, escape).map(|(_, words)| words)
}

/// A whole instruction as BuildKit shows it: quotes stay, and what is not set stays as it was written.
pub fn expand_label(text: &str, variables: Variables<'_>, escape: char) -> Result<String, ExpandError> {
    run_as(text, variables, escape, true).map(|(text, _)| text)
}

fn run(word: &str, variables: Variables<'_>, escape: char) -> Result<(String, Vec<String>), ExpandError> {
    run_as(word, variables, escape, false)
}

fn run_as(
    word: &str,
    variables: Variables<'_>,
    escape: char,
    label: bool,
) -> Result<(String, Vec<String>), ExpandError> {
    let mut expansion = Expansion { chars: word.chars().peekable(), variables, escape, depth: 0, label };
    let mut words = Words::default();
    match expansion.until(None, &mut words) {
        Ok(text) => Ok((text, words.finish())),
        Err(why) => Err(ExpandError { word: word.to_owned(), why }),
    }
}

struct Expansion<'a> {
    chars: Peekable<Chars<'a>>,
    variables: Variables<'a>,
    escape: char,
    depth: u32,
    /// Quotes and what is not set stay.
    label: bool,
}

impl Expansion<'_> {
    /// Everything up to `stop`, which is taken off.
    fn until(&mut self, stop: Option<char>, words: &mut Words) -> Result<String, String> {
        let mut text = String::new();
        while let Some(&c) = self.chars.peek() {
            if Some(c) == stop {
                self.chars.next();
                return Ok(text);
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    words.push_splitting(&value);
                    text.push_str(&value);
                }
                '\'' => {
                    let part = self.single_quoted()?;
                    words.push(&part);
                    text.push_str(&part);
                }
                '"' => {
                    let part = self.double_quoted()?;
                    words.push(&part);
                    text.push_str(&part);
                }
                _ => {
                    self.chars.next();
                    let escaped = c == self.escape;
                    // An escape at the end is dropped.
                    let Some(c) = (if escaped { self.chars.next() } else { Some(c) }) else { break };
                    let mut bytes = [0; 4];
                    let c: &str = c.encode_utf8(&mut bytes);
                    if escaped {
                        words.push(c)
                    } else {
                        words.push_splitting(c)
                    }
                    text.push_str(c);
                }
            }
        }
        match stop {
            Some(stop) => Err(format!("unexpected end of statement while looking for matching {stop}")),
            None => Ok(text),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text: String = self.chars.next().filter(|_| self.label).into_iter().collect();
        for c in self.chars.by_ref() {
            if c == '\'' {
                text.extend(self.label.then_some(c));
                return Ok(text);
            }
            text.push(c);
        }
        Err("unexpected end of statement while looking for matching single-quote".to_owned())
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut text: String = self.chars.next().filter(|_| self.label).into_iter().collect();
        loop {
            match self.chars.peek().copied() {
                None => return Err("unexpected end of statement while looking for matching double-quote".to_owned()),
                Some('"') => {
                    text.extend(self.chars.next().filter(|_| self.label));
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(c) if c == self.escape => {
                    self.chars.next();
                    match self.chars.peek().copied() {
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.escape => {
                            self.chars.next();
                            text.push(next);
                        }
                        Some(_) => text.push(c),
                    }
                }
                Some(c) => {
                    self.chars.next();
                    text.push(c);
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.chars.next();
        if self.chars.peek() != Some(&'{') {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value_or(&name, || format!("${name}")) });
        }
        self.chars.next();
        match self.chars.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        match self.chars.next() {
            Some('}') => Ok(self.value_or(&name, || format!("${{{name}}}"))),
            Some(':') => self.modified(&name),
            _ => Err("missing ':' in substitution".to_owned()),
        }
    }

    fn value_or(&self, name: &str, written: impl Fn() -> String) -> String {
        self.value(name).unwrap_or_else(|| if self.label { written() } else { String::new() })
    }

    /// `${name:` is read; a modifier, a word and `}` follow.
    fn modified(&mut self, name: &str) -> Result<String, String> {
        if self.depth == NESTING {
            return Err("syntax error: bad substitution".to_owned());
        }
        let modifier = self.chars.next();
        self.depth += 1;
        let word = self.until(Some('}'), &mut Words::default());
        self.depth -= 1;
        let word = word.map_err(|why| {
            let at_end = self.chars.peek().is_none();
            if at_end { "syntax error: missing '}'".to_owned() } else { why }
        })?;
        let value = self.value(name);
        let unless_empty = |value: Option<String>| value.filter(|value| !value.is_empty());
        match modifier {
            Some('+') => Ok(unless_empty(value).map_or_else(String::new, |_| word)),
            Some('-') => Ok(unless_empty(value).unwrap_or(word)),
            Some('?') => {
                let state = if value.is_none() { "unset" } else { "empty" };
                let reason = if word.is_empty() { format!("is not allowed to be {state}") } else { word };
                unless_empty(value).ok_or_else(|| format!("{name}: {reason}"))
            }
            other => {
                let other = other.map_or_else(String::new, String::from);
                Err(format!("unsupported modifier ({other}) in substitution"))
            }
        }
    }

    /// Letters, digits and `_`; or only digits; or one special parameter.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(&c) = self.chars.peek() {
            if name.is_empty() && c.is_ascii_digit() {
                while let Some(digit) = self.chars.next_if(char::is_ascii_digit) {
                    name.push(digit);
                }
                break;
            }
            if name.is_empty() && "@*#?-$!".contains(c) {
                self.chars.next();
                return c.to_string();
            }
            if !c.is_alphanumeric() && c != '_' {
                break;
            }
            name.push(c);
            self.chars.next();
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        let of_name = |variable: &String| match variable.split_once('=') {
            Some((key, value)) => (key == name).then(|| value.to_owned()),
            None => (variable == name).then(String::new),
        };
        self.variables.iter().find_map(of_name)
    }
}

/// Words in the making.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    current: String,
    in_word: bool,
}

impl Words {
    fn push(&mut self, text: &str) {
        self.current.push_str(text);
        self.in_word = true;
    }

    fn push_splitting(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.end();
            } else {
                self.current.push(c);
                self.in_word = true;
            }
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.in_word) {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.end();
        self.done
    }
}
