//! What lies over the page until it is closed: keys, the link, the speaker's notes, the whole terminal; and notices.

use super::context::{Context, use_page};
use super::header::Tools;
use super::spans::blocks;
use super::terminal::Terminal;
use crate::host::{notes, window};
use crate::state::{Action, Sheet};
use crate::view_model::branches::{Entry, entries};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlDialogElement, HtmlInputElement};
use yew::prelude::*;

#[function_component]
pub fn Sheets() -> Html {
    let page = use_page();
    html! {
        <>
        <div>{ notice(&page) }</div>
        // Another kind of sheet is another dialog: the focus goes into it.
        <div>{ for page.app.sheet.iter().map(|sheet| html! { <Dialog key={kind(sheet).0} sheet={sheet.clone()} /> }) }</div>
        </>
    }
}

fn notice(page: &Context) -> Html {
    let Some(notice) = &page.app.notice else { return Html::default() };
    let link = notice
        .link
        .as_ref()
        .map(|link| html! { <p><a href={link.clone()}>{"The link that makes it happen again"}</a></p> });
    html! {
        <div class="notice" role="alert">
            <p>{super::inspector::ticked(&notice.text)}</p><div>{for link}</div>
            <button onclick={page.on(Action::Notice(None))}>{"Close"}</button>
        </div>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct DialogProps {
    sheet: Sheet,
}

#[function_component]
fn Dialog(props: &DialogProps) -> Html {
    let page = use_page();
    let dialog = use_node_ref();
    {
        let dialog = dialog.clone();
        use_effect_with((), move |()| {
            // Modal: the browser keeps the focus inside and gives it back afterwards.
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                let _ = dialog.show_modal();
            }
        });
    }
    let (class, title) = kind(&props.sheet);
    let content = match &props.sheet {
        Sheet::Help => help(),
        Sheet::Share { link, copied } => share(&page, link, *copied),
        Sheet::Notes => notes(&page),
        Sheet::Menu => menu(&page),
        Sheet::Branches => branches(&page),
        Sheet::Terminal => html! { <Terminal /> },
    };
    html! {
        <dialog ref={dialog} class={class} aria-label={title} onclose={page.on(Action::Sheet(None))}>
            <div class="head"><h2>{title}</h2><button onclick={page.on(Action::Sheet(None))}>{"Close"}</button></div>
            {content}
        </dialog>
    }
}

fn kind(sheet: &Sheet) -> (&'static str, &'static str) {
    match sheet {
        Sheet::Help => ("help", "Keys"),
        Sheet::Share { .. } => ("share", "A link to exactly this"),
        Sheet::Notes => ("notes", "Speaker’s notes"),
        Sheet::Menu => ("more", "Menu"),
        Sheet::Branches => ("branches", "Branches"),
        Sheet::Terminal => ("all-terminal", "Terminal"),
    }
}

fn menu(page: &Context) -> Html {
    let again = {
        let driver = page.driver();
        Callback::from(move |_: MouseEvent| {
            driver.act(Action::Sheet(None));
            driver.reset_step();
        })
    };
    html! {
        <>
        <Tools />
        <div class="tools">
            <button class="tool" onclick={page.on(Action::Sheet(Some(Sheet::Branches)))}>{"Branches"}</button>
            <button class="tool" onclick={again}>{"Start this step again"}</button>
        </div>
        </>
    }
}

fn help() -> Html {
    const KEYS: [(&str, &str); 15] = [
        ("[  ]", "one event back, on (Alt + ← → while typing)"),
        ("Alt + ↑ ↓", "a whole command back, on"),
        ("← → Home End", "the same on the time handle"),
        ("Page Up, Page Down", "on the handle: commands; on the projector: what comes next"),
        ("Tab", "in the terminal: take the completion; elsewhere: go on"),
        ("Esc, Tab", "in the terminal: leave a line that is begun"),
        ("↑ ↓", "in the terminal: what was typed before"),
        ("Ctrl + R", "in the terminal: search what was typed before"),
        ("Ctrl + C", "stop what runs, or forget the line; copies if text is selected"),
        ("Ctrl + D", "end of input"),
        ("Ctrl + L", "clear the screen"),
        ("Ctrl + S", "in the editor: save"),
        ("P", "projector"),
        ("N", "speaker’s notes; on the projector in a window of their own, kept in step"),
        ("Esc", "close what is open"),
    ];
    html! { <dl class="keys">{for KEYS.iter().map(|(key, what)| html! { <><dt>{*key}</dt><dd>{*what}</dd></> })}</dl> }
}

fn share(page: &Context, link: &str, copied: bool) -> Html {
    let copy = {
        let (driver, link) = (page.driver(), link.to_owned());
        Callback::from(move |_: MouseEvent| {
            let (driver, link) = (driver.clone(), link.clone());
            spawn_local(async move {
                let promise = window().navigator().clipboard().write_text(&link);
                let copied = JsFuture::from(promise).await.is_ok();
                driver.act(Action::Sheet(Some(Sheet::Share { link, copied })));
            });
        })
    };
    let select = Callback::from(|event: FocusEvent| event.target_unchecked_into::<HtmlInputElement>().select());
    html! {
        <div>
            <p>{"What was typed, the moment, the step and the era are in the address itself. Nothing is stored elsewhere."}</p>
            <p class="copy"><input readonly=true aria-label="Link" value={link.to_owned()} onfocus={select} />
                <button onclick={copy}>{if copied { "Copied" } else { "Copy" }}</button></p>
            <p class="i3">{format!("{} characters", link.chars().count())}</p>
        </div>
    }
}

fn notes(page: &Context) -> Html {
    let app = &page.app;
    let Some(step) = app.lesson.as_ref().and_then(|lesson| lesson.steps.get(app.step)) else { return Html::default() };
    let none = step.notes.is_empty().then(|| html! { <p>{"There are none for this step."}</p> });
    let open = Callback::from(|_: MouseEvent| {
        notes::open();
    });
    html! {
        <div>
            <div class="text"><h3>{&step.title}</h3>{blocks(&step.notes, None, None)}<div>{for none}</div></div>
            <button class="link" onclick={open}>{"In a window of their own"}</button>
        </div>
    }
}

/// The lanes of the timeline as text, each with the way to it.
fn branches(page: &Context) -> Html {
    let entry = |entry: Entry| {
        let driver = page.driver();
        let Entry { branch, current, title, inputs, parts, end } = entry;
        let onclick = Callback::from(move |_: MouseEvent| {
            driver.act(Action::Sheet(None));
            driver.seek(branch, end);
        });
        let go = (!current).then(
            || html! { <button class="link" {onclick} aria-label={format!("Go to {title}")}>{"Go there"}</button> },
        );
        html! {
            <li aria-current={current.then_some("true")}><p><b>{title}</b><span>{parts}</span>{for go}</p>
                <ol>{for inputs.into_iter().map(|line| html! { <li><code>{line}</code></li> })}</ol></li>
        }
    };
    html! { <ul class="branches">{for page.app.world.as_deref().into_iter().flat_map(entries).map(entry)}</ul> }
}
