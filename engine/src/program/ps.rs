//! ps(1) of procps and pstree(1): what procfs shows, in their columns. What is not simulated (times, memory, terminals)
//! is zero or `?`.

use super::Program;
use super::file::Names;
use super::machine::{Cx, Machine, Steps, answer, base};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Fd, OpenFlags, ProcStat, Ret, Sys};
use crate::node::TOOLBOX;
use crate::sim::{sort, sort_by};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ps {
    form: Form,
    only: Vec<u32>,
    headers: bool,
    names: Names,
    found: Vec<ProcStat>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    Short,
    Aux,
    Full,
    Columns(Vec<String>),
    Tree { pids: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Passwd(Slurp),
    Open,
    Opened,
    Listed(Fd),
    Process(u32),
    Known,
    Show,
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    match form(name, says, args) {
        Ok((form, only, headers)) => {
            let tool = Ps { form, only, headers, names: Names::default(), found: Vec::new() };
            let passwd = Task::Passwd(Slurp::file("/etc/passwd"));
            Program::Ps(Box::new(Machine::new(says, tool, [passwd, Task::Open, Task::Show])))
        }
        Err(misuse) => misuse.with_status(1),
    }
}

fn form(name: &str, says: &str, args: &[String]) -> Result<(Form, Vec<u32>, bool), Misuse> {
    if name == "pstree" {
        let options = Options { flags: "paAnlU", ..Options::default() };
        let parsed = Parsed::of(says, args, &options)?;
        let only = parsed.operands.iter().filter_map(|pid| pid.parse().ok()).collect();
        return Ok((Form::Tree { pids: parsed.has('p') }, only, true));
    }
    // BSD style options have no dash.
    if let Some(first) = args.first().filter(|arg| !arg.starts_with('-')) {
        if !first.chars().all(|c| "auxfwe".contains(c)) {
            return Err(Misuse::whole("error: unsupported option (BSD syntax)\n".to_owned()));
        }
        return Ok((if first.contains('u') { Form::Aux } else { Form::Short }, Vec::new(), true));
    }
    let options = Options { flags: "eAfFlHwax", values: "op", ..Options::default() };
    let parsed = Parsed::of(says, args, &options)?;
    let only = parsed.values.iter().filter(|(c, _)| *c == 'p').flat_map(|(_, list)| list.split(','));
    let only = only.filter_map(|pid| pid.trim().parse().ok()).collect();
    let columns: Vec<String> = parsed
        .values
        .iter()
        .filter(|(c, _)| *c == 'o')
        .flat_map(|(_, list)| list.split([',', ' ']))
        .map(str::to_owned)
        .collect();
    let headers = columns.is_empty() || columns.iter().any(|column| !column.ends_with('='));
    let columns: Vec<String> = columns.iter().map(|c| c.split('=').next().unwrap_or("").to_owned()).collect();
    if let Some(bad) = columns.iter().find(|c| column(c).is_none()) {
        return Err(Misuse::whole(format!("error: unknown user-defined format specifier \"{bad}\"\n")));
    }
    Ok(match (columns.is_empty(), parsed.has('f')) {
        (false, _) => (Form::Columns(columns), only, headers),
        (true, true) => (Form::Full, only, true),
        _ => (Form::Short, only, true),
    })
}

impl Steps<Task> for Ps {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => self.names.add_passwd(&data.unwrap_or_default()),
            },
            Task::Open => {
                let open = Sys::Open { path: "/proc".to_owned(), flags: OpenFlags::DIRECTORY, mode: 0 };
                return cx.call(open, Task::Opened);
            }
            Task::Opened => match answer::fd(ret) {
                Ok(fd) => return cx.call(Sys::Getdents { fd }, Task::Listed(fd)),
                Err(_) => self.no_proc(cx),
            },
            Task::Listed(fd) => {
                let names = answer::dents(ret).unwrap_or_default();
                let mut pids: Vec<u32> = names.iter().filter_map(|dent| dent.name.parse().ok()).collect();
                sort(&mut pids);
                if pids.is_empty() {
                    self.no_proc(cx);
                }
                cx.push_all(pids.into_iter().map(Task::Process).collect::<Vec<_>>());
                return cx.call(Sys::Close { fd }, Task::Ignore);
            }
            Task::Process(pid) => return cx.call(Sys::ProcStat { pid }, Task::Known),
            Task::Known => {
                if let Ret::Proc(process) = ret {
                    self.found.push(*process);
                }
            }
            Task::Show => self.show(cx),
            Task::Ignore => {}
        }
        None
    }
}

