//! The freezer controller of version 1 (cgroup-v1/freezer-subsystem.rst; kernel/cgroup/legacy_freezer.c).

use super::{ControlGroups, GroupId};
use crate::call::Errno;

#[derive(Clone, Debug, Default)]
pub(super) struct Freezer {
    pub frozen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    State,
    SelfFreezing,
    ParentFreezing,
}

pub(super) fn read(all: &ControlGroups, group: GroupId, what: What) -> Result<String, Errno> {
    let own = all.group(group).freezer.as_ref().ok_or(Errno::ENODEV)?.frozen;
    let above = all.group(group).parent.is_some_and(|parent| all.is_frozen(parent));
    Ok(match what {
        // Nothing is on its way: who is to be frozen does not run here.
        What::State if own || above => "FROZEN\n".to_owned(),
        What::State => "THAWED\n".to_owned(),
        What::SelfFreezing => format!("{}\n", u8::from(own)),
        What::ParentFreezing => format!("{}\n", u8::from(above)),
    })
}

pub(super) fn write(all: &mut ControlGroups, group: GroupId, what: What, text: &str) -> Result<(), Errno> {
    let frozen = match (what, text.trim()) {
        (What::State, "FROZEN") => true,
        (What::State, "THAWED") => false,
        _ => return Err(Errno::EINVAL),
    };
    all.group_mut(group).freezer.as_mut().ok_or(Errno::ENODEV)?.frozen = frozen;
    all.note_frozen();
    Ok(())
}
