//! What BuildKit does otherwise than the classic builder (buildkit `frontend/dockerfile/dockerfile2llb`, as of 0.13):
//! stages that the target does not need are passed over; what is wrong with any instruction is known before the first
//! runs; a step is known by what it does to which layers, not by the configuration; and one image is made, at the end.

use super::step::clean;
use super::{BuildError, Builder, Outcome, Pending, StageState, Work};
use crate::image::Digest;
use crate::image::config::{History, ImageConfig};
use crate::image::dockerfile::{
    Dockerfile, Instruction, Span, Transfer, expand_label, expand_word, here_document, quoted,
};
use crate::image::reference::Reference;
use crate::image::store::Store;
use crate::scenario::Era;

/// A base image: what `load metadata for` and `FROM` are told of.
#[derive(Clone, Debug)]
pub struct Base {
    /// As the Dockerfile has it.
    pub name: String,
    pub reference: Reference,
    /// `[2/5] ` before its FROM, and the number of that stage.
    pub prefix: String,
    pub stage: usize,
    pub span: Span,
}

/// What stops a build, and where in the Dockerfile.
#[derive(Clone, Debug)]
pub struct Failure {
    pub error: BuildError,
    pub span: Option<Span>,
}

/// A Dockerfile that BuildKit could read and that is not read here, for a here-document in it.
pub fn unread(text: &str) -> Option<Failure> {
    let (instruction, span) = here_document(text)?;
    let instead = match instruction {
        "RUN" => "join the commands with `&&`, and end each line but the last with a backslash",
        _ => "put the text into a file beside the Dockerfile, and name that",
    };
    let error = BuildError::NotSimulated(format!("a here-document of {instruction}"), instead);
    Some(Failure { error, span: Some(span) })
}

/// `RUN --mount=…`, by its type; `bind` is what it is without one.
pub(super) fn no_mount(mount: &str) -> BuildError {
    let kind = mount.split(',').find_map(|pair| pair.strip_prefix("type=")).unwrap_or("bind");
    let instead = match kind {
        "cache" => "without it the step does the same, and fetches again what a cache would have kept",
        "bind" => "`COPY` what the step needs before it, or build in a stage of its own and `COPY --from` it",
        "tmpfs" => "without it what is written there stays in the layer; remove it in the same `RUN`",
        "secret" => "no build here has secrets; what `COPY` or `ARG` brings in stays in the image",
        "ssh" => "there is nowhere to connect to",
        _ => "leave it out",
    };
    BuildError::NotSimulated(format!("RUN --mount=type={kind}"), instead)
}

/// The stages that the last one needs; of the others only a `FROM scratch` remains, for the numbers' sake.
pub(super) fn needed(mut dockerfile: Dockerfile) -> Result<Dockerfile, BuildError> {
    let mut names: Vec<Option<String>> = Vec::new();
    let mut needs: Vec<Vec<usize>> = Vec::new();
    for statement in &dockerfile.statements {
        let find = |text: &str| names.iter().rposition(|name| name.as_deref() == Some(&*text.to_ascii_lowercase()));
        let needed = match &statement.instruction {
            Instruction::From { base, name, .. } => {
                let base = find(base);
                names.push(name.clone());
                needs.push(base.into_iter().collect());
                continue;
            }
            Instruction::Copy(Transfer { from: Some(from), .. }) => match (find(from), from.parse::<usize>()) {
                (None, Ok(index)) if index + 1 >= needs.len() => {
                    return Err(BuildError::Refused(format!("invalid stage index {index}")));
                }
                (stage, index) => stage.or(index.ok()),
            },
            _ => None,
        };
        needs.last_mut().into_iter().for_each(|stage| stage.extend(needed));
    }
    let mut keep = vec![false; needs.len()];
    let mut open: Vec<usize> = needs.len().checked_sub(1).into_iter().collect();
    while let Some(stage) = open.pop() {
        if !std::mem::replace(&mut keep[stage], true) {
            open.extend(&needs[stage]);
        }
    }
    let mut stage = 0;
    dockerfile.statements.retain_mut(|statement| match &mut statement.instruction {
        Instruction::From { base, .. } => {
            stage += 1;
            if !keep[stage - 1] {
                *base = "scratch".to_owned();
            }
            true
        }
        _ => stage == 0 || keep[stage - 1],
    });
    Ok(dockerfile)
}

