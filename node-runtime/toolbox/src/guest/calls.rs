//! Each [`Sys`] as the real call.

use super::{Done, groups, ipc, memory, mounts, normal, processes, procfs};
use crate::gate::{GATE_FD, Gate, SLOT_VARIABLE};
use crate::os::{self, check};
use engine::call::{
    AT_FDCWD, CloneFlags, Disposition, Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Resolve, Ret, SCENARIO_EPOCH_S, Signal,
    Sys, WaitStatus, Whence,
};
use engine::program::Program;
use std::ffi::{CStr, CString};

/// Of unshare(2) and setns(2); clone(2) has no bit left for it (include/uapi/linux/sched.h).
const CLONE_NEWTIME: i32 = 0x80;
const SECOND_NS: i64 = 1_000_000_000;

/// A failed call's errno, or what the vocabulary cannot say.
pub(super) enum Stop {
    Errno(i32),
    Broken(String),
}

impl From<i32> for Stop {
    fn from(errno: i32) -> Stop {
        Stop::Errno(errno)
    }
}

pub(super) type Answer = Result<Ret, Stop>;

/// Makes the call. `child` is what a fork's child becomes; `gate` is this process's place, if it has one.
pub(super) fn carry_out(sys: Sys, child: Option<Program>, gate: Option<(&Gate, u32)>) -> Done {
    let answer = match sys {
        Sys::Fork { .. } => return fork(child),
        Sys::Clone { new, with, .. } => return processes::clone(new, with, child),
        Sys::Exit { code } => exit(code),
        sys => call(sys, gate),
    };
    match answer {
        Ok(ret) => Done::Answer(ret),
        Err(Stop::Errno(errno)) => error(errno),
        Err(Stop::Broken(why)) => Done::Broken(why),
    }
}

pub(super) fn error(errno: i32) -> Done {
    match Errno::from_number(errno) {
        Some(errno) => Done::Answer(Ret::Err(errno)),
        None => Done::Broken(format!("errno {errno} has no name in the call vocabulary")),
    }
}

pub(super) fn exit(code: i32) -> ! {
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(code) }
}

/// Calls that are answered above the kernel when there is a gate, as a process without one has them.
pub(super) fn above(sys: &Sys) -> Option<Ret> {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};
    match sys {
        Sys::Sleep { ns } => {
            std::thread::sleep(Duration::from_nanos(*ns));
            Some(Ret::Ok)
        }
        Sys::Clock => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Some(Ret::Int(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
        }
        Sys::Random { .. } | Sys::Control(_) => Some(Ret::Err(Errno::ENOSYS)),
        Sys::Prompt { .. } => Some(Ret::Ok),
        _ => None,
    }
}

fn fork(child: Option<Program>) -> Done {
    // SAFETY: the process has one thread.
    match check(unsafe { libc::fork() }) {
        Ok(0) => {
            forget_handlers();
            Done::Child(child.unwrap_or(Program::Exit { code: 0 }))
        }
        Ok(pid) => Done::Answer(Ret::Int(pid.into())),
        Err(errno) => error(errno),
    }
}

