//! Chromium and its driver: found, or installed where that is allowed, or named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INSTALL: &str = "apt-get install --yes --no-install-recommends chromium chromium-driver";

/// Makes the browser available as far as it can; what it gives is to be told.
pub fn provide() -> anyhow::Result<Vec<String>> {
    if found("chromedriver").is_some() && ["chromium", "google-chrome"].iter().any(|name| found(name).is_some()) {
        return Ok(vec![]);
    }
    let may_install = found("apt-get").is_some() && is_root();
    if !may_install {
        let line = format!("no Chromium with its driver: the tests in a browser are skipped. To run them: {INSTALL}");
        return Ok(vec![line]);
    }
    println!("installing Chromium and its driver: {INSTALL}");
    let apt = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if apt(INSTALL) || (apt("apt-get update") && apt(INSTALL)) {
        return Ok(vec![]);
    }
    Ok(vec![format!("Chromium was not installed: the tests in a browser are skipped. Tried: {INSTALL}")])
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}
