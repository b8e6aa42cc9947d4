//! mkdir(2), rmdir(2), unlink(2), rename(2), link(2), symlink(2): names in directories, in the order of checks of
//! fs/namei.c.

use super::Done;
use crate::call::{Capability, Errno, FileKind, Ret, Stat, Tid};
use crate::kernel::SimKernel;
use crate::kernel::vfs::resolve::{EXEC, WRITE, Walked};
use crate::kernel::vfs::{Fs, Inode, Last, Loc, Node, Notes, View};
use crate::node::{Effects, Happening};

pub(super) fn mkdir(kernel: &mut SimKernel, tid: Tid, path: &str, mode: u32, fx: &mut Effects) -> Done {
    let umask = kernel.process(tid).map_or(0o022, |process| process.umask);
    // mkdir(2): of the special bits only the sticky bit is used.
    add(kernel, tid, path, Inode::dir(mode & 0o1777 & !umask), fx)
}

pub(super) fn symlink(kernel: &mut SimKernel, tid: Tid, target: &str, path: &str, fx: &mut Effects) -> Done {
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    if target.len() >= 4096 {
        return Err(Errno::ENAMETOOLONG);
    }
    add(kernel, tid, path, Inode::new(Node::Symlink(target.to_owned()), 0o777), fx)
}

fn add(kernel: &mut SimKernel, tid: Tid, path: &str, inode: Inode, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let walked = kernel.find_name(&view, path)?;
    let name = may_add(kernel, &view, &walked, inode.is_dir())?;
    if matches!(kernel.fs(walked.dir.fs), Fs::Cgroup(_)) {
        if !inode.is_dir() {
            return Err(Errno::EPERM);
        }
        kernel.make_cgroup(&view, walked.dir, &name, inode.mode)?;
        told_created(kernel, &view, walked.dir, &name, fx);
        return Ok(Ret::Ok);
    }
    let inode = owned(kernel, &view, walked.dir, inode);
    let mut notes = Notes::new();
    kernel.fs_mut(walked.dir.fs).create(walked.dir.ino, &name, inode, &mut notes)?;
    notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    told_created(kernel, &view, walked.dir, &name, fx);
    Ok(Ret::Ok)
}

pub(super) fn link(kernel: &mut SimKernel, tid: Tid, from: &str, to: &str, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let old = kernel.find(&view, from, false)?;
    let walked = kernel.find_name(&view, to)?;
    let name = may_name(&walked, false)?;
    if old.mount != walked.dir.mount {
        return Err(Errno::EXDEV);
    }
    kernel.want_write(walked.dir)?;
    may_change(kernel, &view, walked.dir)?;
    if kernel.stat(old).kind == FileKind::Dir || matches!(kernel.fs(old.fs), Fs::Cgroup(_)) {
        return Err(Errno::EPERM);
    }
    let mut notes = Notes::new();
    kernel.fs_mut(old.fs).link(old.ino, walked.dir.ino, &name, &mut notes);
    notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    told_created(kernel, &view, walked.dir, &name, fx);
    Ok(Ret::Ok)
}

pub(super) fn unlink(kernel: &mut SimKernel, tid: Tid, path: &str, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let walked = kernel.find_name(&view, path)?;
    let Last::Name(name) = &walked.last else { return Err(Errno::EISDIR) };
    kernel.want_write(walked.dir)?;
    let (victim, stat) = victim(kernel, &walked)?;
    if walked.slash {
        return Err(if stat.kind == FileKind::Dir { Errno::EISDIR } else { Errno::ENOTDIR });
    }
    may_delete(kernel, &view, walked.dir, &stat)?;
    if stat.kind == FileKind::Dir {
        return Err(Errno::EISDIR);
    }
    if matches!(kernel.fs(victim.fs), Fs::Cgroup(_)) {
        return Err(Errno::EPERM);
    }
    remove(kernel, &view, &walked, name, victim, fx)
}

pub(super) fn rmdir(kernel: &mut SimKernel, tid: Tid, path: &str, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let walked = kernel.find_name(&view, path)?;
    let name = match &walked.last {
        Last::Name(name) => name,
        Last::Dot => return Err(Errno::EINVAL),
        Last::DotDot => return Err(Errno::ENOTEMPTY),
        Last::Root => return Err(Errno::EBUSY),
    };
    kernel.want_write(walked.dir)?;
    let (victim, stat) = victim(kernel, &walked)?;
    may_delete(kernel, &view, walked.dir, &stat)?;
    if stat.kind != FileKind::Dir {
        return Err(Errno::ENOTDIR);
    }
    if is_mountpoint(kernel, &view, walked.dir, name) {
        return Err(Errno::EBUSY);
    }
    if matches!(kernel.fs(victim.fs), Fs::Cgroup(_)) {
        let path = kernel.path_in(&view, walked.dir, name);
        kernel.remove_cgroup(victim.ino)?;
        kernel.mounts.name_removed(walked.dir.fs, walked.dir.ino, name, victim.ino);
        kernel.tell(tid, Happening::Removed { path }, fx);
        return Ok(Ret::Ok);
    }
    if !kernel.filesystems.names(victim.fs, victim.ino).is_empty() {
        return Err(Errno::ENOTEMPTY);
    }
    remove(kernel, &view, &walked, name, victim, fx)
}

