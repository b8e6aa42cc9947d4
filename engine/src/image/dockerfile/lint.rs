//! Diagnostics for the editor: the parser's errors with help, and notes on what builds but surprises.

use super::words::{json_array, keyword};
use super::{Command, INSTRUCTIONS, Instruction, ParseError, Problem, Span, Statement, Transfer, read};
use crate::session::{Diagnostic, Severity};
use crate::sim::sort_by_key;

/// Everything there is to say about a Dockerfile, in the order of its lines.
pub fn diagnose(text: &str) -> Vec<Diagnostic> {
    let (dockerfile, errors) = read(text);
    let mut found: Vec<Diagnostic> = errors.iter().map(error).collect();
    let mut stage = Stage::default();
    for statement in &dockerfile.statements {
        arrow(statement, &mut found);
        here_document(statement, &mut found);
        note(statement, &mut stage, &mut found);
    }
    sort_by_key(&mut found, |diagnostic| (diagnostic.line, diagnostic.column));
    found
}

fn error(error: &ParseError) -> Diagnostic {
    let help = match &error.problem {
        Problem::NoStage | Problem::Empty => {
            "Begin with `FROM` and an image, for instance `FROM ubuntu:latest`.".to_owned()
        }
        Problem::FromArguments => {
            "Write `FROM image` or `FROM image AS name` and nothing else. A comment stands on a line \
             of its own and begins with `#`."
                .to_owned()
        }
        Problem::UnknownInstruction(name) => unknown(name),
        Problem::NoDestination(_) => "Name what to copy and, last, where to.".to_owned(),
        Problem::NoEquals(_) => "Write `NAME=value`; put quotes around a value with spaces.".to_owned(),
        Problem::TwoArguments(name) => format!("Write `{name} NAME=value`."),
        Problem::NotStrings => "Put each element in double quotes: `[\"sleep\", \"10\"]`.".to_owned(),
        Problem::StageName(_) => "Begin the name with a letter; use letters, digits, `-`, `_` and `.`.".to_owned(),
        Problem::ShellForm => "Write a JSON array: `SHELL [\"/bin/bash\", \"-c\"]`.".to_owned(),
        Problem::UnknownFlag(_) => "Flags stand right after the instruction; this one has no such flag.".to_owned(),
        Problem::AtLeastOne(name) | Problem::ExactlyOne(name) => format!("Write what `{name}` is to use after it."),
        _ => String::new(),
    };
    diagnostic(error.span, Severity::Error, error.problem.to_string(), help)
}

/// Help for what is no instruction: the nearest one, or `RUN` if it looks like a command.
fn unknown(name: &str) -> String {
    const COMMANDS: &[&str] = &["APT-GET", "APT", "YUM", "APK", "CHMOD", "ECHO", "CD", "MKDIR", "EXPORT", "LS"];
    if COMMANDS.contains(&name) {
        return format!("To run a command while building, write `RUN {}`.", name.to_ascii_lowercase());
    }
    let nearest = INSTRUCTIONS.iter().map(|known| (distance(name, known), known)).min();
    match nearest {
        Some((1..=2, known)) => format!("Did you mean `{known}`?"),
        _ => format!("An instruction is one of {}.", INSTRUCTIONS[..12].join(", ")),
    }
}

/// An error as BuildKit says it; `text` is the Dockerfile.
pub fn today(error: &ParseError, text: &str) -> String {
    let line = error.span.line;
    let said = error.problem.to_string();
    let said = match &error.problem {
        Problem::UnknownInstruction(_) => {
            let before = |count: u32| text.lines().take(count as usize);
            let word = before(line).last().and_then(|line| line.split_whitespace().next()).unwrap_or_default();
            let nearest = INSTRUCTIONS.iter().map(|known| (distance(&word.to_ascii_uppercase(), known), *known)).min();
            // util/suggest: fewer than three edits, in the case of what was written.
            let meant = match nearest.filter(|(edits, _)| *edits < 3) {
                Some((_, known)) if word == word.to_ascii_lowercase() => known.to_ascii_lowercase(),
                Some((_, known)) => known.to_owned(),
                None => String::new(),
            };
            let meant = if meant.is_empty() { meant } else { format!(" (did you mean {meant}?)") };
            format!("unknown instruction: {word}{meant}")
        }
        Problem::UnknownFlag(_) | Problem::FlagWithoutValue(_) | Problem::FlagTwice(_) => {
            format!("{}{}", said[..1].to_ascii_lowercase(), &said[1..])
        }
        _ => said,
    };
    match error.problem.is_of_text() || error.problem == Problem::NoStage {
        true => said,
        false => format!("dockerfile parse error on line {line}: {said}"),
    }
}

