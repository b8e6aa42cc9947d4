//! The flags of all commands except `run` and `create`, in the client's words.

use super::Kind::*;
use super::reasons::*;
use super::{Argument, Flag, NO, flag, short};

/// The signals people send to containers.
pub(super) const SIGNALS: &[&str] = &["SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"];

pub(super) const BUILD: &[Flag] = &[
    flag(NO, "add-host", List, "Add a custom host-to-IP mapping (host:ip)").refused(NETWORK),
    flag(NO, "build-arg", Env, "Set build-time variables"),
    flag(NO, "cache-from", Strings, "Images to consider as cache sources").refused(CACHE_FROM),
    flag(NO, "cgroup-parent", Str, "Optional parent cgroup for the container").refused(PLACE),
    flag(NO, "compress", Bool, "Compress the build context using gzip").harmless(),
    flag(NO, "cpu-period", Int, "Limit the CPU CFS (Completely Fair Scheduler) period").refused(CPU),
    flag(NO, "cpu-quota", Int, "Limit the CPU CFS (Completely Fair Scheduler) quota").refused(CPU),
    flag(short('c'), "cpu-shares", Int, "CPU shares (relative weight)").refused(CPU),
    flag(NO, "cpuset-cpus", Str, "CPUs in which to allow execution (0-3, 0,1)").refused(CPU),
    flag(NO, "cpuset-mems", Str, "MEMs in which to allow execution (0-3, 0,1)").refused(CPU),
    flag(NO, "disable-content-trust", Bool, "Skip image verification").default("true").harmless(),
    flag(short('f'), "file", Str, "Name of the Dockerfile (Default is 'PATH/Dockerfile')").takes(Argument::Path),
    flag(NO, "force-rm", Bool, "Always remove intermediate containers").refused(FORCE_RM),
    flag(NO, "iidfile", Str, "Write the image ID to the file").refused(ID_FILE),
    flag(NO, "isolation", Str, "Container isolation technology").refused(PLATFORM),
    flag(NO, "label", Label, "Set metadata for an image"),
    flag(short('m'), "memory", Bytes, "Memory limit").refused(MEMORY),
    flag(NO, "memory-swap", BytesOrUnlimited, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
        .refused(MEMORY),
    flag(NO, "network", Str, "Set the networking mode for the RUN instructions during build")
        .default("default")
        .only(&["default"], NETWORK),
    flag(NO, "no-cache", Bool, "Do not use cache when building the image"),
    flag(NO, "pull", Bool, "Always attempt to pull a newer version of the image"),
    flag(short('q'), "quiet", Bool, "Suppress the build output and print image ID on success"),
    flag(NO, "rm", Bool, "Remove intermediate containers after a successful build").default("true"),
    flag(NO, "security-opt", Strings, "Security options").refused(PRIVILEGE),
    flag(NO, "shm-size", Bytes, "Size of /dev/shm").refused(MOUNTS),
    flag(NO, "squash", Bool, "Squash newly built layers into a single new layer").refused(EXPERIMENTAL),
    flag(short('t'), "tag", Tag, "Name and optionally a tag in the 'name:tag' format").takes(Argument::Image),
    flag(NO, "target", Str, "Set the target build stage to build."),
    flag(NO, "ulimit", Ulimit, "Ulimit options").default("[]").refused(LIMITS),
];

pub(super) const PS: &[Flag] = &[
    flag(short('a'), "all", Bool, "Show all containers (default shows just running)"),
    flag(short('f'), "filter", Filter, "Filter output based on conditions provided"),
    flag(NO, "format", Str, "Pretty-print containers using a Go template"),
    flag(short('n'), "last", Int, "Show n last created containers (includes all states)").default("-1"),
    flag(short('l'), "latest", Bool, "Show the latest created container (includes all states)"),
    flag(NO, "no-trunc", Bool, "Don't truncate output"),
    flag(short('q'), "quiet", Bool, "Only display container IDs"),
    flag(short('s'), "size", Bool, "Display total file sizes"),
];

pub(super) const IMAGES: &[Flag] = &[
    flag(short('a'), "all", Bool, "Show all images (default hides intermediate images)"),
    flag(NO, "digests", Bool, "Show digests"),
    flag(short('f'), "filter", Filter, "Filter output based on conditions provided"),
    flag(NO, "format", Str, "Pretty-print images using a Go template"),
    flag(NO, "no-trunc", Bool, "Don't truncate output"),
    flag(short('q'), "quiet", Bool, "Only show image IDs"),
];

pub(super) const EXEC: &[Flag] = &[
    flag(short('d'), "detach", Bool, "Detached mode: run command in the background"),
    flag(NO, "detach-keys", Str, "Override the key sequence for detaching a container").refused(ATTACH),
    flag(short('e'), "env", Env, "Set environment variables"),
    flag(NO, "env-file", List, "Read in a file of environment variables").takes(Argument::Path),
    flag(short('i'), "interactive", Bool, "Keep STDIN open even if not attached"),
    flag(NO, "privileged", Bool, "Give extended privileges to the command").refused(PRIVILEGE),
    flag(short('t'), "tty", Bool, "Allocate a pseudo-TTY"),
    flag(short('u'), "user", Str, "Username or UID (format: <name|uid>[:<group|gid>])"),
    flag(short('w'), "workdir", Str, "Working directory inside the container"),
];

pub(super) const INSPECT: &[Flag] = &[
    flag(short('f'), "format", Str, "Format the output using the given Go template"),
    flag(short('s'), "size", Bool, "Display total file sizes if the type is container"),
    flag(NO, "type", Str, "Return JSON for specified type").takes(Argument::Word(&["image", "container"])),
];

pub(super) const IMAGE_INSPECT: &[Flag] =
    &[flag(short('f'), "format", Str, "Format the output using the given Go template")];

pub(super) const CONTAINER_INSPECT: &[Flag] = &[
    flag(short('f'), "format", Str, "Format the output using the given Go template"),
    flag(short('s'), "size", Bool, "Display total file sizes"),
];

pub(super) const RM: &[Flag] = &[
    flag(short('f'), "force", Bool, "Force the removal of a running container (uses SIGKILL)"),
    flag(short('l'), "link", Bool, "Remove the specified link").refused(NETWORK),
    flag(short('v'), "volumes", Bool, "Remove anonymous volumes associated with the container"),
];

pub(super) const RMI: &[Flag] = &[
    flag(short('f'), "force", Bool, "Force removal of the image"),
    flag(NO, "no-prune", Bool, "Do not delete untagged parents"),
];

pub(super) const HISTORY: &[Flag] = &[
    flag(NO, "format", Str, "Pretty-print images using a Go template"),
    flag(short('H'), "human", Bool, "Print sizes and dates in human readable format").default("true"),
    flag(NO, "no-trunc", Bool, "Don't truncate output"),
    flag(short('q'), "quiet", Bool, "Only show image IDs"),
];

pub(super) const LOGS: &[Flag] = &[
    flag(NO, "details", Bool, "Show extra details provided to logs").refused(LOG_DETAILS),
    flag(short('f'), "follow", Bool, "Follow log output"),
    flag(
        NO,
        "since",
        Str,
        "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    )
    .refused(LOG_TIME),
    flag(short('n'), "tail", Str, "Number of lines to show from the end of the logs").default("all"),
    flag(short('t'), "timestamps", Bool, "Show timestamps"),
    flag(
        NO,
        "until",
        Str,
        "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    )
    .refused(LOG_TIME),
];

pub(super) const STOP: &[Flag] =
    &[flag(short('t'), "time", Int, "Seconds to wait for stop before killing it").default("10")];

pub(super) const RESTART: &[Flag] =
    &[flag(short('t'), "time", Int, "Seconds to wait for stop before killing the container").default("10")];

pub(super) const START: &[Flag] = &[
    flag(short('a'), "attach", Bool, "Attach STDOUT/STDERR and forward signals"),
    flag(NO, "detach-keys", Str, "Override the key sequence for detaching a container").refused(ATTACH),
    flag(short('i'), "interactive", Bool, "Attach container's STDIN"),
];

pub(super) const KILL: &[Flag] = &[flag(short('s'), "signal", Str, "Signal to send to the container")
    .default("KILL")
    .takes(Argument::Word(SIGNALS))];

pub(super) const PULL: &[Flag] = &[
    flag(short('a'), "all-tags", Bool, "Download all tagged images in the repository"),
    flag(NO, "disable-content-trust", Bool, "Skip image verification").default("true").harmless(),
    flag(NO, "platform", Str, "Set platform if server is multi-platform capable").refused(PLATFORM),
    flag(short('q'), "quiet", Bool, "Suppress verbose output"),
];

pub(super) const COMMIT: &[Flag] = &[
    flag(short('a'), "author", Str, "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
    flag(short('c'), "change", List, "Apply Dockerfile instruction to the created image"),
    flag(short('m'), "message", Str, "Commit message"),
    flag(short('p'), "pause", Bool, "Pause container during commit").default("true").harmless(),
];

pub(super) const VERSION: &[Flag] = &[
    flag(short('f'), "format", Str, "Format the output using the given Go template"),
    flag(NO, "kubeconfig", Str, "Kubernetes config file").refused(KUBERNETES),
];

pub(super) const INFO: &[Flag] = &[flag(short('f'), "format", Str, "Format the output using the given Go template")];

pub(super) const IMAGE_PRUNE: &[Flag] = &[
    flag(short('a'), "all", Bool, "Remove all unused images, not just dangling ones"),
    flag(NO, "filter", Filter, "Provide filter values (e.g. 'until=<timestamp>')").refused(PRUNE_FILTER),
    flag(short('f'), "force", Bool, "Do not prompt for confirmation"),
];

pub(super) const CONTAINER_PRUNE: &[Flag] = &[
    flag(NO, "filter", Filter, "Provide filter values (e.g. 'until=<timestamp>')").refused(PRUNE_FILTER),
    flag(short('f'), "force", Bool, "Do not prompt for confirmation"),
];

pub(super) const SYSTEM_DF: &[Flag] = &[
    flag(NO, "format", Str, "Pretty-print images using a Go template").refused(DF),
    flag(short('v'), "verbose", Bool, "Show detailed information on space usage").refused(DF),
];

/// Flags that the client shows only when the daemon builds with BuildKit.
pub(super) const BUILD_HIDDEN: &[Flag] = &[
    flag(short('o'), "output", List, "Output destination (format: type=local,dest=path)").hidden().refused(BUILDKIT),
    flag(NO, "platform", Str, "Set platform if server is multi-platform capable").hidden().refused(BUILDKIT),
    flag(NO, "progress", Str, "Set type of progress output (auto, plain, tty)").hidden(),
    flag(NO, "secret", List, "Secret file to expose to the build").hidden().refused(BUILDKIT),
    flag(NO, "ssh", List, "SSH agent socket or keys to expose to the build").hidden().refused(BUILDKIT),
];
