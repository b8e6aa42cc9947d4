//! Words to fields: parameters, substitutions, field splitting, pathname expansion, quote removal, in that order
//! (POSIX.1-2017, 2.6 Word Expansions).

use super::syntax::{ParamOp, Part, Word};
use super::{How, Shell, TEXT_BYTES, Task};
use crate::call::{Fd, IO_LIMIT_BYTES, OpenFlags, Ret, Sys};
use crate::program::machine::{Cx, answer, join};
use crate::program::{glob, sh::arith};
use serde::{Deserialize, Serialize};

/// Names one pathname expansion may find.
const GLOB_NAMES: usize = 20_000;

/// A word as far as it is expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    bits: Vec<Bit>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Bit {
    /// `split`: it came from an expansion and is subject to field splitting.
    Text { text: String, quoted: bool, split: bool },
    /// Between two positional parameters of `$@`.
    Break,
}

impl Partial {
    fn text(&mut self, text: &str, quoted: bool, split: bool) {
        self.bits.push(Bit::Text { text: text.to_owned(), quoted, split: split && !quoted });
    }

    /// The word without splitting: an assignment's value, a redirection's target.
    fn value(&self) -> String {
        let piece = |bit: &Bit| match bit {
            Bit::Text { text, .. } => text.clone(),
            Bit::Break => " ".to_owned(),
        };
        self.bits.iter().map(piece).collect()
    }

    /// The word as a pattern: what was quoted stands for itself.
    fn pattern(&self) -> String {
        let piece = |bit: &Bit| match bit {
            Bit::Text { text, quoted: true, .. } => glob::escape(text),
            Bit::Text { text, .. } => text.clone(),
            Bit::Break => " ".to_owned(),
        };
        self.bits.iter().map(piece).collect()
    }

    /// Field splitting (2.6.5): the fields, as patterns.
    fn fields(&self, ifs: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut field: Option<String> = None;
        // A separator that is not white space has just ended a field; white space after it belongs to it.
        let mut after_hard = false;
        for bit in &self.bits {
            match bit {
                Bit::Break => {
                    out.extend(field.take());
                    after_hard = false;
                }
                Bit::Text { text, quoted, split: false } => {
                    let piece = if *quoted { glob::escape(text) } else { text.clone() };
                    if *quoted || !piece.is_empty() {
                        field.get_or_insert_default().push_str(&piece);
                        after_hard = false;
                    }
                }
                Bit::Text { text, .. } => {
                    for c in text.chars() {
                        if !ifs.contains(c) {
                            field.get_or_insert_default().push(c);
                            after_hard = false;
                        } else if matches!(c, ' ' | '\t' | '\n') {
                            if let Some(done) = field.take() {
                                out.push(done);
                                after_hard = false;
                            }
                        } else {
                            match field.take() {
                                Some(done) => out.push(done),
                                None if after_hard || out.is_empty() => out.push(String::new()),
                                None => {}
                            }
                            after_hard = true;
                        }
                    }
                }
            }
        }
        out.extend(field);
        out
    }
}

/// A pathname expansion under way: components of the pattern, and the paths found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glob {
    pattern: String,
    components: Vec<String>,
    at: usize,
    found: Vec<String>,
    next: Vec<String>,
    stage: GlobStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum GlobStage {
    Next,
    Opened,
    Listed(Fd),
    Seen,
}

