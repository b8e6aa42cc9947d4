//! `--format`: the part of Go's text/template that people type, over JSON values.
//!
//! Fields, pipelines, `range`, `if`, `with`, `else`, the functions of Docker's templates package and of Go that look at one
//! value. Variables and template definitions are refused with a message. Errors are Go's, with its columns.

mod parse;
mod value;

pub(super) use parse::parse;
pub(super) use value::display;

use serde_json::Value;
use value::{go_json, is_true, quoted};

/// Bytes one template may print.
const OUTPUT_BYTES: usize = 1 << 20;
/// Bytes of a template, and how deep its blocks may nest.
const TEMPLATE_BYTES: usize = 16 * 1024;
const DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Action(Pipeline),
    Block { kind: Block, pipeline: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    If,
    Range,
    With,
}

/// Commands joined by `|`: the value of one is the last argument of the next.
#[derive(Clone, Debug, PartialEq)]
struct Pipeline(Vec<Command>);

#[derive(Clone, Debug, PartialEq)]
enum Command {
    Call { name: String, args: Vec<Operand>, at: usize },
    Just(Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    /// `.`, `.A`, `.A.B`: the names, and where Go says it is.
    Field {
        names: Vec<String>,
        at: usize,
    },
    Nested(Box<Pipeline>),
}

/// What the type of the value is called when a field is missing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// `docker inspect` falls back to a map of the JSON.
    Map,
    /// A row of a table: `*formatter.ContainerContext`.
    Type(&'static str),
}

impl Template {
    /// The template as text, or Go's error without the words that come before it.
    pub fn execute(&self, data: &Value, name: &str, source: Source) -> Result<String, String> {
        let mut run = Execution { name, source, out: String::new() };
        run.nodes(&self.nodes, data)?;
        Ok(run.out)
    }
}

struct Execution<'a> {
    name: &'a str,
    source: Source,
    out: String,
}

impl Execution<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    match self.nil_text(pipeline, &value) {
                        Some(text) => self.out.push_str(text),
                        None => self.out.push_str(&display(&value)),
                    }
                }
                Node::Block { kind, pipeline, body, otherwise } => {
                    let value = self.pipeline(pipeline, dot)?;
                    self.block(*kind, &value, body, otherwise, dot)?;
                }
            }
            if self.out.len() > OUTPUT_BYTES {
                return Err(format!("template: {}: output is longer than {OUTPUT_BYTES} bytes", self.name));
            }
        }
        Ok(())
    }

    /// `docker inspect` first looks at typed values: there a nil slice prints `[]`, a nil map `map[]`, a nil pointer `<nil>`.
    fn nil_text(&self, pipeline: &Pipeline, value: &Value) -> Option<&'static str> {
        let [Command::Just(Operand::Field { names, .. })] = pipeline.0.as_slice() else { return None };
        match (self.source, value, names.last()?.as_str()) {
            (Source::Map, Value::Null, "Volumes" | "Labels" | "ExposedPorts") => Some("map[]"),
            (Source::Map, Value::Null, "PidsLimit") => Some("<nil>"),
            (Source::Map, Value::Null, _) => Some("[]"),
            _ => None,
        }
    }

    fn block(
        &mut self,
        kind: Block,
        value: &Value,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<(), String> {
        match (kind, value) {
            (Block::Range, Value::Array(items)) if !items.is_empty() => {
                items.iter().try_for_each(|item| self.nodes(body, item))
            }
            (Block::Range, Value::Object(map)) if !map.is_empty() => {
                map.values().try_for_each(|item| self.nodes(body, item))
            }
            (Block::If, value) if is_true(value) => self.nodes(body, dot),
            (Block::With, value) if is_true(value) => self.nodes(body, value),
            _ => self.nodes(otherwise, dot),
        }
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in &pipeline.0 {
            last = Some(match command {
                Command::Just(operand) => self.operand(operand, dot)?,
                Command::Call { name, args, at } => {
                    let mut values = Vec::new();
                    for arg in args {
                        values.push(self.operand(arg, dot)?);
                    }
                    values.extend(last);
                    call(name, &values).map_err(|what| self.error(*at, name, &what))?
                }
            });
        }
        Ok(last.unwrap_or(Value::Null))
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Result<Value, String> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Nested(pipeline) => self.pipeline(pipeline, dot),
            Operand::Field { names, at } => {
                let mut value = dot;
                for (depth, name) in names.iter().enumerate() {
                    value = match value {
                        Value::Object(map) => match map.get(name) {
                            Some(value) => value,
                            None if name == "ExposedPorts" && matches!(self.source, Source::Map) => &Value::Null,
                            None => return Err(self.missing(names, depth, *at)),
                        },
                        Value::Null => return Ok(Value::String("<no value>".to_owned())),
                        _ => {
                            let what = format!("can't evaluate field {name} in type interface {{}}");
                            return Err(self.error(*at, &dotted(names), &what));
                        }
                    };
                }
                Ok(value.clone())
            }
        }
    }

    fn missing(&self, names: &[String], depth: usize, at: usize) -> String {
        let name = &names[depth];
        let what = match self.source {
            Source::Type(type_name) if depth == 0 => format!("can't evaluate field {name} in type {type_name}"),
            _ => format!("map has no entry for key {}", quoted(name)),
        };
        self.error(at, &dotted(names), &what)
    }

    fn error(&self, at: usize, expression: &str, what: &str) -> String {
        format!("template: {0}:1:{at}: executing \"{0}\" at <{expression}>: {what}", self.name)
    }
}

