//! Tools that walk a tree: `rm`, `chmod`, `chown`, `du`, `find`.
//!
//! One walk: look at a path, do something on the way down, its names in byte order, something on the way up.

use super::Program;
use super::file::{ModeChange, Names, human, permissions, quoted};
use super::glob;
use super::ls::blocks_kib;
use super::machine::{Cx, Machine, Steps, answer, base, join};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, Fd, FileKind, OpenFlags, Ret, Stat, Sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    action: Action,
    names: Names,
    umask: u32,
    /// du: sums of the directories that are being walked, the innermost last.
    sums: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Action {
    Remove { flags: String },
    Chmod { flags: String, change: ModeChange },
    Chown { flags: String, owner: String, uid: Option<u32>, gid: Option<u32> },
    Usage { flags: String, depth: Option<u32> },
    Find(Find),
}

/// find's tests, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Find {
    tests: Vec<(bool, Test)>,
    max_depth: Option<u32>,
    min_depth: u32,
    delete: bool,
    print0: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Test {
    Name {
        pattern: String,
        ignore_case: bool,
    },
    Path(String),
    Type(String),
    /// Sign, count and bytes of a unit.
    Size(char, u64, u64),
    Empty,
    Perm(char, u32),
    Uid(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Umask,
    Umasked,
    UmaskBack,
    Passwd(Slurp),
    Group(Slurp),
    Visit { path: String, depth: u32 },
    Seen { path: String, depth: u32 },
    List { path: String, depth: u32, stat: Stat },
    Opened { path: String, depth: u32, stat: Stat },
    Listed { path: String, depth: u32, stat: Stat, fd: Fd },
    Leave { path: String, depth: u32, stat: Stat },
    Changed { path: String, stat: Stat, mode: u32 },
    Owned { path: String, stat: Stat },
    Removed { path: String, dir: bool },
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let built = match name {
        "rm" => remove(says, args),
        "chmod" => chmod(says, args),
        "chown" | "chgrp" => chown(name, says, args),
        "du" => usage(says, args),
        _ => find(says, args),
    };
    match built {
        Ok((action, operands)) => {
            let mut tasks = Vec::new();
            match &action {
                Action::Chmod { change, .. } if change.needs_umask() => tasks.push(Task::Umask),
                Action::Chown { .. } => {
                    tasks.extend([Task::Passwd(Slurp::file("/etc/passwd")), Task::Group(Slurp::file("/etc/group"))])
                }
                _ => {}
            }
            tasks.extend(operands.into_iter().map(|path| Task::Visit { path, depth: 0 }));
            let tool = Tree { action, names: Names::default(), umask: 0o022, sums: Vec::new() };
            Program::Tree(Box::new(Machine::new(says, tool, tasks)))
        }
        Err(program) => program,
    }
}

type Built = Result<(Action, Vec<String>), Program>;

fn wrong(misuse: Misuse) -> Program {
    misuse.with_status(1)
}

fn remove(says: &str, args: &[String]) -> Built {
    let long = &[("force", 'f'), ("recursive", 'r'), ("verbose", 'v'), ("dir", 'd')];
    let options = Options { flags: "frRvid", long, ..Options::default() };
    let parsed = Parsed::of(says, args, &options).map_err(wrong)?;
    let flags = parsed.flags.replace('R', "r");
    if parsed.operands.is_empty() && !flags.contains('f') {
        return Err(wrong(Misuse::new(says, "missing operand".to_owned())));
    }
    if flags.contains('r') && parsed.operands.iter().any(|path| path.trim_matches('/').is_empty()) {
        let text =
            "it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe";
        return Err(wrong(Misuse::plain(says, text)));
    }
    Ok((Action::Remove { flags }, parsed.operands))
}

fn chmod(says: &str, args: &[String]) -> Built {
    // A mode like `-x` is not an option.
    let is_mode =
        |arg: &String| arg.len() > 1 && arg.starts_with('-') && arg[1..].chars().all(|c| "rwxXst".contains(c));
    let mode_at = args.iter().position(is_mode);
    let long = &[("recursive", 'R'), ("verbose", 'v'), ("changes", 'c'), ("silent", 'f'), ("quiet", 'f')];
    let options = Options { flags: "Rvcf", long, ..Options::default() };
    let mut rest = args.to_vec();
    let dashed = mode_at.map(|at| rest.remove(at));
    let mut parsed = Parsed::of(says, &rest, &options).map_err(wrong)?;
    if let Some(mode) = dashed {
        parsed.operands.insert(0, mode);
    }
    let mut operands = parsed.operands.into_iter();
    let Some(mode) = operands.next() else { return Err(wrong(Misuse::new(says, "missing operand".to_owned()))) };
    let operands: Vec<String> = operands.collect();
    if operands.is_empty() {
        return Err(wrong(Misuse::new(says, format!("missing operand after '{mode}'"))));
    }
    match ModeChange::parse(&mode) {
        Some(change) => Ok((Action::Chmod { flags: parsed.flags, change }, operands)),
        None => Err(wrong(Misuse::new(says, format!("invalid mode: '{mode}'")))),
    }
}

fn chown(name: &str, says: &str, args: &[String]) -> Built {
    let long = &[("recursive", 'R'), ("verbose", 'v'), ("changes", 'c'), ("no-dereference", 'h')];
    let options = Options { flags: "Rvcfh", long, ..Options::default() };
    let parsed = Parsed::of(says, args, &options).map_err(wrong)?;
    let mut operands = parsed.operands.into_iter();
    let Some(owner) = operands.next() else { return Err(wrong(Misuse::new(says, "missing operand".to_owned()))) };
    let operands: Vec<String> = operands.collect();
    if operands.is_empty() {
        return Err(wrong(Misuse::new(says, format!("missing operand after '{owner}'"))));
    }
    let owner = if name == "chgrp" { format!(":{owner}") } else { owner };
    Ok((Action::Chown { flags: parsed.flags, owner, uid: None, gid: None }, operands))
}

fn usage(says: &str, args: &[String]) -> Built {
    let long = &[
        ("summarize", 's'),
        ("human-readable", 'h'),
        ("all", 'a'),
        ("bytes", 'b'),
        ("max-depth", 'd'),
        ("total", 'c'),
        ("apparent-size", 'A'),
    ];
    let options = Options { flags: "shabkcxm", values: "d", long, ..Options::default() };
    let mut parsed = Parsed::of(says, args, &options).map_err(wrong)?;
    let depth = match parsed.value('d') {
        Some(text) => {
            Some(text.parse().map_err(|_| wrong(Misuse::new(says, format!("invalid maximum depth '{text}'"))))?)
        }
        None => parsed.has('s').then_some(0),
    };
    if parsed.operands.is_empty() {
        parsed.operands.push(".".to_owned());
    }
    Ok((Action::Usage { flags: parsed.flags, depth }, parsed.operands))
}

fn find(says: &str, args: &[String]) -> Built {
    let at = args.iter().position(|arg| arg.starts_with(['-', '!', '('])).unwrap_or(args.len());
    let mut paths = args[..at].to_vec();
    if paths.is_empty() {
        paths.push(".".to_owned());
    }
    let mut find = Find::default();
    let mut rest = args[at..].iter();
    let mut not = false;
    while let Some(word) = rest.next() {
        let bad = |text: String| wrong(Misuse::plain(says, &text));
        let takes = matches!(
            word.as_str(),
            "-name" | "-iname" | "-path" | "-type" | "-size" | "-maxdepth" | "-mindepth" | "-perm" | "-uid" | "-user"
        );
        let value = if takes {
            rest.next().ok_or_else(|| bad(format!("missing argument to `{word}'")))?.clone()
        } else {
            String::new()
        };
        let number = |text: &str| {
            text.parse()
                .map_err(|_| bad(format!("Expected a positive decimal integer argument to {word}, but got '{text}'")))
        };
        let test = match word.as_str() {
            "!" | "-not" => {
                not = !not;
                continue;
            }
            "-name" | "-iname" => Test::Name { pattern: value, ignore_case: word == "-iname" },
            "-path" => Test::Path(value),
            "-type" => Test::Type(value),
            "-size" => size_test(&value).ok_or_else(|| bad(format!("invalid -size type `{value}'")))?,
            "-perm" => {
                let sign = value.chars().next().filter(|c| *c == '-' || *c == '/').unwrap_or('=');
                let octal = u32::from_str_radix(value.trim_start_matches(['-', '/']), 8);
                Test::Perm(sign, octal.map_err(|_| bad(format!("invalid mode '{value}'")))?)
            }
            "-uid" | "-user" => Test::Uid(number(if value == "root" { "0" } else { &value })?),
            "-empty" => Test::Empty,
            "-maxdepth" => {
                find.max_depth = Some(number(&value)?);
                continue;
            }
            "-mindepth" => {
                find.min_depth = number(&value)?;
                continue;
            }
            "-delete" => {
                find.delete = true;
                continue;
            }
            "-print0" => {
                find.print0 = true;
                continue;
            }
            "-print" | "-a" | "-and" | "-xdev" | "-mount" => continue,
            other => return Err(bad(format!("unknown predicate `{other}'"))),
        };
        find.tests.push((!std::mem::take(&mut not), test));
    }
    Ok((Action::Find(find), paths))
}

fn size_test(text: &str) -> Option<Test> {
    let sign = text.chars().next().filter(|c| *c == '+' || *c == '-').unwrap_or('=');
    let text = text.trim_start_matches(['+', '-']);
    let (digits, unit) = match text.chars().next_back()? {
        'c' => (&text[..text.len() - 1], 1),
        'k' => (&text[..text.len() - 1], 1024),
        'M' => (&text[..text.len() - 1], 1 << 20),
        'G' => (&text[..text.len() - 1], 1 << 30),
        'b' => (&text[..text.len() - 1], 512),
        _ => (text, 512),
    };
    Some(Test::Size(sign, digits.parse().ok()?, unit))
}

impl Steps<Task> for Tree {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Umask => cx.call(Sys::Umask { mask: 0 }, Task::Umasked),
            Task::Umasked => {
                self.umask = u32::try_from(answer::int(ret).unwrap_or(0o022)).unwrap_or(0o022) & 0o777;
                cx.call(Sys::Umask { mask: self.umask }, Task::UmaskBack)
            }
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => {
                    self.names.add_passwd(&data.unwrap_or_default());
                    None
                }
            },
            Task::Group(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => cx.call(sys, Task::Group(slurp)),
                Slurping::Done(data) => {
                    self.names.add_group(&data.unwrap_or_default());
                    self.resolve_owner(cx);
                    None
                }
            },
            Task::Visit { path, depth } => {
                let follow = depth == 0 && matches!(self.action, Action::Chmod { .. });
                cx.call(Sys::Stat { path: path.clone(), follow }, Task::Seen { path, depth })
            }
            Task::Seen { path, depth } => match answer::stat(ret) {
                Ok(stat) => self.enter(path, depth, stat, cx),
                Err(errno) => {
                    self.missing(&path, errno, cx);
                    None
                }
            },
            Task::List { path, depth, stat } => {
                let open = Sys::Open { path: path.clone(), flags: OpenFlags::DIRECTORY, mode: 0 };
                cx.call(open, Task::Opened { path, depth, stat })
            }
            Task::Opened { path, depth, stat } => match answer::fd(ret) {
                Ok(fd) => cx.call(Sys::Getdents { fd }, Task::Listed { path, depth, stat, fd }),
                Err(errno) => {
                    let what = if matches!(self.action, Action::Find(_)) { "" } else { "cannot open directory " };
                    cx.fail(1, &format!("{what}{}: {}", quoted(&path), errno.text()));
                    cx.push(Task::Leave { path, depth, stat });
                    None
                }
            },
            Task::Listed { path, depth, stat, fd } => {
                let dents = answer::dents(ret).unwrap_or_default();
                let inner: Vec<Task> = dents
                    .into_iter()
                    .map(|dent| Task::Visit { path: join(&path, &dent.name), depth: depth + 1 })
                    .collect();
                cx.push(Task::Leave { path, depth, stat });
                cx.push_all(inner);
                cx.call(Sys::Close { fd }, Task::Ignore)
            }
            Task::Leave { path, depth, stat } => self.leave(path, depth, stat, cx),
            Task::Changed { path, stat, mode } => {
                self.changed(&path, &stat, mode, ret, cx);
                None
            }
            Task::Owned { path, stat } => {
                self.owned(&path, &stat, ret, cx);
                None
            }
            Task::Removed { path, dir } => {
                match answer::done(ret) {
                    Ok(()) if self.flag('v') => {
                        let what = if dir { "directory " } else { "" };
                        cx.line(&format!("removed {what}{}", quoted(&path)));
                    }
                    Ok(()) => {}
                    Err(errno) => cx.fail(1, &format!("cannot remove {}: {}", quoted(&path), errno.text())),
                }
                None
            }
            Task::UmaskBack | Task::Ignore => None,
        }
    }
}

