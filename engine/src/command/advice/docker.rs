//! Advice on a `docker` line that failed.

use super::nearest::nearest;
use crate::command::complete::{ContainerName, Context};
use crate::command::docker::flags::{self, FlagSet};
use crate::command::docker::grammar::{Argument, Arity, Command, Does, Kind, PLUGINS};
use crate::command::docker::{Invocation, find, parse, reference};
use crate::docker::{ContainerConfig, Request};
use crate::scenario::Era;
use crate::sim::sort_by_key;

/// Names that are listed; more would not be read.
const NAMES: usize = 8;

/// `words` are those behind `docker`.
pub(super) fn advise(words: &[String], context: &dyn Context) -> Option<String> {
    let first = words.first()?;
    if PLUGINS.iter().any(|plugin| plugin.name == first) {
        // Its own message has said what to do.
        return None;
    }
    let (topic, path, used) = find(words, Era::Course);
    let rest = &words[used..];
    match topic.command.does {
        Does::Refused(_) => None,
        Does::Group(children) => {
            let typed = rest.iter().find(|word| !word.starts_with('-'))?;
            let names = children.iter().filter(|child| !matches!(child.does, Does::Refused(_))).map(|child| child.name);
            Some(match nearest(typed, names) {
                Some(meant) => format!("Did you mean `{path} {meant}`?"),
                None => format!("There is no `{path} {typed}`. `{path} --help` lists what there is."),
            })
        }
        Does::Action(_) => flag(topic.command, &path, rest)
            .or_else(|| arguments(topic.command, &path, rest, context))
            .or_else(|| of_request(words, context)),
    }
}

/// Too few arguments, or too many: the line as it could have been typed.
fn arguments(command: &Command, path: &str, rest: &[String], context: &dyn Context) -> Option<String> {
    let line = flags::split(FlagSet::of(command), rest).ok()?;
    let typed = line.arguments.len();
    if line.help || command.arity.allows(typed) {
        return None;
    }
    let (least, most) = match command.arity {
        Arity::None => (0, 0),
        Arity::Exactly(n) => (n, n),
        Arity::AtLeast(n) => (n, usize::MAX),
        Arity::AtMost(n) => (0, n),
        Arity::Between(low, high) => (low, high),
    };
    let mut words: Vec<String> = rest.to_vec();
    for extra in line.arguments.iter().skip(most) {
        let at = words.iter().rposition(|word| word == extra)?;
        words.remove(at);
    }
    let missing: Vec<&str> = (typed..least).map(|index| name(command, index)).collect();
    words.extend((typed..least).map(|index| example(command, index, context)));
    let line = words.iter().fold(path.to_owned(), |line, word| format!("{line} {}", quoted(word)));
    Some(match missing.as_slice() {
        [] => format!("That is more than `{path}` takes. Type `{line}`."),
        missing => format!("What is missing: {}. Type, for instance, `{line}`.", missing.join(" and ")),
    })
}

/// What the usage line calls an argument: `IMAGE`, `SOURCE_IMAGE`.
fn name(command: &Command, index: usize) -> &'static str {
    let parts: Vec<&str> = command.usage.split(' ').filter(|part| *part != "[OPTIONS]").collect();
    let part = parts.get(index).or(parts.last()).copied().unwrap_or("ARGUMENT");
    part.split('[').next().unwrap_or(part)
}

/// Something that could stand there.
fn example(command: &Command, index: usize, context: &dyn Context) -> String {
    let image = || {
        let mut images = context.images();
        sort_by_key(&mut images, |image| !image.local);
        images.first().map(|image| image.reference.clone())
    };
    let container = |running: Option<bool>| {
        let fits = |own: &ContainerName| running.is_none_or(|wanted| wanted == (own.state == "running"));
        context.containers().into_iter().find(fits).map(|own| own.name)
    };
    let found = match command.argument(index) {
        // A second image is a new name.
        Some(Argument::Image) if index == 0 => image(),
        Some(Argument::Container) => container(None),
        Some(Argument::RunningContainer) => container(Some(true)),
        Some(Argument::StoppedContainer) => container(Some(false)),
        Some(Argument::Object) => container(None).or_else(image),
        Some(Argument::Path) => Some(".".to_owned()),
        Some(Argument::CommandInImage | Argument::CommandInContainer) => Some("sh".to_owned()),
        Some(Argument::Word(words)) => words.first().map(|word| (*word).to_owned()),
        Some(Argument::Image | Argument::Free) | None => None,
    };
    found.unwrap_or_else(|| name(command, index).to_owned())
}

/// As it has to be typed, if a shell would take it apart.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// A mistyped flag.
fn flag(command: &Command, path: &str, rest: &[String]) -> Option<String> {
    let end = rest.iter().position(|word| !command.interspersed && !word.starts_with('-')).unwrap_or(rest.len());
    for word in &rest[..end] {
        if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) {
            let Some(letter) = unknown_letter(command, letters) else { continue };
            return Some(match command.long_flag(letters) {
                Some(meant) => format!("Did you mean `--{}`? One dash is for single letters.", meant.long),
                None => format!("`{path}` has no `-{letter}`. `{path} --help` lists its options."),
            });
        }
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

/// The first of a word of letters that no flag has; behind a flag that takes a value comes the value.
fn unknown_letter(command: &Command, letters: &str) -> Option<char> {
    for letter in letters.chars() {
        match command.short_flag(letter) {
            None if letter == 'h' => {}
            None => return Some(letter),
            Some(flag) if flag.kind != Kind::Bool => return None,
            Some(_) => {}
        }
    }
    None
}

/// A request that names what is not there.
fn of_request(words: &[String], context: &dyn Context) -> Option<String> {
    let Invocation::Ask(order) = parse(words, &[]) else { return None };
    match &order.request {
        Request::Run(run) => image(&run.config.image, context).or_else(|| option_behind(&run.config)),
        Request::Create { config } => image(&config.image, context).or_else(|| option_behind(config)),
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

/// `docker run web:1 --name web`: all that follows the image is the container's command.
fn option_behind(config: &ContainerConfig) -> Option<String> {
    let option = config.argv.first().filter(|word| word.starts_with('-'))?;
    Some(format!("Options stand before the image: `{option}` behind `{}` is taken for the command.", config.image))
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
