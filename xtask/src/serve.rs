//! `cargo xtask serve`: the site, and `node-runtime` to serve it with a real kernel beside it.

use crate::build::{self, Profile};
use crate::progress::Steps;
use crate::{tools, tree};
use anyhow::bail;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

pub fn serve(profile: Profile, rest: &[&str]) -> anyhow::Result<ExitCode> {
    if !cfg!(target_os = "linux") {
        bail!("`serve` drives a Linux kernel. Elsewhere: `cargo xtask build`, and serve dist/ with any static server");
    }
    // rustup does one thing at a time; the builds leave each other room.
    [tools::WASM, &musl()].into_iter().try_for_each(|target| tools::add_target(target).map(drop))?;
    let (site, binary) = std::thread::scope(|scope| {
        let binary = scope.spawn(|| node_runtime(profile));
        (build::build(profile), binary.join().expect("a build that fails says so"))
    });
    site?;
    let binary = binary?;
    println!();
    let mut serve = Command::new(binary);
    serve.current_dir(tree::root()).arg("serve").arg("--dist").arg(tree::dist()).args(rest);
    // Ctrl-C reaches both; the server ends in order, and its code is ours.
    let status = serve.status()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(0)))
}

/// Builds `node-runtime` as one static binary and gives its path. For work and for tests it is not optimised: that takes
/// longer than it saves.
pub fn node_runtime(profile: Profile) -> anyhow::Result<PathBuf> {
    let mut steps = Steps::new(2);
    let target = musl();
    steps.step("musl target", || Ok(((), tools::add_target(&target)?)))?;
    let binary = steps.step("node-runtime", || {
        let release = (profile == Profile::Web).then_some("--release");
        let built = tree::target().join(&target).join(if release.is_some() { "release" } else { "debug" });
        let cargo = |packages: &[&str]| {
            let mut cargo = tools::cargo();
            cargo.args(["build", "--target", &target]).args(release).args(packages);
            cargo
        };
        // Left to itself, node-runtime builds the toolbox with an engine of its own. `lessons` is named here for its
        // features, which with node-runtime's are the same: one engine serves both.
        tools::run(&mut cargo(&["-p", "toolbox", "-p", "lessons", "--features", "lessons/author"]))?;
        tools::run(cargo(&["-p", "node-runtime"]).env("DRYDOCK_TOOLBOX", built.join("toolbox")))?;
        Ok((built.join("node-runtime"), String::new()))
    })?;
    steps.finish();
    Ok(binary)
}

pub fn musl() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}
