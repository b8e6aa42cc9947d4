//! Being the first process of a machine that was started for one command: `rdinit=/init -- boot CGROUPS COMMAND …`.
//!
//! It does what a distribution's init would and no more: mounts the kernel's file systems and the control groups, loads
//! the modules that lie in `/modules`, runs the command in a child, and powers the machine off. What the command says
//! goes to the second serial port between two objects of its own, `{"boot": …}` and `{"exit_code": …}`; the first port
//! is the kernel's console. Who started the machine (`cargo xtask vm-test`) reads both.

use crate::profile::Profile;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use toolbox::os;

/// Modules, loaded in the order of their names.
const MODULES: &str = "/modules";
/// The second serial port.
const PORT: &str = "/dev/ttyS1";
/// Where the machine's own root is made: pivot_root(2) does not work on the initramfs.
const ROOT: &str = "/new-root";
/// The machine's disk, if it has one, and where that goes: what is there is kept over a restart (hier(7)).
const DISK: (&str, &str) = ("/dev/vda", "/var/tmp");
/// How a command that did not come to its end is told: this machine cannot.
const CANNOT: i32 = 3;

/// A file system of the machine: kind, where, and with which options. Their directories are made.
type Mount = (&'static str, &'static str, &'static str);

const MOUNTS: [Mount; 4] =
    [("proc", "/proc", ""), ("sysfs", "/sys", ""), ("devtmpfs", "/dev", ""), ("devpts", "/dev/pts", "")];

/// cgroups(7): a kernel has each controller in one version at a time, in that of the hierarchy it is mounted with.
/// Version 2 with the options that systemd gives it.
const V2: [Mount; 1] = [("cgroup2", "/sys/fs/cgroup", "nsdelegate,memory_recursiveprot")];
const V1: [Mount; 6] = [
    ("tmpfs", "/sys/fs/cgroup", "mode=0755"),
    ("cgroup", "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"),
    ("cgroup", "/sys/fs/cgroup/cpuset", "cpuset"),
    ("cgroup", "/sys/fs/cgroup/memory", "memory"),
    ("cgroup", "/sys/fs/cgroup/pids", "pids"),
    ("cgroup", "/sys/fs/cgroup/freezer", "freezer"),
];
const UNIFIED: [Mount; 1] = [("cgroup2", "/sys/fs/cgroup/unified", "")];

/// Runs the command and does not come back, unless this is a machine that somebody else began.
pub fn boot(words: &[String]) -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "node-runtime: `boot` is for the first process of a machine (cargo xtask vm-test), and this is not it"
        );
        return ExitCode::from(2);
    }
    let known = words.split_first().and_then(|(name, command)| Some((cgroup_mounts(name)?, command)));
    let done = match known {
        Some((cgroups, command)) => run(&cgroups, command),
        None => Err(io::Error::other(format!("`{}` is not CGROUPS COMMAND", words.join(" ")))),
    };
    if let Err(error) = done {
        // Without the port nobody reads the report, and its absence is told; the console keeps the reason.
        eprintln!("node-runtime: boot: {error}");
    }
    // SAFETY: numbers only; nothing is kept on this machine.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    ExitCode::FAILURE
}

fn run(cgroups: &[Mount], words: &[String]) -> io::Result<()> {
    let modules = load_modules();
    own_root()?;
    for (kind, target, options) in MOUNTS.iter().chain(cgroups) {
        os::mkdir_all(target).map_err(|errno| named(target, errno))?;
        os::mount(kind, target, kind, 0, options).map_err(|errno| named(target, errno))?;
    }
    mount_disk()?;
    let mut port = port()?;
    let modules = match modules {
        Ok(modules) => modules,
        Err(error) => {
            writeln!(port, "{error}")?;
            return end(port, CANNOT);
        }
    };
    let begun = serde_json::json!({ "boot": Profile::here(), "modules": modules, "uptime_ms": uptime_ms() });
    writeln!(port, "{begun}")?;
    let code = match command(words, &port) {
        Ok(code) => code,
        Err(error) => {
            writeln!(port, "{}: {error}", words.join(" "))?;
            CANNOT
        }
    };
    end(port, code)
}

