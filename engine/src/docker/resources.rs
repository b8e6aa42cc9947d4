//! What a container may use, as the daemon checks it and as its runtime is told (moby, daemon/daemon_unix.go,
//! verifyPlatformContainerResources, adaptContainerSettings, getCPUResources).

use super::Refusal;
use super::request::Resources;
use crate::node::GroupSpec;

/// Processors of a node.
const CPUS: i64 = 2;
const NANO: i64 = 1_000_000_000;
const LEAST_MEMORY_BYTES: i64 = 6 << 20;
/// Shares below and above these are not passed on.
const SHARES: std::ops::RangeInclusive<i64> = 2..=262_144;
/// The period that `--cpus` is a part of.
const PERIOD_US: i64 = 100_000;

/// In the daemon's order and words.
pub(super) fn check(resources: &Resources) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::daemon(text));
    let Resources { memory, memory_swap, nano_cpus, cpu_period, cpu_quota, .. } = *resources;
    if memory != 0 && memory < LEAST_MEMORY_BYTES {
        return refuse("Minimum memory limit allowed is 6MB".to_owned());
    }
    if memory > 0 && memory_swap > 0 && memory_swap < memory {
        return refuse("Minimum memoryswap limit should be larger than memory limit, see usage".to_owned());
    }
    if memory == 0 && memory_swap > 0 {
        return refuse("You should always set the Memory limit when using Memoryswap limit, see usage".to_owned());
    }
    if nano_cpus > 0 && cpu_period > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set".to_owned());
    }
    if nano_cpus > 0 && cpu_quota > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set".to_owned());
    }
    if !(0..=CPUS * NANO).contains(&nano_cpus) {
        return refuse(format!("Range of CPUs is from 0.01 to {CPUS}.00, as there are only {CPUS} CPUs available"));
    }
    if cpu_period != 0 && !(1_000..=1_000_000).contains(&cpu_period) {
        return refuse(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)".to_owned(),
        );
    }
    if cpu_quota > 0 && cpu_quota < 1_000 {
        return refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)".to_owned());
    }
    match cpus_of(&resources.cpuset_cpus) {
        Err(why) => refuse(format!("Invalid value {} for cpuset cpus: {why}", resources.cpuset_cpus)),
        Ok(cpus) if cpus.iter().any(|cpu| *cpu >= CPUS) => refuse(format!(
            "Requested CPUs are not available - requested {}, available: 0-{}",
            resources.cpuset_cpus,
            CPUS - 1
        )),
        Ok(_) => Ok(()),
    }
}

/// parsers.ParseUintListMaximum: `0-1,3`.
fn cpus_of(list: &str) -> Result<Vec<i64>, String> {
    const MOST: i64 = 8_192;
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("invalid format: {list}"));
    let mut cpus = Vec::new();
    for range in list.split(',').filter(|_| !list.is_empty()) {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to) = (number(from)?, number(to)?);
        if to < from {
            return Err(format!("invalid format: {list}"));
        }
        if to >= MOST {
            return Err(format!("value of out range, maximum is {MOST}"));
        }
        cpus.extend(from..=to);
    }
    Ok(cpus)
}

/// As `docker inspect` shows them afterwards.
pub(super) fn settled(mut resources: Resources) -> Resources {
    if resources.memory > 0 && resources.memory_swap == 0 {
        resources.memory_swap = resources.memory * 2;
    }
    resources
}

pub(super) fn group(path: String, resources: &Resources) -> GroupSpec {
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    let cpus = positive(resources.nano_cpus).map(|nano| nano / (NANO / PERIOD_US) as u64);
    GroupSpec {
        path,
        pids_max: positive(resources.pids_limit),
        cpu_quota_us: cpus.or_else(|| positive(resources.cpu_quota)),
        cpu_period_us: cpus.map(|_| PERIOD_US as u64).or_else(|| positive(resources.cpu_period)),
        cpu_shares: positive(resources.cpu_shares)
            .map(|shares| shares.clamp(*SHARES.start() as u64, *SHARES.end() as u64)),
        cpuset_cpus: Some(resources.cpuset_cpus.clone()).filter(|list| !list.is_empty()),
        memory_max_bytes: positive(resources.memory),
        memory_swap_max_bytes: positive(resources.memory_swap),
    }
}
