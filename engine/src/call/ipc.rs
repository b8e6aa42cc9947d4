//! Of the vocabulary: System V IPC (sysvipc(7)) and POSIX message queues (mq_overview(7)).

use super::OpenFlags;
use serde::{Deserialize, Serialize};

/// A call about what lies in an IPC namespace. `…get` answers the id, `MqOpen` a descriptor, the others nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ipc {
    /// shmget(2). Key 0 is IPC_PRIVATE, here and below.
    Shmget { key: i32, size_bytes: u64, flags: IpcFlags },
    /// msgget(2).
    Msgget { key: i32, flags: IpcFlags },
    /// semget(2).
    Semget { key: i32, count: i32, flags: IpcFlags },
    /// IPC_RMID of shmctl(2), msgctl(2) or semctl(2).
    Remove { kind: IpcKind, id: i32 },
    /// mq_open(2), whose name has no slash: the library takes that away.
    MqOpen { name: String, flags: OpenFlags, mode: u32 },
    /// mq_unlink(2).
    MqUnlink { name: String },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpcFlags {
    pub create: bool,
    pub excl: bool,
    pub mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IpcKind {
    Shm,
    Msg,
    Sem,
}
