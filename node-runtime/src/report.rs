//! A comparison for people (text, HTML) and for programs (JSON, one object a line).
//!
//! It computes nothing: verdicts and totals are `engine::compare`'s, meanings the catalogue's.

use crate::profile::Profile;
use engine::compare::{Comparison, FactComparison, Totals, Verdict};
use engine::fact::Value;
use engine::fact::catalogue::kind_of;
use std::fmt::Write as _;

/// Facts that differ are shown up to this many; the rest is counted.
const SHOWN: usize = 40;

/// One lesson's comparison, with its name and where it was made.
#[derive(Debug)]
pub struct Report {
    pub lesson: String,
    pub title: String,
    /// Of the kernel that the model was compared with.
    pub profile: Profile,
    pub comparison: Comparison,
}

impl Report {
    pub fn text(&self) -> String {
        let totals = self.comparison.totals();
        let verdict = if totals.differ == 0 { "agrees" } else { "DIFFERS" };
        let mut out = format!("{}: {verdict} with {}\n  {}\n", self.lesson, self.profile, totals_text(totals));
        if let Some(d) = &self.comparison.divergence {
            let _ = writeln!(out, "  the first call that differs, at `{}`, call {}:", d.input, d.call);
            for call in &d.before {
                let _ = writeln!(out, "      both    {call}");
            }
            let _ = writeln!(out, "      model   {}\n      kernel  {}", d.left, d.right);
        }
        let mut shown = 0;
        for step in &self.comparison.steps {
            if let Some(console) = &step.console {
                let _ = writeln!(out, "  console at `{}`:", step.input);
                let _ = writeln!(out, "      model   {:?}\n      kernel  {:?}", console.left, console.right);
            }
            for fact in step.facts.iter().filter(|fact| fact.verdict == Verdict::Differ) {
                shown += 1;
                if shown <= SHOWN {
                    let (left, right) = (value(fact.left.as_ref()), value(fact.right.as_ref()));
                    let _ = writeln!(
                        out,
                        "  {} at `{}`:\n      model   {left}\n      kernel  {right}",
                        fact.path, step.input
                    );
                }
            }
        }
        if shown > SHOWN {
            let _ = writeln!(out, "  and {} facts more", shown - SHOWN);
        }
        out
    }

    /// One object: totals, and what differs.
    pub fn json(&self) -> String {
        let totals = self.comparison.totals();
        let differing = self.comparison.steps.iter().flat_map(|step| {
            step.facts.iter().filter(|fact| fact.verdict == Verdict::Differ).map(|fact| {
                serde_json::json!({
                    "input": step.input,
                    "fact": fact.path,
                    "model": value(fact.left.as_ref()),
                    "kernel": value(fact.right.as_ref()),
                })
            })
        });
        let consoles = self.comparison.steps.iter().filter_map(|step| {
            let console = step.console.as_ref()?;
            Some(serde_json::json!({ "input": step.input, "model": console.left, "kernel": console.right }))
        });
        with_totals(
            serde_json::json!({
                "lesson": self.lesson,
                "kernel": self.profile.kernel,
                "cgroups": self.profile.cgroups,
                "agrees": totals.differ == 0,
                "divergence": self.comparison.divergence,
                "console": consoles.collect::<Vec<_>>(),
                "differing": differing.collect::<Vec<_>>(),
            }),
            totals,
        )
    }

    /// A fact through the steps: its meaning, its witness, and what each side said.
    pub fn explain(&self, path: &str) -> String {
        let mut out = format!("{path}\n");
        match kind_of(path) {
            None => out.push_str("  not in the catalogue\n"),
            Some(kind) => {
                let witness = if kind.witness.is_empty() { "none: both sides share the code" } else { kind.witness };
                let _ = writeln!(out, "  meaning   {}", kind.meaning);
                let _ = writeln!(out, "  source    {}", kind.source);
                let _ = writeln!(out, "  evidence  {:?}", kind.evidence);
                let _ = writeln!(out, "  witness   {witness}");
                let _ = writeln!(out, "  compared  {:?}", kind.agreement);
            }
        }
        for step in &self.comparison.steps {
            for fact in step.facts.iter().filter(|fact| fact.path == path) {
                let (left, right) = (value(fact.left.as_ref()), value(fact.right.as_ref()));
                let _ = writeln!(
                    out,
                    "  after `{}`: model {left}, kernel {right}: {}",
                    step.input,
                    verdict_text(&fact.verdict)
                );
            }
        }
        out
    }
}

/// A scenario that this kernel cannot run; as an object it is told apart by `skipped_because`.
pub fn skipped(id: &str, why: &str, json: bool) -> String {
    if json {
        serde_json::json!({ "lesson": id, "skipped_because": why }).to_string()
    } else {
        format!("{id}: SKIPPED: {why}")
    }
}

pub fn totals_text(totals: Totals) -> String {
    format!(
        "{} calls the same; {} facts: {} agree, {} shared, {} skipped; {} differ",
        totals.calls, totals.facts, totals.agree, totals.shared, totals.skipped, totals.differ
    )
}