impl Shell {
    pub(super) fn step_expand(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Word { word, at, split } => self.expand(&word, at, split, cx),
            Task::EndFields => self.end_fields(cx),
            Task::EndValue => {
                let value = self.words.pop().unwrap_or_default().value();
                self.values.push(value);
                None
            }
            Task::EndPattern => {
                let pattern = self.words.pop().unwrap_or_default().pattern();
                self.values.push(pattern);
                None
            }
            Task::EndArith { quoted } => self.end_arith(quoted, cx),
            Task::EndAssign { name, quoted } => {
                let value = self.words.pop().unwrap_or_default().value();
                if self.assign(&name, &value, cx) {
                    self.top().text(&value, quoted, true);
                }
                None
            }
            Task::EndError { name, colon } => {
                let text = self.words.pop().unwrap_or_default().value();
                let otherwise = if colon { "parameter not set or null" } else { "parameter not set" };
                let text = if text.is_empty() { otherwise } else { &text };
                self.say(cx, &format!("{name}: {text}"));
                self.abort(2, cx);
                None
            }
            Task::EndTrim { name, suffix, longest, quoted } => {
                let pattern = self.words.pop().unwrap_or_default().pattern();
                let value = self.parameter(&name).unwrap_or_default();
                let trimmed = trim(&value, &pattern, suffix, longest).to_owned();
                self.top().text(&trimmed, quoted, true);
                None
            }
            Task::Glob(glob) => self.glob(glob, ret, cx),
            task => self.step_subst(task, ret, cx),
        }
    }

    /// Begin a word: `end` gets it when it is expanded.
    pub(super) fn begin_word(&mut self, word: &Word, end: Task, cx: &mut Cx<Task>) {
        cx.push_all([Task::Word { word: word.clone(), at: 0, split: false }, end]);
    }

    /// `at` 0 of an outermost word opens it; a word inside another (`split`) adds to that.
    fn expand(&mut self, word: &Word, at: usize, split: bool, cx: &mut Cx<Task>) -> Option<Sys> {
        if at == 0 && !split {
            self.words.push(Partial::default());
        }
        for (i, part) in word.iter().enumerate().skip(at) {
            let rest = Task::Word { word: word.clone(), at: i + 1, split };
            match part {
                Part::Text { text, quoted } => self.top().text(text, *quoted, split),
                Part::Tilde(user) => {
                    let home = self.var("HOME").filter(|_| user.is_empty()).map(str::to_owned);
                    let text = home.unwrap_or_else(|| format!("~{user}"));
                    self.top().text(&text, true, false);
                }
                Part::Arith { expr, quoted } => {
                    cx.push(rest);
                    self.begin_word(expr, Task::EndArith { quoted: *quoted }, cx);
                    return None;
                }
                Part::Command { body: None, .. } => {}
                Part::Command { body: Some(body), quoted } => {
                    cx.push_all([Task::Subst { body: body.clone(), quoted: *quoted }, rest]);
                    return None;
                }
                Part::Param { name, op, quoted } => {
                    if self.param(name, op, *quoted, rest, cx) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Expands a parameter; `true` if that goes on elsewhere, with `rest` after it.
    fn param(&mut self, name: &str, op: &ParamOp, quoted: bool, rest: Task, cx: &mut Cx<Task>) -> bool {
        let value = self.parameter(name);
        let missing = |colon: bool| value.as_deref().is_none_or(|v| colon && v.is_empty());
        match op {
            ParamOp::Bad => {
                self.say(cx, "Bad substitution");
                self.abort(2, cx);
                return true;
            }
            ParamOp::Length => {
                if value.is_none() && self.unset(name, cx) {
                    return true;
                }
                let len = value.map_or(0, |v| v.chars().count());
                self.top().text(&len.to_string(), quoted, true);
            }
            ParamOp::Alternative { colon, word } => {
                if !missing(*colon) {
                    self.inner(word, rest, cx);
                    return true;
                }
            }
            ParamOp::Default { colon, word } if missing(*colon) => {
                self.inner(word, rest, cx);
                return true;
            }
            ParamOp::Assign { colon, word } if missing(*colon) => {
                cx.push(rest);
                self.begin_word(word, Task::EndAssign { name: name.to_owned(), quoted }, cx);
                return true;
            }
            ParamOp::Error { colon, word } if missing(*colon) => {
                cx.push(rest);
                self.begin_word(word, Task::EndError { name: name.to_owned(), colon: *colon }, cx);
                return true;
            }
            ParamOp::Trim { suffix, longest, word } => {
                if value.is_none() && self.unset(name, cx) {
                    return true;
                }
                cx.push(rest);
                let (suffix, longest) = (*suffix, *longest);
                self.begin_word(word, Task::EndTrim { name: name.to_owned(), suffix, longest, quoted }, cx);
                return true;
            }
            _ if matches!(name, "@" | "*") => self.all_params(name, quoted),
            _ => match value {
                Some(value) => self.top().text(&value, quoted, true),
                None if self.unset(name, cx) => return true,
                None if quoted => self.top().text("", true, false),
                None => {}
            },
        }
        false
    }

    /// A word inside `${…}`, which becomes part of the word around it.
    fn inner(&mut self, word: &Word, rest: Task, cx: &mut Cx<Task>) {
        cx.push_all([Task::Word { word: word.clone(), at: 0, split: true }, rest]);
    }

    /// With `set -u`, says that `name` is not set; the shell gives up then.
    fn unset(&mut self, name: &str, cx: &mut Cx<Task>) -> bool {
        if !self.options.nounset || matches!(name, "@" | "*") {
            return false;
        }
        self.say(cx, &format!("{name}: parameter not set"));
        self.abort(2, cx);
        true
    }

    fn all_params(&mut self, name: &str, quoted: bool) {
        let params = self.params.clone();
        if name == "*" && quoted {
            let separator = self.var("IFS").map_or(" ".to_owned(), |ifs| ifs.chars().take(1).collect());
            self.top().text(&params.join(&separator), true, false);
            return;
        }
        for (i, param) in params.iter().enumerate() {
            if i > 0 {
                self.top().bits.push(Bit::Break);
            }
            self.top().text(param, quoted, true);
        }
    }

    fn top(&mut self) -> &mut Partial {
        if self.words.is_empty() {
            self.words.push(Partial::default());
        }
        let last = self.words.len() - 1;
        &mut self.words[last]
    }

    fn end_arith(&mut self, quoted: bool, cx: &mut Cx<Task>) -> Option<Sys> {
        let text = self.words.pop().unwrap_or_default().value();
        match arith::evaluate(&text, &mut self.vars, self.options.nounset) {
            Ok(n) => self.top().text(&n.to_string(), quoted, true),
            Err(message) => {
                self.say(cx, &message);
                self.abort(2, cx);
            }
        }
        None
    }

    fn end_fields(&mut self, cx: &mut Cx<Task>) -> Option<Sys> {
        let ifs = self.var("IFS").unwrap_or(" \t\n").to_owned();
        let fields = self.words.pop().unwrap_or_default().fields(&ifs);
        // Those after the first pathname expansion wait for it, so that the order stays.
        let mut later = Vec::new();
        for pattern in fields {
            if !self.options.noglob && glob::is_pattern(&pattern) {
                later.push(Task::Glob(Glob::new(pattern)));
            } else if later.is_empty() {
                self.fields.last_mut()?.push(glob::unescape(&pattern));
            } else {
                later.push(Task::Glob(Glob { components: Vec::new(), ..Glob::new(pattern) }));
            }
        }
        cx.push_all(later);
        None
    }

    fn glob(&mut self, mut glob: Glob, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match glob.stage {
            GlobStage::Next => {}
            GlobStage::Opened => {
                if let Ok(fd) = answer::fd(ret) {
                    glob.stage = GlobStage::Listed(fd);
                    return cx.call(Sys::Getdents { fd }, Task::Glob(glob));
                }
                glob.next.pop();
            }
            GlobStage::Listed(fd) => {
                glob.list(ret);
                glob.stage = GlobStage::Next;
                return cx.call(Sys::Close { fd }, Task::Glob(glob));
            }
            GlobStage::Seen => {
                if answer::done(ret).is_ok() {
                    let path = glob.found.get(glob.next.len()).cloned();
                    glob.next.extend(path);
                } else if glob.next.len() < glob.found.len() {
                    glob.found.remove(glob.next.len());
                }
                if glob.next.len() < glob.found.len() {
                    let path = glob.found[glob.next.len()].clone();
                    return cx.call(Sys::Stat { path, follow: false }, Task::Glob(glob));
                }
                glob.next.clear();
                glob.at = glob.components.len();
            }
        }
        glob.stage = GlobStage::Next;
        self.glob_next(glob, cx)
    }

    /// Lists the next directory, or goes on to the next component.
    fn glob_next(&mut self, mut glob: Glob, cx: &mut Cx<Task>) -> Option<Sys> {
        while glob.at < glob.components.len() {
            let component = &glob.components[glob.at];
            if !glob::is_pattern(component) {
                let name = glob::unescape(component);
                for path in &mut glob.found {
                    *path = if path.is_empty() && glob.at > 0 { format!("/{name}") } else { join(path, &name) };
                }
                glob.at += 1;
                let plain_rest = glob.at == glob.components.len();
                if plain_rest && !glob.found.is_empty() {
                    glob.stage = GlobStage::Seen;
                    let path = glob.found[0].clone();
                    return cx.call(Sys::Stat { path, follow: false }, Task::Glob(glob));
                }
                continue;
            }
            if let Some(dir) = glob.found.first() {
                let path = match dir.as_str() {
                    "" if glob.pattern.starts_with('/') => "/".to_owned(),
                    "" => ".".to_owned(),
                    dir => dir.to_owned(),
                };
                glob.stage = GlobStage::Opened;
                let open = Sys::Open { path, flags: OpenFlags::DIRECTORY, mode: 0 };
                // Taken off now: an unreadable directory simply has no names.
                let dir = glob.found.remove(0);
                glob.next.push(dir);
                return cx.call(open, Task::Glob(glob));
            }
            glob.settle();
        }
        let found = std::mem::take(&mut glob.found);
        let fields = self.fields.last_mut()?;
        if glob.components.is_empty() || found.is_empty() {
            fields.push(glob::unescape(&glob.pattern));
        } else {
            fields.extend(found);
        }
        None
    }

    pub(super) fn step_subst(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Subst { body, quoted } => cx.call(Sys::Pipe, Task::SubstPiped { body, quoted }),
            Task::SubstPiped { body, quoted } => match answer::pipe(ret) {
                Ok((read, write)) => {
                    let mut tasks = vec![Task::Call(Sys::Close { fd: read })];
                    if write != 1 {
                        tasks.push(Task::Call(Sys::Dup2 { from: write, to: 1 }));
                        tasks.push(Task::Call(Sys::Close { fd: write }));
                    }
                    tasks.push(Task::Eval(body, How { tail: true, tested: false }));
                    let child = self.child(tasks);
                    cx.call(Sys::Fork { child, until_exec: false }, Task::SubstForked { read, write, quoted })
                }
                Err(_) => {
                    self.say(cx, "Pipe call failed");
                    self.abort(2, cx);
                    None
                }
            },
            Task::SubstForked { read, write, quoted } => {
                match answer::int(ret).ok().and_then(|n| u32::try_from(n).ok()) {
                    Some(pid) => {
                        cx.push(Task::SubstRead { fd: read, pid, got: Vec::new(), quoted });
                        cx.call(Sys::Close { fd: write }, Task::Ignore)
                    }
                    None => {
                        self.say(cx, "Cannot fork");
                        self.abort(2, cx);
                        None
                    }
                }
            }
            Task::SubstRead { fd, pid, mut got, quoted } => match ret {
                Ret::Start => {
                    let read = Sys::Read { fd, len: IO_LIMIT_BYTES as u32 };
                    cx.call(read, Task::SubstRead { fd, pid, got, quoted })
                }
                ret => {
                    let data = answer::data(ret).unwrap_or_default();
                    got.extend_from_slice(&data);
                    if !data.is_empty() && got.len() < TEXT_BYTES {
                        let read = Sys::Read { fd, len: IO_LIMIT_BYTES as u32 };
                        return cx.call(read, Task::SubstRead { fd, pid, got, quoted });
                    }
                    cx.push_all([
                        Task::WaitFor { left: vec![pid], last: pid, quiet: true },
                        Task::SubstDone { got, quoted },
                    ]);
                    cx.call(Sys::Close { fd }, Task::Ignore)
                }
            },
            Task::SubstDone { got, quoted } => {
                self.subst_status = Some(self.status);
                let text: String = String::from_utf8_lossy(&got).chars().filter(|&c| c != '\0').collect();
                self.top().text(text.trim_end_matches('\n'), quoted, true);
                None
            }
            _ => None,
        }
    }
}

impl Glob {
    fn new(pattern: String) -> Glob {
        let components: Vec<String> = split_path(&pattern);
        let found = vec![String::new()];
        Glob { pattern, components, at: 0, found, next: Vec::new(), stage: GlobStage::Next }
    }

    /// The names of one directory (the last of `next`) that match.
    fn list(&mut self, ret: Ret) {
        let Some(dir) = self.next.pop() else { return };
        let pattern = &self.components[self.at.min(self.components.len() - 1)];
        let hidden = pattern.starts_with('.') || pattern.starts_with("\\.");
        for dent in answer::dents(ret).unwrap_or_default() {
            if (hidden || !dent.name.starts_with('.'))
                && glob::matches(pattern, &dent.name)
                && self.next.len() < GLOB_NAMES
            {
                let rooted = dir.is_empty() && self.pattern.starts_with('/');
                self.next.push(if rooted { format!("/{}", dent.name) } else { join(&dir, &dent.name) });
            }
        }
        // Directories that are still to be listed come first in `found`, so names go to the end of `next` in order.
    }

    /// All directories of this component are listed.
    fn settle(&mut self) {
        self.found = std::mem::take(&mut self.next);
        self.at += 1;
        if self.found.is_empty() {
            self.at = self.components.len();
        }
    }
}

/// `/usr/*/x` as `["", "usr", "*", "x"]`, with repeated slashes as one; the first empty name is the root.
fn split_path(pattern: &str) -> Vec<String> {
    let mut parts: Vec<String> = pattern.split('/').map(str::to_owned).collect();
    let rooted = pattern.starts_with('/');
    let slash_at_end = pattern.ends_with('/') && parts.len() > 1;
    parts.retain(|part| !part.is_empty());
    if rooted {
        parts.insert(0, String::new());
    }
    if slash_at_end {
        parts.push(String::new());
    }
    parts
}

/// `${x%p}` and its relatives (2.6.2).
fn trim<'a>(value: &'a str, pattern: &str, suffix: bool, longest: bool) -> &'a str {
    let mut cuts: Vec<usize> = value.char_indices().map(|(i, _)| i).chain([value.len()]).collect();
    // From the smallest piece that could be cut to the largest, or the other way round.
    if suffix != longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (head, tail) = value.split_at(cut);
        let (piece, rest) = if suffix { (tail, head) } else { (head, tail) };
        if glob::matches(pattern, piece) {
            return rest;
        }
    }
    value
}
