//! kill(2), sigaction(2), sigprocmask(2), sigwaitinfo(2).

use super::{Done, Made};
use crate::call::{Capability, Disposition, Errno, Ret, Signal, Sys, Tid};
use crate::kernel::SimKernel;
use crate::kernel::process::Waiting;
use crate::kernel::signal::{SigSet, is_kernel_only};
use crate::node::Effects;

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, sys: &Sys, fx: &mut Effects) -> Done {
    let process = kernel.process_mut(tid).ok_or(Errno::ESRCH)?;
    match sys {
        Sys::Kill { pid, signal } => kill(kernel, tid, *pid, Some(*signal), fx),
        Sys::Probe { pid } => kill(kernel, tid, *pid, None, fx),
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

/// kill(2); without a signal only its checks are made.
fn kill(kernel: &mut SimKernel, tid: Tid, pid: i32, signal: Option<Signal>, fx: &mut Effects) -> Done {
    let sender = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let space = kernel.pid_spaces.get(sender.pid_ns()).ok_or(Errno::ESRCH)?;
    let targets: Vec<Tid> = match pid {
        0 => kernel.members_of_group(&sender.group),
        // All but the caller and init.
        -1 => space.members.iter().filter(|(pid, target)| **pid > 1 && **target != tid).map(|(_, t)| *t).collect(),
        i32::MIN => Vec::new(),
        pid if pid < 0 => kernel
            .group_called(tid, pid.unsigned_abs())
            .map(|group| kernel.members_of_group(&group))
            .unwrap_or_default(),
        pid => space.members.get(&pid.unsigned_abs()).copied().into_iter().collect(),
    };
    if targets.is_empty() {
        return Err(Errno::ESRCH);
    }
    let allowed: Vec<Tid> = targets.into_iter().filter(|target| may_signal(kernel, tid, *target, signal)).collect();
    // To all, kill(2) says yes even if nobody could be signalled (kernel/signal.c, kill_something_info).
    if allowed.is_empty() && pid != -1 {
        return Err(Errno::EPERM);
    }
    for target in allowed {
        if let Some(signal) = signal {
            kernel.send(tid, target, signal, fx);
        }
    }
    Ok(Ret::Ok)
}

fn may_signal(kernel: &SimKernel, tid: Tid, target: Tid, signal: Option<Signal>) -> bool {
    let (Some(sender), Some(target)) = (kernel.process(tid), kernel.process(target)) else { return false };
    let (own, theirs) = (sender.cred.uid, target.cred.uid);
    let is_target = |id: u32| id == theirs.real || id == theirs.saved;
    let continues = signal == Some(Signal::SIGCONT) && sender.session == target.session;
    // kernel/signal.c, kill_ok_by_cred and check_kill_permission.
    sender.tid() == target.tid()
        || is_target(own.effective)
        || is_target(own.real)
        || kernel.is_capable(tid, target.ns.user, Capability::CAP_KILL)
        || continues
}
