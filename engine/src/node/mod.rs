//! What a machine that runs containers is asked, and what it tells.
//!
//! Two interfaces. [`Kernel`] is the only thing in Drydock that is written twice: `kernel::SimKernel` models it,
//! `node-runtime` drives a real one. [`Node`] is what the [`crate::world::World`] sees: [`crate::sched::Scheduled`]
//! makes a `Node` of any `Kernel`, a recording is one by itself.
//!
//! A container is described in OCI runtime terms ([`ContainerSpec`], [`ProcessSpec`]); neither side knows Docker.
//! This module refuses to do anything: it is types.

use crate::call::{Errno, Ret, Signal, Sys, Tid, WaitStatus};
use crate::fact::Facts;
use crate::image::Digest;
use crate::sim::{Nanos, Set};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A machine in the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// A container as its node numbers it, from 1, in order of creation; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cid(pub u32);

/// A process that was asked for from outside (the session's shell, a container's init, an exec), with what descends
/// from it. Job 0 is the session's shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u32);

/// The path at which every node and container finds the binary that carries out programs; an executable file starts
/// with `#!/dev/.toolbox NAME`, so `execve(2)` itself resolves what a path runs, on both kernels.
pub const TOOLBOX: &str = "/dev/.toolbox";

/// Where a node has a file system on a disk, if the machine lends it one: all its others are in memory.
pub const DISK: &str = "/data";

/// A command line as it was typed: without the interpreter that the `#!` line of a program here adds (execve(2)).
pub fn without_interpreter(argv: &[String]) -> Vec<String> {
    match argv {
        [interpreter, _, path, rest @ ..] if interpreter == TOOLBOX => {
            let name = path.rsplit('/').next().unwrap_or(path);
            std::iter::once(name.to_owned()).chain(rest.iter().cloned()).collect()
        }
        argv => argv.to_vec(),
    }
}

/// A container before it runs: OCI runtime-spec `root`, `hostname`, `mounts`.
///
/// It gets new mnt and net namespaces, and the others of its own but for what `namespaces` says; `/` is an overlay of
/// `layers` under an upperdir of its own, which lives until [`NodeRequest::Remove`]; `/proc` is a procfs of its pid
/// namespace, `/dev` a tmpfs with `null`, `zero`, `full`, `random`, `urandom`, `tty` and [`TOOLBOX`], `/dev/mqueue` the
/// message queues of its ipc namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// What facts call it.
    pub name: String,
    pub hostname: String,
    /// diff_ids, oldest first. May be empty (`FROM scratch`).
    pub layers: Vec<Digest>,
    pub namespaces: NamespaceSpec,
    /// Attached in this order, before `binds`.
    pub tmpfs: Vec<Tmpfs>,
    pub binds: Vec<Bind>,
    /// `root.readonly`.
    pub read_only: bool,
    /// `process.capabilities.bounding`, of every process in it, as bits by number.
    pub capabilities: u64,
    pub cgroup: GroupSpec,
}

/// OCI runtime-spec `linux.namespaces`, of those that may be another's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSpec {
    /// Of one that is not its own the first process is not the init: when it ends, the runtime kills all that are left of
    /// the container.
    pub pid: Owner,
    /// With another's come its `/dev/shm`, with which it is shared.
    pub ipc: Owner,
    pub uts: Owner,
    /// Docker's default is one of its own where control groups are of version 2.
    pub private_cgroup: Option<bool>,
}

/// Whose a container's namespace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// A new one.
    #[default]
    Own,
    Node,
    /// That of another container's first process, which runs.
    Container(Cid),
}

/// Where shared memory is (shm_overview(7)).
pub const SHM: &str = "/dev/shm";

/// OCI runtime-spec `linux.cgroupsPath` and `linux.resources`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Below the root of each hierarchy of the node. It is made when the container starts, and removed when it has ended.
    pub path: String,
    pub pids_max: Option<u64>,
    pub cpu_quota_us: Option<u64>,
    pub cpu_period_us: Option<u64>,
    /// As version 1 counts them; see [`GroupSpec::files`].
    pub cpu_shares: Option<u64>,
    pub cpuset_cpus: Option<String>,
    pub memory_max_bytes: Option<u64>,
    /// Of memory and swap together, as version 1 counts it.
    pub memory_swap_max_bytes: Option<u64>,
}

/// Docker's, and the kernel's own (cgroup-v2.rst, `cpu.max`).
const DEFAULT_PERIOD_US: u64 = 100_000;

