//! `ipcs`, `ipcmk` and `ipcrm` of util-linux 2.38: System V objects as `/proc/sysvipc` lists them, made and removed.

use super::Program;
use super::file::Names;
use super::machine::{Cx, Machine, Steps, answer};
use super::options::{Misuse, Options, Parsed};
use super::slurp::{Slurp, Slurping};
use crate::call::{Errno, Ipc, IpcFlags, IpcKind, Ret, Sys};
use serde::{Deserialize, Serialize};

/// What of it is listed, in util-linux's order.
const KINDS: [IpcKind; 3] = [IpcKind::Msg, IpcKind::Shm, IpcKind::Sem];
/// Where the limits are, in the order in which `ipcs -l` tells them.
const LIMITS: [&str; 7] = ["msgmni", "msgmax", "msgmnb", "shmmni", "shmmax", "shmall", "sem"];
const SEMAPHORE_MOST: u32 = 32_767;
const PAGE_KBYTES: u64 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysv {
    names: Names,
    owners: bool,
    verbose: bool,
    mode: u32,
    limits: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Passwd(Slurp),
    Group(Slurp),
    List(IpcKind, Slurp),
    Limit(Slurp),
    Limits(Vec<IpcKind>),
    Newline,
    /// `size` is of bytes or semaphores.
    Make {
        kind: IpcKind,
        size: u64,
    },
    Keyed {
        kind: IpcKind,
        size: u64,
    },
    Made(IpcKind),
    Find {
        kind: IpcKind,
        key: i32,
        text: String,
    },
    Found {
        kind: IpcKind,
        text: String,
    },
    Remove {
        kind: IpcKind,
        id: i32,
        text: String,
    },
    Removed(String),
    RemoveAll(IpcKind, Slurp),
}

pub fn start(name: &str, says: &str, args: &[String]) -> Program {
    let built = match name {
        "ipcs" => list(says, args),
        "ipcmk" => make(says, args),
        _ => remove(says, args),
    };
    built.unwrap_or_else(|misuse| misuse.with_status(1))
}

fn machine(says: &str, tool: Sysv, tasks: Vec<Task>) -> Program {
    Program::Sysv(Box::new(Machine::new(says, tool, tasks)))
}

fn tool() -> Sysv {
    Sysv { names: Names::default(), owners: false, verbose: false, mode: 0o644, limits: Vec::new() }
}

fn file(kind: IpcKind) -> Slurp {
    Slurp::file(match kind {
        IpcKind::Shm => "/proc/sysvipc/shm",
        IpcKind::Msg => "/proc/sysvipc/msg",
        IpcKind::Sem => "/proc/sysvipc/sem",
    })
}

fn list(says: &str, args: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "mqsacl",
        long: &[("shmems", 'm'), ("queues", 'q'), ("semaphores", 's'), ("all", 'a'), ("creator", 'c'), ("limits", 'l')],
        ..Options::default()
    };
    let parsed = Parsed::of(says, args, &options)?;
    let letter = |kind| match kind {
        IpcKind::Msg => 'q',
        IpcKind::Shm => 'm',
        IpcKind::Sem => 's',
    };
    let all = parsed.has('a') || !KINDS.iter().any(|kind| parsed.has(letter(*kind)));
    let kinds: Vec<IpcKind> = KINDS.into_iter().filter(|kind| all || parsed.has(letter(*kind))).collect();
    let mut tasks = Vec::new();
    if parsed.has('l') {
        tasks.extend(LIMITS.iter().map(|limit| Task::Limit(Slurp::file(&format!("/proc/sys/kernel/{limit}")))));
        tasks.push(Task::Limits(kinds));
    } else {
        tasks.push(Task::Passwd(Slurp::file("/etc/passwd")));
        if parsed.has('c') {
            tasks.push(Task::Group(Slurp::file("/etc/group")));
        }
        tasks.extend(kinds.into_iter().map(|kind| Task::List(kind, file(kind))));
    }
    tasks.push(Task::Newline);
    Ok(machine(says, Sysv { owners: parsed.has('c'), ..tool() }, tasks))
}

