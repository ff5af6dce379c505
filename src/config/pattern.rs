//! Regular expressions (ECMA-262, as JSON Schema has them) for what [`super::scalar`] and the readers accept.
//!
//! Numbers with a range, durations, sizes and switches are exact. The others may accept more than the readers
//! do, never less: what an editor marks as wrong must be wrong.

use super::scalar::{DURATION_UNITS, SIZE_UNITS, SWITCH_WORDS};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The name of a listener, node, group or pool.
pub(super) const NAME: &str = "[A-Za-z0-9._-]{1,64}";

const OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const IPV6: &str = r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3})?";
const LABEL: &str = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const PORT: &str = ":0*[0-9]{1,5}";
/// A token (RFC 9110 section 5.6.2).
const TOKEN: &str = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";

/// `pattern` for the whole of a text.
pub(super) fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// The same, or a text with something from the environment in it.
pub(super) fn or_environment(pattern: &str) -> String {
    if pattern.is_empty() { r"\$\{".into() } else { format!(r"^(?:{pattern})$|\$\{{") }
}

/// Whole numbers from `least` to `most`, perhaps with zeros before them.
pub(super) fn number(least: u64, most: u64) -> String {
    format!("0*(?:{})", digits(least, most))
}

/// Whole numbers from `least` to `most` as they are usually written.
///
/// Each part is a row of numbers that share all digits but one and those behind it, such as `2[3-7][0-9]`.
pub(super) fn digits(least: u64, most: u64) -> String {
    let mut parts = Vec::new();
    let mut from = least;
    // All numbers of several lengths are one part.
    let whole = |length: u32| 10u64.pow(length - 1)..=10u64.pow(length) - 1;
    let lengths =
        (1..=18).filter(|length| *whole(*length).start() >= least.max(1) && *whole(*length).end() <= most);
    let lengths: Vec<u32> = lengths.collect();
    while from <= most {
        if let [first, .., last] = lengths[..]
            && from == *whole(first).start()
        {
            parts.push(format!("[1-9][0-9]{{{},{}}}", first - 1, last - 1));
            from = whole(last).end() + 1;
            continue;
        }
        // The row is as coarse as `from` is round, as long as it starts with a digit of its own and fits.
        let mut step = 1;
        while from >= step * 10 && from.is_multiple_of(step * 10) && from + (step * 10 - 1) <= most {
            step *= 10;
        }
        let first = from / step % 10;
        let fits = |last: &u64| from > 0 && from + (last - first + 1) * step - 1 <= most;
        let last = (first..=9).rev().find(fits).unwrap_or(first);
        let before = match from / step / 10 {
            0 => String::new(),
            digits => digits.to_string(),
        };
        let digit = if first == last { first.to_string() } else { format!("[{first}-{last}]") };
        let behind = match step.ilog10() {
            0 => String::new(),
            1 => "[0-9]".into(),
            count => format!("[0-9]{{{count}}}"),
        };
        parts.push(format!("{before}{digit}{behind}"));
        from += (last - first + 1) * step;
    }
    parts.join("|")
}

/// Durations from `least` to `most`, in each unit that has some.
pub(super) fn duration(least: Duration, most: Duration) -> String {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    with_units(milliseconds(least), milliseconds(most), &DURATION_UNITS)
}

/// Sizes from `least` to `most`, without a unit and in each unit that has some.
pub(super) fn size(least: u64, most: u64) -> String {
    format!("{}|{}", number(least, most), with_units(least, most, &SIZE_UNITS))
}

fn with_units(least: u64, most: u64, units: &[(&str, u64)]) -> String {
    let numbers = |(name, unit): &(&str, u64)| {
        let (least, most) = (least.div_ceil(*unit), most / unit);
        (least <= most).then(|| format!("{}{name}", number(least, most)))
    };
    units.iter().rev().filter_map(numbers).collect::<Vec<_>>().join("|")
}

/// The words for a switch, in any case.
pub(super) fn switch(on: bool) -> String {
    let words = SWITCH_WORDS.iter().filter(|(_, meaning)| *meaning == on);
    words.map(|(word, _)| any_case(word)).collect::<Vec<_>>().join("|")
}

/// A word in any case.
pub(super) fn any_case(word: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' => format!("[{}{letter}]", letter.to_ascii_uppercase()),
        _ => letter.to_string(),
    };
    word.chars().map(letter).collect()
}

fn ipv4() -> String {
    format!(r"{OCTET}(?:\.{OCTET}){{3}}")
}

/// A name of the DNS, before `behind`; its last label is no number.
fn dns(behind: &str) -> String {
    format!(r"(?:{LABEL}\.)*(?![0-9]+{behind}){LABEL}")
}

pub(super) fn host_name() -> String {
    dns("$")
}

/// An address and a port.
pub(super) fn socket_address() -> String {
    format!(r"(?:{}|\[{IPV6}(?:%[0-9]+)?\]){PORT}", ipv4())
}

/// A name or an address.
pub(super) fn host_or_ip() -> String {
    format!("{}|{IPV6}|{}", ipv4(), host_name())
}

