//! What runs inside containers and on the node: programs as plain data that ask for one system call at a time.
//!
//! The simulated kernel answers from its model; the toolbox makes the real call. Both run *this* code, so a difference
//! between the two sides is a difference between the kernels. A program is cloned, hashed and sent with its world: no
//! closures, no `Rc`, nothing borrowed. Blocking is invisible to it.
//!
//! [`machine`] is the shape all of them have; [`sh`] the shell; the other modules are families of tools, with the
//! messages and exit codes of the real ones (GNU coreutils 9.1, dash 0.5.12 and their contemporaries in Debian 12).

mod alloc;
mod calendar;
mod call;
mod chroot;
mod copy;
mod data;
mod docker;
mod exec;
mod execvp;
mod file;
mod glob;
mod id;
mod kill;
mod ls;
pub mod machine;
mod mounts;
mod node;
mod nproc;
mod nsenter;
mod one;
mod options;
mod plain;
mod ps;
mod setsid;
mod sh;
mod sleep;
mod slurp;
mod sysv;
mod tar;
mod taskset;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod unpack;
mod unshare;

use crate::call::{Ret, Sys};
use crate::command::tools;
use machine::Machine;
use serde::{Deserialize, Serialize};

macro_rules! programs {
    ($($(#[$meta:meta])* $variant:ident($machine:ty);)*) => {
        /// A running program.
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Program {
            /// `true` and `false`: exits with this code.
            Exit { code: i32 },
            $($(#[$meta])* $variant(Box<$machine>),)*
        }

        /// Its kind alone: what it has before it is a page of text, and of code that writes it.
        impl std::fmt::Debug for Program {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    Program::Exit { .. } => "Exit",
                    $(Program::$variant(_) => stringify!($variant),)*
                })
            }
        }

        impl Program {
            /// Takes the answer to the last call ([`Ret::Start`] at first) and says the next call.
            pub fn resume(&mut self, last: Ret) -> Sys {
                match self {
                    Program::Exit { code } => Sys::Exit { code: *code },
                    $(Program::$variant(machine) => machine.resume(last),)*
                }
            }
        }
    };
}

programs! {
    Sh(sh::Sh);
    /// A shell's child before its exec.
    Launch(Machine<sh::Launch, sh::Launching>);
    /// Says something it knew from the start.
    Plain(Machine<plain::Plain, plain::Nothing>);
    Text(Machine<text::Text, text::Task>);
    One(Machine<one::One, one::Task>);
    Tree(Machine<tree::Tree, tree::Task>);
    Copy(Machine<copy::Copy, copy::Task>);
    Data(Machine<data::Data, data::Task>);
    Test(Machine<test::Test, test::Task>);
    Node(Machine<node::NodeTool, node::Task>);
    Id(Machine<id::Id, id::Task>);
    Mounts(Machine<mounts::Mounts, mounts::Task>);
    Exec(Machine<exec::Exec, exec::Task>);
    Chroot(Machine<chroot::Chroot, chroot::Task>);
    Unshare(Machine<unshare::Unshare, unshare::Task>);
    Nsenter(Machine<nsenter::Nsenter, nsenter::Task>);
    Ps(Machine<ps::Ps, ps::Task>);
    Tar(Machine<tar::Tar, tar::Task>);
    Sysv(Machine<sysv::Sysv, sysv::Task>);
    Setsid(Machine<setsid::Setsid, setsid::Task>);
    Taskset(Machine<taskset::Taskset, taskset::Task>);
    Nproc(Machine<nproc::Nproc, nproc::Task>);
    Sleep(Machine<sleep::Sleep, sleep::Task>);
    Kill(Machine<kill::Kill, kill::Task>);
    Ls(Machine<ls::Ls, ls::Task>);
    Unpack(Machine<unpack::Unpack, unpack::Task>);
    Docker(docker::Docker);
    Call(Machine<call::Call, call::Task>);
    Alloc(Machine<alloc::Alloc, alloc::Task>);
}

impl Program {
    /// The program that the toolbox runs for `argv`, where `argv[0]` is the name on the `#!` line (`sh`, `ls`, …) and
    /// `argv[1]` the path it was started by.
    pub fn start(argv: &[String], env: &[String]) -> Program {
        let line = argv.first().map_or("", String::as_str);
        let path = argv.get(1).map_or(line, String::as_str);
        // The kernel hands over all that follows the interpreter on a `#!` line as one argument (execve(2)).
        let mut words = line.split_ascii_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let args: Vec<String> = words.chain(argv.iter().skip(2).cloned()).collect();
        if name == "sh" {
            return Program::Sh(Box::new(sh::start(path, &args, env)));
        }
        if args.first().is_some_and(|arg| arg == "--help")
            && let Some(tool) = tools::tool(&name)
        {
            return plain::said(&name, &tools::help(tool), "", 0);
        }
        Program::tool(&name, &name, &args, env)
            .unwrap_or_else(|| plain::said(&name, "", &format!("{path}: {name}: not simulated\n"), 127))
    }

    /// A tool as a shell's builtin: its messages begin with `says`.
    fn builtin(name: &str, says: &str, args: &[String]) -> Option<Program> {
        if name == "kill" {
            return Some(kill::builtin(says, args));
        }
        Program::tool(name, says, args, &[])
    }

    fn tool(name: &str, says: &str, args: &[String], env: &[String]) -> Option<Program> {
        Some(match name {
            "true" | ":" => Program::Exit { code: 0 },
            "false" => Program::Exit { code: 1 },
            "echo" | "printf" | "seq" | "expr" | "basename" | "dirname" | "printenv" => {
                plain::start(name, says, args, env)
            }
            "cat" | "more" | "less" | "head" | "tail" | "tee" | "wc" | "grep" | "egrep" | "fgrep" | "sed" | "sort"
            | "uniq" | "cut" | "tr" | "sha256sum" => text::start(name, says, args),
            "mkdir" | "rmdir" | "touch" | "ln" | "readlink" | "realpath" | "stat" | "truncate" => {
                one::start(name, says, args)
            }
            "rm" | "chmod" | "chown" | "chgrp" | "du" | "find" => tree::start(name, says, args),
            "cp" | "mv" => copy::start(name, says, args),
            "dd" | "fill" | "save" | "yes" => data::start(name, says, args),
            "test" | "[" => test::start(name, says, args),
            "id" | "whoami" => id::start(name, says, args),
            "hostname" | "uname" | "date" | "which" | "df" | "serve" | "pwd" => node::start(name, says, args, env),
            "env" | "xargs" | "nohup" => exec::start(name, says, args, env),
            "chroot" => chroot::start(says, args, env),
            "unshare" => unshare::start(says, args, env),
            "nsenter" => nsenter::start(says, args, env),
            "mount" | "umount" | "findmnt" | "mountpoint" | "pivot_root" => mounts::start(name, says, args),
            "ps" | "pstree" => ps::start(name, says, args),
            "tar" => tar::start(says, args),
            "clear" => node::clear(),
            "sleep" => sleep::start(says, args),
            "kill" => kill::start(says, args),
            "setsid" => setsid::start(says, args, env),
            "taskset" => taskset::start(says, args, env),
            "nproc" => nproc::start(says, args, env),
            "ipcs" | "ipcmk" | "ipcrm" => sysv::start(name, says, args),
            "ls" => ls::start(says, args),
            "unpack" => unpack::start(args),
            "call" => call::start(says, args),
            "alloc" => alloc::start(says, args),
            "docker" => Program::Docker(Box::new(docker::start(args, env))),
            _ => return None,
        })
    }
}
