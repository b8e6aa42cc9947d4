//! What a person does besides finishing a lesson: goes back and does something else, leaves a text unsaved, speaks from
//! notes, opens an old link, and meets an engine that stops.

use super::webdriver::Browser;
use super::{Stage, learner, lessons};
use engine::scenario::Input;
use engine::session::Ask;
use lessons::Lesson;
use serde_json::{Value, json};

const LESSON: &str = "images/layers";

/// A browser on the lesson, its files and a world with two commands in it.
fn begun(stage: &Stage) -> (Browser, Lesson) {
    let lesson = lessons().into_iter().find(|lesson| lesson.id == LESSON).expect("the lesson is written");
    let browser = stage.browser();
    browser.size(1280, 720);
    learner::open(&browser, &stage.site.url, &lesson.id);
    type_lines(&browser, &["mkdir one", "ls"]);
    (browser, lesson)
}

fn type_lines(browser: &Browser, lines: &[&str]) {
    lines.iter().for_each(|line| learner::give(browser, &Input::Line((*line).to_owned())));
}

fn text(browser: &Browser, selector: &str) -> String {
    let text = browser.run(&format!("return document.querySelector({})?.textContent ?? ''", json!(selector)));
    text.as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_pointer_finds_what_it_points_at() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    // A click anywhere in the terminal leads to its line, though the step has a bet with inputs of its own.
    browser.run("document.activeElement.blur()");
    press(&browser, &middle_of(&browser, ".terminal .screen"));
    browser.until("the line", "document.activeElement === document.querySelector('input.typed')");
    // A click on the line of time leads to the event there: the first is where its line begins.
    let events = learner::position(&browser);
    let ends = browser.run(
        "const all = [...document.querySelectorAll('path.tick')].flatMap(p => (p.getAttribute('d').match(/M[\\d.]+/g) ?? []).map(m => Number(m.slice(1)))); \
         const track = document.querySelector('.track').getBoundingClientRect(); \
         return [track.left + Math.min(...all), track.left + Math.max(...all), track.top + 20];",
    );
    for (x, position) in [(&ends[0], 1), (&ends[1], events)] {
        press(&browser, &json!([x, ends[2]]));
        browser.until("the event there", &format!("Number(document.body.dataset.position) === {position}"));
    }
}

#[test]
fn tab_takes_what_is_shown_also_before_it_is_shown_and_leaves_an_empty_line() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    let line = "document.querySelector('input.typed').value";
    browser.keys(learner::COMMAND_LINE, "docker im\u{e004}");
    browser.until("what the list shows first", &format!("{line} === 'docker images '"));
    browser.keys(learner::COMMAND_LINE, "\u{e00c}\u{e004}");
    browser.until("Escape lets Tab go on", "document.activeElement !== document.querySelector('input.typed')");
    // Nothing runs: the line is forgotten, and nothing happens in the world.
    let digest = learner::digest(&browser);
    browser.keys(learner::COMMAND_LINE, "\u{e009}c");
    browser.until("an empty line", &format!("{line} === ''"));
    assert_eq!(learner::digest(&browser), digest);
    browser.keys(learner::COMMAND_LINE, "\u{e000}\u{e004}");
    browser.until("Tab leads on", "document.activeElement !== document.querySelector('input.typed')");
}

fn middle_of(browser: &Browser, selector: &str) -> Value {
    browser.run(&format!(
        "const r = document.querySelector({}).getBoundingClientRect(); \
         return [(r.left + r.right) / 2, (r.top + r.bottom) / 2];",
        json!(selector)
    ))
}

fn press(browser: &Browser, place: &Value) {
    for kind in ["mousePressed", "mouseReleased"] {
        let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
        browser.devtools("Input.dispatchMouseEvent", event);
    }
}

