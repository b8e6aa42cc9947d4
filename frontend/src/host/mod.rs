//! The browser, behind functions that say what they are for: the engine's worker, files, storage, the address.

pub mod address;
pub mod canvas;
pub mod fetch;
pub mod live;
#[cfg(feature = "mock")]
pub mod mock;
pub mod notes;
pub mod storage;
pub mod worker;

use engine::session::{Ask, Reply};
use yew::Callback;

/// Where a session lives. Asks are answered in their order.
pub trait EngineHost {
    /// A trap answers with its message; after it nothing more is answered until [`EngineHost::restart`].
    fn ask(&self, ask: &Ask, then: Callback<Result<Reply, String>>);
    /// Begins to load the engine.
    fn start(&self) {}
    /// Starts over with an empty session.
    fn restart(&self);
}

pub fn window() -> web_sys::Window {
    web_sys::window().expect("the page runs in a window")
}

pub fn document() -> web_sys::Document {
    window().document().expect("a window has a document")
}
