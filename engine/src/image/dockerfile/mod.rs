//! Dockerfiles: text in, typed instructions with their places out.
//!
//! Read as the classic builder of Docker 20.10 reads them (buildkit `frontend/dockerfile`: parser, instructions, shell),
//! with its messages. Two phases, as there: the *text* phase splits every line into an instruction and its arguments and
//! fails with `failed to parse Dockerfile: …`; the *instruction* phase gives them types, in order, and fails with
//! `dockerfile parse error line N: …`. Variables are expanded later, by [`crate::image::build`], with [`expand`].
//!
//! Here-documents are refused, as by that builder; `ONBUILD` is kept as text. Nothing here opens a file.

mod expand;
mod ignore;
mod instruction;
mod lines;
mod lint;
mod words;

#[cfg(test)]
mod tests;

pub use expand::{ExpandError, Variables, expand_label, expand_word, expand_words};
pub use ignore::{Ignore, IgnoreError};
pub use lines::here_document;
pub use lint::{diagnose, today};

use serde::{Deserialize, Serialize};

/// A Dockerfile that was read without errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dockerfile {
    /// `\`, or what `# escape=` chose.
    pub escape: char,
    /// In the order of the text; `ARG`s may stand before the first `FROM`.
    pub statements: Vec<Statement>,
    /// What the builder prints to standard error before the first step.
    pub warnings: Vec<String>,
}

/// One instruction as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub instruction: Instruction,
    /// The line with its continuations joined: what `Step 2/5 : …` shows.
    pub original: String,
    pub span: Span,
}

/// A place in the text. Lines and columns count from 1; columns and lengths are characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    /// On its first line.
    pub length: u32,
    /// The last line that belongs to it.
    pub last_line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instruction {
    From {
        base: String,
        /// `AS NAME`, in lower case.
        name: Option<String>,
        platform: Option<String>,
    },
    Run {
        command: Command,
        /// `--mount`, which only BuildKit has.
        mount: Option<String>,
    },
    Cmd(Command),
    Entrypoint(Command),
    Copy(Transfer),
    Add(Transfer),
    /// Names and values still quoted and unexpanded.
    Env(Vec<(String, String)>),
    Label(Vec<(String, String)>),
    Arg(Vec<(String, Option<String>)>),
    /// Sorted, as the parser leaves them.
    Expose(Vec<String>),
    User(String),
    Workdir(String),
    Volume(Vec<String>),
    StopSignal(String),
    Shell(Vec<String>),
    Healthcheck(Healthcheck),
    /// The trigger as it was written.
    OnBuild(String),
    Maintainer(String),
}

impl Instruction {
    /// The instruction's name in capitals.
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::From { .. } => "FROM",
            Instruction::Run { .. } => "RUN",
            Instruction::Cmd(_) => "CMD",
            Instruction::Entrypoint(_) => "ENTRYPOINT",
            Instruction::Copy(_) => "COPY",
            Instruction::Add(_) => "ADD",
            Instruction::Env(_) => "ENV",
            Instruction::Label(_) => "LABEL",
            Instruction::Arg(_) => "ARG",
            Instruction::Expose(_) => "EXPOSE",
            Instruction::User(_) => "USER",
            Instruction::Workdir(_) => "WORKDIR",
            Instruction::Volume(_) => "VOLUME",
            Instruction::StopSignal(_) => "STOPSIGNAL",
            Instruction::Shell(_) => "SHELL",
            Instruction::Healthcheck(_) => "HEALTHCHECK",
            Instruction::OnBuild(_) => "ONBUILD",
            Instruction::Maintainer(_) => "MAINTAINER",
        }
    }
}

/// Every instruction's name, as a suggestion or a completion offers it.
pub const INSTRUCTIONS: &[&str] = &[
    "FROM",
    "RUN",
    "CMD",
    "ENTRYPOINT",
    "COPY",
    "ADD",
    "ENV",
    "LABEL",
    "ARG",
    "EXPOSE",
    "USER",
    "WORKDIR",
    "VOLUME",
    "STOPSIGNAL",
    "SHELL",
    "HEALTHCHECK",
    "ONBUILD",
    "MAINTAINER",
];

/// What RUN, CMD and ENTRYPOINT take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A line for the shell.
    Shell(String),
    /// A JSON array of strings: no shell. May be empty.
    Exec(Vec<String>),
}

impl Command {
    /// The arguments, with `shell` (`/bin/sh -c`) before a shell form.
    pub fn argv(&self, shell: &[String]) -> Vec<String> {
        match self {
            Command::Exec(argv) => argv.clone(),
            // An empty line is no argument at all: `RUN` alone is `/bin/sh -c`.
            Command::Shell(line) if line.is_empty() => shell.to_vec(),
            Command::Shell(line) => shell.iter().chain([line]).cloned().collect(),
        }
    }
}

