//! `/proc/PID/status` and `/proc/PID/stat` (proc_pid_status(5), proc_pid_stat(5)), less what belongs to the machine below:
//! memory, times, addresses, statistics. The toolbox leaves the same out of what a real kernel says.

use super::{pids_from, ppid_in, state_letter};
use crate::call::Tid;
use crate::kernel::SimKernel;
use crate::kernel::group::Pid;
use crate::kernel::namespace::NsId;
use crate::kernel::process::{Process, State, Waiting};
use crate::kernel::signal::SigSet;

/// The lines of `status` that are told.
pub const STATUS_LINES: [&str; 21] = [
    "Name",
    "Umask",
    "State",
    "Tgid",
    "Pid",
    "PPid",
    "TracerPid",
    "Uid",
    "Gid",
    "Groups",
    "NStgid",
    "NSpid",
    "NSpgid",
    "NSsid",
    "Threads",
    "SigPnd",
    "ShdPnd",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "NoNewPrivs",
];
/// The fields of `stat` that are told, from 1; the others are 0.
pub const STAT_FIELDS: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 18, 19, 20, 31, 32, 33, 34, 38];
/// How many fields `stat` has.
pub const STAT_WIDTH: usize = 52;

pub(super) fn status(kernel: &SimKernel, process: &Process, viewer: Tid, ns: NsId) -> String {
    let pids = numbers(&pids_from(&process.pids, ns));
    let pid = process.pids.shown_in(ns);
    let word = match state_letter(process, viewer) {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let (uid, gid) = (process.uid, process.gid);
    // One number for each namespace that the process has a number in; 0 where its group has none.
    let levels: Vec<NsId> = process.pids.iter().map(|(level, _)| *level).skip_while(|level| *level != ns).collect();
    let named = |pid: &Pid| numbers(&levels.iter().map(|level| pid.shown_in(*level)).collect::<Vec<_>>());
    let mut text = format!("Name:\t{}\n", process.comm);
    if !process.is_zombie() {
        text += &format!("Umask:\t{:04o}\n", process.umask);
    }
    text +=
        &format!("State:\t{word}\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n", ppid_in(kernel, process, ns));
    text += &format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nGroups:\t \n");
    text += &format!("NStgid:\t{pids}\nNSpid:\t{pids}\nNSpgid:\t{}\n", named(&process.group));
    text += &format!("NSsid:\t{}\nThreads:\t1\n", named(&process.session));
    let masks = [
        ("SigPnd", SigSet::default()),
        ("ShdPnd", process.pending),
        ("SigBlk", blocked(process)),
        ("SigIgn", process.ignored),
        ("SigCgt", process.caught),
    ];
    for (name, set) in masks {
        text += &format!("{name}:\t{:016x}\n", set.mask());
    }
    text + &format!("NoNewPrivs:\t{}\n", u8::from(process.container.is_some()))
}

pub(super) fn stat(kernel: &SimKernel, process: &Process, viewer: Tid, ns: NsId) -> String {
    let field = |at: usize| match at {
        1 => process.pids.shown_in(ns).to_string(),
        2 => format!("({})", process.comm),
        3 => state_letter(process, viewer).to_string(),
        4 => ppid_in(kernel, process, ns).to_string(),
        5 => process.group.shown_in(ns).to_string(),
        6 => process.session.shown_in(ns).to_string(),
        8 => "-1".to_owned(),
        18 => "20".to_owned(),
        20 => "1".to_owned(),
        32 => blocked(process).low().to_string(),
        33 => process.ignored.low().to_string(),
        34 => process.caught.low().to_string(),
        // The exit signal.
        38 => "17".to_owned(),
        _ => "0".to_owned(),
    };
    let fields: Vec<String> = (1..=STAT_WIDTH).map(field).collect();
    fields.join(" ") + "\n"
}

/// What sigwaitinfo(2) waits for is not blocked meanwhile.
fn blocked(process: &Process) -> SigSet {
    match &process.state {
        State::Blocked(Waiting::Signal(wanted)) => process.blocked.without(*wanted),
        _ => process.blocked,
    }
}

fn numbers(pids: &[u32]) -> String {
    let numbers: Vec<String> = pids.iter().map(u32::to_string).collect();
    numbers.join("\t")
}
