//! How wide a text is. The page asks the browser, tests take an estimate; layouts take either.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    Sans,
    Mono,
    Serif,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Font {
    pub face: Face,
    pub size: f64,
    pub bold: bool,
}

impl Font {
    pub fn sans(size: f64) -> Font {
        Font { face: Face::Sans, size, bold: false }
    }

    pub fn mono(size: f64) -> Font {
        Font { face: Face::Mono, size, bold: false }
    }

    pub fn serif(size: f64) -> Font {
        Font { face: Face::Serif, size, bold: false }
    }

    pub fn bold(self) -> Font {
        Font { bold: true, ..self }
    }
}

pub trait Measure {
    fn width(&self, text: &str, font: Font) -> f64;
}

/// Average advance widths: a little wide, so that what fits here fits in a browser.
#[derive(Clone, Copy, Debug)]
pub struct Estimate;

impl Measure for Estimate {
    fn width(&self, text: &str, font: Font) -> f64 {
        let per_letter = match (font.face, font.bold) {
            (Face::Mono, _) => 0.602,
            (Face::Sans, false) => 0.52,
            (Face::Sans, true) => 0.57,
            (Face::Serif, _) => 0.46,
        };
        text.chars().count() as f64 * per_letter * font.size
    }
}

/// As much of the text as fits, with an ellipsis if something is missing; empty if not even that fits.
pub fn fit(measure: &dyn Measure, text: &str, font: Font, room: f64) -> String {
    if measure.width(text, font) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    for kept in (1..letters.len()).rev() {
        let shortened: String = letters[..kept].iter().collect::<String>().trim_end().to_owned() + "…";
        if measure.width(&shortened, font) <= room {
            return shortened;
        }
    }
    String::new()
}

/// As many whole words as fit, then ` …`; letters only when not even the first word fits.
pub fn fit_words(measure: &dyn Measure, text: &str, font: Font, room: f64) -> String {
    if measure.width(text, font) <= room {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split(' ').collect();
    for kept in (1..words.len()).rev() {
        let shortened = words[..kept].join(" ") + " …";
        if measure.width(&shortened, font) <= room {
            return shortened;
        }
    }
    fit(measure, words.first().copied().unwrap_or_default(), font, room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_and_fits() {
        let font = Font::sans(14.0);
        for room in [0.0, 5.0, 20.0, 60.0, 500.0] {
            let shown = fit(&Estimate, "RUN yum -y update", font, room);
            assert!(Estimate.width(&shown, font) <= room, "{shown:?} in {room}");
        }
        assert_eq!(fit_words(&Estimate, "RUN yum -y update", Font::mono(10.0), 70.0), "RUN yum …");
    }
}
