//! Tools that need all of their input before they say anything: `wc`, `sort`, `uniq`, `cut`, `tr`, `tail`, …

use super::grep::Grep;
use super::sed::Sed;
use super::sort::{Key, Sort};
use super::{Input, Misuse, Task};
use crate::image::Digest;
use crate::program::glob::in_class;
use crate::program::machine::Cx;
use crate::program::options::{Options, Parsed};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whole {
    Part { head: bool, lines: bool, count: u64, from_start: bool, quiet: Option<bool> },
    Count(String),
    Grep(Grep),
    Sed { sed: Sed, in_place: bool },
    Sort(Sort),
    Unique(String),
    Cut { by: char, list: Vec<(usize, usize)>, delimiter: char, only_delimited: bool, complement: bool },
    Translate { flags: String, from: Vec<char>, to: Vec<char> },
    Sha256,
}

pub fn parse(name: &str, says: &str, args: &[String]) -> Result<(Whole, Vec<String>), Misuse> {
    let of = |options: Options| Parsed::of(says, args, &options);
    Ok(match name {
        "wc" => {
            let long = &[("lines", 'l'), ("words", 'w'), ("bytes", 'c'), ("chars", 'm')];
            let parsed = of(Options { flags: "lwcm", long, ..Options::default() })?;
            (Whole::Count(parsed.flags), parsed.operands)
        }
        "grep" | "egrep" | "fgrep" => {
            let (grep, operands) = super::grep::parse(name, says, args)?;
            (Whole::Grep(grep), operands)
        }
        "sed" => sed(says, args)?,
        "sort" => sort(says, args)?,
        "uniq" => {
            let parsed = of(Options { flags: "cdui", ..Options::default() })?;
            (Whole::Unique(parsed.flags), parsed.operands)
        }
        "cut" => cut(says, args)?,
        "tr" => tr(says, args)?,
        _ => (Whole::Sha256, of(Options { flags: "bt", ..Options::default() })?.operands),
    })
}

fn sed(says: &str, args: &[String]) -> Result<(Whole, Vec<String>), Misuse> {
    let options = Options {
        flags: "nErsi",
        values: "e",
        long: &[("quiet", 'n'), ("silent", 'n'), ("expression", 'e'), ("regexp-extended", 'E'), ("in-place", 'i')],
        ..Options::default()
    };
    let mut parsed = Parsed::of(says, args, &options)?;
    let mut scripts: Vec<String> = parsed.values.iter().map(|(_, script)| script.clone()).collect();
    if scripts.is_empty() {
        if parsed.operands.is_empty() {
            return Err(Misuse::whole(
                "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n".into(),
            ));
        }
        scripts.push(parsed.operands.remove(0));
    }
    let extended = parsed.has('E') || parsed.has('r');
    let sed = Sed { script: scripts.join("\n"), quiet: parsed.has('n'), extended };
    sed.check().map_err(|message| Misuse::plain(says, &message))?;
    Ok((Whole::Sed { sed, in_place: parsed.has('i') }, parsed.operands))
}

fn sort(says: &str, args: &[String]) -> Result<(Whole, Vec<String>), Misuse> {
    let options = Options {
        flags: "nrufhbs",
        values: "kt",
        long: &[("numeric-sort", 'n'), ("reverse", 'r'), ("unique", 'u'), ("key", 'k'), ("human-numeric-sort", 'h')],
        ..Options::default()
    };
    let parsed = Parsed::of(says, args, &options)?;
    let mut keys = Vec::new();
    for (_, text) in parsed.values.iter().filter(|(c, _)| *c == 'k') {
        let bad = || Misuse::plain(says, &format!("invalid number at field start: invalid count at start of '{text}'"));
        keys.push(Key::parse(text).ok_or_else(bad)?);
    }
    let sort = Sort {
        numeric: parsed.has('n'),
        human: parsed.has('h'),
        reverse: parsed.has('r'),
        unique: parsed.has('u'),
        fold: parsed.has('f'),
        separator: parsed.value('t').and_then(|t| t.chars().next()),
        keys,
    };
    Ok((Whole::Sort(sort), parsed.operands))
}

