//! Every lesson is a test: its promises are done in the engine.

use drydock_tests::lessons;
use engine::kernel::SimKernel;
use engine::scenario::Era;
use engine::sched::Scheduled;
use lessons::author::check::{check, solvable};

/// Of the solutions with one input left out, at least this share must fail (DESIGN.md, "Lessons").
const DROPPED_PERCENT: u32 = 95;

#[test]
fn every_lesson_keeps_its_promises() {
    let mut broken = Vec::new();
    let (mut dropped, mut failed) = (0, 0);
    for lesson in lessons() {
        let report = check::<Scheduled<SimKernel>>(&lesson);
        dropped += report.dropped;
        failed += report.dropped_failed;
        broken.extend(report.findings.into_iter().map(|f| format!("{} / {}: {}", f.lesson, f.step, f.message)));
    }
    assert!(broken.is_empty(), "{} broken promises:\n{}", broken.len(), broken.join("\n"));
    assert!(failed * 100 >= dropped * DROPPED_PERCENT, "{failed} of {dropped} solutions with one input left out fail");
}

#[test]
fn every_lesson_can_be_finished_in_the_other_era() {
    let reports = lessons().into_iter().map(|lesson| solvable::<Scheduled<SimKernel>>(&lesson, Era::Today));
    let findings = reports.flat_map(|report| report.findings);
    let broken: Vec<String> = findings.map(|f| format!("{} / {}: {}", f.lesson, f.step, f.message)).collect();
    assert!(broken.is_empty(), "{} broken promises:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_course_has_the_four_lessons_of_the_images_track() {
    let ids: Vec<String> = lessons().into_iter().map(|lesson| lesson.id).collect();
    for id in ["images/metal-vm-container", "images/three-dockerfiles", "images/layers", "images/writable-layer"] {
        assert!(ids.iter().any(|have| have == id), "{id} is missing");
    }
}
