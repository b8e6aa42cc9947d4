//! axe-core in the page: what a machine can tell of its accessibility.

use super::webdriver::Browser;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Pinned: a newer one finds other things, and is to be tried on purpose.
const AXE: &str = "4.10.3";

/// The script, fetched once with npm into the cache outside the tree. `Err` is why there is none.
pub fn script() -> Result<String, String> {
    let base = |name: &str, rest: &str| std::env::var_os(name).map(|base| PathBuf::from(base).join(rest));
    let cache = base("DRYDOCK_CACHE", "")
        .or_else(|| base("XDG_CACHE_HOME", "drydock"))
        .or_else(|| base("HOME", ".cache/drydock"))
        .ok_or("no home directory for the cache")?
        .join(format!("axe-core-{AXE}"));
    let file = cache.join("package/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        let run = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).current_dir(&cache).output();
            let output = output.map_err(|error| format!("no {program} to fetch axe-core with: {error}"))?;
            match output.status.success() {
                true => Ok(()),
                false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
            }
        };
        run("npm", &["pack", "--silent", &format!("axe-core@{AXE}")])?;
        run("tar", &["-xzf", &format!("axe-core-{AXE}.tgz"), "package/axe.min.js"])?;
    }
    std::fs::read_to_string(&file).map_err(|error| format!("cannot read axe-core: {error}"))
}

/// What it finds, one line for each kind with the places.
pub fn violations(browser: &Browser, script: &str) -> Vec<String> {
    // As a script of the driver: the page's policy forbids `eval`, and must.
    browser.run(script);
    let found = browser.run_async(
        "const done = arguments[1]; axe.run(document, { resultTypes: ['violations'] }).then(r => done(r.violations.map(v => \
         `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map(n => n.target.join(' ')).slice(0, 5).join(', ')}`)), \
         e => done([`axe failed: ${e}`]));",
        &Value::Null,
    );
    found.as_array().cloned().unwrap_or_default().iter().filter_map(|line| line.as_str().map(String::from)).collect()
}
