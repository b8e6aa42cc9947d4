use super::model::{KernelModel, Owner, Standing, Whose};
use super::*;
use crate::fixture::kernel as fixture;
use crate::view_model::measure::Estimate;
use crate::view_model::scene::motion::Motion;
use crate::view_model::scene::shape::{Form, Group, Way};
use crate::view_model::scene::{Drawing, checks};
use engine::fact::{Facts, Value};
use engine::session::BranchId;
use lessons::KernelScene;
use std::rc::Rc;

fn wanted(decks: bool, namespaces: &[&str], tanks: bool) -> KernelScene {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    KernelScene {
        decks,
        namespaces: names(namespaces),
        tanks,
        containers: names(&["web", "agent"]),
        cgroups: Vec::new(),
    }
}

fn all() -> KernelScene {
    wanted(true, &KernelScene::NAMESPACES, true)
}

fn kernel(there: usize) -> KernelModel {
    KernelModel::new(&all(), Some(&fixture::world(there)))
}

fn of(facts: Facts) -> KernelModel {
    KernelModel::new(&all(), Some(&fixture::at(facts, None)))
}

const SIZES: [(&str, style::Style, f64, f64); 5] = [
    ("page", style::PAGE, 550.0, 329.0),
    ("closed", style::PAGE, 874.0, 333.0),
    ("wide", style::WIDE, 984.0, 572.0),
    ("narrow", style::NARROW, 358.0, 330.0),
    ("projector", style::PROJECTOR, 1280.0, 588.0),
];

/// Many alike, one that has ended, one that is stopped, groups of every shape.
fn crowd() -> Facts {
    let mut facts = fixture::facts(8);
    for pid in 30..60 {
        fixture::process(
            &mut facts,
            (pid, 12, "worker", Box::leak(format!("{pid} {}", pid - 20).into_boxed_str()), [1; 6]),
        );
    }
    fixture::process(&mut facts, (70, 9, "true", "70", [0; 6]));
    facts.insert("process/70/state".into(), "Z".into());
    for kind in ["pid", "mnt", "uts", "net", "ipc", "cgroup", "user"] {
        facts.remove(&format!("process/70/ns/{kind}"));
    }
    facts.insert("process/21/state".into(), "T".into());
    fixture::memory(&mut facts, "cgroup/demo", [0, 0, 3, 200, 30], 2);
    fixture::memory(&mut facts, "cgroup/large", [8192, 0, 1, 0, 0], 0);
    for i in 0..6 {
        fixture::memory(&mut facts, &format!("cgroup/a-group-with-a-long-name-{i}"), [64, 60, 32, 16, 15], 1);
        facts.insert(format!("cgroup/a-group-with-a-long-name-{i}/pids/current"), Value::Int(3));
        facts.insert(format!("cgroup/a-group-with-a-long-name-{i}/pids/max"), Value::Int(20));
    }
    facts
}

fn drawings() -> Vec<(String, Drawing)> {
    let mut models: Vec<(String, KernelModel)> =
        (0..=8).map(|there| (format!("{there} there"), kernel(there))).collect();
    models.push(("a crowd".into(), of(crowd())));
    let part = |decks, namespaces: &[&str], tanks| {
        KernelModel::new(&wanted(decks, namespaces, tanks), Some(&fixture::at(crowd(), None)))
    };
    models.push(("only decks".into(), part(true, &[], false)));
    models.push(("only tanks".into(), part(false, &[], true)));
    models.push(("only namespaces".into(), part(false, &["net", "user"], false)));
    models.push(("no world".into(), KernelModel::new(&all(), None)));
    let draw = |(name, model): &(String, KernelModel)| {
        SIZES.map(|(size, style, width, height)| {
            (format!("{size}, {name}"), lay_out(model, style, width, height, &Estimate))
        })
    };
    models.iter().flat_map(draw).collect()
}

#[test]
fn labels_never_overlap() {
    for (name, drawing) in drawings() {
        checks::labels_apart(&name, &drawing);
    }
}

