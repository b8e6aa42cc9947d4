//! cgroupfs: the groups of a hierarchy as directories, and what they are asked as files (kernel/cgroup/cgroup.c,
//! cgroup-v1.c; fs/kernfs).
//!
//! An inode number is the group above [`ENTRY`] bits, below them 0 for its directory or the file's place in the table
//! and one.

use super::core::Then;
use super::files::{FILES, File, INIT_SCOPE, What, is_open_to_guests};
use super::{Attributes, ControlGroups, Controller, Group, GroupId, core, cpu, cpuset, freezer, pids};
use crate::call::{Dent, Errno, FileKind, SCENARIO_EPOCH_S, Signal, Stat, Tid};
use crate::kernel::SimKernel;
use crate::kernel::lifecycle::INIT;
use crate::kernel::vfs::{Change, Ino, Loc, View};
use crate::node::Effects;
use crate::sim::sort_by_key;

const ENTRY: u32 = 16;
/// Bytes of one write (atomic_write_len).
const WRITE_BYTES: usize = 4096;

/// The inode of a group's directory.
pub(in crate::kernel) fn dir_ino(group: GroupId) -> Ino {
    u64::from(group.0) << ENTRY
}

fn file_ino(group: GroupId, place: usize) -> Ino {
    dir_ino(group) | (place as u64 + 1)
}

pub(in crate::kernel) fn group_at(ino: Ino) -> GroupId {
    GroupId((ino >> ENTRY) as u32)
}

fn entry(ino: Ino) -> u16 {
    (ino & 0xffff) as u16
}

fn file_at(ino: Ino) -> Option<&'static File> {
    FILES.get(usize::from(entry(ino)).checked_sub(1)?)
}

impl ControlGroups {
    pub(in crate::kernel) fn lookup(&self, dir: Ino, name: &str) -> Option<Ino> {
        let id = group_at(dir);
        let group = self.groups.get(&id).filter(|group| !group.dead)?;
        if let Some(child) = group.children.get(name) {
            return Some(dir_ino(*child));
        }
        self.files_of(id).find(|(_, file)| file.name == name).map(|(place, _)| file_ino(id, place))
    }

    pub(in crate::kernel) fn names(&self, dir: Ino) -> Result<Vec<Dent>, Errno> {
        let id = group_at(dir);
        let group = self.groups.get(&id).filter(|group| !group.dead).ok_or(Errno::ENOENT)?;
        let groups = group.children.keys().map(|name| Dent { name: name.clone(), kind: FileKind::Dir });
        let files = self.files_of(id).map(|(_, file)| Dent { name: file.name.to_owned(), kind: FileKind::File });
        let mut all: Vec<Dent> = groups.chain(files).collect();
        sort_by_key(&mut all, |dent| dent.name.clone());
        Ok(all)
    }

    /// The directory above, and the name there: of a directory or a file.
    pub(in crate::kernel) fn parent_of(&self, ino: Ino) -> Option<(Ino, String)> {
        let id = group_at(ino);
        if let Some(file) = file_at(ino) {
            return Some((dir_ino(id), file.name.to_owned()));
        }
        let group = self.groups.get(&id).filter(|group| !group.dead)?;
        Some((dir_ino(group.parent?), group.name.clone()))
    }

    pub(in crate::kernel) fn dotdot(&self, dir: Ino) -> Ino {
        let parent = self.groups.get(&group_at(dir)).and_then(|group| group.parent);
        parent.map_or(dir, dir_ino)
    }

    pub(in crate::kernel) fn is_removed(&self, ino: Ino) -> bool {
        self.groups.get(&group_at(ino)).is_none_or(|group| group.dead)
    }

    pub(in crate::kernel) fn stat(&self, ino: Ino) -> Stat {
        let (kind, size_bytes) = if entry(ino) == 0 { (FileKind::Dir, 4096) } else { (FileKind::File, 0) };
        let attributes = self.attributes(ino);
        let Attributes { mode, uid, gid } = attributes.unwrap_or(Attributes { mode: 0, uid: 0, gid: 0 });
        Stat { kind, mode, uid, gid, size_bytes, nlink: 1, mtime_s: SCENARIO_EPOCH_S, rdev: (0, 0) }
    }

    pub(super) fn procs_stat(&self, group: GroupId) -> Stat {
        let place = FILES.iter().position(|file| file.what == What::Procs && file.v2 == self.is_v2(group));
        self.stat(file_ino(group, place.unwrap_or(0)))
    }

    pub(in crate::kernel) fn change(&mut self, ino: Ino, change: Change) {
        let Some(old) = self.attributes(ino) else { return };
        let new = Attributes {
            mode: change.mode.unwrap_or(old.mode),
            uid: change.uid.unwrap_or(old.uid),
            gid: change.gid.unwrap_or(old.gid),
        };
        self.group_mut(group_at(ino)).attributes.insert(entry(ino), new);
    }

