//! How fast the model is. `cargo xtask bench` runs it optimised, here and, as a wasm module, in Chromium.

use drydock_tests::mix::mix;
use std::time::Instant;

const CALLS: u64 = 1_000_000;
const RUNS: usize = 5;

#[test]
fn the_mix_is_what_it_says() {
    assert_eq!(mix(1), 100, "a round is a hundred calls");
}

#[test]
#[ignore = "a measurement: cargo xtask bench"]
fn measure() {
    mix(CALLS / 10);
    let rate = || {
        let begun = Instant::now();
        mix(CALLS) as f64 / begun.elapsed().as_secs_f64() / 1e6
    };
    let mut rates: Vec<f64> = (0..RUNS).map(|_| rate()).collect();
    rates.sort_by(f64::total_cmp);
    println!("BENCH model_calls {:.3} 2 M/s-least", rates[RUNS / 2]);
}
