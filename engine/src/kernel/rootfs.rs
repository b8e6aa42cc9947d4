//! What is mounted before the first program runs: a node's file systems, and a container's as runc mounts them
//! (libcontainer/rootfs_linux.go).
//!
//! Since Linux 6.8 mountinfo lists mounts in the order in which they were *made*, before it in the order in which they
//! were attached (fs/namespace.c, mnt_list). What a runtime copies before it leaves the node is made early.

use super::SimKernel;
use super::lifecycle::INIT;
use super::mountinfo;
use super::namespace::{Namespaces, NsId};
use super::vfs::mount::{Attrs, Dentry, Mount, Mountpoint};
use super::vfs::propagate::Propagation;
use super::vfs::{Fs, Inode, Last, Loc, MountId, Node, Notes, ROOT, Tree, View};
use crate::call::{Errno, FileKind, Tid};
use crate::kernel::calls::fresh::Fresh;
use crate::kernel::calls::ipc::queues;
use crate::node::{Bind, Cid, DISK, Owner, SHM, StartError, TOOLBOX, Tmpfs};
use crate::scenario::Linux;
use std::sync::Arc;

/// The devices of a container's /dev (OCI runtime-spec, config-linux.md, "Default Devices"), less ptmx and console.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

impl SimKernel {
    /// The mounts of a container. As runc does, mount points that are missing are made, in the upperdir, before the root
    /// becomes read-only.
    pub(super) fn mount_container(&mut self, tid: Tid, cid: Cid, cwd: &str) -> Result<(), StartError> {
        let Some((container, process)) = self.containers.get(&cid).zip(self.process(tid)) else {
            return Err(StartError::Exec(Errno::ESRCH));
        };
        let (spec, fs, ns, base) = (container.spec.clone(), container.fs, process.ns, process.root);
        let by_age = self.lists_by_age();
        let early: Vec<MountId> = match by_age {
            true => spec.binds.iter().map(|bind| self.bound(bind)).collect::<Result<_, _>>()?,
            false => Vec::new(),
        };
        let shm = self.shared_memory(spec.namespaces.ipc)?;
        let (toolbox, root) = self.mount_root(base, Mount::new(ns.mnt, fs, ROOT, "overlay", "overlay"));
        if let Some(process) = self.process_mut(tid) {
            (process.root, process.cwd) = (root, root);
        }
        let view = self.view(tid).map_err(StartError::Exec)?;
        let at = |path: &str, error| StartError::Mount(path.to_owned(), error);
        for dir in ["/proc", "/dev"] {
            self.make_dirs(&view, dir).map_err(|error| at(dir, error))?;
        }
        self.mount_proc_and_dev(&view, ns, toolbox).map_err(|error| at("/proc", error))?;
        self.cover(&view).map_err(|error| at("/proc", error))?;
        if let Some(shm) = shm {
            self.attach_shm(&view, shm).map_err(|error| at(SHM, error))?;
        }
        for tmpfs in &spec.tmpfs {
            self.mount_tmpfs(&view, ns, tmpfs).map_err(|error| at(&tmpfs.target, error))?;
        }
        for (bind, early) in spec.binds.iter().zip(early.into_iter().map(Some).chain(std::iter::repeat(None))) {
            let mount = early.map_or_else(|| self.bound(bind), Ok)?;
            self.attach_bind(&view, bind, mount).map_err(|error| at(&bind.target, error))?;
        }
        self.make_dirs(&view, cwd).map_err(StartError::Cwd)?;
        if let Some(mount) = self.mounts.get_mut(root.mount) {
            mount.attrs.read_only = spec.read_only;
        }
        Ok(())
    }

    /// Of Docker's `readonlyPaths` what this procfs has (moby, oci/defaults.go).
    fn cover(&mut self, view: &View) -> Result<(), Errno> {
        const READ_ONLY: &str = "/proc/sys";
        let source = self.find(view, READ_ONLY, true)?;
        let dentry = self.dentry(view, READ_ONLY, source);
        let mount = self.copy_bind(source, dentry, true)?;
        if let Some(mount) = self.mounts.get_mut(mount) {
            mount.attrs =
                Attrs { read_only: true, nosuid: true, nodev: true, noexec: true, ..std::mem::take(&mut mount.attrs) };
        }
        self.graft(view, mount, READ_ONLY, source)
    }

