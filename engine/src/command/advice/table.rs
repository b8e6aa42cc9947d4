//! Commands that people type and that are not here.

const EDITOR: &str =
    "There is no editor in this terminal; a lesson has one beside it. `echo TEXT > FILE` writes a file here.";
const PACKAGES: &str = "Nothing can be installed on this node: there is no network. Packages go into an image, with `RUN` in a Dockerfile.";
const DOWNLOAD: &str = "There is no network here. What you need is in your home directory (`ls`) or in an image.";
const GIT: &str = "There is no git here. The lesson's files are in your home directory already (`ls`).";
const KUBERNETES: &str = "There is no Kubernetes here: one node, one Docker daemon. `docker run` starts a container.";
const COMPOSE: &str = "Compose is not simulated here: start each container with `docker build` and `docker run`.";
const ENGINES: &str = "The container engine of this node is Docker: `docker --help` lists what it does.";
const SUDO: &str = "No sudo is needed: type the command without it.";
const SERVICES: &str = "No init system runs here. `docker ps` shows containers; a container's process is its service.";
const PROCESSES: &str = "`ps` lists processes; `docker top CONTAINER` those of a container.";
const PAGER: &str = "Use `cat FILE`, or `head` and `tail`. The terminal scrolls.";
const LANGUAGES: &str =
    "No compilers or interpreters are on this node: they come with an image. Try `docker run IMAGE …`.";
const REMOTE: &str = "This node is on its own: there is nowhere to connect to.";
const NETWORK: &str = "Containers and the node have no network yet.";
const MANUAL: &str = "There are no manual pages. `COMMAND --help` tells what may be typed.";
const MULTIPLEXER: &str =
    "There is one terminal. End a command with `&` to go on while it runs, or use `docker run -d`.";
const CLEAR: &str = "Ctrl-L clears the terminal.";
const CLOUD: &str = "The AWS command line is not part of this lesson.";

/// Names, and what to do instead.
pub(super) const UNKNOWN: &[(&[&str], &str)] = &[
    (&["vim", "vi", "nvim", "nano", "emacs", "ed", "code", "pico", "joe", "micro", "gedit"], EDITOR),
    (
        &[
            "apt", "apt-get", "aptitude", "dpkg", "apk", "yum", "dnf", "rpm", "zypper", "pacman", "brew", "snap",
            "pip", "pip3", "npm",
        ],
        PACKAGES,
    ),
    (&["curl", "wget", "fetch"], DOWNLOAD),
    (&["git", "svn", "gh"], GIT),
    (&["kubectl", "helm", "minikube", "kind", "k3s", "oc"], KUBERNETES),
    (&["docker-compose"], COMPOSE),
    (&["podman", "nerdctl", "buildah", "ctr", "crictl", "lxc", "runc", "crun", "containerd", "dockerd"], ENGINES),
    (&["sudo", "su", "doas"], SUDO),
    (&["systemctl", "service", "journalctl", "init"], SERVICES),
    (&["top", "htop", "pstree", "pgrep", "pidof"], PROCESSES),
    (&["less", "more", "most"], PAGER),
    (
        &[
            "python", "python3", "node", "java", "javac", "ruby", "perl", "php", "go", "cargo", "rustc", "gcc", "cc",
            "make",
        ],
        LANGUAGES,
    ),
    (&["ssh", "scp", "sftp", "rsync", "telnet", "nc"], REMOTE),
    (&["ping", "ip", "ifconfig", "netstat", "ss", "dig", "nslookup", "traceroute", "iptables"], NETWORK),
    (&["man", "info", "help", "apropos", "tldr"], MANUAL),
    (&["tmux", "screen"], MULTIPLEXER),
    (&["clear", "reset", "cls"], CLEAR),
    (&["aws"], CLOUD),
];
