//! The containers: open rooms on the strata, a column for each path that is looked up, the upperdir as a tray.

use super::Canvas;
use crate::view_model::measure::{Font, fit};
use crate::view_model::moment::base_name;
use crate::view_model::scene::canvas::widest_gap;
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Target, Way};
use crate::view_model::section::model::{Column, Found, Room, RoomState, SectionModel};
use crate::view_model::section::words;
use engine::sim::sort_by_key;

#[derive(Debug)]
pub struct Rooms<'a> {
    pub places: Vec<Place<'a>>,
    top: f64,
    height: f64,
    tray: f64,
    /// Rooms there was no space for.
    pub left_out: usize,
}

#[derive(Debug)]
pub struct Place<'a> {
    pub room: &'a Room,
    pub x: f64,
    pub width: f64,
    pub columns: Vec<Stand<'a>>,
}

/// A column in its place.
#[derive(Debug)]
pub struct Stand<'a> {
    pub column: &'a Column,
    pub x: f64,
    /// Half the width of a bar that stands in this column.
    pub half: f64,
    /// Where such a bar begins and ends.
    pub from: f64,
    pub to: f64,
    pub shown: String,
}

impl<'a> Rooms<'a> {
    pub fn place(canvas: &Canvas, model: &'a SectionModel) -> Rooms<'a> {
        let style = canvas.style;
        let (left, right) = (canvas.rooms_left(), canvas.right());
        let fits = (((right - left + style.room_gap) / (style.room_min + style.room_gap)) as usize).max(1);
        // What is there comes before what is only wanted.
        let mut shown: Vec<&Room> = model.rooms.iter().filter(|room| room.state != RoomState::Absent).collect();
        shown.extend(model.rooms.iter().filter(|room| room.state == RoomState::Absent));
        let left_out = shown.len().saturating_sub(fits);
        shown.truncate(fits);
        sort_by_key(&mut shown, |room| model.rooms.iter().position(|other| other.name == room.name));
        if !model.exists() && shown.iter().all(|room| room.state == RoomState::Absent) {
            shown.clear();
        }
        let width = (right - left - style.room_gap * (shown.len().max(1) - 1) as f64) / shown.len().max(1) as f64;
        let paths = chosen_paths(canvas, &shown, width);
        let places = shown.iter().enumerate().map(|(i, room)| {
            let x = left + i as f64 * (width + style.room_gap);
            Place { room, x, width, columns: stands(canvas, room, x, width, &paths) }
        });
        let places = places.collect();
        Rooms {
            places,
            top: if style.found_in_bar { 8.0 } else { 3.0 },
            height: style.room_height,
            tray: style.tray_height,
            left_out,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn tray_top(&self) -> f64 {
        self.bottom() - self.tray
    }

    pub fn stands(&self) -> impl Iterator<Item = (&Place<'a>, &Stand<'a>)> {
        self.places.iter().flat_map(|place| place.columns.iter().map(move |stand| (place, stand)))
    }

    pub fn draw(&self, canvas: &mut Canvas) {
        for place in &self.places {
            match place.room.state {
                RoomState::Absent => self.draw_absent(canvas, place),
                _ => self.draw_room(canvas, place),
            }
        }
    }

    fn draw_absent(&self, canvas: &mut Canvas, place: &Place) {
        let (name, font) = (&place.room.name, canvas.style.font);
        canvas.rect(format!("room {name}"), "absent", place.x, self.top, place.width, self.height);
        let room = place.width - 16.0;
        let shown = fit(canvas.measure, name, canvas.sans().bold(), room);
        let left = room - canvas.text_width(&shown, canvas.sans().bold());
        let later = [" not there yet", " later", ""];
        let later = later.into_iter().find(|words| canvas.text_width(words, canvas.sans()) <= left).unwrap_or_default();
        let runs = vec![Run::new(shown, "b i3"), Run::new(later, "i3")];
        canvas.text(format!("name {name}"), "", place.x + 10.0, self.top + font * 1.35, font, Anchor::Start, runs);
    }

    fn draw_room(&self, canvas: &mut Canvas, place: &Place) {
        let name = &place.room.name;
        let Place { x, width, .. } = *place;
        canvas.rect(format!("air {name}"), "air", x, self.top, width, self.height);
        canvas.rect(format!("tray {name}"), "tray", x, self.tray_top(), width, self.tray);
        canvas.line(format!("floor {name}"), "floor", x, self.tray_top(), x + width, self.tray_top());
        canvas.rect(format!("room {name}"), "cut container", x, self.top, width, self.height);
        self.draw_name(canvas, place);
        for stand in &place.columns {
            self.draw_column_name(canvas, place, stand);
        }
        self.draw_tray(canvas, place);
    }

    fn draw_name(&self, canvas: &mut Canvas, place: &Place) {
        let (room, font) = (place.room, canvas.style.font);
        let scale = if canvas.style.found_in_bar { 1.54 } else { 1.15 };
        let pad = if canvas.style.found_in_bar { 22.0 } else { 10.0 };
        let bold = Font::sans(font * scale).bold();
        let beside = if canvas.style.names_beside { name_share(canvas) } else { 1.0 };
        let name = fit(canvas.measure, &room.name, bold, place.width * beside - pad);
        let name_width = canvas.text_width(&name, bold);
        let state = words::state(room);
        let space = match canvas.style.names_beside {
            true => 0.0,
            false => place.width - 20.0 - name_width - font * 0.4,
        };
        let shown = match canvas.text_width(&state, canvas.sans()) <= space {
            true => state.clone(),
            false if space > font => fit(canvas.measure, &words::brief(room), canvas.sans(), space),
            false => String::new(),
        };
        let runs = vec![
            Run { text: name, class: "b ct", scale },
            Run::new(if shown.is_empty() { String::new() } else { format!(" {shown}") }, "i3"),
        ];
        let y = self.top + font * if canvas.style.found_in_bar { 1.85 } else { 1.35 };
        let text = Form::Text { x: place.x + pad, y, size: font, anchor: Anchor::Start, runs };
        let target = Target::Container { name: room.name.clone() };
        let words = format!("Container {}, {state}", room.name);
        canvas.push(Shape::new(format!("name {}", room.name), "", text).asked(target, words));
    }

    fn draw_column_name(&self, canvas: &mut Canvas, place: &Place, stand: &Stand) {
        let (font, column) = (canvas.style.font, stand.column);
        let key = format!("{} {}", place.room.name, column.path);
        let class = if canvas.style.found_in_bar { "mono" } else { "" };
        let y = self.column_name_y(canvas);
        let runs = vec![Run::new(stand.shown.clone(), class)];
        let text = Form::Text { x: stand.x, y, size: font, anchor: Anchor::Middle, runs };
        let found = words::found(column);
        let target = Target::Lookup { container: place.room.name.clone(), path: column.path.clone() };
        let words = format!("{} in {}: {found}", column.path, place.room.name);
        canvas.push(Shape::new(format!("path {key}"), "", text).asked(target, words));
        if canvas.style.found_in_bar {
            return;
        }
        let class = match column.found {
            _ if column.fresh => "nt",
            Found::Upper => "ct",
            _ => "i3",
        };
        let shown = fit(canvas.measure, found, canvas.sans(), stand.half * 2.0 + 12.0);
        canvas.text(
            format!("found {key}"),
            class,
            stand.x,
            y + font * 1.2,
            font,
            Anchor::Middle,
            vec![Run::new(shown, "")],
        );
    }

    fn column_name_y(&self, canvas: &Canvas) -> f64 {
        let font = canvas.style.font;
        self.top
            + font
                * if canvas.style.found_in_bar {
                    1.77
                } else if canvas.style.names_beside {
                    1.5
                } else {
                    2.75
                }
    }

    /// Where a sounding leaves a path's name.
    pub fn sounding_top(&self, canvas: &Canvas) -> f64 {
        let font = canvas.style.font;
        self.column_name_y(canvas) + if canvas.style.found_in_bar { font * 0.77 } else { font * 1.6 }
    }

    fn draw_tray(&self, canvas: &mut Canvas, place: &Place) {
        let (font, name) = (canvas.style.font, &place.room.name);
        let middle = self.tray_top() + self.tray / 2.0;
        let held: Vec<&Stand> =
            place.columns.iter().filter(|stand| matches!(stand.column.found, Found::Upper | Found::Whiteout)).collect();
        for stand in &held {
            self.draw_held(canvas, name, stand, middle);
        }
        let names = place.room.upper.unwrap_or(0);
        let words = match (names, held.len()) {
            (0, 0) if place.room.upper.is_some() => vec!["empty".to_owned()],
            (_, 0) if names > 0 => {
                let names_words = format!("{names} other name{}", if names == 1 { "" } else { "s" });
                vec![names_words, format!("{names} other"), names.to_string()]
            }
            _ => return,
        };
        if !canvas.style.names_beside || names > 0 {
            // Between the lines that fall through the tray.
            let falling: Vec<f64> =
                place.columns.iter().filter(|s| matches!(s.column.found, Found::Layer(_))).map(|s| s.x).collect();
            let (from, to) = widest_gap(place.x + 4.0, place.x + place.width - 4.0, &falling, 6.0);
            let x = (from + to) / 2.0;
            let fits = |words: &String| canvas.text_width(words, canvas.sans()) <= to - from - 8.0;
            let Some(words) = words.into_iter().find(fits) else { return };
            canvas.text(
                format!("tray words {name}"),
                "i2",
                x,
                middle + font * 0.36,
                font,
                Anchor::Middle,
                vec![Run::new(words, "")],
            );
        }
    }

    fn draw_held(&self, canvas: &mut Canvas, name: &str, stand: &Stand, middle: f64) {
        let (style, column) = (canvas.style, stand.column);
        let key = format!("held {name} {}", column.path);
        let target = Target::Upper { container: name.to_owned(), path: column.path.clone() };
        let words = format!("{} in the upperdir of {name}: {}", column.path, words::found(column));
        if column.found == Found::Whiteout {
            let side = style.font * 1.22;
            let (x, y) = (stand.x - side / 2.0, middle - side / 2.0);
            let class = if column.fresh { "whiteout fresh" } else { "whiteout" };
            let form = Form::Rect { x, y, width: side, height: side };
            canvas.push(Shape::new(key.clone(), class, form).asked(target, words));
            canvas.line(format!("{key} stroke"), "whiteout-stroke", x, y + side, x + side, y);
            return;
        }
        let half = stand.half.min(style.font * 5.0);
        let height = self.tray - if style.found_in_bar { 20.0 } else { 10.0 };
        let (x, y, width) = match style.found_in_bar {
            true => (stand.from, middle - height / 2.0, stand.to - stand.from),
            false => (stand.x - half, middle - height / 2.0, half * 2.0),
        };
        let class = if column.fresh { "copy fresh" } else { "copy" };
        let held = Shape::new(key, class, Form::Rect { x, y, width, height }).asked(target, words);
        canvas.push(match column.copied_up_from {
            Some(_) => held.by(Way::Up(style.room_height)),
            None => held,
        });
        if style.found_in_bar {
            let runs = vec![Run::new(words::found(column), "b on-copy")];
            let y = middle + style.font * 0.35;
            canvas.text(format!("held words {name}"), "", x + width * 0.4, y, style.font, Anchor::Middle, runs);
        }
    }
}

/// Which paths get a column: all if there is room; else what is new or changed before what is as in the image.
fn chosen_paths(canvas: &Canvas, rooms: &[&Room], width: f64) -> Vec<String> {
    let style = canvas.style;
    let most = ((width / style.column_min) as usize).clamp(1, style.column_max);
    let Some(room) = rooms.iter().find(|room| !room.columns.is_empty()) else { return Vec::new() };
    let weight = |path: &str| {
        let columns = || rooms.iter().flat_map(|room| &room.columns).filter(|column| column.path == path);
        let any = |test: fn(&Column) -> bool| columns().any(test);
        if any(|column| column.fresh) {
            0
        } else if any(|column| matches!(column.found, Found::Upper | Found::Whiteout)) {
            1
        } else if any(|column| matches!(column.found, Found::Layer(_))) {
            2
        } else {
            3
        }
    };
    let mut paths: Vec<&str> = room.columns.iter().map(|column| column.path.as_str()).collect();
    paths.retain(|path| weight(path) < 3);
    sort_by_key(&mut paths, |path| weight(path));
    paths.truncate(most);
    let kept = |column: &&Column| paths.contains(&column.path.as_str());
    room.columns.iter().filter(kept).map(|column| column.path.clone()).collect()
}

/// How much of a room's width its name has, where the columns stand beside it.
fn name_share(canvas: &Canvas) -> f64 {
    if canvas.style.found_in_bar { 0.44 } else { 0.4 }
}

fn stands<'a>(canvas: &Canvas, room: &'a Room, x: f64, width: f64, paths: &[String]) -> Vec<Stand<'a>> {
    let style = canvas.style;
    let full = width;
    // Beside the name, the columns share what the name leaves.
    let (from, width) = match style.names_beside {
        true => (x + width * name_share(canvas), width * (1.0 - name_share(canvas))),
        false => (x, width),
    };
    let columns: Vec<&Column> = room.columns.iter().filter(|column| paths.contains(&column.path)).collect();
    let each = width / columns.len().max(1) as f64;
    let stand = |(i, column): (usize, &'a Column)| {
        let font = if style.found_in_bar { Font::mono(style.font) } else { Font::sans(style.font) };
        let shown = fit(canvas.measure, base_name(&column.path), font, each - 4.0);
        let half = if style.found_in_bar { each * 0.45 } else { (each / 2.0 - 6.0).min(style.font * 5.0) };
        let at = from + each * (i as f64 + 0.5);
        let (from, to) = if style.found_in_bar { (x + 40.0, x + full - 40.0) } else { (at - half, at + half) };
        Stand { column, x: at, half, from, to, shown }
    };
    columns.into_iter().enumerate().map(stand).collect()
}
