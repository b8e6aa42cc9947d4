//! Which files a group has, by version and controller. A real node shows these and no others (toolbox, guest/normal.rs):
//! what is not modelled is not there, on either kernel.

use super::Controller;

/// Controllers of version 1, in the order in which their hierarchies are numbered.
pub const V1_CONTROLLERS: [Controller; 5] =
    [Controller::Cpu, Controller::Cpuset, Controller::Memory, Controller::Pids, Controller::Freezer];
/// The directory of the hierarchy of version 2 beside those of version 1.
pub const UNIFIED: &str = "unified";
/// Where a node's own processes are, in a hierarchy of version 2.
pub const INIT_SCOPE: &str = "init.scope";

/// Where the shells of people are, in a hierarchy of version 2.
pub const SESSION: &str = "user.slice/session-1.scope";
/// Below it is a group for each container.
pub const CONTAINERS: &str = "docker";
/// Where a node has its hierarchies mounted.
pub const MOUNTED_AT: &str = "/sys/fs/cgroup";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct File {
    pub name: &'static str,
    pub what: What,
    pub mode: u32,
    pub v2: bool,
    /// `None` for those of every group.
    pub controller: Option<Controller>,
    /// The root of a node has it.
    pub at_root: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    Procs,
    /// `cgroup.threads`, and `tasks` of version 1: the same here, where every process is one thread.
    Threads,
    Core(super::core::What),
    Cpu(super::cpu::What),
    Cpuset(super::cpuset::What),
    Pids(super::pids::What),
    Memory(super::memory::What),
    Freezer(super::freezer::What),
}

use super::core::What as Core;
use super::cpu::What as Cpu;
use super::cpuset::What as Cpuset;
use super::freezer::What as Freezer;
use super::memory::{Limit, What as Memory};
use super::pids::What as Pids;
use Controller as C;

const RW: u32 = 0o644;
const RO: u32 = 0o444;
const WO: u32 = 0o200;

const fn root(name: &'static str, what: What, mode: u32) -> File {
    File { name, what, mode, v2: true, controller: None, at_root: true }
}

const fn v2(name: &'static str, what: What, mode: u32) -> File {
    File { name, what, mode, v2: true, controller: None, at_root: false }
}

const fn v1(name: &'static str, what: What, mode: u32) -> File {
    File { name, what, mode, v2: false, controller: None, at_root: true }
}

const fn of(controller: Controller, v2: bool, name: &'static str, what: What, mode: u32) -> File {
    File { name, what, mode, v2, controller: Some(controller), at_root: false }
}

