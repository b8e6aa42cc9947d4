//! Claims: what a lesson wants to be true of the facts, as one line of text parsed once into a type.
//!
//! ```text
//! container/web/state = running
//! image/web:1/layers >= 4
//! container/web/upper/[/etc/hosts] = whiteout        ([NAME] escapes a name with slashes)
//! container/web/upper/[/etc/hosts] absent            (no such fact)
//! count image/web:1/layer/*/file/[/run.sh] = 1       (how many facts match)
//! image/a/id = @image/b/id                           (the value of another fact)
//! ran docker history                                 (a line beginning with these words was typed and exited 0)
//! ```

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    Compare {
        fact: String,
        op: Op,
        wanted: Operand,
    },
    Exists {
        fact: String,
    },
    Absent {
        fact: String,
    },
    Count {
        pattern: String,
        op: Op,
        wanted: i64,
    },
    /// The words of a line that was typed and ended with exit code 0.
    Ran {
        words: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    Value(String),
    Fact(String),
}
