//! Wildcards of paths: Go's `filepath.Match` for COPY and ADD, and `.dockerignore` patterns, which add `**`
//! (moby `pkg/fileutils`). Matching is linear in pattern × path: a pattern cannot be made slow.

use serde::{Deserialize, Serialize};

/// A compiled pattern. It matches whole paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glob {
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**` at the end: anything, slashes too.
    Anything,
    /// `**/`: any directories, or none. Skips the next token, which is always [`Token::ToSlash`], or not.
    Directories,
    /// Anything up to a slash and the slash.
    ToSlash,
    /// `[a-z]`, `[^a-z]`
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// `filepath.Match`: `*` and `?` do not cross a slash.
    pub fn path(pattern: &str) -> Result<Glob, BadPattern> {
        compile(pattern, false)
    }

    /// A line of `.dockerignore`, cleaned.
    pub fn ignore(pattern: &str) -> Result<Glob, BadPattern> {
        compile(pattern, true)
    }

    pub fn has_wildcards(pattern: &str) -> bool {
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                '*' | '?' | '[' => return true,
                _ => {}
            }
        }
        false
    }

    pub fn matches(&self, path: &str) -> bool {
        let mut states = vec![false; self.tokens.len() + 1];
        states[0] = true;
        self.skip_optional(&mut states);
        for c in path.chars() {
            let mut next = vec![false; states.len()];
            for (i, token) in self.tokens.iter().enumerate().filter(|&(i, _)| states[i]) {
                match token {
                    Token::Char(wanted) => next[i + 1] |= c == *wanted,
                    Token::One => next[i + 1] |= c != '/',
                    Token::Many => next[i] |= c != '/',
                    Token::Anything => next[i] = true,
                    Token::Directories => {}
                    Token::ToSlash => {
                        next[i] = true;
                        next[i + 1] |= c == '/';
                    }
                    Token::Class { negated, ranges } => {
                        let inside = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                        next[i + 1] |= c != '/' && inside != *negated;
                    }
                }
            }
            states = next;
            self.skip_optional(&mut states);
        }
        states[self.tokens.len()]
    }

    fn skip_optional(&self, states: &mut [bool]) {
        for (i, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Many | Token::Anything => states[i + 1] |= states[i],
                Token::Directories => {
                    states[i + 1] |= states[i];
                    states[i + 2] |= states[i];
                }
                _ => {}
            }
        }
    }
}

fn compile(pattern: &str, doubled: bool) -> Result<Glob, BadPattern> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            '*' if doubled && chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    Token::Anything
                } else {
                    // `**x` too: moby reads it as any directories, then `x`.
                    tokens.push(Token::Directories);
                    Token::ToSlash
                }
            }
            '*' => Token::Many,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().ok_or(BadPattern)?),
            '[' => class(&mut chars)?,
            c => Token::Char(c),
        };
        tokens.push(token);
    }
    Ok(Glob { tokens })
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, BadPattern> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if chars.peek() == Some(&']') && !ranges.is_empty() {
            chars.next();
            return Ok(Token::Class { negated, ranges });
        }
        let from = class_char(chars)?;
        let to = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { from };
        ranges.push((from, to));
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        Some('\\') => chars.next().ok_or(BadPattern),
        Some('-' | ']') | None => Err(BadPattern),
        Some(c) => Ok(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_pattern_matches_as_go_does() {
        // From Go's path/filepath/match_test.go.
        let cases = [
            ("abc", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a[^a]b", "a☺b", true),
            ("a?b", "a/b", false),
            ("[\\]a]", "]", true),
            ("*x", "xxx", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::path(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
        for bad in ["[]a]", "[-]", "[x-]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\"] {
            assert_eq!(Glob::path(bad), Err(BadPattern), "{bad}");
        }
    }

    #[test]
    fn doubled_stars_cross_directories() {
        // From moby pkg/fileutils/fileutils_test.go.
        let cases = [
            ("**", "dir/file", true),
            ("**/file2", "dir/dir/file2", true),
            ("**/**/file3", "dir/file3", true),
            ("a/**/b", "a/c/b", true),
            ("a/**/b", "a/b", true),
            ("**/foo/bar", "foo/bar", true),
            ("abc/**", "abc/def/ghi", true),
            ("abc/**", "abc", false),
            ("**/.foo", "bar.foo", false),
            ("a**/*x", "a/a/x", true),
            ("a*", "a/b", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::ignore(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_its_length() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!Glob::path(&pattern).unwrap().matches(&"a".repeat(2000)));
    }
}
