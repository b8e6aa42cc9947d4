//! A recorded measurement as a plot, made by plotters as SVG, and the same as a table.

use lessons::Measurement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::rc::Rc;
use yew::prelude::{AttrValue, Html, Properties, function_component, html};

#[derive(Clone, PartialEq, Properties)]
pub struct PlotProps {
    pub measurement: Rc<Measurement>,
    pub width: f64,
    pub height: f64,
}

#[function_component]
pub fn Plot(props: &PlotProps) -> Html {
    let measurement = &props.measurement;
    let height = (props.height - 118.0).max(120.0);
    let svg = plot(measurement, props.width as u32, height as u32).unwrap_or_default();
    let row = |series: &lessons::Series| {
        let text = format!("{} {}", milli(median(&series.samples_milli)), measurement.unit);
        html! { <tr><th scope="row">{&series.label}</th><td>{text}</td><td>{series.samples_milli.len()}</td><td>{&series.source}</td></tr> }
    };
    html! {
        <div class="plot">
            <h2>{&measurement.title}</h2>
            <p class="i3">{&measurement.recorded_on}</p>
            <div aria-hidden="true">{ Html::from_html_unchecked(AttrValue::from(svg)) }</div>
            <details class="as-text" open=true>
                <summary>{"As a table"}</summary>
                <table>
                    <thead><tr><th scope="col">{"what"}</th><th scope="col">{"median"}</th><th scope="col">{"runs"}</th><th scope="col">{"from"}</th></tr></thead>
                    <tbody>{for measurement.series.iter().map(row)}</tbody>
                </table>
            </details>
        </div>
    }
}

/// Each series sorted, as a line from its least to its most: what is usual and what is rare are seen together. The axis is
/// logarithmic, because the things compared differ by orders of magnitude, and it is labelled so.
fn plot(measurement: &Measurement, width: u32, height: u32) -> Option<String> {
    let most = measurement.series.iter().flat_map(|series| &series.samples_milli).max()?;
    let least = measurement.series.iter().flat_map(|series| &series.samples_milli).filter(|n| **n > 0).min()?;
    let (low, high) = (*least as f64 / 1000.0 * 0.8, *most as f64 / 1000.0 * 1.25);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width.max(200), height.max(100))).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin_right(180.min(width / 3))
            .margin_top(10)
            .x_label_area_size(24)
            .y_label_area_size(70)
            .build_cartesian_2d(0f64..100f64, (low..high).log_scale())
            .ok()?;
        let text = |size: u32| ("sans-serif", size).into_font().color(&BLACK);
        let unit = measurement.unit.clone();
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.25))
            .axis_style(BLACK)
            .x_labels(3)
            .y_labels(5)
            .x_label_formatter(&|percent| format!("{percent:.0} % of runs"))
            .y_label_formatter(&move |value| format!("{} {unit}", milli((value * 1000.0) as u64)))
            .label_style(text(14))
            .draw()
            .ok()?;
        for series in &measurement.series {
            let mut sorted = series.samples_milli.clone();
            sorted.sort_unstable();
            let count = sorted.len().max(2) - 1;
            let points: Vec<(f64, f64)> =
                sorted.iter().enumerate().map(|(i, n)| (i as f64 * 100.0 / count as f64, *n as f64 / 1000.0)).collect();
            let end = points.last().map(|(_, y)| (100.0, *y))?;
            // A single figure is cited, not measured: a level line.
            let points = if points.len() == 1 { vec![(0.0, points[0].1), (100.0, points[0].1)] } else { points };
            chart.draw_series(LineSeries::new(points, BLACK.stroke_width(2))).ok()?;
            let style = text(15).pos(Pos::new(HPos::Left, VPos::Center));
            let label = EmptyElement::at(end) + Text::new(series.label.clone(), (8, 0), style);
            chart.draw_series(std::iter::once(label)).ok()?;
        }
        area.present().ok()?;
    }
    // The page's own colours, in both themes.
    Some(svg.replace("#000000", "currentColor"))
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Thousandths as a figure with three digits.
fn milli(thousandths: u64) -> String {
    let value = thousandths as f64 / 1000.0;
    match value {
        v if v >= 100.0 => crate::view_model::size::grouped(v.round() as i64),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_every_series() {
        let series = |label: &str, samples: Vec<u64>| lessons::Series {
            label: label.into(),
            source: "measured here".into(),
            samples_milli: samples,
        };
        let measurement = Measurement {
            id: "start".into(),
            title: "Time to start".into(),
            unit: "ms".into(),
            recorded_on: "Linux".into(),
            series: vec![series("process", vec![900, 1100, 1000]), series("VM", vec![12_000_000])],
        };
        let svg = plot(&measurement, 600, 300).unwrap();
        assert!(svg.contains("process") && svg.contains("VM"), "{svg}");
        assert!(!svg.contains("#000000"));
        assert_eq!(median(&[3, 1, 2]), 2);
    }
}
