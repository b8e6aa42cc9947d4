//! A scene's shapes as SVG, in the order they were laid out. What has moved moves; what is new stands.

use crate::components::context::Same;
use crate::view_model::scene::motion::{At, Motion};
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape, Way};
use crate::view_model::scene::{Drawing, Target};
use crate::view_model::size::{Px, decimal};
use std::rc::Rc;
use web_sys::KeyboardEvent;
use yew::prelude::*;
use yew::virtual_dom::VNode;

#[derive(Debug)]
pub struct Drawn {
    /// The first moment at which it was drawn so.
    pub at: At,
    pub drawing: Rc<Drawing>,
    /// The same in words: term and description.
    pub text: Vec<(String, String)>,
    /// `Section through image web:1`.
    pub label: String,
    /// What kind of scene it is, for the stylesheet.
    pub class: &'static str,
}

#[derive(Clone, Properties)]
pub struct FigureProps {
    pub drawn: Same<Drawn>,
    pub selection: Option<Target>,
    pub select: Callback<Target>,
    /// Grows and shrinks with its place, as on a projector.
    pub fit: bool,
}

/// To choose is the same wish, whoever carries it out.
impl PartialEq for FigureProps {
    fn eq(&self, other: &FigureProps) -> bool {
        self.drawn == other.drawn && self.selection == other.selection && self.fit == other.fit
    }
}

#[function_component]
pub fn Figure(props: &FigureProps) -> Html {
    let Drawn { at, drawing, text, label, class } = &*props.drawn.0;
    let last = use_mut_ref(Motion::default);
    let motion = last.borrow().then(*at, drawing);
    *last.borrow_mut() = motion.clone();
    // A thing in several places is found by a key in the first of them.
    let mut before: Vec<&Target> = Vec::new();
    let shapes = drawing.shapes.iter().map(|shape| {
        let first = shape.target.as_ref().is_none_or(|(target, _)| !before.contains(&target));
        before.extend(shape.target.as_ref().map(|(target, _)| target));
        self::shape(shape, props, motion.comes, first)
    });
    let shapes: Vec<VNode> = shapes.collect();
    // Another moment is another way down: its key begins it anew.
    let gone = (!motion.going.is_empty()).then(|| {
        let key = format!("{:?}", at.map(|(_, position)| position));
        html! { <g {key} class="gone">{for motion.going.iter().map(|shape| form(shape, true))}</g> }
    });
    let balloon = drawing.shapes.iter().find_map(|shape| balloon(shape, props.selection.as_ref()));
    // Another size is another drawing (its key): panels do not ease, only the world does.
    let size = |length: f64| (!props.fit).then(|| px(length));
    html! {
        <>
        <svg key={format!("{}x{}", Px(drawing.width), Px(drawing.room))} class={classes!("figure", *class)} viewBox={format!("0 0 {} {}", Px(drawing.width), Px(drawing.height))} width={size(drawing.width)}
            height={size(drawing.height)} preserveAspectRatio="xMidYMin" role="group" aria-label={label.clone()}>
            { hatches(if props.fit { 2.0 } else { 1.0 }) }
            <g>{for shapes}</g>
            <g aria-hidden="true">{for gone}</g>
            <g>{for balloon}</g>
        </svg>
        <details class="as-text">
            <summary>{"As text"}</summary>
            <dl>{for text.iter().map(|(term, is)| html! { <><dt>{term}</dt><dd>{is}</dd></> })}</dl>
        </details>
        </>
    }
}

/// Hatching by instruction: FROM wide /, RUN fine \, COPY and ADD dots. Of a control group: throttled wide /, page cache
/// \ in its own colour, tmpfs dots.
fn hatches(scale: f64) -> Html {
    let line = |id: &'static str, width: f64, turn: &'static str| {
        let (side, stroke) = (px(width * scale), px(scale));
        html! {
            <pattern id={id} width={side.clone()} height={side.clone()} patternUnits="userSpaceOnUse" patternTransform={turn}>
                <line x1="0" y1="0" x2="0" y2={side} stroke-width={stroke} />
            </pattern>
        }
    };
    let (side, at) = (px(7.0 * scale), px(2.0 * scale));
    html! {
        <defs>
            { line("hatch-from", 9.0, "rotate(45)") }
            { line("hatch-run", 6.0, "rotate(-45)") }
            { line("hatch-throttled", 7.0, "rotate(45)") }
            { line("hatch-cache", 6.0, "rotate(-45)") }
            {for ["hatch-copy", "hatch-tmpfs"].map(|id| html! {
                <pattern id={id} width={side.clone()} height={side.clone()} patternUnits="userSpaceOnUse">
                    <circle cx={at.clone()} cy={at.clone()} r={px(scale)} />
                </pattern>
            })}
        </defs>
    }
}

