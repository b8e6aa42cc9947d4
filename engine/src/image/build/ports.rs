//! `EXPOSE` arguments (docker/go-connections `nat.ParsePortSpecs`). A host part is read and thrown away.

use super::BuildError;

/// `90-92/udp` → `90/udp`, `91/udp`, `92/udp`.
pub(super) fn exposed(spec: &str) -> Result<Vec<String>, BuildError> {
    let (ports, protocol) = match spec.split_once('/') {
        Some((ports, "")) => (ports, "tcp".to_owned()),
        Some((ports, protocol)) => (ports, protocol.to_ascii_lowercase()),
        None => (spec, "tcp".to_owned()),
    };
    let (host, container) = ports.rsplit_once(':').map_or(("", ports), |(host, container)| (host, container));
    if container.is_empty() {
        return Err(BuildError::Refused(format!("No port specified: {spec}<empty>")));
    }
    let (first, last) =
        range(container).ok_or_else(|| BuildError::Refused(format!("Invalid containerPort: {container}")))?;
    let host = host.rsplit(':').next().unwrap_or_default();
    if !host.is_empty() && range(host).is_none() {
        return Err(BuildError::Refused(format!("Invalid hostPort: {host}")));
    }
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(BuildError::Refused(format!("Invalid proto: {protocol}")));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}
