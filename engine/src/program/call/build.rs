//! The calls that a script can make: from a name and arguments to a [`Sys`]. Names and flags are those of section 2 of the
//! manual; an argument that the vocabulary has no use for (a buffer, a pointer that is NULL) is left out.

use super::syntax::{Arg, Kind, Statement};
use crate::call::{
    AT_FDCWD, Ambient, CapSets, Capability, CloneFlags, CloneWith, Credentials, Disposition, Fd, Ipc, IpcFlags,
    IpcKind, MountFlags, OpenFlags, Prctl, Resolve, Signal, Sys, WaitOptions, Whence, Which,
};

type Variables<'a> = &'a dyn Fn(&str) -> Option<i64>;

/// Whether every call of a script can be asked. Variables are known from where they are kept.
pub fn check(script: &[Statement]) -> Result<(), String> {
    check_with(script, &mut Vec::new())
}

fn check_with(script: &[Statement], known: &mut Vec<String>) -> Result<(), String> {
    for Statement { into, kind, .. } in script {
        match kind {
            Kind::Call { name, args } => {
                drop(sys(name, args, &|name| known.iter().any(|n| n == name).then_some(0))?);
            }
            Kind::Fork { body, .. } => check_with(body, &mut known.clone())?,
            Kind::Clone { flags, body } => {
                clone_flags_with(flags)?;
                check_with(body, &mut known.clone())?;
            }
        }
        known.extend(into.clone());
    }
    Ok(())
}

