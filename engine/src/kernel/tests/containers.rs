use super::*;
use crate::node::{Bind, GroupSpec};

fn fact(facts: &Facts, path: &str) -> String {
    facts.get(path).map(Value::to_string).unwrap_or_default()
}

#[test]
fn a_container_has_its_own_namespaces_and_shares_the_user_namespace() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let tid = m.in_container(&[]);
    let facts = m.facts(&[]);
    for (path, expected) in [
        ("pid/inner", "1"),
        ("pid/outer", "3"),
        ("processes", "1"),
        ("hostname", "host1"),
        ("ns/pid", "pid1"),
        ("ns/mnt", "mnt1"),
        ("ns/uts", "uts1"),
        ("ns/ipc", "ipc1"),
        ("ns/net", "net1"),
        ("ns/user", "user0"),
        ("ns/cgroup", "cgroup1"),
        ("uid", "0"),
        ("cwd", "/"),
        ("cmdline", "true"),
        ("root/fstype", "overlay"),
        ("root/lowers", "1"),
        ("root/options", "rw"),
        ("upper", "2"),
        ("upper/%2Fdev", "dir"),
        ("upper/%2Fproc/mode", "0755"),
    ] {
        assert_eq!(fact(&facts, &format!("container/c1/{path}")), expected, "{path}");
    }
    assert_eq!(fact(&facts, "node/processes"), "2");
    assert_eq!(fact(&facts, "process/3/nspid"), "3 1");
    assert_eq!(fact(&facts, "process/3/ppid"), "1");
    assert_eq!(m.kill(shell, tid.0 as i32, Signal::SIGTERM), Ret::Ok);
    assert!(m.fx.died.is_empty());
}

#[test]
fn a_container_can_be_started_again_over_its_upperdir() {
    let mut m = Machine::boot();
    let tid = m.in_container(&[]);
    m.write_file(tid, "/kept", "yes");
    m.exit(tid, 3);
    assert_eq!(m.fx.jobs_ended, [(JobId(0), WaitStatus::Exited(3))]);
    let facts = m.facts(&["/kept", "/etc/motd"]);
    assert_eq!(fact(&facts, "container/c1/exit_code"), "3");
    assert!(!facts.contains_key("container/c1/pid/inner"));
    assert_eq!(fact(&facts, "container/c1/file/%2Fkept/from"), "upper");
    assert_eq!(fact(&facts, "container/c1/file/%2Fkept/size"), "3");
    assert_eq!(fact(&facts, "container/c1/file/%2Fetc%2Fmotd/from"), "layer 1");
    let sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    assert_eq!(fact(&facts, "container/c1/file/%2Fetc%2Fmotd/sha256"), sha, "sha256 of hello and a newline");
    let again = m.start(Place::Init(Cid(1)));
    assert_eq!(m.read_file(again, "/kept"), "yes");
    assert_eq!(m.call(again, Sys::Getpid), Ret::Int(1));
    assert!(!m.facts(&[]).contains_key("container/c1/exit_code"));
}

#[test]
fn the_working_directory_and_bind_targets_are_made() {
    let mut m = Machine::boot();
    let tar = layer(&base());
    m.kernel.add_layer(&Digest::of(&tar), &tar).unwrap();
    let bind = |source: &str, target: &str, read_only| Bind { source: source.into(), target: target.into(), read_only };
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: crate::call::CONTAINER_CAPABILITIES,
        name: "c1".into(),
        hostname: "h".into(),
        layers: vec![Digest::of(&tar)],
        tmpfs: Vec::new(),
        binds: vec![bind("/home/learner/app", "/srv/app", false), bind("/home/learner/notes", "/etc/notes", true)],
        read_only: true,
        cgroup: GroupSpec::at("docker/c1"),
    };
    m.kernel.create(Cid(1), &spec).unwrap();
    let process = ProcessSpec { cwd: "/work/dir".into(), ..Machine::spec(&["true"]) };
    let tid = m.try_start(Place::Init(Cid(1)), &process).unwrap();
    assert_eq!(m.upper(), ["/etc dir", "/etc/notes file", "/srv dir", "/srv/app dir", "/work dir", "/work/dir dir"]);
    m.table(
        tid,
        &[
            (Sys::Getcwd, Ret::Text("/work/dir".into())),
            (open("/new", OpenFlags::CREATE), err(Errno::EROFS)),
            (open("/etc/notes", OpenFlags::CREATE), err(Errno::EROFS)),
            (unlink("/etc/notes"), err(Errno::EROFS)),
        ],
    );
    assert_eq!(m.read_file(tid, "/etc/notes"), "text\n");
    m.write_file(tid, "/srv/app/log", "from inside");
    let shell = m.start(Place::Node);
    assert_eq!(m.read_file(shell, "/home/learner/app/log"), "from inside");
    assert_eq!(m.fact("container/c1/root/options").as_deref(), Some("ro"));
    assert_eq!(m.stat(shell, "/home/learner/app/run.sh").mode, 0o755);
}

