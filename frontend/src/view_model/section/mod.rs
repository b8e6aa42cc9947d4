//! The layer section: an image cut through, with the containers that stand on it.
//!
//! [`model`] reads the facts, [`words`] says them, [`layout`] gives everything a place. What comes out is a list of
//! [`Shape`]s, which the scene draws and a reader of the text version hears.

pub mod layout;
pub mod model;
pub mod style;
pub mod words;

pub use layout::lay_out;
pub use model::{SectionModel, Wanted};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view_model::measure::Estimate;
    use crate::view_model::moment::World;
    use crate::view_model::scene::motion::Motion;
    use crate::view_model::scene::shape::{Form, Way};
    use crate::view_model::scene::{Drawing, checks};
    use engine::fact::{Facts, Value};
    use engine::session::BranchId;
    use engine::trace::{Category, What};
    use std::rc::Rc;

    const FILES: [&str; 3] = ["/etc/httpd/conf/httpd.conf", "/etc/yum.conf", "/run-httpd.sh"];

    fn section(position: u32) -> SectionModel {
        let mut world = fixture::world();
        let made = fixture::Fixture::new();
        world.facts = made.facts(position).into();
        world.position = position;
        let (containers, files) = (["web", "web2"].map(str::to_owned), FILES.map(str::to_owned));
        SectionModel::new(Wanted { image: "web:1", containers: &containers, files: &files }, &world)
    }

    fn drawings() -> Vec<(String, Drawing)> {
        let last = fixture::Fixture::new().len();
        let sizes = [
            ("page", style::PAGE, 550.0, 329.0),
            ("closed", style::PAGE, 874.0, 333.0),
            ("wide", style::WIDE, 984.0, 572.0),
            ("narrow", style::NARROW, 358.0, 330.0),
            ("projector", style::PROJECTOR, 1280.0, 588.0),
        ];
        let of = |position: u32| {
            sizes.map(|(name, style, width, height)| {
                (format!("{name} at {position}"), lay_out(&section(position), style, width, height, &Estimate))
            })
        };
        let crowd = sizes.map(|(name, style, width, height)| {
            (format!("{name}, a crowd"), lay_out(&crowd(), style, width, height, &Estimate))
        });
        [0, 8, 13, 18, 21, last - 2, last].into_iter().flat_map(of).chain(crowd).collect()
    }

    /// Containers that no lesson asked for, under names that Docker made up.
    fn crowd() -> SectionModel {
        let mut model = section(fixture::Fixture::new().len());
        let like = model.rooms[0].clone();
        for name in ["mine", "gone", "sleepy_chandrasekhar", "vigilant_ramanujan"] {
            model.rooms.push(model::Room { name: name.to_owned(), ..like.clone() });
        }
        model
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
    fn a_base_without_a_name_here_is_named_by_what_was_pulled() {
        let mut world = fixture::world();
        let at = |n: u32| format!("image/new/history/1/{}", ["created_by", "layer"][n as usize]);
        world.facts = Rc::new(Facts::from([
            (at(0), Value::Text("ADD root.tar.gz / # buildkit".into())),
            (at(1), Value::Int(1)),
            ("image/new/layers".into(), Value::Int(1)),
        ]));
        let base = |world: &World, pulled: &[&str]| {
            let mut world = world.clone();
            let mut history = (*world.history).clone();
            for (event, name) in history.branches[0].events.iter_mut().zip(pulled) {
                event.about = format!("image/{name}");
                let text = format!("image pulled {name}: 1 layer");
                event.what = What::Control { category: Category::Layer, text };
            }
            world.history = Rc::new(history);
            let model = SectionModel::new(Wanted { image: "new", containers: &[], files: &[] }, &world);
            model.layer(1).unwrap().rest.clone()
        };
        assert_eq!(base(&world, &["ubuntu:latest"]), "ubuntu");
        assert_eq!(base(&world, &["busybox:1.36", "new:latest"]), "new");
        assert_eq!(base(&world, &["busybox:1.36", "ubuntu:latest"]), "its base");
        world.position = 0;
        assert_eq!(base(&world, &["ubuntu:latest"]), "its base");
    }

    #[test]
    fn an_instruction_may_be_there_twice() {
        let mut model = section(fixture::Fixture::new().len());
        let twice = model::Stratum::NoLayer { words: "CMD [\"sh\"]".into() };
        model.strata.extend([twice.clone(), twice]);
        let drawing = lay_out(&model, style::PAGE, 550.0, 329.0, &Estimate);
        let keys: std::collections::BTreeSet<&String> = drawing.shapes.iter().map(|shape| &shape.key).collect();
        assert_eq!(keys.len(), drawing.shapes.len());
    }

    #[test]
    fn heights_are_bytes_on_one_scale() {
        let drawing = lay_out(&section(27), style::PAGE, 550.0, 329.0, &Estimate);
        let height = |key: &str| {
            let shape = drawing.shapes.iter().find(|shape| shape.key == key).unwrap();
            match shape.form {
                Form::Rect { height, .. } => height,
                _ => panic!("{shape:?}"),
            }
        };
        assert!((height("body2") / height("body1") - 274.0 / 204.0).abs() < 0.01);
        assert_eq!(height("body3"), height("body4"));
        let broken = drawing.shapes.iter().any(|shape| shape.key.starts_with("breakenlarged"));
        assert!(broken, "the scale breaks, and must say by how much");
    }

    #[test]
    fn a_running_container_names_the_program_that_ps_shows() {
        let model = section(27);
        assert_eq!(words::state(&model.rooms[0]), "pid 1 httpd -DFOREGROUND");
    }

    #[test]
    fn a_container_that_no_lesson_asked_for_stands_beside_those_that_one_did() {
        let mut world = fixture::world();
        let mut facts = (*world.facts).clone();
        let text = |text: &str| Value::Text(text.into());
        facts.insert("image/web:1/id".into(), text("sha256:1"));
        facts.insert("image/busybox:latest/id".into(), text("sha256:2"));
        for (name, image) in [("mine", "sha256:1"), ("other", "sha256:2"), ("another", "sha256:1")] {
            facts.insert(format!("container/{name}/state"), text(if name == "mine" { "running" } else { "exited" }));
            facts.insert(format!("container/{name}/image"), text(image));
        }
        world.facts = facts.into();
        let (containers, files) = (["web"].map(str::to_owned), FILES.map(str::to_owned));
        let model = SectionModel::new(Wanted { image: "web:1", containers: &containers, files: &files }, &world);
        let names: Vec<&str> = model.rooms.iter().map(|room| room.name.as_str()).collect();
        assert_eq!(names, ["web", "mine", "another"]);
        assert!(model.rooms[1].columns.is_empty(), "nobody has looked up a path in it");
    }

    #[test]
    fn a_copy_up_is_drawn_only_at_its_event() {
        let last = fixture::Fixture::new().len();
        let rises = |position: u32| {
            let drawing = lay_out(&section(position), style::PAGE, 550.0, 329.0, &Estimate);
            drawing.shapes.iter().filter(|shape| shape.key.starts_with("rise ")).count() > 0
        };
        assert!(rises(last - 2));
        assert!(!rises(last - 3) && !rises(last - 1));
    }

    #[test]
    fn a_copy_sinks_on_the_way_back_and_rises_on_the_way_on() {
        let copied = fixture::Fixture::new().len() - 2;
        let at = |position: u32| Some((BranchId(0), position));
        let draw =
            |position: u32, width: f64| Rc::new(lay_out(&section(position), style::PAGE, width, 329.0, &Estimate));
        let shown = |position: u32| Motion::default().then(at(position), &draw(position, 550.0));
        let copies =
            |motion: &Motion| motion.going.iter().filter(|shape| matches!(shape.way, Some(Way::Up(_)))).count();
        let (before, here, after) = (shown(copied - 1), shown(copied), shown(copied + 1));
        assert!(!here.comes, "a page that is opened here shows it in its place");
        assert!(before.then(at(copied), &draw(copied, 550.0)).comes);
        let back = here.then(at(copied - 1), &draw(copied - 1, 550.0));
        assert_eq!((back.comes, copies(&back)), (false, 1));
        assert!(back.going.iter().any(|shape| shape.key.starts_with("rise ")), "on the same path");
        // Taking back what came after the copy does not move it.
        let onto = after.then(at(copied), &draw(copied, 550.0));
        assert_eq!((onto.comes, copies(&onto)), (false, 0));
        // More room, the same moment: nothing moves, and nothing that was moving does it again.
        let wider = back.then(at(copied - 1), &draw(copied - 1, 874.0));
        assert_eq!((wider.comes, copies(&wider)), (false, 0));
        assert_eq!(copies(&back.then(at(copied - 1), &draw(copied - 1, 550.0))), 1, "it goes on where it was");
        let elsewhere = here.then(Some((BranchId(1), copied - 1)), &draw(copied - 1, 550.0));
        assert_eq!((elsewhere.comes, copies(&elsewhere)), (false, 0));
    }

    #[test]
    fn what_does_not_exist_is_said_and_not_drawn() {
        let model = section(0);
        assert!(!model.exists());
        assert_eq!(words::subtitle(&model, 0).0, ["It is not here yet."]);
        let text = words::description(&section(27));
        assert!(
            text.iter().any(|(term, is)| term == "Container web" && is.contains("hidden by a whiteout")),
            "{text:?}"
        );
        assert!(text.iter().any(|(term, is)| term.starts_with("EXPOSE") && is == "no layer"), "{text:?}");
    }
}
