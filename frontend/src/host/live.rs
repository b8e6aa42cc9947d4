//! The value on a real kernel, live: when `node-runtime serve` gives the page, it runs what was typed on a real node and
//! tells the facts after each input as server-sent events. Other servers give no token, and the recording stays.

use super::{address, document, fetch, window};
use crate::drive::Driver;
use crate::state::Action;
use engine::scenario::Input;
use gloo::events::EventListener;
use gloo::net::http::Request;
use gloo::timers::callback::Timeout;
use lessons::{RecordedPoint, Recording};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventSource, MessageEvent};

/// A pause in typing this long, and the real kernel is asked.
const PAUSE_MS: u32 = 400;

pub struct Live {
    driver: Rc<Driver>,
    token: String,
    lesson: String,
    kernel: RefCell<String>,
    run: Cell<u32>,
    asked: RefCell<Vec<Input>>,
    points: RefCell<Vec<RecordedPoint>>,
    pause: RefCell<Option<Timeout>>,
    listeners: RefCell<Vec<EventListener>>,
}

impl Live {
    /// Nothing, unless whoever serves this page runs real nodes, and can be reached: the page may come from its cache.
    pub fn connect(driver: Rc<Driver>, lesson: String) -> Option<Rc<Live>> {
        let token = token().filter(|_| window().navigator().on_line())?;
        let source = EventSource::new(&address::absolute(&format!("live/events?token={token}"))).ok()?;
        let live = Rc::new(Live {
            driver,
            token,
            lesson,
            kernel: RefCell::default(),
            run: Cell::new(0),
            asked: RefCell::default(),
            points: RefCell::default(),
            pause: RefCell::default(),
            listeners: RefCell::default(),
        });
        let on = |name: &'static str, heard: fn(&Live, &str)| {
            let live = live.clone();
            EventListener::new(&source, name, move |event| {
                if let Some(data) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()) {
                    heard(&live, &data);
                }
            })
        };
        let hello = on("hello", |live, kernel| {
            live.kernel.replace(kernel.to_owned());
        });
        let point = on("point", |live, data| live.point(data));
        live.listeners.replace(vec![hello, point]);
        Some(live)
    }

    /// Asks for the facts after these inputs, once nothing follows for a moment.
    pub fn want(self: &Rc<Self>, inputs: Vec<Input>) {
        if *self.asked.borrow() == inputs {
            return;
        }
        let live = self.clone();
        self.pause.replace(Some(Timeout::new(PAUSE_MS, move || live.ask(inputs))));
    }

    fn ask(&self, inputs: Vec<Input>) {
        self.run.set(self.run.get() + 1);
        self.points.borrow_mut().clear();
        let body = postcard::to_allocvec(&(self.run.get(), &self.lesson, &inputs)).unwrap_or_default();
        self.asked.replace(inputs);
        let url = address::absolute(&format!("live/inputs?token={}", self.token));
        spawn_local(async move {
            let request = Request::post(&url).header("Content-Type", "application/octet-stream");
            // No answer means no live value: the recording is shown, and says that it is one.
            if let Ok(request) = request.body(body) {
                let _ = request.send().await;
            }
        });
    }

    fn point(&self, data: &str) {
        let Some((run, index, point)) = fetch::from_text::<(u32, u32, RecordedPoint)>(data) else { return };
        let mut points = self.points.borrow_mut();
        if run != self.run.get() || index as usize != points.len() {
            return;
        }
        points.push(point);
        if points.len() < self.asked.borrow().len() {
            return;
        }
        self.driver.act(Action::Live(Rc::new(Recording {
            lesson: self.lesson.clone(),
            hash: String::new(),
            kernel: self.kernel.borrow().clone(),
            cgroups: Default::default(),
            date: String::new(),
            architecture: String::new(),
            points: points.clone(),
        })));
    }
}

fn token() -> Option<String> {
    let meta = document().query_selector("meta[name=drydock-live]").ok().flatten();
    let given = meta.and_then(|meta| meta.get_attribute("content"));
    given.or_else(|| address::fragment().strip_prefix("live=").map(str::to_owned)).filter(|token| !token.is_empty())
}
