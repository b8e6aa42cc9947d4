//! What can be observed of the node from outside, in the catalogue's words: `container/…`, `node/…`, `process/…`.
//!
//! Nothing is asked of a guest and no pid is taken: processes are read in this machine's `/proc`, files on the node's
//! disk and through its overlays. No number here comes from what the runner remembers of its own orders, but for which
//! process was a container's first, and its name.

use super::archive::{is_opaque, is_whiteout};
use super::{Container, LinuxKernel, OrFault};
use super::{group_facts, memory, proc};
use engine::call::{FileKind, Tid};
use engine::fact::{Facts, Value, path};
use engine::image::hex;
use engine::kernel::mountinfo;
use engine::node::{Cid, Fault, Watch, without_interpreter};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use toolbox::guest::normal::{self, StatLine};
use toolbox::os;

/// Kinds of namespaces, as `/proc/PID/ns` names them.
const NAMESPACES: [&str; 7] = ["pid", "mnt", "uts", "ipc", "net", "user", "cgroup"];

/// One process of the node.
pub(super) struct Seen {
    pub pid: i32,
    nspid: Vec<u32>,
    stat: StatLine,
    /// The link texts of `/proc/PID/ns/*`; none of a zombie.
    namespaces: BTreeMap<&'static str, String>,
}

impl Seen {
    /// Neither a zombie nor on its way out.
    pub(super) fn runs(&self) -> bool {
        !matches!(self.stat.state, 'Z' | 'X') && !self.stat.exiting
    }
}

/// Link text → number, for each kind.
type Numbers = BTreeMap<&'static str, BTreeMap<String, usize>>;

pub fn observe(kernel: &mut LinuxKernel, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
    let seen = processes(kernel)?;
    let numbers = number(&seen);
    let init = seen.values().next().ok_or_else(|| Fault::new("the node has no init"))?;
    out.insert("node/hostname".to_owned(), hostname(init.pid)?.into());
    // The node's init is the machine itself, and not counted.
    out.insert("node/processes".to_owned(), Value::Int(seen.len() as i64 - 1));
    for (tid, process) in seen.iter().skip(1) {
        process_facts(*tid, process, &numbers, out);
    }
    memory::facts(kernel, out);
    group_facts::observe(kernel, &seen, out)?;
    let cids: Vec<Cid> = kernel.containers.keys().copied().collect();
    for cid in cids {
        container_facts(kernel, cid, &seen, &numbers, out)?;
        for file in &watch.container_files {
            container_file_facts(kernel, cid, file, out)?;
        }
    }
    for file in &watch.node_files {
        // The node's own view, with what is mounted on it.
        let root = format!("/proc/{}/root", kernel.tasks.init);
        file_facts(&["node", "file", file], Path::new(&root), file, out)?;
    }
    Ok(())
}

/// Every process of the node by its pid there, zombies included; the init is the first.
fn processes(kernel: &LinuxKernel) -> Result<BTreeMap<Tid, Seen>, Fault> {
    let mut seen = BTreeMap::new();
    for pid in proc::tree(kernel.tasks.init) {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).or_fault(|| format!("/proc/{pid}/stat"))?;
        let stat = StatLine::parse(&text).ok_or_else(|| Fault::new(format!("/proc/{pid}/stat: {text}")))?;
        let nspid = proc::nspid(pid, kernel.tasks.depth());
        let namespaces = NAMESPACES.iter().filter_map(|kind| {
            let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?;
            Some((*kind, link.to_string_lossy().into_owned()))
        });
        let namespaces: BTreeMap<_, _> = namespaces.collect();
        // One that has ended, or waits until its pid namespace has, is in none (exit_task_namespaces).
        let left = stat.state == 'Z' || !namespaces.contains_key("mnt");
        let namespaces = if left { BTreeMap::new() } else { namespaces };
        let tid = *nspid.first().ok_or_else(|| Fault::new(format!("process {pid} has no pid on the node")))?;
        seen.insert(Tid(tid), Seen { pid, nspid, stat, namespaces });
    }
    Ok(seen)
}

fn number(seen: &BTreeMap<Tid, Seen>) -> Numbers {
    let mut numbers = Numbers::new();
    for process in seen.values() {
        for (kind, link) in &process.namespaces {
            let known = numbers.entry(kind).or_default();
            let next = known.len();
            known.entry(link.clone()).or_insert(next);
        }
    }
    numbers
}

