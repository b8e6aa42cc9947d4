//! The deterministic world of Drydock.
//!
//! Data flows one way: **command → event → fact → view**. A typed line becomes a [`scenario::Input`]; the
//! [`world::World`] and the [`node::Node`]s turn it into [`trace`] events; [`fact`]s are what can be observed after
//! it; everything that is shown is a function of those.
//!
//! Where to start reading: [`call`] (what a guest program may ask of a kernel), [`node`] (the interfaces: `Kernel` is
//! the only thing that is written twice), [`sched`] (who is granted the next call), [`world`] (the router), then
//! [`session`] (time that runs both ways).
//!
//! What is absent: I/O, clocks, threads, the environment, globals, hash order, platform maths, `cfg`.

pub mod call;
pub mod command;
pub mod compare;
pub mod docker;
pub mod fact;
pub mod image;
pub mod kernel;
pub mod node;
pub mod program;
pub mod scenario;
pub mod sched;
pub mod session;
pub mod sim;
pub mod trace;
pub mod world;
