//! `cargo xtask lint`: formatting, clippy, and what no general tool knows: which words `engine` must not contain, and
//! which parts of `engine` the page may name.

use crate::{tools, tree};
use anyhow::{Context, bail};
use std::fs;
use std::path::Path;

/// I1 and I2: no I/O, no clock, no thread, no environment, no global, no hash order, one source for every target.
const NOT_IN_ENGINE: [&str; 20] = [
    "HashMap",
    "HashSet",
    "std::time",
    "Instant::now",
    "SystemTime",
    "std::fs",
    // Addresses are data; sockets are not.
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::thread",
    "std::process",
    "thread_local!",
    "thread_rng",
    "getrandom",
    "wasm_bindgen",
    "cfg(target",
    "static mut",
    "println!",
    "RandomState",
];

/// I8: the page shows facts and computes none. These modules of `engine` hold plain data and how to read it.
const FOR_THE_PAGE: [&str; 9] = ["call", "docker", "fact", "image", "node", "scenario", "session", "sim", "trace"];
/// Parts of those that would run a world in the page.
const NOT_FOR_THE_PAGE: [&str; 4] = ["session::Session", "fact::observe", "scenario::run", "sim::Rng"];

pub fn lint() -> anyhow::Result<()> {
    tools::run(tools::cargo().args(["fmt", "--all", "--check"])).context("`cargo fmt --all` mends this")?;
    let deny = ["--", "--deny", "warnings"];
    tools::run(tools::cargo().args(["clippy", "--workspace", "--exclude", "frontend", "--all-targets"]).args(deny))?;
    tools::add_target(tools::WASM)?;
    for package in ["frontend", "engine-abi"] {
        tools::run(tools::cargo().args(["clippy", "--package", package, "--target", tools::WASM]).args(deny))?;
    }
    words()
}

/// The lints on words alone, which `cargo test` runs too.
pub fn words() -> anyhow::Result<()> {
    let mut found = Vec::new();
    each_line(&tree::root().join("engine/src"), &mut |place, line| {
        for word in NOT_IN_ENGINE.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{place}: `{word}` has no place in engine (I1, I2)"));
        }
    })?;
    each_line(&tree::root().join("frontend/src"), &mut |place, line| {
        found.extend(of_engine(line).iter().map(|part| format!("{place}: the page must not use engine::{part} (I8)")));
    })?;
    if found.is_empty() { Ok(()) } else { bail!("{}", found.join("\n")) }
}

/// What a line of the page names in `engine` and must not.
fn of_engine(line: &str) -> Vec<String> {
    let paths = line.match_indices("engine::").filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    });
    paths
        .filter_map(|(at, word)| {
            let path: String = line[at + word.len()..]
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || "_:".contains(*letter))
                .collect();
            let module = path.split("::").next().unwrap_or_default();
            // `use engine::{…}` hides its paths from a line: one `use` for each module.
            let allowed = FOR_THE_PAGE.contains(&module) && !NOT_FOR_THE_PAGE.iter().any(|part| path.starts_with(part));
            (!allowed).then_some(if path.is_empty() { "{…}".into() } else { path })
        })
        .collect()
}

/// Calls with each line of code below `directory`, without comments, up to the tests of a file.
fn each_line(directory: &Path, tell: &mut dyn FnMut(&str, &str)) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            each_line(&path, tell)?;
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            let text = fs::read_to_string(&path)?;
            let shown = path.strip_prefix(tree::root()).unwrap_or(&path).display().to_string();
            for (index, line) in text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]") {
                tell(&format!("{shown}:{}", index + 1), line.split("//").next().unwrap_or_default());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_is_pure_and_the_page_only_shows() {
        words().unwrap();
    }

    #[test]
    fn the_page_may_name_data_and_nothing_that_computes() {
        assert!(of_engine("use engine::fact::Facts;").is_empty());
        assert!(of_engine("use engine::session::{Ask, Reply};").is_empty());
        assert_eq!(of_engine("let world = engine::world::World::new();"), ["world::World::new"]);
        assert_eq!(of_engine("use engine::session::Session;"), ["session::Session"]);
        assert_eq!(of_engine("use engine::{fact, world};"), ["{…}"]);
        assert!(of_engine("my_engine::x()").is_empty());
    }
}
