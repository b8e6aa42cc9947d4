//! The line of time: ticks, brackets, causes, branches, and a handle that goes both ways.

use super::context::{Context, Same, use_page};
use super::room::use_room;
use crate::drive::Driver;
use crate::host::document;
use crate::state::{Action, Direction, Sheet};
use crate::view_model::branches::{Lane, number, partings};
use crate::view_model::size::Px;
use crate::view_model::timeline::{Arc, Bracket, Style, Timeline, timeline};
use gloo::timers::callback::Timeout;
use std::rc::Rc;
use web_sys::{Element, KeyboardEvent, PointerEvent};
use yew::prelude::*;

/// One event after the other, while playing.
const PLAY_MS: u32 = 420;

#[function_component]
pub fn TimeLine() -> Html {
    let page = use_page();
    let track = use_node_ref();
    let room = use_room(&track);
    use_play(&page);
    let held = use_held();
    let width = room.map_or(1084.0, |(width, _)| width);
    let ruler = page.session.ruler.clone();
    let world = page.app.world.clone().map(Same);
    let line = use_memo((world, width.to_bits()), move |(world, width)| {
        let style = Style::for_width(f64::from_bits(*width));
        world.as_ref().map(|Same(world)| Rc::new(timeline(world, style, &*ruler)))
    });
    html! {
        <footer class="time" aria-label="Time">
            { controls(&page, (*line).as_deref()) }
            <div class="track" ref={track} style={(*line).as_ref().map(|line| format!("height:{}px", Px(line.height)))}>
                {for (*line).as_ref().map(|line| drawing(&page, &held, line.clone(), width))}
            </div>
        </footer>
    }
}

fn controls(page: &Context, line: Option<&Timeline>) -> Html {
    let playing = page.app.play;
    let button = |label: &'static str, path: &'static str, pressed: Option<bool>, onclick: Callback<MouseEvent>| {
        html! {
            <button aria-pressed={pressed.map(|pressed| pressed.to_string())} aria-label={label} title={label} {onclick}>
                <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d={path} /></svg>
            </button>
        }
    };
    let step = |events: i64| {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| driver.step_by(events))
    };
    let start = {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| driver.back_to_input())
    };
    let play = |direction: Direction| {
        let next = if playing == Some(direction) { None } else { Some(direction) };
        page.on(Action::Play(next))
    };
    let undo = {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| driver.undo())
    };
    let empty = page.app.world.as_deref().is_none_or(|world| world.position == 0);
    const PAUSE: &str = "M5 4h4v12H5zM11 4h4v12h-4z";
    let shown = |direction: Direction, path: &'static str| if playing == Some(direction) { PAUSE } else { path };
    let clock = page.app.world.as_deref().map(|world| crate::view_model::size::clock(world.now)).unwrap_or_default();
    let words = page.app.world.as_deref().and_then(|world| world.event()).map(crate::view_model::moment::event_words);
    html! {
        <div class="controls">
            <div class="buttons" role="group" aria-label="Steps in time">
                { button("To the start of the command", "M3 4h2v12H3zM12 4L6 10l6 6zM18 4l-6 6 6 6z", None, start) }
                { button("Play back", shown(Direction::Back, "M14 4L5 10l9 6z"), Some(playing == Some(Direction::Back)), play(Direction::Back)) }
                { button("Step back", "M13 4L6 10l7 6zM4 4h2v12H4z", None, step(-1)) }
                { button("Step", "M7 4l7 6-7 6zM14 4h2v12h-2z", None, step(1)) }
                { button("Play", shown(Direction::Forward, "M6 4l9 6-9 6z"), Some(playing == Some(Direction::Forward)), play(Direction::Forward)) }
            </div>
            <div class="moment"><span class="event">{words.unwrap_or_default()}</span><span class="clock">{clock}</span><button class="undo" disabled={empty} onclick={undo}>{"Undo"}</button></div>
            { branches(page, line.map_or(0, |line| line.lanes_left_out)) }
        </div>
    }
}

