//! The commands of the `docker` command line and their groups, in the client's words and order.

use super::Action::{self, *};
use super::Argument::{self, *};
use super::Arity::{self, *};
use super::Kind::{Bool, List, Str};
use super::container_flags::{CREATE as CREATE_FLAGS, CREATE_ONLY, RUN_ONLY};
use super::flags;
use super::reasons::*;
use super::{Command, Does, Flag, flag, short};

/// The commands of the client, as `docker --help` lists them.
pub static ROOT: Command = group("docker", "", "A self-sufficient runtime for containers", COMMANDS);

/// What may stand between `docker` and the command.
pub const ROOT_FLAGS: &[Flag] = &[
    flag(super::NO, "config", Str, "Location of client config files").default("/home/learner/.docker").refused(CLIENT),
    flag(
        short('c'),
        "context",
        Str,
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set \
         with \"docker context use\")",
    )
    .refused(CLIENT),
    flag(short('D'), "debug", Bool, "Enable debug mode").harmless(),
    flag(short('H'), "host", List, "Daemon socket(s) to connect to").refused(CLIENT),
    flag(short('l'), "log-level", Str, "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\")")
        .default("info")
        .harmless()
        .takes(Word(&["debug", "info", "warn", "error", "fatal"])),
    flag(super::NO, "tls", Bool, "Use TLS; implied by --tlsverify").refused(CLIENT),
    flag(super::NO, "tlscacert", Str, "Trust certs signed only by this CA")
        .default("/home/learner/.docker/ca.pem")
        .refused(CLIENT),
    flag(super::NO, "tlscert", Str, "Path to TLS certificate file")
        .default("/home/learner/.docker/cert.pem")
        .refused(CLIENT),
    flag(super::NO, "tlskey", Str, "Path to TLS key file").default("/home/learner/.docker/key.pem").refused(CLIENT),
    flag(super::NO, "tlsverify", Bool, "Use TLS and verify the remote").refused(CLIENT),
    flag(short('v'), "version", Bool, "Print version information and quit"),
];

/// Commands that plugins add to the client. Debian's package has none of them.
pub static PLUGINS: &[Command] = &[
    refused("buildx", "[OPTIONS] COMMAND", "Docker Buildx", NO_BUILDX),
    refused("compose", "[OPTIONS] COMMAND", "Docker Compose", NO_COMPOSE),
    refused("scan", "[OPTIONS] IMAGE", "Docker Scan", NO_PLUGINS),
    refused("scout", "COMMAND", "Docker Scout", NO_PLUGINS),
];

/// Groups ("management commands") first.
const COMMANDS: &[Command] = &[
    group("builder", "", "Manage builds", BUILDER),
    refused("completion", "", "Generate the autocompletion script for the specified shell", NO_COMPLETION),
    refused("config", "", "Manage Docker configs", NO_SWARM),
    group("container", "", "Manage containers", CONTAINER),
    refused("context", "", "Manage contexts", NO_CONTEXTS),
    group("image", "", "Manage images", IMAGE),
    refused("manifest", "", "Manage Docker image manifests and manifest lists", NO_REGISTRY),
    refused("network", "", "Manage networks", NO_NETWORKS),
    refused("node", "", "Manage Swarm nodes", NO_SWARM),
    refused("plugin", "", "Manage plugins", NO_PLUGINS),
    refused("secret", "", "Manage Docker secrets", NO_SWARM),
    refused("service", "", "Manage services", NO_SWARM),
    refused("stack", "", "Manage Docker stacks", NO_SWARM),
    refused("swarm", "", "Manage Swarm", NO_SWARM),
    group("system", "", "Manage Docker", SYSTEM),
    refused("trust", "", "Manage trust on Docker images", NO_TRUST),
    refused("volume", "", "Manage volumes", NO_VOLUMES),
    ATTACH,
    BUILD,
    COMMIT,
    CP,
    CREATE,
    DIFF,
    EVENTS,
    EXEC,
    EXPORT,
    HISTORY,
    IMAGES,
    IMPORT,
    INFO,
    INSPECT,
    KILL,
    LOAD,
    refused("login", "[OPTIONS] [SERVER]", "Log in to a Docker registry", NO_LOGIN),
    refused("logout", "[SERVER]", "Log out from a Docker registry", NO_LOGIN),
    LOGS,
    PAUSE,
    PORT,
    PS,
    PULL,
    PUSH,
    RENAME,
    RESTART,
    RM,
    RMI,
    RUN,
    SAVE,
    refused("search", "[OPTIONS] TERM", "Search the Docker Hub for images", NO_SEARCH),
    START,
    STATS,
    STOP,
    TAG,
    TOP,
    UNPAUSE,
    UPDATE,
    VERSION,
    WAIT,
];

