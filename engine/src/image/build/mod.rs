//! A build, without doing it: what each instruction needs, one after another, and the image it leads to.
//!
//! The rules are those of the classic builder of Docker 20.10 (moby `builder/dockerfile`). [`Builder`] is plain data;
//! whoever drives it prints [`Builder::begin`], does what [`Builder::work`] says on a node, and reports with
//! [`Builder::finish`]:
//!
//! ```text
//! while let Some(step) = builder.begin()? {          print "Step 2/5 : …"
//!     loop { match builder.work(&store)? {
//!         Pull(reference)   → pull it, ask again      (a failure: print Builder::pull_failed)
//!         Declare           → builder.finish(…)       a global ARG: nothing is printed
//!         Base | Cached     → builder.finish(…)       Cached prints " ---> Using cache"
//!         Configure         → " ---> Running in ID", finish with that container's id
//!         Run               → the same, with the upperdir's layer
//!         Unpack            → a container that runs `argv` with `stdin`; its layer
//!     } }
//!     print " ---> " and the image's short id
//! }
//! ```
//!
//! Every RUN, COPY, ADD and WORKDIR is work for a node, whichever the era. In today's, BuildKit's, what leads to an image
//! is told apart in [`buildkit`]: which stages are needed, what is known before anything runs, a cache that is no image.
//!
//! Refused: ONBUILD triggers of a base image do not run, `VOLUME` does not discard later writes, compressed archives and
//! URLs in ADD.

mod args;
mod buildkit;
mod classic;
mod configure;
mod copy;
mod ports;
mod step;
mod sum;

#[cfg(test)]
mod tests;

pub use buildkit::{Base, Failure, unread};
pub use configure::change;
pub use copy::Copied;

use super::Digest;
use super::config::{History, RunConfig};
use super::dockerfile::{self, Dockerfile, ExpandError, Instruction, Statement, Transfer};
use super::reference::{Reference, ReferenceError};
use super::store::{Store, StoreError};
use super::tar::TarError;
use super::tree::Tree;
use crate::scenario::Era;
use args::BuildArgs;
use std::sync::Arc;

/// What `docker build` was asked, as far as the image is concerned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub build_args: Vec<(String, String)>,
    pub labels: Vec<(String, String)>,
    pub target: Option<String>,
    pub no_cache: bool,
    /// Whose builder: the classic one, or today's BuildKit.
    pub era: Era,
}

/// Why a build stops, in Docker's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Expand(#[from] ExpandError),
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A kernel's layer, or a context, that is no archive.
    #[error("Error processing tar file(exit status 1): {0}")]
    Tar(#[from] TarError),
    /// BuildKit, of what a COPY or ADD names and the context has not.
    #[error("{0} not found")]
    NotFound(String),
    /// BuildKit, of a RUN of nothing: found out when nobody knows its place any more.
    #[error("failed to marshal LLB definition: arguments are required")]
    NoArguments,
    /// What BuildKit has and this world has not, and what to do instead.
    #[error("drydock: {0} is not simulated here: {1}")]
    NotSimulated(String, &'static str),
}

/// What the current instruction needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The store has no such image.
    Pull(Reference),
    /// A global ARG.
    Declare,
    /// FROM: the stage stands on this image, or on nothing.
    Base(Option<Digest>),
    /// This image is what the instruction leads to; with BuildKit, this step of its cache.
    Cached(Digest),
    /// A change of configuration alone; the classic builder makes a container for it all the same.
    Configure,
    Run(Process),
    /// COPY, ADD and WORKDIR: the guest program `unpack` in a container.
    Unpack {
        argv: Vec<String>,
        stdin: Arc<[u8]>,
        /// WORKDIR tells the container it runs in, COPY and ADD do not.
        told: bool,
    },
}

/// A RUN's process. Its layer is its container's upperdir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub working_dir: String,
    pub user: String,
}

impl Process {
    /// What is said when it ends with another code than 0.
    pub fn failure(&self, code: i32) -> String {
        format!("The command '{}' returned a non-zero code: {code}", self.argv.join(" "))
    }
}

/// How the work went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The container's id, 64 digits, if one was made and told.
    pub container: Option<String>,
    /// Its upperdir, as [`crate::node::NodeEvent::Committed`] tells it.
    pub layer: Option<Arc<[u8]>>,
    /// RFC 3339 with nanoseconds: now.
    pub created: String,
}

