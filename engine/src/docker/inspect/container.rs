//! A container as JSON: types.ContainerJSON of API 1.41, the fields that mean something here.

use super::super::Daemon;
use super::super::container::{Container, State, timestamp};
use super::super::tmpfs;
use super::super::{capabilities, namespaces};
use super::{graph_driver, object, or_null};
use crate::image::Digest;
use crate::node::Cid;
use crate::scenario::Era;
use serde_json::{Map, Value, json};

impl Daemon {
    pub(super) fn container_json(&self, cid: Cid, size_rw: Option<u64>) -> Option<Value> {
        let c = self.containers.get(&cid)?;
        let dir = format!("/var/lib/docker/containers/{}", c.id);
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| {
            json.insert(name.to_owned(), value);
        };
        put("Id", c.id.clone().into());
        put("Created", timestamp(c.created_at).into());
        put("Path", c.argv.first().cloned().unwrap_or_default().into());
        put("Args", c.argv.get(1..).unwrap_or_default().into());
        put("State", state(c));
        put("Image", c.image.to_string().into());
        put("ResolvConfPath", format!("{dir}/resolv.conf").into());
        put("HostnamePath", format!("{dir}/hostname").into());
        put("HostsPath", format!("{dir}/hosts").into());
        put("LogPath", format!("{dir}/{}-json.log", c.id).into());
        put("Name", format!("/{}", c.name).into());
        put("RestartCount", 0.into());
        put("Driver", "overlay2".into());
        put("Platform", "linux".into());
        put("MountLabel", "".into());
        put("ProcessLabel", "".into());
        put("AppArmorProfile", "".into());
        put("ExecIDs", self.exec_ids(cid));
        put("HostConfig", host_config(c, self.era));
        put("GraphDriver", self.container_driver(c));
        if let Some(bytes) = size_rw {
            put("SizeRw", bytes.into());
            put("SizeRootFs", (bytes + self.images.size(&c.image)).into());
        }
        put("Mounts", c.config.volumes.iter().map(mount).collect());
        put("Config", config(c));
        put("NetworkSettings", network_settings());
        Some(Value::Object(json))
    }

    fn container_driver(&self, c: &Container) -> Value {
        let id = Digest::of(c.id.as_bytes()).hex();
        let init = format!("{id}-init");
        let mut lowers = vec![init];
        lowers.extend(self.cache_ids(&c.image).into_iter().rev());
        graph_driver(&id, &lowers)
    }
}

fn state(c: &Container) -> Value {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let (pid, started, finished) = match &c.state {
        State::Running { pid, since, .. } => (*pid, timestamp(*since), NEVER.to_owned()),
        State::Exited { started_at, at, .. } => (0, timestamp(*started_at), timestamp(*at)),
        _ => (0, NEVER.to_owned(), NEVER.to_owned()),
    };
    let error = match &c.state {
        State::Created { failed: Some((_, text)) } => text.as_str(),
        _ => "",
    };
    json!({
        "Status": c.status(),
        "Running": c.is_running(),
        "Paused": false,
        "Restarting": false,
        "OOMKilled": c.oom.shown,
        "Dead": false,
        "Pid": pid,
        "ExitCode": c.exit_code(),
        "Error": error,
        "StartedAt": started,
        "FinishedAt": finished,
    })
}

