//! What a random scenario is made of: lines of a shell and scripts of single calls (`call`, see `engine::program`).
//!
//! Few names, few descriptors and few directories, so that what one call made another meets. Nothing here says what should
//! happen. What would reach out of a node is not made: the toolbox refuses it anyway.

use engine::sim::{Rng, Stream};

/// One line at the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Shell(String),
    /// Scripts that run side by side.
    Scripts(Vec<Vec<Piece>>),
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Call(String),
    /// `fork`, `vfork` or `clone(FLAGS)`.
    Fork {
        into: String,
        head: String,
        body: Vec<Piece>,
    },
}

impl Line {
    pub fn text(&self) -> String {
        match self {
            Line::Shell(text) => text.clone(),
            Line::Scripts(scripts) => {
                let scripts: Vec<String> = scripts.iter().map(|script| format!("call '{}'", joined(script))).collect();
                match &scripts[..] {
                    [one] => one.clone(),
                    many => format!("{} & wait", many.join(" & ")),
                }
            }
        }
    }
}

fn joined(script: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Call(text) => text.clone(),
        Piece::Fork { into, head, body } => format!("{into} = {head} {{ {} }}", joined(body)),
    };
    script.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// Lines of one scenario.
const LINES: u64 = 8;
/// Statements of one script.
const STATEMENTS: u64 = 14;
/// How deep forks lie in one another.
const DEPTH: u32 = 3;

/// The scenario of this seed.
pub fn scenario(seed: u64) -> Vec<Line> {
    let mut make = Make { rng: Rng::new(seed, Stream::Fuzz), children: Vec::new(), forks: 0 };
    (0..=make.rng.below(LINES)).map(|_| make.line()).collect()
}

const CLONES: [&str; 7] =
    ["CLONE_NEWPID", "CLONE_NEWPID", "CLONE_NEWUTS", "CLONE_NEWNS", "CLONE_PARENT", "CLONE_NEWIPC", "CLONE_NEWNET"];
const WAITS: [&str; 4] = ["WEXITED", "WSTOPPED", "WCONTINUED", "WNOWAIT"];
const NS_FILES: [&str; 6] = ["pid", "mnt", "uts", "ipc", "net", "pid_for_children"];

struct Make {
    rng: Rng,
    /// Variables of children that are known where the script is.
    children: Vec<String>,
    forks: u32,
}

