//! The other namespaces: a row a kind, a bar over the columns that share one.

use super::Canvas;
use super::columns::Columns;
use crate::view_model::kernel::model::{Row, Run as NsRun, Whose};
use crate::view_model::kernel::words;
use crate::view_model::measure::fit;
use crate::view_model::scene::shape::{Anchor, Form, Run, Shape};

/// Between two rows.
const LEAD: f64 = 3.0;

pub fn height(canvas: &Canvas, rows: usize) -> f64 {
    match rows {
        0 => 0.0,
        n => n as f64 * (canvas.style.bar_height + LEAD) + canvas.style.gap,
    }
}

/// Gives the lower edge.
pub fn draw(canvas: &mut Canvas, rows: &[Row], columns: &Columns, top: f64) -> f64 {
    let style = canvas.style;
    let mut y = top + style.gap;
    for row in rows {
        let shown = labels(canvas, row, columns);
        for (run, shown) in row.runs.iter().zip(shown) {
            let there: Vec<_> = run.pids.iter().filter_map(|pid| columns.of(*pid)).collect();
            let (Some(first), Some(last)) = (there.first(), there.last()) else { continue };
            let (left, right) = (first.left, last.right);
            let class = match (&run.whose, row.kinds[0].as_str()) {
                (Whose::Node | Whose::Everyone, _) => ("bar", "bar-line"),
                (Whose::Shared(_), "net") => ("bar net", "bar-line net"),
                (Whose::Shared(_), _) => ("bar shared", "bar-line shared"),
                (Whose::Container(..), _) => ("bar cont", "bar-line cont"),
                (Whose::Process(_), _) => ("bar", "bar-line cont"),
            };
            // The same while the same processes are in it.
            let key = format!("{} {}", row.kinds.join(","), first.spar.pid);
            let said = words::bar(row, run).swap_remove(0);
            let form = Form::Rect { x: left, y, width: right - left, height: style.bar_height };
            canvas.push(Shape::new(format!("bar {key}"), class.0, form).asked(run.target(), said));
            let floor = y + style.bar_height;
            canvas.line(format!("bar line {key}"), class.1, left, floor, right, floor);
            let (x, y) = (left + style.gap * 0.75, y + style.bar_height / 2.0 + style.font * 0.34);
            canvas.text(
                format!("bar words {key}"),
                "bar-words",
                x,
                y,
                style.font,
                Anchor::Start,
                vec![Run::new(shown, "")],
            );
        }
        y += style.bar_height + LEAD;
    }
    y - LEAD
}

/// What is written on the bars of a row: all of it on each if that fits; else the kinds on the widest alone.
fn labels(canvas: &Canvas, row: &Row, columns: &Columns) -> Vec<String> {
    let room = |run: &NsRun| {
        let mut there = run.pids.iter().filter_map(|pid| columns.of(*pid));
        let first = there.next();
        let right = there.next_back().or(first).map_or(0.0, |column| column.right);
        right - first.map_or(0.0, |column| column.left) - canvas.style.gap * 1.5
    };
    let width = |words: &str| canvas.text_width(words, canvas.sans());
    let best = |run: &NsRun, from: usize| {
        let all = words::bar(row, run);
        let fits = all[from..].iter().find(|words| width(words) <= room(run)).cloned();
        fits.unwrap_or_else(|| fit(canvas.measure, &all[all.len() - 1], canvas.sans(), room(run)))
    };
    let shown: Vec<String> = row.runs.iter().map(|run| best(run, 0)).collect();
    if shown.iter().all(|words| words.contains(": ")) {
        return shown;
    }
    let widest = (0..row.runs.len()).max_by(|a, b| room(&row.runs[*a]).total_cmp(&room(&row.runs[*b])));
    let label = |(i, run): (usize, &NsRun)| match Some(i) == widest {
        true => {
            let whole = best(run, 0);
            let cut = |kinds: usize| {
                let words = words::bar(&Row { kinds: row.kinds[..kinds].to_vec(), ..row.clone() }, run).swap_remove(1);
                words.replacen(": ", " …: ", 1)
            };
            let mut shorter = (1..row.kinds.len()).rev().map(cut);
            match whole.contains(": ") {
                true => whole,
                false => shorter.find(|words| width(words) <= room(run)).unwrap_or(whole),
            }
        }
        false => best(run, SHORT),
    };
    row.runs.iter().enumerate().map(label).collect()
}

/// Where a bar's words begin that do not name the kind.
const SHORT: usize = 2;
