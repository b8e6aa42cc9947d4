//! Arguments split into flags and the rest, as pflag does for the real client; its messages, verbatim.

use super::grammar::{Command, Flag, Kind};
use super::value;

/// The command line of one command, taken apart. Flags are in the order in which they were given.
#[derive(Debug, Default)]
pub struct Line {
    pub flags: Vec<(&'static Flag, String)>,
    pub arguments: Vec<String>,
    /// `--help` was among the flags.
    pub help: bool,
    /// `-h` was, which the client still takes, with a warning.
    pub deprecated_help: bool,
}

impl Line {
    /// The last value of a flag.
    pub fn text(&self, long: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag.long == long).map(|(_, text)| text.as_str())
    }

    /// All values of a flag that may be repeated.
    pub fn all(&self, long: &str) -> Vec<String> {
        self.flags.iter().filter(|(flag, _)| flag.long == long).map(|(_, text)| text.clone()).collect()
    }

    /// Whether a flag without value is set.
    pub fn on(&self, long: &str) -> bool {
        self.text(long).is_some_and(value::is_true)
    }

    pub fn int(&self, long: &str) -> Option<i64> {
        self.text(long).and_then(|text| value::int(text).ok())
    }
}

/// The flags that a command knows.
#[derive(Clone, Copy, Debug)]
pub struct FlagSet<'a> {
    pub parts: &'a [&'static [Flag]],
    /// Whether flags may follow an argument.
    pub interspersed: bool,
}

impl<'a> FlagSet<'a> {
    pub fn of(command: &'a Command) -> FlagSet<'a> {
        FlagSet { parts: command.flags, interspersed: command.interspersed }
    }

    fn find(&self, wanted: impl Fn(&Flag) -> bool) -> Option<&'static Flag> {
        self.parts.iter().flat_map(|part| part.iter()).find(|flag| wanted(flag))
    }
}

/// Splits `words`. An error is pflag's message.
pub fn split(set: FlagSet, words: &[String]) -> Result<Line, String> {
    let mut line = Line::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if let Some(long) = word.strip_prefix("--") {
            if long.is_empty() {
                line.arguments.extend(rest.cloned());
                break;
            }
            long_flag(set, word, long, &mut rest, &mut line)?;
        } else if word.len() > 1 && word.starts_with('-') {
            short_flags(set, &word[1..], &mut rest, &mut line)?;
        } else {
            line.arguments.push(word.clone());
            if !set.interspersed {
                line.arguments.extend(rest.cloned());
                break;
            }
        }
    }
    Ok(line)
}

fn long_flag(
    set: FlagSet,
    word: &str,
    long: &str,
    rest: &mut std::slice::Iter<String>,
    line: &mut Line,
) -> Result<(), String> {
    if long.starts_with(['-', '=']) {
        return Err(format!("bad flag syntax: {word}"));
    }
    let (name, given) = match long.split_once('=') {
        Some((name, text)) => (name, Some(text.to_string())),
        None => (long, None),
    };
    if name == "help" {
        let text = given.unwrap_or_else(|| "true".to_string());
        value::check(Kind::Bool, &text)
            .map_err(|reason| format!("invalid argument {} for \"--help\" flag: {reason}", value::quoted(&text)))?;
        line.help = value::is_true(&text);
        return Ok(());
    }
    let flag = set.find(|flag| flag.long == name).ok_or_else(|| format!("unknown flag: --{name}"))?;
    let text = match given {
        Some(text) => text,
        None if flag.kind == Kind::Bool => "true".to_string(),
        None => rest.next().cloned().ok_or_else(|| format!("flag needs an argument: {word}"))?,
    };
    set_flag(flag, text, line)
}

/// `-it`, `-eA=b`, `-e A=b`, `-e=A=b`: letters, of which the first that takes a value takes what is left.
fn short_flags(
    set: FlagSet,
    letters: &str,
    rest: &mut std::slice::Iter<String>,
    line: &mut Line,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let left = &letters[at + letter.len_utf8()..];
        let Some(flag) = set.find(|flag| flag.short == Some(letter)) else {
            if letter == 'h' {
                (line.help, line.deprecated_help) = (true, true);
                continue;
            }
            return Err(format!("unknown shorthand flag: '{letter}' in -{}", &letters[at..]));
        };
        if left.len() > 1 && left.starts_with('=') {
            return set_flag(flag, left[1..].to_string(), line);
        }
        if flag.kind == Kind::Bool {
            set_flag(flag, "true".to_string(), line)?;
            continue;
        }
        let text = if left.is_empty() {
            let missing = || format!("flag needs an argument: '{letter}' in -{}", &letters[at..]);
            rest.next().cloned().ok_or_else(missing)?
        } else {
            left.to_string()
        };
        return set_flag(flag, text, line);
    }
    Ok(())
}

fn set_flag(flag: &'static Flag, text: String, line: &mut Line) -> Result<(), String> {
    value::check(flag.kind, &text).map_err(|reason| {
        let name = match flag.short {
            Some(letter) => format!("-{letter}, --{}", flag.long),
            None => format!("--{}", flag.long),
        };
        format!("invalid argument {} for \"{name}\" flag: {reason}", value::quoted(&text))
    })?;
    if flag.long == "help" {
        line.help = value::is_true(&text);
    } else {
        line.flags.push((flag, text));
    }
    Ok(())
}
