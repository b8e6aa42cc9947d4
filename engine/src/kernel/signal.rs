//! Signals (signal(7)): sets, who may send what to whom, and what happens on delivery.
//!
//! No handler does anything: a program that wants to know of a signal blocks it and waits for it (sigwaitinfo(2)). So a
//! signal is ignored, ends, stops or continues its process, ends the call that it waits in, or stays pending.

use super::SimKernel;
use super::cgroup::Frozen;
use super::process::{Process, State, Waiting};
use crate::call::{Errno, Ret, Signal, Tid, WaitStatus};
use crate::node::{Effects, Happening};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SigSet(u64);

impl SigSet {
    pub(super) fn of(signals: &[Signal]) -> SigSet {
        let mut set = SigSet::default();
        signals.iter().for_each(|signal| set.add(*signal));
        set
    }

    pub(super) fn has(self, signal: Signal) -> bool {
        self.0 & SigSet::bit(signal) != 0
    }

    pub(super) fn add(&mut self, signal: Signal) {
        self.0 |= SigSet::bit(signal);
    }

    pub(super) fn remove(&mut self, signal: Signal) {
        self.0 &= !SigSet::bit(signal);
    }

    /// The lowest number that is in both: the order in which Linux delivers.
    pub(super) fn first_common(self, other: SigSet) -> Option<Signal> {
        let both = self.0 & other.0;
        if both == 0 { None } else { Signal::from_number(both.trailing_zeros() as i32) }
    }

    pub(super) fn without(self, other: SigSet) -> SigSet {
        SigSet(self.0 & !other.0)
    }

    /// As `/proc/PID/status` shows a set: signal n is bit n-1.
    pub(super) fn mask(self) -> u64 {
        self.0 >> 1
    }

    /// As `/proc/PID/stat` does: what fits 31 bits.
    pub(super) fn low(self) -> u64 {
        self.mask() & 0x7fff_ffff
    }

    fn bit(signal: Signal) -> u64 {
        1 << signal.number()
    }
}

/// What a signal does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Ignore,
    Terminate,
    Stop,
    Continue,
}

const STOPS: [Signal; 4] = [Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];

fn default_action(signal: Signal) -> Action {
    match signal {
        Signal::SIGCHLD | Signal::SIGURG | Signal::SIGWINCH => Action::Ignore,
        signal if STOPS.contains(&signal) => Action::Stop,
        Signal::SIGCONT => Action::Continue,
        _ => Action::Terminate,
    }
}

/// SIGKILL and SIGSTOP can be neither blocked, ignored nor waited for.
pub(super) fn is_kernel_only(signal: Signal) -> bool {
    matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)
}

impl SimKernel {
    /// Sends a signal that the sender may send, and tells of it.
    pub(super) fn send(&mut self, sender: Tid, target: Tid, signal: Signal, fx: &mut Effects) {
        let is_stopped = |kernel: &SimKernel| kernel.process(target).is_some_and(|process| process.stopped);
        let was_stopped = is_stopped(self);
        let delivered = self.post(sender, target, signal);
        self.tell(sender, Happening::Signaled { target, signal, delivered }, fx);
        if was_stopped && !is_stopped(self) {
            self.notify_parent(target, fx);
        }
        self.deliver(target, fx);
    }

    /// Makes a signal pending, unless the target ignores it.
    pub(super) fn post(&mut self, sender: Tid, target: Tid, signal: Signal) -> bool {
        // From an ancestor's namespace: the sender has no number in the target's (kernel/signal.c, __send_signal).
        let from_ancestor = match (self.process(sender), self.process(target)) {
            (Some(sender), Some(target)) => sender.pid_in(target.pid_ns()).is_none(),
            _ => false,
        };
        let Some(process) = self.process_mut(target).filter(|process| process.is_alive()) else { return false };
        match default_action(signal) {
            Action::Continue => {
                STOPS.into_iter().for_each(|stop| process.pending.remove(stop));
                if process.stopped {
                    process.stopped = false;
                    (process.stop_to_tell, process.continued_to_tell) = (None, true);
                    self.unsettled = true;
                }
            }
            Action::Stop => process.pending.remove(Signal::SIGCONT),
            _ => {}
        }
        let Some(process) = self.process_mut(target) else { return false };
        if ignores(process, signal, from_ancestor) {
            return false;
        }
        process.pending.add(signal);
        self.unsettled = true;
        true
    }

