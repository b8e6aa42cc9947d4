use super::*;
use crate::image::dockerfile::Span;
use crate::image::dockerfile::parse;
use crate::image::store::Image;
use crate::image::tar::{self, Entry, Kind};
use crate::scenario::BaseImage;
use serde_json::Value;

const BUILDS: &str = include_str!("../../../tests/goldens/docker/dockerfile.txt");
const BUILDS_TODAY: &str = include_str!("../../../tests/goldens/docker/dockerfile-today.txt");
const COPIES: &str = include_str!("../../../tests/goldens/docker/copy.txt");

/// A recorded build, by the first character of its lines.
struct Case {
    name: &'static str,
    lines: Vec<&'static str>,
}

impl Case {
    fn all(&self, mark: &str) -> Vec<&'static str> {
        self.lines.iter().filter_map(|line| line.strip_prefix(mark)).map(|line| line.trim_start_matches(' ')).collect()
    }

    fn dockerfile(&self) -> String {
        let text = self.lines.iter().filter_map(|line| line.strip_prefix('|'));
        text.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    }
}

fn cases(recorded: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in recorded.lines() {
        match (line.strip_prefix("=== "), cases.last_mut()) {
            (Some(name), _) => cases.push(Case { name, lines: Vec::new() }),
            (None, Some(case)) => case.lines.push(line),
            (None, None) => {}
        }
    }
    cases
}

fn base_store() -> Store {
    let etc = [
        Entry::dir("etc", 0o755),
        Entry::dir("tmp", 0o755),
        Entry::file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n"),
        Entry::file("etc/group", 0o644, "root:x:0:\ndaemon:x:1:\n"),
    ];
    let mut store = Store::default();
    for reference in ["busybox", "ubuntu", "centos:7"] {
        let base = BaseImage {
            reference: reference.to_owned(),
            layers: vec![tar::write(&etc).into()],
            env: Vec::new(),
            cmd: Vec::new(),
            working_dir: String::new(),
            created: "2026-11-22T22:01:14.185801489Z".to_owned(),
            history: vec![(String::new(), true)],
        };
        store.add_base(&base).unwrap();
    }
    store
}

fn context(entries: &[Entry]) -> Arc<[u8]> {
    tar::write(entries).into()
}

/// Does to the entries what the guest program `unpack` does to a container, parents left out.
fn unpacked(argv: &[String], stdin: &Arc<[u8]>, so_far: &Tree) -> Arc<[u8]> {
    let dir = argv.last().unwrap().trim_start_matches('/').to_owned();
    let within = |path: &str| if dir.is_empty() { path.to_owned() } else { format!("{dir}/{path}") };
    let mut entries: Vec<Entry> = tar::read(stdin).unwrap();
    entries.iter_mut().for_each(|entry| entry.path = within(&entry.path));
    if !so_far.is_dir(&dir) {
        entries.push(Entry::dir(dir, 0o755));
    }
    tar::write(&entries).into()
}

struct Built {
    steps: Vec<String>,
    result: Result<Digest, BuildError>,
    works: Vec<Work>,
    vertices: Vec<String>,
}

/// Drives a build as a daemon would. A RUN changes what its redirection names, if it has one.
fn drive(store: &mut Store, text: &str, context: &Arc<[u8]>, options: Options) -> Built {
    let mut built = Built {
        vertices: Vec::new(),
        steps: Vec::new(),
        result: Err(BuildError::Refused(String::new())),
        works: Vec::new(),
    };
    let mut builder = match Builder::new(parse(text).unwrap(), context, options) {
        Ok(builder) => builder,
        Err(error) => return Built { result: Err(error), ..built },
    };
    built.result = (|| {
        while let Some(statement) = builder.begin()? {
            let step = statement.original.clone();
            built.steps.push(format!("Step {} : {step}", builder.place()));
            built.vertices.extend(builder.vertex());
            let work = builder.work(store)?;
            built.works.push(work.clone());
            let layer = match &work {
                Work::Pull(reference) => return Err(builder.pull_failed(&format!("no {reference}"))),
                Work::Run(process) => Some(ran(process)),
                Work::Unpack { argv, stdin, .. } => {
                    Some(unpacked(argv, stdin, &Tree::of_layers(&store.layers(builder.layers()))))
                }
                _ => None,
            };
            let told = !matches!(work, Work::Unpack { told: false, .. } | Work::Base(_) | Work::Declare);
            let container = told.then(|| "5e9ea453f1cc10b4a64e3189e6010a65d222bdd0e53966a53a84da338fdcf559".to_owned());
            let created = "2026-11-22T22:03:44.473320658Z".to_owned();
            builder.finish(Outcome { container, layer, created }, store)?;
        }
        builder.image(store)
    })();
    built
}

