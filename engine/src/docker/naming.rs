//! `docker tag`, `docker rmi`, `docker pull` and the prunes: what images are called, and when they go.

use super::listing::shown_id;
use super::request::ObjectKind;
use super::{Daemon, Turn, units};
use crate::call::Tid;
use crate::image::Digest;
use crate::image::reference::Reference;
use crate::image::store::{Removed, StoreError, Use};
use crate::node::{Cid, Stream};
use crate::sim::Map;
use crate::trace::Category;

impl Daemon {
    pub(super) fn tag(&mut self, tid: Tid, source: &str, target: &str, turn: &mut Turn<'_>) {
        let reference = match Reference::parse_new(target) {
            Ok(reference) => reference,
            Err(error) => {
                let text = format!("Error parsing reference: \"{target}\" is not a valid repository/tag: {error}");
                return self.refuse(tid, &text, 1);
            }
        };
        match self.lookup(source) {
            Ok(image) => {
                self.name_image(image.id, reference, turn);
                self.finish(tid, 0);
            }
            Err(error) => self.refuse(tid, &format!("Error response from daemon: {error}"), 1),
        }
    }

    pub(super) fn name_image(&mut self, id: Digest, reference: Reference, turn: &mut Turn<'_>) {
        let name = reference.to_string();
        self.images.store.tag(id, reference);
        turn.decide(Category::Layer, &["image", &name], format!("image tagged {name}: {}", shown_id(&id, false)));
    }

    pub(super) fn rmi(&mut self, tid: Tid, names: &[String], force: bool, prune: bool, turn: &mut Turn<'_>) {
        let mut errors = Vec::new();
        let mut fatal = false;
        for name in names {
            let uses = self.uses();
            match self.images.store.remove(name, force, prune, &uses) {
                Ok(removed) => {
                    let text: String = self.removed_lines(&removed).iter().map(|line| format!("{line}\n")).collect();
                    self.say(tid, Stream::Stdout, &text);
                    self.note_removed(&removed, turn);
                }
                Err(StoreError::NoSuchImage(_)) => errors.push(format!("Error: No such image: {name}")),
                Err(error) => {
                    fatal = true;
                    errors.push(format!("Error response from daemon: {error}"));
                }
            }
        }
        for error in &errors {
            self.say(tid, Stream::Stderr, &format!("{error}\n"));
        }
        let failed = !errors.is_empty() && (fatal || !force);
        self.finish(tid, i32::from(failed));
    }

    /// Who keeps which image from being removed.
    fn uses(&self) -> Vec<Use> {
        let used = |c: &std::sync::Arc<super::container::Container>| Use {
            container: c.short_id().to_owned(),
            image: c.image,
            running: c.is_running(),
        };
        self.containers.values().map(used).collect()
    }

    /// With the name by digest that goes with a pulled image's last tag in its repository.
    fn removed_lines(&self, removed: &[Removed]) -> Vec<String> {
        let mut lines = Vec::new();
        let deleted: Vec<Digest> =
            removed.iter().filter_map(|r| if let Removed::Deleted(id) = r { Some(*id) } else { None }).collect();
        for line in removed {
            lines.push(line.to_string());
            let Removed::Untagged(name) = line else { continue };
            let digests = deleted.iter().flat_map(|id| self.images.repo_digests(id));
            let its = digests.filter(|(repository, _)| *repository == name.repository());
            lines.extend(its.map(|(repository, digest)| format!("Untagged: {repository}@{digest}")));
        }
        lines
    }

    fn note_removed(&mut self, removed: &[Removed], turn: &mut Turn<'_>) {
        for removed in removed {
            if let Removed::Untagged(name) = removed {
                let name = name.to_string();
                turn.decide(Category::Layer, &["image", &name], format!("image untagged {name}"));
            }
        }
    }

