//! Text to commands, one complete command at a time, with dash's messages.
//!
//! The parser reads a buffer; where the buffer ends inside a construct it says [`Stop::More`], and whoever has more
//! text calls it again with all of it. It never panics on any text and nests at most [`NESTING`] deep.

use super::syntax::*;
use super::word;
use crate::call::Fd;
use std::sync::Arc;

/// Constructs inside one another.
pub const NESTING: u32 = 48;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The text ends inside a construct.
    More,
    Syntax {
        line: u32,
        message: String,
    },
}

/// A complete command (`None`: an empty line or the end) and where the text goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub node: Option<Arc<Node>>,
    pub next: usize,
    pub line: u32,
}

/// The next complete command of `text` from byte `at`. `ends`: no more text will come.
pub fn next_command(text: &str, at: usize, line: u32, ends: bool) -> Result<Parsed, Stop> {
    let mut parser = Parser::new(text.as_bytes(), at, line, ends);
    let node = parser.complete_command()?;
    Ok(Parsed { node, next: parser.at, line: parser.line })
}

/// All of `text`, as one command: what stands between backquotes.
pub fn whole(text: &str, line: u32, depth: u32) -> Result<Option<Arc<Node>>, Stop> {
    let mut parser = Parser::new(text.as_bytes(), 0, line, true);
    parser.depth = depth;
    let node = parser.list(&[])?;
    match parser.peek()? {
        Token::End => Ok(node),
        other => Err(parser.unexpected(&other, None)),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word {
        word: Word,
        /// The word as it is written, if nothing in it is quoted or expanded: it may be reserved.
        plain: Option<String>,
    },
    Op(&'static str),
    /// `>`, `2>&`, …
    Redir {
        fd: Fd,
        op: &'static str,
    },
    Newline,
    End,
}

pub(super) struct Parser<'a> {
    pub(super) src: &'a [u8],
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) ends: bool,
    pub(super) depth: u32,
    /// A token that was looked at: where it ended, and its line.
    peeked: Option<(Token, usize, u32)>,
    /// Where the here-documents of this line end, once one has been read.
    here_end: Option<(usize, u32)>,
}

