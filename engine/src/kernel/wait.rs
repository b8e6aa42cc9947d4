//! wait4(2) and waitid(2): what a parent is told of its children, and once.

use super::SimKernel;
use super::group::Pid;
use super::process::State;
use crate::call::{ChildState, Errno, Ret, Signal, Tid, WaitOptions, Which};
use crate::node::Effects;

/// A wait that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub which: Which,
    pub options: WaitOptions,
    /// wait4(2), which answers in another form.
    pub plain: bool,
}

/// Whom it is for, once it is looked up.
enum Of {
    All,
    One(Option<Tid>),
    Group(Option<Pid>),
}

impl Wanted {
    /// wait4(2): -1 is any child, 0 the own group, -N group N.
    pub(super) fn wait4(pid: i32, nohang: bool) -> Wanted {
        let which = match pid {
            -1 => Which::All,
            pid if pid > 0 => Which::Pid(pid),
            pid => Which::Group(pid.wrapping_neg()),
        };
        Wanted { which, options: WaitOptions { exited: true, nohang, ..WaitOptions::default() }, plain: true }
    }

    pub(super) fn waitid(which: Which, options: WaitOptions) -> Wanted {
        Wanted { which, options, plain: false }
    }
}

impl SimKernel {
    /// `None` if the caller has to wait.
    pub(super) fn wait(&mut self, tid: Tid, wanted: Wanted, fx: &mut Effects) -> Option<Result<Ret, Errno>> {
        let (of, options) = match self.look_up(tid, wanted) {
            Ok(of) => (of, wanted.options),
            Err(errno) => return Some(Err(errno)),
        };
        let children = self.children(tid).into_iter().filter(|child| match &of {
            Of::All => true,
            Of::One(one) => *one == Some(*child),
            Of::Group(group) => self.process(*child).map(|child| &child.group) == group.as_ref(),
        });
        let mut any = false;
        let mut found = None;
        for child in children {
            let Some(process) = self.process(child) else { continue };
            let state = match process.state {
                // Of a zombie, whoever does not ask for the dead learns not even that it is there.
                State::Zombie(_) if !options.exited => continue,
                State::Zombie(status) => Some(ChildState::Ended(status)),
                _ => match (process.stop_to_tell, process.continued_to_tell) {
                    (Some(signal), _) if options.stopped => Some(ChildState::Stopped(signal)),
                    (_, true) if options.continued => Some(ChildState::Continued),
                    _ => None,
                },
            };
            any = true;
            found = state.map(|state| (child, state));
            if found.is_some() {
                break;
            }
        }
        match found {
            Some((child, state)) => Some(Ok(self.told(tid, child, state, wanted, fx))),
            None if !any => Some(Err(Errno::ECHILD)),
            None if options.nohang => Some(Ok(Ret::Int(0))),
            None => None,
        }
    }

    fn look_up(&self, tid: Tid, wanted: Wanted) -> Result<Of, Errno> {
        let WaitOptions { exited, stopped, continued, .. } = wanted.options;
        if !exited && !stopped && !continued {
            return Err(Errno::EINVAL);
        }
        Ok(match wanted.which {
            Which::All => Of::All,
            // waitid(2) wants a number of a process; wait4(2) has no way to say another.
            Which::Pid(pid) if pid <= 0 => return Err(Errno::EINVAL),
            Which::Pid(pid) => Of::One(self.seen_as(tid, pid)),
            Which::Group(0) => Of::Group(self.process(tid).map(|process| process.group.clone())),
            Which::Group(i32::MIN) if wanted.plain => return Err(Errno::ESRCH),
            Which::Group(pgid) if pgid < 0 => return Err(Errno::EINVAL),
            Which::Group(pgid) => Of::Group(self.group_called(tid, pgid.unsigned_abs())),
        })
    }

    fn told(&mut self, tid: Tid, child: Tid, state: ChildState, wanted: Wanted, fx: &mut Effects) -> Ret {
        let pid = self.pid_as_seen_by(tid, child).unwrap_or(0);
        if !wanted.options.nowait {
            match state {
                ChildState::Ended(_) => self.release(child, fx),
                ChildState::Stopped(_) => self.forget_told(child, |process| process.stop_to_tell = None),
                ChildState::Continued => self.forget_told(child, |process| process.continued_to_tell = false),
            }
        }
        match state {
            ChildState::Ended(status) if wanted.plain => Ret::Waited { pid, status },
            state => Ret::Child { pid, state },
        }
    }

    fn forget_told(&mut self, child: Tid, forget: impl FnOnce(&mut super::process::Process)) {
        if let Some(process) = self.process_mut(child) {
            forget(process);
        }
    }

    /// The process has stopped or goes on: its parent hears SIGCHLD, and whoever waits may be told.
    pub(super) fn notify_parent(&mut self, tid: Tid, fx: &mut Effects) {
        self.unsettled = true;
        if let Some(parent) = self.process(tid).and_then(|process| process.parent) {
            self.post(tid, parent, Signal::SIGCHLD);
            self.deliver(parent, fx);
        }
    }

    /// In the order in which the parent got them: its own by birth, then those it adopted.
    pub(super) fn children(&self, parent: Tid) -> Vec<Tid> {
        let children = self.processes.iter().filter(|(_, process)| process.parent == Some(parent));
        let mut children: Vec<(u64, Tid)> = children.map(|(tid, process)| (process.since, *tid)).collect();
        crate::sim::sort(&mut children);
        children.into_iter().map(|(_, tid)| tid).collect()
    }
}