impl Tree {
    fn flag(&self, flag: char) -> bool {
        match &self.action {
            Action::Remove { flags }
            | Action::Chmod { flags, .. }
            | Action::Chown { flags, .. }
            | Action::Usage { flags, .. } => flags.contains(flag),
            Action::Find(_) => false,
        }
    }

    fn missing(&mut self, path: &str, errno: Errno, cx: &mut Cx<Task>) {
        let what = match &self.action {
            Action::Remove { .. } if self.flag('f') && errno == Errno::ENOENT => return,
            Action::Remove { .. } => "cannot remove ",
            Action::Find(_) => "",
            _ => "cannot access ",
        };
        cx.fail(1, &format!("{what}{}: {}", quoted(path), errno.text()));
    }

    /// On the way down.
    fn enter(&mut self, path: String, depth: u32, stat: Stat, cx: &mut Cx<Task>) -> Option<Sys> {
        let dir = stat.kind == FileKind::Dir;
        match &self.action {
            Action::Remove { .. } => self.remove(path, depth, stat, cx),
            Action::Chmod { change, .. } => {
                if stat.kind == FileKind::Symlink {
                    return None;
                }
                let mode = change.apply(stat.mode, dir, self.umask);
                if dir && self.flag('R') {
                    cx.push(Task::List { path: path.clone(), depth, stat });
                }
                cx.call(Sys::Chmod { path: path.clone(), mode }, Task::Changed { path, stat, mode })
            }
            Action::Chown { uid, gid, .. } => {
                let (uid, gid) = (*uid, *gid);
                if dir && self.flag('R') {
                    cx.push(Task::List { path: path.clone(), depth, stat });
                }
                let follow = depth == 0 && !self.flag('h');
                cx.call(Sys::Chown { path: path.clone(), uid, gid, follow }, Task::Owned { path, stat })
            }
            Action::Usage { .. } => {
                if dir {
                    self.sums.push(0);
                    cx.push(Task::List { path, depth, stat });
                } else {
                    self.account(&path, depth, &stat, 0, cx);
                }
                None
            }
            Action::Find(find) => {
                let deeper = dir && find.max_depth.is_none_or(|max| depth < max);
                if !find.delete {
                    self.found(&path, depth, &stat, cx);
                }
                cx.push(if deeper { Task::List { path, depth, stat } } else { Task::Leave { path, depth, stat } });
                None
            }
        }
    }

