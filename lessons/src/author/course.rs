//! The whole course from its folder: `content/course.toml`, `content/<track>/<nn-slug>/`, `images/`.

use super::files::{Files, FilesError};
use super::images;
use super::parse::{LessonError, Source, parse};
use crate::{Course, Lesson, LessonCard, Track};
use engine::scenario::FixtureFile;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The course compiled: what the build writes out, and what the tests check.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub course: Course,
    pub lessons: Vec<Lesson>,
}

#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    #[error(transparent)]
    Read(#[from] FilesError),
    #[error("{}: {error}", .path.display())]
    Lesson { path: PathBuf, error: Box<LessonError> },
    #[error("{}: {error}", .path.display())]
    Toml { path: PathBuf, error: Box<toml::de::Error> },
    #[error("{0}")]
    Images(String),
    #[error("{}: there is no such lesson in course.toml", .0.display())]
    NotOnTheMap(PathBuf),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Map {
    track: Vec<MapTrack>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapTrack {
    id: String,
    title: String,
    line: String,
    lessons: Vec<MapLesson>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapLesson {
    id: String,
    title: String,
    /// Of a planned lesson; a written one says its own.
    minutes: u32,
}

/// This crate's folder, where the course is written.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles every lesson below `root`, in the order of the map.
pub fn compile_all(root: &Path) -> Result<Compiled, CourseError> {
    compile(&Files::read(root)?)
}

/// The same from files that were read before.
pub fn compile(files: &Files) -> Result<Compiled, CourseError> {
    let content = Path::new("content");
    let path = content.join("course.toml");
    let map: Map =
        toml::from_str(files.text(&path)?).map_err(|error| CourseError::Toml { path, error: Box::new(error) })?;
    let shipped = images::load(files).map_err(|error| CourseError::Images(error.to_string()))?;
    let mut lessons = Vec::new();
    let mut tracks = Vec::new();
    for track in map.track {
        for folder in files.folders(&content.join(&track.id)) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let slug = name.split_once('-').map_or(name.as_str(), |(_, slug)| slug);
            if !track.lessons.iter().any(|lesson| lesson.id == slug) {
                return Err(CourseError::NotOnTheMap(folder));
            }
            lessons.push(lesson(&track.id, files, &folder, &shipped)?);
        }
        tracks.push(card(track, &lessons));
    }
    Ok(Compiled { course: Course { tracks }, lessons })
}

fn lesson(track: &str, files: &Files, folder: &Path, shipped: &images::Shipped) -> Result<Lesson, CourseError> {
    let path = folder.join("lesson.md");
    let source = Source {
        track: track.to_owned(),
        text: files.text(&path)?.to_owned(),
        files: fixtures(files, folder),
        images: shipped.images.clone(),
        node_root: shipped.node_root.clone(),
    };
    parse(&source).map_err(|error| CourseError::Lesson { path, error: Box::new(error) })
}

fn card(track: MapTrack, lessons: &[Lesson]) -> Track {
    let card = |planned: MapLesson| {
        let id = format!("{}/{}", track.id, planned.id);
        let written = lessons.iter().find(|lesson| lesson.id == id);
        LessonCard {
            title: written.map_or(planned.title, |lesson| lesson.title.clone()),
            minutes: written.map_or(planned.minutes, |lesson| lesson.minutes),
            steps: written.map_or(0, |lesson| lesson.steps.len() as u32),
            ready: written.is_some(),
            id,
        }
    };
    let lessons = track.lessons.into_iter().map(card).collect();
    Track { id: track.id.clone(), title: track.title, line: track.line, lessons }
}

/// Every file of a lesson's folder but the lesson itself, below the learner's home.
fn fixtures(files: &Files, folder: &Path) -> Vec<FixtureFile> {
    let of_learner = files.below(folder).filter(|(path, _)| path.file_name().is_some_and(|name| name != "lesson.md"));
    let fixture = |(path, content): (&Path, &[u8])| {
        // A checkout does not keep modes alike everywhere: fixtures are plain files.
        FixtureFile { path: path.to_string_lossy().into_owned(), content: content.into(), mode: 0o644 }
    };
    of_learner.map(fixture).collect()
}
