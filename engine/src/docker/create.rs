//! Making a container: what the client said over what the image says, checked in the daemon's order.

use super::capabilities;
use super::container::{Container, Log, State};
use super::request::ContainerConfig;
use super::{Daemon, Refusal, Turn, names, namespaces, resources, tmpfs};
use crate::call::Signal;
use crate::image::Digest;
use crate::node::{Bind, Cid, ContainerSpec, NodeRequest, Stdin, Tmpfs};
use crate::sim;
use crate::sim::Map;
use crate::trace::Category;

/// What image and client together say of the process.
pub(super) struct Merged {
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub workdir: String,
    pub user: String,
    pub stop_signal: Option<String>,
    pub labels: Vec<(String, String)>,
    pub exposed_ports: Vec<String>,
}

impl Daemon {
    /// A container of an image that is here, in the order of checks of the daemon's `create`.
    pub(super) fn create(
        &mut self,
        mut config: ContainerConfig,
        image: Digest,
        stdin: Stdin,
        turn: &mut Turn<'_>,
    ) -> Result<Cid, Refusal> {
        config.resources = resources::settled(config.resources);
        let merged = self.merge(&config, &image)?;
        let argv: Vec<String> = merged.entrypoint.iter().flatten().chain(&merged.cmd).cloned().collect();
        if argv.first().is_none_or(String::is_empty) {
            return Err(Refusal::daemon("No command specified"));
        }
        if self.containers.len() >= sim::CONTAINERS {
            return Err(Refusal::daemon(format!(
                "too many containers: this machine keeps {}; remove some with `docker rm`",
                sim::CONTAINERS
            )));
        }
        self.resolve_modes(&mut config)?;
        let name = self.reserve_name(config.name.as_deref())?;
        let (tmpfs, binds) = (tmpfs::mounts(&config)?, binds(&config)?);
        let id = names::id(&mut self.ids);
        let hostname = config.hostname.clone().unwrap_or_else(|| id[..12].to_owned());
        let cid = Cid(self.next_cid);
        self.next_cid += 1;
        let container = Container {
            cid,
            id,
            name,
            image,
            argv,
            entrypoint: merged.entrypoint,
            cmd: merged.cmd,
            env: merged.env,
            workdir: merged.workdir,
            user: merged.user,
            hostname,
            stop_signal: merged.stop_signal.as_deref().and_then(parse_signal).unwrap_or(Signal::SIGTERM),
            labels: merged.labels,
            exposed_ports: merged.exposed_ports,
            layers: self.image_layers(&image),
            stdin,
            auto_remove: false,
            attached: false,
            of_build: false,
            created_at: turn.now,
            state: State::Created { failed: None },
            oom: Default::default(),
            log: Log::default(),
            config,
        };
        self.add_to_node(&container, tmpfs, binds, turn);
        let from = container.config.image.clone();
        turn.decide(Category::Container, &["container", &container.name], format!("container created from {from}"));
        self.containers.insert(cid, container.into());
        Ok(cid)
    }

    fn merge(&self, config: &ContainerConfig, image: &Digest) -> Result<Merged, Refusal> {
        let Some(image) = self.images.get(image) else {
            return Err(Refusal::daemon(format!("No such image: {}", config.image)));
        };
        let image = &image.config.config;
        let (entrypoint, cmd) = match config.entrypoint.as_deref() {
            // The image's command belongs to the image's entrypoint: with another one it is dropped.
            Some("") => (None, config.argv.clone()),
            Some(path) => (Some(vec![path.to_owned()]), config.argv.clone()),
            None if config.argv.is_empty() => (image.entrypoint.clone(), image.cmd.clone().unwrap_or_default()),
            None => (image.entrypoint.clone(), config.argv.clone()),
        };
        let mut env = config.env.clone();
        let named = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
        for variable in &image.env {
            if !config.env.iter().any(|own| named(own) == named(variable)) {
                env.push(variable.clone());
            }
        }
        Ok(Merged {
            entrypoint,
            cmd,
            env,
            workdir: config.workdir.clone().unwrap_or_else(|| image.working_dir.clone()),
            user: config.user.clone().unwrap_or_else(|| image.user.clone()),
            stop_signal: config.stop_signal.clone().or_else(|| image.stop_signal.clone()),
            labels: merged_labels(image.labels.as_ref(), &config.labels),
            exposed_ports: image.exposed_ports.iter().cloned().collect(),
        })
    }

