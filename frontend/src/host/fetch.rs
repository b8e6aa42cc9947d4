//! Files of the site, as the types they hold, and what comes as text.

use super::{address, document, window};
use gloo::net::http::Request;
use serde::de::DeserializeOwned;

/// What the document carries in the element of this id.
pub fn carried<T: DeserializeOwned>(id: &str) -> Option<T> {
    from_text(document().get_element_by_id(id)?.text_content()?.trim())
}

/// base64 of postcard, where only text goes.
pub fn from_text<T: DeserializeOwned>(letters: &str) -> Option<T> {
    let letters = window().atob(letters).ok()?;
    let bytes: Vec<u8> = letters.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect::<Option<_>>()?;
    postcard::from_bytes(&bytes).ok()
}

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
