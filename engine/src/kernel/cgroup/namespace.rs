//! cgroup namespaces (cgroup_namespaces(7)): a root of one's own in each hierarchy, and the paths that follow from it.

use super::{ControlGroups, GroupId, HierarchyId, Membership};
use crate::kernel::SimKernel;
use crate::kernel::namespace::NsId;
use crate::kernel::process::Process;

impl ControlGroups {
    /// A new namespace: its root is where its maker is.
    pub(in crate::kernel) fn add_namespace(&mut self, ns: NsId, root: Membership) {
        self.roots.insert(ns, root);
    }

    pub(in crate::kernel) fn retain_namespaces(&mut self, keep: impl Fn(NsId) -> bool) {
        if !self.roots.keys().all(|ns| keep(*ns)) {
            self.roots.retain(|ns, _| keep(*ns));
        }
    }

    /// The group that a namespace has for its root.
    pub(in crate::kernel) fn root_of(&self, ns: NsId, hierarchy: HierarchyId) -> GroupId {
        let root = self.roots.get(&ns).map_or(GroupId(0), |root| root[hierarchy]);
        if root.0 == 0 { self.hierarchies[hierarchy].root } else { root }
    }

    /// The nsdelegate option, with which distributions mount version 2 (cgroup-v2.rst, "Delegation").
    pub(super) fn delegates(&self) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.dir.is_empty())
    }

    pub(super) fn is_below_root_of(&self, ns: NsId, group: GroupId) -> bool {
        let root = self.root_of(ns, self.group(group).hierarchy);
        self.upward(group).any(|above| above == root)
    }

    /// The group closest to both of which both are below.
    pub(super) fn common(&self, a: GroupId, b: GroupId) -> GroupId {
        let above: Vec<GroupId> = self.upward(a).collect();
        self.upward(b).find(|group| above.contains(group)).unwrap_or(a)
    }

    /// A group's path as seen from another: `/` for that one itself, `/..` for what is above (kernfs_path_from_node).
    pub(in crate::kernel) fn path(&self, from: GroupId, to: GroupId) -> String {
        let common = self.common(from, to);
        let up = self.upward(from).take_while(|group| *group != common).count();
        let mut names: Vec<&str> =
            self.upward(to).take_while(|group| *group != common).map(|group| self.group(group).name.as_str()).collect();
        names.reverse();
        let path = "/..".repeat(up) + &names.iter().map(|name| format!("/{name}")).collect::<String>();
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

impl SimKernel {
    /// `/proc/PID/cgroup`: a line for each hierarchy, that of version 2 last.
    pub(in crate::kernel) fn cgroup_lines(&self, process: &Process, viewer: NsId) -> String {
        let mut lines = String::new();
        for (id, hierarchy) in self.cgroups.hierarchies().collect::<Vec<_>>().into_iter().rev() {
            if !hierarchy.v2 {
                lines += &self.cgroup_line(process, id, viewer);
            }
        }
        for (id, _) in self.cgroups.hierarchies().filter(|(_, hierarchy)| hierarchy.v2) {
            lines += &self.cgroup_line(process, id, viewer);
        }
        lines
    }

    fn cgroup_line(&self, process: &Process, id: HierarchyId, viewer: NsId) -> String {
        let (hierarchy, group) = (&self.cgroups.hierarchies[id], process.cgroups[id]);
        // What has ended is in no group of version 1 (proc_cgroup_show).
        let mut path = match !hierarchy.v2 && !process.is_alive() {
            true => "/".to_owned(),
            false => self.cgroups.path(self.cgroups.root_of(viewer, id), group),
        };
        if hierarchy.v2 && self.cgroups.group(group).dead {
            path += " (deleted)";
        }
        format!("{}:{}:{path}\n", hierarchy.number, if hierarchy.v2 { "" } else { hierarchy.dir })
    }
}
