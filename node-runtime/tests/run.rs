//! `node-runtime run`: one container from a directory, as seen from inside and after.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
