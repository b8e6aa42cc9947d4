//! unshare(2) and setns(2): from one namespace into another.

use super::Done;
use crate::call::{Capability, CloneFlags, Errno, Fd, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::namespace::{NsId, NsKind, Uts};
use crate::kernel::vfs::Loc;
use std::sync::Arc;

/// Whether this process may have these namespaces made.
pub(in crate::kernel) fn may_unshare(kernel: &SimKernel, tid: Tid, flags: CloneFlags) -> Result<(), Errno> {
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let others = flags.pid || flags.mnt || flags.uts || flags.ipc || flags.net || flags.cgroup || flags.time;
    if !flags.user && others && !kernel.is_admin(tid, process.ns.user) {
        return Err(Errno::EPERM);
    }
    // A second time, before the first took effect (pid_namespaces(7)).
    if flags.pid && process.pid_for_children != process.ns.pid {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Moves a process into new namespaces; what it was in before is not swept away yet. Of net and cgroup namespaces
/// only the identity is new; an ipc namespace begins empty.
pub(in crate::kernel) fn unshare(kernel: &mut SimKernel, tid: Tid, flags: CloneFlags) -> Result<(), Errno> {
    let mut process = kernel.process(tid).ok_or(Errno::ESRCH)?.clone();
    if flags.user {
        process.ns.user = kernel.new_user_space(tid)?;
        Arc::make_mut(&mut process.cred).empower();
    }
    let owner = process.ns.user;
    if flags.mnt {
        let ns = kernel.new_ns(NsKind::Mnt, owner);
        let copies =
            kernel.mounts.copy_namespace(process.ns.mnt, ns, kernel.namespaces.owner(process.ns.mnt) != Some(owner));
        let moved = |loc: Loc| Loc { mount: copies.get(&loc.mount).copied().unwrap_or(loc.mount), ..loc };
        (process.root, process.cwd) = (moved(process.root), moved(process.cwd));
        process.ns.mnt = ns;
    }
    if flags.uts {
        let ns = kernel.new_ns(NsKind::Uts, owner);
        let hostname = kernel.uts.get(&process.ns.uts).map(|uts| uts.hostname.clone()).unwrap_or_default();
        kernel.uts.insert(ns, Uts { hostname });
        process.ns.uts = ns;
    }
    if flags.pid {
        let ns = kernel.new_ns(NsKind::Pid, owner);
        kernel.pid_spaces.add(ns, Some(process.ns.pid))?;
        process.pid_for_children = ns;
    }
    if flags.time {
        let ns = kernel.new_ns(NsKind::Time, owner);
        kernel.add_time_ns(ns, process.time_for_children);
        process.time_for_children = ns;
    }
    for (wanted, kind, ns) in [
        (flags.ipc, NsKind::Ipc, &mut process.ns.ipc),
        (flags.net, NsKind::Net, &mut process.ns.net),
        (flags.cgroup, NsKind::Cgroup, &mut process.ns.cgroup),
    ] {
        if wanted {
            *ns = kernel.new_ns(kind, owner);
        }
    }
    if flags.cgroup {
        kernel.cgroups.add_namespace(process.ns.cgroup, process.cgroups);
    }
    kernel.processes.insert(tid, process.into());
    Ok(())
}

/// setns(2) with the file of a namespace (kernel/nsproxy.c).
pub(super) fn setns(kernel: &mut SimKernel, tid: Tid, fd: Fd, wanted: CloneFlags) -> Done {
    let opened = kernel.files.get(kernel.ofd_of(tid, fd)?).ok_or(Errno::EBADF)?.what;
    let ns = kernel.ns_of(opened).ok_or(Errno::EINVAL)?;
    let kind = kernel.namespaces.get(ns).ok_or(Errno::EINVAL)?.kind;
    if wanted != CloneFlags::default() && wanted != kind.flag() {
        return Err(Errno::EINVAL);
    }
    may_enter(kernel, tid, kind, ns)?;
    let root = if kind == NsKind::Mnt { kernel.mounts.root_of_namespace(ns) } else { None };
    let mut enters_time = false;
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    match kind {
        // Its children will be in it; a process never changes its own (pid_namespaces(7)).
        NsKind::Pid => process.pid_for_children = ns,
        NsKind::Mnt => {
            let root = root.ok_or(Errno::EINVAL)?;
            (process.ns.mnt, process.root, process.cwd) = (ns, root, root);
        }
        NsKind::Uts => process.ns.uts = ns,
        NsKind::Ipc => process.ns.ipc = ns,
        NsKind::Net => process.ns.net = ns,
        NsKind::Cgroup => process.ns.cgroup = ns,
        NsKind::Time => (process.time_for_children, enters_time) = (ns, true),
        NsKind::User => {
            let mut cred = process.cred.clone();
            Arc::make_mut(&mut cred).empower();
            kernel.commit_cred(tid, cred, ns);
        }
    }
    if enters_time {
        kernel.enter_time_ns(tid);
    }
    kernel.sweep_namespaces();
    Ok(Ret::Ok)
}

/// The `install` of each kind: CAP_SYS_ADMIN there and, but for user namespaces, here.
fn may_enter(kernel: &SimKernel, tid: Tid, kind: NsKind, ns: NsId) -> Result<(), Errno> {
    let own = kernel.process(tid).ok_or(Errno::ESRCH)?.ns;
    if kind == NsKind::User {
        return match ns {
            // Nobody gains capabilities by entering where it is.
            ns if ns == own.user => Err(Errno::EINVAL),
            ns if kernel.is_admin(tid, ns) => Ok(()),
            _ => Err(Errno::EPERM),
        };
    }
    let may_chroot = kind != NsKind::Mnt || kernel.is_capable(tid, own.user, Capability::CAP_SYS_CHROOT);
    if !kernel.is_admin_of(tid, ns) || !kernel.is_admin(tid, own.user) || !may_chroot {
        return Err(Errno::EPERM);
    }
    if kind == NsKind::Pid && !kernel.pid_spaces.is_within(ns, own.pid) {
        // Never outwards (setns(2)).
        return Err(Errno::EINVAL);
    }
    Ok(())
}
