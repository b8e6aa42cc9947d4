//! What the kernel scene shows, read from the facts: pid namespaces as decks, each process with its number in every deck
//! it belongs to, the other namespaces as runs over the processes, and control groups.

use super::tanks::{Tank, tanks};
use crate::view_model::facts::{int, under};
use crate::view_model::moment::World;
use crate::view_model::scene::Target;
use engine::call::Tid;
use engine::fact::{self, Facts, Value};
use engine::node::Happening;
use engine::sim::{Map, Set, sort_by_key};
use engine::trace::What;
use lessons::KernelScene;

/// The pid namespace of the node itself, whose first process is the machine and has no facts.
const NODE: &str = "pid0";
const INIT: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelModel {
    /// Whether processes are wanted, and whether control groups are.
    pub decks_wanted: bool,
    pub tanks_wanted: bool,
    /// Parents before children; the node's is the first. Empty while nothing runs.
    pub decks: Vec<Deck>,
    /// In the order of their columns: a deck's own, then those of the decks in it; parents before children.
    pub spars: Vec<Spar>,
    /// Containers that are wanted and have no process, with what is known of them.
    pub absent: Vec<(String, String)>,
    /// Kinds of namespaces in order, each with the runs of columns that share one.
    pub rows: Vec<Row>,
    pub tanks: Vec<Tank>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Deck {
    /// As facts call it: `pid1`.
    pub class: String,
    pub parent: Option<usize>,
    /// How many pids a process of it has, less one.
    pub depth: usize,
    pub owner: Owner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    Node,
    Container(String),
    /// Made by hand.
    Nobody,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Spar {
    /// Its pid on the node.
    pub pid: u32,
    pub name: String,
    pub standing: Standing,
    /// Its number in each deck from the node's inward.
    pub numbers: Vec<u32>,
    /// The innermost deck it belongs to.
    pub deck: usize,
    pub parent: Option<u32>,
    /// The event under the handle brought it, or what it runs.
    pub fresh: bool,
    /// Brothers that are the same in all but their numbers, and are not drawn.
    pub folded: usize,
    /// Kind → class.
    pub namespaces: Map<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Runs,
    Stopped,
    Zombie,
    /// The node's own first process.
    Machine,
}

/// One kind of namespace, or several that divide the processes alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub kinds: Vec<String>,
    pub runs: Vec<Run>,
}

/// Neighbouring columns in the same namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub pids: Vec<u32>,
    /// One for each of the row's kinds.
    pub classes: Vec<String>,
    pub whose: Whose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    Node,
    /// A container's, with what is worth knowing of it for this kind: its image, its host name.
    Container(String, Option<String>),
    Shared(Vec<String>),
    /// Made by hand; the first that is in it.
    Process(String),
    Everyone,
}

impl KernelModel {
    pub fn new(wanted: &KernelScene, world: Option<&World>) -> KernelModel {
        let mut model =
            KernelModel { decks_wanted: wanted.decks, tanks_wanted: wanted.tanks, ..KernelModel::default() };
        let Some(world) = world else { return model };
        let facts = &*world.facts;
        if wanted.decks || !wanted.namespaces.is_empty() {
            let found = Found::read(facts);
            model.decks = decks(&found, facts, &wanted.containers);
            model.spars = spars(&found, &model.decks, world);
            let there = |name: &str| {
                model.decks.iter().any(|deck| matches!(&deck.owner, Owner::Container(owner) if owner == name))
            };
            let absent = wanted.containers.iter().filter(|name| !there(name));
            model.absent = absent.map(|name| (name.clone(), absence(facts, name))).collect();
            model.rows = wanted.namespaces.iter().filter_map(|kind| row(kind, &model, facts)).collect();
            // What divides nobody is the ground of the rest.
            sort_by_key(&mut model.rows, |row| row.runs.len() == 1);
        }
        if wanted.tanks {
            model.tanks = tanks(facts, &wanted.containers, &wanted.cgroups);
        }
        model
    }

    pub fn is_vacant(&self) -> bool {
        self.decks.len() < 2 && self.spars.len() < 3 && self.tanks.iter().all(|tank| tank.absent.is_some())
    }

