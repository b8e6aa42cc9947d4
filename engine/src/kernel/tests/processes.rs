use super::*;
use crate::call::{CloneFlags, Disposition};
use crate::sim::Set;

fn wait(pid: i32) -> Sys {
    Sys::Wait { pid, nohang: false }
}

fn waited(pid: u32, status: WaitStatus) -> Ret {
    Ret::Waited { pid, status }
}

#[test]
fn the_first_job_is_pid_two_and_numbers_go_up() {
    let mut m = Machine::boot();
    let first = m.start(Place::Node);
    let second = m.start(Place::Node);
    assert_eq!((first, second), (Tid(2), Tid(3)));
    m.exit(first, 0);
    assert_eq!(m.start(Place::Node), Tid(4), "allocation is cyclic");
    m.table(second, &[(Sys::Getpid, Ret::Int(3)), (Sys::Getppid, Ret::Int(1))]);
}

#[test]
fn a_failed_start_uses_up_a_pid_and_leaves_nothing() {
    let mut m = Machine::boot();
    let missing = m.try_start(Place::Node, &Machine::spec(&["nope"]));
    assert_eq!(missing, Err(StartError::Exec(Errno::ENOENT)));
    let no_cwd = ProcessSpec { cwd: "/nope".into(), ..Machine::spec(&["true"]) };
    assert_eq!(m.try_start(Place::Node, &no_cwd), Err(StartError::Cwd(Errno::ENOENT)));
    assert_eq!(m.start(Place::Node), Tid(4));
    assert_eq!(m.fact("node/processes").as_deref(), Some("1"));
}

/// P15.
#[test]
fn a_zombie_stays_until_it_is_waited_for() {
    let mut m = Machine::boot();
    let parent = m.start(Place::Node);
    let child = m.fork(parent);
    assert_eq!(m.exit(child, 5), Outcome::Gone(WaitStatus::Exited(5)));
    m.table(
        parent,
        &[
            (Sys::Kill { pid: 3, signal: Signal::SIGKILL }, Ret::Ok),
            (Sys::Readlink { path: "/proc/3/exe".into() }, err(Errno::ENOENT)),
        ],
    );
    let Ret::Proc(stat) = m.call(parent, Sys::ProcStat { pid: 3 }) else { panic!() };
    assert_eq!((stat.state, stat.cmdline.len()), ('Z', 0));
    m.table(
        parent,
        &[
            (wait(-1), waited(3, WaitStatus::Exited(5))),
            (wait(-1), err(Errno::ECHILD)),
            (Sys::Kill { pid: 3, signal: Signal::SIGKILL }, err(Errno::ESRCH)),
            (Sys::ProcStat { pid: 3 }, err(Errno::ESRCH)),
        ],
    );
}

#[test]
fn wait_blocks_until_a_child_ends_and_not_with_nohang() {
    let mut m = Machine::boot();
    let parent = m.start(Place::Node);
    let (one, two) = (m.fork(parent), m.fork(parent));
    assert_eq!(m.call(parent, Sys::Wait { pid: -1, nohang: true }), Ret::Int(0));
    assert!(matches!(m.outcome(parent, wait(two.0 as i32)), Outcome::Blocked(_)));
    m.exit(one, 1);
    assert!(m.fx.woken.is_empty(), "it waits for the other");
    m.exit(two, 2);
    assert_eq!(m.fx.woken, [(parent, waited(two.0, WaitStatus::Exited(2)))]);
    m.table(parent, &[(wait(77), err(Errno::ECHILD)), (wait(-1), waited(one.0, WaitStatus::Exited(1)))]);
}

/// P5 and the node's init, which reaps at once.
#[test]
fn orphans_go_to_the_init_of_their_dead_parents_namespace() {
    let mut m = Machine::boot();
    let job = m.start(Place::Node);
    let middle = m.fork(job);
    let orphan = m.fork(middle);
    m.exit(middle, 0);
    assert_eq!(m.call(orphan, Sys::Getppid), Ret::Int(1));
    m.exit(orphan, 0);
    let facts = m.facts(&[]);
    assert!(!facts.contains_key("process/4/state") && facts.contains_key("process/3/state"));

    let init = m.in_container(&[]);
    let middle = m.fork(init);
    let orphan = m.fork(middle);
    m.exit(middle, 0);
    assert_eq!(m.call(orphan, Sys::Getppid), Ret::Int(1));
    m.exit(orphan, 7);
    let zombies =
        m.facts(&[]).iter().filter(|(path, value)| path.ends_with("/state") && value.to_string() == "Z").count();
    assert_eq!(zombies, 3, "a container's init reaps only what it waits for");
    m.table(init, &[(wait(-1), waited(2, WaitStatus::Exited(0))), (wait(-1), waited(3, WaitStatus::Exited(7)))]);
}