    fn remove(&mut self, path: String, depth: u32, stat: Stat, cx: &mut Cx<Task>) -> Option<Sys> {
        let dir = stat.kind == FileKind::Dir;
        if dir && self.flag('r') {
            if depth == 0 && matches!(base(&path), "." | "..") {
                cx.fail(1, &format!("refusing to remove '.' or '..' directory: skipping {}", quoted(&path)));
            } else {
                cx.push(Task::List { path, depth, stat });
            }
            return None;
        }
        if dir && !self.flag('d') {
            cx.fail(1, &format!("cannot remove {}: Is a directory", quoted(&path)));
            return None;
        }
        let sys = if dir { Sys::Rmdir { path: path.clone() } } else { Sys::Unlink { path: path.clone() } };
        cx.call(sys, Task::Removed { path, dir })
    }

    /// On the way up.
    fn leave(&mut self, path: String, depth: u32, stat: Stat, cx: &mut Cx<Task>) -> Option<Sys> {
        match &self.action {
            Action::Remove { .. } => cx.call(Sys::Rmdir { path: path.clone() }, Task::Removed { path, dir: true }),
            Action::Usage { .. } => {
                let inside = self.sums.pop().unwrap_or(0);
                self.account(&path, depth, &stat, inside, cx);
                None
            }
            Action::Find(find) if find.delete && find.holds(&path, depth, &stat) && path != "." => {
                let dir = stat.kind == FileKind::Dir;
                let sys = if dir { Sys::Rmdir { path: path.clone() } } else { Sys::Unlink { path: path.clone() } };
                cx.call(sys, Task::Removed { path, dir })
            }
            _ => None,
        }
    }

