//! Calls about credentials (credentials(7), capabilities(7)): who a process is and what it may do.

use serde::{Deserialize, Serialize};

/// One call about the caller's own credentials. Ids are those of its user namespace; what is not mapped there is told as
/// 65534.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credentials {
    Geteuid,
    Getegid,
    /// Real, effective, saved: answered with [`super::Ret::Ids`].
    Getresuid,
    Getresgid,
    /// `None` leaves that one alone.
    Setresuid([Option<u32>; 3]),
    Setresgid([Option<u32>; 3]),
    /// Answered with [`super::Ret::Ids`].
    Getgroups,
    Setgroups(Vec<u32>),
    /// capget(2) of the caller: answered with [`super::Ret::Caps`].
    Capget,
    Capset(CapSets),
}

/// What capget(2) tells, as bits by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapSets {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
}

/// prctl(2) `PR_CAP_AMBIENT`; the capability is not looked at by `ClearAll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ambient {
    IsSet,
    Raise,
    Lower,
    ClearAll,
}

numbered! {
    /// capabilities(7), with the names that libcap writes.
    #[allow(non_camel_case_types)]
    Capability {
        CAP_CHOWN = 0, "cap_chown";
        CAP_DAC_OVERRIDE = 1, "cap_dac_override";
        CAP_DAC_READ_SEARCH = 2, "cap_dac_read_search";
        CAP_FOWNER = 3, "cap_fowner";
        CAP_FSETID = 4, "cap_fsetid";
        CAP_KILL = 5, "cap_kill";
        CAP_SETGID = 6, "cap_setgid";
        CAP_SETUID = 7, "cap_setuid";
        CAP_SETPCAP = 8, "cap_setpcap";
        CAP_LINUX_IMMUTABLE = 9, "cap_linux_immutable";
        CAP_NET_BIND_SERVICE = 10, "cap_net_bind_service";
        CAP_NET_BROADCAST = 11, "cap_net_broadcast";
        CAP_NET_ADMIN = 12, "cap_net_admin";
        CAP_NET_RAW = 13, "cap_net_raw";
        CAP_IPC_LOCK = 14, "cap_ipc_lock";
        CAP_IPC_OWNER = 15, "cap_ipc_owner";
        CAP_SYS_MODULE = 16, "cap_sys_module";
        CAP_SYS_RAWIO = 17, "cap_sys_rawio";
        CAP_SYS_CHROOT = 18, "cap_sys_chroot";
        CAP_SYS_PTRACE = 19, "cap_sys_ptrace";
        CAP_SYS_PACCT = 20, "cap_sys_pacct";
        CAP_SYS_ADMIN = 21, "cap_sys_admin";
        CAP_SYS_BOOT = 22, "cap_sys_boot";
        CAP_SYS_NICE = 23, "cap_sys_nice";
        CAP_SYS_RESOURCE = 24, "cap_sys_resource";
        CAP_SYS_TIME = 25, "cap_sys_time";
        CAP_SYS_TTY_CONFIG = 26, "cap_sys_tty_config";
        CAP_MKNOD = 27, "cap_mknod";
        CAP_LEASE = 28, "cap_lease";
        CAP_AUDIT_WRITE = 29, "cap_audit_write";
        CAP_AUDIT_CONTROL = 30, "cap_audit_control";
        CAP_SETFCAP = 31, "cap_setfcap";
        CAP_MAC_OVERRIDE = 32, "cap_mac_override";
        CAP_MAC_ADMIN = 33, "cap_mac_admin";
        CAP_SYSLOG = 34, "cap_syslog";
        CAP_WAKE_ALARM = 35, "cap_wake_alarm";
        CAP_BLOCK_SUSPEND = 36, "cap_block_suspend";
        CAP_AUDIT_READ = 37, "cap_audit_read";
        CAP_PERFMON = 38, "cap_perfmon";
        CAP_BPF = 39, "cap_bpf";
        CAP_CHECKPOINT_RESTORE = 40, "cap_checkpoint_restore";
    }
}

impl Capability {
    pub const fn bit(self) -> u64 {
        1 << self.number()
    }
}

/// What the node's own processes have: root there, but they must not reach through to the real machine.
pub const NODE_CAPABILITIES: u64 = {
    use Capability::*;
    let dropped = [
        CAP_SYS_MODULE,
        CAP_SYS_RAWIO,
        CAP_SYS_PACCT,
        CAP_SYS_BOOT,
        CAP_SYS_NICE,
        CAP_SYS_RESOURCE,
        CAP_SYS_TIME,
        CAP_MKNOD,
        CAP_MAC_OVERRIDE,
        CAP_MAC_ADMIN,
        CAP_SYSLOG,
        CAP_WAKE_ALARM,
        CAP_BLOCK_SUSPEND,
        CAP_PERFMON,
        CAP_BPF,
    ];
    let (mut all, mut i) = ((1 << Capability::ALL.len()) - 1, 0);
    while i < dropped.len() {
        all &= !dropped[i].bit();
        i += 1;
    }
    all
};

/// Docker's default capabilities (moby, oci/caps/defaults.go).
pub const CONTAINER_CAPABILITIES: u64 = {
    use Capability::*;
    let kept = [
        CAP_CHOWN,
        CAP_DAC_OVERRIDE,
        CAP_FSETID,
        CAP_FOWNER,
        CAP_MKNOD,
        CAP_NET_RAW,
        CAP_SETGID,
        CAP_SETUID,
        CAP_SETFCAP,
        CAP_SETPCAP,
        CAP_NET_BIND_SERVICE,
        CAP_SYS_CHROOT,
        CAP_KILL,
        CAP_AUDIT_WRITE,
    ];
    let (mut all, mut i) = (0, 0);
    while i < kept.len() {
        all |= kept[i].bit();
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_dockers_fourteen() {
        assert_eq!(CONTAINER_CAPABILITIES, 0xa804_25fb);
        assert!(Capability::ALL.iter().enumerate().all(|(at, cap)| cap.number() == at as i32));
    }
}
