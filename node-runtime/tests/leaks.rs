//! A thousand containers, each made, started, observed, ended and removed in one node: nothing of them stays, on the
//! machine, in the runner or in the node's init.

use engine::call::Sys;
use engine::fact::Facts;
use engine::image::Digest;
use engine::node::{Cid, ContainerSpec, Effects, GroupSpec, JobId, Kernel, Place, ProcessSpec, Stdin};
use engine::scenario::{Era, Scenario};
use node_runtime::linux::LinuxKernel;
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use toolbox::os;

const CONTAINERS: u32 = 1000;
/// The first ones make what is kept for the next: files of logs, pages, entries of caches.
const WARM_UP: u32 = 3;

#[test]
fn a_thousand_containers_leave_nothing() {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED(a node needs root)");
        return;
    }
    let mut kernel = LinuxKernel::new(&scenario()).expect("a node");
    let layer = vec![0; 1024];
    let diff_id = Digest::of(&layer);
    kernel.add_layer(&diff_id, &layer).unwrap();
    let init = children(std::process::id()).into_iter().find(|pid| name(*pid) == "init").expect("the node's init");
    (1..=WARM_UP).for_each(|n| one(&mut kernel, n, diff_id));
    let before = Left::now(init);
    let mut running = Vec::new();
    for n in WARM_UP + 1..=WARM_UP + CONTAINERS {
        one(&mut kernel, n, diff_id);
        if n % 250 == 0 {
            running.push(Left::now(init));
        }
    }
    for left in running {
        assert_eq!(left, before, "something grows");
    }
    drop(kernel);
    assert_eq!(children(std::process::id()), Vec::<u32>::new(), "processes outlive the node");
}

fn scenario() -> Scenario {
    Scenario {
        seed: 1,
        era: Era::Course,
        profile: Default::default(),
        only: None,
        files: Vec::new(),
        images: Vec::new(),
        node_root: Vec::new().into(),
        watch: Default::default(),
    }
}

/// One container's life; its process is seen in the facts while it runs, and not when it is gone.
fn one(kernel: &mut LinuxKernel, n: u32, layer: Digest) {
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: engine::call::CONTAINER_CAPABILITIES,
        name: format!("c{n}"),
        hostname: format!("c{n}"),
        layers: vec![layer],
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        cgroup: GroupSpec::at(format!("docker/c{n}")),
    };
    kernel.create(Cid(n), &spec).unwrap();
    let process = ProcessSpec {
        argv: ["/dev/.toolbox", "true", "/true"].map(String::from).to_vec(),
        env: Vec::new(),
        cwd: "/".into(),
        uid: 0,
        gid: 0,
        stdin: Stdin::Null,
    };
    let mut fx = Effects::default();
    let tid = kernel.spawn(JobId(n), Place::Init(Cid(n)), &process, &mut fx).unwrap().expect("started");
    assert_eq!(fact(kernel, n, "pid/inner"), Some("1".to_owned()));
    while fx.jobs_ended.is_empty() {
        let sys: Sys = kernel.asked(tid).unwrap();
        kernel.carry_out(tid, &sys, &mut fx).unwrap();
    }
    assert_eq!(fact(kernel, n, "pid/inner"), None);
    kernel.remove(Cid(n)).unwrap();
}

fn fact(kernel: &mut LinuxKernel, n: u32, name: &str) -> Option<String> {
    let mut facts = Facts::default();
    kernel.facts(&Default::default(), &mut facts).unwrap();
    facts.get(&format!("container/c{n}/{name}")).map(ToString::to_string)
}

/// What could be left, counted.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// Below this process, and below the node's init.
    processes: usize,
    our_mounts: usize,
    node_mounts: usize,
    store_mounts: usize,
    interfaces: BTreeSet<String>,
    our_descriptors: usize,
    init_descriptors: usize,
    groups: BTreeSet<String>,
}

impl Left {
    fn now(init: u32) -> Left {
        let mounts = |pid: u32| fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap().lines().count();
        let mut groups = BTreeSet::new();
        groups_below(Path::new("/sys/fs/cgroup"), &mut groups);
        Left {
            processes: children(std::process::id()).len() + children(init).len(),
            our_mounts: mounts(std::process::id()),
            node_mounts: mounts(init),
            store_mounts: store_mounts(init),
            interfaces: names(Path::new("/sys/class/net")),
            our_descriptors: names(Path::new("/proc/self/fd")).len(),
            init_descriptors: names(Path::new(&format!("/proc/{init}/fd"))).len(),
            groups,
        }
    }
}

/// Those of our making; others make theirs meanwhile.
fn groups_below(dir: &Path, found: &mut BTreeSet<String>) {
    for name in names(dir) {
        let path = dir.join(&name);
        if path.is_dir() {
            let text = path.display().to_string();
            if text.contains("drydock") && text.contains(&std::process::id().to_string()) {
                found.insert(text);
            }
            groups_below(&path, found);
        }
    }
}

/// The mounts of the store, a namespace that no process lives in: a thread looks.
fn store_mounts(init: u32) -> usize {
    let own = fs::read_link(format!("/proc/{init}/ns/mnt")).unwrap();
    let descriptors = fs::read_dir(format!("/proc/{init}/fd")).unwrap().flatten();
    let store = descriptors
        .map(|entry| entry.path())
        .find(|path| fs::read_link(path).is_ok_and(|link| link.to_string_lossy().starts_with("mnt:") && link != own));
    let store = os::open(store.expect("the store's namespace").to_str().unwrap(), libc::O_RDONLY, 0).unwrap();
    let own_proc = os::open("/proc", libc::O_RDONLY | libc::O_DIRECTORY, 0).unwrap();
    let looked = std::thread::spawn(move || {
        // SAFETY: no memory is passed.
        let tid = unsafe { libc::gettid() };
        os::unshare(libc::CLONE_FS)?;
        os::setns(store.as_raw_fd(), libc::CLONE_NEWNS)?;
        // The procfs of this process's own pid namespace, opened before.
        let path = format!("self/task/{tid}/mountinfo");
        let file = os::openat2(own_proc.as_raw_fd(), &path, libc::O_RDONLY, 0)?;
        std::io::read_to_string(fs::File::from(file)).map_err(|error| os::code(&error))
    });
    looked.join().unwrap().unwrap().lines().count()
}

fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
