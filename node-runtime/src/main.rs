//! `node-runtime`: see [`node_runtime::command`].

use std::process::ExitCode;

fn main() -> ExitCode {
    node_runtime::command::main(&std::env::args().skip(1).collect::<Vec<_>>())
}
