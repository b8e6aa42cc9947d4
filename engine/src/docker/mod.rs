//! The Docker daemon as a control plane: images, containers and builds as plain data, sans I/O.
//!
//! A guest's `docker` program parses its arguments ([`crate::command`]), reads what the client reads (the build
//! context, its stdin) with ordinary system calls, and sends a [`Request`]. The daemon answers with [`Answer`]s: text to
//! print now, and whether to ask again. For node work it emits [`NodeRequest`]s and goes on when the [`NodeEvent`]
//! arrives. It makes no call of its own and knows neither kernel.

mod request;

pub use request::*;

use crate::call::Tid;
use crate::fact::Facts;
use crate::image::Digest;
use crate::node::{JobId, NodeEvent, NodeRequest, Watch};
use crate::scenario::Scenario;
use crate::sim::Nanos;
use crate::trace::Category;

/// Containers, images and builds in progress.
#[derive(Clone, Debug)]
pub struct Daemon {}

/// What the daemon wants done and told, in order.
#[derive(Clone, Debug, Default)]
pub struct DaemonOutput {
    pub requests: Vec<NodeRequest>,
    /// Each becomes [`NodeRequest::Answer`].
    pub answers: Vec<(Tid, Answer)>,
    pub decisions: Vec<Decision>,
}

/// Something the daemon decided, for the trace and for "why?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub category: Category,
    /// The fact path it is about, or the beginning of one (`image/web:1/layer/2`).
    pub about: String,
    /// The layer that came to be, when it is about one: what later finds a file there names this event as its cause.
    pub layer: Option<Digest>,
    /// One line in Docker's own words: `layer 3: ADD run-httpd.sh`, `cache hit: RUN yum …`.
    pub text: String,
}

impl Daemon {
    pub fn new(scenario: &Scenario) -> Daemon {
        let _ = scenario;
        Daemon {}
    }

    /// A client (the guest process `client`) sent a request. It is answered now or later, by `answers`.
    pub fn request(&mut self, client: Tid, request: Request, now: Nanos, out: &mut DaemonOutput) {
        let _ = (request, now);
        out.answers.push((client, Answer { stdout: Vec::new(), stderr: Vec::new(), then: Then::Exit(0) }));
    }

    /// Something happened on the node.
    pub fn on(&mut self, event: &NodeEvent, now: Nanos, out: &mut DaemonOutput) {
        let _ = (event, now, out);
    }

    /// The time that [`Daemon::next_wake`] named has come (the grace period of `docker stop`).
    pub fn wake(&mut self, now: Nanos, out: &mut DaemonOutput) {
        let _ = (now, out);
    }

    pub fn next_wake(&self) -> Option<Nanos> {
        None
    }

    /// The job that has the console because a client with `-i` is attached to it, if any.
    pub fn console(&self) -> Option<JobId> {
        None
    }

    /// Facts the daemon knows: `image/…`, `store/…`, `container/*/state`, `container/*/exit_code`.
    pub fn facts(&self, watch: &Watch, out: &mut Facts) {
        let _ = (watch, out);
    }
}
