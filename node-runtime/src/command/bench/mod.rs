//! `bench`: what a call at the gate, a process, a container and a node cost on this machine, and what of it was promised.

mod containers;

use super::bare::Bare;
use super::options::Options;
use super::{End, obstacles};
use anyhow::Result;
use engine::node::Place;
use std::time::{Duration, Instant};

const NODES: u32 = 10;
const PROCESSES: u32 = 20;
const FILES: u32 = 500;
/// Above others that want to run, who would be measured with it: setpriority(2).
const NICE: i32 = -5;

/// Something measured; with a limit if one was promised.
#[derive(Debug, serde::Serialize)]
struct Row {
    name: String,
    value: f64,
    limit: Option<f64>,
    unit: &'static str,
    #[serde(skip)]
    times: Option<u32>,
}

impl Row {
    fn told(name: &str, value: f64, unit: &'static str, times: u32) -> Row {
        Row { name: name.to_owned(), value, limit: None, unit, times: Some(times) }
    }

    fn limited(name: &str, value: f64, limit: f64, unit: &'static str) -> Row {
        Row { name: name.to_owned(), value, limit: Some(limit), unit, times: None }
    }

    fn each(name: &str, took: Duration, times: u32) -> Row {
        Row::told(name, (took / times.max(1)).as_secs_f64() * 1e6, "µs", times)
    }

    fn text(&self) -> String {
        let Row { name, value, unit, .. } = self;
        let value = if *unit == "ratio" { format!("{value:.2}") } else { format!("{value:.1}") };
        let more = match (self.limit, self.times) {
            (Some(limit), _) if self.value > limit => format!("limit {limit}  OVER"),
            (Some(limit), _) => format!("limit {limit}"),
            (None, times) => times.map_or(String::new(), |times| format!("({times} times)")),
        };
        format!("{name:40} {value:>10} {unit:6} {more}")
    }
}

pub fn bench(options: &Options) -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    // SAFETY: numbers only. Where it may not be, the figures are those of a busy machine.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    let mut rows = of_nodes()?;
    rows.extend(containers::rows()?);
    for row in &rows {
        match options.json {
            true => println!("{}", serde_json::to_string(row)?),
            false => println!("{}", row.text()),
        }
    }
    Ok(End::Agrees)
}

fn of_nodes() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let started = Instant::now();
    for _ in 0..NODES {
        drop(Bare::new()?);
    }
    rows.push(Row::each("a node, made and taken down", started.elapsed(), NODES));
    let mut node = Bare::new()?;
    let started = Instant::now();
    for _ in 0..PROCESSES {
        node.run(Place::Node, "true", &[])?;
    }
    rows.push(Row::each("a process, from its start to its end", started.elapsed(), PROCESSES));
    let files: Vec<String> = (0..FILES).map(|n| format!("/nothing/{n}")).collect();
    let started = Instant::now();
    let calls = node.run(Place::Node, "cat", &files)?;
    rows.push(Row::each("a call, granted and answered", started.elapsed(), calls));
    Ok(rows)
}
