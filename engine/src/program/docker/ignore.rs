//! `.dockerignore`: which files of the context are left out, by the rules of moby's `dockerignore` and `fileutils`.
//!
//! Patterns are anchored at the context's root. `*` and `?` stay within one component, `**` crosses them, `!` takes
//! files back in; the last pattern that matches a path or one of its parents decides.

use serde::{Deserialize, Serialize};

/// Lines of a `.dockerignore`.
const PATTERNS: usize = 1000;
/// Characters of one pattern.
const PATTERN_CHARS: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pattern {
    exception: bool,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**` at the end.
    All,
    /// `**/`: any number of directories.
    Dirs,
    /// `[a-z]`; true is `[^…]`.
    Class(bool, Vec<(char, char)>),
}

impl Ignore {
    /// A pattern that cannot be read is an error with the client's message.
    pub fn parse(text: &str) -> Result<Ignore, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).filter(|line| !line.is_empty());
        let mut patterns = Vec::new();
        for line in lines {
            if patterns.len() == PATTERNS || line.chars().count() > PATTERN_CHARS {
                return Err(format!("more than {PATTERNS} lines, or one of more than {PATTERN_CHARS} characters"));
            }
            patterns.push(Pattern::parse(line)?);
        }
        Ok(Ignore { patterns })
    }

    /// Whether `path` (relative to the context, no leading slash) is left out.
    pub fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for pattern in &self.patterns {
            if pattern.exception == excluded && pattern.matches_or_parent(path) {
                excluded = !pattern.exception;
            }
        }
        excluded
    }

    /// Whether anything below an excluded directory could be taken back in.
    pub fn may_return(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.exception)
    }
}

impl Pattern {
    fn parse(line: &str) -> Result<Pattern, String> {
        let (exception, text) = match line.strip_prefix('!') {
            Some(text) => (true, text.trim()),
            None => (false, line),
        };
        if exception && text.is_empty() {
            return Err("illegal exclusion pattern: \"!\"".to_string());
        }
        let text = super::context::clean(text);
        let text = text.trim_start_matches('/');
        let pieces = pieces(text).ok_or_else(|| "syntax error in pattern".to_string())?;
        Ok(Pattern { exception, pieces })
    }

    fn matches_or_parent(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.any(|end| matches(&self.pieces, &path[..end]))
    }
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => match chars.next_if_eq(&'/') {
                Some(_) => Piece::Dirs,
                None if chars.peek().is_none() => Piece::All,
                None => Piece::Dirs,
            },
            '*' => Piece::Many,
            '?' => Piece::One,
            '\\' => Piece::Char(chars.next()?),
            '[' => class(&mut chars)?,
            c => Piece::Char(c),
        });
    }
    Some(out)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars>) -> Option<Piece> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Piece::Class(negated, ranges)),
            '\\' => chars.next()?,
            c => c,
        };
        let high = match chars.next_if_eq(&'-') {
            Some(_) => chars.next()?,
            None => low,
        };
        ranges.push((low, high));
    }
}

/// Follows all possible matches at once: which prefixes of `text` the pieces so far can have taken.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for piece in pieces {
        reached = advance(piece, &text, &reached);
    }
    reached[text.len()]
}

fn advance(piece: &Piece, text: &[char], reached: &[bool]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    let mut open = false;
    for at in 0..reached.len() {
        let before = at.checked_sub(1).map(|before| (reached[before], text[before]));
        next[at] = match piece {
            Piece::Char(wanted) => before.is_some_and(|(ok, c)| ok && c == *wanted),
            Piece::One => before.is_some_and(|(ok, c)| ok && c != '/'),
            Piece::Class(negated, ranges) => before
                .is_some_and(|(ok, c)| ok && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated),
            Piece::Many => {
                open = reached[at] || (open && before.is_some_and(|(_, c)| c != '/'));
                open
            }
            Piece::All => {
                open |= reached[at];
                open
            }
            Piece::Dirs => {
                let after_slash = open && before.is_some_and(|(_, c)| c == '/');
                open |= reached[at];
                reached[at] || after_slash
            }
        };
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_leave_out_what_moby_leaves_out() {
        // Cases of moby's fileutils_test.go, as (patterns, path, excluded).
        let cases: &[(&str, &str, bool)] = &[
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("**/dir", "dir/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir2/file", true),
            ("**file", "dir/file", true),
            ("**/file", "dir/dir/file", true),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("**/**/*.txt", "dir/dir/file.txt", true),
            ("**/**/*.txt2", "dir/dir/file.txt", false),
            ("**/*.txt", "file.txt", true),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("[^a-c]", "d", true),
            ("a\\*b", "a*b", true),
            ("a*", "a", true),
            ("a*/b", "a/c/b", false),
            ("*.c", "foo.c", true),
            ("*.c", "sub/foo.c", false),
            ("docs\n!docs/README.md", "docs/README.md", false),
            ("docs\n!docs/README.md", "docs/a.md", true),
            ("!docs/README.md\ndocs", "docs/README.md", true),
            ("/Dockerfile", "Dockerfile", true),
            ("./src/../a", "a", true),
            ("# a\n  b  ", "b", true),
            ("# a", "a", false),
            ("a?c", "a/c", false),
        ];
        for (patterns, path, excluded) in cases {
            let ignore = Ignore::parse(patterns).unwrap();
            assert_eq!(ignore.excludes(path), *excluded, "{patterns:?} {path:?}");
        }
        assert!(Ignore::parse("[a-").is_err());
        assert!(Ignore::parse("!").is_err());
    }
}
