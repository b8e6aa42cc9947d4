//! Advice on a `docker` line that failed.

use super::nearest::nearest;
use crate::command::complete::{ContainerName, Context};
use crate::command::docker::grammar::{Command, Does, PLUGINS};
use crate::command::docker::{Invocation, find, parse, reference};
use crate::docker::Request;

/// Names that are listed; more would not be read.
const NAMES: usize = 8;

/// `words` are those behind `docker`.
pub(super) fn advise(words: &[String], context: &dyn Context) -> Option<String> {
    let first = words.first()?;
    if PLUGINS.iter().any(|plugin| plugin.name == first) {
        // Its own message has said what to do.
        return None;
    }
    let (topic, path, used) = find(words);
    let rest = &words[used..];
    match topic.command.does {
        Does::Refused(_) => None,
        Does::Group(children) => {
            let typed = rest.iter().find(|word| !word.starts_with('-'))?;
            let names = children.iter().filter(|child| !matches!(child.does, Does::Refused(_))).map(|child| child.name);
            nearest(typed, names).map(|meant| format!("Did you mean `{path} {meant}`?"))
        }
        Does::Action(_) => flag(topic.command, &path, rest).or_else(|| of_request(words, context)),
    }
}

/// A mistyped flag.
fn flag(command: &Command, path: &str, rest: &[String]) -> Option<String> {
    let end = rest.iter().position(|word| !command.interspersed && !word.starts_with('-')).unwrap_or(rest.len());
    for word in &rest[..end] {
        let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) else { continue };
        let name = long.split_once('=').map_or(long, |(name, _)| name);
        if name == "help" || command.long_flag(name).is_some() {
            continue;
        }
        let flags = command.sorted_flags();
        let meant = nearest(name, flags.iter().filter(|flag| !flag.hidden).map(|flag| flag.long));
        return Some(match meant {
            Some(meant) => format!("Did you mean `--{meant}`?"),
            None => format!("`{path} --help` lists its options."),
        });
    }
    None
}

/// A request that names what is not there.
fn of_request(words: &[String], context: &dyn Context) -> Option<String> {
    let Invocation::Ask(order) = parse(words, &[]) else { return None };
    match &order.request {
        Request::Run(run) => image(&run.config.image, context),
        Request::Create { config } => image(&config.image, context),
        Request::Pull { reference, .. } => image(reference, context),
        Request::History { image, .. } | Request::Tag { source: image, .. } => local_image(image, context),
        Request::Rmi { images, .. } => images.iter().find_map(|image| local_image(image, context)),
        Request::Exec(exec) => container(&exec.container, context).or_else(|| not_running(&exec.container, context)),
        Request::Top { container: name } => container(name, context).or_else(|| not_running(name, context)),
        Request::Logs { container: name, .. } | Request::Diff { container: name } => container(name, context),
        Request::Commit { container: name, .. } => container(name, context),
        Request::Start { containers: names, .. }
        | Request::Restart { containers: names, .. }
        | Request::Stop { containers: names, .. }
        | Request::Kill { containers: names, .. }
        | Request::Wait { containers: names }
        | Request::Rm { containers: names, .. } => names.iter().find_map(|name| container(name, context)),
        _ => None,
    }
}

/// An image that is neither here nor in the registry.
fn image(wanted: &str, context: &dyn Context) -> Option<String> {
    let images = context.images();
    let full = if reference::has_tag(wanted) { wanted.to_string() } else { format!("{wanted}:latest") };
    if images.iter().any(|image| image.reference == full) {
        return None;
    }
    let wanted_repository = repository(&full);
    let same = images.iter().filter(|image| repository(&image.reference) == wanted_repository);
    let tags: Vec<&str> = same.map(|image| image.reference.as_str()).take(NAMES).collect();
    if !tags.is_empty() {
        return Some(format!("Of `{wanted_repository}` there is {}.", list(&tags)));
    }
    if let Some(meant) = nearest(wanted_repository, images.iter().map(|image| repository(&image.reference))) {
        return Some(format!("Did you mean `{meant}`?"));
    }
    let all: Vec<&str> = images.iter().map(|image| image.reference.as_str()).take(NAMES).collect();
    Some(match all.is_empty() {
        true => "There are no images here yet: `docker build` makes one.".to_string(),
        false => format!("The registry here is small. The images are {}.", list(&all)),
    })
}

/// An image that is not on the node; ids are not judged.
fn local_image(wanted: &str, context: &dyn Context) -> Option<String> {
    let images = context.images();
    let full = if reference::has_tag(wanted) { wanted.to_string() } else { format!("{wanted}:latest") };
    let could_be_id = wanted.chars().all(|c| c.is_ascii_hexdigit());
    if could_be_id || images.iter().any(|image| image.local && image.reference == full) {
        return None;
    }
    if images.iter().any(|image| image.reference == full) {
        return Some(format!(
            "`{wanted}` is in the registry, not on this node: `docker pull {wanted}` brings it here."
        ));
    }
    let local = images.iter().filter(|image| image.local);
    let local: Vec<&str> = local.map(|image| image.reference.as_str()).take(NAMES).collect();
    Some(match local.is_empty() {
        true => "There are no images on this node yet.".to_string(),
        false => format!("The images on this node are {}.", list(&local)),
    })
}

/// A container that is not there.
fn container(wanted: &str, context: &dyn Context) -> Option<String> {
    let containers = context.containers();
    if containers.iter().any(|own| is_container(own, wanted)) {
        return None;
    }
    if let Some(meant) = nearest(wanted, containers.iter().map(|own| own.name.as_str())) {
        return Some(format!("Did you mean the container `{meant}`?"));
    }
    let names: Vec<&str> = containers.iter().map(|own| own.name.as_str()).take(NAMES).collect();
    Some(match names.is_empty() {
        true => "There are no containers yet: `docker run` makes one.".to_string(),
        false => format!("The containers are {}; `docker ps -a` shows them.", list(&names)),
    })
}

fn not_running(wanted: &str, context: &dyn Context) -> Option<String> {
    let containers = context.containers();
    let stopped = containers.iter().find(|own| own.state != "running" && is_container(own, wanted))?;
    let ContainerName { name, state, .. } = stopped;
    Some(format!("`{name}` is not running ({state}): `docker start {name}` starts it."))
}

fn repository(reference: &str) -> &str {
    reference.rsplit_once(':').map_or(reference, |(name, _)| name)
}

fn is_container(own: &ContainerName, word: &str) -> bool {
    own.name == word || (word.len() >= 2 && own.id.starts_with(word))
}

/// `a`, `b` and `c`, as code.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
