//! Scenarios on a real Linux kernel, compared with the simulation.
//!
//! - [`linux`]: a node on this machine's kernel, behind `engine::node::Kernel`.
//! - [`oci`]: the same container for other runtimes.
//! - [`doctor`]: what this machine can do, a fact at a time.
//! - [`course`]: the lessons, from a tree or carried in this program.
//! - [`cases`]: scenarios without a lesson, from files.
//! - [`fuzz`]: random scenarios on both kernels.
//! - [`runs`]: lessons and scenarios, run on either kernel.
//! - [`report`]: a comparison as text, JSON and HTML.
//! - [`profile`]: what kind of kernel this is, as a comparison names it.
//! - [`boot`]: being the first process of a machine made for one command.
//! - [`command`]: the command line.
//! - [`serve`]: the page over HTTP, with a real kernel beside it.
//!
//! What a guest does next is decided in `engine::sched`, what Docker does in `engine::docker`: here is only Linux.

pub mod boot;
pub mod cases;
pub mod command;
pub mod course;
pub mod doctor;
pub mod fuzz;
pub mod linux;
pub mod oci;
pub mod profile;
pub mod report;
pub mod runs;
pub mod serve;
