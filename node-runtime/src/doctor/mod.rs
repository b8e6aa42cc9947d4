//! What this machine can do, a fact at a time, each with what its absence costs and what to do about it.
//!
//! It tries rather than guesses: a namespace is made, an overlay mounted, a node started. It changes nothing that
//! outlives it.

mod probe;

use crate::course::Course;
use crate::linux::{LinuxKernel, toolbox_binary};
use crate::profile::{Cgroups, Profile, kernel_name};
use crate::runs::is_root;
use engine::image::Digest;
use engine::node::{Cid, ContainerSpec, GroupSpec, Kernel};
use engine::scenario::{Era, Scenario};
use serde::Serialize;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use toolbox::run::Limits;

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub ok: bool,
    /// A node cannot run without it.
    pub needed: bool,
    pub found: String,
    /// What cannot be done, and what to do about it; both empty where it is there.
    pub cost: &'static str,
    pub remedy: &'static str,
}

/// What is said of a thing that is missing.
struct Missing {
    needed: bool,
    cost: &'static str,
    remedy: &'static str,
}

const fn needed(remedy: &'static str) -> Missing {
    Missing {
        needed: true,
        cost: "no lesson runs on this kernel: simulate and shell still do, verify does not",
        remedy,
    }
}

const fn useful(cost: &'static str, remedy: &'static str) -> Missing {
    Missing { needed: false, cost, remedy }
}

const COURSE: Missing =
    needed("mend what is named, or leave this folder: without a tree the program's own course is used");
const ROOT: Missing = needed("run it with sudo; nodes without root are not built yet");
const NAMESPACE: Missing =
    needed("in a container, start it with more rights (docker run --privileged); else a kernel with CONFIG_NAMESPACES");
const CHILDREN: Missing = needed("a kernel with CONFIG_PROC_CHILDREN (all distributions have it), and /proc mounted");
const PTY: Missing = needed("mount -t devpts devpts /dev/pts");
const NODE: Missing = needed("modprobe overlay; in a container, docker run --privileged");
const USER: Missing = useful("nothing yet: nodes are made as root", "sysctl user.max_user_namespaces=15000");
const WITHOUT_ROOT: Missing = useful(
    "nothing to root; a node without root could not be made",
    "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,` for this program; \
     on older Debian sysctl kernel.unprivileged_userns_clone=1",
);
const USER_OVERLAY: Missing = useful(
    "nothing to root; a node without root would copy its images instead of mounting them",
    "Linux 5.11 or newer with CONFIG_OVERLAY_FS; modprobe overlay",
);
const CLONE: Missing = needed("Linux 5.3 or newer; in a container, a seccomp profile that lets clone3(2) through");
const SECCOMP: Missing = needed("a kernel with CONFIG_SECCOMP_FILTER");
const LIMITS: Missing = useful(
    "containers of `run` go on without the limits named; what a container may use is then the machine's",
    "mount the controllers (mount -t cgroup2 none /sys/fs/cgroup); in a container, docker run --privileged --cgroupns=host; \
     without root, systemd-run --user --scope -p Delegate=yes",
);
const ROOTLESS: Missing = useful(
    "nothing to root; `run` is then for root alone",
    "Linux 5.11 or newer, and what restricts user namespaces lifted: sysctl kernel.apparmor_restrict_unprivileged_userns=0 \
     (Ubuntu), kernel.unprivileged_userns_clone=1 (Debian), user.max_user_namespaces=15000",
);
const CGROUPS: Missing = useful(
    "nothing yet: no lesson compares limits on a real node",
    "mount -t cgroup2 none /sys/fs/cgroup; at boot, systemd.unified_cgroup_hierarchy=1",
);
const CONTROLLERS: Missing = useful(
    "nothing yet: no lesson compares limits on a real node",
    "boot without cgroup_disable=; in a container, docker run --cgroupns=host --privileged",
);

/// The user that the kernel shows for all it cannot name (overflowuid, proc_sys_kernel(5)).
const NOBODY: u32 = 65534;

/// Everything.
pub fn examine() -> Vec<Finding> {
    let mut findings = examine_needed();
    findings.push(finding("user namespaces", USER, tried(probe::namespace(libc::CLONE_NEWUSER), "made one")));
    findings.push(finding("user namespaces without root", WITHOUT_ROOT, without_root()));
    findings.push(finding(
        "overlayfs with userxattr",
        USER_OVERLAY,
        tried(probe::overlay_in_user_namespace(), "mounted one in a user namespace"),
    ));
    findings.push(finding("a container without root", ROOTLESS, container_without_root()));
    findings.push(finding("cgroups", CGROUPS, cgroups()));
    findings.push(finding("cgroup controllers", CONTROLLERS, controllers()));
    findings.push(finding("limits of a container", LIMITS, limits()));
    findings
}

/// What a node cannot run without, in the order in which it needs it.
pub fn examine_needed() -> Vec<Finding> {
    let mut findings = vec![
        finding("kernel", needed(""), Ok(kernel_name())),
        finding("course", COURSE, course()),
        finding("root", ROOT, is_root().then(|| "uid 0".to_owned()).ok_or("not root".to_owned())),
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
        findings.push(finding(what, NAMESPACE, tried(probe::namespace(flag), "made one")));
    }
    findings.push(finding("clone3 with a pidfd", CLONE, tried(probe::pidfd(), "made a child with one")));
    findings.push(finding("seccomp filters", SECCOMP, tried(probe::seccomp_filter(), "installed a container's")));
    findings.push(finding("children in /proc", CHILDREN, children()));
    findings.push(finding("pseudo-terminals", PTY, terminal()));
    let node = if obstacles(&findings).is_empty() { a_node() } else { Err("not tried".to_owned()) };
    findings.push(finding("overlayfs on tmpfs, in a node", NODE, node));
    findings
}

