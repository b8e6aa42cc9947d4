//! The finished course in a real browser: Chromium through chromedriver, the site through `node-runtime serve`.
//!
//! Skipped, and said so, where there is no Chromium or nothing was built: `cargo xtask test` provides both.

/// A browser and a site, or the test is skipped and says why.
macro_rules! stage {
    () => {
        match crate::Stage::set() {
            Ok(stage) => stage,
            Err(reason) => drydock_tests::skipped!("{reason}"),
        }
    };
}

mod axe;
mod bench;
mod learner;
mod pictures;
mod site;
mod ways;
mod webdriver;

use drydock_tests::skipped;
use lessons::Lesson;
use serde_json::json;
use site::Served;
use std::sync::{Mutex, MutexGuard, PoisonError};
use webdriver::{Browser, Driver};

/// One browser at a time: two on two processors would measure one another.
static ONE: Mutex<()> = Mutex::new(());

struct Stage {
    // Fields are dropped in order: the browser's driver before the server.
    driver: Driver,
    site: Served,
    _one: MutexGuard<'static, ()>,
}

impl Stage {
    fn set() -> Result<Stage, String> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let site = Served::start()?;
        Ok(Stage { driver: Driver::start()?, site, _one: one })
    }

    fn browser(&self) -> Browser {
        self.driver.browser(false).expect("a browser starts")
    }
}

fn lessons() -> Vec<Lesson> {
    lessons::author::course::compile_all(&lessons::author::course::root()).expect("the course compiles").lessons
}

#[test]
fn a_lesson_is_finished_by_typing_and_its_link_leads_to_the_same_moment() {
    let stage = stage!();
    for lesson in lessons() {
        let browser = stage.browser();
        browser.size(1280, 720);
        learner::open(&browser, &stage.site.url, &lesson.id);
        learner::finish(&browser, &lesson);
        let finished = learner::link(&browser);
        assert!(finished.len() <= 2048, "{}: the link of the finished lesson has {} bytes", lesson.id, finished.len());
        learner::step_back(&browser, 3);
        let (digest, position) = (learner::digest(&browser), learner::position(&browser));
        let link = learner::link(&browser);
        assert_eq!(browser.console(), Vec::<String>::new(), "{}", lesson.id);

        let fresh = stage.browser();
        fresh.open(&link);
        learner::ready(&fresh);
        fresh.until("the shared moment", &format!("Number(document.body.dataset.position) === {position}"));
        assert_eq!(learner::digest(&fresh), digest, "{}: {link}", lesson.id);
        assert_eq!(fresh.console(), Vec::<String>::new(), "{}", lesson.id);
    }
}

#[test]
fn no_page_has_a_violation_of_accessibility() {
    let stage = stage!();
    let script = match axe::script() {
        Ok(script) => script,
        Err(reason) => skipped!("{reason}"),
    };
    let lessons = lessons();
    let mut found = Vec::new();
    for dark in [false, true] {
        let browser = stage.driver.browser(dark).expect("a browser starts");
        for (width, height) in pictures::SIZES {
            browser.size(width, height);
            browser.open(&stage.site.url);
            browser.until("the map", "document.querySelector('#app')?.childElementCount");
            let place = format!("{width} × {height}{}", if dark { ", dark" } else { "" });
            found.extend(axe::violations(&browser, &script).into_iter().map(|line| format!("map, {place}: {line}")));
            for lesson in &lessons {
                learner::open(&browser, &stage.site.url, &lesson.id);
                let lines = axe::violations(&browser, &script);
                found.extend(lines.into_iter().map(|line| format!("{}, {place}: {line}", lesson.id)));
            }
        }
        found.extend(browser.console().into_iter().map(|line| format!("console: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn pages_look_as_they_were_recorded() {
    let stage = stage!();
    let Some(lesson) = lessons().into_iter().find(|lesson| lesson.id == "images/layers") else {
        skipped!("the lesson images/layers is not written yet");
    };
    let mut wrong = Vec::new();
    for (dark, theme) in [(false, "light"), (true, "dark")] {
        for (width, height) in pictures::SIZES {
            let browser = stage.driver.browser(dark).expect("a browser starts");
            browser.size(width, height);
            // What moves is not compared.
            let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }, { "name": "prefers-color-scheme", "value": theme }] });
            browser.devtools("Emulation.setEmulatedMedia", still);
            browser.open(&stage.site.url);
            browser.until("the map", "document.querySelector('#app')?.childElementCount");
            wrong.extend(pictures::check(&browser, &format!("map-{width}-{theme}")));
            // Finished, because that is when there is most to see; at one size, because keys are pressed alike there.
            browser.size(1280, 720);
            learner::open(&browser, &stage.site.url, &lesson.id);
            learner::finish(&browser, &lesson);
            browser.size(width, height);
            browser.settled();
            wrong.extend(pictures::check(&browser, &format!("lesson-{width}-{theme}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_visited_course_works_without_a_network() {
    let mut stage = stage!();
    let lessons = lessons();
    let Some(lesson) = lessons.first() else { skipped!("no lesson is written yet") };
    let browser = stage.browser();
    learner::open(&browser, &stage.site.url, &lesson.id);
    let installed = browser.run_async(
        "const done = arguments[1]; navigator.serviceWorker.ready.then(() => done(true));",
        &serde_json::Value::Null,
    );
    assert_eq!(installed, json!(true));
    browser.until("the service worker to have everything", "navigator.serviceWorker.controller");
    let url = stage.site.url.clone();
    stage.site.stop();
    // A lesson other than the visited one, from its document on.
    let other = lessons.last().map_or(&lesson.id, |lesson| &lesson.id);
    learner::open(&browser, &url, other);
    learner::give(&browser, &engine::scenario::Input::Line("ls".into()));
}

#[test]
fn the_text_of_a_lesson_can_be_read_before_the_page_runs() {
    let stage = stage!();
    let lessons = lessons();
    let Some(lesson) = lessons.first() else { skipped!("no lesson is written yet") };
    let browser = stage.browser();
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&format!("{}lessons/{}/", stage.site.url, lesson.id));
    let source = browser.source();
    for step in &lesson.steps {
        assert!(source.contains(&step.title.replace('&', "&amp;")), "`{}` is not in the document", step.title);
    }
}