#[test]
fn another_way_is_a_branch_and_the_first_is_still_there() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    let (first, end) = (learner::digest(&browser), learner::position(&browser));
    // Back to before the second command, and on another way.
    browser.keys("[role=slider]", "\u{e00e}");
    browser.until("the past", &format!("Number(document.body.dataset.position) < {end}"));
    type_lines(&browser, &["mkdir two"]);
    assert_eq!(text(&browser, "button.branches"), "branch 2 of 2");
    assert_ne!(learner::digest(&browser), first);
    assert!(!text(&browser, "[role=log]").contains("$ ls"), "the way not taken is not on this console");
    // By its lane, and in words.
    browser.run("document.querySelector('button.branch').click()");
    browser.until("the first way", &format!("document.body.dataset.digest === {}", json!(first)));
    browser.click("branch 1");
    browser.until("both ways in words", "document.querySelectorAll('dialog ul.branches > li').length === 2");
    let words = text(&browser, "dialog ul.branches");
    assert!(words.contains("mkdir two") && words.contains("ls"), "{words}");
    assert_eq!(browser.console(), Vec::<String>::new());
    // Both are in the link.
    let fresh = stage.browser();
    fresh.open(&learner::link(&browser));
    fresh.until("the first way", &format!("document.body.dataset.digest === {}", json!(first)));
    assert_eq!(text(&fresh, "button.branches"), "branch 1 of 2");
}

#[test]
fn a_text_not_saved_outlives_what_is_typed_beside_it() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    browser.click("web/Dockerfile");
    browser.until("the editor", "document.querySelector('.editor textarea')");
    browser.run(
        "const area = document.querySelector('.editor textarea'); area.value = 'FROM centos:7\\nNONSENSE\\n'; \
         area.dispatchEvent(new InputEvent('input', { bubbles: true }));",
    );
    browser.until("the parser's message", "document.querySelector('.diagnostics .error')");
    let message = text(&browser, ".diagnostics");
    assert!(message.contains("line 2"), "{message}");
    type_lines(&browser, &["cat web/Dockerfile"]);
    assert!(!text(&browser, "[role=log]").contains("NONSENSE"), "what is not saved is not in the world");
    browser.click("Close");
    browser.until("no editor", "!document.querySelector('.editor')");
    browser.click("web/Dockerfile");
    browser.until("the text", "document.querySelector('.editor textarea')?.value.includes('NONSENSE')");
    browser.click("Save");
    browser.until("the file to be saved", "document.querySelector('.editor button.save').disabled");
    type_lines(&browser, &["cat web/Dockerfile"]);
    assert!(text(&browser, "[role=log]").contains("NONSENSE"));
}

#[test]
fn the_speakers_window_shows_the_moment_and_leads() {
    let stage = stage!();
    let (browser, lesson) = begun(&stage);
    browser.run("const real = window.open; window.open = (...asked) => window.speaker = real.apply(window, asked);");
    browser.keys("body", "pn");
    let of_notes = |selector: &str| format!("window.speaker?.document.querySelector({})?.textContent", json!(selector));
    let title = |step: usize| json!(lesson.steps[step].title);
    browser.until("the notes", &format!("{} === {}", of_notes("main.speaker h1"), title(0)));
    browser.until("the moment", &format!("{}.includes('ls')", of_notes("main.speaker .at")));
    // Nothing lies ahead in time, so one press goes on to the next step, in both windows.
    browser.run("window.speaker.document.querySelector('main.speaker .next').click()");
    browser.until("the next step in the notes", &format!("{} === {}", of_notes("main.speaker h1"), title(1)));
    browser.until("and in the room", "document.querySelectorAll('nav.strip .done').length === 1");
}

