//! What lies in an IPC namespace: System V objects by id and key, POSIX message queues by name.

use super::Done;
use super::names::{may_delete, owned};
use crate::call::{Errno, Ipc, IpcKind, OpenFlags, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::files::{FDS, Ofd, Opened};
use crate::kernel::namespace::NsId;
use crate::kernel::vfs::resolve::{EXEC, READ, WRITE};
use crate::kernel::vfs::{Fs, FsId, Inode, Loc, MountId, Notes, ROOT, Tree, View};
use std::sync::Arc;

/// Bytes of a name (NAME_MAX).
const NAME_BYTES: usize = 255;
/// The mount inside the kernel through which queues are opened.
const QUEUES: MountId = MountId(u32::MAX - 2);
/// What a queue's file says of an empty queue that nobody waits for (mq_overview(7)).
const EMPTY: &str = "QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n";

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, call: &Ipc) -> Done {
    let (kind, key, size, flags) = match call {
        Ipc::Shmget { key, size_bytes, flags } => (IpcKind::Shm, *key, *size_bytes, *flags),
        Ipc::Msgget { key, flags } => (IpcKind::Msg, *key, 0, *flags),
        Ipc::Semget { count, .. } if *count < 0 => return Err(Errno::EINVAL),
        Ipc::Semget { key, count, flags } => (IpcKind::Sem, *key, count.unsigned_abs().into(), *flags),
        Ipc::Remove { kind, id } => return kernel.ipc_remove(tid, *kind, *id).map(|()| Ret::Ok),
        Ipc::MqOpen { name, flags, mode } => return open(kernel, tid, name, *flags, *mode),
        Ipc::MqUnlink { name } => return unlink(kernel, tid, name),
    };
    kernel.ipc_get(tid, kind, key, size, flags).map(|id| Ret::Int(id.into()))
}

/// The file system of a namespace's queues; it lives as long as the namespace.
pub(in crate::kernel) fn queues(kernel: &mut SimKernel, ns: NsId) -> FsId {
    if let Some(fs) = kernel.ipc.get(&ns).and_then(|space| space.queues) {
        return fs;
    }
    let fs = kernel.add_fs(Fs::Tree(Arc::new(Tree::new(0o1777))));
    Arc::make_mut(kernel.ipc.get_or_insert_with(ns, Default::default)).queues = Some(fs);
    fs
}

fn root(kernel: &mut SimKernel, tid: Tid) -> Result<Loc, Errno> {
    let ns = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.ipc;
    Ok(Loc { mount: QUEUES, fs: queues(kernel, ns), ino: ROOT })
}

/// As ipc/mqueue.c looks names up: one, of a file.
fn check(name: &str) -> Result<(), Errno> {
    match name {
        "" => Err(Errno::ENOENT),
        "." | ".." => Err(Errno::EACCES),
        name if name.contains('/') => Err(Errno::EACCES),
        name if name.len() > NAME_BYTES => Err(Errno::ENAMETOOLONG),
        _ => Ok(()),
    }
}

fn open(kernel: &mut SimKernel, tid: Tid, name: &str, flags: OpenFlags, mode: u32) -> Done {
    let view = kernel.view(tid)?;
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    if process.lowest_free_fd(0) >= FDS {
        return Err(Errno::EMFILE);
    }
    let umask = process.umask;
    check(name)?;
    let dir = root(kernel, tid)?;
    let ino = match kernel.fs_mut(dir.fs).lookup(ROOT, name) {
        Some(_) if flags.create && flags.excl => return Err(Errno::EEXIST),
        Some(ino) => {
            let write = if flags.write { WRITE } else { 0 };
            let read = if flags.read || !flags.write { READ } else { 0 };
            may(kernel, &view, Loc { ino, ..dir }, read | write)?;
            ino
        }
        None if !flags.create => return Err(Errno::ENOENT),
        None => {
            may(kernel, &view, dir, WRITE | EXEC)?;
            let inode = owned(kernel, &view, dir, Inode::file(EMPTY.into(), mode & 0o777 & !umask));
            kernel.fs_mut(dir.fs).create(ROOT, name, inode, &mut Notes::new())?
        }
    };
    let opened = Ofd { path: format!("/{name}").into(), ..Ofd::new(Opened::File(Loc { ino, ..dir }), true, false) };
    let ofd = kernel.files.add(opened);
    kernel.install(tid, ofd, 0, true).map(|fd| Ret::Int(fd.into()))
}

fn unlink(kernel: &mut SimKernel, tid: Tid, name: &str) -> Done {
    let view = kernel.view(tid)?;
    check(name)?;
    let dir = root(kernel, tid)?;
    let ino = kernel.fs_mut(dir.fs).lookup(ROOT, name).ok_or(Errno::ENOENT)?;
    let stat = kernel.stat(Loc { ino, ..dir });
    may_delete(kernel, &view, dir, &stat)?;
    kernel.fs_mut(dir.fs).remove(ROOT, name, &mut Notes::new());
    kernel.forget_if_unused(Loc { ino, ..dir });
    Ok(Ret::Ok)
}

fn may(kernel: &SimKernel, view: &View, loc: Loc, wanted: u32) -> Result<(), Errno> {
    if view.may(&kernel.stat(loc), wanted) { Ok(()) } else { Err(Errno::EACCES) }
}
