//! The `docker` command line: text in, an [`Invocation`] out.
//!
//! One [`grammar`] as data; [`flags`] takes words apart as pflag does, [`order`] turns them into what is asked of the
//! daemon, [`help`] lays out the client's texts. What Docker has and this world has not is refused by name, with the
//! reason. No file is read and nothing is sent here: that is the client program's, [`crate::program`].

pub mod flags;
pub mod grammar;
pub mod help;
mod order;
mod ports;
pub mod reference;
mod size;
#[cfg(test)]
mod tests;
mod value;
mod volumes;

pub use order::run_error;
pub use size::human_size;

use crate::docker::{Build, Request};
use crate::scenario::Era;
use flags::{FlagSet, Line};
use grammar::{Arity, Command, Does, PLUGINS, ROOT, ROOT_FLAGS};
use help::Topic;
use serde::{Deserialize, Serialize};

/// The client of the course, whose words these are where nothing else is said.
const VERSION: &str = "Docker version 20.10.24+dfsg1, build 297e128";
/// The client of today: `tests/goldens/docker-cli/client-today.txt`.
const VERSION_TODAY: &str = "Docker version 26.1.5+dfsg1, build a72d7cd";

/// What a node's environment says of the client installed there; without it, it is the course's.
pub const CLIENT_OF_TODAY: &str = "DOCKER_CLIENT=26.1.5";

/// What logrus takes.
const LOG_LEVELS: &[&str] = &["debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"];
const DEPRECATED: &str = "Flag shorthand -h has been deprecated, please use --help\n";

/// What a command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Help, a version, or what is wrong with the line: nothing is asked of the daemon.
    Print(Printed),
    /// `docker build`: the client first reads the context.
    Build(Box<BuildOrder>),
    Ask(Box<Order>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub stdout: String,
    pub stderr: String,
    pub exit_code: i32,
}

/// A request, and what the client does before it sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub request: Request,
    /// Files of `--env-file`, to be read and put before the request's own environment.
    pub env_files: Vec<String>,
    /// The client's standard input goes along. With `tty` it must be a terminal.
    pub stdin: Option<Attach>,
    /// A question to be answered with `y` first.
    pub question: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    pub tty: bool,
}

/// `docker build`, before its context is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOrder {
    pub source: Source,
    /// `-f`.
    pub dockerfile: Option<String>,
    /// Complete but for `context` and `dockerfile`.
    pub build: Build,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// `-`: a Dockerfile, or a tar, on standard input.
    Stdin,
    Directory(String),
}

/// Which client reads the line.
pub fn era_of(env: &[String]) -> Era {
    if env.iter().any(|pair| pair == CLIENT_OF_TODAY) { Era::Today } else { Era::Course }
}

fn version(era: Era) -> &'static str {
    match era {
        Era::Course => VERSION,
        Era::Today => VERSION_TODAY,
    }
}

/// Takes a command line apart: `words` without the leading `docker`, `env` as `NAME=value`.
pub fn parse(words: &[String], env: &[String]) -> Invocation {
    match parse_root(words, env) {
        Ok(invocation) => invocation,
        Err(printed) => Invocation::Print(printed),
    }
}

