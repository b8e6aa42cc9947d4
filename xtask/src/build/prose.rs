//! Lesson text as HTML, for the documents. Everything that comes from a lesson is escaped.

use lessons::{Block, Course, Lesson, Span};
use std::fmt::Write;

/// The course map as a list of links, relative to the site's root.
pub fn map(course: &Course) -> String {
    let mut html = String::from("<h1>Drydock</h1><p>Containers and AWS, seen below the waterline.</p>");
    for track in &course.tracks {
        let _ = write!(html, "<h2>{}</h2><p>{}</p><ol>", escape(&track.title), escape(&track.line));
        for card in &track.lessons {
            let title = escape(&card.title);
            let _ = match card.ready {
                true => write!(
                    html,
                    r#"<li><a href="lessons/{}/">{title}</a>, {} min</li>"#,
                    escape(&card.id),
                    card.minutes
                ),
                false => write!(html, "<li>{title}, planned</li>"),
            };
        }
        html.push_str("</ol>");
    }
    html
}

/// What a learner reads in a lesson, without what comes out of a run.
pub fn lesson(lesson: &Lesson) -> String {
    let mut html = format!("<h1>{}</h1>", escape(&lesson.title));
    list(&mut html, lesson.objectives.iter().map(|objective| escape(objective)));
    for step in &lesson.steps {
        let _ = write!(html, "<section><h2>{}</h2>", escape(&step.title));
        step.prose.iter().for_each(|block| html.push_str(&self::block(block)));
        list(&mut html, step.goals.iter().map(|goal| spans(&goal.text)));
        html.push_str("</section>");
    }
    html
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(text) => format!("<p>{}</p>", spans(text)),
        Block::List(items) => {
            let mut html = String::new();
            list(&mut html, items.iter().map(|item| spans(item)));
            html
        }
        Block::Dockerfile(text) | Block::Code(text) => format!("<pre><code>{}</code></pre>", escape(text)),
        Block::Quote(text) => format!("<blockquote><p>{}</p></blockquote>", spans(text)),
    }
}

fn list(html: &mut String, items: impl Iterator<Item = String>) {
    let items: String = items.map(|item| format!("<li>{item}</li>")).collect();
    if !items.is_empty() {
        let _ = write!(html, "<ul>{items}</ul>");
    }
}

fn spans(spans: &[Span]) -> String {
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escape(text),
        Span::Code(text) => format!("<code>{}</code>", escape(text)),
        Span::Emphasis(text) => format!("<em>{}</em>", escape(text)),
        Span::Strong(text) => format!("<strong>{}</strong>", escape(text)),
        Span::Fact { otherwise, .. } => escape(otherwise),
        Span::Link { text, href } => format!(r#"<a href="{}">{}</a>"#, escape(href), escape(text)),
    }
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_lesson_stays_text() {
        let text = vec![Span::Text("a<b & \"c\"".into()), Span::Code("<script>".into())];
        let html = block(&Block::Paragraph(text));
        assert_eq!(html, "<p>a&lt;b &amp; &quot;c&quot;<code>&lt;script&gt;</code></p>");
    }
}