fn call(sys: Sys, gate: Option<(&Gate, u32)>) -> Answer {
    match &sys {
        Sys::Open { path, .. } | Sys::Openat { path, .. } if normal::is_veiled(path) => return fail(libc::ENOENT),
        Sys::Access { path, .. } if procfs::is_hidden(path, true) => return fail(libc::ENOENT),
        Sys::Readlink { path } if procfs::is_hidden(path, false) => return fail(libc::ENOENT),
        Sys::Stat { path, follow } if procfs::is_hidden(path, *follow) => return fail(libc::ENOENT),
        Sys::Chmod { path, .. } if normal::is_in_procfs(path, true) => return fail(libc::EPERM),
        Sys::Truncate { path, .. } if normal::is_in_procfs(path, true) && !std::path::Path::new(path).is_dir() => {
            return fail(libc::EPERM);
        }
        Sys::Chown { path, follow, .. } | Sys::Utimens { path, follow, .. } if normal::is_in_procfs(path, *follow) => {
            return fail(libc::EPERM);
        }
        _ => {}
    }
    guard_groups(&sys, gate.map(|(gate, _)| gate))?;
    match sys {
        Sys::Open { path, flags, mode } => open(AT_FDCWD, path, flags, mode, None),
        Sys::Openat { dir, path, flags, mode, resolve } => open(own(dir)?, path, flags, mode, resolve),
        Sys::Read { fd, len } => read(fd, len),
        Sys::Write { fd, data } if procfs::turns_back(own(fd)?, &data) => fail(libc::ERANGE),
        Sys::Write { fd, data } => {
            normal::spare_disk(own(fd)?)?;
            // SAFETY: the buffer outlives the call and its length is passed.
            int(unsafe { libc::write(own(fd)?, data.as_ptr().cast(), data.len().min(IO_LIMIT_BYTES)) } as i64)
        }
        // SAFETY: the descriptor is the program's own; Rust owns none of them.
        Sys::Close { fd } => ok(unsafe { libc::close(own(fd)?) }),
        // SAFETY: as above.
        Sys::Dup2 { from, to } => int(unsafe { libc::dup2(own(from)?, own(to)?) }),
        // SAFETY: as above.
        Sys::DupFrom { fd, min } => int(unsafe { libc::fcntl(own(fd)?, libc::F_DUPFD, min) }),
        Sys::Pipe => pipe(),
        Sys::Seek { fd, offset, whence } => {
            let whence = match whence {
                Whence::Set => libc::SEEK_SET,
                Whence::Cur => libc::SEEK_CUR,
                Whence::End => libc::SEEK_END,
            };
            // SAFETY: no memory is passed.
            int(unsafe { libc::lseek(own(fd)?, offset as libc::off_t, whence) } as i64)
        }
        Sys::Stat { path, follow } => {
            normal::stat(&path, follow, run_start(gate)).map_or_else(fail, |s| Ok(Ret::Stat(s)))
        }
        Sys::Fstat { fd } => normal::fstat(own(fd)?, run_start(gate)).map_or_else(fail, |s| Ok(Ret::Stat(s))),
        Sys::Readlink { path } => {
            normal::readlink(path, gate.map(|(gate, _)| gate)).map_or_else(fail, |t| Ok(Ret::Text(t)))
        }
        Sys::Getdents { fd } => {
            let mut dents = normal::getdents(own(fd)?)?;
            groups::retain_shown(fd, &mut dents, gate.map(|(gate, _)| gate));
            Ok(Ret::Dents(dents))
        }
        Sys::ProcStat { pid } => normal::proc_stat(pid).map_or_else(fail, |p| Ok(Ret::Proc(Box::new(p)))),
        Sys::Isatty { fd } => isatty(fd),
        Sys::Exec { path, argv, env } => exec(path, argv, env, gate),
        Sys::Wait { pid, nohang } => wait(pid, nohang),
        Sys::Mount { source, target, fstype, flags, data } => {
            mounts::mount(&source, &target, &fstype, flags, &data)?;
            Ok(Ret::Ok)
        }
        Sys::Umount { target, detach } => {
            mounts::umount(&target, detach)?;
            Ok(Ret::Ok)
        }
        Sys::Ipc(call) => ipc::call(call),
        Sys::ClockAhead { boottime } => clock_ahead(boottime, gate),
        sys => paths(sys),
    }
}

/// Control groups belong to the whole machine: what a node does not show of them is not there, and nothing is done to
/// them that would stop the node or reach the machine.
fn guard_groups(sys: &Sys, gate: Option<&Gate>) -> Result<(), Stop> {
    let veiled = match sys {
        Sys::Open { path, flags, .. } => groups::is_veiled(path, !flags.nofollow, gate),
        Sys::Stat { path, follow } | Sys::Chown { path, follow, .. } | Sys::Utimens { path, follow, .. } => {
            groups::is_veiled(path, *follow, gate)
        }
        Sys::Access { path, .. } | Sys::Chmod { path, .. } | Sys::Truncate { path, .. } => {
            groups::is_veiled(path, true, gate)
        }
        Sys::Unlink { path } => groups::is_veiled(path, false, gate),
        _ => false,
    };
    if veiled {
        return fail(libc::ENOENT);
    }
    let guarded = match sys {
        Sys::Open { path, flags, .. } if flags.write || flags.append || flags.truncate => {
            groups::is_guarded(path, gate)
        }
        Sys::Truncate { path, .. } => groups::is_guarded(path, gate),
        _ => false,
    };
    if guarded { fail(libc::EACCES) } else { Ok(()) }
}

pub(super) fn fail<T>(errno: i32) -> Result<T, Stop> {
    Err(Stop::Errno(errno))
}

fn run_start(gate: Option<(&Gate, u32)>) -> i64 {
    gate.map_or(i64::MAX, |(gate, _)| gate.run_start_s())
}

