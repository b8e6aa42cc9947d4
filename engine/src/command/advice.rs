//! A friendly second line after a line failed: what is not simulated here and what to do instead, and what
//! may have been meant. The real tools print none of this; it is shown apart from their output.

mod docker;
mod nearest;
mod table;

#[cfg(test)]
mod tests;

use super::complete::{Context, Place};
use super::shell::BUILTINS;
use super::words;
use nearest::nearest;
use table::UNKNOWN;

/// A shell's exit code for a command that is not there.
const NOT_FOUND: i32 = 127;

/// Advice on `line`, which ended with `exit_code`; none if it succeeded or if there is nothing useful to say.
pub fn advise(line: &str, exit_code: i32, context: &dyn Context) -> Option<String> {
    if exit_code == 0 {
        return None;
    }
    words::simple_commands(line).iter().find_map(|simple| of_command(&simple.words, exit_code, context))
}

fn of_command(words: &[String], exit_code: i32, context: &dyn Context) -> Option<String> {
    let (command, rest) = words.split_first()?;
    let name = command.rsplit('/').next().unwrap_or(command);
    let place = context.console();
    let known = |name: &str| {
        BUILTINS.iter().any(|(builtin, _)| *builtin == name)
            || context.executables(&place).iter().any(|own| own == name)
    };
    if known(name) {
        return match name {
            "docker" if place == Place::Node => docker::advise(rest, context),
            _ => None,
        };
    }
    if exit_code != NOT_FOUND {
        return None;
    }
    if name == "docker" {
        return Some("There is no docker inside a container. `exit` leaves it.".to_string());
    }
    if let Some((_, advice)) = UNKNOWN.iter().find(|(names, _)| names.contains(&name)) {
        return Some(advice.to_string());
    }
    let mut names = context.executables(&place);
    names.extend(BUILTINS.iter().map(|(name, _)| name.to_string()));
    nearest(name, names.iter().map(String::as_str)).map(|meant| format!("Did you mean `{meant}`?"))
}
