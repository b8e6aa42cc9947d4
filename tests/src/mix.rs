//! How many system calls a second the model answers, on a stated mix: a measurement, in the same code natively
//! (`tests/speed.rs`) and in a browser (`engine/abi/examples/rate.rs`, a wasm module of its own).
//!
//! The mix, of 100 calls: 40 are path work over a container's three layers (found in the oldest, in the newest, in the
//! upperdir, and nowhere, four directories deep), 16 are four rounds of fork, execve, exit and wait, the rest is reading,
//! writing and small things. Everything is done in a container with its control groups, each call is recorded as the
//! scheduler records it, and what the kernel tells is kept for the step it belongs to.

use engine::call::{OpenFlags, Ret, Sys, Tid, Whence};
use engine::image::Digest;
use engine::image::tar::{Entry, write};
use engine::kernel::SimKernel;
use engine::node::{
    CallOutcome, CallRecord, Cid, ContainerSpec, Effects, GroupSpec, JobId, Kernel, Outcome, Place, ProcessSpec, Stdin,
};
use engine::program::Program;
use engine::scenario::Profile;

/// Calls of a step: what is kept of one goes when the next begins.
const STEP: usize = 1_000;

/// Makes at least this many calls; gives how many it made.
pub fn mix(least: u64) -> u64 {
    let mut run = Run::new();
    while run.calls < least {
        run.round();
    }
    run.calls
}

struct Run {
    kernel: SimKernel,
    first: Tid,
    calls: u64,
    effects: Effects,
    record: Vec<CallRecord>,
}

fn layer(files: &[&str]) -> Vec<u8> {
    let mut entries = vec![Entry::dir("bin", 0o755), Entry::dir("usr", 0o755), Entry::dir("usr/share", 0o755)];
    entries.push(Entry::dir("usr/share/doc", 0o755));
    entries.push(Entry::file("bin/true", 0o755, "#!/dev/.toolbox true\n"));
    entries.extend((0..40).map(|n| Entry::file(format!("usr/share/doc/{}-{n}", files[0]), 0o644, "some text\n")));
    entries.extend(files.iter().map(|file| Entry::file(format!("usr/share/doc/{file}"), 0o644, "some text\n")));
    write(&entries)
}

impl Run {
    fn new() -> Run {
        let mut kernel = SimKernel::new(&layer(&["node"]), &[], "node", Profile::default()).expect("a kernel");
        let layers = [layer(&["old"]), layer(&["middle"]), layer(&["new"])];
        let mut spec = ContainerSpec {
            namespaces: Default::default(),
            capabilities: engine::call::CONTAINER_CAPABILITIES,
            name: "web".into(),
            hostname: "web".into(),
            layers: Vec::new(),
            tmpfs: Vec::new(),
            binds: Vec::new(),
            read_only: false,
            cgroup: GroupSpec::at("docker/web"),
        };
        for tar in &layers {
            let digest = Digest::of(tar);
            kernel.add_layer(&digest, tar).expect("a layer");
            spec.layers.push(digest);
        }
        kernel.create(Cid(1), &spec).expect("a container");
        let process = ProcessSpec {
            argv: vec!["/bin/true".into()],
            env: vec!["PATH=/bin".into()],
            cwd: "/".into(),
            uid: 0,
            gid: 0,
            stdin: Stdin::Null,
        };
        let mut effects = Effects::default();
        let started = kernel.spawn(JobId(1), Place::Init(Cid(1)), &process, &mut effects).expect("no fault");
        let first = started.expect("a process");
        kernel.asked(first).expect("its first call");
        Run { kernel, first, calls: 0, effects: Effects::default(), record: Vec::new() }
    }

    fn call(&mut self, tid: Tid, sys: Sys) -> Outcome {
        if self.record.len() >= STEP {
            self.record.clear();
            self.effects = Effects::default();
        }
        let outcome = self.kernel.carry_out(tid, &sys, &mut self.effects).expect("no fault");
        self.calls += 1;
        let told = match &outcome {
            Outcome::Returned(ret) => CallOutcome::Returned(ret.clone()),
            Outcome::Blocked(_) => CallOutcome::Blocked,
            Outcome::Became => CallOutcome::Became,
            Outcome::Gone(status) => CallOutcome::Gone(*status),
        };
        self.record.push(CallRecord { tid, sys: Some(sys), outcome: told });
        outcome
    }

    fn own(&mut self, sys: Sys) -> Ret {
        match self.call(self.first, sys) {
            Outcome::Returned(ret) => ret,
            other => panic!("{other:?}"),
        }
    }

    /// A hundred calls.
    fn round(&mut self) {
        for name in ["old", "middle", "new", "nothing"] {
            let path = format!("/usr/share/doc/{name}");
            for _ in 0..4 {
                self.own(Sys::Stat { path: path.clone(), follow: true });
                self.own(Sys::Access { path: path.clone(), mode: 4 });
            }
            self.own(Sys::Stat { path: format!("/usr/../usr/share/./doc/{name}-7"), follow: false });
            self.own(Sys::Readlink { path });
        }
        for _ in 0..4 {
            self.child();
        }
        let made = OpenFlags { read: true, write: true, create: true, ..OpenFlags::default() };
        for _ in 0..2 {
            let fd = self.open("/usr/share/doc/upper", made);
            self.own(Sys::Write { fd, data: b"a line of text\n".to_vec() });
            self.own(Sys::Seek { fd, offset: 0, whence: Whence::Set });
            for _ in 0..7 {
                self.own(Sys::Read { fd, len: 512 });
                self.own(Sys::Seek { fd, offset: 0, whence: Whence::Set });
            }
            self.own(Sys::Fstat { fd });
            self.own(Sys::Close { fd });
            self.own(Sys::Getpid);
            self.own(Sys::Getuid);
            self.own(Sys::Umask { mask: 0o022 });
        }
    }

    fn open(&mut self, path: &str, flags: OpenFlags) -> i32 {
        match self.own(Sys::Open { path: path.into(), flags, mode: 0o644 }) {
            Ret::Int(fd) => fd as i32,
            other => panic!("{other:?}"),
        }
    }

    fn child(&mut self) {
        let before = self.effects.born.len();
        self.own(Sys::Fork { child: Box::new(Program::Exit { code: 0 }), until_exec: false });
        let child = self.effects.born[before];
        self.kernel.asked(child).expect("its call");
        let exec = Sys::Exec { path: "/bin/true".into(), argv: vec!["true".into()], env: vec!["PATH=/bin".into()] };
        assert_eq!(self.call(child, exec), Outcome::Became);
        self.kernel.asked(child).expect("its call");
        assert!(matches!(self.call(child, Sys::Exit { code: 0 }), Outcome::Gone(_)));
        assert!(matches!(self.own(Sys::Wait { pid: -1, nohang: false }), Ret::Waited { .. }));
    }
}
