use super::*;

fn exec(path: &str, argv: &[&str]) -> Sys {
    let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    Sys::Exec { path: path.to_owned(), argv, env: vec![] }
}

fn script(m: &mut Machine, tid: Tid, path: &str, text: &str, mode: u32) {
    m.write_file(tid, path, text);
    m.call(tid, Sys::Chmod { path: path.to_owned(), mode });
}

/// Each seen on 6.18.
#[test]
fn execve_of_what_cannot_run_fails_as_on_linux() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    for (path, text, mode) in [
        ("/tmp/empty", "", 0o755),
        ("/tmp/text", "hello\n", 0o755),
        ("/tmp/noent", "#!/nope\n", 0o755),
        ("/tmp/dir-interpreter", "#!/tmp\n", 0o755),
        ("/tmp/not-executable", TRUE, 0o644),
        ("/tmp/through", "#!/tmp/not-executable\n", 0o755),
        ("/tmp/s0", TRUE, 0o755),
    ] {
        script(&mut m, tid, path, text, mode);
    }
    for n in 1..=5 {
        script(&mut m, tid, &format!("/tmp/s{n}"), &format!("#!/tmp/s{}\n", n - 1), 0o755);
    }
    m.table(
        tid,
        &[
            (exec("/tmp/empty", &["x"]), err(Errno::ENOEXEC)),
            (exec("/tmp/text", &["x"]), err(Errno::ENOEXEC)),
            (exec("/tmp/noent", &["x"]), err(Errno::ENOENT)),
            (exec("/tmp/dir-interpreter", &["x"]), err(Errno::EACCES)),
            (exec("/tmp/not-executable", &["x"]), err(Errno::EACCES)),
            (exec("/tmp/through", &["x"]), err(Errno::EACCES)),
            (exec("/tmp", &["x"]), err(Errno::EACCES)),
            (exec("/tmp/s0/", &["x"]), err(Errno::ENOTDIR)),
            (exec("/dev/null", &["x"]), err(Errno::EACCES)),
            (exec("/tmp/none", &["x"]), err(Errno::ENOENT)),
            (exec("/tmp/s5", &["x"]), err(Errno::ELOOP)),
            (exec("/bin/true", &[&"x".repeat(131_072)]), err(Errno::E2BIG)),
        ],
    );
    let child = m.fork(tid);
    assert_eq!(m.outcome(child, exec("/tmp/s4", &["zero", "arg"])), Outcome::Became);
    let Ret::Proc(stat) = m.call(tid, Sys::ProcStat { pid: child.0 }) else { panic!() };
    assert_eq!(stat.comm, "s4", "the script's own name");
    let expected = ["/dev/.toolbox", "true", "/tmp/s0", "/tmp/s1", "/tmp/s2", "/tmp/s3", "/tmp/s4", "arg"];
    assert_eq!(stat.cmdline, expected);
}

#[test]
fn a_name_is_at_most_fifteen_bytes() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    script(&mut m, tid, "/tmp/a-very-long-name-of-a-program", TRUE, 0o755);
    m.outcome(tid, exec("/tmp/a-very-long-name-of-a-program", &["x"]));
    assert_eq!(m.read_file(tid, "/proc/self/comm"), "a-very-long-nam\n");
    assert_eq!(m.call(tid, Sys::Readlink { path: "/proc/self/exe".into() }), Ret::Text("/dev/.toolbox".into()));
}

#[test]
fn a_path_is_searched_as_execvp_does() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.call(tid, mkdir("/usr"));
    m.call(tid, mkdir("/usr/bin"));
    script(&mut m, tid, "/usr/bin/true", TRUE, 0o644);
    script(&mut m, tid, "/usr/bin/only", TRUE, 0o644);
    script(&mut m, tid, "/usr/bin/data", "data", 0o755);
    assert!(m.try_start(Place::Node, &Machine::spec(&["true"])).is_ok(), "EACCES is passed over");
    let rows = [("only", Errno::EACCES), ("none", Errno::ENOENT), ("data", Errno::ENOEXEC), ("", Errno::ENOENT)];
    for (name, errno) in rows {
        assert_eq!(m.try_start(Place::Node, &Machine::spec(&[name])), Err(StartError::Exec(errno)), "{name}");
    }
    assert!(m.try_start(Place::Node, &Machine::spec(&["/dev/.toolbox", "true", "/dev/.toolbox"])).is_ok());
}
