//! `docker images` and `docker history`.

use super::format::{Listing, row};
use super::table::ellipsis;
use super::{Daemon, Turn, container, units};
use crate::call::Tid;
use crate::image::Digest;
use crate::image::glob::Glob;
use crate::image::store::Image;
use crate::node::Stream;
use crate::sim::{Nanos, SECOND, sort_by_key};
use serde_json::Value;
use std::sync::Arc;

/// What was asked, as [`super::Request::Images`] says it.
#[derive(Clone, Debug)]
pub(super) struct ImagesAsked {
    pub all: bool,
    pub quiet: bool,
    pub no_trunc: bool,
    pub digests: bool,
    pub repository: Option<String>,
    pub filters: Vec<String>,
    pub format: Option<String>,
}

/// What was asked, as [`super::Request::History`] says it.
#[derive(Clone, Debug)]
pub(super) struct HistoryAsked {
    pub image: String,
    pub quiet: bool,
    pub no_trunc: bool,
    pub human: bool,
    pub format: Option<String>,
}

const NONE: &str = "<none>";

const IMAGES: Listing = Listing {
    default: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    headings: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
    type_name: "*formatter.imageContext",
    parse_error: "template parsing error: ",
    execute_error: "template parsing error: ",
};

const WITH_DIGESTS: &str = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

const HISTORY: Listing = Listing {
    default: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    type_name: "*image.historyContext",
    parse_error: "template parsing error: ",
    execute_error: "template parsing error: ",
};

const PLAIN_HISTORY: &str = "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

/// formatter: CREATED BY is shown in 45 characters.
const CREATED_BY_WIDTH: usize = 45;

/// One `--filter` of `docker images`, parsed.
#[derive(Clone, Debug)]
enum Filter {
    Dangling(bool),
    Label(String),
    Before(u64),
    Since(u64),
    Reference(Glob),
}

impl Daemon {
    pub(super) fn list_images(&mut self, tid: Tid, asked: &ImagesAsked, turn: &Turn<'_>) {
        let filters: Result<Vec<Filter>, String> = self.image_filters(asked);
        let filters = match filters {
            Ok(filters) => filters,
            Err(text) => return self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        };
        let mut rows = Vec::new();
        let mut images: Vec<&Arc<Image>> = self.images.store.images();
        sort_by_key(&mut images, |image| std::cmp::Reverse((created_s(&image.config.created), image.number)));
        for image in images {
            let intermediate = self.images.store.is_intermediate(&image.id);
            if (asked.all || !intermediate) && self.image_passes(image, &filters) {
                rows.extend(self.image_rows(image, asked, &filters, turn.now));
            }
        }
        let format = match &asked.format {
            Some(format) => format.as_str(),
            None if asked.quiet => "{{.ID}}",
            None if asked.digests => WITH_DIGESTS,
            None => "table",
        };
        let shown = IMAGES.show(Some(format), &rows);
        self.tell_listing(tid, shown);
    }

    pub(super) fn history(&mut self, tid: Tid, asked: &HistoryAsked, turn: &Turn<'_>) {
        let image = match self.lookup(&asked.image) {
            Ok(image) => image,
            Err(error) => return self.refuse(tid, &format!("Error response from daemon: {error}"), 1),
        };
        let layers = self.images.store.layers_of(&image);
        let entries: Vec<_> = image.history_layers().collect();
        let mut rows = Vec::new();
        let mut id = Some(image.id);
        for (history, layer) in entries.into_iter().rev() {
            let size = layer.and_then(|n| layers.get(n - 1)).map_or(0, |layer| layer.size_bytes);
            let shown_id = match id {
                Some(id) => shown_id(&id, asked.no_trunc),
                None => "<missing>".to_owned(),
            };
            let created = created_s(&history.created);
            let created_by = history.created_by.replace('\t', " ");
            rows.push(row(&[
                ("ID", shown_id),
                ("CreatedSince", format!("{} ago", units::human_duration(age(created, turn.now)))),
                ("CreatedAt", units::rfc3339_nano(created, 0)),
                ("CreatedBy", if asked.no_trunc { created_by } else { ellipsis(&created_by, CREATED_BY_WIDTH) }),
                ("Size", if asked.human { units::size3(size) } else { size.to_string() }),
                ("Comment", history.comment.clone()),
            ]));
            id = id.and_then(|id| self.images.get(&id)).and_then(|image| image.parent);
        }
        let format = match &asked.format {
            Some(format) => format.as_str(),
            None if asked.quiet => "{{.ID}}",
            None if asked.human => "table",
            None => PLAIN_HISTORY,
        };
        let shown = HISTORY.show(Some(format), &rows);
        self.tell_listing(tid, shown);
    }

    fn tell_listing(&mut self, tid: Tid, shown: Result<String, String>) {
        match shown {
            Ok(text) => {
                self.say(tid, Stream::Stdout, &text);
                self.finish(tid, 0);
            }
            Err(text) => self.refuse(tid, &text, 1),
        }
    }

