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
use engine::node::{Cid, ContainerSpec, Owner, Place, ProcessSpec, StartError};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

/// The first processes, by pidfd, whose namespaces a new process enters. Of one that is started in a container that runs it
/// is the same for all kinds.
#[derive(Clone, Copy, Debug, Default)]
struct Joined {
    pid: Option<i32>,
    ipc: Option<i32>,
    uts: Option<i32>,
}

/// An [`crate::wire::Order::Spawn`].
pub(super) struct Spawn {
    pub slot: u32,
    pub at: Place,
    /// Of its container.
    pub spec: Option<ContainerSpec>,
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
        let Some(joined) = self.joined(&order) else { return Ok(Err(StartError::Exec(named(libc::ESRCH)))) };
        let group = order.spec.as_ref().map(|spec| &spec.cgroup);
        let doors = self.in_store(|| {
            if let (Place::Init(_), Some(group)) = (order.at, group) {
                self.groups.make_container(group);
            }
            Ok(self.groups.doors(group.map(|group| group.path.as_str())))
        })?;
        if let Some(pidfd) = joined.pid {
            os::setns(pidfd, libc::CLONE_NEWPID).during("setns(pid)")?;
        }
        // SAFETY: this process has one thread.
        let cloned = unsafe { os::clone3(order.new_namespaces(), true) };
        if matches!(cloned, Ok(None)) {
            let why = self.child(&order, stdio, &doors, joined);
            let bytes = postcard::to_allocvec(&why).unwrap_or_default();
            let _ = (&to_init).write_all(&bytes);
            // SAFETY: ends the process without running anything of it.
            unsafe { libc::_exit(127) };
        }
        if joined.pid.is_some() {
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
                let group = order.spec.map(|spec| spec.cgroup).unwrap_or_default();
                self.inits.insert(container, Running { pid: pid as u32, pidfd: copy, group });
            }
            return Ok(Ok((pid as u32, pidfd)));
        }
        os::wait(pid, 0).during("wait4")?;
        if let (Place::Init(_), Some(group)) = (order.at, group) {
            self.remove_groups(group)?;
        }
        match postcard::from_bytes(&bytes) {
            Ok(Failed::Start(why)) => Ok(Err(why)),
            Ok(Failed::Node(what, errno)) => Err((what, errno)),
            Err(_) => Err(("a starting process".to_owned(), libc::EPROTO)),
        }
    }

    /// `None` if one of whose namespaces it would enter does not run.
    fn joined(&self, order: &Spawn) -> Option<Joined> {
        let first = |container| self.inits.get(&container).map(|running| running.pidfd.as_raw_fd());
        let of = |owner| match owner {
            Owner::Own | Owner::Node => Some(None),
            Owner::Container(container) => first(container).map(Some),
        };
        match (order.at, &order.spec) {
            (Place::Join(container), _) => {
                first(container).map(|first| Joined { pid: Some(first), ..Joined::default() })
            }
            (Place::Init(_), Some(spec)) => {
                let shared = &spec.namespaces;
                Some(Joined { pid: of(shared.pid)?, ipc: of(shared.ipc)?, uts: of(shared.uts)? })
            }
            _ => Some(Joined::default()),
        }
    }

    /// In the child: comes back only if it could not become the program.
    fn child(&self, order: &Spawn, stdio: &[OwnedFd], doors: &Doors, joined: Joined) -> Failed {
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
        joined: Joined,
    ) -> std::result::Result<(), Failed> {
        // SAFETY: no memory is passed.
        unsafe { libc::setsid() };
        for (to, from) in stdio.iter().enumerate() {
            os::dup2(from.as_raw_fd(), to as i32).during("dup2")?;
        }
        doors.enter().during("enter its control groups")?;
        match (order.at, &order.spec) {
            (Place::Init(container), Some(spec)) => self.begin(container, spec, &order.process.cwd, joined)?,
            (Place::Join(_), _) => {
                let shared = libc::CLONE_NEWNS
                    | libc::CLONE_NEWUTS
                    | libc::CLONE_NEWIPC
                    | libc::CLONE_NEWNET
                    | libc::CLONE_NEWCGROUP;
                os::setns(joined.pid.unwrap_or(-1), shared).during("setns(container)")?;
            }
            _ => {}
        }
        close_others_on_exec().during("close_range")?;
        os::chdir(&order.process.cwd).map_err(|errno| Failed::Start(StartError::Cwd(named(errno))))?;
        limit_power(&order.process, order.spec.as_ref().map(|spec| spec.capabilities))?;
        Ok(())
    }

    /// What a container's first process arranges that others find.
    fn begin(
        &self,
        container: Cid,
        spec: &ContainerSpec,
        cwd: &str,
        joined: Joined,
    ) -> std::result::Result<(), Failed> {
        if spec.namespaces.private_cgroup.unwrap_or(self.groups.are_private()) {
            // From within its group, which is its root from then on.
            os::unshare(libc::CLONE_NEWCGROUP).during("unshare(CLONE_NEWCGROUP)")?;
        }
        if spec.namespaces.uts == Owner::Own {
            os::sethostname(&spec.hostname).during("sethostname")?;
        }
        if let Some(pidfd) = joined.uts {
            os::setns(pidfd, libc::CLONE_NEWUTS).during("setns(uts)")?;
        }
        let binds = container::bound(&spec.binds)?;
        if let Some(pidfd) = joined.ipc {
            // Its mounts as well, for a moment: /dev/shm is there.
            os::setns(pidfd, libc::CLONE_NEWIPC | libc::CLONE_NEWNS).during("setns(ipc)")?;
        }
        let shm = match spec.namespaces.ipc {
            Owner::Own => None,
            Owner::Node | Owner::Container(_) => Some(container::shared_memory()?),
        };
        os::setns(self.store.as_raw_fd(), libc::CLONE_NEWNS).during("setns(store)")?;
        container::enter(container, spec, binds, shm, cwd)
    }
}

impl Spawn {
    /// Flags of clone(2) for those that are made with the process.
    fn new_namespaces(&self) -> u64 {
        let (Place::Init(_), Some(spec)) = (self.at, &self.spec) else { return 0 };
        let own = |owner, flag: i32| if owner == Owner::Own { flag } else { 0 };
        let shared = &spec.namespaces;
        let flags = own(shared.pid, libc::CLONE_NEWPID)
            | own(shared.uts, libc::CLONE_NEWUTS)
            | own(shared.ipc, libc::CLONE_NEWIPC)
            | libc::CLONE_NEWNET;
        flags as u64
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
