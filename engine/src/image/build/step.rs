//! One instruction: what it asks of a node, what it changes in the stage.

use super::buildkit::no_mount;
use super::{BuildError, Builder, Pending, Process, StageState, Work, configure, copy};
use crate::image::Digest;
use crate::image::config::{DEFAULT_PATH, RunConfig};
use crate::image::dockerfile::{Instruction, Statement, Transfer, expand_word};
use crate::image::reference::Reference;
use crate::image::store::{Image, Store, StoreError, chain_ids};
use crate::image::tar;
use crate::image::tree::Tree;
use crate::node::TOOLBOX;
use crate::scenario::Era;
use std::sync::Arc;

impl Builder {
    pub(super) fn declare_globals(&mut self, args: &[(String, Option<String>)]) -> Result<(), BuildError> {
        for (name, default) in args {
            let globals = self.args.globals();
            let default =
                default.as_ref().map(|word| expand_word(word, &globals, self.dockerfile.escape)).transpose()?;
            self.args.declare_global(name, default);
        }
        Ok(())
    }

    /// An ARG inside a stage, after its own step.
    pub(super) fn declare(&mut self, stage: &StageState) -> Result<(), BuildError> {
        let dockerfile = self.dockerfile.clone();
        let Instruction::Arg(args) = &dockerfile.statements[self.next - 1].instruction else { return Ok(()) };
        let variables = self.variables(stage);
        for (name, default) in args {
            let default = default.as_ref().map(|word| expand_word(word, &variables, dockerfile.escape)).transpose()?;
            self.args.declare(name, default);
        }
        Ok(())
    }

    pub(super) fn variables(&self, stage: &StageState) -> Vec<String> {
        let env = &stage.config.env;
        env.iter().cloned().chain(self.args.visible(env)).collect()
    }

    pub(super) fn from(
        &self,
        base: &str,
        name: Option<String>,
        store: &Store,
    ) -> Result<Result<Pending, Reference>, BuildError> {
        let expanded = expand_word(base, &self.args.globals(), self.dockerfile.escape)?;
        if expanded.is_empty() {
            return Err(BuildError::Refused(format!("base name ({base}) should not be blank")));
        }
        let mut stage = StageState { name, base: true, cache_busted: self.options.no_cache, ..StageState::default() };
        let lower = expanded.to_ascii_lowercase();
        let mut earlier = self.stages.iter().chain(&self.stage);
        // Of two stages with one name, which BuildKit allows, the later.
        if let Some(base) = earlier.rfind(|stage| stage.name.as_deref() == Some(lower.as_str())) {
            let StageState { image, diff_ids, history, key, config, author, .. } = base.clone();
            stage = StageState { image, diff_ids, history, key, config, author, ..stage };
        } else if expanded != "scratch" {
            let image = match found(store, &expanded)? {
                Ok(image) => image,
                Err(missing) => return Ok(Err(missing)),
            };
            stage.image = Some(image.id).filter(|_| self.options.era == Era::Course);
            stage.diff_ids = image.layers().to_vec();
            stage.history = image.config.history.clone();
            stage.key = chain_ids(image.layers()).pop().unwrap_or_default();
            stage.author = image.config.author.clone();
            stage.config = image.config.config.clone();
        }
        match self.options.era {
            Era::Course => stage.author.clear(),
            Era::Today if expanded == "scratch" => stage.config.working_dir = "/".to_owned(),
            Era::Today => {}
        }
        stage.config.on_build.clear();
        stage.config.hostname.clear();
        if !stage.config.env.iter().any(|line| line.starts_with("PATH=")) {
            stage.config.env.push(DEFAULT_PATH.to_owned());
        }
        let work = Work::Base(stage.image);
        Ok(Ok(Pending { work, stage, probe: RunConfig::default(), created_by: String::new(), may_change_files: false }))
    }

