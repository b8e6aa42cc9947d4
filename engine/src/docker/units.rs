//! Sizes and durations in words, as docker/go-units v0.4 says them.
//!
//! Integers only: the same text on every machine.

use crate::command::docker::human_size;
use crate::sim::{Nanos, SECOND};

/// units.HumanDuration: how `CREATED` and `STATUS` tell time.
pub(super) fn human_duration(ns: Nanos) -> String {
    const HOUR: u64 = 3_600;
    let seconds = ns / SECOND;
    let minutes = seconds / 60;
    // int(d.Hours() + 0.5)
    let hours = (seconds + HOUR / 2) / HOUR;
    match () {
        _ if seconds < 1 => "Less than a second".to_owned(),
        _ if seconds == 1 => "1 second".to_owned(),
        _ if seconds < 60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / HOUR / 24 / 365),
    }
}

/// units.HumanSizeWithPrecision(size, 3): the tables' sizes.
pub(super) fn size3(bytes: u64) -> String {
    human_size(bytes, 3)
}

/// units.HumanSize: four significant digits.
pub(super) fn size4(bytes: u64) -> String {
    human_size(bytes, 4)
}

/// RFC 3339 in UTC with nanoseconds, trailing zeros dropped, as Go's RFC3339Nano prints it.
pub(super) fn rfc3339_nano(epoch_s: i64, ns: u32) -> String {
    let mut text = civil(epoch_s, 'T');
    if ns > 0 {
        let fraction = format!("{ns:09}");
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// `2019-06-03 09:00:00 +0000 UTC`, as Go's time.Time prints itself.
pub(super) fn go_time(epoch_s: i64) -> String {
    format!("{} +0000 UTC", civil(epoch_s, ' '))
}

fn civil(epoch_s: i64, between: char) -> String {
    let (days, second) = (epoch_s.div_euclid(86_400), epoch_s.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}{between}{h:02}:{m:02}:{s:02}")
}

/// Days since 1970-01-01 as a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date_of(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Seconds since the epoch of an RFC 3339 date in UTC; what follows the seconds is not looked at.
pub(super) fn parse_rfc3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (h, m, s) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) * 86_400 + h * 3_600 + m * 60 + s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_units_says_them() {
        let cases: &[(u64, &str)] = &[
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (3_599, "59 minutes"),
            (3_600, "About an hour"),
            (5_400, "2 hours"),
            (47 * 3_600, "47 hours"),
            (48 * 3_600, "2 days"),
            (13 * 86_400, "13 days"),
            (14 * 86_400, "2 weeks"),
            (60 * 86_400, "2 months"),
            (730 * 86_400, "2 years"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds * SECOND), *text, "{seconds}");
        }
    }

    #[test]
    fn sizes_have_three_or_four_significant_digits() {
        let cases: &[(u64, &str, &str)] = &[
            (0, "0B", "0B"),
            (4, "4B", "4B"),
            (999, "999B", "999B"),
            (1_000, "1kB", "1kB"),
            (4_608, "4.61kB", "4.608kB"),
            (1_982_260, "1.98MB", "1.982MB"),
            (2_040_000, "2.04MB", "2.04MB"),
            (203_999_999, "204MB", "204MB"),
            (999_900, "1e+03kB", "999.9kB"),
        ];
        for (bytes, three, four) in cases {
            assert_eq!((size3(*bytes).as_str(), size4(*bytes).as_str()), (*three, *four));
        }
    }

    #[test]
    fn dates_go_there_and_back() {
        for text in ["2019-06-03T09:00:00Z", "1970-01-01T00:00:00Z", "2020-02-29T23:59:59Z", "1969-12-31T00:00:01Z"] {
            assert_eq!(parse_rfc3339(text).map(|s| rfc3339_nano(s, 0)).as_deref(), Some(text));
        }
        assert_eq!(rfc3339_nano(0, 120_000_000), "1970-01-01T00:00:00.12Z");
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
