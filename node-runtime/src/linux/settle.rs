//! Granting a call and seeing what came of it: the answer, and whom it woke, bore or ended.
//!
//! A process that has come back to the gate says so in its slot. One that has not is looked at in `/proc`: asleep in
//! two equal sweeps and on no run queue, it waits in the kernel. A wake-up marks the woken as runnable before the call
//! that caused it returns, so nothing is missed by looking after it. Every wait has a limit, and what is waited for has a name.

use super::LinuxKernel;
use super::proc::{Look, task_list_barrier};
use super::tasks::{At, status_of};
use engine::call::{Ret, Signal, Sys, Tid, WaitStatus};
use engine::node::{BlockedOn, Effects, Fault, Happening, JobId, KernelEvent, Outcome, Owner};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use toolbox::gate::{Message, Word};
use toolbox::os::check;
use toolbox::wire::{Order, Reply};

/// Longest a granted call may take without either returning or going to sleep.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the gate is listened to before the process is looked at.
const PATIENCE_NS: u64 = 200_000;
/// The same for calls that do not sleep.
const LONG_PATIENCE_NS: u64 = 20_000_000;
/// Between two sweeps that must be equal.
const SWEEP_PAUSE: Duration = Duration::from_micros(20);
const MESSAGE_TIMEOUT_NS: u64 = 10_000_000_000;
/// A page.
const PAGE_BYTES: usize = 4096;

/// Whom a step may have touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nobody but the caller.
    Caller,
    /// Those that wait in the kernel.
    Blocked,
    /// Everyone: signals reach the gate too.
    All,
}

/// How a wait for one process ended.
enum Came {
    /// It is at the gate with its next call; its last answer, unless it is a new program.
    Back(Option<Ret>),
    Asleep,
    Ended(WaitStatus),
}

