//! execve(2): what a path runs. Scripts by their `#!` line (fs/binfmt_script.c), the toolbox itself, nothing else.

use super::SimKernel;
use super::process::{State, comm_of};
use super::vfs::resolve::EXEC;
use super::vfs::{Fs, Loc, Node, View};
use crate::call::{Errno, FileKind, Ret, Tid};
use crate::node::{Effects, Happening};
use crate::program::Program;

/// Bytes of a file that are looked at (BINPRM_BUF_SIZE).
const HEAD_BYTES: usize = 256;
/// How many scripts may lead to one another: the sixth answers ELOOP (fs/exec.c, exec_binprm; seen on 6.18).
const SCRIPTS: usize = 5;
/// Bytes of one argument with its NUL (MAX_ARG_STRLEN), and of all (a quarter of an 8 MiB stack).
const ARG_BYTES: usize = 128 * 1024;
const ARGS_BYTES: usize = 2 * 1024 * 1024;

/// An image that can be started.
struct Image {
    argv: Vec<String>,
    exe: String,
    at: Loc,
}

impl SimKernel {
    pub(super) fn exec(
        &mut self,
        tid: Tid,
        path: &str,
        argv: &[String],
        env: &[String],
        fx: &mut Effects,
    ) -> Result<(), Errno> {
        let view = self.view(tid)?;
        check_size(argv, env)?;
        let image = self.image(&view, path, argv.to_vec())?;
        self.drop_space(tid);
        self.execute_as(tid)?;
        self.charge_overhead(tid);
        let process = self.process_mut(tid).ok_or(Errno::ESRCH)?;
        process.program = Some(Program::start(image.argv.get(1..).unwrap_or_default(), env));
        process.state = State::Ready(Ret::Start);
        process.has_executed = true;
        process.caught = Default::default();
        process.comm = comm_of(path);
        process.exe = image.exe;
        process.exe_at = Some(image.at);
        process.env = env.to_vec();
        process.argv = image.argv.clone();
        let cloexec: Vec<_> = process.fds.iter().filter(|(_, handle)| handle.cloexec).map(|(fd, _)| *fd).collect();
        for fd in cloexec {
            let _ = self.close_fd(tid, fd);
        }
        self.execute_in_time_ns(tid);
        self.tell(tid, Happening::Executed { path: path.to_owned(), argv: image.argv }, fx);
        Ok(())
    }

    /// Follows `#!` lines to the toolbox.
    fn image(&mut self, view: &View, path: &str, argv: Vec<String>) -> Result<Image, Errno> {
        let (mut exe, mut argv) = (path.to_owned(), argv);
        if argv.is_empty() {
            // Since Linux 5.18 an empty argv becomes one empty string.
            argv.push(String::new());
        }
        for _ in 0..=SCRIPTS {
            let loc = self.executable(view, &exe)?;
            let head = match self.filesystems.inode(loc.fs, loc.ino).map(|inode| &inode.node) {
                Some(Node::Native) => return Ok(Image { argv, exe: self.absolute(view, &exe), at: loc }),
                Some(Node::File(data)) => data[..data.len().min(HEAD_BYTES)].to_vec(),
                _ => return Err(Errno::EACCES),
            };
            let (interpreter, argument) = interpreter(&head).ok_or(Errno::ENOEXEC)?;
            let rest = argv.drain(1..).collect::<Vec<_>>();
            argv = [Some(interpreter.clone()), argument, Some(exe)].into_iter().flatten().chain(rest).collect();
            exe = interpreter;
        }
        Err(Errno::ELOOP)
    }

    fn executable(&mut self, view: &View, path: &str) -> Result<Loc, Errno> {
        let loc = self.find(view, path, true)?;
        let stat = self.stat(loc);
        if stat.kind != FileKind::File
            || !view.may(&stat, EXEC)
            || matches!(self.fs(loc.fs), Fs::Proc(_) | Fs::Ns)
            || self.mounts.get(loc.mount).is_some_and(|mount| mount.attrs.noexec)
        {
            return Err(Errno::EACCES);
        }
        // Somebody has it open for writing (fs/exec.c, deny_write_access).
        let same = |other: Loc| other.fs == loc.fs && other.ino == loc.ino;
        if self.files.opened().any(|ofd| ofd.write && ofd.loc().is_some_and(same)) {
            return Err(Errno::ETXTBSY);
        }
        Ok(loc)
    }

    fn absolute(&self, view: &View, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { self.path_in(view, view.cwd, path) }
    }
}

fn check_size(argv: &[String], env: &[String]) -> Result<(), Errno> {
    let strings = argv.iter().chain(env);
    let total: usize = strings.clone().map(|text| text.len() + 1 + size_of::<u64>()).sum();
    if total > ARGS_BYTES || strings.clone().any(|text| text.len() >= ARG_BYTES) {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

/// The interpreter and the optional argument of a `#!` line, as `load_script` parses it.
fn interpreter(head: &[u8]) -> Option<(String, Option<String>)> {
    let line = head.strip_prefix(b"#!")?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => end,
        None if head.len() < HEAD_BYTES => line.len(),
        None => {
            // The last byte looked at is a NUL to the kernel. If the name may go on beyond, it is not one.
            let line = &line[..line.len() - 1];
            let name = line.iter().position(|byte| !blank(byte))?;
            line[name..].iter().position(|byte| blank(byte) || *byte == 0)?;
            line.len()
        }
    };
    let line = line[..end].split(|byte| *byte == 0).next()?;
    let line = std::str::from_utf8(line).ok()?.trim_matches([' ', '\t']);
    let (name, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let argument = argument.trim_start_matches([' ', '\t']);
    (!name.is_empty()).then(|| (name.to_owned(), (!argument.is_empty()).then(|| argument.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each seen on Linux 6.18 by execve(2) of such a file.
    #[test]
    fn the_first_line_is_parsed_as_linux_does() {
        let long = format!("#!/bin/echo {}\n", "x".repeat(300));
        type Parsed = Option<(&'static str, Option<&'static str>)>;
        let cases: &[(&str, Parsed)] = &[
            ("#!/bin/echo one two  \n", Some(("/bin/echo", Some("one two")))),
            ("#! \t/bin/echo\t a b\t\n", Some(("/bin/echo", Some("a b")))),
            ("#!/bin/echo hi", Some(("/bin/echo", Some("hi")))),
            ("#!/bin/echo", Some(("/bin/echo", None))),
            ("#!\n", None),
            ("#!   \n", None),
            ("", None),
            ("hello\n", None),
        ];
        for (text, expected) in cases {
            let got = interpreter(text.as_bytes());
            assert_eq!(got.as_ref().map(|(name, arg)| (name.as_str(), arg.as_deref())), *expected, "{text:?}");
        }
        let (name, argument) = interpreter(&long.as_bytes()[..HEAD_BYTES]).unwrap();
        // 250 bytes and a newline came out of echo: 243 of the argument, a space and `./long`.
        assert_eq!((name.as_str(), argument.unwrap().len()), ("/bin/echo", 243));
        assert_eq!(interpreter(&[b"#!/", "x".repeat(300).as_bytes()].concat()[..HEAD_BYTES]), None);
    }
}
