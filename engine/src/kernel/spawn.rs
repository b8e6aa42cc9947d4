//! The node itself, containers, and the processes that are started from outside: what a runtime does between clone(2) and
//! execve(2) (OCI runtime-spec, config.md).

use super::cgroup::ControlGroups;
use super::cred::{CapSet, Cred, Ids};
use super::files::{Feed, Ofd, Opened};
use super::group::Pid;
use super::lifecycle::INIT;
use super::namespace::{Namespaces, NsId, NsKind, NsTable, PidSpaces, Uts};
use super::nsfs::NSFS;
use super::process::{Handle, Process, State, Waiting, comm_of};
use super::rootfs::dev_tree;
use super::userns::UserSpaces;
use super::vfs::mount::Mount;
use super::vfs::{Filesystems, Fs, Inode, Last, Loc, Mounts, Node, Notes, Overlay, ROOT, Tree, layer, overlay};
use super::{Container, Files, Job, SimKernel};
use crate::call::{Errno, FileKind, NODE_CAPABILITIES, Signal, Tid, WaitStatus};
use crate::node::{
    Cid, ContainerSpec, Effects, Fault, JobId, Owner, Place, ProcessSpec, StartError, Stdin, Stream, TOOLBOX, Tmpfs,
};
use crate::scenario::{Cgroups, FixtureFile, Profile};
use crate::sim::Map;
use crate::sim::Rng;
use std::collections::VecDeque;
use std::sync::Arc;