    fn attributes(&self, ino: Ino) -> Option<Attributes> {
        let group = self.groups.get(&group_at(ino))?;
        let mode = file_at(ino).map_or(group.mode, |file| file.mode);
        let own = Attributes { mode, uid: group.uid, gid: group.gid };
        Some(group.attributes.get(&entry(ino)).copied().unwrap_or(own))
    }

    fn files_of(&self, group: GroupId) -> impl Iterator<Item = (usize, &'static File)> + '_ {
        FILES.iter().enumerate().filter(move |(_, file)| self.has_file(group, file))
    }

    /// May a guest write here at all ([`is_open_to_guests`])?
    pub(in crate::kernel) fn is_guarded(&self, ino: Ino) -> bool {
        let Some(file) = file_at(ino) else { return false };
        let Some(group) = self.groups.get(&group_at(ino)) else { return false };
        let below_root = group.parent.is_some_and(|parent| self.is_root(parent));
        let init = file.v2 && below_root && group.name == INIT_SCOPE;
        (group.parent.is_none() || init) && !is_open_to_guests(file.name, group.parent.is_none())
    }

    /// A new group. What is not asked here: permissions, and whether the name is taken.
    pub(super) fn make(&mut self, parent: GroupId, name: &str, mode: u32, (uid, gid): (u32, u32)) -> GroupId {
        let (hierarchy, v2) = (self.group(parent).hierarchy, self.is_v2(parent));
        let controllers = if v2 { self.group(parent).core.enabled } else { self.hierarchies[hierarchy].controllers };
        let group = Group { mode, uid, gid, ..Group::new(hierarchy, Some(parent), name.to_owned(), controllers) };
        let id = self.add(group);
        self.group_mut(parent).children.insert(name.to_owned(), id);
        self.keep_account(id, controllers.has(Controller::Memory));
        id
    }

    pub(super) fn child_or_made(&mut self, parent: GroupId, name: &str) -> Result<GroupId, Errno> {
        if let Some(child) = self.group(parent).children.get(name) {
            return Ok(*child);
        }
        if self.is_v2(parent) {
            self.may_have_child(parent)?;
        }
        let made = self.make(parent, name, 0o755, (0, 0));
        self.inherit_processors(parent, made);
        Ok(made)
    }

    /// rmdir(2): EBUSY while a process is in it or a group below it; a zombie is no hindrance.
    pub(in crate::kernel) fn unmake(&mut self, id: GroupId) -> Result<(), Errno> {
        let group = self.group(id);
        let Some(parent) = group.parent else { return Err(Errno::EBUSY) };
        if group.running > 0 || !group.children.is_empty() {
            return Err(Errno::EBUSY);
        }
        let name = group.name.clone();
        self.group_mut(id).dead = true;
        self.keep_account(id, false);
        self.group_mut(parent).children.remove(&name);
        Ok(())
    }

    /// Drops the groups that were removed and that nobody refers to any more.
    pub(in crate::kernel) fn sweep(&mut self, used: impl Fn(GroupId) -> bool) {
        let gone = |all: &ControlGroups, id: GroupId| {
            let group = all.group(id);
            let has_children = all.groups.values().any(|other| other.parent == Some(id));
            group.dead && group.charged == 0 && !has_children && !used(id)
        };
        loop {
            let going: Vec<GroupId> = self.groups.keys().copied().filter(|id| gone(self, *id)).collect();
            if going.is_empty() {
                return;
            }
            self.groups.retain(|id, _| !going.contains(id));
        }
    }
}

impl SimKernel {
    /// What a read of a group's file gives.
    pub(in crate::kernel) fn read_cgroup(&self, reader: Tid, ino: Ino) -> Result<Vec<u8>, Errno> {
        let (id, all) = (group_at(ino), &self.cgroups);
        let Some(file) = file_at(ino).filter(|_| !all.is_removed(ino)) else { return Err(Errno::ENODEV) };
        let text = match file.what {
            What::Procs => self.list_members(reader, id, false)?,
            What::Threads => self.list_members(reader, id, true)?,
            What::Core(what) => core::read(all, id, what)?,
            What::Cpu(what) => cpu::read(all, id, what)?,
            What::Cpuset(what) => cpuset::read(all, id, what)?,
            What::Pids(what) => pids::read(all, id, what)?,
            What::Memory(what) => self.read_memory(id, file.name, what)?,
            What::Freezer(what) => freezer::read(all, id, what)?,
        };
        Ok(text.into_bytes())
    }

