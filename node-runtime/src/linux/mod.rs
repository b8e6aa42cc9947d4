//! A real Linux kernel behind [`engine::node::Kernel`].
//!
//! A node is one process, the *init* of the toolbox, in new pid, mount, network, uts, ipc and cgroup namespaces
//! ([`machine`]). Guests come to the gate with each call ([`tasks`]); what they wait for is seen from outside, in the
//! real machine's `/proc` ([`proc`]). Layers are unpacked to, and upperdirs archived from, the node's own tmpfs
//! ([`unpack`], [`archive`]); facts are read off the kernel and the disk ([`facts`]).
//!
//! Nothing here takes a pid in the node, and nothing outlives the init but its control groups ([`groups`]), which have
//! somebody who takes them away.

mod archive;
mod console;
pub mod disk;
mod facts;
mod group_facts;
mod groups;
mod jobs;
mod look;
mod machine;
mod memory;
mod namespaces;
mod proc;
mod settle;
mod store;
mod tasks;
mod unpack;

use crate::linux::jobs::Jobs;
use crate::linux::machine::Machine;
pub use crate::linux::machine::toolbox_binary;
use crate::linux::store::Store;
use crate::linux::tasks::Tasks;
use engine::call::{Ret, Signal, Sys, Tid};
use engine::fact::Facts;
use engine::image::Digest;
use engine::node::{Cid, ContainerSpec, Effects, Fault, JobId, Kernel, Outcome, Place, ProcessSpec, StartError, Watch};
use engine::scenario::Scenario;
use engine::sim::Set;
use std::collections::BTreeMap;
use toolbox::wire::{Order, Reply};

/// A node on the kernel of this machine.
#[derive(Debug)]
pub struct LinuxKernel {
    machine: Machine,
    store: Store,
    tasks: Tasks,
    jobs: Jobs,
    containers: BTreeMap<Cid, Container>,
    seen: namespaces::Seen,
}

#[derive(Debug)]
struct Container {
    spec: ContainerSpec,
    /// Its first process, once it was started; and how that ended.
    first: Option<Tid>,
    ended: Option<engine::call::WaitStatus>,
    /// How many of it have been killed for its memory, as was told; and what is still known when its group is gone.
    oom_kills: u64,
    memory_at_end: Option<memory::AtEnd>,
    /// Its first process has ended, and all others have been sent SIGKILL: see [`LinuxKernel::rest_ends`].
    rest_killed: bool,
}

impl LinuxKernel {
    /// Makes a fresh node with the scenario's root file system and the learner's files.
    pub fn new(scenario: &Scenario) -> Result<LinuxKernel, Fault> {
        let mut machine = Machine::start()?;
        let store = Store::new(machine.store_dir(), machine.node_root());
        store.fill_node(scenario)?;
        machine.order(&Order::Boot, &[])?;
        let tasks = Tasks::new(machine.init_pid());
        Ok(LinuxKernel {
            machine,
            store,
            tasks,
            jobs: Jobs::default(),
            containers: BTreeMap::new(),
            seen: Default::default(),
        })
    }

    fn container(&self, container: Cid) -> Result<&Container, Fault> {
        self.containers.get(&container).ok_or_else(|| Fault::new(format!("container {} was not created", container.0)))
    }
}

impl Kernel for LinuxKernel {
    fn add_layer(&mut self, diff_id: &Digest, tar: &[u8]) -> Result<(), Fault> {
        self.store.add_layer(*diff_id, tar)
    }

    fn create(&mut self, container: Cid, spec: &ContainerSpec) -> Result<(), Fault> {
        let lowers = self.store.lowers(&spec.layers)?;
        self.machine.order(&Order::Create { container, lowers }, &[])?;
        let spec = spec.clone();
        self.containers.insert(
            container,
            Container { spec, first: None, ended: None, oom_kills: 0, memory_at_end: None, rest_killed: false },
        );
        Ok(())
    }

