//! What findmnt(8) prints of a table of mounts.

use super::super::options::{Misuse, Options, Parsed};
use super::table::{Entry, absolute};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    columns: Vec<Column>,
    format: Format,
    headings: bool,
    submounts: bool,
    with_root: bool,
    first_only: bool,
    types: Option<String>,
    source: Option<String>,
    mountpoint: Option<String>,
    /// The mount that a path lies on.
    pub beneath: Option<String>,
    /// A source or a mount point, whichever fits.
    either: Option<String>,
    pub task: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    Tree,
    List,
    Raw,
    Pairs,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Column {
    Target,
    Source,
    Fstype,
    Options,
    VfsOptions,
    FsOptions,
    OptFields,
    Propagation,
    Fsroot,
    Id,
    Parent,
    MajMin,
}

const COLUMNS: [(&str, Column); 12] = [
    ("TARGET", Column::Target),
    ("SOURCE", Column::Source),
    ("FSTYPE", Column::Fstype),
    ("OPTIONS", Column::Options),
    ("VFS-OPTIONS", Column::VfsOptions),
    ("FS-OPTIONS", Column::FsOptions),
    ("OPT-FIELDS", Column::OptFields),
    ("PROPAGATION", Column::Propagation),
    ("FSROOT", Column::Fsroot),
    ("ID", Column::Id),
    ("PARENT", Column::Parent),
    ("MAJ:MIN", Column::MajMin),
];

const OPTIONS: Options = Options {
    flags: "anlrPJRAfvkuD",
    values: "otSTMNO",
    long: &[
        ("ascii", 'a'),
        ("noheadings", 'n'),
        ("list", 'l'),
        ("raw", 'r'),
        ("pairs", 'P'),
        ("json", 'J'),
        ("submounts", 'R'),
        ("all", 'A'),
        ("first-only", 'f'),
        ("nofsroot", 'v'),
        ("kernel", 'k'),
        ("notruncate", 'u'),
        ("output", 'o'),
        ("types", 't'),
        ("source", 'S'),
        ("target", 'T'),
        ("mountpoint", 'M'),
        ("task", 'N'),
    ],
    optional: "",
    posix: false,
};

impl Query {
    pub fn of(says: &str, args: &[String]) -> Result<Query, Misuse> {
        let parsed = Parsed::of(says, args, &OPTIONS)?;
        let names = parsed.value('o').unwrap_or("TARGET,SOURCE,FSTYPE,OPTIONS");
        let column = |name: &str| {
            let known = COLUMNS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            known.map(|(_, column)| *column).ok_or_else(|| Misuse::plain(says, &format!("unknown column: {name}")))
        };
        let value = |letter| parsed.value(letter).map(str::to_owned);
        let (either, under) = match &parsed.operands[..] {
            [] => (None, None),
            [one] => (Some(one.clone()), None),
            [source, target, ..] => (Some(source.clone()), Some(target.clone())),
        };
        let narrowed = either.is_some() || "STM".chars().any(|letter| parsed.value(letter).is_some());
        let format = match () {
            () if parsed.has('J') => Format::Json,
            () if parsed.has('P') => Format::Pairs,
            () if parsed.has('r') => Format::Raw,
            () if parsed.has('l') || (narrowed && !parsed.has('R')) => Format::List,
            () => Format::Tree,
        };
        Ok(Query {
            columns: names.split(',').map(column).collect::<Result<_, _>>()?,
            format,
            headings: !parsed.has('n'),
            submounts: parsed.has('R'),
            with_root: !parsed.has('v'),
            first_only: parsed.has('f'),
            types: value('t'),
            source: value('S').or_else(|| under.as_ref().and(either.clone())),
            mountpoint: value('M').or(under.clone()),
            beneath: value('T'),
            either: either.filter(|_| under.is_none()),
            task: value('N'),
        })
    }

