//! `docker ps`: which containers, filtered and formatted.

use super::container::{self, Container};
use super::format::{Listing, row};
use super::table::ellipsis;
use super::{Daemon, Turn, units};
use crate::call::Tid;
use crate::node::{Cid, Stream};
use crate::sim::Map;
use crate::sim::Nanos;
use serde_json::Value;

/// What was asked, as [`super::Request::Ps`] says it.
#[derive(Clone, Debug)]
pub(super) struct Ps {
    pub all: bool,
    pub quiet: bool,
    pub no_trunc: bool,
    pub size: bool,
    pub last: Option<i64>,
    pub filters: Vec<String>,
    pub format: Option<String>,
}

const LISTING: Listing = Listing {
    default: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
    ],
    type_name: "*formatter.ContainerContext",
    parse_error: "failed to parse template: ",
    execute_error: "failed to execute template: ",
};

/// formatter: a command is shown in 20 characters, a mount in 15.
const COMMAND_WIDTH: usize = 20;
const MOUNT_WIDTH: usize = 15;

/// One `--filter`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Id(String),
    Name(String),
    Status(String),
    Ancestor(String),
    Label(String),
    Exited(i32),
    Before(Cid),
    Since(Cid),
}

impl Daemon {
    pub(super) fn ps(&mut self, tid: Tid, ps: Ps, turn: &mut Turn<'_>) {
        let filters: Result<Vec<Filter>, String> = ps.filters.iter().map(|filter| self.ps_filter(filter)).collect();
        let filters = match filters {
            Ok(filters) => filters,
            Err(text) => return self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        };
        let shown = self.ps_chosen(&ps, &filters);
        let wants_size = ps.size || ps.format.as_ref().is_some_and(|format| format.contains(".Size"));
        if wants_size && !shown.is_empty() {
            return self.read_uppers(tid, shown.clone(), super::reading::Then::Ps { ps, shown }, turn);
        }
        self.show_ps(tid, &ps, &shown, &Map::new(), turn.now);
    }

    /// Newest first.
    fn ps_chosen(&self, ps: &Ps, filters: &[Filter]) -> Vec<Cid> {
        let by_status = filters.iter().any(|filter| matches!(filter, Filter::Status(_)));
        let all = ps.all || ps.last.is_some() || by_status;
        let limit = ps.last.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(usize::MAX);
        let containers = self.containers.values().rev().filter(|c| all || c.is_running());
        containers.filter(|c| self.passes(c, filters)).take(limit).map(|c| c.cid).collect()
    }

    /// With the bytes of each upper layer, as far as they were read.
    pub(super) fn show_ps(&mut self, tid: Tid, ps: &Ps, shown: &[Cid], sizes: &Map<Cid, u64>, now: Nanos) {
        let containers: Vec<_> = shown.iter().filter_map(|cid| self.containers.get(cid)).collect();
        let rows: Vec<Value> = containers.iter().map(|c| self.ps_row(c, ps, sizes.get(&c.cid).copied(), now)).collect();
        let default = if ps.size { format!("table {}\t{{{{.Size}}}}", LISTING.default) } else { "table".to_owned() };
        let format = match &ps.format {
            None if ps.quiet => "{{.ID}}",
            None => &default,
            Some(format) => format,
        };
        match LISTING.show(Some(format), &rows) {
            Ok(text) => {
                self.say(tid, Stream::Stdout, &text);
                self.finish(tid, 0);
            }
            Err(text) => self.refuse(tid, &text, 1),
        }
    }

