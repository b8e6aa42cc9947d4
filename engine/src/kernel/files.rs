//! Open file descriptions: what descriptors refer to, shared by dup(2) and fork(2), and the ends of pipes and jobs' stdio.

use super::SimKernel;
use super::memory::ObjectId;
use super::nsfs::NSFS;
use super::pipe::Pipe;
use super::process::Handle;
use super::userns::Opener;
use super::vfs::Loc;
use crate::call::{Errno, Fd, Tid};
use crate::node::{JobId, Stream};
use crate::sim::Map;
use std::collections::VecDeque;
use std::sync::Arc;

/// Descriptors of one process (RLIMIT_NOFILE as a login has it): EMFILE beyond.
pub(super) const FDS: Fd = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OfdId(pub u32);

#[derive(Clone, Debug)]
pub(super) struct Ofd {
    pub what: Opened,
    pub read: bool,
    pub write: bool,
    pub append: bool,
    /// O_PATH: nothing can be done with it but to say where it is.
    pub path_only: bool,
    pub offset: u64,
    /// A first write was told.
    pub wrote: bool,
    /// Descriptors that refer to it, and blocked calls.
    pub refs: u32,
    /// Where it was opened, for what is told of it.
    pub path: Arc<str>,
    /// Of a map of ids: on whose behalf, and which.
    pub opener: Option<Arc<Opener>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    File(Loc),
    Dir(Loc),
    Null,
    Zero,
    Full,
    Random,
    PipeRead(PipeId),
    PipeWrite(PipeId),
    Stdin(JobId),
    Output(JobId, Stream),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PipeId(pub u32);

/// All open file descriptions and pipes of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    ofds: Map<OfdId, Arc<Ofd>>,
    pipes: Map<PipeId, Arc<Pipe>>,
    next: u32,
}

/// What is fed to a job from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    /// A terminal in canonical mode: a read gets at most one fed line, and end of file is one empty read (termios(3)).
    pub console: bool,
    /// `None` is end of file.
    pub chunks: VecDeque<Option<Vec<u8>>>,
}

impl Ofd {
    pub(super) fn new(what: Opened, read: bool, write: bool) -> Ofd {
        Ofd {
            what,
            read,
            write,
            append: false,
            path_only: false,
            offset: 0,
            wrote: false,
            refs: 0,
            path: Arc::from(""),
            opener: None,
        }
    }
}

impl Feed {
    /// What a read of at most `len` bytes gets, or `None` if it has to wait.
    pub(super) fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            match self.chunks.front_mut() {
                None => return (!out.is_empty()).then_some(out),
                Some(None) if out.is_empty() => {
                    if self.console {
                        self.chunks.pop_front();
                    }
                    return Some(out);
                }
                Some(None) => return Some(out),
                Some(Some(chunk)) => {
                    let taken = chunk.len().min(len - out.len());
                    out.extend(chunk.drain(..taken));
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                    if self.console || out.len() == len {
                        return Some(out);
                    }
                }
            }
        }
    }
}

impl Files {
    pub(super) fn add(&mut self, ofd: Ofd) -> OfdId {
        let id = OfdId(self.next);
        self.next += 1;
        match ofd.what {
            Opened::PipeRead(pipe) => self.pipe_mut(pipe).readers += 1,
            Opened::PipeWrite(pipe) => self.pipe_mut(pipe).writers += 1,
            _ => {}
        }
        self.ofds.insert(id, Arc::new(ofd));
        id
    }

    pub(super) fn add_pipe(&mut self) -> PipeId {
        let id = PipeId(self.next);
        self.next += 1;
        self.pipes.insert(id, Arc::default());
        id
    }

    pub(super) fn get(&self, id: OfdId) -> Option<&Ofd> {
        self.ofds.get(&id).map(|ofd| &**ofd)
    }

    pub(super) fn get_mut(&mut self, id: OfdId) -> Option<&mut Ofd> {
        self.ofds.get_mut(&id).map(Arc::make_mut)
    }

