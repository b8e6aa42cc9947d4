//! The grammar of the `docker` command line, as data: commands, flags, arguments, help, and what is simulated.
//!
//! Parsing, help, completion and the messages about what is missing all come from here. Names and texts are those of
//! the client of Debian's docker.io 20.10.24; `tests/goldens/docker-cli` holds what it said. Nothing is parsed here.
use crate::sim::sort_by_key;

mod commands;
mod container_flags;
mod flags;
mod reasons;
mod today;

pub use commands::{PLUGINS, ROOT, ROOT_FLAGS};
pub use today::{COMMON, SWARM, TODAY};

/// One command or group of commands.
#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// Other names inside its group: `list` for `docker image ls`.
    pub aliases: &'static [&'static str],
    /// What follows the name in the usage line: `[OPTIONS] IMAGE [COMMAND] [ARG...]`.
    pub usage: &'static str,
    /// The line in the list of commands, and under an error.
    pub short: &'static str,
    pub arity: Arity,
    /// What each argument is, for completion; the last one repeats if `arity` allows more.
    pub arguments: &'static [Argument],
    pub flags: &'static [&'static [Flag]],
    /// Whether flags may follow the first argument. Not so where the rest is another command's line.
    pub interspersed: bool,
    pub does: Does,
}

/// What a command is carried out as.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    Group(&'static [Command]),
    Action(Action),
    /// Known, but not simulated: why, and what to do instead.
    Refused(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Build,
    Commit,
    ContainerInspect,
    ContainerPrune,
    Create,
    Diff,
    DiskUsage,
    Exec,
    History,
    ImageInspect,
    ImagePrune,
    Images,
    Info,
    Inspect,
    Kill,
    Logs,
    Ps,
    Pull,
    Restart,
    Rm,
    Rmi,
    Run,
    Start,
    Stop,
    Tag,
    Top,
    Version,
    Wait,
}

/// How many arguments a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    None,
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
    Between(usize, usize),
}

impl Arity {
    pub fn allows(self, count: usize) -> bool {
        match self {
            Arity::None => count == 0,
            Arity::Exactly(n) => count == n,
            Arity::AtLeast(n) => count >= n,
            Arity::AtMost(n) => count <= n,
            Arity::Between(low, high) => (low..=high).contains(&count),
        }
    }
}

/// What an argument or a flag's value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Image,
    Container,
    RunningContainer,
    StoppedContainer,
    /// An image or a container.
    Object,
    /// A directory or file of the node.
    Path,
    /// A command line to be run in a container of this image.
    CommandInImage,
    /// A command line to be run in this container.
    CommandInContainer,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Nothing that can be listed.
    Free,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub short: Option<char>,
    pub long: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// As shown after the help; empty when the client shows none.
    pub default: &'static str,
    pub hidden: bool,
    pub support: Support,
    pub value: Argument,
}

/// What a flag takes, and how its text is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Str,
    Int,
    Uint16,
    Bytes,
    /// `-1` is no limit.
    BytesOrUnlimited,
    Decimal,
    Duration,
    List,
    Strings,
    /// A list of `NAME=value` or `NAME`.
    Env,
    /// A list of `key=value` or `key`.
    Label,
    /// A list of image references.
    Tag,
    Filter,
    Mount,
    Network,
    Map,
    Ulimit,
    Gpus,
}

impl Kind {
    /// The word behind the flag's name in the help.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Bool => "",
            Kind::Str => "string",
            Kind::Int => "int",
            Kind::Uint16 => "uint16",
            Kind::Bytes | Kind::BytesOrUnlimited => "bytes",
            Kind::Decimal => "decimal",
            Kind::Duration => "duration",
            Kind::List | Kind::Env | Kind::Label | Kind::Tag => "list",
            Kind::Strings => "strings",
            Kind::Filter => "filter",
            Kind::Mount => "mount",
            Kind::Network => "network",
            Kind::Map => "map",
            Kind::Ulimit => "ulimit",
            Kind::Gpus => "gpu-request",
        }
    }
}

/// Whether a flag does here what it does in Docker. There is no "ignored": what changes nothing in Docker's own answer
/// is harmless, all else is refused with a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Works,
    /// It could change nothing that is observable here.
    Harmless,
    /// These values are what happens anyway; any other is refused.
    Only(&'static [&'static str], &'static str),
    Refused(&'static str),
}

const NO: Option<char> = None;

const fn short(letter: char) -> Option<char> {
    Some(letter)
}

const fn flag(short: Option<char>, long: &'static str, kind: Kind, help: &'static str) -> Flag {
    let value = Argument::Free;
    Flag { short, long, kind, help, default: "", hidden: false, support: Support::Works, value }
}

impl Flag {
    const fn default(self, default: &'static str) -> Flag {
        Flag { default, ..self }
    }

    const fn hidden(self) -> Flag {
        Flag { hidden: true, ..self }
    }

    const fn takes(self, value: Argument) -> Flag {
        Flag { value, ..self }
    }

    const fn harmless(self) -> Flag {
        Flag { support: Support::Harmless, ..self }
    }

    const fn only(self, values: &'static [&'static str], reason: &'static str) -> Flag {
        Flag { support: Support::Only(values, reason), ..self }
    }

    const fn refused(self, reason: &'static str) -> Flag {
        Flag { support: Support::Refused(reason), ..self }
    }
}

impl Command {
    /// All its flags, hidden ones too, by name.
    pub fn sorted_flags(&self) -> Vec<&'static Flag> {
        let mut flags: Vec<&'static Flag> = self.flags.iter().flat_map(|part| part.iter()).collect();
        sort_by_key(&mut flags, |flag| flag.long);
        flags
    }

    pub fn long_flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().flat_map(|part| part.iter()).find(|flag| flag.long == name)
    }

    pub fn short_flag(&self, letter: char) -> Option<&'static Flag> {
        self.flags.iter().flat_map(|part| part.iter()).find(|flag| flag.short == Some(letter))
    }

    pub fn children(&self) -> &'static [Command] {
        match self.does {
            Does::Group(children) => children,
            Does::Action(_) | Does::Refused(_) => &[],
        }
    }

    /// The child of this name or alias.
    pub fn child(&self, name: &str) -> Option<&'static Command> {
        self.children().iter().find(|child| child.name == name || child.aliases.contains(&name))
    }

    /// What the argument at `index` is.
    pub fn argument(&self, index: usize) -> Option<Argument> {
        let most = match self.arity {
            Arity::None => 0,
            Arity::Exactly(n) | Arity::AtMost(n) | Arity::Between(_, n) => n,
            Arity::AtLeast(_) => usize::MAX,
        };
        if index >= most {
            return None;
        }
        self.arguments.get(index).or(self.arguments.last()).copied()
    }
}