impl Builder {
    /// Every image that is needed, each once, in the order of the Dockerfile.
    pub fn bases(&self) -> Result<Vec<Base>, Failure> {
        let mut builder = self.clone();
        let mut bases: Vec<Base> = Vec::new();
        let dockerfile = self.dockerfile.clone();
        for (at, statement) in dockerfile.statements.iter().enumerate() {
            let failed = |error: BuildError| Failure { error, span: Some(statement.span) };
            let name = match &statement.instruction {
                Instruction::Arg(args) if builder.stage.is_none() => {
                    builder.declare_globals(args).map_err(failed)?;
                    continue;
                }
                Instruction::From { base, name, .. } => {
                    builder
                        .stages
                        .extend(builder.stage.replace(StageState { name: name.clone(), ..Default::default() }));
                    let expanded = expand_word(base, &builder.args.globals(), dockerfile.escape);
                    expanded.map_err(|error| failed(error.into()))?
                }
                Instruction::Copy(Transfer { from: Some(from), .. }) if from.parse::<usize>().is_err() => from.clone(),
                _ => continue,
            };
            let lower = name.to_ascii_lowercase();
            let is_stage = builder.stages.iter().any(|stage| stage.name.as_deref() == Some(&*lower));
            if name.is_empty() {
                let base = statement.original.split_whitespace().nth(1).unwrap_or_default();
                return Err(failed(BuildError::Refused(format!("base name ({base}) should not be blank"))));
            }
            if name == "scratch" || is_stage {
                continue;
            }
            let reference = Reference::parse(&name).map_err(|error| {
                let unknown =
                    if error.to_string().contains("lowercase") { format!(" (library/{name})") } else { String::new() };
                let why = error.to_string().replace(" must be", &format!("{unknown} must be"));
                failed(BuildError::Refused(format!("failed to parse stage name {}: {why}", quoted(&name))))
            })?;
            if !bases.iter().any(|base| base.reference == reference) {
                let is_from = matches!(statement.instruction, Instruction::From { .. });
                let prefix = if is_from { builder.prefix(at) } else { String::new() };
                let stage = builder.stages.len();
                bases.push(Base { name, reference, prefix, stage, span: statement.span });
            }
        }
        Ok(bases)
    }

    /// Carries out everything without a node. Answers what is needed of the context.
    pub fn plan(&self, store: &Store) -> Result<Vec<String>, Failure> {
        let mut builder = Builder { dry: true, ..self.clone() };
        let mut sources = Vec::new();
        loop {
            let span = self.dockerfile.statements.get(builder.next).map(|statement| statement.span);
            match builder.dry_step(store, &mut sources) {
                Ok(true) => {}
                Ok(false) => return Ok(sources),
                Err(error @ BuildError::NoArguments) => return Err(Failure { error, span: None }),
                Err(error) => return Err(Failure { error, span }),
            }
        }
    }

    fn dry_step(&mut self, store: &Store, sources: &mut Vec<String>) -> Result<bool, BuildError> {
        let Some(statement) = self.begin()?.cloned() else { return Ok(false) };
        if let (Instruction::Copy(transfer) | Instruction::Add(transfer), Some(stage)) =
            (&statement.instruction, &self.stage)
            && transfer.from.is_none()
        {
            let variables = self.variables(stage);
            for source in &transfer.sources {
                sources.push(clean(&expand_word(source, &variables, self.dockerfile.escape)?));
            }
        }
        self.work(store)?;
        self.finish(Outcome::default(), &mut store.clone())?;
        Ok(true)
    }

    /// The stages, by their number, whose first step is not in the cache: those need what they are FROM.
    pub fn standing(&self, store: &Store) -> Vec<usize> {
        let mut builder = self.clone();
        let mut standing = Vec::new();
        let mut bare = None;
        while let Ok(Some(statement)) = builder.begin() {
            if let Instruction::From { .. } = statement.instruction {
                standing.extend(bare.replace(builder.stages.len() + usize::from(builder.stage.is_some())));
            }
            match builder.work(store) {
                Ok(Work::Base(_) | Work::Declare | Work::Configure) => {}
                Ok(Work::Cached(_)) => bare = None,
                _ => {
                    standing.extend(bare.take());
                    let rest = &self.dockerfile.statements[builder.next..];
                    let next = rest.iter().position(|s| matches!(s.instruction, Instruction::From { .. }));
                    builder.next += next.unwrap_or(rest.len());
                    builder.pending = None;
                    continue;
                }
            }
            if builder.finish(Outcome::default(), &mut store.clone()).is_err() {
                break;
            }
        }
        standing.extend(bare);
        standing
    }

