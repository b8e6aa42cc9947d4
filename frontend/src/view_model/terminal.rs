//! What the console shows at a position: each input at its prompt, and what was printed until then.

use super::moment::World;
use engine::scenario::Input;

/// Lines kept in the page; the world keeps all.
pub const SCROLLBACK_LINES: usize = 2_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub kind: Kind,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Typed {
        prompt: String,
    },
    Output,
    /// The head of a table.
    Head,
    Error,
    /// Drydock's own word about a failure: never part of what a tool printed.
    Advice,
    /// Something that was done outside the console: a file saved, time that passed.
    Aside,
}

/// Everything on the console at the world's position, after `cleared` events.
pub fn scrollback(world: &World, cleared: u32) -> Vec<Line> {
    let mut lines = Vec::new();
    for input in world.inputs().iter().filter(|input| input.first_event < world.position) {
        if input.first_event < cleared {
            continue;
        }
        match &input.input {
            Input::Line(text) => {
                lines.push(Line { kind: Kind::Typed { prompt: input.prompt.clone() }, text: text.clone() })
            }
            Input::Interrupt => {
                lines.push(Line { kind: Kind::Typed { prompt: input.prompt.clone() }, text: "^C".to_owned() })
            }
            Input::Eof => {
                lines.push(Line { kind: Kind::Typed { prompt: input.prompt.clone() }, text: "^D".to_owned() })
            }
            other => lines.push(Line { kind: Kind::Aside, text: super::timeline::input_words(other) }),
        }
        let shown = input.output.iter().filter(|chunk| chunk.event <= world.position);
        // Progress goes to standard error too: only of what failed is it an error.
        let failed = input.exit_code.is_some_and(|code| code != 0);
        push_output(&mut lines, shown.map(|chunk| (failed && chunk.stderr, chunk.text.as_str())));
        if let Some(advice) = input.advice.as_ref().filter(|_| input.first_event + input.events <= world.position) {
            lines.push(Line { kind: Kind::Advice, text: advice.clone() });
        }
    }
    if lines.len() > SCROLLBACK_LINES {
        lines.drain(..lines.len() - SCROLLBACK_LINES);
    }
    lines
}

fn push_output<'a>(lines: &mut Vec<Line>, chunks: impl Iterator<Item = (bool, &'a str)>) {
    // A line may come in pieces.
    let mut open = false;
    let mut first = true;
    for (stderr, text) in chunks {
        let (clears, text) = without_controls(text);
        if clears {
            lines.clear();
            open = false;
        }
        for piece in text.split_inclusive('\n') {
            let words = piece.strip_suffix('\n').unwrap_or(piece);
            let kind = if stderr {
                Kind::Error
            } else if first && is_head(words) {
                Kind::Head
            } else {
                Kind::Output
            };
            first = false;
            match lines.last_mut() {
                Some(last) if open => last.text.push_str(words),
                _ => lines.push(Line { kind, text: words.to_owned() }),
            }
            open = !piece.ends_with('\n');
        }
    }
}

/// Whether the screen is cleared within this text, and what is printed after that. Control sequences (ECMA-48, 5.4: CSI)
/// are for a terminal to act on; what they colour or move is not followed.
fn without_controls(text: &str) -> (bool, String) {
    let mut clears = false;
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        shown.push_str(before);
        let Some(sequence) = after.strip_prefix('[') else {
            // RIS, full reset, and the other two-letter escapes.
            clears |= after.starts_with('c');
            if after.starts_with('c') {
                shown.clear();
            }
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            continue;
        };
        let end = sequence.find(|letter| ('\u{40}'..='\u{7e}').contains(&letter));
        let (controls, after) = sequence.split_at(end.map_or(sequence.len(), |end| end + 1));
        if matches!(controls, "2J" | "3J") {
            clears = true;
            shown.clear();
        }
        rest = after;
    }
    shown.push_str(rest);
    (clears, shown)
}

/// `IMAGE   CREATED   SIZE`: column heads are words in capitals with room between them.
fn is_head(line: &str) -> bool {
    line.contains("  ")
        && line.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !line.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The lines that were typed, oldest first, without repetition.
pub fn typed(world: &World) -> Vec<String> {
    let mut typed: Vec<String> = Vec::new();
    for input in world.inputs() {
        if let Input::Line(line) = &input.input
            && !line.trim().is_empty()
            && typed.last() != Some(line)
        {
            typed.push(line.clone());
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn output_appears_with_its_event_and_not_before() {
        let mut world = fixture::world();
        world.position = 1;
        let before = scrollback(&world, 0);
        assert_eq!(before.len(), 1, "{before:?}");
        world.position = world.events().len() as u32;
        assert!(scrollback(&world, 0).len() > 10);
    }

    #[test]
    fn what_clears_the_screen_is_obeyed_and_no_control_sequence_is_shown() {
        let old = Line { kind: Kind::Output, text: "old".into() };
        let after = |chunks: &[(bool, &str)]| {
            let mut lines = vec![old.clone()];
            push_output(&mut lines, chunks.iter().copied());
            lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
        };
        assert!(after(&[(false, "\u{1b}[H\u{1b}[2J\u{1b}[3J")]).is_empty());
        assert_eq!(after(&[(false, "a\n\u{1b}[2Jb\n")]), ["b"]);
        assert_eq!(after(&[(false, "a "), (false, "\u{1b}cb")]), ["b"]);
        assert_eq!(after(&[(false, "\u{1b}[1;31mred\u{1b}[0m\u{1b}[K\n")]), ["old", "red"]);
    }

    #[test]
    fn clearing_is_undone_by_going_back() {
        let mut world = fixture::world();
        let mut history = (*world.history).clone();
        let last = history.branches[0].inputs.last_mut().unwrap();
        let from = last.first_event;
        last.output = vec![engine::session::Chunk { text: "\u{1b}[H\u{1b}[2J".into(), ..last.output[0].clone() }];
        world.position = last.output[0].event;
        world.history = std::rc::Rc::new(history);
        assert!(scrollback(&world, 0).is_empty());
        world.position = from;
        assert!(scrollback(&world, 0).len() > 3);
    }

    #[test]
    fn pieces_of_a_line_are_joined() {
        let mut lines = Vec::new();
        push_output(&mut lines, [(false, "Step 1/6 : "), (false, "FROM centos:7\n ---> x\n")].into_iter());
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["Step 1/6 : FROM centos:7", " ---> x"]);
    }
}
