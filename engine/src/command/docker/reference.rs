//! Image references as the client checks them before it asks the daemon: distribution's `reference` package.

use crate::scenario::Era;

const MAX_NAME_BYTES: usize = 255;
const MAX_TAG_BYTES: usize = 128;

/// What is wrong with a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Hexadecimal,
    /// With the name as it would be asked of a registry.
    Uppercase(String),
    Invalid,
    TooLong,
}

impl Problem {
    /// In the client's words.
    pub fn text(&self, era: Era) -> String {
        match (self, era) {
            (Problem::Hexadecimal, _) => {
                "invalid repository name, cannot specify 64-byte hexadecimal strings".to_owned()
            }
            (Problem::Uppercase(_), Era::Course) => {
                "invalid reference format: repository name must be lowercase".to_owned()
            }
            (Problem::Uppercase(name), Era::Today) => {
                format!("invalid reference format: repository name ({name}) must be lowercase")
            }
            (Problem::Invalid, _) => "invalid reference format".to_owned(),
            (Problem::TooLong, _) => "repository name must not be more than 255 characters".to_owned(),
        }
    }
}

/// reference.ParseNormalizedNamed: `[domain/]path[:tag][@digest]`.
pub fn check(text: &str) -> Result<(), Problem> {
    if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Problem::Hexadecimal);
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[name_end..].find(':') {
        Some(colon) => (&rest[..name_end + colon], Some(&rest[name_end + colon + 1..])),
        None => (rest, None),
    };
    let (domain, path) = split_domain(name);
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        let official = domain.is_none_or(|domain| domain == "docker.io") && !path.contains('/');
        return Err(Problem::Uppercase(if official { format!("library/{path}") } else { path.to_owned() }));
    }
    let valid = domain.is_none_or(is_domain)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    if !valid {
        return Err(Problem::Invalid);
    }
    if name.len() > MAX_NAME_BYTES { Err(Problem::TooLong) } else { Ok(()) }
}

/// The first component is a domain if it could not be part of a path: it has a dot or a port, or is `localhost`.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
        Some((first, path)) if first.to_ascii_lowercase() != first => (Some(first), path),
        _ => (None, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (domain, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let digits = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(digits)
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(alphanumeric) || !component.ends_with(alphanumeric) {
        return false;
    }
    let mut separators = component.split(alphanumeric).filter(|part| !part.is_empty());
    separators.all(|part| matches!(part, "." | "_" | "__") || part.chars().all(|c| c == '-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !tag.is_empty()
        && tag.len() <= MAX_TAG_BYTES
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

/// A whole image id, which `run` and `tag` take in place of a reference.
pub fn is_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub fn has_tag(text: &str) -> bool {
    text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'))
}
