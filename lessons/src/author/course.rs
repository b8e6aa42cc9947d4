//! The whole course from its folder: `content/course.toml`, `content/<track>/<nn-slug>/`, `images/`.

use super::images;
use super::parse::{LessonError, Source, parse};
use crate::{Course, Lesson, LessonCard, Track};
use engine::scenario::FixtureFile;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The course compiled: what the build writes out, and what the tests check.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub course: Course,
    pub lessons: Vec<Lesson>,
}

#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    #[error("{}: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
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
    let content = root.join("content");
    let path = content.join("course.toml");
    let map: Map = toml::from_str(&read(&path)?).map_err(|error| CourseError::Toml { path, error: Box::new(error) })?;
    let shipped = images::load(&root.join("images")).map_err(|error| CourseError::Images(error.to_string()))?;
    let mut lessons = Vec::new();
    let mut tracks = Vec::new();
    for track in map.track {
        let written = folders(&content.join(&track.id))?;
        for folder in &written {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let slug = name.split_once('-').map_or(name.as_str(), |(_, slug)| slug);
            if !track.lessons.iter().any(|lesson| lesson.id == slug) {
                return Err(CourseError::NotOnTheMap(folder.clone()));
            }
            lessons.push(lesson(&track.id, folder, &shipped)?);
        }
        tracks.push(card(track, &lessons));
    }
    Ok(Compiled { course: Course { tracks }, lessons })
}

fn lesson(track: &str, folder: &Path, shipped: &images::Shipped) -> Result<Lesson, CourseError> {
    let path = folder.join("lesson.md");
    let mut files = Vec::new();
    fixtures(folder, folder, &mut files)?;
    let source = Source {
        track: track.to_owned(),
        text: read(&path)?,
        files,
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
fn fixtures(root: &Path, folder: &Path, files: &mut Vec<FixtureFile>) -> Result<(), CourseError> {
    for path in entries(folder)? {
        if path.is_dir() {
            fixtures(root, &path, files)?;
        } else if path.file_name().is_some_and(|name| name != "lesson.md") {
            let content = fs::read(&path).map_err(|error| CourseError::Read { path: path.clone(), error })?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            // A checkout does not keep modes alike everywhere: fixtures are plain files.
            files.push(FixtureFile { path: relative, content: content.into(), mode: 0o644 });
        }
    }
    Ok(())
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, CourseError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(entries(path)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, CourseError> {
    let wrap = |error| CourseError::Read { path: path.to_owned(), error };
    let list = fs::read_dir(path).map_err(wrap)?;
    let mut paths = list.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().map_err(wrap)?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, CourseError> {
    fs::read_to_string(path).map_err(|error| CourseError::Read { path: path.to_owned(), error })
}