fn host_config(c: &Container, era: Era) -> Value {
    let bind = |(source, target, read_only): &(String, String, bool)| {
        format!("{source}:{target}{}", if *read_only { ":ro" } else { "" })
    };
    let binds: Vec<String> = c.config.volumes.iter().map(bind).collect();
    let used = &c.config.resources;
    // The client of 20.10 passes on what was typed.
    let (cap_add, cap_drop) = match era {
        Era::Course => (c.config.cap_add.clone(), c.config.cap_drop.clone()),
        Era::Today => capabilities::effective(&c.config.cap_add, &c.config.cap_drop),
    };
    json!({
        "Binds": or_null(&binds),
        "ContainerIDFile": "",
        "LogConfig": { "Type": "json-file", "Config": {} },
        "NetworkMode": "none",
        "PortBindings": port_bindings(c),
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "AutoRemove": c.auto_remove,
        "CapAdd": capabilities::shown(cap_add),
        "CapDrop": capabilities::shown(cap_drop),
        "CgroupnsMode": or_private(&c.config.cgroupns_mode),
        "IpcMode": or_private(&c.config.ipc_mode),
        "PidMode": c.config.pid_mode,
        "Privileged": false,
        "PublishAllPorts": false,
        "ReadonlyRootfs": c.config.read_only,
        "ShmSize": tmpfs::shm_bytes(&c.config).unwrap_or(tmpfs::SHM_BYTES),
        "UTSMode": c.config.uts_mode,
        "UsernsMode": "",
        "Runtime": "runc",
        "CpuShares": used.cpu_shares,
        "Memory": used.memory,
        "NanoCpus": used.nano_cpus,
        "CpuPeriod": used.cpu_period,
        "CpuQuota": used.cpu_quota,
        "CpusetCpus": used.cpuset_cpus,
        "MemorySwap": used.memory_swap,
        "PidsLimit": if used.pids_limit <= 0 { Value::Null } else { used.pids_limit.into() },
    })
}

fn or_private(mode: &str) -> &str {
    if mode.is_empty() { namespaces::PRIVATE } else { mode }
}

fn port_bindings(c: &Container) -> Value {
    let binding = |publish: &String| {
        let (rest, protocol) = publish.split_once('/').unwrap_or((publish, "tcp"));
        let (host, inside) = rest.rsplit_once(':').unwrap_or(("", rest));
        let (ip, port) = host.rsplit_once(':').unwrap_or(("", host));
        (format!("{inside}/{protocol}"), json!([{ "HostIp": ip, "HostPort": port }]))
    };
    Value::Object(c.config.publish.iter().map(binding).collect())
}

fn mount((source, target, read_only): &(String, String, bool)) -> Value {
    let mode = if *read_only { "ro" } else { "" };
    json!({
        "Type": "bind", "Source": source, "Destination": target, "Mode": mode, "RW": !read_only, "Propagation": "rprivate",
    })
}

fn config(c: &Container) -> Value {
    let mut config = Map::new();
    let mut put = |name: &str, value: Value| {
        config.insert(name.to_owned(), value);
    };
    put("Hostname", c.hostname.clone().into());
    put("Domainname", "".into());
    put("User", c.user.clone().into());
    put("AttachStdin", (c.config.open_stdin && c.attached).into());
    put("AttachStdout", c.attached.into());
    put("AttachStderr", c.attached.into());
    if !c.exposed_ports.is_empty() {
        put("ExposedPorts", Value::Object(c.exposed_ports.iter().map(|port| (port.clone(), json!({}))).collect()));
    }
    put("Tty", c.config.tty.into());
    put("OpenStdin", c.config.open_stdin.into());
    put("StdinOnce", (c.config.open_stdin && c.attached).into());
    put("Env", or_null(&c.env));
    put("Cmd", or_null(&c.cmd));
    put("Image", c.config.image.clone().into());
    put("Volumes", Value::Null);
    put("WorkingDir", c.workdir.clone().into());
    put("Entrypoint", c.entrypoint.as_deref().map_or(Value::Null, Value::from));
    put("OnBuild", Value::Null);
    put("Labels", object(&c.labels));
    if let Some(signal) = &c.config.stop_signal {
        put("StopSignal", signal.clone().into());
    }
    if let Some(timeout) = c.config.stop_timeout_s {
        put("StopTimeout", timeout.into());
    }
    Value::Object(config)
}

fn network_settings() -> Value {
    json!({
        "Bridge": "",
        "Ports": {},
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "MacAddress": "",
        "Networks": { "none": { "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "", "MacAddress": "" } },
    })
}
