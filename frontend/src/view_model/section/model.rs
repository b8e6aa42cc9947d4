//! What the section shows, read from the facts: strata in order, rooms, what each lookup ends at.

use super::words;
use crate::view_model::facts::{as_int, int, under};
use crate::view_model::moment::{World, as_ps_shows, base_name};
use engine::fact::{self, Facts, Value};
use engine::node::Happening;
use engine::sim::{Set, sort_by_key};
use engine::trace::What;

/// What a lesson's step wants to be shown; none of it need exist yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted<'a> {
    pub image: &'a str,
    pub containers: &'a [String],
    pub files: &'a [String],
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SectionModel {
    pub image: String,
    /// Oldest first; empty while the image does not exist.
    pub strata: Vec<Stratum>,
    pub rooms: Vec<Room>,
    /// Instructions of the image's own Dockerfile that are in its history, and those that made a layer.
    pub instructions: usize,
    pub layers: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stratum {
    Layer(Layer),
    /// An instruction that made none: a line without thickness.
    NoLayer {
        words: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// 1 is the oldest.
    pub number: u32,
    pub verb: String,
    pub rest: String,
    pub size_bytes: u64,
    pub files: Vec<LayerFile>,
    /// The event under the handle made it.
    pub fresh: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LayerFile {
    pub path: String,
    pub kind: String,
    pub mode: String,
    pub size_bytes: Option<u64>,
    /// What tells it from the same path in another layer.
    pub differs_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    pub name: String,
    pub state: RoomState,
    pub columns: Vec<Column>,
    /// Names in the upperdir, if the facts say.
    pub upper: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RoomState {
    Absent,
    Created,
    Running { pid: Option<i64>, command: String },
    Exited { code: Option<i64> },
    Other(String),
}

/// One path as one container sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub path: String,
    pub found: Found,
    /// A lower layer holds the path as well: the upperdir's is a copy.
    pub below: Option<u32>,
    /// The event under the handle is about it.
    pub fresh: bool,
    /// That event copied it up from this layer.
    pub copied_up_from: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Upper,
    Whiteout,
    Layer(u32),
    Nothing,
    /// The facts do not say: nobody asked for this path.
    Unknown,
}

impl SectionModel {
    pub fn new(wanted: Wanted, world: &World) -> SectionModel {
        let facts = &*world.facts;
        let history = history(facts, wanted.image);
        let base = base_of(facts, wanted.image, &history);
        let own = history.len() - base.as_ref().map_or(0, |base| base.history) + usize::from(base.is_some());
        let mut strata = strata(world, &wanted, &history, base.as_ref());
        mark_fresh_layer(&mut strata, world, wanted.image);
        tell_apart(&mut strata);
        let rooms = wanted.containers.iter().map(|name| room(facts, name, wanted.files, &strata, world));
        // A container that no lesson has asked for stands on the same ground.
        let others = made_from(facts, wanted.image).into_iter().filter(|name| !wanted.containers.contains(name));
        let other = |name: String| {
            let mut room = room(facts, &name, wanted.files, &strata, world);
            room.columns.retain(|column| column.found != Found::Unknown);
            room
        };
        let mut others: Vec<Room> = others.map(other).collect();
        // What runs is looked at before what has ended.
        sort_by_key(&mut others, |room| !matches!(room.state, RoomState::Running { .. }));
        let rooms = rooms.chain(others).collect();
        let layers = int(facts, &fact::path(["image", wanted.image, "layers"])).unwrap_or(0).max(0) as usize;
        SectionModel { image: wanted.image.to_owned(), strata, rooms, instructions: own, layers }
    }

    pub fn exists(&self) -> bool {
        !self.strata.is_empty()
    }

    /// Nothing that it is about is there yet.
    pub fn is_vacant(&self) -> bool {
        !self.exists() && self.rooms.iter().all(|room| room.state == RoomState::Absent)
    }

    pub fn layer(&self, number: u32) -> Option<&Layer> {
        self.strata.iter().find_map(|stratum| match stratum {
            Stratum::Layer(layer) if layer.number == number => Some(layer),
            _ => None,
        })
    }
}

/// Names of the containers of an image, whatever the image is called now.
fn made_from(facts: &Facts, image: &str) -> Vec<String> {
    let id = facts.get(&fact::path(["image", image, "id"]));
    let of_image = |(rest, value): (&str, &Value)| {
        let name = rest.strip_suffix("/image").filter(|name| !name.contains('/'))?;
        (Some(value) == id).then(|| name.to_owned())
    };
    under(facts, "container/").filter_map(of_image).collect()
}

struct Entry {
    created_by: String,
    layer: Option<u32>,
}

/// The image's history, oldest first.
fn history(facts: &Facts, image: &str) -> Vec<Entry> {
    let prefix = fact::path(["image", image, "history"]) + "/";
    let mut entries: Vec<(u32, Entry)> = under(facts, &prefix)
        .filter_map(|(rest, value)| {
            let number = rest.strip_suffix("/created_by")?.parse().ok()?;
            let layer = facts.get(&format!("{prefix}{number}/layer")).and_then(|made| made.to_string().parse().ok());
            Some((number, Entry { created_by: value.to_string(), layer }))
        })
        .collect();
    sort_by_key(&mut entries, |(number, _)| *number);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

struct Base {
    name: String,
    history: usize,
    layers: u32,
}

/// The image this one was made `FROM`: the largest whose history and layers it begins with.
fn base_of(facts: &Facts, image: &str, history: &[Entry]) -> Option<Base> {
    let images: Set<String> =
        under(facts, "image/").filter_map(|(rest, _)| Some(fact::unescape(rest.split_once('/')?.0))).collect();
    let candidates = images.into_iter().filter(|name| name != image).filter_map(|name| {
        let other = self::history(facts, &name);
        let layers = int(facts, &fact::path(["image", &name, "layers"]))?;
        let begins = other.len() < history.len()
            && !other.is_empty()
            && other.iter().zip(history).all(|(a, b)| a.created_by == b.created_by)
            && (1..=layers).all(|n| {
                let id = |image: &str| facts.get(&fact::path(["image", image, "layer", &n.to_string(), "diff_id"]));
                id(&name) == id(image)
            });
        begins.then_some(Base { name, history: other.len(), layers: u32::try_from(layers).ok()? })
    });
    candidates.max_by_key(|base| base.history)
}

/// The name of a base that no image here has: BuildKit brings one for itself, which only the events tell. An image that was
/// itself brought is its own base. Nothing if it could be one of several.
fn brought(world: &World, image: &str) -> Option<String> {
    let plain = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    let is_pull = |what: &What| matches!(what, What::Control { text, .. } if text.starts_with("image pulled "));
    let happened = world.events().iter().take(world.position as usize).filter(|event| is_pull(&event.what));
    let names = happened.filter_map(|event| event.about.strip_prefix("image/"));
    let pulled: Set<String> = names.map(|name| plain(&fact::unescape(name))).collect();
    if pulled.contains(&plain(image)) {
        return Some(plain(image));
    }
    let mut unnamed = pulled.into_iter().filter(|name| {
        let known = |name: &str| world.facts.contains_key(&fact::path(["image", name, "id"]));
        !known(name) && !known(&format!("{name}:latest"))
    });
    unnamed.next().filter(|_| unnamed.next().is_none())
}

fn strata(world: &World, wanted: &Wanted, history: &[Entry], base: Option<&Base>) -> Vec<Stratum> {
    let facts = &*world.facts;
    let layer = |number: u32, verb: &str, rest: String| {
        Stratum::Layer(Layer {
            number,
            verb: verb.to_owned(),
            rest,
            size_bytes: layer_size(facts, wanted.image, number),
            files: layer_files(facts, wanted, number),
            fresh: false,
        })
    };
    let mut strata = Vec::new();
    for number in 1..=base.map_or(0, |base| base.layers) {
        strata.push(layer(number, "FROM", base.map_or_else(String::new, |base| base.name.clone())));
    }
    let mut unnamed_base = base.is_none();
    for entry in &history[base.map_or(0, |base| base.history)..] {
        let (verb, rest) = words::instruction(&entry.created_by);
        match entry.layer {
            // A base image that has no name here: its first file system is where it starts.
            Some(number) if unnamed_base && words::is_root(&entry.created_by) => {
                strata.push(layer(
                    number,
                    "FROM",
                    brought(world, wanted.image).unwrap_or_else(|| "its base".to_owned()),
                ));
            }
            Some(number) => strata.push(layer(number, &verb, rest)),
            None => strata.push(Stratum::NoLayer { words: format!("{verb} {rest}").trim().to_owned() }),
        }
        unnamed_base = false;
    }
    strata
}

fn layer_size(facts: &Facts, image: &str, number: u32) -> u64 {
    let path = fact::path(["image", image, "layer", &number.to_string(), "size"]);
    int(facts, &path).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

fn layer_files(facts: &Facts, wanted: &Wanted, number: u32) -> Vec<LayerFile> {
    let of_path = |path: &String| {
        let fact = fact::path(["image", wanted.image, "layer", &number.to_string(), "file", path]);
        let value = facts.get(&fact)?.to_string();
        let mut words = value.split_whitespace();
        Some(LayerFile {
            path: path.clone(),
            kind: words.next().unwrap_or_default().to_owned(),
            mode: words.next().unwrap_or_default().to_owned(),
            size_bytes: words.next().and_then(|bytes| bytes.parse().ok()),
            differs_by: None,
        })
    };
    wanted.files.iter().filter_map(of_path).collect()
}

fn mark_fresh_layer(strata: &mut [Stratum], world: &World, image: &str) {
    let prefix = fact::path(["image", image, "layer"]) + "/";
    let about = world.event().and_then(|event| event.about.strip_prefix(&prefix));
    let number: Option<u32> = about.and_then(|rest| rest.split('/').next()?.parse().ok());
    for stratum in strata {
        if let Stratum::Layer(layer) = stratum {
            layer.fresh = Some(layer.number) == number;
        }
    }
}

/// A path that is in several layers is shown with what differs: its mode, else its size.
fn tell_apart(strata: &mut [Stratum]) {
    let all: Vec<LayerFile> = layers(strata).flat_map(|layer| layer.files.clone()).collect();
    for stratum in strata {
        let Stratum::Layer(layer) = stratum else { continue };
        for file in &mut layer.files {
            let same: Vec<&LayerFile> = all.iter().filter(|other| other.path == file.path).collect();
            file.differs_by = if same.iter().any(|other| other.mode != file.mode) {
                Some(file.mode.clone())
            } else if same.iter().any(|other| other.size_bytes != file.size_bytes) {
                file.size_bytes.map(crate::view_model::size::size_words)
            } else {
                None
            };
        }
    }
}

pub fn layers(strata: &[Stratum]) -> impl Iterator<Item = &Layer> {
    strata.iter().filter_map(|stratum| match stratum {
        Stratum::Layer(layer) => Some(layer),
        Stratum::NoLayer { .. } => None,
    })
}

fn room(facts: &Facts, name: &str, files: &[String], strata: &[Stratum], world: &World) -> Room {
    let of = |rest: &[&str]| facts.get(&fact::path(["container", name].into_iter().chain(rest.iter().copied())));
    let number = |rest: &[&str]| of(rest).and_then(as_int);
    let state = match of(&["state"]).map(ToString::to_string).as_deref() {
        None => RoomState::Absent,
        Some("created") => RoomState::Created,
        Some("running") => {
            let line = of(&["cmdline"]).map(ToString::to_string).unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let (program, rest) = as_ps_shows(&words).split_first().unwrap_or((&"", &[]));
            let command = [&[base_name(program)], rest].concat().join(" ");
            RoomState::Running { pid: number(&["pid", "inner"]), command }
        }
        Some("exited") => RoomState::Exited { code: number(&["exit_code"]) },
        Some(other) => RoomState::Other(other.to_owned()),
    };
    let columns = match state {
        RoomState::Absent => Vec::new(),
        _ => files.iter().map(|path| column(facts, name, path, strata, world)).collect(),
    };
    Room { name: name.to_owned(), state, columns, upper: number(&["upper"]) }
}

fn column(facts: &Facts, container: &str, path: &str, strata: &[Stratum], world: &World) -> Column {
    let from = facts.get(&fact::path(["container", container, "file", path, "from"])).map(ToString::to_string);
    let found = match from.as_deref() {
        Some("upper") => Found::Upper,
        Some("whiteout") => Found::Whiteout,
        Some("nothing") => Found::Nothing,
        Some(other) => other.strip_prefix("layer ").and_then(|n| n.parse().ok()).map_or(Found::Unknown, Found::Layer),
        None => Found::Unknown,
    };
    let below = layers(strata).filter(|layer| layer.files.iter().any(|file| file.path == path)).last();
    let upper = fact::path(["container", container, "upper", path]);
    let event = world.event().filter(|event| event.about == upper);
    let copied_up_from = event.and_then(|event| match &event.what {
        What::Kernel { event, .. } => match event.what {
            Happening::CopiedUp { layer, .. } => Some(layer),
            _ => None,
        },
        _ => None,
    });
    Column {
        path: path.to_owned(),
        found,
        below: below.map(|layer| layer.number),
        fresh: event.is_some(),
        copied_up_from,
    }
}
