//! The developer commands of Drydock: `cargo xtask COMMAND`.
//!
//! [`build`] makes the site, [`serve`] shows it, [`test`], [`vm`] and [`lint`] judge the tree; [`tools`] and [`apt`] fetch
//! what that needs, [`tree`] knows where things are.
//! Nothing here is needed to run a lesson: the page and `node-runtime` stand alone.

mod apt;
mod bench;
mod build;
mod lint;
mod progress;
mod serve;
mod test;
mod tools;
mod tree;
mod vm;

use anyhow::bail;
use build::Profile;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  build [--profile web|dev]   make dist/: the course, for any static host, also under a sub-path and offline
  serve [--profile web|dev] [--port PORT] [--lan]
                              build, and serve at http://127.0.0.1:8080 with this machine's kernel beside it
  test [FILTER]               every test, here and in a real browser; totals at the end
  vm-test [--dev] [v2|v1] [CASE|LESSON…]
                              the verification on other kernels, each in a machine of its own (QEMU)
  lint                        formatting, clippy, and the words that must not appear
  bench [--cold]              what was promised, measured: each value, its limit and the ratio; --cold also from nothing
  record [--screens]          what this machine's kernel shows in the lessons; with --screens, how the pages look
  trunk-hook                  what `trunk serve` needs beside the page (Trunk.toml calls it)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> anyhow::Result<ExitCode> {
    match words {
        ["build"] => build::build(Profile::Web)?,
        ["build", "--profile", profile] => build::build(Profile::parse(profile)?)?,
        ["serve", "--profile", profile, rest @ ..] => return serve::serve(Profile::parse(profile)?, rest),
        ["serve", rest @ ..] => return serve::serve(Profile::Web, rest),
        ["test", filter @ ..] => return test::test(filter),
        ["vm-test", rest @ ..] => return vm::vm_test(rest),
        ["bench"] => return bench::bench(false),
        ["bench", "--cold"] => return bench::bench(true),
        ["record"] => bench::record(false)?,
        ["record", "--screens"] => bench::record(true)?,
        ["lint"] => lint::lint()?,
        ["trunk-hook"] => {
            let staging = std::env::var_os("TRUNK_STAGING_DIR");
            let Some(staging) = staging else {
                bail!("TRUNK_STAGING_DIR is not set: trunk calls this, see Trunk.toml")
            };
            build::for_trunk(staging.as_ref())?;
        }
        [] | ["help" | "--help" | "-h"] => print!("{USAGE}"),
        other => {
            eprint!("`{}` is not understood\n\n{USAGE}", other.join(" "));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
