//! Debian's kernel for machines in clouds: its image, and those of its modules that a machine needs, in the order in
//! which they can be loaded.

use crate::{apt, tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Depends on the newest kernel of its kind that the distribution has.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// How far modules depend on modules at most.
const DEPTH: usize = 16;

#[derive(Clone, Debug)]
pub struct Kernel {
    /// The package that it is from, with its version.
    pub name: String,
    /// What a boot loader starts.
    pub image: PathBuf,
    /// `/lib/modules/RELEASE` of the package.
    modules: PathBuf,
}

/// A module as the package has it.
#[derive(Debug)]
pub struct Module {
    pub name: String,
    pub content: Vec<u8>,
}

/// The distribution's newest; where it cannot be fetched, the newest of the cache. The error says why there is none.
pub fn provide() -> Result<Kernel, String> {
    let cache = tree::cache().join("kernels");
    let home = apt::Package::known(PACKAGE).and_then(|meta| {
        let name = meta.depends.split([' ', ',']).next().unwrap_or_default().to_owned();
        apt::Package::known(&name)?.unpacked(&cache)
    });
    let home = home.or_else(|why| fetched_before(&cache).ok_or(why))?;
    Kernel::of(&home).ok_or_else(|| format!("{}: no kernel with modules in it", home.display()))
}

fn fetched_before(cache: &Path) -> Option<PathBuf> {
    let homes = list(cache).into_iter().filter(|home| Kernel::of(home).is_some());
    homes.max_by_key(|home| home.metadata().and_then(|data| data.modified()).ok())
}

impl Kernel {
    fn of(home: &Path) -> Option<Kernel> {
        let starts =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"));
        let image = list(&home.join("boot")).into_iter().find(starts)?;
        // Newer packages have it under /usr.
        let places = ["lib/modules", "usr/lib/modules"];
        let modules = places.iter().find_map(|place| list(&home.join(place)).pop())?;
        Some(Kernel { name: home.file_name()?.to_string_lossy().into_owned(), image, modules })
    }

    /// These modules and what they depend on, each after what it depends on. One that is built in is left out.
    pub fn modules(&self, wanted: &[&str]) -> anyhow::Result<Vec<Module>> {
        let mut files = Vec::new();
        walk(&self.modules.join("kernel"), &mut files);
        let built_in = fs::read_to_string(self.modules.join("modules.builtin")).unwrap_or_default();
        let built_in: Vec<String> = built_in.lines().map(|line| module_name(Path::new(line))).collect();
        let mut loaded: Vec<Module> = Vec::new();
        for name in wanted {
            self.add(name, &files, &built_in, &mut loaded, DEPTH)?;
        }
        Ok(loaded)
    }

    fn add(
        &self,
        name: &str,
        files: &[PathBuf],
        built_in: &[String],
        loaded: &mut Vec<Module>,
        depth: usize,
    ) -> anyhow::Result<()> {
        if loaded.iter().any(|module| module.name == name) || built_in.iter().any(|module| module == name) {
            return Ok(());
        }
        anyhow::ensure!(depth > 0, "{}: {name} is needed {DEPTH} modules deep", self.name);
        let file = files.iter().find(|file| module_name(file) == name);
        let file = file.ok_or_else(|| anyhow::anyhow!("{} has no module {name}", self.name))?;
        let content = plain(file)?;
        for needed in dependencies(&content) {
            self.add(&needed, files, built_in, loaded, depth - 1)?;
        }
        loaded.push(Module { name: name.to_owned(), content });
        Ok(())
    }
}

/// `overlay` of `kernel/fs/overlayfs/overlay.ko.xz`; the kernel does not tell `-` from `_`.
fn module_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().replace('-', "_")
}

/// A module's own `depends=` (its section .modinfo, strings that end in NUL).
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(start) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[start + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The file, unpacked if it is packed.
fn plain(file: &Path) -> anyhow::Result<Vec<u8>> {
    let tool = match file.extension().and_then(|ending| ending.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return Ok(fs::read(file)?),
    };
    let output = Command::new(tool).arg("-dc").arg(file).output()?;
    anyhow::ensure!(output.status.success(), "{tool} -dc {}: {}", file.display(), output.status);
    Ok(output.stdout)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in list(directory) {
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's kernels have them: veth needs nothing, bridge needs two, one of which needs another.
    const MODULES: [(&str, &str); 5] = [
        ("drivers/net/veth.ko", ""),
        ("net/bridge/bridge.ko", "stp,llc"),
        ("net/802/stp.ko", "llc"),
        ("net/llc/llc.ko", ""),
        ("net/netfilter/nf-lonely.ko", "not_there"),
    ];

    fn kernel(name: &str) -> Kernel {
        let home = std::env::temp_dir().join(format!("drydock-{name}-{}", std::process::id()));
        let modules = home.join("usr/lib/modules/6.1.0-x");
        for (path, depends) in MODULES {
            let file = modules.join("kernel").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("\x7fELF\0license=GPL\0depends={depends}\0retpoline=Y\0")).unwrap();
        }
        fs::write(modules.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n").unwrap();
        fs::create_dir_all(home.join("boot")).unwrap();
        fs::write(home.join("boot/vmlinuz-6.1.0-x"), "").unwrap();
        Kernel::of(&home).unwrap()
    }

    #[test]
    fn a_module_comes_after_what_it_depends_on() {
        let kernel = kernel("closure");
        let order = |wanted: &[&str]| -> Vec<String> {
            kernel.modules(wanted).unwrap().into_iter().map(|module| module.name).collect()
        };
        assert_eq!(order(&["bridge", "ext4", "veth", "stp"]), ["llc", "stp", "bridge", "veth"]);
        let wrong = kernel.modules(&["nf_lonely"]).unwrap_err().to_string();
        assert!(wrong.contains("no module not_there"), "{wrong}");
        fs::remove_dir_all(kernel.image.ancestors().nth(2).unwrap()).unwrap();
    }
}
