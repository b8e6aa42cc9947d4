//! What runs inside a real node: guest programs, and the node's init.
//!
//! `node-runtime` embeds the static binary of this crate and starts it twice over: as pid 1 of a node ([`init`]), and,
//! by the `#!/dev/.toolbox` line of every executable file, as each guest process ([`guest`]). The library half is what
//! both ends must agree on: the shared memory in which guests announce their calls ([`gate`]) and the orders an init
//! takes ([`wire`]). [`os`] wraps the system calls.
//!
//! [`sandbox`] is what makes a process a container's; [`run`] starts one container without a node, inside `node-runtime`
//! itself.
//!
//! It decides nothing: which call is made next is for `engine::sched`, what a program does for `engine::program`.
//! It is single-threaded, and one process never waits for another except in the kernel.

pub mod gate;
pub mod groups;
pub mod guest;
pub mod init;
pub mod keeper;
pub mod os;
pub mod run;
pub mod sandbox;
pub mod wire;