fn process_facts(tid: Tid, process: &Seen, numbers: &Numbers, out: &mut Facts) {
    let pid = tid.0.to_string();
    let mut fact = |name: &str, value: Value| out.insert(path(["process", &pid, name]), value);
    fact("comm", process.stat.comm.clone().into());
    fact("state", state(process.stat.state).to_string().into());
    fact("nspid", spaced(process.nspid.iter().map(u32::to_string)).into());
    fact("inner", Value::Int(process.nspid.last().copied().unwrap_or(0).into()));
    fact("depth", Value::Int(process.nspid.len() as i64));
    let cmdline = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    fact("cmdline", spaced(without_interpreter(&normal::cmdline(&cmdline)).into_iter()).into());
    // Real, effective, saved; the fourth is for files.
    let ids = proc::status_numbers(process.pid, "Uid:");
    fact("uid", spaced(ids.iter().take(3).map(u32::to_string)).into());
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    fact("capabilities", effective.trim().to_owned().into());
    let own = fs::read_link("/proc/self/ns/user").unwrap_or_default();
    let elsewhere = fs::read_link(format!("/proc/{}/ns/user", process.pid)).is_ok_and(|link| link != own);
    for name in ["uid_map", "gid_map"].into_iter().filter(|_| elsewhere) {
        let map = fs::read_to_string(format!("/proc/{}/{name}", process.pid)).unwrap_or_default();
        fact(name, spaced(map.split_whitespace().map(str::to_owned)).into());
    }
    // The parent as the node numbers it; 0 when it is not on the node.
    let parent = proc::status_numbers(process.stat.ppid as i32, "NSpid:");
    let own = proc::status_numbers(process.pid, "NSpid:").len().saturating_sub(process.nspid.len());
    fact("ppid", Value::Int(parent.get(own).copied().unwrap_or(0).into()));
    for (kind, link) in &process.namespaces {
        out.insert(path(["process", &pid, "ns", kind]), class(kind, link, numbers).into());
    }
}

/// A namespace by its number among those of its kind: `mnt2`.
fn class(kind: &str, link: &str, numbers: &Numbers) -> String {
    format!("{kind}{}", numbers.get(kind).and_then(|known| known.get(link)).copied().unwrap_or(0))
}

/// At rest every process sleeps, is stopped or is a zombie.
fn state(letter: char) -> char {
    match letter {
        't' => 'T',
        'T' | 'Z' => letter,
        _ => 'S',
    }
}

fn container_facts(
    kernel: &LinuxKernel,
    cid: Cid,
    seen: &BTreeMap<Tid, Seen>,
    numbers: &Numbers,
    out: &mut Facts,
) -> Result<(), Fault> {
    let Some(container) = kernel.containers.get(&cid) else { return Ok(()) };
    let name = container.spec.name.as_str();
    let running = container.first.filter(|first| kernel.tasks.live.contains_key(first));
    // One that is on its way out has no namespaces any more.
    if let Some(first) = running.and_then(|tid| seen.get(&tid)).filter(|first| !first.namespaces.is_empty()) {
        running_facts(name, container, first, seen, numbers, out)?;
    }
    if let Some(status) = container.ended {
        out.insert(path(["container", name, "exit_code"]), Value::Int(status.shell_code().into()));
    }
    let mut names = 0;
    let upper = kernel.store.upper(cid);
    upper_facts(name, &upper, "", &mut names, out).or_fault(|| format!("the upperdir of {name}"))?;
    out.insert(path(["container", name, "upper"]), Value::Int(names));
    Ok(())
}

