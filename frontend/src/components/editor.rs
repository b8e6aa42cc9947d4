//! The editor of the learner's files, with the messages of the parser that will read them.

use super::context::use_page;
use crate::state::Action;
use engine::scenario::Input;
use engine::session::{Diagnostic, Severity};
use web_sys::{Element, HtmlTextAreaElement, KeyboardEvent};
use yew::prelude::*;

#[derive(Clone, PartialEq, Properties)]
pub struct EditorProps {
    pub path: String,
}

#[function_component]
pub fn Editor(props: &EditorProps) -> Html {
    let page = use_page();
    let text = use_state(|| None::<String>);
    let kept = use_state(String::new);
    let messages = use_state(Vec::<Diagnostic>::new);
    let position = page.app.world.as_ref().map(|world| (world.branch, world.position));
    {
        let (driver, path) = (page.driver(), props.path.clone());
        let (text, kept, messages) = (text.clone(), kept.clone(), messages.clone());
        use_effect_with((props.path.clone(), position), move |_| {
            let asked = driver.clone();
            driver.read_file(
                path.clone(),
                Callback::from(move |content: Option<String>| {
                    let content = content.unwrap_or_default();
                    let messages = messages.clone();
                    asked.lint(path.clone(), content.clone(), Callback::from(move |found| messages.set(found)));
                    kept.set(content.clone());
                    text.set(Some(content));
                }),
            );
        });
    }
    let Some(current) = (*text).clone() else {
        return html! { <section class="editor" aria-label="Editor"><p class="status">{format!("Waiting for {} …", props.path)}</p></section> };
    };
    let changed = *kept != current;
    let oninput = {
        let (text, messages, driver, path) = (text.clone(), messages.clone(), page.driver(), props.path.clone());
        Callback::from(move |event: InputEvent| {
            let typed = event.target_unchecked_into::<HtmlTextAreaElement>().value();
            text.set(Some(typed.clone()));
            let messages = messages.clone();
            driver.lint(path.clone(), typed, Callback::from(move |found| messages.set(found)));
        })
    };
    let save = {
        let (driver, path, content) = (page.driver(), props.path.clone(), current.clone());
        Callback::from(move |()| driver.input(Input::Save { path: path.clone(), content: content.clone() }))
    };
    let onkeydown = {
        let (save, driver) = (save.clone(), page.driver());
        Callback::from(move |key: KeyboardEvent| {
            if (key.ctrl_key() || key.meta_key()) && key.key() == "s" {
                key.prevent_default();
                save.emit(());
            } else if key.key() == "Escape" {
                driver.act(Action::Edit(None));
            }
        })
    };
    html! {
        <section class="editor" aria-label={format!("Editor: {}", props.path)}>
            <header>
                <h2>{&props.path}</h2>
                <span role="status">{if changed { "not saved" } else { "saved" }}</span>
                <button class="save" disabled={!changed} onclick={save.reform(|_: MouseEvent| ())}>{"Save"}</button>
                <button onclick={page.on(Action::Edit(None))}>{"Close"}</button>
            </header>
            <div class="sheet">
                { gutter(&current, &messages) }
                <div class="paper">
                    { underlines(&current, &messages) }
                    <textarea aria-label={format!("Text of {}", props.path)} aria-describedby="diagnostics" value={current.clone()}
                        rows={current.lines().count().max(8).to_string()} spellcheck="false" autocapitalize="none"
                        wrap="off" {oninput} {onkeydown} onscroll={Callback::from(keep_together)} />
                </div>
            </div>
            <ol class="diagnostics" id="diagnostics" aria-live="polite">{for messages.iter().map(message)}</ol>
        </section>
    }
}

/// The marks under the text move with it.
fn keep_together(event: Event) {
    let area = event.target_unchecked_into::<HtmlTextAreaElement>();
    let marks = area.parent_element().and_then(|paper| paper.query_selector(".underlines").ok().flatten());
    if let Some(marks) = marks {
        Element::set_scroll_left(&marks, area.scroll_left());
    }
}

fn gutter(text: &str, messages: &[Diagnostic]) -> Html {
    let count = text.split('\n').count() as u32;
    let number = |line: u32| {
        let worst =
            messages.iter().filter(|message| message.line == line).map(|message| class(message.severity)).next();
        html! { <div class={classes!(worst)}>{line}</div> }
    };
    html! { <div class="gutter" aria-hidden="true">{for (1..=count).map(number)}</div> }
}

/// The same text, unseen, with lines under what a message is about.
fn underlines(text: &str, messages: &[Diagnostic]) -> Html {
    let line = |(i, line): (usize, &str)| {
        let number = i as u32 + 1;
        let found = messages.iter().find(|message| message.line == number);
        match found {
            None => html! { <div>{line}{"\u{200b}"}</div> },
            Some(found) => {
                let start = (found.column.saturating_sub(1)) as usize;
                let (before, rest): (String, String) =
                    (line.chars().take(start).collect(), line.chars().skip(start).collect());
                let marked: String = rest.chars().take(found.length.max(1) as usize).collect();
                html! { <div>{before}<u class={class(found.severity)}>{if marked.is_empty() { " ".to_owned() } else { marked }}</u></div> }
            }
        }
    };
    html! { <div class="underlines" aria-hidden="true">{for text.split('\n').enumerate().map(line)}</div> }
}

fn message(message: &Diagnostic) -> Html {
    html! {
        <li class={class(message.severity)}>
            <b>{format!("line {}: ", message.line)}</b>{super::inspector::ticked(&message.message)}
            <span>{" "}{super::inspector::ticked(&message.help)}</span>
        </li>
    }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
