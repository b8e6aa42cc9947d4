//! The kernel scene: pid namespaces as decks with each process as a spar through those it belongs to, the other
//! namespaces as bars below its columns, and control groups as tanks.

pub mod layout;
pub mod model;
pub mod style;
pub mod tanks;
pub mod words;

#[cfg(test)]
mod tests;

pub use layout::lay_out;
pub use model::KernelModel;
