//! The speaker's own window: what to say at this step, what the room sees, and what comes next.

use crate::components::context::use_page;
use crate::components::spans::{blocks, spans};
use crate::host::notes::{self, Said};
use crate::pages::lesson::use_title;
use crate::state::Action;
use yew::prelude::*;

#[function_component]
pub fn NotesPage() -> Html {
    let page = use_page();
    let lesson = page.app.lesson.clone();
    use_title(lesson.as_ref().map(|lesson| format!("Notes: {}", lesson.title)));
    let now = use_state(|| None);
    {
        let (driver, now) = (page.driver(), now.setter());
        // Heard from the moment there are steps to be at.
        use_effect_with(lesson.is_some(), move |_| {
            let heard = notes::hear(move |said| {
                if let Said::At { step, input, event } = said {
                    driver.act(Action::Step(step));
                    now.set(Some((input, event)));
                }
            });
            notes::say(&Said::Hello);
            move || drop(heard)
        });
    }
    let Some((lesson, step)) = lesson.as_ref().and_then(|lesson| Some((lesson, lesson.steps.get(page.app.step)?)))
    else {
        return html! { <main class="speaker"><p>{"Waiting for the lesson …"}</p></main> };
    };
    let none = step.notes.is_empty().then(|| html! { <p>{"There are none for this step."}</p> });
    let next = lesson.steps.get(page.app.step + 1).map(|next| format!("Next: {}", next.title));
    let at = match &*now {
        Some((input, event)) => html! { <><code>{input}</code>{" "}<span>{event}</span></> },
        None => html! { {"No window shows this lesson now."} },
    };
    let say = |said: Said| Callback::from(move |_: MouseEvent| notes::say(&said));
    html! {
        <main class="speaker">
            <p class="which">{format!("Step {} of {}", page.app.step + 1, lesson.steps.len())}</p>
            <h1>{&step.title}</h1>
            <p class="beat">{spans(&step.beat, None)}</p>
            <div class="text" tabindex="0" role="region" aria-label="Notes">{blocks(&step.notes, None, None)}<div>{for none}</div></div>
            <p class="at" aria-live="polite">{at}</p>
            <p>{for next}</p>
            <div class="ways"><button class="back" onclick={say(Said::Back)}>{"Back"}</button><button class="next" onclick={say(Said::On)}>{"On"}</button></div>
        </main>
    }
}
