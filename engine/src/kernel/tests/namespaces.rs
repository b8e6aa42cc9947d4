use super::*;
use crate::call::{CloneFlags, MountFlags};

const PID: CloneFlags =
    CloneFlags { pid: true, mnt: false, uts: false, ipc: false, net: false, user: false, cgroup: false, time: false };
const MNT: CloneFlags = CloneFlags { mnt: true, pid: false, ..PID };
const UTS: CloneFlags = CloneFlags { uts: true, pid: false, ..PID };
const USER: CloneFlags = CloneFlags { user: true, pid: false, ..PID };

fn unshare(flags: CloneFlags) -> Sys {
    Sys::Unshare { flags }
}

fn mount(source: &str, target: &str, fstype: &str, flags: MountFlags) -> Sys {
    let (source, target, fstype) = (source.to_owned(), target.to_owned(), fstype.to_owned());
    Sys::Mount { source, target, fstype, flags, data: String::new() }
}

const NONE: MountFlags = MountFlags::NONE;
const BIND: MountFlags = MountFlags { bind: true, ..NONE };
const READ_ONLY: MountFlags = MountFlags { bind: true, remount: true, read_only: true, ..NONE };

/// A process and its first child in a new pid namespace.
fn nested(m: &mut Machine) -> (Tid, Tid) {
    let outer = m.start(Place::Node);
    assert_eq!(m.call(outer, unshare(PID)), Ret::Ok);
    let init = m.fork(outer);
    (outer, init)
}

/// P1, P2, P10.
#[test]
fn unshare_of_the_pid_namespace_is_for_children() {
    let mut m = Machine::boot();
    let (outer, init) = nested(&mut m);
    m.table(outer, &[(Sys::Getpid, Ret::Int(2)), (unshare(PID), err(Errno::EINVAL))]);
    m.table(init, &[(Sys::Getpid, Ret::Int(1)), (Sys::Getppid, Ret::Int(0))]);
    assert_eq!(m.fact("process/3/nspid").as_deref(), Some("3 1"));
}

/// P3, P4.
#[test]
fn init_is_immune_from_inside_and_only_kill_and_stop_reach_it_from_outside() {
    let mut m = Machine::boot();
    let (outer, init) = nested(&mut m);
    let inside = m.fork(init);
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGSTOP] {
        assert_eq!(m.kill(inside, 1, signal), Ret::Ok, "{signal:?}");
        assert!(m.fx.died.is_empty(), "{signal:?}");
    }
    m.kill(outer, 3, Signal::SIGTERM);
    assert!(m.fx.died.is_empty());
    m.kill(outer, 3, Signal::SIGSTOP);
    assert_eq!(m.fact("process/3/state").as_deref(), Some("T"));
    m.kill(outer, 3, Signal::SIGKILL);
    assert_eq!(m.fx.died.len(), 2);
}

/// P3: what init waits for reaches it.
#[test]
fn an_init_that_waits_for_a_signal_gets_it() {
    let mut m = Machine::boot();
    let (outer, init) = nested(&mut m);
    m.call(init, Sys::SigMask { signal: Signal::SIGTERM, block: true });
    assert!(matches!(m.outcome(init, Sys::SigWait { signals: vec![Signal::SIGTERM] }), Outcome::Blocked(_)));
    m.kill(outer, 3, Signal::SIGTERM);
    assert_eq!(m.fx.woken, [(init, Ret::Int(15))]);
}

/// P7, P9, P13a.
#[test]
fn the_end_of_init_ends_its_namespace_and_no_process_can_be_added() {
    let mut m = Machine::boot();
    let (outer, init) = nested(&mut m);
    let member = m.fork(init);
    assert_eq!(m.exit(init, 5), Outcome::Gone(WaitStatus::Exited(5)));
    assert_eq!(m.fx.died, [(member, WaitStatus::Signaled(Signal::SIGKILL))]);
    let fork = Sys::Fork { child: Box::new(Program::Exit { code: 0 }), until_exec: false };
    m.table(
        outer,
        &[
            (Sys::Wait { pid: -1, nohang: false }, Ret::Waited { pid: 3, status: WaitStatus::Exited(5) }),
            (fork.clone(), err(Errno::ENOMEM)),
            (fork, err(Errno::ENOMEM)),
        ],
    );
    assert_eq!(m.start(Place::Node), Tid(7), "5 and 6 are used up");
}