/// P17 and the default actions.
#[test]
fn signals_end_stop_or_do_nothing() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    m.kill(shell, child.0 as i32, Signal::SIGCHLD);
    assert!(m.fx.died.is_empty());
    m.call(child, Sys::SigAction { signal: Signal::SIGINT, to: Disposition::Ignore });
    m.kill(shell, child.0 as i32, Signal::SIGINT);
    assert!(m.fx.died.is_empty());
    let ignored = Happening::Signaled { target: child, signal: Signal::SIGINT, delivered: false };
    assert!(m.happened().contains(&&ignored));
    m.kill(shell, child.0 as i32, Signal::SIGTERM);
    assert_eq!(m.fx.died, [(child, WaitStatus::Signaled(Signal::SIGTERM))]);
    m.table(
        shell,
        &[
            (wait(-1), waited(child.0, WaitStatus::Signaled(Signal::SIGTERM))),
            (Sys::SigAction { signal: Signal::SIGKILL, to: Disposition::Ignore }, err(Errno::EINVAL)),
        ],
    );
    let myself = Sys::Kill { pid: 2, signal: Signal::SIGTERM };
    assert_eq!(m.outcome(shell, myself), Outcome::Gone(WaitStatus::Signaled(Signal::SIGTERM)));
    assert_eq!(m.fx.jobs_ended, [(JobId(0), WaitStatus::Signaled(Signal::SIGTERM))]);
}

/// P16.
#[test]
fn a_stopped_process_takes_sigterm_when_it_is_continued() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    m.kill(shell, 3, Signal::SIGSTOP);
    let Ret::Proc(stat) = m.call(shell, Sys::ProcStat { pid: 3 }) else { panic!() };
    assert_eq!(stat.state, 'T');
    m.kill(shell, 3, Signal::SIGTERM);
    assert!(m.fx.died.is_empty());
    m.kill(shell, 3, Signal::SIGCONT);
    assert_eq!(m.fx.died, [(child, WaitStatus::Signaled(Signal::SIGTERM))]);
}

#[test]
fn a_stopped_process_makes_its_call_when_it_is_continued() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    assert!(matches!(m.outcome(child, Sys::Kill { pid: 3, signal: Signal::SIGSTOP }), Outcome::Blocked(_)));
    m.kill(shell, 3, Signal::SIGCONT);
    assert_eq!(m.fx.woken, [(child, Ret::Ok)], "kill(2) returns");
    m.kill(shell, 3, Signal::SIGSTOP);
    assert!(matches!(m.outcome(child, Sys::Getpid), Outcome::Blocked(_)));
    m.kill(shell, 3, Signal::SIGCONT);
    assert_eq!(m.fx.woken, [(child, Ret::Int(3))]);
    m.kill(shell, 3, Signal::SIGSTOP);
    m.kill(shell, 3, Signal::SIGKILL);
    assert_eq!(m.fx.died.len(), 1, "SIGKILL reaches a stopped process");
}

#[test]
fn a_blocked_signal_waits_and_sigwait_takes_it() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    let block = |signal, block| Sys::SigMask { signal, block };
    m.call(child, block(Signal::SIGTERM, true));
    m.kill(shell, 3, Signal::SIGTERM);
    assert!(m.fx.died.is_empty());
    let sigwait = Sys::SigWait { signals: vec![Signal::SIGTERM, Signal::SIGINT] };
    assert_eq!(m.call(child, sigwait.clone()), Ret::Int(15));
    assert!(matches!(m.outcome(child, sigwait), Outcome::Blocked(_)));
    m.kill(shell, 3, Signal::SIGTERM);
    assert_eq!(m.fx.woken, [(child, Ret::Int(15))]);
    m.kill(shell, 3, Signal::SIGTERM);
    assert_eq!(m.outcome(child, block(Signal::SIGTERM, false)), Outcome::Gone(WaitStatus::Signaled(Signal::SIGTERM)));
}

/// P17.
#[test]
fn exec_keeps_ignored_and_blocked_signals_and_closes_what_is_marked() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    m.call(child, Sys::SigAction { signal: Signal::SIGINT, to: Disposition::Ignore });
    m.call(child, Sys::SigMask { signal: Signal::SIGTERM, block: true });
    m.fd(child, "/etc/motd", OpenFlags { cloexec: true, ..OpenFlags::READ });
    m.fd(child, "/etc/motd", OpenFlags::READ);
    let exec = Sys::Exec { path: "/bin/true".into(), argv: vec!["true".into()], env: vec![] };
    assert_eq!(m.outcome(child, exec), Outcome::Became);
    m.table(child, &[(Sys::Close { fd: 3 }, err(Errno::EBADF)), (Sys::Close { fd: 4 }, Ret::Ok)]);
    m.kill(shell, 3, Signal::SIGINT);
    m.kill(shell, 3, Signal::SIGTERM);
    assert!(m.fx.died.is_empty());
}

