//! `/proc/PID/status` and `/proc/PID/stat` (proc_pid_status(5), proc_pid_stat(5)), less what belongs to the machine below:
//! memory, times, addresses, statistics. The toolbox leaves the same out of what a real kernel says.

use super::{pids_from, ppid_in, state_letter};
use crate::call::Tid;
use crate::kernel::SimKernel;
use crate::kernel::cred::Ids;
use crate::kernel::group::Pid;
use crate::kernel::namespace::NsId;
use crate::kernel::process::{Process, State, Waiting};
use crate::kernel::signal::SigSet;
use crate::kernel::userns::IdKind;
use crate::kernel::vfs::View;

/// The lines of `status` that are told.
pub const STATUS_LINES: [&str; 28] = [
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
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Cpus_allowed",
    "Cpus_allowed_list",
];
/// The fields of `stat` that are told, from 1; the others are 0. The priority is that of whoever runs the node.
pub const STAT_FIELDS: [usize; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 20, 31, 32, 33, 34, 38];
/// How many fields `stat` has.
pub const STAT_WIDTH: usize = 52;

pub(super) fn status(kernel: &SimKernel, process: &Process, view: &View, ns: NsId) -> String {
    let pids = numbers(&pids_from(&process.pids, ns));
    let pid = process.pids.shown_in(ns);
    let word = match state_letter(process, view.tid) {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let cred = &process.cred;
    let shown = |kind, id: u32| view.space.shown(kind, id);
    let ids = |kind, ids: Ids| {
        let [real, effective, saved] = ids.each().map(|id| shown(kind, id));
        format!("{real}\t{effective}\t{saved}\t{effective}")
    };
    let groups: Vec<String> = cred.groups.iter().map(|id| shown(IdKind::Group, *id).to_string()).collect();
    // One number for each namespace that the process has a number in; 0 where its group has none.
    let levels: Vec<NsId> = process.pids.iter().map(|(level, _)| *level).skip_while(|level| *level != ns).collect();
    let named = |pid: &Pid| numbers(&levels.iter().map(|level| pid.shown_in(*level)).collect::<Vec<_>>());
    let mut text = format!("Name:\t{}\n", process.comm);
    if !process.is_zombie() {
        text += &format!("Umask:\t{:04o}\n", process.umask);
    }
    text +=
        &format!("State:\t{word}\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n", ppid_in(kernel, process, ns));
    let (uids, gids) = (ids(IdKind::User, cred.uid), ids(IdKind::Group, cred.gid));
    text += &format!("Uid:\t{uids}\nGid:\t{gids}\nGroups:\t{} \n", groups.join(" "));
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
    let sets = [
        ("CapInh", cred.inheritable),
        ("CapPrm", cred.permitted),
        ("CapEff", cred.effective),
        ("CapBnd", cred.bounding),
        ("CapAmb", cred.ambient),
    ];
    for (name, set) in sets {
        text += &format!("{name}:\t{:016x}\n", set.0);
    }
    let cpus = process.affinity.cpus;
    text += &format!("NoNewPrivs:\t{}\n", u8::from(cred.no_new_privs));
    text + &format!("Cpus_allowed:\t{:x}\nCpus_allowed_list:\t{}", cpus.bits(), cpus.text())
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
