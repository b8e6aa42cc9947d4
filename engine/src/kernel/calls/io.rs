//! read(2), write(2), lseek(2), getdents64(2), fstat(2): what is done with an open file description.

use super::{Done, Made};
use crate::call::{Errno, Fd, FileKind, IO_LIMIT_BYTES, Ret, SCENARIO_EPOCH_S, Signal, Stat, Tid, Whence};
use crate::kernel::SimKernel;
use crate::kernel::files::{Ofd, OfdId, Opened, PipeId};
use crate::kernel::nsfs::NSFS;
use crate::kernel::process::Waiting;
use crate::kernel::userns::{IdFile, Opener};
use crate::kernel::vfs::{Fs, Loc, Node};
use crate::kernel::{lifecycle::INIT, procfs};
use crate::node::{Effects, Happening};
use std::sync::Arc;

/// What seq_file holds at once.
const PAGE_BYTES: usize = 4096;

pub(super) fn read(kernel: &mut SimKernel, tid: Tid, fd: Fd, len: u32, fx: &mut Effects) -> Made {
    match kernel.ofd_of(tid, fd) {
        Ok(ofd) => read_from(kernel, tid, ofd, (len as usize).min(IO_LIMIT_BYTES), fx),
        Err(error) => Made::Ret(Ret::Err(error)),
    }
}

pub(super) fn read_from(kernel: &mut SimKernel, tid: Tid, id: OfdId, len: usize, fx: &mut Effects) -> Made {
    let Some(ofd) = kernel.files.get(id).filter(|ofd| ofd.read) else { return Made::Ret(Ret::Err(Errno::EBADF)) };
    let data = match ofd.what {
        Opened::Null => Vec::new(),
        Opened::Zero | Opened::Full => vec![0; len],
        Opened::Random => {
            let mut bytes = vec![0; len];
            kernel.random.fill(&mut bytes);
            bytes
        }
        Opened::File(loc) if loc.fs == NSFS => return Made::Ret(Ret::Err(Errno::EINVAL)),
        Opened::File(loc) => {
            let offset = ofd.offset;
            if let Err(error) = kernel.pay_for_read(tid, loc, offset, len as u64, fx) {
                return Made::Ret(Ret::Err(error));
            }
            let Some(ofd) = kernel.files.get(id) else { return Made::Ret(Ret::Err(Errno::EBADF)) };
            let data = match read_file(kernel, tid, ofd, loc, len) {
                Ok(data) => data,
                Err(error) => return Made::Ret(Ret::Err(error)),
            };
            if let Some(ofd) = kernel.files.get_mut(id) {
                ofd.offset += data.len() as u64;
            }
            data
        }
        Opened::Dir(_) => return Made::Ret(Ret::Err(Errno::EISDIR)),
        _ if len == 0 => Vec::new(),
        Opened::PipeRead(pipe) => match read_pipe(kernel, pipe, len) {
            Some(data) => data,
            None => return Made::Wait(Waiting::Read { ofd: id, len }),
        },
        Opened::Stdin(job) => match kernel.jobs.get_mut(&job) {
            Some(job) => match job.stdin.take(len) {
                Some(data) => data,
                None => return Made::Wait(Waiting::Read { ofd: id, len }),
            },
            // Its job has ended, and whoever fed it is gone.
            None => Vec::new(),
        },
        Opened::PipeWrite(_) | Opened::Output(..) => return Made::Ret(Ret::Err(Errno::EBADF)),
    };
    Made::Ret(Ret::Data(data))
}

fn read_file(kernel: &SimKernel, tid: Tid, ofd: &Ofd, loc: Loc, len: usize) -> Result<Vec<u8>, Errno> {
    let made_up;
    let bytes: &[u8] = match kernel.fs(loc.fs) {
        Fs::Proc(_) if let Some((opener, file)) = id_file(kernel, ofd, loc) => {
            made_up = kernel.id_file_text(file, opener).into_bytes();
            // A read gives whole lines, of at most a page (fs/seq_file.c).
            let start = usize::try_from(ofd.offset).unwrap_or(usize::MAX).min(made_up.len());
            let page = &made_up[..made_up.len().min(start + PAGE_BYTES)];
            let end = page.iter().rposition(|byte| *byte == b'\n').map_or(page.len(), |at| at + 1);
            &made_up[..end.max(start)]
        }
        Fs::Proc(ns) => {
            let view = kernel.view(tid).or_else(|_| kernel.view(INIT));
            made_up = view.and_then(|view| procfs::content(kernel, &view, *ns, loc.ino))?;
            &made_up
        }
        Fs::Cgroup(_) => {
            made_up = kernel.read_cgroup(tid, loc.ino)?;
            &made_up
        }
        _ => match kernel.filesystems.inode(loc.fs, loc.ino).map(|inode| &inode.node) {
            Some(Node::File(data)) => data,
            _ => &[],
        },
    };
    let start = usize::try_from(ofd.offset).unwrap_or(usize::MAX).min(bytes.len());
    Ok(bytes[start..bytes.len().min(start + len)].to_vec())
}

