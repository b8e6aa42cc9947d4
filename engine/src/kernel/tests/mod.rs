//! Calls made directly, in tables: what each answers. Row ids such as P3 or O4 name lines of the list of kernel facts
//! that the model was built from; where it was doubtful, the answer was looked up on Linux 6.18.

mod containers;
mod exec;

mod io;
mod namespaces;
mod overlay;
mod overlay_recorded;
mod paths;
mod processes;

use super::SimKernel;
use crate::call::{Errno, Fd, FileKind, OpenFlags, Ret, Signal, Stat, Sys, Tid, WaitStatus};
use crate::fact::{Facts, Value};
use crate::image::Digest;
use crate::image::tar::{self, Entry};
use crate::node::{
    Cid, ContainerSpec, Effects, GroupSpec, Happening, JobId, Kernel, Outcome, Place, ProcessSpec, StartError, Stdin,
    Watch,
};
use crate::program::Program;
use crate::scenario::{FixtureFile, Profile};
use std::sync::Arc;

/// A node on which calls are made one by one.
#[derive(Clone)]
struct Machine {
    kernel: SimKernel,
    fx: Effects,
    jobs: u32,
}

const TRUE: &str = "#!/dev/.toolbox true\n";

fn layer(entries: &[Entry]) -> Vec<u8> {
    tar::write(entries)
}

fn base() -> Vec<Entry> {
    vec![
        Entry::dir("bin", 0o755),
        Entry::file("bin/true", 0o755, TRUE),
        Entry::dir("etc", 0o755),
        Entry::file("etc/motd", 0o644, "hello\n"),
    ]
}

impl Machine {
    fn boot() -> Machine {
        Machine::with(Profile::default())
    }

    fn with(profile: Profile) -> Machine {
        let file = |path: &str, mode| FixtureFile { path: path.to_owned(), content: Arc::from(&b"text\n"[..]), mode };
        let kernel =
            SimKernel::new(&layer(&base()), &[file("notes", 0o644), file("app/run.sh", 0o755)], "drydock", profile);
        Machine { kernel: kernel.unwrap(), fx: Effects::default(), jobs: 0 }
    }

    fn spec(argv: &[&str]) -> ProcessSpec {
        ProcessSpec {
            argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
            env: vec!["PATH=/usr/bin:/bin".to_owned()],
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            stdin: Stdin::Null,
        }
    }

    fn try_start(&mut self, at: Place, spec: &ProcessSpec) -> Result<Tid, StartError> {
        let job = JobId(self.jobs);
        self.jobs += 1;
        self.kernel.spawn(job, at, spec, &mut self.fx).unwrap()
    }

    fn start(&mut self, at: Place) -> Tid {
        self.try_start(at, &Machine::spec(&["true"])).unwrap()
    }

    /// A container named `c1` for cid 1, of these layers (oldest first).
    fn create(&mut self, cid: u32, layers: &[Vec<Entry>]) -> Cid {
        let mut ids = Vec::new();
        for entries in layers {
            let tar = layer(entries);
            ids.push(Digest::of(&tar));
            self.kernel.add_layer(&Digest::of(&tar), &tar).unwrap();
        }
        let spec = ContainerSpec {
            namespaces: Default::default(),
            capabilities: crate::call::CONTAINER_CAPABILITIES,
            name: format!("c{cid}"),
            hostname: format!("host{cid}"),
            layers: ids,
            tmpfs: Vec::new(),
            binds: Vec::new(),
            read_only: false,
            cgroup: GroupSpec::at(format!("docker/c{cid}")),
        };
        self.kernel.create(Cid(cid), &spec).unwrap();
        Cid(cid)
    }

    /// A process of a container of these layers above `base`.
    fn in_container(&mut self, layers: &[Vec<Entry>]) -> Tid {
        let layers: Vec<Vec<Entry>> = [base()].into_iter().chain(layers.iter().cloned()).collect();
        let cid = self.create(1, &layers);
        self.start(Place::Init(cid))
    }

    fn outcome(&mut self, tid: Tid, sys: Sys) -> Outcome {
        self.fx = Effects::default();
        self.kernel.carry_out(tid, &sys, &mut self.fx).unwrap()
    }

    fn call(&mut self, tid: Tid, sys: Sys) -> Ret {
        match self.outcome(tid, sys.clone()) {
            Outcome::Returned(ret) => ret,
            other => panic!("{sys:?}: {other:?}"),
        }
    }

    fn open(&mut self, tid: Tid, path: &str, flags: OpenFlags) -> Ret {
        self.call(tid, Sys::Open { path: path.to_owned(), flags, mode: 0o666 })
    }

