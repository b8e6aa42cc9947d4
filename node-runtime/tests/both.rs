//! One script on both kernels: every call, every fact and every byte on the console must be the same.
//!
//! Needs root; where that is missing each test says so, loudly.

use engine::compare::{Comparison, Verdict, compare};
use engine::image::tar::{Entry, write};
use engine::kernel::SimKernel;
use engine::node::Watch;
use engine::scenario::{Era, FixtureFile, Input, Scenario};
use engine::sched::Scheduled;
use engine::trace::Trace;
use engine::world::run;
use node_runtime::linux::LinuxKernel;

const TOOLS: [&str; 10] = ["sh", "true", "false", "echo", "cat", "sleep", "kill", "ls", "basename", "dirname"];

fn scenario() -> Scenario {
    let mut root = vec![Entry::dir("bin", 0o755), Entry::dir("etc", 0o755)];
    root.push(Entry::file("etc/hostname", 0o644, b"node\n".to_vec()));
    for tool in TOOLS {
        root.push(Entry::file(format!("bin/{tool}"), 0o755, format!("#!/dev/.toolbox {tool}\n").into_bytes()));
    }
    Scenario {
        seed: 1,
        era: Era::Course,
        files: vec![FixtureFile { path: "notes".into(), content: (*b"one\ntwo\n").into(), mode: 0o644 }],
        images: Vec::new(),
        node_root: write(&root).into(),
        watch: Watch { container_files: Vec::new(), node_files: vec!["/home/learner/notes".into(), "/tmp/out".into()] },
    }
}

fn both(lines: &[&str]) -> Option<(Trace, Trace)> {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED: a node needs root");
        return None;
    }
    let scenario = scenario();
    let inputs: Vec<Input> = lines.iter().map(|line| Input::Line(line.to_string())).collect();
    let model = SimKernel::new(&scenario.node_root, &scenario.files, "node").expect("a model");
    let (predicted, ended) = run(&scenario, Scheduled::new(model, scenario.seed), &inputs);
    ended.expect("the model's run");
    let linux = LinuxKernel::new(&scenario).expect("a node");
    let (happened, ended) = run(&scenario, Scheduled::new(linux, scenario.seed), &inputs);
    ended.unwrap_or_else(|fault| panic!("after {} of {} inputs: {fault}", happened.steps.len(), inputs.len()));
    Some((predicted, happened))
}

fn check(lines: &[&str]) {
    let Some((predicted, happened)) = both(lines) else { return };
    let comparison = compare(&predicted, &happened);
    assert!(comparison.agrees(), "{}", told(&comparison));
    let totals = comparison.totals();
    assert!(totals.calls > 0 && totals.agree > 0, "nothing was compared: {totals:?}");
}

fn told(comparison: &Comparison) -> String {
    let mut text = String::new();
    if let Some(d) = &comparison.divergence {
        text += &format!("{:?}\n  before: {:#?}\n  model:  {}\n  kernel: {}\n", d.input, d.before, d.left, d.right);
    }
    for step in &comparison.steps {
        if let Some(c) = &step.console {
            text += &format!("{:?} console\n  model:  {:?}\n  kernel: {:?}\n", step.input, c.left, c.right);
        }
        for fact in step.facts.iter().filter(|fact| fact.verdict == Verdict::Differ) {
            text += &format!("{:?} {} model {:?} kernel {:?}\n", step.input, fact.path, fact.left, fact.right);
        }
    }
    text
}

#[test]
fn a_line_runs_a_program() {
    check(&["echo hello", "true", "false"]);
}

#[test]
fn pipes_redirection_and_files() {
    check(&[
        "echo one > /tmp/out",
        "cat /tmp/out notes | cat",
        "ls -l /bin /etc",
        "cat < nothing",
        "cat nothing; ls /",
    ]);
}

#[test]
fn jobs_and_signals() {
    check(&["sleep 100 &", "kill %1 || kill $!", "wait", "sleep 5", "(sleep 1; echo done) & wait"]);
}

#[test]
fn the_same_run_gives_the_same_trace_each_time() {
    let lines = ["echo a | cat | cat", "sleep 3 & sleep 1; kill $!; wait"];
    let Some((_, first)) = both(&lines) else { return };
    for _ in 0..5 {
        let Some((_, again)) = both(&lines) else { return };
        assert!(compare(&first, &again).agrees(), "{}", told(&compare(&first, &again)));
    }
}
