//! An image's configuration, byte for byte as Docker 20.10 stores it: the image id is the digest of these bytes, so the
//! order of fields and Go's escapes (`\u0026`) matter (OCI image-spec, config.md; moby `image/image.go`,
//! `api/types/container/config.go`).
//!
//! What differs from the bytes of a real daemon is what goes in: times, container ids and `docker_version` are the
//! scenario's.

use super::Digest;
use super::dockerfile::{Healthcheck, quoted};
use crate::scenario::Era;
use crate::sim::{Map, Set};
use serde_json::{Map as Object, Value, json};
use std::io;

/// What `docker version` says and configurations carry, by era.
pub const DOCKER_VERSION: &str = "20.10.24";

/// `PATH` of a container whose image sets none.
pub const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub author: String,
    pub comment: String,
    pub config: RunConfig,
    /// Id of the container that was committed, 64 digits; COPY and ADD have none.
    pub container: Option<String>,
    pub container_config: Option<RunConfig>,
    /// RFC 3339 with nanoseconds, as Go prints it.
    pub created: String,
    pub history: Vec<History>,
    pub diff_ids: Vec<Digest>,
    /// Whose form: the classic builder's, or BuildKit's.
    pub era: Era,
}

/// One line of `docker history`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub created: String,
    pub author: String,
    pub created_by: String,
    pub comment: String,
    /// It made no layer.
    pub empty_layer: bool,
}

/// What a container of the image runs, unless told otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunConfig {
    pub hostname: String,
    pub user: String,
    /// `80/tcp`
    pub exposed_ports: Set<String>,
    pub env: Vec<String>,
    /// `None` where it was never set; JSON `null`.
    pub cmd: Option<Vec<String>>,
    pub healthcheck: Option<Healthcheck>,
    /// The parent's id, or empty.
    pub image: String,
    pub volumes: Set<String>,
    pub working_dir: String,
    pub entrypoint: Option<Vec<String>>,
    pub on_build: Vec<String>,
    pub labels: Option<Map<String, String>>,
    pub stop_signal: Option<String>,
    pub shell: Option<Vec<String>>,
    /// `CMD` was said: a mark without a meaning on Linux that BuildKit leaves.
    pub args_escaped: bool,
}

impl RunConfig {
    /// What a shell form begins with.
    pub fn shell(&self) -> Vec<String> {
        self.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }

    /// Sets a variable, in its place if it is there already.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let line = format!("{name}={value}");
        let named = |existing: &&mut String| existing.split('=').next() == Some(name);
        match self.env.iter_mut().find(named) {
            Some(existing) => *existing = line,
            None => self.env.push(line),
        }
    }

    /// The arguments of a container that is told nothing else (reference.md, "Understand how CMD and ENTRYPOINT
    /// interact").
    pub fn argv(&self) -> Vec<String> {
        self.entrypoint.iter().flatten().chain(self.cmd.iter().flatten()).cloned().collect()
    }

    fn classic(&self) -> Value {
        let mut out = Object::new();
        let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
        put("Hostname", json!(self.hostname));
        put("Domainname", json!(""));
        put("User", json!(self.user));
        for key in ["AttachStdin", "AttachStdout", "AttachStderr"] {
            put(key, json!(false));
        }
        if !self.exposed_ports.is_empty() {
            put("ExposedPorts", set(&self.exposed_ports));
        }
        for key in ["Tty", "OpenStdin", "StdinOnce"] {
            put(key, json!(false));
        }
        put("Env", if self.env.is_empty() { Value::Null } else { json!(self.env) });
        put("Cmd", json!(self.cmd));
        if let Some(healthcheck) = &self.healthcheck {
            put("Healthcheck", health(healthcheck));
        }
        put("Image", json!(self.image));
        put("Volumes", if self.volumes.is_empty() { Value::Null } else { set(&self.volumes) });
        put("WorkingDir", json!(self.working_dir));
        put("Entrypoint", json!(self.entrypoint));
        put("OnBuild", if self.on_build.is_empty() { Value::Null } else { json!(self.on_build) });
        put("Labels", json!(self.labels));
        if let Some(signal) = &self.stop_signal {
            put("StopSignal", json!(signal));
        }
        if let Some(shell) = &self.shell {
            put("Shell", json!(shell));
        }
        Value::Object(out)
    }

    /// As BuildKit writes it: the fields of OCI image-spec, config.md, in their order, none that is empty.
    fn oci(&self) -> Value {
        let mut out = Object::new();
        let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
        if !self.user.is_empty() {
            put("User", json!(self.user));
        }
        if !self.exposed_ports.is_empty() {
            put("ExposedPorts", set(&self.exposed_ports));
        }
        if !self.env.is_empty() {
            put("Env", json!(self.env));
        }
        if let Some(entrypoint) = &self.entrypoint {
            put("Entrypoint", json!(entrypoint));
        }
        if let Some(cmd) = &self.cmd {
            put("Cmd", json!(cmd));
        }
        if !self.volumes.is_empty() {
            put("Volumes", set(&self.volumes));
        }
        if !self.working_dir.is_empty() {
            put("WorkingDir", json!(self.working_dir));
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| !labels.is_empty()) {
            put("Labels", json!(labels));
        }
        if let Some(signal) = &self.stop_signal {
            put("StopSignal", json!(signal));
        }
        if self.args_escaped {
            put("ArgsEscaped", json!(true));
        }
        if let Some(healthcheck) = &self.healthcheck {
            put("Healthcheck", health(healthcheck));
        }
        if !self.on_build.is_empty() {
            put("OnBuild", json!(self.on_build));
        }
        if let Some(shell) = &self.shell {
            put("Shell", json!(shell));
        }
        Value::Object(out)
    }
}

