//! What a shell's text means: commands and words, as dash's grammar has them (POSIX.1-2017, 2.10 Shell Grammar).
//!
//! Types only. Subtrees are shared, so that a shell that forks or loops copies a pointer.

use crate::call::Fd;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    Simple(Simple),
    /// At least two.
    Pipe(Vec<Arc<Node>>),
    Not(Arc<Node>),
    And(Arc<Node>, Arc<Node>),
    Or(Arc<Node>, Arc<Node>),
    Seq(Vec<Arc<Node>>),
    /// `… &`, with its text for `jobs`.
    Background(Arc<Node>, String),
    Subshell(Arc<Node>),
    Redirected(Arc<Node>, Arc<[Redir]>),
    If {
        condition: Arc<Node>,
        then: Arc<Node>,
        otherwise: Option<Arc<Node>>,
    },
    Loop {
        until: bool,
        condition: Arc<Node>,
        body: Arc<Node>,
    },
    For {
        name: String,
        /// `None`: `"$@"`.
        words: Option<Vec<Word>>,
        body: Arc<Node>,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Function {
        name: String,
        body: Arc<Node>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simple {
    pub line: u32,
    pub assigns: Vec<(String, Word)>,
    pub words: Vec<Word>,
    pub redirs: Arc<[Redir]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    pub patterns: Vec<Word>,
    pub body: Option<Arc<Node>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redir {
    pub fd: Fd,
    pub kind: RedirKind,
    /// A file name, a descriptor's number, `-`, or the text of a here-document.
    pub word: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedirKind {
    Read,
    /// `>`
    Write,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `<&` and `>&`
    Dup,
    Here,
}

/// A word before its expansion. One without parts stands for nothing, not for an empty field.
pub type Word = Arc<[Part]>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    Param {
        name: String,
        op: ParamOp,
        quoted: bool,
    },
    Command {
        body: Option<Arc<Node>>,
        quoted: bool,
    },
    Arith {
        expr: Word,
        quoted: bool,
    },
    /// `~` or `~user`.
    Tilde(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParamOp {
    Value,
    /// `${#x}`
    Length,
    /// `${x-w}`; `colon` also takes an empty value for unset.
    Default {
        colon: bool,
        word: Word,
    },
    /// `${x=w}`
    Assign {
        colon: bool,
        word: Word,
    },
    /// `${x+w}`
    Alternative {
        colon: bool,
        word: Word,
    },
    /// `${x?w}`
    Error {
        colon: bool,
        word: Word,
    },
    /// `${x%w}` `${x%%w}` `${x#w}` `${x##w}`
    Trim {
        suffix: bool,
        longest: bool,
        word: Word,
    },
    /// What is between the braces is none of these; said only when it is expanded, as dash does.
    Bad,
}

/// A name that a variable or a function may have.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}
