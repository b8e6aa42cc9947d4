//! setuid(2), setresuid(2), setgroups(2), capset(2) and their kin, and prctl(2) where it is about capabilities: kernel/sys.c,
//! kernel/groups.c, kernel/capability.c, security/commoncap.c.

use super::Done;
use crate::call::{Ambient, Capability, Credentials, Errno, Prctl, Ret, Sys, Tid};
use crate::kernel::SimKernel;
use crate::kernel::cred::{CapSet, Cred, Ids};
use crate::kernel::userns::{IdKind, UserSpace};
use std::sync::Arc;

/// Supplementary groups of a process (NGROUPS_MAX).
const GROUPS: usize = 65_536;

pub(super) fn make(kernel: &mut SimKernel, tid: Tid, sys: &Sys) -> Done {
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let (cred, space) = (&process.cred, kernel.user_space(process.ns.user));
    let user = |id: u32| space.shown(IdKind::User, id);
    let group = |id: u32| space.shown(IdKind::Group, id);
    let int = |id: u32| Ok(Ret::Int(i64::from(id)));
    let call = match sys {
        Sys::Getuid => return int(user(cred.uid.real)),
        Sys::Getgid => return int(group(cred.gid.real)),
        Sys::Setuid { uid } => return set_one(kernel, tid, IdKind::User, *uid),
        Sys::Setgid { gid } => return set_one(kernel, tid, IdKind::Group, *gid),
        Sys::Credentials(call) => call,
        _ => return Err(Errno::ENOSYS),
    };
    match call {
        Credentials::Geteuid => int(user(cred.uid.effective)),
        Credentials::Getegid => int(group(cred.gid.effective)),
        Credentials::Getresuid => Ok(Ret::Ids(cred.uid.each().map(user).to_vec())),
        Credentials::Getresgid => Ok(Ret::Ids(cred.gid.each().map(group).to_vec())),
        Credentials::Getgroups => Ok(Ret::Ids(cred.groups.iter().map(|id| group(*id)).collect())),
        Credentials::Capget => Ok(Ret::Caps(cred.sets())),
        Credentials::Setresuid(ids) => set_three(kernel, tid, IdKind::User, *ids),
        Credentials::Setresgid(ids) => set_three(kernel, tid, IdKind::Group, *ids),
        Credentials::Setgroups(groups) => set_groups(kernel, tid, groups),
        Credentials::Capset(sets) => {
            let mut new = Cred::clone(cred);
            let may_exceed = cred.effective.has(Capability::CAP_SETPCAP);
            if !new.set_caps(*sets, may_exceed) {
                return Err(Errno::EPERM);
            }
            commit(kernel, tid, new)
        }
    }
}

