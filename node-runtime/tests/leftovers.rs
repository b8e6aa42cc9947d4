//! A runner that is stopped, at whatever moment, leaves nothing: no process, mount, control group, interface or file.
//!
//! All of a node is in namespaces that end with it, but its control groups: those its keeper takes away.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
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

/// What of a node could show on this machine; others may mount and make files meanwhile.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    mounts: BTreeSet<String>,
    interfaces: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Machine {
    fn now() -> Machine {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let of_node = |line: &&str| line.contains("drydock") || line.contains(" - overlay ");
        let files = ["/tmp", "/run", "/dev/shm", "/var/tmp"].into_iter().flat_map(names);
        Machine {
            mounts: mounts.lines().filter(of_node).map(str::to_owned).collect(),
            interfaces: names("/sys/class/net"),
            files: files.filter(|name| name.contains("drydock")).collect(),
        }
    }
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Control groups of the nodes of a runner, anywhere on this machine.
fn groups(runner: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec!["/sys/fs/cgroup".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_name().to_string_lossy().starts_with(&format!("drydock.{runner}-")) {
                found.push(path);
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            }
        }
    }
    found
}

fn is_root() -> bool {
    // SAFETY: no memory is passed.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        println!("SKIPPED: a node needs root");
    }
    root
}

/// The tests below count their own descendants.
static ALONE: Mutex<()> = Mutex::new(());

/// Orphans of a runner come to this process, and are taken note of when they end.
fn nothing_is_left(what: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        // SAFETY: no memory is passed. There is no child that anybody else waits for.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
        let left = descendants(std::process::id());
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {left:?} are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Not a test of its own: what the test below starts and kills.
#[test]
fn runner() {
    use engine::node::{Cid, ContainerSpec, Effects, GroupSpec, JobId, Kernel, Place, ProcessSpec, Stdin};
    use engine::scenario::{Era, Scenario};
    if std::env::var_os(RUNNER).is_none() {
        return;
    }
    let scenario = Scenario {
        seed: 1,
        era: Era::Course,
        profile: Default::default(),
        only: None,
        files: Vec::new(),
        images: Vec::new(),
        node_root: Vec::new().into(),
        watch: Default::default(),
    };
    let mut kernel = node_runtime::linux::LinuxKernel::new(&scenario).expect("a node");
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: engine::call::CONTAINER_CAPABILITIES,
        name: "a".into(),
        hostname: "a".into(),
        layers: Vec::new(),
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        cgroup: GroupSpec::at("docker/a"),
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
    if !is_root() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Machine::now();
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
    // But for the one directory of the disk that it is lent, which is called by its runner.
    let mut now = Machine::now();
    let lent = format!("drydock.{}-", runner.id());
    let lent: Vec<String> = now.files.iter().filter(|file| file.starts_with(&lent)).cloned().collect();
    assert!(lent.len() <= 1, "{lent:?}");
    now.files.retain(|file| !lent.contains(file));
    assert_eq!(now, before, "a node shows on this machine");
    runner.kill().expect("SIGKILL");
    runner.wait().expect("its end");
    let deadline = Instant::now() + Duration::from_secs(10);
    let alive = || node.iter().filter(|pid| fs::exists(format!("/proc/{pid}")).unwrap_or(true)).count();
    while alive() > 0 {
        // Where the test below ran first, orphans come to this process, and stay until they are waited for.
        // SAFETY: no memory is passed. There is no child that anybody else waits for.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
        assert!(Instant::now() < deadline, "{} processes outlive the runner", alive());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(Machine::now(), before);
    assert_eq!(groups(runner.id()), Vec::<String>::new());
}

/// Enough to do that it is never done when its time comes.
const TYPED: &str = "docker run -d --name NAME busybox sleep 100\ndocker exec NAME ls /bin\ndocker rm -f NAME\n";

#[test]
fn a_runner_stopped_at_any_moment_leaves_nothing_behind() {
    if !is_root() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a number is passed: prctl(2), orphaned descendants become children of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let before = Machine::now();
    let folder = std::env::temp_dir().join(format!("leftovers-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let mut with_node = 0;
    for round in 0..12_u64 {
        let signal = [libc::SIGKILL, libc::SIGKILL, libc::SIGINT, libc::SIGTERM][round as usize % 4];
        let (had_node, runner) = stopped(&folder, round * 97, signal);
        with_node += u32::from(had_node);
        nothing_is_left(&format!("signal {signal} after {} ms", round * 97));
        assert_eq!(groups(runner), Vec::<String>::new(), "signal {signal} after {} ms", round * 97);
        assert_eq!(Machine::now(), before, "signal {signal} after {} ms", round * 97);
        assert_eq!(names(&folder.to_string_lossy()), BTreeSet::new());
    }
    fs::remove_dir(&folder).expect("an empty folder");
    assert!(with_node >= 4, "only {with_node} runners had a node when they were stopped");
}

/// Starts a session on a real node, stops it some time after its first process, and tells whether it had a node then,
/// and its pid.
fn stopped(folder: &Path, after_ms: u64, signal: i32) -> (bool, u32) {
    let mut runner = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    // A shell starts what it puts into the background with SIGINT ignored (POSIX, 2.11), and that is inherited.
    // SAFETY: signal(2) between fork and exec is async-signal-safe.
    unsafe {
        runner.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        })
    };
    let mut runner = runner
        .args(["shell", "--node", "linux"])
        .current_dir(folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("node-runtime");
    let mut typed = runner.stdin.take().expect("its input");
    let lines: String = (0..200).map(|n| TYPED.replace("NAME", &format!("c{n}"))).collect();
    // Less than a pipe holds.
    typed.write_all(lines.as_bytes()).expect("typed");
    let started = Instant::now();
    while descendants(runner.id()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "no process was started");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(after_ms));
    let node = descendants(runner.id());
    // SAFETY: no memory is passed; the runner has not been waited for.
    unsafe { libc::kill(runner.id() as i32, signal) };
    let ended = runner.wait().expect("its end");
    assert_eq!(ended.signal(), Some(signal), "it ended by itself: {ended}");
    (!node.is_empty(), runner.id())
}
