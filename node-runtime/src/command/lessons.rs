//! Lessons from the command line: simulate, verify, record, replay.

use super::options::Options;
use super::{End, WrongUse, obstacles};
use crate::cases::{self, Case};
use crate::profile::Profile;
use crate::report::{Report, html, skipped, totals_json, totals_text};
use crate::runs;
use anyhow::{Context, Result};
use engine::compare::{Totals, compare};
use engine::scenario::{Era, Input, Scenario};
use engine::world::input_text;
use lessons::{Lesson, Recording};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn simulate(options: &Options) -> Result<End> {
    let lessons = options.course()?.lessons()?;
    let lesson = find(&lessons, &options.names[0])?;
    let node = runs::simulated(&lesson.scenario)?;
    let inputs = runs::solution(lesson);
    let trace = runs::run(&lesson.scenario, node, &inputs)?;
    for (input, step) in inputs.iter().zip(&trace.steps) {
        if options.json {
            println!("{}", serde_json::to_string(step)?);
            continue;
        }
        println!("{}", shown(input));
        std::io::stdout().write_all(&step.stdout)?;
        std::io::stderr().write_all(&step.stderr)?;
    }
    if !options.json {
        println!("trace {}", trace.digest());
    }
    Ok(End::Agrees)
}

/// An input as the console has it; what nobody types stands in brackets.
fn shown(input: &Input) -> String {
    match input {
        Input::Line(line) => format!("$ {line}"),
        Input::Interrupt => "^C".to_owned(),
        Input::Eof => "^D".to_owned(),
        Input::Save { path, content } => match content.lines().count() {
            1 => format!("(saved {path}, 1 line)"),
            lines => format!("(saved {path}, {lines} lines)"),
        },
        Input::Advance { .. } => format!("({})", input_text(input)),
    }
}

/// A name that is not a lesson's is wrong use.
fn find<'a>(lessons: &'a [Lesson], name: &str) -> Result<&'a Lesson> {
    runs::find(lessons, name).map_err(|error| error.context(WrongUse))
}

pub fn verify(options: &Options) -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let profile = Profile::here();
    let (mut reports, mut totals) = (Vec::new(), Totals::default());
    for subject in subjects(options)? {
        if let Some(why) = &subject.obstacle {
            println!("{}", skipped(&subject.id, why, options.json));
            continue;
        }
        let report = verified(subject, &profile)?;
        totals.add(report.comparison.totals());
        match (&options.explain, options.json) {
            (Some(fact), _) => print!("{}", report.explain(fact)),
            (None, true) => println!("{}", report.json()),
            (None, false) => print!("{}", report.text()),
        }
        reports.push(report);
    }
    anyhow::ensure!(!reports.is_empty(), "there is nothing to compare on this kernel");
    if let Some(file) = &options.html {
        fs::write(file, html(&reports)).with_context(|| file.display().to_string())?;
    }
    match (&options.explain, options.json) {
        (Some(_), _) => {}
        (None, true) => println!("{}", totals_json(reports.len(), totals)),
        (None, false) if reports.len() > 1 => println!("{} scenarios: {}", reports.len(), totals_text(totals)),
        (None, false) => {}
    }
    Ok(if totals.differ == 0 { End::Agrees } else { End::Differs })
}

/// What is compared: a lesson's reference solution, or a case.
struct Subject {
    id: String,
    title: String,
    scenario: Scenario,
    inputs: Vec<Input>,
    /// Why this kernel cannot run it.
    obstacle: Option<String>,
}

impl Subject {
    fn lesson(lesson: &Lesson) -> Subject {
        Subject {
            id: lesson.id.clone(),
            title: lesson.title.clone(),
            scenario: runs::here(&lesson.scenario),
            inputs: runs::solution(lesson),
            obstacle: runs::unfit(&lesson.scenario),
        }
    }

    fn case(case: Case, free: &Scenario) -> Subject {
        let obstacle = case.obstacle(&Profile::here());
        Subject { id: case.id, title: case.title, scenario: free.clone(), inputs: case.inputs, obstacle }
    }
}

