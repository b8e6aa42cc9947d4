//! The pids controller (cgroup-v2.rst, "PID"; kernel/cgroup/pids.c): how many processes a group may have.

use super::{ControlGroups, GroupId, Membership, number};
use crate::call::Errno;
use crate::scenario::Linux;

/// PID_MAX_LIMIT of include/linux/threads.h.
const PIDS_MAX: u64 = 4 << 20;
const PIDS_EVENTS_HIERARCHICAL: Linux = Linux(6, 11);

#[derive(Clone, Debug, Default)]
pub(super) struct Pids {
    max: Option<u64>,
    /// Forks that failed on the limit of this group.
    failed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    Current,
    Events,
    Max,
}

pub(super) fn read(all: &ControlGroups, group: GroupId, what: What) -> Result<String, Errno> {
    let pids = all.group(group).pids.as_ref().ok_or(Errno::ENODEV)?;
    Ok(match what {
        What::Current => format!("{}\n", all.charged_below(group)),
        What::Events => format!("max {}\n", pids.failed),
        What::Max => number::or_max(pids.max) + "\n",
    })
}

pub(super) fn write(all: &mut ControlGroups, group: GroupId, what: What, text: &str) -> Result<(), Errno> {
    let pids = all.group_mut(group).pids.as_mut().ok_or(Errno::ENODEV)?;
    match what {
        What::Max => {
            let text = text.trim();
            pids.max = match text {
                "max" => None,
                // pids_max_write reads it signed.
                limit => match number::signed(limit)? {
                    limit if limit < 0 || limit as u64 > PIDS_MAX => return Err(Errno::EINVAL),
                    limit => Some(limit as u64),
                },
            };
            Ok(())
        }
        What::Current | What::Events => Err(Errno::EINVAL),
    }
}

impl ControlGroups {
    /// Processes in a group and below, zombies included.
    pub(super) fn charged_below(&self, group: GroupId) -> u64 {
        // A group that was removed still has its zombies under it.
        let under = |id: GroupId| self.upward(id).any(|above| above == group);
        self.groups
            .iter()
            .filter(|(id, group)| group.charged > 0 && under(**id))
            .map(|(_, g)| u64::from(g.charged))
            .sum()
    }

    /// One more process: EAGAIN if a group on the way up has as many as it may (pids_try_charge). Attaching is not asked.
    pub(in crate::kernel) fn may_fork(&mut self, at: &Membership) -> Result<(), Errno> {
        for group in at.iter().filter(|group| group.0 != 0) {
            let full = self.upward(*group).find(|id| {
                let max = self.group(*id).pids.as_ref().and_then(|pids| pids.max);
                max.is_some_and(|max| self.charged_below(*id) >= max)
            });
            if let Some(full) = full {
                self.fork_failed(*group, full);
                return Err(Errno::EAGAIN);
            }
        }
        Ok(())
    }

    /// Since Linux 6.11 version 2 counts where the limit is and above; before it, and in version 1, where the fork was.
    fn fork_failed(&mut self, at: GroupId, full: GroupId) {
        let counted: Vec<GroupId> = match self.is_v2(at) && self.linux >= PIDS_EVENTS_HIERARCHICAL {
            true => self.upward(full).collect(),
            false => self.upward(at).find(|group| self.group(*group).pids.is_some()).into_iter().collect(),
        };
        for group in counted {
            if let Some(pids) = self.group_mut(group).pids.as_mut() {
                pids.failed += 1;
            }
        }
    }
}
