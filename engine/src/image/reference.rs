//! Names of images: `ubuntu` is `docker.io/library/ubuntu:latest` (docker/distribution `reference`).

use super::Digest;
use std::fmt;

/// A normalised name with a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `docker.io`, `localhost:5000`
    pub domain: String,
    /// `library/ubuntu`
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("invalid reference format")]
    Format,
    #[error("invalid reference format: repository name must be lowercase")]
    UpperCase,
    #[error("repository name must not be more than {NAME_BYTES} characters")]
    LongName,
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    #[error("refusing to create an ambiguous tag using digest algorithm as name")]
    DigestAlgorithm,
}

const NAME_BYTES: usize = 255;
const TAG_BYTES: usize = 128;
const DEFAULT_DOMAIN: &str = "docker.io";
const OFFICIAL: &str = "library/";

impl Reference {
    /// What a person typed; without a tag or digest it is given `latest`.
    pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
        let mut reference = Reference::parse_name(text)?;
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some("latest".to_owned());
        }
        Ok(reference)
    }

    /// As [`Reference::parse`] for a new name: `sha256:…` would hide the image with that id.
    pub fn parse_new(text: &str) -> Result<Reference, ReferenceError> {
        let reference = Reference::parse(text)?;
        if reference.path == "library/sha256" { Err(ReferenceError::DigestAlgorithm) } else { Ok(reference) }
    }

    /// `docker.io/library/ubuntu:latest`, as BuildKit names it.
    pub fn whole(&self) -> String {
        let shown = self.to_string();
        let rest = shown.strip_prefix(&self.repository()).unwrap_or_default();
        format!("{}/{}{rest}", self.domain, self.path)
    }

    fn parse_name(text: &str) -> Result<Reference, ReferenceError> {
        if Digest::from_hex(text).is_some() {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (domain, rest) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (DEFAULT_DOMAIN, text),
        };
        let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { domain };
        let rest = match domain == DEFAULT_DOMAIN && !rest.contains('/') {
            true => format!("{OFFICIAL}{rest}"),
            false => rest.to_owned(),
        };
        let name_end = rest.find(':').unwrap_or(rest.len());
        if rest[..name_end].chars().any(|c| c.is_uppercase()) {
            return Err(ReferenceError::UpperCase);
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest.to_owned(), Some(Digest::parse(digest).ok_or(ReferenceError::Format)?)),
            None => (rest, None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) if is_tag(tag) => (path.to_owned(), Some(tag.to_owned())),
            Some(_) => return Err(ReferenceError::Format),
            None => (rest, None),
        };
        if !is_domain(domain) || !path.split('/').all(is_component) {
            return Err(ReferenceError::Format);
        }
        if domain.len() + 1 + path.len() > NAME_BYTES {
            return Err(ReferenceError::LongName);
        }
        Ok(Reference { domain: domain.to_owned(), path, tag, digest })
    }

    /// The name as it is shown: `ubuntu`, `me/tool`, `localhost:5000/x`.
    pub fn repository(&self) -> String {
        match (self.domain.as_str(), self.path.strip_prefix(OFFICIAL)) {
            (DEFAULT_DOMAIN, Some(short)) => short.to_owned(),
            (DEFAULT_DOMAIN, None) => self.path.clone(),
            (domain, _) => format!("{domain}/{}", self.path),
        }
    }
}

/// As Docker shows it: `ubuntu:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// `[\w][\w.-]{0,127}`
fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= TAG_BYTES && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = component.split(letter).filter(|separator| !separator.is_empty());
    component.starts_with(letter)
        && component.ends_with(letter)
        && separators.all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
}

/// Labels with dots between and perhaps a port.
fn is_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').map_or((domain, "0"), |(host, port)| (host, port));
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(inner) && label.ends_with(inner) && label.chars().all(|c| inner(c) || c == '-')
    };
    host.split('.').all(label) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_names_are_one_image() {
        let names = ["ubuntu", "ubuntu:latest", "docker.io/library/ubuntu:latest", "index.docker.io/ubuntu"];
        for name in names {
            assert_eq!(Reference::parse(name).unwrap().to_string(), "ubuntu:latest", "{name}");
        }
        assert_eq!(Reference::parse("localhost:5000/x").unwrap().to_string(), "localhost:5000/x:latest");
        assert_eq!(Reference::parse("me/tool:1.0-rc_1").unwrap().repository(), "me/tool");
        let digest = format!("a@sha256:{}", "0".repeat(64));
        assert_eq!(Reference::parse(&digest).unwrap().to_string(), digest);
    }

    #[test]
    fn bad_names_are_refused_in_docker_s_words() {
        // Recorded with `docker tag`, Docker 20.10.24.
        let format = "invalid reference format";
        let lower = "invalid reference format: repository name must be lowercase";
        let long = "a".repeat(300);
        let tag = format!("x:{}", "a".repeat(129));
        let cases = [
            ("Bad", lower),
            ("a b", format),
            ("a:b:c", format),
            ("-a", format),
            ("a//b", format),
            ("busybox:", format),
            ("", format),
            ("!!", format),
            ("a/B/c", lower),
            (long.as_str(), "repository name must not be more than 255 characters"),
            (tag.as_str(), format),
        ];
        for (name, message) in cases {
            assert_eq!(Reference::parse(name).unwrap_err().to_string(), message, "{name}");
        }
        let id = "d202a0eeb2518f6b34932969e59dd579462f5bc5ab8c590baf6c985a62e9d481";
        let expected = format!("invalid repository name ({id}), cannot specify 64-byte hexadecimal strings");
        assert_eq!(Reference::parse(id).unwrap_err().to_string(), expected);
        assert_eq!(Reference::parse_new("sha256:abc"), Err(ReferenceError::DigestAlgorithm));
    }
}
