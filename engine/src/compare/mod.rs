//! Two traces of one scenario → a comparison, call by call and fact by fact.
//!
//! It knows nothing of either side. How a fact compares is said once, in the catalogue; here is only the arithmetic.
//! The first call that differs is named, because everything after it may follow from it.

use crate::fact::catalogue::{Agreement, Evidence, Kind, kind_of};
use crate::fact::{Facts, Value};
use crate::node::CallRecord;
use crate::sim::{Map, sort};
use crate::trace::{Step, Trace, call_text};
use serde::{Deserialize, Serialize};

/// Two traces side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Calls that were the same on both sides, up to the first that was not.
    pub calls: u64,
    pub divergence: Option<Divergence>,
    pub steps: Vec<StepComparison>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepComparison {
    pub input: String,
    /// What differs in the console's text or exit code.
    pub console: Option<Difference>,
    /// Facts that are new, changed or gone since the step before on either side.
    pub facts: Vec<FactComparison>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub left: String,
    pub right: String,
}

/// The first call that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    pub step: u32,
    pub input: String,
    /// Position in the step, from 0.
    pub call: u32,
    pub left: String,
    pub right: String,
    /// The calls just before it, which agreed.
    pub before: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactComparison {
    pub path: String,
    pub left: Option<Value>,
    pub right: Option<Value>,
    pub verdict: Verdict,
    pub evidence: Option<Evidence>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Equal, and a real kernel said so without our code.
    Agree,
    /// Equal, but made by code that both sides share: it proves nothing.
    Shared,
    Differ,
    Skipped(String),
}

/// The totals of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub calls: u64,
    pub facts: u64,
    pub agree: u64,
    pub shared: u64,
    pub differ: u64,
    pub skipped: u64,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.calls += other.calls;
        self.facts += other.facts;
        self.agree += other.agree;
        self.shared += other.shared;
        self.differ += other.differ;
        self.skipped += other.skipped;
    }
}

/// `left` is what was predicted, `right` what happened.
pub fn compare(left: &Trace, right: &Trace) -> Comparison {
    let mut comparison = Comparison::default();
    let mut before = (Facts::new(), Facts::new());
    let mut classes = Classes::default();
    let nothing = Step::default();
    for n in 0..left.steps.len().max(right.steps.len()) {
        let (l, r) = (left.steps.get(n).unwrap_or(&nothing), right.steps.get(n).unwrap_or(&nothing));
        if comparison.divergence.is_none() {
            let (same, divergence) = compare_calls(n, l, r);
            comparison.calls += same;
            comparison.divergence = divergence;
        }
        comparison.steps.push(StepComparison {
            input: if l.input.is_empty() { r.input.clone() } else { l.input.clone() },
            console: compare_console(l, r),
            facts: compare_facts((&before.0, &l.facts), (&before.1, &r.facts), &mut classes),
        });
        before = (l.facts.clone(), r.facts.clone());
    }
    comparison
}

impl Comparison {
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { calls: self.calls, ..Totals::default() };
        totals.differ += u64::from(self.divergence.is_some());
        for step in &self.steps {
            totals.differ += u64::from(step.console.is_some());
            for fact in &step.facts {
                totals.facts += 1;
                match fact.verdict {
                    Verdict::Agree => totals.agree += 1,
                    Verdict::Shared => totals.shared += 1,
                    Verdict::Differ => totals.differ += 1,
                    Verdict::Skipped(_) => totals.skipped += 1,
                }
            }
        }
        totals
    }

    pub fn agrees(&self) -> bool {
        self.totals().differ == 0
    }
}

fn compare_calls(step: usize, left: &Step, right: &Step) -> (u64, Option<Divergence>) {
    const CONTEXT: usize = 5;
    let (l, r) = (&left.calls, &right.calls);
    let same = l.iter().zip(r).take_while(|(l, r)| l == r).count();
    if same == l.len() && same == r.len() {
        return (same as u64, None);
    }
    let text = |call: Option<&CallRecord>| call.map_or_else(|| "nothing more".to_owned(), call_text);
    let divergence = Divergence {
        step: step as u32,
        input: left.input.clone(),
        call: same as u32,
        left: text(l.get(same)),
        right: text(r.get(same)),
        before: l[same.saturating_sub(CONTEXT)..same].iter().map(call_text).collect(),
    };
    (same as u64, Some(divergence))
}

fn compare_console(left: &Step, right: &Step) -> Option<Difference> {
    let shown = |step: &Step| {
        let out = String::from_utf8_lossy(&step.stdout);
        let err = String::from_utf8_lossy(&step.stderr);
        let exit = step.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        format!("{out}{err}exit code {exit}")
    };
    let (left, right) = (shown(left), shown(right));
    (left != right).then_some(Difference { left, right })
}

