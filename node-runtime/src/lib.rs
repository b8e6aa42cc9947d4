//! Scenarios on a real Linux kernel, compared with the simulation.
pub mod linux;
pub mod serve;
