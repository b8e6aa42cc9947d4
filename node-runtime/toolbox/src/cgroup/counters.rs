//! What a group counts, by the names of version 2 whatever the version.

use super::{Controller, Group, Version};
use std::fs;

/// `None` is unavailable on this kernel, which is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub oom_kill: Option<u64>,
    pub nr_periods: Option<u64>,
    pub nr_throttled: Option<u64>,
    /// Forks that pids.max refused.
    pub pids_max: Option<u64>,
    pub memory_peak_bytes: Option<u64>,
}

impl Group {
    pub fn counters(&self) -> Counters {
        let memory = |v2: &str, v1: &str| self.file(Controller::Memory, v2, v1);
        let cpu = self.file(Controller::Cpu, "cpu.stat", "cpu.stat");
        Counters {
            // In version 1 it is the third line of memory.oom_control (Linux 4.13).
            oom_kill: field(memory("memory.events", "memory.oom_control"), "oom_kill"),
            nr_periods: field(cpu.clone(), "nr_periods"),
            nr_throttled: field(cpu, "nr_throttled"),
            pids_max: field(self.file(Controller::Pids, "pids.events", "pids.events"), "max"),
            // memory.peak came with Linux 5.19.
            memory_peak_bytes: memory("memory.peak", "memory.max_usage_in_bytes")
                .and_then(|text| text.trim().parse().ok()),
        }
    }

    fn file(&self, controller: Controller, v2: &str, v1: &str) -> Option<String> {
        let (version, path) = self.path(controller)?;
        fs::read_to_string(path.join(if version == Version::V2 { v2 } else { v1 })).ok()
    }
}

/// Of lines `NAME VALUE`.
fn field(text: Option<String>, name: &str) -> Option<u64> {
    let text = text?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_whole_name_and_what_is_not_there_is_not_zero() {
        let v1 = || Some("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n".to_owned());
        assert_eq!(field(v1(), "oom_kill"), Some(2));
        assert_eq!(field(v1(), "nr_throttled"), None);
        assert_eq!(field(None, "oom_kill"), None);
    }
}
