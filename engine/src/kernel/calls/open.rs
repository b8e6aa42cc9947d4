//! open(2), dup2(2), pipe(2) and who has which descriptor.

use super::Done;
use crate::call::{AT_FDCWD, Errno, Fd, FileKind, OpenFlags, Resolve, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::files::{FDS, Ofd, Opened};
use crate::kernel::nsfs::NSFS;
use crate::kernel::process::Handle;
use crate::kernel::procfs;
use crate::kernel::userns::{IdFile, Opener};
use crate::kernel::vfs::resolve::{READ, WRITE, Walked};
use crate::kernel::vfs::{Fs, Inode, Last, Loc, Notes, View};
use crate::node::{Effects, Happening};
use std::sync::Arc;

/// What openat2(2) takes.
pub(super) struct How<'a> {
    pub dir: Fd,
    pub path: &'a str,
    pub flags: OpenFlags,
    pub mode: u32,
    /// `None`: openat(2).
    pub resolve: Option<Resolve>,
}

pub(super) fn open(kernel: &mut SimKernel, tid: Tid, how: &How<'_>, fx: &mut Effects) -> Done {
    let (path, mode) = (how.path, how.mode);
    let flags = flags(how)?;
    if kernel.process(tid).is_some_and(|process| process.lowest_free_fd(0) >= FDS) {
        return Err(Errno::EMFILE);
    }
    let view = start(kernel, tid, how)?;
    if flags.path {
        let loc = kernel.find(&view, path, !flags.nofollow)?;
        return place(kernel, &view, path, loc, flags);
    }
    let (loc, created) = if flags.create {
        find_or_create(kernel, &view, path, flags, mode, fx)?
    } else {
        (kernel.find(&view, path, !flags.nofollow)?, false)
    };
    let read = flags.read || !flags.write;
    if !created {
        check(kernel, &view, loc, flags, read)?;
    }
    let device = matches!(kernel.stat(loc).kind, FileKind::CharDevice | FileKind::BlockDevice);
    if device && kernel.mounts.get(loc.mount).is_some_and(|mount| mount.attrs.nodev) {
        return Err(Errno::EACCES);
    }
    let what = what_is_opened(kernel, loc)?;
    let path = opened_path(kernel, &view, path, loc);
    if let Opened::File(loc) = what
        && (flags.write || flags.truncate)
        && !matches!(kernel.fs(loc.fs), Fs::Proc(_) | Fs::Cgroup(_))
    {
        let mut notes = Notes::new();
        let mut fs = kernel.fs_mut(loc.fs);
        fs.prepare_write(loc.ino, flags.truncate, &mut notes);
        if flags.truncate && !created {
            fs.truncate(loc.ino, 0)?;
            kernel.cut_pages(loc, 0);
        }
        kernel.pay_for_copies(tid, loc, &notes, fx)?;
        notes.into_iter().for_each(|note| kernel.tell(tid, note, fx));
    }
    let id_file = matches!(kernel.fs(loc.fs), Fs::Proc(_)).then(|| procfs::id_file(kernel, loc.ino)).flatten();
    let user = kernel.process(tid).map(|process| process.ns.user);
    let opener = id_file.zip(user).map(|((_, of), user)| Arc::new(Opener { cred: view.cred.clone(), user, of }));
    let ofd = Ofd { append: flags.append, path: path.into(), opener, ..Ofd::new(what, read, flags.write) };
    let ofd = kernel.files.add(ofd);
    kernel.install(tid, ofd, 0, flags.cloexec).map(|fd| Ret::Int(i64::from(fd)))
}

/// As build_open_flags of fs/open.c takes them.
fn flags(how: &How<'_>) -> Result<OpenFlags, Errno> {
    let flags = OpenFlags { write: how.flags.write || how.flags.append, ..how.flags };
    if let Some(resolve) = how.resolve {
        let made = flags.create || how.mode == 0;
        let placed = !flags.path || !(flags.create || flags.excl || flags.truncate || how.flags.append || flags.write);
        if !made || !placed || (resolve.beneath && resolve.in_root) {
            return Err(Errno::EINVAL);
        }
    }
    if flags.path {
        let OpenFlags { directory, nofollow, cloexec, .. } = flags;
        return Ok(OpenFlags { path: true, directory, nofollow, cloexec, ..OpenFlags::default() });
    }
    if flags.create && flags.directory { Err(Errno::EINVAL) } else { Ok(flags) }
}

