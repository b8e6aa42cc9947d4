//! System V IPC and POSIX message queues: all of it lies in the node's own IPC namespaces.

use super::calls::{Answer, int, ok};
use crate::os;
use engine::call::{Ipc, IpcFlags, IpcKind, OpenFlags};

pub(super) fn call(call: Ipc) -> Answer {
    // SAFETY: no memory is passed but names, NUL-terminated strings that outlive their call.
    unsafe {
        match call {
            Ipc::Shmget { key, size_bytes, flags } => int(libc::shmget(key, size_bytes as usize, bits(flags))),
            Ipc::Msgget { key, flags } => int(libc::msgget(key, bits(flags))),
            Ipc::Semget { key, count, flags } => int(libc::semget(key, count, bits(flags))),
            Ipc::Remove { kind: IpcKind::Shm, id } => ok(libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut())),
            Ipc::Remove { kind: IpcKind::Msg, id } => ok(libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut())),
            Ipc::Remove { kind: IpcKind::Sem, id } => ok(libc::semctl(id, 0, libc::IPC_RMID)),
            Ipc::MqOpen { name, flags, mode } => {
                let name = os::c(name)?;
                // The calls themselves: the library checks names by rules of its own.
                int(libc::syscall(libc::SYS_mq_open, name.as_ptr(), open_bits(flags), mode, 0) as i64)
            }
            Ipc::MqUnlink { name } => ok(libc::syscall(libc::SYS_mq_unlink, os::c(name)?.as_ptr()) as i32),
        }
    }
}

fn bits(flags: IpcFlags) -> i32 {
    let create = if flags.create { libc::IPC_CREAT } else { 0 };
    let excl = if flags.excl { libc::IPC_EXCL } else { 0 };
    create | excl | (flags.mode & 0o777) as i32
}

fn open_bits(flags: OpenFlags) -> i32 {
    let access = match (flags.read, flags.write) {
        (true, true) => libc::O_RDWR,
        (false, true) => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    let create = if flags.create { libc::O_CREAT } else { 0 };
    access | create | if flags.excl { libc::O_EXCL } else { 0 }
}