pub(super) fn rename(kernel: &mut SimKernel, tid: Tid, from: &str, to: &str, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let old = kernel.find_parent(&view, from)?;
    let new = kernel.find_parent(&view, to)?;
    if old.dir.mount != new.dir.mount {
        return Err(Errno::EXDEV);
    }
    let (Last::Name(old_name), Last::Name(new_name)) = (&old.last, &new.last) else { return Err(Errno::EBUSY) };
    kernel.want_write(old.dir)?;
    old.name_fits()?;
    let (moved, stat) = victim(kernel, &old)?;
    new.name_fits()?;
    let replaced = new.node;
    let is_dir = stat.kind == FileKind::Dir;
    if !is_dir && (old.slash || new.slash) {
        return Err(Errno::ENOTDIR);
    }
    if is_dir && leads_to(kernel, new.dir, moved) {
        return Err(Errno::EINVAL);
    }
    if replaced
        .is_some_and(|replaced| kernel.stat(replaced).kind == FileKind::Dir && leads_to(kernel, old.dir, replaced))
    {
        return Err(Errno::ENOTEMPTY);
    }
    if replaced.is_none() && matches!(kernel.fs(new.dir.fs), Fs::Proc(_)) {
        return Err(Errno::ENOENT);
    }
    // Two names of one file: nothing happens, whoever asks (fs/namei.c, vfs_rename).
    if replaced.is_some_and(|replaced| same_file(kernel, moved, replaced)) {
        return Ok(Ret::Ok);
    }
    may_delete(kernel, &view, old.dir, &stat)?;
    match replaced {
        Some(target) => may_replace(kernel, &view, new.dir, target, is_dir)?,
        None => may_change(kernel, &view, new.dir)?,
    }
    if is_dir && old.dir.ino != new.dir.ino && !view.may(&stat, WRITE) {
        return Err(Errno::EACCES);
    }
    if matches!(kernel.fs(moved.fs), Fs::Cgroup(_)) {
        return Err(Errno::EPERM);
    }
    if is_mountpoint(kernel, &view, old.dir, old_name) || is_mountpoint(kernel, &view, new.dir, new_name) {
        return Err(Errno::EBUSY);
    }
    if !may_move(kernel, moved) {
        return Err(Errno::EXDEV);
    }
    if let Some(target) = replaced.filter(|_| is_dir)
        && !kernel.filesystems.names(target.fs, target.ino).is_empty()
    {
        return Err(Errno::ENOTEMPTY);
    }
    let mut notes = Notes::new();
    let done = kernel.fs_mut(old.dir.fs).rename((old.dir.ino, old_name), (new.dir.ino, new_name), &mut notes);
    notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    done?;
    if let Some(target) = replaced {
        kernel.mounts.name_removed(new.dir.fs, new.dir.ino, new_name, target.ino);
        kernel.forget_if_unused(target);
    }
    if !is_dir {
        kernel.mounts.name_moved(old.dir.fs, (old.dir.ino, old_name), (new.dir.ino, new_name));
    }
    let (from, to) = (kernel.path_in(&view, old.dir, old_name), kernel.path_in(&view, new.dir, new_name));
    kernel.tell(tid, Happening::Renamed { from, to }, fx);
    Ok(Ret::Ok)
}

/// A directory may be changed by who may write to and search it; nothing is made in one that was removed.
pub(super) fn may_change(kernel: &SimKernel, view: &View, dir: Loc) -> Result<(), Errno> {
    let fs = kernel.fs(dir.fs);
    let removed = matches!(fs, Fs::Cgroup(_)) && kernel.cgroups.is_removed(dir.ino);
    if matches!(fs, Fs::Proc(_)) || fs.is_dead(dir.ino) || removed {
        return Err(Errno::ENOENT);
    }
    // fs/namei.c, may_create: the maker has a name where the file system is from.
    let space = kernel.user_space(kernel.superblock(dir.fs).user);
    let (uid, gid) = (view.cred.uid.effective, view.cred.gid.effective);
    if space.uids.up(uid).is_none() || space.gids.up(gid).is_none() {
        return Err(Errno::EOVERFLOW);
    }
    if view.may(&kernel.stat(dir), WRITE | EXEC) { Ok(()) } else { Err(Errno::EACCES) }
}

/// Who owns a new inode: the caller; its group is that of a set-group-ID directory (inode(7)).
pub(super) fn owned(kernel: &SimKernel, view: &View, dir: Loc, mut inode: Inode) -> Inode {
    let parent = kernel.stat(dir);
    (inode.uid, inode.gid) = (view.cred.uid.effective, view.cred.gid.effective);
    if parent.mode & 0o2000 != 0 {
        inode.gid = parent.gid;
        if inode.is_dir() {
            inode.mode |= 0o2000;
        }
    }
    inode
}

