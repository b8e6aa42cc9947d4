//! `measure`: what a process and a container cost on this machine, in time and in memory, beside the published figures
//! of a virtual machine, which this machine cannot start. The plots of the course are made of it.
//!
//! Memory is what the kernel charges to a control group, its own structures included; what others do meanwhile does not
//! count. The group is the one that whoever calls this has made for it: nodes make none, so none is left behind.

use super::bare::Bare;
use super::lessons::keep;
use super::options::Options;
use super::{End, obstacles};
use crate::profile::kernel_name;
use crate::runs;
use anyhow::{Context, Result, ensure};
use engine::node::{Effects, Place};
use lessons::{Measurement, Series};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often each is started for its time.
const STARTS: u32 = 100;
/// How often memory is measured, and with how many at once: charges are made in batches.
const ROUNDS: u32 = 50;
const CROWD: u32 = 100;
/// Kernels take namespaces down after their last process is gone: a charge has settled when it has not fallen for so
/// many looks.
const LOOK: Duration = Duration::from_millis(50);
const CALM_LOOKS: u32 = 6;
const MOST_LOOKS: u32 = 200;
const GIB: u64 = 1024 * 1024 * 1024;

/// <https://github.com/firecracker-microvm/firecracker/blob/main/SPECIFICATION.md>, "Overhead": a microVM with one CPU
/// and 128 MiB.
const VM: &str = "cited: Firecracker, SPECIFICATION.md";
const VM_START_MS: u64 = 125;
const VM_MEMORY_MIB: u64 = 128 + 5;

pub fn measure(options: &Options) -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let of_tree = options.course()?.folder().map(|tree| tree.join("measurements"));
    let folder = options.out.clone().or(of_tree).context("there is no tree here to keep them in: say --out FOLDER")?;
    let charge = Charge::own()?;
    let ahead = ahead_of_others();
    let (process, container) = (crowds(&charge, Crowd::Processes)?, crowds(&charge, Crowd::Containers)?);
    for measured in [start_times(ahead)?, memory(&process, &container), density(&process, &container)] {
        let file = folder.join(format!("{}.json", measured.id));
        keep(&file, &measured)?;
        println!("{}", file.display());
        for series in &measured.series {
            let mut sorted = series.samples_milli.clone();
            sorted.sort_unstable();
            let (least, most) = (sorted.first().unwrap_or(&0), sorted.last().unwrap_or(&0));
            let median = sorted.get(sorted.len() / 2).unwrap_or(&0);
            println!("  {:16} {median} ({least}–{most}) thousandths of {}", series.label, measured.unit);
        }
    }
    Ok(End::Agrees)
}

/// Asks that this process and what it starts run before all else that wants to: sched(7), the least real-time priority.
fn ahead_of_others() -> bool {
    // SAFETY: plain data; musl's has more fields than Linux reads.
    let mut least: libc::sched_param = unsafe { std::mem::zeroed() };
    least.sched_priority = 1;
    // SAFETY: the parameters outlive the call. musl's own sched_setscheduler(3) always fails.
    unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const least) == 0 }
}

/// How long a process and a container take from their start to their end, in turns.
fn start_times(ahead: bool) -> Result<Measurement> {
    let mut node = Bare::new()?;
    let (mut processes, mut containers) = (Vec::new(), Vec::new());
    for n in 1..=STARTS {
        let started = Instant::now();
        node.run(Place::Node, "true", &[])?;
        processes.push(micros(started.elapsed()));
        let started = Instant::now();
        let container = node.create(n)?;
        node.run(Place::Init(container), "true", &[])?;
        containers.push(micros(started.elapsed()));
        node.remove(container)?;
    }
    let ahead = if ahead { ", ahead of all else on the machine" } else { "" };
    let source = format!("measured, {STARTS} times{ahead}");
    let vm = format!("{VM}: at most {VM_START_MS} ms until the guest's first program starts");
    let series = vec![
        Series { label: "process".into(), source: source.clone(), samples_milli: processes },
        Series { label: "container".into(), source, samples_milli: containers },
        Series { label: "virtual machine".into(), source: vm, samples_milli: vec![VM_START_MS * 1000] },
    ];
    Ok(measurement("start-time", "From start to end of a program that does nothing", "ms", series))
}

