//! Seconds since the epoch as a date in UTC, by the proleptic Gregorian calendar.

/// A moment, broken down as by gmtime(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    /// From 1.
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// From Sunday, 0.
    pub weekday: u8,
}

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Date {
    pub fn of(seconds: i64) -> Date {
        let days = seconds.div_euclid(86_400);
        let rest = seconds.rem_euclid(86_400);
        // Days from 0000-03-01, in eras of 400 years: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Date {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * shifted + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
            weekday: small((days + 4).rem_euclid(7)),
        }
    }

    /// `Jun`
    pub fn month_name(&self) -> &'static str {
        MONTHS[usize::from(self.month).clamp(1, 12) - 1]
    }

    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS[usize::from(self.weekday % 7)]
    }

    /// From 1.
    pub fn day_of_year(&self) -> u32 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let month = usize::from(self.month).clamp(1, 12);
        before[month - 1] + u32::from(self.day) + u32::from(leap && month > 2)
    }
}

fn small(n: i64) -> u8 {
    u8::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_gmtime() {
        for (seconds, shown) in [
            (0, (1970, 1, 1, 0, 0, 0, 4)),
            (1_559_552_400, (2019, 6, 3, 9, 0, 0, 1)),
            (951_782_399, (2000, 2, 28, 23, 59, 59, 1)),
            (951_782_400, (2000, 2, 29, 0, 0, 0, 2)),
            (-1, (1969, 12, 31, 23, 59, 59, 3)),
        ] {
            let d = Date::of(seconds);
            assert_eq!((d.year, d.month, d.day, d.hour, d.minute, d.second, d.weekday), shown);
        }
    }
}
