//! One script on both kernels: every call, every fact and every byte on the console must be the same.
//!
//! Needs root; where that is missing each test says so, loudly.

use engine::compare::{Comparison, Verdict, compare};
use engine::image::tar::{Entry, write};
use engine::kernel::SimKernel;
use engine::node::Watch;
use engine::scenario::{BaseImage, Era, FixtureFile, Input, Scenario};
use engine::sched::Scheduled;
use engine::trace::Trace;
use engine::world::run;
use node_runtime::linux::LinuxKernel;

const TOOLS: [&str; 23] = [
    "sh", "true", "false", "echo", "cat", "sleep", "kill", "ls", "basename", "dirname", "docker", "yes", "head", "wc",
    "unshare", "ps", "hostname", "mount", "umount", "mkdir", "rm", "mv", "serve",
];
const DOCKERFILE: &[u8] =
    b"FROM base:1\nCOPY notes /srv/notes\nRUN echo built > /etc/motd && cat /srv/notes >> /etc/hosts\n\
WORKDIR /srv\nCMD [\"cat\", \"notes\"]\n";

fn tools(root: &mut Vec<Entry>) {
    for tool in TOOLS {
        root.push(Entry::file(format!("bin/{tool}"), 0o755, format!("#!/dev/.toolbox {tool}\n").into_bytes()));
    }
}

fn image() -> BaseImage {
    let mut root = vec![Entry::dir("bin", 0o755), Entry::dir("etc", 0o755), Entry::dir("tmp", 0o1777)];
    root.push(Entry::file("etc/hosts", 0o644, b"127.0.0.1 localhost\n".to_vec()));
    tools(&mut root);
    BaseImage {
        reference: "base:1".into(),
        layers: vec![write(&root).into()],
        env: vec!["PATH=/bin".into()],
        cmd: vec!["sh".into()],
        working_dir: String::new(),
        created: "2019-01-01T00:00:00Z".into(),
        history: vec![("/bin/sh -c #(nop) ADD file:base in / ".into(), true)],
    }
}

fn scenario() -> Scenario {
    let mut root = vec![Entry::dir("bin", 0o755), Entry::dir("etc", 0o755)];
    root.push(Entry::file("etc/hostname", 0o644, b"node\n".to_vec()));
    tools(&mut root);
    let file = |path: &str, content: &[u8]| FixtureFile { path: path.into(), content: content.into(), mode: 0o644 };
    node_runtime::runs::here(&Scenario {
        seed: 1,
        era: Era::Course,
        profile: Default::default(),
        only: None,
        files: vec![file("notes", b"one\ntwo\n"), file("Dockerfile", DOCKERFILE)],
        images: vec![image()],
        node_root: write(&root).into(),
        watch: Watch {
            container_files: vec!["/etc/hosts".into(), "/etc/motd".into(), "/tmp/x".into()],
            node_files: vec!["/home/learner/notes".into(), "/tmp/out".into()],
        },
    })
}

/// `^C` and `^D` are keys, every other line is typed.
fn both(lines: &[&str]) -> Option<(Trace, Trace)> {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED: a node needs root");
        return None;
    }
    let scenario = scenario();
    let typed = |line: &&str| match *line {
        "^C" => Input::Interrupt,
        "^D" => Input::Eof,
        line => Input::Line(line.to_owned()),
    };
    let inputs: Vec<Input> = lines.iter().map(typed).collect();
    let model = SimKernel::new(&scenario.node_root, &scenario.files, "node", scenario.profile).expect("a model");
    let (predicted, ended) = run(&scenario, Scheduled::new(model, scenario.seed), &inputs);
    ended.expect("the model's run");
    let linux = LinuxKernel::new(&scenario).expect("a node");
    let (happened, ended) = run(&scenario, Scheduled::new(linux, scenario.seed), &inputs);
    ended.unwrap_or_else(|fault| panic!("after {} of {} inputs: {fault}", happened.steps.len(), inputs.len()));
    Some((predicted, happened))
}

fn check(lines: &[&str]) {
    let Some((predicted, happened)) = both(lines) else { return };
    for step in &happened.steps {
        let (out, err) = (String::from_utf8_lossy(&step.stdout), String::from_utf8_lossy(&step.stderr));
        println!("$ {}\n{out}{err}", step.input);
        assert_eq!(step.exit_code, Some(0), "the script itself fails");
    }
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
    check(&["echo hello", "true", "false || echo $?"]);
}

#[test]
fn pipes_redirection_and_files() {
    check(&[
        "echo one > /tmp/out",
        "cat /tmp/out notes | cat",
        "ls -l /bin /etc",
        "cat < nothing || true",
        "cat nothing; ls /",
    ]);
}

#[test]
fn jobs_and_signals() {
    check(&["sleep 100 &", "kill $!", "wait || true", "sleep 5", "(sleep 1; echo done) & wait"]);
}

#[test]
fn containers_write_to_their_own_layer() {
    check(&[
        "docker run --name web base:1 sh -c 'echo x > /tmp/x; echo more >> /etc/hosts; cat /etc/hosts'",
        "docker diff web",
        "docker run --name bound -v /home/learner/notes:/notes:ro base:1 sh -c 'cat /notes; echo no > /notes' || true",
        "docker run --name none base:1 nothing || echo failed with $?",
        "docker run -d --name long base:1 sleep 1000",
        "docker exec long sh -c 'echo inside > /tmp/x; ls /proc'",
        "docker stop long; docker ps -a",
        "docker start -a web",
        "docker rm web bound",
    ]);
}

