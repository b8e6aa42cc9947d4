//! The programs against recordings of the real ones (dash, GNU coreutils, …: `tests/record/programs.sh`), run on the
//! simulated kernel; and against any answer a kernel could give.

use super::Program;
use crate::call::{Dent, Errno, FileKind, ProcStat, Ret, Signal, Stat, Sys, WaitStatus};
use crate::image::tar::{self, Entry};
use crate::kernel::SimKernel;
use crate::node::{JobId, Node, NodeEvent, NodeOutput, NodeRequest, Pause, Place, ProcessSpec, Said, Stdin};
use crate::sched::Scheduled;
use crate::sim::{Rng, Stream};

/// Every tool an image may declare.
const TOOLS: &str = "sh ls cat echo sleep kill unpack basename dirname true false printf seq expr printenv more head tail \
                     tee wc grep sed sort uniq cut tr sha256sum mkdir rmdir touch ln readlink realpath stat truncate rm \
                     chmod chown du find cp mv dd fill save yes test [ id whoami hostname uname date mount umount which \
                     df pwd env unshare xargs findmnt mountpoint pivot_root chroot ps pstree tar clear nohup \
                     taskset nproc";
/// Where the recordings were made.
const WORK: &str = "/tmp/drydock-programs";

/// A node with all tools in /usr/bin and the files that the recordings begin with.
fn node() -> Scheduled<SimKernel> {
    let mut entries = vec![
        Entry::dir("bin", 0o755),
        Entry::dir("usr", 0o755),
        Entry::dir("usr/bin", 0o755),
        Entry::dir("etc", 0o755),
        Entry::file(
            "etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2::/bin:/bin/sh\ngames:x:5:60::/:/bin/sh\n",
        ),
        Entry::file("etc/group", 0o644, "root:x:0:\nbin:x:2:\ndisk:x:6:\nlp:x:7:\n"),
        Entry::dir("root", 0o700),
        Entry::dir("tmp", 0o1777),
        Entry::file("bin/sh", 0o755, "#!/dev/.toolbox sh\n"),
    ];
    let work = &WORK[1..];
    let fixture = [
        Entry::dir(work, 0o755),
        Entry::dir(format!("{work}/d"), 0o755),
        Entry::dir(format!("{work}/d/e"), 0o755),
        Entry::file(format!("{work}/f"), 0o644, "hi\nthere\n"),
        Entry::file(format!("{work}/n"), 0o644, "3 c\n1 a\n2 b\n10 a\n"),
        Entry::symlink(format!("{work}/l"), "f"),
    ];
    entries.extend(fixture.map(|entry| Entry { mtime_s: 1_000_000_000, ..entry }));
    for tool in TOOLS.split_ascii_whitespace() {
        entries.push(Entry::file(format!("usr/bin/{tool}"), 0o755, format!("#!/dev/.toolbox {tool}\n").as_str()));
    }
    Scheduled::new(SimKernel::new(&tar::write(&entries), &[], "drydock", Default::default()).unwrap(), 7)
}

/// What a command line writes (both streams, in order) and how it ends.
fn run(argv: &[&str], stdin: Stdin) -> (String, i32) {
    let mut node = node();
    let process = ProcessSpec {
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        env: ["PATH=/usr/bin:/bin", "HOME=/root"].map(str::to_owned).to_vec(),
        cwd: WORK.to_owned(),
        uid: 0,
        gid: 0,
        stdin,
    };
    let (mut text, mut now) = (Vec::new(), 0);
    let mut out = NodeOutput::default();
    node.request(NodeRequest::Start { job: JobId(0), at: Place::Node, process }, &mut out).unwrap();
    for _ in 0..50_000 {
        for said in std::mem::take(&mut out).said {
            match said {
                Said::Event(NodeEvent::Output { data, .. }) => text.extend(data),
                Said::Event(NodeEvent::Exited { status, .. }) => {
                    return (String::from_utf8_lossy(&text).into_owned(), status.shell_code());
                }
                _ => {}
            }
        }
        if let Pause::Idle { next, .. } = node.run(now, 1_000, &mut out).unwrap() {
            match next {
                Some(next) => now = next,
                None if out.said.is_empty() => panic!("{argv:?} waits for ever: {}", String::from_utf8_lossy(&text)),
                None => {}
            }
        }
    }
    panic!("{argv:?} does not end");
}

