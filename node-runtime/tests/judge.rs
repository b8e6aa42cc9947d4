//! Other runtimes as judges of ours: the same container, from one description, through `node-runtime run`, crun and runc;
//! what each made of it is read back from inside, and its limits from the machine's control groups.
//!
//! A known difference stands in [`KNOWN`] with its reason; one that is no longer there fails as well.

use node_runtime::oci::{Container, PEERS, without_unified};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toolbox::os;
use toolbox::run::Limits;
use toolbox::sandbox::paths;

const LIMITS: Limits = Limits { memory_bytes: Some(48 << 20), cpu_milli: Some(1500), pids: Some(40) };
const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
/// Tells what there is, then waits until its input ends.
const SCRIPT: &str = "
for kind in cgroup ipc mnt net pid time user uts; do echo ns $kind $(busybox readlink /proc/self/ns/$kind); done
busybox grep -E '^(Cap|NoNewPrivs)' /proc/self/status | busybox sed 's/:/ /; s/^/status /'
echo hostname $(busybox hostname)
echo user $(busybox id)
echo pid $$
busybox sed 's/^/mount /' /proc/self/mountinfo
for file in /dev/* /dev/pts/ptmx; do echo device $file $(busybox stat -c '%F %t:%T %a' $file); done
busybox sed -n 's/^ *\\([^:]*\\):.*/interface \\1 up/p' /proc/net/dev
busybox cat /proc/self/cgroup | busybox sed 's/.*:/group /' | busybox sort -u
echo umask $(umask)
echo seen
busybox cat
";

/// What was seen, by what it is about.
type Seen = BTreeMap<String, String>;

/// Who differs in what, and why ours is as it is.
const KNOWN: [(&str, &str, &str); 1] = [(
    "crun",
    "device /dev/core",
    "a link to /proc/kcore, which is masked, also where there is none; runc makes none then",
)];

#[test]
fn a_container_is_what_other_runtimes_make_of_it() {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED(containers need root)");
        return;
    }
    let Some(rootfs) = rootfs() else { return };
    let mounts = without_unified().expect("a mount namespace");
    for read_only in [false, true] {
        let args = ["/bin/busybox", "sh", "-c", SCRIPT];
        let container = Container { rootfs: &rootfs, args: &args, hostname: "judged", read_only, limits: LIMITS };
        let bundle = rootfs.with_extension("bundle");
        container.bundle(&bundle).unwrap();
        let mut ours = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
        let ours = seen(ours.arg("run").args(container.words()), &mounts);
        assert!(ours.len() > 40, "{ours:?}");
        for peer in PEERS {
            let mut command = Command::new(peer);
            command.args(["run", "--bundle"]).arg(&bundle).arg(format!("judged-{}", std::process::id()));
            if Command::new(peer).arg("--version").output().is_err() {
                println!("SKIPPED({peer} is not installed: apt-get install {peer})");
                continue;
            }
            compare(peer, &ours, &seen(&mut command, &mounts));
        }
        fs::remove_dir_all(&bundle).unwrap();
    }
    fs::remove_dir_all(&rootfs).unwrap();
}

fn compare(peer: &str, ours: &Seen, theirs: &Seen) {
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let none = "nothing".to_owned();
    let mut differing = Vec::new();
    for name in names {
        let (our, their) = (ours.get(name).unwrap_or(&none), theirs.get(name).unwrap_or(&none));
        let known = KNOWN.iter().any(|(whose, what, _)| *whose == peer && what == name);
        match (our == their, known) {
            (false, false) => differing.push(format!("{name}: ours {our}, {peer} {their}")),
            (true, true) => differing.push(format!("{name} is the same now: it needs no exception")),
            _ => {}
        }
    }
    assert!(differing.is_empty(), "{peer}:\n{}", differing.join("\n"));
    println!("{peer}: {} facts the same", ours.len());
}