fn dotted(names: &[String]) -> String {
    names.iter().map(|name| format!(".{name}")).collect()
}

/// Go's builtins and Docker's basicFunctions (templates/templates.go).
const FUNCTIONS: &[&str] = &[
    "json", "split", "join", "title", "lower", "upper", "pad", "truncate", "println", "print", "printf", "len",
    "index", "eq", "ne", "not", "and", "or",
];

fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let text = |i: usize| args.get(i).and_then(Value::as_str);
    let wrong = || format!("error calling {name}: wrong number or type of arguments");
    Ok(match (name, args) {
        ("json", [value]) => Value::String(go_json(value)),
        ("len", [Value::Array(items)]) => items.len().into(),
        ("len", [Value::Object(map)]) => map.len().into(),
        ("len", [Value::String(text)]) => text.len().into(),
        ("len", [Value::Null]) => 0.into(),
        ("len", [value]) => return Err(format!("error calling len: len of type {}", value::type_name(value))),
        ("index", [value, keys @ ..]) => index(value, keys)?,
        ("join", [Value::Array(items), Value::String(between)]) => {
            items.iter().map(display).collect::<Vec<_>>().join(between).into()
        }
        ("split", [Value::String(text), Value::String(between)]) => {
            text.split(between.as_str()).map(|part| Value::String(part.to_owned())).collect()
        }
        ("lower", [_]) => text(0).ok_or_else(wrong)?.to_lowercase().into(),
        ("upper", [_]) => text(0).ok_or_else(wrong)?.to_uppercase().into(),
        ("title", [_]) => title(text(0).ok_or_else(wrong)?).into(),
        ("truncate", [Value::String(text), Value::Number(length)]) => {
            let length = usize::try_from(length.as_u64().unwrap_or(0)).unwrap_or(0);
            text.chars().take(length).collect::<String>().into()
        }
        ("println", values) => format!("{}\n", values.iter().map(display).collect::<Vec<_>>().join(" ")).into(),
        ("print", values) => values.iter().map(display).collect::<String>().into(),
        ("printf", [Value::String(format), values @ ..]) => printf(format, values).into(),
        ("eq", [first, rest @ ..]) if !rest.is_empty() => rest.contains(first).into(),
        ("ne", [first, second]) => (first != second).into(),
        ("not", [value]) => (!is_true(value)).into(),
        ("and", [_, ..]) => args.iter().find(|value| !is_true(value)).unwrap_or(&args[args.len() - 1]).clone(),
        ("or", [_, ..]) => args.iter().find(|value| is_true(value)).unwrap_or(&args[args.len() - 1]).clone(),
        _ => return Err(wrong()),
    })
}

