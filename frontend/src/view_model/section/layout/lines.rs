//! Files in layers, soundings and copy-up: what runs between the rooms and the strata.

use super::Canvas;
use super::ground::{Ground, Row};
use super::rooms::{Rooms, Stand};
use crate::view_model::measure::{Font, fit};
use crate::view_model::moment::base_name;
use crate::view_model::scene::canvas::widest_gap;
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Target, Way};
use crate::view_model::section::model::{Found, LayerFile, SectionModel, layers};
use crate::view_model::size::Px;

pub fn draw(canvas: &mut Canvas, model: &SectionModel, rooms: &Rooms, ground: &Ground) {
    let bars = place_bars(canvas, model, rooms, ground);
    for bar in &bars {
        let target = Target::LayerFile { image: model.image.clone(), number: bar.number, path: bar.file.path.clone() };
        let name = format!("{} in layer {}", bar.file.path, bar.number);
        let form = Form::Rect { x: bar.x, y: bar.y, width: bar.width, height: bar.height };
        canvas.push(Shape::new(bar.key.clone(), "seam", form).asked(target, name));
    }
    let falling = soundings(canvas, rooms, &bars);
    copy_ups(canvas, rooms, &bars, ground);
    for bar in &bars {
        label(canvas, bar, &falling);
    }
}

struct Bar<'a> {
    key: String,
    file: &'a LayerFile,
    number: u32,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

fn place_bars<'a>(canvas: &Canvas, model: &'a SectionModel, rooms: &Rooms, ground: &Ground) -> Vec<Bar<'a>> {
    let mut bars = Vec::new();
    let falling: Vec<f64> = rooms.stands().filter(|(_, stand)| passes(stand)).map(|(_, stand)| stand.x).collect();
    for layer in layers(&model.strata) {
        let Some(row) = ground.row_of(layer.number) else { continue };
        // A room full of people is shown one path: the others would only be passed by.
        let looked_at = |file: &&LayerFile| {
            !canvas.style.found_in_bar || rooms.stands().any(|(_, stand)| stand.column.path == file.path)
        };
        let files: Vec<&LayerFile> = layer.files.iter().filter(looked_at).collect();
        let spans: Vec<(f64, f64)> =
            files.iter().map(|file| span(canvas, rooms, ground, &falling, &file.path)).collect();
        let height = canvas.style.bar_height.min(row.height - 6.0);
        let room = ((row.height - 3.0) / (height + 4.0)).floor().max(1.0) as usize;
        match lanes(&spans, room) {
            Some((lane_of, used)) => {
                for (i, file) in files.into_iter().enumerate() {
                    let y = lane_y(row, lane_of[i], used, height);
                    let (x, to) = spans[i];
                    let key = format!("bar{} {}", layer.number, file.path);
                    bars.push(Bar { key, file, number: layer.number, x, y, width: to - x, height });
                }
            }
            None => beside(rooms, row, layer.number, &files, height, &mut bars),
        }
    }
    bars
}

/// Whether a line of this column goes on below the floor.
fn passes(stand: &Stand) -> bool {
    matches!(stand.column.found, Found::Layer(_)) || stand.column.copied_up_from.is_some()
}

/// As wide as the containers that see the path; where none looks at it, beside the words, between the lines that fall.
fn span(canvas: &Canvas, rooms: &Rooms, ground: &Ground, falling: &[f64], path: &str) -> (f64, f64) {
    let stands: Vec<&Stand> = rooms.stands().filter(|(_, s)| s.column.path == path).map(|(_, s)| s).collect();
    match (stands.first(), stands.last()) {
        (Some(first), Some(last)) => (first.from, last.to),
        _ => {
            let (from, to) = (ground.words_end(canvas) + 12.0, canvas.right() - 12.0);
            let gap = widest_gap(from, to, falling, 12.5);
            let most = canvas.style.font * 16.0;
            match gap.1 - gap.0 > most {
                true => ((gap.0 + gap.1 - most) / 2.0, (gap.0 + gap.1 + most) / 2.0),
                false => gap,
            }
        }
    }
}

/// A lane for each interval so that none overlap, and how many were needed; nothing if there are too few.
fn lanes(spans: &[(f64, f64)], room: usize) -> Option<(Vec<usize>, usize)> {
    let mut ends: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut lane_of = Vec::new();
    for (from, to) in spans {
        let free = ends.iter().position(|taken| taken.iter().all(|(a, b)| to + 6.0 <= *a || b + 6.0 <= *from));
        let lane = free.unwrap_or(ends.len());
        if lane == ends.len() {
            ends.push(Vec::new());
        }
        ends[lane].push((*from, *to));
        lane_of.push(lane);
    }
    (ends.len() <= room).then_some((lane_of, ends.len()))
}

fn lane_y(row: &Row, lane: usize, used: usize, height: f64) -> f64 {
    let each = row.height / used.max(1) as f64;
    row.y + each * (lane as f64 + 0.5) - height / 2.0
}

/// Too many for one another: each file only under its own columns.
fn beside<'a>(rooms: &Rooms, row: &Row, number: u32, files: &[&'a LayerFile], height: f64, bars: &mut Vec<Bar<'a>>) {
    for file in files {
        for (place, stand) in rooms.stands().filter(|(_, stand)| stand.column.path == file.path) {
            let key = format!("bar{number} {} {}", file.path, place.room.name);
            let y = row.y + (row.height - height) / 2.0;
            bars.push(Bar { key, file, number, x: stand.from, y, width: stand.to - stand.from, height });
        }
    }
}