/// Starts it, reads what it tells until it waits, looks at its control groups from outside, and lets it end.
fn seen(command: &mut Command, mounts: &OwnedFd) -> Seen {
    let mounts = mounts.as_raw_fd();
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(move || os::setns(mounts, libc::CLONE_NEWNS).map_err(std::io::Error::from_raw_os_error))
    };
    let mut runtime = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdin = runtime.stdin.take();
    // Kept until the end: who copies with splice(2) is told of a pipe that nobody reads even if it has nothing to copy.
    let mut lines = BufReader::new(runtime.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut seen = Seen::new();
    for line in lines.by_ref().take_while(|line| line != "seen") {
        if let Some((name, value)) = fact(&line) {
            seen.insert(name, value);
        }
    }
    for child in children(runtime.id()) {
        limits(child, &mut seen);
    }
    drop(stdin);
    let status = runtime.wait().unwrap();
    drop(lines);
    assert!(status.success(), "{command:?}: {status}");
    seen
}

fn fact(line: &str) -> Option<(String, String)> {
    let (about, rest) = line.split_once(' ')?;
    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(match about {
        // Whether it is the machine's own.
        "ns" => {
            assert!(KINDS.contains(&name), "{line}");
            let machines = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
            (format!("ns {name}"), if machines.to_string_lossy() == value { "the machine's" } else { "its own" }.into())
        }
        "mount" => mount(rest)?,
        // A single value.
        "hostname" | "user" | "pid" | "umask" => (about.to_owned(), rest.to_owned()),
        _ => (format!("{about} {name}"), value.trim().to_owned()),
    })
}

/// What a mount point has (proc_pid_mountinfo(5)). The root is an overlay of ours and a bind mount of theirs; what is
/// mounted to mask a path, or to make it read-only, may be stricter.
fn mount(line: &str) -> Option<(String, String)> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (source, target, options) = (fields.next()?, fields.next()?, fields.next()?);
    let wanted = ["ro", "nosuid", "nodev", "noexec"];
    let options: Vec<&str> = options.split(',').filter(|option| wanted.contains(option)).collect();
    if target == "/" {
        let read_only = if options.contains(&"ro") { "read-only" } else { "writable" };
        return Some(("mount /".into(), read_only.into()));
    }
    let read_only = options.contains(&"ro");
    let covered = match (paths::MASKED.contains(&target), paths::READ_ONLY.contains(&target)) {
        (true, _) if source == "/null" => Some("masked with /dev/null"),
        (true, _) if read_only => Some("masked with an empty directory"),
        (_, true) if read_only => Some("read-only"),
        _ => None,
    };
    if let Some(covered) = covered {
        return Some((format!("mount {target}"), covered.to_owned()));
    }
    Some((format!("mount {target}"), format!("{} {}", kind.split(' ').next()?, options.join(","))))
}

fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The limits of a process, in the files of whichever version has them.
fn limits(pid: u32, seen: &mut Seen) {
    const FILES: [(&str, &[&str]); 3] = [
        ("memory", &["memory.max", "memory.limit_in_bytes"]),
        ("cpu", &["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"]),
        ("pids", &["pids.max"]),
    ];
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    for (controller, files) in FILES {
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(names), Some(path)) = (fields.next(), fields.next()) else { continue };
            if !names.is_empty() && !names.split(',').any(|name| name == controller) {
                continue;
            }
            for file in files {
                let at = Path::new("/sys/fs/cgroup").join(names).join(path.trim_start_matches('/')).join(file);
                if let Ok(text) = fs::read_to_string(at) {
                    seen.insert(format!("limit {file}"), text.trim().to_owned());
                }
            }
        }
    }
}

fn rootfs() -> Option<PathBuf> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else {
        println!("SKIPPED(no static busybox here: apt-get install busybox-static)");
        return None;
    };
    let root = std::env::temp_dir().join(format!("drydock-judge-{}", std::process::id()));
    for dir in ["bin", "proc", "dev"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    Some(root)
}
