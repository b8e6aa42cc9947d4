//! The content-addressed store: layers by diff_id, images by id, names for images.
//!
//! INVARIANT(layer-immutable): nothing here changes a layer or an image once it is in; they come, are shared, and go when
//! the last image, or step of BuildKit's cache, that needs them has gone. Cloning a store copies a pointer.

use super::Digest;
use super::config::{History, ImageConfig};
use super::reference::{Reference, ReferenceError};
use super::tar::{self, Entry, Kind, TarError};
use crate::scenario::BaseImage;
use crate::sim::{Map, sort_by_key};
use std::sync::Arc;

mod facts;
mod remove;

pub use remove::{Removed, Use};

/// A layer: its archive and what is in it.
#[derive(Clone, Debug)]
pub struct Layer {
    pub diff_id: Digest,
    pub tar: Arc<[u8]>,
    pub entries: Arc<[Entry]>,
    /// Bytes of its regular files, as `docker history` counts them.
    pub size_bytes: u64,
}

impl Layer {
    pub fn new(tar: Arc<[u8]>) -> Result<Layer, TarError> {
        let entries = tar::read_layer(&tar)?;
        let size_bytes = entries.iter().map(Entry::size_bytes).sum();
        Ok(Layer { diff_id: Digest::of(&tar), tar, entries: entries.into(), size_bytes })
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path && entry.kind != Kind::Opaque)
    }

    /// Changes nothing. The classic builder gives an instruction with such a result no layer.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// An image: its configuration and the bytes its id is the digest of.
#[derive(Clone, Debug)]
pub struct Image {
    pub id: Digest,
    pub config: ImageConfig,
    pub json: Arc<[u8]>,
    /// The image the classic builder made it from. A pulled image has none.
    pub parent: Option<Digest>,
    /// Position in the order of creation, for `docker images`.
    pub number: u64,
}

impl Image {
    pub fn layers(&self) -> &[Digest] {
        &self.config.diff_ids
    }

    /// `<missing>` or an id for each history entry is the daemon's to say; this is which layer each made, from 1.
    pub fn history_layers(&self) -> impl Iterator<Item = (&History, Option<usize>)> {
        let mut made = 0;
        self.config.history.iter().map(move |history| {
            made += usize::from(!history.empty_layer);
            (history, (!history.empty_layer).then_some(made))
        })
    }
}

#[derive(Clone, Debug, Default)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    layers: Map<Digest, Arc<Layer>>,
    images: Map<Digest, Arc<Image>>,
    tags: Map<Reference, Digest>,
    created: u64,
    /// BuildKit's cache, by what was done to which layers.
    steps: Map<Digest, Step>,
    /// Base images that BuildKit pulled for itself: no command lists them.
    sources: Map<Reference, Arc<Image>>,
}

/// A step of a build that BuildKit need not run again.
#[derive(Clone, Debug)]
pub struct Step {
    /// All layers up to its own.
    pub diff_ids: Vec<Digest>,
    pub created: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    #[error("No such image: {0}")]
    NoSuchImage(String),
    #[error(
        "conflict: unable to remove repository reference {} (must force) - container {container} is using its referenced image {image}",
        super::dockerfile::quoted(.name)
    )]
    Referenced { name: String, container: String, image: String },
    #[error("conflict: unable to delete {image} ({}) - {why}", if *.hard { "cannot be forced" } else { "must be forced" })]
    Conflict { image: String, hard: bool, why: String },
    #[error("max depth exceeded")]
    Depth,
}

/// The chain id of each layer: what it is *on top of these others* (OCI image-spec, config.md, "Layer ChainID").
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
            None => *diff_id,
        });
    }
    chain
}

/// What can be found.
impl Store {
    pub fn image(&self, id: &Digest) -> Option<&Arc<Image>> {
        self.inner.images.get(id)
    }

    pub fn layer(&self, diff_id: &Digest) -> Option<&Arc<Layer>> {
        self.inner.layers.get(diff_id)
    }

    pub fn layers_of(&self, image: &Image) -> Vec<Arc<Layer>> {
        self.layers(image.layers())
    }

    pub fn layers(&self, diff_ids: &[Digest]) -> Vec<Arc<Layer>> {
        diff_ids.iter().filter_map(|diff_id| self.layer(diff_id)).cloned().collect()
    }

    pub fn step(&self, key: &Digest) -> Option<&Step> {
        self.inner.steps.get(key)
    }