fn running_facts(
    name: &str,
    container: &Container,
    first: &Seen,
    seen: &BTreeMap<Tid, Seen>,
    numbers: &Numbers,
    out: &mut Facts,
) -> Result<(), Fault> {
    let mut fact = |names: &[&str], value: Value| {
        out.insert(path(["container", name].into_iter().chain(names.iter().copied())), value);
    };
    let pid = first.pid;
    // A zombie has no namespaces any more, but it keeps its pid in each: it counts by how deep it is numbered, under
    // the init of this namespace.
    let depth = first.nspid.len();
    let space = first.namespaces.get("pid");
    let is_init = |p: &&Seen| p.nspid.last() == Some(&1) && p.namespaces.get("pid") == space;
    let init = seen.values().find(is_init).unwrap_or(first);
    let members = seen.values().filter(|p| match p.namespaces.get("pid") {
        Some(link) => p.nspid.len() >= depth && (Some(link) == space || below(p, init, seen)),
        None => p.nspid.len() >= depth && below(p, init, seen),
    });
    fact(&["processes"], Value::Int(members.count() as i64));
    fact(&["pid", "inner"], Value::Int(first.nspid.last().copied().unwrap_or(0).into()));
    fact(&["pid", "outer"], Value::Int(first.nspid.first().copied().unwrap_or(0).into()));
    fact(&["hostname"], hostname(pid)?.into());
    for (kind, link) in &first.namespaces {
        fact(&["ns", kind], class(kind, link, numbers).into());
    }
    let uid = proc::status_numbers(pid, "Uid:").first().copied().unwrap_or(0);
    fact(&["uid"], Value::Int(uid.into()));
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).or_fault(|| format!("cmdline of {name}"))?;
    fact(&["cmdline"], spaced(without_interpreter(&normal::cmdline(&cmdline)).into_iter()).into());
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).or_fault(|| format!("cwd of {name}"))?;
    fact(&["cwd"], cwd.to_string_lossy().into_owned().into());
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).or_fault(|| format!("mountinfo of {name}"))?;
    for (target, text) in mountinfo::told(&mounts) {
        fact(&["mount", &target], text.into());
    }
    let root = root_mount(&mounts).ok_or_else(|| Fault::new(format!("{name} has no root mount: {mounts}")))?;
    fact(&["root", "fstype"], root.fstype.into());
    // The lowerdir that stands for none, where a container has no layers, is not a layer.
    let lowers = if container.spec.layers.is_empty() { 0 } else { root.lowers };
    fact(&["root", "lowers"], Value::Int(lowers as i64));
    fact(&["root", "options"], root.options.into());
    Ok(())
}

/// Does a process descend from the init of a namespace, by parents?
fn below(process: &Seen, init: &Seen, seen: &BTreeMap<Tid, Seen>) -> bool {
    let mut at = process;
    loop {
        if at.pid == init.pid {
            return true;
        }
        match seen.values().find(|p| p.pid == at.stat.ppid as i32) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
}

struct RootMount {
    fstype: String,
    lowers: usize,
    options: &'static str,
}

/// The line of `/` in mountinfo (proc_pid_mountinfo(5)): `… / MOUNTPOINT OPTIONS … - FSTYPE SOURCE SUPEROPTIONS`.
fn root_mount(mounts: &str) -> Option<RootMount> {
    let line = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"))?;
    let options = line.split(' ').nth(5)?;
    let (_, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    let fstype = after.next()?.to_owned();
    let lowerdir = after.nth(1)?.split(',').find_map(|o| o.strip_prefix("lowerdir=")).unwrap_or_default();
    let lowers = lowerdir.split(':').filter(|lower| !lower.is_empty()).count();
    let options = if options.split(',').any(|o| o == "ro") { "ro" } else { "rw" };
    Some(RootMount { fstype, lowers, options })
}

/// uname(2) in the UTS namespace of a process, by a thread that joins it for a moment.
fn hostname(pid: i32) -> Result<String, Fault> {
    let ns = os::open(&format!("/proc/{pid}/ns/uts"), libc::O_RDONLY, 0).or_fault(|| format!("/proc/{pid}/ns/uts"))?;
    let looked = std::thread::spawn(move || {
        os::setns(ns.as_raw_fd(), libc::CLONE_NEWUTS)?;
        os::hostname()
    });
    let name = looked.join().map_err(|_| Fault::new("the thread that reads a host name"))?;
    name.or_fault(|| format!("uname in the namespace of process {pid}"))
}

/// Every name in an upperdir: how many there are is counted in `names`.
fn upper_facts(container: &str, dir: &Path, at: &str, names: &mut i64, out: &mut Facts) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let at = format!("{at}/{}", entry.file_name().to_string_lossy());
        *names += 1;
        let kind = match normal::kind(metadata.mode()) {
            _ if is_whiteout(&metadata) => "whiteout",
            FileKind::Dir if is_opaque(&entry.path()) => "opaque",
            kind => kind_name(kind),
        };
        let mut fact = |names: &[&str], value: Value| {
            out.insert(path(["container", container, "upper", &at].into_iter().chain(names.iter().copied())), value);
        };
        fact(&[], kind.into());
        if metadata.is_file() || metadata.is_dir() {
            fact(&["mode"], mode_text(&metadata).into());
        }
        if metadata.is_file() {
            fact(&["size"], Value::Int(metadata.size() as i64));
            fact(&["sha256"], hex(&Sha256::digest(fs::read(entry.path())?)).into());
        }
        if metadata.is_dir() {
            upper_facts(container, &entry.path(), &at, names, out)?;
        }
    }
    Ok(())
}