/// What COPY and ADD take, unexpanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub sources: Vec<String>,
    pub destination: String,
    pub from: Option<String>,
    pub chown: Option<String>,
    pub chmod: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Healthcheck {
    None,
    /// Durations as Docker keeps them; 0 is the default.
    Command {
        command: Command,
        interval_ns: i64,
        timeout_ns: i64,
        start_period_ns: i64,
        retries: i64,
    },
}

/// Why a Dockerfile cannot be read. Its text is the daemon's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub span: Span,
    pub problem: Problem,
}

impl std::error::Error for ParseError {}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.problem.is_of_text() {
            write!(f, "failed to parse Dockerfile: {}", self.problem)
        } else if self.problem == Problem::NoStage {
            write!(f, "{}", self.problem)
        } else {
            write!(f, "dockerfile parse error line {}: {}", self.span.line, self.problem)
        }
    }
}

/// What is wrong, in the words of Docker 20.10.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    // ── of the text phase
    #[error("file with no instructions")]
    Empty,
    #[error("dockerfile line greater than maximum allowed size of {}", lines::LINE_BYTES)]
    LongLine,
    #[error("only one {0} parser directive can be used")]
    DirectiveTwice(String),
    #[error("invalid escape token '{0}' does not match ` or \\")]
    EscapeToken(String),
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    #[error("Syntax error - can't find = in {0}. Must be of the form: name=value")]
    NoEquals(String),
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    NotStrings,
    // ── of the instruction phase
    #[error("no build stage in current context")]
    NoStage,
    #[error("unknown instruction: {0}")]
    UnknownInstruction(String),
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    #[error("invalid name for build stage: {0}, name can't start with a number or contain symbols")]
    StageName(String),
    #[error("{0} requires at least one argument")]
    AtLeastOne(&'static str),
    #[error("{0} requires exactly one argument")]
    ExactlyOne(&'static str),
    #[error("{0} requires at least two arguments, but only one was provided. Destination could not be determined")]
    NoDestination(&'static str),
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    #[error("Unknown flag: {0}")]
    UnknownFlag(String),
    #[error("Missing a value on flag: {0}")]
    FlagWithoutValue(String),
    #[error("Duplicate flag specified: {0}")]
    FlagTwice(String),
    #[error("VOLUME specified can not be an empty string")]
    BlankVolume,
    #[error("SHELL requires the arguments to be in JSON form")]
    ShellForm,
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    #[error("Unknown type {0} in HEALTHCHECK (try CMD)")]
    HealthcheckType(String),
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    #[error("time: invalid duration {0}")]
    Duration(String),
    #[error("Interval {0} cannot be less than 1ms")]
    ShortInterval(String),
    #[error("strconv.ParseInt: parsing {0}: invalid syntax")]
    Number(String),
    #[error("--retries must be at least 1 (not {0})")]
    Retries(i64),
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    OnBuildChain,
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    OnBuildTrigger(String),
}

impl Problem {
    fn is_of_text(&self) -> bool {
        use Problem::*;
        matches!(
            self,
            Empty | LongLine | DirectiveTwice(_) | EscapeToken(_) | TwoArguments(_) | NoEquals(_) | NotStrings
        )
    }
}

/// Reads a Dockerfile; the error is the one that Docker reports first.
pub fn parse(text: &str) -> Result<Dockerfile, ParseError> {
    let (dockerfile, mut errors) = read(text);
    if errors.is_empty() {
        return Ok(dockerfile);
    }
    let first = errors.iter().position(|error| error.problem.is_of_text()).unwrap_or(0);
    Err(errors.swap_remove(first))
}

/// Every statement that can be read and every error, in the order of the text.
fn read(text: &str) -> (Dockerfile, Vec<ParseError>) {
    let (lines, mut errors) = lines::split(text);
    let mut statements = Vec::new();
    let mut in_stage = false;
    for line in &lines.lines {
        match instruction::parse(line, lines.escape) {
            Ok(instruction) => {
                in_stage |= matches!(instruction, Instruction::From { .. });
                if !in_stage && !matches!(instruction, Instruction::Arg(_)) {
                    errors.push(ParseError { span: line.keyword_span(), problem: Problem::NoStage });
                    // Said once.
                    in_stage = true;
                }
                statements.push(Statement { instruction, original: line.text.clone(), span: line.span() });
            }
            Err(error) => {
                // A `FROM` with a mistake in it was still meant to begin a stage.
                in_stage |= line.text.get(..4).is_some_and(|keyword| keyword.eq_ignore_ascii_case("from"));
                errors.push(error);
            }
        }
    }
    if lines.lines.is_empty() && errors.is_empty() {
        errors.push(ParseError { span: Span { line: 1, column: 1, length: 1, last_line: 1 }, problem: Problem::Empty });
    }
    (Dockerfile { escape: lines.escape, statements, warnings: lines.warnings }, errors)
}

/// A string as Go's `%q` shows it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
