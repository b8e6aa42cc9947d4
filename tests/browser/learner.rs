//! A learner at the page: types what a lesson's reference solution types, and looks at what the page says.

use super::webdriver::Browser;
use engine::scenario::Input;
use lessons::Lesson;
use serde_json::json;

/// WebDriver, level 2, 17.4.2: keys by code point.
const ENTER: char = '\u{e007}';
const CONTROL: char = '\u{e009}';
const LEFT: char = '\u{e012}';

pub const COMMAND_LINE: &str = "input.typed";

/// Opens a lesson and waits until it takes a line.
pub fn open(browser: &Browser, site: &str, lesson: &str) {
    browser.open(&format!("{site}lessons/{lesson}/"));
    ready(browser);
}

pub fn ready(browser: &Browser) {
    browser.until("the lesson to take a line", "document.body.dataset.ready === 'true'");
}

/// Types the whole reference solution, step by step, and sees every goal reached.
pub fn finish(browser: &Browser, lesson: &Lesson) {
    for (index, step) in lesson.steps.iter().enumerate() {
        for input in &step.run {
            give(browser, input);
        }
        let goals = step.goals.len();
        let what = format!("the {goals} goals of `{}`", step.title);
        browser.until(&what, &format!("document.querySelectorAll('.goals li.ok').length === {goals}"));
        if index + 1 < lesson.steps.len() {
            browser.click("Next");
            let next = json!(lesson.steps[index + 1].title);
            browser.until("the next step", &format!("document.querySelector('.prose h1')?.textContent === {next}"));
        }
    }
}

/// One input, as a person gives it; returns when the world has taken it.
pub fn give(browser: &Browser, input: &Input) {
    let before = digest(browser);
    match input {
        Input::Line(line) => browser.keys(COMMAND_LINE, &format!("{line}{ENTER}")),
        Input::Interrupt => browser.keys(COMMAND_LINE, &format!("{CONTROL}c")),
        Input::Eof => browser.keys(COMMAND_LINE, &format!("{CONTROL}d")),
        Input::Save { path, content } => save(browser, path, content),
        Input::Advance { .. } => panic!("a reference solution that waits is played, not typed"),
    }
    browser.until("the world to move", &format!("document.body.dataset.digest !== {}", json!(before)));
}

fn save(browser: &Browser, path: &str, content: &str) {
    browser.click(path);
    browser.until("the editor", "document.querySelector('.editor textarea')");
    let script = format!(
        "const area = document.querySelector('.editor textarea'); area.value = {}; \
         area.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));",
        json!(content)
    );
    browser.run(&script);
    browser.until("the editor to see the change", "!document.querySelector('.editor button.save').disabled");
    browser.click("Save");
    browser.until("the file to be saved", "document.querySelector('.editor button.save').disabled");
    browser.click("Close");
}

pub fn digest(browser: &Browser) -> String {
    browser.run("return document.body.dataset.digest || ''").as_str().unwrap_or_default().to_string()
}

pub fn position(browser: &Browser) -> u64 {
    browser.run("return Number(document.body.dataset.position)").as_u64().expect("a position")
}

/// Steps back by the arrow key on the timeline.
pub fn step_back(browser: &Browser, steps: u32) {
    let from = position(browser);
    let keys: String = std::iter::repeat_n(LEFT, steps as usize).collect();
    browser.keys("[role=slider]", &keys);
    browser.until("the past", &format!("Number(document.body.dataset.position) < {from}"));
}

/// The link of what is shown; the address follows a moment later.
pub fn link(browser: &Browser) -> String {
    std::thread::sleep(std::time::Duration::from_millis(500));
    browser.address()
}