    /// A row for each name; one with `<none>` for an image without.
    fn image_rows(&self, image: &Image, asked: &ImagesAsked, filters: &[Filter], now: Nanos) -> Vec<Value> {
        let patterns: Vec<&Glob> =
            filters.iter().filter_map(|f| if let Filter::Reference(glob) = f { Some(glob) } else { None }).collect();
        let names = self.images.store.names(&image.id);
        let fits = |repository: &str, tag: &str| {
            let full = format!("{repository}:{tag}");
            patterns.is_empty() || patterns.iter().any(|glob| glob.matches(repository) || glob.matches(&full))
        };
        let mut shown: Vec<(String, String)> = names
            .iter()
            .map(|name| (name.repository(), name.tag.clone().unwrap_or_else(|| NONE.to_owned())))
            .filter(|(repository, tag)| fits(repository, tag))
            .collect();
        if names.is_empty() && patterns.is_empty() {
            shown.push((NONE.to_owned(), NONE.to_owned()));
        }
        if asked.quiet && asked.format.is_none() {
            shown.truncate(1);
        }
        shown.into_iter().map(|(repository, tag)| self.image_row(image, &repository, tag, asked, now)).collect()
    }

    fn image_row(&self, image: &Image, repository: &str, tag: String, asked: &ImagesAsked, now: Nanos) -> Value {
        let size = self.images.store.size_bytes(image);
        let created = created_s(&image.config.created);
        let digests = self.images.repo_digests(&image.id);
        let digest = digests.iter().find(|(name, _)| *name == repository).map(|(_, digest)| digest.to_string());
        row(&[
            ("ID", shown_id(&image.id, asked.no_trunc)),
            ("Repository", repository.to_owned()),
            ("Tag", tag),
            ("Digest", digest.unwrap_or_else(|| NONE.to_owned())),
            ("CreatedSince", format!("{} ago", units::human_duration(age(created, now)))),
            ("CreatedAt", units::go_time(created)),
            ("Size", units::size3(size)),
            ("Containers", "N/A".to_owned()),
            ("VirtualSize", units::size4(size)),
            ("SharedSize", "N/A".to_owned()),
            ("UniqueSize", "N/A".to_owned()),
        ])
    }

    fn image_passes(&self, image: &Image, filters: &[Filter]) -> bool {
        filters.iter().all(|filter| match filter {
            Filter::Dangling(wanted) => self.images.store.is_dangling(&image.id) == *wanted,
            Filter::Label(label) => has_label(image, label),
            Filter::Before(number) => image.number < *number,
            Filter::Since(number) => image.number > *number,
            Filter::Reference(_) => true,
        })
    }

    fn image_filters(&self, asked: &ImagesAsked) -> Result<Vec<Filter>, String> {
        let pattern =
            |text: &str| Glob::path(text).map(Filter::Reference).map_err(|_| "syntax error in pattern".to_owned());
        let mut filters = Vec::new();
        if let Some(name) = &asked.repository {
            filters.push(pattern(name)?);
        }
        for filter in &asked.filters {
            let (key, value) = filter.split_once('=').ok_or("bad format of filter (expected name=value)")?;
            let number = |name: &str| self.lookup(name).map(|image| image.number).map_err(|error| error.to_string());
            filters.push(match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
                ("dangling", "true" | "1") => Filter::Dangling(true),
                ("dangling", "false" | "0") => Filter::Dangling(false),
                ("dangling", value) => return Err(format!("Invalid filter 'dangling={value}'")),
                ("label", value) => Filter::Label(value.to_owned()),
                ("before", value) => Filter::Before(number(value)?),
                ("since", value) => Filter::Since(number(value)?),
                ("reference", value) => pattern(value)?,
                (key, _) => return Err(format!("Invalid filter '{key}'")),
            });
        }
        Ok(filters)
    }
}

fn has_label(image: &Image, label: &str) -> bool {
    let (key, wanted) = label.split_once('=').map_or((label, None), |(key, value)| (key, Some(value)));
    let value = image.config.config.labels.as_ref().and_then(|labels| labels.get(key));
    value.is_some_and(|value| wanted.is_none_or(|wanted| value == wanted))
}

pub(super) fn shown_id(id: &Digest, no_trunc: bool) -> String {
    if no_trunc { id.to_string() } else { id.short() }
}

/// Seconds since the epoch of a configuration's date.
pub(super) fn created_s(text: &str) -> i64 {
    units::parse_rfc3339(text).unwrap_or(0)
}

pub(super) fn age(created_s: i64, now: Nanos) -> Nanos {
    let (now_s, ns) = container::date(now);
    u64::try_from(now_s - created_s).unwrap_or(0).saturating_mul(SECOND).saturating_add(u64::from(ns))
}
