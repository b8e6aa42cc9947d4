//! Files of the site, as the types they hold.

use super::address;
use gloo::net::http::Request;
use serde::de::DeserializeOwned;

/// Fetches and reads a file; the error says which and why.
pub async fn read<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    let other = |_| format!("{name} could not be read: it is of another version of Drydock; reload the page");
    postcard::from_bytes(&bytes(name).await?).map_err(other)
}

pub async fn bytes(name: &str) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("{name} could not be read: {why}");
    let response = Request::get(&address::asset(name)).send().await.map_err(|_| failed("no answer".into()))?;
    if !response.ok() {
        return Err(failed(format!("HTTP {}", response.status())));
    }
    response.binary().await.map_err(|_| failed("it ended too early".into()))
}