/// The map of ids that an open file is.
fn id_file<'a>(kernel: &SimKernel, ofd: &'a Ofd, loc: Loc) -> Option<(&'a Arc<Opener>, IdFile)> {
    ofd.opener.as_ref().zip(procfs::id_file(kernel, loc.ino).map(|(file, _)| file))
}

fn read_pipe(kernel: &mut SimKernel, id: PipeId, len: usize) -> Option<Vec<u8>> {
    let pipe = kernel.files.pipe(id)?;
    if pipe.is_empty() {
        return (pipe.writers == 0).then(Vec::new);
    }
    kernel.unsettled = true;
    Some(kernel.files.pipe_mut(id).read(len))
}

pub(super) fn write(kernel: &mut SimKernel, tid: Tid, fd: Fd, data: &[u8], fx: &mut Effects) -> Made {
    match kernel.ofd_of(tid, fd) {
        Ok(ofd) => write_to(kernel, tid, ofd, data[..data.len().min(IO_LIMIT_BYTES)].to_vec(), 0, fx),
        Err(error) => Made::Ret(Ret::Err(error)),
    }
}

/// Goes on writing `data` after its first `done` bytes.
pub(super) fn write_to(
    kernel: &mut SimKernel,
    tid: Tid,
    id: OfdId,
    data: Vec<u8>,
    done: usize,
    fx: &mut Effects,
) -> Made {
    let Some(ofd) = kernel.files.get(id).filter(|ofd| ofd.write) else { return Made::Ret(Ret::Err(Errno::EBADF)) };
    let written = match ofd.what {
        Opened::Null | Opened::Zero | Opened::Random => Ok(data.len()),
        Opened::Full => Err(Errno::ENOSPC),
        Opened::File(loc) => write_file(kernel, tid, id, loc, &data, fx),
        Opened::Output(job, stream) => {
            let len = data.len();
            fx.output.push((job, stream, data));
            Ok(len)
        }
        Opened::PipeWrite(pipe) => return write_pipe(kernel, tid, (id, pipe), data, done, fx),
        Opened::Dir(_) | Opened::PipeRead(_) | Opened::Stdin(_) => Err(Errno::EBADF),
    };
    Made::Ret(written.map_or_else(Ret::Err, |len| Ret::Int(len as i64)))
}

fn write_file(
    kernel: &mut SimKernel,
    tid: Tid,
    id: OfdId,
    loc: Loc,
    data: &[u8],
    fx: &mut Effects,
) -> Result<usize, Errno> {
    let Some(ofd) = kernel.files.get(id) else { return Err(Errno::EBADF) };
    if matches!(kernel.fs(loc.fs), Fs::Proc(_)) {
        let offset = ofd.offset;
        let (taken, moved) = match id_file(kernel, ofd, loc).map(|(opener, file)| (opener.clone(), file)) {
            Some((opener, file)) => {
                kernel.write_id_file(tid, file, &opener, offset, data)?;
                (data.len(), data.len() as u64)
            }
            None => procfs::set(kernel, tid, loc.ino, offset, data)?,
        };
        if let Some(ofd) = kernel.files.get_mut(id) {
            ofd.offset += moved;
        }
        return Ok(taken);
    }
    if matches!(kernel.fs(loc.fs), Fs::Cgroup(_)) {
        return write_cgroup(kernel, tid, id, loc, data, fx);
    }
    if kernel.is_queue(loc) {
        return Err(Errno::EINVAL);
    }
    let Some(ofd) = kernel.files.get(id) else { return Err(Errno::EBADF) };
    let end = kernel.filesystems.inode(loc.fs, loc.ino).map_or(0, |inode| inode.stat().size_bytes);
    let (offset, path) = (if ofd.append { end } else { ofd.offset }, ofd.path.to_string());
    if data.is_empty() {
        return Ok(0);
    }
    let paid = kernel.pay_for_write(tid, loc, offset, data.len() as u64, fx)? as usize;
    let data = &data[..paid];
    let written = kernel.fs_mut(loc.fs).write(loc.ino, offset, data)?;
    let first = kernel.files.get_mut(id).is_some_and(|ofd| {
        ofd.offset = offset + written as u64;
        !std::mem::replace(&mut ofd.wrote, true)
    });
    if first {
        kernel.tell(tid, Happening::Wrote { path }, fx);
    }
    Ok(written)
}

