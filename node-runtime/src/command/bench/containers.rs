//! Containers, from start to end, beside other runtimes: the same container, in turns, so that what else the machine
//! does meets all of them alike.
//!
//! It is a static program on a directory, in new pid, mount, network, UTS, IPC and cgroup namespaces, with `/proc`,
//! `/dev`, masked paths and limits of memory, processors and processes. Ours has an overlay and a seccomp filter
//! besides. bwrap sets no limits.

use super::super::bare::Bare;
use super::Row;
use crate::linux::toolbox_binary;
use crate::oci::{Container, PEERS, without_unified};
use anyhow::{Context, Result, ensure};
use engine::node::Place;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use toolbox::os;
use toolbox::run::Limits;

const ROUNDS: u32 = 50;
/// A runtime that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits { memory_bytes: Some(64 << 20), cpu_milli: Some(500), pids: Some(32) };
/// What was promised: issue 3, "Must reach".
const ONE_SHOT_TO_CRUN: f64 = 0.7;
const IN_NODE_TO_CRUN: f64 = 0.4;
const IN_NODE_TO_BWRAP: f64 = 1.0;
const LAUNCHER_KIB: f64 = 2500.0;

/// One way to start the program, and how long it took each time.
struct Contender {
    name: &'static str,
    way: Way,
    took: Vec<Duration>,
}

enum Way {
    Command(Vec<String>),
    InNode(Box<Bare>),
}

impl Contender {
    fn median_us(&self) -> f64 {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    }
}

pub fn rows() -> Result<Vec<Row>> {
    let place = Bundle::new()?;
    let mounts = without_unified().context("a mount namespace for other runtimes")?;
    let mut contenders = contenders(&place)?;
    let mut absent = Vec::new();
    contenders.retain_mut(|contender| match contender.once(0, &mounts) {
        Ok(_) => true,
        Err(why) => {
            absent.push(format!("{}: skipped({why:#})", contender.name));
            false
        }
    });
    absent.iter().for_each(|line| eprintln!("{line}"));
    for round in 1..=ROUNDS {
        for contender in &mut contenders {
            let took = contender.once(round, &mounts)?;
            contender.took.push(took);
        }
    }
    let mut rows: Vec<Row> =
        contenders.iter().map(|contender| Row::told(contender.name, contender.median_us(), "µs", ROUNDS)).collect();
    let of = |name: &str| contenders.iter().find(|contender| contender.name == name).map(Contender::median_us);
    for (name, ours, theirs, limit) in [
        ("one-shot container / crun", ONE_SHOT, "crun run", ONE_SHOT_TO_CRUN),
        ("container in a node / crun", IN_NODE, "crun run", IN_NODE_TO_CRUN),
        ("container in a node / bwrap", IN_NODE, "bwrap", IN_NODE_TO_BWRAP),
    ] {
        if let (Some(ours), Some(theirs)) = (of(ours), of(theirs)) {
            rows.push(Row::limited(name, ours / theirs, limit, "ratio"));
        }
    }
    rows.push(Row::limited("launcher's memory at its peak", launcher_kib(&place)?, LAUNCHER_KIB, "KiB"));
    Ok(rows)
}

const ONE_SHOT: &str = "node-runtime run";
const IN_NODE: &str = "container in a node";

fn contenders(place: &Bundle) -> Result<Vec<Contender>> {
    let container = place.container(&PROGRAM);
    container.bundle(&place.root)?;
    let (rootfs, bundle) = (place.rootfs.display().to_string(), place.root.display().to_string());
    let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let program = place.rootfs.join(&PROGRAM[0][1..]).display().to_string();
    let this = std::env::current_exe()?.display().to_string();
    let mut all = vec![
        ("the program alone", Way::Command(own(&[&program, PROGRAM[1], PROGRAM[2]]))),
        (ONE_SHOT, Way::Command([vec![this, "run".to_owned()], container.words()].concat())),
        (IN_NODE, Way::InNode(Box::new(Bare::new()?))),
    ];
    let bwrap = ["bwrap", "--unshare-all", "--bind", &rootfs, "/", "--proc", "/proc", "--dev", "/dev"];
    all.push(("bwrap", Way::Command(own(&[&bwrap[..], &PROGRAM[..]].concat()))));
    for (peer, name) in PEERS.into_iter().zip(["crun run", "runc run"]) {
        all.push((name, Way::Command(own(&[peer, "run", "--bundle", &bundle]))));
    }
    Ok(all.into_iter().map(|(name, way)| Contender { name, way, took: Vec::new() }).collect())
}

impl Contender {
    fn once(&mut self, round: u32, mounts: &OwnedFd) -> Result<Duration> {
        let begun = Instant::now();
        match &mut self.way {
            Way::InNode(node) => {
                let container = node.create(round + 1)?;
                node.run(Place::Init(container), "true", &[])?;
                node.remove(container)?;
            }
            Way::Command(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                if PEERS.contains(&words[0].as_str()) {
                    command.arg(format!("bench-{}-{round}", std::process::id()));
                    let mounts = mounts.as_raw_fd();
                    // SAFETY: one system call between fork and exec.
                    unsafe {
                        command.pre_exec(move || {
                            os::setns(mounts, libc::CLONE_NEWNS).map_err(std::io::Error::from_raw_os_error)
                        })
                    };
                }
                to_its_end(&mut command)?;
            }
        }
        Ok(begun.elapsed())
    }
}

/// Waits with a limit: a runtime that hangs is killed.
fn to_its_end(command: &mut Command) -> Result<()> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let ended = os::await_end(child.id() as i32, PATIENCE);
    if ended != Ok(true) {
        let _ = child.kill();
    }
    let output = child.wait_with_output()?;
    ensure!(ended == Ok(true), "no end after {PATIENCE:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", output.status, said.trim());
    Ok(())
}

/// The launcher of a container that waits for its input, seen from outside before it gets it.
fn launcher_kib(place: &Bundle) -> Result<f64> {
    let words = place.container(&["/toolbox", "cat", "/cat"]).words();
    let mut launcher = Command::new(std::env::current_exe()?)
        .arg("run")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut stdin, stdout) = (launcher.stdin.take().context("piped")?, launcher.stdout.take().context("piped")?);
    stdin.write_all(b"up\n")?;
    BufReader::new(stdout).read_line(&mut String::new())?;
    let status = fs::read_to_string(format!("/proc/{}/status", launcher.id()))?;
    drop(stdin);
    launcher.wait()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok()).context("VmHWM of the launcher")
}

/// A static program that ends at once.
const PROGRAM: [&str; 3] = ["/toolbox", "true", "/true"];

/// A directory for a rootfs and a bundle, until it is dropped.
struct Bundle {
    root: PathBuf,
    rootfs: PathBuf,
}

impl Bundle {
    fn new() -> Result<Bundle> {
        let root = std::env::temp_dir().join(format!("drydock-bench-{}", std::process::id()));
        let place = Bundle { rootfs: root.join("rootfs"), root };
        for dir in ["proc", "dev"] {
            fs::create_dir_all(place.rootfs.join(dir))?;
        }
        let program = place.rootfs.join(&PROGRAM[0][1..]);
        fs::write(&program, toolbox_binary())?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        Ok(place)
    }

    fn container<'a>(&'a self, args: &'a [&'a str]) -> Container<'a> {
        let rootfs: &Path = &self.rootfs;
        Container { rootfs, args, hostname: "bench", read_only: false, limits: LIMITS }
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
