//! sort(1), in byte order: the C locale.

use crate::sim::sort_by;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    pub numeric: bool,
    pub human: bool,
    pub reverse: bool,
    pub unique: bool,
    pub fold: bool,
    pub separator: Option<char>,
    /// `-k`: first and last field, from 1, and whether it is numeric or reversed by itself.
    pub keys: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    first: usize,
    last: Option<usize>,
    numeric: bool,
    human: bool,
    reverse: bool,
}

impl Key {
    /// `2`, `2,3`, `2n`, `1,1r`.
    pub fn parse(text: &str) -> Option<Key> {
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        let digits: String = text.chars().filter(|c| !c.is_ascii_alphabetic()).collect();
        let (first, last) = match digits.split_once(',') {
            Some((first, last)) => (first, Some(last)),
            None => (digits.as_str(), None),
        };
        let field = |text: &str| text.split('.').next()?.parse::<usize>().ok().filter(|n| *n > 0);
        Some(Key {
            first: field(first)?,
            last: match last {
                Some(last) => Some(field(last)?),
                None => None,
            },
            numeric: letters.contains('n'),
            human: letters.contains('h'),
            reverse: letters.contains('r'),
        })
    }
}

impl Sort {
    pub fn run(&self, lines: &[String]) -> Vec<String> {
        let mut sorted = lines.to_vec();
        sort_by(&mut sorted, |a, b| {
            let order = self.compare(a, b);
            // The last resort: the whole line, unless -u makes equal keys one.
            let order = if order == Ordering::Equal && !self.unique { a.cmp(b) } else { order };
            if self.reverse { order.reverse() } else { order }
        });
        if self.unique {
            sorted.dedup_by(|b, a| self.compare(a, b) == Ordering::Equal);
        }
        sorted
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        if self.keys.is_empty() {
            return self.by(a, b, self.numeric, self.human);
        }
        for key in &self.keys {
            let (x, y) = (self.field(a, key), self.field(b, key));
            let order = self.by(&x, &y, key.numeric || self.numeric, key.human || self.human);
            let order = if key.reverse { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }

    fn by(&self, a: &str, b: &str, numeric: bool, human: bool) -> Ordering {
        if human {
            return magnitude(a).cmp(&magnitude(b));
        }
        if numeric {
            return number(a).cmp(&number(b));
        }
        if self.fold { a.to_ascii_uppercase().cmp(&b.to_ascii_uppercase()) } else { a.cmp(b) }
    }

    fn field(&self, line: &str, key: &Key) -> String {
        let fields: Vec<String> = match self.separator {
            Some(c) => line.split(c).map(str::to_owned).collect(),
            None => blank_fields(line),
        };
        let last = key.last.unwrap_or(fields.len()).min(fields.len());
        let separator = self.separator.map(String::from).unwrap_or_default();
        fields.get(key.first - 1..last.max(key.first - 1)).unwrap_or(&[]).join(&separator)
    }
}

/// Without -t a field begins with the blanks before it.
fn blank_fields(line: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut in_blank = true;
    for c in line.chars() {
        let blank = c == ' ' || c == '\t';
        if out.is_empty() || blank && !in_blank {
            out.push(String::new());
        }
        in_blank = blank;
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out
}

/// Thousandths, so that `1.5` is compared without floating point.
fn number(text: &str) -> i128 {
    let text = text.trim_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let whole: String = text.chars().take_while(char::is_ascii_digit).take(18).collect();
    let rest = &text[whole.len()..];
    let fraction: String = match rest.strip_prefix('.') {
        Some(rest) => rest.chars().take_while(char::is_ascii_digit).take(3).collect(),
        None => String::new(),
    };
    let value = whole.parse::<i128>().unwrap_or(0) * 1000 + format!("{fraction:0<3}").parse::<i128>().unwrap_or(0);
    if negative { -value } else { value }
}

/// `10K` after `9`, and before `1M`: first the unit, then the number.
fn magnitude(text: &str) -> (usize, i128) {
    let unit = text.trim().chars().find(char::is_ascii_alphabetic).and_then(|c| "KMGTPE".find(c.to_ascii_uppercase()));
    (unit.map_or(0, |u| u + 1), number(text))
}