fn container_file_facts(kernel: &mut LinuxKernel, cid: Cid, file: &str, out: &mut Facts) -> Result<(), Fault> {
    let Some(container) = kernel.containers.get(&cid) else { return Ok(()) };
    let (name, layers) = (container.spec.name.clone(), container.spec.layers.clone());
    // Oldest first, as layers are numbered.
    let lowers = kernel.store.directories(&layers)?;
    let lowers: Vec<_> = lowers.iter().map(|lower| kernel.store.layer(lower)).collect();
    let from = origin(&kernel.store.upper(cid), &lowers, file);
    out.insert(path(["container", &name, "file", file, "from"]), from.into());
    file_facts(&["container", &name, "file", file], &kernel.store.merged(cid), file, out)
}

/// What a lookup of a path ends at, as overlayfs.rst says lookups go: layer by layer from the top, a whiteout or an
/// opaque directory anywhere on the way hides what is below.
fn origin(upper: &Path, lowers: &[std::path::PathBuf], file: &str) -> String {
    let on_top = [("upper".to_owned(), upper.to_owned())];
    let below = lowers.iter().enumerate().rev().map(|(i, dir)| (format!("layer {}", i + 1), dir.clone()));
    for (label, dir) in on_top.into_iter().chain(below) {
        match look_in(&dir, file) {
            InLayer::There => return label,
            InLayer::Hidden => return "whiteout".to_owned(),
            InLayer::Covered => return "nothing".to_owned(),
            InLayer::Absent => {}
        }
    }
    "nothing".to_owned()
}

enum InLayer {
    There,
    /// A whiteout of the path, or of a directory it is in.
    Hidden,
    /// An opaque directory, or something that is no directory, is on the way: the layers below are not asked.
    Covered,
    Absent,
}

fn look_in(layer: &Path, file: &str) -> InLayer {
    let names: Vec<&str> = file.split('/').filter(|name| !name.is_empty()).collect();
    let (mut at, mut covered) = (layer.to_owned(), false);
    for (i, name) in names.iter().enumerate() {
        at.push(name);
        let Ok(metadata) = fs::symlink_metadata(&at) else {
            return if covered { InLayer::Covered } else { InLayer::Absent };
        };
        if is_whiteout(&metadata) {
            return InLayer::Hidden;
        }
        if i + 1 == names.len() {
            return InLayer::There;
        }
        if !metadata.is_dir() {
            return InLayer::Covered;
        }
        covered |= is_opaque(&at);
    }
    InLayer::There
}

/// What lstat(2) and read(2) say of a path below `root`; links on the way stay inside it.
fn file_facts(prefix: &[&str], root: &Path, file: &str, out: &mut Facts) -> Result<(), Fault> {
    let mut fact = |name: &str, value: Value| {
        out.insert(path(prefix.iter().copied().chain([name])), value);
    };
    let dir = os::open(&root.to_string_lossy(), libc::O_PATH | libc::O_DIRECTORY, 0);
    let dir = dir.or_fault(|| format!("the root that {file} is looked for in"))?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let Ok(found) = os::openat2(dir.as_raw_fd(), file, flags, libc::RESOLVE_IN_ROOT) else {
        fact("kind", "absent".into());
        return Ok(());
    };
    let link = format!("/proc/self/fd/{}", found.as_raw_fd());
    let metadata = fs::File::from(found.try_clone().or_fault(|| file.into())?).metadata().or_fault(|| file.into())?;
    fact("kind", kind_name(normal::kind(metadata.mode())).into());
    if metadata.is_file() || metadata.is_dir() {
        fact("mode", mode_text(&metadata).into());
        fact("uid", Value::Int(metadata.uid().into()));
    }
    if metadata.is_file() {
        fact("size", Value::Int(metadata.size() as i64));
        let data = fs::read(link).or_fault(|| file.into())?;
        fact("sha256", hex(&Sha256::digest(data)).into());
    }
    Ok(())
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

fn mode_text(metadata: &fs::Metadata) -> String {
    format!("{:04o}", metadata.permissions().mode() & 0o7777)
}

fn spaced(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
