//! What this machine can do, a fact at a time, each with what is missing and what to do about it.
//!
//! It tries rather than guesses: a namespace is made, a node is started. It changes nothing that outlives it.

use crate::linux::LinuxKernel;
use crate::runs::{can_clone, is_root, kernel_name};
use engine::image::Digest;
use engine::node::{Cid, ContainerSpec, Kernel};
use engine::scenario::{Era, Scenario};
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub ok: bool,
    /// A node cannot run without it.
    pub needed: bool,
    pub found: String,
    /// What to do, where it is missing.
    pub remedy: &'static str,
}

/// Everything, in the order in which a node needs it.
pub fn examine() -> Vec<Finding> {
    let mut findings = vec![
        Finding { what: "kernel", ok: true, needed: true, found: kernel_name(), remedy: "" },
        finding("root", true, ROOT_REMEDY, is_root().then(|| "uid 0".to_owned()).ok_or("not root".to_owned())),
    ];
    let namespaces = [
        ("pid namespaces", libc::CLONE_NEWPID),
        ("mount namespaces", libc::CLONE_NEWNS),
        ("network namespaces", libc::CLONE_NEWNET),
        ("UTS namespaces", libc::CLONE_NEWUTS),
        ("IPC namespaces", libc::CLONE_NEWIPC),
        ("cgroup namespaces", libc::CLONE_NEWCGROUP),
    ];
    for (what, flag) in namespaces {
        findings.push(finding(what, true, NAMESPACE_REMEDY, tried(can_clone(flag))));
    }
    findings.push(finding("user namespaces", false, USER_REMEDY, tried(can_clone(libc::CLONE_NEWUSER))));
    findings.push(finding("children in /proc", true, CHILDREN_REMEDY, children()));
    findings.push(finding("pseudo-terminals", true, PTY_REMEDY, terminal()));
    findings.push(finding("cgroups", false, CGROUP_REMEDY, cgroups()));
    let node = if findings.iter().all(|f| f.ok || !f.needed) { a_node() } else { Err("not tried".to_owned()) };
    findings.push(finding("overlayfs on tmpfs, in a node", true, NODE_REMEDY, node));
    findings
}

/// Why this machine cannot run nodes; empty if it can.
pub fn obstacles(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.needed && !finding.ok).collect()
}

const ROOT_REMEDY: &str = "run it with sudo; nodes without root are not built yet";
const NAMESPACE_REMEDY: &str =
    "in a container, start it with more rights (docker run --privileged); else a kernel with CONFIG_NAMESPACES";
const USER_REMEDY: &str =
    "not needed as root; sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns";
const CHILDREN_REMEDY: &str = "a kernel with CONFIG_PROC_CHILDREN (all distributions have it), and /proc mounted";
const PTY_REMEDY: &str = "mount -t devpts devpts /dev/pts";
const CGROUP_REMEDY: &str = "not needed yet: no lesson compares limits on a real node";
const NODE_REMEDY: &str = "modprobe overlay; in a container, docker run --privileged";

fn finding(what: &'static str, needed: bool, remedy: &'static str, found: Result<String, String>) -> Finding {
    let ok = found.is_ok();
    let found = found.unwrap_or_else(|why| why);
    Finding { what, ok, needed, found, remedy: if ok { "" } else { remedy } }
}

fn tried(done: toolbox::os::Result<()>) -> Result<String, String> {
    done.map(|()| "made one".to_owned()).map_err(|errno| io::Error::from_raw_os_error(errno).to_string())
}

fn children() -> Result<String, String> {
    let path = "/proc/thread-self/children";
    fs::read_to_string(path).map(|_| path.to_owned()).map_err(|e| format!("{path}: {e}"))
}

fn terminal() -> Result<String, String> {
    let opened = fs::File::options().read(true).write(true).open("/dev/ptmx");
    opened.map(|_| "/dev/ptmx".to_owned()).map_err(|e| format!("/dev/ptmx: {e}"))
}

fn cgroups() -> Result<String, String> {
    let exists = |path: &str| Path::new(path).exists();
    if exists("/sys/fs/cgroup/cgroup.controllers") {
        Ok("version 2".to_owned())
    } else if exists("/sys/fs/cgroup/unified/cgroup.procs") {
        Ok("version 1 with a version 2 hierarchy beside it".to_owned())
    } else if exists("/sys/fs/cgroup/memory") {
        Ok("version 1".to_owned())
    } else {
        Err("none mounted at /sys/fs/cgroup".to_owned())
    }
}

/// A node with a container made in it, and taken down again.
fn a_node() -> Result<String, String> {
    let scenario = Scenario {
        seed: 0,
        era: Era::default(),
        files: Vec::new(),
        images: Vec::new(),
        node_root: Vec::new().into(),
        watch: Default::default(),
    };
    let text = |fault: engine::node::Fault| fault.what;
    let mut kernel = LinuxKernel::new(&scenario).map_err(text)?;
    let layer = vec![0; 1024];
    let diff_id = Digest::of(&layer);
    kernel.add_layer(&diff_id, &layer).map_err(text)?;
    let spec = ContainerSpec {
        name: "probe".to_owned(),
        hostname: "probe".to_owned(),
        layers: vec![diff_id],
        binds: Vec::new(),
        read_only: false,
    };
    kernel.create(Cid(1), &spec).map_err(text)?;
    kernel.remove(Cid(1)).map_err(text)?;
    Ok("made one".to_owned())
}
