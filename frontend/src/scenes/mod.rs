//! Drawings: what a view model laid out, as SVG.

pub mod plot;
pub mod section;
