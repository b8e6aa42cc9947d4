//! What a guest program may ask of a kernel, and what it is answered: the system-call vocabulary of both kernels.
//!
//! One [`Sys`] is one call of section 2 of the manual, with typed arguments; one [`Ret`] is its answer. The simulated
//! kernel answers from its model, the toolbox in a real container makes the real call. What Linux leaves to the file
//! system or to chance (inode numbers, a directory's size and link count, the order of `getdents64`, times of files
//! written during the run) is normalised *here, once*, so that neither side can hide a difference: see [`Stat`].
//!
//! This module decides nothing and knows no kernel.

mod ipc;
mod process;

pub use ipc::{Ipc, IpcFlags, IpcKind};
pub use process::{ChildState, CloneWith, Prctl, WaitOptions, Which};
use serde::{Deserialize, Serialize};

/// A process as numbered in its node's own pid namespace: the same small number on both kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tid(pub u32);

/// A file descriptor.
pub type Fd = i32;

/// The current directory, where a directory's descriptor is asked for.
pub const AT_FDCWD: Fd = -100;

/// Longest data of one `read` or `write`, in bytes. A gate slot holds one call, so a call is bounded (I6).
pub const IO_LIMIT_BYTES: usize = 64 * 1024;

/// The date that files written during a run carry (seconds since the epoch, 2019-06-03T09:00:00Z). Real kernels stamp
/// the wall's time; both sides report this instead, so `ls -l` and layers do not depend on the day.
pub const SCENARIO_EPOCH_S: i64 = 1_559_552_400;

/// The inode numbers that guests see of namespaces: these and up, in the order in which a run's guests first saw each
/// (readlink(2) of `/proc/PID/ns/…`). Real ones are the machine's, and given anew once a namespace is gone.
pub const fn namespace_number(seen_before: u32) -> u32 {
    4_026_532_000 + seen_before
}