/// Which branch this is, and the way to all of them in words.
fn branches(page: &Context, left_out: usize) -> Html {
    let Some(world) = page.app.world.as_deref().filter(|world| !partings(world).is_empty()) else {
        return html! { <span hidden=true></span> };
    };
    let more = (left_out > 0).then(|| html! { <span>{format!("{left_out} not drawn")}</span> });
    html! {
        <button class="link branches" onclick={page.on(Action::Sheet(Some(Sheet::Branches)))}>
            <b>{format!("branch {}", number(world.branch))}</b>{format!(" of {}", world.history.branches.len())}{for more}
        </button>
    }
}

/// Where the handle is held, before the world has followed. As long as it is, nothing eases.
type Held = UseStateHandle<Option<u32>>;

#[hook]
fn use_held() -> Held {
    let held = use_state_eq(|| None);
    use_effect_with(held.is_some(), |&holds| {
        let still = |on: bool| {
            if let Some(root) = document().document_element() {
                let _ = root.class_list().toggle_with_force("still", on);
            }
        };
        still(holds);
        move || still(false)
    });
    held
}

#[hook]
fn use_play(page: &Context) {
    let position = page.app.world.as_deref().map(|world| world.position);
    let driver = page.driver();
    use_effect_with((page.app.play, position), move |(play, _)| {
        let timeout = play.map(|direction| {
            let events = if direction == Direction::Back { -1 } else { 1 };
            Timeout::new(PLAY_MS, move || driver.step_by(events))
        });
        move || drop(timeout)
    });
}

fn drawing(page: &Context, held: &Held, line: Rc<Timeline>, width: f64) -> Html {
    let style = Style::for_width(width);
    let place = held.map_or(line.handle, |position| match position.checked_sub(1) {
        None => line.start,
        Some(last) => line.places.get(last as usize).copied().unwrap_or(line.handle),
    });
    let position = held.or(page.app.world.as_deref().map(|world| world.position)).unwrap_or(0);
    let ahead = (line.ahead > 0).then(|| html! { <text class="i3" x={Px(width - 24.0).to_string()} y="29" text-anchor="end">{format!("{} ahead", line.ahead)}</text> });
    let y = Px(style.y);
    html! {
        <>
        <svg class="line" width={Px(width).to_string()} height={Px(line.height).to_string()} aria-hidden="true">
            <path class="axis" d={format!("M0 {y}H{}", Px(line.handle))} />
            <path class="axis ahead" d={format!("M{} {y}H{}", Px(line.handle), Px(line.end))} />
            {for line.ticks.iter().map(|(class, path)| html! { <path class={format!("tick {class}")} d={path.clone()} /> })}
            <path class="tick hollow" d={line.hollow.clone()} />
            {for line.arcs.iter().map(|arc| self::arc(arc, style))}
            {for line.brackets.iter().map(|bracket| self::bracket(bracket, style))}
            {for line.lanes.iter().map(|lane| html! { <path class="lane-ground" d={lane_path(lane)} /> })}
            {for line.lanes.iter().map(self::lane)}
            {for ahead.filter(|_| style.labels)}
        </svg>
        { for line.brackets.iter().map(|bracket| bracket_button(page, bracket, style)) }
        { for line.lanes.iter().map(|lane| lane_button(page, lane)) }
        { slider(page, held, line.clone(), position, place, style) }
        </>
    }
}

fn arc(arc: &Arc, style: Style) -> Html {
    let foot = style.y - style.tall - 1.0;
    html! { <><path class="arc" d={arc.path.clone()} /><circle class="arc-dot" cx={Px(arc.x).to_string()} cy={Px(foot).to_string()} r="3" /></> }
}

fn bracket(bracket: &Bracket, style: Style) -> Html {
    let y = style.y + 5.0;
    html! { <path class="bracket" d={format!("M{} {}v5H{}v-5", Px(bracket.from), Px(y), Px(bracket.to))} /> }
}

/// A command's name goes to the moment after it.
fn bracket_button(page: &Context, bracket: &Bracket, style: Style) -> Html {
    if bracket.label.is_empty() {
        return html! { <span hidden=true></span> };
    }
    let (driver, position) = (page.driver(), bracket.end_position);
    let onclick = Callback::from(move |_: MouseEvent| driver.go(position));
    let place = format!("left:{}px;top:{}px", Px(bracket.label_x), Px(style.y + 11.0));
    html! {
        <button class={classes!("command-name", bracket.current.then_some("now"))} style={place} {onclick}
            title={bracket.full.clone()}>{&bracket.label}</button>
    }
}

