//! A console: a pseudo-terminal in canonical mode, so that a read gets one line, `isatty` is true, and end of file is
//! one empty read after which typing goes on (termios(3), pty(7)).
//!
//! Nothing is echoed, and no character but end of file means anything to it: the page and the command line have their
//! own line editor, and Ctrl-C is for the runner. A line goes in when the one before has been read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use toolbox::os::{self, check};

const END_OF_FILE: u8 = 4;
/// Longest wait for a line to arrive: a kernel thread carries it over.
const ARRIVAL_MS: i32 = 5000;

#[derive(Debug)]
pub struct Console {
    master: File,
    /// Open here too, so that the terminal lives as long as the job. It is read from only: what a guest says goes to the
    /// two streams of its job, and what it would write to the terminal itself nobody would read.
    slave: OwnedFd,
    pending: VecDeque<Vec<u8>>,
}

impl Console {
    pub fn open() -> io::Result<Console> {
        let code = io::Error::from_raw_os_error;
        let master = os::open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY, 0).map_err(code)?;
        let mut number: libc::c_int = 0;
        let unlock: libc::c_int = 0;
        // SAFETY: both requests take a pointer to an int that outlives the call.
        unsafe {
            check(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &unlock)).map_err(code)?;
            check(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &mut number)).map_err(code)?;
        }
        let path = format!("/dev/pts/{number}");
        let slave = os::open(&path, libc::O_RDONLY | libc::O_NOCTTY, 0).map_err(code)?;
        set_canonical(&slave).map_err(code)?;
        Ok(Console { master: master.into(), slave, pending: VecDeque::new() })
    }

    /// The guest's end.
    pub fn end(&self) -> io::Result<OwnedFd> {
        self.slave.try_clone()
    }

    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = File::from(self.slave.try_clone()?).metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// A typed line with its newline, or `None` for end of file.
    pub fn feed(&mut self, data: Option<&[u8]>) {
        match data {
            Some(data) if !data.ends_with(b"\n") => self.pending.push_back([data, &[END_OF_FILE]].concat()),
            Some(data) => self.pending.push_back(data.to_vec()),
            None => self.pending.push_back(vec![END_OF_FILE]),
        }
    }

    /// Types the next line if nothing is waiting to be read. True if it did.
    pub fn push(&mut self) -> io::Result<bool> {
        if self.pending.is_empty() || self.readable(0)? {
            return Ok(false);
        }
        let line = self.pending.pop_front().unwrap_or_default();
        self.master.write_all(&line)?;
        Ok(true)
    }

    /// Waits until what was typed can be read.
    pub fn arrived(&self) -> io::Result<bool> {
        self.readable(ARRIVAL_MS)
    }

    fn readable(&self, timeout_ms: i32) -> io::Result<bool> {
        let mut poll = libc::pollfd { fd: self.slave.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that outlives the call.
        let ready = check(unsafe { libc::poll(&mut poll, 1, timeout_ms) }).map_err(io::Error::from_raw_os_error)?;
        Ok(ready > 0)
    }
}

fn set_canonical(slave: &OwnedFd) -> os::Result<()> {
    // SAFETY: termios is plain data that tcgetattr fills.
    unsafe {
        let mut mode: libc::termios = std::mem::zeroed();
        check(libc::tcgetattr(slave.as_raw_fd(), &mut mode))?;
        (mode.c_iflag, mode.c_oflag, mode.c_lflag) = (0, 0, libc::ICANON);
        // _POSIX_VDISABLE is 0 on Linux.
        mode.c_cc = [0; libc::NCCS];
        mode.c_cc[libc::VEOF] = END_OF_FILE;
        check(libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &mode)).map(drop)
    }
}
