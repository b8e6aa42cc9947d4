//! The measures of the section at each size. Scenes are laid out again for the room they have, never zoomed.

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub font: f64,
    /// Left edge of the strata; the scale stands before it.
    pub left: f64,
    /// From the left edge to a stratum's number and to its words.
    pub number_dx: f64,
    pub words_dx: f64,
    /// Where the rooms begin: at least this, and at least this share of the width.
    pub rooms_left: f64,
    pub rooms_share: f64,
    pub room_gap: f64,
    /// Narrower than this no room is drawn.
    pub room_min: f64,
    pub room_height: f64,
    pub tray_height: f64,
    /// A stratum that is not on the common scale.
    pub row_height: f64,
    pub row_min: f64,
    pub meta_height: f64,
    /// Between the rooms and the uppermost stratum.
    pub lead: f64,
    pub break_height: f64,
    pub bar_height: f64,
    /// Half the width of a plumb bob.
    pub bob: f64,
    /// Space a column of a room needs.
    pub column_min: f64,
    pub column_max: usize,
    pub title: Option<f64>,
    pub scale: bool,
    pub numbers: bool,
    /// Instructions without a layer are drawn.
    pub metas: bool,
    /// Files' names stand beside the container's, not under it.
    pub names_beside: bool,
    /// What was found is written in the tray's bar, not under the name.
    pub found_in_bar: bool,
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
    left: 43.4,
    number_dx: 8.0,
    words_dx: 21.3,
    rooms_left: 185.4,
    rooms_share: 0.3,
    room_gap: 12.6,
    room_min: 90.0,
    room_height: 110.0,
    tray_height: 28.0,
    row_height: 25.0,
    row_min: 19.0,
    meta_height: 20.4,
    lead: 10.0,
    break_height: 18.4,
    bar_height: 18.0,
    bob: 5.0,
    column_min: 82.0,
    column_max: 4,
    title: Some(21.0),
    scale: true,
    numbers: true,
    metas: true,
    names_beside: false,
    found_in_bar: false,
};

pub const WIDE: Style = Style {
    font: 17.0,
    left: 52.7,
    number_dx: 8.0,
    words_dx: 24.1,
    rooms_left: 240.0,
    rooms_share: 0.308,
    room_gap: 15.3,
    room_min: 110.0,
    room_height: 168.0,
    tray_height: 40.0,
    row_height: 42.0,
    row_min: 24.0,
    meta_height: 24.5,
    lead: 12.0,
    break_height: 27.0,
    bar_height: 22.4,
    bob: 7.0,
    column_min: 102.0,
    column_max: 4,
    title: Some(26.0),
    ..PAGE
};

pub const NARROW: Style = Style {
    left: 1.0,
    number_dx: 0.0,
    words_dx: 9.0,
    rooms_left: 1.0,
    rooms_share: 0.0,
    room_gap: 10.0,
    room_min: 150.0,
    room_height: 98.0,
    tray_height: 28.0,
    row_height: 25.0,
    meta_height: 26.0,
    break_height: 16.0,
    column_max: 1,
    title: None,
    scale: false,
    numbers: false,
    names_beside: true,
    ..PAGE
};

pub const PROJECTOR: Style = Style {
    font: 26.0,
    left: 56.0,
    number_dx: 0.0,
    words_dx: 20.0,
    rooms_left: 392.0,
    rooms_share: 0.0,
    room_gap: 32.0,
    room_min: 360.0,
    room_height: 200.0,
    tray_height: 64.0,
    row_height: 44.0,
    row_min: 40.0,
    meta_height: 40.0,
    lead: 40.0,
    break_height: 22.0,
    bar_height: 44.0,
    bob: 11.0,
    column_min: 200.0,
    column_max: 1,
    title: None,
    scale: false,
    numbers: false,
    metas: false,
    names_beside: true,
    found_in_bar: true,
};
