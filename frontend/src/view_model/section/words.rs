//! What the section says: instructions as in a Dockerfile, what a lookup found, the lines under the title.

use super::model::{Column, Found, Room, RoomState, SectionModel, Stratum, layers};
use crate::view_model::moment::base_name;
use crate::view_model::size::{capital, count, size_words};

const VERBS: [&str; 16] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The Dockerfile instruction behind `created_by`, as its verb and the rest.
///
/// The classic builder writes `/bin/sh -c #(nop) CMD ["x"]` for what runs nothing, and the command itself for RUN.
/// BuildKit writes the instruction: `CMD ["x"]`, `COPY a b # buildkit`, `RUN /bin/sh -c x # buildkit`.
pub fn instruction(created_by: &str) -> (String, String) {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim();
    let classic = text.split_once("#(nop)").filter(|(shell, _)| shell.starts_with('/')).map(|(_, words)| words.trim());
    let (verb, rest) = split_verb(classic.unwrap_or(text));
    if classic.is_none() && !VERBS.contains(&verb) {
        return ("RUN".to_owned(), command(text.strip_prefix("RUN ").unwrap_or(text)).to_owned());
    }
    let rest = match verb {
        // `ADD file:6f1be2… in /run-httpd.sh`: the digest says nothing to a reader.
        "ADD" | "COPY" if classic.is_some() => rest.rsplit_once(" in ").map_or(rest, |(_, to)| to),
        "EXPOSE" => rest.trim_start_matches("map[").trim_end_matches(":{}]").trim_end_matches("/tcp"),
        _ => rest,
    };
    (verb.to_owned(), rest.trim().to_owned())
}

fn split_verb(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// What a shell was given to run: without the shell, and without the build arguments before it (`|1 A=b /bin/sh -c x`).
fn command(text: &str) -> &str {
    const SHELL: &str = "/bin/sh -c ";
    let after_arguments =
        || text.starts_with('|').then(|| text.split_once(SHELL).map(|(_, command)| command)).flatten();
    text.strip_prefix(SHELL).or_else(after_arguments).unwrap_or(text).trim()
}

/// Whether this entry brought a whole root file system: `ADD file:… in /` by the classic builder,
/// `ADD alpine-minirootfs.tar.gz / # buildkit` by BuildKit.
pub fn is_root(created_by: &str) -> bool {
    let (verb, rest) = instruction(created_by);
    verb == "ADD" && (rest == "/" || rest.ends_with(" /") && rest.contains(".tar"))
}

/// What stands under a path's name inside a container.
pub fn found(column: &Column) -> &'static str {
    match (column.found, column.below) {
        (Found::Upper, Some(_)) => "its own copy",
        (Found::Upper, None) => "made here",
        (Found::Whiteout, _) => "a whiteout",
        (Found::Layer(_), _) => "the image’s",
        (Found::Nothing, _) => "not there",
        (Found::Unknown, _) => "",
    }
}

pub fn state(room: &Room) -> String {
    match &room.state {
        RoomState::Absent => "not there yet".to_owned(),
        RoomState::Created => "created".to_owned(),
        RoomState::Running { pid, command } => running(*pid, command),
        RoomState::Exited { code } => match code {
            Some(code) => format!("exited ({code})"),
            None => "exited".to_owned(),
        },
        RoomState::Other(state) => state.clone(),
    }
}

/// The same without what a program was given, where there is little room.
pub fn brief(room: &Room) -> String {
    match &room.state {
        RoomState::Running { pid, command } => running(*pid, command.split(' ').next().unwrap_or_default()),
        _ => state(room),
    }
}

fn running(pid: Option<i64>, command: &str) -> String {
    let pid = pid.map_or_else(String::new, |pid| format!("pid {pid} "));
    format!("{pid}{command}").trim().to_owned()
}

