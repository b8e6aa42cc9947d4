//! grep(1).

use super::regex::{Regex, UNMATCHED_BRACKET};
use super::{Input, Misuse, Task};
use crate::program::machine::Cx;
use crate::program::options::{Options, Parsed};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grep {
    patterns: Vec<String>,
    flags: String,
    extended: bool,
    pub recursive: bool,
    pub no_messages: bool,
    max: Option<u64>,
}

pub fn parse(name: &str, says: &str, args: &[String]) -> Result<(Grep, Vec<String>), Misuse> {
    let options = Options {
        flags: "EFGivclLqsnHhrRowx",
        values: "em",
        long: &[
            ("extended-regexp", 'E'),
            ("fixed-strings", 'F'),
            ("ignore-case", 'i'),
            ("invert-match", 'v'),
            ("count", 'c'),
            ("files-with-matches", 'l'),
            ("quiet", 'q'),
            ("silent", 'q'),
            ("line-number", 'n'),
            ("with-filename", 'H'),
            ("no-filename", 'h'),
            ("recursive", 'r'),
            ("only-matching", 'o'),
            ("word-regexp", 'w'),
            ("line-regexp", 'x'),
            ("regexp", 'e'),
            ("max-count", 'm'),
            ("no-messages", 's'),
        ],
        ..Options::default()
    };
    let mut parsed = Parsed::of(says, args, &options)?;
    let mut patterns: Vec<String> = parsed.values.iter().filter(|(c, _)| *c == 'e').map(|(_, p)| p.clone()).collect();
    if patterns.is_empty() {
        if parsed.operands.is_empty() {
            return Err(Misuse::whole(format!(
                "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry '{says} --help' for more information.\n"
            )));
        }
        patterns.push(parsed.operands.remove(0));
    }
    let patterns: Vec<String> = patterns.iter().flat_map(|p| p.split('\n')).map(str::to_owned).collect();
    let mut flags = parsed.flags.clone();
    if name == "fgrep" {
        flags.push('F');
    }
    let max = match parsed.value('m') {
        Some(text) => Some(text.parse().map_err(|_| Misuse::plain(says, "invalid max count"))?),
        None => None,
    };
    let grep = Grep {
        extended: parsed.has('E') || name == "egrep",
        recursive: parsed.has('r') || parsed.has('R'),
        no_messages: parsed.has('s'),
        max,
        patterns,
        flags,
    };
    grep.compile().map_err(|message| Misuse::plain(says, message))?;
    Ok((grep, parsed.operands))
}

impl Grep {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn compile(&self) -> Result<Vec<Regex>, &'static str> {
        let one = |pattern: &String| {
            let literal = self.has('F').then(|| escape(pattern));
            let text = literal.as_deref().unwrap_or(pattern);
            let (open, close) = if self.extended { ("(", ")") } else { ("\\(", "\\)") };
            let text = match (self.has('x'), self.has('w')) {
                (true, _) => format!("^{open}{text}{close}$"),
                (_, true) => format!("\\b{open}{text}{close}\\b"),
                _ => text.to_owned(),
            };
            Regex::new(&text, self.extended, self.has('i')).map_err(|message| match message {
                // grep's own matcher sees this one before regcomp(3) does.
                UNMATCHED_BRACKET => "Invalid regular expression",
                message => message,
            })
        };
        self.patterns.iter().map(one).collect()
    }

    pub fn finish(&self, inputs: &[Input], operands: usize, failed: bool, cx: &mut Cx<Task>) {
        let Ok(regexes) = self.compile() else { return };
        let named = self.has('H') || operands > 1 && !self.has('h');
        let mut any = false;
        for input in inputs {
            let name = if input.name == "standard input" { "(standard input)" } else { &input.name };
            any |= self.search(&regexes, name, &input.data, named, cx);
            if any && self.has('q') {
                break;
            }
        }
        cx.status = match (any, failed) {
            (true, true) if self.has('q') => 0,
            (_, true) => 2,
            (any, false) => i32::from(!any),
        };
    }

    fn search(&self, regexes: &[Regex], name: &str, data: &[u8], named: bool, cx: &mut Cx<Task>) -> bool {
        let prefix = if named { format!("{name}:") } else { String::new() };
        let quiet = self.has('q') || self.has('l') || self.has('L') || self.has('c');
        let text = String::from_utf8_lossy(data);
        let binary = data.contains(&0);
        let mut count: u64 = 0;
        for (at, line) in text.lines().enumerate() {
            if self.max.is_some_and(|max| count >= max) {
                break;
            }
            let chars: Vec<char> = line.chars().collect();
            if regexes.iter().any(|regex| regex.is_match(&chars)) == self.has('v') {
                continue;
            }
            count += 1;
            if quiet {
                continue;
            }
            if binary {
                cx.line(&format!("Binary file {name} matches"));
                break;
            }
            let number = if self.has('n') { format!("{}:", at + 1) } else { String::new() };
            if self.has('o') {
                only_matches(regexes, &chars).iter().for_each(|m| cx.line(&format!("{prefix}{number}{m}")));
            } else {
                cx.line(&format!("{prefix}{number}{line}"));
            }
        }
        if self.has('q') {
        } else if self.has('l') {
            if count > 0 {
                cx.line(name);
            }
        } else if self.has('L') {
            if count == 0 {
                cx.line(name);
            }
        } else if self.has('c') {
            cx.line(&format!("{prefix}{count}"));
        }
        (count > 0) != self.has('L')
    }
}

fn only_matches(regexes: &[Regex], chars: &[char]) -> Vec<String> {
    let mut out = Vec::new();
    let mut from = 0;
    while from <= chars.len() {
        let found = regexes.iter().filter_map(|regex| regex.find(chars, from)?[0]);
        let Some((start, end)) = found.min_by_key(|(start, end)| (*start, usize::MAX - end)) else { break };
        if end > start {
            out.push(chars[start..end].iter().collect());
        }
        from = end.max(start + 1);
    }
    out
}

/// Special characters of a basic expression stand for themselves.
fn escape(pattern: &str) -> String {
    pattern.chars().flat_map(|c| ".*[]^$\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}