fn ran(process: &Process) -> Arc<[u8]> {
    let line = process.argv.last().unwrap();
    if let Some(target) = line.strip_prefix("ln -s /tmp ") {
        return tar::write(&[Entry::symlink(target.trim_start_matches('/'), "/tmp")]).into();
    }
    match line.split_once("> ") {
        Some((_, file)) => {
            let name = file.split_whitespace().next().unwrap().trim_start_matches('/');
            tar::write(&[Entry::file(name, 0o644, "a\n")]).into()
        }
        None => tar::write(&[]).into(),
    }
}

/// The recorded notations of a build's history: `e` or `-`, and the text as JSON.
fn history(image: &Image, skip: usize) -> Vec<String> {
    let line = |entry: &History| {
        let mark = if entry.empty_layer { "e" } else { "-" };
        format!("{mark} {}", serde_json::to_string(&entry.created_by).unwrap())
    };
    image.config.history.iter().skip(skip).map(line).collect()
}

#[test]
fn every_recorded_dockerfile_gives_docker_s_configuration_and_history_or_its_error() {
    let (mut built_count, mut refused_count) = (0, 0);
    for case in cases(BUILDS) {
        let text = case.dockerfile();
        let printed = case.all(">");
        // Refused by the parser, or by what really ran.
        let by_run = ["The command", "failed to create shim", "unable to find user", "/bin/sh:"];
        let by_run = printed.iter().any(|line| by_run.iter().any(|run| line.starts_with(run)));
        if parse(&text).is_err() || by_run {
            continue;
        }
        let mut store = base_store();
        let dockerfile = Entry::file("Dockerfile", 0o644, text.as_str());
        let built = drive(&mut store, &text, &context(&[dockerfile]), Options::default());
        let steps: Vec<&str> = printed.iter().filter(|line| line.starts_with("Step ")).copied().collect();
        assert_eq!(built.steps, steps, "{}", case.name);
        match built.result {
            Err(error) => {
                refused_count += 1;
                assert_eq!(Some(&error.to_string().as_str()), printed.last(), "{}", case.name);
            }
            Ok(id) => {
                built_count += 1;
                assert_eq!(case.all("="), ["0"], "{}", case.name);
                let image = store.image(&id).unwrap();
                let skip = usize::from(!text.contains("FROM scratch"));
                assert_eq!(history(image, skip), case.all("h"), "{}", case.name);
                assert_eq!(set_fields(image), case.all("c"), "{}", case.name);
            }
        }
    }
    assert!(built_count >= 55 && refused_count >= 20, "{built_count} {refused_count}");
}

/// The fields of `config` that hold something, as they were recorded.
fn set_fields(image: &Image) -> Vec<String> {
    let value: Value = serde_json::from_slice(&image.json).unwrap();
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let fields = value["config"].as_object().unwrap().clone();
    let set = fields.into_iter().filter(|(key, value)| key != "Image" && key != "Hostname" && !empty(value));
    vec![serde_json::to_string(&Value::Object(set.collect())).unwrap()]
}

