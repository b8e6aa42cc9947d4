//! The groups that a node has from the start and those of its containers, as a distribution's init and a runtime make them.

use super::files::{CONTAINERS, INIT_SCOPE, MOUNTED_AT, SESSION};
use super::{GroupId, HierarchyId, Membership, fs};
use crate::call::Errno;
use crate::kernel::SimKernel;
use crate::kernel::lifecycle::INIT;
use crate::kernel::vfs::mount::{Attrs, Mount};
use crate::kernel::vfs::{Fs, Tree};
use crate::node::{Effects, GroupSpec};
use std::sync::Arc;

impl SimKernel {
    /// Groups and their mounts: processes only in leaves, so that version 2 lets the root share out its controllers.
    pub(in crate::kernel) fn boot_cgroups(&mut self) -> Result<(), Errno> {
        let hierarchies: Vec<(HierarchyId, bool, &str)> =
            self.cgroups.hierarchies().map(|(id, hierarchy)| (id, hierarchy.v2, hierarchy.dir)).collect();
        let ns = self.node_ns;
        let mut at = Membership::default();
        for (id, v2, _) in &hierarchies {
            let root = self.cgroups.hierarchies[*id].root;
            at[*id] = root;
            if *v2 {
                at[*id] = self.cgroups.make(root, INIT_SCOPE, 0o755, (0, 0));
                self.group_path(*id, SESSION)?;
            }
            let containers = self.group_path(*id, CONTAINERS)?;
            self.share_out(root);
            self.share_out(containers);
        }
        if let Some(init) = self.process_mut(INIT) {
            init.cgroups = at;
        }
        self.cgroups.enter(&at);
        self.follow_cpusets();
        let view = self.view(INIT)?;
        if hierarchies.is_empty() {
            return Ok(());
        }
        self.make_dirs(&view, MOUNTED_AT)?;
        let directories = hierarchies.iter().any(|(_, _, dir)| !dir.is_empty()).then(|| {
            let fs = self.add_fs(Fs::Tree(Arc::new(Tree::new(0o755))));
            self.superblock_mut(fs).options = ",size=64k,mode=755".into();
            fs
        });
        if let Some(fs) = directories {
            let fixed = Attrs { read_only: true, nosuid: true, nodev: true, noexec: true, ..Attrs::default() };
            let mount = Mount::new(ns.mnt, fs, crate::kernel::vfs::ROOT, "tmpfs", "tmpfs").with(fixed);
            self.mount_on(&view, MOUNTED_AT, mount)?;
        }
        for (id, v2, dir) in hierarchies {
            let target = if dir.is_empty() { MOUNTED_AT.to_owned() } else { format!("{MOUNTED_AT}/{dir}") };
            self.make_dirs(&view, &target)?;
            let fs = self.add_fs(Fs::Cgroup(id));
            if !v2 {
                self.superblock_mut(fs).options = format!(",{dir}").into();
            }
            let root = fs::dir_ino(self.cgroups.hierarchies[id].root);
            let kind = if v2 { "cgroup2" } else { "cgroup" };
            self.mount_on(&view, &target, Mount::new(ns.mnt, fs, root, kind, kind))?;
        }
        if let Some(fs) = directories {
            self.superblock_mut(fs).read_only = true;
        }
        Ok(())
    }

    /// Where a process starts that is no container's.
    pub(in crate::kernel) fn session_groups(&mut self) -> Membership {
        self.groups_at(|v2| if v2 { SESSION.to_owned() } else { String::new() })
    }

    /// The groups of a container, made if they are not there, with the controllers that they are to have.
    pub(in crate::kernel) fn container_groups(&mut self, spec: &GroupSpec) -> Membership {
        let path = spec.path.as_str();
        for id in 0..self.cgroups.hierarchies.len() {
            let mut at = self.cgroups.hierarchies[id].root;
            for name in path.split('/') {
                // A runtime shares the controllers out on the way; where it may not, the container starts without them.
                self.share_out(at);
                match self.cgroups.child_or_made(at, name) {
                    Ok(child) => at = child,
                    Err(_) => break,
                }
            }
        }
        let at = self.groups_at(|_| path.to_owned());
        self.limit(&at, spec);
        at
    }

    /// Where a process goes that is started in a container that runs.
    pub(in crate::kernel) fn groups_of_container(&mut self, spec: &GroupSpec) -> Membership {
        self.groups_at(|_| spec.path.clone())
    }

    /// Writes a container's limits as its runtime does; one that the kernel refuses does not hold.
    fn limit(&mut self, at: &Membership, spec: &GroupSpec) {
        let Ok(view) = self.view(INIT) else { return };
        for group in at.iter().copied().filter(|group| group.0 != 0) {
            for (file, text) in spec.files(self.cgroups.is_v2(group)) {
                if let Some(ino) = self.cgroups.lookup(fs::dir_ino(group), file) {
                    let _ = self.write_cgroup(&view, ino, text.as_bytes(), &mut Effects::default());
                }
            }
        }
    }

    /// A container has ended: its groups go, with what was made in them, but for those that somebody is in.
    pub(in crate::kernel) fn remove_container_groups(&mut self, path: &str) {
        for id in 0..self.cgroups.hierarchies.len() {
            let Some(group) = self.find_group(id, path) else { continue };
            for below in self.cgroups.below(group).into_iter().rev() {
                let _ = self.cgroups.unmake(below);
            }
        }
        self.sweep_cgroups();
    }

    /// A group of this path in each hierarchy; where one cannot be made, the one that the node's init is in.
    fn groups_at(&mut self, path: impl Fn(bool) -> String) -> Membership {
        let mut at = self.process(INIT).map(|init| init.cgroups).unwrap_or_default();
        for (id, group) in at.iter_mut().enumerate().take(self.cgroups.hierarchies.len()) {
            let path = path(self.cgroups.hierarchies[id].v2);
            *group = self.group_path(id, &path).unwrap_or(*group);
        }
        at
    }

    fn find_group(&self, id: HierarchyId, path: &str) -> Option<GroupId> {
        let mut at = self.cgroups.hierarchies[id].root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = *self.cgroups.group(at).children.get(name)?;
        }
        Some(at)
    }

    /// `mkdir -p` below the node's root.
    fn group_path(&mut self, id: HierarchyId, path: &str) -> Result<GroupId, Errno> {
        let mut at = self.cgroups.hierarchies[id].root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.cgroups.child_or_made(at, name)?;
        }
        Ok(at)
    }

    fn share_out(&mut self, group: GroupId) {
        if self.cgroups.is_v2(group) {
            let available = self.cgroups.available(group);
            for controller in available.without(self.cgroups.group(group).core.enabled).each() {
                let _ = self.cgroups.set_enabled(group, &format!("+{}", controller.name()));
            }
        }
    }
}
