//! The control group of a container that is nobody's node's, in version 2, in version 1 and in both at once (cgroups(7)).
//!
//! A [`Group`] is one name in every hierarchy that it needs: those of the controllers that were asked for, and that of
//! version 2, into which clone3(2) can put a child. It belongs to whoever holds flock(2) on its
//! directories: so [`sweep`] finds those whose maker was killed, whatever its pid was and in whichever namespace.
//!
//! A controller or a permission that is missing is told ([`Unset`]), and nothing is made of it.

mod limits;

pub use limits::{Limits, Unset};

use crate::os::{self, Result};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What all names of ours begin with.
const PREFIX: &str = "drydock-run-";
/// How long a group may stay busy after the last of its processes has been waited for.
const BUSY: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_micros(200);
/// How often a directory may be swept between mkdir(2) and flock(2) before making it is given up.
const TRIES: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    Cpu,
    Memory,
    Pids,
}

impl Controller {
    const ALL: [Controller; 3] = [Controller::Cpu, Controller::Memory, Controller::Pids];

    /// As mount options, `cgroup.controllers` and `cgroup.subtree_control` name it.
    pub fn name(self) -> &'static str {
        match self {
            Controller::Cpu => "cpu",
            Controller::Memory => "memory",
            Controller::Pids => "pids",
        }
    }

    fn named(name: &str) -> Option<Controller> {
        Controller::ALL.into_iter().find(|controller| controller.name() == name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    pub version: Version,
    pub root: PathBuf,
    /// Those of [`Controller`] that it has.
    pub controllers: Vec<Controller>,
}

/// All that are mounted where this process can see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies {
    pub all: Vec<Hierarchy>,
}

impl Hierarchies {
    pub fn mounted() -> io::Result<Hierarchies> {
        let mut found = Hierarchies::in_table(&fs::read_to_string("/proc/self/mountinfo")?);
        for hierarchy in found.all.iter_mut().filter(|hierarchy| hierarchy.version == Version::V2) {
            let names = fs::read_to_string(hierarchy.root.join("cgroup.controllers")).unwrap_or_default();
            hierarchy.controllers = names.split_whitespace().filter_map(Controller::named).collect();
        }
        Ok(found)
    }

    /// From the lines of mountinfo (proc_pid_mountinfo(5)): `… ROOT MOUNTPOINT OPTIONS … - FSTYPE SOURCE SUPEROPTIONS`.
    fn in_table(mountinfo: &str) -> Hierarchies {
        let mut found = Hierarchies::default();
        for line in mountinfo.lines() {
            let Some((mount, (fstype, options))) = line.split_once(" - ").and_then(|(mount, kind)| {
                let mut words = kind.split(' ');
                Some((mount, (words.next()?, words.nth(1)?)))
            }) else {
                continue;
            };
            let (version, controllers) = match fstype {
                "cgroup2" => (Version::V2, Vec::new()),
                "cgroup" => (Version::V1, options.split(',').filter_map(Controller::named).collect()),
                _ => continue,
            };
            let known = |other: &Hierarchy| other.version == version && other.controllers == controllers;
            // A hierarchy may be mounted more than once; those of version 1 without a controller only name processes.
            if version == Version::V1 && controllers.is_empty() || found.all.iter().any(known) {
                continue;
            }
            let root = PathBuf::from(mount.split(' ').nth(4).unwrap_or_default());
            found.all.push(Hierarchy { version, root, controllers });
        }
        found
    }

    pub fn with(&self, controller: Controller) -> Option<&Hierarchy> {
        self.all.iter().find(|hierarchy| hierarchy.controllers.contains(&controller))
    }
}

/// A group of ours, until [`Group::remove`].
#[derive(Debug)]
pub struct Group {
    places: Vec<Place>,
}

/// The group in one hierarchy.
#[derive(Debug)]
struct Place {
    version: Version,
    controllers: Vec<Controller>,
    path: PathBuf,
    /// Held under flock(2).
    dir: OwnedFd,
}

impl Group {
    /// Makes one of a fresh name at the top of each hierarchy that has one of these controllers, and in that of version
    /// 2. What cannot be made is told in `unset`.
    pub fn make(hierarchies: &Hierarchies, wanted: &[Controller], unset: &mut Vec<Unset>) -> Group {
        let (mut group, name) = (Group { places: Vec::new() }, format!("{PREFIX}{}", unique()));
        for hierarchy in &hierarchies.all {
            let wanted: Vec<Controller> =
                wanted.iter().copied().filter(|controller| hierarchy.controllers.contains(controller)).collect();
            if wanted.is_empty() && hierarchy.version == Version::V1 {
                continue;
            }
            let made = enable(hierarchy, &wanted).and_then(|()| place(hierarchy, &name, wanted.clone()));
            match made {
                Ok(place) => group.places.push(place),
                Err((path, errno)) => unset.extend(wanted.iter().map(|_| Unset::new(path.display(), errno))),
            }
        }
        let missing = |controller: &&Controller| hierarchies.with(**controller).is_none();
        unset.extend(wanted.iter().filter(missing).map(|controller| Unset::absent(controller.name())));
        group
    }

    /// The directory to give to clone3(2), `CLONE_INTO_CGROUP`: such a child is in it from its first moment.
    pub fn for_clone(&self) -> Option<RawFd> {
        self.places.iter().find(|place| place.version == Version::V2).map(|place| place.dir.as_raw_fd())
    }

    /// Moves the calling process, which has one thread, into the group in all hierarchies of version 1. `tasks` with a 0
    /// moves the calling thread without the lock that all forks of the machine would have to wait for, which
    /// `cgroup.procs` takes (kernel/cgroup/cgroup.c, cgroup_procs_write_start()).
    pub fn enter_v1(&self) -> Result<()> {
        self.places.iter().filter(|place| place.version == Version::V1).try_for_each(|place| place.write("tasks", "0"))
    }

