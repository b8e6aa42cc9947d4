//! `/proc/PID/mountinfo` and `/proc/PID/mounts` (proc_pid_mountinfo(5), fs/proc_namespace.c): what of a mount namespace can
//! be reached from the process's root.
//!
//! Mount ids, device numbers, peer groups and namespaces are numbers of the whole machine. [`normalised`] numbers them as they appear,
//! on both kernels alike; it also leaves out the superblock options that some kernels show and others do not, and the
//! directories of a container's layers, which are the store's, and what a runtime masks in `/proc`.

use super::SimKernel;
use super::cgroup::fs::group_at;
use super::process::Process;
use super::vfs::mount::{Dentry, Mount};
use super::vfs::{Fs, Loc, MountId, View};
use crate::sim::Map;

/// Superblock options that say how a kernel was built or which one it is: tmpfs(5), overlayfs.rst.
const OF_THE_KERNEL: [&str; 16] = [
    "inode64",
    "inode32",
    "uuid=",
    "xino=",
    "redirect_dir=",
    "index=",
    "metacopy=",
    "nfs_export=",
    "seclabel",
    "usrquota",
    // How a distribution mounts control groups (cgroup-v2.rst, "Mounting").
    "nsdelegate",
    "favordynmods",
    "memory_",
    "pids_localevents",
    // A controller that is mounted together with cpu, or not.
    "cpuacct",
    "xattr",
];
/// How the file system on a disk is told: which it is, and where on the machine's disk it begins, is the machine's.
pub(super) const DISK_TYPE: &str = "ext4";
pub(super) const DISK_SOURCE: &str = "/dev/vda";
/// What the directory of the machine's disk that a node has is called, before a dot.
pub const DISK_DIRECTORY: &str = "drydock";
/// Options of a mount itself; a disk's file system has others.
const OF_A_MOUNT: [&str; 9] =
    ["rw", "ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"];
/// Where containers' directories lie in a node's store.
const LAYERS: [&str; 3] = ["lowerdir=", "upperdir=/c", "workdir=/c"];

/// The text of either file as both kernels give it.
pub fn normalised(text: &str) -> String {
    let shown: Vec<&str> = text.lines().filter(|line| !is_masked(line)).collect();
    let mut numbers = Numbers::default();
    // A mount may hang on one that is listed after it (pivot_root(2)).
    for line in shown.iter().filter(|line| line.contains(" - ")) {
        numbers.mount(line.split(' ').next().unwrap_or_default());
    }
    shown.iter().map(|line| numbers.line(line) + "\n").collect()
}

/// What a runtime mounts below /proc hides files that some kernels have and others do not.
fn is_masked(line: &str) -> bool {
    let at = if line.contains(" - ") { 4 } else { 1 };
    line.split(' ').nth(at).is_some_and(|target| target.starts_with("/proc/"))
}

/// What a mountinfo says of each mount point, in short: `tmpfs rw shared`. Of those that lie on one another the topmost is
/// told.
pub fn told(mountinfo: &str) -> Map<String, String> {
    let row = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let fields: Vec<&str> = before.split(' ').collect();
        let (target, own, tags) = (*fields.get(4)?, *fields.get(5)?, fields.get(6..)?);
        let mut after = after.split(' ');
        let (fstype, all) = (after.next()?, after.nth(1)?);
        let read_only = [own, all].iter().any(|options| options.split(',').any(|option| option == "ro"));
        let mut text = format!("{fstype} {}", if read_only { "ro" } else { "rw" });
        for tag in tags {
            text += match tag.split(':').next() {
                Some("shared") => " shared",
                Some("master") => " slave",
                Some("unbindable") => " unbindable",
                _ => "",
            };
        }
        Some((target.to_owned(), if tags.is_empty() { text + " private" } else { text }))
    };
    mountinfo.lines().filter(|line| !is_masked(line)).filter_map(row).collect()
}

#[derive(Default)]
struct Numbers {
    mounts: Map<String, usize>,
    devices: Map<String, usize>,
    groups: Map<String, usize>,
    namespaces: Map<String, usize>,
}