/// What is written to a group's file is an order, each write one.
fn write_cgroup(
    kernel: &mut SimKernel,
    tid: Tid,
    id: OfdId,
    loc: Loc,
    data: &[u8],
    fx: &mut Effects,
) -> Result<usize, Errno> {
    let view = kernel.view(tid)?;
    let written = kernel.write_cgroup(&view, loc.ino, data, fx)?;
    if let Some(ofd) = kernel.files.get_mut(id) {
        ofd.offset += written as u64;
        let path = ofd.path.to_string();
        kernel.tell(tid, Happening::Wrote { path }, fx);
    }
    Ok(written)
}

fn write_pipe(
    kernel: &mut SimKernel,
    tid: Tid,
    (id, pipe): (OfdId, PipeId),
    data: Vec<u8>,
    done: usize,
    fx: &mut Effects,
) -> Made {
    let readers = kernel.files.pipe(pipe).map_or(0, |pipe| pipe.readers);
    if readers == 0 && !data.is_empty() {
        kernel.post(tid, tid, Signal::SIGPIPE);
        kernel.deliver(tid, fx);
        return Made::Ret(if done > 0 { Ret::Int(done as i64) } else { Ret::Err(Errno::EPIPE) });
    }
    let taken = kernel.files.pipe_mut(pipe).write(&data[done..], done == 0);
    if taken > 0 {
        kernel.unsettled = true;
    }
    let done = done + taken;
    if done < data.len() {
        return Made::Wait(Waiting::Write { ofd: id, data, done });
    }
    Made::Ret(Ret::Int(done as i64))
}

pub(super) fn seek(kernel: &mut SimKernel, tid: Tid, fd: Fd, offset: i64, whence: Whence) -> Done {
    let id = kernel.ofd_of(tid, fd)?;
    let ofd = kernel.files.get(id).filter(|ofd| !ofd.path_only).ok_or(Errno::EBADF)?;
    let loc = match ofd.what {
        // A tmpfs has no end of a directory to seek from (fs/libfs.c, dcache_dir_lseek).
        Opened::Dir(_) if whence == Whence::End => return Err(Errno::EINVAL),
        Opened::File(loc) if loc.fs == NSFS => return Err(Errno::ESPIPE),
        Opened::File(loc) | Opened::Dir(loc) => loc,
        // Memory devices have no position; null and zero answer 0 (drivers/char/mem.c, null_lseek).
        Opened::Null | Opened::Zero | Opened::Full | Opened::Random => return Ok(Ret::Int(0)),
        _ => return Err(Errno::ESPIPE),
    };
    let base = match whence {
        Whence::Set => 0,
        Whence::Cur => ofd.offset as i64,
        Whence::End => kernel.filesystems.inode(loc.fs, loc.ino).map_or(0, |inode| inode.stat().size_bytes as i64),
    };
    let to = base.checked_add(offset).and_then(|to| u64::try_from(to).ok()).ok_or(Errno::EINVAL)?;
    if let Some(ofd) = kernel.files.get_mut(id) {
        ofd.offset = to;
    }
    Ok(Ret::Int(to as i64))
}

pub(super) fn getdents(kernel: &SimKernel, tid: Tid, fd: Fd) -> Done {
    let ofd = kernel.files.get(kernel.ofd_of(tid, fd)?).ok_or(Errno::EBADF)?;
    if ofd.path_only {
        return Err(Errno::EBADF);
    }
    let Opened::Dir(loc) = ofd.what else { return Err(Errno::ENOTDIR) };
    Ok(Ret::Dents(match kernel.fs(loc.fs) {
        Fs::Proc(ns) => procfs::names(kernel, *ns, loc.ino),
        Fs::Cgroup(_) => kernel.cgroups.names(loc.ino)?,
        fs if fs.is_dead(loc.ino) => return Err(Errno::ENOENT),
        _ => kernel.filesystems.names(loc.fs, loc.ino),
    }))
}

pub(super) fn fstat(kernel: &SimKernel, tid: Tid, fd: Fd) -> Done {
    let view = kernel.view(tid)?;
    let ofd = kernel.files.get(kernel.ofd_of(tid, fd)?).ok_or(Errno::EBADF)?;
    let device = |minor| Stat { kind: FileKind::CharDevice, mode: 0o666, rdev: (1, minor), ..NO_FILE };
    Ok(Ret::Stat(super::attributes::shown(
        &view,
        match ofd.what {
            Opened::File(loc) | Opened::Dir(loc) => kernel.stat(loc),
            Opened::Null => device(3),
            Opened::Zero => device(5),
            Opened::Full => device(7),
            Opened::Random => device(9),
            _ => NO_FILE,
        },
    )))
}

/// What fstat(2) says of a pipe.
const NO_FILE: Stat = Stat {
    kind: FileKind::Fifo,
    mode: 0o600,
    uid: 0,
    gid: 0,
    size_bytes: 0,
    nlink: 1,
    mtime_s: SCENARIO_EPOCH_S,
    rdev: (0, 0),
};
