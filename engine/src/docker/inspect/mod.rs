//! `docker inspect`: the JSON of a container or an image, keys in Docker's order, or a template over it.

mod container;
mod image;

use super::reading::Then;
use super::request::ObjectKind;
use super::template::{self, Source};
use super::{Daemon, Turn};
use crate::call::Tid;
use crate::image::Digest;
use crate::node::{Cid, Stream};
use crate::sim::Map;
use serde::Serialize;
use serde_json::Value;

/// What was asked, as [`super::Request::Inspect`] says it.
#[derive(Clone, Debug)]
pub(super) struct Inspect {
    pub names: Vec<String>,
    pub kind: Option<ObjectKind>,
    pub size: bool,
    pub format: Option<String>,
}

/// What the client exits with when it cannot parse the template.
const BAD_TEMPLATE: i32 = 64;

enum Object {
    Container(Cid),
    Image(Digest),
}

impl Daemon {
    pub(super) fn inspect(&mut self, tid: Tid, inspect: Inspect, turn: &mut Turn<'_>) {
        if let Some(Err(error)) = inspect.format.as_ref().map(|format| template::parse(format, "")) {
            return self.refuse(tid, &format!("template parsing error: {error}"), BAD_TEMPLATE);
        }
        let sized: Vec<Cid> = match inspect.size {
            true => inspect.names.iter().filter_map(|name| self.find(name).ok()).collect(),
            false => Vec::new(),
        };
        self.read_uppers(tid, sized, Then::Inspect(inspect), turn);
    }

    pub(super) fn show_inspect(&mut self, tid: Tid, inspect: &Inspect, sizes: &Map<Cid, u64>) {
        let mut found = Vec::new();
        let mut error = None;
        for name in &inspect.names {
            match self.object(name, inspect.kind) {
                Ok(Object::Container(cid)) => found.extend(self.container_json(cid, sizes.get(&cid).copied())),
                Ok(Object::Image(id)) => {
                    found.extend(self.image_json(&id));
                    if inspect.size {
                        self.say(tid, Stream::Stderr, "WARNING: --size ignored for image\n");
                    }
                }
                Err(text) => {
                    error = Some(text);
                    break;
                }
            }
        }
        let shown = match &inspect.format {
            None => Ok(format!("{}\n", pretty(&Value::Array(found)))),
            Some(format) => with_template(format, &found),
        };
        let (text, failed) = match shown {
            Ok(text) => (text, None),
            Err((text, failed)) => (text, Some(failed)),
        };
        self.say(tid, Stream::Stdout, &text);
        match failed.or(error) {
            Some(text) => self.refuse(tid, &text, 1),
            None => self.finish(tid, 0),
        }
    }

    fn object(&self, name: &str, kind: Option<ObjectKind>) -> Result<Object, String> {
        if kind != Some(ObjectKind::Image)
            && let Ok(cid) = self.find(name)
        {
            return Ok(Object::Container(cid));
        }
        if kind != Some(ObjectKind::Container)
            && let Some(id) = self.images.resolve(name)
        {
            return Ok(Object::Image(id));
        }
        let what = match kind {
            None => "object",
            Some(ObjectKind::Container) => "container",
            Some(ObjectKind::Image) => "image",
        };
        Err(format!("Error: No such {what}: {name}"))
    }
}

/// The template for each object, a line each; on an error what was printed before it, and the error.
fn with_template(format: &str, found: &[Value]) -> Result<String, (String, String)> {
    let parsed = template::parse(format, "").map_err(|error| (String::new(), error))?;
    let mut text = String::new();
    for value in found {
        match parsed.execute(value, "", Source::Map) {
            Ok(line) => text.push_str(&format!("{line}\n")),
            Err(error) => {
                // The client ends the line it has begun.
                if text.is_empty() {
                    text.push('\n');
                }
                return Err((text, format!("template parsing error: {error}")));
            }
        }
    }
    Ok(text)
}

/// Indented by four, as the client prints it.
fn pretty(value: &Value) -> String {
    let mut out = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, indent);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// GraphDriver of overlay2: the directories of a layer, named by its cache id.
fn graph_driver(upper: &str, lowers: &[String]) -> Value {
    let dir = |id: &str, part: &str| format!("/var/lib/docker/overlay2/{id}/{part}");
    let mut data = serde_json::Map::new();
    if !lowers.is_empty() {
        let lower: Vec<String> = lowers.iter().map(|id| dir(id, "diff")).collect();
        data.insert("LowerDir".to_owned(), lower.join(":").into());
    }
    data.insert("MergedDir".to_owned(), dir(upper, "merged").into());
    data.insert("UpperDir".to_owned(), dir(upper, "diff").into());
    data.insert("WorkDir".to_owned(), dir(upper, "work").into());
    serde_json::json!({ "Data": data, "Name": "overlay2" })
}

/// Pairs as a JSON object, sorted by name.
fn object(pairs: &[(String, String)]) -> Value {
    let sorted: Map<_, _> = pairs.iter().cloned().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

/// `null` for what is empty, as Go has it for a nil slice.
fn or_null(values: &[String]) -> Value {
    if values.is_empty() { Value::Null } else { values.into() }
}
