//! What BuildKit tells, as `--progress=plain`, which is what a client prints whose standard error is no terminal (buildx
//! `build`, buildkit `util/progress/progressui`). Everything goes to standard error; a quiet build is only told of errors.
//!
//! A vertex is one thing to do: `#5 [2/3] RUN …`, what it says with the seconds since it began, and how it ended. Stages
//! are built one after another here, where BuildKit builds them at the same time.

use super::transfer;
use super::*;
use crate::image::build::{Base, Failure, unread};
use crate::image::dockerfile::quoted;
use crate::sim::{Nanos, Rng, SECOND};
use std::collections::VecDeque;

/// Lines that an error repeats (`logsBufferSize`).
const REPEATED_LINES: usize = 10;

const MODES: [&str; 5] = ["", "auto", "plain", "tty", "rawjson"];

/// A build as far as it has been told.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    /// Of the last vertex.
    number: usize,
    name: String,
    since: Nanos,
    open: bool,
    /// What it said last; the newest line may lack its end.
    lines: VecDeque<String>,
    line_open: bool,
    /// The Dockerfile, its name, and the names the image gets.
    text: String,
    file: String,
    tags: Vec<String>,
}

impl Plain {
    pub fn open(&mut self, name: &str, now: Nanos) -> String {
        self.number += 1;
        (self.name, self.since, self.open) = (name.to_owned(), now, true);
        self.lines.clear();
        self.line_open = false;
        format!("\n#{} {name}\n", self.number)
    }

    fn line(&self, text: &str) -> String {
        format!("#{} {text}\n", self.number)
    }

    pub fn close(&mut self, how: &str) -> String {
        self.open = false;
        let end = if std::mem::take(&mut self.line_open) { "\n" } else { "" };
        format!("{end}{}", self.line(how))
    }

    pub fn done(&mut self, now: Nanos) -> String {
        let tenths = (now - self.since + SECOND / 20) / (SECOND / 10);
        self.close(&format!("DONE {}.{}s", tenths / 10, tenths % 10))
    }

    fn whole(&mut self, name: &str, lines: &[String], now: Nanos) -> String {
        let lines: String = lines.iter().map(|line| format!("#{} {line}\n", self.number + 1)).collect();
        self.open(name, now) + &lines + &self.done(now)
    }

    /// What the step writes, as it comes.
    pub fn log(&mut self, data: &[u8], now: Nanos) -> Vec<u8> {
        let ms = (now - self.since + SECOND / 2000) / (SECOND / 1000);
        let time = format!("{}.{:03} ", ms / 1000, ms % 1000);
        let mut out = Vec::new();
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if !self.line_open {
                out.extend(format!("#{} {time}", self.number).bytes());
                self.lines.push_back(time.clone());
            }
            out.extend_from_slice(piece);
            self.line_open = !piece.ends_with(b"\n");
            let text = String::from_utf8_lossy(piece);
            self.lines.back_mut().into_iter().for_each(|line| line.push_str(text.trim_end_matches('\n')));
            if self.lines.len() > REPEATED_LINES {
                self.lines.pop_front();
            }
        }
        out
    }

    /// A RUN that failed: what is still to be said of it, and why the build stops. `refused` is why it did not start.
    pub fn end(&mut self, process: &Process, refused: Option<&str>, code: i32, now: Nanos) -> (Vec<u8>, String) {
        let runtime = refused.and_then(|text| text.find("unable to start container process").map(|at| &text[at..]));
        let said = runtime.map(|text| format!("runc run failed: {}\n", text.trim_end_matches(": unknown")));
        let why = match (refused, runtime) {
            (Some(text), None) => text.to_owned(),
            _ => format!("exit code: {code}"),
        };
        let process = quoted(&process.argv.join(" "));
        let why = format!("process {process} did not complete successfully: {why}");
        (self.log(said.unwrap_or_default().as_bytes(), now), why)
    }

    /// The end of a build: of its open vertex, and of itself.
    pub fn failed(&mut self, error: &BuildError, span: Option<Span>, ids: &mut Rng) -> (String, String) {
        let (of_vertex, why) = match error {
            BuildError::NotFound(path) => {
                let id = names::id(ids);
                let parts = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..32]];
                let what = format!("ref {}::{}: \"/{path}\": not found", parts.join("-"), &id[32..57]);
                let what = format!("failed to calculate checksum of {what}");
                (what.clone(), format!("failed to compute cache key: {what}"))
            }
            error => (error.to_string(), error.to_string()),
        };
        let mut progress = String::new();
        if self.open {
            progress = self.close(&format!("ERROR: {of_vertex}"));
            let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
            progress.push_str(&format!("------\n > {}:\n{lines}------\n", self.name));
        }
        let excerpt = span.map(|span| self.excerpt(span)).unwrap_or_default();
        (progress, format!("{excerpt}ERROR: failed to solve: {why}\n"))
    }

    /// The lines of the Dockerfile around a place (`solver/errdefs/source.go`).
    fn excerpt(&self, span: Span) -> String {
        let lines: Vec<&str> = self.text.split('\n').collect();
        let (first, last) = (span.line as usize, (span.last_line.max(span.line) as usize).min(lines.len()));
        let (mut start, mut end) = (first, last);
        let pad = if start == end { 4 } else { 2 };
        let mut added = 0;
        while added < pad {
            if start > 1 {
                start -= 1;
                added += 1;
            }
            if end < lines.len() {
                end += 1;
                added += 1;
            }
            added += 1;
        }
        let shown = (start..=end).map(|at| {
            let mark = if (first..=last).contains(&at) { ">>>" } else { "   " };
            format!(" {at:3} | {mark} {}\n", lines[at - 1])
        });
        const RULE: &str = "--------------------\n";
        format!("{}:{first}\n{RULE}{}{RULE}", self.file, shown.collect::<String>())
    }

    pub fn exported(&mut self, image: &Digest, empty: bool, now: Nanos) -> String {
        let mut lines = Vec::new();
        if !empty {
            lines.push("exporting layers done".to_owned());
        }
        lines.push(format!("writing image {image} done"));
        lines.extend(self.tags.iter().map(|tag| format!("naming to {tag} done")));
        self.whole("exporting to image", &lines, now)
    }
}

