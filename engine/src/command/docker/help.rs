//! The client's help texts, laid out as cobra and pflag lay them out for a client whose input is no terminal of its own.

use super::grammar::{Command, Does, Flag, Kind, ROOT_FLAGS};
use super::value::quoted;

/// Columns of the flag table: the client takes 80 when it cannot ask a terminal, and leaves one free.
const COLUMNS: usize = 79;
/// How much a line may run over before it is wrapped (pflag).
const SLOP: usize = 5;
/// Column of the help when the table leaves less than [`NARROWEST`] for it (pflag).
const NARROW_INDENT: usize = 16;
const NARROWEST: usize = 24;

/// What `--help` prints, without the usage line's leading empty line.
#[derive(Clone, Copy, Debug)]
pub struct Topic<'a> {
    pub command: &'a Command,
    /// The help adds a command that errors do not list.
    pub full: bool,
}

impl Topic<'_> {
    /// `docker run [OPTIONS] IMAGE [COMMAND] [ARG...]`.
    pub fn usage_line(&self, path: &str) -> String {
        let is_root = path == "docker";
        match self.command.does {
            Does::Group(_) if is_root => format!("{} [OPTIONS] COMMAND", path),
            Does::Group(_) => format!("{} COMMAND", path),
            _ if self.command.usage.is_empty() => path.to_string(),
            _ => format!("{} {}", path, self.command.usage),
        }
    }

    /// The whole text, as printed. `path` is `docker image ls`.
    pub fn text(&self, path: &str) -> String {
        let command = self.command;
        let mut out = format!("\nUsage:  {}\n\n{}\n", self.usage_line(path), command.short);
        if !command.aliases.is_empty() {
            out.push_str(&format!("\nAliases:\n  {}, {}\n", command.name, command.aliases.join(", ")));
        }
        let is_root = path == "docker";
        let flags = if is_root { ROOT_FLAGS.iter().collect() } else { command.sorted_flags() };
        if flags.iter().any(|flag| !flag.hidden) {
            out.push_str("\nOptions:\n");
            out.push_str(&flag_table(&flags));
        }
        let (groups, commands) = children(command, self.full);
        if !groups.is_empty() {
            out.push_str("\nManagement Commands:\n");
            out.push_str(&command_table(&groups));
        }
        if !commands.is_empty() {
            out.push_str("\nCommands:\n");
            out.push_str(&command_table(&commands));
            out.push_str(&format!("\nRun '{} COMMAND --help' for more information on a command.\n", path));
        }
        if is_root {
            out.push_str(
                "\nTo get more help with docker, check out our guides at https://docs.docker.com/go/guides/\n",
            );
        }
        out
    }
}

/// The root's list has its groups apart; `completion` counts as one.
fn children(command: &Command, full: bool) -> (Vec<&'static Command>, Vec<&'static Command>) {
    let listed = command.children().iter().filter(|child| full || child.name != "completion");
    if command.name != "docker" {
        return (Vec::new(), listed.collect());
    }
    let first_command = command.children().iter().position(|child| child.name == "attach").unwrap_or(0);
    let (groups, commands) = command.children().split_at(first_command);
    (groups.iter().filter(|child| full || child.name != "completion").collect(), commands.iter().collect())
}

fn command_table(rows: &[&Command]) -> String {
    let width = rows.iter().map(|command| command.name.len()).max().unwrap_or(0).max(11);
    rows.iter().map(|command| format!("  {:width$} {}\n", command.name, command.short)).collect()
}

/// pflag's FlagUsagesWrapped.
fn flag_table(flags: &[&Flag]) -> String {
    let heads: Vec<(String, &Flag)> =
        flags.iter().filter(|flag| !flag.hidden).map(|flag| (head(flag), *flag)).collect();
    let width = heads.iter().map(|(head, _)| head.len()).max().unwrap_or(0) + 1;
    let row = |(head, flag): &(String, &Flag)| {
        let gap = " ".repeat(width - head.len() - 1);
        format!("{head} {gap}  {}\n", wrap(width + 2, &text(flag)))
    };
    heads.iter().map(row).collect()
}

fn head(flag: &Flag) -> String {
    let name = match flag.short {
        Some(letter) => format!("  -{letter}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    if flag.kind == Kind::Bool { name } else { format!("{name} {}", flag.kind.word()) }
}

fn text(flag: &Flag) -> String {
    match flag.default {
        "" => flag.help.to_string(),
        default if flag.kind == Kind::Str => format!("{} (default {})", flag.help, quoted(default)),
        default => format!("{} (default {default})", flag.help),
    }
}

fn wrap(indent: usize, text: &str) -> String {
    let (mut out, mut indent, mut width) = (String::new(), indent, COLUMNS.saturating_sub(indent));
    if width < NARROWEST {
        (indent, width) = (NARROW_INDENT, COLUMNS - NARROW_INDENT);
        out.push('\n');
        out.push_str(&" ".repeat(indent));
    }
    let newline = format!("\n{}", " ".repeat(indent));
    let mut rest = text;
    loop {
        let (line, left) = cut(width - SLOP, rest);
        out.push_str(&line.replace('\n', &newline));
        if left.is_empty() {
            return out;
        }
        out.push_str(&newline);
        rest = left;
    }
}

/// pflag's wrapN. The texts are ASCII.
fn cut(width: usize, text: &str) -> (&str, &str) {
    if width + SLOP > text.len() {
        return (text, "");
    }
    let head = &text[..width];
    match (head.rfind([' ', '\t', '\n']), head.rfind('\n')) {
        (None | Some(0), _) => (text, ""),
        (Some(space), Some(line)) if line > 0 && line < space => (&text[..line], &text[line + 1..]),
        (Some(space), _) => (&text[..space], &text[space + 1..]),
    }
}
