//! stat(2), access(2), chmod(2), chown(2), utimensat(2), truncate(2), chdir(2): what is asked and changed by path.

use super::Done;
use crate::call::{Capability, Errno, FileKind, Ret, SCENARIO_EPOCH_S, Stat, Tid};
use crate::kernel::SimKernel;
use crate::kernel::nsfs::NSFS;
use crate::kernel::userns::IdKind;
use crate::kernel::vfs::View;
use crate::kernel::vfs::resolve::{EXEC, WRITE};
use crate::kernel::vfs::{Change, Fs, Loc, Node, Notes};
use crate::node::{Effects, Happening};

pub(super) fn stat(kernel: &mut SimKernel, tid: Tid, path: &str, follow: bool) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, follow)?;
    Ok(Ret::Stat(shown(&view, kernel.stat(loc))))
}

/// With its owners as the caller's user namespace names them.
pub(super) fn shown(view: &View, stat: Stat) -> Stat {
    let (uid, gid) = (view.space.shown(IdKind::User, stat.uid), view.space.shown(IdKind::Group, stat.gid));
    Stat { uid, gid, ..stat }
}

pub(super) fn readlink(kernel: &mut SimKernel, tid: Tid, path: &str) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, false)?;
    if kernel.stat(loc).kind != FileKind::Symlink {
        return Err(Errno::EINVAL);
    }
    kernel.may_follow(&view, loc)?;
    if let Some(target) = kernel.ns_link(loc) {
        kernel.namespaces.see(target);
    }
    // A link of procfs whose process has no such thing (a zombie's exe).
    kernel.link_text(&view, loc).map(Ret::Text).ok_or(Errno::ENOENT)
}

pub(super) fn access(kernel: &mut SimKernel, tid: Tid, path: &str, mode: u32) -> Done {
    let view = kernel.view(tid)?.of_real_ids();
    if mode > 7 {
        return Err(Errno::EINVAL);
    }
    let loc = kernel.find(&view, path, true)?;
    let stat = kernel.stat(loc);
    if mode & WRITE != 0 && loc.fs == NSFS {
        return Err(Errno::EPERM);
    }
    kernel.permission(&view, loc, mode)?;
    let special = matches!(stat.kind, FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo);
    if mode & WRITE != 0 && !special {
        kernel.want_write(loc)?;
    }
    Ok(Ret::Ok)
}

pub(super) fn chmod(kernel: &mut SimKernel, tid: Tid, path: &str, mode: u32, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, true)?;
    kernel.want_write(loc)?;
    if !view.owns(&kernel.stat(loc)) {
        return Err(Errno::EPERM);
    }
    let in_group = view.cred.is_in_group(kernel.stat(loc).gid);
    let keeps_group = in_group || view.is_capable_of(&kernel.stat(loc), Capability::CAP_FSETID);
    // chmod(2): the set-group-ID bit is for who is in the group.
    let mode = mode & if keeps_group { 0o7777 } else { 0o5777 };
    change(kernel, tid, loc, Change { mode: Some(mode), ..Change::default() }, fx)?;
    let path = path_at(kernel, tid, path, loc);
    kernel.tell(tid, Happening::ModeChanged { path, mode }, fx);
    Ok(Ret::Ok)
}

pub(super) fn chown(
    kernel: &mut SimKernel,
    tid: Tid,
    path: &str,
    (uid, gid): (Option<u32>, Option<u32>),
    follow: bool,
    fx: &mut Effects,
) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, follow)?;
    kernel.want_write(loc)?;
    let stat = kernel.stat(loc);
    let id = |kind, said: Option<u32>| said.map(|said| view.space.id(kind, said).ok_or(Errno::EINVAL)).transpose();
    let (uid, gid) = (id(IdKind::User, uid)?, id(IdKind::Group, gid)?);
    // fs/attr.c, chown_ok and chgrp_ok: an owner may give a file to a group of theirs.
    let own = stat.uid == view.cred.uid.effective;
    let gives = uid.is_some_and(|uid| !own || uid != stat.uid);
    let takes = gid.is_some_and(|gid| !own || (gid != stat.gid && !view.cred.is_in_group(gid)));
    if (gives || takes) && !view.is_capable_of(&stat, Capability::CAP_CHOWN) {
        return Err(Errno::EPERM);
    }
    // chown(2): the set-user-ID bit goes, and the set-group-ID bit of what its group may execute; not a directory's.
    let mode = match stat.kind {
        FileKind::Dir | FileKind::Symlink => None,
        _ if stat.mode & 0o010 != 0 => Some(stat.mode & !0o6000),
        _ => Some(stat.mode & !0o4000),
    };
    change(kernel, tid, loc, Change { mode, uid, gid, mtime_s: None }, fx)?;
    Ok(Ret::Ok)
}

