//! The container's first process, from clone3(2) until it is the command.

use super::group::Group;
use super::{CANNOT, FAILED, NOT_FOUND, Options, Signals, launcher_lives, tell};
use crate::os::{self, Result};
use crate::sandbox::{During, Step, devices, exec, paths, power, seccomp::Filter};
use std::os::fd::{AsRawFd, OwnedFd};

/// Where a tmpfs can hang for a moment, even over the rootfs, which is the current directory then.
const HOOKS: [&str; 4] = ["/tmp", "/mnt", "/var", "/run"];
/// Docker's.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the child needs, made before it.
pub(super) struct Child {
    pub options: Options,
    pub group: Group,
    /// Hangs up when the launcher is gone.
    pub alive: OwnedFd,
    pub signals: Signals,
    /// The caller's user and group, if that is not root: they are root's inside, in a user namespace.
    pub mapped: Option<(u32, u32)>,
}

impl Child {
    /// Straight into the group where version 2 can; the cgroup namespace comes when it is in all of them, whose root it
    /// shall be.
    pub fn clone_into_group(&self) -> Result<Option<i32>> {
        let mut namespaces =
            libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
        if self.mapped.is_some() {
            namespaces |= libc::CLONE_NEWUSER;
        }
        // SAFETY: this process has one thread.
        let cloned = unsafe { os::clone3_into(namespaces as u64, false, self.group.for_clone()) };
        cloned.map(|child| child.map(|(pid, _)| pid))
    }

    /// Never comes back.
    pub fn become_command(&self) -> ! {
        let code = match self.arrange() {
            Err((what, errno)) => {
                tell(&what, errno);
                FAILED
            }
            Ok(()) => {
                let env = [PATH.to_owned(), format!("HOSTNAME={}", self.options.hostname), "HOME=/root".to_owned()];
                let Err(errno) = exec::execute(&self.options.command, &env, None);
                tell(&self.options.command[0], errno);
                if matches!(errno, libc::ENOENT | libc::ENOTDIR) { NOT_FOUND } else { CANNOT }
            }
        };
        // SAFETY: ends the process without running anything of it.
        unsafe { libc::_exit(code) }
    }

    fn arrange(&self) -> Step<()> {
        if let Some((uid, gid)) = self.mapped {
            power::map_to_root(uid, gid).during("map the user to root")?;
        }
        self.group.enter_v1().during("enter the control group")?;
        os::unshare(libc::CLONE_NEWCGROUP).during("unshare(CLONE_NEWCGROUP)")?;
        os::sethostname(&self.options.hostname).during("sethostname")?;
        os::loopback_up().during("bring the loopback interface up")?;
        self.make_root()?;
        let borrowed = self.mapped.map(|_| devices::borrow()).transpose()?;
        os::pivot_to_cwd().during("pivot_root")?;
        devices::mount_dev(borrowed)?;
        devices::mount_pts_and_shm()?;
        paths::cover().during("mask paths of /proc")?;
        if self.options.read_only {
            let root = os::open("/", libc::O_PATH, 0).during("open /")?;
            os::set_read_only(root.as_raw_fd(), c"").during("mount_setattr(MOUNT_ATTR_RDONLY)")?;
        }
        self.give_up_power()
    }

    /// An overlay of the directory under a tmpfs, with a procfs in it, is the current directory. The machine's own procfs
    /// is still there then: without it a user namespace is given none (fs/namespace.c, mount_too_revealing()).
    fn make_root(&self) -> Step<()> {
        os::mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "").during("mount --make-rprivate /")?;
        // Its own name may hold what separates mount options: `.` cannot.
        os::chdir(&self.options.rootfs).during(&self.options.rootfs)?;
        let mounted =
            HOOKS.iter().find(|hook| os::mount("drydock", hook, "tmpfs", libc::MS_NODEV, "mode=0755").is_ok());
        let hook = mounted.ok_or(("mount a tmpfs for the upperdir".to_owned(), os::errno()))?;
        for dir in ["upper", "work", "root"] {
            let dir = format!("{hook}/{dir}");
            os::mkdir(&dir, 0o755).during(&dir)?;
        }
        // Where trusted attributes are not to be had, overlayfs keeps its notes in those of users (overlayfs.rst).
        let attributes = if self.mapped.is_some() { ",userxattr" } else { "" };
        let options = format!("lowerdir=.,upperdir={hook}/upper,workdir={hook}/work{attributes}");
        let root = format!("{hook}/root");
        os::mount("overlay", &root, "overlay", libc::MS_NODEV, &options).during("mount the overlay")?;
        os::chdir(&root).during(&root)?;
        os::mkdir_if_missing("proc", 0o755).during("/proc")?;
        devices::mount_proc("proc").during("mount /proc")
    }

    /// In this order: a change of user clears what dies with whom (prctl(2), PR_SET_PDEATHSIG).
    fn give_up_power(&self) -> Step<()> {
        os::close_on_exec(3, u32::MAX).during("close_range")?;
        let filter = Filter::new(power::DOCKER);
        power::bound(power::DOCKER).during("drop capabilities")?;
        if self.mapped.is_none() {
            power::become_user(self.options.uid, self.options.gid).during("setuid")?;
        }
        os::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as _).during("prctl(PR_SET_PDEATHSIG)")?;
        if !launcher_lives(&self.alive) {
            return Err(("the launcher is gone".to_owned(), libc::ESRCH));
        }
        self.signals.release();
        power::no_new_privileges().during("prctl(PR_SET_NO_NEW_PRIVS)")?;
        filter.install().during("install the seccomp filter")
    }
}
