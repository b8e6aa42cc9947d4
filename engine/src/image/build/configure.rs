//! Instructions that change the configuration alone, and what history says of each (moby `dockerfile/dispatchers.go`).

use super::{BuildError, StageState, ports};
use crate::call::Signal;
use crate::image::config::{RunConfig, health_text, list};
use crate::image::dockerfile::{self, Command, Instruction, Variables, expand_word, expand_words};

/// How an instruction stands in history, by era; not at all if it is empty.
pub(super) struct Comment {
    pub classic: String,
    pub today: String,
}

impl Comment {
    fn both(text: String) -> Comment {
        Comment { classic: text.clone(), today: text }
    }
}

pub(super) fn apply(
    instruction: &Instruction,
    stage: &mut StageState,
    variables: Variables<'_>,
    escape: char,
) -> Result<Comment, BuildError> {
    let expand = |word: &str| expand_word(word, variables, escape);
    let config = &mut stage.config;
    let text = match instruction {
        Instruction::Env(pairs) => {
            // All names and values first: a line sees the environment before it.
            let pairs = expanded(pairs, &expand)?;
            for (name, value) in &pairs {
                config.set_env(name, value);
            }
            format!("ENV {}", joined(&pairs))
        }
        Instruction::Label(pairs) => {
            let pairs = expanded(pairs, &expand)?;
            config.labels.get_or_insert_default().extend(pairs.iter().cloned());
            format!("LABEL {}", joined(&pairs))
        }
        Instruction::Arg(args) => {
            let mut words = Vec::new();
            for (name, default) in args {
                words.push(match default {
                    Some(default) => format!("{name}={}", expand(default)?),
                    None => name.clone(),
                });
            }
            format!("ARG {}", words.join(" "))
        }
        Instruction::Expose(specs) => return expose(specs, stage, variables, escape),
        Instruction::User(user) => {
            config.user = expand(user)?;
            format!("USER {}", config.user)
        }
        Instruction::Volume(paths) => {
            let paths = paths.iter().map(|path| expand(path)).collect::<Result<Vec<_>, _>>()?;
            if paths.iter().any(String::is_empty) {
                return Err(BuildError::Refused("VOLUME specified can not be an empty string".to_owned()));
            }
            config.volumes.extend(paths.iter().cloned());
            format!("VOLUME [{}]", paths.join(" "))
        }
        Instruction::StopSignal(signal) => {
            let signal = expand(signal)?;
            if !is_signal(&signal) {
                return Err(BuildError::Refused(format!("Invalid signal: {signal}")));
            }
            config.stop_signal = Some(signal.clone());
            format!("STOPSIGNAL {signal}")
        }
        Instruction::Cmd(command) => {
            let argv = command.argv(&config.shell());
            config.cmd = Some(argv.clone());
            config.args_escaped = true;
            stage.cmd_set = true;
            format!("CMD {}", list(&argv))
        }
        Instruction::Entrypoint(command) => {
            // Nothing after it takes the entry point away.
            let nothing = matches!(command, Command::Shell(line) if line.is_empty());
            let argv = if nothing { Vec::new() } else { command.argv(&config.shell()) };
            config.entrypoint = Some(argv.clone()).filter(|argv| !argv.is_empty());
            // An inherited CMD was meant for the inherited ENTRYPOINT.
            if !stage.cmd_set {
                config.cmd = None;
            }
            format!("ENTRYPOINT {}", list(&argv))
        }
        Instruction::Shell(shell) => {
            config.shell = Some(shell.clone());
            format!("SHELL [{}]", shell.join(" "))
        }
        Instruction::Healthcheck(healthcheck) => {
            config.healthcheck = Some(healthcheck.clone());
            let classic = format!("HEALTHCHECK {}", health_text(healthcheck));
            // BuildKit's has one more interval, for the start.
            let today = classic.replacen(" '", " \"0s\" '", 1);
            return Ok(Comment { classic, today });
        }
        Instruction::OnBuild(trigger) => {
            config.on_build.push(trigger.clone());
            return Ok(Comment { classic: format!("ONBUILD {trigger}"), today: String::new() });
        }
        Instruction::Maintainer(name) => {
            stage.author = name.clone();
            format!("MAINTAINER {name}")
        }
        other => return Err(BuildError::Refused(format!("{} is not a configuration", other.name()))),
    };
    Ok(Comment::both(text))
}

/// One `--change` of `docker commit`: an instruction that changes a configuration (moby `BuildFromConfig`).
pub fn change(config: &mut RunConfig, change: &str) -> Result<(), String> {
    /// `validCommitCommands`.
    const VALID: [&str; 10] =
        ["cmd", "entrypoint", "healthcheck", "env", "expose", "label", "onbuild", "user", "volume", "workdir"];
    let name = change.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if !VALID.contains(&name.as_str()) {
        return Err(format!("{name} is not a valid change command"));
    }
    let parsed = dockerfile::parse(&format!("FROM scratch\n{change}\n")).map_err(|error| error.problem.to_string())?;
    let Some(statement) = parsed.statements.get(1) else { return Ok(()) };
    let variables = config.env.clone();
    if let Instruction::Workdir(dir) = &statement.instruction {
        config.working_dir = expand_word(dir, &variables, parsed.escape).map_err(|error| error.why)?;
        return Ok(());
    }
    let mut stage = StageState { config: std::mem::take(config), ..StageState::default() };
    let applied = apply(&statement.instruction, &mut stage, &variables, parsed.escape);
    *config = stage.config;
    applied.map(|_| ()).map_err(|error| error.to_string())
}

fn expose(
    specs: &[String],
    stage: &mut StageState,
    variables: Variables<'_>,
    escape: char,
) -> Result<Comment, BuildError> {
    let mut words = Vec::new();
    for spec in specs {
        words.extend(expand_words(spec, variables, escape)?);
    }
    let mut exposed = Vec::new();
    for word in &words {
        exposed.extend(ports::exposed(word)?);
    }
    let shown: Vec<String> = exposed.iter().map(|port| format!("{port}:{{}}")).collect();
    stage.config.exposed_ports.extend(exposed);
    let today = format!("EXPOSE map[{}]", shown.join(" "));
    Ok(Comment { classic: format!("EXPOSE {}", words.join(" ")), today })
}

fn expanded<E>(
    pairs: &[(String, String)],
    expand: &impl Fn(&str) -> Result<String, E>,
) -> Result<Vec<(String, String)>, E> {
    pairs.iter().map(|(name, value)| Ok((expand(name)?, expand(value)?))).collect()
}

fn joined(pairs: &[(String, String)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words.join(" ")
}

/// A number from 1 to 64, or a name with or without `SIG`.
fn is_signal(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    match text.parse::<u32>() {
        Ok(number) => (1..=64).contains(&number),
        Err(_) => Signal::ALL.iter().any(|signal| signal.name()["SIG".len()..] == *name),
    }
}
