//! Tools about the machine: `hostname`, `uname`, `date`, `which`, `df`, and the
//! stand-in daemon `serve`.

use super::Program;
use super::calendar::Date;
use super::machine::{Cx, Machine, Steps, answer, join};
use super::options::{Misuse, Options, Parsed};
use super::plain::said;
use super::sh::DEFAULT_PATH;
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, FileKind, Ret, Signal, Sys};
use serde::{Deserialize, Serialize};

/// What uname(1) says on every node: what the real kernel is called is not the lesson's (`uname -r` is not compared).
const RELEASE: &str = "6.1.0-drydock";
const VERSION: &str = "#1 SMP Debian";
const MACHINE: &str = "x86_64";

/// What ends the stand-in daemon in good order, as it ends Apache (server/mpm_unix.c, ap_mpm_set_signals): a handler is
/// what the first process of a pid namespace needs to get a signal at all (pid_namespaces(7)).
const STOPS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTool {
    name: String,
    flags: String,
    operands: Vec<String>,
    path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Uname,
    Named,
    Clock,
    Clocked,
    Mounts(Slurp),
    Which { name: String, at: usize },
    WhichSeen { name: String, at: usize },
    Cwd,
    SetHostname(String),
    HostnameSet,
    Block(Signal),
    Listen,
    Waited,
    Ignore,
}

pub fn start(name: &str, says: &str, args: &[String], env: &[String]) -> Program {
    match build(name, says, args, env) {
        Ok(program) => program,
        Err(misuse) => misuse.with_status(1),
    }
}

fn build(name: &str, says: &str, args: &[String], env: &[String]) -> Result<Program, Misuse> {
    let options = match name {
        "hostname" => Options { flags: "sfiId", ..Options::default() },
        "uname" => Options {
            flags: "asnrvmpio",
            long: &[("all", 'a'), ("kernel-release", 'r'), ("nodename", 'n'), ("machine", 'm')],
            ..Options::default()
        },
        "date" => Options { flags: "uR", long: &[("utc", 'u')], ..Options::default() },
        "df" => Options { flags: "hTaik", values: "t", ..Options::default() },
        "serve" => Options { posix: true, ..Options::default() },
        "pwd" => Options { flags: "PL", ..Options::default() },
        _ => Options { flags: "as", ..Options::default() },
    };
    let parsed = Parsed::of(says, args, &options)?;
    let path = env.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let tasks = match name {
        "hostname" => match parsed.operands.first() {
            Some(new) => vec![Task::SetHostname(new.clone())],
            None => vec![Task::Uname],
        },
        "uname" => vec![Task::Uname],
        "date" => vec![Task::Clock],
        "df" => vec![Task::Mounts(Slurp::file("/proc/mounts"))],
        "which" => parsed.operands.iter().map(|name| Task::Which { name: name.clone(), at: 0 }).collect(),
        "pwd" => vec![Task::Cwd],
        _ => STOPS.map(Task::Block).into_iter().chain([Task::Listen]).collect(),
    };
    let tool = NodeTool {
        name: name.to_owned(),
        flags: parsed.flags,
        operands: parsed.operands,
        path: path.split(':').map(str::to_owned).collect(),
    };
    Ok(Program::Node(Box::new(Machine::new(says, tool, tasks))))
}

impl Steps<Task> for NodeTool {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Uname => return cx.call(Sys::Uname, Task::Named),
            Task::Named => match ret {
                Ret::Uname { hostname } => self.uname(&hostname, cx),
                _ => cx.fail(1, "cannot get system name"),
            },
            Task::Clock => return cx.call(Sys::Clock, Task::Clocked),
            Task::Clocked => self.date(answer::int(ret).unwrap_or(0), cx),
            Task::Mounts(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Mounts(slurp)),
                Slurping::Done(Ok(data)) => self.df(&String::from_utf8_lossy(&data), cx),
                Slurping::Done(Err(errno)) => cx.fail(1, &format!("/proc/mounts: {}", errno.text())),
            },
            Task::Which { name, at } => {
                let path = match self.path.get(at) {
                    _ if name.contains('/') && at == 0 => name.clone(),
                    Some(dir) if !name.contains('/') => join(dir, &name),
                    _ => {
                        cx.status = 1;
                        return None;
                    }
                };
                return cx.call(Sys::Stat { path, follow: true }, Task::WhichSeen { name, at });
            }
            Task::WhichSeen { name, at } => {
                let runs = answer::stat(ret).is_ok_and(|s| s.kind == FileKind::File && s.mode & 0o111 != 0);
                if runs {
                    cx.line(&if name.contains('/') { name } else { join(&self.path[at], &name) });
                } else {
                    cx.push(Task::Which { name, at: at + 1 });
                }
            }
            Task::Cwd => match ret {
                Ret::Start => return cx.call(Sys::Getcwd, Task::Cwd),
                ret => match answer::text(ret) {
                    Ok(cwd) => cx.line(&cwd),
                    Err(errno) => cx.fail(1, &format!("couldn't find directory entry: {}", errno.text())),
                },
            },
            Task::SetHostname(name) => return cx.call(Sys::Sethostname { name }, Task::HostnameSet),
            Task::HostnameSet => match answer::done(ret) {
                Ok(()) => {}
                Err(Errno::EPERM) => cx.fail(1, "you must be root to change the host name"),
                Err(errno) => cx.fail(1, &format!("sethostname: {}", errno.text())),
            },
            Task::Block(signal) => return cx.call(Sys::SigMask { signal, block: true }, Task::Ignore),
            Task::Listen => {
                let name = self.operands.first().map_or("serve", String::as_str);
                let port = self.operands.get(1).map(|port| format!(" on port {port}")).unwrap_or_default();
                cx.line(&format!("{name}: started{port}"));
                cx.flush();
                return cx.call(Sys::SigWait { signals: STOPS.to_vec() }, Task::Waited);
            }
            Task::Waited => {
                let name = self.operands.first().map_or("serve", String::as_str);
                let signal = answer::fd(ret).ok().and_then(Signal::from_number).map_or("a signal", Signal::name);
                cx.line(&format!("{name}: caught {signal}, shutting down"));
            }
            Task::Ignore => {}
        }
        None
    }
}

