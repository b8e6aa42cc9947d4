//! Debian's packages: installed where this user may, fetched and unpacked where anybody may, and else named.
//!
//! An error is a sentence for a person: why it cannot be had, and the command that would help.

use crate::tools::found;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Installs packages, as root only.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let line = format!("apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if found("apt-get").is_none() {
        return Err(format!("there is no apt here; on Debian it is: {line}"));
    }
    if !is_root() {
        return Err(format!("only root may install it: {line}"));
    }
    println!("installing: {line}");
    match quietly(&line) || (quietly("apt-get update") && quietly(&line)) {
        true => Ok(()),
        false => Err(format!("it was not installed. Tried: {line}")),
    }
}

/// A package as apt would give it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// What it depends on, as it is written: `linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)`.
    pub depends: String,
}

impl Package {
    /// Asks apt's lists, which may be empty on a fresh machine.
    pub fn known(name: &str) -> Result<Package, String> {
        if found("apt-cache").is_none() || found("dpkg-deb").is_none() {
            return Err(format!("there is no apt here, and {name} is a package of Debian's"));
        }
        let ask = || {
            let mut command = Command::new("apt-cache");
            command.args(["show", "--no-all-versions", name]).env("LC_ALL", "C").stderr(Stdio::null());
            let output = command.output().map(|output| output.stdout).unwrap_or_default();
            Package::parse(&String::from_utf8_lossy(&output))
        };
        let updated = || if is_root() && quietly("apt-get update") { ask() } else { None };
        ask().or_else(updated).ok_or_else(|| format!("apt knows no package {name} (apt-get update, as root, may help)"))
    }

    fn parse(shown: &str) -> Option<Package> {
        let field = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
            Some(line.to_owned())
        };
        let depends = field("Depends").unwrap_or_default();
        Some(Package { name: field("Package")?, version: field("Version")?, depends })
    }

    /// The directory of `cache` that holds it unpacked; fetched if it is not there yet.
    pub fn unpacked(&self, cache: &Path) -> Result<PathBuf, String> {
        let home = cache.join(format!("{}_{}", self.name, self.version.replace(':', "%3a")));
        if home.is_dir() {
            return Ok(home);
        }
        let partial = cache.join(format!("partial-{}", std::process::id()));
        let done = self.fetch(&partial);
        // Renamed when whole: what is stopped here leaves no half package under that name.
        let done = done.and_then(|tree| std::fs::rename(tree, &home).map_err(|error| error.to_string()));
        let _ = std::fs::remove_dir_all(&partial);
        done.map(|()| home)
    }

    fn fetch(&self, place: &Path) -> Result<PathBuf, String> {
        std::fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        let name = format!("{}={}", self.name, self.version);
        let mut fetch = Command::new("apt-get");
        fetch.args(["download", &name]).current_dir(place).stdin(Stdio::null()).stdout(Stdio::null());
        // Root's downloads are made as another user, who may not write here; apt says so, and goes on as root.
        let fetched = fetch.stderr(Stdio::piped()).output().map_err(|error| format!("apt-get: {error}"))?;
        let archives = std::fs::read_dir(place).map_err(|error| error.to_string())?;
        let archive =
            archives.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "deb"));
        let Some(archive) = archive.filter(|_| fetched.status.success()) else {
            let said = String::from_utf8_lossy(&fetched.stderr);
            return Err(format!("apt-get download {name}: {}", said.lines().next_back().unwrap_or("it failed")));
        };
        let tree = place.join("tree");
        let unpacked = Command::new("dpkg-deb").arg("-x").args([&archive, &tree]).status();
        match unpacked.is_ok_and(|status| status.success()) {
            true => Ok(tree),
            false => Err(format!("dpkg-deb -x {}: it failed", archive.display())),
        }
    }
}

fn quietly(line: &str) -> bool {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_what_apt_shows() {
        let shown = "Package: linux-image-cloud-amd64\nSource: linux-signed-amd64 (6.1.192+2)\nVersion: 6.1.192-2\n\
                     Installed-Size: 13\nDepends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n\n";
        let package = Package::parse(shown).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("linux-image-cloud-amd64", "6.1.192-2"));
        assert!(package.depends.starts_with("linux-image-6.1.0-56-cloud-amd64 "));
        assert_eq!(Package::parse("N: Unable to locate package\n"), None);
    }
}