fn make(says: &str, args: &[String]) -> Result<Program, Misuse> {
    let options = Options {
        flags: "Q",
        values: "MSp",
        long: &[("shmem", 'M'), ("semaphore", 'S'), ("queue", 'Q'), ("mode", 'p')],
        ..Options::default()
    };
    let parsed = Parsed::of(says, args, &options)?;
    let mut tasks = Vec::new();
    if let Some(text) = parsed.value('M') {
        let bad = || Misuse::plain(says, &format!("failed to parse size: '{text}': Invalid argument"));
        tasks.push(Task::Make { kind: IpcKind::Shm, size: size(text).ok_or_else(bad)? });
    }
    if let Some(text) = parsed.value('S') {
        let bad = |_| Misuse::plain(says, &format!("failed to parse elements: '{text}'"));
        tasks.push(Task::Make { kind: IpcKind::Sem, size: text.parse::<u32>().map_err(bad)?.into() });
    }
    if parsed.has('Q') {
        tasks.push(Task::Make { kind: IpcKind::Msg, size: 0 });
    }
    if tasks.is_empty() || !parsed.operands.is_empty() {
        return Err(Misuse::new(says, "bad usage".to_owned()));
    }
    let bad = |_| Misuse::plain(says, "failed to parse mode");
    let mode = parsed.value('p').map_or(Ok(0o644), |text| u32::from_str_radix(text, 8).map_err(bad))?;
    Ok(machine(says, Sysv { mode, ..tool() }, tasks))
}

/// `10`, `4K`, `1MiB`; `KB` and its kin count in thousands (strutils.c, parse_size).
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let mut unit = text[digits..].chars();
    let power = match unit.next() {
        None => return Some(number),
        Some(letter) => "KMGTPE".find(letter.to_ascii_uppercase())? as u32 + 1,
    };
    let base: u64 = match unit.as_str() {
        "" | "iB" => 1024,
        "B" => 1000,
        _ => return None,
    };
    number.checked_mul(base.checked_pow(power)?)
}

fn remove(says: &str, args: &[String]) -> Result<Program, Misuse> {
    let named = |name: &str| match name {
        "shm" => Some(IpcKind::Shm),
        "msg" => Some(IpcKind::Msg),
        "sem" => Some(IpcKind::Sem),
        _ => None,
    };
    // The form of old: a word and ids.
    if let Some(first) = args.first().filter(|arg| !arg.starts_with('-')) {
        let kind = named(first).ok_or_else(|| Misuse::new(says, format!("unknown argument: {first}")))?;
        if args.len() == 1 {
            return Err(Misuse::new(says, "not enough arguments".to_owned()));
        }
        let tasks = args[1..].iter().map(|text| by_id(says, kind, text)).collect::<Result<_, _>>()?;
        return Ok(machine(says, tool(), tasks));
    }
    let options = Options {
        flags: "v",
        values: "mMqQsS",
        optional: "a",
        long: &[
            ("shmem-id", 'm'),
            ("shmem-key", 'M'),
            ("queue-id", 'q'),
            ("queue-key", 'Q'),
            ("semaphore-id", 's'),
            ("semaphore-key", 'S'),
            ("all", 'a'),
            ("verbose", 'v'),
        ],
        posix: false,
    };
    let parsed = Parsed::of(says, args, &options)?;
    let mut tasks = Vec::new();
    for (letter, text) in &parsed.values {
        let kind = match letter.to_ascii_lowercase() {
            'm' => IpcKind::Shm,
            'q' => IpcKind::Msg,
            's' => IpcKind::Sem,
            _ => continue,
        };
        tasks.push(if letter.is_ascii_lowercase() { by_id(says, kind, text)? } else { by_key(says, kind, text)? });
    }
    if parsed.has('a') || parsed.value('a').is_some() {
        let only = parsed.value('a').map(|word| named(word).ok_or(word)).transpose();
        let only = only.map_err(|word| Misuse::new(says, format!("unknown argument: {word}")))?;
        let order = [IpcKind::Shm, IpcKind::Sem, IpcKind::Msg];
        let kinds = order.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
        tasks.extend(kinds.map(|kind| Task::RemoveAll(kind, file(kind))));
    }
    if let Some(extra) = parsed.operands.first() {
        return Err(Misuse::new(says, format!("unknown argument: {extra}")));
    }
    if tasks.is_empty() {
        return Err(Misuse::new(says, "bad usage".to_owned()));
    }
    Ok(machine(says, Sysv { verbose: parsed.has('v'), ..tool() }, tasks))
}

fn by_id(says: &str, kind: IpcKind, text: &str) -> Result<Task, Misuse> {
    let bad = |_| Misuse::plain(says, &format!("failed to parse argument: '{text}'"));
    Ok(Task::Remove { kind, id: text.parse().map_err(bad)?, text: format!("id ({text})") })
}

fn by_key(says: &str, kind: IpcKind, text: &str) -> Result<Task, Misuse> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let bad = || Misuse::plain(says, &format!("failed to parse argument: '{text}'"));
    Ok(Task::Find { kind, key: number.ok_or_else(bad)? as i32, text: format!("key ({text})") })
}

