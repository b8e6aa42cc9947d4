//! The fixture as an engine, to work on the page's looks alone. Feature `mock` only.

use super::EngineHost;
use crate::fixture::Fixture;
use engine::session::{Ask, Candidate, Completions, FileEntry, Reply, WhyStep};
use engine::trace::EventId;
use std::cell::Cell;
use yew::Callback;

#[derive(Debug)]
pub struct MockHost {
    fixture: Fixture,
    position: Cell<u32>,
}

impl MockHost {
    pub fn new() -> MockHost {
        let fixture = Fixture::new();
        let position = Cell::new(fixture.len() - 2);
        MockHost { fixture, position }
    }
}

impl EngineHost for MockHost {
    fn ask(&self, ask: &Ask, then: Callback<Result<Reply, String>>) {
        let state = || Reply::State(Box::new(self.fixture.state(self.position.get())));
        let reply = match ask {
            Ask::Open { .. } | Ask::Undo => state(),
            Ask::Input(_) => Reply::Refused("The fixture does nothing new.".into()),
            Ask::Seek { events, .. } => {
                self.position.set((*events).min(self.fixture.len()));
                state()
            }
            Ask::Complete { line, .. } => Reply::Completions(completions(line)),
            Ask::Why { .. } => Reply::Why(
                [
                    (25, "copied up whole, before the first write"),
                    (24, "`sh`, pid 7, opened it to append"),
                    (2, "it was found in layer 2, which is read-only"),
                ]
                .map(|(event, text)| WhyStep { event: EventId(event), at: 0, text: text.into() })
                .into(),
            ),
            Ask::ReadFile { .. } => Reply::File(Some(crate::fixture::DOCKERFILE.into())),
            Ask::ListFiles => Reply::Files(
                ["Dockerfile", "run-httpd.sh"]
                    .map(|path| FileEntry { path: path.into(), size_bytes: 147, mode: 0o644 })
                    .into(),
            ),
            Ask::Lint { .. } => Reply::Diagnostics(Vec::new()),
            Ask::Script => Reply::Script(Vec::new()),
        };
        then.emit(Ok(reply));
    }

    fn restart(&self) {}
}

fn completions(line: &str) -> Completions {
    let start = line.rfind(' ').map_or(0, |space| space + 1) as u32;
    let word = &line[start as usize..];
    let candidates = ["web", "web2"].into_iter().filter(|name| !word.is_empty() && name.starts_with(word));
    Completions {
        start,
        end: line.len() as u32,
        candidates: candidates.map(|name| Candidate { text: name.into(), help: "container, running".into() }).collect(),
        expected: String::new(),
    }
}
