//! Requests that need the upper layers of containers: the node is asked to commit them; when all are there, the
//! request goes on.

use super::client::Op;
use super::commit::Commit;
use super::inspect::Inspect;
use super::ps::Ps;
use super::{Daemon, Turn, changes};
use crate::call::Tid;
use crate::node::{Cid, NodeRequest, Stream};
use crate::sim::{Map, Set};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Reading {
    wanted: Set<Cid>,
    read: Map<Cid, Arc<[u8]>>,
    then: Then,
}

/// What the layers are for.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Ps {
        ps: Ps,
        shown: Vec<Cid>,
    },
    Diff {
        container: Cid,
    },
    Inspect(Inspect),
    Commit {
        commit: Commit,
        container: Cid,
    },
    DiskUsage,
    /// `docker container prune`: of all that do not run.
    Prune,
}

impl Daemon {
    /// Asks for the upper layers of these containers; without any, goes on at once.
    pub(super) fn read_uppers(&mut self, tid: Tid, containers: Vec<Cid>, then: Then, turn: &mut Turn<'_>) {
        let wanted: Set<Cid> = containers.into_iter().collect();
        turn.out.requests.extend(wanted.iter().map(|cid| NodeRequest::Commit { container: *cid }));
        let reading = Reading { wanted, read: Map::new(), then };
        self.await_op(tid, Op::Reading(Box::new(reading)));
        self.all_read(tid, turn);
    }

    pub(super) fn committed(&mut self, container: Cid, tar: &Arc<[u8]>, turn: &mut Turn<'_>) {
        let clients: Vec<Tid> = self.clients.keys().copied().collect();
        for tid in clients {
            let Some(Op::Reading(reading)) = self.clients.get_mut(&tid).map(|client| &mut client.op) else { continue };
            if reading.wanted.contains(&container) && !reading.read.contains_key(&container) {
                reading.read.insert(container, tar.clone());
                self.all_read(tid, turn);
            }
        }
    }

    fn all_read(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let Some(client) = self.clients.get_mut(&tid) else { return };
        let Op::Reading(reading) = &client.op else { return };
        if reading.read.len() < reading.wanted.len() {
            return;
        }
        let Op::Reading(reading) = std::mem::replace(&mut client.op, Op::Told) else { return };
        let sizes = reading.read.iter().map(|(cid, tar)| (*cid, changes::size_bytes(tar))).collect();
        match reading.then {
            Then::Ps { ps, shown } => self.show_ps(tid, &ps, &shown, &sizes, turn.now),
            Then::Diff { container } => self.show_diff(tid, container, &reading.read),
            Then::Commit { commit, container } => {
                if let Some(upper) = reading.read.get(&container) {
                    self.commit_upper(tid, &commit, container, upper.clone(), turn);
                }
            }
            Then::DiskUsage => self.disk_usage(tid, &sizes),
            Then::Prune => self.prune_containers(tid, &sizes, turn),
            Then::Inspect(inspect) => self.show_inspect(tid, &inspect, &sizes),
        }
    }

    pub(super) fn diff(&mut self, tid: Tid, name: &str, turn: &mut Turn<'_>) {
        match self.find(name) {
            Ok(container) => self.read_uppers(tid, vec![container], Then::Diff { container }, turn),
            Err(text) => self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        }
    }

    fn show_diff(&mut self, tid: Tid, cid: Cid, read: &Map<Cid, Arc<[u8]>>) {
        let image = self.containers.get(&cid).map(|c| c.image);
        let layers = image.map(|image| self.images.layers(&image)).unwrap_or_default();
        let lower = changes::merged(layers.iter().map(|layer| &layer.entries[..]));
        let lines = read.get(&cid).map(|upper| changes::changes(&lower, upper)).unwrap_or_default();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.say(tid, Stream::Stdout, &text);
        self.finish(tid, 0);
    }
}
