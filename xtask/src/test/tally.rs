//! Counts what libtest prints. The format is that of `cargo test -- --show-output`.

use std::collections::BTreeSet;
use std::fmt;

#[derive(Debug, Default)]
pub struct Tally {
    pub passed: Vec<String>,
    pub failed: Vec<String>,
    /// Name and reason.
    pub skipped: BTreeSet<(String, String)>,
    section: Section,
    /// Whose output is being read.
    speaker: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Tests,
    /// Output of tests that passed.
    Successes,
    /// Output of tests that failed, then their names.
    Failures,
}

impl Tally {
    /// Takes one line of standard output; `true` if a person wants to see it.
    pub fn line(&mut self, line: &str) -> bool {
        if let Some((reason, name)) = line.strip_prefix("SKIPPED(").and_then(|rest| rest.rsplit_once("): ")) {
            self.skipped.insert((name.trim().into(), reason.into()));
            return false;
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.speaker = name.into();
        }
        // Where the test need not say its name: libtest does.
        if let (Some(reason), Section::Successes) = (line.strip_prefix("SKIPPED: "), self.section) {
            self.skipped.insert((self.speaker.clone(), reason.into()));
            return false;
        }
        match line {
            "successes:" => self.section = Section::Successes,
            "failures:" => self.section = Section::Failures,
            _ if line.starts_with("test result: ") || line.starts_with("running ") => self.section = Section::Tests,
            _ => {}
        }
        if self.section == Section::Tests
            && let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        {
            return self.outcome(name.trim_end_matches(" - should panic"), outcome);
        }
        self.section == Section::Failures || line.starts_with("test result: FAILED")
    }

    fn outcome(&mut self, name: &str, outcome: &str) -> bool {
        match outcome.split(',').next().unwrap_or_default() {
            "ok" => self.passed.push(name.into()),
            "ignored" => {
                let reason = outcome.split_once(", ").map_or("ignored", |(_, reason)| reason);
                self.skipped.insert((name.into(), reason.into()));
            }
            _ => self.failed.push(name.into()),
        }
        outcome.starts_with("FAILED")
    }

    /// Every line of `floor` names a test that must have passed.
    pub fn hold_against(&mut self, floor: &str) {
        let names = floor.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for name in names {
            let ran = self.really_passed().any(|test| test == name);
            if !ran && !self.failed.iter().any(|test| test == name) {
                self.failed.push(format!("{name}: must run in CI (tests/floor.txt) and did not"));
            }
        }
    }

    /// libtest says `ok` of a test that skipped itself.
    fn really_passed(&self) -> impl Iterator<Item = &String> {
        self.passed.iter().filter(|test| !self.skipped.iter().any(|(name, _)| name == *test))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, reason) in &self.skipped {
            writeln!(f, "skipped({reason}) {name}")?;
        }
        for name in &self.failed {
            writeln!(f, "failed {name}")?;
        }
        let (passed, failed, skipped) = (self.really_passed().count(), self.failed.len(), self.skipped.len());
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 5 tests
test a::works ... ok
test a::is_slow ... ignored, takes an hour
test a::breaks ... FAILED
test b::needs_a_kernel ... ok
test b::needs_root ... ok

successes:

---- b::needs_root stdout ----
SKIPPED: a node needs root

---- b::needs_a_kernel stdout ----
SKIPPED(no overlayfs (see doctor)): b::needs_a_kernel
test that is only words ... ok

successes:
    a::works

failures:

---- a::breaks stdout ----
why

failures:
    a::breaks

test result: FAILED. 2 passed; 1 failed; 1 ignored
";

    fn tally() -> (Tally, Vec<&'static str>) {
        let mut tally = Tally::default();
        let shown = OUTPUT.lines().filter(|line| tally.line(line)).collect();
        (tally, shown)
    }

    #[test]
    fn what_ran_is_counted_and_a_skip_is_not_a_pass() {
        let (tally, shown) = tally();
        let text = tally.to_string();
        assert!(text.ends_with("\n1 passed, 1 failed, 3 skipped\n"), "{text}");
        assert!(text.contains("skipped(no overlayfs (see doctor)) b::needs_a_kernel\n"), "{text}");
        assert!(text.contains("skipped(a node needs root) b::needs_root\n"), "{text}");
        assert!(shown.contains(&"why") && !shown.contains(&"test a::works ... ok"), "{shown:?}");
    }

    #[test]
    fn the_floor_wants_tests_that_passed() {
        let (mut tally, _) = tally();
        tally.hold_against("# a comment\na::works\n");
        assert_eq!(tally.failed.len(), 1);
        tally.hold_against("b::needs_a_kernel\nc::was_removed\na::breaks\n");
        assert_eq!(tally.failed.len(), 3, "{:?}", tally.failed);
    }
}