/// Plumb lines; gives the places where they fall through the strata, with how deep.
fn soundings(canvas: &mut Canvas, rooms: &Rooms, bars: &[Bar]) -> Vec<(f64, f64)> {
    let top = rooms.sounding_top(canvas);
    let mut falling = Vec::new();
    for (place, stand) in rooms.stands() {
        let column = stand.column;
        let end = match column.found {
            Found::Upper | Found::Whiteout => {
                let inset = if canvas.style.found_in_bar { 10.0 } else { 4.0 };
                Some(rooms.tray_top() + inset)
            }
            Found::Layer(number) => {
                let holds = |bar: &&Bar| bar.number == number && bar.file.path == column.path && covers(bar, stand.x);
                bars.iter().find(holds).map(|bar| bar.y)
            }
            Found::Nothing | Found::Unknown => None,
        };
        let Some(end) = end.filter(|end| *end > top + 4.0) else { continue };
        if matches!(column.found, Found::Layer(_)) {
            falling.push((stand.x, end));
        }
        if column.copied_up_from.is_some() {
            falling.push((stand.x, f64::INFINITY));
        }
        let class = if column.fresh { ("sound now", "bob now") } else { ("sound", "bob") };
        let key = format!("{} {}", place.room.name, column.path);
        let bob = canvas.style.bob;
        let width = if canvas.style.found_in_bar { 5.0 } else { 1.5 };
        let form = Form::Rect { x: stand.x - width / 2.0, y: top, width, height: end - top - bob };
        canvas.push(Shape::new(format!("line {key}"), class.0, form));
        let data = format!(
            "M{0} {1}h{2}v{3}L0 0L{0} {4}z",
            Px(-bob),
            Px(-2.2 * bob),
            Px(2.0 * bob),
            Px(0.8 * bob),
            Px(-1.4 * bob)
        );
        canvas.push(Shape::new(format!("bob {key}"), class.1, Form::Placed { x: stand.x, y: end - 1.0, data }));
    }
    falling
}

fn covers(bar: &Bar, x: f64) -> bool {
    bar.x <= x && x <= bar.x + bar.width
}

fn copy_ups(canvas: &mut Canvas, rooms: &Rooms, bars: &[Bar], ground: &Ground) {
    let style = canvas.style;
    for (place, stand) in rooms.stands() {
        let Some(number) = stand.column.copied_up_from else { continue };
        let source = bars.iter().find(|bar| bar.number == number && bar.file.path == stand.column.path);
        let Some(source) = source else { continue };
        // Beside the sounding on the projector, on its line elsewhere.
        let x = if style.found_in_bar { stand.from + style.bob * 5.0 } else { stand.x };
        let (from, to) = (source.y - 2.0, rooms.bottom() + if style.found_in_bar { 8.0 } else { 1.0 });
        let key = format!("{} {}", place.room.name, stand.column.path);
        let line = Form::Line { x1: x, y1: from, x2: x, y2: to };
        canvas.push(Shape::new(format!("rise {key}"), "rise", line).by(Way::Beside));
        let head = if style.found_in_bar { 14.0 } else { style.bob };
        let (left, middle, right) = (Px(x - head), Px(x), Px(x + head));
        let (low, high) = (Px(to + head * 0.8), Px(to - head * 0.6));
        let data = format!("M{left} {low}L{middle} {high}L{right} {low}");
        canvas.push(Shape::new(format!("head {key}"), "rise-head", Form::Path { data }).by(Way::Beside));
        let (size, words) = (style.font, "copy-up");
        let width = canvas.text_width(words, Font::sans(size));
        let (tx, ty) = match ground.first_break(from).filter(|_| !style.found_in_bar) {
            Some(y) => (x + style.bob * 1.8, y + size * 0.35),
            None => (x + style.bob * 2.0, to + size * 0.75),
        };
        if style.title.is_some() || style.found_in_bar {
            canvas.rect(format!("rise ground {key}"), "ground", tx - 3.0, ty - size * 0.86, width + 6.0, size * 1.1);
            let class = if style.found_in_bar { "ut b" } else { "ut" };
            canvas.text(format!("rise words {key}"), class, tx, ty, size, Anchor::Start, vec![Run::new(words, "")]);
        }
    }
}

fn label(canvas: &mut Canvas, bar: &Bar, falling: &[(f64, f64)]) {
    let size = canvas.style.font;
    let font = if canvas.style.found_in_bar { Font::mono(size) } else { Font::sans(size) };
    // Lines that go on below this bar's upper edge.
    let crossing: Vec<f64> = falling.iter().filter(|(_, end)| *end > bar.y + 2.0).map(|(x, _)| *x).collect();
    let (from, to) = widest_gap(bar.x + 3.0, bar.x + bar.width - 3.0, &crossing, 6.0);
    let name = base_name(&bar.file.path);
    let full = match &bar.file.differs_by {
        Some(what) => format!("{name}  {what}"),
        None => name.to_owned(),
    };
    let words = [full.as_str(), name].into_iter().find(|words| canvas.text_width(words, font) <= to - from);
    let words = words.map_or_else(|| fit(canvas.measure, name, font, to - from), str::to_owned);
    let class = if canvas.style.found_in_bar { "seam-words mono" } else { "seam-words" };
    let y = bar.y + bar.height / 2.0 + size * 0.34;
    canvas.text(
        format!("{} words", bar.key),
        class,
        (from + to) / 2.0,
        y,
        size,
        Anchor::Middle,
        vec![Run::new(words, "")],
    );
}
