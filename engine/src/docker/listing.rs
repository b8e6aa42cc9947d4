//! `docker ps` and `docker images`.

use super::container::Container;
use super::table::{ellipsis, table};
use super::{Daemon, Turn, units};
use crate::call::{SCENARIO_EPOCH_S, Tid};
use crate::node::Stream;
use crate::sim::{Nanos, SECOND};

#[derive(Clone, Copy, Debug)]
pub(super) struct Ps {
    pub all: bool,
    pub quiet: bool,
    pub no_trunc: bool,
    pub latest: bool,
    pub last: Option<i64>,
}

/// formatter: a command is shown in 20 characters.
const COMMAND_WIDTH: usize = 20;

impl Daemon {
    pub(super) fn ps(&mut self, tid: Tid, ps: Ps, turn: &Turn<'_>) {
        let last = if ps.latest { Some(1) } else { ps.last.filter(|n| *n > 0) };
        let all = ps.all || last.is_some();
        let limit = last.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        // Newest first.
        let shown = self.containers.values().rev().filter(|c| all || c.is_running()).take(limit);
        let text = if ps.quiet {
            shown.map(|c| format!("{}\n", if ps.no_trunc { &c.id } else { c.short_id() })).collect()
        } else {
            let head = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(shown.map(|c| row(c, ps.no_trunc, turn.now)));
            table(&rows)
        };
        self.say(tid, Stream::Stdout, &text);
        self.finish(tid, 0);
    }

    pub(super) fn list_images(&mut self, tid: Tid, quiet: bool, no_trunc: bool, turn: &Turn<'_>) {
        let now_s = SCENARIO_EPOCH_S + (turn.now / SECOND) as i64;
        let mut rows = vec![["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"].map(str::to_owned).to_vec()];
        let mut images: Vec<_> = self.images.tagged().collect();
        images.sort_by_key(|(_, image)| std::cmp::Reverse(image.created_s));
        let mut ids = String::new();
        for (tag, image) in images {
            let (repository, tag) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
            let id = if no_trunc { image.id.to_string() } else { image.id.short() };
            ids.push_str(&format!("{id}\n"));
            let age = u64::try_from(now_s - image.created_s).unwrap_or(0).saturating_mul(SECOND);
            let size = image.layers.iter().map(|layer| layer.size_bytes).sum();
            rows.push(vec![
                repository.to_owned(),
                tag.to_owned(),
                id,
                format!("{} ago", units::human_duration(age)),
                units::size3(size),
            ]);
        }
        let text = if quiet { ids } else { table(&rows) };
        self.say(tid, Stream::Stdout, &text);
        self.finish(tid, 0);
    }
}

fn row(c: &Container, no_trunc: bool, now: Nanos) -> Vec<String> {
    let command = c.argv.join(" ");
    let command = if no_trunc { command } else { ellipsis(&command, COMMAND_WIDTH) };
    vec![
        if no_trunc { c.id.clone() } else { c.short_id().to_owned() },
        c.config.image.clone(),
        format!("\"{command}\""),
        format!("{} ago", units::human_duration(now.saturating_sub(c.created_at))),
        c.status_text(now),
        String::new(),
        c.name.clone(),
    ]
}
