//! The reading column: the step's text, its prediction, goals, the ladder of hints, and the way on.

use super::context::{Context, Same, use_page};
use super::spans::{blocks, spans};
use crate::host::address;
use crate::state::Action;
use crate::state::Lesson;
use crate::view_model::prose::{self, GoalState, Part, RUNGS, Verdict, rung_name};
use crate::view_model::scene::SceneModel;
use lessons::Step;
use web_sys::Element;
use yew::prelude::*;

/// Left above a reply that is scrolled to.
const REPLY_MARGIN_PX: u32 = 8;

#[derive(Clone, PartialEq, Properties)]
pub struct ProseProps {
    pub scene: Option<Same<SceneModel>>,
}

#[function_component]
pub fn Prose(props: &ProseProps) -> Html {
    let page = use_page();
    let column = use_node_ref();
    use_reply_in_sight(&page, &column);
    let Some(lesson) = page.app.lesson.clone() else {
        return html! { <section class="prose" aria-label="Lesson"><p class="waits">{waiting(&page)}</p></section> };
    };
    let Some(step) = lesson.steps.get(page.app.step) else { return html! { <section class="prose"></section> } };
    let world = page.app.world.as_deref();
    let facts = world.map(|world| &*world.facts);
    let driver = page.driver();
    let again = Callback::from(move |_: MouseEvent| driver.reset_step());
    let chosen = page.app.chosen.get(&page.app.step).copied();
    let open = step.predict.is_some() && chosen.is_none() && !page.app.step_done(page.app.step);
    html! {
        <section class={classes!("prose", open.then_some("predicting"))} aria-label="Lesson" id="lesson-text" tabindex="-1" ref={column}>
            <div class="eye">
                {format!("Step {} of {}", page.app.step + 1, lesson.steps.len())}
                <button class="link" onclick={again}>{"start again"}</button>
                { dashes(&page, &lesson) }
            </div>
            <h1>{&step.title}</h1>
            <div class="text" tabindex="0" role="region" aria-label="Text of the step" key={step.id.clone()}>
                { blocks(&step.prose, facts, props.scene.as_ref().and_then(|Same(scene)| scene.section())) }
                <div class="asked">{ predict(&page, step) }</div>
                <div>{ misconception(&page, step) }</div>
            </div>
            <div class="aims">
                { goals(&page, &lesson) }
                <div aria-live="polite">{ wrong(&page, &lesson) }</div>
                <div>{ ladder(&page, step) }</div>
            </div>
            { ways(&page, &lesson) }
        </section>
    }
}

/// What a choice, or what was done, has added at the foot of the text is brought into sight.
#[hook]
fn use_reply_in_sight(page: &Context, column: &NodeRef) {
    let app = &page.app;
    let told = (app.step, app.chosen.get(&app.step).copied(), app.step_done(app.step));
    let (column, before) = (column.clone(), use_mut_ref(|| told));
    use_effect_with(told, move |&told| {
        let (step, chosen, done) = before.replace(told);
        let added = step == told.0 && (chosen.is_none() && told.1.is_some() || !done && told.2);
        if let Some(column) = column.cast::<Element>().filter(|_| added) {
            show_reply(&column);
        }
    });
}

/// Whichever scrolls, the text or, on a narrow page, all of the column. How it gets there is the style's.
fn show_reply(column: &Element) {
    let find = |selector: &str| column.query_selector(selector).ok().flatten();
    let reply = find(".verdict").or_else(|| find(".misconception"));
    let scrolls = |element: &Element| element.scroll_height() > element.client_height() + 1;
    let scroller = find(".text").filter(scrolls).or_else(|| Some(column.clone()).filter(scrolls));
    let (Some(reply), Some(scroller)) = (reply, scroller) else { return };
    let (reply, frame) = (reply.get_bounding_client_rect(), scroller.get_bounding_client_rect());
    let below = reply.bottom().max(last_bottom(column)) - frame.bottom();
    // All of it if there is room, else its beginning.
    let by = below.min(reply.top() - frame.top() - f64::from(REPLY_MARGIN_PX));
    if by > 0.0 {
        scroller.set_scroll_top(scroller.scroll_top() + by.ceil() as i32);
    }
}

