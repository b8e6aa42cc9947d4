//! Deliberate errors in the model, one at a time: a kernel that is right but for one thing.
//!
//! They judge the comparison, not the kernel: `verify` has to notice each of them on the lessons as they are. The errors
//! stand outside the engine, so that no switch for them is in what is shipped.

use engine::call::{Errno, Ret, Signal, Sys, Tid, WaitStatus};
use engine::fact::Facts;
use engine::image::{Digest, tar};
use engine::node::{Cid, ContainerSpec, Effects, Fault, JobId, Kernel, Outcome, Place, ProcessSpec, StartError, Watch};
use engine::sim::Set;

/// What the model gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// unlink(2) says yes and leaves the file.
    UnlinkForgets,
    /// chmod(2) loses the execute bits.
    ChmodDropsExecute,
    /// `O_APPEND` starts at the beginning.
    AppendOverwrites,
    /// mkdir(2) ignores the mode.
    MkdirIgnoresMode,
    /// wait4(2) loses the exit code.
    WaitForgetsCode,
    /// getdents64(2) leaves out the last name.
    GetdentsForgetsLast,
    /// A failed path lookup says ENOTDIR instead of ENOENT.
    WrongErrno,
    /// The topmost layer is not there.
    TopLayerMissing,
    /// The container keeps the node's hostname.
    HostnameShared,
    /// The working directory is always `/`.
    WorkingDirectoryIgnored,
    /// SIGTERM ends a container's init as SIGKILL would.
    InitMortal,
    /// fork(2) tells the parent a pid that is one too high.
    ForkOffByOne,
    /// A layer is archived with the modes of its files set to 0644.
    CommitLosesModes,
    /// read(2) never tells the end of a file's last byte.
    ReadShort,
}

impl Error {
    pub const ALL: &'static [Error] = &[
        Error::UnlinkForgets,
        Error::ChmodDropsExecute,
        Error::AppendOverwrites,
        Error::MkdirIgnoresMode,
        Error::WaitForgetsCode,
        Error::GetdentsForgetsLast,
        Error::WrongErrno,
        Error::TopLayerMissing,
        Error::HostnameShared,
        Error::WorkingDirectoryIgnored,
        Error::InitMortal,
        Error::ForkOffByOne,
        Error::CommitLosesModes,
        Error::ReadShort,
    ];
}

/// A kernel with one error.
#[derive(Clone, Debug)]
pub struct Erring<K> {
    kernel: K,
    error: Error,
}

impl<K: Kernel> Erring<K> {
    pub fn new(kernel: K, error: Error) -> Erring<K> {
        Erring { kernel, error }
    }

    /// The call as this kernel understands it; `None` if it does not make it at all.
    fn misunderstood(&self, sys: &Sys) -> Option<Sys> {
        Some(match (self.error, sys.clone()) {
            (Error::UnlinkForgets, Sys::Unlink { .. }) => return None,
            (Error::ChmodDropsExecute, Sys::Chmod { path, mode }) => Sys::Chmod { path, mode: mode & !0o111 },
            (Error::AppendOverwrites, Sys::Open { path, mut flags, mode }) => {
                flags.append = false;
                Sys::Open { path, flags, mode }
            }
            (Error::MkdirIgnoresMode, Sys::Mkdir { path, .. }) => Sys::Mkdir { path, mode: 0o700 },
            (_, sys) => sys,
        })
    }

