//! A WebDriver client (W3C WebDriver, level 2) for the few commands these tests use: JSON over one HTTP request each.
//!
//! Written here because a client crate brings an asynchronous runtime and a TLS stack to talk to 127.0.0.1.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ANSWER_TIME: Duration = Duration::from_secs(60);
const START_TIME: Duration = Duration::from_secs(30);

/// Root has no user namespace to put a sandbox in; nothing may call home during a test.
const CHROMIUM: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// chromedriver, ended when dropped.
#[derive(Debug)]
pub struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// `Err` is why this machine cannot.
    pub fn start() -> Result<Driver, String> {
        let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut process = Command::new(&program)
            .args(["--port=0", "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("no chromedriver: {error}"))?;
        // `ChromeDriver was started successfully on port 35187.`
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let port = lines.take(20).find_map(|line| {
            line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').parse().ok()
        });
        match port {
            Some(port) => Ok(Driver { process, port }),
            None => {
                let _ = process.kill();
                let _ = process.wait();
                Err("chromedriver did not say its port".into())
            }
        }
    }

    /// A browser with a fresh profile.
    pub fn browser(&self, dark: bool) -> Result<Browser, String> {
        let mut args: Vec<String> = CHROMIUM.iter().map(|flag| (*flag).into()).collect();
        // Forced colours of the system are not wanted, only the preference.
        args.push(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 }));
        let mut options = json!({ "args": args });
        if let Some(binary) =
            ["/usr/bin/chromium", "/usr/bin/google-chrome"].iter().find(|path| PathBuf::from(path).exists())
        {
            options["binary"] = json!(binary);
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let started = call(self.port, "POST", "/session", Some(&capabilities))?;
        let id = started["sessionId"].as_str().ok_or("chromedriver gave no session")?.to_string();
        Ok(Browser { port: self.port, id })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends the browsers it started when asked; killed, it would leave them.
        let _ = call(self.port, "GET", "/shutdown", None);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One browser window, closed when dropped.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    id: String,
}

impl Browser {
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let path = format!("/session/{}{path}", self.id);
        call(self.port, method, &path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", Some(&json!({ "url": url })));
    }

    pub fn address(&self) -> String {
        self.ask("GET", "/url", None).as_str().unwrap_or_default().to_string()
    }

    pub fn source(&self) -> String {
        self.ask("GET", "/source", None).as_str().unwrap_or_default().to_string()
    }

    pub fn size(&self, width: u32, height: u32) {
        // The viewport, not the window: a headless window has no frame of a fixed size.
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Two frames after the last change of layout: what is shown is then what stays.
    pub fn settled(&self) {
        let frames = "const done = arguments[1]; setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(0))), 300)";
        self.run_async(frames, &Value::Null);
    }

    pub fn devtools(&self, command: &str, params: Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", Some(&json!({ "cmd": command, "params": params })))
    }

    /// Runs the body of a function in the page.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] })))
    }

    /// Runs the body of a function whose last argument is called with the answer.
    pub fn run_async(&self, script: &str, argument: &Value) -> Value {
        self.ask("POST", "/execute/async", Some(&json!({ "script": script, "args": [argument] })))
    }

    /// Waits until an expression holds in the page; panics with what the page shows.
    pub fn until(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + START_TIME;
        while Instant::now() < deadline {
            if self.run(&format!("return !!({expression})")) == json!(true) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let shown = self.run("return document.body.innerText.slice(0, 3000)");
        panic!(
            "waited in vain for {what} ({expression}). Console: {:?}. The page shows:\n{}",
            self.console(),
            shown.as_str().unwrap_or_default()
        );
    }

    /// Types into the first element that matches; keys such as Enter by their WebDriver code points.
    pub fn keys(&self, selector: &str, text: &str) {
        let element = self.ask("POST", "/element", Some(&json!({ "using": "css selector", "value": selector })));
        let id =
            element.as_object().and_then(|found| found.values().next()).and_then(Value::as_str).expect("an element");
        self.ask("POST", &format!("/element/{id}/value"), Some(&json!({ "text": text })));
    }

    /// Clicks the first button or link whose text begins with these words.
    pub fn click(&self, words: &str) {
        let script = format!(
            "const words = {}; const all = [...document.querySelectorAll('button, a')]; \
             const it = all.find(e => e.textContent.trim().startsWith(words) && e.offsetParent !== null); \
             if (it) it.click(); return !!it;",
            json!(words)
        );
        assert_eq!(self.run(&script), json!(true), "there is no button `{words}`");
    }

    /// A PNG as base64.
    pub fn screenshot(&self) -> String {
        self.ask("GET", "/screenshot", None).as_str().unwrap_or_default().to_string()
    }

    /// Errors and warnings the console has had since the last call.
    pub fn console(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", Some(&json!({ "type": "browser" })));
        let serious = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().filter(serious).map(|entry| entry["message"].as_str().unwrap_or_default().to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = call(self.port, "DELETE", &format!("/session/{}", self.id), None);
    }
}

fn call(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        read_answer(BufReader::new(stream))
    };
    let answer = exchange().map_err(|error| format!("chromedriver does not answer: {error}"))?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|error| format!("not JSON: {error}"))?;
    match answer["value"].get("error") {
        Some(kind) if kind.is_string() => Err(format!(
            "{}: {}",
            kind.as_str().unwrap_or_default(),
            answer["value"]["message"].as_str().unwrap_or_default()
        )),
        _ => Ok(answer["value"].clone()),
    }
}

/// chromedriver announces the length of each answer.
fn read_answer(mut stream: impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}
