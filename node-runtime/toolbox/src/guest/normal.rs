//! Answers in the form both kernels give them (`engine::call`): what a file system or chance chooses is put away here.

use crate::gate::{GATE_FD, Gate};
use crate::os::{self, Result, check};
use engine::call::{Dent, Fd, FileKind, ProcStat, SCENARIO_EPOCH_S, Stat, namespace_number};
use engine::kernel::procfs;
use std::ffi::CStr;
use std::fs;
use std::os::fd::AsRawFd;

/// A directory's size and link count depend on its file system: both are told as ext4 and overlayfs show an empty one.
const DIR_SIZE_BYTES: u64 = 4096;
const DIR_NLINK: u32 = 1;
/// include/uapi/linux/magic.h.
const NSFS_MAGIC: i64 = 0x6e73_6673;

pub(super) fn stat(path: &str, follow: bool, run_start_s: i64) -> Result<Stat> {
    let path = os::c(path)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path is NUL-terminated, and `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        check(libc::fstatat(libc::AT_FDCWD, path.as_ptr(), &mut raw, flags))?;
        Ok(normalise(&raw, run_start_s))
    }
}

pub(super) fn fstat(fd: Fd, run_start_s: i64) -> Result<Stat> {
    Ok(normalise(&raw_fstat(fd)?, run_start_s))
}

fn raw_fstat(fd: Fd) -> Result<libc::stat> {
    // SAFETY: `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd, &mut raw))?;
        Ok(raw)
    }
}

fn normalise(raw: &libc::stat, run_start_s: i64) -> Stat {
    let kind = kind(raw.st_mode);
    let dir = kind == FileKind::Dir;
    let device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
    Stat {
        kind,
        mode: raw.st_mode & 0o7777,
        uid: raw.st_uid,
        gid: raw.st_gid,
        size_bytes: if dir { DIR_SIZE_BYTES } else { raw.st_size as u64 },
        nlink: if dir { DIR_NLINK } else { raw.st_nlink as u32 },
        mtime_s: mtime(raw.st_mtime, run_start_s),
        rdev: if device { (libc::major(raw.st_rdev) as u32, libc::minor(raw.st_rdev) as u32) } else { (0, 0) },
    }
}

/// The time a file carries: whatever was written during the run has the scenario's date.
pub fn mtime(seconds: i64, run_start_s: i64) -> i64 {
    if seconds >= run_start_s { SCENARIO_EPOCH_S } else { seconds }
}

pub fn kind(mode: u32) -> FileKind {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => FileKind::Dir,
        libc::S_IFLNK => FileKind::Symlink,
        libc::S_IFCHR => FileKind::CharDevice,
        libc::S_IFBLK => FileKind::BlockDevice,
        libc::S_IFIFO => FileKind::Fifo,
        libc::S_IFSOCK => FileKind::Socket,
        _ => FileKind::File,
    }
}

pub(super) fn is_procfs(fd: Fd) -> bool {
    // SAFETY: `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::statfs = std::mem::zeroed();
        libc::fstatfs(fd, &mut raw) == 0 && raw.f_type as i64 == libc::PROC_SUPER_MAGIC
    }
}

/// File systems that are on a disk, of include/uapi/linux/magic.h: ext4, xfs, btrfs, f2fs.
const DISK_MAGICS: [i64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];
/// Bytes that guests leave free on the machine's disk.
const DISK_SPARED_BYTES: u64 = 1 << 30;

/// Is this on the machine's disk? Then its superblock is the machine's too.
pub fn is_on_disk(fd: Fd) -> bool {
    disk_of(fd).is_some()
}

fn disk_of(fd: Fd) -> Option<libc::statfs> {
    // SAFETY: `raw` is plain data that the call fills.
    unsafe {
        let mut raw: libc::statfs = std::mem::zeroed();
        (libc::fstatfs(fd, &mut raw) == 0 && DISK_MAGICS.contains(&(raw.f_type as i64))).then_some(raw)
    }
}

/// Whoever writes to the machine's disk leaves room on it.
pub(super) fn spare_disk(fd: Fd) -> Result<()> {
    let short = disk_of(fd).is_some_and(|disk| disk.f_bavail * (disk.f_bsize as u64) < DISK_SPARED_BYTES);
    if short { Err(libc::ENOSPC) } else { Ok(()) }
}

/// mmap(2) for reading: only of regular files that have pages of their own, not of what a kernel makes up.
pub(super) fn may_map(fd: Fd) -> Result<()> {
    /// Of include/uapi/linux/magic.h, beside those that libc has.
    const NSFS_MAGIC: i64 = 0x6e73_6673;
    const MADE_UP: [i64; 5] =
        [libc::PROC_SUPER_MAGIC, libc::SYSFS_MAGIC, libc::CGROUP_SUPER_MAGIC, libc::CGROUP2_SUPER_MAGIC, NSFS_MAGIC];
    // SAFETY: no memory is passed but `raw`, plain data that the call fills.
    unsafe {
        if check(libc::fcntl(fd, libc::F_GETFL))? & libc::O_ACCMODE == libc::O_WRONLY {
            return Err(libc::EACCES);
        }
        let mut raw: libc::statfs = std::mem::zeroed();
        check(libc::fstatfs(fd, &mut raw))?;
        let is_file = kind(raw_fstat(fd)?.st_mode) == FileKind::File;
        if is_file && !MADE_UP.contains(&(raw.f_type as i64)) { Ok(()) } else { Err(libc::ENODEV) }
    }
}

