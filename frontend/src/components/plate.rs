//! The plate: the step's scene, drawn for the room there is, and the same as text.

use super::context::{Context, Same, use_page};
use super::room::use_room;
use crate::host::address;
use crate::scenes::plot::PlotScene;
use crate::scenes::section::{Drawn, SectionScene};
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

/// What the step's section shows now; no section is shown where there is none to show.
#[hook]
pub fn use_section(page: &Context) -> Option<Same<SectionModel>> {
    let seen = (page.app.lesson.clone().map(Same), page.app.step, page.app.world.clone().map(Same));
    let section = use_memo(seen, |(lesson, step, world)| {
        let Scene::Layers { image, containers, files } = &lesson.as_ref()?.0.steps.get(*step)?.scene else {
            return None;
        };
        let wanted = Wanted { image, containers, files };
        let empty = || SectionModel { image: image.clone(), ..SectionModel::default() };
        Some(Same(Rc::new(world.as_ref().map_or_else(empty, |Same(world)| SectionModel::new(wanted, world)))))
    });
    // A moment that changes nothing in it is not another section.
    let last = use_mut_ref(|| None::<Same<SectionModel>>);
    let mut last = last.borrow_mut();
    let unchanged = matches!((&*last, &*section), (Some(last), Some(now)) if last.0 == now.0);
    if !unchanged {
        last.clone_from(&section);
    }
    last.clone()
}

#[derive(Clone, PartialEq, Properties)]
pub struct PlateProps {
    pub section: Option<Same<SectionModel>>,
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
    let drawn = use_memo((props.section.clone(), bits, props.projector), |(section, bits, projector)| {
        let (Same(model), (width, height)) = (section.as_ref()?, bits.as_ref()?);
        let (width, height) = (f64::from_bits(*width), f64::from_bits(*height));
        let (style, width, height) = match projector {
            true => (style::PROJECTOR, 1280.0, 588.0),
            false => (style::for_room(width, height), width, height),
        };
        let drawing = Rc::new(lay_out(model, style, width, height, &*ruler));
        Some(Same(Rc::new(Drawn { at, drawing, text: words::description(model), image: model.image.clone() })))
    });
    let scene = app.lesson.as_ref().and_then(|lesson| Some(&lesson.steps.get(app.step)?.scene));
    let content = match (&*drawn, scene, room) {
        (Some(drawn), ..) => {
            let driver = page.driver();
            let select = Callback::from(move |target: Target| driver.act(Action::Select(Some(target))));
            html! { <SectionScene drawn={drawn.clone()} selection={app.selection.clone()} {select} fit={props.projector} /> }
        }
        (_, Some(Scene::Plot { data }), Some((width, height))) => match app.plots.get(data) {
            Some(plot) => html! { <PlotScene plot={plot.clone()} {width} {height} /> },
            None => html! { <p class="status">{missing(data)}</p> },
        },
        _ => html! { <p class="status"></p> },
    };
    html! { <section class="plate" aria-label="Scene"><div class="room" ref={node}>{content}</div></section> }
}