/// The call of this name.
pub fn sys(name: &str, args: &[Arg], variables: Variables<'_>) -> Result<Sys, String> {
    let mut args = Args { call: name, args, variables, given: args.len() };
    let sys = match name {
        "open" => {
            let (path, flags) = (args.text()?, args.flags()?);
            let mode = if args.is_empty() { 0o666 } else { args.number()? };
            Sys::Open { path, flags: open_flags(&flags)?, mode }
        }
        "openat" | "openat2" => {
            let (dir, path, flags) = (args.fd()?, args.text()?, open_flags(&args.flags()?)?);
            let resolve = if name == "openat2" { Some(resolve(&args.flags()?)?) } else { None };
            let default = if resolve.is_none() || flags.create { 0o666 } else { 0 };
            let mode = if args.is_empty() { default } else { args.number()? };
            Sys::Openat { dir, path, flags, mode, resolve }
        }
        "read" => Sys::Read { fd: args.fd()?, len: args.number()? },
        "write" => Sys::Write { fd: args.fd()?, data: args.text()?.into_bytes() },
        "close" => Sys::Close { fd: args.fd()? },
        "dup2" => Sys::Dup2 { from: args.fd()?, to: args.fd()? },
        "pipe" => Sys::Pipe,
        "lseek" => Sys::Seek { fd: args.fd()?, offset: args.int()?, whence: args.one_of(&WHENCE)? },
        "stat" => Sys::Stat { path: args.text()?, follow: true },
        "lstat" => Sys::Stat { path: args.text()?, follow: false },
        "fstat" => Sys::Fstat { fd: args.fd()? },
        "getdents" => Sys::Getdents { fd: args.fd()? },
        "readlink" => Sys::Readlink { path: args.text()? },
        "access" => Sys::Access { path: args.text()?, mode: args.number()? },
        "mkdir" => Sys::Mkdir { path: args.text()?, mode: args.number()? },
        "rmdir" => Sys::Rmdir { path: args.text()? },
        "unlink" => Sys::Unlink { path: args.text()? },
        "rename" => Sys::Rename { from: args.text()?, to: args.text()? },
        "link" => Sys::Link { from: args.text()?, to: args.text()? },
        "symlink" => Sys::Symlink { target: args.text()?, path: args.text()? },
        "chmod" => Sys::Chmod { path: args.text()?, mode: args.number()? },
        "chown" | "lchown" => {
            Sys::Chown { path: args.text()?, uid: args.id()?, gid: args.id()?, follow: name == "chown" }
        }
        "truncate" => Sys::Truncate { path: args.text()?, len: args.number()? },
        "chdir" => Sys::Chdir { path: args.text()? },
        "getcwd" => Sys::Getcwd,
        "umask" => Sys::Umask { mask: args.number()? },
        "isatty" => Sys::Isatty { fd: args.fd()? },
        "mount" => Sys::Mount {
            source: args.text()?,
            target: args.text()?,
            fstype: args.text()?,
            flags: mount_flags(&args.flags()?)?,
            data: if args.is_empty() { String::new() } else { args.text()? },
        },
        "umount" => {
            Sys::Umount { target: args.text()?, detach: !args.is_empty() && one_flag("MNT_DETACH", &args.flags()?)? }
        }
        "pivot_root" => Sys::PivotRoot { new_root: args.text()?, put_old: args.text()? },
        "chroot" => Sys::Chroot { path: args.text()? },
        "fchdir" => Sys::Fchdir { fd: args.fd()? },
        "mmap" => {
            let (len, flags) = (args.number()?, args.flags()?);
            let shared = one_of_two(&flags, "MAP_SHARED", "MAP_PRIVATE")?;
            Sys::Mmap { len, shared, fd: if args.is_empty() { None } else { Some(args.fd()?) } }
        }
        "munmap" => Sys::Munmap { map: args.number()? },
        "touch" => Sys::Touch { map: args.number()?, offset: args.number()?, len: args.number()? },
        "execve" => Sys::Exec { path: args.text()?, argv: args.texts()?, env: vec!["PATH=/bin:/usr/bin".to_owned()] },
        "wait" | "waitpid" => {
            Sys::Wait { pid: args.number()?, nohang: !args.is_empty() && one_flag("WNOHANG", &args.flags()?)? }
        }
        "exit" => Sys::Exit { code: args.number()? },
        "kill" => match (args.number()?, args.maybe_signal()?) {
            (pid, Some(signal)) => Sys::Kill { pid, signal },
            (pid, None) => Sys::Probe { pid },
        },
        "waitid" => Sys::WaitId { which: args.which()?, options: wait_options(&args.flags()?)? },
        "setsid" => Sys::Setsid,
        "setpgid" => Sys::Setpgid { pid: args.number()?, pgid: args.number()? },
        "getpgid" => Sys::Getpgid { pid: args.number()? },
        "getsid" => Sys::Getsid { pid: args.number()? },
        "prctl" => Sys::Prctl(args.prctl()?),
        "sched_getaffinity" => Sys::GetAffinity { pid: args.number()? },
        "sched_setaffinity" => Sys::SetAffinity { pid: args.number()?, cpus: args.numbers()? },
        "shmget" | "msgget" | "semget" | "shmctl" | "msgctl" | "semctl" | "mq_open" | "mq_unlink" => {
            Sys::Ipc(args.ipc(name)?)
        }
        "clock_gettime" => Sys::ClockAhead { boottime: args.one_of(&CLOCKS)? },
        "signal" => Sys::SigAction { signal: args.signal()?, to: args.one_of(&DISPOSITIONS)? },
        "sigblock" => Sys::SigMask { signal: args.signal()?, block: true },
        "sigunblock" => Sys::SigMask { signal: args.signal()?, block: false },
        "sigwait" => Sys::SigWait { signals: vec![args.signal()?] },
        "getpid" => Sys::Getpid,
        "getppid" => Sys::Getppid,
        "getuid" => Sys::Getuid,
        "getgid" => Sys::Getgid,
        "setuid" => Sys::Setuid { uid: args.number()? },
        "setgid" => Sys::Setgid { gid: args.number()? },
        "geteuid" => Sys::Credentials(Credentials::Geteuid),
        "getegid" => Sys::Credentials(Credentials::Getegid),
        "getresuid" => Sys::Credentials(Credentials::Getresuid),
        "getresgid" => Sys::Credentials(Credentials::Getresgid),
        "setresuid" => Sys::Credentials(Credentials::Setresuid([args.id()?, args.id()?, args.id()?])),
        "setresgid" => Sys::Credentials(Credentials::Setresgid([args.id()?, args.id()?, args.id()?])),
        "getgroups" => Sys::Credentials(Credentials::Getgroups),
        "setgroups" => Sys::Credentials(Credentials::Setgroups(args.numbers()?)),
        "capget" => Sys::Credentials(Credentials::Capget),
        "capset" => Sys::Credentials(Credentials::Capset(CapSets {
            effective: args.capabilities()?,
            permitted: args.capabilities()?,
            inheritable: args.capabilities()?,
        })),
        "uname" => Sys::Uname,
        "sethostname" => Sys::Sethostname { name: args.text()? },
        "unshare" => Sys::Unshare { flags: clone_flags(&args.flags()?)? },
        "setns" => Sys::Setns { fd: args.fd()?, kind: clone_flags(&args.flags()?)? },
        "nanosleep" => Sys::Sleep { ns: args.number()? },
        _ => return Err(format!("no call `{name}`")),
    };
    args.end()?;
    Ok(sys)
}