    /// What is printed; `None` if nothing fits.
    pub fn text(&self, table: &[Entry], cwd: &str) -> Option<String> {
        let mut found: Vec<&Entry> = table.iter().filter(|entry| self.fits(entry, cwd)).collect();
        if let Some(path) = &self.beneath {
            let path = absolute(cwd, path);
            let on = |entry: &&Entry| {
                let target = entry.target.trim_end_matches('/');
                path == entry.target || path.starts_with(&format!("{target}/"))
            };
            let longest = found.iter().copied().filter(on).max_by_key(|entry| entry.target.len())?;
            found.retain(|entry| entry.target == longest.target);
        }
        if let (Some(either), true) = (&self.either, self.mountpoint.is_none()) {
            // A mount point is what is meant, if it is one.
            let path = absolute(cwd, either);
            let by_path = found.iter().any(|entry| entry.target == path);
            found.retain(|entry| if by_path { entry.target == path } else { entry.source == *either });
        }
        if self.first_only {
            found.truncate(1);
        }
        if found.is_empty() {
            return None;
        }
        let rows = self.rows(table, &found);
        Some(match self.format {
            Format::Json => self.json(&rows),
            Format::Pairs => self.pairs(&rows),
            Format::Raw => self.raw(&rows),
            Format::List | Format::Tree => self.columns(&rows),
        })
    }

    fn fits(&self, entry: &Entry, cwd: &str) -> bool {
        let path = |wanted: &String| absolute(cwd, wanted) == entry.target;
        self.types.as_ref().is_none_or(|types| of_type(types, &entry.fstype))
            && self.source.as_ref().is_none_or(|source| *source == entry.source)
            && self.mountpoint.as_ref().is_none_or(path)
            && self.either.as_ref().is_none_or(|either| path(either) || *either == entry.source)
    }

    /// Each entry with how deep it lies and, for each level, whether it is the last there.
    fn rows<'a>(&self, table: &'a [Entry], found: &[&'a Entry]) -> Vec<(&'a Entry, Vec<bool>)> {
        let tree = matches!(self.format, Format::Tree | Format::Json) || self.submounts;
        if !tree {
            return found.iter().map(|entry| (*entry, Vec::new())).collect();
        }
        let top = |entry: &&&Entry| !found.iter().any(|other| other.id == entry.parent && other.id != entry.id);
        let mut rows = Vec::new();
        for entry in found.iter().filter(top) {
            let all: Vec<&Entry> = if self.submounts { table.iter().collect() } else { found.to_vec() };
            below(&all, entry, &mut Vec::new(), &mut rows);
        }
        rows
    }

    fn value(&self, entry: &Entry, column: Column) -> String {
        match column {
            Column::Target => entry.target.clone(),
            Column::Source if self.with_root => entry.source_and_root(),
            Column::Source => entry.source.clone(),
            Column::Fstype => entry.fstype.clone(),
            Column::Options => entry.options(),
            Column::VfsOptions => entry.vfs.clone(),
            Column::FsOptions => entry.fs.clone(),
            Column::OptFields => entry.tags.join(" "),
            Column::Propagation => entry.propagation(),
            Column::Fsroot => entry.root.clone(),
            Column::Id => entry.id.to_string(),
            Column::Parent => entry.parent.to_string(),
            Column::MajMin => entry.device.clone(),
        }
    }

    /// Columns as wide as what is in them; numbers to the right.
    fn columns(&self, rows: &[(&Entry, Vec<bool>)]) -> String {
        let mut lines: Vec<Vec<String>> = vec![self.columns.iter().map(|column| heading(*column).to_owned()).collect()];
        for (entry, levels) in rows {
            let cell = |column: &Column| {
                let value = self.value(entry, *column);
                let in_tree = *column == Column::Target && self.format == Format::Tree;
                if in_tree { branch(levels) + &value } else { value }
            };
            lines.push(self.columns.iter().map(cell).collect());
        }
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut out = String::new();
        // Headings make columns wide also where they are not printed.
        for line in lines.iter().skip(usize::from(!self.headings)) {
            let mut text = String::new();
            for (at, cell) in line.iter().enumerate() {
                let (width, last) = (widths[at], at + 1 == line.len());
                let number = matches!(self.columns[at], Column::Id | Column::Parent);
                match (number, last) {
                    (true, _) => text += &format!("{cell:>width$}"),
                    (false, true) => text += cell,
                    (false, false) => text += &format!("{cell:<width$}"),
                }
                if !last {
                    text.push(' ');
                }
            }
            out += &format!("{text}\n");
        }
        out
    }