/// P8: a sibling that its outside parent has not reaped holds up the end of init.
#[test]
fn init_ends_when_all_members_are_reaped() {
    let mut m = Machine::boot();
    let (outer, init) = nested(&mut m);
    let sibling = m.fork(outer);
    assert_eq!(m.call(sibling, Sys::Getpid), Ret::Int(2));
    m.exit(sibling, 0);
    m.kill(outer, 3, Signal::SIGKILL);
    assert!(m.fx.died.is_empty());
    assert_eq!(m.call(outer, Sys::Wait { pid: 3, nohang: true }), Ret::Int(0));
    assert_eq!(m.fact("process/3/state").as_deref(), Some("S"));
    let reaped = m.call(outer, Sys::Wait { pid: 4, nohang: false });
    assert_eq!(reaped, Ret::Waited { pid: 4, status: WaitStatus::Exited(0) });
    assert_eq!(m.fx.died, [(init, WaitStatus::Signaled(Signal::SIGKILL))]);
    let reaped = m.call(outer, Sys::Wait { pid: 3, nohang: false });
    assert_eq!(reaped, Ret::Waited { pid: 3, status: WaitStatus::Signaled(Signal::SIGKILL) });
}

/// P6: an orphan of the outer namespace is adopted there, and has no parent inside.
#[test]
fn a_joined_process_has_no_parent_inside() {
    let mut m = Machine::boot();
    let init = m.in_container(&[]);
    let joined = m.start(Place::Join(Cid(1)));
    m.table(joined, &[(Sys::Getpid, Ret::Int(2)), (Sys::Getppid, Ret::Int(0))]);
    let child = m.fork(joined);
    m.exit(joined, 0);
    assert_eq!(m.call(child, Sys::Getppid), Ret::Int(1), "init of the namespace its parent was in");
    m.exit(init, 0);
    assert_eq!(m.fx.died, [(child, WaitStatus::Signaled(Signal::SIGKILL))]);
}

/// P14: a procfs shows the namespace it was mounted in.
#[test]
fn proc_shows_the_namespace_of_its_mount() {
    let mut m = Machine::boot();
    let outer = m.start(Place::Node);
    m.table(outer, &[(unshare(CloneFlags { mnt: true, ..PID }), Ret::Ok)]);
    let init = m.fork(outer);
    let pids = |names: Vec<String>| names.into_iter().filter(|name| name.parse::<u32>().is_ok()).collect::<Vec<_>>();
    assert_eq!(pids(m.names(init, "/proc")), ["1", "2", "3"]);
    assert_eq!(m.call(init, Sys::Readlink { path: "/proc/self".into() }), Ret::Text("3".into()));
    m.call(init, mount("proc", "/proc", "proc", NONE));
    assert_eq!(pids(m.names(init, "/proc")), ["1"]);
    assert_eq!(m.call(init, Sys::Readlink { path: "/proc/self".into() }), Ret::Text("1".into()));
    assert_eq!(m.call(init, Sys::ProcStat { pid: 3 }), err(Errno::ESRCH));
    let Ret::Proc(stat) = m.call(init, Sys::ProcStat { pid: 1 }) else { panic!() };
    assert_eq!((stat.ppid, stat.state, stat.nspid), (0, 'R', vec![1]));
    // The node has its own mount.
    let other = m.start(Place::Node);
    let Ret::Proc(stat) = m.call(other, Sys::ProcStat { pid: 3 }) else { panic!() };
    assert_eq!((stat.ppid, stat.nspid), (2, vec![3, 1]));
}

/// P10.
#[test]
fn thirty_two_pid_namespaces_nest_and_the_next_is_enospc() {
    let mut m = Machine::boot();
    let mut tid = m.start(Place::Node);
    // The node is the first below the machine.
    for level in 2..=32 {
        assert_eq!(m.call(tid, unshare(PID)), Ret::Ok, "level {level}");
        tid = m.fork(tid);
    }
    assert_eq!(m.call(tid, unshare(PID)), err(Errno::ENOSPC));
}

