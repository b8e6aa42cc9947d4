//! What a group may use, and the files that say so in each version.

use super::{Controller, Group, Version};
use crate::os;
use std::fmt;
use std::os::fd::AsRawFd;

/// The period of all quotas: Docker's, and the kernel's own (cgroup-v2.rst, `cpu.max`).
const PERIOD_US: u64 = 100_000;

/// `None` leaves it unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub memory_bytes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_milli: Option<u64>,
    pub pids: Option<u64>,
}

impl Limits {
    pub fn controllers(&self) -> Vec<Controller> {
        let all = [
            (Controller::Cpu, self.cpu_milli.is_some()),
            (Controller::Memory, self.memory_bytes.is_some()),
            (Controller::Pids, self.pids.is_some()),
        ];
        all.iter().filter(|(_, wanted)| *wanted).map(|(controller, _)| *controller).collect()
    }

    /// Which controller, which file of this version, which text.
    fn writes(&self, version: Version) -> Vec<(Controller, &'static str, String)> {
        let mut writes = Vec::new();
        if let Some(bytes) = self.memory_bytes {
            let file = if version == Version::V2 { "memory.max" } else { "memory.limit_in_bytes" };
            writes.push((Controller::Memory, file, bytes.to_string()));
        }
        if let Some(milli) = self.cpu_milli {
            let quota_us = milli * PERIOD_US / 1000;
            match version {
                Version::V2 => writes.push((Controller::Cpu, "cpu.max", format!("{quota_us} {PERIOD_US}"))),
                Version::V1 => {
                    writes.push((Controller::Cpu, "cpu.cfs_period_us", PERIOD_US.to_string()));
                    writes.push((Controller::Cpu, "cpu.cfs_quota_us", quota_us.to_string()));
                }
            }
        }
        if let Some(pids) = self.pids {
            writes.push((Controller::Pids, "pids.max", pids.to_string()));
        }
        writes
    }
}

impl Group {
    /// Sets what is limited; what the kernel refuses is told. A controller that the group lacks was told when it was made.
    pub fn limit(&self, limits: &Limits, unset: &mut Vec<Unset>) {
        for place in &self.places {
            for (controller, file, text) in limits.writes(place.version) {
                if !place.controllers.contains(&controller) {
                    continue;
                }
                if let Err(errno) = os::write_file(place.dir.as_raw_fd(), file, &text) {
                    unset.push(Unset::new(format_args!("{text} in {}/{file}", place.path.display()), errno));
                }
            }
        }
    }
}

/// A limit that does not hold, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset {
    why: String,
}

impl Unset {
    pub(super) fn new(what: impl fmt::Display, errno: i32) -> Unset {
        Unset { why: format!("{what}: {}", std::io::Error::from_raw_os_error(errno)) }
    }

    pub(super) fn absent(controller: &str) -> Unset {
        Unset { why: format!("no {controller} controller is mounted here") }
    }
}

impl fmt::Display for Unset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_as_each_version_has_it() {
        let limits = Limits { memory_bytes: Some(1 << 20), cpu_milli: Some(1500), pids: Some(7) };
        let told = |version| -> Vec<String> {
            limits.writes(version).iter().map(|(_, file, text)| format!("{file}={text}")).collect()
        };
        assert_eq!(told(Version::V2), ["memory.max=1048576", "cpu.max=150000 100000", "pids.max=7"]);
        assert_eq!(
            told(Version::V1),
            ["memory.limit_in_bytes=1048576", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=150000", "pids.max=7"]
        );
    }
}
