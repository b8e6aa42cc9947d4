//! Sizes in words, with the units and three digits that `docker images` uses, and a space before the unit.

/// `204 MB`, `147 B`, `1.22 kB`.
pub fn size_words(bytes: u64) -> String {
    let (value, unit) = in_unit(bytes as f64, unit_of(bytes));
    format!("{} {unit}", three_digits(value))
}

const BINARY: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// `128 MiB`, as limits of memory are set: in powers of two.
pub fn binary_words(bytes: u64) -> String {
    let unit = binary_unit(bytes);
    format!("{} {}", in_binary(bytes, unit), BINARY[unit])
}

/// Index of the unit in which this many bytes are one to four digits.
pub fn binary_unit(bytes: u64) -> usize {
    let mut unit = 0;
    while bytes >> (10 * (unit + 1)) > 0 && unit + 1 < BINARY.len() {
        unit += 1;
    }
    unit
}

/// The number alone, with a digit behind the point where it is small.
pub fn in_binary(bytes: u64, unit: usize) -> String {
    let value = bytes as f64 / f64::from(1u32 << 10).powi(unit as i32);
    decimal(value, u32::from(value < 10.0))
}

/// Groups of three digits: `11 768`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        // Four digits read well without a gap.
        if i > 0 && digits.len() > 4 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if number < 0 { format!("−{out}") } else { out }
}

pub const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

/// Index in [`UNITS`] of the unit in which this many bytes are one to three digits.
pub fn unit_of(bytes: u64) -> usize {
    let mut unit = 0;
    let mut rest = bytes as f64;
    while rest >= 999.5 && unit + 1 < UNITS.len() {
        rest /= 1000.0;
        unit += 1;
    }
    unit
}

pub fn in_unit(bytes: f64, unit: usize) -> (f64, &'static str) {
    (bytes / 1000f64.powi(unit as i32), UNITS[unit])
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v >= 99.95 || v.fract() == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    decimal(value, decimals)
}

/// With so many digits behind the point and no zero at the end. In whole numbers: the standard library's formatting of
/// floats would be a large part of the page for nothing else.
pub fn decimal(value: f64, decimals: u32) -> String {
    let scale = 10i64.pow(decimals);
    let scaled = (value * scale as f64).round() as i64;
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, rest) = (scaled.abs() / scale, scaled.abs() % scale);
    match rest {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{rest:00$}", decimals as usize).trim_end_matches('0').to_owned(),
    }
}

/// A number and what there is of it, in words: `three layers`.
pub fn count(n: usize, thing: &str) -> String {
    const WORDS: [&str; 13] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let number = WORDS.get(n).map_or_else(|| n.to_string(), |word| (*word).to_owned());
    let plural = match thing {
        _ if n == 1 => "",
        thing if thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {thing}{plural}")
}

pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A place or a length in pixels, to a tenth.
#[derive(Clone, Copy, Debug)]
pub struct Px(pub f64);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&decimal(self.0, 1))
    }
}

/// A time of the world: `41.806 s`, `2 min 03.5 s`.
pub fn clock(ns: u64) -> String {
    let ms = ns / 1_000_000;
    match ms {
        0 if ns > 0 => format!("0.{:03} ms", ns / 1000),
        ms if ms < 120_000 => format!("{}.{:03} s", ms / 1000, ms % 1000),
        ms => format!("{} min {:02}.{} s", ms / 60_000, ms / 1000 % 60, ms / 100 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_a_unit() {
        let shown: Vec<String> = [0, 147, 999, 1000, 1220, 11_768, 204_000_000, 999_900].map(size_words).into();
        assert_eq!(shown, ["0 B", "147 B", "999 B", "1 kB", "1.22 kB", "11.8 kB", "204 MB", "1 MB"]);
        assert_eq!(grouped(11_768), "11\u{202f}768");
        assert_eq!(grouped(-1234), "−1234");
    }

    #[test]
    fn memory_is_said_in_powers_of_two() {
        let shown: Vec<String> =
            [0, 512, 4096, 1 << 20, 134_217_728, 54_525_952, 8_804_682_957].map(binary_words).into();
        assert_eq!(shown, ["0 B", "512 B", "4 KiB", "1 MiB", "128 MiB", "52 MiB", "8.2 GiB"]);
        assert_eq!(
            [count(1, "process"), count(2, "process"), count(14, "layer")],
            ["one process", "two processes", "14 layers"]
        );
    }

    #[test]
    fn lengths_have_a_tenth_at_the_most() {
        let shown: Vec<String> = [0.0, 12.0, 12.34, -0.04, -7.25, 0.96, 1280.05].map(|x| Px(x).to_string()).into();
        assert_eq!(shown, ["0", "12", "12.3", "0", "-7.3", "1", "1280.1"]);
    }

    #[test]
    fn the_clock_reads_in_seconds_then_minutes() {
        assert_eq!(clock(41_806_000_000), "41.806 s");
        assert_eq!(clock(123_500_000_000), "2 min 03.5 s");
        assert_eq!(clock(0), "0.000 s");
    }
}
