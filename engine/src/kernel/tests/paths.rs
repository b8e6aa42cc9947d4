use super::*;

/// M11, M12; each seen on 6.18.
#[test]
fn paths_end_in_the_errno_that_linux_gives() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let excl = OpenFlags { excl: true, ..OpenFlags::CREATE };
    let nofollow = OpenFlags { nofollow: true, ..OpenFlags::READ };
    let long = |n| format!("/tmp/{}", "x".repeat(n));
    m.write_file(tid, "/tmp/f", "f");
    m.table(
        tid,
        &[
            (mkdir("/tmp/d"), Ret::Ok),
            (symlink("gone", "/tmp/dangling"), Ret::Ok),
            (symlink("f", "/tmp/link"), Ret::Ok),
            (symlink("d", "/tmp/dirlink"), Ret::Ok),
            (symlink("loop", "/tmp/loop"), Ret::Ok),
            (open("/tmp/missing", OpenFlags::READ), err(Errno::ENOENT)),
            (open("/tmp/f/x", OpenFlags::READ), err(Errno::ENOTDIR)),
            (open("/tmp/f/", OpenFlags::READ), err(Errno::ENOTDIR)),
            (open("", OpenFlags::READ), err(Errno::ENOENT)),
            (open("/tmp/dangling", OpenFlags::READ), err(Errno::ENOENT)),
            (open("/tmp/dangling", excl), err(Errno::EEXIST)),
            (open("/tmp/link", nofollow), err(Errno::ELOOP)),
            (open("/tmp/loop", OpenFlags::READ), err(Errno::ELOOP)),
            (open("/tmp/d", OpenFlags::CREATE), err(Errno::EISDIR)),
            (open("/tmp/newdir/", OpenFlags::CREATE), err(Errno::EISDIR)),
            (open("/tmp/f", OpenFlags::DIRECTORY), err(Errno::ENOTDIR)),
            (open(&long(255), OpenFlags::READ), err(Errno::ENOENT)),
            (open(&long(256), OpenFlags::READ), err(Errno::ENAMETOOLONG)),
            (open(&"/tmp/.".repeat(683)[..4095], OpenFlags::READ), err(Errno::ENOENT)),
            (open(&"/tmp/.".repeat(683)[..4096], OpenFlags::READ), err(Errno::ENAMETOOLONG)),
            (mkdir("/tmp/f"), err(Errno::EEXIST)),
            (mkdir("/tmp/dangling"), err(Errno::EEXIST)),
            (mkdir("/"), err(Errno::EEXIST)),
            (mkdir("/tmp/d/."), err(Errno::EEXIST)),
            (mkdir("/tmp/none/d"), err(Errno::ENOENT)),
            (symlink("x", "/tmp/new/"), err(Errno::ENOENT)),
            (symlink("", "/tmp/new"), err(Errno::ENOENT)),
            (unlink("/tmp/d"), err(Errno::EISDIR)),
            (unlink("/tmp/d/"), err(Errno::EISDIR)),
            (unlink("/tmp/f/"), err(Errno::ENOTDIR)),
            (unlink("/tmp/dirlink/"), err(Errno::ENOTDIR)),
            (rmdir("/tmp/f"), err(Errno::ENOTDIR)),
            (rmdir("/tmp/d/."), err(Errno::EINVAL)),
            (rmdir("/tmp/d/.."), err(Errno::ENOTEMPTY)),
            (rmdir("/"), err(Errno::EBUSY)),
            (rmdir("/tmp"), err(Errno::ENOTEMPTY)),
            (rmdir("/tmp/dirlink"), err(Errno::ENOTDIR)),
            (rmdir("/tmp/d/"), Ret::Ok),
            (Sys::Link { from: "/etc".into(), to: "/tmp/etc".into() }, err(Errno::EPERM)),
            (Sys::Link { from: "/tmp/f".into(), to: "/tmp/link".into() }, err(Errno::EEXIST)),
            (Sys::Readlink { path: "/tmp/f".into() }, err(Errno::EINVAL)),
            (Sys::Readlink { path: "/tmp/link".into() }, Ret::Text("f".into())),
            (chdir("/tmp/f"), err(Errno::ENOTDIR)),
        ],
    );
    // A dangling link with O_CREAT makes its target.
    m.fd(tid, "/tmp/dangling", OpenFlags::CREATE);
    assert_eq!(m.stat(tid, "/tmp/gone").kind, FileKind::File);
}

