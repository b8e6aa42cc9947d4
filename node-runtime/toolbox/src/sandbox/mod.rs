//! What makes a process a container's, whoever starts it: a node's init ([`crate::init`]) or `node-runtime run`
//! ([`crate::run`]).
//!
//! In the order in which a child between clone(2) and execve(2) goes through it: what the kernel shows it ([`devices`]
//! and procfs, with [`paths`] masked), its [`power`] (capabilities, user, no_new_privs), the [`seccomp`] filter, and the
//! program itself ([`exec`]). Each does one thing to the calling process; who calls, and when, is not known here.

pub mod devices;
pub mod exec;
pub mod paths;
pub mod power;
pub mod seccomp;

use crate::os::Result;

/// What was being done, and the errno.
pub type Step<T> = std::result::Result<T, (String, i32)>;

pub trait During<T> {
    fn during(self, what: &str) -> Step<T>;
}

impl<T> During<T> for Result<T> {
    fn during(self, what: &str) -> Step<T> {
        self.map_err(|errno| (what.to_owned(), errno))
    }
}