/// Where the learner's files are.
const HOME: &str = "/home/learner";

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
        let (namespaces, node_ns, node_time) = node_namespaces();
        let mut kernel = SimKernel {
            profile,
            processes: Map::new(),
            namespaces,
            pid_spaces: PidSpaces::default(),
            user_spaces: UserSpaces::of_node(node_ns.user),
            ipc: Map::new(),
            time_spaces: Map::new(),
            uts: Map::from([(node_ns.uts, Uts { hostname: hostname.to_owned() })]),
            cgroups: ControlGroups::new(profile, node_ns.cgroup),
            mounts: Mounts::default(),
            filesystems: Filesystems::default(),
            files: Files::default(),
            memory: Default::default(),
            disk: None,
            layers: Map::new(),
            containers: Map::new(),
            jobs: Map::new(),
            toolbox: NSFS,
            rootfs: NSFS,
            dev: Arc::new(dev_tree()),
            node_ns,
            node_time,
            births: 0,
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
        kernel.superblock_mut(kernel.toolbox).options = ",mode=755".into();
        let _ = kernel.pid_spaces.add(node_ns.pid, None);
        let root = kernel.add_fs(Fs::Tree(Arc::new(root)));
        kernel.superblock_mut(root).options = ",mode=755".into();
        kernel.rootfs = kernel.add_fs(Fs::Tree(Arc::new(Tree::new(0o755))));
        let base = kernel.mount_base(node_ns.mnt);
        let (early, root) = kernel.mount_root(base, Mount::new(node_ns.mnt, root, ROOT, "tmpfs", "tmpfs"));
        let pids = kernel.allocate_pids(node_ns.pid).unwrap_or_else(|_| Vec::new().into());
        let init = blank_process(root, node_ns, node_time, pids);
        kernel.add_process(Process { comm: "init".to_owned(), argv: vec!["init".to_owned()], ..init });
        let view = kernel.view(INIT).map_err(|error| Fault::new(error.text()))?;
        let mounted = kernel
            .mount_proc_and_dev(&view, node_ns, early)
            .and_then(|()| kernel.mount_tmpfs(&view, node_ns, &Tmpfs::shm_of_node()))
            .and_then(|()| kernel.boot_cgroups());
        let mounted = mounted.and_then(|()| kernel.mount_disk(&view, node_ns));
        mounted.map_err(|error| Fault::new(format!("the node's root: {}", error.text())))?;
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
        match walked.node {
            Some(loc) => {
                let mut fs = self.fs_mut(loc.fs);
                fs.truncate(loc.ino, 0)?;
                fs.write(loc.ino, 0, content).map(|_| ())
            }
            None => {
                let inode = Inode::file(content.to_vec(), mode);
                self.fs_mut(walked.dir.fs).create(walked.dir.ino, name, inode, &mut Notes::new()).map(|_| ())
            }
        }
    }

    pub(super) fn create_container(&mut self, cid: Cid, spec: &ContainerSpec) -> Result<(), Fault> {
        let find = |id| self.layers.get(id).cloned().ok_or_else(|| Fault::new(format!("no layer {id} on this node")));
        let mut layers = spec.layers.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        if layers.is_empty() {
            // Overlayfs wants a lowerdir.
            layers.push(self.rootfs);
        }
        let root = |fs| overlay::Place { fs, ino: ROOT };
        let upper = self.add_fs(Fs::Tree(Arc::new(Tree::new(0o755))));
        let overlay = Overlay::new(layers.into_iter().map(root).collect(), Some(root(upper)), None, 1);
        let fs = self.add_fs(Fs::Overlay(Arc::new(overlay)));
        self.containers
            .insert(cid, Container { spec: Arc::new(spec.clone()), fs, init: None, ended: None, memory_at_end: None });
        Ok(())
    }

    pub(super) fn remove_container(&mut self, cid: Cid) -> Result<(), Fault> {
        match self.containers.get(&cid) {
            Some(container) if container.init.is_some() => Err(Fault::new(format!("container {} runs", cid.0))),
            Some(container) => {
                self.filesystems.remove(container.fs);
                self.containers.remove(&cid);
                self.sweep_namespaces();
                Ok(())
            }
            None => Err(Fault::new(format!("no container {}", cid.0))),
        }
    }

    pub(super) fn commit_upper(&mut self, cid: Cid) -> Result<Vec<u8>, Fault> {
        self.upper(cid).map(layer::pack).ok_or_else(|| Fault::new(format!("no container {}", cid.0)))
    }

    /// A container's upperdir.
    pub(super) fn upper(&self, cid: Cid) -> Option<&Tree> {
        match &self.filesystems.get(self.containers.get(&cid)?.fs)?.fs {
            Fs::Overlay(overlay) => self.filesystems.tree(overlay.upper()?.fs),
            _ => None,
        }
    }

    pub(super) fn container_ended(&mut self, tid: Tid, status: WaitStatus, fx: &mut Effects) {
        let ended = self.containers.iter().find(|(_, container)| container.init == Some(tid));
        let Some((cid, spec)) = ended.map(|(cid, container)| (*cid, container.spec.clone())) else { return };
        let path = &spec.cgroup.path;
        let memory_at_end = self.memory_of_group(path);
        for container in self.containers.values_mut().filter(|container| container.init == Some(tid)) {
            (container.init, container.ended) = (None, Some(status));
            container.memory_at_end = memory_at_end;
        }
        if spec.namespaces.pid != Owner::Own {
            let left =
                self.processes.iter().filter(|(_, process)| process.container == Some(cid) && process.is_alive());
            for tid in left.map(|(tid, _)| *tid).collect::<Vec<_>>() {
                self.end(tid, WaitStatus::Signaled(Signal::SIGKILL), fx);
            }
        }
        self.remove_container_groups(path);
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
                let Some(init) = self.first_of(cid) else { return Ok(Err(StartError::Exec(Errno::ESRCH))) };
                (init.ns, init.pid_ns(), init.root, Some(cid))
            }
            Place::Init(cid) => {
                let (ns, root) = match self.container_namespaces(cid)? {
                    Ok(made) => made,
                    Err(why) => return Ok(Err(why)),
                };
                (ns, ns.pid, root, Some(cid))
            }
        };
        let pids = match self.allocate_pids(pid_ns) {
            Ok(pids) => pids,
            Err(error) => return Ok(Err(StartError::Exec(error))),
        };
        let mut process = blank_process(root, ns, self.node_time, pids);
        process.affinity = self.process(INIT).map(|init| init.affinity).unwrap_or_default();
        process.cgroups = match container.and_then(|cid| self.containers.get(&cid)).map(|c| c.spec.clone()) {
            Some(spec) if matches!(at, Place::Init(_)) => self.container_groups(&spec.cgroup),
            Some(spec) => self.groups_of_container(&spec.cgroup),
            None => self.session_groups(),
        };
        self.births += 1;
        (process.parent, process.since) = (Some(INIT), self.births);
        (process.job, process.container) = (Some(job), container);
        if ns.cgroup != self.node_ns.cgroup && matches!(at, Place::Init(_)) {
            self.cgroups.add_namespace(ns.cgroup, process.cgroups);
        }
        self.cgroups.enter(&process.cgroups);
        let tid = self.add_process(process);
        self.follow_cpuset(tid, false);
        self.jobs.insert(job, Job { first: tid, stdin: feed_of(&spec.stdin) });
        match self.prepare(tid, job, at, spec, fx) {
            Ok(()) => {
                fx.born.push(tid);
                if let (Place::Init(_), Some(container)) = (at, container.and_then(|cid| self.containers.get_mut(&cid)))
                {
                    (container.init, container.ended, container.memory_at_end) = (Some(tid), None, None);
                }
                Ok(Ok(tid))
            }
            Err(why) => {
                self.undo_start(job, tid);
                if let Place::Init(cid) = at
                    && let Some(path) = self.containers.get(&cid).map(|container| container.spec.cgroup.path.clone())
                {
                    self.remove_container_groups(&path);
                }
                Ok(Err(why))
            }
        }
    }

    /// Namespaces for a container's init; in its mount namespace nothing is mounted yet.
    fn container_namespaces(&mut self, cid: Cid) -> Result<Result<(Namespaces, Loc), StartError>, Fault> {
        let container = self.containers.get(&cid).ok_or_else(|| Fault::new(format!("no container {}", cid.0)))?;
        if container.init.is_some() {
            return Err(Fault::new(format!("container {} runs already", cid.0)));
        }
        let (fs, spec) = (container.fs, container.spec.clone());
        let user = self.node_ns.user;
        let [mnt, net] = [NsKind::Mnt, NsKind::Net].map(|kind| self.new_ns(kind, user));
        let shared = &spec.namespaces;
        let mut of = |kind, owner| match owner {
            Owner::Own => Some(self.new_ns(kind, user)),
            Owner::Node => self.node_ns.of_kind(kind),
            Owner::Container(other) => self.first_of(other)?.ns.of_kind(kind),
        };
        let found = (of(NsKind::Pid, shared.pid), of(NsKind::Uts, shared.uts), of(NsKind::Ipc, shared.ipc));
        let (Some(pid), Some(uts), Some(ipc)) = found else { return Ok(Err(StartError::Exec(Errno::ESRCH))) };
        // Docker's default for --cgroupns: private with version 2, the host's with version 1.
        let private = shared.private_cgroup.unwrap_or(self.profile.cgroups == Cgroups::V2);
        let cgroup = if private { self.new_ns(NsKind::Cgroup, user) } else { self.node_ns.cgroup };
        let ns = Namespaces { pid, mnt, uts, ipc, net, cgroup, user };
        if shared.pid == Owner::Own {
            let _ = self.pid_spaces.add(pid, Some(self.node_ns.pid));
        }
        if shared.uts == Owner::Own {
            self.uts.insert(uts, Uts { hostname: spec.hostname.clone() });
        }
        self.filesystems.overlay(fs, |overlay, _| overlay.remount());
        Ok(Ok((ns, self.mount_base(mnt))))
    }

    /// The first process of a container that runs.
    pub(super) fn first_of(&self, cid: Cid) -> Option<&Process> {
        let first = self.containers.get(&cid).and_then(|container| self.process(container.init?));
        first.filter(|first| first.is_alive())
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
        let capabilities = match at {
            Place::Node => None,
            Place::Init(cid) | Place::Join(cid) => self.containers.get(&cid).map(|c| c.spec.capabilities),
        };
        let view = self.view(tid).map_err(StartError::Exec)?;
        let cwd = self.find(&view, &spec.cwd, true).map_err(StartError::Cwd)?;
        if self.stat(cwd).kind != FileKind::Dir {
            return Err(StartError::Cwd(Errno::ENOTDIR));
        }
        if let Some(process) = self.process_mut(tid) {
            process.cwd = cwd;
            become_user(process, capabilities, spec);
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
            self.cgroups.stop(&process.cgroups);
            self.cgroups.leave(&process.cgroups);
        }
        self.sweep_namespaces();
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

/// What a runtime leaves a process of the capabilities, and whose it is: setgroups(2), setgid(2), setuid(2).
fn become_user(process: &mut Process, of_container: Option<u64>, spec: &ProcessSpec) {
    let bounding = CapSet(of_container.unwrap_or(NODE_CAPABILITIES));
    let mut cred = Cred { bounding, no_new_privs: of_container.is_some(), ..Cred::root(CapSet::FULL) };
    cred.gid = Ids::all(spec.gid);
    cred.set_uids(Ids::all(spec.uid), Some(0));
    process.cred = Arc::new(cred);
}

fn feed_of(stdin: &Stdin) -> Feed {
    let chunks = match stdin {
        Stdin::Null => VecDeque::from([None]),
        Stdin::Bytes(bytes) => VecDeque::from([Some(bytes.to_vec()), None]),
        Stdin::Console | Stdin::Pipe => VecDeque::new(),
    };
    Feed { console: *stdin == Stdin::Console, chunks }
}

/// A node's own namespaces; its user namespace is the first of all.
fn node_namespaces() -> (NsTable, Namespaces, NsId) {
    let mut table = NsTable::default();
    let user = table.add(NsKind::User, None);
    let kinds = [NsKind::Pid, NsKind::Mnt, NsKind::Uts, NsKind::Ipc, NsKind::Net, NsKind::Cgroup];
    let [pid, mnt, uts, ipc, net, cgroup] = kinds.map(|kind| table.add(kind, Some(user)));
    let time = table.add(NsKind::Time, Some(user));
    (table, Namespaces { pid, mnt, uts, ipc, net, user, cgroup }, time)
}

/// A process of root's before its first program. It leads a session of its own.
fn blank_process(root: Loc, ns: Namespaces, time: NsId, pids: Pid) -> Process {
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
        exe_at: None,
        cred: Arc::new(Cred::root(CapSet::FULL)),
        dumpable: true,
        executed_in: ns.user,
        root,
        cwd: root,
        umask: 0o022,
        fds: Map::<_, Handle>::new(),
        space: Default::default(),
        overhead: None,
        oom_score_adj: 0,
        ns,
        pid_for_children: ns.pid,
        time_ns: time,
        time_for_children: time,
        ignored: Default::default(),
        cgroups: Default::default(),
        affinity: Default::default(),
        caught: Default::default(),
        blocked: Default::default(),
        pending: Default::default(),
    }
}