fn shape(shape: &Shape, props: &FigureProps, comes: bool, first: bool) -> VNode {
    let drawn = form(shape, comes);
    let Some((target, label)) = &shape.target else {
        return html! { <g key={shape.key.clone()}>{drawn}</g> };
    };
    let pressed = props.selection.as_ref() == Some(target);
    let onclick = props.select.reform({
        let target = target.clone();
        move |_: MouseEvent| target.clone()
    });
    let onkeydown = {
        let (select, target) = (props.select.clone(), target.clone());
        Callback::from(move |key: KeyboardEvent| {
            if matches!(key.key().as_str(), "Enter" | " ") {
                key.prevent_default();
                key.stop_propagation();
                select.emit(target.clone());
            }
        })
    };
    if !first {
        return html! { <g key={shape.key.clone()} class="thing" aria-hidden="true" {onclick}>{drawn}</g> };
    }
    html! {
        <g key={shape.key.clone()} class="thing" role="button" tabindex="0" aria-label={label.clone()}
            aria-pressed={pressed.to_string()} {onclick} {onkeydown}>{drawn}</g>
    }
}

fn form(shape: &Shape, comes: bool) -> Html {
    let (way, style) = match shape.way {
        Some(Way::Up(below)) => (comes.then_some("up"), Some(format!("--below:{}px", Px(below)))),
        Some(Way::Down) => (comes.then_some("down"), None),
        Some(Way::Beside) | None => (None, None),
    };
    let class = classes!(shape.class, way);
    match &shape.form {
        Form::Rect { x, y, width, height } => {
            let fill = shape.class.strip_prefix("hatch-").map(|_| format!("url(#{})", shape.class));
            html! { <rect class={class} style={style} x={px(*x)} y={px(*y)} width={px(*width)} height={px(*height)} fill={fill} /> }
        }
        Form::Line { x1, y1, x2, y2 } => {
            html! { <line class={class} x1={px(*x1)} y1={px(*y1)} x2={px(*x2)} y2={px(*y2)} /> }
        }
        Form::Disc { x, y, radius } => {
            html! { <circle class={class} style={style} cx={px(*x)} cy={px(*y)} r={px(*radius)} /> }
        }
        Form::Path { data } => html! { <path class={class} d={data.clone()} /> },
        Form::Placed { x, y, data } => {
            // As a style, so that it can move.
            html! { <path class={class} d={data.clone()} style={format!("transform:translate({}px,{}px)", Px(*x), Px(*y))} /> }
        }
        Form::Text { x, y, size, anchor, runs } => {
            let anchor = (*anchor != Anchor::Start).then(|| anchor.name());
            html! {
                <text class={class} style={style} x={px(*x)} y={px(*y)} font-size={px(*size)} text-anchor={anchor}>
                    {for runs.iter().map(|run| self::run(run, *size))}
                </text>
            }
        }
    }
}

fn run(run: &Run, size: f64) -> Html {
    let size = (run.scale != 1.0).then(|| px(size * run.scale));
    html! { <tspan class={run.class} font-size={size}>{&run.text}</tspan> }
}

/// A numbered balloon at the selected thing.
fn balloon(shape: &Shape, selection: Option<&Target>) -> Option<Html> {
    const RADIUS: f64 = 11.0;
    let (target, _) = shape.target.as_ref()?;
    if Some(target) != selection {
        return None;
    }
    let (x, y) = match &shape.form {
        // Before the name, over its room's edge: it may be one letter.
        Form::Text { x, y, size, .. } if matches!(target, Target::Container { .. }) => {
            (x - RADIUS - 1.0, y - size * 0.35)
        }
        // A bar's words begin at its left.
        Form::Rect { x, y, width, height } if matches!(target, Target::Namespaces { .. }) => {
            (x + width - RADIUS, y + height / 2.0)
        }
        Form::Rect { x, y, height, .. } => (*x, y + height / 2.0),
        Form::Disc { x, y, radius } => (x - radius * 0.9, y - radius * 0.9),
        Form::Text { x, y, size, anchor: Anchor::Start, .. } => (x - size * 0.2, y - size * 1.4),
        Form::Text { x, y, size, .. } => (x - size * 3.4, y - size * 0.35),
        _ => return None,
    };
    let x = if matches!(target, Target::Container { .. }) { x } else { x.max(13.0) };
    let y = y.max(13.0);
    Some(html! {
        <g class="balloon-mark" aria-hidden="true">
            <circle cx={px(x)} cy={px(y)} r={px(RADIUS)} /><text x={px(x)} y={px(y + 4.9)} text-anchor="middle">{"1"}</text>
        </g>
    })
}

fn px(length: f64) -> String {
    decimal(length, 1)
}
