//! What can be observed of this node: the kernel's part of the catalogue (`container/…`, `node/…`, `process/…`).
//!
//! Each fact is read off the state by the route its witness takes on a real node: the overlay, the upperdir, the process
//! table. Nothing here changes what a guest could see.

use super::mountinfo;
use super::namespace::NsId;
use super::process::Process;
use super::procfs;
use super::userns::IdKind;
use super::vfs::overlay::Origin;
use super::vfs::{Loc, Node, ROOT, Tree, View};
use super::{Container, SimKernel, lifecycle::INIT};
use crate::call::{FileKind, Tid};
use crate::fact::{Facts, Value, path};
use crate::image::hex;
use crate::node::{Cid, Watch, without_interpreter};
use crate::sim::Map;
use sha2::{Digest as _, Sha256};

/// The number of each namespace among those of its kind, by first appearance in pid order.
type Numbers = Map<NsId, usize>;

impl SimKernel {
    pub(super) fn tell_facts(&mut self, watch: &Watch, out: &mut Facts) {
        let numbers = self.namespace_numbers();
        self.node_facts(out);
        self.process_facts(&numbers, out);
        self.memory_facts(out);
        self.group_facts(out);
        let containers: Vec<(Cid, Container)> = self.containers.iter().map(|(cid, c)| (*cid, c.clone())).collect();
        for (cid, container) in containers {
            let name = container.spec.name.clone();
            if let Some(init) = container.init.and_then(|init| self.process(init)) {
                self.running_facts(&name, &container, init, &numbers, out);
            }
            if let Some(status) = container.ended {
                out.insert(path(["container", &name, "exit_code"]), Value::Int(i64::from(status.shell_code())));
            }
            if let Some(upper) = self.upper(cid) {
                let mut names = 0;
                upper_facts(upper, ROOT, "", &name, &mut names, out);
                out.insert(path(["container", &name, "upper"]), Value::Int(names));
            }
            for file in &watch.container_files {
                self.container_file_facts(&name, &container, file, out);
            }
        }
        for file in &watch.node_files {
            if let Ok(view) = self.view(INIT) {
                self.file_facts(&["node", "file", file], &view, file, out);
            }
        }
    }

    fn node_facts(&self, out: &mut Facts) {
        let hostname = self.uts.get(&self.node_ns.uts).map(|uts| uts.hostname.clone()).unwrap_or_default();
        out.insert("node/hostname".to_owned(), hostname.into());
        // The node's init is the machine itself, and not counted.
        out.insert("node/processes".to_owned(), Value::Int(self.processes.len() as i64 - 1));
    }

    fn process_facts(&self, numbers: &Numbers, out: &mut Facts) {
        for (tid, process) in self.processes.iter().filter(|(tid, _)| **tid != INIT) {
            let pid = tid.0.to_string();
            let mut fact = |name: &str, value: Value| out.insert(path(["process", &pid, name]), value);
            fact("comm", process.comm.clone().into());
            fact("ppid", Value::Int(i64::from(procfs::ppid_in(self, process, self.node_ns.pid))));
            fact("state", procfs::state_letter(process, Tid(0)).to_string().into());
            fact("nspid", spaced(process.pids.iter().map(|(_, pid)| pid.to_string())).into());
            fact("inner", Value::Int(process.pids.last().map_or(0, |(_, pid)| i64::from(*pid))));
            fact("depth", Value::Int(process.pids.len() as i64));
            fact(
                "cmdline",
                spaced(without_interpreter(&process.argv).into_iter().filter(|_| process.is_alive())).into(),
            );
            fact("uid", spaced(process.cred.uid.each().iter().map(u32::to_string)).into());
            fact("capabilities", format!("{:016x}", process.cred.effective.0).into());
            let elsewhere = process.ns.user != self.node_ns.user;
            for (name, kind) in
                [("uid_map", IdKind::User), ("gid_map", IdKind::Group)].into_iter().filter(|_| elsewhere)
            {
                let map = self.map_text(process.ns.user, kind, self.node_ns.user);
                fact(name, spaced(map.split_whitespace().map(str::to_owned)).into());
            }
            // One that has ended is in no namespace any more (exit_task_namespaces).
            for (kind, ns) in process.ns.each().into_iter().filter(|_| process.is_alive()) {
                out.insert(path(["process", &pid, "ns", kind]), class(kind, ns, numbers).into());
            }
        }
    }

