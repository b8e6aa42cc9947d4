//! Drawings: what a view model laid out, as SVG.

pub mod figure;
pub mod plot;
