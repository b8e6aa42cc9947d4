//! The address: which page this is, the session in its fragment, and where the site's files are.
//!
//! Every URL is relative to the document's `<base>`, so the site works under any path.

use super::{document, window};
use js_sys::{JSON, Reflect};
use wasm_bindgen::JsValue;

/// The lesson this document is for; none is the map.
///
/// The build makes a document for each lesson; a development server has one for all and takes `?lesson=images/layers`.
pub fn lesson() -> Option<String> {
    let asked = query().split('&').find_map(|pair| pair.strip_prefix("lesson=").map(str::to_owned));
    if asked.is_some() {
        return asked;
    }
    let base = base_path()?;
    let path = window().location().pathname().ok()?;
    let rest = path.strip_prefix(base.as_str())?.strip_prefix("lessons/")?;
    let id = rest.trim_end_matches("index.html").trim_end_matches('/');
    (!id.is_empty()).then(|| id.to_owned())
}

/// The query without its `?`.
pub fn query() -> String {
    window().location().search().unwrap_or_default().trim_start_matches('?').to_owned()
}

fn base_path() -> Option<String> {
    let base = document().base_uri().ok().flatten()?;
    web_sys::Url::new(&base).ok().map(|url| url.pathname())
}

/// The fragment without its `#`.
pub fn fragment() -> String {
    window().location().hash().unwrap_or_default().trim_start_matches('#').to_owned()
}

/// Puts a fragment into the address without a step in the browser's history.
pub fn replace_fragment(fragment: &str) {
    let Ok(href) = window().location().href() else { return };
    let before = href.split('#').next().unwrap_or_default();
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("{before}#{fragment}")));
    }
}

/// The whole address with another fragment: a link to share.
pub fn with_fragment(fragment: &str) -> String {
    let href = window().location().href().unwrap_or_default();
    format!("{}#{fragment}", href.split('#').next().unwrap_or_default())
}

/// Where a lesson is, relative to the base.
pub fn lesson_href(id: &str, fragment: &str) -> String {
    let page = match has_documents() {
        true => format!("lessons/{id}/"),
        false => format!("?lesson={id}"),
    };
    if fragment.is_empty() { page } else { format!("{page}#{fragment}") }
}

/// Where a file of the site is: the build gives names that carry a hash, and a table of them.
pub fn asset(name: &str) -> String {
    let table = table();
    let served = table.and_then(|table| Reflect::get(&table, &JsValue::from_str(name)).ok()?.as_string());
    absolute(&served.unwrap_or_else(|| name.to_owned()))
}

/// Whether the build says that this file exists. Without a table nobody knows before asking.
pub fn has_asset(name: &str) -> bool {
    table().is_none_or(|table| Reflect::has(&table, &JsValue::from_str(name)).unwrap_or(true))
}

pub fn absolute(relative: &str) -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    web_sys::Url::new_with_base(relative, &base).map_or_else(|_| relative.to_owned(), |url| url.href())
}

fn has_documents() -> bool {
    table().is_some()
}

fn table() -> Option<JsValue> {
    let text = document().get_element_by_id("assets")?.text_content()?;
    JSON::parse(&text).ok()
}
