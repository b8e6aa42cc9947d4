//! The files of version 2 that are no controller's (cgroup-v2.rst, "Core Interface Files"; kernel/cgroup/cgroup.c).

use super::{ControlGroups, Controller, Controllers, Group, GroupId, Membership, number};
use crate::call::Errno;

#[derive(Clone, Debug, Default)]
pub(super) struct Core {
    /// `cgroup.subtree_control`.
    pub enabled: Controllers,
    /// `cgroup.type` was set.
    pub threaded: bool,
    /// `cgroup.freeze`.
    pub frozen: bool,
    pub max_depth: Option<u32>,
    pub max_descendants: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    Controllers,
    SubtreeControl,
    Events,
    Freeze,
    Kill,
    MaxDepth,
    MaxDescendants,
    Stat,
    Type,
}

/// Version 1 keeps every signal from who is frozen, version 2 all but those that end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Frozen {
    V1,
    V2,
}

impl Group {
    fn is_frozen(&self) -> bool {
        self.core.frozen || self.freezer.as_ref().is_some_and(|freezer| freezer.frozen)
    }
}

/// What is left to do with the processes of a group, once its file was written to.
pub(super) enum Then {
    Nothing,
    /// SIGKILL for all of them, and those below.
    Kill,
    /// Some may go on, or not any more.
    Thaw,
}

pub(super) fn read(all: &ControlGroups, id: GroupId, what: What) -> Result<String, Errno> {
    let group = all.group(id);
    Ok(match what {
        What::Controllers => all.available(id).text(),
        What::SubtreeControl => group.core.enabled.text(),
        What::Events => {
            let populated = u8::from(all.is_populated(id));
            format!("populated {populated}\nfrozen {}\n", u8::from(all.is_frozen_whole(id)))
        }
        What::Freeze => format!("{}\n", u8::from(group.core.frozen)),
        What::Kill => return Err(Errno::EINVAL),
        What::MaxDepth => number::or_max(group.core.max_depth) + "\n",
        What::MaxDescendants => number::or_max(group.core.max_descendants) + "\n",
        // Those that are dying go when the kernel gets to it.
        What::Stat => format!("nr_descendants {}\nnr_dying_descendants 0\n", all.below(id).len() - 1),
        What::Type => all.type_name(id).to_owned() + "\n",
    })
}

pub(super) fn write(all: &mut ControlGroups, id: GroupId, what: What, text: &str) -> Result<Then, Errno> {
    let text = text.trim();
    match what {
        What::SubtreeControl => all.set_enabled(id, text)?,
        What::Freeze => {
            all.group_mut(id).core.frozen = flag(text)?;
            all.note_frozen();
            return Ok(Then::Thaw);
        }
        What::Kill if all.group(id).core.threaded => return Err(Errno::ENOTSUP),
        What::Kill if number::int(text)? == 1 => return Ok(Then::Kill),
        What::Kill => return Err(Errno::ERANGE),
        What::MaxDepth => all.group_mut(id).core.max_depth = number::int_or_max(text)?,
        What::MaxDescendants => all.group_mut(id).core.max_descendants = number::int_or_max(text)?,
        What::Type if text != "threaded" => return Err(Errno::EINVAL),
        What::Type => all.make_threaded(id)?,
        What::Controllers | What::Events | What::Stat => return Err(Errno::EINVAL),
    }
    Ok(Then::Nothing)
}

fn flag(text: &str) -> Result<bool, Errno> {
    match number::int(text)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::ERANGE),
    }
}

