//! Variables, positional and special parameters (POSIX.1-2017, 2.5 Parameters and Variables).

use super::syntax::is_name;
use super::{Shell, Task};
use crate::program::machine::Cx;
use crate::sim::Map;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Var {
    pub value: Option<String>,
    pub exported: bool,
    pub readonly: bool,
}

/// What a function call hides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub params: Vec<String>,
    pub locals: Vec<(String, Option<Var>)>,
}

pub fn from_env(env: &[String]) -> Map<String, Var> {
    let mut vars: Map<String, Var> = env
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), Var { value: Some(value.to_owned()), exported: true, readonly: false }))
        .collect();
    // dash sets these itself; IFS is never taken from the environment.
    vars.insert("IFS".to_owned(), Var { value: Some(" \t\n".to_owned()), ..Var::default() });
    vars.insert("OPTIND".to_owned(), Var { value: Some("1".to_owned()), ..Var::default() });
    let defaults = [("PATH", DEFAULT_PATH), ("PS2", "> "), ("PS4", "+ ")];
    for (name, value) in defaults {
        vars.get_or_insert_with(name.to_owned(), || Var { value: Some(value.to_owned()), ..Var::default() });
    }
    vars
}

/// dash's own, where the environment has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Shell {
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).and_then(|var| var.value.as_deref())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        if name == "PATH" {
            self.found.clear();
        }
        self.vars.get_or_insert_with(name.to_owned(), Default::default).value = Some(value.to_owned());
    }

    /// An assignment that was typed: `false`, and the shell gives up, if the variable is read-only.
    pub fn assign(&mut self, name: &str, value: &str, cx: &mut Cx<Task>) -> bool {
        if self.vars.get(name).is_some_and(|var| var.readonly) {
            self.say(cx, &format!("{name}: is read only"));
            self.abort(2, cx);
            return false;
        }
        self.set(name, value);
        true
    }

    /// What a parameter stands for; `@` and `*` are the expansion's business.
    pub fn parameter(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(self.pid.to_string()),
            "!" => self.last_background.map(|pid| pid.to_string()),
            "#" => Some(self.params.len().to_string()),
            "-" => Some(self.options.letters(self.interactive)),
            "0" => Some(self.arg0.clone()),
            "LINENO" => Some(self.line.to_string()),
            "@" | "*" => (!self.params.is_empty()).then(|| self.params.join(" ")),
            name => match name.parse::<usize>() {
                Ok(n) => self.params.get(n.wrapping_sub(1)).cloned(),
                Err(_) => self.var(name).map(str::to_owned),
            },
        }
    }

    /// The environment of a command with `extra` assignments before it, in the order of names.
    pub fn environment(&self, extra: &[(String, String)]) -> Vec<String> {
        let mut env: Map<&str, &str> = self
            .vars
            .iter()
            .filter(|(_, var)| var.exported)
            .filter_map(|(name, var)| Some((name.as_str(), var.value.as_deref()?)))
            .collect();
        env.extend(extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        env.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Gives variables the values they had.
    pub fn restore(&mut self, saved: Vec<(String, Option<Var>)>) {
        for (name, var) in saved.into_iter().rev() {
            if name == "PATH" {
                self.found.clear();
            }
            match var {
                Some(var) => self.vars.insert(name, var),
                None => self.vars.remove(&name),
            };
        }
    }

    /// Assigns for the time of a builtin or function; the result undoes it.
    pub fn assign_for_now(&mut self, assigns: &[(String, String)]) -> Vec<(String, Option<Var>)> {
        let mut saved = Vec::with_capacity(assigns.len());
        for (name, value) in assigns {
            saved.push((name.clone(), self.vars.get(name).cloned()));
            self.set(name, value);
            if let Some(var) = self.vars.get_mut(name) {
                var.exported = true;
            }
        }
        saved
    }
}
