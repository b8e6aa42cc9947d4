//! Words: quoting, parameters, substitutions (POSIX.1-2017, 2.2 Quoting, 2.6 Word Expansions), as text becomes parts.

use super::parse::{Parser, Stop, whole};
use super::syntax::*;

/// `NAME=…`: the name and the word after it.
pub fn assignment(word: &Word) -> Option<(String, Word)> {
    let Some(Part::Text { text, quoted: false }) = word.first() else { return None };
    let (name, rest) = text.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let mut parts = Vec::with_capacity(word.len());
    match rest.strip_prefix('~') {
        Some(after) => {
            let (user, path) = after.split_at(after.find(['/', ':']).unwrap_or(after.len()));
            parts.push(Part::Tilde(user.to_owned()));
            parts.push(Part::Text { text: path.to_owned(), quoted: false });
        }
        None => parts.push(Part::Text { text: rest.to_owned(), quoted: false }),
    }
    parts.extend_from_slice(&word[1..]);
    Some((name.to_owned(), parts.into()))
}

/// The word as it is written, if nothing in it is quoted or expanded.
pub fn plain(word: &Word) -> Option<&str> {
    match &word[..] {
        [Part::Text { text, quoted: false }] => Some(text),
        _ => None,
    }
}

/// What ends a here-document, and whether any of it was quoted.
pub fn delimiter(word: &Word) -> (String, bool) {
    let mut text = String::new();
    let mut any_quoted = false;
    for part in word.iter() {
        match part {
            Part::Text { text: piece, quoted } => {
                text.push_str(piece);
                any_quoted |= quoted;
            }
            Part::Tilde(user) => {
                text.push('~');
                text.push_str(user);
            }
            Part::Param { name, .. } => {
                text.push('$');
                text.push_str(name);
            }
            Part::Command { .. } | Part::Arith { .. } => {}
        }
    }
    (text, any_quoted)
}

/// Parts being collected; neighbouring text of one kind is one part.
#[derive(Default)]
struct Parts {
    done: Vec<Part>,
    text: Vec<u8>,
    quoted: bool,
}

impl Parts {
    fn push(&mut self, bytes: &[u8], quoted: bool) {
        if self.quoted != quoted {
            self.settle();
            self.quoted = quoted;
        }
        self.text.extend_from_slice(bytes);
    }

    fn part(&mut self, part: Part) {
        self.settle();
        self.done.push(part);
    }

    fn settle(&mut self) {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text).into_owned();
            self.done.push(Part::Text { text, quoted: self.quoted });
            self.text.clear();
        }
    }

    fn finish(mut self) -> Word {
        self.settle();
        self.done.into()
    }
}

/// Where text stands, which says what ends it and what is special in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A word of a command.
    Word,
    Quotes,
    /// `${x:-…}`, unquoted or inside double quotes.
    Braces {
        quoted: bool,
    },
    Arith,
    Here,
}

impl Inside {
    /// Whether single quotes and blanks are ordinary characters.
    fn quoted(self) -> bool {
        !matches!(self, Inside::Word | Inside::Braces { quoted: false })
    }
}

