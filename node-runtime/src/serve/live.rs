//! The live kernel value: a page posts what was typed so far, a real node runs it, every page hears its facts.
//!
//! One run at a time; a newer one takes the place of the one that waits and ends the one that runs, because only the
//! latest position of the page is of interest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::scenario::Input;
use lessons::RecordedPoint;
use serde::Serialize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub const MAX_STREAMS: usize = 16;
/// Events a page may be behind before its stream is ended; it then connects again.
const MAX_BEHIND: usize = 256;
pub const MAX_INPUTS: usize = 500;
const MAX_LESSON_BYTES: usize = 100;

/// Called with the facts after each input; `false` says that nobody waits for the rest.
pub type Tell<'a> = dyn FnMut(RecordedPoint) -> bool + 'a;

/// A kernel that lessons can be run on.
pub trait Live: Send + Sync {
    /// `Linux 6.18.44`.
    fn kernel(&self) -> String;

    /// Runs a lesson's scenario with these inputs on a fresh node. An error is a sentence for the learner.
    fn run(&self, lesson: &str, inputs: &[Input], tell: &mut Tell<'_>) -> Result<(), String>;
}

/// What a page posts: a number of its choice, the lesson, all inputs so far.
#[derive(Debug)]
pub struct Job {
    run: u32,
    lesson: String,
    inputs: Vec<Input>,
}

impl Job {
    pub fn parse(body: &[u8]) -> Result<Job, &'static str> {
        let (run, lesson, inputs): (u32, String, Vec<Input>) =
            postcard::from_bytes(body).map_err(|_| "The body is not a run: number, lesson, inputs.")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-/".contains(&byte);
        if lesson.len() > MAX_LESSON_BYTES || !lesson.bytes().all(plain) {
            return Err("That is not the name of a lesson.");
        }
        if inputs.len() > MAX_INPUTS {
            return Err("There are too many inputs for one run.");
        }
        Ok(Job { run, lesson, inputs })
    }
}

pub struct Hub {
    live: Arc<dyn Live>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    streams: Vec<SyncSender<Arc<str>>>,
    waiting: Option<Job>,
    running: bool,
    stopping: bool,
}

impl Hub {
    pub fn start(live: Arc<dyn Live>) -> Arc<Hub> {
        let hub = Arc::new(Hub { live, state: Mutex::default(), changed: Condvar::new() });
        let of_thread = Arc::clone(&hub);
        std::thread::spawn(move || of_thread.work());
        hub
    }

    pub fn kernel(&self) -> String {
        self.live.kernel()
    }

    /// A new event stream; `None` when there are too many.
    pub fn listen(&self) -> Option<Receiver<Arc<str>>> {
        let mut state = self.lock();
        if state.streams.len() >= MAX_STREAMS {
            // Streams whose page has gone are found when something is sent: a comment is ignored by pages.
            state.tell(&Arc::from(": \n\n"));
        }
        if state.stopping || state.streams.len() >= MAX_STREAMS {
            return None;
        }
        let (sender, receiver) = sync_channel(MAX_BEHIND);
        let hello = format!("event: hello\ndata: {}\n\n", self.kernel().replace(['\r', '\n'], " "));
        sender.try_send(hello.into()).ok()?;
        state.streams.push(sender);
        Some(receiver)
    }

    pub fn ask(&self, job: Job) {
        let mut state = self.lock();
        if let Some(old) = state.waiting.replace(job) {
            state.tell(&failed(old.run, "A newer run took its place."));
        }
        self.changed.notify_all();
    }

    /// Ends what runs, as far as it can be ended within `patience`.
    pub fn stop(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.stopping = true;
        state.waiting = None;
        state.streams.clear();
        self.changed.notify_all();
        while state.running {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn work(&self) {
        while let Some(job) = self.next_job() {
            let mut index: u32 = 0;
            let mut overtaken = false;
            let done = self.live.run(&job.lesson, &job.inputs, &mut |point| {
                let mut state = self.lock();
                state.tell(&event("point", &(job.run, index, point)));
                index += 1;
                overtaken = state.waiting.is_some() || state.stopping;
                !overtaken
            });
            let mut state = self.lock();
            state.running = false;
            match done {
                _ if overtaken => state.tell(&failed(job.run, "A newer run took its place.")),
                Ok(()) => state.tell(&event("done", &(job.run, index))),
                Err(message) => state.tell(&failed(job.run, &message)),
            }
            self.changed.notify_all();
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.waiting.take() {
                state.running = true;
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A stream that is closed or too far behind is dropped.
    fn tell(&mut self, event: &Arc<str>) {
        self.streams.retain(|stream| stream.try_send(Arc::clone(event)).is_ok());
    }
}

fn failed(run: u32, message: &str) -> Arc<str> {
    event("failed", &(run, message))
}

/// HTML, 9.2.5: an event with its data as base64 of postcard, because a stream is text.
fn event(name: &str, data: &impl Serialize) -> Arc<str> {
    let bytes = postcard::to_allocvec(data).expect("plain data has a postcard form");
    format!("event: {name}\ndata: {}\n\n", STANDARD.encode(&bytes)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_parsed_within_limits() {
        let job = |lesson: &str, inputs: usize| {
            let inputs = vec![Input::Line("ls".into()); inputs];
            Job::parse(&postcard::to_allocvec(&(7u32, lesson.to_string(), inputs)).unwrap()).is_ok()
        };
        assert!(job("images/layers", 3));
        assert!(!job("../../etc/passwd", 3) && !job(&"a".repeat(101), 3) && !job("images/layers", MAX_INPUTS + 1));
        assert!(Job::parse(b"\xff\xff\xff\xff\xff\xff").is_err());
    }
}
