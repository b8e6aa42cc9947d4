//! Where things are: the source tree, cargo's target directory, what is served, and the cache outside the tree.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a direct member of the workspace")
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// What is kept between builds and can always be made again.
pub fn scratch() -> PathBuf {
    target().join("xtask")
}

/// The finished site.
pub fn dist() -> PathBuf {
    root().join("dist")
}

pub fn fixed() -> PathBuf {
    root().join("static")
}

/// Tools by version, shared by every checkout: `$DRYDOCK_CACHE`, else `drydock` in the user's cache directory.
pub fn cache() -> PathBuf {
    let under = |name: &str, rest: &str| env::var_os(name).map(|base| PathBuf::from(base).join(rest));
    env::var_os("DRYDOCK_CACHE")
        .map(PathBuf::from)
        .or_else(|| under("XDG_CACHE_HOME", "drydock"))
        .or_else(|| under("HOME", ".cache/drydock"))
        .or_else(|| under("LOCALAPPDATA", "drydock"))
        .unwrap_or_else(|| target().join("cache"))
}
