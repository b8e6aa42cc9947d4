//! The last step of a child: becoming the program.

use crate::os::{self, Result};
use std::ffi::CString;

/// Nothing comes back from a successful execve(2).
#[derive(Debug)]
pub enum Never {}

/// Executes `argv[0]`, looked for in `PATH` of `env` if it has no slash, as execvp(3) does: a file that may not be
/// executed is remembered while the search goes on. `hidden` is a variable that is no part of `env`.
pub fn execute(argv: &[String], env: &[String], hidden: Option<String>) -> Result<Never> {
    let list = |strings: &[String]| strings.iter().map(|s| os::c(s.as_str())).collect::<Result<Vec<CString>>>();
    let name = argv.first().map_or("", String::as_str);
    let path = env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    let (argv, mut env) = (list(argv)?, list(env)?);
    env.extend(hidden.map(os::c).transpose()?);
    if name.is_empty() {
        return Err(libc::ENOENT);
    }
    if name.contains('/') {
        return Err(os::execve(&os::c(name)?, &argv, &env));
    }
    let mut refused = None;
    for dir in path.split(':').map(|dir| if dir.is_empty() { "." } else { dir }) {
        match os::execve(&os::c(format!("{dir}/{name}"))?, &argv, &env) {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => refused = Some(libc::EACCES),
            errno => return Err(errno),
        }
    }
    Err(refused.unwrap_or(libc::ENOENT))
}
