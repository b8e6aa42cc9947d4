//! sed(1), the part that one-liners use: `s`, `p`, `d`, `q`, `=`, `a`, `i`, `c`, `y`, addresses, `-n`, `-i`, `-E`.

use super::regex::Regex;
use serde::{Deserialize, Serialize};

/// Substitutions in one line, and commands in one script.
const LIMIT: usize = 100_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sed {
    pub script: String,
    pub quiet: bool,
    pub extended: bool,
}

struct Command {
    from: Option<Address>,
    to: Option<Address>,
    not: bool,
    verb: Verb,
    inside: bool,
}

enum Address {
    Line(usize),
    Last,
    Regex(Regex),
}

enum Verb {
    Substitute { regex: Regex, with: String, global: bool, print: bool, nth: usize },
    Transliterate(Vec<char>, Vec<char>),
    Print,
    Delete,
    Quit,
    Number,
    Zap,
    Append(String),
    Insert(String),
    Change(String),
}

impl Sed {
    /// The error is GNU sed's message after `-e expression #1, `.
    pub fn check(&self) -> Result<(), String> {
        parse(&self.script, self.extended).map(|_| ())
    }

    pub fn run(&self, text: &str) -> String {
        let Ok(mut commands) = parse(&self.script, self.extended) else { return String::new() };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut out = String::new();
        for (at, line) in lines.iter().enumerate() {
            let newline = if line.ends_with('\n') { "\n" } else { "" };
            let mut space = line.trim_end_matches('\n').to_owned();
            let (mut deleted, mut quits, mut after) = (false, false, String::new());
            for command in &mut commands {
                if !command.applies(at + 1, at + 1 == lines.len(), &space) {
                    continue;
                }
                match &command.verb {
                    Verb::Substitute { regex, with, global, print, nth } => {
                        if let Some(changed) = substitute(regex, with, *global, *nth, &space) {
                            space = changed;
                            if *print {
                                out += &format!("{space}\n");
                            }
                        }
                    }
                    Verb::Transliterate(from, to) => {
                        let swap = |c| from.iter().position(|f| *f == c).and_then(|i| to.get(i).copied()).unwrap_or(c);
                        space = space.chars().map(swap).collect();
                    }
                    Verb::Print => out += &format!("{space}\n"),
                    Verb::Zap => space.clear(),
                    Verb::Delete => deleted = true,
                    Verb::Quit => quits = true,
                    Verb::Number => out += &format!("{}\n", at + 1),
                    Verb::Append(text) => after += &format!("{text}\n"),
                    Verb::Insert(text) => out += &format!("{text}\n"),
                    Verb::Change(text) => {
                        out += &format!("{text}\n");
                        deleted = true;
                    }
                }
                if deleted || quits {
                    break;
                }
            }
            if !deleted && !self.quiet {
                out += &space;
                out += newline;
            }
            out += &after;
            if quits {
                break;
            }
        }
        out
    }
}

impl Command {
    fn applies(&mut self, line: usize, last: bool, space: &str) -> bool {
        let fits = |address: &Address| match address {
            Address::Line(n) => *n == line,
            Address::Last => last,
            Address::Regex(regex) => regex.is_match(&space.chars().collect::<Vec<_>>()),
        };
        let chosen = match (&self.from, &self.to) {
            (None, _) => true,
            (Some(from), None) => fits(from),
            (Some(from), Some(to)) => {
                if self.inside {
                    self.inside = !(fits(to) || matches!(to, Address::Line(n) if *n <= line));
                    !matches!(to, Address::Line(n) if *n < line)
                } else {
                    let begins = fits(from);
                    self.inside = begins
                        && !matches!(to, Address::Line(n) if *n <= line)
                        && !(last && matches!(to, Address::Last));
                    begins
                }
            }
        };
        chosen != self.not
    }
}

fn substitute(regex: &Regex, with: &str, global: bool, nth: usize, space: &str) -> Option<String> {
    let chars: Vec<char> = space.chars().collect();
    let (mut out, mut from, mut copied, mut count, mut changed) = (String::new(), 0, 0, 0, false);
    while from <= chars.len() && count < LIMIT {
        let Some(groups) = regex.find(&chars, from) else { break };
        let Some((start, end)) = groups[0] else { break };
        count += 1;
        if count >= nth {
            out.extend(&chars[copied..start]);
            replacement(with, &chars, &groups, &mut out);
            copied = end;
            changed = true;
            if !global {
                break;
            }
        }
        // An empty match is not tried again at the same place.
        from = if end > start { end } else { end + 1 };
        if end == start && end < chars.len() && copied == end {
            out.push(chars[end]);
            copied = end + 1;
        }
    }
    out.extend(&chars[copied.min(chars.len())..]);
    changed.then_some(out)
}

