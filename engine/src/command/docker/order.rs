//! A checked command line turned into what is asked of the daemon, one function a command.
//!
//! What the client itself checks across flags, it says here, in its words; what the daemon would check is left to it.

use super::flags::Line;
use super::grammar::Action;
use super::{Attach, BuildOrder, Invocation, Order, Printed, Source, era_of, ports, reference, value, volumes};
use crate::docker::{Build, ClientStdin, ContainerConfig, Exec, ObjectKind, Request, Resources, Run};
use crate::scenario::Era;
use std::sync::Arc;

const ASK_CONTAINERS: &str =
    "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
const ASK_DANGLING: &str = "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ";
const ASK_UNUSED: &str = "WARNING! This will remove all images without at least one container associated to them.\n\
                          Are you sure you want to continue? [y/N] ";

/// Flags that exclude one another, which the client says before anything else.
pub fn conflicts(action: Action, line: &Line) -> Result<(), Printed> {
    if !matches!(action, Action::Run | Action::Create) {
        return Ok(());
    }
    let name = if action == Action::Run { "run" } else { "create" };
    if line.on("rm") && line.text("restart").is_some_and(|policy| !matches!(policy, "" | "no")) {
        return Err(run_error(name, "Conflicting options: --restart and --rm"));
    }
    if line.on("no-healthcheck") && line.flags.iter().any(|(flag, _)| flag.long.starts_with("health-")) {
        return Err(run_error(name, "--no-healthcheck conflicts with --health-* options"));
    }
    if line.on("detach") && !line.all("attach").is_empty() {
        return Err(Printed::error(1, "Conflicting options: -a and -d\n".to_string()));
    }
    Ok(())
}

pub fn build(action: Action, line: &Line, env: &[String]) -> Result<Invocation, Printed> {
    let first = || line.arguments.first().cloned().unwrap_or_default();
    let names = || line.arguments.clone();
    let format = || line.text("format").map(str::to_string);
    let request = match action {
        Action::Build => return image_build(line, env),
        Action::Run => return run(line, env),
        Action::Create => return create(line, env),
        Action::Exec => return exec(line, env),
        Action::Start => return start(line),
        Action::ContainerPrune | Action::ImagePrune => return Ok(prune(action, line)),
        Action::Commit => commit(line, era_of(env))?,
        Action::Pull => pull(line, era_of(env))?,
        Action::Tag => tag(line, era_of(env))?,
        Action::Top => top(line)?,
        Action::Inspect => inspect(line, object_kind(line)?),
        Action::ContainerInspect => inspect(line, Some(ObjectKind::Container)),
        Action::ImageInspect => inspect(line, Some(ObjectKind::Image)),
        Action::Diff => Request::Diff { container: first() },
        Action::DiskUsage => Request::DiskUsage,
        Action::History => Request::History {
            image: first(),
            quiet: line.on("quiet"),
            no_trunc: line.on("no-trunc"),
            human: line.text("human").is_none() || line.on("human"),
            format: format(),
        },
        Action::Images => images(line),
        Action::Info => Request::Info { format: format() },
        Action::Kill => {
            Request::Kill { containers: names(), signal: line.text("signal").unwrap_or("KILL").to_string() }
        }
        Action::Logs => Request::Logs {
            container: first(),
            follow: line.on("follow"),
            timestamps: line.on("timestamps"),
            tail: line.text("tail").map(str::to_string),
        },
        Action::Ps => ps(line),
        Action::Restart => Request::Restart { containers: names(), timeout_s: line.int("time") },
        Action::Rm => Request::Rm { containers: names(), force: line.on("force"), volumes: line.on("volumes") },
        Action::Rmi => Request::Rmi { images: names(), force: line.on("force"), no_prune: line.on("no-prune") },
        Action::Stop => Request::Stop { containers: names(), timeout_s: line.int("time") },
        Action::Version => Request::Version { format: format() },
        Action::Wait => Request::Wait { containers: names() },
    };
    Ok(ask(request))
}

fn ask(request: Request) -> Invocation {
    Invocation::Ask(Box::new(Order { request, env_files: Vec::new(), stdin: None, question: None }))
}

