//! The catalogue: every kind of fact once, with its unit, meaning, source, evidence, witness and how it compares.

/// How firm the ground under a fact is (I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Evidence {
    /// A real kernel says it, without our code in between.
    Kernel,
    /// A page says it, named in `source`.
    Documented,
    /// Our assumption.
    Modelled,
}

/// When two sides agree on a fact (STYLE.md, point 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    Exact,
    /// Lists separated by spaces, in any order.
    Unordered,
    /// Integers that differ by at most this much.
    Within {
        parts_per_thousand: u32,
        absolute: i64,
    },
    /// Names that are compared by which facts share one (namespace identities).
    SameClass,
    NotCompared(&'static str),
}

/// One kind of fact.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The path, `*` for a segment that is a name.
    pub pattern: &'static str,
    pub unit: &'static str,
    pub meaning: &'static str,
    /// Where it is defined: man page and section, kernel document, OCI clause.
    pub source: &'static str,
    pub evidence: Evidence,
    /// What produced it on the real side without our code; empty when both sides share the code that makes it (I3).
    pub witness: &'static str,
    pub agreement: Agreement,
}

/// The kind a path belongs to.
pub fn kind_of(path: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| matches(kind.pattern, path))
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    let fits = pattern.split('/').all(|p| names.next().is_some_and(|n| p == "*" || p == n));
    fits && names.next().is_none()
}

use Agreement::*;
use Evidence::*;

macro_rules! kinds {
    ($($pattern:literal, $unit:literal, $meaning:literal, $source:literal, $evidence:expr, $witness:literal, $agreement:expr;)*) => {
        /// Every kind, in the order the inspector lists them.
        pub const KINDS: &[Kind] = &[$(Kind {
            pattern: $pattern, unit: $unit, meaning: $meaning, source: $source,
            evidence: $evidence, witness: $witness, agreement: $agreement,
        }),*];
    };
}