/// A build in progress.
#[derive(Clone, Debug)]
pub struct Builder {
    dockerfile: Arc<Dockerfile>,
    options: Options,
    context: Arc<Tree>,
    args: BuildArgs,
    /// The next statement.
    next: usize,
    /// The stages before.
    stages: Vec<StageState>,
    stage: Option<StageState>,
    /// What `work` decided, for `finish`.
    pending: Option<Pending>,
    /// Nothing is carried out: sources are not looked for.
    dry: bool,
    /// The Dockerfile has more stages than one, built or not.
    several: bool,
}

/// The state of the stage that is being built.
#[derive(Clone, Debug, Default)]
struct StageState {
    name: Option<String>,
    /// Of the classic builder alone, which makes one of every step.
    image: Option<Digest>,
    diff_ids: Vec<Digest>,
    history: Vec<History>,
    /// What BuildKit knows the layers so far by.
    key: Digest,
    config: RunConfig,
    author: String,
    cmd_set: bool,
    /// A miss makes every later step of the stage miss.
    cache_busted: bool,
    /// FROM alone; nothing was built on it yet.
    base: bool,
}

/// A step that is under way: what its image will be.
#[derive(Clone, Debug)]
struct Pending {
    work: Work,
    /// The stage after it.
    stage: StageState,
    /// `container_config`: the configuration with what the step is known by as its `Cmd`.
    probe: RunConfig,
    created_by: String,
    may_change_files: bool,
}

impl Builder {
    pub fn new(dockerfile: Dockerfile, context: &Arc<[u8]>, options: Options) -> Result<Builder, BuildError> {
        let is_from = |statement: &&Statement| matches!(statement.instruction, Instruction::From { .. });
        let several = dockerfile.statements.iter().filter(is_from).count() > 1;
        let dockerfile = targeted(dockerfile, &options)?;
        let context = Tree::of_entries(super::tar::read(context)?);
        let args = BuildArgs::new(&options.build_args);
        Ok(Builder {
            dockerfile: Arc::new(dockerfile),
            options,
            context: Arc::new(context),
            args,
            next: 0,
            stages: Vec::new(),
            stage: None,
            pending: None,
            dry: false,
            several,
        })
    }

    /// What is to be printed to standard error before the first step.
    pub fn warnings(&self) -> &[String] {
        &self.dockerfile.warnings
    }

    /// The next instruction, or `None` when all is done.
    pub fn begin(&mut self) -> Result<Option<&Statement>, BuildError> {
        let Some(statement) = self.dockerfile.statements.get(self.next) else { return Ok(None) };
        if let (Instruction::From { name: Some(name), .. }, Era::Course) = (&statement.instruction, self.options.era) {
            let earlier = self.stages.iter().chain(&self.stage);
            if earlier.flat_map(|stage| &stage.name).any(|earlier| earlier == name) {
                return Err(BuildError::Refused(format!("{name} stage name already used")));
            }
        }
        Ok(Some(statement))
    }

    /// `2/5`: the place of the instruction that was begun.
    pub fn place(&self) -> String {
        format!("{}/{}", self.next + 1, self.dockerfile.statements.len())
    }

    /// What the instruction that was begun needs. May be asked again after a pull.
    pub fn work(&mut self, store: &Store) -> Result<Work, BuildError> {
        let dockerfile = self.dockerfile.clone();
        let statement = &dockerfile.statements[self.next];
        let pending = match (&statement.instruction, &self.stage) {
            (Instruction::From { base, name, .. }, _) => self.from(base, name.clone(), store)?,
            (Instruction::Arg(args), None) => {
                self.declare_globals(args)?;
                return Ok(Work::Declare);
            }
            (_, None) => return Err(BuildError::Refused("no build stage in current context".to_owned())),
            (_, Some(stage)) => self.step(statement, stage.clone(), store)?,
        };
        let mut pending = match pending {
            Ok(pending) => pending,
            Err(needed) => return Ok(Work::Pull(needed)),
        };
        match (&pending.work, self.options.era) {
            (Work::Base(_), _) => {}
            (_, Era::Course) => self.probe(&mut pending, store),
            (_, Era::Today) => self.recall(&mut pending, store),
        }
        let work = pending.work.clone();
        self.pending = Some(pending);
        Ok(work)
    }

