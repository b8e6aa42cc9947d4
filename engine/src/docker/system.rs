//! `docker version`, `docker info` and `docker system df`.

use super::naming::stored_bytes;
use super::table::table;
use super::template::{self, Source};
use super::{Daemon, Turn, units};
use crate::call::Tid;
use crate::image::Digest;
use crate::image::config::DOCKER_VERSION;
use crate::node::Cid;
use crate::scenario::Era;
use crate::sim::{Map, Set};
use serde_json::{Value, json};

/// The client's half is recorded (`goldens/docker-cli/client.txt`), the server's is shortened.
const VERSION: &str = "Client:
 Version:           20.10.24
 API version:       1.41
 OS/Arch:           linux/amd64
 Context:           default

Server:
 Engine:
  Version:          20.10.24
  API version:      1.41 (minimum version 1.12)
  OS/Arch:          linux/amd64
  Experimental:     false";

/// `goldens/docker/today.golden`.
const VERSION_TODAY: &str = "Client:
 Version:           26.1.5+dfsg1
 API version:       1.45
 Go version:        go1.24.4
 Git commit:        a72d7cd
 Built:             Thu Aug 13 05:35:47 2026
 OS/Arch:           linux/amd64
 Context:           default

Server:
 Engine:
  Version:          26.1.5+dfsg1
  API version:      1.45 (minimum version 1.24)
  Go version:       go1.24.4
  Git commit:       411e817
  Built:            Thu Aug 13 05:35:47 2026
  OS/Arch:          linux/amd64
  Experimental:     false
 containerd:
  Version:          1.7.24~ds1
  GitCommit:        1.7.24~ds1-6+deb13u1
 runc:
  Version:          1.1.15+ds1
  GitCommit:        1.1.15+ds1-2+b4
 docker-init:
  Version:          0.19.0
  GitCommit:        ";

/// What the client exits with when it cannot parse a template.
const BAD_TEMPLATE: i32 = 64;

impl Daemon {
    pub(super) fn version(&mut self, tid: Tid, format: Option<&str>) {
        let (version, api) = self.release();
        if let Some(format) = format {
            let part = json!({ "Version": version, "ApiVersion": api, "Os": "linux", "Arch": "amd64" });
            let facts = json!({ "Client": part, "Server": part });
            return self.tell_template(tid, format, "version", Source::Type("system.versionInfo"), &facts);
        }
        match self.era {
            Era::Course => self.tell_line(tid, VERSION),
            Era::Today => self.tell_line(tid, VERSION_TODAY),
        }
    }

    /// Docker's version, and its interface's.
    fn release(&self) -> (&'static str, &'static str) {
        match self.era {
            Era::Course => (DOCKER_VERSION, "1.41"),
            Era::Today => ("26.1.5+dfsg1", "1.45"),
        }
    }

    pub(super) fn info(&mut self, tid: Tid, format: Option<&str>) {
        let count = |status: &str| self.containers.values().filter(|c| c.status() == status).count();
        let (running, all) = (count("running"), self.containers.len());
        let images = self.images.store.images().len();
        let (version, _) = self.release();
        if let Some(format) = format {
            let facts = json!({
                "Containers": all,
                "ContainersRunning": running,
                "ContainersPaused": 0,
                "ContainersStopped": all - running,
                "Images": images,
                "Driver": "overlay2",
                "LoggingDriver": "json-file",
                "ServerVersion": version,
                "OperatingSystem": "Drydock",
                "OSType": "linux",
                "Architecture": "x86_64",
                "DockerRootDir": "/var/lib/docker",
            });
            return self.tell_template(tid, format, "", Source::Type("system.info"), &facts);
        }
        let stopped = all - running;
        let text = format!(
            "Client:\n Context:    default\n Debug Mode: false\n\nServer:\n Containers: {all}\n  Running: {running}\n  Paused: 0\n  Stopped: {stopped}\n Images: {images}\n Server Version: {version}\n Storage Driver: overlay2\n Logging Driver: json-file\n Default Runtime: runc\n OSType: linux\n Architecture: x86_64\n Docker Root Dir: /var/lib/docker\n Debug Mode: false\n"
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
        let (received, received_bytes) = self.received.measure();
        let store = &self.images.store;
        let (steps, steps_bytes) = store.cache();
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
            cache(steps + received, steps_bytes + received_bytes),
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

/// All of the build cache can be had back; no part of it is in use when nothing is being built.
fn cache(records: usize, bytes: u64) -> [String; 5] {
    let size = units::size4(bytes);
    ["Build Cache".to_owned(), records.to_string(), "0".to_owned(), size.clone(), size]
}
