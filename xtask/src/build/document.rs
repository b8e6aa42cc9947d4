//! The documents: `static/index.html` with the links a browser needs, once for the map and once for each lesson, each
//! holding its text, so that it can be read before any wasm arrives.
//!
//! The template is the one Trunk reads. A line with `data-trunk` is a wish: a stylesheet, an icon, the program.

use super::course::Compiled;
use super::prose::{self, escape};
use super::site::Site;
use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lessons::Lesson;
use std::fmt::Write;

/// What a document may load and run. `node-runtime serve` sends the same as a header and adds `frame-ancestors`.
pub const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                          style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                          worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'";

pub fn write(site: &mut Site, template: &str, app: &str, course: &Compiled) -> anyhow::Result<()> {
    let map = Document { base: "./", title: None, page: None, text: prose::map(&course.course) };
    let html = map.render(template, site, app)?;
    site.stable("index.html", html.into_bytes());
    for (lesson, (_, page)) in course.lessons.iter().zip(course.pages()?) {
        let html = of_lesson(lesson, &page).render(template, site, app)?;
        site.stable(&format!("lessons/{}/index.html", lesson.id), html.into_bytes());
    }
    Ok(())
}

fn of_lesson(lesson: &Lesson, page: &[u8]) -> Document<'static> {
    // `lessons/images/layers/` is three deep; an id is a track and a slug.
    Document {
        base: "../../../",
        title: Some(format!("{} · Drydock", lesson.title)),
        page: Some(STANDARD.encode(page)),
        text: prose::lesson(lesson),
    }
}

struct Document<'a> {
    base: &'a str,
    title: Option<String>,
    /// A lesson as the program reads it: nothing is waited for.
    page: Option<String>,
    text: String,
}

impl Document<'_> {
    fn render(&self, template: &str, site: &Site, app: &str) -> anyhow::Result<String> {
        let mut html = String::new();
        let mut text_placed = false;
        for line in template.lines() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("<base ") {
                // The policy comes first: a browser applies it to what follows.
                writeln!(html, r#"<meta http-equiv="Content-Security-Policy" content="{POLICY}">"#)?;
                writeln!(html, r#"<base href="{}">"#, self.base)?;
            } else if trimmed.starts_with("<title>") && self.title.is_some() {
                writeln!(html, "<title>{}</title>", escape(self.title.as_deref().unwrap_or_default()))?;
            } else if attribute(trimmed, "data-trunk").is_some() || trimmed.contains(" data-trunk ") {
                html.push_str(&self.link(trimmed, site, app)?);
            } else if let Some((before, after)) = line.split_once(r#"id="prerender""#) {
                let (tag, rest) = after.split_once('>').context("the element `prerender` must end on its line")?;
                writeln!(html, r#"{before}id="prerender"{tag}>{}{rest}"#, self.text)?;
                text_placed = true;
            } else {
                writeln!(html, "{line}")?;
            }
        }
        ensure!(text_placed, "static/index.html has no element with id=\"prerender\"");
        Ok(html)
    }

    fn link(&self, line: &str, site: &Site, app: &str) -> anyhow::Result<String> {
        let served = |name: &str| site.name(name).with_context(|| format!("`{name}` is linked, but is not in static/"));
        let href = attribute(line, "href").unwrap_or_default();
        let mut html = String::new();
        match attribute(line, "rel") {
            Some("css") => writeln!(html, r#"<link rel="stylesheet" href="{}">"#, served(href)?)?,
            Some("icon") => {
                let kind = if href.ends_with(".svg") { r#" type="image/svg+xml""# } else { "" };
                let sizes = attribute(line, "sizes").map(|sizes| format!(r#" sizes="{sizes}""#)).unwrap_or_default();
                writeln!(html, r#"<link rel="icon"{kind}{sizes} href="{href}">"#)?;
            }
            Some("rust") => {
                writeln!(html, r#"<link rel="modulepreload" href="{app}/app.js">"#)?;
                writeln!(html, r#"<link rel="preload" href="{app}/app_bg.wasm" as="fetch" crossorigin>"#)?;
                writeln!(html, r#"<link rel="preload" href="{}" as="fetch" crossorigin>"#, served("course.bin")?)?;
                let table = serde_json::to_string(&site.table())?.replace('<', "\\u003c");
                writeln!(html, r#"<script type="application/json" id="assets">{table}</script>"#)?;
                if let Some(page) = &self.page {
                    writeln!(html, r#"<script type="application/octet-stream" id="page">{page}</script>"#)?;
                }
                writeln!(html, r#"<script type="module" src="{}"></script>"#, served("boot.js")?)?;
            }
            // xtask puts every file of static/ where it belongs by itself.
            Some("copy-file" | "copy-dir") => {}
            other => bail!("static/index.html: `rel={}` is not understood here: {line}", other.unwrap_or("?")),
        }
        Ok(html)
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    after.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "<head>\n<base href=\"./\">\n<title>Drydock</title>\n\
        <link data-trunk rel=\"css\" href=\"drydock.css\">\n\
        <link data-trunk rel=\"copy-file\" href=\"worker.js\">\n\
        <link data-trunk rel=\"rust\" href=\"../frontend/Cargo.toml\">\n\
        <main id=\"prerender\" class=\"prose\"></main>";

    fn site() -> Site {
        let mut site = Site::default();
        for name in ["drydock.css", "boot.js", "course.bin", "worker.js"] {
            site.hashed(name, name.as_bytes().to_vec());
        }
        site
    }

    fn document() -> Document<'static> {
        let title = Some("A < B · Drydock".to_string());
        Document { base: "../../../", title, page: Some("AAAA".into()), text: "<p>Read me</p>".into() }
    }

    #[test]
    fn a_document_names_only_files_of_the_site() {
        let site = site();
        let html = document().render(TEMPLATE, &site, "app-1").unwrap();
        assert!(html.contains(r#"<main id="prerender" class="prose"><p>Read me</p></main>"#), "{html}");
        assert!(html.contains(r#"<base href="../../../">"#), "{html}");
        assert!(html.contains("<title>A &lt; B · Drydock</title>"), "{html}");
        assert!(html.contains(&format!(r#"href="{}""#, site.name("drydock.css").unwrap())), "{html}");
        assert!(html.contains(&format!(r#""worker.js":"{}""#, site.name("worker.js").unwrap())), "{html}");
        assert!(html.contains(r#"id="page">AAAA</script>"#), "{html}");
        assert!(!html.contains("data-trunk"), "{html}");
    }

    #[test]
    fn a_link_to_nothing_is_an_error() {
        let error = document().render(&TEMPLATE.replace("drydock.css", "other.css"), &site(), "app-1").unwrap_err();
        assert!(error.to_string().contains("other.css"), "{error}");
    }
}