#[test]
fn failed_starts_say_why_and_leave_no_process() {
    let mut m = Machine::boot();
    let cid = m.create(1, &[base()]);
    let tar = layer(&base());
    let bind = Bind { source: "/nope".into(), target: "/x".into(), read_only: false };
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: crate::call::CONTAINER_CAPABILITIES,
        name: "c2".into(),
        hostname: "h".into(),
        layers: vec![Digest::of(&tar)],
        tmpfs: Vec::new(),
        binds: vec![bind],
        read_only: false,
        cgroup: GroupSpec::at("docker/c2"),
    };
    m.kernel.create(Cid(2), &spec).unwrap();
    let rows = [
        (Place::Init(cid), Machine::spec(&["nope"]), StartError::Exec(Errno::ENOENT)),
        (
            Place::Init(cid),
            ProcessSpec { cwd: "/etc/motd".into(), ..Machine::spec(&["true"]) },
            StartError::Cwd(Errno::ENOTDIR),
        ),
        (Place::Init(Cid(2)), Machine::spec(&["true"]), StartError::Mount("/nope".into(), Errno::ENOENT)),
    ];
    for (at, spec, why) in rows {
        assert_eq!(m.try_start(at, &spec), Err(why));
    }
    // Nothing runs in it: no pid is used up.
    assert_eq!(m.try_start(Place::Join(cid), &Machine::spec(&["true"])), Err(StartError::Exec(Errno::ESRCH)));
    assert_eq!(m.fact("node/processes").as_deref(), Some("0"));
    assert_eq!(m.start(Place::Init(cid)), Tid(5));
}

#[test]
fn a_commit_is_the_upperdir_as_a_layer() {
    let mut m = Machine::boot();
    let tid = m.in_container(&[vec![Entry::dir("d", 0o755), Entry::file("d/f", 0o644, "f")]]);
    m.write_file(tid, "/etc/motd", "changed");
    m.table(
        tid,
        &[
            (unlink("/d/f"), Ret::Ok),
            (rmdir("/d"), Ret::Ok),
            (mkdir("/d"), Ret::Ok),
            (unlink("/bin/true"), Ret::Ok),
            (symlink("motd", "/etc/link"), Ret::Ok),
            (Sys::Link { from: "/etc/motd".into(), to: "/etc/same".into() }, Ret::Ok),
            (Sys::Utimens { path: "/etc/motd".into(), mtime_s: Some(99), follow: true }, Ret::Ok),
        ],
    );
    let tar: Arc<[u8]> = m.kernel.commit(Cid(1)).unwrap().into();
    let entries = tar::read_layer(&tar).unwrap();
    let shown: Vec<String> = entries.iter().map(|entry| format!("{} {:?}", entry.path, entry.kind)).collect();
    let expected = [
        "bin Dir",
        "bin/true Whiteout",
        "d Dir",
        "d Opaque",
        "dev Dir",
        "etc Dir",
        "etc/link Symlink { target: \"motd\" }",
        "etc/motd File",
        "etc/same Hardlink { target: \"etc/motd\" }",
        "proc Dir",
    ];
    assert_eq!(shown, expected);
    assert_eq!((&*entries[7].data, entries[7].mtime_s), (&b"changed"[..], 99));
    // What was committed is what a container of it shows.
    m.exit(tid, 0);
    let top = Digest::of(&tar);
    m.kernel.add_layer(&top, &tar).unwrap();
    let layers = vec![Digest::of(&layer(&base())), top];
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: crate::call::CONTAINER_CAPABILITIES,
        name: "c2".into(),
        hostname: "h".into(),
        layers,
        tmpfs: Vec::new(),
        binds: vec![],
        read_only: false,
        cgroup: GroupSpec::at("docker/c2"),
    };
    m.kernel.create(Cid(2), &spec).unwrap();
    let tid = m.try_start(Place::Init(Cid(2)), &Machine::spec(&["/dev/.toolbox", "true", "x"])).unwrap();
    assert_eq!(m.read_file(tid, "/etc/same"), "changed");
    assert_eq!(m.names(tid, "/bin"), Vec::<String>::new());
}

#[test]
fn a_removed_container_is_gone_and_a_running_one_stays() {
    let mut m = Machine::boot();
    let tid = m.in_container(&[]);
    assert!(m.kernel.remove(Cid(1)).is_err());
    m.exit(tid, 0);
    m.kernel.remove(Cid(1)).unwrap();
    assert!(m.facts(&[]).keys().all(|path| !path.starts_with("container/")));
    assert!(m.kernel.commit(Cid(1)).is_err());
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut m = Machine::boot();
    let tid = m.in_container(&[]);
    m.write_file(tid, "/f", "before");
    let mut other = m.clone();
    other.write_file(tid, "/f", "after");
    other.call(tid, unlink("/etc/motd"));
    assert_eq!(m.read_file(tid, "/f"), "before");
    assert_eq!(m.read_file(tid, "/etc/motd"), "hello\n");
    assert_eq!(other.read_file(tid, "/f"), "after");
}

/// A session keeps a snapshot for each step.
#[test]
fn cloning_four_containers_copies_no_file() {
    let mut m = Machine::boot();
    let big: Vec<Entry> = (0..500).map(|n| Entry::file(format!("f{n}"), 0o644, vec![b'x'; 10_000])).collect();
    for cid in 1..=4 {
        let cid = m.create(cid, &[base(), big.clone(), vec![Entry::dir("top", 0o755)]]);
        let tid = m.start(Place::Init(cid));
        m.write_file(tid, "/big", &"y".repeat(60_000));
        m.names(tid, "/");
    }
    let copy = m.kernel.clone();
    let (a, b) = (m.kernel.upper(Cid(1)).unwrap(), copy.upper(Cid(1)).unwrap());
    assert!(std::ptr::eq(a, b));
}