    /// Acts on what is pending and not blocked.
    pub(super) fn deliver(&mut self, tid: Tid, fx: &mut Effects) {
        let frozen = self.process(tid).and_then(|process| self.cgroups.freezes(&process.cgroups));
        while let Some(process) = self.process_mut(tid).filter(|process| process.is_alive()) {
            let mut open = process.pending.without(process.blocked);
            if frozen == Some(Frozen::V1) {
                return;
            }
            if open.has(Signal::SIGKILL) {
                return self.end(tid, WaitStatus::Signaled(Signal::SIGKILL), fx);
            }
            if process.stopped {
                // The rest stays pending until SIGCONT.
                return;
            }
            if frozen.is_some() {
                // What ends it by default ends it at once (kernel/signal.c, complete_signal); the rest waits.
                let fatal = Signal::ALL.iter().copied().find(|signal| open.has(*signal) && is_fatal(process, *signal));
                if let Some(signal) = fatal {
                    self.end(tid, WaitStatus::Signaled(signal), fx);
                }
                return;
            }
            if let State::Blocked(Waiting::Signal(wanted)) = &process.state {
                // sigwaitinfo(2) takes what it waits for, blocked or not.
                open = open.without(*wanted);
            }
            let Some(signal) = open.first_common(open) else { return };
            process.pending.remove(signal);
            if process.caught.has(signal) {
                self.end_call(tid, fx);
                continue;
            }
            let immune = process.is_ns_init() && !is_kernel_only(signal);
            if immune || process.ignored.has(signal) {
                continue;
            }
            match default_action(signal) {
                Action::Terminate => return self.end(tid, WaitStatus::Signaled(signal), fx),
                Action::Stop => self.stop(tid, signal, fx),
                Action::Ignore | Action::Continue => {}
            }
        }
    }

    /// Stops a process. A stop of job control does nothing in an orphaned group: nobody would continue it.
    fn stop(&mut self, tid: Tid, signal: Signal, fx: &mut Effects) {
        let Some(process) = self.process(tid) else { return };
        if signal != Signal::SIGSTOP && self.is_orphaned(&process.group, None) {
            return;
        }
        if let Some(process) = self.process_mut(tid) {
            process.stopped = true;
            (process.stop_to_tell, process.continued_to_tell) = (Some(signal), false);
        }
        self.notify_parent(tid, fx);
    }

    /// A handler has run: what its process waits in ends (signal(7), "Interruption of system calls").
    fn end_call(&mut self, tid: Tid, fx: &mut Effects) {
        if let Some(State::Blocked(Waiting::Child(wanted))) = self.process(tid).map(|process| &process.state)
            && let Some(done) = self.wait(tid, *wanted, fx)
        {
            // What it waits for has happened: that is told before the signal.
            return self.wake(tid, done.unwrap_or_else(Ret::Err), fx);
        }
        let Some(process) = self.process_mut(tid) else { return };
        let (ret, held) = match &process.state {
            State::Blocked(Waiting::Read { ofd, .. }) => (Ret::Err(Errno::EINTR), Some(*ofd)),
            State::Blocked(Waiting::Write { ofd, done: 0, .. }) => (Ret::Err(Errno::EINTR), Some(*ofd)),
            State::Blocked(Waiting::Write { ofd, done, .. }) => (Ret::Int(*done as i64), Some(*ofd)),
            State::Blocked(Waiting::Child(_) | Waiting::Signal(_)) => (Ret::Err(Errno::EINTR), None),
            _ => return,
        };
        if let Some(ofd) = held {
            self.drop_ofd(ofd);
        }
        self.wake(tid, ret, fx);
    }

    fn wake(&mut self, tid: Tid, ret: Ret, fx: &mut Effects) {
        if let Some(process) = self.process_mut(tid) {
            process.state = State::Ready(ret.clone());
        }
        self.unsettled = true;
        fx.woken.push((tid, ret));
    }
}

fn is_fatal(process: &Process, signal: Signal) -> bool {
    let kept = process.caught.has(signal) || process.ignored.has(signal) || process.is_ns_init();
    default_action(signal) == Action::Terminate && !kept
}

/// Whether a signal is dropped when it is sent (kernel/signal.c, sig_ignored). A blocked one never is: it may be waited
/// for, or its disposition may change.
fn ignores(process: &Process, signal: Signal, from_ancestor: bool) -> bool {
    if process.blocked.has(signal) || process.caught.has(signal) {
        return false;
    }
    // The init of a pid namespace takes no signal without a handler; from an ancestor's namespace SIGKILL and SIGSTOP
    // reach it (pid_namespaces(7), "The namespace init process").
    if process.is_ns_init() && !(from_ancestor && is_kernel_only(signal)) {
        return true;
    }
    process.ignored.has(signal) || default_action(signal) == Action::Ignore
}
