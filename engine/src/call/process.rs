//! Of the vocabulary: what clone(2), waitid(2) and prctl(2) are told and answer.

use super::{Ambient, CloneFlags, Signal, WaitStatus};
use serde::{Deserialize, Serialize};

/// The flags of clone(2) that make no namespace. The exit signal is SIGCHLD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneWith {
    pub parent: bool,
    pub fs: bool,
    pub files: bool,
    pub sighand: bool,
    pub sysvsem: bool,
    pub thread: bool,
    pub vm: bool,
}

impl CloneWith {
    /// Flags that no caller may give together (kernel/fork.c, copy_process).
    pub fn conflicts(self, new: CloneFlags) -> bool {
        (self.fs && (new.mnt || new.user))
            || (self.thread && !self.sighand)
            || (self.sighand && !self.vm)
            || (self.thread && (new.user || new.pid))
            || new.time
    }

    /// A child that would share memory or tables with its parent: no program here is made for that, so the call is
    /// answered ENOSYS on both kernels. The kernel's own refusals come first.
    pub fn shares(self) -> bool {
        self.fs || self.files || self.sighand || self.thread || self.vm
    }
}

/// Whom waitid(2) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    All,
    Pid(i32),
    /// 0 is the caller's own process group.
    Group(i32),
}

/// The options of waitid(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitOptions {
    pub exited: bool,
    pub stopped: bool,
    pub continued: bool,
    pub nohang: bool,
    /// WNOWAIT: what is told stays to be told.
    pub nowait: bool,
}

/// What waitid(2) tells of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChildState {
    Ended(WaitStatus),
    Stopped(Signal),
    Continued,
}

/// prctl(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prctl {
    SetChildSubreaper(bool),
    /// Answers 1 or 0.
    GetChildSubreaper,
    /// `None` is 0: no signal.
    SetPdeathsig(Option<Signal>),
    /// Answers the number of the signal, or 0.
    GetPdeathsig,
    /// Cut to 15 bytes.
    SetName(String),
    GetName,
    /// Answers 1 or 0. A capability is said by its number, which the kernel may not know.
    CapbsetRead(u32),
    CapbsetDrop(u32),
    SetNoNewPrivs,
    GetNoNewPrivs,
    SetKeepcaps(bool),
    GetKeepcaps,
    CapAmbient(Ambient, u32),
}
