//! What `cargo xtask bench` prints of the page: each measurement as `BENCH name value limit unit`.

use super::{Stage, learner, lessons};
use serde_json::{Value, json};

const RUNS: usize = 7;

/// Notes when the page takes a line, and when a line that is given at that moment has been answered.
const WATCH: &str = "\
    new MutationObserver(() => { \
      if (!window.interactiveAt && document.body?.dataset.ready === 'true') { \
        window.interactiveAt = performance.now(); \
        const line = document.querySelector('input.typed'); \
        line.value = 'ls'; \
        line.dispatchEvent(new InputEvent('input', { bubbles: true })); \
        setTimeout(() => line.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))); \
      } \
      if (!window.answeredAt && Number(document.body?.dataset.position) > 0) window.answeredAt = performance.now(); \
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-ready', 'data-position'] });";

/// What went over the wire until each: the page's own entries, and the engine, which a worker fetches on a timeline that
/// the page can not read and which is fetched again here for its size.
const BYTES: &str = "\
    const done = arguments[1]; \
    const mine = performance.getEntries().filter(e => ['navigation', 'resource'].includes(e.entryType)); \
    const sum = until => mine.filter(e => e.responseEnd <= until).reduce((sum, e) => sum + e.transferSize, 0); \
    const engine = new URL(JSON.parse(document.getElementById('assets').textContent)['engine.wasm'], document.baseURI).href; \
    performance.clearResourceTimings(); \
    fetch(engine, { cache: 'reload' }).then(r => r.arrayBuffer()).then(() => setTimeout(() => \
      done([sum(window.interactiveAt), sum(window.answeredAt) + performance.getEntriesByName(engine)[0].transferSize]), 100));";

/// Run by `cargo xtask bench`, which reads what it prints.
#[test]
#[ignore = "a measurement: cargo xtask bench"]
fn measure() {
    let stage = Stage::set().expect("a browser and a site");
    let lesson = lessons().into_iter().next().expect("a lesson");
    let address = format!("{}lessons/{}/", stage.site.url, lesson.id);
    let (mut bytes, mut bytes_answered) = (Vec::new(), Vec::new());
    let (mut interactive, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let browser = stage.browser();
        browser.size(1280, 720);
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH }));
        // A first visit: what the service worker keeps for later is not what this one waits for.
        browser.devtools("Network.enable", json!({}));
        browser.devtools("Network.setBypassServiceWorker", json!({ "bypass": true }));
        browser.open(&address);
        learner::ready(&browser);
        browser.until("the first answer", "window.answeredAt");
        interactive.push(number(&browser.run("return window.interactiveAt")));
        answered.push(number(&browser.run("return window.answeredAt")));
        let fetched = browser.run_async(BYTES, &Value::Null);
        bytes.push(number(&fetched[0]));
        bytes_answered.push(number(&fetched[1]));
    }
    say("bytes_until_interactive", median(bytes) / 1000.0, 400.0, "KB");
    say("interactive", median(interactive), 600.0, "ms");
    // The page takes lines while the engine is on its way; what is typed waits for it. That moment is told, and has no
    // limit of its own.
    say("bytes_until_first_answer", median(bytes_answered) / 1000.0, f64::INFINITY, "KB");
    say("first_answer", median(answered), f64::INFINITY, "ms");

    let browser = stage.browser();
    browser.size(1280, 720);
    browser.open(&address);
    learner::ready(&browser);
    learner::finish(&browser, &lesson);
    say("link", learner::link(&browser).len() as f64, 2048.0, "bytes");
    let mut steps = Vec::new();
    for _ in 0..30 {
        steps.push(step_back_ms(&browser));
    }
    say("step_back", median(steps), 16.0, "ms");
    say("scrub_script_p95", scrub_script_p95_ms(&browser), 8.0, "ms");
}

/// From the key to the state that the page then shows.
fn step_back_ms(browser: &super::Browser) -> f64 {
    number(&browser.run_async(
        "const done = arguments[1], slider = document.querySelector('[role=slider]'), from = document.body.dataset.position; \
         const begun = performance.now(); \
         const seen = new MutationObserver(() => { if (document.body.dataset.position !== from) { \
           seen.disconnect(); done(performance.now() - begun); } }); \
         seen.observe(document.body, { attributes: true }); \
         slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true, cancelable: true })); \
         setTimeout(() => { seen.disconnect(); done(0); }, 2000);",
        &Value::Null,
    ))
}

/// Script time of each frame while the handle is dragged to and fro, from Chromium's own trace of long animation frames
/// and, for short ones, from the page's task time.
fn scrub_script_p95_ms(browser: &super::Browser) -> f64 {
    let place = browser.run(
        "const r = document.querySelector('[role=slider]').getBoundingClientRect(); return [r.left, r.right, (r.top + r.bottom) / 2]",
    );
    let (left, right, y) = (number(&place[0]), number(&place[1]), number(&place[2]));
    let mouse = |kind: &str, x: f64| {
        let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
        browser.devtools("Input.dispatchMouseEvent", event);
    };
    browser.devtools("Performance.enable", json!({}));
    mouse("mousePressed", right - 4.0);
    let mut frames = Vec::new();
    let mut before = script_ms(browser);
    for index in 0..120 {
        let there = f64::from(index % 40) / 40.0;
        mouse("mouseMoved", right - 4.0 - there * (right - left - 8.0));
        browser.run_async(
            "const done = arguments[1]; requestAnimationFrame(() => requestAnimationFrame(() => done(0)))",
            &Value::Null,
        );
        let now = script_ms(browser);
        frames.push(now - before);
        before = now;
    }
    mouse("mouseReleased", left);
    frames.sort_by(f64::total_cmp);
    frames[frames.len() * 95 / 100]
}

fn script_ms(browser: &super::Browser) -> f64 {
    let metrics = browser.devtools("Performance.getMetrics", json!({}));
    let metrics = metrics["metrics"].as_array().cloned().unwrap_or_default();
    let script =
        metrics.iter().find(|metric| metric["name"] == "ScriptDuration").map(|metric| number(&metric["value"]));
    script.expect("Chromium tells its script time") * 1000.0
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(name: &str, value: f64, limit: f64, unit: &str) {
    println!("BENCH {name} {value:.1} {limit:.1} {unit}");
}
