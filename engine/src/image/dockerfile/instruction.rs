//! One logical line to one typed instruction (buildkit `instructions/parse.go`), with its checks in its order.

use super::lines::Line;
use super::words::{flags, json_array, keyword, name_values, quoted_words, words};
use super::{Command, Healthcheck, Instruction, ParseError, Problem, Transfer, quoted};
use crate::sim::sort;

pub(super) fn parse(line: &Line, escape: char) -> Result<Instruction, ParseError> {
    let (name, rest) = keyword(&line.text);
    let (flags, rest) = flags(rest);
    let arguments = Arguments { flags, rest: rest.trim(), escape };
    typed(&name.to_ascii_uppercase(), arguments)
        .map_err(|problem| ParseError { span: span_of(line, &problem), problem })
}

/// The part of the line that a problem is about.
fn span_of(line: &Line, problem: &Problem) -> super::Span {
    match problem {
        Problem::FromArguments => line.of(after_third_word(&line.text)),
        Problem::UnknownFlag(flag) | Problem::FlagWithoutValue(flag) | Problem::FlagTwice(flag) => {
            line.of(&format!("--{flag}"))
        }
        Problem::NotStrings => line.of(line.text.find('[').map_or("", |at| &line.text[at..])),
        Problem::StageName(_) => line.of(line.text.rsplit(char::is_whitespace).next().unwrap_or("")),
        _ => line.keyword_span(),
    }
}

/// What is too much after `FROM image`, or the whole line if it is too little.
fn after_third_word(text: &str) -> &str {
    match words(text).get(2) {
        Some(third) => text.find(third.as_str()).map_or(text, |at| &text[at..]),
        None => text,
    }
}

struct Arguments<'a> {
    flags: Vec<String>,
    rest: &'a str,
    escape: char,
}

fn typed(name: &str, arguments: Arguments<'_>) -> Result<Instruction, Problem> {
    match name {
        "FROM" => from(&arguments),
        "RUN" => {
            // There may be several; the first says enough.
            let mut arguments = arguments;
            let mut mounts = arguments.flags.iter().filter(|flag| flag.starts_with("--mount="));
            let mount = mounts.next().and_then(|flag| flag.split_once('=')).map(|(_, value)| value.to_owned());
            arguments.flags.retain(|flag| !flag.starts_with("--mount="));
            arguments.flags_of(&[])?;
            Ok(Instruction::Run { command: arguments.command()?, mount })
        }
        "CMD" => arguments.unflagged()?.command().map(Instruction::Cmd),
        "ENTRYPOINT" => arguments.unflagged()?.command().map(Instruction::Entrypoint),
        "COPY" => transfer("COPY", &["from", "chown", "chmod"], &arguments).map(Instruction::Copy),
        "ADD" => transfer("ADD", &["chown", "chmod"], &arguments).map(Instruction::Add),
        "ENV" => pairs("ENV", &arguments).map(Instruction::Env),
        "LABEL" => pairs("LABEL", &arguments).map(Instruction::Label),
        "ARG" => arg(&arguments),
        "EXPOSE" => {
            let mut ports = arguments.at_least_one("EXPOSE", words(arguments.rest))?;
            sort(&mut ports);
            Ok(Instruction::Expose(ports))
        }
        "USER" => arguments.exactly_one("USER").map(Instruction::User),
        "WORKDIR" => arguments.exactly_one("WORKDIR").map(Instruction::Workdir),
        "STOPSIGNAL" => arguments.exactly_one("STOPSIGNAL").map(Instruction::StopSignal),
        "MAINTAINER" => arguments.exactly_one("MAINTAINER").map(Instruction::Maintainer),
        "VOLUME" => volume(&arguments),
        "SHELL" => shell(&arguments),
        "HEALTHCHECK" => healthcheck(&arguments),
        "ONBUILD" => on_build(&arguments),
        other => Err(Problem::UnknownInstruction(other.to_owned())),
    }
}