fn cut(says: &str, args: &[String]) -> Result<(Whole, Vec<String>), Misuse> {
    let options = Options {
        flags: "sn",
        values: "bcfdC",
        long: &[("delimiter", 'd'), ("fields", 'f'), ("characters", 'c'), ("bytes", 'b')],
        ..Options::default()
    };
    let parsed = Parsed::of(says, args, &options)?;
    let Some((by, list)) = parsed.values.iter().find(|(c, _)| "bcf".contains(*c)) else {
        return Err(Misuse::new(says, "you must specify a list of bytes, characters, or fields".to_owned()));
    };
    let range = |text: &str| {
        let number = |t: &str| t.parse::<usize>().ok().filter(|n| *n > 0);
        match text.split_once('-') {
            Some(("", to)) => Some((1, number(to)?)),
            Some((from, "")) => Some((number(from)?, usize::MAX)),
            Some((from, to)) => Some((number(from)?, number(to)?)),
            None => number(text).map(|n| (n, n)),
        }
    };
    let ranges: Option<Vec<(usize, usize)>> = list.split(',').map(range).collect();
    let (what, plural) = match by {
        'f' => ("field", "fields"),
        _ => ("byte or character position", "byte/character positions"),
    };
    if list.split([',', '-']).any(|n| n.parse() == Ok(0)) {
        return Err(Misuse::new(says, format!("{plural} are numbered from 1")));
    }
    let list = ranges.ok_or_else(|| Misuse::new(says, format!("invalid {what} value '{list}'")))?;
    let mut delimiter = '\t';
    if let Some(text) = parsed.value('d') {
        let mut chars = text.chars();
        delimiter = chars.next().unwrap_or('\0');
        if chars.next().is_some() {
            return Err(Misuse::new(says, "the delimiter must be a single character".to_owned()));
        }
    }
    let whole = Whole::Cut { by: *by, list, delimiter, only_delimited: parsed.has('s'), complement: false };
    Ok((whole, parsed.operands))
}

fn tr(says: &str, args: &[String]) -> Result<(Whole, Vec<String>), Misuse> {
    let options = Options { flags: "cdsC", long: &[("delete", 'd'), ("squeeze-repeats", 's')], ..Options::default() };
    let parsed = Parsed::of(says, args, &options)?;
    let mut sets = parsed.operands.iter();
    let Some(first) = sets.next() else { return Err(Misuse::new(says, "missing operand".to_owned())) };
    let second = sets.next();
    if second.is_none() && !parsed.has('d') && !parsed.has('s') {
        let text = format!("missing operand after '{first}'\nTwo strings must be given when translating.");
        return Err(Misuse::new(says, text));
    }
    let to = second.map_or(Vec::new(), |set| char_set(set));
    Ok((Whole::Translate { flags: parsed.flags, from: char_set(first), to }, Vec::new()))
}

/// `a-z`, `[:upper:]`, `\n`.
fn char_set(text: &str) -> Vec<char> {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        if chars[at..].starts_with(&['[', ':'])
            && let Some(len) = chars[at + 2..].iter().position(|c| *c == ':')
        {
            let name: String = chars[at + 2..at + 2 + len].iter().collect();
            out.extend((0u8..128).map(char::from).filter(|c| in_class(&name, *c)));
            at += len + 4;
            continue;
        }
        let (low, next) = one_char(&chars, at);
        if chars.get(next) == Some(&'-') && next + 1 < chars.len() {
            let (high, after) = one_char(&chars, next + 1);
            out.extend((low..=high).take(0x1_0000));
            at = after;
        } else {
            out.push(low);
            at = next;
        }
    }
    out
}

