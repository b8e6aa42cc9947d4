//! The trace: what one run did, as events with causes, calls, facts after each input, and a digest.
//!
//! Canonical text: one line an entry, integers and escaped strings only, so that the same run gives the same bytes on
//! every machine (I2). The digest is SHA-256 over those lines.

use crate::call::{Ret, Sys, Tid, WaitStatus};
use crate::fact::Facts;
use crate::image::Digest;
use crate::node::{CallOutcome, CallRecord, KernelEvent};
use crate::sim::Nanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Position of an event in its trace, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId(pub u32);

/// Something that happened, with its time and its cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    pub at: Nanos,
    /// The events without which this one would not have happened, the nearest first; empty for what a person did.
    pub causes: Vec<EventId>,
    /// The facts it is about: a fact path or the beginning of one.
    pub about: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A person's input: line, save, interrupt, advance.
    Input { text: String },
    /// `times` counts alike events of one process in a row (a hundred files created), of which this is the first.
    Kernel { event: KernelEvent, times: u32 },
    /// A control plane's decision, in its own words: `layer`, `cache hit`, `container created`.
    Control { category: Category, text: String },
    /// A limit was reached (I6).
    Limit { text: String },
}

/// What an event is coloured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    Typed,
    Layer,
    Container,
    Process,
    Cgroup,
    Network,
    Decision,
}

/// What one input led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub input: String,
    pub events: Vec<Event>,
    pub calls: Vec<CallRecord>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// `$?` of the session's shell afterwards; `None` while a program still has the console.
    pub exit_code: Option<i32>,
    /// Every fact after it.
    pub facts: Facts,
    pub ended_at: Nanos,
}

/// One run of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub steps: Vec<Step>,
}

impl Trace {
    pub fn digest(&self) -> Digest {
        self.steps.iter().fold(Digest::of(b""), extend)
    }
}

/// The digest of a trace that is one step longer.
pub fn extend(before: Digest, step: &Step) -> Digest {
    let mut hash = Sha256::new();
    hash.update(before.0);
    hash.update(canonical(step).as_bytes());
    Digest(hash.finalize().into())
}

/// An event in one line of words, for "why?" and for the timeline's text.
pub fn describe(event: &Event) -> String {
    match &event.what {
        What::Input { text } => format!("you: {text}"),
        What::Control { text, .. } | What::Limit { text } => text.clone(),
        What::Kernel { event, times } => {
            let more = if *times > 1 { format!(", and {} more", times - 1) } else { String::new() };
            format!("{}{more}", describe_kernel(event))
        }
    }
}

fn describe_kernel(event: &KernelEvent) -> String {
    use crate::node::Happening::*;
    let pid = event.tid.0;
    match &event.what {
        Forked { child } => format!("pid {pid} forked pid {}", child.0),
        Executed { argv, .. } => format!("pid {pid} became `{}`", argv.join(" ")),
        Exited { status: WaitStatus::Exited(code) } => format!("pid {pid} exited with {code}"),
        Exited { status: WaitStatus::Signaled(signal) } => format!("pid {pid} was killed by {}", signal.name()),
        Signaled { target, signal, delivered: true } => format!("{} sent to pid {}", signal.name(), target.0),
        Signaled { target, signal, delivered: false } => {
            format!("{} sent to pid {}, which the kernel ignores for it", signal.name(), target.0)
        }
        CopiedUp { path, layer, size_bytes } => {
            format!("{path} copied up whole ({size_bytes} B) from layer {layer}, before its first change")
        }
        WhitedOut { path, layer } => format!("{path} hidden by a whiteout; layer {layer} still holds it"),
        MadeOpaque { path } => format!("{path} made anew and opaque: nothing below it shows"),
        Created { path } => format!("{path} created"),
        Wrote { path } => format!("{path} written"),
        Removed { path } => format!("{path} removed"),
        Renamed { from, to } => format!("{from} renamed to {to}"),
        ModeChanged { path, mode } => format!("mode of {path} set to {mode:04o}"),
        Mounted { target, fstype } => format!("{fstype} mounted on {target}"),
        Unmounted { target } => format!("{target} unmounted"),
        HostnameSet { name } => format!("hostname set to {name}"),
        Unshared => format!("pid {pid} left its namespaces for new ones"),
    }
}

/// A step as canonical text.
pub fn canonical(step: &Step) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "input {:?}", step.input);
    for call in &step.calls {
        let _ = writeln!(out, "call {}", call_text(call));
    }
    for event in &step.events {
        let causes: Vec<u32> = event.causes.iter().map(|cause| cause.0).collect();
        let _ = writeln!(out, "event {} {} {causes:?} {} {:?}", event.id.0, event.at, event.about, event.what);
    }
    let _ = writeln!(out, "stdout {:?}", String::from_utf8_lossy(&step.stdout));
    let _ = writeln!(out, "stderr {:?}", String::from_utf8_lossy(&step.stderr));
    let _ = writeln!(out, "exit {:?} at {}", step.exit_code, step.ended_at);
    for (path, value) in &step.facts {
        let _ = writeln!(out, "fact {path} = {value}");
    }
    out
}

/// A call as one line: `4 open("/etc/hosts", r) = 3`. Long data is shown by its length and digest.
pub fn call_text(call: &CallRecord) -> String {
    let Tid(tid) = call.tid;
    let outcome = match &call.outcome {
        CallOutcome::Returned(ret) => format!("= {}", ret_text(ret)),
        CallOutcome::Blocked => "blocks".to_owned(),
        CallOutcome::Woken(ret) => format!("wakes = {}", ret_text(ret)),
        CallOutcome::Became => "became".to_owned(),
        CallOutcome::Gone(WaitStatus::Exited(code)) => format!("exited {code}"),
        CallOutcome::Gone(WaitStatus::Signaled(signal)) => format!("killed {}", signal.name()),
    };
    let sys = call.sys.as_ref().map_or_else(|| "-".to_owned(), sys_text);
    format!("{tid} {sys} {outcome}")
}

fn sys_text(sys: &Sys) -> String {
    match sys {
        Sys::Write { fd, data } => format!("Write {{ fd: {fd}, {} }}", data_text(data)),
        Sys::Fork { until_exec, .. } => format!("Fork {{ until_exec: {until_exec} }}"),
        Sys::Clone { new, with, .. } => format!("Clone {{ new: {new:?}, with: {with:?} }}"),
        Sys::Control(_) => "Control".to_owned(),
        other => format!("{other:?}"),
    }
}

fn ret_text(ret: &Ret) -> String {
    match ret {
        Ret::Data(data) => data_text(data),
        Ret::Err(errno) => errno.name().to_owned(),
        Ret::Control(answer) => {
            format!("{} {} {:?}", data_text(&answer.stdout), data_text(&answer.stderr), answer.then)
        }
        other => format!("{other:?}"),
    }
}

fn data_text(data: &[u8]) -> String {
    const SHOWN: usize = 64;
    if data.len() <= SHOWN {
        format!("{:?}", String::from_utf8_lossy(data))
    } else {
        format!("{} bytes {}", data.len(), Digest::of(data).short())
    }
}
