//! Tests that need more than one crate: lessons, determinism, the two kernels, the browser.
//!
//! Each room is a test target of its own. A test that cannot run on this machine says so with [`skipped!`];
//! `cargo xtask test` counts it, prints it, and in CI holds it against `floor.txt`.

pub mod erring;
pub mod mix;

use lessons::Lesson;
use lessons::author::course;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ends a test that this machine cannot run. Never silent: the line is counted.
#[macro_export]
macro_rules! skipped {
    ($($reason:tt)*) => {{
        fn here() {}
        $crate::say_skipped(std::any::type_name_of_val(&here), &format!($($reason)*));
        return;
    }};
}

/// Prints the line that `cargo xtask test` counts; `place` is the path of an item inside the test.
pub fn say_skipped(place: &str, reason: &str) {
    let test = place.strip_suffix("::here").unwrap_or(place);
    let name = test.split_once("::").map_or(test, |(_, name)| name);
    println!("SKIPPED({reason}): {name}");
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a direct member of the workspace")
}

/// Where artefacts of tests go.
pub fn artefacts(room: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |given| root().join(given));
    target.join("artefacts").join(room)
}

/// Every written lesson, compiled from its text.
pub fn lessons() -> Vec<Lesson> {
    match course::compile_all(&course::root()) {
        Ok(compiled) => compiled.lessons,
        Err(error) => panic!("the course does not compile: {error}"),
    }
}

/// The engine as the page gets it: the site's own file where one was built (`DRYDOCK_DIST`), else built now. `None` where
/// the wasm target is missing.
pub fn engine_wasm() -> Option<Vec<u8>> {
    let is_engine = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("engine-") && name.ends_with(".wasm")
    };
    let site = std::env::var_os("DRYDOCK_DIST").and_then(|dist| std::fs::read_dir(dist).ok());
    let of_site = site.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).find(is_engine);
    if let Some(path) = of_site {
        return std::fs::read(path).ok();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |given| root().join(given));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "engine-abi", "--target", "wasm32-unknown-unknown"]);
    let built = cargo.args(["--profile", "web"]).current_dir(root()).status();
    let path = target.join("wasm32-unknown-unknown/web/engine_abi.wasm");
    built.ok().filter(|status| status.success()).and_then(|_| std::fs::read(path).ok())
}