const WHENCE: [(&str, Whence); 3] = [("SEEK_SET", Whence::Set), ("SEEK_CUR", Whence::Cur), ("SEEK_END", Whence::End)];
const CLOCKS: [(&str, bool); 2] = [("CLOCK_MONOTONIC", false), ("CLOCK_BOOTTIME", true)];
const DISPOSITIONS: [(&str, Disposition); 3] =
    [("SIG_DFL", Disposition::Default), ("SIG_IGN", Disposition::Ignore), ("SIG_CATCH", Disposition::Catch)];

const AMBIENT: [(&str, Ambient); 4] = [
    ("PR_CAP_AMBIENT_IS_SET", Ambient::IsSet),
    ("PR_CAP_AMBIENT_RAISE", Ambient::Raise),
    ("PR_CAP_AMBIENT_LOWER", Ambient::Lower),
    ("PR_CAP_AMBIENT_CLEAR_ALL", Ambient::ClearAll),
];

fn open_flags(names: &[String]) -> Result<OpenFlags, String> {
    let mut flags = OpenFlags::default();
    for name in names {
        match name.as_str() {
            "O_RDONLY" => flags.read = true,
            "O_WRONLY" => flags.write = true,
            "O_RDWR" => (flags.read, flags.write) = (true, true),
            "O_CREAT" => flags.create = true,
            "O_EXCL" => flags.excl = true,
            "O_TRUNC" => flags.truncate = true,
            "O_APPEND" => flags.append = true,
            "O_DIRECTORY" => flags.directory = true,
            "O_NOFOLLOW" => flags.nofollow = true,
            "O_CLOEXEC" => flags.cloexec = true,
            "O_PATH" => flags.path = true,
            _ => return Err(no_flag(name)),
        }
    }
    Ok(flags)
}

fn resolve(names: &[String]) -> Result<Resolve, String> {
    let mut resolve = Resolve::default();
    for name in names {
        match name.as_str() {
            "RESOLVE_BENEATH" => resolve.beneath = true,
            "RESOLVE_IN_ROOT" => resolve.in_root = true,
            "RESOLVE_NO_MAGICLINKS" => resolve.no_magiclinks = true,
            "RESOLVE_NO_SYMLINKS" => resolve.no_symlinks = true,
            "RESOLVE_NO_XDEV" => resolve.no_xdev = true,
            _ => return Err(no_flag(name)),
        }
    }
    Ok(resolve)
}

fn mount_flags(names: &[String]) -> Result<MountFlags, String> {
    let mut flags = MountFlags::default();
    for name in names {
        match name.as_str() {
            "MS_BIND" => flags.bind = true,
            "MS_REC" => flags.recursive = true,
            "MS_RDONLY" => flags.read_only = true,
            "MS_REMOUNT" => flags.remount = true,
            "MS_SHARED" => flags.shared = true,
            "MS_PRIVATE" => flags.private = true,
            "MS_SLAVE" => flags.slave = true,
            "MS_UNBINDABLE" => flags.unbindable = true,
            "MS_MOVE" => flags.moved = true,
            "MS_NOSUID" => flags.nosuid = true,
            "MS_NODEV" => flags.nodev = true,
            "MS_NOEXEC" => flags.noexec = true,
            "MS_NOATIME" => flags.noatime = true,
            "MS_NODIRATIME" => flags.nodiratime = true,
            "MS_RELATIME" => flags.relatime = true,
            "MS_STRICTATIME" => flags.strictatime = true,
            _ => return Err(no_flag(name)),
        }
    }
    Ok(flags)
}

