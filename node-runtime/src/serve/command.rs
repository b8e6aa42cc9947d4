//! The command line of `serve`: its words, what it prints, and a clean end on Ctrl-C.

use super::files::Site;
use super::guard::Guard;
use super::live::{Hub, Live};
use super::{Api, Server, accept_until};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) const USAGE: &str = "\
usage: node-runtime serve [--dist DIRECTORY] [--port PORT] [--lan]

  --dist DIRECTORY   what `cargo xtask build` made (default: dist)
  --port PORT        default: 8080; 0 takes any that is free
  --lan              serve the page, and only the page, to everybody on the network
";

const WRONG_USE: u8 = 2;
const CANNOT: u8 = 3;

static STOP: AtomicBool = AtomicBool::new(false);

#[derive(Debug, PartialEq, Eq)]
struct Options {
    dist: PathBuf,
    port: u16,
    lan: bool,
}

/// Serves until Ctrl-C. `live` runs lessons on this machine's kernel; without it the page shows recordings.
pub fn command(words: &[String], live: Option<Arc<dyn Live>>) -> ExitCode {
    let options = match parse(words) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{}\nnode-runtime: {message}", USAGE.lines().next().unwrap_or_default());
            return ExitCode::from(WRONG_USE);
        }
    };
    match serve(&options, live) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(CANNOT)
        }
    }
}

fn parse(words: &[String]) -> Result<Options, String> {
    let mut options = Options { dist: "dist".into(), port: 8080, lan: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--dist" => options.dist = value()?.into(),
            "--port" => {
                let port = value()?;
                options.port = port.parse().map_err(|_| format!("`{port}` is not a port: a number up to 65535"))?;
            }
            "--lan" => options.lan = true,
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    Ok(options)
}

fn serve(options: &Options, live: Option<Arc<dyn Live>>) -> Result<(), String> {
    let site = site(&options.dist)?;
    let interface = if options.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let wanted = SocketAddr::new(IpAddr::V4(interface), options.port);
    let listener = TcpListener::bind(wanted)
        .map_err(|error| format!("cannot listen on {wanted}: {error}. Choose another port with --port"))?;
    let address = listener.local_addr().map_err(|error| format!("cannot tell the address: {error}"))?;
    let api = match live {
        Some(live) if !options.lan => {
            let guard = Guard::new().map_err(|error| format!("cannot make a token: {error}"))?;
            Some(Api { guard, hub: Hub::start(live) })
        }
        _ => None,
    };
    announce(address, api.as_ref());
    stop_on_signals();
    let server = Arc::new(Server { site, api, lan: options.lan, connections: AtomicUsize::new(0) });
    accept_until(&STOP, &listener, &server).map_err(|error| format!("cannot go on listening: {error}"))?;
    println!("stopped");
    Ok(())
}

fn site(dist: &Path) -> Result<Site, String> {
    if !dist.is_dir() {
        return Err(format!(
            "there is no site in `{}`: `cargo xtask build` makes dist/ in the tree, which can be copied anywhere; then \
             say --dist DIRECTORY",
            dist.display()
        ));
    }
    Site::read(dist)
}

fn announce(address: SocketAddr, api: Option<&Api>) {
    let port = address.port();
    if address.ip().is_unspecified() {
        println!("Drydock for the classroom, the page only:");
        println!("  http://{}:{port}/", lan_address().unwrap_or(Ipv4Addr::LOCALHOST.into()));
    } else {
        println!("Drydock: http://{address}/");
        match api {
            Some(api) => {
                println!("  beside the simulation: {}", api.hub.kernel());
                println!(
                    "  If the page shows only recordings, the browser runs as another user of this machine. Then open"
                );
                println!("  http://{address}/#live={}", api.guard.token());
            }
            None => println!("  beside the simulation: recordings of a real kernel"),
        }
    }
    println!("Ctrl-C ends it.");
}

/// The address others reach this machine by: the source address of a datagram that is never sent.
fn lan_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // RFC 5737: a documentation address; connect(2) on a datagram socket only chooses a route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The first Ctrl-C ends in order; a second one ends at once (SA_RESETHAND restores the default).
fn stop_on_signals() {
    extern "C" fn stop(_signal: libc::c_int) {
        STOP.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler only stores to an atomic, which is async-signal-safe (signal-safety(7)).
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stop as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESETHAND;
        for signal in [libc::SIGINT, libc::SIGTERM] {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn the_words_of_serve() {
        assert_eq!(parse(&words("")), Ok(Options { dist: "dist".into(), port: 8080, lan: false }));
        let all = Options { dist: "/x".into(), port: 0, lan: true };
        assert_eq!(parse(&words("--port 0 --lan --dist /x")), Ok(all));
        assert_eq!(parse(&words("--port")), Err("`--port` needs a value".into()));
        assert!(parse(&words("--port 70000")).unwrap_err().contains("70000"));
        assert!(parse(&words("--wan")).unwrap_err().contains("--wan"));
    }
}
