//! The images a daemon has, and the registry of the scenario it can pull from.

use super::{Daemon, changes};
use crate::image::Digest;
use crate::image::reference::Reference;
use crate::image::store::{Image, Layer, Store, StoreError, chain_ids};
use crate::scenario::{BaseImage, Scenario};
use crate::sim::Map;
use serde_json::json;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Images {
    pub store: Store,
    registry: Arc<Map<Reference, BaseImage>>,
    /// What was pulled: each name without its tag, with the digest of its manifest, by image.
    pulled: Map<Digest, Vec<(String, Digest)>>,
}

/// What a pull did.
#[derive(Clone, Debug)]
pub(super) struct Pulled {
    pub image: Arc<Image>,
    pub reference: Reference,
    /// From `latest: Pulling from library/busybox` to `Status: …`.
    pub lines: Vec<String>,
    /// The layers that were not here before.
    pub fresh: Vec<Digest>,
}

impl Images {
    pub fn new(scenario: &Scenario) -> Images {
        let named = |base: &BaseImage| Some((Reference::parse(&base.reference).ok()?, base.clone()));
        let registry = scenario.images.iter().filter_map(named).collect();
        Images { store: Store::default(), registry: Arc::new(registry), pulled: Map::new() }
    }

    pub fn get(&self, id: &Digest) -> Option<&Arc<Image>> {
        self.store.image(id)
    }

    pub fn resolve(&self, name: &str) -> Option<Digest> {
        self.store.lookup(name).ok().map(|image| image.id)
    }

    pub fn layers(&self, id: &Digest) -> Vec<Arc<Layer>> {
        self.get(id).map(|image| self.store.layers_of(image)).unwrap_or_default()
    }

    pub fn size(&self, id: &Digest) -> u64 {
        self.get(id).map_or(0, |image| self.store.size_bytes(image))
    }

    /// `busybox@sha256:…` of a pulled image.
    pub fn repo_digests(&self, id: &Digest) -> Vec<(&str, Digest)> {
        let all = self.pulled.get(id).into_iter().flatten();
        all.map(|(repository, digest)| (repository.as_str(), *digest)).collect()
    }

    /// From the registry, with the registry's words on what it does not have.
    pub fn pull(&mut self, name: &str) -> Result<Pulled, String> {
        let reference = Reference::parse(name).map_err(|error| error.to_string())?;
        let Some(base) = self.registry.get(&reference).cloned() else {
            return Err(self.not_in_registry(&reference));
        };
        let had: Vec<Digest> = base.layers.iter().map(|tar| Digest::of(tar)).collect();
        let here: Vec<bool> = had.iter().map(|diff_id| self.store.layer(diff_id).is_some()).collect();
        let up_to_date = self.store.lookup(&reference.to_string()).is_ok();
        let image = self.store.add_base(&base).map_err(|error| error.to_string())?;
        let digest = manifest_digest(&image, &self.store.layers_of(&image));
        let tag = reference.tag.as_deref().unwrap_or("latest");
        let mut lines = vec![format!("{tag}: Pulling from {}", reference.path)];
        let up_to_date = up_to_date && here.iter().all(|here| *here);
        for (diff_id, here) in had.iter().zip(&here).filter(|_| !up_to_date) {
            let done = if *here { "Already exists" } else { "Pull complete" };
            lines.push(format!("{}: {done}", diff_id.short()));
        }
        lines.push(format!("Digest: {digest}"));
        let status = if up_to_date { "Image is up to date for" } else { "Downloaded newer image for" };
        lines.push(format!("Status: {status} {reference}"));
        let names = self.pulled.get_or_insert_with(image.id, Default::default);
        if !names.iter().any(|(repository, _)| *repository == reference.repository()) {
            names.push((reference.repository(), digest));
        }
        let fresh = had.into_iter().zip(here).filter(|(_, here)| !here).map(|(diff_id, _)| diff_id).collect();
        Ok(Pulled { image, reference, lines, fresh })
    }

    /// Has the registry this repository, whatever the tag?
    pub fn knows(&self, reference: &Reference) -> bool {
        self.registry.keys().any(|known| (&known.domain, &known.path) == (&reference.domain, &reference.path))
    }

    fn not_in_registry(&self, reference: &Reference) -> String {
        if self.knows(reference) {
            return format!("manifest for {reference} not found: manifest unknown: manifest unknown");
        }
        let repository = reference.repository();
        format!(
            "pull access denied for {repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
        )
    }
}

impl Daemon {
    pub(super) fn lookup(&self, name: &str) -> Result<Arc<Image>, StoreError> {
        self.images.store.lookup(name).cloned()
    }

    pub(super) fn image_layers(&self, image: &Digest) -> Vec<Digest> {
        self.images.get(image).map(|image| image.layers().to_vec()).unwrap_or_default()
    }

    /// Is `ancestor` the image itself or one it was built from?
    pub(super) fn is_ancestor(&self, ancestor: &Digest, image: &Digest) -> bool {
        let mut next = Some(*image);
        let mut limit = self.images.store.images().len() + 1;
        while let Some(id) = next.filter(|_| limit > 0) {
            if id == *ancestor {
                return true;
            }
            limit -= 1;
            next = self.images.get(&id).and_then(|image| image.parent);
        }
        false
    }

    /// The names overlay2 keeps an image's layers under, oldest first: made of their chain ids, as a real one's are
    /// random.
    pub(super) fn cache_ids(&self, image: &Digest) -> Vec<String> {
        chain_ids(&self.image_layers(image)).iter().map(|chain_id| Digest::of(&chain_id.0).hex()).collect()
    }

    /// A file, as these layers together show it.
    pub(super) fn layered_file(&self, layers: &[Digest], path: &str) -> Option<Vec<u8>> {
        let tree = changes::merged(self.images.store.layers(layers).iter().map(|layer| &layer.entries[..]));
        tree.get(path).map(|entry| entry.data.to_vec())
    }
}

/// The digest of the manifest a registry would give (Image Manifest V2, Schema 2), layers uncompressed.
fn manifest_digest(image: &Image, layers: &[Arc<Layer>]) -> Digest {
    let docker = |kind: &str| format!("application/vnd.docker.{kind}");
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": docker("image.rootfs.diff.tar"),
                "size": layer.tar.len(),
                "digest": layer.diff_id.to_string(),
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": docker("distribution.manifest.v2+json"),
        "config": {
            "mediaType": docker("container.image.v1+json"),
            "size": image.json.len(),
            "digest": image.id.to_string(),
        },
        "layers": layers,
    });
    Digest::of(manifest.to_string().as_bytes())
}