    fn running_facts(&self, name: &str, container: &Container, init: &Process, numbers: &Numbers, out: &mut Facts) {
        let mut fact = |names: &[&str], value: Value| {
            out.insert(path(["container", name].into_iter().chain(names.iter().copied())), value);
        };
        let members = self.pid_spaces.get(init.pid_ns()).map_or(0, |space| space.members.len());
        fact(&["pid", "inner"], Value::Int(init.pids.last().map_or(0, |(_, pid)| i64::from(*pid))));
        fact(&["pid", "outer"], Value::Int(i64::from(init.tid().0)));
        fact(&["processes"], Value::Int(members as i64));
        fact(&["hostname"], self.uts.get(&init.ns.uts).map(|uts| uts.hostname.clone()).unwrap_or_default().into());
        for (kind, ns) in init.ns.each() {
            fact(&["ns", kind], class(kind, ns, numbers).into());
        }
        fact(&["uid"], Value::Int(i64::from(init.cred.uid.real)));
        fact(&["cmdline"], spaced(without_interpreter(&init.argv).into_iter()).into());
        if let Ok(view) = self.view(init.tid()) {
            fact(&["cwd"], self.path_of(&view, view.cwd).unwrap_or_default().into());
        }
        for (target, text) in mountinfo::told(&mountinfo::mountinfo(self, init)) {
            fact(&["mount", &target], text.into());
        }
        if let Some(root) = self.mounts.get(init.root.mount) {
            fact(&["root", "fstype"], root.fstype.to_string().into());
            fact(&["root", "lowers"], Value::Int(container.spec.layers.len() as i64));
            fact(
                &["root", "options"],
                if root.attrs.read_only || self.superblock(root.fs).read_only { "ro" } else { "rw" }.into(),
            );
        }
    }

    fn container_file_facts(&mut self, name: &str, container: &Container, file: &str, out: &mut Facts) {
        let origin = self.filesystems.overlay(container.fs, |overlay, all| overlay.origin(all, file));
        let Some(origin) = origin else { return };
        let from = match origin {
            Origin::Upper => "upper".to_owned(),
            Origin::Whiteout => "whiteout".to_owned(),
            Origin::Layer(layer) => format!("layer {layer}"),
            Origin::Nothing => "nothing".to_owned(),
        };
        out.insert(path(["container", name, "file", file, "from"]), from.into());
        // The overlay alone, without what is mounted on it, whether the container runs or not.
        let root = Loc { mount: super::vfs::MountId(u32::MAX), fs: container.fs, ino: ROOT };
        let Ok(view) = self.view(INIT).map(|view| View { root, cwd: root, ..view }) else { return };
        self.file_facts(&["container", name, "file", file], &view, file, out);
    }

    /// What lstat(2) and read(2) say of a path.
    fn file_facts(&mut self, prefix: &[&str], view: &View, file: &str, out: &mut Facts) {
        let mut fact = |name: &str, value: Value| {
            out.insert(path(prefix.iter().copied().chain([name])), value);
        };
        let Ok(loc) = self.find(view, file, false) else {
            fact("kind", "absent".into());
            return;
        };
        let stat = self.stat(loc);
        fact("kind", kind_name(stat.kind).into());
        if matches!(stat.kind, FileKind::File | FileKind::Dir) {
            fact("mode", mode_text(stat.mode).into());
            fact("uid", Value::Int(i64::from(stat.uid)));
        }
        if stat.kind == FileKind::File {
            fact("size", Value::Int(stat.size_bytes as i64));
            if let Some(Node::File(data)) = self.filesystems.inode(loc.fs, loc.ino).map(|inode| &inode.node) {
                fact("sha256", hex(&Sha256::digest(data.as_slice())).into());
            }
        }
    }

    fn namespace_numbers(&self) -> Numbers {
        let mut numbers = Numbers::new();
        let mut next = [0; 7];
        for process in self.processes.values().filter(|process| !process.is_zombie()) {
            for (next, (_, ns)) in next.iter_mut().zip(process.ns.each()) {
                numbers.get_or_insert_with(ns, || {
                    *next += 1;
                    *next - 1
                });
            }
        }
        numbers
    }
}

/// Every name in an upperdir: how many there are is counted in `names`.
fn upper_facts(tree: &Tree, dir: u64, at: &str, container: &str, names: &mut i64, out: &mut Facts) {
    for (name, ino) in tree.dir(dir).into_iter().flat_map(|dir| &dir.entries) {
        let Some(inode) = tree.get(*ino) else { continue };
        *names += 1;
        let at = format!("{at}/{name}");
        let kind = match &inode.node {
            Node::Whiteout => "whiteout",
            _ if inode.is_opaque() => "opaque",
            _ => kind_name(inode.kind()),
        };
        let mut fact = |names: &[&str], value: Value| {
            out.insert(path(["container", container, "upper", &at].into_iter().chain(names.iter().copied())), value);
        };
        fact(&[], kind.into());
        if matches!(inode.kind(), FileKind::File | FileKind::Dir) {
            fact(&["mode"], mode_text(inode.mode).into());
        }
        if let Node::File(data) = &inode.node {
            fact(&["size"], Value::Int(data.len() as i64));
            fact(&["sha256"], hex(&Sha256::digest(data.as_slice())).into());
        }
        upper_facts(tree, *ino, &at, container, names, out);
    }
}

/// A namespace by its number among those of its kind: `mnt2`.
fn class(kind: &str, ns: NsId, numbers: &Numbers) -> String {
    format!("{kind}{}", numbers.get(&ns).copied().unwrap_or(0))
}

fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Dir => "dir",
        FileKind::Symlink => "symlink",
        FileKind::CharDevice | FileKind::BlockDevice => "device",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
    }
}

fn mode_text(mode: u32) -> String {
    format!("{mode:04o}")
}

fn spaced(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