/// Edits between two words, a swap of neighbours counted as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(16).collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let edit = (table[i - 1][j] + 1).min(table[i][j - 1] + 1).min(table[i - 1][j - 1] + same);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { edit.min(table[i - 2][j - 2] + 1) } else { edit }
            };
        }
    }
    table[a.len()][b.len()]
}

/// `=> note` or `# note` at the end of a line: no comment, but part of the instruction.
fn arrow(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let text = &statement.original;
    let Some(at) = text.find(" => ").or_else(|| text.find(" # ")) else { return };
    let mark = &text[at + 1..];
    let says = match &statement.instruction {
        Instruction::Run { command: Command::Shell(_), .. } if mark.starts_with("=>") => {
            let file = mark.split_whitespace().nth(1).unwrap_or_default();
            format!(
                "The shell gets this too: `=` as one more argument, and `> {file}` sends the output into a file `{file}`."
            )
        }
        Instruction::Run { command: Command::Shell(_), .. } => return,
        Instruction::Copy(_) | Instruction::Add(_) => {
            "Each of these words is taken for one more file to copy, and the last for the destination.".to_owned()
        }
        Instruction::Cmd(Command::Exec(_)) | Instruction::Entrypoint(Command::Exec(_)) => {
            "What follows the array is not looked at.".to_owned()
        }
        name => format!("`{}` takes these words as its arguments.", name.name()),
    };
    let span = within(statement, at + 1, mark);
    let help = "A comment stands on a line of its own and begins with `#`.".to_owned();
    found.push(diagnostic(span, Severity::Warning, says, help));
}

/// `RUN <<EOF`: only BuildKit reads the lines that follow as input; this builder takes them for instructions.
fn here_document(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let text = &statement.original;
    if !matches!(statement.instruction, Instruction::Run { .. } | Instruction::Copy(_) | Instruction::Add(_)) {
        return;
    }
    let Some(at) = text.find("<<") else { return };
    let word = text[at + 2..].trim_start_matches('-').trim_start_matches(['"', '\'']);
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let message = "Here-documents need BuildKit; this builder takes the next line for an instruction.".to_owned();
        let help = "Join the commands with `&&` and end each line but the last with `\\`.".to_owned();
        found.push(diagnostic(within(statement, at, &text[at..]), Severity::Warning, message, help));
    }
}

/// What the statements of one stage have said so far.
#[derive(Default)]
struct Stage {
    cmd: Option<Span>,
    entrypoint: Option<Span>,
    /// Where COPY and ADD have put files.
    added: Vec<String>,
}

fn note(statement: &Statement, stage: &mut Stage, found: &mut Vec<Diagnostic>) {
    let mut warn = |span, message: &str, help: &str| {
        found.push(diagnostic(span, Severity::Warning, message.to_owned(), help.to_owned()));
    };
    let span = statement.span;
    match &statement.instruction {
        Instruction::From { base, .. } => {
            *stage = Stage::default();
            if !base.contains([':', '@', '$']) && base != "scratch" {
                let message = format!("`{base}` is `{base}:latest`, which may be another image tomorrow.");
                found.push(diagnostic(span, Severity::Note, message, format!("Name a version: `{base}:TAG`.")));
            }
        }
        Instruction::Cmd(command) => {
            if let Some(earlier) = stage.cmd.replace(span) {
                warn(earlier, "Only the last `CMD` of a stage counts; this one has no effect.", "Remove one of them.");
            }
            malformed(statement, command, found);
        }
        Instruction::Entrypoint(command) => {
            if let Some(earlier) = stage.entrypoint.replace(span) {
                let message = "Only the last `ENTRYPOINT` of a stage counts; this one has no effect.";
                warn(earlier, message, "Remove one of them.");
            }
            malformed(statement, command, found);
        }
        Instruction::Copy(transfer) => stage.add(transfer),
        Instruction::Add(transfer) => {
            stage.add(transfer);
            let special =
                |source: &String| source.contains("://") || source.contains(".tar") || source.ends_with(".tgz");
            if !transfer.sources.iter().any(special) {
                let message =
                    "`ADD` also unpacks archives and fetches URLs; for a plain file `COPY` says what happens.";
                let help = "Write `COPY` with the same arguments.".to_owned();
                found.push(diagnostic(span, Severity::Note, message.to_owned(), help));
            }
        }
        Instruction::Run { command, .. } => {
            malformed(statement, command, found);
            if let Command::Shell(line) = command {
                run(statement, line, stage, found);
            }
        }
        Instruction::Maintainer(_) => warn(span, "`MAINTAINER` is deprecated.", "Write `LABEL maintainer=\"…\"`."),
        Instruction::OnBuild(_) => {
            warn(
                span,
                "Here an `ONBUILD` trigger is kept in the image but never runs.",
                "Write the steps where they run.",
            );
        }
        _ => {}
    }
}

