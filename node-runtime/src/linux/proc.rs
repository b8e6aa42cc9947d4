//! The node seen from outside, in the real machine's `/proc`: no pid of the node is taken for it.

use super::OrFault;
use engine::node::Fault;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::time::Duration;
use toolbox::groups::line;
use toolbox::guest::normal::StatLine;
use toolbox::os::{self, check};

/// Longest `/proc/PID/stat`: 52 numbers.
const STAT_BYTES: usize = 2048;
/// How often a sleeping thread's wait channel is looked at before it is taken as untold.
const WCHAN_LOOKS: u32 = 50;

/// A process of the node, as this machine knows it: a pidfd and its open `/proc/PID/stat`.
#[derive(Debug)]
pub struct Outside {
    pub pid: i32,
    pub pidfd: OwnedFd,
    stat: File,
    wchan: Option<File>,
}

/// What a look at a process showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// On a CPU, or about to be; or asleep where no signal reaches, which does not last.
    Busy,
    Asleep,
    /// Asleep on its way out: the init of a pid namespace that waits for its last members to be gone.
    Exiting,
    Stopped,
    Zombie {
        status: i32,
        parent: u32,
    },
    /// Reaped, and about to be gone from every list.
    Dead,
    Gone,
}

impl Outside {
    pub fn of_pidfd(pidfd: OwnedFd) -> Result<Outside, Fault> {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
        let info = info.or_fault(|| "fdinfo of a pidfd".into())?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|n| n.trim().parse().ok());
        let pid = pid.ok_or_else(|| Fault::new(format!("a pidfd without a pid: {info}")))?;
        Outside::open(pid, pidfd)
    }

    /// A process that cannot end now: it is known to be at the gate, or its parent is.
    pub fn of_pid(pid: i32) -> Result<Outside, Fault> {
        // SAFETY: no memory is passed; the descriptor is new.
        let pidfd = unsafe {
            check(libc::syscall(libc::SYS_pidfd_open, pid, 0) as i64).map(|fd| OwnedFd::from_raw_fd(fd as i32))
        };
        Outside::open(pid, pidfd.or_fault(|| format!("pidfd_open({pid})"))?)
    }

    fn open(pid: i32, pidfd: OwnedFd) -> Result<Outside, Fault> {
        let stat = File::open(format!("/proc/{pid}/stat")).or_fault(|| format!("/proc/{pid}/stat"))?;
        let wchan = wchan_is_told().then(|| File::open(format!("/proc/{pid}/wchan"))).transpose();
        let wchan = wchan.or_fault(|| format!("/proc/{pid}/wchan"))?;
        Ok(Outside { pid, pidfd, stat, wchan })
    }

    /// Frozen with its control group, so that only thawing lets it run. In version 2 it sleeps on its way back from the
    /// kernel (kernel/signal.c, get_signal, do_freezer_trap), in version 1 wherever it is.
    fn is_frozen(&self, state: char) -> bool {
        const TRAPS: [&[u8]; 2] = [b"get_signal", b"do_freezer_trap"];
        let mut name = [0; 64];
        match (&self.wchan, state) {
            (Some(wchan), 'S') => wchan.read_at(&mut name, 0).is_ok_and(|length| TRAPS.contains(&&name[..length])),
            (_, 'D') => freezer_state(self.pid).is_some_and(|state| state != "THAWED"),
            _ => false,
        }
    }

    /// Off every run queue. The state alone does not say so: a process that was woken marks itself as sleeping again
    /// while it looks whether what it waits for has come (wait_event), and may be preempted just then. The wait channel
    /// is told only of a process that is on no run queue (kernel/sched/core.c, get_wchan).
    fn is_off_queue(&self) -> bool {
        let Some(wchan) = &self.wchan else { return true };
        let mut name = [0; 64];
        wchan.read_at(&mut name, 0).is_ok_and(|length| &name[..length] != b"0")
    }

    /// It waits for its group to have memory (oom_kill_disable of version 1): asleep as in disk I/O, but killable.
    fn waits_for_memory(&self) -> bool {
        let Some(wchan) = &self.wchan else { return false };
        let mut name = [0; 64];
        wchan.read_at(&mut name, 0).is_ok_and(|length| &name[..length] == b"mem_cgroup_oom_synchronize")
    }

    pub fn look(&self) -> Look {
        let mut bytes = [0; STAT_BYTES];
        let Ok(length) = self.stat.read_at(&mut bytes, 0) else { return Look::Gone };
        match StatLine::parse(&String::from_utf8_lossy(&bytes[..length])) {
            None => Look::Gone,
            Some(StatLine { state: 'S', exiting: true, .. }) => Look::Exiting,
            Some(StatLine { state: state @ ('S' | 'D'), .. }) if self.is_frozen(state) => Look::Stopped,
            Some(StatLine { state: 'S', .. }) if self.is_off_queue() => Look::Asleep,
            Some(StatLine { state: 'S', .. }) => Look::Busy,
            Some(StatLine { state: 'D', .. }) if self.waits_for_memory() => Look::Asleep,
            Some(StatLine { state: 'T' | 't', .. }) => Look::Stopped,
            Some(StatLine { state: 'Z', exit_code, ppid, .. }) => Look::Zombie { status: exit_code, parent: ppid },
            Some(StatLine { state: 'X', .. }) => Look::Dead,
            Some(_) => Look::Busy,
        }
    }

    pub fn parent(&self) -> Result<i32, Fault> {
        let mut bytes = [0; STAT_BYTES];
        let what = || format!("/proc/{}/stat", self.pid);
        let length = self.stat.read_at(&mut bytes, 0).or_fault(what)?;
        let line = StatLine::parse(&String::from_utf8_lossy(&bytes[..length]));
        line.map(|line| line.ppid as i32).ok_or_else(|| Fault::new(what()))
    }

    pub fn send(&self, signal: i32) -> os::Result<()> {
        let fd = self.pidfd.as_raw_fd();
        // SAFETY: no memory is passed: siginfo is NULL.
        check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, 0, 0) } as i64).map(drop)
    }

    /// How a process that has been reaped ended, where the kernel tells it (PIDFD_GET_INFO with PIDFD_INFO_EXIT, since
    /// Linux 6.15).
    pub fn exit_status(&self) -> Option<i32> {
        /// `struct pidfd_info` of include/uapi/linux/pidfd.h, first version with `exit_code`.
        #[repr(C)]
        #[derive(Default)]
        struct PidfdInfo {
            mask: u64,
            cgroupid: u64,
            numbers: [u32; 11],
            exit_code: i32,
        }
        const PIDFD_INFO_EXIT: u64 = 1 << 3;
        const PIDFD_GET_INFO: u64 = 0xc000_ff0b | ((size_of::<PidfdInfo>() as u64) << 16);
        let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
        // SAFETY: the request's size field is the size of `info`, which outlives the call.
        check(unsafe { libc::ioctl(self.pidfd.as_raw_fd(), PIDFD_GET_INFO as _, &mut info) }).ok()?;
        (info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
    }
}

