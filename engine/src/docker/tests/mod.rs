//! The daemon at a bench: requests in, answers out, with a node that does as the test says.

mod golden;
mod life;

use super::*;
use crate::call::WaitStatus;
use crate::image::tar::{self, Entry};
use crate::node::{ContainerSpec, Place, ProcessSpec, StartError};
use crate::scenario::{BaseImage, Era};
use crate::sim::SECOND;

/// What a process does once it has been started, as far as a daemon can see.
#[derive(Clone, Debug)]
enum Does {
    /// Writes this and exits.
    Prints(&'static [(Stream, &'static str)], i32),
    /// Runs until SIGKILL; `TERM` ends it only if it says so.
    Stays {
        dies_of_term: bool,
    },
    Fails(StartError),
    /// Loses a process to the limit of its container's memory, which may be itself.
    RunsOut(&'static [(Stream, &'static str)], WaitStatus),
    Says(String, i32),
    /// Changes its file system by this and exits 0.
    Writes(Vec<Entry>),
}

#[derive(Debug)]
struct Bench {
    daemon: Daemon,
    now: Nanos,
    /// What a process with this `argv[0]` does; anything else prints nothing and exits 0.
    programs: Map<&'static str, Does>,
    /// What any process does, instead of `programs`.
    script: Option<fn(&ProcessSpec, Place) -> Does>,
    uppers: Map<Cid, Vec<Entry>>,
    staying: Map<JobId, bool>,
    specs: Map<Cid, ContainerSpec>,
    started: Vec<ProcessSpec>,
    removed: Vec<Cid>,
    next_pid: u32,
    next_client: u32,
    decisions: Vec<String>,
    said: Map<Tid, Said>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    stdout: String,
    stderr: String,
    /// Both, in the order of printing.
    all: String,
    code: Option<i32>,
}

fn bench() -> Bench {
    bench_with(&["busybox:latest"])
}

/// With these images in the registry, each newer than the one before.
fn bench_with(images: &[&str]) -> Bench {
    bench_of(Era::Course, images)
}

fn bench_of(era: Era, images: &[&str]) -> Bench {
    let layer: Arc<[u8]> = tar::write(&[
        Entry::dir("bin", 0o755),
        Entry::file("bin/busybox", 0o755, vec![0; 1_982_256]),
        Entry::symlink("bin/ls", "busybox"),
        Entry::dir("etc", 0o755),
        Entry::file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n"),
    ])
    .into();
    let base = |(i, reference): (usize, &&str)| BaseImage {
        reference: (*reference).to_owned(),
        layers: vec![layer.clone()],
        env: Vec::new(),
        cmd: vec!["/bin/sh".to_owned()],
        working_dir: String::new(),
        created: format!("2019-05-2{i}T00:00:00Z"),
        history: vec![(String::new(), true)],
    };
    let scenario = Scenario {
        seed: 7,
        era,
        profile: Default::default(),
        only: None,
        files: Vec::new(),
        images: images.iter().enumerate().map(base).collect(),
        node_root: Arc::from(Vec::new()),
        watch: Watch::default(),
    };
    Bench {
        daemon: Daemon::new(&scenario),
        now: 0,
        programs: Map::new(),
        script: None,
        uppers: Map::new(),
        staying: Map::new(),
        specs: Map::new(),
        started: Vec::new(),
        removed: Vec::new(),
        next_pid: 100,
        next_client: 1000,
        decisions: Vec::new(),
        said: Map::new(),
    }
}

impl Bench {
    fn program(&mut self, argv0: &'static str, does: Does) -> &mut Bench {
        self.programs.insert(argv0, does);
        self
    }

    /// Sends a request and carries on until nothing moves.
    fn ask(&mut self, request: Request) -> Said {
        let tid = self.begin(request);
        self.said.get(&tid).cloned().unwrap_or_default()
    }

    fn begin(&mut self, request: Request) -> Tid {
        let tid = Tid(self.next_client);
        self.next_client += 1;
        let mut out = DaemonOutput::default();
        self.daemon.request(tid, request, self.now, &mut out);
        self.settle(out);
        tid
    }

    fn event(&mut self, event: NodeEvent) {
        let mut out = DaemonOutput::default();
        self.daemon.on(&event, self.now, &mut out);
        self.settle(out);
    }

