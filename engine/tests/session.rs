//! Time in both directions, on a small node of its own.

use engine::image::tar::{Entry, write};
use engine::kernel::SimKernel;
use engine::scenario::{Era, Input, Scenario};
use engine::sched::Scheduled;
use engine::session::{Ask, BranchId, Reply, Session, State};
use engine::trace::{self, EventId, What};

type Simulated = Session<Scheduled<SimKernel>>;

fn scenario() -> Scenario {
    let mut entries = vec![Entry::dir("bin", 0o755), Entry::dir("home", 0o755), Entry::dir("home/learner", 0o755)];
    for tool in ["cat", "docker", "echo", "ls", "mkdir", "rm", "sh", "sleep", "touch", "true"] {
        let text = format!("#!/dev/.toolbox {tool}\n");
        entries.push(Entry::file(format!("bin/{tool}"), 0o755, text.into_bytes()));
    }
    entries.push(Entry::dir("tmp", 0o777));
    entries.sort_by(|a, b| engine::image::tar::canonical_order(&a.path, &b.path));
    Scenario {
        seed: 1,
        era: Era::Course,
        profile: Default::default(),
        only: None,
        files: Vec::new(),
        images: Vec::new(),
        node_root: write(&entries).into(),
        watch: Default::default(),
    }
}

fn session() -> Simulated {
    Session::open(&scenario(), Vec::new()).expect("it boots")
}

fn ask(session: &mut Simulated, ask: Ask) -> State {
    match session.ask(ask) {
        Reply::State(state) => *state,
        other => panic!("expected a state: {other:?}"),
    }
}

fn line(text: &str) -> Ask {
    Ask::Input(Input::Line(text.to_owned()))
}

fn output(state: &State, branch: usize, input: usize) -> String {
    let history = state.history.as_ref().expect("the history has changed");
    history.branches[branch].inputs[input].output.iter().map(|chunk| chunk.text.as_str()).collect()
}

#[test]
fn a_typed_line_runs_and_shows_what_it_printed() {
    let mut session = session();
    let state = ask(&mut session, line("echo hello"));
    assert_eq!(output(&state, 0, 0), "hello\n");
    assert_eq!(state.prompt, "$ ");
    assert_eq!(state.history.expect("told").branches[0].inputs[0].exit_code, Some(0));
}

#[test]
fn files_come_and_go_with_time_and_the_end_is_the_same_again() {
    let mut session = session();
    ask(&mut session, line("echo one > f"));
    let end = ask(&mut session, line("rm f"));
    assert!(end.facts.keys().all(|path| !path.starts_with("node/file")), "nothing is watched");
    let ls = |session: &mut Simulated| match session.ask(Ask::ListFiles) {
        Reply::Files(files) => files.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ls(&mut session), 0);
    let first = end.history.expect("told").branches[0].inputs[1].first_event;
    ask(&mut session, Ask::Seek { branch: BranchId(0), events: first });
    assert_eq!(ls(&mut session), 1, "before `rm f` the file is there");
    let again = ask(&mut session, Ask::Seek { branch: BranchId(0), events: u32::MAX });
    assert_eq!((again.digest, again.facts), (end.digest, end.facts));
}

#[test]
fn another_input_in_the_past_is_a_branch_and_the_same_one_is_not() {
    let mut session = session();
    ask(&mut session, line("echo one > f"));
    ask(&mut session, line("cat f"));
    ask(&mut session, Ask::Seek { branch: BranchId(0), events: 0 });
    let same = ask(&mut session, line("echo one > f"));
    assert_eq!(same.branch, BranchId(0));
    let other = ask(&mut session, line("echo two >> f"));
    assert_eq!(other.branch, BranchId(1));
    let state = ask(&mut session, line("cat f"));
    assert_eq!(output(&state, 1, 2), "one\ntwo\n");
    assert_eq!(output(&state, 0, 1), "one\n");
}

#[test]
fn undo_forgets_the_last_input() {
    let mut session = session();
    let before = ask(&mut session, line("echo one > f"));
    ask(&mut session, line("rm f"));
    let after = ask(&mut session, Ask::Undo);
    assert_eq!((after.position, after.digest), (before.position, before.digest));
}

#[test]
fn a_runaway_is_stopped_and_the_shell_is_still_there() {
    // By its calls, by its output, by the clock; a loop of builtins is one that only SIGKILL ends.
    for (runaway, told) in [
        ("while true; do true; done", "system calls"),
        ("while true; do echo x; done", "system calls"),
        ("while true; do sleep 1; done", "of the simulation's time"),
        (&format!("while true; do echo {}; done", "long ".repeat(50)), "of output"),
    ] {
        let mut session = session();
        let state = ask(&mut session, line(&format!("echo; {runaway}")));
        assert_eq!(state.running, None, "{runaway}");
        let shown = output(&state, 0, 0);
        assert!(shown.contains("\ndrydock: Drydock sent this command SIGINT") && shown.contains(told), "{shown}");
        assert!(!shown.contains("^C"), "nobody pressed a key: {shown}");
        // The shell dies of its own loop only.
        assert_eq!(shown.contains("A new shell takes its place."), !runaway.contains("sleep"), "{shown}");
        let state = ask(&mut session, line("echo still here"));
        assert_eq!(output(&state, 0, 1), "still here\n");
    }
}

#[test]
fn ctrl_c_drops_an_unfinished_line() {
    let mut session = session();
    let state = ask(&mut session, line("\"unclosed"));
    assert_eq!(state.prompt, "> ");
    let state = ask(&mut session, Ask::Input(Input::Interrupt));
    assert_eq!(state.prompt, "$ ");
    let state = ask(&mut session, line("echo $?"));
    assert_eq!(output(&state, 0, 2), "130\n");
}

#[test]
fn why_a_process_died_names_who_sent_the_signal() {
    let mut session = session();
    ask(&mut session, line("sleep 100 & echo $! > pid"));
    let state = ask(&mut session, line("kill -9 $(cat pid); wait"));
    let events = &state.history.expect("a history").branches[0].events;
    let died = events.iter().find(|event| trace::describe(event).contains("killed by SIGKILL")).expect("a death");
    let typed = |id: &EventId| matches!(&events[id.0 as usize].what, What::Input { text } if text.starts_with("kill"));
    let sent = died.causes.iter().flat_map(|id| &events[id.0 as usize].causes);
    assert!(died.causes.iter().chain(sent).any(typed), "{died:?}");
}

#[test]
fn a_program_that_reads_has_the_console_until_end_of_file() {
    let mut session = session();
    let state = ask(&mut session, line("cat"));
    assert_eq!(state.running.as_deref(), Some("cat"));
    let state = ask(&mut session, line("hello"));
    assert_eq!(output(&state, 0, 1), "hello\n");
    let state = ask(&mut session, Ask::Input(Input::Eof));
    assert_eq!(state.running, None);
}

#[test]
fn sleeping_costs_no_time_but_the_clock_moves() {
    let mut session = session();
    let before = ask(&mut session, line("true")).now;
    let after = ask(&mut session, line("sleep 500")).now;
    assert_eq!(after - before, 500_000_000_000);
}