/// The gate's descriptor is not there for programs.
pub(super) fn own(fd: Fd) -> Result<Fd, Stop> {
    if fd == GATE_FD { Err(Stop::Errno(libc::EBADF)) } else { Ok(fd) }
}

pub(super) fn ok(answer: i32) -> Answer {
    check(answer)?;
    Ok(Ret::Ok)
}

pub(super) fn int(answer: impl Into<i64>) -> Answer {
    Ok(Ret::Int(check(answer.into())?))
}

/// Calls that take paths and answer with nothing, or little.
fn paths(sys: Sys) -> Answer {
    let c = |path: String| os::c(path);
    // SAFETY: every path is a NUL-terminated string that outlives its call; buffers are passed with their sizes.
    unsafe {
        match sys {
            Sys::Access { path, mode } => ok(libc::access(c(path)?.as_ptr(), mode as i32)),
            Sys::Mkdir { path, mode } => ok(libc::mkdir(c(path)?.as_ptr(), mode)),
            Sys::Rmdir { path } => ok(libc::rmdir(c(path)?.as_ptr())),
            Sys::Unlink { path } => ok(libc::unlink(c(path)?.as_ptr())),
            Sys::Rename { from, to } => ok(libc::rename(c(from)?.as_ptr(), c(to)?.as_ptr())),
            Sys::Link { from, to } => ok(libc::link(c(from)?.as_ptr(), c(to)?.as_ptr())),
            Sys::Symlink { target, path } => ok(libc::symlink(c(target)?.as_ptr(), c(path)?.as_ptr())),
            Sys::Chmod { path, mode } => ok(libc::chmod(c(path)?.as_ptr(), mode)),
            Sys::Chown { path, uid, gid, follow } => {
                let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                let (uid, gid) = (uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX));
                ok(libc::fchownat(libc::AT_FDCWD, c(path)?.as_ptr(), uid, gid, flags))
            }
            Sys::Utimens { path, mtime_s, follow } => {
                let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                let time = |tv_sec| libc::timespec { tv_sec, tv_nsec: 0 };
                let mtime = time(mtime_s.unwrap_or(SCENARIO_EPOCH_S) as _);
                let times = [libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT }, mtime];
                ok(libc::utimensat(libc::AT_FDCWD, c(path)?.as_ptr(), times.as_ptr(), flags))
            }
            Sys::Truncate { path, len } => ok(libc::truncate(c(path)?.as_ptr(), len as libc::off_t)),
            Sys::Chdir { path } => ok(libc::chdir(c(path)?.as_ptr())),
            Sys::Chroot { path } => ok(libc::chroot(c(path)?.as_ptr())),
            Sys::PivotRoot { new_root, put_old } => {
                let (new_root, put_old) = (c(new_root)?, c(put_old)?);
                int(libc::syscall(libc::SYS_pivot_root, new_root.as_ptr(), put_old.as_ptr()) as i64).map(|_| Ret::Ok)
            }
            sys => process(sys),
        }
    }
}

/// Calls about the process itself, and signals.
fn process(sys: Sys) -> Answer {
    // SAFETY: no memory is passed, but for buffers with their sizes and signal sets made here.
    unsafe {
        match sys {
            Sys::Getcwd => {
                let mut buffer = vec![0_u8; libc::PATH_MAX as usize];
                // The raw call: its answer is the length with the NUL, or an errno.
                let length = check(libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) as i64)?;
                buffer.truncate((length as usize).saturating_sub(1));
                Ok(Ret::Text(String::from_utf8_lossy(&buffer).into_owned()))
            }
            Sys::Fchdir { fd } => ok(libc::fchdir(own(fd)?)),
            Sys::Umask { mask } => Ok(Ret::Int(libc::umask(mask).into())),
            Sys::Kill { pid, signal } => ok(libc::kill(pid, signal.number())),
            Sys::SigAction { signal, to } => {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = match to {
                    Disposition::Default => libc::SIG_DFL,
                    Disposition::Ignore => libc::SIG_IGN,
                    Disposition::Catch => caught as extern "C" fn(i32) as libc::sighandler_t,
                };
                ok(libc::sigaction(signal.number(), &action, std::ptr::null_mut()))
            }
            Sys::SigMask { signal, block } => {
                let set = signal_set(&[signal]);
                let how = if block { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
                ok(libc::sigprocmask(how, &set, std::ptr::null_mut()))
            }
            Sys::SigWait { signals } => int(libc::sigwaitinfo(&signal_set(&signals), std::ptr::null_mut())),
            Sys::Getpid => int(libc::getpid()),
            Sys::Getppid => int(libc::getppid()),
            Sys::Getuid => int(i64::from(libc::getuid())),
            Sys::Getgid => int(i64::from(libc::getgid())),
            Sys::Setuid { uid } => ok(libc::setuid(uid)),
            Sys::Setgid { gid } => ok(libc::setgid(gid)),
            Sys::Uname => Ok(Ret::Uname { hostname: os::hostname()? }),
            Sys::Sethostname { name } => {
                os::sethostname(&name)?;
                Ok(Ret::Ok)
            }
            Sys::Unshare { flags } => ok(libc::unshare(clone_flags(flags))),
            Sys::Setns { fd, kind } => ok(libc::setns(own(fd)?, clone_flags(kind))),
            other => processes::call(other)
                .or_else(memory::call)
                .unwrap_or_else(|other| Err(Stop::Broken(format!("{other:?} is not for the kernel")))),
        }
    }
}

