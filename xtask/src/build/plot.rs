//! Measurements drawn for the page, by plotters as SVG: what the page would otherwise need a plotting library for.
//!
//! Each series is a strip: a tick for each run, a bar at the median. What is cited has one figure and a hollow bar. The
//! axis is logarithmic, because the things compared differ by orders of magnitude, and says so.

use anyhow::{Context, anyhow};
use lessons::{Measurement, Plot, PlotRow, Series};
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A room to draw for, in pixels.
struct Room {
    width: u32,
    height: u32,
    /// For the labels of the series, left of their strips; without it they stand above.
    gutter: u32,
    letters: f64,
    /// Marks on the axis, at the most.
    marks: usize,
}

const WIDE: Room = Room { width: 640, height: 220, gutter: 178, letters: 17.0, marks: 5 };
const NARROW: Room = Room { width: 330, height: 240, gutter: 0, letters: 15.0, marks: 4 };
const MARGIN: u32 = 14;
/// For the figures along the axis.
const AXIS: u32 = 44;
/// plotters writes a font 1.24 times smaller than it was asked for.
const FONT: f64 = 1.24;

pub fn plot(measurement: &Measurement) -> anyhow::Result<Plot> {
    let row = |series: &Series| PlotRow {
        label: series.label.clone(),
        median: amount(median(series), &measurement.unit),
        runs: if cited(series) { "–".to_owned() } else { series.samples_milli.len().to_string() },
        source: series.source.clone(),
    };
    let draw = |room| draw(measurement, room).with_context(|| format!("the measurement `{}`", measurement.id));
    Ok(Plot {
        id: measurement.id.clone(),
        title: measurement.title.clone(),
        recorded_on: measurement.recorded_on.clone(),
        rows: measurement.series.iter().map(row).collect(),
        wide: draw(&WIDE)?,
        narrow: draw(&NARROW)?,
    })
}

type Strips<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

fn draw(measurement: &Measurement, room: &Room) -> anyhow::Result<String> {
    let samples = || measurement.series.iter().flat_map(|series| &series.samples_milli).filter(|n| **n > 0);
    let least = *samples().min().context("nothing was measured")? as f64 / 1000.0;
    let most = *samples().max().context("nothing was measured")? as f64 / 1000.0;
    let (low, high) = (least * 0.8, most * 1.3);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (room.width, room.height)).into_drawing_area();
        let strips = area.apply_coord_spec(Cartesian2d::new(
            (low..high).log_scale(),
            0.0..measurement.series.len() as f64,
            ((room.gutter + MARGIN) as i32..(room.width - MARGIN) as i32, 0..(room.height - AXIS) as i32),
        ));
        axis(&strips, measurement, room, (low, high)).map_err(|error| anyhow!("{error}"))?;
        for (index, series) in measurement.series.iter().enumerate() {
            strip(&strips, series, index, measurement, room, (low, high)).map_err(|error| anyhow!("{error}"))?;
        }
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    // The page's own colours, in both themes; as large as its place, from where the heading begins.
    let svg = svg.replace("#000000", "currentColor");
    Ok(svg.replacen(
        &format!(r#"width="{}" height="{}""#, room.width, room.height),
        r#"preserveAspectRatio="xMinYMin""#,
        1,
    ))
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Lines at round figures, and the figures below.
fn axis(strips: &Strips<'_>, measurement: &Measurement, room: &Room, (low, high): (f64, f64)) -> Drawn {
    let end = measurement.series.len() as f64;
    let text = letters(room.letters - 2.0, FontStyle::Normal).pos(Pos::new(HPos::Center, VPos::Top));
    for value in marks(low, high, room.marks) {
        strips.draw(&PathElement::new(vec![(value, 0.0), (value, end)], BLACK.mix(0.2)))?;
        let figure = amount((value * 1000.0).round() as u64, &measurement.unit);
        strips.draw(&(EmptyElement::at((value, end)) + Text::new(figure, (0, 6), text.clone())))?;
    }
    let about = letters(room.letters - 4.0, FontStyle::Normal).pos(Pos::new(HPos::Right, VPos::Top));
    let about = Text::new("logarithmic axis", (0, 26), about);
    strips.draw(&(EmptyElement::at((high, end)) + about))?;
    Ok(())
}

fn strip(
    strips: &Strips<'_>,
    series: &Series,
    index: usize,
    measurement: &Measurement,
    room: &Room,
    (low, high): (f64, f64),
) -> Drawn {
    let above = room.gutter == 0;
    let middle = index as f64 + if above { 0.7 } else { 0.5 };
    strips.draw(&PathElement::new(vec![(low, middle), (high, middle)], BLACK.mix(0.35)))?;
    let figure = amount(median(series), &measurement.unit);
    let label = letters(room.letters, FontStyle::Normal).pos(Pos::new(HPos::Left, VPos::Center));
    let (label_at, value_at, side) = if above {
        ((0, -24), ((room.width - 2 * MARGIN) as i32, -24), HPos::Right)
    } else {
        let left = -((room.gutter + MARGIN) as i32);
        ((left, -10), (left, 11), HPos::Left)
    };
    let value = letters(room.letters, FontStyle::Bold).pos(Pos::new(side, VPos::Center));
    let start = || EmptyElement::at((low, middle));
    strips.draw(&(start() + Text::new(series.label.clone(), label_at, label) + Text::new(figure, value_at, value)))?;
    let at = |milli: u64| EmptyElement::at((milli as f64 / 1000.0, middle));
    let bar = [(-3, -13), (3, 13)];
    if cited(series) {
        strips.draw(&(at(median(series)) + Rectangle::new(bar, BLACK.stroke_width(2))))?;
        return Ok(());
    }
    let half = bar[1].1 - 5;
    for sample in &series.samples_milli {
        let tick = PathElement::new(vec![(0, -half), (0, half)], BLACK.mix(0.4).stroke_width(1));
        strips.draw(&(at(*sample) + tick))?;
    }
    strips.draw(&(at(median(series)) + Rectangle::new(bar, BLACK.filled())))?;
    Ok(())
}

fn letters(size: f64, style: FontStyle) -> TextStyle<'static> {
    ("sans-serif", size * FONT, style).into_font().color(&BLACK)
}

