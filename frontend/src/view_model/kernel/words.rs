//! What the kernel scene says: its titles, whose a namespace is, what a group has used; and the whole as sentences.

use super::model::{KernelModel, Owner, Row, Run, Spar, Standing, Whose};
use super::tanks::{Cpu, Memory, Tank};
use crate::view_model::scene::shape::Group;
use crate::view_model::size::{binary_words, capital, count, decimal};

/// The title, and the sentence beneath it.
pub fn title(model: &KernelModel) -> (String, String) {
    if let Some(spar) = model.spars.iter().find(|spar| spar.fresh) {
        let title = match spar.numbers.len() {
            1 => "A new process".to_owned(),
            n => format!("One process, {}", count(n, "number")),
        };
        return (title, new_process(model, spar));
    }
    let processes = model.spars.iter().filter(|spar| spar.standing != Standing::Machine);
    let there: usize = processes.map(|spar| spar.folded + 1).sum();
    let title = format!("{}, {}", capital(&count(there, "process")), count(model.decks.len(), "pid namespace"));
    let sentence = match model.decks.len() {
        0 | 1 => String::new(),
        _ => "The lowest number is the one that a process knows.".to_owned(),
    };
    (title, sentence)
}

/// `A new sleep is 2 to itself, 8 in agent, 28 on the node.`
fn new_process(model: &KernelModel, spar: &Spar) -> String {
    let line = model.line_of(spar.deck);
    let places = line.iter().zip(&spar.numbers).rev().enumerate().map(|(i, (deck, number))| match (i, *deck) {
        (_, 0) => format!("{number} on the node"),
        (0, _) => format!("{number} to itself"),
        (_, deck) => format!("{number} in {}", model.deck_name(deck)),
    });
    let places: Vec<String> = places.collect();
    format!("A new {} is {}.", spar.name, places.join(", "))
}

pub fn standing(spar: &Spar) -> &'static str {
    match spar.standing {
        Standing::Stopped => "stopped",
        Standing::Zombie => "zombie",
        Standing::Runs | Standing::Machine => "",
    }
}

/// What stands under a process.
pub fn name(spar: &Spar) -> String {
    match spar.standing {
        Standing::Machine => "init".to_owned(),
        _ if spar.folded > 0 => format!("{} ×{}", spar.name, spar.folded + 1),
        _ => spar.name.clone(),
    }
}

/// A process for a listener: `worker, 7 in web, 14 on the node`.
pub fn process(model: &KernelModel, spar: &Spar) -> String {
    let line = model.line_of(spar.deck);
    let places = line.iter().zip(&spar.numbers).rev().map(|(deck, number)| match deck {
        0 => format!("{number} on the node"),
        deck => format!("{number} in {}", model.deck_name(*deck)),
    });
    let standing = Some(standing(spar)).filter(|words| !words.is_empty()).map(str::to_owned);
    let parts: Vec<String> = [name(spar)].into_iter().chain(places).chain(standing).collect();
    parts.join(", ")
}

/// A bar's words, the longest first: the first that fits is written.
pub fn bar(row: &Row, run: &Run) -> Vec<String> {
    let kinds = row.kinds.join(", ");
    let (long, short) = match &run.whose {
        Whose::Node => ("node".to_owned(), "node".to_owned()),
        Whose::Container(name, Some(known)) if row.kinds.len() == 1 => (known.clone(), name.clone()),
        Whose::Container(name, _) => (name.clone(), name.clone()),
        Whose::Shared(names) => (format!("shared by {}", and(names)), "shared".to_owned()),
        Whose::Process(first) => (format!("{first}’s own"), first.clone()),
        Whose::Everyone => ("one for all".to_owned(), "one for all".to_owned()),
    };
    vec![format!("{kinds}: {long}"), format!("{kinds}: {short}"), short]
}

