//! One request, read and parsed within limits. Anything unusual is refused rather than guessed.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Request line and header fields together.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// A lesson's inputs, with the files they save.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// From the first byte to the end of the header fields, however slowly they come.
pub const HEAD_TIME: Duration = Duration::from_secs(5);
pub const BODY_TIME: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request.
pub const IDLE_TIME: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
}

#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// Percent-decoded, begins with `/`.
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
    pub keep_alive: bool,
    fields: Vec<(String, String)>,
}

/// Why there is no request.
#[derive(Debug)]
pub enum Refusal {
    /// The peer has gone, or said nothing more: nobody is there to be answered.
    Silence,
    Status(u16, &'static str),
}

impl Request {
    /// The one field of this name; `None` also when it is there twice with different values.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }

    /// The value of a query parameter, as it was sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Reads the next request of a connection. `rest` holds what was read beyond the request before.
pub fn read(stream: &TcpStream, rest: &mut Vec<u8>) -> Result<Request, Refusal> {
    let end = read_head(stream, rest)?;
    let head: Vec<u8> = rest.drain(..end).collect();
    let head = std::str::from_utf8(&head).map_err(|_| Refusal::Status(400, "a header field is not text"))?;
    let mut request = parse(head)?;
    let length = body_length(&request)?;
    let deadline = Instant::now() + BODY_TIME;
    while rest.len() < length {
        if fill(stream, rest, deadline)? == 0 {
            return Err(Refusal::Silence);
        }
    }
    request.body = rest.drain(..length).collect();
    Ok(request)
}

fn read_head(stream: &TcpStream, rest: &mut Vec<u8>) -> Result<usize, Refusal> {
    let mut deadline = None;
    loop {
        if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            return match end + 4 {
                end if end > MAX_HEAD_BYTES => Err(Refusal::Status(431, "the header is too large")),
                end => Ok(end),
            };
        }
        if rest.len() > MAX_HEAD_BYTES {
            return Err(Refusal::Status(431, "the header is too large"));
        }
        let until = match (rest.is_empty(), deadline) {
            (true, _) => Instant::now() + IDLE_TIME,
            (false, None) => *deadline.insert(Instant::now() + HEAD_TIME),
            (false, Some(until)) => until,
        };
        let idle = rest.is_empty();
        match fill(stream, rest, until) {
            Ok(0) => return Err(Refusal::Silence),
            Err(Refusal::Status(408, _)) if idle => return Err(Refusal::Silence),
            other => other?,
        };
    }
}

fn fill(mut stream: &TcpStream, rest: &mut Vec<u8>, deadline: Instant) -> Result<usize, Refusal> {
    const TIME_IS_UP: Refusal = Refusal::Status(408, "the request took too long");
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(TIME_IS_UP);
    }
    let mut buffer = [0; 4096];
    stream.set_read_timeout(Some(left)).map_err(|_| Refusal::Silence)?;
    match stream.read(&mut buffer) {
        Ok(count) => {
            rest.extend_from_slice(&buffer[..count]);
            Ok(count)
        }
        Err(error) if is_timeout(&error) => Err(TIME_IS_UP),
        Err(error) if error.kind() == ErrorKind::Interrupted => fill(stream, rest, deadline),
        Err(_) => Err(Refusal::Silence),
    }
}

pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn parse(head: &str) -> Result<Request, Refusal> {
    const BAD: Refusal = Refusal::Status(400, "this is not an HTTP/1.1 request");
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        _ => return Err(Refusal::Status(405, "only GET, HEAD and POST are understood")),
    };
    let version_1_1 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return Err(Refusal::Status(505, "only HTTP/1.1 is understood")),
    };
    let mut fields = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        // RFC 9112, 5.1 and 5.2: no space before the colon, no folded lines.
        let (name, value) = line.split_once(':').ok_or(BAD)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BAD);
        }
        fields.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = decode(path).filter(|path| path.starts_with('/')).ok_or(BAD)?;
    let mut request = Request { method, path, query: query.into(), body: vec![], keep_alive: version_1_1, fields };
    if request.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        request.keep_alive = false;
    }
    Ok(request)
}

/// RFC 9112, 6.3: a body is only ever announced by one Content-Length here.
fn body_length(request: &Request) -> Result<usize, Refusal> {
    if request.fields.iter().any(|(name, _)| name == "transfer-encoding") {
        return Err(Refusal::Status(411, "a Content-Length is needed"));
    }
    let announced = request.fields.iter().any(|(name, _)| name == "content-length");
    match (request.field("content-length"), request.method) {
        (None, _) if announced => Err(Refusal::Status(400, "two different lengths are announced")),
        (None, Method::Post) => Err(Refusal::Status(411, "a Content-Length is needed")),
        (None, _) => Ok(0),
        (Some(length), _) => match length.parse::<usize>() {
            Ok(length) if length <= MAX_BODY_BYTES => Ok(length),
            Ok(_) => Err(Refusal::Status(413, "the body is too large")),
            Err(_) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Refusal::Status(413, "the body is too large"))
            }
            Err(_) => Err(Refusal::Status(400, "the Content-Length is not a number")),
        },
    }
}

/// Percent-decoding; `None` for what is not UTF-8 or has a broken escape.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> u16 {
        match parse(head).and_then(|request| body_length(&request)) {
            Err(Refusal::Status(status, _)) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_parsed() {
        let request = parse("GET /a%20b?token=x&y=1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n").unwrap();
        assert_eq!((request.path.as_str(), request.parameter("token")), ("/a b", Some("x")));
        assert_eq!((request.field("host"), request.keep_alive), (Some("localhost:1"), true));
        assert!(!parse("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        assert_eq!(status("GET / HTTP/2\r\n\r\n"), 505);
        assert_eq!(status("BREW / HTTP/1.1\r\n\r\n"), 405);
        assert_eq!(status("GET  / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET http://elsewhere/ HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET /%zz HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
    }
}
