//! The inspector: facts about one thing, simulated beside real, each with how firm the ground is.

use super::facts::under;
use super::moment::{World, base_name};
use super::scene::Target;
use super::scene::shape::{Group, Resource};
use super::size::{count, grouped};
use super::timeline::input_words;
use engine::fact::catalogue::{Evidence, kind_of};
use engine::fact::{self, Facts, Value};
use engine::scenario::Input;
use engine::sim::sort_by_key;
use lessons::Recording;

#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    pub title: String,
    /// `in the upperdir of` and `web`: the second part in the system's own letters.
    pub place: (String, String),
    pub rows: Vec<Row>,
    /// The fact that "Why is it here?" is about.
    pub fact: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub label: String,
    pub simulated: String,
    pub real: Option<String>,
    /// What other kernels showed, where that is something else: kernel and value.
    pub elsewhere: Vec<(String, String)>,
    pub differs: bool,
    pub evidence: Evidence,
    pub meaning: &'static str,
    pub source: &'static str,
}

/// What a real kernel showed after the same inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Real {
    pub facts: Facts,
    pub kernel: String,
    pub recorded: String,
    /// Inputs that were typed here but not there.
    pub besides: Vec<String>,
    /// The handle is between the events of a command: a real kernel is asked after whole commands, so these are the
    /// values after it, and no difference.
    pub ahead: bool,
}

/// The recorded facts for the inputs so far: the recording's inputs must have been typed in their order; what was typed
/// besides is named, so that nobody takes it for part of the recording.
pub fn real(recording: &Recording, world: &World) -> Option<Real> {
    let done = world.inputs().iter().filter(|input| input.first_event < world.position);
    let ahead = world
        .inputs()
        .iter()
        .any(|input| input.first_event < world.position && world.position < input.first_event + input.events);
    let mut points = recording.points.iter();
    let mut next = points.next();
    let mut facts = Facts::new();
    let mut besides: Vec<&Input> = Vec::new();
    let mut reached = 0;
    for input in done {
        match next {
            Some(point) if point.input == input.input => {
                for (path, value) in &point.changed {
                    match value {
                        Some(value) => facts.insert(path.clone(), value.clone()),
                        None => facts.remove(path),
                    };
                }
                reached += 1;
                next = points.next();
            }
            _ => besides.push(&input.input),
        }
    }
    (reached > 0).then(|| Real {
        facts,
        kernel: recording.kernel.clone(),
        recorded: provenance(recording),
        besides: besides.into_iter().map(input_words).collect(),
        ahead,
    })
}

/// A recording names its day; a live value has none.
fn provenance(recording: &Recording) -> String {
    match recording.date.is_empty() {
        true => format!("{}, live, on the machine that serves this page", recording.kernel),
        false => format!("{}, {}, recorded {}", recording.kernel, recording.architecture, date(&recording.date)),
    }
}

/// `others` are kernels of another kind: told of where they differ from the first.
pub fn inspect(target: &Target, facts: &Facts, real: Option<&Real>, others: &[Real]) -> Inspection {
    let Subject { title, place, below, fact } = subject(target, facts);
    let mut rows = Vec::new();
    for (prefix, name) in &below {
        let under = facts.range_from(prefix).take_while(|(path, _)| path.starts_with(prefix.as_str()));
        let whole =
            |path: &str| path.len() == prefix.len() || path.as_bytes()[prefix.len()] == b'/' || prefix.ends_with('/');
        for (path, value) in under.filter(|(path, _)| whole(path)) {
            // Another thing's facts begin here: a file of the upperdir, a layer of the image.
            let escaped = path[prefix.len()..].contains('%');
            if !escaped {
                let row = row(path, prefix, value, real, others);
                rows.extend(row.map(|row| Row { label: name.clone().unwrap_or(row.label), ..row }));
            }
        }
    }
    // A digest is the least telling of them.
    sort_by_key(&mut rows, |row| row.label == "sha256");
    rows.truncate(ROWS);
    Inspection { title, place, rows, fact }
}

/// Rows an inspector shows; more is a list nobody reads.
const ROWS: usize = 12;

/// What an inspection is of.
struct Subject {
    title: String,
    place: (String, String),
    /// Facts at and below these paths, under a name of ours where a path says too little.
    below: Vec<(String, Option<String>)>,
    fact: String,
}

impl Subject {
    fn new(title: impl Into<String>, place: (&str, &str), below: Vec<String>, fact: String) -> Subject {
        let below = below.into_iter().map(|path| (path, None)).collect();
        Subject { title: title.into(), place: (place.0.into(), place.1.into()), below, fact }
    }
}