/// One system call. What it answers when it succeeds, where the manual's number would not say: [`Ret::Int`] for `Open`,
/// `Write` (bytes), `Dup2`, `DupFrom`, `Seek` (the new offset), `Umask` (the old mask), `Fork` (the child, as the caller's
/// pid namespace numbers it), `SigWait` and the `get…` calls; [`Ret::Data`] for `Read` and `Random`; [`Ret::Text`] for
/// `Readlink` and `Getcwd`; the variant named after it for the rest that has one; [`Ret::Ok`] for all others. `Isatty`
/// answers `Int(1)`, or the errno that isatty(3) leaves: ENOTTY or EBADF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sys {
    // ── files: open(2), read(2), … Paths are resolved by the kernel, relative to the caller's cwd and root.
    Open {
        path: String,
        flags: OpenFlags,
        mode: u32,
    },
    /// openat(2), or openat2(2) with `resolve`; `dir` may be [`AT_FDCWD`].
    Openat {
        dir: Fd,
        path: String,
        flags: OpenFlags,
        mode: u32,
        resolve: Option<Resolve>,
    },
    Read {
        fd: Fd,
        len: u32,
    },
    Write {
        fd: Fd,
        data: Vec<u8>,
    },
    Close {
        fd: Fd,
    },
    /// dup2(2).
    Dup2 {
        from: Fd,
        to: Fd,
    },
    /// fcntl(2) `F_DUPFD`: the lowest free descriptor that is ≥ `min`. How a shell saves what it redirects.
    DupFrom {
        fd: Fd,
        min: Fd,
    },
    /// pipe2(2) with no flags; answers [`Ret::Pipe`].
    Pipe,
    Seek {
        fd: Fd,
        offset: i64,
        whence: Whence,
    },
    /// newfstatat(2): `follow = false` is lstat.
    Stat {
        path: String,
        follow: bool,
    },
    Fstat {
        fd: Fd,
    },
    /// The whole directory, sorted by name in byte order, without `.` and `..`.
    Getdents {
        fd: Fd,
    },
    Readlink {
        path: String,
    },
    /// faccessat(2); `mode` is R_OK 4 | W_OK 2 | X_OK 1, or 0 for F_OK.
    Access {
        path: String,
        mode: u32,
    },
    Mkdir {
        path: String,
        mode: u32,
    },
    Rmdir {
        path: String,
    },
    Unlink {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Symlink {
        target: String,
        path: String,
    },
    Chmod {
        path: String,
        mode: u32,
    },
    /// fchownat(2); `None` leaves that id alone.
    Chown {
        path: String,
        uid: Option<u32>,
        gid: Option<u32>,
        follow: bool,
    },
    /// utimensat(2) for the modification time, in seconds; `None` is "now" (reported as [`SCENARIO_EPOCH_S`]).
    Utimens {
        path: String,
        mtime_s: Option<i64>,
        follow: bool,
    },
    Truncate {
        path: String,
        len: u64,
    },
    Chdir {
        path: String,
    },
    Getcwd,
    Umask {
        mask: u32,
    },
    /// Is this descriptor the console a person types at? The real side compares it with the console's pipe.
    Isatty {
        fd: Fd,
    },
    /// mount(2): by its flags a new file system, a bind, a remount, a move, or a change of propagation.
    Mount {
        source: String,
        target: String,
        fstype: String,
        flags: MountFlags,
        data: String,
    },
    /// umount2(2); `detach` is MNT_DETACH.
    Umount {
        target: String,
        detach: bool,
    },
    /// pivot_root(2).
    PivotRoot {
        new_root: String,
        put_old: String,
    },
    Chroot {
        path: String,
    },
    Fchdir {
        fd: Fd,
    },

    // ── processes
    /// fork(2). `child` is what the new process runs; with `until_exec` (vfork) the parent waits for its exec or exit.
    Fork {
        child: Box<crate::program::Program>,
        until_exec: bool,
    },
    Exec {
        path: String,
        argv: Vec<String>,
        env: Vec<String>,
    },
    /// wait4(2): `pid` -1 is any child; `nohang` is WNOHANG. Answers [`Ret::Waited`], or `Int(0)` if nohang and none.
    Wait {
        pid: i32,
        nohang: bool,
    },
    /// waitid(2). Answers [`Ret::Child`], or `Int(0)` with `nohang` if there is nothing to tell.
    WaitId {
        which: Which,
        options: WaitOptions,
    },
    /// clone(2) without a new stack: a fork whose child is in new namespaces, or has the caller's parent.
    Clone {
        child: Box<crate::program::Program>,
        new: CloneFlags,
        with: CloneWith,
    },
    Exit {
        code: i32,
    },
    Kill {
        pid: i32,
        signal: Signal,
    },
    /// kill(2) with signal 0: may this process be signalled?
    Probe {
        pid: i32,
    },
    Setsid,
    Setpgid {
        pid: i32,
        pgid: i32,
    },
    Getpgid {
        pid: i32,
    },
    Getsid {
        pid: i32,
    },
    Prctl(Prctl),
    /// sched_getaffinity(2); 0 is the caller. Answers [`Ret::Cpus`].
    GetAffinity {
        pid: i32,
    },
    /// sched_setaffinity(2).
    SetAffinity {
        pid: i32,
        cpus: Vec<u32>,
    },
    Ipc(Ipc),
    /// How many whole seconds the process's CLOCK_MONOTONIC or CLOCK_BOOTTIME is ahead of the node's: what of
    /// clock_gettime(2) is the kernel's. The time itself is the scheduler's.
    ClockAhead {
        boottime: bool,
    },
    /// sigaction(2), without SA_RESTART. No handler does anything: a program that wants to know of a signal blocks it
    /// and waits for it.
    SigAction {
        signal: Signal,
        to: Disposition,
    },
    /// sigprocmask(2) SIG_BLOCK / SIG_UNBLOCK for one signal.
    SigMask {
        signal: Signal,
        block: bool,
    },
    /// sigwaitinfo(2) for a blocked signal; answers `Int(signal)`.
    SigWait {
        signals: Vec<Signal>,
    },
    Getpid,
    Getppid,
    Getuid,
    Getgid,
    Setuid {
        uid: u32,
    },
    Setgid {
        gid: u32,
    },
    Credentials(Credentials),
    Uname,
    Sethostname {
        name: String,
    },
    /// unshare(2).
    Unshare {
        flags: CloneFlags,
    },
    /// setns(2) with the descriptor of a namespace (`/proc/PID/ns/…`); `kind` has the flag it must be of, or none.
    Setns {
        fd: Fd,
        kind: CloneFlags,
    },
    /// One process as procfs shows it: `/proc/PID/stat`, `cmdline` and the `NSpid:` and `Uid:` lines of `status`.
    /// Needs a procfs mounted at `/proc`: ENOENT without one, ESRCH when the process is not in that mount's namespace.
    ProcStat {
        pid: u32,
    },

    // ── memory. A mapping is called by a small number, not by its address: mappings are numbered from 0, and the lowest
    // free number is used again. execve(2) ends them all.
    /// mmap(2) for reading and writing, of nothing (MAP_ANONYMOUS, shared or private); or with `fd` of a file from its
    /// beginning, for reading. Answers `Int(the mapping's number)`.
    Mmap {
        len: u64,
        shared: bool,
        fd: Option<Fd>,
    },
    /// munmap(2) of a whole mapping.
    Munmap {
        map: u32,
    },
    /// No system call: the program writes a byte to each page of this part of a mapping, or reads one if it is a file's.
    /// What the kernel has to do with it are the page faults. EFAULT outside of a mapping or beyond the end of its file,
    /// where a program would fall.
    Touch {
        map: u32,
        offset: u64,
        len: u64,
    },

    // ── answered above the kernel, by the scheduler, in the same way on both sides
    /// nanosleep(2).
    Sleep {
        ns: u64,
    },
    /// clock_gettime(2) CLOCK_REALTIME; answers `Int(ns since the epoch)`, in virtual time.
    Clock,
    /// getrandom(2), from the process's own seeded stream.
    Random {
        len: u32,
    },
    /// A request to a control plane of the world (the Docker daemon): the client side of a socket.
    Control(Box<crate::docker::Request>),
    /// The shell at the console is ready for the next line; `status` is `$?`.
    Prompt {
        text: String,
        status: i32,
    },
}

