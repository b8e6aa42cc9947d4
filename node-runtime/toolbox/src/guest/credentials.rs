//! Calls about credentials: ids, groups, capabilities. The raw calls: glibc and musl would set the ids of all threads.

use super::calls::{Answer, Stop, int, ok};
use crate::os::{self, check};
use engine::call::{Ambient, CapSets, Credentials, Prctl, Ret};

/// `struct __user_cap_header_struct` and `__user_cap_data_struct` of include/uapi/linux/capability.h, version 3.
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

pub(super) fn call(call: Credentials) -> Answer {
    // SAFETY: numbers, and buffers that outlive their calls with their sizes.
    unsafe {
        match call {
            Credentials::Geteuid => int(i64::from(libc::geteuid())),
            Credentials::Getegid => int(i64::from(libc::getegid())),
            Credentials::Getresuid => three(libc::SYS_getresuid),
            Credentials::Getresgid => three(libc::SYS_getresgid),
            Credentials::Setresuid(ids) => set_three(libc::SYS_setresuid, ids),
            Credentials::Setresgid(ids) => set_three(libc::SYS_setresgid, ids),
            Credentials::Getgroups => {
                let count = check(libc::getgroups(0, std::ptr::null_mut()))?;
                let mut groups = vec![0; count as usize];
                let count = check(libc::getgroups(count, groups.as_mut_ptr()))?;
                groups.truncate(count as usize);
                Ok(Ret::Ids(groups))
            }
            Credentials::Setgroups(groups) => {
                ok(check(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) as i64)? as i32)
            }
            Credentials::Capget => capget(),
            Credentials::Capset(sets) => capset(sets),
        }
    }
}

/// prctl(2) where it is about capabilities; `None` if it is not.
pub(super) fn prctl(what: &Prctl) -> Option<Answer> {
    let number = |option, value: u32| os::prctl(option, value.into()).map_err(Stop::from);
    let told = |answer: Result<i32, Stop>| answer.map(|value| Ret::Int(value.into()));
    let done = |answer: Result<i32, Stop>| answer.map(|_| Ret::Ok);
    Some(match what {
        Prctl::CapbsetRead(cap) => told(number(libc::PR_CAPBSET_READ, *cap)),
        Prctl::CapbsetDrop(cap) => done(number(libc::PR_CAPBSET_DROP, *cap)),
        Prctl::SetNoNewPrivs => done(number(libc::PR_SET_NO_NEW_PRIVS, 1)),
        Prctl::GetNoNewPrivs => told(number(libc::PR_GET_NO_NEW_PRIVS, 0)),
        Prctl::SetKeepcaps(on) => done(number(libc::PR_SET_KEEPCAPS, (*on).into())),
        Prctl::GetKeepcaps => told(number(libc::PR_GET_KEEPCAPS, 0)),
        Prctl::CapAmbient(how, cap) => {
            let how_number = match how {
                Ambient::IsSet => libc::PR_CAP_AMBIENT_IS_SET,
                Ambient::Raise => libc::PR_CAP_AMBIENT_RAISE,
                Ambient::Lower => libc::PR_CAP_AMBIENT_LOWER,
                Ambient::ClearAll => libc::PR_CAP_AMBIENT_CLEAR_ALL,
            };
            // SAFETY: numbers only.
            let answer = check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, how_number, *cap as libc::c_ulong, 0, 0) });
            let answer = answer.map_err(Stop::from);
            if *how == Ambient::IsSet { told(answer) } else { done(answer) }
        }
        _ => return None,
    })
}

/// # Safety
/// The call must write three ids and nothing else.
unsafe fn three(number: libc::c_long) -> Answer {
    let mut ids = [0_u32; 3];
    let [real, effective, saved] = &mut ids;
    // SAFETY: three places for the ids that the call writes.
    check(unsafe { libc::syscall(number, real as *mut u32, effective as *mut u32, saved as *mut u32) } as i64)?;
    Ok(Ret::Ids(ids.to_vec()))
}

/// # Safety
/// The call must take three ids.
unsafe fn set_three(number: libc::c_long, ids: [Option<u32>; 3]) -> Answer {
    let [real, effective, saved] = ids.map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(number, real, effective, saved) } as i64)?;
    Ok(Ret::Ok)
}

fn capget() -> Answer {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 writes two records.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) } as i64)?;
    let both = |of: fn(&CapData) -> u32| u64::from(of(&data[0])) | u64::from(of(&data[1])) << 32;
    Ok(Ret::Caps(CapSets {
        effective: both(|data| data.effective),
        permitted: both(|data| data.permitted),
        inheritable: both(|data| data.inheritable),
    }))
}

fn capset(sets: CapSets) -> Answer {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let half = |shift: u32| CapData {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads two records.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) } as i64)?;
    Ok(Ret::Ok)
}