    /// The work is done. Answers the image of this step: what ` ---> ` shows; `None` for a global ARG, for scratch, and
    /// from BuildKit.
    pub fn finish(&mut self, outcome: Outcome, store: &mut Store) -> Result<Option<Digest>, BuildError> {
        self.next += 1;
        let Some(mut pending) = self.pending.take() else { return Ok(None) };
        match (&pending.work, self.options.era) {
            (Work::Base(_), _) => {
                self.stages.extend(self.stage.take());
                self.args.begin_stage();
            }
            (_, Era::Course) => self.commit(&mut pending, outcome, store)?,
            (_, Era::Today) => self.keep(&mut pending, outcome, store)?,
        }
        let mut stage = pending.stage;
        if let Instruction::Arg(_) = self.dockerfile.statements[self.next - 1].instruction {
            self.declare(&stage)?;
        }
        stage.config.image = stage.image.map(|image| image.to_string()).unwrap_or_default();
        let image = stage.image;
        self.stage = Some(stage);
        Ok(image)
    }

    /// The layers that the next step stands on.
    pub fn layers(&self) -> &[Digest] {
        self.stage.as_ref().map_or(&[], |stage| &stage.diff_ids)
    }

    /// The image that was built, once [`Builder::begin`] has answered `None`.
    pub fn image(&self, store: &mut Store) -> Result<Digest, BuildError> {
        if let (Some(stage), Era::Today) = (&self.stage, self.options.era) {
            return self.export(stage, store);
        }
        let nothing = "No image was generated. Is your Dockerfile empty?";
        let image = self.stage.as_ref().and_then(|stage| stage.image);
        image.ok_or_else(|| match (&self.stage, self.options.era) {
            (Some(_), _) => BuildError::Refused(nothing.to_owned()),
            // What a client of this version hears of a Dockerfile with ARGs alone: its daemon's handler fails.
            (None, Era::Course) => BuildError::Refused("unexpected EOF".to_owned()),
            // buildkit `dockerfile2llb/convert.go`; the 26.1 that was recorded ends itself.
            (None, Era::Today) => BuildError::Refused("dockerfile contains no stages to build".to_owned()),
        })
    }

    pub fn context(&self) -> &Tree {
        &self.context
    }

    /// Printed to standard output after the last step.
    pub fn unused_arguments(&self) -> Option<String> {
        let unused = self.args.unused();
        (!unused.is_empty())
            .then(|| format!("[Warning] One or more build-args [{}] were not consumed", unused.join(" ")))
    }

    /// What is said when the image that [`Work::Pull`] named cannot be had, for the reason `why`.
    pub fn pull_failed(&self, why: &str) -> BuildError {
        let from = match self.dockerfile.statements.get(self.next).map(|statement| &statement.instruction) {
            Some(Instruction::Copy(Transfer { from: Some(from), .. })) => format!("invalid from flag value {from}: "),
            _ => String::new(),
        };
        BuildError::Refused(format!("{from}{why}"))
    }
}

/// The statements up to the end of the target's stage: with `--label` at the end, or without what BuildKit passes over.
fn targeted(mut dockerfile: Dockerfile, options: &Options) -> Result<Dockerfile, BuildError> {
    if let Some(target) = options.target.as_deref().filter(|target| !target.is_empty()) {
        let lower = target.to_ascii_lowercase();
        let is_target =
            |s: &Statement| matches!(&s.instruction, Instruction::From { name: Some(n), .. } if *n == lower);
        let missing = || {
            BuildError::Refused(match options.era {
                Era::Course => format!("failed to reach build target {target} in Dockerfile"),
                Era::Today => format!("target stage {} could not be found", dockerfile::quoted(target)),
            })
        };
        let first = dockerfile.statements.iter().position(is_target).ok_or_else(missing)?;
        let is_from = |s: &Statement| matches!(s.instruction, Instruction::From { .. });
        let length = dockerfile.statements[first + 1..].iter().position(is_from);
        if let Some(length) = length {
            dockerfile.statements.truncate(first + 1 + length);
        }
    }
    if options.era == Era::Today {
        return buildkit::needed(dockerfile);
    }
    if !options.labels.is_empty() {
        let quote = |(name, value): &(String, String)| (single_quoted(name), single_quoted(value));
        let text: Vec<String> = options.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        dockerfile.statements.push(Statement {
            instruction: Instruction::Label(options.labels.iter().map(quote).collect()),
            original: format!("LABEL {}", text.join(" ")),
            span: dockerfile::Span::default(),
        });
    }
    Ok(dockerfile)
}

/// A word that expands to exactly this text.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}
