//! Standard input, output and error of the processes that were asked for from outside.

use super::OrFault;
use engine::call::Tid;
use engine::node::{Effects, Fault, JobId, Stdin, Stream};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use toolbox::gate::Gate;
use toolbox::os::{self, check};

/// What a pipe into a job holds: more than a guest reads in one call, so that a read never comes back short because we
/// were slow. What guests write is taken after each call, and no call writes more than a pipe holds by default.
const PIPE_BYTES: i32 = 1 << 20;

#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<JobId, Job>,
}

#[derive(Debug)]
struct Job {
    first: Option<Tid>,
    input: Option<PipeWriter>,
    /// Fed, but not in the pipe yet.
    pending: VecDeque<u8>,
    /// Nothing comes after `pending`.
    ended: bool,
    /// Of the stdin pipe: two pipes that are open at once never share one.
    inode: Option<u64>,
    console: bool,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
}

/// The ends a new process gets.
#[derive(Debug)]
pub struct Stdio([OwnedFd; 3]);

impl Stdio {
    pub fn as_raw(&self) -> [RawFd; 3] {
        [self.0[0].as_raw_fd(), self.0[1].as_raw_fd(), self.0[2].as_raw_fd()]
    }
}

impl Jobs {
    /// Makes a job's pipes.
    pub fn open(&mut self, job: JobId, stdin: &Stdin, gate: &Gate) -> Result<Stdio, Fault> {
        let fault = || format!("pipes of job {}", job.0);
        let (stdout, out) = io::pipe().or_fault(fault)?;
        let (stderr, err) = io::pipe().or_fault(fault)?;
        for ours in [&stdout, &stderr] {
            set_nonblocking(ours.as_raw_fd()).or_fault(fault)?;
        }
        let mut entry = Job {
            first: None,
            input: None,
            pending: VecDeque::new(),
            ended: false,
            inode: None,
            console: false,
            stdout: Some(stdout),
            stderr: Some(stderr),
        };
        let input: OwnedFd = match stdin {
            Stdin::Null => os::open("/dev/null", libc::O_RDONLY, 0).or_fault(fault)?,
            stdin => {
                let (theirs, ours) = io::pipe().or_fault(fault)?;
                // SAFETY: no memory is passed. A system may allow less than this; then its default stays.
                unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
                set_nonblocking(ours.as_raw_fd()).or_fault(fault)?;
                let inode = inode(&theirs).or_fault(fault)?;
                entry.inode = Some(inode);
                entry.input = Some(ours);
                entry.console = matches!(stdin, Stdin::Console);
                if entry.console && !gate.add_console(inode) {
                    return Err(Fault::new("too many consoles on one node"));
                }
                if let Stdin::Bytes(bytes) = stdin {
                    entry.pending.extend(bytes.iter());
                    entry.ended = true;
                    entry.push().or_fault(fault)?;
                }
                theirs.into()
            }
        };
        self.jobs.insert(job, entry);
        Ok(Stdio([input, out.into(), err.into()]))
    }

    pub fn close(&mut self, job: JobId, gate: &Gate) {
        if let Some(Job { console: true, inode: Some(inode), .. }) = self.jobs.remove(&job) {
            gate.remove_console(inode);
        }
    }

    pub fn set_first(&mut self, job: JobId, tid: Tid) {
        if let Some(job) = self.jobs.get_mut(&job) {
            job.first = Some(tid);
        }
    }

    pub fn first(&self, job: JobId) -> Option<Tid> {
        self.jobs.get(&job)?.first
    }

    /// The job whose first process this was.
    pub fn of_first(&self, tid: Tid) -> Option<JobId> {
        self.jobs.iter().find(|(_, job)| job.first == Some(tid)).map(|(id, _)| *id)
    }

    /// The first process was reaped. What it left running keeps its pipes, but nobody feeds them.
    pub fn first_is_gone(&mut self, job: JobId, gate: &Gate) {
        if let Some(job) = self.jobs.get_mut(&job) {
            job.first = None;
            job.input = None;
            if let Some(inode) = job.inode.take().filter(|_| job.console) {
                gate.remove_console(inode);
            }
        }
    }

    /// The job whose stdin is the pipe with this inode.
    pub fn of_input(&self, inode: u64) -> Option<JobId> {
        self.jobs.iter().find(|(_, job)| job.inode == Some(inode)).map(|(id, _)| *id)
    }

    /// More input; `None` ends it.
    pub fn feed(&mut self, id: JobId, data: Option<&[u8]>) -> Result<(), Fault> {
        let Some(job) = self.jobs.get_mut(&id) else { return Ok(()) };
        match data {
            Some(data) => job.pending.extend(data),
            None => job.ended = true,
        }
        job.push().or_fault(|| format!("stdin of job {}", id.0))
    }

    /// Fills up what guests have read, and takes what they have written.
    pub fn exchange(&mut self, fx: &mut Effects) -> Result<(), Fault> {
        for (id, job) in &mut self.jobs {
            job.push().or_fault(|| format!("stdin of job {}", id.0))?;
            for (stream, pipe) in [(Stream::Stdout, &mut job.stdout), (Stream::Stderr, &mut job.stderr)] {
                let data = drain(pipe).or_fault(|| format!("output of job {}", id.0))?;
                if !data.is_empty() {
                    fx.output.push((*id, stream, data));
                }
            }
        }
        Ok(())
    }
}

impl Job {
    /// Moves pending input into the pipe, as far as it takes it, and ends it when all is in.
    fn push(&mut self) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            match input.write(front) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Nobody will read it.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.pending.clear(),
                Err(e) => return Err(e),
            }
        }
        if self.ended {
            self.input = None;
        }
        Ok(())
    }
}

/// For our end of a pipe. `O_NONBLOCK` belongs to an end (its open file description): the guest's blocks as it should.
fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) }).map(drop).map_err(io::Error::from_raw_os_error)
}

fn inode(pipe: &PipeReader) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::File::from(OwnedFd::from(pipe.try_clone()?)).metadata()?.ino())
}

/// Everything that is in a pipe now; a pipe whose writers are gone is closed.
fn drain(pipe: &mut Option<PipeReader>) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let Some(reader) = pipe else { return Ok(data) };
        match reader.read(&mut piece) {
            Ok(0) => *pipe = None,
            Ok(length) => data.extend_from_slice(&piece[..length]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(data),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
