//! kill(2), sigaction(2), ids, uname(2), unshare(2), and what `ps` reads of a process.

use super::{Done, Made};
use crate::call::{CloneFlags, Disposition, Errno, ProcStat, Ret, Signal, Sys, Tid};
use crate::kernel::SimKernel;
use crate::kernel::namespace::Uts;
use crate::kernel::process::Waiting;
use crate::kernel::procfs;
use crate::kernel::signal::{SigSet, is_kernel_only};
use crate::kernel::vfs::{Fs, Loc};
use crate::node::{Effects, Happening};

/// What user_namespaces(7) shows of an id without a mapping.
const OVERFLOW_ID: u32 = 65_534;
/// Bytes of a host name (__NEW_UTS_LEN).
const HOSTNAME_BYTES: usize = 64;

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, sys: &Sys, fx: &mut Effects) -> Done {
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    let (uid, gid) = (process.uid, process.gid);
    match sys {
        Sys::Fork { child, .. } => kernel.fork(tid, child, fx),
        Sys::Kill { pid, signal } => kill(kernel, tid, *pid, *signal, fx),
        Sys::SigAction { signal, .. } if is_kernel_only(*signal) => Err(Errno::EINVAL),
        Sys::SigAction { signal, to } => {
            process.ignored.remove(*signal);
            process.caught.remove(*signal);
            match to {
                Disposition::Ignore => process.ignored.add(*signal),
                Disposition::Catch => process.caught.add(*signal),
                Disposition::Default => {}
            }
            // sigaction(2): a pending signal that is ignored now, be it by default, is discarded, blocked or not.
            let by_default = *to == Disposition::Default && *signal == Signal::SIGCHLD;
            if by_default || *to == Disposition::Ignore {
                process.pending.remove(*signal);
            }
            Ok(Ret::Ok)
        }
        Sys::SigMask { signal, block } => {
            match block {
                _ if is_kernel_only(*signal) => {}
                true => process.blocked.add(*signal),
                false => process.blocked.remove(*signal),
            }
            kernel.deliver(tid, fx);
            Ok(Ret::Ok)
        }
        Sys::Umask { mask } => Ok(Ret::Int(i64::from(std::mem::replace(&mut process.umask, mask & 0o777)))),
        Sys::Getpid => Ok(int(process.pids.last().map_or(0, |(_, pid)| *pid))),
        Sys::Getppid => {
            let (ns, parent) = (process.pid_ns(), process.parent);
            Ok(int(parent.and_then(|parent| kernel.process(parent)?.pid_in(ns)).unwrap_or(0)))
        }
        Sys::Getuid => Ok(int(shown_id(kernel, tid, uid))),
        Sys::Getgid => Ok(int(shown_id(kernel, tid, gid))),
        Sys::Setuid { uid } => set_id(kernel, tid, Some(*uid), None),
        Sys::Setgid { gid } => set_id(kernel, tid, None, Some(*gid)),
        Sys::Uname => {
            let uts = process.ns.uts;
            Ok(Ret::Uname { hostname: kernel.uts.get(&uts).map(|uts| uts.hostname.clone()).unwrap_or_default() })
        }
        Sys::Sethostname { name } => sethostname(kernel, tid, name, fx),
        Sys::Unshare { flags } => unshare(kernel, tid, *flags, fx),
        Sys::ProcStat { pid } => proc_stat(kernel, tid, *pid),
        // The scheduler answers these; no kernel sees them.
        _ => Err(Errno::ENOSYS),
    }
}

pub(super) fn sigwait(kernel: &mut SimKernel, tid: Tid, signals: &[Signal]) -> Made {
    take_signal(kernel, tid, SigSet::of(signals))
}

pub(super) fn take_signal(kernel: &mut SimKernel, tid: Tid, wanted: SigSet) -> Made {
    let Some(process) = kernel.process_mut(tid) else { return Made::Ret(Ret::Err(Errno::ESRCH)) };
    match process.pending.first_common(wanted) {
        Some(signal) if !is_kernel_only(signal) => {
            process.pending.remove(signal);
            Made::Ret(Ret::Int(i64::from(signal.number())))
        }
        _ => Made::Wait(Waiting::Signal(wanted)),
    }
}

/// kill(2). There is no setpgid(2) in the vocabulary: a process group is a job, led by its first process.
fn kill(kernel: &mut SimKernel, tid: Tid, pid: i32, signal: Signal, fx: &mut Effects) -> Done {
    let sender = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let space = kernel.pid_spaces.get(sender.pid_ns()).ok_or(Errno::ESRCH)?;
    let group = |group: Option<Tid>| {
        let in_group = |target: &Tid| group.is_some() && kernel.process_group(*target) == group;
        space.members.values().copied().filter(in_group).collect()
    };
    let targets: Vec<Tid> = match pid {
        0 => group(kernel.process_group(tid)),
        // All but the caller and init (kill(2)).
        -1 => space.members.iter().filter(|(pid, target)| **pid > 1 && **target != tid).map(|(_, t)| *t).collect(),
        pid if pid < 0 => group(space.members.get(&pid.unsigned_abs()).copied()),
        pid => space.members.get(&pid.unsigned_abs()).copied().into_iter().collect(),
    };
    // CAP_KILL, which containers have too.
    let privileged = sender.uid == 0 && sender.ns.user == kernel.node_ns.user;
    let uid = sender.uid;
    let allowed: Vec<Tid> = targets
        .iter()
        .copied()
        .filter(|target| privileged || kernel.process(*target).is_some_and(|process| process.uid == uid))
        .collect();
    if allowed.is_empty() {
        return Err(if targets.is_empty() { Errno::ESRCH } else { Errno::EPERM });
    }
    for target in allowed {
        kernel.send(tid, target, signal, fx);
    }
    Ok(Ret::Ok)
}

