//! From a scenario on which two kernels part to a shorter one on which they part in the same way.

use super::grammar::{Line, Piece};

/// Scenarios that are tried.
const TRIES: usize = 400;

/// `same` says whether a scenario still shows it.
pub fn shrink(mut lines: Vec<Line>, mut same: impl FnMut(&[Line]) -> bool) -> Vec<Line> {
    let mut tries = TRIES;
    loop {
        let before = tries;
        let shorter = candidates(&lines).find(|candidate| {
            tries = tries.saturating_sub(1);
            tries > 0 && same(candidate)
        });
        match shorter {
            Some(shorter) => lines = shorter,
            None => return lines,
        }
        debug_assert!(tries < before);
    }
}

/// Every scenario that is one step shorter, the boldest first: without a half, without a line, without a piece of a line,
/// with a block's content in place of the block.
fn candidates(lines: &[Line]) -> impl Iterator<Item = Vec<Line>> {
    let (lines, count) = (lines.to_vec(), lines.len());
    let halves = [lines[count / 2..].to_vec(), lines[..count / 2].to_vec()];
    let halves = halves.into_iter().filter(move |half| !half.is_empty() && count > 1);
    let without = (0..if count > 1 { count } else { 0 }).rev().map({
        let lines = lines.clone();
        move |at| [&lines[..at], &lines[at + 1..]].concat()
    });
    let shorter = (0..count).rev().flat_map(move |at| {
        let lines = lines.clone();
        smaller(&lines[at]).into_iter().map(move |line| {
            let mut lines = lines.clone();
            lines[at] = line;
            lines
        })
    });
    halves.chain(without).chain(shorter)
}

fn smaller(line: &Line) -> Vec<Line> {
    let Line::Scripts(scripts) = line else { return Vec::new() };
    let mut out = Vec::new();
    if scripts.len() > 1 {
        out.extend((0..scripts.len()).map(|at| Line::Scripts([&scripts[..at], &scripts[at + 1..]].concat())));
    }
    for (at, script) in scripts.iter().enumerate() {
        for shorter in smaller_script(script).into_iter().filter(|script| !script.is_empty()) {
            let mut scripts = scripts.clone();
            scripts[at] = shorter;
            out.push(Line::Scripts(scripts));
        }
    }
    out
}

fn smaller_script(script: &[Piece]) -> Vec<Vec<Piece>> {
    let mut out = vec![script[script.len() / 2..].to_vec(), script[..script.len() / 2].to_vec()];
    for (at, piece) in script.iter().enumerate().rev() {
        let with = |pieces: Vec<Piece>| [&script[..at], &pieces[..], &script[at + 1..]].concat();
        out.push(with(Vec::new()));
        if let Piece::Fork { into, head, body } = piece {
            out.push(with(body.clone()));
            let fork = |body| Piece::Fork { into: into.clone(), head: head.clone(), body };
            out.extend(smaller_script(body).into_iter().map(|body| with(vec![fork(body)])));
        }
    }
    out.retain(|shorter| shorter.len() <= script.len() + 8 && shorter != script);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Piece {
        Piece::Call(text.to_owned())
    }

    #[test]
    fn what_does_not_matter_goes() {
        let fork = Piece::Fork {
            into: "p".into(),
            head: "fork".into(),
            body: vec![call("getpid()"), call("bad()"), call("getppid()")],
        };
        let lines = vec![
            Line::Shell("ls".into()),
            Line::Scripts(vec![vec![call("a()")], vec![call("b()"), fork, call("wait(p)")]]),
            Line::Shell("ps".into()),
        ];
        let shows = |lines: &[Line]| lines.iter().any(|line| line.text().contains("bad()"));
        let shrunk = shrink(lines, shows);
        assert_eq!(shrunk.iter().map(Line::text).collect::<Vec<_>>(), ["call 'bad()'"]);
    }

    #[test]
    fn what_matters_together_stays() {
        let lines: Vec<Line> = ["a", "b", "c", "d", "e"].map(|line| Line::Shell(line.into())).to_vec();
        let texts = |lines: &[Line]| lines.iter().map(Line::text).collect::<String>();
        let shrunk = shrink(lines, |lines| texts(lines).contains('b') && texts(lines).contains('e'));
        assert_eq!(texts(&shrunk), "be");
    }
}
