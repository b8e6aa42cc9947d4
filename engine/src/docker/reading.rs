//! Requests that need the upper layer of containers: the node is asked to commit, the answer is the rest.

use super::{Daemon, Turn};
use crate::node::Cid;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Reading {}

impl Daemon {
    pub(super) fn committed(&mut self, container: Cid, tar: &Arc<[u8]>, turn: &mut Turn<'_>) {
        let _ = (container, tar, turn);
    }
}
