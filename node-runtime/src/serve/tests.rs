//! The server over real sockets: what it serves, and above all what it refuses.

use super::guard::Guard;
use super::live::{Hub, Live, MAX_STREAMS, Tell};
use super::request::{HEAD_TIME, MAX_BODY_BYTES, MAX_HEAD_BYTES};
use super::{Api, Server, Site, accept_until};
use engine::fact::Value;
use engine::scenario::Input;
use lessons::RecordedPoint;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Answers each input with one fact; `fail` fails.
struct Echo;

impl Live for Echo {
    fn kernel(&self) -> String {
        "Linux 6.1 (a test)".into()
    }

    fn run(&self, lesson: &str, inputs: &[Input], tell: &mut Tell<'_>) -> Result<(), String> {
        if lesson == "fail" {
            return Err("This kernel has no overlayfs.".into());
        }
        for input in inputs {
            let changed = vec![("console".to_string(), Some(Value::Int(1)))];
            if !tell(RecordedPoint { input: input.clone(), changed }) {
                break;
            }
        }
        Ok(())
    }
}

/// A server on a port of its own, ended when dropped.
struct Running {
    address: SocketAddr,
    token: String,
    directory: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(lan: bool) -> Running {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("drydock-serve-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        let dist = directory.join("dist");
        fs::create_dir_all(dist.join("lessons/images")).unwrap();
        fs::write(directory.join("secret"), "outside").unwrap();
        fs::write(dist.join("index.html"), "<head></head>map").unwrap();
        fs::write(dist.join("lessons/images/index.html"), "<head></head>lesson").unwrap();
        fs::write(dist.join("a-0123456789abcdef.js"), "plain").unwrap();
        fs::write(dist.join("a-0123456789abcdef.js.br"), "brotli").unwrap();
        fs::write(dist.join("a-0123456789abcdef.js.gz"), "gzip").unwrap();
        std::os::unix::fs::symlink(directory.join("secret"), dist.join("link")).unwrap();
        let site = Site::read(&dist).unwrap();
        let guard = Guard::new().unwrap();
        let token = guard.token().to_string();
        let api = (!lan).then(|| Api { guard, hub: Hub::start(Arc::new(Echo)) });
        let server = Arc::new(Server { site, api, lan, connections: AtomicUsize::new(0) });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = Some(std::thread::spawn(move || accept_until(&stopped, &listener, &server).unwrap()));
        Running { address, token, directory, stop, thread }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes on a fresh connection and reads to the end.
    fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may refuse before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, target: &str, fields: &str) -> String {
        self.say(
            format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n", self.address).as_bytes(),
        )
    }

    fn post(&self, token: &str, fields: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /live/inputs?token={token} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n",
            self.address,
            body.len()
        );
        self.say(&[head.as_bytes(), body].concat())
    }

