//! Chromium and its driver: found, or installed where that is allowed, or named.

use crate::apt;
use crate::tools::found;

const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Makes the browser available as far as it can; what it gives is to be told.
pub fn provide() -> Vec<String> {
    if found("chromedriver").is_some() && ["chromium", "google-chrome"].iter().any(|name| found(name).is_some()) {
        return vec![];
    }
    let missing = apt::install(&PACKAGES).err();
    missing
        .map(|why| format!("no Chromium with its driver: the tests in a browser are skipped: {why}"))
        .into_iter()
        .collect()
}
