//! The console: what was typed and printed until now, and the line that is being typed.

use super::context::{Context, use_page};
use super::room::use_room;
use crate::state::{Action, Sheet};
use crate::view_model::paper::Paper;
use crate::view_model::terminal::{Kind, Line, scrollback, typed};
use engine::scenario::Input;
use engine::session::{Candidate, Completions};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, Element, HtmlInputElement, KeyboardEvent};
use yew::prelude::*;

/// Candidates shown at once.
const SHOWN: usize = 6;
/// Lines that are looked at anew when one of them has changed.
const TOGETHER: usize = 24;

#[function_component]
pub fn Terminal() -> Html {
    let page = use_page();
    let screen = use_node_ref();
    let room = use_room(&screen);
    let lines = page.app.world.as_deref().map(|world| scrollback(world, page.app.cleared)).unwrap_or_default();
    {
        let screen = screen.clone();
        let end = page.app.world.as_deref().map(|world| (world.branch, world.position));
        use_effect_with((end, page.app.sheet.is_some(), room.map(|(_, height)| height as u32)), move |_| {
            if let Some(screen) = screen.cast::<Element>() {
                screen.set_scroll_top(screen.scroll_height());
            }
        });
    }
    let files = page.app.files.iter().map(|file| {
        let on = page.app.editing.as_ref() == Some(&file.path);
        let next = if on { None } else { Some(file.path.clone()) };
        let unsaved = page.app.papers.get(&file.path).is_some_and(Paper::has_draft);
        let unsaved = unsaved.then(|| html! { <span class="unsaved">{" not saved"}</span> });
        html! { <button aria-pressed={on.to_string()} onclick={page.on(Action::Edit(next))}>{&file.path}{for unsaved}</button> }
    });
    let running = page.app.world.as_deref().and_then(|world| world.running.clone());
    let running = running
        .map(|line| format!("`{line}` has the console. Ctrl-C interrupts it; what ignores that, Undo takes back"));
    let status = page.app.waiting.clone().or(running).or_else(|| unsaved(&page));
    let focus = Callback::from(|event: MouseEvent| focus_line(&event));
    html! {
        <section class="terminal" aria-label="Terminal" onclick={focus}>
            <div class="files" role="group" aria-label="Files of the lesson">{for files}</div>
            <div class="screen" ref={screen}>
                <div role="log" aria-live="polite" aria-label="Console output">{for lines.chunks(TOGETHER).map(|lines| html! { <Lines lines={lines.to_vec()} /> })}</div>
                <CommandLine />
            </div>
            <p class="status" role="status">{status.unwrap_or_default()}</p>
        </section>
    }
}

/// Commands see what is saved.
fn unsaved(page: &Context) -> Option<String> {
    let mut drafts = page.app.papers.iter().filter(|(_, paper)| paper.has_draft()).map(|(path, _)| path.as_str());
    let first = drafts.next()?;
    let names = drafts.fold(first.to_owned(), |names, path| format!("{names}, {path}"));
    Some(format!("Not saved: {names}. Commands see the file as it was saved last."))
}

/// A click anywhere leads to the line, unless text is being selected for copying.
fn focus_line(event: &MouseEvent) {
    let selecting =
        crate::host::window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed());
    // Events are heard at the root of the page: the current target is not the terminal.
    let clicked = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let around = |selector: &str| clicked.as_ref().and_then(|element| element.closest(selector).ok().flatten());
    let on_button = around("button").is_some();
    let line = around(".terminal").and_then(|section| section.query_selector("input.typed").ok().flatten());
    if let (false, false, Some(line)) =
        (selecting, on_button, line.and_then(|line| line.dyn_into::<HtmlInputElement>().ok()))
    {
        let _ = line.focus();
    }
}

#[derive(Clone, PartialEq, Properties)]
struct LinesProps {
    lines: Vec<Line>,
}

#[function_component]
fn Lines(props: &LinesProps) -> Html {
    html! { {for props.lines.iter().map(line)} }
}

