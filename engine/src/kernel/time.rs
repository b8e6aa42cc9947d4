//! Time namespaces (time_namespaces(7)): how far ahead the clocks of a namespace are. Time itself is the scheduler's.

use super::SimKernel;
use super::namespace::NsId;
use crate::call::{Errno, Tid};
use crate::scenario::Linux;
use std::sync::Arc;

/// Clocks go no further (KTIME_SEC_MAX), and with an offset half as far.
const CLOCK_MAX_S: i64 = i64::MAX / 1_000_000_000;
/// The clocks that have offsets, with the numbers they may be called by.
const CLOCKS: [(&str, &str); 2] = [("monotonic", "1"), ("boottime", "7")];
/// Since then execve(2) enters.
const EXEC_ENTERS: Linux = Linux(6, 2);
/// Bytes of one write to `timens_offsets` (a page), and nanoseconds of a second.
const WRITE_BYTES: usize = 4_096;
const SECOND_NS: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeSpace {
    /// Seconds and nanoseconds of each of CLOCKS.
    offsets: [(i64, u64); 2],
    /// Somebody has entered: they stay.
    frozen: bool,
}

impl SimKernel {
    /// A new namespace for the children of whoever unshares: with the offsets of the one before it.
    pub(super) fn add_time_ns(&mut self, ns: NsId, from: NsId) {
        let offsets = self.time_spaces.get(&from).map(|space| space.offsets).unwrap_or_default();
        self.time_spaces.insert(ns, TimeSpace { offsets, frozen: false }.into());
    }

    /// Whoever executes enters the namespace of its children (fs/exec.c, exec_task_namespaces).
    pub(super) fn execute_in_time_ns(&mut self, tid: Tid) {
        if self.profile.linux >= EXEC_ENTERS {
            self.enter_time_ns(tid);
        }
    }

    /// Whoever is born is in the namespace that its parent chose for its children (kernel/time/namespace.c,
    /// timens_on_fork).
    pub(super) fn enter_time_ns(&mut self, tid: Tid) {
        let Some(process) = self.process_mut(tid) else { return };
        if process.time_ns == process.time_for_children {
            return;
        }
        process.time_ns = process.time_for_children;
        let ns = process.time_ns;
        if let Some(space) = self.time_spaces.get_mut(&ns) {
            Arc::make_mut(space).frozen = true;
        }
    }

    /// Whole seconds that a clock is ahead of the node's.
    pub(super) fn clock_ahead_s(&self, tid: Tid, boottime: bool) -> i64 {
        let space = self.process(tid).and_then(|process| self.time_spaces.get(&process.time_ns));
        space.map_or(0, |space| space.offsets[usize::from(boottime)].0)
    }

    pub(super) fn timens_offsets(&self, tid: Tid) -> Option<String> {
        let space = self.process(tid).and_then(|process| self.time_spaces.get(&process.time_for_children));
        let offsets = space.map(|space| space.offsets).unwrap_or_default();
        let lines = CLOCKS.iter().zip(offsets);
        Some(lines.map(|((name, _), (s, ns))| format!("{name:<10} {s:>10} {ns:>9}\n")).collect())
    }

    /// A write to `/proc/PID/timens_offsets` (fs/proc/base.c, timens_offsets_write; kernel/time/namespace.c).
    pub(super) fn set_timens_offsets(
        &mut self,
        writer: Tid,
        target: Tid,
        offset: u64,
        data: &[u8],
    ) -> Result<usize, Errno> {
        if data.len() >= WRITE_BYTES || offset != 0 {
            return Err(Errno::EINVAL);
        }
        let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
        let (wanted, taken) = parse(text)?;
        let ns = self.process(target).ok_or(Errno::ESRCH)?.time_for_children;
        if !self.may_set_time(writer, ns) {
            return Err(Errno::EPERM);
        }
        if wanted.iter().any(|(_, seconds, _)| seconds.unsigned_abs() > CLOCK_MAX_S as u64 || *seconds < 0) {
            // Below zero the clock would be before the start of the machine; how long ago that was is not the node's.
            return Err(Errno::ERANGE);
        }
        if wanted.iter().any(|(_, seconds, _)| *seconds > CLOCK_MAX_S / 2) {
            return Err(Errno::ERANGE);
        }
        let space = Arc::make_mut(self.time_spaces.get_or_insert_with(ns, Default::default));
        if space.frozen {
            return Err(Errno::EACCES);
        }
        for (clock, seconds, ns) in wanted {
            space.offsets[clock] = (seconds, ns);
        }
        Ok(taken)
    }
}

/// A clock, by its place among CLOCKS, and how many seconds and nanoseconds it is to be ahead.
type Wanted = (usize, i64, u64);

/// What each line wants, at most two; and how many bytes that was.
fn parse(text: &str) -> Result<(Vec<Wanted>, usize), Errno> {
    let (mut wanted, mut at) = (Vec::new(), 0);
    while wanted.len() < CLOCKS.len() {
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let mut words = text[at..end].split_whitespace();
        let name = words.next().ok_or(Errno::EINVAL)?;
        let clock = CLOCKS.iter().position(|(known, number)| name == *known || name == *number);
        let seconds = words.next().and_then(|word| word.parse().ok());
        let ns: Option<u64> = words.next().and_then(|word| word.parse().ok());
        match (clock, seconds, ns.filter(|ns| *ns < SECOND_NS)) {
            (Some(clock), Some(seconds), Some(ns)) => wanted.push((clock, seconds, ns)),
            _ => return Err(Errno::EINVAL),
        }
        at = (end + 1).min(text.len());
        if at >= text.len() {
            break;
        }
    }
    Ok((wanted, at))
}