/// Figures in the range that begin with 1, 2 or 5; if those are too many, with 1 alone.
fn marks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let of = |first: &[f64]| -> Vec<f64> {
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let all = decades.flat_map(|ten| first.iter().map(move |digit| digit * 10f64.powi(ten)));
        all.filter(|value| (low..=high).contains(value)).collect()
    };
    let fine = of(&[1.0, 2.0, 5.0]);
    if fine.len() <= most { fine } else { of(&[1.0]) }
}

/// A single figure is taken from elsewhere.
fn cited(series: &Series) -> bool {
    series.samples_milli.len() == 1
}

fn median(series: &Series) -> u64 {
    let mut sorted = series.samples_milli.clone();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Thousandths as a figure with at most three digits, in groups, and its unit.
fn amount(thousandths: u64, unit: &str) -> String {
    let value = thousandths as f64 / 1000.0;
    let figure = match value {
        v if v >= 999.5 => {
            let step = 10f64.powi(v.log10().floor() as i32 - 2);
            grouped(((v / step).round() * step) as u64)
        }
        v if v >= 99.95 || v.fract() == 0.0 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    let figure = if figure.contains('.') { figure.trim_end_matches('0').trim_end_matches('.') } else { &figure };
    if unit.is_empty() { figure.to_owned() } else { format!("{figure} {unit}") }
}

/// Four digits read well without a gap.
fn grouped(number: u64) -> String {
    if number < 10_000 { number.to_string() } else { format!("{}\u{202f}{:03}", number / 1000, number % 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measurement {
        let series = |label: &str, samples: Vec<u64>| Series {
            label: label.into(),
            source: "measured here".into(),
            samples_milli: samples,
        };
        Measurement {
            id: "start".into(),
            title: "Time to start".into(),
            unit: "ms".into(),
            recorded_on: "Linux".into(),
            series: vec![series("process", vec![900, 1100, 1000]), series("VM", vec![125_000])],
        }
    }

    #[test]
    fn a_plot_names_every_series_and_brings_no_colour() {
        let plot = plot(&measured()).unwrap();
        for svg in [&plot.wide, &plot.narrow] {
            assert!(svg.contains("process") && svg.contains("VM") && svg.contains("125 ms"), "{svg}");
            assert!(svg.contains("viewBox") && !svg.contains('#'), "{svg}");
        }
        assert!(plot.wide.contains("0 0 640") && plot.narrow.contains("0 0 330"));
        let rows: Vec<_> = plot.rows.iter().map(|row| (row.median.as_str(), row.runs.as_str())).collect();
        assert_eq!(rows, [("1 ms", "3"), ("125 ms", "–")]);
    }

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(marks(1.2, 160.0, 6), [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(marks(1.2, 160.0, 4), [10.0, 100.0]);
    }

    #[test]
    fn figures_have_three_digits() {
        let figures = [(90, "0.09 ms"), (1_600, "1.6 ms"), (12_340, "12.3 ms"), (4_299_000, "4300 ms")];
        for (thousandths, text) in figures {
            assert_eq!(amount(thousandths, "ms"), text);
        }
        assert_eq!(amount(12_345_678, ""), "12\u{202f}300");
    }

    #[test]
    fn a_measurement_without_figures_is_refused() {
        let error = plot(&Measurement { series: Vec::new(), ..measured() }).unwrap_err();
        assert!(format!("{error:#}").contains("`start`"), "{error:#}");
    }
}
