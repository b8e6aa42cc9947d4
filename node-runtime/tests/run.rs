//! `node-runtime run`: one container from a directory, as seen from inside and after.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A root with Debian's busybox in it, or a loud word about why not.
fn rootfs(name: &str) -> Option<PathBuf> {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED(a container needs root)");
        return None;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else {
        println!("SKIPPED(no static busybox here: apt-get install busybox-static)");
        return None;
    };
    // A name that would end a mount option.
    let root = std::env::temp_dir().join(format!("drydock,run:{name}-{}", std::process::id()));
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    fs::write(root.join("data"), "lower").unwrap();
    fs::write(root.join("notes"), "not a program").unwrap();
    fs::set_permissions(root.join("notes"), fs::Permissions::from_mode(0o755)).unwrap();
    Some(root)
}

fn run(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_node-runtime")).arg("run").args(words).output().unwrap()
}

/// A script in the container: what it printed, and its exit code.
fn script(root: &Path, options: &[&str], script: &str) -> (String, Option<i32>) {
    let root = root.to_str().unwrap();
    let output = run(&[options, &[root, "/bin/busybox", "sh", "-c", script]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code())
}

#[test]
fn a_command_is_alone_in_its_namespaces_and_changes_nothing_outside() {
    let Some(root) = rootfs("alone") else { return };
    let typed = "busybox hostname; echo $$; echo upper > /data; busybox cat /data; echo /proc/[0-9]*; exit 7";
    let seen = script(&root, &["--hostname", "web"], typed);
    assert_eq!(seen, ("web\n1\nupper\n/proc/1\n".to_owned(), Some(7)));
    assert_eq!(fs::read_to_string(root.join("data")).unwrap(), "lower");
    let (links, _) = script(&root, &[], "for link in /proc/self/ns/*; do busybox readlink $link; done");
    for link in links.lines() {
        let kind = link.split(':').next().unwrap();
        let ours = fs::read_link(format!("/proc/self/ns/{kind}")).map(|path| path.to_string_lossy().into_owned());
        let shared = ["user", "time"].contains(&kind);
        assert_eq!(ours.is_ok_and(|ours| ours == link), shared, "{link}");
    }
    let (mounts, _) = script(&root, &[], "busybox cut -d' ' -f5 /proc/self/mountinfo");
    assert!(mounts.starts_with("/\n/proc\n/dev\n"), "{mounts}");
    assert!(!mounts.contains("/sys/fs") && !mounts.contains("/upper"), "{mounts}");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn exit_codes_tell_who_failed() {
    let Some(root) = rootfs("codes") else { return };
    let path = root.to_str().unwrap();
    let code = |words: &[&str]| run(words).status.code();
    assert_eq!(code(&[path, "/bin/nothing"]), Some(127));
    assert_eq!(code(&[path, "nothing"]), Some(127));
    assert_eq!(code(&[path, "/data"]), Some(126), "not executable");
    assert_eq!(code(&[path, "/notes"]), Some(126), "of no known format");
    assert_eq!(code(&["/nothing", "true"]), Some(125));
    assert_eq!(code(&["--memory", "1", path, "true"]), Some(125));
    assert_eq!(script(&root, &[], "busybox kill -KILL $$; (busybox sleep 9 & kill -9 $!; wait $!)").1, Some(137));
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn options_reach_the_kernel() {
    let Some(root) = rootfs("options") else { return };
    let (text, _) =
        script(&root, &["--user", "7:8"], "busybox id; busybox grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status");
    let docker = "00000000a80425fb";
    let none = "0000000000000000";
    assert_eq!(
        text,
        format!(
            "uid=7 gid=8\nCapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{docker}\nCapAmb:\t{none}\n\
             NoNewPrivs:\t1\nSeccomp:\t2\n"
        )
    );
    let (text, code) = script(&root, &["--read-only"], "echo x > /data; echo y > /dev/shm/y && busybox cat /dev/shm/y");
    assert_eq!((text.lines().next(), code), (Some("y"), Some(0)), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
    // The 8th fork of a group that may hold 8.
    let (text, _) =
        script(&root, &["--pids-limit", "8"], "for i in 1 2 3 4 5 6 7 8 9; do busybox sleep 1 & done; echo done");
    match text.contains("goes on without a limit") {
        true => println!("SKIPPED(no pids controller): {text}"),
        false => assert!(text.contains("Resource temporarily unavailable"), "{text}"),
    }
    fs::remove_dir_all(root).unwrap();
}

/// Processes that were started with this word.
fn started_with(word: &str) -> Vec<String> {
    let pids = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
    let words = pids.filter_map(|path| fs::read(path).ok()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // Not the launchers, which are gone.
    words.filter(|text| text.split('\0').any(|each| each == word)).collect()
}

/// Control groups of these launchers.
fn groups_of(launchers: &[u32]) -> BTreeSet<PathBuf> {
    let is_theirs = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        launchers.iter().any(|pid| name.starts_with(&format!("drydock-run-{pid}-")))
    };
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let below = |path: PathBuf| fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
    let all = hierarchies.flat_map(|path| std::iter::once(path.clone()).chain(below(path)));
    all.filter(is_theirs).collect()
}

#[test]
fn a_launcher_killed_at_any_moment_leaves_nothing_that_the_next_does_not_remove() {
    let Some(root) = rootfs("killed") else { return };
    let path = root.to_str().unwrap();
    let word = format!("{}", 100_000 + std::process::id());
    let mut launchers = Vec::new();
    let mut with_group = 0;
    for round in 0..40 {
        let mut launcher = Command::new(env!("CARGO_BIN_EXE_node-runtime"))
            .args(["run", "--memory", "64m", "--cpus", "1", "--pids-limit", "9", path, "/bin/busybox", "sleep", &word])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(round * 700));
        launchers.push(launcher.id());
        with_group += u32::from(!groups_of(&[launcher.id()]).is_empty());
        launcher.kill().unwrap();
        launcher.wait().unwrap();
    }
    let begun = Instant::now();
    while !started_with(&word).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?} are left", started_with(&word));
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{with_group} of {} had a group when they were killed", launchers.len());
    assert_eq!(run(&[path, "/bin/busybox", "true"]).status.code(), Some(0));
    assert_eq!(groups_of(&launchers), BTreeSet::new());
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_signal_to_the_launcher_ends_the_container_and_takes_its_group_away() {
    let Some(root) = rootfs("signal") else { return };
    let word = format!("{}", 200_000 + std::process::id());
    let mut launcher = Command::new(env!("CARGO_BIN_EXE_node-runtime"))
        .args(["run", "--pids-limit", "9", root.to_str().unwrap(), "/bin/busybox", "sleep", &word])
        .spawn()
        .unwrap();
    let begun = Instant::now();
    // The launcher's own words, and the command's.
    while started_with(&word).len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it was not started");
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: no memory is passed; it has not been waited for.
    unsafe { libc::kill(launcher.id() as i32, libc::SIGTERM) };
    assert_eq!(launcher.wait().unwrap().code(), Some(143));
    assert_eq!((started_with(&word), groups_of(&[launcher.id()])), (Vec::new(), BTreeSet::new()));
    fs::remove_dir_all(root).unwrap();
}

/// With too few descriptors for one step or the other, the step is named, and what was made before it is gone.
#[test]
fn what_runs_out_is_named_and_nothing_is_left() {
    let Some(root) = rootfs("short") else { return };
    let mut failed = 0;
    for most in 3..12 {
        let mut launcher = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
        launcher.args(["run", "--pids-limit", "9", root.to_str().unwrap(), "/bin/busybox", "true"]);
        launcher.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: setrlimit(2) between fork and exec, on plain data.
        unsafe {
            launcher.pre_exec(move || {
                let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
                Ok(())
            })
        };
        let launcher = launcher.spawn().unwrap();
        let pid = launcher.id();
        let output = launcher.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => {}
            Some(125) => {
                failed += 1;
                assert!(said.contains("Too many open files"), "{most}: {said}");
            }
            // Before it is itself, a program that is linked to others may lack a descriptor as well.
            other => assert!(other == Some(127), "{most}: {other:?} {said}"),
        }
        assert_eq!(groups_of(&[pid]), BTreeSet::new(), "{most}");
    }
    assert!(failed > 0, "no number of descriptors was too small");
    fs::remove_dir_all(root).unwrap();
}

/// The nobody of the machine is root inside, and only there.
#[test]
fn who_is_not_root_can_run_one() {
    let Some(root) = rootfs("rootless") else { return };
    const NOBODY: u32 = 65534;
    // Where the tree is root's alone, nobody finds the program in it.
    let program = root.with_extension("program");
    for file in ["", "bin", "bin/busybox", "data"] {
        std::os::unix::fs::chown(root.join(file), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_node-runtime"), &program).unwrap();
    let script = "busybox id -u; busybox id -g; busybox cat /proc/self/uid_map; echo > /new && busybox stat -c %u /new /data; \
                  echo > /dev/null && busybox head -c 3 /dev/zero | busybox wc -c; busybox hostname; \
                  busybox grep -E '^(CapEff|Seccomp:)' /proc/self/status; exit 5";
    let output = Command::new(&program)
        .args(["run", "--hostname", "mine", root.to_str().unwrap(), "/bin/busybox", "sh", "-c", script])
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    fs::remove_file(&program).unwrap();
    if said.contains("clone3") || said.contains("map the user") {
        println!("SKIPPED(no user namespaces for who is not root: {said})");
    } else {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let expected = "0 0 0 65534 1 0 0 3 mine CapEff: 00000000a80425fb Seccomp: 2".split(' ');
        assert_eq!(words, expected.collect::<Vec<_>>(), "{said}");
        assert_eq!(output.status.code(), Some(5), "{said}");
    }
    fs::remove_dir_all(root).unwrap();
}
