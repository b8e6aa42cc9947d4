//! A real node, call by call: what `LinuxKernel` promises the scheduler.
//!
//! Needs root (new namespaces, overlayfs on tmpfs). Where that is missing each test says so, loudly, and is counted as
//! skipped.

use engine::call::{Sys, WaitStatus};
use engine::image::Digest;
use engine::node::{
    Cid, ContainerSpec, Effects, GroupSpec, JobId, Kernel, Outcome, Place, ProcessSpec, StartError, Stdin,
};
use engine::scenario::{Era, Scenario};
use node_runtime::linux::LinuxKernel;

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

/// The kernel, or a loud word about why not.
fn node() -> Option<LinuxKernel> {
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } != 0 {
        println!("SKIPPED: a node needs root");
        return None;
    }
    Some(LinuxKernel::new(&scenario()).expect("a node"))
}

fn process(argv: &[&str]) -> ProcessSpec {
    ProcessSpec {
        argv: argv.iter().map(|s| s.to_string()).collect(),
        env: vec!["PATH=/bin".into()],
        cwd: "/".into(),
        uid: 0,
        gid: 0,
        stdin: Stdin::Null,
    }
}

#[test]
fn a_process_announces_its_call_and_ends_when_granted() {
    let Some(mut kernel) = node() else { return };
    let mut fx = Effects::default();
    let started = kernel.spawn(JobId(0), Place::Node, &process(&["/dev/.toolbox", "true", "/x"]), &mut fx).unwrap();
    let tid = started.expect("started");
    assert_eq!(tid.0, 2, "the node's init is pid 1 and nothing else takes one");
    let sys = kernel.asked(tid).unwrap();
    assert_eq!(sys, Sys::Exit { code: 0 });
    let outcome = kernel.carry_out(tid, &sys, &mut fx).unwrap();
    assert_eq!(outcome, Outcome::Gone(WaitStatus::Exited(0)));
    assert_eq!(fx.jobs_ended, [(JobId(0), WaitStatus::Exited(0))]);
}

#[test]
fn a_container_is_pid_1_of_its_own_and_a_failed_start_uses_up_a_pid() {
    let Some(mut kernel) = node() else { return };
    let mut fx = Effects::default();
    let layer = vec![0; 1024];
    let diff_id = Digest::of(&layer);
    kernel.add_layer(&diff_id, &layer).unwrap();
    let spec = ContainerSpec {
        namespaces: Default::default(),
        capabilities: engine::call::CONTAINER_CAPABILITIES,
        name: "web".into(),
        hostname: "web".into(),
        layers: vec![diff_id, diff_id],
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        cgroup: GroupSpec::at("docker/web"),
    };
    kernel.create(Cid(1), &spec).unwrap();
    let missing = kernel.spawn(JobId(0), Place::Init(Cid(1)), &process(&["nothing"]), &mut fx).unwrap();
    assert_eq!(missing, Err(StartError::Exec(engine::call::Errno::ENOENT)));
    let tid = kernel.spawn(JobId(1), Place::Init(Cid(1)), &process(&["/dev/.toolbox", "true", "/x"]), &mut fx);
    let tid = tid.unwrap().expect("started");
    assert_eq!(tid.0, 3);
    let sys = kernel.asked(tid).unwrap();
    assert_eq!(kernel.carry_out(tid, &sys, &mut fx).unwrap(), Outcome::Gone(WaitStatus::Exited(0)));
}
