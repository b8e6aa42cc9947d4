//! Time, chance and bounds: the three things a simulation takes as arguments.

mod limits;
mod map;
mod order;
mod rng;

pub use limits::*;
pub use map::{Map, Set};
pub use order::{sort, sort_by, sort_by_key};
pub use rng::{Rng, Stream};

/// Virtual time since the start of the scenario, in nanoseconds.
pub type Nanos = u64;

pub const SECOND: Nanos = 1_000_000_000;
pub const MILLISECOND: Nanos = 1_000_000;
