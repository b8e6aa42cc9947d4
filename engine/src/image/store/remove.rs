//! `docker rmi`: what goes, and what stands in the way.

use super::{Image, Store, StoreError, chain_ids};
use crate::image::Digest;
use crate::image::reference::Reference;
use crate::sim::Set;
use std::sync::Arc;

/// A container that uses an image, as far as removing the image is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// 12 digits.
    pub container: String,
    pub image: Digest,
    pub running: bool,
}

/// One line of `docker rmi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    Untagged(Reference),
    /// An image's id or a layer's chain id.
    Deleted(Digest),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Removed::Untagged(reference) => write!(f, "Untagged: {reference}"),
            Removed::Deleted(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

impl Store {
    /// `docker rmi` (moby `daemon/images/image_delete.go`). On an error nothing but what is listed was removed.
    pub fn remove(&mut self, name: &str, force: bool, prune: bool, uses: &[Use]) -> Result<Vec<Removed>, StoreError> {
        let image = self.lookup(name)?.clone();
        let mut removed = Vec::new();
        let single = self.names(&image.id).len() <= 1;
        let by_id = image.id.hex().starts_with(name.strip_prefix("sha256:").unwrap_or(name));
        if by_id {
            if single {
                self.check(&image.id, force, false, uses)?;
                for name in self.names(&image.id).into_iter().cloned().collect::<Vec<_>>() {
                    self.untag(name, &mut removed);
                }
            }
        } else {
            let used = uses.iter().find(|used| used.image == image.id);
            if let Some(used) = used.filter(|_| !force && single) {
                let (name, container) = (name.to_owned(), used.container.clone());
                return Err(StoreError::Referenced { name, container, image: image.id.short() });
            }
            self.untag(Reference::parse(name)?, &mut removed);
            if !self.names(&image.id).is_empty() {
                return Ok(removed);
            }
        }
        let quiet = !by_id;
        self.delete(&image.id, force, prune, quiet, uses, &mut removed)?;
        Ok(removed)
    }

    fn untag(&mut self, name: Reference, removed: &mut Vec<Removed>) {
        if Arc::make_mut(&mut self.inner).tags.remove(&name).is_some() {
            removed.push(Removed::Untagged(name));
        }
    }

    /// Deletes the image, then, if `prune`, each parent that nothing else needs.
    fn delete(
        &mut self,
        id: &Digest,
        force: bool,
        prune: bool,
        quiet: bool,
        uses: &[Use],
        removed: &mut Vec<Removed>,
    ) -> Result<(), StoreError> {
        let (mut id, mut force, mut quiet) = (*id, force, quiet);
        loop {
            if let Err(conflict) = self.check(&id, force, true, uses) {
                let used = uses.iter().any(|used| used.image == id);
                return if quiet && (used || !self.is_dangling(&id)) { Ok(()) } else { Err(conflict) };
            }
            let Some(image) = self.image(&id).cloned() else { return Ok(()) };
            for name in self.names(&id).into_iter().cloned().collect::<Vec<_>>() {
                self.untag(name, removed);
            }
            Arc::make_mut(&mut self.inner).images.remove(&id);
            removed.push(Removed::Deleted(id));
            self.release_layers(&image, removed);
            match image.parent.filter(|_| prune) {
                Some(parent) => (id, force, quiet) = (parent, false, true),
                None => return Ok(()),
            }
        }
    }

    /// Layers, from the top, that no other image stands on any more.
    fn release_layers(&mut self, image: &Image, removed: &mut Vec<Removed>) {
        let images = self.inner.images.values().chain(self.inner.sources.values()).map(|image| image.layers());
        let stacks: Vec<&[Digest]> = images.chain(self.inner.steps.values().map(|step| &step.diff_ids[..])).collect();
        let needed: Set<Digest> = stacks.iter().flat_map(|stack| chain_ids(stack)).collect();
        let stored: Set<Digest> = stacks.concat().into_iter().collect();
        for (chain_id, diff_id) in chain_ids(image.layers()).into_iter().zip(image.layers()).rev() {
            if needed.contains(&chain_id) {
                break;
            }
            removed.push(Removed::Deleted(chain_id));
            if !stored.contains(diff_id) {
                Arc::make_mut(&mut self.inner).layers.remove(diff_id);
            }
        }
    }

    /// `checkImageDeleteConflict`: what no force overcomes first.
    fn check(&self, id: &Digest, force: bool, references: bool, uses: &[Use]) -> Result<(), StoreError> {
        let conflict = |hard: bool, why: String| Err(StoreError::Conflict { image: id.short(), hard, why });
        if self.children(id).next().is_some() {
            return conflict(true, "image has dependent child images".to_owned());
        }
        let user = |running: bool| uses.iter().find(|used| used.image == *id && used.running == running);
        if let Some(used) = user(true) {
            return conflict(true, format!("image is being used by running container {}", used.container));
        }
        if force {
            return Ok(());
        }
        if references && !self.names(id).is_empty() {
            return conflict(false, "image is referenced in multiple repositories".to_owned());
        }
        match user(false) {
            Some(used) => conflict(false, format!("image is being used by stopped container {}", used.container)),
            None => Ok(()),
        }
    }
}
