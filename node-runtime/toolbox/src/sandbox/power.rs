//! What a process may do: its capabilities, its user, and that an execve(2) gives it nothing back.

use crate::os::{self, Result};

pub use engine::call::CONTAINER_CAPABILITIES as DOCKER;
pub const SYS_ADMIN: u64 = engine::call::Capability::CAP_SYS_ADMIN.bit();
/// More than there are.
const CAPABILITIES: u64 = 64;

/// Keeps only these in the bounding set, so that no later execve(2) can give others (capabilities(7)).
pub fn bound(kept: u64) -> Result<()> {
    for capability in (0..CAPABILITIES).filter(|capability| kept & (1 << capability) == 0) {
        match os::prctl(libc::PR_CAPBSET_DROP, capability as _) {
            // Past the last that this kernel has.
            Err(libc::EINVAL) => break,
            other => drop(other?),
        }
    }
    Ok(())
}

pub fn no_new_privileges() -> Result<()> {
    os::prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop)
}

/// With no supplementary groups.
pub fn become_user(uid: u32, gid: u32) -> Result<()> {
    // SAFETY: an empty list, and numbers.
    unsafe {
        os::check(libc::setgroups(0, std::ptr::null()))?;
        os::check(libc::setgid(gid))?;
        os::check(libc::setuid(uid))?;
    }
    Ok(())
}

/// Becomes root of the user namespace that the process is in, where only this user of the machine is mapped: who is not
/// root may map no other, and a group only after giving up setgroups(2) (user_namespaces(7)).
pub fn map_to_root(uid: u32, gid: u32) -> Result<()> {
    let write = |path: &str, text: &str| std::fs::write(path, text).map_err(|error| os::code(&error));
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", &format!("0 {gid} 1"))
}
