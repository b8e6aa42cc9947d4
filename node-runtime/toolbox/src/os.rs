//! System calls, each with its errno as a plain number. No policy: a wrapper does one call.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An errno.
pub type Result<T> = std::result::Result<T, i32>;

/// The errno of the last call that failed in this thread.
pub fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// A system call's answer: -1 means "see errno".
pub fn check<T: Copy + Into<i64>>(answer: T) -> Result<T> {
    if answer.into() == -1 { Err(errno()) } else { Ok(answer) }
}

/// A path or name as the kernel takes it; a NUL inside is `EINVAL`.
pub fn c(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| libc::EINVAL)
}

/// The errno of the standard library's error.
pub fn code(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn owned(fd: i64) -> Result<OwnedFd> {
    check(fd)?;
    // SAFETY: the call has just made this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

pub fn open(path: &str, flags: i32, mode: u32) -> Result<OwnedFd> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    owned(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) }.into())
}

/// openat2(2) with `O_CLOEXEC`; `resolve` is of `RESOLVE_*`.
pub fn openat2(dir: RawFd, path: &str, flags: i32, resolve: u64) -> Result<OwnedFd> {
    let path = c(path)?;
    let how = [(flags | libc::O_CLOEXEC) as u64, 0, resolve];
    // SAFETY: `how` has the layout of `struct open_how` (three u64) and its size is passed.
    owned(unsafe { libc::syscall(libc::SYS_openat2, dir, path.as_ptr(), how.as_ptr(), size_of_val(&how)) } as i64)
}

/// Writes one text to a file below a directory, which is there.
pub fn write_file(dir: RawFd, path: &str, text: &str) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    let file = owned(unsafe { libc::openat(dir, path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) }.into())?;
    // SAFETY: the text outlives the call and its length is passed.
    check(unsafe { libc::write(file.as_raw_fd(), text.as_ptr().cast(), text.len()) } as i64).map(drop)
}

/// flock(2), exclusive; `EWOULDBLOCK` if somebody has it.
pub fn lock(fd: RawFd) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

/// The effective user and group of the caller, unless it is root.
pub fn not_root() -> Option<(u32, u32)> {
    // SAFETY: no memory is passed.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    (uid != 0).then_some((uid, gid))
}

pub fn mkdir(path: &str, mode: u32) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    check(unsafe { libc::mkdir(path.as_ptr(), mode) }).map(drop)
}

/// mkdir(2) unless something is there already.
pub fn mkdir_if_missing(path: &str, mode: u32) -> Result<()> {
    match mkdir(path, mode) {
        Err(libc::EEXIST) => Ok(()),
        other => other,
    }
}

/// Makes `path` and what is missing above it, mode 0755, and says nothing if it is there.
pub fn mkdir_all(path: &str) -> Result<()> {
    let mut end = 0;
    while end < path.len() {
        end = path[end + 1..].find('/').map_or(path.len(), |i| end + 1 + i);
        mkdir_if_missing(&path[..end], 0o755)?;
    }
    Ok(())
}

pub fn symlink(target: &str, path: &str) -> Result<()> {
    let (target, path) = (c(target)?, c(path)?);
    // SAFETY: two NUL-terminated strings that outlive the call.
    check(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) }).map(drop)
}

pub fn is_dir(fd: RawFd) -> Result<bool> {
    st_mode(fd).map(|mode| mode & libc::S_IFMT == libc::S_IFDIR)
}

/// fstat(2): the kind of a file and its permissions.
pub fn st_mode(fd: RawFd) -> Result<libc::mode_t> {
    // SAFETY: `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd, &mut raw))?;
        Ok(raw.st_mode)
    }
}

pub fn rmdir(path: &str) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::rmdir(path.as_ptr()) }).map(drop)
}

pub fn chmod(path: &str, mode: u32) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(drop)
}

pub fn chdir(path: &str) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Both ends with `O_CLOEXEC`: to read from, to write to.
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the array holds the two descriptors pipe2(2) writes, which are new.
    unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

pub fn mknod_char(path: &str, mode: u32, major: u32, minor: u32) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    check(unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | mode, libc::makedev(major, minor)) }).map(drop)
}

pub fn mount(source: &str, target: &str, fstype: &str, flags: libc::c_ulong, data: &str) -> Result<()> {
    let (source, target, fstype, data) = (c(source)?, c(target)?, c(fstype)?, c(data)?);
    // SAFETY: four NUL-terminated strings that outlive the call.
    let answer = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), fstype.as_ptr(), flags, data.as_ptr().cast()) };
    check(answer).map(drop)
}

pub fn umount(target: &str, flags: i32) -> Result<()> {
    let target = c(target)?;
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    check(unsafe { libc::umount2(target.as_ptr(), flags) }).map(drop)
}