#[test]
fn a_trap_costs_a_replay_and_leaves_the_link_that_makes_it_happen_again() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    let (before, shown) = (learner::digest(&browser), text(&browser, "[role=log]"));
    trap_at(&browser, &Ask::Input(Input::Eof));
    browser.keys(learner::COMMAND_LINE, "docker ps\u{e007}");
    browser.until("the notice", "document.querySelector('.notice a')");
    let notice = text(&browser, ".notice");
    assert!(notice.contains("docker ps"), "{notice}");
    assert!(notice.contains("the test asked for it"), "{notice}");
    browser.until("everything before it", &format!("document.body.dataset.digest === {}", json!(before)));
    assert_eq!(text(&browser, "[role=log]"), shown);
    // The new engine takes the line that the old one did not survive; so does the link, in a page of its own.
    type_lines(&browser, &["docker ps"]);
    let (after, link) = (learner::digest(&browser), browser.run("return document.querySelector('.notice a').href"));
    let fresh = stage.browser();
    fresh.open(link.as_str().expect("a link"));
    fresh.until("the line of the link", &format!("document.body.dataset.digest === {}", json!(after)));
}

/// No line is known that stops the engine, so the worker that carries the next ask of this kind to it says that it did.
fn trap_at(browser: &Browser, ask: &Ask) {
    let kind = postcard::to_allocvec(ask).expect("an ask has a postcard form")[0];
    browser.run(&format!(
        "const post = Worker.prototype.postMessage; \
         Worker.prototype.postMessage = function (message, ...rest) {{ \
           if (message.ask?.[0] !== {kind}) return post.call(this, message, ...rest); \
           Worker.prototype.postMessage = post; \
           const data = {{ id: message.id, trap: 'index out of bounds: the test asked for it' }}; \
           setTimeout(() => this.dispatchEvent(new MessageEvent('message', {{ data }}))); \
         }};"
    ));
}

#[test]
fn a_trap_at_a_question_is_a_trap() {
    let stage = stage!();
    let (browser, _) = begun(&stage);
    let before = learner::digest(&browser);
    trap_at(&browser, &Ask::Complete { line: String::new(), cursor: 0 });
    browser.keys(learner::COMMAND_LINE, "docker p");
    browser.until("the notice", "document.querySelector('.notice a')");
    assert!(text(&browser, ".notice").contains("the test asked for it"));
    browser.until("everything before it", &format!("document.body.dataset.digest === {}", json!(before)));
    browser.keys(learner::COMMAND_LINE, "s");
    browser.until("the new engine's completions", "document.querySelectorAll('#candidates button').length > 0");
}

#[test]
fn a_link_to_another_version_of_the_lesson_says_so_and_is_run_on_this_one() {
    let stage = stage!();
    let (browser, lesson) = begun(&stage);
    let (digest, link) = (learner::digest(&browser), learner::link(&browser));
    let fresh = stage.browser();
    // The lesson in the document is given another hash before the page reads it.
    let changed = format!("{}{}", if lesson.hash.starts_with('0') { '1' } else { '0' }, &lesson.hash[1..]);
    let script = format!(
        "new MutationObserver((_, watch) => {{ \
           const page = document.getElementById('page'); \
           if (!page?.textContent || !document.querySelector('script[type=module]')) return; \
           watch.disconnect(); \
           page.textContent = btoa(atob(page.textContent).replace({}, {})); \
         }}).observe(document, {{ subtree: true, childList: true }});",
        json!(lesson.hash),
        json!(changed)
    );
    fresh.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    fresh.open(&link);
    fresh.until("the notice", "document.querySelector('.notice')");
    assert!(text(&fresh, ".notice").contains("another version of the lesson"), "{}", text(&fresh, ".notice"));
    fresh.until("its commands to be run", &format!("document.body.dataset.digest === {}", json!(digest)));
    // And one that is damaged leaves the lesson at its start.
    fresh.open("about:blank");
    fresh.open(&link[..link.len() - 3]);
    fresh.until("the notice", "document.querySelector('.notice')?.textContent.includes('can not be restored')");
    learner::ready(&fresh);
    assert_eq!(learner::position(&fresh), 0);
}
