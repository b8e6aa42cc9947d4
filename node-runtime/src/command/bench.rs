//! `bench`: what a call at the gate, a process, a container and a node cost on this machine.

use super::bare::Bare;
use super::{End, obstacles};
use anyhow::Result;
use engine::node::Place;
use std::time::{Duration, Instant};

const NODES: u32 = 10;
const PROCESSES: u32 = 20;
const CONTAINERS: u32 = 10;
const FILES: u32 = 500;

pub fn bench() -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let started = Instant::now();
    for _ in 0..NODES {
        drop(Bare::new()?);
    }
    tell("a node, made and taken down", started.elapsed(), NODES);
    let mut node = Bare::new()?;
    let started = Instant::now();
    for _ in 0..PROCESSES {
        node.run(Place::Node, "true", &[])?;
    }
    tell("a process, from its start to its end", started.elapsed(), PROCESSES);
    let started = Instant::now();
    for n in 1..=CONTAINERS {
        let container = node.create(n)?;
        node.run(Place::Init(container), "true", &[])?;
        node.remove(container)?;
    }
    tell("a container, made, run and removed", started.elapsed(), CONTAINERS);
    let files: Vec<String> = (0..FILES).map(|n| format!("/nothing/{n}")).collect();
    let started = Instant::now();
    let calls = node.run(Place::Node, "cat", &files)?;
    tell("a call, granted and answered", started.elapsed(), calls);
    Ok(End::Agrees)
}

fn tell(what: &str, took: Duration, times: u32) {
    let each = took / times.max(1);
    println!("{what:40} {:>10.1} µs   ({times} times)", each.as_secs_f64() * 1e6);
}