fn recorded_context(name: &str, dockerfile: &str) -> Arc<[u8]> {
    let mut entries = vec![
        Entry::file("Dockerfile", 0o644, dockerfile),
        Entry::file("a.txt", 0o644, "aa\n"),
        Entry::file("b.txt", 0o644, "bb\n"),
        Entry::dir("dir", 0o755),
        Entry::dir("dir/sub", 0o700),
        Entry::file("dir/sub/z", 0o644, "z\n"),
        Entry::file("dir/x", 0o644, "x\n"),
        Entry::file("dir/y", 0o644, "y\n"),
        Entry::symlink("dlink", "dir"),
        Entry::dir("empty", 0o755),
        Entry::file("exe", 0o755, "#!/bin/sh\n"),
        Entry::symlink("link", "a.txt"),
        Entry::symlink("out", "/etc/passwd"),
        Entry::file("sp ace", 0o644, "s\n"),
    ];
    let ignore = dockerfile::Ignore::parse(if name == "ignored" { "b*" } else { "" }).unwrap();
    entries.retain(|entry| !ignore.excludes(&entry.path));
    context(&entries)
}

#[test]
fn every_recorded_copy_gives_docker_s_layers_and_sums_or_its_error() {
    let cases = cases(COPIES);
    assert!(cases.len() >= 45, "{}", cases.len());
    for case in cases {
        let text = case.dockerfile();
        let mut store = base_store();
        let context = recorded_context(case.name, &text);
        let built = drive(&mut store, &text, &context, Options::default());
        match built.result {
            Err(error) => assert_eq!(case.all(">"), [error.to_string()], "{}", case.name),
            Ok(id) => {
                assert_eq!(case.all("="), ["0"], "{}: {:?}", case.name, case.all(">"));
                let image = store.image(&id).unwrap();
                assert_eq!(history(image, 1), case.all("h"), "{}", case.name);
                let layers = store.layers_of(image);
                let listed: Vec<String> = layers[1..].iter().flat_map(|layer| listing(layer)).collect();
                assert_eq!(listed, recorded_listing(&case), "{}", case.name);
            }
        }
    }
}

/// `file 0644 0:0 d/a.txt 3`. Directories that exist already are a kernel's business, and so left out on both sides.
fn listing(layer: &crate::image::store::Layer) -> Vec<String> {
    let line = |entry: &Entry| {
        let Entry { path, mode, uid, gid, .. } = entry;
        match &entry.kind {
            Kind::File => Some(format!("file {mode:04o} {uid}:{gid} {path} {}", entry.size_bytes())),
            Kind::Symlink { target } => Some(format!("symlink {mode:04o} {uid}:{gid} {path} -> {target}")),
            _ => None,
        }
    };
    layer.entries.iter().filter_map(line).collect()
}

fn recorded_listing(case: &Case) -> Vec<String> {
    case.all("l").into_iter().filter(|line| !line.starts_with("dir")).map(str::to_owned).collect()
}

fn simple(store: &mut Store, text: &str, files: &[Entry], options: Options) -> Vec<Work> {
    let built = drive(store, text, &context(files), options);
    built.result.unwrap();
    built.works
}

fn hits(works: &[Work]) -> Vec<bool> {
    works.iter().skip(1).map(|work| matches!(work, Work::Cached(_))).collect()
}

#[test]
fn the_cache_is_kept_by_touch_and_lost_by_chmod_content_or_text() {
    let text = "FROM busybox\nRUN one > /one\nCOPY f /f\nRUN two > /two\nCMD x\n";
    let file = Entry::file("f", 0o644, "1");
    let mut store = base_store();
    let build = |store: &mut Store, text: &str, file: &Entry| {
        hits(&simple(store, text, std::slice::from_ref(file), Options::default()))
    };
    assert_eq!(build(&mut store, text, &file), [false; 4]);
    assert_eq!(build(&mut store, text, &file), [true; 4]);
    assert_eq!(build(&mut store, text, &Entry { mtime_s: 9, ..file.clone() }), [true; 4]);
    assert_eq!(build(&mut store, text, &Entry { mode: 0o755, ..file.clone() }), [true, false, false, false]);
    assert_eq!(build(&mut store, text, &Entry::file("f", 0o644, "2")), [true, false, false, false]);
    assert_eq!(build(&mut store, &text.replace("one >", "eins >"), &file), [false; 4]);
    let options = Options { no_cache: true, ..Options::default() };
    assert_eq!(hits(&simple(&mut store, text, &[file], options)), [false; 4]);
}

