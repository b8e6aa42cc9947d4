//! `/proc/sys` and `/proc/sysvipc` (proc_sys(5), proc_sysvipc(5)): what belongs to a namespace of whoever looks. Whatever
//! belongs to the machine is not there.

use crate::call::{Errno, IpcKind, Tid};
use crate::kernel::SimKernel;
use crate::kernel::namespace::PID_MAX;
use crate::scenario::{Linux, Profile};

/// Since then each pid namespace has its own `pid_max`; before, it is the machine's.
const OWN_PID_MAX: Linux = Linux(6, 14);
/// The least that `pid_max` may be (RESERVED_PIDS and one).
const LEAST_PID_MAX: u32 = 301;

/// Everything there, with its mode if it is a file; a directory stands before what is in it.
pub const ENTRIES: [(&str, Option<u32>); 23] = [
    ("sys", None),
    ("sys/fs", None),
    ("sys/fs/mqueue", None),
    ("sys/fs/mqueue/msg_default", Some(0o644)),
    ("sys/fs/mqueue/msg_max", Some(0o644)),
    ("sys/fs/mqueue/msgsize_default", Some(0o644)),
    ("sys/fs/mqueue/msgsize_max", Some(0o644)),
    ("sys/fs/mqueue/queues_max", Some(0o644)),
    ("sys/kernel", None),
    ("sys/kernel/hostname", Some(0o644)),
    ("sys/kernel/msgmax", Some(0o644)),
    ("sys/kernel/msgmnb", Some(0o644)),
    ("sys/kernel/msgmni", Some(0o644)),
    ("sys/kernel/ns_last_pid", Some(0o666)),
    ("sys/kernel/pid_max", Some(0o644)),
    ("sys/kernel/sem", Some(0o644)),
    ("sys/kernel/shmall", Some(0o644)),
    ("sys/kernel/shmmax", Some(0o644)),
    ("sys/kernel/shmmni", Some(0o644)),
    ("sysvipc", None),
    ("sysvipc/msg", Some(0o444)),
    ("sysvipc/sem", Some(0o444)),
    ("sysvipc/shm", Some(0o444)),
];

/// The entry of this name at the root of a procfs.
pub fn root(name: &str) -> Option<usize> {
    ENTRIES.iter().position(|(entry, _)| *entry == name && !name.contains('/'))
}

/// Is it there on such a kernel?
pub fn is_there(name: &str, linux: Linux) -> bool {
    ENTRIES.iter().any(|(entry, _)| *entry == name) && (name != "sys/kernel/pid_max" || linux >= OWN_PID_MAX)
}

/// May a guest write here, as far as its permissions go? No other write to a procfs reaches a kernel.
pub fn is_writable(name: &str) -> bool {
    matches!(name, "sys/kernel/ns_last_pid" | "sys/kernel/pid_max")
}

pub(super) fn lookup(profile: Profile, dir: usize, name: &str) -> Option<usize> {
    let path = format!("{}/{name}", ENTRIES[dir].0);
    let found = ENTRIES.iter().position(|(entry, _)| *entry == path)?;
    is_there(&path, profile.linux).then_some(found)
}

pub(super) fn below(profile: Profile, dir: usize) -> impl Iterator<Item = usize> {
    let is_below = move |(at, (name, _)): (usize, &(&str, _))| {
        let parent = name.rsplit_once('/')?.0;
        (parent == ENTRIES[dir].0 && is_there(name, profile.linux)).then_some(at)
    };
    ENTRIES.iter().enumerate().filter_map(is_below)
}

pub(super) fn parent(entry: usize) -> Option<usize> {
    let parent = ENTRIES[entry].0.rsplit_once('/')?.0;
    ENTRIES.iter().position(|(name, _)| *name == parent)
}

/// Such a switch belongs to a namespace of whoever looks, not of whoever mounted the procfs.
pub(super) fn read(kernel: &SimKernel, viewer: Tid, entry: usize) -> Option<String> {
    let process = kernel.process(viewer)?;
    let pids = kernel.pid_spaces.get(process.pid_ns())?;
    Some(match ENTRIES[entry].0 {
        "sys/kernel/hostname" => format!("{}\n", kernel.uts.get(&process.ns.uts)?.hostname),
        "sys/kernel/ns_last_pid" => format!("{}\n", pids.last),
        "sys/kernel/pid_max" => format!("{}\n", pids.max),
        "sysvipc/msg" => kernel.ipc_text(viewer, IpcKind::Msg)?,
        "sysvipc/sem" => kernel.ipc_text(viewer, IpcKind::Sem)?,
        "sysvipc/shm" => kernel.ipc_text(viewer, IpcKind::Shm)?,
        limit => format!("{}\n", limit_of_ipc(limit)?),
    })
}

/// A write behind the beginning is taken and forgotten (`kernel.sysctl_writes_strict`).
pub(super) fn write(kernel: &mut SimKernel, writer: Tid, entry: usize, offset: u64, data: &[u8]) -> Result<(), Errno> {
    let process = kernel.process(writer).ok_or(Errno::ESRCH)?;
    let (ns, owner) = (process.pid_ns(), process.ns.user);
    match ENTRIES[entry].0 {
        "sys/kernel/ns_last_pid" => {
            if !kernel.is_admin(writer, owner) {
                return Err(Errno::EPERM);
            }
            if offset > 0 || data.is_empty() {
                return Ok(());
            }
            let space = kernel.pid_spaces.get_mut(ns).ok_or(Errno::EINVAL)?;
            (space.last, space.again) = (number(data, 0, space.max)?, true);
        }
        "sys/kernel/pid_max" if offset > 0 || data.is_empty() => {}
        "sys/kernel/pid_max" => {
            let max = number(data, LEAST_PID_MAX, PID_MAX)?;
            kernel.pid_spaces.get_mut(ns).ok_or(Errno::EINVAL)?.max = max;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// What a new IPC namespace begins with (ipc_namespaces(7)); guests cannot change it.
fn limit_of_ipc(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('/').next()? {
        "msg_default" | "msg_max" => "10",
        "msgsize_default" | "msgsize_max" | "msgmax" => "8192",
        "queues_max" => "256",
        "msgmnb" => "16384",
        "msgmni" => "32000",
        "sem" => "32000\t1024000000\t500\t32000",
        "shmall" | "shmmax" => "18446744073692774399",
        "shmmni" => "4096",
        _ => return None,
    })
}

/// As kernel/sysctl.c parses one number.
fn number(data: &[u8], least: u32, most: u32) -> Result<u32, Errno> {
    let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?.trim_start();
    let text = text.split(|c: char| c.is_ascii_whitespace() || c == '\0').next().unwrap_or_default();
    text.parse().ok().filter(|n| (least..=most).contains(n)).ok_or(Errno::EINVAL)
}
