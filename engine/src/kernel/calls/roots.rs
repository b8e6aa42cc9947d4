//! chroot(2), pivot_root(2), fchdir(2): where a process's paths begin.

use super::Done;
use super::mounts::{may_mount, own};
use crate::call::{Errno, Fd, FileKind, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::vfs::mount::Mountpoint;
use crate::kernel::vfs::resolve::EXEC;
use crate::kernel::vfs::{Loc, View};
use crate::node::{Effects, Happening};

pub(super) fn chroot(kernel: &mut SimKernel, tid: Tid, path: &str) -> Done {
    let view = kernel.view(tid)?;
    let root = directory(kernel, &view, path)?;
    may_enter(kernel, &view, root)?;
    if !kernel.may_chroot(tid) {
        return Err(Errno::EPERM);
    }
    if let Some(process) = kernel.process_mut(tid) {
        process.root = root;
    }
    Ok(Ret::Ok)
}

pub(super) fn fchdir(kernel: &mut SimKernel, tid: Tid, fd: Fd) -> Done {
    let ofd = kernel.ofd_of(tid, fd)?;
    let view = kernel.view(tid)?;
    let loc = kernel.files.get(ofd).and_then(|ofd| ofd.loc()).ok_or(Errno::ENOTDIR)?;
    if kernel.stat(loc).kind != FileKind::Dir {
        return Err(Errno::ENOTDIR);
    }
    may_enter(kernel, &view, loc)?;
    if let Some(process) = kernel.process_mut(tid) {
        process.cwd = loc;
    }
    Ok(Ret::Ok)
}

/// pivot_root(2), in the order of checks of fs/namespace.c.
pub(super) fn pivot_root(kernel: &mut SimKernel, tid: Tid, new_root: &str, put_old: &str, fx: &mut Effects) -> Done {
    may_mount(kernel, tid)?;
    let view = kernel.view(tid)?;
    let new = directory(kernel, &view, new_root)?;
    let old = directory(kernel, &view, put_old)?;
    let old = kernel.topmost(old);
    let root = view.root;
    let shared = |loc: Loc| kernel.mounts.get(loc.mount).is_some_and(|mount| mount.group.is_some());
    let below = |loc: Loc| kernel.mounts.get(loc.mount).and_then(|mount| mount.on.clone());
    let on_shared = |loc| below(loc).and_then(|on| kernel.mounts.get(on.mount)).is_some_and(|m| m.group.is_some());
    if shared(old) || on_shared(new) || on_shared(root) {
        return Err(Errno::EINVAL);
    }
    let root_mount = own(kernel, &view, root.mount)?;
    let new_mount = own(kernel, &view, new.mount)?;
    if new_mount.locked {
        return Err(Errno::EINVAL);
    }
    if kernel.fs(new.fs).is_dead(new.ino) {
        return Err(Errno::ENOENT);
    }
    if new.mount == root.mount || old.mount == root.mount {
        return Err(Errno::EBUSY);
    }
    let (true, Some(root_on), true, Some(_)) =
        (root_mount.root == root.ino, below(root), new_mount.root == new.ino, below(new))
    else {
        return Err(Errno::EINVAL);
    };
    if !kernel.is_reachable(old, new) || !kernel.is_reachable(new, root) {
        return Err(Errno::EINVAL);
    }
    let root_locked = root_mount.locked;
    let dentry = kernel.dentry_of_dir(old);
    kernel.mounts.rehang(new.mount, Some(root_on));
    kernel.mounts.rehang(root.mount, Some(Mountpoint { mount: old.mount, dentry }));
    if root_locked {
        kernel.mounts.get_mut(new.mount).into_iter().for_each(|mount| mount.locked = true);
        kernel.mounts.get_mut(root.mount).into_iter().for_each(|mount| mount.locked = false);
    }
    kernel.change_roots(root, new);
    kernel.tell(tid, Happening::Mounted { target: "/".to_owned(), fstype: "pivot_root".to_owned() }, fx);
    Ok(Ret::Ok)
}

fn directory(kernel: &mut SimKernel, view: &View, path: &str) -> Result<Loc, Errno> {
    let loc = kernel.find(view, path, true)?;
    if kernel.stat(loc).kind == FileKind::Dir { Ok(loc) } else { Err(Errno::ENOTDIR) }
}

fn may_enter(kernel: &SimKernel, view: &View, dir: Loc) -> Result<(), Errno> {
    if view.may(&kernel.stat(dir), EXEC) { Ok(()) } else { Err(Errno::EACCES) }
}
