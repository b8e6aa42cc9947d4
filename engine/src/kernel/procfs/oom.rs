//! `oom_score` and `oom_score_adj` of a process (fs/proc/base.c, proc_oom_score, oom_score_adj_write).

use crate::call::{Errno, Tid};
use crate::kernel::SimKernel;
use crate::kernel::cgroup::number;
use crate::kernel::memory::OOM_SCORE_ADJ_MIN;
use crate::kernel::process::Process;

const OOM_SCORE_ADJ_MAX: i32 = 1000;
/// Bytes of a write that are looked at.
const NUMBER_BYTES: usize = 12;

/// How likely the process is to be killed when the machine itself is short. What it has of the machine's memory counts
/// too, but the machine is not modelled: it is large, and nobody's share of it comes to a thousandth.
pub(super) fn score(process: &Process) -> i64 {
    match process.oom_score_adj {
        _ if process.is_zombie() => 0,
        OOM_SCORE_ADJ_MIN => 0,
        adj => (1000 + i64::from(adj)) * 2 / 3,
    }
}

/// Nobody has CAP_SYS_RESOURCE here, which it takes to go below what the node's init had.
pub(super) fn set_adj(kernel: &mut SimKernel, of: Tid, data: &[u8]) -> Result<(), Errno> {
    let text = String::from_utf8_lossy(&data[..data.len().min(NUMBER_BYTES)]).into_owned();
    let adj = number::int(text.trim())?;
    if !(OOM_SCORE_ADJ_MIN..=OOM_SCORE_ADJ_MAX).contains(&adj) {
        return Err(Errno::EINVAL);
    }
    let process = kernel.process_mut(of).ok_or(Errno::ESRCH)?;
    if adj < 0 {
        return Err(Errno::EACCES);
    }
    process.oom_score_adj = adj;
    Ok(())
}