fn index(value: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut value = value;
    for key in keys {
        value = match (value, key) {
            (Value::Array(items), Value::Number(n)) => {
                let position = n.as_u64().and_then(|n| usize::try_from(n).ok());
                let found = position.and_then(|position| items.get(position));
                found.ok_or_else(|| format!("error calling index: index out of range: {n}"))?
            }
            (Value::Object(map), Value::String(name)) => map.get(name).unwrap_or(&Value::Null),
            (value, _) => {
                return Err(format!("error calling index: can't index item of type {}", value::type_name(value)));
            }
        };
    }
    Ok(match value {
        Value::Null => Value::String(String::new()),
        value => value.clone(),
    })
}

fn title(text: &str) -> String {
    let mut start = true;
    let capital = |c: char| {
        let shown = if start { c.to_uppercase().next().unwrap_or(c) } else { c };
        start = !c.is_alphanumeric();
        shown
    };
    text.chars().map(capital).collect()
}

/// `%s`, `%v`, `%d` and `%q` without widths.
fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('%')) => out.push('%'),
            ('%', Some(verb)) => match (verb, values.next()) {
                ('q', Some(value)) => out.push_str(&quoted(&display(value))),
                (_, Some(value)) => out.push_str(&display(value)),
                (verb, None) => out.push_str(&format!("%!{verb}(MISSING)")),
            },
            ('%', None) => out.push_str("%!(NOVERB)"),
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(template: &str) -> Result<String, String> {
        let data = json!({
            "Name": "/web", "State": {"Status": "running", "Pid": 7, "Running": true},
            "Layers": ["sha256:a", "sha256:b"], "Labels": {"x": "y<z"}, "Env": null,
        });
        parse(template, "")?.execute(&data, "", Source::Map)
    }

    #[test]
    fn what_people_type_prints_what_go_prints() {
        for (template, text) in [
            ("{{.Name}}", "/web"),
            ("{{ .State.Status }}/{{.State.Pid}}", "running/7"),
            ("{{json .State}}", r#"{"Status":"running","Pid":7,"Running":true}"#),
            ("{{json .Labels}}", r#"{"x":"y\u003cz"}"#),
            ("{{.Layers}} {{.Labels}} {{.Env}}", "[sha256:a sha256:b] map[x:y<z] []"),
            ("{{len .Layers}}", "2"),
            ("{{index .Layers 1}} {{index .Labels \"x\"}}", "sha256:b y<z"),
            ("{{range .Layers}}{{.}} {{end}}", "sha256:a sha256:b "),
            ("{{range .Layers}}{{println .}}{{end}}", "sha256:a\nsha256:b\n"),
            ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
            ("{{if eq .State.Status \"exited\"}}a{{else if .Env}}b{{else}}c{{end}}", "c"),
            ("{{with .State}}{{.Pid}}{{end}}", "7"),
            ("{{.Name | upper | printf \"<%s>\"}}", "</WEB>"),
            ("{{join .Layers \", \"}}", "sha256:a, sha256:b"),
            ("{{upper (index .Layers 0)}}", "SHA256:A"),
            ("a {{- .State.Pid -}} b", "a7b"),
            ("{{/* nothing */}}x", "x"),
        ] {
            assert_eq!(shown(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn errors_are_gos() {
        for (template, text) in [
            ("{{.State", "template: :1: unclosed action"),
            ("{{", "template: :1: unclosed action"),
            ("{{foo}}", "template: :1: function \"foo\" not defined"),
            ("{{.State.Foo}}", "template: :1:8: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\""),
            ("x {{.Foo}}", "template: :1:4: executing \"\" at <.Foo>: map has no entry for key \"Foo\""),
            ("{{range .Layers}}", "template: :1: unexpected EOF"),
            ("{{end}}", "template: :1: unexpected {{end}}"),
            ("{{}}", "template: :1: missing value for command"),
        ] {
            assert_eq!(shown(template), Err(text.to_owned()), "{template}");
        }
    }

    #[test]
    fn no_template_panics() {
        let pieces = ["{{", "}}", ".", "a", "\"", "|", "(", ")", "range ", "end", "else", "é", "-", "0", " ", "$x"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    let _ = shown(&format!("{{{{{a}{b}{c}"));
                    let _ = shown(&format!("{a}{b}{c}}}}}"));
                    let _ = shown(&format!("{{{{{a}{b}{c}}}}}"));
                }
            }
        }
        assert!(shown(&"{{if .Name}}".repeat(100)).is_err());
    }
}
