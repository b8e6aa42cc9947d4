//! Starting a process: on the node, as a container's first, or in a container that runs.

use super::container::{self, Failed, named};
use super::{During, Init, Step, close_others_on_exec};
use crate::gate::SLOT_VARIABLE;
use crate::os::{self, Result};
use engine::node::{Bind, Place, ProcessSpec, StartError};
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

/// An [`crate::wire::Order::Spawn`].
pub(super) struct Spawn {
    pub slot: u32,
    pub at: Place,
    pub hostname: String,
    pub binds: Vec<Bind>,
    pub read_only: bool,
    pub process: ProcessSpec,
}

/// Docker's default capabilities (moby, oci/caps/defaults.go), by number: capability.h.
const CONTAINER_CAPABILITIES: u64 = 0xa804_25fb;
/// The node's own processes are root there, but must not reach through to the real machine: no CAP_SYS_MODULE (16),
/// SYS_RAWIO (17), SYS_PACCT (20), SYS_BOOT (22), SYS_NICE (23), SYS_RESOURCE (24), SYS_TIME (25), MKNOD (27),
/// MAC_OVERRIDE (32), MAC_ADMIN (33), SYSLOG (34), WAKE_ALARM (35), BLOCK_SUSPEND (36), PERFMON (38), BPF (39).
const NODE_CAPABILITIES: u64 = {
    let dropped: [u64; 15] = [16, 17, 20, 22, 23, 24, 25, 27, 32, 33, 34, 35, 36, 38, 39];
    let mut all = (1 << 41) - 1;
    let mut i = 0;
    while i < dropped.len() {
        all &= !(1 << dropped[i]);
        i += 1;
    }
    all
};
const CAPABILITIES: u64 = 64;

impl Init {
    /// Clones, lets the child arrange itself and execute, and hears from it only if it could not. A failed start has
    /// used up a pid, as it does under any runtime.
    pub(super) fn spawn(
        &mut self,
        order: Spawn,
        stdio: &[OwnedFd],
    ) -> Step<std::result::Result<(u32, OwnedFd), StartError>> {
        let (mut from_child, to_init) = std::io::pipe().map_err(|_| ("pipe".to_owned(), os::errno()))?;
        let joined = match order.at {
            Place::Join(container) => match self.inits.get(&container) {
                Some((_, pidfd)) => Some(pidfd.as_raw_fd()),
                None => return Ok(Err(StartError::Exec(named(libc::ESRCH)))),
            },
            _ => None,
        };
        if let Some(pidfd) = joined {
            os::setns(pidfd, libc::CLONE_NEWPID).during("setns(pid)")?;
        }
        let isolated =
            libc::CLONE_NEWPID | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWNET | libc::CLONE_NEWCGROUP;
        let flags = if matches!(order.at, Place::Init(_)) { isolated as u64 } else { 0 };
        // SAFETY: this process has one thread.
        let cloned = unsafe { os::clone3(flags, true) };
        if matches!(cloned, Ok(None)) {
            let why = self.child(&order, stdio, joined);
            let bytes = postcard::to_allocvec(&why).unwrap_or_default();
            let _ = (&to_init).write_all(&bytes);
            // SAFETY: ends the process without running anything of it.
            unsafe { libc::_exit(127) };
        }
        if joined.is_some() {
            os::setns(self.own_pid.as_raw_fd(), libc::CLONE_NEWPID).during("setns(own pid)")?;
        }
        let Some((pid, Some(pidfd))) = cloned.during("clone3")? else {
            return Err(("clone3 without a pidfd".to_owned(), libc::EIO));
        };
        drop(to_init);
        let mut bytes = Vec::new();
        // It ends when the child has executed, or died.
        from_child.read_to_end(&mut bytes).map_err(|_| ("read".to_owned(), os::errno()))?;
        if bytes.is_empty() {
            if let Place::Init(container) = order.at {
                let copy = pidfd.try_clone().map_err(|_| ("dup".to_owned(), os::errno()))?;
                self.inits.insert(container, (pid as u32, copy));
            }
            return Ok(Ok((pid as u32, pidfd)));
        }
        os::wait(pid, 0).during("wait4")?;
        match postcard::from_bytes(&bytes) {
            Ok(Failed::Start(why)) => Ok(Err(why)),
            Ok(Failed::Node(what, errno)) => Err((what, errno)),
            Err(_) => Err(("a starting process".to_owned(), libc::EPROTO)),
        }
    }