impl ControlGroups {
    /// cgroup_subtree_control_write: all that is asked for, or nothing.
    pub(super) fn set_enabled(&mut self, id: GroupId, text: &str) -> Result<(), Errno> {
        let (mut enable, mut disable) = (Controllers::default(), Controllers::default());
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            let mut chars = token.chars();
            let sign = chars.next();
            let controller = known(chars.as_str())?;
            let Some(controller) = controller else {
                // One that this node has not.
                match sign {
                    Some('+') => return Err(Errno::ENOENT),
                    Some('-') => continue,
                    _ => return Err(Errno::EINVAL),
                }
            };
            let one = Controllers::of(controller);
            (enable, disable) = match sign {
                Some('+') => (enable.with(one), disable.without(one)),
                Some('-') => (enable.without(one), disable.with(one)),
                _ => return Err(Errno::EINVAL),
            };
        }
        let (enabled, available) = (self.group(id).core.enabled, self.available(id));
        for controller in Controller::ALL {
            if enable.has(controller) && !enabled.has(controller) && !available.has(controller) {
                return Err(Errno::ENOENT);
            }
            let used = |child: &GroupId| self.group(*child).core.enabled.has(controller);
            if disable.has(controller) && enabled.has(controller) && self.group(id).children.values().any(used) {
                return Err(Errno::EBUSY);
            }
        }
        self.may_enable(id, enable.without(enabled))?;
        let enabled = enabled.with(enable).without(disable);
        self.group_mut(id).core.enabled = enabled;
        let children: Vec<GroupId> = self.group(id).children.values().copied().collect();
        for child in children {
            self.group_mut(child).control(enabled);
            self.keep_account(child, enabled.has(Controller::Memory));
        }
        Ok(())
    }

    /// No internal processes (cgroup-v2.rst; cgroup_vet_subtree_control_enable).
    fn may_enable(&self, id: GroupId, new: Controllers) -> Result<(), Errno> {
        if new.is_empty() {
            return Ok(());
        }
        if !self.is_valid_domain(self.domain(id)) {
            return Err(Errno::ENOTSUP);
        }
        if !new.without(Controllers::THREADED).is_empty() {
            if self.is_thread_root(id) || self.group(id).core.threaded {
                return Err(Errno::ENOTSUP);
            }
        } else if self.can_be_thread_root(id) || self.group(id).core.threaded {
            return Ok(());
        }
        if self.group(id).running > 0 { Err(Errno::EBUSY) } else { Ok(()) }
    }

    /// cgroup_enable_threaded.
    fn make_threaded(&mut self, id: GroupId) -> Result<(), Errno> {
        let group = self.group(id);
        if group.core.threaded {
            return Ok(());
        }
        let enabled_beyond = !group.core.enabled.without(Controllers::THREADED).is_empty();
        let domain = group.parent.map_or(id, |parent| self.domain(parent));
        if self.is_populated(id) || enabled_beyond || !self.is_valid_domain(domain) || !self.can_be_thread_root(domain)
        {
            return Err(Errno::ENOTSUP);
        }
        self.group_mut(id).core.threaded = true;
        Ok(())
    }

    /// mkdir(2): as many and as deep as every group on the way up allows (cgroup_check_hierarchy_limits).
    pub(super) fn may_have_child(&self, parent: GroupId) -> Result<(), Errno> {
        for (level, group) in self.upward(parent).enumerate() {
            let core = &self.group(group).core;
            let descendants = self.below(group).len() as u32 - 1;
            if core.max_descendants.is_some_and(|max| descendants >= max)
                || core.max_depth.is_some_and(|max| level as u32 + 1 > max)
            {
                return Err(Errno::EAGAIN);
            }
        }
        Ok(())
    }

    /// EBUSY for a group that gives controllers to its children (cgroup_migrate_vet_dst).
    pub(super) fn may_host(&self, id: GroupId) -> Result<(), Errno> {
        if !self.is_valid_domain(self.domain(id)) {
            return Err(Errno::ENOTSUP);
        }
        let group = self.group(id);
        if self.can_be_thread_root(id) || group.core.threaded || group.core.enabled.is_empty() {
            return Ok(());
        }
        Err(Errno::EBUSY)
    }

    /// Is this group, or one above it, frozen?
    pub(super) fn is_frozen(&self, id: GroupId) -> bool {
        self.upward(id).map(|group| self.group(group)).any(Group::is_frozen)
    }

    /// Whether a process that is in these groups may not run, and by which version.
    pub(in crate::kernel) fn freezes(&self, at: &Membership) -> Option<Frozen> {
        if !self.some_frozen {
            return None;
        }
        let frozen = at.iter().find(|group| group.0 != 0 && self.is_frozen(**group))?;
        Some(if self.is_v2(*frozen) { Frozen::V2 } else { Frozen::V1 })
    }

    pub(super) fn note_frozen(&mut self) {
        self.some_frozen = self.groups.values().any(|group| group.is_frozen());
    }

    /// What `cgroup.events` says: a group is frozen when all its processes and groups are.
    fn is_frozen_whole(&self, id: GroupId) -> bool {
        self.is_frozen(id)
    }

    fn type_name(&self, id: GroupId) -> &'static str {
        if self.group(id).core.threaded {
            "threaded"
        } else if !self.is_valid_domain(id) {
            "domain invalid"
        } else if self.is_thread_root(id) {
            "domain threaded"
        } else {
            "domain"
        }
    }

    /// The group itself, or the first one above it that is no group of threads.
    pub(super) fn domain(&self, id: GroupId) -> GroupId {
        self.upward(id).find(|group| !self.group(*group).core.threaded).unwrap_or(id)
    }

    pub(super) fn is_valid_domain(&self, id: GroupId) -> bool {
        !self.group(id).core.threaded
            && self.upward(id).skip(1).all(|above| !self.group(above).core.threaded && !self.is_thread_root(above))
    }

    fn is_thread_root(&self, id: GroupId) -> bool {
        let group = self.group(id);
        let has_threads = group.children.values().any(|child| self.group(*child).core.threaded);
        let shares = group.running > 0 && !group.core.enabled.and(Controllers::THREADED).is_empty();
        !group.core.threaded && (has_threads || shares)
    }

    fn can_be_thread_root(&self, id: GroupId) -> bool {
        let group = self.group(id);
        let populated_domain = |child: &GroupId| !self.group(*child).core.threaded && self.is_populated(*child);
        !group.core.threaded
            && !group.children.values().any(populated_domain)
            && group.core.enabled.without(Controllers::THREADED).is_empty()
    }
}

/// `None` for one that Linux has and this node has not.
fn known(name: &str) -> Result<Option<Controller>, Errno> {
    const OTHERS: [&str; 5] = ["io", "hugetlb", "rdma", "misc", "dmem"];
    match Controller::named(name) {
        Some(Controller::Freezer) => Err(Errno::EINVAL),
        None if OTHERS.contains(&name) => Ok(None),
        None => Err(Errno::EINVAL),
        some => Ok(some),
    }
}
