//! Which files a lesson looks at: read off its scenes, claims and inline facts, so nobody lists them twice.

use crate::{Block, Scene, Span, Step};
use engine::fact::unescape;
use engine::node::Watch;
use std::collections::BTreeSet;

pub fn of(steps: &[Step]) -> Watch {
    let mut containers = BTreeSet::new();
    let mut node = BTreeSet::new();
    for path in steps.iter().flat_map(fact_paths) {
        let names: Vec<&str> = path.split('/').collect();
        match names.as_slice() {
            ["container", _, "upper" | "file", file, ..]
            | ["image", _, "layer", _, "file", file, ..]
            | ["image", _, "file", file, ..] => {
                containers.insert(unescape(file));
            }
            ["node", "file", file, ..] => {
                node.insert(unescape(file));
            }
            _ => {}
        }
    }
    for step in steps {
        if let Scene::Layers { files, .. } = &step.scene {
            containers.extend(files.iter().cloned());
        }
    }
    let known = |name: &String| name != "*";
    Watch {
        container_files: containers.into_iter().filter(known).collect(),
        node_files: node.into_iter().filter(known).collect(),
    }
}

fn fact_paths(step: &Step) -> Vec<String> {
    let goals = step.goals.iter().filter_map(|goal| goal.claim.about());
    let wrongs = step.wrongs.iter().filter_map(|wrong| wrong.when.about());
    let predict = step.predict.iter().map(|predict| predict.fact.as_str());
    let mut paths: Vec<String> = goals.chain(wrongs).chain(predict).map(str::to_owned).collect();
    for block in &step.prose {
        match block {
            Block::Paragraph(spans) | Block::Quote(spans) => paths.extend(spans.iter().filter_map(inline)),
            Block::List(items) => paths.extend(items.iter().flatten().filter_map(inline)),
            Block::Dockerfile(_) | Block::Code(_) => {}
        }
    }
    paths
}

fn inline(span: &Span) -> Option<String> {
    match span {
        Span::Fact { path, .. } => Some(path.clone()),
        _ => None,
    }
}
