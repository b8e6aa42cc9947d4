//! System calls, one room for each group. Here is only who carries out what, and what a blocked call waits for.

mod attributes;
mod credentials;
pub(in crate::kernel) mod fresh;
mod io;
pub(super) mod ipc;
mod memory;
mod mounts;
mod names;
mod namespaces;
mod open;
mod processes;
mod roots;
mod seccomp;
mod signals;

pub(super) use namespaces::{may_unshare, unshare};

use super::SimKernel;
use super::process::Waiting;
use super::wait::Wanted;
use crate::call::{AT_FDCWD, Errno, Ret, Sys, Tid, WaitStatus};
use crate::node::Effects;

/// How a call ended.
pub(super) enum Made {
    Ret(Ret),
    Became,
    Wait(Waiting),
    /// The caller has ended.
    Ended,
}

type Done = Result<Ret, Errno>;

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, sys: &Sys, fx: &mut Effects) -> Made {
    if seccomp::refuses(sys) && kernel.is_filtered(tid) {
        return Made::Ret(Ret::Err(Errno::EPERM));
    }
    match sys {
        Sys::Read { fd, len } => io::read(kernel, tid, *fd, *len, fx),
        Sys::Write { fd, data } => io::write(kernel, tid, *fd, data, fx),
        Sys::Exec { path, argv, env } => match kernel.exec(tid, path, argv, env, fx) {
            Ok(()) => Made::Became,
            Err(error) => Made::Ret(Ret::Err(error)),
        },
        Sys::Wait { pid, nohang } => wait(kernel, tid, Wanted::wait4(*pid, *nohang), fx),
        Sys::WaitId { which, options } => wait(kernel, tid, Wanted::waitid(*which, *options), fx),
        Sys::SigWait { signals } => signals::sigwait(kernel, tid, signals),
        Sys::Touch { map, offset, len } => memory::touch(kernel, tid, *map, *offset, *len, fx),
        Sys::Exit { code } => {
            kernel.end(tid, WaitStatus::Exited(code & 0xff), fx);
            Made::Ended
        }
        other => Made::from(at_once(kernel, tid, other, fx)),
    }
}

fn wait(kernel: &mut SimKernel, tid: Tid, wanted: Wanted, fx: &mut Effects) -> Made {
    match kernel.wait(tid, wanted, fx) {
        Some(done) => Made::from(done),
        None => Made::Wait(Waiting::Child(wanted)),
    }
}

/// Goes on with a blocked call: `None` if it still has to wait.
pub(super) fn resume(kernel: &mut SimKernel, tid: Tid, waiting: Waiting, fx: &mut Effects) -> Option<Ret> {
    let made = match waiting {
        Waiting::Read { ofd, len } => io::read_from(kernel, tid, ofd, len, fx),
        Waiting::Write { ofd, data, done } => io::write_to(kernel, tid, ofd, data, done, fx),
        Waiting::Child(wanted) => return kernel.wait(tid, wanted, fx).map(answer),
        Waiting::Signal(wanted) => signals::take_signal(kernel, tid, wanted),
        Waiting::Memory(part) => kernel.fault_in(tid, part, fx),
        Waiting::ToMake(_) | Waiting::ToGet(_) | Waiting::Nothing => None?,
    };
    match made {
        Made::Ret(ret) => Some(ret),
        Made::Wait(waiting) => {
            if let Some(process) = kernel.process_mut(tid).filter(|process| process.is_alive()) {
                process.state = super::process::State::Blocked(waiting);
            }
            None
        }
        Made::Became | Made::Ended => None,
    }
}

/// Calls that never wait.
fn at_once(kernel: &mut SimKernel, tid: Tid, sys: &Sys, fx: &mut Effects) -> Done {
    match sys {
        Sys::Open { path, flags, mode } => {
            open::open(kernel, tid, &open::How { dir: AT_FDCWD, path, flags: *flags, mode: *mode, resolve: None }, fx)
        }
        Sys::Openat { dir, path, flags, mode, resolve } => {
            open::open(kernel, tid, &open::How { dir: *dir, path, flags: *flags, mode: *mode, resolve: *resolve }, fx)
        }
        Sys::Close { fd } => kernel.close_fd(tid, *fd).map(|()| Ret::Ok),
        Sys::Dup2 { from, to } => open::dup2(kernel, tid, *from, *to),
        Sys::DupFrom { fd, min } => open::dup_from(kernel, tid, *fd, *min),
        Sys::Pipe => open::pipe(kernel, tid),
        Sys::Isatty { fd } => open::isatty(kernel, tid, *fd),
        Sys::Seek { fd, offset, whence } => io::seek(kernel, tid, *fd, *offset, *whence),
        Sys::Getdents { fd } => io::getdents(kernel, tid, *fd),
        Sys::Fstat { fd } => io::fstat(kernel, tid, *fd),
        Sys::Stat { path, follow } => attributes::stat(kernel, tid, path, *follow),
        Sys::Readlink { path } => attributes::readlink(kernel, tid, path),
        Sys::Access { path, mode } => attributes::access(kernel, tid, path, *mode),
        Sys::Chmod { path, mode } => attributes::chmod(kernel, tid, path, *mode, fx),
        Sys::Chown { path, uid, gid, follow } => attributes::chown(kernel, tid, path, (*uid, *gid), *follow, fx),
        Sys::Utimens { path, mtime_s, follow } => attributes::utimens(kernel, tid, path, *mtime_s, *follow, fx),
        Sys::Truncate { path, len } => attributes::truncate(kernel, tid, path, *len, fx),
        Sys::Mkdir { path, mode } => names::mkdir(kernel, tid, path, *mode, fx),
        Sys::Rmdir { path } => names::rmdir(kernel, tid, path, fx),
        Sys::Unlink { path } => names::unlink(kernel, tid, path, fx),
        Sys::Rename { from, to } => names::rename(kernel, tid, from, to, fx),
        Sys::Link { from, to } => names::link(kernel, tid, from, to, fx),
        Sys::Symlink { target, path } => names::symlink(kernel, tid, target, path, fx),
        Sys::Chdir { path } => attributes::chdir(kernel, tid, path),
        Sys::Getcwd => attributes::getcwd(kernel, tid),
        Sys::Mount { source, target, fstype, flags, data } => {
            mounts::mount(kernel, tid, &mounts::Request { source, target, fstype, flags: *flags, data }, fx)
        }
        Sys::PivotRoot { new_root, put_old } => roots::pivot_root(kernel, tid, new_root, put_old, fx),
        Sys::Chroot { path } => roots::chroot(kernel, tid, path),
        Sys::Fchdir { fd } => roots::fchdir(kernel, tid, *fd),
        Sys::Mmap { len, shared, fd } => memory::mmap(kernel, tid, *len, *shared, *fd),
        Sys::Munmap { map } => memory::munmap(kernel, tid, *map),
        Sys::Umount { target, detach } => mounts::umount(kernel, tid, target, *detach, fx),
        Sys::Ipc(call) => ipc::make(kernel, tid, call),
        Sys::ClockAhead { boottime } => Ok(Ret::Int(kernel.clock_ahead_s(tid, *boottime))),
        other => processes::make(kernel, tid, other, fx),
    }
}

impl From<Done> for Made {
    fn from(done: Done) -> Made {
        Made::Ret(answer(done))
    }
}

fn answer(done: Done) -> Ret {
    done.unwrap_or_else(Ret::Err)
}