#[test]
fn a_build_argument_changes_the_cache_from_the_first_run_after_it() {
    let text = "FROM busybox\nRUN one > /one\nARG V=1\nRUN two > /two\n";
    let mut store = base_store();
    let with = |store: &mut Store, value: &str| {
        let options = Options { build_args: vec![("V".into(), value.into())], ..Options::default() };
        simple(store, text, &[], options)
    };
    assert_eq!(hits(&simple(&mut store, text, &[], Options::default())), [false; 3]);
    assert_eq!(hits(&with(&mut store, "1")), [true; 3]);
    let works = with(&mut store, "2");
    assert_eq!(hits(&works), [true, true, false]);
    let Some(Work::Run(process)) = works.last() else { panic!("{works:?}") };
    assert!(process.env.contains(&"V=2".to_owned()) && process.argv == ["/bin/sh", "-c", "two > /two"]);
}

#[test]
fn a_target_ends_the_build_and_unused_arguments_are_told() {
    let text = "FROM busybox AS one\nCMD 1\nFROM busybox AS two\nCMD 2\n";
    let mut store = base_store();
    let target = |name: &str| Options { target: Some(name.to_owned()), ..Options::default() };
    let built = drive(&mut store, text, &context(&[]), target("ONE"));
    assert_eq!(built.steps, ["Step 1/2 : FROM busybox AS one", "Step 2/2 : CMD 1"]);
    let error = drive(&mut store, text, &context(&[]), target("nope")).result.unwrap_err();
    assert_eq!(error.to_string(), "failed to reach build target nope in Dockerfile");
    let options = Options { build_args: vec![("ZZ".into(), "1".into())], ..Options::default() };
    let builder = Builder::new(parse(text).unwrap(), &context(&[]), options).unwrap();
    assert_eq!(builder.unused_arguments().unwrap(), "[Warning] One or more build-args [ZZ] were not consumed");
}

#[test]
fn add_unpacks_an_archive_and_copy_does_not() {
    let inner = tar::write(&[Entry { uid: 7, gid: 8, ..Entry::file("in/ner", 0o644, "n\n") }]);
    let file = Entry::file("t.tar", 0o644, inner.clone());
    let mut store = base_store();
    let entries = |works: &[Work]| match works.last() {
        Some(Work::Unpack { argv, stdin, .. }) => (argv.last().unwrap().clone(), tar::read(stdin).unwrap()),
        other => panic!("{other:?}"),
    };
    let (dir, added) =
        entries(&simple(&mut store, "FROM busybox\nADD t.tar /t\n", std::slice::from_ref(&file), Options::default()));
    assert_eq!((dir.as_str(), added[0].path.as_str(), added[0].uid), ("/t", "in/ner", 7));
    let (dir, copied) =
        entries(&simple(&mut store, "FROM busybox\nCOPY t.tar /t\n", std::slice::from_ref(&file), Options::default()));
    assert_eq!((dir.as_str(), copied[0].path.as_str(), &*copied[0].data), ("/", "t", &inner[..]));
}

/// What is said otherwise here, and why.
const OTHERWISE: [(&str, &str); 22] = [
    ("arg-only", "ends the daemon that was recorded"),
    ("run-none", "no line at all is no argument, as for the classic builder"),
    ("cmd-none", "the same"),
    ("copy-flag", "no flag is suggested for one that is not known"),
    ("expose-many", "a port said twice stands in history once"),
    ("stopsignal-bad", "`Invalid signal`, as the classic builder says it"),
    ("entrypoint-none", "as run-none"),
    ("directive-syntax", "the syntax image is not fetched"),
    ("directive-twice", "its first line is not marked"),
    ("directive-bad", "its line is marked"),
    ("heredoc", "not simulated"),
    ("heredoc2", "not simulated"),
    ("expand-bad", "as Docker 20.10 says it"),
    ("expand-bad-mod", "as Docker 20.10 says it"),
    ("arg-from", "an ARG that an ENV hides does not stand before a RUN"),
    ("syntax-then-escape", "the syntax image is not fetched"),
    ("escape-wide", "its line is marked"),
    ("run-mount", "not simulated"),
    ("run-network", "not simulated"),
    ("from-platform", "every image is of the one platform"),
    ("copy-quoted", "COPY is named as it was written"),
    ("copy-json", "the same"),
];