fn memory(process: &[u64], container: &[u64]) -> Measurement {
    let mib_milli = |bytes: &[u64]| bytes.iter().map(|n| n * 1000 / (1024 * 1024)).collect();
    let source = format!("measured: {CROWD} at once, {ROUNDS} times, what the kernel charges for them");
    let vm = format!("{VM}: 128 MiB for the guest, at most 5 MiB beside it");
    let series = vec![
        Series { label: "process".into(), source: source.clone(), samples_milli: mib_milli(process) },
        Series { label: "container".into(), source, samples_milli: mib_milli(container) },
        Series { label: "virtual machine".into(), source: vm, samples_milli: vec![VM_MEMORY_MIB * 1000] },
    ];
    measurement("memory", "Memory that one more takes while it waits", "MiB", series)
}

fn density(process: &[u64], container: &[u64]) -> Measurement {
    let fit = |bytes: &[u64]| bytes.iter().map(|n| GIB / n * 1000).collect();
    let source = "derived: 1 GiB by the memory of one";
    let vm = format!("derived: 1 GiB by {VM_MEMORY_MIB} MiB");
    let series = vec![
        Series { label: "process".into(), source: source.into(), samples_milli: fit(process) },
        Series { label: "container".into(), source: source.into(), samples_milli: fit(container) },
        Series { label: "virtual machine".into(), source: vm, samples_milli: vec![1024 / VM_MEMORY_MIB * 1000] },
    ];
    measurement("density", "How many fit in 1 GiB of memory", "", series)
}

fn measurement(id: &str, title: &str, unit: &str, series: Vec<Series>) -> Measurement {
    let recorded_on = format!("{}, {}", kernel_name(), runs::today());
    Measurement { id: id.into(), title: title.into(), unit: unit.into(), recorded_on, series }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crowd {
    Processes,
    Containers,
}

/// Bytes that each of a crowd takes, a round each.
fn crowds(charge: &Charge, crowd: Crowd) -> Result<Vec<u64>> {
    (0..ROUNDS).map(|_| round(charge, crowd)).collect()
}

fn round(charge: &Charge, crowd: Crowd) -> Result<u64> {
    let mut node = Bare::new()?;
    let before = charge.settled()?;
    for n in 1..=CROWD {
        let at = match crowd {
            Crowd::Processes => Place::Node,
            Crowd::Containers => Place::Init(node.create(n)?),
        };
        node.start(at, "cat", &[], &mut Effects::default())?;
    }
    let after = charge.bytes()?;
    ensure!(after > before, "{CROWD} more take no memory: {before} bytes before, {after} after");
    Ok((after - before) / u64::from(CROWD))
}

/// What is charged to the control group of this process.
struct Charge(PathBuf);

impl Charge {
    fn own() -> Result<Charge> {
        let groups = fs::read_to_string("/proc/self/cgroup").context("/proc/self/cgroup")?;
        let file = groups.lines().filter_map(file_of).map(PathBuf::from).find(|file| file.exists());
        file.map(Charge).context(
            "memory is measured by its control group, and this process has none of its own: \
             systemd-run --scope -p MemoryAccounting=yes node-runtime measure",
        )
    }

    fn bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(&self.0).with_context(|| self.0.display().to_string())?;
        text.trim().parse().with_context(|| self.0.display().to_string())
    }

    fn settled(&self) -> Result<u64> {
        let (mut least, mut calm) = (self.bytes()?, 0);
        for _ in 0..MOST_LOOKS {
            std::thread::sleep(LOOK);
            let now = self.bytes()?;
            calm = if now < least { 0 } else { calm + 1 };
            least = least.min(now);
            if calm == CALM_LOOKS {
                break;
            }
        }
        self.bytes()
    }
}

/// The file that tells what is charged to a group of `/proc/self/cgroup`. cgroups(7): its line is `4:memory:/PATH` in
/// version 1, `0::/PATH` in version 2. The group at the top is the whole machine's.
fn file_of(line: &str) -> Option<String> {
    match line.splitn(3, ':').collect::<Vec<_>>()[..] {
        [_, "memory", path] if path != "/" => Some(format!("/sys/fs/cgroup/memory{path}/memory.usage_in_bytes")),
        ["0", "", path] if path != "/" => Some(format!("/sys/fs/cgroup{path}/memory.current")),
        _ => None,
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_its_own_is_measured_and_the_machine_s_is_not() {
        assert_eq!(file_of("4:memory:/a").as_deref(), Some("/sys/fs/cgroup/memory/a/memory.usage_in_bytes"));
        assert_eq!(file_of("0::/a/b:c").as_deref(), Some("/sys/fs/cgroup/a/b:c/memory.current"));
        assert_eq!(["4:memory:/", "0::/", "2:cpu:/a"].map(file_of), [None, None, None]);
    }
}