#[test]
fn a_caught_signal_ends_the_call_that_waits_and_nothing_else() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    m.call(child, Sys::SigAction { signal: Signal::SIGINT, to: Disposition::Catch });
    let Ret::Pipe { read, .. } = m.call(child, Sys::Pipe) else { panic!("no pipe") };
    let wait = Sys::Read { fd: read, len: 1 };
    assert!(matches!(m.outcome(child, wait.clone()), Outcome::Blocked(_)));
    m.kill(shell, 3, Signal::SIGINT);
    assert_eq!(m.fx.woken, [(child, err(Errno::EINTR))]);
    // It is at the gate: there is nothing to end.
    m.kill(shell, 3, Signal::SIGINT);
    let grandchild = m.fork(child);
    m.kill(shell, grandchild.0 as i32, Signal::SIGINT);
    assert_eq!(m.fx.died, [(grandchild, WaitStatus::Signaled(Signal::SIGINT))]);
    let exec = Sys::Exec { path: "/bin/true".into(), argv: vec!["true".into()], env: vec![] };
    assert_eq!(m.outcome(child, exec), Outcome::Became);
    m.kill(shell, 3, Signal::SIGINT);
    assert_eq!(m.fx.died.last().map(|(tid, _)| *tid), Some(child));
}

#[test]
fn only_root_and_the_same_user_may_send_signals() {
    let mut m = Machine::boot();
    let root = m.start(Place::Node);
    let user = m.try_start(Place::Node, &ProcessSpec { uid: 1000, ..Machine::spec(&["true"]) }).unwrap();
    let mate = m.fork(user);
    assert_eq!(m.kill(user, root.0 as i32, Signal::SIGTERM), err(Errno::EPERM));
    assert_eq!(m.kill(user, 99, Signal::SIGTERM), err(Errno::ESRCH));
    assert_eq!(m.kill(user, mate.0 as i32, Signal::SIGTERM), Ret::Ok);
    // A process group is a job: all of it, the caller too.
    m.fork(user);
    assert!(matches!(m.outcome(user, Sys::Kill { pid: 0, signal: Signal::SIGKILL }), Outcome::Gone(_)));
    assert_eq!(m.fx.died.len(), 1);
}

#[test]
fn interrupt_reaches_the_first_process_of_a_job_and_its_descendants_but_those_spared() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let child = m.fork(shell);
    let grandchild = m.fork(child);
    m.fx = Effects::default();
    m.kernel.interrupt(JobId(0), &Set::from_iter([shell]), &mut m.fx).unwrap();
    let died: Vec<Tid> = m.fx.died.iter().map(|(tid, _)| *tid).collect();
    assert_eq!(died, [child, grandchild]);
    assert_eq!(m.call(shell, Sys::Getpid), Ret::Int(2));
    m.kernel.interrupt(JobId(0), &Set::new(), &mut m.fx).unwrap();
    assert_eq!(m.fx.died.last().map(|(tid, _)| *tid), Some(shell));
}

#[test]
fn a_node_has_a_bounded_number_of_processes_and_a_refused_fork_uses_up_a_pid() {
    let mut m = Machine::boot();
    let shell = m.start(Place::Node);
    let fork = Sys::Fork { child: Box::new(Program::Exit { code: 0 }), until_exec: false };
    let mut forked = 0;
    while m.call(shell, fork.clone()) != err(Errno::EAGAIN) {
        forked += 1;
    }
    assert_eq!(forked, crate::sim::PROCESSES - 2);
    m.kill(shell, 3, Signal::SIGKILL);
    m.call(shell, wait(3));
    let skipped = crate::sim::PROCESSES as i64 + 2;
    assert_eq!(m.call(shell, fork), Ret::Int(skipped));
}

#[test]
fn setuid_changes_who_one_is_for_good() {
    let mut m = Machine::boot();
    let tid = m.start(Place::Node);
    m.table(
        tid,
        &[
            (Sys::Setgid { gid: 7 }, Ret::Ok),
            (Sys::Setuid { uid: 1000 }, Ret::Ok),
            (Sys::Getuid, Ret::Int(1000)),
            (Sys::Getgid, Ret::Int(7)),
            (Sys::Setuid { uid: 0 }, err(Errno::EPERM)),
            (Sys::Unshare { flags: CloneFlags { uts: true, ..CloneFlags::default() } }, err(Errno::EPERM)),
        ],
    );
}
