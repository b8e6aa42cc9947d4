//! Control groups (cgroups(7); cgroup-v2.rst; cgroup-v1/cgroups.rst): trees of groups, who is in which, and what a group
//! is asked through its files.
//!
//! A *hierarchy* is a tree of groups with some controllers: one of version 2 with all of them, or one of version 1 for
//! each. A node sees them from a group of its own down, the root of its cgroup namespace (cgroup_namespaces(7)).
//!
//! Rooms: [`files`] (which files a group has), [`fs`] (them as a file system), [`core`] (those of version 2 itself),
//! [`attach`] (who may go where), [`namespace`] (paths as somebody sees them), [`node`] (the groups of a node and its
//! containers), and one room for each controller: what it keeps of a group, and its files.
//!
//! What it does not decide: who runs when.

pub(super) use core::Frozen;

pub(super) mod attach;
mod core;
mod cpu;
pub(super) mod cpuset;
pub mod files;
mod freezer;
pub(super) mod fs;
pub mod memory;
pub(super) mod namespace;
pub(super) mod node;
pub(super) mod number;
mod pids;
pub mod told;

use super::memory::account::{AccountId, Accounts};
use super::namespace::NsId;
use crate::scenario::{Cgroups as Kind, Linux, Profile};
use crate::sim::Map;
use files::File;
use std::sync::Arc;

/// Hierarchies on one node: five controllers of version 1 and the unified one beside them.
const HIERARCHIES: usize = 6;

/// A group of any hierarchy, from 1; never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) struct GroupId(pub u32);

/// A hierarchy's place among those of the node.
pub(in crate::kernel) type HierarchyId = usize;

/// The group in each hierarchy; past the last one there is none.
pub(in crate::kernel) type Membership = [GroupId; HIERARCHIES];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    Cpuset,
    Cpu,
    Memory,
    Pids,
    /// Of version 1 only: version 2 freezes without one.
    Freezer,
}

impl Controller {
    /// In the kernel's order (include/linux/cgroup_subsys.h).
    const ALL: [Controller; 5] =
        [Controller::Cpuset, Controller::Cpu, Controller::Memory, Controller::Freezer, Controller::Pids];

    pub fn name(self) -> &'static str {
        match self {
            Controller::Cpuset => "cpuset",
            Controller::Cpu => "cpu",
            Controller::Memory => "memory",
            Controller::Pids => "pids",
            Controller::Freezer => "freezer",
        }
    }

    fn named(name: &str) -> Option<Controller> {
        Controller::ALL.into_iter().find(|controller| controller.name() == name)
    }
}

/// A set of controllers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Controllers(u8);

impl Controllers {
    /// Those of version 2 that a group of threads may have (cgroup-v2.rst, "Threads").
    const THREADED: Controllers =
        Controllers(1 << Controller::Cpuset as u8 | 1 << Controller::Cpu as u8 | 1 << Controller::Pids as u8);
    const V2: Controllers = Controllers(Controllers::THREADED.0 | 1 << Controller::Memory as u8);

    fn of(controller: Controller) -> Controllers {
        Controllers(1 << controller as u8)
    }

    fn has(self, controller: Controller) -> bool {
        self.0 & Controllers::of(controller).0 != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn with(self, others: Controllers) -> Controllers {
        Controllers(self.0 | others.0)
    }

    fn without(self, others: Controllers) -> Controllers {
        Controllers(self.0 & !others.0)
    }

    fn and(self, others: Controllers) -> Controllers {
        Controllers(self.0 & others.0)
    }

    fn each(self) -> impl Iterator<Item = Controller> {
        Controller::ALL.into_iter().filter(move |controller| self.has(*controller))
    }

    fn text(self) -> String {
        let names: Vec<&str> = self.each().map(Controller::name).collect();
        if names.is_empty() { String::new() } else { names.join(" ") + "\n" }
    }
}

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Hierarchy {
    pub v2: bool,
    /// The directory below /sys/fs/cgroup that it is mounted at; empty for that itself.
    pub dir: &'static str,
    /// In /proc/PID/cgroup.
    pub number: usize,
    controllers: Controllers,
    /// The node's own group.
    pub root: GroupId,
}

/// Owner and permission bits of a group's directory or of one of its files, once chmod(2) or chown(2) changed them.
#[derive(Clone, Copy, Debug)]
struct Attributes {
    mode: u32,
    uid: u32,
    gid: u32,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Group {
    hierarchy: HierarchyId,
    /// `None` for the node's root.
    parent: Option<GroupId>,
    name: String,
    children: Map<String, GroupId>,
    /// Its directory was removed. It stays for those that refer to it.
    dead: bool,
    mode: u32,
    uid: u32,
    gid: u32,
    /// By [`fs`]'s number of the file, 0 for the directory.
    attributes: Map<u16, Attributes>,
    /// Processes in it that run, and all that are charged to it: a zombie is, until it is reaped.
    running: u32,
    charged: u32,
    core: core::Core,
    /// `None` where the controller is not enabled.
    cpu: Option<cpu::Cpu>,
    cpuset: Option<cpuset::Cpuset>,
    pids: Option<pids::Pids>,
    memory: Option<AccountId>,
    freezer: Option<freezer::Freezer>,
}

/// All control groups of the node.
#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct ControlGroups {
    hierarchies: Arc<Vec<Hierarchy>>,
    groups: Map<GroupId, Arc<Group>>,
    next: u32,
    linux: Linux,
    /// Some group is frozen.
    some_frozen: bool,
    /// What each cgroup namespace sees as its root.
    roots: Map<NsId, Membership>,
    pub accounts: Accounts,
}

impl ControlGroups {
    /// Hierarchies with nothing but the node's root in each.
    pub(super) fn new(profile: Profile, ns: NsId) -> ControlGroups {
        let mut all = ControlGroups { linux: profile.linux, ..ControlGroups::default() };
        let v2 = |dir, controllers| Hierarchy { v2: true, dir, number: 0, controllers, root: GroupId(0) };
        // The numbers are those of mounting one after the other.
        let v1 = |(n, controller): (usize, Controller)| Hierarchy {
            v2: false,
            dir: controller.name(),
            number: n + 1,
            controllers: Controllers::of(controller),
            root: GroupId(0),
        };
        let old = || files::V1_CONTROLLERS.into_iter().enumerate().map(v1);
        let hierarchies: Vec<Hierarchy> = match profile.cgroups {
            Kind::V2 => vec![v2("", Controllers::V2)],
            Kind::V1 => old().collect(),
            Kind::Hybrid => old().chain([v2(files::UNIFIED, Controllers::default())]).collect(),
            Kind::None => Vec::new(),
        };
        let mut root = Membership::default();
        let mut placed = Vec::new();
        for (id, hierarchy) in hierarchies.into_iter().enumerate() {
            let group = all.add(Group::new(id, None, String::new(), hierarchy.controllers));
            root[id] = group;
            placed.push(Hierarchy { root: group, ..hierarchy });
        }
        all.hierarchies = Arc::new(placed);
        for (id, group) in root.into_iter().enumerate().take(all.hierarchies.len()) {
            // Version 2 has no files of it in the root, and counts nothing there.
            let Hierarchy { v2, controllers, .. } = all.hierarchies[id];
            all.keep_account(group, controllers.has(Controller::Memory) && !v2);
        }
        root.into_iter().filter(|group| group.0 != 0).for_each(|group| all.give_all_processors(group));
        all.roots.insert(ns, root);
        all
    }

