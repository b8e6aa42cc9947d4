//! Reading facts: what is below a path, and numbers.

use engine::fact::{Facts, Value};

pub fn under<'a>(facts: &'a Facts, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    facts.range_from(prefix).map_while(move |(path, value)| Some((path.strip_prefix(prefix)?, value)))
}

pub fn int(facts: &Facts, path: &str) -> Option<i64> {
    facts.get(path).and_then(as_int)
}

pub fn as_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        other => other.to_string().parse().ok(),
    }
}
