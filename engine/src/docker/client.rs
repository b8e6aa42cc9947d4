//! Clients that are being answered: what they are to print, in order, and what they wait for.
//!
//! A client asks ([`super::Request::Continue`]) and is answered as soon as there is something to print or to end with.

use super::batch::Batch;
use super::reading::Reading;
use super::request::{Answer, Then};
use crate::node::{Cid, JobId, Stream};
use std::collections::VecDeque;

/// Bytes of one answer: it crosses a gate slot ([`crate::call::IO_LIMIT_BYTES`]) with room for the envelope.
const ANSWER_BYTES: usize = 32 * 1024;

/// Bytes that may wait for one client; what comes after is dropped, with a notice.
const WAITING_BYTES: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub op: Op,
    asking: bool,
    waiting: VecDeque<(Stream, Vec<u8>)>,
    waiting_bytes: usize,
    exit: Option<i32>,
}

/// What a client waits for.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// For nothing: what it prints is already there.
    Told,
    /// `docker run`: for the start and, attached, for the end of this container.
    Run { container: Cid, attached: bool, console: bool },
    /// `docker exec`.
    Exec { job: JobId, attached: bool, console: bool },
    /// `docker logs --follow`.
    Follow { container: Cid },
    /// Several containers, one verb.
    Batch(Batch),
    /// `docker top`: for ps.
    Top { job: JobId },
    /// For the upper layers of containers.
    Reading(Box<Reading>),
    /// `docker build`, which is in the daemon's hands ([`super::build`]).
    Build,
}

impl Client {
    pub fn new(op: Op) -> Client {
        Client { op, asking: true, waiting: VecDeque::new(), waiting_bytes: 0, exit: None }
    }

    pub fn ask(&mut self) {
        self.asking = true;
    }

    pub fn say(&mut self, stream: Stream, data: &[u8]) {
        if data.is_empty() || self.waiting_bytes > WAITING_BYTES {
            return;
        }
        self.waiting_bytes += data.len();
        if self.waiting_bytes > WAITING_BYTES {
            self.waiting.push_back((Stream::Stderr, b"[more than 1 MiB of output: the rest is not shown]\n".to_vec()));
            return;
        }
        for piece in data.chunks(ANSWER_BYTES) {
            match self.waiting.back_mut() {
                Some((last, text)) if *last == stream && text.len() + piece.len() <= ANSWER_BYTES => {
                    text.extend_from_slice(piece);
                }
                _ => self.waiting.push_back((stream, piece.to_vec())),
            }
        }
    }

    pub fn finish(&mut self, code: i32) {
        self.exit.get_or_insert(code);
    }

    pub fn finished(&self) -> bool {
        self.exit.is_some()
    }

    /// The answer, if it asks and there is one. Standard output is printed before standard error, so one answer holds
    /// at most a piece of the first followed by a piece of the second.
    pub fn answer(&mut self) -> Option<Answer> {
        if !self.asking || (self.waiting.is_empty() && self.exit.is_none()) {
            return None;
        }
        let stdout = self.take(Stream::Stdout, ANSWER_BYTES);
        let stderr = self.take(Stream::Stderr, ANSWER_BYTES - stdout.len());
        let then = match self.exit {
            Some(code) if self.waiting.is_empty() => Then::Exit(code),
            _ => Then::Again,
        };
        self.asking = false;
        Some(Answer { stdout, stderr, then })
    }

    fn take(&mut self, stream: Stream, limit: usize) -> Vec<u8> {
        match self.waiting.front() {
            Some((first, data)) if *first == stream && data.len() <= limit => {
                self.waiting_bytes -= data.len().min(self.waiting_bytes);
                self.waiting.pop_front().map(|(_, data)| data).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_both_streams_is_kept_across_answers() {
        let mut client = Client::new(Op::Told);
        for (stream, text) in
            [(Stream::Stderr, "a"), (Stream::Stdout, "b"), (Stream::Stderr, "c"), (Stream::Stderr, "d")]
        {
            client.say(stream, text.as_bytes());
        }
        client.finish(3);
        let mut seen = Vec::new();
        loop {
            client.ask();
            let answer = client.answer().expect("there is something to say");
            seen.push((answer.stdout, answer.stderr));
            if let Then::Exit(code) = answer.then {
                assert_eq!(code, 3);
                break;
            }
        }
        assert_eq!(seen, [(b"".to_vec(), b"a".to_vec()), (b"b".to_vec(), b"cd".to_vec())]);
    }

    #[test]
    fn a_flood_is_cut_with_a_notice_and_no_answer_is_too_long() {
        let mut client = Client::new(Op::Told);
        for _ in 0..100 {
            client.say(Stream::Stdout, &vec![b'x'; 50_000]);
        }
        client.finish(0);
        let mut total = 0;
        loop {
            client.ask();
            let answer = client.answer().expect("there is something to say");
            assert!(answer.stdout.len() + answer.stderr.len() <= ANSWER_BYTES);
            total += answer.stdout.len();
            if answer.then == Then::Exit(0) {
                assert!(String::from_utf8_lossy(&answer.stderr).contains("not shown"));
                break;
            }
        }
        assert!(total <= WAITING_BYTES);
    }
}
