//! The plate: the step's scene, drawn for the room there is, and the same as text.

use super::context::{Context, Same, use_page};
use super::room::use_room;
use crate::host::address;
use crate::scenes::figure::{Drawn, Figure};
use crate::scenes::plot::PlotScene;
use crate::state::Action;
use crate::view_model::scene::model::Room;
use crate::view_model::scene::{SceneModel, Target};
use lessons::Scene;
use std::rc::Rc;
use yew::prelude::*;

fn missing(data: &str) -> String {
    match address::has_asset(&format!("measurements/{data}.bin")) {
        true => format!("Waiting for the measurement `{data}` …"),
        false => format!("The measurement `{data}` has not been recorded yet."),
    }
}

/// What the step's scene shows now; nothing where there is none to show.
#[hook]
pub fn use_scene(page: &Context) -> Option<Same<SceneModel>> {
    let seen = (page.app.lesson.clone().map(Same), page.app.step, page.app.world.clone().map(Same));
    let scene = use_memo(seen, |(lesson, step, world)| {
        let scene = &lesson.as_ref()?.0.steps.get(*step)?.scene;
        SceneModel::new(scene, world.as_ref().map(|Same(world)| &**world)).map(|model| Same(Rc::new(model)))
    });
    // A moment that changes nothing in it is not another scene.
    let last = use_mut_ref(|| None::<Same<SceneModel>>);
    let mut last = last.borrow_mut();
    let unchanged = matches!((&*last, &*scene), (Some(last), Some(now)) if last.0 == now.0);
    if !unchanged {
        last.clone_from(&scene);
    }
    last.clone()
}

#[derive(Clone, PartialEq, Properties)]
pub struct PlateProps {
    pub model: Option<Same<SceneModel>>,
    #[prop_or_default]
    pub projector: bool,
}

#[function_component]
pub fn Plate(props: &PlateProps) -> Html {
    let page = use_page();
    let node = use_node_ref();
    let room = use_room(&node);
    let app = &page.app;
    let at = app.world.as_deref().map(|world| (world.branch, world.position));
    let bits = room.map(|(width, height)| (width.to_bits(), height.to_bits()));
    let ruler = page.session.ruler.clone();
    let drawn = use_memo((props.model.clone(), bits, props.projector), |(model, bits, projector)| {
        let (Same(model), (width, height)) = (model.as_ref()?, bits.as_ref()?);
        let room = match projector {
            true => Room::Projector,
            false => Room::Page { width: f64::from_bits(*width), height: f64::from_bits(*height) },
        };
        let drawing = Rc::new(model.lay_out(room, &*ruler));
        let (text, label, class) = (model.description(), model.label(), model.class());
        Some(Same(Rc::new(Drawn { at, drawing, text, label, class })))
    });
    let scene = app.lesson.as_ref().and_then(|lesson| Some(&lesson.steps.get(app.step)?.scene));
    let content = match (&*drawn, scene, room) {
        (Some(drawn), ..) => {
            let driver = page.driver();
            let select = Callback::from(move |target: Target| driver.act(Action::Select(Some(target))));
            html! { <Figure drawn={drawn.clone()} selection={app.selection.clone()} {select} fit={props.projector} /> }
        }
        (_, Some(Scene::Plot { data }), Some((width, height))) => match app.plots.get(data) {
            Some(plot) => html! { <PlotScene plot={plot.clone()} {width} {height} /> },
            None => html! { <p class="status">{missing(data)}</p> },
        },
        _ => html! { <p class="status"></p> },
    };
    html! { <section class="plate" aria-label="Scene"><div class="room" ref={node}>{content}</div></section> }
}