#[test]
fn everything_lies_inside_the_drawing_and_keys_are_unique() {
    for (name, drawing) in drawings() {
        checks::inside(&name, &drawing);
    }
}

#[test]
fn a_scene_of_the_page_does_not_scroll() {
    for there in 0..=8 {
        // A phone scrolls; so does the scene beside the inspector, from the second pid namespace inside another.
        let scrolls = |size: &str| size == "narrow" || size == "page" && there > 6;
        for (size, style, width, height) in SIZES.into_iter().filter(|(size, ..)| !scrolls(size)) {
            let drawing = lay_out(&kernel(there), style, width, height, &Estimate);
            assert_eq!(drawing.height, height, "{size}, {there} there");
        }
    }
}

#[test]
fn decks_lie_as_their_namespaces_were_made() {
    let model = kernel(8);
    let decks: Vec<_> = model.decks.iter().map(|deck| (deck.class.as_str(), deck.parent, deck.owner.clone())).collect();
    let named = |name: &str| Owner::Container(name.into());
    let expected = [
        ("pid0", None, Owner::Node),
        ("pid1", Some(0), named("web")),
        ("pid2", Some(0), named("agent")),
        ("pid3", Some(2), Owner::Nobody),
    ];
    assert_eq!(decks, expected);
    let order: Vec<u32> = model.spars.iter().map(|spar| spar.pid).collect();
    assert_eq!(order, [1, 9, 12, 14, 15, 21, 26, 27, 28]);
}

#[test]
fn one_process_has_a_disc_in_every_deck_and_knows_itself_by_the_lowest() {
    let model = kernel(8);
    let drawing = lay_out(&model, style::PAGE, 874.0, 333.0, &Estimate);
    let disc = |key: &str| match drawing
        .shapes
        .iter()
        .find(|shape| shape.key == key)
        .map(|shape| (&shape.form, shape.class))
    {
        Some((Form::Disc { x, y, .. }, class)) => (*x, *y, class),
        other => panic!("{key}: {other:?}"),
    };
    let (node, agent, own) = (disc("disc28 0"), disc("disc28 2"), disc("disc28 3"));
    assert!(node.0 == agent.0 && agent.0 == own.0, "one column");
    assert!(node.1 < agent.1 && agent.1 < own.1, "each deck below the one it was made in");
    assert_eq!([node.2, agent.2, own.2], ["disc seen fresh", "disc seen fresh", "disc known fresh"]);
    assert_eq!(words::title(&model).1, "A new sleep is 2 to itself, 8 in agent, 28 on the node.");
}

#[test]
fn a_process_that_came_from_outside_has_no_stair_there() {
    let drawing = lay_out(&kernel(8), style::PAGE, 874.0, 333.0, &Estimate);
    let stair = |key: &str| drawing.shapes.iter().any(|shape| shape.key == key);
    assert!(stair("stair26 0") && !stair("stair26 2"), "unshare was started by exec");
    assert!(stair("stair27 0") && stair("stair27 2") && !stair("stair27 3"), "sh is the first in its namespace");
    assert!(stair("stair28 0") && stair("stair28 2") && stair("stair28 3"));
}

#[test]
fn a_bar_lies_over_all_that_share_a_namespace() {
    let model = kernel(8);
    let row = |kind: &str| model.rows.iter().find(|row| row.kinds == [kind]).unwrap();
    let whose: Vec<&Whose> = row("net").runs.iter().map(|run| &run.whose).collect();
    assert_eq!(whose, [&Whose::Node, &Whose::Shared(vec!["agent".into(), "web".into()])]);
    assert_eq!(row("user").runs.iter().map(|run| &run.whose).collect::<Vec<_>>(), [&Whose::Everyone]);
    assert_eq!(words::bar(row("mnt"), &row("mnt").runs[1])[0], "mnt: image web:1");
    let merged: Vec<String> = model.merged_rows().iter().map(|row| row.kinds.join(" ")).collect();
    assert_eq!(merged, ["mnt uts ipc cgroup", "net", "user"], "no row for time: no fact tells of it");
}

