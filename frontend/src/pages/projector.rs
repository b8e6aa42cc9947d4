//! The same lesson for a room: the scene large, one line under it, what was typed last, and where we are.

use crate::components::context::use_page;
use crate::components::plate::{Plate, use_scene};
use crate::components::sheets::Sheets;
use crate::components::spans::spans;
use crate::components::terminal::Terminal;
use crate::pages::lesson::use_title;
use crate::state::Action;
use crate::view_model::prose::plain;
use crate::view_model::timeline::input_words;
use engine::scenario::Input;
use lessons::Scene;
use yew::prelude::*;

/// Letters on a line of the keystrokes' corner.
const COLUMNS: usize = 17;
const LINES: usize = 2;

#[function_component]
pub fn ProjectorPage() -> Html {
    let page = use_page();
    let app = &page.app;
    use_title(app.lesson.as_ref().map(|lesson| lesson.title.clone()));
    let model = use_scene(&page);
    let Some(lesson) = &app.lesson else {
        return html! { <main class="projector"><p>{"Waiting for the lesson …"}</p></main> };
    };
    let step = lesson.steps.get(app.step);
    let facts = app.world.as_deref().map(|world| &*world.facts);
    let caption = step.map(|step| {
        if step.beat.is_empty() {
            html! { {&step.title} }
        } else {
            spans(&step.beat, facts)
        }
    });
    let has_scene = step.is_some_and(|step| step.scene != Scene::None);
    let strip = (0..lesson.steps.len()).map(|i| {
        let class = if i < app.step { "done" } else if i == app.step { "now" } else { "" };
        let label = format!("Step {}", i + 1);
        html! { <button class={class} aria-label={label} aria-current={(i == app.step).then_some("step")} onclick={page.on(Action::Step(i))}></button> }
    });
    html! {
        <main class="projector" aria-label={step.map(|step| plain(&step.beat)).unwrap_or_default()}>
            <h1 class="unseen">{&lesson.title}</h1>
            <div class="stage">
                <div>if has_scene { <Plate {model} projector=true /> } else { <Terminal /> }</div>
                <div>{ keystrokes(&page) }</div>
            </div>
            <p class="caption" aria-live="polite">{for caption}</p>
            <nav class="strip" aria-label="Steps">{for strip}</nav>
            <Sheets />
        </main>
    }
}

/// What was typed last, in the scene's empty corner.
fn keystrokes(page: &crate::components::context::Context) -> Html {
    let world = page.app.world.as_deref();
    let input = world.and_then(|world| world.inputs().get(world.input_at(world.position)?));
    let Some(input) = input else { return Html::default() };
    let key = match input.input {
        Input::Line(_) => Some("Enter"),
        _ => None,
    };
    let lines = wrapped(&input_words(&input.input));
    html! {
        <div class="keystrokes">
            {for lines.into_iter().map(|line| html! { <div>{line}</div> })}
            {for key.map(|key| html! { <kbd>{key}</kbd> })}
        </div>
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is at least one line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= COLUMNS {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let cut = lines.len() > LINES;
    lines.truncate(LINES);
    for line in &mut lines {
        if line.chars().count() > COLUMNS {
            *line = line.chars().take(COLUMNS - 1).collect::<String>() + "…";
        }
    }
    if let (true, Some(last)) = (cut, lines.last_mut()) {
        if last.chars().count() + 2 > COLUMNS {
            *last = last.chars().take(COLUMNS - 2).collect();
        }
        last.push_str(" …");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keystrokes_fit_their_corner() {
        assert_eq!(wrapped("docker ps"), ["docker ps"]);
        for line in wrapped("docker exec web sh -c 'echo Listen 8080 >> /etc/httpd/conf/httpd.conf'") {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }
}