impl LinuxKernel {
    /// Lets a process make the call it announced.
    pub(super) fn grant(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Result<Outcome, Fault> {
        let forks = matches!(sys, Sys::Fork { .. } | Sys::Clone { .. });
        let sibling = matches!(sys, Sys::Clone { with, .. } if with.parent);
        let child_slot = if forks { self.tasks.take_slot(self.machine.gate())? } else { 0 };
        let task = self.tasks.get_mut(tid)?;
        task.at = At::Kernel(sys.clone());
        let slot = task.slot;
        self.machine.gate().go(slot, child_slot);
        let came = match sys {
            Sys::Exit { .. } => self.await_end(tid, fx)?,
            _ => self.await_guest(tid, sleeps(sys))?,
        };
        let mut reach = if self.orders_a_group(tid, sys) { Reach::All } else { reach(sys) };
        let outcome = match came {
            Came::Back(Some(ret)) => {
                if matches!(sys, Sys::Readlink { .. }) {
                    self.keep_seen_namespaces(tid)?;
                }
                match ret {
                    Ret::Int(_) if forks => self.born(tid, child_slot, sibling, fx)?,
                    _ if forks => self.tasks.free_slot(child_slot),
                    _ => {}
                }
                Outcome::Returned(ret)
            }
            Came::Back(None) => {
                if let Sys::Exec { path, argv, .. } = sys {
                    self.tell(tid, Happening::Executed { path: path.clone(), argv: argv.clone() }, fx);
                }
                Outcome::Became
            }
            Came::Asleep if forks => {
                // It was stopped at the gate, and forks when it is continued.
                self.tasks.get_mut(tid)?.forks = Some((child_slot, sibling));
                Outcome::Blocked(BlockedOn::Other)
            }
            Came::Asleep => Outcome::Blocked(self.blocked_on(tid, sys)?),
            Came::Ended(status) => {
                self.ended(tid, status, fx);
                reach = Reach::All;
                Outcome::Gone(status)
            }
        };
        self.settle(fx, reach)?;
        Ok(outcome)
    }

    /// Does a write kill or stop processes wherever they are: is it to a control group's file that does so?
    fn orders_a_group(&self, tid: Tid, sys: &Sys) -> bool {
        const ORDERS: [&str; 6] =
            ["cgroup.kill", "cgroup.freeze", "freezer.state", "cgroup.procs", "cgroup.threads", "tasks"];
        let Sys::Write { fd, .. } = sys else { return false };
        let opened = self.tasks.get(tid).ok().map(|task| format!("/proc/{}/fd/{fd}", task.outside.pid));
        let place = opened.and_then(|link| std::fs::read_link(link).ok());
        place.is_some_and(|place| ORDERS.iter().any(|name| place.ends_with(name)))
    }

    /// Answers in place of the kernel: the process comes straight back with its next call.
    pub(super) fn answer_above(&mut self, tid: Tid, ret: &Ret, fx: &mut Effects) -> Result<bool, Fault> {
        let task = self.tasks.get_mut(tid)?;
        if task.outside.look() == Look::Stopped {
            task.held = Some(ret.clone());
            return Ok(false);
        }
        task.at = At::Kernel(Sys::Getpid);
        if !self.machine.gate().answer(task.slot, ret, MESSAGE_TIMEOUT_NS) {
            return Err(Fault::new(format!("process {} did not take its answer", tid.0)));
        }
        match self.await_guest(tid, false)? {
            Came::Back(_) => Ok(true),
            Came::Asleep => Err(Fault::new(format!("process {} was stopped as it was answered", tid.0))),
            Came::Ended(status) => {
                self.ended(tid, status, fx);
                fx.died.push((tid, status));
                self.settle(fx, Reach::All).map(|()| true)
            }
        }
    }

    /// The first call of a process that was started from outside.
    pub(super) fn first_call(&mut self, tid: Tid, argv: &[String], fx: &mut Effects) -> Result<(), Fault> {
        match self.await_guest(tid, false)? {
            Came::Back(None) => {
                let path = argv.first().cloned().unwrap_or_default();
                self.tell(tid, Happening::Executed { path, argv: argv.to_vec() }, fx);
                Ok(())
            }
            _ => Err(Fault::new(format!("process {} ({argv:?}) did not come to the gate", tid.0))),
        }
    }

    fn born(&mut self, parent: Tid, slot: u32, sibling: bool, fx: &mut Effects) -> Result<(), Fault> {
        let child = self.tasks.add_child(parent, slot, sibling)?;
        match self.await_guest(child, false)? {
            Came::Back(None) => {}
            _ => return Err(Fault::new(format!("process {} did not come to the gate after its birth", child.0))),
        }
        fx.born.push(child);
        self.tell(parent, Happening::Forked { child }, fx);
        Ok(())
    }

    fn tell(&self, tid: Tid, what: Happening, fx: &mut Effects) {
        let container = self.tasks.live.get(&tid).and_then(|task| task.container);
        fx.events.push(KernelEvent { tid, container, what });
    }

    /// Waits until a process is back at the gate, asleep in the kernel, or ended.
    fn await_guest(&mut self, tid: Tid, sleeps: bool) -> Result<Came, Fault> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let task = self.tasks.get(tid)?;
        let gate = self.machine.gate();
        let mut patience_ns = if sleeps { PATIENCE_NS } else { LONG_PATIENCE_NS };
        let mut asleep_before = false;
        loop {
            let word = gate.word(task.slot);
            if word == Word::Said {
                return self.back(tid).map(Came::Back);
            }
            gate.wait(task.slot, word, patience_ns);
            let after = gate.word(task.slot);
            if after == Word::Said {
                continue;
            }
            let asleep = match task.outside.look() {
                Look::Busy | Look::Exiting => false,
                Look::Asleep => after == Word::Running && word == after,
                Look::Stopped => true,
                Look::Zombie { status, .. } => return Ok(Came::Ended(status_of(status)?)),
                Look::Dead | Look::Gone => return Ok(Came::Ended(self.status_of_gone(tid, None)?)),
            };
            if asleep && asleep_before && gate.word(task.slot) == after {
                return Ok(Came::Asleep);
            }
            asleep_before = asleep;
            patience_ns = PATIENCE_NS / 4;
            if Instant::now() > deadline {
                return Err(Fault::new(format!("process {} neither returned from nor sleeps in {:?}", tid.0, task.at)));
            }
        }
    }

