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
//! Refused: ONBUILD triggers of a base image do not run, `VOLUME` does not discard later writes, compressed archives and
//! URLs in ADD.

mod args;
mod configure;
mod copy;
mod ports;
mod sum;

#[cfg(test)]
mod tests;

pub use copy::Copied;

use super::Digest;
use super::config::{History, ImageConfig, RunConfig};
use super::dockerfile::{self, Dockerfile, ExpandError, Instruction, Statement, Transfer, expand_word};
use super::reference::{Reference, ReferenceError};
use super::store::{Image, Store, StoreError};
use super::tar::TarError;
use super::tree::Tree;
use crate::node::TOOLBOX;
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
    /// This image is what the instruction leads to.
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
    /// Images of the stages before, with their names.
    stages: Vec<(Option<String>, Option<Digest>)>,
    stage: Option<StageState>,
    /// What `work` decided, for `finish`.
    pending: Option<Pending>,
}

/// The state of the stage that is being built.
#[derive(Clone, Debug, Default)]
struct StageState {
    name: Option<String>,
    image: Option<Digest>,
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
        })
    }

    /// What is to be printed to standard error before the first step.
    pub fn warnings(&self) -> &[String] {
        &self.dockerfile.warnings
    }

    /// `Step 2/5 : RUN …`, or `None` when all is done.
    pub fn begin(&mut self) -> Result<Option<String>, BuildError> {
        let Some(statement) = self.dockerfile.statements.get(self.next) else { return Ok(None) };
        if let Instruction::From { name: Some(name), .. } = &statement.instruction {
            let earlier = self.stages.iter().map(|(name, _)| name).chain(self.stage.iter().map(|stage| &stage.name));
            if earlier.flatten().any(|earlier| earlier == name) {
                return Err(BuildError::Refused(format!("{name} stage name already used")));
            }
        }
        let count = self.dockerfile.statements.len();
        Ok(Some(format!("Step {}/{count} : {}", self.next + 1, statement.original)))
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
        if !matches!(pending.work, Work::Base(_)) {
            self.probe(&mut pending, store);
        }
        let work = pending.work.clone();
        self.pending = Some(pending);
        Ok(work)
    }

    /// The work is done. Answers the image of this step: what ` ---> ` shows; `None` for a global ARG and for scratch.
    pub fn finish(&mut self, outcome: Outcome, store: &mut Store) -> Result<Option<Digest>, BuildError> {
        self.next += 1;
        let Some(pending) = self.pending.take() else { return Ok(None) };
        let image = match &pending.work {
            Work::Base(image) => *image,
            Work::Cached(image) => Some(*image),
            _ => Some(self.commit(&pending, outcome, store)?),
        };
        if let Work::Base(_) = pending.work {
            if let Some(done) = self.stage.take() {
                self.stages.push((done.name, done.image));
            }
            self.args.begin_stage();
        }
        if let Instruction::Arg(_) = self.dockerfile.statements[self.next - 1].instruction {
            self.declare(&pending.stage)?;
        }
        let mut stage = pending.stage;
        stage.image = image;
        stage.config.image = image.map(|image| image.to_string()).unwrap_or_default();
        self.stage = Some(stage);
        Ok(image)
    }

    /// The image that was built, once [`Builder::begin`] has answered `None`.
    pub fn image(&self) -> Result<Digest, BuildError> {
        let nothing = "No image was generated. Is your Dockerfile empty?";
        let image = self.stage.as_ref().and_then(|stage| stage.image);
        image.ok_or_else(|| match self.stage {
            Some(_) => BuildError::Refused(nothing.to_owned()),
            // What a client of this version hears of a Dockerfile with ARGs alone: its daemon's handler fails.
            None => BuildError::Refused("unexpected EOF".to_owned()),
        })
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

/// The statements up to the end of the target's stage, with `--label` at the end.
fn targeted(mut dockerfile: Dockerfile, options: &Options) -> Result<Dockerfile, BuildError> {
    if let Some(target) = options.target.as_deref().filter(|target| !target.is_empty()) {
        let lower = target.to_ascii_lowercase();
        let is_target =
            |s: &Statement| matches!(&s.instruction, Instruction::From { name: Some(n), .. } if *n == lower);
        let missing = || BuildError::Refused(format!("failed to reach build target {target} in Dockerfile"));
        let first = dockerfile.statements.iter().position(is_target).ok_or_else(missing)?;
        let is_from = |s: &Statement| matches!(s.instruction, Instruction::From { .. });
        let length = dockerfile.statements[first + 1..].iter().position(is_from);
        if let Some(length) = length {
            dockerfile.statements.truncate(first + 1 + length);
        }
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

/// One instruction.
impl Builder {
    fn declare_globals(&mut self, args: &[(String, Option<String>)]) -> Result<(), BuildError> {
        for (name, default) in args {
            let globals = self.args.globals();
            let default =
                default.as_ref().map(|word| expand_word(word, &globals, self.dockerfile.escape)).transpose()?;
            self.args.declare_global(name, default);
        }
        Ok(())
    }

    /// An ARG inside a stage, after its own step.
    fn declare(&mut self, stage: &StageState) -> Result<(), BuildError> {
        let dockerfile = self.dockerfile.clone();
        let Instruction::Arg(args) = &dockerfile.statements[self.next - 1].instruction else { return Ok(()) };
        let variables = self.variables(stage);
        for (name, default) in args {
            let default = default.as_ref().map(|word| expand_word(word, &variables, dockerfile.escape)).transpose()?;
            self.args.declare(name, default);
        }
        Ok(())
    }

    fn variables(&self, stage: &StageState) -> Vec<String> {
        let env = &stage.config.env;
        env.iter().cloned().chain(self.args.visible(env)).collect()
    }

    fn from(&self, base: &str, name: Option<String>, store: &Store) -> Result<Result<Pending, Reference>, BuildError> {
        let expanded = expand_word(base, &self.args.globals(), self.dockerfile.escape)?;
        if expanded.is_empty() {
            return Err(BuildError::Refused(format!("base name ({base}) should not be blank")));
        }
        let mut stage = StageState { name, base: true, cache_busted: self.options.no_cache, ..StageState::default() };
        let earlier = self.stages.iter().cloned().chain(self.stage.iter().map(|s| (s.name.clone(), s.image)));
        let lower = expanded.to_ascii_lowercase();
        let mut earlier = earlier.filter(|(name, _)| name.as_deref() == Some(lower.as_str()));
        let image = match earlier.next() {
            Some((_, image)) => image.and_then(|image| store.image(&image)),
            None if expanded == "scratch" => None,
            None => match found(store, &expanded)? {
                Ok(image) => Some(image),
                Err(missing) => return Ok(Err(missing)),
            },
        };
        if let Some(image) = image {
            stage.config = image.config.config.clone();
            stage.config.on_build.clear();
            stage.image = Some(image.id);
        }
        stage.config.hostname.clear();
        if !stage.config.env.iter().any(|line| line.starts_with("PATH=")) {
            stage.config.env.push(super::config::DEFAULT_PATH.to_owned());
        }
        let work = Work::Base(stage.image);
        Ok(Ok(Pending { work, stage, probe: RunConfig::default(), created_by: String::new(), may_change_files: false }))
    }

    fn step(
        &self,
        statement: &Statement,
        mut stage: StageState,
        store: &Store,
    ) -> Result<Result<Pending, Reference>, BuildError> {
        stage.base = false;
        match &statement.instruction {
            Instruction::Run { mount: Some(_), .. } => Err(needs_buildkit("mount")),
            Instruction::Run { command, .. } => self.run(command.argv(&stage.config.shell()), stage).map(Ok),
            Instruction::Copy(transfer) => self.transfer("COPY", transfer, stage, store),
            Instruction::Add(transfer) => self.transfer("ADD", transfer, stage, store),
            Instruction::Workdir(path) => self.working_dir(path, stage).map(Ok),
            other => {
                let variables = self.variables(&stage);
                let comment = configure::apply(other, &mut stage, &variables, self.dockerfile.escape)?;
                let mut cmd = stage.config.shell();
                cmd.extend(["#(nop) ".to_owned(), comment.classic]);
                let created_by = self.created_by(&cmd, &comment.today);
                let probe = RunConfig { cmd: Some(cmd), ..stage.config.clone() };
                Ok(Ok(Pending { work: Work::Configure, stage, probe, created_by, may_change_files: false }))
            }
        }
    }

    fn run(&self, argv: Vec<String>, stage: StageState) -> Result<Pending, BuildError> {
        if argv.is_empty() {
            return Err(BuildError::Refused("No command specified".to_owned()));
        }
        let visible = self.args.visible(&stage.config.env);
        let counted: Vec<String> = visible.iter().filter(|line| self.args.counts(line)).cloned().collect();
        let mut cmd = Vec::new();
        if !visible.is_empty() {
            cmd.push(format!("|{}", counted.len()));
            cmd.extend(counted);
        }
        cmd.extend(argv.iter().cloned());
        let created_by = self.created_by(&cmd, &format!("RUN {} # buildkit", cmd.join(" ")));
        let env = stage.config.env.iter().cloned().chain(visible).collect();
        let working_dir = absolute_dir(&stage.config.working_dir);
        let process = Process { argv, env, working_dir, user: stage.config.user.clone() };
        let probe = RunConfig { cmd: Some(cmd), entrypoint: None, ..stage.config.clone() };
        Ok(Pending { work: Work::Run(process), stage, probe, created_by, may_change_files: true })
    }

    fn working_dir(&self, path: &str, mut stage: StageState) -> Result<Pending, BuildError> {
        let path = expand_word(path, &self.variables(&stage), self.dockerfile.escape)?;
        if path.is_empty() {
            return Err(BuildError::Refused("cannot normalize nothing".to_owned()));
        }
        let joined = if path.starts_with('/') { path } else { format!("{}/{path}", stage.config.working_dir) };
        let directory = format!("/{}", clean(&joined));
        stage.config.working_dir = directory.clone();
        let mut cmd = stage.config.shell();
        cmd.push(format!("#(nop) WORKDIR {directory}"));
        let created_by = self.created_by(&cmd, &format!("WORKDIR {directory}"));
        let probe = RunConfig { cmd: Some(cmd), ..stage.config.clone() };
        let work = Work::Unpack { argv: unpack(None, &directory), stdin: super::tar::write(&[]).into(), told: true };
        Ok(Pending { work, stage, probe, created_by, may_change_files: true })
    }

    fn transfer(
        &self,
        name: &'static str,
        transfer: &Transfer,
        stage: StageState,
        store: &Store,
    ) -> Result<Result<Pending, Reference>, BuildError> {
        if transfer.chmod.is_some() {
            return Err(needs_buildkit("chmod"));
        }
        let variables = self.variables(&stage);
        let expand = |word: &String| expand_word(word, &variables, self.dockerfile.escape);
        let expanded = Transfer {
            sources: transfer.sources.iter().map(expand).collect::<Result<_, _>>()?,
            destination: expand(&transfer.destination)?,
            from: transfer.from.clone(),
            chown: transfer.chown.as_ref().map(expand).transpose()?,
            chmod: None,
        };
        let other = match &transfer.from {
            None => None,
            Some(from) => match self.source_image(from, store)? {
                Ok(image) => Some(Tree::of_layers(&store.layers_of(&image))),
                Err(missing) => return Ok(Err(missing)),
            },
        };
        let source = copy::Source { tree: other.as_ref().unwrap_or(&self.context), in_image: other.is_some() };
        let so_far = stage.image.and_then(|image| store.image(&image));
        let so_far = so_far.map(|image| Tree::of_layers(&store.layers_of(image))).unwrap_or_default();
        let destination = copy::Destination { tree: &so_far, working_dir: &stage.config.working_dir };
        let copied = copy::copy(name, &expanded, &source, &destination)?;

        let chown = expanded.chown.as_ref().map(|chown| format!("--chown={chown}")).unwrap_or_default();
        let mut cmd = stage.config.shell();
        cmd.push(format!("#(nop) {name} {chown}{} in {} ", copied.sum, expanded.destination));
        let sources = expanded.sources.join(" ");
        let created_by = self.created_by(&cmd, &format!("{name} {sources} {} # buildkit", expanded.destination));
        let probe = RunConfig { cmd: Some(cmd), ..stage.config.clone() };
        let work = Work::Unpack { argv: unpack(copied.owner, &copied.directory), stdin: copied.tar, told: false };
        Ok(Ok(Pending { work, stage, probe, created_by, may_change_files: true }))
    }

    /// `--from=NAME`, `--from=0` or an image.
    fn source_image(&self, from: &str, store: &Store) -> Result<Result<Arc<Image>, Reference>, BuildError> {
        let refused = |why: &str| BuildError::Refused(format!("invalid from flag value {from}: {why}"));
        let lower = from.to_ascii_lowercase();
        let stage = match self.stages.iter().find(|(name, _)| name.as_deref() == Some(lower.as_str())) {
            Some(stage) => Some(stage),
            None => match from.parse::<usize>() {
                Ok(index) if index == self.stages.len() => return Err(refused("refers to current build stage")),
                Ok(index) => Some(self.stages.get(index).ok_or_else(|| refused("index out of bounds"))?),
                Err(_) => None,
            },
        };
        match stage {
            Some((_, image)) => {
                let image = image.and_then(|image| store.image(&image)).cloned();
                image.map(Ok).ok_or_else(|| refused("the stage has no image"))
            }
            None => match found(store, from).map_err(|error| refused(&error.to_string()))? {
                Ok(image) => Ok(Ok(image.clone())),
                Err(missing) => Ok(Err(missing)),
            },
        }
    }

    fn created_by(&self, cmd: &[String], today: &str) -> String {
        match self.options.era {
            Era::Course => cmd.join(" "),
            Era::Today => today.to_owned(),
        }
    }

    /// Looks for an image that the same step made from the same parent (moby `image/cache`, `runconfig.compare`).
    fn probe(&self, pending: &mut Pending, store: &Store) {
        if pending.stage.cache_busted {
            return;
        }
        let parent = pending.stage.image;
        let siblings: Vec<&Arc<Image>> = match parent {
            Some(parent) => store.children(&parent).collect(),
            None => store.images().into_iter().filter(|image| image.parent.is_none()).collect(),
        };
        let same =
            |image: &&&Arc<Image>| image.config.container_config.as_ref().is_some_and(|c| alike(c, &pending.probe));
        match siblings.iter().filter(same).max_by_key(|image| image.number) {
            Some(image) => pending.work = Work::Cached(image.id),
            None => pending.stage.cache_busted = true,
        }
    }

    /// Makes the image of a step (moby `commitContainer`, `exportImage`).
    fn commit(&self, pending: &Pending, outcome: Outcome, store: &mut Store) -> Result<Digest, BuildError> {
        let parent = pending.stage.image.and_then(|image| store.image(&image)).cloned();
        let mut diff_ids = parent.as_ref().map(|image| image.config.diff_ids.clone()).unwrap_or_default();
        let layer = outcome.layer.filter(|_| pending.may_change_files).map(|tar| store.open_layer(tar));
        let layer = layer.transpose()?.filter(|layer| self.options.era == Era::Today || !layer.is_empty());
        if let Some(layer) = &layer {
            store.keep_layer(layer.clone());
            diff_ids.push(layer.diff_id);
        }
        let today = self.options.era == Era::Today;
        let mut history = parent.as_ref().map(|image| image.config.history.clone()).unwrap_or_default();
        history.push(History {
            created: outcome.created.clone(),
            author: pending.stage.author.clone(),
            created_by: pending.created_by.clone(),
            comment: if today { "buildkit.dockerfile.v0".to_owned() } else { String::new() },
            empty_layer: layer.is_none(),
        });
        let mut container_config = pending.probe.clone();
        if let (Some(container), Work::Configure | Work::Unpack { .. }) = (&outcome.container, &pending.work) {
            // The container was made from this configuration, and left its name and its (empty) labels in it.
            container_config.hostname = container.chars().take(12).collect();
            container_config.labels.get_or_insert_default();
        }
        let config = ImageConfig {
            author: pending.stage.author.clone(),
            comment: String::new(),
            config: pending.stage.config.clone(),
            container: outcome.container,
            container_config: Some(container_config),
            created: outcome.created,
            history,
            diff_ids,
            era: self.options.era,
        };
        Ok(store.add_image(config, parent.map(|image| image.id))?.id)
    }
}

fn needs_buildkit(flag: &str) -> BuildError {
    BuildError::Refused(format!(
        "the --{flag} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled"
    ))
}

/// An image by name or id; a well-formed name that is not there is to be pulled.
fn found<'a>(store: &'a Store, name: &str) -> Result<Result<&'a Arc<Image>, Reference>, BuildError> {
    match store.lookup(name) {
        Ok(image) => Ok(Ok(image)),
        Err(StoreError::NoSuchImage(_)) => Ok(Err(Reference::parse(name)?)),
        Err(error) => Err(error.into()),
    }
}

fn unpack(owner: Option<(u32, u32)>, directory: &str) -> Vec<String> {
    let mut argv: Vec<String> = [TOOLBOX, "unpack", TOOLBOX].map(str::to_owned).into();
    if let Some((uid, gid)) = owner {
        argv.extend(["--chown".to_owned(), format!("{uid}:{gid}")]);
    }
    argv.push(directory.to_owned());
    argv
}

fn absolute_dir(working_dir: &str) -> String {
    if working_dir.is_empty() { "/".to_owned() } else { working_dir.to_owned() }
}

/// Go's `path.Clean` of a rooted path, without its leading slash.
fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// What moby compares of two configurations.
fn alike(a: &RunConfig, b: &RunConfig) -> bool {
    let labels = |config: &RunConfig| config.labels.clone().unwrap_or_default();
    let words = |words: &Option<Vec<String>>| words.clone().unwrap_or_default();
    a.user == b.user
        && words(&a.cmd) == words(&b.cmd)
        && a.env == b.env
        && labels(a) == labels(b)
        && a.exposed_ports == b.exposed_ports
        && words(&a.entrypoint) == words(&b.entrypoint)
        && a.volumes == b.volumes
}