/// I1.
#[test]
fn a_host_name_is_copied_and_then_its_own() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let name = |name: &str| Sys::Sethostname { name: name.to_owned() };
    m.table(
        tid,
        &[
            (unshare(UTS), Ret::Ok),
            (Sys::Uname, Ret::Uname { hostname: "drydock".into() }),
            (name(&"x".repeat(64)), Ret::Ok),
            (name(&"x".repeat(65)), err(Errno::EINVAL)),
            (name("inner"), Ret::Ok),
            (Sys::Uname, Ret::Uname { hostname: "inner".into() }),
        ],
    );
    assert_eq!(m.fact("node/hostname").as_deref(), Some("drydock"));
}

/// U1, U5, U6.
#[test]
fn a_user_namespace_gives_power_over_what_is_made_in_it() {
    let mut m = Machine::boot();
    let user = m.try_start(Place::Node, &ProcessSpec { uid: 1000, ..Machine::spec(&["true"]) }).unwrap();
    let name = |name: &str| Sys::Sethostname { name: name.to_owned() };
    m.table(
        user,
        &[
            (unshare(UTS), err(Errno::EPERM)),
            (unshare(USER), Ret::Ok),
            (Sys::Getuid, Ret::Int(65_534)),
            (Sys::Setuid { uid: 1 }, err(Errno::EINVAL)),
            (name("x"), err(Errno::EPERM)),
            (mount("t", "/tmp", "tmpfs", NONE), err(Errno::EPERM)),
            (unshare(CloneFlags { mnt: true, ..UTS }), Ret::Ok),
            (name("x"), Ret::Ok),
            (mount("t", "/tmp", "tmpfs", NONE), Ret::Ok),
        ],
    );
}

/// moby, oci/caps/defaults.go: CAP_SYS_ADMIN is not among a container's.
#[test]
fn root_in_a_container_is_no_administrator() {
    let mut m = Machine::boot();
    let tid = m.in_container(&[]);
    m.table(
        tid,
        &[
            (unshare(UTS), err(Errno::EPERM)),
            (Sys::Sethostname { name: "x".into() }, err(Errno::EPERM)),
            (mount("t", "/etc", "tmpfs", NONE), err(Errno::EPERM)),
            (Sys::Umount { target: "/proc".into(), detach: false }, err(Errno::EPERM)),
            (Sys::Chown { path: "/etc/motd".into(), uid: Some(5), gid: None, follow: true }, Ret::Ok),
            (Sys::Setuid { uid: 5 }, Ret::Ok),
        ],
    );
}

/// M3, M4.
#[test]
fn mounts_stack_and_a_mount_point_is_busy() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.call(tid, mkdir("/tmp/d"));
    m.write_file(tid, "/tmp/d/below", "");
    m.call(tid, chdir("/tmp/d"));
    let umount = |detach| Sys::Umount { target: "/tmp/d".into(), detach };
    m.table(
        tid,
        &[
            (mount("t", "/tmp/d", "tmpfs", NONE), Ret::Ok),
            (open("/tmp/d/below", OpenFlags::READ), err(Errno::ENOENT)),
            // M9: a directory entered before shows what is covered; `..` of a mount's root is the mount point's.
            (open("below", OpenFlags::READ), Ret::Int(3)),
            (open("../d/below", OpenFlags::READ), err(Errno::ENOENT)),
            (chdir("/tmp/d"), Ret::Ok),
            (Sys::Getcwd, Ret::Text("/tmp/d".into())),
            (mkdir("/tmp/d/one"), Ret::Ok),
            (mount("t", "/tmp/d", "tmpfs", NONE), Ret::Ok),
            (mkdir("/tmp/d/two"), Ret::Ok),
            (rmdir("/tmp/d"), err(Errno::EBUSY)),
            (rename("/tmp/d", "/tmp/e"), err(Errno::EBUSY)),
            (umount(false), Ret::Ok),
            (Sys::Stat { path: "/tmp/d/two".into(), follow: true }, err(Errno::ENOENT)),
            (umount(false), err(Errno::EBUSY)),
            (umount(true), Ret::Ok),
            (Sys::Getcwd, Ret::Text("(unreachable)/".into())),
            (chdir("/tmp/d"), Ret::Ok),
            (umount(false), err(Errno::EINVAL)),
            (mount("t", "/tmp/none", "tmpfs", NONE), err(Errno::ENOENT)),
            (mount("t", "/etc/motd", "tmpfs", NONE), err(Errno::ENOTDIR)),
            (mount("t", "/tmp/d", "nosuchfs", NONE), err(Errno::ENODEV)),
        ],
    );
    assert_eq!(m.names(tid, "/tmp/d"), ["below"]);
    let root = Sys::Umount { target: "/".into(), detach: false };
    let fd = m.fd(tid, "/tmp/w", OpenFlags::CREATE);
    m.table(
        tid,
        &[
            (root.clone(), err(Errno::EBUSY)),
            (Sys::Close { fd }, Ret::Ok),
            (root, Ret::Ok),
            (open("/tmp/w", OpenFlags::CREATE), err(Errno::EROFS)),
        ],
    );
}

