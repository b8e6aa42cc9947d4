//! What a layout is made of: rectangles, lines, paths and texts with classes. The stylesheet gives the colours.

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
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
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