#[test]
fn every_recorded_dockerfile_is_built_as_buildkit_builds_it() {
    let (mut built_count, mut refused_count, mut otherwise) = (0, 0, Vec::new());
    for case in cases(BUILDS_TODAY) {
        let agrees = std::panic::catch_unwind(|| agrees_today(&case));
        match agrees {
            Ok(Some(true)) => built_count += 1,
            Ok(Some(false)) => refused_count += 1,
            Ok(None) => {}
            Err(_) => otherwise.push(case.name),
        }
    }
    assert_eq!(otherwise, OTHERWISE.map(|(name, _)| name));
    assert!(built_count >= 50 && refused_count >= 65, "{built_count} {refused_count}");
}

/// Whether it was built; nothing if only what really runs could tell.
fn agrees_today(case: &Case) -> Option<bool> {
    let text = case.dockerfile();
    let said: Vec<&str> =
        case.all(">").iter().filter_map(|line| line.strip_prefix("ERROR: failed to solve: ")).collect();
    let places: Vec<String> = case.all("@").iter().map(|line| (*line).to_owned()).collect();
    let place = |span: Span| -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        let marked = (span.line..=span.last_line).map(|n| format!("{n} | >>> {}", lines[n as usize - 1]));
        std::iter::once(format!("Dockerfile:{}", span.line)).chain(marked).collect()
    };
    let dockerfile = match parse(&text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => {
            assert_eq!(said, [dockerfile::today(&error, &text)], "{}", case.name);
            assert_eq!(places, place(error.span), "{}", case.name);
            return Some(false);
        }
    };
    let mut store = base_store();
    let options = Options { era: Era::Today, ..Options::default() };
    let context = context(&[Entry::file("Dockerfile", 0o644, text.as_str())]);
    let planned = Builder::new(dockerfile, &context, options.clone())
        .map_err(|error| Failure { error, span: None })
        .and_then(|builder| builder.bases().and_then(|_| builder.plan(&store)).map(|_| builder.bases().is_ok()));
    if let Err(Failure { error, span }) = planned {
        assert_eq!(said, [error.to_string()], "{}", case.name);
        assert_eq!(places, span.map(place).unwrap_or_default(), "{}", case.name);
        return Some(false);
    }
    if said.iter().any(|said| said.starts_with("process ")) {
        return None;
    }
    let built = drive(&mut store, &text, &context, options);
    match built.result {
        Err(BuildError::NotFound(path)) => {
            let why = format!("checksum of ref <ref>: \"/{path}\": not found");
            assert_eq!(said, [format!("failed to compute cache key: failed to calculate {why}")], "{}", case.name);
            Some(false)
        }
        Err(error) => panic!("{}: {error}", case.name),
        Ok(id) => {
            assert_eq!(case.all("="), ["0"], "{}", case.name);
            let image = store.image(&id).unwrap();
            assert_eq!(built.vertices, case.all("v"), "{}", case.name);
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let mut config = parsed(&set_fields(image)[0]);
            config.as_object_mut().unwrap().remove("ArgsEscaped");
            assert_eq!(config, parsed(case.all("c")[0]), "{}", case.name);
            let skip = usize::from(!text.to_lowercase().starts_with("from scratch"));
            if !case.all("h").is_empty() {
                assert_eq!(history(image, skip), case.all("h"), "{}", case.name);
            }
            Some(true)
        }
    }
}

