//! The root: owns the state, loads what the address asks for, listens to the keys that work everywhere.

use crate::components::context::{Context, Session};
use crate::drive::Driver;
use crate::host::notes::{self, Said};
use crate::host::{EngineHost, address, canvas::Ruler, document, fetch, live::Live, storage, window};
use crate::link;
use crate::pages::{lesson::LessonPage, map::MapPage, notes::NotesPage, projector::ProjectorPage};
use crate::state::{Action, App, Lesson, Notice, Sheet, Store};
use crate::view_model::moment::event_words;
use crate::view_model::timeline::input_words;
use engine::scenario::Input;
use engine::session::State;
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use lessons::{Page, Scene};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlElement, KeyboardEvent};
use yew::prelude::*;

/// The address follows the session this much later, so that scrubbing does not write it at every step.
const ADDRESS_MS: u32 = 300;

#[function_component]
pub fn Root() -> Html {
    let store = use_reducer(|| Store(Rc::new(beginning())));
    let session = use_memo((), |()| {
        let dispatch = store.dispatcher();
        Session { driver: Driver::new(host(dispatch.clone()), dispatch), ruler: Rc::new(Ruler::new()) }
    });
    let app = store.0.clone();
    session.driver.seen(app.clone());
    use_effect_with((), {
        let session = session.clone();
        move |()| load(&session)
    });
    use_keys(session.driver.clone());
    use_address(&app);
    use_theme(&app);
    use_moment(&app);
    use_live(&app, &session);
    use_notes(&app, &session);
    let shown = page(&app);
    let context = Context { app, session: (*session).clone() };
    html! {
        <ContextProvider<Context> context={context}>
            { shown }
        </ContextProvider<Context>>
    }
}

/// What there is before anything is fetched: what this browser has kept, and what the document carries.
fn beginning() -> App {
    let mut app = App { progress: storage::progress(), theme: storage::theme(), ..App::default() };
    if address::lesson().is_none() {
        return app;
    }
    app.waiting = Some("Waiting for the lesson and the engine …".into());
    if let Some(Page { lesson, state }) = fetch::carried::<Page>("page") {
        opened(&mut |action| app.apply(action), lesson, state);
    }
    app
}

/// A lesson's text and, unless a link leads elsewhere, its first moment: another takes an engine.
fn opened(act: &mut dyn FnMut(Action), lesson: Lesson, state: State) {
    act(Action::Lesson(Rc::new(lesson)));
    let elsewhere = matches!(link::decode(&address::fragment()), Some(Ok(_)));
    if !elsewhere && !notes::here() {
        act(Action::Told(Box::new(state)));
        act(Action::Wait(None));
    }
}

fn page(app: &App) -> Html {
    match address::lesson() {
        None => html! { <MapPage key="map" /> },
        Some(_) if notes::here() => html! { <NotesPage key="notes" /> },
        Some(_) if app.projector => html! { <ProjectorPage key="projector" /> },
        Some(_) => html! { <LessonPage key="lesson" /> },
    }
}

#[cfg(not(feature = "mock"))]
fn host(dispatch: UseReducerDispatcher<Store>) -> Box<dyn EngineHost> {
    if address::lesson().is_none() || notes::here() {
        return Box::new(NoEngine);
    }
    let loaded = Callback::from(move |loaded: Result<(), String>| match loaded {
        Ok(()) => dispatch.dispatch(Action::Wait(None)),
        Err(why) => {
            let text =
                format!("The engine could not be loaded: {why}. The text can be read; commands need the engine.");
            dispatch.dispatch(Action::Notice(Some(Notice::new(text))));
        }
    });
    Box::new(crate::host::worker::WorkerHost::new(loaded))
}

#[cfg(feature = "mock")]
fn host(_: UseReducerDispatcher<Store>) -> Box<dyn EngineHost> {
    Box::new(crate::host::mock::MockHost::new())
}

/// The map and the notes ask nothing of an engine and do not load one.
#[cfg(not(feature = "mock"))]
struct NoEngine;

#[cfg(not(feature = "mock"))]
impl EngineHost for NoEngine {
    fn ask(&self, _: &engine::session::Ask, _: Callback<Result<engine::session::Reply, String>>) {}
    fn restart(&self) {}
}

fn load(session: &Session) {
    let driver = session.driver.clone();
    let Some(id) = address::lesson() else {
        return spawn_local(async move {
            match read_course().await {
                Ok(course) => driver.act(Action::Course(Rc::new(course))),
                Err(why) => driver.act(Action::Notice(Some(Notice::new(why)))),
            }
        });
    };
    spawn_local(async move {
        if let Err(why) = begin(&driver, &id).await {
            return driver.act(Action::Notice(Some(Notice::new(why))));
        }
        if let Ok(course) = read_course().await {
            driver.act(Action::Course(Rc::new(course)));
        }
        if !notes::here() {
            beside(&driver, &id).await;
        }
    });
}

