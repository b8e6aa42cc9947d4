//! `id` and `whoami` of GNU coreutils 9.1: the caller's own ids, with the names of the caller's `/etc`.

use super::Program;
use super::file::Names;
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Credentials, Ret, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    whoami: bool,
    flags: String,
    names: Names,
    uid: u32,
    euid: u32,
    gid: u32,
    egid: u32,
    groups: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Ask(Asked),
    Told(Asked),
    Passwd(Slurp),
    Group(Slurp),
    Say,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    Uid,
    Euid,
    Gid,
    Egid,
    Groups,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    build(name, says, args).unwrap_or_else(|misuse| misuse.with_status(1))
}

fn build(name: &str, says: &str, args: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "unGgr",
        long: &[("user", 'u'), ("group", 'g'), ("groups", 'G'), ("name", 'n'), ("real", 'r')],
        ..Options::default()
    };
    let whoami = name == "whoami";
    let parsed = Parsed::of(says, args, &if whoami { Options::default() } else { options })?;
    if let Some(extra) = parsed.operands.first() {
        return Err(match whoami {
            true => Misuse::new(says, format!("extra operand '{extra}'")),
            false => Misuse::plain(says, &format!("'{extra}': no such user")),
        });
    }
    let kinds = parsed.flags.chars().filter(|flag| "ugG".contains(*flag)).count();
    if kinds > 1 {
        return Err(Misuse::plain(says, "cannot print \"only\" of more than one choice"));
    }
    if kinds == 0 && (parsed.has('n') || parsed.has('r')) {
        return Err(Misuse::plain(says, "cannot print only names or real IDs in default format"));
    }
    let tool = Id { whoami, flags: parsed.flags, ..Id::default() };
    let asked =
        if whoami { vec![Asked::Euid] } else { vec![Asked::Uid, Asked::Euid, Asked::Gid, Asked::Egid, Asked::Groups] };
    let files = [Task::Passwd(Slurp::file("/etc/passwd")), Task::Group(Slurp::file("/etc/group")), Task::Say];
    let tasks = asked.into_iter().map(Task::Ask).chain(files);
    Ok(Program::Id(Box::new(Machine::new(says, tool, tasks))))
}

impl Steps<Task> for Id {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Ask(asked) => {
                let sys = match asked {
                    Asked::Uid => Sys::Getuid,
                    Asked::Euid => Sys::Credentials(Credentials::Geteuid),
                    Asked::Gid => Sys::Getgid,
                    Asked::Egid => Sys::Credentials(Credentials::Getegid),
                    Asked::Groups => Sys::Credentials(Credentials::Getgroups),
                };
                return cx.call(sys, Task::Told(asked));
            }
            Task::Told(asked) => {
                let number = |ret| answer::int(ret).ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                match (asked, ret) {
                    (Asked::Uid, ret) => self.uid = number(ret),
                    (Asked::Euid, ret) => self.euid = number(ret),
                    (Asked::Gid, ret) => self.gid = number(ret),
                    (Asked::Egid, ret) => self.egid = number(ret),
                    (Asked::Groups, Ret::Ids(groups)) => self.groups = groups,
                    (Asked::Groups, _) => {}
                }
            }
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => self.names.add_passwd(&data.unwrap_or_default()),
            },
            Task::Group(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Group(slurp)),
                Slurping::Done(data) => self.names.add_group(&data.unwrap_or_default()),
            },
            Task::Say => self.say(cx),
        }
        None
    }
}

impl Id {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn say(&self, cx: &mut Cx<Task>) {
        if self.whoami {
            return match self.names.user_name(self.euid) {
                Some(name) => cx.line(&name),
                None => cx.fail(1, &format!("cannot find name for user ID {}", self.euid)),
            };
        }
        let text = if self.has('u') {
            self.user(if self.has('r') { self.uid } else { self.euid }, cx)
        } else if self.has('g') {
            self.group(if self.has('r') { self.gid } else { self.egid }, cx)
        } else if self.has('G') {
            let first = if self.gid == self.egid { vec![self.gid] } else { vec![self.gid, self.egid] };
            let rest = self.groups.iter().copied().filter(|gid| !first.contains(gid));
            let all: Vec<u32> = first.iter().copied().chain(rest).collect();
            all.into_iter().map(|gid| self.group(gid, cx)).collect::<Vec<_>>().join(" ")
        } else {
            self.whole()
        };
        cx.line(&text);
    }

    fn user(&self, uid: u32, cx: &mut Cx<Task>) -> String {
        if self.has('n') && self.names.user_name(uid).is_none() {
            cx.fail(1, &format!("cannot find name for user ID {uid}"));
        }
        if self.has('n') { self.names.user(uid) } else { uid.to_string() }
    }

    fn group(&self, gid: u32, cx: &mut Cx<Task>) -> String {
        if self.has('n') && self.names.group_name(gid).is_none() {
            cx.fail(1, &format!("cannot find name for group ID {gid}"));
        }
        if self.has('n') { self.names.group(gid) } else { gid.to_string() }
    }

    fn whole(&self) -> String {
        let named = |id: u32, name: Option<String>| match name {
            Some(name) => format!("{id}({name})"),
            None => id.to_string(),
        };
        let user = |uid: u32| named(uid, self.names.user_name(uid));
        let group = |gid: u32| named(gid, self.names.group_name(gid));
        let mut text = format!("uid={} gid={}", user(self.uid), group(self.gid));
        if self.euid != self.uid {
            text += &format!(" euid={}", user(self.euid));
        }
        if self.egid != self.gid {
            text += &format!(" egid={}", group(self.egid));
        }
        let rest = self.groups.iter().copied().filter(|gid| *gid != self.egid);
        let groups: Vec<String> = std::iter::once(self.egid).chain(rest).map(group).collect();
        text + &format!(" groups={}", groups.join(","))
    }
}