    fn lists_by_age(&self) -> bool {
        self.profile.linux >= Linux(6, 8)
    }

    /// A copy of what is to be bound, with what is mounted there on the node.
    fn bound(&mut self, bind: &Bind) -> Result<MountId, StartError> {
        let node = self.view(INIT).map_err(StartError::Exec)?;
        self.copy_mount(&node, &bind.source).map_err(|error| StartError::Mount(bind.source.clone(), error))
    }

    fn copy_mount(&mut self, view: &View, path: &str) -> Result<MountId, Errno> {
        let source = self.find(view, path, true)?;
        let dentry = self.dentry(view, path, source);
        let mount = self.copy_bind(source, dentry, true)?;
        // Docker's default for what it binds is rprivate (moby, volume/mounts/linux_parser.go).
        for id in self.mounts.tree(mount) {
            self.mounts.change_propagation(id, Propagation::Private);
        }
        Ok(mount)
    }

    /// A copy of the `/dev/shm` that comes with another's ipc namespace; who has none lends none.
    fn shared_memory(&mut self, ipc: Owner) -> Result<Option<MountId>, StartError> {
        let lender = match ipc {
            Owner::Own => return Ok(None),
            Owner::Node => INIT,
            Owner::Container(cid) => self.first_of(cid).ok_or(StartError::Exec(Errno::ESRCH))?.tid(),
        };
        let view = self.view(lender).map_err(StartError::Exec)?;
        self.copy_mount(&view, SHM).map(Some).map_err(|error| StartError::Mount(SHM.to_owned(), error))
    }

    fn attach_shm(&mut self, view: &View, mount: MountId) -> Result<(), Errno> {
        self.make_dirs(view, SHM)?;
        let target = self.find(view, SHM, true)?;
        self.graft(view, mount, SHM, target)
    }

    fn attach_bind(&mut self, view: &View, bind: &Bind, mount: MountId) -> Result<(), Errno> {
        let root = self.mounts.root_of(mount).ok_or(Errno::EINVAL)?;
        if self.stat(root).kind == FileKind::Dir {
            self.make_dirs(view, &bind.target)?;
        } else {
            self.make_file(view, &bind.target)?;
        }
        if let Some(mount) = self.mounts.get_mut(mount) {
            mount.attrs.read_only |= bind.read_only;
        }
        let target = self.find(view, &bind.target, true)?;
        self.graft(view, mount, &bind.target, target)
    }

    pub(super) fn mount_proc_and_dev(
        &mut self,
        view: &View,
        ns: Namespaces,
        toolbox: Option<MountId>,
    ) -> Result<(), Errno> {
        let nosuid = Attrs { nosuid: true, ..Attrs::default() };
        let inert = Attrs { nodev: true, noexec: true, ..nosuid };
        let proc = self.add_fs(Fs::Proc(ns.pid));
        self.mount_on(view, "/proc", Mount::new(ns.mnt, proc, ROOT, "proc", "proc").with(inert))?;
        let dev = self.add_fs(Fs::Tree(self.dev.clone()));
        self.superblock_mut(dev).options = ",size=64k,mode=755".into();
        self.mount_on(view, "/dev", Mount::new(ns.mnt, dev, ROOT, "tmpfs", "tmpfs").with(nosuid))?;
        let toolbox = toolbox.map_or_else(|| self.toolbox_mount(ns.mnt), Some).ok_or(Errno::ENOENT)?;
        let target = self.find(view, TOOLBOX, true)?;
        self.graft(view, toolbox, TOOLBOX, target)?;
        let queues = queues(self, ns.ipc);
        self.mount_on(view, "/dev/mqueue", Mount::new(ns.mnt, queues, ROOT, "mqueue", "mqueue").with(inert))
    }