    /// Takes what a process said at the gate.
    fn back(&mut self, tid: Tid) -> Result<Option<Ret>, Fault> {
        let task = self.tasks.get_mut(tid)?;
        match self.machine.gate().message(task.slot, MESSAGE_TIMEOUT_NS) {
            Some(Message::Call { last, next }) => {
                (task.at, task.reads) = (At::Gate(next.into_owned()), None);
                Ok(last)
            }
            Some(Message::Broken(why)) => Err(Fault::new(format!("process {}: {why}", tid.0))),
            None => Err(Fault::new(format!("process {} said at the gate what cannot be read", tid.0))),
        }
    }

    /// Waits for a process that called exit(2). The first process of a pid namespace ends only when all others in it
    /// have been reaped, and some of them may be ours to reap (pid_namespaces(7)).
    fn await_end(&mut self, tid: Tid, fx: &mut Effects) -> Result<Came, Fault> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        loop {
            let task = self.tasks.get(tid)?;
            let mut poll = libc::pollfd { fd: task.outside.pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one pollfd that outlives the call.
            let ready = check(unsafe { libc::poll(&mut poll, 1, 2) }) == Ok(1);
            let ended = match task.outside.look() {
                Look::Zombie { status, .. } => Some(status_of(status)?),
                Look::Dead | Look::Gone => Some(self.status_of_gone(tid, None)?),
                // Stopped at the gate: it ends when it is continued.
                Look::Stopped => return Ok(Came::Asleep),
                _ => None,
            };
            if let Some(status) = ended {
                task_list_barrier();
                return Ok(Came::Ended(status));
            }
            if !ready && self.sweep(fx, Reach::All, Some(tid))? == Found::Nothing && self.tasks.is_held(tid) {
                return Ok(Came::Asleep);
            }
            if Instant::now() > deadline {
                return Err(Fault::new(format!("process {} does not end", tid.0)));
            }
        }
    }

    /// How a process ended that its parent has reaped already. Before Linux 6.15 only the parent can tell.
    fn status_of_gone(&self, tid: Tid, fx: Option<&Effects>) -> Result<WaitStatus, Fault> {
        let task = self.tasks.get(tid)?;
        if let Some(raw) = task.outside.exit_status() {
            return status_of(raw);
        }
        if let At::Kernel(Sys::Exit { code }) = task.at {
            return Ok(WaitStatus::Exited(code & 0xff));
        }
        let told = fx.iter().flat_map(|fx| &fx.woken).find_map(|(_, ret)| match ret {
            Ret::Waited { pid, status } if task.nspid.contains(pid) => Some(*status),
            _ => None,
        });
        // Nobody was told: the kernel reaped it when its pid namespace ended.
        Ok(told.unwrap_or(WaitStatus::Signaled(Signal::SIGKILL)))
    }

    fn blocked_on(&mut self, tid: Tid, sys: &Sys) -> Result<BlockedOn, Fault> {
        let Sys::Read { fd, .. } = sys else { return Ok(BlockedOn::Other) };
        let task = self.tasks.get_mut(tid)?;
        let opened = std::fs::metadata(format!("/proc/{}/fd/{fd}", task.outside.pid));
        let job = opened.ok().and_then(|metadata| self.jobs.of_input((metadata.dev(), metadata.ino())));
        task.reads = job;
        Ok(job.map_or(BlockedOn::Other, BlockedOn::Input))
    }

    /// What is typed reaches the terminal by a kernel thread: waits until whoever reads there has been woken, or until it
    /// can be read.
    pub(super) fn await_typed(&mut self, job: JobId) -> Result<(), Fault> {
        let readers: Vec<_> = self.tasks.live.values().filter(|task| task.reads == Some(job)).collect();
        if readers.is_empty() {
            return match self.jobs.arrived(job)? {
                true => Ok(()),
                false => Err(Fault::new("what was typed did not arrive at the console")),
            };
        }
        let deadline = Instant::now() + CALL_TIMEOUT;
        let woken = |task: &&super::tasks::Task| {
            self.machine.gate().word(task.slot) == Word::Said || task.outside.look() != Look::Asleep
        };
        while !readers.iter().any(woken) {
            if Instant::now() > deadline {
                return Err(Fault::new("a process that reads from the console did not wake"));
            }
            std::thread::sleep(SWEEP_PAUSE);
        }
        Ok(())
    }

