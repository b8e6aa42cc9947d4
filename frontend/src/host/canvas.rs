//! Text as this browser sets it: widths from a canvas, remembered.

use super::document;
use crate::view_model::measure::{Estimate, Face, Font, Measure};
use crate::view_model::size::Px;
use engine::sim::Map;
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Widths that are remembered before it starts over.
const REMEMBERED: usize = 4_000;

#[derive(Debug)]
pub struct Ruler {
    context: Option<CanvasRenderingContext2d>,
    widths: RefCell<Map<(Face, bool, u32, String), f64>>,
}

impl Ruler {
    pub fn new() -> Ruler {
        let canvas = document().create_element("canvas").ok();
        let canvas = canvas.and_then(|canvas| canvas.dyn_into::<HtmlCanvasElement>().ok());
        let context = canvas.and_then(|canvas| canvas.get_context("2d").ok().flatten());
        Ruler { context: context.and_then(|context| context.dyn_into().ok()), widths: RefCell::default() }
    }
}

impl Measure for Ruler {
    fn width(&self, text: &str, font: Font) -> f64 {
        let Some(context) = &self.context else { return Estimate.width(text, font) };
        let tenths = (font.size * 10.0).round() as u32;
        let key = (font.face, font.bold, tenths, text.to_owned());
        if let Some(width) = self.widths.borrow().get(&key) {
            return *width;
        }
        let family = match font.face {
            Face::Sans => SANS,
            Face::Mono => MONO,
            Face::Serif => SERIF,
        };
        let weight = if font.bold { "700" } else { "400" };
        context.set_font(&format!("{weight} {}px {family}", Px(font.size)));
        let width = context.measure_text(text).map_or_else(|_| Estimate.width(text, font), |metrics| metrics.width());
        let mut widths = self.widths.borrow_mut();
        if widths.len() >= REMEMBERED {
            widths.clear();
        }
        widths.insert(key, width);
        width
    }
}

// The stacks of tokens.css: a canvas does not know custom properties.
const SERIF: &str =
    r#""Iowan Old Style",Charter,"Bitstream Charter","Sitka Text",Cambria,"Liberation Serif",Georgia,serif"#;
const SANS: &str = r#""Avenir Next","Segoe UI","Helvetica Neue","Liberation Sans",Roboto,Arial,sans-serif"#;
const MONO: &str = r#"ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace"#;