    fn reserve_name(&mut self, wanted: Option<&str>) -> Result<String, Refusal> {
        let containers = &self.containers;
        let Some(wanted) = wanted else {
            return Ok(names::name(&mut self.names, |name| containers.values().any(|c| c.name == name)));
        };
        let name = wanted.strip_prefix('/').unwrap_or(wanted);
        if !is_container_name(name) {
            return Err(Refusal::daemon(format!(
                "Invalid container name ({wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )));
        }
        match containers.values().find(|c| c.name == name) {
            Some(other) => Err(Refusal::daemon(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            ))),
            None => Ok(name.to_owned()),
        }
    }

    /// The node gets the layers it lacks, then the container.
    pub(super) fn add_to_node(
        &mut self,
        container: &Container,
        tmpfs: Vec<Tmpfs>,
        binds: Vec<Bind>,
        turn: &mut Turn<'_>,
    ) {
        for diff_id in &container.layers {
            let Some(layer) = self.images.store.layer(diff_id) else { continue };
            if self.node_layers.insert(*diff_id) {
                turn.out.requests.push(NodeRequest::AddLayer { diff_id: *diff_id, tar: layer.tar.clone() });
            }
        }
        let spec = ContainerSpec {
            name: container.name.clone(),
            hostname: container.hostname.clone(),
            layers: container.layers.clone(),
            namespaces: self.namespaces(&container.config),
            tmpfs,
            binds,
            read_only: container.config.read_only,
            capabilities: capabilities::granted(&container.config),
            // As its cgroupfs driver names it.
            cgroup: resources::group(format!("docker/{}", container.id), &container.config.resources),
        };
        turn.out.requests.push(NodeRequest::Create { container: container.cid, spec });
    }
}

/// The client's labels win; sorted by name, as a Go map prints.
fn merged_labels(image: Option<&Map<String, String>>, client: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = image.cloned().unwrap_or_default();
    all.extend(client.iter().cloned());
    all.into_iter().collect()
}

/// What the daemon refuses before it looks for the image.
pub(super) fn check_settings(config: &ContainerConfig) -> Result<(), Refusal> {
    namespaces::check(config)?;
    if let Some(dir) = config.workdir.as_deref().filter(|dir| !dir.starts_with('/') && !dir.is_empty()) {
        return Err(Refusal::daemon(format!(
            "the working directory '{dir}' is invalid, it needs to be an absolute path"
        )));
    }
    if let Some(signal) = config.stop_signal.as_deref().filter(|signal| parse_signal(signal).is_none()) {
        return Err(Refusal::daemon(format!("Invalid signal: {signal}")));
    }
    for (what, names) in [("CapAdd", &config.cap_add), ("CapDrop", &config.cap_drop)] {
        capabilities::check(names).map_err(|why| Refusal::daemon(format!("invalid {what}: {why}")))?;
    }
    resources::check(&config.resources)
}

fn binds(config: &ContainerConfig) -> Result<Vec<Bind>, Refusal> {
    let bind = |(source, target, read_only): &(String, String, bool)| {
        if !target.starts_with('/') {
            return Err(Refusal::daemon(format!(
                "invalid volume specification: '{source}:{target}': invalid mount config for type \"bind\": invalid mount path: '{target}' mount path must be absolute"
            )));
        }
        if source.starts_with('/') {
            return Ok(Bind { source: source.clone(), target: target.clone(), read_only: *read_only });
        }
        if source.contains(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c)) {
            return Err(Refusal::daemon(format!(
                "create {source}: \"{source}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )));
        }
        Err(Refusal::daemon(format!("create {source}: named volumes are not simulated; pass an absolute path")))
    };
    config.volumes.iter().map(bind).collect()
}

/// names.RestrictedNameChars.
fn is_container_name(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// signal.ParseSignal: a number, or a name with or without `SIG`, in any case.
pub(super) fn parse_signal(text: &str) -> Option<Signal> {
    if let Ok(number) = text.parse::<i32>() {
        return Signal::from_number(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    Signal::ALL.iter().copied().find(|signal| signal.name().strip_prefix("SIG") == Some(name))
}