const BUILDER: &[Command] = &[BUILD, refused("prune", "", "Remove build cache", NO_BUILDER_PRUNE)];

const CONTAINER: &[Command] = &[
    ATTACH,
    COMMIT,
    CP,
    CREATE,
    DIFF,
    EXEC,
    EXPORT,
    Command {
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        short: "Display detailed information on one or more containers",
        arguments: &[Container],
        flags: &[flags::CONTAINER_INSPECT],
        does: Does::Action(ContainerInspect),
        ..INSPECT
    },
    KILL,
    LOGS,
    Command { name: "ls", aliases: &["ps", "list"], ..PS },
    PAUSE,
    PORT,
    action("prune", "[OPTIONS]", "Remove all stopped containers", None, &[], &[flags::CONTAINER_PRUNE], ContainerPrune),
    RENAME,
    RESTART,
    RM,
    RUN,
    START,
    STATS,
    STOP,
    TOP,
    UNPAUSE,
    UPDATE,
    WAIT,
];

const IMAGE: &[Command] = &[
    BUILD,
    HISTORY,
    IMPORT,
    Command {
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        short: "Display detailed information on one or more images",
        arguments: &[Image],
        flags: &[flags::IMAGE_INSPECT],
        does: Does::Action(ImageInspect),
        ..INSPECT
    },
    LOAD,
    Command { name: "ls", aliases: &["list"], ..IMAGES },
    action("prune", "[OPTIONS]", "Remove unused images", None, &[], &[flags::IMAGE_PRUNE], ImagePrune),
    PULL,
    PUSH,
    Command { name: "rm", aliases: &["rmi", "remove"], ..RMI },
    SAVE,
    TAG,
];

const SYSTEM: &[Command] = &[
    action("df", "[OPTIONS]", "Show docker disk usage", None, &[], &[flags::SYSTEM_DF], DiskUsage),
    EVENTS,
    INFO,
    refused("prune", "[OPTIONS]", "Remove unused data", NO_SYSTEM_PRUNE),
];

const CONTAINERS: &str = "[OPTIONS] CONTAINER [CONTAINER...]";

const ATTACH: Command = refused(
    "attach",
    "[OPTIONS] CONTAINER",
    "Attach local standard input, output, and error streams to a running container",
    NO_ATTACH,
);
const BUILD: Command = action(
    "build",
    "[OPTIONS] PATH | URL | -",
    "Build an image from a Dockerfile",
    Exactly(1),
    &[Path],
    &[flags::BUILD, flags::BUILD_HIDDEN],
    Build,
);
const COMMIT: Command = action(
    "commit",
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    "Create a new image from a container's changes",
    Between(1, 2),
    &[Container, Image],
    &[flags::COMMIT],
    Commit,
);
const CP: Command = refused(
    "cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-",
    "Copy files/folders between a container and the local filesystem",
    NO_COPY,
);
const CREATE: Command = Command {
    interspersed: false,
    ..action(
        "create",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Create a new container",
        AtLeast(1),
        &[Image, CommandInImage],
        &[CREATE_FLAGS, CREATE_ONLY],
        Create,
    )
};
const DIFF: Command = action(
    "diff",
    "CONTAINER",
    "Inspect changes to files or directories on a container's filesystem",
    Exactly(1),
    &[Container],
    &[],
    Diff,
);
const EVENTS: Command = refused("events", "[OPTIONS]", "Get real time events from the server", NO_EVENTS);
const EXEC: Command = Command {
    interspersed: false,
    ..action(
        "exec",
        "[OPTIONS] CONTAINER COMMAND [ARG...]",
        "Run a command in a running container",
        AtLeast(2),
        &[RunningContainer, CommandInContainer],
        &[flags::EXEC],
        Exec,
    )
};
const EXPORT: Command =
    refused("export", "[OPTIONS] CONTAINER", "Export a container's filesystem as a tar archive", NO_ARCHIVES);
const HISTORY: Command = action(
    "history",
    "[OPTIONS] IMAGE",
    "Show the history of an image",
    Exactly(1),
    &[Image],
    &[flags::HISTORY],
    History,
);
const IMAGES: Command =
    action("images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", AtMost(1), &[Image], &[flags::IMAGES], Images);
