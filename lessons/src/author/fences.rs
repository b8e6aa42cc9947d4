//! Fenced blocks: what a step wants, written as intent.
//!
//! ````text
//! ```run            $ LINE · save PATH, then | LINE … · ^C · ^D · wait 5s
//! ```goal           TEXT :: CLAIM
//! ```predict        QUESTION, then `fact: PATH`, then choices `- VALUE | TEXT :: REPLY`
//! ```wrong          `when: CLAIM`, `hint: 2`, `reply: TEXT`, then inputs
//! ```misconception  `belief: TEXT`, `truth: TEXT`
//! ```scene          layers image=web:1 containers=web,web2 files=/etc/a,/etc/b · plot data=ID · none
//!                   kernel [decks] [namespaces[=mnt,net]] [tanks] [containers=web,agent] [cgroups=demo]
//! ````

use super::markdown;
use super::parse::{Chunk, LessonError, error};
use crate::{Choice, Goal, KernelScene, Misconception, Predict, Scene, Span, Wrong};
use engine::scenario::{Claim, Input};
use engine::sim::SECOND;

pub const KINDS: &[&str] = &[
    "run",
    "also",
    "goal",
    "predict",
    "misconception",
    "hint",
    "wrong",
    "notes",
    "beat",
    "scene",
    "transfer",
    "dockerfile",
    "text",
];

pub fn inputs(lines: &[(usize, &str)]) -> Result<Vec<Input>, LessonError> {
    let mut inputs = Vec::new();
    for &(number, line) in lines {
        let at = (number, line);
        if let Some(text) = line.strip_prefix("| ").or((line == "|").then_some("")) {
            match inputs.last_mut() {
                Some(Input::Save { content, .. }) => {
                    content.push_str(text);
                    content.push('\n');
                }
                _ => return Err(error(at, 1, "`| ` continues a `save PATH` line; there is none before it")),
            }
        } else if let Some(typed) = line.strip_prefix("$ ") {
            inputs.push(Input::Line(typed.to_owned()));
        } else if let Some(path) = line.strip_prefix("save ") {
            inputs.push(Input::Save { path: path.trim().to_owned(), content: String::new() });
        } else if let Some(seconds) = line.strip_prefix("wait ") {
            let seconds = seconds.trim().trim_end_matches('s').parse::<u64>();
            let seconds = seconds.map_err(|_| error(at, 6, "expected a number of seconds, such as `wait 5s`"))?;
            inputs.push(Input::Advance { ns: seconds.saturating_mul(SECOND) });
        } else {
            match line.trim() {
                "" => {}
                "^C" => inputs.push(Input::Interrupt),
                "^D" => inputs.push(Input::Eof),
                _ => return Err(error(at, 1, "expected `$ COMMAND`, `save PATH`, `| TEXT`, `^C`, `^D` or `wait 5s`")),
            }
        }
    }
    Ok(inputs)
}

pub fn goals(chunk: &Chunk<'_>) -> Result<Vec<Goal>, LessonError> {
    let lines = chunk.lines.iter().filter(|(_, line)| !line.trim().is_empty());
    let goal = |&(number, line): &(usize, &str)| {
        let (text, claim) =
            line.split_once("::").ok_or_else(|| error((number, line), 1, "a goal is `TEXT :: CLAIM`"))?;
        Ok(Goal { text: markdown::spans(text.trim()), claim: parse_claim((number, line), claim)? })
    };
    lines.map(goal).collect()
}

pub fn predict(chunk: &Chunk<'_>) -> Result<Predict, LessonError> {
    let mut question = String::new();
    let mut fact = String::new();
    let mut choices = Vec::new();
    for &(number, line) in &chunk.lines {
        if let Some(path) = line.strip_prefix("fact:") {
            let claim = parse_claim((number, line), &format!("{} exists", path.trim()))?;
            fact = claim.about().unwrap_or_default().to_owned();
        } else if let Some(choice) = line.strip_prefix("- ") {
            let (shown, reply) = choice.split_once("::").unwrap_or((choice, ""));
            let (value, text) = shown.split_once('|').unwrap_or((shown, shown));
            choices.push(Choice {
                text: markdown::spans(text.trim()),
                value: value.trim().to_owned(),
                reply: markdown::spans(reply.trim()),
            });
        } else if !line.trim().is_empty() {
            if !question.is_empty() {
                question.push(' ');
            }
            question.push_str(line.trim());
        }
    }
    let first = chunk.lines.first().copied().unwrap_or((1, ""));
    if fact.is_empty() || choices.len() < 2 {
        return Err(error(first, 1, "a prediction wants a question, `fact: PATH` and at least two choices `- VALUE`"));
    }
    Ok(Predict { question: markdown::spans(&question), choices, fact })
}

pub fn misconception(chunk: &Chunk<'_>) -> Result<Misconception, LessonError> {
    let belief = keyed(chunk, "belief:")?.1;
    let truth = keyed(chunk, "truth:")?.1;
    Ok(Misconception { belief: markdown::spans(&belief), truth: markdown::spans(&truth) })
}

pub fn wrong(chunk: &Chunk<'_>) -> Result<Wrong, LessonError> {
    let (at, when) = keyed(chunk, "when:")?;
    let (hint_at, hint) = keyed(chunk, "hint:")?;
    let hint: u32 = hint.parse().map_err(|_| error(hint_at, 7, "a rung of the ladder: 1, 2, 3 or 4"))?;
    if !(1..=4).contains(&hint) {
        return Err(error(hint_at, 7, "a rung of the ladder: 1, 2, 3 or 4"));
    }
    let keys = ["when:", "hint:", "reply:"];
    let rest = chunk.lines.iter().filter(|(_, line)| !keys.iter().any(|key| line.starts_with(key)));
    Ok(Wrong {
        run: inputs(&rest.copied().collect::<Vec<_>>())?,
        when: parse_claim(at, &when)?,
        hint: hint - 1,
        reply: markdown::spans(&keyed(chunk, "reply:")?.1),
    })
}

