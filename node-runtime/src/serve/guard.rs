//! Who may have a lesson run on this kernel: a page that we served, in a browser of the account that started us.
//!
//! Four walls, each against another attack: `Host` (a foreign name that resolves to 127.0.0.1: DNS rebinding), `Origin`
//! (another site's page that posts here), the token (any other program on this machine), and the account at the other
//! end of the connection, before the token is given to it.

use super::request::{Method, Request};
use super::response::Response;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

#[derive(Debug)]
pub struct Guard {
    token: String,
}

impl Guard {
    pub fn new() -> io::Result<Guard> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Guard { token: bytes.iter().map(|byte| format!("{byte:02x}")).collect() })
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Refuses what a page of ours would not send. The Host was checked before.
    pub fn check(&self, request: &Request) -> Result<(), Response<'static>> {
        let ours = request.field("host").map(|host| format!("http://{host}"));
        match (request.field("origin"), request.method) {
            (Some(origin), _) if Some(origin) == ours.as_deref() => {}
            // A page's own GET carries no Origin (Fetch, 3.2); its own POST always does.
            (None, Method::Get) => {}
            _ => return Err(Response::text(403, "This origin may not use the live API.")),
        }
        if request.field("sec-fetch-site").is_some_and(|site| site != "same-origin") {
            return Err(Response::text(403, "Only the page itself may use the live API."));
        }
        match request.parameter("token") {
            Some(token) if same(token.as_bytes(), self.token.as_bytes()) => Ok(()),
            _ => Err(Response::text(403, "The token is missing or wrong: open the address that `serve` printed.")),
        }
    }

    /// The token, for a document that goes to a browser of our own account.
    pub fn token_for(&self, peer: SocketAddr, local: SocketAddr) -> Option<&str> {
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, local) else { return None };
        let table = fs::read_to_string("/proc/net/tcp").ok()?;
        let uid = uid_of(&table, peer, local)?;
        own_accounts().contains(&uid).then_some(self.token.as_str())
    }
}

/// Names of the loopback interface. A page under any other name is not ours, whatever it resolves to.
pub fn is_loopback_name(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == Ipv4Addr::LOCALHOST.to_string() || name.eq_ignore_ascii_case("localhost")
}

/// Ours, and the one that called sudo(8).
fn own_accounts() -> Vec<u32> {
    // SAFETY: geteuid(2) always succeeds and touches no memory of ours.
    let own = unsafe { libc::geteuid() };
    let before_sudo = std::env::var("SUDO_UID").ok().filter(|_| own == 0).and_then(|uid| uid.parse().ok());
    std::iter::once(own).chain(before_sudo).collect()
}

/// The account that owns the other end of a connection on this machine: proc_pid_net(5), `/proc/net/tcp`.
fn uid_of(table: &str, peer: SocketAddrV4, local: SocketAddrV4) -> Option<u32> {
    // Addresses are printed as the number the four bytes make in the machine's order.
    let shown = |address: SocketAddrV4| {
        let number = u32::from_ne_bytes(address.ip().octets());
        format!("{number:08X}:{:04X}", address.port())
    };
    let (peer, local) = (shown(peer), shown(local));
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_it = columns.next() == Some(&peer) && columns.next() == Some(&local);
        is_it.then(|| columns.nth(4)?.parse().ok()).flatten()
    })
}

/// Takes as long for a wrong token as for the right one.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_interface_pass() {
        for name in ["127.0.0.1:8080", "localhost", "LOCALHOST:1"] {
            assert!(is_loopback_name(Some(name)), "{name}");
        }
        for name in ["", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:80"] {
            assert!(!is_loopback_name(Some(name)), "{name}");
        }
        assert!(!is_loopback_name(None));
    }

    #[test]
    fn the_account_at_the_other_end_is_read_from_the_kernel() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let guard = Guard::new().unwrap();
        assert_eq!(guard.token_for(peer, server.local_addr().unwrap()), Some(guard.token()));
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, server.local_addr().unwrap()) else { panic!() };
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(uid_of(&table, local, peer), uid_of(&table, peer, local));
        assert_eq!(uid_of(&table, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1), local), None);
    }
}
