//! The simulated node: processes, namespaces, mounts and files as one plain-data state machine.
//!
//! A [`SimKernel`] is one side of [`crate::node::Kernel`]; `node-runtime` drives the other, Linux. It is cloned for every
//! snapshot of a session, so all that is large is shared (`Arc`) and copied when first changed.
//!
//! Rooms: [`process`], [`cred`], [`namespace`], [`userns`], [`nsfs`], [`signal`], [`lifecycle`] (fork, exit), [`wait`], [`group`] (process
//! groups, sessions), [`exec`], [`spawn`] (containers and
//! jobs), [`rootfs`] (what is mounted for them), [`vfs`] (trees, overlayfs, mounts, paths), [`files`] and [`pipe`],
//! [`procfs`], [`cgroup`], [`affinity`], `calls` (one room for each group of system calls), [`facts`].
//!
//! What it does not decide: who is granted the next call, time, chance, and anything about Docker. What it does not
//! model: networks, signal handlers, file systems other than tmpfs, overlayfs and proc.

mod affinity;
mod calls;
pub mod cgroup;
mod cred;
mod exec;
mod facts;
mod files;
mod group;
mod ipc;
mod lifecycle;
mod look;
mod memory;
pub mod mountinfo;
mod namespace;
mod nsfs;
mod pipe;
mod process;
pub mod procfs;
mod rootfs;
mod signal;
mod spawn;
#[cfg(test)]
mod tests;
mod time;
mod userns;
mod vfs;
mod wait;

use crate::call::{Capability, Errno, Resolve, Ret, Signal, Sys, Tid, WaitStatus};
use crate::fact::Facts;
use crate::image::Digest;
use crate::node::{
    BlockedOn, Cid, ContainerSpec, Effects, Fault, Happening, JobId, Kernel, KernelEvent, Outcome, Place, ProcessSpec,
    StartError, Watch,
};
use crate::scenario::{FixtureFile, Profile};
use crate::sim::{Map, Set};
use crate::sim::{Rng, sort_by_key};
use cgroup::ControlGroups;
use files::{Feed, Files, Opened};
use lifecycle::INIT;
use memory::MemoryAtEnd;
use namespace::{Namespaces, NsId, NsTable, PidSpaces, Uts};
use process::{Process, State, Waiting};
use std::sync::Arc;
use userns::UserSpaces;
use vfs::filesystems::FsMut;
use vfs::{Filesystems, Fs, FsId, Mounts, Superblock, Tree, View};

/// A kernel model with everything it has: clone it and both go on alike.
#[derive(Clone, Debug)]
pub struct SimKernel {
    /// The kernel that is modelled.
    profile: Profile,
    processes: Map<Tid, Arc<Process>>,
    namespaces: NsTable,
    pid_spaces: PidSpaces,
    user_spaces: UserSpaces,
    uts: Map<NsId, Uts>,
    cgroups: ControlGroups,
    ipc: Map<NsId, Arc<ipc::IpcSpace>>,
    /// Of time namespaces that somebody made: the node's own has no offsets.
    time_spaces: Map<NsId, Arc<time::TimeSpace>>,
    mounts: Mounts,
    filesystems: Filesystems,
    files: Files,
    memory: memory::Memory,
    /// The file system that is on a disk, if nodes have one.
    disk: Option<FsId>,
    /// The layers that images have: each a file system of its own.
    layers: Map<Digest, FsId>,
    containers: Map<Cid, Container>,
    jobs: Map<JobId, Job>,
    /// The file system that is the toolbox, and the device nodes a container finds in /dev.
    toolbox: FsId,
    /// What lies under every root.
    rootfs: FsId,
    dev: Arc<Tree>,
    node_ns: Namespaces,
    node_time: NsId,
    /// How often a process has become somebody's child.
    births: u64,
    /// What /dev/urandom gives; never compared.
    random: Rng,
    /// Something changed that a blocked call may have waited for.
    unsettled: bool,
    /// The process whose call is being carried out, and how it ended if it did.
    current: Option<Tid>,
    current_end: Option<WaitStatus>,
}

