//! A guest process: runs a [`Program`] and carries out, with real system calls, each call that the gate grants.
//!
//! Without a gate ([`SLOT_VARIABLE`] unset) the same program runs free, sleeping and reading the clock for real. It
//! holds nothing but the program: what a call did is the kernel's.

pub mod calls;
mod credentials;
pub(crate) mod groups;
mod ipc;
mod memory;
mod mounts;
pub mod normal;
mod processes;
mod procfs;

use crate::gate::{GATE_FD, Gate, Message, SLOT_VARIABLE, Verdict};
use engine::call::{Errno, Ret, Sys};
use engine::program::Program;
use std::borrow::Cow;

/// How a granted call ended inside this process.
#[derive(Debug)]
enum Done {
    Answer(Ret),
    /// fork(2) returned in the child.
    Child(Program),
    /// The call gave what the vocabulary has no word for.
    Broken(String),
}

/// Runs the program that `argv` (from the name on the `#!` line on) says. Never comes back.
pub fn main(argv: &[String], env: Vec<String>) -> i32 {
    let slot = env.iter().find_map(|v| v.strip_prefix(SLOT_VARIABLE)).and_then(|n| n.parse().ok());
    let env: Vec<String> = env.into_iter().filter(|v| !v.starts_with(SLOT_VARIABLE)).collect();
    let gate = slot.and_then(|slot| Gate::map(GATE_FD).ok().map(|gate| (gate, slot)));
    let program = Program::start(argv, &env);
    match gate {
        Some((gate, slot)) => gated(program, &gate, slot),
        None => free(program),
    }
}

fn gated(mut program: Program, gate: &Gate, mut slot: u32) -> ! {
    let mut last = None;
    loop {
        let mut next = program.resume(last.clone().unwrap_or(Ret::Start));
        let child = take_child(&mut next);
        let message = Message::Call { last: last.take(), next: Cow::Borrowed(&next) };
        let done = match gate.announce(slot, &message) {
            Verdict::Answered(ret) => Done::Answer(ret),
            Verdict::Go { child_slot } => match calls::carry_out(next, child, Some((gate, slot))) {
                Done::Child(child) => {
                    slot = child_slot;
                    program = child;
                    continue;
                }
                done => done,
            },
        };
        match done {
            Done::Answer(ret) => last = Some(ret),
            Done::Child(_) => {}
            Done::Broken(why) => {
                gate.announce(slot, &Message::Broken(why));
                calls::exit(125);
            }
        }
    }
}

/// A fork's child stays here: the gate carries a stand-in.
fn take_child(sys: &mut Sys) -> Option<Program> {
    match sys {
        Sys::Fork { child, .. } | Sys::Clone { child, .. } => Some(std::mem::replace(child, Program::Exit { code: 0 })),
        _ => None,
    }
}

fn free(mut program: Program) -> ! {
    let mut last = Ret::Start;
    loop {
        let mut next = program.resume(last);
        let child = take_child(&mut next);
        last = match calls::above(&next) {
            Some(ret) => ret,
            None => match calls::carry_out(next, child, None) {
                Done::Answer(ret) => ret,
                Done::Child(child) => {
                    program = child;
                    Ret::Start
                }
                Done::Broken(_) => Ret::Err(Errno::ENOSYS),
            },
        };
    }
}
