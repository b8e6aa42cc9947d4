//! Shell patterns: `*`, `?`, `[…]` and `\` (POSIX.1-2017, 2.13 Pattern Matching Notation), as `case`, pathname
//! expansion, `${x%…}` and `find -name` use them.
//!
//! Matching takes time proportional to pattern × text at worst: a `*` is only ever tried again from the last one.

/// Does `text` as a whole match?
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match one(&pattern, p, text[t]) {
            Step::Star => {
                star = Some((p + 1, t));
                p += 1;
            }
            Step::Fits(next) => {
                p = next;
                t += 1;
            }
            Step::Fails => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Is there anything in it to match with?
pub fn is_pattern(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let special = !escaped && matches!(c, '*' | '?' | '[');
        escaped = !escaped && c == '\\';
        special
    })
}

/// The text a pattern without special characters stands for.
pub fn unescape(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// A pattern that matches exactly `text`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '-' | '^') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

enum Step {
    Star,
    /// The character fits; the pattern goes on here.
    Fits(usize),
    Fails,
}

fn one(pattern: &[char], at: usize, c: char) -> Step {
    match pattern.get(at) {
        None => Step::Fails,
        Some('*') => Step::Star,
        Some('?') => Step::Fits(at + 1),
        Some('[') => match bracket(pattern, at + 1, c) {
            Some((true, next)) => Step::Fits(next),
            Some((false, _)) => Step::Fails,
            None if c == '[' => Step::Fits(at + 1),
            None => Step::Fails,
        },
        Some('\\') if at + 1 < pattern.len() => literal(pattern[at + 1], c, at + 2),
        Some(&p) => literal(p, c, at + 1),
    }
}

fn literal(p: char, c: char, next: usize) -> Step {
    if p == c { Step::Fits(next) } else { Step::Fails }
}

/// After `[`: whether `c` is in the set and where the pattern goes on; `None` if nothing closes it.
fn bracket(pattern: &[char], mut at: usize, c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let (mut found, mut first) = (false, true);
    loop {
        let mut low = *pattern.get(at)?;
        if low == ']' && !first {
            return Some((found != negated, at + 1));
        }
        first = false;
        if low == '[' && pattern.get(at + 1) == Some(&':') {
            let (name, next) = class_name(pattern, at + 2)?;
            found |= in_class(&name, c);
            at = next;
            continue;
        }
        if low == '\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        let mut high = low;
        if pattern.get(at) == Some(&'-') && pattern.get(at + 1).is_some_and(|&c| c != ']') {
            at += 1;
            high = *pattern.get(at)?;
            if high == '\\' {
                at += 1;
                high = *pattern.get(at)?;
            }
            at += 1;
        }
        found |= low <= c && c <= high;
    }
}

fn class_name(pattern: &[char], at: usize) -> Option<(String, usize)> {
    let len = pattern[at..].iter().position(|&c| c == ':')?;
    (pattern.get(at + len + 1) == Some(&']')).then(|| (pattern[at..at + len].iter().collect(), at + len + 2))
}

/// A character class of the POSIX locale.
pub fn in_class(name: &str, c: char) -> bool {
    match name {
        "alpha" => c.is_ascii_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_ascii_alphanumeric(),
        "upper" => c.is_ascii_uppercase(),
        "lower" => c.is_ascii_lowercase(),
        "space" => c.is_ascii_whitespace() || c == '\u{b}',
        "blank" => matches!(c, ' ' | '\t'),
        "punct" => c.is_ascii_punctuation(),
        "print" => matches!(c, ' '..='~'),
        "graph" => c.is_ascii_graphic(),
        "cntrl" => c.is_ascii_control(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_posix_2_13_says() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*.[ch]", "x.c", true),
            ("[[:digit:]]*", "7z", true),
            ("a*b*c*d", "axbxcxd", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
