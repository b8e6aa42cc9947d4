//! mount(2) and umount2(2): tmpfs, proc, binds and remounts. Other file system types answer ENODEV: no model has them.

use super::Done;
use crate::call::{Errno, FileKind, MountFlags, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::files::Ofd;
use crate::kernel::nsfs::NSFS;
use crate::kernel::vfs::mount::Mount;
use crate::kernel::vfs::{Fs, Ino, Loc, ROOT, Tree, View};
use crate::node::{Effects, Happening};
use std::sync::Arc;

pub(super) struct Request<'a> {
    pub source: &'a str,
    pub target: &'a str,
    pub fstype: &'a str,
    pub flags: MountFlags,
    pub data: &'a str,
}

pub(super) fn mount(kernel: &mut SimKernel, tid: Tid, request: &Request<'_>, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let target = kernel.find(&view, request.target, true)?;
    may_mount(kernel, tid)?;
    let fstype = if request.flags.remount {
        remount(kernel, target, request.flags)?;
        "remount"
    } else if request.flags.bind {
        bind(kernel, &view, request)?;
        "bind"
    } else {
        fresh(kernel, &view, request)?;
        request.fstype
    };
    let path = shown(kernel, &view, target, request.target);
    kernel.tell(tid, Happening::Mounted { target: path, fstype: fstype.to_owned() }, fx);
    Ok(Ret::Ok)
}

pub(super) fn umount(kernel: &mut SimKernel, tid: Tid, target: &str, detach: bool, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, target, true)?;
    may_mount(kernel, tid)?;
    let mount = kernel.mounts.get(loc.mount).filter(|mount| mount.root == loc.ino).ok_or(Errno::EINVAL)?;
    if mount.on.is_none() {
        return unmount_root(kernel, loc, detach);
    }
    if !detach && (kernel.mounts.has_children(loc.mount) || is_busy(kernel, loc)) {
        return Err(Errno::EBUSY);
    }
    let path = shown(kernel, &view, loc, target);
    kernel.mounts.detach(loc.mount);
    kernel.tell(tid, Happening::Unmounted { target: path }, fx);
    Ok(Ret::Ok)
}

/// "Unmounting" the root makes it read-only, unless somebody writes there (fs/namespace.c, do_umount_root). To detach it
/// would leave its processes without a root: refused here.
fn unmount_root(kernel: &mut SimKernel, root: Loc, detach: bool) -> Done {
    let written = |ofd: &Ofd| ofd.write && ofd.loc().is_some_and(|loc| loc.fs == root.fs);
    if detach {
        return Err(Errno::EINVAL);
    }
    if kernel.files.opened().any(written) {
        return Err(Errno::EBUSY);
    }
    kernel.mounts.set_superblock_read_only(root.fs, true);
    Ok(Ret::Ok)
}

/// mount(2): CAP_SYS_ADMIN in the user namespace that owns the mount namespace.
fn may_mount(kernel: &SimKernel, tid: Tid) -> Result<(), Errno> {
    let mnt = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.mnt;
    if kernel.is_admin_of(tid, mnt) { Ok(()) } else { Err(Errno::EPERM) }
}

fn fresh(kernel: &mut SimKernel, view: &View, request: &Request<'_>) -> Result<(), Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns).ok_or(Errno::ESRCH)?;
    let fs = match request.fstype {
        "tmpfs" => Fs::Tree(Arc::new(Tree::new(tmpfs_mode(request.data)?))),
        "proc" => Fs::Proc(ns.pid),
        _ => return Err(Errno::ENODEV),
    };
    let fs = kernel.add_fs(fs);
    let mut mount = Mount::new(ns.mnt, fs, ROOT, request.fstype, request.source);
    mount.read_only = request.flags.read_only;
    let mounted = kernel.mount_on(view, request.target, mount);
    if mounted.is_err() {
        kernel.filesystems.remove(&fs);
    }
    mounted
}

/// tmpfs(5): `mode=`; sizes are accepted and have no effect here.
fn tmpfs_mode(data: &str) -> Result<u32, Errno> {
    let mut mode = 0o1777;
    for option in data.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("mode", octal)) => mode = u32::from_str_radix(octal, 8).map_err(|_| Errno::EINVAL)? & 0o7777,
            Some(("size" | "nr_inodes" | "nr_blocks" | "uid" | "gid", _)) => {}
            _ => return Err(Errno::EINVAL),
        }
    }
    Ok(mode)
}

fn bind(kernel: &mut SimKernel, view: &View, request: &Request<'_>) -> Result<(), Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns.mnt).ok_or(Errno::ESRCH)?;
    let source = kernel.find(view, request.source, true)?;
    let mount = match kernel.mounts.get(source.mount) {
        Some(from) => {
            let mut mount = Mount::new(ns, source.fs, source.ino, &from.fstype, &from.source);
            mount.read_only = from.read_only;
            mount
        }
        None if source.fs == NSFS => {
            kernel.may_mount_namespace(ns, source)?;
            Mount::new(ns, source.fs, source.ino, "nsfs", "nsfs")
        }
        None => return Err(Errno::EINVAL),
    };
    kernel.mount_on(view, request.target, mount)?;
    if request.flags.recursive {
        let new = kernel.find(view, request.target, true)?;
        let (below, fs) = (dirs_below(kernel, source), kernel.fs(source.fs).clone());
        kernel.mounts.copy_children(source.mount, new.mount, &|dir| below.is_none_or(|top| is_under(&fs, dir, top)));
    }
    Ok(())
}

/// The directory a recursive bind starts at, or `None` if it takes the whole file system.
fn dirs_below(kernel: &SimKernel, source: Loc) -> Option<Ino> {
    kernel.mounts.get(source.mount).filter(|mount| mount.root != source.ino).map(|_| source.ino)
}

fn is_under(fs: &Fs, mut dir: Ino, top: Ino) -> bool {
    while dir != top {
        match fs.parent(dir) {
            Some((parent, _)) => dir = parent,
            None => return false,
        }
    }
    true
}

/// With `bind` only this mount becomes read-only or writable again, without it the whole file system.
fn remount(kernel: &mut SimKernel, target: Loc, flags: MountFlags) -> Result<(), Errno> {
    let mount = kernel.mounts.get_mut(target.mount).filter(|mount| mount.root == target.ino).ok_or(Errno::EINVAL)?;
    let fs = mount.fs;
    if flags.bind {
        mount.read_only = flags.read_only;
    } else {
        kernel.mounts.set_superblock_read_only(fs, flags.read_only);
    }
    Ok(())
}

fn is_busy(kernel: &SimKernel, loc: Loc) -> bool {
    let used = |at: Loc| at.mount == loc.mount;
    kernel.processes.values().any(|process| !process.is_zombie() && (used(process.cwd) || used(process.root)))
        || kernel.files.opened().any(|ofd| ofd.loc().is_some_and(used))
}

fn shown(kernel: &SimKernel, view: &View, loc: Loc, path: &str) -> String {
    let dir = kernel.stat(loc).kind == FileKind::Dir;
    kernel.path_of(view, loc).filter(|_| dir).unwrap_or_else(|| path.to_owned())
}