impl Parser<'_> {
    /// The word that begins here.
    pub(super) fn word(&mut self) -> Result<Word, Stop> {
        let mut parts = Parts::default();
        self.tilde(&mut parts);
        self.text(Inside::Word, &mut parts)?;
        Ok(parts.finish())
    }

    /// The body of an unquoted here-document: the whole buffer.
    pub(super) fn here_text(&mut self) -> Result<Word, Stop> {
        let mut parts = Parts::default();
        self.text(Inside::Here, &mut parts)?;
        Ok(parts.finish())
    }

    fn tilde(&mut self, parts: &mut Parts) {
        if self.src.get(self.at) != Some(&b'~') {
            return;
        }
        let rest = &self.src[self.at + 1..];
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
        if matches!(rest.get(len), None | Some(b'/' | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b')')) {
            parts.part(Part::Tilde(String::from_utf8_lossy(&rest[..len]).into_owned()));
            self.at += 1 + len;
        }
    }

    /// Text up to what ends it; a closing quote or brace is taken.
    fn text(&mut self, inside: Inside, parts: &mut Parts) -> Result<(), Stop> {
        let mut parens = 0u32;
        loop {
            let Some(&byte) = self.src.get(self.at) else {
                return match inside {
                    Inside::Word | Inside::Here => Ok(()),
                    Inside::Quotes => Err(self.unterminated("Unterminated quoted string")),
                    Inside::Braces { .. } => Err(self.unterminated("Missing '}'")),
                    Inside::Arith => Err(self.unterminated("Missing '))'")),
                };
            };
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' if inside == Inside::Word => {
                    return Ok(());
                }
                b'"' if inside == Inside::Quotes => {
                    self.at += 1;
                    return Ok(());
                }
                b'}' if matches!(inside, Inside::Braces { .. }) => {
                    self.at += 1;
                    return Ok(());
                }
                b'(' if inside == Inside::Arith => {
                    parens += 1;
                    self.plain_byte(parts, inside);
                }
                b')' if inside == Inside::Arith => {
                    if parens == 0 {
                        if self.src.get(self.at + 1) == Some(&b')') {
                            self.at += 2;
                            return Ok(());
                        }
                        return Err(self.unterminated("Missing '))'"));
                    }
                    parens -= 1;
                    self.plain_byte(parts, inside);
                }
                b'\\' => self.backslash(inside, parts)?,
                b'\'' if !inside.quoted() => self.single(parts)?,
                b'"' if !matches!(inside, Inside::Here | Inside::Arith) => {
                    self.at += 1;
                    let before = (parts.done.len(), parts.text.len());
                    self.text(Inside::Quotes, parts)?;
                    if before == (parts.done.len(), parts.text.len()) {
                        parts.part(Part::Text { text: String::new(), quoted: true });
                    }
                }
                b'$' => self.dollar(inside, parts)?,
                b'`' => self.backquotes(inside, parts)?,
                _ => self.plain_byte(parts, inside),
            }
        }
    }

    fn plain_byte(&mut self, parts: &mut Parts, inside: Inside) {
        if self.src[self.at] == b'\n' {
            self.line += 1;
        }
        parts.push(&self.src[self.at..=self.at], inside.quoted());
        self.at += 1;
    }

    /// In quotes only `$`, `` ` ``, `"`, `\` and a newline are escaped (2.2.3).
    fn backslash(&mut self, inside: Inside, parts: &mut Parts) -> Result<(), Stop> {
        let Some(&next) = self.src.get(self.at + 1) else {
            if !self.ends {
                return Err(Stop::More);
            }
            parts.push(b"\\", true);
            self.at += 1;
            return Ok(());
        };
        let escapes = match inside {
            Inside::Word | Inside::Braces { quoted: false } => true,
            Inside::Here | Inside::Arith => matches!(next, b'$' | b'`' | b'\\' | b'\n'),
            Inside::Quotes => matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n'),
            Inside::Braces { quoted: true } => matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n' | b'}'),
        };
        if next == b'\n' {
            self.at += 2;
            self.line += 1;
        } else if escapes {
            let len = char_len(next).min(self.src.len() - self.at - 1);
            parts.push(&self.src[self.at + 1..self.at + 1 + len], true);
            self.at += 1 + len;
        } else {
            parts.push(b"\\", true);
            self.at += 1;
        }
        Ok(())
    }

    fn single(&mut self, parts: &mut Parts) -> Result<(), Stop> {
        let rest = &self.src[self.at + 1..];
        let Some(len) = rest.iter().position(|&b| b == b'\'') else {
            return Err(self.unterminated("Unterminated quoted string"));
        };
        let text = &rest[..len];
        self.line += u32::try_from(text.iter().filter(|&&b| b == b'\n').count()).unwrap_or(0);
        if text.is_empty() {
            parts.part(Part::Text { text: String::new(), quoted: true });
        } else {
            parts.push(text, true);
        }
        self.at += len + 2;
        Ok(())
    }

    fn dollar(&mut self, inside: Inside, parts: &mut Parts) -> Result<(), Stop> {
        let quoted = inside.quoted();
        let rest = &self.src[self.at + 1..];
        if rest.starts_with(b"((") {
            self.at += 3;
            self.enter()?;
            let mut expr = Parts::default();
            self.text(Inside::Arith, &mut expr)?;
            self.depth -= 1;
            parts.part(Part::Arith { expr: expr.finish(), quoted });
            return Ok(());
        }
        match rest.first() {
            Some(b'(') => {
                self.at += 2;
                let body = self.list(&[")"])?;
                self.expect_close()?;
                parts.part(Part::Command { body, quoted });
            }
            Some(b'{') => {
                self.at += 2;
                self.enter()?;
                let part = self.braces(quoted)?;
                self.depth -= 1;
                parts.part(part);
            }
            _ => match name_len(rest, false) {
                0 => {
                    self.at += 1;
                    parts.push(b"$", quoted);
                }
                len => {
                    let name = String::from_utf8_lossy(&rest[..len]).into_owned();
                    self.at += 1 + len;
                    parts.part(Part::Param { name, op: ParamOp::Value, quoted });
                }
            },
        }
        Ok(())
    }

    /// After `${`.
    fn braces(&mut self, quoted: bool) -> Result<Part, Stop> {
        let rest = &self.src[self.at..];
        let length = rest.first() == Some(&b'#') && name_len(&rest[1..], true) > 0 && {
            let len = name_len(&rest[1..], true);
            rest.get(1 + len) == Some(&b'}')
        };
        if length {
            let len = name_len(&rest[1..], true);
            let name = String::from_utf8_lossy(&rest[1..1 + len]).into_owned();
            self.at += len + 2;
            return Ok(Part::Param { name, op: ParamOp::Length, quoted });
        }
        let len = name_len(rest, true);
        let name = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len;
        let rest = &self.src[self.at..];
        let colon = rest.first() == Some(&b':');
        let op = rest.get(usize::from(colon)).copied();
        if len > 0 && op == Some(b'}') && !colon {
            self.at += 1;
            return Ok(Part::Param { name, op: ParamOp::Value, quoted });
        }
        let op = match op {
            Some(op @ (b'-' | b'=' | b'+' | b'?')) if len > 0 => {
                self.at += 1 + usize::from(colon);
                let word = self.braced_word(quoted)?;
                match op {
                    b'-' => ParamOp::Default { colon, word },
                    b'=' => ParamOp::Assign { colon, word },
                    b'+' => ParamOp::Alternative { colon, word },
                    _ => ParamOp::Error { colon, word },
                }
            }
            Some(op @ (b'%' | b'#')) if len > 0 && !colon => {
                let longest = rest.get(1) == Some(&op);
                self.at += 1 + usize::from(longest);
                let word = self.braced_word(false)?;
                ParamOp::Trim { suffix: op == b'%', longest, word }
            }
            _ => {
                self.braced_word(quoted)?;
                ParamOp::Bad
            }
        };
        Ok(Part::Param { name, op, quoted })
    }

    fn braced_word(&mut self, quoted: bool) -> Result<Word, Stop> {
        let mut parts = Parts::default();
        self.text(Inside::Braces { quoted }, &mut parts)?;
        Ok(parts.finish())
    }

    fn backquotes(&mut self, inside: Inside, parts: &mut Parts) -> Result<(), Stop> {
        let mut text = Vec::new();
        let mut at = self.at + 1;
        loop {
            match self.src.get(at) {
                None => return Err(self.unterminated("EOF in backquote substitution")),
                Some(b'`') => break,
                Some(b'\\') => match self.src.get(at + 1) {
                    Some(next @ (b'`' | b'\\' | b'$')) => {
                        text.push(*next);
                        at += 2;
                    }
                    Some(b'"') if inside == Inside::Quotes => {
                        text.push(b'"');
                        at += 2;
                    }
                    _ => {
                        text.push(b'\\');
                        at += 1;
                    }
                },
                Some(byte) => {
                    text.push(*byte);
                    at += 1;
                }
            }
        }
        self.enter()?;
        let body = whole(&String::from_utf8_lossy(&text), self.line, self.depth)?;
        self.depth -= 1;
        self.line += u32::try_from(text.iter().filter(|&&b| b == b'\n').count()).unwrap_or(0);
        self.at = at + 1;
        parts.part(Part::Command { body, quoted: inside.quoted() });
        Ok(())
    }

    fn unterminated(&self, message: &str) -> Stop {
        if self.ends { self.syntax(message) } else { Stop::More }
    }
}

/// Length of the parameter name that `rest` begins with; only braces hold more than one digit.
fn name_len(rest: &[u8], braced: bool) -> usize {
    match rest.first() {
        Some(b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') => 1,
        Some(b) if b.is_ascii_digit() && !braced => 1,
        Some(b) if b.is_ascii_digit() => rest.iter().take_while(|b| b.is_ascii_digit()).count(),
        Some(b) if *b == b'_' || b.is_ascii_alphabetic() => {
            rest.iter().take_while(|b| **b == b'_' || b.is_ascii_alphanumeric()).count()
        }
        _ => 0,
    }
}

fn char_len(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    }
}
