//! `node-runtime run ROOTFS COMMAND…`: one container, without a node, a gate or the engine.
//!
//! The directory is the lower layer of an overlay whose upper is a tmpfs: nothing in it changes. The command is pid 1 of
//! new pid, mount, network, UTS, IPC and cgroup namespaces, in a control group with its limits, confined as
//! [`crate::sandbox`] has it. It shares the terminal and the process group of whoever called, so Ctrl-C is its own.
//!
//! Who is not root can run one too, in a user namespace whose root is the caller; without limits, unless groups are the
//! caller's to make.
//!
//! Nothing outlasts it. The child dies with the launcher; mounts, interfaces and the writes go with their namespaces; a
//! control group that a killed launcher left is swept by the next. The launcher forks before it has grown.

mod child;
mod group;
mod options;

use crate::os::{self, Result};
use crate::sandbox::During;
use child::Child;
use group::{Group, Hierarchies, sweep};
pub use group::{Limits, Unset};
use options::Options;
pub use options::WORDS;
use std::os::fd::{AsRawFd, OwnedFd};

/// As Docker's client has it: the launcher itself failed; the command cannot be executed; it is not there.
pub(crate) const FAILED: i32 = 125;
pub(crate) const CANNOT: i32 = 126;
pub(crate) const NOT_FOUND: i32 = 127;
/// A shell's way to tell that a signal ended a command.
const BY_SIGNAL: i32 = 128;
/// These end the container, and then the launcher. SIGINT does not: a terminal sends it to the command as well.
const ENDING: [i32; 3] = [libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// Gives the exit code of the command. The process has one thread.
pub fn main(words: &[String]) -> i32 {
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("usage: node-runtime run {WORDS}\nnode-runtime: {why}");
            return FAILED;
        }
    };
    match launch(options) {
        Ok(code) => code,
        Err((what, errno)) => {
            tell(&what, errno);
            FAILED
        }
    }
}

pub(crate) fn tell(what: &str, errno: i32) {
    eprintln!("node-runtime: {what}: {}", std::io::Error::from_raw_os_error(errno));
}

fn launch(options: Options) -> crate::sandbox::Step<i32> {
    let mapped = os::not_root();
    if mapped.is_some() && (options.uid, options.gid) != (0, 0) {
        return Err(("--user: who is not root has one user to give a container, its root".to_owned(), libc::EPERM));
    }
    let (alive, ours) = os::pipe().during("pipe")?;
    let group = group(&options);
    let signals = Signals::hold();
    let child = Child { options, group, alive, signals, mapped };
    let cloned = child.clone_into_group();
    let pid = match cloned {
        Ok(None) => {
            drop(ours);
            child.become_command()
        }
        Ok(Some(pid)) => pid,
        Err(errno) => {
            let _ = child.group.remove();
            return Err((
                format!("clone3 with new namespaces ({})", "node-runtime doctor says what is missing"),
                errno,
            ));
        }
    };
    drop(child.alive);
    let code = child.signals.wait_for(pid);
    drop::<OwnedFd>(ours);
    child.group.remove().during("remove the control group")?;
    code.during("wait for the command")
}

/// The control group, with what of its limits this machine cannot keep told on stderr, as Docker tells of them.
fn group(options: &Options) -> Group {
    let hierarchies = Hierarchies::mounted().unwrap_or_default();
    sweep(&hierarchies);
    let mut unset = Vec::new();
    let group = Group::make(&hierarchies, &options.limits.controllers(), &mut unset);
    group.limit(&options.limits, &mut unset);
    for unset in unset {
        eprintln!("node-runtime: goes on without a limit: {unset}");
    }
    group
}

/// Which of these limits this machine does not keep: tried in a group that is gone afterwards.
pub fn unset(limits: &Limits) -> Vec<Unset> {
    let mut unset = Vec::new();
    let group = Group::make(&Hierarchies::mounted().unwrap_or_default(), &limits.controllers(), &mut unset);
    group.limit(limits, &mut unset);
    let _ = group.remove();
    unset
}

/// Signals that the launcher takes one at a time, and what was blocked before.
struct Signals {
    before: libc::sigset_t,
}

impl Signals {
    fn hold() -> Signals {
        // SAFETY: sets are plain data, filled here before they are used.
        unsafe {
            let (mut held, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigemptyset(&mut held);
            for signal in ENDING.into_iter().chain([libc::SIGCHLD, libc::SIGINT]) {
                libc::sigaddset(&mut held, signal);
            }
            libc::sigprocmask(libc::SIG_BLOCK, &held, &mut before);
            Signals { before }
        }
    }

    /// For the child: as it was, and a Rust program ignores SIGPIPE, which no command expects.
    fn release(&self) {
        // SAFETY: the set was filled by the kernel.
        unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
    }

    /// Until the child has ended, or a signal ends both.
    fn wait_for(&self, pid: i32) -> Result<i32> {
        let mut by = None;
        loop {
            if let Some((_, status)) = os::wait(pid, libc::WNOHANG)? {
                return Ok(match by {
                    Some(signal) => BY_SIGNAL + signal,
                    None if libc::WIFEXITED(status) => libc::WEXITSTATUS(status),
                    None => BY_SIGNAL + libc::WTERMSIG(status),
                });
            }
            // SAFETY: a set filled here; the child has not been waited for, so its pid is its own.
            unsafe {
                let mut held: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut held);
                for signal in ENDING.into_iter().chain([libc::SIGCHLD]) {
                    libc::sigaddset(&mut held, signal);
                }
                let signal = libc::sigwaitinfo(&held, std::ptr::null_mut());
                if ENDING.contains(&signal) {
                    by = Some(signal);
                    libc::kill(pid, libc::SIGKILL);
                }
            }
        }
    }
}

/// Is the other end of a pipe, which only the launcher holds, still there?
pub(crate) fn launcher_lives(alive: &OwnedFd) -> bool {
    let mut poll = libc::pollfd { fd: alive.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one struct, which outlives the call.
    unsafe { libc::poll(&mut poll, 1, 0) == 0 }
}