/// M11: 40 links are followed, 41 are too many.
#[test]
fn forty_symbolic_links_are_followed() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.write_file(tid, "/tmp/l0", "end");
    for n in 1..=41 {
        m.call(tid, symlink(&format!("l{}", n - 1), &format!("/tmp/l{n}")));
    }
    assert_eq!(m.read_file(tid, "/tmp/l40"), "end");
    assert_eq!(m.open(tid, "/tmp/l41", OpenFlags::READ), err(Errno::ELOOP));
}

/// M10, M13.
#[test]
fn dot_dot_stops_at_the_root_and_a_removed_directory_still_has_a_parent() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.table(
        tid,
        &[
            (chdir("/../.."), Ret::Ok),
            (Sys::Getcwd, Ret::Text("/".into())),
            (mkdir("/tmp/a"), Ret::Ok),
            (chdir("/tmp/a"), Ret::Ok),
            (Sys::Getcwd, Ret::Text("/tmp/a".into())),
            (rmdir("../a"), Ret::Ok),
            (Sys::Getcwd, err(Errno::ENOENT)),
            (open("x", OpenFlags::CREATE), err(Errno::ENOENT)),
            (mkdir("x"), err(Errno::ENOENT)),
            (chdir(".."), Ret::Ok),
            (Sys::Getcwd, Ret::Text("/tmp".into())),
        ],
    );
}

/// M13: a deleted file stays readable, also through /proc/self/fd; the lowest free descriptor is used again.
#[test]
fn a_deleted_file_lives_while_it_is_open() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.write_file(tid, "/tmp/f", "still here");
    let fd = m.fd(tid, "/tmp/f", OpenFlags::READ);
    assert_eq!(fd, 3);
    m.table(
        tid,
        &[
            (unlink("/tmp/f"), Ret::Ok),
            (Sys::Readlink { path: "/proc/self/fd/3".into() }, Ret::Text("/tmp/f (deleted)".into())),
            (open("/proc/self/fd/3", OpenFlags::READ), Ret::Int(4)),
            (Sys::Close { fd: 3 }, Ret::Ok),
            (open("/etc/motd", OpenFlags::READ), Ret::Int(3)),
            (Sys::Close { fd: 3 }, Ret::Ok),
            (Sys::Close { fd: 3 }, err(Errno::EBADF)),
        ],
    );
    assert_eq!(m.read(tid, 4), "still here");
}

/// M12 and path_resolution(7): a user is held by modes, root is not.
#[test]
fn permission_bits_hold_users_and_not_root() {
    let mut m = Machine::boot();
    let root = m.start(Place::Node);
    let chmod = |path: &str, mode| Sys::Chmod { path: path.into(), mode };
    for dir in ["/tmp/x-only", "/tmp/r-only"] {
        m.call(root, mkdir(dir));
        m.write_file(root, &format!("{dir}/f"), "f");
    }
    m.write_file(root, "/tmp/private", "p");
    m.write_file(root, "/tmp/of-root", "p");
    m.table(
        root,
        &[
            (chmod("/tmp/x-only", 0o711), Ret::Ok),
            (chmod("/tmp/r-only", 0o744), Ret::Ok),
            (chmod("/tmp/private", 0), Ret::Ok),
            (Sys::Access { path: "/tmp/private".into(), mode: 6 }, Ret::Ok),
            (Sys::Access { path: "/tmp/private".into(), mode: 1 }, err(Errno::EACCES)),
        ],
    );
    let user = m.try_start(Place::Node, &ProcessSpec { uid: 1000, gid: 1000, ..Machine::spec(&["true"]) }).unwrap();
    m.table(
        user,
        &[
            (Sys::Getuid, Ret::Int(1000)),
            (open("/tmp/x-only/f", OpenFlags::READ), Ret::Int(3)),
            (open("/tmp/x-only", OpenFlags::DIRECTORY), err(Errno::EACCES)),
            (open("/tmp/r-only", OpenFlags::DIRECTORY), Ret::Int(4)),
            (open("/tmp/r-only/f", OpenFlags::READ), err(Errno::EACCES)),
            (open("/tmp/private", OpenFlags::READ), err(Errno::EACCES)),
            (open("/etc/new", OpenFlags::CREATE), err(Errno::EACCES)),
            (mkdir("/etc/new"), err(Errno::EACCES)),
            (chmod("/etc/motd", 0o777), err(Errno::EPERM)),
            (Sys::Chown { path: "/etc/motd".into(), uid: Some(1000), gid: None, follow: true }, err(Errno::EPERM)),
            (Sys::Utimens { path: "/etc/motd".into(), mtime_s: Some(0), follow: true }, err(Errno::EPERM)),
            (Sys::Utimens { path: "/etc/motd".into(), mtime_s: None, follow: true }, err(Errno::EACCES)),
            // /tmp is sticky.
            (unlink("/tmp/of-root"), err(Errno::EPERM)),
            (open("/tmp/mine", OpenFlags::CREATE), Ret::Int(5)),
            (unlink("/tmp/mine"), Ret::Ok),
            (Sys::Sethostname { name: "x".into() }, err(Errno::EPERM)),
            (Sys::Setuid { uid: 0 }, err(Errno::EPERM)),
            (Sys::Setuid { uid: 1000 }, Ret::Ok),
        ],
    );
}

