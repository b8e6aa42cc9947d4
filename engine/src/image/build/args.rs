//! Build arguments: what `--build-arg` gives, `ARG` declares, and each line may use (moby `dockerfile/buildargs.go`).

use crate::sim::{Map, Set, sort};

/// Allowed and used without an `ARG` (reference.md, "Predefined ARGs"); they are left out of history and cache.
const PREDEFINED: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

#[derive(Clone, Debug, Default)]
pub(super) struct BuildArgs {
    given: Map<String, String>,
    /// `ARG` before the first `FROM`.
    global: Map<String, Option<String>>,
    /// `ARG` in this stage.
    declared: Map<String, Option<String>>,
    /// Declared anywhere.
    referenced: Set<String>,
}

impl BuildArgs {
    pub fn new(given: &[(String, String)]) -> BuildArgs {
        BuildArgs { given: given.iter().cloned().collect(), ..BuildArgs::default() }
    }

    pub fn begin_stage(&mut self) {
        self.declared.clear();
    }

    pub fn declare_global(&mut self, name: &str, default: Option<String>) {
        self.global.insert(name.to_owned(), default);
        self.referenced.insert(name.to_owned());
    }

    pub fn declare(&mut self, name: &str, default: Option<String>) {
        self.declared.insert(name.to_owned(), default);
        self.referenced.insert(name.to_owned());
    }

    /// What `FROM` and global `ARG`s may use, as `NAME=VALUE`.
    pub fn globals(&self) -> Vec<String> {
        let value = |(name, default): (&String, &Option<String>)| {
            let value = self.given.get(name).or(default.as_ref())?;
            Some(format!("{name}={value}"))
        };
        self.global.iter().filter_map(value).collect()
    }

    /// What the stage's lines may use, less what the environment sets: `ENV` beats `ARG`.
    pub fn visible(&self, env: &[String]) -> Vec<String> {
        let set: Set<&str> = env.iter().filter_map(|line| line.split('=').next()).collect();
        let predefined = PREDEFINED.iter().filter_map(|name| {
            let value = self.given.get(*name).filter(|_| !self.declared.contains_key(*name))?;
            Some(((*name).to_owned(), value.clone()))
        });
        let declared = self.declared.iter().filter_map(|(name, default)| {
            let global = || self.global.get(name).and_then(Option::as_ref);
            let value = self.given.get(name).or(default.as_ref()).or_else(global)?;
            Some((name.clone(), value.clone()))
        });
        let mut lines: Vec<String> = declared
            .chain(predefined)
            .filter(|(name, _)| !set.contains(name.as_str()))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        sort(&mut lines);
        lines
    }

    /// Does this `NAME=VALUE` count for the cache and stand in history?
    pub fn counts(&self, line: &str) -> bool {
        let name = line.split('=').next().unwrap_or(line);
        self.referenced.contains(name) || !PREDEFINED.contains(&name)
    }

    /// Given, but declared nowhere.
    pub fn unused(&self) -> Vec<&str> {
        let unused = |name: &&str| !self.referenced.contains(*name) && !PREDEFINED.contains(name);
        self.given.keys().map(String::as_str).filter(unused).collect()
    }
}
