//! How much room an element has, told again whenever that changes.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver, ResizeObserverEntry};
use yew::prelude::*;

/// The content box of the element in whole pixels; nothing until it is laid out.
#[hook]
pub fn use_room(node: &NodeRef) -> Option<(f64, f64)> {
    let room = use_state(|| None);
    {
        let (node, room) = (node.clone(), room.clone());
        use_effect_with((), move |()| {
            let changed = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
                let entry = entries.get(0).unchecked_into::<ResizeObserverEntry>();
                let rect = entry.content_rect();
                let size = (rect.width().floor(), rect.height().floor());
                if size.0 > 0.0 && size.1 > 0.0 {
                    room.set(Some(size));
                }
            });
            let observer = ResizeObserver::new(changed.as_ref().unchecked_ref()).ok();
            if let (Some(observer), Some(element)) = (&observer, node.cast::<Element>()) {
                observer.observe(&element);
            }
            move || {
                if let Some(observer) = observer {
                    observer.disconnect();
                }
                drop(changed);
            }
        });
    }
    *room
}