impl Steps<Task> for Sysv {
    fn step(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Passwd(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Passwd(slurp)),
                Slurping::Done(data) => self.names.add_passwd(&data.unwrap_or_default()),
            },
            Task::Group(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Group(slurp)),
                Slurping::Done(data) => self.names.add_group(&data.unwrap_or_default()),
            },
            Task::List(kind, mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::List(kind, slurp)),
                Slurping::Done(data) => self.show(kind, &data.unwrap_or_default(), cx),
            },
            Task::Limit(mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::Limit(slurp)),
                Slurping::Done(data) => {
                    self.limits.push(String::from_utf8_lossy(&data.unwrap_or_default()).trim().to_owned());
                }
            },
            Task::Limits(kinds) => kinds.into_iter().for_each(|kind| self.show_limits(kind, cx)),
            Task::Newline => cx.line(""),
            Task::Make { kind, size } => return cx.call(Sys::Random { len: 4 }, Task::Keyed { kind, size }),
            Task::Keyed { kind, size } => {
                let bytes = answer::data(ret).ok().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
                let flags = IpcFlags { create: true, excl: false, mode: self.mode };
                return cx.call(get(kind, i32::from_le_bytes(bytes), size, flags), Task::Made(kind));
            }
            Task::Made(kind) => match (answer::int(ret), kind) {
                (Ok(id), IpcKind::Shm) => cx.line(&format!("Shared memory id: {id}")),
                (Ok(id), IpcKind::Sem) => cx.line(&format!("Semaphore id: {id}")),
                (Ok(id), IpcKind::Msg) => cx.line(&format!("Message queue id: {id}")),
                (Err(errno), kind) => {
                    let what = ["share memory", "message queue", "semaphore"][kind as usize];
                    cx.exit(1);
                    cx.complain(&format!("create {what} failed: {}", errno.text()));
                }
            },
            Task::Find { kind, key, text } => {
                return cx.call(get(kind, key, 0, IpcFlags::default()), Task::Found { kind, text });
            }
            Task::Found { kind, text } => match answer::fd(ret) {
                Ok(id) => cx.push(Task::Remove { kind, id, text }),
                Err(errno) => refused(errno, &text, cx),
            },
            Task::Remove { kind, id, text } => {
                if self.verbose {
                    let what = ["shared memory segment", "message queue", "semaphore"][kind as usize];
                    cx.line(&format!("removing {what} id `{id}'"));
                }
                return cx.call(Sys::Ipc(Ipc::Remove { kind, id }), Task::Removed(text));
            }
            Task::Removed(text) => {
                if let Err(errno) = answer::done(ret) {
                    refused(errno, &text, cx);
                }
            }
            Task::RemoveAll(kind, mut slurp) => match slurp.next(ret) {
                Slurping::Call(sys) => return cx.call(sys, Task::RemoveAll(kind, slurp)),
                Slurping::Done(data) => {
                    let rows = rows(&data.unwrap_or_default());
                    let ids = rows.iter().filter_map(|row| row.get(1)?.parse::<i32>().ok());
                    cx.push_all(
                        ids.map(|id| Task::Remove { kind, id, text: format!("id ({id})") }).collect::<Vec<_>>(),
                    );
                }
            },
        }
        None
    }
}

fn get(kind: IpcKind, key: i32, size: u64, flags: IpcFlags) -> Sys {
    Sys::Ipc(match kind {
        IpcKind::Shm => Ipc::Shmget { key, size_bytes: size, flags },
        IpcKind::Msg => Ipc::Msgget { key, flags },
        IpcKind::Sem => Ipc::Semget { key, count: i32::try_from(size).unwrap_or(i32::MAX), flags },
    })
}

fn refused(errno: Errno, text: &str, cx: &mut Cx<Task>) {
    let (what, number) = text.split_once(' ').unwrap_or((text, ""));
    cx.fail(
        1,
        &match errno {
            Errno::EACCES | Errno::EPERM => format!("permission denied for {what} {number}"),
            Errno::EIDRM => format!("already removed {what} {number}"),
            Errno::EINVAL | Errno::ENOENT => format!("invalid {what} {number}"),
            other => format!("{what} failed: {}", other.text()),
        },
    );
}

