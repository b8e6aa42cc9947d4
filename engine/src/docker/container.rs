//! A container as the daemon keeps it: configuration, state, log.

use super::request::ContainerConfig;
use super::units;
use crate::call::{SCENARIO_EPOCH_S, Signal};
use crate::image::Digest;
use crate::node::{Cid, JobId, Stdin, Stream};
use crate::scenario::Era;
use crate::sim::{Nanos, SECOND};
use std::sync::Arc;

/// Bytes of output kept for `docker logs`; what comes after is dropped, with a notice.
pub(super) const LOG_BYTES: usize = 1 << 20;

/// How long `docker stop` waits before SIGKILL, when nobody says otherwise.
pub(super) const STOP_TIMEOUT_S: i64 = 10;

#[derive(Clone, Debug)]
pub(super) struct Container {
    pub cid: Cid,
    /// 64 digits.
    pub id: String,
    pub name: String,
    pub image: Digest,
    /// As it was asked for.
    pub config: ContainerConfig,
    /// Entrypoint and command, image defaults filled in.
    pub argv: Vec<String>,
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Vec<String>,
    /// The image's and the client's variables, without what the daemon and the runtime add.
    pub env: Vec<String>,
    pub workdir: String,
    pub user: String,
    pub hostname: String,
    pub stop_signal: Signal,
    /// The image's and the client's.
    pub labels: Vec<(String, String)>,
    pub exposed_ports: Vec<String>,
    pub layers: Vec<Digest>,
    pub stdin: Stdin,
    pub auto_remove: bool,
    /// A client was to be attached from the start.
    pub attached: bool,
    /// Made by `docker build` for one step.
    pub of_build: bool,
    pub created_at: Nanos,
    pub state: State,
    pub oom: Oom,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Never started, or the runtime could not start it: then with the exit code and message of that.
    Created {
        failed: Option<(i32, String)>,
    },
    /// The node has been asked; what is wanted of it before it answers is in `stop`.
    Starting {
        job: JobId,
    },
    Running {
        job: JobId,
        pid: u32,
        since: Nanos,
        stop: Option<Stop>,
    },
    Exited {
        code: i32,
        started_at: Nanos,
        at: Nanos,
    },
}

/// What is known of processes that were killed for the memory of its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oom {
    /// Since it was started last.
    pub happened: bool,
    /// State.OOMKilled.
    pub shown: bool,
}

/// 20.10 tells it when the container has ended, and until its next end; since 23.0 it is told at once, until the next start
/// (moby, daemon/monitor.go, container/state.go).
impl Oom {
    pub fn begin(&mut self, era: Era) {
        *self = Oom { happened: false, shown: era == Era::Course && self.shown };
    }

    pub fn happen(&mut self, era: Era) {
        *self = Oom { happened: true, shown: era == Era::Today || self.shown };
    }

    pub fn end(&mut self, era: Era) {
        if era == Era::Course {
            self.shown = self.happened;
        }
    }
}

/// `docker stop` under way: when its patience ends. `None` waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub kill_at: Option<Nanos>,
}

/// What was written, in order, both streams kept apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    entries: Vec<LogEntry>,
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct LogEntry {
    pub at: Nanos,
    pub stream: Stream,
    pub data: Arc<[u8]>,
}

impl Container {
    pub fn short_id(&self) -> &str {
        &self.id[..12]
    }

    /// The command line as the COMMAND column shows it: arguments with blanks in single quotes, as
    /// daemon/list.go does.
    pub fn argv_text(&self) -> String {
        let quoted = |arg: &String| {
            if arg.contains(' ') { format!("'{arg}'") } else { arg.clone() }
        };
        let args = self.argv.iter().enumerate().map(|(i, arg)| if i == 0 { arg.clone() } else { quoted(arg) });
        args.collect::<Vec<_>>().join(" ")
    }

    /// State.Status.
    pub fn status(&self) -> &'static str {
        match self.state {
            State::Created { .. } | State::Starting { .. } => "created",
            State::Running { .. } => "running",
            State::Exited { .. } => "exited",
        }
    }

    pub fn job(&self) -> Option<JobId> {
        match self.state {
            State::Starting { job } | State::Running { job, .. } => Some(job),
            _ => None,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub fn exit_code(&self) -> i32 {
        match &self.state {
            State::Exited { code, .. } => *code,
            State::Created { failed: Some((code, _)) } => *code,
            _ => 0,
        }
    }

    /// The STATUS column.
    pub fn status_text(&self, now: Nanos) -> String {
        match &self.state {
            State::Created { .. } | State::Starting { .. } => "Created".to_owned(),
            State::Running { since, .. } => format!("Up {}", units::human_duration(now.saturating_sub(*since))),
            State::Exited { code, at, .. } => {
                format!("Exited ({code}) {} ago", units::human_duration(now.saturating_sub(*at)))
            }
        }
    }

    pub fn stop_timeout_s(&self) -> i64 {
        self.config.stop_timeout_s.unwrap_or(STOP_TIMEOUT_S)
    }
}

impl Log {
    /// Keeps what fits; true the first time something does not.
    pub fn push(&mut self, at: Nanos, stream: Stream, data: &[u8]) -> bool {
        if self.bytes > LOG_BYTES {
            return false;
        }
        self.bytes += data.len();
        if self.bytes > LOG_BYTES {
            return true;
        }
        self.entries.push(LogEntry { at, stream, data: data.into() });
        false
    }

    /// Lines, each with when it began and its stream; the last of a stream may lack its newline.
    pub fn lines(&self) -> Vec<(Nanos, Stream, Vec<u8>)> {
        let mut lines: Vec<(Nanos, Stream, Vec<u8>)> = Vec::new();
        for entry in &self.entries {
            for piece in entry.data.split_inclusive(|b| *b == b'\n') {
                let open = lines.iter_mut().rev().find(|(_, stream, _)| *stream == entry.stream);
                match open.filter(|(_, _, line)| line.last() != Some(&b'\n')) {
                    Some((_, _, line)) => line.extend_from_slice(piece),
                    None => lines.push((entry.at, entry.stream, piece.to_vec())),
                }
            }
        }
        lines
    }
}

/// Virtual time as a date: seconds since the epoch, and nanoseconds.
pub(super) fn date(at: Nanos) -> (i64, u32) {
    (SCENARIO_EPOCH_S + (at / SECOND) as i64, (at % SECOND) as u32)
}

/// Virtual time in RFC 3339.
pub(super) fn timestamp(at: Nanos) -> String {
    let (epoch_s, ns) = date(at);
    units::rfc3339_nano(epoch_s, ns)
}
