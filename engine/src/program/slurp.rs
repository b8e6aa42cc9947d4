//! A part of other machines: all of a file or of an open descriptor, as bytes.

use super::machine::answer;
use crate::call::{Errno, Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use serde::{Deserialize, Serialize};

/// Bytes that are taken into memory at most.
pub const SLURP_BYTES: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slurp {
    path: String,
    fd: Option<Fd>,
    data: Vec<u8>,
    failed: Option<Errno>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Begin,
    Opened,
    Read,
    Closed,
}

/// What to do next: make this call and come back with its answer, or take the result.
#[derive(Debug)]
pub enum Slurping {
    Call(Sys),
    Done(Result<Vec<u8>, Errno>),
}

impl Slurp {
    pub fn file(path: &str) -> Slurp {
        Slurp { path: path.to_owned(), fd: None, data: Vec::new(), failed: None, stage: Stage::Begin }
    }

    /// What is left of a descriptor, which stays open.
    pub fn descriptor(fd: Fd) -> Slurp {
        Slurp { fd: Some(fd), ..Slurp::file("") }
    }

    pub fn next(&mut self, ret: Ret) -> Slurping {
        match self.stage {
            Stage::Begin => match self.fd {
                Some(fd) => self.read(fd),
                None => {
                    self.stage = Stage::Opened;
                    Slurping::Call(Sys::Open { path: self.path.clone(), flags: OpenFlags::READ, mode: 0 })
                }
            },
            Stage::Opened => match answer::fd(ret) {
                Ok(fd) => {
                    self.fd = Some(fd);
                    self.read(fd)
                }
                Err(errno) => Slurping::Done(Err(errno)),
            },
            Stage::Read => {
                let fd = self.fd.unwrap_or(0);
                match answer::data(ret) {
                    Ok(data) if !data.is_empty() && self.data.len() < SLURP_BYTES => {
                        self.data.extend_from_slice(&data);
                        return self.read(fd);
                    }
                    Ok(_) => {}
                    Err(errno) => self.failed = Some(errno),
                }
                self.stage = Stage::Closed;
                if self.path.is_empty() { self.result() } else { Slurping::Call(Sys::Close { fd }) }
            }
            Stage::Closed => self.result(),
        }
    }

    fn read(&mut self, fd: Fd) -> Slurping {
        self.stage = Stage::Read;
        Slurping::Call(Sys::Read { fd, len: IO_LIMIT_BYTES as u32 })
    }

    fn result(&mut self) -> Slurping {
        Slurping::Done(match self.failed {
            Some(errno) => Err(errno),
            None => Ok(std::mem::take(&mut self.data)),
        })
    }
}