/// What a process does with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// SIG_DFL.
    Default,
    /// SIG_IGN.
    Ignore,
    /// A handler that does nothing: a call that waits ends with EINTR. It is the program's own: neither execve(2) nor
    /// a fork's child, which is another program, has it.
    Catch,
}

/// The answer to a [`Sys`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ret {
    /// Before the first call of a program: there is no answer yet.
    Start,
    Ok,
    Int(i64),
    Err(Errno),
    Data(Vec<u8>),
    Text(String),
    Stat(Stat),
    Dents(Vec<Dent>),
    Pipe {
        read: Fd,
        write: Fd,
    },
    Waited {
        pid: u32,
        status: WaitStatus,
    },
    Child {
        pid: u32,
        state: ChildState,
    },
    Uname {
        hostname: String,
    },
    Proc(Box<ProcStat>),
    /// User or group ids.
    Ids(Vec<u32>),
    /// Processors, by their numbers.
    Cpus(Vec<u32>),
    Caps(CapSets),
    Control(Box<crate::docker::Answer>),
}

/// stat(2), less what a file system chooses for itself: no inode or device number; a directory's `size` is 4096 and its
/// `nlink` 1 on every file system; `mtime_s` of whatever was written during the run is [`SCENARIO_EPOCH_S`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    pub kind: FileKind,
    /// Permission bits, 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size_bytes: u64,
    pub nlink: u32,
    pub mtime_s: i64,
    /// Major and minor number of a device node, else 0, 0.
    pub rdev: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileKind {
    File,
    Dir,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dent {
    pub name: String,
    pub kind: FileKind,
}

/// What `ps` needs of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcStat {
    pub pid: u32,
    pub ppid: u32,
    /// Its process group and its session; 0 where they cannot be seen.
    pub pgid: u32,
    pub sid: u32,
    /// `R` for the process that runs, else `S`, `T`, `Z`.
    pub state: char,
    /// At most 15 bytes.
    pub comm: String,
    /// Empty for a zombie.
    pub cmdline: Vec<String>,
    pub uid: u32,
    /// The pid in each namespace from that of the procfs mount inward.
    pub nspid: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitStatus {
    Exited(i32),
    Signaled(Signal),
}

impl WaitStatus {
    /// What a shell shows as `$?`: 128+n after signal n.
    pub fn shell_code(self) -> i32 {
        match self {
            WaitStatus::Exited(code) => code,
            WaitStatus::Signaled(signal) => 128 + signal.number(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whence {
    Set,
    Cur,
    End,
}

/// open(2) flags, as booleans rather than bits: the numbers differ by architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFlags {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub excl: bool,
    pub truncate: bool,
    pub append: bool,
    pub directory: bool,
    pub nofollow: bool,
    pub cloexec: bool,
    /// O_PATH: the place, not what is there.
    pub path: bool,
}

impl OpenFlags {
    pub const READ: OpenFlags = OpenFlags {
        read: true,
        write: false,
        create: false,
        excl: false,
        truncate: false,
        append: false,
        directory: false,
        nofollow: false,
        cloexec: false,
        path: false,
    };
    /// `O_WRONLY | O_CREAT | O_TRUNC`: what `>` opens with.
    pub const CREATE: OpenFlags =
        OpenFlags { read: false, write: true, create: true, truncate: true, ..OpenFlags::READ };
    /// `O_WRONLY | O_CREAT | O_APPEND`: what `>>` opens with.
    pub const APPEND: OpenFlags = OpenFlags { read: false, write: true, create: true, append: true, ..OpenFlags::READ };
    pub const DIRECTORY: OpenFlags = OpenFlags { directory: true, ..OpenFlags::READ };
}

/// openat2(2), `how.resolve`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolve {
    pub beneath: bool,
    pub in_root: bool,
    pub no_magiclinks: bool,
    pub no_symlinks: bool,
    pub no_xdev: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountFlags {
    pub bind: bool,
    pub recursive: bool,
    pub read_only: bool,
    pub remount: bool,
    pub shared: bool,
    pub private: bool,
    pub slave: bool,
    pub unbindable: bool,
    /// MS_MOVE.
    pub moved: bool,
    pub nosuid: bool,
    pub nodev: bool,
    pub noexec: bool,
    pub noatime: bool,
    pub nodiratime: bool,
    pub relatime: bool,
    pub strictatime: bool,
}

impl MountFlags {
    pub const NONE: MountFlags = MountFlags {
        bind: false,
        recursive: false,
        read_only: false,
        remount: false,
        shared: false,
        private: false,
        slave: false,
        unbindable: false,
        moved: false,
        nosuid: false,
        nodev: false,
        noexec: false,
        noatime: false,
        nodiratime: false,
        relatime: false,
        strictatime: false,
    };
}

/// Which namespaces are new; clone(2), unshare(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneFlags {
    pub pid: bool,
    pub mnt: bool,
    pub uts: bool,
    pub ipc: bool,
    pub net: bool,
    pub user: bool,
    pub cgroup: bool,
    /// Not of clone(2), which has no bit left for it.
    pub time: bool,
}

macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($variant),* }
        impl $name {
            /// The number on x86-64 Linux.
            pub const fn number(self) -> i32 { match self { $($name::$variant => $number),* } }
            pub const fn from_number(n: i32) -> Option<$name> {
                match n { $($number => Some($name::$variant),)* _ => None }
            }
            /// The symbol, as in the manual.
            pub const fn name(self) -> &'static str { match self { $($name::$variant => stringify!($variant)),* } }
            /// What strerror(3) or strsignal(3) says of it (glibc).
            pub const fn text(self) -> &'static str { match self { $($name::$variant => $text),* } }
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
        }
    };
}