/// What the group of a process says, where the freezer is of version 1.
fn freezer_state(pid: i32) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let (_, path) = groups.lines().filter_map(line).find(|(names, _)| *names == "freezer")?;
    let state = fs::read_to_string(format!("/sys/fs/cgroup/freezer{path}/freezer.state")).ok()?;
    Some(state.trim().to_owned())
}

/// Does this machine tell wait channels? Not without kallsyms. A thread that surely sleeps is asked.
fn wchan_is_told() -> bool {
    static TOLD: OnceLock<bool> = OnceLock::new();
    *TOLD.get_or_init(|| {
        let (wake, asleep) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            // SAFETY: no memory is passed.
            let _ = tell.send(unsafe { libc::gettid() });
            let _ = asleep.recv();
        });
        let path = told.recv().map(|tid| format!("/proc/self/task/{tid}/wchan")).unwrap_or_default();
        let looks = (0..WCHAN_LOOKS).any(|_| {
            std::thread::sleep(Duration::from_millis(2));
            fs::read(&path).is_ok_and(|name| name != b"0" && !name.is_empty())
        });
        drop(wake);
        let _ = sleeper.join();
        looks
    })
}

/// Waits until what the kernel does under its task list lock is done. A dying process is a zombie a moment before its
/// parent is woken, both under that lock (kernel/exit.c, exit_notify): whoever has taken the lock since sees both.
pub fn task_list_barrier() {
    // SAFETY: waitid(2) with WNOWAIT changes nothing, and siginfo_t is plain data.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &mut info, libc::WEXITED | libc::WNOWAIT | libc::WNOHANG);
    }
}

/// Children, oldest first, zombies included.
pub fn children(pid: i32) -> io::Result<Vec<i32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|n| n.parse().ok()).collect())
}

/// A process and all that descend from it, parents first.
pub fn tree(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        // One that has gone meanwhile has no children.
        all.extend(children(pid).unwrap_or_default());
        next += 1;
    }
    all
}

/// A line of `/proc/PID/status`, as numbers.
pub fn status_numbers(pid: i32, label: &str) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
    line.split_whitespace().filter_map(|n| n.parse().ok()).collect()
}

/// The pids of a process from the node's namespace inward. `NSpid:` starts at the namespace of this `/proc`, which may
/// itself be inside others; `depth` is how many numbers stand before the node's.
pub fn nspid(pid: i32, depth: usize) -> Vec<u32> {
    status_numbers(pid, "NSpid:").split_off_at(depth)
}

trait SplitOffAt {
    fn split_off_at(self, at: usize) -> Self;
}

impl SplitOffAt for Vec<u32> {
    fn split_off_at(mut self, at: usize) -> Vec<u32> {
        self.split_off(at.min(self.len()))
    }
}