impl NodeTool {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn uname(&self, hostname: &str, cx: &mut Cx<Task>) {
        if self.name == "hostname" {
            return cx.line(hostname);
        }
        let all = [('s', "Linux"), ('n', hostname), ('r', RELEASE), ('v', VERSION), ('m', MACHINE), ('o', "GNU/Linux")];
        let wanted = |c: char| match self.flags.as_str() {
            "" => c == 's',
            flags => flags.contains('a') || flags.contains(c),
        };
        let words: Vec<&str> = all.iter().filter(|(c, _)| wanted(*c)).map(|(_, word)| *word).collect();
        cx.line(&words.join(" "));
    }

    fn date(&self, ns: i64, cx: &mut Cx<Task>) {
        let seconds = ns.div_euclid(1_000_000_000);
        let format = self.operands.first().and_then(|arg| arg.strip_prefix('+'));
        let default = if self.has('R') { "%a, %d %b %Y %H:%M:%S +0000" } else { "%a %b %e %H:%M:%S UTC %Y" };
        cx.line(&date_text(format.unwrap_or(default), seconds, ns.rem_euclid(1_000_000_000)));
    }

    /// How full a file system is belongs to the machine below: not simulated.
    fn df(&self, text: &str, cx: &mut Cx<Task>) {
        cx.line("Filesystem     1K-blocks      Used Available Use% Mounted on");
        for line in text.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [source, target, ..] = fields[..] else { continue };
            cx.line(&format!("{source:<14} {:>9} {:>9} {:>9} {:>4} {target}", "-", "-", "-", "-"));
        }
    }
}

/// strftime(3), the common conversions.
pub fn date_text(format: &str, seconds: i64, nanos: i64) -> String {
    let d = Date::of(seconds);
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(c) = chars.next() else {
            out.push('%');
            break;
        };
        out += &match c {
            'Y' => d.year.to_string(),
            'y' => format!("{:02}", d.year.rem_euclid(100)),
            'm' => format!("{:02}", d.month),
            'd' => format!("{:02}", d.day),
            'e' => format!("{:>2}", d.day),
            'H' => format!("{:02}", d.hour),
            'M' => format!("{:02}", d.minute),
            'S' => format!("{:02}", d.second),
            'N' => format!("{nanos:09}"),
            's' => seconds.to_string(),
            'j' => format!("{:03}", d.day_of_year()),
            'a' => d.weekday_name()[..3].to_owned(),
            'A' => d.weekday_name().to_owned(),
            'b' | 'h' => d.month_name()[..3].to_owned(),
            'B' => d.month_name().to_owned(),
            'F' => format!("{:04}-{:02}-{:02}", d.year, d.month, d.day),
            'T' => format!("{:02}:{:02}:{:02}", d.hour, d.minute, d.second),
            'R' => format!("{:02}:{:02}", d.hour, d.minute),
            'D' => format!("{:02}/{:02}/{:02}", d.month, d.day, d.year.rem_euclid(100)),
            'u' => if d.weekday == 0 { 7 } else { d.weekday }.to_string(),
            'w' => d.weekday.to_string(),
            'Z' => "UTC".to_owned(),
            'z' => "+0000".to_owned(),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        };
    }
    out
}

/// What `clear` writes: cursor home, erase display, as terminfo's `xterm` has it.
pub fn clear() -> Program {
    said("clear", "\u{1b}[H\u{1b}[2J\u{1b}[3J", "", 0)
}
