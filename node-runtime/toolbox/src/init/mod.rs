//! Pid 1 of a node: mounts the store and the node's root, starts processes when told, reaps when told.
//!
//! It alone spawns on the node, so no helper ever takes a pid there: pids stay those of the scenario. It does nothing
//! by itself, not even reap: what happens on a node happens in the order in which the runner asks. When the runner is
//! gone, so is the socket, then the init, and with it every process and mount of the node.
//!
//! Two mount namespaces: in the *store's* lie the layers, the upperdirs and the overlays; in the *node's*, which init
//! lives in itself, only what a learner shall see.

mod container;
mod groups;
mod root;
mod spawn;

use crate::gate::GATE_FD;
use crate::os::{self, Result};
use crate::sandbox::{During, Step};
use crate::wire::{Order, PACKET_BYTES, Reply, SOCKET_FD, TOOLBOX_FD};
use engine::node::{Cid, DISK, GroupSpec};
use groups::Groups;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Where the store's mount namespace has things.
pub(crate) const NODE_ROOT: &str = "/root";
pub(crate) const LAYERS: &str = "/layers";
pub(crate) const TOOLBOX_COPY: &str = "/toolbox";
/// Real-time signals included (signal(7)).
const LAST_SIGNAL: i32 = 64;
pub(crate) const HOSTNAME: &str = "node";

pub(crate) fn merged(container: Cid) -> String {
    format!("/c{}/merged", container.0)
}

/// What the init holds on to.
struct Init {
    /// The store's mount namespace, and the node's own mount and pid namespaces.
    store: OwnedFd,
    own_mnt: Option<OwnedFd>,
    own_pid: OwnedFd,
    /// The first process of each container that runs.
    inits: BTreeMap<Cid, Running>,
    groups: Groups,
}

struct Running {
    pid: u32,
    pidfd: OwnedFd,
    group: GroupSpec,
}

pub fn main() -> i32 {
    match serve() {
        Ok(()) => 0,
        Err((what, errno)) => {
            let text = std::io::Error::from_raw_os_error(errno);
            reply(&Reply::Failed(format!("the node's init: {what}: {text}")), &[]);
            1
        }
    }
}

fn serve() -> Step<()> {
    // A group and session of its own: kill(0, …) of a guest must not reach the runner.
    // The umask is login(1)'s, and no signal is ignored or blocked, for all that descend from here: execve(2) passes on
    // what the runner has, and a Rust program ignores SIGPIPE.
    // SAFETY: numbers only, and a set that is filled here.
    unsafe {
        libc::setsid();
        libc::umask(0o022);
        // The raw call: a C library keeps two signals to itself, and somebody above may ignore even those.
        let default = [0_u64; 4]; // struct kernel_sigaction: handler, flags, restorer, mask
        for signal in 1..=LAST_SIGNAL {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), 0, size_of::<u64>());
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
    os::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as _).during("prctl(PR_SET_PDEATHSIG)")?;
    os::prctl(libc::PR_SET_NAME, c"init".as_ptr() as _).during("prctl(PR_SET_NAME)")?;
    let mut packet = vec![0; PACKET_BYTES];
    let (groups, disk) = match next_order(&mut packet)? {
        Some((Order::Begin { groups, disk }, _)) => (Groups::enter(groups)?, disk),
        _ => return Ok(()),
    };
    root::mount_store(disk.as_deref())?;
    groups.set_up()?;
    let (store_dir, node_root) = root::dirs()?;
    let mut init = Init {
        store: os::open("/proc/self/ns/mnt", libc::O_RDONLY, 0).during("/proc/self/ns/mnt")?,
        own_mnt: None,
        own_pid: os::open("/proc/self/ns/pid", libc::O_RDONLY, 0).during("/proc/self/ns/pid")?,
        inits: BTreeMap::new(),
        groups,
    };
    reply(&Reply::Ready, &[store_dir.as_raw_fd(), node_root.as_raw_fd()]);
    drop((store_dir, node_root));
    while let Some((order, fds)) = next_order(&mut packet)? {
        init.obey(order, fds)?;
    }
    Ok(())
}