#[test]
fn levels_are_bytes_on_one_scale() {
    let drawing = lay_out(&kernel(8), style::WIDE, 984.0, 572.0, &Estimate);
    let height = |name: &str, group: &str| {
        let key = format!("{name} {:?}", Group::Container(group.into()));
        match drawing.shapes.iter().find(|shape| shape.key == key).map(|shape| &shape.form) {
            Some(Form::Rect { height, .. }) => *height,
            other => panic!("{key}: {other:?}"),
        }
    };
    assert!((height("tank", "web") / height("tank", "agent") - 2.0).abs() < 0.01);
    assert!((height("anon", "web") / height("tank", "web") - 52.0 / 128.0).abs() < 0.01);
    assert!((height("cache", "agent") / height("anon", "web") - 9.0 / 52.0).abs() < 0.01);
}

#[test]
fn alike_processes_share_a_column_before_any_is_left_out() {
    let model = of(crowd());
    let drawing = lay_out(&model, style::PAGE, 550.0, 329.0, &Estimate);
    let says = |text: &str| {
        drawing.shapes.iter().any(
            |shape| matches!(&shape.form, Form::Text { runs, .. } if runs.iter().any(|run| run.text.contains(text))),
        )
    };
    assert!(says("×32"), "32 workers in one column");
    assert!(!says("not drawn;"));
    let zombie = model.spar(70).unwrap();
    assert_eq!((zombie.standing, zombie.deck), (Standing::Zombie, 0));
}

#[test]
fn a_container_that_is_gone_leaves_its_place_and_says_how_it_ended() {
    let mut facts = fixture::facts(4);
    facts.insert("container/agent/state".into(), "exited".into());
    facts.insert("container/agent/exit_code".into(), Value::Int(137));
    let model = of(facts);
    assert_eq!(model.absent, [("agent".to_owned(), "exited (137)".to_owned())]);
    assert_eq!(model.tanks[1].absent.as_deref(), Some("exited (137)"));
    let text = words::description(&model);
    assert!(text.contains(&("Container agent".into(), "exited (137)".into())), "{text:?}");
}

#[test]
fn a_new_process_falls_and_is_taken_back_upward() {
    let draw = |there: usize| Rc::new(lay_out(&kernel(there), style::PAGE, 874.0, 333.0, &Estimate));
    let at = |position: u32| Some((BranchId(0), position));
    let (before, after) = (draw(7), draw(8));
    let shown = Motion::default().then(at(7), &before);
    let fallen = shown.then(at(8), &after);
    assert!(fallen.comes);
    let ways = |drawing: &Drawing| {
        drawing.shapes.iter().filter(|shape| matches!(shape.way, Some(Way::Up(_) | Way::Down))).count()
    };
    assert!(ways(&after) > 0);
    let back = fallen.then(at(7), &before);
    assert!(back.going.iter().any(|shape| shape.key == "spar28" && shape.way == Some(Way::Down)));
    assert!(!back.going.iter().any(|shape| shape.key.contains("27")), "only what it brought goes");
}

#[test]
fn the_text_says_what_the_drawing_shows() {
    let text = words::description(&kernel(8));
    let is = |term: &str| text.iter().find(|(name, _)| name == term).map_or("", |(_, is)| is.as_str());
    assert_eq!(
        is("Pid namespace of web"),
        "httpd, 1 in web, 12 on the node; worker, 7 in web, 14 on the node; worker, 8 in web, 15 on the node"
    );
    assert!(is("Control group of web").starts_with("cpu.max 50 of 100 ms, throttled 12 of 40 periods"), "{text:?}");
    assert!(
        is("Control group of web").contains("memory.max 128 MiB, high 112 MiB, 52 MiB anonymous, 40 MiB page cache")
    );
    assert_eq!(is("Namespaces: user"), "one for all");
}