    /// BuildKit's cache: how many steps it holds, and the bytes of those whose layers no image stands on.
    pub fn cache(&self) -> (usize, u64) {
        let images = self.images();
        let alone = |step: &&Step| !images.iter().any(|image| image.layers().starts_with(&step.diff_ids));
        let own = |step: &Step| {
            // Of a base image it is all, of a step the layer that it added.
            let from = if step.created.is_empty() { 0 } else { step.diff_ids.len().saturating_sub(1) };
            self.layers(&step.diff_ids[from..]).iter().map(|layer| layer.size_bytes).sum::<u64>()
        };
        (self.inner.steps.len(), self.inner.steps.values().filter(alone).map(own).sum())
    }

    pub fn source(&self, name: &Reference) -> Option<&Arc<Image>> {
        self.inner.sources.get(name)
    }

    pub fn size_bytes(&self, image: &Image) -> u64 {
        image.layers().iter().filter_map(|diff_id| self.layer(diff_id)).map(|layer| layer.size_bytes).sum()
    }

    /// Every image, newest first.
    pub fn images(&self) -> Vec<&Arc<Image>> {
        let mut images: Vec<&Arc<Image>> = self.inner.images.values().collect();
        sort_by_key(&mut images, |image| std::cmp::Reverse(image.number));
        images
    }

    /// The names of an image, sorted.
    pub fn names(&self, id: &Digest) -> Vec<&Reference> {
        self.inner.tags.iter().filter(|(_, image)| *image == id).map(|(name, _)| name).collect()
    }

    pub fn references(&self) -> impl Iterator<Item = (&Reference, &Digest)> {
        self.inner.tags.iter()
    }

    pub fn children(&self, id: &Digest) -> impl Iterator<Item = &Arc<Image>> {
        let id = *id;
        self.inner.images.values().filter(move |image| image.parent == Some(id))
    }

    /// No name and no image made from it: what `docker images` shows as `<none>` and `docker image prune` removes.
    pub fn is_dangling(&self, id: &Digest) -> bool {
        self.names(id).is_empty() && self.children(id).next().is_none()
    }

    /// An intermediate image of a build: only `docker images -a` shows it.
    pub fn is_intermediate(&self, id: &Digest) -> bool {
        self.names(id).is_empty() && self.children(id).next().is_some()
    }

    /// By name, or by id, whole or the beginning of one. A name wins, as in the daemon's `GetImage`.
    pub fn lookup(&self, text: &str) -> Result<&Arc<Image>, StoreError> {
        let missing = |shown: String| StoreError::NoSuchImage(shown);
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        if let Some(id) = Digest::from_hex(hex) {
            return self.image(&id).ok_or_else(|| missing(text.to_owned()));
        }
        let reference = Reference::parse(text)?;
        if let Some(image) = self.inner.tags.get(&reference).and_then(|id| self.image(id)) {
            return Ok(image);
        }
        if let Some(image) = reference.digest.and_then(|digest| self.image(&digest)) {
            return Ok(image);
        }
        self.by_prefix(hex).ok_or_else(|| missing(reference.to_string()))
    }

    fn by_prefix(&self, prefix: &str) -> Option<&Arc<Image>> {
        let mut found = self.inner.images.values().filter(|image| image.id.hex().starts_with(prefix));
        let image = found.next().filter(|_| !prefix.is_empty())?;
        found.next().is_none().then_some(image)
    }
}

/// What can be changed.
impl Store {
    pub fn add_layer(&mut self, tar: Arc<[u8]>) -> Result<Arc<Layer>, TarError> {
        let layer = Arc::new(Layer::new(tar)?);
        let inner = Arc::make_mut(&mut self.inner);
        Ok(inner.layers.get_or_insert_with(layer.diff_id, || layer).clone())
    }

    /// As [`Store::add_layer`] for what may turn out to be no layer: it is only kept by [`Store::keep_layer`].
    pub(super) fn open_layer(&self, tar: Arc<[u8]>) -> Result<Arc<Layer>, TarError> {
        let known = self.layer(&Digest::of(&tar)).cloned();
        known.map_or_else(|| Layer::new(tar).map(Arc::new), Ok)
    }

    pub(super) fn keep_layer(&mut self, layer: Arc<Layer>) {
        Arc::make_mut(&mut self.inner).layers.get_or_insert_with(layer.diff_id, || layer);
    }

    /// Its layers must have been added.
    pub fn add_image(&mut self, config: ImageConfig, parent: Option<Digest>) -> Result<Arc<Image>, StoreError> {
        if config.diff_ids.len() > crate::sim::LAYERS {
            return Err(StoreError::Depth);
        }
        let json: Arc<[u8]> = config.json().into();
        let id = Digest::of(&json);
        let inner = Arc::make_mut(&mut self.inner);
        inner.created += 1;
        let image = Image { id, config, json, parent, number: inner.created };
        Ok(inner.images.get_or_insert_with(id, || Arc::new(image)).clone())
    }

