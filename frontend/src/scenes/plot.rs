//! A recorded measurement: the drawing that the build made of it, and the same as a table.

use lessons::{Plot, PlotRow};
use std::rc::Rc;
use yew::prelude::{AttrValue, Html, Properties, function_component, html};

/// From this width on the wide drawing's letters are as large as those around it.
const WIDE: f64 = 520.0;
/// Heading and date above the drawing, and the table below the wide one.
const HEAD: f64 = 52.0;
const TABLE: f64 = 96.0;
const LEAST: f64 = 190.0;

#[derive(Clone, PartialEq, Properties)]
pub struct PlotProps {
    pub plot: Rc<Plot>,
    pub width: f64,
    pub height: f64,
}

#[function_component]
pub fn PlotScene(props: &PlotProps) -> Html {
    let plot = &props.plot;
    // All of the drawing is seen at once; where there is little room the table lies below the edge.
    let (drawing, below) = if props.width < WIDE { (&plot.narrow, 0.0) } else { (&plot.wide, TABLE) };
    let height = format!("height:{}px", (props.height - HEAD - below).max(LEAST));
    let row = |row: &PlotRow| {
        html! { <tr><th scope="row">{&row.label}</th><td>{&row.median}</td><td>{&row.runs}</td><td>{&row.source}</td></tr> }
    };
    html! {
        <div class="plot">
            <h2>{&plot.title}</h2>
            <p class="i3">{&plot.recorded_on}</p>
            <div class="drawing" style={height} aria-hidden="true">{ Html::from_html_unchecked(AttrValue::from(drawing.clone())) }</div>
            <table>
                <thead><tr><th scope="col">{"what"}</th><th scope="col">{"median"}</th><th scope="col">{"runs"}</th><th scope="col">{"from"}</th></tr></thead>
                <tbody>{for plot.rows.iter().map(row)}</tbody>
            </table>
        </div>
    }
}