    /// What this kernel answers where the right one answers `ret`.
    fn misreported(&self, sys: &Sys, ret: Ret) -> Ret {
        match (self.error, sys, ret) {
            (Error::WaitForgetsCode, _, Ret::Waited { pid, status: WaitStatus::Exited(_) }) => {
                Ret::Waited { pid, status: WaitStatus::Exited(0) }
            }
            (Error::GetdentsForgetsLast, _, Ret::Dents(mut dents)) => {
                dents.pop();
                Ret::Dents(dents)
            }
            (Error::WrongErrno, Sys::Stat { .. }, Ret::Err(Errno::ENOENT)) => Ret::Err(Errno::ENOTDIR),
            (Error::ForkOffByOne, Sys::Fork { .. }, Ret::Int(pid)) => Ret::Int(pid + 1),
            (Error::ReadShort, Sys::Read { .. }, Ret::Data(mut data)) => {
                data.pop();
                Ret::Data(data)
            }
            (_, _, ret) => ret,
        }
    }
}

impl<K: Kernel> Kernel for Erring<K> {
    fn add_layer(&mut self, diff_id: &Digest, tar: &[u8]) -> Result<(), Fault> {
        self.kernel.add_layer(diff_id, tar)
    }

    fn create(&mut self, container: Cid, spec: &ContainerSpec) -> Result<(), Fault> {
        let mut spec = spec.clone();
        match self.error {
            Error::TopLayerMissing if spec.layers.len() > 1 => drop(spec.layers.pop()),
            Error::HostnameShared => spec.hostname = "node".to_owned(),
            _ => {}
        }
        self.kernel.create(container, &spec)
    }

    fn spawn(
        &mut self,
        job: JobId,
        at: Place,
        process: &ProcessSpec,
        fx: &mut Effects,
    ) -> Result<Result<Tid, StartError>, Fault> {
        let mut process = process.clone();
        if self.error == Error::WorkingDirectoryIgnored {
            process.cwd = "/".to_owned();
        }
        self.kernel.spawn(job, at, &process, fx)
    }

    fn asked(&mut self, tid: Tid) -> Result<Sys, Fault> {
        self.kernel.asked(tid)
    }

    fn carry_out(&mut self, tid: Tid, sys: &Sys, fx: &mut Effects) -> Result<Outcome, Fault> {
        let Some(misunderstood) = self.misunderstood(sys) else {
            self.kernel.answer(tid, Ret::Ok, fx)?;
            return Ok(Outcome::Returned(Ret::Ok));
        };
        match self.kernel.carry_out(tid, &misunderstood, fx)? {
            Outcome::Returned(ret) => {
                let told = self.misreported(sys, ret.clone());
                if told != ret {
                    self.kernel.answer(tid, told.clone(), fx)?;
                }
                Ok(Outcome::Returned(told))
            }
            outcome => Ok(outcome),
        }
    }

    fn answer(&mut self, tid: Tid, ret: Ret, fx: &mut Effects) -> Result<bool, Fault> {
        self.kernel.answer(tid, ret, fx)
    }

    fn feed(&mut self, job: JobId, data: Option<&[u8]>, fx: &mut Effects) -> Result<(), Fault> {
        self.kernel.feed(job, data, fx)
    }

    fn signal(&mut self, job: JobId, signal: Signal, fx: &mut Effects) -> Result<(), Fault> {
        let mortal = self.error == Error::InitMortal && signal == Signal::SIGTERM;
        self.kernel.signal(job, if mortal { Signal::SIGKILL } else { signal }, fx)
    }

    fn interrupt(&mut self, job: JobId, spared: &Set<Tid>, fx: &mut Effects) -> Result<(), Fault> {
        self.kernel.interrupt(job, spared, fx)
    }

    fn commit(&mut self, container: Cid) -> Result<Vec<u8>, Fault> {
        let tar = self.kernel.commit(container)?;
        if self.error != Error::CommitLosesModes {
            return Ok(tar);
        }
        let mut entries = tar::read(&tar.into()).map_err(|error| Fault::new(error.to_string()))?;
        for entry in &mut entries {
            entry.mode = 0o644;
        }
        Ok(tar::write(&entries))
    }

    fn remove(&mut self, container: Cid) -> Result<(), Fault> {
        self.kernel.remove(container)
    }

    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
        self.kernel.facts(watch, out)
    }
}
