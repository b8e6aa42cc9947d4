//! The client on a small file system of its own: what it reads, what it sends, what it prints.

use super::*;
use crate::call::{Dent, FileKind, SCENARIO_EPOCH_S, Stat};
use crate::docker::Build;
use crate::docker::Problem;
use crate::image::tar::{self, Kind};
use crate::sim::Map;

const BUILD_GOLDENS: &str = include_str!("../../../tests/goldens/docker-cli/build.txt");
const HOME: &str = "/home/learner";
const CALLS: usize = 100_000;

#[derive(Clone)]
enum Node {
    File(Vec<u8>),
    Dir,
    Link(&'static str),
    Locked(FileKind),
}

#[derive(Default)]
struct Desk {
    nodes: Map<String, Node>,
    stdin: Vec<u8>,
    tty: bool,
    answers: Vec<Answer>,
    open: Vec<Option<(String, usize)>>,
    asked: Vec<Request>,
    stdout: String,
    stderr: String,
    calls: Vec<String>,
}

impl Desk {
    /// `path` ends in `/` for a directory; `path -> target` is a link.
    fn with(mut self, path: &str, content: &str) -> Desk {
        let full = format!("{HOME}/{path}");
        match full.strip_suffix('/') {
            Some(dir) => self.nodes.insert(dir.to_string(), Node::Dir),
            None => self.nodes.insert(full, Node::File(content.as_bytes().to_vec())),
        };
        self
    }

    fn node(mut self, path: &str, node: Node) -> Desk {
        self.nodes.insert(format!("{HOME}/{path}"), node);
        self
    }

    fn says(mut self, stdout: &str, then: Then) -> Desk {
        self.answers.push(Answer { stdout: stdout.into(), stderr: Vec::new(), then });
        self
    }

    fn typed(mut self, input: &str) -> Desk {
        self.stdin = input.into();
        self
    }

    fn docker(&mut self, line: &str) -> i32 {
        let words: Vec<String> = line.split(' ').map(|word| word.trim_matches('\'').to_string()).collect();
        let mut client = start(&words, &["OWN=1".to_string()]);
        let mut ret = Ret::Start;
        for _ in 0..CALLS {
            let sys = client.resume(ret);
            self.calls.push(format!("{sys:?}").split([' ', '{']).next().unwrap_or("").to_string());
            if let Sys::Exit { code } = sys {
                return code;
            }
            ret = self.answer(sys);
        }
        panic!("`docker {line}` does not end");
    }

    fn answer(&mut self, sys: Sys) -> Ret {
        match sys {
            Sys::Write { fd, data } => {
                let out = if fd == STDOUT { &mut self.stdout } else { &mut self.stderr };
                out.push_str(&String::from_utf8_lossy(&data));
                Ret::Int(data.len() as i64)
            }
            Sys::Getcwd => Ret::Text(HOME.to_string()),
            Sys::Isatty { .. } => Ret::Int(i64::from(self.tty)),
            Sys::Stat { path, follow } => self.stat(&path, follow).map_or_else(Ret::Err, Ret::Stat),
            Sys::Readlink { path } => match self.nodes.get(&path) {
                Some(Node::Link(target)) => Ret::Text(target.to_string()),
                _ => Ret::Err(Errno::EINVAL),
            },
            Sys::Open { path, .. } => match self.nodes.get(&path) {
                Some(Node::Locked(_)) => Ret::Err(Errno::EACCES),
                None if path != HOME => Ret::Err(Errno::ENOENT),
                _ => {
                    self.open.push(Some((path, 0)));
                    Ret::Int(self.open.len() as i64 + 2)
                }
            },
            Sys::Close { fd } => {
                self.open[fd as usize - 3] = None;
                Ret::Ok
            }
            Sys::Read { fd: STDIN, len } => {
                let rest = self.stdin.split_off(self.stdin.len().min(len as usize));
                Ret::Data(std::mem::replace(&mut self.stdin, rest))
            }
            Sys::Read { fd, len } => self.read(fd, len as usize),
            Sys::Getdents { fd } => {
                let (path, _) = self.open[fd as usize - 3].clone().expect("an open directory");
                Ret::Dents(self.list(&path))
            }
            Sys::Control(request) => {
                // What the classic builder's daemon says of a client that has nothing to send.
                if let Request::Build(build) = &*request
                    && let Some(Problem::Context(text) | Problem::NoDockerfile(text)) = &build.problem
                {
                    let stderr = format!("{text}\n").into_bytes();
                    return Ret::Control(Box::new(Answer { stdout: Vec::new(), stderr, then: Then::Exit(1) }));
                }
                self.asked.push(*request);
                Ret::Control(Box::new(self.answers.remove(0)))
            }
            other => panic!("the client has no business with {other:?}"),
        }
    }

