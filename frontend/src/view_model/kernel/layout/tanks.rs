//! Control groups: memory as tanks on a common floor and to one scale, one period of CPU time as a strip above each.

use super::{Area, Canvas};
use crate::view_model::kernel::model::KernelModel;
use crate::view_model::kernel::tanks::{Cpu, Memory, Tank};
use crate::view_model::kernel::words;
use crate::view_model::measure::{Font, fit};
use crate::view_model::scene::shape::{Anchor, Form, Resource, Run, Shape, Target};
use crate::view_model::size::{Px, binary_unit, binary_words, in_binary};
use engine::sim::sort_by;
use std::fmt::Write as _;

/// A tank so many times as high as the next is cut, and says so.
const CUT: f64 = 6.0;

/// One group in its place.
struct Berth<'a> {
    tank: &'a Tank,
    key: String,
    left: f64,
    width: f64,
}

/// Gives the lower edge.
pub fn draw(canvas: &mut Canvas, model: &KernelModel, area: Area) -> f64 {
    let style = canvas.style;
    let font = style.font;
    let between = style.gap * 2.0;
    let fits = ((area.width + between) / (style.tank_pitch_min + between)).max(1.0) as usize;
    let left_out = model.tanks.len().saturating_sub(fits);
    let mut y = title(canvas, model, area, left_out);
    let shown = &model.tanks[..model.tanks.len() - left_out];
    let pitch = ((area.width + between) / shown.len().max(1) as f64).min(style.tank_pitch_max + between);
    let berth =
        |(i, tank)| Berth { tank, key: tank_key(tank), left: area.left + i as f64 * pitch, width: pitch - between };
    let berths: Vec<Berth> = shown.iter().enumerate().map(berth).collect();
    for berth in &berths {
        name(canvas, berth, y + font * 1.3);
    }
    y += font * 1.6;
    let present = || berths.iter().filter(|berth| berth.tank.absent.is_none());
    if let Some(strips) = Strips::choose(shown) {
        for berth in present() {
            strips.draw(canvas, berth, y);
        }
        y += strips.height(canvas);
    }
    let below = font
        * 1.35
        * f64::from(u8::from(shown.iter().any(|tank| tank.pids.is_some_and(|pids| pids.max.is_some()))) + 1);
    if !shown.iter().any(|tank| tank.memory.is_some()) {
        for berth in present() {
            below_floor(canvas, berth, y);
        }
        return y + below;
    }
    let floor = (area.bottom() - below - font * 0.4).max(y + font * 7.0);
    let scale = Scale::choose(shown, y + font * 1.5, floor);
    canvas.line("floor", "floor-line", area.left - style.gap, floor, area.right(), floor);
    for berth in &berths {
        match &berth.tank.memory {
            Some(memory) => draw_memory(canvas, berth, memory, &scale),
            None if berth.tank.absent.is_some() => draw_absent(canvas, berth, y, floor),
            None => {}
        }
        below_floor(canvas, berth, floor);
    }
    floor + below + font * 0.3
}

fn tank_key(tank: &Tank) -> String {
    format!("{:?}", tank.group)
}

fn title(canvas: &mut Canvas, model: &KernelModel, area: Area, left_out: usize) -> f64 {
    let Some(size) = canvas.style.title else { return area.top };
    let y = area.top + size * 0.9;
    let font = canvas.style.font;
    canvas.text("tanks title", "ser", area.left, y, size, Anchor::Start, vec![Run::new("cgroups", "")]);
    let width = canvas.text_width("cgroups", Font::serif(size)) + font * 0.8;
    let words = match left_out {
        _ if model.tanks.is_empty() => "there is none yet".to_owned(),
        0 if model.tanks.iter().all(|tank| tank.absent.is_some()) => "not there yet".to_owned(),
        0 => "drawn to scale".to_owned(),
        n => format!("{n} not drawn"),
    };
    let words = fit(canvas.measure, &words, canvas.sans(), area.width - width);
    canvas.text("tanks words", "i3", area.left + width, y, font, Anchor::Start, vec![Run::new(words, "")]);
    y + font * 0.5
}