fn and(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// `50 of 100 ms`.
pub fn quota(cpu: &Cpu, quota_us: u64) -> String {
    format!("{} of {} ms", ms(quota_us), ms(cpu.period_us))
}

/// The longest first: the first that fits is written.
pub fn throttled(cpu: &Cpu) -> Vec<String> {
    match cpu.nr_throttled {
        0 => vec!["throttled never".to_owned()],
        n => vec![
            format!("throttled {n} of {} periods", cpu.nr_periods),
            format!("throttled {n} of {}", cpu.nr_periods),
            format!("throttled {n}×"),
        ],
    }
}

/// A group's part of what all those shown have used.
pub fn share(cpu: &Cpu, all_us: u64) -> Vec<String> {
    match all_us {
        0 => vec!["nothing used".to_owned()],
        all => {
            let (own, all) = (seconds(cpu.usage_us), seconds(all));
            vec![format!("used {own} of {all} s"), format!("{own} of {all} s"), format!("{own} s")]
        }
    }
}

fn ms(us: u64) -> String {
    decimal(us as f64 / 1000.0, 1)
}

fn seconds(us: u64) -> String {
    decimal(us as f64 / 1_000_000.0, 2)
}

/// The whole scene as sentences, for whoever reads instead of looking: term and description.
pub fn description(model: &KernelModel) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (i, deck) in model.decks.iter().enumerate().filter(|_| model.decks_wanted) {
        let own = model.spars.iter().filter(|spar| spar.deck == i);
        let listed: Vec<String> = own.map(|spar| process(model, spar)).collect();
        let term = match &deck.owner {
            Owner::Node => "Pid namespace of the node".to_owned(),
            _ => format!("Pid namespace of {}", model.deck_name(i)),
        };
        lines.push((term, listed.join("; ")));
    }
    lines.extend(model.absent.iter().map(|(name, words)| (format!("Container {name}"), words.clone())));
    for row in &model.rows {
        let runs: Vec<String> = row
            .runs
            .iter()
            .filter_map(|run| {
                let words = bar(row, run).swap_remove(0);
                let pids: Vec<String> = run.pids.iter().map(u32::to_string).collect();
                let whose = words.split_once(": ")?.1.to_owned();
                Some(if run.whose == Whose::Everyone { whose } else { format!("{whose} (pid {})", pids.join(", ")) })
            })
            .collect();
        lines.push((format!("Namespaces: {}", row.kinds.join(", ")), runs.join("; ")));
    }
    lines.extend(model.tanks.iter().map(|tank| (term(tank), group(tank))));
    lines
}

fn term(tank: &Tank) -> String {
    match &tank.group {
        Group::Container(name) => format!("Control group of {name}"),
        Group::Path(path) => format!("Control group {path}"),
    }
}

/// A group in words.
pub fn group(tank: &Tank) -> String {
    let mut parts = Vec::new();
    parts.extend(tank.absent.clone().filter(|words| !words.is_empty()));
    parts.extend(tank.cpu.as_ref().map(cpu));
    parts.extend(tank.memory.as_ref().map(memory));
    parts.extend(tank.pids.as_ref().map(|pids| match pids.max {
        Some(max) => format!("{} of at most {max} processes", pids.current),
        None => count(pids.current as usize, "process"),
    }));
    parts.extend(tank.frozen.then(|| "frozen".to_owned()));
    parts.join("; ")
}

pub fn cpu(cpu: &Cpu) -> String {
    let mut parts = Vec::new();
    parts.extend(cpu.quota_us.map(|quota_us| format!("cpu.max {}, {}", quota(cpu, quota_us), throttled(cpu)[0])));
    parts.extend(cpu.weight.map(|weight| format!("cpu.weight {weight}")));
    parts.push(format!("{} s used", seconds(cpu.usage_us)));
    parts.join(", ")
}

pub fn memory(memory: &Memory) -> String {
    let limit = memory.max.map_or_else(|| "no limit".to_owned(), |max| format!("memory.max {}", binary_words(max)));
    let mut parts = vec![limit];
    parts.extend(memory.high.map(|high| format!("high {}", binary_words(high))));
    for (what, bytes) in [("anonymous", memory.anon), ("tmpfs and shared", memory.shmem), ("page cache", memory.cache)]
    {
        if bytes > 0 {
            parts.push(format!("{} {what}", binary_words(bytes)));
        }
    }
    parts.push(format!("{} in all", binary_words(memory.current)));
    parts.extend(memory.oom_kill.map(|killed| format!("oom_kill {killed}")));
    parts.join(", ")
}
