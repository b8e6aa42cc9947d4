//! The site, read into memory once. A request is answered from this map, so no path of a request reaches the disk, and
//! a page never gets files of two builds.

use super::request::Request;
use super::response::Response;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A built course is a few megabytes: more is not a course.
const MAX_SITE_BYTES: usize = 256 * 1024 * 1024;
const MAX_DEPTH: usize = 16;
const HASH_DIGITS: usize = 16;

#[derive(Debug)]
pub struct Site {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    plain: Vec<u8>,
    brotli: Option<Vec<u8>>,
    gzip: Option<Vec<u8>>,
    /// Of the plain content.
    hash: String,
}

impl Site {
    pub fn read(dist: &Path) -> Result<Site, String> {
        let mut contents = BTreeMap::new();
        let mut total = 0;
        collect(dist, "", 0, &mut total, &mut contents)?;
        let mut files = BTreeMap::new();
        let names: Vec<String> = contents.keys().cloned().collect();
        for name in names {
            // In order, a file comes before its siblings: those have been taken when their turn comes.
            let Some(plain) = contents.remove(&name) else { continue };
            let (brotli, gzip) = (contents.remove(&format!("{name}.br")), contents.remove(&format!("{name}.gz")));
            let hash = Sha256::digest(&plain).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            files.insert(name, File { plain, brotli, gzip, hash });
        }
        if !files.contains_key("index.html") {
            return Err(format!("{} holds no index.html: `cargo xtask build` makes it", dist.display()));
        }
        Ok(Site { files })
    }

    /// Answers a GET or HEAD. `token` is put into documents, for the page to use the live API with.
    pub fn answer(&self, request: &Request, token: Option<&str>) -> Response<'_> {
        let asked = request.path.trim_start_matches('/');
        let name = match asked {
            "" => "index.html".to_string(),
            directory if directory.ends_with('/') => format!("{directory}index.html"),
            file => file.to_string(),
        };
        let Some(file) = self.files.get(&name) else {
            // Relative, so that it holds behind a proxy that adds a path.
            return match (self.files.contains_key(&format!("{name}/index.html")), name.rsplit('/').next()) {
                (true, Some(last)) => Response::text(301, "it is a directory").with("Location", format!("{last}/")),
                _ => Response::text(404, "There is no such page. The course begins at /"),
            };
        };
        let response = Response::new(200).with("Content-Type", content_type(&name));
        match token {
            Some(token) if name.ends_with(".html") => {
                let mut response = response.with("Cache-Control", "no-store");
                response.body = with_token(&file.plain, token).into();
                response
            }
            _ => encoded(response, file, &name, request),
        }
    }
}

fn encoded<'a>(response: Response<'a>, file: &'a File, name: &str, request: &Request) -> Response<'a> {
    let accepted = request.field("accept-encoding").unwrap_or_default();
    let (encoding, body) = match (&file.brotli, &file.gzip) {
        (Some(brotli), _) if accepts(accepted, "br") => (Some("br"), brotli),
        (_, Some(gzip)) if accepts(accepted, "gzip") => (Some("gzip"), gzip),
        _ => (None, &file.plain),
    };
    // RFC 9110, 8.8.3.3: the tag of a strong validator differs between encodings.
    let etag = format!("\"{}{}\"", file.hash, encoding.map(|name| format!("-{name}")).unwrap_or_default());
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.field("if-none-match").unwrap_or_default();
    let mut response = response.with("Cache-Control", cache).with("Vary", "Accept-Encoding");
    if known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag) {
        response.status = 304;
        return response.with("ETag", etag);
    }
    if let Some(encoding) = encoding {
        response = response.with("Content-Encoding", encoding);
    }
    response.body = body.as_slice().into();
    response.with("ETag", etag)
}

/// RFC 9110, 12.5.3, without preferences: the first we have is the smallest.
fn accepts(field: &str, coding: &str) -> bool {
    field.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

/// A segment of the name ends in `-` and the hash of the content.
fn is_hashed(name: &str) -> bool {
    name.split('/').any(|segment| {
        let stem = segment.split('.').next().unwrap_or_default();
        stem.rsplit_once('-')
            .is_some_and(|(_, hash)| hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

fn with_token(document: &[u8], token: &str) -> Vec<u8> {
    const END: &[u8] = b"</head>";
    let at = document.windows(END.len()).position(|window| window == END).unwrap_or(0);
    let meta = format!("<meta name=\"drydock-live\" content=\"{token}\">");
    [&document[..at], meta.as_bytes(), &document[at..]].concat()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn collect(
    directory: &Path,
    prefix: &str,
    depth: usize,
    total: &mut usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    let cannot = |what: &Path, error: std::io::Error| format!("cannot read {}: {error}", what.display());
    if depth > MAX_DEPTH {
        return Err(format!("{} is nested too deeply for a site", directory.display()));
    }
    let entries = fs::read_dir(directory).map_err(|error| {
        format!("{}. Make the site with `cargo xtask build`, or name it with --dist", cannot(directory, error))
    })?;
    for entry in entries {
        let entry = entry.map_err(|error| cannot(directory, error))?;
        let (path, name) = (entry.path(), format!("{prefix}{}", entry.file_name().to_string_lossy()));
        let kind = entry.file_type().map_err(|error| cannot(&path, error))?;
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), depth + 1, total, files)?;
        } else if kind.is_file() {
            // Symbolic links are not followed: the site is this directory and nothing else.
            let bytes = fs::read(&path).map_err(|error| cannot(&path, error))?;
            *total += bytes.len();
            if *total > MAX_SITE_BYTES {
                return Err(format!("{} is too large for a site", directory.display()));
            }
            files.insert(name, bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_good() {
        assert!(is_hashed("engine-0123456789abcdef.wasm"));
        assert!(is_hashed("app-0123456789abcdef/app_bg.wasm"));
        assert!(!is_hashed("index.html") && !is_hashed("icons/mark-192.png") && !is_hashed("a-0123456789abcdeg.js"));
    }

    #[test]
    fn an_encoding_is_used_only_if_it_is_accepted() {
        assert!(accepts("gzip, deflate, br", "br") && accepts("gzip;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0", "gzip") && !accepts("", "br") && !accepts("brotli", "br"));
    }
}
