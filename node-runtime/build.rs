//! Builds the toolbox, the one binary that runs inside nodes and containers, as a static executable, for
//! `include_bytes!`. Containers hold nothing but their image's files, so it cannot be linked to anything there.
//!
//! `cargo build -p node-runtime` therefore stays one ordinary command. It needs the musl target
//! (`rustup target add ARCH-unknown-linux-musl`); where that is missing, glibc's static library serves.
//!
//! And lists the course's sources and the cases for `include_bytes!`: the program runs them where there is no tree.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A toolbox that is built already: whoever builds both, for one target, shares what they have in common.
const BUILT: &str = "DRYDOCK_TOOLBOX";

/// What of `engine` the toolbox is made of: the rest may change without building it anew.
const ENGINE: [&str; 7] = ["call.rs", "command", "docker/request.rs", "image", "node/mod.rs", "program", "sim"];

/// What of `lessons` is carried.
const COURSE: [&str; 2] = ["content", "images"];

fn main() {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    carry("CARRIED", &here.join("../lessons"), &COURSE, "carried.rs");
    carry("CASES", &here.join("../tests"), &["cases"], "cases.rs");
    if variable("CARGO_CFG_TARGET_OS") != "linux" {
        panic!("node-runtime drives a Linux kernel: build it for Linux");
    }
    println!("cargo:rerun-if-env-changed={BUILT}");
    let toolbox = env::var_os(BUILT).map_or_else(|| toolbox(&here), PathBuf::from);
    println!("cargo:rerun-if-changed={}", toolbox.display());
    println!("cargo:rustc-env=TOOLBOX_BINARY={}", toolbox.display());
}

/// Builds it, and gives its path.
fn toolbox(here: &Path) -> PathBuf {
    println!("cargo:rerun-if-changed={}", here.join("toolbox").display());
    for part in ENGINE {
        println!("cargo:rerun-if-changed={}", here.join("../engine/src").join(part).display());
    }
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    let musl = format!("{arch}-unknown-linux-musl");
    // Not to be moved when it is loaded: moving it would write to most of its constants, and each process of a node would
    // have a copy of those, more or fewer by how it was optimised. (`.cargo/config.toml` says the same.)
    let (target, flags) = if installed(&musl) {
        (musl, "-C\x1frelocation-model=static")
    } else {
        (format!("{arch}-unknown-linux-gnu"), "-C\x1ftarget-feature=+crt-static\x1f-C\x1frelocation-model=static")
    };
    let profile = if variable("PROFILE") == "release" { "release" } else { "dev" };
    let target_dir = target_dir();
    let status = Command::new(variable("CARGO"))
        .args(["build", "--quiet", "--bin", "toolbox", "--profile", profile, "--target", &target])
        .arg("--manifest-path")
        .arg(here.join("toolbox/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_PROFILE_DEV_STRIP", "symbols")
        .env("CARGO_PROFILE_DEV_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        // A guest waits for the kernel, not for its own code: small is quicker to build and to start.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => panic!("the toolbox was not built ({other:?}); is the target there? rustup target add {target}"),
    }
    let directory = if profile == "release" { "release" } else { "debug" };
    target_dir.join(&target).join(directory).join("toolbox")
}

/// Writes a table of the files in these parts of a folder: the name of each with its bytes.
fn carry(table: &str, folder: &Path, parts: &[&str], file: &str) {
    let mut list = format!("static {table}: &[(&str, &[u8])] = &[\n");
    for part in parts {
        println!("cargo:rerun-if-changed={}", folder.join(part).display());
        each_file(&folder.join(part), &mut |path| {
            let name = path.strip_prefix(folder).unwrap_or(path);
            list.push_str(&format!("({name:?}, include_bytes!({path:?})),\n"));
        });
    }
    list.push_str("];\n");
    let file = PathBuf::from(variable("OUT_DIR")).join(file);
    fs::write(&file, list).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn each_file(folder: &Path, tell: &mut dyn FnMut(&Path)) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { each_file(&path, tell) } else { tell(&path) }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// A target directory beside the others: the outer one is locked while this runs.
fn target_dir() -> PathBuf {
    let out = PathBuf::from(variable("OUT_DIR"));
    // OUT_DIR is TARGET/[TRIPLE/]PROFILE/build/NAME-HASH/out.
    out.ancestors().nth(4).unwrap_or(&out).join("toolbox")
}

fn installed(target: &str) -> bool {
    let rustc = variable("RUSTC");
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    output.is_ok_and(|o| o.status.success() && Path::new(String::from_utf8_lossy(&o.stdout).trim()).is_dir())
}
