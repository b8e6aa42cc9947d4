//! Template text, parsed once into a [`Template`].

use super::{Block, Command, DEPTH, FUNCTIONS, Node, Operand, Pipeline, TEMPLATE_BYTES, Template};
use serde_json::Value;

/// A template, or Go's error.
pub(in crate::docker) fn parse(text: &str, name: &str) -> Result<Template, String> {
    if text.len() > TEMPLATE_BYTES {
        return Err(format!("template: {name}:1: longer than {TEMPLATE_BYTES} bytes"));
    }
    let mut parser = Parser { pieces: pieces(text, name)?.into_iter(), name, depth: 0 };
    let (nodes, end) = parser.list()?;
    match end {
        End::Eof => Ok(Template { nodes }),
        End::Closed => Err(parser.error("unexpected {{end}}")),
        End::Else(_) => Err(parser.error("unexpected {{else}}")),
    }
}

/// Text, or what stands between `{{` and `}}` with its offset.
enum Piece {
    Text(String),
    Action { inner: String, at: usize },
}

enum End {
    Eof,
    Closed,
    /// With the rest of the action: `if …` of an `else if`, and its offset.
    Else(Option<(String, usize)>),
}

fn pieces(text: &str, name: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim_next = false;
    while let Some(open) = text[at..].find("{{") {
        let start = at + open + 2;
        let length = close(&text[start..]).ok_or_else(|| format!("template: {name}:1: unclosed action"))?;
        let mut inner = &text[start..start + length];
        let mut before = &text[at..at + open];
        if trim_next {
            before = before.trim_start();
        }
        let mut offset = start;
        if let Some(rest) = inner.strip_prefix("- ") {
            before = before.trim_end();
            inner = rest;
            offset += 2;
        }
        trim_next = inner.ends_with(" -");
        inner = inner.strip_suffix(" -").unwrap_or(inner);
        pieces.push(Piece::Text(before.to_owned()));
        if !inner.starts_with("/*") {
            pieces.push(Piece::Action { inner: inner.to_owned(), at: offset });
        }
        at = start + length + 2;
    }
    let rest = &text[at..];
    pieces.push(Piece::Text(if trim_next { rest.trim_start() } else { rest }.to_owned()));
    Ok(pieces)
}

/// Where the `}}` is, strings skipped.
fn close(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut i, mut quote) = (0, None);
    while i < bytes.len() {
        match (quote, bytes[i]) {
            (None, b'}') if bytes.get(i + 1) == Some(&b'}') => return Some(i),
            (None, q @ (b'"' | b'`')) => quote = Some(q),
            (Some(b'"'), b'\\') => i += 1,
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
        i += 1;
    }
    None
}

