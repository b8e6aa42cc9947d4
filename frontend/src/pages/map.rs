//! The course map: a ship in its dock, six holds; on a narrow page the holds one under another.

use crate::components::context::{Context, use_page};
use crate::components::header::{Mark, Wordmark, other};
use crate::components::sheets::Sheets;
use crate::host::{address, storage};
use crate::pages::lesson::use_title;
use crate::state::{Action, Notice};
use crate::view_model::course_map::{Berth, BerthState, CourseMap, Hold, Progress, course_map};
use crate::view_model::size::decimal;
use gloo::events::EventListener;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlElement, HtmlInputElement};
use yew::prelude::*;

#[function_component]
pub fn MapPage() -> Html {
    let page = use_page();
    use_title(None);
    use_return(&page);
    let map = page.app.course.as_ref().map(|course| course_map(course, &page.app.progress, &*page.session.ruler));
    let Some(map) = map else {
        let words = page.app.notice.as_ref().map_or("Waiting for the course …", |notice| notice.text.as_str());
        return html! { <main class="map"><p class="status">{words}</p></main> };
    };
    let go = map.go.as_ref().map(|go| {
        let href = address::absolute(&address::lesson_href(&go.lesson, &go.fragment));
        html! { <a class="go" {href}>{&go.words}</a> }
    });
    html! {
        <div class="map">
            <header>
                <Mark size={84} />
                <div class="identity"><h1 class="unseen">{"Drydock"}</h1><Wordmark height={36} /><p>{"Containers and AWS, seen below the waterline"}</p></div>
                <div class="onward"><p>{&map.summary}</p>{for go}</div>
            </header>
            <main>
                <div class="berths">{ ship(&map) }</div>
                <div class="holds">{ for map.holds.iter().map(list) }</div>
            </main>
            { foot(&page) }
            <Sheets />
        </div>
    }
}

/// Coming back from a lesson by the browser's own button, progress is what it is now.
#[hook]
fn use_return(page: &Context) {
    let driver = page.driver();
    use_effect_with((), move |()| {
        let listener = EventListener::new(&crate::host::window(), "pageshow", move |_| {
            driver.act(Action::Progress(storage::progress()));
        });
        move || drop(listener)
    });
}

const DOCK: &str = "M-400 52L26 52L26 166L44 166L44 276L62 276L62 386L80 386L80 534L1200 534L1200 386L1218 386L1218 276L1236 276L1236 166L1254 166L1254 52L1680 52";
const HULL: &str = "M72 56C72 190 78 270 96 370C112 464.36 172 500.36 262 500.36H838C1018 500.36 1098 430.36 1154 280C1180 200 1200 130 1216 48C1188 64 1138 70 1078 70H172C122 70 92 64 72 56Z";

fn ship(map: &CourseMap) -> Html {
    let keel = (0..8).map(|i| {
        let x = 232 + 84 * i;
        html! { <><rect class="block" x={x.to_string()} y="501.4" width="34" height="33" /><path class="hair" d={format!("M{x} 517.4h34")} /></> }
    });
    let bulkhead = map
        .holds
        .iter()
        .skip(1)
        .map(|hold| html! { <path class="bulkhead" d={format!("M{} 70V500.4", px(hold.x - 7.0))} /> });
    let marks = [("1 h", 217.6, 1168), ("2 h", 365.2, 1112)].map(|(words, y, x)| {
        html! { <><path class="draft" d={format!("M{x} {}h12", px(y))} /><text class="i2" x={(x + 18).to_string()} y={px(y + 5.0)}>{words}</text></> }
    });
    html! {
        <svg class="ship" viewBox="0 0 1280 584" role="group" aria-label="Course map: a ship in dry dock, a hold for each track">
            <defs>
                <pattern id="earth" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="8" /></pattern>
                <clipPath id="hull"><path d={HULL} /></clipPath>
            </defs>
            <path fill="url(#earth)" d={format!("{DOCK}V1400H-400Z")} />
            <path class="quay" d={DOCK} />
            {for keel}
            <path class="inside" d={HULL} />
            <g clip-path="url(#hull)"><path class="hours" d="M0 217.6H1280M0 365.2H1280" />{for bulkhead}</g>
            <path class="hull" d={HULL} />
            {for marks}
            {for map.holds.iter().map(hold)}
        </svg>
    }
}

fn hold(hold: &Hold) -> Html {
    let x = px(hold.x + 8.0);
    html! {
        <g role="list" aria-label={format!("{}, {} minutes: {}", hold.title, hold.minutes, hold.line)}>
            <text class="i3" x={x.clone()} y="13">{format!("{} min", hold.minutes)}</text>
            <text class="b track" x={x.clone()} y="34" font-size="18">{&hold.title}</text>
            <text class="i2" {x} y="55">{&hold.line}</text>
            {for hold.berths.iter().map(|berth| self::berth(berth, hold.x))}
        </g>
    }
}

