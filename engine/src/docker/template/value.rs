//! How Go prints a value.

use crate::sim::sort;
use serde_json::Value;

/// fmt's `%v`, for what was decoded from JSON into interfaces.
pub(in crate::docker) fn display(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(nested).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            // fmt prints a map sorted by its keys.
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}:{}", nested(value))).collect();
            sort(&mut pairs);
            format!("map[{}]", pairs.join(" "))
        }
    }
}

fn nested(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        // What is empty inside a map is Go's `struct{}{}`: the value of a set (ExposedPorts, Volumes).
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        value => display(value),
    }
}

/// encoding/json: no spaces, and `<`, `>`, `&` escaped.
pub(super) fn go_json(value: &Value) -> String {
    escape_html(&value.to_string())
}

/// What encoding/json escapes besides what JSON must.
pub(in crate::docker) fn escape_html(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// strconv.Quote, near enough: JSON's escapes are Go's for what is printable.
pub(super) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