#[test]
fn ctrl_c_ends_what_handles_it_and_what_is_no_first_process() {
    let Some((predicted, happened)) = both(&[
        "docker run -it --name web base:1 serve httpd 80",
        "^C",
        "docker run --name front base:1 serve httpd 80",
        "^C",
        "docker run -it --name idle base:1 cat",
        "^C",
        "still here",
        "^D",
        "docker run -d --name room base:1 sleep 1000",
        "docker exec -it room sh",
        "cat",
        "^C",
        "exit 3",
        "docker exec -it room sh -c 'cat; echo not said'",
        "^C",
        "docker ps -a",
    ]) else {
        return;
    };
    let comparison = compare(&predicted, &happened);
    assert!(comparison.agrees(), "{}", told(&comparison));
    let said = |step: &engine::trace::Step| String::from_utf8_lossy(&step.stdout).into_owned();
    let told: String = happened.steps.iter().map(said).collect();
    assert!(told.contains("httpd: caught SIGINT, shutting down\n"), "{told}");
    assert!(told.contains("still here\n") && !told.contains("not said"), "{told}");
    let listed = happened.steps.last().map(said).unwrap_or_default();
    for (name, state) in [("web", "Exited (0)"), ("front", "Exited (0)"), ("idle", "Exited (0)"), ("room", "Up")] {
        let line = listed.lines().find(|line| line.ends_with(name)).unwrap_or_default();
        assert!(line.contains(state), "{name}: {listed}");
    }
}

#[test]
fn ctrl_c_drops_an_unfinished_line() {
    let Some((predicted, happened)) = both(&[
        "\"unclosed",
        "^C",
        "echo plain $?",
        "^C",
        "nothing",
        "read x; echo not said",
        "^C",
        "echo read $?",
        "sh",
        "cat <<E",
        "a",
        "^C",
        "cat",
        "^C",
        "exit 4",
        "echo inner $?",
        "trap '' INT",
        "\"kept",
        "^C",
        "line\"; trap - INT",
        "if true",
        "^C",
        "sleep 100 & sh -c 'kill -INT $PPID'; kill $!; wait; echo alive",
        "docker run -it --name room base:1 sh",
        "if true",
        "^C",
        "exit 5",
        "echo room $?",
    ]) else {
        return;
    };
    let comparison = compare(&predicted, &happened);
    assert!(comparison.agrees(), "{}", told(&comparison));
    let said = |bytes: fn(&engine::trace::Step) -> &Vec<u8>| -> String {
        happened.steps.iter().map(|step| String::from_utf8_lossy(bytes(step)).into_owned()).collect()
    };
    let (out, err) = (said(|step| &step.stdout), said(|step| &step.stderr));
    // As dash 0.5.12 at a terminal; a line that was dropped has been counted.
    assert_eq!(out, "plain 130\nread 130\ninner 4\nalive\nroom 5\n", "{err}");
    assert!(err.starts_with("sh: 3: nothing: not found\n") && err.contains("kept\nline: not found\n"), "{err}");
}

#[test]
fn a_build_makes_the_same_layers() {
    check(&[
        "docker build -t web .",
        "docker run --name one web",
        "docker history web",
        "docker commit one again",
        "docker run --rm again cat /etc/motd /etc/hosts",
        "docker images",
    ]);
}

#[test]
fn a_container_dies_with_its_first_process() {
    check(&[
        "docker run -d --name web base:1 sh -c 'sleep 1000 & sleep 2000 & wait'",
        "docker exec -d web sleep 3000",
        "docker exec web sh -c 'kill -9 1; echo still here'",
        "docker kill web",
        "docker ps -a",
        "docker run -i --rm base:1 cat < notes",
    ]);
}

#[test]
fn a_namespace_of_its_own_keeps_its_mounts_and_its_name() {
    check(&[
        "unshare --fork --pid --mount-proc sh -c 'ps; echo $$'",
        "ps",
        "unshare -u sh -c 'hostname inside; hostname'; hostname",
        "mkdir /mnt /mnt/x; mount -t tmpfs tmpfs /mnt/x; echo y > /mnt/x/f",
        "docker run --rm -v /mnt/x:/x base:1 ls /x",
        "umount /mnt/x; ls /mnt/x",
    ]);
}

#[test]
fn a_writer_without_a_reader_is_killed() {
    check(&["yes | head -c 200000 | wc -c", "sh -c 'kill -STOP $$; echo resumed' & sleep 1; ps; kill -CONT $!; wait"]);
}

#[test]
fn whiteouts_and_opaque_directories_come_out_of_the_upperdir() {
    check(&[
        "docker run --name web base:1 sh -c 'rm /etc/hosts; rm -r /tmp; mkdir /tmp; echo x > /tmp/x; mv /bin/yes /bin/no'",
        "docker diff web",
        "docker commit web again && docker history again",
        "docker run --rm again ls /etc /tmp /bin",
    ]);
}

#[test]
fn the_same_run_gives_the_same_trace_each_time() {
    let lines = ["echo a | cat | cat", "sleep 3 & sleep 1; kill $!; wait"];
    let Some((_, first)) = both(&lines) else { return };
    for _ in 0..20 {
        let Some((_, again)) = both(&lines) else { return };
        assert!(compare(&first, &again).agrees(), "{}", told(&compare(&first, &again)));
    }
}
