//! The plate: the step's scene, drawn for the room there is, and the same as text.

use super::context::use_page;
use super::room::use_room;
use crate::host::address;
use crate::scenes::plot::PlotScene;
use crate::scenes::section::SectionScene;
use crate::state::Action;
use crate::view_model::section::{SectionModel, Target, Wanted, lay_out, style, words};
use lessons::Scene;
use std::rc::Rc;
use yew::prelude::*;

fn missing(data: &str) -> String {
    match address::has_asset(&format!("measurements/{data}.bin")) {
        true => format!("Waiting for the measurement `{data}` …"),
        false => format!("The measurement `{data}` has not been recorded yet."),
    }
}

#[derive(Clone, Copy, PartialEq, Properties)]
pub struct PlateProps {
    #[prop_or_default]
    pub projector: bool,
}

#[function_component]
pub fn Plate(props: &PlateProps) -> Html {
    let page = use_page();
    let node = use_node_ref();
    let room = use_room(&node);
    let app = &page.app;
    let scene = app.lesson.as_ref().and_then(|lesson| Some(lesson.steps.get(app.step)?.scene.clone()));
    let select = {
        let driver = page.driver();
        Callback::from(move |target: Target| driver.act(Action::Select(Some(target))))
    };
    let content = match (scene, room) {
        (Some(Scene::Layers { image, containers, files }), Some((width, height))) => {
            let wanted = Wanted { image: &image, containers: &containers, files: &files };
            let model = app.world.as_ref().map(|world| SectionModel::new(wanted, world));
            let model = model.unwrap_or_else(|| SectionModel { image: image.clone(), ..SectionModel::default() });
            let style = if props.projector { style::PROJECTOR } else { style::for_room(width, height) };
            let (width, height) = if props.projector { (1280.0, 588.0) } else { (width, height) };
            let drawing = Rc::new(lay_out(&model, style, width, height, &*page.session.ruler));
            let text = words::description(&model);
            let selection = app.selection.clone();
            let at = app.world.as_ref().map(|world| (world.branch, world.position));
            html! { <SectionScene {drawing} {text} {at} {selection} {select} image={image} fit={props.projector} /> }
        }
        (Some(Scene::Plot { data }), Some((width, height))) => match app.plots.get(&data) {
            Some(plot) => html! { <PlotScene plot={plot.clone()} {width} {height} /> },
            None => html! { <p class="status">{missing(&data)}</p> },
        },
        _ => html! { <p class="status"></p> },
    };
    html! { <section class="plate" aria-label="Scene"><div class="room" ref={node}>{content}</div></section> }
}