/// The same for a machine: `0.0.0.0` and `::` are none.
pub(super) fn machine() -> String {
    format!(r"(?!0\.0\.0\.0$|::$)(?:{})", host_or_ip())
}

/// A name or an address as requests have it, perhaps with a port.
pub(super) fn host_and_port() -> String {
    format!(r"(?:{}|\[{IPV6}\]|{})(?:{PORT})?", ipv4(), dns("(?::|$)"))
}

/// What a route may say of hosts.
pub(super) fn host_pattern() -> String {
    format!(r"\*|(?:\*\.)?{}|{}|\[{IPV6}\]", host_name(), ipv4())
}

/// An address, perhaps with the length of a prefix.
pub(super) fn prefix() -> String {
    format!("{}(?:/{})?|{IPV6}(?:/{})?", ipv4(), number(0, 32), number(0, 128))
}

pub(super) fn token() -> String {
    TOKEN.into()
}

/// A method of HTTP that is no CONNECT.
pub(super) fn method() -> String {
    format!("(?!CONNECT$)(?!.*[a-z]){TOKEN}")
}

/// A path with a query.
pub(super) fn path_and_query() -> String {
    r#"/[!"$-~]*"#.into()
}

/// The path of a route.
pub(super) fn route_path() -> String {
    r"/|/(?!.*/$)[!$%&(-.0-9:;<=>/@A-Z\[\]^_`a-z{|}~]{1,511}".into()
}

/// The name of a route.
pub(super) fn route_name() -> String {
    r"[!#$%&(-.0-9:;<=>?/@A-Z\[\]^_`a-z{|}~]{1,1024}".into()
}

/// The path of a cookie.
pub(super) fn cookie_path() -> String {
    "/[!-:<-~]*".into()
}

/// The name of a field in any case; with an asterisk behind it, of every field that starts so.
fn field_name(name: &str) -> String {
    match name.strip_suffix('*') {
        Some(start) => format!("{}.*", any_case(start)),
        None => any_case(name),
    }
}

/// Visible ASCII, spaces and tabs.
pub(super) fn field_value() -> String {
    r"[\t -~]*".into()
}

/// The same without spaces and tabs around it (RFC 9110 section 5.5).
pub(super) fn trimmed_field_value() -> String {
    r"(?:[!-~](?:[\t -~]*[!-~])?)?".into()
}

/// A status or a range of them.
pub(super) fn statuses(accepted: RangeInclusive<u16>) -> String {
    let one = digits(u64::from(*accepted.start()), u64::from(*accepted.end()));
    format!("(?:{one})(?:-(?:{one}))?")
}

/// The name of a field that is none of `refused`.
pub(super) fn field_name_but<'n>(refused: impl Iterator<Item = &'n str>) -> String {
    let refused: Vec<String> = refused.map(field_name).collect();
    format!("(?!(?:{})$){TOKEN}", refused.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::scalar::{parse_boolean, parse_duration, parse_size};
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let schema = serde_json::json!({ "pattern": whole(pattern) });
        jsonschema::validator_for(&schema).unwrap().is_valid(&text.into())
    }

    #[test]
    fn rows_of_numbers_are_short() {
        for (least, most, expected) in [
            (0, 0, "0"),
            (1, 256, "[1-9][0-9]{0,1}|1[0-9]{2}|2[0-4][0-9]|25[0-6]"),
            (10, 100, "[1-9][0-9]|100"),
            (0, 1_000_000, "0|[1-9][0-9]{0,5}|1000000"),
        ] {
            assert_eq!(digits(least, most), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_the_range(least in 0u64..2000, length in 0u64..20_000, number in 0u64..25_000) {
            let pattern = self::number(least, least + length);
            let expected = (least..=least + length).contains(&number);
            prop_assert_eq!(matches(&pattern, &number.to_string()), expected, "{}", pattern);
        }

        #[test]
        fn durations_and_sizes_are_those_of_the_range(
            least in 0u64..5000, length in 0u64..10_000_000, number in 0u64..10_000, unit in "(ms|s|m|h|d|KiB|MiB|)",
        ) {
            let text = format!("{number}{unit}");
            let (from, to) = (Duration::from_millis(least), Duration::from_millis(least + length));
            let expected = parse_duration(&text).is_some_and(|it| (from..=to).contains(&it));
            prop_assert_eq!(matches(&duration(from, to), &text), expected);
            let expected = parse_size(&text).is_some_and(|it| (least..=least + length).contains(&it));
            prop_assert_eq!(matches(&size(least, least + length), &text), expected);
        }

        #[test]
        fn switches_are_the_words_for_them(text in "([oO][nN]|[oO][fF]{2}|[yY]es|[nN][oO]|TRUE|fAlse|0|x|)") {
            prop_assert_eq!(matches(&switch(true), &text), parse_boolean(&text) == Some(true));
            prop_assert_eq!(matches(&switch(false), &text), parse_boolean(&text) == Some(false));
        }
    }
}