fn line(line: &Line) -> Html {
    match &line.kind {
        Kind::Typed { prompt } => html! { <div class="line"><b>{prompt}</b>{&line.text}</div> },
        Kind::Output => html! { <div class="line">{&line.text}</div> },
        Kind::Head => html! { <div class="line head">{&line.text}</div> },
        Kind::Error => html! { <div class="line error">{&line.text}</div> },
        Kind::Advice => html! { <div class="line advice">{super::inspector::ticked(&line.text)}</div> },
        Kind::Aside => html! { <div class="line aside">{&line.text}</div> },
    }
}

/// What is being typed: the text, where in the history, and what may follow.
#[derive(Clone, Debug, Default, PartialEq)]
struct Typing {
    text: String,
    /// Steps back into the history; 0 is the new line.
    back: usize,
    /// The new line, while an older one is shown.
    draft: String,
    completions: Option<Completions>,
    /// The candidate that Tab takes.
    picked: usize,
    /// Searching backwards (Ctrl-R) for this.
    search: Option<String>,
    /// Comes from the history or from choosing: nothing is asked about it.
    settled: bool,
    /// After Escape, Tab leads on through the page.
    leaving: bool,
}

impl Typing {
    fn candidates(&self) -> &[Candidate] {
        self.completions.as_ref().map_or(&[], |completions| &completions.candidates)
    }

    /// What Tab would add, shown behind the cursor.
    fn ghost(&self) -> Option<String> {
        let completions =
            self.completions.as_ref().filter(|completions| completions.end as usize == self.text.len())?;
        let candidate = completions.candidates.get(self.picked)?;
        let written = self.text.get(completions.start as usize..)?;
        candidate.text.strip_prefix(written).filter(|rest| !rest.is_empty()).map(str::to_owned)
    }

    fn taken(&self) -> Option<String> {
        let completions = self.completions.as_ref()?;
        let candidate = completions.candidates.get(self.picked)?;
        let (start, end) = (completions.start as usize, completions.end as usize);
        let (before, after) = (self.text.get(..start)?, self.text.get(end..)?);
        let gap = if after.is_empty() && !candidate.text.ends_with(['/', '=']) { " " } else { "" };
        Some(format!("{before}{}{gap}{after}", candidate.text))
    }

    /// A name chosen among several.
    fn with(text: String) -> Typing {
        Typing { text, ..Typing::default() }
    }
}