    /// What a registry gives: a published image with its layers, under its name.
    pub fn add_base(&mut self, base: &BaseImage) -> Result<Arc<Image>, BaseError> {
        let reference = Reference::parse(&base.reference)?;
        let mut diff_ids = Vec::new();
        for tar in &base.layers {
            diff_ids.push(self.add_layer(tar.clone())?.diff_id);
        }
        let image = self.add_image(base_config(base, diff_ids), None)?;
        Arc::make_mut(&mut self.inner).tags.insert(reference, image.id);
        Ok(image)
    }

    pub fn keep_step(&mut self, key: Digest, diff_ids: &[Digest], created: String) {
        Arc::make_mut(&mut self.inner).steps.insert(key, Step { diff_ids: diff_ids.to_vec(), created });
    }

    /// Makes an image that was just pulled BuildKit's own.
    pub fn conceal(&mut self, name: &Reference) {
        let inner = Arc::make_mut(&mut self.inner);
        let Some(id) = inner.tags.remove(name) else { return };
        let image = match inner.tags.values().any(|named| *named == id) {
            true => inner.images.get(&id).cloned(),
            false => inner.images.remove(&id),
        };
        inner.sources.extend(image.map(|image| (name.clone(), image)));
    }

    /// Gives a name, taking it from whatever had it.
    pub fn tag(&mut self, id: Digest, name: Reference) {
        Arc::make_mut(&mut self.inner).tags.insert(name, id);
    }
}