fn clone_flags(names: &[String]) -> Result<CloneFlags, String> {
    match clone_flags_with(names)? {
        (flags, with) if with == CloneWith::default() => Ok(flags),
        _ => Err(format!("no flags `{}`", names.join("|"))),
    }
}

/// Of clone(2): new namespaces, and the rest.
pub fn clone_flags_with(names: &[String]) -> Result<(CloneFlags, CloneWith), String> {
    let (mut flags, mut with) = (CloneFlags::default(), CloneWith::default());
    for name in names {
        match name.as_str() {
            "CLONE_FILES" => with.files = true,
            "CLONE_FS" => with.fs = true,
            "CLONE_PARENT" => with.parent = true,
            "CLONE_SIGHAND" => with.sighand = true,
            "CLONE_SYSVSEM" => with.sysvsem = true,
            "CLONE_THREAD" => with.thread = true,
            "CLONE_VM" => with.vm = true,
            "SIGCHLD" => {}
            "CLONE_NEWPID" => flags.pid = true,
            "CLONE_NEWNS" => flags.mnt = true,
            "CLONE_NEWUTS" => flags.uts = true,
            "CLONE_NEWIPC" => flags.ipc = true,
            "CLONE_NEWNET" => flags.net = true,
            "CLONE_NEWUSER" => flags.user = true,
            "CLONE_NEWCGROUP" => flags.cgroup = true,
            "CLONE_NEWTIME" => flags.time = true,
            _ => return Err(no_flag(name)),
        }
    }
    Ok((flags, with))
}

fn ipc_flags(names: &[String]) -> Result<IpcFlags, String> {
    let mut flags = IpcFlags::default();
    for name in names {
        match (name.as_str(), u32::from_str_radix(name, 8)) {
            ("IPC_CREAT", _) => flags.create = true,
            ("IPC_EXCL", _) => flags.excl = true,
            (_, Ok(mode)) => flags.mode = mode,
            _ => return Err(no_flag(name)),
        }
    }
    Ok(flags)
}

fn wait_options(names: &[String]) -> Result<WaitOptions, String> {
    let mut options = WaitOptions::default();
    for name in names {
        match name.as_str() {
            "WEXITED" => options.exited = true,
            "WSTOPPED" => options.stopped = true,
            "WCONTINUED" => options.continued = true,
            "WNOHANG" => options.nohang = true,
            "WNOWAIT" => options.nowait = true,
            _ => return Err(no_flag(name)),
        }
    }
    Ok(options)
}

fn no_flag(name: &str) -> String {
    format!("no flag `{name}`")
}

fn one_flag(known: &str, names: &[String]) -> Result<bool, String> {
    match names.iter().find(|name| *name != known) {
        Some(other) => Err(no_flag(other)),
        None => Ok(!names.is_empty()),
    }
}

/// `$name` in a string is what was kept in it; another `$` is itself.
fn with_variables(text: &str, variables: Variables<'_>) -> Result<String, String> {
    let mut pieces = text.split('$');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match variables(name) {
            Some(value) => out += &format!("{value}{rest}"),
            None => out += &format!("${piece}"),
        }
    }
    Ok(out)
}

fn one_of_two(names: &[String], yes: &str, no: &str) -> Result<bool, String> {
    match names {
        [name] if name == yes => Ok(true),
        [name] if name == no => Ok(false),
        other => Err(no_flag(&other.join("|"))),
    }
}

/// The arguments of a call, taken one after the other.
struct Args<'a> {
    call: &'a str,
    args: &'a [Arg],
    variables: Variables<'a>,
    given: usize,
}

