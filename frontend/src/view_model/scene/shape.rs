//! What a layout is made of: rectangles, lines, paths and texts with classes. The stylesheet gives the colours.

use engine::fact;

/// Something that can be asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Container {
        name: String,
    },
    /// What the upperdir of a container holds at a path.
    Upper {
        container: String,
        path: String,
    },
    /// What a container sees at a path.
    Lookup {
        container: String,
        path: String,
    },
    Layer {
        image: String,
        number: u32,
    },
    LayerFile {
        image: String,
        number: u32,
        path: String,
    },
    /// By its pid on the node.
    Process {
        pid: u32,
    },
    /// Namespaces that the same processes are in, by the classes of their facts: `mnt1`, `uts1`.
    Namespaces {
        classes: Vec<String>,
    },
    Cgroup {
        group: Group,
        of: Resource,
    },
}

/// A control group as facts name it: a container's, or one that was made by hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Container(String),
    Path(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    All,
    Cpu,
    Memory,
}

impl Group {
    /// What its facts' paths begin with, without a slash at the end.
    pub fn facts(&self) -> String {
        match self {
            Group::Container(name) => fact::path(["container", name, "cgroup"]),
            Group::Path(path) => fact::path(["cgroup", path]),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Group::Container(name) => name,
            Group::Path(path) => path,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawing {
    pub width: f64,
    /// What is taller than its room scrolls.
    pub height: f64,
    /// The height it was laid out for.
    pub room: f64,
    pub shapes: Vec<Shape>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The same thing keeps its key from drawing to drawing: what has moved is seen to move.
    pub key: String,
    pub class: &'static str,
    pub form: Form,
    /// Asked about with a click or Enter, under this name.
    pub target: Option<(Target, String)>,
    pub way: Option<Way>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Rect {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
    },
    Line {
        x1: f64,
        y1: f64,
        x2: f64,
        y2: f64,
    },
    Disc {
        x: f64,
        y: f64,
        radius: f64,
    },
    Path {
        data: String,
    },
    /// A path that is drawn at the origin and stands at `x`, `y`.
    Placed {
        x: f64,
        y: f64,
        data: String,
    },
    Text {
        x: f64,
        y: f64,
        size: f64,
        anchor: Anchor,
        runs: Vec<Run>,
    },
}

/// How what the event under the handle has brought comes to its place; it goes back the same way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// From so many pixels further down; from above, if negative.
    Up(f64),
    /// It grows downward from its upper edge.
    Down,
    /// It stands there, and goes with what came past it.
    Beside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    pub fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// A piece of a text in one style.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub text: String,
    pub class: &'static str,
    /// Relative to the text's own size.
    pub scale: f64,
}

impl Run {
    pub fn new(text: impl Into<String>, class: &'static str) -> Run {
        Run { text: text.into(), class, scale: 1.0 }
    }
}

impl Shape {
    pub fn new(key: impl Into<String>, class: &'static str, form: Form) -> Shape {
        Shape { key: key.into(), class, form, target: None, way: None }
    }

    pub fn asked(mut self, target: Target, name: impl Into<String>) -> Shape {
        self.target = Some((target, name.into()));
        self
    }

    pub fn by(mut self, way: Way) -> Shape {
        self.way = Some(way);
        self
    }
}