async fn begin(driver: &Rc<Driver>, id: &str) -> Result<(), String> {
    if driver.app().lesson.is_none() {
        let Page { lesson, state } = read_lesson(id).await?;
        opened(&mut |action| driver.act(action), lesson, state);
    }
    let link = match link::decode(&address::fragment()) {
        Some(Ok(link)) => Some(link),
        Some(Err(broken)) => {
            let text =
                format!("The session in this link can not be restored: {broken}. The lesson begins at its start.");
            driver.act(Action::Notice(Some(Notice::new(text))));
            None
        }
        None => None,
    };
    if notes::here() {
        // Only the step: the moment is the other window's.
        driver.act(Action::Step(link.map_or(0, |link| link.step as usize)));
        return Ok(());
    }
    driver.start();
    driver.open(read_opening(id).await?, link.as_ref());
    Ok(())
}

/// What may come later: recordings of real kernels and measurements.
async fn beside(driver: &Rc<Driver>, id: &str) {
    #[cfg(feature = "mock")]
    driver.act(Action::Recordings(Rc::new(vec![crate::fixture::recording()])));
    let name = format!("recordings/{id}.bin");
    if !cfg!(feature = "mock")
        && address::has_asset(&name)
        && let Ok(recordings) = fetch::read(&name).await
    {
        driver.act(Action::Recordings(Rc::new(recordings)));
    }
    let lesson = driver.app().lesson.clone();
    for step in lesson.iter().flat_map(|lesson| &lesson.steps) {
        if let Scene::Plot { data } = &step.scene
            && address::has_asset(&format!("measurements/{data}.bin"))
            && let Ok(plot) = fetch::read(&format!("measurements/{data}.bin")).await
        {
            driver.act(Action::Plot(Rc::new(plot)));
        }
    }
}

#[cfg(not(feature = "mock"))]
async fn read_lesson(id: &str) -> Result<Page, String> {
    fetch::read(&format!("lessons/{id}.bin")).await
}

#[cfg(not(feature = "mock"))]
async fn read_opening(id: &str) -> Result<Vec<u8>, String> {
    fetch::bytes(&format!("lessons/{id}.opening.bin")).await
}

#[cfg(not(feature = "mock"))]
async fn read_course() -> Result<lessons::Course, String> {
    fetch::read("course.bin").await
}

#[cfg(feature = "mock")]
async fn read_lesson(_: &str) -> Result<Page, String> {
    let fixture = crate::fixture::Fixture::new();
    Ok(Page { lesson: crate::fixture::lesson(), state: fixture.state(0) })
}

#[cfg(feature = "mock")]
async fn read_opening(_: &str) -> Result<Vec<u8>, String> {
    Ok(Vec::new())
}

#[cfg(feature = "mock")]
async fn read_course() -> Result<lessons::Course, String> {
    Ok(crate::fixture::course())
}

/// Another link put into the same tab is another session.
#[hook]
fn use_other_link() {
    use_effect_with((), |()| {
        let listener = EventListener::new(&window(), "hashchange", |_| {
            let _ = window().location().reload();
        });
        move || drop(listener)
    });
}

/// The real kernel is asked about every whole input that has happened.
#[hook]
fn use_live(app: &App, session: &Session) {
    use_other_link();
    let driver = session.driver.clone();
    let live = use_memo((), move |()| {
        address::lesson().filter(|_| !notes::here()).and_then(|lesson| Live::connect(driver, lesson))
    });
    let inputs: Vec<Input> = app
        .world
        .iter()
        .flat_map(|world| {
            let done = world.inputs().iter().filter(|input| input.first_event + input.events <= world.position);
            done.map(|input| input.input.clone())
        })
        .collect();
    use_effect_with(inputs, move |inputs| {
        if let (Some(live), false) = (&*live, inputs.is_empty()) {
            live.want(inputs.clone());
        }
    });
}

/// A window with the speaker's notes is told where the lesson is, and says where it should go.
#[hook]
fn use_notes(app: &App, session: &Session) {
    let driver = session.driver.clone();
    use_effect_with((), move |()| {
        let heard = (!notes::here()).then(|| {
            notes::hear(move |said| match said {
                Said::Hello => notes::say(&moment(&driver.app())),
                Said::On => driver.forward_to_input_or_step(),
                Said::Back => driver.back_to_input_or_step(),
                Said::At { .. } => {}
            })
        });
        move || drop(heard)
    });
    let said = app.world.as_deref().filter(|_| !notes::here()).map(|_| moment(app));
    use_effect_with(said, |said| {
        if let Some(said) = said {
            notes::say(said);
        }
    });
}