/// A recorded case: the script, what it wrote, its exit code.
fn recorded(goldens: &str) -> Vec<(&str, &str, i32)> {
    let cases = goldens.split("\u{1e}\n").skip(1);
    let case = |case: &'static str| {
        let (script, rest) = case.split_once("\u{1f}\n").unwrap();
        let (output, code) = rest.rsplit_once("\u{1f}").unwrap();
        (script, output, code.trim().parse().unwrap())
    };
    cases.map(|text| case(Box::leak(text.to_owned().into_boxed_str()))).collect()
}

fn check(goldens: &str) {
    let mut differ = Vec::new();
    let cases = recorded(goldens);
    assert!(cases.len() > 15, "the recording is not empty");
    for (script, output, code) in cases {
        let (ours, status) = run(&["/bin/sh", "-c", script, "sh"], Stdin::Null);
        if (ours.as_str(), status) != (output, code) {
            differ.push(format!("── {script}\nrecorded {code}:\n{output}ours {status}:\n{ours}"));
        }
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn the_shell_says_what_dash_says() {
    check(include_str!("shell.golden"));
}

#[test]
fn the_tools_say_what_gnu_says() {
    check(include_str!("tools.golden"));
}

#[test]
fn the_tools_of_mounts_say_what_those_of_util_linux_say() {
    check(include_str!("mounts.golden"));
}

#[test]
fn a_person_at_the_console_is_prompted_and_survives_a_syntax_error() {
    let script = "foo\nfor i in 1 2\ndo echo $i; done\nif then\necho still here\nexit 3\n";
    let mut shell = Program::start(&["sh".to_owned(), "/bin/sh".to_owned()], &[]);
    let (mut lines, mut prompts, mut wrote) = (script.lines(), Vec::new(), String::new());
    let mut last = Ret::Start;
    let code = loop {
        last = match shell.resume(last) {
            Sys::Getpid => Ret::Int(2),
            Sys::SigAction { .. } => Ret::Ok,
            Sys::Getuid => Ret::Int(0),
            Sys::Getcwd => Ret::Text("/".to_owned()),
            Sys::Isatty { .. } => Ret::Int(1),
            Sys::Prompt { text, status } => {
                prompts.push(format!("{text}{status}"));
                Ret::Ok
            }
            Sys::Read { fd: 0, .. } => Ret::Data(lines.next().map_or(Vec::new(), |l| format!("{l}\n").into_bytes())),
            Sys::Write { data, .. } => {
                wrote += &String::from_utf8_lossy(&data);
                Ret::Int(data.len() as i64)
            }
            Sys::Stat { .. } => Ret::Err(Errno::ENOENT),
            Sys::Exit { code } => break code,
            other => panic!("{other:?}"),
        };
    };
    assert_eq!(code, 3);
    assert_eq!(prompts, ["# 0", "# 127", "> 127", "# 0", "# 2", "# 0"]);
    let said = "sh: 1: foo: not found\n1\n2\nsh: 4: Syntax error: \"then\" unexpected\nstill here\n";
    assert_eq!(wrote, said);
}

#[test]
fn a_daemon_stands_until_it_is_told_to_stop() {
    let script = "printf '#!/dev/.toolbox serve httpd 80\\n' > httpd; chmod +x httpd; ./httpd & sleep 1; kill $!; wait $!; echo $?";
    let (said, code) = run(&["sh", "-c", script], Stdin::Null);
    assert_eq!((said.as_str(), code), ("httpd: started on port 80\nhttpd: caught SIGTERM, shutting down\n0\n", 0));
}

#[test]
fn what_a_signal_ended_is_told_by_its_status() {
    let script =
        "sleep 5 & kill $!; wait $!; echo $?; sleep 5 & kill -9 %1; wait; trap '' TERM; sh -c 'kill $$; echo alive'";
    assert_eq!(run(&["sh", "-c", script], Stdin::Null), ("143\nalive\n".to_owned(), 0));
}

#[test]
fn a_script_without_an_interpreter_is_the_shells() {
    let script = "echo 'echo $0 $1' > s; chmod +x s; ./s a; env ./s b; echo $?";
    let (said, _) = run(&["sh", "-c", script], Stdin::Null);
    assert_eq!(said, "./s a\nenv: './s': Exec format error\n126\n");
}

#[test]
fn the_last_command_of_a_line_takes_the_shells_place() {
    // As dash's EV_EXIT: without a fork the process keeps its pid.
    let (said, _) = run(&["sh", "-c", "echo $$; exec sh -c 'echo $$; (sh -c \"echo \\$\\$\")'"], Stdin::Null);
    let pids: Vec<&str> = said.lines().collect();
    assert_eq!(pids, [pids[0]; 3]);
}

#[test]
fn ps_shows_what_procfs_shows_as_procps_does() {
    let (said, code) = run(
        &["sh", "-c", "mount -t proc proc /proc 2>&-; sleep 9 & ps -o pid,ppid,stat,args; ps -ef | head -1"],
        Stdin::Null,
    );
    assert_eq!(code, 0);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "  PID  PPID STAT COMMAND");
    assert!(lines.iter().any(|line| line.ends_with(" S    sleep 9")), "{said}");
    assert!(lines.iter().any(|line| line.ends_with(" R    ps -o pid,ppid,stat,args")), "{said}");
    assert_eq!(lines.last(), Some(&"UID        PID  PPID  C STIME TTY          TIME CMD"));
}

#[test]
fn input_at_a_pipe_is_read_a_line_at_a_time() {
    let input = Stdin::Bytes(b"one\ntwo\nthree\n"[..].into());
    let (said, _) = run(&["sh", "-c", "read a; read b; echo $b-$a; cat"], input);
    assert_eq!(said, "two-one\nthree\n");
}

#[test]
fn fill_writes_the_same_noise_each_time() {
    let (said, code) = run(
        &[
            "sh",
            "-c",
            "fill 100000 7 a; fill 100000 7 | cmp - a 2>&-; fill 100000 7 | sha256sum; sha256sum < a; wc -c < a; fill 100000 8 | sha256sum",
        ],
        Stdin::Null,
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((code, lines[0], lines[2]), (0, lines[1], "100000"));
    assert_ne!(lines[0], lines[3]);
}

#[test]
fn unpack_makes_what_the_archive_holds_in_the_same_order_each_time() {
    let archive = tar::write(&[
        Entry::dir("a", 0o750),
        Entry::file("a/x", 0o640, "one\n"),
        Entry::symlink("a/y", "x"),
        Entry::file("z", 0o4755, "two\n"),
    ]);
    let calls = |mut program: Program| {
        let (mut calls, mut last, mut input) = (Vec::new(), Ret::Start, Some(archive.clone()));
        loop {
            let sys = program.resume(last);
            calls.push(format!("{sys:?}"));
            last = match sys {
                Sys::Read { .. } => Ret::Data(input.take().unwrap_or_default()),
                Sys::Open { .. } => Ret::Int(3),
                Sys::Write { data, .. } => Ret::Int(data.len() as i64),
                Sys::Mkdir { path, .. } if path == "/srv" => Ret::Err(Errno::EEXIST),
                Sys::Exit { code } => return (calls, code),
                _ => Ret::Ok,
            };
        }
    };
    let argv = ["unpack", "/dev/.toolbox", "--chown", "48:49", "/srv/www"].map(str::to_owned);
    let (first, code) = calls(Program::start(&argv, &[]));
    assert_eq!(code, 0);
    assert_eq!(first, calls(Program::start(&argv, &[])).0);
    let position =
        |text: &str| first.iter().position(|call| call.contains(text)).unwrap_or_else(|| panic!("{text}: {first:#?}"));
    assert!(position("Mkdir { path: \"/srv/www\"") < position("Mkdir { path: \"/srv/www/a\""));
    assert!(position("Mkdir { path: \"/srv/www/a\"") < position("Open { path: \"/srv/www/a/x\""));
    let owner = position("Chown { path: \"/srv/www/z\", uid: Some(48), gid: Some(49)");
    assert!(owner < position("Chmod { path: \"/srv/www/z\", mode: 2541"), "chown would clear set-user-ID");
}

/// Answers that fit no question, and all that do.
fn any_answer(rng: &mut Rng) -> Ret {
    let kinds = [FileKind::File, FileKind::Dir, FileKind::Symlink, FileKind::CharDevice];
    let kind = kinds[rng.below(4) as usize];
    let mut bytes = vec![0; rng.below(40) as usize];
    rng.fill(&mut bytes);
    match rng.below(13) {
        0 => Ret::Start,
        1 => Ret::Ok,
        2 => Ret::Int(rng.next_u64() as i64),
        3 => Ret::Int(rng.below(6) as i64 - 1),
        4 => Ret::Err(Errno::ALL[rng.below(Errno::ALL.len() as u64) as usize]),
        5 => Ret::Data(bytes),
        6 => Ret::Data(Vec::new()),
        7 => Ret::Text(String::from_utf8_lossy(&bytes).into_owned()),
        8 => Ret::Stat(Stat {
            kind,
            mode: rng.next_u64() as u32,
            uid: rng.below(3) as u32,
            gid: 0,
            size_bytes: rng.next_u64(),
            nlink: 1,
            mtime_s: rng.next_u64() as i64,
            rdev: (1, 3),
        }),
        9 => Ret::Dents(vec![Dent { name: String::from_utf8_lossy(&bytes).replace('/', "_"), kind }]),
        10 => Ret::Pipe { read: rng.below(9) as i32, write: rng.below(9) as i32 },
        11 => Ret::Waited { pid: rng.below(9) as u32, status: WaitStatus::Signaled(Signal::SIGKILL) },
        _ => Ret::Proc(Box::new(ProcStat {
            pid: rng.below(5) as u32,
            pgid: rng.below(9) as u32,
            sid: rng.below(9) as u32,
            ppid: rng.below(5) as u32,
            state: 'Z',
            comm: String::new(),
            cmdline: Vec::new(),
            uid: 0,
            nspid: Vec::new(),
        })),
    }
}

#[test]
fn no_answer_makes_a_program_panic() {
    let args: [&[&str]; 9] = [
        &[],
        &["-c", "x=$(ls *); for i in $x; do cat < $i > y 2>&1 | wc & done; wait; trap 'echo' EXIT; cd a; read b"],
        &["-rlaRnf", "a", "b"],
        &["-p", "a/b", "c"],
        &["755", "a"],
        &["0:0", "-R", "a"],
        &["--", "-", "x"],
        &["-cf", "x", "y"],
        &["100000", "3", "p"],
    ];
    let mut rng = Rng::new(11, Stream::Guests);
    for tool in TOOLS.split_ascii_whitespace().chain(["serve", "serve httpd 80", "nothing"]) {
        for args in args {
            for _ in 0..12 {
                let argv: Vec<String> = [&[tool, "/bin/x"], args].concat().iter().map(|a| (*a).to_owned()).collect();
                let mut program = Program::start(&argv, &["PATH=/bin:".to_owned(), "broken".to_owned()]);
                let mut last = Ret::Start;
                for _ in 0..60 {
                    match program.resume(last) {
                        Sys::Exit { .. } => break,
                        // Sometimes it is the child that goes on.
                        Sys::Fork { child, .. } if rng.below(2) == 0 => {
                            program = *child;
                            last = Ret::Start;
                        }
                        _ => last = any_answer(&mut rng),
                    }
                }
            }
        }
    }
}

#[test]
fn no_text_makes_the_shell_panic() {
    let pieces = [
        "if", "then", "fi", " ", "\n", ";", ";;", "&", "&&", "|", "(", ")", "{", "}", "$", "${", "$((", "))", "`", "'",
        "\"", "\\", "<<", "<<-E", ">", "<&", "2>", "case", "in", "esac", "for", "do", "done", "while", "a", "x=", "*",
        "[", "~", "#", "é", "!", ":", "-", "%", "1", "E\n",
    ];
    let mut rng = Rng::new(5, Stream::Guests);
    for _ in 0..20_000 {
        let text: String = (0..rng.below(14)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
        super::sh::parses(&text);
    }
    super::sh::parses(&"(".repeat(100_000));
    super::sh::parses(&"$(".repeat(100_000));
    super::sh::parses(&"${x:-".repeat(100_000));
    super::sh::parses(&"if ".repeat(100_000));
}

#[test]
fn a_loop_that_asks_for_nothing_still_makes_calls() {
    let argv = ["sh", "/bin/sh", "-c", "while :; do :; done"].map(str::to_owned);
    let mut program = Program::start(&argv, &[]);
    for _ in 0..100 {
        assert_ne!(program.resume(Ret::Int(1)), Sys::Exit { code: 0 });
    }
}
