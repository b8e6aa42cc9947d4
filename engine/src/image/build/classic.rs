//! What the classic builder makes of a step: an image, which is also its cache.

use super::{BuildError, Builder, Outcome, Pending, Work};
use crate::image::config::{History, ImageConfig, RunConfig};
use crate::image::store::{Image, Store};
use crate::scenario::Era;
use std::sync::Arc;

impl Builder {
    /// Looks for an image that the same step made from the same parent (moby `image/cache`, `runconfig.compare`).
    pub(super) fn probe(&self, pending: &mut Pending, store: &Store) {
        if pending.stage.cache_busted {
            return;
        }
        let parent = pending.stage.image;
        let siblings: Vec<&Arc<Image>> = match parent {
            Some(parent) => store.children(&parent).collect(),
            None => store.images().into_iter().filter(|image| image.parent.is_none()).collect(),
        };
        let same =
            |image: &&&Arc<Image>| image.config.container_config.as_ref().is_some_and(|c| alike(c, &pending.probe));
        match siblings.iter().filter(same).max_by_key(|image| image.number) {
            Some(image) => pending.work = Work::Cached(image.id),
            None => pending.stage.cache_busted = true,
        }
    }

    /// Makes the image of a step (moby `commitContainer`, `exportImage`), or takes the one that is there.
    pub(super) fn commit(&self, pending: &mut Pending, outcome: Outcome, store: &mut Store) -> Result<(), BuildError> {
        let stage = &mut pending.stage;
        let cached = if let Work::Cached(id) = &pending.work { store.image(id).cloned() } else { None };
        let image = match cached {
            Some(image) => image,
            None => {
                let layer = outcome.layer.filter(|_| pending.may_change_files).map(|tar| store.open_layer(tar));
                let layer = layer.transpose()?.filter(|layer| !layer.is_empty());
                if let Some(layer) = &layer {
                    store.keep_layer(layer.clone());
                    stage.diff_ids.push(layer.diff_id);
                }
                stage.history.push(History {
                    created: outcome.created.clone(),
                    author: stage.author.clone(),
                    created_by: std::mem::take(&mut pending.created_by),
                    comment: String::new(),
                    empty_layer: layer.is_none(),
                });
                let mut container_config = pending.probe.clone();
                if let (Some(container), Work::Configure | Work::Unpack { .. }) = (&outcome.container, &pending.work) {
                    // The container was made from this configuration, and left its name and its (empty) labels in it.
                    container_config.hostname = container.chars().take(12).collect();
                    container_config.labels.get_or_insert_default();
                }
                let config = ImageConfig {
                    author: stage.author.clone(),
                    comment: String::new(),
                    config: stage.config.clone(),
                    container: outcome.container,
                    container_config: Some(container_config),
                    created: outcome.created,
                    history: stage.history.clone(),
                    diff_ids: stage.diff_ids.clone(),
                    era: Era::Course,
                };
                store.add_image(config, stage.image)?
            }
        };
        stage.image = Some(image.id);
        stage.diff_ids = image.layers().to_vec();
        stage.history = image.config.history.clone();
        Ok(())
    }
}

/// What moby compares of two configurations.
fn alike(a: &RunConfig, b: &RunConfig) -> bool {
    let labels = |config: &RunConfig| config.labels.clone().unwrap_or_default();
    let words = |words: &Option<Vec<String>>| words.clone().unwrap_or_default();
    a.user == b.user
        && words(&a.cmd) == words(&b.cmd)
        && a.env == b.env
        && labels(a) == labels(b)
        && a.exposed_ports == b.exposed_ports
        && words(&a.entrypoint) == words(&b.entrypoint)
        && a.volumes == b.volumes
}