fn moment(app: &App) -> Said {
    let world = app.world.as_deref();
    let input = world.and_then(|world| world.inputs().get(world.input_at(world.position)?));
    Said::At {
        step: app.step,
        input: input.map(|input| input_words(&input.input)).unwrap_or_default(),
        event: world.and_then(|world| world.event()).map(event_words).unwrap_or_default(),
    }
}

/// Keys that work wherever the focus is, except while something is written.
#[hook]
fn use_keys(driver: Rc<Driver>) {
    use_effect_with((), move |()| {
        let listener = EventListener::new_with_options(
            &document(),
            "keydown",
            gloo::events::EventListenerOptions::enable_prevent_default(),
            move |event| {
                if let Some(key) = event.dyn_ref::<KeyboardEvent>()
                    && pressed(&driver, key)
                {
                    key.prevent_default();
                }
            },
        );
        move || drop(listener)
    });
}

fn pressed(driver: &Rc<Driver>, key: &KeyboardEvent) -> bool {
    let app = driver.app();
    if app.lesson.is_none() || key.ctrl_key() || key.meta_key() {
        return false;
    }
    if notes::here() {
        return pressed_at_notes(key);
    }
    if key.alt_key() {
        match key.key().as_str() {
            "ArrowLeft" => driver.step_by(-1),
            "ArrowRight" => driver.step_by(1),
            "ArrowUp" => driver.back_to_input(),
            "ArrowDown" => driver.forward_to_input(),
            _ => return false,
        }
        return true;
    }
    let target = key.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let tag = target.map(|target| target.tag_name()).unwrap_or_default();
    if matches!(tag.as_str(), "INPUT" | "TEXTAREA" | "SELECT") {
        return false;
    }
    match key.key().as_str() {
        "[" => driver.step_by(-1),
        "]" => driver.step_by(1),
        "p" | "P" => driver.act(Action::Projector(!app.projector)),
        "?" => driver.act(Action::Sheet(Some(Sheet::Help))),
        "n" | "N" => speak(driver, &app),
        "Escape" if app.projector => driver.act(Action::Projector(false)),
        "Escape" if app.selection.is_some() => driver.act(Action::Select(None)),
        "PageDown" | "ArrowRight" | "ArrowDown" | " " if app.projector => driver.forward_to_input_or_step(),
        "PageUp" | "ArrowLeft" | "ArrowUp" if app.projector => driver.back_to_input_or_step(),
        _ => return false,
    }
    true
}

/// What a room sees must not have the notes over it; a browser that opens no window leaves no choice.
fn speak(driver: &Driver, app: &App) {
    let opened = app.projector && notes::open();
    if !opened {
        driver.act(Action::Sheet(Some(Sheet::Notes)));
    }
}

/// The projector's keys, from the speaker's window.
fn pressed_at_notes(key: &KeyboardEvent) -> bool {
    match key.key().as_str() {
        "PageDown" | "ArrowRight" => notes::say(&Said::On),
        "PageUp" | "ArrowLeft" => notes::say(&Said::Back),
        _ => return false,
    }
    true
}

/// The address is always the link of what is shown; progress is kept with it.
#[hook]
fn use_address(app: &App) {
    let link = app.link();
    use_effect_with((link, app.progress.clone()), |(link, progress)| {
        let (link, mut progress) = (link.clone(), progress.clone());
        let timeout = link.map(|link| {
            Timeout::new(ADDRESS_MS, move || {
                let fragment = link::encode(&link);
                address::replace_fragment(&fragment);
                let id = address::lesson();
                if let Some(of) = id.and_then(|id| progress.lessons.get_mut(&id)) {
                    of.link = fragment;
                }
                storage::keep_progress(&progress);
            })
        });
        move || drop(timeout)
    });
}

/// Which moment of which world is shown, on the document itself: for whoever compares two pages, and for tests.
#[hook]
fn use_moment(app: &App) {
    let world = app.world.as_deref();
    let shown = world.map(|world| (world.digest.clone(), world.position));
    let ready = shown.is_some() && app.waiting.is_none();
    use_effect_with((shown, ready), |(shown, ready)| {
        let Some(body) = document().body() else { return };
        let _ = body.set_attribute("data-ready", if *ready { "true" } else { "false" });
        if let Some((digest, position)) = shown {
            let _ = body.set_attribute("data-digest", digest);
            let _ = body.set_attribute("data-position", &position.to_string());
        }
    });
}

#[hook]
fn use_theme(app: &App) {
    let theme = match (app.projector, app.theme) {
        (true, _) => Some("projector"),
        (false, Some(crate::state::Theme::Dark)) => Some("dark"),
        (false, Some(crate::state::Theme::Light)) => Some("light"),
        (false, None) => None,
    };
    use_effect_with((theme, app.theme), |(theme, chosen)| {
        if let Some(root) = window().document().and_then(|document| document.document_element()) {
            let _ = match theme {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            };
        }
        if let Some(theme) = chosen {
            storage::keep_theme(*theme);
        }
    });
}