/// The fields of each line but the first, which names them.
fn rows(data: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(data);
    text.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

impl Sysv {
    fn show(&self, kind: IpcKind, data: &[u8], cx: &mut Cx<Task>) {
        let (title, id) = match (kind, self.owners) {
            (IpcKind::Msg, false) => ("Message Queues", "msqid"),
            (IpcKind::Shm, false) => ("Shared Memory Segments", "shmid"),
            (IpcKind::Sem, false) => ("Semaphore Arrays", "semid"),
            (IpcKind::Msg, true) => ("Message Queues Creators/Owners", "msqid"),
            (IpcKind::Shm, true) => ("Shared Memory Segment Creators/Owners", "shmid"),
            (IpcKind::Sem, true) => ("Semaphore Arrays Creators/Owners", "semid"),
        };
        cx.line(&format!("\n------ {title} --------"));
        let more = match kind {
            _ if self.owners => format!("{:<10} {:<10} {:<10} {:<10}", "cuid", "cgid", "uid", "gid"),
            IpcKind::Msg => format!("{:<12} {:<12}", "used-bytes", "messages"),
            IpcKind::Shm => format!("{:<10} {:<10} {:<12}", "bytes", "nattch", "status"),
            IpcKind::Sem => format!("{:<10}", "nsems"),
        };
        cx.line(&match self.owners {
            true => format!("{id:<10} {:<10} {more}", "perms"),
            false => format!("{:<10} {id:<10} {:<10} {:<10} {more}", "key", "owner", "perms"),
        });
        for row in rows(data) {
            cx.line(&self.row(kind, &row));
        }
    }

    fn row(&self, kind: IpcKind, row: &[String]) -> String {
        let field = |at: usize| row.get(at).map_or("", String::as_str);
        let number = |at: usize| field(at).parse::<u32>().unwrap_or(0);
        let (key, id, perms) = (field(0).parse::<i32>().unwrap_or(0), field(1), number_of_mode(field(2)));
        let uid = match kind {
            IpcKind::Shm | IpcKind::Msg => 7,
            IpcKind::Sem => 4,
        };
        if self.owners {
            let (user, group) = (|at| self.names.user(number(at)), |at| self.names.group(number(at)));
            let owners = [user(uid + 2), group(uid + 3), user(uid), group(uid + 1)];
            let owners: Vec<String> = owners.iter().map(|name| format!("{name:<10}")).collect();
            return format!("{id:<10} {perms:<10o} {}", owners.join(" "));
        }
        let more = match kind {
            IpcKind::Msg => format!("{:<12} {:<12}", field(3), field(4)),
            IpcKind::Shm => format!("{:<10} {:<10} {:<6} {:<6}", field(3), field(6), "", ""),
            IpcKind::Sem => format!("{:<10}", field(3)),
        };
        format!("0x{key:08x} {id:<10} {:<10} {perms:<10o} {more}", self.names.user(number(uid)))
    }

    fn show_limits(&self, kind: IpcKind, cx: &mut Cx<Task>) {
        let limit = |at: usize| self.limits.get(at).map_or("", String::as_str);
        let number = |at: usize| limit(at).parse::<u64>().unwrap_or(0);
        let sem: Vec<&str> = limit(6).split_whitespace().collect();
        let sem = |at: usize| sem.get(at).copied().unwrap_or("0");
        let lines = match kind {
            IpcKind::Msg => vec![
                "\n------ Messages Limits --------".to_owned(),
                format!("max queues system wide = {}", limit(0)),
                format!("max size of message (bytes) = {}", limit(1)),
                format!("default max size of queue (bytes) = {}", limit(2)),
            ],
            IpcKind::Shm => {
                let pages = number(5).checked_mul(PAGE_KBYTES).unwrap_or(u64::MAX - u64::MAX % PAGE_KBYTES);
                vec![
                    "\n------ Shared Memory Limits --------".to_owned(),
                    format!("max number of segments = {}", limit(3)),
                    format!("max seg size (kbytes) = {}", number(4) / 1024),
                    format!("max total shared memory (kbytes) = {pages}"),
                    "min seg size (bytes) = 1".to_owned(),
                ]
            }
            IpcKind::Sem => vec![
                "\n------ Semaphore Limits --------".to_owned(),
                format!("max number of arrays = {}", sem(3)),
                format!("max semaphores per array = {}", sem(0)),
                format!("max semaphores system wide = {}", sem(1)),
                format!("max ops per semop call = {}", sem(2)),
                format!("semaphore max value = {SEMAPHORE_MOST}"),
            ],
        };
        lines.iter().for_each(|line| cx.line(line));
    }
}

/// Permission bits as octal digits.
fn number_of_mode(text: &str) -> u32 {
    u32::from_str_radix(text, 8).unwrap_or(0) & 0o777
}
