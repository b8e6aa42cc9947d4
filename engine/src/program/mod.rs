//! What runs inside containers and on the node: programs as plain data that ask for one system call at a time.
//!
//! The simulated kernel answers from its model; the toolbox makes the real call. Both run *this* code, so a difference
//! between the two sides is a difference between the kernels. A program is cloned, hashed and sent with its world: no
//! closures, no `Rc`, nothing borrowed. Blocking is invisible to it.

use crate::call::{Ret, Sys};
use serde::{Deserialize, Serialize};

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// `true` and `false`: exits with this code.
    Exit { code: i32 },
}

impl Program {
    /// The program that the toolbox runs for `argv`, where `argv[0]` is the name on the `#!` line (`sh`, `ls`, …) and
    /// `argv[1]` the path it was started by.
    pub fn start(argv: &[String], env: &[String]) -> Program {
        let _ = (argv, env);
        Program::Exit { code: 0 }
    }

    /// Takes the answer to the last call ([`Ret::Start`] at first) and says the next call.
    pub fn resume(&mut self, last: Ret) -> Sys {
        let _ = last;
        match self {
            Program::Exit { code } => Sys::Exit { code: *code },
        }
    }
}
