//! `docker version`, `docker info` and `docker system df`.

use super::naming::stored_bytes;
use super::table::table;
use super::template::{self, Source};
use super::{Daemon, Turn, units};
use crate::call::Tid;
use crate::image::Digest;
use crate::image::config::DOCKER_VERSION;
use crate::node::Cid;
use crate::sim::{Map, Set};
use serde_json::{Value, json};

const API_VERSION: &str = "1.41";

/// What the client exits with when it cannot parse a template.
const BAD_TEMPLATE: i32 = 64;

impl Daemon {
    pub(super) fn version(&mut self, tid: Tid, format: Option<&str>) {
        let part = json!({ "Version": DOCKER_VERSION, "ApiVersion": API_VERSION, "Os": "linux", "Arch": "amd64" });
        let facts = json!({ "Client": part, "Server": part });
        if let Some(format) = format {
            return self.tell_template(tid, format, "version", Source::Type("system.versionInfo"), &facts);
        }
        let text = format!(
            "Client:\n Version:           {DOCKER_VERSION}\n API version:       {API_VERSION}\n OS/Arch:           linux/amd64\n Context:           default\n\nServer:\n Engine:\n  Version:          {DOCKER_VERSION}\n  API version:      {API_VERSION} (minimum version 1.12)\n  OS/Arch:          linux/amd64\n  Experimental:     false"
        );
        self.tell_line(tid, &text);
    }

    pub(super) fn info(&mut self, tid: Tid, format: Option<&str>) {
        let count = |status: &str| self.containers.values().filter(|c| c.status() == status).count();
        let (running, all) = (count("running"), self.containers.len());
        let images = self.images.store.images().len();
        if let Some(format) = format {
            let facts = json!({
                "Containers": all,
                "ContainersRunning": running,
                "ContainersPaused": 0,
                "ContainersStopped": all - running,
                "Images": images,
                "Driver": "overlay2",
                "LoggingDriver": "json-file",
                "ServerVersion": DOCKER_VERSION,
                "OperatingSystem": "Drydock",
                "OSType": "linux",
                "Architecture": "x86_64",
                "DockerRootDir": "/var/lib/docker",
            });
            return self.tell_template(tid, format, "", Source::Type("system.info"), &facts);
        }
        let stopped = all - running;
        let text = format!(
            "Client:\n Context:    default\n Debug Mode: false\n\nServer:\n Containers: {all}\n  Running: {running}\n  Paused: 0\n  Stopped: {stopped}\n Images: {images}\n Server Version: {DOCKER_VERSION}\n Storage Driver: overlay2\n Logging Driver: json-file\n Default Runtime: runc\n OSType: linux\n Architecture: x86_64\n Docker Root Dir: /var/lib/docker\n Debug Mode: false\n"
        );
        self.tell_line(tid, &text);
    }

    fn tell_template(&mut self, tid: Tid, format: &str, name: &str, source: Source, facts: &Value) {
        let parsed = match template::parse(format, name) {
            Ok(parsed) => parsed,
            Err(error) => return self.refuse(tid, &format!("Template parsing error: {error}"), BAD_TEMPLATE),
        };
        match parsed.execute(facts, name, source) {
            Ok(text) => self.tell_line(tid, &text),
            Err(error) => {
                self.say(tid, crate::node::Stream::Stdout, "\n");
                self.refuse(tid, &error, 1);
            }
        }
    }

    /// With the bytes of each container's upper layer.
    pub(super) fn disk_usage(&mut self, tid: Tid, sizes: &Map<Cid, u64>) {
        let store = &self.images.store;
        let used: Set<Digest> = self.containers.values().map(|c| c.image).collect();
        let shown: Vec<_> = store.images().into_iter().filter(|image| !store.is_intermediate(&image.id)).collect();
        let active = shown.iter().filter(|image| used.contains(&image.id)).count();
        let bytes = stored_bytes(store);
        let in_use: Set<Digest> = used.iter().flat_map(|image| self.image_layers(image)).collect();
        let kept: u64 = in_use.iter().filter_map(|id| store.layer(id)).map(|layer| layer.size_bytes).sum();
        let running = |cid: &Cid| self.containers.get(cid).is_some_and(|c| c.is_running());
        let of_containers: u64 = sizes.values().sum();
        let of_stopped: u64 = sizes.iter().filter(|(cid, _)| !running(cid)).map(|(_, size)| size).sum();
        let active_containers = self.containers.values().filter(|c| c.is_running()).count();
        let rows = [
            ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"].map(str::to_owned),
            usage("Images", shown.len(), active, bytes, bytes.saturating_sub(kept)),
            usage("Containers", self.containers.len(), active_containers, of_containers, of_stopped),
            usage("Local Volumes", 0, 0, 0, 0),
            usage("Build Cache", 0, 0, 0, 0),
        ];
        let text = table(&rows.map(|row| row.to_vec()));
        self.tell_line(tid, text.trim_end_matches('\n'));
    }

    pub(super) fn ask_disk_usage(&mut self, tid: Tid, turn: &mut Turn<'_>) {
        let all = self.containers.keys().copied().collect();
        self.read_uppers(tid, all, super::reading::Then::DiskUsage, turn);
    }
}

fn usage(kind: &str, total: usize, active: usize, bytes: u64, reclaimable: u64) -> [String; 5] {
    let reclaimable = match (reclaimable * 100).checked_div(bytes) {
        Some(percent) => format!("{} ({percent}%)", units::size4(reclaimable)),
        None => units::size4(reclaimable),
    };
    [kind.to_owned(), total.to_string(), active.to_string(), units::size4(bytes), reclaimable]
}
