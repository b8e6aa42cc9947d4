//! Looking into a node from outside, for advice on what was typed: nothing here is a guest's doing.

use super::LinuxKernel;
use engine::node::JobId;
use engine::session::Look;
use std::os::fd::AsRawFd;
use toolbox::os;

impl Look for LinuxKernel {
    fn cwd(&self, job: JobId) -> String {
        let task = self.jobs.first(job).and_then(|first| self.tasks.get(first).ok());
        let cwd = task.and_then(|task| std::fs::read_link(format!("/proc/{}/cwd", task.outside.pid)).ok());
        cwd.map_or("/".to_owned(), |cwd| cwd.to_string_lossy().into_owned())
    }

    fn list_dir(&self, container: Option<&str>, dir: &str) -> Vec<String> {
        self.names(container, dir).unwrap_or_default()
    }
}

impl LinuxKernel {
    /// Links on the way stay inside the root; of a container that does not run there is none.
    fn names(&self, container: Option<&str>, dir: &str) -> Option<Vec<String>> {
        let pid = match container {
            None => self.tasks.init,
            Some(name) => {
                let first = self.containers.values().find(|container| container.spec.name == name)?.first?;
                self.tasks.get(first).ok()?.outside.pid
            }
        };
        let root = os::open(&format!("/proc/{pid}/root"), libc::O_PATH | libc::O_DIRECTORY, 0).ok()?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let dir = os::openat2(root.as_raw_fd(), dir, flags, libc::RESOLVE_IN_ROOT).ok()?;
        let entries = std::fs::read_dir(format!("/proc/self/fd/{}", dir.as_raw_fd())).ok()?;
        let named = |entry: std::fs::DirEntry| {
            let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            entry.file_name().to_string_lossy().into_owned() + if directory { "/" } else { "" }
        };
        let mut names: Vec<String> = entries.flatten().map(named).collect();
        names.sort();
        Some(names)
    }
}