#[function_component]
pub fn CommandLine() -> Html {
    let page = use_page();
    let typing = use_state(Typing::default);
    let input = use_node_ref();
    let prompt = page.app.world.as_deref().map_or_else(String::new, |world| world.prompt.clone());
    let latest = use_mut_ref(Latest::default);
    let set = {
        let (typing, page, latest) = (typing.clone(), page.clone(), latest.clone());
        Callback::from(move |next: Typing| ask_completions(&page, &typing, &latest, next))
    };
    let oninput = {
        let (set, typing) = (set.clone(), typing.clone());
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            set.emit(Typing { search: typing.search.clone(), ..Typing::with(text) });
        })
    };
    let onkeydown = {
        let (page, typing, set) = (page.clone(), typing.clone(), set.clone());
        Callback::from(move |key: KeyboardEvent| {
            if pressed(&page, &typing, &set, &latest, &key) {
                key.prevent_default();
            }
        })
    };
    let onpaste = {
        let (page, typing, set) = (page.clone(), typing.clone(), set.clone());
        Callback::from(move |event: Event| {
            if let Some(event) = event.dyn_ref::<ClipboardEvent>() {
                pasted(&page, &typing, &set, event);
            }
        })
    };
    let take = {
        let (typing, set, input) = (typing.clone(), set.clone(), input.clone());
        Callback::from(move |i: usize| {
            let picked = Typing { picked: i, ..(*typing).clone() };
            if let Some(text) = picked.taken() {
                set.emit(Typing::with(text));
            }
            if let Some(input) = input.cast::<HtmlInputElement>() {
                let _ = input.focus();
            }
        })
    };
    let columns = prompt.chars().count() + typing.text.chars().count();
    let behind = format!("--columns:{columns}");
    let searching = typing
        .search
        .as_ref()
        .map(|search| html! { <span class="search">{format!("(reverse-i-search) `{search}`: ")}</span> });
    html! {
        <div class="command" style={behind}>
            <b>{for searching}{prompt}</b>
            <span class="field">
                <input ref={input} class="typed" aria-label="Command line" value={typing.text.clone()} {oninput} {onkeydown} {onpaste}
                    autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" enterkeyhint="go"
                    aria-autocomplete="inline" aria-describedby="candidates" />
                <span class="ghost" aria-hidden="true"><i>{&typing.text}</i>{typing.ghost().unwrap_or_default()}<Candidates typing={(*typing).clone()} take={take.clone()} /></span>
            </span>
            <button class="tab" tabindex="-1" disabled={typing.candidates().is_empty()} onclick={take.reform(|_: MouseEvent| 0)}>{"Tab"}</button>
            <button class="more" aria-label="All of the terminal" onclick={page.on(Action::Sheet(Some(Sheet::Terminal)))}>{"All"}</button>
        </div>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct CandidatesProps {
    typing: Typing,
    take: Callback<usize>,
}

/// What may stand here, with one line of help for the one that Tab takes.
#[function_component]
fn Candidates(props: &CandidatesProps) -> Html {
    let typing = &props.typing;
    let candidates = typing.candidates();
    let first = typing.picked.saturating_sub(SHOWN - 1);
    let candidate = |(i, candidate): (usize, &Candidate)| {
        let onclick = props.take.reform(move |_: MouseEvent| i);
        html! { <button tabindex="-1" class={classes!((i == typing.picked).then_some("on"))} {onclick}>{&candidate.text}</button> }
    };
    let help = candidates.get(typing.picked).map(|candidate| {
        let gap = if candidate.help.is_empty() { "" } else { " · " };
        format!("{}{gap}Tab takes it", candidate.help)
    });
    let expected = typing.completions.as_ref().filter(|_| candidates.is_empty() && !typing.text.is_empty());
    let help = help.or_else(|| expected.map(|completions| completions.expected.clone())).unwrap_or_default();
    let more = candidates.len().saturating_sub(first + SHOWN);
    html! {
        <span class="candidates" id="candidates">
            {for candidates.iter().enumerate().skip(first).take(SHOWN).map(candidate)}
            <em>{if more > 0 { format!("{more} more  ") } else { String::new() }}{help}</em>
        </span>
    }
}

/// What the engine was asked about last.
#[derive(Debug, Default)]
struct Latest {
    text: String,
    /// Tab was pressed before the answer came: it takes the first candidate.
    tab: bool,
}

fn ask_completions(page: &Context, typing: &UseStateHandle<Typing>, latest: &Rc<RefCell<Latest>>, next: Typing) {
    typing.set(next.clone());
    latest.replace(Latest { text: next.text.clone(), tab: false });
    if next.text.trim().is_empty() || next.search.is_some() || next.settled {
        return;
    }
    let (asking, typing, latest) = (page.clone(), typing.clone(), latest.clone());
    let (line, cursor) = (next.text.clone(), next.text.len() as u32);
    page.driver().complete(
        line,
        cursor,
        Callback::from(move |completions| {
            // An answer about a line that is no longer there is of no use.
            if latest.borrow().text != next.text {
                return;
            }
            let answered = Typing { completions: Some(completions), ..next.clone() };
            match answered.taken().filter(|_| latest.borrow().tab) {
                Some(text) => ask_completions(&asking, &typing, &latest, Typing::with(text)),
                None => typing.set(answered),
            }
        }),
    );
}

fn pressed(
    page: &Context,
    typing: &Typing,
    set: &Callback<Typing>,
    latest: &Rc<RefCell<Latest>>,
    key: &KeyboardEvent,
) -> bool {
    let driver = page.driver();
    let input = key.target_unchecked_into::<HtmlInputElement>();
    match (key.ctrl_key(), key.key().as_str()) {
        (true, "c" | "C") => {
            let selected = input.selection_start().ok().flatten() != input.selection_end().ok().flatten();
            let elsewhere =
                crate::host::window().get_selection().ok().flatten().is_some_and(|text| !text.is_collapsed());
            if selected || elsewhere {
                return false;
            }
            set.emit(Typing::default());
            // At the prompt there is nothing to interrupt: the line is forgotten, and the world has not moved.
            if page.app.world.as_deref().is_some_and(|world| world.running.is_some() || world.continues()) {
                driver.input(Input::Interrupt);
            }
        }
        (true, "d" | "D") if typing.text.is_empty() => driver.input(Input::Eof),
        (true, "l" | "L") => driver.act(Action::Clear),
        (true, "u" | "U") => set.emit(Typing::default()),
        (true, "r" | "R") => set.emit(search(page, typing)),
        (false, "Enter") => enter(page, typing, set),
        (false, "Tab") if !key.shift_key() && !typing.text.is_empty() && !typing.leaving => match typing.taken() {
            Some(text) => set.emit(Typing::with(text)),
            None if typing.completions.is_none() => {
                if typing.settled {
                    set.emit(Typing::with(typing.text.clone()));
                }
                latest.borrow_mut().tab = true;
            }
            None => {}
        },
        (false, "Tab") if key.shift_key() && typing.candidates().len() > 1 => {
            let last = typing.candidates().len() - 1;
            let picked = if typing.picked == 0 { last } else { typing.picked - 1 };
            set.emit(Typing { picked, settled: true, ..typing.clone() });
        }
        (false, "ArrowUp") if !key.alt_key() => set.emit(older(page, typing, 1)),
        (false, "ArrowDown") if !key.alt_key() => set.emit(older(page, typing, -1)),
        (false, "ArrowRight" | "End") if typing.ghost().is_some() && at_end(&input, typing) => {
            set.emit(Typing::with(typing.taken().unwrap_or_default()));
        }
        (false, "Escape") => {
            set.emit(Typing { search: None, completions: None, settled: true, leaving: true, ..typing.clone() });
        }
        _ => return false,
    }
    true
}

fn at_end(input: &HtmlInputElement, typing: &Typing) -> bool {
    input.selection_start().ok().flatten() == Some(typing.text.encode_utf16().count() as u32)
}

fn enter(page: &Context, typing: &Typing, set: &Callback<Typing>) {
    page.driver().input(Input::Line(typing.text.clone()));
    set.emit(Typing::default());
}

fn older(page: &Context, typing: &Typing, by: isize) -> Typing {
    let lines = page.app.world.as_deref().map(typed).unwrap_or_default();
    let back = typing.back.saturating_add_signed(by).min(lines.len());
    let draft = if typing.back == 0 { typing.text.clone() } else { typing.draft.clone() };
    let text = match back.checked_sub(1) {
        None => draft.clone(),
        Some(i) => lines[lines.len() - 1 - i].clone(),
    };
    Typing { text, back, draft, settled: true, ..Typing::default() }
}

/// Ctrl-R: the newest older line that holds what was typed; again, the one before it.
fn search(page: &Context, typing: &Typing) -> Typing {
    let lines = page.app.world.as_deref().map(typed).unwrap_or_default();
    let wanted = typing.search.clone().unwrap_or_else(|| typing.text.clone());
    let skip = if typing.search.is_some() { typing.back } else { 0 };
    let found = lines.iter().rev().enumerate().skip(skip).find(|(_, line)| line.contains(wanted.as_str()));
    match found {
        Some((i, line)) => {
            Typing { text: line.clone(), back: i + 1, draft: wanted.clone(), search: Some(wanted), ..Typing::default() }
        }
        None => Typing { search: Some(wanted), ..typing.clone() },
    }
}

/// Several lines at once are typed one after the other; the last stays to be finished.
fn pasted(page: &Context, typing: &Typing, set: &Callback<Typing>, event: &ClipboardEvent) {
    let text = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
    if !text.contains('\n') {
        return;
    }
    event.prevent_default();
    let whole = format!("{}{text}", typing.text).replace('\r', "");
    let mut lines: Vec<&str> = whole.split('\n').collect();
    let rest = lines.pop().unwrap_or_default().to_owned();
    for line in lines {
        page.driver().input(Input::Line(line.to_owned()));
    }
    set.emit(Typing::with(rest));
}
