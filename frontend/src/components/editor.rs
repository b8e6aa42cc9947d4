//! The editor of the learner's files, with the messages of the parser that will read them. What is typed is kept in
//! the page's state, where nothing that happens in the world takes it away.

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
    let messages = use_state(Vec::<Diagnostic>::new);
    let moment = page.app.world.as_deref().map(|world| (world.branch, world.position, world.digest.clone()));
    {
        let (driver, path) = (page.driver(), props.path.clone());
        use_effect_with((props.path.clone(), moment), move |_| {
            let (asked, of) = (driver.clone(), path.clone());
            asked.read_file(path, Callback::from(move |file| driver.act(Action::Read(of.clone(), file))));
        });
    }
    let paper = page.app.papers.get(&props.path).cloned().unwrap_or_default();
    let text = paper.text().map(str::to_owned);
    {
        let (driver, path, messages) = (page.driver(), props.path.clone(), messages.clone());
        use_effect_with(text.clone(), move |text| {
            if let Some(text) = text.clone() {
                driver.lint(path, text, Callback::from(move |found| messages.set(found)));
            }
        });
    }
    let Some(current) = text else {
        return html! { <section class="editor" aria-label="Editor"><p class="status">{format!("Waiting for {} …", props.path)}</p></section> };
    };
    let standing = paper.standing();
    let changed = paper.has_draft();
    let oninput = {
        let (driver, path) = (page.driver(), props.path.clone());
        Callback::from(move |event: InputEvent| {
            let typed = event.target_unchecked_into::<HtmlTextAreaElement>().value();
            driver.act(Action::Typed(path.clone(), typed));
        })
    };
    let save = {
        let (driver, path, content) = (page.driver(), props.path.clone(), current.clone());
        Callback::from(move |()| {
            driver.act(Action::Saving(path.clone()));
            driver.input(Input::Save { path: path.clone(), content: content.clone() });
        })
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
                <span role="status">{standing.words()}</span>
                <button class="save" disabled={!changed} onclick={save.reform(|_: MouseEvent| ())}>{"Save"}</button>
                <button hidden={!changed} title="Show the file as it is" onclick={page.on(Action::Discard(props.path.clone()))}>{"Discard"}</button>
                <button title="What is not saved is kept" onclick={page.on(Action::Edit(None))}>{"Close"}</button>
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
