//! The client's help texts, laid out as cobra and pflag lay them out for a client whose input is no terminal of its own.

use super::grammar::{COMMON, Command, Does, Flag, Kind, ROOT, ROOT_FLAGS, SWARM, TODAY};
use super::value::quoted;
use crate::scenario::Era;
use crate::sim::sort;

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
    pub era: Era,
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

    /// A text of the grammar, which is the course's, as this client has it.
    pub fn words(&self, text: &'static str) -> &'static str {
        let newer = TODAY.iter().find(|(old, _)| *old == text).filter(|_| self.era == Era::Today);
        newer.map_or(text, |(_, new)| *new)
    }

    /// The whole text, as printed. `path` is `docker image ls`.
    pub fn text(&self, path: &str) -> String {
        let mut out = format!("\nUsage:  {}\n\n{}\n", self.usage_line(path), self.words(self.command.short));
        match (self.era, path) {
            (Era::Course, "docker") => self.course_root(&mut out),
            (Era::Today, "docker") => self.todays_root(&mut out),
            _ => self.body(path, &mut out),
        }
        out
    }

    fn body(&self, path: &str, out: &mut String) {
        let command = self.command;
        let aliases = match self.era {
            Era::Course if command.aliases.is_empty() => String::new(),
            Era::Course => format!("{}, {}", command.name, command.aliases.join(", ")),
            Era::Today => paths(command).join(", "),
        };
        if !aliases.is_empty() {
            out.push_str(&format!("\nAliases:\n  {aliases}\n"));
        }
        self.options("Options", &command.sorted_flags(), out);
        let commands: Vec<Row> = command.children().iter().map(|child| self.row(child)).collect();
        self.commands("Commands", &commands, out);
        if !commands.is_empty() {
            out.push_str(&format!("\nRun '{path} COMMAND --help' for more information on a command.\n"));
        }
    }

    /// The list has its groups apart; `completion` counts as one.
    fn course_root(&self, out: &mut String) {
        let (groups, commands) = self.halves();
        self.options("Options", &ROOT_FLAGS.iter().collect::<Vec<_>>(), out);
        let groups = groups.iter().filter(|child| self.full || child.name != "completion");
        self.commands("Management Commands", &groups.map(|child| self.row(child)).collect::<Vec<_>>(), out);
        self.commands("Commands", &commands.iter().map(|child| self.row(child)).collect::<Vec<_>>(), out);
        out.push_str("\nRun 'docker COMMAND --help' for more information on a command.\n");
        out.push_str("\nTo get more help with docker, check out our guides at https://docs.docker.com/go/guides/\n");
    }

    fn todays_root(&self, out: &mut String) {
        let (groups, commands) = self.halves();
        let common: Vec<Row> = COMMON.iter().filter_map(|name| self.command.child(name)).map(|c| self.row(c)).collect();
        let is_swarm = |child: &&Command| SWARM.contains(&child.name);
        let managing = groups.iter().filter(|child| !is_swarm(child) && child.name != "completion");
        let mut managing: Vec<Row> = managing.map(|child| self.row(child)).collect();
        // The first of them is `builder`.
        managing.splice(1..1, [("buildx*", "Docker Buildx"), ("checkpoint", "Manage checkpoints")]);
        let swarm: Vec<Row> = groups.iter().filter(is_swarm).map(|child| self.row(child)).collect();
        let rest = commands.iter().filter(|child| !COMMON.contains(&child.name));
        self.commands("Common Commands", &common, out);
        self.commands("Management Commands", &managing, out);
        self.commands("Swarm Commands", &swarm, out);
        self.commands("Commands", &rest.map(|child| self.row(child)).collect::<Vec<_>>(), out);
        self.options("Global Options", &ROOT_FLAGS.iter().collect::<Vec<_>>(), out);
        out.push_str("\nRun 'docker COMMAND --help' for more information on a command.\n");
        out.push_str("\nFor more help on how to use Docker, head to https://docs.docker.com/go/guides/\n");
    }

    /// Groups, and commands that are none.
    fn halves(&self) -> (&'static [Command], &'static [Command]) {
        let children = self.command.children();
        children.split_at(children.iter().position(|child| child.name == "attach").unwrap_or(0))
    }

    fn row(&self, command: &Command) -> Row {
        (command.name, self.words(command.short))
    }

    fn commands(&self, title: &str, rows: &[Row], out: &mut String) {
        if rows.is_empty() {
            return;
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(11);
        out.push_str(&format!("\n{title}:\n"));
        out.extend(rows.iter().map(|(name, short)| format!("  {name:width$} {short}\n")));
    }

    fn options(&self, title: &str, flags: &[&Flag], out: &mut String) {
        if flags.iter().any(|flag| !flag.hidden) {
            out.push_str(&format!("\n{title}:\n{}", flag_table(self, flags)));
        }
    }
}

/// All the ways to type a command that stands in a group and, for short, at the root; none if it has but one.
fn paths(command: &Command) -> Vec<String> {
    let Does::Action(action) = command.does else { return Vec::new() };
    let same = |child: &&Command| matches!(child.does, Does::Action(own) if own == action);
    let Some(short) = ROOT.children().iter().find(same) else { return Vec::new() };
    let grouped = |group: &'static Command| group.children().iter().find(same).map(|child| (group, child));
    let Some((group, child)) = ROOT.children().iter().find_map(grouped) else { return Vec::new() };
    // `docker image rmi` has gone.
    let mut aliases: Vec<&str> = child.aliases.iter().copied().filter(|name| *name != "rmi").collect();
    sort(&mut aliases);
    let names = [child.name].into_iter().chain(aliases).map(|name| format!("docker {} {name}", group.name));
    names.chain([format!("docker {}", short.name)]).collect()
}

/// A command's name and its line.
type Row = (&'static str, &'static str);

/// pflag's FlagUsagesWrapped.
fn flag_table(topic: &Topic, flags: &[&Flag]) -> String {
    let heads: Vec<(String, &Flag)> =
        flags.iter().filter(|flag| !flag.hidden).map(|flag| (head(flag), *flag)).collect();
    let width = heads.iter().map(|(head, _)| head.len()).max().unwrap_or(0) + 1;
    let row = |(head, flag): &(String, &Flag)| {
        let gap = " ".repeat(width - head.len() - 1);
        format!("{head} {gap}  {}\n", wrap(width + 2, &text(topic.words(flag.help), flag)))
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

fn text(help: &str, flag: &Flag) -> String {
    match flag.default {
        "" => help.to_string(),
        default if flag.kind == Kind::Str => format!("{help} (default {})", quoted(default)),
        default => format!("{help} (default {default})"),
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