    fn read(&mut self, fd: i32, len: usize) -> Ret {
        let Some((path, at)) = &mut self.open[fd as usize - 3] else { return Ret::Err(Errno::EBADF) };
        let Some(Node::File(content)) = self.nodes.get(path) else { return Ret::Err(Errno::EISDIR) };
        let end = content.len().min(*at + len);
        let piece = content[*at..end].to_vec();
        *at = end;
        Ret::Data(piece)
    }

    fn stat(&self, path: &str, follow: bool) -> Result<Stat, Errno> {
        let (kind, size) = match self.nodes.get(path) {
            None if path == HOME || path == "/home" || path == "/" => (FileKind::Dir, 4096),
            None => return Err(Errno::ENOENT),
            Some(Node::File(content)) => (FileKind::File, content.len()),
            Some(Node::Dir) => (FileKind::Dir, 4096),
            Some(Node::Link(_)) if follow => return Err(Errno::ENOENT),
            Some(Node::Link(target)) => (FileKind::Symlink, target.len()),
            Some(Node::Locked(kind)) => (*kind, 1),
        };
        let mode = if kind == FileKind::Dir { 0o755 } else { 0o640 };
        let size_bytes = size as u64;
        let (uid, gid, nlink, rdev) = (1000, 1000, 1, (0, 0));
        Ok(Stat { kind, mode, uid, gid, size_bytes, nlink, mtime_s: SCENARIO_EPOCH_S, rdev })
    }

    fn list(&self, dir: &str) -> Vec<Dent> {
        let inside = self.nodes.keys().filter_map(|path| path.strip_prefix(&format!("{dir}/")));
        let names = inside.filter(|name| !name.contains('/'));
        let dent = |name: &str| {
            let kind = self.stat(&format!("{dir}/{name}"), false).unwrap().kind;
            Dent { name: name.to_string(), kind }
        };
        names.map(dent).collect()
    }

    fn build(&self) -> &Build {
        match &self.asked[..] {
            [Request::Build(build)] => build,
            other => panic!("{other:?}"),
        }
    }