#[derive(Clone, Debug)]
struct Container {
    spec: Arc<ContainerSpec>,
    /// Its overlay, for as long as it exists; mounted while it runs.
    fs: FsId,
    init: Option<Tid>,
    ended: Option<WaitStatus>,
    /// What is still known of its memory when its group is gone.
    memory_at_end: Option<MemoryAtEnd>,
}

#[derive(Clone, Debug)]
struct Job {
    first: Tid,
    stdin: Feed,
}

impl SimKernel {
    /// A machine that has just booted: `node_root` (an OCI layer) as its root, `files` in the learner's home.
    pub fn new(node_root: &[u8], files: &[FixtureFile], hostname: &str, profile: Profile) -> Result<SimKernel, Fault> {
        SimKernel::boot(node_root, files, hostname, profile)
    }

    /// Saves a file of the learner's from outside, as an editor on the node does: with missing directories.
    pub fn save(&mut self, path: &str, content: &[u8]) -> Result<(), Fault> {
        self.save_file(path, content, 0o644)
    }

    fn process(&self, tid: Tid) -> Option<&Process> {
        self.processes.get(&tid).map(|process| &**process)
    }

    fn process_mut(&mut self, tid: Tid) -> Option<&mut Process> {
        self.processes.get_mut(&tid).map(Arc::make_mut)
    }

    fn fs(&self, fs: FsId) -> &Fs {
        // INVARIANT(fs-lives): a file system is dropped when no mount, open file or container refers to it.
        &self.superblock(fs).fs
    }

