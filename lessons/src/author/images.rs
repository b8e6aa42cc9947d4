//! The declared stand-in images and the node's root, from `images/` (its README has the form).
//!
//! The same folder gives the same bytes on every machine: entries are sorted, times are declared, filler is seeded.

use super::files::Files;
use engine::image::Digest;
use engine::image::tar::{self, Entry};
use engine::scenario::BaseImage;
use engine::sim::Rng;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What every lesson of the course can use.
#[derive(Clone, Debug)]
pub struct Shipped {
    pub images: Vec<BaseImage>,
    /// An OCI layer: the root file system of a node.
    pub node_root: Arc<[u8]>,
    /// What each image stands in for, by its reference; the page and the reports show it.
    pub stand_ins: BTreeMap<String, String>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ImagesError(pub String);

/// The folder of the node's root; every other folder is an image.
const NODE: &str = "node";

/// Reads every image below `images/`, in the order of their folders.
pub fn load(files: &Files) -> Result<Shipped, ImagesError> {
    let root = Path::new("images");
    let tools: Tools = parsed(files, &root.join("tools.toml"))?;
    let mut shipped = Shipped { images: Vec::new(), node_root: Arc::new([]), stand_ins: BTreeMap::new() };
    for folder in files.folders(root) {
        let declared: Declared = parsed(files, &folder.join("image.toml"))?;
        let layers = declared
            .layer
            .iter()
            .map(|layer| Ok(Arc::from(tar::write(&entries(layer, &declared, &tools, files, &folder)?))))
            .collect::<Result<Vec<Arc<[u8]>>, ImagesError>>()?;
        if folder.file_name().is_some_and(|name| name == NODE) {
            let [node_root] = layers.try_into().map_err(|_| error(&folder, "the node's root is one layer"))?;
            shipped.node_root = node_root;
        } else {
            shipped.stand_ins.insert(declared.reference.clone(), declared.stand_in.clone());
            shipped.images.push(base(declared, layers, &folder)?);
        }
    }
    Ok(shipped)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(default)]
    reference: String,
    stand_in: String,
    #[serde(default)]
    created: String,
    mtime_s: i64,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    cmd: Vec<String>,
    #[serde(default)]
    working_dir: String,
    #[serde(default)]
    history: Vec<(String, bool)>,
    layer: Vec<DeclaredLayer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredLayer {
    /// (directory, set of tools).
    #[serde(default)]
    tools: Vec<(String, String)>,
    /// `tmp 1777`, or 0755 without a mode.
    #[serde(default)]
    dirs: Vec<String>,
    #[serde(default)]
    links: Vec<(String, String)>,
    size_bytes: Option<u64>,
    filler: Option<String>,
    #[serde(default)]
    file: Vec<DeclaredFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredFile {
    path: String,
    mode: Option<u32>,
    text: Option<String>,
    tool: Option<String>,
    from: Option<String>,
    fill: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Tools {
    #[serde(flatten)]
    sets: BTreeMap<String, Vec<String>>,
}

/// An executable file that the toolbox runs.
fn tool(name: &str) -> Vec<u8> {
    format!("#!/dev/.toolbox {name}\n").into_bytes()
}

fn base(declared: Declared, layers: Vec<Arc<[u8]>>, folder: &Path) -> Result<BaseImage, ImagesError> {
    let made = declared.history.iter().filter(|(_, layer)| *layer).count();
    if made != layers.len() {
        return Err(error(folder, &format!("{} layers, but the history makes {made}", layers.len())));
    }
    let mut next = layers.iter();
    let entry = |(created_by, layer): (String, bool)| {
        let digest = if layer { next.next().map(|tar| Digest::of(tar).hex()) } else { None };
        (created_by.replace("{layer}", &digest.unwrap_or_default()), layer)
    };
    let history = declared.history.into_iter().map(entry).collect();
    Ok(BaseImage {
        reference: declared.reference,
        layers,
        env: declared.env,
        cmd: declared.cmd,
        working_dir: declared.working_dir,
        created: declared.created,
        history,
    })
}

fn entries(
    layer: &DeclaredLayer,
    declared: &Declared,
    tools: &Tools,
    files: &Files,
    folder: &Path,
) -> Result<Vec<Entry>, ImagesError> {
    let mut entries = BTreeMap::new();
    let mut put = |entry: Entry| match entries.insert(entry.path.clone(), entry) {
        None => Ok(()),
        Some(twice) => Err(error(folder, &format!("`{}` is declared twice", twice.path))),
    };
    for file in &layer.file {
        put(file_entry(file, files, folder)?)?;
    }
    let given: BTreeSet<&str> = layer.file.iter().map(|file| file.path.as_str()).collect();
    for (dir, set) in &layer.tools {
        let names = tools.sets.get(set).ok_or_else(|| error(folder, &format!("no set of tools `{set}`")))?;
        for name in names {
            let path = format!("{dir}/{name}");
            // A file that is declared one by one takes a tool's place.
            if !given.contains(path.as_str()) {
                put(Entry::file(path, 0o755, tool(name)))?;
            }
        }
    }
    for (path, target) in &layer.links {
        put(Entry::symlink(path, target))?;
    }
    for dir in &layer.dirs {
        let (path, mode) = dir.split_once(' ').unwrap_or((dir, "0755"));
        let mode = u32::from_str_radix(mode, 8).map_err(|_| error(folder, &format!("`{dir}`: not a mode")))?;
        put(Entry::dir(path, mode))?;
    }
    if let Some(filler) = &layer.filler {
        let wanted = layer.size_bytes.ok_or_else(|| error(folder, "`filler` needs `size_bytes`"))?;
        let have: u64 = entries.values().map(Entry::size_bytes).sum();
        let missing = wanted.checked_sub(have);
        let missing = missing.ok_or_else(|| error(folder, &format!("{have} bytes are more than {wanted}")))?;
        entries.insert(filler.clone(), Entry::file(filler, 0o644, noise(filler, missing)));
    }
    add_parents(&mut entries);
    entries.values_mut().for_each(|entry| entry.mtime_s = declared.mtime_s);
    Ok(entries.into_values().collect())
}

fn file_entry(file: &DeclaredFile, files: &Files, folder: &Path) -> Result<Entry, ImagesError> {
    let path = file.path.as_str();
    let (content, mode) = match (&file.text, &file.tool, &file.from, file.fill) {
        (Some(text), None, None, None) => (text.clone().into_bytes(), 0o644),
        (None, Some(name), None, None) => (tool(name), 0o755),
        (None, None, Some(from), None) => {
            let content = files.get(&folder.join(from)).map_err(|why| ImagesError(why.to_string()))?;
            (content.to_vec(), 0o644)
        }
        (None, None, None, Some(bytes)) => (noise(path, bytes), 0o644),
        _ => return Err(error(folder, &format!("`{path}` has one of text, tool, from, fill"))),
    };
    Ok(Entry::file(path, file.mode.unwrap_or(mode), content))
}

/// Bytes that stand for a published image's own, always the same for a path: one seeded block, over and over, so that a
/// lesson travels in kilobytes.
fn noise(path: &str, bytes: u64) -> Vec<u8> {
    const BLOCK_BYTES: usize = 512;
    let digest = Digest::of(path.as_bytes());
    let seed = digest.0[..8].iter().fold(0, |seed: u64, byte| seed << 8 | u64::from(*byte));
    let mut block = [0; BLOCK_BYTES];
    Rng::for_guest(seed, 0).fill(&mut block);
    block.iter().copied().cycle().take(bytes as usize).collect()
}

fn add_parents(entries: &mut BTreeMap<String, Entry>) {
    let parents: BTreeSet<String> = entries
        .keys()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    for parent in parents {
        entries.entry(parent.clone()).or_insert_with(|| Entry::dir(parent, 0o755));
    }
}

fn parsed<T: serde::de::DeserializeOwned>(files: &Files, path: &Path) -> Result<T, ImagesError> {
    let text = files.text(path).map_err(|why| ImagesError(why.to_string()))?;
    toml::from_str(text).map_err(|why| error(path, &why.to_string()))
}

fn error(path: &Path, what: &str) -> ImagesError {
    ImagesError(format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::image::store::Store;
    use engine::image::tree::Tree;

    fn shipped() -> Shipped {
        load(&Files::read(&super::super::course::root()).unwrap()).unwrap()
    }

    #[test]
    fn every_image_has_its_declared_size_and_a_sentence() {
        let sizes =
            [("busybox:latest", 12_200), ("centos:7", 2_040_000), ("openjdk:8", 4_880_000), ("ubuntu:latest", 699_000)];
        let shipped = shipped();
        assert_eq!(shipped.images.len(), sizes.len());
        for (reference, bytes) in sizes {
            let base = shipped.images.iter().find(|image| image.reference == reference).unwrap();
            let mut store = Store::default();
            let image = store.add_base(base).unwrap();
            assert_eq!(store.size_bytes(&image), bytes, "{reference}");
            assert!(shipped.stand_ins[reference].starts_with("A stand-in for"), "{reference}");
            assert_eq!(image.config.history.iter().filter(|h| !h.empty_layer).count(), image.layers().len());
        }
    }

    #[test]
    fn the_same_folder_gives_the_same_bytes() {
        let (a, b) = (shipped(), shipped());
        assert_eq!(a.images, b.images);
        assert_eq!(a.node_root, b.node_root);
    }

    #[test]
    fn every_root_has_a_shell_names_and_a_place_for_temporary_files() {
        let shipped = shipped();
        let layers = shipped.images.iter().map(|image| (image.reference.as_str(), image.layers.clone()));
        for (name, layers) in layers.chain([("node", vec![shipped.node_root.clone()])]) {
            let layers: Vec<_> =
                layers.into_iter().map(|tar| Arc::new(engine::image::store::Layer::new(tar).unwrap())).collect();
            let tree = Tree::of_layers(&layers);
            let shell = tree.file("bin/sh").unwrap_or_else(|| panic!("{name} has no /bin/sh"));
            assert_eq!((&*shell.data, shell.mode), (&b"#!/dev/.toolbox sh\n"[..], 0o755), "{name}");
            for path in ["bin/ls", "etc/passwd", "etc/group"] {
                assert!(tree.file(path).is_some(), "{name}: {path}");
            }
            assert_eq!(tree.get("tmp").map(|tmp| tmp.mode), Some(0o1777), "{name}");
            for entry in tree.below("") {
                let executable = entry.mode & 0o111 != 0 && entry.data.starts_with(b"#!");
                assert!(!executable || tree.resolve(&interpreter(&entry.data)).is_some(), "{name}: {}", entry.path);
            }
        }
    }

    fn interpreter(script: &[u8]) -> String {
        let line = script.split(|&byte| byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(&line[2..]).split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_web_server_s_configuration_has_its_published_size() {
        let shipped = shipped();
        let centos = shipped.images.iter().find(|image| image.reference == "centos:7").unwrap();
        let entries = tar::read(&centos.layers[0]).unwrap();
        let conf = entries.iter().find(|entry| entry.path.ends_with("httpd.conf")).unwrap();
        assert_eq!(conf.size_bytes(), 11_753);
    }

    #[test]
    fn every_tool_is_a_program() {
        let shipped = shipped();
        let layers = shipped.images.iter().flat_map(|image| image.layers.iter()).chain([&shipped.node_root]);
        let mut names = BTreeSet::new();
        for entry in layers.flat_map(|tar| tar::read(tar).unwrap()) {
            if let Some(name) = entry.data.strip_prefix(b"#!/dev/.toolbox ") {
                names.insert(String::from_utf8_lossy(name).trim_end().to_owned());
            }
        }
        assert!(names.len() > 60, "{}", names.len());
        let missing: Vec<&String> = names.iter().filter(|name| !is_program(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// A name that no program has is answered with `not simulated` at once.
    fn is_program(name: &str) -> bool {
        use engine::call::{Ret, Sys};
        let argv = [name.to_owned(), format!("/bin/{name}")];
        let mut program = engine::program::Program::start(&argv, &[]);
        match program.resume(Ret::Start) {
            Sys::Write { data, .. } => !String::from_utf8_lossy(&data).contains("not simulated"),
            _ => true,
        }
    }

    /// A session on a simulated node, after these lines; what the console showed of each, with its exit code.
    fn typed(lines: &[&str]) -> (engine::fact::Facts, Vec<(String, Option<i32>)>) {
        use engine::kernel::SimKernel;
        use engine::scenario::{Era, Input, Scenario};
        use engine::sched::Scheduled;
        use engine::session::{InputRecord, Session};
        let shipped = shipped();
        let scenario = Scenario {
            seed: 1,
            era: Era::Course,
            profile: Default::default(),
            only: None,
            files: Vec::new(),
            images: shipped.images,
            node_root: shipped.node_root,
            watch: Default::default(),
        };
        let mut session = Session::<Scheduled<SimKernel>>::open(&scenario, Vec::new()).unwrap();
        for line in lines {
            session.input(Input::Line((*line).to_owned())).unwrap();
        }
        let history = session.state().history.unwrap();
        let shown = |input: &InputRecord| {
            (input.output.iter().map(|chunk| chunk.text.as_str()).collect::<String>(), input.exit_code)
        };
        (session.facts().clone(), history.branches[0].inputs.iter().map(shown).collect())
    }

    #[test]
    fn yum_writes_a_hundredth_of_the_published_layer_and_httpd_writes_nothing() {
        let (facts, shown) = typed(&[
            "docker run --name yum centos:7 sh -c 'yum -y update && yum -y install httpd'",
            "docker commit yum web:1",
            "docker run -d --name web web:1 /usr/sbin/httpd -DFOREGROUND",
            "docker logs web",
            "docker run --rm centos:7 yum -y install foo",
        ]);
        assert_eq!(shown[0].0.matches("Complete!").count(), 2, "{}", shown[0].0);
        assert!(shown[3].0.ends_with("httpd: started on port 80\n"), "{}", shown[3].0);
        assert_eq!(shown.iter().map(|(_, code)| *code).collect::<Vec<_>>(), [0, 0, 0, 0, 1].map(Some));
        assert!(shown[4].0.ends_with("No package foo available.\nError: Nothing to do\n"), "{}", shown[4].0);
        assert_eq!(facts["image/web:1/layer/2/size"].to_string(), "2740000");
        assert_eq!(facts["container/web/upper"].to_string(), "0");
    }

    #[test]
    fn java_runs_what_a_jar_of_text_holds() {
        let jar = "echo PK > j; echo class a.B >> j; echo hello >> j; echo class a.C >> j; echo no >> j";
        let (_, shown) = typed(&[
            &format!("docker run --rm openjdk:8 sh -c '{jar}; java -cp j a.B'"),
            "docker run --rm openjdk:8 java -cp /x.jar a.B",
        ]);
        assert!(shown[0].0.ends_with("\nhello\n"), "{}", shown[0].0);
        assert_eq!(shown[1], ("Error: Could not find or load main class a.B\n".to_owned(), Some(1)));
    }

    #[test]
    fn what_is_not_there_says_what_to_use_instead() {
        let (_, shown) = typed(&["sudo echo hi", "nano x", "wget a", "docker run --rm ubuntu apt-get install -y curl"]);
        assert_eq!(shown[0], ("hi\n".to_owned(), Some(0)));
        assert!(shown[1].0.starts_with("nano: there is no editor in this terminal."), "{}", shown[1].0);
        assert_eq!((shown[1].1, shown[2].1, shown[3].1), (Some(127), Some(6), Some(100)));
        assert!(shown[3].0.ends_with("E: Unable to locate package curl\n"), "{}", shown[3].0);
    }
}
