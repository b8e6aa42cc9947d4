//! The node itself, containers, and the processes that are started from outside: what a runtime does between clone(2) and
//! execve(2) (OCI runtime-spec, config.md).

use super::files::{Feed, Ofd, Opened};
use super::group::Pid;
use super::lifecycle::INIT;
use super::namespace::{Namespaces, NsKind, NsTable, PidSpaces, Uts};
use super::nsfs::NSFS;
use super::process::{Handle, Process, State, Waiting, comm_of};
use super::vfs::mount::{Mount, Mountpoint};
use super::vfs::{Fs, Inode, Last, Loc, Mounts, Node, Notes, Overlay, ROOT, Tree, View, layer};
use super::{Container, Files, Job, SimKernel};
use crate::call::{Errno, FileKind, Tid};
use crate::node::{
    Bind, Cid, ContainerSpec, Effects, Fault, JobId, Place, ProcessSpec, StartError, Stdin, Stream, TOOLBOX,
};
use crate::scenario::{FixtureFile, Profile};
use crate::sim::Map;
use crate::sim::Rng;
use std::collections::VecDeque;
use std::sync::Arc;

/// Where the learner's files are.
const HOME: &str = "/home/learner";
/// The devices of a container's /dev (OCI runtime-spec, config-linux.md, "Default Devices"), less ptmx and console.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

impl SimKernel {
    pub(super) fn boot(
        node_root: &[u8],
        files: &[FixtureFile],
        hostname: &str,
        profile: Profile,
    ) -> Result<SimKernel, Fault> {
        let mut root = layer::unpack(&Arc::from(node_root))?;
        for dir in ["proc", "dev", "tmp", "home/learner"] {
            layer::dirs(&mut root, dir)?;
        }
        if let Some(tmp) = root.child(ROOT, "tmp") {
            root.inode_mut(tmp).mode = 0o1777;
        }
        let (namespaces, node_ns) = node_namespaces();
        let mut kernel = SimKernel {
            profile,
            processes: Map::new(),
            namespaces,
            pid_spaces: PidSpaces::default(),
            uts: Map::from([(node_ns.uts, Uts { hostname: hostname.to_owned() })]),
            mounts: Mounts::default(),
            filesystems: Map::new(),
            files: Files::default(),
            layers: Map::new(),
            containers: Map::new(),
            jobs: Map::new(),
            toolbox: NSFS,
            dev: Arc::new(dev_tree()),
            node_ns,
            births: 0,
            next_fs: 0,
            random: Rng::for_guest(0, 0),
            unsettled: false,
            current: None,
            current_end: None,
        };
        // INVARIANT(nsfs-first): NSFS is the number of the first file system.
        kernel.add_fs(Fs::Ns);
        let mut toolbox = Tree::new(0o755);
        toolbox.create(ROOT, "toolbox", Inode::new(Node::Native, 0o755));
        kernel.toolbox = kernel.add_fs(Fs::Tree(Arc::new(toolbox)));
        let _ = kernel.pid_spaces.add(node_ns.pid, None);
        let root = kernel.add_fs(Fs::Tree(Arc::new(root)));
        let mount = kernel.mounts.attach(Mount::new(node_ns.mnt, root, ROOT, "tmpfs", "tmpfs"));
        let root = Loc { mount, fs: root, ino: ROOT };
        let pids = kernel.allocate_pids(node_ns.pid).unwrap_or_else(|_| Vec::new().into());
        let init = blank_process(root, node_ns, pids);
        kernel.add_process(Process { comm: "init".to_owned(), argv: vec!["init".to_owned()], ..init });
        kernel.mount_proc_and_dev(node_ns).map_err(|error| Fault::new(format!("the node's root: {}", error.text())))?;
        for file in files {
            kernel.save_file(&file.path, &file.content, file.mode)?;
        }
        Ok(kernel)
    }