fn from(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    let words = words(arguments.rest);
    let name = match words.as_slice() {
        [_] => None,
        [_, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
            let lower = name.to_ascii_lowercase();
            let symbols = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
            if !lower.starts_with(|c: char| c.is_ascii_lowercase()) || lower.contains(symbols) {
                return Err(Problem::StageName(quoted(name)));
            }
            Some(lower)
        }
        _ => return Err(Problem::FromArguments),
    };
    let [platform] = arguments.flags_of(&["platform"])?.try_into().unwrap_or_default();
    Ok(Instruction::From { base: words[0].clone(), name, platform })
}

fn transfer(name: &'static str, flags: &[&str], arguments: &Arguments<'_>) -> Result<Transfer, Problem> {
    let mut sources = arguments.list()?;
    let destination = sources.pop().filter(|_| !sources.is_empty()).ok_or(Problem::NoDestination(name))?;
    let mut values = arguments.flags_of(flags)?;
    let mut value = |flag: &str| flags.iter().position(|f| *f == flag).and_then(|at| values[at].take());
    Ok(Transfer { from: value("from"), chown: value("chown"), chmod: value("chmod"), sources, destination })
}

fn pairs(name: &'static str, arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, Problem> {
    let pairs = name_values(arguments.rest, name, arguments.escape)?;
    let pairs = arguments.at_least_one(name, pairs)?;
    match pairs.iter().any(|(name, _)| name.is_empty()) {
        true => Err(Problem::BlankName(name)),
        false => Ok(pairs),
    }
}

fn arg(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    let words = quoted_words(arguments.rest, arguments.escape);
    if words.is_empty() {
        return Err(Problem::AtLeastOne("ARG"));
    }
    let pair = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(Problem::BlankName("ARG")),
        Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
        None => Ok((word, None)),
    };
    let pairs = words.into_iter().map(pair).collect::<Result<_, _>>()?;
    arguments.flags_of(&[])?;
    Ok(Instruction::Arg(pairs))
}

fn volume(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    let paths = arguments.at_least_one("VOLUME", arguments.list()?)?;
    let paths: Vec<String> = paths.iter().map(|path| path.trim().to_owned()).collect();
    match paths.iter().any(String::is_empty) {
        true => Err(Problem::BlankVolume),
        false => Ok(Instruction::Volume(paths)),
    }
}

fn shell(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    arguments.flags_of(&[])?;
    match arguments.command()? {
        Command::Exec(argv) if argv.is_empty() => Err(Problem::AtLeastOne("SHELL")),
        Command::Exec(argv) => Ok(Instruction::Shell(argv)),
        Command::Shell(line) if line.is_empty() => Err(Problem::AtLeastOne("SHELL")),
        Command::Shell(_) => Err(Problem::ShellForm),
    }
}

fn healthcheck(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    let (kind, rest) = keyword(arguments.rest);
    match kind.to_ascii_uppercase().as_str() {
        "" => Err(Problem::AtLeastOne("HEALTHCHECK")),
        "NONE" if rest.is_empty() => Ok(Instruction::Healthcheck(Healthcheck::None)),
        "NONE" => Err(Problem::HealthcheckNone),
        "CMD" => {
            let command = Arguments { flags: Vec::new(), rest, escape: arguments.escape }.command()?;
            if rest.is_empty() || command == Command::Exec(Vec::new()) {
                return Err(Problem::HealthcheckCommand);
            }
            let values = arguments.flags_of(&["interval", "timeout", "start-period", "retries"])?;
            let [interval, timeout, start_period, retries] = values.try_into().unwrap_or_default();
            Ok(Instruction::Healthcheck(Healthcheck::Command {
                command,
                interval_ns: interval_ns("interval", interval)?,
                timeout_ns: interval_ns("timeout", timeout)?,
                start_period_ns: interval_ns("start-period", start_period)?,
                retries: retries_of(retries)?,
            }))
        }
        other => Err(Problem::HealthcheckType(quoted(other))),
    }
}