    pub(super) fn pipe(&self, id: PipeId) -> Option<&Pipe> {
        self.pipes.get(&id).map(|pipe| &**pipe)
    }

    pub(super) fn pipe_mut(&mut self, id: PipeId) -> &mut Pipe {
        Arc::make_mut(self.pipes.get_or_insert_with(id, Default::default))
    }

    pub(super) fn refer(&mut self, id: OfdId) {
        if let Some(ofd) = self.get_mut(id) {
            ofd.refs += 1;
        }
    }

    /// One reference less; answers the description if it was the last.
    pub(super) fn drop_ref(&mut self, id: OfdId) -> Option<Ofd> {
        let ofd = self.get_mut(id)?;
        ofd.refs = ofd.refs.saturating_sub(1);
        if ofd.refs > 0 {
            return None;
        }
        let ofd = self.ofds.remove(&id)?;
        match ofd.what {
            Opened::PipeRead(pipe) => self.pipe_mut(pipe).readers -= 1,
            Opened::PipeWrite(pipe) => self.pipe_mut(pipe).writers -= 1,
            _ => return Some(Arc::unwrap_or_clone(ofd)),
        }
        self.pipes.retain(|_, pipe| pipe.readers + pipe.writers > 0);
        Some(Arc::unwrap_or_clone(ofd))
    }

    pub(super) fn opened(&self) -> impl Iterator<Item = &Ofd> {
        self.ofds.values().map(|ofd| &**ofd)
    }
}

impl SimKernel {
    pub(super) fn ofd_of(&self, tid: Tid, fd: Fd) -> Result<OfdId, Errno> {
        self.process(tid).and_then(|process| process.fds.get(&fd)).map(|handle| handle.ofd).ok_or(Errno::EBADF)
    }

    /// Gives a description a descriptor of this process: the lowest free one that is at least `min`.
    pub(super) fn install(&mut self, tid: Tid, ofd: OfdId, min: Fd, cloexec: bool) -> Result<Fd, Errno> {
        let process = self.process_mut(tid).ok_or(Errno::ESRCH)?;
        let fd = process.lowest_free_fd(min);
        if fd >= FDS {
            return Err(Errno::EMFILE);
        }
        process.fds.insert(fd, Handle { ofd, cloexec });
        self.files.refer(ofd);
        Ok(fd)
    }

    pub(super) fn close_fd(&mut self, tid: Tid, fd: Fd) -> Result<(), Errno> {
        let handle = self.process_mut(tid).and_then(|process| process.fds.remove(&fd)).ok_or(Errno::EBADF)?;
        self.drop_ofd(handle.ofd);
        Ok(())
    }

    pub(super) fn close_all(&mut self, tid: Tid) {
        let fds = self.process_mut(tid).map(|process| std::mem::take(&mut process.fds)).unwrap_or_default();
        for handle in fds.into_values() {
            self.drop_ofd(handle.ofd);
        }
    }

    pub(super) fn drop_ofd(&mut self, ofd: OfdId) {
        let Some(closed) = self.files.drop_ref(ofd) else { return };
        match closed.what {
            Opened::PipeRead(_) | Opened::PipeWrite(_) => self.unsettled = true,
            Opened::File(loc) if loc.fs == NSFS => self.sweep_namespaces(),
            Opened::File(loc) => self.forget_if_unused(loc),
            _ => {}
        }
    }

    /// An inode without a name goes when nobody has it open; of an overlay's, then the one in its upperdir.
    pub(super) fn forget_if_unused(&mut self, loc: Loc) {
        let mut next = Some((loc.fs, loc.ino));
        while let Some((fs, ino)) = next {
            let same = |other: Loc| other.fs == fs && other.ino == ino;
            if self.files.opened().any(|ofd| ofd.loc().is_some_and(same)) {
                return;
            }
            next = self.filesystems.forget(fs, ino).map(|place| (place.fs, place.ino));
            if self.filesystems.inode(fs, ino).is_none() {
                self.drop_pages(vec![ObjectId::File(fs, ino)]);
            }
        }
    }
}