    fn ps_row(&self, c: &Container, ps: &Ps, upper_bytes: Option<u64>, now: Nanos) -> Value {
        let command = c.argv_text();
        let command = if ps.no_trunc { command } else { ellipsis(&command, COMMAND_WIDTH) };
        let (created_s, _) = container::date(c.created_at);
        let image_bytes = self.images.size(&c.image);
        let upper = upper_bytes.unwrap_or(0);
        let mounts: Vec<String> = c.config.volumes.iter().map(|(source, _, _)| ellipsis(source, MOUNT_WIDTH)).collect();
        row(&[
            ("ID", if ps.no_trunc { c.id.clone() } else { c.short_id().to_owned() }),
            ("Names", c.name.clone()),
            ("Image", self.shown_image(c, ps.no_trunc)),
            ("Command", format!("\"{command}\"")),
            ("CreatedAt", units::go_time(created_s)),
            ("RunningFor", format!("{} ago", units::human_duration(now.saturating_sub(c.created_at)))),
            ("Ports", self.ports(c)),
            ("State", c.status().to_owned()),
            ("Status", c.status_text(now)),
            ("Size", format!("{} (virtual {})", units::size3(upper), units::size3(upper + image_bytes))),
            ("Labels", c.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")),
            ("Mounts", mounts.join(",")),
            ("LocalVolumes", "0".to_owned()),
            ("Networks", "none".to_owned()),
        ])
    }

    /// As it was asked for; its id when that name now is another image's, or nobody's.
    fn shown_image(&self, c: &Container, no_trunc: bool) -> String {
        if self.images.resolve(&c.config.image) == Some(c.image) {
            return c.config.image.clone();
        }
        if no_trunc { c.image.to_string() } else { c.image.short() }
    }

    fn ports(&self, c: &Container) -> String {
        if !c.is_running() {
            return String::new();
        }
        let mut ports: Vec<String> = c.config.publish.iter().map(|publish| published(publish)).collect();
        let free = |port: &&String| !c.config.publish.iter().any(|p| published(p).ends_with(port.as_str()));
        ports.extend(c.exposed_ports.iter().filter(free).cloned());
        ports.join(", ")
    }

    fn passes(&self, c: &Container, filters: &[Filter]) -> bool {
        // Values of one key are alternatives; different keys must all hold. Labels must all hold, too.
        let any = |fits: &dyn Fn(&Filter) -> Option<bool>| {
            let results: Vec<bool> = filters.iter().filter_map(fits).collect();
            results.is_empty() || results.contains(&true)
        };
        any(&|f| if let Filter::Id(id) = f { Some(c.id.contains(id.as_str())) } else { None })
            && any(&|f| if let Filter::Name(name) = f { Some(name_fits(&c.name, name)) } else { None })
            && any(&|f| if let Filter::Status(status) = f { Some(c.status() == status) } else { None })
            && any(&|f| if let Filter::Ancestor(image) = f { Some(self.descends(c, image)) } else { None })
            && any(&|f| {
                if let Filter::Exited(code) = f { Some(c.status() == "exited" && c.exit_code() == *code) } else { None }
            })
            && any(&|f| if let Filter::Before(cid) = f { Some(c.cid < *cid) } else { None })
            && any(&|f| if let Filter::Since(cid) = f { Some(c.cid > *cid) } else { None })
            && filters.iter().all(|f| if let Filter::Label(label) = f { label_fits(c, label) } else { true })
    }

    fn descends(&self, c: &Container, name: &str) -> bool {
        let Some(id) = self.images.resolve(name) else { return false };
        self.is_ancestor(&id, &c.image)
    }

    fn ps_filter(&self, filter: &str) -> Result<Filter, String> {
        const STATES: [&str; 7] = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
        const NOT_SIMULATED: [&str; 6] = ["volume", "network", "health", "isolation", "publish", "expose"];
        let (key, value) = filter.split_once('=').ok_or("bad format of filter (expected name=value)")?;
        let key = key.trim().to_ascii_lowercase();
        let value = value.trim().to_owned();
        Ok(match key.as_str() {
            "id" => Filter::Id(value),
            "name" => Filter::Name(value),
            "ancestor" => Filter::Ancestor(value),
            "label" => Filter::Label(value),
            "before" => Filter::Before(self.find(&value)?),
            "since" => Filter::Since(self.find(&value)?),
            "status" if STATES.contains(&value.as_str()) => Filter::Status(value),
            "exited" => match value.parse() {
                Ok(code) => Filter::Exited(code),
                Err(_) => return Err(format!("Invalid filter 'exited={value}'")),
            },
            "status" => return Err(format!("Invalid filter 'status={value}'")),
            key if NOT_SIMULATED.contains(&key) => return Err(format!("filter '{key}' is not simulated")),
            _ => return Err(format!("Invalid filter '{key}'")),
        })
    }
}

/// The daemon takes a name filter as a regular expression; of those, `^` and `$` are known here.
fn name_fits(name: &str, filter: &str) -> bool {
    let from_start = filter.strip_prefix('^');
    let bare = from_start.unwrap_or(filter);
    let bare = bare.strip_prefix('/').unwrap_or(bare);
    match (from_start.is_some(), bare.strip_suffix('$')) {
        (true, Some(whole)) => name == whole,
        (true, None) => name.starts_with(bare),
        (false, Some(end)) => name.ends_with(end),
        (false, None) => name.contains(bare),
    }
}

fn label_fits(c: &Container, label: &str) -> bool {
    let (key, value) = label.split_once('=').map_or((label, None), |(key, value)| (key, Some(value)));
    c.labels.iter().any(|(k, v)| k == key && value.is_none_or(|value| v == value))
}

/// `-p 8080:80` as PORTS shows it.
fn published(publish: &str) -> String {
    let (rest, protocol) = publish.split_once('/').unwrap_or((publish, "tcp"));
    match rest.rsplit_once(':') {
        Some((host, inside)) if host.contains(':') => format!("{host}->{inside}/{protocol}"),
        Some((host, inside)) => format!("0.0.0.0:{host}->{inside}/{protocol}"),
        None => format!("{rest}/{protocol}"),
    }
}