/// `None` when the runner is gone.
fn next_order(packet: &mut [u8]) -> Step<Option<(Order, Vec<OwnedFd>)>> {
    let (length, fds) = os::receive(SOCKET_FD, packet).during("recvmsg")?;
    if length == 0 {
        return Ok(None);
    }
    let order = postcard::from_bytes(&packet[..length]).map_err(|_| ("an order".to_owned(), libc::EPROTO))?;
    Ok(Some((order, fds)))
}

fn reply(reply: &Reply, fds: &[RawFd]) {
    let bytes = postcard::to_allocvec(reply).unwrap_or_default();
    // If the runner is gone, the next receive says so.
    let _ = os::send(SOCKET_FD, &bytes, fds);
}

impl Init {
    fn obey(&mut self, order: Order, fds: Vec<OwnedFd>) -> Step<()> {
        match order {
            Order::Begin { .. } => return Err(("a second beginning".to_owned(), libc::EPROTO)),
            Order::Boot => {
                root::boot(&self.groups)?;
                self.own_mnt = Some(os::open("/proc/self/ns/mnt", libc::O_RDONLY, 0).during("/proc/self/ns/mnt")?);
                if let Some(disk) = self.in_store(root::disk_mount)? {
                    os::mkdir_if_missing(DISK, 0o755).during(DISK)?;
                    os::attach_mount(&disk, DISK).during("mount the disk")?;
                }
                reply(&Reply::Done, &[]);
            }
            Order::Create { container, lowers } => {
                self.in_store(|| container::mount_overlay(container, &lowers))?;
                reply(&Reply::Done, &[]);
            }
            Order::Remove { container } => {
                self.inits.remove(&container);
                self.in_store(|| os::umount(&merged(container), 0).during("umount"))?;
                reply(&Reply::Done, &[]);
            }
            Order::Reap { pid } => {
                let ended = os::wait(pid as i32, libc::WNOHANG).during("wait4")?;
                if let Some(container) = self.inits.iter().find(|(_, running)| running.pid == pid).map(|(cid, _)| *cid)
                    && let Some(running) = self.inits.remove(&container)
                {
                    self.remove_groups(&running.group)?;
                }
                reply(&Reply::Reaped(ended.map(|(_, status)| status)), &[]);
            }
            Order::Spawn { slot, at, container, process } => {
                let order = spawn::Spawn { slot, at, spec: container.map(|spec| *spec), process: *process };
                match self.spawn(order, &fds)? {
                    Ok((pid, pidfd)) => reply(&Reply::Spawned(Ok(pid)), &[pidfd.as_raw_fd()]),
                    Err(why) => reply(&Reply::Spawned(Err(why)), &[]),
                }
            }
        }
        Ok(())
    }

    fn remove_groups(&self, group: &GroupSpec) -> Step<()> {
        self.in_store(|| {
            self.groups.remove(&group.path);
            Ok(())
        })
    }

    /// Does something in the store's mount namespace and comes back.
    fn in_store<T>(&self, what: impl FnOnce() -> Step<T>) -> Step<T> {
        os::setns(self.store.as_raw_fd(), libc::CLONE_NEWNS).during("setns(store)")?;
        let done = what();
        if let Some(own) = &self.own_mnt {
            os::setns(own.as_raw_fd(), libc::CLONE_NEWNS).during("setns(node)")?;
        }
        done
    }
}

/// Descriptors that every new process is born with, and that only it may keep: the gate's.
pub(crate) fn close_others_on_exec() -> Result<()> {
    os::close_on_exec(3, GATE_FD as u32 - 1)?;
    os::close_on_exec(GATE_FD as u32 + 1, u32::MAX)
}

pub(crate) const TOOLBOX_SOURCE: RawFd = TOOLBOX_FD;
