//! A scenario: everything a run needs, as plain data: seed, era, profile, images, files, inputs, goals.

mod claim;
mod packed;
mod profile;

pub use claim::*;
pub use profile::*;

use crate::node::Watch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Enough to run on any node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    pub seed: u64,
    pub era: Era,
    /// The kernel that the model is of. A real node is what its machine is: to be compared with one, the model gets that
    /// machine's profile.
    pub profile: Profile,
    /// The one kind of control groups that its lines are typed for, if they do not fit all.
    pub only: Option<Cgroups>,
    /// The learner's files on the node, in their home directory (`/home/learner`).
    pub files: Vec<FixtureFile>,
    /// Image references that the registry of the scenario can give (`centos:7`).
    pub images: Vec<BaseImage>,
    /// The root file system of the node, as an OCI layer.
    #[serde(with = "packed")]
    pub node_root: Arc<[u8]>,
    pub watch: Watch,
}

/// What AWS and Docker changed between the course notes and today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Era {
    /// 2018–2019.
    #[default]
    Course,
    Today,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixtureFile {
    /// Relative to the learner's home, or absolute.
    pub path: String,
    #[serde(with = "packed")]
    pub content: Arc<[u8]>,
    pub mode: u32,
}

/// A declared stand-in for a published image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// `centos:7`.
    pub reference: String,
    /// Uncompressed tars, oldest first.
    #[serde(with = "packed::each")]
    pub layers: Vec<Arc<[u8]>>,
    pub env: Vec<String>,
    pub cmd: Vec<String>,
    pub working_dir: String,
    /// RFC 3339.
    pub created: String,
    /// `created_by` of each history entry, with whether it made a layer.
    pub history: Vec<(String, bool)>,
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A line at the console, without its newline.
    Line(String),
    /// Ctrl-D.
    Eof,
    /// Ctrl-C.
    Interrupt,
    /// The editor saves a file of the learner's.
    Save { path: String, content: String },
    /// Let this much time pass.
    Advance { ns: u64 },
}
