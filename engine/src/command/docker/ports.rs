//! `-p [IP:][HOST:]CONTAINER[/PROTO]`, checked as the client checks it (go-connections' nat.ParsePortSpec).

use std::net::IpAddr;

pub fn check(spec: &str) -> Result<(), String> {
    let mut parts: Vec<&str> = spec.split(':').collect();
    let container = parts.pop().unwrap_or_default();
    let host = parts.pop().unwrap_or_default();
    let ip = parts.join(":");
    let (container, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
    check_ip(&ip)?;
    if container.is_empty() {
        return Err(format!("No port specified: {spec}<empty>"));
    }
    let inner = port_range(container).ok_or_else(|| format!("Invalid containerPort: {container}"))?;
    if !host.is_empty() {
        let outer = port_range(host).ok_or_else(|| format!("Invalid hostPort: {host}"))?;
        if outer != inner && inner != 0 {
            return Err(format!("Invalid ranges specified for container and host Ports: {container} and {host}"));
        }
    }
    match protocol.to_ascii_lowercase().as_str() {
        "tcp" | "udp" | "sctp" | "" => Ok(()),
        _ => Err(format!("Invalid proto: {protocol}")),
    }
}

fn check_ip(ip: &str) -> Result<(), String> {
    let bare = match ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
        Some(bare) => bare,
        None if ip.contains(':') => {
            return Err(format!("Invalid ip address {ip}: address {ip}:: too many colons in address"));
        }
        None => ip,
    };
    match bare.is_empty() || bare.parse::<IpAddr>().is_ok() {
        true => Ok(()),
        false => Err(format!("Invalid ip address: {bare}")),
    }
}

/// How many ports beyond the first: 0 for `80`, 10 for `8000-8010`.
fn port_range(text: &str) -> Option<u16> {
    let number = |text: &str| match text.chars().all(|c| c.is_ascii_digit()) {
        true => text.parse::<u16>().ok(),
        false => None,
    };
    match text.split_once('-') {
        None => number(text).map(|_| 0),
        Some((low, high)) => number(high)?.checked_sub(number(low)?),
    }
}