    pub(super) fn pull(&mut self, tid: Tid, name: &str, quiet: bool, turn: &mut Turn<'_>) {
        if !quiet && Reference::parse(name).is_ok() && !has_tag(name) {
            self.say(tid, Stream::Stdout, "Using default tag: latest\n");
        }
        match self.images.pull(name) {
            Ok(pulled) => {
                let full = format!("{}/{}", pulled.reference.domain, pulled.reference.path);
                let tag = pulled.reference.tag.clone().unwrap_or_default();
                let progress = if quiet { String::new() } else { format!("{}\n", pulled.lines.join("\n")) };
                self.say(tid, Stream::Stdout, &format!("{progress}{full}:{tag}\n"));
                self.note_pulled(&pulled, turn);
                self.finish(tid, 0);
            }
            Err(text) => self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        }
    }

    pub(super) fn note_pulled(&mut self, pulled: &super::images::Pulled, turn: &mut Turn<'_>) {
        let name = pulled.reference.to_string();
        let layers = pulled.image.layers().len();
        let text = format!("image pulled {name}: {layers} layer{}", if layers == 1 { "" } else { "s" });
        turn.decide(Category::Layer, &["image", &name], text);
        for (i, diff_id) in pulled.image.layers().iter().enumerate() {
            if pulled.fresh.contains(diff_id) {
                let number = (i + 1).to_string();
                turn.decide_layer(&["image", &name, "layer", &number], *diff_id, format!("layer {number} of {name}"));
            }
        }
    }

    pub(super) fn prune(&mut self, tid: Tid, what: ObjectKind, all: bool, turn: &mut Turn<'_>) {
        match what {
            ObjectKind::Image => self.prune_images(tid, all, turn),
            ObjectKind::Container => {
                let stopped = self.containers.values().filter(|c| c.job().is_none()).map(|c| c.cid).collect();
                self.read_uppers(tid, stopped, super::reading::Then::Prune, turn);
            }
        }
    }

    pub(super) fn prune_containers(&mut self, tid: Tid, sizes: &Map<Cid, u64>, turn: &mut Turn<'_>) {
        let mut text = String::new();
        for cid in sizes.keys() {
            let Some(id) = self.containers.get(cid).filter(|c| c.job().is_none()).map(|c| c.id.clone()) else {
                continue;
            };
            text.push_str(&format!("{id}\n"));
            self.remove(*cid, turn);
        }
        let reclaimed = units::size4(sizes.values().sum());
        let listed = if text.is_empty() { String::new() } else { format!("Deleted Containers:\n{text}\n") };
        self.tell_line(tid, &format!("{listed}Total reclaimed space: {reclaimed}"));
    }

    fn prune_images(&mut self, tid: Tid, all: bool, turn: &mut Turn<'_>) {
        let store = &self.images.store;
        let before = stored_bytes(store);
        let used: Vec<Digest> = self.containers.values().map(|c| c.image).collect();
        let doomed: Vec<Digest> = store
            .images()
            .iter()
            .filter(|image| !used.contains(&image.id) && store.children(&image.id).next().is_none())
            .filter(|image| all || store.is_dangling(&image.id))
            .map(|image| image.id)
            .collect();
        let mut lines = Vec::new();
        for id in doomed {
            let uses = self.uses();
            let names: Vec<String> = self.images.store.names(&id).iter().map(ToString::to_string).collect();
            let targets = if names.is_empty() { vec![id.to_string()] } else { names };
            for name in targets {
                if let Ok(removed) = self.images.store.remove(&name, false, true, &uses) {
                    lines.extend(self.removed_lines(&removed));
                    self.note_removed(&removed, turn);
                }
            }
        }
        let reclaimed = units::size4(before.saturating_sub(stored_bytes(&self.images.store)));
        let lines: String = lines.iter().map(|line| format!("{}\n", lower_first(line))).collect();
        let listed = if lines.is_empty() { String::new() } else { format!("Deleted Images:\n{lines}\n") };
        self.tell_line(tid, &format!("{listed}Total reclaimed space: {reclaimed}"));
    }
}

/// Bytes of all different layers that images hold.
pub(super) fn stored_bytes(store: &crate::image::store::Store) -> u64 {
    let mut layers = Map::new();
    for image in store.images() {
        layers.extend(store.layers_of(image).iter().map(|layer| (layer.diff_id, layer.size_bytes)));
    }
    layers.values().sum()
}

fn has_tag(name: &str) -> bool {
    name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// The prune lists what `rmi` lists, in lower case.
fn lower_first(line: &str) -> String {
    let mut chars = line.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
