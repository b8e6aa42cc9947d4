//! Pipes (pipe(7)): sixteen buffers of a page each, as fs/pipe.c has them. A write that fits merges into the last buffer;
//! a buffer is free again once it was read to its end. So a pipe can be "full" before it holds 64 KiB, as on Linux.

use crate::sim::PIPE_BYTES;
use std::collections::VecDeque;

/// Bytes of one buffer: a page.
const PAGE: usize = 4096;
const BUFFERS: usize = PIPE_BYTES / PAGE;

#[derive(Clone, Debug, Default)]
pub(super) struct Pipe {
    /// What is unread of each buffer, and how much of its page was filled.
    buffers: VecDeque<(Vec<u8>, usize)>,
    /// Open file descriptions of each end.
    pub readers: u32,
    pub writers: u32,
}

impl Pipe {
    pub(super) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    pub(super) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((buffer, _)) = self.buffers.front_mut().filter(|_| out.len() < len) {
            let taken = buffer.len().min(len - out.len());
            out.extend(buffer.drain(..taken));
            if buffer.is_empty() {
                self.buffers.pop_front();
            }
        }
        out
    }

    /// Takes in as much of `data` as there is room for; `first` says that nothing of this write was taken in before.
    pub(super) fn write(&mut self, data: &[u8], first: bool) -> usize {
        let mut taken = 0;
        // pipe_write: only the part that does not fill a page may merge, and only as a whole.
        let part = data.len() % PAGE;
        if let Some((last, filled)) =
            self.buffers.back_mut().filter(|(_, filled)| first && part > 0 && filled + part <= PAGE)
        {
            last.extend_from_slice(&data[..part]);
            *filled += part;
            taken = part;
        }
        while taken < data.len() && self.buffers.len() < BUFFERS {
            let len = (data.len() - taken).min(PAGE);
            self.buffers.push_back((data[taken..taken + len].to_vec(), len));
            taken += len;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_takes_and_gives_what_a_real_one_did() {
        let mut pipe = Pipe::default();
        let mut compared = 0;
        for line in include_str!("tests/pipe_recorded.txt").lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let asked: usize = words[1].parse().unwrap();
            let came = match words[0] {
                "w" => pipe.write(&vec![b'x'; asked], true),
                _ => pipe.read(asked).len(),
            };
            let expected = words[2].parse().unwrap_or(0);
            assert_eq!(came, expected, "line {compared}: {line}");
            compared += 1;
        }
        assert_eq!(compared, 300);
    }
}
