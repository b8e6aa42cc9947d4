//! The model against a recording of a real overlayfs: every errno, then every name, kind, mode and link count it shows,
//! and all that its upperdir holds.

use super::*;

const RECORDING: &str = include_str!("overlay_recorded.txt");

fn layers() -> Vec<Vec<Entry>> {
    let oldest = vec![
        Entry::dir("a", 0o755),
        Entry::file("a/a", 0o644, "1"),
        Entry::dir("a/b", 0o755),
        Entry::file("a/b/c", 0o600, "2"),
        Entry::dir("b", 0o755),
        Entry::dir("b/a", 0o755),
        Entry::file("b/a/a", 0o644, "3"),
        Entry::symlink("b/c", "a"),
        Entry::file("c", 0o644, "4"),
    ];
    let newest = vec![
        Entry::dir("a", 0o755),
        Entry::dir("a/b", 0o711),
        Entry::file("a/b/a", 0o644, "5"),
        Entry::file("b/b", 0o644, "6"),
        Entry::whiteout("b/a"),
        Entry::file("a/c", 0o644, "8"),
    ];
    vec![oldest, newest]
}

#[test]
fn random_calls_end_as_they_did_on_a_real_overlay() {
    let mut compared = 0;
    for run in RECORDING.split("RUN ").skip(1) {
        let mut m = Machine::boot();
        let cid = m.create(1, &layers());
        let tid = m.try_start(Place::Init(cid), &Machine::spec(&["/dev/.toolbox", "true", "x"])).unwrap();
        let (mut shown, mut number) = (Vec::new(), "");
        for line in run.lines() {
            match line.split_once(" = ") {
                Some((call, expected)) => {
                    assert_eq!(make(&mut m, tid, call), expected, "run {number}: {call}");
                    compared += 1;
                }
                None if line.starts_with("SEE") || line.starts_with("UP") => shown.push(line.to_owned()),
                None => number = line,
            }
        }
        let mut seen = Vec::new();
        see(&mut m, tid, "", &mut seen);
        seen.extend(m.upper().into_iter().map(|line| format!("UP {line}")));
        assert_eq!(seen, shown, "run {number}");
    }
    assert_eq!(compared, 1_600);
}

fn make(m: &mut Machine, tid: Tid, call: &str) -> String {
    let words: Vec<&str> = call.split(' ').collect();
    let sys = match words[..] {
        ["mkdir", path] => mkdir(path),
        ["rmdir", path] => rmdir(path),
        ["unlink", path] => unlink(path),
        ["rename", from, to] => rename(from, to),
        ["link", from, to] => Sys::Link { from: from.into(), to: to.into() },
        ["symlink", target, path] => symlink(target, path),
        ["chmod", path] => Sys::Chmod { path: path.into(), mode: 0o700 },
        ["write", path] => open(path, OpenFlags::CREATE),
        ["rdwr", path] => open(path, OpenFlags { write: true, ..OpenFlags::READ }),
        _ => panic!("{call}"),
    };
    match m.call(tid, sys) {
        Ret::Err(errno) => errno.name().to_owned(),
        Ret::Int(fd) => {
            m.call(tid, Sys::Write { fd: fd as Fd, data: b"w".to_vec() });
            m.call(tid, Sys::Close { fd: fd as Fd });
            "ok".to_owned()
        }
        _ => "ok".to_owned(),
    }
}

fn see(m: &mut Machine, tid: Tid, dir: &str, out: &mut Vec<String>) {
    for name in m.names(tid, if dir.is_empty() { "/" } else { dir }) {
        let path = format!("{dir}/{name}");
        if path == "/dev" || path == "/proc" {
            continue;
        }
        let stat = m.stat(tid, &path);
        out.push(format!("SEE {path} {:?} {:o} {}", stat.kind, stat.mode, stat.nlink));
        if stat.kind == FileKind::Dir {
            see(m, tid, &path, out);
        }
    }
}