    /// Its processes have been waited for, or killed: the kernel may take a moment to see that it is empty.
    pub fn remove(self) -> Result<()> {
        let mut done = Ok(());
        for place in &self.places {
            done = done.and(remove(&place.path));
        }
        done
    }
}

impl Place {
    fn write(&self, file: &str, text: &str) -> Result<()> {
        os::write_file(self.dir.as_raw_fd(), file, text)
    }
}

/// Version 2 gives a group only the controllers that its parent hands down (cgroup-v2.rst, "Controlling Controllers").
fn enable(hierarchy: &Hierarchy, wanted: &[Controller]) -> std::result::Result<(), (PathBuf, i32)> {
    if hierarchy.version == Version::V1 || wanted.is_empty() {
        return Ok(());
    }
    let path = hierarchy.root.join("cgroup.subtree_control");
    let given = fs::read_to_string(&path).unwrap_or_default();
    for controller in wanted.iter().filter(|wanted| !given.split_whitespace().any(|name| name == wanted.name())) {
        fs::write(&path, format!("+{}", controller.name())).map_err(|error| (path.clone(), os::code(&error)))?;
    }
    Ok(())
}

fn place(
    hierarchy: &Hierarchy,
    name: &str,
    controllers: Vec<Controller>,
) -> std::result::Result<Place, (PathBuf, i32)> {
    let path = hierarchy.root.join(name);
    let mut tries = TRIES;
    loop {
        match own(&path) {
            Ok(dir) => return Ok(Place { version: hierarchy.version, controllers, path, dir }),
            Err(libc::EEXIST | libc::ENOENT | libc::EWOULDBLOCK) if tries > 0 => tries -= 1,
            Err(errno) => return Err((path, errno)),
        }
    }
}

/// A name that nobody else on this machine has at this moment, in all likelihood.
fn unique() -> String {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    format!("{}-{:x}{:08x}", std::process::id(), time.tv_sec, time.tv_nsec)
}

/// Makes a directory and takes its lock. Whoever sweeps in between has the lock or has removed it.
fn own(path: &Path) -> Result<OwnedFd> {
    let text = path.to_str().ok_or(libc::EINVAL)?;
    os::mkdir(text, 0o755)?;
    let dir = os::open(text, libc::O_RDONLY | libc::O_DIRECTORY, 0);
    let owned = dir.and_then(|dir| {
        os::lock(dir.as_raw_fd())?;
        // What is gone from its parent has no files any more.
        fs::metadata(path.join("cgroup.procs")).map_err(|error| os::code(&error))?;
        Ok(dir)
    });
    if owned.is_err() {
        let _ = fs::remove_dir(path);
    }
    owned
}

fn remove(path: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        match fs::remove_dir(path).map_err(|error| os::code(&error)) {
            Err(libc::EBUSY) if begun.elapsed() < BUSY => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
}

/// Removes the groups whose maker is gone, with what still runs in them. Gives how many.
pub fn sweep(hierarchies: &Hierarchies) -> u32 {
    let mut swept = 0;
    for hierarchy in &hierarchies.all {
        for entry in fs::read_dir(&hierarchy.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && take_over(&entry.path()) {
                swept += u32::from(remove_tree(&entry.path()));
            }
        }
    }
    swept
}

fn take_over(path: &Path) -> bool {
    File::open(path).is_ok_and(|dir| os::lock(dir.as_raw_fd()).is_ok())
}

/// A group with those below it, deepest first; what runs there is killed.
fn remove_tree(path: &Path) -> bool {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0) {
        // SAFETY: no memory is passed. What is in a group of ours was started by us.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    remove(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mountinfo: &str) -> Vec<(Version, String, Vec<&'static str>)> {
        let all = Hierarchies::in_table(mountinfo).all;
        let told =
            |h: Hierarchy| (h.version, h.root.display().to_string(), h.controllers.iter().map(|c| c.name()).collect());
        all.into_iter().map(told).collect()
    }

    /// Lines of a machine with both versions, of systemd's hybrid, and of version 2 alone.
    #[test]
    fn hierarchies_are_told_by_mountinfo() {
        let hybrid = "31 30 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
             32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:4 - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
             50 31 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory\n";
        let v1 = |root: &str, names: &[&'static str]| (Version::V1, root.to_owned(), names.to_vec());
        assert_eq!(
            found(hybrid),
            [
                v1("/sys/fs/cgroup/cpu,cpuacct", &["cpu"]),
                v1("/sys/fs/cgroup/memory", &["memory"]),
                (Version::V2, "/sys/fs/cgroup/unified".to_owned(), vec![]),
            ]
        );
        let unified = "27 24 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        assert_eq!(found(unified), [(Version::V2, "/sys/fs/cgroup".to_owned(), vec![])]);
    }

    #[test]
    fn a_group_is_its_makers_until_that_is_gone() {
        let hierarchies = Hierarchies::mounted().unwrap();
        let mut unset = Vec::new();
        let group = Group::make(&hierarchies, &[Controller::Pids], &mut unset);
        let has_pids = |place: &&Place| place.controllers.contains(&Controller::Pids);
        let Some(path) = group.places.iter().find(has_pids).map(|place| place.path.clone()) else {
            println!("SKIPPED(no pids controller here that may be used: {unset:?})");
            return;
        };
        sweep(&hierarchies);
        assert!(path.exists(), "it was swept under its maker");
        drop(group);
        sweep(&hierarchies);
        assert!(!path.exists(), "it outlives its maker");
    }
}