/// That a call was interrupted says it all.
extern "C" fn caught(_: i32) {}

/// A fork's child is another program: [`Disposition::Catch`] was its parent's.
pub(super) fn forget_handlers() {
    for number in 1..libc::SIGRTMIN() {
        // SAFETY: plain data that the first call fills and the second reads; numbers that it refuses are passed over.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(number, std::ptr::null(), &mut action);
            if action.sa_sigaction == caught as extern "C" fn(i32) as libc::sighandler_t {
                libc::signal(number, libc::SIG_DFL);
            }
        }
    }
}

fn signal_set(signals: &[Signal]) -> libc::sigset_t {
    // SAFETY: a sigset_t is plain data that sigemptyset(3) fills.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, signal.number());
        }
        set
    }
}

pub(super) fn clone_flags(flags: CloneFlags) -> i32 {
    let all = [
        (flags.pid, libc::CLONE_NEWPID),
        (flags.mnt, libc::CLONE_NEWNS),
        (flags.uts, libc::CLONE_NEWUTS),
        (flags.ipc, libc::CLONE_NEWIPC),
        (flags.net, libc::CLONE_NEWNET),
        (flags.user, libc::CLONE_NEWUSER),
        (flags.cgroup, libc::CLONE_NEWCGROUP),
        (flags.time, CLONE_NEWTIME),
    ];
    all.iter().filter(|(wanted, _)| *wanted).fold(0, |bits, (_, bit)| bits | bit)
}

fn open(dir: Fd, path: String, flags: OpenFlags, mode: u32, resolve: Option<Resolve>) -> Answer {
    let access = match (flags.read, flags.write || flags.append) {
        (true, true) => libc::O_RDWR,
        (false, true) => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    let bits = [
        (flags.create, libc::O_CREAT),
        (flags.excl, libc::O_EXCL),
        (flags.truncate, libc::O_TRUNC),
        (flags.append, libc::O_APPEND),
        (flags.directory, libc::O_DIRECTORY),
        (flags.nofollow, libc::O_NOFOLLOW),
        (flags.cloexec, libc::O_CLOEXEC),
        (flags.path, libc::O_PATH),
    ];
    let flags = bits.iter().filter(|(wanted, _)| *wanted).fold(access, |all, (_, bit)| all | bit);
    // Never a controlling terminal: a session's console is a pipe.
    let path = os::c(path)?;
    let fd = match resolve {
        // SAFETY: the path is a NUL-terminated string that outlives the call.
        None => check(unsafe { libc::openat(dir, path.as_ptr(), flags | libc::O_NOCTTY, mode) })?,
        Some(resolve) => openat2(dir, &path, flags, mode, resolve)?,
    };
    // `/proc/sysrq-trigger` and most of `/proc/sys` are the real machine's: no guest writes there.
    let refused = match (procfs::is_hidden_at(fd), access) {
        (true, _) => Some(libc::ENOENT),
        (_, libc::O_RDONLY) => None,
        _ => (normal::is_procfs(fd) && !procfs::is_writable(fd)).then_some(libc::EACCES),
    };
    match refused {
        None => Ok(Ret::Int(fd.into())),
        Some(errno) => {
            // SAFETY: this descriptor was opened above.
            unsafe { libc::close(fd) };
            fail(errno)
        }
    }
}

fn openat2(dir: Fd, path: &CStr, flags: i32, mode: u32, resolve: Resolve) -> Result<Fd, Stop> {
    let bits = [
        (resolve.beneath, libc::RESOLVE_BENEATH),
        (resolve.in_root, libc::RESOLVE_IN_ROOT),
        (resolve.no_magiclinks, libc::RESOLVE_NO_MAGICLINKS),
        (resolve.no_symlinks, libc::RESOLVE_NO_SYMLINKS),
        (resolve.no_xdev, libc::RESOLVE_NO_XDEV),
    ];
    let resolve = bits.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, bit)| all | bit);
    // What openat2(2) does not take with O_PATH it must not be given.
    let terminal = if flags & libc::O_PATH == 0 { libc::O_NOCTTY } else { 0 };
    let how = [(flags | terminal) as u64, mode.into(), resolve];
    // SAFETY: the path is NUL-terminated; `how` has the layout of `struct open_how` (three u64) and its size is passed.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, dir, path.as_ptr(), how.as_ptr(), size_of_val(&how)) };
    Ok(check(fd as i64)? as Fd)
}