/// From where, and by what ways, the path is looked up (fs/namei.c, path_init).
fn start(kernel: &SimKernel, tid: Tid, how: &How<'_>) -> Result<View, Errno> {
    let view = kernel.view(tid)?;
    let resolve = how.resolve.unwrap_or_default();
    let scoped = resolve.beneath || resolve.in_root;
    let absolute = how.path.starts_with('/');
    if how.path.is_empty() || (absolute && !resolve.in_root) {
        return Ok(View { resolve, ..view });
    }
    let from = match how.dir {
        AT_FDCWD => view.cwd,
        fd => {
            let ofd = kernel.ofd_of(tid, fd)?;
            kernel.files.get(ofd).and_then(Ofd::loc).ok_or(Errno::ENOTDIR)?
        }
    };
    if kernel.stat(from).kind != FileKind::Dir {
        return Err(Errno::ENOTDIR);
    }
    Ok(View { cwd: from, root: if scoped { from } else { view.root }, resolve, ..view })
}

/// O_PATH: a descriptor of where something is; its permissions are not asked.
fn place(kernel: &mut SimKernel, view: &View, path: &str, loc: Loc, flags: OpenFlags) -> Done {
    let is_dir = kernel.stat(loc).kind == FileKind::Dir;
    if flags.directory && !is_dir {
        return Err(Errno::ENOTDIR);
    }
    let path = opened_path(kernel, view, path, loc);
    let what = if is_dir { Opened::Dir(loc) } else { Opened::File(loc) };
    let ofd = kernel.files.add(Ofd { path_only: true, path: path.into(), ..Ofd::new(what, false, false) });
    kernel.install(view.tid, ofd, 0, flags.cloexec).map(|fd| Ret::Int(i64::from(fd)))
}

fn find_or_create(
    kernel: &mut SimKernel,
    view: &View,
    path: &str,
    flags: OpenFlags,
    mode: u32,
    fx: &mut Effects,
) -> Result<(Loc, bool), Errno> {
    let walked = kernel.find_or_name(view, path, !flags.excl && !flags.nofollow)?;
    if walked.slash && matches!(walked.last, Last::Name(_)) {
        return Err(Errno::EISDIR);
    }
    match walked.node {
        Some(_) if flags.excl => Err(Errno::EEXIST),
        Some(loc) if kernel.stat(loc).kind == FileKind::Dir => Err(Errno::EISDIR),
        Some(loc) => Ok((loc, false)),
        None => create(kernel, view, &walked, mode, fx).map(|loc| (loc, true)),
    }
}

fn create(kernel: &mut SimKernel, view: &View, walked: &Walked, mode: u32, fx: &mut Effects) -> Result<Loc, Errno> {
    let Last::Name(name) = &walked.last else { return Err(Errno::EISDIR) };
    kernel.want_write(walked.dir)?;
    super::names::may_change(kernel, view, walked.dir)?;
    if matches!(kernel.fs(walked.dir.fs), Fs::Cgroup(_)) {
        // It has no create operation (fs/namei.c, lookup_open).
        return Err(Errno::EACCES);
    }
    let umask = kernel.process(view.tid).map_or(0o022, |process| process.umask);
    let inode = super::names::owned(kernel, view, walked.dir, Inode::file(Vec::new(), mode & 0o7777 & !umask));
    let mut notes = Notes::new();
    let ino = kernel.fs_mut(walked.dir.fs).create(walked.dir.ino, name, inode, &mut notes)?;
    notes.into_iter().for_each(|note| kernel.tell(view.tid, note, fx));
    let path = kernel.path_in(view, walked.dir, name);
    kernel.tell(view.tid, Happening::Created { path }, fx);
    Ok(Loc { ino, ..walked.dir })
}

/// may_open and what comes before it (fs/namei.c).
fn check(kernel: &SimKernel, view: &View, loc: Loc, flags: OpenFlags, read: bool) -> Result<(), Errno> {
    let stat = kernel.stat(loc);
    match stat.kind {
        FileKind::Symlink if flags.directory => return Err(Errno::ENOTDIR),
        FileKind::Symlink => return Err(Errno::ELOOP),
        FileKind::Dir if flags.write || flags.truncate => return Err(Errno::EISDIR),
        kind if flags.directory && kind != FileKind::Dir => return Err(Errno::ENOTDIR),
        _ => {}
    }
    let is_file = stat.kind == FileKind::File;
    if flags.truncate && is_file {
        kernel.want_write(loc)?;
    }
    let wanted = if read { READ } else { 0 } | if flags.write || (flags.truncate && is_file) { WRITE } else { 0 };
    if wanted & WRITE != 0 && loc.fs == NSFS {
        return Err(Errno::EPERM);
    }
    if !view.may(&stat, wanted) {
        return Err(Errno::EACCES);
    }
    if flags.write && is_file {
        kernel.want_write(loc)?;
        if matches!(kernel.fs(loc.fs), Fs::Proc(_)) {
            may_set(kernel, view, loc)?;
        }
        if matches!(kernel.fs(loc.fs), Fs::Cgroup(_)) && kernel.cgroups.is_guarded(loc.ino) {
            return Err(Errno::EACCES);
        }
    }
    kernel.may_follow(view, loc)
}

