//! The compiled course: what `lessons` makes of its sources, as the files the page fetches.

use super::plot;
use crate::tree;
use anyhow::{Context, anyhow};
use engine::kernel::SimKernel;
use engine::scenario::Profile;
use engine::sched::Scheduled;
use engine::session::Session;
use lessons::author::course::{compile_all, root};
use lessons::{Course, Lesson, Measurement, Page, Recording};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

type Simulated = Session<Scheduled<SimKernel>>;

#[derive(Debug)]
pub struct Compiled {
    pub course: Course,
    pub lessons: Vec<Lesson>,
    pub recordings: Vec<Recording>,
    pub measurements: Vec<Measurement>,
    /// Lessons that changed after they were recorded.
    stale: Vec<String>,
}

/// Recordings of real kernels, `TRACK/SLUG.json`, as `node-runtime record` writes them.
pub fn recordings() -> PathBuf {
    root().join("recordings")
}

/// The folders of recordings, a kind of kernel each: first that of the page's own profile.
fn kinds_of_kernels() -> anyhow::Result<Vec<PathBuf>> {
    let mut kinds: Vec<PathBuf> = match fs::read_dir(recordings()) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?,
        Err(_) => Vec::new(),
    };
    let own = Profile::default().cgroups.name();
    kinds.sort_by_key(|kind| (kind.file_name().is_none_or(|name| name != own), kind.clone()));
    Ok(kinds)
}

pub fn measurements() -> PathBuf {
    root().join("measurements")
}

pub fn compile() -> anyhow::Result<Compiled> {
    let compiled = compile_all(&root())?;
    let mut recordings = Vec::new();
    let mut stale = Vec::new();
    let kinds = kinds_of_kernels()?;
    for lesson in &compiled.lessons {
        for kind in &kinds {
            let path = kind.join(format!("{}.json", lesson.id));
            match path.exists().then(|| read_json::<Recording>(&path)).transpose()? {
                Some(recording) if recording.hash == lesson.hash => recordings.push(recording),
                // What a kernel showed for another text would be shown as if it were for this one.
                Some(_) => stale.push(lesson.id.clone()),
                None => {}
            }
        }
    }
    let mut measurements = Vec::new();
    if self::measurements().is_dir() {
        let mut entries = fs::read_dir(self::measurements())?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries.iter().filter(|entry| entry.path().extension().is_some_and(|end| end == "json")) {
            measurements.push(read_json(&entry.path())?);
        }
    }
    Ok(Compiled { course: compiled.course, lessons: compiled.lessons, recordings, measurements, stale })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shown = path.strip_prefix(tree::root()).unwrap_or(path);
    serde_json::from_str(&text).with_context(|| format!("{} is not a recording", shown.display()))
}

impl Compiled {
    /// Each lesson's id, and as postcard what its document carries: its text and its first moment.
    pub fn pages(&self) -> anyhow::Result<Vec<(&str, Vec<u8>)>> {
        let page = |lesson: &Lesson| -> anyhow::Result<Vec<u8>> {
            let (text, opening) = lesson.split();
            let mut session = Simulated::open(&opening.scenario, opening.claims).map_err(|fault| anyhow!("{fault}"))?;
            Ok(postcard::to_allocvec(&Page { lesson: text, state: session.state() })?)
        };
        self.lessons.iter().map(|lesson| Ok((lesson.id.as_str(), page(lesson)?))).collect()
    }

    /// Every data file with its name, as postcard.
    pub fn files(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut files = vec![("course.bin".to_string(), postcard::to_allocvec(&self.course)?)];
        for lesson in &self.lessons {
            let (_, opening) = lesson.split();
            files.push((format!("lessons/{}.opening.bin", lesson.id), postcard::to_allocvec(&opening)?));
        }
        for lesson in &self.lessons {
            let of_lesson: Vec<&Recording> = self.recordings.iter().filter(|kept| kept.lesson == lesson.id).collect();
            if of_lesson.is_empty() {
                continue;
            }
            files.push((format!("recordings/{}.bin", lesson.id), postcard::to_allocvec(&of_lesson)?));
        }
        for measurement in &self.measurements {
            let plot = plot::plot(measurement)?;
            files.push((format!("measurements/{}.bin", plot.id), postcard::to_allocvec(&plot)?));
        }
        Ok(files)
    }

    pub fn summary(&self) -> String {
        let (lessons, recordings) = (self.lessons.len(), self.recordings.len());
        let mut text = format!("{lessons} lessons, {recordings} recordings, {} measurements", self.measurements.len());
        if !self.stale.is_empty() {
            text.push_str(&format!(
                "; recorded before they changed, so left out: {} (cargo xtask record)",
                self.stale.join(", ")
            ));
        }
        text
    }
}