const IMPORT: Command = refused(
    "import",
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image",
    NO_ARCHIVES,
);
const INFO: Command = action("info", "[OPTIONS]", "Display system-wide information", None, &[], &[flags::INFO], Info);
const INSPECT: Command = action(
    "inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    "Return low-level information on Docker objects",
    AtLeast(1),
    &[Object],
    &[flags::INSPECT],
    Inspect,
);
const KILL: Command = action(
    "kill",
    CONTAINERS,
    "Kill one or more running containers",
    AtLeast(1),
    &[RunningContainer],
    &[flags::KILL],
    Kill,
);
const LOAD: Command = refused("load", "[OPTIONS]", "Load an image from a tar archive or STDIN", NO_ARCHIVES);
const LOGS: Command = action(
    "logs",
    "[OPTIONS] CONTAINER",
    "Fetch the logs of a container",
    Exactly(1),
    &[Container],
    &[flags::LOGS],
    Logs,
);
const PAUSE: Command =
    refused("pause", "CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", NO_FREEZER);
const PORT: Command = refused(
    "port",
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    "List port mappings or a specific mapping for the container",
    NO_NETWORKS,
);
const PS: Command = action("ps", "[OPTIONS]", "List containers", None, &[], &[flags::PS], Ps);
const PULL: Command = action(
    "pull",
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    "Pull an image or a repository from a registry",
    Exactly(1),
    &[Image],
    &[flags::PULL],
    Pull,
);
const PUSH: Command =
    refused("push", "[OPTIONS] NAME[:TAG]", "Push an image or a repository to a registry", NO_REGISTRY);
const RENAME: Command = refused("rename", "CONTAINER NEW_NAME", "Rename a container", NO_RENAME);
const RESTART: Command = action(
    "restart",
    CONTAINERS,
    "Restart one or more containers",
    AtLeast(1),
    &[Container],
    &[flags::RESTART],
    Restart,
);
const RM: Command =
    action("rm", CONTAINERS, "Remove one or more containers", AtLeast(1), &[Container], &[flags::RM], Rm);
const RMI: Command =
    action("rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", AtLeast(1), &[Image], &[flags::RMI], Rmi);
const RUN: Command = Command {
    name: "run",
    short: "Run a command in a new container",
    flags: &[CREATE_FLAGS, RUN_ONLY],
    does: Does::Action(Run),
    ..CREATE
};
const SAVE: Command = refused(
    "save",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    NO_ARCHIVES,
);
const START: Command = action(
    "start",
    CONTAINERS,
    "Start one or more stopped containers",
    AtLeast(1),
    &[StoppedContainer],
    &[flags::START],
    Start,
);
const STATS: Command = refused(
    "stats",
    "[OPTIONS] [CONTAINER...]",
    "Display a live stream of container(s) resource usage statistics",
    NO_STATS,
);
const STOP: Command = action(
    "stop",
    CONTAINERS,
    "Stop one or more running containers",
    AtLeast(1),
    &[RunningContainer],
    &[flags::STOP],
    Stop,
);
const TAG: Command = action(
    "tag",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    Exactly(2),
    &[Image],
    &[],
    Tag,
);
const TOP: Command = Command {
    interspersed: false,
    ..action(
        "top",
        "CONTAINER [ps OPTIONS]",
        "Display the running processes of a container",
        AtLeast(1),
        &[RunningContainer, Free],
        &[],
        Top,
    )
};
const UNPAUSE: Command =
    refused("unpause", "CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", NO_FREEZER);
const UPDATE: Command = refused("update", CONTAINERS, "Update configuration of one or more containers", NO_UPDATE);
const VERSION: Command =
    action("version", "[OPTIONS]", "Show the Docker version information", None, &[], &[flags::VERSION], Version);
const WAIT: Command = action(
    "wait",
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    AtLeast(1),
    &[Container],
    &[],
    Wait,
);

const fn action(
    name: &'static str,
    usage: &'static str,
    short: &'static str,
    arity: Arity,
    arguments: &'static [Argument],
    flags: &'static [&'static [Flag]],
    action: Action,
) -> Command {
    let does = Does::Action(action);
    Command { name, aliases: &[], usage, short, arity, arguments, flags, interspersed: true, does }
}

const fn group(name: &'static str, usage: &'static str, short: &'static str, children: &'static [Command]) -> Command {
    Command {
        name,
        aliases: &[],
        usage,
        short,
        arity: None,
        arguments: &[],
        flags: &[],
        interspersed: true,
        does: Does::Group(children),
    }
}

const fn refused(name: &'static str, usage: &'static str, short: &'static str, reason: &'static str) -> Command {
    Command {
        name,
        aliases: &[],
        usage,
        short,
        arity: AtLeast(0),
        arguments: &[],
        flags: &[],
        interspersed: false,
        does: Does::Refused(reason),
    }
}