impl Ps {
    fn no_proc(&self, cx: &mut Cx<Task>) {
        cx.exit(1);
        cx.err("Error, do this: mount -t proc proc /proc\n");
    }

    fn show(&mut self, cx: &mut Cx<Task>) {
        if let Form::Tree { pids } = self.form {
            return self.tree(pids, cx);
        }
        let only = std::mem::take(&mut self.only);
        let shown: Vec<&ProcStat> = self.found.iter().filter(|p| only.is_empty() || only.contains(&p.pid)).collect();
        if shown.is_empty() {
            cx.status = 1;
        }
        let header = match &self.form {
            Form::Aux => "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND".to_owned(),
            Form::Full => "UID        PID  PPID  C STIME TTY          TIME CMD".to_owned(),
            Form::Columns(columns) => row(columns.iter().map(|c| (c.as_str(), header_of(c).to_owned()))),
            _ => "  PID TTY          TIME CMD".to_owned(),
        };
        if self.headers {
            cx.line(&header);
        }
        for p in shown {
            let user = self.names.user(p.uid);
            let line = match &self.form {
                Form::Aux => format!(
                    "{user:<8} {:>5}  0.0  0.0      0     0 ?        {:<4} 00:00   0:00 {}",
                    p.pid,
                    stat(p),
                    command(p)
                ),
                Form::Full => {
                    format!("{user:<8} {:>5} {:>5}  0 00:00 ?        00:00:00 {}", p.pid, p.ppid, command(p))
                }
                Form::Columns(columns) => row(columns.iter().map(|c| (c.as_str(), self.value(c, p)))),
                _ => format!("{:>5} ?        00:00:00 {}", p.pid, comm(p)),
            };
            cx.line(line.trim_end());
        }
    }

    fn value(&self, column: &str, p: &ProcStat) -> String {
        match column {
            "pid" => p.pid.to_string(),
            "ppid" => p.ppid.to_string(),
            "pgid" | "pgrp" => p.pgid.to_string(),
            "sid" | "sess" | "session" => p.sid.to_string(),
            "uid" | "euid" => p.uid.to_string(),
            "user" | "euser" => self.names.user(p.uid),
            "comm" | "ucmd" => comm(p),
            "args" | "cmd" | "command" => command(p),
            "stat" => stat(p),
            "s" | "state" => p.state.to_string(),
            "tty" | "tt" => "?".to_owned(),
            "time" => "00:00:00".to_owned(),
            "pcpu" | "%cpu" | "pmem" | "%mem" => "0.0".to_owned(),
            _ => "0".to_owned(),
        }
    }

    /// pstree, with children of one parent by name and then pid.
    fn tree(&self, pids: bool, cx: &mut Cx<Task>) {
        let root = self.only.first().copied().or_else(|| self.found.first().map(|p| p.pid));
        let Some(root) = root.and_then(|pid| self.found.iter().find(|p| p.pid == pid)) else {
            cx.status = 1;
            return;
        };
        let mut lines = Vec::new();
        self.branch(root, pids, 0, &mut lines);
        for line in lines {
            cx.line(&line);
        }
    }

