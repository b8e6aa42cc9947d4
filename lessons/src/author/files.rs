//! What a course is compiled from: files by their names, from a folder or carried in a program.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The parts of the folder that a course is made of.
const PARTS: [&str; 2] = ["content", "images"];

/// Names are relative to the course's folder, in the order of a walk.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<PathBuf, Cow<'static, [u8]>>);

#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", .path.display())]
pub struct FilesError {
    pub path: PathBuf,
    pub error: io::Error,
}

impl Files {
    /// Everything below `content/` and `images/` of a folder.
    pub fn read(root: &Path) -> Result<Files, FilesError> {
        let mut files = Files::default();
        for part in PARTS {
            files.walk(root, &root.join(part))?;
        }
        Ok(files)
    }

    /// What a build has put into the program.
    pub fn carried(list: &[(&'static str, &'static [u8])]) -> Files {
        Files(list.iter().map(|(name, bytes)| (PathBuf::from(name), Cow::Borrowed(*bytes))).collect())
    }

    fn walk(&mut self, root: &Path, folder: &Path) -> Result<(), FilesError> {
        let wrap = |error| FilesError { path: folder.to_owned(), error };
        for entry in fs::read_dir(folder).map_err(wrap)? {
            let path = entry.map_err(wrap)?.path();
            if path.is_dir() {
                self.walk(root, &path)?;
            } else {
                let bytes = fs::read(&path).map_err(|error| FilesError { path: path.clone(), error })?;
                self.0.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), bytes.into());
            }
        }
        Ok(())
    }

    pub fn get(&self, path: &Path) -> Result<&[u8], FilesError> {
        let missing = || FilesError { path: path.to_owned(), error: io::ErrorKind::NotFound.into() };
        self.0.get(path).map(|bytes| &**bytes).ok_or_else(missing)
    }

    pub fn text(&self, path: &Path) -> Result<&str, FilesError> {
        let wrong =
            |error| FilesError { path: path.to_owned(), error: io::Error::new(io::ErrorKind::InvalidData, error) };
        std::str::from_utf8(self.get(path)?).map_err(wrong)
    }

    /// The files of a folder and of the folders in it, by their names in it.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a Path, &'a [u8])> {
        self.0.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder).ok()?, &**bytes)))
    }

    /// The folders directly in a folder.
    pub fn folders(&self, folder: &Path) -> Vec<PathBuf> {
        let first = |path: &Path| path.parent()?.components().next().map(|name| folder.join(name));
        let found: BTreeSet<PathBuf> = self.below(folder).filter_map(|(path, _)| first(path)).collect();
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carried_course_is_walked_as_a_folder_is() {
        let files = Files::carried(&[
            ("content/a/02-y-z/f", b"2"),
            ("content/a/02-y/d/e", b"1"),
            ("content/a/note", b"not a folder"),
            ("content/course.toml", b"map"),
        ]);
        assert_eq!(files.folders(Path::new("content/a")), ["content/a/02-y", "content/a/02-y-z"].map(PathBuf::from));
        assert_eq!(files.folders(Path::new("content/b")), Vec::<PathBuf>::new());
        let names: Vec<_> = files.below(Path::new("content/a")).map(|(path, _)| path.to_owned()).collect();
        assert_eq!(names, ["02-y/d/e", "02-y-z/f", "note"].map(PathBuf::from));
        assert_eq!(files.text(Path::new("content/course.toml")).unwrap(), "map");
        assert!(files.get(Path::new("images")).unwrap_err().to_string().starts_with("images: "));
    }
}
