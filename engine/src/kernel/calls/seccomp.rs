//! What a container's seccomp filter refuses: of Docker's default profile (moby, profiles/seccomp/default.json) what
//! there are calls for here. It answers before the call looks at its arguments.

use crate::call::{Capability, CloneFlags, Sys, Tid};
use crate::kernel::SimKernel;

impl SimKernel {
    /// A process of a container that was not given CAP_SYS_ADMIN.
    pub(super) fn is_filtered(&self, tid: Tid) -> bool {
        let container = self.process(tid).and_then(|process| self.containers.get(&process.container?));
        container.is_some_and(|container| container.spec.capabilities & Capability::CAP_SYS_ADMIN.bit() == 0)
    }
}

/// EPERM to every process of such a container.
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