struct Parser<'a> {
    pieces: std::vec::IntoIter<Piece>,
    name: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn list(&mut self) -> Result<(Vec<Node>, End), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) if text.is_empty() => {}
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Action { inner, at } => {
                    let (word, rest) = first_word(&inner);
                    match word {
                        "end" => return Ok((nodes, End::Closed)),
                        "else" if rest.trim().is_empty() => return Ok((nodes, End::Else(None))),
                        "else" => {
                            let at = at + inner.len() - rest.len();
                            return Ok((nodes, End::Else(Some((rest.to_owned(), at)))));
                        }
                        _ => nodes.push(self.action(&inner, at)?),
                    }
                }
            }
        }
        Ok((nodes, End::Eof))
    }

    fn action(&mut self, inner: &str, at: usize) -> Result<Node, String> {
        let (word, rest) = first_word(inner);
        let kind = match word {
            "if" => Block::If,
            "range" => Block::Range,
            "with" => Block::With,
            "define" | "template" | "block" | "break" | "continue" => {
                return Err(self.error(&format!("{{{{{word}}}}} is not simulated")));
            }
            _ => return Ok(Node::Action(self.pipeline(inner, at)?)),
        };
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error(&format!("more than {DEPTH} nested blocks")));
        }
        let pipeline = self.pipeline(rest, at + inner.len() - rest.len())?;
        let (body, end) = self.list()?;
        let otherwise = self.otherwise(end)?;
        self.depth -= 1;
        Ok(Node::Block { kind, pipeline, body, otherwise })
    }

    fn otherwise(&mut self, end: End) -> Result<Vec<Node>, String> {
        match end {
            End::Closed => Ok(Vec::new()),
            End::Eof => Err(self.error("unexpected EOF")),
            End::Else(Some((inner, at))) => Ok(vec![self.action(&inner, at)?]),
            End::Else(None) => match self.list()? {
                (nodes, End::Closed) => Ok(nodes),
                (_, End::Eof) => Err(self.error("unexpected EOF")),
                (_, End::Else(_)) => Err(self.error("expected end; found {{else}}")),
            },
        }
    }

    fn pipeline(&self, text: &str, at: usize) -> Result<Pipeline, String> {
        let mut tokens = self.tokens(text, at)?.into_iter().peekable();
        let pipeline = self.commands(&mut tokens, 0)?;
        match tokens.next() {
            None => Ok(pipeline),
            Some(_) => Err(self.error("unexpected right paren")),
        }
    }

    fn commands(&self, tokens: &mut Tokens, depth: usize) -> Result<Pipeline, String> {
        if depth > DEPTH {
            return Err(self.error(&format!("more than {DEPTH} nested parentheses")));
        }
        let mut commands = Vec::new();
        loop {
            commands.push(self.command(tokens, depth)?);
            match tokens.peek() {
                Some(Token::Pipe) => tokens.next(),
                _ => return Ok(Pipeline(commands)),
            };
        }
    }

    fn command(&self, tokens: &mut Tokens, depth: usize) -> Result<Command, String> {
        let call = match tokens.peek() {
            Some(Token::Word { text, at }) => {
                if !FUNCTIONS.contains(&text.as_str()) {
                    return Err(self.error(&format!("function \"{text}\" not defined")));
                }
                Some((text.clone(), *at))
            }
            _ => None,
        };
        if call.is_some() {
            tokens.next();
        }
        let mut args = Vec::new();
        while let Some(operand) = self.operand(tokens, depth)? {
            args.push(operand);
        }
        match (call, args.len()) {
            (Some((name, at)), _) => Ok(Command::Call { name, args, at }),
            (None, 1) => args.pop().map(Command::Just).ok_or_else(|| self.error("missing value for command")),
            (None, 0) => Err(self.error("missing value for command")),
            (None, _) => Err(self.error("can't give argument to non-function")),
        }
    }

    fn operand(&self, tokens: &mut Tokens, depth: usize) -> Result<Option<Operand>, String> {
        match tokens.peek() {
            None | Some(Token::Pipe | Token::Close) => return Ok(None),
            Some(_) => {}
        }
        Ok(match tokens.next() {
            Some(Token::Literal(value)) => Some(Operand::Literal(value)),
            Some(Token::Field { names, at }) => Some(Operand::Field { names, at }),
            Some(Token::Word { text, at }) if FUNCTIONS.contains(&text.as_str()) => {
                Some(Operand::Nested(Box::new(Pipeline(vec![Command::Call { name: text, args: Vec::new(), at }]))))
            }
            Some(Token::Word { text, .. }) => return Err(self.error(&format!("function \"{text}\" not defined"))),
            Some(Token::Open) => {
                let inner = self.commands(tokens, depth + 1)?;
                match tokens.next() {
                    Some(Token::Close) => Some(Operand::Nested(Box::new(inner))),
                    _ => return Err(self.error("unclosed left paren")),
                }
            }
            _ => None,
        })
    }

    fn tokens(&self, text: &str, at: usize) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        let mut i = 0;
        while let Some(c) = text[i..].chars().next() {
            let rest = &text[i..];
            let length = match c {
                c if c.is_whitespace() => c.len_utf8(),
                '|' | '(' | ')' => {
                    tokens.push(match c {
                        '|' => Token::Pipe,
                        '(' => Token::Open,
                        _ => Token::Close,
                    });
                    1
                }
                '.' => {
                    let length = span(rest, |c| c == '.' || is_name(c));
                    tokens.push(self.field(&rest[..length], at + i)?);
                    length
                }
                '"' | '`' => {
                    let length = string_length(rest).ok_or_else(|| self.error("unterminated quoted string"))?;
                    tokens.push(Token::Literal(self.string(&rest[..length])?));
                    length
                }
                '0'..='9' | '-' => {
                    let length = 1 + span(&rest[1..], |c| c.is_ascii_alphanumeric());
                    let number = rest[..length].parse::<i64>();
                    let number =
                        number.map_err(|_| self.error(&format!("bad number syntax: \"{}\"", &rest[..length])))?;
                    tokens.push(Token::Literal(number.into()));
                    length
                }
                '$' => return Err(self.error("variables are not simulated")),
                c if is_name(c) => {
                    let length = span(rest, is_name);
                    tokens.push(word(&rest[..length], at + i));
                    length
                }
                c => return Err(self.error(&format!("unexpected {} in operand", super::quoted(&c.to_string())))),
            };
            i += length;
        }
        Ok(tokens)
    }

    /// Go gives a chain the place of its second name (parse.go, operand).
    fn field(&self, text: &str, at: usize) -> Result<Token, String> {
        if text == "." {
            return Ok(Token::Field { names: Vec::new(), at });
        }
        let names: Vec<String> = text[1..].split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(self.error("unexpected <.> in operand"));
        }
        let second = if names.len() > 1 { 1 + names[0].len() } else { 0 };
        Ok(Token::Field { names, at: at + second })
    }

    fn string(&self, quoted: &str) -> Result<Value, String> {
        if quoted.starts_with('`') {
            return Ok(quoted.trim_matches('`').into());
        }
        serde_json::from_str(quoted).map_err(|_| self.error("invalid syntax"))
    }

    fn error(&self, what: &str) -> String {
        format!("template: {}:1: {what}", self.name)
    }
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<Token>>;

enum Token {
    Pipe,
    Open,
    Close,
    Literal(Value),
    Field { names: Vec<String>, at: usize },
    Word { text: String, at: usize },
}

fn word(text: &str, at: usize) -> Token {
    match text {
        "true" => Token::Literal(true.into()),
        "false" => Token::Literal(false.into()),
        "nil" => Token::Literal(Value::Null),
        _ => Token::Word { text: text.to_owned(), at },
    }
}

fn first_word(inner: &str) -> (&str, &str) {
    let trimmed = inner.trim_start();
    let length = span(trimmed, is_name);
    (&trimmed[..length], &trimmed[length..])
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn span(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

fn string_length(text: &str) -> Option<usize> {
    let quote = *text.as_bytes().first()?;
    let mut escaped = false;
    for (i, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quote == b'"' => escaped = true,
            byte if byte == quote => return Some(i + 1),
            _ => {}
        }
    }
    None
}