    fn found(&self, path: &str, depth: u32, stat: &Stat, cx: &mut Cx<Task>) {
        let Action::Find(find) = &self.action else { return };
        if find.holds(path, depth, stat) {
            cx.out(path);
            cx.out(if find.print0 { "\0" } else { "\n" });
        }
    }

    /// du: shows a path and adds it to the directory around it.
    fn account(&mut self, path: &str, depth: u32, stat: &Stat, inside: u64, cx: &mut Cx<Task>) {
        let Action::Usage { flags, depth: max } = &self.action else { return };
        let apparent = flags.contains('b') || flags.contains('A');
        let own = if apparent { stat.size_bytes } else { blocks_kib(stat) * 1024 };
        let total = own + inside;
        if let Some(sum) = self.sums.last_mut() {
            *sum += total;
        }
        let shown = depth == 0 || stat.kind == FileKind::Dir || flags.contains('a');
        if shown && max.is_none_or(|max| depth <= max) {
            let size = match () {
                () if flags.contains('h') => human(total),
                () if flags.contains('b') => total.to_string(),
                () => total.div_ceil(1024).to_string(),
            };
            cx.line(&format!("{size}\t{path}"));
        }
    }

    fn changed(&self, path: &str, stat: &Stat, mode: u32, ret: Ret, cx: &mut Cx<Task>) {
        if let Err(errno) = answer::done(ret) {
            return cx.fail(1, &format!("changing permissions of {}: {}", quoted(path), errno.text()));
        }
        let now = format!("{mode:04o} ({})", permissions(mode));
        if mode != stat.mode && (self.flag('v') || self.flag('c')) {
            let was = format!("{:04o} ({})", stat.mode, permissions(stat.mode));
            cx.line(&format!("mode of {} changed from {was} to {now}", quoted(path)));
        } else if self.flag('v') {
            cx.line(&format!("mode of {} retained as {now}", quoted(path)));
        }
    }