/// 2 to 262144 shares as a weight of 1 to 10000.
fn weight(shares: u64) -> u64 {
    1 + (shares.saturating_sub(2) * 9_999) / 262_142
}

impl GroupSpec {
    /// A group without limits.
    pub fn at(path: impl Into<String>) -> GroupSpec {
        GroupSpec { path: path.into(), ..GroupSpec::default() }
    }

    /// What a runtime writes into the group's files, in order, as (file, text); runc's conversions (opencontainers/cgroups,
    /// ConvertCPUSharesToCgroupV2Value, fs2/memory.go). In version 1 each is a file of its controller's hierarchy.
    pub fn files(&self, v2: bool) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        let mut put = |v2_file: &'static str, v1_file: &'static str, text: Option<String>| {
            let file = if v2 { v2_file } else { v1_file };
            files.extend(text.filter(|_| !file.is_empty()).map(|text| (file, text)));
        };
        let text = |number: Option<u64>| number.map(|number| number.to_string());
        let period_us = self.cpu_period_us.unwrap_or(DEFAULT_PERIOD_US);
        put("cpu.weight", "", self.cpu_shares.map(|shares| weight(shares).to_string()));
        put("", "cpu.shares", text(self.cpu_shares));
        put("cpu.max", "", self.cpu_quota_us.map(|quota| format!("{quota} {period_us}")));
        put("", "cpu.cfs_period_us", text(self.cpu_period_us));
        put("", "cpu.cfs_quota_us", text(self.cpu_quota_us));
        put("cpuset.cpus", "cpuset.cpus", self.cpuset_cpus.clone());
        put("pids.max", "pids.max", text(self.pids_max));
        put("memory.max", "memory.limit_in_bytes", text(self.memory_max_bytes));
        let swap =
            self.memory_swap_max_bytes.zip(self.memory_max_bytes).map(|(both, memory)| both.saturating_sub(memory));
        put("memory.swap.max", "", text(swap));
        put("", "memory.memsw.limit_in_bytes", text(self.memory_swap_max_bytes));
        files
    }
}

/// A tmpfs of a container's own, `nosuid`, `nodev` and, unless it says otherwise, `noexec`, as Docker mounts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    pub target: String,
    /// As mountinfo names it.
    pub source: String,
    pub read_only: bool,
    pub exec: bool,
    /// tmpfs(5): `mode=1777,size=65536k`.
    pub options: String,
}

impl Tmpfs {
    /// A node's, as systemd mounts it.
    pub fn shm_of_node() -> Tmpfs {
        let (target, source) = (SHM.to_owned(), "tmpfs".to_owned());
        Tmpfs { target, source, read_only: false, exec: true, options: "mode=1777".to_owned() }
    }

    /// mount(2)'s data: without a mode of its own it has that of the directory which it covers, as runc gives it.
    pub fn options_over(&self, mode: Option<u32>) -> String {
        let has_own = self.options.split(',').any(|option| option.starts_with("mode="));
        match mode.filter(|_| !has_own) {
            Some(mode) if self.options.is_empty() => format!("mode={mode:o}"),
            Some(mode) => format!("{},mode={mode:o}", self.options),
            None => self.options.clone(),
        }
    }
}

/// A bind mount from the node into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

/// OCI runtime-spec `process`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// `argv[0]` without a slash is looked for in `PATH` of `env`, inside the container.
    pub argv: Vec<String>,
    pub env: Vec<String>,
    /// Created with mode 0755 if it does not exist, as runc does.
    pub cwd: String,
    pub uid: u32,
    pub gid: u32,
    pub stdin: Stdin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// Exactly these bytes, then end of file.
    Bytes(Arc<[u8]>),
    /// Fed later by [`NodeRequest::Feed`]; `isatty` is true of it.
    Console,
    /// Fed later; `isatty` is false of it.
    Pipe,
}