fn lane_path(lane: &Lane) -> String {
    format!("M{} {}V{}q0 9 9 9H{}", Px(lane.leaves), Px(lane.from_y + 1.0), Px(lane.y - 9.0), Px(lane.end))
}

fn lane(lane: &Lane) -> Html {
    html! {
        <>
        <path class="lane" d={lane_path(lane)} />
        <circle class="fork" cx={Px(lane.leaves).to_string()} cy={Px(lane.from_y).to_string()} r="4.5" />
        {for lane.ticks.iter().map(|(class, path)| html! { <path class={format!("tick {class}")} d={path.clone()} /> })}
        </>
    }
}

/// The lane and its words are one thing to press: they lead to its end.
fn lane_button(page: &Context, lane: &Lane) -> Html {
    let (driver, branch, events) = (page.driver(), lane.branch, lane.events);
    let onclick = Callback::from(move |_: MouseEvent| driver.seek(branch, events));
    let place = format!(
        "left:{}px;top:{}px;width:{}px;padding-left:{}px",
        Px(lane.left),
        Px(lane.y - 11.0),
        Px(lane.width),
        Px(lane.words_x - lane.left)
    );
    html! {
        <button class="branch" style={place} aria-label={lane.label.clone()} title={lane.label.clone()} {onclick}>{&lane.words}</button>
    }
}

fn slider(page: &Context, held: &Held, line: Rc<Timeline>, position: u32, place: f64, style: Style) -> Html {
    let down = {
        let (driver, held, line) = (page.driver(), held.clone(), line.clone());
        Callback::from(move |event: PointerEvent| {
            let element = event.target_unchecked_into::<Element>();
            let _ = element.set_pointer_capture(event.pointer_id());
            drag(&driver, &held, &line, &event);
        })
    };
    let moved = {
        let (driver, held, line) = (page.driver(), held.clone(), line.clone());
        Callback::from(move |event: PointerEvent| {
            if held.is_some() {
                drag(&driver, &held, &line, &event);
            }
        })
    };
    let up = {
        let held = held.clone();
        Callback::from(move |_: PointerEvent| held.set(None))
    };
    let onkeydown = {
        let driver = page.driver();
        Callback::from(move |key: KeyboardEvent| {
            match key.key().as_str() {
                "ArrowLeft" | "ArrowDown" => driver.step_by(-1),
                "ArrowRight" | "ArrowUp" => driver.step_by(1),
                "PageUp" => driver.back_to_input(),
                "PageDown" => driver.forward_to_input(),
                "Home" => driver.go(0),
                "End" => driver.go(u32::MAX),
                _ => return,
            }
            key.prevent_default();
            key.stop_propagation();
        })
    };
    let radius = if style.labels { 8 } else { 11 };
    html! {
        <div class="slider" role="slider" tabindex="0" aria-label="Time" aria-valuemin="0" aria-orientation="horizontal"
            aria-valuemax={line.places.len().to_string()} aria-valuenow={position.to_string()}
            aria-valuetext={line.value_text(position)} {onkeydown}
            onpointerdown={down} onpointermove={moved} onpointerup={up.clone()} onpointercancel={up}>
            <svg class="handle" width="40" height="70" style={format!("left:{}px", Px(place - 20.0))} aria-hidden="true">
                <path d={format!("M20 3V{}", Px(style.y))} /><circle cx="20" cy={Px(style.y).to_string()} r={radius.to_string()} />
            </svg>
        </div>
    }
}

fn drag(driver: &Rc<Driver>, held: &Held, line: &Timeline, event: &PointerEvent) {
    // Events are heard at the root of the page: the current target is not the slider.
    let slider = event.target_unchecked_into::<Element>();
    let Some(track) = slider.closest(".track").ok().flatten() else { return };
    let x = f64::from(event.client_x()) - track.get_bounding_client_rect().left();
    let position = line.position_at(x);
    if **held != Some(position) {
        held.set(Some(position));
        driver.go(position);
    }
}