    fn sent(&self) -> Vec<String> {
        tar::read(&self.build().context).unwrap().iter().map(|entry| entry.path.clone()).collect()
    }
}

fn desk() -> Desk {
    Desk::default()
}

#[test]
fn a_context_is_packed_sorted_and_owned_by_root() {
    let mut desk = desk()
        .with("web/", "")
        .with("web/Dockerfile", "FROM centos:7\n")
        .with("web/b/", "")
        .with("web/b/run.sh", "#!/bin/sh\n")
        .with("web/a.txt", "a")
        .node("web/link", Node::Link("a.txt"))
        .says("Step 1/1 : FROM centos:7\n", Then::Again)
        .says("Successfully built 0123456789ab\n", Then::Exit(0));
    desk.asked.clear();
    let code = desk.docker("build -t web:1 --build-arg OWN --build-arg GONE web");
    assert_eq!((code, desk.stderr.as_str()), (0, ""));
    // Five entries of 512 bytes, three contents of 512, 1024 at the end.
    assert_eq!(desk.stdout, "Step 1/1 : FROM centos:7\nSuccessfully built 0123456789ab\n");
    assert_eq!(desk.asked.pop(), Some(Request::Continue));
    let build = desk.build();
    assert_eq!((build.sent_bytes, build.name.as_str()), (5120, "Dockerfile"));
    assert_eq!((build.dockerfile.as_str(), build.tags.as_slice()), ("FROM centos:7\n", &["web:1".to_string()][..]));
    assert_eq!(build.build_args, [("OWN".to_string(), "1".to_string())]);
    assert_eq!(desk.sent(), ["Dockerfile", "a.txt", "b", "b/run.sh", "link"]);
    let entries = tar::read(&desk.build().context).unwrap();
    assert!(entries.iter().all(|entry| (entry.uid, entry.gid) == (0, 0)));
    assert_eq!((entries[1].mode, &*entries[1].data), (0o640, &b"a"[..]));
    assert_eq!(entries[4].kind, Kind::Symlink { target: "a.txt".to_string() });
}

#[test]
fn what_dockerignore_names_stays_behind() {
    let files = || {
        desk()
            .with("Dockerfile", "FROM scratch")
            .with("log/", "")
            .with("log/a", "1")
            .with("log/keep", "2")
            .with("src/", "")
            .with("src/x.o", "3")
            .with("src/x.c", "4")
            .says("", Then::Exit(0))
    };
    let mut plain = files().with(".dockerignore", "log\n**/*.o\nDockerfile\n");
    assert_eq!(plain.docker("build ."), 0, "{}", plain.stderr);
    assert_eq!(plain.sent(), [".dockerignore", "src", "src/x.c"]);
    // The Dockerfile is counted, as the real client sends it along.
    assert_eq!(plain.build().sent_bytes, 4608);
    let mut exception = files().with(".dockerignore", "log\n!log/keep\n");
    assert_eq!(exception.docker("build -q ."), 0);
    assert_eq!(exception.sent(), [".dockerignore", "Dockerfile", "log/keep", "src", "src/x.c", "src/x.o"]);
}

#[test]
fn a_dockerfile_can_come_by_standard_input() {
    let mut alone = desk().typed("FROM scratch\n").says("", Then::Exit(0));
    assert_eq!(alone.docker("build -"), 0);
    assert_eq!((alone.build().dockerfile.as_str(), alone.sent().len()), ("FROM scratch\n", 0));
    assert_eq!(alone.build().sent_bytes, 2048);

    let mut beside = desk().with("a", "1").typed("FROM x\n").says("", Then::Exit(0));
    assert_eq!(beside.docker("build -f - ."), 0);
    assert_eq!((beside.build().dockerfile.as_str(), beside.sent()), ("FROM x\n", vec!["a".to_string()]));

    let archive = tar::write(&[tar::Entry::file("d/File", 0o644, "FROM y"), tar::Entry::dir("d", 0o755)]);
    let mut packed = Desk { stdin: archive, ..desk() }.says("", Then::Exit(0));
    assert_eq!(packed.docker("build -f d/File -"), 0, "{}", packed.stderr);
    assert_eq!((packed.build().dockerfile.as_str(), packed.sent().len()), ("FROM y", 2));
}

#[test]
fn a_dockerfile_may_have_another_name_or_place() {
    let files = || desk().with("d/", "").with("d/dockerfile", "lower").with("X", "x").says("", Then::Exit(0));
    let mut lower = files();
    assert_eq!((lower.docker("build d"), lower.build().dockerfile.as_str()), (0, "lower"));
    let mut outside = files();
    assert_eq!((outside.docker("build -f X d"), outside.build().dockerfile.as_str()), (0, "x"));
    assert_eq!(outside.sent(), ["dockerfile"]);
}

#[test]
fn what_is_wrong_with_a_context_is_said_in_the_real_words() {
    let mut compared = 0;
    for case in BUILD_GOLDENS.split("\n$ docker ").skip(1) {
        let mut rows = case.lines();
        let line = rows.next().unwrap();
        let stderr: String = rows.filter_map(|row| row.strip_prefix("2>")).map(|row| format!("{row}\n")).collect();
        let mut desk = desk()
            .with("dir/", "")
            .with("file", "x")
            .with("bad-ignore/", "")
            .with("bad-ignore/Dockerfile", "FROM scratch")
            .with("bad-ignore/.dockerignore", "!")
            .with("broken-ignore/", "")
            .with("broken-ignore/Dockerfile", "FROM scratch")
            .with("broken-ignore/.dockerignore", "[a-")
            .with("link/", "")
            .node("link/Dockerfile", Node::Link("nothing"));
        let code = desk.docker(line);
        // Where a link that leads nowhere points to is not followed by name.
        let real = stderr.replace("/link/nothing:", "/link/Dockerfile:");
        assert_eq!((desk.stderr, desk.stdout.as_str(), code), (real, "", 1), "docker {line}");
        compared += 1;
    }
    assert_eq!(compared, 13);
}

#[test]
fn files_that_cannot_be_read_stop_the_build() {
    let mut file = desk().with("Dockerfile", "").node("s", Node::Locked(FileKind::File));
    assert_eq!(file.docker("build ."), 1);
    assert_eq!(file.stderr, "error checking context: no permission to read from '/home/learner/s'\n");
    let mut dir = desk().with("Dockerfile", "").node("d", Node::Locked(FileKind::Dir));
    assert_eq!(dir.docker("build ."), 1);
    assert_eq!(dir.stderr, "error checking context: can't stat '/home/learner/d'\n");
}

#[test]
fn a_context_has_a_limit() {
    let large = "x".repeat(9 << 20);
    let mut desk = desk().with("Dockerfile", "").with("a", &large).with("b", &large);
    assert_eq!(desk.docker("build ."), 1);
    assert!(desk.stderr.contains("larger than 16 MiB"), "{}", desk.stderr);
    assert!(desk.asked.is_empty());
}

#[test]
fn standard_input_goes_along_with_i() {
    let stdin = |desk: &Desk| match &desk.asked[0] {
        Request::Run(run) => run.stdin.clone(),
        Request::Exec(exec) => exec.stdin.clone(),
        Request::Start { stdin, .. } => stdin.clone(),
        other => panic!("{other:?}"),
    };
    let bytes = || ClientStdin::Bytes(b"one\ntwo\n"[..].into());
    for (line, tty, expected) in [
        ("run img", true, ClientStdin::None),
        ("run -i img", false, bytes()),
        ("run -i img", true, ClientStdin::Console),
        ("run -it img", true, ClientStdin::Console),
        ("run -id img", true, ClientStdin::None),
        ("run -t img", false, ClientStdin::None),
        ("exec -i web cat", false, bytes()),
        ("exec -it web sh", true, ClientStdin::Console),
        ("start -ai web", true, ClientStdin::Console),
        ("start -a web", true, ClientStdin::None),
    ] {
        let mut desk = Desk { tty, ..desk() }.typed("one\ntwo\n").says("", Then::Exit(0));
        assert_eq!(desk.docker(line), 0, "{line}");
        assert_eq!(stdin(&desk), expected, "docker {line}, tty {tty}");
    }
    for line in ["run -it img", "exec -it web sh"] {
        let mut desk = desk();
        assert_eq!(desk.docker(line), 1);
        assert_eq!(desk.stderr, "the input device is not a TTY\n");
    }
}

#[test]
fn answers_are_printed_until_the_daemon_says_exit() {
    let mut desk = desk().says("one\n", Then::Again).says("two\n", Then::Again);
    desk.answers.push(Answer { stdout: Vec::new(), stderr: b"err\n".to_vec(), then: Then::Exit(42) });
    assert_eq!(desk.docker("logs -f web"), 42);
    assert_eq!((desk.stdout.as_str(), desk.stderr.as_str()), ("one\ntwo\n", "err\n"));
    assert_eq!(desk.asked[1..], [Request::Continue, Request::Continue]);
    let controls: Vec<&str> = desk.calls.iter().map(String::as_str).collect();
    assert_eq!(controls, ["Control(Logs", "Write", "Control(Continue)", "Write", "Control(Continue)", "Write", "Exit"]);
}

#[test]
fn prune_asks_first() {
    for (typed, pruned) in [("y\n", true), ("Y\n", true), ("n\n", false), ("", false), ("yes\n", false)] {
        let mut desk = desk().typed(typed).says("Total reclaimed space: 5B\n", Then::Exit(0));
        assert_eq!(desk.docker("container prune"), 0);
        let total = if pruned { "5B" } else { "0B" };
        let question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
        assert_eq!(desk.stdout, format!("{question}Total reclaimed space: {total}\n"), "{typed:?}");
        assert_eq!(desk.asked.len(), usize::from(pruned));
    }
    let mut forced = desk().says("", Then::Exit(0));
    assert_eq!((forced.docker("image prune -af"), forced.asked.len()), (0, 1));
}

#[test]
fn variables_of_files_come_before_those_of_the_line() {
    let mut desk = desk().with("one", "# note\nA=1\n  B=2 \nOWN\nGONE\n").with("two", "C=3").says("", Then::Exit(0));
    desk.nodes.insert("one".to_string(), desk.nodes["/home/learner/one"].clone());
    desk.nodes.insert("two".to_string(), desk.nodes["/home/learner/two"].clone());
    assert_eq!(desk.docker("run --env-file one --env-file two -e A=4 img"), 0, "{}", desk.stderr);
    let Request::Run(run) = &desk.asked[0] else { panic!("{:?}", desk.asked) };
    assert_eq!(run.config.env, ["A=1", "B=2 ", "OWN=1", "C=3", "A=4"]);
}

#[test]
fn files_that_are_not_there_are_named() {
    for (line, stderr, code) in [
        ("run --env-file no img", "docker: open no: no such file or directory.\nSee 'docker run --help'.\n", 125),
        ("create --env-file no img", "docker: open no: no such file or directory.\nSee 'docker create --help'.\n", 125),
        ("exec --env-file no web sh", "open no: no such file or directory\n", 1),
    ] {
        let mut desk = desk();
        assert_eq!((desk.docker(line), desk.stderr.as_str()), (code, stderr), "docker {line}");
    }
}

#[test]
fn help_and_errors_ask_nobody() {
    let mut help = desk();
    assert_eq!(help.docker("ps --help"), 0);
    assert!(help.stdout.starts_with("\nUsage:  docker ps [OPTIONS]\n"));
    let mut wrong = desk();
    assert_eq!(
        (wrong.docker("run --foo"), wrong.stderr.as_str()),
        (125, "unknown flag: --foo\nSee 'docker run --help'.\n")
    );
}
