//! The file systems of a node: the store, the node's root, and what is mounted in it.

use super::container::mount_tmpfs;
use super::groups::Groups;
use super::{HOSTNAME, LAYERS, NODE_ROOT, TOOLBOX_COPY, TOOLBOX_SOURCE};
use crate::os::{self, Result};
use crate::sandbox::devices::{mount_proc, mount_proc_and_dev, mount_queues};
use crate::sandbox::{During, Step};
use crate::wire::EMPTY_LAYER;
use engine::node::{TOOLBOX, Tmpfs};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

/// Where the store has the disk.
const STORE_DISK: &str = "/disk";
/// Directories that are there on every Linux, to hang the store's tmpfs on for a moment.
const HOOKS: [&str; 4] = ["/tmp", "/mnt", "/var", "/proc"];

/// Leaves the real machine's mounts for a tmpfs: `/root` (the node's root, a tmpfs of its own), `/layers`, `/proc`.
pub(super) fn mount_store(disk: Option<&str>) -> Step<()> {
    os::mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "").during("mount --make-rprivate /")?;
    // Before something is mounted over it.
    let disk = disk.map(|disk| os::open(disk, libc::O_PATH, 0).and_then(|dir| os::clone_mount(&dir)).during(disk));
    let disk = disk.transpose()?;
    let mounted = HOOKS.iter().find(|hook| os::mount("drydock", hook, "tmpfs", libc::MS_NODEV, "mode=0755").is_ok());
    let hook = mounted.ok_or(("mount a tmpfs for the store".to_owned(), os::errno()))?;
    os::chdir(hook).during("chdir")?;
    for dir in [NODE_ROOT, LAYERS, "/proc"] {
        os::mkdir(&dir[1..], 0o755).during(dir)?;
    }
    os::mkdir(&format!("{}/{EMPTY_LAYER}", &LAYERS[1..]), 0o755).during("the empty layer")?;
    os::mount("tmpfs", &NODE_ROOT[1..], "tmpfs", 0, "mode=0755").during("mount the node's root")?;
    if let Some(disk) = &disk {
        os::mkdir(&STORE_DISK[1..], 0o755).during(STORE_DISK)?;
        os::attach_mount(disk, &STORE_DISK[1..]).during("mount the disk")?;
    }
    os::pivot_to_cwd().during("pivot_root")?;
    mount_proc("/proc").during("mount /proc")?;
    // What the runner has is no part of the scenario; nobody on the node may go below this.
    os::write_file(libc::AT_FDCWD, "/proc/self/oom_score_adj", "0").during("oom_score_adj")?;
    copy_toolbox().during("copy the toolbox")
}

/// The executable comes as a descriptor of a memfd, which cannot be bind-mounted.
fn copy_toolbox() -> Result<()> {
    let code = |error: io::Error| os::code(&error);
    // SAFETY: the runner passed this descriptor for this purpose; nobody else uses it.
    let mut source = unsafe { File::from_raw_fd(TOOLBOX_SOURCE) };
    let mut copy = File::create(TOOLBOX_COPY).map_err(code)?;
    io::copy(&mut source, &mut copy).map_err(code)?;
    copy.set_permissions(PermissionsExt::from_mode(0o755)).map_err(code)
}

/// The store's directory and the node's root, for the runner to fill and to look at.
pub(super) fn dirs() -> Step<(OwnedFd, OwnedFd)> {
    let store = os::open("/", libc::O_RDONLY | libc::O_DIRECTORY, 0).during("open the store")?;
    let root = os::open(NODE_ROOT, libc::O_RDONLY | libc::O_DIRECTORY, 0).during("open the node's root")?;
    Ok((store, root))
}

/// Moves into the node's root, in a mount namespace of its own, and mounts `/proc` and `/dev` there. All mounts are
/// private: what a guest mounts after unshare(2) must not show on the node.
pub(super) fn boot(groups: &Groups) -> Step<()> {
    let toolbox = toolbox_mount()?;
    os::unshare(libc::CLONE_NEWNS).during("unshare(CLONE_NEWNS)")?;
    os::chdir(NODE_ROOT).during("chdir")?;
    os::pivot_to_cwd().during("pivot_root")?;
    kernel_mounts(&toolbox)?;
    mount_tmpfs(&Tmpfs::shm_of_node()).during("mount /dev/shm")?;
    groups.mount_in_node()?;
    os::mkdir_if_missing("/tmp", 0o777).during("/tmp")?;
    os::chmod("/tmp", 0o1777).during("/tmp")?;
    os::sethostname(HOSTNAME).during("sethostname")
}

/// The disk, if there is one, as a mount that can be attached anywhere. The caller is in the store's mount namespace.
pub(super) fn disk_mount() -> Step<Option<OwnedFd>> {
    match os::open(STORE_DISK, libc::O_PATH, 0) {
        Ok(dir) => os::clone_mount(&dir).map(Some).during("open_tree(the disk)"),
        Err(libc::ENOENT) => Ok(None),
        Err(errno) => Err((STORE_DISK.to_owned(), errno)),
    }
}

/// The toolbox's executable as a mount that can be attached anywhere. The caller is in the store's mount namespace.
pub(super) fn toolbox_mount() -> Step<OwnedFd> {
    let file = os::open(TOOLBOX_COPY, libc::O_PATH, 0).during("open the toolbox")?;
    os::clone_mount(&file).during("open_tree(the toolbox)")
}

/// What the kernel and the runtime put into every root: `/proc`, and `/dev` with six devices, the toolbox and queues.
pub(super) fn kernel_mounts(toolbox: &OwnedFd) -> Step<()> {
    mount_proc_and_dev()?;
    drop(os::open(TOOLBOX, libc::O_CREAT | libc::O_WRONLY, 0o755).during(TOOLBOX)?);
    os::attach_mount(toolbox, TOOLBOX).during("mount the toolbox")?;
    mount_queues()
}