fn replacement(with: &str, chars: &[char], groups: &super::regex::Groups, out: &mut String) {
    let group = |n: usize| groups.get(n).copied().flatten().map_or(&[][..], |(from, to)| &chars[from..to]);
    let mut text = with.chars();
    while let Some(c) = text.next() {
        match c {
            '&' => out.extend(group(0)),
            '\\' => match text.next() {
                Some(d @ '0'..='9') => out.extend(group(d as usize - '0' as usize)),
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(c) => out.push(c),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
}

fn parse(script: &str, extended: bool) -> Result<Vec<Command>, String> {
    let mut parser = Parser { chars: script.chars().collect(), at: 0, extended };
    let mut commands = Vec::new();
    loop {
        parser.skip(|c| c.is_whitespace() || c == ';');
        if parser.peek().is_none() {
            return Ok(commands);
        }
        if parser.peek() == Some('#') {
            parser.skip(|c| c != '\n');
            continue;
        }
        if commands.len() >= LIMIT {
            return Err(parser.error("too many commands"));
        }
        commands.push(parser.command()?);
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    extended: bool,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&what) {
            self.at += 1;
        }
    }

    fn error(&self, message: &str) -> String {
        format!("-e expression #1, char {}: {message}", self.at)
    }

    fn command(&mut self) -> Result<Command, String> {
        let from = self.address()?;
        let mut to = None;
        if from.is_some() && self.peek() == Some(',') {
            self.at += 1;
            to = self.address()?;
            if to.is_none() {
                return Err(self.error("unexpected `,'"));
            }
        }
        self.skip(|c| c == ' ');
        let not = self.peek() == Some('!');
        if not {
            self.at += 1;
            self.skip(|c| c == ' ');
        }
        let verb = match self.next() {
            None => return Err(self.error("missing command")),
            Some('s') => self.substitution()?,
            Some('y') => {
                let delimiter = self.next().unwrap_or('/');
                let from = self.until(delimiter, "y")?;
                let to = self.until(delimiter, "y")?;
                let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
                if from.len() != to.len() {
                    return Err(self.error("strings for `y' command are different lengths"));
                }
                Verb::Transliterate(from, to)
            }
            Some('p') => Verb::Print,
            Some('d') => Verb::Delete,
            Some('z') => Verb::Zap,
            Some('q') => Verb::Quit,
            Some('=') => Verb::Number,
            Some('a') => Verb::Append(self.line()?),
            Some('i') => Verb::Insert(self.line()?),
            Some('c') => Verb::Change(self.line()?),
            Some(c) => return Err(self.error(&format!("unknown command: `{c}'"))),
        };
        self.skip(|c| c == ' ');
        if self.peek().is_some_and(|c| !matches!(c, ';' | '\n' | '}' | '#')) {
            self.at += 1;
            return Err(self.error("extra characters after command"));
        }
        Ok(Command { from, to, not, verb, inside: false })
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        match self.peek() {
            Some('$') => {
                self.at += 1;
                Ok(Some(Address::Last))
            }
            Some(c) if c.is_ascii_digit() => {
                let from = self.at;
                self.skip(|c| c.is_ascii_digit());
                let digits: String = self.chars[from..self.at].iter().collect();
                Ok(Some(Address::Line(digits.parse().unwrap_or(usize::MAX))))
            }
            Some('/') => {
                self.at += 1;
                let pattern = self.until('/', "address regex")?;
                self.regex(&pattern, false).map(|regex| Some(Address::Regex(regex)))
            }
            _ => Ok(None),
        }
    }

    fn regex(&self, pattern: &str, ignore_case: bool) -> Result<Regex, String> {
        Regex::new(pattern, self.extended, ignore_case).map_err(|message| self.error(message))
    }

    fn substitution(&mut self) -> Result<Verb, String> {
        let Some(delimiter) = self.next() else { return Err(self.error("unterminated `s' command")) };
        let pattern = self.until(delimiter, "s")?;
        let with = self.until(delimiter, "s")?;
        let (mut global, mut print, mut ignore_case, mut nth) = (false, false, false, 1);
        loop {
            match self.peek() {
                Some('g') => global = true,
                Some('p') => print = true,
                Some('i' | 'I') => ignore_case = true,
                Some(c) if c.is_ascii_digit() && c != '0' => nth = c as usize - '0' as usize,
                None | Some(';' | '\n' | ' ' | '}' | '#') => break,
                Some(_) => {
                    self.at += 1;
                    return Err(self.error("unknown option to `s'"));
                }
            }
            self.at += 1;
        }
        Ok(Verb::Substitute { regex: self.regex(&pattern, ignore_case)?, with, global, print, nth })
    }

    /// Text up to the delimiter, which a backslash makes ordinary.
    fn until(&mut self, delimiter: char, of: &str) -> Result<String, String> {
        let mut out = String::new();
        loop {
            match self.next() {
                None if of == "address regex" => return Err(self.error("unterminated address regex")),
                None => return Err(self.error(&format!("unterminated `{of}' command"))),
                Some(c) if c == delimiter => return Ok(out),
                Some('\\') => match self.next() {
                    Some(c) if c == delimiter && delimiter != '&' => out.push(c),
                    Some(c) => out.extend(['\\', c]),
                    None => out.push('\\'),
                },
                Some(c) => out.push(c),
            }
        }
    }

    /// The text of `a`, `i` and `c`: one line.
    fn line(&mut self) -> Result<String, String> {
        self.skip(|c| c == ' ');
        if self.peek() == Some('\\') {
            self.at += 1;
            self.skip(|c| c == '\n' || c == ' ');
        }
        if self.peek().is_none() {
            return Err(self.error("expected \\ after `a', `c' or `i'"));
        }
        let from = self.at;
        self.skip(|c| c != '\n');
        Ok(self.chars[from..self.at].iter().collect())
    }
}