/// M4: what is a mount point only elsewhere can be removed, and is detached there.
#[test]
fn a_mount_point_of_another_namespace_can_be_removed() {
    let mut m = Machine::boot();
    let inside = m.start(Place::Node);
    let outside = m.start(Place::Node);
    m.call(inside, mkdir("/tmp/d"));
    m.table(inside, &[(unshare(MNT), Ret::Ok), (mount("t", "/tmp/d", "tmpfs", NONE), Ret::Ok)]);
    m.write_file(inside, "/tmp/d/f", "");
    assert!(m.names(outside, "/tmp/d").is_empty(), "nothing propagates");
    m.table(outside, &[(rmdir("/tmp/d"), Ret::Ok)]);
    assert_eq!(m.open(inside, "/tmp/d/f", OpenFlags::READ), err(Errno::ENOENT));
}

/// M5, M6.
#[test]
fn a_read_only_bind_holds_for_itself_alone() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    for dir in ["/tmp/a", "/tmp/a/sub", "/tmp/b"] {
        m.call(tid, mkdir(dir));
    }
    m.write_file(tid, "/tmp/a/f", "f");
    m.table(
        tid,
        &[
            (mount("/tmp/a", "/tmp/b", "", BIND), Ret::Ok),
            (rename("/tmp/a/f", "/tmp/b/g"), err(Errno::EXDEV)),
            (Sys::Link { from: "/tmp/a/f".into(), to: "/tmp/b/g".into() }, err(Errno::EXDEV)),
            (mount("", "/tmp/b", "", READ_ONLY), Ret::Ok),
            (open("/tmp/b/f", OpenFlags { truncate: false, ..OpenFlags::CREATE }), err(Errno::EROFS)),
            (open("/tmp/b/f", OpenFlags { create: true, ..OpenFlags::READ }), Ret::Int(3)),
            (open("/tmp/b/new", OpenFlags::CREATE), err(Errno::EROFS)),
            (mkdir("/tmp/b/sub"), err(Errno::EEXIST)),
            (mkdir("/tmp/b/new"), err(Errno::EROFS)),
            (unlink("/tmp/b/none"), err(Errno::EROFS)),
            (Sys::Chmod { path: "/tmp/b/f".into(), mode: 0 }, err(Errno::EROFS)),
            (Sys::Access { path: "/tmp/b/f".into(), mode: 2 }, err(Errno::EROFS)),
            (open("/tmp/a/new", OpenFlags::CREATE), Ret::Int(4)),
        ],
    );
    assert_eq!(m.names(tid, "/tmp/b"), ["f", "new", "sub"]);
}

#[test]
fn a_recursive_bind_takes_what_is_mounted_below() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    for dir in ["/tmp/a", "/tmp/a/sub", "/tmp/flat", "/tmp/deep"] {
        m.call(tid, mkdir(dir));
    }
    m.call(tid, mount("t", "/tmp/a/sub", "tmpfs", NONE));
    m.write_file(tid, "/tmp/a/sub/f", "");
    m.call(tid, mount("/tmp/a", "/tmp/flat", "", BIND));
    m.call(tid, mount("/tmp/a", "/tmp/deep", "", MountFlags { recursive: true, ..BIND }));
    assert!(m.names(tid, "/tmp/flat/sub").is_empty());
    assert_eq!(m.names(tid, "/tmp/deep/sub"), ["f"]);
    let text = m.read_file(tid, "/proc/self/mounts");
    assert!(text.contains("t /tmp/deep/sub tmpfs rw"), "{text}");
}
