//! What is tried in a child of its own, which is gone afterwards, and its mounts and rules with it.

use std::ffi::CStr;
use toolbox::os::{self, Result};
use toolbox::sandbox::power;
use toolbox::sandbox::seccomp::Filter;

/// Can a child be made in a new namespace of this kind? The errno if not.
pub fn namespace(flag: i32) -> Result<()> {
    in_child(flag, || Ok(()))
}

/// An overlay as a user without root would mount it: in a user namespace, with `userxattr` (overlayfs.rst) and its
/// directories on a tmpfs.
pub fn overlay_in_user_namespace() -> Result<()> {
    // SAFETY: no memory is passed.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let (uid_map, gid_map) = (format!("0 {uid} 1"), format!("0 {gid} 1"));
    in_child(libc::CLONE_NEWUSER | libc::CLONE_NEWNS, || {
        // user_namespaces(7): one's own id may be mapped by oneself, a group's after giving up setgroups(2).
        write(c"/proc/self/setgroups", b"deny")?;
        write(c"/proc/self/uid_map", uid_map.as_bytes())?;
        write(c"/proc/self/gid_map", gid_map.as_bytes())?;
        mount(c"/tmp", c"tmpfs", c"")?;
        // SAFETY: paths are NUL-terminated.
        unsafe {
            os::check(libc::chdir(c"/tmp".as_ptr()))?;
            for dir in [c"lower", c"upper", c"work", c"merged"] {
                os::check(libc::mkdir(dir.as_ptr(), 0o755))?;
            }
        }
        mount(c"merged", c"overlay", c"lowerdir=lower,upperdir=upper,workdir=work,userxattr")
    })
}

/// A child that is known by a descriptor (pidfd_open(2), CLONE_PIDFD).
pub fn pidfd() -> Result<()> {
    // SAFETY: the child ends at once.
    match unsafe { os::clone3(0, true) }? {
        // SAFETY: ends the process.
        None => unsafe { libc::_exit(0) },
        Some((pid, pidfd)) => os::wait(pid, 0)?.and(pidfd).map(drop).ok_or(libc::EBADF),
    }
}

/// Installs the filter of containers: seccomp(2), SECCOMP_SET_MODE_FILTER.
pub fn seccomp_filter() -> Result<()> {
    let filter = Filter::new(power::DOCKER);
    in_child(0, || {
        power::no_new_privileges()?;
        filter.install()
    })
}

fn mount(target: &CStr, kind: &CStr, options: &CStr) -> Result<()> {
    // SAFETY: all four are NUL-terminated.
    os::check(unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) })
        .map(drop)
}

fn write(path: &CStr, text: &[u8]) -> Result<()> {
    // SAFETY: the path is NUL-terminated, the text as long as it says; the descriptor ends with this process.
    unsafe {
        let file = os::check(libc::open(path.as_ptr(), libc::O_WRONLY))?;
        os::check(libc::write(file, text.as_ptr().cast(), text.len()) as i64).map(drop)
    }
}

/// Does something in a child with new namespaces. It must not allocate: another thread may have held the allocator's
/// lock when the child was made (signal-safety(7)).
fn in_child(namespaces: i32, what: impl FnOnce() -> Result<()>) -> Result<()> {
    // SAFETY: the child makes system calls on what was made before, and ends.
    match unsafe { os::clone3(namespaces as u64, false) }? {
        None => {
            let code = what().err().unwrap_or(0);
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) }
        }
        Some((pid, _)) => match os::wait(pid, 0)? {
            Some((_, status)) if libc::WIFEXITED(status) => match libc::WEXITSTATUS(status) {
                0 => Ok(()),
                errno => Err(errno),
            },
            _ => Err(libc::ECHILD),
        },
    }
}
