//! Where the client of today (Docker 26.1) has other words than that of the course.

/// What `docker --help` lists as "Common Commands", in its order.
pub const COMMON: &[&str] =
    &["run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"];

/// What it lists as "Swarm Commands".
pub const SWARM: &[&str] = &["config", "node", "secret", "service", "stack", "swarm"];

/// The course's text, and today's. `tests/goldens/docker-cli` holds both.
pub const TODAY: &[(&str, &str)] = &[
    ("Run a command in a new container", "Create and run a new container from an image"),
    ("Run a command in a running container", "Execute a command in a running container"),
    ("Pull an image or a repository from a registry", "Download an image from a registry"),
    ("Push an image or a repository to a registry", "Upload an image to a registry"),
    ("Log in to a Docker registry", "Log in to a registry"),
    ("Log out from a Docker registry", "Log out from a registry"),
    ("Search the Docker Hub for images", "Search Docker Hub for images"),
    ("Manage Docker configs", "Manage Swarm configs"),
    ("Manage Docker secrets", "Manage Swarm secrets"),
    ("Manage services", "Manage Swarm services"),
    ("Manage Docker stacks", "Manage Swarm stacks"),
    ("Daemon socket(s) to connect to", "Daemon socket to connect to"),
    (
        "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\")",
        "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")",
    ),
];