    fn raw(&self, rows: &[(&Entry, Vec<bool>)]) -> String {
        let mut lines: Vec<String> = Vec::new();
        if self.headings {
            lines.push(self.columns.iter().map(|column| heading(*column)).collect::<Vec<_>>().join(" "));
        }
        for (entry, _) in rows {
            let cells = self.columns.iter().map(|column| self.value(entry, *column).replace(' ', "\\x20"));
            lines.push(cells.collect::<Vec<_>>().join(" "));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn pairs(&self, rows: &[(&Entry, Vec<bool>)]) -> String {
        let pair = |entry: &Entry, column: Column| format!("{}=\"{}\"", heading(column), self.value(entry, column));
        let line = |(entry, _): &(&Entry, Vec<bool>)| {
            self.columns.iter().map(|column| pair(entry, *column)).collect::<Vec<_>>().join(" ") + "\n"
        };
        rows.iter().map(line).collect()
    }

    fn json(&self, rows: &[(&Entry, Vec<bool>)]) -> String {
        let mut out = "{\n   \"filesystems\": [\n".to_owned();
        let depth = |at: usize| rows.get(at).map(|(_, levels)| levels.len());
        for (at, (entry, levels)) in rows.iter().enumerate() {
            let pad = "   ".repeat(2 + 2 * levels.len());
            out +=
                &if at > 0 && depth(at - 1) >= Some(levels.len()) { ",{\n".to_owned() } else { format!("{pad}{{\n") };
            for (n, column) in self.columns.iter().enumerate() {
                let name = heading(*column).to_ascii_lowercase();
                let value = self.value(entry, *column).replace('\\', "\\\\").replace('"', "\\\"");
                let number = matches!(column, Column::Id | Column::Parent);
                let value = if number { value } else { format!("\"{value}\"") };
                let comma = if n + 1 < self.columns.len() || depth(at + 1) > Some(levels.len()) { "," } else { "" };
                out += &format!("{pad}   \"{name}\": {value}{comma}\n");
            }
            let next = depth(at + 1).unwrap_or(0);
            if next > levels.len() {
                out += &format!("{pad}   \"children\": [\n");
                continue;
            }
            out += &format!("{pad}}}");
            for level in (next..levels.len()).rev() {
                let pad = "   ".repeat(2 + 2 * level);
                out += &format!("\n{pad}   ]\n{pad}}}");
            }
            if at + 1 == rows.len() {
                out.push('\n');
            }
        }
        out + "   ]\n}\n"
    }
}

fn heading(column: Column) -> &'static str {
    COLUMNS.iter().find(|(_, known)| *known == column).map_or("", |(name, _)| name)
}

/// A list of types, or with `no` before it of those that are not meant (mount(8), -t).
pub fn of_type(types: &str, fstype: &str) -> bool {
    match types.strip_prefix("no") {
        Some(unwanted) => !unwanted.split(',').any(|name| name == fstype || name.strip_prefix("no") == Some(fstype)),
        None => types.split(',').any(|name| name == fstype),
    }
}

fn below<'a>(all: &[&'a Entry], entry: &'a Entry, levels: &mut Vec<bool>, rows: &mut Vec<(&'a Entry, Vec<bool>)>) {
    rows.push((entry, levels.clone()));
    let children: Vec<&Entry> =
        all.iter().copied().filter(|child| child.parent == entry.id && child.id != entry.id).collect();
    for (at, child) in children.iter().enumerate() {
        levels.push(at + 1 == children.len());
        below(all, child, levels, rows);
        levels.pop();
    }
}

fn branch(levels: &[bool]) -> String {
    let Some((own, above)) = levels.split_last() else { return String::new() };
    let above: String = above.iter().map(|last| if *last { "  " } else { "| " }).collect();
    above + if *own { "`-" } else { "|-" }
}
