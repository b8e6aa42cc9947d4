//! An image as JSON: types.ImageInspect of API 1.41. What `config` and `container_config` say is what the image's own
//! configuration says.

use super::super::Daemon;
use super::graph_driver;
use crate::image::Digest;
use serde_json::{Map, Value, json};

impl Daemon {
    pub(super) fn image_json(&self, id: &Digest) -> Option<Value> {
        let image = self.images.get(id)?;
        let stored: Value = serde_json::from_slice(&image.json).ok()?;
        let of = |key: &str, otherwise: Value| stored.get(key).cloned().unwrap_or(otherwise);
        let names: Vec<String> = self.images.store.names(id).iter().map(ToString::to_string).collect();
        let digests: Vec<String> =
            self.images.repo_digests(id).iter().map(|(repository, digest)| format!("{repository}@{digest}")).collect();
        let size = self.images.store.size_bytes(image);
        let layers: Vec<String> = image.layers().iter().map(Digest::to_string).collect();
        let comment = image.config.history.last().map(|entry| entry.comment.as_str()).unwrap_or_default();
        let mut root_fs = Map::new();
        root_fs.insert("Type".to_owned(), "layers".into());
        if !layers.is_empty() {
            root_fs.insert("Layers".to_owned(), layers.into());
        }
        Some(json!({
            "Id": id.to_string(),
            "RepoTags": names,
            "RepoDigests": digests,
            "Parent": image.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            "Comment": of("comment", comment.into()),
            "Created": of("created", "".into()),
            "Container": of("container", "".into()),
            "ContainerConfig": of("container_config", empty_config()),
            "DockerVersion": of("docker_version", "".into()),
            "Author": of("author", "".into()),
            "Config": of("config", Value::Null),
            "Architecture": "amd64",
            "Os": "linux",
            "Size": size,
            "VirtualSize": size,
            "GraphDriver": self.image_driver(id),
            "RootFS": root_fs,
            "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
        }))
    }

    fn image_driver(&self, id: &Digest) -> Value {
        let mut dirs = self.cache_ids(id);
        match dirs.pop() {
            Some(top) => {
                dirs.reverse();
                graph_driver(&top, &dirs)
            }
            None => json!({ "Data": null, "Name": "overlay2" }),
        }
    }
}

fn empty_config() -> Value {
    json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null,
        "Image": "", "Volumes": null, "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": null,
    })
}