    fn fd(&mut self, tid: Tid, path: &str, flags: OpenFlags) -> Fd {
        match self.open(tid, path, flags) {
            Ret::Int(fd) => fd as Fd,
            other => panic!("open {path}: {other:?}"),
        }
    }

    fn write_file(&mut self, tid: Tid, path: &str, text: &str) {
        let fd = self.fd(tid, path, OpenFlags::CREATE);
        assert_eq!(self.call(tid, Sys::Write { fd, data: text.into() }), Ret::Int(text.len() as i64));
        self.call(tid, Sys::Close { fd });
    }

    fn read_file(&mut self, tid: Tid, path: &str) -> String {
        let fd = self.fd(tid, path, OpenFlags::READ);
        let text = self.read(tid, fd);
        self.call(tid, Sys::Close { fd });
        text
    }

    fn read(&mut self, tid: Tid, fd: Fd) -> String {
        match self.call(tid, Sys::Read { fd, len: 65_536 }) {
            Ret::Data(data) => String::from_utf8(data).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn stat(&mut self, tid: Tid, path: &str) -> Stat {
        match self.call(tid, Sys::Stat { path: path.to_owned(), follow: false }) {
            Ret::Stat(stat) => stat,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn names(&mut self, tid: Tid, path: &str) -> Vec<String> {
        let fd = self.fd(tid, path, OpenFlags::DIRECTORY);
        let Ret::Dents(dents) = self.call(tid, Sys::Getdents { fd }) else { panic!("{path}") };
        self.call(tid, Sys::Close { fd });
        dents.into_iter().map(|dent| dent.name).collect()
    }

    fn fork(&mut self, tid: Tid) -> Tid {
        let child = Box::new(Program::start(&["true".to_owned()], &[]));
        assert!(matches!(self.call(tid, Sys::Fork { child, until_exec: false }), Ret::Int(_)));
        self.fx.born[0]
    }

    fn exit(&mut self, tid: Tid, code: i32) -> Outcome {
        self.outcome(tid, Sys::Exit { code })
    }

    fn kill(&mut self, tid: Tid, pid: i32, signal: Signal) -> Ret {
        self.call(tid, Sys::Kill { pid, signal })
    }

    fn facts(&mut self, files: &[&str]) -> Facts {
        let mut out = Facts::new();
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let watch = Watch { container_files: files.clone(), node_files: files };
        self.kernel.facts(&watch, &mut out).unwrap();
        out
    }

    fn fact(&mut self, path: &str) -> Option<String> {
        self.facts(&[]).get(path).map(Value::to_string)
    }

    /// What the upperdir of container 1 holds: `etc/motd file`, in order.
    fn upper(&mut self) -> Vec<String> {
        let facts = self.facts(&[]);
        let kinds = facts.iter().filter_map(|(path, value)| {
            let rest = path.strip_prefix("container/c1/upper/").filter(|rest| !rest.contains('/'))?;
            Some(format!("{} {value}", crate::fact::unescape(rest)))
        });
        kinds.filter(|name| !name.starts_with("/proc") && !name.starts_with("/dev")).collect()
    }

    fn happened(&self) -> Vec<&Happening> {
        self.fx.events.iter().map(|event| &event.what).collect()
    }

    /// Makes each call of a table and compares the answer.
    fn table(&mut self, tid: Tid, rows: &[(Sys, Ret)]) {
        for (at, (sys, expected)) in rows.iter().enumerate() {
            assert_eq!(self.call(tid, sys.clone()), *expected, "row {at}: {sys:?}");
        }
    }
}

fn err(errno: Errno) -> Ret {
    Ret::Err(errno)
}

fn mkdir(path: &str) -> Sys {
    Sys::Mkdir { path: path.to_owned(), mode: 0o777 }
}

fn rmdir(path: &str) -> Sys {
    Sys::Rmdir { path: path.to_owned() }
}

fn unlink(path: &str) -> Sys {
    Sys::Unlink { path: path.to_owned() }
}

fn rename(from: &str, to: &str) -> Sys {
    Sys::Rename { from: from.to_owned(), to: to.to_owned() }
}

fn symlink(target: &str, path: &str) -> Sys {
    Sys::Symlink { target: target.to_owned(), path: path.to_owned() }
}

fn open(path: &str, flags: OpenFlags) -> Sys {
    Sys::Open { path: path.to_owned(), flags, mode: 0o666 }
}

fn chdir(path: &str) -> Sys {
    Sys::Chdir { path: path.to_owned() }
}