fn one_char(chars: &[char], at: usize) -> (char, usize) {
    match (chars[at], chars.get(at + 1)) {
        ('\\', Some(next)) => (crate::program::plain::simple_escape(*next).unwrap_or(*next), at + 2),
        (c, _) => (c, at + 1),
    }
}

impl Whole {
    pub fn finish(&self, inputs: &[Input], operands: usize, failed: bool, cx: &mut Cx<Task>) {
        match self {
            Whole::Part { .. } => self.part(inputs, operands, cx),
            Whole::Count(flags) => count(flags, inputs, operands, cx),
            Whole::Grep(grep) => grep.finish(inputs, operands, failed, cx),
            Whole::Sed { sed, in_place } => {
                if *in_place {
                    return edit(sed, inputs, cx);
                }
                let text: String = inputs.iter().map(|input| String::from_utf8_lossy(&input.data)).collect();
                cx.out(&sed.run(&text));
            }
            Whole::Sort(sort) => {
                for line in sort.run(&lines(inputs)) {
                    cx.line(&line);
                }
            }
            Whole::Unique(flags) => unique(flags, &lines(inputs), cx),
            Whole::Cut { .. } => self.cut(&lines(inputs), cx),
            Whole::Translate { flags, from, to } => {
                let text: String = inputs.iter().map(|input| String::from_utf8_lossy(&input.data)).collect();
                cx.out(&translate(flags, from, to, &text));
            }
            Whole::Sha256 => {
                for input in inputs {
                    let name = if input.name == "standard input" { "-" } else { &input.name };
                    cx.line(&format!("{}  {name}", Digest::of(&input.data).hex()));
                }
            }
        }
    }

    fn part(&self, inputs: &[Input], operands: usize, cx: &mut Cx<Task>) {
        let Whole::Part { head, lines, count, from_start, quiet } = self else { return };
        for (at, input) in inputs.iter().enumerate() {
            if !quiet.unwrap_or(operands < 2) {
                let blank = if at > 0 { "\n" } else { "" };
                cx.out(&format!("{blank}==> {} <==\n", input.name));
            }
            let data = &input.data;
            let n = usize::try_from(*count).unwrap_or(usize::MAX);
            let shown: &[u8] = match (lines, head, from_start) {
                (true, true, _) => &data[..data.len() - last_lines(data, *count).len()],
                (true, _, false) => last_lines(data, *count),
                (true, _, true) => {
                    let skipped: usize =
                        data.split_inclusive(|b| *b == b'\n').take(n.saturating_sub(1)).map(<[u8]>::len).sum();
                    &data[skipped..]
                }
                (false, true, _) => &data[..data.len().saturating_sub(n)],
                (false, _, false) => &data[data.len().saturating_sub(n)..],
                (false, _, true) => &data[n.saturating_sub(1).min(data.len())..],
            };
            cx.out_bytes(shown);
        }
    }

    fn cut(&self, lines: &[String], cx: &mut Cx<Task>) {
        let Whole::Cut { by, list, delimiter, only_delimited, complement } = self else { return };
        let wanted = |n: usize| list.iter().any(|(from, to)| *from <= n && n <= *to) != *complement;
        for line in lines {
            if *by != 'f' {
                cx.line(&line.chars().enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, c)| c).collect::<String>());
            } else if !line.contains(*delimiter) {
                if !only_delimited {
                    cx.line(line);
                }
            } else {
                let fields: Vec<&str> =
                    line.split(*delimiter).enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, f)| f).collect();
                cx.line(&fields.join(&delimiter.to_string()));
            }
        }
    }
}

/// The last `count` lines; a last one without a newline counts.
pub fn last_lines(data: &[u8], count: u64) -> &[u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let lines: Vec<&[u8]> = data.split_inclusive(|b| *b == b'\n').collect();
    let len: usize = lines.iter().rev().take(count).map(|line| line.len()).sum();
    &data[data.len() - len..]
}

