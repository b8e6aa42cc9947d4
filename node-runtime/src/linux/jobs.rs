//! Standard input, output and error of the processes that were asked for from outside.

use super::OrFault;
use super::console::Console;
use engine::call::Tid;
use engine::node::{Effects, Fault, JobId, Stdin, Stream};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
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
    input: Input,
    /// Device and inode of stdin, where it is fed from outside: two that are open at once never share them.
    identity: Option<(u64, u64)>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
}

#[derive(Debug)]
enum Input {
    None,
    Pipe(Feed),
    Console(Console),
}

#[derive(Debug)]
struct Feed {
    pipe: PipeWriter,
    /// Fed, but not in the pipe yet.
    pending: VecDeque<u8>,
    /// Nothing comes after `pending`.
    ended: bool,
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
    /// Makes a job's stdin, stdout and stderr.
    pub fn open(&mut self, job: JobId, stdin: &Stdin) -> Result<Stdio, Fault> {
        let fault = || format!("pipes of job {}", job.0);
        let (stdout, out) = io::pipe().or_fault(fault)?;
        let (stderr, err) = io::pipe().or_fault(fault)?;
        for ours in [&stdout, &stderr] {
            set_nonblocking(ours.as_raw_fd()).or_fault(fault)?;
        }
        let (theirs, input, identity) = match stdin {
            Stdin::Null => (os::open("/dev/null", libc::O_RDONLY, 0).or_fault(fault)?, Input::None, None),
            Stdin::Console => {
                let console = Console::open().or_fault(|| "a pseudo-terminal for the console".into())?;
                let identity = console.identity().or_fault(fault)?;
                (console.end().or_fault(fault)?, Input::Console(console), Some(identity))
            }
            Stdin::Pipe | Stdin::Bytes(_) => {
                let (theirs, pipe) = io::pipe().or_fault(fault)?;
                set_nonblocking(pipe.as_raw_fd()).or_fault(fault)?;
                // SAFETY: no memory is passed. A system may allow less than this; then its default stays.
                unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
                let identity = identity(&theirs).or_fault(fault)?;
                let bytes = match stdin {
                    Stdin::Bytes(bytes) => Some(bytes.iter().copied().collect()),
                    _ => None,
                };
                let feed = Feed { pipe, ended: bytes.is_some(), pending: bytes.unwrap_or_default() };
                (theirs.into(), Input::Pipe(feed), Some(identity))
            }
        };
        let mut entry = Job { first: None, input, identity, stdout: Some(stdout), stderr: Some(stderr) };
        entry.push().or_fault(fault)?;
        self.jobs.insert(job, entry);
        Ok(Stdio([theirs, out.into(), err.into()]))
    }

    pub fn close(&mut self, job: JobId) {
        self.jobs.remove(&job);
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

    /// The first process was reaped. What it left running keeps its output, but nobody feeds it any more.
    pub fn first_is_gone(&mut self, job: JobId) {
        if let Some(job) = self.jobs.get_mut(&job) {
            (job.first, job.input, job.identity) = (None, Input::None, None);
        }
    }

    /// The job whose stdin has this device and inode.
    pub fn of_input(&self, identity: (u64, u64)) -> Option<JobId> {
        self.jobs.iter().find(|(_, job)| job.identity == Some(identity)).map(|(id, _)| *id)
    }

    /// More input; `None` ends it. True if something was typed at a console, which arrives a moment later.
    pub fn feed(&mut self, id: JobId, data: Option<&[u8]>) -> Result<bool, Fault> {
        let Some(job) = self.jobs.get_mut(&id) else { return Ok(false) };
        match (&mut job.input, data) {
            (Input::None, _) => {}
            (Input::Console(console), data) => console.feed(data),
            (Input::Pipe(feed), Some(data)) => feed.pending.extend(data),
            (Input::Pipe(feed), None) => feed.ended = true,
        }
        job.push().or_fault(|| format!("stdin of job {}", id.0))
    }

    /// Waits until what was typed at a job's console can be read there.
    pub fn arrived(&self, id: JobId) -> Result<bool, Fault> {
        match self.jobs.get(&id) {
            Some(Job { input: Input::Console(console), .. }) => {
                console.arrived().or_fault(|| format!("the console of job {}", id.0))
            }
            _ => Ok(true),
        }
    }

    /// Fills up what guests have read, and takes what they have written.
    pub fn exchange(&mut self, fx: &mut Effects) -> Result<(), Fault> {
        for (id, job) in &mut self.jobs {
            if job.push().or_fault(|| format!("stdin of job {}", id.0))?
                && let Input::Console(console) = &job.input
            {
                console.arrived().or_fault(|| format!("the console of job {}", id.0))?;
            }
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
    /// Moves pending input on, as far as it goes. True if a line was typed at a console.
    fn push(&mut self) -> io::Result<bool> {
        match &mut self.input {
            Input::None => Ok(false),
            Input::Console(console) => console.push(),
            Input::Pipe(feed) => {
                if feed.push()? {
                    self.input = Input::None;
                }
                Ok(false)
            }
        }
    }
}

impl Feed {
    /// True when all is in and nothing more comes.
    fn push(&mut self) -> io::Result<bool> {
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            match self.pipe.write(front) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                // Nobody will read it.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.pending.clear(),
                Err(e) => return Err(e),
            }
        }
        Ok(self.ended)
    }
}

/// For our end of a pipe. `O_NONBLOCK` belongs to an end (its open file description): the guest's blocks as it should.
fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) }).map(drop).map_err(io::Error::from_raw_os_error)
}

fn identity(pipe: &PipeReader) -> io::Result<(u64, u64)> {
    let metadata = std::fs::File::from(OwnedFd::from(pipe.try_clone()?)).metadata()?;
    Ok((metadata.dev(), metadata.ino()))
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