fn subject(target: &Target, facts: &Facts) -> Subject {
    let path = |names: &[&str]| fact::path(names.iter().copied());
    match target {
        Target::Container { name } => {
            let of = |rest: &str| path(&["container", name]) + "/" + rest;
            let shown = [
                "state",
                "exit_code",
                "pid/inner",
                "pid/outer",
                "processes",
                "hostname",
                "root/lowers",
                "root/fstype",
                "upper",
                "cmdline",
            ];
            Subject::new(name, ("a container", ""), shown.map(of).into(), of("state"))
        }
        Target::Upper { container, path: file } => {
            let upper = path(&["container", container, "upper", file]);
            let shown = path(&["container", container, "file", file]) + "/from";
            Subject::new(base_name(file), ("in the upperdir of", container), vec![upper.clone(), shown], upper)
        }
        Target::Lookup { container, path: file } => {
            let shown = path(&["container", container, "file", file]);
            Subject::new(base_name(file), ("as seen in", container), vec![shown.clone()], shown + "/from")
        }
        Target::Layer { image, number } => {
            let layer = path(&["image", image, "layer", &number.to_string()]);
            let of = |rest: &str| format!("{layer}/{rest}");
            let shown = ["size", "diff_id", "chain_id"].map(of).into();
            Subject::new(format!("Layer {number}"), ("a layer of", image), shown, of("diff_id"))
        }
        Target::LayerFile { image, number, path: file } => {
            let held = path(&["image", image, "layer", &number.to_string(), "file", file]);
            let copies = path(&["image", image, "file", file]) + "/copies";
            let place = format!("in layer {number} of");
            Subject::new(base_name(file), (&place, image), vec![held.clone(), copies], held)
        }
        Target::Process { pid } => {
            let of = |rest: &str| format!("process/{pid}/{rest}");
            let shown = ["comm", "state", "nspid", "ppid", "container", "cgroup", "uid", "ns"].map(of).into();
            let name = facts.get(&of("comm")).map_or_else(|| "init".to_owned(), Value::to_string);
            Subject::new(name, ("on the node pid", &pid.to_string()), shown, of("comm"))
        }
        Target::Namespaces { classes } => namespaces(classes, facts),
        Target::Cgroup { group, of } => cgroup(group, *of),
    }
}

/// The processes that are in it.
fn namespaces(classes: &[String], facts: &Facts) -> Subject {
    let kind = |class: &str| class.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned();
    let kinds: Vec<String> = classes.iter().map(|class| kind(class)).collect();
    // The same processes are in all of them: the first names them.
    let end = format!("/ns/{}", kinds.first().map_or("", String::as_str));
    let inside = under(facts, "process/").filter_map(|(rest, class)| {
        let pid = rest.strip_suffix(end.as_str())?.parse::<u32>().ok()?;
        (Some(class.to_string().as_str()) == classes.first().map(String::as_str)).then_some(pid)
    });
    let mut pids: Vec<u32> = inside.collect();
    sort_by_key(&mut pids, |pid| *pid);
    let shown = pids.iter().map(|pid| {
        let name = facts.get(&format!("process/{pid}/comm")).map(Value::to_string).unwrap_or_default();
        (format!("process/{pid}{end}"), Some(format!("{pid} {name}")))
    });
    let below: Vec<_> = shown.collect();
    let title = format!("{} namespace{}", kinds.join(", "), if kinds.len() == 1 { "" } else { "s" });
    let place = (count(pids.len(), "process"), String::new());
    let fact = below.first().map(|(path, _)| path.clone()).unwrap_or_default();
    Subject { title, place, below, fact }
}

fn cgroup(group: &Group, of: Resource) -> Subject {
    let path = group.facts();
    let under = |names: &[&str]| names.iter().map(|name| format!("{path}/{name}")).collect::<Vec<_>>();
    let (what, shown, fact) = match of {
        Resource::All => {
            let files = [
                "procs",
                "populated",
                "frozen",
                "pids",
                "memory/current",
                "memory/max",
                "cpu/usage_us",
                "cpu/quota_us",
            ];
            ("a control group", under(&files), format!("{path}/procs"))
        }
        Resource::Cpu => ("CPU time of the control group", under(&["cpu"]), format!("{path}/cpu/usage_us")),
        Resource::Memory => ("memory of the control group", under(&["memory"]), format!("{path}/memory/current")),
    };
    Subject::new(group.name(), (what, ""), shown, fact)
}

fn row(path: &str, prefix: &str, value: &Value, real: Option<&Real>, others: &[Real]) -> Option<Row> {
    let kind = kind_of(path)?;
    let label = match path[prefix.len()..].trim_start_matches('/') {
        "" => last_name(path),
        rest => rest.to_owned(),
    };
    let ahead = real.is_some_and(|real| real.ahead);
    let real = real.map(|real| real.facts.get(path));
    let said = |value: Option<&Value>| value.map_or_else(|| "—".to_owned(), |value| words(value, kind.unit));
    let elsewhere = others.iter().filter(|other| !other.ahead && Some(other.facts.get(path)) != real);
    Some(Row {
        label,
        simulated: words(value, kind.unit),
        differs: !ahead && real.flatten().is_some_and(|real| real != value),
        elsewhere: elsewhere.map(|other| (other.kernel.clone(), said(other.facts.get(path)))).collect(),
        real: real.map(said),
        evidence: kind.evidence,
        meaning: kind.meaning,
        source: kind.source,
    })
}

/// The last plain name of a path: `…/upper/%2Fetc%2Fhosts` is a `kind`.
fn last_name(path: &str) -> String {
    match path.rsplit('/').next() {
        Some(name) if name.contains('%') => "holds".to_owned(),
        Some(name) => name.to_owned(),
        None => path.to_owned(),
    }
}