    /// The fields of a POST that the page itself sends.
    fn ours(&self) -> String {
        format!("Origin: http://{}\r\nContent-Type: application/octet-stream\r\n", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        let _ = fs::remove_dir_all(&self.directory);
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn job(lesson: &str, inputs: &[&str]) -> Vec<u8> {
    let inputs: Vec<Input> = inputs.iter().map(|line| Input::Line((*line).into())).collect();
    postcard::to_allocvec(&(7u32, lesson, inputs)).unwrap()
}

#[test]
fn the_site_is_served_with_types_encodings_and_tags() {
    let server = Running::start(true);
    let page = server.get("/", "");
    assert!(page.ends_with("map") && page.contains("text/html") && page.contains("no-cache"), "{page}");
    assert!(server.get("/lessons/images/", "").ends_with("lesson"));
    let moved = server.get("/lessons/images", "");
    assert!(status(&moved) == 301 && moved.contains("Location: images/\r\n"), "{moved}");
    let name = "/a-0123456789abcdef.js";
    let script = server.get(name, "Accept-Encoding: gzip, br\r\n");
    assert!(script.ends_with("brotli") && script.contains("Content-Encoding: br") && script.contains("immutable"));
    assert!(server.get(name, "Accept-Encoding: gzip\r\n").ends_with("gzip"));
    assert!(server.get(name, "").ends_with("plain"));
    let tag = script.split("ETag: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap();
    let again = server.get(name, &format!("Accept-Encoding: br\r\nIf-None-Match: {tag}\r\n"));
    assert!(status(&again) == 304 && again.ends_with("\r\n\r\n"), "{again}");
    let head = server.say(b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(status(&head) == 200 && head.contains("Content-Length: 16") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn requests_follow_one_another_on_a_connection() {
    let server = Running::start(false);
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answers = server.say([request.as_str(), &request, &last].concat().as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[test]
fn no_path_leads_out_of_the_site() {
    let server = Running::start(false);
    for target in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "//secret", "/lessons/../../secret", "/link", "/%00"]
    {
        let answer = server.get(target, "");
        assert!(status(&answer) == 404 && !answer.contains("outside"), "{target}: {answer}");
    }
    assert_eq!(status(&server.get("/\\..\\secret", "")), 404);
}

#[test]
fn a_foreign_host_gets_nothing() {
    let server = Running::start(false);
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        for target in ["/", "/live/events?token=x"] {
            let answer =
                server.say(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
            assert!(status(&answer) == 421 && !answer.contains(&server.token), "{answer}");
        }
    }
    assert_eq!(status(&server.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")), 421);
    let two = format!("GET / HTTP/1.1\r\nHost: {}\r\nHost: evil.example\r\nConnection: close\r\n\r\n", server.address);
    assert_eq!(status(&server.say(two.as_bytes())), 421);
}

#[test]
fn the_live_api_wants_our_origin_and_the_token() {
    let server = Running::start(false);
    let (token, ours, body) = (server.token.as_str(), server.ours(), job("images/layers", &["ls"]));
    assert_eq!(status(&server.post(token, &ours, &body)), 202);
    assert_eq!(status(&server.post("", &ours, &body)), 403);
    assert_eq!(status(&server.post(&token.replace(|_| true, "0"), &ours, &body)), 403);
    let other = ours.replace(&server.address.to_string(), "evil.example");
    assert_eq!(status(&server.post(token, &other, &body)), 403);
    assert_eq!(status(&server.post(token, "Content-Type: application/octet-stream\r\n", &body)), 403);
    assert_eq!(status(&server.post(token, &format!("{ours}Sec-Fetch-Site: cross-site\r\n"), &body)), 403);
    assert_eq!(status(&server.post(token, &ours.replace("application/octet-stream", "text/plain"), &body)), 415);
    assert_eq!(status(&server.post(token, &ours, b"\xff\xff\xff\xff\xff\xff")), 400);
    assert_eq!(status(&server.get("/live/events", "")), 403);
    assert_eq!(status(&server.get("/live/events?token=0", "")), 403);
    assert_eq!(status(&server.get(&format!("/live/events?token={token}"), "Origin: http://evil.example\r\n")), 403);
    assert_eq!(status(&server.get(&format!("/live/other?token={token}"), "")), 404);
}

#[test]
fn the_token_is_in_the_page_of_our_own_account_only() {
    let server = Running::start(false);
    let page = server.get("/", "");
    let meta = format!("<meta name=\"drydock-live\" content=\"{}\"></head>", server.token);
    assert!(page.contains(&meta) && page.contains("no-store"), "{page}");
    assert!(!server.get("/a-0123456789abcdef.js", "").contains(&server.token));
}

#[test]
fn a_classroom_gets_the_page_and_only_the_page() {
    let server = Running::start(true);
    assert_eq!(status(&server.say(b"GET / HTTP/1.1\r\nHost: teacher.local\r\nConnection: close\r\n\r\n")), 200);
    assert!(!server.get("/", "").contains("drydock-live"));
    assert_eq!(status(&server.get("/live/events?token=x", "")), 404);
    let post = server.post("x", &server.ours(), &job("images/layers", &["ls"]));
    assert!(matches!(status(&post), 404 | 405), "{post}");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let server = Running::start(false);
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}\r\n\r\n", server.address, "x".repeat(MAX_HEAD_BYTES));
    assert_eq!(status(&server.say(long.as_bytes())), 431);
    let endless = "x".repeat(MAX_HEAD_BYTES + 5000);
    assert_eq!(status(&server.say(endless.as_bytes())), 431);
    let announced = format!(
        "POST /live/inputs?token={} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n",
        server.token,
        server.address,
        server.ours(),
        MAX_BODY_BYTES + 1
    );
    assert_eq!(status(&server.say(announced.as_bytes())), 413);
}

#[test]
fn a_slow_client_is_cut_off_and_holds_up_nobody() {
    let server = Running::start(false);
    let begun = Instant::now();
    let mut slow = server.connect();
    slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(status(&server.get("/", "")), 200);
    // A byte now and then does not extend its time.
    let mut writer = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while begun.elapsed() < HEAD_TIME * 2 && writer.write_all(b"X").is_ok() {
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let mut answer = String::new();
    let _ = slow.read_to_string(&mut answer);
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(begun.elapsed() >= HEAD_TIME && begun.elapsed() < HEAD_TIME * 2, "{:?}", begun.elapsed());
    drop(slow);
    drip.join().unwrap();
}

#[test]
fn facts_of_a_run_reach_the_page_as_events() {
    let server = Running::start(false);
    let mut stream = server.connect();
    let target = format!("GET /live/events?token={} HTTP/1.1\r\nHost: {}\r\n\r\n", server.token, server.address);
    stream.write_all(target.as_bytes()).unwrap();
    let mut heard = String::new();
    // Everything heard so far, once `text` is in it.
    let mut until = |text: &str| {
        let mut buffer = [0; 1024];
        while !heard.contains(text) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "ended before {text}: {heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        heard.clone()
    };
    until("Content-Type: text/event-stream\r\n");
    assert!(until("(a test)\n\n").contains("event: hello\ndata: Linux 6.1"));
    assert_eq!(status(&server.post(&server.token, &server.ours(), &job("images/layers", &["ls", "ps"]))), 202);
    let events = until("event: done\ndata: ");
    assert_eq!(events.matches("event: point\ndata: ").count(), 2, "{events}");
    assert_eq!(status(&server.post(&server.token, &server.ours(), &job("fail", &[]))), 202);
    until("event: failed\ndata: ");
}

#[test]
fn a_closed_page_makes_room_for_another() {
    let server = Running::start(false);
    let listen = || {
        let mut stream = server.connect();
        let target = format!("GET /live/events?token={} HTTP/1.1\r\nHost: {}\r\n\r\n", server.token, server.address);
        stream.write_all(target.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        (stream, status(&String::from_utf8_lossy(&answer)))
    };
    let open: Vec<_> = (0..MAX_STREAMS).map(|_| listen()).collect();
    assert!(open.iter().all(|(_, status)| *status == 200));
    assert_eq!(listen().1, 503);
    drop(open);
    let deadline = Instant::now() + Duration::from_secs(10);
    while listen().1 != 200 {
        assert!(Instant::now() < deadline, "closed pages still hold their streams");
        std::thread::sleep(Duration::from_millis(100));
    }
}
