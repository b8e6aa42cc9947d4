//! A container's seccomp filter: a list of what is refused, in classic BPF (seccomp(2),
//! Documentation/userspace-api/seccomp_filter.rst).
//!
//! It refuses, with EPERM, what Docker's default profile leaves out of its allow list (moby,
//! profiles/seccomp/default.json) for a container with Docker's capabilities: what changes the machine, its clock, its
//! modules, its mounts and namespaces, and what looks across processes or into the kernel. Calls newer than
//! [`LAST_KNOWN`] do not exist (ENOSYS), so programs fall back to older ones, and so does clone3(2), whose flags a
//! filter cannot see. Three differences to Docker's: programs that use another table of calls (32 bit, x32) are refused
//! all of them; making a device is refused, where Docker's control group refuses opening it; and typing into the
//! terminal (TIOCSTI) is, because `node-runtime run` shares its own.

use super::power::SYS_ADMIN;
use crate::os::{self, Result};
use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, sock_filter,
};

/// mseal(2), of Linux 6.10: what came later was not looked at.
const LAST_KNOWN: i64 = 462;

/// Refused unless the container has CAP_SYS_ADMIN, as Docker's profile has it. unshare(2) and setns(2) are among them
/// for what they do without capabilities: new user namespaces.
const OF_ADMINS: &[i64] = &[
    libc::SYS_bpf,
    libc::SYS_fanotify_init,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
];

/// Refused to all: these reach beyond namespaces.
const OF_NOBODY: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_get_mempolicy,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_set_mempolicy,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Of this architecture alone.
#[cfg(target_arch = "x86_64")]
const OF_X86: &[i64] = &[
    libc::SYS__sysctl,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_X86: &[i64] = &[];

/// linux/audit.h.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Offsets in `struct seccomp_data`; arguments are 64 bits wide, low half first on both architectures.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(n: u32) -> u32 {
    16 + 8 * n
}

/// All new namespaces, the time namespace excepted, whose bit says something else to clone(2).
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
/// asm-generic/ioctls.h: they put text into a terminal's input.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// What personality(2) may be: nothing, UNAME26, ADDR_NO_RANDOMIZE's neighbours as Docker allows them, or a question.
const PERSONALITIES: [u32; 5] = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

const REFUSED: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
const NOT_THERE: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

/// A filter that is ready to be installed.
#[derive(Debug)]
pub struct Filter(Vec<sock_filter>);

impl Filter {
    /// For a container with these capabilities.
    pub fn new(capabilities: u64) -> Filter {
        let mut filter = Filter(Vec::new());
        filter.load(ARCH);
        filter.unless(BPF_JEQ, ARCHITECTURE, REFUSED);
        filter.load(NUMBER);
        filter.when(BPF_JGT, LAST_KNOWN as u32, NOT_THERE);
        filter.when(BPF_JEQ, libc::SYS_clone3 as u32, NOT_THERE);
        let of_admins = if capabilities & SYS_ADMIN == 0 { OF_ADMINS } else { &[] };
        for number in OF_NOBODY.iter().chain(OF_X86).chain(of_admins) {
            filter.when(BPF_JEQ, *number as u32, REFUSED);
        }
        if capabilities & SYS_ADMIN == 0 {
            filter.of(libc::SYS_clone, |filter| {
                filter.load(argument(0));
                filter.when(BPF_JSET, NEW_NAMESPACES, REFUSED);
            });
        }
        #[cfg(target_arch = "x86_64")]
        filter.of(libc::SYS_mknod, |filter| filter.no_devices(1));
        filter.of(libc::SYS_mknodat, |filter| filter.no_devices(2));
        filter.of(libc::SYS_ioctl, |filter| {
            filter.load(argument(1));
            filter.when(BPF_JEQ, TIOCSTI, REFUSED);
            filter.when(BPF_JEQ, TIOCLINUX, REFUSED);
        });
        filter.of(libc::SYS_socket, |filter| {
            filter.load(argument(0));
            filter.when(BPF_JEQ, libc::AF_VSOCK as u32, REFUSED);
        });
        filter.of(libc::SYS_personality, |filter| {
            filter.load(argument(0));
            PERSONALITIES.iter().for_each(|known| filter.when(BPF_JEQ, *known, SECCOMP_RET_ALLOW));
            filter.answer(REFUSED);
        });
        filter.answer(SECCOMP_RET_ALLOW);
        filter
    }

