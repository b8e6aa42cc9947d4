//! A session: one scenario, what was typed, and time that runs both ways over it.
//!
//! A session owns a machine, its snapshots and its branches. It is driven by [`Ask`] and tells [`Reply`]: the protocol
//! that `engine.wasm` speaks (postcard) with the page, and that `node-runtime` and the lesson checker use natively.

mod protocol;

pub use protocol::*;