impl Make {
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.rng.below(choices.len() as u64) as usize]
    }

    /// One time in `n`.
    fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(n) == 0
    }

    fn line(&mut self) -> Line {
        if self.one_in(3) {
            return Line::Shell(self.shell());
        }
        let count = if self.one_in(5) { 2 } else { 1 };
        Line::Scripts((0..count).map(|_| self.script(0)).collect())
    }

    fn script(&mut self, depth: u32) -> Vec<Piece> {
        if depth == 0 {
            self.children.clear();
        }
        let count = 1 + self.rng.below(STATEMENTS >> depth);
        (0..count).map(|_| self.piece(depth)).collect()
    }

    fn piece(&mut self, depth: u32) -> Piece {
        if depth < DEPTH && self.one_in(7) {
            let head = match self.rng.below(8) {
                0 | 1 => "vfork".to_owned(),
                2 => format!("clone({})", self.flags(&CLONES, &CLONES)),
                _ => "fork".to_owned(),
            };
            let known = self.children.clone();
            let mut body = self.script(depth + 1);
            self.children = known;
            if head == "vfork" {
                body.push(Piece::Call(self.exec()));
            }
            self.forks += 1;
            let into = format!("p{}", self.forks);
            self.children.push(into.clone());
            return Piece::Fork { into, head, body };
        }
        Piece::Call(match self.rng.below(10) {
            0..=4 => self.file_call(),
            5..=6 => self.process_call(),
            7 => self.namespace_call(),
            _ => self.descriptor_call(),
        })
    }

    fn name(&mut self) -> &'static str {
        self.one_of(&["a", "b", "c", "d"])
    }

    /// A path, as people and programs write them, and as they should not.
    fn path(&mut self) -> String {
        let start = self.one_of(&["/tmp", "/tmp", "/tmp", "", ".", "..", "/", "/proc/self/cwd", "/etc"]);
        let mut path = start.to_owned();
        for _ in 0..self.rng.below(4) {
            if !path.is_empty() && !path.ends_with('/') || self.one_in(20) {
                path.push('/');
            }
            path += if self.one_in(8) { self.one_of(&["..", ".", ""]) } else { self.name() };
        }
        if self.one_in(12) {
            path.push('/');
        }
        if self.one_in(60) {
            path += &"x".repeat(250 + self.rng.below(8) as usize);
        }
        format!("\"{path}\"")
    }

    fn flags(&mut self, first: &[&str], more: &[&str]) -> String {
        let mut flags = vec![self.one_of(first)];
        flags.extend((0..self.rng.below(3)).map(|_| self.one_of(more)).collect::<Vec<_>>());
        flags.join("|")
    }

    fn mode(&mut self) -> &'static str {
        self.one_of(&["0755", "0644", "0700", "0600", "0000", "0111", "0444", "0222", "01777", "04755"])
    }

    fn id(&mut self) -> &'static str {
        self.one_of(&["0", "1000", "1001", "65534", "-1", "4294967294"])
    }

    fn file_call(&mut self) -> String {
        const ACCESS: [&str; 3] = ["O_RDONLY", "O_WRONLY", "O_RDWR"];
        const MORE: [&str; 8] =
            ["O_CREAT", "O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"];
        let path = self.path();
        match self.rng.below(19) {
            0..=3 => format!("open({path}, {}, {})", self.flags(&ACCESS, &MORE), self.mode()),
            4 => format!("stat({path})"),
            5 => format!("lstat({path})"),
            6 => format!("readlink({path})"),
            7 => format!("access({path}, {})", self.rng.below(8)),
            8 | 9 => format!("mkdir({path}, {})", self.mode()),
            10 => format!("rmdir({path})"),
            11 => format!("unlink({path})"),
            12 => format!("rename({path}, {})", self.path()),
            13 => format!("link({path}, {})", self.path()),
            14 => format!("symlink({path}, {})", self.path()),
            15 => format!("chmod({path}, {})", self.mode()),
            16 => format!("{}chown({path}, {}, {})", self.one_of(&["", "l"]), self.id(), self.id()),
            17 => format!("truncate({path}, {})", self.one_of(&["0", "1", "5000", "70000"])),
            _ => format!("chdir({path})"),
        }
    }

    fn fd(&mut self) -> u64 {
        self.rng.below(8)
    }

    fn descriptor_call(&mut self) -> String {
        let fd = 3 + self.rng.below(5);
        match self.rng.below(10) {
            0 | 1 => format!("read({fd}, {})", self.one_of(&["0", "1", "10", "5000"])),
            2 | 3 => format!("write({fd}, \"{}\")", self.one_of(&["", "x", "hello\\n", "0123456789"])),
            4 => format!("close({fd})"),
            5 => format!("dup2({}, {fd})", self.fd()),
            6 => {
                let (offset, whence) =
                    (self.one_of(&["0", "3", "-1", "100"]), self.one_of(&["SEEK_SET", "SEEK_CUR", "SEEK_END"]));
                format!("lseek({fd}, {offset}, {whence})")
            }
            7 => format!("fstat({fd})"),
            8 => format!("getdents({fd})"),
            _ => format!("open({}, O_RDONLY|O_DIRECTORY)", self.path()),
        }
    }

    fn signal(&mut self) -> &'static str {
        self.one_of(&["SIGTERM", "SIGKILL", "SIGSTOP", "SIGCONT", "SIGINT", "SIGUSR1", "SIGHUP", "SIGCHLD"])
    }

    fn child(&mut self) -> String {
        match self.children.len() as u64 {
            0 => self.one_of(&["1", "2", "9", "70"]).to_owned(),
            n => self.children[self.rng.below(n) as usize].clone(),
        }
    }

    fn process_call(&mut self) -> String {
        match self.rng.below(24) {
            0 => "getpid()".to_owned(),
            1 => "getppid()".to_owned(),
            2 => "getuid()".to_owned(),
            3 => format!("kill({}, {})", self.child(), self.signal()),
            4 => format!("wait({}, WNOHANG)", self.one_of(&["-1", "0"])),
            5 => "wait(-1)".to_owned(),
            6 => format!("wait({})", self.child()),
            7 => format!("signal({}, {})", self.signal(), self.one_of(&["SIG_DFL", "SIG_IGN", "SIG_CATCH"])),
            8 => format!("sigblock({})", self.signal()),
            9 => format!("sigunblock({})", self.signal()),
            10 => format!("setuid({})", self.one_of(&["0", "1000", "65534"])),
            11 => format!("setgid({})", self.one_of(&["0", "1000"])),
            12 => format!("umask({})", self.one_of(&["0022", "0077", "0"])),
            13 => "getcwd()".to_owned(),
            14 => format!("exit({})", self.rng.below(4)),
            15 => "setsid()".to_owned(),
            16 => format!("setpgid({}, {})", self.pid(), self.pid()),
            17 => format!("getpgid({})", self.pid()),
            18 => format!("getsid({})", self.pid()),
            19 => format!("prctl(PR_SET_CHILD_SUBREAPER, {})", self.rng.below(2)),
            20 => format!("prctl(PR_SET_PDEATHSIG, {})", self.signal()),
            21 => format!("waitid(P_ALL, 0, {}|WNOHANG)", self.flags(&WAITS, &WAITS)).replace("P_ALL, 0", "P_ALL"),
            22 => format!("waitid(P_PID, {}, {}|WNOHANG)", self.child(), self.flags(&WAITS, &WAITS)),
            _ => format!("nanosleep({})", self.one_of(&["1", "1000000", "5000000000"])),
        }
    }

    fn pid(&mut self) -> String {
        if self.one_in(2) { "0".to_owned() } else { self.child() }
    }

    fn exec(&mut self) -> String {
        self.one_of(&[
            "execve(\"/bin/true\", \"true\")",
            "execve(\"/bin/echo\", \"echo\", \"x\")",
            "execve(\"/tmp/a\", \"a\")",
            "execve(\"/bin/sh\", \"sh\", \"-c\", \"exit 3\")",
            "execve(\"/tmp\", \"tmp\")",
        ])
        .to_owned()
    }

    fn namespace_call(&mut self) -> String {
        const KINDS: [&str; 6] =
            ["CLONE_NEWPID", "CLONE_NEWNS", "CLONE_NEWUTS", "CLONE_NEWIPC", "CLONE_NEWNET", "CLONE_NEWCGROUP"];
        match self.rng.below(9) {
            7 => {
                format!("open(\"/proc/{}/ns/{}\", O_RDONLY)", self.one_of(&["self", "1", "2"]), self.one_of(&NS_FILES))
            }
            8 => format!("setns({}, {})", 3 + self.rng.below(3), self.one_of(&["0", "CLONE_NEWUTS", "CLONE_NEWNS"])),
            0 | 1 => format!("unshare({})", self.flags(&KINDS, &KINDS)),
            2 => format!("sethostname(\"{}\")", self.one_of(&["a", "other", ""])),
            3 => "uname()".to_owned(),
            4 => {
                let kind = self.one_of(&["tmpfs", "tmpfs", "proc"]);
                format!("mount(\"{kind}\", {}, \"{kind}\", 0)", self.path())
            }
            5 => format!("mount({}, {}, \"\", {})", self.path(), self.path(), self.flags(&["MS_BIND"], &["MS_REC"])),
            _ => format!("umount({}{})", self.path(), self.one_of(&["", ", MNT_DETACH"])),
        }
    }

    fn shell(&mut self) -> String {
        let (a, b) = (self.name(), self.name());
        match self.rng.below(16) {
            0 => format!("echo {a} > /tmp/{b}"),
            1 => format!("echo {a} >> /tmp/{b}/{a}"),
            2 => format!("cat /tmp/{a} /tmp/{b}/{a}"),
            3 => format!("ls -l /tmp /tmp/{a}"),
            4 => format!("mkdir -p /tmp/{a}/{b}"),
            5 => format!("rm -r /tmp/{a}"),
            6 => format!("mv /tmp/{a} /tmp/{b}"),
            7 => format!("cp -r /tmp/{a} /tmp/{b}"),
            8 => format!("sleep 5 & kill -{} $!; wait", self.one_of(&["TERM", "STOP", "KILL", "CONT"])),
            9 => "ps".to_owned(),
            10 => "unshare --fork --pid --mount-proc sh -c 'ps; echo $$'".to_owned(),
            11 => format!("(cd /tmp/{a} && rmdir ../{a}; ls; pwd)"),
            12 => format!("echo {a} | cat | cat > /tmp/{b}"),
            13 => format!("docker run --rm -v /tmp/{a}:/x busybox sh -c 'ls /x; echo {b} > /x/{b}'"),
            14 => {
                format!("docker run --rm busybox sh -c 'rm -r /{}; mkdir /{b}; ls /'", self.one_of(&["etc", "bin/ls"]))
            }
            _ => format!("ln -s /tmp/{a} /tmp/{b}; readlink /tmp/{b}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_scenario_and_every_script_can_be_asked() {
        use engine::call::{Ret, Sys};
        assert_eq!(scenario(7), scenario(7));
        let mut scripts = 0;
        for seed in 0..300 {
            for line in scenario(seed) {
                let Line::Scripts(list) = &line else { continue };
                for script in list {
                    let argv = ["call", "/usr/bin/call", &joined(script)].map(str::to_owned);
                    let mut program = engine::program::Program::start(&argv, &[]);
                    // What cannot be asked is told before the first call.
                    let first = program.resume(Ret::Start);
                    assert!(!matches!(&first, Sys::Write { fd: 2, .. }), "{}: {first:?}", joined(script));
                    scripts += 1;
                }
            }
        }
        assert!(scripts > 500, "{scripts}");
    }
}
