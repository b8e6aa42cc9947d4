//! What a machine sent: `node-runtime boot` writes one object a line, the first and the last of them its own, between
//! them those of `verify --json`. What is no object was said by somebody in trouble.

use serde_json::Value;
use std::fmt::Write as _;

#[derive(Debug, Default)]
pub struct Report {
    boot: Option<Value>,
    lessons: Vec<Value>,
    /// Scenarios that are not for this kernel.
    skipped: u64,
    totals: Option<Value>,
    end: Option<Value>,
    /// Lines that are no objects.
    pub said: Vec<String>,
}

impl Report {
    pub fn parse(text: &str) -> Report {
        let mut report = Report::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            match serde_json::from_str::<Value>(line) {
                Ok(object) if object.get("boot").is_some() => report.boot = Some(object),
                Ok(object) if object.get("exit_code").is_some() => report.end = Some(object),
                Ok(object) if object.get("scenarios").is_some() => report.totals = Some(object),
                Ok(object) if object.get("skipped_because").is_some() => report.skipped += 1,
                Ok(object) if object.get("lesson").is_some() => report.lessons.push(object),
                _ => report.said.push(line.to_owned()),
            }
        }
        report
    }

    /// Why this is not agreement; `cgroups` is what the machine was made to have.
    pub fn fault(&self, cgroups: &str) -> Option<String> {
        let Some(boot) = &self.boot else { return Some("the machine never began to report".into()) };
        let Some(code) = self.exit_code() else { return Some("the machine ended before its report did".into()) };
        let found = text(&boot["boot"], "cgroups");
        if found != cgroups {
            return Some(format!("the machine was to have cgroups {cgroups} and has {found}"));
        }
        match (code, &self.totals) {
            (0, Some(totals)) if number(totals, "differ") == 0 && number(totals, "agree") > 0 => None,
            (0, _) => Some("verify ended well and told of no agreement".into()),
            (1, Some(totals)) => Some(format!("{} differences", number(totals, "differ"))),
            (code, _) => Some(format!("verify ended with {code}")),
        }
    }

    /// What `record --json` told, a lesson each.
    pub fn recordings(&self) -> Vec<&Value> {
        self.lessons.iter().filter(|object| object.get("points").is_some()).collect()
    }

    fn exit_code(&self) -> Option<i64> {
        self.end.as_ref()?["exit_code"].as_i64()
    }

    /// From the kernel's start until the command began, and how long it ran, by the machine's own clock.
    pub fn times_ms(&self) -> Option<(u64, u64)> {
        let (boot, end) = (number(self.boot.as_ref()?, "uptime_ms"), number(self.end.as_ref()?, "uptime_ms"));
        Some((boot, end.checked_sub(boot)?))
    }

    /// Everything that differs, as `verify` told it.
    pub fn differences(&self) -> String {
        let mut out = String::new();
        for lesson in self.lessons.iter().filter(|lesson| lesson["agrees"] != Value::Bool(true)) {
            let _ = writeln!(out, "{}:", text(lesson, "lesson"));
            if !lesson["divergence"].is_null() {
                let _ = writeln!(out, "  the first call that differs: {}", lesson["divergence"]);
            }
            for (kind, list) in [("console", &lesson["console"]), ("fact", &lesson["differing"])] {
                for difference in list.as_array().into_iter().flatten() {
                    let _ = writeln!(out, "  {kind}: {difference}");
                }
            }
        }
        out
    }

    /// A line of the matrix: which kernel, and what was compared there.
    pub fn row(&self) -> Vec<String> {
        let machine = self.boot.as_ref().map_or(&Value::Null, |boot| &boot["boot"]);
        let mut row = vec![text(machine, "kernel"), text(machine, "cgroups")];
        let totals = self.totals.as_ref().unwrap_or(&Value::Null);
        row.extend(COLUMNS[2..].iter().map(|name| match *name {
            "elsewhere" => self.skipped.to_string(),
            name => number(totals, name).to_string(),
        }));
        row
    }
}