    /// In the child: comes back only if it could not become the program.
    fn child(&self, order: &Spawn, stdio: &[OwnedFd], joined: Option<i32>) -> Failed {
        match self.arrange(order, stdio, joined) {
            Err(why) => why,
            Ok(()) => match execute(&order.process, order.slot) {
                Ok(never) => match never {},
                Err(errno) => Failed::Start(StartError::Exec(named(errno))),
            },
        }
    }

    fn arrange(&self, order: &Spawn, stdio: &[OwnedFd], joined: Option<i32>) -> std::result::Result<(), Failed> {
        // SAFETY: no memory is passed.
        unsafe { libc::setsid() };
        for (to, from) in stdio.iter().enumerate() {
            os::dup2(from.as_raw_fd(), to as i32).during("dup2")?;
        }
        let inside = match order.at {
            Place::Node => false,
            Place::Init(container) => {
                os::sethostname(&order.hostname).during("sethostname")?;
                let binds = container::bound(&order.binds)?;
                os::setns(self.store.as_raw_fd(), libc::CLONE_NEWNS).during("setns(store)")?;
                container::enter(container, binds, order.read_only, &order.process.cwd)?;
                true
            }
            Place::Join(_) => {
                let shared = libc::CLONE_NEWNS
                    | libc::CLONE_NEWUTS
                    | libc::CLONE_NEWIPC
                    | libc::CLONE_NEWNET
                    | libc::CLONE_NEWCGROUP;
                os::setns(joined.unwrap_or(-1), shared).during("setns(container)")?;
                true
            }
        };
        close_others_on_exec().during("close_range")?;
        os::chdir(&order.process.cwd).map_err(|errno| Failed::Start(StartError::Cwd(named(errno))))?;
        limit_power(inside).during("drop capabilities")?;
        become_user(order.process.uid, order.process.gid).during("setuid")?;
        Ok(())
    }
}

fn limit_power(inside: bool) -> Result<()> {
    let kept = if inside { CONTAINER_CAPABILITIES } else { NODE_CAPABILITIES };
    for capability in (0..CAPABILITIES).filter(|c| kept & (1 << c) == 0) {
        match os::prctl(libc::PR_CAPBSET_DROP, capability as _) {
            // Past the last that this kernel has.
            Err(libc::EINVAL) => break,
            other => drop(other?),
        }
    }
    if inside {
        os::prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    }
    Ok(())
}

fn become_user(uid: u32, gid: u32) -> Result<()> {
    // SAFETY: an empty list, and numbers.
    unsafe {
        os::check(libc::setgroups(0, std::ptr::null()))?;
        os::check(libc::setgid(gid))?;
        os::check(libc::setuid(uid))?;
    }
    Ok(())
}

/// Nothing comes back from a successful execve(2).
enum Never {}

/// Executes `argv[0]`, looked for in `PATH` if it has no slash, as execvp(3) does: a file that may not be executed is
/// remembered while the search goes on.
fn execute(process: &ProcessSpec, slot: u32) -> Result<Never> {
    let list = |strings: &[String]| strings.iter().map(|s| os::c(s.as_str())).collect::<Result<Vec<CString>>>();
    let argv = list(&process.argv)?;
    let mut env = list(&process.env)?;
    env.push(os::c(format!("{SLOT_VARIABLE}{slot}"))?);
    let name = process.argv.first().map_or("", String::as_str);
    if name.is_empty() {
        return Err(libc::ENOENT);
    }
    if name.contains('/') {
        return Err(os::execve(&os::c(name)?, &argv, &env));
    }
    let path = process.env.iter().find_map(|v| v.strip_prefix("PATH=")).unwrap_or_default();
    let mut refused = None;
    for dir in path.split(':').map(|dir| if dir.is_empty() { "." } else { dir }) {
        match os::execve(&os::c(format!("{dir}/{name}"))?, &argv, &env) {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => refused = Some(libc::EACCES),
            errno => return Err(errno),
        }
    }
    Err(refused.unwrap_or(libc::ENOENT))
}
