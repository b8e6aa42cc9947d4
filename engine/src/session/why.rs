//! "Why?": a walk over causes that are already there (I5). Nothing is computed anew.

use super::WhyStep;
use crate::sim::sort_by_key;
use crate::trace::{self, Event};

/// Longest explanation told.
const STEPS: usize = 12;

/// Why a fact has its value after `position` events: the event that last touched it, its causes, and theirs.
pub(super) fn why(events: &[Event], position: u32, fact: &str) -> Vec<WhyStep> {
    let happened = &events[..(position as usize).min(events.len())];
    let Some(event) = happened.iter().rev().max_by_key(|event| (touches(event, fact), event.id)) else {
        return Vec::new();
    };
    if touches(event, fact) == 0 {
        return Vec::new();
    }
    let mut chain: Vec<&Event> = vec![event];
    let mut next = 0;
    while let Some(event) = chain.get(next).copied() {
        next += 1;
        for cause in &event.causes {
            let known = chain.iter().any(|event| event.id == *cause);
            if let Some(event) = happened.get(cause.0 as usize).filter(|_| !known && chain.len() < STEPS) {
                chain.push(event);
            }
        }
    }
    sort_by_key(&mut chain, |event| std::cmp::Reverse(event.id));
    chain.iter().map(|event| WhyStep { event: event.id, at: event.at, text: trace::describe(event) }).collect()
}

/// How closely an event is about a fact: the length of the path they share, 0 for none.
fn touches(event: &Event, fact: &str) -> usize {
    if event.about.is_empty() {
        return 0;
    }
    // What a container shows at a path is decided by what its upperdir holds there.
    let merged = fact.replacen("/file/", "/upper/", usize::from(fact.starts_with("container/")));
    let shared = |longer: &str, shorter: &str| {
        let rest = longer.strip_prefix(shorter)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(shorter.len())
    };
    shared(fact, &event.about).or_else(|| shared(&merged, &event.about)).unwrap_or(0)
}
