//! Which kernel is modelled, as far as guests can tell kernels apart.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub cgroups: Cgroups,
    pub linux: Linux,
    /// Nodes have a file system on a disk ([`crate::node::DISK`]).
    pub disk: bool,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile { cgroups: Cgroups::default(), linux: Linux::default(), disk: true }
    }
}

/// The control groups at `/sys/fs/cgroup` (cgroups(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cgroups {
    #[default]
    V2,
    /// Controllers in version 1, and a version 2 hierarchy without them beside it.
    Hybrid,
    V1,
    None,
}

/// A version of Linux: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Linux(pub u16, pub u16);

/// Debian 12's.
impl Default for Linux {
    fn default() -> Linux {
        Linux(6, 1)
    }
}

impl Cgroups {
    /// As `verify` names it, and as a kind of kernel is named in files.
    pub fn name(self) -> &'static str {
        match self {
            Cgroups::V2 => "v2",
            Cgroups::Hybrid => "hybrid",
            Cgroups::V1 => "v1",
            Cgroups::None => "none",
        }
    }

    /// Its controllers are those of version 1.
    pub fn is_v1(self) -> bool {
        matches!(self, Cgroups::V1 | Cgroups::Hybrid)
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