    fn fs_mut(&mut self, fs: FsId) -> FsMut<'_> {
        self.filesystems.of(fs)
    }

    fn superblock(&self, fs: FsId) -> &Superblock {
        self.filesystems.get(fs).expect("INVARIANT(fs-lives)")
    }

    fn superblock_mut(&mut self, fs: FsId) -> &mut Superblock {
        self.filesystems.get_mut(fs).expect("INVARIANT(fs-lives)")
    }

    fn view(&self, tid: Tid) -> Result<View, Errno> {
        let process = self.process(tid).ok_or(Errno::ESRCH)?;
        let (root, cwd, space) = (process.root, process.cwd, self.user_spaces.shared(process.ns.user));
        Ok(View { tid, cred: process.cred.clone(), space, root, cwd, resolve: Resolve::default() })
    }

    /// CAP_SYS_ADMIN in the user namespace that owns this namespace.
    fn is_admin_of(&self, tid: Tid, ns: NsId) -> bool {
        self.namespaces.owner(ns).is_some_and(|owner| self.is_admin(tid, owner))
    }

    /// CAP_SYS_TIME in the user namespace that owns this namespace. Nobody has it on the node, whose clocks are the real
    /// machine's.
    fn may_set_time(&self, tid: Tid, ns: NsId) -> bool {
        self.namespaces.owner(ns).is_some_and(|owner| self.is_capable(tid, owner, Capability::CAP_SYS_TIME))
    }

    /// CAP_SYS_ADMIN in this user namespace.
    fn is_admin(&self, tid: Tid, user: NsId) -> bool {
        self.is_capable(tid, user, Capability::CAP_SYS_ADMIN)
    }

    /// CAP_SYS_CHROOT, which Docker leaves a container.
    fn may_chroot(&self, tid: Tid) -> bool {
        self.process(tid).is_some_and(|process| process.cred.effective.has(Capability::CAP_SYS_CHROOT))
    }

    fn add_fs(&mut self, fs: Fs) -> FsId {
        self.filesystems.add(fs, self.node_ns.user)
    }

    fn tell(&self, tid: Tid, what: Happening, fx: &mut Effects) {
        let container = self.process(tid).and_then(|process| process.container);
        fx.events.push(KernelEvent { tid, container, what });
    }

    /// Stopped by a signal, or frozen with its control group.
    fn is_halted(&self, process: &Process) -> bool {
        process.stopped || self.cgroups.freezes(&process.cgroups).is_some()
    }

    /// Makes a call for a process that runs: `None` if it has to wait.
    fn make(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Outcome {
        (self.current, self.current_end) = (Some(tid), None);
        let made = calls::make(self, tid, sys, fx);
        let outcome = match made {
            calls::Made::Ret(ret) => Outcome::Returned(ret),
            calls::Made::Became => Outcome::Became,
            calls::Made::Wait(waiting) => self.block(tid, waiting),
            calls::Made::Ended => Outcome::Blocked(BlockedOn::Other),
        };
        if let Some(status) = self.current_end.take() {
            return Outcome::Gone(status);
        }
        let halted = self.process(tid).is_some_and(|process| self.is_halted(process));
        let Some(process) = self.process_mut(tid).filter(|process| process.is_alive()) else {
            return Outcome::Blocked(BlockedOn::Other);
        };
        match outcome {
            Outcome::Returned(ret) if halted => {
                process.state = State::Blocked(Waiting::ToGet(ret));
                Outcome::Blocked(BlockedOn::Other)
            }
            Outcome::Returned(ret) => {
                process.state = State::Ready(ret.clone());
                Outcome::Returned(ret)
            }
            other => other,
        }
    }

    fn block(&mut self, tid: Tid, waiting: Waiting) -> Outcome {
        let input = match &waiting {
            Waiting::Read { ofd, .. } => match self.files.get(*ofd).map(|ofd| ofd.what) {
                Some(Opened::Stdin(job)) => Some(job),
                _ => None,
            },
            _ => None,
        };
        if let Waiting::Read { ofd, .. } | Waiting::Write { ofd, .. } = &waiting {
            self.files.refer(*ofd);
        }
        if let Some(process) = self.process_mut(tid) {
            process.state = State::Blocked(waiting);
        }
        Outcome::Blocked(input.map_or(BlockedOn::Other, BlockedOn::Input))
    }

    /// Lets blocked calls go on for as long as any can: in pid order, again and again.
    fn settle(&mut self, fx: &mut Effects) {
        (self.current, self.current_end) = (None, None);
        while std::mem::take(&mut self.unsettled) {
            let waits = |process: &Process| matches!(process.state, State::Blocked(_)) && !self.is_halted(process);
            let blocked: Vec<Tid> =
                self.processes.iter().filter(|(_, process)| waits(process)).map(|(tid, _)| *tid).collect();
            for tid in blocked {
                self.retry(tid, fx);
            }
        }
        sort_by_key(&mut fx.woken, |(tid, _)| *tid);
        sort_by_key(&mut fx.died, |(tid, _)| *tid);
    }

    fn retry(&mut self, tid: Tid, fx: &mut Effects) {
        let Some(State::Blocked(waiting)) = self.process(tid).map(|process| process.state.clone()) else { return };
        let ret = match waiting {
            Waiting::Nothing => return,
            Waiting::ToGet(ret) => ret,
            Waiting::ToMake(sys) => match self.make(tid, &sys, fx) {
                Outcome::Returned(ret) => ret,
                // A program that was just started has no answer yet.
                Outcome::Became => Ret::Start,
                Outcome::Gone(status) => return fx.died.push((tid, status)),
                Outcome::Blocked(_) => return,
            },
            waiting => {
                let held = match &waiting {
                    Waiting::Read { ofd, .. } | Waiting::Write { ofd, .. } => Some(*ofd),
                    _ => None,
                };
                let Some(ret) = calls::resume(self, tid, waiting, fx) else { return };
                if let Some(ofd) = held {
                    self.drop_ofd(ofd);
                }
                ret
            }
        };
        if let Some(process) = self.process_mut(tid).filter(|process| process.is_alive()) {
            process.state = State::Ready(ret.clone());
            fx.woken.push((tid, ret));
        }
    }
}

