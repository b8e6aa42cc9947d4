//! `-v SOURCE:TARGET[:MODE]`. The client passes it on as text; the messages are those of the daemon that parses it.

/// (source, target, read-only); without a source it is an anonymous volume.
pub fn parse(spec: &str) -> Result<(String, String, bool), String> {
    let parts: Vec<&str> = spec.split(':').collect();
    if parts.len() > 1 && parts.iter().any(|part| part.is_empty()) {
        return Err(format!("invalid spec: {spec}: empty section between colons"));
    }
    let (source, target, mode) = match parts.as_slice() {
        [target] => ("", *target, "rw"),
        [source, target] => (*source, *target, "rw"),
        [source, target, mode] => (*source, *target, *mode),
        _ => return Err(format!("invalid volume specification: '{spec}'")),
    };
    if !target.starts_with('/') {
        return Err(format!(
            "invalid volume specification: '{spec}': invalid mount config for type {}: invalid mount path: '{target}' mount path must be absolute",
            if source.starts_with('/') { "\"bind\"" } else { "\"volume\"" }
        ));
    }
    let mut read_only = false;
    for option in mode.split(',') {
        match option {
            "ro" => read_only = true,
            // Labels of SELinux and caching on other systems change nothing on this node.
            "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
            _ => return Err(format!("invalid mode: {mode}")),
        }
    }
    Ok((source.to_string(), target.to_string(), read_only))
}
