//! What a client asks of the daemon, parsed, and how it is answered: the Engine API as types.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One request. No field holds a command line: [`crate::command`] has parsed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The next piece of the answer to this client's last request, whose answer said [`Then::Again`].
    Continue,
    Build(Box<Build>),
    Images {
        all: bool,
        quiet: bool,
        no_trunc: bool,
        digests: bool,
        repository: Option<String>,
        filters: Vec<String>,
        format: Option<String>,
    },
    History {
        image: String,
        quiet: bool,
        no_trunc: bool,
        human: bool,
        format: Option<String>,
    },
    Inspect {
        names: Vec<String>,
        kind: Option<ObjectKind>,
        size: bool,
        format: Option<String>,
    },
    Create {
        config: Box<ContainerConfig>,
    },
    Run(Box<Run>),
    Start {
        containers: Vec<String>,
        attach: bool,
        interactive: bool,
        /// What the client brings along with `-i`.
        stdin: ClientStdin,
    },
    Restart {
        containers: Vec<String>,
        timeout_s: Option<i64>,
    },
    Stop {
        containers: Vec<String>,
        timeout_s: Option<i64>,
    },
    Kill {
        containers: Vec<String>,
        signal: String,
    },
    Wait {
        containers: Vec<String>,
    },
    Rm {
        containers: Vec<String>,
        force: bool,
        volumes: bool,
    },
    Rmi {
        images: Vec<String>,
        force: bool,
        no_prune: bool,
    },
    Ps {
        all: bool,
        quiet: bool,
        no_trunc: bool,
        size: bool,
        latest: bool,
        last: Option<i64>,
        filters: Vec<String>,
        format: Option<String>,
    },
    Exec(Box<Exec>),
    Logs {
        container: String,
        follow: bool,
        timestamps: bool,
        tail: Option<String>,
    },
    Top {
        container: String,
    },
    Diff {
        container: String,
    },
    Commit {
        container: String,
        reference: Option<String>,
        author: String,
        message: String,
        changes: Vec<String>,
    },
    Tag {
        source: String,
        target: String,
    },
    Pull {
        reference: String,
        quiet: bool,
        all_tags: bool,
    },
    Version {
        format: Option<String>,
    },
    Info {
        format: Option<String>,
    },
    /// `docker system df`.
    DiskUsage,
    /// `docker image prune` and `docker container prune`, already confirmed.
    Prune {
        what: ObjectKind,
        all: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectKind {
    Image,
    Container,
}

/// `docker build`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The build context as an uncompressed tar, made by the client from its own files, `.dockerignore` applied.
    pub context: Arc<[u8]>,
    /// What the real client sends: the context, and what it leaves the daemon to drop.
    pub sent_bytes: u64,
    /// Text of the Dockerfile.
    pub dockerfile: String,
    /// What the Dockerfile is called, without its directory.
    pub name: String,
    /// What the client met while it read its files, in its words: there is nothing to build then.
    pub problem: Option<Problem>,
    pub tags: Vec<String>,
    pub build_args: Vec<(String, String)>,
    pub labels: Vec<(String, String)>,
    pub target: Option<String>,
    pub no_cache: bool,
    pub pull: bool,
    pub quiet: bool,
    /// `--rm` (the default) removes intermediate containers.
    pub remove: bool,
    /// `DOCKER_BUILDKIT=0`: the classic builder, whatever the era.
    pub classic: bool,
    /// `--progress`, which is BuildKit's.
    pub progress: Option<String>,
}

/// Why a client has nothing to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    Context(String),
    /// There is no such file; BuildKit's client leaves this to the daemon.
    NoDockerfile(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub config: ContainerConfig,
    pub detach: bool,
    pub remove: bool,
    pub stdin: ClientStdin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    pub container: String,
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub detach: bool,
    pub tty: bool,
    pub stdin: ClientStdin,
}

/// The standard input a client brings along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientStdin {
    /// No `-i`.
    None,
    /// `-i` at the console: the job gets it for as long as the client is attached.
    Console,
    /// `-i` with a pipe or file, which the client has read to its end.
    Bytes(Arc<[u8]>),
}

/// What `docker create` and `docker run` share. `None` or empty: the image's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerConfig {
    pub image: String,
    pub argv: Vec<String>,
    pub name: Option<String>,
    /// `--entrypoint`; an empty string resets the image's.
    pub entrypoint: Option<String>,
    pub env: Vec<String>,
    pub workdir: Option<String>,
    pub user: Option<String>,
    pub hostname: Option<String>,
    pub labels: Vec<(String, String)>,
    /// `-v SOURCE:TARGET[:ro]` as (source, target, read-only).
    pub volumes: Vec<(String, String, bool)>,
    /// `--tmpfs PATH[:OPTIONS]`, as written.
    pub tmpfs: Vec<String>,
    /// Of `/dev/shm`, in bytes; 0 is the daemon's default.
    pub shm_size: i64,
    pub publish: Vec<String>,
    /// `-i`: standard input stays open. With `-d` (or `create`) nobody is attached to it, yet it has no end.
    pub open_stdin: bool,
    pub tty: bool,
    pub read_only: bool,
    pub resources: Resources,
    /// As they were said: `--cap-add`, `--cap-drop`.
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    /// `--pid`, `--ipc`, `--uts`, `--cgroupns`; empty is the daemon's default.
    pub pid_mode: String,
    pub ipc_mode: String,
    pub uts_mode: String,
    pub cgroupns_mode: String,
    pub stop_signal: Option<String>,
    pub stop_timeout_s: Option<i64>,
}

/// What a container may use, as the API has it: 0 is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub memory: i64,
    /// With the memory; -1 is unlimited.
    pub memory_swap: i64,
    pub nano_cpus: i64,
    pub cpu_period: i64,
    pub cpu_quota: i64,
    pub cpu_shares: i64,
    pub cpuset_cpus: String,
    /// -1 is unlimited.
    pub pids_limit: i64,
}

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// Print this, then send [`Request::Continue`]; it waits until there is more.
    Again,
    /// Print this and exit with this code.
    Exit(i32),
}