#[test]
fn umask_takes_bits_from_new_files_and_set_group_id_directories_give_their_group() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.table(
        tid,
        &[
            (Sys::Umask { mask: 0o077 }, Ret::Int(0o022)),
            (open("/tmp/f", OpenFlags::CREATE), Ret::Int(3)),
            (mkdir("/tmp/d"), Ret::Ok),
            (Sys::Chown { path: "/tmp/d".into(), uid: None, gid: Some(7), follow: true }, Ret::Ok),
            (Sys::Chmod { path: "/tmp/d".into(), mode: 0o2755 }, Ret::Ok),
            (mkdir("/tmp/d/e"), Ret::Ok),
        ],
    );
    assert_eq!(m.stat(tid, "/tmp/f").mode, 0o600);
    let inner = m.stat(tid, "/tmp/d/e");
    assert_eq!((inner.mode, inner.gid), (0o2700, 7));
}

#[test]
fn rename_follows_its_manual() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    for dir in ["/tmp/a", "/tmp/a/b", "/tmp/full", "/tmp/full/x", "/tmp/empty"] {
        m.call(tid, mkdir(dir));
    }
    m.write_file(tid, "/tmp/f", "f");
    m.write_file(tid, "/tmp/g", "g");
    m.table(
        tid,
        &[
            (rename("/tmp/none", "/tmp/x"), err(Errno::ENOENT)),
            (rename("/tmp/a", "/tmp/a/b/c"), err(Errno::EINVAL)),
            (rename("/tmp/a/b", "/tmp/a"), err(Errno::ENOTEMPTY)),
            (rename("/tmp/a", "/tmp/f"), err(Errno::ENOTDIR)),
            (rename("/tmp/f", "/tmp/a"), err(Errno::EISDIR)),
            (rename("/tmp/a", "/tmp/full"), err(Errno::ENOTEMPTY)),
            (rename("/tmp/f", "/tmp/h/"), err(Errno::ENOTDIR)),
            (rename("/tmp/a/.", "/tmp/h"), err(Errno::EBUSY)),
            (rename("/tmp/f", "/dev/f"), err(Errno::EXDEV)),
            (rename("/tmp/a", "/tmp/empty"), Ret::Ok),
            (rename("/tmp/f", "/tmp/g"), Ret::Ok),
            (Sys::Link { from: "/tmp/g".into(), to: "/tmp/g2".into() }, Ret::Ok),
            (rename("/tmp/g", "/tmp/g2"), Ret::Ok),
        ],
    );
    assert_eq!(m.names(tid, "/tmp"), ["empty", "full", "g", "g2"]);
    assert_eq!(m.names(tid, "/tmp/empty"), ["b"]);
    assert_eq!((m.read_file(tid, "/tmp/g").as_str(), m.stat(tid, "/tmp/g").nlink), ("f", 2));
}

#[test]
fn device_files_do_what_they_do() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let fd = |m: &mut Machine, path: &str, flags| m.fd(tid, path, flags);
    let both = OpenFlags { write: true, ..OpenFlags::READ };
    let (null, zero, full) =
        (fd(&mut m, "/dev/null", both), fd(&mut m, "/dev/zero", both), fd(&mut m, "/dev/full", both));
    m.table(
        tid,
        &[
            (Sys::Read { fd: null, len: 5 }, Ret::Data(vec![])),
            (Sys::Write { fd: null, data: vec![1; 5] }, Ret::Int(5)),
            (Sys::Read { fd: zero, len: 3 }, Ret::Data(vec![0; 3])),
            (Sys::Write { fd: full, data: vec![1] }, err(Errno::ENOSPC)),
            (Sys::Isatty { fd: null }, err(Errno::ENOTTY)),
            (Sys::Isatty { fd: 77 }, err(Errno::EBADF)),
            (open("/dev/tty", OpenFlags::READ), err(Errno::ENXIO)),
        ],
    );
    assert_eq!(m.names(tid, "/dev"), [".toolbox", "full", "mqueue", "null", "random", "shm", "tty", "urandom", "zero"]);
    assert_eq!(m.stat(tid, "/dev/null").rdev, (1, 3));
}
