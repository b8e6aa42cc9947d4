//! A lesson: what to read, what to see, where to type, and time below it all.

use crate::components::context::{Same, use_page};
use crate::components::editor::Editor;
use crate::components::header::Header;
use crate::components::inspector::Inspector;
use crate::components::plate::{Plate, use_scene};
use crate::components::prose::Prose;
use crate::components::sheets::Sheets;
use crate::components::terminal::Terminal;
use crate::components::timeline::TimeLine;
use crate::host::document;
use crate::state::Sheet;
use lessons::Scene;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

#[function_component]
pub fn LessonPage() -> Html {
    let page = use_page();
    use_title(page.app.lesson.as_ref().map(|lesson| lesson.title.clone()));
    let skip = Callback::from(|event: MouseEvent| {
        // The document has a base: a bare fragment would lead to another page.
        event.prevent_default();
        let text =
            document().get_element_by_id("lesson-text").and_then(|element| element.dyn_into::<HtmlElement>().ok());
        if let Some(text) = text {
            let _ = text.focus();
        }
    });
    let step = page.app.lesson.as_ref().and_then(|lesson| lesson.steps.get(page.app.step));
    let bare = step.is_some_and(|step| step.scene == Scene::None) && page.app.editing.is_none();
    let inspecting = page.app.selection.is_some();
    let editing = page.app.editing.clone();
    // On a narrow page a place with nothing in it gives its room to the text.
    let model = use_scene(&page);
    let vacant = editing.is_none() && model.as_ref().is_some_and(|Same(model)| model.is_vacant());
    let above = match editing.clone() {
        Some(path) => html! { <Editor key={path.clone()} path={path.clone()} /> },
        None => html! { <Plate model={model.clone()} /> },
    };
    let whole_terminal = page.app.sheet == Some(Sheet::Terminal);
    html! {
        <div class={classes!("lesson", inspecting.then_some("inspecting"), vacant.then_some("vacant"), editing.is_some().then_some("editing"))}>
            <a class="skip" href="#lesson-text" onclick={skip}>{"To the text"}</a>
            <Header />
            <main>
                <Prose scene={model} />
                <div class={classes!("scene", bare.then_some("bare"))}>
                    <div class="above">
                        { above }
                    </div>
                    <div class="beside"><Inspector /></div>
                    <div class="below">if !whole_terminal { <Terminal /> }</div>
                </div>
            </main>
            <TimeLine />
            <Sheets />
        </div>
    }
}

#[hook]
pub fn use_title(title: Option<String>) {
    use_effect_with(title, |title| {
        let title = title.as_ref().map_or_else(|| "Drydock".to_owned(), |title| format!("{title} · Drydock"));
        document().set_title(&title);
    });
}
