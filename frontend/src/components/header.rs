//! The bar: mark, wordmark, where this is, the era, and the few things that are always at hand.

use super::context::use_page;
use crate::host::{address, window};
use crate::state::{Action, Sheet, Theme};
use engine::scenario::Era;
use yew::prelude::*;

#[function_component]
pub fn Header() -> Html {
    let page = use_page();
    let app = &page.app;
    let (title, track) = app.lesson.as_ref().map_or_else(Default::default, |lesson| {
        let tracks = app.course.as_ref().map(|course| &course.tracks);
        let track = tracks.and_then(|tracks| tracks.iter().find(|track| track.id == lesson.track));
        (lesson.title.clone(), track.map_or_else(|| lesson.track.clone(), |track| track.title.clone()))
    });
    let steps = app.lesson.as_ref().map_or(0, |lesson| lesson.steps.len());
    html! {
        <header class="top">
            <a class="home" href={address::absolute("./")} aria-label="Drydock, the course map"><Mark size={26} /><Wordmark height={15} /></a>
            <nav class="crumbs" aria-label="Where this is"><span>{track}</span><span aria-hidden="true">{"/"}</span><b>{title}</b></nav>
            <span class="narrow-step">{format!("Step {} of {steps}", app.step + 1)}</span>
            <span class="space"></span>
            <Tools />
            <button class="menu" aria-haspopup="dialog" onclick={page.on(Action::Sheet(Some(Sheet::Menu)))}>{"Menu"}</button>
        </header>
    }
}

/// What is always at hand: in the bar, or on a narrow page in a sheet.
#[function_component]
pub fn Tools() -> Html {
    let page = use_page();
    let theme = {
        let (driver, chosen) = (page.driver(), page.app.theme);
        Callback::from(move |_: MouseEvent| driver.act(Action::Theme(other(chosen))))
    };
    let share = {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| driver.share())
    };
    let projector = {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| {
            driver.act(Action::Sheet(None));
            driver.act(Action::Projector(true));
        })
    };
    html! {
        <div class="tools">
            <EraSwitch />
            <a class="tool" href={address::absolute("./")}>{"Map"}</a>
            <button class="tool" onclick={share}>{"Share"}</button>
            <button class="tool" onclick={projector}>{"Projector"}</button>
            <button class="tool" onclick={theme}>{"Light / dark"}</button>
            <button class="tool" onclick={page.on(Action::Sheet(Some(Sheet::Help)))}>{"Keys"}</button>
        </div>
    }
}

#[function_component]
fn EraSwitch() -> Html {
    let page = use_page();
    let button = |era: Era, words: &'static str| {
        let on = page.app.era == era;
        let driver = page.driver();
        let onclick = Callback::from(move |_: MouseEvent| {
            if !on {
                driver.era(era);
            }
        });
        html! { <button class={classes!(on.then_some("on"))} aria-pressed={on.to_string()} {onclick}>{words}</button> }
    };
    html! {
        <div class="segments" role="group" aria-label="What AWS and Docker were like">
            { button(Era::Course, "course, 2019") }
            { button(Era::Today, "today") }
        </div>
    }
}

pub fn other(chosen: Option<Theme>) -> Theme {
    let prefers_dark = || {
        let query = window().match_media("(prefers-color-scheme: dark)").ok().flatten();
        query.is_some_and(|query| query.matches())
    };
    match chosen {
        Some(Theme::Dark) => Theme::Light,
        Some(Theme::Light) => Theme::Dark,
        None if prefers_dark() => Theme::Light,
        None => Theme::Dark,
    }
}

#[derive(Clone, Copy, PartialEq, Properties)]
pub struct MarkProps {
    pub size: u32,
}

/// A stepped dock in section, and in it a hull of layers with a thin writable one on top.
#[function_component]
pub fn Mark(props: &MarkProps) -> Html {
    let size = props.size.to_string();
    html! {
        <svg class="mark" viewBox="0 0 64 60" width={size.clone()} height={size} aria-hidden="true">
            <path class="dock" d="M1 15H9V31H16V55H48V31H55V15H63" />
            <path class="writable" d="M22 3h20v6.5H22z" />
            <path class="hull" d="M22 12.5h20V24H22zM22 27h20v9c0 7-4 10-10 12-6-2-10-5-10-12z" />
        </svg>
    }
}

#[derive(Clone, Copy, PartialEq, Properties)]
pub struct WordmarkProps {
    pub height: u32,
}

/// Drawn strokes, not a font: the same everywhere.
#[function_component]
pub fn Wordmark(props: &WordmarkProps) -> Html {
    const STROKES: [(&str, &str); 7] = [
        ("translate(2 2)", "M0 0V20H6A10 10 0 0 0 6 0Z"),
        ("translate(25 2)", "M0 20V0H8A5.5 5.5 0 0 1 8 11H0M8 11L14 20"),
        ("translate(46 2)", "M0 0L7 10.5L14 0M7 10.5V20"),
        ("translate(67 2)", "M0 0V20H6A10 10 0 0 0 6 0Z"),
        ("translate(90 2)", "M10 0A10 10 0 0 1 10 20A10 10 0 0 1 10 0Z"),
        ("translate(117 2)", "M17.5 3.6A10 10 0 1 0 17.5 16.4"),
        ("translate(141.5 2)", "M0 0V20M13 0L0 12M4.6 8L14 20"),
    ];
    let stroke = |(transform, d): &(&'static str, &'static str)| html! { <path transform={*transform} d={*d} /> };
    html! {
        <svg class="wordmark" viewBox="0 0 158 24" height={props.height.to_string()} aria-hidden="true">
            {for STROKES.iter().map(stroke)}
        </svg>
    }
}