    /// Lets time pass, waking the daemon when it wants to be woken.
    fn advance(&mut self, ns: Nanos) {
        let until = self.now + ns;
        while let Some(at) = self.daemon.next_wake().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            let mut out = DaemonOutput::default();
            self.daemon.wake(self.now, &mut out);
            self.settle(out);
        }
        self.now = until;
    }

    fn settle(&mut self, out: DaemonOutput) {
        self.decisions.extend(out.decisions.iter().map(|d| format!("{}: {}", d.about, d.text)));
        for (tid, answer) in out.answers {
            let said = self.said.get_or_insert_with(tid, Default::default);
            for (bytes, to_stderr) in [(&answer.stdout, false), (&answer.stderr, true)] {
                let text = String::from_utf8_lossy(bytes);
                said.all.push_str(&text);
                if to_stderr { said.stderr.push_str(&text) } else { said.stdout.push_str(&text) }
            }
            match answer.then {
                Then::Exit(code) => said.code = Some(code),
                Then::Again => {
                    let mut out = DaemonOutput::default();
                    self.daemon.request(tid, Request::Continue, self.now, &mut out);
                    self.settle(out);
                }
            }
        }
        for request in out.requests {
            self.carry_out(request);
        }
    }

    fn carry_out(&mut self, request: NodeRequest) {
        match request {
            NodeRequest::AddLayer { diff_id, .. } => self.event(NodeEvent::LayerAdded { diff_id }),
            NodeRequest::Create { container, spec } => {
                self.specs.insert(container, spec);
                self.event(NodeEvent::Created { container });
            }
            NodeRequest::Start { job, process, at } => self.start(job, at, process),
            NodeRequest::Signal { job, signal } => match (self.staying.get(&job), signal) {
                (Some(_), Signal::SIGKILL) | (Some(true), Signal::SIGTERM) => {
                    self.staying.remove(&job);
                    self.event(NodeEvent::Exited { job, status: WaitStatus::Signaled(signal) });
                }
                _ => {}
            },
            NodeRequest::Remove { container } => self.removed.push(container),
            NodeRequest::Commit { container } => {
                let tar: Arc<[u8]> = tar::write(self.uppers.get(&container).map_or(&[], |entries| &entries[..])).into();
                self.event(NodeEvent::Committed { container, tar });
            }
            NodeRequest::Feed { .. } | NodeRequest::Interrupt { .. } | NodeRequest::Answer { .. } => {}
        }
    }

    fn start(&mut self, job: JobId, at: Place, process: ProcessSpec) {
        assert!(!matches!(at, Place::Node), "the daemon runs nothing outside of containers");
        let does = match self.script {
            Some(script) => script(&process, at),
            None => self.programs.get(process.argv[0].as_str()).cloned().unwrap_or(Does::Prints(&[], 0)),
        };
        self.started.push(process);
        if let Does::Fails(why) = does {
            return self.event(NodeEvent::StartFailed { job, why });
        }
        let pid = Tid(self.next_pid);
        self.next_pid += 1;
        self.event(NodeEvent::Started { job, pid });
        match does {
            Does::Prints(pieces, code) => {
                for (stream, text) in pieces {
                    self.event(NodeEvent::Output { job, stream: *stream, data: text.as_bytes().to_vec() });
                }
                self.event(NodeEvent::Exited { job, status: WaitStatus::Exited(code) });
            }
            Does::Stays { dies_of_term } => {
                self.staying.insert(job, dies_of_term);
            }
            Does::Says(text, code) => {
                self.event(NodeEvent::Output { job, stream: Stream::Stdout, data: text.into_bytes() });
                self.event(NodeEvent::Exited { job, status: WaitStatus::Exited(code) });
            }
            Does::RunsOut(pieces, status) => {
                let (Place::Init(container) | Place::Join(container)) = at else { return };
                self.event(NodeEvent::OutOfMemory { container });
                for (stream, text) in pieces {
                    self.event(NodeEvent::Output { job, stream: *stream, data: text.as_bytes().to_vec() });
                }
                self.event(NodeEvent::Exited { job, status });
            }
            Does::Writes(entries) => {
                if let Place::Init(cid) = at {
                    self.uppers.insert(cid, entries);
                }
                self.event(NodeEvent::Exited { job, status: WaitStatus::Exited(0) });
            }
            Does::Fails(_) => {}
        }
    }
}

fn config(argv: &[&str]) -> ContainerConfig {
    ContainerConfig {
        image: "busybox".to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        ..ContainerConfig::default()
    }
}

fn named(name: &str, argv: &[&str]) -> ContainerConfig {
    ContainerConfig { name: Some(name.to_owned()), ..config(argv) }
}

fn run(config: ContainerConfig) -> Request {
    Request::Run(Box::new(Run { config, detach: false, remove: false, stdin: ClientStdin::None }))
}

fn run_detached(config: ContainerConfig) -> Request {
    Request::Run(Box::new(Run { config, detach: true, remove: false, stdin: ClientStdin::None }))
}

fn ps_all() -> Request {
    Request::Ps {
        all: true,
        quiet: false,
        no_trunc: false,
        size: false,
        latest: false,
        last: None,
        filters: Vec::new(),
        format: None,
    }
}

fn stop(name: &str, timeout_s: Option<i64>) -> Request {
    Request::Stop { containers: vec![name.to_owned()], timeout_s }
}

const TEN_SECONDS: Nanos = 10 * SECOND;
