//! Prose: a small part of CommonMark, parsed by `pulldown-cmark`, kept as blocks and spans.
//!
//! A code span `fact:PATH|OTHERWISE` is the current value of a fact. Raw HTML, images and tables are refused: a lesson
//! holds no layout.

use super::parse::{LessonError, error};
use crate::{Block, Span};
use engine::fact::escape;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

pub fn blocks(lines: &[(usize, &str)]) -> Result<Vec<Block>, LessonError> {
    let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    let mut blocks = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut items: Option<Vec<Vec<Span>>> = None;
    let mut quoted = false;
    for (event, range) in Parser::new_ext(&text, Options::empty()).into_offset_iter() {
        let before = text[..range.start].matches('\n').count();
        let at = lines.get(before).copied().unwrap_or((1, ""));
        match event {
            Event::Start(Tag::Paragraph | Tag::Item) => spans.clear(),
            Event::Start(Tag::List(_)) => items = Some(Vec::new()),
            Event::Start(Tag::BlockQuote(_)) => quoted = true,
            Event::End(TagEnd::BlockQuote(_)) => quoted = false,
            Event::End(TagEnd::Item) => {
                if let Some(items) = &mut items {
                    items.push(std::mem::take(&mut spans));
                }
            }
            Event::End(TagEnd::List(_)) => blocks.extend(items.take().map(Block::List)),
            Event::End(TagEnd::Paragraph) if items.is_none() => {
                let spans = std::mem::take(&mut spans);
                blocks.push(if quoted { Block::Quote(spans) } else { Block::Paragraph(spans) });
            }
            Event::End(TagEnd::Paragraph) => {}
            event => inline(event, &mut spans).map_err(|what| error(at, 1, format!("a lesson holds no {what}")))?,
        }
    }
    Ok(blocks)
}

/// One line of text.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for event in Parser::new_ext(text, Options::empty()) {
        if inline(event, &mut spans).is_err() {
            return vec![Span::Text(text.to_owned())];
        }
    }
    spans
}

fn inline(event: Event<'_>, spans: &mut Vec<Span>) -> Result<(), &'static str> {
    match event {
        Event::Text(text) => match spans.last_mut() {
            // An open emphasis or link is the last span, and still empty.
            Some(Span::Emphasis(inner) | Span::Strong(inner)) if inner.is_empty() => inner.push_str(&text),
            Some(Span::Link { text: inner, .. }) if inner.is_empty() => inner.push_str(&text),
            Some(Span::Text(before)) => before.push_str(&text),
            _ => spans.push(Span::Text(text.into_string())),
        },
        Event::Code(code) => spans.push(code_span(&code)),
        Event::SoftBreak | Event::HardBreak => match spans.last_mut() {
            Some(Span::Text(before)) => before.push(' '),
            _ => spans.push(Span::Text(" ".to_owned())),
        },
        Event::Start(Tag::Emphasis) => spans.push(Span::Emphasis(String::new())),
        Event::Start(Tag::Strong) => spans.push(Span::Strong(String::new())),
        Event::Start(Tag::Link { dest_url, .. }) => {
            spans.push(Span::Link { text: String::new(), href: dest_url.into_string() });
        }
        Event::Start(Tag::Paragraph) | Event::End(_) => {}
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) => return Err("HTML"),
        Event::Start(Tag::Image { .. }) => return Err("images"),
        Event::Start(Tag::Heading { .. }) => return Err("headings within a step"),
        _ => return Err("such blocks"),
    }
    Ok(())
}

fn code_span(code: &str) -> Span {
    match code.strip_prefix("fact:") {
        Some(fact) => {
            let (path, otherwise) = fact.split_once('|').unwrap_or((fact, "?"));
            let path = match path.split_once('[').and_then(|(head, tail)| Some((head, tail.split_once(']')?))) {
                Some((head, (name, tail))) => format!("{head}{}{tail}", escape(name)),
                None => path.to_owned(),
            };
            Span::Fact { path, otherwise: otherwise.to_owned() }
        }
        None => Span::Code(code.to_owned()),
    }
}