fn image_build(line: &Line, env: &[String]) -> Result<Invocation, Printed> {
    let place = line.arguments.first().map_or("", String::as_str);
    let dockerfile = line.text("file").filter(|file| !file.is_empty());
    if place == "-" && dockerfile == Some("-") {
        let message = "invalid argument: can't use stdin for both build context and dockerfile\n";
        return Err(Printed::error(1, message.to_string()));
    }
    let remote = ["http://", "https://", "git://", "github.com/", "git@"];
    if remote.iter().any(|prefix| place.starts_with(prefix)) {
        let message = format!(
            "unable to prepare context: \"{place}\" is not on this node, and there is no network here: give the path \
             of a directory\n"
        );
        return Err(Printed::error(1, message));
    }
    let pairs = |name: &str| line.all(name).iter().map(|text| pair(text)).collect();
    let build_args = line.all("build-arg").iter().filter_map(|text| from_environment(text, env)).collect::<Vec<_>>();
    let build = Build {
        context: Arc::from([]),
        sent_bytes: 0,
        dockerfile: String::new(),
        name: dockerfile
            .and_then(|file| file.rsplit('/').next())
            .filter(|name| *name != "-")
            .unwrap_or("Dockerfile")
            .to_string(),
        problem: None,
        tags: line.all("tag"),
        build_args: build_args.iter().map(|text| pair(text)).collect(),
        labels: pairs("label"),
        target: line.text("target").map(str::to_string),
        no_cache: line.on("no-cache"),
        pull: line.on("pull"),
        quiet: line.on("quiet"),
        remove: line.text("rm").is_none() || line.on("rm"),
        classic: env.iter().any(|line| line == "DOCKER_BUILDKIT=0"),
        progress: line.text("progress").map(str::to_string),
    };
    let source = if place == "-" { Source::Stdin } else { Source::Directory(place.to_string()) };
    let dockerfile = dockerfile.map(str::to_string);
    Ok(Invocation::Build(Box::new(BuildOrder { source, dockerfile, build })))
}

fn run(line: &Line, env: &[String]) -> Result<Invocation, Printed> {
    let config = config(line, env, "run")?;
    let (detach, tty) = (line.on("detach"), config.tty);
    let stdin = (config.open_stdin && !detach).then_some(Attach { tty });
    let run = Run { config, detach, remove: line.on("rm"), stdin: ClientStdin::None };
    let request = Request::Run(Box::new(run));
    Ok(Invocation::Ask(Box::new(Order { request, env_files: line.all("env-file"), stdin, question: None })))
}

fn create(line: &Line, env: &[String]) -> Result<Invocation, Printed> {
    if line.on("rm") {
        let message = "docker: --rm with `create` is not simulated here: use `docker run --rm`, or `docker rm`.\n";
        return Err(Printed::error(125, format!("{message}See 'docker create --help'.\n")));
    }
    let request = Request::Create { config: Box::new(config(line, env, "create")?) };
    Ok(Invocation::Ask(Box::new(Order { request, env_files: line.all("env-file"), stdin: None, question: None })))
}

/// What `run` and `create` share.
fn config(line: &Line, env: &[String], command: &str) -> Result<ContainerConfig, Printed> {
    let text = |name: &str| line.text(name).map(str::to_string);
    let image = line.arguments.first().cloned().unwrap_or_default();
    let wrong = |message: &str| run_error(command, message);
    // `create` reports as it stands what it meets once its flags are read.
    let refused = |message: &str| match command {
        "create" => Printed::error(1, format!("{message}\n")),
        _ => run_error(command, message),
    };
    for spec in line.all("publish") {
        ports::check(&spec).map_err(|message| wrong(&message))?;
    }
    let mut mounts = Vec::new();
    for spec in line.all("volume") {
        let volume = volumes::parse(&spec);
        mounts.push(volume.map_err(|message| refused(&format!("Error response from daemon: {message}")))?);
    }
    namespaces(line).map_err(wrong)?;
    if !reference::is_id(&image) {
        reference::check(&image).map_err(|problem| refused(&problem.text(era_of(env))))?;
    }
    Ok(ContainerConfig {
        image,
        argv: line.arguments[1..].to_vec(),
        name: text("name").filter(|name| !name.is_empty()),
        entrypoint: text("entrypoint"),
        env: environment(line, env),
        workdir: text("workdir").filter(|path| !path.is_empty()),
        user: text("user").filter(|user| !user.is_empty()),
        hostname: text("hostname").filter(|name| !name.is_empty()),
        labels: line.all("label").iter().map(|text| pair(text)).collect(),
        volumes: mounts,
        tmpfs: line.all("tmpfs"),
        shm_size: line.text("shm-size").map_or(0, value::ram_bytes),
        publish: line.all("publish"),
        open_stdin: line.on("interactive"),
        tty: line.on("tty"),
        read_only: line.on("read-only"),
        resources: resources(line),
        cap_add: line.all("cap-add"),
        cap_drop: line.all("cap-drop"),
        pid_mode: text("pid").unwrap_or_default(),
        ipc_mode: text("ipc").unwrap_or_default(),
        uts_mode: text("uts").unwrap_or_default(),
        cgroupns_mode: text("cgroupns").unwrap_or_default(),
        stop_signal: text("stop-signal").filter(|signal| !signal.is_empty()),
        stop_timeout_s: line.int("stop-timeout"),
    })
}

