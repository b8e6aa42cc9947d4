//! `node-runtime serve`: the page over HTTP, and the live value of a real kernel beside it.
//!
//! Written by hand on `std::net`, because what is needed is small (GET of a directory held in memory, one event stream,
//! one POST) and what matters is what it refuses: every limit on size, count and time is named here, which the small
//! HTTP crates leave to a proxy in front of them.
//!
//! - [`files`]: the site, read once; a request is a look-up in a map, so no path reaches the disk.
//! - [`request`], [`response`]: the part of HTTP/1.1 (RFC 9112) that browsers use here.
//! - [`guard`]: who may use the live API: Host, Origin, token, and whose browser it is.
//! - [`live`]: a lesson's inputs run on a real node, its facts told as server-sent events.
//!
//! On the loopback interface only, unless `--lan`, which serves the page and nothing but the page.

mod command;
mod connection;
mod files;
mod guard;
mod live;
mod request;
mod response;

#[cfg(test)]
mod tests;

pub(crate) use command::USAGE;
pub use command::command;
pub use live::{Live, Tell};

use files::Site;
use guard::Guard;
use live::Hub;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A classroom of forty browsers with six connections each.
const MAX_CONNECTIONS: usize = 256;
/// How soon a stop is noticed.
const STOP_POLL_MS: i32 = 200;
/// How long a run on a real node may take to end after a stop.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Everything a connection needs.
struct Server {
    site: Site,
    /// `None` with `--lan`, and where there is no kernel to ask.
    api: Option<Api>,
    lan: bool,
    connections: AtomicUsize,
}

struct Api {
    guard: Guard,
    hub: Arc<Hub>,
}

/// Answers until `stop` is set.
fn accept_until(stop: &AtomicBool, listener: &TcpListener, server: &Arc<Server>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => admit(stream, server),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_connection(listener),
            // The peer has gone, or a descriptor is missing for now: neither is a reason to end.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    if let Some(api) = &server.api {
        api.hub.stop(STOP_PATIENCE);
    }
    Ok(())
}

fn admit(stream: TcpStream, server: &Arc<Server>) {
    let ready = stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true));
    if ready.is_err() {
        return;
    }
    if server.connections.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
        connection::refuse(stream);
        server.connections.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let server_of_thread = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("connection".into()).spawn(move || {
        connection::converse(&stream, &server_of_thread);
        server_of_thread.connections.fetch_sub(1, Ordering::Relaxed);
    });
    if spawned.is_err() {
        server.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// poll(2): returns at once when a connection waits or a signal arrives.
fn wait_for_connection(listener: &TcpListener) {
    let mut waited = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one initialised pollfd, which outlives the call.
    unsafe { libc::poll(&raw mut waited, 1, STOP_POLL_MS) };
}
