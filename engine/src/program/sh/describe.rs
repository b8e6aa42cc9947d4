//! `command` and `type`: what a name stands for.

use super::builtin::{self, Purpose, Task, is_special};
use super::{How, Shell, Task as ShTask};
use crate::call::Sys;
use crate::program::machine::Cx;

const KEYWORDS: [&str; 16] =
    ["!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while"];

impl Shell {
    pub(super) fn command(&mut self, args: &[String], how: How, cx: &mut Cx<ShTask>) -> Option<Sys> {
        let (option, rest) = match args.first().map(String::as_str) {
            Some(o @ ("-v" | "-V")) => (o, &args[1..]),
            Some("-p" | "--") => ("", &args[1..]),
            _ => ("", args),
        };
        if option.is_empty() {
            return match rest.first() {
                None => None,
                Some(name) if builtin::is(name) => self.builtin(rest.to_vec(), how, cx),
                Some(_) => self.find(rest.to_vec(), Vec::new(), how, Purpose::Run, cx),
            };
        }
        let purpose = Purpose::Describe { verbose: option == "-V", command: true };
        let names = rest.iter().take(1).cloned().collect();
        cx.push(ShTask::Builtin(Task::TypeNext { names, purpose, status: 0 }));
        None
    }

    pub(super) fn type_next(
        &mut self,
        mut names: Vec<String>,
        purpose: Purpose,
        status: i32,
        cx: &mut Cx<ShTask>,
    ) -> Option<Sys> {
        let status = if self.status == 0 { status } else { self.status };
        if names.is_empty() {
            self.status = status;
            cx.flush();
            return None;
        }
        let name = names.remove(0);
        self.status = 0;
        cx.push(ShTask::Builtin(Task::TypeNext { names, purpose, status }));
        let what = match name.as_str() {
            n if KEYWORDS.contains(&n) => "a shell keyword",
            n if self.functions.contains_key(n) => "a shell function",
            n if is_special(n) => "a special shell builtin",
            n if builtin::is(n) => "a shell builtin",
            _ => return self.find(vec![name], Vec::new(), How::default(), purpose, cx),
        };
        match purpose {
            Purpose::Describe { verbose: true, .. } => cx.line(&format!("{name} is {what}")),
            _ => cx.line(&name),
        }
        None
    }

    /// Where `type` and `command -v` found a command.
    pub(super) fn described(
        &mut self,
        name: &str,
        path: Option<String>,
        purpose: Purpose,
        cx: &mut Cx<ShTask>,
    ) -> Option<Sys> {
        let Purpose::Describe { verbose, .. } = purpose else { return None };
        match path {
            Some(path) if verbose => cx.line(&format!("{name} is {path}")),
            Some(path) => cx.line(&path),
            None => {
                if verbose {
                    cx.line(&format!("{name}: not found"));
                }
                self.status = 127;
            }
        }
        None
    }
}
