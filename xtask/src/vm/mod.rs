//! `cargo xtask vm-test`: the whole verification on kernels that this machine does not run.
//!
//! Debian's kernel starts in QEMU without KVM, with our static `node-runtime` as its first process and nothing else; that
//! runs `verify --all --json` and sends the report over a serial port. A machine that cannot be had is skipped, with the
//! reason. What differs between kernels shows here as a difference: nothing is left out for a machine.

mod cpio;
mod kernel;
mod report;

use crate::build::Profile;
use crate::progress::seconds;
use crate::test::Tally;
use crate::{apt, serve, tools, tree};
use anyhow::{Context, bail, ensure};
use kernel::Kernel;
use lessons::author::course::{compile_all, root};
use report::Report;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const QEMU: &str = "qemu-system-x86_64";
const QEMU_PACKAGE: &str = "qemu-system-x86";
/// A machine that runs for this long hangs: each instruction is translated, and others may keep the processors busy.
const LIMIT: Duration = Duration::from_secs(15 * 60);
const MEMORY_MIB: u32 = 2048;
/// Modules of Debian's kernel that nodes need; the last two are for the disk.
const MODULES: [&str; 3] = ["overlay", "virtio_pci", "virtio_blk"];
/// The disk, of which nothing is kept: a file with holes.
const DISK: &str = "disk.ext4";
const DISK_SIZE: &str = "4G";
const MKFS: &str = "mkfs.ext4";
const MKFS_PACKAGE: &str = "e2fsprogs";
/// What is told of the console when a machine fails.
const CONSOLE_LINES: usize = 20;

/// A kind of kernel to verify on: the same programs and scenarios, other control groups.
struct Machine {
    name: &'static str,
    /// As `node-runtime boot` is asked for them and `verify` names them.
    cgroups: &'static str,
}

const MACHINES: [Machine; 2] =
    [Machine { name: "vm-test cgroup-v2", cgroups: "v2" }, Machine { name: "vm-test cgroup-v1", cgroups: "v1" }];

/// What is run: on which machines, of what, and by which build.
struct Plan<'a> {
    machines: Vec<&'static Machine>,
    /// What `verify` is asked for.
    names: Vec<&'a str>,
    profile: Profile,
}

/// `[--dev] [v2|v1] [CASE|LESSON…]`: all machines and everything unless named. `--dev` is a build that starts sooner and
/// runs slower.
pub fn vm_test(words: &[&str]) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    let (dev, words): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| **word == "--dev");
    let is_machine = |word: &&str| MACHINES.iter().any(|machine| machine.cgroups == *word);
    let (chosen, mut names): (Vec<&str>, Vec<&str>) = words.into_iter().partition(is_machine);
    if names.is_empty() {
        names.push("--all");
    }
    let machines = MACHINES.iter().filter(|machine| chosen.is_empty() || chosen.contains(&machine.cgroups)).collect();
    let profile = if dev.is_empty() { Profile::Web } else { Profile::Dev };
    verify(&Plan { machines, names, profile }, &mut tally)?;
    print!("\n{tally}");
    Ok(match (tally.failed.is_empty(), tally.passed.is_empty()) {
        (false, _) => ExitCode::FAILURE,
        (true, false) => ExitCode::SUCCESS,
        // As node-runtime says that a machine cannot.
        (true, true) => ExitCode::from(3),
    })
}

/// Verifies the lessons on the machine of the page's own profile and counts. The cases are not among them yet: two of them
/// do not agree with version 2 (`cargo xtask vm-test v2 cgroups memory`).
pub fn run(tally: &mut Tally) -> anyhow::Result<()> {
    let lessons = compile_all(&root())?.lessons;
    let names = lessons.iter().map(|lesson| lesson.id.as_str()).collect();
    verify(&Plan { machines: vec![&MACHINES[0]], names, profile: Profile::Web }, tally)
}

fn verify(plan: &Plan<'_>, tally: &mut Tally) -> anyhow::Result<()> {
    let kernel = match provide() {
        Ok(kernel) => kernel,
        Err(why) => {
            println!("no machine to start: skipped({why})");
            tally.skipped.extend(plan.machines.iter().map(|machine| (machine.name.to_owned(), why.clone())));
            return Ok(());
        }
    };
    // Optimised: where each instruction is translated, that is a minute in place of five.
    let initramfs = initramfs(&kernel, &serve::node_runtime(plan.profile)?)?;
    let mut reports = Vec::new();
    for machine in &plan.machines {
        println!("{}: {} in {QEMU}, translated …", machine.name, kernel.name);
        let begun = Instant::now();
        let (report, console) =
            start(machine, &format!("verify {} --json", plan.names.join(" ")), &kernel, &initramfs)?;
        if let Some((boot, verify)) = report.times_ms() {
            let (boot, verify) = (Duration::from_millis(boot), Duration::from_millis(verify));
            let all = seconds(begun.elapsed());
            println!("{}: booted in {}, verified in {}; {all} in all", machine.name, seconds(boot), seconds(verify));
        }
        match report.fault(machine.cgroups) {
            None => tally.passed.push(machine.name.into()),
            Some(fault) => {
                println!("{}: {fault}\n{}{}", machine.name, report.differences(), report.said.join("\n"));
                println!("{console}");
                tally.failed.push(format!("{}: {fault}", machine.name));
            }
        }
        reports.push(report);
    }
    print!("{}", report::matrix(&reports.iter().collect::<Vec<_>>()));
    Ok(())
}

