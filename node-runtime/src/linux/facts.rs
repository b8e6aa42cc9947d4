//! What can be observed of the node from outside.
use super::LinuxKernel;
use engine::fact::Facts;
use engine::node::{Fault, Watch};

pub fn observe(kernel: &LinuxKernel, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
    let _ = (kernel, watch, out);
    Ok(())
}
