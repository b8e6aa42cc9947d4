//! Calls about processes: birth, waiting, groups, sessions, prctl(2).

use super::calls::{Answer, Stop, clone_flags, error, forget_handlers, int, ok, wait_status};
use super::{Done, credentials};
use crate::os::{self, check};
use engine::call::{ChildState, CloneFlags, CloneWith, Prctl, Ret, Signal, Sys, WaitOptions, Which};
use engine::program::Program;

/// `Err` gives back a call that is not one of these.
pub(super) fn call(sys: Sys) -> Result<Answer, Sys> {
    // SAFETY: no memory is passed.
    Ok(unsafe {
        match sys {
            Sys::WaitId { which, options } => waitid(which, options),
            Sys::Probe { pid } => ok(libc::kill(pid, 0)),
            Sys::Setsid => int(libc::setsid()),
            Sys::Setpgid { pid, pgid } => ok(libc::setpgid(pid, pgid)),
            Sys::Getpgid { pid } => int(libc::getpgid(pid)),
            Sys::Getsid { pid } => int(libc::getsid(pid)),
            Sys::Prctl(what) => prctl(what),
            Sys::GetAffinity { pid } => affinity(pid),
            Sys::SetAffinity { pid, cpus } => set_affinity(pid, &cpus),
            Sys::Credentials(call) => credentials::call(call),
            other => return Err(other),
        }
    })
}

/// clone(2) without a new stack. A call that would share memory or tables with its child is made only if the kernel
/// surely refuses it: no program here is made for the other case.
pub(super) fn clone(new: CloneFlags, with: CloneWith, child: Option<Program>) -> Done {
    if with.shares() && !with.conflicts(new) {
        return error(libc::ENOSYS);
    }
    let bits = [
        (with.parent, libc::CLONE_PARENT),
        (with.fs, libc::CLONE_FS),
        (with.files, libc::CLONE_FILES),
        (with.sighand, libc::CLONE_SIGHAND),
        (with.sysvsem, libc::CLONE_SYSVSEM),
        (with.thread, libc::CLONE_THREAD),
        (with.vm, libc::CLONE_VM),
    ];
    let with = bits.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, bit)| all | bit);
    let flags = i64::from(clone_flags(new) | with | libc::SIGCHLD);
    // SAFETY: as fork(2): the process has one thread, and the child has its own copy of everything.
    match check(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } as i64) {
        Ok(0) => {
            forget_handlers();
            Done::Child(child.unwrap_or(Program::Exit { code: 0 }))
        }
        Ok(pid) => Done::Answer(Ret::Int(pid)),
        Err(errno) => error(errno),
    }
}

fn waitid(which: Which, options: WaitOptions) -> Answer {
    let (kind, id) = match which {
        Which::All => (libc::P_ALL, 0),
        Which::Pid(pid) => (libc::P_PID, pid),
        Which::Group(pgid) => (libc::P_PGID, pgid),
    };
    let bits = [
        (options.exited, libc::WEXITED),
        (options.stopped, libc::WSTOPPED),
        (options.continued, libc::WCONTINUED),
        (options.nohang, libc::WNOHANG),
        (options.nowait, libc::WNOWAIT),
    ];
    let options = bits.iter().filter(|(wanted, _)| *wanted).fold(0, |all, (_, bit)| all | bit);
    // SAFETY: `info` is plain data that the call fills; its fields of a child are read only if it tells of one.
    let (code, pid, status) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        check(libc::waitid(kind, id as libc::id_t, &mut info, options))?;
        (info.si_code, info.si_pid(), info.si_status())
    };
    if pid == 0 {
        return Ok(Ret::Int(0));
    }
    let signal = || Signal::from_number(status).ok_or(Stop::Broken(format!("signal {status} of a child")));
    let state = match code {
        // As wait(2) has it: the code in the second byte, a signal in the first.
        libc::CLD_EXITED => ChildState::Ended(wait_status(status << 8).map_err(Stop::Broken)?),
        libc::CLD_KILLED | libc::CLD_DUMPED => ChildState::Ended(wait_status(status).map_err(Stop::Broken)?),
        libc::CLD_STOPPED => ChildState::Stopped(signal()?),
        libc::CLD_CONTINUED => ChildState::Continued,
        other => return Err(Stop::Broken(format!("a child's state is told as {other}"))),
    };
    Ok(Ret::Child { pid: pid as u32, state })
}

fn affinity(pid: i32) -> Answer {
    // SAFETY: the set is plain data that the call fills, and its size is passed.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        check(libc::sched_getaffinity(pid, size_of_val(&set), &mut set))?;
        Ok(Ret::Cpus((0..libc::CPU_SETSIZE as u32).filter(|cpu| libc::CPU_ISSET(*cpu as usize, &set)).collect()))
    }
}

/// Numbers that a set has no bit for name no processor.
fn set_affinity(pid: i32, cpus: &[u32]) -> Answer {
    // SAFETY: the set is plain data whose size is passed; every bit set is one that it has.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let fitting = cpus.iter().filter(|cpu| **cpu < libc::CPU_SETSIZE as u32);
        fitting.for_each(|cpu| libc::CPU_SET(*cpu as usize, &mut set));
        ok(libc::sched_setaffinity(pid, size_of_val(&set), &set))
    }
}

fn prctl(what: Prctl) -> Answer {
    let number = |signal: Option<Signal>| signal.map_or(0, Signal::number) as libc::c_ulong;
    let told = |option| {
        let mut value: libc::c_int = 0;
        os::prctl(option, &raw mut value as libc::c_ulong)?;
        Ok(Ret::Int(value.into()))
    };
    if let Some(answer) = credentials::prctl(&what) {
        return answer;
    }
    match what {
        Prctl::SetChildSubreaper(on) => ok(os::prctl(libc::PR_SET_CHILD_SUBREAPER, on.into())?),
        Prctl::GetChildSubreaper => told(libc::PR_GET_CHILD_SUBREAPER),
        Prctl::SetPdeathsig(signal) => ok(os::prctl(libc::PR_SET_PDEATHSIG, number(signal))?),
        Prctl::GetPdeathsig => told(libc::PR_GET_PDEATHSIG),
        Prctl::SetName(name) => ok(os::prctl(libc::PR_SET_NAME, os::c(name)?.as_ptr() as _)?),
        Prctl::GetName => {
            let mut name = [0_u8; 16];
            os::prctl(libc::PR_GET_NAME, name.as_mut_ptr() as _)?;
            let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
            Ok(Ret::Text(String::from_utf8_lossy(&name[..end]).into_owned()))
        }
        what => Err(Stop::Broken(format!("{what:?} is not carried out"))),
    }
}
