//! One connection: its requests in turn, each answered by the site or, on the loopback interface, the live API.

use super::guard::is_loopback_name;
use super::live::Job;
use super::request::{self, Method, Refusal, Request};
use super::response::Response;
use super::{Api, Server};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// A peer that takes nothing for this long is gone.
const WRITE_TIME: Duration = Duration::from_secs(10);
const MAX_REQUESTS: u32 = 1000;
/// Less than what proxies and browsers wait for.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon a closed page is noticed, whose stream another page may need.
const GLANCE: Duration = Duration::from_millis(250);

pub fn refuse(stream: TcpStream) {
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    let _ = Response::text(503, "Too many connections: try again in a moment.").send(&stream, true, false);
}

/// Answers until either side has enough. Errors of the connection end it: nobody is left to be told.
pub fn converse(stream: &TcpStream, server: &Server) {
    if stream.set_write_timeout(Some(WRITE_TIME)).is_err() {
        return;
    }
    let mut rest = Vec::new();
    for _ in 0..MAX_REQUESTS {
        let request = match request::read(stream, &mut rest) {
            Ok(request) => request,
            Err(Refusal::Silence) => return,
            Err(Refusal::Status(status, line)) => {
                let _ = Response::text(status, line).send(stream, true, false);
                return leave(stream);
            }
        };
        let response = match answer(stream, server, &request) {
            Answer::Response(response) => response,
            Answer::Stream(api) => return events(stream, api),
        };
        let sent = response.send(stream, request.method != Method::Head, request.keep_alive);
        if sent.is_err() || !request.keep_alive {
            return leave(stream);
        }
    }
}

enum Answer<'a> {
    Response(Response<'a>),
    Stream(&'a Api),
}

fn answer<'a>(stream: &TcpStream, server: &'a Server, request: &Request) -> Answer<'a> {
    if !server.lan && !is_loopback_name(request.field("host")) {
        let line = "This server answers to 127.0.0.1 and localhost only.";
        return Answer::Response(Response::text(421, line));
    }
    match (request.path.strip_prefix("/live/"), &server.api) {
        (Some(name), Some(api)) => match live(api, name, request) {
            Ok(answer) => answer,
            Err(response) => Answer::Response(response),
        },
        (None, _) if request.method == Method::Post => {
            let response = Response::text(405, "The page can only be read.");
            Answer::Response(response.with("Allow", "GET, HEAD"))
        }
        (_, api) => {
            let token = api.as_ref().and_then(|api| {
                let (peer, local) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
                api.guard.token_for(peer, local)
            });
            Answer::Response(server.site.answer(request, token))
        }
    }
}

fn live<'a>(api: &'a Api, name: &str, request: &Request) -> Result<Answer<'a>, Response<'static>> {
    match (name, request.method) {
        ("events", Method::Get) => {
            api.guard.check(request)?;
            Ok(Answer::Stream(api))
        }
        ("inputs", Method::Post) => {
            api.guard.check(request)?;
            // A form of another site can not send this type without asking first (Fetch, CORS-safelisted).
            if request.field("content-type") != Some("application/octet-stream") {
                return Err(Response::text(415, "The body must be application/octet-stream."));
            }
            let job = Job::parse(&request.body).map_err(|message| Response::text(400, message))?;
            api.hub.ask(job);
            Ok(Answer::Response(Response::text(202, "It will be run.")))
        }
        ("events", _) => Err(Response::text(405, "Events are read with GET.").with("Allow", "GET")),
        ("inputs", _) => Err(Response::text(405, "Inputs are sent with POST.").with("Allow", "POST")),
        _ => Err(Response::text(404, "There is nothing here.")),
    }
}

/// Server-sent events until the page goes or falls behind.
fn events(mut stream: &TcpStream, api: &Api) {
    let Some(receiver) = api.hub.listen() else {
        let _ = Response::text(503, "Too many pages are listening.").send(stream, true, false);
        return leave(stream);
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let mut quiet = Instant::now();
    loop {
        let written = match receiver.recv_timeout(GLANCE) {
            Ok(event) => stream.write_all(event.as_bytes()),
            Err(RecvTimeoutError::Timeout) if has_gone(stream) => return,
            Err(RecvTimeoutError::Timeout) if quiet.elapsed() < HEARTBEAT => continue,
            Err(RecvTimeoutError::Timeout) => stream.write_all(b": \n\n"),
            Err(RecvTimeoutError::Disconnected) => return leave(stream),
        };
        quiet = Instant::now();
        if written.is_err() {
            return;
        }
    }
}

/// Whether the page at the other end was closed: it says nothing on this connection any more, unless it ends it.
fn has_gone(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let restored = stream.set_nonblocking(false);
    match peeked {
        Ok(count) => count == 0 || restored.is_err(),
        Err(error) => !request::is_timeout(&error) || restored.is_err(),
    }
}

/// Closes so that an answer which is still under way arrives: reading what is left avoids a reset (RFC 9112, 9.6).
fn leave(mut stream: &TcpStream) {
    const MAX_LEFT_READS: u32 = 64;
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let mut buffer = [0; 4096];
    for _ in 0..MAX_LEFT_READS {
        match std::io::Read::read(&mut stream, &mut buffer) {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
}
