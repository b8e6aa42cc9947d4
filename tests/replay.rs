//! A step back in time is cheap at every point of every lesson, because a session keeps snapshots between which little is
//! replayed.

use engine::kernel::SimKernel;
use engine::sched::Scheduled;
use engine::session::{Ask, BranchId, Reply, Session};
use std::time::Instant;

/// Calls granted again by one step back.
const MAX_REPLAYED: u64 = 2_000;

type Simulated = Session<Scheduled<SimKernel>>;

/// Plays each lesson's solution and steps back through the whole of it; calls with each step's replay and its time.
fn step_back_through_everything(mut tell: impl FnMut(&str, u64, f64)) {
    let course = lessons::author::course::compile_all(&lessons::author::course::root()).expect("the course compiles");
    for lesson in course.lessons {
        let mut session = Simulated::open(&lesson.scenario, lesson.claims()).expect("the lesson opens");
        let mut events = 0;
        for input in lesson.steps.iter().flat_map(|step| &step.run) {
            match session.ask(Ask::Input(input.clone())) {
                Reply::State(state) => events = state.position,
                other => panic!("{}: {input:?}: {other:?}", lesson.id),
            }
        }
        for position in (0..events).rev() {
            let begun = Instant::now();
            let reply = session.ask(Ask::Seek { branch: BranchId(0), events: position });
            assert!(matches!(reply, Reply::State(_)), "{}: {reply:?}", lesson.id);
            tell(&lesson.id, session.replayed(), begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
}

#[test]
fn a_step_back_replays_little_wherever_it_is_made() {
    step_back_through_everything(|lesson, replayed, _| {
        assert!(replayed <= MAX_REPLAYED, "{lesson}: {replayed} calls were replayed by one step back");
    });
}

#[test]
#[ignore = "a measurement: cargo xtask bench"]
fn measure() {
    let (mut most, mut times) = (0, Vec::new());
    step_back_through_everything(|_, replayed, ms| {
        most = most.max(replayed);
        times.push(ms);
    });
    times.sort_by(f64::total_cmp);
    println!("BENCH step_back_replayed_most {most} {MAX_REPLAYED} calls");
    println!("BENCH step_back_native_p95 {:.2} 16 ms", times[times.len() * 95 / 100]);
}