const OPERATORS: [&str; 9] = ["&&", "||", ";;", "&", "|", ";", "(", ")", "\n"];
const REDIRECTIONS: [&str; 9] = ["<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];
const RESERVED: [&str; 16] =
    ["!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while"];

impl<'a> Parser<'a> {
    fn new(src: &'a [u8], at: usize, line: u32, ends: bool) -> Parser<'a> {
        Parser { src, at, line, ends, depth: 0, peeked: None, here_end: None }
    }

    fn complete_command(&mut self) -> Result<Option<Arc<Node>>, Stop> {
        match self.peek()? {
            Token::Newline => {
                self.take()?;
                return Ok(None);
            }
            Token::End => return Ok(None),
            _ => {}
        }
        let mut parts = Vec::new();
        loop {
            let from = self.at;
            let node = self.and_or()?;
            let separator = self.peek()?;
            let node = self.separated(node, &separator, from)?;
            parts.push(node);
            if matches!(separator, Token::Op(";" | "&")) {
                match self.peek()? {
                    Token::Newline | Token::End => {}
                    _ => continue,
                }
            }
            match self.take()? {
                Token::Newline => break,
                Token::End if self.ends => break,
                Token::End => return Err(Stop::More),
                other => return Err(self.unexpected(&other, None)),
            }
        }
        Ok(Some(sequence(parts)))
    }

    /// Takes `;` or `&` after a command; other separators stay.
    fn separated(&mut self, node: Arc<Node>, separator: &Token, from: usize) -> Result<Arc<Node>, Stop> {
        match separator {
            Token::Op("&") => {
                let until = self.at;
                self.take()?;
                let text = String::from_utf8_lossy(&self.src[from.min(until)..until]);
                Ok(Arc::new(Node::Background(node, text.trim().to_owned())))
            }
            Token::Op(";") => {
                self.take()?;
                Ok(node)
            }
            _ => Ok(node),
        }
    }

    /// Commands up to (not including) one of the reserved words or operators in `until`, or the end of the text.
    pub(super) fn list(&mut self, until: &[&str]) -> Result<Option<Arc<Node>>, Stop> {
        self.enter()?;
        let mut parts = Vec::new();
        loop {
            self.newlines()?;
            let token = self.peek()?;
            if token == Token::End || stops(&token, until) {
                break;
            }
            let from = self.at;
            let node = self.and_or()?;
            let separator = self.peek()?;
            let node = self.separated(node, &separator, from)?;
            parts.push(node);
            if !matches!(separator, Token::Op(";" | "&") | Token::Newline) {
                break;
            }
        }
        self.depth -= 1;
        Ok((!parts.is_empty()).then(|| sequence(parts)))
    }

    fn and_or(&mut self) -> Result<Arc<Node>, Stop> {
        let mut left = self.pipeline()?;
        loop {
            let and = match self.peek()? {
                Token::Op("&&") => true,
                Token::Op("||") => false,
                _ => return Ok(left),
            };
            self.take()?;
            self.newlines()?;
            let right = self.pipeline()?;
            left = Arc::new(if and { Node::And(left, right) } else { Node::Or(left, right) });
        }
    }

    fn pipeline(&mut self) -> Result<Arc<Node>, Stop> {
        let mut not = false;
        while is_reserved(&self.peek()?, "!") {
            self.take()?;
            not = !not;
        }
        let mut parts = vec![self.command()?];
        while self.peek()? == Token::Op("|") {
            self.take()?;
            self.newlines()?;
            parts.push(self.command()?);
        }
        let node = match parts.len() {
            1 => parts.remove(0),
            _ => Arc::new(Node::Pipe(parts)),
        };
        Ok(if not { Arc::new(Node::Not(node)) } else { node })
    }

    fn command(&mut self) -> Result<Arc<Node>, Stop> {
        self.enter()?;
        let token = self.peek()?;
        let node = match reserved(&token) {
            Some("if") => self.if_clause()?,
            Some(word @ ("while" | "until")) => self.loop_clause(word == "until")?,
            Some("for") => self.for_clause()?,
            Some("case") => self.case_clause()?,
            Some("{") => {
                self.take()?;
                let body = self.needed_list(&["}"])?;
                self.expect("}")?;
                body
            }
            Some(_) => return Err(self.unexpected(&token, None)),
            None if token == Token::Op("(") => {
                self.take()?;
                let body = self.needed_list(&[")"])?;
                self.expect(")")?;
                Arc::new(Node::Subshell(body))
            }
            None => {
                let node = self.simple()?;
                self.depth -= 1;
                return Ok(node);
            }
        };
        let mut redirs = Vec::new();
        while let Token::Redir { .. } = self.peek()? {
            redirs.push(self.redirection()?);
        }
        self.depth -= 1;
        Ok(if redirs.is_empty() { node } else { Arc::new(Node::Redirected(node, redirs.into())) })
    }

    fn if_clause(&mut self) -> Result<Arc<Node>, Stop> {
        self.take()?;
        let condition = self.needed_list(&["then"])?;
        self.expect("then")?;
        let then = self.needed_list(&["elif", "else", "fi"])?;
        let otherwise = match reserved(&self.peek()?) {
            Some("elif") => {
                self.enter()?;
                let rest = self.if_clause()?;
                self.depth -= 1;
                return Ok(Arc::new(Node::If { condition, then, otherwise: Some(rest) }));
            }
            Some("else") => {
                self.take()?;
                Some(self.needed_list(&["fi"])?)
            }
            _ => None,
        };
        self.expect("fi")?;
        Ok(Arc::new(Node::If { condition, then, otherwise }))
    }

    fn loop_clause(&mut self, until: bool) -> Result<Arc<Node>, Stop> {
        self.take()?;
        let condition = self.needed_list(&["do"])?;
        let body = self.do_group()?;
        Ok(Arc::new(Node::Loop { until, condition, body }))
    }

    fn do_group(&mut self) -> Result<Arc<Node>, Stop> {
        self.expect("do")?;
        let body = self.needed_list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_clause(&mut self) -> Result<Arc<Node>, Stop> {
        self.take()?;
        let name = match self.take()? {
            Token::Word { plain: Some(name), .. } if is_name(&name) => name,
            Token::End if !self.ends => return Err(Stop::More),
            _ => return Err(self.syntax("Bad for loop variable")),
        };
        self.newlines()?;
        let mut words = None;
        if is_reserved(&self.peek()?, "in") {
            self.take()?;
            let mut list = Vec::new();
            while let Token::Word { word, .. } = self.peek()? {
                self.take()?;
                list.push(word);
            }
            match self.take()? {
                Token::Op(";") | Token::Newline => {}
                other => return Err(self.unexpected(&other, None)),
            }
            words = Some(list);
        } else if self.peek()? == Token::Op(";") {
            self.take()?;
        }
        self.newlines()?;
        let body = self.do_group()?;
        Ok(Arc::new(Node::For { name, words, body }))
    }

    fn case_clause(&mut self) -> Result<Arc<Node>, Stop> {
        self.take()?;
        let word = match self.take()? {
            Token::Word { word, .. } => word,
            other => return Err(self.unexpected(&other, Some("word"))),
        };
        self.newlines()?;
        self.expect("in")?;
        self.newlines()?;
        let mut arms = Vec::new();
        while !is_reserved(&self.peek()?, "esac") {
            if self.peek()? == Token::Op("(") {
                self.take()?;
            }
            let mut patterns = Vec::new();
            loop {
                match self.take()? {
                    Token::Word { word, .. } => patterns.push(word),
                    other => return Err(self.unexpected(&other, None)),
                }
                if self.peek()? != Token::Op("|") {
                    break;
                }
                self.take()?;
            }
            self.expect(")")?;
            let body = self.list(&[";;", "esac"])?;
            arms.push(Arm { patterns, body });
            match self.peek()? {
                Token::Op(";;") => {
                    self.take()?;
                    self.newlines()?;
                }
                token if is_reserved(&token, "esac") => {}
                other => return Err(self.unexpected(&other, Some("\";;\""))),
            }
        }
        self.take()?;
        Ok(Arc::new(Node::Case { word, arms }))
    }

    fn simple(&mut self) -> Result<Arc<Node>, Stop> {
        let line = self.line;
        let (mut assigns, mut words, mut redirs) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match self.peek()? {
                Token::Redir { .. } => redirs.push(self.redirection()?),
                Token::Word { word, plain } => {
                    self.take()?;
                    match word::assignment(&word) {
                        Some(assign) if words.is_empty() => assigns.push(assign),
                        _ => words.push(word),
                    }
                    let first = words.len() == 1 && assigns.is_empty() && redirs.is_empty();
                    if first && self.peek()? == Token::Op("(") {
                        return self.function(plain);
                    }
                }
                token => {
                    if assigns.is_empty() && words.is_empty() && redirs.is_empty() {
                        return Err(self.unexpected(&token, None));
                    }
                    break;
                }
            }
        }
        Ok(Arc::new(Node::Simple(Simple { line, assigns, words, redirs: redirs.into() })))
    }

    fn function(&mut self, name: Option<String>) -> Result<Arc<Node>, Stop> {
        self.take()?;
        self.expect(")")?;
        let Some(name) = name.filter(|name| is_name(name)) else {
            return Err(self.syntax("Bad function name"));
        };
        self.newlines()?;
        let body = self.command()?;
        Ok(Arc::new(Node::Function { name, body }))
    }

    fn redirection(&mut self) -> Result<Redir, Stop> {
        let Token::Redir { fd, op } = self.take()? else { return Err(self.syntax("redirection unexpected")) };
        let word = match self.take()? {
            Token::Word { word, .. } => word,
            other => return Err(self.unexpected(&other, None)),
        };
        let kind = match op {
            "<" => RedirKind::Read,
            ">" | ">|" => RedirKind::Write,
            ">>" => RedirKind::Append,
            "<>" => RedirKind::ReadWrite,
            "<&" | ">&" => {
                let plain = word::plain(&word);
                if plain.is_some_and(|w| w != "-" && !(w.len() == 1 && w.as_bytes()[0].is_ascii_digit())) {
                    return Err(self.syntax("Bad fd number"));
                }
                RedirKind::Dup
            }
            _ => return Ok(Redir { fd, kind: RedirKind::Here, word: self.here_document(&word, op == "<<-")? }),
        };
        Ok(Redir { fd, kind, word })
    }

    /// Reads the body now, from after this line or after the here-document before it; the newline that ends the line
    /// then skips over it.
    fn here_document(&mut self, delimiter: &Word, strip_tabs: bool) -> Result<Word, Stop> {
        let (mut at, mut line) = match self.here_end {
            Some(end) => end,
            None => match self.src[self.at..].iter().position(|&b| b == b'\n') {
                Some(n) => (self.at + n + 1, self.line + 1),
                None if self.ends => (self.src.len(), self.line),
                None => return Err(Stop::More),
            },
        };
        let (end_line, quoted) = word::delimiter(delimiter);
        let mut body = Vec::new();
        loop {
            if at >= self.src.len() {
                if self.ends {
                    break;
                }
                return Err(Stop::More);
            }
            let stop = self.src[at..].iter().position(|&b| b == b'\n').map_or(self.src.len(), |n| at + n + 1);
            if stop == self.src.len() && !self.src.ends_with(b"\n") && !self.ends {
                return Err(Stop::More);
            }
            let mut text = &self.src[at..stop];
            if strip_tabs {
                text = &text[text.iter().take_while(|&&b| b == b'\t').count()..];
            }
            (at, line) = (stop, line + 1);
            if text.strip_suffix(b"\n").unwrap_or(text) == end_line.as_bytes() {
                break;
            }
            body.extend_from_slice(text);
        }
        self.here_end = Some((at, line));
        let body = String::from_utf8_lossy(&body).into_owned();
        if quoted {
            return Ok(Arc::from([Part::Text { text: body, quoted: true }]));
        }
        let mut inner = Parser::new(body.as_bytes(), 0, self.line, true);
        inner.depth = self.depth;
        inner.here_text()
    }

    fn needed_list(&mut self, until: &[&str]) -> Result<Arc<Node>, Stop> {
        match self.list(until)? {
            Some(node) => Ok(node),
            None => {
                let token = self.peek()?;
                let expecting = matches!(token, Token::End).then(|| format!("\"{}\"", until.last().unwrap_or(&"")));
                Err(self.unexpected(&token, expecting.as_deref()))
            }
        }
    }

    pub(super) fn expect_close(&mut self) -> Result<(), Stop> {
        self.expect(")")
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Stop> {
        let token = self.take()?;
        let fits = matches!(&token, Token::Op(op) if *op == wanted) || is_reserved(&token, wanted);
        if fits { Ok(()) } else { Err(self.unexpected(&token, Some(&format!("\"{wanted}\"")))) }
    }

    fn newlines(&mut self) -> Result<(), Stop> {
        while self.peek()? == Token::Newline {
            self.take()?;
        }
        Ok(())
    }

    pub(super) fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > NESTING { Err(self.syntax("too deeply nested")) } else { Ok(()) }
    }

    pub(super) fn syntax(&self, message: &str) -> Stop {
        Stop::Syntax { line: self.line, message: message.to_owned() }
    }

    fn unexpected(&self, token: &Token, expecting: Option<&str>) -> Stop {
        let name = match token {
            Token::End if !self.ends => return Stop::More,
            Token::End => "end of file".to_owned(),
            Token::Newline => "newline".to_owned(),
            Token::Redir { .. } => "redirection".to_owned(),
            Token::Op(op) => format!("\"{op}\""),
            Token::Word { .. } => match reserved(token) {
                Some(word) => format!("\"{word}\""),
                None => "word".to_owned(),
            },
        };
        let expecting = expecting.map(|e| format!(" (expecting {e})")).unwrap_or_default();
        self.syntax(&format!("{name} unexpected{expecting}"))
    }

    fn peek(&mut self) -> Result<Token, Stop> {
        if let Some((token, _, _)) = &self.peeked {
            return Ok(token.clone());
        }
        let (at, line) = (self.skip_blanks(), self.line);
        self.at = at;
        let token = self.lex()?;
        self.peeked = Some((token.clone(), self.at, self.line));
        self.at = at;
        self.line = line;
        Ok(token)
    }

    fn take(&mut self) -> Result<Token, Stop> {
        let token = self.peek()?;
        if let Some((_, at, line)) = self.peeked.take() {
            (self.at, self.line) = (at, line);
        }
        if token == Token::Newline {
            self.here_end = None;
        }
        Ok(token)
    }

    fn lex(&mut self) -> Result<Token, Stop> {
        let rest = &self.src[self.at..];
        if rest.is_empty() {
            return Ok(Token::End);
        }
        if rest[0] == b'\n' {
            match self.here_end {
                Some(end) => (self.at, self.line) = end,
                None => (self.at, self.line) = (self.at + 1, self.line + 1),
            }
            return Ok(Token::Newline);
        }
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let numbered = digits == 1 && matches!(rest.get(1), Some(b'<' | b'>'));
        let from = usize::from(numbered);
        if let Some(op) = REDIRECTIONS.iter().find(|op| rest[from..].starts_with(op.as_bytes())) {
            self.at += from + op.len();
            let default = i32::from(op.starts_with('>'));
            return Ok(Token::Redir { fd: if numbered { i32::from(rest[0] - b'0') } else { default }, op });
        }
        if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(op.as_bytes())) {
            self.at += op.len();
            return Ok(Token::Op(op));
        }
        let word = self.word()?;
        let plain = word::plain(&word).map(str::to_owned);
        Ok(Token::Word { word, plain })
    }

    /// Past blanks, continued lines and a comment.
    fn skip_blanks(&mut self) -> usize {
        let mut at = self.at;
        loop {
            match self.src.get(at) {
                Some(b' ' | b'\t' | b'\r') => at += 1,
                Some(b'\\') if self.src.get(at + 1) == Some(&b'\n') => {
                    at += 2;
                    self.line += 1;
                }
                Some(b'#') => {
                    at += self.src[at..].iter().position(|&b| b == b'\n').unwrap_or(self.src.len() - at);
                }
                _ => return at,
            }
        }
    }
}

fn sequence(mut parts: Vec<Arc<Node>>) -> Arc<Node> {
    if parts.len() == 1 { parts.remove(0) } else { Arc::new(Node::Seq(parts)) }
}

fn reserved(token: &Token) -> Option<&str> {
    match token {
        Token::Word { plain: Some(plain), .. } => RESERVED.iter().find(|r| *r == plain).copied(),
        _ => None,
    }
}

fn is_reserved(token: &Token, word: &str) -> bool {
    reserved(token) == Some(word)
}

fn stops(token: &Token, until: &[&str]) -> bool {
    match token {
        Token::Op(op) => until.contains(op) || matches!(*op, ")" | ";;"),
        _ => reserved(token).is_some_and(|word| until.contains(&word) || closes(word)),
    }
}

/// A reserved word that cannot begin a command ends any list; whoever wanted another says so.
fn closes(word: &str) -> bool {
    matches!(word, "}" | "do" | "done" | "elif" | "else" | "esac" | "fi" | "then")
}