impl Daemon {
    /// Everything before the first step. False if there is none.
    pub(super) fn begin_plain(&mut self, tid: Tid, build: &Build, turn: &mut Turn<'_>) -> bool {
        if let Some(Problem::Context(text)) = &build.problem {
            self.refuse(tid, &format!("ERROR: {text}"), 1);
            return false;
        }
        let mode = build.progress.as_deref().unwrap_or_default();
        if !MODES.contains(&mode) {
            self.refuse(tid, &format!("ERROR: invalid progress mode {mode}"), 1);
            return false;
        }
        let named = |tag: &String| {
            let whole = Reference::parse_new(tag).map_or(tag.clone(), |reference| reference.whole());
            if tag.rsplit('/').next().is_some_and(|name| name.contains(':')) {
                whole
            } else {
                whole.trim_end_matches(":latest").to_owned()
            }
        };
        let tags = build.tags.iter().map(named).collect();
        let (text, file) = (build.dockerfile.clone(), build.name.clone());
        let mut plain = Plain { text, file, tags, ..Plain::default() };
        let mut said = "#0 building with \"default\" instance using docker driver\n".to_owned();
        let job = self.prepare(build, &mut plain, &mut said, turn);
        let (ending, job) = match job {
            Ok(job) => (String::new(), Some(job)),
            Err(Failure { error, span }) => {
                let (progress, why) = plain.failed(&error, span, &mut self.ids);
                said.push_str(&progress);
                (why, None)
            }
        };
        if !build.quiet {
            self.say(tid, Stream::Stderr, &said);
        }
        match job {
            Some(job) => {
                self.builds.insert(tid, BuildJob { plain: Some(plain), ..job });
                true
            }
            None => {
                self.refuse(tid, ending.trim_end_matches('\n'), 1);
                false
            }
        }
    }

