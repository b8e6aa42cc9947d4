//! execvp(3) as a step of a program: a file is looked for in the directories of PATH.

use super::machine::{Cx, join};
use super::sh::DEFAULT_PATH;
use crate::call::{Errno, Ret, Sys};
use serde::{Deserialize, Serialize};

/// A search that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execvp {
    argv: Vec<String>,
    env: Vec<String>,
    /// The paths to try, the next one last.
    paths: Vec<String>,
    /// A file that may not be run is remembered while the search goes on.
    refused: Option<Errno>,
}

impl Execvp {
    pub fn new(argv: &[String], env: &[String]) -> Execvp {
        let name = argv.first().map_or("", String::as_str);
        let path = env.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
        let mut paths: Vec<String> = match name.contains('/') {
            true => vec![name.to_owned()],
            false => path.split(':').map(|dir| join(if dir.is_empty() { "." } else { dir }, name)).collect(),
        };
        paths.reverse();
        Execvp { argv: argv.to_vec(), env: env.to_vec(), paths, refused: None }
    }

    /// The next execve(2) to try, or why none of them succeeded. `ret` answers the last; before the first it is
    /// [`Ret::Start`].
    pub fn next(&mut self, ret: Ret) -> Result<Sys, Errno> {
        match ret {
            Ret::Start | Ret::Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Ret::Err(Errno::EACCES) => self.refused = Some(Errno::EACCES),
            Ret::Err(errno) => return Err(errno),
            _ => return Err(Errno::EIO),
        }
        let path = self.paths.pop().ok_or(self.refused.unwrap_or(Errno::ENOENT))?;
        Ok(Sys::Exec { path, argv: self.argv.clone(), env: self.env.clone() })
    }

    /// What the tools of util-linux say and exit with then (lib/exec_shell.c, errexec).
    pub fn fail<K>(&self, errno: Errno, cx: &mut Cx<K>) {
        let name = self.argv.first().map_or("", String::as_str);
        cx.exit(status_of(errno));
        cx.complain(&format!("failed to execute {name}: {}", errno.text()));
    }
}

/// What is to be run: a shell where nothing is named.
pub fn program_or_shell(operands: &[String], env: &[String]) -> Vec<String> {
    if !operands.is_empty() {
        return operands.to_vec();
    }
    vec![env.iter().find_map(|pair| pair.strip_prefix("SHELL=")).unwrap_or("/bin/sh").to_owned()]
}

/// What a shell and the tools of util-linux exit with when a program could not be executed.
pub fn status_of(errno: Errno) -> i32 {
    if errno == Errno::ENOENT { 127 } else { 126 }
}
