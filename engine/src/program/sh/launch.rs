//! What a shell's child does between fork and exec: closes what is not the command's, and becomes it.

use crate::call::{Errno, Fd, Ret, Sys};
use crate::program::machine::{Cx, Machine, Steps, answer};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// What its message begins with: `sh: 1: `.
    pub says: String,
    pub path: String,
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub close: Vec<Fd>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Launching {
    Close(Fd),
    Exec,
    Failed,
    ScriptFailed,
}

impl Launch {
    pub fn machine(self) -> Machine<Launch, Launching> {
        let close: Vec<Launching> = self.close.iter().map(|&fd| Launching::Close(fd)).collect();
        // A closed descriptor's answer goes to nobody: `Exec` and `Close` look at none.
        Machine::new("sh", self, close.into_iter().chain([Launching::Exec]))
    }

    fn exec(&self, path: &str, argv: Vec<String>) -> Sys {
        Sys::Exec { path: path.to_owned(), argv, env: self.env.clone() }
    }

    /// dash's shellexec(): 127 if it is not there, 126 if it cannot be run.
    fn failed(&self, errno: Errno, cx: &mut Cx<Launching>) {
        let (text, status) = match errno {
            Errno::ENOENT | Errno::ENOTDIR => ("not found", 127),
            Errno::ELOOP | Errno::ENAMETOOLONG => (errno.text(), 127),
            other => (other.text(), 126),
        };
        cx.err(&format!("{}{}: {text}\n", self.says, self.argv.first().map_or("", String::as_str)));
        cx.exit(status);
    }
}

impl Steps<Launching> for Launch {
    fn step(&mut self, task: Launching, ret: Ret, cx: &mut Cx<Launching>) -> Option<Sys> {
        match task {
            Launching::Close(fd) => Some(Sys::Close { fd }),
            Launching::Exec => cx.call(self.exec(&self.path, self.argv.clone()), Launching::Failed),
            Launching::Failed => match answer::done(ret) {
                // A text file without `#!`: the shell runs it (2.9.1.1).
                Err(Errno::ENOEXEC) => {
                    let script = [vec!["/bin/sh".to_owned(), self.path.clone()], self.argv[1..].to_vec()].concat();
                    cx.call(self.exec("/bin/sh", script), Launching::ScriptFailed)
                }
                Err(errno) => {
                    self.failed(errno, cx);
                    None
                }
                Ok(()) => {
                    cx.exit(126);
                    None
                }
            },
            Launching::ScriptFailed => {
                self.failed(Errno::ENOEXEC, cx);
                None
            }
        }
    }
}