impl ImageConfig {
    pub fn json(&self) -> Vec<u8> {
        let mut out = Object::new();
        let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
        put("architecture", json!("amd64"));
        if !self.author.is_empty() {
            put("author", json!(self.author));
        }
        if !self.comment.is_empty() {
            put("comment", json!(self.comment));
        }
        let classic = self.era == Era::Course;
        put("config", if classic { self.config.classic() } else { self.config.oci() });
        if let Some(container) = self.container.as_ref().filter(|_| classic) {
            put("container", json!(container));
        }
        if let Some(config) = self.container_config.as_ref().filter(|_| classic) {
            put("container_config", config.classic());
        }
        if classic || !self.created.is_empty() {
            put("created", json!(self.created));
        }
        if classic {
            put("docker_version", json!(DOCKER_VERSION));
        }
        put("history", Value::Array(self.history.iter().map(History::json).collect()));
        put("os", json!("linux"));
        let diff_ids: Vec<String> = self.diff_ids.iter().map(Digest::to_string).collect();
        put(
            "rootfs",
            match diff_ids.is_empty() {
                true => json!({ "type": "layers" }),
                false => json!({ "type": "layers", "diff_ids": diff_ids }),
            },
        );
        go_json(&Value::Object(out))
    }
}

impl History {
    fn json(&self) -> Value {
        let mut out = Object::new();
        out.insert("created".to_owned(), json!(self.created));
        for (key, value) in [("author", &self.author), ("created_by", &self.created_by), ("comment", &self.comment)] {
            if !value.is_empty() {
                out.insert(key.to_owned(), json!(value));
            }
        }
        if self.empty_layer {
            out.insert("empty_layer".to_owned(), json!(true));
        }
        Value::Object(out)
    }
}

fn set(names: &Set<String>) -> Value {
    Value::Object(names.iter().map(|name| (name.clone(), json!({}))).collect())
}

fn health(healthcheck: &Healthcheck) -> Value {
    let mut out = Object::new();
    out.insert("Test".to_owned(), json!(test(healthcheck)));
    if let Healthcheck::Command { interval_ns, timeout_ns, start_period_ns, retries, .. } = healthcheck {
        let fields = [
            ("Interval", interval_ns),
            ("Timeout", timeout_ns),
            ("StartPeriod", start_period_ns),
            ("Retries", retries),
        ];
        for (key, value) in fields.into_iter().filter(|(_, value)| **value != 0) {
            out.insert(key.to_owned(), json!(value));
        }
    }
    Value::Object(out)
}

fn test(healthcheck: &Healthcheck) -> Vec<String> {
    use super::dockerfile::Command;
    match healthcheck {
        Healthcheck::None => vec!["NONE".to_owned()],
        Healthcheck::Command { command: Command::Shell(line), .. } => vec!["CMD-SHELL".to_owned(), line.clone()],
        Healthcheck::Command { command: Command::Exec(argv), .. } => {
            std::iter::once("CMD".to_owned()).chain(argv.iter().cloned()).collect()
        }
    }
}

/// A health check as Go's `%q` prints the struct: what the history of the classic builder shows.
pub fn health_text(healthcheck: &Healthcheck) -> String {
    let (intervals, retries) = match healthcheck {
        Healthcheck::None => ([0; 3], 0),
        Healthcheck::Command { interval_ns, timeout_ns, start_period_ns, retries, .. } => {
            ([*interval_ns, *timeout_ns, *start_period_ns], *retries)
        }
    };
    let [interval, timeout, start_period] = intervals.map(|ns| quoted(&go_duration(ns)));
    let retries = u32::try_from(retries).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    let retries = match retries {
        '\'' => "\\'".to_owned(),
        '"' => "\"".to_owned(),
        other => quoted(&other.to_string()).trim_matches('"').to_owned(),
    };
    format!("&{{{} {interval} {timeout} {start_period} '{retries}'}}", list(&test(healthcheck)))
}

/// A list as Go's `%q` prints it: `["a" "b"]`.
pub fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(" "))
}

