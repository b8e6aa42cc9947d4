//! `cargo xtask build`: from sources to `dist/`, a directory that any static host can serve, also under a sub-path.
//!
//! Nothing here decides what a lesson is or how the page looks: it compiles, names by content, presses and writes.

mod course;
mod document;
mod offline;
mod plot;
mod press;
mod prose;
mod site;
mod wasm;

pub use course::recordings;

use crate::progress::Steps;
use crate::{tools, tree};
use anyhow::bail;
use site::Site;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What is published: small, slow to build.
    Web,
    /// For work on the page: quick to build.
    Dev,
}

impl Profile {
    /// The name of cargo's profile.
    pub fn cargo(self) -> &'static str {
        match self {
            Profile::Web => "web",
            Profile::Dev => "dev",
        }
    }

    pub fn parse(name: &str) -> anyhow::Result<Profile> {
        match name {
            "web" => Ok(Profile::Web),
            "dev" => Ok(Profile::Dev),
            other => bail!("there is no profile `{other}`: choose `web` or `dev`"),
        }
    }
}

/// Builds the whole site.
pub fn build(profile: Profile) -> anyhow::Result<()> {
    let mut steps = Steps::new(7);
    steps.step("wasm target", || Ok(((), tools::add_target(tools::WASM)?)))?;
    let bindgen = steps.step("wasm-bindgen", || Ok((tools::bindgen()?, tools::WASM_BINDGEN.to_string())))?;
    steps.step("engine and page to wasm", || {
        Ok((wasm::compile(&[wasm::ENGINE, wasm::PAGE], profile)?, String::new()))
    })?;
    let (engine, app) = steps.step("the browser's side of both", || {
        let (engine, app) = (wasm::engine(profile)?, wasm::app(profile, &bindgen)?);
        let bytes = app.iter().map(|(_, content)| content.len()).sum::<usize>();
        let note = format!("engine {} KB, page {} KB", engine.len() / 1000, bytes / 1000);
        Ok(((engine, app), note))
    })?;
    let course = steps.step("lessons", || {
        let course = course::compile()?;
        let note = course.summary();
        Ok((course, note))
    })?;
    let site = steps.step("names and documents", || {
        let site = assemble(engine, app, &course)?;
        let note = format!("{} files", site.files().len());
        Ok((site, note))
    })?;
    let pressed = steps.step("brotli and gzip", || {
        let pressed = press::write(&site, &tree::dist(), profile)?;
        Ok((pressed, String::new()))
    })?;
    pressed.print();
    steps.finish();
    Ok(())
}

/// What `trunk serve` can not make itself, under plain names, into its staging directory.
pub fn for_trunk(staging: &Path) -> anyhow::Result<()> {
    tools::add_target(tools::WASM)?;
    wasm::compile(&[wasm::ENGINE], Profile::Dev)?;
    let engine = wasm::engine(Profile::Dev)?;
    let course = course::compile()?;
    let mut files = course.files()?;
    files.extend(course.pages()?.into_iter().map(|(id, page)| (format!("lessons/{id}.bin"), page)));
    files.push(("engine.wasm".into(), engine));
    files.push(("worker.js".into(), std::fs::read(tree::fixed().join("worker.js"))?));
    for (name, bytes) in files {
        press::write_file(&staging.join(name), &bytes)?;
    }
    Ok(())
}

fn assemble(engine: Vec<u8>, app: Vec<(String, Vec<u8>)>, course: &course::Compiled) -> anyhow::Result<Site> {
    let mut site = Site::default();
    site.hashed("engine.wasm", engine);
    for (name, bytes) in course.files()? {
        site.hashed(&name, bytes);
    }
    let app = site.hashed_directory("app", app);
    for (name, bytes) in site::fixed_files()? {
        match name.as_str() {
            "index.html" | "sw.js" => {}
            "boot.js" => {
                let text = String::from_utf8(bytes)?.replace("./app/", &format!("./{app}/"));
                site.hashed(&name, text.into_bytes());
            }
            // Found by other programs under these names.
            "manifest.webmanifest" | "robots.txt" => site.stable(&name, bytes),
            _ if name.starts_with("icons/") => site.stable(&name, bytes),
            _ => {
                site.hashed(&name, bytes);
            }
        }
    }
    let template = std::fs::read_to_string(tree::fixed().join("index.html"))?;
    document::write(&mut site, &template, &app, course)?;
    offline::write(&mut site)?;
    Ok(site)
}