    pub fn spar(&self, pid: u32) -> Option<&Spar> {
        self.spars.iter().find(|spar| spar.pid == pid)
    }

    /// The deck itself and those it lies in, from the node's inward.
    pub fn line_of(&self, deck: usize) -> Vec<usize> {
        let mut line = vec![deck];
        while let Some(parent) = self.decks[line[0]].parent {
            line.insert(0, parent);
        }
        line
    }

    pub fn deck_name(&self, deck: usize) -> String {
        match &self.decks[deck].owner {
            Owner::Node => "the node".to_owned(),
            Owner::Container(name) => name.clone(),
            Owner::Nobody => {
                let first = self.spars.iter().find(|spar| spar.deck == deck);
                first.map_or_else(String::new, |spar| format!("{} {}’s own", spar.name, spar.pid))
            }
        }
    }

    /// Rows of kinds that divide the processes alike, as one.
    pub fn merged_rows(&self) -> Vec<Row> {
        let mut merged: Vec<Row> = Vec::new();
        for row in &self.rows {
            let alike = |other: &&mut Row| {
                other.runs.iter().map(|run| &run.pids).eq(row.runs.iter().map(|run| &run.pids))
                    && other.runs.iter().zip(&row.runs).all(|(a, b)| a.whose.same_owner(&b.whose))
            };
            match merged.iter_mut().find(alike) {
                Some(other) => {
                    other.kinds.extend(row.kinds.iter().cloned());
                    for (run, more) in other.runs.iter_mut().zip(&row.runs) {
                        run.classes.extend(more.classes.iter().cloned());
                    }
                }
                None => merged.push(row.clone()),
            }
        }
        merged
    }
}

impl Whose {
    fn same_owner(&self, other: &Whose) -> bool {
        match (self, other) {
            (Whose::Container(a, _), Whose::Container(b, _)) => a == b,
            (a, b) => a == b,
        }
    }
}

impl Run {
    pub fn target(&self) -> Target {
        Target::Namespaces { classes: self.classes.clone() }
    }
}

/// A process as its facts have it.
struct Process {
    name: String,
    parent: u32,
    state: String,
    numbers: Vec<u32>,
    namespaces: Map<String, String>,
}

struct Found {
    processes: Map<u32, Process>,
}

impl Found {
    fn read(facts: &Facts) -> Found {
        let pids: Set<u32> =
            under(facts, "process/").filter_map(|(rest, _)| rest.split_once('/')?.0.parse().ok()).collect();
        let process = |pid: u32| {
            let of = |name: &str| facts.get(&format!("process/{pid}/{name}")).map(Value::to_string);
            let numbers = of("nspid")?.split(' ').filter_map(|number| number.parse().ok()).collect();
            let prefix = format!("process/{pid}/ns/");
            let namespaces = under(facts, &prefix).map(|(kind, class)| (kind.to_owned(), class.to_string())).collect();
            Some(Process {
                name: of("comm").unwrap_or_default(),
                parent: of("ppid").and_then(|ppid| ppid.parse().ok()).unwrap_or(0),
                state: of("state").unwrap_or_default(),
                numbers,
                namespaces,
            })
        };
        Found { processes: pids.iter().filter_map(|pid| Some((*pid, process(*pid)?))).collect() }
    }

    /// Of one that has ended, the namespace is its nearest ancestor's at the same depth: it can not have left it.
    fn space(&self, pid: u32) -> Option<&str> {
        let process = self.processes.get(&pid)?;
        process.namespaces.get("pid").map(String::as_str).or_else(|| self.space_above(pid, process.numbers.len()))
    }

    /// The pid namespace of the nearest ancestor that has so many pids.
    fn space_above(&self, pid: u32, pids: usize) -> Option<&str> {
        let mut at = self.processes.get(&pid)?.parent;
        for _ in 0..self.processes.len() {
            let process = self.processes.get(&at)?;
            if process.numbers.len() == pids
                && let Some(class) = process.namespaces.get("pid")
            {
                return Some(class);
            }
            at = process.parent;
        }
        None
    }
}

