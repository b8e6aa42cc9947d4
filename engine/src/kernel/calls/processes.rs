//! fork(2), groups, prctl(2), ids, uname(2), and what `ps` reads of a process.

use super::{Done, credentials, namespaces};
use crate::call::{Errno, Prctl, ProcStat, Ret, Sys, Tid};
use crate::kernel::SimKernel;
use crate::kernel::process::cut_comm;
use crate::kernel::procfs;
use crate::kernel::userns::IdKind;
use crate::kernel::vfs::Fs;
use crate::node::{Effects, Happening};

/// Bytes of a host name (__NEW_UTS_LEN).
const HOSTNAME_BYTES: usize = 64;

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, sys: &Sys, fx: &mut Effects) -> Done {
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    match sys {
        Sys::Fork { child, .. } => kernel.fork(tid, child, fx),
        Sys::Umask { mask } => Ok(Ret::Int(i64::from(std::mem::replace(&mut process.umask, mask & 0o777)))),
        Sys::Getpid => Ok(int(process.pids.last().map_or(0, |(_, pid)| *pid))),
        Sys::Getppid => {
            let (ns, parent) = (process.pid_ns(), process.parent);
            Ok(int(parent.and_then(|parent| kernel.process(parent)?.pid_in(ns)).unwrap_or(0)))
        }
        Sys::Getuid | Sys::Getgid | Sys::Setuid { .. } | Sys::Setgid { .. } | Sys::Credentials(_) => {
            credentials::make(kernel, tid, sys)
        }
        Sys::Uname => {
            let uts = process.ns.uts;
            Ok(Ret::Uname { hostname: kernel.uts.get(&uts).map(|uts| uts.hostname.clone()).unwrap_or_default() })
        }
        Sys::Sethostname { name } => sethostname(kernel, tid, name, fx),
        Sys::Unshare { flags } => {
            namespaces::may_unshare(kernel, tid, *flags)?;
            namespaces::unshare(kernel, tid, *flags)?;
            kernel.sweep_namespaces();
            kernel.tell(tid, Happening::Unshared, fx);
            Ok(Ret::Ok)
        }
        Sys::Setns { fd, kind } => namespaces::setns(kernel, tid, *fd, *kind),
        Sys::Clone { child, new, with } => kernel.clone(tid, child, *new, *with, fx),
        Sys::Setsid => kernel.setsid(tid),
        Sys::Setpgid { pid, pgid } => kernel.setpgid(tid, *pid, *pgid),
        Sys::Getpgid { pid } => kernel.group_number(tid, *pid, false),
        Sys::Getsid { pid } => kernel.group_number(tid, *pid, true),
        Sys::Prctl(what) => prctl(kernel, tid, what),
        Sys::GetAffinity { pid } => kernel.affinity(tid, *pid).map(Ret::Cpus),
        Sys::SetAffinity { pid, cpus } => kernel.set_affinity(tid, *pid, cpus).map(|()| Ret::Ok),
        Sys::ProcStat { pid } => proc_stat(kernel, tid, *pid),
        other => super::signals::make(kernel, tid, other, fx),
    }
}

fn sethostname(kernel: &mut SimKernel, tid: Tid, name: &str, fx: &mut Effects) -> Done {
    let ns = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.uts;
    if !kernel.is_admin_of(tid, ns) {
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

fn prctl(kernel: &mut SimKernel, tid: Tid, what: &Prctl) -> Done {
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    match what {
        Prctl::SetChildSubreaper(on) => process.subreaper = *on,
        Prctl::GetChildSubreaper => return Ok(Ret::Int(process.subreaper.into())),
        Prctl::SetPdeathsig(signal) => process.death_signal = *signal,
        Prctl::GetPdeathsig => return Ok(Ret::Int(process.death_signal.map_or(0, |signal| signal.number().into()))),
        Prctl::SetName(name) => process.comm = cut_comm(name),
        Prctl::GetName => return Ok(Ret::Text(process.comm.clone())),
        what => return credentials::prctl(kernel, tid, what),
    }
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
        pgid: process.group.shown_in(ns),
        sid: process.session.shown_in(ns),
        state: procfs::state_letter(process, tid),
        comm: process.comm.clone(),
        cmdline: if process.is_zombie() { Vec::new() } else { process.argv.clone() },
        uid: kernel.user_space_of(tid)?.shown(IdKind::User, process.cred.uid.real),
        nspid: procfs::pids_from(&process.pids, ns),
    })))
}

fn int(n: u32) -> Ret {
    Ret::Int(i64::from(n))
}