/// Through /proc guests set the ids of user namespaces and what a namespace of theirs has in /proc/sys, and nothing else,
/// on either kernel.
fn may_set(kernel: &SimKernel, view: &View, loc: Loc) -> Result<(), Errno> {
    match procfs::id_file(kernel, loc.ino) {
        Some((IdFile::Map(_), _)) => Ok(()),
        Some((IdFile::Setgroups, ns)) if kernel.is_admin(view.tid, ns) => Ok(()),
        None if procfs::is_writable(loc.ino) => Ok(()),
        _ => Err(Errno::EACCES),
    }
}

fn what_is_opened(kernel: &SimKernel, loc: Loc) -> Result<Opened, Errno> {
    let stat = kernel.stat(loc);
    match (stat.kind, stat.rdev) {
        (FileKind::File, _) => Ok(Opened::File(loc)),
        (FileKind::Dir, _) => Ok(Opened::Dir(loc)),
        (FileKind::CharDevice, (1, 3)) => Ok(Opened::Null),
        (FileKind::CharDevice, (1, 5)) => Ok(Opened::Zero),
        (FileKind::CharDevice, (1, 7)) => Ok(Opened::Full),
        (FileKind::CharDevice, (1, 8 | 9)) => Ok(Opened::Random),
        // No driver; no controlling terminal (tty(4)); no fifos or sockets are modelled.
        _ => Err(Errno::ENXIO),
    }
}

/// The absolute path at which a file was opened, for what is told of it later.
fn opened_path(kernel: &SimKernel, view: &View, path: &str, loc: Loc) -> String {
    let parent = match kernel.fs(loc.fs) {
        Fs::Cgroup(_) => kernel.cgroups.parent_of(loc.ino),
        fs => fs.parent(loc.ino),
    };
    match parent {
        Some((dir, name)) => kernel.path_in(view, Loc { ino: dir, ..loc }, &name),
        None if path.starts_with('/') => path.to_owned(),
        None => kernel.path_in(view, view.cwd, path),
    }
}

pub(super) fn dup2(kernel: &mut SimKernel, tid: Tid, from: Fd, to: Fd) -> Done {
    let ofd = kernel.ofd_of(tid, from)?;
    if !(0..FDS).contains(&to) {
        return Err(Errno::EBADF);
    }
    if from != to {
        let _ = kernel.close_fd(tid, to);
        if let Some(process) = kernel.process_mut(tid) {
            process.fds.insert(to, Handle { ofd, cloexec: false });
        }
        kernel.files.refer(ofd);
    }
    Ok(Ret::Int(i64::from(to)))
}

pub(super) fn dup_from(kernel: &mut SimKernel, tid: Tid, fd: Fd, min: Fd) -> Done {
    let ofd = kernel.ofd_of(tid, fd)?;
    if !(0..FDS).contains(&min) {
        return Err(Errno::EINVAL);
    }
    kernel.install(tid, ofd, min, false).map(|fd| Ret::Int(i64::from(fd)))
}

pub(super) fn pipe(kernel: &mut SimKernel, tid: Tid) -> Done {
    let pipe = kernel.files.add_pipe();
    let read = kernel.files.add(Ofd::new(Opened::PipeRead(pipe), true, false));
    let write = kernel.files.add(Ofd::new(Opened::PipeWrite(pipe), false, true));
    let installed = kernel.install(tid, read, 0, false).and_then(|r| Ok((r, kernel.install(tid, write, 0, false)?)));
    match installed {
        Ok((read, write)) => Ok(Ret::Pipe { read, write }),
        Err(error) => {
            let first = kernel.process(tid).and_then(|p| p.fds.iter().find(|(_, h)| h.ofd == read).map(|(fd, _)| *fd));
            match first {
                Some(fd) => kernel.close_fd(tid, fd)?,
                None => kernel.drop_ofd(read),
            }
            kernel.drop_ofd(write);
            Err(error)
        }
    }
}

pub(super) fn isatty(kernel: &SimKernel, tid: Tid, fd: Fd) -> Done {
    let ofd = kernel.ofd_of(tid, fd)?;
    match kernel.files.get(ofd).map(|ofd| ofd.what) {
        Some(Opened::Stdin(job)) if kernel.jobs.get(&job).is_some_and(|job| job.stdin.console) => Ok(Ret::Int(1)),
        _ => Err(Errno::ENOTTY),
    }
}
