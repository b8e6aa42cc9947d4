//! Tests that need more than one crate: lessons, determinism, the two kernels, the browser.
//!
//! What a machine cannot run is skipped loudly ([`skipped`]); `cargo xtask test` counts it and has a floor for what must
//! have run.

pub mod erring;

use lessons::Lesson;
use lessons::author::course;
use std::path::PathBuf;
use std::process::Command;

/// Says that a test was not run, and why, in the form that `cargo xtask test` counts.
pub fn skipped(test: &str, reason: &str) {
    println!("SKIPPED({reason}): {test}");
}

/// Every written lesson, compiled from its text.
pub fn lessons() -> Vec<Lesson> {
    match course::compile_all(&course::root()) {
        Ok(compiled) => compiled.lessons,
        Err(error) => panic!("the course does not compile: {error}"),
    }
}

/// The root of the source tree.
pub fn tree() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The engine as the page gets it: built now if it is not up to date. `None` where the wasm target is missing.
pub fn engine_wasm() -> Option<Vec<u8>> {
    let target = tree().join("target/engine-wasm");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "engine-abi", "--target", "wasm32-unknown-unknown", "--profile", "engine"]);
    let built = cargo.env("CARGO_TARGET_DIR", &target).current_dir(tree()).status();
    let path = target.join("wasm32-unknown-unknown/engine/engine_abi.wasm");
    built.ok().filter(|status| status.success()).and_then(|_| std::fs::read(path).ok())
}