/// What was named: lessons, cases, rooms of cases, files; or all of both kinds.
fn subjects(options: &Options) -> Result<Vec<Subject>> {
    let course = options.course()?;
    let (lessons, cases) = (course.lessons()?, cases::load(options.cases.as_deref()).context(WrongUse)?);
    let free = runs::here(&runs::free_scenario(&course, 1, Era::default(), None)?);
    let case = |case: &Case| Subject::case(case.clone(), &free);
    if options.names.is_empty() {
        let lessons = lessons.iter().filter(|_| options.all).map(Subject::lesson);
        return Ok(lessons.chain(cases.iter().map(case)).collect());
    }
    let mut subjects = Vec::new();
    for name in &options.names {
        if name.ends_with(&format!(".{}", cases::ENDING)) {
            subjects.push(case(&Case::read(Path::new(name)).context(WrongUse)?));
            continue;
        }
        let called: Vec<Subject> = cases.iter().filter(|case| case.is_called(name)).map(case).collect();
        if called.is_empty() {
            subjects.push(Subject::lesson(find(&lessons, name)?));
        }
        subjects.extend(called);
    }
    Ok(subjects)
}

/// One scenario on the model and on this kernel.
fn verified(subject: Subject, profile: &Profile) -> Result<Report> {
    let Subject { id, title, scenario, inputs, .. } = subject;
    let about = |side: &str| format!("{id}, {side}");
    let predicted =
        runs::run(&scenario, runs::simulated(&scenario)?, &inputs).with_context(|| about("on the model"))?;
    let happened = runs::run(&scenario, runs::linux(&scenario)?, &inputs).with_context(|| about("on this kernel"))?;
    let comparison = compare(&predicted, &happened);
    Ok(Report { lesson: id, title, profile: profile.clone(), comparison })
}

pub fn record(options: &Options) -> Result<End> {
    if let Some(end) = obstacles() {
        return Ok(end);
    }
    let course = options.course()?;
    // A kind of kernel has a folder: what another kind showed stays beside it.
    let kind = Profile::here().cgroups.name();
    let of_tree = course.folder().map(|tree| tree.join("recordings").join(kind));
    let none = "there is no tree here to record into: run it in the tree's root, or say --out FOLDER";
    let folder = match options.json {
        true => PathBuf::new(),
        false => options.out.clone().or(of_tree).context(none)?,
    };
    let lessons = course.lessons()?;
    let named = options.names.iter().map(|name| find(&lessons, name)).collect::<Result<Vec<_>>>()?;
    for lesson in if options.all { lessons.iter().collect() } else { named } {
        if let Some(why) = runs::unfit(&lesson.scenario) {
            println!("{}", skipped(&lesson.id, &why, options.json));
            continue;
        }
        let recording = runs::record(lesson)?;
        if options.json {
            println!("{}", serde_json::to_string(&recording)?);
            continue;
        }
        let file = folder.join(format!("{}.json", recording.lesson));
        keep(&file, &recording)?;
        println!("{}: {} inputs on {}", file.display(), recording.points.len(), recording.kernel);
    }
    Ok(End::Agrees)
}

pub fn keep(file: &Path, value: &impl serde::Serialize) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(file, text).with_context(|| file.display().to_string())
}

/// What a file holds; one that holds something else was the wrong word on the command line.
fn recording(file: &str) -> Result<Recording> {
    let bytes = fs::read(file).with_context(|| format!("`{file}` cannot be read"))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("`{file}` is not a recording: give a file that `node-runtime record` of this version has written")
    })
}

pub fn replay(options: &Options) -> Result<End> {
    let file = &options.names[0];
    let recording = recording(file).context(WrongUse)?;
    if !options.json {
        let Recording { lesson, kernel, architecture, date, .. } = &recording;
        println!("{lesson}, on {kernel} ({architecture}), {date}");
    }
    for point in &recording.points {
        if options.json {
            println!("{}", serde_json::to_string(point)?);
            continue;
        }
        println!("{}", shown(&point.input));
        for (path, value) in &point.changed {
            match value {
                Some(value) => println!("    {path} = {value}"),
                None => println!("    {path} is gone"),
            }
        }
    }
    Ok(End::Agrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_typed_has_a_prompt() {
        let save = |content: &str| Input::Save { path: "web/Dockerfile".into(), content: content.into() };
        let inputs = [
            (Input::Line("ls".into()), "$ ls"),
            (Input::Interrupt, "^C"),
            (save("FROM a\nRUN b\n"), "(saved web/Dockerfile, 2 lines)"),
            (save("FROM a"), "(saved web/Dockerfile, 1 line)"),
            (Input::Advance { ns: 5_000_000_000 }, "(wait 5 s)"),
        ];
        for (input, text) in inputs {
            assert_eq!(shown(&input), text);
        }
    }
}