impl Args<'_> {
    fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    fn next(&mut self) -> Result<&Arg, String> {
        let at = self.given - self.args.len() + 1;
        let (first, rest) = self.args.split_first().ok_or_else(|| format!("{} takes {at} arguments", self.call))?;
        self.args = rest;
        Ok(first)
    }

    fn end(&self) -> Result<(), String> {
        match self.args.len() {
            0 => Ok(()),
            more => Err(format!("{} takes {} arguments", self.call, self.given - more)),
        }
    }

    fn int(&mut self) -> Result<i64, String> {
        let (call, variables) = (self.call.to_owned(), self.variables);
        match self.next()? {
            Arg::Int(n) => Ok(*n),
            Arg::Variable(name) => variables(name).ok_or_else(|| format!("nothing was kept in `{name}`")),
            other => Err(format!("{call}: a number is wanted, not {other:?}")),
        }
    }

    fn number<T: TryFrom<i64>>(&mut self) -> Result<T, String> {
        let n = self.int()?;
        T::try_from(n).map_err(|_| format!("{}: {n} is out of range", self.call))
    }

    fn fd(&mut self) -> Result<Fd, String> {
        if matches!(self.args.first(), Some(Arg::Flags(names)) if *names == ["AT_FDCWD"]) {
            self.args = &self.args[1..];
            return Ok(AT_FDCWD);
        }
        self.number()
    }

    /// A uid or gid; -1 leaves it alone.
    fn id(&mut self) -> Result<Option<u32>, String> {
        match self.int()? {
            -1 => Ok(None),
            n => u32::try_from(n).map(Some).map_err(|_| format!("{}: {n} is no id", self.call)),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let call = self.call.to_owned();
        let variables = self.variables;
        match self.next()? {
            Arg::Text(text) => with_variables(text, variables),
            other => Err(format!("{call}: a string is wanted, not {other:?}")),
        }
    }

    /// All that are left.
    fn texts(&mut self) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        while !self.is_empty() {
            all.push(self.text()?);
        }
        Ok(all)
    }

    fn flags(&mut self) -> Result<Vec<String>, String> {
        let call = self.call.to_owned();
        match self.next()? {
            Arg::Flags(names) => Ok(names.clone()),
            Arg::Int(0) => Ok(Vec::new()),
            other => Err(format!("{call}: flags are wanted, not {other:?}")),
        }
    }

    fn one_of<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<T, String> {
        let names = self.flags()?;
        let found = known.iter().find(|(name, _)| [*name] == names[..]).map(|(_, value)| *value);
        found.ok_or_else(|| no_flag(&names.join("|")))
    }

    /// `P_ALL`, `P_PID, 7` or `P_PGID, 0`.
    fn which(&mut self) -> Result<Which, String> {
        let names = self.flags()?;
        match names.first().map(String::as_str) {
            Some("P_ALL") => Ok(Which::All),
            Some("P_PID") => Ok(Which::Pid(self.number()?)),
            Some("P_PGID") => Ok(Which::Group(self.number()?)),
            _ => Err(no_flag(&names.join("|"))),
        }
    }

    fn prctl(&mut self) -> Result<Prctl, String> {
        let names = self.flags()?;
        Ok(match names.first().map(String::as_str) {
            Some("PR_SET_CHILD_SUBREAPER") => Prctl::SetChildSubreaper(self.int()? != 0),
            Some("PR_GET_CHILD_SUBREAPER") => Prctl::GetChildSubreaper,
            Some("PR_SET_PDEATHSIG") => Prctl::SetPdeathsig(self.maybe_signal()?),
            Some("PR_GET_PDEATHSIG") => Prctl::GetPdeathsig,
            Some("PR_SET_NAME") => Prctl::SetName(self.text()?),
            Some("PR_GET_NAME") => Prctl::GetName,
            Some("PR_CAPBSET_READ") => Prctl::CapbsetRead(self.capability()?),
            Some("PR_CAPBSET_DROP") => Prctl::CapbsetDrop(self.capability()?),
            Some("PR_SET_NO_NEW_PRIVS") => Prctl::SetNoNewPrivs,
            Some("PR_GET_NO_NEW_PRIVS") => Prctl::GetNoNewPrivs,
            Some("PR_SET_KEEPCAPS") => Prctl::SetKeepcaps(self.int()? != 0),
            Some("PR_GET_KEEPCAPS") => Prctl::GetKeepcaps,
            Some("PR_CAP_AMBIENT") => match self.one_of(&AMBIENT)? {
                Ambient::ClearAll => Prctl::CapAmbient(Ambient::ClearAll, 0),
                how => Prctl::CapAmbient(how, self.capability()?),
            },
            _ => return Err(no_flag(&names.join("|"))),
        })
    }

    /// By its name, or by a number that may be none's.
    fn capability(&mut self) -> Result<u32, String> {
        match self.args.first() {
            Some(Arg::Flags(_)) => {
                let all: Vec<(&str, u32)> =
                    Capability::ALL.iter().map(|cap| (cap.name(), cap.number() as u32)).collect();
                self.one_of(&all)
            }
            _ => self.number(),
        }
    }

    fn ipc(&mut self, call: &str) -> Result<Ipc, String> {
        Ok(match call {
            "shmget" => Ipc::Shmget { key: self.key()?, size_bytes: self.number()?, flags: ipc_flags(&self.flags()?)? },
            "msgget" => Ipc::Msgget { key: self.key()?, flags: ipc_flags(&self.flags()?)? },
            "semget" => Ipc::Semget { key: self.key()?, count: self.number()?, flags: ipc_flags(&self.flags()?)? },
            "mq_open" => {
                let (name, flags) = (self.queue()?, open_flags(&self.flags()?)?);
                Ipc::MqOpen { name, flags, mode: if self.is_empty() { 0 } else { self.number()? } }
            }
            "mq_unlink" => Ipc::MqUnlink { name: self.queue()? },
            _ => {
                let id = self.number()?;
                let kind = match call {
                    "shmctl" => IpcKind::Shm,
                    "msgctl" => IpcKind::Msg,
                    _ => IpcKind::Sem,
                };
                self.one_of(&[("IPC_RMID", ())])?;
                Ipc::Remove { kind, id }
            }
        })
    }

    fn key(&mut self) -> Result<i32, String> {
        match self.args.first() {
            Some(Arg::Flags(_)) => self.one_of(&[("IPC_PRIVATE", 0)]),
            _ => self.number(),
        }
    }

    /// A set: names, 0 for none, or -1 for all.
    fn capabilities(&mut self) -> Result<u64, String> {
        if self.args.first() == Some(&Arg::Int(-1)) {
            return self.int().map(|_| u64::MAX);
        }
        let bit = |name: &String| Capability::ALL.iter().find(|cap| cap.name() == name).map(|cap| cap.bit());
        self.flags()?.iter().try_fold(0, |set, name| bit(name).map(|bit| set | bit).ok_or_else(|| no_flag(name)))
    }

    /// All that are left.
    fn numbers(&mut self) -> Result<Vec<u32>, String> {
        let mut all = Vec::new();
        while !self.is_empty() {
            all.push(self.number()?);
        }
        Ok(all)
    }

    /// The library takes the slash away with which the name of a queue begins.
    fn queue(&mut self) -> Result<String, String> {
        let name = self.text()?;
        name.strip_prefix('/').map(str::to_owned).ok_or_else(|| format!("`{name}` does not begin with a slash"))
    }

    /// 0 is none.
    fn maybe_signal(&mut self) -> Result<Option<Signal>, String> {
        if self.args.first() == Some(&Arg::Int(0)) {
            return self.int().map(|_| None);
        }
        self.signal().map(Some)
    }

    fn signal(&mut self) -> Result<Signal, String> {
        let names = self.flags()?;
        let found = Signal::ALL.iter().find(|signal| [signal.name()] == names[..]).copied();
        found.ok_or_else(|| no_flag(&names.join("|")))
    }
}
