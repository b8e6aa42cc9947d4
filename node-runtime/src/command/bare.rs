//! A node with nothing on it, to measure what starting costs.

use crate::linux::LinuxKernel;
use anyhow::{Result, anyhow};
use engine::call::{Sys, Tid};
use engine::image::Digest;
use engine::image::tar::{Entry, write};
use engine::node::{Cid, ContainerSpec, Effects, GroupSpec, JobId, Kernel, Place, ProcessSpec, Stdin, TOOLBOX};
use engine::scenario::{Era, Scenario};

pub struct Bare {
    kernel: LinuxKernel,
    layer: Digest,
    jobs: u32,
}

impl Bare {
    pub fn new() -> Result<Bare> {
        let scenario = Scenario {
            seed: 1,
            era: Era::default(),
            profile: Default::default(),
            only: None,
            files: Vec::new(),
            images: Vec::new(),
            node_root: write(&[]).into(),
            watch: Default::default(),
        };
        let mut kernel = LinuxKernel::new(&scenario)?;
        let layer = write(&[Entry::dir("bin", 0o755)]);
        let diff_id = Digest::of(&layer);
        kernel.add_layer(&diff_id, &layer)?;
        Ok(Bare { kernel, layer: diff_id, jobs: 0 })
    }

    /// A container of the one layer, not started yet.
    pub fn create(&mut self, n: u32) -> Result<Cid> {
        let name = format!("c{n}");
        let spec = ContainerSpec {
            namespaces: Default::default(),
            capabilities: engine::call::CONTAINER_CAPABILITIES,
            hostname: name.clone(),
            name,
            layers: vec![self.layer],
            tmpfs: Vec::new(),
            binds: Vec::new(),
            read_only: false,
            cgroup: GroupSpec::at(format!("docker/c{n}")),
        };
        self.kernel.create(Cid(n), &spec)?;
        Ok(Cid(n))
    }

    pub fn remove(&mut self, container: Cid) -> Result<()> {
        Ok(self.kernel.remove(container)?)
    }

    /// A program of the toolbox, which waits at the gate with its first call.
    pub fn start(&mut self, at: Place, program: &str, words: &[String], fx: &mut Effects) -> Result<Tid> {
        self.jobs += 1;
        let named = [TOOLBOX, program, TOOLBOX].into_iter().map(str::to_owned);
        let process = ProcessSpec {
            argv: named.chain(words.iter().cloned()).collect(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            stdin: Stdin::Null,
        };
        let started = self.kernel.spawn(JobId(self.jobs), at, &process, fx)?;
        started.map_err(|why| anyhow!("{program}: {why:?}"))
    }

    /// The same, granted all it asks for until it ends; how many calls that were.
    pub fn run(&mut self, at: Place, program: &str, words: &[String]) -> Result<u32> {
        let mut fx = Effects::default();
        let tid = self.start(at, program, words, &mut fx)?;
        let mut calls = 0;
        while fx.jobs_ended.is_empty() {
            let sys: Sys = self.kernel.asked(tid)?;
            self.kernel.carry_out(tid, &sys, &mut fx)?;
            calls += 1;
        }
        Ok(calls)
    }
}
