//! A container's file systems: its overlay in the store, and the view its processes get of it.

use super::root::{kernel_mounts, toolbox_mount};
use super::{LAYERS, merged};
use crate::os::{self, Result};
use crate::sandbox::{During, Step, paths};
use engine::call::Errno;
use engine::node::{Bind, Cid, ContainerSpec, SHM, StartError, Tmpfs};
use std::os::fd::{AsRawFd, OwnedFd};

/// Why a container's process could not be started: for the learner, or for whoever looks after the machine.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum Failed {
    Start(StartError),
    Node(String, i32),
}

impl From<(String, i32)> for Failed {
    fn from((what, errno): (String, i32)) -> Failed {
        Failed::Node(what, errno)
    }
}

/// An errno as the learner is told it.
pub(super) fn named(errno: i32) -> Errno {
    Errno::from_number(errno).unwrap_or(Errno::EIO)
}

/// Mounts a new container's overlay at `/cN/merged` of the store. Features that would show on disk in forms that older
/// kernels do not have are off (overlayfs.rst). Lower directories are named relative to the current one: mount options
/// must fit one page.
pub(super) fn mount_overlay(container: Cid, lowers: &[String]) -> Step<()> {
    let home = format!("/c{}", container.0);
    os::mkdir(&home, 0o755).during(&home)?;
    for dir in ["upper", "work", "merged"] {
        os::mkdir(&format!("{home}/{dir}"), 0o755).during(dir)?;
    }
    os::chdir(LAYERS).during(LAYERS)?;
    let lowers = lowers.join(":");
    let options = format!(
        "lowerdir={lowers},upperdir={home}/upper,workdir={home}/work,redirect_dir=off,index=off,metacopy=off,xino=off"
    );
    let mounted = os::mount("overlay", &merged(container), "overlay", 0, &options).during("mount the overlay");
    os::chdir("/").during("chdir /")?;
    mounted
}

/// A bind mount that is ready to be attached, and whether it is a directory.
pub(super) type Bound<'a> = (&'a Bind, OwnedFd, bool);

/// Copies the mounts to bind. The caller is still on the node, and so are the sources: with what is mounted there.
pub(super) fn bound(binds: &[Bind]) -> std::result::Result<Vec<Bound<'_>>, Failed> {
    let copy = |bind| match source(bind) {
        Ok((tree, dir)) => Ok((bind, tree, dir)),
        Err(errno) => Err(Failed::Start(StartError::Mount(bind.source.clone(), named(errno)))),
    };
    binds.iter().map(copy).collect()
}

/// Moves the calling process, which is in the store's mount namespace, into a mount namespace with the container's
/// view. Mount points and the working directory are made if they are not there, as runc does
/// (libcontainer/rootfs_linux.go), before the root becomes read-only.
pub(super) fn enter(
    container: Cid,
    spec: &ContainerSpec,
    binds: Vec<Bound<'_>>,
    shm: Option<OwnedFd>,
    cwd: &str,
) -> std::result::Result<(), Failed> {
    os::unshare(libc::CLONE_NEWNS).during("unshare(CLONE_NEWNS)")?;
    os::mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "").during("mount --make-rprivate /")?;
    let toolbox = toolbox_mount()?;
    os::chdir(&merged(container)).during("chdir to the container's root")?;
    // pivot_root(2) wants a mount point of this namespace, and a read-only view must not change the overlay itself.
    os::mount(".", ".", "", libc::MS_BIND, "").during("bind the container's root")?;
    os::chdir(&merged(container)).during("chdir to the container's root")?;
    os::pivot_to_cwd().during("pivot_root")?;
    kernel_mounts(&toolbox)?;
    paths::cover().during("mask paths of /proc")?;
    if let Some(shm) = shm {
        attach_shm(&shm).map_err(|errno| Failed::Start(StartError::Mount(SHM.to_owned(), named(errno))))?;
    }
    for tmpfs in &spec.tmpfs {
        let mounted = mount_tmpfs(tmpfs);
        mounted.map_err(|errno| Failed::Start(StartError::Mount(tmpfs.target.clone(), named(errno))))?;
    }
    for (bind, tree, dir) in binds {
        let attached = attach(bind, &tree, dir);
        attached.map_err(|errno| Failed::Start(StartError::Mount(bind.target.clone(), named(errno))))?;
    }
    os::mkdir_all(cwd).map_err(|errno| Failed::Start(StartError::Cwd(named(errno))))?;
    if spec.read_only {
        let root = os::open("/", libc::O_PATH, 0).during("open /")?;
        os::set_read_only(root.as_raw_fd(), c"").during("mount_setattr(MOUNT_ATTR_RDONLY)")?;
    }
    Ok(())
}

/// A copy of the `/dev/shm` that the caller sees.
pub(super) fn shared_memory() -> std::result::Result<OwnedFd, Failed> {
    let copied = os::open(SHM, libc::O_PATH, 0).and_then(|dir| os::clone_mount(&dir));
    copied.map_err(|errno| Failed::Start(StartError::Mount(SHM.to_owned(), named(errno))))
}

fn attach_shm(shm: &OwnedFd) -> Result<()> {
    os::mkdir_all(SHM)?;
    os::set_private(shm.as_raw_fd())?;
    os::attach_mount(shm, SHM)
}

pub(super) fn mount_tmpfs(wanted: &Tmpfs) -> Result<()> {
    let mode = match os::open(&wanted.target, libc::O_PATH, 0) {
        Ok(there) => Some(os::st_mode(there.as_raw_fd())? & 0o7777),
        Err(_) => {
            os::mkdir_all(&wanted.target)?;
            None
        }
    };
    let mut flags = libc::MS_NOSUID | libc::MS_NODEV;
    for (flag, wanted) in [(libc::MS_NOEXEC, !wanted.exec), (libc::MS_RDONLY, wanted.read_only)] {
        flags |= if wanted { flag } else { 0 };
    }
    os::mount(&wanted.source, &wanted.target, "tmpfs", flags, &wanted.options_over(mode))
}

fn source(bind: &Bind) -> Result<(OwnedFd, bool)> {
    let source = os::open(&bind.source, libc::O_PATH, 0)?;
    let dir = os::is_dir(source.as_raw_fd())?;
    Ok((os::clone_mount(&source)?, dir))
}

/// Attaches a bind, making its target if it is not there, as runc does (libcontainer/rootfs_linux.go).
fn attach(bind: &Bind, tree: &OwnedFd, dir: bool) -> Result<()> {
    let target = bind.target.trim_end_matches('/');
    if dir {
        os::mkdir_all(target)?;
    } else {
        os::mkdir_all(target.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        drop(os::open(target, libc::O_CREAT | libc::O_WRONLY, 0o644)?);
    }
    // Docker's default is rprivate (moby, volume/mounts/linux_parser.go).
    os::set_private(tree.as_raw_fd())?;
    if bind.read_only {
        os::set_read_only(tree.as_raw_fd(), c"")?;
    }
    os::attach_mount(tree, target)
}
