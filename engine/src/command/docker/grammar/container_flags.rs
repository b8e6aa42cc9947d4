//! The flags of `docker run` and `docker create`, in the client's words.

use super::Kind::*;
use super::flags::SIGNALS;
use super::reasons::*;
use super::{Argument, Flag, NO, flag, short};

/// What both take.
pub(super) const CREATE: &[Flag] = &[
    flag(NO, "add-host", List, "Add a custom host-to-IP mapping (host:ip)").refused(NETWORK),
    flag(short('a'), "attach", List, "Attach to STDIN, STDOUT or STDERR").refused(ATTACH),
    flag(NO, "blkio-weight", Uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable")
        .default("0")
        .refused(CPU),
    flag(NO, "blkio-weight-device", List, "Block IO weight (relative device weight)").default("[]").refused(CPU),
    flag(NO, "cap-add", List, "Add Linux capabilities"),
    flag(NO, "cap-drop", List, "Drop Linux capabilities"),
    flag(NO, "cgroup-parent", Str, "Optional parent cgroup for the container").refused(PLACE),
    flag(
        NO,
        "cgroupns",
        Str,
        "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
    ),
    flag(NO, "cidfile", Str, "Write the container ID to the file").refused(ID_FILE),
    flag(NO, "cpu-period", Int, "Limit CPU CFS (Completely Fair Scheduler) period"),
    flag(NO, "cpu-quota", Int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    flag(NO, "cpu-rt-period", Int, "Limit CPU real-time period in microseconds").refused(CPU),
    flag(NO, "cpu-rt-runtime", Int, "Limit CPU real-time runtime in microseconds").refused(CPU),
    flag(short('c'), "cpu-shares", Int, "CPU shares (relative weight)"),
    flag(NO, "cpus", Decimal, "Number of CPUs"),
    flag(NO, "cpuset-cpus", Str, "CPUs in which to allow execution (0-3, 0,1)"),
    flag(NO, "cpuset-mems", Str, "MEMs in which to allow execution (0-3, 0,1)").refused(CPU),
    flag(NO, "device", List, "Add a host device to the container").refused(PRIVILEGE),
    flag(NO, "device-cgroup-rule", List, "Add a rule to the cgroup allowed devices list").refused(PRIVILEGE),
    flag(NO, "device-read-bps", List, "Limit read rate (bytes per second) from a device").default("[]").refused(CPU),
    flag(NO, "device-read-iops", List, "Limit read rate (IO per second) from a device").default("[]").refused(CPU),
    flag(NO, "device-write-bps", List, "Limit write rate (bytes per second) to a device").default("[]").refused(CPU),
    flag(NO, "device-write-iops", List, "Limit write rate (IO per second) to a device").default("[]").refused(CPU),
    flag(NO, "disable-content-trust", Bool, "Skip image verification").default("true").harmless(),
    flag(NO, "dns", List, "Set custom DNS servers").refused(NETWORK),
    flag(NO, "dns-option", List, "Set DNS options").refused(NETWORK),
    flag(NO, "dns-search", List, "Set custom DNS search domains").refused(NETWORK),
    flag(NO, "domainname", Str, "Container NIS domain name").refused(NETWORK),
    flag(NO, "entrypoint", Str, "Overwrite the default ENTRYPOINT of the image"),
    flag(short('e'), "env", Env, "Set environment variables"),
    flag(NO, "env-file", List, "Read in a file of environment variables").takes(Argument::Path),
    flag(NO, "expose", List, "Expose a port or a range of ports").refused(NETWORK),
    flag(NO, "gpus", Gpus, "GPU devices to add to the container ('all' to pass all GPUs)").refused(PRIVILEGE),
    flag(NO, "group-add", List, "Add additional groups to join").refused(PRIVILEGE),
    flag(NO, "health-cmd", Str, "Command to run to check health").refused(HEALTH),
    flag(NO, "health-interval", Duration, "Time between running the check (ms|s|m|h)").default("0s").refused(HEALTH),
    flag(NO, "health-retries", Int, "Consecutive failures needed to report unhealthy").refused(HEALTH),
    flag(
        NO,
        "health-start-period",
        Duration,
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
    )
    .default("0s")
    .refused(HEALTH),
    flag(NO, "health-timeout", Duration, "Maximum time to allow one check to run (ms|s|m|h)")
        .default("0s")
        .refused(HEALTH),
    flag(NO, "help", Bool, "Print usage"),
    flag(short('h'), "hostname", Str, "Container host name"),
    flag(NO, "init", Bool, "Run an init inside the container that forwards signals and reaps processes").refused(INIT),
    flag(short('i'), "interactive", Bool, "Keep STDIN open even if not attached"),
    flag(NO, "ip", Str, "IPv4 address (e.g., 172.30.100.104)").refused(NETWORK),
    flag(NO, "ip6", Str, "IPv6 address (e.g., 2001:db8::33)").refused(NETWORK),
    flag(NO, "ipc", Str, "IPC mode to use"),
    flag(NO, "isolation", Str, "Container isolation technology").refused(PLATFORM),
    flag(NO, "kernel-memory", Bytes, "Kernel memory limit").refused(MEMORY),
    flag(short('l'), "label", Label, "Set meta data on a container"),
    flag(NO, "label-file", List, "Read in a line delimited file of labels").refused(LABEL_FILE),
    flag(NO, "link", List, "Add link to another container").refused(NETWORK),
    flag(NO, "link-local-ip", List, "Container IPv4/IPv6 link-local addresses").refused(NETWORK),
    flag(NO, "log-driver", Str, "Logging driver for the container").only(&["json-file"], LOG_DRIVER),
    flag(NO, "log-opt", List, "Log driver options").refused(LOG_DRIVER),
    flag(NO, "mac-address", Str, "Container MAC address (e.g., 92:d0:c6:0a:29:33)").refused(NETWORK),
    flag(short('m'), "memory", Bytes, "Memory limit"),
    flag(NO, "memory-reservation", Bytes, "Memory soft limit").refused(MEMORY),
    flag(NO, "memory-swap", BytesOrUnlimited, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    flag(NO, "memory-swappiness", Int, "Tune container memory swappiness (0 to 100)").default("-1").refused(MEMORY),
    flag(NO, "mount", Mount, "Attach a filesystem mount to the container").refused(MOUNTS),
    flag(NO, "name", Str, "Assign a name to the container"),
    flag(NO, "network", Network, "Connect a container to a network").refused(NETWORK),
    flag(NO, "net", Network, "Connect a container to a network").hidden().refused(NETWORK),
    flag(NO, "net-alias", List, "Add network-scoped alias for the container").hidden().refused(NETWORK),
    flag(NO, "network-alias", List, "Add network-scoped alias for the container").refused(NETWORK),
    flag(NO, "no-healthcheck", Bool, "Disable any container-specified HEALTHCHECK").harmless(),
    flag(NO, "oom-kill-disable", Bool, "Disable OOM Killer").refused(MEMORY),
    flag(NO, "oom-score-adj", Int, "Tune host's OOM preferences (-1000 to 1000)").refused(MEMORY),
    flag(NO, "pid", Str, "PID namespace to use"),
    flag(NO, "pids-limit", Int, "Tune container pids limit (set -1 for unlimited)"),
    flag(NO, "platform", Str, "Set platform if server is multi-platform capable").refused(PLATFORM),
    flag(NO, "privileged", Bool, "Give extended privileges to this container").refused(PRIVILEGE),
    flag(short('p'), "publish", List, "Publish a container's port(s) to the host"),
    flag(short('P'), "publish-all", Bool, "Publish all exposed ports to random ports").refused(NETWORK),
    flag(NO, "read-only", Bool, "Mount the container's root filesystem as read only"),
    flag(NO, "restart", Str, "Restart policy to apply when a container exits")
        .default("no")
        .only(&["no"], RESTART_POLICY),
    flag(NO, "rm", Bool, "Automatically remove the container when it exits"),
    flag(NO, "runtime", Str, "Runtime to use for this container").only(&["runc"], RUNTIME),
    flag(NO, "security-opt", List, "Security Options").refused(PRIVILEGE),
    flag(NO, "shm-size", Bytes, "Size of /dev/shm"),
    flag(NO, "stop-signal", Str, "Signal to stop a container").default("SIGTERM").takes(Argument::Word(SIGNALS)),
    flag(NO, "stop-timeout", Int, "Timeout (in seconds) to stop a container"),
    flag(NO, "storage-opt", List, "Storage driver options for the container").refused(MOUNTS),
    flag(NO, "sysctl", Map, "Sysctl options").default("map[]").refused(LIMITS),
    flag(NO, "tmpfs", List, "Mount a tmpfs directory"),
    flag(short('t'), "tty", Bool, "Allocate a pseudo-TTY"),
    flag(NO, "ulimit", Ulimit, "Ulimit options").default("[]").refused(LIMITS),
    flag(short('u'), "user", Str, "Username or UID (format: <name|uid>[:<group|gid>])"),
    flag(NO, "userns", Str, "User namespace to use").refused(PRIVILEGE),
    flag(NO, "uts", Str, "UTS namespace to use"),
    flag(short('v'), "volume", List, "Bind mount a volume").takes(Argument::Path),
    flag(NO, "volume-driver", Str, "Optional volume driver for the container").refused(MOUNTS),
    flag(NO, "volumes-from", List, "Mount volumes from the specified container(s)").refused(MOUNTS),
    flag(short('w'), "workdir", Str, "Working directory inside the container"),
];

pub(super) const RUN_ONLY: &[Flag] = &[
    flag(short('d'), "detach", Bool, "Run container in background and print container ID"),
    flag(NO, "detach-keys", Str, "Override the key sequence for detaching a container").refused(ATTACH),
    flag(NO, "pull", Str, "Pull image before running (\"always\"|\"missing\"|\"never\")")
        .default("missing")
        .only(&["missing"], PULL_POLICY),
    flag(NO, "sig-proxy", Bool, "Proxy received signals to the process").default("true").harmless(),
];

pub(super) const CREATE_ONLY: &[Flag] =
    &[flag(NO, "pull", Str, "Pull image before creating (\"always\"|\"missing\"|\"never\")")
        .default("missing")
        .only(&["missing"], PULL_POLICY)];
