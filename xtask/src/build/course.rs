//! The compiled course: what `lessons` makes of its sources, as the files the page fetches.

use lessons::{Course, Lesson, Measurement, Recording};

#[derive(Debug)]
pub struct Compiled {
    pub course: Course,
    pub lessons: Vec<Lesson>,
    pub recordings: Vec<Recording>,
    pub measurements: Vec<Measurement>,
}

pub fn compile() -> anyhow::Result<Compiled> {
    Ok(Compiled { course: Course { tracks: vec![] }, lessons: vec![], recordings: vec![], measurements: vec![] })
}

impl Compiled {
    /// Every data file with its name, as postcard.
    pub fn files(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut files = vec![("course.bin".to_string(), postcard::to_allocvec(&self.course)?)];
        for lesson in &self.lessons {
            files.push((format!("lessons/{}.bin", lesson.id), postcard::to_allocvec(lesson)?));
        }
        for recording in &self.recordings {
            files.push((format!("recordings/{}.bin", recording.lesson), postcard::to_allocvec(recording)?));
        }
        for measurement in &self.measurements {
            files.push((format!("measurements/{}.bin", measurement.id), postcard::to_allocvec(measurement)?));
        }
        Ok(files)
    }

    pub fn summary(&self) -> String {
        let (lessons, recordings) = (self.lessons.len(), self.recordings.len());
        format!("{lessons} lessons, {recordings} recordings, {} measurements", self.measurements.len())
    }
}