impl Kernel for SimKernel {
    fn add_layer(&mut self, diff_id: &Digest, tar: &[u8]) -> Result<(), Fault> {
        if !self.layers.contains_key(diff_id) {
            let layer = self.add_fs(Fs::Tree(Arc::new(vfs::layer::unpack(&Arc::from(tar))?)));
            self.layers.insert(*diff_id, layer);
        }
        Ok(())
    }

    fn create(&mut self, container: Cid, spec: &ContainerSpec) -> Result<(), Fault> {
        self.create_container(container, spec)
    }

    fn spawn(
        &mut self,
        job: JobId,
        at: Place,
        process: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<Result<Tid, StartError>, Fault> {
        let started = self.start(job, at, process, fx)?;
        self.settle(fx);
        Ok(started)
    }

    fn asked(&mut self, tid: Tid) -> Result<Sys, Fault> {
        let process = self.process_mut(tid).ok_or_else(|| Fault::new(format!("no process {}", tid.0)))?;
        match std::mem::replace(&mut process.state, State::AtGate) {
            State::Ready(last) => match &mut process.program {
                Some(program) => Ok(program.resume(last)),
                None => Err(Fault::new(format!("process {} has no program", tid.0))),
            },
            // An init that was killed and waits for its members: it asks for nothing but its end.
            State::Exiting(status) => {
                process.state = State::Exiting(status);
                Ok(Sys::Exit { code: status.shell_code() })
            }
            _ => Err(Fault::new(format!("process {} announces no call", tid.0))),
        }
    }

    fn carry_out(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Result<Outcome, Fault> {
        let halted = self.process(tid).is_some_and(|process| self.is_halted(process));
        let process = self.process_mut(tid).ok_or_else(|| Fault::new(format!("no process {}", tid.0)))?;
        if !process.is_alive() {
            return Ok(Outcome::Blocked(BlockedOn::Other));
        }
        let outcome = if halted {
            process.state = State::Blocked(Waiting::ToMake(Box::new(sys.clone())));
            Outcome::Blocked(BlockedOn::Other)
        } else {
            self.make(tid, sys, fx)
        };
        self.settle(fx);
        Ok(outcome)
    }

    fn answer(&mut self, tid: Tid, ret: Ret, fx: &mut Effects) -> Result<bool, Fault> {
        let taken = !self.process(tid).is_some_and(|process| self.is_halted(process));
        let process = self.process_mut(tid).ok_or_else(|| Fault::new(format!("no process {}", tid.0)))?;
        process.state = if taken { State::Ready(ret) } else { State::Blocked(Waiting::ToGet(ret)) };
        self.settle(fx);
        Ok(taken)
    }

    fn feed(&mut self, job: JobId, data: Option<&[u8]>, fx: &mut Effects) -> Result<(), Fault> {
        if let Some(job) = self.jobs.get_mut(&job) {
            job.stdin.chunks.push_back(data.map(<[u8]>::to_vec));
            self.unsettled = true;
        }
        self.settle(fx);
        Ok(())
    }

    fn signal(&mut self, job: JobId, signal: Signal, fx: &mut Effects) -> Result<(), Fault> {
        if let Some(first) = self.jobs.get(&job).map(|job| job.first) {
            self.send(INIT, first, signal, fx);
        }
        self.settle(fx);
        Ok(())
    }

    fn interrupt(&mut self, job: JobId, spared: &Set<Tid>, fx: &mut Effects) -> Result<(), Fault> {
        if let Some(leader) = self.jobs.get(&job).map(|job| job.first) {
            let below = self.descendants(leader);
            for tid in std::iter::once(&leader).chain(below.iter()).filter(|tid| !spared.contains(tid)) {
                self.send(INIT, *tid, Signal::SIGINT, fx);
            }
        }
        self.settle(fx);
        Ok(())
    }

    fn commit(&mut self, container: Cid) -> Result<Vec<u8>, Fault> {
        self.commit_upper(container)
    }

    fn remove(&mut self, container: Cid) -> Result<(), Fault> {
        self.remove_container(container)
    }

    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
        self.tell_facts(watch, out);
        Ok(())
    }
}