kinds! {
    // ── a container's processes and namespaces
    "container/*/state", "", "created, running, exited", "docker inspect, State.Status", Documented, "", Exact;
    "container/*/image", "", "sha256 of the configuration of the image it was made from", "docker inspect, Image", Documented, "", Exact;
    "container/*/exit_code", "", "how its init ended: the exit code, or 128 + the signal", "wait(2)", Kernel, "wait4(2)", Exact;
    "container/*/pid/inner", "", "the pid its first process knows itself by", "pid_namespaces(7)", Kernel, "/proc/PID/status NSpid", Exact;
    "container/*/pid/outer", "", "the pid of its first process, seen from the node", "pid_namespaces(7)", Kernel, "/proc/PID/status NSpid", Exact;
    "container/*/processes", "", "how many processes its pid namespace holds, zombies included", "pid_namespaces(7)", Kernel, "/proc/PID/ns/pid of every process", Exact;
    "container/*/hostname", "", "the UTS namespace's node name", "uts_namespaces(7)", Kernel, "uname(2) after setns(2)", Exact;
    "container/*/ns/*", "", "which namespace of this kind it is in, numbered by first appearance", "namespaces(7)", Kernel, "readlink /proc/PID/ns/*", SameClass;
    "container/*/uid", "", "user id of its first process", "credentials(7)", Kernel, "/proc/PID/status Uid", Exact;
    "container/*/cwd", "", "working directory of its first process", "proc_pid_cwd(5)", Kernel, "readlink /proc/PID/cwd", Exact;
    "container/*/cmdline", "", "arguments of its first process", "proc_pid_cmdline(5)", Kernel, "/proc/PID/cmdline", Exact;
    "container/*/root/fstype", "", "the file system its / is", "proc_pid_mountinfo(5)", Kernel, "/proc/PID/mountinfo", Exact;
    "container/*/root/lowers", "", "how many layers lie under its upperdir", "overlayfs.rst, Multiple lower layers", Kernel, "/proc/PID/mountinfo, lowerdir=", Exact;
    "container/*/root/options", "", "ro or rw", "proc_pid_mountinfo(5)", Kernel, "/proc/PID/mountinfo", Exact;
    "container/*/mount/*", "", "what it sees mounted at this path: the file system type, ro or rw, how events propagate", "proc_pid_mountinfo(5), mount_namespaces(7)", Kernel, "/proc/PID/mountinfo", Exact;
    // ── the thin writable layer
    "container/*/upper", "", "how many names its upperdir holds, whiteouts included", "overlayfs.rst, Upper and Lower", Kernel, "a walk of the upperdir on disk", Exact;
    "container/*/upper/*", "", "what the upperdir holds at this path: file, dir, opaque, symlink, whiteout", "overlayfs.rst, whiteouts and opaque directories", Kernel, "lstat(2), getxattr(2) on the upperdir", Exact;
    "container/*/upper/*/size", "B", "size in the upperdir", "stat(2)", Kernel, "lstat(2) on the upperdir", Exact;
    "container/*/upper/*/mode", "", "permission bits in the upperdir", "stat(2)", Kernel, "lstat(2) on the upperdir", Exact;
    "container/*/upper/*/sha256", "", "content in the upperdir", "FIPS 180-4", Kernel, "the upperdir's bytes, hashed by the sha2 crate", Exact;
    // ── what a path inside shows
    "container/*/file/*/kind", "", "what the merged directory shows at this path: file, dir, symlink, absent", "overlayfs.rst", Kernel, "lstat(2) through the overlay", Exact;
    "container/*/file/*/size", "B", "size through the overlay", "stat(2)", Kernel, "lstat(2) through the overlay", Exact;
    "container/*/file/*/mode", "", "permission bits through the overlay", "stat(2)", Kernel, "lstat(2) through the overlay", Exact;
    "container/*/file/*/sha256", "", "content through the overlay", "FIPS 180-4", Kernel, "read(2) through the overlay", Exact;
    "container/*/file/*/from", "", "what a lookup ends at: upper, whiteout, layer N (1 is the oldest), nothing", "overlayfs.rst, Upper and Lower", Kernel, "lstat(2) on the upperdir and each lowerdir, top to bottom", Exact;
    // ── the node
    "node/file/*/kind", "", "what is at this path on the node", "stat(2)", Kernel, "lstat(2)", Exact;
    "node/file/*/size", "B", "size of the file on the node", "stat(2)", Kernel, "lstat(2)", Exact;
    "container/*/file/*/uid", "", "owner, through the overlay, as the node numbers users", "stat(2)", Kernel, "lstat(2) through the overlay", Exact;
    "node/file/*/uid", "", "owner of the file on the node, as the node numbers users", "stat(2)", Kernel, "lstat(2)", Exact;
    "node/file/*/mode", "", "permission bits of the file on the node", "stat(2)", Kernel, "lstat(2)", Exact;
    "node/file/*/sha256", "", "content of the file on the node", "FIPS 180-4", Kernel, "read(2)", Exact;
    "node/hostname", "", "the node's own name", "uts_namespaces(7)", Kernel, "uname(2)", Exact;
    "node/processes", "", "processes on the node, containers included", "proc(5)", Kernel, "/proc/PID/task/*/children", Exact;
    "process/*/comm", "", "name of the process with this pid on the node", "proc_pid_comm(5)", Kernel, "/proc/PID/comm", Exact;
    "process/*/ppid", "", "parent, as a pid on the node", "proc_pid_stat(5)", Kernel, "/proc/PID/stat", Exact;
    "process/*/state", "", "S sleeping, T stopped, Z zombie", "proc_pid_stat(5)", Kernel, "/proc/PID/stat", Exact;
    "process/*/nspid", "", "its pid in each pid namespace, from the node's inward", "proc_pid_status(5), NSpid", Kernel, "/proc/PID/status", Exact;
    "process/*/inner", "", "the pid it knows itself by", "proc_pid_status(5), NSpid", Kernel, "/proc/PID/status", Exact;
    "process/*/depth", "", "in how many pid namespaces it has a number, from the node's inward", "pid_namespaces(7)", Kernel, "/proc/PID/status", Exact;
    "process/*/cmdline", "", "its arguments; none of one that has ended", "proc_pid_cmdline(5)", Kernel, "/proc/PID/cmdline", Exact;
    "process/*/uid", "", "user ids, real, effective and saved, as the node numbers them", "proc_pid_status(5), Uid", Kernel, "/proc/PID/status", Exact;
    "process/*/capabilities", "", "effective capabilities in its user namespace, as bits", "proc_pid_status(5), CapEff", Kernel, "/proc/PID/status", Exact;
    "process/*/uid_map", "", "in a user namespace of its own: user ids there, on the node, and how many", "user_namespaces(7)", Kernel, "/proc/PID/uid_map", Exact;
    "process/*/gid_map", "", "in a user namespace of its own: group ids there, on the node, and how many", "user_namespaces(7)", Kernel, "/proc/PID/gid_map", Exact;
    "process/*/ns/*", "", "which namespace of this kind it is in, numbered by first appearance; none of one that has ended", "namespaces(7)", Kernel, "readlink /proc/PID/ns/*", SameClass;
    // ── memory of control groups: of a container, and of one that was made by hand. The kernel charges in batches for each
    // processor, counts tables, stacks and journals of its own, and a guest takes a little more or less memory by how it was
    // built: sizes agree within that
    "container/*/oom_killed", "", "whether a process of it was killed for the memory of its control group since it was started", "cgroup-v2.rst, memory.events", Kernel, "memory.events or memory.oom_control", Exact;
    "container/*/cgroup/memory/current", "B", "memory charged to its control group and those below", "cgroup-v2.rst, memory.current", Kernel, "memory.current or memory.usage_in_bytes", Within { parts_per_thousand: 30, absolute: 1 << 20 };
    "container/*/cgroup/memory/peak", "B", "the most that was ever charged to it", "cgroup-v2.rst, memory.peak", Kernel, "memory.peak or memory.max_usage_in_bytes", Within { parts_per_thousand: 30, absolute: 1 << 20 };
    "container/*/cgroup/memory/max", "B", "its limit; absent without one", "cgroup-v2.rst, memory.max", Kernel, "memory.max or memory.limit_in_bytes", Exact;
    "container/*/cgroup/memory/high", "B", "above it memory is taken back; absent without it and in version 1", "cgroup-v2.rst, memory.high", Kernel, "memory.high", Exact;
    "container/*/cgroup/memory/anon", "B", "anonymous memory charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 0, absolute: 256 << 10 };
    "container/*/cgroup/memory/file", "B", "pages of files on a disk charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 50, absolute: 1 << 20 };
    "container/*/cgroup/memory/shmem", "B", "shared memory and files of tmpfs charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 0, absolute: 256 << 10 };
    "container/*/cgroup/memory/oom_kill", "", "processes that were killed for its memory", "cgroup-v2.rst, memory.events", Kernel, "memory.events or memory.oom_control", Exact;
    "container/*/cgroup/memory/max_events", "", "how often it met its limit", "cgroup-v2.rst, memory.events", Kernel, "memory.events or memory.failcnt", NotCompared("depends on how reclaim goes, which is not modelled");
    "cgroup/*/memory/current", "B", "memory charged to the group and those below", "cgroup-v2.rst, memory.current", Kernel, "memory.current or memory.usage_in_bytes", Within { parts_per_thousand: 30, absolute: 1 << 20 };
    "cgroup/*/memory/peak", "B", "the most that was ever charged to it", "cgroup-v2.rst, memory.peak", Kernel, "memory.peak or memory.max_usage_in_bytes", Within { parts_per_thousand: 30, absolute: 1 << 20 };
    "cgroup/*/memory/max", "B", "its limit; absent without one", "cgroup-v2.rst, memory.max", Kernel, "memory.max or memory.limit_in_bytes", Exact;
    "cgroup/*/memory/high", "B", "above it memory is taken back; absent without it and in version 1", "cgroup-v2.rst, memory.high", Kernel, "memory.high", Exact;
    "cgroup/*/memory/anon", "B", "anonymous memory charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 0, absolute: 256 << 10 };
    "cgroup/*/memory/file", "B", "pages of files on a disk charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 50, absolute: 1 << 20 };
    "cgroup/*/memory/shmem", "B", "shared memory and files of tmpfs charged to it", "cgroup-v2.rst, memory.stat", Kernel, "memory.stat", Within { parts_per_thousand: 0, absolute: 256 << 10 };
    "cgroup/*/memory/oom_kill", "", "processes that were killed for its memory", "cgroup-v2.rst, memory.events", Kernel, "memory.events or memory.oom_control", Exact;
    "cgroup/*/memory/max_events", "", "how often it met its limit", "cgroup-v2.rst, memory.events", Kernel, "memory.events or memory.failcnt", NotCompared("depends on how reclaim goes, which is not modelled");
    // ── control groups
    "process/*/cgroup", "", "its control group below the node's root, that of the pids controller with version 1; a container's is called by the container", "cgroups(7), /proc/PID/cgroup", Kernel, "/proc/PID/cgroup", Exact;
    "container/*/cgroup/procs", "", "processes that are in it and no zombies", "cgroup-v2.rst, cgroup.procs", Kernel, "cgroup.procs", Exact;
    "container/*/cgroup/populated", "", "1 if a process is in it or in a group below", "cgroup-v2.rst, cgroup.events", Kernel, "cgroup.events", Exact;
    "container/*/cgroup/frozen", "", "1 if nothing in it runs because it, or a group above, is frozen", "cgroup-v2.rst, cgroup.freeze; cgroup-v1/freezer-subsystem.rst", Kernel, "cgroup.events, freezer.state", Exact;
    "container/*/cgroup/pids/current", "", "processes charged to it and to the groups below, zombies included", "cgroup-v2.rst, pids.current", Kernel, "pids.current", Exact;
    "container/*/cgroup/pids/max", "", "how many it may have, or max", "cgroup-v2.rst, pids.max", Kernel, "pids.max", Exact;
    "container/*/cgroup/pids/max_events", "", "forks that its limit refused", "cgroup-v2.rst, pids.events", Kernel, "pids.events", Exact;
    "container/*/cgroup/cpu/quota_us", "us", "processor time in each period, or max", "cgroup-v2.rst, cpu.max; scheduler/sched-bwc.rst", Kernel, "cpu.max, cpu.cfs_quota_us", Exact;
    "container/*/cgroup/cpu/period_us", "us", "the period of its quota", "cgroup-v2.rst, cpu.max; scheduler/sched-bwc.rst", Kernel, "cpu.max, cpu.cfs_period_us", Exact;
    "container/*/cgroup/cpu/weight", "", "its share beside its siblings, in version 2", "cgroup-v2.rst, cpu.weight", Kernel, "cpu.weight", Exact;
    "container/*/cgroup/cpu/shares", "", "its share beside its siblings, in version 1", "scheduler/sched-design-CFS.rst, cpu.shares", Kernel, "cpu.shares", Exact;
    "container/*/cgroup/cpu/cpus", "", "processors that it may run on", "cgroup-v2.rst, cpuset.cpus.effective", Kernel, "cpuset.cpus.effective, cpuset.effective_cpus", Exact;
    "cgroup/*/procs", "", "processes that are in it and no zombies", "cgroup-v2.rst, cgroup.procs", Kernel, "cgroup.procs", Exact;
    "cgroup/*/populated", "", "1 if a process is in it or in a group below", "cgroup-v2.rst, cgroup.events", Kernel, "cgroup.events", Exact;
    "cgroup/*/frozen", "", "1 if nothing in it runs because it, or a group above, is frozen", "cgroup-v2.rst, cgroup.freeze; cgroup-v1/freezer-subsystem.rst", Kernel, "cgroup.events, freezer.state", Exact;
    "cgroup/*/pids/current", "", "processes charged to it and to the groups below, zombies included", "cgroup-v2.rst, pids.current", Kernel, "pids.current", Exact;
    "cgroup/*/pids/max", "", "how many it may have, or max", "cgroup-v2.rst, pids.max", Kernel, "pids.max", Exact;
    "cgroup/*/pids/max_events", "", "forks that its limit refused", "cgroup-v2.rst, pids.events", Kernel, "pids.events", Exact;
    "cgroup/*/cpu/quota_us", "us", "processor time in each period, or max", "cgroup-v2.rst, cpu.max; scheduler/sched-bwc.rst", Kernel, "cpu.max, cpu.cfs_quota_us", Exact;
    "cgroup/*/cpu/period_us", "us", "the period of its quota", "cgroup-v2.rst, cpu.max; scheduler/sched-bwc.rst", Kernel, "cpu.max, cpu.cfs_period_us", Exact;
    "cgroup/*/cpu/weight", "", "its share beside its siblings, in version 2", "cgroup-v2.rst, cpu.weight", Kernel, "cpu.weight", Exact;
    "cgroup/*/cpu/shares", "", "its share beside its siblings, in version 1", "scheduler/sched-design-CFS.rst, cpu.shares", Kernel, "cpu.shares", Exact;
    "cgroup/*/cpu/cpus", "", "processors that it may run on", "cgroup-v2.rst, cpuset.cpus.effective", Kernel, "cpuset.cpus.effective, cpuset.effective_cpus", Exact;
    // ── images and layers
    "image/*/id", "", "sha256 of the configuration", "OCI image-spec, config.md", Documented, "", Exact;
    "image/*/layers", "", "how many layers it has", "OCI image-spec, config.md, rootfs.diff_ids", Documented, "", Exact;
    "image/*/size", "B", "bytes of its layers", "docker images", Documented, "", Exact;
    "image/*/cmd", "", "the default command", "OCI image-spec, config.md, Cmd", Documented, "", Exact;
    "image/*/history", "", "how many instructions its history lists", "OCI image-spec, config.md, history", Documented, "", Exact;
    "image/*/history/*/created_by", "", "the instruction", "OCI image-spec, config.md, history", Documented, "", Exact;
    "image/*/history/*/layer", "", "the layer this instruction made, or none", "OCI image-spec, config.md, empty_layer", Documented, "", Exact;
    "image/*/layer/*/diff_id", "", "sha256 of the layer's uncompressed tar", "OCI image-spec, config.md, DiffID", Kernel, "the upperdir, archived by the tar crate, hashed by the sha2 crate", Exact;
    "image/*/layer/*/chain_id", "", "sha256 over this layer and all below it", "OCI image-spec, config.md, ChainID", Kernel, "computed from witnessed diff_ids", Exact;
    "image/*/layer/*/size", "B", "bytes of the files in the layer", "docker history", Kernel, "the upperdir's files, summed", Exact;
    "image/*/layer/*/file/*", "", "what the layer holds at this path: kind, mode and size", "OCI image-spec, layer.md", Kernel, "the layer's tar, listed by the tar crate", Exact;
    "image/*/file/*/copies", "", "in how many layers this path is stored", "OCI image-spec, layer.md", Kernel, "the layers' tars, listed by the tar crate", Exact;
    "store/images", "", "images with a name", "docker images", Documented, "", Exact;
    "store/layers", "", "different layers in the store", "OCI image-spec, descriptor.md", Documented, "", Exact;
    "store/bytes", "B", "bytes of the different layers", "OCI image-spec, descriptor.md", Documented, "", Exact;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_own_pattern() {
        for kind in KINDS {
            let path = kind.pattern.replace('*', "x");
            assert_eq!(kind_of(&path).map(|k| k.pattern), Some(kind.pattern), "{path}");
        }
        assert!(kind_of("container/web").is_none());
    }

    #[test]
    fn kernel_evidence_names_a_witness_and_shared_facts_do_not() {
        for kind in KINDS {
            assert_eq!(kind.evidence == Kernel, !kind.witness.is_empty(), "{}", kind.pattern);
        }
    }
}