fn decks(found: &Found, facts: &Facts, wanted: &[String]) -> Vec<Deck> {
    let owners: Map<String, String> = under(facts, "container/")
        .filter_map(|(rest, class)| Some((class.to_string(), fact::unescape(rest.strip_suffix("/ns/pid")?))))
        .collect();
    // Class → depth, and the first process that is in it.
    let mut spaces: Map<String, (usize, u32)> = Map::new();
    for (pid, process) in found.processes.iter() {
        if let Some(class) = found.space(*pid) {
            spaces.get_or_insert_with(class.to_owned(), || (process.numbers.len().saturating_sub(1), *pid));
        }
    }
    if found.processes.is_empty() {
        return Vec::new();
    }
    let node = Deck { class: NODE.to_owned(), parent: None, depth: 0, owner: Owner::Node };
    let mut rest: Vec<(&String, usize, u32)> =
        spaces.iter().map(|(class, (depth, pid))| (class, *depth, *pid)).collect();
    rest.retain(|(_, depth, _)| *depth > 0);
    let rank = |class: &str| owners.get(class).and_then(|name| wanted.iter().position(|wanted| wanted == name));
    sort_by_key(&mut rest, |(class, depth, pid)| (*depth, rank(class).unwrap_or(usize::MAX), *pid));
    let mut decks = vec![node];
    for (class, depth, pid) in rest {
        let above = found.space_above(pid, depth);
        let at_depth = |deck: &Deck| deck.depth + 1 == depth;
        let parent = decks
            .iter()
            .position(|deck| at_depth(deck) && Some(deck.class.as_str()) == above)
            .or_else(|| decks.iter().position(at_depth));
        let owner = owners.get(class).map_or(Owner::Nobody, |name| Owner::Container(name.clone()));
        decks.push(Deck { class: class.clone(), parent: parent.or(Some(0)), depth, owner });
    }
    decks
}

fn spars(found: &Found, decks: &[Deck], world: &World) -> Vec<Spar> {
    if decks.is_empty() {
        return Vec::new();
    }
    let fresh = fresh(world);
    let deck_of = |pid: u32| {
        let class = found.space(pid).unwrap_or(NODE);
        decks.iter().position(|deck| deck.class == class).unwrap_or(0)
    };
    let mut spars = vec![Spar {
        pid: INIT,
        name: String::new(),
        standing: Standing::Machine,
        numbers: vec![INIT],
        deck: 0,
        parent: None,
        fresh: false,
        folded: 0,
        namespaces: ["pid"]
            .iter()
            .chain(lessons::KernelScene::NAMESPACES.iter())
            .map(|kind| ((*kind).to_owned(), format!("{kind}0")))
            .collect(),
    }];
    spars.extend(found.processes.iter().map(|(pid, process)| Spar {
        pid: *pid,
        name: process.name.clone(),
        standing: match process.state.as_str() {
            "Z" => Standing::Zombie,
            "T" => Standing::Stopped,
            _ => Standing::Runs,
        },
        numbers: process.numbers.clone(),
        deck: deck_of(*pid),
        parent: (process.parent > 0).then_some(process.parent),
        fresh: Some(*pid) == fresh,
        folded: 0,
        namespaces: process.namespaces.clone(),
    }));
    let mut ordered = Vec::new();
    order(0, decks, &spars, &mut ordered);
    ordered
}

/// A deck's own processes as a tree read line by line, then the decks in it.
fn order(deck: usize, decks: &[Deck], spars: &[Spar], out: &mut Vec<Spar>) {
    let own: Vec<&Spar> = spars.iter().filter(|spar| spar.deck == deck).collect();
    let is_own = |pid: Option<u32>| pid.is_some_and(|pid| own.iter().any(|spar| spar.pid == pid));
    fn below(pid: u32, own: &[&Spar], out: &mut Vec<Spar>) {
        for spar in own.iter().filter(|spar| spar.parent == Some(pid)) {
            out.push((*spar).clone());
            below(spar.pid, own, out);
        }
    }
    for root in own.iter().filter(|spar| !is_own(spar.parent)) {
        out.push((*root).clone());
        below(root.pid, &own, out);
    }
    for (i, _) in decks.iter().enumerate().filter(|(_, inner)| inner.parent == Some(deck)) {
        order(i, decks, spars, out);
    }
}