    fn resolve_owner(&mut self, cx: &mut Cx<Task>) {
        let Action::Chown { owner, uid, gid, .. } = &mut self.action else { return };
        let (user, group) = match owner.split_once([':', '.']) {
            Some((user, group)) => (user, Some(group)),
            None => (owner.as_str(), None),
        };
        if !user.is_empty() {
            *uid = self.names.uid(user);
            if uid.is_none() {
                cx.exit(1);
                return cx.complain(&format!("invalid user: '{owner}'"));
            }
        }
        if let Some(group) = group.filter(|group| !group.is_empty()) {
            *gid = self.names.gid(group);
            if gid.is_none() {
                cx.exit(1);
                cx.complain(&format!("invalid group: '{owner}'"));
            }
        }
    }

    fn owned(&self, path: &str, stat: &Stat, ret: Ret, cx: &mut Cx<Task>) {
        let Action::Chown { owner, uid, gid, .. } = &self.action else { return };
        if let Err(errno) = answer::done(ret) {
            return cx.fail(1, &format!("changing ownership of {}: {}", quoted(path), errno.text()));
        }
        let changed = uid.is_some_and(|uid| uid != stat.uid) || gid.is_some_and(|gid| gid != stat.gid);
        let (user, group) = (self.names.user(stat.uid), self.names.group(stat.gid));
        let was = match (uid.is_some(), gid.is_some()) {
            (true, true) => format!("{user}:{group}"),
            (true, false) => user,
            _ => group,
        };
        let what = if uid.is_some() { "ownership" } else { "group" };
        let to = owner.trim_start_matches(':');
        if changed && (self.flag('v') || self.flag('c')) {
            let verb = if uid.is_some() { "changed ownership" } else { "changed group" };
            cx.line(&format!("{verb} of {} from {was} to {to}", quoted(path)));
        } else if self.flag('v') {
            cx.line(&format!("{what} of {} retained as {was}", quoted(path)));
        }
    }
}

impl Find {
    fn holds(&self, path: &str, depth: u32, stat: &Stat) -> bool {
        depth >= self.min_depth && self.tests.iter().all(|(wanted, test)| test.holds(path, stat) == *wanted)
    }
}

impl Test {
    fn holds(&self, path: &str, stat: &Stat) -> bool {
        match self {
            Test::Name { pattern, ignore_case: false } => glob::matches(pattern, base(path)),
            Test::Name { pattern, .. } => glob::matches(&pattern.to_lowercase(), &base(path).to_lowercase()),
            Test::Path(pattern) => glob::matches(pattern, path),
            Test::Type(letters) => letters.contains(match stat.kind {
                FileKind::File => 'f',
                FileKind::Dir => 'd',
                FileKind::Symlink => 'l',
                FileKind::CharDevice => 'c',
                FileKind::BlockDevice => 'b',
                FileKind::Fifo => 'p',
                FileKind::Socket => 's',
            }),
            Test::Size(sign, wanted, unit) => {
                let size = stat.size_bytes.div_ceil(*unit);
                match sign {
                    '+' => size > *wanted,
                    '-' => size < *wanted,
                    _ => size == *wanted,
                }
            }
            Test::Empty => stat.kind == FileKind::File && stat.size_bytes == 0,
            Test::Perm('-', bits) => stat.mode & bits == *bits,
            Test::Perm('/', bits) => *bits == 0 || stat.mode & bits != 0,
            Test::Perm(_, bits) => stat.mode == *bits,
            Test::Uid(uid) => stat.uid == *uid,
        }
    }
}
