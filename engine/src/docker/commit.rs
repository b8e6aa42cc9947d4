//! `docker commit`: a container's upper layer as a new image on top of its own.

use super::container::{self, Container};
use super::reading::Then;
use super::{Daemon, Turn};
use crate::call::Tid;
use crate::image::build;
use crate::image::config::{History, ImageConfig, RunConfig};
use crate::image::reference::Reference;
use crate::node::Cid;
use crate::trace::Category;
use std::sync::Arc;

/// What was asked, as [`super::Request::Commit`] says it.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub container: String,
    pub reference: Option<String>,
    pub author: String,
    pub message: String,
    pub changes: Vec<String>,
}

impl Daemon {
    pub(super) fn commit(&mut self, tid: Tid, commit: Commit, turn: &mut Turn<'_>) {
        if let Some(Err(error)) = commit.reference.as_deref().map(Reference::parse_new) {
            return self.refuse(tid, &error.to_string(), 1);
        }
        let checked = self.find(&commit.container).and_then(|cid| {
            let mut config = RunConfig::default();
            commit.changes.iter().try_for_each(|change| build::change(&mut config, change)).map(|()| cid)
        });
        match checked {
            Ok(cid) => self.read_uppers(tid, vec![cid], Then::Commit { commit, container: cid }, turn),
            Err(text) => self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        }
    }

    pub(super) fn commit_upper(&mut self, tid: Tid, commit: &Commit, cid: Cid, upper: Arc<[u8]>, turn: &mut Turn<'_>) {
        let Some(container) = self.containers.get(&cid).cloned() else { return };
        let made = self.make_image(&container, commit, upper, turn);
        match made {
            Ok(id) => {
                if let Some(Ok(name)) = commit.reference.as_deref().map(Reference::parse_new) {
                    self.name_image(id, name, turn);
                }
                self.tell_line(tid, &id.to_string());
            }
            Err(text) => self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        }
    }

    fn make_image(
        &mut self,
        container: &Container,
        commit: &Commit,
        upper: Arc<[u8]>,
        turn: &mut Turn<'_>,
    ) -> Result<crate::image::Digest, String> {
        let parent = self.images.get(&container.image).cloned();
        let before = parent.as_ref().map(|image| image.config.clone()).unwrap_or_default();
        let own = run_config(container, &before.config);
        let mut config = own.clone();
        for change in &commit.changes {
            build::change(&mut config, change)?;
        }
        let layer = self.images.store.add_layer(upper).map_err(|error| error.to_string())?;
        let created = container::timestamp(turn.now);
        let mut image = ImageConfig {
            author: commit.author.clone(),
            comment: commit.message.clone(),
            config,
            container: Some(container.id.clone()),
            container_config: Some(own),
            created: created.clone(),
            ..before
        };
        image.history.push(History {
            created,
            author: commit.author.clone(),
            created_by: container.argv.join(" "),
            comment: commit.message.clone(),
            empty_layer: layer.is_empty(),
        });
        if !layer.is_empty() {
            image.diff_ids.push(layer.diff_id);
        }
        let number = image.diff_ids.len();
        let made =
            self.images.store.add_image(image, parent.map(|image| image.id)).map_err(|error| error.to_string())?;
        let shown = commit.reference.clone().unwrap_or_else(|| made.id.short());
        if layer.is_empty() {
            turn.decide(
                Category::Layer,
                &["image", &shown],
                format!("image committed from {}: no change", container.name),
            );
        } else {
            let text = format!("layer {number}: committed from {}", container.name);
            turn.decide_layer(&["image", &shown, "layer", &number.to_string()], layer.diff_id, text);
        }
        Ok(made.id)
    }
}

/// What a container was created with, as an image's configuration.
fn run_config(c: &Container, image: &RunConfig) -> RunConfig {
    RunConfig {
        hostname: c.hostname.clone(),
        user: c.user.clone(),
        exposed_ports: c.exposed_ports.iter().cloned().collect(),
        env: c.env.clone(),
        cmd: Some(c.cmd.clone()).filter(|cmd| !cmd.is_empty()),
        image: c.config.image.clone(),
        working_dir: c.workdir.clone(),
        entrypoint: c.entrypoint.clone(),
        labels: Some(c.labels.iter().cloned().collect()),
        ..image.clone()
    }
}
