//! What was meant by a mistyped name: edit distance with transpositions.

/// Longest name that is compared; the table grows with its square.
const NAME_CHARS: usize = 64;

/// The name that `typed` is most likely a slip of: one slip in a short name, two in a longer one.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    if !(2..=NAME_CHARS).contains(&length) {
        return None;
    }
    let allowed = if length <= 4 { 1 } else { 2 };
    // Of equals the one as long as what was typed: letters are swapped more often than forgotten.
    let scored = names.into_iter().map(|name| (distance(typed, name), name.len().abs_diff(typed.len()), name));
    scored.filter(|(slips, _, name)| (1..=allowed).contains(slips) && name.len() > 1).min().map(|(.., name)| name)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().take(NAME_CHARS + 1).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        let cases = [("run", "run", 0), ("rnu", "run", 1), ("imagse", "images", 1), ("", "ab", 2), ("ps", "top", 3)];
        for (a, b, slips) in cases {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }

    #[test]
    fn only_likely_slips_are_suggested() {
        let names = ["run", "rm", "rmi", "ps", "images", "inspect", "history"];
        let cases = [
            ("rnu", Some("run")),
            ("imagse", Some("images")),
            ("histroy", Some("history")),
            ("xyz", None),
            ("run", None),
            ("p", None),
            ("insepct", Some("inspect")),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, names), meant, "{typed}");
        }
    }
}
