//! Says which step is running and for how long. One line a step when it ends, and one now and then while it lasts.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a step may be silent.
const SILENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Steps {
    total: u32,
    done: u32,
    started: Instant,
}

impl Steps {
    pub fn new(total: u32) -> Steps {
        Steps { total, done: 0, started: Instant::now() }
    }

    /// Runs one step; the text it gives is printed beside its name.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<(T, String)>) -> anyhow::Result<T> {
        self.done += 1;
        let place = format!("[{}/{}] {name}", self.done, self.total);
        let begun = Instant::now();
        println!("{place} …");
        let (stop, stopped) = channel::<()>();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                let stopped = stopped;
                while stopped.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
                    println!("{place} … {} s so far", begun.elapsed().as_secs());
                    let _ = std::io::stdout().flush();
                }
            });
            let result = work();
            drop(stop);
            result
        });
        let (value, note) = result.map_err(|error| error.context(format!("{name} failed")))?;
        let gap = if note.is_empty() { "" } else { ": " };
        println!("{place}{gap}{note} ({})", seconds(begun.elapsed()));
        Ok(value)
    }

    pub fn finish(self) {
        println!("done in {}", seconds(self.started.elapsed()));
    }
}

pub fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}