/// What the client itself knows of modes (moby, PidMode.Valid and the like); the daemon looks at `--ipc`.
fn namespaces(line: &Line) -> Result<(), &'static str> {
    let words = |name: &str| line.text(name).map_or(Vec::new(), |mode| mode.split(':').collect::<Vec<_>>());
    match words("pid")[..] {
        [] | ["" | "host", ..] => {}
        ["container", name] if !name.is_empty() => {}
        _ => return Err("--pid: invalid PID mode"),
    }
    match words("uts")[..] {
        [] | ["" | "host", ..] => {}
        _ => return Err("--uts: invalid UTS mode"),
    }
    match line.text("cgroupns") {
        None | Some("" | "host" | "private") => Ok(()),
        Some(_) => Err("--cgroupns: invalid CGROUP mode"),
    }
}

fn resources(line: &Line) -> Resources {
    let int = |name: &str| line.int(name).unwrap_or(0);
    let bytes = |name: &str| line.text(name).map_or(0, |text| if text == "-1" { -1 } else { value::ram_bytes(text) });
    Resources {
        memory: bytes("memory"),
        memory_swap: bytes("memory-swap"),
        nano_cpus: line.text("cpus").map_or(0, value::nano_cpus),
        cpu_period: int("cpu-period"),
        cpu_quota: int("cpu-quota"),
        cpu_shares: int("cpu-shares"),
        cpuset_cpus: line.text("cpuset-cpus").unwrap_or_default().to_string(),
        pids_limit: int("pids-limit"),
    }
}

fn exec(line: &Line, env: &[String]) -> Result<Invocation, Printed> {
    let text = |name: &str| line.text(name).filter(|text| !text.is_empty()).map(str::to_string);
    let (detach, tty) = (line.on("detach"), line.on("tty"));
    let exec = Exec {
        container: line.arguments.first().cloned().unwrap_or_default(),
        argv: line.arguments[1..].to_vec(),
        env: environment(line, env),
        user: text("user"),
        workdir: text("workdir"),
        detach,
        tty,
        stdin: ClientStdin::None,
    };
    let stdin = (line.on("interactive") && !detach).then_some(Attach { tty });
    let request = Request::Exec(Box::new(exec));
    Ok(Invocation::Ask(Box::new(Order { request, env_files: line.all("env-file"), stdin, question: None })))
}

fn start(line: &Line) -> Result<Invocation, Printed> {
    let (attach, interactive) = (line.on("attach"), line.on("interactive"));
    if (attach || interactive) && line.arguments.len() > 1 {
        let message = "you cannot start and attach multiple containers at once\n";
        return Err(Printed::error(1, message.to_string()));
    }
    let containers = line.arguments.clone();
    let request = Request::Start { containers, attach, interactive, stdin: ClientStdin::None };
    let stdin = interactive.then_some(Attach { tty: false });
    Ok(Invocation::Ask(Box::new(Order { request, env_files: Vec::new(), stdin, question: None })))
}

fn prune(action: Action, line: &Line) -> Invocation {
    let all = line.on("all");
    let (what, question) = match action {
        Action::ImagePrune if all => (ObjectKind::Image, ASK_UNUSED),
        Action::ImagePrune => (ObjectKind::Image, ASK_DANGLING),
        _ => (ObjectKind::Container, ASK_CONTAINERS),
    };
    let question = (!line.on("force")).then(|| question.to_string());
    let request = Request::Prune { what, all };
    Invocation::Ask(Box::new(Order { request, env_files: Vec::new(), stdin: None, question }))
}

fn commit(line: &Line, era: Era) -> Result<Request, Printed> {
    let text = |name: &str| line.text(name).unwrap_or_default().to_string();
    let reference = line.arguments.get(1).cloned();
    if let Some(reference) = &reference {
        reference::check(reference).map_err(|problem| Printed::error(1, format!("{}\n", problem.text(era))))?;
    }
    Ok(Request::Commit {
        container: line.arguments.first().cloned().unwrap_or_default(),
        reference,
        author: text("author"),
        message: text("message"),
        changes: line.all("change"),
    })
}