#[test]
fn buildkit_s_cache_knows_layers_and_not_configurations() {
    let today = || Options { era: Era::Today, ..Options::default() };
    let mut store = base_store();
    let file = [Entry::file("f", 0o644, "1")];
    let text = "FROM busybox\nLABEL a=1\nRUN one > /one\nCOPY f /f\nCMD x\n";
    let hits = |works: &[Work]| -> Vec<bool> {
        let layers = works.iter().filter(|work| !matches!(work, Work::Base(_) | Work::Configure));
        layers.map(|work| matches!(work, Work::Cached(_))).collect()
    };
    assert_eq!(hits(&simple(&mut store, text, &file, today())), [false, false]);
    let first = store.images()[0].id;
    simple(&mut store, text, &file, today());
    assert_eq!(store.images()[0].id, first, "the same image again");
    let other = text.replace("a=1", "a=2").replace("CMD x", "EXPOSE 80");
    assert_eq!(hits(&simple(&mut store, &other, &file, today())), [true, true]);
    let other = text.replace("LABEL", "ENV");
    assert_eq!(hits(&simple(&mut store, &other, &file, today())), [false, false], "a RUN sees its environment");
    assert_eq!(store.images().iter().filter(|image| image.parent.is_some()).count(), 0);
    assert!(!String::from_utf8_lossy(&store.images()[0].json).contains("container_config"));
}

#[test]
fn what_of_buildkit_is_not_simulated_is_named_with_what_to_do_instead() {
    let cases = [
        ("RUN --mount=type=cache,target=/x echo a", "RUN --mount=type=cache is not simulated here: without it"),
        ("RUN --mount=target=. --mount=type=tmpfs,target=/y ls", "RUN --mount=type=bind is not simulated here: `COPY`"),
        ("RUN --mount=type=tmpfs,target=/x ls", "RUN --mount=type=tmpfs is not simulated here: without it"),
        ("RUN --mount=type=secret,id=x cat /run/secrets/x", "RUN --mount=type=secret is not simulated here: no build"),
    ];
    for (line, said) in cases {
        let dockerfile = parse(&format!("FROM busybox\n{line}\n")).expect(line);
        let options = Options { era: Era::Today, ..Options::default() };
        let context = context(&[Entry::file("f", 0o644, "1")]);
        let failure = Builder::new(dockerfile, &context, options).unwrap().plan(&base_store()).unwrap_err();
        assert!(failure.error.to_string().contains(said), "{line}: {}", failure.error);
        assert_eq!(failure.span.map(|span| span.line), Some(2), "{line}");
    }
    let cases = [
        ("RUN <<EOF\necho a\nEOF", "a here-document of RUN is not simulated here: join the commands", 2),
        ("ENV a=b\nrun cat 0<<-'END' > /x\n\ta\nEND", "a here-document of RUN", 3),
        ("COPY <<a.txt /a.txt\nx\na.txt", "a here-document of COPY is not simulated here: put the text into a file", 2),
    ];
    for (lines, said, at) in cases {
        let failure = unread(&format!("FROM busybox\n{lines}\n")).expect(lines);
        assert!(failure.error.to_string().contains(said), "{lines}: {}", failure.error);
        assert_eq!(failure.span.map(|span| span.line), Some(at), "{lines}");
    }
    for line in ["RUN echo $((1<<2))", "RUN echo a<<b", "CMD cat <<EOF", "# RUN <<EOF", "RUN grep '<<EOF' f"] {
        assert!(unread(&format!("FROM busybox\n{line}\n")).is_none(), "{line}");
    }
}

#[test]
fn an_image_that_is_not_there_is_to_be_pulled_and_its_absence_is_told() {
    let mut store = base_store();
    let error = drive(&mut store, "FROM nothere\n", &context(&[]), Options::default()).result.unwrap_err();
    assert_eq!(error.to_string(), "no nothere:latest");
    let text = "FROM busybox\nCOPY --from=nope /a /b\n";
    let error = drive(&mut store, text, &context(&[]), Options::default()).result.unwrap_err();
    assert_eq!(error.to_string(), "invalid from flag value nope: no nope:latest");
}

#[test]
fn a_file_that_comes_back_brings_its_directory() {
    let mut store = base_store();
    let works =
        simple(&mut store, "FROM busybox\nCOPY . /x\n", &[Entry::file("d/e/f", 0o644, "1")], Options::default());
    let Some(Work::Unpack { stdin, .. }) = works.last() else { panic!("{works:?}") };
    let paths: Vec<String> = tar::read(stdin).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, ["d", "d/e", "d/e/f"]);
}
