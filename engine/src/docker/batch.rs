//! One verb for several containers: start, stop, restart, kill, wait, rm.
//!
//! stop, kill and rm work on all at once, the others on one after another; either way names are printed in the order
//! they were given, as the client's parallelOperation does, and errors of the parallel ones at the end.

use super::client::Op;
use super::container::State;
use super::create::parse_signal;
use super::request::ClientStdin;
use super::{Daemon, Turn, start};
use crate::call::{Signal, Tid};
use crate::node::{Cid, Stream};

#[derive(Clone, Debug)]
pub(super) struct Batch {
    verb: Verb,
    slots: Vec<Slot>,
    /// Slots before this have been printed.
    printed: usize,
    /// For the end, on standard error.
    errors: Vec<String>,
    failed: Vec<String>,
    /// The exit code of `docker start --attach`.
    code: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// With what the client brings along for `-i`.
    Start {
        attach: bool,
        stdin: ClientStdin,
    },
    Stop {
        timeout_s: Option<i64>,
    },
    Restart {
        timeout_s: Option<i64>,
    },
    Kill {
        signal: Signal,
    },
    Wait,
    Rm {
        force: bool,
    },
}

#[derive(Clone, Debug)]
struct Slot {
    name: String,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// The node is at work for it.
    Busy {
        cid: Cid,
        restarting: bool,
    },
    Done(Result<String, Failure>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// Printed on standard error.
    Said(String),
    /// Printed on standard error, without a bad exit code: `rm -f` of what is not there.
    Forgiven(String),
}

/// What happened to a container, told to all who wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Started,
    Failed { code: i32, text: String },
    Exited { code: i32 },
    Removed,
}

impl Batch {
    pub fn new(verb: Verb, names: Vec<String>) -> Batch {
        let slots = names.into_iter().map(|name| Slot { name, phase: Phase::Waiting }).collect();
        Batch { verb, slots, printed: 0, errors: Vec::new(), failed: Vec::new(), code: 0 }
    }

    /// Does `docker start --attach` pass on this container's output?
    pub fn attached_to(&self, cid: Cid) -> bool {
        matches!(self.verb, Verb::Start { attach: true, .. })
            && self.slots.iter().any(|slot| matches!(slot.phase, Phase::Busy { cid: busy, .. } if busy == cid))
    }

    /// The container that gets the console (`docker start -ai`).
    pub fn console_of(&self) -> Option<Cid> {
        if !matches!(self.verb, Verb::Start { stdin: ClientStdin::Console, .. }) {
            return None;
        }
        self.slots.iter().find_map(|slot| match slot.phase {
            Phase::Busy { cid, .. } => Some(cid),
            _ => None,
        })
    }

    /// Containers it waits for: a killed `start --attach` forwards its signal to them.
    pub fn attached(&self) -> Vec<Cid> {
        let busy = self.slots.iter().filter_map(|slot| match slot.phase {
            Phase::Busy { cid, .. } => Some(cid),
            _ => None,
        });
        busy.filter(|cid| self.attached_to(*cid)).collect()
    }

    fn parallel(&self) -> bool {
        matches!(self.verb, Verb::Stop { .. } | Verb::Kill { .. } | Verb::Rm { .. })
    }
}

impl Daemon {
    pub(super) fn batch(&mut self, tid: Tid, verb: Verb, names: Vec<String>, turn: &mut Turn<'_>) {
        if matches!(verb, Verb::Start { attach: true, .. }) && names.len() > 1 {
            return self.refuse(tid, "you cannot start and attach multiple containers at once", 1);
        }
        self.await_op(tid, Op::Batch(Batch::new(verb, names)));
        self.advance(tid, turn);
    }

    /// Begins what can begin and prints what is done.
    fn advance(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        loop {
            let Some(batch) = self.batch_of(tid) else { return };
            let next = batch.slots.iter().position(|slot| !matches!(slot.phase, Phase::Done(_)));
            let begin = if batch.parallel() {
                batch.slots.iter().position(|slot| slot.phase == Phase::Waiting)
            } else {
                next.filter(|i| batch.slots[*i].phase == Phase::Waiting)
            };
            let Some(i) = begin else { break };
            let (verb, name) = (batch.verb.clone(), batch.slots[i].name.clone());
            let phase = self.begin(&verb, &name, turn);
            if let Some(batch) = self.batch_of(tid) {
                batch.slots[i].phase = phase;
            }
            // What the daemon refuses itself is told before the next begins.
            self.print_done(tid);
        }
        self.print_done(tid);
    }

