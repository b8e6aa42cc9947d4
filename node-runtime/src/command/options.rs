//! Words after a command, parsed once.

use crate::course::Course;
use engine::scenario::Era;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub json: bool,
    pub all: bool,
    /// A folder of cases in place of those carried.
    pub cases: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub explain: Option<String>,
    pub out: Option<PathBuf>,
    /// A folder with a course in place of the one carried.
    pub lessons: Option<PathBuf>,
    pub files: Option<PathBuf>,
    pub linux: bool,
    pub seed: u64,
    pub minutes: u64,
    pub era: Era,
    /// Lessons, or the file to replay.
    pub names: Vec<String>,
}

/// What each command takes: options, and how many names at least and at most.
fn grammar(command: &str) -> Option<(&'static [&'static str], usize, usize)> {
    Some(match command {
        "simulate" => (&["--json", "--lessons"], 1, 1),
        "verify" => (&["--json", "--all", "--cases", "--html", "--explain", "--lessons"], 0, usize::MAX),
        "record" => (&["--json", "--all", "--out", "--lessons"], 0, usize::MAX),
        "fuzz" => (&["--minutes", "--seed", "--out", "--lessons"], 0, 0),
        "measure" => (&["--out", "--lessons"], 0, 0),
        "replay" => (&["--json"], 1, 1),
        "shell" => (&["--node", "--files", "--seed", "--era", "--json", "--lessons"], 0, 0),
        "facts" | "doctor" | "bench" => (&["--json"], 0, 0),
        _ => return None,
    })
}

pub fn takes(command: &str, option: &str) -> bool {
    grammar(command).is_some_and(|(options, _, _)| options.contains(&option))
}

impl Options {
    pub fn parse(command: &str, words: &[String]) -> Result<Options, String> {
        let (known, least, most) = grammar(command).ok_or(format!("`{command}` is not a command"))?;
        let mut options = Options {
            json: false,
            all: false,
            cases: None,
            html: None,
            explain: None,
            out: None,
            lessons: None,
            files: None,
            linux: false,
            seed: 1,
            minutes: 1,
            era: Era::default(),
            names: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                options.names.push(word.clone());
                continue;
            }
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if !known.contains(&name) {
                return Err(format!("`{command}` has no option `{name}`"));
            }
            let mut value =
                || inline.clone().or_else(|| words.next().cloned()).ok_or(format!("`{name}` wants a value"));
            match name {
                "--json" => options.json = true,
                "--all" => options.all = true,
                "--cases" => options.cases = Some(value()?.into()),
                "--html" => options.html = Some(value()?.into()),
                "--explain" => options.explain = Some(value()?),
                "--out" => options.out = Some(value()?.into()),
                "--lessons" => options.lessons = Some(value()?.into()),
                "--files" => options.files = Some(value()?.into()),
                "--seed" => options.seed = number(&value()?)?,
                "--minutes" => options.minutes = number(&value()?)?,
                "--era" => options.era = one_of(name, &value()?, &[("course", Era::Course), ("today", Era::Today)])?,
                _ => options.linux = one_of(name, &value()?, &[("simulated", false), ("linux", true)])?,
            }
        }
        let count = options.names.len();
        if count < least || count > most {
            return Err(format!("`{command}` wants {least} name{}, not {count}", if least == 1 { "" } else { "s" }));
        }
        let named = !options.names.is_empty();
        let nothing = !named && !options.all && options.cases.is_none();
        if matches!(command, "verify" | "record") && (nothing || named && options.all) {
            return Err(format!("`{command}` wants names, or --all"));
        }
        Ok(options)
    }

    pub fn course(&self) -> anyhow::Result<Course> {
        Course::find(self.lessons.as_deref())
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

fn one_of<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(text, _)| *text == value).map(|(_, choice)| *choice);
    let known: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
    found.ok_or(format!("`{name}` is {}, not `{value}`", known.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        let rest: Vec<String> = words[1..].iter().map(|word| word.to_string()).collect();
        Options::parse(words[0], &rest)
    }

    #[test]
    fn words_become_options_or_a_reason() {
        let options = parse(&["verify", "images/01-x", "--html=out.html", "--explain", "node/hostname"]).unwrap();
        assert_eq!(options.names, ["images/01-x"]);
        assert_eq!(options.explain.as_deref(), Some("node/hostname"));
        assert!(parse(&["shell", "--node", "linux", "--seed", "7", "--era", "today"]).unwrap().linux);
        let cases = parse(&["verify", "--cases", "tests/cases"]).unwrap();
        assert_eq!((cases.cases, cases.all), (Some("tests/cases".into()), false));
        let wrong = [
            (vec!["verify"], "`verify` wants names, or --all"),
            (vec!["verify", "--all", "x"], "`verify` wants names, or --all"),
            (vec!["simulate"], "`simulate` wants 1 name, not 0"),
            (vec!["shell", "--node", "bsd"], "`--node` is simulated or linux, not `bsd`"),
            (vec!["shell", "--seed", "x"], "`x` is not a number"),
            (vec!["bench", "--all"], "`bench` has no option `--all`"),
            (vec!["record", "x", "--out"], "`--out` wants a value"),
            (vec!["shell", "-x"], "`shell` has no option `-x`"),
            (vec!["fly"], "`fly` is not a command"),
        ];
        for (words, reason) in wrong {
            assert_eq!(parse(&words), Err(reason.to_owned()), "{words:?}");
        }
    }
}
