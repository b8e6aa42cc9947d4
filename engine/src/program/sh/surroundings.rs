//! Builtins about what a shell stands in: its directory, its umask, its input, other files of commands.

use super::builtin::Task;
use super::{Shell, Task as ShTask};
use crate::call::{Errno, OpenFlags, Ret, Sys};
use crate::program::machine::{Cx, answer, join};

/// Bytes of a line that `read` takes.
const READ_BYTES: usize = 64 * 1024;

impl Shell {
    pub(super) fn cd(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let target = args.iter().find(|a| !matches!(a.as_str(), "-L" | "-P" | "--"));
        let dest = match target.map(String::as_str) {
            None => self.var("HOME").unwrap_or("").to_owned(),
            Some("-") => self.var("OLDPWD").unwrap_or("").to_owned(),
            Some(dir) => dir.to_owned(),
        };
        if dest.is_empty() {
            return None;
        }
        let to = logical(self.var("PWD").unwrap_or("/"), &dest);
        let print = target.is_some_and(|t| t == "-");
        let chdir = Sys::Chdir { path: to.clone() };
        // What could not be reached is named as it was typed.
        self.values.push(dest);
        cx.call(chdir, ShTask::Builtin(Task::Cd { to, print }))
    }

    pub(super) fn moved(&mut self, to: String, print: bool, ret: Ret, cx: &mut Cx<ShTask>) {
        let typed = self.values.pop().unwrap_or_default();
        if answer::done(ret).is_err() {
            return self.error(cx, &format!("cd: can't cd to {typed}"));
        }
        let old = self.var("PWD").unwrap_or("").to_owned();
        for (name, value) in [("OLDPWD", &old), ("PWD", &to)] {
            self.set(name, value);
            if let Some(var) = self.vars.get_mut(name) {
                var.exported = true;
            }
        }
        if print {
            cx.line(&to);
            cx.flush();
        }
    }

    pub(super) fn read(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let (mut raw, mut names, mut args) = (false, Vec::new(), args.iter());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-r" => raw = true,
                "-p" => {
                    let prompt = args.next().cloned().unwrap_or_default();
                    cx.err(&prompt);
                }
                "--" => {}
                name => names.push(name.to_owned()),
            }
        }
        if names.is_empty() {
            self.error(cx, "read: arg count");
            return None;
        }
        let next = Task::Read { raw, names, text: Vec::new(), escaped: false };
        cx.call(Sys::Read { fd: 0, len: 1 }, ShTask::Builtin(next))
    }

    /// One byte at a time, so that what follows the line stays for others.
    pub(super) fn read_byte(
        &mut self,
        raw: bool,
        names: Vec<String>,
        mut text: Vec<(u8, bool)>,
        escaped: bool,
        ret: Ret,
        cx: &mut Cx<ShTask>,
    ) -> Option<Sys> {
        if ret == Ret::Err(Errno::EINTR) {
            return self.interrupted(cx);
        }
        let byte = answer::data(ret).ok().and_then(|data| data.first().copied());
        let mut backslash = false;
        match byte {
            Some(b'\n') if escaped => {}
            Some(b'\n') => return self.read_line(names, &text, cx),
            Some(b'\\') if !raw && !escaped => backslash = true,
            Some(byte) => text.push((byte, escaped)),
            None => {
                self.status = 1;
                return self.read_line(names, &text, cx);
            }
        }
        if text.len() > READ_BYTES {
            return self.read_line(names, &text, cx);
        }
        let next = Task::Read { raw, names, text, escaped: backslash };
        cx.call(Sys::Read { fd: 0, len: 1 }, ShTask::Builtin(next))
    }

    fn read_line(&mut self, names: Vec<String>, text: &[(u8, bool)], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let ifs = self.var("IFS").unwrap_or(" \t\n").to_owned();
        let is_ifs = |&(b, escaped): &(u8, bool)| !escaped && ifs.as_bytes().contains(&b);
        let is_space = |c: &(u8, bool)| is_ifs(c) && matches!(c.0, b' ' | b'\t' | b'\n');
        let status = self.status;
        let mut rest = text;
        for (i, name) in names.iter().enumerate() {
            while rest.first().is_some_and(is_space) {
                rest = &rest[1..];
            }
            let mut len = rest.iter().position(is_ifs).unwrap_or(rest.len());
            if i + 1 == names.len() {
                len = rest.len();
                while len > 0 && is_space(&rest[len - 1]) {
                    len -= 1;
                }
            }
            let value: Vec<u8> = rest[..len].iter().map(|(b, _)| *b).collect();
            rest = &rest[len..];
            while rest.first().is_some_and(is_space) {
                rest = &rest[1..];
            }
            if rest.first().is_some_and(is_ifs) {
                rest = &rest[1..];
            }
            if !self.assign(name, &String::from_utf8_lossy(&value), cx) {
                return None;
            }
        }
        self.status = status;
        None
    }

    pub(super) fn umask(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        match args.first().map(String::as_str) {
            None => cx.call(Sys::Umask { mask: 0 }, ShTask::Builtin(Task::Umask { show: Some(false) })),
            Some("-S") => cx.call(Sys::Umask { mask: 0 }, ShTask::Builtin(Task::Umask { show: Some(true) })),
            Some(text) => match u32::from_str_radix(text, 8) {
                Ok(mask) if mask <= 0o777 => cx.call(Sys::Umask { mask }, ShTask::Ignore),
                _ => {
                    self.error(cx, &format!("umask: Illegal number: {text}"));
                    None
                }
            },
        }
    }

    pub(super) fn dot(&mut self, args: &[String], cx: &mut Cx<ShTask>) -> Option<Sys> {
        let name = args.first()?.clone();
        let candidates = if name.contains('/') {
            vec![name.clone()]
        } else {
            let path = self.var("PATH").unwrap_or("");
            path.split(':').map(|dir| join(dir, &name)).collect()
        };
        self.dot_next(name, candidates, cx)
    }

    pub(super) fn dot_next(&mut self, name: String, mut candidates: Vec<String>, cx: &mut Cx<ShTask>) -> Option<Sys> {
        if candidates.is_empty() {
            self.say(cx, &format!(".: {name}: not found"));
            self.abort(127, cx);
            return None;
        }
        let path = candidates.remove(0);
        let open = Sys::Open { path, flags: OpenFlags::READ, mode: 0 };
        cx.call(open, ShTask::Builtin(Task::DotOpened { name, candidates }))
    }
}

pub(super) fn symbolic_umask(mask: u32) -> String {
    let class = |shift: u32| {
        let allowed = !(mask >> shift) & 7;
        [(4, 'r'), (2, 'w'), (1, 'x')].iter().filter(|(bit, _)| allowed & bit != 0).map(|(_, c)| *c).collect::<String>()
    };
    format!("u={},g={},o={}", class(6), class(3), class(0))
}

/// `dir` seen from `pwd`, with `.` and `..` taken away: how a shell keeps `$PWD` (cd, step 8).
fn logical(pwd: &str, dir: &str) -> String {
    let full = if dir.starts_with('/') { dir.to_owned() } else { format!("{pwd}/{dir}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
