//! The measurement of `tests/src/mix.rs` as a wasm module, for a browser.

#[path = "../../../tests/src/mix.rs"]
mod mix;

/// Makes at least this many calls; gives how many it made.
#[unsafe(no_mangle)]
pub extern "C" fn rate(least: u32) -> u32 {
    mix::mix(least.into()) as u32
}