fn compare_facts(
    (old_left, left): (&Facts, &Facts),
    (old_right, right): (&Facts, &Facts),
    classes: &mut Classes,
) -> Vec<FactComparison> {
    let mut paths: Vec<&String> = left.keys().chain(right.keys()).collect();
    paths.extend(old_left.keys().chain(old_right.keys()));
    sort(&mut paths);
    paths.dedup();
    let changed = |path: &String| old_left.get(path) != left.get(path) || old_right.get(path) != right.get(path);
    let row = |path: &String| {
        let (l, r) = (left.get(path), right.get(path));
        let kind = kind_of(path);
        FactComparison {
            path: path.clone(),
            left: l.cloned(),
            right: r.cloned(),
            verdict: judge(path, kind, l, r, classes),
            evidence: kind.map(|kind| kind.evidence),
        }
    };
    paths.into_iter().filter(|path| changed(path)).map(row).collect()
}

fn judge(path: &str, kind: Option<&Kind>, l: Option<&Value>, r: Option<&Value>, classes: &mut Classes) -> Verdict {
    let Some(kind) = kind else {
        return Verdict::Skipped("not in the catalogue".to_owned());
    };
    let same = match kind.agreement {
        Agreement::NotCompared(reason) => return Verdict::Skipped(reason.to_owned()),
        Agreement::Exact => l == r,
        Agreement::Unordered => sorted(l) == sorted(r),
        Agreement::Within { parts_per_thousand, absolute } => within(l, r, parts_per_thousand, absolute),
        Agreement::SameClass => classes.same(path, l, r),
    };
    match (same, kind.witness.is_empty()) {
        (false, _) => Verdict::Differ,
        (true, true) => Verdict::Shared,
        (true, false) => Verdict::Agree,
    }
}

fn sorted(value: Option<&Value>) -> Option<Vec<String>> {
    let mut words: Vec<String> = value?.to_string().split_whitespace().map(str::to_owned).collect();
    sort(&mut words);
    Some(words)
}

fn within(l: Option<&Value>, r: Option<&Value>, parts_per_thousand: u32, absolute: i64) -> bool {
    match (l, r) {
        (Some(Value::Int(l)), Some(Value::Int(r))) => {
            let distance = i128::from(*l) - i128::from(*r);
            let relative = i128::from(*l).abs() * i128::from(parts_per_thousand) / 1000;
            distance.abs() <= relative.max(i128::from(absolute))
        }
        (l, r) => l == r,
    }
}

/// A one-to-one naming between what the two sides call the same thing, kept over the whole trace.
#[derive(Debug, Default)]
struct Classes {
    there: Map<String, String>,
    back: Map<String, String>,
}

impl Classes {
    fn same(&mut self, path: &str, l: Option<&Value>, r: Option<&Value>) -> bool {
        let (Some(l), Some(r)) = (l, r) else { return l.is_none() && r.is_none() };
        // Names of different kinds (`mnt`, `uts`) are different alphabets.
        let kind = path.rsplit('/').next().unwrap_or_default();
        let (l, r) = (format!("{kind} {l}"), format!("{kind} {r}"));
        let there = self.there.get_or_insert_with(l.clone(), || r.clone()).clone();
        let back = self.back.get_or_insert_with(r.clone(), || l.clone()).clone();
        there == r && back == l
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Ret, Sys, Tid};
    use crate::node::CallOutcome;

    fn step(facts: &[(&str, Value)]) -> Step {
        let facts = facts.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        Step { facts, ..Step::default() }
    }

    fn verdicts(left: &[(&str, Value)], right: &[(&str, Value)]) -> Vec<Verdict> {
        let (left, right) = (Trace { steps: vec![step(left)] }, Trace { steps: vec![step(right)] });
        compare(&left, &right).steps[0].facts.iter().map(|fact| fact.verdict.clone()).collect()
    }

    #[test]
    fn only_witnessed_facts_count_as_agreement() {
        let facts = [("container/web/pid/inner", Value::Int(1)), ("container/web/state", "running".into())];
        assert_eq!(verdicts(&facts, &facts), [Verdict::Agree, Verdict::Shared]);
    }

    #[test]
    fn a_fact_that_one_side_lacks_differs() {
        assert_eq!(verdicts(&[("container/web/pid/inner", Value::Int(1))], &[]), [Verdict::Differ]);
    }

    #[test]
    fn namespaces_agree_by_who_shares_them_not_by_name() {
        let names = |a: &str, b: &str| [("container/a/ns/net", a.into()), ("container/b/ns/net", b.into())];
        let agree = [Verdict::Agree, Verdict::Agree];
        assert_eq!(verdicts(&names("net1", "net2"), &names("net7", "net3")), agree);
        assert_eq!(verdicts(&names("net1", "net2"), &names("net7", "net7")), [Verdict::Agree, Verdict::Differ]);
    }

    #[test]
    fn the_first_call_that_differs_is_named() {
        let call = |n| CallRecord { tid: Tid(n), sys: Some(Sys::Getpid), outcome: CallOutcome::Returned(Ret::Int(1)) };
        let with = |calls| Trace { steps: vec![Step { calls, ..Step::default() }] };
        let comparison = compare(&with(vec![call(2), call(3)]), &with(vec![call(2), call(4)]));
        let divergence = comparison.divergence.expect("they differ");
        assert_eq!((divergence.call, divergence.left.as_str()), (1, "3 Getpid = Int(1)"));
        assert_eq!(comparison.calls, 1);
    }
}