    /// `[2/5] RUN …`: how the instruction that was begun is named, if it is one that makes a layer.
    pub fn vertex(&self) -> Option<String> {
        let (statement, stage) = (self.dockerfile.statements.get(self.next)?, self.stage.as_ref()?);
        if !has_vertex(&statement.instruction) {
            return None;
        }
        let expanded = expand_label(&statement.original, &self.variables(stage), self.dockerfile.escape);
        let text = expanded.unwrap_or_else(|_| statement.original.clone());
        let (name, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        Some(format!("{}{}{rest}", self.prefix(self.next), name.to_ascii_uppercase()))
    }

    pub fn span(&self) -> Option<Span> {
        self.dockerfile.statements.get(self.next).map(|statement| statement.span)
    }

    /// `[build 2/5] `, the stage's name where there are several.
    fn prefix(&self, at: usize) -> String {
        let statements = &self.dockerfile.statements;
        let is_from = |at: usize| matches!(statements[at].instruction, Instruction::From { .. });
        let Some(first) = (0..=at).rfind(|at| is_from(*at)) else { return String::new() };
        let end = (first + 1..statements.len()).find(|at| is_from(*at)).unwrap_or(statements.len());
        let Instruction::From { base, name, .. } = &statements[first].instruction else { return String::new() };
        let base = expand_word(base, &self.args.globals(), self.dockerfile.escape).unwrap_or_default();
        let index = (0..first).filter(|at| is_from(*at)).count();
        let lower = base.to_ascii_lowercase();
        let has_base = base != "scratch" && !self.stages[..index].iter().any(|s| s.name.as_deref() == Some(&*lower));
        let count = |end: usize, which: fn(&Instruction) -> bool| {
            (first..end).filter(|at| which(&statements[*at].instruction)).count() + usize::from(has_base)
        };
        let (step, total) = (count(at + 1, has_vertex), count(end, makes_layer));
        let outside = |s: &super::Statement| {
            matches!(&s.instruction, Instruction::Copy(Transfer { from: Some(from), .. }) if from.parse::<usize>().is_err()
                && !self.is_named(from))
        };
        let single = !self.several && !statements.iter().any(outside);
        let stage = match (single, name) {
            (true, _) => String::new(),
            (false, Some(name)) => format!("{name} "),
            (false, None) => format!("stage-{index} "),
        };
        let width = total.max(1).ilog10() as usize + 1;
        format!("[{stage}{step:width$}/{total}] ")
    }

    fn is_named(&self, stage: &str) -> bool {
        self.dockerfile.statements.iter().any(|statement| match &statement.instruction {
            Instruction::From { name: Some(name), .. } => name.eq_ignore_ascii_case(stage),
            _ => false,
        })
    }

    /// Takes the step from the cache, if the same was once done to the same layers.
    pub(super) fn recall(&self, pending: &mut Pending, store: &Store) {
        let what = match &pending.work {
            Work::Run(process) => {
                [&process.argv, &process.env, &vec![process.working_dir.clone(), process.user.clone()]]
                    .map(|words| words.join("\0"))
                    .join("\n")
            }
            Work::Unpack { argv, .. } => {
                format!("{}\n{}", argv.join("\0"), pending.probe.cmd.iter().flatten().last().map_or("", |cmd| cmd))
            }
            _ => return,
        };
        let key = Digest::of(format!("{} {what}", pending.stage.key).as_bytes());
        pending.stage.key = key;
        if !self.options.no_cache && !self.dry && store.step(&key).is_some() {
            pending.work = Work::Cached(key);
        }
    }

    /// The step is done: its layer, which may be one without a change, is the stage's.
    pub(super) fn keep(&self, pending: &mut Pending, outcome: Outcome, store: &mut Store) -> Result<(), BuildError> {
        let stage = &mut pending.stage;
        let mut created = String::new();
        if !self.dry && !matches!(pending.work, Work::Configure) {
            if let Some(tar) = outcome.layer {
                stage.diff_ids.push(store.add_layer(tar)?.diff_id);
                store.keep_step(stage.key, &stage.diff_ids, outcome.created);
            }
            if let Some(step) = store.step(&stage.key) {
                stage.diff_ids.clone_from(&step.diff_ids);
                created.clone_from(&step.created);
            }
        }
        if !pending.created_by.is_empty() {
            stage.history.push(History {
                empty_layer: created.is_empty(),
                created,
                created_by: std::mem::take(&mut pending.created_by),
                comment: COMMENT.to_owned(),
                ..History::default()
            });
        }
        Ok(())
    }

    /// The one image (`exporter/containerimage/writer.go`, `normalizeLayersAndHistory`): what made no layer is as old as
    /// the layer before it, or as the first.
    pub(super) fn export(&self, stage: &StageState, store: &mut Store) -> Result<Digest, BuildError> {
        let mut history = stage.history.clone();
        let untimed = history.iter().position(|entry| entry.created.is_empty()).unwrap_or(history.len());
        let timed = |entry: &&History| !entry.created.is_empty();
        let first = history[untimed..].iter().find(timed).or_else(|| history.iter().rfind(timed));
        let mut created = first.map(|entry| entry.created.clone()).unwrap_or_default();
        for entry in &mut history[untimed..] {
            match entry.created.is_empty() {
                true => entry.created.clone_from(&created),
                false => created.clone_from(&entry.created),
            }
        }
        let mut config = stage.config.clone();
        if !self.options.labels.is_empty() {
            config.labels.get_or_insert_default().extend(self.options.labels.iter().cloned());
        }
        config.image.clear();
        let created = history.last().map(|entry| entry.created.clone()).unwrap_or_default();
        let (author, diff_ids) = (stage.author.clone(), stage.diff_ids.clone());
        let image =
            ImageConfig { author, config, created, history, diff_ids, era: Era::Today, ..ImageConfig::default() };
        Ok(store.add_image(image, None)?.id)
    }
}

const COMMENT: &str = "buildkit.dockerfile.v0";

fn makes_layer(instruction: &Instruction) -> bool {
    use Instruction::*;
    matches!(instruction, Run { .. } | Copy(_) | Add(_) | Workdir(_))
}

/// `WORKDIR /` is counted among the steps, and none.
fn has_vertex(instruction: &Instruction) -> bool {
    makes_layer(instruction) && !matches!(instruction, Instruction::Workdir(path) if path == "/")
}