/// Does this path lead to a file of a procfs? Its owner and mode are those of the real machine's procfs: no guest changes
/// them.
pub(super) fn is_in_procfs(path: &str, follow: bool) -> bool {
    let flags = if follow { libc::O_PATH } else { libc::O_PATH | libc::O_NOFOLLOW };
    os::open(path, flags, 0).is_ok_and(|file| is_procfs(file.as_raw_fd()))
}

/// Does this path lead to what the real machine shows in every procfs (its memory, its devices), or to the gate's own
/// descriptor? Neither is the scenario's: they are not there. What is there, `engine::kernel::procfs` lists.
pub(super) fn is_veiled(path: &str) -> bool {
    let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    if !path.starts_with('/') || names.next() != Some("proc") {
        return false;
    }
    let Some(top) = names.next() else { return false };
    if procfs::sys::root(top).is_some() {
        return !super::procfs::is_sys(&[&[top], &names.collect::<Vec<_>>()[..]].concat());
    }
    if top != "self" && !top.bytes().all(|byte| byte.is_ascii_digit()) {
        return top != ".." && !procfs::ROOT_NAMES.contains(&top);
    }
    let (name, inside) = (names.next(), names.next());
    match (name, inside) {
        (None | Some(".."), _) => false,
        (Some("fd"), Some(fd)) => fd == GATE_FD.to_string(),
        (Some("ns"), Some(kind)) => kind != ".." && !procfs::NS_NAMES.contains(&kind),
        (Some("task"), Some(_)) => names.next().is_some_and(|name| name != ".." && !procfs::TASK_NAMES.contains(&name)),
        (Some(name), _) => !procfs::PID_NAMES.contains(&name),
    }
}

/// The text of a link. The number of a namespace is told as guests have come to see namespaces.
pub(super) fn readlink(path: String, gate: Option<&Gate>) -> Result<String> {
    let (path, mut buffer) = (os::c(path)?, vec![0_u8; libc::PATH_MAX as usize]);
    // SAFETY: the path is NUL-terminated, and the buffer is passed with its size.
    let length = check(unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) } as i64)?;
    buffer.truncate(length as usize);
    let text = String::from_utf8_lossy(&buffer).into_owned();
    let numbered = || {
        let (kind, ino) = text.strip_suffix(']')?.split_once(":[")?;
        let ino: u64 = ino.parse().ok()?;
        let number = namespace_number(gate?.see_namespace(namespace_at(&path).filter(|at| *at == ino)?));
        Some(format!("{kind}:[{number}]"))
    };
    Ok(numbered().unwrap_or(text))
}

/// The inode number of the namespace that a path leads to, if it is one.
fn namespace_at(path: &CStr) -> Option<u64> {
    // SAFETY: the path is NUL-terminated, and both records are plain data that the calls fill.
    unsafe {
        let mut fs: libc::statfs = std::mem::zeroed();
        let mut raw: libc::stat = std::mem::zeroed();
        let is_ns = libc::statfs(path.as_ptr(), &mut fs) == 0 && fs.f_type as i64 == NSFS_MAGIC;
        (is_ns && libc::stat(path.as_ptr(), &mut raw) == 0).then_some(raw.st_ino)
    }
}

/// The whole directory, sorted.
pub(super) fn getdents(fd: Fd) -> Result<Vec<Dent>> {
    // SAFETY: no memory is passed. What cannot be rewound is no directory, as the next call says.
    unsafe { libc::lseek(fd, 0, libc::SEEK_SET) };
    let mut buffer = vec![0_u64; 4096];
    let mut dents = Vec::new();
    loop {
        let bytes = size_of_val(buffer.as_slice());
        // SAFETY: the buffer outlives the call, its size is passed, and it is aligned for linux_dirent64.
        let got =
            check(unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), bytes) } as i64)? as usize;
        if got == 0 {
            break;
        }
        let mut at = 0;
        while at < got {
            // SAFETY: the kernel has filled `got` bytes with records, each with its length at offset 16, its type at
            // 18 and its NUL-terminated name at 19 (getdents64(2)).
            let (length, kind, name) = unsafe {
                let record = buffer.as_ptr().cast::<u8>().add(at);
                let length = record.add(16).cast::<u16>().read_unaligned();
                (length, record.add(18).read(), CStr::from_ptr(record.add(19).cast()))
            };
            at += usize::from(length);
            let name = name.to_string_lossy().into_owned();
            if name != "." && name != ".." {
                let kind = dent_kind(fd, kind, &name)?;
                dents.push(Dent { name, kind });
            }
        }
    }
    if let Some(dir) = super::procfs::place(fd) {
        dents.retain(|dent| !is_veiled(&format!("/proc/{dir}/{}", dent.name)));
    }
    dents.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(dents)
}

