//! The page of Drydock: shows facts and events, computes none (I8).
//!
//! [`state`] is the one reducer; [`drive`] asks the engine; [`view_model`] turns state into what is shown, without a
//! browser; [`components`], [`scenes`] and [`pages`] are views of that; [`host`] is the browser and the engine's worker;
//! [`link`] packs a session into a URL.

mod app;
mod components;
mod drive;
#[cfg(any(test, feature = "mock"))]
mod fixture;
mod host;
mod link;
mod pages;
mod scenes;
mod state;
mod view_model;

fn main() {
    let document = host::document();
    let Some(root) = document.get_element_by_id("app") else { return };
    yew::Renderer::<app::Root>::with_root(root).render();
    // The text that could be read until now is on the page again, with everything around it.
    if let Some(prerender) = document.get_element_by_id("prerender") {
        prerender.remove();
    }
}