    pub(in crate::kernel) fn write_cgroup(
        &mut self,
        view: &View,
        ino: Ino,
        data: &[u8],
        fx: &mut Effects,
    ) -> Result<usize, Errno> {
        if data.is_empty() {
            return Ok(0);
        }
        if data.len() > WRITE_BYTES {
            return Err(Errno::E2BIG);
        }
        let id = group_at(ino);
        let Some(file) = file_at(ino).filter(|_| !self.cgroups.is_removed(ino)) else { return Err(Errno::ENODEV) };
        let ns = self.process(view.tid).ok_or(Errno::ESRCH)?.ns.cgroup;
        let root = self.cgroups.root_of(ns, self.cgroups.group(id).hierarchy);
        if self.cgroups.delegates() && ns != self.node_ns.cgroup && root == id && !file.is_delegated() {
            return Err(Errno::EPERM);
        }
        let text = String::from_utf8_lossy(data);
        match file.what {
            What::Procs | What::Threads => {
                self.attach(view, id, file.what == What::Threads, &text)?;
                self.thaw(fx);
            }
            What::Core(what) => match core::write(&mut self.cgroups, id, what, &text)? {
                Then::Nothing => self.follow_cpusets(),
                Then::Kill => self.kill_group(view.tid, id, fx),
                Then::Thaw => self.thaw(fx),
            },
            What::Cpu(what) => cpu::write(&mut self.cgroups, id, what, &text)?,
            What::Cpuset(what) => {
                cpuset::write(&mut self.cgroups, id, what, &text)?;
                self.follow_cpusets();
            }
            What::Pids(what) => pids::write(&mut self.cgroups, id, what, &text)?,
            What::Memory(what) => self.write_memory(id, what, &text, fx)?,
            What::Freezer(what) => {
                freezer::write(&mut self.cgroups, id, what, &text)?;
                self.thaw(fx);
            }
        }
        Ok(data.len())
    }

    pub(in crate::kernel) fn make_cgroup(
        &mut self,
        view: &View,
        dir: Loc,
        name: &str,
        mode: u32,
    ) -> Result<Loc, Errno> {
        let parent = group_at(dir.ino);
        // Names with a newline would make /proc/PID/cgroup unreadable.
        if name.contains('\n') {
            return Err(Errno::EINVAL);
        }
        if self.cgroups.is_v2(parent) {
            self.cgroups.may_have_child(parent)?;
        }
        let group = self.cgroups.make(parent, name, mode, (view.cred.uid.effective, view.cred.gid.effective));
        Ok(Loc { ino: dir_ino(group), ..dir })
    }

    pub(in crate::kernel) fn remove_cgroup(&mut self, ino: Ino) -> Result<(), Errno> {
        self.cgroups.unmake(group_at(ino))?;
        self.sweep_cgroups();
        Ok(())
    }

    pub(in crate::kernel) fn sweep_cgroups(&mut self) {
        let is_cgroupfs = |loc: &Loc| matches!(self.fs(loc.fs), crate::kernel::vfs::Fs::Cgroup(_));
        let opened = self.files.opened().filter_map(|ofd| ofd.loc());
        let stood_in = self.processes.values().flat_map(|process| [process.root, process.cwd]);
        let used: Vec<GroupId> = opened.chain(stood_in).filter(is_cgroupfs).map(|loc| group_at(loc.ino)).collect();
        self.cgroups.sweep(|group| used.contains(&group));
    }

    /// Who may run again gets the signals that were kept from it.
    fn thaw(&mut self, fx: &mut Effects) {
        self.unsettled = true;
        let all: Vec<Tid> = self.processes.keys().copied().collect();
        all.into_iter().for_each(|tid| self.deliver(tid, fx));
    }

    /// `cgroup.kill`: SIGKILL for all below, from the kernel: the init of a pid namespace dies unless the writer is in it.
    fn kill_group(&mut self, writer: Tid, group: GroupId, fx: &mut Effects) {
        let hierarchy = self.cgroups.group(group).hierarchy;
        let below = self.cgroups.below(group);
        let is_below = |process: &crate::kernel::process::Process| below.contains(&process.cgroups[hierarchy]);
        let targets: Vec<Tid> = self
            .processes
            .iter()
            .filter(|(tid, process)| **tid != INIT && process.is_alive() && is_below(process))
            .map(|(tid, _)| *tid)
            .collect();
        for target in targets {
            self.send(writer, target, Signal::SIGKILL, fx);
        }
    }
}

impl File {
    /// Who was given a namespace may still say who is where in it (CFTYPE_NS_DELEGATABLE).
    fn is_delegated(&self) -> bool {
        matches!(self.what, What::Procs | What::Threads | What::Core(core::What::SubtreeControl))
    }
}