/// Go's `time.Duration.String` of what is not negative: `1m30s`, `1.5s`, `2ms`.
pub fn go_duration(ns: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let decimal = |value: i64, unit: i64, name: &str| {
        let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        let dot = if value % unit == 0 { "" } else { "." };
        let fraction = if value % unit == 0 { "" } else { fraction };
        format!("{}{dot}{fraction}{name}", value / unit)
    };
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => decimal(ns, 1_000, "µs"),
        1_000_000..SECOND => decimal(ns, 1_000_000, "ms"),
        _ => {
            let (hours, minutes) = (ns / (3600 * SECOND), ns / (60 * SECOND) % 60);
            let seconds = decimal(ns % (60 * SECOND), SECOND, "s");
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

/// Compact JSON with the escapes of Go's `encoding/json`.
pub fn go_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, GoEscapes);
    // Writing to a Vec does not fail, and a Value has only string keys.
    let written = serde::Serialize::serialize(value, &mut serializer);
    debug_assert!(written.is_ok());
    out
}

struct GoEscapes;

impl serde_json::ser::Formatter for GoEscapes {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let escaped = rest[at..].chars().next().map_or(0, u32::from);
            write!(writer, "\\u{escaped:04x}")?;
            rest = &rest[at + char::from_u32(escaped).map_or(1, char::len_utf8)..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: serde_json::ser::CharEscape,
    ) -> io::Result<()> {
        use serde_json::ser::CharEscape::*;
        // Go has no short form for these two.
        match escape {
            Backspace => writer.write_all(b"\\u0008"),
            FormFeed => writer.write_all(b"\\u000c"),
            other => serde_json::ser::CompactFormatter.write_char_escape(writer, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        let value = json!({ "b<&>": "\u{2028}\u{8}\n\t\u{1}\"\\é" });
        let expected = "{\"b\\u003c\\u0026\\u003e\":\"\\u2028\\u0008\\n\\t\\u0001\\\"\\\\é\"}";
        assert_eq!(String::from_utf8(go_json(&value)).unwrap(), expected);
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let cases = [
            (0, "0s"),
            (5_000_000_000, "5s"),
            (90_000_000_000, "1m30s"),
            (1_500_000_000, "1.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (2_000_000, "2ms"),
            (1_250, "1.25µs"),
        ];
        for (ns, text) in cases {
            assert_eq!(go_duration(ns), text);
        }
    }

    /// `engine/tests/goldens/docker/config.jsonl`: configurations that a real daemon stored, written again from what
    /// they hold.
    #[test]
    fn a_recorded_configuration_is_written_byte_for_byte() {
        let recorded = include_str!("../../tests/goldens/docker/config.jsonl");
        let lines: Vec<&str> = recorded.lines().filter(|line| line.starts_with('{')).collect();
        assert!(lines.len() >= 8, "{}", lines.len());
        for line in lines {
            let written = parsed(line).json();
            let expected = line.replace("20.10.24+dfsg1", DOCKER_VERSION);
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }

    fn parsed(line: &str) -> ImageConfig {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let history = |value: &Value| History {
            created: text(&value["created"]),
            author: text(&value["author"]),
            created_by: text(&value["created_by"]),
            comment: text(&value["comment"]),
            empty_layer: value["empty_layer"] == true,
        };
        let digest = |value: &Value| Digest::parse(value.as_str().unwrap()).unwrap();
        ImageConfig {
            author: text(&value["author"]),
            comment: text(&value["comment"]),
            config: run_config(&value["config"]),
            container: value["container"].as_str().map(str::to_owned),
            container_config: value.get("container_config").map(run_config),
            created: text(&value["created"]),
            history: value["history"].as_array().unwrap().iter().map(history).collect(),
            diff_ids: value["rootfs"]["diff_ids"].as_array().unwrap_or(&Vec::new()).iter().map(digest).collect(),
            era: Era::Course,
        }
    }

    fn run_config(value: &Value) -> RunConfig {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| serde_json::from_value::<Option<Vec<String>>>(value[key].clone()).unwrap();
        let names = |key: &str| value[key].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let health = |value: &Value| {
            let words: Vec<String> = serde_json::from_value(value["Test"].clone()).unwrap();
            match words[0].as_str() {
                "NONE" => Healthcheck::None,
                kind => Healthcheck::Command {
                    command: match kind {
                        "CMD" => crate::image::dockerfile::Command::Exec(words[1..].to_vec()),
                        _ => crate::image::dockerfile::Command::Shell(words[1].clone()),
                    },
                    interval_ns: number(&value["Interval"]),
                    timeout_ns: number(&value["Timeout"]),
                    start_period_ns: number(&value["StartPeriod"]),
                    retries: number(&value["Retries"]),
                },
            }
        };
        RunConfig {
            args_escaped: false,
            hostname: text("Hostname"),
            user: text("User"),
            exposed_ports: names("ExposedPorts"),
            env: list("Env").unwrap_or_default(),
            cmd: list("Cmd"),
            healthcheck: value.get("Healthcheck").map(health),
            image: text("Image"),
            volumes: names("Volumes"),
            working_dir: text("WorkingDir"),
            entrypoint: list("Entrypoint"),
            on_build: list("OnBuild").unwrap_or_default(),
            labels: serde_json::from_value(value["Labels"].clone()).unwrap(),
            stop_signal: value["StopSignal"].as_str().map(str::to_owned),
            shell: list("Shell"),
        }
    }
}