    /// Its mount point is made if it is missing; if not, the new root has its mode, as runc gives it.
    pub(super) fn mount_tmpfs(&mut self, view: &View, ns: Namespaces, wanted: &Tmpfs) -> Result<(), Errno> {
        let mode = match self.find(view, &wanted.target, true) {
            Ok(there) => Some(self.stat(there).mode),
            Err(_) => {
                self.make_dirs(view, &wanted.target)?;
                None
            }
        };
        let Fresh { fs, options, .. } = Fresh::tmpfs(&wanted.options_over(mode), (0, 0))?;
        let fs = self.add_fs(fs);
        self.superblock_mut(fs).options = options.into();
        let attrs =
            Attrs { nosuid: true, nodev: true, noexec: !wanted.exec, read_only: wanted.read_only, ..Attrs::default() };
        self.mount_on(view, &wanted.target, Mount::new(ns.mnt, fs, ROOT, "tmpfs", &wanted.source).with(attrs))
    }

    /// The disk that a machine lends to a node.
    pub(super) fn mount_disk(&mut self, view: &View, ns: Namespaces) -> Result<(), Errno> {
        if !self.profile.disk {
            return Ok(());
        }
        let fs = self.add_fs(Fs::Tree(Arc::new(Tree::new(0o755))));
        self.disk = Some(fs);
        self.make_dirs(view, DISK)?;
        self.mount_on(view, DISK, Mount::new(ns.mnt, fs, ROOT, mountinfo::DISK_TYPE, mountinfo::DISK_SOURCE))
    }

    /// The binary that programs are, as a mount that is attached nowhere.
    fn toolbox_mount(&mut self, ns: NsId) -> Option<MountId> {
        let binary = self.fs_mut(self.toolbox).lookup(ROOT, "toolbox")?;
        let mount = Mount::new(ns, self.toolbox, binary, "tmpfs", "drydock");
        let mount = mount.with(Attrs { nodev: true, ..Attrs::default() });
        Some(self.mounts.attach(Mount { ns: None, dentry: Dentry::Name(ROOT, "toolbox".into()), ..mount }))
    }

    pub(super) fn mount_on(&mut self, view: &View, path: &str, mount: Mount) -> Result<(), Errno> {
        let target = self.find(view, path, true)?;
        let mount = self.mounts.attach(Mount { ns: None, ..mount });
        self.graft(view, mount, path, target)
    }

    /// What lies below every root: the root file system the machine booted with
    /// (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
    pub(super) fn mount_base(&mut self, ns: NsId) -> Loc {
        let mount = self.mounts.attach(Mount::new(ns, self.rootfs, ROOT, "rootfs", "none"));
        Loc { mount, fs: self.rootfs, ino: ROOT }
    }

    /// The first mount that anybody sees in a mount namespace; and the toolbox's, where that is made before.
    pub(super) fn mount_root(&mut self, base: Loc, mut root: Mount) -> (Option<MountId>, Loc) {
        let early = root.ns.filter(|_| self.lists_by_age()).and_then(|ns| self.toolbox_mount(ns));
        root.on = Some(Mountpoint { mount: base.mount, dentry: Dentry::Dir(base.ino) });
        let (fs, ino) = (root.fs, root.root);
        (early, Loc { mount: self.mounts.attach(root), fs, ino })
    }

    /// `mkdir -p` with mode 0755.
    pub(super) fn make_dirs(&mut self, view: &View, path: &str) -> Result<(), Errno> {
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
}

pub(super) fn dev_tree() -> Tree {
    let mut dev = Tree::new(0o755);
    for (name, major, minor) in DEVICES {
        dev.create(ROOT, name, Inode::new(Node::Char(major, minor), 0o666));
    }
    let name = TOOLBOX.trim_start_matches("/dev/");
    dev.create(ROOT, name, Inode::file(Vec::new(), 0o755));
    dev.create(ROOT, "mqueue", Inode::dir(0o755));
    dev
}
