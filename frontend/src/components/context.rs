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
        Rc::ptr_eq(&self.app, &other.app)
    }
}

/// Is the same as itself alone: what is shown again only when it was made anew.
#[derive(Debug)]
pub struct Same<T>(pub Rc<T>);

impl<T> Clone for Same<T> {
    fn clone(&self) -> Same<T> {
        Same(self.0.clone())
    }
}

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Same<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
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