fn lines(inputs: &[Input]) -> Vec<String> {
    let of = |input: &Input| String::from_utf8_lossy(&input.data).lines().map(str::to_owned).collect::<Vec<_>>();
    inputs.iter().flat_map(of).collect()
}

/// wc: columns are as wide as the largest number of bytes needs, and 7 when reading what has no size.
fn count(flags: &str, inputs: &[Input], operands: usize, cx: &mut Cx<Task>) {
    let counts = |data: &[u8]| {
        let text = String::from_utf8_lossy(data);
        let lines = data.iter().filter(|b| **b == b'\n').count();
        [('l', lines), ('w', text.split_whitespace().count()), ('m', text.chars().count()), ('c', data.len())]
    };
    let shown = |letter: char| if flags.is_empty() { letter != 'm' } else { flags.contains(letter) };
    let columns = ['l', 'w', 'm', 'c'].iter().filter(|c| shown(**c)).count();
    let total: usize = inputs.iter().map(|input| input.data.len()).sum();
    let piped = inputs.iter().any(|input| input.name == "standard input" || input.data.is_empty() && operands > 1);
    let width = match (columns, operands) {
        (1, 1) => 1,
        _ if piped => 7,
        _ => total.to_string().len(),
    };
    let mut sums = [0; 4];
    let show = |numbers: &[usize; 4], name: &str, cx: &mut Cx<Task>| {
        let fields: Vec<String> = ['l', 'w', 'm', 'c']
            .iter()
            .zip(numbers)
            .filter(|(letter, _)| shown(**letter))
            .map(|(_, n)| format!("{n:>width$}"))
            .collect();
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        cx.line(&format!("{}{name}", fields.join(" ")));
    };
    for input in inputs {
        let numbers = counts(&input.data).map(|(_, n)| n);
        sums.iter_mut().zip(numbers).for_each(|(sum, n)| *sum += n);
        show(&numbers, if input.name == "standard input" { "" } else { &input.name }, cx);
    }
    if operands > 1 {
        show(&sums, "total", cx);
    }
}

fn unique(flags: &str, lines: &[String], cx: &mut Cx<Task>) {
    let same = |a: &str, b: &str| if flags.contains('i') { a.eq_ignore_ascii_case(b) } else { a == b };
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|line| same(line, &lines[at])).count();
        let wanted = !(flags.contains('d') && run < 2 || flags.contains('u') && run > 1);
        if wanted && flags.contains('c') {
            cx.line(&format!("{run:>7} {}", lines[at]));
        } else if wanted {
            cx.line(&lines[at]);
        }
        at += run;
    }
}

fn translate(flags: &str, from: &[char], to: &[char], text: &str) -> String {
    let complement = flags.contains(['c', 'C']);
    let position = |c: char| match (from.iter().position(|f| *f == c), complement) {
        (found, false) => found,
        (Some(_), true) => None,
        (None, true) => Some(usize::MAX),
    };
    let squeezed = if to.is_empty() || flags.contains('d') && to.is_empty() { from } else { to };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match position(c) {
            Some(_) if flags.contains('d') => continue,
            Some(at) => to.get(at).or(to.last()).copied().unwrap_or(c),
            None => c,
        };
        let squeezes = flags.contains('s')
            && (squeezed.contains(&c) || complement && to.is_empty() && !from.contains(&c))
            && out.ends_with(c);
        if !squeezes {
            out.push(c);
        }
    }
    out
}

/// `sed -i`: each file gets its new text; written in place, where GNU sed renames a temporary file over it.
fn edit(sed: &Sed, inputs: &[Input], cx: &mut Cx<Task>) {
    let edits = inputs.iter().map(|input| {
        let text = sed.run(&String::from_utf8_lossy(&input.data));
        Task::Replace { path: input.name.clone(), data: text.into_bytes() }
    });
    cx.push_all(edits.collect::<Vec<_>>());
}