/// The options of prctl(2) about capabilities; each asks for CAP_SETPCAP where it takes something away for ever.
pub(super) fn prctl(kernel: &mut SimKernel, tid: Tid, what: &Prctl) -> Done {
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let mut cred = Cred::clone(&process.cred);
    let known = |number: u32| i32::try_from(number).ok().and_then(Capability::from_number).ok_or(Errno::EINVAL);
    let told = |yes: bool| Ok(Ret::Int(yes.into()));
    match what {
        Prctl::CapbsetRead(number) => return told(cred.bounding.has(known(*number)?)),
        Prctl::CapbsetDrop(_) if !cred.effective.has(Capability::CAP_SETPCAP) => return Err(Errno::EPERM),
        Prctl::CapbsetDrop(number) => cred.bounding = cred.bounding.without(known(*number)?),
        Prctl::SetNoNewPrivs => cred.no_new_privs = true,
        Prctl::GetNoNewPrivs => return told(cred.no_new_privs),
        Prctl::SetKeepcaps(on) => cred.keep_caps = *on,
        Prctl::GetKeepcaps => return told(cred.keep_caps),
        Prctl::CapAmbient(Ambient::ClearAll, _) => cred.ambient = CapSet::EMPTY,
        Prctl::CapAmbient(how, number) => {
            let cap = known(*number)?;
            match how {
                Ambient::IsSet => return told(cred.ambient.has(cap)),
                Ambient::Raise if !cred.permitted.has(cap) || !cred.inheritable.has(cap) => return Err(Errno::EPERM),
                Ambient::Raise => cred.ambient = cred.ambient.with(cap),
                _ => cred.ambient = cred.ambient.without(cap),
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    commit(kernel, tid, cred)
}

/// setuid(2), setgid(2): with the capability all three ids, without it the effective one.
fn set_one(kernel: &mut SimKernel, tid: Tid, kind: IdKind, said: u32) -> Done {
    let (mut cred, id) = {
        let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
        let id = kernel.user_space(process.ns.user).id(kind, said).ok_or(Errno::EINVAL)?;
        (Cred::clone(&process.cred), id)
    };
    let old = ids(&cred, kind);
    let new = if cred.effective.has(capability(kind)) {
        Ids::all(id)
    } else if id == old.real || id == old.saved {
        Ids { effective: id, ..old }
    } else {
        return Err(Errno::EPERM);
    };
    set(kernel, tid, &mut cred, kind, new)
}

/// setresuid(2), setresgid(2): without the capability each becomes one of the three.
fn set_three(kernel: &mut SimKernel, tid: Tid, kind: IdKind, said: [Option<u32>; 3]) -> Done {
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let (mut cred, space) = (Cred::clone(&process.cred), kernel.user_space(process.ns.user));
    let old = ids(&cred, kind);
    let mut wanted = [None; 3];
    for (wanted, said) in wanted.iter_mut().zip(said) {
        *wanted = said.map(|said| space.id(kind, said).ok_or(Errno::EINVAL)).transpose()?;
    }
    let own = wanted.iter().flatten().all(|id| old.has(*id));
    if !own && !cred.effective.has(capability(kind)) {
        return Err(Errno::EPERM);
    }
    let [real, effective, saved] = wanted;
    let new = Ids {
        real: real.unwrap_or(old.real),
        effective: effective.unwrap_or(old.effective),
        saved: saved.unwrap_or(old.saved),
    };
    set(kernel, tid, &mut cred, kind, new)
}

fn set(kernel: &mut SimKernel, tid: Tid, cred: &mut Cred, kind: IdKind, new: Ids) -> Done {
    match kind {
        IdKind::User => {
            let root = kernel.user_space_of(tid)?.id(IdKind::User, 0);
            cred.set_uids(new, root);
        }
        IdKind::Group => cred.gid = new,
    }
    commit(kernel, tid, cred.clone())
}

/// setgroups(2), which a user namespace allows once its group ids are mapped, if ever.
fn set_groups(kernel: &mut SimKernel, tid: Tid, groups: &[u32]) -> Done {
    let process = kernel.process(tid).ok_or(Errno::ESRCH)?;
    let (mut cred, space) = (Cred::clone(&process.cred), kernel.user_space(process.ns.user));
    let allowed = |space: &UserSpace| space.allows_setgroups && !space.gids.is_empty();
    if !cred.effective.has(Capability::CAP_SETGID) || !allowed(space) {
        return Err(Errno::EPERM);
    }
    if groups.len() > GROUPS {
        return Err(Errno::EINVAL);
    }
    let ids = groups.iter().map(|said| space.id(IdKind::Group, *said).ok_or(Errno::EINVAL));
    let mut ids = ids.collect::<Result<Vec<u32>, Errno>>()?;
    crate::sim::sort(&mut ids);
    cred.groups = ids.into();
    commit(kernel, tid, cred)
}

fn ids(cred: &Cred, kind: IdKind) -> Ids {
    match kind {
        IdKind::User => cred.uid,
        IdKind::Group => cred.gid,
    }
}

fn capability(kind: IdKind) -> Capability {
    match kind {
        IdKind::User => Capability::CAP_SETUID,
        IdKind::Group => Capability::CAP_SETGID,
    }
}

fn commit(kernel: &mut SimKernel, tid: Tid, cred: Cred) -> Done {
    let user = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.user;
    kernel.commit_cred(tid, Arc::new(cred), user);
    Ok(Ret::Ok)
}
