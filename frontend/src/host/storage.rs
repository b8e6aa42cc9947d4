//! What stays in the browser: progress and the theme. Nothing leaves it but by export.

use super::window;
use crate::state::Theme;
use crate::view_model::course_map::Progress;

const PROGRESS: &str = "drydock progress";
const THEME: &str = "drydock theme";

fn storage() -> Option<web_sys::Storage> {
    // Private windows and strict settings refuse it: then nothing is kept, and nothing breaks.
    window().local_storage().ok().flatten()
}

pub fn progress() -> Progress {
    let text = storage().and_then(|storage| storage.get_item(PROGRESS).ok().flatten());
    text.and_then(|text| Progress::from_text(&text)).unwrap_or_default()
}

pub fn keep_progress(progress: &Progress) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(PROGRESS, &progress.to_text());
    }
}

pub fn theme() -> Option<Theme> {
    match storage()?.get_item(THEME).ok().flatten()?.as_str() {
        "dark" => Some(Theme::Dark),
        "light" => Some(Theme::Light),
        _ => None,
    }
}

pub fn keep_theme(theme: Theme) {
    let name = if theme == Theme::Dark { "dark" } else { "light" };
    if let Some(storage) = storage() {
        let _ = storage.set_item(THEME, name);
    }
}
