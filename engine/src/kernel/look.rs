//! Looking into a simulated node from outside, for the editor and for completion: nothing here is a guest's doing.

use super::SimKernel;
use super::lifecycle::INIT;
use super::procfs;
use super::vfs::{Fs, Loc, MountId, Node, ROOT, View};
use crate::call::{Dent, FileKind};
use crate::node::{Fault, JobId};
use crate::scenario::Scenario;
use crate::sched::Scheduled;
use crate::session::{FileEntry, Look, Replayable};

/// Directories below one another that a listing goes into.
const DEPTH: usize = 12;
/// Files one listing tells.
const FILES: usize = 1_000;

impl Replayable for Scheduled<SimKernel> {
    fn boot(scenario: &Scenario) -> Result<Self, Fault> {
        let kernel = SimKernel::new(&scenario.node_root, &scenario.files, "node", scenario.profile)?;
        Ok(Scheduled::new(kernel, scenario.seed))
    }

    fn read_file(&self, path: &str) -> Option<Vec<u8>> {
        // A lookup through an overlay remembers what it found, so it wants a kernel of its own.
        let mut kernel = self.kernel().clone();
        let view = kernel.view(INIT).ok()?;
        let at = kernel.find(&view, path, true).ok()?;
        match &kernel.filesystems.inode(at.fs, at.ino)?.node {
            Node::File(data) => Some(data.as_ref().clone()),
            _ => None,
        }
    }

    fn list_files(&self, dir: &str) -> Vec<FileEntry> {
        let mut kernel = self.kernel().clone();
        let mut files = Vec::new();
        if let Ok(view) = kernel.view(INIT)
            && let Ok(at) = kernel.find(&view, dir, true)
        {
            kernel.list_below(at, "", DEPTH, &mut files);
        }
        files
    }
}

impl Look for SimKernel {
    fn cwd(&self, job: JobId) -> String {
        let first = self.jobs.get(&job).map_or(INIT, |job| job.first);
        let view = self.view(first).ok();
        view.and_then(|view| self.path_of(&view, view.cwd)).unwrap_or_else(|| "/".to_owned())
    }

    fn list_dir(&self, container: Option<&str>, dir: &str) -> Vec<String> {
        let mut kernel = self.clone();
        let Some(view) = kernel.view_of(container) else { return Vec::new() };
        let Ok(at) = kernel.find(&view, dir, true) else { return Vec::new() };
        let named = |dent: Dent| match dent.kind {
            FileKind::Dir => dent.name + "/",
            _ => dent.name,
        };
        kernel.names_in(at).into_iter().map(named).collect()
    }
}

impl SimKernel {
    fn view_of(&self, container: Option<&str>) -> Option<View> {
        let Some(name) = container else { return self.view(INIT).ok() };
        let fs = self.containers.values().find(|container| container.spec.name == name)?.fs;
        let root = Loc { mount: MountId(u32::MAX), fs, ino: ROOT };
        self.view(INIT).ok().map(|view| View { root, cwd: root, ..view })
    }

    fn names_in(&self, dir: Loc) -> Vec<Dent> {
        match self.fs(dir.fs) {
            Fs::Proc(ns) => procfs::names(self, *ns, dir.ino),
            Fs::Cgroup(_) => self.cgroups.names(dir.ino).unwrap_or_default(),
            _ => self.filesystems.names(dir.fs, dir.ino),
        }
    }

    fn list_below(&mut self, dir: Loc, prefix: &str, depth: usize, files: &mut Vec<FileEntry>) {
        for dent in self.names_in(dir) {
            let Some(at) = self.lookup(dir, &dent.name) else { continue };
            let path = format!("{prefix}{}", dent.name);
            let stat = self.stat(at);
            match stat.kind {
                FileKind::File if files.len() < FILES => {
                    files.push(FileEntry { path, size_bytes: stat.size_bytes, mode: stat.mode });
                }
                FileKind::Dir if depth > 0 => self.list_below(at, &format!("{path}/"), depth - 1, files),
                _ => {}
            }
        }
    }
}