fn name(canvas: &mut Canvas, berth: &Berth, y: f64) {
    let style = canvas.style;
    let size = style.font * 1.14;
    let bold = Font::sans(size).bold();
    let shown = fit(canvas.measure, berth.tank.group.name(), bold, berth.width);
    let left = berth.width - canvas.text_width(&shown, bold);
    let state = if berth.tank.frozen { " frozen" } else { "" };
    let state = if canvas.text_width(state, canvas.sans()) <= left { state } else { "" };
    let class = if berth.tank.absent.is_some() { "b i3" } else { "b ct" };
    let runs = vec![Run::new(shown, class), Run { scale: 1.0 / 1.14, ..Run::new(state, "i3") }];
    let form = Form::Text { x: berth.left, y, size, anchor: Anchor::Start, runs };
    let target = Target::Cgroup { group: berth.tank.group.clone(), of: Resource::All };
    let said = format!("Control group {}: {}", berth.tank.group.name(), words::group(berth.tank));
    canvas.push(Shape::new(format!("group {}", berth.key), "", form).asked(target, said));
}

/// What the strips show: a period with its quota, or parts of what all have used.
enum Strips {
    Quota,
    Share { all_us: u64 },
}

impl Strips {
    /// Nothing where no group has a quota or another weight than the rest.
    fn choose(tanks: &[Tank]) -> Option<Strips> {
        let mut cpus = tanks.iter().filter_map(|tank| tank.cpu.as_ref());
        if cpus.clone().any(|cpu| cpu.quota_us.is_some()) {
            return Some(Strips::Quota);
        }
        let first = cpus.clone().next()?.weight;
        let all_us = cpus.clone().map(|cpu| cpu.usage_us).sum();
        (cpus.clone().count() > 1 && (all_us > 0 || cpus.any(|cpu| cpu.weight != first)))
            .then_some(Strips::Share { all_us })
    }

    fn height(&self, canvas: &Canvas) -> f64 {
        canvas.style.font * 3.6 + canvas.style.strip_height
    }

    fn draw(&self, canvas: &mut Canvas, berth: &Berth, top: f64) {
        let Some(cpu) = &berth.tank.cpu else { return };
        let style = canvas.style;
        let (font, left, key) = (style.font, berth.left, &berth.key);
        let y = top + font * 1.6;
        let (names, value, captions) = match (self, cpu.quota_us) {
            (Strips::Quota, Some(quota_us)) => (["cpu.max", "cpu"], words::quota(cpu, quota_us), words::throttled(cpu)),
            (Strips::Quota, None) => (["cpu.max", "cpu"], "no quota".to_owned(), Vec::new()),
            (Strips::Share { all_us }, _) => {
                let weight = cpu.weight.map_or_else(String::new, |weight| weight.to_string());
                (["cpu.weight", "weight"], weight, words::share(cpu, *all_us))
            }
        };
        labelled(canvas, format!("cpu {key}"), berth, y - font * 0.45, (names, &value));
        let width = berth.width;
        let form = Form::Rect { x: left, y, width, height: style.strip_height };
        let target = Target::Cgroup { group: berth.tank.group.clone(), of: Resource::Cpu };
        let said = format!("CPU of {}: {}", berth.tank.group.name(), words::cpu(cpu));
        canvas.push(Shape::new(format!("strip {key}"), "air", form).asked(target, said));
        self.fill(canvas, cpu, key, (left, y, width));
        canvas.rect(format!("strip edge {key}"), "strip-edge", left, y, width, style.strip_height);
        if let (Strips::Quota, Some(quota_us)) = (self, cpu.quota_us) {
            let x = left + width * (quota_us as f64 / strip_us(cpu)).min(1.0);
            let over = style.strip_height * 0.22;
            canvas.line(format!("quota {key}"), "rim", x, y - over, x, y + style.strip_height + over);
        }
        let caption =
            captions.into_iter().find(|words| canvas.text_width(words, canvas.sans()) <= width).unwrap_or_default();
        let y = y + style.strip_height + font * 1.2;
        canvas.text(format!("cpu words {key}"), "i2", left, y, font, Anchor::Start, vec![Run::new(caption, "")]);
    }

