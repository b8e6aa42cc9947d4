//! A lesson's text → its types. Front matter in TOML between `+++` lines, then a `## ` heading a step; fenced blocks hold
//! intent ([`super::fences`]), all else is prose ([`super::markdown`]).

use super::{fences, markdown, watch};
use crate::{Block, Lesson, Scene, Span, Step};
use engine::image::hex;
use engine::scenario::{BaseImage, Cgroups, Era, FixtureFile, Input, Scenario};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Everything a lesson is compiled from.
#[derive(Clone, Debug)]
pub struct Source {
    /// `images`.
    pub track: String,
    /// `lesson.md`, whole.
    pub text: String,
    /// The other files of its folder: what the learner finds in their home.
    pub files: Vec<FixtureFile>,
    pub images: Vec<BaseImage>,
    pub node_root: Arc<[u8]>,
}

/// What is wrong with a lesson's text, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}\n  {text}\n  {}^", " ".repeat(.column.saturating_sub(1)))]
pub struct LessonError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    pub text: String,
    pub message: String,
}

/// A fenced block, or the prose between two.
#[derive(Clone, Debug)]
pub(super) struct Chunk<'a> {
    /// `goal`, `run`, …; empty for prose.
    pub kind: &'a str,
    /// Each with its number in the file, from 1.
    pub lines: Vec<(usize, &'a str)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    id: String,
    title: String,
    minutes: u32,
    #[serde(default)]
    needs: Vec<String>,
    objectives: Vec<String>,
    #[serde(default = "default_seed")]
    seed: u64,
    #[serde(default)]
    era: EraName,
    /// The one kind of control groups that its lines are typed for.
    #[serde(default)]
    cgroups: Option<Cgroups>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EraName {
    #[default]
    Course,
    Today,
}

fn default_seed() -> u64 {
    1
}

/// Parses and compiles one lesson; what it claims is proved by [`super::check`].
pub fn parse(source: &Source) -> Result<Lesson, LessonError> {
    let lines: Vec<(usize, &str)> = source.text.lines().enumerate().map(|(n, line)| (n + 1, line)).collect();
    let (front, body) = front_matter(&lines)?;
    let steps = split_steps(body)?;
    let steps = steps.into_iter().map(step).collect::<Result<Vec<Step>, LessonError>>()?;
    let scenario = Scenario {
        seed: front.seed,
        era: match front.era {
            EraName::Course => Era::Course,
            EraName::Today => Era::Today,
        },
        profile: Default::default(),
        only: front.cgroups,
        files: source.files.clone(),
        images: source.images.clone(),
        node_root: source.node_root.clone(),
        watch: watch::of(&steps),
    };
    let hash = hash(&source.text, &scenario);
    Ok(Lesson {
        id: format!("{}/{}", source.track, front.id),
        track: source.track.clone(),
        title: front.title,
        minutes: front.minutes,
        needs: front.needs,
        objectives: front.objectives,
        scenario,
        steps,
        hash,
    })
}

pub(super) fn error(at: (usize, &str), column: usize, message: impl Into<String>) -> LessonError {
    LessonError { line: at.0, column, text: at.1.to_owned(), message: message.into() }
}

/// Lines with their numbers.
type Lines<'l, 't> = &'l [(usize, &'t str)];

fn front_matter<'l, 't>(lines: Lines<'l, 't>) -> Result<(FrontMatter, Lines<'l, 't>), LessonError> {
    let first = lines.first().copied().unwrap_or((1, ""));
    if first.1.trim_end() != "+++" {
        return Err(error(first, 1, "a lesson begins with TOML between two lines `+++`"));
    }
    let end = lines.iter().skip(1).position(|(_, line)| line.trim_end() == "+++");
    let end = end.ok_or_else(|| error(first, 1, "the front matter has no closing `+++`"))? + 1;
    let text: Vec<&str> = lines[1..end].iter().map(|(_, line)| *line).collect();
    let text = text.join("\n");
    let front = toml::from_str(&text).map_err(|problem| {
        let offset = problem.span().map_or(0, |span| span.start);
        let before = &text[..offset.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        error(lines[line.min(lines.len() - 1)], column, problem.message())
    })?;
    Ok((front, &lines[end + 1..]))
}

/// One step's heading and chunks.
type RawStep<'t> = ((usize, &'t str), Vec<Chunk<'t>>);

