//! Sizes as go-units prints them for people: decimal units, a fixed number of significant digits.

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// `units.HumanSizeWithPrecision`: 2048 with 4 digits is `2.048kB`. C's `%.4g`, so trailing zeros go.
pub fn human_size(bytes: u64, digits: u32) -> String {
    let mut unit = 0;
    let mut divisor: u64 = 1;
    while unit + 1 < UNITS.len() && bytes / divisor >= 1000 {
        divisor *= 1000;
        unit += 1;
    }
    let whole_digits = (bytes / divisor).to_string().len() as u32;
    let decimals = digits.saturating_sub(whole_digits);
    let scale = 10u128.pow(decimals);
    let scaled = (u128::from(bytes) * scale + u128::from(divisor) / 2) / u128::from(divisor);
    let (whole, fraction) = (scaled / scale, scaled % scale);
    let fraction = format!("{fraction:0width$}", width = decimals as usize);
    match fraction.trim_end_matches('0') {
        "" => format!("{whole}{}", UNITS[unit]),
        fraction => format!("{whole}.{fraction}{}", UNITS[unit]),
    }
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
