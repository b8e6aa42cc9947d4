//! `docker logs`: what a container wrote, both streams apart and in order.

use super::client::Op;
use super::{Daemon, container};
use crate::call::Tid;

impl Daemon {
    pub(super) fn logs(&mut self, tid: Tid, name: &str, follow: bool, timestamps: bool, tail: Option<&str>) {
        let container = match self.find(name) {
            Ok(cid) => self.containers.get(&cid).cloned(),
            Err(text) => return self.refuse(tid, &format!("Error: {text}"), 1),
        };
        let Some(container) = container else { return };
        let lines = container.log.lines();
        // What is not a number shows everything, as the daemon takes it.
        let shown = tail.and_then(|tail| tail.parse::<usize>().ok()).unwrap_or(lines.len());
        for (at, stream, line) in lines.iter().skip(lines.len().saturating_sub(shown)) {
            if timestamps {
                self.say(tid, *stream, &format!("{} ", container::timestamp(*at)));
            }
            if let Some(client) = self.clients.get_mut(&tid) {
                client.say(*stream, line);
            }
        }
        if follow && container.job().is_some() {
            self.await_op(tid, Op::Follow { container: container.cid });
        } else {
            self.finish(tid, 0);
        }
    }
}