/// The process that the event under the handle has made or has made another program of.
fn fresh(world: &World) -> Option<u32> {
    match &world.event()?.what {
        What::Kernel { event, .. } => match event.what {
            Happening::Forked { child: Tid(pid) } => Some(pid),
            Happening::Executed { .. } => Some(event.tid.0),
            _ => None,
        },
        _ => None,
    }
}

/// What is known of a container that has no process.
pub fn absence(facts: &Facts, name: &str) -> String {
    let of = |rest: &str| facts.get(&fact::path(["container", name, rest]));
    match of("state").map(Value::to_string).as_deref() {
        Some("exited") => match int(facts, &fact::path(["container", name, "exit_code"])) {
            Some(code) => format!("exited ({code})"),
            None => "exited".to_owned(),
        },
        Some(state) => state.to_owned(),
        None => "not there yet".to_owned(),
    }
}

fn row(kind: &str, model: &KernelModel, facts: &Facts) -> Option<Row> {
    let mut runs: Vec<(String, Vec<u32>)> = Vec::new();
    for spar in &model.spars {
        match (spar.namespaces.get(kind), runs.last_mut()) {
            (Some(class), Some((last, pids))) if last == class => pids.push(spar.pid),
            (Some(class), _) => runs.push((class.clone(), vec![spar.pid])),
            // One that has ended is in none: its column stays open, and the next begins anew.
            (None, _) => runs.push((String::new(), vec![spar.pid])),
        }
    }
    runs.retain(|(class, _)| !class.is_empty());
    // Nobody says which they are in: a kind that this kernel's facts do not have.
    let told = model.spars.iter().any(|spar| spar.standing != Standing::Machine && spar.namespaces.contains_key(kind));
    if !told {
        return None;
    }
    let classes: Set<&String> = runs.iter().map(|(class, _)| class).collect();
    let alone = classes.len() == 1;
    let run = |(class, pids): &(String, Vec<u32>)| Run {
        whose: if alone { Whose::Everyone } else { whose(kind, class, pids, model, facts) },
        pids: pids.clone(),
        classes: vec![class.clone()],
    };
    let mut runs: Vec<Run> = runs.iter().map(run).collect();
    if alone {
        let pids = runs.iter().flat_map(|run| run.pids.iter().copied()).collect();
        runs.truncate(1);
        runs[0].pids = pids;
    }
    Some(Row { kinds: vec![kind.to_owned()], runs })
}

fn whose(kind: &str, class: &str, pids: &[u32], model: &KernelModel, facts: &Facts) -> Whose {
    if class.strip_prefix(kind) == Some("0") {
        return Whose::Node;
    }
    let end = format!("/ns/{kind}");
    let of_class = |(rest, value): (&str, &Value)| {
        let name = rest.strip_suffix(end.as_str()).filter(|name| !name.contains('/'))?;
        (value.to_string() == class).then(|| fact::unescape(name))
    };
    let mut names: Vec<String> = under(facts, "container/").filter_map(of_class).collect();
    match names.len() {
        0 => {
            let first = pids.iter().find_map(|pid| model.spar(*pid));
            Whose::Process(first.map_or_else(String::new, |spar| format!("{} {}", spar.name, spar.pid)))
        }
        1 => {
            let name = names.remove(0);
            let known = told_of(kind, &name, facts);
            Whose::Container(name, known)
        }
        _ => Whose::Shared(names),
    }
}

/// What is worth knowing of a container's namespace: the image it is mounted from, its host name.
fn told_of(kind: &str, name: &str, facts: &Facts) -> Option<String> {
    let of = |rest: &str| facts.get(&fact::path(["container", name, rest]));
    match kind {
        "uts" => Some(of("hostname")?.to_string()),
        "mnt" => {
            let id = of("image")?;
            let image = under(facts, "image/").find(|(rest, value)| rest.ends_with("/id") && *value == id)?.0;
            Some(format!("image {}", fact::unescape(image.strip_suffix("/id")?)))
        }
        _ => None,
    }
}