mod credentials;

pub use credentials::{Ambient, CONTAINER_CAPABILITIES, CapSets, Capability, Credentials, NODE_CAPABILITIES};

numbered! {
    /// errno(3).
    #[allow(clippy::upper_case_acronyms)]
    Errno {
        EPERM = 1, "Operation not permitted";
        ENOENT = 2, "No such file or directory";
        ESRCH = 3, "No such process";
        EINTR = 4, "Interrupted system call";
        EIO = 5, "Input/output error";
        ENXIO = 6, "No such device or address";
        E2BIG = 7, "Argument list too long";
        ENOEXEC = 8, "Exec format error";
        EBADF = 9, "Bad file descriptor";
        ECHILD = 10, "No child processes";
        EAGAIN = 11, "Resource temporarily unavailable";
        ENOMEM = 12, "Cannot allocate memory";
        EACCES = 13, "Permission denied";
        EFAULT = 14, "Bad address";
        EBUSY = 16, "Device or resource busy";
        EEXIST = 17, "File exists";
        EXDEV = 18, "Invalid cross-device link";
        ENODEV = 19, "No such device";
        ENOTDIR = 20, "Not a directory";
        EISDIR = 21, "Is a directory";
        EINVAL = 22, "Invalid argument";
        ENFILE = 23, "Too many open files in system";
        EMFILE = 24, "Too many open files";
        ENOTTY = 25, "Inappropriate ioctl for device";
        ETXTBSY = 26, "Text file busy";
        EFBIG = 27, "File too large";
        ENOSPC = 28, "No space left on device";
        ESPIPE = 29, "Illegal seek";
        EROFS = 30, "Read-only file system";
        EMLINK = 31, "Too many links";
        EPIPE = 32, "Broken pipe";
        ERANGE = 34, "Numerical result out of range";
        ENAMETOOLONG = 36, "File name too long";
        ENOSYS = 38, "Function not implemented";
        ENOTEMPTY = 39, "Directory not empty";
        ELOOP = 40, "Too many levels of symbolic links";
        ENOMSG = 42, "No message of desired type";
        EIDRM = 43, "Identifier removed";
        EOVERFLOW = 75, "Value too large for defined data type";
        EMSGSIZE = 90, "Message too long";
        ENOTSUP = 95, "Operation not supported";
    }
}

