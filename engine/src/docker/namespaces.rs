//! `--pid`, `--ipc`, `--uts` and `--cgroupns`: whose namespaces a container is in (moby, api/types/container/hostconfig.go,
//! daemon/oci_linux.go, daemon/container_operations_unix.go).

use super::container::Container;
use super::request::ContainerConfig;
use super::{Daemon, Refusal};
use crate::node::{NamespaceSpec, Owner};

const HOST: &str = "host";
/// What a container has that does not ask for another, and what it may lend.
pub(super) const PRIVATE: &str = "private";
const SHAREABLE: &str = "shareable";
const NONE: &str = "none";

/// The name after `container:`.
fn container_of(mode: &str) -> Option<&str> {
    mode.strip_prefix("container:")
}

/// What a request is refused for before anything else is looked at.
pub(super) fn check(config: &ContainerConfig) -> Result<(), Refusal> {
    if config.uts_mode == HOST && config.hostname.is_some() {
        return Err(Refusal::daemon("conflicting options: hostname and the UTS mode"));
    }
    Ok(())
}

impl Daemon {
    /// Other containers are kept by their ids.
    pub(super) fn resolve_modes(&self, config: &mut ContainerConfig) -> Result<(), Refusal> {
        for mode in [&mut config.pid_mode, &mut config.ipc_mode] {
            let Some(name) = container_of(mode).filter(|name| !name.is_empty()) else { continue };
            let cid = self.find(name).map_err(Refusal::daemon)?;
            *mode = format!("container:{}", self.containers.get(&cid).map(|c| c.id.as_str()).unwrap_or_default());
        }
        Ok(())
    }

    pub(super) fn namespaces(&self, config: &ContainerConfig) -> NamespaceSpec {
        let owner = |mode: &str| match container_of(mode).map(|name| self.find(name)) {
            Some(Ok(cid)) => Owner::Container(cid),
            _ if mode == HOST => Owner::Node,
            _ => Owner::Own,
        };
        NamespaceSpec {
            pid: owner(&config.pid_mode),
            ipc: owner(&config.ipc_mode),
            uts: owner(&config.uts_mode),
            private_cgroup: Some(config.cgroupns_mode == PRIVATE).filter(|_| !config.cgroupns_mode.is_empty()),
        }
    }

    /// Who lends a namespace has to be there when the container starts.
    pub(super) fn can_join(&self, container: &Container) -> Result<(), String> {
        match container.config.ipc_mode.as_str() {
            "" | HOST | PRIVATE | SHAREABLE | NONE => {}
            mode => match container_of(mode) {
                Some(id) => self.lends_ipc(id).map_err(|why| format!("can't join IPC of container {id}: {why}"))?,
                None => return Err(format!("Invalid IPC mode: {mode}")),
            },
        }
        container_of(&container.config.pid_mode).map_or(Ok(()), |id| self.running(id).map(|_| ()))
    }

    fn lends_ipc(&self, id: &str) -> Result<(), String> {
        if id.is_empty() {
            return Err("invalid name or ID supplied: \"\"".to_owned());
        }
        match self.running(id)?.config.ipc_mode.as_str() {
            "" | PRIVATE | NONE => {
                Err("non-shareable IPC (hint: use IpcMode:shareable for the donor container)".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn running(&self, id: &str) -> Result<&Container, String> {
        let found = self.containers.get(&self.find(id)?).ok_or_else(|| format!("No such container: {id}"))?;
        if found.is_running() { Ok(found) } else { Err(format!("container {id} is not running")) }
    }
}

/// Has it a `/dev/shm` of its own?
pub(super) fn has_own_shm(config: &ContainerConfig) -> bool {
    config.ipc_mode != NONE && config.ipc_mode != HOST && container_of(&config.ipc_mode).is_none()
}
