//! Why a flag or command of Docker's is not simulated here, and what to do instead. Each text follows
//! "… is not simulated here: ".

pub(super) const NETWORK: &str = "containers on this node have no network yet";
pub(super) const CPU: &str =
    "of processors there is `--cpus`, `--cpu-shares`, `--cpu-quota`, `--cpu-period` and `--cpuset-cpus`";
pub(super) const MEMORY: &str = "of memory there is `--memory` and `--memory-swap`";
pub(super) const PRIVILEGE: &str = "every container here has the same privileges and devices";
pub(super) const PLACE: &str = "the daemon here puts every container into a cgroup below docker";
pub(super) const LIMITS: &str = "containers here have no limits of this kind yet";
pub(super) const MOUNTS: &str = "of mounts there are `-v SOURCE:TARGET[:ro]` and `--tmpfs PATH[:OPTIONS]`";
pub(super) const HEALTH: &str = "no health checks are run";
pub(super) const ATTACH: &str = "a client is attached to all of a container's streams, or with `-d` to none";
pub(super) const INIT: &str = "the command itself is process 1 of its container, which is what the lessons are about";
pub(super) const PLATFORM: &str = "images here exist for one platform only";
pub(super) const LOG_DRIVER: &str = "logs are kept by the `json-file` driver without options";
pub(super) const RUNTIME: &str = "`runc` is the only runtime";
pub(super) const PULL_POLICY: &str = "an image is pulled when it is missing; `docker pull` pulls it again";
pub(super) const RESTART_POLICY: &str = "a container that exits stays down; `docker start` starts it again";
pub(super) const ID_FILE: &str = "redirect the output instead: `docker run -d … > FILE`, `docker build -q … > FILE`";
pub(super) const LABEL_FILE: &str = "give each label with `--label`";
pub(super) const CACHE_FROM: &str = "the build cache is what was built on this node";
pub(super) const FORCE_RM: &str = "`docker rm` removes the container that a failed step leaves";
pub(super) const EXPERIMENTAL: &str = "the daemon has no experimental features";
pub(super) const BUILDKIT: &str = "the builder here has no such option of BuildKit's";
pub(super) const LOG_DETAILS: &str = "no log driver here adds details";
pub(super) const LOG_TIME: &str = "logs are not cut by time; use `--tail N`";
pub(super) const KUBERNETES: &str = "there is no Kubernetes";
pub(super) const PRUNE_FILTER: &str = "prune removes all that is unused; use `docker rm` or `docker rmi` to choose";
pub(super) const DF: &str = "there is only the short table; `docker images` and `docker ps -as` show more";
pub(super) const CLIENT: &str = "the client talks to the daemon of this node, without configuration";

pub(super) const NO_SWARM: &str = "there is one node without Swarm; `docker run` starts a container on it";
pub(super) const NO_NETWORKS: &str = "containers on this node have no network yet";
pub(super) const NO_VOLUMES: &str = "there are no named volumes; `docker run -v SOURCE:TARGET` mounts a directory";
pub(super) const NO_REGISTRY: &str = "nothing leaves this node; the registry can only be pulled from";
pub(super) const NO_SEARCH: &str = "the registry here holds the few images that the lessons build on";
pub(super) const NO_LOGIN: &str = "the registry here asks nobody who they are";
pub(super) const NO_ARCHIVES: &str =
    "images and containers do not travel as archives here; `docker build` and `docker commit` make images";
pub(super) const NO_COPY: &str =
    "use `COPY` in a Dockerfile, `-v SOURCE:TARGET`, or `docker exec CONTAINER cat FILE > FILE`";
pub(super) const NO_ATTACH: &str = "use `docker logs -f`, or `docker exec -it CONTAINER sh`";
pub(super) const NO_EVENTS: &str = "`docker ps -a` and `docker logs CONTAINER` tell what became of a container";
pub(super) const NO_FREEZER: &str = "containers here cannot be frozen; use `docker stop` and `docker start`";
pub(super) const NO_STATS: &str = "`docker top` shows processes; memory is counted in the files of /sys/fs/cgroup";
pub(super) const NO_UPDATE: &str = "limits are given to `docker run`, or written below /sys/fs/cgroup";
pub(super) const NO_RENAME: &str = "remove the container and run it again with `--name`";
pub(super) const NO_CONTEXTS: &str = "the client talks to the daemon of this node only";
pub(super) const NO_PLUGINS: &str = "neither client nor daemon has plugins here";
pub(super) const NO_TRUST: &str = "images are not signed here";
pub(super) const NO_SYSTEM_PRUNE: &str = "use `docker container prune` and `docker image prune`";
pub(super) const NO_BUILDER_PRUNE: &str =
    "the cache is the images themselves; `docker image prune` removes what is unused";
pub(super) const NO_COMPLETION: &str = "`docker COMMAND --help` lists what may be typed";
pub(super) const NO_COMPOSE: &str = "start each container with `docker build` and `docker run`";
pub(super) const NO_BUILDX: &str = "`docker build` builds an image";
