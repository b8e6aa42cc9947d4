//! Completion of `docker …` from its grammar.

use super::candidates::{Candidates, containers, images, paths, programs};
use super::{Context, Place, command_line};
use crate::command::docker::find;
use crate::command::docker::grammar::{Action, Argument, COMMON, Command, Does, Flag, Kind, ROOT, ROOT_FLAGS, Support};
use crate::scenario::Era;

/// `before` are the words behind `docker`, `word` is being typed.
pub(super) fn arguments(before: &[String], word: &str, context: &dyn Context, found: &mut Candidates) {
    let root_flags: Vec<&'static Flag> = ROOT_FLAGS.iter().collect();
    let root = scan(&root_flags, false, before);
    if let Some(flag) = root.pending {
        return value(flag, word, "", context, found);
    }
    let Some(first) = root.first_argument else {
        found.expected = "COMMAND".to_string();
        return match word.starts_with('-') {
            true => flags(&root_flags, word, context, found),
            false => commands(&ROOT, word, found),
        };
    };
    if before[first] == "help" {
        let (topic, _, _) = find(&before[first + 1..], Era::Course);
        return commands(topic.command, word, found);
    }
    let (topic, _, used) = find(&before[first..], Era::Course);
    let command = topic.command;
    if used == 0 {
        return;
    }
    if let Does::Group(_) = command.does {
        found.expected = "COMMAND".to_string();
        return commands(command, word, found);
    }
    of_command(command, &before[first + used..], word, context, found);
}

fn of_command(command: &Command, before: &[String], word: &str, context: &dyn Context, found: &mut Candidates) {
    let known = command.sorted_flags();
    let line = scan(&known, command.interspersed, before);
    if let Some(flag) = line.pending {
        return value(flag, word, "", context, found);
    }
    found.expected = rest_of_usage(command, line.arguments.len());
    if word.starts_with('-') && line.flags_allowed {
        return flags(&known, word, context, found);
    }
    let index = line.arguments.len();
    let is_child = matches!(command.arguments.get(1), Some(Argument::CommandInImage | Argument::CommandInContainer));
    if is_child && index >= 1 {
        // What follows is another command's line, at home in that image or container.
        let name = before[line.arguments[0]].clone();
        let place = match command.arguments[1] {
            Argument::CommandInImage => Place::Image(name),
            _ => Place::Container(name),
        };
        return match line.arguments.get(1) {
            None => programs(word, &place, context, found),
            Some(inner) => command_line(&before[*inner..], word, &place, context, found),
        };
    }
    if let Some(argument) = command.argument(index) {
        self::argument(command, argument, word, context, found);
    }
}

fn argument(command: &Command, what: Argument, word: &str, context: &dyn Context, found: &mut Candidates) {
    match what {
        Argument::Image => {
            let pulls = matches!(command.does, Does::Action(Action::Run | Action::Create | Action::Pull));
            images(word, pulls, context, found);
        }
        Argument::Container => containers(word, None, context, found),
        Argument::RunningContainer => containers(word, Some(true), context, found),
        Argument::StoppedContainer => containers(word, Some(false), context, found),
        Argument::Object => {
            images(word, false, context, found);
            containers(word, None, context, found);
        }
        Argument::Path => {
            let only_dirs = matches!(command.does, Does::Action(Action::Build));
            paths(word, &context.console(), only_dirs, context, found);
        }
        Argument::Word(words) => words.iter().for_each(|text| found.offer(word, text, "")),
        Argument::CommandInImage | Argument::CommandInContainer | Argument::Free => {}
    }
}

/// The value of a flag; `prefix` is what stands before it in the same word (`--file=`).
fn value(flag: &'static Flag, word: &str, prefix: &str, context: &dyn Context, found: &mut Candidates) {
    let kind = flag.kind.word();
    found.expected = format!("--{} {kind}: {}", flag.long, first_line(flag.help));
    let mut inner = Candidates::default();
    match flag.value {
        Argument::Path => paths(word, &context.console(), false, context, &mut inner),
        Argument::Image => images(word, false, context, &mut inner),
        Argument::Word(words) => words.iter().for_each(|text| inner.offer(word, text, "")),
        _ => {}
    }
    for candidate in inner.take() {
        found.offer("", &format!("{prefix}{}", candidate.text), &candidate.help);
    }
}