    pub(in crate::kernel) fn hierarchies(&self) -> impl Iterator<Item = (HierarchyId, &Hierarchy)> {
        self.hierarchies.iter().enumerate()
    }

    pub(in crate::kernel) fn hierarchy_of(&self, group: GroupId) -> &Hierarchy {
        &self.hierarchies[self.group(group).hierarchy]
    }

    pub(in crate::kernel) fn is_v2(&self, group: GroupId) -> bool {
        self.hierarchy_of(group).v2
    }

    fn group(&self, id: GroupId) -> &Group {
        // INVARIANT(group-lives): a group is dropped when it has no name, no member and no open file.
        &self.groups[&id]
    }

    fn group_mut(&mut self, id: GroupId) -> &mut Group {
        Arc::make_mut(self.groups.get_mut(&id).expect("INVARIANT(group-lives)"))
    }

    fn add(&mut self, group: Group) -> GroupId {
        self.next += 1;
        let id = GroupId(self.next);
        self.groups.insert(id, Arc::new(group));
        id
    }

    /// Is it the group that the node has for its root?
    fn is_root(&self, group: GroupId) -> bool {
        self.group(group).parent.is_none()
    }

    /// The group and those above it, up to the node's root.
    fn upward(&self, group: GroupId) -> impl Iterator<Item = GroupId> + '_ {
        std::iter::successors(Some(group), |group| self.group(*group).parent)
    }

    /// The group and all below it, parents first.
    fn below(&self, group: GroupId) -> Vec<GroupId> {
        let mut all = vec![group];
        let mut next = 0;
        while let Some(group) = all.get(next).copied() {
            all.extend(self.group(group).children.values());
            next += 1;
        }
        all
    }

    /// What its parent lets it have; the node's root has all of the hierarchy.
    fn available(&self, group: GroupId) -> Controllers {
        match self.group(group).parent {
            Some(parent) if self.is_v2(group) => self.group(parent).core.enabled,
            _ => self.hierarchy_of(group).controllers,
        }
    }

    fn is_populated(&self, group: GroupId) -> bool {
        self.below(group).iter().any(|group| self.group(*group).running > 0)
    }

    /// Does it have this file?
    fn has_file(&self, group: GroupId, file: &File) -> bool {
        let available = file.controller.is_none_or(|controller| self.available(group).has(controller));
        file.v2 == self.is_v2(group) && available && (file.at_root || !self.is_root(group))
    }
}

impl Hierarchy {
    pub fn has(&self, controller: Controller) -> bool {
        self.controllers.has(controller)
    }
}

impl Group {
    fn new(hierarchy: HierarchyId, parent: Option<GroupId>, name: String, controllers: Controllers) -> Group {
        let mut group = Group {
            hierarchy,
            parent,
            name,
            children: Map::new(),
            dead: false,
            mode: 0o755,
            uid: 0,
            gid: 0,
            attributes: Map::new(),
            running: 0,
            charged: 0,
            core: core::Core::default(),
            cpu: None,
            cpuset: None,
            pids: None,
            memory: None,
            freezer: None,
        };
        group.control(controllers);
        group
    }

    /// Starts what is new in the set and ends what is no longer in it: a controller that is disabled forgets the group.
    fn control(&mut self, controllers: Controllers) {
        keep(&mut self.cpu, controllers.has(Controller::Cpu));
        keep(&mut self.cpuset, controllers.has(Controller::Cpuset));
        keep(&mut self.pids, controllers.has(Controller::Pids));
        keep(&mut self.freezer, controllers.has(Controller::Freezer));
    }
}

fn keep<T: Default>(state: &mut Option<T>, wanted: bool) {
    match wanted {
        true => drop(state.get_or_insert_with(T::default)),
        false => *state = None,
    }
}