fn split_steps<'t>(lines: &[(usize, &'t str)]) -> Result<Vec<RawStep<'t>>, LessonError> {
    let mut steps: Vec<RawStep<'t>> = Vec::new();
    let mut open: Option<(usize, &'t str)> = None;
    for &(number, line) in lines {
        let fence = line.strip_prefix("```");
        if open.is_none()
            && let Some(title) = line.strip_prefix("## ")
        {
            steps.push(((number, title.trim()), Vec::new()));
            continue;
        }
        let Some((_, chunks)) = steps.last_mut() else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(error((number, line), 1, "text before the first step; a step begins with `## Title`"));
        };
        match (fence, open) {
            (Some(kind), None) => {
                open = Some((number, line));
                chunks.push(Chunk { kind: kind.trim(), lines: Vec::new() });
            }
            (Some(""), Some(_)) => {
                open = None;
                chunks.push(Chunk { kind: "", lines: Vec::new() });
            }
            (_, None) if chunks.is_empty() => chunks.push(Chunk { kind: "", lines: vec![(number, line)] }),
            _ => chunks.extend_lines(number, line),
        }
    }
    match open {
        Some(at) => Err(error(at, 1, "this block is never closed with ```")),
        None if steps.is_empty() => Err(error((1, ""), 1, "a lesson has at least one step: `## Title`")),
        None => Ok(steps),
    }
}

trait ExtendLines<'t> {
    fn extend_lines(&mut self, number: usize, line: &'t str);
}

impl<'t> ExtendLines<'t> for Vec<Chunk<'t>> {
    fn extend_lines(&mut self, number: usize, line: &'t str) {
        if let Some(chunk) = self.last_mut() {
            chunk.lines.push((number, line));
        }
    }
}

fn step((heading, chunks): RawStep<'_>) -> Result<Step, LessonError> {
    let mut step = Step {
        id: slug(heading.1),
        title: heading.1.to_owned(),
        prose: Vec::new(),
        predict: None,
        goals: Vec::new(),
        run: Vec::new(),
        also: Vec::new(),
        hints: Vec::new(),
        wrongs: Vec::new(),
        misconception: None,
        notes: Vec::new(),
        beat: Vec::new(),
        scene: Scene::None,
        transfer: false,
    };
    for chunk in &chunks {
        take(&mut step, chunk)?;
    }
    if !step.run.is_empty() && !step.transfer {
        step.hints.extend(generated_hints(&step.run));
    }
    Ok(step)
}

fn take(step: &mut Step, chunk: &Chunk<'_>) -> Result<(), LessonError> {
    match chunk.kind {
        "" => step.prose.extend(markdown::blocks(&chunk.lines)?),
        "dockerfile" => step.prose.push(Block::Dockerfile(text_of(chunk))),
        "text" => step.prose.push(Block::Code(text_of(chunk))),
        "run" => step.run.extend(fences::inputs(&chunk.lines)?),
        "also" => step.also.push(fences::inputs(&chunk.lines)?),
        "goal" => step.goals.extend(fences::goals(chunk)?),
        "predict" => step.predict = Some(fences::predict(chunk)?),
        "misconception" => step.misconception = Some(fences::misconception(chunk)?),
        "hint" => step.hints.extend(fences::paragraphs(chunk)?),
        "wrong" => step.wrongs.push(fences::wrong(chunk)?),
        "notes" => step.notes.extend(markdown::blocks(&chunk.lines)?),
        "beat" => step.beat = fences::paragraphs(chunk)?.into_iter().next().unwrap_or_default(),
        "scene" => step.scene = fences::scene(chunk)?,
        "transfer" => step.transfer = true,
        other => {
            let at = chunk.lines.first().map_or((1, other), |(number, _)| (number.saturating_sub(1), other));
            return Err(error(at, 4, format!("there is no block `{other}`; blocks are {}", fences::KINDS.join(", "))));
        }
    }
    Ok(())
}

/// The last two rungs of the ladder: the shape of the command that is not yet done, then the solution itself.
fn generated_hints(run: &[Input]) -> [Vec<Span>; 2] {
    let typed = |input: &Input| match input {
        Input::Line(line) => Some(line.clone()),
        Input::Save { path, .. } => Some(format!("save {path}")),
        _ => None,
    };
    let lines: Vec<String> = run.iter().filter_map(typed).collect();
    let shaped: Vec<String> = lines.iter().map(|line| shape(line)).collect();
    let spans = |lines: &[String]| {
        let mut spans = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            if n > 0 {
                spans.push(Span::Text(", then ".to_owned()));
            }
            spans.push(Span::Code(line.clone()));
        }
        spans
    };
    [spans(&shaped), spans(&lines)]
}

/// A command with its operands left out: `docker run -d --name … …`.
fn shape(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let kept = if words.first() == Some(&"docker") { 2 } else { 1 };
    let shaped = words.iter().enumerate().map(|(n, word)| {
        let plain = n < kept || word.starts_with('-') || matches!(*word, "&&" | "|" | ">" | ">>" | ";");
        if plain { *word } else { "…" }
    });
    shaped.collect::<Vec<_>>().join(" ")
}

fn text_of(chunk: &Chunk<'_>) -> String {
    chunk.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
}

/// `What a change costs` → `what-a-change-costs`.
fn slug(title: &str) -> String {
    let words: Vec<String> =
        title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}

fn hash(text: &str, scenario: &Scenario) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    hash.update(postcard::to_allocvec(scenario).unwrap_or_default());
    hex(&hash.finalize())
}