fn last_bottom(column: &Element) -> f64 {
    let last = column.query_selector(".misconception").ok().flatten();
    last.map_or(f64::MIN, |last| last.get_bounding_client_rect().bottom())
}

fn waiting(page: &Context) -> String {
    page.app.waiting.clone().unwrap_or_else(|| "Waiting for the lesson …".to_owned())
}

fn dashes(page: &Context, lesson: &Lesson) -> Html {
    let dash = |step: usize| {
        let class = match step {
            step if step == page.app.step => "now",
            step if page.app.step_done(step) || step < page.app.step => "done",
            _ => "",
        };
        html! { <i class={class}></i> }
    };
    html! { <span class="dashes" aria-hidden="true">{for (0..lesson.steps.len()).map(dash)}</span> }
}

fn predict(page: &Context, step: &Step) -> Html {
    let Some(predict) = &step.predict else { return Html::default() };
    let app = &page.app;
    let chosen = app.chosen.get(&app.step).copied();
    let done = app.step_done(app.step);
    let facts = app.world.as_deref().map(|world| &*world.facts);
    let choice = |(i, choice): (usize, &lessons::Choice)| {
        let on = chosen == Some(i);
        html! {
            <label class={classes!("choice", on.then_some("on"))}>
                <input type="radio" name="predict" checked={on} onchange={page.on(Action::Choose(i))} />
                <span>{spans(&choice.text, facts)}</span>
            </label>
        }
    };
    let verdict = match prose::verdict(predict, chosen, app.world.as_deref(), done) {
        Verdict::Open => Html::default(),
        Verdict::Waiting => html! { <p class="verdict">{"Noted. Now find out."}</p> },
        Verdict::Right { reply } => html! { <p class="verdict"><b>{"As you said. "}</b>{spans(reply, facts)}</p> },
        Verdict::Wrong { value, reply } => {
            html! { <p class="verdict"><b class="is">{format!("It is {value}. ")}</b>{spans(reply, facts)}</p> }
        }
    };
    html! {
        <fieldset class="predict">
            <legend>{spans(&predict.question, facts)}</legend>
            <div class="choices">{for predict.choices.iter().enumerate().map(choice)}</div>
            <div aria-live="polite">{verdict}</div>
        </fieldset>
    }
}

/// Shown once the learner has seen for themselves.
fn misconception(page: &Context, step: &Step) -> Html {
    let Some(misconception) = &step.misconception else { return Html::default() };
    if !page.app.step_done(page.app.step) {
        return Html::default();
    }
    html! {
        <div class="misconception">
            <p class="belief"><span class="unseen">{"Often believed: "}</span><s>{spans(&misconception.belief, None)}</s></p>
            <p>{spans(&misconception.truth, None)}</p>
        </div>
    }
}

fn goals(page: &Context, lesson: &Lesson) -> Html {
    let goals =
        prose::goals(lesson, page.app.step, page.app.world.as_deref(), page.app.chosen.get(&page.app.step).copied());
    if goals.is_empty() {
        return html! { <ul class="goals" hidden=true></ul> };
    }
    html! { <ul class="goals" aria-label="Goals">{for goals.iter().map(goal)}</ul> }
}

fn goal(goal: &GoalState) -> Html {
    let parts = goal.difference.iter().map(|part| match part {
        Part::Figure(figure) => html! { <b>{figure}</b> },
        Part::Code(code) => html! { <code>{code}</code> },
        Part::Words(words) => html! { {words} },
    });
    let mark = match goal.holds {
        true => html! {
            <svg viewBox="0 0 18 18" width="18" height="18" role="img" aria-label="reached">
                <rect class="box done" x="1" y="1" width="16" height="16" /><path class="check" d="M4.5 9.2l3 3 6-6.4" />
            </svg>
        },
        false => html! {
            <svg viewBox="0 0 18 18" width="18" height="18" role="img" aria-label="not yet">
                <rect class="box" x="1.8" y="1.8" width="14.4" height="14.4" />
            </svg>
        },
    };
    html! {
        <li class={classes!(goal.holds.then_some("ok"))}>{mark}
            <div>{spans(goal.text, None)}<p>{for parts}</p></div>
        </li>
    }
}

