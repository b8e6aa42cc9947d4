//! A runner that is killed leaves nothing: no process, no mount, no file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNNER: &str = "DRYDOCK_TEST_RUNNER";

/// Processes named `init` whose parent is this one, and all that descends from them.
fn descendants(of: u32) -> BTreeSet<u32> {
    let children = |pid: u32| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        texts.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let mut all = BTreeSet::new();
    let mut next = vec![of];
    while let Some(pid) = next.pop() {
        for child in children(pid).iter().filter_map(|text| text.parse().ok()) {
            if all.insert(child) {
                next.push(child);
            }
        }
    }
    all
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

/// Not a test of its own: what the test below starts and kills.
#[test]
fn runner() {
    use engine::node::{Cid, ContainerSpec, Effects, JobId, Kernel, Place, ProcessSpec, Stdin};
    use engine::scenario::{Era, Scenario};
    if std::env::var_os(RUNNER).is_none() {
        return;
    }
    let scenario = Scenario {
        seed: 1,
        era: Era::Course,
        files: Vec::new(),
        images: Vec::new(),
        node_root: Vec::new().into(),
        watch: Default::default(),
    };
    let mut kernel = node_runtime::linux::LinuxKernel::new(&scenario).expect("a node");
    let spec = ContainerSpec {
        name: "a".into(),
        hostname: "a".into(),
        layers: Vec::new(),
        binds: Vec::new(),
        read_only: false,
    };
    kernel.create(Cid(1), &spec).expect("a container");
    for (job, at) in [(0, Place::Node), (1, Place::Init(Cid(1))), (2, Place::Join(Cid(1)))] {
        let process = ProcessSpec {
            argv: ["/dev/.toolbox", "cat", "/bin/cat"].map(String::from).to_vec(),
            env: Vec::new(),
            cwd: "/".into(),
            uid: 0,
            gid: 0,
            stdin: Stdin::Pipe,
        };
        kernel.spawn(JobId(job), at, &process, &mut Effects::default()).expect("a process").expect("started");
    }
    println!("ready");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_runner_leaves_nothing_behind() {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED: a node needs root");
        return;
    }
    let (before, listed) = (mounts(), files());
    let mut runner = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "runner", "--nocapture"])
        .env(RUNNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a runner");
    let out = BufReader::new(runner.stdout.take().expect("its output"));
    let ready = out.lines().map_while(Result::ok).any(|line| line.contains("ready"));
    assert!(ready, "the runner did not start its processes");
    let node = descendants(runner.id());
    assert!(node.len() >= 4, "an init and three processes: {node:?}");
    assert_eq!(mounts(), before, "mounts of a node show on this machine");
    runner.kill().expect("SIGKILL");
    runner.wait().expect("its end");
    let deadline = Instant::now() + Duration::from_secs(10);
    let alive = || node.iter().filter(|pid| fs::exists(format!("/proc/{pid}")).unwrap_or(true)).count();
    while alive() > 0 {
        assert!(Instant::now() < deadline, "{} processes outlive the runner", alive());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(mounts(), before);
    assert_eq!(files(), listed);
}

/// Names where a node's store hangs for a moment.
fn files() -> BTreeSet<String> {
    let names = fs::read_dir("/tmp").into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("drydock"))
        .collect()
}