fn words(value: &Value, unit: &str) -> String {
    match value {
        Value::Int(number) if !unit.is_empty() => format!("{} {unit}", grouped(*number)),
        Value::Int(number) => grouped(*number),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Text(text) => {
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_digest { format!("{}…", &digits[..10]) } else { text.clone() }
        }
    }
}

/// `2026-11-14` as `14 November 2026`.
pub fn date(iso: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut parts = iso.split('-').map(str::parse::<usize>);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(year)), Some(Ok(month @ 1..=12)), Some(Ok(day))) => format!("{day} {} {year}", MONTHS[month - 1]),
        _ => iso.to_owned(),
    }
}

pub fn evidence_words(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Kernel => "kernel",
        Evidence::Documented => "documented",
        Evidence::Modelled => "modelled",
    }
}

/// Steps of an explanation that are shown at once: the newest, and the command that is its root.
const NEWEST: usize = 2;

/// What of an explanation of so many steps is folded; folding one step would save nothing.
pub fn folded(steps: usize) -> std::ops::Range<usize> {
    if steps > NEWEST + 2 { NEWEST..steps - 1 } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_copy_is_shown_beside_the_real_one() {
        let world = fixture::world();
        let target = Target::Upper { container: "web".into(), path: "/etc/httpd/conf/httpd.conf".into() };
        let real =
            Facts::from([("container/web/upper/%2Fetc%2Fhttpd%2Fconf%2Fhttpd.conf/size".into(), Value::Int(11_753))]);
        let whole =
            Real { facts: real, kernel: "Linux".into(), recorded: String::new(), besides: vec![], ahead: false };
        let shown = inspect(&target, &world.facts, Some(&whole), &[]);
        let size = shown.rows.iter().find(|row| row.label == "size").unwrap();
        assert_eq!((size.real.as_deref(), size.differs), (Some("11\u{202f}753 B"), true));
        assert_ne!(size.simulated, "11\u{202f}753 B");
        let between = inspect(&target, &world.facts, Some(&Real { ahead: true, ..whole.clone() }), &[]);
        assert!(between.rows.iter().all(|row| !row.differs), "within a command nothing is compared");
    }

    #[test]
    fn another_kernel_is_told_of_where_it_showed_something_else() {
        let world = fixture::world();
        let target = Target::Container { name: "web".into() };
        let of = |kernel: &str, state: &str| {
            let facts = Facts::from([("container/web/state".into(), Value::Text(state.into()))]);
            Real { facts, kernel: kernel.into(), recorded: String::new(), besides: vec![], ahead: false }
        };
        let (first, same, other) = (of("Linux 6.1", "running"), of("Linux 6.2", "running"), of("Linux 6.3", "exited"));
        let shown = inspect(&target, &world.facts, Some(&first), &[same, other]);
        let state = shown.rows.iter().find(|row| row.label == "state").unwrap();
        assert_eq!(state.elsewhere, [("Linux 6.3".to_owned(), "exited".to_owned())]);
    }

    #[test]
    fn what_shares_a_namespace_is_listed_by_number_and_a_group_by_what_was_asked_of_it() {
        let facts = fixture::kernel::facts(8);
        let labels = |target: &Target| {
            let shown = inspect(target, &facts, None, &[]);
            let rows: Vec<String> = shown.rows.iter().map(|row| row.label.clone()).collect();
            (shown.title, rows)
        };
        let (title, rows) = labels(&Target::Namespaces { classes: vec!["uts1".into(), "mnt1".into()] });
        assert_eq!(
            (title.as_str(), rows),
            ("uts, mnt namespaces", vec!["12 httpd".into(), "14 worker".into(), "15 worker".into()])
        );
        let (title, rows) = labels(&Target::Process { pid: 28 });
        assert_eq!((title.as_str(), &rows[..4]), ("sleep", &["comm", "state", "nspid", "ppid"].map(str::to_owned)[..]));
        // Kinds of facts that the catalogue does not have are not shown.
        let group = Group::Container("web".into());
        let known = kind_of("container/web/cgroup/memory/max").is_some();
        let (title, rows) = labels(&Target::Cgroup { group, of: Resource::Memory });
        assert_eq!((title.as_str(), rows.contains(&"max".to_owned())), ("web", known));
    }

    #[test]
    fn a_long_explanation_keeps_its_newest_steps_and_its_root() {
        assert!((0..=4).all(|steps| folded(steps).is_empty()));
        for steps in 5..20 {
            let hidden = folded(steps);
            assert!(hidden.len() >= 2 && !hidden.contains(&0) && !hidden.contains(&(steps - 1)), "{hidden:?}");
        }
    }

    #[test]
    fn a_recording_counts_only_as_far_as_its_inputs_were_typed() {
        let world = fixture::world();
        let mut recording = fixture::recording();
        let real = real(&recording, &world).unwrap();
        assert!(real.besides.is_empty(), "{:?}", real.besides);
        recording.points[0].input = Input::Line("something else".into());
        assert_eq!(super::real(&recording, &world), None);
    }
}