pub(super) fn utimens(
    kernel: &mut SimKernel,
    tid: Tid,
    path: &str,
    mtime_s: Option<i64>,
    follow: bool,
    fx: &mut Effects,
) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, follow)?;
    kernel.want_write(loc)?;
    let stat = kernel.stat(loc);
    match mtime_s {
        Some(_) if !view.owns(&stat) => return Err(Errno::EPERM),
        None if !view.owns(&stat) && !view.may(&stat, WRITE) => return Err(Errno::EACCES),
        _ => {}
    }
    let mtime_s = Some(mtime_s.unwrap_or(SCENARIO_EPOCH_S));
    change(kernel, tid, loc, Change { mtime_s, ..Change::default() }, fx)?;
    Ok(Ret::Ok)
}

pub(super) fn truncate(kernel: &mut SimKernel, tid: Tid, path: &str, len: u64, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, true)?;
    let stat = kernel.stat(loc);
    match stat.kind {
        FileKind::Dir => return Err(Errno::EISDIR),
        FileKind::File => {}
        _ => return Err(Errno::EINVAL),
    }
    kernel.want_write(loc)?;
    if !view.may(&stat, WRITE) {
        return Err(Errno::EACCES);
    }
    if matches!(kernel.fs(loc.fs), Fs::Proc(_) | Fs::Ns) {
        return Err(Errno::EPERM);
    }
    if matches!(kernel.fs(loc.fs), Fs::Cgroup(_)) {
        // A length is not kept (fs/kernfs/inode.c, kernfs_iop_setattr).
        return if kernel.cgroups.is_guarded(loc.ino) { Err(Errno::EACCES) } else { Ok(Ret::Ok) };
    }
    // What it grows by has no pages yet.
    kernel.object_of(loc);
    let mut notes = Notes::new();
    let mut fs = kernel.fs_mut(loc.fs);
    fs.prepare_write(loc.ino, false, &mut notes);
    let done = fs.truncate(loc.ino, len);
    kernel.cut_pages(loc, len);
    kernel.pay_for_copies(tid, loc, &notes, fx)?;
    notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    done?;
    let path = path_at(kernel, tid, path, loc);
    kernel.tell(tid, Happening::Wrote { path }, fx);
    Ok(Ret::Ok)
}

pub(super) fn chdir(kernel: &mut SimKernel, tid: Tid, path: &str) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, path, true)?;
    let stat = kernel.stat(loc);
    if stat.kind != FileKind::Dir {
        return Err(Errno::ENOTDIR);
    }
    if !view.may(&stat, EXEC) {
        return Err(Errno::EACCES);
    }
    if let Some(process) = kernel.process_mut(tid) {
        process.cwd = loc;
    }
    Ok(Ret::Ok)
}

pub(super) fn getcwd(kernel: &SimKernel, tid: Tid) -> Done {
    let view = kernel.view(tid)?;
    // What chroot(2) or umount(2) left outside is told so (getcwd(2), "(unreachable)").
    let (path, reached) = kernel.path_from(&view, view.cwd).ok_or(Errno::ENOENT)?;
    Ok(Ret::Text(if reached { path } else { format!("(unreachable){path}") }))
}

fn change(kernel: &mut SimKernel, tid: Tid, loc: Loc, change: Change, fx: &mut Effects) -> Result<(), Errno> {
    let inode = kernel.filesystems.inode(loc.fs, loc.ino);
    let native = inode.is_some_and(|inode| matches!(inode.node, Node::Native));
    if matches!(kernel.fs(loc.fs), Fs::Proc(_) | Fs::Ns) || native {
        return Err(Errno::EPERM);
    }
    if matches!(kernel.fs(loc.fs), Fs::Cgroup(_)) {
        kernel.cgroups.change(loc.ino, change);
        return Ok(());
    }
    let mut notes = Notes::new();
    kernel.fs_mut(loc.fs).change(loc.ino, change, &mut notes);
    notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    Ok(())
}

fn path_at(kernel: &SimKernel, tid: Tid, path: &str, loc: Loc) -> String {
    let Ok(view) = kernel.view(tid) else { return path.to_owned() };
    if kernel.stat(loc).kind == FileKind::Dir {
        return kernel.path_of(&view, loc).unwrap_or_else(|| path.to_owned());
    }
    if path.starts_with('/') { path.to_owned() } else { kernel.path_in(&view, view.cwd, path) }
}