    fn fill(&self, canvas: &mut Canvas, cpu: &Cpu, key: &str, (left, y, width): (f64, f64, f64)) {
        let height = canvas.style.strip_height;
        let part = |us: f64, of: f64| if of > 0.0 { width * (us / of).clamp(0.0, 1.0) } else { 0.0 };
        match self {
            Strips::Quota => {
                let strip = strip_us(cpu);
                canvas.rect(format!("used {key}"), "level cg", left, y, part(cpu.used_us() as f64, strip), height);
                if let Some(quota_us) = cpu.quota_us.filter(|_| cpu.nr_throttled > 0) {
                    let from = part(quota_us as f64, strip);
                    canvas.rect(format!("throttled {key}"), "hatch-throttled", left + from, y, width - from, height);
                }
                // More than one processor: where each period of one ends.
                for period in 1..(strip / cpu.period_us as f64).round() as u32 {
                    let x = left + part(f64::from(period) * cpu.period_us as f64, strip);
                    canvas.line(format!("period {period} {key}"), "scale", x, y, x, y + height);
                }
            }
            Strips::Share { all_us } => {
                canvas.rect(
                    format!("used {key}"),
                    "level cg",
                    left,
                    y,
                    part(cpu.usage_us as f64, *all_us as f64),
                    height,
                );
            }
        }
    }
}

/// How much time a strip stands for: one period of as many processors as the quota can fill.
fn strip_us(cpu: &Cpu) -> f64 {
    let processors = cpu.quota_us.map_or(1, |quota_us| quota_us.div_ceil(cpu.period_us)).max(1);
    processors as f64 * cpu.period_us as f64
}

/// A file's name and its value on one line; the value alone if that is all there is room for.
fn labelled(canvas: &mut Canvas, key: String, berth: &Berth, y: f64, (names, value): ([&str; 2], &str)) {
    let font = canvas.style.font;
    let value_width = canvas.text_width(value, canvas.sans());
    let fits = |name: &&str| canvas.text_width(name, Font::mono(font)) + value_width + font * 0.5 <= berth.width;
    let name = names.into_iter().find(|name| fits(name)).unwrap_or_default();
    if !name.is_empty() {
        canvas.text(format!("{key} name"), "mono", berth.left, y, font, Anchor::Start, vec![Run::new(name, "mono")]);
    }
    let value = fit(canvas.measure, value, canvas.sans(), berth.width);
    let x = berth.left + berth.width;
    canvas.text(format!("{key} value"), "i2", x, y, font, Anchor::End, vec![Run::new(value, "")]);
}

/// Bytes to pixels, the same for every tank.
struct Scale {
    top: f64,
    floor: f64,
    per_byte: f64,
}

impl Scale {
    fn choose(tanks: &[Tank], top: f64, floor: f64) -> Scale {
        let memories = || tanks.iter().filter_map(|tank| tank.memory.as_ref());
        let mut sizes: Vec<f64> = memories().map(|memory| memory.max.unwrap_or(0).max(memory.current) as f64).collect();
        sort_by(&mut sizes, |a, b| b.total_cmp(a));
        let held = memories().map(|memory| memory.current as f64).fold(0.0, f64::max);
        let most = match (sizes.first(), sizes.get(1)) {
            (Some(most), Some(next)) if *next > 0.0 && most / next > CUT => (next * CUT / 2.0).max(held * 1.1),
            (Some(most), _) => *most,
            _ => 1.0,
        };
        // A tank without a rim goes up to the top: what it holds leaves some of it empty.
        let open = memories().any(|memory| memory.max.is_none() && memory.current as f64 >= most);
        let most = if open { most * 1.15 } else { most };
        Scale { top, floor, per_byte: (floor - top) / most.max(1.0) }
    }

    fn y(&self, bytes: u64) -> f64 {
        (self.floor - bytes as f64 * self.per_byte).max(self.top)
    }

    fn holds(&self, bytes: u64) -> bool {
        bytes as f64 * self.per_byte <= self.floor - self.top + 0.5
    }
}

