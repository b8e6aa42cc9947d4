//! What is sent: a status, header fields, a body.

use std::io::{self, Write};
use std::net::TcpStream;

#[derive(Debug)]
pub struct Response<'a> {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    pub body: std::borrow::Cow<'a, [u8]>,
}

impl<'a> Response<'a> {
    pub fn new(status: u16) -> Response<'a> {
        Response { status, fields: Vec::new(), body: Default::default() }
    }

    /// A line of text for a person.
    pub fn text(status: u16, line: &str) -> Response<'a> {
        let mut response = Response::new(status).with("Content-Type", "text/plain; charset=utf-8");
        response.body = format!("{line}\n").into_bytes().into();
        response.with("Cache-Control", "no-store")
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response<'a> {
        self.fields.push((name, value.into()));
        self
    }

    pub fn send(&self, mut stream: &TcpStream, with_body: bool, keep_alive: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in self.fields.iter().map(|(name, value)| (*name, value.as_str())).chain(ALWAYS) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // RFC 9110, 8.6: no length with 304 unless it is that of the 200 it stands for.
        if self.status != 304 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str(if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
        // One write, so that a small answer is one segment.
        let mut bytes = head.into_bytes();
        if with_body && self.status != 304 {
            bytes.extend_from_slice(&self.body);
        }
        stream.write_all(&bytes)
    }
}

/// The documents carry their own policy; `frame-ancestors` is what a `<meta>` can not say (CSP3, 3.3).
const ALWAYS: [(&str, &str); 5] = [
    ("Content-Security-Policy", "frame-ancestors 'none'; object-src 'none'; base-uri 'self'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
