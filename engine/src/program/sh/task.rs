//! Everything a shell can have before it. The modules that take a task are named by what it is about.

use super::redirect::Stage;
use super::syntax::{Node, Redir, Word};
use super::vars::Var;
use super::{How, builtin, expand};
use crate::call::{Fd, Sys};
use crate::program::Program;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Start(Vec<String>),
    GotPid(Vec<String>),
    GotCwd(Vec<String>),
    GotTty,
    GotUid,
    ScriptOpened(String),
    ScriptRead {
        fd: Fd,
        text: Vec<u8>,
        name: Option<String>,
    },
    /// Read and carry out the commands of the innermost source.
    Commands,
    Prompted,
    GotInput,
    /// Exit with `$?`, after the EXIT trap.
    Leave,
    Exit,

    Call(Sys),
    Ignore,
    /// Another program in this process, whose exit is a status: how `echo` and `test` are builtins.
    Inline(Box<Program>),

    Eval(Arc<Node>, How),
    IfStatus {
        zero: bool,
        then: Arc<Node>,
        how: How,
    },
    Invert,
    Branch {
        node: Arc<Node>,
        how: How,
    },
    LoopTest {
        node: Arc<Node>,
        how: How,
        last: i32,
    },
    LoopAgain {
        node: Arc<Node>,
        how: How,
    },
    ForWords {
        node: Arc<Node>,
        how: How,
    },
    ForNext {
        node: Arc<Node>,
        how: How,
        values: Vec<String>,
    },
    CaseWord {
        node: Arc<Node>,
        how: How,
    },
    CasePattern {
        node: Arc<Node>,
        how: How,
        value: String,
        arm: usize,
        pattern: usize,
    },
    Pipeline {
        node: Arc<Node>,
        how: How,
        at: usize,
        previous: Option<Fd>,
        pids: Vec<u32>,
    },
    Piped {
        node: Arc<Node>,
        how: How,
        at: usize,
        previous: Option<Fd>,
        pids: Vec<u32>,
    },
    PipeForked {
        node: Arc<Node>,
        how: How,
        at: usize,
        previous: Option<Fd>,
        next: Option<(Fd, Fd)>,
        pids: Vec<u32>,
    },
    ForkedBackground(String),
    Forked,
    WaitFor {
        left: Vec<u32>,
        last: u32,
        quiet: bool,
    },
    CheckExit(How),
    ReapBackground,

    Word {
        word: Word,
        at: usize,
        split: bool,
    },
    EndFields,
    EndValue,
    EndPattern,
    EndArith {
        quoted: bool,
    },
    EndAssign {
        name: String,
        quoted: bool,
    },
    EndError {
        name: String,
        colon: bool,
    },
    EndTrim {
        name: String,
        suffix: bool,
        longest: bool,
        quoted: bool,
    },
    Glob(expand::Glob),
    Subst {
        body: Arc<Node>,
        quoted: bool,
    },
    SubstPiped {
        body: Arc<Node>,
        quoted: bool,
    },
    SubstForked {
        read: Fd,
        write: Fd,
        quoted: bool,
    },
    SubstRead {
        fd: Fd,
        pid: u32,
        got: Vec<u8>,
        quoted: bool,
    },
    SubstDone {
        got: Vec<u8>,
        quoted: bool,
    },

    /// The words of a simple command are expanded; its redirections are next.
    Words {
        node: Arc<Node>,
        how: How,
    },
    Run {
        node: Arc<Node>,
        how: How,
        argv: Vec<String>,
    },
    Lookup {
        argv: Vec<String>,
        env: Vec<(String, String)>,
        dirs: Vec<String>,
        at: usize,
        how: How,
        purpose: builtin::Purpose,
    },
    Redirect {
        redirs: Arc<[Redir]>,
        at: usize,
        targets: Vec<String>,
        save: bool,
        stage: Stage,
    },
    TakeRedirects {
        redirs: Arc<[Redir]>,
        save: bool,
    },
    Undo,
    /// The end of a redirected compound command or a simple one: where a failed redirection goes on.
    Guard,
    RestoreVars(Vec<(String, Option<Var>)>),
    FunctionEnd,

    Builtin(builtin::Task),
}
