//! Rows of a listing through `--format`: `table`, a template, or the default table, as cli/command/formatter does it.

use super::table::table;
use super::template::{self, Source};
use crate::sim::Map;
use serde_json::{Map as Object, Value};

/// How one kind of listing is shown.
#[derive(Debug)]
pub(super) struct Listing {
    /// What `table` alone, or no format, means.
    pub default: &'static str,
    /// Each field with its heading.
    pub headings: &'static [(&'static str, &'static str)],
    /// What Go calls a row.
    pub type_name: &'static str,
    pub parse_error: &'static str,
    pub execute_error: &'static str,
}

impl Listing {
    /// The listing as text, or the client's message.
    pub fn show(&self, format: Option<&str>, rows: &[Value]) -> Result<String, String> {
        let format = format.filter(|format| !format.is_empty()).unwrap_or("table");
        let (is_table, text) = match format.strip_prefix("table") {
            Some(rest) if rest.trim().is_empty() => (true, self.default.to_owned()),
            Some(rest) => (true, rest.trim().to_owned()),
            None => (false, format.to_owned()),
        };
        // formatter.Format: `\t` and `\n` may be typed as two characters.
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        let parsed = template::parse(&text, "").map_err(|error| format!("{}{error}", self.parse_error))?;
        let shown = |row: &Value| {
            let text = parsed.execute(row, "", Source::Type(self.type_name));
            text.map_err(|error| format!("{}{error}", self.execute_error))
        };
        let mut lines = Vec::new();
        for row in rows {
            lines.push(shown(row)?);
        }
        if !is_table {
            return Ok(lines.iter().map(|line| format!("{line}\n")).collect());
        }
        let headings: Object<String, Value> =
            self.headings.iter().map(|(field, heading)| ((*field).to_owned(), (*heading).into())).collect();
        lines.insert(0, shown(&Value::Object(headings))?);
        let cells = |line: &String| line.split('\t').map(str::to_owned).collect();
        Ok(table(&lines.iter().map(cells).collect::<Vec<_>>()))
    }
}

/// A row from its fields, which are sorted as encoding/json sorts a map.
pub(super) fn row(fields: &[(&str, String)]) -> Value {
    let fields: Map<&str, &String> = fields.iter().map(|(name, text)| (*name, text)).collect();
    Value::Object(fields.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text.clone()))).collect())
}