    /// Writes a file on the node; a relative path starts at the learner's home.
    pub(super) fn save_file(&mut self, path: &str, content: &[u8], mode: u32) -> Result<(), Fault> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{HOME}/{path}") };
        self.try_save(&path, content, mode).map_err(|error| Fault::new(format!("{path}: {}", error.text())))
    }

    fn try_save(&mut self, path: &str, content: &[u8], mode: u32) -> Result<(), Errno> {
        let view = self.view(INIT)?;
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.make_dirs(&view, parent)?;
        let walked = self.find_or_name(&view, path, true)?;
        let Last::Name(name) = &walked.last else { return Err(Errno::EISDIR) };
        let fs = self.fs_mut(walked.dir.fs);
        match walked.node {
            Some(loc) => {
                let fs = self.fs_mut(loc.fs);
                fs.truncate(loc.ino, 0)?;
                fs.write(loc.ino, 0, content)
            }
            None => fs.create(walked.dir.ino, name, Inode::file(content.to_vec(), mode), &mut Notes::new()).map(|_| ()),
        }
    }

    pub(super) fn create_container(&mut self, cid: Cid, spec: &ContainerSpec) -> Result<(), Fault> {
        let find = |id| self.layers.get(id).cloned().ok_or_else(|| Fault::new(format!("no layer {id} on this node")));
        let layers = spec.layers.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let fs = self.add_fs(Fs::Overlay(Arc::new(Overlay::new(layers))));
        self.containers.insert(cid, Container { spec: Arc::new(spec.clone()), fs, init: None, ended: None });
        Ok(())
    }

    pub(super) fn remove_container(&mut self, cid: Cid) -> Result<(), Fault> {
        match self.containers.get(&cid) {
            Some(container) if container.init.is_some() => Err(Fault::new(format!("container {} runs", cid.0))),
            Some(container) => {
                self.filesystems.remove(&container.fs);
                self.containers.remove(&cid);
                Ok(())
            }
            None => Err(Fault::new(format!("no container {}", cid.0))),
        }
    }

    pub(super) fn commit_upper(&mut self, cid: Cid) -> Result<Vec<u8>, Fault> {
        self.overlay(cid)
            .map(|overlay| layer::pack(overlay.upper()))
            .ok_or_else(|| Fault::new(format!("no container {}", cid.0)))
    }

    pub(super) fn overlay(&self, cid: Cid) -> Option<&Overlay> {
        match self.filesystems.get(&self.containers.get(&cid)?.fs)? {
            Fs::Overlay(overlay) => Some(overlay),
            _ => None,
        }
    }

    pub(super) fn container_ended(&mut self, tid: Tid, status: crate::call::WaitStatus) {
        if let Some(container) = self.containers.values_mut().find(|container| container.init == Some(tid)) {
            (container.init, container.ended) = (None, Some(status));
        }
    }

    /// Starts a job's first process. It is a child of the node's init wherever it runs.
    pub(super) fn start(
        &mut self,
        job: JobId,
        at: Place,
        spec: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<Result<Tid, StartError>, Fault> {
        let (ns, pid_ns, root, container) = match at {
            Place::Node => {
                let root =
                    self.process(INIT).map(|init| init.root).ok_or_else(|| Fault::new("the node has no init"))?;
                (self.node_ns, self.node_ns.pid, root, None)
            }
            Place::Join(cid) => {
                let init = self.containers.get(&cid).and_then(|container| self.process(container.init?));
                let Some(init) = init.filter(|init| init.is_alive()) else {
                    return Ok(Err(StartError::Exec(Errno::ESRCH)));
                };
                (init.ns, init.pid_ns(), init.root, Some(cid))
            }
            Place::Init(cid) => {
                let (ns, root) = self.container_namespaces(cid)?;
                (ns, ns.pid, root, Some(cid))
            }
        };
        let pids = match self.allocate_pids(pid_ns) {
            Ok(pids) => pids,
            Err(error) => return Ok(Err(StartError::Exec(error))),
        };
        let mut process = blank_process(root, ns, pids);
        self.births += 1;
        (process.parent, process.since) = (Some(INIT), self.births);
        (process.job, process.container) = (Some(job), container);
        let tid = self.add_process(process);
        self.jobs.insert(job, Job { first: tid, stdin: feed_of(&spec.stdin) });
        match self.prepare(tid, job, at, spec, fx) {
            Ok(()) => {
                fx.born.push(tid);
                if let (Place::Init(_), Some(container)) = (at, container.and_then(|cid| self.containers.get_mut(&cid)))
                {
                    (container.init, container.ended) = (Some(tid), None);
                }
                Ok(Ok(tid))
            }
            Err(why) => {
                self.undo_start(job, tid);
                Ok(Err(why))
            }
        }
    }

    /// Namespaces for a container's init, with its overlay as the root of the mount namespace.
    fn container_namespaces(&mut self, cid: Cid) -> Result<(Namespaces, Loc), Fault> {
        let container = self.containers.get(&cid).ok_or_else(|| Fault::new(format!("no container {}", cid.0)))?;
        if container.init.is_some() {
            return Err(Fault::new(format!("container {} runs already", cid.0)));
        }
        let (fs, spec) = (container.fs, container.spec.clone());
        let user = self.node_ns.user;
        let kinds = [NsKind::Pid, NsKind::Mnt, NsKind::Uts, NsKind::Ipc, NsKind::Net, NsKind::Cgroup];
        let [pid, mnt, uts, ipc, net, cgroup] = kinds.map(|kind| self.new_ns(kind, user));
        let ns = Namespaces { pid, mnt, uts, ipc, net, cgroup, user };
        let _ = self.pid_spaces.add(pid, Some(self.node_ns.pid));
        self.uts.insert(uts, Uts { hostname: spec.hostname.clone() });
        if let Fs::Overlay(overlay) = self.fs_mut(fs) {
            Arc::make_mut(overlay).remount();
        }
        let mount = self.mounts.attach(Mount::new(mnt, fs, ROOT, "overlay", "overlay"));
        Ok((ns, Loc { mount, fs, ino: ROOT }))
    }

    /// Everything between clone(2) and the program.
    fn prepare(
        &mut self,
        tid: Tid,
        job: JobId,
        at: Place,
        spec: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<(), StartError> {
        if let Place::Init(cid) = at {
            self.mount_container(tid, cid, &spec.cwd)?;
        }
        self.give_stdio(tid, job, spec).map_err(StartError::Exec)?;
        let view = self.view(tid).map_err(StartError::Exec)?;
        let cwd = self.find(&view, &spec.cwd, true).map_err(StartError::Cwd)?;
        if self.stat(cwd).kind != FileKind::Dir {
            return Err(StartError::Cwd(Errno::ENOTDIR));
        }
        if let Some(process) = self.process_mut(tid) {
            (process.cwd, process.uid, process.gid) = (cwd, spec.uid, spec.gid);
        }
        self.exec_in_path(tid, spec, fx).map_err(StartError::Exec)
    }

    /// execvp(3) as a runtime does it: each directory of PATH is tried; EACCES is remembered.
    fn exec_in_path(&mut self, tid: Tid, spec: &ProcessSpec, fx: &mut Effects) -> Result<(), Errno> {
        let name = spec.argv.first().map_or("", String::as_str);
        if name.contains('/') {
            return self.exec(tid, name, &spec.argv, &spec.env, fx);
        }
        if name.is_empty() {
            return Err(Errno::ENOENT);
        }
        let path = spec.env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
        let mut result = Errno::ENOENT;
        for dir in path.split(':') {
            let candidate = if dir.is_empty() { format!("./{name}") } else { format!("{dir}/{name}") };
            match self.exec(tid, &candidate, &spec.argv, &spec.env, fx) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) => result = Errno::EACCES,
                other => return other,
            }
        }
        Err(result)
    }

    /// A failed start leaves nothing but a used pid, and what it made in the upperdir.
    fn undo_start(&mut self, job: JobId, tid: Tid) {
        self.close_all(tid);
        self.jobs.remove(&job);
        if let Some(process) = self.processes.remove(&tid) {
            self.pid_spaces.leave(&process.pids);
        }
        self.sweep_namespaces();
    }

    /// The mounts of a container. As runc does, mount points that are missing are made, in the upperdir, before the root
    /// becomes read-only.
    fn mount_container(&mut self, tid: Tid, cid: Cid, cwd: &str) -> Result<(), StartError> {
        let Some((spec, process)) = self.containers.get(&cid).map(|c| c.spec.clone()).zip(self.process(tid)) else {
            return Err(StartError::Exec(Errno::ESRCH));
        };
        let (ns, root) = (process.ns, process.root);
        let view = self.view(tid).map_err(StartError::Exec)?;
        let at = |path: &str, error| StartError::Mount(path.to_owned(), error);
        for dir in ["/proc", "/dev"] {
            self.make_dirs(&view, dir).map_err(|error| at(dir, error))?;
        }
        self.mount_proc_and_dev_in(&view, ns).map_err(|error| at("/proc", error))?;
        for bind in &spec.binds {
            self.bind(&view, ns, bind)?;
        }
        self.make_dirs(&view, cwd).map_err(StartError::Cwd)?;
        if spec.read_only
            && let Some(mount) = self.mounts.get_mut(root.mount)
        {
            mount.read_only = true;
        }
        Ok(())
    }

    fn bind(&mut self, view: &View, ns: Namespaces, bind: &Bind) -> Result<(), StartError> {
        let node = self.view(INIT).map_err(StartError::Exec)?;
        let source = self.find(&node, &bind.source, true).map_err(|e| StartError::Mount(bind.source.clone(), e))?;
        let failed = |error| StartError::Mount(bind.target.clone(), error);
        if self.stat(source).kind == FileKind::Dir {
            self.make_dirs(view, &bind.target).map_err(failed)?;
        } else {
            self.make_file(view, &bind.target).map_err(failed)?;
        }
        let mut mount = Mount::new(ns.mnt, source.fs, source.ino, "tmpfs", "tmpfs");
        mount.read_only = bind.read_only;
        self.mount_on(view, &bind.target, mount).map_err(failed)
    }

    fn mount_proc_and_dev(&mut self, ns: Namespaces) -> Result<(), Errno> {
        let view = self.view(INIT)?;
        self.mount_proc_and_dev_in(&view, ns)
    }

    fn mount_proc_and_dev_in(&mut self, view: &View, ns: Namespaces) -> Result<(), Errno> {
        let proc = self.add_fs(Fs::Proc(ns.pid));
        self.mount_on(view, "/proc", Mount::new(ns.mnt, proc, ROOT, "proc", "proc"))?;
        let dev = self.add_fs(Fs::Tree(self.dev.clone()));
        self.mount_on(view, "/dev", Mount::new(ns.mnt, dev, ROOT, "tmpfs", "tmpfs"))?;
        let binary = self.fs_mut(self.toolbox).lookup(ROOT, "toolbox").ok_or(Errno::ENOENT)?;
        self.mount_on(view, TOOLBOX, Mount::new(ns.mnt, self.toolbox, binary, "tmpfs", "tmpfs"))
    }

    /// Puts a mount on what a path leads to.
    pub(super) fn mount_on(&mut self, view: &View, path: &str, mut mount: Mount) -> Result<(), Errno> {
        let target = self.find(view, path, true)?;
        let is_dir = |kernel: &SimKernel, loc| kernel.stat(loc).kind == FileKind::Dir;
        let source = Loc { mount: target.mount, fs: mount.fs, ino: mount.root };
        if is_dir(self, target) != is_dir(self, source) {
            return Err(Errno::ENOTDIR);
        }
        mount.on = Some(self.mountpoint(view, path, target)?);
        self.mounts.attach(mount);
        Ok(())
    }

    /// The dentry that a mount on `target`, found at `path`, covers.
    fn mountpoint(&mut self, view: &View, path: &str, target: Loc) -> Result<Mountpoint, Errno> {
        let mount = target.mount;
        if self.mounts.get(mount).is_some_and(|below| below.root == target.ino) {
            return Ok(Mountpoint { mount, dir: target.ino, name: String::new() });
        }
        if let Some((dir, name)) = self.fs(target.fs).parent(target.ino) {
            return Ok(Mountpoint { mount, dir, name });
        }
        let walked = self.find_or_name(view, path, true)?;
        match walked.last {
            Last::Name(name) => Ok(Mountpoint { mount: walked.dir.mount, dir: walked.dir.ino, name }),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `mkdir -p` with mode 0755.
    fn make_dirs(&mut self, view: &View, path: &str) -> Result<(), Errno> {
        let mut made = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            made = format!("{made}/{name}");
            let walked = self.find_or_name(view, &made, true)?;
            match (walked.node, &walked.last) {
                (Some(loc), _) if self.stat(loc).kind == FileKind::Dir => {}
                (Some(_), _) => return Err(Errno::ENOTDIR),
                (None, Last::Name(name)) => {
                    self.fs_mut(walked.dir.fs).create(walked.dir.ino, name, Inode::dir(0o755), &mut Notes::new())?;
                }
                (None, _) => return Err(Errno::ENOENT),
            }
        }
        Ok(())
    }

    /// An empty file to mount a file on, with the directories that lead to it.
    fn make_file(&mut self, view: &View, path: &str) -> Result<(), Errno> {
        self.make_dirs(view, path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        let walked = self.find_or_name(view, path, true)?;
        if let (None, Last::Name(name)) = (walked.node, &walked.last) {
            let empty = Inode::file(Vec::new(), 0o644);
            self.fs_mut(walked.dir.fs).create(walked.dir.ino, name, empty, &mut Notes::new())?;
        }
        Ok(())
    }

    fn give_stdio(&mut self, tid: Tid, job: JobId, spec: &ProcessSpec) -> Result<(), Errno> {
        let stdin = match spec.stdin {
            Stdin::Null => Ofd { path: "/dev/null".into(), ..Ofd::new(Opened::Null, true, false) },
            _ => Ofd::new(Opened::Stdin(job), true, false),
        };
        let out = |stream| Ofd::new(Opened::Output(job, stream), false, true);
        for (fd, ofd) in [stdin, out(Stream::Stdout), out(Stream::Stderr)].into_iter().enumerate() {
            let ofd = self.files.add(ofd);
            self.install(tid, ofd, fd as i32, false)?;
        }
        Ok(())
    }
}

fn feed_of(stdin: &Stdin) -> Feed {
    let chunks = match stdin {
        Stdin::Null => VecDeque::from([None]),
        Stdin::Bytes(bytes) => VecDeque::from([Some(bytes.to_vec()), None]),
        Stdin::Console | Stdin::Pipe => VecDeque::new(),
    };
    Feed { console: *stdin == Stdin::Console, chunks }
}

fn dev_tree() -> Tree {
    let mut dev = Tree::new(0o755);
    for (name, major, minor) in DEVICES {
        dev.create(ROOT, name, Inode::new(Node::Char(major, minor), 0o666));
    }
    let name = TOOLBOX.trim_start_matches("/dev/");
    dev.create(ROOT, name, Inode::file(Vec::new(), 0o755));
    dev
}

/// A node's own namespaces; its user namespace is the first of all.
fn node_namespaces() -> (NsTable, Namespaces) {
    let mut table = NsTable::default();
    let user = table.add(NsKind::User, None);
    let kinds = [NsKind::Pid, NsKind::Mnt, NsKind::Uts, NsKind::Ipc, NsKind::Net, NsKind::Cgroup];
    let [pid, mnt, uts, ipc, net, cgroup] = kinds.map(|kind| table.add(kind, Some(user)));
    (table, Namespaces { pid, mnt, uts, ipc, net, user, cgroup })
}

/// A process of root's before its first program.
/// It leads a session of its own.
fn blank_process(root: Loc, ns: Namespaces, pids: Pid) -> Process {
    Process {
        group: pids.clone(),
        session: pids.clone(),
        pids,
        since: 0,
        subreaper: false,
        death_signal: None,
        has_executed: false,
        stop_to_tell: None,
        continued_to_tell: false,
        parent: None,
        job: None,
        container: None,
        state: State::Blocked(Waiting::Nothing),
        stopped: false,
        program: None,
        comm: comm_of(TOOLBOX),
        argv: Vec::new(),
        env: Vec::new(),
        exe: String::new(),
        uid: 0,
        gid: 0,
        owns_user_ns: false,
        root,
        cwd: root,
        umask: 0o022,
        fds: Map::<_, Handle>::new(),
        ns,
        pid_for_children: ns.pid,
        ignored: Default::default(),
        caught: Default::default(),
        blocked: Default::default(),
        pending: Default::default(),
    }
}
