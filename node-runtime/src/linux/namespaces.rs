//! The namespaces that guests have seen the numbers of. A number is given anew once its namespace is gone: each is held
//! until the run ends, so that a guest never takes another for it.

use super::{LinuxKernel, OrFault};
use engine::call::Tid;
use engine::node::Fault;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use toolbox::os;

/// Held, in the order of being seen; `None` is one that could not be found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    held: Vec<Option<OwnedFd>>,
}

impl LinuxKernel {
    /// After a call with which `tid` may have seen a namespace for the first time.
    pub(super) fn keep_seen_namespaces(&mut self, tid: Tid) -> Result<(), Fault> {
        let new: Vec<u64> = self.machine.gate().namespaces_seen().skip(self.seen.held.len()).collect();
        for ino in new {
            let held = self.find_namespace(tid, ino)?;
            self.seen.held.push(held);
        }
        Ok(())
    }

    /// A process is in it, or has it open: first of all the one that saw it.
    fn find_namespace(&self, tid: Tid, ino: u64) -> Result<Option<OwnedFd>, Fault> {
        let first = self.tasks.get(tid)?.outside.pid;
        let others = self.tasks.live.values().map(|task| task.outside.pid);
        for pid in [first, self.tasks.init].into_iter().chain(others) {
            for dir in ["ns", "fd"] {
                let links = fs::read_dir(format!("/proc/{pid}/{dir}")).into_iter().flatten().flatten();
                for link in links.map(|entry| entry.path()) {
                    let is_it = fs::metadata(&link).is_ok_and(|found| found.ino() == ino)
                        && fs::read_link(&link)
                            .is_ok_and(|text| text.to_string_lossy().ends_with(&format!(":[{ino}]")));
                    if is_it {
                        let path = link.to_string_lossy();
                        return os::open(&path, libc::O_RDONLY, 0).or_fault(|| path.into_owned()).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }
}
