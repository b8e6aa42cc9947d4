//! `chroot`, with the words of GNU coreutils 9.1.

use super::Program;
use super::execvp::{Execvp, status_of};
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use crate::call::{Errno, Ret, Sys};
use serde::{Deserialize, Serialize};

/// chroot(1), "EXIT STATUS": it failed itself.
const FAILURE: i32 = 125;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chroot {
    root: String,
    argv: Vec<String>,
    env: Vec<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    stay: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Root,
    Rooted,
    Entered,
    Become,
    Became,
    Exec(Execvp),
}

pub fn start(says: &str, args: &[String], env: &[String]) -> Program {
    built(says, args, env).unwrap_or_else(|misuse| misuse.with_status(FAILURE))
}

fn built(says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let long = &[("userspec", 'u'), ("groups", 'g'), ("skip-chdir", 's')];
    // The letters are of its long options alone; it has no short ones.
    if let Some(short) = args.iter().take_while(|arg| arg.starts_with('-')).find(|arg| !arg.starts_with("--")) {
        let letter = short.chars().nth(1).unwrap_or('-');
        return Err(Misuse::new(says, format!("invalid option -- '{letter}'")));
    }
    let parsed =
        Parsed::of(says, args, &Options { flags: "s", values: "ug", long, posix: true, ..Options::default() })?;
    let Some((root, argv)) = parsed.operands.split_first() else {
        return Err(Misuse::new(says, "missing operand".to_owned()));
    };
    let stay = parsed.has('s');
    if stay && !root.trim_end_matches('/').is_empty() {
        return Err(Misuse::new(says, "option --skip-chdir only permitted if NEWROOT is old '/'".to_owned()));
    }
    let (uid, gid) = match parsed.value('u').map(|spec| spec.split_once(':').unwrap_or((spec, ""))) {
        Some((user, group)) => (id(says, user, "user")?, id(says, group, "group")?),
        None => (None, None),
    };
    let argv = match argv {
        [] => {
            let shell = env.iter().find_map(|pair| pair.strip_prefix("SHELL=")).unwrap_or("/bin/sh");
            vec![shell.to_owned(), "-i".to_owned()]
        }
        argv => argv.to_vec(),
    };
    let tool = Chroot { root: root.clone(), argv, env: env.to_vec(), uid, gid, stay };
    Ok(Program::Chroot(Box::new(Machine::new(says, tool, [Task::Root]))))
}

/// Numbers only: whose names they would be is the new root's to say.
fn id(says: &str, text: &str, what: &str) -> Result<Option<u32>, Misuse> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Misuse::plain(says, &format!("invalid {what}"))),
    }
}

impl Steps<Task> for Chroot {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Root => cx.call(Sys::Chroot { path: self.root.clone() }, Task::Rooted),
            Task::Rooted => match answer::done(ret) {
                Ok(()) if self.stay => {
                    cx.push(Task::Become);
                    None
                }
                Ok(()) => cx.call(Sys::Chdir { path: "/".to_owned() }, Task::Entered),
                Err(errno) => self.fail(&format!("cannot change root directory to '{}'", self.root), errno, cx),
            },
            Task::Entered => match answer::done(ret) {
                Ok(()) => {
                    cx.push(Task::Become);
                    None
                }
                Err(errno) => self.fail("cannot chdir to root directory", errno, cx),
            },
            Task::Become => {
                if let Some(gid) = self.gid.take() {
                    return cx.call(Sys::Setgid { gid }, Task::Became);
                }
                if let Some(uid) = self.uid.take() {
                    return cx.call(Sys::Setuid { uid }, Task::Became);
                }
                cx.push(Task::Exec(Execvp::new(&self.argv, &self.env)));
                None
            }
            Task::Became => match answer::done(ret) {
                Ok(()) => {
                    cx.push(Task::Become);
                    None
                }
                Err(errno) => self.fail("failed to set user-ID", errno, cx),
            },
            Task::Exec(mut exec) => match exec.next(ret) {
                Ok(sys) => cx.call(sys, Task::Exec(exec)),
                Err(errno) => {
                    let name = self.argv.first().map_or("", String::as_str);
                    cx.exit(status_of(errno));
                    cx.complain(&format!("failed to run command '{name}': {}", errno.text()));
                    None
                }
            },
        }
    }
}

impl Chroot {
    fn fail(&self, what: &str, errno: Errno, cx: &mut Cx<Task>) -> Option<Sys> {
        cx.exit(FAILURE);
        cx.complain(&format!("{what}: {}", errno.text()));
        None
    }
}
