//! The speaker's notes in a window of their own: the same link with `view=notes`, kept in step by a channel that both
//! windows hear. The window of the lesson tells the moment; that of the notes says where to go.

use super::{address, window};
use gloo::events::EventListener;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

const VIEW: &str = "view=notes";

/// Whether this window is the one with the notes.
pub fn here() -> bool {
    address::query().split('&').any(|pair| pair == VIEW)
}

/// Opens that window; false if the browser does not let it.
pub fn open() -> bool {
    let href = window().location().href().unwrap_or_default();
    let (page, fragment) = href.split_once('#').unwrap_or((&href, ""));
    let joint = if page.contains('?') { '&' } else { '?' };
    let url = format!("{page}{joint}{VIEW}#{fragment}");
    let opened = window().open_with_url_and_target_and_features(&url, "drydock-notes", "popup,width=640,height=720");
    opened.is_ok_and(|opened| opened.is_some())
}

/// What one window says to the other; a line of words each.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The notes are open and want to know where the lesson is.
    Hello,
    On,
    Back,
    /// The lesson is at this step, after this input and event.
    At {
        step: usize,
        input: String,
        event: String,
    },
}

pub fn say(said: &Said) {
    let words = match said {
        Said::Hello => "hello".to_owned(),
        Said::On => "on".to_owned(),
        Said::Back => "back".to_owned(),
        Said::At { step, input, event } => format!("{step}\n{event}\n{input}"),
    };
    if let Some(channel) = channel() {
        let _ = channel.post_message(&JsValue::from_str(&words));
        channel.close();
    }
}

/// Hears what is said until it is dropped.
pub fn hear(heard: impl Fn(Said) + 'static) -> Option<EventListener> {
    let listener = EventListener::new(&channel()?.into(), "message", move |event| {
        let words = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
        if let Some(said) = words.and_then(|words| read(&words)) {
            heard(said);
        }
    });
    Some(listener)
}

fn read(words: &str) -> Option<Said> {
    Some(match words {
        "hello" => Said::Hello,
        "on" => Said::On,
        "back" => Said::Back,
        _ => {
            let mut lines = words.splitn(3, '\n');
            let step = lines.next()?.parse().ok()?;
            Said::At { step, event: lines.next()?.to_owned(), input: lines.next()?.to_owned() }
        }
    })
}

/// One for each lesson of each course on this origin.
fn channel() -> Option<BroadcastChannel> {
    BroadcastChannel::new(&address::absolute(&address::lesson()?)).ok()
}