/// Where a process starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// On the node itself.
    Node,
    /// As the container's init: pid 1 of its new pid namespace.
    Init(Cid),
    /// In the namespaces of a container that runs (setns(2)).
    Join(Cid),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What the world asks of a node. Each is answered by the [`NodeEvent`] named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeRequest {
    /// Unpack an OCI layer (an uncompressed tar) into the node's store → [`NodeEvent::LayerAdded`]. Adding a layer
    /// that is there already does nothing.
    AddLayer { diff_id: Digest, tar: Arc<[u8]> },
    /// → [`NodeEvent::Created`].
    Create { container: Cid, spec: ContainerSpec },
    /// → [`NodeEvent::Started`] or [`NodeEvent::StartFailed`].
    Start { job: JobId, at: Place, process: ProcessSpec },
    /// More input for a job; `None` is end of file. No answer.
    Feed { job: JobId, data: Option<Vec<u8>> },
    /// Signal a job's first process, from the node (an ancestor of every container's pid namespace). No answer.
    Signal { job: JobId, signal: Signal },
    /// What Ctrl-C does at a console: SIGINT to the job's first process and to all that descend from it, but for shells
    /// that wait for a command: under job control (dash(1), `-m`) that has a process group of its own. No answer.
    Interrupt { job: JobId },
    /// Answer a call that was handed upward ([`NodeEvent::Control`]).
    Answer { tid: Tid, ret: Box<Ret> },
    /// Read the upperdir as an OCI layer (whiteouts as `.wh.` files) → [`NodeEvent::Committed`].
    Commit { container: Cid },
    /// Unmount and delete a stopped container's upperdir. No answer.
    Remove { container: Cid },
}

/// What a node tells the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeEvent {
    LayerAdded {
        diff_id: Digest,
    },
    Created {
        container: Cid,
    },
    /// The job's first process has been started (its execve(2) has succeeded).
    Started {
        job: JobId,
        pid: Tid,
    },
    StartFailed {
        job: JobId,
        why: StartError,
    },
    Output {
        job: JobId,
        stream: Stream,
        data: Vec<u8>,
    },
    /// The job's first process ended and was reaped.
    Exited {
        job: JobId,
        status: WaitStatus,
    },
    Committed {
        container: Cid,
        tar: Arc<[u8]>,
    },
    /// A process of the container's control group was killed for the group's memory (containerd, TaskOOM).
    OutOfMemory {
        container: Cid,
    },
    /// A guest asked a control plane; it waits for [`NodeRequest::Answer`].
    Control {
        tid: Tid,
        request: Box<crate::docker::Request>,
    },
    /// A guest that waited for an answer from a control plane was killed (Ctrl-C on a client).
    ClientGone {
        tid: Tid,
    },
    /// The shell of `job` waits for a line at the console.
    Prompt {
        job: JobId,
        text: String,
        status: i32,
    },
}

/// Why a process could not be started, as a runtime reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartError {
    /// execve(2) of `argv[0]`, after looking through `PATH` if it has no slash.
    Exec(Errno),
    /// chdir(2) to `cwd`.
    Cwd(Errno),
    /// A bind mount's source or target.
    Mount(String, Errno),
}

/// A machine that runs containers, as the world sees it.
pub trait Node {
    fn request(&mut self, request: NodeRequest, out: &mut NodeOutput) -> Result<(), Fault>;
    /// Grant calls until nothing can go on at `now`, until `budget` calls were granted, or until a call led to something
    /// said: the world routes that before the next call is granted.
    fn run(&mut self, now: Nanos, budget: u64, out: &mut NodeOutput) -> Result<Pause, Fault>;
    /// What can be observed now; the node must be paused.
    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault>;
}

/// What a node says while it works.
#[derive(Clone, Debug, Default)]
pub struct NodeOutput {
    /// In order.
    pub said: Vec<Said>,
    pub calls: Vec<CallRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// For the world to act on.
    Event(NodeEvent),
    /// For the trace.
    Kernel(KernelEvent),
}

/// One granted call and its answer: the unit of the comparison call by call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    pub tid: Tid,
    /// `None` when the process was killed before it was granted its next call.
    pub sys: Option<Sys>,
    pub outcome: CallOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    Returned(Ret),
    /// It waits in the kernel; a later record of the same call says how it ended.
    Blocked,
    /// It blocked before and has returned now.
    Woken(Ret),
    /// execve(2) succeeded: the process is another program now.
    Became,
    /// The process ended, by this call or by a signal.
    Gone(WaitStatus),
}

/// Why [`Node::run`] came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing can go on before `next` (or ever, by itself). `reading` names the jobs whose stdin a process waits to
    /// read from.
    Idle { next: Option<Nanos>, reading: Vec<JobId> },
    /// The budget of granted calls is used up.
    Budget,
    /// Something was said.
    Said,
}

