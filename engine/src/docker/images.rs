//! The images a daemon has and the registry it can pull from.

use super::{Daemon, changes, units};
use crate::call::SCENARIO_EPOCH_S;
use crate::image::Digest;
use crate::scenario::{BaseImage, Scenario};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Image {
    pub id: Digest,
    pub layers: Vec<Layer>,
    pub env: Vec<String>,
    pub cmd: Vec<String>,
    pub entrypoint: Option<Vec<String>>,
    pub working_dir: String,
    pub user: String,
    pub stop_signal: Option<String>,
    pub labels: Vec<(String, String)>,
    pub created_s: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub diff_id: Digest,
    pub tar: Arc<[u8]>,
    pub size_bytes: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Images {
    registry: BTreeMap<String, Arc<Image>>,
    images: BTreeMap<Digest, Arc<Image>>,
    tags: BTreeMap<String, Digest>,
}

impl Images {
    pub fn new(scenario: &Scenario) -> Images {
        let registry =
            scenario.images.iter().map(|base| (familiar(&base.reference), Arc::new(of_base(base)))).collect();
        Images { registry, images: BTreeMap::new(), tags: BTreeMap::new() }
    }

    pub fn get(&self, id: &Digest) -> Option<&Arc<Image>> {
        self.images.get(id)
    }

    pub fn resolve(&self, name: &str) -> Option<Digest> {
        self.tags.get(&familiar(name)).copied()
    }

    pub fn pull(&mut self, name: &str) -> Option<(Digest, Vec<String>)> {
        let reference = familiar(name);
        let image = self.registry.get(&reference)?.clone();
        let (repository, tag) = reference.rsplit_once(':')?;
        let mut lines = vec![format!("{tag}: Pulling from library/{repository}")];
        lines.extend(image.layers.iter().map(|layer| format!("{}: Pull complete", layer.diff_id.short())));
        lines.push(format!("Digest: {}", image.id));
        lines.push(format!("Status: Downloaded newer image for {reference}"));
        let id = image.id;
        self.images.insert(id, image);
        self.tags.insert(reference, id);
        Some((id, lines))
    }

    pub fn tagged(&self) -> impl Iterator<Item = (&str, &Arc<Image>)> {
        self.tags.iter().filter_map(|(tag, id)| Some((tag.as_str(), self.images.get(id)?)))
    }
}

impl Image {
    pub fn exposed_ports(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Daemon {
    pub(super) fn image_layers(&self, image: &Digest) -> Vec<Digest> {
        self.images.get(image).map(|image| image.layers.iter().map(|layer| layer.diff_id).collect()).unwrap_or_default()
    }

    pub(super) fn image_size(&self, image: &Digest) -> u64 {
        self.images.get(image).map(|image| image.layers.iter().map(|layer| layer.size_bytes).sum()).unwrap_or(0)
    }

    pub(super) fn is_ancestor(&self, _ancestor: &Digest, _image: &Digest) -> bool {
        false
    }

    /// The names overlay2 keeps an image's layers under, oldest first.
    pub(super) fn cache_ids(&self, image: &Digest) -> Vec<String> {
        self.image_layers(image).iter().map(|diff_id| Digest::of(&diff_id.0).hex()).collect()
    }

    pub(super) fn image_json(&self, _image: &Digest) -> Option<serde_json::Value> {
        None
    }

    /// A file of an image, as its layers together show it.
    pub(super) fn image_file(&self, image: &Digest, path: &str) -> Option<Vec<u8>> {
        let image = self.images.get(image)?;
        let tree = changes::merged(image.layers.iter().map(|layer| &layer.tar));
        tree.get(path).map(|entry| entry.data.to_vec())
    }
}

fn familiar(name: &str) -> String {
    if name.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

fn of_base(base: &BaseImage) -> Image {
    let layers: Vec<Layer> = base
        .layers
        .iter()
        .map(|tar| Layer { diff_id: Digest::of(tar), tar: tar.clone(), size_bytes: tar.len() as u64 })
        .collect();
    let identity: String = layers.iter().map(|layer| layer.diff_id.hex()).collect();
    Image {
        id: Digest::of(identity.as_bytes()),
        layers,
        env: base.env.clone(),
        cmd: base.cmd.clone(),
        entrypoint: None,
        working_dir: base.working_dir.clone(),
        user: String::new(),
        stop_signal: None,
        labels: Vec::new(),
        created_s: units::parse_rfc3339(&base.created).unwrap_or(SCENARIO_EPOCH_S),
    }
}