fn draw_memory(canvas: &mut Canvas, berth: &Berth, memory: &Memory, scale: &Scale) {
    let style = canvas.style;
    let (left, key) = (berth.left, &berth.key);
    // Beside it there is room for its labels.
    let width = style.tank_width.min(berth.width - style.font * 5.2).max(style.font * 1.6);
    let rim = memory.max.map_or(scale.top, |max| scale.y(max));
    let form = Form::Rect { x: left, y: rim, width, height: scale.floor - rim };
    let target = Target::Cgroup { group: berth.tank.group.clone(), of: Resource::Memory };
    let said = format!("Memory of {}: {}", berth.tank.group.name(), words::memory(memory));
    canvas.push(Shape::new(format!("tank {key}"), "air", form).asked(target, said));
    let mut labels = fill(canvas, memory, key, (left, width), scale);
    let right = left + width;
    let data = format!("M{} {}V{}H{}V{}", Px(left), Px(rim), Px(scale.floor), Px(right), Px(rim));
    canvas.push(Shape::new(format!("walls {key}"), "tank-walls", Form::Path { data }));
    let lip = style.gap * 0.7;
    let value = memory.max.map_or_else(|| "no limit".to_owned(), binary_words);
    if let Some(max) = memory.max {
        canvas.line(format!("rim {key}"), "rim", left - lip, rim, right + lip, rim);
        if !scale.holds(max) {
            cut(canvas, key, (left, right), rim + style.font * 0.9);
        }
    }
    labelled(canvas, format!("max {key}"), berth, rim - style.font * 0.65, (["memory.max", "max"], &value));
    if let Some(high) = memory.high.filter(|high| scale.holds(*high)) {
        let y = scale.y(high);
        canvas.line(format!("high {key}"), "high", left - lip, y, right + lip, y);
        labels.push((y, "i2", format!("high {}", figure(high, memory))));
    }
    side_labels(canvas, berth, right + lip + 3.0, rim, scale.floor, labels);
}

/// What it holds, from the floor up: what can not be dropped first. Gives where each is named.
fn fill(
    canvas: &mut Canvas,
    memory: &Memory,
    key: &str,
    (left, width): (f64, f64),
    scale: &Scale,
) -> Vec<(f64, &'static str, String)> {
    let known = memory.anon + memory.shmem + memory.cache;
    let parts = [
        ("anon", memory.anon),
        ("tmpfs", memory.shmem),
        ("cache", memory.cache),
        // Page tables, kernel stacks: charged, and none of the three.
        ("other", memory.current.saturating_sub(known)),
    ];
    let mut labels = Vec::new();
    let mut below = 0;
    for (name, bytes) in parts {
        let (bottom, top) = (scale.y(below), scale.y(below + bytes));
        below += bytes;
        // Drawn when empty too: a level that rises has somewhere to rise from.
        let ground = match name {
            "anon" => "level cg",
            "tmpfs" => "level cg-deep",
            "cache" => "level cg-wash",
            _ => "level cg-other",
        };
        canvas.rect(format!("{name} {key}"), ground, left, top, width, bottom - top);
        if name == "cache" && bytes > 0 {
            canvas.rect(format!("{name} hatch {key}"), "hatch-cache", left, top, width, bottom - top);
        }
        if name == "tmpfs" && bytes > 0 {
            canvas.rect(format!("{name} hatch {key}"), "hatch-tmpfs", left, top, width, bottom - top);
        }
        let thin = bottom - top < 1.5;
        if !thin && (name != "other" || bottom - top > canvas.style.font * 0.5) {
            labels.push((
                (top + bottom) / 2.0 + canvas.style.font * 0.1,
                "",
                format!("{name} {}", figure(bytes, memory)),
            ));
        }
    }
    labels
}

/// A number in the unit of the limit, so that the figures of a tank can be compared.
fn figure(bytes: u64, memory: &Memory) -> String {
    let unit = binary_unit(memory.max.unwrap_or(memory.current));
    match in_binary(bytes, unit).as_str() {
        "0" => binary_words(bytes),
        number => number.to_owned(),
    }
}

