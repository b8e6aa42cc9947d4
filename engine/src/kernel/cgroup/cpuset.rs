//! The cpuset controller: on which processors a group may run (cgroup-v2.rst, "Cpuset"; cgroup-v1/cpusets.rst;
//! kernel/cgroup/cpuset.c).

use super::{ControlGroups, GroupId};
use crate::call::Errno;

/// Processors of a node, and nodes of memory.
const CPUS: u32 = 2;
const MEMS: u32 = 1;
/// Memory nodes that a kernel can count (CONFIG_NODES_SHIFT=10).
const NODES: u32 = 1 << 10;

/// A set of processors, or of nodes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Mask(u32);

#[derive(Clone, Debug, Default)]
pub(super) struct Cpuset {
    cpus: Mask,
    mems: Mask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    Cpus,
    Mems,
    EffectiveCpus,
    EffectiveMems,
}

impl Mask {
    /// Of the processors named, those that there are.
    pub fn of(cpus: &[u32]) -> Mask {
        Mask(cpus.iter().filter(|cpu| **cpu < CPUS).fold(0, |mask, cpu| mask | 1 << cpu))
    }

    pub fn numbers(self) -> Vec<u32> {
        (0..u32::BITS).filter(|number| self.0 & (1 << number) != 0).collect()
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    pub fn and(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }

    fn first(count: u32) -> Mask {
        Mask((1 << count) - 1)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn is_within(self, other: Mask) -> bool {
        self.0 & !other.0 == 0
    }

    /// A list like `0-1,3` (cpulist_parse, nodelist_parse): ERANGE for a number that no such machine has (`most`), EINVAL for
    /// one that this machine has not.
    fn parse(text: &str, count: u32, most: u32) -> Result<Mask, Errno> {
        let (mut mask, mut beyond) = (Mask::default(), false);
        for range in text.split([',', ' ', '\t', '\n']).filter(|range| !range.is_empty()) {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
                true => text.parse::<u32>().map_err(|_| Errno::ERANGE),
                false => Err(Errno::EINVAL),
            };
            let (from, to) = (number(from)?, number(to)?);
            if from > to {
                return Err(Errno::EINVAL);
            }
            if to >= most {
                return Err(Errno::ERANGE);
            }
            beyond |= to >= count;
            (from..=to.min(count - 1)).for_each(|number| mask.0 |= 1 << number);
        }
        if beyond { Err(Errno::EINVAL) } else { Ok(mask) }
    }

    /// `0-1,3`, and a newline.
    pub fn text(self) -> String {
        let (mut ranges, mut at) = (Vec::new(), 0);
        while at < u32::BITS {
            if self.0 & (1 << at) == 0 {
                at += 1;
                continue;
            }
            let from = at;
            while at < u32::BITS && self.0 & (1 << at) != 0 {
                at += 1;
            }
            ranges.push(if at - from == 1 { from.to_string() } else { format!("{from}-{}", at - 1) });
        }
        ranges.join(",") + "\n"
    }
}

pub(super) fn read(all: &ControlGroups, group: GroupId, what: What) -> Result<String, Errno> {
    let cpuset = all.group(group).cpuset.as_ref().ok_or(Errno::ENODEV)?;
    Ok(match what {
        What::Cpus => cpuset.cpus.text(),
        What::Mems => cpuset.mems.text(),
        What::EffectiveCpus => all.effective(group).cpus.text(),
        What::EffectiveMems => all.effective(group).mems.text(),
    })
}

pub(super) fn write(all: &mut ControlGroups, group: GroupId, what: What, text: &str) -> Result<(), Errno> {
    let mut new = all.group(group).cpuset.clone().ok_or(Errno::ENODEV)?;
    match what {
        What::Cpus => new.cpus = Mask::parse(text.trim(), CPUS, CPUS)?,
        What::Mems => new.mems = Mask::parse(text.trim(), MEMS, NODES)?,
        What::EffectiveCpus | What::EffectiveMems => return Err(Errno::EINVAL),
    }
    if !all.is_v2(group) {
        all.may_become(group, &new)?;
    }
    all.group_mut(group).cpuset = Some(new);
    Ok(())
}

impl ControlGroups {
    /// The node's root has all of the machine.
    pub(super) fn give_all_processors(&mut self, group: GroupId) {
        if let Some(cpuset) = self.group_mut(group).cpuset.as_mut() {
            *cpuset = Cpuset { cpus: Mask::first(CPUS), mems: Mask::first(MEMS) };
        }
    }

    /// As a runtime does before it lets a process in.
    pub(super) fn inherit_processors(&mut self, parent: GroupId, group: GroupId) {
        let (above, v2) = (self.group(parent).cpuset.clone(), self.is_v2(group));
        if let (false, Some(cpuset), Some(above)) = (v2, self.group_mut(group).cpuset.as_mut(), above) {
            *cpuset = above;
        }
    }

    /// ENOSPC: a group of version 1 takes nobody before it has processors and memory (cpuset_can_attach).
    pub(super) fn may_run_in(&self, group: GroupId) -> Result<(), Errno> {
        match self.group(group).cpuset.as_ref() {
            Some(cpuset) if !self.is_v2(group) && (cpuset.cpus.is_empty() || cpuset.mems.is_empty()) => {
                Err(Errno::ENOSPC)
            }
            _ => Ok(()),
        }
    }

    /// Version 1 (validate_change_legacy): children stay within it, it within the group above, and who is in it somewhere.
    fn may_become(&self, id: GroupId, new: &Cpuset) -> Result<(), Errno> {
        let within = |a: &Cpuset, b: &Cpuset| a.cpus.is_within(b.cpus) && a.mems.is_within(b.mems);
        let group = self.group(id);
        let children = group.children.values().filter_map(|child| self.group(*child).cpuset.as_ref());
        if !children.into_iter().all(|child| within(child, new)) {
            return Err(Errno::EBUSY);
        }
        let above = group.parent.and_then(|parent| self.group(parent).cpuset.as_ref());
        if above.is_some_and(|above| !within(new, above)) {
            return Err(Errno::EACCES);
        }
        let old = group.cpuset.clone().unwrap_or_default();
        let emptied = |old: Mask, new: Mask| !old.is_empty() && new.is_empty();
        if group.running > 0 && (emptied(old.cpus, new.cpus) || emptied(old.mems, new.mems)) {
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// The processors that who is in this group may run on: those of the next group upward that the controller knows.
    pub(in crate::kernel) fn processors_of(&self, id: GroupId) -> Mask {
        let known = self.upward(id).find(|group| self.group(*group).cpuset.is_some());
        known.map_or(Mask::first(CPUS), |group| self.effective(group).cpus)
    }

    /// Version 2: what it asked for of what the group above has, or all of that.
    fn effective(&self, id: GroupId) -> Cpuset {
        let own = self.group(id).cpuset.clone().unwrap_or_default();
        let Some(parent) = self.group(id).parent.filter(|_| self.is_v2(id)) else { return own };
        let above = self.effective(parent);
        let of = |own: Mask, above: Mask| if own.and(above).is_empty() { above } else { own.and(above) };
        Cpuset { cpus: of(own.cpus, above.cpus), mems: of(own.mems, above.mems) }
    }
}