/// The last object of `verify --json`; it alone has `scenarios`.
pub fn totals_json(scenarios: usize, totals: Totals) -> String {
    with_totals(serde_json::json!({ "scenarios": scenarios }), totals)
}

/// The object with its counts, as one line.
fn with_totals(mut object: serde_json::Value, totals: Totals) -> String {
    for (name, count) in [
        ("calls", totals.calls),
        ("facts", totals.facts),
        ("agree", totals.agree),
        ("shared", totals.shared),
        ("differ", totals.differ),
        ("skipped", totals.skipped),
    ] {
        object[name] = count.into();
    }
    object.to_string()
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".to_owned(), Value::to_string)
}

fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Agree => "agree".to_owned(),
        Verdict::Shared => "shared".to_owned(),
        Verdict::Differ => "DIFFER".to_owned(),
        Verdict::Skipped(why) => format!("skipped: {why}"),
    }
}

/// All reports as one page that needs nothing else.
pub fn html(reports: &[Report]) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Drydock: the model and the kernel</title>\n<style>\n\
         body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }\n\
         table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 2px 12px 2px 0; \
         vertical-align: top; border-bottom: 1px solid #ddd; } td { font-family: ui-monospace, monospace; \
         font-size: 13px; overflow-wrap: anywhere; } .differ { background: #fde8e4; } .shared, .skipped { color: #777; }\n\
         pre { background: #f4f4f4; padding: 8px; overflow: auto; }\n</style>\n",
    );
    for report in reports {
        let totals = report.comparison.totals();
        let _ = writeln!(out, "<h1>{}</h1>", escaped(&report.title));
        let _ = writeln!(
            out,
            "<p>{}, on {}: {}.</p>",
            escaped(&report.lesson),
            escaped(&report.profile.to_string()),
            totals_text(totals)
        );
        if let Some(d) = &report.comparison.divergence {
            let before = d.before.join("\n");
            let _ = writeln!(
                out,
                "<p>The first call that differs, at <code>{}</code>:</p><pre>{}\nmodel   {}\nkernel  {}</pre>",
                escaped(&d.input),
                escaped(&before),
                escaped(&d.left),
                escaped(&d.right)
            );
        }
        for step in &report.comparison.steps {
            let _ = writeln!(out, "<h2><code>{}</code></h2>", escaped(&step.input));
            if let Some(console) = &step.console {
                let (left, right) = (escaped(&console.left), escaped(&console.right));
                let _ = writeln!(out, "<p>The console differs.</p><pre>{left}</pre><pre>{right}</pre>");
            }
            if !step.facts.is_empty() {
                out.push_str("<table><tr><th>fact<th>model<th>kernel<th>verdict\n");
                step.facts.iter().for_each(|fact| out.push_str(&row(fact)));
                out.push_str("</table>\n");
            }
        }
    }
    out
}

fn row(fact: &FactComparison) -> String {
    let class = match fact.verdict {
        Verdict::Agree => "agree",
        Verdict::Shared => "shared",
        Verdict::Differ => "differ",
        Verdict::Skipped(_) => "skipped",
    };
    format!(
        "<tr class=\"{class}\"><td>{}<td>{}<td>{}<td>{}\n",
        escaped(&fact.path),
        escaped(&value(fact.left.as_ref())),
        escaped(&value(fact.right.as_ref())),
        escaped(&verdict_text(&fact.verdict))
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Cgroups;
    use engine::compare::compare;
    use engine::trace::{Step, Trace};

    fn report(left: i64, right: i64) -> Report {
        let step = |value: i64| Step {
            input: "docker run <web>".to_owned(),
            facts: [("node/processes".to_owned(), Value::Int(value))].into(),
            ..Step::default()
        };
        let (left, right) = (Trace { steps: vec![step(left)] }, Trace { steps: vec![step(right)] });
        Report {
            lesson: "images/01".to_owned(),
            title: "A & B".to_owned(),
            profile: Profile { kernel: "Linux 6.18".to_owned(), cgroups: Cgroups::V2, disk: true },
            comparison: compare(&left, &right),
        }
    }

    #[test]
    fn a_difference_is_told_in_every_form() {
        let report = report(1, 2);
        assert!(report.text().contains("node/processes at `docker run <web>`:\n      model   1\n      kernel  2"));
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!((&json["agrees"], &json["differing"][0]["kernel"]), (&false.into(), &"2".into()));
        assert!(report.explain("node/processes").contains("model 1, kernel 2: DIFFER"));
        let page = html(&[report]);
        assert!(page.contains("class=\"differ\"") && page.contains("A &amp; B") && !page.contains("<web>"));
    }

    #[test]
    fn agreement_is_told_shortly() {
        let text = report(1, 1).text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.starts_with("images/01: agrees with Linux 6.18, cgroup v2\n"));
    }
}
