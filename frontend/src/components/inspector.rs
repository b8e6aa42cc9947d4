//! Facts about the selected thing, simulated beside real, and why it is as it is.

use super::context::{Context, use_page};
use crate::state::Action;
use crate::view_model::inspector::{Inspection, Real, Row, evidence_words, folded, inspect, real};
use crate::view_model::moment::described;
use engine::fact::catalogue::Evidence;
use engine::session::WhyStep;
use yew::prelude::*;

#[function_component]
pub fn Inspector() -> Html {
    let page = use_page();
    let app = &page.app;
    let subject = app.selection.as_ref().zip(app.world.as_deref()).map(|(target, world)| {
        let real = app.real().and_then(|recording| real(recording, world));
        let others: Vec<Real> = app.others().iter().filter_map(|other| self::real(other, world)).collect();
        let shown = inspect(target, &world.facts, real.as_ref(), &others);
        (shown, real, others)
    });
    let fact = subject.as_ref().map(|(shown, _, _)| shown.fact.clone());
    let position = app.world.as_deref().map(|world| (world.branch, world.position));
    {
        let driver = page.driver();
        use_effect_with((fact, position), move |(fact, _)| {
            if let Some(fact) = fact {
                driver.why(fact.clone());
            }
        });
    }
    let Some((shown, real, others)) = subject else { return html! { <div hidden=true></div> } };
    html! {
        <section class="inspector" aria-label="Inspector">
            <header>
                <span class="balloon" aria-hidden="true">{"1"}</span>
                <div><h2>{&shown.title}</h2><p>{&shown.place.0}{" "}<code>{&shown.place.1}</code></p></div>
                <button class="close" aria-label="Close the inspector" onclick={page.on(Action::Select(None))}>
                    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M5 4l5 5 5-5 1 1-5 5 5 5-1 1-5-5-5 5-1-1 5-5-5-5z" /></svg>
                </button>
            </header>
            { table(&shown, real.as_ref()) }
            { why(&page) }
            { provenance(&shown, real.as_ref(), &others) }
        </section>
    }
}

fn table(shown: &Inspection, real: Option<&Real>) -> Html {
    if shown.rows.is_empty() {
        return html! { <p class="nothing">{"There are no facts about it now."}</p> };
    }
    html! {
        <>
        <table>
            <thead><tr>
                <th scope="col"><span class="unseen">{"Fact"}</span></th><th scope="col">{"simulated"}</th>
                <th scope="col">{real.map_or("no recording", |real| real.kernel.as_str())}</th>
                <th scope="col"><span class="unseen">{"Evidence"}</span></th>
            </tr></thead>
            <tbody>{for shown.rows.iter().map(row)}</tbody>
        </table>
        <p class="key">
            {for [Evidence::Kernel, Evidence::Documented, Evidence::Modelled].map(|evidence| html! {
                <span>{mark(evidence, true)}{evidence_words(evidence)}</span>
            })}
        </p>
        </>
    }
}

fn row(row: &Row) -> Html {
    let elsewhere = row.elsewhere.iter().map(|(kernel, value)| {
        html! { <span class="elsewhere">{value}{" on "}{kernel}</span> }
    });
    let differs = row.differs.then(|| html! { <span class="differs">{"differs"}</span> });
    html! {
        <tr class={classes!(row.differs.then_some("differing"))} title={format!("{} ({})", row.meaning, row.source)}>
            <th scope="row">{&row.label}</th>
            <td>{&row.simulated}</td>
            <td>{row.real.as_deref().unwrap_or("")}<span>{for differs}</span>{for elsewhere}</td>
            <td>{mark(row.evidence, false)}</td>
        </tr>
    }
}

/// Full disc: kernel. Half: documented. Dashed ring: modelled.
fn mark(evidence: Evidence, in_key: bool) -> Html {
    let inner = match evidence {
        Evidence::Kernel => html! { <circle cx="7" cy="7" r="6" class="full" /> },
        Evidence::Documented => {
            html! { <><circle cx="7" cy="7" r="5.5" class="ring" /><path d="M7 1.5A5.5 5.5 0 0 0 7 12.5z" class="full" /></> }
        }
        Evidence::Modelled => html! { <circle cx="7" cy="7" r="5.5" class="ring dashed" /> },
    };
    let (role, label) = if in_key { (None, None) } else { (Some("img"), Some(evidence_words(evidence))) };
    let hidden = in_key.then_some("true");
    html! { <svg class="evidence" viewBox="0 0 14 14" width="14" height="14" role={role} aria-label={label} aria-hidden={hidden}>{inner}</svg> }
}

fn why(page: &Context) -> Html {
    let Some((fact, steps)) = page.app.why.as_ref().filter(|(_, steps)| !steps.is_empty()) else {
        return html! { <div></div> };
    };
    let events = page.app.world.as_deref().map(|world| world.events()).unwrap_or_default();
    let step = |step: &WhyStep| {
        let (driver, position) = (page.driver(), step.event.0 + 1);
        let onclick = Callback::from(move |_: MouseEvent| driver.go(position));
        let words = events.get(step.event.0 as usize).map_or_else(|| step.text.clone(), described);
        html! { <li><button {onclick}>{ticked(&words)}</button></li> }
    };
    let middle = folded(steps.len());
    let fold = (!middle.is_empty()).then(|| {
        let between = format!("{} steps between", middle.len());
        let steps = steps[middle.clone()].iter().map(step);
        html! { <li class="fold"><details><summary>{between}</summary><ol class="why">{for steps}</ol></details></li> }
    });
    let (newest, root) = (steps[..middle.start].iter().map(step), steps[middle.end..].iter().map(step));
    html! { <div key={fact.clone()}><h3>{"Why is it here?"}</h3><ol class="why">{for newest}{for fold}{for root}</ol></div> }
}

/// Text with what stands in backticks in the system's own letters.
pub fn ticked(text: &str) -> Html {
    let piece = |(i, piece): (usize, &str)| match i % 2 {
        1 => html! { <code>{piece}</code> },
        _ => html! { {piece} },
    };
    text.split('`').enumerate().map(piece).collect()
}

fn provenance(shown: &Inspection, real: Option<&Real>, others: &[Real]) -> Html {
    let besides = real.filter(|real| !real.besides.is_empty()).map(|real| {
        let shown = real.besides.iter().take(3).map(|words| format!("`{words}`")).collect::<Vec<_>>().join(", ");
        let more = if real.besides.len() > 3 { " and more" } else { "" };
        html! { <p>{"Recorded without "}{ticked(&shown)}{more}</p> }
    });
    html! {
        <div class="provenance">
            <h3>{"Fact"}</h3><code>{&shown.fact}</code>
            <div>{for real.map(|real| html! { <><h3>{"Real kernel"}</h3><p>{&real.recorded}</p></> })}{for others.iter().map(|other| html! { <p>{&other.recorded}</p> })}</div>
            <div>{for besides}</div>
            <div>{for real.filter(|real| real.ahead).map(|_| html! { <p>{"Real values are those after the whole command."}</p> })}</div>
        </div>
    }
}
