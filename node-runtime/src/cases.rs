//! Cases: scenarios without a lesson, each a file of lines that are typed at a node's shell. Both kernels run them.
//!
//! ```text
//! # The first process of a pid namespace takes no signal from inside that it has no handler for.
//! # ids: P3
//! # kernels: v2 hybrid
//! unshare --fork --pid --mount-proc sh -c 'kill -9 1; echo still here'
//! ^C
//! ```
//!
//! The comments at the top say what it shows, which rows of `tests/facts.tsv` it proves, and on which kernels it can
//! be run, if not on all; a version (`6.14`) there is the first. `^C` and `^D` are keys.

use crate::profile::{Cgroups, Profile};
use anyhow::{Context, Result, ensure};
use engine::scenario::{Input, Linux};
use std::fs;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// What a case's file ends with.
pub const ENDING: &str = "case";
/// Where a tree has them.
const FOLDER: &str = "tests/cases";
/// Lines of one case.
const LINES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// `pid/signals-from-inside`: the folder's name and the file's.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Rows of the table of facts.
    pub rows: Vec<String>,
    /// Empty means all.
    pub kernels: Vec<String>,
    /// It wants the file system on a disk.
    pub needs_disk: bool,
    pub inputs: Vec<Input>,
}

impl Case {
    pub fn read(file: &Path) -> Result<Case> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Case::parse(&id(file), &text).with_context(|| file.display().to_string())
    }

    /// Is it what a person calls so: the case itself, or all of a room?
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.id.split('/').next() == Some(name)
    }

    fn parse(id: &str, text: &str) -> Result<Case> {
        let mut case = Case {
            id: id.to_owned(),
            title: String::new(),
            rows: Vec::new(),
            kernels: Vec::new(),
            needs_disk: false,
            inputs: Vec::new(),
        };
        let words = |list: &str| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for line in text.lines() {
            match line.strip_prefix('#').map(str::trim) {
                Some(comment) if case.inputs.is_empty() => {
                    if let Some(rows) = comment.strip_prefix("ids:") {
                        case.rows = words(rows);
                    } else if let Some(kernels) = comment.strip_prefix("kernels:") {
                        case.kernels = words(kernels);
                    } else if let Some(needs) = comment.strip_prefix("needs:") {
                        ensure!(needs.trim() == "disk", "a case can need a disk, not {}", needs.trim());
                        case.needs_disk = true;
                    } else if case.title.is_empty() {
                        case.title = comment.to_owned();
                    }
                }
                Some(_) => {}
                None if line.trim().is_empty() => {}
                None => case.inputs.push(match line {
                    "^C" => Input::Interrupt,
                    "^D" => Input::Eof,
                    line => Input::Line(line.to_owned()),
                }),
            }
        }
        ensure!(!case.title.is_empty(), "its first line has to say, behind a #, what it shows");
        let known = |name: &String| ["v1", "v2", "hybrid"].contains(&name.as_str()) || version(name).is_some();
        ensure!(
            case.kernels.iter().all(known),
            "kernels are v1, v2, hybrid and versions, not {}",
            case.kernels.join(" ")
        );
        ensure!(!case.inputs.is_empty() && case.inputs.len() <= LINES, "it has 1 to {LINES} lines");
        Ok(case)
    }

    /// Why it cannot be run on this kernel, if it cannot. A hybrid kernel has version 1's controllers.
    pub fn obstacle(&self, profile: &Profile) -> Option<String> {
        let named = match profile.cgroups {
            Cgroups::V2 => &["v2"][..],
            Cgroups::Hybrid => &["hybrid", "v1"],
            Cgroups::V1 => &["v1"],
            Cgroups::None => &[],
        };
        let first = self.kernels.iter().find_map(|kernel| version(kernel));
        if first.is_some_and(|first| profile.model().linux < first) {
            return Some(format!("it is for kernels from {} on", self.kernels.join(" ")));
        }
        let mut groups = self.kernels.iter().filter(|kernel| version(kernel).is_none()).peekable();
        let fits = groups.peek().is_none() || groups.any(|kernel| named.contains(&kernel.as_str()));
        if !fits {
            return Some(format!("it is for kernels with cgroup {}", self.kernels.join(", ")));
        }
        (self.needs_disk && !profile.disk).then(|| "it needs a file system on a disk".to_owned())
    }
}

/// The cases of a folder; without one, of the working directory's tree, and else those carried. By name.
pub fn load(folder: Option<&Path>) -> Result<Vec<Case>> {
    let here = Path::new(FOLDER);
    let Some(folder) = folder.or_else(|| here.is_dir().then_some(here)) else { return carried() };
    let mut files = Vec::new();
    find(folder, &mut files)?;
    files.sort();
    files.iter().map(|file| Case::read(file)).collect()
}

fn carried() -> Result<Vec<Case>> {
    let parse = |(name, bytes): &(&str, &[u8])| {
        let text = std::str::from_utf8(bytes).with_context(|| name.to_string())?;
        Case::parse(&id(Path::new(name)), text).with_context(|| name.to_string())
    };
    CASES.iter().map(parse).collect()
}

fn version(word: &str) -> Option<Linux> {
    let (major, minor) = word.split_once('.')?;
    Some(Linux(major.parse().ok()?, minor.parse().ok()?))
}

/// The name of the folder and that of the file.
fn id(file: &Path) -> String {
    let name = |path: Option<&std::ffi::OsStr>| path.unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", name(file.parent().and_then(Path::file_name)), name(file.file_stem()))
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_what_the_tree_has() {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER);
        assert_eq!(carried().unwrap(), load(Some(&tree)).unwrap());
    }

    #[test]
    fn a_file_is_a_title_rows_kernels_and_lines() {
        let text = "# What it shows.\n# ids: P3 P4\n# kernels: v2\n\necho x\n# aside\n^C\n";
        let case = Case::parse("pid/x", text).unwrap();
        assert_eq!((case.title.as_str(), case.rows.join(" ")), ("What it shows.", "P3 P4".to_owned()));
        assert_eq!(case.inputs, [Input::Line("echo x".into()), Input::Interrupt]);
        let on = |cgroups| case.obstacle(&Profile { kernel: "Linux 6.1.0".into(), cgroups, disk: false });
        assert_eq!(on(Cgroups::V2), None);
        assert_eq!(on(Cgroups::Hybrid).as_deref(), Some("it is for kernels with cgroup v2"));
        for (text, why) in [("echo x", "first line"), ("# x\n", "1 to 200"), ("# x\n# kernels: bsd\ny\n", "not bsd")] {
            let error = Case::parse("x", text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