    fn ended(&mut self, tid: Tid, status: WaitStatus, fx: &mut Effects) {
        self.tell(tid, Happening::Exited { status }, fx);
        self.tasks.bury(tid);
        for container in self.containers.values_mut().filter(|c| c.first == Some(tid)) {
            container.ended = Some(status);
        }
        if status == WaitStatus::Signaled(Signal::SIGKILL) {
            self.look_for_oom_kills(fx);
        }
    }

    /// Looks after everyone a step may have touched, until two sweeps in a row find nothing moving.
    pub(super) fn settle(&mut self, fx: &mut Effects, reach: Reach) -> Result<(), Fault> {
        if reach == Reach::Caller {
            return Ok(());
        }
        let deadline = Instant::now() + CALL_TIMEOUT;
        let mut reach = reach;
        let mut quiet = 0;
        while quiet < 2 {
            match self.sweep(fx, reach, None)? {
                Found::Nothing => quiet += 1,
                Found::Moving => quiet = 0,
                Found::Deaths => {
                    quiet = 0;
                    reach = Reach::All;
                    task_list_barrier();
                }
            }
            if quiet == 0 {
                std::thread::sleep(SWEEP_PAUSE);
            }
            if Instant::now() > deadline {
                return Err(Fault::new("the node does not settle"));
            }
        }
        self.jobs.exchange(fx)?;
        fx.woken.sort_by_key(|(tid, _)| *tid);
        fx.died.sort_by_key(|(tid, _)| *tid);
        fx.born.sort();
        Ok(())
    }

    /// One look at everyone within reach, but for `except`.
    fn sweep(&mut self, fx: &mut Effects, reach: Reach, except: Option<Tid>) -> Result<Found, Fault> {
        let mut found = Found::Nothing;
        let tids: Vec<Tid> = self.tasks.live.keys().copied().filter(|tid| Some(*tid) != except).collect();
        for tid in tids {
            let task = self.tasks.get(tid)?;
            let in_kernel = matches!(task.at, At::Kernel(_));
            if in_kernel && self.machine.gate().word(task.slot) == Word::Said {
                // A program that was stopped before its execve(2) has no answer yet.
                let ret = self.back(tid)?.unwrap_or(Ret::Start);
                match (self.tasks.get_mut(tid)?.forks.take(), &ret) {
                    (Some((slot, sibling)), Ret::Int(_)) => self.born(tid, slot, sibling, fx)?,
                    (Some((slot, _)), _) => self.tasks.free_slot(slot),
                    (None, _) => {}
                }
                fx.woken.push((tid, ret));
                found = found.max(Found::Moving);
                continue;
            }
            if !in_kernel && reach < Reach::All {
                continue;
            }
            let status = match task.outside.look() {
                // It was stopped when its answer came.
                Look::Asleep if task.held.is_some() => {
                    let ret = self.tasks.get_mut(tid)?.held.take().unwrap_or(Ret::Ok);
                    self.answer_above(tid, &ret, fx)?;
                    fx.woken.push((tid, ret));
                    found = found.max(Found::Moving);
                    continue;
                }
                // It may have come back to the gate since its word was read.
                Look::Asleep | Look::Stopped if in_kernel && self.machine.gate().word(task.slot) == Word::Said => {
                    found = found.max(Found::Moving);
                    continue;
                }
                Look::Asleep | Look::Stopped => continue,
                Look::Exiting if self.tasks.is_held(tid) => continue,
                Look::Busy | Look::Exiting => {
                    found = found.max(Found::Moving);
                    continue;
                }
                Look::Zombie { status, .. } => status_of(status)?,
                Look::Dead | Look::Gone => self.status_of_gone(tid, Some(fx))?,
            };
            self.ended(tid, status, fx);
            fx.died.push((tid, status));
            found = Found::Deaths;
        }
        if reach == Reach::All {
            found = found.max(self.reap(fx)?);
        }
        Ok(found)
    }

