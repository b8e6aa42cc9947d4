//! `shell` at a terminal: what the keys do.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Longest silence before an answer.
const SILENCE_MS: i32 = 20_000;

/// A program at a terminal of its own.
struct Terminal {
    master: File,
    child: Child,
    seen: String,
}

impl Terminal {
    fn of(mut command: Command) -> Terminal {
        let (mut master, mut slave) = (0, 0);
        let none = std::ptr::null_mut();
        // SAFETY: the two numbers are filled; no name, no settings, no size is passed.
        let code = unsafe { libc::openpty(&mut master, &mut slave, none, none.cast(), none.cast()) };
        assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: both descriptors are new and nobody else's. The closure makes system calls only.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let end = || slave.try_clone().expect("a copy of the descriptor");
        command.stdin(end()).stdout(end()).stderr(end());
        unsafe {
            command.pre_exec(|| {
                let done = libc::setsid() >= 0 && libc::ioctl(0, libc::TIOCSCTTY, 0) >= 0;
                if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
            });
        }
        let child = command.spawn().expect("the program starts");
        Terminal { master, child, seen: String::new() }
    }

    /// Types `keys` and reads until `answer` appears.
    fn types(&mut self, keys: &str, answer: &str) {
        self.seen.clear();
        self.master.write_all(keys.as_bytes()).expect("the terminal takes keys");
        let mut bytes = [0; 4096];
        while !self.seen.contains(answer) {
            let mut ready = libc::pollfd { fd: self.master.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, as is said.
            let said = unsafe { libc::poll(&mut ready, 1, SILENCE_MS) };
            assert!(said > 0, "{keys:?}: nothing after {:?}", self.seen);
            match self.master.read(&mut bytes) {
                Ok(n) if n > 0 => self.seen += &String::from_utf8_lossy(&bytes[..n]),
                _ => panic!("{keys:?}: no {answer:?} in {:?}", self.seen),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ctrl_c_takes_back_a_line_and_reaches_a_program_that_has_the_console() {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    shell.args(["shell", "--node", "simulated"]);
    let mut terminal = Terminal::of(shell);
    terminal.types("docker pull centos:7\n", "docker.io/library/centos:7\r\n$ ");
    terminal.types("docker run -it centos:7 /usr/share/stand-in/bin/httpd 80\n", "started on port 80\r\n");
    terminal.types("\x03", "httpd: caught SIGINT, shutting down\r\n$ ");
    terminal.types("echo not this\x03", "\r\n$ ");
    terminal.types("echo but this\n", "\r\nbut this\r\n$ ");
    assert!(!terminal.seen.contains("not this\r\n"), "{:?}", terminal.seen);
    terminal.types("echo \"unclosed\n", "\r\n> ");
    terminal.types("\x03", "\r\n$ ");
    terminal.types("echo $?\n", "\r\n130\r\n$ ");
}

#[test]
fn what_is_dropped_at_ctrl_c_is_what_dash_drops() {
    let mut dash = Command::new("dash");
    dash.arg("-i").env_clear().env("PS1", "$ ");
    if Command::new("dash").args(["-c", ":"]).status().is_err() {
        return println!("SKIPPED: there is no dash here");
    }
    let mut shell = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    shell.args(["shell", "--node", "simulated"]);
    let mut both = [Terminal::of(dash), Terminal::of(shell)];
    for terminal in &mut both {
        terminal.types("", "$ ");
    }
    const KEYS: [(&str, &str); 12] = [
        ("echo \"unclosed\n", "> "),
        ("\x03", "\r\n$ "),
        ("echo $?\n", "\r\n$ "),
        ("cat <<E\n", "> "),
        ("a\n", "> "),
        ("\x03", "\r\n$ "),
        ("if true\n", "> "),
        ("\x03", "\r\n$ "),
        ("read x\n", "\r\n"),
        ("\x03", "\r\n$ "),
        ("echo $? $x.\n", "\r\n$ "),
        ("echo begun\x03", "\r\n$ "),
    ];
    for (keys, answer) in KEYS {
        let [said, ours] = &mut both;
        said.types(keys, answer);
        ours.types(keys, answer);
        assert_eq!(ours.seen, said.seen, "{keys:?}");
    }
}

#[test]
fn after_an_error_one_line_says_what_to_type() {
    advised("simulated");
    // SAFETY: no memory is passed.
    if unsafe { libc::geteuid() } == 0 { advised("linux") } else { println!("SKIPPED: a node needs root") }
}

fn advised(node: &str) {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    shell.args(["shell", "--node", node]);
    let mut terminal = Terminal::of(shell);
    terminal.types("docker pull busybox\n", "docker.io/library/busybox:latest\r\n$ ");
    terminal.types("docker run -it\n", "\r\n$ ");
    let last = terminal.seen.lines().rev().nth(1).unwrap_or_default();
    assert!(terminal.seen.contains("\"docker run\" requires at least 1 argument."), "{:?}", terminal.seen);
    assert_eq!(last, "drydock: What is missing: IMAGE. Type, for instance, `docker run -it busybox`.");
    terminal.types("sleeep 1\n", "\r\n$ ");
    assert!(terminal.seen.contains("drydock: ") && terminal.seen.contains("`sleep`"), "{:?}", terminal.seen);
    terminal.types("docker images -q x\n", "\r\n$ ");
    assert!(!terminal.seen.contains("drydock: "), "{:?}", terminal.seen);
}
