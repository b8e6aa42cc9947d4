//! Prose: blocks and spans as elements. Text stays text.

use crate::view_model::prose::{DockerfileLine, Mark, dockerfile};
use crate::view_model::section::SectionModel;
use engine::fact::Facts;
use lessons::{Block, Span};
use yew::prelude::*;

/// Code of at most so many letters stays on its line.
const WHOLE: usize = 20;

pub fn spans(spans: &[Span], facts: Option<&Facts>) -> Html {
    spans.iter().map(|span| self::span(span, facts)).collect()
}

fn span(span: &Span, facts: Option<&Facts>) -> Html {
    match span {
        Span::Text(text) => html! { {text} },
        // A break inside `--name` reads as two words.
        Span::Code(text) => html! { <code class={(text.len() <= WHOLE).then_some("whole")}>{text}</code> },
        Span::Emphasis(text) => html! { <em>{text}</em> },
        Span::Strong(text) => html! { <strong>{text}</strong> },
        Span::Fact { path, otherwise } => {
            let value = facts.and_then(|facts| facts.get(path));
            let shown = value.map_or_else(|| otherwise.clone(), ToString::to_string);
            html! { <span class="fact" title={path.clone()}>{shown}</span> }
        }
        Span::Link { text, href } => html! { <a href={href.clone()} rel="noreferrer">{text}</a> },
    }
}

pub fn blocks(blocks: &[Block], facts: Option<&Facts>, section: Option<&SectionModel>) -> Html {
    blocks.iter().map(|block| self::block(block, facts, section)).collect()
}

fn block(block: &Block, facts: Option<&Facts>, section: Option<&SectionModel>) -> Html {
    match block {
        Block::Paragraph(text) => html! { <p>{spans(text, facts)}</p> },
        Block::List(items) => {
            let items = items.iter().map(|item| html! { <li>{spans(item, facts)}</li> });
            html! { <ul>{for items}</ul> }
        }
        Block::Code(text) => html! { <pre class="code" tabindex="0"><code>{text}</code></pre> },
        Block::Quote(text) => html! { <blockquote><p>{spans(text, facts)}</p></blockquote> },
        Block::Dockerfile(text) => {
            let lines = dockerfile(text, section);
            html! { <pre class="dockerfile" tabindex="0" aria-label="Dockerfile">{for lines.iter().map(dockerfile_line)}</pre> }
        }
    }
}

fn dockerfile_line(line: &DockerfileLine) -> Html {
    let (class, title) = match line.mark {
        Mark::Layer => ("mark layer", "a layer"),
        Mark::NoLayer => ("mark none", "no layer"),
        Mark::Unknown | Mark::Rest => ("mark", ""),
    };
    let hidden = (!title.is_empty()).then(|| html! { <span class="unseen">{format!("{title}: ")}</span> });
    let gap = if line.verb.is_empty() { "" } else { " " };
    html! { <span class="line"><i class={class} title={title}></i>{hidden}<b>{&line.verb}</b>{gap}{&line.rest}{"\n"}</span> }
}