fn dent_kind(dir: Fd, kind: u8, name: &str) -> Result<FileKind> {
    match kind {
        libc::DT_UNKNOWN => {
            let name = os::c(name)?;
            // SAFETY: the name is NUL-terminated, and `raw` is plain data that the call fills.
            unsafe {
                let mut raw: libc::stat = std::mem::zeroed();
                check(libc::fstatat(dir, name.as_ptr(), &mut raw, libc::AT_SYMLINK_NOFOLLOW))?;
                Ok(self::kind(raw.st_mode))
            }
        }
        // DT_* are the upper four bits of S_IF*.
        kind => Ok(self::kind(u32::from(kind) << 12)),
    }
}

/// One process, as the procfs at `/proc` shows it.
pub(super) fn proc_stat(pid: u32) -> Result<ProcStat> {
    let proc = os::open("/proc", libc::O_PATH, 0)?;
    if !is_procfs(std::os::fd::AsRawFd::as_raw_fd(&proc)) {
        return Err(libc::ENOENT);
    }
    let read = |file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}"));
        bytes.map_err(|e| match e.raw_os_error() {
            Some(libc::ENOENT) | None => libc::ESRCH,
            Some(errno) => errno,
        })
    };
    let text = |file: &str| read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let stat = StatLine::parse(&text("stat")?).ok_or(libc::EIO)?;
    let status = text("status")?;
    let numbers = |label: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok()).collect()
    };
    let itself = fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == pid.to_string().as_str());
    Ok(ProcStat {
        pid,
        ppid: stat.ppid,
        pgid: stat.pgid,
        sid: stat.sid,
        state: shown_state(stat.state, itself),
        comm: stat.comm,
        cmdline: cmdline(&read("cmdline")?),
        uid: numbers("Uid:").first().copied().unwrap_or_default(),
        nspid: numbers("NSpid:"),
    })
}

/// Only the process whose turn it is runs; others that are about to sleep, or wait for their child, sleep.
pub(super) fn shown_state(state: char, itself: bool) -> char {
    match state {
        _ if itself => 'R',
        'T' | 't' => 'T',
        'Z' | 'X' => 'Z',
        _ => 'S',
    }
}

pub fn cmdline(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_suffix('\0').unwrap_or(&text);
    if text.is_empty() { Vec::new() } else { text.split('\0').map(str::to_owned).collect() }
}

/// `/proc/PID/stat`, as far as it is used (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
pub struct StatLine {
    pub comm: String,
    pub state: char,
    pub ppid: u32,
    pub pgid: u32,
    pub sid: u32,
    /// In exit(2), or killed (PF_EXITING of include/linux/sched.h).
    pub exiting: bool,
    /// As wait(2) would give it; of a zombie only.
    pub exit_code: i32,
}

const PF_EXITING: u64 = 4;

impl StatLine {
    /// The name may hold anything, even `) S 1`: it ends at the last parenthesis.
    pub fn parse(text: &str) -> Option<StatLine> {
        let (before, after) = text.trim_end().rsplit_once(") ")?;
        let (_, comm) = before.split_once('(')?;
        let mut fields = after.split(' ');
        let state = fields.next()?.chars().next()?;
        let mut number = || fields.next()?.parse().ok();
        let (ppid, pgid, sid) = (number()?, number()?, number()?);
        // Field 9; the session is field 6.
        let flags: u64 = fields.nth(2).and_then(|n| n.parse().ok())?;
        // Field 52.
        let exit_code = fields.nth(42).and_then(|n| n.parse().ok()).unwrap_or(0);
        Some(StatLine { comm: comm.to_owned(), state, ppid, pgid, sid, exiting: flags & PF_EXITING != 0, exit_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_process_is_called() {
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = own[own.rfind(')').unwrap() + 2..].split_whitespace().collect();
        assert_eq!(fields.len(), 50, "proc_pid_stat(5) lists 52 fields");
        let odd = format!("7 (a) S 1) {}", fields.join(" "));
        let line = StatLine::parse(&odd).unwrap();
        assert_eq!((line.comm.as_str(), line.ppid, line.exiting), ("a) S 1", fields[1].parse().unwrap(), false));
    }

    #[test]
    fn what_every_procfs_shows_of_the_real_machine_is_not_there() {
        for path in [
            "/proc/meminfo",
            "//proc/./sysrq-trigger",
            "/proc/sys/kernel/panic",
            "/proc/1/maps",
            "/proc/self/fd/1000",
            "/proc/1/task/1/maps",
            "/proc/sys/vm",
        ] {
            assert!(is_veiled(path), "{path}");
        }
        for path in
            ["/proc", "/proc/self", "/proc/7/status", "/proc/self/fd/1", "/proc/1/ns/pid", "/etc/proc/meminfo", "proc"]
        {
            assert!(!is_veiled(path), "{path}");
        }
    }

    #[test]
    fn files_written_during_the_run_carry_the_scenario_date() {
        assert_eq!(mtime(100, 200), 100);
        assert_eq!(mtime(200, 200), SCENARIO_EPOCH_S);
    }
}
