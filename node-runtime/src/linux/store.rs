//! What lies on the node's disk (a tmpfs): the node's root, layers, and each container's upperdir, reached through the
//! descriptors its init gave us.

use super::{OrFault, unpack};
use engine::image::Digest;
use engine::node::{Cid, Fault};
use engine::scenario::Scenario;
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use toolbox::wire::EMPTY_LAYER;

const HOME: &str = "/home/learner";

#[derive(Debug)]
pub struct Store {
    /// `/proc/self/fd/N`: the store's directory and the node's root, across mount namespaces.
    dir: PathBuf,
    node_root: PathBuf,
    tars: BTreeMap<Digest, Vec<u8>>,
    /// Directories in which a layer is unpacked. A layer that a container has twice needs two: overlayfs refuses the
    /// same lowerdir again.
    copies: BTreeMap<Digest, Vec<String>>,
    made: u32,
}

impl Store {
    pub fn new(store: RawFd, node_root: RawFd) -> Store {
        let path = |fd: RawFd| PathBuf::from(format!("/proc/self/fd/{fd}"));
        Store { dir: path(store), node_root: path(node_root), tars: BTreeMap::new(), copies: BTreeMap::new(), made: 0 }
    }

    /// The node's root file system and the learner's files.
    pub fn fill_node(&self, scenario: &Scenario) -> Result<(), Fault> {
        unpack::layer(&scenario.node_root, &self.node_root)?;
        let home = self.on_node(HOME);
        fs::create_dir_all(&home).or_fault(|| HOME.into())?;
        for file in &scenario.files {
            let inside = Path::new(HOME).join(&file.path);
            let path = self.on_node(&inside.to_string_lossy());
            let name = || inside.display().to_string();
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).or_fault(name)?;
            }
            fs::write(&path, &file.content).or_fault(name)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).or_fault(name)?;
        }
        Ok(())
    }

    /// An absolute path of the node, as seen from here. Names are the scenario's: nothing of the node is followed.
    pub fn on_node(&self, path: &str) -> PathBuf {
        self.node_root.join(path.trim_start_matches('/'))
    }

    pub fn upper(&self, container: Cid) -> PathBuf {
        self.dir.join(format!("c{}/upper", container.0))
    }

    /// The overlay as mounted.
    pub fn merged(&self, container: Cid) -> PathBuf {
        self.dir.join(format!("c{}/merged", container.0))
    }

    pub fn layer(&self, name: &str) -> PathBuf {
        self.dir.join("layers").join(name)
    }

    pub fn add_layer(&mut self, diff_id: Digest, tar: &[u8]) -> Result<(), Fault> {
        self.tars.entry(diff_id).or_insert_with(|| tar.to_vec());
        Ok(())
    }

    /// The directories of these layers, oldest first, unpacked now if they are not yet.
    pub fn directories(&mut self, layers: &[Digest]) -> Result<Vec<String>, Fault> {
        let mut seen: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut names = Vec::new();
        for layer in layers {
            let nth = seen.entry(*layer).or_default();
            names.push(self.copy(*layer, *nth)?);
            *nth += 1;
        }
        Ok(names)
    }

    /// As overlayfs takes them: top first, and never none.
    pub fn lowers(&mut self, layers: &[Digest]) -> Result<Vec<String>, Fault> {
        let mut names = self.directories(layers)?;
        names.reverse();
        if names.is_empty() {
            names.push(EMPTY_LAYER.to_owned());
        }
        Ok(names)
    }

    fn copy(&mut self, layer: Digest, nth: usize) -> Result<String, Fault> {
        if let Some(name) = self.copies.get(&layer).and_then(|names| names.get(nth)) {
            return Ok(name.clone());
        }
        let tar = self.tars.get(&layer).ok_or_else(|| Fault::new(format!("layer {layer} was not added")))?;
        self.made += 1;
        let name = format!("l{}", self.made);
        let dir = self.layer(&name);
        fs::create_dir(&dir).or_fault(|| format!("layer {name}"))?;
        unpack::layer(tar, &dir)?;
        self.copies.entry(layer).or_default().push(name.clone());
        Ok(name)
    }

    pub fn remove(&mut self, container: Cid) -> Result<(), Fault> {
        let dir = self.dir.join(format!("c{}", container.0));
        fs::remove_dir_all(&dir).or_fault(|| format!("remove the files of container {}", container.0))
    }
}