/// `elsewhere`: scenarios that this kernel does not offer.
const COLUMNS: [&str; 9] =
    ["kernel", "cgroups", "scenarios", "elsewhere", "calls", "facts", "agree", "shared", "differ"];

/// The reports' rows under one heading: text to the left, counts to the right.
pub fn matrix(reports: &[&Report]) -> String {
    let heading = COLUMNS.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(reports.iter().map(|report| report.row())).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(n, cell)| match n {
            0 | 1 => format!("{cell:<width$}", width = width(n)),
            _ => format!("{cell:>width$}", width = width(n)),
        });
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "));
    }
    out
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or("?").to_owned()
}

fn number(object: &Value, name: &str) -> u64 {
    object[name].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str =
        r#"{"boot":{"kernel":"Linux 6.1.192","cgroups":"v2"},"modules":["00-overlay"],"uptime_ms":2500}"#;
    const AGREES: &str = r#"{"lesson":"images/layers","kernel":"Linux 6.1.192","agrees":true,"divergence":null}"#;
    const NOT_HERE: &str = r#"{"lesson":"cpu/quota","skipped_because":"it is for kernels with cgroup v1"}"#;
    const DIFFERS: &str = r#"{"lesson":"images/cake","agrees":false,"divergence":null,"console":[],"differing":[{"input":"ls","fact":"node/x","model":"1","kernel":"2"}]}"#;

    fn totals(agree: u32, differ: u32) -> String {
        format!(r#"{{"scenarios":1,"calls":9,"facts":7,"agree":{agree},"shared":2,"differ":{differ},"skipped":0}}"#)
    }

    fn report(lines: &[&str]) -> Report {
        Report::parse(&lines.join("\r\n"))
    }

    #[test]
    fn agreement_needs_a_whole_report_of_the_machine_that_was_asked_for() {
        let (some, none) = (totals(5, 0), totals(0, 0));
        let end = |code: i32| format!(r#"{{"exit_code":{code},"uptime_ms":9000}}"#);
        let agrees = report(&[BOOT, AGREES, &some, &end(0)]);
        assert_eq!(agrees.fault("v2"), None);
        assert_eq!(agrees.times_ms(), Some((2500, 6500)));
        let wrong = [
            (vec![], "never began"),
            (vec![AGREES, &some], "never began"),
            (vec![BOOT, AGREES, &some], "ended before"),
            (vec![BOOT, &end(0)], "no agreement"),
            (vec![BOOT, &none, &end(0)], "no agreement"),
            (vec![BOOT, "node-runtime: no overlay", &end(3)], "ended with 3"),
        ]
        .map(|(lines, why)| (lines.into_iter().map(str::to_owned).collect::<Vec<_>>(), why));
        for (lines, why) in wrong {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert!(report(&lines).fault("v2").unwrap().contains(why), "{lines:?}");
        }
        assert!(agrees.fault("hybrid").unwrap().contains("has v2"));
        let said = report(&[BOOT, "node-runtime: no overlay", &end(3)]).said;
        assert_eq!(said, ["node-runtime: no overlay"]);
    }

    #[test]
    fn a_difference_is_told_and_counted_in_the_matrix() {
        let some = totals(5, 1);
        let differs = report(&[BOOT, AGREES, NOT_HERE, DIFFERS, &some, r#"{"exit_code":1,"uptime_ms":9000}"#]);
        assert_eq!(differs.fault("v2").as_deref(), Some("1 differences"));
        let told = differs.differences();
        assert!(told.contains("images/cake:\n  fact: {") && told.contains("node/x"), "{told}");
        assert!(!told.contains("images/layers"), "{told}");
        let matrix = matrix(&[&differs]);
        let line: Vec<&str> = matrix.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(line, ["Linux", "6.1.192", "v2", "1", "1", "9", "7", "5", "2", "1"]);
    }
}