pub fn paragraphs(chunk: &Chunk<'_>) -> Result<Vec<Vec<Span>>, LessonError> {
    let lines = chunk.lines.iter().map(|(_, line)| line.trim()).filter(|line| !line.is_empty());
    Ok(lines.map(markdown::spans).collect())
}

pub fn scene(chunk: &Chunk<'_>) -> Result<Scene, LessonError> {
    let at = chunk.lines.first().copied().unwrap_or((1, ""));
    let mut words = at.1.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let value = |key: &str| {
        let prefix = format!("{key}=");
        at.1.split_whitespace().find_map(|word| word.strip_prefix(prefix.as_str()).map(str::to_owned))
    };
    let list = |key: &str| {
        let text = value(key).unwrap_or_default();
        text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    match kind {
        "layers" => {
            let image = value("image").ok_or_else(|| error(at, 1, "`layers` wants image=NAME"))?;
            Ok(Scene::Layers { image, containers: list("containers"), files: list("files") })
        }
        "plot" => {
            let data = value("data").ok_or_else(|| error(at, 1, "`plot` wants data=ID"))?;
            Ok(Scene::Plot { data })
        }
        "kernel" => kernel(at).map(Scene::Kernel),
        "none" => Ok(Scene::None),
        _ => Err(error(at, 1, "a scene is `layers …`, `kernel …`, `plot …` or `none`")),
    }
}

/// `kernel` alone shows all there is; a part that is named, only what is named.
fn kernel(at: (usize, &str)) -> Result<KernelScene, LessonError> {
    let mut scene = KernelScene::default();
    let all = || KernelScene::NAMESPACES.map(str::to_owned).to_vec();
    for word in at.1.split_whitespace().skip(1) {
        let column = at.1.find(word).map_or(1, |byte| at.1[..byte].chars().count() + 1);
        let names = |list: &str| list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        match word.split_once('=') {
            None if word == "decks" => scene.decks = true,
            None if word == "tanks" => scene.tanks = true,
            None if word == "namespaces" => scene.namespaces = all(),
            Some(("containers", list)) => scene.containers = names(list),
            Some(("cgroups", list)) => scene.cgroups = names(list),
            Some(("namespaces", list)) => {
                scene.namespaces = names(list);
                let unknown = |kind: &&String| !KernelScene::NAMESPACES.contains(&kind.as_str());
                if let Some(kind) = scene.namespaces.iter().find(unknown) {
                    let kinds = KernelScene::NAMESPACES.join(", ");
                    return Err(error(at, column, format!("`{kind}` is no kind of namespace shown here: {kinds}")));
                }
            }
            _ => {
                let words = "`decks`, `namespaces`, `tanks`, `containers=…` or `cgroups=…`";
                return Err(error(at, column, format!("`{word}` says nothing of a kernel: {words}")));
            }
        }
    }
    if !scene.decks && !scene.tanks && scene.namespaces.is_empty() {
        scene = KernelScene { decks: true, tanks: true, namespaces: all(), ..scene };
    }
    Ok(scene)
}

/// A line `key: value` with its place.
fn keyed<'t>(chunk: &Chunk<'t>, key: &str) -> Result<((usize, &'t str), String), LessonError> {
    let first = chunk.lines.first().copied().unwrap_or((1, ""));
    let found = chunk.lines.iter().find_map(|&at| at.1.strip_prefix(key).map(|value| (at, value.trim().to_owned())));
    found.ok_or_else(|| error(first, 1, format!("a line `{key} …` is missing in this block")))
}

fn parse_claim(at: (usize, &str), claim: &str) -> Result<Claim, LessonError> {
    let offset = at.1.find(claim).map_or(0, |byte| at.1[..byte].chars().count());
    let lead = claim.chars().take_while(|c| c.is_whitespace()).count();
    Claim::parse(claim.trim()).map_err(|problem| error(at, offset + lead + problem.column, problem.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene_of(line: &str) -> Result<Scene, LessonError> {
        scene(&Chunk { kind: "scene", lines: vec![(1, line)] })
    }

    #[test]
    fn a_kernel_alone_is_all_of_it_and_a_named_part_is_that_part() {
        let kernel = |line: &str| match scene_of(line).unwrap() {
            Scene::Kernel(scene) => scene,
            other => panic!("{other:?}"),
        };
        let all = kernel("kernel containers=web");
        assert!(all.decks && all.tanks && all.namespaces.len() == KernelScene::NAMESPACES.len());
        assert_eq!(all.containers, ["web"]);
        let tanks = kernel("kernel tanks containers=web,agent cgroups=demo");
        assert!(tanks.tanks && !tanks.decks && tanks.namespaces.is_empty());
        assert_eq!((tanks.containers.len(), tanks.cgroups), (2, vec!["demo".to_owned()]));
        assert_eq!(kernel("kernel decks namespaces=net,user").namespaces, ["net", "user"]);
    }

    #[test]
    fn a_word_that_says_nothing_is_an_error_at_its_place() {
        let place = |line: &str| scene_of(line).map_err(|error| error.column).unwrap_err();
        assert_eq!(place("kernel decks tank"), 14);
        assert_eq!(place("kernel namespaces=mnt,nett"), 8);
        assert_eq!(place("kernels"), 1);
    }
}
