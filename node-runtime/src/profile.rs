//! What kind of kernel this is, as far as scenarios can tell: its version, and which control groups it offers.
//!
//! A comparison names it, so that what differs between kernels is a difference told with the kernel it was seen on.

use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::Path;

/// The control groups at `/sys/fs/cgroup` (cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cgroups {
    V2,
    /// Controllers in version 1, and a version 2 hierarchy without them beside it.
    Hybrid,
    V1,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// `Linux 6.18.44`.
    pub kernel: String,
    pub cgroups: Cgroups,
}

impl Profile {
    /// That of the kernel this runs on.
    pub fn here() -> Profile {
        Profile { kernel: kernel_name(), cgroups: Cgroups::here() }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.kernel, self.cgroups)
    }
}

impl Cgroups {
    pub fn here() -> Cgroups {
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
}

impl fmt::Display for Cgroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cgroups::V2 => "cgroup v2",
            Cgroups::Hybrid => "cgroup v1 and v2 beside it",
            Cgroups::V1 => "cgroup v1",
            Cgroups::None => "no cgroups mounted",
        })
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
    fn a_kernel_is_named_by_the_version_of_its_source() {
        assert_eq!(number("6.18.44-fc-v595\n", "#1 SMP PREEMPT_DYNAMIC @0\n"), "6.18.44");
        let debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\n";
        assert_eq!(number("6.1.0-56-cloud-amd64\n", debian), "6.1.192");
    }
}
