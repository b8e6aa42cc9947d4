//! Where lessons and images come from: a folder that was named, `lessons/` of the working directory, or what this
//! program carries, which is the course it was built with. Carried are the sources: filler is declared there, not stored.

use anyhow::{Context, Result, ensure};
use lessons::Lesson;
use lessons::author::course::compile;
use lessons::author::files::Files;
use lessons::author::images::{self, Shipped};
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// The file that makes a folder a course.
const MAP: &str = "content/course.toml";

#[derive(Clone, Debug)]
pub struct Course {
    /// `None` is what the program carries.
    folder: Option<PathBuf>,
    files: Files,
}

impl Course {
    /// The course in this folder; without one, of the working directory, and else the one carried.
    pub fn find(named: Option<&Path>) -> Result<Course> {
        let here = Path::new("lessons");
        let folder = match named {
            Some(folder) => {
                ensure!(
                    folder.join(MAP).is_file(),
                    "`--lessons {}`: there is no {MAP} in it; without --lessons the course of this program is used",
                    folder.display()
                );
                Some(folder)
            }
            None => here.join(MAP).is_file().then_some(here),
        };
        let files = match folder {
            Some(folder) => Files::read(folder).context("the course")?,
            None => Files::carried(CARRIED),
        };
        Ok(Course { folder: folder.map(Path::to_owned), files })
    }

    pub fn carried() -> Course {
        Course { folder: None, files: Files::carried(CARRIED) }
    }

    /// Where it is kept; nothing for the one carried.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Every lesson that can be run.
    pub fn lessons(&self) -> Result<Vec<Lesson>> {
        Ok(compile(&self.files).context("the course")?.lessons)
    }

    /// The images of the course and the root of its nodes.
    pub fn images(&self) -> Result<Shipped> {
        images::load(&self.files).context("the course's images")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_the_course_of_the_tree() {
        let (carried, tree) = (Course::carried(), Course::find(Some(&lessons::author::course::root())).unwrap());
        assert_eq!(carried.folder(), None);
        let hashes =
            |course: &Course| course.lessons().unwrap().into_iter().map(|l| (l.id, l.hash)).collect::<Vec<_>>();
        assert_eq!(hashes(&carried), hashes(&tree));
        assert_eq!(carried.images().unwrap().images, tree.images().unwrap().images);
    }

    #[test]
    fn a_folder_that_is_no_course_is_named() {
        let error = Course::find(Some(Path::new("/proc"))).unwrap_err().to_string();
        assert!(error.contains("/proc") && error.contains(MAP), "{error}");
    }
}
