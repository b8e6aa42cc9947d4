//! Starting a process: on the node, as a container's first, or in a container that runs.

use super::container::{self, Failed, named};
use super::groups::Doors;
use super::{Init, Running, close_others_on_exec};
use crate::gate::SLOT_VARIABLE;
use crate::os;
use crate::sandbox::exec::execute;
use crate::sandbox::power;
use crate::sandbox::seccomp::Filter;
use crate::sandbox::{During, Step};
use engine::call::NODE_CAPABILITIES;
use engine::node::{Bind, GroupSpec, Place, ProcessSpec, StartError, Tmpfs};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

/// An [`crate::wire::Order::Spawn`].
pub(super) struct Spawn {
    pub slot: u32,
    pub at: Place,
    pub hostname: String,
    pub tmpfs: Vec<Tmpfs>,
    pub binds: Vec<Bind>,
    pub read_only: bool,
    pub group: Option<GroupSpec>,
    pub capabilities: u64,
    pub process: ProcessSpec,
}

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
                Some(running) => Some(running.pidfd.as_raw_fd()),
                None => return Ok(Err(StartError::Exec(named(libc::ESRCH)))),
            },
            _ => None,
        };
        let doors = self.in_store(|| {
            if let (Place::Init(_), Some(group)) = (order.at, &order.group) {
                self.groups.make_container(group);
            }
            Ok(self.groups.doors(order.group.as_ref().map(|group| group.path.as_str())))
        })?;
        if let Some(pidfd) = joined {
            os::setns(pidfd, libc::CLONE_NEWPID).during("setns(pid)")?;
        }
        let isolated = libc::CLONE_NEWPID | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWNET;
        let flags = if matches!(order.at, Place::Init(_)) { isolated as u64 } else { 0 };
        // SAFETY: this process has one thread.
        let cloned = unsafe { os::clone3(flags, true) };
        if matches!(cloned, Ok(None)) {
            let why = self.child(&order, stdio, &doors, joined);
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
                let group = order.group.unwrap_or_default();
                self.inits.insert(container, Running { pid: pid as u32, pidfd: copy, group });
            }
            return Ok(Ok((pid as u32, pidfd)));
        }
        os::wait(pid, 0).during("wait4")?;
        if let (Place::Init(_), Some(group)) = (order.at, &order.group) {
            self.remove_groups(group)?;
        }
        match postcard::from_bytes(&bytes) {
            Ok(Failed::Start(why)) => Ok(Err(why)),
            Ok(Failed::Node(what, errno)) => Err((what, errno)),
            Err(_) => Err(("a starting process".to_owned(), libc::EPROTO)),
        }
    }

    /// In the child: comes back only if it could not become the program.
    fn child(&self, order: &Spawn, stdio: &[OwnedFd], doors: &Doors, joined: Option<i32>) -> Failed {
        let slot = format!("{SLOT_VARIABLE}{}", order.slot);
        match self.arrange(order, stdio, doors, joined) {
            Err(why) => why,
            Ok(()) => match execute(&order.process.argv, &order.process.env, Some(slot)) {
                Ok(never) => match never {},
                Err(errno) => Failed::Start(StartError::Exec(named(errno))),
            },
        }
    }

    fn arrange(
        &self,
        order: &Spawn,
        stdio: &[OwnedFd],
        doors: &Doors,
        joined: Option<i32>,
    ) -> std::result::Result<(), Failed> {
        // SAFETY: no memory is passed.
        unsafe { libc::setsid() };
        for (to, from) in stdio.iter().enumerate() {
            os::dup2(from.as_raw_fd(), to as i32).during("dup2")?;
        }
        doors.enter().during("enter its control groups")?;
        let inside = match order.at {
            Place::Node => false,
            Place::Init(container) => {
                if self.groups.are_private() {
                    // From within its group, which is its root from then on.
                    os::unshare(libc::CLONE_NEWCGROUP).during("unshare(CLONE_NEWCGROUP)")?;
                }
                os::sethostname(&order.hostname).during("sethostname")?;
                let binds = container::bound(&order.binds)?;
                os::setns(self.store.as_raw_fd(), libc::CLONE_NEWNS).during("setns(store)")?;
                container::enter(container, &order.tmpfs, binds, order.read_only, &order.process.cwd)?;
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
        limit_power(&order.process, inside.then_some(order.capabilities))?;
        Ok(())
    }
}

/// A container's processes are confined for good; the node's own are root, less what reaches through to the real
/// machine.
fn limit_power(process: &ProcessSpec, of_container: Option<u64>) -> Step<()> {
    power::bound(of_container.unwrap_or(NODE_CAPABILITIES)).during("drop capabilities")?;
    power::become_user(process.uid, process.gid).during("setuid")?;
    if let Some(kept) = of_container {
        power::no_new_privileges().during("prctl(PR_SET_NO_NEW_PRIVS)")?;
        Filter::new(kept).install().during("install the seccomp filter")?;
    }
    Ok(())
}