/// Makes the current directory `/` and lets go of the old root (pivot_root(2), `pivot_root(".", ".")`).
pub fn pivot_to_cwd() -> Result<()> {
    // SAFETY: two constant NUL-terminated strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) } as i64)?;
    umount(".", libc::MNT_DETACH)?;
    chdir("/")
}

const OPEN_TREE_CLONE: u32 = 1;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 4;
const MOUNT_ATTR_RDONLY: u64 = 1;

/// A copy of the mount at `place`, attached nowhere (open_tree(2)).
pub fn clone_mount(place: &OwnedFd) -> Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as u32 | libc::AT_EMPTY_PATH as u32 | libc::AT_RECURSIVE as u32;
    // SAFETY: a constant NUL-terminated string.
    owned(unsafe { libc::syscall(libc::SYS_open_tree, place.as_raw_fd(), c"".as_ptr(), flags) } as i64)
}

/// Attaches what [`clone_mount`] made (move_mount(2)); a final symlink is followed.
pub fn attach_mount(tree: &OwnedFd, target: &str) -> Result<()> {
    let target = c(target)?;
    let flags = MOVE_MOUNT_F_EMPTY_PATH | 0x10; // MOVE_MOUNT_T_SYMLINKS
    // SAFETY: two NUL-terminated strings that outlive the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), c"".as_ptr(), libc::AT_FDCWD, target.as_ptr(), flags)
    };
    check(answer as i64).map(drop)
}

/// Makes one mount read-only (mount_setattr(2)).
pub fn set_read_only(mount: RawFd, path: &CStr) -> Result<()> {
    let attr: [u64; 4] = [MOUNT_ATTR_RDONLY, 0, 0, 0];
    let flags = libc::AT_EMPTY_PATH;
    // SAFETY: `attr` has the layout of `struct mount_attr` (four u64) and its size is passed.
    let answer = unsafe {
        libc::syscall(libc::SYS_mount_setattr, mount, path.as_ptr(), flags, attr.as_ptr(), size_of_val(&attr))
    };
    check(answer as i64).map(drop)
}

/// Makes a mount and all below it private (mount_setattr(2)).
pub fn set_private(mount: RawFd) -> Result<()> {
    let attr: [u64; 4] = [0, 0, libc::MS_PRIVATE, 0];
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: `attr` has the layout of `struct mount_attr` (four u64) and its size is passed.
    let answer = unsafe {
        libc::syscall(libc::SYS_mount_setattr, mount, c"".as_ptr(), flags, attr.as_ptr(), size_of_val(&attr))
    };
    check(answer as i64).map(drop)
}

pub fn unshare(flags: i32) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

pub fn setns(fd: RawFd, flags: i32) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setns(fd, flags) }).map(drop)
}

/// Sets `lo` up in the network namespace of the caller (netdevice(7), SIOCSIFFLAGS).
pub fn loopback_up() -> Result<()> {
    let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: no memory is passed; the descriptor is new.
    let socket = owned(unsafe { libc::socket(libc::AF_INET, flags, 0) }.into())?;
    // SAFETY: an ifreq is plain data; the name is NUL-terminated by being shorter than its field.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as _;
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request)).map(drop)
    }
}

pub fn sethostname(name: &str) -> Result<()> {
    // SAFETY: the bytes outlive the call and their length is passed.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len() as _) }).map(drop)
}

pub fn hostname() -> Result<String> {
    // SAFETY: utsname is plain data; uname(2) fills it with NUL-terminated strings.
    unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        check(libc::uname(&mut name))?;
        Ok(CStr::from_ptr(name.nodename.as_ptr()).to_string_lossy().into_owned())
    }
}

/// clone3(2) without `CLONE_VM`: a fork with new namespaces and, if asked for, a pidfd. `Ok(None)` is the child.
///
/// # Safety
/// As fork(2): in a process with several threads the child may make only async-signal-safe calls.
pub unsafe fn clone3(flags: u64, want_pidfd: bool) -> Result<Option<(i32, Option<OwnedFd>)>> {
    // SAFETY: as the caller says.
    unsafe { clone3_into(flags, want_pidfd, None) }
}

/// The same, straight into a control group of version 2 (`CLONE_INTO_CGROUP`) if one is given.
///
/// # Safety
/// As [`clone3`].
pub unsafe fn clone3_into(
    flags: u64,
    want_pidfd: bool,
    group: Option<RawFd>,
) -> Result<Option<(i32, Option<OwnedFd>)>> {
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let mut pidfd: RawFd = -1;
    let mut args = [0_u64; 11]; // struct clone_args, CLONE_ARGS_SIZE_VER2
    args[0] = flags | if want_pidfd { libc::CLONE_PIDFD as u64 } else { 0 };
    args[1] = if want_pidfd { &raw mut pidfd as u64 } else { 0 };
    args[4] = libc::SIGCHLD as u64;
    if let Some(group) = group {
        args[0] |= CLONE_INTO_CGROUP;
        args[10] = group as u64;
    }
    // SAFETY: `args` has the layout of `struct clone_args` and its size is passed; without CLONE_VM the child has its
    // own copy of everything.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, args.as_mut_ptr(), size_of_val(&args)) } as i64)?;
    if pid == 0 {
        return Ok(None);
    }
    let pidfd = if want_pidfd { Some(owned(pidfd.into())?) } else { None };
    Ok(Some((pid as i32, pidfd)))
}

