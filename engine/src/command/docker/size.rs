//! Sizes as go-units prints them for people: decimal units, a fixed number of significant digits.

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// `units.HumanSizeWithPrecision`: 2048 with 4 digits is `2.048kB`: `%.*g` of the size in the largest decimal unit that
/// keeps it at 1 or more.
pub fn human_size(bytes: u64, digits: u32) -> String {
    let mut unit = 0;
    let mut scale: u128 = 1;
    while u128::from(bytes) >= scale * 1000 && unit + 1 < UNITS.len() {
        scale *= 1000;
        unit += 1;
    }
    format!("{}{}", significant(u128::from(bytes), scale, digits), UNITS[unit])
}

/// `value / scale` below 1000 with this many significant digits, trailing zeros dropped (`%g`).
fn significant(value: u128, scale: u128, digits: u32) -> String {
    let whole_digits = (value / scale).max(1).ilog10() + 1;
    let decimals = digits.saturating_sub(whole_digits);
    let factor = 10u128.pow(decimals);
    let rounded = (value * factor + scale / 2) / scale;
    if rounded >= 10u128.pow(digits) && decimals == 0 {
        return format!("1e+{digits:02}");
    }
    let (whole, fraction) = (rounded / factor, rounded % factor);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = decimals as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_go_units_prints_them() {
        // units.HumanSize in size_test.go, and the sizes in Docker's own documentation.
        let cases = [
            (0, 4, "0B"),
            (999, 4, "999B"),
            (1000, 4, "1kB"),
            (1024, 4, "1.024kB"),
            (2048, 4, "2.048kB"),
            (1_000_000, 4, "1MB"),
            (1_048_576, 4, "1.049MB"),
            (3_420_000_000_000, 4, "3.42TB"),
            (1_236_000, 3, "1.24MB"),
            (203_000_000, 3, "203MB"),
            (12, 3, "12B"),
        ];
        for (bytes, digits, text) in cases {
            assert_eq!(human_size(bytes, digits), text);
        }
    }
}
