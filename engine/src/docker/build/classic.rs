//! What the classic builder tells: the step, the container it runs in, the image it leads to.

use super::*;
use crate::command::docker::human_size;

/// As the client of Docker 23 and later says it.
const DEPRECATED: &str = "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.

";

impl Daemon {
    /// False if there is nothing to build.
    pub(super) fn begin_classic(&mut self, tid: Tid, build: &Build) -> bool {
        if self.era == Era::Today {
            self.say(tid, Stream::Stderr, DEPRECATED);
        }
        if let Some(Problem::Context(text) | Problem::NoDockerfile(text)) = &build.problem {
            self.refuse(tid, text, 1);
            return false;
        }
        if !build.quiet {
            let size = human_size(build.sent_bytes, 4);
            self.say(tid, Stream::Stdout, &format!("Sending build context to Docker daemon {size:>8}\n"));
        }
        let parsed = match build.dockerfile.is_empty() {
            true => Err("the Dockerfile (Dockerfile) cannot be empty".to_owned()),
            false => dockerfile::parse(&build.dockerfile).map_err(|error| error.to_string()),
        };
        let job = parsed.and_then(|parsed| build_job(build, parsed, Era::Course).map_err(|error| error.to_string()));
        match job {
            Ok(job) => {
                let warnings: String = job.builder.warnings().iter().map(|line| format!("{line}\n")).collect();
                self.say(tid, Stream::Stderr, &warnings);
                self.builds.insert(tid, job);
                true
            }
            Err(text) => {
                self.refuse(tid, &format!("Error response from daemon: {text}"), 1);
                false
            }
        }
    }

    pub(super) fn build_pull(
        &mut self,
        tid: Tid,
        reference: &Reference,
        turn: &mut Turn<'_>,
    ) -> Result<(), BuildError> {
        match self.images.pull(&reference.to_string()) {
            Ok(pulled) => {
                self.build_say(tid, format!("{}\n", pulled.lines.join("\n")).as_bytes());
                self.note_pulled(&pulled, turn);
                Ok(())
            }
            Err(why) => match self.builds.get(&tid) {
                Some(job) => Err(job.builder.pull_failed(&why)),
                None => Err(BuildError::Refused(why)),
            },
        }
    }

    /// The classic builder makes a container even for what changes no file; nothing of it reaches the node.
    pub(super) fn build_configure(&mut self, tid: Tid, turn: &mut Turn<'_>) -> Result<(), BuildError> {
        let id = names::id(&mut self.ids);
        self.build_say(tid, format!(" ---> Running in {}\n", &id[..12]).as_bytes());
        let outcome = Outcome { container: Some(id.clone()), ..Outcome::default() };
        let image = self.build_finish(tid, outcome, None, turn)?;
        if self.builds.get(&tid).is_some_and(|job| job.remove) {
            self.tell_removed(tid, &id);
        }
        self.tell_image(tid, image);
        Ok(())
    }

    pub(super) fn tell_removed(&mut self, tid: Tid, id: &str) {
        let text = match self.era {
            Era::Course => "Removing",
            Era::Today => " ---> Removed",
        };
        self.build_say(tid, format!("{text} intermediate container {}\n", &id[..12]).as_bytes());
    }

    pub(super) fn tell_image(&mut self, tid: Tid, image: Option<Digest>) {
        if self.builds.get(&tid).is_none_or(|job| job.plain.is_some()) {
            return;
        }
        let id = image.map(|image| image.short()).unwrap_or_default();
        self.build_say(tid, format!(" ---> {id}\n").as_bytes());
    }

    pub(super) fn tell_built(&mut self, tid: Tid, job: &BuildJob, image: &Digest) {
        let warning = job.builder.unused_arguments().map(|text| format!("{text}\n")).unwrap_or_default();
        let tagged: String = job.tags.iter().map(|tag| format!("Successfully tagged {tag}\n")).collect();
        self.say(tid, Stream::Stdout, &format!("{warning}Successfully built {}\n{tagged}", image.short()));
    }
}
