//! The measures of the kernel scene at each size. Scenes are laid out again for the room they have, never zoomed.

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub font: f64,
    /// Of a process's disc.
    pub radius: f64,
    /// From column to column.
    pub pitch_min: f64,
    pub pitch_max: f64,
    /// From stair to stair.
    pub step_min: f64,
    pub step_max: f64,
    /// Between a deck's edge and its discs.
    pub pad: f64,
    /// Between decks.
    pub gap: f64,
    pub bar_height: f64,
    pub title: Option<f64>,
    /// Narrower than this no title stands below the node's own columns.
    pub corner: f64,
    /// Tanks stand beside the decks, with at most this share of the width.
    pub beside: Option<f64>,
    pub tank_width: f64,
    pub tank_pitch_min: f64,
    pub tank_pitch_max: f64,
    pub strip_height: f64,
    /// Empty space on both sides.
    pub margin: f64,
    /// What is taller than its room can be scrolled to.
    pub scrolls: bool,
    /// How much of the width what was typed takes.
    pub keystrokes: f64,
}

/// For a scene of this many pixels.
pub fn for_room(width: f64, height: f64) -> Style {
    if width < 480.0 {
        NARROW
    } else if width >= 900.0 && height >= 460.0 {
        WIDE
    } else {
        PAGE
    }
}

pub const PAGE: Style = Style {
    font: 14.0,
    radius: 14.0,
    pitch_min: 36.0,
    pitch_max: 88.0,
    step_min: 17.0,
    step_max: 33.0,
    pad: 7.0,
    gap: 8.0,
    bar_height: 19.0,
    title: Some(21.0),
    corner: 130.0,
    beside: Some(0.37),
    tank_width: 60.0,
    tank_pitch_min: 90.0,
    tank_pitch_max: 154.0,
    strip_height: 16.0,
    margin: 0.0,
    scrolls: true,
    keystrokes: 0.0,
};

pub const WIDE: Style = Style {
    font: 17.0,
    radius: 17.0,
    pitch_min: 46.0,
    pitch_max: 104.0,
    step_min: 24.0,
    step_max: 42.0,
    pad: 14.0,
    gap: 10.0,
    bar_height: 26.0,
    title: Some(26.0),
    corner: 190.0,
    tank_width: 76.0,
    tank_pitch_min: 116.0,
    tank_pitch_max: 216.0,
    strip_height: 22.0,
    ..PAGE
};

pub const NARROW: Style = Style { title: None, beside: None, pitch_max: 72.0, tank_pitch_max: 178.0, ..PAGE };

pub const PROJECTOR: Style = Style {
    font: 26.0,
    radius: 26.0,
    pitch_min: 68.0,
    pitch_max: 150.0,
    step_min: 32.0,
    step_max: 62.0,
    pad: 18.0,
    gap: 16.0,
    bar_height: 40.0,
    title: None,
    corner: 0.0,
    tank_width: 110.0,
    tank_pitch_min: 190.0,
    tank_pitch_max: 300.0,
    strip_height: 34.0,
    margin: 56.0,
    scrolls: false,
    keystrokes: 344.0,
    ..PAGE
};
