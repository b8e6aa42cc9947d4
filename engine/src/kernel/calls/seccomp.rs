//! What a container's seccomp filter refuses: of Docker's default profile (moby, profiles/seccomp/default.json) what
//! there are calls for here. It answers before the call looks at its arguments.

use crate::call::{CloneFlags, Sys};

/// EPERM to every process of a container, which has no CAP_SYS_ADMIN.
pub(super) fn refuses(sys: &Sys) -> bool {
    match sys {
        Sys::Mount { .. }
        | Sys::Umount { .. }
        | Sys::PivotRoot { .. }
        | Sys::Unshare { .. }
        | Sys::Setns { .. }
        | Sys::Sethostname { .. } => true,
        Sys::Clone { new, .. } => *new != CloneFlags::default(),
        _ => false,
    }
}
