//! The engine in its worker: bytes out, bytes back, in order. `static/worker.js` is the other end.

use super::{EngineHost, address};
use engine::session::{Ask, Reply};
use gloo::events::EventListener;
use js_sys::{Object, Reflect, Uint8Array};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker};
use yew::Callback;

type Then = Callback<Result<Reply, String>>;

#[derive(Debug, Default)]
struct Running {
    worker: Option<Worker>,
    listeners: Vec<EventListener>,
    /// Answers still owed, oldest first, with the ask's number.
    owed: VecDeque<(u32, Then)>,
    next: u32,
}

#[derive(Clone, Debug)]
pub struct WorkerHost {
    running: Rc<RefCell<Running>>,
    /// Told once the engine is loaded, or why it can not be.
    loaded: Callback<Result<(), String>>,
}

impl WorkerHost {
    pub fn new(loaded: Callback<Result<(), String>>) -> WorkerHost {
        WorkerHost { running: Rc::default(), loaded }
    }

    fn load(&self) {
        let worker = match Worker::new(&address::asset("worker.js")) {
            Ok(worker) => worker,
            Err(error) => return self.loaded.emit(Err(words(&error))),
        };
        let said = {
            let host = self.clone();
            EventListener::new(&worker, "message", move |event| {
                if let Some(event) = event.dyn_ref::<MessageEvent>() {
                    host.heard(&event.data());
                }
            })
        };
        let failed = {
            let host = self.clone();
            EventListener::new(&worker, "error", move |_| host.failed("the engine’s worker could not be started"))
        };
        let load = Object::new();
        set(&load, "load", &JsValue::from_str(&address::asset("engine.wasm")));
        let _ = worker.post_message(&load);
        let mut running = self.running.borrow_mut();
        running.worker = Some(worker);
        running.listeners = vec![said, failed];
    }

    fn heard(&self, data: &JsValue) {
        if get(data, "ready").is_truthy() {
            return self.loaded.emit(Ok(()));
        }
        let Some(id) = get(data, "id").as_f64() else {
            return self.failed(&get(data, "trap").as_string().unwrap_or_default());
        };
        let answer = match get(data, "trap").as_string() {
            Some(trap) => Err(trap),
            None => {
                let bytes = Uint8Array::new(&get(data, "reply")).to_vec();
                postcard::from_bytes(&bytes).map_err(|error| format!("the engine’s answer can not be read: {error}"))
            }
        };
        let then = {
            let mut running = self.running.borrow_mut();
            let at = running.owed.iter().position(|(owed, _)| f64::from(*owed) == id);
            at.and_then(|at| running.owed.remove(at))
        };
        if let Some((_, then)) = then {
            then.emit(answer);
        }
    }

    fn failed(&self, why: &str) {
        self.loaded.emit(Err(why.to_owned()));
    }
}

impl EngineHost for WorkerHost {
    fn ask(&self, ask: &Ask, then: Then) {
        let mut running = self.running.borrow_mut();
        let id = running.next;
        running.next += 1;
        let message = Object::new();
        let bytes = postcard::to_allocvec(ask).unwrap_or_default();
        set(&message, "id", &JsValue::from(id));
        set(&message, "ask", &Uint8Array::from(bytes.as_slice()));
        if let Some(worker) = &running.worker {
            let _ = worker.post_message(&message);
        }
        running.owed.push_back((id, then));
    }

    fn restart(&self) {
        if let Some(worker) = self.running.borrow_mut().worker.take() {
            worker.terminate();
        }
        self.running.borrow_mut().owed.clear();
        self.load();
    }

    fn start(&self) {
        self.load();
    }
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

fn words(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap_or_else(|| format!("{error:?}"))
}