/// Why this machine cannot run nodes; empty if it can.
pub fn obstacles(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.needed && !finding.ok).collect()
}

fn finding(what: &'static str, missing: Missing, found: Result<String, String>) -> Finding {
    let ok = found.is_ok();
    let (cost, remedy) = if ok { ("", "") } else { (missing.cost, missing.remedy) };
    Finding { what, ok, needed: missing.needed, found: found.unwrap_or_else(|why| why), cost, remedy }
}

fn tried(done: toolbox::os::Result<()>, what: &str) -> Result<String, String> {
    done.map(|()| what.to_owned()).map_err(|errno| io::Error::from_raw_os_error(errno).to_string())
}

fn course() -> Result<String, String> {
    let course = Course::find(None).map_err(|error| format!("{error:#}"))?;
    let lessons = course.lessons().map_err(|error| format!("{error:#}"))?.len();
    Ok(match course.folder() {
        Some(folder) => format!("{lessons} lessons in ./{}", folder.display()),
        None => format!("{lessons} lessons, carried in this program"),
    })
}

fn children() -> Result<String, String> {
    let path = "/proc/thread-self/children";
    fs::read_to_string(path).map(|_| path.to_owned()).map_err(|e| format!("{path}: {e}"))
}

fn terminal() -> Result<String, String> {
    let opened = fs::File::options().read(true).write(true).open("/dev/ptmx");
    opened.map(|_| "/dev/ptmx".to_owned()).map_err(|e| format!("/dev/ptmx: {e}"))
}

/// What restricts users who are not root: a kernel has only some of these switches.
fn without_root() -> Result<String, String> {
    let switches = [
        ("kernel.apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0"),
        ("kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "1"),
    ];
    let set = |path| fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    for (name, path, free) in switches {
        if let Some(value) = set(path)
            && value != free
        {
            return Err(format!("{name} = {value}"));
        }
    }
    match set("/proc/sys/user/max_user_namespaces").as_deref() {
        Some("0") => Err("user.max_user_namespaces = 0".to_owned()),
        Some(most) => Ok(format!("not restricted by AppArmor; at most {most}")),
        None => Err("this kernel has none".to_owned()),
    }
}

fn cgroups() -> Result<String, String> {
    match Profile::here().cgroups {
        Cgroups::None => Err("none mounted at /sys/fs/cgroup".to_owned()),
        some => Ok(some.to_string()),
    }
}

/// Those that can be used where cgroups are mounted: in version 2 one file names them, in version 1 each has a folder.
fn controllers() -> Result<String, String> {
    const WANTED: [&str; 3] = ["cpu", "memory", "pids"];
    let root = Path::new("/sys/fs/cgroup");
    let usable: Vec<String> = match fs::read_to_string(root.join("cgroup.controllers")) {
        Ok(names) => names.split_whitespace().map(str::to_owned).collect(),
        Err(_) => {
            let known = fs::read_to_string("/proc/cgroups").unwrap_or_default();
            let names = known.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next());
            names.filter(|name| root.join(name).join("cgroup.procs").exists()).map(str::to_owned).collect()
        }
    };
    let missing: Vec<&str> = WANTED.into_iter().filter(|name| !usable.iter().any(|found| found == name)).collect();
    match missing.is_empty() {
        true => Ok(usable.join(", ")),
        false => Err(format!("no {}; there is {}", missing.join(", "), usable.join(", "))),
    }
}

/// A control group with every limit, made and removed.
fn limits() -> Result<String, String> {
    let limits = Limits { memory_bytes: Some(64 << 20), cpu_milli: Some(1000), pids: Some(64) };
    let unset: Vec<String> = toolbox::run::unset(&limits).iter().map(ToString::to_string).collect();
    if unset.is_empty() { Ok("set those of memory, cpu and pids".to_owned()) } else { Err(unset.join("; ")) }
}

/// `run`, as whoever is not root: the caller, or nobody.
fn container_without_root() -> Result<String, String> {
    let text = |error: io::Error| error.to_string();
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let nth = TRIED.fetch_add(1, Ordering::Relaxed);
    let root = std::env::temp_dir().join(format!("drydock-doctor-{}-{nth}", std::process::id()));
    fs::create_dir(&root).map_err(text)?;
    let tried = || -> io::Result<std::process::Output> {
        let program = root.join("toolbox");
        fs::write(&program, toolbox_binary())?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        // The toolbox can do it as well, and is there whoever asks.
        let mut run = Command::new(&program);
        run.arg0("run").arg(&root).args(["/toolbox", "true", "/true"]);
        if is_root() {
            // A directory of somebody else's could not be written in, overlay or not.
            std::os::unix::fs::chown(&root, Some(NOBODY), Some(NOBODY))?;
            run.uid(NOBODY).gid(NOBODY);
        }
        run.output()
    };
    let output = tried().map_err(text);
    let _ = fs::remove_dir_all(&root);
    let output = output?;
    match output.status.success() {
        true => Ok("ran one".to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("node-runtime: ").to_owned()),
    }
}

/// A node with a container made in it, and taken down again.
fn a_node() -> Result<String, String> {
    let scenario = Scenario {
        seed: 0,
        era: Era::default(),
        profile: Default::default(),
        only: None,
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
        namespaces: Default::default(),
        capabilities: engine::call::CONTAINER_CAPABILITIES,
        name: "probe".to_owned(),
        hostname: "probe".to_owned(),
        layers: vec![diff_id],
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        cgroup: GroupSpec::at("docker/probe"),
    };
    kernel.create(Cid(1), &spec).map_err(text)?;
    kernel.remove(Cid(1)).map_err(text)?;
    Ok("made one".to_owned())
}
