//! Facts: what can be observed of a world, as a path, a value and (in the [`catalogue`]) a meaning.
//!
//! `container/web/pid/inner = 1`. Segments are separated by `/`; a name inside a segment is percent-escaped
//! ([`escape`]), so a file is one segment: `container/web/upper/%2Fetc%2Fhosts = file`. Facts are the one language of
//! lesson goals, the inspector, the comparison, `--json` and the docs.

pub mod catalogue;

use crate::sim::Map;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The observable state of a world, by path.
pub type Facts = Map<String, Value>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    Int(i64),
    Bool(bool),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Text(s) => f.write_str(s),
        }
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}
impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::Text(s.to_owned())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Value {
        Value::Text(s)
    }
}

/// A name as one path segment: `%`, `/`, control characters and spaces become `%XX`.
pub fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '%' | '/' | ' ' | '*' | '=' => out.push_str(&format!("%{:02X}", c as u32)),
            c if c.is_control() => out.push_str(&format!("%{:02X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// The name a segment stands for; what is not a valid escape stays as it is.
pub fn unescape(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| segment.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Builds a path from unescaped names: `path(["container", "web", "upper", "/etc/hosts"])`.
pub fn path<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for (i, name) in names.into_iter().enumerate() {
        if i > 0 {
            out.push('/');
        }
        out.push_str(&escape(name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_slashes_is_one_segment_and_comes_back() {
        let p = path(["container", "web", "upper", "/etc/a b%"]);
        assert_eq!(p, "container/web/upper/%2Fetc%2Fa%20b%25");
        assert_eq!(unescape(p.rsplit('/').next().unwrap()), "/etc/a b%");
    }
}