    /// For the calling thread and what descends from it. It has no_new_privs, or CAP_SYS_ADMIN.
    pub fn install(&self) -> Result<()> {
        let program = libc::sock_fprog { len: self.0.len() as u16, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the program and its instructions outlive the call, which copies them.
        os::check(unsafe {
            libc::syscall(libc::SYS_seccomp, u64::from(libc::SECCOMP_SET_MODE_FILTER), 0_u64, &raw const program)
        } as i64)
        .map(drop)
    }

    fn push(&mut self, code: u32, k: u32, (jt, jf): (u8, u8)) {
        self.0.push(sock_filter { code: code as u16, jt, jf, k });
    }

    fn load(&mut self, offset: u32) {
        self.push(BPF_LD | BPF_W | BPF_ABS, offset, (0, 0));
    }

    fn answer(&mut self, what: u32) {
        self.push(BPF_RET | BPF_K, what, (0, 0));
    }

    /// Answers if what was loaded compares so.
    fn when(&mut self, how: u32, k: u32, what: u32) {
        self.push(BPF_JMP | how | BPF_K, k, (0, 1));
        self.answer(what);
    }

    fn unless(&mut self, how: u32, k: u32, what: u32) {
        self.push(BPF_JMP | how | BPF_K, k, (1, 0));
        self.answer(what);
    }

    /// These instructions for one call, which is allowed if none of them answers.
    fn of(&mut self, number: i64, rules: impl FnOnce(&mut Filter)) {
        let mut inner = Filter(Vec::new());
        rules(&mut inner);
        inner.answer(SECCOMP_RET_ALLOW);
        self.push(BPF_JMP | BPF_JEQ | BPF_K, number as u32, (0, inner.0.len() as u8));
        self.0.extend(inner.0);
    }

    fn no_devices(&mut self, mode: u32) {
        self.load(argument(mode));
        self.push(BPF_ALU | BPF_AND | BPF_K, libc::S_IFMT, (0, 0));
        self.when(BPF_JEQ, libc::S_IFCHR, REFUSED);
        self.when(BPF_JEQ, libc::S_IFBLK, REFUSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel answers to one call under the filter, made in a child: 0 or an errno.
    fn answer(capabilities: u64, call: impl FnOnce() -> i64) -> i32 {
        let filter = Filter::new(capabilities);
        // SAFETY: the child makes system calls only, and ends.
        unsafe {
            match os::clone3(0, false).unwrap() {
                None => {
                    let code = match super::super::power::no_new_privileges().and_then(|()| filter.install()) {
                        Err(_) => 255,
                        Ok(()) if call() == -1 => os::errno(),
                        Ok(()) => 0,
                    };
                    libc::_exit(code)
                }
                Some((pid, _)) => {
                    let (_, status) = os::wait(pid, 0).unwrap().unwrap();
                    assert!(libc::WIFEXITED(status), "{status}");
                    libc::WEXITSTATUS(status)
                }
            }
        }
    }

    fn call(number: i64, arguments: [u64; 4]) -> i32 {
        let [a, b, c, d] = arguments;
        // SAFETY: numbers, or addresses that are not there, to calls that refuse them.
        answer(super::super::power::DOCKER, || unsafe { libc::syscall(number, a, b, c, d) })
    }

    #[test]
    fn what_reaches_beyond_a_container_is_refused_and_the_rest_is_not() {
        for number in OF_ADMINS.iter().chain(OF_NOBODY).chain(OF_X86) {
            assert_eq!(call(*number, [u64::MAX; 4]), libc::EPERM, "call {number}");
        }
        let refused = [
            (libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0, 0, 0]),
            (libc::SYS_mknodat, [u64::MAX, 0, u64::from(libc::S_IFCHR), 0]),
            (libc::SYS_mknodat, [u64::MAX, 0, u64::from(libc::S_IFBLK), 0]),
            (libc::SYS_ioctl, [0, u64::from(TIOCSTI), 0, 0]),
            // The kernel looks at the low half of the request alone, and so does the filter.
            (libc::SYS_ioctl, [0, u64::from(TIOCSTI) | 1 << 32, 0, 0]),
            (libc::SYS_socket, [libc::AF_VSOCK as u64, libc::SOCK_STREAM as u64, 0, 0]),
            (libc::SYS_personality, [0x0040_0000, 0, 0, 0]),
        ];
        for (number, arguments) in refused {
            assert_eq!(call(number, arguments), libc::EPERM, "call {number} {arguments:x?}");
        }
        assert_eq!(call(libc::SYS_clone3, [0; 4]), libc::ENOSYS);
        assert_eq!(call(LAST_KNOWN + 1, [0; 4]), libc::ENOSYS);
        let allowed = [
            (libc::SYS_getpid, [0; 4], 0),
            (libc::SYS_personality, [0xffff_ffff, 0, 0, 0], 0),
            (libc::SYS_mknodat, [u64::MAX, 0, u64::from(libc::S_IFIFO), 0], libc::EFAULT),
            (libc::SYS_socket, [libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0, 0], 0),
        ];
        for (number, arguments, errno) in allowed {
            assert_eq!(call(number, arguments), errno, "call {number} {arguments:x?}");
        }
    }

    #[test]
    fn who_has_cap_sys_admin_may_mount() {
        // SAFETY: no memory is passed.
        let mount = || answer(SYS_ADMIN, || unsafe { libc::syscall(libc::SYS_umount2, 0_u64, 0_u64) });
        assert_ne!(mount(), libc::EPERM, "the filter refuses; a caller without the capability would not come as far");
    }
}