fn flags(known: &[&'static Flag], word: &str, context: &dyn Context, found: &mut Candidates) {
    if let Some((name, text)) = word.strip_prefix("--").and_then(|long| long.split_once('=')) {
        if let Some(flag) = known.iter().find(|flag| flag.long == name) {
            value(flag, text, &format!("--{name}="), context, found);
        }
        return;
    }
    for flag in known.iter().filter(|flag| !flag.hidden && !matches!(flag.support, Support::Refused(_))) {
        let help = match flag.short {
            Some(letter) => format!("-{letter}  {}", first_line(flag.help)),
            None => first_line(flag.help).to_string(),
        };
        found.offer(word, &format!("--{}", flag.long), &help);
    }
    found.offer(word, "--help", "Print usage");
}

/// Commands that are carried out here: the common ones first, groups of commands last.
fn commands(group: &Command, word: &str, found: &mut Candidates) {
    for child in group.children().iter().filter(|child| !matches!(child.does, Does::Refused(_))) {
        let common = COMMON.iter().position(|name| *name == child.name);
        let rank = match child.does {
            Does::Group(_) => COMMON.len() + 1,
            _ => common.unwrap_or(COMMON.len()),
        };
        found.offer_at(rank, word, child.name, child.short);
    }
}

fn first_line(help: &str) -> &str {
    help.split('\n').next().unwrap_or(help)
}

/// `[COMMAND] [ARG...]` of `[OPTIONS] IMAGE [COMMAND] [ARG...]` after one argument; the last part repeats with dots.
fn rest_of_usage(command: &Command, arguments: usize) -> String {
    let usage = command.usage.strip_prefix("[OPTIONS]").unwrap_or(command.usage).trim_start();
    if command.name == "build" {
        return if arguments == 0 { usage.to_string() } else { String::new() };
    }
    let parts: Vec<&str> = usage.split(' ').collect();
    let repeats = parts.last().is_some_and(|last| last.contains("..."));
    let from = if repeats { arguments.min(parts.len() - 1) } else { arguments.min(parts.len()) };
    parts[from..].join(" ")
}

/// The words so far, sorted into flags and arguments.
struct Scan {
    /// A flag that waits for its value.
    pending: Option<&'static Flag>,
    /// Places of the arguments in the words.
    arguments: Vec<usize>,
    first_argument: Option<usize>,
    flags_allowed: bool,
}

/// Like the parser, but of a line that is still being typed: nothing is an error.
fn scan(known: &[&'static Flag], interspersed: bool, words: &[String]) -> Scan {
    let mut scan = Scan { pending: None, arguments: Vec::new(), first_argument: None, flags_allowed: true };
    for (index, word) in words.iter().enumerate() {
        if scan.pending.take().is_some() {
            continue;
        }
        if scan.flags_allowed && word == "--" {
            scan.flags_allowed = false;
        } else if scan.flags_allowed && word.len() > 1 && word.starts_with('-') {
            scan.pending = waits_for_value(known, word);
        } else {
            scan.first_argument.get_or_insert(index);
            scan.arguments.push(index);
            scan.flags_allowed &= interspersed;
        }
    }
    scan
}

fn waits_for_value(known: &[&'static Flag], word: &str) -> Option<&'static Flag> {
    if let Some(long) = word.strip_prefix("--") {
        return known.iter().find(|flag| flag.long == long && flag.kind != Kind::Bool).copied();
    }
    let letters = &word[1..];
    for (at, letter) in letters.char_indices() {
        let flag = known.iter().find(|flag| flag.short == Some(letter))?;
        if flag.kind != Kind::Bool {
            return (at + letter.len_utf8() == letters.len()).then_some(*flag);
        }
    }
    None
}
