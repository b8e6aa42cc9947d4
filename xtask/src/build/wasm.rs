//! The two wasm modules: the engine, which imports nothing, and the page, which imports the browser.

use super::Profile;
use crate::{tools, tree};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const ENGINE: &str = "engine-abi";
pub const PAGE: &str = "frontend";

/// Compiles these at once: they share most of their code until they are linked, and are linked side by side.
pub fn compile(packages: &[&str], profile: Profile) -> anyhow::Result<()> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--target", tools::WASM, "--profile", profile.cargo()]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    tools::run(&mut cargo)
}

/// The compiled `engine.wasm`, which imports nothing.
pub fn engine(profile: Profile) -> anyhow::Result<Vec<u8>> {
    let path = module("engine_abi.wasm", profile);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let imports = imports(&bytes)?;
    ensure!(imports == 0, "engine.wasm has {imports} imports and must have none (invariant I1)");
    match profile {
        Profile::Web => without_names(&bytes),
        Profile::Dev => Ok(bytes),
    }
}

/// The page: its JavaScript face and its wasm, by file name.
pub fn app(profile: Profile, bindgen: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let module = module("frontend.wasm", profile);
    let directory = tree::scratch().join(format!("app-{}", profile.cargo()));
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    tools::run(Command::new(bindgen).arg(&module).arg(&directory).arg("app"))?;
    let mut files = Vec::new();
    collect(&directory, "", &mut files)?;
    Ok(files)
}

fn module(file: &str, profile: Profile) -> PathBuf {
    let directory = if profile == Profile::Dev { "debug" } else { profile.cargo() };
    tree::target().join(tools::WASM).join(directory).join(file)
}

/// Every file under `directory`, by its path with `/`, in order.
pub fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    let read = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut entries = read.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// How many imports a module declares.
fn imports(module: &[u8]) -> anyhow::Result<u64> {
    const IMPORT_SECTION: u8 = 2;
    let imports = sections(module)?.into_iter().find(|section| section.id == IMPORT_SECTION);
    imports.map_or(Ok(0), |section| Ok(leb128(section.content)?.0))
}

/// The module without its custom sections: the names of its functions are a third of what is fetched.
fn without_names(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    const CUSTOM_SECTION: u8 = 0;
    let mut kept = PREAMBLE.to_vec();
    for section in sections(module)?.iter().filter(|section| section.id != CUSTOM_SECTION) {
        kept.extend_from_slice(section.whole);
    }
    Ok(kept)
}

const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

struct Section<'a> {
    id: u8,
    content: &'a [u8],
    /// With its id and size.
    whole: &'a [u8],
}

/// WebAssembly core specification, 5.5.2 and 5.5.16.
fn sections(module: &[u8]) -> anyhow::Result<Vec<Section<'_>>> {
    let mut rest = module.strip_prefix(PREAMBLE).context("not a WebAssembly module")?;
    let mut sections = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = leb128(after)?;
        let size = usize::try_from(size)?;
        if size > after.len() {
            bail!("a section ends beyond the module");
        }
        let (content, next) = after.split_at(size);
        sections.push(Section { id, content, whole: &rest[..rest.len() - next.len()] });
        rest = next;
    }
    Ok(sections)
}

fn leb128(bytes: &[u8]) -> anyhow::Result<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    bail!("a number has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_counted() {
        let empty = b"\0asm\x01\0\0\0";
        assert_eq!(imports(empty).unwrap(), 0);
        // (module (import "a" "b" (func)) (import "a" "c" (func)))
        let two = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0d\x02\x01a\x01b\0\0\x01a\x01c\0\0";
        assert_eq!(imports(two).unwrap(), 2);
        // The same behind a custom section named "n".
        let named = [empty, &b"\0\x02\x01n"[..], &two[8..]].concat();
        assert_eq!(imports(&named).unwrap(), 2);
        assert_eq!(without_names(&named).unwrap(), two);
        assert!(imports(b"\0asm\x01\0\0\0\x02\x7f").is_err());
    }
}
