//! `bench`: what a call at the gate, a process, a container and a node cost on this machine.

use super::{End, obstacles};
use crate::linux::LinuxKernel;
use crate::runs;
use anyhow::{Result, anyhow};
use engine::call::{Sys, Tid};
use engine::image::Digest;
use engine::image::tar::{Entry, write};
use engine::node::{Cid, ContainerSpec, Effects, JobId, Kernel, Place, ProcessSpec, Stdin, TOOLBOX};
use engine::scenario::{Era, Scenario};
use lessons::{Measurement, Series};
use std::time::{Duration, Instant};

const NODES: u32 = 10;
const PROCESSES: u32 = 20;
const CONTAINERS: u32 = 10;

pub fn bench() -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let scenario = scenario();
    let started = Instant::now();
    for _ in 0..NODES {
        drop(LinuxKernel::new(&scenario)?);
    }
    tell("a node, made and taken down", started.elapsed(), NODES);
    let mut kernel = LinuxKernel::new(&scenario)?;
    let mut jobs = 0;
    let started = Instant::now();
    for _ in 0..PROCESSES {
        run(&mut kernel, &mut jobs, Place::Node, &[TOOLBOX, "true", TOOLBOX])?;
    }
    tell("a process, from its start to its end", started.elapsed(), PROCESSES);
    let layer = write(&[Entry::dir("bin", 0o755)]);
    let diff_id = Digest::of(&layer);
    kernel.add_layer(&diff_id, &layer)?;
    let started = Instant::now();
    for n in 1..=CONTAINERS {
        let (name, hostname) = (format!("c{n}"), format!("c{n}"));
        let spec = ContainerSpec { name, hostname, layers: vec![diff_id], binds: Vec::new(), read_only: false };
        kernel.create(Cid(n), &spec)?;
        run(&mut kernel, &mut jobs, Place::Init(Cid(n)), &[TOOLBOX, "true", TOOLBOX])?;
        kernel.remove(Cid(n))?;
    }
    tell("a container, made, run and removed", started.elapsed(), CONTAINERS);
    let files: Vec<String> = (0..500).map(|n| format!("/nothing/{n}")).collect();
    let argv: Vec<&str> = [TOOLBOX, "cat", TOOLBOX].into_iter().chain(files.iter().map(String::as_str)).collect();
    let started = Instant::now();
    let calls = run(&mut kernel, &mut jobs, Place::Node, &argv)?;
    tell("a call, granted and answered", started.elapsed(), calls);
    Ok(End::Agrees)
}

/// How long a process and a container take from start to end here, each measured on its own; a virtual machine, which
/// this machine cannot start, is cited.
pub fn start_times() -> Result<Measurement> {
    const SAMPLES: u32 = 30;
    let mut kernel = LinuxKernel::new(&scenario())?;
    let layer = write(&[Entry::dir("bin", 0o755)]);
    let diff_id = Digest::of(&layer);
    kernel.add_layer(&diff_id, &layer)?;
    let mut jobs = 0;
    let (mut processes, mut containers) = (Vec::new(), Vec::new());
    for n in 1..=SAMPLES {
        let started = Instant::now();
        run(&mut kernel, &mut jobs, Place::Node, &[TOOLBOX, "true", TOOLBOX])?;
        processes.push(started.elapsed());
        let (name, hostname) = (format!("c{n}"), format!("c{n}"));
        let spec = ContainerSpec { name, hostname, layers: vec![diff_id], binds: Vec::new(), read_only: false };
        let started = Instant::now();
        kernel.create(Cid(n), &spec)?;
        run(&mut kernel, &mut jobs, Place::Init(Cid(n)), &[TOOLBOX, "true", TOOLBOX])?;
        containers.push(started.elapsed());
        kernel.remove(Cid(n))?;
    }
    let series = |label: &str, samples: &[Duration]| Series {
        label: label.to_owned(),
        source: format!("measured, {SAMPLES} times"),
        samples_milli: samples.iter().map(|sample| u64::try_from(sample.as_micros()).unwrap_or(u64::MAX)).collect(),
    };
    let machine = Series {
        label: "virtual machine".to_owned(),
        source: "cited: Firecracker, firecracker-microvm.github.io, application code \"in as little as 125 ms\""
            .to_owned(),
        samples_milli: vec![125_000],
    };
    Ok(Measurement {
        id: "start-time".to_owned(),
        title: "From start to end of a program that does nothing".to_owned(),
        unit: "ms".to_owned(),
        recorded_on: format!("{}, {}", runs::kernel_name(), runs::today()),
        series: vec![series("process", &processes), series("container", &containers), machine],
    })
}

fn scenario() -> Scenario {
    Scenario {
        seed: 1,
        era: Era::default(),
        files: Vec::new(),
        images: Vec::new(),
        node_root: write(&[]).into(),
        watch: Default::default(),
    }
}

/// Runs one process to its end and counts its calls.
fn run(kernel: &mut LinuxKernel, jobs: &mut u32, at: Place, argv: &[&str]) -> Result<u32> {
    *jobs += 1;
    let process = ProcessSpec {
        argv: argv.iter().map(|word| word.to_string()).collect(),
        env: Vec::new(),
        cwd: "/".to_owned(),
        uid: 0,
        gid: 0,
        stdin: Stdin::Null,
    };
    let mut fx = Effects::default();
    let started = kernel.spawn(JobId(*jobs), at, &process, &mut fx)?;
    let tid: Tid = started.map_err(|why| anyhow!("{argv:?}: {why:?}"))?;
    let mut calls = 0;
    while fx.jobs_ended.is_empty() {
        let sys: Sys = kernel.asked(tid)?;
        kernel.carry_out(tid, &sys, &mut fx)?;
        calls += 1;
    }
    Ok(calls)
}

fn tell(what: &str, took: Duration, times: u32) {
    let each = took / times.max(1);
    println!("{what:40} {:>10.1} µs   ({times} times)", each.as_secs_f64() * 1e6);
}