/// The side of a kernel that the scheduler drives: simulated, or Linux. **The only thing written twice.**
pub trait Kernel {
    fn add_layer(&mut self, diff_id: &Digest, tar: &[u8]) -> Result<(), Fault>;
    fn create(&mut self, container: Cid, spec: &ContainerSpec) -> Result<(), Fault>;
    /// Start a process. A failed start still uses up a pid, as a failed execve after clone(2) does.
    fn spawn(
        &mut self,
        job: JobId,
        at: Place,
        process: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<Result<Tid, StartError>, Fault>;
    /// The call this process announced; the process is neither blocked nor gone. Told once a call: what follows is
    /// either `carry_out` or, perhaps much later, `answer`; until then the process sits at the gate, where signals
    /// reach it.
    fn asked(&mut self, tid: Tid) -> Result<Sys, Fault>;
    /// Make the call that `asked` has just told.
    fn carry_out(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Result<Outcome, Fault>;
    /// Answer the announced call without the kernel (sleep, clock, random, control, prompt).
    /// `false` if it is stopped: then it is woken with this answer when it is continued.
    fn answer(&mut self, tid: Tid, ret: Ret, fx: &mut Effects) -> Result<bool, Fault>;
    fn feed(&mut self, job: JobId, data: Option<&[u8]>, fx: &mut Effects) -> Result<(), Fault>;
    fn signal(&mut self, job: JobId, signal: Signal, fx: &mut Effects) -> Result<(), Fault>;
    /// SIGINT to the job's first process, then to all that descend from it, but for those `spared`.
    fn interrupt(&mut self, job: JobId, spared: &Set<Tid>, fx: &mut Effects) -> Result<(), Fault>;
    fn commit(&mut self, container: Cid) -> Result<Vec<u8>, Fault>;
    fn remove(&mut self, container: Cid) -> Result<(), Fault>;
    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault>;
}

/// How a granted call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Returned(Ret),
    Blocked(BlockedOn),
    Became,
    Gone(WaitStatus),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockedOn {
    /// A read of this job's own stdin, which is fed from outside.
    Input(JobId),
    Other,
}

/// What else a step of the kernel did, besides answering the caller.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Processes that were blocked and have their answer now, in pid order.
    pub woken: Vec<(Tid, Ret)>,
    /// New processes, which have announced their first call, in pid order.
    pub born: Vec<Tid>,
    /// Processes that ended though it was not their turn (killed), in pid order.
    pub died: Vec<(Tid, WaitStatus)>,
    /// Jobs whose first process ended and was reaped by the node's init.
    pub jobs_ended: Vec<(JobId, WaitStatus)>,
    /// Containers that run and have lost a process to the limit of their memory.
    pub out_of_memory: Vec<Cid>,
    pub output: Vec<(JobId, Stream, Vec<u8>)>,
    pub events: Vec<KernelEvent>,
}

/// Something that happened inside a kernel, worth showing. The simulated kernel tells all of them; a real one only what
/// it lets be seen (births, execs, deaths), the rest follows from the facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelEvent {
    /// The process that made the call; pid 1 is the node itself.
    pub tid: Tid,
    /// The container it is in.
    pub container: Option<Cid>,
    pub what: Happening,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happening {
    Forked {
        child: Tid,
    },
    Executed {
        path: String,
        argv: Vec<String>,
    },
    Exited {
        status: WaitStatus,
    },
    Signaled {
        target: Tid,
        signal: Signal,
        delivered: bool,
    },
    /// Overlayfs copied a lower file up before its first change. `layer` counts from 1, the oldest.
    CopiedUp {
        path: String,
        layer: u32,
        size_bytes: u64,
    },
    WhitedOut {
        path: String,
        layer: u32,
    },
    MadeOpaque {
        path: String,
    },
    Created {
        path: String,
    },
    /// First write through this open file description.
    Wrote {
        path: String,
    },
    Removed {
        path: String,
    },
    Renamed {
        from: String,
        to: String,
    },
    ModeChanged {
        path: String,
        mode: u32,
    },
    Mounted {
        target: String,
        fstype: String,
    },
    Unmounted {
        target: String,
    },
    HostnameSet {
        name: String,
    },
    Unshared,
}

/// Which files' facts are wanted, besides those that are always told: what a lesson's goals and scenes look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Absolute paths inside every container.
    pub container_files: Vec<String>,
    /// Absolute paths on the node.
    pub node_files: Vec<String>,
}

/// The node itself failed: never a learner's mistake. On the simulated side it is a bug, on Linux perhaps the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    pub what: String,
}

impl Fault {
    pub fn new(what: impl Into<String>) -> Fault {
        Fault { what: what.into() }
    }
}
