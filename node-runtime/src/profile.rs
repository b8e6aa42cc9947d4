//! What kind of kernel this is, as far as scenarios can tell: its version, and which control groups it offers.
//!
//! A comparison names it, so that what differs between kernels is a difference told with the kernel it was seen on.

use crate::linux::disk;
use engine::scenario::{self, Linux};
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::Path;

pub use engine::scenario::Cgroups;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// `Linux 6.18.44`.
    pub kernel: String,
    pub cgroups: Cgroups,
    /// Nodes have a file system on a disk.
    pub disk: bool,
}

impl Profile {
    /// That of the kernel this runs on.
    pub fn here() -> Profile {
        Profile { kernel: kernel_name(), cgroups: mounted(), disk: disk::is_there() }
    }

    /// The model that is to behave as this kernel does.
    pub fn model(&self) -> scenario::Profile {
        let version = self.kernel.strip_prefix("Linux ").unwrap_or_default();
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        let linux = numbers.next().zip(numbers.next()).map(|(major, minor)| Linux(major, minor));
        scenario::Profile { cgroups: self.cgroups, linux: linux.unwrap_or_default(), disk: self.disk }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.kernel, self.cgroups)
    }
}

/// What is mounted at `/sys/fs/cgroup`.
fn mounted() -> Cgroups {
    let exists = |path: &str| Path::new(path).exists();
    if exists("/sys/fs/cgroup/cgroup.controllers") {
        Cgroups::V2
    } else if exists("/sys/fs/cgroup/unified/cgroup.procs") {
        Cgroups::Hybrid
    } else if exists("/sys/fs/cgroup/memory") {
        Cgroups::V1
    } else {
        Cgroups::None
    }
}

/// `Linux 6.18.44`. Debian's release names the interface of its modules, `6.1.0-56-cloud-amd64`, and its version the
/// kernel, `#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)`.
pub fn kernel_name() -> String {
    let told = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    format!("Linux {}", number(&told("osrelease"), &told("version")))
}

fn number<'a>(release: &'a str, version: &'a str) -> &'a str {
    let debian = version.split_once(" Debian ").map(|(_, rest)| rest);
    debian.unwrap_or(release).trim().split(['-', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_modelled_by_its_version_and_its_control_groups() {
        let here = Profile { kernel: "Linux 6.18.44".into(), cgroups: Cgroups::Hybrid, disk: false };
        assert_eq!(here.model(), scenario::Profile { cgroups: Cgroups::Hybrid, linux: Linux(6, 18), disk: false });
    }

    #[test]
    fn a_kernel_is_named_by_the_version_of_its_source() {
        assert_eq!(number("6.18.44-fc-v595\n", "#1 SMP PREEMPT_DYNAMIC @0\n"), "6.18.44");
        let debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\n";
        assert_eq!(number("6.1.0-56-cloud-amd64\n", debian), "6.1.192");
    }
}