/// What the lessons show on a machine with cgroup v2, the page's own profile, kept in `folder` by its kind.
pub fn record(folder: &Path) -> anyhow::Result<()> {
    let kernel = match provide() {
        Ok(kernel) => kernel,
        Err(why) => {
            println!("no machine to start: skipped({why})");
            return Ok(());
        }
    };
    let machine = &MACHINES[0];
    let initramfs = initramfs(&kernel, &serve::node_runtime(Profile::Web)?)?;
    let (report, console) = start(machine, "record --all --json", &kernel, &initramfs)?;
    let recordings = report.recordings();
    ensure!(!recordings.is_empty(), "{} recorded nothing:\n{}\n{console}", machine.name, report.said.join("\n"));
    for recording in recordings {
        let name = recording["lesson"].as_str().context("a recording without a lesson")?;
        let file = folder.join(machine.cgroups).join(format!("{name}.json"));
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(&file, serde_json::to_string_pretty(recording)? + "\n")?;
        println!("{}", file.display());
    }
    Ok(())
}

/// What a machine is made of, or why there is none.
fn provide() -> Result<Kernel, String> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(format!("the machine is an x86_64, and node-runtime is built here for {}", std::env::consts::ARCH));
    }
    for (tool, package) in [(QEMU, QEMU_PACKAGE), (MKFS, MKFS_PACKAGE)] {
        if tools::found(tool).is_none() {
            apt::install(&[package]).map_err(|why| format!("no {tool}: {why}"))?;
        }
    }
    kernel::provide().map_err(|why| format!("no kernel to start: {why}"))
}

fn initramfs(kernel: &Kernel, init: &Path) -> anyhow::Result<Vec<u8>> {
    let mut archive = cpio::Archive::default();
    archive.directory("modules", 0o755);
    for (n, module) in kernel.modules(&MODULES)?.iter().enumerate() {
        archive.file(&format!("modules/{n:02}-{}.ko", module.name), 0o644, &module.content);
    }
    let init = fs::read(init).with_context(|| init.display().to_string())?;
    archive.file("init", 0o755, &init);
    Ok(archive.finish())
}

/// Starts the machine and waits until it has powered itself off. Gives its report, and the end of what its kernel said.
fn start(machine: &Machine, command: &str, kernel: &Kernel, initramfs: &[u8]) -> anyhow::Result<(Report, String)> {
    // The files have names without commas, which QEMU's options would not take.
    let place = tree::scratch().join("vm");
    fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
    let (console, sent) = (place.join("console.log"), place.join("report.jsonl"));
    for file in [&console, &sent] {
        fs::write(file, "")?;
    }
    fs::write(place.join("initramfs"), initramfs)?;
    let _ = fs::remove_file(place.join(DISK));
    tools::run(Command::new(MKFS).current_dir(&place).args(["-q", "-F", DISK, DISK_SIZE]))?;
    let parameters =
        format!("console=ttyS0 quiet panic=-1 random.trust_cpu=on rdinit=/init -- boot {} {command}", machine.cgroups);
    let mut qemu = Command::new(QEMU);
    qemu.current_dir(&place).stdin(Stdio::null());
    qemu.args(["-M", "pc", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", &MEMORY_MIB.to_string()]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.args(["-serial", "file:console.log", "-serial", "file:report.jsonl"]);
    qemu.args(["-drive", &format!("file={DISK},format=raw,if=virtio,cache=unsafe")]);
    qemu.arg("-kernel").arg(&kernel.image).args(["-initrd", "initramfs", "-append", &parameters]);
    let mut qemu = qemu.spawn().with_context(|| format!("cannot start {QEMU}"))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = qemu.try_wait()? {
            break status;
        }
        if begun.elapsed() > LIMIT {
            let _ = qemu.kill();
            break qemu.wait()?;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let read = |file: &Path| fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (console, sent) = (read(&console)?, read(&sent)?);
    if sent.is_empty() && !status.success() && begun.elapsed() < LIMIT {
        bail!("{QEMU} ended with {status}");
    }
    let lines: Vec<&str> = console.lines().collect();
    Ok((Report::parse(&sent), lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n")))
}