impl Numbers {
    /// The first that is listed is 2: it hangs on what is below every root, 1.
    fn mount(&mut self, id: &str) {
        let next = self.mounts.len() + 2;
        self.mounts.get_or_insert_with(id.to_owned(), || next);
    }

    fn line(&mut self, line: &str) -> String {
        let Some((before, after)) = line.split_once(" - ") else {
            let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
            if let [source, _, fstype, options, ..] = &mut fields[..] {
                *options = known(fstype, options);
                told_as_disk(source, fstype, options);
            }
            return fields.join(" ");
        };
        let mut fields: Vec<String> = before.split(' ').map(str::to_owned).collect();
        for (at, field) in fields.iter_mut().enumerate() {
            match at {
                0 | 1 => *field = self.mounts.get(field.as_str()).copied().unwrap_or(1).to_string(),
                2 => {
                    let next = self.devices.len() + 1;
                    *field = format!("0:{}", self.devices.get_or_insert_with(field.clone(), || next));
                }
                // A namespace is its own root (nsfs): `net:[4026531840]`.
                3 => {
                    if let Some((kind, inode)) = field.clone().strip_suffix(']').and_then(|name| name.split_once(":["))
                    {
                        let next = self.namespaces.len() + 1;
                        let number = self.namespaces.get_or_insert_with(inode.to_owned(), || next);
                        *field = format!("{kind}:[{number}]");
                    }
                }
                4..6 => {}
                _ => {
                    if let Some((kind, group)) = field.clone().split_once(':') {
                        let next = self.groups.len() + 1;
                        let number = self.groups.get_or_insert_with(group.to_owned(), || next);
                        *field = format!("{kind}:{number}");
                    }
                }
            }
        }
        let mut after: Vec<String> = after.split(' ').map(str::to_owned).collect();
        if let [fstype, source, options] = &mut after[..] {
            *options = known(fstype, options);
            if told_as_disk(source, fstype, options)
                && let Some(root) = fields.get_mut(3)
            {
                *root = below_disk(root);
            }
        }
        format!("{} - {}", fields.join(" "), after.join(" "))
    }
}

/// Puts away what of a disk is the machine's. Is it one?
fn told_as_disk(source: &mut String, fstype: &mut String, options: &mut String) -> bool {
    if !source.starts_with("/dev/") {
        return false;
    }
    (*source, *fstype) = (DISK_SOURCE.to_owned(), DISK_TYPE.to_owned());
    let own: Vec<&str> = options.split(',').filter(|option| OF_A_MOUNT.contains(option)).collect();
    *options = own.join(",");
    true
}

/// The part of a path on the machine's disk that is below a node's directory.
fn below_disk(root: &str) -> String {
    let mut names = root.split('/').skip_while(|name| !name.starts_with(&format!("{DISK_DIRECTORY}.")));
    match names.next() {
        Some(_) => format!("/{}", names.collect::<Vec<_>>().join("/")),
        None => root.to_owned(),
    }
}

/// The options that do not depend on the kernel.
fn known(fstype: &str, options: &str) -> String {
    let of_a_container = fstype == "overlay" && options.split(',').any(|option| option.starts_with(LAYERS[1]));
    let shown = |option: &&str| {
        let layers: &[&str] = if of_a_container { &LAYERS } else { &[] };
        !OF_THE_KERNEL.iter().chain(layers).any(|name| option.starts_with(name))
    };
    options.split(',').filter(shown).collect::<Vec<_>>().join(",")
}

pub(super) fn mounts(kernel: &SimKernel, process: &Process) -> String {
    let mut lines = String::new();
    each(kernel, process, |_, mount, target, _| {
        let superblock = kernel.superblock(mount.fs);
        let mode = if mount.attrs.read_only || superblock.read_only { "ro" } else { "rw" };
        let (source, fstype, options) = (&mount.source, &mount.fstype, &superblock.options);
        lines += &format!("{source} {target} {fstype} {mode}{}{options} 0 0\n", mount.attrs.flags_text());
    });
    normalised(&lines)
}

