//! The ledger: turns what nodes and control planes say into numbered events with their causes.
//!
//! It sees everything that passes through the world and acts on nothing. Alike file events of one process in a row
//! become one event with a count, so that a build that writes two hundred files is one tick of the timeline.

use crate::call::{Tid, WaitStatus};
use crate::docker::Decision;
use crate::fact;
use crate::image::Digest;
use crate::node::{CallRecord, Cid, Happening, JobId, KernelEvent, NodeEvent, NodeRequest, Place, Stream};
use crate::session::Chunk;
use crate::sim::Map;
use crate::sim::Nanos;
use crate::trace::{Event, EventId, What};

/// What one run of a machine told.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub events: Vec<Event>,
    pub calls: Vec<CallRecord>,
    pub output: Vec<Chunk>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Log {
    pub(super) fn show(&mut self, event: u32, stream: Stream, data: &[u8]) {
        let stderr = stream == Stream::Stderr;
        let kept = if stderr { &mut self.stderr } else { &mut self.stdout };
        kept.extend_from_slice(data);
        let text = String::from_utf8_lossy(data);
        match self.output.last_mut() {
            Some(chunk) if chunk.event == event && chunk.stderr == stderr => chunk.text.push_str(&text),
            _ => self.output.push(Chunk { event, stderr, text: text.into_owned() }),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    next: u32,
    /// The event of the input that everything now follows from.
    input: Option<EventId>,
    /// The event each living process owes its being to.
    origins: Map<Tid, EventId>,
    /// The last signal each process was sent, should it die of it.
    signals: Map<Tid, EventId>,
    /// The event that each job was started by, and that its first process's end is.
    job_causes: Map<JobId, EventId>,
    job_roots: Map<JobId, Tid>,
    job_containers: Map<JobId, Cid>,
    containers: Map<Cid, ContainerNames>,
    layers: Map<Digest, EventId>,
    /// The last kernel event, to count alike ones and to chain those about one path.
    last: Option<(EventId, KernelEvent)>,
}

#[derive(Clone, Debug)]
struct ContainerNames {
    name: String,
    layers: Vec<Digest>,
}

impl Ledger {
    pub fn events(&self) -> u32 {
        self.next
    }

    pub fn origin(&self, tid: Tid) -> Option<EventId> {
        self.origins.get(&tid).copied().or(self.input)
    }

    /// The container a job runs in, by name.
    pub fn container_of(&self, job: JobId) -> Option<String> {
        let container = self.job_containers.get(&job)?;
        self.containers.get(container).map(|names| names.name.clone())
    }

    pub fn input(&mut self, now: Nanos, text: String, log: &mut Log) {
        self.last = None;
        self.input = Some(self.event(now, Vec::new(), String::new(), What::Input { text }, log));
        // What the session's shell does from now on, it does because of this.
        if let Some((tid, input)) = self.job_roots.get(&JobId(0)).zip(self.input) {
            self.origins.insert(*tid, input);
        }
    }

    pub fn event(&mut self, at: Nanos, causes: Vec<EventId>, about: String, what: What, log: &mut Log) -> EventId {
        let id = EventId(self.next);
        self.next += 1;
        log.events.push(Event { id, at, causes, about, what });
        id
    }

    pub fn decision(&mut self, now: Nanos, decision: Decision, cause: Option<EventId>, log: &mut Log) {
        self.last = None;
        let Decision { category, about, layer, text } = decision;
        let causes = cause.or(self.input).into_iter().collect();
        let id = self.event(now, causes, about, What::Control { category, text }, log);
        if let Some(digest) = layer {
            self.layers.get_or_insert_with(digest, || id);
        }
    }

    /// Remembers who asked for what, so that what follows has its cause.
    pub fn requested(&mut self, request: &NodeRequest) {
        match request {
            NodeRequest::Create { container, spec } => {
                let names = ContainerNames { name: spec.name.clone(), layers: spec.layers.clone() };
                self.containers.insert(*container, names);
            }
            NodeRequest::Start { job, at, .. } => {
                let latest = self.next.checked_sub(1).map(EventId);
                let cause = if *at == Place::Node { self.input.or(latest) } else { latest };
                self.job_causes.extend(cause.map(|cause| (*job, cause)));
                if let Place::Init(container) | Place::Join(container) = at {
                    self.job_containers.insert(*job, *container);
                }
            }
            NodeRequest::Remove { container } => {
                self.containers.remove(container);
            }
            _ => {}
        }
    }

    pub fn heard(&mut self, event: &NodeEvent) {
        match event {
            NodeEvent::Started { job, pid } => {
                self.job_roots.insert(*job, *pid);
                let cause = self.job_causes.get(job).copied();
                self.origins.extend(cause.map(|cause| (*pid, cause)));
            }
            NodeEvent::Exited { job, .. } | NodeEvent::StartFailed { job, .. } => {
                self.job_roots.remove(job);
                self.job_containers.remove(job);
            }
            _ => {}
        }
    }

    /// The event a control plane's reaction to this word of a node follows from.
    pub fn cause_of(&self, event: &NodeEvent) -> Option<EventId> {
        match event {
            NodeEvent::Started { job, .. }
            | NodeEvent::StartFailed { job, .. }
            | NodeEvent::Exited { job, .. }
            | NodeEvent::Output { job, .. } => self.job_causes.get(job).copied(),
            NodeEvent::ClientGone { tid } => self.origin(*tid),
            _ => self.next.checked_sub(1).map(EventId),
        }
    }

    pub fn kernel(&mut self, now: Nanos, event: KernelEvent, log: &mut Log) {
        match &event.what {
            Happening::Forked { child } => {
                let origin = self.origin(event.tid);
                self.origins.extend(origin.map(|origin| (*child, origin)));
                return;
            }
            Happening::Exited { status } => {
                let id = self.exited(now, &event, *status, log);
                let job = self.job_roots.iter().find(|(_, root)| **root == event.tid).map(|(job, _)| *job);
                if let Some((job, id)) = job.zip(id) {
                    self.job_causes.insert(job, id);
                }
                return;
            }
            // On the node, the input itself is the tick.
            Happening::Executed { .. } if event.container.is_none() => return,
            _ => {}
        }
        if self.counts_as_one_more(&event, log) {
            return;
        }
        let causes = self.causes(&event);
        let about = self.about(&event);
        let executed = matches!(event.what, Happening::Executed { .. });
        let id = self.event(now, causes, about, What::Kernel { event: event.clone(), times: 1 }, log);
        if executed {
            self.origins.insert(event.tid, id);
        }
        if let Happening::Signaled { target, delivered: true, .. } = event.what {
            self.signals.insert(target, id);
        }
        self.last = Some((id, event));
    }

    /// A death by a signal is worth a tick; so is that of a container's first process, which its daemon tells.
    fn exited(&mut self, now: Nanos, event: &KernelEvent, status: WaitStatus, log: &mut Log) -> Option<EventId> {
        let mut causes: Vec<EventId> = self.origin(event.tid).into_iter().collect();
        let signal = self.signals.remove(&event.tid);
        let told = match status {
            WaitStatus::Signaled(_) => {
                causes.extend(signal);
                let about = self.about(event);
                let what = What::Kernel { event: event.clone(), times: 1 };
                self.last = None;
                Some(self.event(now, causes.clone(), about, what, log))
            }
            WaitStatus::Exited(_) => causes.first().copied(),
        };
        self.origins.remove(&event.tid);
        told
    }

    /// What follows closely from the last event is one more of the same, not another tick: files that the same container
    /// writes one after another, and the commands of a script that write them.
    fn counts_as_one_more(&mut self, event: &KernelEvent, log: &mut Log) -> bool {
        use Happening::*;
        let Some((id, last)) = &self.last else { return false };
        if last.container != event.container || (event.container.is_none() && last.tid != event.tid) {
            return false;
        }
        let writes = |event: &KernelEvent| matches!(event.what, Created { .. } | Wrote { .. } | ModeChanged { .. });
        let runs = |event: &KernelEvent| matches!(event.what, Executed { .. }) && !self.is_first_of_a_job(event.tid);
        let alike = match (&last.what, &event.what) {
            _ if runs(last) || writes(last) => runs(event) || writes(event),
            (Removed { .. }, Removed { .. }) => true,
            (CopiedUp { path: copied, .. }, Wrote { path } | ModeChanged { path, .. }) => copied == path,
            _ => false,
        };
        let another = std::mem::discriminant(&last.what) == std::mem::discriminant(&event.what);
        if alike && matches!(event.what, Executed { .. }) {
            self.origins.insert(event.tid, *id);
        }
        // In a replay the log is new: the event is there already, with its full count.
        if let (true, true, Some(first)) = (alike, another, log.events.last_mut())
            && let What::Kernel { times, .. } = &mut first.what
        {
            *times += 1;
        }
        alike
    }

    fn is_first_of_a_job(&self, tid: Tid) -> bool {
        self.job_roots.values().any(|root| *root == tid)
    }

    fn causes(&self, event: &KernelEvent) -> Vec<EventId> {
        let mut causes: Vec<EventId> = self.origin(event.tid).into_iter().collect();
        let found_in = match event.what {
            Happening::CopiedUp { layer, .. } | Happening::WhitedOut { layer, .. } => Some(layer),
            _ => None,
        };
        let names = event.container.and_then(|container| self.containers.get(&container));
        if let Some((names, layer)) = names.zip(found_in) {
            let digest = usize::try_from(layer).ok().and_then(|n| names.layers.get(n.checked_sub(1)?));
            causes.extend(digest.and_then(|digest| self.layers.get(digest)));
        }
        causes.dedup();
        causes
    }

    /// The fact path an event is about.
    fn about(&self, event: &KernelEvent) -> String {
        use Happening::*;
        let container = event.container.and_then(|container| self.containers.get(&container));
        let path = match &event.what {
            CopiedUp { path, .. } | WhitedOut { path, .. } | MadeOpaque { path } | Created { path } => Some(path),
            Wrote { path } | Removed { path } | ModeChanged { path, .. } => Some(path),
            Renamed { to, .. } => Some(to),
            _ => None,
        };
        let process = event.tid.0.to_string();
        match (container, path, &event.what) {
            (Some(container), Some(path), _) => fact::path(["container", &container.name, "upper", path]),
            (Some(container), None, HostnameSet { .. }) => fact::path(["container", &container.name, "hostname"]),
            (Some(container), None, _) => fact::path(["container", &container.name]),
            (None, Some(path), _) => fact::path(["node", "file", path]),
            (None, None, HostnameSet { .. }) => "node/hostname".to_owned(),
            (None, None, _) => fact::path(["process", &process]),
        }
    }
}