fn pull(line: &Line, era: Era) -> Result<Request, Printed> {
    let reference = line.arguments.first().cloned().unwrap_or_default();
    let plain = |message: &str| Printed::error(1, format!("{message}\n"));
    reference::check(&reference).map_err(|problem| plain(&problem.text(era)))?;
    let all_tags = line.on("all-tags");
    if all_tags && reference::has_tag(&reference) {
        return Err(plain("tag can't be used with --all-tags/-a"));
    }
    Ok(Request::Pull { reference, quiet: line.on("quiet"), all_tags })
}

fn tag(line: &Line, era: Era) -> Result<Request, Printed> {
    let name = |index: usize| line.arguments.get(index).cloned().unwrap_or_default();
    let (source, target) = (name(0), name(1));
    for (index, text) in [&source, &target].into_iter().enumerate() {
        // The source may be an id; the target never.
        if index == 0 && reference::is_id(text) {
            continue;
        }
        reference::check(text).map_err(|problem| {
            let message = problem.text(era);
            let quoted = super::value::quoted(text);
            let text = format!("Error parsing reference: {quoted} is not a valid repository/tag: {message}\n");
            Printed::error(1, text)
        })?;
    }
    Ok(Request::Tag { source, target })
}

fn top(line: &Line) -> Result<Request, Printed> {
    if line.arguments.len() > 1 {
        let options = line.arguments[1..].join(" ");
        let message = format!(
            "docker: ps options ({options}) are not simulated here: `docker top CONTAINER` shows the usual columns.\n\
             See 'docker top --help'.\n"
        );
        return Err(Printed::error(1, message));
    }
    Ok(Request::Top { container: line.arguments.first().cloned().unwrap_or_default() })
}

fn inspect(line: &Line, kind: Option<ObjectKind>) -> Request {
    let format = line.text("format").filter(|format| !format.is_empty()).map(str::to_string);
    Request::Inspect { names: line.arguments.clone(), kind, size: line.on("size"), format }
}

fn object_kind(line: &Line) -> Result<Option<ObjectKind>, Printed> {
    match line.text("type") {
        None | Some("") => Ok(None),
        Some("container") => Ok(Some(ObjectKind::Container)),
        Some("image") => Ok(Some(ObjectKind::Image)),
        Some(kind @ ("node" | "network" | "service" | "volume" | "task" | "plugin" | "secret")) => {
            let message = format!(
                "docker: --type {kind} is not simulated here: there are only images and containers.\n\
                 See 'docker inspect --help'.\n"
            );
            Err(Printed::error(125, message))
        }
        Some(kind) => {
            Err(Printed::error(1, format!("{} is not a valid value for --type\n", super::value::quoted(kind))))
        }
    }
}

fn images(line: &Line) -> Request {
    Request::Images {
        all: line.on("all"),
        quiet: line.on("quiet"),
        no_trunc: line.on("no-trunc"),
        digests: line.on("digests"),
        repository: line.arguments.first().cloned(),
        filters: line.all("filter"),
        format: line.text("format").map(str::to_string),
    }
}

fn ps(line: &Line) -> Request {
    Request::Ps {
        all: line.on("all"),
        quiet: line.on("quiet"),
        no_trunc: line.on("no-trunc"),
        size: line.on("size"),
        latest: line.on("latest"),
        last: line.int("last").filter(|count| *count >= 0),
        filters: line.all("filter"),
        format: line.text("format").map(str::to_string),
    }
}

/// `reportError` of the client: errors of `run` and `create` name the tool and its help.
pub fn run_error(command: &str, message: &str) -> Printed {
    let message = message.strip_suffix('.').unwrap_or(message);
    Printed::error(125, format!("docker: {message}.\nSee 'docker {command} --help'.\n"))
}

/// `-e NAME` takes the value of the client's own variable; one it has not is passed on as it stands, which removes it.
fn environment(line: &Line, env: &[String]) -> Vec<String> {
    line.all("env").iter().map(|text| from_environment(text, env).unwrap_or_else(|| text.clone())).collect()
}

fn from_environment(text: &str, env: &[String]) -> Option<String> {
    if text.contains('=') {
        return Some(text.to_string());
    }
    env.iter().find(|own| own.split_once('=').is_some_and(|(name, _)| name == text)).cloned()
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_string(), value.to_string())
}