    /// A container's first process that was not the init of a pid namespace: what is left of the container is killed, as its
    /// runtime does, before that is reaped and with it the groups go. Is any of it on its way out?
    fn rest_ends(&mut self, first: Tid) -> Result<bool, Fault> {
        let shares = |container: &super::Container| container.spec.namespaces.pid != Owner::Own;
        let ended = self.containers.iter_mut().find(|(_, c)| c.first == Some(first) && shares(c));
        let Some((cid, container)) = ended else { return Ok(false) };
        let killed = std::mem::replace(&mut container.rest_killed, true);
        let of_it = self.tasks.live.iter().filter(|(_, task)| task.container == Some(*cid));
        if killed {
            return Ok(of_it.into_iter().any(|(_, task)| !matches!(task.outside.look(), Look::Asleep | Look::Stopped)));
        }
        let rest: Vec<Tid> = of_it.map(|(tid, _)| *tid).collect();
        rest.iter().try_for_each(|tid| self.tasks.send(*tid, Signal::SIGKILL))?;
        Ok(!rest.is_empty())
    }

    /// Has the node's init reap the dead that are its children: the jobs' first processes, and orphans.
    fn reap(&mut self, fx: &mut Effects) -> Result<Found, Fault> {
        let mut found = Found::Nothing;
        for tid in self.tasks.zombies.keys().copied().collect::<Vec<_>>() {
            match self.tasks.zombies[&tid].outside.look() {
                Look::Zombie { parent, .. } if parent == self.tasks.init as u32 => {}
                Look::Gone => {
                    self.tasks.zombies.remove(&tid);
                    continue;
                }
                Look::Dead => {
                    found = found.max(Found::Moving);
                    continue;
                }
                _ => continue,
            }
            if self.rest_ends(tid)? {
                found = found.max(Found::Moving);
                continue;
            }
            self.keep_memory_of(tid);
            let (reply, _) = self.machine.order(&Order::Reap { pid: tid.0 }, &[])?;
            let Reply::Reaped(Some(raw)) = reply else {
                return Err(Fault::new(format!("the node's init could not reap process {}: {reply:?}", tid.0)));
            };
            self.tasks.zombies.remove(&tid);
            if let Some(job) = self.jobs.of_first(tid) {
                self.jobs.exchange(fx)?;
                fx.jobs_ended.push((job, status_of(raw)?));
                self.jobs.first_is_gone(job);
            }
            found = Found::Deaths;
        }
        Ok(found)
    }
}

/// What a sweep saw, the most important of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Moving,
    Deaths,
}

/// Calls that may wait in the kernel, or end their caller.
fn sleeps(sys: &Sys) -> bool {
    matches!(
        sys,
        Sys::Read { .. }
            | Sys::Write { .. }
            | Sys::Open { .. }
            | Sys::Wait { .. }
            | Sys::WaitId { .. }
            | Sys::Touch { .. }
            | Sys::SigWait { .. }
            | Sys::Kill { .. }
            | Sys::SigMask { .. }
    )
}

fn reach(sys: &Sys) -> Reach {
    match sys {
        // What fills pages of a file may be killed for as well, and so may somebody else.
        Sys::Write { data, .. } if data.len() >= PAGE_BYTES => Reach::All,
        Sys::Read { .. } | Sys::Write { .. } | Sys::Close { .. } | Sys::Dup2 { .. } | Sys::Exec { .. } => {
            Reach::Blocked
        }
        Sys::Open { .. } | Sys::SigWait { .. } => Reach::Blocked,
        Sys::Kill { .. } | Sys::SigMask { .. } | Sys::Wait { .. } | Sys::WaitId { .. } | Sys::Exit { .. } => Reach::All,
        // Who is killed for memory may be somebody else.
        Sys::Touch { .. } | Sys::Munmap { .. } => Reach::All,
        _ => Reach::Caller,
    }
}