/// The lines under the title: what there is, then what the lines mean or, in a crowd, how many rooms are not drawn.
pub fn subtitle(model: &SectionModel, left_out: usize) -> (Vec<String>, Vec<String>) {
    let there = model.rooms.iter().filter(|room| room.state != RoomState::Absent).count();
    let layer_count = layers(&model.strata).count();
    let one_stack = match layer_count {
        0 => Vec::new(),
        1 => vec!["one layer.".to_owned()],
        _ => vec!["one stack of layers.".to_owned()],
    };
    let first = match there {
        0 if model.exists() => {
            let (a, b) = (count(model.instructions, "instruction"), count(layer_count, "layer"));
            return (vec![format!("{},", capital(&a)), format!("{b}.")], Vec::new());
        }
        0 => return (vec!["It is not here yet.".to_owned()], Vec::new()),
        n => format!("{},", capital(&count(n, "container"))),
    };
    let falls = model.rooms.iter().flat_map(|room| &room.columns).any(|column| matches!(column.found, Found::Layer(_)));
    let lines = match (left_out, falls) {
        (0, true) => vec!["Lines drop to the first".to_owned(), "layer holding the file.".to_owned()],
        (0, false) => Vec::new(),
        (more, _) => vec![format!("{more} not drawn")],
    };
    (std::iter::once(first).chain(one_stack).collect(), lines)
}

/// The whole section as sentences, for whoever reads instead of looking: term and description.
pub fn description(model: &SectionModel) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for room in &model.rooms {
        let mut parts = vec![state(room)];
        parts.extend(room.upper.map(|names| match names {
            0 => "its upperdir is empty".to_owned(),
            1 => "its upperdir holds 1 name".to_owned(),
            n => format!("its upperdir holds {n} names"),
        }));
        parts.extend(room.columns.iter().filter(|column| column.found != Found::Unknown).map(column_words));
        lines.push((format!("Container {}", room.name), parts.join("; ")));
    }
    for stratum in model.strata.iter().rev() {
        match stratum {
            Stratum::NoLayer { words } => lines.push((words.clone(), "no layer".to_owned())),
            Stratum::Layer(layer) => {
                let files = layer.files.iter().map(|file| format!("{} {} {}", file.path, file.kind, file.mode));
                let mut parts = vec![size_words(layer.size_bytes)];
                parts.extend(files);
                lines.push((format!("Layer {}: {} {}", layer.number, layer.verb, layer.rest), parts.join("; ")));
            }
        }
    }
    lines
}

fn column_words(column: &Column) -> String {
    let name = base_name(&column.path);
    match column.found {
        Found::Upper if column.below.is_some() => format!("{name} is its own copy, in the upperdir"),
        Found::Upper => format!("{name} was made here, in the upperdir"),
        Found::Whiteout => format!("{name} is hidden by a whiteout in the upperdir"),
        Found::Layer(n) => format!("{name} is found in layer {n}"),
        Found::Nothing => format!("{name} is not there"),
        Found::Unknown => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_file_system_is_one_in_either_form() {
        assert!(is_root("/bin/sh -c #(nop) ADD file:6f1be2a4c7d98a03e in / "));
        assert!(is_root("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit"));
        assert!(!is_root("/bin/sh -c #(nop) ADD file:6f1be2a4c7d98a03e in /run.sh "));
        assert!(!is_root("ADD run.sh /run.sh # buildkit") && !is_root("COPY . / # buildkit"));
    }

    #[test]
    fn history_entries_read_as_instructions() {
        let shown = |text: &str| {
            let (verb, rest) = instruction(text);
            format!("{verb}|{rest}")
        };
        assert_eq!(shown("/bin/sh -c chmod -v +x /run-httpd.sh"), "RUN|chmod -v +x /run-httpd.sh");
        assert_eq!(shown("/bin/sh -c #(nop)  CMD [\"/run-httpd.sh\"]"), "CMD|[\"/run-httpd.sh\"]");
        assert_eq!(shown("/bin/sh -c #(nop) ADD file:6f1be2a4c7d98a03e in /run-httpd.sh "), "ADD|/run-httpd.sh");
        assert_eq!(shown("/bin/sh -c #(nop)  EXPOSE 80"), "EXPOSE|80");
        assert_eq!(shown("RUN /bin/sh -c yum -y update # buildkit"), "RUN|yum -y update");
        assert_eq!(shown("|1 T=latest /bin/sh -c echo [$T]"), "RUN|echo [$T]");
        assert_eq!(shown("RUN |1 T=latest /bin/sh -c echo [$T] # buildkit"), "RUN|echo [$T]");
        assert_eq!(shown("/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]"), "SHELL|[/bin/sh -ec]");
        assert_eq!(shown("CMD [\"/bin/sh\"]"), "CMD|[\"/bin/sh\"]");
        assert_eq!(shown("COPY app.sh /app.sh # buildkit"), "COPY|app.sh /app.sh");
        assert_eq!(shown("EXPOSE map[80/tcp:{}]"), "EXPOSE|80");
        assert_eq!(shown("WORKDIR /srv"), "WORKDIR|/srv");
    }
}
