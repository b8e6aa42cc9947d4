//! Physical lines to logical ones: parser directives, comments, continuations (buildkit `parser.Parse`).

use super::{ParseError, Problem, Span};

/// As Go's `bufio.Scanner` bounds a line.
pub(super) const LINE_BYTES: usize = 65_535;

pub(super) struct Lines {
    pub escape: char,
    pub lines: Vec<Line>,
    pub warnings: Vec<String>,
}

/// One instruction with its continuations joined.
#[derive(Debug)]
pub(super) struct Line {
    /// Without white space at either end.
    pub text: String,
    /// Where each piece of `text` came from: its first byte in `text`, its line, its first column.
    pieces: Vec<(usize, u32, u32)>,
    last_line: u32,
}

impl Line {
    /// The whole instruction; its length is that of its first line.
    pub fn span(&self) -> Span {
        self.at(0, self.text.len())
    }

    pub fn keyword_span(&self) -> Span {
        self.at(0, self.text.find(is_blank).unwrap_or(self.text.len()))
    }

    /// The place of `text[start..start + length]`.
    pub fn at(&self, start: usize, length: usize) -> Span {
        let index = self.pieces.partition_point(|&(offset, ..)| offset <= start).saturating_sub(1);
        let (offset, line, column) = self.pieces[index];
        let piece_end = self.pieces.get(index + 1).map_or(self.text.len(), |&(next, ..)| next);
        let chars = |from: usize, to: usize| self.text.get(from..to).map_or(0, |piece| piece.chars().count() as u32);
        let end = (start + length).min(piece_end).max(start);
        let length = chars(start, end).max(1);
        Span { line, column: column + chars(offset, start), length, last_line: self.last_line }
    }

    /// The place of `word`, which is a part of `text`.
    pub fn of(&self, word: &str) -> Span {
        match self.text.find(word) {
            Some(start) => self.at(start, word.len()),
            None => self.keyword_span(),
        }
    }
}

/// What separates words: `[\t\v\f\r ]`, as buildkit's `reWhitespace`.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}')
}

pub(super) fn split(text: &str) -> (Lines, Vec<ParseError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut out = Lines { escape: '\\', lines: Vec::new(), warnings: Vec::new() };
    let mut errors = Vec::new();
    let mut directives = Directives::default();
    let mut physical = (1..).zip(text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)));

    while let Some((number, raw)) = physical.next() {
        if raw.len() > LINE_BYTES {
            errors.push(ParseError { span: whole(number, raw), problem: Problem::LongLine });
        }
        let indent = raw.chars().take_while(|c| c.is_whitespace()).count() as u32;
        let line = raw.trim_start();
        match directives.read(line) {
            Ok(Some(escape)) => out.escape = escape,
            Ok(None) => {}
            Err(problem) => errors.push(ParseError { span: whole(number, raw), problem }),
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (first, mut open) = continued(line, out.escape);
        let mut joined = Line { text: first.to_owned(), pieces: vec![(0, number, indent + 1)], last_line: number };
        let mut blank = false;
        while open {
            let Some((number, raw)) = physical.next() else { break };
            let content = raw.trim_start();
            if content.starts_with('#') {
                continue;
            }
            if content.is_empty() {
                blank = true;
                continue;
            }
            let (piece, goes_on) = continued(raw, out.escape);
            joined.pieces.push((joined.text.len(), number, 1));
            joined.text.push_str(piece);
            joined.last_line = number;
            open = goes_on;
        }
        if blank {
            out.warnings.push(format!("[WARNING]: Empty continuation line found in:\n    {}", joined.text));
        }
        let end = joined.text.trim_end().len();
        joined.text.truncate(end);
        if !joined.text.is_empty() {
            out.lines.push(joined);
        }
    }
    if !out.warnings.is_empty() {
        out.warnings.push("[WARNING]: Empty continuation lines will become errors in a future release.".to_owned());
    }
    (out, errors)
}

/// The first RUN, COPY or ADD that goes on in a here-document, and its place: a word is `<<NAME`, perhaps with a number
/// before it and a dash behind the arrows, and NAME perhaps quoted (buildkit `parser.ParseHeredoc`).
pub fn here_document(text: &str) -> Option<(&'static str, Span)> {
    let named = |line: &Line| {
        let mut words = line.text.split_ascii_whitespace();
        let keyword = words.next()?;
        let instruction = ["RUN", "COPY", "ADD"].into_iter().find(|name| name.eq_ignore_ascii_case(keyword))?;
        words.any(begins_here_document).then(|| (instruction, line.span()))
    };
    split(text).0.lines.iter().find_map(named)
}

fn begins_here_document(word: &str) -> bool {
    let Some(name) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else { return false };
    let name = name.strip_prefix('-').unwrap_or(name).trim_start_matches(['"', '\'']);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn whole(line: u32, raw: &str) -> Span {
    Span { line, column: 1, length: (raw.chars().count() as u32).max(1), last_line: line }
}

/// The line without its escape at the end, and whether there was one: `([^\\])\\[ \t]*$|^\\[ \t]*$`.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, true),
        _ => (line, false),
    }
}

/// `# escape=` and `# syntax=` before everything else (buildkit `DirectiveParser`).
#[derive(Default)]
struct Directives {
    done: bool,
    seen: Vec<String>,
}

impl Directives {
    fn read(&mut self, line: &str) -> Result<Option<char>, Problem> {
        if self.done {
            return Ok(None);
        }
        let Some((key, value)) = directive(line) else {
            self.done = true;
            return Ok(None);
        };
        let key = key.to_ascii_lowercase();
        if key != "escape" && key != "syntax" {
            return Ok(None);
        }
        if self.seen.contains(&key) {
            return Err(Problem::DirectiveTwice(key));
        }
        self.seen.push(key.clone());
        match (key.as_str(), value) {
            ("escape", "\\") => Ok(Some('\\')),
            ("escape", "`") => Ok(Some('`')),
            ("escape", other) => Err(Problem::EscapeToken(other.to_owned())),
            _ => Ok(None),
        }
    }
}

/// `^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`
fn directive(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix('#')?.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let named = key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric());
    (named && !value.is_empty()).then_some((key, value))
}