    fn spawn(
        &mut self,
        job: JobId,
        at: Place,
        process: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<Result<Tid, StartError>, Fault> {
        let home = match at {
            Place::Node => None,
            Place::Init(container) | Place::Join(container) => Some(container),
        };
        let container = home.map(|container| self.container(container).map(|container| container.spec.clone()));
        let container = container.transpose()?.map(Box::new);
        let stdio = self.jobs.open(job, &process.stdin)?;
        let slot = self.tasks.take_slot(self.machine.gate())?;
        let process = ProcessSpec { stdin: engine::node::Stdin::Null, ..process.clone() };
        let order = Order::Spawn { slot, at, container, process: Box::new(process.clone()) };
        let (reply, mut fds) = self.machine.order(&order, &stdio.as_raw())?;
        drop(stdio);
        let pid = match (reply, fds.pop()) {
            (Reply::Spawned(Ok(pid)), Some(pidfd)) => {
                self.tasks.add_first(pid, pidfd, slot, job, home)?;
                Tid(pid)
            }
            (Reply::Spawned(Err(why)), _) => {
                self.tasks.free_slot(slot);
                self.jobs.close(job);
                return Ok(Err(why));
            }
            (other, _) => return Err(Fault::new(format!("the node's init answered {other:?} to a spawn"))),
        };
        if let (Place::Init(_), Some(container)) = (at, home.and_then(|cid| self.containers.get_mut(&cid))) {
            (container.first, container.ended) = (Some(pid), None);
            (container.oom_kills, container.memory_at_end, container.rest_killed) = (0, None, false);
        }
        self.jobs.set_first(job, pid);
        self.first_call(pid, &process.argv, fx)?;
        Ok(Ok(pid))
    }

    fn asked(&mut self, tid: Tid) -> Result<Sys, Fault> {
        self.tasks.asked(tid)
    }

    fn carry_out(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Result<Outcome, Fault> {
        self.grant(tid, sys, fx)
    }

    fn answer(&mut self, tid: Tid, ret: Ret, fx: &mut Effects) -> Result<bool, Fault> {
        self.answer_above(tid, &ret, fx)
    }

    fn feed(&mut self, job: JobId, data: Option<&[u8]>, fx: &mut Effects) -> Result<(), Fault> {
        if self.jobs.feed(job, data)? {
            self.await_typed(job)?;
        }
        self.settle(fx, settle::Reach::Blocked)
    }

    fn signal(&mut self, job: JobId, signal: Signal, fx: &mut Effects) -> Result<(), Fault> {
        if let Some(first) = self.jobs.first(job) {
            self.tasks.send(first, signal)?;
        }
        self.settle(fx, settle::Reach::All)
    }

    fn interrupt(&mut self, job: JobId, spared: &Set<Tid>, fx: &mut Effects) -> Result<(), Fault> {
        if let Some(leader) = self.jobs.first(job) {
            let below = self.tasks.descendants(leader)?;
            for tid in std::iter::once(leader).chain(below).filter(|tid| !spared.contains(tid)) {
                // One at a time: a parent that is to die as well would else reap its child, or not, by chance.
                self.tasks.send(tid, Signal::SIGINT)?;
                self.settle(fx, settle::Reach::All)?;
            }
        }
        self.settle(fx, settle::Reach::All)
    }

    fn commit(&mut self, container: Cid) -> Result<Vec<u8>, Fault> {
        self.container(container)?;
        archive::upperdir(&self.store.upper(container), self.machine.run_start_s())
    }

    fn remove(&mut self, container: Cid) -> Result<(), Fault> {
        self.machine.order(&Order::Remove { container }, &[])?;
        self.containers.remove(&container);
        self.store.remove(container)
    }

    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
        facts::observe(self, watch, out)
    }
}

/// A failed call of the runner itself: a fault names what it was about.
trait OrFault<T> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T> OrFault<T> for std::io::Result<T> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|e| Fault::new(format!("{}: {e}", what())))
    }
}

impl<T> OrFault<T> for toolbox::os::Result<T> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|e| Fault::new(format!("{}: {}", what(), std::io::Error::from_raw_os_error(e))))
    }
}