fn set_id(kernel: &mut SimKernel, tid: Tid, uid: Option<u32>, gid: Option<u32>) -> Done {
    let node_user = kernel.node_ns.user;
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    if process.ns.user != node_user || uid == Some(u32::MAX) || gid == Some(u32::MAX) {
        // No id is mapped in a new user namespace.
        return Err(Errno::EINVAL);
    }
    let own = uid.is_none_or(|uid| uid == process.uid) && gid.is_none_or(|gid| gid == process.gid);
    // CAP_SETUID and CAP_SETGID, which containers have too.
    if process.uid != 0 && !own {
        return Err(Errno::EPERM);
    }
    process.uid = uid.unwrap_or(process.uid);
    process.gid = gid.unwrap_or(process.gid);
    Ok(Ret::Ok)
}

fn shown_id(kernel: &SimKernel, tid: Tid, id: u32) -> u32 {
    let mapped = kernel.process(tid).is_some_and(|process| process.ns.user == kernel.node_ns.user);
    if mapped { id } else { OVERFLOW_ID }
}

fn sethostname(kernel: &mut SimKernel, tid: Tid, name: &str, fx: &mut Effects) -> Done {
    let ns = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.uts;
    let owner = kernel.uts.get(&ns).ok_or(Errno::EINVAL)?.owner;
    if !kernel.is_admin(tid, owner) {
        return Err(Errno::EPERM);
    }
    if name.len() > HOSTNAME_BYTES {
        return Err(Errno::EINVAL);
    }
    if let Some(uts) = kernel.uts.get_mut(&ns) {
        uts.hostname = name.to_owned();
    }
    kernel.tell(tid, Happening::HostnameSet { name: name.to_owned() }, fx);
    Ok(Ret::Ok)
}

/// unshare(2). Of net, ipc, user and cgroup namespaces only the identity is new.
fn unshare(kernel: &mut SimKernel, tid: Tid, flags: CloneFlags, fx: &mut Effects) -> Done {
    let mut process = kernel.process(tid).ok_or(Errno::ESRCH)?.clone();
    let others = flags.pid || flags.mnt || flags.uts || flags.ipc || flags.net || flags.cgroup;
    if !kernel.is_admin(tid, process.ns.user) && !flags.user && others {
        return Err(Errno::EPERM);
    }
    // A second unshare of the pid namespace, before the first took effect (pid_namespaces(7)).
    if flags.pid && process.pid_for_children != process.ns.pid {
        return Err(Errno::EINVAL);
    }
    if flags.user {
        process.ns.user = kernel.new_ns();
        process.owns_user_ns = true;
    }
    if flags.mnt {
        let ns = kernel.new_ns();
        let copies = kernel.mounts.copy_namespace(process.ns.mnt, ns);
        let moved = |loc: Loc| Loc { mount: copies.get(&loc.mount).copied().unwrap_or(loc.mount), ..loc };
        (process.root, process.cwd) = (moved(process.root), moved(process.cwd));
        process.ns.mnt = ns;
        kernel.mnt_owners.insert(ns, process.ns.user);
    }
    if flags.uts {
        let ns = kernel.new_ns();
        let hostname = kernel.uts.get(&process.ns.uts).map(|uts| uts.hostname.clone()).unwrap_or_default();
        kernel.uts.insert(ns, Uts { hostname, owner: process.ns.user });
        process.ns.uts = ns;
    }
    if flags.pid {
        let ns = kernel.new_ns();
        kernel.pid_spaces.add(ns, Some(process.ns.pid))?;
        process.pid_for_children = ns;
    }
    for (wanted, ns) in
        [(flags.ipc, &mut process.ns.ipc), (flags.net, &mut process.ns.net), (flags.cgroup, &mut process.ns.cgroup)]
    {
        if wanted {
            *ns = kernel.new_ns();
        }
    }
    kernel.processes.insert(tid, process.into());
    kernel.sweep_namespaces();
    kernel.tell(tid, Happening::Unshared, fx);
    Ok(Ret::Ok)
}

fn proc_stat(kernel: &mut SimKernel, tid: Tid, pid: u32) -> Done {
    let view = kernel.view(tid)?;
    let proc = kernel.find(&view, "/proc", true)?;
    let Fs::Proc(ns) = *kernel.fs(proc.fs) else { return Err(Errno::ENOENT) };
    let target = procfs::member(kernel, ns, pid).ok_or(Errno::ESRCH)?;
    let process = kernel.process(target).ok_or(Errno::ESRCH)?;
    Ok(Ret::Proc(Box::new(ProcStat {
        pid,
        ppid: procfs::ppid_in(kernel, process, ns),
        state: procfs::state_letter(process, tid),
        comm: process.comm.clone(),
        cmdline: if process.is_zombie() { Vec::new() } else { process.argv.clone() },
        uid: process.uid,
        nspid: procfs::pids_from(process, ns),
    })))
}

fn int(n: u32) -> Ret {
    Ret::Int(i64::from(n))
}