    fn prepare(
        &mut self,
        build: &Build,
        plain: &mut Plain,
        said: &mut String,
        turn: &mut Turn<'_>,
    ) -> Result<BuildJob, Failure> {
        let now = turn.now;
        let refused = |text: String, span| Failure { error: BuildError::Refused(text), span };
        let missing = build.problem.is_some();
        // Nothing but the packet that ends a transfer.
        let bytes = if missing { 2 } else { transfer::one(&build.name, build.dockerfile.as_bytes()) };
        let lines = [format!("transferring dockerfile: {} done", size(bytes))];
        said.push_str(&plain.whole(&format!("[internal] load build definition from {}", build.name), &lines, now));
        if missing {
            let text = format!("failed to read dockerfile: open {}: no such file or directory", build.name);
            return Err(refused(text, None));
        }
        if build.dockerfile.is_empty() {
            return Err(refused("the Dockerfile cannot be empty".to_owned(), None));
        }
        if let Some(failure) = unread(&build.dockerfile) {
            return Err(failure);
        }
        let parsed = dockerfile::parse(&build.dockerfile);
        self.received.dockerfile(&build.dockerfile);
        let parsed = parsed.map_err(|error| refused(dockerfile::today(&error, &build.dockerfile), Some(error.span)))?;
        let job = build_job(build, parsed, Era::Today).map_err(|error| Failure { error, span: None })?;
        let bases = job.builder.bases()?;
        let mut pulled = Vec::new();
        for base in &bases {
            pulled.push(self.load_base(base, plain, said, turn)?);
        }
        let sources = job.builder.plan(&self.images.store)?;
        let ignore = job.builder.context().file(IGNORE_FILE);
        self.received.ignore(ignore.as_ref());
        let bytes = ignore.map_or(2, |file| transfer::one(IGNORE_FILE, &file.data));
        let lines = [format!("transferring context: {} done", size(bytes))];
        said.push_str(&plain.whole("[internal] load .dockerignore", &lines, now));
        let standing = job.builder.standing(&self.images.store);
        for (base, pulled) in bases.iter().zip(&pulled) {
            self.tell_base(base, pulled, standing.contains(&base.stage), plain, said, now);
        }
        if !sources.is_empty() {
            let bytes = transfer::context(&job.builder, &sources, &mut self.synced);
            self.received.context(&self.synced);
            let lines = [format!("transferring context: {} done", size(bytes))];
            said.push_str(&plain.whole("[internal] load build context", &lines, now));
        }
        Ok(job)
    }

    /// The configuration of a base image: what is not here comes from the registry. Answers the layers that came.
    fn load_base(
        &mut self,
        base: &Base,
        plain: &mut Plain,
        said: &mut String,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<Digest>, Failure> {
        let whole = base.reference.whole();
        said.push_str(&plain.open(&format!("[internal] load metadata for {whole}"), turn.now));
        let mut fresh = Vec::new();
        if self.images.store.lookup(&base.name).is_err() && self.images.store.source(&base.reference).is_none() {
            match self.images.pull(&base.reference.to_string()) {
                Ok(pulled) => {
                    self.note_pulled(&pulled, turn);
                    self.images.store.conceal(&base.reference);
                    fresh = pulled.fresh;
                }
                Err(_) => {
                    // What a registry's 404 and 401 become (containerd `remotes/docker`).
                    let why = match self.images.knows(&base.reference) {
                        true => format!("{whole}: not found"),
                        false => "pull access denied, repository does not exist or may require authorization: server \
                                  message: insufficient_scope: authorization failed"
                            .to_owned(),
                    };
                    said.push_str(&plain.close(&format!("ERROR: {why}")));
                    said.push_str(&format!("------\n > {}:\n------\n", plain.name));
                    let text = format!("{}: failed to resolve source metadata for {whole}: {why}", base.name);
                    return Err(Failure { error: BuildError::Refused(text), span: Some(base.span) });
                }
            }
        }
        said.push_str(&plain.done(turn.now));
        Ok(fresh)
    }

    /// `FROM`: done; or in the cache, if it is needed for a step that runs, and was before.
    fn tell_base(
        &mut self,
        base: &Base,
        pulled: &[Digest],
        needed: bool,
        plain: &mut Plain,
        said: &mut String,
        now: Nanos,
    ) {
        let store = &mut self.images.store;
        let here = store.lookup(&base.name).ok().cloned();
        let Some(image) = here.clone().or_else(|| store.source(&base.reference).cloned()) else { return };
        let mut name = format!("{}FROM {}", base.prefix, base.reference.whole());
        let digest = self.images.repo_digests(&image.id).first().map(|(_, digest)| *digest);
        if let (None, Some(digest)) = (here, digest) {
            name.push_str(&format!("@{digest}"));
        }
        said.push_str(&plain.open(&name, now));
        let store = &mut self.images.store;
        let key = crate::image::store::chain_ids(image.layers()).pop().unwrap_or_default();
        let used = store.step(&key).is_some();
        for layer in store.layers(pulled) {
            let bytes = size(layer.tar.len());
            said.push_str(&plain.line(&format!("{} {bytes} / {bytes} done", layer.diff_id)));
            said.push_str(&plain.line(&format!("extracting {} done", layer.diff_id)));
        }
        said.push_str(&if used && needed { plain.close("CACHED") } else { plain.done(now) });
        if needed {
            store.keep_step(key, image.layers(), String::new());
        }
    }
}

const IGNORE_FILE: &str = ".dockerignore";

/// `173B`, `1.23kB` (tonistiigi/units, `%.2f`).
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes}B"),
        1_000..1_000_000 => format!("{}.{:02}kB", bytes / 1_000, bytes % 1_000 / 10),
        _ => format!("{}.{:02}MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000),
    }
}
