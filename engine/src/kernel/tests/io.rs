use super::*;
use crate::call::{Disposition, Whence};
use crate::node::{BlockedOn, Stream};

fn pipe(m: &mut Machine, tid: Tid) -> (Fd, Fd) {
    match m.call(tid, Sys::Pipe) {
        Ret::Pipe { read, write } => (read, write),
        other => panic!("{other:?}"),
    }
}

fn write(fd: Fd, text: &str) -> Sys {
    Sys::Write { fd, data: text.into() }
}

fn read(fd: Fd) -> Sys {
    Sys::Read { fd, len: 65_536 }
}

fn data(text: &str) -> Ret {
    Ret::Data(text.into())
}

#[test]
fn a_pipe_blocks_its_reader_and_ends_with_its_last_writer() {
    let mut m = Machine::boot();
    let parent = m.start(Place::Node);
    let (r, w) = pipe(&mut m, parent);
    let child = m.fork(parent);
    m.call(parent, Sys::Close { fd: w });
    assert_eq!(m.outcome(parent, read(r)), Outcome::Blocked(BlockedOn::Other));
    m.call(child, write(w, "one"));
    assert_eq!(m.fx.woken, [(parent, data("one"))]);
    assert_eq!(m.outcome(parent, read(r)), Outcome::Blocked(BlockedOn::Other));
    m.exit(child, 0);
    assert_eq!(m.fx.woken, [(parent, data(""))]);
}

#[test]
fn a_full_pipe_blocks_its_writer_until_there_is_room() {
    let mut m = Machine::boot();
    let parent = m.start(Place::Node);
    let (r, w) = pipe(&mut m, parent);
    let child = m.fork(parent);
    assert_eq!(m.call(child, Sys::Write { fd: w, data: vec![b'x'; 65_536] }), Ret::Int(65_536));
    assert_eq!(m.outcome(child, Sys::Write { fd: w, data: vec![b'y'; 5_000] }), Outcome::Blocked(BlockedOn::Other));
    // Less than a page read frees nothing: a buffer is a page (fs/pipe.c).
    m.call(parent, Sys::Read { fd: r, len: 4_000 });
    assert!(m.fx.woken.is_empty());
    m.call(parent, Sys::Read { fd: r, len: 8_192 });
    assert_eq!(m.fx.woken, [(child, Ret::Int(5_000))]);
}

#[test]
fn writing_to_a_pipe_without_readers_is_sigpipe_or_epipe() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let (r, w) = pipe(&mut m, tid);
    let child = m.fork(tid);
    m.call(tid, Sys::Close { fd: r });
    m.call(child, Sys::Close { fd: r });
    m.call(tid, Sys::SigAction { signal: Signal::SIGPIPE, to: Disposition::Ignore });
    assert_eq!(m.call(tid, write(w, "x")), err(Errno::EPIPE));
    assert_eq!(m.outcome(child, write(w, "x")), Outcome::Gone(WaitStatus::Signaled(Signal::SIGPIPE)));
}

#[test]
fn descriptors_made_by_dup_and_fork_share_their_offset() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.write_file(tid, "/tmp/f", "abcdef");
    let both = OpenFlags { write: true, ..OpenFlags::READ };
    let fd = m.fd(tid, "/tmp/f", both);
    m.table(
        tid,
        &[
            (Sys::DupFrom { fd, min: 10 }, Ret::Int(10)),
            (Sys::Dup2 { from: fd, to: 7 }, Ret::Int(7)),
            (Sys::Dup2 { from: 55, to: 7 }, err(Errno::EBADF)),
            (Sys::Read { fd: 10, len: 2 }, data("ab")),
            (Sys::Read { fd: 7, len: 2 }, data("cd")),
            (Sys::Seek { fd, offset: -1, whence: Whence::End }, Ret::Int(5)),
            (Sys::Seek { fd, offset: -9, whence: Whence::Cur }, err(Errno::EINVAL)),
            (write(7, "FG"), Ret::Int(2)),
            (Sys::Seek { fd, offset: 0, whence: Whence::Set }, Ret::Int(0)),
        ],
    );
    let child = m.fork(tid);
    assert_eq!(m.call(child, Sys::Read { fd, len: 3 }), data("abc"));
    assert_eq!(m.call(tid, read(fd)), data("deFG"));
    let append = m.fd(tid, "/tmp/f", OpenFlags::APPEND);
    m.call(tid, write(append, "!"));
    assert_eq!(m.read_file(tid, "/tmp/f"), "abcdeFG!");
}