    fn begin(&mut self, verb: &Verb, name: &str, turn: &mut Turn<'_>) -> Phase {
        let attach = matches!(verb, Verb::Start { attach: true, .. });
        let cid = match self.find(name) {
            Ok(cid) => cid,
            Err(text) => return Phase::Done(Err(not_found(verb, name, attach, text))),
        };
        let Some(container) = self.containers.get(&cid).cloned() else { return Phase::Waiting };
        let done = |text: &str| Phase::Done(Ok(text.to_owned()));
        let busy = |restarting| Phase::Busy { cid, restarting };
        let running = container.job().is_some();
        match verb {
            Verb::Start { .. } if running && !attach => done(name),
            Verb::Start { .. } if running => busy(false),
            Verb::Start { stdin, .. } => {
                self.bring_stdin(cid, stdin);
                self.start(cid, turn);
                self.busy_unless_refused(cid)
            }
            Verb::Stop { .. } if !running => done(name),
            Verb::Stop { timeout_s } => {
                self.stop(cid, *timeout_s, turn);
                busy(false)
            }
            Verb::Restart { .. } if !running => {
                self.start(cid, turn);
                self.busy_unless_refused(cid)
            }
            Verb::Restart { timeout_s } => {
                self.stop(cid, *timeout_s, turn);
                busy(true)
            }
            Verb::Kill { .. } if !running => Phase::Done(Err(Failure::Said(format!(
                "Error response from daemon: Cannot kill container: {name}: Container {} is not running",
                container.id
            )))),
            Verb::Kill { signal } => {
                self.signal(cid, *signal, turn);
                // The daemon itself waits for the end after SIGKILL only.
                if *signal == Signal::SIGKILL { busy(false) } else { done(name) }
            }
            Verb::Wait if running => busy(false),
            Verb::Wait => done(&container.exit_code().to_string()),
            Verb::Rm { force: false } if running => Phase::Done(Err(Failure::Said(format!(
                "Error response from daemon: You cannot remove a running container {}. Stop the container before attempting removal or force remove",
                container.id
            )))),
            Verb::Rm { .. } if running => {
                self.change(cid, |c| c.auto_remove = true);
                self.signal(cid, Signal::SIGKILL, turn);
                busy(false)
            }
            Verb::Rm { .. } => {
                self.remove(cid, turn);
                done(name)
            }
        }
    }

    /// A container that was made with `-i` reads what the client of this start brings; others read nothing.
    fn bring_stdin(&mut self, cid: Cid, stdin: &ClientStdin) {
        self.change(cid, |c| {
            let attached = !matches!(stdin, ClientStdin::None);
            c.stdin = start::stdin_of(stdin, c.config.open_stdin && !attached, c.config.tty);
        });
    }

    /// The daemon may have refused the start at once (an unknown user): there is no news to come.
    fn busy_unless_refused(&self, cid: Cid) -> Phase {
        match self.containers.get(&cid).map(|c| &c.state) {
            Some(State::Created { failed: Some((_, text)) }) => Phase::Done(Err(Failure::Said(start_failure(text)))),
            _ => Phase::Busy { cid, restarting: false },
        }
    }

    /// Something happened to a container that this client's batch may wait for, perhaps under two names.
    pub(super) fn batch_news(&mut self, tid: Tid, cid: Cid, news: &News, turn: &mut Turn<'_>) {
        let Some(batch) = self.batch_of(tid) else { return };
        let verb = batch.verb.clone();
        let mut moved = false;
        let mut start_again = false;
        for slot in &mut batch.slots {
            let Phase::Busy { cid: its, restarting } = slot.phase else { continue };
            let Some(phase) = (its == cid).then(|| after(&verb, news, cid, restarting, &slot.name)).flatten() else {
                continue;
            };
            start_again |= matches!(phase, Phase::Busy { .. });
            slot.phase = phase;
            moved = true;
        }
        if let (Verb::Start { attach: true, .. }, News::Exited { code }) = (&verb, news) {
            batch.code = *code;
        }
        if start_again {
            self.start(cid, turn);
        }
        if moved {
            self.advance(tid, turn);
        }
    }