/// Every file. Its place here is its number.
pub(in crate::kernel) const FILES: &[File] = &[
    root("cgroup.procs", What::Procs, RW),
    root("cgroup.threads", What::Threads, RW),
    root("cgroup.controllers", What::Core(Core::Controllers), RO),
    root("cgroup.subtree_control", What::Core(Core::SubtreeControl), RW),
    root("cgroup.stat", What::Core(Core::Stat), RO),
    v2("cgroup.events", What::Core(Core::Events), RO),
    v2("cgroup.freeze", What::Core(Core::Freeze), RW),
    v2("cgroup.kill", What::Core(Core::Kill), WO),
    v2("cgroup.max.depth", What::Core(Core::MaxDepth), RW),
    v2("cgroup.max.descendants", What::Core(Core::MaxDescendants), RW),
    v2("cgroup.type", What::Core(Core::Type), RW),
    v1("cgroup.procs", What::Procs, RW),
    v1("tasks", What::Threads, RW),
    of(C::Memory, true, "memory.current", What::Memory(Memory::Usage), RO),
    of(C::Memory, true, "memory.events", What::Memory(Memory::Events { local: false }), RO),
    of(C::Memory, true, "memory.events.local", What::Memory(Memory::Events { local: true }), RO),
    of(C::Memory, true, "memory.high", What::Memory(Memory::Limit(Limit::High)), RW),
    of(C::Memory, true, "memory.low", What::Memory(Memory::Limit(Limit::Low)), RW),
    of(C::Memory, true, "memory.max", What::Memory(Memory::Limit(Limit::Max)), RW),
    of(C::Memory, true, "memory.min", What::Memory(Memory::Limit(Limit::Min)), RW),
    of(C::Memory, true, "memory.oom.group", What::Memory(Memory::OomGroup), RW),
    of(C::Memory, true, "memory.peak", What::Memory(Memory::Peak), RO),
    of(C::Memory, true, "memory.reclaim", What::Memory(Memory::Reclaim), WO),
    of(C::Memory, true, "memory.stat", What::Memory(Memory::Stat), RO),
    of(C::Memory, false, "memory.failcnt", What::Memory(Memory::Failcnt), RW),
    of(C::Memory, false, "memory.force_empty", What::Memory(Memory::ForceEmpty), WO),
    of(C::Memory, false, "memory.limit_in_bytes", What::Memory(Memory::Limit(Limit::Max)), RW),
    of(C::Memory, false, "memory.max_usage_in_bytes", What::Memory(Memory::Peak), RW),
    of(C::Memory, false, "memory.oom_control", What::Memory(Memory::OomControl), RW),
    of(C::Memory, false, "memory.soft_limit_in_bytes", What::Memory(Memory::Limit(Limit::Soft)), RW),
    of(C::Memory, false, "memory.stat", What::Memory(Memory::Stat), RO),
    of(C::Memory, false, "memory.usage_in_bytes", What::Memory(Memory::Usage), RO),
    of(C::Cpu, true, "cpu.max", What::Cpu(Cpu::Max), RW),
    of(C::Cpu, true, "cpu.weight", What::Cpu(Cpu::Weight), RW),
    of(C::Cpu, false, "cpu.cfs_quota_us", What::Cpu(Cpu::Quota), RW),
    of(C::Cpu, false, "cpu.cfs_period_us", What::Cpu(Cpu::Period), RW),
    of(C::Cpu, false, "cpu.shares", What::Cpu(Cpu::Shares), RW),
    of(C::Cpuset, true, "cpuset.cpus", What::Cpuset(Cpuset::Cpus), RW),
    of(C::Cpuset, true, "cpuset.mems", What::Cpuset(Cpuset::Mems), RW),
    of(C::Cpuset, true, "cpuset.cpus.effective", What::Cpuset(Cpuset::EffectiveCpus), RO),
    of(C::Cpuset, true, "cpuset.mems.effective", What::Cpuset(Cpuset::EffectiveMems), RO),
    of(C::Cpuset, false, "cpuset.cpus", What::Cpuset(Cpuset::Cpus), RW),
    of(C::Cpuset, false, "cpuset.mems", What::Cpuset(Cpuset::Mems), RW),
    of(C::Cpuset, false, "cpuset.effective_cpus", What::Cpuset(Cpuset::EffectiveCpus), RO),
    of(C::Cpuset, false, "cpuset.effective_mems", What::Cpuset(Cpuset::EffectiveMems), RO),
    of(C::Pids, true, "pids.current", What::Pids(Pids::Current), RO),
    of(C::Pids, true, "pids.events", What::Pids(Pids::Events), RO),
    of(C::Pids, true, "pids.max", What::Pids(Pids::Max), RW),
    of(C::Pids, false, "pids.current", What::Pids(Pids::Current), RO),
    of(C::Pids, false, "pids.events", What::Pids(Pids::Events), RO),
    of(C::Pids, false, "pids.max", What::Pids(Pids::Max), RW),
    of(C::Freezer, false, "freezer.state", What::Freezer(Freezer::State), RW),
    of(C::Freezer, false, "freezer.self_freezing", What::Freezer(Freezer::SelfFreezing), RO),
    of(C::Freezer, false, "freezer.parent_freezing", What::Freezer(Freezer::ParentFreezing), RO),
];

/// Is the group at this path one that every node has, or below the one that containers are in?
pub fn is_of_node(path: &str) -> bool {
    let first = path.split('/').next();
    [INIT_SCOPE, SESSION, CONTAINERS].iter().any(|own| own.split('/').next() == first)
}

/// Does a group show a file of this name? Nodes have no limits on their root, as machines have none.
pub fn is_shown(name: &str, v2: bool, at_root: bool) -> bool {
    FILES.iter().any(|file| file.name == name && file.v2 == v2 && (file.at_root || !at_root))
}

/// May a guest write to it in the root of its node, or where the node's init is? Only to say who is where: the node could
/// be stopped by the rest.
pub fn is_open_to_guests(name: &str, at_root: bool) -> bool {
    matches!(name, "cgroup.procs" | "cgroup.threads" | "tasks") || (at_root && name == "cgroup.subtree_control")
}
