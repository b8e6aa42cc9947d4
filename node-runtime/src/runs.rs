//! Lessons and scenarios, run on either kernel from the first input to the last.

use crate::course::Course;
use crate::linux::LinuxKernel;
use crate::profile::{Profile, kernel_name};
use anyhow::{Context, Result, anyhow, bail};
use engine::fact::{Facts, Value};
use engine::kernel::SimKernel;
use engine::node::{Fault, Node};
use engine::scenario::{Era, FixtureFile, Input, Scenario};
use engine::sched::Scheduled;
use engine::trace::Trace;
use engine::world;
use lessons::{Lesson, RecordedPoint, Recording};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The node's own name.
const HOSTNAME: &str = "node";
/// Files taken from `--files`, and their size together.
const FILES: usize = 10_000;
const FILES_BYTES: u64 = 256 * 1024 * 1024;

pub type Simulated = Scheduled<SimKernel>;
pub type Linux = Scheduled<LinuxKernel>;

/// The scenario with a model of this machine's kernel: the one that its kernel can be compared with.
pub fn here(scenario: &Scenario) -> Scenario {
    Scenario { profile: Profile::here().model(), ..scenario.clone() }
}

/// Why a scenario cannot be run on this machine's kernel, if it cannot.
pub fn unfit(scenario: &Scenario) -> Option<String> {
    let here = Profile::here().cgroups;
    scenario.only.filter(|only| *only != here).map(|only| format!("it is for kernels with {only}"))
}

pub fn simulated(scenario: &Scenario) -> Result<Simulated, Fault> {
    let kernel = SimKernel::new(&scenario.node_root, &scenario.files, HOSTNAME, scenario.profile)?;
    Ok(Scheduled::new(kernel, scenario.seed))
}

pub fn linux(scenario: &Scenario) -> Result<Linux, Fault> {
    Ok(Scheduled::new(LinuxKernel::new(scenario)?, scenario.seed))
}

/// Runs inputs to the end and tells the trace; a node's fault says after which input.
pub fn run<N: Node>(scenario: &Scenario, node: N, inputs: &[Input]) -> Result<Trace> {
    let (trace, ended) = world::run(scenario, node, inputs);
    ended.map_err(|fault| match inputs.get(trace.steps.len()) {
        Some(input) => anyhow!("at {}: {fault}", world::input_text(input)),
        None => anyhow!("{fault}"),
    })?;
    Ok(trace)
}

/// Lessons by their ids, `track/slug` or the slug alone.
pub fn find<'a>(lessons: &'a [Lesson], name: &str) -> Result<&'a Lesson> {
    let wanted = name.trim_end_matches('/').trim_end_matches("/lesson.md");
    let fits = |lesson: &&Lesson| lesson.id == wanted || wanted.ends_with(&format!("/{}", lesson.id));
    let by_slug = |lesson: &&Lesson| lesson.id.rsplit('/').next() == Some(wanted);
    lessons.iter().find(fits).or_else(|| lessons.iter().find(by_slug)).ok_or_else(|| {
        let known: Vec<&str> = lessons.iter().map(|lesson| lesson.id.as_str()).collect();
        anyhow!("no lesson `{name}`; there is {}", known.join(", "))
    })
}

/// The reference solution, all steps in a row.
pub fn solution(lesson: &Lesson) -> Vec<Input> {
    lesson.steps.iter().flat_map(|step| step.run.iter().cloned()).collect()
}

/// A scenario without a lesson: the course's images, and the files of a directory.
pub fn free_scenario(course: &Course, seed: u64, era: Era, files: Option<&Path>) -> Result<Scenario> {
    let shipped = course.images()?;
    let files = files.map(fixture).transpose()?.unwrap_or_default();
    Ok(Scenario {
        seed,
        era,
        profile: Default::default(),
        only: None,
        files,
        images: shipped.images,
        node_root: shipped.node_root,
        watch: Default::default(),
    })
}

/// Every regular file below a directory, as the learner's.
fn fixture(root: &Path) -> Result<Vec<FixtureFile>> {
    let (mut files, mut bytes, mut dirs) = (Vec::new(), 0, vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                dirs.push(path);
            } else if metadata.is_file() {
                bytes += metadata.len();
                if files.len() >= FILES || bytes > FILES_BYTES {
                    bail!("{}: more than {FILES} files or {FILES_BYTES} bytes", root.display());
                }
                let inside = path.strip_prefix(root)?.to_string_lossy().into_owned();
                let mode = metadata.permissions().mode() & 0o777;
                files.push(FixtureFile { path: inside, content: fs::read(&path)?.into(), mode });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// What changed from one state of the facts to the next; `None` is a fact that has gone.
pub fn changed(before: &Facts, after: &Facts) -> Vec<(String, Option<Value>)> {
    let new = after.iter().filter(|(path, value)| before.get(*path) != Some(value));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let mut changed: Vec<_> = new
        .map(|(path, value)| (path.clone(), Some(value.clone())))
        .chain(gone.map(|path| (path.clone(), None)))
        .collect();
    changed.sort_by(|(a, _), (b, _)| a.cmp(b));
    changed
}

/// A lesson's reference solution on this kernel, kept for pages without one.
pub fn record(lesson: &Lesson) -> Result<Recording> {
    let inputs = solution(lesson);
    let scenario = here(&lesson.scenario);
    let node = linux(&scenario)?;
    let trace = run(&scenario, node, &inputs)?;
    let mut before = Facts::new();
    let mut points = Vec::new();
    for (input, step) in inputs.into_iter().zip(trace.steps) {
        points.push(RecordedPoint { input, changed: changed(&before, &step.facts) });
        before = step.facts;
    }
    Ok(Recording {
        lesson: lesson.id.clone(),
        hash: lesson.hash.clone(),
        kernel: kernel_name(),
        cgroups: Profile::here().cgroups,
        date: today(),
        architecture: std::env::consts::ARCH.to_owned(),
        points,
    })
}

/// `2026-11-22`, by the wall's clock.
pub fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as _;
    // SAFETY: tm is plain data that gmtime_r fills.
    let date = unsafe {
        let mut date: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&now, &mut date);
        date
    };
    format!("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday)
}

/// Lessons run for the page (`serve`).
#[derive(Debug)]
pub struct OnThisKernel {
    lessons: Vec<Lesson>,
}

impl OnThisKernel {
    pub fn new(course: &Course) -> Result<OnThisKernel> {
        Ok(OnThisKernel { lessons: course.lessons()? })
    }
}

impl crate::serve::Live for OnThisKernel {
    fn kernel(&self) -> String {
        kernel_name()
    }

    fn run(&self, lesson: &str, inputs: &[Input], tell: &mut crate::serve::Tell<'_>) -> Result<(), String> {
        let lesson = find(&self.lessons, lesson).map_err(|e| e.to_string())?;
        let sentence = |fault: Fault| format!("The kernel of this machine could not go on: {fault}.");
        let scenario = here(&lesson.scenario);
        let node = linux(&scenario).map_err(sentence)?;
        let mut log = world::Log::default();
        let mut machine = world::Machine::boot(&scenario, node, &mut log).map_err(sentence)?;
        let mut before = Facts::new();
        for input in inputs {
            let step = world::step(&mut machine, input).map_err(sentence)?;
            let point = RecordedPoint { input: input.clone(), changed: changed(&before, &step.facts) };
            before = step.facts;
            if !tell(point) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Is this process root, as namespaces without a user namespace need?
pub fn is_root() -> bool {
    // SAFETY: no memory is passed.
    unsafe { libc::geteuid() == 0 }
}