/// By the names that `verify` has for them.
fn cgroup_mounts(name: &str) -> Option<Vec<Mount>> {
    Some(match name {
        "v2" => V2.to_vec(),
        "v1" => V1.to_vec(),
        "hybrid" => [&V1[..], &UNIFIED].concat(),
        _ => return None,
    })
}

fn end(mut port: File, code: i32) -> io::Result<()> {
    writeln!(port, "{}", serde_json::json!({ "exit_code": code, "uptime_ms": uptime_ms() }))?;
    // SAFETY: the descriptor is open. What is still in the port's buffer would be lost with the machine.
    os::check(unsafe { libc::tcdrain(port.as_raw_fd()) }).map(drop).map_err(io::Error::from_raw_os_error)
}

/// Gives the names of what was loaded; a machine without modules of its own has no such directory.
fn load_modules() -> io::Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(MODULES) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let load = |path: &PathBuf| -> io::Result<String> {
        let file = File::open(path)?;
        let parameters = CString::default();
        // SAFETY: an open file and an empty NUL-terminated string.
        let answer = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), parameters.as_ptr(), 0) };
        os::check(answer as i64).map_err(|errno| named(&path.to_string_lossy(), errno))?;
        Ok(path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    };
    files.iter().map(load).collect()
}

fn mount_disk() -> io::Result<()> {
    let (device, target) = DISK;
    if !Path::new(device).exists() {
        return Ok(());
    }
    os::mkdir_all(target).map_err(|errno| named(target, errno))?;
    os::mount(device, target, "ext4", 0, "").map_err(|errno| named(device, errno))
}

/// Goes to a tmpfs, moved over the initramfs, as switch_root(8) does.
fn own_root() -> io::Result<()> {
    let done = || -> os::Result<()> {
        os::mkdir(ROOT, 0o755)?;
        os::mount("root", ROOT, "tmpfs", 0, "mode=0755")?;
        os::chdir(ROOT)?;
        os::mount(".", "/", "", libc::MS_MOVE, "")?;
        // SAFETY: a constant NUL-terminated string.
        os::check(unsafe { libc::chroot(c".".as_ptr()) })?;
        os::chdir("/")?;
        os::mkdir("/tmp", 0o777)?;
        os::chmod("/tmp", 0o1777)
    };
    done().map_err(|errno| named(ROOT, errno))
}

/// As it is written, so it is sent: no carriage returns, no echo.
fn port() -> io::Result<File> {
    let port = File::options().read(true).write(true).open(PORT)?;
    // SAFETY: plain data that the calls read and write.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        os::check(libc::tcgetattr(port.as_raw_fd(), &mut settings)).map_err(|errno| named(PORT, errno))?;
        libc::cfmakeraw(&mut settings);
        libc::cfsetspeed(&mut settings, libc::B115200);
        os::check(libc::tcsetattr(port.as_raw_fd(), libc::TCSANOW, &settings)).map_err(|errno| named(PORT, errno))?;
    }
    Ok(port)
}

/// Runs this program with these words to its end; reaps what is orphaned meanwhile. Gives its exit code, or 128 and the
/// signal that ended it.
fn command(words: &[String], port: &File) -> io::Result<i32> {
    let copy = || port.try_clone().map(Stdio::from);
    let mut command = Command::new("/proc/self/exe");
    let child = command.args(words).stdin(Stdio::null()).stdout(copy()?).stderr(copy()?).spawn()?;
    loop {
        match os::wait(-1, 0).map_err(io::Error::from_raw_os_error)? {
            Some((pid, status)) if pid as u32 == child.id() => {
                let status = std::process::ExitStatus::from_raw(status);
                return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
            }
            _ => {}
        }
    }
}

fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    seconds.map_or(0, |seconds| (seconds * 1000.0) as u64)
}

fn named(what: &str, errno: i32) -> io::Error {
    io::Error::other(format!("{what}: {}", io::Error::from_raw_os_error(errno)))
}