fn wrong(page: &Context, lesson: &Lesson) -> Html {
    let app = &page.app;
    if prose::all_hold(lesson, app.step, app.world.as_deref()) {
        return Html::default();
    }
    match app.world.as_deref().and_then(|world| prose::wrong(lesson, app.step, world, app.begun_at())) {
        Some((reply, _)) => html! { <p class="wrong">{spans(reply, None)}</p> },
        None => Html::default(),
    }
}

fn ladder(page: &Context, step: &Step) -> Html {
    let app = &page.app;
    if step.hints.is_empty() || step.transfer {
        return Html::default();
    }
    // What is reached needs no hint.
    let done = app.lesson.as_ref().is_some_and(|lesson| prose::all_hold(lesson, app.step, app.world.as_deref()));
    if done && app.rung() == 0 {
        return Html::default();
    }
    let raised = app.lesson.as_ref().zip(app.world.as_deref()).filter(|_| !done);
    let raised = raised
        .and_then(|(lesson, world)| prose::wrong(lesson, app.step, world, app.begun_at()))
        .map_or(0, |(_, rung)| rung + 1);
    let most = RUNGS.min(step.hints.len() as u32);
    let rung = app.rung().max(raised.min(most));
    let reached = rung.checked_sub(1).and_then(|last| step.hints.get(last as usize));
    let class = |n: u32| if n < rung { "reached" } else { "rung" };
    let height = |n: u32| format!("M3 {0}H23", 37 - 10 * n);
    let next = (rung < most && !done).then(|| {
        let words = format!("Hint {} of {most}: {}", rung + 1, rung_name(rung));
        let driver = page.driver();
        let steps = rung + 1 - app.rung();
        let onclick = Callback::from(move |_: MouseEvent| (0..steps).for_each(|_| driver.act(Action::NextRung)));
        html! { <button class="link" {onclick}>{words}</button> }
    });
    html! {
        <div class="ladder">
            <svg viewBox="0 0 26 44" width="26" height="44" aria-hidden="true">
                <path class="rail" d="M3 0V44M23 0V44" />
                {for (0..most).map(|n| html! { <path class={if n + 1 == rung { "here" } else { class(n) }} d={height(n)} /> })}
            </svg>
            <div>
                <div aria-live="polite">{for reached.map(|hint| html! { <p class="hint">{spans(hint, None)}</p> })}</div>
                <div>{for next}</div>
            </div>
        </div>
    }
}

fn ways(page: &Context, lesson: &Lesson) -> Html {
    let step = page.app.step;
    let next = match prose::next_title(lesson, step) {
        Some(title) => {
            let words = format!("Next: {}", lower_first(title));
            html! { <button class="next" onclick={page.on(Action::Step(step + 1))}>{words}</button> }
        }
        None => next_lesson(page, lesson),
    };
    html! {
        <div class="ways">
            <button class="back" disabled={step == 0} onclick={page.on(Action::Step(step.saturating_sub(1)))}>{"Back"}</button>
            { next }
        </div>
    }
}

fn next_lesson(page: &Context, lesson: &Lesson) -> Html {
    let cards = page.app.course.iter().flat_map(|course| course.tracks.iter().flat_map(|track| &track.lessons));
    let after = cards.skip_while(|card| card.id != lesson.id).skip(1).find(|card| card.ready);
    let (href, words) = match after {
        Some(card) => (address::lesson_href(&card.id, ""), format!("Next: {}", lower_first(&card.title))),
        None => ("./".to_owned(), "To the map".to_owned()),
    };
    html! { <a class="next" href={address::absolute(&href)}>{words}</a> }
}

/// A title inside a sentence; names and abbreviations keep their capitals.
fn lower_first(title: &str) -> String {
    let first = title.split(' ').next().unwrap_or_default();
    let plain = first.chars().skip(1).all(|letter| letter.is_ascii_lowercase());
    match plain {
        true => title
            .chars()
            .next()
            .map(|c| format!("{}{}", c.to_ascii_lowercase(), &title[c.len_utf8()..]))
            .unwrap_or_default(),
        false => title.to_owned(),
    }
}