fn read(fd: Fd, len: u32) -> Answer {
    if let Some(told) = procfs::read(own(fd)?, len as usize) {
        return told.map(Ret::Data).or_else(fail);
    }
    if let Some(told) = groups::read(own(fd)?, (len as usize).min(IO_LIMIT_BYTES)) {
        return Ok(Ret::Data(told?));
    }
    let mut buffer = vec![0_u8; (len as usize).min(IO_LIMIT_BYTES)];
    // SAFETY: the buffer outlives the call and its length is passed.
    let got = check(unsafe { libc::read(own(fd)?, buffer.as_mut_ptr().cast(), buffer.len()) } as i64)?;
    buffer.truncate(got as usize);
    Ok(Ret::Data(match mounts::listed(fd) {
        Some(text) => mounts::read(fd, &text?, got as usize, len as usize)?,
        None => buffer,
    }))
}

/// How far a clock is ahead of what it is outside any time namespace: both ran alike since the gate was made.
fn clock_ahead(boottime: bool, gate: Option<(&Gate, u32)>) -> Answer {
    let clock = if boottime { libc::CLOCK_BOOTTIME } else { libc::CLOCK_MONOTONIC };
    let (now, wall) = (os::clock_ns(clock)?, os::clock_ns(libc::CLOCK_REALTIME)?);
    let behind_wall = gate.map_or(wall - now, |(gate, _)| gate.behind_wall_ns(boottime));
    Ok(Ret::Int((now + behind_wall - wall + SECOND_NS / 2).div_euclid(SECOND_NS)))
}

fn pipe() -> Answer {
    let mut ends = [0; 2];
    // SAFETY: the array holds the two descriptors pipe2(2) writes.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), 0) })?;
    Ok(Ret::Pipe { read: ends[0], write: ends[1] })
}

/// isatty(3): does tcgetattr(3) work on it?
fn isatty(fd: Fd) -> Answer {
    // SAFETY: termios is plain data that the call fills.
    unsafe {
        let mut mode: libc::termios = std::mem::zeroed();
        int(libc::tcgetattr(own(fd)?, &mut mode)).map(|_| Ret::Int(1))
    }
}

fn exec(path: String, argv: Vec<String>, mut env: Vec<String>, gate: Option<(&Gate, u32)>) -> Answer {
    if let Some((_, slot)) = gate {
        env.push(format!("{SLOT_VARIABLE}{slot}"));
    }
    let list = |strings: Vec<String>| strings.into_iter().map(os::c).collect::<os::Result<Vec<CString>>>();
    fail(os::execve(os::c(path)?.as_c_str(), &list(argv)?, &list(env)?))
}

fn wait(pid: i32, nohang: bool) -> Answer {
    let Some((pid, status)) = os::wait(pid, if nohang { libc::WNOHANG } else { 0 })? else {
        return Ok(Ret::Int(0));
    };
    let status = wait_status(status).map_err(Stop::Broken)?;
    Ok(Ret::Waited { pid: pid as u32, status })
}

/// A raw status as wait(2) gives it.
pub fn wait_status(status: i32) -> Result<WaitStatus, String> {
    if libc::WIFEXITED(status) {
        return Ok(WaitStatus::Exited(libc::WEXITSTATUS(status)));
    }
    let number = libc::WTERMSIG(status);
    let signal = Signal::from_number(number).ok_or(format!("signal {number} has no name in the call vocabulary"))?;
    Ok(WaitStatus::Signaled(signal))
}