numbered! {
    /// signal(7).
    #[allow(clippy::upper_case_acronyms)]
    Signal {
        SIGHUP = 1, "Hangup";
        SIGINT = 2, "Interrupt";
        SIGQUIT = 3, "Quit";
        SIGILL = 4, "Illegal instruction";
        SIGTRAP = 5, "Trace/breakpoint trap";
        SIGABRT = 6, "Aborted";
        SIGFPE = 8, "Floating point exception";
        SIGKILL = 9, "Killed";
        SIGUSR1 = 10, "User defined signal 1";
        SIGSEGV = 11, "Segmentation fault";
        SIGUSR2 = 12, "User defined signal 2";
        SIGPIPE = 13, "Broken pipe";
        SIGALRM = 14, "Alarm clock";
        SIGTERM = 15, "Terminated";
        SIGSTKFLT = 16, "Stack fault";
        SIGCHLD = 17, "Child exited";
        SIGCONT = 18, "Continued";
        SIGSTOP = 19, "Stopped (signal)";
        SIGTSTP = 20, "Stopped";
        SIGTTIN = 21, "Stopped (tty input)";
        SIGTTOU = 22, "Stopped (tty output)";
        SIGURG = 23, "Urgent I/O condition";
        SIGXCPU = 24, "CPU time limit exceeded";
        SIGXFSZ = 25, "File size limit exceeded";
        SIGVTALRM = 26, "Virtual timer expired";
        SIGPROF = 27, "Profiling timer expired";
        SIGWINCH = 28, "Window changed";
        SIGIO = 29, "I/O possible";
        SIGPWR = 30, "Power failure";
        SIGSYS = 31, "Bad system call";
    }
}
