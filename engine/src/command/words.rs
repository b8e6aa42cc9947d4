//! A console line as far as completion and advice need it: its simple commands and their words, with quotes resolved.
//!
//! This is no shell: nothing is expanded and nothing is judged. What cannot be split (an open quote) is a word that
//! goes on to the end of the line.

/// One simple command: what stands between `|`, `&&`, `;` and the like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// Redirections and leading `NAME=value`s left out.
    pub words: Vec<String>,
}

/// The place of the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The words of this simple command before the one at the cursor, as in [`Simple`].
    pub before: Vec<String>,
    /// What has been typed of the word at the cursor, without quotes.
    pub word: String,
    /// Where that word begins in the line.
    pub start: usize,
    /// Where the cursor is.
    pub end: usize,
    /// The word is a file name, as it stands behind `<` or `>`.
    pub redirected: bool,
}

/// The simple commands of a whole line.
pub fn simple_commands(line: &str) -> Vec<Simple> {
    let mut splitter = Splitter::new(line);
    splitter.run();
    splitter.end_command();
    splitter.done
}

/// What is at the cursor, a byte offset that is moved back to the nearest character.
pub fn at_cursor(line: &str, cursor: usize) -> Typed {
    let mut cursor = cursor.min(line.len());
    while !line.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let mut splitter = Splitter::new(&line[..cursor]);
    splitter.run();
    let word = splitter.word.take();
    let (word, start) = word.map_or((String::new(), cursor), |word| (word.text, word.start));
    let redirected = splitter.redirected;
    Typed { before: splitter.words, word, start, end: cursor, redirected }
}

struct Word {
    text: String,
    start: usize,
    /// Part of it was quoted, so it is a word even if it is empty, and no assignment.
    quoted: bool,
}

struct Splitter<'a> {
    line: &'a str,
    done: Vec<Simple>,
    words: Vec<String>,
    word: Option<Word>,
    quote: Option<char>,
    /// The next word is the target of a redirection.
    redirected: bool,
}

impl<'a> Splitter<'a> {
    fn new(line: &'a str) -> Splitter<'a> {
        Splitter { line, done: Vec::new(), words: Vec::new(), word: None, quote: None, redirected: false }
    }

    fn run(&mut self) {
        let mut chars = self.line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match (self.quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => self.quote = None,
                (Some('\''), c) => self.push(at, c),
                (_, '\\') => {
                    // Inside double quotes a backslash only takes the meaning of these characters (POSIX 2.2.3).
                    let next =
                        chars.next_if(|(_, next)| self.quote.is_none() || matches!(next, '"' | '\\' | '$' | '`'));
                    self.open(at).quoted = true;
                    if let Some((_, next)) = next {
                        self.push(at, next);
                    } else if self.quote.is_some() {
                        self.push(at, '\\');
                    }
                }
                (Some(_), c) => self.push(at, c),
                (None, '\'' | '"') => {
                    self.open(at).quoted = true;
                    self.quote = Some(c);
                }
                (None, ' ' | '\t') => self.end_word(),
                (None, '#') if self.word.is_none() => return,
                (None, '|' | ';' | '(' | ')' | '\n') => self.end_command(),
                // `2>&1` and `&>`: part of a redirection.
                (None, '&') if self.redirected && self.word.is_none() => {}
                (None, '&') => self.end_command(),
                (None, '<' | '>') => {
                    let descriptor = |word: &Word| !word.quoted && word.text.chars().all(|c| c.is_ascii_digit());
                    if self.word.as_ref().is_some_and(descriptor) {
                        self.word = None;
                    }
                    self.end_word();
                    self.redirected = true;
                }
                (None, c) => self.push(at, c),
            }
        }
    }

    fn open(&mut self, at: usize) -> &mut Word {
        self.word.get_or_insert_with(|| Word { text: String::new(), start: at, quoted: false })
    }

    fn push(&mut self, at: usize, c: char) {
        self.open(at).text.push(c);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if self.redirected {
            self.redirected = false;
        } else if !(self.words.is_empty() && !word.quoted && is_assignment(&word.text)) {
            self.words.push(word.text);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirected = false;
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.done.push(Simple { words });
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    word.split_once('=').is_some_and(|(left, _)| name(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fall_apart_at_operators() {
        let cases: &[(&str, &[&[&str]])] = &[
            ("ls -l | wc", &[&["ls", "-l"], &["wc"]]),
            ("a && b || c; d & e", &[&["a"], &["b"], &["c"], &["d"], &["e"]]),
            ("echo 'a | b' \"c;d\" e\\ f", &[&["echo", "a | b", "c;d", "e f"]]),
            ("A=1 B=2 cmd C=3", &[&["cmd", "C=3"]]),
            ("a > f 2>&1 b", &[&["a", "b"]]),
            ("a 2>/dev/null <in", &[&["a"]]),
            ("(cd /x; ls)", &[&["cd", "/x"], &["ls"]]),
            ("echo '' x", &[&["echo", "", "x"]]),
            ("echo 'open", &[&["echo", "open"]]),
            ("ls # not | this", &[&["ls"]]),
            ("  ", &[]),
            ("|;&&", &[]),
        ];
        for (line, expected) in cases {
            let words: Vec<Vec<String>> = simple_commands(line).into_iter().map(|simple| simple.words).collect();
            assert_eq!(words, *expected, "{line:?}");
        }
    }

    #[test]
    fn the_word_at_the_cursor_is_found() {
        let cases: &[(&str, &[&str], &str, usize, bool)] = &[
            ("", &[], "", 0, false),
            ("doc", &[], "doc", 0, false),
            ("docker ", &["docker"], "", 7, false),
            ("ls | doc", &[], "doc", 5, false),
            ("ls |", &[], "", 4, false),
            ("cat 'a b", &["cat"], "a b", 4, false),
            ("cat a\\ b", &["cat"], "a b", 4, false),
            ("cat > ou", &["cat"], "ou", 6, true),
            ("cat >ou", &["cat"], "ou", 5, true),
            ("X=1 doc", &[], "doc", 4, false),
        ];
        for (line, before, word, start, redirected) in cases {
            let typed = at_cursor(line, line.len());
            assert_eq!((typed.before.as_slice(), typed.word.as_str()), (&before.map_strings()[..], *word), "{line:?}");
            assert_eq!((typed.start, typed.redirected), (*start, *redirected), "{line:?}");
        }
        assert_eq!(at_cursor("é", 1).word, "");
        assert_eq!(at_cursor("docker run", 3).word, "doc");
    }

    trait Strings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl Strings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|word| word.to_string()).collect()
        }
    }
}
