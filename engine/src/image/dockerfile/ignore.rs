//! `.dockerignore`: which files of a directory are not sent as build context (moby `builder/dockerignore`,
//! `pkg/fileutils`; the rules of Docker 20.10). The last pattern that matches a path or one of its parents decides.

use crate::image::glob::Glob;
use serde::{Deserialize, Serialize};

/// Lines of a `.dockerignore`.
const PATTERNS: usize = 1000;
/// Bytes of one pattern.
const PATTERN_BYTES: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pattern {
    text: String,
    glob: Glob,
    /// `!pattern` brings files back.
    includes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    #[error("illegal exclusion pattern: \"!\"")]
    Bare,
    #[error("syntax error in pattern")]
    Syntax,
    #[error("more than {PATTERNS} lines, or one of more than {PATTERN_BYTES} bytes")]
    Limit,
}

impl Ignore {
    pub fn parse(text: &str) -> Result<Ignore, IgnoreError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).filter(|line| !line.is_empty());
        let patterns = lines.map(pattern).collect::<Result<Vec<_>, _>>()?;
        if patterns.len() > PATTERNS {
            return Err(IgnoreError::Limit);
        }
        Ok(Ignore { patterns })
    }

    /// Is this path, relative to the context, left out?
    pub fn excludes(&self, path: &str) -> bool {
        let matching = |pattern: &&Pattern| pattern.matches(path);
        self.patterns.iter().rev().find(matching).is_some_and(|pattern| !pattern.includes)
    }

    /// May this excluded directory be passed over unread? Not if a `!` pattern names something below it.
    pub fn skips(&self, dir: &str) -> bool {
        let below = format!("{dir}/");
        let brings_back = |pattern: &Pattern| pattern.includes && format!("{}/", pattern.text).starts_with(&below);
        self.excludes(dir) && !self.patterns.iter().any(brings_back)
    }
}

fn pattern(line: &str) -> Result<Pattern, IgnoreError> {
    let (includes, text) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    if text.is_empty() {
        return Err(IgnoreError::Bare);
    }
    if text.len() > PATTERN_BYTES {
        return Err(IgnoreError::Limit);
    }
    let text = clean(text);
    let glob = Glob::ignore(&text).map_err(|_| IgnoreError::Syntax)?;
    Ok(Pattern { text, glob, includes })
}

/// Go's `filepath.Clean`, then without its leading slash: patterns are relative to the context.
fn clean(text: &str) -> String {
    let rooted = text.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    if names.is_empty() { ".".to_owned() } else { names.join("/") }
}

impl Pattern {
    /// The path, or one of its parents.
    fn matches(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.any(|end| self.glob.matches(&path[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(text: &str, path: &str) -> bool {
        Ignore::parse(text).unwrap().excludes(path)
    }

    #[test]
    fn the_last_matching_line_decides() {
        assert!(excluded("*.md\n!README.md\n", "NOTES.md"));
        assert!(!excluded("*.md\n!README.md\n", "README.md"));
        assert!(excluded("!README.md\n*.md\n", "README.md"));
    }

    #[test]
    fn patterns_are_relative_to_the_context_and_cover_what_is_below() {
        assert!(excluded("/tmp/\n", "tmp/a/b"));
        assert!(!excluded("*.md\n", "docs/a.md"));
        assert!(excluded("**/*.md\n", "docs/a.md"));
        assert!(excluded("node_modules", "node_modules/x/y.js"));
        assert!(!excluded("", "a"));
        assert!(excluded(".git", ".git/config"));
    }

    #[test]
    fn comments_and_blank_lines_are_nothing() {
        assert!(!excluded("# a\n\n   \n", "# a"));
    }

    #[test]
    fn a_file_below_an_excluded_directory_comes_back() {
        let ignore = Ignore::parse("docs\n!docs/keep.txt\n").unwrap();
        assert!(ignore.excludes("docs/a") && !ignore.excludes("docs/keep.txt"));
        assert!(!ignore.skips("docs"), "it must be read to find keep.txt");
        assert!(
            Ignore::parse("docs\n!*.txt\n").unwrap().skips("docs"),
            "as Docker 20.10: only a literal prefix counts"
        );
    }

    #[test]
    fn bad_patterns_have_docker_s_messages() {
        assert_eq!(Ignore::parse("!\n").unwrap_err().to_string(), "illegal exclusion pattern: \"!\"");
        assert_eq!(Ignore::parse("[\n"), Err(IgnoreError::Syntax));
    }

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
        for (patterns, path, left_out) in cases {
            assert_eq!(excluded(patterns, path), *left_out, "{patterns:?} {path:?}");
        }
    }
}