/// `['a']`: no JSON, so silently the shell form.
fn malformed(statement: &Statement, command: &Command, found: &mut Vec<Diagnostic>) {
    let Command::Shell(line) = command else { return };
    if line.starts_with('[') && json_array(line) == Ok(None) {
        let message = "This is no JSON array of strings, so it is a line for the shell, `[` and all.";
        let help = "Use double quotes, commas between and none at the end: `[\"echo\", \"hi\"]`.";
        let at = statement.original.find('[').unwrap_or_default();
        let span = within(statement, at, line);
        found.push(diagnostic(span, Severity::Warning, message.to_owned(), help.to_owned()));
    }
}

fn run(statement: &Statement, line: &str, stage: &Stage, found: &mut Vec<Diagnostic>) {
    let commands: Vec<Vec<&str>> = line
        .split(['&', ';', '|'])
        .map(|command| command.split_whitespace().collect())
        .filter(|command: &Vec<&str>| !command.is_empty())
        .collect();
    for (i, command) in commands.iter().enumerate() {
        let last = i + 1 == commands.len();
        let found_here = match command[..] {
            ["cd", ..] if last => Some((
                "cd",
                "`cd` lasts as long as this instruction's shell, and that ends here.".to_owned(),
                "Use `WORKDIR` for what follows.".to_owned(),
            )),
            ["export", ..] if last => Some((
                "export",
                "`export` lasts as long as this instruction's shell, and that ends here.".to_owned(),
                "Use `ENV` for what follows.".to_owned(),
            )),
            ["sudo", ..] => Some((
                "sudo",
                "A build runs as root already; most images have no `sudo`.".to_owned(),
                "Leave `sudo` out.".to_owned(),
            )),
            [tool @ ("apt-get" | "apt" | "yum" | "dnf"), ref rest @ ..] => unattended(tool, rest),
            [tool @ ("chmod" | "chown" | "chgrp"), ref rest @ ..] => stored_again(tool, rest, stage),
            _ => None,
        };
        if let Some((word, message, help)) = found_here {
            let span = within(statement, statement.original.find(word).unwrap_or_default(), word);
            found.push(diagnostic(span, Severity::Warning, message, help));
        }
    }
}

type Found<'a> = Option<(&'a str, String, String)>;

fn unattended<'a>(tool: &'a str, arguments: &[&str]) -> Found<'a> {
    let asks = arguments.iter().any(|word| matches!(*word, "install" | "upgrade" | "update" | "remove"))
        && !(tool.starts_with("apt") && arguments.contains(&"update"));
    let answered = arguments.iter().any(|word| {
        matches!(*word, "--yes" | "--assume-yes" | "--assumeyes") || word.starts_with('-') && word[1..].contains('y')
    });
    (asks && !answered).then(|| {
        let message =
            format!("`{tool}` asks before it goes on, and nobody is there to answer while an image is built.");
        (tool, message, format!("Write `{tool} -y …`."))
    })
}

fn stored_again<'a>(tool: &'a str, arguments: &[&str], stage: &Stage) -> Found<'a> {
    let file = arguments.iter().find(|word| stage.added.iter().any(|added| added == *word))?;
    let message =
        format!("A layer cannot change the one below: this stores `{file}` a second time, whole, with its new mode.");
    let help = "Set the mode before you copy it; then the image holds the file once.".to_owned();
    Some((tool, message, help))
}

impl Stage {
    fn add(&mut self, transfer: &Transfer) {
        let destination = &transfer.destination;
        for source in &transfer.sources {
            let name = source.rsplit('/').next().unwrap_or(source);
            let inside = destination.ends_with('/') || transfer.sources.len() > 1;
            let dir = destination.trim_end_matches('/');
            self.added.push(if inside { format!("{dir}/{name}") } else { destination.clone() });
        }
    }
}

/// The place of `part`, which begins at byte `at` of the joined line; exact while it is on the first line.
fn within(statement: &Statement, at: usize, part: &str) -> Span {
    let before = statement.original.get(..at).map_or(0, |text| text.chars().count() as u32);
    let span = statement.span;
    if before >= span.length {
        return Span { length: keyword(&statement.original).0.chars().count() as u32, ..span };
    }
    let length = (part.chars().count() as u32).clamp(1, span.length - before);
    Span { column: span.column + before, length, ..span }
}

fn diagnostic(span: Span, severity: Severity, message: String, help: String) -> Diagnostic {
    Diagnostic { line: span.line, column: span.column, length: span.length, severity, message, help }
}