    /// The lines of one process and what descends from it; equal leaves are drawn once, as `2*[sleep]`.
    fn branch(&self, p: &ProcStat, pids: bool, depth: u32, out: &mut Vec<String>) {
        const DEPTH: u32 = 64;
        let label = if pids { format!("{}({})", p.comm, p.pid) } else { p.comm.clone() };
        let mut children: Vec<&ProcStat> = self.found.iter().filter(|c| c.ppid == p.pid && c.pid != p.pid).collect();
        sort_by(&mut children, |a, b| a.comm.cmp(&b.comm).then(a.pid.cmp(&b.pid)));
        let mut blocks: Vec<(Vec<String>, usize)> = Vec::new();
        for child in children {
            let mut lines = Vec::new();
            if depth < DEPTH {
                self.branch(child, pids, depth + 1, &mut lines);
            }
            match blocks.last_mut() {
                Some((last, count)) if *last == lines && !pids => *count += 1,
                _ => blocks.push((lines, 1)),
            }
        }
        if blocks.is_empty() {
            out.push(label);
            return;
        }
        let indent = " ".repeat(label.chars().count());
        let many = blocks.len() > 1;
        for (at, (lines, count)) in blocks.iter().enumerate() {
            let last = at + 1 == blocks.len();
            for (row, line) in lines.iter().enumerate() {
                let (line, pad) = match (*count, row) {
                    (1, _) => (line.clone(), ""),
                    (n, 0) => (format!("{n}*[{line}{}", if lines.len() == 1 { "]" } else { "" }), ""),
                    (_, _) => (line.clone(), "   "),
                };
                let joint = match (at, row, many, last) {
                    (0, 0, true, _) => format!("{label}-+-"),
                    (0, 0, false, _) => format!("{label}---"),
                    (_, 0, _, true) => format!("{indent} `-"),
                    (_, 0, _, false) => format!("{indent} |-"),
                    (_, _, true, false) => format!("{indent} | "),
                    _ => format!("{indent}   "),
                };
                out.push(format!("{joint}{pad}{line}"));
            }
        }
    }
}

/// The state, and `s` of whoever leads a session.
fn stat(p: &ProcStat) -> String {
    format!("{}{}", p.state, if p.sid == p.pid { "s" } else { "" })
}

fn comm(p: &ProcStat) -> String {
    if p.state == 'Z' { format!("{} <defunct>", p.comm) } else { p.comm.clone() }
}

/// The arguments without the toolbox that really runs them: a `#!` line adds itself in front, and turns the name a
/// command was typed by into its path, which is undone for what lies in a `bin` directory.
fn command(p: &ProcStat) -> String {
    if p.state == 'Z' {
        return format!("[{}] <defunct>", p.comm);
    }
    let args = match &p.cmdline[..] {
        [toolbox, _, rest @ ..] if toolbox == TOOLBOX && !rest.is_empty() => rest,
        all => all,
    };
    let Some(first) = args.first() else { return format!("[{}]", p.comm) };
    let script = base(first) == "sh" && args.len() > 1;
    let in_bin = matches!(first.rsplit_once('/'), Some(("/bin" | "/usr/bin", _)));
    let name = if in_bin && !script && args.len() < p.cmdline.len() { base(first) } else { first };
    std::iter::once(name).chain(args[1..].iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// A column's header and width; negative widths are left-aligned.
fn column(name: &str) -> Option<(&'static str, i32)> {
    Some(match name {
        "pid" => ("PID", 5),
        "ppid" => ("PPID", 5),
        "pgid" => ("PGID", 5),
        "pgrp" => ("PGRP", 5),
        "sid" => ("SID", 5),
        "sess" | "session" => ("SESS", 5),
        "uid" | "euid" => ("UID", 5),
        "user" | "euser" => ("USER", -8),
        "comm" | "ucmd" => ("COMMAND", -15),
        "args" | "command" => ("COMMAND", -27),
        "cmd" => ("CMD", -27),
        "stat" => ("STAT", -4),
        "s" | "state" => ("S", 1),
        "tty" | "tt" => ("TT", -8),
        "time" => ("TIME", 8),
        "pcpu" | "%cpu" => ("%CPU", 4),
        "pmem" | "%mem" => ("%MEM", 4),
        "vsz" => ("VSZ", 6),
        "rss" => ("RSS", 5),
        _ => return None,
    })
}

fn header_of(name: &str) -> &'static str {
    column(name).map_or("", |(header, _)| header)
}

fn row<'a>(cells: impl Iterator<Item = (&'a str, String)>) -> String {
    let cell = |(name, value): (&str, String)| {
        let width = column(name).map_or(0, |(_, width)| width);
        let size = usize::try_from(width.unsigned_abs()).unwrap_or(0);
        if width < 0 { format!("{value:<size$}") } else { format!("{value:>size$}") }
    };
    cells.map(cell).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}
