//! The page of Drydock.
fn main() {}