/// Why a declared image cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    #[error("{0}")]
    Layer(#[from] TarError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

fn base_config(base: &BaseImage, diff_ids: Vec<Digest>) -> ImageConfig {
    let entry = |(created_by, layer): &(String, bool)| History {
        created: base.created.clone(),
        created_by: created_by.clone(),
        empty_layer: !layer,
        ..History::default()
    };
    let config = super::config::RunConfig {
        env: base.env.clone(),
        cmd: Some(base.cmd.clone()).filter(|cmd| !cmd.is_empty()),
        working_dir: base.working_dir.clone(),
        ..Default::default()
    };
    ImageConfig {
        config,
        created: base.created.clone(),
        history: base.history.iter().map(entry).collect(),
        diff_ids,
        ..ImageConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{self, Facts};

    fn layer(store: &mut Store, path: &str, content: &str) -> Digest {
        let tar = tar::write(&[Entry::file(path, 0o644, content)]);
        store.add_layer(tar.into()).unwrap().diff_id
    }

    fn image(store: &mut Store, diff_ids: &[Digest], parent: Option<Digest>, mark: &str) -> Digest {
        let config = ImageConfig { diff_ids: diff_ids.to_vec(), comment: mark.to_owned(), ..Default::default() };
        store.add_image(config, parent).unwrap().id
    }

    /// base:1 ← a step ← kid:1, as `FROM base:1` with two RUNs makes them.
    fn family() -> (Store, [Digest; 3]) {
        let mut store = Store::default();
        let [base, a, b] = ["base", "a", "b"].map(|name| layer(&mut store, name, name));
        let base_image = image(&mut store, &[base], None, "base");
        let step = image(&mut store, &[base, a], Some(base_image), "step");
        let kid = image(&mut store, &[base, a, b], Some(step), "kid");
        store.tag(base_image, Reference::parse("base:1").unwrap());
        store.tag(kid, Reference::parse("kid:1").unwrap());
        (store, [base_image, step, kid])
    }

    fn using(image: Digest, running: bool) -> Vec<Use> {
        vec![Use { container: "dd7cd2d46e95".to_owned(), image, running }]
    }

    fn refused(store: &mut Store, name: &str, force: bool, uses: &[Use]) -> String {
        store.remove(name, force, true, uses).unwrap_err().to_string()
    }

    #[test]
    fn a_chain_id_is_computed_as_the_specification_says() {
        let ids = ["a", "b", "c"].map(|text| Digest::of(text.as_bytes()));
        let chain = chain_ids(&ids);
        assert_eq!(chain[0], ids[0]);
        assert_eq!(chain[1], Digest::of(format!("{} {}", ids[0], ids[1]).as_bytes()));
        assert_eq!(chain[2], Digest::of(format!("{} {}", chain[1], ids[2]).as_bytes()));
    }

    #[test]
    fn removing_the_last_name_deletes_the_image_its_steps_and_their_layers() {
        let (mut store, [base, step, kid]) = family();
        let chain = chain_ids(store.image(&kid).unwrap().layers());
        let removed = store.remove("kid:1", false, true, &[]).unwrap();
        let expected = [
            Removed::Untagged(Reference::parse("kid:1").unwrap()),
            Removed::Deleted(kid),
            Removed::Deleted(chain[2]),
            Removed::Deleted(step),
            Removed::Deleted(chain[1]),
        ];
        assert_eq!(removed, expected);
        assert_eq!((store.images().len(), store.inner.layers.len()), (1, 1));
        assert!(store.image(&base).is_some(), "it has a name");
    }

    #[test]
    fn one_of_several_names_is_only_taken_off() {
        let (mut store, [.., kid]) = family();
        store.tag(kid, Reference::parse("kid:2").unwrap());
        let removed = store.remove("kid:1", false, true, &using(kid, true)).unwrap();
        assert_eq!(removed.iter().map(Removed::to_string).collect::<Vec<_>>(), ["Untagged: kid:1"]);
    }

    #[test]
    fn conflicts_are_told_in_docker_s_words() {
        // Recorded with Docker 20.10.24.
        let (mut store, [base, step, kid]) = family();
        let (k, s) = (kid.short(), step.short());
        let stopped = using(kid, false);
        assert_eq!(
            refused(&mut store, "kid:1", false, &stopped),
            format!(
                "conflict: unable to remove repository reference \"kid:1\" (must force) - container dd7cd2d46e95 is using its referenced image {k}"
            )
        );
        assert_eq!(
            refused(&mut store, &k, false, &stopped),
            format!(
                "conflict: unable to delete {k} (must be forced) - image is being used by stopped container dd7cd2d46e95"
            )
        );
        assert_eq!(
            refused(&mut store, &k, true, &using(kid, true)),
            format!(
                "conflict: unable to delete {k} (cannot be forced) - image is being used by running container dd7cd2d46e95"
            )
        );
        assert_eq!(
            refused(&mut store, &s, true, &[]),
            format!("conflict: unable to delete {s} (cannot be forced) - image has dependent child images")
        );
        store.tag(kid, Reference::parse("other:1").unwrap());
        assert_eq!(
            refused(&mut store, &k, false, &[]),
            format!("conflict: unable to delete {k} (must be forced) - image is referenced in multiple repositories")
        );
        assert_eq!(refused(&mut store, "nosuch", false, &[]), "No such image: nosuch:latest");
        assert_eq!(
            refused(&mut store, "Bad", false, &[]),
            "invalid reference format: repository name must be lowercase"
        );
        assert!(store.remove(&base.short(), true, true, &[]).is_err());
    }

    #[test]
    fn an_image_is_found_by_name_and_by_the_beginning_of_its_id() {
        let (store, [base, _, kid]) = family();
        assert_eq!(store.lookup("kid:1").unwrap().id, kid);
        assert_eq!(store.lookup("docker.io/library/base:1").unwrap().id, base);
        assert_eq!(store.lookup(&kid.hex()[..6]).unwrap().id, kid);
        assert_eq!(store.lookup(&kid.to_string()).unwrap().id, kid);
        assert_eq!(store.lookup("kid").unwrap_err().to_string(), "No such image: kid:latest");
    }

    #[test]
    fn a_clone_is_not_changed_by_its_original() {
        let (mut store, _) = family();
        let before = store.clone();
        store.remove("kid:1", false, true, &[]).unwrap();
        assert_eq!(before.images().len(), 3);
    }

    #[test]
    fn facts_tell_each_layer_and_the_copies_of_a_watched_file() {
        let mut store = Store::default();
        let one = layer(&mut store, "run.sh", "abc");
        let gone = store.add_layer(tar::write(&[Entry::whiteout("run.sh")]).into()).unwrap().diff_id;
        let id = image(&mut store, &[one, gone], None, "");
        store.tag(id, Reference::parse("web").unwrap());
        let mut facts = Facts::new();
        store.facts(&["/run.sh".to_owned()], &mut facts);
        let text = |path: &str| facts[path].to_string();
        assert_eq!(text("image/web:latest/layer/1/file/%2Frun.sh"), "file 0644 3");
        assert_eq!(text("image/web:latest/layer/2/file/%2Frun.sh"), "whiteout");
        assert_eq!(text("image/web/file/%2Frun.sh/copies"), "1");
        assert_eq!(text("store/layers"), "2");
        assert_eq!(text("image/web/layer/2/chain_id"), chain_ids(&[one, gone])[1].to_string());
        for path in facts.keys() {
            assert!(fact::catalogue::kind_of(path).is_some(), "{path}");
        }
    }
}