/// Beside the tank, each at its height, moved apart where they would touch.
fn side_labels(
    canvas: &mut Canvas,
    berth: &Berth,
    x: f64,
    top: f64,
    floor: f64,
    mut labels: Vec<(f64, &'static str, String)>,
) {
    let font = canvas.style.font;
    let step = font * 1.22;
    sort_by(&mut labels, |a, b| b.0.total_cmp(&a.0));
    let mut lowest = floor - font * 0.3;
    let mut places: Vec<f64> = Vec::new();
    for (y, ..) in &labels {
        let at = (y + font * 0.36).min(lowest);
        lowest = at - step;
        places.push(at);
    }
    // Pushed over the rim, they come down again.
    let mut highest = top + font * 0.9;
    for place in places.iter_mut().rev() {
        *place = place.max(highest);
        highest = *place + step;
    }
    let room = berth.left + berth.width - x;
    for ((_, class, words), y) in labels.into_iter().zip(places) {
        let what = words.split(' ').next().unwrap_or_default().to_owned();
        let number = words.rsplit(' ').next().unwrap_or_default();
        let shown = match canvas.text_width(&words, canvas.sans()) <= room {
            true => words.clone(),
            false => fit(canvas.measure, number, canvas.sans(), room),
        };
        if y < floor {
            canvas.text(
                format!("{what} words {}", berth.key),
                class,
                x,
                y,
                font,
                Anchor::Start,
                vec![Run::new(shown, "")],
            );
        }
    }
}

/// The wall goes on: a zigzag through it.
fn cut(canvas: &mut Canvas, key: &str, (left, right): (f64, f64), y: f64) {
    let (steps, size) = (8, canvas.style.font * 0.25);
    let mut data = String::new();
    for i in 0..=steps {
        let x = left - size + (right - left + 2.0 * size) * f64::from(i) / f64::from(steps);
        let dy = if i % 2 == 0 { -size } else { size };
        let _ = write!(data, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Px(x), Px(y + dy));
    }
    canvas.push(Shape::new(format!("cut ground {key}"), "zigzag-ground", Form::Path { data: data.clone() }));
    canvas.push(Shape::new(format!("cut {key}"), "zigzag", Form::Path { data }));
}

fn draw_absent(canvas: &mut Canvas, berth: &Berth, top: f64, floor: f64) {
    let style = canvas.style;
    let width = style.tank_width.min(berth.width - style.font * 5.2).max(style.font * 1.6);
    let y = top + style.font * 1.5;
    canvas.rect(format!("tank {}", berth.key), "absent", berth.left, y, width, floor - y);
    let words = berth.tank.absent.as_deref().unwrap_or_default();
    let words = fit(canvas.measure, words, canvas.sans(), berth.width);
    let y = y - style.font * 0.65;
    canvas.text(
        format!("max {} name", berth.key),
        "i3",
        berth.left,
        y,
        style.font,
        Anchor::Start,
        vec![Run::new(words, "")],
    );
}

/// What is counted and not filled: kills, processes.
fn below_floor(canvas: &mut Canvas, berth: &Berth, floor: f64) {
    let (font, key) = (canvas.style.font, &berth.key);
    let mut y = floor + font * 1.3;
    if let Some(killed) = berth.tank.memory.and_then(|memory| memory.oom_kill) {
        let class = if killed > 0 { "mono b" } else { "mono i2" };
        let words = fit(canvas.measure, &format!("oom_kill {killed}"), Font::mono(font), berth.width);
        canvas.text(format!("oom {key}"), "mono", berth.left, y, font, Anchor::Start, vec![Run::new(words, class)]);
        y += font * 1.3;
    }
    if let Some((current, max)) = berth.tank.pids.and_then(|pids| Some((pids.current, pids.max?))) {
        let words = fit(canvas.measure, &format!("pids {current} of {max}"), canvas.sans(), berth.width);
        canvas.text(format!("pids {key}"), "i2", berth.left, y, font, Anchor::Start, vec![Run::new(words, "")]);
    }
}