/// execve(2): comes back only with an errno.
pub fn execve(path: &CStr, argv: &[CString], env: &[CString]) -> i32 {
    let pointers = |list: &[CString]| list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: NULL-terminated arrays of NUL-terminated strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    errno()
}

/// wait4(2) for `pid`: the pid and the raw status, or `None` with `WNOHANG` when nothing has ended.
pub fn wait(pid: i32, options: i32) -> Result<Option<(i32, i32)>> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = check(unsafe { libc::wait4(pid, &mut status, options, std::ptr::null_mut()) })?;
    Ok((pid != 0).then_some((pid, status)))
}

/// Waits until a child has ended, at most this long; it can be waited for afterwards.
pub fn await_end(pid: i32, patience: std::time::Duration) -> Result<bool> {
    // SAFETY: no memory is passed; the descriptor is new.
    let pidfd = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i64)?;
    let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one struct, which outlives the call.
    check(unsafe { libc::poll(&mut poll, 1, patience.as_millis() as i32) }).map(|ready| ready == 1)
}

pub fn prctl(option: i32, value: libc::c_ulong) -> Result<i32> {
    // SAFETY: the options used take numbers, or a constant string.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

/// Marks every descriptor from `first` to `last` close-on-exec (close_range(2)).
pub fn close_on_exec(first: u32, last: u32) -> Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no memory is passed.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) } as i64).map(drop)
}

pub fn dup2(from: RawFd, to: RawFd) -> Result<()> {
    // SAFETY: no memory is passed; the caller owns `to`.
    check(unsafe { libc::dup2(from, to) }).map(drop)
}

pub fn clock_ns(clock: libc::clockid_t) -> Result<i64> {
    // SAFETY: `time` is plain data that the call fills.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        check(libc::clock_gettime(clock, &mut time))?;
        Ok(time.tv_sec * 1_000_000_000 + time.tv_nsec)
    }
}

/// FUTEX_WAIT on shared memory while it holds `while_is`, at most `timeout_ns`.
pub fn futex_wait(word: &std::sync::atomic::AtomicU32, while_is: u32, timeout_ns: Option<u64>) {
    let time =
        timeout_ns.map(|ns| libc::timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is in a mapping that outlives the call. EAGAIN, EINTR and ETIMEDOUT all mean "look again".
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, while_is, time) };
}

pub fn futex_wake(word: &std::sync::atomic::AtomicU32) {
    // SAFETY: the word is in a mapping that outlives the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// A message and descriptors over a `SOCK_SEQPACKET` socket.
pub fn send(socket: RawFd, data: &[u8], fds: &[RawFd]) -> Result<()> {
    let mut control = [0_u64; 8];
    let iov = libc::iovec { iov_base: data.as_ptr() as *mut _, iov_len: data.len() };
    // SAFETY: the pointers are to locals that outlive sendmsg(2), `control` is aligned and large enough for the few
    // descriptors passed (asserted), and CMSG_* stay within it.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw const iov as *mut _;
        message.msg_iovlen = 1;
        if !fds.is_empty() {
            let bytes = size_of_val(fds) as u32;
            assert!(libc::CMSG_SPACE(bytes) as usize <= size_of_val(&control));
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(bytes) as _;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes) as _;
            std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(header).cast(), fds.len());
        }
        check(libc::sendmsg(socket, &message, libc::MSG_NOSIGNAL) as i64).map(drop)
    }
}

/// Takes one message; an empty one is the end.
pub fn receive(socket: RawFd, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>)> {
    let mut control = [0_u64; 8];
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: the pointers are to locals that outlive recvmsg(2); the kernel says how much of `control` it filled, and
    // the descriptors in it are new and owned by nobody else.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut iov;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let got = loop {
            match check(libc::recvmsg(socket, &mut message, libc::MSG_CMSG_CLOEXEC) as i64) {
                Err(libc::EINTR) => continue,
                other => break other?,
            }
        };
        if message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return Err(libc::EMSGSIZE);
        }
        let mut fds = Vec::new();
        let header = libc::CMSG_FIRSTHDR(&message);
        if !header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS {
            let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let data: *const RawFd = libc::CMSG_DATA(header).cast();
            for i in 0..bytes / size_of::<RawFd>() {
                fds.push(OwnedFd::from_raw_fd(data.add(i).read_unaligned()));
            }
        }
        Ok((got as usize, fds))
    }
}