fn berth(berth: &Berth, x: f64) -> Html {
    let (class, says) = says(&berth.state);
    let middle = berth.y + berth.height / 2.0 + 5.0;
    let two = berth.label.lines.len() > 1;
    // Its steps stand below the title, if there is room for both.
    let current = matches!(berth.state, BerthState::Current(_)) && berth.height >= 34.0 && !two;
    let name_y = if current { berth.y + 19.7 } else { middle - if two { 7.5 } else { 0.0 } };
    let right = match &berth.state {
        BerthState::Done => html! { <path class="check" d={format!("M{} {}l4 4 7 -8", x + 145.0, middle - 5.0)} /> },
        BerthState::Current(steps) if current => {
            html! { <>{for steps.iter().enumerate().map(|(i, done)| dash(x, berth.y, i, steps.len(), *done))}</> }
        }
        BerthState::Current(_) => html! { <g></g> },
        _ if !berth.label.minutes => html! { <g></g> },
        _ => {
            html! { <text class="i3" x={px(x + 155.0)} y={px(middle)} text-anchor="end">{berth.minutes}</text> }
        }
    };
    let line = |(i, line): (usize, &String)| {
        html! { <tspan x={px(x + 8.0)} dy={(i > 0).then_some("15")}>{line}</tspan> }
    };
    let squeezed = berth.label.squeezed.map(px);
    let label = format!("{}, {} minutes{says}", berth.title, berth.minutes);
    let inside = html! {
        <>
        <title>{&label}</title>
        <rect x={px(x)} y={px(berth.y)} width="162" height={px(berth.height)} />
        <text y={px(name_y)} textLength={squeezed} lengthAdjust="spacingAndGlyphs">{for berth.label.lines.iter().enumerate().map(line)}</text>
        {right}
        </>
    };
    match berth.state {
        BerthState::Planned => html! { <g class={class} role="listitem" aria-label={label}>{inside}</g> },
        _ => {
            let href = address::absolute(&address::lesson_href(&berth.id, &berth.fragment));
            html! { <g role="listitem"><a class={class} {href} aria-label={label}>{inside}</a></g> }
        }
    }
}

fn px(length: f64) -> String {
    decimal(length, 1)
}

fn dash(x: f64, y: f64, i: usize, count: usize, done: bool) -> Html {
    let each = (146.0 / count.max(1) as f64).min(27.0);
    let class = if done { "dash done" } else { "dash" };
    let place = px(x + 8.0 + each * i as f64);
    html! { <rect class={class} x={place} y={px(y + 30.3)} width={px(each - 3.0)} height="4" /> }
}

fn says(state: &BerthState) -> (&'static str, &'static str) {
    match state {
        BerthState::Done => ("berth done", ", done"),
        BerthState::Current(_) => ("berth current", ", begun"),
        BerthState::Ready => ("berth ready", ""),
        BerthState::Planned => ("berth planned", ", planned"),
    }
}

/// The same as a list, for a narrow page.
fn list(hold: &Hold) -> Html {
    let item = |berth: &Berth| {
        let (class, says) = says(&berth.state);
        let words = says.trim_start_matches(", ");
        let inside = html! { <><span>{&berth.title}</span><em>{words}</em><span class="i3">{format!("{} min", berth.minutes)}</span></> };
        match berth.state {
            BerthState::Planned => html! { <li class={class}><span class="row">{inside}</span></li> },
            _ => {
                let href = address::absolute(&address::lesson_href(&berth.id, &berth.fragment));
                html! { <li class={class}><a class="row" {href}>{inside}</a></li> }
            }
        }
    };
    html! {
        <section><h2>{&hold.title}<span class="i3">{format!("{} min", hold.minutes)}</span></h2><p>{&hold.line}</p><ol>{for hold.berths.iter().map(item)}</ol></section>
    }
}

fn foot(page: &Context) -> Html {
    let export = {
        let progress = page.app.progress.clone();
        Callback::from(move |_: MouseEvent| download(&progress.to_text()))
    };
    let import = {
        let page = page.clone();
        Callback::from(move |event: Event| {
            let file = event.target_unchecked_into::<HtmlInputElement>().files().and_then(|files| files.get(0));
            let page = page.clone();
            if let Some(file) = file {
                spawn_local(async move {
                    let text =
                        JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string()).unwrap_or_default();
                    take(&page, &text);
                });
            }
        })
    };
    let driver = page.driver();
    let theme = page.app.theme;
    let switch = Callback::from(move |_: MouseEvent| driver.act(Action::Theme(other(theme))));
    html! {
        <footer class="foot">
            <span class="key-to-berths"><i></i>{"planned, cannot be opened yet"}</span>
            <span>{"Progress stays in this browser."}</span>
            <button onclick={export}>{"Export"}</button>
            <label class="import">{"Import"}<input type="file" accept=".txt,text/plain" onchange={import} /></label>
            <button onclick={switch}>{"Light / dark"}</button>
            <span class="legal">{"Not affiliated with Amazon Web Services or Docker."}</span>
        </footer>
    }
}

fn take(page: &Context, text: &str) {
    match Progress::from_text(text) {
        Some(theirs) => {
            let both = page.app.progress.merged(&theirs);
            storage::keep_progress(&both);
            page.driver().act(Action::Progress(both));
        }
        None => {
            let text = "This file holds no Drydock progress: its first line must be `drydock progress 1`. Nothing was changed.";
            page.driver().act(Action::Notice(Some(Notice::new(text))));
        }
    }
}

fn download(text: &str) {
    let parts = Array::of1(&JsValue::from_str(text));
    let Ok(blob) = Blob::new_with_str_sequence(&parts) else { return };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else { return };
    let link = crate::host::document().create_element("a").ok().and_then(|link| link.dyn_into::<HtmlElement>().ok());
    if let Some(link) = link {
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", "drydock-progress.txt");
        link.click();
    }
    let _ = web_sys::Url::revoke_object_url(&url);
}