fn may_add(kernel: &SimKernel, view: &View, walked: &Walked, is_dir: bool) -> Result<String, Errno> {
    let name = may_name(walked, is_dir)?;
    kernel.want_write(walked.dir)?;
    may_change(kernel, view, walked.dir)?;
    Ok(name)
}

/// filename_create: an existing name is EEXIST before anything else is looked at.
fn may_name(walked: &Walked, is_dir: bool) -> Result<String, Errno> {
    let Last::Name(name) = &walked.last else { return Err(Errno::EEXIST) };
    if walked.node.is_some() {
        return Err(Errno::EEXIST);
    }
    if walked.slash && !is_dir {
        return Err(Errno::ENOENT);
    }
    Ok(name.clone())
}

fn victim(kernel: &SimKernel, walked: &Walked) -> Result<(Loc, Stat), Errno> {
    let loc = walked.node.ok_or(Errno::ENOENT)?;
    Ok((loc, kernel.stat(loc)))
}

/// may_delete: permission on the directory, and the sticky bit (unlink(2), EPERM).
pub(super) fn may_delete(kernel: &SimKernel, view: &View, dir: Loc, stat: &Stat) -> Result<(), Errno> {
    kernel.permission(view, dir, WRITE | EXEC)?;
    let parent = kernel.stat(dir);
    // fs/namei.c, __check_sticky.
    let own = [stat.uid, parent.uid].contains(&view.cred.uid.effective);
    if parent.mode & 0o1000 != 0 && !own && !view.is_capable_of(stat, Capability::CAP_FOWNER) {
        return Err(Errno::EPERM);
    }
    if matches!(kernel.fs(dir.fs), Fs::Proc(_)) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn may_replace(kernel: &SimKernel, view: &View, dir: Loc, target: Loc, by_dir: bool) -> Result<(), Errno> {
    let stat = kernel.stat(target);
    may_delete(kernel, view, dir, &stat)?;
    match (by_dir, stat.kind == FileKind::Dir) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ => Ok(()),
    }
}

/// Whether this name is a mount point in the caller's namespace (fs/namespace.c, is_local_mountpoint).
fn is_mountpoint(kernel: &mut SimKernel, view: &View, dir: Loc, name: &str) -> bool {
    let Some(ns) = kernel.process(view.tid).map(|process| process.ns.mnt) else { return false };
    let ino = kernel.fs_mut(dir.fs).lookup(dir.ino, name).unwrap_or_default();
    kernel.mounts.is_mountpoint(ns, dir.fs, dir.ino, name, ino)
}

/// Whether `ancestor` is `dir` or above it in the same file system.
fn leads_to(kernel: &SimKernel, dir: Loc, ancestor: Loc) -> bool {
    let mut at = dir.ino;
    loop {
        if at == ancestor.ino && dir.fs == ancestor.fs {
            return true;
        }
        let parent = match kernel.fs(dir.fs) {
            Fs::Cgroup(_) => kernel.cgroups.parent_of(at),
            fs => fs.parent(at),
        };
        match parent {
            Some((parent, _)) => at = parent,
            None => return false,
        }
    }
}

/// Overlayfs says so before it looks at the target (fs/overlayfs/dir.c, ovl_rename).
fn may_move(kernel: &SimKernel, moved: Loc) -> bool {
    match kernel.fs(moved.fs) {
        Fs::Overlay(overlay) => overlay.may_move(&kernel.filesystems, moved.ino),
        _ => true,
    }
}

/// Two names of one inode; over an overlay, of one in the upperdir.
fn same_file(kernel: &SimKernel, a: Loc, b: Loc) -> bool {
    let same_upper = |fs: &Fs| match fs {
        Fs::Overlay(overlay) => overlay.same_inode(a.ino, b.ino),
        _ => false,
    };
    a.fs == b.fs && (a.ino == b.ino || same_upper(kernel.fs(a.fs)))
}

fn remove(kernel: &mut SimKernel, view: &View, walked: &Walked, name: &str, victim: Loc, fx: &mut Effects) -> Done {
    if is_mountpoint(kernel, view, walked.dir, name) {
        return Err(Errno::EBUSY);
    }
    let ino = kernel.fs_mut(walked.dir.fs).lookup(walked.dir.ino, name).unwrap_or_default();
    let mut notes = Notes::new();
    kernel.fs_mut(walked.dir.fs).remove(walked.dir.ino, name, &mut notes);
    notes.into_iter().for_each(|note| kernel.tell(view.tid, note, fx));
    kernel.mounts.name_removed(walked.dir.fs, walked.dir.ino, name, ino);
    kernel.forget_if_unused(victim);
    let path = kernel.path_in(view, walked.dir, name);
    kernel.tell(view.tid, Happening::Removed { path }, fx);
    Ok(Ret::Ok)
}

fn told_created(kernel: &SimKernel, view: &View, dir: Loc, name: &str, fx: &mut Effects) {
    let path = kernel.path_in(view, dir, name);
    kernel.tell(view.tid, Happening::Created { path }, fx);
}