    pub(super) fn step(
        &self,
        statement: &Statement,
        mut stage: StageState,
        store: &Store,
    ) -> Result<Result<Pending, Reference>, BuildError> {
        stage.base = false;
        match &statement.instruction {
            Instruction::Run { mount: Some(mount), .. } if self.options.era == Era::Today => Err(no_mount(mount)),
            Instruction::Run { mount: Some(_), .. } => Err(no_buildkit("mount")),
            Instruction::Run { command, .. } => self.run(command.argv(&stage.config.shell()), stage).map(Ok),
            Instruction::Copy(transfer) => self.transfer("COPY", transfer, stage, store),
            Instruction::Add(transfer) => self.transfer("ADD", transfer, stage, store),
            Instruction::Workdir(path) => self.working_dir(path, stage, store).map(Ok),
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
            return Err(match self.options.era {
                Era::Course => BuildError::Refused("No command specified".to_owned()),
                Era::Today => BuildError::NoArguments,
            });
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

    fn working_dir(&self, path: &str, mut stage: StageState, store: &Store) -> Result<Pending, BuildError> {
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
        // BuildKit makes it for the user of the stage, and nothing of the root.
        let today = self.options.era == Era::Today;
        let user = Some(stage.config.user.as_str()).filter(|user| today && !self.dry && !user.is_empty());
        let work = match today && directory == "/" {
            true => Work::Configure,
            false => {
                let so_far = self.so_far(&stage, store);
                let destination = copy::Destination { tree: &so_far, working_dir: "" };
                let owner = user.map(|user| destination.owner(user)).transpose()?;
                Work::Unpack { argv: unpack(owner, &directory), stdin: tar::write(&[]).into(), told: true }
            }
        };
        Ok(Pending { work, stage, probe, created_by, may_change_files: true })
    }

    fn transfer(
        &self,
        name: &'static str,
        transfer: &Transfer,
        stage: StageState,
        store: &Store,
    ) -> Result<Result<Pending, Reference>, BuildError> {
        let today = self.options.era == Era::Today;
        if transfer.chmod.is_some() && !today {
            return Err(no_buildkit("chmod"));
        }
        let variables = self.variables(&stage);
        let expand = |word: &String| expand_word(word, &variables, self.dockerfile.escape);
        let expanded = Transfer {
            sources: transfer.sources.iter().map(expand).collect::<Result<_, _>>()?,
            destination: expand(&transfer.destination)?,
            from: transfer.from.clone(),
            chown: transfer.chown.as_ref().map(expand).transpose()?,
            chmod: transfer.chmod.as_ref().map(expand).transpose()?,
        };
        if self.dry {
            let work = Work::Unpack { argv: Vec::new(), stdin: tar::write(&[]).into(), told: false };
            let probe = RunConfig::default();
            return Ok(Ok(Pending { work, stage, probe, created_by: name.to_owned(), may_change_files: true }));
        }
        let other = match &transfer.from {
            None => None,
            Some(from) => match self.source_layers(from, store)? {
                Ok(diff_ids) => Some(Tree::of_layers(&store.layers(&diff_ids))),
                Err(missing) => return Ok(Err(missing)),
            },
        };
        let tree = other.as_ref().unwrap_or(&self.context);
        let source = copy::Source { tree, in_image: other.is_some(), buildkit: today };
        let so_far = self.so_far(&stage, store);
        let destination = copy::Destination { tree: &so_far, working_dir: &stage.config.working_dir };
        let copied = copy::copy(name, &expanded, &source, &destination)?;

        let flag = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("--{name}={value}")).unwrap_or_default()
        };
        let chown = flag("chown", &expanded.chown);
        let mut cmd = stage.config.shell();
        cmd.push(format!("#(nop) {name} {chown}{} in {} ", copied.sum, expanded.destination));
        let words =
            [name.to_owned(), chown, flag("chmod", &expanded.chmod)].into_iter().filter(|word| !word.is_empty());
        let words: Vec<String> = words.chain(expanded.sources).collect();
        let created_by = format!("{} {} # buildkit", words.join(" "), expanded.destination);
        let created_by = self.created_by(&cmd, &created_by);
        let probe = RunConfig { cmd: Some(cmd), ..stage.config.clone() };
        let work = Work::Unpack { argv: unpack(copied.owner, &copied.directory), stdin: copied.tar, told: false };
        Ok(Ok(Pending { work, stage, probe, created_by, may_change_files: true }))
    }

    /// What the layers of the stage show.
    fn so_far(&self, stage: &StageState, store: &Store) -> Tree {
        Tree::of_layers(&store.layers(&stage.diff_ids))
    }

    /// The layers of `--from=NAME`, `--from=0` or an image.
    fn source_layers(&self, from: &str, store: &Store) -> Result<Result<Vec<Digest>, Reference>, BuildError> {
        let refused = |why: &str| BuildError::Refused(format!("invalid from flag value {from}: {why}"));
        let lower = from.to_ascii_lowercase();
        let stage = match self.stages.iter().rfind(|stage| stage.name.as_deref() == Some(lower.as_str())) {
            Some(stage) => Some(stage),
            None => match from.parse::<usize>() {
                Ok(index) if index == self.stages.len() => return Err(refused("refers to current build stage")),
                Ok(index) => Some(self.stages.get(index).ok_or_else(|| refused("index out of bounds"))?),
                Err(_) => None,
            },
        };
        match stage {
            Some(stage) if stage.image.is_none() && self.options.era == Era::Course => {
                Err(refused("the stage has no image"))
            }
            Some(stage) => Ok(Ok(stage.diff_ids.clone())),
            None => match found(store, from).map_err(|error| refused(&error.to_string()))? {
                Ok(image) => Ok(Ok(image.layers().to_vec())),
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
}

/// The classic builder, of a flag that it does not know.
fn no_buildkit(flag: &str) -> BuildError {
    BuildError::Refused(format!(
        "the --{flag} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled"
    ))
}

/// An image by name or id, or one that BuildKit keeps for itself; a well-formed name that is not there is to be pulled.
pub(super) fn found<'a>(store: &'a Store, name: &str) -> Result<Result<&'a Arc<Image>, Reference>, BuildError> {
    match store.lookup(name) {
        Ok(image) => Ok(Ok(image)),
        Err(StoreError::NoSuchImage(_)) => {
            let reference = Reference::parse(name)?;
            Ok(store.source(&reference).ok_or(reference))
        }
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
pub(super) fn clean(path: &str) -> String {
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
