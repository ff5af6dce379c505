//! When a key was made: an RFC 3339 date, kept as it was written and comparable as a moment.

/// A date or a date with time (RFC 3339 section 5.6); a date alone is its midnight in UTC.
#[derive(Clone, Debug)]
pub(super) struct Created {
    text: String,
    moment: (i64, u32),
}

impl Created {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), moment: moment(text)? })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn unix_seconds(&self) -> i64 {
        self.moment.0
    }

    pub(super) fn is_after(&self, other: &Self) -> bool {
        self.moment > other.moment
    }
}

/// Seconds since 1970 and nanoseconds.
fn moment(text: &str) -> Option<(i64, u32)> {
    let (date, time) = text.as_bytes().split_at_checked(10)?;
    let &[ref year @ .., b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let (year, month, day) = (number(year)?, number(&[m1, m2])?, number(&[d1, d2])?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_before(year, month, day) * 86_400;
    if time.is_empty() {
        return Some((midnight, 0));
    }
    let (clock, rest) = time.split_at_checked(9)?;
    let &[b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let (nanos, offset) = match rest {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, offset) = rest.split_at(digits);
            (nanoseconds(fraction)?, offset)
        }
        rest => (0, rest),
    };
    let ahead = match *offset {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ahead = hours * 3600 + minutes * 60;
            if sign == b'+' { ahead } else { -ahead }
        }
        _ => return None,
    };
    // Second 60 is a leap second.
    (hour < 24 && minute < 60 && second <= 60)
        .then_some((midnight + hour * 3600 + minute * 60 + second - ahead, nanos))
}

/// The value of 1 to 9 digits.
fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn nanoseconds(fraction: &[u8]) -> Option<u32> {
    let missing = u32::try_from(9_usize.checked_sub(fraction.len())?).ok()?;
    u32::try_from(number(fraction)? * 10_i64.pow(missing)).ok()
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar. The year is counted from March, so
/// that the leap day is its last day.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_moments() {
        for (text, expected) in [
            ("1970-01-01", (0, 0)),
            ("1970-01-01T00:00:00Z", (0, 0)),
            ("2000-02-29T23:59:59Z", (951_868_799, 0)),
            ("2026-03-01", (1_772_323_200, 0)),
            ("2026-03-01t01:02:03.25z", (1_772_326_923, 250_000_000)),
            ("2026-03-01T01:02:03+01:30", (1_772_321_523, 0)),
            ("2026-02-28T22:30:00-01:30", (1_772_323_200, 0)),
            ("0000-01-01", (-62_167_219_200, 0)),
            ("1990-12-31T23:59:60Z", (662_688_000, 0)),
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "today",
            "2026-3-1",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "1900-02-29",
            "2026-03-00",
            "2026/03/01",
            "+026-03-01",
            "2026-03-01T",
            "2026-03-01T01:02:03",
            "2026-03-01T24:00:00Z",
            "2026-03-01T01:60:00Z",
            "2026-03-01T01:02:61Z",
            "2026-03-01T01:02:03.Z",
            "2026-03-01T01:02:03.1234567890Z",
            "2026-03-01T01:02:03+24:00",
            "2026-03-01T01:02:03Z ",
            "2026-03-01 01:02:03Z",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