#[test]
fn reading_and_writing_need_the_right_descriptor() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let (r, w) = pipe(&mut m, tid);
    let dir = m.fd(tid, "/tmp", OpenFlags::DIRECTORY);
    let file = m.fd(tid, "/etc/motd", OpenFlags::READ);
    m.table(
        tid,
        &[
            (write(r, "x"), err(Errno::EBADF)),
            (read(w), err(Errno::EBADF)),
            (read(dir), err(Errno::EISDIR)),
            (write(file, "x"), err(Errno::EBADF)),
            (Sys::Getdents { fd: file }, err(Errno::ENOTDIR)),
            (Sys::Seek { fd: r, offset: 0, whence: Whence::Set }, err(Errno::ESPIPE)),
            (read(99), err(Errno::EBADF)),
            (open("/proc/self/comm", OpenFlags::CREATE), err(Errno::EACCES)),
            (open("/proc/new", OpenFlags::CREATE), err(Errno::ENOENT)),
        ],
    );
}

#[test]
fn a_write_past_the_end_leaves_zeros_and_truncate_cuts() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let fd = m.fd(tid, "/tmp/f", OpenFlags::CREATE);
    m.call(tid, Sys::Seek { fd, offset: 3, whence: Whence::Set });
    m.call(tid, write(fd, "x"));
    assert_eq!(m.happened(), [&Happening::Wrote { path: "/tmp/f".into() }]);
    m.call(tid, write(fd, "y"));
    assert!(m.happened().is_empty(), "told once for each opening");
    assert_eq!(m.read_file(tid, "/tmp/f"), "\0\0\0xy");
    m.call(tid, Sys::Truncate { path: "/tmp/f".into(), len: 1 });
    assert_eq!(m.stat(tid, "/tmp/f").size_bytes, 1);
    assert_eq!(m.call(tid, Sys::Truncate { path: "/tmp/f".into(), len: 1 << 40 }), err(Errno::EFBIG));
}

#[test]
fn a_console_gives_a_line_a_read_and_one_end_of_file() {
    let mut m = Machine::boot();
    let tid = m.try_start(Place::Node, &ProcessSpec { stdin: Stdin::Console, ..Machine::spec(&["true"]) }).unwrap();
    assert_eq!(m.call(tid, Sys::Isatty { fd: 0 }), Ret::Int(1));
    assert_eq!(m.outcome(tid, read(0)), Outcome::Blocked(BlockedOn::Input(JobId(0))));
    let feed = |m: &mut Machine, data: Option<&[u8]>| {
        m.fx = Effects::default();
        m.kernel.feed(JobId(0), data, &mut m.fx).unwrap();
    };
    feed(&mut m, Some(b"one\n"));
    assert_eq!(m.fx.woken, [(tid, data("one\n"))]);
    feed(&mut m, Some(b"two\n"));
    feed(&mut m, Some(b"three\n"));
    feed(&mut m, None);
    m.table(
        tid,
        &[
            (Sys::Read { fd: 0, len: 2 }, data("tw")),
            (read(0), data("o\n")),
            (read(0), data("three\n")),
            (read(0), data("")),
        ],
    );
    assert_eq!(m.outcome(tid, read(0)), Outcome::Blocked(BlockedOn::Input(JobId(0))));
}

#[test]
fn a_fed_pipe_is_a_stream_that_ends_for_good() {
    let mut m = Machine::boot();
    let spec = ProcessSpec { stdin: Stdin::Bytes(Arc::from(&b"one\ntwo\n"[..])), ..Machine::spec(&["true"]) };
    let tid = m.try_start(Place::Node, &spec).unwrap();
    m.table(
        tid,
        &[
            (Sys::Isatty { fd: 0 }, err(Errno::ENOTTY)),
            (read(0), data("one\ntwo\n")),
            (read(0), data("")),
            (read(0), data("")),
        ],
    );
    let tid = m.try_start(Place::Node, &ProcessSpec { stdin: Stdin::Pipe, ..Machine::spec(&["true"]) }).unwrap();
    for piece in [Some(&b"a"[..]), Some(&b"b"[..]), None] {
        m.kernel.feed(JobId(1), piece, &mut m.fx).unwrap();
    }
    m.table(tid, &[(read(0), data("ab")), (read(0), data("")), (read(0), data(""))]);
}

#[test]
fn what_any_process_of_a_job_prints_is_its_output() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    let child = m.fork(tid);
    m.call(child, write(2, "oops"));
    assert_eq!(m.fx.output, [(JobId(0), Stream::Stderr, b"oops".to_vec())]);
}
