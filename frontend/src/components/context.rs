//! What every component may use: the state, and who carries out wishes.

use crate::drive::Driver;
use crate::host::canvas::Ruler;
use crate::state::{Action, App};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Clone)]
pub struct Session {
    pub driver: Rc<Driver>,
    pub ruler: Rc<Ruler>,
}

#[derive(Clone)]
pub struct Context {
    pub app: Rc<App>,
    pub session: Session,
}

impl PartialEq for Context {
    fn eq(&self, other: &Context) -> bool {
        Rc::ptr_eq(&self.app, &other.app) || self.app == other.app
    }
}

impl Context {
    pub fn driver(&self) -> Rc<Driver> {
        self.session.driver.clone()
    }

    /// A callback that acts, whatever the event was.
    pub fn on<E: 'static>(&self, action: Action) -> Callback<E> {
        let driver = self.driver();
        Callback::from(move |_| driver.act(action.clone()))
    }
}

#[hook]
pub fn use_page() -> Context {
    use_context::<Context>().expect("every component is inside the root's context")
}