/// The command that `words` name, its path (`docker image ls`), and how many words that took.
pub fn find(words: &[String], era: Era) -> (Topic<'static>, String, usize) {
    let (mut command, mut path, mut used): (&'static Command, String, usize) = (&ROOT, "docker".to_string(), 0);
    while let Some(child) = words.get(used).and_then(|word| command.child(word)) {
        used += 1;
        path = format!("{path} {}", child.name);
        command = child;
    }
    (Topic { command, full: true, era }, path, used)
}

fn parse_root(words: &[String], env: &[String]) -> Result<Invocation, Printed> {
    let set = FlagSet { parts: &[ROOT_FLAGS], interspersed: false };
    // Before any command is looked up the client has not yet added `completion` to itself.
    let era = era_of(env);
    let bare_root = Topic { command: &ROOT, full: false, era };
    let line = flags::split(set, words).map_err(|message| flag_error(bare_root, "docker", &message))?;
    if let Some(level) = line.text("log-level").filter(|level| !LOG_LEVELS.contains(level)) {
        return Err(Printed::error(1, format!("Unable to parse logging level: {level}\n")));
    }
    refuse_unsupported(&line, "docker")?;
    let Some(first) = line.arguments.first() else {
        return Err(bare(&line, era));
    };
    if first == "help" {
        return Err(help_command(&line.arguments[1..], era));
    }
    if let Some(plugin) = PLUGINS.iter().find(|plugin| plugin.name == first) {
        return Err(refuse_command(plugin, "docker"));
    }
    let (topic, path, used) = find(&line.arguments, era);
    if used == 0 {
        return Err(unknown_command(first, &line, era));
    }
    parse_command(topic, &path, &line.arguments[used..], env)
}

fn parse_command(topic: Topic<'static>, path: &str, words: &[String], env: &[String]) -> Result<Invocation, Printed> {
    let command = topic.command;
    if let Does::Refused(_) = command.does {
        return Err(refuse_command(command, path.rsplit_once(' ').map_or("docker", |(parent, _)| parent)));
    }
    let line = flags::split(FlagSet::of(command), words).map_err(|message| flag_error(topic, path, &message))?;
    if line.help {
        return Err(help(topic, path, &line));
    }
    let Does::Action(action) = command.does else {
        // `docker image` alone shows its help; `docker image nonsense` is an error with the same text.
        let exit_code = i32::from(!line.arguments.is_empty());
        return Err(Printed::error(exit_code, topic.text(path)));
    };
    if !command.arity.allows(line.arguments.len()) {
        return Err(arity_error(topic, path));
    }
    order::conflicts(action, &line)?;
    refuse_unsupported(&line, path)?;
    order::build(action, &line, env)
}

impl Printed {
    fn error(exit_code: i32, stderr: String) -> Printed {
        Printed { stdout: String::new(), stderr, exit_code }
    }

    fn output(stdout: String) -> Printed {
        Printed { stdout, stderr: String::new(), exit_code: 0 }
    }
}

/// `docker`, `docker --help`, `docker --version`.
fn bare(line: &Line, era: Era) -> Printed {
    let root = Topic { command: &ROOT, full: true, era };
    if line.help {
        // Here the warning comes before the command is chosen, and is an error's.
        let stderr = if line.deprecated_help { DEPRECATED } else { "" };
        Printed { stdout: root.text("docker"), stderr: stderr.to_string(), exit_code: 0 }
    } else if line.on("version") {
        Printed::output(format!("{}\n", version(era)))
    } else {
        Printed::error(0, root.text("docker"))
    }
}

fn help_command(words: &[String], era: Era) -> Printed {
    let (topic, path, used) = find(words, era);
    if used < words.len() {
        return Printed::error(1, format!("unknown help topic: {}\n", words[used..].join(" ")));
    }
    if let Does::Refused(_) = topic.command.does {
        return refuse_command(topic.command, path.rsplit_once(' ').map_or("docker", |(parent, _)| parent));
    }
    Printed::output(topic.text(&path))
}

/// The root itself gets a line whose first word is no command, and takes flags anywhere in it.
fn unknown_command(name: &str, line: &Line, era: Era) -> Printed {
    let set = FlagSet { parts: &[ROOT_FLAGS], interspersed: true };
    let root = Topic { command: &ROOT, full: true, era };
    match flags::split(set, &line.arguments) {
        Err(message) => flag_error(root, "docker", &message),
        Ok(again) if again.help => help(root, "docker", &again),
        Ok(again) if again.on("version") || line.on("version") => Printed::output(format!("{}\n", version(era))),
        Ok(_) if line.help => help(root, "docker", line),
        Ok(_) => Printed::error(1, format!("docker: '{name}' is not a docker command.\nSee 'docker --help'\n")),
    }
}

fn help(topic: Topic, path: &str, line: &Line) -> Printed {
    let warning = "Flag shorthand -h has been deprecated, please use --help
";
    let warning = if line.deprecated_help { warning } else { "" };
    Printed::output(warning.to_string() + &topic.text(path))
}

/// cobra's FlagErrorFunc of the client: groups add their usage.
fn flag_error(topic: Topic, path: &str, message: &str) -> Printed {
    let mut text = format!("{message}\nSee '{path} --help'.\n");
    if let Does::Group(_) = topic.command.does {
        text = format!("{text}{}\n", topic.text(path));
    }
    Printed::error(125, text)
}

/// The client's cli.NoArgs and its siblings.
fn arity_error(topic: Topic, path: &str) -> Printed {
    let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
    let wants = match topic.command.arity {
        Arity::None => "accepts no arguments".to_string(),
        Arity::Exactly(n) => format!("requires exactly {n} {}", plural(n)),
        Arity::AtLeast(n) => format!("requires at least {n} {}", plural(n)),
        Arity::AtMost(n) => format!("requires at most {n} {}", plural(n)),
        Arity::Between(low, high) => format!("requires at least {low} and at most {high} {}", plural(high)),
    };
    let usage = topic.usage_line(path);
    let short = topic.words(topic.command.short);
    Printed::error(1, format!("\"{path}\" {wants}.\nSee '{path} --help'.\n\nUsage:  {usage}\n\n{short}\n"))
}

fn refuse_command(command: &Command, parent: &str) -> Printed {
    let Does::Refused(reason) = command.does else {
        return Printed::default();
    };
    let path = format!("{parent} {}", command.name);
    Printed::error(1, format!("docker: '{path}' is not simulated here: {reason}.\nSee '{parent} --help'\n"))
}

fn refuse_unsupported(line: &Line, path: &str) -> Result<(), Printed> {
    for (flag, text) in &line.flags {
        let reason = match flag.support {
            grammar::Support::Works | grammar::Support::Harmless => continue,
            grammar::Support::Only(values, _) if values.contains(&text.as_str()) => continue,
            grammar::Support::Only(_, reason) => reason,
            // A flag that is switched off asks for nothing.
            grammar::Support::Refused(_) if flag.kind == grammar::Kind::Bool && !value::is_true(text) => continue,
            grammar::Support::Refused(reason) => reason,
        };
        let name = flag.long;
        let message = format!("docker: --{name} is not simulated here: {reason}.\nSee '{path} --help'.\n");
        return Err(Printed::error(125, message));
    }
    Ok(())
}