    fn print_done(&mut self, tid: Tid) {
        let Some(client) = self.clients.get_mut(&tid) else { return };
        if client.finished() {
            return;
        }
        let Op::Batch(batch) = &mut client.op else { return };
        let mut now = Vec::new();
        while let Some(slot) = batch.slots.get(batch.printed) {
            let Phase::Done(result) = &slot.phase else { break };
            match result {
                Ok(text) if text.is_empty() => {}
                Ok(text) => now.push((Stream::Stdout, format!("{text}\n"))),
                Err(Failure::Forgiven(text)) => now.push((Stream::Stderr, format!("{text}\n"))),
                Err(Failure::Said(text)) => {
                    batch.failed.push(slot.name.clone());
                    match batch.verb {
                        Verb::Start { .. } => now.push((Stream::Stderr, format!("{text}\n"))),
                        _ => batch.errors.push(text.clone()),
                    }
                }
            }
            batch.printed += 1;
        }
        if batch.printed == batch.slots.len() {
            let attach = matches!(batch.verb, Verb::Start { attach: true, .. });
            if matches!(batch.verb, Verb::Start { .. }) && !attach && !batch.failed.is_empty() {
                batch.errors.push(format!("Error: failed to start containers: {}", batch.failed.join(", ")));
            }
            now.extend(batch.errors.drain(..).map(|text| (Stream::Stderr, format!("{text}\n"))));
            let code = if batch.failed.is_empty() { batch.code } else { 1 };
            client.finish(code);
        }
        for (stream, text) in now {
            client.say(stream, text.as_bytes());
        }
    }

    fn batch_of(&mut self, tid: Tid) -> Option<&mut Batch> {
        match &mut self.clients.get_mut(&tid)?.op {
            Op::Batch(batch) => Some(batch),
            _ => None,
        }
    }
}

/// What a slot that waits for a container becomes by this news; nothing if it waits on.
fn after(verb: &Verb, news: &News, cid: Cid, restarting: bool, name: &str) -> Option<Phase> {
    let done = |text: String| Some(Phase::Done(Ok(text)));
    match (verb, news) {
        (Verb::Start { attach: true, .. }, News::Started) => None,
        (Verb::Start { .. } | Verb::Restart { .. }, News::Started) => done(name.to_owned()),
        (Verb::Start { .. } | Verb::Restart { .. }, News::Failed { text, .. }) => {
            Some(Phase::Done(Err(Failure::Said(start_failure(text)))))
        }
        (Verb::Start { attach: true, .. }, News::Exited { .. }) => done(String::new()),
        (Verb::Restart { .. }, News::Exited { .. }) if restarting => Some(Phase::Busy { cid, restarting: false }),
        (Verb::Stop { .. } | Verb::Kill { .. }, News::Exited { .. }) => done(name.to_owned()),
        (Verb::Wait, News::Exited { code }) => done(code.to_string()),
        (_, News::Removed) => done(name.to_owned()),
        _ => None,
    }
}

fn start_failure(text: &str) -> String {
    format!("Error response from daemon: {text}")
}

fn not_found(verb: &Verb, name: &str, attach: bool, text: String) -> Failure {
    match verb {
        Verb::Rm { force: true } => Failure::Forgiven(format!("Error: {text}")),
        Verb::Rm { .. } => Failure::Said(format!("Error: {text}")),
        Verb::Start { .. } if attach => Failure::Said(format!("Error: {text}")),
        Verb::Kill { .. } => {
            Failure::Said(format!("Error response from daemon: Cannot kill container: {name}: {text}"))
        }
        _ => Failure::Said(format!("Error response from daemon: {text}")),
    }
}

/// `docker kill --signal`.
pub(super) fn kill_verb(signal: &str) -> Result<Verb, String> {
    match parse_signal(signal) {
        Some(signal) => Ok(Verb::Kill { signal }),
        None => Err(format!("Error response from daemon: Invalid signal: {signal}")),
    }
}