/// The least interval that Docker takes: 1 ms.
const LEAST_INTERVAL_NS: i64 = 1_000_000;

fn interval_ns(flag: &str, value: Option<String>) -> Result<i64, Problem> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(0);
    };
    let ns = duration_ns(&value).ok_or_else(|| Problem::Duration(quoted(&value)))?;
    match ns {
        0 => Ok(0),
        ns if ns < LEAST_INTERVAL_NS => Err(Problem::ShortInterval(quoted(flag))),
        ns => Ok(ns),
    }
}

fn retries_of(value: Option<String>) -> Result<i64, Problem> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(0);
    };
    let retries = value.parse::<i32>().map(i64::from).map_err(|_| Problem::Number(quoted(&value)))?;
    if retries < 1 { Err(Problem::Retries(retries)) } else { Ok(retries) }
}

/// Go's `time.ParseDuration` for what is not negative: `1h30m`, `1.5s`, `0`.
pub(crate) fn duration_ns(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        total = total.checked_add(scaled(number, unit_ns(unit)?)?)?;
        rest = next;
    }
    Some(total)
}

fn unit_ns(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `1.25` units, rounded down to a nanosecond.
fn scaled(number: &str, unit_ns: i64) -> Option<i64> {
    const FRACTION_DIGITS: usize = 9;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i64>().ok() };
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS)];
    let scale = 10_i128.pow(fraction.len() as u32);
    let part = i128::from(parse(fraction)?) * i128::from(unit_ns) / scale;
    parse(whole)?.checked_mul(unit_ns)?.checked_add(i64::try_from(part).ok()?)
}

fn on_build(arguments: &Arguments<'_>) -> Result<Instruction, Problem> {
    let trigger = arguments.at_least_one("ONBUILD", words(arguments.rest))?[0].to_ascii_uppercase();
    match trigger.as_str() {
        "ONBUILD" => Err(Problem::OnBuildChain),
        "FROM" | "MAINTAINER" => Err(Problem::OnBuildTrigger(trigger)),
        _ => Ok(Instruction::OnBuild(arguments.rest.to_owned())),
    }
}

impl Arguments<'_> {
    /// Exec form if it is a JSON array of strings, else, silently, shell form.
    fn command(&self) -> Result<Command, Problem> {
        Ok(match json_array(self.rest)? {
            Some(argv) => Command::Exec(argv),
            None => Command::Shell(self.rest.to_owned()),
        })
    }

    /// A JSON array of strings or words.
    fn list(&self) -> Result<Vec<String>, Problem> {
        Ok(json_array(self.rest)?.unwrap_or_else(|| words(self.rest)))
    }

    fn at_least_one<T>(&self, name: &'static str, values: Vec<T>) -> Result<Vec<T>, Problem> {
        if values.is_empty() {
            return Err(Problem::AtLeastOne(name));
        }
        self.flags_of(&[])?;
        Ok(values)
    }

    /// The rest of the line, whatever it holds.
    fn exactly_one(&self, name: &'static str) -> Result<String, Problem> {
        if self.rest.is_empty() {
            return Err(Problem::ExactlyOne(name));
        }
        self.flags_of(&[])?;
        Ok(self.rest.to_owned())
    }

    fn unflagged(&self) -> Result<&Self, Problem> {
        self.flags_of(&[]).map(|_| self)
    }

    /// The values of the flags that this instruction has, in their order.
    fn flags_of(&self, known: &[&str]) -> Result<Vec<Option<String>>, Problem> {
        let mut values = vec![None; known.len()];
        for flag in &self.flags {
            let flag = flag.trim_start_matches("--");
            let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            let at = known.iter().position(|k| *k == name).ok_or_else(|| Problem::UnknownFlag(name.to_owned()))?;
            if values[at].is_some() {
                return Err(Problem::FlagTwice(name.to_owned()));
            }
            values[at] = Some(value.ok_or_else(|| Problem::FlagWithoutValue(name.to_owned()))?.to_owned());
        }
        Ok(values)
    }
}
