//! What a build needs beyond cargo, fetched when missing: compilation targets and wasm-bindgen.

use crate::tree;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub const WASM: &str = "wasm32-unknown-unknown";

/// The version of wasm-bindgen in Cargo.lock and of `xtask/bindgen`: the two must be the same, to the patch.
pub const WASM_BINDGEN: &str = "0.2.129";

pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(tree::root());
    command
}

/// Runs to the end with its output shown; an exit code other than zero is an error that shows the command.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Standard output of a command that must succeed.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = shown(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program lies, if it is installed.
pub fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Makes sure that rustc can compile for `target`; says what it had to do.
pub fn add_target(target: &str) -> anyhow::Result<String> {
    let mut libdir = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    libdir.current_dir(tree::root()).args(["--print", "target-libdir", "--target", target]);
    if PathBuf::from(output(&mut libdir)?.trim()).is_dir() {
        return Ok(format!("{target} is there"));
    }
    run(Command::new("rustup").current_dir(tree::root()).args(["target", "add", target])).with_context(|| {
        format!(
            "the standard library for {target} is missing: install it, with rustup or with your distribution's rustc"
        )
    })?;
    Ok(format!("{target} added"))
}

/// The path of `drydock-bindgen`, built once a version into the cache, not optimised: it runs for a second.
pub fn bindgen() -> anyhow::Result<PathBuf> {
    let home = tree::cache().join(format!("wasm-bindgen-{WASM_BINDGEN}"));
    let binary = home.join(format!("drydock-bindgen{}", std::env::consts::EXE_SUFFIX));
    if binary.is_file() {
        return Ok(binary);
    }
    let target = home.join("target");
    let manifest = tree::root().join("xtask/bindgen/Cargo.toml");
    run(cargo().args(["build", "--locked", "--manifest-path"]).arg(&manifest).arg("--target-dir").arg(&target))?;
    // Copied under another name and renamed, so that a build that is stopped here does not leave half a tool.
    let built = target.join("debug").join(binary.file_name().expect("has a name"));
    let partial = home.join(format!("partial-{}", std::process::id()));
    std::fs::copy(&built, &partial).with_context(|| format!("cannot copy {}", built.display()))?;
    std::fs::rename(&partial, &binary).with_context(|| format!("cannot write {}", binary.display()))?;
    let _ = std::fs::remove_dir_all(&target);
    Ok(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_tool_pin_one_wasm_bindgen() {
        for (lock, package) in
            [("Cargo.lock", "wasm-bindgen"), ("xtask/bindgen/Cargo.lock", "wasm-bindgen-cli-support")]
        {
            let text = std::fs::read_to_string(tree::root().join(lock)).unwrap();
            let after = text.split(&format!("name = \"{package}\"\nversion = \"")).nth(1);
            let version = after.and_then(|rest| rest.split('"').next());
            assert_eq!(version, Some(WASM_BINDGEN), "{lock}");
        }
    }
}