pub(super) fn mountinfo(kernel: &SimKernel, process: &Process) -> String {
    let mut lines = String::new();
    each(kernel, process, |id, mount, target, view| {
        let superblock = kernel.superblock(mount.fs);
        let parent = mount.on.as_ref().map_or(id.0, |on| on.mount.0);
        let mode = if superblock.read_only { "ro" } else { "rw" };
        lines += &format!(
            "{} {parent} 0:{} {} {target} {}",
            id.0,
            mount.fs.0,
            root(kernel, mount, kernel.process(view.tid)),
            mount.attrs.text()
        );
        if let Some(group) = mount.group {
            lines += &format!(" shared:{}", group.0);
        }
        if let Some(master) = mount.master {
            lines += &format!(" master:{}", master.0);
            let dominating = dominating(kernel, mount, view).filter(|dominating| *dominating != master);
            if let Some(group) = dominating {
                lines += &format!(" propagate_from:{}", group.0);
            }
        }
        if mount.unbindable {
            lines += " unbindable";
        }
        lines += &format!(" - {} {} {mode}{}\n", mount.fstype, mount.source, superblock.options);
    });
    normalised(&lines)
}

/// What the process can reach, in the order in which it was mounted.
fn each(kernel: &SimKernel, process: &Process, mut tell: impl FnMut(MountId, &Mount, &str, &View)) {
    let Ok(view) = kernel.view(process.tid()) else { return };
    for (id, mount) in kernel.mounts.of(process.ns.mnt) {
        let Some(root) = kernel.mounts.root_of(id) else { continue };
        if let Some(target) = kernel.path_of(&view, root) {
            tell(id, mount, &escaped(&target), &view);
        }
    }
}

/// The path of a mount's root in its file system.
fn root(kernel: &SimKernel, mount: &Mount, viewer: Option<&Process>) -> String {
    if let Some(text) = kernel.ns_text(Loc { mount: MountId(0), fs: mount.fs, ino: mount.root }) {
        return text;
    }
    if let Fs::Cgroup(hierarchy) = kernel.fs(mount.fs) {
        let viewer = viewer.map_or(kernel.node_ns.cgroup, |process| process.ns.cgroup);
        return escaped(&kernel.cgroups.path(kernel.cgroups.root_of(viewer, *hierarchy), group_at(mount.root)));
    }
    let (mut ino, mut names) = (mount.root, Vec::new());
    if let Dentry::Name(dir, name) = &mount.dentry {
        names.push(name.to_string());
        ino = *dir;
    }
    let fs = kernel.fs(mount.fs);
    while let (false, Some((parent, name))) = (matches!(fs, Fs::Proc(_)), fs.parent(ino)) {
        names.push(name);
        ino = parent;
    }
    let path = names.iter().rev().fold(String::new(), |path, name| path + "/" + name);
    let removed = if fs.is_dead(mount.root) && matches!(mount.dentry, Dentry::Dir(_)) { "//deleted" } else { "" };
    escaped(&format!("{}{removed}", if path.is_empty() { "/" } else { &path }))
}

/// The nearest master's master that has a mount under this root (fs/pnode.c, get_dominating_id).
fn dominating(kernel: &SimKernel, mount: &Mount, view: &View) -> Option<super::vfs::mount::GroupId> {
    let mut master = mount.master;
    while let Some(group) = master {
        let here = |id: &MountId| {
            let root = kernel.mounts.root_of(*id);
            let own = kernel.process(view.tid).map(|process| process.ns.mnt);
            kernel.mounts.get(*id).is_some_and(|mount| mount.ns == own)
                && root.is_some_and(|root: Loc| kernel.path_of(view, root).is_some())
        };
        let peers = kernel.mounts.peers(group);
        if peers.iter().any(here) {
            return Some(group);
        }
        master = peers.first().and_then(|peer| kernel.mounts.get(*peer)?.master);
    }
    None
}

/// fs/seq_file.c, mangle_path with " \t\n\\".
fn escaped(path: &str) -> String {
    path.chars().fold(String::new(), |text, c| match c {
        ' ' => text + "\\040",
        '\t' => text + "\\011",
        '\n' => text + "\\012",
        '\\' => text + "\\134",
        c => text + c.encode_utf8(&mut [0; 4]),
    })
}
